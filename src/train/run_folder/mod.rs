//! A run's folder: what is kept of it, and how it is never lost.
//!
//! ```text
//! run-0007/run.json                     the card: what it is made of, how it went
//!          config.toml                  all settings, to begin it again
//!          curves.csv, validation.csv   one row a step, one row a validation
//!          checkpoints/last.safetensors the newest weights and the whole state of the run
//!                      best.safetensors the best by its validation figure
//!                      epoch-0003.safetensors
//! ```
//!
//! A folder belongs to one run for good and to one process at a time. All but the two tables are
//! written under a temporary name, forced to the disk and renamed; what a resumed run needs lies
//! in the one file `last.safetensors`, so no kill can leave half of it. A table's rows are on the
//! disk before the step after them is saved, and rows beyond the saved step are written again.

mod card;
mod curves;
mod list;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use card::{Ancestor, Change, DataFacts, RunCard, Sitting, StartFacts, lineage_of};
pub use curves::{
    RowFile, curves_header, curves_line, last_row, place, read_curves, read_validation,
    validation_header, validation_line,
};
pub use list::{RunSummary, list_runs};

use super::TrainConfig;
use super::events::Stage;
use crate::data::{DataError, FolderLock};

/// Name of the card.
pub const CARD: &str = "run.json";
/// Name of the settings.
pub const CONFIG: &str = "config.toml";
/// Name of the table of steps.
pub const CURVES: &str = "curves.csv";
/// Name of the table of validations.
pub const VALIDATION: &str = "validation.csv";
/// Folder of the checkpoints.
pub const CHECKPOINTS: &str = "checkpoints";
/// Largest `config.toml` that is read.
const MAX_CONFIG: u64 = 1 << 20;
/// Tries to lock a folder: a list of runs looks at locks for moments.
const LOCK_TRIES: u32 = 10;
/// Time between two of them.
const LOCK_WAIT: Duration = Duration::from_millis(20);

/// Settings that may differ when a run goes on, besides all of `[run]`: how long it is, and where
/// things lie.
const MAY_CHANGE: [&str; 7] = [
    "schedule.epochs",
    "schedule.steps",
    "data.train",
    "data.list",
    "data.validation",
    "data.validation_list",
    "data.workers",
];

/// A run's folder, locked.
#[derive(Debug)]
pub struct RunFolder {
    lock: FolderLock,
}

impl RunFolder {
    /// Makes the next numbered folder inside `parent`: `run-0001` and so on. No number is used
    /// again while a folder of a higher one is there.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn numbered(parent: &Path) -> Result<Self, DataError> {
        let failed = |path: &Path, e: &io::Error| DataError::write(path, e);
        std::fs::create_dir_all(parent).map_err(|e| failed(parent, &e))?;
        let mut number = 1 + list::run_numbers(parent)?.into_iter().max().unwrap_or(0);
        loop {
            let path = parent.join(format!("run-{number:04}"));
            match std::fs::create_dir(&path) {
                Ok(()) => return Self::lock(&path),
                // Another run was quicker.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(e) => return Err(failed(&path, &e)),
            }
        }
    }

    /// Takes a folder that is new or empty (but for hidden files).
    ///
    /// # Errors
    /// There is something in it, another run is at work, or it cannot be made.
    pub fn fresh(path: &Path) -> Result<Self, DataError> {
        std::fs::create_dir_all(path).map_err(|e| DataError::write(path, &e))?;
        let folder = Self::lock(path)?;
        if path.join(CARD).exists() {
            let remedy = "Go on with it by --resume, or choose another folder: no run is ever \
                          written over.";
            return Err(refuse(path, "holds a run".into(), remedy));
        }
        if let Some(name) = something_in(path)? {
            let remedy = "Choose a folder that is new or empty.";
            return Err(refuse(path, format!("holds `{name}`"), remedy));
        }
        Ok(folder)
    }

    /// Takes the folder of an earlier run, and clears away what a kill left half-written.
    ///
    /// # Errors
    /// There is no run in it, or another process is at work on it.
    pub fn resume(path: &Path) -> Result<Self, DataError> {
        if !path.join(CARD).is_file() {
            let remedy = "Name the folder of a run (run-0001 or the like), or begin one without \
                          --resume.";
            return Err(refuse(path, format!("holds no run: there is no {CARD} in it"), remedy));
        }
        let folder = Self::lock(path)?;
        remove_parts(path);
        remove_parts(&path.join(CHECKPOINTS));
        Ok(folder)
    }

    fn lock(path: &Path) -> Result<Self, DataError> {
        for _ in 0..LOCK_TRIES {
            if let Some(lock) = FolderLock::take(path) {
                return Ok(Self { lock });
            }
            std::thread::sleep(LOCK_WAIT);
        }
        let remedy = "Wait for it or stop it, or choose another folder.";
        Err(refuse(path, "is being written by another run".into(), remedy))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.lock.folder()
    }

    /// Writes the card.
    ///
    /// # Errors
    /// What the system says; the card that was there stays.
    pub fn write_card(&self, card: &RunCard) -> Result<(), DataError> {
        let path = self.path().join(CARD);
        let text = serde_json::to_vec_pretty(card).map_err(io::Error::other);
        let text = text.map(|t| [t, b"\n".to_vec()].concat());
        let written = text.and_then(|t| crate::files::write_whole(&path, &t));
        written.map_err(|e| DataError::write(&path, &e))
    }

    /// Writes the settings.
    ///
    /// # Errors
    /// What the system says; the file that was there stays.
    pub fn write_config(&self, config: &TrainConfig) -> Result<(), DataError> {
        let path = self.path().join(CONFIG);
        let text = config.to_toml().map_err(io::Error::other);
        let written = text.and_then(|t| crate::files::write_whole(&path, t.as_bytes()));
        written.map_err(|e| DataError::write(&path, &e))
    }

    /// Opens both tables for a run that is at `until` (the next step).
    ///
    /// # Errors
    /// A file cannot be read or written, or holds something else.
    pub fn tables(&self, until: (Stage, u64)) -> Result<(RowFile, RowFile), DataError> {
        let (curves, checks) = (self.path().join(CURVES), self.path().join(VALIDATION));
        curves::repair(&curves, &checks, until)?;
        Ok((
            RowFile::open(&curves, &curves_header())?,
            RowFile::open(&checks, &validation_header())?,
        ))
    }

    /// Where a checkpoint of a name lies (`last`, `best`, `epoch-0003`); makes the folder.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn checkpoint(&self, name: &str) -> Result<PathBuf, DataError> {
        let folder = self.path().join(CHECKPOINTS);
        std::fs::create_dir_all(&folder).map_err(|e| DataError::write(&folder, &e))?;
        Ok(folder.join(format!("{name}.safetensors")))
    }
}

/// The settings of a run's folder; from its card where the file was not written yet.
///
/// # Errors
/// Neither can be read.
pub fn read_config(folder: &Path) -> Result<TrainConfig, DataError> {
    let path = folder.join(CONFIG);
    let remedy = "Mend the file, or move it away: the run's card holds the settings too.";
    let refuse = |cause: String| DataError::read(&path, cause, remedy);
    match std::fs::metadata(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let value = RunCard::read(folder)?.config;
            serde_json::from_value(value).map_err(|e| refuse(e.to_string()))
        }
        Err(e) => Err(refuse(e.to_string())),
        Ok(meta) if meta.len() > MAX_CONFIG => Err(refuse("it is too large".into())),
        Ok(_) => {
            let text = std::fs::read_to_string(&path).map_err(|e| refuse(e.to_string()))?;
            TrainConfig::from_toml(&text).map_err(|e| refuse(e.to_string()))
        }
    }
}

/// What a resumed run changes. Only what leaves the steps already taken as they are.
///
/// # Errors
/// The settings that must stay, with the remedy.
pub fn resumed_changes(old: &TrainConfig, new: &TrainConfig) -> Result<Vec<Change>, String> {
    let all = new.changes_from(old).map_err(|e| e.to_string())?;
    let may = |key: &str| key.starts_with("run.") || MAY_CHANGE.contains(&key);
    let fixed: Vec<String> = all
        .iter()
        .filter(|(key, ..)| !may(key))
        .map(|(key, to, from)| format!("{key} is {from}, not {to}"))
        .collect();
    if !fixed.is_empty() {
        return Err(format!(
            "a run goes on with the settings it began with: {}. Begin a new run from its \
             checkpoint (model.start) to change them",
            fixed.join("; ")
        ));
    }
    Ok(all.into_iter().map(|(key, to, from)| Change { key, from, to }).collect())
}

fn refuse(path: &Path, difference: String, remedy: &str) -> DataError {
    DataError::Folder { folder: path.display().to_string(), difference, remedy: remedy.into() }
}

/// Name of something in a folder that is not hidden.
fn something_in(folder: &Path) -> Result<Option<String>, DataError> {
    let failed =
        |e: io::Error| DataError::read(folder, e.to_string(), "Choose a folder that you may read.");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names.into_iter().find(|n| !n.starts_with('.')))
}

/// Removes temporary files of [`crate::files`] that a kill left. Only called under the lock.
fn remove_parts(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(".fnac-") && name.ends_with(".part") {
            // One that stays is in nobody's way.
            std::fs::remove_file(entry.path()).ok();
        }
    }
}

/// A JSON file of at most `most` bytes.
fn read_json<T: serde::de::DeserializeOwned>(path: &Path, most: u64) -> Result<T, DataError> {
    let remedy = "Check the file, or name another folder.";
    let refuse = |cause: String| DataError::read(path, cause, remedy);
    let meta = std::fs::metadata(path).map_err(|e| refuse(e.to_string()))?;
    if meta.len() > most {
        return Err(refuse("it is too large".into()));
    }
    let bytes = std::fs::read(path).map_err(|e| refuse(e.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|e| refuse(format!("it is not JSON of its kind: {e}")))
}

#[cfg(test)]
mod tests;
