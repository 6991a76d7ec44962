//! Which clips of a batch sound nearly the same.

use crate::features::BINS;
use crate::train::Batch;

/// Sides of the small copy that is compared: bands of frequency, stretches of time.
const SMALL: (usize, usize) = (16, 8);
/// Copies agree in a cell when they differ by less than this: a third of a decibel.
const CLOSE: f32 = 0.006;
/// Share of the cells that must agree. The rest may be covered by masks.
const AGREE: f64 = 0.85;

/// Share of the batch's pairs, 0 to 1, whose sound is nearly that of another pair. Looks at the
/// inputs, so that a network that takes all sounds for one does not count; masked bars may differ.
pub fn near_duplicates(batch: &Batch) -> f64 {
    let each = BINS * batch.frames;
    if batch.size == 0 || each == 0 {
        return 0.0;
    }
    let copies: Vec<Vec<f32>> = batch
        .sounds
        .chunks_exact(each)
        .take(batch.size)
        .map(|sound| small(sound, batch.frames))
        .collect();
    let alike = |a: &Vec<f32>, b: &Vec<f32>| {
        let same = a.iter().zip(b).filter(|(x, y)| (*x - *y).abs() < CLOSE).count();
        same as f64 >= AGREE * a.len() as f64
    };
    let has_twin =
        |(i, a): (usize, &Vec<f32>)| copies.iter().enumerate().any(|(j, b)| i != j && alike(a, b));
    copies.iter().enumerate().filter(|c| has_twin(*c)).count() as f64 / batch.size as f64
}

/// Means over bands and stretches.
fn small(sound: &[f32], frames: usize) -> Vec<f32> {
    let (bands, stretches) = (SMALL.0.min(BINS), SMALL.1.min(frames));
    let mut out = Vec::with_capacity(bands * stretches);
    for band in 0..bands {
        let rows = band * BINS / bands..(band + 1) * BINS / bands;
        for stretch in 0..stretches {
            let columns = stretch * frames / stretches..(stretch + 1) * frames / stretches;
            let (mut sum, mut n) = (0.0, 0u32);
            for row in rows.clone() {
                for v in sound
                    .get(row * frames..)
                    .unwrap_or_default()
                    .get(columns.clone())
                    .unwrap_or_default()
                {
                    sum += v;
                    n += 1;
                }
            }
            out.push(sum / n.max(1) as f32);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(seeds: &[u64]) -> Batch {
        let frames = 40;
        let sound = |seed: u64| {
            // Bands and stretches of levels of their own, with a little noise.
            (0..BINS * frames).map(move |i| {
                let (row, column) = ((i / frames / 16) as u64, (i % frames / 5) as u64);
                let level = (seed * 7919 + row * 31 + column * 17) % 101;
                -1.3 + level as f32 / 120.0 + 1e-3 * ((i as u64 * 37 + seed) % 5) as f32
            })
        };
        Batch {
            pictures: Vec::new(),
            sounds: seeds.iter().flat_map(|s| sound(*s)).collect(),
            size: seeds.len(),
            no_source: 0,
            frames,
        }
    }

    #[test]
    fn twins_are_found_and_strangers_are_not() {
        assert_eq!(near_duplicates(&batch(&[1, 2, 3, 4])), 0.0);
        assert_eq!(near_duplicates(&batch(&[1, 2, 1, 4])), 0.5);
        assert_eq!(near_duplicates(&batch(&[5; 4])), 1.0);
        assert_eq!(near_duplicates(&Batch::default()), 0.0);
    }

    #[test]
    fn a_masked_bar_does_not_hide_a_twin() {
        let mut b = batch(&[1, 2, 1]);
        for row in 30..40 {
            b.sounds[row * 40..(row + 1) * 40].fill(-1.3);
        }
        assert!((near_duplicates(&b) - 2.0 / 3.0).abs() < 1e-9);
    }
}
