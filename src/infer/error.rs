//! What can go wrong between a picture, a sound and a map.

use crate::media::MediaError;
use crate::model::ModelError;

/// Errors of this room.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    /// The network or its device.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The file.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The sound window has too few samples for a spectrogram.
    #[error("a sound of {samples} samples is too short for a spectrogram (512 are needed)")]
    SoundTooShort {
        /// Samples there were.
        samples: usize,
    },
    /// The network answered with not-a-number or another shape.
    #[error(
        "the network on {device} answered with numbers that are no map; use another device or checkpoint"
    )]
    BadAnswer {
        /// Where it ran.
        device: String,
    },
    /// A fine map of a factor that there is not.
    #[error("fine maps have 2 or 4 shifts per axis, not {0}")]
    FineFactor(u8),
    /// A thread could not be started.
    #[error("cannot start the thread {name}: {source}")]
    Thread {
        /// Its name.
        name: &'static str,
        /// Cause.
        source: std::io::Error,
    },
}
