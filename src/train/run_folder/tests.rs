use std::time::{Duration, Instant};

use super::curves::tests::row;
use super::*;

fn small() -> TrainConfig {
    TrainConfig { seed: 3, ..crate::train::preset("quick-demo").unwrap() }
}

/// A run as the engine leaves it after `steps` steps.
fn begin(folder: &RunFolder, config: &TrainConfig, steps: u64) {
    let mut card = RunCard::new(config);
    card.sit_down(0, "CPU", Vec::new());
    folder.write_card(&card).unwrap();
    folder.write_config(config).unwrap();
    let (mut curves, _) = folder.tables((Stage::Training, 0)).unwrap();
    (0..steps).for_each(|n| curves.append(&curves_line(&row(Stage::Training, n))).unwrap());
}

#[test]
fn folders_are_numbered_and_no_number_comes_twice() {
    let dir = tempfile::tempdir().unwrap();
    let parent = dir.path().join("new/runs");
    let name = |f: &RunFolder| f.path().file_name().unwrap().to_str().unwrap().to_owned();
    let first = RunFolder::numbered(&parent).unwrap();
    assert_eq!(name(&first), "run-0001");
    std::fs::create_dir(parent.join("run-0041")).unwrap();
    std::fs::write(parent.join("run-99x"), "").unwrap();
    assert_eq!(name(&RunFolder::numbered(&parent).unwrap()), "run-0042");
    std::fs::create_dir(parent.join("run-10000")).unwrap();
    assert_eq!(name(&RunFolder::numbered(&parent).unwrap()), "run-10001");
    // Many at once.
    let names: std::collections::BTreeSet<_> = std::thread::scope(|s| {
        let make = || name(&RunFolder::numbered(&parent).unwrap());
        let all: Vec<_> = (0..8).map(|_| s.spawn(make)).collect();
        all.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(names.len(), 8);
}

#[test]
fn a_run_is_never_written_over_and_a_folder_with_other_things_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mine");
    let run = RunFolder::fresh(&path).unwrap();
    begin(&run, &small(), 1);
    drop(run);
    let error = RunFolder::fresh(&path).unwrap_err().to_string();
    assert!(error.contains("holds a run") && error.contains("--resume"), "{error}");
    let error = RunFolder::fresh(dir.path()).unwrap_err().to_string();
    assert!(error.contains("`mine`") && error.contains("new or empty"), "{error}");
    let error = RunFolder::resume(dir.path()).unwrap_err().to_string();
    assert!(error.contains("holds no run"), "{error}");
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for bad in [RunFolder::fresh(&file), RunFolder::numbered(&file)] {
        let error = bad.unwrap_err().to_string();
        assert!(error.contains("file"), "{error}");
    }
}

#[test]
#[cfg(unix)]
fn two_runs_do_not_share_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run");
    let run = RunFolder::fresh(&path).unwrap();
    begin(&run, &small(), 1);
    assert!(RunSummary::read(&path).running);
    let error = RunFolder::resume(&path).unwrap_err().to_string();
    assert!(error.contains("another run") && error.contains("Wait"), "{error}");
    drop(run);
    assert!(!RunSummary::read(&path).running);
    // A list that looks at this moment does not keep a run out.
    let looking = FolderLock::take(&path);
    let late = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        drop(looking);
    });
    RunFolder::resume(&path).unwrap();
    late.join().unwrap();
}

#[test]
fn what_a_kill_left_half_written_is_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run");
    let run = RunFolder::fresh(&path).unwrap();
    begin(&run, &small(), 1);
    let last = run.checkpoint("last").unwrap();
    std::fs::write(&last, "weights").unwrap();
    drop(run);
    let left = [path.join(".fnac-a.part"), path.join("checkpoints/.fnac-b.part")];
    left.iter().for_each(|p| std::fs::write(p, "half").unwrap());
    let run = RunFolder::resume(&path).unwrap();
    assert!(left.iter().all(|p| !p.exists()) && last.exists());
    assert_eq!(read_config(run.path()).unwrap(), small());
    // The settings are on the card as well.
    std::fs::remove_file(path.join(CONFIG)).unwrap();
    assert_eq!(read_config(&path).unwrap(), small());
    std::fs::write(path.join(CONFIG), "seed = true").unwrap();
    assert!(read_config(&path).unwrap_err().to_string().contains(CONFIG));
}

#[test]
fn a_run_goes_on_with_its_settings_but_may_grow_and_move() {
    let old = small();
    let mut new = old.clone();
    new.schedule.epochs += 5;
    new.run.chunk = 8;
    new.data.train = "/moved".into();
    let changes = resumed_changes(&old, &new).unwrap();
    let keys: Vec<_> = changes.iter().map(|c| c.key.as_str()).collect();
    assert_eq!(keys, ["schedule.epochs", "data.train", "run.chunk"]);
    assert_eq!((changes[2].from.as_str(), changes[2].to.as_str()), ("0", "8"));
    new.optim.learning_rate = 0.5;
    new.batch.size = 4;
    let refused = resumed_changes(&old, &new).unwrap_err();
    for word in ["optim.learning_rate is 0.001, not 0.5", "batch.size", "model.start"] {
        assert!(refused.contains(word), "{refused}");
    }
    assert!(!refused.contains("chunk"), "{refused}");
}

#[test]
fn runs_are_listed_with_what_is_known_and_what_is_broken() {
    let dir = tempfile::tempdir().unwrap();
    assert!(list_runs(&dir.path().join("none")).unwrap().is_empty());
    let mut configs = [small(), small()];
    configs[1].optim.learning_rate = 0.25;
    configs[1].seed = 4;
    for config in &configs {
        let run = RunFolder::numbered(dir.path()).unwrap();
        begin(&run, config, 6);
        std::fs::write(run.checkpoint("epoch-0002").unwrap(), "w").unwrap();
    }
    std::fs::create_dir(dir.path().join("other")).unwrap();
    std::fs::create_dir(dir.path().join("run-0009")).unwrap();
    std::fs::write(dir.path().join("run-0009").join(CARD), "{}").unwrap();
    let runs = list_runs(dir.path()).unwrap();
    let names: Vec<_> = runs.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["run-0001", "run-0002", "run-0009"]);
    assert_eq!(runs[0].config.as_ref(), Some(&configs[0]));
    assert_eq!(runs[1].last.as_ref().map(|r| r.step), Some(5));
    assert_eq!(runs[1].curves().unwrap().len(), 6);
    assert!(runs[0].checkpoints.contains_key("epoch-0002") && runs[0].problems.is_empty());
    assert!(runs[0].can_resume() && !runs[2].can_resume());
    assert!(runs[2].problems[0].contains("no run's card"), "{:?}", runs[2].problems);
    let differing = RunSummary::differing(&runs[..2]);
    assert_eq!(differing[0].0, "optim.learning_rate");
    assert_eq!(differing[0].1, ["0.001", "0.25"]);
    assert_eq!(differing[1].0, "seed");
    assert_eq!(differing.len(), 2);
}

#[test]
fn two_hundred_runs_open_within_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let run = RunFolder::numbered(dir.path()).unwrap();
    begin(&run, &small(), 500);
    let files = [CARD, CONFIG, CURVES, VALIDATION];
    for n in 2..=200 {
        let to = dir.path().join(format!("run-{n:04}"));
        std::fs::create_dir(&to).unwrap();
        for f in files {
            std::fs::copy(run.path().join(f), to.join(f)).unwrap();
        }
    }
    let started = Instant::now();
    let runs = list_runs(dir.path()).unwrap();
    let listed = started.elapsed();
    // As many as can be compared at once.
    let rows: usize = runs[..12].iter().map(|r| r.curves().unwrap().len()).sum();
    let all = started.elapsed();
    assert_eq!((runs.len(), rows), (200, 6000));
    assert!(runs.iter().all(|r| r.last.as_ref().is_some_and(|l| l.step == 499)));
    // Alone it takes a tenth; other tests run beside it.
    assert!(all < Duration::from_secs(1), "listed in {listed:?}, with curves in {all:?}");
}
