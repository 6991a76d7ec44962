//! The worker over fake clips and fake networks that take a given time.

use std::sync::atomic::Ordering;

use super::*;
use crate::infer::testing::{Calls, EvenFrames, FakeFeed, FakeReader, FakeTowers, Ramp};
use crate::infer::{InferState, MapAt, PriorTower};
use crate::model::{ModelError, OpenStep, OpenedTowers};
use crate::units::no_waker;

const DIM: usize = 16;
const FPS: f64 = 30.0;

/// Hands out fake networks; the n-th opening runs on `devices[n]` (the last one from then on).
struct FakeOpener {
    picture: Duration,
    sound: Duration,
    calls: Arc<Calls>,
    open_takes: Duration,
    devices: Vec<&'static str>,
    opened: Mutex<Vec<(String, Vec<String>)>>,
}

impl FakeOpener {
    fn new(picture_ms: u64, sound_ms: u64) -> Self {
        Self {
            picture: Duration::from_millis(picture_ms),
            sound: Duration::from_millis(sound_ms),
            calls: Arc::default(),
            open_takes: Duration::ZERO,
            devices: vec!["CPU"],
            opened: Mutex::default(),
        }
    }

    fn towers(&self, device: &str) -> OpenedTowers {
        OpenedTowers {
            towers: Box::new(FakeTowers {
                picture: self.picture,
                sound: self.sound,
                dim: DIM,
                calls: self.calls.clone(),
            }),
            device: device.into(),
            reason: "a test".into(),
            on_gpu: device != "CPU",
            lost: Arc::default(),
        }
    }
}

impl TowerOpener for FakeOpener {
    fn open(
        &self,
        _: &Checkpoint,
        _: DeviceChoice,
        avoid: &[String],
        step: &dyn Fn(OpenStep),
    ) -> Result<OpenedTowers, ModelError> {
        let mut opened = self.opened.lock().unwrap();
        let device = *self.devices.get(opened.len()).or(self.devices.last()).unwrap();
        opened.push((device.into(), avoid.to_vec()));
        drop(opened);
        let preparing = OpenStep::Preparing(device.into());
        step(if device == "CPU" { OpenStep::PreparingCpu } else { preparing });
        std::thread::sleep(self.open_takes);
        if device == "broken" {
            return Err(ModelError::Device { device: device.into(), cause: "no".into() });
        }
        Ok(self.towers(device))
    }

    fn open_meanwhile(&self, _: &Checkpoint) -> Result<OpenedTowers, ModelError> {
        Ok(self.towers("CPU"))
    }

    fn open_object(&self, _: &Checkpoint) -> Result<Box<dyn PriorTower>, ModelError> {
        struct Even;
        impl PriorTower for Even {
            fn prior(&mut self, _: &[f32]) -> Result<[f32; 49], ModelError> {
                Ok([2.0; 49])
            }
        }
        Ok(Box::new(Even))
    }
}

fn worker(opener: FakeOpener) -> InferWorker {
    let options = WorkerOptions {
        opener: Arc::new(opener),
        evidence: false,
        load_sound: Arc::new(|_, rate| Arc::new(Ramp::complete(rate, 16_000 * 60))),
        ..WorkerOptions::new(no_waker(), None)
    };
    InferWorker::spawn(options).unwrap()
}

fn clip(feed: &Arc<FakeFeed>) -> ClipFeed {
    let (n, fps) = (feed.n, feed.fps);
    ClipFeed {
        times: Arc::new(EvenFrames { n: n as usize, fps }),
        sound: Some(Arc::new(Ramp::complete(16_000, 16_000 * 60))),
        feed: feed.clone(),
        open_reader: Arc::new(move || Ok(Box::new(FakeReader { n, fps, next: 0 }))),
        source: None,
        sound_choice: "mean".into(),
    }
}

fn checkpoint(salt: &str) -> Arc<Checkpoint> {
    Arc::new(Checkpoint::formula(2, DIM, salt))
}

/// Waits until `what` is true; the limit is generous because tests share few cores.
fn until(what: &str, mut is: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !is() {
        assert!(started.elapsed() < Duration::from_secs(30), "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
    started.elapsed()
}

#[test]
fn without_a_model_the_worker_says_so_and_rests() {
    let w = worker(FakeOpener::new(1, 1));
    w.set_clip(Some(clip(&FakeFeed::new(10, FPS))));
    until("a status", || w.status().state == InferState::NoModel);
    assert_eq!(w.maps().filled(), 0.0);
}

#[test]
fn paused_it_computes_the_frame_on_screen_first_and_then_the_whole_clip() {
    let opener = FakeOpener::new(3, 1);
    let calls = opener.calls.clone();
    let w = worker(opener);
    let feed = FakeFeed::new(120, FPS);
    feed.seek(60);
    w.set_clip(Some(clip(&feed)));
    w.set_model(Some(checkpoint("a")), DeviceChoice::Auto);
    until("the first map", || w.maps().read(|m| m.computed()) > 0);
    assert!(w.maps().at(FrameIndex(60)).is_some(), "the frame on screen comes first");
    until("the whole clip", || w.status().filled == 1.0 && !w.status().filling);
    let status = w.status();
    assert_eq!((status.state, status.device.as_str()), (InferState::Ready, "CPU"));
    assert_eq!(calls.pictures.load(Ordering::SeqCst), 120, "no frame is computed twice");
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(calls.pictures.load(Ordering::SeqCst), 120, "then it rests");
    assert!(calls.sounds.load(Ordering::SeqCst) < 60, "one sound per 100 ms, not per frame");
}

#[test]
fn while_playing_maps_stand_ready_before_their_frames_are_shown() {
    let w = worker(FakeOpener::new(4, 1));
    let feed = FakeFeed::new(600, FPS);
    let mut c = clip(&feed);
    // Without the background pass every map comes from the look-ahead.
    c.source = None;
    w.set_background(false);
    w.set_clip(Some(c));
    w.set_model(Some(checkpoint("a")), DeviceChoice::Auto);
    until("the first map", || w.maps().read(|m| m.computed()) > 0);
    feed.play(true);
    std::thread::sleep(Duration::from_millis(700));
    let (mut shown, mut exact, mut last) = (0, 0, None);
    let until = Instant::now() + Duration::from_millis(1500);
    while Instant::now() < until {
        let frame = feed.current();
        if last != Some(frame) {
            last = Some(frame);
            shown += 1;
            exact += usize::from(matches!(w.maps().lookup(FrameIndex(frame)), MapAt::Exact(_)));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    // All of them on a quiet machine; half is already impossible without looking ahead.
    assert!(shown > 20 && exact * 2 > shown, "{exact} of {shown}");
}

#[test]
fn a_changed_sound_gives_a_new_map_at_once_from_the_kept_picture() {
    let opener = FakeOpener::new(400, 5);
    let calls = opener.calls.clone();
    let w = worker(opener);
    let feed = FakeFeed::new(1, FPS);
    w.set_clip(Some(clip(&feed)));
    w.set_model(Some(checkpoint("a")), DeviceChoice::Auto);
    until("the first map", || w.status().filled == 1.0);
    let own = w.maps().at(FrameIndex(0)).unwrap().map;
    let tests = [
        SoundTest::Silence,
        SoundTest::Noise { seed: 1 },
        SoundTest::Shift(MediaTime::from_millis(20_000)),
        SoundTest::Swap("other.mp4".into()),
    ];
    for test in tests {
        let label = test.label();
        w.set_sound_test(test);
        let took = until("the test's map", || {
            let there = w.maps().at(FrameIndex(0)).is_some();
            there && w.status().sound_test == label
        });
        assert!(took < Duration::from_millis(400), "{label}: {took:?}");
        if label == "silence" || label == "noise" {
            assert_ne!(w.maps().at(FrameIndex(0)).unwrap().map, own, "{label}");
        }
    }
    assert_eq!(calls.pictures.load(Ordering::SeqCst), 1, "the picture tower ran once");
    w.set_sound_test(SoundTest::None);
    until("the end of the test", || w.status().sound_test.is_empty());
    assert_eq!(w.maps().at(FrameIndex(0)).unwrap().map, own, "the clip's own maps are back");
}

#[test]
fn looking_maps_up_never_waits_for_the_network() {
    let w = worker(FakeOpener::new(300, 1));
    let feed = FakeFeed::new(100, FPS);
    w.set_clip(Some(clip(&feed)));
    w.set_model(Some(checkpoint("a")), DeviceChoice::Auto);
    feed.play(true);
    until("a running network", || w.status().running);
    let mut waits = Vec::new();
    for i in 0..300 {
        let started = Instant::now();
        std::hint::black_box(w.maps().lookup(FrameIndex(i % 100)));
        waits.push(started.elapsed());
        std::thread::sleep(Duration::from_millis(1));
    }
    waits.sort();
    assert!(waits[285] < Duration::from_millis(20), "95 %: {:?}", waits[285]);
}

#[test]
fn a_panic_in_the_device_is_a_state_and_the_device_is_opened_again_then_avoided() {
    let mut opener = FakeOpener::new(1, 1);
    opener.devices = vec!["card", "card", "CPU"];
    opener.open_takes = Duration::from_millis(30);
    let calls = opener.calls.clone();
    let opener = Arc::new(opener);
    let options = WorkerOptions {
        opener: opener.clone(),
        evidence: false,
        ..WorkerOptions::new(no_waker(), None)
    };
    let w = InferWorker::spawn(options).unwrap();
    let feed = FakeFeed::new(4000, FPS);
    w.set_clip(Some(clip(&feed)));
    w.set_model(Some(checkpoint("a")), DeviceChoice::Auto);
    let ready_on = |device: &str| {
        let s = w.status();
        s.state == InferState::Ready && s.device == device
    };
    until("the card", || ready_on("card"));
    calls.panic_now.store(true, Ordering::SeqCst);
    until("the loss", || opener.opened.lock().unwrap().len() == 2);
    until("the card again", || ready_on("card"));
    calls.panic_now.store(true, Ordering::SeqCst);
    until("the CPU", || ready_on("CPU"));
    let opened = opener.opened.lock().unwrap();
    assert_eq!(opened[1].1, Vec::<String>::new());
    assert_eq!(opened[2].1, ["card"], "the card is left out after its second failure");
    assert!(w.maps().read(|m| m.computed()) > 0);
}

#[test]
fn the_old_model_goes_on_until_the_new_one_is_ready_and_a_refused_one_changes_nothing() {
    let mut opener = FakeOpener::new(1, 1);
    opener.open_takes = Duration::from_millis(200);
    opener.devices = vec!["CPU", "CPU", "broken"];
    let w = worker(opener);
    let feed = FakeFeed::new(100_000, FPS);
    w.set_clip(Some(clip(&feed)));
    let (a, b) = (checkpoint("a"), checkpoint("b"));
    w.set_model(Some(a.clone()), DeviceChoice::Auto);
    until("the first model", || w.status().state == InferState::Ready);
    w.set_model(Some(b.clone()), DeviceChoice::Auto);
    until("preparing", || w.status().state == InferState::Preparing);
    let before = w.maps().read(|m| m.computed());
    until("more maps meanwhile", || w.maps().read(|m| m.computed()) > before);
    let version = w.maps().version();
    until("the second model", || w.status().state == InferState::Ready);
    assert!(w.maps().version() > version);
    until("maps of the second model", || w.maps().read(|m| m.computed()) > 0);
    w.set_model(Some(a), DeviceChoice::Auto);
    until("the refusal", || w.status().message.contains("going on with"));
    assert!(w.status().running && w.status().state == InferState::Ready);
    w.set_model(None, DeviceChoice::Auto);
    until("no model", || w.status().state == InferState::NoModel);
    assert_eq!(w.maps().filled(), 0.0);
}

#[test]
fn on_a_slow_graphics_device_the_cpu_serves_until_it_is_ready() {
    let mut opener = FakeOpener::new(1, 1);
    opener.devices = vec!["card"];
    opener.open_takes = Duration::from_millis(400);
    let w = worker(opener);
    let feed = FakeFeed::new(100_000, FPS);
    w.set_clip(Some(clip(&feed)));
    w.set_model(Some(checkpoint("a")), DeviceChoice::Auto);
    until("the CPU meanwhile", || w.status().device == "CPU");
    assert_eq!(w.status().state, InferState::Preparing);
    until("maps meanwhile", || w.maps().read(|m| m.computed()) > 0);
    until("the card", || w.status().device == "card");
    assert!(w.maps().read(|m| m.computed()) > 0, "the maps of the same checkpoint stay");
}

#[test]
fn maps_are_kept_for_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("clip.bin");
    std::fs::write(&file, [1, 2, 3]).unwrap();
    let start = || {
        let opener = FakeOpener::new(1, 1);
        let calls = opener.calls.clone();
        let options = WorkerOptions {
            opener: Arc::new(opener),
            evidence: false,
            ..WorkerOptions::new(no_waker(), Some(dir.path().to_owned()))
        };
        let w = InferWorker::spawn(options).unwrap();
        let feed = FakeFeed::new(50, FPS);
        let mut c = clip(&feed);
        c.source = Some(MediaSource::File(file.clone()));
        w.set_clip(Some(c));
        w.set_model(Some(checkpoint("a")), DeviceChoice::Auto);
        until("all maps", || w.status().filled == 1.0);
        (w, calls)
    };
    let (first, calls) = start();
    assert_eq!(calls.pictures.load(Ordering::SeqCst), 50);
    drop(first);
    let (second, calls) = start();
    // The frame on screen is computed anew with its own window; the others come from disk.
    assert!(calls.pictures.load(Ordering::SeqCst) <= 1);
    drop(second);
}

#[test]
fn fine_maps_and_priors_come_when_asked_for() {
    let opener = FakeOpener::new(1, 1);
    let calls = opener.calls.clone();
    let w = worker(opener);
    let feed = FakeFeed::new(5, FPS);
    w.set_clip(Some(clip(&feed)));
    w.set_model(Some(checkpoint("a")), DeviceChoice::Auto);
    until("plain maps", || w.status().filled == 1.0);
    w.set_fine(2);
    let fine = |i| w.maps().at(FrameIndex(i)).and_then(|s| s.fine).map_or(0, |f| f.factor());
    until("fine maps of all frames", || (0..5).all(|i| fine(i) == 2));
    assert!(calls.pictures.load(Ordering::SeqCst) >= 5 + 5 * 5);
    w.set_object_tower(Some(checkpoint("object")));
    until("priors of all frames", || {
        (0..5).all(|i| w.maps().at(FrameIndex(i)).is_some_and(|s| s.prior.is_some()))
    });
}

#[test]
fn closing_is_quick_even_in_the_middle_of_a_slow_map() {
    let w = worker(FakeOpener::new(3_000, 1));
    w.set_clip(Some(clip(&FakeFeed::new(100, FPS))));
    w.set_model(Some(checkpoint("a")), DeviceChoice::Auto);
    until("a running network", || w.status().running);
    std::thread::sleep(Duration::from_millis(50));
    let started = Instant::now();
    drop(w);
    assert!(started.elapsed() < Duration::from_millis(1500));
}

#[test]
fn a_clip_without_sound_is_not_decoded_for_nothing() {
    let opener = FakeOpener::new(1, 1);
    let calls = opener.calls.clone();
    let w = worker(opener);
    let feed = FakeFeed::new(500, FPS);
    let opened = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = opened.clone();
    let mut c = clip(&feed);
    c.sound = None;
    c.open_reader = Arc::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(FakeReader { n: 500, fps: FPS, next: 0 }))
    });
    w.set_clip(Some(c));
    w.set_model(Some(checkpoint("a")), DeviceChoice::Auto);
    until("an answer", || w.maps().lookup(FrameIndex(0)) == MapAt::NoSound);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(calls.pictures.load(Ordering::SeqCst), 0);
    assert_eq!(opened.load(Ordering::SeqCst), 0);
    // Another clip's sound gives it maps all the same.
    w.set_sound_test(SoundTest::Swap("other.mp4".into()));
    until("maps with the other sound", || w.status().filled == 1.0);
}

#[test]
fn silent_stretches_are_passed_over_without_decoding() {
    let opener = FakeOpener::new(1, 1);
    let w = worker(opener);
    let feed = FakeFeed::new(300, FPS);
    let mut c = clip(&feed);
    let mut mute = Ramp::complete(16_000, 16_000 * 60);
    mute.silent = true;
    c.sound = Some(Arc::new(mute));
    c.open_reader = Arc::new(|| panic!("nothing has to be decoded"));
    w.set_clip(Some(c));
    w.set_model(Some(checkpoint("a")), DeviceChoice::Auto);
    until("the whole clip", || w.status().filled == 1.0 && !w.status().filling);
    assert_eq!(w.maps().read(|m| m.computed()), 0);
}

#[test]
fn a_sound_test_stays_on_over_clips_and_ends_when_the_user_ends_it() {
    let w = worker(FakeOpener::new(1, 1));
    w.set_clip(Some(clip(&FakeFeed::new(5, FPS))));
    w.set_model(Some(checkpoint("a")), DeviceChoice::Auto);
    until("own maps", || w.status().filled == 1.0);
    w.set_sound_test(SoundTest::Silence);
    until("the test", || w.status().sound_test == "silence" && w.status().filled == 1.0);
    let silent = w.maps().at(FrameIndex(2)).unwrap().map;
    w.set_clip(Some(clip(&FakeFeed::new(7, FPS))));
    until("the other clip", || w.maps().read(|m| m.computed()) == 7);
    assert_eq!(w.status().sound_test, "silence");
    assert_eq!(w.maps().at(FrameIndex(2)).unwrap().map, silent);
    w.set_sound_test(SoundTest::None);
    until("own maps of the other clip", || {
        w.maps().at(FrameIndex(2)).is_some_and(|s| s.map != silent)
    });
}

#[test]
fn sound_at_another_rate_than_the_models_is_waited_for_and_said() {
    let w = worker(FakeOpener::new(1, 1));
    let feed = FakeFeed::new(5, FPS);
    let mut c = clip(&feed);
    c.sound = Some(Arc::new(Ramp::complete(44_100, 44_100 * 60)));
    w.set_clip(Some(c));
    w.set_model(Some(checkpoint("a")), DeviceChoice::Auto);
    until("the words", || w.status().message.contains("16000 Hz"));
    assert_eq!(w.maps().filled(), 0.0);
    w.set_clip(Some(clip(&feed)));
    until("maps", || w.status().filled == 1.0);
    until("no more words", || w.status().message.is_empty());
}
