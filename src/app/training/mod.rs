//! Training as the window shows it: the recipe that is made, the run that works, runs of before.
//!
//! Owns no arithmetic of training: a run is `train::engine`'s, and what it says comes through a
//! [`Session`]. Panels read a [`Training`] and ask by [`TrainAsk`]; `actions.rs` does what was
//! asked. Start with [`TrainingState`], which is all that is known about the run.

mod actions;
pub mod advice;
pub mod badge;
pub mod charts;
pub mod check;
mod closing;
pub mod compare;
pub mod draft;
pub mod eta;
pub mod form;
pub mod recipe;
pub mod series;
pub mod session;
pub mod shelf;
pub mod smooth;
pub mod state;
#[cfg(test)]
pub(crate) mod testing;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use advice::Known;
pub use closing::closing_ui;
pub use draft::{Draft, TrainSettings};
pub use session::{Heard, RunLink, Session};
pub use shelf::Shelf;
pub use state::{Phase, Published, SavedCheckpoint, TrainingState};

/// What panels and commands ask of training; done after the frame.
#[derive(Clone, Debug, PartialEq)]
pub enum TrainAsk {
    /// Begin as another preset; changed values stay changed.
    Preset(String),
    /// A setting's new text, as typed.
    Set(&'static str, String),
    /// Several at once: a remedy.
    SetAll(Vec<(&'static str, String)>),
    /// A setting's value as the preset has it.
    Unset(&'static str),
    /// All settings as the preset has them, but for data and checkpoints.
    UnsetAll,
    /// Ask for a setting's file or folder.
    Pick(&'static str),
    /// Ask for a recipe file to read.
    ImportRecipe,
    /// Ask where the recipe is written.
    ExportRecipe,
    /// Look at the data again.
    LookAtData,
    /// Look whether a run can work and how long it takes.
    Check,
    /// End that look.
    StopCheck,
    /// Begin a run.
    Start,
    /// End the step, save, and wait; true gives the device's memory back.
    Pause(bool),
    /// Go on.
    Resume,
    /// Save and end.
    Stop,
    /// Save now.
    Save,
    /// Share of the time for the run.
    Share(f64),
    /// Whether a playing video makes the run yield.
    YieldToPlayer(bool),
    /// How much curves are smoothed.
    Smoothing(f64),
    /// The alarms were looked at.
    AlarmsSeen,
    /// List the runs anew.
    ListRuns,
    /// Ask for another folder for runs.
    PickRunsFolder,
    /// Draw a run beside the present one, or no longer.
    ShowRun(PathBuf, bool),
    /// The run that the others are compared with.
    Baseline(PathBuf),
    /// Go on with a run of before, and how far where it is to be longer.
    ResumeRun(PathBuf, Option<Longer>),
    /// Make a run's recipe the panel's, from one of its checkpoints.
    Branch(PathBuf, PathBuf),
    /// Show a folder in the system's file manager.
    OpenFolder(PathBuf),
    /// Close the window without the last save.
    CloseNow,
}

/// How far a run goes that is to be longer than it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Longer {
    /// To so many epochs in all.
    Epochs(u32),
    /// To so many steps in all.
    Steps(u64),
}

/// What the data folder holds, as far as it was looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum DataLook {
    /// No folder is chosen.
    #[default]
    None,
    /// It is being listed.
    Looking,
    /// It cannot be used, and why.
    Refused(String),
    /// Here it is.
    Found(Arc<DataFound>),
}

/// A data folder that can be used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DataFound {
    /// Its layout's name.
    pub format: String,
    /// Items that can be learnt from or validate.
    pub usable: usize,
    /// Items listed.
    pub listed: usize,
    /// Items left out, each with its reason.
    pub left_out: Vec<(String, String)>,
    /// Things to know about the whole set.
    pub notes: Vec<String>,
    /// Items have class labels.
    pub has_classes: bool,
    /// Items of the validation folder, usable and listed, where one is named.
    pub validation: Option<Result<(usize, usize), String>>,
}

/// Steps and validations of a run's earlier sittings, or why there are none.
pub type HistoryRead =
    Result<(Vec<crate::train::events::StepRow>, Vec<crate::train::events::Validation>), String>;

/// How the items are shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// Learnt from.
    pub train: usize,
    /// Validate.
    pub validation: usize,
    /// The validating items come from a folder of their own.
    pub own_folder: bool,
}

impl DataFound {
    /// How the items are shared out under these settings.
    pub fn split(&self, data: &crate::train::DataSection) -> Split {
        let most = |n: usize| match data.validation_items {
            0 => n,
            limit => n.min(limit),
        };
        if let Some(found) = &self.validation {
            let n = found.as_ref().map_or(0, |(usable, _)| most(*usable));
            return Split { train: self.usable, validation: n, own_folder: true };
        }
        let share = (self.usable as f64 * data.validation_share).round() as usize;
        let held = most(share.min(self.usable));
        Split { train: self.usable - held, validation: held, own_folder: false }
    }
}

/// What a data look was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataKey {
    folder: String,
    format: String,
    list: String,
    validation: String,
    validation_list: String,
}

impl DataKey {
    fn of(data: &crate::train::DataSection) -> Self {
        Self {
            folder: data.train.clone(),
            format: data.format.clone(),
            list: data.list.clone(),
            validation: data.validation.clone(),
            validation_list: data.validation_list.clone(),
        }
    }
}

/// Memory of this process.
#[derive(Debug, Default)]
pub struct MemoryMeter {
    bytes: Option<u64>,
    at: Option<Instant>,
}

/// The figure is taken again after this long.
const METER_EVERY: Duration = Duration::from_secs(1);

impl MemoryMeter {
    /// Bytes in use, where the system says it; taken once a second.
    pub fn follow(&mut self) {
        if self.at.is_none_or(|at| at.elapsed() > METER_EVERY) {
            self.bytes = resident();
            self.at = Some(Instant::now());
        }
    }

    /// The last figure.
    pub fn bytes(&self) -> Option<u64> {
        self.bytes
    }
}

/// Resident memory of this process: Linux's own count, a file without a disk behind it.
fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024)
}

/// All of it.
#[derive(Default)]
pub struct Training {
    /// The run of this window.
    pub session: Session,
    /// The recipe that is being made.
    pub draft: Draft,
    /// What the data folder holds.
    pub data: DataLook,
    /// Memory of this process.
    pub memory: MemoryMeter,
    /// The look before the start.
    pub check: check::Check,
    /// Runs of before.
    pub shelf: Shelf,
    /// The window closes as soon as the run has saved; since when it waits.
    pub closing: Option<Instant>,
    looked_at: DataKey,
    look_due: Option<Instant>,
    look_number: u64,
    told_share: Option<f64>,
}

impl Training {
    /// All that is known about the run.
    pub fn state(&self) -> &TrainingState {
        &self.session.state
    }

    /// How the data is shared out, once it was looked at.
    pub fn split(&self) -> Option<Split> {
        match &self.data {
            DataLook::Found(found) => Some(found.split(&self.draft.config.data)),
            _ => None,
        }
    }

    /// Why a run cannot begin now.
    pub fn start_hindrance(&self) -> Option<String> {
        if self.session.is_live() {
            return Some("a run is at work: stop it first".to_owned());
        }
        if self.draft.config.data.train.trim().is_empty() {
            return Some("choose a data folder".to_owned());
        }
        if matches!(self.data, DataLook::Refused(_)) {
            return Some("the data folder cannot be used".to_owned());
        }
        self.draft.first_problem().map(str::to_owned)
    }
}

/// The folder in which runs are made when the user named none.
pub fn usual_runs_folder() -> PathBuf {
    let dirs = directories::UserDirs::new();
    let documents = dirs.as_ref().and_then(|d| d.document_dir().map(Path::to_owned));
    let documents = documents.filter(|p| p.is_dir());
    let home = dirs.map(|d| d.home_dir().to_owned());
    documents.or(home).unwrap_or_else(|| PathBuf::from(".")).join("fnac runs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::DataSection;

    #[test]
    fn the_split_holds_out_a_share_or_takes_a_folder_of_its_own() {
        let found = DataFound { usable: 60, listed: 64, ..DataFound::default() };
        let data = DataSection { validation_share: 0.1, ..DataSection::default() };
        let s = found.split(&data);
        assert_eq!((s.train, s.validation, s.own_folder), (54, 6, false));
        let few = DataSection { validation_items: 4, ..data.clone() };
        assert_eq!(found.split(&few).validation, 4);
        let own = DataFound { validation: Some(Ok((20, 21))), ..found.clone() };
        let s = own.split(&data);
        assert_eq!((s.train, s.validation, s.own_folder), (60, 20, true));
        let broken = DataFound { validation: Some(Err("no such folder".into())), ..found };
        assert_eq!(broken.split(&data).validation, 0);
    }

    #[test]
    fn a_run_does_not_begin_without_data_or_with_a_broken_recipe() {
        let draft = Draft::of(&TrainSettings::default(), &Known::default());
        let mut t = Training { draft, ..Training::default() };
        assert!(t.start_hindrance().is_some_and(|h| h.contains("data folder")));
        let mut s = TrainSettings::default();
        s.set("data.train", "/data");
        t.draft = Draft::of(&s, &Known::default());
        assert_eq!(t.start_hindrance(), None);
        s.set("batch.size", "x");
        t.draft = Draft::of(&s, &Known::default());
        assert!(t.start_hindrance().is_some());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_of_the_process_is_known_here() {
        let mut m = MemoryMeter::default();
        m.follow();
        assert!(m.bytes().is_some_and(|b| b > 1 << 20));
    }
}
