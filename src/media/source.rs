//! What to open, and how to stop.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where picture and sound come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MediaSource {
    /// One file: video, sound or a still picture.
    File(PathBuf),
    /// Picture (still or moving) of one file, sound of another, as the data sets hold them.
    Pair {
        /// The file whose pictures are shown.
        picture: PathBuf,
        /// The file whose sound is heard; its first sample belongs to the clip's start.
        audio: PathBuf,
    },
}

impl MediaSource {
    /// File name (without its folder) for titles and lists.
    pub fn display_name(&self) -> String {
        let name = |p: &Path| {
            p.file_name().map_or_else(|| p.display().to_string(), |n| n.display().to_string())
        };
        match self {
            Self::File(path) => name(path),
            Self::Pair { picture, audio } => format!("{} + {}", name(picture), name(audio)),
        }
    }

    /// The file that holds the pictures, if any.
    pub fn picture_path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Pair { picture: path, .. } => path,
        }
    }

    /// The file that holds the sound.
    pub fn audio_path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Pair { audio: path, .. } => path,
        }
    }
}

/// Raised by one thread to stop another's blocking work; cheap to clone and to ask.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that nobody raised yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A token over a flag that someone else raises (Ctrl-C).
    pub fn from_flag(flag: Arc<AtomicBool>) -> Self {
        Self(flag)
    }

    /// Asks all holders to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether work should stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
