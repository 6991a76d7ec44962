//! The run as one sees and hears it: the overlay that learns, matrices, pairs, the watch list.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};
use egui::{Event, Key, Modifiers, Role};
use egui_kittest::kittest::Queryable as _;
use fnac::app::WindowArgs;
use fnac::app::commands::Request;
use fnac::app::learning::LearnAsk;
use fnac::app::training::{Heard, RunLink};
use fnac::model::Checkpoint;
use fnac::player::PlayState;
use fnac::train::audit::{FalseNegatives, Verdict};
use fnac::train::events::{Adjacency, RunFacts, Stage, TrainCommand, TrainEvent};
use fnac::train::{TrainConfig, preset};
use fnac::units::{FrameIndex, LocalizationMap};

use crate::harness::{H, clip, frames, until, window};

/// A run whose thread is the test.
struct Hand(Receiver<TrainEvent>, Sender<TrainCommand>);

impl RunLink for Hand {
    fn next(&mut self) -> Heard {
        match self.0.try_recv() {
            Ok(e) => Heard::Event(e),
            Err(TryRecvError::Empty) => Heard::Nothing,
            Err(TryRecvError::Disconnected) => Heard::Gone,
        }
    }

    fn tell(&mut self, command: TrainCommand) {
        self.1.send(command).ok();
    }
}

fn train_window(dir: &Path) -> H {
    let args = WindowArgs {
        inputs: vec![clip(dir, "one second.mp4", 25)],
        layout: Some("train".into()),
        ..WindowArgs::default()
    };
    let mut h = window(dir, args);
    until(&mut h, "the clip is open", |h| h.state().view().has_clip());
    h
}

/// Eight items of the drawn world, and a recipe that learns from them.
fn data(dir: &Path) -> TrainConfig {
    let out = dir.join("data");
    let status = Command::new(env!("CARGO_BIN_EXE_fnac"))
        .args(["synth", "--seed", "3", "--count", "8", "--quiet", "--out"])
        .arg(&out)
        .status()
        .unwrap();
    assert!(status.success());
    let mut config = preset("quick-demo").unwrap();
    config.batch.size = 4;
    config.data.train = out.to_string_lossy().into_owned();
    config
}

/// A run of 40 steps, ten an epoch.
fn run(
    h: &mut H,
    folder: &Path,
    config: TrainConfig,
) -> (Sender<TrainEvent>, Receiver<TrainCommand>) {
    std::fs::create_dir_all(folder).unwrap();
    let (events, take) = unbounded();
    let (give, commands) = unbounded();
    h.state_mut().attach_run(config, Box::new(Hand(take, give)));
    let facts = RunFacts {
        folder: folder.to_owned(),
        items: 8,
        listed: 8,
        steps: 40,
        steps_per_epoch: 10,
        ..RunFacts::default()
    };
    events.send(TrainEvent::Started(Arc::new(facts))).unwrap();
    events.send(TrainEvent::Stage(Stage::Training)).unwrap();
    frames(h);
    (events, commands)
}

fn publish(events: &Sender<TrainEvent>, salt: &str, step: u64) {
    let checkpoint = Arc::new(Checkpoint::formula(2, 8, salt));
    events.send(TrainEvent::Published(checkpoint, step)).unwrap();
}

/// A look at a batch in which the first two items agree in sound and picture.
fn look(step: u64, ids: &[String]) -> Arc<Adjacency> {
    let b = ids.len();
    let even = vec![1.0 / b as f32; b * b];
    let mut cross = even.clone();
    cross[1] = 0.0;
    cross[0] = 2.0 / b as f32;
    let cosine = |k: usize| match ((k / b).min(k % b), (k / b).max(k % b)) {
        (i, j) if i == j => 1.0,
        (0, 1) => 0.9,
        (i, j) => 0.05 * (i + j) as f32,
    };
    let cosines: Vec<f32> = (0..b * b).map(cosine).collect();
    Arc::new(Adjacency {
        step,
        ids: ids.to_vec(),
        sound: even.clone(),
        image: even.clone(),
        foreground: even,
        cross,
        maps: vec![0.0; b * 49],
        masks: vec![1.0; b * 49],
        sound_cosine: cosines.clone(),
        image_cosine: cosines,
        ..Adjacency::default()
    })
}

fn names(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("item {i}")).collect()
}

fn has_label(h: &H, part: &str) -> bool {
    h.query_all_by_label_contains(part).next().is_some()
}

fn panel(h: &mut H, title: &str) {
    h.state_mut().ask(Request::Run("panel", Some(title.to_owned())));
    frames(h);
}

fn rest_at(h: &mut H, frame: u32) {
    until(h, "it plays", |h| h.state().view().presentation.state == PlayState::Playing);
    h.key_press(Key::Space);
    until(h, "it rests", |h| h.state().view().presentation.state == PlayState::Paused);
    h.state_mut().ask(Request::SeekFrame(FrameIndex(frame)));
    until(h, "the frame is shown", |h| {
        let p = h.state().view().presentation;
        p.exact && p.frame.as_ref().is_some_and(|f| f.index == FrameIndex(frame))
    });
}

fn map(h: &H) -> Option<LocalizationMap> {
    h.state().view().map.stored().map(|s| s.map)
}

fn words(h: &H) -> Option<String> {
    h.state().view().live_words.map(str::to_owned)
}

fn key(h: &mut H, key: Key, text: &str, pressed: bool) {
    if pressed {
        h.event(Event::Key {
            key,
            physical_key: Some(key),
            pressed,
            repeat: false,
            modifiers: Modifiers::NONE,
        });
        h.event(Event::Text(text.to_owned()));
    } else {
        h.event(Event::Key {
            key,
            physical_key: Some(key),
            pressed,
            repeat: false,
            modifiers: Modifiers::NONE,
        });
    }
    h.step();
}

/// All files below a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(d) = open.pop() {
        for entry in std::fs::read_dir(d).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

#[test]
fn before_a_run_each_panel_says_when_it_fills() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = train_window(dir.path());
    for (title, part) in [
        ("Learnt", "Start a run in the Training panel"),
        ("Adjacency", "while a run is at work"),
        ("False negatives", "The list fills while a run is at work"),
        ("Watch list", "They come with a run"),
    ] {
        panel(&mut h, title);
        until(&mut h, part, |h| has_label(h, part));
    }
}

#[test]
fn the_picture_shows_new_weights_when_they_come_and_the_starts_while_the_key_is_held() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = train_window(dir.path());
    rest_at(&mut h, 4);
    let (events, _commands) = run(&mut h, &dir.path().join("run-0001"), TrainConfig::default());
    publish(&events, "a", 0);
    until(&mut h, "the start's map", |h| words(h).as_deref() == Some("start of the run"));
    let start = map(&h).expect("a map is there with its words");
    publish(&events, "b", 10);
    until(&mut h, "the new weights", |h| {
        assert!(map(h).is_some(), "never without a map in between");
        words(h).as_deref() == Some("learning, step 10")
    });
    let learnt = map(&h).unwrap();
    assert_ne!(start, learnt, "other weights, another map");
    assert!(has_label(&h, "learning, step 10"), "the picture says so itself");
    key(&mut h, Key::E, "e", true);
    until(&mut h, "the start while held", |h| {
        words(h).as_deref() == Some("start of the run") && map(h) == Some(start)
    });
    key(&mut h, Key::E, "e", false);
    until(&mut h, "the learnt again", |h| map(h) == Some(learnt));
    // Another frame, and the newest weights' map of it.
    h.state_mut().ask(Request::SeekFrame(FrameIndex(12)));
    until(&mut h, "frame 12", |h| {
        let view = h.state().view();
        view.presentation.frame.as_ref().is_some_and(|f| f.index == FrameIndex(12))
            && view.map.stored().is_some_and(|s| s.frame == FrameIndex(12))
    });
    let maps: Vec<_> = files(&dir.path().join("cache"))
        .into_iter()
        .filter(|p| p.to_string_lossy().contains("maps"))
        .collect();
    assert!(maps.is_empty(), "nothing of a run is kept on disk: {maps:?}");
    // The switch brings the loaded checkpoint back: here there is none.
    h.state_mut().ask(Request::Learn(LearnAsk::Show(false)));
    until(&mut h, "no learnt map", |h| words(h).is_none() && map(h).is_none());
}

#[test]
fn the_slider_walks_through_the_moments_and_the_newest_follows() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = train_window(dir.path());
    rest_at(&mut h, 4);
    let folder = dir.path().join("run-0001");
    let (events, _commands) = run(&mut h, &folder, TrainConfig::default());
    publish(&events, "a", 0);
    until(&mut h, "the start", |h| words(h).is_some());
    let path = folder.join("checkpoints/epoch-0001.safetensors");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    Checkpoint::formula(2, 8, "b").write_safetensors(&path).unwrap();
    events.send(TrainEvent::Saved { path, step: 10 }).unwrap();
    publish(&events, "c", 14);
    until(&mut h, "the newest", |h| words(h).as_deref() == Some("learning, step 14"));
    let newest = map(&h);
    panel(&mut h, "Learnt");
    until(&mut h, "the slider", |h| has_label(h, "step 14, follows the run"));
    for (id, expected) in [
        ("moment-earlier", "learnt, epoch 1 (step 10)"),
        ("moment-earlier", "start of the run"),
        ("moment-later", "learnt, epoch 1 (step 10)"),
    ] {
        h.state_mut().ask(Request::Run(id, None));
        until(&mut h, expected, |h| words(h).as_deref() == Some(expected));
    }
    // While a moment is chosen the run goes on without changing the picture.
    publish(&events, "d", 20);
    until(&mut h, "four moments", |h| h.state().view().learning.moments.all().len() == 4);
    frames(&mut h);
    assert_eq!(words(&h).as_deref(), Some("learnt, epoch 1 (step 10)"));
    assert_ne!(map(&h), newest);
    h.state_mut().ask(Request::Run("moment-newest", None));
    until(&mut h, "step 20", |h| words(h).as_deref() == Some("learning, step 20"));
}

#[test]
fn the_run_is_told_how_often_the_window_wants_weights_and_matrices() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = train_window(dir.path());
    let (_events, commands) = run(&mut h, &dir.path().join("run-0001"), TrainConfig::default());
    frames(&mut h);
    let told: Vec<TrainCommand> = commands.try_iter().collect();
    assert!(told.contains(&TrainCommand::PublishEvery(10)), "{told:?}");
    assert!(told.contains(&TrainCommand::AdjacencyEvery(1)), "{told:?}");
    let mut settings = h.state().view().settings.learn.clone();
    settings.publish_steps = 50;
    h.state_mut().ask(Request::Learn(LearnAsk::Settings(settings)));
    frames(&mut h);
    let told: Vec<TrainCommand> = commands.try_iter().collect();
    assert_eq!(told, [TrainCommand::PublishEvery(50)], "and nothing that did not change");
    h.state_mut().ask(Request::Learn(LearnAsk::Show(false)));
    frames(&mut h);
    assert_eq!(commands.try_iter().next(), Some(TrainCommand::PublishEvery(0)));
}

#[test]
fn the_matrices_show_the_batch_and_a_cell_names_its_pair() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = train_window(dir.path());
    let (events, _commands) = run(&mut h, &dir.path().join("run-0001"), TrainConfig::default());
    panel(&mut h, "Adjacency");
    until(&mut h, "the wait", |h| has_label(h, "come with the first contrastive step"));
    events.send(TrainEvent::Adjacency(look(3, &names(4)))).unwrap();
    until(&mut h, "the matrices", |h| has_label(h, "step 3, batch of 4"));
    for title in ["Sound", "Picture", "Foreground", "Cross-modal", "FNS-1", "TNE", "FNS-2"] {
        assert!(h.query_by_role_and_label(Role::Image, title).is_some(), "{title}");
    }
    // Row 0, column 1.
    let rect = h.get_by_role_and_label(Role::Image, "Sound").rect();
    let at = rect.min + egui::vec2(rect.width() * 0.375, rect.height() * 0.125);
    h.hover_at(at);
    until(&mut h, "the pair", |h| {
        has_label(h, "row 0: item 0") && has_label(h, "column 1: item 1")
    });
    assert!(has_label(&h, "+0.2500"), "FNS-1 of the cell: 0.25 - 0");
    // A newer batch takes its place; what is chosen stays.
    events.send(TrainEvent::Adjacency(look(4, &names(6)))).unwrap();
    until(&mut h, "the next batch", |h| has_label(h, "step 4, batch of 6"));
}

#[test]
fn a_click_on_a_cell_plays_both_sounds_and_the_clip_waits() {
    let dir = tempfile::tempdir().unwrap();
    let config = data(dir.path());
    let mut h = train_window(dir.path());
    until(&mut h, "it plays", |h| h.state().view().presentation.state == PlayState::Playing);
    let (events, _commands) = run(&mut h, &dir.path().join("run-0001"), config);
    let set = |h: &H| match h.state().view().learning.items.set() {
        fnac::app::learning::SetState::Here(set) => Some(set),
        _ => None,
    };
    until(&mut h, "the data set", |h| set(h).is_some());
    let ids = set(&h).unwrap().some(4);
    panel(&mut h, "Adjacency");
    events.send(TrainEvent::Adjacency(look(3, &ids))).unwrap();
    until(&mut h, "the matrices", |h| has_label(h, "step 3, batch of 4"));
    let rect = h.get_by_role_and_label(Role::Image, "Sound").rect();
    let at = rect.min + egui::vec2(rect.width() * 0.375, rect.height() * 0.125);
    h.hover_at(at);
    h.step();
    for pressed in [true, false] {
        h.event(Event::PointerButton {
            pos: at,
            button: egui::PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        });
    }
    let now = |h: &H| h.state().view().learning.snippets.playing().now;
    until(&mut h, "the first sound", |h| now(h) == Some((0, ids[0].clone())));
    until(&mut h, "the clip waits", |h| h.state().view().presentation.state == PlayState::Paused);
    until(&mut h, "the second sound", |h| now(h) == Some((1, ids[1].clone())));
    assert!(has_label(&h, "Let go"), "the batch is held");
    h.state_mut().ask(Request::Learn(LearnAsk::Quiet));
    until(&mut h, "the clip goes on", |h| {
        h.state().view().presentation.state == PlayState::Playing
    });
    assert_eq!(h.state().view().presentation.counters.underruns, 0, "its sound has no gap");
}

#[test]
fn pairs_are_listed_judged_by_keys_and_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("run-0001");
    let mut h = train_window(dir.path());
    let (events, _commands) = run(&mut h, &folder, TrainConfig::default());
    panel(&mut h, "False negatives");
    until(&mut h, "the wait", |h| has_label(h, "No pair is suspected yet"));
    // Looks count once the folder was read: one more until the list has its pair.
    let step = std::cell::Cell::new(0);
    until(&mut h, "a pair", |h| {
        step.set(step.get() + 1);
        events.send(TrainEvent::Adjacency(look(step.get(), &names(4)))).unwrap();
        has_label(h, "Pair 1: item 0 and item 1")
    });
    assert!(has_label(&h, "-, n = 0"));
    key(&mut h, Key::J, "j", true);
    key(&mut h, Key::J, "j", false);
    until(&mut h, "it is chosen", |h| h.state().view().learning.audit.selected.is_some());
    key(&mut h, Key::Y, "y", true);
    key(&mut h, Key::Y, "y", false);
    until(&mut h, "the precision", |h| has_label(h, "1.00 [0.21, 1.00], n = 1"));
    until(&mut h, "the file", |_| {
        FalseNegatives::read(&folder).is_ok_and(|f| f.precision().told == 1)
    });
    drop(h);
    // Another window, the same run.
    let mut h = train_window(dir.path());
    let (_events, _commands) = run(&mut h, &folder, TrainConfig::default());
    panel(&mut h, "False negatives");
    until(&mut h, "the verdict is back", |h| has_label(h, "n = 1"));
    let pairs = &h.state().view().learning.audit.pairs;
    let judged = pairs.get("item 0", "item 1").unwrap();
    assert_eq!(judged.verdict, Some(Verdict::Same));
}

#[test]
fn the_watch_list_holds_eight_items_and_a_pinned_frame_and_each_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let config = data(dir.path());
    let mut h = train_window(dir.path());
    rest_at(&mut h, 4);
    let folder = dir.path().join("run-0001");
    let (events, _commands) = run(&mut h, &folder, config);
    panel(&mut h, "Watch list");
    publish(&events, "a", 0);
    let pins = |h: &H| h.state().view().learning.pins.clone();
    until(&mut h, "eight pins", |h| pins(h).len() == 8);
    let first = pins(&h)[0].clone();
    let answered = |h: &H, pin: u64, n: usize| {
        let learning = h.state().view().learning;
        let there =
            learning.epochs().into_iter().filter(|m| learning.watch.answer(m.id, pin).is_some());
        there.count() == n
    };
    until(&mut h, "the start's maps", |h| answered(h, first.id, 1));
    until(&mut h, "a cell", |h| has_label(h, &format!("Watched: {}, start", first.label)));
    let path = folder.join("checkpoints/epoch-0001.safetensors");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    Checkpoint::formula(2, 8, "b").write_safetensors(&path).unwrap();
    events.send(TrainEvent::Saved { path, step: 10 }).unwrap();
    until(&mut h, "the epoch's maps", |h| answered(h, first.id, 2));
    // Full: a frame is only pinned once there is a place.
    h.state_mut().ask(Request::Run("pin-frame", None));
    frames(&mut h);
    assert_eq!(pins(&h).len(), 8);
    h.state_mut().ask(Request::Learn(LearnAsk::Unpin(first.id)));
    until(&mut h, "a place", |h| pins(h).len() == 7);
    h.state_mut().ask(Request::Run("pin-frame", None));
    until(&mut h, "the frame", |h| {
        pins(h).last().is_some_and(|p| p.label == "one second.mp4, frame 4")
    });
    let pinned = pins(&h)[7].id;
    until(&mut h, "its maps", |h| answered(h, pinned, 2));
    until(&mut h, "its cell", |h| has_label(h, "Watched: one second.mp4, frame 4, after epoch 1"));
}
