//! `fnac train` as people call it: the real program, killed, stopped, out of room.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use fnac::model::Checkpoint;
use fnac::train::events::StepRow;
use fnac::train::run_folder::{CURVES, RunCard, RunSummary, read_curves};
use fnac::train::{RunState, TrainConfig, preset};

/// Times that a run is killed.
const KILLS: u32 = 50;

/// A folder with a small drawn world and a recipe for it.
struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new(pairs: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let args = format!("synth --seed 5 --count {pairs} --quiet --out");
        let o = fnac(&args.split(' ').collect::<Vec<_>>()).arg(dir.path().join("data")).output();
        assert!(o.unwrap().status.success());
        Self { dir }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A narrow network and a save at every step.
    fn config(&self, steps: u64) -> TrainConfig {
        let mut c = preset("quick-demo").unwrap();
        (c.model.width, c.model.dim) = (2, 8);
        (c.batch.size, c.batch.no_source) = (4, 1);
        c.data.train = self.at("data").display().to_string();
        c.data.validation_share = 0.2;
        (c.schedule.steps, c.schedule.warmup_steps) = (steps, 6);
        (c.warm.image_steps, c.warm.sound_steps) = (0, 0);
        c.dropout.image = 0.5;
        c.run.device = "cpu".into();
        (c.run.save_steps, c.run.keep_epochs) = (1, 2);
        (c.run.publish_steps, c.run.adjacency_steps) = (0, 0);
        c
    }

    fn recipe(&self, config: &TrainConfig) -> PathBuf {
        let path = self.at("recipe.toml");
        std::fs::write(&path, config.to_toml().unwrap()).unwrap();
        path
    }
}

fn fnac(args: &[&str]) -> Command {
    let mut c = Command::new(env!("CARGO_BIN_EXE_fnac"));
    c.args(args);
    c
}

/// `fnac train RECIPE -o OUT`.
fn train(recipe: &Path, out: &Path, more: &[&str]) -> Command {
    let mut c = fnac(&["train"]);
    c.arg(recipe).arg("-o").arg(out).args(more);
    c
}

/// `fnac train --resume OUT`.
fn resume(out: &Path, more: &[&str]) -> Command {
    let mut c = fnac(&["train", "--resume"]);
    c.arg(out).args(more);
    c
}

fn errors(o: &Output) -> String {
    String::from_utf8_lossy(&o.stderr).into_owned()
}

fn ended(o: &Output, code: i32) -> String {
    assert_eq!(o.status.code(), Some(code), "{}", errors(o));
    errors(o)
}

/// All but the times.
fn figures(folder: &Path) -> Vec<StepRow> {
    let rows = read_curves(&folder.join(CURVES)).unwrap();
    let timeless = |r: StepRow| StepRow { seconds: 0.0, wait: 0.0, compute: 0.0, ..r };
    rows.into_iter().map(timeless).collect()
}

/// Every checkpoint of a run must load, the last one with its state. Their number.
fn all_load(folder: &Path) -> usize {
    let checkpoints = RunSummary::read(folder).checkpoints;
    for (name, path) in &checkpoints {
        Checkpoint::read(path).unwrap_or_else(|e| panic!("{name}: {e}"));
        if name == "last" {
            RunState::read(path).unwrap();
        }
    }
    checkpoints.len()
}

fn wait_at_most(child: &mut Child, limit: Duration) -> bool {
    let started = Instant::now();
    while started.elapsed() < limit {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    false
}

#[test]
fn fifty_kills_at_any_moment_lose_no_checkpoint_and_leave_one_gapless_curve() {
    let bench = Bench::new(20);
    let recipe = bench.recipe(&bench.config(60));
    let whole = bench.at("whole");
    let began = Instant::now();
    ended(&train(&recipe, &whole, &["--quiet"]).output().unwrap(), 0);
    let alone = began.elapsed();
    let unbroken = figures(&whole);
    assert_eq!(unbroken.len(), 60);

    // Every other kill comes at any moment from the start on, also before there is a folder; the
    // others while steps are taken and saved.
    let mut chance = 0x2545_F491_4F6C_DD1Du64;
    let mut moment = || {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        Duration::from_millis(chance % 400)
    };
    let (mut kills, mut runs, mut most_rows) = (0, 0, 0);
    while kills < KILLS {
        let out = bench.at(&format!("run-{runs}"));
        loop {
            let mut command = if out.join("run.json").exists() {
                resume(&out, &["--quiet"])
            } else {
                train(&recipe, &out, &["--quiet"])
            };
            let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
            let finished = if kills >= KILLS {
                wait_at_most(&mut child, Duration::from_secs(300))
            } else {
                let steps = kills % 2 == 1 && wait_for_a_row(&mut child, &out.join(CURVES));
                wait_at_most(&mut child, if steps { moment() } else { 2 * moment() })
            };
            if finished {
                let o = child.wait_with_output().unwrap();
                let said = errors(&o);
                assert!(o.status.success(), "after {kills} kills: {} {said}", o.status);
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            if out.join("run.json").exists() {
                all_load(&out);
                let rows = figures_of_whole_rows(&out);
                assert!(unbroken.starts_with(&rows), "rows as in the unbroken run");
                most_rows = most_rows.max(rows.len());
            }
        }
        assert_eq!(figures(&out), unbroken, "the same losses, to the last bit");
        assert!(all_load(&out) > 3, "last, best and the kept epochs");
        let state = |p: &Path| RunState::read(&p.join("checkpoints/last.safetensors")).unwrap();
        let (a, b) = (state(&whole), state(&out));
        assert_eq!(a.checkpoint.tensors, b.checkpoint.tensors);
        assert_eq!(a.memory, b.memory);
        let killed = RunCard::read(&out).unwrap().sittings;
        assert!(killed.iter().rev().skip(1).all(|s| s.ending == "killed"), "{killed:?}");
        runs += 1;
    }
    assert!(most_rows > 10, "{most_rows} rows: it got on between the kills");
    eprintln!("{kills} kills over {runs} runs; the unbroken run took {alone:.1?}");
}

/// Waits for a new row of a run that goes on; false when it ended first or none came.
fn wait_for_a_row(child: &mut Child, curves: &Path) -> bool {
    let size = || std::fs::metadata(curves).map_or(0, |m| m.len());
    let (before, started) = (size(), Instant::now());
    while started.elapsed() < Duration::from_secs(5) {
        // The tables are cut before the first step.
        if size() > before || child.try_wait().unwrap().is_some() {
            return size() > before;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    false
}

/// Rows of a run that was just killed; the last one may be cut.
fn figures_of_whole_rows(folder: &Path) -> Vec<StepRow> {
    let copy = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(folder.join(CURVES)).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
    std::fs::write(copy.path().join(CURVES), whole).unwrap();
    figures(copy.path())
}

#[test]
#[cfg(unix)]
fn ctrl_c_saves_and_the_run_goes_on_exactly() {
    let bench = Bench::new(20);
    let recipe = bench.recipe(&TrainConfig {
        run: fnac::train::RunSection { save_steps: 0, ..bench.config(40).run },
        ..bench.config(40)
    });
    let whole = bench.at("whole");
    ended(&train(&recipe, &whole, &["--quiet"]).output().unwrap(), 0);
    let out = bench.at("stopped");
    let mut child = train(&recipe, &out, &[]).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    let lines = || std::fs::read_to_string(out.join(CURVES)).map_or(0, |t| t.lines().count());
    while lines() < 4 && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    wait_at_most(&mut child, Duration::from_secs(30));
    let text = ended(&child.wait_with_output().unwrap(), 130);
    assert!(text.contains("--resume"), "{text}");
    let rows = figures(&out);
    assert!(rows.len() < 40 && RunCard::read(&out).unwrap().ending == "stopped");
    let saved = RunState::read(&out.join("checkpoints/last.safetensors")).unwrap();
    assert_eq!(saved.state.step, rows.len() as u64, "nothing is lost at a stop");
    ended(&resume(&out, &["--quiet"]).output().unwrap(), 0);
    assert_eq!(figures(&out), figures(&whole));
}

/// A file system of its own, gone with the value.
#[cfg(target_os = "linux")]
struct SmallDisk(PathBuf);

#[cfg(target_os = "linux")]
impl SmallDisk {
    fn new(at: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let options = format!("size={size}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).stderr(Stdio::null());
        mount.status().is_ok_and(|s| s.success()).then(|| Self(at.into()))
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg(&self.0).status().ok();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_fills_during_a_save_loses_nothing_that_was_saved() {
    let bench = Bench::new(20);
    let Some(disk) = SmallDisk::new(&bench.at("disk"), "3m") else {
        eprintln!("skipped: no small disk can be mounted here");
        return;
    };
    let mut config = bench.config(40);
    config.run.keep_epochs = 1;
    let recipe = bench.recipe(&config);
    let whole = bench.at("whole");
    ended(&train(&recipe, &whole, &["--quiet"]).output().unwrap(), 0);
    // Room for the first saves only: the rest is taken by another file.
    let out = disk.0.join("run");
    let one = std::fs::metadata(whole.join("checkpoints/last.safetensors")).unwrap().len();
    std::fs::write(disk.0.join("other"), vec![1u8; (3 << 20) - 4 * one as usize]).unwrap();
    let o = train(&recipe, &out, &["--quiet"]).output().unwrap();
    let text = ended(&o, 1);
    for word in ["room", "--resume", "checkpoints"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    all_load(&out);
    let saved = RunState::read(&out.join("checkpoints/last.safetensors")).unwrap().state.step;
    assert!((1..40).contains(&saved), "{saved}");
    // Still full: it cannot go on, and says so again.
    let text = ended(&resume(&out, &["--quiet"]).output().unwrap(), 1);
    assert!(text.contains("space") || text.contains("full") || text.contains("room"), "{text}");
    assert!(RunState::read(&out.join("checkpoints/last.safetensors")).unwrap().state.step >= saved);
    std::fs::remove_file(disk.0.join("other")).unwrap();
    ended(&resume(&out, &["--quiet"]).output().unwrap(), 0);
    assert_eq!(figures(&out), figures(&whole));
}

#[test]
fn bad_input_is_named_with_its_remedy_and_the_right_exit_code() {
    let bench = Bench::new(6);
    let good = bench.config(2);
    let empty = bench.at("empty");
    for sub in ["frames", "audio"] {
        std::fs::create_dir_all(empty.join(sub)).unwrap();
    }
    let list = bench.at("list.txt");
    std::fs::write(&list, "gone_a\ngone_b\n").unwrap();
    let narrow = bench.at("narrow.pth");
    Checkpoint::formula(4, 8, "").write_pth(&narrow).unwrap();
    let recipe = bench.recipe(&good);
    let set = |assignment: String| {
        let out = bench.at("never");
        let o = train(&recipe, &out, &["--quiet", "--set", &assignment]).output().unwrap();
        assert!(!out.exists(), "{assignment}");
        o
    };
    for (assignment, code, words) in [
        (format!("data.train={}", empty.display()), 1, &["only 0 pairs", "At least 2"][..]),
        ("data.train=".into(), 1, &["Set data.train"]),
        (format!("data.list={}", list.display()), 1, &["0 of 2 usable", "gone_a"]),
        ("batch.size=50".into(), 1, &["batch.size to at most"]),
        ("batch.size=1".into(), 1, &["at least 2"]),
        (format!("model.start={}", narrow.display()), 1, &["width 4", "model.width to 4"]),
        ("run.device=cpu,nothing".into(), 1, &["nothing"]),
        ("optim.learning_rat=1".into(), 2, &["did you mean `optim.learning_rate`"]),
        ("optim.learning_rate=fast".into(), 2, &["a number is expected"]),
    ] {
        let text = ended(&set(assignment.clone()), code);
        for word in words {
            assert!(text.contains(word), "{assignment}: {text}");
        }
    }
    let file = bench.at("file");
    std::fs::write(&file, "x").unwrap();
    let text = ended(&train(&recipe, &file, &["--quiet"]).output().unwrap(), 1);
    assert!(text.contains("file"), "{text}");
    let text = ended(&train(&recipe, &bench.at("data"), &["--quiet"]).output().unwrap(), 1);
    assert!(text.contains("new or empty"), "{text}");
    ended(&fnac(&["train"]).output().unwrap(), 2);
    ended(&fnac(&["train", "--print-config", "unknown"]).output().unwrap(), 2);
}

#[test]
fn items_that_cannot_be_used_are_listed_and_give_code_three() {
    let bench = Bench::new(12);
    let frames = std::fs::read_dir(bench.at("data/frames")).unwrap();
    let mut names: Vec<PathBuf> = frames.map(|e| e.unwrap().path()).collect();
    names.sort_unstable();
    // One that is seen at the listing, one that only the decoder finds.
    std::fs::remove_file(&names[1]).unwrap();
    std::fs::write(&names[2], "no picture").unwrap();
    let mut config = bench.config(3);
    config.data.validation_share = 0.0;
    (config.batch.size, config.schedule.steps) = (3, 12);
    let out = bench.at("run");
    let o = train(&bench.recipe(&config), &out, &[]).output().unwrap();
    let text = ended(&o, 3);
    let stem = |p: &Path| p.file_stem().unwrap().to_str().unwrap().to_owned();
    assert!(text.contains(&stem(&names[1])), "{text}");
    assert!(text.contains("11 of 12 usable"), "{text}");
    let left_out = RunCard::read(&out).unwrap().data.left_out;
    assert!(left_out.iter().any(|(id, _)| *id == stem(&names[1])), "{left_out:?}");
    assert!(left_out.iter().any(|(id, _)| *id == stem(&names[2])), "{left_out:?}");
}

#[test]
fn a_preset_is_printed_dried_run_and_its_rate_tested() {
    let bench = Bench::new(12);
    let o = fnac(&["train", "--print-config", "fine-tune", "--set", "seed=7"]).output().unwrap();
    ended(&o, 0);
    let printed = TrainConfig::from_toml(&String::from_utf8_lossy(&o.stdout)).unwrap();
    assert_eq!(printed, TrainConfig { seed: 7, ..preset("fine-tune").unwrap() });
    let recipe = bench.recipe(&bench.config(6));
    let out = bench.at("never");
    let o = train(&recipe, &out, &["--dry-run"]).output().unwrap();
    ended(&o, 0);
    let text = String::from_utf8_lossy(&o.stdout).into_owned();
    for word in ["pairs to learn from", "16000 Hz", "batch: fits", "an epoch", "disk:"] {
        assert!(text.contains(word), "{word}:\n{text}");
    }
    assert!(!out.exists(), "nothing is begun");
    let mut range = fnac(&["train", "--range-test"]);
    let o = range.arg(&recipe).output().unwrap();
    let text = ended(&o, 0);
    assert!(text.contains("the loss"), "{text}");
    let table = String::from_utf8_lossy(&o.stdout).into_owned();
    assert!(table.starts_with("learning_rate,loss,smooth\n"), "{table}");
    assert!((5..=101).contains(&table.lines().count()));
    assert!(!bench.at("runs").exists());
}
