//! What the network answers: cosines on a grid over the picture.

use super::CellGeometry;

/// Side of the network's grid for a 224-pixel input.
pub const GRID: usize = 7;

/// The 49 cosines of one picture and one sound, in [-1, 1], row 0 at the top.
///
/// Never stretched and never divided by the temperature; a display's scaling happens in the
/// shader and never comes back here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LocalizationMap(pub [f32; GRID * GRID]);

/// `side * side` cosines from shifted copies of the picture, each cell at its true place
/// (see [`CellGeometry::fine_cell_px`]); `factor` shifts per axis, `side == 7 * factor`.
#[derive(Clone, Debug, PartialEq)]
pub struct FineMap {
    factor: u8,
    cells: Vec<f32>,
}

impl FineMap {
    /// `None` unless there are `(7 * factor)^2` cells and `factor` is 2 or 4.
    pub fn new(factor: u8, cells: Vec<f32>) -> Option<Self> {
        let side = GRID * usize::from(factor);
        (matches!(factor, 2 | 4) && cells.len() == side * side).then_some(Self { factor, cells })
    }

    /// Shifts per axis: 2 or 4.
    pub fn factor(&self) -> u8 {
        self.factor
    }
}

/// A borrowed square grid of cosines, 7x7 or fine.
#[derive(Clone, Copy, Debug)]
pub struct MapGrid<'a> {
    /// Shifts per axis: 1 for the plain map.
    pub factor: u8,
    /// Cells per side: 7 times `factor`.
    pub side: usize,
    /// Row-major cosines.
    pub cells: &'a [f32],
}

impl LocalizationMap {
    /// The map as a grid.
    pub fn grid(&self) -> MapGrid<'_> {
        MapGrid { factor: 1, side: GRID, cells: &self.0 }
    }

    /// Linear blend of two maps, `t` in [0, 1] from `self` to `other`.
    #[must_use]
    pub fn lerp(&self, other: &Self, t: f32) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + (other.0[i] - self.0[i]) * t))
    }
}

impl FineMap {
    /// The map as a grid.
    pub fn grid(&self) -> MapGrid<'_> {
        MapGrid { factor: self.factor, side: GRID * usize::from(self.factor), cells: &self.cells }
    }
}

/// The highest cell of a map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peak {
    /// Its cosine.
    pub cosine: f32,
    /// Column of the cell.
    pub col: usize,
    /// Row of the cell.
    pub row: usize,
    /// Centre of the cell as a fraction of the picture's width and height, clamped to [0, 1].
    pub at: [f32; 2],
}

impl MapGrid<'_> {
    /// The first highest cell in row-major order; NaN cells never win.
    pub fn peak(&self, geometry: CellGeometry) -> Peak {
        let mut best = 0;
        for (i, v) in self.cells.iter().enumerate() {
            if *v > self.cells[best] || (self.cells[best].is_nan() && !v.is_nan()) {
                best = i;
            }
        }
        let (col, row) = (best % self.side, best / self.side);
        let at = [col, row].map(|c| geometry.cell_centre(c, self.factor).clamp(0.0, 1.0));
        Peak { cosine: self.cells[best], col, row, at }
    }

    /// Smallest and greatest cosine.
    pub fn range(&self) -> (f32, f32) {
        self.cells
            .iter()
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), v| (lo.min(*v), hi.max(*v)))
    }
}
