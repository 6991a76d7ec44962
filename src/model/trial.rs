//! The first use of a device on a machine happens in a child process.
//!
//! A graphics driver can take the whole process down, and no `catch` helps against a segfault in
//! it. So a device that this machine has not used is tried by a child (`fnac __device-trial`):
//! a small network with known weights must give the CPU engine's map, within a time limit. What
//! crashes, hangs or errs is remembered in the cache folder and said; the next device is taken.
//! A new driver or a new fnac is tried anew.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::devices::{DeviceInfo, open_cpu, open_gpu};
use super::{Checkpoint, ModelError, Towers, cosine_map};
use crate::features::{INPUT_SIDE, Spectrogram, SpectrogramPlan};

/// Hidden subcommand of the child.
pub const TRIAL_COMMAND: &str = "__device-trial";
/// A trial takes seconds to tune kernels; the slowest seen (software Vulkan) needed 25.
const TIME_LIMIT: Duration = Duration::from_secs(120);
/// Cosines may differ this much from the CPU's (the limit for wgpu).
pub const TOLERANCE: f32 = 1e-3;
/// Size of the network of the trial: small, but every kind of layer.
const TRIAL_SIZE: (usize, usize) = (8, 64);
/// Maps timed after the warm-up.
const TIMED_MAPS: usize = 5;

/// What came of a trial.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Verdict {
    /// The device computes the right map.
    Good {
        /// Median milliseconds for a map of the small network.
        map_ms: f64,
        /// Greatest distance from the CPU's cosines.
        max_difference: f32,
        /// Seconds until the first map, tuning and compiling included.
        first_map_secs: f64,
    },
    /// It must not be used.
    Bad {
        /// Why, in words.
        cause: String,
    },
}

impl Verdict {
    fn bad(cause: impl Into<String>) -> Self {
        Self::Bad { cause: cause.into() }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Good { map_ms, max_difference, first_map_secs } => write!(
                f,
                "good: {map_ms:.1} ms for a small map, first after {first_map_secs:.1} s, cosines within {max_difference:.1e}"
            ),
            Self::Bad { cause } => write!(f, "not used: {cause}"),
        }
    }
}

/// Trials that may be cut short (the window was closed, the computer went down) before a device
/// counts as one that takes the computer with it.
const UNFINISHED: u32 = 2;

/// What is kept on disk, by [`DeviceInfo::trial_key`].
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
struct Kept {
    verdicts: BTreeMap<String, Verdict>,
    /// Trials that began and did not end.
    unfinished: BTreeMap<String, u32>,
}

/// Results of trials, kept in the user's cache folder.
pub struct TrialStore {
    path: Option<PathBuf>,
    known: Mutex<Kept>,
    child: Option<(PathBuf, Vec<OsString>)>,
    limit: Duration,
}

impl TrialStore {
    /// The results kept under `cache_dir`; `None` keeps them in memory only. A damaged file
    /// counts as empty: devices are tried anew.
    pub fn open(cache_dir: Option<&Path>) -> Self {
        let path = cache_dir.map(|d| d.join("device-trials.json"));
        let known = path
            .as_ref()
            .and_then(|p| std::fs::read(p).ok())
            .and_then(|text| match serde_json::from_slice(&text) {
                Ok(known) => Some(known),
                Err(e) => {
                    tracing::warn!("the kept device trials are damaged and made anew: {e}");
                    None
                }
            })
            .unwrap_or_default();
        let child = std::env::current_exe().ok().map(|exe| (exe, vec![TRIAL_COMMAND.into()]));
        Self { path, known: Mutex::new(known), child, limit: TIME_LIMIT }
    }

    /// Tries devices with another program and time limit; for tests and for launchers whose own
    /// program is not fnac.
    #[must_use]
    pub fn with_child(mut self, program: PathBuf, args: Vec<OsString>, limit: Duration) -> Self {
        self.child = Some((program, args));
        self.limit = limit;
        self
    }

    /// What is known about a device from earlier.
    pub fn known(&self, device: &DeviceInfo) -> Option<Verdict> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = device.trial_key();
        let cut_short = known.unfinished.get(&key).is_some_and(|n| *n >= UNFINISHED);
        known.verdicts.get(&key).cloned().or_else(|| {
            cut_short.then(|| Verdict::bad("fnac or the computer stopped twice during its trial"))
        })
    }

    /// Tries a device in a child process and remembers the verdict. Blocks for up to the time
    /// limit: call it from a worker.
    pub fn try_in_child(&self, device: &DeviceInfo) -> Verdict {
        let Some((program, args)) = &self.child else {
            return Verdict::bad("the program's own file is not known, so it cannot be tried");
        };
        // Counted before, so that a machine that goes down with its driver is not tried for ever.
        self.change(|k| *k.unfinished.entry(device.trial_key()).or_default() += 1);
        let mut command = Command::new(program);
        command.args(args).arg("--device").arg(format!("gpu:{}", device.index));
        let verdict = match run_limited(command, self.limit) {
            Ok(answer) if answer.was_stopped() => {
                // Ctrl-C reaches the child too; that says nothing about the device.
                return Verdict::bad("its trial was stopped");
            }
            Ok(answer) => verdict_of(&answer, self.limit),
            Err(e) => Verdict::bad(format!("its trial could not be started: {e}")),
        };
        if let Verdict::Bad { cause } = &verdict {
            tracing::warn!("{device} is not used for the network: {cause}");
        }
        self.change(|k| {
            k.unfinished.remove(&device.trial_key());
            k.verdicts.insert(device.trial_key(), verdict.clone());
        });
        verdict
    }

    /// Forgets everything, so that all devices are tried anew.
    pub fn forget(&self) {
        self.change(|k| *k = Kept::default());
    }

    fn change(&self, change: impl FnOnce(&mut Kept)) {
        change(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner));
        self.save();
    }

    fn save(&self) {
        let Some(path) = &self.path else { return };
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let write = || -> std::io::Result<()> {
            std::fs::create_dir_all(crate::files::folder_of(path))?;
            let bytes = serde_json::to_vec_pretty(&*known)?;
            crate::files::write_whole(path, &bytes)
        };
        if let Err(e) = write() {
            tracing::warn!("cannot keep the device trials in {}: {e}", path.display());
        }
    }
}

struct ChildAnswer {
    /// `None` when it had to be ended.
    status: Option<ExitStatus>,
    stdout: String,
    stderr: String,
}

impl ChildAnswer {
    /// True when it was ended from outside, with its parent.
    fn was_stopped(&self) -> bool {
        #[cfg(unix)]
        {
            let signal =
                self.status.and_then(|s| std::os::unix::process::ExitStatusExt::signal(&s));
            matches!(signal, Some(libc::SIGINT | libc::SIGTERM | libc::SIGHUP))
        }
        #[cfg(not(unix))]
        false
    }
}

/// Runs `command` with its output captured and ends it after `limit`.
fn run_limited(mut command: Command, limit: Duration) -> std::io::Result<ChildAnswer> {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    // Read on threads: a child that says a lot must not block on a full pipe.
    let reader = |pipe: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            if let Some(pipe) = pipe {
                pipe.take(1 << 20).read_to_end(&mut text).ok();
            }
            String::from_utf8_lossy(&text).into_owned()
        })
    };
    let stdout = reader(child.stdout.take().map(|p| Box::new(p) as _));
    let stderr = reader(child.stderr.take().map(|p| Box::new(p) as _));
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if started.elapsed() > limit {
            child.kill().ok();
            child.wait()?;
            // A grandchild may hold the pipes open: do not wait for their end.
            return Ok(ChildAnswer { status: None, stdout: String::new(), stderr: String::new() });
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let text = |t: std::thread::JoinHandle<String>| t.join().unwrap_or_default();
    Ok(ChildAnswer { status, stdout: text(stdout), stderr: text(stderr) })
}

fn verdict_of(answer: &ChildAnswer, limit: Duration) -> Verdict {
    let Some(status) = answer.status else {
        return Verdict::bad(format!("no answer within {} s", limit.as_secs_f32()));
    };
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        let name = match signal {
            libc::SIGSEGV => "a segmentation fault",
            libc::SIGABRT => "an abort",
            libc::SIGILL => "an illegal instruction",
            libc::SIGBUS => "a bus error",
            libc::SIGKILL => "the system ending it (out of memory?)",
            _ => return Verdict::bad(format!("its driver crashed (signal {signal})")),
        };
        return Verdict::bad(format!("its driver crashed ({name})"));
    }
    // The last line: drivers like to print before it.
    let last = answer.stdout.lines().rev().find(|l| l.trim_start().starts_with('{'));
    if let Some(verdict) = last.and_then(|l| serde_json::from_str(l).ok()) {
        return verdict;
    }
    let words = answer.stderr.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("no message");
    Verdict::bad(format!("its trial ended with {status}: {}", words.trim()))
}

/// The child's part: the small network on `device` against the CPU engine.
///
/// # Errors
/// Only when the CPU engine itself fails; everything about the device becomes a verdict.
pub fn try_here(device: &DeviceInfo) -> Result<Verdict, ModelError> {
    let checkpoint = Checkpoint::formula(TRIAL_SIZE.0, TRIAL_SIZE.1, "");
    let (picture, sound) = golden_inputs(checkpoint.card.sample_rate)?;
    let mut cpu = open_cpu(&checkpoint, String::new())?;
    let expected = one_map(cpu.towers.as_mut(), &picture, &sound)?;
    let started = Instant::now();
    let mut gpu = match open_gpu(&checkpoint, device) {
        Ok(g) => g,
        Err(e) => return Ok(Verdict::bad(e.to_string())),
    };
    let mut times = Vec::new();
    let mut first_map_secs = 0.0;
    let mut max_difference = 0.0f32;
    for round in 0..=TIMED_MAPS {
        let begun = Instant::now();
        let map = match one_map(gpu.towers.as_mut(), &picture, &sound) {
            Ok(m) => m,
            Err(e) => return Ok(Verdict::bad(e.to_string())),
        };
        if round == 0 {
            first_map_secs = started.elapsed().as_secs_f64();
        } else {
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        let differences = map.iter().zip(&expected).map(|(a, b)| (a - b).abs());
        // A NaN must not pass: `max` would drop it.
        let worst =
            differences.fold(0.0f32, |m, d| if d.is_nan() { f32::INFINITY } else { m.max(d) });
        max_difference = max_difference.max(worst);
    }
    if max_difference > TOLERANCE {
        return Ok(Verdict::bad(format!(
            "it computes wrong maps (cosines differ by {max_difference:.1e} from the CPU's)"
        )));
    }
    times.sort_by(f64::total_cmp);
    let map_ms = times.get(times.len() / 2).copied().unwrap_or_default();
    Ok(Verdict::Good { map_ms, max_difference, first_map_secs })
}

fn one_map(
    towers: &mut dyn Towers,
    picture: &[f32],
    sound: &Spectrogram,
) -> Result<Vec<f32>, ModelError> {
    let picture = towers.embed_images(&[picture.to_vec()])?.into_iter().next();
    let sound = towers.embed_sound(sound)?;
    let picture = picture.ok_or_else(|| ModelError::Input {
        wanted: "one embedding".into(),
        found: "none".into(),
    })?;
    Ok(cosine_map(&picture, &sound).0.to_vec())
}

/// A picture and a sound with structure in every place.
fn golden_inputs(rate_hz: u32) -> Result<(Vec<f32>, Spectrogram), ModelError> {
    let side = INPUT_SIDE as usize;
    let picture = (0..3 * side * side)
        .map(|i| {
            let (x, y, c) = (i % side, i / side % side, i / (side * side));
            (0.05 * x as f32 + c as f32).sin() + (0.03 * y as f32).cos()
        })
        .collect();
    let samples: Vec<f32> = (0..3 * rate_hz)
        .map(|n| {
            let t = n as f32 / rate_hz.max(1) as f32;
            0.4 * (std::f32::consts::TAU * (300.0 * t + 200.0 * t * t).fract()).sin()
        })
        .collect();
    let sound = SpectrogramPlan::new().log_spectrogram(&samples, rate_hz).ok_or_else(|| {
        ModelError::Input {
            wanted: "a sample rate of at least 171 Hz".into(),
            found: rate_hz.to_string(),
        }
    })?;
    Ok((picture, sound))
}

/// Prints the child's verdict as the one line that the parent looks for.
///
/// # Errors
/// When stdout is closed.
pub fn print_verdict(verdict: &Verdict) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, verdict)?;
    writeln!(out)?;
    out.flush()
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::devices::AdapterKind;
    use super::*;

    fn device(driver: &str) -> DeviceInfo {
        DeviceInfo {
            index: 3,
            name: "Test card".into(),
            backend: "Vulkan".into(),
            kind: AdapterKind::Discrete,
            driver: driver.into(),
        }
    }

    /// A child that runs `script` in place of the trial.
    fn store(dir: &Path, script: &str, limit: Duration) -> TrialStore {
        TrialStore::open(Some(dir)).with_child(
            "/bin/sh".into(),
            vec!["-c".into(), script.into(), "child".into()],
            limit,
        )
    }

    const SOON: Duration = Duration::from_secs(20);

    fn cause(v: Verdict) -> String {
        match v {
            Verdict::Bad { cause } => cause,
            good => panic!("{good:?}"),
        }
    }

    #[test]
    fn a_driver_that_crashes_takes_only_the_child_with_it_and_is_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let s = store(dir.path(), "kill -SEGV $$", SOON);
        assert_eq!(s.known(&device("1")), None);
        assert!(cause(s.try_in_child(&device("1"))).contains("segmentation fault"));
        let next_start = TrialStore::open(Some(dir.path()));
        assert!(cause(next_start.known(&device("1")).unwrap()).contains("segmentation fault"));
        assert_eq!(next_start.known(&device("2")), None, "a new driver is tried anew");
        next_start.forget();
        assert_eq!(TrialStore::open(Some(dir.path())).known(&device("1")), None);
    }

    #[test]
    fn a_trial_that_was_cut_short_is_tried_again_once() {
        let dir = tempfile::tempdir().unwrap();
        let stopped = store(dir.path(), "kill -TERM $$", SOON);
        assert!(cause(stopped.try_in_child(&device("1"))).contains("stopped"));
        assert_eq!(TrialStore::open(Some(dir.path())).known(&device("1")), None);
        stopped.try_in_child(&device("1"));
        let next_start = TrialStore::open(Some(dir.path()));
        assert!(cause(next_start.known(&device("1")).unwrap()).contains("twice"));
    }

    #[test]
    fn a_driver_that_hangs_is_ended_after_the_limit() {
        let dir = tempfile::tempdir().unwrap();
        let started = Instant::now();
        let s = store(dir.path(), "exec sleep 60", Duration::from_millis(200));
        assert!(cause(s.try_in_child(&device("1"))).contains("no answer within 0.2 s"));
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn errors_are_told_in_the_childs_words() {
        let dir = tempfile::tempdir().unwrap();
        let s = store(dir.path(), "echo 'no such queue' >&2; exit 1", SOON);
        let told = cause(s.try_in_child(&device("1")));
        assert!(told.contains("no such queue") && told.contains("exit status: 1"), "{told}");
        let s = store(dir.path(), "echo chatter; exit 0", SOON);
        assert!(cause(s.try_in_child(&device("1"))).contains("no message"));
        let s = TrialStore::open(None).with_child("/no/such/program".into(), vec![], SOON);
        assert!(cause(s.try_in_child(&device("1"))).contains("could not be started"));
    }

    #[test]
    fn a_good_device_is_known_at_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let good = Verdict::Good { map_ms: 2.5, max_difference: 1e-6, first_map_secs: 3.0 };
        let line = serde_json::to_string(&good).unwrap();
        // The child is told the device.
        let script =
            format!("[ \"$1 $2\" = '--device gpu:3' ] && echo driver talk && echo '{line}'");
        let s = store(dir.path(), &script, SOON);
        assert_eq!(s.try_in_child(&device("1")), good);
        assert_eq!(TrialStore::open(Some(dir.path())).known(&device("1")), Some(good));
    }

    #[test]
    fn a_damaged_file_of_trials_counts_as_empty() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("device-trials.json"), b"{ not json").unwrap();
        assert_eq!(TrialStore::open(Some(dir.path())).known(&device("1")), None);
    }
}
