//! What a file holds.

use super::error::MediaWarning;
use super::source::MediaSource;
use crate::units::{ColorSpec, MediaTime, Orientation, TimeBase};

/// What was found in a source at open. Times are relative to the clip's start.
#[derive(Clone, Debug)]
pub struct MediaInfo {
    /// Where it comes from.
    pub source: MediaSource,
    /// Name of the container format, such as `QuickTime / MOV`.
    pub container: String,
    /// FFmpeg's short name of the container format, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    pub container_short: String,
    /// Length: to the end of the last frame or sample, whichever is later, as counted in the
    /// file, never as its header says.
    pub duration: MediaTime,
    /// Length that the header claims, if it does.
    pub header_duration: Option<MediaTime>,
    /// Where the clip's start lies on the container's own clock.
    pub start: MediaTime,
    /// Size of the files in bytes.
    pub size_bytes: u64,
    /// The picture; `None` for sound-only files (a cover picture is no video).
    pub video: Option<VideoInfo>,
    /// The sound tracks, in the order of the file; the index is the track number.
    pub audio: Vec<AudioInfo>,
    /// Streams that are not played: further videos, covers, subtitles, data.
    pub not_played: Vec<String>,
    /// What is odd about the file.
    pub warnings: Vec<MediaWarning>,
}

impl MediaInfo {
    /// A description of nothing, to start from in tests.
    pub fn empty(source: MediaSource) -> Self {
        Self {
            source,
            container: String::new(),
            container_short: String::new(),
            duration: MediaTime::ZERO,
            header_duration: None,
            start: MediaTime::ZERO,
            size_bytes: 0,
            video: None,
            audio: Vec::new(),
            not_played: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The sound track to start with: the one marked default, else the first that decodes.
    pub fn default_track(&self) -> Option<usize> {
        let usable = |a: &&AudioInfo| a.decodable;
        let marked = self.audio.iter().filter(usable).find(|a| a.default);
        marked.or_else(|| self.audio.iter().find(usable)).map(|a| a.track)
    }
}

/// The picture stream of a clip.
#[derive(Clone, Debug)]
pub struct VideoInfo {
    /// Stream number in the file.
    pub stream: usize,
    /// Codec name, such as `h264`.
    pub codec: String,
    /// Visible coded width in pixels.
    pub width: u32,
    /// Visible coded height in pixels.
    pub height: u32,
    /// FFmpeg's name of the pixel format.
    pub pixel_format: String,
    /// Bits per sample.
    pub bits: u8,
    /// Whether there is an alpha plane.
    pub alpha: bool,
    /// Colour description in use.
    pub color: ColorSpec,
    /// True when the matrix is a guess because the file has no tag.
    pub color_guessed: bool,
    /// How to turn the picture upright.
    pub orientation: Orientation,
    /// Pixel width divided by pixel height.
    pub pixel_aspect: f32,
    /// Mean frames per second, from the index; 0 for a still picture.
    pub frame_rate: f64,
    /// True when the distances of frames differ by more than rounding to ticks explains.
    pub variable_rate: bool,
    /// Number of presented frames.
    pub frames: u32,
    /// Number of key frames.
    pub key_frames: u32,
    /// Tick length of the presentation time stamps.
    pub time_base: TimeBase,
    /// True for a still picture.
    pub still: bool,
}

/// One sound track of a clip.
#[derive(Clone, Debug)]
pub struct AudioInfo {
    /// Stream number in the file.
    pub stream: usize,
    /// Track number: place among the sound tracks, from 0.
    pub track: usize,
    /// Codec name, such as `aac`.
    pub codec: String,
    /// Samples per second.
    pub rate: u32,
    /// Number of channels.
    pub channels: u16,
    /// Language tag, if any.
    pub language: Option<String>,
    /// Title, if any.
    pub title: Option<String>,
    /// Marked as the default track.
    pub default: bool,
    /// Whether a decoder is at hand; if not, `problem` says why.
    pub decodable: bool,
    /// Why it cannot be decoded.
    pub problem: Option<String>,
    /// When the first sample sounds; later than zero for a track that starts late.
    pub start: MediaTime,
    /// When the last sample ends.
    pub end: MediaTime,
}
