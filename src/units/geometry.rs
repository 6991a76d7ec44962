//! Where things lie on the picture: boxes, and the places of the network's cells.

use super::GRID;

/// A box in fractions of the picture's width and height, `x0 <= x1`, `y0 <= y1`, in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BBox {
    /// Left edge.
    pub x0: f32,
    /// Upper edge.
    pub y0: f32,
    /// Right edge.
    pub x1: f32,
    /// Lower edge.
    pub y1: f32,
}

/// Side of the network's picture input in pixels; cell places are defined in it.
const INPUT_PX: f32 = 224.0;
/// Distance of neighbouring cells in input pixels.
const STRIDE_PX: f32 = 32.0;

/// Where a cell of the network's grid lies on the picture.
///
/// One definition for picture, probe, contour, export and evaluation. All three are affine, so a
/// shader needs two numbers per axis ([`Self::affine`]). Positions are in pixels of the
/// 224-pixel input, where pixel `p` covers `[p, p + 1)` and its *index coordinate* is `p`.
///
/// They differ by up to 31 of 224 pixels at the right and lower edge.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum CellGeometry {
    /// The reference's aligned corners: cell 0 on the first pixel, cell 6 on the last.
    /// The literature's protocols use it.
    #[default]
    Aligned,
    /// Uniform sevenths: cell `i` is centred in the tile `[32 i, 32 i + 32)`.
    Tiles,
    /// Cell `i` is centred on pixel `32 i + offset_px`, the middle of its receptive field;
    /// the offset comes from the checkpoint's card (0 without one).
    Receptive {
        /// Shift of all cells in input pixels, usually 0 to 8.
        offset_px: f32,
    },
}

impl CellGeometry {
    /// Name for legends, files and flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aligned => "aligned",
            Self::Tiles => "tiles",
            Self::Receptive { .. } => "receptive",
        }
    }

    /// `(origin, step)`: cell `i` of the 7x7 grid lies on pixel `origin + step * i`.
    fn origin_and_step_px(self) -> (f32, f32) {
        match self {
            Self::Aligned => (0.0, (INPUT_PX - 1.0) / (GRID as f32 - 1.0)),
            Self::Tiles => ((STRIDE_PX - 1.0) / 2.0, STRIDE_PX),
            Self::Receptive { offset_px } => (offset_px, STRIDE_PX),
        }
    }

    /// Input pixel (index coordinate) on which cell `i` of a grid with `factor` shifts per axis
    /// lies. Copy `k` of the picture is shifted so that each cell looks
    /// `(k - (factor - 1) / 2) * 32 / factor` pixels further to the right (or down); under
    /// `Aligned` that shift is stretched like the grid, so that cells stay evenly spaced.
    pub fn fine_cell_px(self, i: usize, factor: u8) -> f32 {
        let (origin, step) = self.origin_and_step_px();
        let n = f32::from(factor.max(1));
        let centred = (i as f32 - (n - 1.0) / 2.0) / n;
        origin + step * centred
    }

    /// Centre of cell `i` as a fraction of the picture's side; may lie a little outside [0, 1].
    pub fn cell_centre(self, i: usize, factor: u8) -> f32 {
        (self.fine_cell_px(i, factor) + 0.5) / INPUT_PX
    }

    /// `(scale, bias)` with `cell coordinate = scale * u + bias`, for `u` a fraction of the
    /// picture's side (0 left or upper edge, 1 the other). The coordinate of a cell's own place
    /// is its integer index; samplers clamp it to `[0, side - 1]`.
    pub fn affine(self, factor: u8) -> (f32, f32) {
        let first = self.cell_centre(0, factor);
        let step = self.cell_centre(1, factor) - first;
        (1.0 / step, -first / step)
    }
}

impl std::fmt::Display for CellGeometry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Receptive { offset_px } if *offset_px != 0.0 => {
                write!(f, "receptive +{offset_px} px")
            }
            other => f.write_str(other.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligned_puts_the_first_and_last_cell_on_the_first_and_last_pixel() {
        let g = CellGeometry::Aligned;
        assert_eq!(g.fine_cell_px(0, 1), 0.0);
        assert!((g.fine_cell_px(6, 1) - 223.0).abs() < 1e-4);
    }

    #[test]
    fn geometries_differ_by_up_to_31_pixels_at_the_far_edge() {
        let far = |g: CellGeometry| g.fine_cell_px(6, 1);
        let receptive = far(CellGeometry::Receptive { offset_px: 0.0 });
        assert_eq!(receptive, 192.0);
        assert!((far(CellGeometry::Aligned) - receptive - 31.0).abs() < 1e-3);
        assert_eq!(far(CellGeometry::Tiles), 207.5);
    }

    #[test]
    fn affine_sends_each_cells_place_to_its_index() {
        let all = [
            CellGeometry::Aligned,
            CellGeometry::Tiles,
            CellGeometry::Receptive { offset_px: 8.0 },
        ];
        for g in all {
            for factor in [1, 2, 4] {
                let (scale, bias) = g.affine(factor);
                for i in 0..GRID * usize::from(factor) {
                    let s = scale * g.cell_centre(i, factor) + bias;
                    assert!((s - i as f32).abs() < 1e-4, "{g} x{factor} cell {i}: {s}");
                }
            }
        }
    }

    #[test]
    fn four_shifts_of_eight_pixels_make_the_two_by_two_fine_map() {
        let g = CellGeometry::Receptive { offset_px: 0.0 };
        assert_eq!(g.fine_cell_px(0, 2), -8.0);
        assert_eq!(g.fine_cell_px(1, 2), 8.0);
        assert_eq!(g.fine_cell_px(2, 2), 24.0);
    }
}
