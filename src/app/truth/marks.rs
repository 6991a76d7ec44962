//! From truth and verdict to lines over the picture.

use crate::app::picture::{TruthMark, TruthMarks};
use crate::eval::live::{LiveVerdict, TruthNow, TruthShape};
use crate::eval::metrics::SCORED_SIDE;
use crate::overlay::{Ring, mask_outline, outline};
use crate::truth::{Mask, TruthAt, TruthTrack};
use crate::units::MediaTime;

/// Distance of the lines that hatch the overlap, in scored pixels.
const HATCH_STEP: usize = 10;

/// Outlines of the sources in the picture, and of the mask that the adaptive score is made from.
pub fn marks_of(
    track: &TruthTrack,
    time: MediaTime,
    shape: TruthShape,
    now: &TruthNow,
    verdict: Option<&LiveVerdict>,
) -> TruthMarks {
    let size = (track.width, track.height);
    // Sounding ones last, over the others.
    let mut sources: Vec<_> =
        track.at(time).iter().filter_map(|s| mark_of(s, size, shape)).collect();
    sources.sort_by_key(|m| m.sounding);
    let (mut prediction, mut overlap) = (Vec::new(), Vec::new());
    if let (Some(LiveVerdict::Scored { adaptive, .. }), Some(truth)) = (verdict, &now.map) {
        prediction = outline(&adaptive.values, SCORED_SIDE, adaptive.threshold);
        overlap = hatching(|i| adaptive.values[i] > adaptive.threshold && truth.weights()[i] > 0.0);
    }
    TruthMarks { sources, prediction, overlap }
}

fn mark_of(at: &TruthAt<'_>, size: (u32, u32), shape: TruthShape) -> Option<TruthMark> {
    let bbox = at.bbox?;
    let [x0, y0, x1, y1] = bbox.fractions(size.0, size.1).map(|v| v as f32);
    let rings = match at.mask.filter(|_| shape == TruthShape::Masks) {
        Some(mask) => mask_rings(mask),
        None => vec![vec![[x0, y0], [x1, y0], [x1, y1], [x0, y1]]],
    };
    Some(TruthMark {
        label: at.source.label(),
        bbox: [x0, y0, x1, y1],
        rings,
        sounding: at.sounding,
    })
}

fn mask_rings(mask: &Mask) -> Vec<Ring> {
    let Some(b) = mask.bounds() else { return Vec::new() };
    let pixels = mask.to_pixels();
    let width = mask.width() as usize;
    let within = [b.x0, b.y0, b.x1, b.y1].map(|v| v as u32);
    mask_outline((mask.width(), mask.height()), within, |x, y| {
        pixels.get(y as usize * width + x as usize).copied().unwrap_or(false)
    })
}

/// Diagonal lines over the scored pixels for which `inside` holds, in fractions of the picture.
fn hatching(inside: impl Fn(usize) -> bool) -> Vec<[[f32; 2]; 2]> {
    let side = SCORED_SIDE;
    let at = |p: usize| (p as f32 + 0.5) / side as f32;
    let mut out = Vec::new();
    for sum in (0..2 * side - 1).step_by(HATCH_STEP) {
        let first = sum.saturating_sub(side - 1);
        let last = sum.min(side - 1);
        let mut start = None;
        // From the lower left to the upper right; one step further than the last pixel ends a line.
        for x in first..=last + 1 {
            let within = x <= last && inside((sum - x) * side + x);
            match (start, within) {
                (None, true) => start = Some(x),
                (Some(from), false) => {
                    if x - from > 1 {
                        out.push([[at(from), at(sum - from)], [at(x - 1), at(sum + 1 - x)]]);
                    }
                    start = None;
                }
                _ => {}
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hatching_stays_inside() {
        let inside = |i: usize| (50..100).contains(&(i % 224)) && (20..60).contains(&(i / 224));
        let lines = hatching(inside);
        assert!((5..12).contains(&lines.len()), "{}", lines.len());
        for [x, y] in lines.iter().flatten() {
            assert!((50.0..100.0).contains(&(x * 224.0)) && (20.0..60.0).contains(&(y * 224.0)));
        }
        assert!(hatching(|_| false).is_empty());
        let all = hatching(|_| true);
        assert!(all.len() > 40 && all.iter().flatten().flatten().all(|v| (0.0..1.0).contains(v)));
    }
}
