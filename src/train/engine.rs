//! A run from its configuration to its last checkpoint, on a thread of its own.
//!
//! The window and `fnac train` both use this: [`RunHandle::spawn`], then events out and commands
//! in.

use std::path::PathBuf;

use crate::train::TrainConfig;

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
