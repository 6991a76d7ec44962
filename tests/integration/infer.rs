//! The worker over real files: what the window shows is what `fnac localize` writes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fnac::infer::{
    ClipFeed, FrameFeed, InferState, InferWorker, InputFrame, Localizer, SoundWindow,
    WorkerOptions, window_at,
};
use fnac::media::{ChannelChoice, FrameReader, FrameReaderOptions, MediaSource, SoundTrack};
use fnac::model::{Checkpoint, DeviceChoice, open_cpu};
use fnac::overlay::yuv::rgb_from_planes;
use fnac::units::{FrameIndex, Generation, MediaTime, no_waker};

use crate::localize::write_clip;

/// Two runs of one engine on one input.
const SAME: f32 = 1e-6;

/// Playback that rests on a frame.
struct Resting(InputFrame);

impl FrameFeed for Resting {
    fn now(&self) -> MediaTime {
        self.0.time
    }
    fn speed(&self) -> f64 {
        1.0
    }
    fn is_playing(&self) -> bool {
        false
    }
    fn generation(&self) -> Generation {
        Generation(1)
    }
    fn shown(&self) -> Option<InputFrame> {
        Some(self.0.clone())
    }
    fn ahead(&self) -> Vec<InputFrame> {
        vec![self.0.clone()]
    }
}

#[test]
fn the_workers_maps_are_the_localizers_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clip.mkv");
    write_clip(&path, 40, 10.0);
    let source = MediaSource::File(path);
    let checkpoint = Arc::new(Checkpoint::formula(8, 64, ""));
    let mut reader = FrameReader::open(&source, FrameReaderOptions::default()).unwrap();
    let index = reader.index().clone();
    let rate = checkpoint.card.sample_rate;
    let sound = SoundTrack::load(&source, 0, rate, ChannelChoice::Mean, no_waker());
    let resting = InputFrame::from(&reader.seek(FrameIndex(20)).unwrap().unwrap());

    let options = WorkerOptions {
        sound_hop: MediaTime::ZERO,
        evidence: false,
        ..WorkerOptions::new(no_waker(), None)
    };
    let worker = InferWorker::spawn(options).unwrap();
    let feed = Arc::new(Resting(resting));
    worker.set_clip(Some(ClipFeed::new(
        source.clone(),
        index,
        Some(sound.clone()),
        "track 0 mean".into(),
        feed,
    )));
    worker.set_model(Some(checkpoint.clone()), DeviceChoice::Cpu);
    let started = Instant::now();
    while worker.status().filled < 1.0 {
        let status = worker.status();
        assert!(started.elapsed() < Duration::from_secs(60), "{status:?}");
        assert_ne!(status.state, InferState::Failed, "{status:?}");
        std::thread::sleep(Duration::from_millis(10));
    }

    let towers = open_cpu(&checkpoint, String::new()).unwrap().towers;
    let mut localizer = Localizer::open(&checkpoint, towers);
    let mut frame = reader.seek(FrameIndex(0)).unwrap();
    let mut compared = 0;
    while let Some(f) = frame {
        let SoundWindow::Samples(window) = window_at(&*sound, f.time) else { panic!() };
        let want = localizer.localize(&rgb_from_planes(&f.picture), &window, 0).unwrap().map;
        let stored = worker.maps().at(f.index).unwrap();
        assert_eq!(stored.time, f.time);
        for (a, b) in stored.map.0.iter().zip(&want.0) {
            assert!((a - b).abs() <= SAME, "frame {}: {a} {b}", f.index);
        }
        compared += 1;
        frame = reader.next_frame().unwrap();
    }
    assert_eq!(compared, 40);
}

#[test]
fn the_evidence_meter_ranks_the_peak_among_unrelated_sounds() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clip.mkv");
    write_clip(&path, 4, 10.0);
    let source = MediaSource::File(path);
    let checkpoint = Arc::new(Checkpoint::formula(8, 64, ""));
    let mut reader = FrameReader::open(&source, FrameReaderOptions::default()).unwrap();
    let index = reader.index().clone();
    let sound = SoundTrack::load(&source, 0, 16_000, ChannelChoice::Mean, no_waker());
    let frame = InputFrame::from(&reader.seek(FrameIndex(2)).unwrap().unwrap());
    let worker = InferWorker::spawn(WorkerOptions::new(no_waker(), None)).unwrap();
    let feed = Arc::new(Resting(frame));
    worker.set_clip(Some(ClipFeed::new(source, index, Some(sound), "mean".into(), feed)));
    worker.set_model(Some(checkpoint), DeviceChoice::Cpu);
    let started = Instant::now();
    let evidence = loop {
        match worker.evidence(FrameIndex(2)) {
            Some(e) if e.of == 64 => break e,
            other => assert!(started.elapsed() < Duration::from_secs(60), "{other:?}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(evidence.rank <= 64 && (0.0..=100.0).contains(&evidence.percentile));
    let map = worker.maps().at(FrameIndex(2)).unwrap().map;
    assert_eq!(evidence.peak, map.grid().range().1);
}
