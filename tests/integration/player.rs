//! The player on real (small) files, with wall time and sound device turned by the test.

use std::sync::Arc;
use std::time::Duration;

use fnac::media::{MediaSource, VideoCodec};
use fnac::player::{ClipOpener, ClockKind, DeviceLoss, PlayState};
use fnac::units::{FrameIndex, MediaTime};

use super::player_rig::{FPS, Gate, GatedOpener, Recipe, Rig, ms, number_in};

const STEP: Duration = Duration::from_millis(5);

/// Numbers without pattern, the same in every run.
fn scattered(count: usize, below: u32) -> Vec<u32> {
    let mut x = 12345_u64;
    (0..count)
        .map(|_| {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (x >> 33) as u32 % below
        })
        .collect()
}

#[test]
fn an_exact_seek_paints_only_its_target() {
    let mut rig = Rig::open(Recipe::default());
    let mut wrong = 0;
    for target in scattered(200, 300) {
        let before = rig.frame();
        rig.player.take_log();
        // In the middle of the frame's time: the greatest time that is not after it counts.
        let time = rig.player.index().unwrap().time(FrameIndex(target)).unwrap() + ms(10);
        rig.player.seek(time);
        rig.until("the target is painted", |p| p.presentation().state != PlayState::Seeking);
        let painted = rig.player.take_log();
        let expected: &[u32] = if before == Some(FrameIndex(target)) { &[] } else { &[target] };
        let got: Vec<u32> = painted.iter().map(|s| s.frame.0).collect();
        let shown = rig.player.presentation().frame.clone().unwrap();
        if got.iter().any(|f| *f != target) || number_in(&shown) != Some(target) {
            eprintln!("seek to {target}: painted {got:?}, expected {expected:?}");
            wrong += 1;
        }
    }
    assert_eq!(wrong, 0, "wrong frames in 200 seeks");
}

#[test]
fn of_many_seeks_in_a_row_only_the_last_is_painted() {
    let mut rig = Rig::open(Recipe::default());
    for round in scattered(20, 250) {
        rig.player.take_log();
        for i in 0..10 {
            rig.player.seek_frame(FrameIndex((round + i * 29) % 300));
            rig.player.tick();
        }
        let last = (round + 9 * 29) % 300;
        rig.until("the last target is painted", |p| p.presentation().state != PlayState::Seeking);
        assert_eq!(rig.frame(), Some(FrameIndex(last)));
        let newest = rig.player.presentation().generation;
        for s in rig.player.take_log() {
            // What is painted under a generation is that generation's target, never another's.
            assert!(s.generation <= newest);
            assert_eq!(
                s.clock,
                rig.player.index().unwrap().time(s.frame).unwrap(),
                "frame {} painted for another place",
                s.frame
            );
        }
    }
}

#[test]
fn a_stale_frame_that_arrives_after_a_seek_is_never_painted() {
    let gate = Arc::new(Gate::default());
    let opener: Arc<dyn ClipOpener> = Arc::new(GatedOpener(gate.clone()));
    let mut rig = Rig::with(Recipe::default(), |o| {
        o.opener = Some(opener);
        // Room for a handful of frames, so that none of the targets is at hand.
        o.frame_bytes = 60_000;
    });
    for (first, second) in [(100, 200), (50, 20), (280, 281)] {
        gate.set(Some(0));
        rig.player.take_log();
        rig.player.seek_frame(FrameIndex(first));
        // The decoder is busy with the first target (a moment to get there)…
        std::thread::sleep(Duration::from_millis(30));
        rig.player.tick();
        rig.player.seek_frame(FrameIndex(second));
        rig.player.tick();
        // …delivers it, and nothing else yet.
        gate.set(Some(1));
        std::thread::sleep(Duration::from_millis(60));
        rig.player.tick();
        gate.set(None);
        rig.settle();
        let painted: Vec<u32> = rig.player.take_log().iter().map(|s| s.frame.0).collect();
        assert_eq!(painted, [second], "asked for {first}, then for {second}");
    }
}

#[test]
fn a_decoder_that_cannot_keep_up_costs_frames_and_never_sound() {
    let gate = Arc::new(Gate::default());
    let opener: Arc<dyn ClipOpener> = Arc::new(GatedOpener(gate.clone()));
    let mut rig = Rig::with(Recipe { gop: 30, ..Recipe::default() }, |o| o.opener = Some(opener));
    rig.player.play();
    rig.run(Duration::from_millis(1000), STEP);
    gate.set(Some(0));
    rig.player.take_log();
    for _ in 0..30 {
        rig.until("there is sound to play", |p| {
            p.presentation().sound_ahead > Duration::from_millis(150)
        });
        rig.device.run(Duration::from_millis(50));
    }
    rig.player.tick();
    let v = rig.player.presentation().clone();
    assert!(v.now > ms(2300), "the sound went on: {}", v.now);
    assert_eq!(v.counters.underruns, 0);
    assert!(v.counters.late > 0 && !v.exact, "the picture says that it is overdue");
    gate.set(None);
    rig.settle();
    let now = rig.now();
    let due = rig.player.index().unwrap().frame_at(now);
    assert_eq!(rig.frame(), due, "it catches up");
    let log = rig.player.take_log();
    assert!(log.windows(2).all(|w| w[0].frame <= w[1].frame), "never back in time: {log:?}");
}

#[test]
fn five_hundred_steps_back_and_forward_end_on_the_same_frame() {
    let mut rig = Rig::open(Recipe { frames: 620, ..Recipe::default() });
    rig.player.seek_frame(FrameIndex(550));
    rig.settle();
    for i in 1..=500 {
        rig.player.step(-1);
        rig.until("a step back is painted", |p| p.presentation().state == PlayState::Paused);
        let shown = rig.player.presentation().frame.clone().unwrap();
        assert_eq!(number_in(&shown), Some(550 - i));
    }
    for i in 1..=500 {
        rig.player.step(1);
        rig.until("a step is painted", |p| p.presentation().state == PlayState::Paused);
        let shown = rig.player.presentation().frame.clone().unwrap();
        assert_eq!(number_in(&shown), Some(50 + i));
    }
    assert_eq!(rig.frame(), Some(FrameIndex(550)));
}

#[test]
fn held_steps_count_every_repeat() {
    let mut rig = Rig::open(Recipe::default());
    for _ in 0..37 {
        rig.player.step(1);
    }
    rig.settle();
    assert_eq!(rig.frame(), Some(FrameIndex(37)));
    for _ in 0..100 {
        rig.player.step(-1);
    }
    rig.settle();
    assert_eq!(rig.frame(), Some(FrameIndex(0)), "the first frame stops the way back");
}

#[test]
fn a_step_pauses_on_the_frame_after_the_one_on_screen() {
    let mut rig = Rig::open(Recipe::default());
    rig.player.play();
    rig.run(Duration::from_millis(1500), STEP);
    let on_screen = rig.frame().unwrap();
    rig.player.step(1);
    rig.settle();
    assert_eq!(rig.frame(), Some(FrameIndex(on_screen.0 + 1)));
    assert_eq!(rig.state(), PlayState::Paused);
    rig.run(Duration::from_millis(500), STEP);
    assert_eq!(rig.frame(), Some(FrameIndex(on_screen.0 + 1)), "it stays");
}

#[test]
fn dragging_shows_a_frame_at_hand_and_lands_exactly() {
    let mut rig = Rig::open(Recipe { gop: 50, ..Recipe::default() });
    for t in [3100, 5210, 7777, 2000] {
        rig.player.scrub(ms(t));
        rig.until("something near is painted", |p| {
            let v = p.presentation();
            let key = v.frame.as_ref().map_or(0, |f| f.index.0);
            let want = (t as u32 * FPS) / 1000;
            v.scrubbing && key <= want && key >= want / 50 * 50
        });
    }
    rig.player.scrub_end(ms(4567));
    rig.settle();
    let shown = rig.player.presentation().frame.clone().unwrap();
    assert_eq!(number_in(&shown), Some(137), "4.567 s lies in frame 137");
    assert!(rig.player.presentation().exact);
    assert_eq!(rig.state(), PlayState::Paused, "it was paused before the drag");
}

#[test]
fn a_rested_drag_becomes_exact_without_letting_go() {
    let mut rig = Rig::open(Recipe::default());
    rig.player.scrub(ms(6500));
    rig.until("the rested drag is exact", |p| {
        let v = p.presentation();
        v.exact && v.frame.as_ref().is_some_and(|f| f.index == FrameIndex(195))
    });
    assert!(rig.player.presentation().scrubbing);
}

#[test]
fn playing_shows_every_frame_once_and_ends() {
    let mut rig = Rig::open(Recipe { frames: 75, ..Recipe::default() });
    rig.player.take_log();
    rig.player.play();
    rig.run(Duration::from_millis(3500), STEP);
    assert_eq!(rig.state(), PlayState::Ended);
    let shown: Vec<u32> = rig.player.take_log().iter().map(|s| s.frame.0).collect();
    let first = shown.first().copied().unwrap_or(0);
    assert_eq!(shown, (first..75).collect::<Vec<_>>());
    let c = rig.player.presentation().counters;
    assert_eq!((c.dropped, c.late, c.underruns), (0, 0, 0));
    // Space at the end starts over.
    rig.player.toggle();
    rig.run(Duration::from_millis(700), STEP);
    assert_eq!(rig.state(), PlayState::Playing);
    assert!(rig.now() > ms(300) && rig.now() < ms(700), "{}", rig.now());
}

#[test]
fn an_a_b_loop_repeats_without_a_gap_whatever_the_order_of_its_marks() {
    for (a, b) in [(1000, 2000), (2000, 1000)] {
        let mut rig = Rig::open(Recipe::default());
        rig.player.set_loop_ab(Some(ms(a)), Some(ms(b)));
        rig.player.seek(ms(1000));
        rig.settle();
        rig.player.take_log();
        rig.heard.clear();
        rig.player.play();
        rig.run(Duration::from_millis(5200), STEP);
        let log = rig.player.take_log();
        assert!(log.iter().all(|s| (30..60).contains(&s.frame.0)), "frames of the loop only");
        let wraps: Vec<_> = log.windows(2).filter(|w| w[1].frame < w[0].frame).collect();
        assert!(wraps.len() >= 4, "{} wraps in 5 s", wraps.len());
        for w in wraps {
            assert_eq!((w[0].frame.0, w[1].frame.0), (59, 30));
            let gap = w[1].at.nanos_since(w[0].at);
            // One frame is 33.3 ms, seen at ticks 5 ms apart.
            assert!((gap - 33_333_333).abs() < 6_000_000, "{} ms", gap / 1_000_000);
        }
        // The beep at A is heard once per round, exactly a second apart.
        let beeps = rig.beeps();
        assert!(beeps.len() >= 5, "{} beeps", beeps.len());
        for w in beeps.windows(2) {
            let gap = w[1].nanos_since(w[0]);
            assert!((gap - 1_000_000_000).abs() < 2_000_000, "{} ms", gap as f64 / 1e6);
        }
        assert_eq!(rig.player.presentation().counters.underruns, 0);
    }
}

#[test]
fn a_short_loop_survives_a_pause_and_needs_no_decoding_twice() {
    let mut rig = Rig::open(Recipe::default());
    rig.player.set_loop_ab(Some(ms(3000)), Some(ms(3300)));
    rig.player.seek(ms(3000));
    rig.player.play();
    rig.run(Duration::from_millis(1000), STEP);
    rig.player.pause();
    rig.run(Duration::from_millis(500), STEP);
    assert_eq!(rig.state(), PlayState::Paused);
    rig.player.play();
    rig.player.take_log();
    rig.run(Duration::from_millis(2000), STEP);
    let log = rig.player.take_log();
    assert!(log.iter().all(|s| (90..99).contains(&s.frame.0)), "{log:?}");
    assert!(log.len() > 40, "{} frames in 2 s", log.len());
    assert_eq!(rig.player.presentation().counters.late, 0);
}

#[test]
fn the_whole_clip_loops_without_a_hole() {
    let mut rig = Rig::open(Recipe { frames: 60, ..Recipe::default() });
    rig.player.set_loop_clip(true);
    rig.player.play();
    rig.run(Duration::from_millis(500), STEP);
    rig.player.take_log();
    rig.run(Duration::from_millis(6000), STEP);
    let log = rig.player.take_log();
    for w in log.windows(2) {
        let next = (w[0].frame.0 + 1) % 60;
        assert_eq!(w[1].frame.0, next, "every frame in its turn, around the end too");
        let gap = w[1].at.nanos_since(w[0].at);
        assert!((gap - 33_333_333).abs() < 11_000_000, "{} ms", gap / 1_000_000);
    }
    assert_eq!(rig.state(), PlayState::Playing);
}

#[test]
fn a_change_of_speed_keeps_the_place() {
    let mut rig = Rig::open(Recipe { frames: 600, ..Recipe::default() });
    rig.player.play();
    rig.run(Duration::from_millis(1500), STEP);
    for speed in [0.5, 2.0, 0.1, 4.0, 1.0] {
        let before = rig.now();
        rig.player.set_speed(speed);
        rig.settle();
        assert!(rig.now().abs_diff(before) < ms(1), "standing wall, standing clock");
        // The old speed runs out within the splice and the device's delay: 0.2 s at most.
        rig.run(Duration::from_millis(300), STEP);
        let from = rig.now();
        rig.run(Duration::from_millis(400), STEP);
        let moved = (rig.now() - from).as_secs_f64();
        assert!((moved - 0.4 * speed).abs() < 0.002 * speed.max(1.0), "{speed}: {moved}");
        let least = before + MediaTime::from_secs_f64(0.6 * speed.min(1.0));
        assert!(from + MediaTime::from_secs_f64(moved) > least, "{speed}: it never jumps back");
    }
    assert_eq!(rig.player.presentation().counters.underruns, 0, "no gap in the sound");
}

#[test]
fn changing_speed_while_paused_keeps_the_frame() {
    let mut rig = Rig::open(Recipe::default());
    rig.player.seek_frame(FrameIndex(123));
    rig.settle();
    rig.player.set_speed(0.5);
    rig.settle();
    assert_eq!(rig.frame(), Some(FrameIndex(123)));
    rig.player.play();
    rig.run(Duration::from_millis(1100), STEP);
    let moved = rig.now() - ms(4100);
    // Less the device's delay before the first sample is heard.
    assert!(moved > ms(460) && moved < ms(560), "{moved}");
}

#[test]
fn a_lost_device_pauses_at_the_same_place_and_the_free_clock_takes_over() {
    let mut rig = Rig::open(Recipe::default());
    rig.player.play();
    rig.run(Duration::from_millis(2000), STEP);
    assert_eq!(rig.player.presentation().clock, ClockKind::Sound);
    let at = rig.now();
    rig.device.unplug();
    rig.until("the loss is noticed", |p| p.presentation().clock == ClockKind::FreeNoDevice);
    assert_eq!(rig.state(), PlayState::Paused);
    assert!(rig.now().abs_diff(at) < ms(40), "{} is not {at}", rig.now());
    // The words follow the fact: the thread writes them when the stand-in plays.
    rig.until("the loss is told", |p| {
        p.presentation().notes.iter().any(|n| n.text.contains("is gone"))
    });
    // The null device runs on the wall clock: turn it while it plays.
    rig.player.play();
    let wall = rig.wall.clone();
    rig.until("the free clock runs", |p| {
        wall.advance(Duration::from_millis(2));
        p.presentation().now > at + ms(300)
    });
    // Plugged in again, it takes over at the same place.
    rig.player.pause();
    rig.until("it stands", |p| p.is_settled() && p.presentation().state == PlayState::Paused);
    let at = rig.now();
    rig.device.plug();
    rig.until("the device is back", |p| p.presentation().clock == ClockKind::Sound);
    assert!(rig.now().abs_diff(at) < ms(40), "{} is not {at}", rig.now());
    rig.player.play();
    rig.run(Duration::from_millis(500), STEP);
    assert!(rig.now() > at + ms(300));
    assert_eq!(rig.device.times_opened(), 2);
}

#[test]
fn a_lost_device_can_also_play_on() {
    let mut rig = Rig::with(Recipe::default(), |o| o.device_loss = DeviceLoss::Move);
    rig.player.play();
    rig.run(Duration::from_millis(1000), STEP);
    let at = rig.now();
    rig.device.unplug();
    let wall = rig.wall.clone();
    rig.until("it plays on without the device", |p| {
        wall.advance(Duration::from_millis(2));
        let v = p.presentation();
        v.clock == ClockKind::FreeNoDevice && v.now > at + ms(200)
    });
    assert_eq!(rig.state(), PlayState::Playing);
}

#[test]
fn a_clip_without_sound_plays_on_the_free_clock() {
    let mut rig = Rig::open(Recipe { sound: false, frames: 60, ..Recipe::default() });
    rig.settle();
    assert_eq!(rig.player.presentation().clock, ClockKind::FreeNoTrack);
    rig.player.take_log();
    rig.player.play();
    rig.run(Duration::from_millis(2500), STEP);
    assert_eq!(rig.state(), PlayState::Ended);
    let shown = rig.player.take_log().len();
    assert!((59..=60).contains(&shown), "{shown} frames shown");
}

#[test]
fn a_seek_can_be_undone() {
    let mut rig = Rig::open(Recipe::default());
    rig.player.seek(ms(2000));
    rig.settle();
    rig.player.seek(ms(8000));
    rig.settle();
    rig.player.undo_seek();
    rig.settle();
    assert_eq!(rig.now(), ms(2000));
    rig.player.undo_seek();
    rig.settle();
    assert_eq!(rig.now(), ms(0));
    rig.player.undo_seek();
    assert_eq!(rig.player.presentation().undo_seeks, 0);
}

#[test]
fn the_look_ahead_gives_coming_frames_in_order_and_around_the_loop() {
    let mut rig = Rig::open(Recipe::default());
    let look = rig.player.look_ahead();
    rig.player.set_loop_ab(Some(ms(1000)), Some(ms(2000)));
    rig.player.seek_frame(FrameIndex(55));
    rig.settle();
    rig.player.play();
    rig.settle();
    let frames: Vec<u32> = look.frames().iter().map(|f| f.index.0).collect();
    assert!(frames.len() >= 8, "{frames:?}");
    let expected = (55..60).chain(30..60).take(frames.len()).collect::<Vec<_>>();
    assert_eq!(frames, expected);
    assert_eq!(look.generation(), rig.player.presentation().generation);
    assert!(look.is_playing());
}

#[test]
fn a_file_that_is_no_clip_fails_with_a_reason_and_the_next_one_plays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("not a clip.mp4");
    std::fs::write(&path, b"nothing of the kind").unwrap();
    let mut rig = Rig::on(MediaSource::File(path), |_| {});
    assert_eq!(rig.state(), PlayState::Failed);
    let text = rig.player.presentation().error.clone().unwrap().to_string();
    assert!(text.contains("not a clip.mp4"), "{text}");
    let (_dir, good) = super::player_rig::clip(Recipe { frames: 30, ..Recipe::default() });
    rig.player.open(good);
    rig.until("the good clip is open", |p| p.presentation().state == PlayState::Paused);
    assert!(rig.player.presentation().error.is_none());
    assert_eq!(rig.frame(), Some(FrameIndex(0)));
}

#[test]
fn dropping_a_player_in_the_middle_of_anything_is_quick() {
    for codec in [VideoCodec::Auto, VideoCodec::Mpeg4] {
        let mut rig = Rig::open(Recipe { codec, ..Recipe::default() });
        rig.player.play();
        rig.player.seek(ms(9000));
        let t0 = std::time::Instant::now();
        drop(rig);
        // 0.3 s by design; the rest is for a busy machine.
        assert!(t0.elapsed() < Duration::from_secs(5));
    }
}
