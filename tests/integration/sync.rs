//! Picture and sound belong together: flashes against beeps on a simulated device, exact.
//!
//! The same measurement on a real sound server is `benches/sync.sh`.

use std::time::Duration;

use fnac::units::FrameIndex;

use super::player_rig::{FPS, Recipe, Rig, ms};

/// Distance of ticks: flashes are seen up to this much late.
const STEP: Duration = Duration::from_millis(4);

/// Errors in ms, picture minus sound, of every flash that was painted while time ran.
fn errors(rig: &mut Rig) -> Vec<f64> {
    let beeps = rig.beeps();
    let mut out = Vec::new();
    for s in rig.player.take_log() {
        if s.frame.0 == 0 || s.frame.0 % FPS != 0 {
            continue;
        }
        let nearest = beeps.iter().map(|b| s.at.nanos_since(*b)).min_by_key(|e| e.abs());
        match nearest {
            Some(e) if e.abs() < 200_000_000 => out.push(e as f64 / 1e6),
            // The last flash's beep may lie behind the end of the recording.
            _ => {}
        }
    }
    out
}

fn check(name: &str, errors: &[f64], at_least: usize, tolerance: f64) {
    let mean = errors.iter().sum::<f64>() / errors.len().max(1) as f64;
    let worst = errors.iter().map(|e| e.abs()).fold(0.0, f64::max);
    println!("{name}: {} flashes, mean {mean:.2} ms, worst {worst:.2} ms", errors.len());
    assert!(errors.len() >= at_least, "{name}: only {} flashes", errors.len());
    assert!(worst <= tolerance, "{name}: {errors:?}");
    // The goal of the figures, here for every part by itself.
    assert!(mean.abs() <= 10.0, "{name}: mean {mean}");
}

// A flash is painted at the first tick at or after its time: 0 to 4 ms late, 2 ms in the mean.
// 1 ms more for the onset's threshold and the smoothed device clock.
const TOLERANCE_MS: f64 = 5.5;

#[test]
fn flashes_and_beeps_coincide_while_playing() {
    let mut rig = Rig::open(Recipe { frames: 360, ..Recipe::default() });
    rig.player.play();
    rig.run(Duration::from_millis(11_500), STEP);
    check("playing", &errors(&mut rig), 10, TOLERANCE_MS);
}

#[test]
fn flashes_and_beeps_coincide_after_seeks() {
    let mut rig = Rig::open(Recipe { frames: 360, ..Recipe::default() });
    rig.player.play();
    for target in [4500, 1700, 9800, 600, 7321, 2999] {
        rig.player.seek(ms(target));
        rig.run(Duration::from_millis(1400), STEP);
    }
    check("seeks", &errors(&mut rig), 6, TOLERANCE_MS);
}

#[test]
fn flashes_and_beeps_coincide_in_loops() {
    let mut rig = Rig::open(Recipe { frames: 360, ..Recipe::default() });
    rig.player.set_loop_ab(Some(ms(2700)), Some(ms(4300)));
    rig.player.seek(ms(2700));
    rig.settle();
    rig.player.play();
    rig.run(Duration::from_millis(8000), STEP);
    check("loops", &errors(&mut rig), 8, TOLERANCE_MS);
}

#[test]
fn flashes_and_beeps_coincide_at_other_speeds() {
    for speed in [0.5, 0.8, 1.5, 2.0] {
        let mut rig = Rig::open(Recipe { frames: 360, ..Recipe::default() });
        rig.player.play();
        rig.run(Duration::from_millis(300), STEP);
        rig.player.set_speed(speed);
        rig.run(Duration::from_secs_f64(9.0 / speed), STEP);
        // Stretching moves a beep by up to 8 ms to fit waves together, and slowed-down onsets
        // come up to 5 ms early.
        check(&format!("speed {speed}"), &errors(&mut rig), 7, TOLERANCE_MS + 13.0);
    }
}

#[test]
fn the_users_offset_moves_the_picture_by_that_much() {
    let mut rig = Rig::open(Recipe { frames: 360, ..Recipe::default() });
    rig.player.set_audio_offset(ms(80));
    rig.player.play();
    rig.run(Duration::from_millis(6_500), STEP);
    let moved: Vec<f64> = errors(&mut rig).iter().map(|e| e - 80.0).collect();
    check("offset 80 ms", &moved, 5, TOLERANCE_MS);
}

#[test]
fn the_measurement_notices_a_clock_that_ignores_the_devices_delay() {
    // The broken twin: an offset that cancels the 60 ms of the simulated device.
    let mut rig = Rig::open(Recipe { frames: 360, ..Recipe::default() });
    rig.player.set_audio_offset(ms(-60));
    rig.player.play();
    rig.run(Duration::from_millis(6_500), STEP);
    let errors = errors(&mut rig);
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    assert!((mean + 58.0).abs() < 5.0, "{errors:?}");
    assert_ne!(rig.frame(), Some(FrameIndex(0)));
}
