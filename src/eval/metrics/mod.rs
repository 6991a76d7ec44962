//! The rules by which localization is scored.
//!
//! From a grid of cosines to a score in five steps, each a function of its own:
//! [`scored`] reads the grid on 224x224 pixels ([`Cells`] says where the cells lie and how values
//! between them are made), [`stretched`] scales to 0..1, a threshold makes a mask ([`half_map`],
//! [`adaptive`], [`fixed`]), [`ciou`] and [`pointing`] compare it with a [`TruthMap`], and
//! [`Summary`] speaks about many pictures. Names are those of `fnac eval`'s protocols.
//!
//! What is not a number: a map with any such value is scored as an empty mask, which is what the
//! literature's code does by accident and what an answer that is none deserves.

mod masks;
mod ranking;
mod score;
mod summary;
mod truth_map;

pub use crate::overlay::{Interpolation, SCORED_SIDE};
pub use masks::{Cut, Ties, adaptive, blended, fixed, half_map, stretched};
pub use ranking::{auroc, interval95, quantile};
pub use score::{Ciou, ciou, half_map_ceiling, peak_place, pointing};
pub use summary::{AUC_THRESHOLDS, SUCCESS_AT, Summary, auc, mean, success_rate};
pub use truth_map::TruthMap;

use crate::units::{CellGeometry, MapGrid};

/// Number of pixels that are scored.
pub const PIXELS: usize = SCORED_SIDE * SCORED_SIDE;

/// Where cells lie and how values between them are made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cells {
    /// Where.
    pub geometry: CellGeometry,
    /// How.
    pub interpolation: Interpolation,
}

impl Cells {
    /// The official scripts' main result: bilinear, corners aligned.
    pub const BILINEAR: Self =
        Self { geometry: CellGeometry::Aligned, interpolation: Interpolation::Bilinear };
    /// The official scripts' other result, by which checkpoints are chosen: bicubic, half-pixel
    /// centres.
    pub const BICUBIC: Self =
        Self { geometry: CellGeometry::Tiles, interpolation: Interpolation::Bicubic };

    /// Bilinear with cells elsewhere.
    pub fn at(geometry: CellGeometry) -> Self {
        Self { geometry, interpolation: Interpolation::Bilinear }
    }

    /// What a protocol's name carries for these cells and a map of `factor`: nothing for the
    /// literature's, else `@tiles`, `@receptive`, `@fine2`.
    pub fn suffix(self, factor: u8) -> String {
        let place = match self.geometry {
            CellGeometry::Aligned => "",
            CellGeometry::Tiles if self.interpolation == Interpolation::Bicubic => "",
            CellGeometry::Tiles => "@tiles",
            CellGeometry::Receptive { .. } => "@receptive",
        };
        let fine = if factor > 1 { format!("@fine{factor}") } else { String::new() };
        format!("{place}{fine}")
    }
}

/// A grid of cosines on 224x224 pixels, row 0 at the top, never stretched.
pub fn scored(grid: &MapGrid<'_>, cells: Cells) -> Vec<f32> {
    crate::overlay::upsampled(grid, cells.geometry, cells.interpolation)
}

#[cfg(test)]
mod tests;
