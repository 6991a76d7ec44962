//! The sample ring between the decoding thread and the device's callback.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Duration;

use rodio::{ChannelCount, SampleRate, Source};

use super::{History, Report, WallTime};

/// Channels of the ring's samples, interleaved.
pub const CHANNELS: usize = 2;
/// Frames that one pull handles at most; longer callbacks are cut by [`super::Feed`].
pub(super) const MAX_BLOCK: usize = 2048;
/// Time constant with which steps (start, stop, jump) are smoothed away, in seconds.
const DECLICK_SECS: f32 = 0.003;
/// Time constant of volume changes, in seconds.
const GAIN_SECS: f32 = 0.010;
/// No splice is waiting.
const NO_SPLICE: u64 = u64::MAX;

/// What writer, callback and clock share, all of it atomic.
#[derive(Default)]
pub struct RingShared {
    /// Samples are taken only while this is set; otherwise the device plays silence.
    open: AtomicBool,
    gain_bits: AtomicU32,
    /// At this ring position…
    splice_at: AtomicU64,
    /// …go on at that one.
    splice_to: AtomicU64,
    /// Ring frames taken by the device or skipped.
    position: AtomicU64,
    /// Ring frames written.
    written: AtomicU64,
    /// Position after which nothing more will come, `u64::MAX` while more is expected.
    end: AtomicU64,
    underruns: AtomicU64,
    /// Silent frames that stood in for missing ones.
    missing_frames: AtomicU64,
    history: History,
    /// When the first frame of the callback under way is heard, in wall nanoseconds.
    block_heard_at: AtomicI64,
    /// Its frames.
    block_frames: AtomicU32,
    /// A paced thread that sleeps while the ring is closed.
    sleeper: OnceLock<Thread>,
}

impl RingShared {
    fn new(gain: f32) -> Self {
        let s = Self::default();
        s.gain_bits.store(gain.to_bits(), Ordering::Relaxed);
        s.splice_at.store(NO_SPLICE, Ordering::Relaxed);
        s.end.store(u64::MAX, Ordering::Relaxed);
        s
    }

    /// Lets samples through, or holds them back and plays silence.
    pub fn set_open(&self, open: bool) {
        let was = self.open.swap(open, Ordering::AcqRel);
        if open && !was {
            self.wake();
        }
    }

    /// Wakes a device that sleeps while the ring is closed.
    fn wake(&self) {
        if let Some(t) = self.sleeper.get() {
            t.unpark();
        }
    }

    /// Says which thread to wake when the ring opens.
    pub(super) fn set_sleeper(&self, thread: Thread) {
        let _ = self.sleeper.set(thread);
    }

    /// True while samples are let through.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Loudness as a factor on the samples, reached smoothly.
    pub fn set_gain(&self, gain: f32) {
        self.gain_bits.store(gain.to_bits(), Ordering::Relaxed);
    }

    /// Says that nothing follows after ring position `end`, or (`None`) that more will come.
    /// Running dry after the end is no underrun.
    pub fn set_end(&self, end: Option<u64>) {
        self.end.store(end.unwrap_or(u64::MAX), Ordering::Release);
    }

    /// Ring frames that the device has taken.
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Acquire)
    }

    /// Ring frames written so far.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Times the ring ran dry while it was open and more was expected.
    pub fn underruns(&self) -> u64 {
        self.underruns.load(Ordering::Relaxed)
    }

    /// Frames of silence played in place of missing ones.
    pub fn missing_frames(&self) -> u64 {
        self.missing_frames.load(Ordering::Relaxed)
    }

    /// When which frames are heard.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Called by the device before it pulls `frames` frames of which the first is heard at `at`.
    pub(super) fn begin_block(&self, at: WallTime, frames: usize) {
        self.block_heard_at.store(at.as_nanos(), Ordering::Relaxed);
        self.block_frames.store(frames.min(MAX_BLOCK) as u32, Ordering::Relaxed);
    }
}

/// The writing end: owned by the thread that decodes sound.
///
/// Bounded by the capacity given at its making; when full, [`Self::write`] takes less than
/// offered and the writer waits. Positions count frames and never wrap.
pub struct RingWriter {
    producer: rtrb::Producer<f32>,
    shared: Arc<RingShared>,
    written: u64,
    rate: u32,
}

impl RingWriter {
    /// A ring for `capacity` of stereo sound at `rate`; the source plays in `channels` (one for
    /// a mono device, else two) through rodio.
    pub fn new(rate: u32, capacity: Duration, mono: bool, gain: f32) -> (Self, RingSource) {
        let rate = rate.max(1);
        let frames = ((capacity.as_secs_f64() * f64::from(rate)) as usize).max(2 * MAX_BLOCK);
        let (producer, consumer) = rtrb::RingBuffer::new(frames * CHANNELS);
        let shared = Arc::new(RingShared::new(gain));
        let source = RingSource::new(consumer, shared.clone(), rate, mono, gain);
        (Self { producer, shared, written: 0, rate }, source)
    }

    /// Frames per second.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// The shared half.
    pub fn shared(&self) -> &Arc<RingShared> {
        &self.shared
    }

    /// Ring position of the next frame to be written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Frames written and not yet taken (those before a waiting jump count as taken).
    pub fn queued(&self) -> u64 {
        let mut from = self.shared.position();
        if self.shared.splice_at.load(Ordering::Acquire) <= from {
            from = from.max(self.shared.splice_to.load(Ordering::Acquire));
        }
        self.written.saturating_sub(from)
    }

    /// Frames that fit now.
    pub fn space(&self) -> usize {
        self.producer.slots() / CHANNELS
    }

    /// True when the reading end is gone with its device.
    pub fn is_abandoned(&self) -> bool {
        self.producer.is_abandoned()
    }

    /// Writes interleaved stereo; returns the frames taken, fewer than offered when full.
    pub fn write(&mut self, samples: &[f32]) -> usize {
        let frames = (samples.len() / CHANNELS).min(self.space());
        let (head, _) = samples.split_at(frames * CHANNELS);
        if self.producer.push_entire_slice(head).is_err() {
            return 0;
        }
        self.written += frames as u64;
        self.shared.written.store(self.written, Ordering::Release);
        frames
    }

    /// Drops everything written so far: the device goes on with what is written from now on.
    pub fn flush(&mut self) {
        // `to` before `at`: a callback between the two jumps to the newer place, which is right.
        self.shared.splice_to.store(self.written, Ordering::Release);
        self.shared.splice_at.store(0, Ordering::Release);
        self.shared.set_end(None);
        self.shared.wake();
    }

    /// When the device reaches ring position `at`, it goes on at `to` (`at <= to <= written`).
    pub fn splice(&mut self, at: u64, to: u64) {
        self.shared.splice_to.store(to.min(self.written), Ordering::Release);
        self.shared.splice_at.store(at, Ordering::Release);
    }
}

/// The reading end as a rodio source: endless, silent where samples are missing or held back.
///
/// `next` runs in the device's callback: no lock, no allocation, no log.
pub struct RingSource {
    consumer: rtrb::Consumer<f32>,
    shared: Arc<RingShared>,
    rate: u32,
    mono: bool,
    block: Box<[f32]>,
    /// Samples of `block` that are valid, and the next one.
    len: usize,
    at: usize,
    position: u64,
    gain: f32,
    gain_step: f32,
    /// What is added to smooth a step, per channel, decaying.
    residual: [f32; CHANNELS],
    residual_keep: f32,
    last: [f32; CHANNELS],
    /// The next sample does not follow from the last one.
    broken: bool,
    /// Running dry, already counted.
    dry: bool,
}

impl RingSource {
    fn new(
        consumer: rtrb::Consumer<f32>,
        shared: Arc<RingShared>,
        rate: u32,
        mono: bool,
        gain: f32,
    ) -> Self {
        let keep = |secs: f32| (-1.0 / (secs * rate as f32)).exp();
        Self {
            consumer,
            shared,
            rate,
            mono,
            block: vec![0.0; MAX_BLOCK * CHANNELS].into_boxed_slice(),
            len: 0,
            at: 0,
            position: 0,
            gain,
            gain_step: 1.0 - keep(GAIN_SECS),
            residual: [0.0; CHANNELS],
            residual_keep: keep(DECLICK_SECS),
            last: [0.0; CHANNELS],
            broken: true,
            dry: false,
        }
    }

    /// Follows a waiting jump once its place is reached; returns the frames up to that place.
    fn frames_to_splice(&mut self) -> u64 {
        let at = self.shared.splice_at.load(Ordering::Acquire);
        if at == NO_SPLICE {
            return u64::MAX;
        }
        if at > self.position {
            return at - self.position;
        }
        let to = self.shared.splice_to.load(Ordering::Acquire);
        let skip = to.saturating_sub(self.position) as usize;
        let samples = (skip * CHANNELS).min(self.consumer.slots());
        if let Ok(chunk) = self.consumer.read_chunk(samples) {
            chunk.commit_all();
        }
        self.position += (samples / CHANNELS) as u64;
        self.shared.position.store(self.position, Ordering::Release);
        self.broken = true;
        // A newer jump set in the meantime stays.
        let _ = self.shared.splice_at.compare_exchange(
            at,
            NO_SPLICE,
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
        u64::MAX
    }

    /// Fills the block for the callback under way.
    fn refill(&mut self) {
        let frames = (self.shared.block_frames.load(Ordering::Relaxed) as usize).max(1);
        let heard_at = WallTime::from_nanos(self.shared.block_heard_at.load(Ordering::Relaxed));
        let mut done = 0;
        // Jumps are followed while the gate is closed too: a flush empties a paused ring.
        let mut to_splice = self.frames_to_splice();
        if self.shared.is_open() {
            while done < frames {
                let want = (frames - done).min(usize::try_from(to_splice).unwrap_or(usize::MAX));
                let n = want.min(self.consumer.slots() / CHANNELS);
                if n == 0 {
                    break;
                }
                let range = done * CHANNELS..(done + n) * CHANNELS;
                if self.consumer.pop_entire_slice(&mut self.block[range]).is_err() {
                    break;
                }
                let after = done as f64 / f64::from(self.rate) * 1e9;
                self.shared.history.push(Report {
                    heard_at: heard_at.plus_nanos(after as i64),
                    start: self.position,
                    frames: n as u64,
                });
                self.shape(done, n);
                done += n;
                self.position += n as u64;
                self.shared.position.store(self.position, Ordering::Release);
                to_splice = self.frames_to_splice();
            }
            if done < frames && self.position < self.shared.end.load(Ordering::Acquire) {
                self.shared.missing_frames.fetch_add((frames - done) as u64, Ordering::Relaxed);
                if !self.dry {
                    self.shared.underruns.fetch_add(1, Ordering::Relaxed);
                }
                self.dry = true;
            } else {
                self.dry = false;
            }
        } else {
            self.dry = false;
        }
        if done < frames {
            self.block[done * CHANNELS..frames * CHANNELS].fill(0.0);
            // From sound to silence is a step; from silence to silence the step is zero.
            self.broken = true;
            self.shape(done, frames - done);
            self.broken = true;
        }
        self.len = frames * CHANNELS;
        self.at = 0;
    }

    /// Applies volume and smooths steps in frames `first .. first + n` of the block.
    fn shape(&mut self, first: usize, n: usize) {
        let target = f32::from_bits(self.shared.gain_bits.load(Ordering::Relaxed));
        let samples = &mut self.block[first * CHANNELS..(first + n) * CHANNELS];
        for frame in samples.chunks_exact_mut(CHANNELS) {
            self.gain += (target - self.gain) * self.gain_step;
            for (c, v) in frame.iter_mut().enumerate() {
                *v *= self.gain;
                if self.broken {
                    self.residual[c] = self.last[c] - *v;
                }
                *v += self.residual[c];
                self.residual[c] *= self.residual_keep;
                if self.residual[c].abs() < 1e-6 {
                    self.residual[c] = 0.0;
                }
                self.last[c] = *v;
            }
            self.broken = false;
        }
    }
}

impl Iterator for RingSource {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        if self.at >= self.len {
            self.refill();
        }
        if self.mono {
            let left = self.block[self.at];
            let right = self.block[self.at + 1];
            self.at += CHANNELS;
            return Some((left + right) / 2.0);
        }
        let v = self.block[self.at];
        self.at += 1;
        Some(v)
    }
}

impl Source for RingSource {
    fn current_span_len(&self) -> Option<usize> {
        None
    }

    fn channels(&self) -> ChannelCount {
        // Never zero; written without a panic path for the callback's sake.
        let n = if self.mono { 1 } else { CHANNELS as u16 };
        NonZero::new(n).unwrap_or(NonZero::<u16>::MIN)
    }

    fn sample_rate(&self) -> SampleRate {
        NonZero::new(self.rate).unwrap_or(NonZero::<u32>::MIN)
    }

    fn total_duration(&self) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> (RingWriter, RingSource) {
        RingWriter::new(1000, Duration::from_secs(60), false, 1.0)
    }

    fn ramp(from: usize, frames: usize) -> Vec<f32> {
        (from..from + frames).flat_map(|i| [i as f32, -(i as f32)]).collect()
    }

    fn pull(source: &mut RingSource, at_ms: i64, frames: usize) -> Vec<f32> {
        source.shared.begin_block(WallTime::from_nanos(at_ms * 1_000_000), frames);
        (0..frames * CHANNELS).map(|_| source.next().unwrap()).collect()
    }

    fn left(samples: &[f32]) -> Vec<f32> {
        samples.iter().step_by(CHANNELS).copied().collect()
    }

    #[test]
    fn a_closed_ring_plays_silence_and_keeps_its_samples() {
        let (mut w, mut s) = ring();
        w.write(&ramp(1, 10));
        assert_eq!(pull(&mut s, 0, 5), vec![0.0; 10]);
        assert_eq!((w.shared().position(), w.queued()), (0, 10));
        assert_eq!(w.shared().underruns(), 0, "a pause is no underrun");
        w.shared().set_open(true);
        pull(&mut s, 5, 4);
        assert_eq!((w.shared().position(), w.queued()), (4, 6));
        assert_eq!(
            w.shared().history().last(),
            Some(Report { heard_at: WallTime::from_nanos(5_000_000), start: 0, frames: 4 })
        );
    }

    #[test]
    fn an_underrun_is_counted_once_and_does_not_move_the_position() {
        let (mut w, mut s) = ring();
        w.shared().set_open(true);
        w.write(&ramp(1, 10));
        pull(&mut s, 0, 20);
        pull(&mut s, 20, 20);
        let sh = w.shared().clone();
        assert_eq!((sh.underruns(), sh.missing_frames(), sh.position()), (1, 30, 10));
        w.write(&ramp(11, 10));
        w.shared().set_end(Some(20));
        pull(&mut s, 40, 20);
        assert_eq!((sh.underruns(), sh.position()), (1, 20), "the end is no underrun");
    }

    #[test]
    fn a_flush_drops_the_old_samples_even_while_paused() {
        let (mut w, mut s) = ring();
        w.write(&ramp(1, 100));
        w.flush();
        w.write(&ramp(5000, 50));
        assert_eq!(w.queued(), 50);
        pull(&mut s, 0, 10);
        assert_eq!(w.shared().position(), 100);
        w.shared().set_open(true);
        let out = left(&pull(&mut s, 10, 50));
        // The step from silence is smoothed; after 50 ms nothing of that is left.
        assert!((out[49] - 5049.0).abs() < 1.0, "{}", out[49]);
        assert_eq!(w.shared().history().last().unwrap().start, 100);
    }

    #[test]
    fn a_splice_changes_over_at_the_very_sample() {
        let (mut w, mut s) = ring();
        w.shared().set_open(true);
        w.write(&vec![1.0; 200]);
        w.write(&vec![3.0; 200]);
        w.splice(60, 100);
        let out = left(&pull(&mut s, 0, 100));
        assert!((out[59] - 1.0).abs() < 1e-3);
        assert_eq!(out[60], out[59], "the step is smoothed, not jumped");
        assert!((out[99] - 3.0).abs() < 1e-3);
        let last = w.shared().history().last().unwrap();
        assert_eq!((last.start, last.frames), (100, 40));
        assert_eq!(last.heard_at.as_nanos(), 60_000_000, "the second part is heard 60 ms later");
    }

    #[test]
    fn volume_and_mute_are_ramps_not_steps() {
        let (mut w, mut s) = RingWriter::new(48_000, Duration::from_secs(1), false, 1.0);
        w.shared().set_open(true);
        w.write(&vec![0.5; 9600]);
        pull(&mut s, 0, 1024);
        w.shared().set_gain(0.0);
        let out = left(&pull(&mut s, 21, 2048));
        let step = out.windows(2).map(|p| (p[1] - p[0]).abs()).fold(0.0, f32::max);
        assert!(step < 0.002, "largest step {step}");
        assert!(out[2047] < 0.01);
    }

    #[test]
    fn starting_and_stopping_do_not_click() {
        let (mut w, mut s) = RingWriter::new(48_000, Duration::from_secs(1), false, 1.0);
        w.write(&vec![0.5; 9600]);
        let mut out = left(&pull(&mut s, 0, 256));
        w.shared().set_open(true);
        out.extend(left(&pull(&mut s, 5, 1024)));
        w.shared().set_open(false);
        out.extend(left(&pull(&mut s, 25, 2048)));
        let step = out.windows(2).map(|p| (p[1] - p[0]).abs()).fold(0.0, f32::max);
        assert!(step < 0.005, "largest step {step}");
        assert!(out.last().unwrap().abs() < 1e-3);
    }
}
