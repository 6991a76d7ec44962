//! Truth in the player: panel, outlines, lane, files good and bad.

use std::path::{Path, PathBuf};

use egui::Key;
use egui_kittest::kittest::Queryable as _;
use fnac::app::WindowArgs;
use fnac::app::commands::Request;
use fnac::player::PlayState;
use fnac::truth::{Between, Moment, Source, Span, TruthBox, TruthTrack};
use fnac::units::{FrameIndex, MediaTime, TimeBase};

use crate::harness::{H, clip, frames, until, window};

const SIZE: (u32, u32) = (160, 96);
const FRAMES: i64 = 25;

fn frame_time(i: i64) -> MediaTime {
    MediaTime::from_millis(i * 40)
}

/// Where the white box is in frame `i`, in pixels.
fn box_at(i: i64) -> TruthBox {
    let x = 8.0 + 4.0 * i as f64;
    TruthBox { x0: x, y0: 30.0, x1: x + 32.0, y1: 62.0 }
}

/// A dog that walks and barks in the first half, a bell that is only heard, a cat that sits.
fn track() -> TruthTrack {
    let half = frame_time(FRAMES / 2);
    let source = |id, kind: &str, sounding, moments| Source {
        id,
        kind: kind.into(),
        variant: String::new(),
        sounding,
        moments,
        between: Between::Hold,
    };
    let walk =
        (0..FRAMES).map(|i| Moment { time: frame_time(i), bbox: Some(box_at(i)), mask: None });
    let cat = TruthBox { x0: 120.0, y0: 70.0, x1: 150.0, y1: 92.0 };
    let whole = frame_time(FRAMES);
    TruthTrack {
        width: SIZE.0,
        height: SIZE.1,
        duration: whole,
        sources: vec![
            source(1, "dog", vec![Span { start: MediaTime::ZERO, end: half }], walk.collect()),
            source(2, "bell", vec![Span { start: half, end: whole }], Vec::new()),
            source(
                3,
                "cat",
                Vec::new(),
                vec![Moment { time: MediaTime::ZERO, bbox: Some(cat), mask: None }],
            ),
        ],
        about: Default::default(),
    }
}

/// The clip with its white box on dark ground.
fn walk_clip(dir: &Path) -> PathBuf {
    use fnac::media::{ClipSettings, ClipWriter};
    let path = dir.join("walk.mp4");
    let ticks = TimeBase::new(1, 25).unwrap();
    let mut writer =
        ClipWriter::create(&path, ClipSettings::new(SIZE.0, SIZE.1, 25.0, ticks)).unwrap();
    for i in 0..FRAMES {
        let b = box_at(i);
        let mut rgba = Vec::with_capacity((SIZE.0 * SIZE.1 * 4) as usize);
        for y in 0..SIZE.1 {
            for x in 0..SIZE.0 {
                let inside =
                    (b.x0..b.x1).contains(&f64::from(x)) && (b.y0..b.y1).contains(&f64::from(y));
                let v = if inside { 255 } else { 30 };
                rgba.extend([v, v, v, 255]);
            }
        }
        writer.push_video(&rgba, frame_time(i)).unwrap();
    }
    writer.finish().unwrap();
    path
}

fn with_truth(dir: &Path) -> WindowArgs {
    let path = walk_clip(dir);
    track().write(&TruthTrack::sidecar(&path)).unwrap();
    WindowArgs { inputs: vec![path], ..WindowArgs::default() }
}

fn has_label(h: &H, part: &str) -> bool {
    h.query_all_by_label_contains(part).next().is_some()
}

fn paused_at(h: &mut H, frame: u32) {
    until(h, "it plays", |h| h.state().view().presentation.state == PlayState::Playing);
    h.key_press(Key::Space);
    until(h, "it pauses", |h| h.state().view().presentation.state == PlayState::Paused);
    h.state_mut().ask(Request::SeekFrame(FrameIndex(frame)));
    until(h, "the frame is shown", |h| {
        let p = h.state().view().presentation;
        p.exact && p.frame.as_ref().is_some_and(|f| f.index == FrameIndex(frame))
    });
    frames(h);
}

#[test]
fn a_clip_with_a_truth_file_says_who_sounds_in_picture_panel_and_lane() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = window(dir.path(), with_truth(dir.path()));
    h.state_mut().ask(Request::Run("panel", Some("Truth".into())));
    until(&mut h, "the truth is read", |h| h.state().view().truth.here().is_some());
    paused_at(&mut h, 4);
    assert!(has_label(&h, "Truth: dog, sounding") && !has_label(&h, "Truth: cat, silent"));
    h.state_mut().ask(Request::Run("truth-silent", None));
    until(&mut h, "silent things have outlines", |h| h.state().view().overlay.truth_silent);
    frames(&mut h);
    assert!(has_label(&h, "Truth: cat, silent"));
    assert!(has_label(&h, "Truth row dog: 1 spans, sounding"));
    assert!(has_label(&h, "Truth row bell: 1 spans"));
    assert!(has_label(&h, "walk.truth.json: 3 sources, 160x96"));
    assert!(h.query_by_label("dog").is_some(), "the panel's line of what sounds");
    paused_again_at(&mut h, 20);
    assert!(h.query_by_label("bell (off-screen)").is_some());
    assert!(has_label(&h, "T bell, off-screen"), "in the picture too");
    assert!(has_label(&h, "Truth: dog, silent"));
}

fn paused_again_at(h: &mut H, frame: u32) {
    h.state_mut().ask(Request::SeekFrame(FrameIndex(frame)));
    until(h, "the frame is shown", |h| {
        let p = h.state().view().presentation;
        p.exact && p.frame.as_ref().is_some_and(|f| f.index == FrameIndex(frame))
    });
    frames(h);
}

#[test]
fn t_hides_and_shows_the_outlines() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = window(dir.path(), with_truth(dir.path()));
    // Standing: the dog barks for half a second only, which a busy machine plays past.
    paused_at(&mut h, 4);
    until(&mut h, "the truth is drawn", |h| has_label(h, "Truth: dog"));
    h.key_press(Key::T);
    frames(&mut h);
    assert!(!h.state().view().overlay.truth && !has_label(&h, "Truth: dog"));
    h.key_press(Key::T);
    frames(&mut h);
    assert!(has_label(&h, "Truth: dog"));
}

#[test]
fn without_a_truth_file_the_panel_names_the_one_it_would_take() {
    let dir = tempfile::tempdir().unwrap();
    let args = WindowArgs { inputs: vec![clip(dir.path(), "a b.mp4", 25)], ..Default::default() };
    let mut h = window(dir.path(), args);
    h.state_mut().ask(Request::Run("panel", Some("Truth".into())));
    until(&mut h, "the clip is open", |h| h.state().view().has_clip());
    frames(&mut h);
    assert!(has_label(&h, "Put `a b.truth.json` beside it, or drop one here."));
    assert!(!has_label(&h, "Truth row"), "no lane without truth");
    h.key_press(Key::T);
    frames(&mut h);
    assert!(has_label(&h, "no truth file"), "the key says why it does nothing");
}

#[test]
fn a_truth_file_dropped_on_the_playing_clip_is_its_truth_and_a_bad_one_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let args = WindowArgs { inputs: vec![walk_clip(dir.path())], ..Default::default() };
    let mut h = window(dir.path(), args);
    until(&mut h, "the clip is open", |h| h.state().view().has_clip());
    let elsewhere = dir.path().join("other.truth.json");
    track().write(&elsewhere).unwrap();
    h.state_mut().ask(Request::Open(vec![elsewhere]));
    until(&mut h, "it is read", |h| h.state().view().truth.here().is_some());
    assert_eq!(h.state().view().source.unwrap().display_name(), "walk.mp4", "the clip plays on");
    let bad = dir.path().join("bad.truth.json");
    std::fs::write(&bad, br#"{"format":"fnac-truth","version":9}"#).unwrap();
    h.state_mut().ask(Request::Open(vec![bad]));
    until(&mut h, "the cause is said", |h| has_label(h, "format version 9"));
    assert!(h.state().view().truth.here().is_some(), "the one in use stays");
}

#[test]
fn a_broken_sidecar_is_told_in_a_toast_and_in_the_panel_and_the_clip_plays() {
    let dir = tempfile::tempdir().unwrap();
    let path = walk_clip(dir.path());
    std::fs::write(TruthTrack::sidecar(&path), b"{\"format\": \"fnac-truth\", \"version\"")
        .unwrap();
    let args = WindowArgs { inputs: vec![path], ..Default::default() };
    let mut h = window(dir.path(), args);
    h.state_mut().ask(Request::Run("panel", Some("Truth".into())));
    until(&mut h, "toast and panel", |h| {
        h.query_all_by_label_contains("walk.truth.json` is no truth file").count() >= 2
    });
    until(&mut h, "it plays", |h| h.state().view().presentation.frame.is_some());
}

#[test]
fn defects_are_listed_and_the_rest_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let path = walk_clip(dir.path());
    let json = track().to_json().replace("[8, 30, 40, 62]", "[40, 30, 8, 62]");
    std::fs::write(TruthTrack::sidecar(&path), json).unwrap();
    let args = WindowArgs { inputs: vec![path], ..Default::default() };
    let mut h = window(dir.path(), args);
    h.state_mut().ask(Request::Run("panel", Some("Truth".into())));
    until(&mut h, "the defect is listed", |h| {
        h.query_all_by_label_contains("source 1 (dog), moment 0").count() >= 2
    });
    assert!(h.state().view().truth.here().is_some());
}

#[test]
fn another_clip_forgets_the_truth() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = window(dir.path(), with_truth(dir.path()));
    until(&mut h, "the truth is read", |h| h.state().view().truth.here().is_some());
    let other = clip(dir.path(), "other.mp4", 25);
    h.state_mut().ask(Request::Open(vec![other]));
    until(&mut h, "the other is open", |h| {
        let v = h.state().view();
        v.source.is_some_and(|s| s.display_name() == "other.mp4") && v.has_clip()
    });
    frames(&mut h);
    assert!(h.state().view().truth.here().is_none() && !has_label(&h, "Truth: dog"));
}

/// A small checkpoint of the golden data, or a word about its absence.
fn checkpoint() -> Option<PathBuf> {
    let root = std::env::var_os("FNAC_REFERENCE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference"),
        PathBuf::from,
    );
    let path = root.join("checkpoints/narrow.pth");
    if !path.exists() {
        assert!(std::env::var_os("FNAC_REQUIRE_REFERENCE").is_none());
        println!("skipped: golden data absent");
        return None;
    }
    Some(path)
}

#[test]
fn the_panels_numbers_are_those_of_the_metrics_for_the_map_on_the_screen() {
    use fnac::eval::metrics::{
        Cells, Ties, TruthMap, adaptive, ciou, half_map, pointing, scored, stretched,
    };
    let Some(checkpoint) = checkpoint() else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = clip(dir.path(), "loud.mp4", 25);
    track().write(&TruthTrack::sidecar(&path)).unwrap();
    let args = WindowArgs {
        inputs: vec![path],
        checkpoint: Some(checkpoint),
        device: "cpu".into(),
        ..Default::default()
    };
    let mut h = window(dir.path(), args);
    h.state_mut().ask(Request::Run("panel", Some("Truth".into())));
    h.state_mut().ask(Request::Run("hud", None));
    paused_at(&mut h, 5);
    until(&mut h, "the frame has its map", |h| {
        matches!(h.state().view().map, fnac::infer::MapAt::Exact(_))
            && h.state().view().truth.means.scored > 0
    });
    frames(&mut h);
    let stored = h.state().view().map.stored().unwrap().clone();
    let geometry = h.state().view().geometry();
    let truth = TruthMap::from_boxes([&box_at(5)], SIZE);
    let drawn = stretched(&scored(&stored.map.grid(), Cells::at(geometry)));
    let cut = adaptive(&drawn, truth.count(), Ties::Outside);
    let official = stretched(&scored(&stored.map.grid(), Cells::BILINEAR));
    let want_adaptive = ciou(&cut.mask, &truth).value();
    let want_half = ciou(&half_map(&official).mask, &truth).value();
    let word = if pointing(&drawn, &truth) { "hit" } else { "miss" };
    for text in [format!("{want_adaptive:.3}"), format!("{want_half:.3}"), word.to_owned()] {
        assert!(h.query_all_by_label(&text).next().is_some(), "the panel shows {text}");
    }
    let line = format!("truth: {want_adaptive:4.2} adaptive  {want_half:4.2} half-map");
    assert!(has_label(&h, &line), "the info block says {line}");
    assert!(has_label(&h, "below a quarter: half-map cannot exceed"));
    let prediction = &h.state().view().truth.judged.as_ref().unwrap().marks.prediction;
    assert!(!prediction.is_empty() && has_label(&h, "Prediction"));
}

/// Bounds of the pixels for which `is` holds, in `[x0, y0, x1, y1]`, right and lower edge outside.
fn bounds(
    image: &image::RgbaImage,
    within: egui::Rect,
    is: impl Fn([u8; 4]) -> bool,
) -> Option<[f32; 4]> {
    let inside = |x: u32, y: u32| within.contains(egui::pos2(x as f32 + 0.5, y as f32 + 0.5));
    let hits = image.enumerate_pixels().filter(|(x, y, p)| inside(*x, *y) && is(p.0));
    hits.fold(None, |b: Option<[f32; 4]>, (x, y, _)| {
        let p = [x as f32, y as f32, x as f32 + 1.0, y as f32 + 1.0];
        Some(b.map_or(p, |b| [b[0].min(p[0]), b[1].min(p[1]), b[2].max(p[2]), b[3].max(p[3])]))
    })
}

#[test]
fn the_outline_lies_on_the_thing_in_the_picture() {
    if fnac::overlay::gpu::Headless::open().is_err() {
        assert!(std::env::var_os("FNAC_REQUIRE_GPU").is_none());
        println!("skipped: no adapter");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut h = window(dir.path(), with_truth(dir.path()));
    until(&mut h, "the truth is drawn", |h| has_label(h, "Truth: dog"));
    for frame in [3, 9] {
        paused_at_any(&mut h, frame);
        let place = h.get_by_label(&format!("Picture, frame {frame}")).rect().shrink(2.0);
        let with = h.render().unwrap();
        h.key_press(Key::T);
        frames(&mut h);
        let without = h.render().unwrap();
        h.key_press(Key::T);
        frames(&mut h);
        let white = |p: [u8; 4]| p[0] > 190 && p[1] > 190 && p[2] > 190;
        // Only the dog's row of the picture: the cat's outline is thin and blue, too.
        let rows = bounds(&without, place, white).expect("the white box is in the picture");
        let around = egui::Rect::from_min_max(
            egui::pos2(place.left(), rows[1] - 8.0),
            egui::pos2(place.right(), rows[3] + 8.0),
        );
        let blue = |p: [u8; 4]| p[0] < 120 && p[1] > 150 && p[2] > 200;
        let line = bounds(&with, around, blue).expect("an outline is drawn");
        // The label hides the left part of the upper edge.
        let beside = around.with_min_x(rows[2] - 20.0);
        let upper = bounds(&with, beside, blue).expect("an upper edge is drawn")[1];
        let line = [line[0], upper, line[2], line[3]];
        for k in 0..4 {
            // The line's middle lies on the edge; it is 2.5 points wide, the video is scaled up.
            let off = (line[k] - rows[k]).abs();
            assert!(off < 4.0, "frame {frame}, edge {k}: {off} points off, {line:?} {rows:?}");
        }
        assert!(bounds(&without, around, blue).is_none(), "t takes it away");
    }
}

/// [`paused_at`] for a window that may be paused already.
fn paused_at_any(h: &mut H, frame: u32) {
    if h.state().view().presentation.state == PlayState::Playing {
        h.key_press(Key::Space);
        until(h, "it pauses", |h| h.state().view().presentation.state == PlayState::Paused);
    }
    paused_again_at(h, frame);
}
