//! Do picture and sound belong together on a real sound server? Run by `benches/sync.sh`.
//!
//! Plays a clip with a flash and a beep every second through the default device, a PulseAudio
//! null sink, and records the sink's monitor. The error of a flash is the instant at which
//! [`Player::tick`] hands its frame out, less the instant at which its beep is heard.
//!
//! **When is a recorded sample heard?** A null sink plays sample n at `T0 + n / rate` of the
//! machine's clock, and renders a block (and gives it to the monitor) at the instant its first
//! sample is played. So the first sample of each chunk of the recording arrives at its playing
//! time or a little later: `T0` is the smallest `arrival - n / rate`. It is taken from the
//! chunks within 5 s of the beep, because the sink rounds each block down to whole
//! microseconds and so runs some 40 ppm fast. The recorder asks for 5 ms, which bounds what is
//! unknown: chunks that begin inside a block arrive up to 5 ms early. This is the time at which
//! the sink plays, the same that the sound server reports to the player as its delay; behind it
//! a real device would add its converter, the screen its refresh: neither is in the figures.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

#[path = "../tests/integration/player_rig.rs"]
mod player_rig;

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fnac::audio::{OutputChoice, WallTime};
use fnac::media::MediaSource;
use fnac::player::{ClockKind, PlayState, Player, PlayerOptions, Shown};
use fnac::units::MediaTime;

use player_rig::{FPS, RATE, Recipe, onset_frames, write_clip};

/// Chunks of the recording: arrival and first sample.
#[derive(Default)]
struct Recording {
    samples: Vec<f32>,
    chunks: Vec<(WallTime, usize)>,
}

impl Recording {
    /// When sample `n` was heard, from the chunks within five seconds of it.
    fn heard(&self, n: usize) -> WallTime {
        let near = 5 * RATE as usize;
        let nanos = |n: usize| (n as f64 * 1e9 / f64::from(RATE)) as i64;
        let zero = self
            .chunks
            .iter()
            .filter(|(_, first)| first.abs_diff(n) < near)
            .map(|(at, first)| at.as_nanos() - nanos(*first))
            .min();
        WallTime::from_nanos(zero.unwrap_or(0) + nanos(n))
    }

    fn beeps(&self) -> Vec<WallTime> {
        let left: Vec<f32> = self.samples.iter().step_by(2).copied().collect();
        onset_frames(&left).into_iter().map(|n| self.heard(n)).collect()
    }
}

fn record(into: Arc<Mutex<Recording>>) -> std::process::Child {
    let mut child = Command::new("parec")
        .args(["-d", "rec.monitor", "--raw", "--rate=48000", "--channels=2"])
        .args(["--format=s16le", "--latency-msec=5", "--process-time-msec=2"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("parec: install pulseaudio-utils, or run benches/sync.sh");
    let mut out = child.stdout.take().unwrap();
    std::thread::spawn(move || {
        let mut buffer = vec![0_u8; 1 << 16];
        let mut rest = Vec::new();
        while let Ok(n) = out.read(&mut buffer) {
            if n == 0 {
                break;
            }
            let now = WallTime::from_instant(Instant::now());
            let mut r = into.lock().unwrap();
            let first = r.samples.len() / 2;
            r.chunks.push((now, first));
            rest.extend_from_slice(&buffer[..n]);
            let whole = rest.len() / 4 * 4;
            for s in rest[..whole].chunks_exact(2) {
                r.samples.push(f32::from(i16::from_le_bytes([s[0], s[1]])) / 32768.0);
            }
            rest.drain(..whole);
        }
    });
    child
}

struct Bench {
    player: Player,
    log: Vec<Shown>,
}

impl Bench {
    /// Ticks as a window does, whenever something changes.
    fn run(&mut self, secs: f64) {
        let until = Instant::now() + Duration::from_secs_f64(secs);
        while Instant::now() < until {
            let wait = self.player.tick().next_change.unwrap_or(Duration::from_millis(10));
            std::thread::sleep(wait.min(Duration::from_millis(16)));
        }
        self.log.extend(self.player.take_log());
    }

    /// Ends a part: the flashes shown since the last.
    fn part(&mut self) -> Vec<WallTime> {
        std::mem::take(&mut self.log)
            .iter()
            .filter(|s| s.frame.0 > 0 && s.frame.0 % FPS == 0)
            .map(|s| s.at)
            .collect()
    }
}

/// Takes the sound server away and gives it back, and says what the player does.
fn unplug(mut b: Bench) {
    fn say(b: &mut Bench, what: &str) {
        let p = b.player.tick();
        println!("{what}: {:?} at {}, clock {:?}, device {:?}", p.state, p.now, p.clock, p.device);
    }
    let server = |args: &[&str]| {
        let ok = Command::new(args[0]).args(&args[1..]).status().is_ok_and(|s| s.success());
        assert!(ok, "{args:?}");
    };
    b.player.play();
    b.run(3.0);
    say(&mut b, "playing");
    server(&["pactl", "exit"]);
    b.run(4.0);
    say(&mut b, "4 s after the server's end");
    b.player.play();
    b.run(2.0);
    say(&mut b, "2 s after Space");
    server(&[
        "pulseaudio",
        "-n",
        "--daemonize=yes",
        "--exit-idle-time=20",
        "--load=module-native-protocol-unix auth-anonymous=1",
        "--load=module-null-sink sink_name=rec rate=48000 channels=2 format=s16le",
    ]);
    b.run(4.0);
    say(&mut b, "4 s after the server's return");
    for n in &b.player.presentation().notes {
        println!("note: {}", n.text);
    }
    server(&["pactl", "exit"]);
}

fn main() {
    let secs: f64 = std::env::args().find_map(|a| a.parse().ok()).unwrap_or(60.0);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clip.mov");
    write_clip(&path, Recipe { frames: 120 * FPS, size: (640, 360), ..Recipe::default() });
    let recording = Arc::new(Mutex::new(Recording::default()));
    let mut recorder = record(recording.clone());
    let player = Player::new(PlayerOptions {
        output: OutputChoice::Default,
        autoplay: false,
        log_presentations: true,
        ..PlayerOptions::default()
    });
    let mut b = Bench { player, log: Vec::new() };
    b.player.open(MediaSource::File(path));
    while b.player.tick().state != PlayState::Paused {
        std::thread::sleep(Duration::from_millis(2));
    }
    b.run(2.0);
    let p = b.player.presentation();
    assert_eq!(p.clock, ClockKind::Sound, "no sound device: {:?}", p.notes);

    if std::env::args().any(|a| a == "unplug") {
        unplug(b);
        recorder.kill().ok();
        recorder.wait().ok();
        return;
    }
    let mut parts: Vec<(&str, Vec<WallTime>)> = Vec::new();
    b.player.play();
    b.run(secs);
    parts.push(("playing", b.part()));
    let mut x = 3_u64;
    for _ in 0..(secs / 1.5) as u32 {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        b.player.seek(MediaTime::from_millis((x >> 33) as i64 % 110_000));
        b.run(1.6);
    }
    parts.push(("after seeks", b.part()));
    b.player
        .set_loop_ab(Some(MediaTime::from_millis(20_700)), Some(MediaTime::from_millis(22_300)));
    b.player.seek(MediaTime::from_millis(20_700));
    b.run(secs);
    parts.push(("in an A-B loop of 1.6 s", b.part()));
    b.player.set_loop_ab(None, None);
    for (name, speed) in [("speed 0.5", 0.5), ("speed 1.5", 1.5), ("speed 1 again", 1.0)] {
        b.player.seek(MediaTime::from_millis(3_000));
        b.run(0.5);
        b.player.set_speed(speed);
        b.run(0.5);
        b.part();
        b.run(secs);
        parts.push((name, b.part()));
    }
    for i in 0..(secs / 2.0) as u32 {
        b.player.set_speed([1.25, 0.8, 1.0][i as usize % 3]);
        b.run(2.0);
    }
    parts.push(("speed changed every 2 s", b.part()));
    b.player.pause();
    b.run(1.0);

    let counters = b.player.presentation().counters;
    let delay = b.player.presentation().device_delay;
    recorder.kill().ok();
    recorder.wait().ok();
    let recording = recording.lock().unwrap();
    let beeps = recording.beeps();
    println!(
        "device delay {:.1} ms, {} beeps heard, {} underruns, {} frames late",
        delay.as_secs_f64() * 1e3,
        beeps.len(),
        counters.underruns,
        counters.late
    );
    for n in &b.player.presentation().notes {
        println!("note: {}", n.text);
    }
    println!(
        "| picture minus sound, ms | n | mean | 95 % | worst |\n| --- | --- | --- | --- | --- |"
    );
    let mut all = Vec::new();
    for (name, flashes) in parts {
        let errors: Vec<f64> = flashes
            .iter()
            .filter_map(|f| beeps.iter().map(|b| f.nanos_since(*b)).min_by_key(|e| e.abs()))
            .map(|e| e as f64 / 1e6)
            .collect();
        row(name, &errors);
        all.extend(errors);
    }
    row("all", &all);
}

fn row(name: &str, errors: &[f64]) {
    let mut sizes: Vec<f64> = errors.iter().map(|e| e.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let Some(worst) = sizes.last() else {
        println!("| {name} | 0 | - | - | - |");
        return;
    };
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    let p95 = sizes[((sizes.len() - 1) as f64 * 0.95).round() as usize];
    println!("| {name} | {} | {mean:+.1} | {p95:.1} | {worst:.1} |", errors.len());
}
