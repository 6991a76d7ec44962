//! A map in a few numbers: the row of the table that `fnac localize` writes, and the lanes.

use crate::model::CheckpointCard;
use crate::overlay::{Interpolation, area_above};
use crate::units::{CellGeometry, MapGrid};

/// Cosine from which a place counts as sounding, when the checkpoint's card says nothing: half
/// of the greatest cosine there is would be a claim about calibration; zero claims only that
/// sound and picture point the same way.
const UNCALIBRATED_THRESHOLD: f32 = 0.0;

/// The threshold of the display for a checkpoint: its card's "no source" level.
pub fn display_threshold(card: &CheckpointCard) -> f32 {
    card.no_source_threshold.unwrap_or(UNCALIBRATED_THRESHOLD)
}

/// Whether a map whose plain cells reach `peak` at most says that nothing in the picture sounds:
/// it stays below the line on the checkpoint's card. Never without such a line. Window, exports and
/// `fnac localize` draw no colours then.
pub fn nothing_sounds(card: &CheckpointCard, peak: f32) -> bool {
    card.no_source_threshold.is_some_and(|line| peak < line)
}

/// What one map says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MapSummary {
    /// Greatest cosine.
    pub peak: f32,
    /// Its cell's centre as fractions of the picture's width and height, in [0, 1].
    pub peak_at: [f32; 2],
    /// Share of the picture (bilinear between cells) at or above the threshold, in [0, 1].
    pub area: f32,
    /// Centre of what lies above the threshold, weighted by how far it does; the peak's place
    /// when nothing does.
    pub centroid: [f32; 2],
}

impl MapSummary {
    /// Summarises a plain or fine map.
    pub fn new(grid: &MapGrid<'_>, geometry: CellGeometry, threshold: f32) -> Self {
        let peak = grid.peak(geometry);
        let (mut weight, mut x, mut y) = (0.0f64, 0.0f64, 0.0f64);
        for (i, v) in grid.cells.iter().enumerate() {
            let w = f64::from(v - threshold);
            // NaN compares false and is left out.
            if w > 0.0 {
                let (col, row) = (i % grid.side, i / grid.side);
                let [cx, cy] =
                    [col, row].map(|c| geometry.cell_centre(c, grid.factor).clamp(0.0, 1.0));
                weight += w;
                x += w * f64::from(cx);
                y += w * f64::from(cy);
            }
        }
        let centroid =
            if weight > 0.0 { [(x / weight) as f32, (y / weight) as f32] } else { peak.at };
        Self {
            peak: peak.cosine,
            peak_at: peak.at,
            area: area_above(grid, geometry, Interpolation::Bilinear, threshold),
            centroid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::LocalizationMap;

    #[test]
    fn peak_area_and_centroid_of_one_lit_cell() {
        let mut m = LocalizationMap([-0.5; 49]);
        m.0[2 * 7 + 5] = 0.5;
        let s = MapSummary::new(&m.grid(), CellGeometry::Tiles, 0.0);
        assert_eq!(s.peak, 0.5);
        let place = [5.5 / 7.0, 2.5 / 7.0];
        for (a, b) in s.peak_at.iter().chain(&s.centroid).zip(place.iter().chain(&place)) {
            assert!((a - b).abs() < 1e-6, "{s:?}");
        }
        // Bilinear: above zero where the product of the two ramps is at least a half.
        assert!(s.area > 0.005 && s.area < 0.04, "{}", s.area);
    }

    #[test]
    fn below_the_cards_line_nothing_sounds_and_without_a_line_nobody_knows() {
        let mut card = CheckpointCard::default();
        assert!(!nothing_sounds(&card, -1.0));
        card.no_source_threshold = Some(0.4);
        assert!(nothing_sounds(&card, 0.399) && !nothing_sounds(&card, 0.4));
        assert!(!nothing_sounds(&card, f32::NAN), "no number is no verdict");
    }

    #[test]
    fn nothing_above_the_threshold_has_no_area_and_the_peaks_centre() {
        let m = LocalizationMap(std::array::from_fn(|i| -1.0 + i as f32 / 1000.0));
        let s = MapSummary::new(&m.grid(), CellGeometry::Tiles, 0.0);
        assert_eq!((s.area, s.centroid), (0.0, s.peak_at));
    }
}
