//! tmp
use super::LaneSound; use std::sync::Arc;
pub struct ClipMapsLane; pub struct SoundTrackLane;
#[derive(Default)] pub(super) struct Shown; 
#[derive(Default)] pub struct SoundLanes; impl SoundLanes { pub fn of(&mut self) -> Option<Arc<dyn LaneSound>> { None } }
pub fn bracket_of() {}
