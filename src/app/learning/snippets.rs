//! Short sounds of items, one after the other, beside the player.
//!
//! Thread `fnac-snippets` with a stream of its own to the sound device, opened when something is
//! to be played and given back soon after. The player's stream, ring and clock know nothing of
//! it; the window pauses the player meanwhile, so that two sounds are never heard at once. One
//! slot: what is asked for last is played, at once.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::audio::{Output, OutputChoice, RingWriter, WallClock, open_output};
use crate::units::Waker;

/// Sound prepared ahead of the device.
const AHEAD: Duration = Duration::from_millis(400);
/// Between two looks at ring and slot.
const LOOK: Duration = Duration::from_millis(15);
/// The device is given back when nothing is asked for so long.
const LINGER: Duration = Duration::from_secs(3);
/// Silence between two sounds.
const PAUSE_SECS: f64 = 0.25;
/// A sound fades in and out over this.
const FADE_SECS: f64 = 0.01;

/// Gives the samples of a sound: mono at the rate that is asked for.
pub type LoadSound = Arc<dyn Fn(u32) -> Result<Vec<f32>, String> + Send + Sync>;

/// A sound to play.
#[derive(Clone)]
pub struct Snippet {
    /// Whose it is.
    pub id: String,
    /// Its samples, decoded on the thread.
    pub load: LoadSound,
}

/// What is to be played, and how.
#[derive(Clone)]
pub struct Play {
    /// One after the other.
    pub sounds: Vec<Snippet>,
    /// The device.
    pub output: OutputChoice,
    /// Factor on the samples.
    pub gain: f32,
}

/// What is heard at the moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Playing {
    /// Something is played or about to be.
    pub busy: bool,
    /// Place in what was asked for, and whose sound it is.
    pub now: Option<(usize, String)>,
    /// Why the last sound was not heard.
    pub failed: Option<String>,
}

#[derive(Default)]
struct Desk {
    stop: bool,
    /// Raised by every wish: a sound under way looks whether it is still wanted.
    wish: u64,
    play: Option<Play>,
    playing: Playing,
}

struct Shared {
    desk: Mutex<Desk>,
    bell: Condvar,
}

impl Shared {
    fn with<T>(&self, f: impl FnOnce(&mut Desk) -> T) -> T {
        f(&mut self.desk.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The window's end. Dropping it ends the sound.
pub struct Snippets {
    shared: Arc<Shared>,
}

impl Snippets {
    /// Starts the thread; without one nothing is played, and that is said when it is asked for.
    pub fn new(waker: Waker) -> Self {
        let shared = Arc::new(Shared { desk: Mutex::default(), bell: Condvar::new() });
        let theirs = shared.clone();
        let spawned = std::thread::Builder::new()
            .name("fnac-snippets".into())
            .spawn(move || work(&theirs, &waker));
        if let Err(e) = spawned {
            shared.with(|d| d.playing.failed = Some(format!("no thread for sounds: {e}")));
        }
        Self { shared }
    }

    /// Plays these, in place of what was played.
    pub fn play(&self, play: Play) {
        self.shared.with(|d| {
            d.wish += 1;
            d.playing = Playing { busy: true, now: None, failed: None };
            d.play = Some(play);
        });
        self.shared.bell.notify_all();
    }

    /// Silence.
    pub fn stop(&self) {
        self.shared.with(|d| {
            d.wish += 1;
            d.play = None;
            d.playing = Playing::default();
        });
        self.shared.bell.notify_all();
    }

    /// What is heard.
    pub fn playing(&self) -> Playing {
        self.shared.with(|d| d.playing.clone())
    }
}

impl Drop for Snippets {
    fn drop(&mut self) {
        self.shared.with(|d| d.stop = true);
        self.shared.bell.notify_all();
    }
}

/// An open device with what it was opened for.
struct Device {
    choice: OutputChoice,
    output: Box<dyn Output>,
    ring: RingWriter,
}

fn work(shared: &Shared, waker: &Waker) {
    let wall = WallClock::real();
    let mut device: Option<Device> = None;
    loop {
        let wanted = {
            let desk = shared.desk.lock().unwrap_or_else(PoisonError::into_inner);
            let waited =
                shared.bell.wait_timeout_while(desk, LINGER, |d| !d.stop && d.play.is_none());
            let (mut desk, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if desk.stop {
                return;
            }
            desk.play.take().map(|p| (p, desk.wish))
        };
        let Some((play, wish)) = wanted else {
            device = None;
            continue;
        };
        let result = perform(shared, waker, &wall, &mut device, &play, wish);
        shared.with(|d| {
            if d.wish == wish {
                d.playing = Playing { busy: false, now: None, failed: result.err() };
            }
        });
        waker();
    }
}

fn perform(
    shared: &Shared,
    waker: &Waker,
    wall: &WallClock,
    device: &mut Option<Device>,
    play: &Play,
    wish: u64,
) -> Result<(), String> {
    let stale =
        device.as_ref().is_some_and(|d| d.choice != play.output || d.output.lost().is_some());
    if stale {
        *device = None;
    }
    if device.is_none() {
        let (output, ring) =
            open_output(&play.output, wall, AHEAD, play.gain).map_err(|e| e.to_string())?;
        *device = Some(Device { choice: play.output.clone(), output, ring });
    }
    let Some(device) = device.as_mut() else { return Ok(()) };
    device.ring.flush();
    device.ring.shared().set_gain(play.gain);
    device.ring.shared().set_open(true);
    let rate = device.ring.rate();
    let mut result = Ok(());
    for (place, snippet) in play.sounds.iter().enumerate() {
        let samples = match (snippet.load)(rate) {
            Ok(samples) => shaped(samples, rate),
            Err(e) => {
                result = Err(e);
                continue;
            }
        };
        let told = shared.with(|d| {
            if d.wish == wish {
                d.playing.now = Some((place, snippet.id.clone()));
            }
            d.wish == wish
        });
        waker();
        if !told || !write(shared, device, &samples, wish) {
            break;
        }
    }
    device.ring.shared().set_open(false);
    result
}

/// Stereo from mono, faded at both ends, and a little silence behind it.
fn shaped(mono: Vec<f32>, rate: u32) -> Vec<f32> {
    let fade = ((FADE_SECS * f64::from(rate)) as usize).max(1);
    let n = mono.len();
    let mut out = Vec::with_capacity(2 * n);
    for (i, v) in mono.into_iter().enumerate() {
        let ends = i.min(n - 1 - i) as f32 / fade as f32;
        let v = if v.is_finite() { v * ends.min(1.0) } else { 0.0 };
        out.extend([v, v]);
    }
    out.resize(out.len() + 2 * (PAUSE_SECS * f64::from(rate)) as usize, 0.0);
    out
}

/// Hands samples to the device and waits until it has taken them; false when something else is
/// wanted or the device is gone.
fn write(shared: &Shared, device: &mut Device, mut samples: &[f32], wish: u64) -> bool {
    loop {
        let taken = device.ring.write(samples);
        samples = samples.get(2 * taken..).unwrap_or_default();
        if samples.is_empty() && device.ring.queued() == 0 {
            return true;
        }
        let desk = shared.desk.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = shared.bell.wait_timeout_while(desk, LOOK, |d| !d.stop && d.wish == wish);
        let (desk, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if desk.stop || desk.wish != wish {
            drop(desk);
            device.ring.flush();
            return false;
        }
        drop(desk);
        if device.ring.is_abandoned() || device.output.lost().is_some() {
            return false;
        }
    }
}

/// Samples at another rate, by straight lines between neighbours: good enough to tell a bell
/// from a dog where the decoder itself gives one rate alone.
pub fn at_rate(samples: &[f32], from: u32, to: u32) -> Vec<f32> {
    if from == to || samples.is_empty() || from == 0 || to == 0 {
        return samples.to_vec();
    }
    let step = f64::from(from) / f64::from(to);
    let n = (samples.len() as f64 / step) as usize;
    (0..n)
        .map(|i| {
            let at = i as f64 * step;
            let (k, t) = (at as usize, (at - at.floor()) as f32);
            let a = samples[k.min(samples.len() - 1)];
            let b = samples[(k + 1).min(samples.len() - 1)];
            a + (b - a) * t
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::no_waker;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

    fn until(what: &str, mut is: impl FnMut() -> bool) {
        let started = Instant::now();
        while !is() {
            assert!(started.elapsed() < Duration::from_secs(20), "never: {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn sound(id: &str, secs: f64, loads: &Arc<AtomicUsize>) -> Snippet {
        let loads = loads.clone();
        Snippet {
            id: id.to_owned(),
            load: Arc::new(move |rate| {
                loads.fetch_add(1, Ordering::SeqCst);
                Ok(vec![0.1; (secs * f64::from(rate)) as usize])
            }),
        }
    }

    fn play(sounds: Vec<Snippet>) -> Play {
        // Ten times real time, so that the tests are quick.
        Play { sounds, output: OutputChoice::Null { pace: 10.0 }, gain: 1.0 }
    }

    #[test]
    fn sounds_follow_one_another_and_then_there_is_silence() {
        let (s, loads) = (Snippets::new(no_waker()), Arc::default());
        s.play(play(vec![sound("a", 1.0, &loads), sound("b", 1.0, &loads)]));
        assert!(s.playing().busy, "from the moment it was asked for");
        until("the first", || s.playing().now == Some((0, "a".into())));
        until("the second", || s.playing().now == Some((1, "b".into())));
        until("the end", || !s.playing().busy);
        assert_eq!((s.playing(), loads.load(Ordering::SeqCst)), (Playing::default(), 2));
    }

    #[test]
    fn what_is_asked_for_last_is_heard_at_once_and_stop_is_silence() {
        let (s, loads) = (Snippets::new(no_waker()), Arc::default());
        s.play(play(vec![sound("long", 600.0, &loads)]));
        until("it plays", || s.playing().now.is_some());
        let asked = Instant::now();
        s.play(play(vec![sound("other", 600.0, &loads)]));
        until("the other", || s.playing().now == Some((0, "other".into())));
        assert!(asked.elapsed() < Duration::from_secs(5));
        s.stop();
        assert_eq!(s.playing(), Playing::default());
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(s.playing(), Playing::default());
    }

    #[test]
    fn a_sound_that_cannot_be_read_is_said_and_the_next_one_is_heard() {
        let (s, loads) = (Snippets::new(no_waker()), Arc::default());
        let bad = Snippet { id: "bad".into(), load: Arc::new(|_| Err("no such file".into())) };
        s.play(play(vec![bad, sound("good", 1.0, &loads)]));
        until("the good one", || s.playing().now == Some((1, "good".into())));
        until("the end", || !s.playing().busy);
        assert_eq!(s.playing().failed.as_deref(), Some("no such file"));
    }

    #[test]
    fn ends_are_faded_and_what_is_no_number_is_silent() {
        let out = shaped(vec![1.0, f32::NAN, 1.0], 48_000);
        assert_eq!(out[..6], [0.0; 6], "three samples are within the fade");
        assert_eq!(out.len(), 2 * (3 + 12_000));
        let long = shaped(vec![1.0; 48_000], 48_000);
        assert_eq!((long[0], long[48_000], long[2 * 48_000 - 1]), (0.0, 1.0, 0.0));
        assert!(shaped(Vec::new(), 48_000).iter().all(|v| *v == 0.0));
    }

    #[test]
    fn another_rate_keeps_the_length_in_time_and_the_shape() {
        let ramp: Vec<f32> = (0..1600).map(|i| i as f32).collect();
        let up = at_rate(&ramp, 16_000, 48_000);
        assert_eq!(up.len(), 4800);
        assert!((up[300] - 100.0).abs() < 1e-3, "{}", up[300]);
        assert_eq!(at_rate(&ramp, 16_000, 16_000), ramp);
        assert!(at_rate(&[], 16_000, 48_000).is_empty());
    }
}
