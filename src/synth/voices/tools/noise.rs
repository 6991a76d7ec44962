//! Noise of several colours.

/// Seeded noise. Its power per hertz does not depend on the sample rate: at 16 kHz the white
/// noise has an RMS of 1.
#[derive(Clone, Debug)]
pub struct Noise {
    state: u64,
    scale: f64,
    pink: [f64; 3],
    brown: f64,
    rate: f64,
}

impl Noise {
    /// Noise for samples at `rate` Hz.
    pub fn new(seed: u64, rate: f64) -> Self {
        // Neighbouring seeds must not give neighbouring noise.
        let mixed = (seed ^ (seed >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self {
            state: mixed | 1,
            scale: (3.0 * rate / 16_000.0).sqrt(),
            pink: [0.0; 3],
            brown: 0.0,
            rate,
        }
    }

    fn bits(&mut self) -> u64 {
        let mut x = self.state;
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.state = x;
        x.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in [-1, 1), whatever the rate: for events, not for sound.
    pub fn sway(&mut self) -> f64 {
        2.0 * self.unit() - 1.0
    }

    /// White.
    pub fn white(&mut self) -> f64 {
        self.sway() * self.scale
    }

    /// Falls by 3 dB per octave from 40 Hz on.
    pub fn pink(&mut self) -> f64 {
        let white = self.white();
        let mut sum = 0.12 * white;
        // Three one-pole low-passes a factor of 8 apart, each as strong as its share of octaves.
        for (state, (hz, gain)) in
            self.pink.iter_mut().zip([(40.0, 5.0), (320.0, 1.77), (2560.0, 0.62)])
        {
            *state += (1.0 - (-std::f64::consts::TAU * hz / self.rate).exp()) * (white - *state);
            sum += gain * *state;
        }
        sum
    }

    /// Falls by 6 dB per octave from 30 Hz on.
    pub fn brown(&mut self) -> f64 {
        let white = self.white();
        self.brown +=
            (1.0 - (-std::f64::consts::TAU * 30.0 / self.rate).exp()) * (white - self.brown);
        8.0 * self.brown
    }
}
