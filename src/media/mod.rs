//! Files: demuxing, decoding, the presentation index, encoding. Never knows clocks or the sound
//! card.
//!
//! Start with [`MediaSource`] (what to open) and [`Clip`] (what was found: [`MediaInfo`] and
//! [`PresentationIndex`]). [`FrameReader`] gives pictures by frame number, [`AudioReader`] gives
//! sound by time, [`SoundTrack`] holds a whole track for the model and the waveform lane, and
//! [`ClipWriter`] writes files. Everything here blocks; callers bring the threads.
//!
//! Times are relative to the clip's start: the first presented frame, or the first sample of
//! sound where that comes earlier ([`MediaInfo::start`] says where this lies on the container's
//! own clock). Sound and picture share that zero.

mod convert;
mod demux;
mod error;
mod frames;
mod index;
mod info;
mod jpeg;
mod jpeg_exact;
mod passes;
mod pixels;
mod scan;
mod sound;
mod source;
mod still;
mod thumbs;
mod track;
mod versions;
mod writer;

pub use error::{MediaError, MediaWarning};
pub use frames::{FrameReader, FrameReaderOptions, VideoFrame};
pub use index::PresentationIndex;
pub use info::{AudioInfo, MediaInfo, VideoInfo};
pub use scan::{Clip, probe};
pub use sound::{AudioBlock, AudioFormat, AudioReader, Channels};
pub use source::{CancelToken, MediaSource};
pub use still::still_picture;
pub use thumbs::{Thumbnail, thumbnail};
pub use track::{ChannelChoice, SoundTrack};
pub use versions::{CodecSupport, codecs, ffmpeg_versions};
pub use writer::{AudioCodec, AudioSettings, ClipSettings, ClipWriter, VideoCodec};

use std::sync::Once;

/// Largest single allocation that FFmpeg may make, in bytes: a hostile header cannot ask for more.
const MAX_ALLOC: usize = 1 << 30;

/// Prepares FFmpeg once per process: its log goes no further than fatal errors (ours says what
/// matters, with the file's name), and one allocation is bounded.
fn init_ffmpeg() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if let Err(e) = ffmpeg_next::init() {
            tracing::warn!("FFmpeg did not start cleanly: {e}");
        }
        ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Fatal);
        // SAFETY: sets a process-wide limit inside libavutil; any value is allowed.
        unsafe { ffmpeg_next::ffi::av_max_alloc(MAX_ALLOC) };
    });
}
