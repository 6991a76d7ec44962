//! What is really drawn: pixels of the picture, the lanes and the burnt-in legend, through the
//! same shaders as the window, on whatever adapter there is (software is enough).

use egui::{Color32, pos2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use egui_kittest::wgpu::{WgpuTestRenderer, create_render_state, default_wgpu_setup};
use fnac::app::hud::{LegendFacts, legend_of, show_legend};
use fnac::app::picture::{PictureView, TruthMark, TruthMarks, render_offscreen};
use fnac::overlay::gpu::Headless;
use fnac::overlay::{PREDICTION_COLOUR, TRUTH_COLOUR};

use super::{picture, timeline};

/// An adapter, or a word about its absence; a machine that promises one must have it.
fn adapter_present() -> bool {
    match Headless::open() {
        Ok(_) => true,
        Err(e) if std::env::var_os("FNAC_REQUIRE_GPU").is_some() => panic!("{e}"),
        Err(e) => {
            println!("skipped: {e}");
            false
        }
    }
}

fn render_state() -> eframe::egui_wgpu::RenderState {
    create_render_state(default_wgpu_setup(), egui_wgpu::RendererOptions::PREDICTABLE)
}

#[test]
fn shaders_and_twins_draw_the_same_picture_in_the_window() {
    if !adapter_present() {
        return;
    }
    let drawn = |gpu: bool| {
        let state = render_state();
        let mut stand = picture::stand(picture::Show::Frame(picture::frame(64, 36, 1.0)));
        stand.picture = PictureView::new(gpu.then_some(&state));
        stand.params.threshold = Some(0.2);
        stand.params.test_border = true;
        let mut h = Harness::builder()
            .with_size([401.0, 333.0])
            .with_pixels_per_point(1.25)
            .renderer(WgpuTestRenderer::from_render_state(state))
            .build_ui_state(picture::draw, stand);
        h.run_steps(3);
        h.render().unwrap()
    };
    let (gpu, cpu) = (drawn(true), drawn(false));
    assert_eq!(gpu.dimensions(), cpu.dimensions());
    let off = gpu
        .pixels()
        .zip(cpu.pixels())
        .filter(|(a, b)| a.0.iter().zip(b.0).any(|(a, b)| a.abs_diff(b) > 3))
        .count();
    // The twin's texture goes through egui's sampler once more; lines may round elsewhere.
    let all = (gpu.width() * gpu.height()) as usize;
    assert!(off * 200 < all, "{off} of {all} pixels differ");
    // The red frame of a sound test lies on the picture's own edge.
    let red = |p: &image::Rgba<u8>| p.0[0] > 180 && p.0[1] < 90 && p.0[2] < 90;
    assert!(gpu.pixels().filter(|p| red(p)).count() > 500);
}

#[test]
fn truth_is_solid_blue_and_a_prediction_dashed_vermillion_both_with_dark_edges() {
    if !adapter_present() {
        return;
    }
    let ring = |x0: f32, y0: f32, x1: f32, y1: f32| vec![[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
    let state = render_state();
    let mut stand = picture::stand(picture::Show::Frame(picture::frame(400, 300, 1.0)));
    stand.picture = PictureView::new(Some(&state));
    stand.params.opacity = 0.0;
    let mark = |label: &str, bbox: [f32; 4], sounding| TruthMark {
        label: label.into(),
        bbox,
        rings: vec![ring(bbox[0], bbox[1], bbox[2], bbox[3])],
        sounding,
    };
    stand.truth = Some(TruthMarks {
        sources: vec![
            mark("cat", [0.7, 0.7, 0.9, 0.9], false),
            mark("dog", [0.2, 0.3, 0.5, 0.8], true),
        ],
        prediction: vec![ring(0.3, 0.4, 0.6, 0.9)],
        overlap: Vec::new(),
    });
    let mut h = Harness::builder()
        .with_size([400.0, 324.0])
        .renderer(WgpuTestRenderer::from_render_state(state))
        .build_ui_state(picture::draw, stand);
    h.run_steps(3);
    let at = |h: &Harness<'_, picture::Stand>, x: f32, y: f32| {
        let s = h.state();
        s.picture.screen_of(&s.params, [x, y])
    };
    let image = h.render().unwrap();
    let pixel = |p: egui::Pos2| image.get_pixel(p.x as u32, p.y as u32).0;
    let near =
        |p: [u8; 4], [r, g, b]: [u8; 3]| [r, g, b].iter().zip(p).all(|(a, b)| a.abs_diff(b) < 40);
    let dark = |p: [u8; 4]| p[0] < 80 && p[1] < 90 && p[2] < 110;
    let (mut dashes, n) = (0, 60);
    for i in 0..n {
        let y = 0.42 + 0.36 * i as f32 / n as f32;
        let line = at(&h, 0.2, y);
        assert!(near(pixel(line), TRUTH_COLOUR), "solid at {y}: {:?}", pixel(line));
        let left = [-3.0, -2.0].iter().any(|d| dark(pixel(line + egui::vec2(*d, 0.0))));
        let right = [2.0, 3.0].iter().any(|d| dark(pixel(line + egui::vec2(*d, 0.0))));
        assert!(left && right, "dark edges at {y}");
        dashes += usize::from(near(pixel(at(&h, 0.6, y)), PREDICTION_COLOUR));
    }
    assert!((n / 3..n * 4 / 5).contains(&dashes), "dashed: {dashes} of {n}");
    let silent = pixel(at(&h, 0.7, 0.8));
    assert!(!near(silent, TRUTH_COLOUR) || silent != pixel(at(&h, 0.2, 0.5)), "thin and dim");
    let inside = pixel(at(&h, 0.25, 0.6));
    assert!(near(inside, [128; 3]), "nothing inside: {inside:?}");
}

#[test]
fn labels_of_truth_stay_in_sight_at_any_zoom() {
    if !adapter_present() {
        return;
    }
    for zoom in [1.0, 4.0, 30.0] {
        let mut stand = picture::stand(picture::Show::Frame(picture::frame(400, 300, 1.0)));
        let bbox = [0.1, 0.05, 0.9, 0.95];
        let mark = TruthMark { label: "dog".into(), bbox, rings: Vec::new(), sounding: true };
        stand.truth = Some(TruthMarks { sources: vec![mark], ..TruthMarks::default() });
        let mut h =
            Harness::builder().with_size([400.0, 324.0]).build_ui_state(picture::draw, stand);
        h.run_steps(2);
        h.state_mut().picture.zoom_by(zoom);
        h.run_steps(2);
        let label = h.get_by_label_contains("Truth: dog").rect();
        let region = h.state().picture.region();
        assert!(region.contains_rect(label) && label.height() > 14.0, "{zoom}: {label:?}");
    }
}

#[test]
fn the_playhead_is_white_with_a_dark_edge_on_every_lane() {
    if !adapter_present() {
        return;
    }
    for theme in [egui::Theme::Dark, egui::Theme::Light] {
        let mut h = Harness::builder()
            .with_size([1000.0, 320.0])
            .with_theme(theme)
            .with_max_steps(60)
            .wgpu()
            .build_ui_state(timeline::draw, timeline::stand(10.0));
        h.run_steps(4);
        let (x, body) = {
            let t = &h.state().timeline;
            (t.axis().x_of_secs(5.0, t.extent()), t.body())
        };
        let image = h.render().unwrap();
        for y in [0.2f32, 0.4, 0.6, 0.8, 0.95] {
            let y = (body.top() + y * body.height()) as u32;
            let around: Vec<u8> =
                (-4..=4).map(|d| image.get_pixel((x + d as f32) as u32, y).0[0]).collect();
            let white = around[3..=5].iter().any(|v| *v > 230);
            let edges = around[..4].iter().any(|v| *v < 90) && around[5..].iter().any(|v| *v < 90);
            assert!(white && edges, "{theme:?} row {y}: {around:?}");
        }
    }
}

#[test]
fn a_legend_burnt_into_a_saved_picture_has_words_and_colours() {
    if !adapter_present() {
        return;
    }
    let state = render_state();
    let params = picture::ramp();
    let legend = legend_of(&params, LegendFacts::default()).unwrap();
    let image = render_offscreen(&state, [640, 480], 1.0, true, |ui| {
        show_legend(ui, pos2(632.0, 8.0), &legend);
    });
    let image = image.unwrap();
    assert_eq!(image.size, [640, 480]);
    assert_eq!(image[(5, 400)], Color32::TRANSPARENT, "nothing beside the legend");
    let bright = image.pixels.iter().filter(|p| p.r() > 150 && p.g() > 150 && p.b() > 150);
    assert!(bright.count() > 300, "words are drawn");
    let [r, g, b] = params.colormap.lut()[250];
    let near = |p: &Color32| {
        // Three quarters of the colour over the grey of the bar's ground.
        let over = |c: u8, p: u8| (0.75 * f32::from(c) + 0.25 * 120.0 - f32::from(p)).abs() < 24.0;
        over(r, p.r()) && over(g, p.g()) && over(b, p.b())
    };
    assert!(image.pixels.iter().any(near), "the top of the bar is drawn");
    assert!(render_offscreen(&state, [0, 5], 1.0, true, |_| {}).is_none());
}
