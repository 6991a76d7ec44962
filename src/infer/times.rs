//! When frames are shown, as far as maps care.

use crate::units::{FrameIndex, MediaTime};

/// Presentation times of a clip's frames. Implemented by `media`'s presentation index; a trait,
/// so that stores and schedules can be tested on clips that no file holds.
pub trait FrameTimes: Send + Sync {
    /// Number of frames.
    fn len(&self) -> usize;
    /// True for a clip without frames.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Presentation time of a frame.
    fn time(&self, frame: FrameIndex) -> Option<MediaTime>;
    /// The frame shown at `time`: the greatest time not after it, before the first the first.
    fn frame_at(&self, time: MediaTime) -> Option<FrameIndex>;
    /// When the last frame ends.
    fn end(&self) -> MediaTime;
}

/// The times of a clip without frames.
pub struct NoFrames;

impl FrameTimes for NoFrames {
    fn len(&self) -> usize {
        0
    }
    fn time(&self, _: FrameIndex) -> Option<MediaTime> {
        None
    }
    fn frame_at(&self, _: MediaTime) -> Option<FrameIndex> {
        None
    }
    fn end(&self) -> MediaTime {
        MediaTime::ZERO
    }
}
