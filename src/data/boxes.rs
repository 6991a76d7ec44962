//! Boxes as VGG-SS has them: fractions of the picture, rasterised by truncation.

use crate::truth::TruthBox;

/// Decimals of a fraction.
const DECIMALS: f64 = 1e12;

/// `pixel / size` as a fraction that the VGG-SS rule turns back into exactly that pixel.
///
/// The rule is `trunc(S * fraction)`, S = 224 in the literature. The nearest double may lie below
/// the true quotient and lose a pixel (0.29 * 100 = 28.999...), so the quotient is rounded up, to
/// twelve decimals: a double of so few digits is read alike by every parser, while the shortest
/// digits of any double are not (`serde_json` is off by one step for some). Then, for whole
/// `pixel` and `size`, `trunc(S * fraction)` is the whole part of `S * pixel / size` for every S
/// with S * size < 4e11: rounding never leaves a whole number downwards, and the next one is
/// `1 / size` away.
pub fn fraction(pixel: f64, size: u32) -> f64 {
    let size = f64::from(size.max(1));
    let pixel = pixel.clamp(0.0, size);
    let mut steps = (pixel / size * DECIMALS).ceil();
    // The fused product is exact in sign: is it below the true quotient?
    while (steps / DECIMALS).mul_add(size, -pixel) < 0.0 {
        steps += 1.0;
    }
    steps / DECIMALS
}

/// The box `[x0, y0, x1, y1]` in fractions of a `width` x `height` picture.
pub(super) fn fractions(b: &TruthBox, width: u32, height: u32) -> [f64; 4] {
    let (x, y) = (|v| fraction(v, width), |v| fraction(v, height));
    [x(b.x0), y(b.y0), x(b.x1), y(b.y1)]
}

/// What the VGG-SS loaders make of a box at a map of `side` x `side`: clamped to the picture,
/// times `side`, truncated; rows `y0..y1` and columns `x0..x1` are inside.
pub fn vggss_rule(b: [f64; 4], side: u32) -> [u32; 4] {
    b.map(|v| (v.clamp(0.0, 1.0) * f64::from(side)) as u32)
}

/// Union of boxes as a row-major map of `side` x `side`, by [`vggss_rule`].
pub fn raster(boxes: &[[f64; 4]], side: u32) -> Vec<bool> {
    let n = side as usize;
    let mut map = vec![false; n * n];
    for b in boxes {
        let [x0, y0, x1, y1] = vggss_rule(*b, side).map(|v| v as usize);
        for row in map.chunks_exact_mut(n.max(1)).take(y1).skip(y0) {
            if let Some(inside) = row.get_mut(x0..x1) {
                inside.fill(true);
            }
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_pixel_of_224_comes_back() {
        let mut plain_fails = 0;
        for k in 0..=224u32 {
            let f = fraction(f64::from(k), 224);
            assert_eq!((f * 224.0) as u32, k);
            assert!((f - f64::from(k) / 224.0).abs() < 2e-12 && (0.0..=1.0).contains(&f));
            // As the file has it, read again.
            let text = serde_json::to_string(&f).unwrap();
            assert!(text.len() <= 14, "{text}");
            let read: f64 = serde_json::from_str(&text).unwrap();
            assert_eq!((read, (read * 224.0) as u32), (f, k));
            plain_fails += u32::from((f64::from(k) / 224.0 * 224.0) as u32 != k);
        }
        eprintln!("{plain_fails} of 225 plain quotients lose a pixel");
    }

    #[test]
    fn every_pixel_of_every_size_comes_back_where_the_plain_quotient_loses_some() {
        let mut lost = 0;
        for size in 1..=1200u32 {
            for k in 0..=size {
                assert_eq!((fraction(f64::from(k), size) * f64::from(size)) as u32, k);
                lost += u32::from((f64::from(k) / f64::from(size) * f64::from(size)) as u32 != k);
            }
        }
        assert!(lost > 100, "the check can fail: {lost}");
    }

    proptest! {
        #[test]
        fn at_another_size_the_whole_part_of_the_true_quotient_comes_out(
            size in 1u32..20_000, at in 0.0f64..=1.0, other in 1u32..100_000,
        ) {
            let k = (at * f64::from(size)) as u32;
            let want = u64::from(k) * u64::from(other) / u64::from(size);
            let got = (fraction(f64::from(k), size) * f64::from(other)) as u64;
            prop_assert_eq!(got, want);
        }
    }

    #[test]
    fn a_map_holds_the_union_and_nothing_of_reversed_boxes() {
        let b = |v: [f64; 4]| v.map(|p| fraction(p, 8));
        let map = raster(&[b([1.0, 2.0, 3.0, 4.0]), b([2.0, 3.0, 5.0, 4.0])], 8);
        let inside: Vec<usize> = (0..64).filter(|i| map[*i]).collect();
        assert_eq!(inside, [17, 18, 25, 26, 27, 28]);
        assert!(!raster(&[[0.5, 0.5, 0.2, 0.9], [0.1, 0.9, 0.5, 0.2]], 8).contains(&true));
        assert_eq!(raster(&[[-2.0, -1e17, 9.0, 1.0]], 4), [true; 16]);
    }
}
