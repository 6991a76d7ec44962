//! Which samples of a track belong to a moment.

use super::SAMPLES_SECS;
use crate::units::MediaTime;

/// Where the 3 s of sound around a moment come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowPlan {
    /// `len` (= 3 s) samples of the track from sample `start` on.
    Inside {
        /// First sample.
        start: u64,
        /// 3 s of samples.
        len: usize,
    },
    /// The track is shorter than 3 s: take all its `track_len` samples and [`tile`] them to `len`,
    /// whatever the moment.
    Tiled {
        /// 3 s of samples, what [`tile`] is asked for.
        len: usize,
    },
    /// The moment lies outside the track: no sound, no map.
    Outside,
}

/// Samples of 3 s at `rate` Hz.
fn window_len(rate: u32) -> usize {
    (SAMPLES_SECS * f64::from(rate)) as usize
}

/// The 3 s centred on `at` in a mono track of `track_len` samples at `rate` Hz (the
/// checkpoint's), as `spec/audio.md` section 6 defines them.
///
/// The first sample is `round(at * rate) - n / 2`, clamped so that the window stays inside the
/// track: near the ends it is shifted, not padded. [`WindowPlan::Outside`] before time 0, after
/// the track's end, for an empty track and for a rate of 0. `at` counts from the track's own
/// first sample.
pub fn window_plan(track_len: u64, rate: u32, at: MediaTime) -> WindowPlan {
    let nanos = i128::from(at.as_nanos()) * i128::from(rate);
    let end = i128::from(track_len) * 1_000_000_000;
    if track_len == 0 || rate == 0 || nanos < 0 || nanos > end {
        return WindowPlan::Outside;
    }
    let len = window_len(rate);
    if track_len < len as u64 {
        return WindowPlan::Tiled { len };
    }
    let centre = (nanos + 500_000_000) / 1_000_000_000;
    let last_start = i128::from(track_len) - len as i128;
    let start = (centre - (len / 2) as i128).clamp(0, last_start) as u64;
    WindowPlan::Inside { start, len }
}

/// Repeats `samples` and cuts the result to `len`; an empty input gives silence.
pub fn tile(samples: &[f32], len: usize) -> Vec<f32> {
    if samples.is_empty() {
        return vec![0.0; len];
    }
    samples.iter().copied().cycle().take(len).collect()
}

/// Whether there is nothing to hear: every sample is zero (or no number), or there is none.
/// Shown as "no sound", because the network gives a confident-looking map for it all the same.
pub fn is_digital_silence(samples: &[f32]) -> bool {
    samples.iter().all(|x| *x == 0.0 || x.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const R: u32 = 16_000;
    const N: usize = 48_000;

    fn plan(len: u64, secs: f64) -> WindowPlan {
        window_plan(len, R, MediaTime::from_secs_f64(secs))
    }

    #[test]
    fn the_window_is_centred_and_shifted_inside_near_the_ends() {
        let at = |start| WindowPlan::Inside { start, len: N };
        assert_eq!(plan(160_000, 5.0), at(80_000 - 24_000));
        assert_eq!(plan(160_000, 0.2), at(0));
        assert_eq!(plan(160_000, 9.9), at(112_000));
        assert_eq!(plan(48_000, 1.0), at(0));
    }

    #[test]
    fn the_middle_of_the_track_gives_the_official_section() {
        for len in [48_000u64, 48_001, 77_777, 160_000] {
            let t = len as f64 / f64::from(R) / 2.0;
            let WindowPlan::Inside { start, .. } = plan(len, t) else { panic!() };
            let (official, _) = crate::features::reference::middle_section(len, R).unwrap();
            assert!(start.abs_diff(official) <= 1, "{len}: {start} {official}");
        }
    }

    #[test]
    fn short_tracks_are_tiled_and_moments_outside_have_no_sound() {
        assert_eq!(plan(30_000, 0.1), WindowPlan::Tiled { len: N });
        assert_eq!(plan(30_000, 1.8), WindowPlan::Tiled { len: N });
        for (len, secs) in [(30_000, 1.9), (160_000, 10.001), (160_000, -0.001), (0, 0.0)] {
            assert_eq!(plan(len, secs), WindowPlan::Outside, "{len} {secs}");
        }
        assert_eq!(plan(160_000, 10.0), WindowPlan::Inside { start: 112_000, len: N });
        assert_eq!(window_plan(5, 0, MediaTime::ZERO), WindowPlan::Outside);
    }

    #[test]
    fn tiling_repeats_and_cuts() {
        assert_eq!(tile(&[1.0, 2.0, 3.0], 7), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0]);
        assert_eq!(tile(&[1.0, 2.0], 1), [1.0]);
        assert_eq!(tile(&[], 3), [0.0; 3]);
    }

    #[test]
    fn silence_is_zeros_only() {
        assert!(is_digital_silence(&[]) && is_digital_silence(&[0.0, -0.0, f32::NAN]));
        assert!(!is_digital_silence(&[0.0, 1e-30]));
    }

    proptest! {
        #[test]
        fn any_moment_of_any_track_gives_a_window_inside_it(
            len in any::<u64>(), rate in any::<u32>(), nanos in any::<i64>(),
        ) {
            match window_plan(len, rate, MediaTime::from_nanos(nanos)) {
                WindowPlan::Inside { start, len: n } => {
                    prop_assert_eq!(n, 3 * rate as usize);
                    prop_assert!(start.checked_add(n as u64).is_some_and(|end| end <= len));
                }
                WindowPlan::Tiled { len: n } => prop_assert!((n as u64) > len && len > 0),
                WindowPlan::Outside => {}
            }
        }
    }
}
