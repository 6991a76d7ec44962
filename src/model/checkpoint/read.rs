//! From named tensors of any file to a checked [`Checkpoint`].

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Checkpoint, CheckpointFormat, CheckpointKind, RawTensor, hex};
use crate::model::{CheckpointCard, CheckpointError, FnacConfig, TensorSpec, is_counter};

/// Wider networks than this do not exist; a file that claims one is damaged.
const MAX_WIDTH: usize = 1024;
/// Longer embeddings than this do not exist.
const MAX_DIM: usize = 16_384;
/// More blocks in a stage do not exist.
const MAX_BLOCKS: usize = 64;
/// A file's tensors may hold this many times its bytes (compressed archives, shared storages).
const MAX_INFLATION: u64 = 16;
/// Largest `configs.json` that is looked at.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// A tensor that was not read yet.
pub(super) struct LazyTensor {
    pub shape: Vec<usize>,
    /// Bytes it will take from the file.
    pub bytes: u64,
    /// False for integers and booleans, which no weight is.
    pub float: bool,
    pub read: Box<dyn Fn() -> Result<Vec<f32>, String>>,
}

/// What a reader of a container hands over.
pub(super) struct Contents {
    pub format: CheckpointFormat,
    pub tensors: HashMap<String, LazyTensor>,
    /// The card, where the file carries one.
    pub card: Option<CheckpointCard>,
    pub metrics: BTreeMap<String, f64>,
    pub notes: Vec<String>,
}

/// What is known about the file beside its content.
struct Origin<'a> {
    /// The file, or what stands for it in messages.
    path: &'a Path,
    /// Its bytes.
    bytes: u64,
    sha256: String,
    on_disk: bool,
}

/// Opens the container and gives its unread tensors.
fn open(path: &Path) -> Result<Contents, CheckpointError> {
    let failed = |source| CheckpointError::Read { path: path.to_owned(), source };
    let meta = std::fs::metadata(path).map_err(failed)?;
    let unreadable = |cause: &str| CheckpointError::Unreadable {
        path: path.to_owned(),
        cause: cause.to_owned(),
    };
    if meta.is_dir() {
        return Err(unreadable("it is a folder"));
    }
    if !meta.is_file() {
        return Err(unreadable("it is no regular file"));
    }
    if meta.len() == 0 {
        return Err(unreadable("it is empty"));
    }
    let mut head = Vec::new();
    File::open(path).and_then(|f| f.take(9).read_to_end(&mut head)).map_err(failed)?;
    // The content decides, not the name: a SafeTensors file is a length and a JSON object.
    if head.get(8) == Some(&b'{') {
        super::safetensors::open(path)
    } else {
        super::pytorch::open(path)
    }
}

pub(super) fn read(path: &Path) -> Result<Checkpoint, CheckpointError> {
    let contents = open(path)?;
    let bytes = std::fs::metadata(path).map_or(0, |m| m.len());
    finish(contents, &Origin { path, bytes, sha256: sha256_of_file(path)?, on_disk: true })
}

/// SafeTensors in memory; `name` stands for the file in messages.
pub(super) fn from_bytes(name: &Path, bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
    let contents = super::safetensors::of_bytes(name, bytes.into())?;
    let sha256 = hex(&Sha256::digest(bytes));
    finish(contents, &Origin { path: name, bytes: bytes.len() as u64, sha256, on_disk: false })
}

fn finish(contents: Contents, origin: &Origin<'_>) -> Result<Checkpoint, CheckpointError> {
    let path = origin.path;
    let Contents { format, tensors, card, metrics, mut notes } = contents;
    let (kind, prefix) = find_network(&tensors).ok_or_else(|| {
        let mut names: Vec<_> = tensors.keys().map(String::as_str).collect();
        names.sort_unstable();
        let found = match names.as_slice() {
            [] => "there is no tensor in it".to_owned(),
            _ => format!(
                "its {} tensors have names like `{}`",
                names.len(),
                names.iter().take(3).copied().collect::<Vec<_>>().join("`, `")
            ),
        };
        CheckpointError::OtherContent { path: path.to_owned(), found }
    })?;
    let mut tensors: HashMap<String, LazyTensor> = tensors
        .into_iter()
        .filter_map(|(name, t)| name.strip_prefix(&prefix).map(|n| (n.to_owned(), t)))
        .collect();
    if prefix.ends_with("module.") {
        notes.push("the prefix `module.` (several GPUs in training) was taken off".into());
    }
    let config = config_of(path, kind, &tensors)?;
    let specs = match kind {
        CheckpointKind::Fnac => config.state_dict(),
        CheckpointKind::ObjectTower => config.object_state_dict(),
    };
    if kind == CheckpointKind::ObjectTower {
        let head = tensors.extract_if(|name, _| name.starts_with("fc.")).count();
        if head > 0 {
            notes.push("the classifier `fc` is not used".into());
        }
    }
    check_keys(path, &specs, &tensors)?;
    check_shapes(path, config, &specs, &tensors)?;
    check_size(path, origin.bytes, &tensors)?;
    let (tensors, counters) = read_all(path, &specs, &tensors)?;
    if counters > 0 {
        notes.push(format!("{counters} batch counters are absent and count as 0"));
    }
    let mut card = card.unwrap_or_else(|| {
        let mut card = CheckpointCard::default();
        if origin.on_disk {
            side_file(path, &mut card, &mut notes);
        }
        card
    });
    card.metrics.extend(metrics);
    card.sanitise(&mut notes);
    if card.name.is_empty() {
        card.name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    }
    Ok(Checkpoint {
        config,
        card,
        tensors,
        kind,
        format,
        sha256: origin.sha256.clone(),
        path: origin.on_disk.then(|| path.to_owned()),
        notes,
    })
}

/// Where in the file a network lies: its kind and what stands before its tensors' names
/// (`model.`, `model.module.`, `state_dict.`, nothing).
fn find_network<T>(tensors: &HashMap<String, T>) -> Option<(CheckpointKind, String)> {
    let marks = |kind| -> &[&str] {
        match kind {
            CheckpointKind::Fnac => &["imgnet.", "audnet.", "img_proj.", "aud_proj."],
            CheckpointKind::ObjectTower => &["conv1.", "bn1.", "layer1.0.", "layer4.1."],
        }
    };
    [CheckpointKind::Fnac, CheckpointKind::ObjectTower].into_iter().find_map(|kind| {
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for name in tensors.keys() {
            let starts = std::iter::once(0).chain(name.match_indices('.').map(|(i, _)| i + 1));
            for at in starts {
                if marks(kind).iter().any(|m| name[at..].starts_with(m)) {
                    *votes.entry(&name[..at]).or_default() += 1;
                    break;
                }
            }
        }
        // A single tensor of such a name is a coincidence.
        let best =
            votes.into_iter().max_by_key(|(prefix, n)| (*n, std::cmp::Reverse(prefix.len())));
        best.filter(|(_, n)| *n > 1).map(|(prefix, _)| (kind, prefix.to_owned()))
    })
}

/// Width and dimension from the tensors; what they do not say is the official network's.
fn config_of(
    path: &Path,
    kind: CheckpointKind,
    tensors: &HashMap<String, LazyTensor>,
) -> Result<FnacConfig, CheckpointError> {
    let first_of = |names: &[&str], max: usize| {
        for name in names {
            let Some(t) = tensors.get(*name) else { continue };
            let n = t.shape.first().copied().unwrap_or(0);
            if n == 0 || n > max {
                return Err(CheckpointError::Value {
                    path: path.to_owned(),
                    tensor: (*name).to_owned(),
                    problem: format!("has the impossible shape {:?}", t.shape),
                });
            }
            return Ok(Some(n));
        }
        Ok(None)
    };
    let official = FnacConfig::OFFICIAL;
    match kind {
        CheckpointKind::Fnac => {
            let trunk = ["imgnet.conv1.weight", "imgnet.bn1.weight", "audnet.conv1.weight"];
            let head = ["img_proj.weight", "img_proj.bias", "aud_proj.weight"];
            Ok(FnacConfig {
                width: first_of(&trunk, MAX_WIDTH)?.unwrap_or(official.width),
                dim: first_of(&head, MAX_DIM)?.unwrap_or(official.dim),
                depth: depth_of(tensors, &["imgnet.", "audnet."]),
            })
        }
        CheckpointKind::ObjectTower => {
            let width = first_of(&["conv1.weight", "bn1.weight"], MAX_WIDTH)?;
            let width = width.unwrap_or(official.width);
            Ok(FnacConfig { width, dim: 8 * width, depth: depth_of(tensors, &[""]) })
        }
    }
}

/// Blocks of each stage, from the highest number in the tensors' names; a stage without any is
/// taken to have a ResNet-18's, so that its tensors are listed as missing.
fn depth_of(tensors: &HashMap<String, LazyTensor>, prefixes: &[&str]) -> [usize; 4] {
    std::array::from_fn(|stage| {
        let block = |name: &String| {
            let name = prefixes.iter().find_map(|p| name.strip_prefix(p))?;
            let rest = name.strip_prefix(&format!("layer{}.", stage + 1))?;
            rest.split('.').next()?.parse().ok().filter(|b: &usize| *b < MAX_BLOCKS)
        };
        let highest = tensors.keys().filter_map(block).max();
        highest.map_or(FnacConfig::OFFICIAL.depth[stage], |b| b + 1)
    })
}

fn check_keys(
    path: &Path,
    specs: &[TensorSpec],
    tensors: &HashMap<String, LazyTensor>,
) -> Result<(), CheckpointError> {
    let missing: Vec<_> = specs
        .iter()
        .filter(|s| !is_counter(&s.name) && !tensors.contains_key(&s.name))
        .map(|s| s.name.clone())
        .collect();
    let known: std::collections::HashSet<_> = specs.iter().map(|s| s.name.as_str()).collect();
    let mut extra: Vec<_> =
        tensors.keys().filter(|n| !known.contains(n.as_str())).cloned().collect();
    extra.sort_unstable();
    if missing.is_empty() && extra.is_empty() {
        return Ok(());
    }
    Err(CheckpointError::Keys { path: path.to_owned(), missing, extra })
}

fn check_shapes(
    path: &Path,
    config: FnacConfig,
    specs: &[TensorSpec],
    tensors: &HashMap<String, LazyTensor>,
) -> Result<(), CheckpointError> {
    for spec in specs {
        let Some(t) = tensors.get(&spec.name) else { continue };
        // Some old files keep their counters as one-element vectors.
        let counter = is_counter(&spec.name) && t.shape.iter().product::<usize>() == 1;
        if t.shape != spec.shape && !counter {
            return Err(CheckpointError::Shape {
                path: path.to_owned(),
                tensor: spec.name.clone(),
                expected: spec.shape.clone(),
                found: t.shape.clone(),
                basis: format!("width {}, dimension {}", config.width, config.dim),
            });
        }
        if !t.float && !is_counter(&spec.name) {
            return Err(CheckpointError::Value {
                path: path.to_owned(),
                tensor: spec.name.clone(),
                problem: "holds integers, not weights".into(),
            });
        }
    }
    Ok(())
}

/// A few kilobytes can claim any number of elements (views without a stride, deflated zeros):
/// refused before anything of that size is allocated.
fn check_size(
    path: &Path,
    held: u64,
    tensors: &HashMap<String, LazyTensor>,
) -> Result<(), CheckpointError> {
    let claimed = tensors.values().fold(0u64, |sum, t| sum.saturating_add(t.bytes));
    if claimed > held.saturating_mul(MAX_INFLATION) {
        return Err(CheckpointError::Unreadable {
            path: path.to_owned(),
            cause: format!("its tensors claim {claimed} bytes, the file has {held}"),
        });
    }
    Ok(())
}

/// Reads every tensor; the second value is the number of absent counters.
fn read_all(
    path: &Path,
    specs: &[TensorSpec],
    lazy: &HashMap<String, LazyTensor>,
) -> Result<(BTreeMap<String, RawTensor>, usize), CheckpointError> {
    let mut tensors = BTreeMap::new();
    let mut absent = 0;
    for spec in specs {
        let count: usize = spec.shape.iter().product();
        let data = match lazy.get(&spec.name) {
            None => {
                absent += 1;
                vec![0.0; count]
            }
            Some(t) => (t.read)()
                .map_err(|cause| CheckpointError::Unreadable { path: path.to_owned(), cause })?,
        };
        check_values(path, &spec.name, &data, count)?;
        tensors.insert(spec.name.clone(), RawTensor { shape: spec.shape.clone(), data });
    }
    Ok((tensors, absent))
}

fn check_values(
    path: &Path,
    name: &str,
    data: &[f32],
    count: usize,
) -> Result<(), CheckpointError> {
    let refuse = |problem| {
        Err(CheckpointError::Value { path: path.to_owned(), tensor: name.to_owned(), problem })
    };
    if data.len() != count {
        return refuse(format!("holds {} values instead of {count}", data.len()));
    }
    if let Some(i) = data.iter().position(|v| !v.is_finite()) {
        return refuse(format!("holds {} at place {i}", data[i]));
    }
    if name.ends_with("running_var")
        && let Some(i) = data.iter().position(|v| *v < 0.0)
    {
        return refuse(format!("holds the negative variance {} at place {i}", data[i]));
    }
    Ok(())
}

/// `configs.json` as official runs write it beside their checkpoints.
#[derive(Deserialize)]
struct OfficialRun {
    tau: Option<f64>,
    trainset: Option<String>,
    experiment_name: Option<String>,
}

fn side_file(path: &Path, card: &mut CheckpointCard, notes: &mut Vec<String>) {
    let side = path.with_file_name("configs.json");
    let small = std::fs::metadata(&side).is_ok_and(|m| m.is_file() && m.len() <= MAX_CONFIG_BYTES);
    if !small {
        return;
    }
    let run = std::fs::read(&side).ok().and_then(|b| serde_json::from_slice(&b).ok());
    let Some(OfficialRun { tau, trainset, experiment_name }) = run else {
        notes.push("`configs.json` beside it could not be understood and was passed over".into());
        return;
    };
    if let Some(tau) = tau.map(|t| t as f32).filter(|t| t.is_finite() && *t > 0.0) {
        card.tau = tau;
        notes.push(format!("tau {tau} is taken from `configs.json`"));
    }
    card.lineage.extend(trainset.map(|t| ("trainset".to_owned(), t)));
    card.lineage.extend(experiment_name.map(|t| ("experiment".to_owned(), t)));
}

fn sha256_of_file(path: &Path) -> Result<String, CheckpointError> {
    let failed = |source| CheckpointError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 1 << 16];
    loop {
        let n = file.read(&mut block).map_err(failed)?;
        match block.get(..n) {
            None | Some([]) => return Ok(hex(&hash.finalize())),
            Some(bytes) => hash.update(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> HashMap<String, ()> {
        list.iter().map(|n| ((*n).to_owned(), ())).collect()
    }

    #[test]
    fn a_network_is_found_behind_any_prefix() {
        use CheckpointKind::{Fnac, ObjectTower};
        for (list, want) in [
            (&["imgnet.conv1.weight", "audnet.bn1.bias"][..], Some((Fnac, ""))),
            (
                &["model.module.imgnet.a", "model.module.img_proj.b", "x"],
                Some((Fnac, "model.module.")),
            ),
            (&["conv1.weight", "bn1.bias", "fc.weight"], Some((ObjectTower, ""))),
            (
                &["state_dict.conv1.weight", "state_dict.bn1.bias"],
                Some((ObjectTower, "state_dict.")),
            ),
            (&["encoder.weight", "decoder.weight"], None),
            (&["imgnet.x", "y"], None),
            (&[], None),
        ] {
            let found = find_network(&names(list));
            assert_eq!(found.as_ref().map(|(k, p)| (*k, p.as_str())), want, "{list:?}");
        }
    }
}
