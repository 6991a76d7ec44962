//! Against the document's vectors; against the official code's numbers in
//! `tests/integration/metrics.rs`.

use super::*;
use crate::eval::testing::{vector_grid, vector_truths};
use crate::truth::{Mask, TruthBox};

/// The document computes in `f64` and stretches in `f32`.
const NEAR: f64 = 2e-6;

fn score(cells: Cells, truth: &TruthMap) -> (Cut, f64) {
    let cut = half_map(&stretched(&scored(&vector_grid().grid(), cells)));
    let value = ciou(&cut.mask, truth).value();
    (cut, value)
}

#[test]
fn the_documents_vector_has_its_values_under_bicubic() {
    let up = scored(&vector_grid().grid(), Cells::BICUBIC);
    let at = |r: usize, c: usize| f64::from(up[r * 224 + c]);
    for (r, c, want) in [
        (0, 0, -0.896561641065574),
        (0, 223, 4.202202438231102),
        (100, 50, 3.840492420956176),
        (223, 223, 1.8235854618958025),
    ] {
        assert!((at(r, c) - want).abs() < NEAR, "[{r},{c}] {} {want}", at(r, c));
    }
    let lo = up.iter().copied().fold(f32::MAX, f32::min);
    let hi = up.iter().copied().fold(f32::MIN, f32::max);
    assert!((f64::from(lo) + 1.0439278451849594).abs() < NEAR);
    assert!((f64::from(hi) - 11.65598237575716).abs() < NEAR);
    let (plain, flickr) = vector_truths();
    let (cut, value) = score(Cells::BICUBIC, &plain);
    assert!((f64::from(cut.threshold) - 0.48067552).abs() < 1e-6);
    assert_eq!(cut.count(), 25_088);
    assert!((value - 0.25830543394282773).abs() < 1e-6, "{value}");
    let (_, value) = score(Cells::BICUBIC, &flickr);
    assert!((value - 0.2589981945991626).abs() < 1e-6, "{value}");
}

#[test]
fn the_documents_vector_has_its_values_under_bilinear() {
    let up = scored(&vector_grid().grid(), Cells::BILINEAR);
    for (r, c, want) in
        [(0, 223, 3.696938456699069), (100, 50, 3.555040376635637), (223, 223, 2.5537550532244495)]
    {
        assert!((f64::from(up[r * 224 + c]) - want).abs() < NEAR);
    }
    let (plain, flickr) = vector_truths();
    let (cut, value) = score(Cells::BILINEAR, &plain);
    assert!((f64::from(cut.threshold) - 0.47954908).abs() < 1e-6);
    // One pixel at the threshold is 2e-5 of the score.
    assert!((value - 0.28722913785154447).abs() < 3e-5, "{value}");
    let (_, value) = score(Cells::BILINEAR, &flickr);
    assert!((value - 0.2702493417995973).abs() < 3e-5, "{value}");
}

#[test]
fn other_cells_a_strict_half_and_uncapped_consensus_are_noticed() {
    let (plain, flickr) = vector_truths();
    let right = score(Cells::BILINEAR, &plain).1;
    let tiles = score(Cells::at(crate::units::CellGeometry::Tiles), &plain).1;
    assert!((right - tiles).abs() > 1e-3);
    let receptive = crate::units::CellGeometry::Receptive { offset_px: 4.0 };
    assert!((right - score(Cells::at(receptive), &plain).1).abs() > 1e-3);
    let binary = TruthMap::from_weights(
        flickr.weights().iter().map(|w| if *w > 0.0 { 1.0 } else { 0.0 }).collect(),
    );
    let weighted = score(Cells::BICUBIC, &flickr).1;
    assert!((weighted - score(Cells::BICUBIC, &binary.unwrap()).1).abs() > 1e-3);
}

#[test]
fn the_curve_has_the_documents_area() {
    let scores = [0.0, 0.1, 0.15, 0.5, 0.55, 0.7, 1.0];
    let s = Summary::of(&scores).unwrap();
    assert!((s.auc - 0.4357142857142857).abs() < 1e-12);
    assert!((s.success_at_0_5 - 4.0 / 7.0).abs() < 1e-12);
    assert!((s.mean_ciou - 3.0 / 7.0).abs() < 1e-12);
    // 0.15 fails 0.05 * 3; with the decimal 0.15 the area would be greater.
    assert!(success_rate(&[0.15], 0.05 * 3.0) == Some(0.0));
    assert_eq!(Summary::of(&[]), None);
    assert_eq!(Summary::of(&[f64::NAN, 1.0]).unwrap().mean_ciou, 0.5);
    assert!((auc(&[0.0]).unwrap() - 0.025).abs() < 1e-12, "never below");
}

#[test]
fn constant_maps_predict_everything_and_point_nowhere() {
    let values = vec![0.25; PIXELS];
    assert_eq!(stretched(&values), values);
    let half = half_map(&stretched(&values));
    assert_eq!(half.count(), PIXELS);
    let truth = TruthMap::from_fractions(&[[0.0, 0.0, 0.5, 0.5]]);
    assert!((ciou(&half.mask, &truth).value() - 0.25).abs() < 1e-12);
    assert!(!pointing(&values, &truth) && peak_place(&values).is_none());
    assert_eq!(adaptive(&values, 100, Ties::Outside).count(), 0);
    assert_eq!(adaptive(&values, 100, Ties::Inside).count(), PIXELS);
    assert_eq!(adaptive(&values, 100, Ties::InOrder).count(), 100);
}

#[test]
fn maps_that_are_no_numbers_score_nothing() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut values: Vec<f32> = (0..PIXELS).map(|i| i as f32).collect();
        values[7] = bad;
        let truth = TruthMap::from_fractions(&[[0.0, 0.0, 1.0, 1.0]]);
        let s = stretched(&values);
        assert_eq!(half_map(&s).count(), 0);
        assert_eq!(adaptive(&s, 9, Ties::Inside).count(), 0);
        assert_eq!(ciou(&half_map(&s).mask, &truth).value(), 0.0);
        assert!(!pointing(&s, &truth));
    }
}

#[test]
fn empty_truth_scores_nothing_and_nothing_against_nothing_too() {
    let empty = TruthMap::empty();
    let values: Vec<f32> = (0..PIXELS).map(|i| i as f32).collect();
    assert_eq!(ciou(&half_map(&values).mask, &empty), Ciou { intersection: 0.0, union: 25_088.0 });
    assert_eq!(ciou(&vec![false; PIXELS], &empty).value(), 0.0);
    assert_eq!(adaptive(&values, 0, Ties::Outside).count(), 25_087, "half where truth is empty");
    assert!(half_map(&[]).mask.is_empty() && adaptive(&[], 3, Ties::Inside).mask.is_empty());
    assert!(stretched(&[]).is_empty() && peak_place(&[]).is_none());
}

#[test]
fn the_adaptive_mask_is_as_large_as_the_truth() {
    let values: Vec<f32> = (0..PIXELS).map(|i| ((i * 7919) % PIXELS) as f32).collect();
    assert_eq!(adaptive(&values, 1000, Ties::Outside).count(), 999, "the reference's >");
    assert_eq!(adaptive(&values, 1000, Ties::Inside).count(), 1000);
    assert_eq!(adaptive(&values, 1000, Ties::InOrder).count(), 1000);
    assert_eq!(adaptive(&values, PIXELS, Ties::Outside).count(), PIXELS - 1);
    assert_eq!(fixed(&values, 50_000.0).count(), PIXELS - 50_001);
}

#[test]
fn no_map_beats_the_ceiling_of_the_half_map() {
    for side in [0.2, 0.45, 0.5, 0.8, 1.0] {
        let truth = TruthMap::from_fractions(&[[0.0, 0.0, side, side]]);
        // The best there is: the truth first, then anything.
        let n = PIXELS as f32;
        let best: Vec<f32> = truth
            .weights()
            .iter()
            .enumerate()
            .map(|(i, w)| (*w as f32) * 2.0 * n - i as f32)
            .collect();
        let value = ciou(&half_map(&stretched(&best)).mask, &truth).value();
        let ceiling = half_map_ceiling(truth.area());
        assert!((value - ceiling).abs() < 1e-3, "side {side}: {value} {ceiling}");
        assert_eq!(ceiling < 0.5, truth.area() < 0.25);
    }
}

#[test]
fn pointing_asks_for_the_highest_pixel() {
    let mut cells = [0.0f32; 49];
    cells[2 * 7 + 5] = 0.4;
    let map = crate::units::LocalizationMap(cells);
    let values = scored(&map.grid(), Cells::BILINEAR);
    let [x, y] = peak_place(&values).unwrap();
    assert!((x - 186.3 / 224.0).abs() < 0.01 && (y - 74.8 / 224.0).abs() < 0.01, "{x} {y}");
    assert!(pointing(&values, &TruthMap::from_fractions(&[[0.8, 0.3, 0.9, 0.4]])));
    assert!(!pointing(&values, &TruthMap::from_fractions(&[[0.3, 0.8, 0.4, 0.9]])), "swapped axes");
}

#[test]
fn boxes_are_cut_to_whole_pixels_as_vgg_ss_does() {
    let of = |b: [f64; 4]| TruthMap::from_fractions(&[b]);
    let huge = -2.8823037615171176e16;
    assert_eq!(of([0.2, 0.2, huge, 0.9]).count(), 0, "reversed after clamping");
    assert_eq!(of([-0.5, 0.0, 2.0, 0.5]).count(), 224 * 112);
    assert_eq!(of([0.1, 0.1, 0.1, 0.9]).count(), 0);
    assert_eq!(of([f64::NAN, 0.0, 1.0, 1.0]).count(), 0);
    assert_eq!(of([0.0, 0.0, 0.0044, 1.0]).count(), 0, "0.98 of a pixel");
    let two = TruthMap::from_fractions(&[[0.0, 0.0, 0.5, 1.0], [0.25, 0.0, 0.75, 1.0]]);
    assert_eq!((two.count(), two.sum()), (168 * 224, 168.0 * 224.0), "a union, not a sum");
}

#[test]
fn boxes_in_pixels_of_224_are_exact() {
    for x in 0..224u32 {
        let b = TruthBox { x0: f64::from(x), y0: 0.0, x1: f64::from(x + 1), y1: 1.0 };
        let map = TruthMap::from_boxes([&b], (224, 224));
        assert_eq!(map.weights()[x as usize], 1.0);
        assert_eq!(map.count(), 1);
    }
}

#[test]
fn a_mask_is_read_under_the_pixels_centres() {
    let mask = Mask::from_fn(448, 112, |x, y| x < 100 && (28..56).contains(&y));
    let map = TruthMap::from_masks([&mask]);
    assert_eq!(map.count(), 50 * 56);
    assert_eq!(map.weights()[56 * 224 + 49], 1.0);
    assert_eq!(map.weights()[56 * 224 + 50], 0.0);
    assert_eq!(map.weights()[55 * 224], 0.0);
    let all = Mask::from_fn(3, 5, |_, _| true);
    assert_eq!(TruthMap::from_masks([&all, &all]).sum(), PIXELS as f64);
    assert_eq!(TruthMap::from_masks([]).count(), 0);
}

#[test]
fn the_blend_is_the_official_one() {
    let mix = blended(&[0.0, 1.0, 2.0], &[5.0, 5.5, 6.0], 0.4);
    assert_eq!(mix, [0.0, 0.5, 1.0]);
    // A constant prior is added as it is.
    let mix = blended(&[0.0, 2.0], &[0.5, 0.5], 0.4);
    assert!((mix[1] - 0.7).abs() < 1e-6 && (mix[0] - 0.3).abs() < 1e-6);
}

#[test]
fn protocols_are_named_by_their_cells() {
    use crate::units::CellGeometry as G;
    assert_eq!(Cells::BILINEAR.suffix(1), "");
    assert_eq!(Cells::BICUBIC.suffix(1), "");
    assert_eq!(Cells::at(G::Tiles).suffix(1), "@tiles");
    assert_eq!(Cells::at(G::Receptive { offset_px: 4.0 }).suffix(2), "@receptive@fine2");
}
