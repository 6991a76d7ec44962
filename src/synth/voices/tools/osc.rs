//! Oscillators without aliasing.

/// Sine of `turns` full turns, exact to 1e-7 and faster than the library's.
pub fn wave(turns: f64) -> f64 {
    let x = turns - turns.round();
    // Fold to the quarter turn around 0, where the series is short.
    let y = if x > 0.25 {
        0.5 - x
    } else if x < -0.25 {
        -0.5 - x
    } else {
        x
    };
    let t = y * std::f64::consts::TAU;
    let s = t * t;
    t * (1.0 - s / 6.0 * (1.0 - s / 20.0 * (1.0 - s / 42.0 * (1.0 - s / 72.0 * (1.0 - s / 110.0)))))
}

/// A sine whose frequency may change with every sample.
#[derive(Clone, Debug, Default)]
pub struct Sine {
    phase: f64,
}

impl Sine {
    /// Starts at `phase` turns.
    pub fn new(phase: f64) -> Self {
        Self { phase }
    }

    /// Next sample; `step` = frequency / rate.
    pub fn next(&mut self, step: f64) -> f64 {
        let out = wave(self.phase);
        self.phase += step;
        if self.phase >= 1.0 {
            self.phase -= self.phase.floor();
        }
        out
    }
}

/// A train of band-limited pulses: all harmonics below 0.45 of the rate, equally strong, none
/// above (closed form of the sum of cosines).
#[derive(Clone, Debug)]
pub struct Pulse {
    phase: f64,
    /// Harmonics in the sum.
    count: f64,
    /// True in the second half of a period.
    late: bool,
    /// Periods begun.
    periods: u64,
}

impl Pulse {
    /// Starts at `phase` turns; 0.5 is between two pulses.
    pub fn new(phase: f64) -> Self {
        Self { phase: phase.rem_euclid(1.0), count: 0.0, late: false, periods: 0 }
    }

    /// Number of half-way marks between pulses so far: what varies from pulse to pulse changes
    /// there, where the wave is small.
    pub fn periods(&self) -> u64 {
        self.periods
    }

    /// Next sample; `step` = frequency / rate, `rate` in Hz. The sum of harmonics with the power
    /// that a full band of 8 kHz at this pitch would have been given as 1.
    pub fn next(&mut self, step: f64, rate: f64) -> f64 {
        let step = step.clamp(1e-6, 0.45);
        let late = self.phase >= 0.5;
        if self.count == 0.0 || (late && !self.late) {
            self.count = (0.45 / step).floor().max(1.0);
            self.periods += u64::from(late && !self.late);
        }
        self.late = late;
        let below = wave(self.phase / 2.0);
        let odd = 2.0 * self.count + 1.0;
        let sum = if below.abs() < 1e-5 {
            self.count
        } else {
            (wave(odd * self.phase / 2.0) / below - 1.0) / 2.0
        };
        self.phase += step;
        if self.phase >= 1.0 {
            self.phase -= 1.0;
        }
        sum * (2.0 * step * rate / 8000.0).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_series_is_a_sine() {
        for i in -4000..4000 {
            let x = f64::from(i) / 1000.0;
            assert!((wave(x) - (x * std::f64::consts::TAU).sin()).abs() < 1e-6, "{x}");
        }
    }

    /// Power of `x` at `hz`.
    fn at(x: &[f64], hz: f64, rate: f64) -> f64 {
        let (mut c, mut s) = (0.0, 0.0);
        for (i, v) in x.iter().enumerate() {
            // A Hann window keeps the neighbours out.
            let w = 0.5 - 0.5 * wave(i as f64 / x.len() as f64 + 0.25);
            let t = hz * i as f64 / rate;
            c += v * w * wave(t + 0.25);
            s += v * w * wave(t);
        }
        (c * c + s * s) / (x.len() as f64).powi(2)
    }

    #[test]
    fn pulses_have_their_harmonics_and_no_aliases() {
        let rate = 16_000.0;
        let mut pulse = Pulse::new(0.5);
        let x: Vec<f64> = (0..16_000).map(|_| pulse.next(1310.0 / rate, rate)).collect();
        let first = at(&x, 1310.0, rate);
        assert!((at(&x, 5.0 * 1310.0, rate) / first - 1.0).abs() < 0.05);
        // The seventh would fold to 16000 - 9170 = 6830.
        assert!(at(&x, 6830.0, rate) < 1e-8 * first);
    }

    #[test]
    fn a_naive_pulse_train_would_alias() {
        let rate = 16_000.0;
        let x: Vec<f64> = (0..16_000)
            .map(|i| {
                let phase = (f64::from(i) * 1310.0 / rate).fract();
                f64::from(u8::from(phase < 1310.0 / rate))
            })
            .collect();
        assert!(at(&x, 6830.0, rate) > 0.1 * at(&x, 1310.0, rate));
    }
}
