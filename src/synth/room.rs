//! The echo of a room: a few first reflections and a tail.

use super::voices::OnePole;

/// Delays of the tail's four lines in a room of size 0.5, in ms: no common divisors.
const LINES: [f64; 4] = [29.7, 37.1, 41.3, 47.9];
/// First reflections in a room of size 0.5: ms, gain left, gain right.
const FIRST: [(f64, f64, f64); 6] = [
    (7.3, 0.6, 0.35),
    (11.9, 0.3, 0.55),
    (17.1, 0.45, 0.25),
    (23.7, 0.2, 0.42),
    (31.3, 0.3, 0.2),
    (43.1, 0.17, 0.28),
];

/// A room's echo of one channel, for two ears.
pub(super) struct Echo {
    first: Vec<f64>,
    first_at: usize,
    taps: [(usize, f64, f64); 6],
    lines: [Vec<f64>; 4],
    at: [usize; 4],
    keep: [f64; 4],
    damp: [OnePole; 4],
}

impl Echo {
    /// An echo in a room of `size` 0 (a car) to 1 (a church).
    pub fn new(size: f64, rate: f64) -> Self {
        let size = if size.is_finite() { size.clamp(0.0, 1.0) } else { 0.0 };
        let scale = 0.35 + 1.3 * size;
        // Seconds until the tail is 60 dB weaker.
        let fall = 0.2 + 1.9 * size * size + 0.4 * size;
        let samples = |ms: f64| ((ms * scale * rate / 1000.0) as usize).max(1);
        let lines = LINES.map(|ms| vec![0.0; samples(ms)]);
        let keep = LINES.map(|ms| 0.001f64.powf(ms * scale / 1000.0 / fall));
        let taps = FIRST.map(|(ms, left, right)| (samples(ms), left, right));
        let longest = taps.iter().map(|t| t.0).max().unwrap_or(1);
        Self {
            first: vec![0.0; longest + 1],
            first_at: 0,
            taps,
            lines,
            at: [0; 4],
            keep,
            damp: std::array::from_fn(|_| OnePole::new(5500.0 - 2500.0 * size, rate)),
        }
    }

    /// Next sample for the left and the right ear; nothing of `x` itself.
    pub fn next(&mut self, x: f64) -> (f64, f64) {
        let len = self.first.len();
        self.first[self.first_at] = x;
        let (mut left, mut right) = (0.0, 0.0);
        for (delay, l, r) in self.taps {
            let from = self.first_at + len - delay;
            let y = self.first[if from >= len { from - len } else { from }];
            left += l * y;
            right += r * y;
        }
        self.first_at = if self.first_at + 1 == len { 0 } else { self.first_at + 1 };
        let mut out = [0.0; 4];
        for (k, y) in out.iter_mut().enumerate() {
            *y = self.damp[k].low(self.lines[k][self.at[k]]) * self.keep[k];
        }
        // Householder's mirror: what leaves one line comes back spread over all, no louder.
        let sum = out.iter().sum::<f64>() / 2.0;
        for (k, y) in out.iter().enumerate() {
            let len = self.lines[k].len();
            self.lines[k][self.at[k]] = y - sum + 0.5 * x;
            self.at[k] = if self.at[k] + 1 == len { 0 } else { self.at[k] + 1 };
        }
        (left + out[0] + out[2], right + out[1] + out[3])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(size: f64, from: f64, to: f64) -> f64 {
        let mut echo = Echo::new(size, 16_000.0);
        let y: Vec<f64> =
            (0..32_000).map(|i| echo.next(if i == 0 { 1.0 } else { 0.0 }).0).collect();
        let at = |t: f64| (t * 16_000.0) as usize;
        y[at(from)..at(to)].iter().map(|v| v * v).sum::<f64>()
    }

    #[test]
    fn a_larger_room_rings_longer_and_every_echo_dies() {
        assert!(tail(1.0, 0.5, 0.7) > 100.0 * tail(0.2, 0.5, 0.7));
        for size in [0.0, 0.5, 1.0] {
            assert!(tail(size, 1.8, 2.0) < 1e-2 * tail(size, 0.0, 0.2), "{size}");
            assert!(tail(size, 0.0, 0.2) < 4.0, "{size}");
        }
    }
}
