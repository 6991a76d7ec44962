//! How long until the frame asked for is there? Seeks, steps, drags and opening, in percentiles.
//!
//! `cargo bench --profile dev --bench player [-- WIDTHxHEIGHT]` writes a clip of 20 s at 30
//! frames per second with a key frame every 250 frames (the worst usual case) and prints a
//! table. `-- soak 600` instead plays, loops, seeks and reopens for that many seconds and prints
//! the memory held. No sound device is used.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

#[path = "../tests/integration/player_rig.rs"]
mod player_rig;

use std::time::{Duration, Instant};

use fnac::audio::OutputChoice;
use fnac::media::MediaSource;
use fnac::player::{PlayState, Player, PlayerOptions};
use fnac::units::{FrameIndex, MediaTime};

use player_rig::{FPS, Recipe, number_in, write_clip};

const FRAMES: u32 = 600;

fn wait(player: &mut Player, mut done: impl FnMut(&Player) -> bool) -> f64 {
    let t0 = Instant::now();
    loop {
        player.tick();
        if done(player) {
            return t0.elapsed().as_secs_f64() * 1e3;
        }
        assert!(t0.elapsed() < Duration::from_secs(60), "waited in vain");
        std::thread::sleep(Duration::from_micros(300));
    }
}

fn landed(p: &Player) -> bool {
    p.presentation().exact && p.presentation().state == PlayState::Paused
}

fn row(name: &str, mut ms: Vec<f64>) {
    ms.sort_by(f64::total_cmp);
    let at = |q: f64| ms[((ms.len() - 1) as f64 * q).round() as usize];
    println!("| {name} | {} | {:.1} | {:.1} | {:.1} |", ms.len(), at(0.5), at(0.95), at(1.0));
}

/// Resident memory in MiB (Linux).
fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = text.split(' ').nth(1).and_then(|p| p.parse().ok()).unwrap_or(0.0);
    pages * 4096.0 / f64::from(1 << 20)
}

/// Plays, loops, seeks, changes speed and reopens for `secs`, and prints the memory held.
fn soak(source: &MediaSource, secs: f64) {
    let mut p = Player::new(PlayerOptions {
        output: OutputChoice::Null { pace: 1.0 },
        ..PlayerOptions::default()
    });
    p.set_loop_clip(true);
    p.open(source.clone());
    println!("| after s | resident MiB | frames held MiB |\n| --- | --- | --- |");
    let (t0, mut told, mut acts) = (Instant::now(), -1, 0_u64);
    while t0.elapsed().as_secs_f64() < secs {
        let wait = p.tick().next_change.unwrap_or(Duration::from_millis(10));
        std::thread::sleep(wait.min(Duration::from_millis(16)));
        let now = t0.elapsed().as_secs_f64();
        if now * 2.0 > acts as f64 {
            acts += 1;
            let place = MediaTime::from_millis((acts as i64 * 7919) % 20_000);
            match acts % 12 {
                3 => p.set_loop_ab(Some(place), Some(place + MediaTime::from_millis(1500))),
                6 => p.set_loop_ab(None, None),
                7 => p.set_speed(0.5 + (acts % 5) as f64 / 2.0),
                8 => p.step(-3),
                9 => p.play(),
                11 if acts % 120 == 11 => p.open(source.clone()),
                _ => p.seek(place),
            }
        }
        if (now / secs * 10.0) as i64 > told {
            told = (now / secs * 10.0) as i64;
            let held = p.presentation().bytes_held as f64 / f64::from(1 << 20);
            println!("| {now:.0} | {:.0} | {held:.0} |", resident());
        }
    }
}

fn main() {
    let size = std::env::args()
        .find_map(|a| {
            let (w, h) = a.split_once('x')?;
            Some((w.parse().ok()?, h.parse().ok()?))
        })
        .unwrap_or((1280, 720));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clip.mp4");
    write_clip(&path, Recipe { frames: FRAMES, size, sound: false, ..Recipe::default() });
    let source = MediaSource::File(path);
    let mut args = std::env::args().skip_while(|a| a != "soak");
    if args.next().is_some() {
        return soak(&source, args.next().and_then(|a| a.parse().ok()).unwrap_or(600.0));
    }
    let options = || PlayerOptions {
        output: OutputChoice::Null { pace: 1.0 },
        autoplay: false,
        ..PlayerOptions::default()
    };
    println!("{}x{}, {FRAMES} frames, key frame every 250, {} cores", size.0, size.1, cores());
    println!("| ms until painted | n | median | 95 % | worst |\n| --- | --- | --- | --- | --- |");

    let opened = (0..5)
        .map(|_| {
            let mut p = Player::new(options());
            p.open(source.clone());
            wait(&mut p, landed)
        })
        .collect();
    row("open to first frame", opened);

    let mut p = Player::new(options());
    p.open(source);
    wait(&mut p, landed);
    let mut x = 7_u64;
    let mut next = |below: u32| {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (x >> 33) as u32 % below
    };
    let mut wrong = 0;
    let seeks = (0..100)
        .map(|_| {
            let target = FrameIndex(next(FRAMES));
            p.seek_frame(target);
            let ms = wait(&mut p, landed);
            let shown = p.presentation().frame.clone().unwrap();
            wrong += u32::from(number_in(&shown) != Some(target.0));
            ms
        })
        .collect();
    row("exact seek, anywhere", seeks);

    // A held key: 30 repeats per second, after half a second of rest.
    let mut step = |p: &mut Player, from: u32, by: i32, n: u32| -> Vec<f64> {
        p.seek_frame(FrameIndex(from));
        wait(p, landed);
        std::thread::sleep(Duration::from_millis(1500));
        (0..n)
            .map(|_| {
                let before = p.presentation().frame.clone().unwrap().index.0;
                p.step(by);
                let ms = wait(p, landed);
                let shown = p.presentation().frame.clone().unwrap();
                wrong += u32::from(number_in(&shown) != Some((before as i32 + by) as u32));
                std::thread::sleep(
                    Duration::from_millis(33).saturating_sub(Duration::from_secs_f64(ms / 1e3)),
                );
                ms
            })
            .collect()
    };
    row("step forward, 30 per second", step(&mut p, 20, 1, 100));
    row("step back within a group, 30 per second", step(&mut p, 240, -1, 100));
    row("step back over key frames, 30 per second", step(&mut p, 540, -1, 320));

    // Straight after a seek, nothing behind the playhead is there yet.
    let cold = (0..15)
        .map(|_| {
            p.seek_frame(FrameIndex(260 + next(330)));
            wait(&mut p, landed);
            p.step(-1);
            wait(&mut p, landed)
        })
        .collect();
    row("first step back straight after a seek", cold);

    let drags = (0..60)
        .map(|_| {
            let t = MediaTime::from_millis(i64::from(next(FRAMES)) * 1000 / i64::from(FPS));
            p.scrub(t);
            let g = p.presentation().generation;
            let index = p.index().unwrap().clone();
            let wanted = index.frame_at(t).unwrap();
            let key = index.keyframe_at_or_before(wanted);
            let _ = g;
            wait(&mut p, |p| {
                p.presentation().frame.as_ref().is_some_and(|f| f.index >= key && f.index <= wanted)
            })
        })
        .collect();
    row("drag: something near", drags);
    let rests = (0..30)
        .map(|_| {
            let t = MediaTime::from_millis(i64::from(next(FRAMES)) * 1000 / i64::from(FPS));
            p.scrub(t);
            wait(&mut p, |p| p.presentation().exact)
        })
        .collect();
    row("drag: exact at rest", rests);
    println!("wrong frames: {wrong}");
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}
