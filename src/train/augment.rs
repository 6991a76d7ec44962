//! Pictures and sounds are varied while training: resized, cropped, mirrored, masked.
//!
//! What is drawn depends on seed, epoch and item alone, never on which thread asks when.

use super::config::{AugmentSection, MaskRule};
use crate::features::{BINS, INPUT_SIDE, image_tensor, resize_bicubic};
use crate::synth::Dice;
use crate::units::RgbPicture;

/// Longest side after the resize, in pixels. The official code has no limit; a picture of
/// 3 x 2000 pixels would become 122 megapixels.
const LONGEST: u64 = 16_384;

/// How one item is varied in one epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Variation {
    /// Of the crop, in the places there are, as a share of 2^32: top, left.
    crop: (u32, u32),
    /// Whether the picture is mirrored.
    flip: bool,
    /// Bars of the spectrogram: first row and rows, first column and columns, as drawn.
    bars: [(u32, u32); 2],
    /// Of the colours; `None` where they stay.
    colors: Option<Colors>,
}

/// How the colours of a picture are moved: `out = matrix * in + shift`, values 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Colors {
    matrix: [[f32; 3]; 3],
    shift: f32,
}

/// Weights of red, green and blue in a grey.
const GREY: [f32; 3] = [0.299, 0.587, 0.114];

impl Colors {
    /// `strength` 1 turns hues by up to a third of the circle, lets saturation go from 0 to
    /// double, contrast and brightness from a half to one and a half.
    fn new(dice: &mut Dice, strength: f64) -> Self {
        let around =
            |dice: &mut Dice, reach: f64| (1.0 + strength * dice.range(-reach, reach)) as f32;
        let saturation = around(dice, 1.0).max(0.0);
        let contrast = around(dice, 0.5);
        let brightness = around(dice, 0.5);
        let angle = strength * dice.range(-1.0, 1.0) * std::f64::consts::TAU / 3.0;
        // A turn about the grey axis.
        let (sin, cos) = (angle.sin() as f32, angle.cos() as f32);
        let (third, root) = ((1.0 - cos) / 3.0, (1.0f32 / 3.0).sqrt() * sin);
        let turn = [
            [cos + third, third - root, third + root],
            [third + root, cos + third, third - root],
            [third - root, third + root, cos + third],
        ];
        let gain = contrast * brightness;
        let row = |r: usize| {
            std::array::from_fn(|c| {
                let grey = (0..3).map(|k| GREY[k] * turn[k][c]).sum::<f32>();
                gain * (saturation * turn[r][c] + (1.0 - saturation) * grey)
            })
        };
        Self { matrix: [row(0), row(1), row(2)], shift: 127.5 * brightness * (1.0 - contrast) }
    }

    fn apply(&self, pixel: &[u8]) -> [u8; 3] {
        let at = |i: usize| pixel.get(i).copied().map_or(0.0, f32::from);
        let (r, g, b) = (at(0), at(1), at(2));
        self.matrix
            .map(|m| (m[0] * r + m[1] * g + m[2] * b + self.shift).round().clamp(0.0, 255.0) as u8)
    }
}

/// Varies pictures and sounds.
#[derive(Clone, Debug)]
pub struct Augment {
    section: AugmentSection,
    seed: u64,
}

impl Augment {
    /// By a configuration's `[augment]` and seed.
    pub fn new(section: AugmentSection, seed: u64) -> Self {
        Self { section, seed }
    }

    /// What happens to an item in an epoch. `frames` is the width of its spectrogram.
    pub fn variation(&self, epoch: u64, item: u64, frames: usize) -> Variation {
        let mut dice = Dice::new(self.seed, item).part("augment").part(&epoch.to_string());
        let mut picture = dice.part("picture");
        let mut sound = dice.part("sound");
        // Top before left, as in torchvision.
        let crop = ((picture.bits() >> 32) as u32, (picture.bits() >> 32) as u32);
        let flip = picture.unit() < self.section.flip;
        let frames = u32::try_from(frames.max(1)).unwrap_or(u32::MAX);
        let bins = BINS as u32;
        let (row_range, column_range) = match self.section.masks {
            // The official ranges are those of the other axis.
            MaskRule::Official => (frames, bins),
            MaskRule::Off | MaskRule::Quiet => (bins, frames),
        };
        let mut bar = |range: u32| {
            let first = sound.int(0, range - 1);
            (first, sound.int(0, self.section.mask_width.max(1) - 1))
        };
        let colors = (self.section.color > 0.0)
            .then(|| Colors::new(&mut dice.part("colors"), self.section.color));
        Variation { crop, flip, bars: [bar(row_range), bar(column_range)], colors }
    }

    /// The network's picture input, `[3, 224, 224]`: Pillow's resize of the shorter side, the
    /// crop, the mirror, then the normalisation of every other input.
    pub fn picture(&self, src: &RgbPicture, variation: &Variation) -> Vec<f32> {
        image_tensor(&self.varied_picture(src, variation))
    }

    /// [`Self::picture`] before the normalisation: 224 x 224 pixels, for showing what is seen.
    pub fn varied_picture(&self, src: &RgbPicture, variation: &Variation) -> RgbPicture {
        self.varied_picture_of(src, variation, INPUT_SIDE)
    }

    /// The same with another side than 224 pixels, all lengths in proportion.
    pub fn varied_picture_of(
        &self,
        src: &RgbPicture,
        variation: &Variation,
        side: u32,
    ) -> RgbPicture {
        let resized = match self.resized_size(src, side) {
            Some((w, h)) => resize_bicubic(src, w, h),
            // Without a crop the picture is squeezed, as when showing.
            None => resize_bicubic(src, side, side),
        };
        let place = |share: u32, length: u32| {
            // Of 0 ..= length - side, each equally likely.
            ((u64::from(share) * u64::from(length - side + 1)) >> 32) as usize
        };
        let top = place(variation.crop.0, resized.height());
        let left = place(variation.crop.1, resized.width());
        let cut = cut(&resized, top, left, side, variation.flip);
        match &variation.colors {
            None => cut,
            Some(colors) => {
                let data = cut.data().chunks_exact(3).flat_map(|p| colors.apply(p)).collect();
                RgbPicture::new(side, side, data).unwrap_or(cut)
            }
        }
    }

    /// Size after the resize of the shorter side; `None` where there is no crop: not wanted, or
    /// a strip so long that it is squeezed instead.
    fn resized_size(&self, src: &RgbPicture, side: u32) -> Option<(u32, u32)> {
        let short = u64::from(self.section.shorter_side.max(INPUT_SIDE));
        let short = short * u64::from(side) / u64::from(INPUT_SIDE);
        let (w, h) = (u64::from(src.width()), u64::from(src.height()));
        let long = short * w.max(h) / w.min(h);
        if !self.section.crop || long > LONGEST {
            return None;
        }
        let (short, long) = (short as u32, long as u32);
        Some(if w <= h { (short, long) } else { (long, short) })
    }

    /// Covers the bars in a spectrogram as the network gets it, `[257, frames]` row-major
    /// (scaled by 1/12, which moves neither 0 nor the minimum's place).
    pub fn mask(&self, spectrogram: &mut [f32], variation: &Variation) {
        let fill = match self.section.masks {
            MaskRule::Off => return,
            MaskRule::Official => 0.0,
            MaskRule::Quiet => {
                let finite = spectrogram.iter().copied().filter(|v| v.is_finite());
                finite.reduce(f32::min).unwrap_or(0.0)
            }
        };
        let frames = spectrogram.len() / BINS;
        if frames == 0 {
            return;
        }
        let [(row, rows), (column, columns)] =
            variation.bars.map(|(a, n)| (a as usize, n as usize));
        for (y, line) in spectrogram.chunks_exact_mut(frames).enumerate() {
            if (row..row + rows).contains(&y) {
                line.fill(fill);
            }
            let end = (column + columns).min(frames);
            if let Some(bar) = line.get_mut(column..end) {
                bar.fill(fill);
            }
        }
    }
}

/// `length` x `length` pixels from (top, left) on, mirrored where asked. The picture is at least as large.
fn cut(src: &RgbPicture, top: usize, left: usize, length: u32, flip: bool) -> RgbPicture {
    let side = length as usize;
    let stride = 3 * src.width() as usize;
    let mut data = Vec::with_capacity(3 * side * side);
    for row in src.data().chunks_exact(stride).skip(top).take(side) {
        let row = &row[3 * left..3 * (left + side)];
        if flip {
            row.chunks_exact(3).rev().for_each(|pixel| data.extend_from_slice(pixel));
        } else {
            data.extend_from_slice(row);
        }
    }
    // Never the case: the rows above are as many as they are long.
    RgbPicture::new(length, length, data).unwrap_or_else(|| src.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::TrainConfig;

    fn augment(change: impl Fn(&mut AugmentSection)) -> Augment {
        let mut section = TrainConfig::default().augment;
        change(&mut section);
        Augment::new(section, 7)
    }

    /// Each pixel tells its place: red = column, green = row.
    fn ramp(w: u32, h: u32) -> RgbPicture {
        let pixel = |i: u32| [(i % w % 256) as u8, (i / w % 256) as u8, 0];
        RgbPicture::new(w, h, (0..w * h).flat_map(pixel).collect()).unwrap()
    }

    #[test]
    fn the_shorter_side_becomes_246_as_in_torchvision() {
        let a = augment(|_| ());
        let size = |w, h| a.resized_size(&ramp(w, h), 224);
        assert_eq!(size(640, 360), Some((437, 246)));
        assert_eq!(size(360, 640), Some((246, 437)));
        assert_eq!(size(246, 246), Some((246, 246)));
        assert_eq!(size(100, 101), Some((246, 248)));
        assert_eq!(a.resized_size(&ramp(112, 112), 112), Some((123, 123)));
        assert_eq!(size(3, 2000), None, "squeezed rather than 40 megapixels");
        assert_eq!(augment(|s| s.crop = false).resized_size(&ramp(64, 36), 224), None);
    }

    #[test]
    fn crops_reach_every_place_and_stay_inside() {
        let a = augment(|s| s.flip = 0.0);
        let src = ramp(246, 250);
        let (mut tops, mut lefts) = ([false; 27], [false; 23]);
        for item in 0..400 {
            let p = a.varied_picture(&src, &a.variation(0, item, 200));
            assert_eq!((p.width(), p.height()), (224, 224));
            // 246 is the shorter side: nothing is resized, so pixels tell their places.
            let (left, top) = (usize::from(p.data()[0]), usize::from(p.data()[1]));
            (tops[top], lefts[left]) = (true, true);
            let last = p.data().len() - 3;
            assert_eq!(usize::from(p.data()[last]), left + 223);
            assert_eq!(usize::from(p.data()[last + 1]), top + 223);
        }
        assert!(tops.iter().chain(&lefts).all(|seen| *seen), "{tops:?} {lefts:?}");
    }

    #[test]
    fn half_of_the_pictures_are_mirrored() {
        let a = augment(|s| s.crop = false);
        let src = ramp(224, 224);
        let mirrored = |item: &u64| {
            let p = a.varied_picture(&src, &a.variation(3, *item, 200));
            assert!(p.data()[0] == 223 || p == src);
            p.data()[0] == 223
        };
        let n = (0..1000).filter(mirrored).count();
        assert!((440..560).contains(&n), "{n}");
        let never = augment(|s| s.flip = 0.0);
        assert!((0..50).all(|i| !never.variation(0, i, 200).flip));
    }

    #[test]
    fn colours_move_when_asked_and_greys_stay_grey() {
        let a = augment(|s| (s.crop, s.flip, s.color) = (false, 0.0, 1.0));
        let still = augment(|s| (s.crop, s.flip) = (false, 0.0));
        let src = ramp(224, 224);
        assert_eq!(still.varied_picture(&src, &still.variation(0, 1, 200)), src);
        let grey = RgbPicture::new(224, 224, vec![90; 3 * 224 * 224]).unwrap();
        let (mut moved, mut darkest, mut brightest) = (0, 255, 0);
        for item in 0..40 {
            let v = a.variation(0, item, 200);
            moved += usize::from(a.varied_picture(&src, &v) != src);
            let out = a.varied_picture(&grey, &v);
            let p = &out.data()[..3];
            assert!(p.iter().all(|c| c.abs_diff(p[0]) <= 1), "{p:?}");
            (darkest, brightest) = (darkest.min(p[0]), brightest.max(p[0]));
        }
        assert_eq!(moved, 40);
        assert!(darkest < 70 && brightest > 110, "{darkest} {brightest}");
    }

    #[test]
    fn a_variation_is_of_its_seed_epoch_and_item_alone() {
        let a = augment(|_| ());
        assert_eq!(a.variation(1, 2, 200), a.clone().variation(1, 2, 200));
        assert_ne!(a.variation(1, 2, 200), a.variation(2, 2, 200));
        assert_ne!(a.variation(1, 2, 200), a.variation(1, 3, 200));
        let other = Augment::new(TrainConfig::default().augment, 8);
        assert_ne!(a.variation(1, 2, 200), other.variation(1, 2, 200));
    }

    /// Rows and columns that hold the fill value throughout.
    fn bars(spectrogram: &[f32], frames: usize, fill: f32) -> (Vec<usize>, Vec<usize>) {
        let at = |y: usize, x: usize| spectrogram[y * frames + x] == fill;
        let rows = (0..BINS).filter(|y| (0..frames).all(|x| at(*y, x)));
        let columns = (0..frames).filter(|x| (0..BINS).all(|y| at(y, *x)));
        (rows.collect(), columns.collect())
    }

    #[test]
    fn quiet_bars_lie_on_both_whole_axes_and_have_the_quietest_value() {
        let a = augment(|_| ());
        let (mut widest, mut lowest_row, mut last_column) = (0, 0, 0);
        for item in 0..300 {
            let clean: Vec<f32> = (0..BINS * 200).map(|i| -0.5 - (i % 97) as f32 * 1e-3).collect();
            let fill = clean.iter().copied().fold(f32::MAX, f32::min);
            let mut s = clean.clone();
            a.mask(&mut s, &a.variation(0, item, 200));
            let (rows, columns) = bars(&s, 200, fill);
            assert!(rows.len() < 10 && columns.len() < 10);
            widest = widest.max(rows.len());
            lowest_row = lowest_row.max(rows.last().copied().unwrap_or(0));
            last_column = last_column.max(columns.last().copied().unwrap_or(0));
            let covered = rows.len() * 200 + columns.len() * (BINS - rows.len());
            let changed = s.iter().zip(&clean).filter(|(a, b)| a != b).count();
            assert!(changed <= covered, "nothing else is touched");
        }
        assert_eq!(widest, 9);
        assert!(lowest_row > 240 && last_column > 190, "{lowest_row} {last_column}");
    }

    #[test]
    fn official_bars_are_loud_and_their_ranges_are_swapped() {
        let a = augment(|s| s.masks = MaskRule::Official);
        let (mut last_row, mut without_columns) = (0, 0);
        for item in 0..500 {
            let mut s = vec![-0.7; BINS * 200];
            a.mask(&mut s, &a.variation(0, item, 200));
            let (rows, columns) = bars(&s, 200, 0.0);
            last_row = last_row.max(rows.last().copied().unwrap_or(0));
            without_columns += usize::from(columns.is_empty());
        }
        assert!(last_row <= 208, "rows from 209 on are never covered: {last_row}");
        // A tenth has no width; 57 of 257 starts lie behind the last column: 30 % in all.
        assert!((115..190).contains(&without_columns), "{without_columns}");
    }

    #[test]
    fn odd_spectrograms_are_masked_without_harm() {
        for rule in [MaskRule::Off, MaskRule::Quiet, MaskRule::Official] {
            let a = augment(|s| s.masks = rule);
            for len in [0, 1, BINS - 1, BINS, 2 * BINS + 5, 603 * BINS] {
                let mut s = vec![f32::NAN; len];
                a.mask(&mut s, &a.variation(0, 0, len / BINS));
            }
        }
        let a = augment(|s| s.masks = MaskRule::Off);
        let mut s = vec![0.25; BINS * 200];
        a.mask(&mut s, &a.variation(0, 0, 200));
        assert!(s.iter().all(|v| *v == 0.25));
    }

    #[test]
    fn pictures_of_any_size_become_the_networks_input() {
        let a = augment(|_| ());
        for (w, h) in [(1, 1), (1, 300), (2000, 3), (225, 224), (1920, 1080)] {
            let t = a.picture(&ramp(w, h), &a.variation(0, 1, 200));
            assert_eq!(t.len(), 3 * 224 * 224);
            assert!(t.iter().all(|v| v.is_finite()));
        }
    }
}
