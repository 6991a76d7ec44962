//! Where one part is put together.

use super::{Noise, OnePole, Svf};
use crate::synth::Dice;

/// One part while it is being made: its chance, its length, what has sounded so far.
pub struct Stage<'a> {
    /// Chance; drawn per event, never per sample.
    pub dice: &'a mut Dice,
    /// Samples per second.
    pub rate: f64,
    /// Length in seconds.
    pub secs: f64,
    out: Vec<f64>,
    beats: Vec<f64>,
}

impl<'a> Stage<'a> {
    /// An empty stage of `secs` seconds.
    pub fn new(dice: &'a mut Dice, rate: f64, secs: f64) -> Self {
        let out = vec![0.0; (secs * rate).round() as usize];
        Self { dice, rate, secs, out, beats: Vec::new() }
    }

    /// Samples of `secs` seconds.
    pub fn samples(&self, secs: f64) -> usize {
        (secs.max(0.0) * self.rate).round() as usize
    }

    /// In [`lo`, `hi`).
    pub fn range(&mut self, lo: f64, hi: f64) -> f64 {
        self.dice.range(lo, hi)
    }

    /// In [`lo`, `hi`), even in octaves.
    pub fn octaves(&mut self, lo: f64, hi: f64) -> f64 {
        lo * (hi / lo).powf(self.dice.unit())
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.dice.chance(p)
    }

    /// `value` times something within `share` of 1.
    pub fn about(&mut self, value: f64, share: f64) -> f64 {
        value * self.dice.range(1.0 - share, 1.0 + share)
    }

    /// One of `items`.
    pub fn pick<T: Copy>(&mut self, items: &[T], otherwise: T) -> T {
        self.dice.pick(items).copied().unwrap_or(otherwise)
    }

    /// New noise with a seed from the dice.
    pub fn noise(&mut self) -> Noise {
        Noise::new(self.dice.bits(), self.rate)
    }

    /// Adds `sound` from second `at` on; what lies beyond the end is dropped.
    pub fn add(&mut self, at: f64, sound: &[f64], gain: f64) {
        let from = self.samples(at).min(self.out.len());
        for (to, v) in self.out.iter_mut().skip(from).zip(sound) {
            *to += gain * v;
        }
    }

    /// Adds one value per sample: `f(seconds)`.
    pub fn fill(&mut self, mut f: impl FnMut(f64) -> f64) {
        let step = 1.0 / self.rate;
        for (i, to) in self.out.iter_mut().enumerate() {
            *to += f(i as f64 * step);
        }
    }

    /// Runs what has sounded so far through `f`.
    pub fn through(&mut self, mut f: impl FnMut(f64) -> f64) {
        self.out.iter_mut().for_each(|v| *v = f(*v));
    }

    /// Says that something is seen to happen at second `at`: a bark, a stroke.
    pub fn beat(&mut self, at: f64) {
        if at < self.secs {
            self.beats.push(at.max(0.0));
        }
    }

    /// When the first event begins: within `most` seconds, at once in a short part.
    pub fn begin(&mut self, most: f64) -> f64 {
        self.dice.range(0.0, most).min(0.2 * self.secs)
    }

    /// Until when an event may begin that needs `margin` seconds; the first always may.
    pub fn until(&self, margin: f64) -> f64 {
        (self.secs - margin).max(0.25 * self.secs)
    }

    /// Mostly `natural`, but no longer than what is left after `at`; never less than `least`.
    pub fn fit(&self, at: f64, natural: f64, least: f64) -> f64 {
        natural.min(self.secs - at).max(least)
    }

    /// The beats that were said.
    pub fn into_beats(mut self) -> Vec<f64> {
        self.beats.sort_by(f64::total_cmp);
        self.beats
    }

    /// The part: no DC, a colour of its own (another microphone each time), ends without clicks.
    pub fn into_sound(mut self) -> Vec<f64> {
        let rate = self.rate;
        let bright = self.dice.range(-0.35, 0.35);
        let bass = self.dice.range(-0.3, 0.3);
        let mut dc = Svf::new(25.0, 0.7, rate);
        let (mut top, mut bottom) = (OnePole::new(2500.0, rate), OnePole::new(250.0, rate));
        for v in &mut self.out {
            let x = dc.high(*v);
            *v = x + bright * top.high(x) + bass * bottom.low(x);
        }
        let n = self.out.len();
        let (rise, fall) = (edge(0.004, rate, n), edge(0.03, rate, n));
        for i in 0..rise {
            self.out[i] *= ease((i as f64 + 0.5) / rise as f64);
        }
        for i in 0..fall {
            self.out[n - 1 - i] *= ease((i as f64 + 0.5) / fall as f64);
        }
        self.out
    }
}

/// Samples of an edge of `secs`, at most a third of `n`.
fn edge(secs: f64, rate: f64, n: usize) -> usize {
    ((secs * rate) as usize).min(n / 3)
}

fn ease(x: f64) -> f64 {
    x * x * (3.0 - 2.0 * x)
}
