//! SafeTensors, foreign and with this program's card.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use burn::tensor::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::read::{Contents, LazyTensor};
use super::{Checkpoint, CheckpointFormat, RawTensor};
use crate::model::bytes::le_bytes;
use crate::model::{CheckpointCard, CheckpointError, is_counter};

/// Largest file that is looked at: no network of this kind comes near it, and the file is read
/// whole.
const MAX_FILE_BYTES: u64 = 4 << 30;
/// Metadata key of the card, JSON.
const CARD: &str = "fnac_card";
/// Metadata key of the program's version.
const VERSION: &str = "fnac_version";

pub(super) fn open(path: &Path) -> Result<Contents, CheckpointError> {
    let failed = |source| CheckpointError::Read { path: path.to_owned(), source };
    let refuse = |cause: String| CheckpointError::Unreadable { path: path.to_owned(), cause };
    let len = std::fs::metadata(path).map_err(failed)?.len();
    if len > MAX_FILE_BYTES {
        return Err(refuse(format!("{len} bytes are more than any network of this kind has")));
    }
    of_bytes(path, std::fs::read(path).map_err(failed)?.into())
}

/// The same in memory; `path` is for messages.
pub(super) fn of_bytes(path: &Path, bytes: Arc<[u8]>) -> Result<Contents, CheckpointError> {
    let refuse = |cause: String| CheckpointError::Unreadable { path: path.to_owned(), cause };
    let invalid = |e: safetensors::SafeTensorError| refuse(format!("SafeTensors: {e}"));
    let (header, metadata) = SafeTensors::read_metadata(&bytes).map_err(invalid)?;
    let data_at = 8 + header;
    let mut tensors = HashMap::new();
    for (name, info) in metadata.tensors() {
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

/// The whole file: tensors in f32 (counters in i64) and the card.
pub(super) fn encode(checkpoint: &Checkpoint) -> Result<Vec<u8>, String> {
    let ordered = checkpoint.in_order().ok_or("a tensor is missing")?;
    let bytes: Vec<(&str, &RawTensor, Dtype, Cow<'_, [u8]>)> = ordered
        .into_iter()
        .map(|(name, t)| {
            if is_counter(name) {
                let counts = t.data.iter().flat_map(|v| (*v as i64).to_le_bytes());
                (name, t, Dtype::I64, Cow::Owned(counts.collect()))
            } else {
                (name, t, Dtype::F32, le_bytes(&t.data))
            }
        })
        .collect();
    let mut views = Vec::with_capacity(bytes.len());
    for (name, t, dtype, data) in &bytes {
        let view = TensorView::new(*dtype, t.shape.clone(), data).map_err(|e| e.to_string())?;
        views.push((*name, view));
    }
    let card = serde_json::to_string(&checkpoint.card).map_err(|e| e.to_string())?;
    let metadata = HashMap::from([
        (CARD.to_owned(), card),
        (VERSION.to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        // What PyTorch users' tools look for.
        ("format".to_owned(), "pt".to_owned()),
    ]);
    safetensors::serialize(views, Some(metadata)).map_err(|e| e.to_string())
}
