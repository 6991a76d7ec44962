//! Shaders held to their CPU twins on a real device, within 1/255, and twins made wrong on
//! purpose, which must fail.

use std::sync::{LazyLock, Mutex};

use fnac::overlay::gpu::{Conversion, Headless, OverlayRenderer};
use fnac::overlay::{
    AlphaMode, Colormap, Field, Interpolation, Layer, Magnify, OverlayParams, RgbaPicture,
    ScaleMode, Split, View, cpu, yuv,
};
use fnac::units::{
    CellGeometry, ColorMatrix, ColorSpec, LocalizationMap, Orientation, PlanarPicture, Plane,
    PlaneLayout, RgbPicture, Transfer,
};

/// One device for all tests; `None`, with a line that says so, where there is no adapter.
/// `FNAC_REQUIRE_GPU=1` makes that a failure.
fn device() -> Option<&'static Headless> {
    static DEVICE: LazyLock<Option<Headless>> = LazyLock::new(|| match Headless::open() {
        Ok(h) => {
            eprintln!("overlay tests on {} ({})", h.info.name, h.info.backend);
            Some(h)
        }
        Err(e) => {
            let required = std::env::var_os("FNAC_REQUIRE_GPU").is_some_and(|v| v == "1");
            assert!(!required, "{e}");
            eprintln!("skipped: {e}");
            None
        }
    });
    DEVICE.as_ref()
}

/// Software adapters take long for each: one test draws at a time.
static TURN: Mutex<()> = Mutex::new(());

fn noise(i: u32) -> u32 {
    let mut x = i.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
    x = ((x >> ((x >> 28) + 4)) ^ x).wrapping_mul(277_803_737);
    (x >> 22) ^ x
}

/// Smooth shading with noise on it: like a photograph to the arithmetic.
fn picture(w: u32, h: u32) -> RgbPicture {
    let data = (0..w * h)
        .flat_map(|i| {
            let (x, y) = (i % w, i / w);
            let n = noise(i) % 24;
            [(x * 200 / w + n) as u8, (y * 220 / h + n) as u8, ((x + y) * 90 / (w + h) + n) as u8]
        })
        .collect();
    RgbPicture::new(w, h, data).unwrap()
}

/// A map with one clear peak, a second one and negative cells.
fn map(factor: u8) -> Field {
    let side = 7 * usize::from(factor);
    let cells = (0..side * side)
        .map(|i| {
            let x = (i % side) as f32 / side as f32;
            let y = (i / side) as f32 / side as f32;
            let bump =
                |cx: f32, cy: f32, s: f32| (-((x - cx) * (x - cx) + (y - cy) * (y - cy)) / s).exp();
            0.62 * bump(0.31, 0.44, 0.03) + 0.3 * bump(0.83, 0.77, 0.02) - 0.12 + 0.01 * x
        })
        .collect();
    Field::new(factor, cells).unwrap()
}

fn plain() -> LocalizationMap {
    LocalizationMap(map(1).grid().cells.try_into().unwrap())
}

fn prior() -> Field {
    Field::new(1, (0..49).map(|i| (noise(i) % 100) as f32 / 37.0).collect()).unwrap()
}

fn draw(gpu: &Headless, r: &mut OverlayRenderer, p: &OverlayParams, v: &View) -> RgbaPicture {
    r.set_params(&gpu.queue, p, v);
    r.render_offscreen(&gpu.queue, v.size[0] as u32, v.size[1] as u32).unwrap()
}

/// Greatest difference of any component, and how many components differ by more than 1.
fn difference(a: &RgbaPicture, b: &RgbaPicture) -> (u8, usize) {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let each = || a.data.iter().zip(&b.data).map(|(a, b)| a.abs_diff(*b));
    (each().max().unwrap_or(0), each().filter(|d| *d > 1).count())
}

const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

/// Everything a user can choose, one after the other, at odd sizes and zooms.
fn cases() -> Vec<(String, OverlayParams, View)> {
    let base = OverlayParams { map: Some(map(1)), prior: Some(prior()), ..Default::default() };
    let calibrated = ScaleMode::Calibrated { lo: -0.05, hi: 0.5 };
    let mut all: Vec<(String, OverlayParams)> = vec![
        ("plain".into(), base.clone()),
        ("no map".into(), OverlayParams { map: None, ..base.clone() }),
        ("hidden".into(), OverlayParams { visible: false, ..base.clone() }),
        ("opaque".into(), OverlayParams { alpha_by_value: false, opacity: 1.0, ..base.clone() }),
        ("gamma".into(), OverlayParams { gamma: 2.2, scale: calibrated, ..base.clone() }),
        ("aged".into(), OverlayParams { dim: 0.7, scale: calibrated, ..base.clone() }),
        ("border".into(), OverlayParams { test_border: true, ..base.clone() }),
        ("prior".into(), OverlayParams { layer: Layer::ObjectPrior, ..base.clone() }),
        ("blend".into(), OverlayParams { layer: Layer::Blend, ..base.clone() }),
        (
            "difference".into(),
            OverlayParams {
                layer: Layer::Difference,
                other: Some(map(2)),
                scale: ScaleMode::PerFrame,
                ..base.clone()
            },
        ),
        (
            "wipe".into(),
            OverlayParams {
                split: Split::Wipe { at: 0.4, left: Layer::SoundMap, right: Layer::ObjectPrior },
                ..base.clone()
            },
        ),
        ("side by side".into(), OverlayParams { split: Split::SideBySide, ..base.clone() }),
        ("sharp".into(), OverlayParams { magnify: Magnify::Sharp, ..base.clone() }),
        ("quiet".into(), OverlayParams { outline_only: true, ..base.clone() }),
        ("outline".into(), OverlayParams { outline_only: true, contours: 3, ..base.clone() }),
    ];
    for c in Colormap::ALL {
        all.push((
            c.name().into(),
            OverlayParams { colormap: *c, scale: calibrated, ..base.clone() },
        ));
    }
    for geometry in
        [CellGeometry::Aligned, CellGeometry::Tiles, CellGeometry::Receptive { offset_px: 5.0 }]
    {
        for interpolation in Interpolation::ALL {
            for factor in [1, 2, 4] {
                let p = OverlayParams {
                    map: Some(map(factor)),
                    plain: Some(plain()),
                    geometry,
                    interpolation: *interpolation,
                    scale: calibrated,
                    threshold: Some(0.21),
                    half_map_mask: factor == 2,
                    contours: if factor == 1 { 6 } else { 0 },
                    show_cells: factor == 4,
                    ..base.clone()
                };
                all.push((format!("{geometry} {} x{factor}", interpolation.name()), p));
            }
        }
    }
    let mut views = Vec::new();
    for (i, (name, p)) in all.into_iter().enumerate() {
        let size = [[211.0, 127.0], [160.0, 203.0], [333.0, 90.0]][i % 3];
        let mut v = View { pixels_per_point: [1.0, 2.0, 1.25][i % 3], ..View::fit(size, 1.59) };
        views.push((name.clone(), p.clone(), v));
        v.zoom_at(&p, [size[0] * 0.37, size[1] * 0.61], 5.3);
        views.push((format!("{name}, zoomed"), p, v));
    }
    views
}

#[test]
fn shaders_equal_their_twins_within_one_level() {
    let Some(gpu) = device() else { return };
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let mut renderer = OverlayRenderer::new(&gpu.device, FORMAT);
    let source = picture(317, 199);
    renderer.upload_rgb(&gpu.queue, &source);
    let mut wrong = Vec::new();
    for (name, params, view) in cases() {
        let (most, many) = difference(
            &draw(gpu, &mut renderer, &params, &view),
            &cpu::render(&source, &params, &view),
        );
        if most > 1 {
            wrong.push(format!("{name}: {many} components differ, by up to {most}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn twins_made_wrong_are_caught() {
    let Some(gpu) = device() else { return };
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let mut renderer = OverlayRenderer::new(&gpu.device, FORMAT);
    let source = picture(317, 199);
    renderer.upload_rgb(&gpu.queue, &source);
    let params = OverlayParams {
        map: Some(map(1)),
        scale: ScaleMode::Calibrated { lo: 0.0, hi: 0.5 },
        geometry: CellGeometry::Receptive { offset_px: 0.0 },
        ..Default::default()
    };
    let view = View::fit([317.0, 199.0], 317.0 / 199.0);
    let drawn = draw(gpu, &mut renderer, &params, &view);
    let seen = |p: &OverlayParams, v: &View| difference(&drawn, &cpu::render(&source, p, v)).0;
    assert!(seen(&params, &view) <= 1);

    let aligned = OverlayParams { geometry: CellGeometry::Aligned, ..params.clone() };
    assert!(seen(&aligned, &view) > 1, "another geometry");
    let half =
        OverlayParams { geometry: CellGeometry::Receptive { offset_px: 0.5 }, ..params.clone() };
    assert!(seen(&half, &view) > 1, "half an input pixel off");
    let cells = map(1);
    let swapped = (0..49).map(|i| cells.grid().cells[i % 7 * 7 + i / 7]).collect();
    let swapped = OverlayParams { map: Field::new(1, swapped), ..params.clone() };
    assert!(seen(&swapped, &view) > 1, "swapped axes");
    let mut shifted = View { zoom: 1.0001, ..view };
    shifted.centre[0] += 0.5 / 317.0;
    assert!(seen(&params, &shifted) > 1, "half a pixel off");
    let bicubic = OverlayParams { interpolation: Interpolation::Bicubic, ..params };
    assert!(seen(&bicubic, &view) > 1, "another interpolation");
}

#[test]
fn a_target_of_another_format_shows_the_same_picture() {
    let Some(gpu) = device() else { return };
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let source = picture(64, 48);
    let params = OverlayParams { map: Some(map(1)), ..Default::default() };
    let view = View::fit([64.0, 48.0], 64.0 / 48.0);
    let twin = cpu::render(&source, &params, &view);
    for format in [
        wgpu::TextureFormat::Bgra8Unorm,
        wgpu::TextureFormat::Rgba8UnormSrgb,
        wgpu::TextureFormat::Bgra8UnormSrgb,
    ] {
        let mut renderer = OverlayRenderer::new(&gpu.device, format);
        renderer.upload_rgb(&gpu.queue, &source);
        let got = draw(gpu, &mut renderer, &params, &view);
        // The target's own sRGB encoder may be a table: one level more.
        assert!(difference(&got, &twin).0 <= 2, "{format:?}");
    }
}

#[test]
fn without_a_picture_there_is_background_only() {
    let Some(gpu) = device() else { return };
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let mut renderer = OverlayRenderer::new(&gpu.device, FORMAT);
    let params =
        OverlayParams { map: Some(map(1)), background: [10, 20, 30], ..Default::default() };
    let view = View::fit([32.0, 32.0], 1.0);
    let out = draw(gpu, &mut renderer, &params, &view);
    assert!(out.data.chunks_exact(4).all(|c| c == [10, 20, 30, 255]));
}

fn planar(layout: PlaneLayout, bits: u8, color: ColorSpec, w: u32, h: u32) -> PlanarPicture {
    let (sx, sy) = match layout {
        PlaneLayout::Yuv { shift_x, shift_y, .. } => (shift_x, shift_y),
        PlaneLayout::SemiPlanar => (1, 1),
        _ => (0, 0),
    };
    let (cw, ch) = (w.div_ceil(1 << sx), h.div_ceil(1 << sy));
    let sizes = match layout {
        PlaneLayout::Yuv { alpha: false, .. } => vec![(w, h), (cw, ch), (cw, ch)],
        PlaneLayout::Yuv { alpha: true, .. } => vec![(w, h), (cw, ch), (cw, ch), (w, h)],
        PlaneLayout::SemiPlanar => vec![(w, h), (2 * cw, ch)],
        PlaneLayout::Gray => vec![(w, h)],
        PlaneLayout::Rgba => vec![(4 * w, h)],
    };
    let bytes = if bits > 8 { 2 } else { 1 };
    let planes = sizes
        .into_iter()
        .zip(0u32..)
        .map(|((w, h), k)| {
            let stride = (w as usize * bytes).next_multiple_of(64);
            let mut data = vec![0; stride * h as usize];
            for y in 0..h {
                for x in 0..w {
                    let v = noise(k * 7_919 + y * w + x) & ((1 << bits) - 1);
                    let at = y as usize * stride + x as usize * bytes;
                    data[at..at + bytes].copy_from_slice(&v.to_le_bytes()[..bytes]);
                }
            }
            Plane { width: w, height: h, stride, data }
        })
        .collect();
    PlanarPicture {
        width: w,
        height: h,
        layout,
        bits,
        color,
        orientation: Orientation::default(),
        pixel_aspect: 1.0,
        planes,
    }
}

/// All layouts, depths, ranges, matrices, transfers and orientations that a file may bring.
fn planar_cases() -> Vec<PlanarPicture> {
    let yuv = |shift_x, shift_y, alpha| PlaneLayout::Yuv { shift_x, shift_y, alpha };
    let layouts = [
        yuv(1, 1, false),
        yuv(1, 0, false),
        yuv(0, 0, false),
        yuv(2, 0, false),
        yuv(1, 1, true),
        PlaneLayout::SemiPlanar,
        PlaneLayout::Gray,
        PlaneLayout::Rgba,
    ];
    let mut all = Vec::new();
    for layout in layouts {
        for bits in [8, 10, 12, 16] {
            if layout == PlaneLayout::Rgba && bits > 8 {
                continue;
            }
            for (matrix, full_range) in [
                (ColorMatrix::Bt601, true),
                (ColorMatrix::Bt601, false),
                (ColorMatrix::Bt709, false),
                (ColorMatrix::Bt2020, false),
            ] {
                let color = ColorSpec { matrix, full_range, ..Default::default() };
                all.push(planar(layout, bits, color, 37, 23));
            }
            for transfer in [Transfer::Pq, Transfer::Hlg] {
                let matrix = ColorMatrix::Bt2020;
                let color = ColorSpec { matrix, full_range: false, transfer, wide_gamut: true };
                all.push(planar(layout, bits, color, 37, 23));
            }
        }
    }
    for quarter_turns in 0..4 {
        for mirrored in [false, true] {
            let p = planar(yuv(1, 1, false), 8, ColorSpec::default(), 37, 23);
            all.push(PlanarPicture { orientation: Orientation { quarter_turns, mirrored }, ..p });
        }
    }
    all.push(planar(yuv(1, 1, false), 8, ColorSpec::default(), 1, 1));
    all.push(planar(PlaneLayout::SemiPlanar, 10, ColorSpec::default(), 2, 3));
    all
}

fn converted(gpu: &Headless, p: &PlanarPicture, alpha: AlphaMode, by: Conversion) -> RgbaPicture {
    let mut renderer = OverlayRenderer::new(&gpu.device, FORMAT);
    converted_with(gpu, &mut renderer, p, alpha, by)
}

fn converted_with(
    gpu: &Headless,
    renderer: &mut OverlayRenderer,
    p: &PlanarPicture,
    alpha: AlphaMode,
    by: Conversion,
) -> RgbaPicture {
    renderer.set_alpha(alpha);
    renderer.set_conversion(by);
    renderer.upload_picture(&gpu.queue, p);
    let (w, h) = p.upright_size();
    let view = View::fit([w as f32, h as f32], w as f32 / h as f32);
    draw(gpu, renderer, &OverlayParams::default(), &view)
}

fn rgba(rgb: &RgbPicture) -> RgbaPicture {
    let data = rgb.data().chunks_exact(3).flat_map(|c| [c[0], c[1], c[2], 255]).collect();
    RgbaPicture { width: rgb.width(), height: rgb.height(), data }
}

#[test]
fn planes_become_the_same_picture_on_both_sides() {
    let Some(gpu) = device() else { return };
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let mut renderer = OverlayRenderer::new(&gpu.device, FORMAT);
    let mut wrong = Vec::new();
    for p in planar_cases() {
        for alpha in [AlphaMode::Ignore, AlphaMode::Black, AlphaMode::Checker] {
            let shader = converted_with(gpu, &mut renderer, &p, alpha, Conversion::Shader);
            let twin = rgba(&yuv::rgb_from_planes_with(&p, alpha, false));
            let (most, many) = difference(&shader, &twin);
            if most > 1 {
                wrong.push(format!("{p:?} {:?} {alpha:?}: {many}, {most}", p.orientation));
            }
            let has_alpha =
                matches!(p.layout, PlaneLayout::Rgba | PlaneLayout::Yuv { alpha: true, .. });
            if !has_alpha {
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn wrong_planes_are_caught() {
    let Some(gpu) = device() else { return };
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let layout = PlaneLayout::Yuv { shift_x: 1, shift_y: 1, alpha: false };
    let p = planar(layout, 8, ColorSpec::default(), 36, 24);
    let shader = converted(gpu, &p, AlphaMode::Ignore, Conversion::Shader);
    let seen = |twin: &PlanarPicture| difference(&shader, &rgba(&yuv::rgb_from_planes(twin))).0;
    assert!(seen(&p) <= 1);
    let mut swapped = p.clone();
    swapped.planes.swap(1, 2);
    assert!(seen(&swapped) > 1, "U and V swapped");
    let color = ColorSpec { matrix: ColorMatrix::Bt601, ..p.color };
    assert!(seen(&PlanarPicture { color, ..p.clone() }) > 1, "another matrix");
    let color = ColorSpec { full_range: true, ..p.color };
    assert!(seen(&PlanarPicture { color, ..p.clone() }) > 1, "another range");
    let orientation = Orientation { quarter_turns: 2, mirrored: false };
    assert!(seen(&PlanarPicture { orientation, ..p.clone() }) > 1, "upside down");
}

#[test]
fn rgba_planes_pass_the_shader_bit_by_bit() {
    let Some(gpu) = device() else { return };
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let p = planar(PlaneLayout::Rgba, 8, ColorSpec::default(), 61, 35);
    let shader = converted(gpu, &p, AlphaMode::Ignore, Conversion::Shader);
    assert_eq!(shader, rgba(&yuv::rgb_from_planes(&p)));
}

#[test]
fn cut_off_planes_are_drawn_by_the_twin_and_never_refused_by_the_driver() {
    let Some(gpu) = device() else { return };
    let _turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
    let layout = PlaneLayout::Yuv { shift_x: 1, shift_y: 1, alpha: false };
    for keep in 0..3 {
        let mut p = planar(layout, 8, ColorSpec::default(), 36, 24);
        p.planes.truncate(keep);
        if let Some(last) = p.planes.last_mut() {
            last.data.truncate(100);
        }
        let shader = converted(gpu, &p, AlphaMode::Ignore, Conversion::Shader);
        assert!(difference(&shader, &rgba(&yuv::rgb_from_planes(&p))).0 <= 1);
    }
}
