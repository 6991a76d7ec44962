//! The pickle of a state dict, protocol 2, as `torch.save` writes it: written only, so that
//! weights go back to PyTorch. Reading is [`super::pytorch`]'s.

use super::zip::Entry;
use super::{Checkpoint, CheckpointKind, RawTensor};
use crate::model::bytes::le_bytes;
use crate::model::is_counter;

/// Folder inside the archive.
const ROOT: &str = "archive";

/// Builds a pickle stream. Strings, floats and tuples are what a state dict needs; each method
/// pushes one value.
struct Pickle(Vec<u8>);

impl Pickle {
    fn new() -> Self {
        Self(vec![0x80, 2])
    }

    fn op(&mut self, op: u8) -> &mut Self {
        self.0.push(op);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.0.push(b'X');
        self.0.extend((text.len() as u32).to_le_bytes());
        self.0.extend(text.as_bytes());
        self
    }

    fn int(&mut self, v: i64) -> &mut Self {
        if let Ok(v) = i32::try_from(v) {
            self.0.push(b'J');
            self.0.extend(v.to_le_bytes());
        } else {
            // LONG1 with eight bytes of two's complement.
            self.0.extend([0x8a, 8]);
            self.0.extend(v.to_le_bytes());
        }
        self
    }

    fn float(&mut self, v: f64) -> &mut Self {
        self.0.push(b'G');
        self.0.extend(v.to_be_bytes());
        self
    }

    fn bool(&mut self, v: bool) -> &mut Self {
        self.op(if v { 0x88 } else { 0x89 })
    }

    fn none(&mut self) -> &mut Self {
        self.op(b'N')
    }

    fn global(&mut self, module: &str, name: &str) -> &mut Self {
        self.0.push(b'c');
        self.0.extend(format!("{module}\n{name}\n").as_bytes());
        self
    }

    fn ints(&mut self, values: impl IntoIterator<Item = i64>) -> &mut Self {
        self.op(b'(');
        for v in values {
            self.int(v);
        }
        self.op(b't')
    }

    /// An empty `OrderedDict`.
    fn ordered_dict(&mut self) -> &mut Self {
        self.global("collections", "OrderedDict").op(b')').op(b'R')
    }

    /// A tensor over the whole of storage `key`.
    fn tensor(&mut self, key: usize, shape: &[usize], long: bool) -> &mut Self {
        let count: usize = shape.iter().product();
        let stride = |at: usize| shape.iter().skip(at + 1).product::<usize>() as i64;
        self.global("torch._utils", "_rebuild_tensor_v2").op(b'(').op(b'(').text("storage");
        self.global("torch", if long { "LongStorage" } else { "FloatStorage" });
        self.text(&key.to_string()).text("cpu").int(count as i64).op(b't').op(b'Q').int(0);
        self.ints(shape.iter().map(|n| *n as i64)).ints((0..shape.len()).map(stride));
        // requires_grad, backward hooks.
        self.bool(false).ordered_dict().op(b't').op(b'R')
    }
}

/// The members of the archive.
pub(super) fn archive(checkpoint: &Checkpoint) -> Result<Vec<Entry>, String> {
    let tensors = checkpoint.in_order().ok_or("a tensor is missing")?;
    let mut p = Pickle::new();
    match checkpoint.kind {
        CheckpointKind::ObjectTower => state_dict(&mut p, &tensors),
        CheckpointKind::Fnac => official(&mut p, checkpoint, &tensors),
    }
    p.op(b'.');
    let entry =
        |name: &str, data: &[u8]| Entry { name: format!("{ROOT}/{name}"), data: data.to_vec() };
    let mut entries = vec![entry("data.pkl", &p.0), entry("byteorder", b"little")];
    for (key, (name, t)) in tensors.iter().enumerate() {
        let data: Vec<u8> = if is_counter(name) {
            t.data.iter().flat_map(|v| (*v as i64).to_le_bytes()).collect()
        } else {
            le_bytes(&t.data).into_owned()
        };
        entries.push(entry(&format!("data/{key}"), &data));
    }
    entries.push(entry("version", b"3\n"));
    Ok(entries)
}

fn state_dict(p: &mut Pickle, tensors: &[(&str, &RawTensor)]) {
    p.ordered_dict().op(b'(');
    for (key, (name, t)) in tensors.iter().enumerate() {
        p.text(name).tensor(key, &t.shape, is_counter(name));
    }
    p.op(b'u');
}

/// `{'model', 'optimizer', 'epoch', 'best_cIoU', 'best_Auc'}`.
fn official(p: &mut Pickle, checkpoint: &Checkpoint, tensors: &[(&str, &RawTensor)]) {
    let metric = |name: &str| checkpoint.card.metrics.get(name).copied().unwrap_or(0.0);
    p.op(b'}').op(b'(').text("model");
    state_dict(p, tensors);
    p.text("optimizer");
    let trained = |name: &str| !is_counter(name) && !name.contains(".running_");
    let parameters = tensors.iter().filter(|(name, _)| trained(name)).count();
    fresh_adam(p, parameters as i64);
    p.text("epoch").int(metric("epoch") as i64);
    p.text("best_cIoU").float(metric("best_cIoU"));
    p.text("best_Auc").float(metric("best_Auc")).op(b'u');
}

/// The state of an Adam that made no step yet, with the official settings: the official trainer
/// asks for one when it resumes.
fn fresh_adam(p: &mut Pickle, parameters: i64) {
    p.op(b'}').op(b'(').text("state").op(b'}').text("param_groups");
    p.op(b']').op(b'(').op(b'}').op(b'(');
    p.text("lr").float(1e-4).text("betas").op(b'(').float(0.9).float(0.999).op(b't');
    p.text("eps").float(1e-8).text("weight_decay").float(1e-4).text("amsgrad").bool(false);
    p.text("maximize").bool(false).text("foreach").none().text("capturable").bool(false);
    p.text("differentiable").bool(false).text("fused").none();
    p.text("decoupled_weight_decay").bool(false);
    p.text("params").op(b']').op(b'(');
    for i in 0..parameters {
        p.int(i);
    }
    p.op(b'e').op(b'u').op(b'e').op(b'u');
}

#[cfg(test)]
mod tests {
    use super::super::zip;
    use super::*;

    /// What `torch.save` writes for `numpy.float64(v)` in protocol 2.
    fn numpy_scalar(p: &mut Pickle, module: &str, v: f64) {
        p.global(module, "scalar").op(b'(').global("numpy", "dtype").op(b'(').text("f8");
        p.bool(false).bool(true).op(b't').op(b'R');
        // The state of the dtype, set by BUILD.
        p.op(b'(').int(3).text("<").none().none().none().int(-1).int(-1).int(0).op(b't').op(b'b');
        let latin1: String = v.to_le_bytes().iter().map(|b| char::from(*b)).collect();
        p.global("_codecs", "encode").op(b'(').text(&latin1).text("latin1").op(b't').op(b'R');
        p.op(b't').op(b'R');
    }

    #[test]
    fn numpy_scalars_beside_the_weights_are_passed_over() {
        for module in ["numpy.core.multiarray", "numpy._core.multiarray"] {
            let checkpoint = Checkpoint::formula(1, 2, "");
            let tensors = checkpoint.in_order().unwrap();
            let mut entries = archive(&checkpoint).unwrap();
            let mut p = Pickle::new();
            p.op(b'}').op(b'(').text("model");
            state_dict(&mut p, &tensors);
            p.text("epoch").int(12).text("best_cIoU");
            numpy_scalar(&mut p, module, 0.8312);
            p.text("best_Auc").float(0.25).op(b'u').op(b'.');
            entries[0].data = p.0;
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("best.pth");
            std::fs::write(&path, zip::archive(&entries).unwrap()).unwrap();
            let read = Checkpoint::read(&path).unwrap();
            assert_eq!(read.tensors, checkpoint.tensors);
            assert_eq!(read.card.metrics["epoch"], 12.0);
            assert_eq!(read.card.metrics["best_Auc"], 0.25);
            assert!(!read.card.metrics.contains_key("best_cIoU"));
            assert!(read.notes.iter().any(|n| n.contains("best_cIoU")), "{:?}", read.notes);
        }
    }

    #[test]
    fn a_storage_that_is_cut_short_is_named() {
        let mut entries = archive(&Checkpoint::formula(1, 2, "")).unwrap();
        let first = entries.iter_mut().find(|e| e.name.ends_with("data/0")).unwrap();
        first.data.truncate(first.data.len() - 4);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("short.pth");
        std::fs::write(&path, zip::archive(&entries).unwrap()).unwrap();
        let text = Checkpoint::read(&path).unwrap_err().to_string();
        assert!(text.contains("imgnet.conv1.weight"), "{text}");
    }

    #[test]
    fn tensors_that_claim_far_more_than_the_file_has_are_refused_before_they_are_read() {
        // The right names and shapes of a network of 24 GB, every value the same number.
        let config = crate::model::FnacConfig::new(1024, 8);
        let mut p = Pickle::new();
        p.ordered_dict().op(b'(');
        for spec in config.state_dict() {
            let zeros = vec![0; spec.shape.len()];
            p.text(&spec.name).global("torch._utils", "_rebuild_tensor_v2").op(b'(').op(b'(');
            p.text("storage").global("torch", "FloatStorage").text("0").text("cpu").int(1);
            p.op(b't').op(b'Q').int(0).ints(spec.shape.iter().map(|n| *n as i64)).ints(zeros);
            p.bool(false).ordered_dict().op(b't').op(b'R');
        }
        p.op(b'u').op(b'.');
        let entry = |name: &str, data| Entry { name: format!("a/{name}"), data };
        let entries = [entry("data.pkl", p.0), entry("data/0", vec![0; 4])];
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bomb.pth");
        std::fs::write(&path, zip::archive(&entries).unwrap()).unwrap();
        let text = Checkpoint::read(&path).unwrap_err().to_string();
        assert!(text.contains("claim"), "{text}");
    }

    #[test]
    fn a_pickle_that_nests_without_end_is_refused() {
        let mut p = Pickle::new();
        for _ in 0..1_000_000 {
            p.op(b']');
        }
        for _ in 1..1_000_000 {
            p.op(b'a');
        }
        p.op(b'.');
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep.pth");
        let entries = [Entry { name: "archive/data.pkl".into(), data: p.0 }];
        std::fs::write(&path, zip::archive(&entries).unwrap()).unwrap();
        assert!(Checkpoint::read(&path).is_err());
    }
}
