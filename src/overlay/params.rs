//! What is drawn over the picture: everything a user can choose, in one plain value.

use crate::units::{CellGeometry, LocalizationMap, MapGrid};

use super::{Colormap, Field, Interpolation};

/// Which values the colours stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ScaleMode {
    /// Cosine from -1 to 1.
    #[default]
    Absolute,
    /// Fixed cosines of this checkpoint (p1 and p99 on a reference set), so that colours compare
    /// across frames and clips.
    Calibrated {
        /// Cosine of the lowest colour.
        lo: f32,
        /// Cosine of the highest colour.
        hi: f32,
    },
    /// Each frame's own smallest and greatest value, as papers plot it: makes silence look like
    /// a confident hit, so the legend says "stretched".
    PerFrame,
}

impl ScaleMode {
    /// Name for the legend and for files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Absolute => "absolute",
            Self::Calibrated { .. } => "calibrated",
            Self::PerFrame => "per frame",
        }
    }

    /// Values of the lowest and the highest colour for `grid`; NaN cells are left out.
    pub fn limits(self, grid: &MapGrid<'_>) -> (f32, f32) {
        match self {
            Self::Absolute => (-1.0, 1.0),
            Self::Calibrated { lo, hi } => (lo.min(hi), lo.max(hi)),
            Self::PerFrame => finite_range(grid),
        }
    }

    /// Whether colours depend on the frame, so that a badge must say so.
    pub fn is_stretched(self) -> bool {
        matches!(self, Self::PerFrame)
    }
}

/// Range of the cells that are numbers; (0, 0) when none is.
pub(crate) fn finite_range(grid: &MapGrid<'_>) -> (f32, f32) {
    let (lo, hi) = grid.range();
    if lo <= hi { (lo, hi) } else { (0.0, 0.0) }
}

/// What a panel of the picture shows. Rows of the table [`super::LAYERS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Layer {
    /// Cosine of each cell with the sound.
    #[default]
    SoundMap,
    /// What the object tower finds worth looking at; ignores the sound.
    ObjectPrior,
    /// Both, each stretched to [0, 1] and mixed with [`OverlayParams::blend_alpha`].
    Blend,
    /// The map minus [`OverlayParams::other`].
    Difference,
    /// The picture alone.
    None,
}

/// How the picture is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Split {
    /// One picture.
    #[default]
    None,
    /// One picture with a divider; both sides show the same place.
    Wipe {
        /// Place of the divider as a fraction of the region's width.
        at: f32,
        /// Layer left of it.
        left: Layer,
        /// Layer right of it.
        right: Layer,
    },
    /// The picture, the map alone and the object prior alone (when there is one) side by side.
    SideBySide,
}

/// How the picture is magnified. Minifying always averages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Magnify {
    /// Straight lines between pixels.
    #[default]
    Smooth,
    /// Pixels as squares with soft edges.
    Sharp,
}

/// Everything drawn over (and around) the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct OverlayParams {
    /// The map on show, plain or fine; `None` draws nothing, never a stale one.
    pub map: Option<Field>,
    /// The plain 7x7 map of the same frame, for the metric's mask; without it a plain `map` is
    /// taken, and a fine one shows no mask.
    pub plain: Option<LocalizationMap>,
    /// Object prior: mean absolute feature per cell, before any stretch.
    pub prior: Option<Field>,
    /// What the difference layer subtracts.
    pub other: Option<Field>,
    /// Layer of the undivided picture.
    pub layer: Layer,
    /// False while the hide key is held.
    pub visible: bool,
    /// Weight of the sound map in the blend, [0, 1]; the literature's is 0.4.
    pub blend_alpha: f32,
    /// Where cells lie.
    pub geometry: CellGeometry,
    /// What is drawn between their places.
    pub interpolation: Interpolation,
    /// Colours of every layer but the difference.
    pub colormap: Colormap,
    /// Values of the colours' ends.
    pub scale: ScaleMode,
    /// Greatest opacity, [0, 1].
    pub opacity: f32,
    /// Exponent on the scaled value, above 0; 1 is linear.
    pub gamma: f32,
    /// Opacity grows with the value from nothing at zero, so that a zero map leaves the picture
    /// clean; else it is constant.
    pub alpha_by_value: bool,
    /// Cosine below which the sound map is not drawn; its border is dashed.
    pub threshold: Option<f32>,
    /// Hatches the mask by which the literature scores: the greater half of the pixels.
    pub half_map_mask: bool,
    /// Number of thin lines of equal value between the colours' ends; 0 is none.
    pub contours: u8,
    /// Lines between the cells.
    pub show_cells: bool,
    /// Age of a held map, 0 (this frame's) to 1: pales the colours.
    pub dim: f32,
    /// Nothing here sounds, the sound map stays below the checkpoint's line: lines that were asked
    /// for are drawn, colours are not.
    pub outline_only: bool,
    /// Red frame: the model hears something else than the clip's sound.
    pub test_border: bool,
    /// How the picture is divided.
    pub split: Split,
    /// How the picture is magnified.
    pub magnify: Magnify,
    /// Colour around the picture.
    pub background: [u8; 3],
}

impl Default for OverlayParams {
    fn default() -> Self {
        Self {
            map: None,
            plain: None,
            prior: None,
            other: None,
            layer: Layer::SoundMap,
            visible: true,
            blend_alpha: 0.4,
            geometry: CellGeometry::default(),
            interpolation: Interpolation::default(),
            colormap: Colormap::default(),
            scale: ScaleMode::default(),
            opacity: 0.75,
            gamma: 1.0,
            alpha_by_value: true,
            threshold: None,
            half_map_mask: false,
            contours: 0,
            show_cells: false,
            dim: 0.0,
            outline_only: false,
            test_border: false,
            split: Split::None,
            magnify: Magnify::Smooth,
            background: [0, 0, 0],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_follow_the_mode_and_nothing_else() {
        let f = Field::new(1, (0..49).map(|i| i as f32 / 100.0).collect()).unwrap();
        assert_eq!(ScaleMode::Absolute.limits(&f.grid()), (-1.0, 1.0));
        let swapped = ScaleMode::Calibrated { lo: 0.4, hi: -0.1 };
        assert_eq!(swapped.limits(&f.grid()), (-0.1, 0.4));
        assert_eq!(ScaleMode::PerFrame.limits(&f.grid()), (0.0, 0.48));
        let nan = Field::new(1, vec![f32::NAN; 49]).unwrap();
        assert_eq!(ScaleMode::PerFrame.limits(&nan.grid()), (0.0, 0.0));
    }
}
