//! An ideal sound device without sound: takes samples at the pace of the wall clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{AudioError, Feed, Output, OutputConfig, WallClock};

/// Length of one pull.
const PERIOD: Duration = Duration::from_millis(10);
/// A thread that wakes later than this (a suspended machine, a debugger) does not catch up.
const GIVE_UP: i64 = 250_000_000;

/// Thread `fnac-null-out`: the monotonic clock that takes over where there is no sound track or
/// no device. Being a device like the others, it needs no second path through the player.
///
/// It sleeps without waking while nothing is to be played. Dropping it ends and joins the
/// thread (at most one period).
pub(super) struct PacedNull {
    config: OutputConfig,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl PacedNull {
    /// Starts the thread; `pace` 1 is real time.
    pub(super) fn start(
        feed: Feed,
        config: OutputConfig,
        wall: WallClock,
        pace: f64,
    ) -> Result<Self, AudioError> {
        let stop = Arc::new(AtomicBool::new(false));
        let flag = stop.clone();
        let thread = std::thread::Builder::new()
            .name("fnac-null-out".into())
            .spawn(move || run(feed, &wall, pace.clamp(0.01, 1000.0), &flag))
            .map_err(|e| AudioError::Thread { reason: e.to_string() })?;
        Ok(Self { config, stop, thread: Some(thread) })
    }
}

fn run(mut feed: Feed, wall: &WallClock, pace: f64, stop: &AtomicBool) {
    let frames = (f64::from(feed.rate()) * PERIOD.as_secs_f64()).round().max(1.0) as usize;
    let mut out = vec![0.0; frames * feed.channels()];
    let period = frames as f64 * 1e9 / f64::from(feed.rate());
    feed.shared().set_sleeper(std::thread::current());
    let mut due = wall.now();
    while !stop.load(Ordering::Acquire) {
        if !feed.is_open() {
            // Woken by the ring's opening; the time-out only guards against a lost wake-up.
            std::thread::park_timeout(Duration::from_millis(500));
            due = wall.now();
            if !feed.is_open() {
                // Follows a flush, so that a paused ring can be filled anew.
                feed.fill(&mut out, due, Duration::ZERO);
                continue;
            }
        }
        feed.fill(&mut out, due, Duration::ZERO);
        due = due.plus_nanos((period / pace) as i64);
        let now = wall.now();
        let early = due.nanos_since(now);
        if early < -GIVE_UP {
            due = now;
        } else if early > 0 {
            std::thread::sleep(Duration::from_nanos(early.unsigned_abs()));
        }
    }
}

impl Output for PacedNull {
    fn config(&self) -> &OutputConfig {
        &self.config
    }

    fn lost(&self) -> Option<String> {
        None
    }

    fn delay(&self) -> Duration {
        Duration::ZERO
    }
}

impl Drop for PacedNull {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(t) = self.thread.take() {
            t.thread().unpark();
            let _ = t.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{OutputChoice, WallTime, open_output};

    #[test]
    fn the_null_device_takes_samples_at_its_pace() {
        let wall = WallClock::real();
        let choice = OutputChoice::Null { pace: 50.0 };
        let (_out, mut ring) = open_output(&choice, &wall, Duration::from_secs(30), 1.0).unwrap();
        ring.write(&vec![0.1; 2 * 48_000 * 20]);
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(ring.shared().position(), 0, "closed: nothing is taken");
        let t0 = wall.now();
        ring.shared().set_open(true);
        while ring.shared().position() < 48_000 * 5 {
            assert!(wall.now().nanos_since(t0) < 20_000_000_000, "it takes nothing");
            std::thread::sleep(Duration::from_millis(2));
        }
        // 5 s of sound at 50 times real time: 100 ms, never less (a busy machine takes longer).
        assert!(wall.now().nanos_since(t0) > 90_000_000);
    }

    #[test]
    fn dropping_the_null_device_is_quick() {
        let wall = WallClock::real();
        let choice = OutputChoice::Null { pace: 1.0 };
        let (out, ring) = open_output(&choice, &wall, Duration::from_secs(1), 1.0).unwrap();
        let t0: WallTime = wall.now();
        drop(out);
        assert!(ring.is_abandoned());
        assert!(wall.now().nanos_since(t0) < 2_000_000_000);
    }
}
