//! Struck bodies and plucked strings.

use super::{Curve, OnePole, Stage, Svf};

/// A decaying sine of a struck body.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mode {
    /// Frequency in Hz.
    pub hz: f64,
    /// Strength at the blow.
    pub gain: f64,
    /// Seconds until it is 60 dB weaker.
    pub fall: f64,
}

impl Mode {
    /// A decaying sine.
    pub fn new(hz: f64, gain: f64, fall: f64) -> Self {
        Self { hz, gain, fall }
    }
}

/// Four modes at once: their recurrences do not wait for each other.
struct Four {
    a: [f64; 4],
    b: [f64; 4],
    gain: [f64; 4],
    before: [f64; 4],
    now: [f64; 4],
}

impl Four {
    /// At most four of `modes`; those above 0.45 of the rate are left out.
    fn new(modes: &[Mode], rate: f64) -> Self {
        let mut four =
            Self { a: [0.0; 4], b: [0.0; 4], gain: [0.0; 4], before: [0.0; 4], now: [0.0; 4] };
        let heard = |m: &&Mode| m.hz > 0.0 && m.hz < 0.45 * rate && m.fall > 0.0;
        for (k, mode) in modes.iter().filter(heard).take(4).enumerate() {
            let turn = std::f64::consts::TAU * mode.hz / rate;
            let keep = 0.001f64.powf(1.0 / (mode.fall * rate));
            // keep^i * sin(turn * i) by its recurrence.
            four.a[k] = 2.0 * keep * turn.cos();
            four.b[k] = keep * keep;
            four.gain[k] = mode.gain * turn.sin();
        }
        four
    }

    fn step(&mut self, push: f64) -> f64 {
        let mut sum = 0.0;
        for k in 0..4 {
            let next = self.a[k] * self.now[k] - self.b[k] * self.before[k] + self.gain[k] * push;
            self.before[k] = self.now[k];
            self.now[k] = next;
            sum += next;
        }
        sum
    }
}

/// A blow that makes `modes` ring for at most `secs` seconds. Modes above 0.45 of the rate are
/// left out. Each begins at zero, so a blow has no click of its own.
pub fn ring(modes: &[Mode], secs: f64, rate: f64) -> Vec<f64> {
    let n = (secs.max(0.0) * rate).round() as usize;
    let mut out = vec![0.0; n];
    for group in modes.chunks(4) {
        let longest = group.iter().fold(0.0f64, |m, mode| m.max(mode.fall));
        let heard = ((1.4 * longest * rate) as usize).min(n);
        let mut four = Four::new(group, rate);
        let mut now = 0.0;
        let mut push = 1.0;
        for v in &mut out[..heard] {
            *v += now;
            now = four.step(push);
            push = 0.0;
        }
    }
    out
}

/// `modes` driven by `push` (a blow is one sample of 1): for bodies struck many times.
pub fn driven(modes: &[Mode], push: &[f64], rate: f64) -> Vec<f64> {
    let mut out = vec![0.0; push.len()];
    for group in modes.chunks(4) {
        let mut four = Four::new(group, rate);
        for (v, x) in out.iter_mut().zip(push) {
            *v += four.step(*x);
        }
    }
    out
}

/// A plucked string (Karplus and Strong, with a moving pick and tuned loop).
#[derive(Clone, Copy, Debug)]
pub struct Pluck {
    /// Pitch in Hz.
    pub hz: f64,
    /// Seconds until the fundamental is 60 dB weaker.
    pub fall: f64,
    /// Corner of the loop's low-pass in Hz: how long the upper harmonics last.
    pub bright: f64,
    /// Corner of the pluck's own low-pass in Hz: flesh 2000, pick 6000.
    pub pick: f64,
    /// Where it is plucked, as a share of the length.
    pub place: f64,
}

impl Pluck {
    /// `secs` seconds of it; a damped end of `damp` seconds.
    pub fn sound(&self, stage: &mut Stage<'_>, secs: f64, damp: f64) -> Vec<f64> {
        let rate = stage.rate;
        let mut noise = stage.noise();
        let n = stage.samples(secs);
        let period = rate / self.hz.max(20.0).min(0.2 * rate);
        let keep = (-std::f64::consts::TAU * self.bright.min(0.45 * rate) / rate).exp();
        // The loop's low-pass delays low frequencies by keep / (1 - keep) samples; the line takes
        // the whole samples of what remains and the all-pass the rest.
        let wanted = (period - keep / (1.0 - keep)).max(2.0);
        let whole = (wanted - 0.3).floor().max(1.0);
        let rest = wanted - whole;
        let tune = (1.0 - rest) / (1.0 + rest);
        let lost = 0.001f64.powf(1.0 / (self.fall * self.hz));
        let len = whole as usize;
        // The first period: noise, softened by the pick, minus its echo from the bridge.
        let mut soft = Svf::new(self.pick, 0.6, rate);
        let mut line: Vec<f64> = (0..len).map(|_| soft.low(noise.white())).collect();
        let mean = line.iter().sum::<f64>() / len as f64;
        line.iter_mut().for_each(|v| *v -= mean);
        let shift = ((self.place * len as f64) as usize).max(1);
        let plucked: Vec<f64> =
            (0..len).map(|i| line[i] - 0.9 * line[(i + len - shift % len) % len]).collect();
        let rms = (plucked.iter().map(|v| v * v).sum::<f64>() / len as f64).sqrt().max(1e-9);
        let mut line: Vec<f64> = plucked.iter().map(|v| v / rms).collect();
        let mut low = OnePole::new(self.bright, rate);
        let (mut in1, mut out1) = (0.0, 0.0);
        let end = Curve::new(&[(secs - damp, 1.0), (secs, 0.0)]);
        let mut out = Vec::with_capacity(n);
        let (mut at, mut level) = (0, 1.0);
        // The pick leaves the string with a scrape.
        let mut scrape = Svf::new(0.6 * self.pick, 0.7, rate);
        let scraped = (0.02 * rate) as usize;
        for i in 0..n {
            let x = line[at];
            let y = tune * (x - out1) + in1;
            in1 = x;
            out1 = y;
            line[at] = lost * low.low(y);
            at = if at + 1 == len { 0 } else { at + 1 };
            if i % 32 == 0 {
                level = end.at(i as f64 / rate);
            }
            // The pluck itself takes a millisecond.
            let rise = (i as f64 / (0.001 * rate)).min(1.0);
            let edge = if i < scraped {
                let t = i as f64 / rate;
                self.pick / 6000.0 * scrape.band(noise.white()) * (-t / 0.004).exp()
            } else {
                0.0
            };
            out.push(rise * (x + edge) * level);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::Dice;

    /// Frequency from zero crossings of the low-passed sound.
    fn pitch(x: &[f64], hz: f64, rate: f64) -> f64 {
        let mut a = Svf::new(hz, 4.0, rate);
        let mut b = Svf::new(hz, 4.0, rate);
        let y: Vec<f64> = x.iter().map(|v| b.band(a.band(*v))).collect();
        let y = &y[y.len() / 3..];
        let ups: Vec<usize> = (1..y.len()).filter(|&i| y[i - 1] < 0.0 && y[i] >= 0.0).collect();
        (ups.len() - 1) as f64 * rate / (ups[ups.len() - 1] - ups[0]) as f64
    }

    #[test]
    fn strings_are_in_tune_at_both_rates() {
        for rate in [16_000.0, 48_000.0] {
            for hz in [82.4, 220.0, 659.3] {
                let mut dice = Dice::new(1, 0);
                let mut stage = Stage::new(&mut dice, rate, 1.0);
                let p = Pluck { hz, fall: 4.0, bright: 5000.0, pick: 4000.0, place: 0.2 };
                let got = pitch(&p.sound(&mut stage, 1.0, 0.01), hz, rate);
                // Ten cents.
                assert!((got / hz).log2().abs() < 10.0 / 1200.0, "{rate} {hz}: {got}");
            }
        }
    }

    #[test]
    fn a_mode_falls_by_60_db_in_its_time() {
        let x = ring(&[Mode::new(1000.0, 1.0, 0.5)], 0.6, 16_000.0);
        let most = |from: usize| x[from..from + 160].iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let fall = 20.0 * (most(0) / most(7840)).log10();
        assert!((fall - 59.0).abs() < 2.0, "{fall}");
        assert!(ring(&[Mode::new(9000.0, 1.0, 0.5)], 0.1, 16_000.0).iter().all(|v| *v == 0.0));
    }
}
