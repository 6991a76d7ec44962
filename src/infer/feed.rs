//! Where the worker's pictures come from, as traits, so that it can be tested without files.

use std::sync::Arc;

use super::InferError;
use crate::units::{FrameIndex, Generation, MediaTime, PlanarPicture};

/// A decoded frame as the worker takes it.
#[derive(Clone, Debug)]
pub struct InputFrame {
    /// Its place in the presentation index.
    pub index: FrameIndex,
    /// Its presentation time.
    pub time: MediaTime,
    /// Its planes.
    pub picture: Arc<PlanarPicture>,
}

/// The playhead and the frames decoded ahead of it, readable from any thread. The player's
/// look-ahead implements it (in `app`, which knows both rooms).
pub trait FrameFeed: Send + Sync {
    /// The clock.
    fn now(&self) -> MediaTime;
    /// Media seconds per second.
    fn speed(&self) -> f64;
    /// True while the clock runs.
    fn is_playing(&self) -> bool;
    /// Raised by every seek.
    fn generation(&self) -> Generation;
    /// The frame on screen.
    fn shown(&self) -> Option<InputFrame>;
    /// The frame on screen, then those decoded and not yet shown, in presentation order.
    fn ahead(&self) -> Vec<InputFrame>;
}

/// Decodes frames for the background pass; its own reader, so that playback is not disturbed.
pub trait PictureSource: Send {
    /// Exactly this frame; the next one follows from [`Self::next`].
    ///
    /// # Errors
    /// What the decoder says.
    fn seek(&mut self, frame: FrameIndex) -> Result<Option<InputFrame>, InferError>;
    /// The next frame in presentation order.
    ///
    /// # Errors
    /// What the decoder says.
    fn next(&mut self) -> Result<Option<InputFrame>, InferError>;
}
