//! What a sound device is to the player, and how one is opened.

use std::time::Duration;

use super::null::PacedNull;
use super::{Feed, ManualDevice, RingWriter, WallClock, device};

/// Rate of the null device.
const NULL_RATE: u32 = 48_000;

/// Where the sound goes.
#[derive(Clone, Debug, Default)]
pub enum OutputChoice {
    /// The system's default device.
    #[default]
    Default,
    /// A device by the name that [`super::output_devices`] lists.
    Device(String),
    /// No device: samples are taken at `pace` times real time and dropped.
    Null {
        /// 1 for real time.
        pace: f64,
    },
    /// A device operated by a test.
    Manual(ManualDevice),
}

impl PartialEq for OutputChoice {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Default, Self::Default) => true,
            (Self::Device(a), Self::Device(b)) => a == b,
            (Self::Null { pace: a }, Self::Null { pace: b }) => a == b,
            _ => false,
        }
    }
}

/// What kind of device plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// One that is heard.
    Device,
    /// The wall clock in a device's place.
    Null,
}

/// An open device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputConfig {
    /// Heard or not.
    pub kind: OutputKind,
    /// The device's name for people.
    pub name: String,
    /// Frames per second.
    pub rate: u32,
    /// Interleaved channels.
    pub channels: u16,
}

/// An open stream to a device; dropping it ends the sound.
pub trait Output: Send {
    /// Name, rate and channels.
    fn config(&self) -> &OutputConfig;
    /// Why the device no longer plays, once it does not.
    fn lost(&self) -> Option<String>;
    /// Time from a callback until its first sample is heard, as last reported.
    fn delay(&self) -> Duration;
}

/// What can go wrong with a sound device. All of it is survived with the null device.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AudioError {
    /// No such device, or none at all.
    #[error("no sound device{}: {}; playing on without sound",
        name.as_ref().map(|n| format!(" {n:?}")).unwrap_or_default(),
        reason.trim_end_matches('.'))]
    NoDevice {
        /// The name asked for, `None` for the default device.
        name: Option<String>,
        /// The system's words.
        reason: String,
    },
    /// The device's sample format is none of those that can be written.
    #[error("sound device {name:?}: cannot play {format}; choose another device")]
    Format {
        /// The device.
        name: String,
        /// What it wants.
        format: String,
    },
    /// The system has no thread left.
    #[error("cannot start the sound thread: {reason}")]
    Thread {
        /// The system's words.
        reason: String,
    },
}

/// Opens a device with a ring for `capacity` of sound in front of it, at first closed, at
/// volume factor `gain`. May block for as long as the sound server takes to answer.
pub fn open_output(
    choice: &OutputChoice,
    wall: &WallClock,
    capacity: Duration,
    gain: f32,
) -> Result<(Box<dyn Output>, RingWriter), AudioError> {
    match choice {
        OutputChoice::Default => device::open(None, wall, capacity, gain),
        OutputChoice::Device(name) => device::open(Some(name), wall, capacity, gain),
        OutputChoice::Manual(d) => d.open(capacity, gain),
        OutputChoice::Null { pace } => {
            let (writer, feed) = Feed::new(NULL_RATE, 2, capacity, gain);
            let config = OutputConfig {
                kind: OutputKind::Null,
                name: "none (the clock runs free)".into(),
                rate: NULL_RATE,
                channels: 2,
            };
            let out = PacedNull::start(feed, config, wall.clone(), *pace)?;
            Ok((Box::new(out), writer))
        }
    }
}

/// Factor on the samples for a volume in [0, 1]: cubic, so that equal steps sound equal
/// (mpv's choice).
pub fn volume_gain(volume: f32, muted: bool) -> f32 {
    if muted || volume.is_nan() { 0.0 } else { volume.clamp(0.0, 1.0).powi(3) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volume_is_silent_when_muted_and_full_at_one() {
        assert_eq!(volume_gain(1.0, false), 1.0);
        assert_eq!(volume_gain(1.0, true), 0.0);
        assert_eq!(volume_gain(f32::NAN, false), 0.0);
        assert!(volume_gain(0.5, false) < 0.2);
    }

    #[test]
    fn a_missing_device_is_an_error_that_names_it() {
        let wall = WallClock::manual();
        let dev = ManualDevice::new(wall.clone(), 48_000, 480, Duration::ZERO);
        dev.unplug();
        let choice = OutputChoice::Manual(dev);
        let err = open_output(&choice, &wall, Duration::from_secs(1), 1.0).err().unwrap();
        assert!(err.to_string().contains("no sound device"), "{err}");
    }
}
