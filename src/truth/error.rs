//! What can be wrong with a truth file.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::units::MediaTime;

/// One thing of a truth file that cannot be taken as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TruthDefect {
    /// Number and kind of the source; `None` for the file as a whole.
    pub source: Option<(u32, String)>,
    /// Number of the moment in the file's order (from 0), and its time.
    pub moment: Option<(usize, MediaTime)>,
    /// What is wrong, and what tolerant reading makes of it.
    pub what: String,
}

impl fmt::Display for TruthDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((id, kind)) = &self.source {
            write!(f, "source {id}")?;
            if !kind.is_empty() {
                write!(f, " ({kind})")?;
            }
            if let Some((i, time)) = self.moment {
                write!(f, ", moment {i} at {time}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.what)
    }
}

/// Why a truth file was refused or could not be written.
#[derive(Debug)]
pub struct TruthError {
    /// The file; `None` for text from elsewhere.
    pub file: Option<PathBuf>,
    /// What happened.
    pub trouble: TruthTrouble,
}

/// What can happen to a truth file.
#[derive(Debug, thiserror::Error)]
pub enum TruthTrouble {
    /// The system's word on reading.
    #[error("cannot be read: {0}. Check that the file exists and that you may read it")]
    Read(std::io::Error),
    /// The system's word on writing.
    #[error("cannot be written: {0}. Check that the folder is writable and not full")]
    Write(std::io::Error),
    /// More than any clip's truth.
    #[error("is too large: {0}. Split the clip, or leave the masks out")]
    TooLarge(String),
    /// No JSON, or fields of another type.
    #[error("is no truth file: {0}. docs/truth-format.md describes the format")]
    Json(String),
    /// JSON of another kind.
    #[error("is JSON, but no truth file: its `format` is {0}, not \"fnac-truth\"")]
    NotTruth(String),
    /// Made by a later fnac.
    #[error(
        "has format version {found}, and this fnac reads up to {known}. Open it with the fnac \
         that wrote it, or let that one write version {known}"
    )]
    Newer {
        /// The file's.
        found: u64,
        /// The newest that is read.
        known: u64,
    },
    /// Strict reading found something to complain about.
    #[error("{}", list(.0))]
    Defects(Vec<TruthDefect>),
}

/// The first defects and how many more there are.
fn list(defects: &[TruthDefect]) -> String {
    const SHOWN: usize = 3;
    let first: Vec<_> = defects.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = defects.len().saturating_sub(SHOWN);
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("is not sound: {}{rest}", first.join("; "))
}

impl TruthError {
    pub(super) fn new(trouble: TruthTrouble) -> Self {
        Self { file: None, trouble }
    }

    pub(super) fn of(path: &Path) -> impl Fn(TruthTrouble) -> Self + use<'_> {
        move |trouble| Self { file: Some(path.to_owned()), trouble }
    }
}

impl fmt::Display for TruthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(path) => write!(f, "`{}` {}", path.display(), self.trouble),
            None => write!(f, "the truth {}", self.trouble),
        }
    }
}

impl std::error::Error for TruthError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.trouble {
            TruthTrouble::Read(e) | TruthTrouble::Write(e) => Some(e),
            _ => None,
        }
    }
}
