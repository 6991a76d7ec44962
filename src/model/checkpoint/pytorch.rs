//! PyTorch's containers, through burn's own pickle reader: it parses and never executes.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use burn::store::pytorch_reader::{
    DType, FileFormat, PickleValue, PytorchError, PytorchReader, Tensor,
};
use burn::tensor::{bf16, f16};

use super::CheckpointFormat;
use super::read::{Contents, LazyTensor};
use crate::model::CheckpointError;

/// Numbers an official checkpoint holds beside its weights.
const METRICS: [&str; 3] = ["epoch", "best_cIoU", "best_Auc"];

pub(super) fn open(path: &Path) -> Result<Contents, CheckpointError> {
    let refuse = |e: PytorchError| match e {
        PytorchError::Io(source) if source.kind() != std::io::ErrorKind::InvalidData => {
            // A truncated stream ends early; that is the file's fault, not the disk's.
            if source.kind() == std::io::ErrorKind::UnexpectedEof {
                CheckpointError::Unreadable {
                    path: path.to_owned(),
                    cause: "it ends too early".into(),
                }
            } else {
                CheckpointError::Read { path: path.to_owned(), source }
            }
        }
        other => CheckpointError::Unreadable { path: path.to_owned(), cause: other.to_string() },
    };
    let reader = PytorchReader::new(path).map_err(refuse)?;
    let format = match reader.metadata().format_type {
        FileFormat::Zip => CheckpointFormat::PytorchZip,
        FileFormat::Tar => CheckpointFormat::PytorchTar,
        FileFormat::Legacy | FileFormat::Pickle => CheckpointFormat::PytorchLegacy,
    };
    let tensors = reader.into_tensors().into_iter().map(|(name, t)| (name, lazy(t))).collect();
    let mut notes = Vec::new();
    let metrics = metrics(path, &mut notes);
    Ok(Contents { format, tensors, card: None, metrics, notes })
}

/// Epoch and best scores. They are Python floats until a first best is set and numpy scalars
/// afterwards, which the reader knows but does not unpack.
fn metrics(path: &Path, notes: &mut Vec<String>) -> BTreeMap<String, f64> {
    let Ok(PickleValue::Dict(root)) = PytorchReader::read_pickle_data(path, None) else {
        return BTreeMap::new();
    };
    let root: HashMap<_, _> = root;
    let mut found = BTreeMap::new();
    for key in METRICS {
        let value = match root.get(key) {
            Some(PickleValue::Int(v)) => Some(*v as f64),
            Some(PickleValue::Float(v)) => Some(*v),
            Some(PickleValue::Unsupported(kind)) => {
                notes.push(format!("`{key}` is a {kind} and was passed over"));
                None
            }
            _ => None,
        };
        found.extend(value.map(|v| (key.to_owned(), v)));
    }
    if root.contains_key("optimizer") {
        notes.push("the optimizer's state beside the weights is not used".into());
    }
    found
}

fn lazy(tensor: Tensor) -> LazyTensor {
    let dtype = tensor.dtype();
    LazyTensor {
        shape: tensor.shape().to_vec(),
        bytes: tensor.byte_len() as u64,
        float: matches!(dtype, DType::F64 | DType::F32 | DType::F16 | DType::BF16),
        read: Box::new(move || {
            let bytes = tensor.read().map_err(|e| e.to_string())?;
            Ok(f32_from_bytes(&bytes, dtype))
        }),
    }
}

/// Native-endian bytes to f32, one rounding per value.
fn f32_from_bytes(bytes: &[u8], dtype: DType) -> Vec<f32> {
    match dtype {
        DType::F32 => numbers(bytes, f32::from_ne_bytes),
        DType::F64 => numbers(bytes, |b| f64::from_ne_bytes(b) as f32),
        DType::F16 => numbers(bytes, |b| f16::from_ne_bytes(b).to_f32()),
        DType::BF16 => numbers(bytes, |b| bf16::from_ne_bytes(b).to_f32()),
        DType::I64 => numbers(bytes, |b| i64::from_ne_bytes(b) as f32),
        DType::I32 => numbers(bytes, |b| i32::from_ne_bytes(b) as f32),
        DType::I16 => numbers(bytes, |b| f32::from(i16::from_ne_bytes(b))),
        DType::I8 => numbers(bytes, |b| f32::from(i8::from_ne_bytes(b))),
        DType::U64 => numbers(bytes, |b| u64::from_ne_bytes(b) as f32),
        DType::U32 => numbers(bytes, |b| u32::from_ne_bytes(b) as f32),
        DType::U16 => numbers(bytes, |b| f32::from(u16::from_ne_bytes(b))),
        DType::U8 | DType::Bool => numbers(bytes, |[b]: [u8; 1]| f32::from(b)),
    }
}

fn numbers<const N: usize>(bytes: &[u8], from: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks::<N>().0.iter().map(|b| from(*b)).collect()
}
