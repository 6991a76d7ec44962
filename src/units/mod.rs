//! Values every room speaks: integer time, frame numbers, pictures, boxes, maps.
//!
//! Owns no I/O, no threads, no other crate's types. Start with [`MediaTime`] (when),
//! [`FrameIndex`] (which frame) and [`LocalizationMap`] (what the network answered).

mod geometry;
mod map;
mod picture;
mod pixels;
mod time;

pub use geometry::{BBox, CellGeometry};
pub use map::{FineMap, GRID, LocalizationMap, MapGrid, Peak};
pub use picture::RgbPicture;
pub use pixels::{
    ColorMatrix, ColorSpec, Orientation, PlanarPicture, Plane, PlaneLayout, Transfer,
};
pub use time::{MediaTime, Pts, TimeBase};

use std::sync::Arc;

/// Wakes whoever draws, from any thread. Lower rooms use it so that none knows egui.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// A waker that wakes nobody, for headless work and tests.
pub fn no_waker() -> Waker {
    Arc::new(|| {})
}

/// Place of a frame in a clip's presentation index, from 0. Never time times rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameIndex(pub u32);

impl FrameIndex {
    /// The index as a `usize`, for slices.
    pub fn get(self) -> usize {
        self.0 as usize
    }
}

impl std::fmt::Display for FrameIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Raised by every seek; work that carries an older one is stale and dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

impl Generation {
    /// The generation after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
