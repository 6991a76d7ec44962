//! Filters.

use std::f64::consts::{PI, TAU};

/// One-pole low-pass.
#[derive(Clone, Debug, Default)]
pub struct OnePole {
    keep: f64,
    state: f64,
}

impl OnePole {
    /// 3 dB down at `hz`.
    pub fn new(hz: f64, rate: f64) -> Self {
        let mut filter = Self::default();
        filter.set(hz, rate);
        filter
    }

    /// Moves the corner.
    pub fn set(&mut self, hz: f64, rate: f64) {
        self.keep = (-TAU * hz.min(0.45 * rate).max(0.0) / rate.max(1e-9)).exp();
    }

    /// As if `x` had come in for ever.
    pub fn settle(&mut self, x: f64) {
        self.state = x;
    }

    /// Next low-passed sample.
    pub fn low(&mut self, x: f64) -> f64 {
        self.state = x + self.keep * (self.state - x);
        self.state
    }

    /// Next high-passed sample.
    pub fn high(&mut self, x: f64) -> f64 {
        x - self.low(x)
    }
}

/// State-variable filter (trapezoidal): its corner may move with every sample.
#[derive(Clone, Debug, Default)]
pub struct Svf {
    g: f64,
    k: f64,
    scale: f64,
    s1: f64,
    s2: f64,
}

impl Svf {
    /// Corner or centre at `hz`; `q` = centre / bandwidth.
    pub fn new(hz: f64, q: f64, rate: f64) -> Self {
        let mut filter = Self::default();
        filter.set(hz, q, rate);
        filter
    }

    /// A band around `hz`, `width` Hz wide.
    pub fn band_of(hz: f64, width: f64, rate: f64) -> Self {
        Self::new(hz, hz / width.max(1.0), rate)
    }

    /// Moves corner and width.
    pub fn set(&mut self, hz: f64, q: f64, rate: f64) {
        let g = (PI * hz.min(0.45 * rate).max(0.0) / rate.max(1e-9)).tan();
        self.g = g;
        self.k = 1.0 / q.max(0.05);
        self.scale = 1.0 / (1.0 + g * (g + self.k));
    }

    fn step(&mut self, x: f64) -> (f64, f64, f64) {
        let high = (x - (self.k + self.g) * self.s1 - self.s2) * self.scale;
        let band = self.g * high + self.s1;
        self.s1 = self.g * high + band;
        let low = self.g * band + self.s2;
        self.s2 = self.g * band + low;
        (low, band, high)
    }

    /// Next low-passed sample, 12 dB per octave.
    pub fn low(&mut self, x: f64) -> f64 {
        self.step(x).0
    }

    /// Next band-passed sample, gain 1 at the centre.
    pub fn band(&mut self, x: f64) -> f64 {
        self.step(x).1 * self.k
    }

    /// Next high-passed sample, 12 dB per octave.
    pub fn high(&mut self, x: f64) -> f64 {
        self.step(x).2
    }
}

/// `sound` low-passed at `hz`, 12 dB per octave.
pub fn low_passed(sound: &mut [f64], hz: f64, rate: f64) {
    let mut filter = Svf::new(hz, 0.7, rate);
    sound.iter_mut().for_each(|v| *v = filter.low(*v));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gain of `filter` for a sine at `hz`.
    fn gain(mut filter: impl FnMut(f64) -> f64, hz: f64) -> f64 {
        let y: Vec<f64> =
            (0..16_000).map(|i| filter((TAU * hz * f64::from(i) / 16_000.0).sin())).collect();
        (y[8000..].iter().map(|v| v * v).sum::<f64>() / 4000.0).sqrt()
    }

    #[test]
    fn filters_pass_and_stop_what_they_say() {
        let rate = 16_000.0;
        let svf = || Svf::new(1000.0, 2.0, rate);
        let (mut l, mut b, mut h) = (svf(), svf(), svf());
        assert!((gain(|x| l.low(x), 50.0) - 1.0).abs() < 0.02);
        assert!((gain(|x| b.band(x), 1000.0) - 1.0).abs() < 0.02);
        assert!((gain(|x| h.high(x), 7000.0) - 1.0).abs() < 0.05);
        let (mut l, mut b, mut h) = (svf(), svf(), svf());
        assert!(gain(|x| l.low(x), 4000.0) < 0.06);
        assert!(gain(|x| b.band(x), 4000.0) < 0.15);
        assert!(gain(|x| h.high(x), 250.0) < 0.08);
        let mut one = OnePole::new(1000.0, rate);
        assert!((gain(|x| one.low(x), 1000.0) - 0.707).abs() < 0.08);
    }
}
