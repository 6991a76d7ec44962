//! A run from its configuration to its last checkpoint, on a thread of its own.
//!
//! The window and `fnac train` both use this: [`RunHandle::spawn`], then events out and commands
//! in.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::TrainConfig;
use super::events::{Ending, TrainCommand, TrainEvent};
use super::outbox::Outbox;
use super::run::{Desk, run};
use crate::units::Waker;

/// Where a run writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunPlace {
    /// A new numbered folder inside this one (`run-0007`).
    Numbered(PathBuf),
    /// This folder, which must be new or empty.
    Folder(PathBuf),
    /// This folder of an earlier run, which goes on exactly.
    Resume(PathBuf),
}

/// What a run is asked for.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// The recipe; of a resumed run only what may change ([`crate::train::RunSection`],
    /// `schedule.epochs`, `schedule.steps`, data paths that moved).
    pub config: TrainConfig,
    /// Where it writes.
    pub place: RunPlace,
}

/// Why a run did not begin or could not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrainError {
    /// The configuration is not possible.
    #[error(transparent)]
    Config(#[from] super::ConfigError),
    /// Anything else, in words: what, which file, what to do.
    #[error("{0}")]
    Other(String),
}

impl TrainError {
    /// From another error, by its words.
    pub(super) fn other(e: impl std::fmt::Display) -> Self {
        Self::Other(e.to_string())
    }
}

/// A run on its thread. Dropping it stops the run and waits for its last save.
pub struct RunHandle {
    commands: Sender<TrainCommand>,
    events: Receiver<TrainEvent>,
    thread: Option<JoinHandle<()>>,
}

/// Commands that may wait.
const COMMANDS: usize = 16;
/// Events that may wait in the queue; the outbox keeps what is not taken.
const EVENTS: usize = 256;

impl RunHandle {
    /// Starts a run. `waker` is called after each event.
    ///
    /// # Errors
    /// A configuration that is not possible, or no thread.
    pub fn spawn(request: RunRequest, waker: Waker) -> Result<Self, TrainError> {
        request.config.validate()?;
        let (commands, take) = bounded(COMMANDS);
        let (give, events) = bounded(EVENTS);
        let work = move || {
            let mut desk = Desk::new(take, Outbox::new(give, waker));
            // A driver may panic when its memory is gone or its device is lost.
            let done = catch_unwind(AssertUnwindSafe(|| run(request, &mut desk)));
            let ending = match done {
                Ok(Ok(ending)) => ending,
                Ok(Err(e)) => Ending::Failed(e.to_string()),
                Err(panic) => Ending::Failed(gave_up(&*panic)),
            };
            desk.last(TrainEvent::Ended(ending));
        };
        let thread = std::thread::Builder::new().name("fnac-train".into()).spawn(work);
        let thread =
            thread.map_err(|e| TrainError::other(format!("cannot start a thread: {e}")))?;
        Ok(Self { commands, events, thread: Some(thread) })
    }

    /// Tells the run something; it is obeyed between two steps. A run that is over does not
    /// hear it.
    pub fn send(&self, command: TrainCommand) {
        self.commands.try_send(command).ok();
    }

    /// What the run says, [`TrainEvent::Ended`] last.
    pub fn events(&self) -> &Receiver<TrainEvent> {
        &self.events
    }
}

fn gave_up(panic: &(dyn std::any::Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason");
    let words = words.lines().next().unwrap_or_default();
    format!(
        "the compute device gave up ({words}): most likely its memory is full or it was lost. What \
         was saved is whole; go on from it with a smaller run.chunk or on another run.device"
    )
}

impl Drop for RunHandle {
    fn drop(&mut self) {
        // A full queue holds a Stop or is emptied within a step.
        self.commands.send_timeout(TrainCommand::Stop, Duration::from_secs(5)).ok();
        while !self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            self.events.recv_timeout(Duration::from_millis(20)).ok();
        }
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
