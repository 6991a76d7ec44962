//! What the worker is doing, as the window shows it.

use std::sync::{Arc, Mutex, PoisonError};

/// State of the model in the worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InferState {
    /// No checkpoint is loaded.
    #[default]
    NoModel,
    /// A device is tried in a child process, because this machine has not used it before.
    Trying,
    /// The model is being built, tuned or compiled for its device.
    Preparing,
    /// Maps are computed.
    Ready,
    /// The model cannot run; the message says why and what to do.
    Failed,
    /// The device went away (driver reset, suspend) and is being opened again, or the next one.
    Lost,
}

impl InferState {
    /// The word for the window.
    pub fn word(self) -> &'static str {
        match self {
            Self::NoModel => "no model",
            Self::Trying => "trying the device",
            Self::Preparing => "preparing",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Lost => "device lost",
        }
    }
}

/// A snapshot of the worker, replaced as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InferStatus {
    /// What the model is doing.
    pub state: InferState,
    /// True when maps are computed now, even while another model or device is prepared.
    pub running: bool,
    /// Name of the checkpoint in use.
    pub checkpoint: String,
    /// Where it runs, as in "CPU, 2 threads".
    pub device: String,
    /// Why it runs there.
    pub reason: String,
    /// Maps per second over the last seconds, live and in the background.
    pub maps_per_sec: f32,
    /// Time from a decoded picture to its map in milliseconds, smoothed.
    pub latency_ms: f32,
    /// Every k-th frame gets its own map while playing.
    pub every_k: u32,
    /// Share of the clip that is computed, in [0, 1].
    pub filled: f32,
    /// True while the rest of the clip is computed in the background.
    pub filling: bool,
    /// Name of the sound test that runs, empty without one.
    pub sound_test: String,
    /// What the user should know now; empty when there is nothing.
    pub message: String,
    /// True while the sound around the playhead is still being decoded.
    pub waiting_for_sound: bool,
}

/// The worker's end and the window's end of the newest [`InferStatus`].
#[derive(Clone, Default)]
pub(crate) struct StatusCell(Arc<Mutex<Arc<InferStatus>>>);

impl StatusCell {
    pub(crate) fn get(&self) -> Arc<InferStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the snapshot; true when it differs from the one before.
    pub(crate) fn set(&self, status: InferStatus) -> bool {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = **held != status;
        if changed {
            *held = Arc::new(status);
        }
        changed
    }
}
