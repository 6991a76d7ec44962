//! Short work off the window's thread: reading checkpoints, listing devices, writing pictures.
//!
//! Each job has a thread of its own that ends with it and sends one [`Done`]. The queue holds 64;
//! a full one makes the job wait, never the window. Closing waits a moment for jobs under way:
//! a sound library whose exit handlers run while a thread of ours still asks it for devices
//! corrupts the heap (seen with ALSA).

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

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
    /// The checkpoint that the program carries was read.
    DemoModel(Result<Arc<Checkpoint>, String>),
    /// A truth file was read.
    Truth(PathBuf, super::truth::TruthRead),
    /// A data folder was listed; which look it was.
    Data(u64, Result<super::training::DataFound, String>),
    /// The look before a run's start ended; which it was.
    Check(u64, Result<crate::train::preflight::Preflight, String>),
    /// The runs of a folder were listed; which look it was.
    Runs(u64, Result<Vec<crate::train::run_folder::RunSummary>, String>),
    /// The curves of a run of before were read.
    Curves(PathBuf, Result<Vec<crate::train::events::StepRow>, String>),
    /// The curves of a run's earlier sittings were read.
    History(PathBuf, super::training::HistoryRead),
    /// Something was written: a sentence for a toast, or why not.
    Saved(Result<String, String>),
}

/// How long closing waits for jobs under way.
const FAREWELL: Duration = Duration::from_secs(1);

/// Starts jobs and collects what they came to.
pub struct Jobs {
    /// Jobs that may still run; ended ones are taken out when the next one starts.
    running: Mutex<Vec<JoinHandle<()>>>,
    tx: Sender<Done>,
    rx: Receiver<Done>,
    waker: Waker,
}

impl Jobs {
    /// `waker` wakes the window when a job is done.
    pub fn new(waker: Waker) -> Self {
        let (tx, rx) = bounded(64);
        Self { running: Mutex::default(), tx, rx, waker }
    }

    /// Runs `job` on a thread called `name`.
    pub fn start(
        &self,
        name: &str,
        job: impl FnOnce() -> Done + Send + 'static,
    ) -> Result<(), String> {
        let (tx, waker) = (self.tx.clone(), self.waker.clone());
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let done = job();
                // Nobody listens any more when the window has closed.
                if tx.send(done).is_ok() {
                    waker();
                }
            })
            .map_err(|e| format!("cannot start a thread: {e}"))?;
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|t| !t.is_finished());
        running.push(thread);
        Ok(())
    }

    /// The next finished job, if any.
    pub fn poll(&self) -> Option<Done> {
        self.rx.try_recv().ok()
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        let until = Instant::now() + FAREWELL;
        let running = self.running.get_mut().unwrap_or_else(PoisonError::into_inner);
        while Instant::now() < until && running.iter().any(|t| !t.is_finished()) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
