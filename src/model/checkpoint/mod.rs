//! Weights in memory, checked: the only thing from which a network is built.

mod formula;
mod pickle;
mod pytorch;
mod read;
mod safetensors;
mod zip;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{CheckpointCard, CheckpointError, FnacConfig};

/// A tensor of a checkpoint, widened or rounded to f32.
#[derive(Clone, Debug, PartialEq)]
pub struct RawTensor {
    /// Extents, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// Row-major values; their number is the product of the extents.
    pub data: Vec<f32>,
}

/// Which network a checkpoint holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointKind {
    /// The two towers (FNAC; EZ-VSL's are the same).
    Fnac,
    /// A plain ResNet-18, for the object prior.
    ObjectTower,
}

impl CheckpointKind {
    /// As shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fnac => "an FNAC network",
            Self::ObjectTower => "an object tower (ResNet-18)",
        }
    }
}

/// Where the weights came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointFormat {
    /// PyTorch 1.6 and later: a zip archive.
    PytorchZip,
    /// PyTorch before 1.6: a stream of pickles.
    PytorchLegacy,
    /// PyTorch before 0.1.10: a tar archive.
    PytorchTar,
    /// SafeTensors without this program's card.
    ForeignSafetensors,
    /// SafeTensors with this program's card.
    OwnSafetensors,
    /// No file: the weight formula.
    Formula,
}

impl CheckpointFormat {
    /// As shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::PytorchZip => "PyTorch (zip)",
            Self::PytorchLegacy => "PyTorch (before 1.6)",
            Self::PytorchTar => "PyTorch (before 0.1.10)",
            Self::ForeignSafetensors => "SafeTensors",
            Self::OwnSafetensors => "SafeTensors with card",
            Self::Formula => "formula",
        }
    }
}

/// How precisely a written file keeps its weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// As they are: 32 bits.
    #[default]
    Single,
    /// Kernels and matrices rounded to 16 bits; vectors (biases, BatchNorm) stay as they are.
    Half,
}

/// What a training run keeps in a file beside the network, to go on from there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beside {
    /// The run's own text.
    pub text: String,
    /// The run's own tensors.
    pub tensors: BTreeMap<String, RawTensor>,
}

/// A checkpoint that was read whole and fits its network: every tensor is there, in its shape,
/// with finite values.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Size of the network, inferred from the tensors.
    pub config: FnacConfig,
    /// What is known beyond the weights.
    pub card: CheckpointCard,
    /// By the official names, without any `module.`; the batch counters are included.
    pub tensors: BTreeMap<String, RawTensor>,
    /// Which network.
    pub kind: CheckpointKind,
    /// Where it came from.
    pub format: CheckpointFormat,
    /// Of the file, in hexadecimal; of the tensors where there is no file.
    pub sha256: String,
    /// The file.
    pub path: Option<PathBuf>,
    /// What was passed over or replaced while reading, for people.
    pub notes: Vec<String>,
}

impl Checkpoint {
    /// An FNAC network of this size from a whole state dict, as training makes them; the hash is
    /// that of the tensors.
    pub fn from_state(
        config: FnacConfig,
        card: CheckpointCard,
        mut tensors: BTreeMap<String, RawTensor>,
    ) -> Self {
        for spec in config.state_dict() {
            if super::is_counter(&spec.name) {
                let counter = RawTensor { shape: spec.shape, data: vec![0.0] };
                tensors.entry(spec.name).or_insert(counter);
            }
        }
        let sha256 = sha256_of_tensors(&tensors);
        Self {
            config,
            card,
            tensors,
            kind: CheckpointKind::Fnac,
            format: CheckpointFormat::OwnSafetensors,
            sha256,
            path: None,
            notes: Vec::new(),
        }
    }

    /// Reads and checks a checkpoint: official or EZ-VSL `.pth` (zip or older container, with or
    /// without `module.`, the optimizer beside it passed over), a bare state dict, torchvision's
    /// resnet18, SafeTensors with or without a card. Nothing in the file is executed.
    ///
    /// Blocks for as long as the disk takes; memory stays within a small multiple of the
    /// weights' size, whatever the file claims. `tau` is taken from a `configs.json` beside an
    /// official checkpoint where there is one.
    ///
    /// # Errors
    /// Names the tensor, the shape expected and the shape found where the file belongs to
    /// another network; see [`CheckpointError`].
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        read::read(path)
    }

    /// SafeTensors that are in memory already, checked like a file's; `name` stands for the file
    /// in messages.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn from_bytes(name: &Path, bytes: &[u8]) -> Result<Self, CheckpointError> {
        read::from_bytes(name, bytes)
    }

    /// Writes this program's SafeTensors with the card. The file appears whole or not at all.
    pub fn write_safetensors(&self, path: &Path) -> Result<(), CheckpointError> {
        self.write_safetensors_as(path, Precision::Single)
    }

    /// [`Self::write_safetensors`] with the weights in a precision.
    ///
    /// # Errors
    /// As there, and when a weight is too large for it.
    pub fn write_safetensors_as(
        &self,
        path: &Path,
        precision: Precision,
    ) -> Result<(), CheckpointError> {
        self.write_encoded(path, precision, None)
    }

    /// Writes a file that every reader takes for a plain checkpoint and that
    /// [`Self::read_beside`] gets the rest out of: one file, so that both are always of one step.
    ///
    /// # Errors
    /// As [`Self::write_safetensors`].
    pub fn write_with(&self, path: &Path, beside: &Beside) -> Result<(), CheckpointError> {
        self.write_encoded(path, Precision::Single, Some(beside))
    }

    /// What [`Self::write_with`] put beside the network; `None` when there is nothing.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read_beside(path: &Path) -> Result<Option<Beside>, CheckpointError> {
        safetensors::read_beside(path)
    }

    fn write_encoded(
        &self,
        path: &Path,
        precision: Precision,
        beside: Option<&Beside>,
    ) -> Result<(), CheckpointError> {
        let bytes = safetensors::encode(self, precision, beside)
            .map_err(|cause| CheckpointError::Unwritable { path: path.to_owned(), cause })?;
        write_whole(path, |file| file.write_all(&bytes))
    }

    /// Writes the official PyTorch layout (`{'model', 'optimizer', 'epoch', 'best_cIoU',
    /// 'best_Auc'}`, the optimizer fresh), or for an object tower torchvision's flat state dict.
    /// `torch.load(weights_only=True)` reads it. The file appears whole or not at all.
    pub fn write_pth(&self, path: &Path) -> Result<(), CheckpointError> {
        let unwritable =
            |cause: String| CheckpointError::Unwritable { path: path.to_owned(), cause };
        let entries = pickle::archive(self).map_err(unwritable)?;
        let bytes = zip::archive(&entries).map_err(unwritable)?;
        write_whole(path, |file| file.write_all(&bytes))
    }

    /// The tensors in the order of the official state dict. `None` when one is missing.
    fn in_order(&self) -> Option<Vec<(&str, &RawTensor)>> {
        let specs = match self.kind {
            CheckpointKind::Fnac => self.config.state_dict(),
            CheckpointKind::ObjectTower => self.config.object_state_dict(),
        };
        let entry = |name: &str| self.tensors.get_key_value(name).map(|(k, v)| (k.as_str(), v));
        specs.iter().map(|s| entry(&s.name)).collect()
    }
}

/// Writes to a temporary file beside `path`, flushes it to the disk and renames it.
fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut std::fs::File) -> std::io::Result<()>,
) -> Result<(), CheckpointError> {
    crate::files::write_whole_with(path, write)
        .map_err(|source| CheckpointError::Write { path: path.to_owned(), source })
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|b| format!("{b:02x}")).collect()
}

/// Stands in for a file's hash where there is no file.
fn sha256_of_tensors(tensors: &BTreeMap<String, RawTensor>) -> String {
    let mut hash = Sha256::new();
    for (name, tensor) in tensors {
        hash.update(name.as_bytes());
        hash.update(bytemuck::cast_slice::<f32, u8>(&tensor.data));
    }
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beside_the_network_comes_back_and_is_in_nobodys_way() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("last.safetensors");
        let c = Checkpoint::formula(2, 16, "");
        let moment = RawTensor { shape: vec![2, 3], data: vec![0.5, -1e-30, 3.0, 0.0, 1.0, 2.0] };
        let names = ["exp_avg.imgnet.conv1.weight", "exp_avg_sq.audnet.bn1.bias", "warm.head"];
        let beside = Beside {
            text: "{\"step\": 7}".into(),
            tensors: names.map(|n| (n.to_owned(), moment.clone())).into(),
        };
        c.write_with(&path, &beside).unwrap();
        let read = Checkpoint::read(&path).unwrap();
        assert_eq!((read.tensors, read.config), (c.tensors.clone(), c.config));
        assert_eq!(Checkpoint::read_beside(&path).unwrap(), Some(beside));
        c.write_safetensors(&path).unwrap();
        assert_eq!(Checkpoint::read_beside(&path).unwrap(), None);
        // Without a state such names are foreign and refused, as ever.
        let pth = dir.path().join("c.pth");
        c.write_pth(&pth).unwrap();
        assert!(Checkpoint::read_beside(&pth).is_err());
    }

    #[test]
    fn half_precision_halves_the_file_and_keeps_eleven_bits() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a.safetensors"), dir.path().join("b.safetensors"));
        let mut c = Checkpoint::formula(16, 128, "");
        c.write_safetensors(&a).unwrap();
        c.write_safetensors_as(&b, Precision::Half).unwrap();
        let size = |p: &Path| std::fs::metadata(p).unwrap().len();
        assert!(size(&b) < size(&a) * 11 / 20, "{} of {}", size(&b), size(&a));
        assert!(size(&b) < 4_000_000, "the shipped file's limit");
        let read = Checkpoint::read(&b).unwrap();
        for (name, t) in &c.tensors {
            for (got, want) in read.tensors[name].data.iter().zip(&t.data) {
                let limit = if t.shape.len() > 1 { want.abs() / 2048.0 + 3e-8 } else { 0.0 };
                assert!((got - want).abs() <= limit, "{name}: {got}, not {want}");
            }
        }
        if let Some(t) = c.tensors.get_mut("img_proj.weight") {
            t.data[3] = 1e6;
        }
        let refused = c.write_safetensors_as(&a, Precision::Half).unwrap_err().to_string();
        assert!(refused.contains("img_proj.weight") && refused.contains("--half"), "{refused}");
    }
}
