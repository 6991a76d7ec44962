//! What can go wrong on the disk, in words.

use std::io;
use std::path::Path;

/// Why a file or a folder could not be made or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// A file or folder could not be written.
    #[error("cannot write `{file}`: {cause}. {remedy}")]
    Write {
        /// Which.
        file: String,
        /// What the system said.
        cause: String,
        /// What to do.
        remedy: String,
    },
    /// A file or folder could not be read.
    #[error("cannot read `{file}`: {cause}. {remedy}")]
    Read {
        /// Which.
        file: String,
        /// What the system or the decoder said.
        cause: String,
        /// What to do.
        remedy: String,
    },
    /// The folder holds something that the run may not be mixed with.
    #[error("`{folder}` {difference}. {remedy}")]
    Folder {
        /// Which.
        folder: String,
        /// What differs.
        difference: String,
        /// What to do.
        remedy: String,
    },
    /// A clip could not be encoded or a sound not be decoded.
    #[error(transparent)]
    Media(crate::media::MediaError),
}

impl From<crate::media::MediaError> for DataError {
    fn from(error: crate::media::MediaError) -> Self {
        match error {
            // FFmpeg hands on the system's words; a full disk reads the same for every file.
            crate::media::MediaError::Write { file, cause, .. }
                if cause.to_lowercase().contains("no space left") =>
            {
                let full = io::Error::from(io::ErrorKind::StorageFull);
                Self::write(Path::new(&file), &full)
            }
            other => Self::Media(other),
        }
    }
}

impl DataError {
    /// A failed write, with the remedy that suits its cause.
    pub fn write(path: &Path, error: &io::Error) -> Self {
        let remedy = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "Free some space and run the same command again: it goes on where it stopped."
            }
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                "Name a folder, or a name that nothing has yet."
            }
            _ => "Choose a folder that you may write to.",
        };
        Self::Write { file: path.display().to_string(), cause: cause(error), remedy: remedy.into() }
    }

    /// A failed read.
    pub fn read(path: &Path, cause: impl Into<String>, remedy: &str) -> Self {
        let file = path.display().to_string();
        Self::Read { file, cause: cause.into(), remedy: remedy.into() }
    }
}

/// An error of the system in plain words, without its number.
pub(super) fn cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull => "the disk is full".into(),
        io::ErrorKind::QuotaExceeded => "your share of the disk is used up".into(),
        io::ErrorKind::PermissionDenied => "you may not".into(),
        io::ErrorKind::ReadOnlyFilesystem => "the disk can only be read".into(),
        io::ErrorKind::NotADirectory => "a part of its path is a file, not a folder".into(),
        io::ErrorKind::IsADirectory => "it is a folder".into(),
        io::ErrorKind::AlreadyExists => "a file of that name is there".into(),
        io::ErrorKind::NotFound => "it is not there".into(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or(&text).to_lowercase()
        }
    }
}
