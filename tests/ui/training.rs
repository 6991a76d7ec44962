//! The training panels, by labels: what a user sees of a run and can do with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};
use egui::Role;
use egui_kittest::kittest::Queryable as _;
use fnac::app::WindowArgs;
use fnac::app::commands::Request;
use fnac::app::training::{Heard, Phase, RunLink, TrainAsk};
use fnac::train::events::{
    Alarm, Ending, RunFacts, Severity, Stage, StepRow, TrainCommand, TrainEvent, Validation,
};
use fnac::train::loss::LossValues;
use fnac::train::preset;

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

/// A run of 40 steps, 10 an epoch, whose terms count from step 20.
fn run(h: &mut H, dir: &Path) -> (Sender<TrainEvent>, Receiver<TrainCommand>) {
    let (events, take) = unbounded();
    let (give, commands) = unbounded();
    h.state_mut().attach_run(preset("quick-demo").unwrap(), Box::new(Hand(take, give)));
    let facts = RunFacts {
        folder: dir.join("run-0007"),
        items: 55,
        listed: 60,
        validation: 3,
        steps: 40,
        steps_per_epoch: 10,
        warmup_ends: 20,
        device: "CPU".into(),
        start: "scratch".into(),
        ..RunFacts::default()
    };
    events.send(TrainEvent::Started(Arc::new(facts))).unwrap();
    events.send(TrainEvent::Stage(Stage::Training)).unwrap();
    frames(h);
    (events, commands)
}

fn step(n: u64) -> TrainEvent {
    let late = if n < 20 { 0.0 } else { 25.0 };
    TrainEvent::Step(StepRow {
        step: n,
        epoch: n / 10,
        stage: Stage::Training,
        losses: LossValues {
            terms: [4.0 - 0.05 * n as f64, 0.02, 0.015, 0.03],
            weights: [1.0, late, late, late],
        },
        halves: [2.0, 2.0 - 0.05 * n as f64],
        grad_norm: 2.0,
        learning_rate: 1e-3,
        seconds: 0.5 * (n + 1) as f64,
        wait: 0.1,
        compute: 0.4,
        pairs: 16,
    })
}

fn shows(h: &H, text: &str) -> bool {
    h.query_all_by_label_contains(text).next().is_some()
}

fn press(h: &mut H, label: &str) {
    h.get_by_role_and_label(Role::Button, label).click_accesskit();
    frames(h);
}

#[test]
fn without_data_the_panel_says_what_to_do_and_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = train_window(dir.path());
    frames(&mut h);
    assert!(shows(&h, "Not yet: choose a data folder"));
    assert!(shows(&h, "Drop it on the window"));
    assert!(shows(&h, "No run yet") && shows(&h, "No steps yet"));
    h.state_mut().ask(Request::Run("train-start", None));
    frames(&mut h);
    assert!(shows(&h, "not now, choose a data folder first"));
    assert_eq!(h.state().view().training.state().phase, Phase::Idle);
}

#[test]
fn a_folder_that_cannot_be_used_is_named_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = train_window(dir.path());
    let bad = dir.path().join("no such folder");
    let text = bad.to_string_lossy().into_owned();
    h.state_mut().ask(Request::Train(TrainAsk::Set("data.train", text)));
    until(&mut h, "the folder is refused", |h| shows(h, "there is no folder `"));
    assert!(h.state().view().training.start_hindrance().is_some());
}

#[test]
fn what_is_typed_wrong_is_said_at_its_setting_and_reset_brings_the_preset_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = train_window(dir.path());
    h.state_mut().ask(Request::Train(TrainAsk::Set("batch.size", "many".into())));
    frames(&mut h);
    assert!(shows(&h, "a whole number is expected"), "its group opens by itself");
    h.state_mut().ask(Request::Train(TrainAsk::Set("batch.size", "1".into())));
    frames(&mut h);
    assert!(shows(&h, "at least 2"));
    press(&mut h, "Reset batch.size");
    assert!(!shows(&h, "at least 2"));
    assert!(h.state().view().settings.train.changes.is_empty());
}

#[test]
fn a_danger_is_said_with_a_button_that_mends_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = train_window(dir.path());
    h.state_mut().ask(Request::Train(TrainAsk::Preset("paper".into())));
    h.state_mut().ask(Request::Train(TrainAsk::Set("batch.size", "32".into())));
    frames(&mut h);
    assert!(shows(&h, "pulled networks back to chance") && shows(&h, "Few negatives"));
    press(&mut h, "Scale with the batch");
    assert!(!shows(&h, "pulled networks back to chance"));
    assert!(h.state().view().training.draft.config.loss.scale_with_batch);
    h.state_mut().ask(Request::Run("undo", None));
    frames(&mut h);
    assert!(!h.state().view().training.draft.config.loss.scale_with_batch, "undo takes it back");
}

#[test]
fn a_run_is_shown_paused_and_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = train_window(dir.path());
    let (events, commands) = run(&mut h, dir.path());
    (0..30).for_each(|n| events.send(step(n)).unwrap());
    let check = Validation {
        step: 10,
        scored: 3,
        listed: 3,
        success: Some(0.667),
        seconds: 1.0,
        protocol: "half map".into(),
        ..Validation::default()
    };
    events.send(TrainEvent::Validated(check)).unwrap();
    frames(&mut h);
    assert!(shows(&h, "step 30 of 40") && shows(&h, "epoch 3 of 4"));
    assert!(shows(&h, "20.0 %") && shows(&h, "2.00 steps/s") && shows(&h, "66.7 %"));
    assert!(shows(&h, "chance 5.545"), "2 ln 16");
    assert!(h.query_by_label("Validation, %").is_some(), "charts are there");
    press(&mut h, "Pause / resume the run");
    let told: Vec<_> = commands.try_iter().collect();
    assert!(told.contains(&TrainCommand::Pause { free: false }), "{told:?}");
    assert!(shows(&h, "pausing"));
    events.send(TrainEvent::Paused { freed: false }).unwrap();
    frames(&mut h);
    assert!(shows(&h, "paused"));
    press(&mut h, "Pause / resume the run");
    assert!(commands.try_iter().any(|c| c == TrainCommand::Resume));
    events.send(TrainEvent::Resumed).unwrap();
    (30..40).for_each(|n| events.send(step(n)).unwrap());
    events.send(TrainEvent::Ended(Ending::Finished)).unwrap();
    drop(events);
    until(&mut h, "it is finished", |h| shows(h, "run-0007 is finished: 40 steps"));
    assert!(h.query_all_by_label("Start the run").next().is_some(), "another can begin");
}

#[test]
fn a_playing_video_halves_the_share_unless_that_is_switched_off() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = train_window(dir.path());
    let (_events, commands) = run(&mut h, dir.path());
    until(&mut h, "the share is told", |_| {
        commands.try_iter().any(|c| c == TrainCommand::Share(0.5))
    });
    h.state_mut().ask(Request::Train(TrainAsk::YieldToPlayer(false)));
    until(&mut h, "the whole share", |_| {
        commands.try_iter().any(|c| c == TrainCommand::Share(1.0))
    });
}

#[test]
fn an_alarm_is_a_quiet_mark_that_leads_to_cause_and_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = train_window(dir.path());
    let (events, _commands) = run(&mut h, dir.path());
    let alarm = Alarm {
        name: "maps-flat",
        severity: Severity::Warning,
        step: 12,
        what: "the maps are flat: spread 0.0004".into(),
        cause: "the terms began while the loss was at chance".into(),
        action: "lengthen the warm-up".into(),
    };
    events.send(TrainEvent::Alarm(alarm)).unwrap();
    frames(&mut h);
    assert!(!shows(&h, "the maps are flat"), "no toast, nothing modal");
    press(&mut h, "1 alarm");
    for text in ["the maps are flat", "the terms began", "lengthen the warm-up", "step 12"] {
        assert!(shows(&h, text), "{text}");
    }
    frames(&mut h);
    assert!(!shows(&h, "1 alarm"), "it was looked at");
}

#[test]
fn a_flood_of_events_does_not_hold_the_window_up() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = train_window(dir.path());
    let (events, _commands) = run(&mut h, dir.path());
    (0..10_000).for_each(|n| events.send(step(n)).unwrap());
    h.step();
    let after_one = h.state().view().training.state().steps.len();
    assert!(after_one < 10_000, "a portion a frame");
    until(&mut h, "all are taken up", |h| h.state().view().training.state().steps.len() == 10_000);
}

#[test]
fn closing_the_window_saves_the_run_first_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = train_window(dir.path());
    let (events, commands) = run(&mut h, dir.path());
    (0..5).for_each(|n| events.send(step(n)).unwrap());
    frames(&mut h);
    let id = egui::ViewportId::ROOT;
    h.input_mut().viewports.entry(id).or_default().events.push(egui::ViewportEvent::Close);
    h.step();
    h.input_mut().viewports.entry(id).or_default().events.clear();
    let cancelled = h
        .output()
        .viewport_output
        .values()
        .any(|v| v.commands.iter().any(|c| matches!(c, egui::ViewportCommand::CancelClose)));
    assert!(cancelled);
    frames(&mut h);
    assert!(shows(&h, "Saving the run"));
    assert!(commands.try_iter().any(|c| c == TrainCommand::Stop));
    events.send(TrainEvent::Ended(Ending::Stopped)).unwrap();
    drop(events);
    until(&mut h, "the window closes by itself", |h| {
        let out = h.output().viewport_output.values();
        out.flat_map(|v| &v.commands).any(|c| matches!(c, egui::ViewportCommand::Close))
    });
}

/// A finished run on the disk, as the engine leaves it.
fn finished_run(root: &Path, seed: u64, tau: f64) -> PathBuf {
    use fnac::train::run_folder::{RunCard, RunFolder, curves_line, validation_line};
    let mut config = preset("quick-demo").unwrap();
    config.seed = seed;
    config.loss.tau = tau;
    let folder = RunFolder::numbered(root).unwrap();
    let mut card = RunCard::new(&config);
    card.sit_down(0, "CPU", Vec::new());
    let (mut curves, mut checks) = folder.tables((Stage::Training, 0)).unwrap();
    for n in 0..30 {
        let TrainEvent::Step(row) = step(n) else { unreachable!() };
        curves.append(&curves_line(&row)).unwrap();
    }
    let check = Validation { step: 30, success: Some(10.0 * tau), ..Validation::default() };
    checks.append(&validation_line(&check)).unwrap();
    card.stand_up(30, "finished");
    folder.write_card(&card).unwrap();
    folder.write_config(&config).unwrap();
    folder.path().to_owned()
}

#[test]
fn runs_of_before_are_listed_drawn_and_compared_by_what_they_differ_in() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("runs");
    finished_run(&root, 1, 0.03);
    finished_run(&root, 1, 0.05);
    let mut h = train_window(dir.path());
    let mut settings = h.state().view().settings.clone();
    settings.train.runs = Some(root);
    h.state_mut().ask(Request::Settings("settings", Box::new(settings)));
    frames(&mut h);
    h.state_mut().ask(Request::Run("panel", Some("Runs & checkpoints".into())));
    until(&mut h, "the runs are listed", |h| shows(h, "run-0002") && shows(h, "30 steps"));
    for run in ["Draw run-0001", "Draw run-0002"] {
        h.get_by_role_and_label(Role::CheckBox, run).click();
        frames(&mut h);
    }
    until(&mut h, "their curves are compared", |h| shows(h, "Comparison") && shows(h, "loss.tau"));
    assert!(shows(&h, "+20.0"), "success of 50 % against 30 %");
    assert!(h.query_all_by_label("=").next().is_some(), "the same seed");
}
