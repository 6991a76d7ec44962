//! SafeTensors, foreign and with this program's card.
//!
//! A file of ours may carry the state of a training run beside the network: a text in the metadata
//! and tensors whose names begin with [`BESIDE`]. Readers of the network pass it over.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use burn::tensor::{bf16, f16};
use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorView};

use super::read::{Contents, LazyTensor};
use super::{Beside, Checkpoint, CheckpointFormat, Precision, RawTensor};
use crate::model::bytes::le_bytes;
use crate::model::{CheckpointCard, CheckpointError, is_counter};

/// Largest file that is looked at: no network of this kind comes near it, and the file is read
/// whole.
const MAX_FILE_BYTES: u64 = 4 << 30;
/// Metadata key of the card, JSON.
const CARD: &str = "fnac_card";
/// Metadata key of the program's version.
const VERSION: &str = "fnac_version";
/// Metadata key of the text of [`Beside`].
const STATE: &str = "fnac_state";
/// Begin of the names of the tensors of [`Beside`].
const BESIDE: &str = "optimizer.";

/// The file's bytes.
fn bytes_of(path: &Path) -> Result<Arc<[u8]>, CheckpointError> {
    let failed = |source| CheckpointError::Read { path: path.to_owned(), source };
    let len = std::fs::metadata(path).map_err(failed)?.len();
    if len > MAX_FILE_BYTES {
        return Err(CheckpointError::Unreadable {
            path: path.to_owned(),
            cause: format!("{len} bytes are more than any network of this kind has"),
        });
    }
    Ok(std::fs::read(path).map_err(failed)?.into())
}

/// Where the data begins, and what the header says.
fn header_of(path: &Path, bytes: &[u8]) -> Result<(usize, Metadata), CheckpointError> {
    let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| {
        let cause = format!("SafeTensors: {e}");
        CheckpointError::Unreadable { path: path.to_owned(), cause }
    })?;
    Ok((8 + header, metadata))
}

/// What lies beside the network; `None` when nothing does.
pub(super) fn read_beside(path: &Path) -> Result<Option<Beside>, CheckpointError> {
    let bytes = bytes_of(path)?;
    let (data_at, metadata) = header_of(path, &bytes)?;
    let refuse = |cause: String| CheckpointError::Unreadable { path: path.to_owned(), cause };
    let Some(text) = metadata.metadata().as_ref().and_then(|m| m.get(STATE)) else {
        return Ok(None);
    };
    let mut beside = Beside { text: text.clone(), tensors: BTreeMap::new() };
    for (name, info) in metadata.tensors() {
        let Some(name) = name.strip_prefix(BESIDE) else { continue };
        let (from, to) = info.data_offsets;
        let data = bytes.get(data_at + from..data_at + to).unwrap_or_default();
        let data = f32_from_bytes(data, info.dtype).map_err(refuse)?;
        let tensor = RawTensor { shape: info.shape.clone(), data };
        beside.tensors.insert(name.to_owned(), tensor);
    }
    Ok(Some(beside))
}

pub(super) fn open(path: &Path) -> Result<Contents, CheckpointError> {
    of_bytes(path, bytes_of(path)?)
}

/// The same in memory; `path` is for messages.
pub(super) fn of_bytes(path: &Path, bytes: Arc<[u8]>) -> Result<Contents, CheckpointError> {
    let (data_at, metadata) = header_of(path, &bytes)?;
    let carries_state = metadata.metadata().as_ref().is_some_and(|m| m.contains_key(STATE));
    let mut tensors = HashMap::new();
    for (name, info) in metadata.tensors() {
        if carries_state && name.starts_with(BESIDE) {
            continue;
        }
        let (from, to) = info.data_offsets;
        let (bytes, dtype) = (bytes.clone(), info.dtype);
        tensors.insert(
            name,
            LazyTensor {
                shape: info.shape.clone(),
                bytes: (to - from) as u64,
                float: matches!(dtype, Dtype::F64 | Dtype::F32 | Dtype::F16 | Dtype::BF16),
                read: Box::new(move || {
                    let data = bytes.get(data_at + from..data_at + to).unwrap_or_default();
                    f32_from_bytes(data, dtype)
                }),
            },
        );
    }
    let mut notes = Vec::new();
    let text = metadata.metadata().as_ref().and_then(|m| m.get(CARD));
    let card = text.map(|text| {
        serde_json::from_str::<CheckpointCard>(text).unwrap_or_else(|e| {
            notes.push(format!("its card cannot be understood and was passed over: {e}"));
            CheckpointCard::default()
        })
    });
    let format = match card {
        Some(_) => CheckpointFormat::OwnSafetensors,
        None => CheckpointFormat::ForeignSafetensors,
    };
    Ok(Contents { format, tensors, card, metrics: BTreeMap::new(), notes })
}

/// Little-endian bytes to f32, one rounding per value.
fn f32_from_bytes(bytes: &[u8], dtype: Dtype) -> Result<Vec<f32>, String> {
    Ok(match dtype {
        Dtype::F32 => numbers(bytes, f32::from_le_bytes),
        Dtype::F64 => numbers(bytes, |b| f64::from_le_bytes(b) as f32),
        Dtype::F16 => numbers(bytes, |b| f16::from_le_bytes(b).to_f32()),
        Dtype::BF16 => numbers(bytes, |b| bf16::from_le_bytes(b).to_f32()),
        Dtype::I64 => numbers(bytes, |b| i64::from_le_bytes(b) as f32),
        Dtype::I32 => numbers(bytes, |b| i32::from_le_bytes(b) as f32),
        other => return Err(format!("its tensors are {other:?}, which no network here has")),
    })
}

fn numbers<const N: usize>(bytes: &[u8], from: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks::<N>().0.iter().map(|b| from(*b)).collect()
}

/// A tensor on its way into a file.
struct Entry<'a> {
    name: Cow<'a, str>,
    shape: &'a [usize],
    dtype: Dtype,
    bytes: Cow<'a, [u8]>,
}

/// The whole file: tensors in f32 or rounded (counters in i64), the card, and what lies beside.
pub(super) fn encode(
    checkpoint: &Checkpoint,
    precision: Precision,
    beside: Option<&Beside>,
) -> Result<Vec<u8>, String> {
    let mut entries = Vec::new();
    for (name, t) in checkpoint.in_order().ok_or("a tensor is missing")? {
        let (dtype, bytes) = if is_counter(name) {
            let counts = t.data.iter().flat_map(|v| (*v as i64).to_le_bytes());
            (Dtype::I64, Cow::Owned(counts.collect()))
        } else if precision == Precision::Half && t.shape.len() > 1 {
            (Dtype::F16, Cow::Owned(halved(name, &t.data)?))
        } else {
            (Dtype::F32, le_bytes(&t.data))
        };
        entries.push(Entry { name: Cow::Borrowed(name), shape: &t.shape, dtype, bytes });
    }
    for (name, t) in beside.iter().flat_map(|b| &b.tensors) {
        let name = Cow::Owned(format!("{BESIDE}{name}"));
        let bytes = le_bytes(&t.data);
        entries.push(Entry { name, shape: &t.shape, dtype: Dtype::F32, bytes });
    }
    let mut views = Vec::with_capacity(entries.len());
    for e in &entries {
        let view = TensorView::new(e.dtype, e.shape.to_vec(), &e.bytes);
        views.push((e.name.as_ref(), view.map_err(|e| e.to_string())?));
    }
    let card = serde_json::to_string(&checkpoint.card).map_err(|e| e.to_string())?;
    let mut metadata = HashMap::from([
        (CARD.to_owned(), card),
        (VERSION.to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        // What PyTorch users' tools look for.
        ("format".to_owned(), "pt".to_owned()),
    ]);
    metadata.extend(beside.map(|b| (STATE.to_owned(), b.text.clone())));
    safetensors::serialize(views, Some(metadata)).map_err(|e| e.to_string())
}

/// Values rounded to half precision, refused where one leaves its range.
fn halved(name: &str, data: &[f32]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(2 * data.len());
    for v in data {
        let half = f16::from_f32(*v);
        if !half.is_finite() {
            return Err(format!(
                "`{name}` holds {v}, which half precision cannot: write it without --half"
            ));
        }
        bytes.extend(half.to_le_bytes());
    }
    Ok(bytes)
}
