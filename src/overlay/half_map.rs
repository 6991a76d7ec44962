//! The mask by which the literature scores: the greater half of 224x224 pixels.

use super::field::{Interpolation, Taps, mix};
use crate::units::{CellGeometry, LocalizationMap};

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

/// A grid read at the centres of 224x224 pixels.
pub(crate) fn upsampled(
    grid: &crate::units::MapGrid<'_>,
    geometry: CellGeometry,
    interpolation: Interpolation,
) -> Vec<f32> {
    let (scale, bias) = geometry.affine(grid.factor);
    let taps: Vec<Taps> = (0..SCORED_SIDE)
        .map(|i| {
            let s = match geometry {
                // The protocol's own expression, so that no rounding differs.
                CellGeometry::Aligned if grid.factor == 1 => (i as f64 * 6.0 / 223.0) as f32,
                _ => scale * ((i as f32 + 0.5) / SCORED_SIDE as f32) + bias,
            };
            Taps::new(interpolation, grid.side, s)
        })
        .collect();
    let mut out = Vec::with_capacity(SCORED_SIDE * SCORED_SIDE);
    for ty in &taps {
        out.extend(taps.iter().map(|tx| mix(grid, tx, ty).value));
    }
    out
}

impl HalfMap {
    /// Upsamples bilinearly with aligned corners, sorts and cuts at `sorted[25088]`, `>=`.
    ///
    /// The protocol stretches to [0, 1] first; that keeps the order, so the mask is the same up
    /// to ties that rounding makes. A constant map is all mask.
    pub fn new(map: &LocalizationMap) -> Self {
        let values = scored_map(map);
        let mut sorted = values.clone();
        let k = sorted.len() / 2;
        let (_, threshold, _) = sorted.select_nth_unstable_by(k, f32::total_cmp);
        let threshold = *threshold;
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
