//! The sound card: outputs, the sample ring, and when a sample is truly heard.
//!
//! Owns every stream to a sound device and the thread-free path from the decoded samples to it:
//! [`RingWriter`] → [`rodio`]'s mixer → device callback. Never opens files and knows no frames;
//! the callback neither locks, allocates nor logs. Start with [`open_output`], then
//! [`History::heard_at`], the base of the player's clock.

mod capture;
mod device;
mod feed;
mod history;
mod null;
mod output;
mod ring;
mod stretch;
mod wall;

pub use capture::{Captured, ManualDevice};
pub use device::{OutputDeviceInfo, device_fingerprint, output_devices};
pub use feed::Feed;
pub use history::{Heard, History, Report};
pub use output::{
    AudioError, Output, OutputChoice, OutputConfig, OutputKind, open_output, volume_gain,
};
pub use ring::{CHANNELS, RingShared, RingSource, RingWriter};
pub use stretch::Stretch;
pub use wall::{WallClock, WallTime};
