//! What can go wrong with a file, in words: what happened, to which file, what to do.

use std::path::Path;

use crate::units::MediaTime;

/// Why a file cannot be read or written. Every text names the file, the cause and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// No such file.
    #[error("cannot read `{file}`: there is no such file. Check its name and folder.")]
    NotFound {
        /// The file.
        file: String,
    },
    /// A folder was given where a file is needed.
    #[error("cannot play `{file}`: it is a folder. Choose a file in it.")]
    Directory {
        /// The folder.
        file: String,
    },
    /// A pipe, a device or the like.
    #[error("cannot play `{file}`: it is not a regular file. Copy its content to a file first.")]
    NotAFile {
        /// The path.
        file: String,
    },
    /// Zero bytes.
    #[error("cannot read `{file}`: the file is empty (0 bytes). Copy or download it again.")]
    Empty {
        /// The file.
        file: String,
    },
    /// The operating system refused.
    #[error("cannot read `{file}`: {cause}. Check its permissions and the disk.")]
    Io {
        /// The file.
        file: String,
        /// What the system said.
        cause: String,
    },
    /// Content that no demuxer knows, or that is damaged beyond its header.
    #[error(
        "cannot read `{file}`: {cause}. It is damaged or no video, sound or picture file; \
         try to convert it with `ffmpeg -i`."
    )]
    Unrecognised {
        /// The file.
        file: String,
        /// What was found.
        cause: String,
    },
    /// A kind of file that is refused on purpose.
    #[error("cannot play `{file}`: {kind} is not played here. {remedy}")]
    Refused {
        /// The file.
        file: String,
        /// What it is.
        kind: String,
        /// What to do.
        remedy: String,
    },
    /// Asked for pictures of a file without any.
    #[error("`{file}` has no picture. It can be heard, but there is no frame to show.")]
    NoVideo {
        /// The file.
        file: String,
    },
    /// Asked for sound of a file without any.
    #[error("`{file}` has no sound track. Give a sound file beside it with --audio.")]
    NoAudio {
        /// The file.
        file: String,
    },
    /// A track number that does not exist.
    #[error("`{file}` has {tracks} sound track(s), there is no track {track}. Choose another.")]
    NoSuchTrack {
        /// The file.
        file: String,
        /// The number asked for, from 0.
        track: usize,
        /// How many there are.
        tracks: usize,
    },
    /// FFmpeg was built without this decoder, or it refuses the stream.
    #[error(
        "cannot decode `{file}`: no usable decoder for {codec} ({cause}). Install a complete \
         FFmpeg or convert the file with `ffmpeg -i`."
    )]
    NoDecoder {
        /// The file.
        file: String,
        /// Name of the format.
        codec: String,
        /// What FFmpeg said.
        cause: String,
    },
    /// Nothing in the file could be decoded.
    #[error("cannot decode `{file}`: {cause}. Copy or download it again.")]
    Decode {
        /// The file.
        file: String,
        /// What went wrong.
        cause: String,
    },
    /// The caller raised its [`super::CancelToken`].
    #[error("reading `{file}` was cancelled. Open it again to continue.")]
    Cancelled {
        /// The file.
        file: String,
    },
    /// A file cannot be written.
    #[error("cannot write `{file}`: {cause}. {remedy}")]
    Write {
        /// The file.
        file: String,
        /// What went wrong.
        cause: String,
        /// What to do.
        remedy: String,
    },
}

impl MediaError {
    /// True when the work was stopped on request, which is no fault of the file.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled { .. })
    }

    pub(super) fn from_open(path: &Path, e: &std::io::Error) -> Self {
        let file = shown(path);
        match e.kind() {
            std::io::ErrorKind::NotFound => Self::NotFound { file },
            _ => Self::Io { file, cause: io_cause(e) },
        }
    }
}

/// A path as people read it; bytes that are no UTF-8 become a replacement sign.
pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// An operating system error without its number.
pub(super) fn io_cause(e: &std::io::Error) -> String {
    let text = e.to_string();
    match text.find(" (os error") {
        Some(at) => text[..at].to_lowercase(),
        None => text,
    }
}

/// Something odd about a file that is played all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaWarning {
    /// Where in the clip, if it is at one place.
    pub at: Option<MediaTime>,
    /// What is odd, and what is done about it.
    pub text: String,
}

impl MediaWarning {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { at: None, text: text.into() }
    }
}

impl std::fmt::Display for MediaWarning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.at {
            Some(t) => write!(f, "at {t}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}
