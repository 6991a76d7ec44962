//! Values on a grid and how they are read between the cells.
//!
//! The same arithmetic, in the same order, as `map_at` of `shaders/heatmap.wgsl`.

use crate::units::{CellGeometry, FineMap, LocalizationMap, MapGrid};

/// How values between the cells' places are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Interpolation {
    /// The cells as they are: each point takes the nearest cell's value.
    Cells,
    /// Straight lines between neighbours; constant beyond the outermost cells.
    #[default]
    Bilinear,
    /// Keys' cubic with a = -0.75, neighbours repeated at the edge: PyTorch's `bicubic`, which
    /// the literature's scripts use. Overshoots by up to a few per cent.
    Bicubic,
}

impl Interpolation {
    /// All of them, in menu order.
    pub const ALL: &'static [Self] = &[Self::Cells, Self::Bilinear, Self::Bicubic];

    /// Name for the legend and for files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cells => "raw cells",
            Self::Bilinear => "bilinear",
            Self::Bicubic => "bicubic",
        }
    }
}

/// The cubic's free parameter.
pub(crate) const CUBIC_A: f32 = -0.75;

/// An owned square grid of values over the picture: cosines, or something made from them.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    factor: u8,
    cells: Vec<f32>,
}

impl Field {
    /// `None` unless `factor` is 1, 2 or 4 and there are `(7 * factor)^2` cells.
    pub fn new(factor: u8, cells: Vec<f32>) -> Option<Self> {
        let side = crate::units::GRID * usize::from(factor);
        (matches!(factor, 1 | 2 | 4) && cells.len() == side * side)
            .then_some(Self { factor, cells })
    }

    /// The values as a grid.
    pub fn grid(&self) -> MapGrid<'_> {
        MapGrid {
            factor: self.factor,
            side: crate::units::GRID * usize::from(self.factor),
            cells: &self.cells,
        }
    }

    /// A field of the same grid with each cell replaced.
    #[must_use]
    pub fn map(&self, f: impl FnMut(f32) -> f32) -> Self {
        Self { factor: self.factor, cells: self.cells.iter().copied().map(f).collect() }
    }

    /// This field and `other`, cell by cell, on the finer of both grids; the coarser one is read
    /// bilinearly at the finer one's true places. Places are distances of cells, which all
    /// geometries share, so none is asked for.
    #[must_use]
    pub fn zip(&self, other: &Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let factor = self.factor.max(other.factor);
        let (a, b) = (self.refined(factor), other.refined(factor));
        let cells = a.cells.iter().zip(&b.cells).map(|(a, b)| f(*a, *b)).collect();
        Self { factor, cells }
    }

    /// The field on a grid with `factor` cells for each of the plain grid's.
    fn refined(&self, factor: u8) -> Self {
        if factor == self.factor {
            return self.clone();
        }
        let side = crate::units::GRID * usize::from(factor);
        let geometry = CellGeometry::Tiles;
        let (scale, bias) = geometry.affine(self.factor);
        let at = |i: usize| scale * geometry.cell_centre(i, factor) + bias;
        let grid = self.grid();
        let cells = (0..side * side)
            .map(|i| value_at(&grid, Interpolation::Bilinear, at(i % side), at(i / side)).value)
            .collect();
        Self { factor, cells }
    }
}

impl From<&LocalizationMap> for Field {
    fn from(map: &LocalizationMap) -> Self {
        Self { factor: 1, cells: map.0.to_vec() }
    }
}

impl From<&FineMap> for Field {
    fn from(map: &FineMap) -> Self {
        Self { factor: map.factor(), cells: map.grid().cells.to_vec() }
    }
}

impl From<MapGrid<'_>> for Field {
    fn from(grid: MapGrid<'_>) -> Self {
        Self { factor: grid.factor, cells: grid.cells.to_vec() }
    }
}

/// A value and its slope along both axes, per cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// The value.
    pub value: f32,
    /// Change per cell to the right.
    pub dx: f32,
    /// Change per cell downwards.
    pub dy: f32,
}

/// Four neighbours along one axis, their weights and the weights' slopes.
#[derive(Clone, Copy)]
pub(crate) struct Taps {
    pub index: [usize; 4],
    pub weight: [f32; 4],
    pub slope: [f32; 4],
    /// How many of the four count.
    pub count: usize,
}

impl Taps {
    /// Taps at cell coordinate `s` of a grid `side` cells wide.
    pub(crate) fn new(interpolation: Interpolation, side: usize, s: f32) -> Self {
        let last = side as f32 - 1.0;
        let mut taps = Self { index: [0; 4], weight: [0.0; 4], slope: [0.0; 4], count: 1 };
        match interpolation {
            Interpolation::Cells => {
                taps.index[0] = (s + 0.5).floor().clamp(0.0, last) as usize;
                taps.weight[0] = 1.0;
            }
            Interpolation::Bilinear => {
                let c = s.clamp(0.0, last);
                let i = c.floor().min(last - 1.0);
                let t = c - i;
                let i = i as usize;
                // Beyond the outermost cells the value is constant.
                let slope = if s > 0.0 && s < last { 1.0 } else { 0.0 };
                taps.index = [i, i + 1, 0, 0];
                taps.weight = [1.0 - t, t, 0.0, 0.0];
                taps.slope = [-slope, slope, 0.0, 0.0];
                taps.count = 2;
            }
            Interpolation::Bicubic => {
                let f = s.floor();
                let t = s - f;
                for k in 0..4 {
                    let d = t + 1.0 - k as f32;
                    taps.index[k] = (f + k as f32 - 1.0).clamp(0.0, last) as usize;
                    (taps.weight[k], taps.slope[k]) = cubic(d);
                }
                taps.count = 4;
            }
        }
        taps
    }
}

/// The cubic kernel and its derivative at distance `d` in [-2, 2].
fn cubic(d: f32) -> (f32, f32) {
    let a = CUBIC_A;
    let x = d.abs();
    let sign = if d < 0.0 { -1.0 } else { 1.0 };
    if x <= 1.0 {
        let w = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
        (w, sign * (3.0 * (a + 2.0) * x - 2.0 * (a + 3.0)) * x)
    } else {
        let w = ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a;
        (w, sign * ((3.0 * a * x - 10.0 * a) * x + 8.0 * a))
    }
}

/// Value and slopes at cell coordinates (`sx`, `sy`).
pub(crate) fn value_at(grid: &MapGrid<'_>, mode: Interpolation, sx: f32, sy: f32) -> Sample {
    let (tx, ty) = (Taps::new(mode, grid.side, sx), Taps::new(mode, grid.side, sy));
    mix(grid, &tx, &ty)
}

/// Value and slopes from taps of both axes.
pub(crate) fn mix(grid: &MapGrid<'_>, tx: &Taps, ty: &Taps) -> Sample {
    let mut out = Sample { value: 0.0, dx: 0.0, dy: 0.0 };
    for j in 0..ty.count {
        let row = &grid.cells[ty.index[j] * grid.side..][..grid.side];
        let (mut v, mut d) = (0.0, 0.0);
        for i in 0..tx.count {
            let c = row[tx.index[i]];
            v += tx.weight[i] * c;
            d += tx.slope[i] * c;
        }
        out.value += ty.weight[j] * v;
        out.dx += ty.weight[j] * d;
        out.dy += ty.slope[j] * v;
    }
    out
}

/// Value of a map at a point of the picture, `u` and `v` fractions of its width and height.
///
/// Bicubic under `tiles` is the reference's `validate2` (half-pixel centres, coordinate not
/// clamped), bilinear under `aligned` its `validate`.
pub fn sample_map(
    grid: &MapGrid<'_>,
    geometry: CellGeometry,
    interpolation: Interpolation,
    u: f32,
    v: f32,
) -> Sample {
    let (scale, bias) = geometry.affine(grid.factor);
    value_at(grid, interpolation, scale * u + bias, scale * v + bias)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The grid of the metric's test vector, `((7r + c)^1.5) mod 11`.
    pub(crate) fn vector_grid() -> Field {
        let cells = (0..49).map(|i| (f64::from(i).powf(1.5) % 11.0) as f32).collect();
        Field::new(1, cells).unwrap()
    }

    fn pixel(f: &Field, g: CellGeometry, m: Interpolation, row: u32, col: u32) -> f64 {
        let at = |p: u32| (p as f32 + 0.5) / 224.0;
        f64::from(sample_map(&f.grid(), g, m, at(col), at(row)).value)
    }

    #[test]
    fn bicubic_under_tiles_is_the_references_bicubic() {
        let f = vector_grid();
        for (r, c, want) in [
            (0, 0, -0.896561641065574),
            (0, 223, 4.202202438231102),
            (100, 50, 3.840492420956176),
            (223, 223, 1.8235854618958025),
        ] {
            let got = pixel(&f, CellGeometry::Tiles, Interpolation::Bicubic, r, c);
            assert!((got - want).abs() < 2e-5, "[{r},{c}] {got} {want}");
        }
    }

    #[test]
    fn bilinear_under_aligned_is_the_references_bilinear() {
        let f = vector_grid();
        for (r, c, want) in [
            (0, 223, 3.696938456699069),
            (100, 50, 3.555040376635637),
            (223, 223, 2.5537550532244495),
        ] {
            let got = pixel(&f, CellGeometry::Aligned, Interpolation::Bilinear, r, c);
            assert!((got - want).abs() < 2e-5, "[{r},{c}] {got} {want}");
        }
    }

    #[test]
    fn the_check_fails_with_other_cells_or_swapped_axes() {
        let f = vector_grid();
        let want = 3.555040376635637;
        let other = pixel(&f, CellGeometry::Tiles, Interpolation::Bilinear, 100, 50);
        let swapped = pixel(&f, CellGeometry::Aligned, Interpolation::Bilinear, 50, 100);
        assert!((other - want).abs() > 0.01 && (swapped - want).abs() > 0.01);
    }

    #[test]
    fn raw_cells_keep_their_values_up_to_half_way() {
        let f = vector_grid();
        let g = CellGeometry::Tiles;
        for i in 0..7 {
            for e in [0.01, 0.5, 0.99] {
                let u = (i as f32 + e) / 7.0;
                let got = sample_map(&f.grid(), g, Interpolation::Cells, u, 0.5).value;
                assert_eq!(got, f.grid().cells[3 * 7 + i]);
            }
        }
    }

    #[test]
    fn slopes_are_the_derivative_of_the_value() {
        let f = vector_grid();
        for mode in [Interpolation::Bilinear, Interpolation::Bicubic] {
            for (x, y) in [(0.3, 5.6), (2.4, 2.2), (5.7, 0.4)] {
                let e = 1e-2;
                let s = value_at(&f.grid(), mode, x, y);
                let v = |x, y| value_at(&f.grid(), mode, x, y).value;
                let dx = (v(x + e, y) - v(x - e, y)) / (2.0 * e);
                let dy = (v(x, y + e) - v(x, y - e)) / (2.0 * e);
                assert!((dx - s.dx).abs() < 0.02 && (dy - s.dy).abs() < 0.02, "{mode:?} {s:?}");
            }
        }
    }

    #[test]
    fn extreme_coordinates_stay_inside_the_grid() {
        let f = vector_grid();
        for s in [f32::NEG_INFINITY, f32::INFINITY, f32::NAN, -1e30, 1e30] {
            for mode in Interpolation::ALL {
                let _ = value_at(&f.grid(), *mode, s, s);
            }
        }
    }

    #[test]
    fn fields_of_different_grids_meet_on_the_finer_one() {
        let plane = |factor: u8| {
            let side = 7 * usize::from(factor);
            let at = |i| CellGeometry::Tiles.cell_centre(i, factor);
            let cells = (0..side * side).map(|i| at(i % side) + 2.0 * at(i / side)).collect();
            Field::new(factor, cells).unwrap()
        };
        let diff = plane(2).zip(&plane(1), |a, b| a - b);
        assert_eq!(diff.grid().side, 14);
        // A plane is read exactly, except beyond the coarse grid's outermost cells.
        for r in 1..13 {
            for c in 1..13 {
                assert!(diff.grid().cells[r * 14 + c].abs() < 1e-5, "{r} {c}");
            }
        }
    }

    #[test]
    fn a_field_has_the_cells_its_factor_promises() {
        assert!(Field::new(1, vec![0.0; 49]).is_some() && Field::new(4, vec![0.0; 784]).is_some());
        assert!(Field::new(3, vec![0.0; 441]).is_none() && Field::new(1, vec![0.0; 48]).is_none());
    }
}
