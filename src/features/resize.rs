//! Pillow's antialiased bicubic resize, bit-exact.
//!
//! `fast_image_resize` was looked at and is not used: it rounds its coefficients to 16 bits, so
//! its results differ from Pillow's by a grey level here and there, and the formula checkpoints
//! show what such a level does to a map. Source of the algorithm: Pillow's `Resample.c`, written
//! down in the specification of the image path.

use crate::units::RgbPicture;

/// Fractional bits of the integer coefficients: 32 minus 8 of the sample minus 2 of headroom.
const PRECISION: u32 = 32 - 8 - 2;
/// Keys' cubic parameter of Pillow's BICUBIC (torch's tensor resize uses -0.75).
const KEYS_A: f64 = -0.5;
/// Keys' cubic kernel.
fn keys(x: f64, a: f64) -> f64 {
    let t = x.abs();
    if t < 1.0 {
        ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0
    } else if t < 2.0 {
        (((t - 5.0) * t + 8.0) * t - 4.0) * a
    } else {
        0.0
    }
}

/// Which source samples make one output sample, with integer weights.
#[derive(Debug, PartialEq)]
struct Taps {
    /// First source sample.
    lo: usize,
    /// Weights times 2^22; they need not sum to 2^22 exactly.
    weights: Vec<i32>,
}

/// The taps of every output sample along one axis.
fn taps(from: usize, to: usize, a: f64) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let support = 2.0 * stretch;
    let inverse = 1.0 / stretch;
    let mut row = Vec::with_capacity((2.0 * support) as usize + 2);
    (0..to)
        .map(|o| {
            let centre = (o as f64 + 0.5) * scale;
            // `as` truncates toward zero and saturates, which is C's cast here.
            let lo = (centre - support + 0.5).max(0.0) as usize;
            let hi = ((centre + support + 0.5) as usize).min(from);
            row.clear();
            row.extend((lo..hi).map(|j| keys((j as f64 - centre + 0.5) * inverse, a)));
            let sum: f64 = row.iter().sum();
            let weights = row.iter().map(|w| {
                let w = if sum == 0.0 { *w } else { w / sum };
                let half = if w < 0.0 { -0.5 } else { 0.5 };
                (w * f64::from(1u32 << PRECISION) + half) as i32
            });
            Taps { lo, weights: weights.collect() }
        })
        .collect()
}

/// The sum of products, rounded and clamped to 8 bits. `sum` already holds the rounding half.
fn clamp8(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// One output pixel per entry of `taps`. Sums wrap as C's would, though 2^22 * 255 times the
/// cubic's overshoot of a quarter stays far inside an i32.
fn horizontal_row_portable(row: &[u8], taps: &[Taps], out: &mut [u8]) {
    for (tap, pixel) in taps.iter().zip(out.chunks_exact_mut(3)) {
        let mut sums = [1i32 << (PRECISION - 1); 3];
        let samples = row.get(3 * tap.lo..).unwrap_or_default();
        for (weight, from) in tap.weights.iter().zip(samples.chunks_exact(3)) {
            for (sum, v) in sums.iter_mut().zip(from) {
                *sum = sum.wrapping_add(weight.wrapping_mul(i32::from(*v)));
            }
        }
        pixel.copy_from_slice(&sums.map(clamp8));
    }
}

/// Adds `weight * row` to `sums`, element by element.
fn accumulate_portable(sums: &mut [i32], row: &[u8], weight: i32) {
    for (sum, sample) in sums.iter_mut().zip(row) {
        *sum = sum.wrapping_add(weight.wrapping_mul(i32::from(*sample)));
    }
}

/// The same loops in 256-bit registers. Written out because this crate is built without a
/// target CPU, and in debug builds without the vectoriser.
#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m128i, __m256i, _mm_add_epi32, _mm_cvtsi64_si128, _mm_cvtsi128_si32, _mm_packs_epi32,
        _mm_packus_epi16, _mm_set1_epi32, _mm_srai_epi32, _mm256_add_epi32,
        _mm256_broadcastsi128_si256, _mm256_castsi256_si128, _mm256_cvtepu8_epi32,
        _mm256_extracti128_si256, _mm256_madd_epi16, _mm256_mullo_epi32, _mm256_set1_epi32,
        _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_slli_epi32,
    };

    use super::{PRECISION, Taps};

    /// Bytes that a block of four pixels may read past the row's last sample.
    pub(super) const OVERREAD: usize = 24;
    /// Bits of a weight's lower half; 15 keep it positive in an i16.
    const LOW_BITS: u32 = 15;
    const HALF: i32 = 1 << (PRECISION - 1);
    /// Bytes 0 to 11 are four pixels; pairs of neighbours come together per channel, widened to
    /// 16 bits: r0 r1 g0 g1 b0 b1 - - | r2 r3 g2 g3 b2 b3 - -.
    const PAIRS: [i8; 32] = [
        0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, //
        6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1,
    ];

    /// The taps of one output pixel in blocks of four source pixels. A weight of 24 bits is
    /// split into two of 16, because multiply-and-add-neighbours exists for those: the sums of
    /// both halves are exact modulo 2^32, and so is their recombination.
    pub(super) struct PairTaps {
        start: usize,
        low: Vec<__m256i>,
        high: Vec<__m256i>,
    }

    pub(super) fn pair_up(taps: &[Taps]) -> Vec<PairTaps> {
        let block = |weights: &[i32], half: fn(i32) -> i16| -> __m256i {
            let w = |i: usize| weights.get(i).map_or(0, |w| half(*w));
            let lane = |a: i16, b: i16| [a, b, a, b, a, b, 0, 0];
            let lanes: [[i16; 8]; 2] = [lane(w(0), w(1)), lane(w(2), w(3))];
            bytemuck::cast(lanes)
        };
        taps.iter()
            .map(|t| PairTaps {
                start: 3 * t.lo,
                low: t.weights.chunks(4).map(|w| block(w, |w| (w & 0x7FFF) as i16)).collect(),
                high: t.weights.chunks(4).map(|w| block(w, |w| (w >> LOW_BITS) as i16)).collect(),
            })
            .collect()
    }

    /// `row` reaches [`OVERREAD`] bytes past its last sample.
    #[target_feature(enable = "avx2")]
    pub(super) fn horizontal_row(row: &[u8], taps: &[PairTaps], out: &mut [u8]) {
        let pairs: __m256i = bytemuck::cast(PAIRS);
        for (tap, pixel) in taps.iter().zip(out.as_chunks_mut::<3>().0) {
            let mut low = _mm256_setzero_si256();
            let mut high = _mm256_setzero_si256();
            let mut at = tap.start;
            for (low_weights, high_weights) in tap.low.iter().zip(&tap.high) {
                let Some(bytes) = row.get(at..).and_then(|r| r.first_chunk::<16>()) else { break };
                at += 12;
                let bytes: __m128i = bytemuck::cast(*bytes);
                let samples = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), pairs);
                low = _mm256_add_epi32(low, _mm256_madd_epi16(samples, *low_weights));
                high = _mm256_add_epi32(high, _mm256_madd_epi16(samples, *high_weights));
            }
            let sum = _mm256_add_epi32(low, _mm256_slli_epi32::<{ LOW_BITS as i32 }>(high));
            let halves =
                _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
            let shifted =
                _mm_srai_epi32::<{ PRECISION as i32 }>(_mm_add_epi32(halves, _mm_set1_epi32(HALF)));
            // Both packings saturate, which is the clamp to 0..255.
            let words = _mm_packs_epi32(shifted, shifted);
            let [r, g, b, _] = _mm_cvtsi128_si32(_mm_packus_epi16(words, words)).to_le_bytes();
            *pixel = [r, g, b];
        }
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn accumulate(sums: &mut [i32], row: &[u8], weight: i32) {
        let weights = _mm256_set1_epi32(weight);
        let (blocks, rest) = sums.as_chunks_mut::<8>();
        let (samples, samples_rest) = row.as_chunks::<8>();
        for (block, s) in blocks.iter_mut().zip(samples) {
            let sum: __m256i = bytemuck::cast(*block);
            let eight = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(*s)));
            let sum = _mm256_add_epi32(sum, _mm256_mullo_epi32(eight, weights));
            *block = bytemuck::cast(sum);
        }
        super::accumulate_portable(rest, samples_rest, weight);
    }
}

/// Which loops to run; a value so that tests run both.
#[derive(Clone, Copy, PartialEq)]
enum Loops {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Loops {
    fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            return Self::Avx2;
        }
        Self::Portable
    }

    fn accumulate(self, sums: &mut [i32], row: &[u8], weight: i32) {
        match self {
            Self::Portable => accumulate_portable(sums, row, weight),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Avx2` is only made after `is_x86_feature_detected!("avx2")`.
            Self::Avx2 => unsafe { avx2::accumulate(sums, row, weight) },
        }
    }
}

/// Resizes to exactly `width` x `height` (aspect not kept), equal to Pillow's
/// `Image.resize((width, height), BICUBIC)` in every byte.
///
/// Keys' cubic with a = -0.5, its support widened when shrinking; coefficients normalised in f64
/// and rounded to 22 fractional bits; horizontal pass first, rounded and clamped to 8 bits, then
/// the vertical pass; a pass whose size does not change is skipped. A zero `width` or `height`
/// counts as 1.
pub fn resize_bicubic(src: &RgbPicture, width: u32, height: u32) -> RgbPicture {
    resize_with(src, width, height, KEYS_A, Loops::best())
}

fn resize_with(src: &RgbPicture, width: u32, height: u32, a: f64, loops: Loops) -> RgbPicture {
    let (width, height) = (width.max(1) as usize, height.max(1) as usize);
    let narrowed;
    let mut data = src.data();
    if src.width() as usize != width {
        narrowed = horizontal(data, src.width() as usize, width, a, loops);
        data = &narrowed;
    }
    let data = if src.height() as usize == height {
        data.to_vec()
    } else {
        vertical(data, width, src.height() as usize, height, a, loops)
    };
    // The length is 3 * width * height by construction; a picture can always be given back.
    RgbPicture::new(width as u32, height as u32, data).unwrap_or_else(|| src.clone())
}

fn horizontal(data: &[u8], from: usize, to: usize, a: f64, loops: Loops) -> Vec<u8> {
    let taps = taps(from, to, a);
    let rows = data.len() / (3 * from);
    let mut out = vec![0; 3 * to * rows];
    let pairs = data.chunks_exact(3 * from).zip(out.chunks_exact_mut(3 * to));
    match loops {
        Loops::Portable => pairs.for_each(|(row, out)| horizontal_row_portable(row, &taps, out)),
        #[cfg(target_arch = "x86_64")]
        Loops::Avx2 => {
            let taps = avx2::pair_up(&taps);
            // Blocks may reach past the row's last sample; there their weights are zero.
            let mut padded = vec![0; 3 * from + avx2::OVERREAD];
            for (row, out) in pairs {
                padded[..3 * from].copy_from_slice(row);
                // SAFETY: `Avx2` is only made after `is_x86_feature_detected!("avx2")`.
                unsafe { avx2::horizontal_row(&padded, &taps, out) };
            }
        }
    }
    out
}

fn vertical(data: &[u8], width: usize, from: usize, to: usize, a: f64, loops: Loops) -> Vec<u8> {
    let stride = 3 * width;
    let mut out = vec![0; stride * to];
    let mut sums = vec![0; stride];
    for (tap, out) in taps(from, to, a).iter().zip(out.chunks_exact_mut(stride)) {
        sums.fill(1 << (PRECISION - 1));
        for (weight, row) in tap.weights.iter().zip(data.chunks_exact(stride).skip(tap.lo)) {
            loops.accumulate(&mut sums, row, *weight);
        }
        for (to, sum) in out.iter_mut().zip(&sums) {
            *to = clamp8(*sum);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One row of grey pixels, resized to `n`.
    fn row(values: &[u8], n: u32, a: f64) -> Vec<u8> {
        let data = values.iter().flat_map(|v| [*v; 3]).collect();
        let p = RgbPicture::new(values.len() as u32, 1, data).unwrap();
        resize_with(&p, n, 1, a, Loops::best()).data().iter().step_by(3).copied().collect()
    }

    const ROW: [u8; 8] = [10, 20, 40, 80, 160, 255, 0, 128];

    fn pattern(w: usize, h: usize) -> RgbPicture {
        let at = |i: usize| (3 * (i / 3 % w) + 5 * (i / 3 / w) + 40 * (i % 3)) % 256;
        let data = (0..3 * w * h).map(|i| at(i) as u8).collect();
        RgbPicture::new(w as u32, h as u32, data).unwrap()
    }

    #[test]
    fn integer_weights_equal_the_specifications_vectors() {
        let t = taps(8, 3, KEYS_A);
        assert_eq!(t[0].lo, 0);
        let first = [1357984, 1678094, 1096189, 261175, -104842, -91194, -3102];
        assert_eq!(t[0].weights, first);
        let second = [-113649, 59548, 732425, 1418827, 1418827, 732425, 59548, -113649];
        assert_eq!((t[1].lo, t[1].weights.as_slice()), (0, second.as_slice()));
        let t = taps(256, 224, KEYS_A);
        assert_eq!(t[0], Taps { lo: 0, weights: vec![3739072, 581941, -126709] });
        assert_eq!(t[1], Taps { lo: 0, weights: vec![-100481, 3373039, 1118689, -196943] });
    }

    #[test]
    fn rows_shrink_and_grow_as_pillow_does_it() {
        assert_eq!(row(&ROW, 3, KEYS_A), [17, 129, 115]);
        assert_eq!(row(&ROW, 12, KEYS_A), [9, 14, 23, 35, 56, 91, 145, 228, 228, 24, 53, 136]);
    }

    #[test]
    fn a_resize_with_torchs_cubic_fails_the_same_vectors() {
        assert_ne!(row(&ROW, 3, -0.75), [17, 129, 115]);
    }

    #[test]
    fn a_640_by_360_pattern_shrinks_to_the_specifications_bytes() {
        let p = resize_bicubic(&pattern(640, 360), 224, 224);
        let at = |x: usize, y: usize| &p.data()[3 * (224 * y + x)..][..3];
        assert_eq!(at(0, 0), [5, 45, 85]);
        assert_eq!(at(1, 0), [13, 53, 93]);
        assert_eq!(at(100, 100), [129, 169, 209]);
        assert_eq!(at(223, 223), [123, 163, 203]);
        let sum: u64 = p.data().iter().map(|v| u64::from(*v)).sum();
        assert_eq!(sum, 19_200_895);
    }

    #[test]
    fn a_picture_of_the_wanted_size_is_untouched() {
        let p = pattern(224, 224);
        assert_eq!(resize_bicubic(&p, 224, 224), p);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_size_resizes_to_any_size_and_both_loops_agree(
            w in 1usize..70, h in 1usize..70, to_w in 0u32..90, to_h in 0u32..90, seed in any::<u32>(),
        ) {
            let mut s = seed;
            let data = (0..3 * w * h).map(|_| {
                s = s.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Runs of black and white, so that overshoot and clamping are met.
                if s >> 30 == 0 { 0 } else if s >> 30 == 1 { 255 } else { (s >> 16) as u8 }
            }).collect();
            let p = RgbPicture::new(w as u32, h as u32, data).unwrap();
            let fast = resize_bicubic(&p, to_w, to_h);
            prop_assert_eq!((fast.width(), fast.height()), (to_w.max(1), to_h.max(1)));
            prop_assert!(fast == resize_with(&p, to_w, to_h, KEYS_A, Loops::Portable));
        }

        #[test]
        fn a_flat_picture_stays_flat(w in 1u32..400, h in 1u32..400, level in any::<u8>()) {
            let p = RgbPicture::new(w, h, vec![level; (3 * w * h) as usize]).unwrap();
            // The integer weights may sum to a few units less than one.
            let off = resize_bicubic(&p, 224, 224);
            prop_assert!(off.data().iter().all(|v| v.abs_diff(level) <= 1));
        }
    }
}
