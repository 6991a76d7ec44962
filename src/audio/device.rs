//! Real devices through cpal.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rodio::cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use rodio::cpal::{
    BufferSize, Device, ErrorKind, FromSample, OutputCallbackInfo, SampleFormat, SizedSample,
    Stream, StreamConfig, SupportedBufferSize,
};

use super::{AudioError, Feed, Output, OutputConfig, OutputKind, RingWriter, WallClock};

/// Frames per callback asked for: 21 ms at 48 kHz, calm on a busy machine and still quick.
const PERIOD_FRAMES: u32 = 1024;
/// A device that asks for no samples for this long is lost, whatever it says.
const STALL: i64 = 2_000_000_000;
/// The same before its first callback: sound servers take their time to start a stream.
const START_STALL: i64 = 6_000_000_000;

/// A device to play on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputDeviceInfo {
    /// Name to choose it by.
    pub name: String,
    /// The same for people.
    pub description: String,
    /// The system's default.
    pub default: bool,
}

/// All devices that can play. Never opens one; empty when the system has no sound.
pub fn output_devices() -> Vec<OutputDeviceInfo> {
    let host = rodio::cpal::default_host();
    let default = host.default_output_device().map(|d| device_name(&d));
    let Ok(devices) = host.devices() else { return Vec::new() };
    let mut all: Vec<OutputDeviceInfo> = Vec::new();
    for d in devices.filter(DeviceTrait::supports_output) {
        let name = device_name(&d);
        // ALSA's placeholder that takes samples at any speed and plays none.
        if name == "null" || all.iter().any(|o| o.name == name) {
            continue;
        }
        let description =
            d.description().map_or_else(|_| name.clone(), |desc| desc.name().to_owned());
        all.push(OutputDeviceInfo { default: default.as_ref() == Some(&name), name, description });
    }
    all
}

/// ALSA tells devices apart by their PCM name, other systems by the description.
fn device_name(d: &Device) -> String {
    match d.description() {
        Ok(desc) => desc.driver().map_or_else(|| desc.name().to_owned(), str::to_owned),
        Err(_) => "unknown device".to_owned(),
    }
}

/// Changes whenever a sound device or server may have come or gone, without opening anything:
/// on Linux a failed attempt to open prints ALSA's complaints, so attempts must be rare.
/// Empty where there is no cheap way to know (other systems, where an attempt is silent).
pub fn device_fingerprint() -> String {
    if !cfg!(target_os = "linux") {
        return String::new();
    }
    let cards = std::fs::read_to_string("/proc/asound/cards").unwrap_or_default();
    let mut text = format!("cards {cards}");
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(std::path::PathBuf::from);
    for socket in ["pulse/native", "pipewire-0"] {
        let made = runtime
            .as_ref()
            .and_then(|r| std::fs::metadata(r.join(socket)).ok())
            .and_then(|m| m.modified().ok());
        text.push_str(&format!(" {socket} {made:?}"));
    }
    text
}

/// State that the callbacks leave for the owner.
#[derive(Default)]
struct Health {
    /// The first error that ended the stream, in the system's words.
    lost: OnceLock<String>,
    /// cpal's own count of device underruns.
    xruns: AtomicU64,
    delay_nanos: AtomicI64,
    last_callback: AtomicI64,
}

struct DeviceOutput {
    config: OutputConfig,
    /// Held for its drop, which ends the sound.
    _stream: Stream,
    health: Arc<Health>,
    wall: WallClock,
    opened_at: i64,
}

pub(super) fn open(
    name: Option<&str>,
    wall: &WallClock,
    capacity: Duration,
    gain: f32,
) -> Result<(Box<dyn Output>, RingWriter), AudioError> {
    let no_device = |reason: String| AudioError::NoDevice { name: name.map(str::to_owned), reason };
    let host = rodio::cpal::default_host();
    let device = match name {
        None => host.default_output_device().ok_or_else(|| no_device("none found".into()))?,
        Some(want) => host
            .devices()
            .map_err(|e| no_device(e.to_string()))?
            .find(|d| device_name(d) == want)
            .ok_or_else(|| no_device("not present".into()))?,
    };
    let supported = device.default_output_config().map_err(|e| no_device(e.to_string()))?;
    let format = supported.sample_format();
    let period = match supported.buffer_size() {
        SupportedBufferSize::Range { min, max } if min <= max => {
            BufferSize::Fixed(PERIOD_FRAMES.clamp(*min, *max))
        }
        _ => BufferSize::Default,
    };
    let mut config: StreamConfig = supported.config();
    let mut built = None;
    // A device may refuse the period it said it supports: then its own choice.
    for buffer_size in [period, BufferSize::Default] {
        config.buffer_size = buffer_size;
        let (writer, feed) = Feed::new(config.sample_rate, config.channels, capacity, gain);
        let health = Arc::new(Health::default());
        let stream = match format {
            SampleFormat::F32 => build::<f32>(&device, config, feed, wall, &health),
            SampleFormat::I16 => build::<i16>(&device, config, feed, wall, &health),
            SampleFormat::I32 => build::<i32>(&device, config, feed, wall, &health),
            SampleFormat::U16 => build::<u16>(&device, config, feed, wall, &health),
            SampleFormat::U8 => build::<u8>(&device, config, feed, wall, &health),
            SampleFormat::F64 => build::<f64>(&device, config, feed, wall, &health),
            other => {
                let name = device_name(&device);
                return Err(AudioError::Format { name, format: format!("{other} samples") });
            }
        };
        let failed = stream.is_err();
        built = Some((stream, writer, health));
        if !failed {
            break;
        }
    }
    let (stream, writer, health) = built.ok_or_else(|| no_device("no configuration".into()))?;
    let stream = stream.map_err(|e| no_device(e.to_string()))?;
    stream.play().map_err(|e| no_device(e.to_string()))?;
    let output = DeviceOutput {
        config: OutputConfig {
            kind: OutputKind::Device,
            name: device_name(&device),
            rate: config.sample_rate,
            channels: config.channels,
        },
        _stream: stream,
        health,
        wall: wall.clone(),
        opened_at: wall.now().as_nanos(),
    };
    Ok((Box::new(output), writer))
}

fn build<T: SizedSample + FromSample<f32>>(
    device: &Device,
    config: StreamConfig,
    mut feed: Feed,
    wall: &WallClock,
    health: &Arc<Health>,
) -> Result<Stream, rodio::cpal::Error> {
    let (wall, state, errors) = (wall.clone(), health.clone(), health.clone());
    let channels = usize::from(config.channels.max(1));
    // Room for any callback that is not absurd; longer ones are converted in parts.
    let mut floats = vec![0.0_f32; 4096 * channels];
    let rate = f64::from(config.sample_rate.max(1));
    let on_data = move |data: &mut [T], info: &OutputCallbackInfo| {
        let now = wall.now();
        let stamp = info.timestamp();
        // Not `stamp.callback` itself: its origin differs by host, the difference does not.
        let delay = stamp.playback.duration_since(stamp.callback);
        let mut done = 0_usize;
        for part in data.chunks_mut(floats.len()) {
            let buffer = &mut floats[..part.len()];
            let after = Duration::from_secs_f64((done / channels) as f64 / rate);
            feed.fill(buffer, now, delay + after);
            for (to, from) in part.iter_mut().zip(buffer.iter()) {
                *to = T::from_sample(*from);
            }
            done += part.len();
        }
        let nanos = i64::try_from(delay.as_nanos()).unwrap_or(0);
        state.delay_nanos.store(nanos, Ordering::Relaxed);
        state.last_callback.store(now.as_nanos(), Ordering::Release);
    };
    let on_error = move |e: rodio::cpal::Error| match e.kind() {
        ErrorKind::Xrun => {
            errors.xruns.fetch_add(1, Ordering::Relaxed);
        }
        // Rerouted by the system, still playing; or a priority that was not granted.
        ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied => {}
        kind => {
            let _ = errors.lost.set(format!("{kind:?}: {e}"));
        }
    };
    device.build_output_stream(config, on_data, on_error, Some(Duration::from_secs(1)))
}

impl Output for DeviceOutput {
    fn config(&self) -> &OutputConfig {
        &self.config
    }

    fn lost(&self) -> Option<String> {
        if let Some(why) = self.health.lost.get() {
            return Some(why.clone());
        }
        let last = self.health.last_callback.load(Ordering::Acquire);
        let now = self.wall.now().as_nanos();
        let stalled = match last {
            0 => now - self.opened_at > START_STALL,
            t => now - t > STALL,
        };
        stalled.then(|| "it no longer asks for samples".into())
    }

    fn delay(&self) -> Duration {
        let nanos = self.health.delay_nanos.load(Ordering::Relaxed);
        Duration::from_nanos(nanos.max(0).unsigned_abs())
    }
}
