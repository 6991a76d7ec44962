//! Which three seconds of sound belong to a frame, and what a sound test puts in their place.

use std::path::PathBuf;

use crate::features::{self, WindowPlan};
use crate::units::MediaTime;

/// Peak of the noise test: -20 dB of full scale, about as loud as speech.
const NOISE_PEAK: f32 = 0.1;

/// A mono sound track at the checkpoint's rate and in the model's scale (16-bit value / 32767,
/// clipped to [-1, 1]), growing while it is decoded. Implemented by
/// `media::SoundTrack`; a trait, so that the worker can be tested on sounds that no file holds.
pub trait WindowSource: Send + Sync {
    /// Samples per second.
    fn rate(&self) -> u32;
    /// Samples decoded so far.
    fn available(&self) -> u64;
    /// All samples, once decoding has ended (well or not).
    fn total(&self) -> Option<u64>;
    /// Samples from `start`; `None` when they are not decoded yet.
    fn read(&self, start: u64, len: usize) -> Option<Vec<f32>>;
}

/// The sound of a frame.
#[derive(Clone, Debug, PartialEq)]
pub enum SoundWindow {
    /// Samples for the spectrogram.
    Samples(Vec<f32>),
    /// Outside the track, or digital silence: no map.
    NoSound,
    /// Still being decoded.
    NotYet,
}

/// An experiment on the sound: does the map listen at all?
#[derive(Clone, Debug, Default, PartialEq)]
pub enum SoundTest {
    /// The clip's own sound.
    #[default]
    None,
    /// Digital silence in place of the sound.
    Silence,
    /// White noise, the same for every frame.
    Noise {
        /// Seed of the noise.
        seed: u64,
    },
    /// The sound from this much later (earlier when negative).
    Shift(MediaTime),
    /// Another clip's sound at the same time, looped when it is shorter.
    Swap(PathBuf),
}

impl SoundTest {
    /// Short text for banner, legend and files; empty without a test.
    pub fn label(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Silence => "silence".into(),
            Self::Noise { .. } => "noise".into(),
            Self::Shift(by) => format!("sound shifted by {:+.1} s", by.as_secs_f64()),
            Self::Swap(path) => {
                let name = path.file_name().unwrap_or(path.as_os_str());
                format!("sound of {}", name.to_string_lossy())
            }
        }
    }
}

/// The window around `at` of a track (spec/audio.md section 6).
///
/// Near the ends the window is shifted inside the track, a track shorter than three seconds is
/// tiled, outside there is no sound. Digital silence is no sound either: the network would
/// answer a constant input with a confident-looking map.
pub fn window_at(track: &dyn WindowSource, at: MediaTime) -> SoundWindow {
    let Some(total) = track.total() else {
        return growing_window(track, at);
    };
    let samples = match features::window_plan(total, track.rate(), at) {
        WindowPlan::Outside => return SoundWindow::NoSound,
        WindowPlan::Inside { start, len } => track.read(start, len),
        WindowPlan::Tiled { len } => {
            let whole = usize::try_from(total).ok().and_then(|n| track.read(0, n));
            whole.map(|w| features::tile(&w, len))
        }
    };
    // A track that ended early can lack samples that it promised: treat them as not there.
    samples.map_or(SoundWindow::NoSound, from_track)
}

/// The window while the track's end is not known: only windows that do not touch it are final.
fn growing_window(track: &dyn WindowSource, at: MediaTime) -> SoundWindow {
    match features::window_plan(u64::MAX / 4, track.rate(), at) {
        WindowPlan::Outside => SoundWindow::NoSound,
        WindowPlan::Inside { start, len } if start + len as u64 <= track.available() => {
            track.read(start, len).map_or(SoundWindow::NotYet, from_track)
        }
        _ => SoundWindow::NotYet,
    }
}

fn from_track(samples: Vec<f32>) -> SoundWindow {
    if features::is_digital_silence(&samples) {
        return SoundWindow::NoSound;
    }
    SoundWindow::Samples(samples)
}

/// The window that the network hears at `at` under a sound test. `rate` is the checkpoint's;
/// `own` is the clip's track, `other` the one of [`SoundTest::Swap`].
pub fn tested_window(
    test: &SoundTest,
    own: Option<&dyn WindowSource>,
    other: Option<&dyn WindowSource>,
    rate: u32,
    at: MediaTime,
) -> SoundWindow {
    let len = (features::SAMPLES_SECS * f64::from(rate)) as usize;
    let of = |track: Option<&dyn WindowSource>, at| match track {
        Some(track) => window_at(track, at),
        None => SoundWindow::NoSound,
    };
    match test {
        SoundTest::None => of(own, at),
        SoundTest::Silence => SoundWindow::Samples(vec![0.0; len]),
        SoundTest::Noise { seed } => SoundWindow::Samples(noise(*seed, len)),
        SoundTest::Shift(by) => of(own, at + *by),
        SoundTest::Swap(_) => match other {
            None => SoundWindow::NotYet,
            Some(track) => window_at(track, looped(track, at)),
        },
    }
}

/// Time within `track` that stands for `at` of a longer clip.
fn looped(track: &dyn WindowSource, at: MediaTime) -> MediaTime {
    let Some(total) = track.total().filter(|t| *t > 0) else { return at };
    let length = MediaTime::from_secs_f64(total as f64 / f64::from(track.rate().max(1)));
    if length <= MediaTime::ZERO || at <= length {
        return at;
    }
    MediaTime::from_nanos(at.as_nanos() % length.as_nanos())
}

/// Uniform white noise in `[-NOISE_PEAK, NOISE_PEAK]` from SplitMix64.
pub fn noise(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed;
    (0..len)
        .map(|_| {
            let u = (split_mix(&mut state) >> 40) as f32 / (1u32 << 24) as f32;
            (2.0 * u - 1.0) * NOISE_PEAK
        })
        .collect()
}

pub(crate) fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The time whose window stands for `at` when the sound tower runs only every `hop`; a zero hop
/// gives every frame its own window. Depends on the time alone, so that a frame's map does not
/// depend on the order in which frames were computed.
pub fn hopped(at: MediaTime, hop: MediaTime) -> MediaTime {
    let (t, h) = (at.as_nanos(), hop.as_nanos());
    if h <= 0 {
        return at;
    }
    let down = t.div_euclid(h).saturating_mul(h);
    let up = if t.saturating_sub(down) * 2 >= h { h } else { 0 };
    MediaTime::from_nanos(down.saturating_add(up))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::testing::Ramp;

    const RATE: u32 = 16_000;

    fn starts_at(w: SoundWindow) -> f32 {
        match w {
            SoundWindow::Samples(s) => {
                assert_eq!(s.len(), 48_000);
                s[0] * Ramp::FULL
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_window_is_centred_and_shifted_inside_near_the_ends() {
        let track = Ramp::complete(RATE, 160_000);
        let at = |secs: f64| window_at(&track, MediaTime::from_secs_f64(secs));
        assert_eq!(starts_at(at(5.0)), 56_000.0);
        assert_eq!(starts_at(at(0.2)), 0.0);
        assert_eq!(starts_at(at(9.9)), 112_000.0);
        assert_eq!(at(-0.1), SoundWindow::NoSound);
        assert_eq!(at(10.5), SoundWindow::NoSound);
    }

    #[test]
    fn a_growing_track_answers_only_what_will_not_change() {
        let mut track = Ramp::complete(RATE, 160_000);
        track.total = None;
        track.available = 100_000;
        let at = |secs: f64| window_at(&track, MediaTime::from_secs_f64(secs));
        assert_eq!(starts_at(at(1.0)), 0.0);
        assert_eq!(starts_at(at(4.0)), 40_000.0);
        assert_eq!(at(5.0), SoundWindow::NotYet);
        track.available = 40_000;
        assert_eq!(window_at(&track, MediaTime::ZERO), SoundWindow::NotYet);
    }

    #[test]
    fn silence_gives_no_map_by_itself_but_the_silence_test_asks_for_one() {
        let mut track = Ramp::complete(RATE, 160_000);
        track.silent = true;
        let at = MediaTime::from_secs_f64(5.0);
        assert_eq!(window_at(&track, at), SoundWindow::NoSound);
        let test = |t| tested_window(&t, Some(&track), None, RATE, at);
        assert_eq!(test(SoundTest::None), SoundWindow::NoSound);
        assert_eq!(test(SoundTest::Silence), SoundWindow::Samples(vec![0.0; 48_000]));
        let SoundWindow::Samples(n) = test(SoundTest::Noise { seed: 7 }) else { panic!() };
        assert!(n.iter().all(|v| v.abs() <= NOISE_PEAK) && n[0] != n[1]);
        assert_eq!(n, noise(7, 48_000), "the same seed gives the same noise");
        assert_ne!(n, noise(8, 48_000));
    }

    #[test]
    fn a_shift_moves_the_window_and_a_swap_takes_the_other_track() {
        let own = Ramp::complete(RATE, 320_000);
        let other = Ramp::complete(RATE, 80_000);
        let at = MediaTime::from_secs_f64(5.0);
        let test = |t| tested_window(&t, Some(&own), Some(&other), RATE, at);
        assert_eq!(starts_at(test(SoundTest::Shift(MediaTime::from_millis(500)))), 64_000.0);
        assert_eq!(starts_at(test(SoundTest::Shift(MediaTime::from_millis(-500)))), 48_000.0);
        assert_eq!(starts_at(test(SoundTest::Swap("b.mp4".into()))), 32_000.0);
        let later = MediaTime::from_secs_f64(12.0);
        let swap = SoundTest::Swap("b.mp4".into());
        let looped = tested_window(&swap, Some(&own), Some(&other), RATE, later);
        assert_eq!(starts_at(looped), 8_000.0, "2 s into the second round");
    }

    #[test]
    fn hops_depend_on_the_time_alone() {
        let ms = MediaTime::from_millis;
        assert_eq!(hopped(ms(1049), ms(100)), ms(1000));
        assert_eq!(hopped(ms(1050), ms(100)), ms(1100));
        assert_eq!(hopped(ms(-30), ms(100)), ms(0));
        assert_eq!(hopped(ms(1234), MediaTime::ZERO), ms(1234));
    }
}
