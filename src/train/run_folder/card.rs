//! `run.json`: what a run is made of and how it went.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::{CARD, read_json};
use crate::data::DataError;
use crate::train::TrainConfig;

/// Largest card that is read.
pub(super) const MAX_BYTES: u64 = 16 << 20;

/// A run's card.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunCard {
    /// Tells the file from other JSON: always [`FORMAT`].
    pub format: String,
    /// Of the layout.
    pub version: u32,
    /// Program that began it, with its version.
    pub program: String,
    /// What the numbers were computed with.
    pub engine: String,
    /// Preset it began as.
    pub preset: String,
    /// Of everything drawn at random.
    pub seed: u64,
    /// When it began, UTC.
    pub began: String,
    /// All settings, as `config.toml` has them.
    pub config: serde_json::Value,
    /// What was learnt from.
    pub data: DataFacts,
    /// What validated.
    pub validation: DataFacts,
    /// What it ran on.
    pub device: String,
    /// Where the weights began.
    pub start: StartFacts,
    /// The runs before this one, the oldest first, where the weights came from a run.
    pub lineage: Vec<Ancestor>,
    /// Which surprises of the official code were kept.
    pub quirks: Vec<String>,
    /// Each stretch of work between a start and an end of the program.
    pub sittings: Vec<Sitting>,
    /// How it ended: `finished`, `stopped`, or `failed: why`; empty while it runs or after a kill.
    pub ending: String,
}

/// What [`RunCard::format`] holds.
pub const FORMAT: &str = "fnac run";
/// Of the layout.
const VERSION: u32 = 1;

/// A data set as a run saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataFacts {
    /// Its folder; of a held-out part that of the training data.
    pub folder: String,
    /// How it is laid out.
    pub layout: String,
    /// [`crate::data::Dataset::fingerprint`] of the items that are used.
    pub fingerprint: String,
    /// Items used.
    pub items: usize,
    /// Items listed.
    pub listed: usize,
    /// Items left out, each with its reason.
    pub left_out: Vec<(String, String)>,
}

/// Where weights began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StartFacts {
    /// In words.
    pub words: String,
    /// The file; empty for a start from scratch.
    pub file: String,
    /// Of the file, in hexadecimal.
    pub sha256: String,
}

/// A run that this one goes back to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ancestor {
    /// Its folder.
    pub run: String,
    /// Which of its checkpoints: `best`, `last`, `epoch-0007`.
    pub checkpoint: String,
    /// Of that file, in hexadecimal.
    pub sha256: String,
}

/// One stretch of work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sitting {
    /// When it began, UTC.
    pub began: String,
    /// When it ended, UTC; empty while it runs or after a kill.
    pub ended: String,
    /// Its first step.
    pub first_step: u64,
    /// The step after its last.
    pub end_step: u64,
    /// What it ran on.
    pub device: String,
    /// Program, with its version.
    pub program: String,
    /// Settings that it changed.
    pub changes: Vec<Change>,
    /// How it ended, as [`RunCard::ending`]; `killed` is found out at the next start.
    pub ending: String,
}

/// A setting that was changed when a run went on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Dotted name.
    pub key: String,
    /// Value before.
    pub from: String,
    /// Value since.
    pub to: String,
}

impl RunCard {
    /// A card of a run that begins now, with what is known from its configuration.
    pub fn new(config: &TrainConfig) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            program: program(),
            engine: "burn 0.22.1".to_owned(),
            preset: config.preset.clone(),
            seed: config.seed,
            began: utc_now(),
            config: serde_json::to_value(config).unwrap_or_default(),
            quirks: config.quirks().into_iter().map(str::to_owned).collect(),
            ..Self::default()
        }
    }

    /// The card of a run's folder.
    ///
    /// # Errors
    /// The file is not there, is no card, or is of a later layout.
    pub fn read(folder: &Path) -> Result<Self, DataError> {
        let path = folder.join(CARD);
        let card: Self = read_json(&path, MAX_BYTES)?;
        let remedy = "Name the folder of a run, or begin a new one.";
        if card.format != FORMAT {
            return Err(DataError::read(&path, "it is no run's card", remedy));
        }
        if card.version > VERSION {
            let cause = format!("it is of layout {}, this fnac reads {VERSION}", card.version);
            return Err(DataError::read(&path, cause, "Use a newer fnac."));
        }
        Ok(card)
    }

    /// Notes that a stretch of work begins. One that never ended was killed.
    pub fn sit_down(&mut self, first_step: u64, device: &str, changes: Vec<Change>) {
        if let Some(before) = self.sittings.last_mut()
            && before.ending.is_empty()
        {
            before.ending = "killed".to_owned();
            before.end_step = first_step;
        }
        self.device = device.to_owned();
        self.ending.clear();
        self.sittings.push(Sitting {
            began: utc_now(),
            first_step,
            end_step: first_step,
            device: device.to_owned(),
            program: program(),
            changes,
            ..Sitting::default()
        });
    }

    /// Notes how the stretch of work ended.
    pub fn stand_up(&mut self, end_step: u64, ending: &str) {
        ending.clone_into(&mut self.ending);
        if let Some(sitting) = self.sittings.last_mut() {
            sitting.ended = utc_now();
            sitting.end_step = end_step;
            ending.clone_into(&mut sitting.ending);
        }
    }
}

/// The runs that a checkpoint file goes back to, the oldest first; empty when it does not lie in a
/// run's folder.
pub fn lineage_of(checkpoint: &Path, sha256: &str) -> Vec<Ancestor> {
    let folder = checkpoint.parent().and_then(Path::parent);
    let Some(folder) = folder.map(|f| if f.as_os_str().is_empty() { Path::new(".") } else { f })
    else {
        return Vec::new();
    };
    let Ok(card) = RunCard::read(folder) else { return Vec::new() };
    let mut lineage = card.lineage;
    let run = folder.canonicalize().unwrap_or_else(|_| PathBuf::from(folder));
    lineage.push(Ancestor {
        run: run.display().to_string(),
        checkpoint: checkpoint.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        sha256: sha256.to_owned(),
    });
    lineage
}

fn program() -> String {
    format!("fnac {}", env!("CARGO_PKG_VERSION"))
}

/// Now, as `2026-11-30T20:53:48Z`.
pub(super) fn utc_now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    utc(since.map_or(0, |d| d.as_secs()))
}

/// Seconds since 1970 as a date; the Gregorian calendar counted in eras of 400 years that begin on
/// the 1st of March.
fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + 400 * era + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_dates_also_on_leap_days() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(utc(seconds), text);
        }
    }

    #[test]
    fn a_sitting_that_never_ended_was_killed() {
        let mut card = RunCard::new(&TrainConfig::default());
        card.sit_down(0, "CPU", Vec::new());
        card.sit_down(40, "CPU", Vec::new());
        card.stand_up(90, "stopped");
        let change = Change { key: "schedule.epochs".into(), from: "3".into(), to: "5".into() };
        card.sit_down(90, "GPU", vec![change.clone()]);
        assert_eq!(card.ending, "", "it runs");
        card.stand_up(120, "finished");
        let ends: Vec<_> =
            card.sittings.iter().map(|s| (s.first_step, s.end_step, s.ending.as_str())).collect();
        assert_eq!(ends, [(0, 40, "killed"), (40, 90, "stopped"), (90, 120, "finished")]);
        assert_eq!(card.sittings[2].changes, [change]);
        assert_eq!((card.device.as_str(), card.ending.as_str()), ("GPU", "finished"));
    }

    #[test]
    fn what_is_no_card_is_refused_with_its_cause() {
        let dir = tempfile::tempdir().unwrap();
        let later = format!(r#"{{"format": "{FORMAT}", "version": 99}}"#);
        for (text, word) in
            [("", "not JSON"), ("[1]", "not JSON"), ("{}", "no run's card"), (&later, "layout 99")]
        {
            std::fs::write(dir.path().join(CARD), text).unwrap();
            let error = RunCard::read(dir.path()).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains(CARD), "{text}: {error}");
        }
        let card = RunCard::new(&TrainConfig::default());
        std::fs::write(dir.path().join(CARD), serde_json::to_vec(&card).unwrap()).unwrap();
        assert_eq!(RunCard::read(dir.path()).unwrap(), card);
    }

    #[test]
    fn lineage_grows_from_run_to_run() {
        let dir = tempfile::tempdir().unwrap();
        let mut card = RunCard::new(&TrainConfig::default());
        let first =
            Ancestor { run: "/runs/a".into(), checkpoint: "last".into(), ..Ancestor::default() };
        card.lineage.push(first.clone());
        std::fs::write(dir.path().join(CARD), serde_json::to_vec(&card).unwrap()).unwrap();
        let lineage = lineage_of(&dir.path().join("checkpoints/best.safetensors"), "00ff");
        assert_eq!(lineage[0], first);
        assert_eq!((lineage[1].checkpoint.as_str(), lineage[1].sha256.as_str()), ("best", "00ff"));
        assert!(lineage_of(Path::new("somewhere.safetensors"), "").is_empty());
    }
}
