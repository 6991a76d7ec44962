//! The checkpoint that the program carries: taken where none is named, never in the way of others.

use egui_kittest::kittest::Queryable as _;
use fnac::app::WindowArgs;
use fnac::app::commands::Request;
use fnac::model::Checkpoint;

use crate::harness::{H, clip, frames, until, window, window_with_model};

/// A small file that stands for the one in `assets/`.
fn demo(dir: &std::path::Path) -> &'static [u8] {
    let path = dir.join("demo.safetensors");
    let mut checkpoint = Checkpoint::formula(2, 16, "");
    checkpoint.card.name = "Demo model".into();
    checkpoint.card.remark = Some("knows only this drawn world".into());
    checkpoint.write_safetensors(&path).unwrap();
    std::fs::read(&path).unwrap().leak()
}

fn title(h: &H) -> Option<String> {
    h.state().view().checkpoint.map(|c| c.title())
}

#[test]
fn on_the_built_in_clip_one_line_says_what_is_seen_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = window_with_model(dir.path(), WindowArgs::default(), Some(demo(dir.path())));
    let line = "Demo model · knows only this drawn world · drop a video or a checkpoint here";
    until(&mut h, "the line stands under the picture", |h| h.query_by_label(line).is_some());
    assert_eq!(h.state().view().settings.model.checkpoint, None, "nothing is kept as chosen");
    assert!(h.state().view().settings.recent.checkpoints.is_empty());
}

#[test]
fn a_checkpoint_of_ones_own_replaces_it_and_it_can_be_taken_again() {
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("mine.safetensors");
    Checkpoint::formula(2, 16, "x/").write_safetensors(&own).unwrap();
    let args = WindowArgs {
        inputs: vec![clip(dir.path(), "a.mp4", 25)],
        checkpoint: Some(own.clone()),
        ..WindowArgs::default()
    };
    let mut h = window_with_model(dir.path(), args, Some(demo(dir.path())));
    until(&mut h, "the named one is there", |h| title(h).as_deref() == Some("mine.safetensors"));
    h.state_mut().ask(Request::Run("demo-model", None));
    until(&mut h, "the demo model is back", |h| {
        title(h).as_deref() == Some("Demo model · knows only this drawn world")
    });
}

#[test]
fn a_named_file_that_is_gone_leaves_the_demo_model_and_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let args = WindowArgs {
        inputs: vec![clip(dir.path(), "a.mp4", 25)],
        checkpoint: Some(dir.path().join("gone.pth")),
        ..WindowArgs::default()
    };
    let mut h = window_with_model(dir.path(), args, Some(demo(dir.path())));
    until(&mut h, "the demo model is used", |h| title(h).is_some_and(|t| t.starts_with("Demo")));
    frames(&mut h);
    assert!(h.query_all_by_label_contains("The demo model is used").next().is_some());
}

#[test]
fn a_program_without_one_opens_without_a_model() {
    let dir = tempfile::tempdir().unwrap();
    let args = WindowArgs { inputs: vec![clip(dir.path(), "a.mp4", 25)], ..WindowArgs::default() };
    let mut h = window(dir.path(), args);
    until(&mut h, "the clip is open", |h| h.state().view().has_clip());
    assert_eq!(title(&h), None);
    assert!(!h.state().view().has_demo_model);
}
