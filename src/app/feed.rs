//! The player's look-ahead as the worker's feed: only this room knows both.

use crate::infer::{FrameFeed, InputFrame};
use crate::player::LookAhead;
use crate::units::{Generation, MediaTime};

impl FrameFeed for LookAhead {
    fn now(&self) -> MediaTime {
        LookAhead::now(self)
    }
    fn speed(&self) -> f64 {
        LookAhead::speed(self)
    }
    fn is_playing(&self) -> bool {
        LookAhead::is_playing(self)
    }
    fn generation(&self) -> Generation {
        LookAhead::generation(self)
    }
    fn shown(&self) -> Option<InputFrame> {
        LookAhead::frames(self).first().map(|f| InputFrame::from(f.as_ref()))
    }
    fn ahead(&self) -> Vec<InputFrame> {
        LookAhead::frames(self).iter().map(|f| InputFrame::from(f.as_ref())).collect()
    }
}
