//! The picture by what a person does to it: places on the screen against points of the picture.

use std::sync::Arc;

use egui::{Color32, Event, Modifiers, MouseWheelUnit, PointerButton, Pos2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use fnac::app::hud::{HudData, HudRow, LegendData, LegendFacts, legend_of};
use fnac::app::picture::{PictureData, PictureView, PictureWish, Stage, TruthMarks};
use fnac::media::VideoFrame;
use fnac::overlay::{Field, OverlayParams, ScaleMode, Split};
use fnac::units::{
    ColorSpec, FrameIndex, MediaTime, Orientation, PlanarPicture, Plane, PlaneLayout, Pts,
};

pub(super) fn frame(width: u32, height: u32, pixel_aspect: f32) -> Arc<VideoFrame> {
    let plane =
        Plane { width, height, stride: width as usize, data: vec![128; (width * height) as usize] };
    let picture = PlanarPicture {
        width,
        height,
        layout: PlaneLayout::Gray,
        bits: 8,
        color: ColorSpec { full_range: true, ..ColorSpec::default() },
        orientation: Orientation::default(),
        pixel_aspect,
        planes: vec![plane],
    };
    Arc::new(VideoFrame {
        index: FrameIndex(153),
        pts: Pts(0),
        time: MediaTime::ZERO,
        duration: MediaTime::from_millis(33),
        picture: Arc::new(picture),
        key: true,
    })
}

pub(super) enum Show {
    Frame(Arc<VideoFrame>),
    Opening,
    Failed,
    Empty,
    Blackout,
}

pub(super) struct Stand {
    pub(super) picture: PictureView,
    show: Show,
    pub(super) params: OverlayParams,
    pins: Vec<[f32; 2]>,
    hover: Option<[f32; 2]>,
    hud: Option<HudData>,
    legend: Option<LegendData>,
    sound_test: Option<&'static str>,
    badges: Vec<(String, bool)>,
    wishes: Vec<PictureWish>,
    pub(super) truth: Option<TruthMarks>,
}

pub(super) fn ramp() -> OverlayParams {
    let map = Field::new(1, (0..49).map(|i| i as f32 / 100.0).collect());
    OverlayParams { map, ..OverlayParams::default() }
}

pub(super) fn stand(show: Show) -> Stand {
    Stand {
        picture: PictureView::new(None),
        show,
        params: ramp(),
        pins: Vec::new(),
        hover: None,
        hud: None,
        legend: None,
        sound_test: None,
        badges: Vec::new(),
        wishes: Vec::new(),
        truth: None,
    }
}

pub(super) fn draw(ui: &mut egui::Ui, s: &mut Stand) {
    let palette = [[0; 3]; 256];
    let stage = match &s.show {
        Show::Frame(f) => Stage::Frame(f),
        Show::Opening => Stage::Opening { name: "a clip.mp4" },
        Show::Failed => Stage::Failed { text: "cannot read `a.mp4`: not a video" },
        Show::Empty => Stage::Empty,
        Show::Blackout => Stage::Blackout,
    };
    let data = PictureData {
        stage,
        params: &s.params,
        no_map: "no map for this frame yet",
        hover: s.hover,
        pins: &s.pins,
        trace: None,
        truth: s.truth.as_ref(),
        truth_silent: true,
        prediction: true,
        hud: s.hud.as_ref(),
        legend: s.legend.as_ref(),
        sound_test: s.sound_test,
        badges: &s.badges,
        caption: "Demo model",
        demo: false,
        now: MediaTime::ZERO,
        bracket: None,
        spectrum_palette: &palette,
        danger: Color32::RED,
    };
    let wishes = &mut s.wishes;
    s.picture.show(ui, &data, &mut |w| wishes.push(w));
}

fn harness_of(stand: Stand, size: [f32; 2], scale: f32) -> Harness<'static, Stand> {
    let mut h = Harness::builder()
        .with_size(size)
        .with_pixels_per_point(scale)
        .with_max_steps(40)
        // Fast enough for a double click.
        .with_step_dt(0.02)
        .build_ui_state(draw, stand);
    h.run_steps(3);
    h
}

fn harness(stand: Stand) -> Harness<'static, Stand> {
    harness_of(stand, [800.0, 500.0], 1.0)
}

fn place(h: &Harness<'_, Stand>, at: [f32; 2]) -> Pos2 {
    h.state().picture.screen_of(&h.state().params, at)
}

fn button(h: &mut Harness<'_, Stand>, pos: Pos2, button: PointerButton, pressed: bool) {
    h.event(Event::PointerMoved(pos));
    h.event(Event::PointerButton { pos, button, pressed, modifiers: Modifiers::NONE });
    h.step();
}

fn click(h: &mut Harness<'_, Stand>, pos: Pos2) {
    button(h, pos, PointerButton::Primary, true);
    button(h, pos, PointerButton::Primary, false);
}

fn wheel(h: &mut Harness<'_, Stand>, pos: Pos2, notches: f32, modifiers: Modifiers) {
    h.event(Event::PointerMoved(pos));
    h.step();
    h.event(Event::MouseWheel {
        unit: MouseWheelUnit::Line,
        delta: vec2(0.0, notches),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers,
    });
    h.run_steps(2);
}

fn is_near(a: [f32; 2], b: [f32; 2], slack: f32) -> bool {
    (a[0] - b[0]).abs() <= slack && (a[1] - b[1]).abs() <= slack
}

#[test]
fn the_picture_is_never_squashed_at_any_size_scale_or_pixel_aspect() {
    for (size, scale) in [([800.0, 500.0], 1.0), ([300.0, 900.0], 1.5), ([1111.0, 333.0], 2.0)] {
        for (w, h, aspect) in [(64, 36, 1.0), (72, 57, 1.42), (33, 99, 1.0)] {
            let f = frame(w, h, aspect);
            let want = f.picture.display_aspect();
            let h = harness_of(stand(Show::Frame(f)), size, scale);
            let (a, b) = (place(&h, [0.0, 0.0]), place(&h, [1.0, 1.0]));
            let drawn = b - a;
            // Edges lie on whole physical pixels.
            let slack = 1.5 / scale / drawn.y.min(drawn.x);
            assert!((drawn.x / drawn.y / want - 1.0).abs() < 2.0 * slack, "{drawn:?} {want}");
            let region = h.state().picture.region();
            let fills =
                (drawn.x - region.width()).abs() < 2.0 || (drawn.y - region.height()).abs() < 2.0;
            assert!(fills && region.expand(1.0).contains(a) && region.expand(1.0).contains(b));
        }
    }
}

#[test]
fn a_click_pins_the_point_under_it() {
    let mut h = harness(stand(Show::Frame(frame(64, 36, 1.0))));
    let pos = place(&h, [0.25, 0.75]);
    click(&mut h, pos);
    let pin = h.state().wishes.iter().find_map(|w| match w {
        PictureWish::Pin(at) => Some(*at),
        _ => None,
    });
    assert!(is_near(pin.unwrap(), [0.25, 0.75], 0.002), "{pin:?}");
}

#[test]
fn the_probe_reads_the_cell_under_the_cursor() {
    let mut h = harness(stand(Show::Frame(frame(64, 36, 1.0))));
    let pos = place(&h, [0.98, 0.02]);
    h.event(Event::PointerMoved(pos));
    h.run_steps(2);
    let probe = h.get_by_label_contains("Probe: cosine");
    let text = format!("{:?}", probe);
    assert!(text.contains("row  0  col  6") && text.contains("rank 43 of 49"), "{text}");
    assert!(
        matches!(h.state().wishes.first(), Some(PictureWish::Hover(Some(at))) if is_near(*at, [0.98, 0.02], 0.003))
    );
}

#[test]
fn ctrl_wheel_zooms_about_the_point_under_the_cursor() {
    for start in [[0.2, 0.3], [0.9, 0.5]] {
        let mut h = harness(stand(Show::Frame(frame(64, 36, 1.0))));
        let pos = place(&h, start);
        wheel(&mut h, pos, 8.0, Modifiers::CTRL);
        assert!(h.state().picture.view().zoom > 3.0);
        let after = h.state().picture.fraction_at(&h.state().params, pos).unwrap();
        assert!(is_near(after, start, 0.002), "{after:?}");
        h.get_by_label_contains("zoom");
        h.state_mut().picture.reset_view();
        h.run_steps(1);
        assert!(h.query_by_label_contains("zoom").is_none());
    }
}

#[test]
fn the_wheel_is_volume_and_with_alt_it_steps_frames() {
    let mut h = harness(stand(Show::Frame(frame(64, 36, 1.0))));
    let pos = place(&h, [0.5, 0.5]);
    wheel(&mut h, pos, 1.0, Modifiers::NONE);
    wheel(&mut h, pos, -2.0, Modifiers::ALT);
    let wishes: Vec<_> =
        h.state().wishes.iter().filter(|w| !matches!(w, PictureWish::Hover(_))).copied().collect();
    assert_eq!(wishes, [PictureWish::Volume(1), PictureWish::Step(-2)]);
}

#[test]
fn a_double_click_asks_for_full_screen() {
    let mut h = harness(stand(Show::Frame(frame(64, 36, 1.0))));
    let pos = place(&h, [0.5, 0.5]);
    click(&mut h, pos);
    click(&mut h, pos);
    assert!(h.state().wishes.contains(&PictureWish::FullScreen), "{:?}", h.state().wishes);
}

#[test]
fn middle_drag_moves_a_zoomed_picture_with_the_hand() {
    let mut h = harness(stand(Show::Frame(frame(64, 36, 1.0))));
    let pos = place(&h, [0.5, 0.5]);
    wheel(&mut h, pos, 8.0, Modifiers::CTRL);
    let grabbed = h.state().picture.fraction_at(&h.state().params, pos).unwrap();
    button(&mut h, pos, PointerButton::Middle, true);
    let to = pos + vec2(60.0, -40.0);
    h.event(Event::PointerMoved(to));
    h.step();
    button(&mut h, to, PointerButton::Middle, false);
    let under = h.state().picture.fraction_at(&h.state().params, to).unwrap();
    assert!(is_near(under, grabbed, 0.01), "{under:?} {grabbed:?}");
}

#[test]
fn the_divider_of_a_wipe_follows_the_hand() {
    let mut s = stand(Show::Frame(frame(64, 36, 1.0)));
    s.params.split = Split::Wipe {
        at: 0.5,
        left: fnac::overlay::Layer::None,
        right: fnac::overlay::Layer::SoundMap,
    };
    let mut h = harness(s);
    let region = h.state().picture.region();
    button(&mut h, region.center() + vec2(2.0, 0.0), PointerButton::Primary, true);
    let to = Pos2::new(region.left() + 0.75 * region.width(), region.center().y);
    h.event(Event::PointerMoved(to));
    h.run_steps(2);
    button(&mut h, to, PointerButton::Primary, false);
    let at = h.state().wishes.iter().rev().find_map(|w| match w {
        PictureWish::Split(at) => Some(*at),
        _ => None,
    });
    assert!((at.unwrap() - 0.75).abs() < 0.01, "{at:?}");
    assert!(!h.state().wishes.iter().any(|w| matches!(w, PictureWish::Pin(_))));
}

#[test]
fn there_are_words_when_there_is_no_picture() {
    let h = harness(stand(Show::Opening));
    h.get_by_label("Opening a clip.mp4");
    let h = harness(stand(Show::Failed));
    h.get_by_label("cannot read `a.mp4`: not a video");
    let mut h = harness(stand(Show::Empty));
    h.get_by_label("Open a file…").click();
    h.run_steps(2);
    assert!(h.state().wishes.iter().any(|w| matches!(w, PictureWish::Way(_))));
    let h = harness(stand(Show::Blackout));
    h.get_by_label("Black screen");
    assert!(h.query_by_label("Demo model").is_none(), "black is black");
}

#[test]
fn notes_in_the_picture_are_there_to_be_read() {
    let mut s = stand(Show::Frame(frame(64, 36, 1.0)));
    s.sound_test = Some("silence");
    s.badges = vec![("stretched -0.02 .. +0.46".into(), true)];
    s.params.scale = ScaleMode::PerFrame;
    s.legend = legend_of(&s.params, LegendFacts::default());
    let row = HudRow { label: "map", value: "held, 0.40 s old".into(), care: true, source: "" };
    s.hud = Some(HudData { rows: vec![row] });
    let h = harness(s);
    h.get_by_label("Sound test: the model hears silence");
    h.get_by_label("stretched -0.02 .. +0.46");
    h.get_by_label("map: held, 0.40 s old");
    h.get_by_label_contains("Legend: Sound map, +0.00 to +0.48. stretched");
    h.get_by_label("Demo model");
}
