//! Short work off the window's thread: reading checkpoints, listing devices, writing pictures.
//!
//! Each job has a thread of its own that ends with it and sends one [`Done`]. The queue holds 64;
//! a full one makes the job wait, never the window.

use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::model::{Checkpoint, DeviceInfo};
use crate::units::Waker;

/// What a job came to.
pub enum Done {
    /// Compute devices.
    Devices(Vec<DeviceInfo>),
    /// Names of sound outputs.
    Outputs(Vec<String>),
    /// The built-in clip's file, or why there is none.
    Builtin(Result<PathBuf, String>),
    /// A checkpoint was read.
    Checkpoint(PathBuf, Result<Arc<Checkpoint>, String>),
    /// Something was written: a sentence for a toast, or why not.
    Saved(Result<String, String>),
}

/// Starts jobs and collects what they came to.
pub struct Jobs {
    tx: Sender<Done>,
    rx: Receiver<Done>,
    waker: Waker,
}

impl Jobs {
    /// `waker` wakes the window when a job is done.
    pub fn new(waker: Waker) -> Self {
        let (tx, rx) = bounded(64);
        Self { tx, rx, waker }
    }

    /// Runs `job` on a thread called `name`. Detached on purpose: the window may close first.
    pub fn start(
        &self,
        name: &str,
        job: impl FnOnce() -> Done + Send + 'static,
    ) -> Result<(), String> {
        let (tx, waker) = (self.tx.clone(), self.waker.clone());
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let done = job();
                // Nobody listens any more when the window has closed.
                if tx.send(done).is_ok() {
                    waker();
                }
            })
            .map(|_| ())
            .map_err(|e| format!("cannot start a thread: {e}"))
    }

    /// The next finished job, if any.
    pub fn poll(&self) -> Option<Done> {
        self.rx.try_recv().ok()
    }
}
