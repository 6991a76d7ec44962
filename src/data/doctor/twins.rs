//! Items that are there twice.

use std::collections::{HashMap, HashSet};

use super::look::{Hash, Look};
use super::{Finding, Trouble};
use crate::data::dataset::Item;
use crate::features::resize_bicubic;
use crate::units::RgbPicture;

/// Columns and rows whose differences make the perceptual hash.
const COLUMNS: usize = 17;
const ROWS: usize = 16;
/// Levels that a pixel must be brighter than its left neighbour by; flat grounds give zeros.
const STEP: u8 = 3;
/// Parts of the hash: two hashes that differ in fewer bits share one of them.
const BANDS: usize = 16;
/// Bits of 256 in which nearly equal pictures may differ.
const MAX_BITS: u32 = 12;
/// Side of the coloured miniature.
const SIDE: u32 = 8;
/// Mean difference of the miniatures of nearly equal pictures, in levels.
const MAX_LEVELS: u32 = 4;
/// Pictures of one part that are compared with a new one.
const MAX_COMPARED: usize = 64;

/// A picture made small: what nearly equal ones share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Small {
    bits: [u16; BANDS],
    mini: Vec<u8>,
}

impl Small {
    /// Shrinks a picture.
    pub fn of(picture: &RgbPicture) -> Self {
        let grid = resize_bicubic(picture, COLUMNS as u32, ROWS as u32);
        let luma: Vec<u8> = grid
            .data()
            .chunks_exact(3)
            .map(|p| {
                ((77 * u32::from(p[0]) + 150 * u32::from(p[1]) + 29 * u32::from(p[2])) >> 8) as u8
            })
            .collect();
        let mut bits = [0u16; BANDS];
        for (band, row) in bits.iter_mut().zip(luma.chunks_exact(COLUMNS)) {
            for pair in row.windows(2) {
                let rises = pair[1] >= pair[0].saturating_add(STEP);
                *band = (*band << 1) | u16::from(rises);
            }
        }
        Self { bits, mini: resize_bicubic(picture, SIDE, SIDE).into_data() }
    }

    fn is_near(&self, other: &Self) -> bool {
        let bits: u32 = self.bits.iter().zip(other.bits).map(|(a, b)| (a ^ b).count_ones()).sum();
        let levels: u32 =
            self.mini.iter().zip(&other.mini).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
        bits <= MAX_BITS && levels <= MAX_LEVELS * 3 * SIDE * SIDE
    }
}

/// The items that another item before them equals, with its name. Several pictures of one clip
/// have one sound: items of the same sound file are not compared.
pub(super) fn findings(items: &[Item], looks: &[Option<Look>]) -> Vec<Finding> {
    let mut out = Vec::new();
    let mut pictures: HashMap<Hash, usize> = HashMap::new();
    let mut sounds: HashMap<Hash, usize> = HashMap::new();
    let mut near: HashMap<(usize, u16), Vec<usize>> = HashMap::new();
    for (i, (item, look)) in items.iter().zip(looks).enumerate() {
        let Some(look) = look else { continue };
        let other_clip = |j: &usize| items[*j].sound.path != item.sound.path;
        let picture = look.picture.as_ref().ok().filter(|p| !p.one_colour);
        let sound = look.sound.as_ref().ok().filter(|s| !s.silent);
        // One picture with two sounds, as lists of negatives pair them, is no accident.
        let other_file = |j: &usize| items[*j].picture.path() != item.picture.path();
        let same_picture = picture
            .map(|p| *pictures.entry(p.hash).or_insert(i))
            .filter(|j| *j != i && other_clip(j) && other_file(j));
        let same_sound =
            sound.map(|s| *sounds.entry(s.hash).or_insert(i)).filter(|j| *j != i && other_clip(j));
        let name = |j: usize| items[j].id.as_str();
        let detail = match (same_picture, same_sound) {
            (Some(p), Some(s)) if p == s => {
                Some(format!("the same picture and sound as {}", name(p)))
            }
            (Some(p), Some(s)) => {
                Some(format!("the same picture as {} and the same sound as {}", name(p), name(s)))
            }
            (Some(p), None) => Some(format!("the same picture as {}", name(p))),
            (None, Some(s)) => Some(format!("the same sound as {}", name(s))),
            (None, None) => None,
        };
        if let Some(detail) = detail {
            out.push(Finding { kind: Trouble::Duplicate, id: item.id.clone(), detail });
        }
        let Some(picture) = picture.filter(|_| same_picture.is_none()) else { continue };
        let small =
            |j: usize| looks[j].as_ref().and_then(|l| l.picture.as_ref().ok()).map(|p| &p.small);
        let mut asked = HashSet::new();
        let mut found = None;
        for (band, bits) in picture.small.bits.iter().enumerate().filter(|(_, b)| **b != 0) {
            let bucket = near.entry((band, *bits)).or_default();
            for j in bucket.iter().filter(|j| asked.insert(**j)) {
                if other_clip(j)
                    && other_file(j)
                    && small(*j).is_some_and(|s| s.is_near(&picture.small))
                {
                    found = Some(found.map_or(*j, |f: usize| f.min(*j)));
                }
            }
            if bucket.len() < MAX_COMPARED {
                bucket.push(i);
            }
        }
        if let Some(j) = found {
            let detail = format!("nearly the same picture as {}", name(j));
            out.push(Finding { kind: Trouble::NearDuplicate, id: item.id.clone(), detail });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(seed: u32, w: u32, h: u32) -> RgbPicture {
        // Smooth shapes, so that another size shows the same.
        let at = |x: u32, y: u32, c: u32| {
            let (x, y) = (f64::from(x) / f64::from(w), f64::from(y) / f64::from(h));
            let s = f64::from(seed) * 1.7 + f64::from(c);
            let v = (9.0 * x + s).sin() * (7.0 * y + 1.3 * s).cos() + (4.0 * (x - y) + s * s).sin();
            (127.0 + 60.0 * v) as u8
        };
        let pixels = (0..h).flat_map(|y| (0..w).map(move |x| (x, y)));
        let data = pixels.flat_map(|(x, y)| [0, 1, 2].map(|c| at(x, y, c))).collect();
        RgbPicture::new(w, h, data).unwrap()
    }

    #[test]
    fn another_size_or_a_little_noise_is_nearly_the_same_and_another_picture_is_not() {
        let small = Small::of(&picture(1, 224, 168));
        assert!(small.is_near(&Small::of(&picture(1, 160, 120))));
        let mut noisy = picture(1, 224, 168);
        for (i, v) in noisy.data_mut().iter_mut().enumerate() {
            *v = v.saturating_add((i * 7 % 5) as u8);
        }
        assert!(small.is_near(&Small::of(&noisy)));
        for other in 2..40 {
            assert!(!small.is_near(&Small::of(&picture(other, 224, 168))), "{other}");
        }
    }
}
