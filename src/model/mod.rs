//! The network: FNAC in burn and rten, its checkpoints and cards.
//!
//! Owns the weights (reading, checking, writing), the layers, and the two engines that run
//! them; never knows data sets, files of media or windows. Start with [`Checkpoint::read`] for
//! the life of a file and with [`Towers`] for the life of an embedding.

mod builtin;
mod burn_towers;
mod bytes;
mod card;
mod checkpoint;
mod config;
mod devices;
mod error;
mod fold;
mod network;
mod norm;
mod object;
mod onnx;
mod params;
mod rten_towers;
mod stem;
mod towers;
pub mod trial;

pub use builtin::{BUILTIN, BUILTIN_NAME, builtin, read_or_builtin};
pub use burn_towers::BurnTowers;
pub use card::{CheckpointCard, PREPROCESSING};
pub use checkpoint::{Beside, Checkpoint, CheckpointFormat, CheckpointKind, Precision, RawTensor};
pub use config::{FnacConfig, TensorSpec, is_counter};
pub use devices::{
    AdapterKind, DeviceChoice, DeviceInfo, OpenStep, OpenedTowers, TrainingDevice, candidates,
    list_devices, open_cpu, open_gpu, open_towers, training_devices,
};
pub use error::{CheckpointError, ModelError};
pub use fold::{FoldedConv, FoldedFnac, FoldedTrunk};
pub use network::{Fnac, NormStatistics, Trunk};
pub use object::ObjectTower;
pub use params::ParamVisitor;
pub use rten_towers::RtenTowers;
pub use towers::{AudioEmbedding, ImageEmbedding, Towers, cosine_map};
pub use trial::{TrialStore, Verdict};
