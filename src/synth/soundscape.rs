//! What is heard of a scene: who sounds when, how loud and from where, in a room with noise.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::room::Echo;
use super::voices::{self, Svf};
use super::{Dice, Library};

/// Longest plan in seconds; a longer one is cut.
const LONGEST: f64 = 3600.0;
/// Largest sample of one part: a level that would need more is not reached.
const CEILING: f64 = 0.95;
/// Up to here the mix is left as it is; above, it is bent to stay below 1.
const KNEE: f64 = 0.9;
/// Shortest fade at a part's ends, in seconds.
const SHORTEST_FADE: f64 = 0.005;
/// What happens to a part that is off-screen: low-passed at this frequency in Hz, ...
const FAR_CORNER: f64 = 1100.0;
/// ... this much quieter, in dB, ...
const FAR_QUIETER: f64 = 7.0;
/// ... and with at least this much of the room.
const FAR_ROOM: f64 = 0.6;

/// Colour of a background noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Color {
    /// Equal power per hertz: hiss.
    White,
    /// Equal power per octave: rain far away.
    Pink,
    /// Falls by 6 dB per octave: a distant road.
    Brown,
    /// Mains hum, 50 or 60 Hz and its harmonics.
    Hum,
    /// One octave or two of noise around a frequency drawn from the plan's seed.
    Band,
}

impl Color {
    /// All colours.
    pub const ALL: [Self; 5] = [Self::White, Self::Pink, Self::Brown, Self::Hum, Self::Band];
}

/// A noise behind everything.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// Its colour.
    pub color: Color,
    /// RMS in dBFS; -70 is a faint hiss.
    pub level_db: f64,
}

/// The room that everything sounds in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Room {
    /// 0 (the inside of a car) to 1 (a church).
    pub size: f64,
    /// Share of the echo: 0 outdoors, 0.2 in a living room, 1 far from the source.
    pub wet: f64,
}

impl Room {
    /// Outdoors: no echo.
    pub const DRY: Self = Self { size: 0.0, wet: 0.0 };
}

impl Default for Room {
    fn default() -> Self {
        Self::DRY
    }
}

/// One thing that sounds for a while.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SoundPart {
    /// Index in the library.
    pub kind: usize,
    /// From which second on; may lie before the plan's start.
    pub start: f64,
    /// How long, in seconds.
    pub secs: f64,
    /// What it plays: with the same kind and length, the same notes.
    pub seed: u64,
    /// RMS of its active stretches (20 ms that are at most 30 dB below its loudest 20 ms) in
    /// dBFS, before room and distance. A part is never so loud that a sample of it passes 0.95:
    /// what consists of clicks stays below what is asked.
    pub level_db: f64,
    /// -1 left, 0 centre, 1 right, at constant power; mono ignores it.
    pub pan: f64,
    /// Off-screen: darker, 7 dB quieter, more of the room.
    pub far: bool,
    /// Seconds of fade at both ends; at least 5 ms are always faded.
    pub fade: f64,
}

/// All that is heard of a scene.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SoundPlan {
    /// Length in seconds.
    pub secs: f64,
    /// Who sounds when.
    pub parts: Vec<SoundPart>,
    /// What is always there.
    pub noise: Option<Noise>,
    /// Where it is.
    pub room: Room,
    /// For the noise.
    pub seed: u64,
}

impl SoundPlan {
    /// Digital silence.
    pub fn silence(secs: f64) -> Self {
        Self { secs, parts: Vec::new(), noise: None, room: Room::DRY, seed: 0 }
    }

    /// Number of samples of one channel at `rate` Hz: `secs * rate`, rounded.
    pub fn samples(&self, rate: u32) -> usize {
        (seconds(self.secs) * f64::from(rate)).round() as usize
    }

    /// One channel at `rate` Hz, [`Self::samples`] long, within -1 to 1. A part whose kind the
    /// library does not have is silent.
    pub fn mono(&self, library: &Library, rate: u32) -> Vec<f32> {
        let [left, _] = self.render(library, rate, false);
        left.into_iter().map(limited).collect()
    }

    /// Two interleaved channels, otherwise as [`Self::mono`].
    pub fn stereo(&self, library: &Library, rate: u32) -> Vec<f32> {
        let [left, right] = self.render(library, rate, true);
        left.into_iter().zip(right).flat_map(|(l, r)| [limited(l), limited(r)]).collect()
    }

    /// When something is seen to happen in a part (barks, strokes, chuffs): seconds of the plan,
    /// in rising order, none outside the part. Empty for a part that is not there.
    pub fn beats(&self, library: &Library, part: usize) -> Vec<f64> {
        let Some(part) = self.parts.get(part) else { return Vec::new() };
        let Some(kind) = library.kinds.get(part.kind) else { return Vec::new() };
        let beats = kind.voice.beats(&mut part.dice(), seconds(part.secs));
        beats.into_iter().filter(|t| *t < part.secs).map(|t| part.start + t).collect()
    }

    fn render(&self, library: &Library, rate: u32, wide: bool) -> [Vec<f64>; 2] {
        let n = self.samples(rate);
        let plan_secs = seconds(self.secs);
        let mut mix = Mix {
            rate: f64::from(rate),
            secs: plan_secs,
            ears: [vec![0.0; n], vec![0.0; if wide { n } else { 0 }]],
            echo: vec![0.0; n],
            wet: false,
        };
        let wet = number(self.room.wet).clamp(0.0, 1.0);
        let heard = |part: &&SoundPart| {
            let (from, to) = span_of(part, plan_secs);
            from < to && part.kind < library.kinds.len()
        };
        // Parts are sung side by side and mixed in their order.
        let sung: Vec<(&SoundPart, Vec<f64>)> = self
            .parts
            .par_iter()
            .filter(heard)
            .filter_map(|part| {
                let voice = &library.kinds.get(part.kind)?.voice;
                let sound = voice.sing(&mut part.dice(), rate, seconds(part.secs));
                Some((part, sound.into_iter().map(|v| number(f64::from(v))).collect()))
            })
            .collect();
        for (part, sound) in &sung {
            mix.part(part, sound, wet);
        }
        mix.reverberate(self.room.size);
        if let Some(noise) = self.noise {
            for (ear, out) in mix.ears.iter_mut().enumerate().filter(|(_, out)| !out.is_empty()) {
                background(noise, self.seed, ear as u64, mix.rate, out);
            }
        }
        mix.ears
    }
}

impl SoundPart {
    /// A part with nothing special: in the centre, on screen.
    pub fn new(kind: usize, start: f64, secs: f64, seed: u64) -> Self {
        Self { kind, start, secs, seed, level_db: -20.0, pan: 0.0, far: false, fade: 0.01 }
    }

    fn dice(&self) -> Dice {
        Dice::new(self.seed, 0).part("voice")
    }
}

/// A length in seconds that can be rendered.
fn seconds(secs: f64) -> f64 {
    number(secs).clamp(0.0, LONGEST)
}

/// `x`, or 0 when it is not a number.
fn number(x: f64) -> f64 {
    if x.is_finite() { x } else { 0.0 }
}

/// Factor that brings `sound` to `level_db` dBFS (RMS of its active 20 ms stretches) without a
/// sample above `ceiling`; 0 for silence.
pub(super) fn gain_for(sound: &[f64], rate: u32, level_db: f64, ceiling: f64) -> f64 {
    let frame = (rate as usize / 50).max(1);
    let powers: Vec<f64> = sound
        .chunks(frame)
        .map(|c| c.iter().map(|v| v * v).sum::<f64>() / c.len() as f64)
        .collect();
    let floor = 1e-3 * powers.iter().copied().fold(0.0, f64::max);
    let active = powers.iter().filter(|p| **p >= floor && **p > 1e-18);
    let (sum, count) = active.fold((0.0, 0.0), |(s, c), p| (s + p, c + 1.0));
    let peak = sound.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    if count == 0.0 || peak < 1e-9 {
        return 0.0;
    }
    let wanted = 10f64.powf(number(level_db).clamp(-200.0, 20.0) / 20.0) / (sum / count).sqrt();
    wanted.min(ceiling / peak)
}

/// A sample that stays within -1 to 1: untouched up to the knee, bent above.
fn limited(x: f64) -> f32 {
    voices::bent(x, KNEE, 0.999) as f32
}

/// The stretch of a part that lies within a plan of `secs` seconds.
fn span_of(part: &SoundPart, secs: f64) -> (f64, f64) {
    let start = number(part.start);
    (start.max(0.0), (start + seconds(part.secs)).min(secs))
}

struct Mix {
    rate: f64,
    secs: f64,
    /// Left and right; right is empty in mono.
    ears: [Vec<f64>; 2],
    /// What goes into the room.
    echo: Vec<f64>,
    wet: bool,
}

impl Mix {
    fn part(&mut self, part: &SoundPart, sung: &[f64], wet: f64) {
        let start = number(part.start);
        let (from, to) = span_of(part, self.secs);
        let gain = gain_for(sung, self.rate as u32, part.level_db, CEILING);
        let wet = if part.far { wet.max(FAR_ROOM) } else { wet };
        let gain = if part.far { gain * voices::db(-FAR_QUIETER) } else { gain };
        let mut far = Svf::new(FAR_CORNER, 0.6, self.rate);
        let angle = (number(part.pan).clamp(-1.0, 1.0) + 1.0) * std::f64::consts::FRAC_PI_4;
        let places = if self.ears[1].is_empty() { [1.0, 0.0] } else { [angle.cos(), angle.sin()] };
        // A part cut by the plan's ends is faded there.
        let fade = number(part.fade).max(SHORTEST_FADE).min((to - from) / 2.0);
        let at = |t: f64| (t * self.rate).round() as usize;
        let (first, last) = (at(from), at(to).min(self.echo.len()));
        let skip = at(from - start);
        for (k, &v) in sung.iter().enumerate() {
            // The filter hears the whole part, so that a cut does not change what follows.
            let v = gain * if part.far { far.low(v) } else { v };
            let Some(i) = (k + first).checked_sub(skip) else { continue };
            if i < first || i >= last {
                continue;
            }
            let inside = (i - first).min(last - 1 - i) as f64 + 0.5;
            let x = (inside / (fade * self.rate)).min(1.0);
            let v = v * x * x * (3.0 - 2.0 * x);
            for (ear, place) in self.ears.iter_mut().zip(places) {
                if let Some(to) = ear.get_mut(i) {
                    *to += place * v;
                }
            }
            self.echo[i] += wet * v;
        }
        self.wet |= wet > 0.0;
    }

    fn reverberate(&mut self, size: f64) {
        if !self.wet || self.rate == 0.0 {
            return;
        }
        let mut echo = Echo::new(size, self.rate);
        let n = self.echo.len();
        let end = ((0.02 * self.rate) as usize).clamp(1, n.max(1));
        let wide = !self.ears[1].is_empty();
        for i in 0..n {
            let (left, right) = echo.next(self.echo[i]);
            // The tail ends with the plan.
            let level = ((n - 1 - i) as f64 / end as f64).min(1.0);
            if wide {
                self.ears[0][i] += level * left;
                self.ears[1][i] += level * right;
            } else {
                self.ears[0][i] += level * std::f64::consts::FRAC_1_SQRT_2 * (left + right);
            }
        }
    }
}

/// Adds a noise of exactly its level to `out`.
fn background(noise: Noise, seed: u64, ear: u64, rate: f64, out: &mut [f64]) {
    if rate == 0.0 || out.is_empty() {
        return;
    }
    let mut dice = Dice::new(seed, 1).part("noise");
    let mains = if dice.chance(0.5) { 50.0 } else { 60.0 };
    let centre = 300.0 * 10f64.powf(dice.unit());
    let octaves = dice.range(1.0, 2.0);
    let mut source = voices::Noise::new(dice.bits().wrapping_add(ear), rate);
    let mut band = [(); 2].map(|()| Svf::new(centre, 1.5 / octaves, rate));
    let [first, second] = &mut band;
    let sound: Vec<f64> = (0..out.len())
        .map(|i| match noise.color {
            Color::White => source.white(),
            Color::Pink => source.pink(),
            Color::Brown => source.brown(),
            Color::Band => first.band(second.band(source.white())),
            Color::Hum => {
                let t = i as f64 / rate;
                (1..=7)
                    .map(|k| {
                        let k = f64::from(k);
                        voices::wave(mains * k * t + 0.13 * k * k) / (k * k)
                    })
                    .sum::<f64>()
                    + 0.01 * source.white()
            }
        })
        .collect();
    let mean = sound.iter().sum::<f64>() / sound.len() as f64;
    let power = sound.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / sound.len() as f64;
    if power <= 0.0 {
        return;
    }
    let gain = voices::db(number(noise.level_db).clamp(-200.0, 0.0)) / power.sqrt();
    for (to, v) in out.iter_mut().zip(&sound) {
        *to += gain * (v - mean);
    }
}

#[cfg(test)]
#[path = "soundscape_tests.rs"]
mod tests;
