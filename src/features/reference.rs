//! The official loader's sound choice, for `--reference` and for parity: the middle 3 s for
//! every frame, 16-bit samples, no resampling.

/// First sample and number of samples of the middle section of a track of `track_len` samples.
///
/// Follows the reference: the section begins at `max(duration / 2 - 1.5, 0)` seconds, truncated
/// to microseconds and then rounded to a sample; it is `trunc(min(3, duration - start) * rate)`
/// long. Shorter than 3 s is [`super::tile`]d to [`section_len`] by the caller. `None` for an
/// empty track or a rate of 0.
pub fn middle_section(track_len: u64, rate: u32) -> Option<(u64, usize)> {
    if track_len == 0 || rate == 0 {
        return None;
    }
    let r = f64::from(rate);
    let duration = track_len as f64 / r;
    let start = (duration / 2.0 - 1.5).max(0.0);
    let first = ((start * 1e6).trunc() * r / 1e6).round() as u64;
    let len = (3.0f64.min(duration - start) * r).trunc() as u64;
    let first = first.min(track_len - 1);
    Some((first, usize::try_from(len.min(track_len - first)).ok()?))
}

/// Samples of a full section: 3 s.
pub fn section_len(rate: u32) -> usize {
    3 * rate as usize
}

/// One channel of 8-bit unsigned samples.
pub fn s16_from_u8(v: u8) -> i16 {
    (i16::from(v) - 128) << 8
}

/// 24-bit signed samples (in the low bits of an i32): floor, not rounded.
pub fn s16_from_s24(v: i32) -> i16 {
    (v >> 8) as i16
}

/// 32-bit signed samples: floor, not rounded.
pub fn s16_from_s32(v: i32) -> i16 {
    (v >> 16) as i16
}

/// Floating-point samples: times 32768, halves to even, clamped. No number becomes 0.
pub fn s16_from_f32(v: f32) -> i16 {
    (f64::from(v) * 32768.0).round_ties_even().clamp(-32768.0, 32767.0) as i16
}

/// 16-bit stereo to mono: the mean, halves rounded towards plus infinity.
pub fn mix_s16(left: i16, right: i16) -> i16 {
    ((i32::from(left) + i32::from(right) + 1) >> 1) as i16
}

/// Mono from interleaved 16-bit samples of `channels` channels by the reference's rule.
///
/// One channel as it is, two by [`mix_s16`], 3, 4, 6 and 8 by the weights of a stream without a
/// speaker mask (FFmpeg's default matrix in Q15); other counts by the plain mean.
pub fn mono_s16(interleaved: &[i16], channels: usize) -> Vec<i16> {
    let weights: &[i32] = match channels {
        0 => return Vec::new(),
        1 => return interleaved.to_vec(),
        3 => &[16384, 16384, 0],
        4 => &[7951, 7951, 11244, 5622],
        6 => &[6786, 6786, 9598, 0, 4799, 4799],
        8 => &[5249, 5249, 7423, 0, 3712, 3712, 3712, 3712],
        _ => &[],
    };
    let mono = |frame: &[i16]| match frame {
        [l, r] => mix_s16(*l, *r),
        _ if weights.is_empty() => {
            let sum: i64 = frame.iter().map(|v| i64::from(*v)).sum();
            sum.div_euclid(channels as i64) as i16
        }
        _ => {
            let sum: i32 = frame.iter().zip(weights).map(|(v, q)| q * i32::from(*v)).sum();
            ((sum + 16384) >> 15).clamp(-32768, 32767) as i16
        }
    };
    interleaved.chunks_exact(channels).map(mono).collect()
}

/// What the network hears of a 16-bit sample: divided by 32767 (not 32768) and clipped, so that
/// -32768 becomes -1.
pub fn sample_from_s16(v: i16) -> f64 {
    (f64::from(v) / 32767.0).max(-1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_section_is_the_middle_three_seconds() {
        assert_eq!(middle_section(48_000, 16_000), Some((0, 48_000)));
        assert_eq!(middle_section(160_000, 16_000), Some((56_000, 48_000)));
        assert_eq!(middle_section(30_000, 16_000), Some((0, 30_000)));
        assert_eq!(middle_section(0, 16_000), None);
        assert_eq!(middle_section(10, 0), None);
    }

    #[test]
    fn samples_become_16_bit_by_the_rule_of_their_type() {
        assert_eq!([0, 128, 255].map(s16_from_u8), [-32768, 0, 32512]);
        assert_eq!([255, -1, -257, 8_388_607].map(s16_from_s24), [0, -1, -2, 32767]);
        assert_eq!([65_535, -1].map(s16_from_s32), [0, -1]);
        let halves = [0.5, 1.5, -0.5, -1.5].map(|v: f32| s16_from_f32(v / 32768.0));
        assert_eq!(halves, [0, 2, 0, -2]);
        assert_eq!([2.0, -2.0, f32::NAN].map(s16_from_f32), [32767, -32768, 0]);
    }

    #[test]
    fn stereo_halves_go_up() {
        let pairs = [(1, 0), (0, 1), (-1, 0), (1, 2), (-1, -2), (32767, -32768)];
        assert_eq!(pairs.map(|(l, r)| mix_s16(l, r)), [1, 1, 0, 2, -1, 0]);
        assert_eq!(mono_s16(&[1, 0, -1, 0, 7], 2), [1, 0]);
    }

    #[test]
    fn the_lowest_sample_is_clipped_to_minus_one() {
        assert_eq!(sample_from_s16(i16::MIN), -1.0);
        assert_eq!(sample_from_s16(i16::MAX), 1.0);
    }

    proptest! {
        #[test]
        fn any_track_has_its_section_inside(len in any::<u32>(), rate in any::<u32>()) {
            if let Some((start, n)) = middle_section(u64::from(len), rate) {
                prop_assert!(start + n as u64 <= u64::from(len));
                prop_assert!(n <= section_len(rate));
            }
        }

        #[test]
        fn any_channel_count_mixes(x in proptest::collection::vec(any::<i16>(), 0..64), n in 0usize..20) {
            prop_assert_eq!(mono_s16(&x, n).len(), x.len().checked_div(n).unwrap_or(0));
        }
    }
}
