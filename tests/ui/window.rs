//! Commands, keys, layouts, settings, opening: by labels and roles.

use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use fnac::app::WindowArgs;
use fnac::app::commands::Request;
use fnac::app::settings::ThemeChoice;
use fnac::player::PlayState;

use crate::harness::{H, clip, frames, until, window};

/// An argument that opens nothing on the disk for long: a clip of one second.
fn with_clip(dir: &std::path::Path) -> WindowArgs {
    WindowArgs { inputs: vec![clip(dir, "one second.mp4", 25)], ..WindowArgs::default() }
}

#[test]
fn the_palette_finds_a_command_by_letters_and_runs_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = window(dir.path(), with_clip(dir.path()));
    frames(&mut h);
    assert!(h.query_by_label("Command palette").is_none());
    h.key_press_modifiers(Modifiers::COMMAND, Key::P);
    frames(&mut h);
    h.get_by_label("Command palette").type_text("darklight");
    frames(&mut h);
    h.key_press(Key::Enter);
    frames(&mut h);
    assert!(h.query_by_label("Command palette").is_none(), "it closes when it ran something");
    assert_eq!(h.state().view().settings.look.theme, ThemeChoice::Light);
}

#[test]
fn the_palette_takes_an_argument_inline() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = window(dir.path(), with_clip(dir.path()));
    until(&mut h, "the clip is open", |h| h.state().view().has_clip());
    h.key_press_modifiers(Modifiers::COMMAND, Key::K);
    frames(&mut h);
    h.get_by_label("Command palette").type_text("speed 0.25");
    frames(&mut h);
    h.key_press(Key::Enter);
    frames(&mut h);
    assert_eq!(h.state().view().presentation.speed, 0.25);
}

#[test]
fn a_disabled_command_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = window(dir.path(), with_clip(dir.path()));
    frames(&mut h);
    h.key_press_modifiers(Modifiers::COMMAND, Key::P);
    frames(&mut h);
    h.get_by_label("Command palette").type_text("silence");
    frames(&mut h);
    assert!(
        h.query_all_by_label_contains("Not now: no c").next().is_some(),
        "the reason stands in the palette"
    );
    h.key_press(Key::Enter);
    frames(&mut h);
    assert!(h.query_all_by_label_contains("not now, no c").next().is_some(), "and in a toast");
    assert_eq!(*h.state().view().sound_test, fnac::infer::SoundTest::None);
}

#[test]
fn keys_do_not_fire_while_someone_types_and_escape_gives_them_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = window(dir.path(), with_clip(dir.path()));
    frames(&mut h);
    h.key_press_modifiers(Modifiers::COMMAND, Key::P);
    frames(&mut h);
    let shown = h.state().view().overlay.visible;
    h.key_press(Key::V);
    frames(&mut h);
    assert_eq!(h.state().view().overlay.visible, shown, "`v` is text here");
    h.key_press(Key::Escape);
    frames(&mut h);
    h.key_press(Key::V);
    frames(&mut h);
    assert_ne!(h.state().view().overlay.visible, shown, "`v` is a command again");
}

#[test]
fn space_plays_and_pauses_even_when_a_button_has_the_focus() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = window(dir.path(), with_clip(dir.path()));
    until(&mut h, "it plays", |h| h.state().view().presentation.state == PlayState::Playing);
    h.get_by_label("Mute").focus();
    frames(&mut h);
    h.key_press(Key::Space);
    until(&mut h, "it pauses", |h| h.state().view().presentation.state == PlayState::Paused);
    assert!(!h.state().view().settings.play.muted, "the focused button was not pressed");
}

#[test]
fn a_click_on_the_transport_bar_does_what_its_name_says() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = window(dir.path(), with_clip(dir.path()));
    until(&mut h, "it plays", |h| h.state().view().presentation.state == PlayState::Playing);
    h.get_by_label("Play / pause").click();
    until(&mut h, "it pauses", |h| h.state().view().presentation.state == PlayState::Paused);
    h.get_by_label("Mute").click();
    frames(&mut h);
    assert!(h.state().view().settings.play.muted);
}

#[test]
fn the_key_sheet_opens_with_a_question_mark_and_closes_with_escape() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = window(dir.path(), with_clip(dir.path()));
    frames(&mut h);
    h.key_press(Key::Questionmark);
    frames(&mut h);
    assert!(h.query_by_label_contains("Esc closes").is_some());
    assert!(h.query_by_label("Silence test").is_some());
    h.key_press(Key::Escape);
    frames(&mut h);
    assert!(h.query_by_label_contains("Esc closes").is_none());
}

#[test]
fn a_panel_comes_by_name_and_the_layout_resets() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = window(dir.path(), with_clip(dir.path()));
    frames(&mut h);
    assert!(h.query_by_label("Problems only").is_none(), "the log is behind the probe");
    h.state_mut().ask(Request::Run("panel", Some("Log".into())));
    frames(&mut h);
    assert!(h.query_by_label("Problems only").is_some());
    h.state_mut().ask(Request::Run("reset-layout", None));
    frames(&mut h);
    assert!(h.query_by_label("Problems only").is_none());
}

#[test]
fn settings_survive_a_restart_and_a_corrupt_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = window(dir.path(), with_clip(dir.path()));
    h.state_mut().ask(Request::Run("theme", Some("light".into())));
    h.state_mut().ask(Request::Run("colormap", Some("turbo".into())));
    frames(&mut h);
    h.state_mut().close();
    drop(h);
    let mut h = window(dir.path(), with_clip(dir.path()));
    frames(&mut h);
    assert_eq!(h.state().view().settings.look.theme, ThemeChoice::Light);
    assert_eq!(h.state().view().overlay.colormap.name(), "turbo");
    drop(h);
    std::fs::write(dir.path().join("settings.toml"), b"\x00 not = [ toml").unwrap();
    let mut h = window(dir.path(), with_clip(dir.path()));
    frames(&mut h);
    assert_eq!(h.state().view().settings.look.theme, ThemeChoice::Dark, "defaults");
    assert!(h.query_all_by_label_contains("settings.toml").next().is_some(), "and a word about it");
}

#[test]
fn what_cannot_be_opened_gives_a_toast_with_the_cause() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = window(dir.path(), with_clip(dir.path()));
    frames(&mut h);
    h.state_mut().ask(Request::Open(vec!["/no/such/film.mp4".into()]));
    frames(&mut h);
    assert!(h.query_all_by_label_contains("/no/such/film.mp4").next().is_some());
    let broken = dir.path().join("broken.mp4");
    std::fs::write(&broken, b"this is no video").unwrap();
    h.state_mut().ask(Request::Open(vec![broken]));
    until(&mut h, "the cause is said", |h| {
        h.query_all_by_label_contains("broken.mp4").next().is_some()
    });
    let not_weights = dir.path().join("weights.pth");
    std::fs::write(&not_weights, b"no weights").unwrap();
    h.state_mut().ask(Request::Open(vec![not_weights]));
    until(&mut h, "the checkpoint is refused", |h| {
        h.query_all_by_label_contains("weights.pth").next().is_some()
    });
    assert!(h.state().view().checkpoint.is_none());
}

#[test]
fn a_folder_is_a_playlist_that_page_keys_walk_through() {
    let dir = tempfile::tempdir().unwrap();
    let films = dir.path().join("films");
    std::fs::create_dir(&films).unwrap();
    for name in ["b10.mp4", "b9.mp4"] {
        clip(&films, name, 25);
    }
    let args = WindowArgs { inputs: vec![films], ..WindowArgs::default() };
    let mut h = window(dir.path(), args);
    until(&mut h, "the first is open", |h| h.state().view().has_clip());
    let name = |h: &H| h.state().view().source.unwrap().display_name();
    assert_eq!(name(&h), "b9.mp4");
    h.key_press(Key::PageDown);
    until(&mut h, "the next is open", |h| name(h) == "b10.mp4" && h.state().view().has_clip());
}

#[test]
fn a_clash_of_keys_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = window(dir.path(), with_clip(dir.path()));
    until(&mut h, "the clip is open", |h| h.state().view().has_clip());
    h.state_mut().ask(Request::Rebind("mute", vec!["Space".into()]));
    frames(&mut h);
    assert!(h.query_all_by_label_contains("already means").next().is_some());
    assert_eq!(h.state().view().bindings.shortcut("mute").as_deref(), Some("m"));
    h.state_mut().ask(Request::Rebind("mute", vec!["Ctrl+M".into()]));
    frames(&mut h);
    h.key_press_modifiers(Modifiers::COMMAND, Key::M);
    frames(&mut h);
    assert!(h.state().view().settings.play.muted);
}

#[test]
fn the_demo_layout_hides_all_chrome_and_escape_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = window(dir.path(), with_clip(dir.path()));
    until(&mut h, "the clip is open", |h| h.state().view().has_clip());
    assert!(h.query_by_label("Play / pause").is_some());
    h.key_press(Key::F5);
    frames(&mut h);
    assert!(h.query_by_label("Play / pause").is_none() && h.query_by_label("File").is_none());
    assert!(h.state().view().demo);
    h.key_press(Key::Escape);
    frames(&mut h);
    assert!(h.query_by_label("Play / pause").is_some());
}

#[test]
fn a_paused_window_asks_for_no_more_frames() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = window(dir.path(), with_clip(dir.path()));
    until(&mut h, "it plays", |h| h.state().view().presentation.state == PlayState::Playing);
    h.key_press(Key::Space);
    until(&mut h, "it pauses", |h| h.state().view().presentation.state == PlayState::Paused);
    // Toasts, tooltips and the look-ahead come to rest.
    let quiet = |h: &H| {
        let delay = h.output().viewport_output.values().map(|v| v.repaint_delay).min();
        delay.is_none_or(|d| d > std::time::Duration::from_millis(400))
    };
    until(&mut h, "no repaint is asked for", quiet);
}
