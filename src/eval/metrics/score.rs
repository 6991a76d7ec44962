//! One map against one truth.

use super::{PIXELS, SCORED_SIDE, TruthMap};

/// The consensus intersection over union of a mask and a truth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ciou {
    /// Weight of the truth that the mask meets.
    pub intersection: f64,
    /// All of the truth's weight, and one for every pixel of the mask where the truth has none.
    pub union: f64,
}

impl Ciou {
    /// The quotient, 0 to 1; 0 where truth and mask are both empty.
    pub fn value(self) -> f64 {
        if self.union > 0.0 { self.intersection / self.union } else { 0.0 }
    }
}

/// `sum(mask * truth) / (sum(truth) + |mask where truth is 0|)`; for truth of zeros and ones the
/// ordinary intersection over union.
pub fn ciou(mask: &[bool], truth: &TruthMap) -> Ciou {
    let (mut intersection, mut outside) = (0.0, 0usize);
    for (inside, weight) in mask.iter().zip(truth.weights()) {
        if *inside {
            intersection += weight;
            outside += usize::from(*weight == 0.0);
        }
    }
    Ciou { intersection, union: truth.sum() + outside as f64 }
}

/// The best half-map score that any map could have for a truth of `area` (0 to 1): below a quarter
/// of the picture it stays under 0.5.
pub fn half_map_ceiling(area: f64) -> f64 {
    let area = area.clamp(0.0, 1.0);
    area.min(0.5) / area.max(0.5)
}

/// Whether the highest pixel (the first in row-major order) lies in the truth. A constant map and
/// one that is not a number point nowhere: a miss.
pub fn pointing(values: &[f32], truth: &TruthMap) -> bool {
    peak_pixel(values).is_some_and(|i| truth.weights().get(i).is_some_and(|w| *w > 0.0))
}

/// The first highest pixel; `None` where all are alike or any is not a number.
fn peak_pixel(values: &[f32]) -> Option<usize> {
    let first = *values.first()?;
    let (mut best, mut at, mut differs) = (first, 0, false);
    for (i, v) in values.iter().enumerate() {
        if v.is_nan() {
            return None;
        }
        differs |= *v != first;
        if *v > best {
            (best, at) = (*v, i);
        }
    }
    differs.then_some(at)
}

/// Place of the highest pixel in fractions of width and height; `None` as in [`pointing`].
#[must_use]
pub fn peak_place(values: &[f32]) -> Option<[f32; 2]> {
    if values.len() != PIXELS {
        return None;
    }
    let i = peak_pixel(values)?;
    let centre = |p: usize| (p as f32 + 0.5) / SCORED_SIDE as f32;
    Some([centre(i % SCORED_SIDE), centre(i / SCORED_SIDE)])
}
