//! What a device's callback calls: pulls rodio's mixer and says when the samples are heard.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use rodio::mixer::{Mixer, MixerSource};

use super::ring::MAX_BLOCK;
use super::{RingShared, RingWriter, WallTime};

/// A jump of the device's clock beyond this is believed at once (start, dropout), below it is
/// jitter and smoothed.
const JUMP_NANOS: i64 = 40_000_000;
/// Share of the measured deviation that corrects the clock per callback once it has settled:
/// small against the jitter of a scheduler, large against the drift of a crystal (100 ppm of
/// a 15 ms callback are 1.5 µs).
const SETTLED_GAIN: f64 = 0.03;

/// Feeds one device: rodio's mixer behind a smoothed estimate of when each block is heard.
pub struct Feed {
    /// Keeps the mixer's sending half, to which further sources could be added.
    _mixer: Mixer,
    source: MixerSource,
    shared: Arc<RingShared>,
    channels: usize,
    rate: u32,
    /// Predicted wall time at which the next block is heard, in nanoseconds.
    next_heard: Option<f64>,
    /// Callbacks since the estimate was last set anew.
    settled: u32,
}

impl Feed {
    /// A ring and the feed that plays it on a device of `channels` at `rate`.
    pub fn new(rate: u32, channels: u16, capacity: Duration, gain: f32) -> (RingWriter, Self) {
        let channels = NonZero::new(channels).unwrap_or(NonZero::<u16>::MIN);
        let rate_nz = NonZero::new(rate).unwrap_or(NonZero::<u32>::MIN);
        let (writer, ring) = RingWriter::new(rate_nz.get(), capacity, channels.get() == 1, gain);
        let shared = writer.shared().clone();
        let (mixer, source) = rodio::mixer::mixer(channels, rate_nz);
        // Same rate, so rodio passes samples through: no look-ahead, positions stay exact.
        mixer.add(ring);
        let feed = Self {
            _mixer: mixer,
            source,
            shared,
            channels: usize::from(channels.get()),
            rate: rate_nz.get(),
            next_heard: None,
            settled: 0,
        };
        (writer, feed)
    }

    /// Frames per second.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Interleaved channels.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// State shared with the writer and the clock.
    pub fn shared(&self) -> &Arc<RingShared> {
        &self.shared
    }

    /// True while the device has something to play.
    pub fn is_open(&self) -> bool {
        self.shared.is_open()
    }

    /// Fills `out` (interleaved, whole frames). `now` is the wall time of the callback, `delay`
    /// the time from now until the first frame is heard. Runs in the device's callback: no
    /// lock, no allocation, no log. Returns when the first frame is heard.
    pub fn fill(&mut self, out: &mut [f32], now: WallTime, delay: Duration) -> WallTime {
        let delay = i64::try_from(delay.as_nanos()).unwrap_or(0);
        let heard = self.estimate(now.plus_nanos(delay), out.len() / self.channels);
        let mut offset = 0_usize;
        for part in out.chunks_mut(MAX_BLOCK * self.channels) {
            let frames = part.len() / self.channels;
            let after = offset as f64 * 1e9 / f64::from(self.rate);
            self.shared.begin_block(heard.plus_nanos(after as i64), frames);
            for v in part.iter_mut() {
                *v = self.source.next().unwrap_or(0.0);
            }
            offset += frames;
        }
        heard
    }

    /// Delay-locked loop: devices report their delay with jitter (a scheduler's wake-up, a
    /// sound server's guess), but samples leave at a steady rate.
    fn estimate(&mut self, measured: WallTime, frames: usize) -> WallTime {
        let measured = measured.as_nanos() as f64;
        let heard = match self.next_heard {
            Some(p) if ((measured - p).abs() as i64) < JUMP_NANOS => {
                self.settled = self.settled.saturating_add(1);
                let gain = (1.0 / f64::from(self.settled + 1)).max(SETTLED_GAIN);
                p + (measured - p) * gain
            }
            _ => {
                self.settled = 0;
                measured
            }
        };
        self.next_heard = Some(heard + frames as f64 * 1e9 / f64::from(self.rate));
        WallTime::from_nanos(heard as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jittering_delay_gives_a_steady_clock() {
        let (_w, mut feed) = Feed::new(48_000, 2, Duration::from_secs(1), 1.0);
        let mut out = vec![0.0; 480 * 2];
        let mut worst = 0_i64;
        for i in 0..500_i64 {
            // Callbacks up to 8 ms late, the reported delay not knowing of it.
            let jitter = (i * 7919 % 9) * 1_000_000 - 4_000_000;
            let now = WallTime::from_nanos(i * 10_000_000 + jitter);
            let heard = feed.fill(&mut out, now, Duration::from_millis(30));
            let truth = i * 10_000_000 + 30_000_000;
            if i > 100 {
                worst = worst.max((heard.as_nanos() - truth).abs());
            }
        }
        assert!(worst < 1_000_000, "worst {worst} ns of 4 ms jitter");
    }

    #[test]
    fn a_dropout_of_the_device_is_believed_at_once() {
        let (_w, mut feed) = Feed::new(48_000, 2, Duration::from_secs(1), 1.0);
        let mut out = vec![0.0; 480 * 2];
        for i in 0..100_i64 {
            feed.fill(&mut out, WallTime::from_nanos(i * 10_000_000), Duration::ZERO);
        }
        let heard = feed.fill(&mut out, WallTime::from_nanos(3_000_000_000), Duration::ZERO);
        assert_eq!(heard.as_nanos(), 3_000_000_000);
    }

    #[test]
    fn all_channel_counts_play_and_positions_stay_exact() {
        for channels in [1_u16, 2, 6] {
            let (mut w, mut feed) = Feed::new(1000, channels, Duration::from_secs(10), 1.0);
            w.shared().set_open(true);
            w.write(&vec![0.5; 2 * 5000]);
            let mut out = vec![0.0; 300 * usize::from(channels)];
            for i in 0..10_i64 {
                feed.fill(&mut out, WallTime::from_nanos(i * 300_000_000), Duration::ZERO);
            }
            assert_eq!(w.shared().position(), 3000, "{channels} channels");
            let front = out[out.len() - usize::from(channels)];
            assert!((front - 0.5).abs() < 1e-3, "{channels} channels: {front}");
        }
    }
}
