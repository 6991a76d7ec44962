use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::train::engine::{RunHandle, RunPlace, RunRequest};
use crate::train::events::{Alarm, Ending, Severity, StepRow, TrainCommand, TrainEvent};
use crate::train::run_folder::{CURVES, RunCard, RunSummary, read_config, read_curves};
use crate::train::testing::{poison, twelve, write_pairs};
use crate::train::{RunState, TrainConfig};

/// Steps of a whole run in these tests.
const STEPS: u64 = 12;

/// Narrow and quick, with everything that is drawn at random.
fn config() -> TrainConfig {
    let mut c = crate::train::preset("quick-demo").unwrap();
    (c.model.width, c.model.dim) = (2, 8);
    (c.batch.size, c.batch.no_source) = (4, 1);
    c.data.train = twelve().root.display().to_string();
    c.data.validation_share = 0.0;
    (c.schedule.steps, c.schedule.warmup_steps) = (STEPS, 6);
    c.schedule.rate = crate::train::RateShape::Constant;
    (c.warm.image_steps, c.warm.sound_steps) = (0, 0);
    c.dropout.image = 0.5;
    c.run.device = "cpu".into();
    (c.run.save_steps, c.run.keep_epochs) = (4, 0);
    (c.run.publish_steps, c.run.adjacency_steps) = (0, 0);
    c
}

fn spawn(config: TrainConfig, place: RunPlace) -> RunHandle {
    RunHandle::spawn(RunRequest { config, place }, crate::units::no_waker()).unwrap()
}

/// The next event; a test that waits longer than this hangs.
fn next(handle: &RunHandle) -> TrainEvent {
    handle.events().recv_timeout(Duration::from_secs(60)).unwrap()
}

/// Everything up to the ending.
fn to_the_end(handle: &RunHandle) -> Ending {
    loop {
        if let TrainEvent::Ended(ending) = next(handle) {
            return ending;
        }
    }
}

fn until_step(handle: &RunHandle, step: u64) {
    loop {
        match next(handle) {
            TrainEvent::Step(row) if row.step >= step => return,
            TrainEvent::Ended(ending) => panic!("{ending:?} before step {step}"),
            _ => {}
        }
    }
}

fn until_paused(handle: &RunHandle) -> bool {
    loop {
        match next(handle) {
            TrainEvent::Paused { freed } => return freed,
            TrainEvent::Ended(ending) => panic!("{ending:?} in place of a pause"),
            _ => {}
        }
    }
}

fn until_alarm(handle: &RunHandle) -> Alarm {
    loop {
        match next(handle) {
            TrainEvent::Alarm(alarm) if alarm.severity == Severity::Stopped => return alarm,
            TrainEvent::Ended(ending) => panic!("{ending:?} without an alarm"),
            _ => {}
        }
    }
}

fn finished(config: TrainConfig, place: RunPlace) {
    assert_eq!(to_the_end(&spawn(config, place)), Ending::Finished);
}

fn failed(config: TrainConfig, place: RunPlace) -> String {
    match to_the_end(&spawn(config, place)) {
        Ending::Failed(why) => why,
        other => panic!("{other:?}"),
    }
}

/// What must be the same of a row whatever happened in between: all but the times.
fn figures(rows: &[StepRow]) -> Vec<StepRow> {
    let timeless = |r: &StepRow| StepRow { seconds: 0.0, wait: 0.0, compute: 0.0, ..r.clone() };
    rows.iter().map(timeless).collect()
}

/// Curve and last state of a run.
fn outcome(folder: &Path) -> (Vec<StepRow>, crate::train::Saved) {
    let rows = read_curves(&folder.join(CURVES)).unwrap();
    assert!(rows.windows(2).all(|w| w[0].seconds <= w[1].seconds), "time goes forward");
    (figures(&rows), RunState::read(&folder.join("checkpoints/last.safetensors")).unwrap())
}

/// Equal to the last bit: losses, gradients, weights, BatchNorm statistics, the optimiser.
fn same(a: &Path, b: &Path) {
    let ((rows_a, a), (rows_b, b)) = (outcome(a), outcome(b));
    assert_eq!(rows_a, rows_b);
    assert_eq!(rows_a.iter().map(|r| r.step).collect::<Vec<_>>(), (0..STEPS).collect::<Vec<_>>());
    assert_eq!(a.checkpoint.tensors, b.checkpoint.tensors);
    assert_eq!(a.memory, b.memory);
    assert_eq!((a.state.step, a.state.updates), (b.state.step, b.state.updates));
}

struct Folders(tempfile::TempDir);

impl Folders {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A run that nothing disturbed.
    fn unbroken(&self) -> PathBuf {
        let path = self.at("unbroken");
        finished(config(), RunPlace::Folder(path.clone()));
        path
    }
}

#[test]
fn five_steps_and_seven_more_in_a_new_process_equal_twelve_at_once() {
    let dir = Folders::new();
    let whole = dir.unbroken();
    let parts = dir.at("parts");
    let mut five = config();
    five.schedule.steps = 5;
    finished(five, RunPlace::Folder(parts.clone()));
    assert_eq!(outcome(&parts).0.len(), 5);
    // More steps later, as one curve.
    finished(config(), RunPlace::Resume(parts.clone()));
    same(&whole, &parts);
    let card = RunCard::read(&parts).unwrap();
    assert_eq!(card.sittings.len(), 2);
    let change = &card.sittings[1].changes[0];
    assert_eq!(
        (change.key.as_str(), change.from.as_str(), change.to.as_str()),
        ("schedule.steps", "5", "12")
    );
    assert_eq!((card.sittings[1].first_step, card.sittings[1].end_step), (5, 12));
    assert_eq!(read_config(&parts).unwrap(), config());
    let why = failed(config(), RunPlace::Resume(parts.clone()));
    assert!(why.contains("finished after 12 steps") && why.contains("schedule.epochs"), "{why}");
}

#[test]
fn a_pause_changes_nothing_whether_memory_is_kept_or_given_back() {
    let dir = Folders::new();
    let whole = dir.unbroken();
    for free in [false, true] {
        let path = dir.at(if free { "freed" } else { "kept" });
        let handle = spawn(config(), RunPlace::Folder(path.clone()));
        until_step(&handle, 2);
        handle.send(TrainCommand::Pause { free });
        assert_eq!(until_paused(&handle), free);
        let step = RunState::read(&path.join("checkpoints/last.safetensors")).unwrap().state.step;
        assert!((3..STEPS).contains(&step), "everything is saved at the pause: {step}");
        if !free {
            // Changed their mind.
            handle.send(TrainCommand::Pause { free: true });
            assert!(until_paused(&handle));
        }
        handle.send(TrainCommand::Resume);
        assert_eq!(to_the_end(&handle), Ending::Finished);
        drop(handle);
        same(&whole, &path);
    }
}

#[test]
fn a_stopped_run_goes_on_exactly_and_a_dropped_one_too() {
    let dir = Folders::new();
    let whole = dir.unbroken();
    let path = dir.at("stopped");
    let handle = spawn(config(), RunPlace::Folder(path.clone()));
    until_step(&handle, 1);
    handle.send(TrainCommand::Stop);
    assert_eq!(to_the_end(&handle), Ending::Stopped);
    drop(handle);
    assert_eq!(RunCard::read(&path).unwrap().ending, "stopped");
    let handle = spawn(config(), RunPlace::Resume(path.clone()));
    until_step(&handle, 4);
    drop(handle);
    assert!(outcome(&path).0.len() >= 5, "what was done is saved");
    finished(config(), RunPlace::Resume(path.clone()));
    same(&whole, &path);
}

#[test]
fn a_pause_with_save_and_the_other_commands_are_obeyed() {
    let dir = Folders::new();
    let path = dir.at("run");
    let handle = spawn(config(), RunPlace::Folder(path));
    let mut published = 0;
    handle.send(TrainCommand::PublishEvery(2));
    handle.send(TrainCommand::Share(0.5));
    handle.send(TrainCommand::Share(f64::NAN));
    loop {
        match next(&handle) {
            TrainEvent::Published(c, step) => {
                published += 1;
                assert_eq!(c.card.lineage["step"], step.to_string());
                assert_eq!(c.config.width, 2);
            }
            TrainEvent::Ended(ending) => {
                assert_eq!(ending, Ending::Finished);
                break;
            }
            _ => {}
        }
    }
    assert!(published >= 1, "the newest at least");
}

#[test]
fn looks_at_the_matrices_are_of_the_very_step_that_was_taken() {
    let dir = Folders::new();
    let mut c = config();
    (c.run.publish_steps, c.run.adjacency_steps) = (100, 3);
    let augment = crate::train::Augment::new(c.augment.clone(), c.seed);
    let handle = spawn(c, RunPlace::Folder(dir.at("run")));
    let (mut looks, mut published) = (Vec::new(), Vec::new());
    loop {
        match next(&handle) {
            TrainEvent::Adjacency(a) => looks.push(a),
            TrainEvent::Published(_, step) => published.push(step),
            TrainEvent::Ended(ending) => {
                assert_eq!(ending, Ending::Finished);
                break;
            }
            _ => {}
        }
    }
    assert_eq!(published, [0], "what the run begins with, and nothing more in twelve steps");
    let rows = read_curves(&dir.at("run").join(CURVES)).unwrap();
    assert!(!looks.is_empty());
    let set = twelve();
    for a in &looks {
        assert_eq!((a.step % 3, a.batch()), (0, 4));
        // What is shown is what was minimised.
        let row = rows.iter().find(|r| r.step == a.step).unwrap();
        for (shown, minimised) in a.gaps().iter().zip(&row.losses.terms[1..]) {
            assert!((shown - minimised).abs() < 1e-6, "{shown} for {minimised}");
        }
        // And each picture is varied as it is said.
        for (id, variation) in a.ids.iter().zip(&a.variations) {
            let place = set.items.iter().position(|i| i.id == *id).unwrap() as u64;
            assert_eq!(*variation, augment.variation(row.epoch, place, 200));
        }
        assert_eq!(a.variations.len(), 4);
    }
}

#[test]
fn a_clip_that_is_no_number_pauses_the_run_by_its_name_and_harms_nothing() {
    let dir = Folders::new();
    let data = dir.at("data");
    write_pairs(&data, 4242, 8);
    let mut c = config();
    c.data.train = data.display().to_string();
    c.schedule.steps = 4;
    let bad = "toy4242_0000003";
    poison(bad);
    let path = dir.at("run");
    let handle = spawn(c.clone(), RunPlace::Folder(path.clone()));
    let alarm = until_alarm(&handle);
    assert_eq!((alarm.name, alarm.severity), ("loss-not-finite", Severity::Stopped));
    assert!(alarm.what.contains(bad) && !alarm.what.contains("toy4242_0000001"), "{alarm:?}");
    assert!(alarm.what.contains("contrastive") && alarm.what.contains("unharmed"), "{alarm:?}");
    until_paused(&handle);
    let saved = RunState::read(&path.join("checkpoints/last.safetensors")).unwrap();
    assert_eq!(saved.state.step, alarm.step + 1, "the step is left out when it goes on");
    assert!(saved.state.updates < saved.state.step);
    handle.send(TrainCommand::Resume);
    // Each epoch holds the clip once, so the second one pauses as well.
    let second = until_alarm(&handle);
    assert!(second.step > alarm.step);
    handle.send(TrainCommand::Stop);
    assert_eq!(to_the_end(&handle), Ending::Stopped);
    drop(handle);
    let rows = read_curves(&path.join(CURVES)).unwrap();
    assert_eq!(
        rows.iter().map(|r| r.step).collect::<Vec<_>>(),
        (0..rows.len() as u64).collect::<Vec<_>>()
    );
    assert!(rows[alarm.step as usize].losses.terms[0].is_nan(), "the curve shows it");
    let rest = rows.iter().filter(|r| ![alarm.step, second.step].contains(&r.step));
    assert!(rest.clone().count() > 0 && rest.clone().all(|r| r.losses.total().is_finite()));
}

#[test]
fn a_save_that_fails_pauses_the_run_and_nothing_is_lost() {
    let dir = Folders::new();
    let whole = dir.unbroken();
    let path = dir.at("run");
    let handle = spawn(config(), RunPlace::Folder(path.clone()));
    until_step(&handle, 0);
    handle.send(TrainCommand::Pause { free: false });
    until_paused(&handle);
    // A file in the place of the folder: nothing can be written there.
    let (there, away) = (path.join("checkpoints"), path.join("away"));
    std::fs::rename(&there, &away).unwrap();
    std::fs::write(&there, "in the way").unwrap();
    handle.send(TrainCommand::Resume);
    let alarm = until_alarm(&handle);
    assert_eq!((alarm.name, alarm.severity), ("unsaved", Severity::Stopped));
    assert!(alarm.cause.contains("checkpoints"), "{alarm:?}");
    assert!(!until_paused(&handle));
    // Going on without a save is not possible, nor is giving the memory back.
    handle.send(TrainCommand::Resume);
    assert_eq!(until_alarm(&handle).name, "unsaved");
    std::fs::remove_file(&there).unwrap();
    std::fs::rename(&away, &there).unwrap();
    handle.send(TrainCommand::Resume);
    assert_eq!(to_the_end(&handle), Ending::Finished);
    drop(handle);
    same(&whole, &path);
}

#[test]
fn what_would_not_be_the_same_run_is_refused() {
    let dir = Folders::new();
    let data = dir.at("data");
    write_pairs(&data, 5, 8);
    let mut c = config();
    c.data.train = data.display().to_string();
    c.schedule.steps = 1;
    let path = dir.at("run");
    finished(c.clone(), RunPlace::Folder(path.clone()));
    c.schedule.steps = 3;
    let mut other = c.clone();
    other.optim.learning_rate = 0.5;
    let why = failed(other, RunPlace::Resume(path.clone()));
    assert!(why.contains("optim.learning_rate is 0.001, not 0.5"), "{why}");
    let why = failed(c.clone(), RunPlace::Folder(path.clone()));
    assert!(why.contains("--resume"), "{why}");
    let moved = dir.at("moved");
    std::fs::rename(&data, &moved).unwrap();
    c.data.train = moved.display().to_string();
    write_pairs(&moved, 6, 1);
    let why = failed(c.clone(), RunPlace::Resume(path.clone()));
    assert!(why.contains("8 pairs then, 9 now") && why.contains("model.start"), "{why}");
    for sub in ["frames/toy6_0000000.png", "audio/toy6_0000000.wav"] {
        std::fs::remove_file(moved.join(sub)).unwrap();
    }
    finished(c, RunPlace::Resume(path.clone()));
    let summary = RunSummary::read(&path);
    assert_eq!(summary.last.map(|r| r.step), Some(2));
    assert!(summary.problems.is_empty(), "{:?}", summary.problems);
}

#[test]
#[cfg(unix)]
fn two_runs_do_not_write_to_one_folder() {
    let dir = Folders::new();
    let path = dir.at("run");
    let handle = spawn(config(), RunPlace::Folder(path.clone()));
    until_step(&handle, 0);
    handle.send(TrainCommand::Pause { free: false });
    until_paused(&handle);
    let why = failed(config(), RunPlace::Resume(path.clone()));
    assert!(why.contains("another run"), "{why}");
    handle.send(TrainCommand::Resume);
    assert_eq!(to_the_end(&handle), Ending::Finished);
}

#[test]
fn a_run_that_cannot_begin_leaves_no_folder_and_says_why() {
    let dir = Folders::new();
    let runs = dir.at("runs");
    let mut none = config();
    none.data.train = dir.at("nothing").display().to_string();
    let mut large = config();
    large.batch.size = 13;
    let mut start = config();
    start.model.start = dir.at("no.safetensors").display().to_string();
    let mut device = config();
    device.run.device = "no such device".into();
    for (c, word) in [
        (none, "nothing"),
        (large, "batch.size to at most 12"),
        (start, "no.safetensors"),
        (device, "no such device"),
    ] {
        let why = failed(c, RunPlace::Numbered(runs.clone()));
        assert!(why.contains(word), "{why}");
        assert!(!runs.exists());
    }
    let file = dir.at("file");
    std::fs::write(&file, "x").unwrap();
    assert!(failed(config(), RunPlace::Numbered(file)).contains("file"));
}

#[test]
fn a_branch_names_its_parent() {
    let dir = Folders::new();
    let runs = dir.at("runs");
    let mut c = config();
    c.schedule.steps = 2;
    finished(c.clone(), RunPlace::Numbered(runs.clone()));
    c.model.start = runs.join("run-0001").display().to_string();
    finished(c, RunPlace::Numbered(runs.clone()));
    let card = RunCard::read(&runs.join("run-0002")).unwrap();
    assert_eq!(card.lineage.len(), 1);
    assert!(card.lineage[0].run.ends_with("run-0001") && card.lineage[0].checkpoint == "last");
    assert_eq!((card.start.sha256.len(), card.data.items, card.data.listed), (64, 12, 12));
    assert_eq!(card.data.fingerprint.len(), 64);
}

#[test]
fn the_best_is_chosen_on_held_out_items_and_its_card_has_their_figures() {
    let dir = Folders::new();
    let path = dir.at("run");
    let mut c = config();
    c.data.validation_share = 0.3;
    c.run.best_by = crate::train::BestBy::Loss;
    (c.run.keep_epochs, c.schedule.steps) = (2, 8);
    finished(c.clone(), RunPlace::Folder(path.clone()));
    let run = RunSummary::read(&path);
    let names: Vec<&str> = run.checkpoints.keys().map(String::as_str).collect();
    assert_eq!(names, ["best", "epoch-0002", "epoch-0004", "last"]);
    // Eight pairs are left to learn from: two steps an epoch.
    assert_eq!(run.validations.iter().map(|v| v.step).collect::<Vec<_>>(), [2, 4, 6, 8]);
    let losses: Vec<f64> = run.validations.iter().map(|v| v.loss.unwrap()).collect();
    let lowest = losses.iter().copied().reduce(f64::min).unwrap();
    let best = crate::model::Checkpoint::read(&run.checkpoints["best"]).unwrap();
    assert_eq!(best.card.metrics["held_out_loss"], lowest);
    let state = RunState::read(&run.checkpoints["last"]).unwrap().state;
    let (best, at) = (state.best.unwrap(), losses.iter().position(|l| *l == lowest).unwrap());
    assert_eq!((best.value, best.step), (lowest, 2 * (at as u64 + 1)));
    // In two sittings the same one is the best.
    let parts = dir.at("parts");
    let more = c.clone();
    c.schedule.steps = 4;
    finished(c, RunPlace::Folder(parts.clone()));
    finished(more, RunPlace::Resume(parts.clone()));
    let again = RunState::read(&parts.join("checkpoints/last.safetensors")).unwrap().state;
    assert_eq!(again.best.unwrap(), best);
}

#[test]
fn a_supervised_start_is_kept_when_it_is_done() {
    let dir = Folders::new();
    let mut c = config();
    (c.warm.image_steps, c.warm.sound_steps, c.warm.batch, c.warm.side) = (2, 2, 4, 64);
    c.schedule.steps = 3;
    let whole = dir.at("whole");
    finished(c.clone(), RunPlace::Folder(whole.clone()));
    let parts = dir.at("parts");
    c.schedule.steps = 1;
    finished(c.clone(), RunPlace::Folder(parts.clone()));
    c.schedule.steps = 3;
    finished(c, RunPlace::Resume(parts.clone()));
    let ((a, at_a), (b, at_b)) = (outcome(&whole), outcome(&parts));
    assert_eq!(a, b);
    assert_eq!(a.len(), 2 + 2 + 3);
    assert_eq!(at_a.checkpoint.tensors, at_b.checkpoint.tensors);
    assert!(whole.join("checkpoints/warm.safetensors").is_file());
}
