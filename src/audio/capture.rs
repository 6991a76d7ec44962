//! A device that a test operates by hand: it knows when every sample is heard.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{AudioError, Feed, Output, OutputConfig, OutputKind, RingWriter, WallClock, WallTime};

/// Samples taken from the player and the wall time at which each run of them is heard.
#[derive(Clone, Debug)]
pub struct Captured {
    /// When the first frame is heard.
    pub heard_at: WallTime,
    /// Interleaved stereo.
    pub samples: Vec<f32>,
}

#[derive(Default)]
struct State {
    feed: Option<Feed>,
    captured: Vec<Captured>,
    plugged: bool,
    opened: u32,
    /// Wall nanoseconds of the next callback, in the device's own time.
    due: Option<i64>,
}

/// A simulated sound device with a period and a delay, driven by [`Self::run`].
///
/// Clones are handles to the same device, so that a test keeps one while the player owns
/// the stream.
#[derive(Clone)]
pub struct ManualDevice {
    state: Arc<Mutex<State>>,
    wall: WallClock,
    rate: u32,
    period: usize,
    delay: Duration,
}

impl std::fmt::Debug for ManualDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ManualDevice({} Hz)", self.rate)
    }
}

impl ManualDevice {
    /// A plugged-in device on the clock `wall` that takes `period` frames per callback and lets
    /// them be heard `delay` later.
    pub fn new(wall: WallClock, rate: u32, period: usize, delay: Duration) -> Self {
        let state = Arc::new(Mutex::new(State { plugged: true, ..State::default() }));
        Self { state, wall, rate: rate.max(1), period: period.max(1), delay }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pulls the plug: the stream reports its loss, opening fails until [`Self::plug`].
    pub fn unplug(&self) {
        let mut s = self.lock();
        s.plugged = false;
        s.feed = None;
        s.due = None;
    }

    /// Plugs the device in again.
    pub fn plug(&self) {
        self.lock().plugged = true;
    }

    /// Streams opened so far.
    pub fn times_opened(&self) -> u32 {
        self.lock().opened
    }

    /// Moves wall time forward by `by`, with all callbacks that fall into it at their instants.
    pub fn run(&self, by: Duration) {
        let until = self.wall.now().plus_nanos(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX));
        loop {
            let mut s = self.lock();
            let State { feed: Some(feed), captured, due, .. } = &mut *s else { break };
            let at = WallTime::from_nanos(*due.get_or_insert(self.wall.now().as_nanos()));
            if at > until {
                break;
            }
            self.wall.advance_to(at);
            let mut samples = vec![0.0; self.period * feed.channels()];
            let heard_at = feed.fill(&mut samples, at, self.delay);
            captured.push(Captured { heard_at, samples });
            *due = Some(at.as_nanos() + self.period as i64 * 1_000_000_000 / i64::from(self.rate));
        }
        self.wall.advance_to(until);
    }

    /// Takes what has been captured so far.
    pub fn take(&self) -> Vec<Captured> {
        std::mem::take(&mut self.lock().captured)
    }

    pub(super) fn open(
        &self,
        capacity: Duration,
        gain: f32,
    ) -> Result<(Box<dyn Output>, RingWriter), AudioError> {
        let (writer, feed) = Feed::new(self.rate, 2, capacity, gain);
        let mut s = self.lock();
        if !s.plugged {
            return Err(AudioError::NoDevice { name: None, reason: "unplugged".into() });
        }
        s.feed = Some(feed);
        s.due = None;
        s.opened += 1;
        let config = OutputConfig {
            kind: OutputKind::Device,
            name: "manual device".into(),
            rate: self.rate,
            channels: 2,
        };
        let opened = s.opened;
        drop(s);
        let output = ManualOutput { device: self.clone(), config, opened };
        Ok((Box::new(output), writer))
    }
}

struct ManualOutput {
    device: ManualDevice,
    config: OutputConfig,
    /// Which stream of the device this is.
    opened: u32,
}

impl Output for ManualOutput {
    fn config(&self) -> &OutputConfig {
        &self.config
    }

    fn lost(&self) -> Option<String> {
        let s = self.device.lock();
        (s.feed.is_none() || s.opened != self.opened).then(|| "unplugged".to_owned())
    }

    fn delay(&self) -> Duration {
        self.device.delay
    }
}

impl Drop for ManualOutput {
    fn drop(&mut self) {
        let mut s = self.device.lock();
        if s.opened == self.opened {
            s.feed = None;
            s.due = None;
        }
    }
}
