//! Many runs at a glance, for lists and comparison. Nothing here locks or changes a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{CHECKPOINTS, CURVES, RunCard, VALIDATION, last_row, read_config, read_curves};
use super::{read_validation, refuse};
use crate::data::{DataError, FolderLock};
use crate::train::TrainConfig;
use crate::train::events::{StepRow, Validation};

/// A run as lists show it. What cannot be read is missing and named in `problems`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunSummary {
    /// Its folder.
    pub folder: PathBuf,
    /// The folder's name.
    pub name: String,
    /// Its card.
    pub card: Option<RunCard>,
    /// Its settings.
    pub config: Option<TrainConfig>,
    /// Its newest step.
    pub last: Option<StepRow>,
    /// Its validations.
    pub validations: Vec<Validation>,
    /// Its checkpoints by name, with their files.
    pub checkpoints: BTreeMap<String, PathBuf>,
    /// Whether a process is at work on it.
    pub running: bool,
    /// What could not be read, in words.
    pub problems: Vec<String>,
}

impl RunSummary {
    /// The run of a folder, its curves not read.
    pub fn read(folder: &Path) -> Self {
        let mut problems = Vec::new();
        let mut told = |e: DataError| problems.push(e.to_string());
        let card = RunCard::read(folder).map_err(&mut told).ok();
        let config = read_config(folder).map_err(&mut told).ok();
        let validations =
            read_validation(&folder.join(VALIDATION)).map_err(&mut told).unwrap_or_default();
        Self {
            folder: folder.to_owned(),
            name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            card,
            config,
            last: last_row(&folder.join(CURVES)),
            validations,
            checkpoints: checkpoints(folder),
            // Taken and given back at once.
            running: FolderLock::take(folder).is_none(),
            problems,
        }
    }

    /// All its steps, for curves.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn curves(&self) -> Result<Vec<StepRow>, DataError> {
        read_curves(&self.folder.join(CURVES))
    }

    /// Whether it can be gone on with: it was not finished, or more epochs can be added.
    pub fn can_resume(&self) -> bool {
        !self.running && self.card.is_some() && self.config.is_some()
    }

    /// Settings in which runs differ: the key, and each run's value (empty where unknown). The
    /// seed and paths of checkpoints come last, since every run has its own.
    pub fn differing(runs: &[Self]) -> Vec<(String, Vec<String>)> {
        let text = |run: &Self, key: &str| {
            let table = run.config.as_ref().and_then(|c| toml::Table::try_from(c).ok());
            let value = table.as_ref().and_then(|t| {
                let (section, name) = key.split_once('.').unwrap_or(("", key));
                if section.is_empty() { t.get(name) } else { t.get(section)?.as_table()?.get(name) }
            });
            value.map(ToString::to_string).unwrap_or_default()
        };
        let rows = crate::train::SETTINGS.iter().map(|s| {
            let values: Vec<String> = runs.iter().map(|run| text(run, s.key)).collect();
            (s.key.to_owned(), values)
        });
        let mut rows: Vec<_> =
            rows.filter(|(_, v)| v.windows(2).any(|pair| pair[0] != pair[1])).collect();
        rows.sort_by_key(|(key, _)| ["seed", "preset", "model.start"].contains(&key.as_str()));
        rows
    }
}

/// The runs inside a folder, by name. Other folders are passed over.
///
/// # Errors
/// The folder cannot be read; one that is not there holds no runs.
pub fn list_runs(parent: &Path) -> Result<Vec<RunSummary>, DataError> {
    let mut folders: Vec<PathBuf> =
        entries(parent)?.into_iter().filter(|path| path.join(super::CARD).is_file()).collect();
    folders.sort_unstable();
    Ok(folders.par_iter().map(|folder| RunSummary::read(folder)).collect())
}

/// Numbers of the `run-NNNN` in a folder, whatever they hold.
pub(super) fn run_numbers(parent: &Path) -> Result<Vec<u64>, DataError> {
    let number = |path: &PathBuf| path.file_name()?.to_str()?.strip_prefix("run-")?.parse().ok();
    Ok(entries(parent)?.iter().filter_map(number).collect())
}

fn entries(parent: &Path) -> Result<Vec<PathBuf>, DataError> {
    let failed = |e: std::io::Error| {
        refuse(parent, format!("cannot be read: {e}"), "Choose a folder that you may read.")
    };
    match std::fs::read_dir(parent) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(failed(e)),
        Ok(all) => all.map(|entry| Ok(entry.map_err(failed)?.path())).collect(),
    }
}

/// The checkpoints of a run's folder.
fn checkpoints(folder: &Path) -> BTreeMap<String, PathBuf> {
    let all = std::fs::read_dir(folder.join(CHECKPOINTS)).into_iter().flatten().flatten();
    let named = |entry: std::fs::DirEntry| {
        let path = entry.path();
        let name = entry.file_name().to_str()?.strip_suffix(".safetensors")?.to_owned();
        (!name.starts_with('.')).then_some((name, path))
    };
    all.filter_map(named).collect()
}
