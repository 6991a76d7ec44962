//! From picture and sound to a map, ahead of the playhead.
//!
//! Owns the [`Localizer`] (the only way from picture and sound to a map), the worker thread that
//! computes maps before their frames are shown, and the [`MapStore`] that keeps them; never
//! draws, and never makes playback wait. Start with [`Localizer`], then [`InferWorker`].

mod cache;
mod clip;
mod error;
mod evidence;
mod feed;
mod live;
mod localizer;
mod recent;
mod schedule;
mod sound;
mod status;
mod store;
mod summary;
mod times;
mod worker;

#[cfg(test)]
mod testing;

pub use cache::{CacheKey, MapCache, cache_dir};
pub use clip::ClipFeed;
pub use error::InferError;
pub use evidence::{Evidence, SoundBank};
pub use feed::{FrameFeed, InputFrame, PictureSource};
pub use live::{LiveFacts, LiveModel, LiveOptions, LiveWorker, Weights};
pub use localizer::{FrameEmbedding, Localization, Localizer, PriorTower};
pub use schedule::{Ahead, Latency, Next, Scheduler};
pub use sound::{SoundTest, SoundWindow, WindowSource, noise, tested_window, window_at};
pub use status::{InferState, InferStatus};
pub use store::{FrameState, LookupPolicy, MapAt, MapStore, Maps, StoredMap};
pub use summary::{MapSummary, display_threshold, nothing_sounds};
pub use times::{FrameTimes, NoFrames};
pub use worker::{DeviceOpener, InferWorker, TowerOpener, WorkerOptions};
