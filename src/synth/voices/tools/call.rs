//! Throats: a pulsing source, breath, and the resonances of a mouth.

use super::{Curve, Noise, OnePole, Pulse, Stage, Svf, lerp, peaked, wave};

/// A resonance of the throat.
#[derive(Clone, Debug)]
pub struct Formant {
    /// Centre in Hz along the call (0 to 1).
    pub hz: Curve,
    /// Bandwidth in Hz.
    pub width: f64,
    /// Strength.
    pub gain: f64,
}

impl Formant {
    /// A resonance that moves.
    pub fn moving(points: &[(f64, f64)], width: f64, gain: f64) -> Self {
        Self { hz: Curve::new(points), width, gain }
    }

    /// A resonance that stays.
    pub fn fixed(hz: f64, width: f64, gain: f64) -> Self {
        Self { hz: Curve::flat(hz), width, gain }
    }
}

/// One cry of an animal, or another thing with a pulsing source and resonances.
#[derive(Clone, Debug)]
pub struct Call {
    /// Length in seconds.
    pub secs: f64,
    /// Pitch in Hz along the call (0 to 1).
    pub pitch: Curve,
    /// Level along the call.
    pub level: Curve,
    /// Above this frequency in Hz the source falls by 6 dB per octave.
    pub tilt: f64,
    /// Noise beside the pulses, 0 to 1.
    pub breath: f64,
    /// Random change of pitch and strength from pulse to pulse, as a share.
    pub jitter: f64,
    /// Every other pulse is weaker by this share.
    pub halves: f64,
    /// Tremor: times per second, share of pitch, share of level.
    pub tremor: (f64, f64, f64),
    /// Roughness: times per second, depth.
    pub rough: (f64, f64),
    /// Resonances, side by side.
    pub formants: Vec<Formant>,
    /// How much of the source passes beside the resonances.
    pub direct: f64,
}

impl Default for Call {
    fn default() -> Self {
        Self {
            secs: 0.3,
            pitch: Curve::flat(400.0),
            level: super::hump(0.1, 0.3),
            tilt: 1500.0,
            breath: 0.05,
            jitter: 0.01,
            halves: 0.0,
            tremor: (0.0, 0.0, 0.0),
            rough: (0.0, 0.0),
            formants: Vec::new(),
            direct: 0.1,
        }
    }
}

impl Call {
    /// The call with its largest sample at 1.
    pub fn sound(&self, stage: &mut Stage<'_>) -> Vec<f64> {
        let noise = stage.noise();
        let chance = stage.noise();
        peaked(self.samples(noise, chance, stage.rate, stage.samples(self.secs)))
    }

    fn samples(&self, mut noise: Noise, mut chance: Noise, rate: f64, n: usize) -> Vec<f64> {
        let mut out = Vec::with_capacity(n);
        let mut pulse = Pulse::new(0.5);
        let mut tilt = OnePole::new(self.tilt, rate);
        let mut hiss = OnePole::new((2.0 * self.tilt).max(3000.0), rate);
        let mut mouths: Vec<Svf> = self.formants.iter().map(|_| Svf::default()).collect();
        // Slow values are computed every 2 ms.
        let block = ((rate / 500.0) as usize).max(1);
        let (mut strength, mut shift) = (1.0, 0.0);
        let (mut periods, mut turn) = (0, 0.0);
        let (tremor_hz, tremor_pitch, tremor_level) = self.tremor;
        let values = |x: f64| (self.pitch.at(x).max(5.0), self.level.at(x));
        let mut now = values(0.0);
        for start in (0..n).step_by(block) {
            let end = (start + block).min(n);
            let x = end as f64 / n as f64;
            let then = values(x);
            for (mouth, formant) in mouths.iter_mut().zip(&self.formants) {
                let hz = formant.hz.at(x);
                mouth.set(hz, hz / formant.width, rate);
            }
            let t = start as f64 / rate;
            let shake = wave(tremor_hz * t + turn);
            // The tremor's rate wanders a little, as muscles do.
            turn += 0.002 * tremor_hz * 0.3 * chance.sway();
            let rough = 1.0 - self.rough.1 * (0.5 + 0.5 * wave(self.rough.0 * t));
            let level = (1.0 - tremor_level * (0.5 - 0.5 * shake)) * rough;
            for i in start..end {
                let at = (i - start) as f64 / block as f64;
                let hz = lerp(now.0, then.0, at) * (1.0 + tremor_pitch * shake + shift);
                let voiced = pulse.next(hz / rate, rate);
                if pulse.periods() != periods {
                    periods = pulse.periods();
                    shift = self.jitter * chance.sway();
                    let weak = if periods.is_multiple_of(2) { self.halves } else { 0.0 };
                    strength = (1.0 - weak) * (1.0 + 4.0 * self.jitter * chance.sway());
                }
                let source = tilt.low(voiced * strength) * (1.0 - self.breath)
                    + self.breath * hiss.low(noise.white());
                let mut y = self.direct * source;
                for (mouth, formant) in mouths.iter_mut().zip(&self.formants) {
                    y += formant.gain * mouth.band(source);
                }
                out.push(y * level * lerp(now.1, then.1, at));
            }
            now = then;
        }
        out
    }
}
