//! Shifted copies of the picture, for maps finer than 7x7.

use super::image_tensor;
use crate::units::{FineMap, GRID, LocalizationMap, RgbPicture};

/// Distance of neighbouring cells in input pixels.
const STRIDE_PX: i64 = 32;

/// How far copy `k` of `factor` looks to the right (or down), in input pixels: -8, 8 for two
/// copies, -12, -4, 4, 12 for four.
fn shift_px(k: usize, factor: u8) -> i64 {
    let n = i64::from(factor);
    (2 * k as i64 - (n - 1)) * STRIDE_PX / (2 * n)
}

/// The network's inputs for a fine map: `factor * factor` tensors `[3, h, w]`, row-major over
/// (ky, kx).
///
/// Copy (ky, kx) shows the picture moved so that each cell looks `(k - (factor - 1) / 2) *
/// 32 / factor` pixels further to the right and down, edges replicated; those are the places
/// that [`crate::units::CellGeometry::fine_cell_px`] gives its cells. A factor of 1 (or 0) is
/// the plain input; only 1, 2 and 4 shift by whole pixels, others are rounded toward zero.
pub fn shifted_inputs(resized_224: &RgbPicture, factor: u8) -> Vec<Vec<f32>> {
    let n = usize::from(factor.max(1));
    let copies = (0..n).flat_map(|ky| (0..n).map(move |kx| (ky, kx)));
    copies
        .map(|(ky, kx)| {
            let f = factor.max(1);
            image_tensor(&shifted(resized_224, shift_px(kx, f), shift_px(ky, f)))
        })
        .collect()
}

/// Pixel (x, y) of the result is pixel (x + dx, y + dy) of `src`, clamped to its edges.
fn shifted(src: &RgbPicture, dx: i64, dy: i64) -> RgbPicture {
    let (w, h) = (i64::from(src.width()), i64::from(src.height()));
    let mut out = src.clone();
    let rows = out.data_mut().chunks_exact_mut(3 * w as usize);
    for (y, row) in rows.enumerate() {
        let from_y = (y as i64 + dy).clamp(0, h - 1) as usize;
        let from = &src.data()[3 * w as usize * from_y..][..3 * w as usize];
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let from_x = (x as i64 + dx).clamp(0, w - 1) as usize;
            pixel.copy_from_slice(&from[3 * from_x..][..3]);
        }
    }
    out
}

/// Puts the maps of the copies of [`shifted_inputs`] (same order) to their places.
///
/// `None` unless `factor` is 2 or 4 and there are `factor * factor` maps.
pub fn stitch_fine(maps: &[LocalizationMap], factor: u8) -> Option<FineMap> {
    let n = usize::from(factor);
    if maps.len() != n * n {
        return None;
    }
    let side = GRID * n;
    let cells = (0..side * side).map(|i| {
        let (y, x) = (i / side, i % side);
        maps[(y % n) * n + x % n].0[(y / n) * GRID + x / n]
    });
    FineMap::new(factor, cells.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::CellGeometry;

    #[test]
    fn copies_look_where_the_cell_geometry_says() {
        let g = CellGeometry::Receptive { offset_px: 0.0 };
        for factor in [1, 2, 4] {
            for k in 0..usize::from(factor) {
                assert_eq!(shift_px(k, factor) as f32, g.fine_cell_px(k, factor), "{k}/{factor}");
            }
        }
    }

    #[test]
    fn a_shift_moves_pixels_and_replicates_the_edge() {
        let data = (0..16u8).flat_map(|i| [i, i, i]).collect();
        let p = RgbPicture::new(4, 4, data).unwrap();
        let q = shifted(&p, 1, -1);
        let grey: Vec<u8> = q.data().iter().step_by(3).copied().collect();
        assert_eq!(grey, [1, 2, 3, 3, 1, 2, 3, 3, 5, 6, 7, 7, 9, 10, 11, 11]);
        assert_eq!(shifted(&p, 1000, -1000).data()[..3], [3, 3, 3]);
    }

    #[test]
    fn copies_come_row_by_row() {
        let mut data = vec![0u8; 3 * 224 * 224];
        // One bright pixel at (x 100, y 50).
        data[3 * (224 * 50 + 100)] = 255;
        let p = RgbPicture::new(224, 224, data).unwrap();
        let bright = |t: &[f32]| {
            let (i, _) =
                t[..224 * 224].iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
            (i % 224, i / 224)
        };
        let copies = shifted_inputs(&p, 2);
        let at: Vec<_> = copies.iter().map(|t| bright(t)).collect();
        assert_eq!(at, [(108, 58), (92, 58), (108, 42), (92, 42)]);
        assert_eq!(shifted_inputs(&p, 1), [image_tensor(&p)]);
        assert_eq!(shifted_inputs(&p, 4).len(), 16);
    }

    #[test]
    fn stitched_cells_lie_at_their_true_places() {
        for factor in [2u8, 4] {
            let n = usize::from(factor);
            let g = CellGeometry::Receptive { offset_px: 0.0 };
            // Each map's cell says where it looked: pixel of its column plus 1000 times its row.
            let place = |i: usize, k: usize| (32 * i as i64 + shift_px(k, factor)) as f32;
            let maps: Vec<_> = (0..n * n)
                .map(|m| {
                    LocalizationMap(std::array::from_fn(|i| {
                        place(i % GRID, m % n) + 1000.0 * place(i / GRID, m / n)
                    }))
                })
                .collect();
            let fine = stitch_fine(&maps, factor).unwrap();
            let grid = fine.grid();
            for (i, v) in grid.cells.iter().enumerate() {
                let want = g.fine_cell_px(i % grid.side, factor)
                    + 1000.0 * g.fine_cell_px(i / grid.side, factor);
                assert_eq!(*v, want, "cell {i} of {factor}");
            }
        }
    }

    #[test]
    fn a_wrong_number_of_maps_gives_no_fine_map() {
        let m = LocalizationMap([0.0; 49]);
        assert!(stitch_fine(&[m; 3], 2).is_none());
        assert!(stitch_fine(&[m], 1).is_none());
        assert!(stitch_fine(&[m; 9], 3).is_none());
        assert!(stitch_fine(&[], 0).is_none());
    }
}
