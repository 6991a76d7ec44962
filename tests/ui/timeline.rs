//! The timeline by what a person does to it: places on the screen against times of the clip.

use std::sync::Arc;
use std::time::Instant;

use egui::{Event, Modifiers, MouseWheelUnit, PointerButton, Pos2, pos2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use fnac::app::timeline::{
    AbLoop, LaneColors, LaneMaps, LaneSound, MapColumn, StripScale, Timeline, TimelineData,
    TimelineWish, TruthRow, bracket,
};
use fnac::features::window_plan;
use fnac::truth::{HeardSpan, Span};
use fnac::units::MediaTime;

struct Tone {
    len: u64,
}

impl LaneSound for Tone {
    fn rate(&self) -> u32 {
        16_000
    }
    fn len(&self) -> u64 {
        self.len
    }
    fn is_complete(&self) -> bool {
        true
    }
    fn read(&self, start: u64, len: usize) -> Option<Vec<f32>> {
        let sample = |i: u64| (i as f32 * 0.3).sin() * 0.5;
        (start + len as u64 <= self.len).then(|| (start..start + len as u64).map(sample).collect())
    }
    fn envelope(&self, _: MediaTime, _: MediaTime, columns: usize) -> Vec<(f32, f32)> {
        vec![(-0.5, 0.5); columns]
    }
}

struct Maps;

impl LaneMaps for Maps {
    fn revision(&self) -> u64 {
        1
    }
    fn columns(&self, _: MediaTime, _: MediaTime, columns: usize) -> Vec<MapColumn> {
        let map =
            MapColumn { peak: Some(0.4), cells: Some([0.4; 49]), between: false, computed: 1.0 };
        (0..columns).map(|i| if i < columns / 2 { map } else { MapColumn::EMPTY }).collect()
    }
}

pub(super) struct Stand {
    pub(super) timeline: Timeline,
    duration: MediaTime,
    now: MediaTime,
    playing: bool,
    ab: AbLoop,
    sound: Option<Arc<dyn LaneSound>>,
    wishes: Vec<TimelineWish>,
    pub(super) truth: Option<Arc<Vec<TruthRow>>>,
}

fn secs(s: f64) -> MediaTime {
    MediaTime::from_secs_f64(s)
}

pub(super) fn stand(duration: f64) -> Stand {
    Stand {
        timeline: Timeline::new(),
        duration: secs(duration),
        now: secs(duration / 2.0),
        playing: false,
        ab: AbLoop::default(),
        sound: Some(Arc::new(Tone { len: (duration * 16_000.0) as u64 })),
        wishes: Vec::new(),
        truth: None,
    }
}

pub(super) fn draw(ui: &mut egui::Ui, s: &mut Stand) {
    let palette = [[128; 3]; 256];
    let len = s.sound.as_ref().map_or(0, |t| t.len());
    let plan = window_plan(len, 16_000, s.now);
    let heard = bracket(&plan, 16_000, len as f64 / 16_000.0, s.now.as_secs_f64());
    let data = TimelineData {
        duration: s.duration,
        now: s.now,
        playing: s.playing,
        ab: s.ab,
        sound: s.sound.as_ref(),
        sound_note: "",
        truth: s.truth.as_ref(),
        maps: Some(&Maps),
        bracket: Some(&heard),
        sound_test: None,
        scale: StripScale { lo: -1.0, hi: 1.0, per_frame: false, palette: &palette },
        spectrum_palette: &palette,
        frame_at: &|t| u32::try_from(t.as_nanos() * 30 / 1_000_000_000).ok(),
        thumbs: None,
        colors: LaneColors { accent: egui::Color32::BLUE, danger: egui::Color32::RED },
    };
    let wishes = &mut s.wishes;
    s.timeline.show(ui, &data, &mut |w| wishes.push(w));
    // What a player would do at once.
    for w in wishes {
        if let TimelineWish::SetLoop(ab) = w {
            s.ab = *ab;
        }
    }
}

fn truth_rows(n: usize) -> Arc<Vec<TruthRow>> {
    let span = |a: f64, b: f64| Span { start: secs(a), end: secs(b) };
    let row = |i: usize| TruthRow {
        name: format!("kind {i}"),
        heard: vec![
            HeardSpan { span: span(1.0 + i as f64 * 0.1, 3.0), seen: true },
            HeardSpan { span: span(6.0, 8.0), seen: false },
        ],
        seen: vec![span(0.0, 5.0)],
    };
    Arc::new((0..n).map(row).collect())
}

#[test]
fn truth_has_a_row_per_source_and_collapses_when_there_are_many() {
    for (n, want) in [(3, 3), (40, 12)] {
        let mut s = stand(10.0);
        s.truth = Some(truth_rows(n));
        let h = harness(s);
        let rows = h.query_all_by_label_contains("Truth row").count();
        assert!(rows <= want && rows >= 3, "{n} sources have {rows} rows");
        assert_eq!(h.query_by_label_contains("more").is_some(), n > 10);
    }
    assert_eq!(harness(stand(10.0)).query_all_by_label_contains("Truth row").count(), 0);
}

#[test]
fn a_bar_of_the_truth_lane_tells_its_times_and_a_press_there_scrubs() {
    let mut s = stand(10.0);
    s.truth = Some(truth_rows(2));
    let mut h = harness(s);
    let row = h.query_all_by_label_contains("Truth row kind 0").next().unwrap().rect();
    let x = place(&h, 2.0).x;
    h.hover_at(pos2(x, row.center().y));
    h.run_steps(30);
    assert!(h.query_all_by_label_contains("kind 0: 0:01.000 to 0:03.000").next().is_some());
    press(&mut h, pos2(x, row.center().y));
    assert!(h.state().wishes.iter().any(|w| matches!(w, TimelineWish::Scrub(_))));
}

fn press(h: &mut Harness<'_, Stand>, at: Pos2) {
    h.event(Event::PointerMoved(at));
    h.event(Event::PointerButton {
        pos: at,
        button: PointerButton::Primary,
        pressed: true,
        modifiers: Modifiers::NONE,
    });
    h.run_steps(2);
}

fn harness(stand: Stand) -> Harness<'static, Stand> {
    let mut h = Harness::builder()
        .with_size([1000.0, 320.0])
        .with_max_steps(40)
        .build_ui_state(draw, stand);
    h.run_steps(3);
    h
}

fn place(h: &Harness<'_, Stand>, at: f64) -> Pos2 {
    let t = &h.state().timeline;
    pos2(t.axis().x_of_secs(at, t.extent()), t.body().center().y)
}

fn button(h: &mut Harness<'_, Stand>, pos: Pos2, button: PointerButton, pressed: bool) {
    h.event(Event::PointerMoved(pos));
    h.event(Event::PointerButton { pos, button, pressed, modifiers: Modifiers::NONE });
    h.step();
}

fn drag(h: &mut Harness<'_, Stand>, from: f64, to: f64, with: PointerButton) {
    let (a, b) = (place(h, from), place(h, to));
    button(h, a, with, true);
    h.event(Event::PointerMoved(b));
    h.step();
    button(h, b, with, false);
}

/// Keys held from now on.
fn hold(h: &mut Harness<'_, Stand>, modifiers: Modifiers) {
    h.event(Event::ModifiersChanged(modifiers));
    h.step();
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

fn near(t: MediaTime, want: f64, slack: f64) -> bool {
    (t.as_secs_f64() - want).abs() <= slack
}

#[test]
fn a_click_seeks_to_the_time_under_it() {
    let mut h = harness(stand(10.0));
    let pos = place(&h, 2.5);
    button(&mut h, pos, PointerButton::Primary, true);
    button(&mut h, pos, PointerButton::Primary, false);
    let wishes = &h.state().wishes;
    assert!(matches!(wishes.first(), Some(TimelineWish::Scrub(t)) if near(*t, 2.5, 0.01)));
    assert!(matches!(wishes.last(), Some(TimelineWish::ScrubEnd(t)) if near(*t, 2.5, 0.01)));
}

#[test]
fn a_drag_scrubs_and_lands_where_it_ends() {
    let mut h = harness(stand(10.0));
    drag(&mut h, 1.0, 7.0, PointerButton::Primary);
    let wishes = &h.state().wishes;
    assert!(matches!(wishes.last(), Some(TimelineWish::ScrubEnd(t)) if near(*t, 7.0, 0.01)));
    let scrubs = wishes.iter().filter(|w| matches!(w, TimelineWish::Scrub(_))).count();
    assert_eq!(scrubs, 2, "{wishes:?}");
}

#[test]
fn shift_drag_makes_a_loop_and_its_handles_have_no_order() {
    let mut h = harness(stand(10.0));
    hold(&mut h, Modifiers::SHIFT);
    drag(&mut h, 6.0, 2.0, PointerButton::Primary);
    hold(&mut h, Modifiers::NONE);
    let (a, b) = h.state().ab.part().unwrap();
    assert!(near(a, 2.0, 0.01) && near(b, 6.0, 0.01), "{a} {b}");
    h.get_by_label("Loop handle A");
    // A is dragged past B: the two change places, and nothing is sought.
    h.state_mut().wishes.clear();
    drag(&mut h, 2.0, 8.0, PointerButton::Primary);
    let (a, b) = h.state().ab.part().unwrap();
    assert!(near(a, 6.0, 0.02) && near(b, 8.0, 0.02), "{a} {b}");
    assert!(h.state().wishes.iter().all(|w| matches!(w, TimelineWish::SetLoop(_))));
}

#[test]
fn the_wheel_zooms_about_the_cursor_and_with_alt_about_the_playhead() {
    let mut h = harness(stand(100.0));
    let pos = place(&h, 30.0);
    wheel(&mut h, pos, 6.0, Modifiers::NONE);
    let span = h.state().timeline.axis().span_secs();
    assert!(span < 30.0, "{span}");
    assert!((place(&h, 30.0).x - pos.x).abs() < 0.5);

    h.state_mut().timeline.reset();
    h.run_steps(1);
    let playhead = place(&h, 50.0).x;
    wheel(&mut h, pos, 6.0, Modifiers::ALT);
    assert!((place(&h, 50.0).x - playhead).abs() < 0.5);
    assert!((place(&h, 30.0).x - pos.x).abs() > 50.0);
}

#[test]
fn following_yields_to_a_hand_and_comes_back_when_asked() {
    let mut h = harness(stand(100.0));
    let pos = place(&h, 50.0);
    wheel(&mut h, pos, 10.0, Modifiers::NONE);
    h.state_mut().playing = true;
    h.state_mut().now = secs(80.0);
    h.run_steps(1);
    assert!(h.state().timeline.axis().start_secs() > 60.0, "the page was turned");
    let middle = h.state().timeline.axis().start_secs() + 1.0;
    drag(&mut h, middle, middle + 4.0, PointerButton::Middle);
    assert!(!h.state().timeline.prefs().follow);
    h.state_mut().now = secs(20.0);
    h.run_steps(1);
    assert!(h.state().timeline.axis().start_secs() > 60.0, "the hand's place is kept");
    h.get_by_label("Follow").click();
    h.run_steps(2);
    let axis = *h.state().timeline.axis();
    assert!((axis.start_secs()..axis.end_secs()).contains(&20.0));
    h.get_by_label("All").click();
    h.run_steps(2);
    assert!(h.state().timeline.axis().is_whole());
}

#[test]
fn lanes_have_names_and_can_be_hidden() {
    let mut h = harness(stand(10.0));
    for name in ["Waveform", "Spectrogram", "Model hears", "Peak cosine", "49 cells", "Computed"] {
        h.get_by_label(&format!("Lane {name}"));
    }
    let pos = place(&h, 5.0);
    button(&mut h, pos, PointerButton::Secondary, true);
    button(&mut h, pos, PointerButton::Secondary, false);
    h.run_steps(3);
    h.get_by_label_contains("Lanes").click();
    h.run_steps(3);
    h.get_by_label("49 cells").click();
    h.run_steps(3);
    assert!(h.query_by_label("Lane 49 cells").is_none());
}

#[test]
fn ten_hours_one_frame_and_nothing_are_drawn_quickly() {
    for duration in [36_000.0, 1.0 / 30.0, 0.0] {
        let mut h = harness(stand(duration));
        let began = Instant::now();
        for i in 0..20 {
            let pos = place(&h, duration * f64::from(i) / 20.0);
            wheel(&mut h, pos, 1.0, Modifiers::NONE);
        }
        // 60 frames, unoptimised, on a busy machine; a lane that scans the clip takes minutes.
        assert!(began.elapsed().as_secs_f64() < 10.0, "{duration} s: {:?}", began.elapsed());
        h.state_mut().timeline.reset();
        h.run_steps(1);
        drag(&mut h, 0.0, duration, PointerButton::Primary);
        assert!(
            matches!(h.state().wishes.last(), Some(TimelineWish::ScrubEnd(t)) if *t <= secs(duration))
        );
    }
}

#[test]
fn a_clip_without_sound_still_has_its_timeline() {
    let mut s = stand(10.0);
    s.sound = None;
    let mut h = harness(s);
    let pos = place(&h, 5.0);
    button(&mut h, pos, PointerButton::Primary, true);
    button(&mut h, pos, PointerButton::Primary, false);
    assert!(matches!(h.state().wishes.last(), Some(TimelineWish::ScrubEnd(_))));
}
