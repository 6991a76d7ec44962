//! What is to be shown now, and why.

use std::sync::Arc;
use std::time::Duration;

use super::PlayerError;
use super::loops::Loops;
use super::shared::{ClockKind, Note};
use crate::audio::WallTime;
use crate::media::VideoFrame;
use crate::units::{FrameIndex, Generation, MediaTime};

/// What the player is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlayState {
    /// No clip.
    #[default]
    Empty,
    /// A clip is being opened.
    Opening,
    /// The frame asked for is being decoded; the old one stays on screen.
    Seeking,
    /// Time moves (or starts as soon as sound is there).
    Playing,
    /// Time stands.
    Paused,
    /// Everything has been played; playing starts over.
    Ended,
    /// The clip cannot be opened.
    Failed,
}

/// Counts since the clip was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames handed out to be drawn.
    pub shown: u64,
    /// Frames passed over while playing, because drawing or decoding was too slow.
    pub dropped: u64,
    /// Ticks at which the frame due was not decoded yet.
    pub late: u64,
    /// Times the sound device ran out of samples.
    pub underruns: u64,
}

/// What a window draws. Made by [`super::Player::tick`].
#[derive(Clone, Debug)]
pub struct Presentation {
    /// Raised by every seek.
    pub generation: Generation,
    /// What the player is doing.
    pub state: PlayState,
    /// The user wants to play, whatever the state.
    pub playing: bool,
    /// Place in the clip: what is heard now, or the target of a seek.
    pub now: MediaTime,
    /// Length of the clip.
    pub duration: MediaTime,
    /// The frame to draw; stays until the next one is there.
    pub frame: Option<Arc<VideoFrame>>,
    /// False while a key frame stands in during dragging, or a frame is overdue.
    pub exact: bool,
    /// The playhead is being dragged.
    pub scrubbing: bool,
    /// When to tick again although nobody calls; `None` when nothing moves.
    pub next_change: Option<Duration>,
    /// What drives the clock.
    pub clock: ClockKind,
    /// How long after its time the frame on screen was first handed out (0 for a seek).
    pub av_error: MediaTime,
    /// Counts since the clip was opened.
    pub counters: Counters,
    /// Frames decoded and not yet shown.
    pub frames_ahead: usize,
    /// Frames and bytes held in memory.
    pub frames_held: usize,
    /// Bytes of those frames.
    pub bytes_held: usize,
    /// Sound decoded and not yet given to the device.
    pub sound_ahead: Duration,
    /// Delay of the device.
    pub device_delay: Duration,
    /// Name of the device.
    pub device: String,
    /// Speed, 1 for normal.
    pub speed: f64,
    /// Volume in [0, 1], whether muted or not.
    pub volume: f32,
    /// No sound is let through.
    pub muted: bool,
    /// A-B marks and clip loop.
    pub loops: Loops,
    /// Sound track that plays.
    pub track: Option<usize>,
    /// The user's correction of the sound's delay.
    pub audio_offset: MediaTime,
    /// Jumps that [`super::Player::undo_seek`] can take back.
    pub undo_seeks: usize,
    /// Why opening failed.
    pub error: Option<PlayerError>,
    /// What the user should know, newest last; ids count up.
    pub notes: Vec<Note>,
}

impl Default for Presentation {
    fn default() -> Self {
        Self {
            generation: Generation::default(),
            state: PlayState::Empty,
            playing: false,
            now: MediaTime::ZERO,
            duration: MediaTime::ZERO,
            frame: None,
            exact: true,
            scrubbing: false,
            next_change: None,
            clock: ClockKind::default(),
            av_error: MediaTime::ZERO,
            counters: Counters::default(),
            frames_ahead: 0,
            frames_held: 0,
            bytes_held: 0,
            sound_ahead: Duration::ZERO,
            device_delay: Duration::ZERO,
            device: String::new(),
            speed: 1.0,
            volume: 1.0,
            muted: false,
            loops: Loops::default(),
            track: None,
            audio_offset: MediaTime::ZERO,
            undo_seeks: 0,
            error: None,
            notes: Vec::new(),
        }
    }
}

/// One frame handed out to be drawn, for measurements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shown {
    /// When.
    pub at: WallTime,
    /// Which.
    pub frame: FrameIndex,
    /// Its presentation time.
    pub time: MediaTime,
    /// What the clock said.
    pub clock: MediaTime,
    /// Under which seek.
    pub generation: Generation,
}
