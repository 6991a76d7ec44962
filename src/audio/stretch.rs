//! Changes the speed of sound and keeps its pitch, with exactly known timing.

/// Output from one segment to the next. Slowed down, the onset of a sound is heard early by half
/// of this (a segment that reaches into it fades in before its place), so no longer than voices
/// need: two periods of 100 Hz per segment.
const HOP_SECS: f64 = 0.010;
/// How far a segment may move to fit the one before: one period of a 62 Hz voice in all.
const SEARCH_SECS: f64 = 0.008;
/// Slowed down, a segment that reaches into the onset of a sound fades in before its place (half
/// a hop early), and the search continues a wave rather than the silence before it (up to its
/// range early). Segments are taken this much earlier in the clip, scaled with the slowing, so
/// that onsets, by which people judge, come in time.
const ONSET_SECS: f64 = HOP_SECS / 2.0 + SEARCH_SECS;
/// Every n-th sample is compared in the search; voices and music need no more than 6 kHz here.
const STRIDE: usize = 4;
const CHANNELS: usize = 2;

/// Waveform-similarity overlap-add (WSOLA; Verhelst and Roelands, 1993) on interleaved stereo.
///
/// Output is made of segments of the input, each 20 ms long, overlapping by half, moved by at
/// most 8 ms to where they continue the segment before. Output frame `n` stands for input
/// frame `n * speed`, always within that search range: nothing accumulates, which libavfilter's
/// `atempo` does not promise, and the player's clock relies on it. At speed 1 the output is
/// the input.
pub struct Stretch {
    speed: f64,
    hop: usize,
    search: usize,
    /// Input frames by which segments are taken earlier.
    onset: i64,
    /// Input not yet given up, interleaved; its first frame is input frame `base`.
    input: Vec<f32>,
    base: i64,
    /// Input frames pushed.
    pushed: i64,
    /// Next segment.
    segment: i64,
    /// Input frame where the last segment began.
    previous: i64,
    /// Fade-in half of the window, `hop` values; the fade-out is its complement.
    window: Vec<f32>,
    produced: u64,
    finished: bool,
}

impl Stretch {
    /// For sound at `rate` frames per second; `speed` is clamped to 0.1 … 4.
    pub fn new(rate: u32, speed: f64) -> Self {
        let speed = if speed.is_finite() { speed.clamp(0.1, 4.0) } else { 1.0 };
        let frames = |secs: f64| ((secs * f64::from(rate)).round() as usize).max(8);
        let hop = frames(HOP_SECS);
        let window = (0..hop)
            .map(|i| {
                let x = (i as f64 + 0.5) / hop as f64;
                (0.5 - 0.5 * (std::f64::consts::PI * x).cos()) as f32
            })
            .collect();
        Self {
            speed,
            hop,
            search: frames(SEARCH_SECS),
            onset: (ONSET_SECS * (1.0 - speed).max(0.0) * f64::from(rate)).round() as i64,
            input: Vec::new(),
            base: 0,
            pushed: 0,
            segment: 0,
            // Segment -1 lies so that its second half is the very beginning.
            previous: -(hop as i64),
            window,
            produced: 0,
            finished: false,
        }
    }

    /// Input time per output time.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// Output frames made so far; frame `n` stands for input frame `n * speed`.
    pub fn produced(&self) -> u64 {
        self.produced
    }

    /// Takes interleaved stereo and appends what can be made of it to `out`.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.pushed += (samples.len() / CHANNELS) as i64;
        self.input.extend_from_slice(samples);
        self.run(out);
    }

    /// Ends the input: appends the rest, so that `produced` is the input's length over speed.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        if self.finished {
            return;
        }
        self.finished = true;
        let total = (self.pushed as f64 / self.speed).round() as u64;
        while self.produced < total {
            self.input.resize(self.input.len() + 4 * self.hop * CHANNELS, 0.0);
            self.pushed += 4 * self.hop as i64;
            self.run(out);
        }
        let extra = (self.produced - total) as usize * CHANNELS;
        out.truncate(out.len().saturating_sub(extra));
        self.produced = total;
    }

    fn run(&mut self, out: &mut Vec<f32>) {
        let hop = self.hop as i64;
        loop {
            let nominal = self.nominal();
            let reach = self.search as i64 + 2 * hop;
            if nominal + reach > self.pushed || self.previous + 2 * hop > self.pushed {
                return;
            }
            let start = nominal + self.best_shift(nominal);
            for i in 0..self.hop {
                let fade_in = self.window[i];
                for c in 0..CHANNELS {
                    let old = self.sample(self.previous + hop + i as i64, c);
                    let new = self.sample(start + i as i64, c);
                    out.push(old + (new - old) * fade_in);
                }
            }
            self.produced += self.hop as u64;
            self.previous = start;
            self.segment += 1;
            self.forget();
        }
    }

    /// Input frame where the next segment begins before the search. Centred: the window's peak,
    /// one hop into the segment, stands for its output time.
    fn nominal(&self) -> i64 {
        let hop = self.hop as i64;
        let peak = ((self.segment + 1) * hop) as f64 * self.speed;
        peak.round() as i64 - hop - self.onset
    }

    /// One input sample; silence before the beginning.
    fn sample(&self, frame: i64, channel: usize) -> f32 {
        usize::try_from(frame - self.base)
            .ok()
            .and_then(|i| self.input.get(i * CHANNELS + channel))
            .copied()
            .unwrap_or(0.0)
    }

    fn mono(&self, frame: i64) -> f32 {
        self.sample(frame, 0) + self.sample(frame, 1)
    }

    /// Shift in [-search, search] at which the segment best continues the previous one.
    fn best_shift(&self, nominal: i64) -> i64 {
        let ideal = self.previous + self.hop as i64;
        // The natural continuation itself is within reach: nothing sounds better (and at
        // speed 1 it makes the output equal to the input).
        if (ideal - nominal).unsigned_abs() as usize <= self.search && self.speed == 1.0 {
            return ideal - nominal;
        }
        let wanted: Vec<f32> =
            (0..self.hop).step_by(STRIDE).map(|i| self.mono(ideal + i as i64)).collect();
        let energy: f32 = wanted.iter().map(|v| v * v).sum();
        if energy < 1e-8 {
            return 0;
        }
        let search = self.search as i64;
        let lo = nominal - search;
        let span: Vec<f32> =
            (0..2 * self.search + self.hop + 1).map(|i| self.mono(lo + i as i64)).collect();
        let score = |shift: i64| {
            let from = (shift + search) as usize;
            let candidate = span[from..].iter().step_by(STRIDE);
            let (mut dot, mut own) = (0.0_f32, 0.0_f32);
            for (a, b) in wanted.iter().zip(candidate) {
                dot += a * b;
                own += b * b;
            }
            // Slightly in favour of the nominal place, which decides in silence and in
            // sustained tones and keeps transients in time.
            dot / (own * energy).sqrt().max(1e-9) - 0.05 * (shift as f32 / search as f32).abs()
        };
        let best = |shifts: &mut dyn Iterator<Item = i64>| {
            shifts
                .map(|s| (s, score(s)))
                .fold((0, f32::MIN), |b, c| if c.1 > b.1 { c } else { b })
                .0
        };
        let step = STRIDE as i64;
        let coarse = best(&mut (-search..=search).step_by(STRIDE));
        best(&mut ((coarse - step).max(-search)..=(coarse + step).min(search)))
    }

    /// Gives up input that no later segment can reach.
    fn forget(&mut self) {
        let hop = self.hop as i64;
        let nominal = self.nominal();
        let keep = (nominal - self.search as i64).min(self.previous + hop);
        let drop = keep - self.base;
        // In large steps: moving the rest costs time.
        if drop > 8 * hop {
            let samples = (drop as usize * CHANNELS).min(self.input.len());
            self.input.drain(..samples);
            self.base += (samples / CHANNELS) as i64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 48_000;

    fn tone(hz: f64, secs: f64) -> Vec<f32> {
        (0..(secs * f64::from(RATE)) as usize)
            .flat_map(|i| {
                let v = (i as f64 / f64::from(RATE) * hz * std::f64::consts::TAU).sin() * 0.5;
                [v as f32, v as f32]
            })
            .collect()
    }

    fn stretched(input: &[f32], speed: f64) -> Vec<f32> {
        let mut s = Stretch::new(RATE, speed);
        let mut out = Vec::new();
        for block in input.chunks(2 * 1024) {
            s.push(block, &mut out);
        }
        s.finish(&mut out);
        assert_eq!(out.len() / 2, s.produced() as usize);
        out
    }

    /// Frequency by counting rising zero crossings of the left channel's inner part.
    fn frequency(samples: &[f32]) -> f64 {
        let left: Vec<f32> = samples.iter().step_by(2).copied().collect();
        let inner = &left[left.len() / 10..left.len() * 9 / 10];
        let rises = inner.windows(2).filter(|w| w[0] <= 0.0 && w[1] > 0.0).count();
        rises as f64 * f64::from(RATE) / inner.len() as f64
    }

    #[test]
    fn speed_one_gives_the_input_back() {
        let input = tone(440.0, 0.5);
        let out = stretched(&input, 1.0);
        assert_eq!(out.len(), input.len());
        let worst = out.iter().zip(&input).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-6, "{worst}");
    }

    #[test]
    fn length_follows_speed_and_pitch_stays() {
        let input = tone(440.0, 2.0);
        for speed in [0.1, 0.25, 0.5, 0.75, 1.1, 1.5, 2.0, 3.0, 4.0] {
            let out = stretched(&input, speed);
            let want = (input.len() as f64 / 2.0 / speed).round() as usize;
            assert_eq!(out.len() / 2, want, "speed {speed}");
            let hz = frequency(&out);
            // 1 %: segments meet in phase to within the search's resolution.
            assert!((hz - 440.0).abs() < 4.4, "speed {speed}: {hz} Hz");
        }
    }

    #[test]
    fn a_beep_begins_in_time() {
        let mut worst = 0.0_f64;
        for speed in [0.25, 0.5, 0.8, 1.25, 1.5, 2.0, 4.0] {
            let mut input = vec![0.0; 2 * RATE as usize * 5];
            let beeps = [1.0, 2.0037, 3.0071, 4.0012];
            for beep in beeps {
                let at = (beep * f64::from(RATE)) as usize * 2;
                let t = tone(1000.0, 0.1);
                input[at..at + t.len()].copy_from_slice(&t);
            }
            let out = stretched(&input, speed);
            for beep in beeps {
                let near = (((beep - 0.2) / speed) * f64::from(RATE)) as usize;
                // Half the level.
                let onset = (near..out.len() / 2).find(|i| out[2 * i].abs() > 0.25).unwrap();
                let error_ms = (onset as f64 / f64::from(RATE) - beep / speed) * 1000.0;
                println!("speed {speed}, beep {beep}: {error_ms:+.1} ms");
                worst = worst.max(error_ms.abs() * speed.min(1.0));
            }
        }
        // Slowed down, the clip's own time counts: the search moves input by up to 8 ms.
        assert!(worst < 8.0, "{worst} ms");
    }

    #[test]
    fn silence_and_absurd_speeds_are_harmless() {
        let out = stretched(&vec![0.0; 9600], f64::NAN);
        assert!(out.iter().all(|v| *v == 0.0));
        assert_eq!(Stretch::new(RATE, 100.0).speed(), 4.0);
        assert!(stretched(&[], 0.5).is_empty());
    }
}
