//! Files that show the map: still pictures, videos with their sound, and the first clip.
//!
//! Owns what is written for people to look at; never decides what a map is. Everything blocks
//! and takes a cancel token where it lasts; callers bring the threads (`fnac-export`,
//! `fnac-builtin`). Files appear whole or not at all. The picture is drawn by the overlay's CPU
//! twin, which is held to the shader within 1/255, so no GPU is needed and the window's one is
//! not disturbed. Start reading at [`overlay_frame`] and [`overlay_video`].

mod builtin;
mod burn;
mod font;
mod png;
mod video;

pub use builtin::{builtin_clip, write_builtin};
pub use burn::{burn_legend, overlay_frame};
pub use png::{png_bytes, write_png};
pub use video::{FrameMaps, VideoExport, VideoReport, overlay_video};

use crate::media::MediaError;

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Reading the clip or writing the video failed.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The drawn world could not be set up.
    #[error(transparent)]
    Synth(#[from] crate::synth::SynthError),
    /// A file could not be written.
    #[error("cannot write {path}: {cause}. Free some space or choose another folder.")]
    Write {
        /// The file.
        path: String,
        /// What the system said.
        cause: String,
    },
    /// The picture could not be encoded.
    #[error("cannot encode the picture for {path}: {cause}")]
    Encode {
        /// The file.
        path: String,
        /// What the encoder said.
        cause: String,
    },
    /// There is nothing to draw over.
    #[error("{clip} has no picture to draw over")]
    NoPicture {
        /// The clip.
        clip: String,
    },
    /// Stopped by the user; nothing is left on disk.
    #[error("stopped; no file was written")]
    Cancelled,
}
