//! The live worker over fake clips, with real networks of width 2.

use super::*;
use crate::infer::testing::{EvenFrames, FakeFeed, Ramp, grey_frame};
use crate::infer::{DeviceOpener, MapAt, window_at};
use crate::units::no_waker;

const FPS: f64 = 30.0;

fn worker() -> LiveWorker {
    LiveWorker::spawn(LiveOptions {
        waker: no_waker(),
        opener: Arc::new(DeviceOpener::new(None)),
        load_sound: Arc::new(|_, rate| Arc::new(Ramp::complete(rate, 16_000 * 60))),
    })
    .unwrap()
}

fn sound() -> Arc<Ramp> {
    Arc::new(Ramp::complete(16_000, 16_000 * 60))
}

fn clip(feed: &Arc<FakeFeed>) -> ClipFeed {
    ClipFeed {
        times: Arc::new(EvenFrames { n: feed.n as usize, fps: feed.fps }),
        sound: Some(sound()),
        feed: feed.clone(),
        open_reader: Arc::new(|| Err(InferError::FineFactor(0))),
        source: None,
        sound_choice: String::new(),
    }
}

fn weights(salt: &str) -> Arc<Checkpoint> {
    Arc::new(Checkpoint::formula(2, 8, salt))
}

fn model(id: u64, salt: &str) -> LiveModel {
    LiveModel { id, weights: Weights::Held(weights(salt)) }
}

/// What the localizer itself says about a frame.
fn truth(salt: &str, frame: u32) -> LocalizationMap {
    let checkpoint = weights(salt);
    let towers = DeviceOpener::new(None).open_meanwhile(&checkpoint).unwrap();
    let mut localizer = Localizer::open(&checkpoint, towers.towers);
    let frame = grey_frame(frame, FPS);
    let SoundWindow::Samples(samples) = window_at(&*sound(), frame.time) else { panic!("silence") };
    let sound = localizer.embed_sound(&samples).unwrap();
    localizer.embed_frame(&rgb_from_planes(&frame.picture), 0).unwrap().map(&sound)
}

fn until(what: &str, mut is: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !is() {
        assert!(started.elapsed() < Duration::from_secs(30), "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
    started.elapsed()
}

fn shown(w: &LiveWorker) -> Option<u64> {
    w.shown().map(|f| f.id)
}

fn shown_map(w: &LiveWorker, frame: u32) -> Option<LocalizationMap> {
    match w.maps().lookup(FrameIndex(frame)) {
        MapAt::Exact(stored) => Some(stored.map),
        _ => None,
    }
}

#[test]
fn a_resting_frame_shows_each_new_models_own_map() {
    let (a, b) = (truth("a", 40), truth("b", 40));
    assert_ne!(a, b, "the two models must differ for this to show anything");
    let w = worker();
    let feed = FakeFeed::new(100, FPS);
    feed.seek(40);
    w.set_clip(Some(clip(&feed)));
    w.show(Some(model(1, "a")));
    until("the first model's map", || shown(&w) == Some(1));
    assert_eq!(shown_map(&w, 40), Some(a));
    w.show(Some(model(2, "b")));
    until("the second model's map", || {
        // Never a moment without a map.
        let now = shown_map(&w, 40);
        assert!(now == Some(a) || now == Some(b), "{now:?}");
        shown(&w) == Some(2)
    });
    assert_eq!(shown_map(&w, 40), Some(b));
    // The first again, as when a key is released: it was kept.
    w.show(Some(model(1, "a")));
    until("the first model's map again", || shown(&w) == Some(1));
    assert_eq!(shown_map(&w, 40), Some(a));
    assert_eq!(w.maps().read(Maps::computed), 1, "nothing but the frame looked at");
}

#[test]
fn another_frame_gets_the_shown_models_map() {
    let w = worker();
    let feed = FakeFeed::new(100, FPS);
    w.set_clip(Some(clip(&feed)));
    w.show(Some(model(1, "a")));
    until("a map", || shown(&w) == Some(1));
    feed.seek(70);
    until("the map of frame 70", || shown_map(&w, 70).is_some());
    assert_eq!(shown_map(&w, 70), Some(truth("a", 70)));
}

#[test]
fn the_shelf_is_prepared_while_playback_rests_so_that_dragging_finds_it_ready() {
    let dir = tempfile::tempdir().unwrap();
    let w = worker();
    let feed = FakeFeed::new(100, FPS);
    feed.seek(10);
    w.set_clip(Some(clip(&feed)));
    let mut shelf = Vec::new();
    for id in 2..6u64 {
        let path = dir.path().join(format!("epoch-{id:04}.safetensors"));
        weights(&id.to_string()).write_safetensors(&path).unwrap();
        shelf.push(LiveModel { id, weights: Weights::File(path) });
    }
    w.set_shelf(shelf.clone());
    w.show(Some(model(1, "a")));
    until("a map", || shown(&w) == Some(1));
    // Prepared means that the files are not needed any more.
    until("the shelf", || w.missing() == 0);
    drop(dir);
    for m in shelf {
        let id = m.id;
        w.show(Some(m));
        until("the epoch's map", || shown(&w) == Some(id));
        assert_eq!(shown_map(&w, 10), Some(truth(&id.to_string(), 10)), "epoch {id}");
    }
}

#[test]
fn while_playing_new_weights_take_over_and_the_picture_is_never_bare() {
    let w = worker();
    let feed = FakeFeed::new(2000, FPS);
    w.set_clip(Some(clip(&feed)));
    w.show(Some(model(0, "0")));
    until("a map", || shown(&w) == Some(0));
    feed.play(true);
    std::thread::sleep(Duration::from_millis(300));
    let (mut bare, mut looks, mut last) = (0, 0, 0);
    for id in 1..12u64 {
        w.show(Some(model(id, &id.to_string())));
        let end = Instant::now() + Duration::from_millis(120);
        while Instant::now() < end {
            looks += 1;
            bare += u32::from(w.maps().lookup(FrameIndex(feed.current())) == MapAt::None);
            std::thread::sleep(Duration::from_millis(2));
        }
        last = shown(&w).unwrap();
    }
    assert!(last >= 8, "the newest weights are shown, not those of long ago: {last}");
    // On a quiet machine none; two cores shared with other tests may be late for a moment.
    assert!(bare * 10 < looks, "{bare} of {looks} looks found no map");
    let held = w.maps().read(Maps::computed);
    assert!(held < 60, "maps of older weights go: {held}");
}

#[test]
fn a_sound_test_holds_for_the_learning_model_too_and_ends() {
    let w = worker();
    let feed = FakeFeed::new(100, FPS);
    feed.seek(40);
    w.set_clip(Some(clip(&feed)));
    w.show(Some(model(1, "a")));
    until("a map", || shown(&w) == Some(1));
    let own = shown_map(&w, 40);
    w.set_sound_test(SoundTest::Silence);
    until("the map under silence", || {
        shown_map(&w, 40).is_some_and(|m| Some(m) != own) && w.status().sound_test == "silence"
    });
    w.set_sound_test(SoundTest::None);
    until("the own map", || shown_map(&w, 40) == own);
}

#[test]
fn a_file_that_is_gone_is_said_and_the_old_map_stays() {
    let w = worker();
    let feed = FakeFeed::new(100, FPS);
    feed.seek(40);
    w.set_clip(Some(clip(&feed)));
    w.show(Some(model(1, "a")));
    until("a map", || shown(&w) == Some(1));
    let gone = LiveModel { id: 2, weights: Weights::File("no such epoch.safetensors".into()) };
    w.show(Some(gone));
    until("the failure", || w.status().state == InferState::Failed);
    assert!(w.status().message.contains("no such epoch"), "{}", w.status().message);
    assert_eq!(shown(&w), Some(1));
    assert!(shown_map(&w, 40).is_some());
    w.show(Some(model(3, "b")));
    until("the next model's map", || shown(&w) == Some(3));
    until("no more words", || w.status().message.is_empty());
}

#[test]
fn a_sound_at_another_rate_is_waited_for() {
    let w = worker();
    let feed = FakeFeed::new(100, FPS);
    let mut wrong = clip(&feed);
    wrong.sound = Some(Arc::new(Ramp::complete(8_000, 8_000 * 60)));
    w.set_clip(Some(wrong));
    w.show(Some(model(1, "a")));
    until("the wait", || w.status().waiting_for_sound);
    assert!(w.status().message.contains("16000 Hz"), "{}", w.status().message);
    w.set_clip(Some(clip(&feed)));
    until("a map", || shown(&w) == Some(1));
    until("no more words", || !w.status().waiting_for_sound);
}

#[test]
fn at_rest_nothing_is_computed() {
    let w = worker();
    let feed = FakeFeed::new(100, FPS);
    w.set_clip(Some(clip(&feed)));
    w.show(Some(model(1, "a")));
    until("a map", || shown(&w) == Some(1));
    w.show(None);
    until("rest", || w.shown().is_none());
    feed.seek(5);
    std::thread::sleep(Duration::from_millis(150));
    assert_eq!(w.maps().read(Maps::computed), 0);
}
