use std::path::Path;

use super::*;
use crate::app::training::SavedCheckpoint;
use crate::infer::DeviceOpener;
use crate::model::Checkpoint;
use crate::train::audit::FILE;
use crate::train::events::RunFacts;
use crate::units::no_waker;

fn learning() -> Learning {
    Learning::new(Arc::new(DeviceOpener::new(None)), OutputChoice::Null { pace: 10.0 }, no_waker())
}

fn state(folder: &Path) -> TrainingState {
    let mut state = TrainingState::starting(Arc::default(), 0);
    let facts = RunFacts {
        folder: folder.to_owned(),
        steps_per_epoch: 10,
        steps: 100,
        ..RunFacts::default()
    };
    state.facts = Some(Arc::new(facts));
    state
}

fn publish(state: &mut TrainingState, step: u64) {
    let checkpoint = Arc::new(Checkpoint::formula(2, 8, &step.to_string()));
    state.published = Some(crate::app::training::Published { checkpoint, step });
}

/// A look at four items of which the first two agree.
fn look(step: u64) -> Arc<Adjacency> {
    let b = 4;
    let even = vec![0.25f32; 16];
    let mut cross = even.clone();
    cross[1] = 0.0;
    cross[0] = 0.5;
    let cosine = |i: usize, j: usize| match (i.min(j), i.max(j)) {
        (i, j) if i == j => 1.0,
        (0, 1) => 0.9,
        (i, j) => 0.1 * (i + j) as f32 - 0.1,
    };
    let cosines: Vec<f32> = (0..16).map(|k| cosine(k / b, k % b)).collect();
    Arc::new(Adjacency {
        step,
        ids: ["a", "b", "c", "d"].map(str::to_owned).to_vec(),
        variations: Vec::new(),
        sound: even.clone(),
        image: even.clone(),
        foreground: even,
        cross,
        maps: vec![0.0; b * 49],
        masks: vec![0.0; b * 49],
        sound_cosine: cosines.clone(),
        image_cosine: cosines,
    })
}

fn follow_until(l: &mut Learning, s: &TrainingState, what: &str, is: impl Fn(&Learning) -> bool) {
    let started = Instant::now();
    loop {
        l.follow(s, true);
        if is(l) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn shown(l: &Learning) -> Option<String> {
    l.wanted(&LearnSettings::default()).map(Moment::short)
}

#[test]
fn the_newest_weights_are_wanted_unless_a_moment_or_the_start_is_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let (mut l, mut s) = (learning(), state(dir.path()));
    l.follow(&s, true);
    assert_eq!(shown(&l), None);
    for step in [0, 7, 14] {
        publish(&mut s, step);
        l.follow(&s, true);
    }
    assert_eq!(shown(&l).as_deref(), Some("step 14"));
    l.choice.at = l.moments.all().iter().find(|m| m.step == 7).map(|m| m.id);
    assert_eq!(shown(&l).as_deref(), Some("step 7"));
    l.choice.base = true;
    assert_eq!(shown(&l).as_deref(), Some("start"));
    l.choice = Choice::default();
    assert_eq!(l.wanted(&LearnSettings { show: false, ..Default::default() }).map(|m| m.id), None);
    l.choice.put_aside = true;
    assert_eq!(shown(&l), None, "a loaded checkpoint goes first");
}

#[test]
fn another_run_begins_with_nothing_of_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("run-0001"), dir.path().join("run-0002"));
    for d in [&one, &two] {
        std::fs::create_dir(d).unwrap();
    }
    let (mut l, mut s) = (learning(), state(&one));
    follow_until(&mut l, &s, "the folder is read", |l| l.audit.read);
    publish(&mut s, 3);
    s.adjacency = Some(look(3));
    l.follow(&s, true);
    assert_eq!((l.audit.ranked.len(), l.matrices.history.len()), (2, 1));
    l.choice.put_aside = true;
    let s = state(&two);
    l.follow(&s, true);
    assert!(l.moments.all().is_empty() && l.audit.ranked.is_empty() && l.matrices.now.is_none());
    assert!(!l.choice.put_aside, "a new run is what one wants to see");
    // What was suspected in the first run is in its folder.
    let started = Instant::now();
    while !one.join(FILE).exists() {
        assert!(started.elapsed() < Duration::from_secs(20), "never written");
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(FalseNegatives::read(&one).unwrap().len(), 2);
}

#[test]
fn the_history_of_the_differences_is_per_epoch_and_goes_back_with_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let (mut l, mut s) = (learning(), state(dir.path()));
    for step in [1, 4, 12, 13, 25] {
        s.adjacency = Some(look(step));
        l.follow(&s, true);
    }
    let epochs: Vec<(u64, u64)> = l.matrices.history.iter().map(|h| (h.epoch, h.looks)).collect();
    assert_eq!(epochs, [(1, 2), (2, 2), (3, 1)]);
    // |0.25 - 0.5| + |0.25 - 0| over sixteen entries.
    let [fns_audio, tne, fns_image] = l.matrices.history[0].means();
    assert!((fns_audio - 0.5 / 16.0).abs() < 1e-6 && tne == 0.0);
    assert_eq!(fns_audio, fns_image);
    s.adjacency = Some(look(14));
    l.follow(&s, true);
    assert_eq!(l.matrices.history.len(), 2, "epoch 3 is taken again");
    // The same look twice is one.
    let looks = l.matrices.history[1].looks;
    l.follow(&s, true);
    assert_eq!(l.matrices.history[1].looks, looks);
}

#[test]
fn verdicts_are_on_disk_at_once_and_come_back_with_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let (mut l, mut s) = (learning(), state(dir.path()));
    follow_until(&mut l, &s, "the folder is read", |l| l.audit.read);
    s.adjacency = Some(look(3));
    l.follow(&s, true);
    let ids = l.audit.ranked[0].ids.clone();
    assert_eq!(ids, ["a".to_owned(), "b".to_owned()]);
    assert!(l.audit.pairs.judge(&ids, Some(Verdict::Same)));
    l.write_pairs(true);
    let started = Instant::now();
    while FalseNegatives::read(dir.path()).map(|f| f.precision().told).unwrap_or(0) != 1 {
        assert!(started.elapsed() < Duration::from_secs(20), "never written");
        std::thread::sleep(Duration::from_millis(2));
    }
    drop(l);
    let (mut again, s) = (learning(), state(dir.path()));
    follow_until(&mut again, &s, "the folder is read", |l| !l.audit.ranked.is_empty());
    assert_eq!(again.audit.ranked[0].verdict, Some(Verdict::Same));
}

#[test]
fn epochs_of_earlier_sittings_are_on_the_slider_and_the_watch_list() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoints = dir.path().join("checkpoints");
    std::fs::create_dir(&checkpoints).unwrap();
    let path = |n: u64| checkpoints.join(format!("epoch-{n:04}.safetensors"));
    for n in [1, 2] {
        Checkpoint::formula(2, 8, &n.to_string()).write_safetensors(&path(n)).unwrap();
    }
    let (mut l, mut s) = (learning(), state(dir.path()));
    follow_until(&mut l, &s, "the folder is read", |l| l.moments.all().len() == 2);
    publish(&mut s, 24);
    s.saved.push(SavedCheckpoint { name: "epoch-0003".into(), path: path(3), step: 30 });
    l.follow(&s, true);
    let shorts: Vec<String> = l.moments.all().iter().map(Moment::short).collect();
    assert_eq!(shorts, ["epoch 1", "epoch 2", "step 24", "epoch 3"]);
    let epochs: Vec<String> = l.epochs().iter().map(|m| m.short()).collect();
    assert_eq!(epochs, ["epoch 1", "epoch 2", "epoch 3"]);
}

#[test]
fn where_no_epochs_are_kept_what_was_published_first_in_each_stands_for_them() {
    let mut moments = Moments::default();
    for step in [0, 4, 9, 11, 15, 23] {
        moments.take_published(Arc::new(Checkpoint::formula(2, 8, "")), step, 10);
    }
    let mut l = learning();
    l.moments = moments;
    let epochs: Vec<String> = l.epochs().iter().map(|m| m.short()).collect();
    assert_eq!(epochs, ["start", "step 11", "step 23"]);
}

#[test]
fn the_rate_of_looks_follows_the_speed_of_the_run() {
    let mut l = learning();
    assert_eq!(l.look_every(LookRate::PerSecond), 1, "slow or unknown: each step");
    l.steps_per_sec = 7.2;
    assert_eq!(l.look_every(LookRate::PerSecond), 8);
    assert_eq!((l.look_every(LookRate::EveryStep), l.look_every(LookRate::Never)), (1, 0));
}

#[test]
fn eight_places_and_no_more() {
    let mut l = learning();
    for i in 0..PINS {
        assert!(l.pin(i.to_string(), PinSource::Item(i.to_string())));
    }
    assert!(!l.pin("ninth".into(), PinSource::Item("ninth".into())));
    let first = l.pins[0].id;
    l.unpin(first);
    assert!(l.pin("ninth".into(), PinSource::Item("ninth".into())));
    assert!(l.pins.iter().all(|p| p.id != first), "ids are not used again");
}

#[test]
fn what_the_picture_says_names_the_step_and_whether_it_still_learns() {
    let dir = tempfile::tempdir().unwrap();
    let (mut l, mut s) = (learning(), state(dir.path()));
    publish(&mut s, 0);
    l.follow(&s, true);
    publish(&mut s, 20);
    l.follow(&s, true);
    let facts = |l: &Learning, place: usize| LiveFacts {
        id: l.moments.all()[place].id,
        card: Default::default(),
        config: crate::model::FnacConfig::new(2, 8),
        sha256: String::new(),
    };
    assert_eq!(l.words(&facts(&l, 0)), "start of the run");
    assert_eq!(l.words(&facts(&l, 1)), "learning, step 20");
    l.choice.at = Some(l.moments.all()[1].id);
    assert_eq!(l.words(&facts(&l, 1)), "learnt, step 20");
    l.choice.at = None;
    l.follow(&s, false);
    assert_eq!(l.words(&facts(&l, 1)), "learnt, step 20", "the run is over");
}
