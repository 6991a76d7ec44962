//! Numbers under the cursor and shares of the picture.

use super::field::{Interpolation, sample_map};
use super::half_map::upsampled;
use crate::units::{CellGeometry, MapGrid};

/// What lies under a point of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Probe {
    /// Value as drawn there, with the interpolation in use.
    pub value: f32,
    /// Column of the nearest cell.
    pub col: usize,
    /// Row of the nearest cell.
    pub row: usize,
    /// That cell's own value.
    pub cell: f32,
    /// Its place among all cells, 1 is the highest; equal cells share the better place.
    pub rank: usize,
    /// Number of cells.
    pub of: usize,
    /// Share of the other cells that are lower, 0 to 100.
    pub percentile: f32,
}

/// Reads a map at a point, `u` and `v` fractions of the picture's width and height.
pub fn probe(
    grid: &MapGrid<'_>,
    geometry: CellGeometry,
    interpolation: Interpolation,
    u: f32,
    v: f32,
) -> Probe {
    let (scale, bias) = geometry.affine(grid.factor);
    let last = grid.side as f32 - 1.0;
    let nearest = |f: f32| (scale * f + bias + 0.5).floor().clamp(0.0, last) as usize;
    let (col, row) = (nearest(u), nearest(v));
    let cell = grid.cells[row * grid.side + col];
    let higher = grid.cells.iter().filter(|c| **c > cell).count();
    let lower = grid.cells.iter().filter(|c| **c < cell).count();
    Probe {
        value: sample_map(grid, geometry, interpolation, u, v).value,
        col,
        row,
        cell,
        rank: higher + 1,
        of: grid.cells.len(),
        percentile: 100.0 * lower as f32 / (grid.cells.len() - 1).max(1) as f32,
    }
}

/// Share of the picture whose value is at least `threshold`, 0 to 1, counted on 224x224 points.
pub fn area_above(
    grid: &MapGrid<'_>,
    geometry: CellGeometry,
    interpolation: Interpolation,
    threshold: f32,
) -> f32 {
    let values = upsampled(grid, geometry, interpolation);
    values.iter().filter(|v| **v >= threshold).count() as f32 / values.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::LocalizationMap;

    fn ramp() -> LocalizationMap {
        LocalizationMap(std::array::from_fn(|i| i as f32 / 100.0))
    }

    #[test]
    fn the_probe_names_cell_rank_and_percentile() {
        let m = ramp();
        let p = probe(&m.grid(), CellGeometry::Tiles, Interpolation::Cells, 6.5 / 7.0, 1.5 / 7.0);
        assert_eq!((p.col, p.row, p.rank, p.of), (6, 1, 36, 49));
        assert_eq!(p.cell, m.0[13]);
        assert_eq!(p.value, p.cell);
        assert!((p.percentile - 100.0 * 13.0 / 48.0).abs() < 1e-4);
        let top = probe(&m.grid(), CellGeometry::Tiles, Interpolation::Bilinear, 0.999, 0.999);
        assert_eq!((top.rank, top.percentile), (1, 100.0));
    }

    #[test]
    fn the_probe_follows_the_geometry() {
        let m = ramp();
        let at = |g| probe(&m.grid(), g, Interpolation::Cells, 0.95, 0.5).col;
        assert_eq!(at(CellGeometry::Aligned), 6);
        assert_eq!(at(CellGeometry::Tiles), 6);
        let near = |g| probe(&m.grid(), g, Interpolation::Cells, 0.08, 0.5).col;
        assert_eq!(near(CellGeometry::Aligned), 0);
        assert_eq!(near(CellGeometry::Receptive { offset_px: 0.0 }), 1);
    }

    #[test]
    fn equal_cells_share_the_better_rank() {
        let m = LocalizationMap([0.5; 49]);
        let p = probe(&m.grid(), CellGeometry::Aligned, Interpolation::Bilinear, 0.5, 0.5);
        assert_eq!((p.rank, p.percentile), (1, 0.0));
    }

    #[test]
    fn areas_are_shares_of_the_picture() {
        let mut cells = [0.0; 49];
        cells[..7].fill(1.0);
        let m = LocalizationMap(cells);
        let area = |t, mode| area_above(&m.grid(), CellGeometry::Tiles, mode, t);
        assert!((area(0.5, Interpolation::Cells) - 1.0 / 7.0).abs() < 1e-6);
        assert!((area(0.5, Interpolation::Bilinear) - 1.0 / 7.0).abs() < 0.01);
        assert_eq!(area(-1.0, Interpolation::Bicubic), 1.0);
        assert_eq!(area(2.0, Interpolation::Bilinear), 0.0);
    }
}
