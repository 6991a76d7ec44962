//! The log power spectrogram of FNAC, as `scipy.signal.spectrogram(x, R, nperseg=512,
//! noverlap=274)` followed by a logarithm makes it.

use std::f64::consts::PI;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// Samples per segment.
pub const SEGMENT: usize = 512;
/// Samples from one segment to the next.
pub const HOP: usize = 238;
/// Frequencies, 0 Hz first, spaced by rate / 512.
pub const BINS: usize = SEGMENT / 2 + 1;
/// Added to the power before the logarithm.
const FLOOR: f64 = 1e-7;
/// The value of digital silence: ln(1e-7) / 12.
pub const QUIET: f32 = -1.343_174_6;

/// What the sound tower takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrogram {
    /// Rows, always [`BINS`] = 257; row 0 is 0 Hz.
    pub bins: usize,
    /// Columns; 200 for 3 s at 16 kHz.
    pub frames: usize,
    /// `ln(P + 1e-7) / 12`, row-major `[bins, frames]`, always finite.
    pub data: Vec<f32>,
}

/// Power density before scaling to the network's range.
#[derive(Clone, Debug, PartialEq)]
pub struct LogDensity {
    /// Columns.
    pub frames: usize,
    /// `ln(P + 1e-7)`, row-major `[257, frames]`, f64.
    pub data: Vec<f64>,
}

/// Columns of a spectrogram of `samples` samples; the tail that fills no segment is dropped.
pub fn frames_of(samples: usize) -> usize {
    samples.checked_sub(SEGMENT).map_or(0, |rest| rest / HOP + 1)
}

/// Window, Fourier plan and scratch memory, made once and used for every spectrogram.
pub struct SpectrogramPlan {
    window: Vec<f64>,
    fft: Arc<dyn RealToComplex<f64>>,
    segment: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
    scratch: Vec<Complex<f64>>,
}

impl Default for SpectrogramPlan {
    fn default() -> Self {
        Self::new()
    }
}

/// Tukey window with a quarter of cosine, periodic: the symmetric 513-point window without its
/// last point. The sum of its squares is exactly 432.
fn tukey_periodic() -> Vec<f64> {
    let cosine = |x: f64| 0.5 * (1.0 + (PI * x).cos());
    (0..SEGMENT)
        .map(|i| match i {
            0..=64 => cosine(i as f64 / 64.0 - 1.0),
            65..=447 => 1.0,
            _ => cosine(i as f64 / 64.0 - 7.0),
        })
        .collect()
}

/// Sum of the squares of the window.
const WINDOW_POWER: f64 = 432.0;

impl SpectrogramPlan {
    /// Plans the transform.
    pub fn new() -> Self {
        Self::with_window(tukey_periodic())
    }

    fn with_window(window: Vec<f64>) -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(SEGMENT);
        let (spectrum, scratch) = (fft.make_output_vec(), fft.make_scratch_vec());
        Self { window, segment: vec![0.0; SEGMENT], spectrum, scratch, fft }
    }

    /// The network's spectrogram of mono `samples` at `rate` Hz, computed in f64.
    ///
    /// Segments of 512 every 238 samples without padding; each minus its own mean, times a
    /// periodic Tukey window; `P = |X|^2 / (rate * 432)`, doubled but for the first and last
    /// bin; `ln(P + 1e-7) / 12`. Samples are clipped to [-1, 1] first, as the reference does;
    /// those that are not numbers count as 0. Resampling and the fit to 3 s are the caller's.
    ///
    /// `None` for fewer than 512 samples or a rate of 0.
    pub fn log_spectrogram(&mut self, samples: &[f32], rate: u32) -> Option<Spectrogram> {
        let density = self.density(samples.len(), |i| f64::from(samples[i]), rate)?;
        Some(Spectrogram {
            bins: BINS,
            frames: density.frames,
            data: density.data.iter().map(|v| (v / 12.0) as f32).collect(),
        })
    }

    /// The same before the division by 12 and the rounding to f32, from f64 samples.
    pub fn log_density(&mut self, samples: &[f64], rate: u32) -> Option<LogDensity> {
        self.density(samples.len(), |i| samples[i], rate)
    }

    fn density(
        &mut self,
        len: usize,
        sample: impl Fn(usize) -> f64,
        rate: u32,
    ) -> Option<LogDensity> {
        let frames = frames_of(len);
        if frames == 0 || rate == 0 {
            return None;
        }
        let scale = 1.0 / (f64::from(rate) * WINDOW_POWER);
        let mut data = vec![0.0; BINS * frames];
        for frame in 0..frames {
            for (i, to) in self.segment.iter_mut().enumerate() {
                let x = sample(frame * HOP + i);
                *to = if x.is_nan() { 0.0 } else { x.clamp(-1.0, 1.0) };
            }
            let mean = self.segment.iter().sum::<f64>() / SEGMENT as f64;
            for (x, w) in self.segment.iter_mut().zip(&self.window) {
                *x = (*x - mean) * w;
            }
            // The three lengths are the plan's own, so this cannot fail.
            self.fft
                .process_with_scratch(&mut self.segment, &mut self.spectrum, &mut self.scratch)
                .ok()?;
            for (bin, x) in self.spectrum.iter().enumerate() {
                let once = x.norm_sqr() * scale;
                let power = if bin == 0 || bin == BINS - 1 { once } else { 2.0 * once };
                data[bin * frames + frame] = (power + FLOOR).ln();
            }
        }
        Some(LogDensity { frames, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RATE: u32 = 16_000;
    const N: usize = 48_000;

    fn power(plan: &mut SpectrogramPlan, x: &[f64]) -> impl Fn(usize, usize) -> f64 + use<> {
        let d = plan.log_density(x, RATE).unwrap();
        move |bin, frame| d.data[bin * d.frames + frame].exp() - FLOOR
    }

    fn close(got: f64, want: f64) {
        // The logarithm and back costs a few units in the last place of P + 1e-7.
        let slack = 1e-9 * want.abs() + 1e-20_f64.max(4.0 * f64::EPSILON * (want.abs() + FLOOR));
        assert!((got - want).abs() <= slack, "{got} instead of {want}");
    }

    fn sine(hz: f64) -> Vec<f64> {
        (0..N).map(|i| (2.0 * PI * hz * i as f64 / f64::from(RATE)).sin()).collect()
    }

    fn noise() -> Vec<f64> {
        let mut s: u64 = 1;
        (0..N)
            .map(|_| {
                s = (1_103_515_245 * s + 12345) % (1 << 31);
                s as f64 / f64::from(1u32 << 30) - 1.0
            })
            .collect()
    }

    #[test]
    fn the_window_is_periodic_tukey() {
        let w = tukey_periodic();
        let first = [
            0.0,
            0.0006022718974138,
            0.00240763666390159,
            0.00541174501760949,
            0.00960735979838478,
        ];
        for (got, want) in w.iter().zip(first) {
            assert!((got - want).abs() < 1e-15);
        }
        assert!((w[62] - 0.9975923633360985).abs() < 1e-15);
        assert_eq!(w[64], 1.0);
        assert!((w[511] - w[1]).abs() < 1e-15);
        assert!((w.iter().sum::<f64>() - 448.0).abs() < 1e-10);
        assert!((w.iter().map(|w| w * w).sum::<f64>() - WINDOW_POWER).abs() < 1e-10);
    }

    #[test]
    fn a_sine_of_440_hz_equals_vector_a() {
        let p = power(&mut SpectrogramPlan::new(), &sine(440.0));
        close(p(0, 0), 4.6939882386060674e-08);
        close(p(1, 0), 1.584382972507131e-09);
        close(p(13, 0), 4.718200990026425e-05);
        close(p(14, 0), 0.014283530989435751);
        close(p(15, 0), 0.0007316201974393747);
        close(p(20, 0), 5.231533128435938e-06);
        close(p(14, 199), 0.01428354591619031);
        close(p(15, 199), 0.0007315443672840263);
        let y = SpectrogramPlan::new().log_density(&sine(440.0), RATE).unwrap();
        for (bin, want) in [
            (0, -1.3111035247646774),
            (1, -1.3418646687097733),
            (13, -0.8299483895990912),
            (14, -0.3540534236185994),
            (15, -0.6016760300843399),
            (20, -1.0118226433158148),
            (256, -1.343174637572049),
        ] {
            assert!((y.data[bin * 200] / 12.0 - want).abs() < 1e-9, "bin {bin}");
        }
    }

    #[test]
    fn a_quantised_sine_equals_vector_b() {
        let x: Vec<f64> =
            sine(440.0).iter().map(|v| (0.5 * 32767.0 * v).round_ties_even() / 32767.0).collect();
        let p = power(&mut SpectrogramPlan::new(), &x);
        close(p(0, 0), 1.173300069372234e-08);
        close(p(14, 0), 0.0035708784229249836);
        let samples: Vec<f32> = x.iter().map(|v| *v as f32).collect();
        let s = SpectrogramPlan::new().log_spectrogram(&samples, RATE).unwrap();
        assert_eq!((s.bins, s.frames, s.data.len()), (257, 200, 257 * 200));
        // f32 samples and f32 results: 1e-5.
        assert!((s.data[0] - -1.333_929_4).abs() < 1e-5);
        assert!((s.data[14 * 200] - -0.469_576_3).abs() < 1e-5);
        let mean = s.data.iter().map(|v| f64::from(*v)).sum::<f64>() / s.data.len() as f64;
        assert!((mean - -1.3179556654113949).abs() < 1e-5);
        let max = s.data.iter().copied().fold(f32::MIN, f32::max);
        assert!((max - -0.469_576_2).abs() < 1e-5);
    }

    #[test]
    fn a_sine_on_a_bin_equals_vector_c() {
        let p = power(&mut SpectrogramPlan::new(), &sine(1000.0));
        close(p(32, 0), 0.0145185185185185);
        close(p(31, 0), 0.0002732257811180695);
        close(p(33, 0), 0.0002732885585447794);
        close(p(30, 0), 0.00021344020806081152);
        close(p(34, 0), 0.00021351902737192446);
    }

    #[test]
    fn an_impulse_equals_vector_d() {
        let mut x = vec![0.0; N];
        x[256] = 1.0;
        let p = power(&mut SpectrogramPlan::new(), &x);
        close(p(0, 0), 2.2605613425925926e-09);
        close(p(1, 0), 2.2405259624452374e-07);
        close(p(128, 0), 2.8935185185185185e-07);
        close(p(256, 0), 1.4467592592592592e-07);
        close(p(1, 1), 2.622946377556274e-08);
        close(p(1, 2), 0.0);
    }

    #[test]
    fn pseudo_noise_equals_vector_e() {
        let x = noise();
        assert!((x[0] - 0.02774015627801418).abs() < 1e-16);
        let p = power(&mut SpectrogramPlan::new(), &x);
        close(p(0, 0), 1.0893498741849334e-05);
        close(p(1, 0), 5.102152908069298e-05);
        close(p(128, 100), 3.2340367834221095e-05);
        close(p(256, 199), 1.70867850806144e-08);
        let d = SpectrogramPlan::new().log_density(&x, RATE).unwrap();
        assert!((d.data[128 * 200 + 100] / 12.0 - -0.8613422491559951).abs() < 1e-9);
        let mean = d.data.iter().sum::<f64>() / 12.0 / d.data.len() as f64;
        assert!((mean - -0.8886061032044835).abs() < 1e-9);
    }

    #[test]
    fn a_symmetric_window_fails_vector_a() {
        let symmetric = (0..SEGMENT)
            .map(|i| {
                let edge = 0.25 * 511.0 / 2.0;
                let d = (i as f64).min(511.0 - i as f64);
                if d < edge { 0.5 * (1.0 + (PI * (d / edge - 1.0)).cos()) } else { 1.0 }
            })
            .collect();
        let mut twin = SpectrogramPlan::with_window(symmetric);
        let p = power(&mut twin, &sine(440.0));
        assert!((p(14, 0) / 0.014283530989435751 - 1.0).abs() > 1e-5);
    }

    #[test]
    fn silence_and_a_constant_are_the_quiet_value_everywhere() {
        let mut plan = SpectrogramPlan::new();
        for level in [0.0, 0.3] {
            let s = plan.log_spectrogram(&[level; 16_000], RATE).unwrap();
            assert!(s.data.iter().all(|v| (v - QUIET).abs() < 1e-6), "{level}");
        }
    }

    #[test]
    fn widths_follow_the_rate() {
        for (rate, frames) in [(16_000, 200), (22_050, 276), (44_100, 554), (48_000, 603)] {
            assert_eq!(frames_of(3 * rate), frames);
        }
        let mut plan = SpectrogramPlan::new();
        assert!(plan.log_spectrogram(&[0.1; 511], RATE).is_none());
        assert_eq!(plan.log_spectrogram(&[0.1; 512], RATE).unwrap().frames, 1);
        assert!(plan.log_spectrogram(&[0.1; 512], 0).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_samples_give_finite_values(
            x in proptest::collection::vec(proptest::num::f32::ANY, 0..1500), rate in any::<u32>(),
        ) {
            match SpectrogramPlan::new().log_spectrogram(&x, rate) {
                None => prop_assert!(x.len() < SEGMENT || rate == 0),
                Some(s) => {
                    prop_assert_eq!(s.data.len(), BINS * frames_of(x.len()));
                    prop_assert!(s.data.iter().all(|v| v.is_finite()));
                }
            }
        }
    }
}
