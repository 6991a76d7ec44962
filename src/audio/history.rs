//! What the device was given and when it is heard: the last blocks, lock-free.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering, fence};

use super::WallTime;

/// Blocks remembered: more than two seconds of 10 ms callbacks, so that a Bluetooth device's
/// delay and a user's offset still find the block that is being heard.
const SLOTS: usize = 256;

/// Consecutive ring frames handed to the device without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// When the first of them is heard.
    pub heard_at: WallTime,
    /// Ring position of the first, in frames since the ring was made.
    pub start: u64,
    /// How many.
    pub frames: u64,
}

/// Answer of [`History::heard_at`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard {
    /// Ring position being heard, in frames, with the fraction between two samples.
    pub position: f64,
    /// False when all that was handed over has been heard already (a pause, an underrun,
    /// the end): the position stands still until more comes.
    pub running: bool,
}

#[derive(Default)]
struct Slot {
    /// Odd while being written.
    sequence: AtomicU64,
    heard_at: AtomicI64,
    start: AtomicU64,
    frames: AtomicU64,
}

/// The last blocks that the device took: written by its callback, read by any thread.
///
/// A sequence lock per slot. The writer never waits; a reader that meets a slot in the middle
/// of a write takes the block before it.
pub struct History {
    slots: Box<[Slot]>,
    /// Blocks ever written.
    count: AtomicU64,
}

impl Default for History {
    fn default() -> Self {
        Self { slots: (0..SLOTS).map(|_| Slot::default()).collect(), count: AtomicU64::new(0) }
    }
}

impl History {
    /// Appends a block. Only one thread may write (the device's callback); wait-free.
    pub fn push(&self, r: Report) {
        let n = self.count.load(Ordering::Relaxed);
        let slot = &self.slots[(n % SLOTS as u64) as usize];
        let seq = slot.sequence.load(Ordering::Relaxed);
        slot.sequence.store(seq.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        slot.heard_at.store(r.heard_at.as_nanos(), Ordering::Relaxed);
        slot.start.store(r.start, Ordering::Relaxed);
        slot.frames.store(r.frames, Ordering::Relaxed);
        slot.sequence.store(seq.wrapping_add(2), Ordering::Release);
        self.count.store(n + 1, Ordering::Release);
    }

    fn read(&self, n: u64) -> Option<Report> {
        let slot = &self.slots[(n % SLOTS as u64) as usize];
        let before = slot.sequence.load(Ordering::Acquire);
        let r = Report {
            heard_at: WallTime::from_nanos(slot.heard_at.load(Ordering::Relaxed)),
            start: slot.start.load(Ordering::Relaxed),
            frames: slot.frames.load(Ordering::Relaxed),
        };
        fence(Ordering::Acquire);
        let after = slot.sequence.load(Ordering::Relaxed);
        (before == after && before.is_multiple_of(2)).then_some(r)
    }

    /// The newest block.
    pub fn last(&self) -> Option<Report> {
        self.count.load(Ordering::Acquire).checked_sub(1).and_then(|n| self.read(n))
    }

    /// Ring position heard at `at`, for a device of `rate` frames per second. `None` before the
    /// first block is heard, or when `at` lies further back than the history.
    ///
    /// Between callbacks the position runs with the wall clock; it never passes what was
    /// handed over, so a stalled device or an underrun stops it instead of letting it run ahead.
    pub fn heard_at(&self, at: WallTime, rate: u32) -> Option<Heard> {
        let count = self.count.load(Ordering::Acquire);
        let oldest = count.saturating_sub(SLOTS as u64 - 1);
        for n in (oldest..count).rev() {
            let Some(r) = self.read(n) else { continue };
            let since = at.nanos_since(r.heard_at);
            if since >= 0 {
                let frames = since as f64 * f64::from(rate) / 1e9;
                let running = frames < r.frames as f64 || n + 1 < count;
                return Some(Heard {
                    position: r.start as f64 + frames.min(r.frames as f64),
                    running,
                });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> WallTime {
        WallTime::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn the_heard_position_runs_with_the_wall_and_stops_where_the_samples_end() {
        let h = History::default();
        assert_eq!(h.heard_at(at(0), 48_000), None);
        h.push(Report { heard_at: at(100), start: 0, frames: 480 });
        h.push(Report { heard_at: at(110), start: 480, frames: 480 });
        assert_eq!(h.heard_at(at(99), 48_000), None, "nothing is heard yet");
        assert_eq!(h.heard_at(at(105), 48_000), Some(Heard { position: 240.0, running: true }));
        assert_eq!(h.heard_at(at(115), 48_000), Some(Heard { position: 720.0, running: true }));
        let after = h.heard_at(at(500), 48_000);
        assert_eq!(after, Some(Heard { position: 960.0, running: false }), "an underrun");
        // The device goes on after 380 ms of silence: the gap is not counted.
        h.push(Report { heard_at: at(500), start: 960, frames: 480 });
        let on = h.heard_at(at(501), 48_000);
        assert_eq!(on, Some(Heard { position: 1008.0, running: true }));
    }

    #[test]
    fn a_long_history_keeps_the_newest_blocks() {
        let h = History::default();
        for i in 0..1000_u64 {
            h.push(Report { heard_at: at(i as i64 * 10), start: i * 480, frames: 480 });
        }
        assert_eq!(h.last().unwrap().start, 999 * 480);
        assert_eq!(h.heard_at(at(9_000), 48_000).unwrap().position, 900.0 * 480.0);
        assert_eq!(h.heard_at(at(10), 48_000), None, "forgotten");
    }

    #[test]
    fn readers_never_see_half_a_block() {
        let h = std::sync::Arc::new(History::default());
        let writer = h.clone();
        let t = std::thread::spawn(move || {
            for i in 0..200_000_u64 {
                // All three fields follow from one number: a torn read would break that.
                writer.push(Report { heard_at: at(i as i64), start: i * 48, frames: 48 });
            }
        });
        loop {
            let done = t.is_finished();
            if let Some(r) = h.last() {
                assert_eq!(r.start, r.heard_at.as_nanos() as u64 / 1_000_000 * 48);
            }
            if done {
                break;
            }
        }
        t.join().unwrap();
        assert_eq!(h.last().unwrap().start, 199_999 * 48);
    }
}
