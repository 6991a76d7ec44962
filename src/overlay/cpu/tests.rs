use super::*;
use crate::overlay::{Colormap, Field, Layer, Magnify, ScaleMode, Split};
use crate::units::CellGeometry;

fn picture(w: u32, h: u32) -> RgbPicture {
    let data = (0..w * h)
        .flat_map(|i| {
            let (x, y) = (i % w, i / w);
            [(x * 7 % 256) as u8, (y * 11 % 256) as u8, ((x * y) % 256) as u8]
        })
        .collect();
    RgbPicture::new(w, h, data).unwrap()
}

fn one_hot(cell: usize) -> Option<Field> {
    Field::new(1, (0..49).map(|i| if i == cell { 1.0 } else { 0.0 }).collect())
}

#[test]
fn without_a_map_the_picture_comes_out_untouched_at_its_own_size() {
    let p = picture(61, 37);
    let out = render(&p, &OverlayParams::default(), &View::fit([61.0, 37.0], 61.0 / 37.0));
    let rgb: Vec<u8> = out.data.chunks_exact(4).flat_map(|c| [c[0], c[1], c[2]]).collect();
    assert_eq!(rgb, p.data());
    assert!(out.data.chunks_exact(4).all(|c| c[3] == 255));
}

#[test]
fn a_zero_map_leaves_the_picture_clean() {
    let p = picture(64, 48);
    for scale in [ScaleMode::Absolute, ScaleMode::Calibrated { lo: -0.2, hi: 0.4 }] {
        let map = Field::new(1, vec![0.0; 49]);
        let params = OverlayParams { map, scale, opacity: 1.0, ..Default::default() };
        let view = View::fit([64.0, 48.0], 64.0 / 48.0);
        let clean = render(&p, &OverlayParams::default(), &view);
        assert_eq!(render(&p, &params, &view), clean);
    }
}

#[test]
fn a_cell_glows_where_its_geometry_puts_it() {
    let black = RgbPicture::new(224, 224, vec![0; 3 * 224 * 224]).unwrap();
    let view = View::fit([224.0, 224.0], 1.0);
    // Column 5, row 2.
    for (geometry, x) in [
        (CellGeometry::Aligned, 186),
        (CellGeometry::Tiles, 175),
        (CellGeometry::Receptive { offset_px: 0.0 }, 160),
    ] {
        let params = OverlayParams {
            map: one_hot(2 * 7 + 5),
            geometry,
            interpolation: Interpolation::Bilinear,
            scale: ScaleMode::Calibrated { lo: 0.0, hi: 1.0 },
            opacity: 1.0,
            colormap: Colormap::Inferno,
            ..Default::default()
        };
        let out = render(&black, &params, &view);
        let y = geometry.fine_cell_px(2, 1).round() as u32;
        let sum = |x: u32, y: u32| out.pixel(x, y)[..3].iter().map(|v| u32::from(*v)).sum::<u32>();
        let best = (0..224u32 * 224).max_by_key(|i| sum(i % 224, i / 224)).unwrap();
        let at = (best % 224, best / 224);
        assert!(at.0.abs_diff(x) <= 1 && at.1.abs_diff(y) <= 1, "{geometry}: {at:?}");
    }
}

#[test]
fn a_picture_made_smaller_is_averaged_and_made_larger_keeps_its_pixels() {
    let checker =
        RgbPicture::new(4, 4, (0..48).map(|i| ((i / 3 + i / 12) % 2 * 255) as u8).collect());
    let checker = checker.unwrap();
    let small = render(&checker, &OverlayParams::default(), &View::fit([2.0, 2.0], 1.0));
    assert!(small.data.chunks_exact(4).all(|c| c[0].abs_diff(128) <= 1), "{:?}", small.data);
    let sharp = OverlayParams { magnify: Magnify::Sharp, ..Default::default() };
    let large = render(&checker, &sharp, &View::fit([40.0, 40.0], 1.0));
    for y in 0..4 {
        for x in 0..4 {
            let want = ((x + y) % 2 * 255) as u8;
            for (dx, dy) in [(0, 0), (5, 5), (9, 9)] {
                assert_eq!(large.pixel(10 * x + dx, 10 * y + dy)[0], want);
            }
        }
    }
}

#[test]
fn the_threshold_keeps_what_is_above_it() {
    let black = RgbPicture::new(70, 70, vec![0; 3 * 4900]).unwrap();
    let view = View::fit([70.0, 70.0], 1.0);
    let params = OverlayParams {
        map: one_hot(24),
        geometry: CellGeometry::Tiles,
        interpolation: Interpolation::Cells,
        threshold: Some(0.5),
        alpha_by_value: false,
        opacity: 1.0,
        ..Default::default()
    };
    let out = render(&black, &params, &view);
    assert_eq!(out.pixel(5, 5), [0, 0, 0, 255]);
    assert_ne!(out.pixel(35, 35), [0, 0, 0, 255]);
    // The line stands on the cell's border: something bright within two pixels of x = 30.
    assert!((28..32).any(|x| out.pixel(x, 35)[..3].iter().all(|v| *v > 60)));
}

#[test]
fn three_masks_have_three_looks() {
    let p = picture(140, 140);
    let view = View::fit([140.0, 140.0], 1.0);
    let map = Field::new(1, (0..49).map(|i| ((i * 17) % 49) as f32 / 49.0).collect());
    let base = OverlayParams { map, opacity: 0.5, ..Default::default() };
    let mut looks = vec![
        render(&p, &base, &view),
        render(&p, &OverlayParams { threshold: Some(0.4), ..base.clone() }, &view),
        render(&p, &OverlayParams { half_map_mask: true, ..base.clone() }, &view),
        render(&p, &OverlayParams { contours: 5, ..base.clone() }, &view),
        render(&p, &OverlayParams { show_cells: true, ..base.clone() }, &view),
        render(&p, &OverlayParams { test_border: true, ..base.clone() }, &view),
        render(&p, &OverlayParams { outline_only: true, contours: 5, ..base.clone() }, &view),
        render(&p, &OverlayParams { dim: 1.0, ..base }, &view),
    ];
    let n = looks.len();
    looks.dedup();
    assert_eq!(looks.len(), n);
}

#[test]
fn where_nothing_sounds_the_picture_is_left_clean() {
    let p = picture(140, 140);
    let view = View::fit([140.0, 140.0], 1.0);
    let map = Field::new(1, (0..49).map(|i| ((i * 17) % 49) as f32 / 49.0).collect());
    let alone = render(&p, &OverlayParams::default(), &view);
    for scale in [ScaleMode::Absolute, ScaleMode::PerFrame] {
        for alpha_by_value in [true, false] {
            let base =
                OverlayParams { map: map.clone(), scale, alpha_by_value, ..Default::default() };
            let quiet = OverlayParams { outline_only: true, ..base.clone() };
            assert_eq!(render(&p, &quiet, &view), alone, "{scale:?} {alpha_by_value}");
            assert_ne!(render(&p, &base, &view), alone, "and the map would be seen");
        }
    }
    // The prior hears nothing, so silence says nothing about it.
    let prior = OverlayParams {
        prior: map,
        layer: Layer::ObjectPrior,
        outline_only: true,
        ..Default::default()
    };
    assert_ne!(render(&p, &prior, &view), alone);
}

#[test]
fn split_views_show_each_layer_on_its_side() {
    let p = picture(160, 90);
    let aspect = 16.0 / 9.0;
    let params = OverlayParams {
        map: Field::new(1, vec![0.9; 49]),
        prior: one_hot(0),
        alpha_by_value: false,
        opacity: 1.0,
        split: Split::Wipe { at: 0.5, left: Layer::None, right: Layer::SoundMap },
        ..Default::default()
    };
    let view = View::fit([160.0, 90.0], aspect);
    let plain = render(&p, &OverlayParams::default(), &view);
    let wiped = render(&p, &params, &view);
    assert_eq!(wiped.pixel(79, 40), plain.pixel(79, 40));
    assert_ne!(wiped.pixel(81, 40), plain.pixel(81, 40));
    let flat = wiped.pixel(100, 40);
    assert_eq!(wiped.pixel(150, 80), flat);

    let three = OverlayParams { split: Split::SideBySide, ..params };
    let out = render(&p, &three, &View::fit([480.0, 90.0], aspect));
    assert_eq!(out.pixel(79, 40), plain.pixel(79, 40));
    assert_eq!(out.pixel(240, 45), flat);
    assert_ne!(out.pixel(330, 3), out.pixel(470, 80));
}

#[test]
fn beside_the_picture_there_is_background() {
    let p = picture(10, 10);
    let params = OverlayParams { background: [1, 2, 3], ..Default::default() };
    let out = render(&p, &params, &View::fit([40.0, 10.0], 1.0));
    assert_eq!(out.pixel(2, 5), [1, 2, 3, 255]);
    assert_eq!(out.pixel(38, 5), [1, 2, 3, 255]);
    assert_ne!(out.pixel(20, 5), [1, 2, 3, 255]);
}

#[test]
fn nonsense_maps_and_parameters_still_give_a_picture() {
    let p = picture(16, 9);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1e30] {
        for interpolation in Interpolation::ALL {
            let params = OverlayParams {
                map: Field::new(1, vec![bad; 49]),
                prior: Field::new(4, vec![bad; 784]),
                opacity: bad,
                gamma: bad,
                threshold: Some(bad),
                dim: bad,
                contours: 255,
                half_map_mask: true,
                show_cells: true,
                interpolation: *interpolation,
                scale: ScaleMode::Calibrated { lo: bad, hi: bad },
                ..Default::default()
            };
            let view = View { pixels_per_point: bad, zoom: 8.0, ..View::fit([33.0, 21.0], 1.7) };
            assert_eq!(render(&p, &params, &view).data.len(), 4 * 33 * 21);
        }
    }
}
