use super::*;
use crate::units::{ColorSpec, Plane};

/// A picture of noise (or one colour) in any layout.
pub(crate) fn made(
    w: u32,
    h: u32,
    layout: PlaneLayout,
    bits: u8,
    color: ColorSpec,
    value: impl Fn(usize, usize) -> u32,
) -> PlanarPicture {
    let mut p = PlanarPicture {
        width: w,
        height: h,
        layout,
        bits,
        color,
        orientation: Orientation::default(),
        pixel_aspect: 1.0,
        planes: Vec::new(),
    };
    let (cw, ch) = chroma_size(&p);
    let (cw, ch) = (cw as u32, ch as u32);
    let sizes = match layout {
        PlaneLayout::Yuv { alpha, .. } => {
            let mut s = vec![(w, h), (cw, ch), (cw, ch)];
            if alpha {
                s.push((w, h));
            }
            s
        }
        PlaneLayout::SemiPlanar => vec![(w, h), (2 * cw, ch)],
        PlaneLayout::Gray => vec![(w, h)],
        PlaneLayout::Rgba => vec![(4 * w, h)],
    };
    let bytes = if bits > 8 { 2 } else { 1 };
    for (k, (w, h)) in sizes.into_iter().enumerate() {
        // A stride that is not the width, as decoders give.
        let stride = (w as usize * bytes).next_multiple_of(32);
        let mut data = vec![0xa5; stride * h as usize];
        for y in 0..h as usize {
            for x in 0..w as usize {
                let v = value(k, y * w as usize + x) & ((1 << bits) - 1);
                let at = y * stride + x * bytes;
                data[at] = v as u8;
                if bytes == 2 {
                    data[at + 1] = (v >> 8) as u8;
                }
            }
        }
        p.planes.push(Plane { width: w, height: h, stride, data });
    }
    p
}

fn noise(plane: usize, i: usize) -> u32 {
    let mut x = (i as u32)
        .wrapping_mul(747_796_405)
        .wrapping_add((plane as u32 + 1).wrapping_mul(2_891_336_453));
    x = ((x >> ((x >> 28) + 4)) ^ x).wrapping_mul(277_803_737);
    (x >> 22) ^ x
}

const YUV420: PlaneLayout = PlaneLayout::Yuv { shift_x: 1, shift_y: 1, alpha: false };

fn layouts() -> Vec<PlaneLayout> {
    let mut all = vec![PlaneLayout::SemiPlanar, PlaneLayout::Gray, PlaneLayout::Rgba];
    for (shift_x, shift_y) in [(0, 0), (1, 0), (1, 1), (2, 0), (0, 1), (2, 2)] {
        for alpha in [false, true] {
            all.push(PlaneLayout::Yuv { shift_x, shift_y, alpha });
        }
    }
    all
}

fn spec(matrix: ColorMatrix, full_range: bool) -> ColorSpec {
    ColorSpec { matrix, full_range, ..ColorSpec::default() }
}

fn one_pixel(p: &PlanarPicture) -> [u8; 3] {
    let rgb = rgb_from_planes(p);
    let d = rgb.data();
    [d[0], d[1], d[2]]
}

#[test]
fn ebu_bars_have_their_published_colours() {
    // 75 % bars, 8-bit limited range: BT.601 as in EBU tech 3325, BT.709 as in ITU-R BT.471.
    let bars601 = [
        ([180, 128, 128], [191, 191, 191]),
        ([162, 44, 142], [191, 191, 0]),
        ([131, 156, 44], [0, 191, 191]),
        ([112, 72, 58], [0, 191, 0]),
        ([84, 184, 198], [191, 0, 191]),
        ([65, 100, 212], [191, 0, 0]),
        ([35, 212, 114], [0, 0, 191]),
        ([16, 128, 128], [0, 0, 0]),
        ([235, 128, 128], [255, 255, 255]),
    ];
    let bars709 = [
        ([180, 128, 128], [191, 191, 191]),
        ([168, 44, 136], [191, 191, 0]),
        ([145, 147, 44], [0, 191, 191]),
        ([133, 63, 52], [0, 191, 0]),
        ([63, 193, 204], [191, 0, 191]),
        ([51, 109, 212], [191, 0, 0]),
        ([28, 212, 120], [0, 0, 191]),
    ];
    for (matrix, bars) in [(ColorMatrix::Bt601, &bars601[..]), (ColorMatrix::Bt709, &bars709[..])] {
        for (yuv, want) in bars {
            for layout in [YUV420, PlaneLayout::SemiPlanar] {
                let p = made(6, 4, layout, 8, spec(matrix, false), |k, i| match k {
                    0 => yuv[0],
                    1 if layout == PlaneLayout::SemiPlanar => yuv[1 + i % 2],
                    k => yuv[k],
                });
                let got = one_pixel(&p);
                // Samples are whole numbers: a step of one of them moves a colour by up to 2.
                for c in 0..3 {
                    assert!(got[c].abs_diff(want[c]) <= 2, "{matrix:?} {yuv:?} {got:?} {want:?}");
                }
            }
            // The same colour in 10 bits is nearer to it.
            let p = made(6, 4, YUV420, 10, spec(matrix, false), |k, _| yuv[k] * 4);
            let got = one_pixel(&p);
            assert!((0..3).all(|c| got[c].abs_diff(want[c]) <= 2));
        }
    }
}

#[test]
fn the_wrong_matrix_or_range_misses_the_bars() {
    let green = |spec| one_pixel(&made(2, 2, YUV420, 8, spec, |k, _| [112, 72, 58][k]));
    let right = green(spec(ColorMatrix::Bt601, false));
    for wrong in [spec(ColorMatrix::Bt709, false), spec(ColorMatrix::Bt601, true)] {
        let other = green(wrong);
        assert!((0..3).any(|c| other[c].abs_diff(right[c]) > 8), "{other:?} {right:?}");
    }
}

#[test]
fn rows_agree_with_the_plain_formula_in_every_layout() {
    for layout in layouts() {
        for bits in [8, 10, 12, 16] {
            if layout == PlaneLayout::Rgba && bits > 8 {
                continue;
            }
            for matrix in [ColorMatrix::Bt601, ColorMatrix::Bt709, ColorMatrix::Bt2020] {
                for full in [false, true] {
                    for (w, h) in [(1, 1), (2, 2), (7, 5), (33, 9)] {
                        let p = made(w, h, layout, bits, spec(matrix, full), noise);
                        let block = YuvBlock::new(&p, AlphaMode::Ignore);
                        let got = rgb_from_planes(&p);
                        for y in 0..h as usize {
                            for x in 0..w as usize {
                                let want = fast::pixel(&p, &block, x, y);
                                for (c, want) in want.into_iter().enumerate() {
                                    let g = f32::from(got.data()[3 * (y * w as usize + x) + c]);
                                    let e = (g - want * 255.0).abs();
                                    // Half a step of rounding and the integers' own error.
                                    assert!(e < 0.65, "{p:?} {x},{y} {c}: {e}");
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn rgba_comes_out_bit_by_bit() {
    let p = made(9, 5, PlaneLayout::Rgba, 8, ColorSpec::default(), noise);
    let want: Vec<u8> = (0..5)
        .flat_map(|y| row(p.planes.first(), y)[..36].chunks_exact(4).flat_map(|c| c[..3].to_vec()))
        .collect();
    assert_eq!(rgb_from_planes(&p).data(), want);
}

#[test]
fn all_orientations_turn_the_picture_as_described() {
    // Coded 3x2: a b c / d e f.
    let value = |_: usize, i: usize| if i % 4 == 3 { 255 } else { 10 * (i as u32 / 4) + 10 };
    let base = made(3, 2, PlaneLayout::Rgba, 8, ColorSpec::default(), value);
    type Case = (u8, bool, [u8; 6], (u32, u32));
    let cases: [Case; 8] = [
        (0, false, [10, 20, 30, 40, 50, 60], (3, 2)),
        (1, false, [40, 10, 50, 20, 60, 30], (2, 3)),
        (2, false, [60, 50, 40, 30, 20, 10], (3, 2)),
        (3, false, [30, 60, 20, 50, 10, 40], (2, 3)),
        (0, true, [30, 20, 10, 60, 50, 40], (3, 2)),
        (1, true, [60, 30, 50, 20, 40, 10], (2, 3)),
        (2, true, [40, 50, 60, 10, 20, 30], (3, 2)),
        (3, true, [10, 40, 20, 50, 30, 60], (2, 3)),
    ];
    for (quarter_turns, mirrored, want, size) in cases {
        let orientation = Orientation { quarter_turns, mirrored };
        let rgb = rgb_from_planes(&PlanarPicture { orientation, ..base.clone() });
        let got: Vec<u8> = rgb.data().chunks_exact(3).map(|c| c[0]).collect();
        assert_eq!((got.as_slice(), (rgb.width(), rgb.height())), (&want[..], size));
    }
}

#[test]
fn hdr_white_grey_and_highlights_land_where_the_curve_says() {
    let hdr = |transfer, v: u32| {
        let color =
            ColorSpec { matrix: ColorMatrix::Bt2020, full_range: true, transfer, wide_gamut: true };
        let p = made(2, 2, YUV420, 10, color, |k, _| if k == 0 { v } else { 512 });
        one_pixel(&p)
    };
    for transfer in [Transfer::Pq, Transfer::Hlg] {
        // Grey stays grey, brighter stays brighter, black is black, the peak is white.
        let ramp: Vec<u8> = (0..=1023).step_by(33).map(|v| hdr(transfer, v)[1]).collect();
        assert!(ramp.windows(2).all(|w| w[1] >= w[0]), "{ramp:?}");
        let c = hdr(transfer, 500);
        assert!(c[0].abs_diff(c[1]) <= 1 && c[1].abs_diff(c[2]) <= 1, "{c:?}");
        assert_eq!(hdr(transfer, 0), [0, 0, 0]);
        assert_eq!(hdr(transfer, 1023), [255, 255, 255]);
    }
    // Reference white: light 1 becomes 0.5 + 0.5 * (1 + 1/8.852²) / 2 = 0.7532, sRGB 224.
    assert!(hdr(Transfer::Pq, 594)[1].abs_diff(224) <= 2, "{:?}", hdr(Transfer::Pq, 594));
    assert!(hdr(Transfer::Hlg, 767)[1].abs_diff(224) <= 3, "{:?}", hdr(Transfer::Hlg, 767));
}

#[test]
fn transparency_shows_what_was_chosen() {
    let clear =
        made(
            16,
            16,
            PlaneLayout::Rgba,
            8,
            ColorSpec::default(),
            |_, i| {
                if i % 4 == 3 { 0 } else { 200 }
            },
        );
    let at = |mode| rgb_from_planes_with(&clear, mode, false).data()[0];
    assert_eq!((at(AlphaMode::Ignore), at(AlphaMode::Black)), (200, 0));
    let checker = rgb_from_planes_with(&clear, AlphaMode::Checker, false);
    assert_eq!((checker.data()[0], checker.data()[3 * 8]), (153, 102));
}

#[test]
fn all_cores_give_the_same_picture() {
    let p = made(131, 97, YUV420, 8, ColorSpec::default(), noise);
    assert_eq!(rgb_from_planes(&p), rgb_from_planes_with(&p, AlphaMode::Ignore, true));
}

#[test]
fn short_or_missing_planes_give_a_picture_and_no_panic() {
    for layout in layouts() {
        for bits in [8, 10] {
            let whole = made(13, 7, layout, bits, ColorSpec::default(), noise);
            for keep in 0..=whole.planes.len() {
                let mut p = whole.clone();
                p.planes.truncate(keep);
                if let Some(last) = p.planes.last_mut() {
                    last.data.truncate(last.data.len() / 3);
                    last.stride = last.stride.saturating_mul(keep);
                }
                let rgb = rgb_from_planes(&p);
                assert_eq!((rgb.width(), rgb.height()), (13, 7));
            }
        }
    }
    let mut none = made(1, 1, YUV420, 8, ColorSpec::default(), noise);
    (none.width, none.height) = (0, 0);
    assert_eq!(rgb_from_planes(&none).data().len(), 3);
}
