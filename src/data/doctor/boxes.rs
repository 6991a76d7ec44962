//! Boxes and masks that mark nothing, or something that is not there.

use crate::data::dataset::{Item, LoadedTruth};
use crate::data::raster;

/// Side of the map that boxes are scored on.
const SIDE: u32 = 224;
/// How far a fraction may lie outside by rounding.
const SLACK: f64 = 1e-6;

/// What is wrong with an item's truth. `size` is that of its picture.
pub(super) fn complaints(item: &Item, size: Option<(u32, u32)>) -> Result<Vec<String>, String> {
    let Some(truth) = item.load_truth().map_err(|e| e.to_string())? else {
        return Ok(Vec::new());
    };
    let mut out = Vec::new();
    match truth {
        LoadedTruth::Boxes(boxes) => {
            out.extend(boxes.iter().enumerate().filter_map(|(i, b)| of_fractions(i + 1, b)));
            if !boxes.is_empty() && !raster(&boxes, SIDE).contains(&true) {
                out.push("its boxes have no pixel: nothing can meet them".into());
            }
        }
        LoadedTruth::Consensus(boxes) => {
            let none = |b: &&[u16; 4]| b[2] <= b[0] || b[3] <= b[1];
            let n = boxes.iter().filter(none).count();
            if n > 0 {
                out.push(format!("{n} of its {} boxes are empty or reversed", boxes.len()));
            }
        }
        LoadedTruth::Mask(mask) => {
            if let Some((w, h)) = size
                && (mask.width(), mask.height()) != (w, h)
            {
                out.push(format!(
                    "its mask is {}x{}, its picture {w}x{h}",
                    mask.width(),
                    mask.height()
                ));
            }
            if mask.area() == 0 && item.negative.is_none() {
                out.push("its mask is empty".into());
            }
        }
        LoadedTruth::Track { track, at } => {
            for source in track.at(at) {
                let Some(b) = source.bbox.filter(|_| source.sounding) else { continue };
                let name = source.source.label();
                if !b.is_sound() {
                    out.push(format!("the box of {name} is reversed"));
                } else if b.clipped(track.width, track.height).is_none() {
                    out.push(format!("the box of {name} is empty or outside the picture"));
                }
            }
            if let Some((w, h)) = size
                && u64::from(w) * u64::from(track.height) != u64::from(h) * u64::from(track.width)
            {
                let (tw, th) = (track.width, track.height);
                // Video files round the shape of their pixels.
                let (is, was) = (f64::from(w) / f64::from(h), f64::from(tw) / f64::from(th.max(1)));
                if (is / was - 1.0).abs() > 0.02 {
                    out.push(format!("its truth is for {tw}x{th}, its picture has {w}x{h}"));
                }
            }
        }
    }
    Ok(out)
}

fn of_fractions(number: usize, b: &[f64; 4]) -> Option<String> {
    let [x0, y0, x1, y1] = *b;
    let shown = || format!("[{x0}, {y0}, {x1}, {y1}]");
    let why = if b.iter().any(|v| !v.is_finite()) {
        "holds no numbers"
    } else if x1 < x0 || y1 < y0 {
        "is reversed"
    } else if b.iter().any(|v| *v < -SLACK || *v > 1.0 + SLACK) {
        "lies outside the picture"
    } else if !raster(&[*b], SIDE).contains(&true) {
        "has no pixel"
    } else {
        return None;
    };
    Some(format!("box {number} {} {why}", shown()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_defect_of_a_box_has_its_words_and_good_ones_have_none() {
        for (b, word) in [
            ([0.1, 0.1, f64::NAN, 0.5], "no numbers"),
            ([0.5, 0.1, 0.2, 0.5], "reversed"),
            ([0.1, 0.1, -2.882_303_761_517_117_6e16, 0.5], "reversed"),
            ([-0.2, 0.1, 0.5, 0.5], "outside"),
            ([0.1, 0.1, 0.5, 1.2], "outside"),
            ([0.5, 0.1, 0.5, 0.5], "no pixel"),
            ([0.5, 0.1, 0.501, 0.5], "no pixel"),
        ] {
            let text = of_fractions(1, &b).unwrap();
            assert!(text.contains(word), "{b:?}: {text}");
        }
        for b in [[0.0, 0.0, 1.0, 1.0], [0.1, 0.2, 0.3, 0.4], [0.995, 0.0, 1.000_000_1, 1.0]] {
            assert_eq!(of_fractions(1, &b), None);
        }
    }
}
