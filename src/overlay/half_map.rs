//! The mask by which the literature scores: the greater half of 224x224 pixels.

use super::field::{Interpolation, Taps};
use crate::units::{CellGeometry, LocalizationMap, MapGrid};

/// Side of the scored map.
pub const SCORED_SIDE: usize = 224;

/// The half-map mask of one plain map.
#[derive(Clone, Debug, PartialEq)]
pub struct HalfMap {
    /// Cosine at which the mask begins; a pixel belongs to it from this value on.
    pub threshold: f32,
    /// [224, 224], row 0 at the top.
    pub mask: Vec<bool>,
}

/// A plain map on 224x224 pixels, bilinear with aligned corners: `s = 6 i / 223`.
pub fn scored_map(map: &LocalizationMap) -> Vec<f32> {
    upsampled(&map.grid(), CellGeometry::Aligned, Interpolation::Bilinear)
}

/// A grid read at the centres of 224x224 pixels, row 0 at the top.
///
/// Bilinear under `aligned` and bicubic under `tiles` are PyTorch's `interpolate` with and without
/// `align_corners`, bit for bit where PyTorch runs with fused multiply-add (any x86 of the last ten
/// years): half-map masks hang on ties, and a last bit decides them.
pub fn upsampled(
    grid: &MapGrid<'_>,
    geometry: CellGeometry,
    interpolation: Interpolation,
) -> Vec<f32> {
    let (scale, bias) = geometry.affine(grid.factor);
    let taps: Vec<Taps> = (0..SCORED_SIDE)
        .map(|i| {
            let i = i as f32;
            let s = match geometry {
                // The protocol's own expressions, so that no rounding differs.
                CellGeometry::Aligned if grid.factor == 1 => (6.0f32 / 223.0) * i,
                CellGeometry::Tiles => (i + 0.5) * (f32::from(grid.factor) / 32.0) - 0.5,
                _ => scale * ((i + 0.5) / SCORED_SIDE as f32) + bias,
            };
            Taps::new(interpolation, grid.side, s)
        })
        .collect();
    // Along the rows first, then along the columns, as PyTorch nests them.
    let rows: Vec<f32> = grid
        .cells
        .chunks_exact(grid.side)
        .flat_map(|row| taps.iter().map(|t| mixed(t, |i| row[i])))
        .collect();
    let mut out = Vec::with_capacity(SCORED_SIDE * SCORED_SIDE);
    for taps in &taps {
        out.extend((0..SCORED_SIDE).map(|x| mixed(taps, |i| rows[i * SCORED_SIDE + x])));
    }
    out
}

/// Weighted sum along one axis, in PyTorch's order: the first product is fused into the second,
/// then each of the others into the sum.
fn mixed(taps: &Taps, value: impl Fn(usize) -> f32) -> f32 {
    let term = |k: usize| (value(taps.index[k]), taps.weight[k]);
    let (a, wa) = term(0);
    if taps.count == 1 {
        return a * wa;
    }
    let (b, wb) = term(1);
    let mut sum = fused(a, wa, b * wb);
    for k in 2..taps.count {
        let (c, wc) = term(k);
        sum = fused(c, wc, sum);
    }
    sum
}

/// `a * b + c` rounded once: the product of two `f32` is exact in `f64`.
fn fused(a: f32, b: f32, c: f32) -> f32 {
    (f64::from(a) * f64::from(b) + f64::from(c)) as f32
}

/// The value from which on the greater half begins: `sorted[n / 2]`; not-a-number sorts last.
pub fn half_threshold(values: &[f32]) -> f32 {
    let mut sorted = values.to_vec();
    let k = sorted.len() / 2;
    if sorted.is_empty() {
        return f32::NAN;
    }
    let (_, threshold, _) = sorted.select_nth_unstable_by(k, f32::total_cmp);
    *threshold
}

impl HalfMap {
    /// Upsamples bilinearly with aligned corners, sorts and cuts at `sorted[25088]`, `>=`.
    ///
    /// The protocol stretches to [0, 1] first; that keeps the order, so the mask is the same up
    /// to ties that rounding makes. A constant map is all mask.
    pub fn new(map: &LocalizationMap) -> Self {
        let values = scored_map(map);
        let threshold = half_threshold(&values);
        let mask = values.iter().map(|v| *v >= threshold).collect();
        Self { threshold, mask }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector() -> LocalizationMap {
        LocalizationMap(std::array::from_fn(|i| ((i as f64).powf(1.5) % 11.0) as f32))
    }

    #[test]
    fn the_threshold_is_the_metrics() {
        let m = vector();
        let half = HalfMap::new(&m);
        let up = scored_map(&m);
        let (lo, hi) = up.iter().fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
        let stretched = (half.threshold - lo) / (hi - lo);
        assert!((stretched - 0.47954908).abs() < 1e-6, "{stretched}");
        let inside: Vec<_> = half.mask.iter().filter(|m| **m).collect();
        assert_eq!(inside.len(), 25_088);
        // The metric's box, rows 50..150 and columns 60..200.
        let hits = (50..150)
            .flat_map(|r| (60..200).map(move |c| (r, c)))
            .filter(|(r, c)| half.mask[r * 224 + c])
            .count();
        let ciou = hits as f64 / (14_000.0 + (25_088 - hits) as f64);
        assert!((ciou - 0.28722913785154447).abs() < 2e-4, "{ciou}");
    }

    #[test]
    fn a_constant_map_is_all_mask() {
        let half = HalfMap::new(&LocalizationMap([0.25; 49]));
        assert!(half.mask.iter().all(|m| *m));
    }

    #[test]
    fn half_of_the_pixels_is_not_half_of_the_range() {
        let mut cells = [0.0; 49];
        cells[24] = 1.0;
        let half = HalfMap::new(&LocalizationMap(cells));
        assert!(half.threshold < 0.5);
    }
}
