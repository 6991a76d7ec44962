//! Truth on the pixels that are scored.

use super::{PIXELS, SCORED_SIDE};
use crate::truth::{Mask, TruthBox};

/// Weight of each of 224x224 pixels, row 0 at the top: 0 or 1, or a consensus in between.
#[derive(Clone, Debug, PartialEq)]
pub struct TruthMap(Vec<f64>);

impl TruthMap {
    /// No pixel at all.
    pub fn empty() -> Self {
        Self(vec![0.0; PIXELS])
    }

    /// The union of boxes in fractions of width and height, `[x0, y0, x1, y1]`, by VGG-SS's rule:
    /// clamped, times 224, cut to whole pixels, half-open. Boxes that are reversed or not numbers
    /// have no pixels.
    pub fn from_fractions(boxes: &[[f64; 4]]) -> Self {
        let mut map = Self::empty();
        for b in boxes {
            map.fill(b.map(|v| v.clamp(0.0, 1.0) * SCORED_SIDE as f64), |_| 1.0);
        }
        map
    }

    /// The union of boxes in pixels of a picture of `width` x `height`.
    pub fn from_boxes<'a>(
        boxes: impl IntoIterator<Item = &'a TruthBox>,
        (width, height): (u32, u32),
    ) -> Self {
        let (w, h) = (f64::from(width.max(1)), f64::from(height.max(1)));
        let side = SCORED_SIDE as f64;
        let mut map = Self::empty();
        for b in boxes {
            // The product first: for a picture of 224 pixels nothing is rounded then.
            map.fill([b.x0 * side / w, b.y0 * side / h, b.x1 * side / w, b.y1 * side / h], |_| 1.0);
        }
        map
    }

    /// Several annotators' boxes in whole pixels of 224, Flickr-SoundNet's consensus: half for each
    /// box, at most 1.
    pub fn consensus(boxes: &[[u16; 4]]) -> Self {
        let mut map = Self::empty();
        for b in boxes {
            map.fill(b.map(f64::from), |v| v + 0.5);
        }
        for v in &mut map.0 {
            *v = v.min(1.0);
        }
        map
    }

    /// The union of masks; each scored pixel takes the mask's pixel under its centre.
    pub fn from_masks<'a>(masks: impl IntoIterator<Item = &'a Mask>) -> Self {
        let mut map = Self::empty();
        for mask in masks {
            map.add_mask(mask);
        }
        map
    }

    /// From 224x224 weights; `None` for another number of them or weights outside 0..1.
    pub fn from_weights(weights: Vec<f64>) -> Option<Self> {
        let fits = |v: &f64| (0.0..=1.0).contains(v);
        (weights.len() == PIXELS && weights.iter().all(fits)).then_some(Self(weights))
    }

    /// Takes the greater weight of both, pixel by pixel.
    pub fn join(&mut self, other: &Self) {
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a = a.max(*b);
        }
    }

    /// The weights.
    pub fn weights(&self) -> &[f64] {
        &self.0
    }

    /// Sum of all weights.
    pub fn sum(&self) -> f64 {
        self.0.iter().sum()
    }

    /// Pixels of any weight.
    pub fn count(&self) -> usize {
        self.0.iter().filter(|v| **v != 0.0).count()
    }

    /// Share of the picture with any weight, 0 to 1.
    pub fn area(&self) -> f64 {
        self.count() as f64 / PIXELS as f64
    }

    fn fill(&mut self, edges: [f64; 4], weight: impl Fn(f64) -> f64) {
        if edges.iter().any(|v| v.is_nan()) {
            return;
        }
        let [x0, y0, x1, y1] = edges.map(|v| v.clamp(0.0, SCORED_SIDE as f64) as usize);
        for y in y0..y1 {
            for x in x0..x1 {
                let v = &mut self.0[y * SCORED_SIDE + x];
                *v = weight(*v);
            }
        }
    }

    fn add_mask(&mut self, mask: &Mask) {
        let (w, h) = (u64::from(mask.width()), u64::from(mask.height()));
        if w == 0 || h == 0 {
            return;
        }
        let side = SCORED_SIDE as u64;
        // floor((i + 0.5) * of / 224)
        let centre = |i: u64, of: u64| ((2 * i + 1) * of / (2 * side)).min(of - 1);
        // Both the runs and the looks go down the columns: one pass.
        let mut runs = mask.runs().iter();
        let (mut end, mut within) = (runs.next().copied().map_or(0, u64::from), false);
        for x in 0..side {
            for y in 0..side {
                let at = centre(x, w) * h + centre(y, h);
                while at >= end {
                    let Some(run) = runs.next() else { return };
                    end += u64::from(*run);
                    within = !within;
                }
                if within {
                    self.0[(y * side + x) as usize] = 1.0;
                }
            }
        }
    }
}
