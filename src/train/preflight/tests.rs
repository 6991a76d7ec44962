use std::sync::atomic::AtomicBool;

use super::*;
use crate::train::testing::write_pairs;

fn config(dir: &Path) -> TrainConfig {
    let mut c = crate::train::preset("quick-demo").unwrap();
    (c.model.width, c.model.dim) = (2, 8);
    (c.batch.size, c.batch.no_source) = (4, 1);
    c.data.train = dir.display().to_string();
    c.data.validation_share = 0.2;
    (c.warm.image_steps, c.warm.sound_steps) = (0, 0);
    c.run.device = "cpu".into();
    c
}

fn go() -> AtomicBool {
    AtomicBool::new(false)
}

#[test]
fn a_run_that_can_work_is_described_with_its_time_memory_and_disk() {
    let dir = tempfile::tempdir().unwrap();
    write_pairs(dir.path(), 3, 15);
    let found = preflight(&config(dir.path()), dir.path(), &go()).unwrap();
    assert_eq!((found.items, found.listed, found.validation), (12, 15, 3));
    assert_eq!((found.decoded, found.broken.len(), found.silent.len()), (12, 0, 0));
    assert_eq!(found.rates, BTreeMap::from([(16_000, 12)]));
    assert_eq!((found.steps_per_epoch, found.steps), (3, 500));
    assert!(matches!(found.fit, BatchFit::Fits { .. }), "{:?}", found.fit);
    let (from, to) = found.step_seconds.unwrap();
    assert!(0.0 < from && from < to && to < 10.0, "{from} to {to}");
    assert!(found.obstacles().is_empty(), "{:?}", found.obstacles());
    assert!(found.seconds < 30.0);
    // 166 epochs of 100 kB, the last one with its memory.
    assert!((10_000_000..30_000_000).contains(&found.disk_needed), "{}", found.disk_needed);
    let text = found.lines().join("\n");
    for word in ["12 pairs to learn from", "12 at 16000 Hz", "CPU", "fits", "an epoch of 3 steps"] {
        assert!(text.contains(word), "{word}:\n{text}");
    }
}

#[test]
fn broken_and_silent_items_of_the_sample_are_named() {
    let dir = tempfile::tempdir().unwrap();
    write_pairs(dir.path(), 3, 12);
    let split = Split::open(&config(dir.path())).unwrap();
    let items = &split.train.items;
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(&items[0].sound.path, spec).unwrap();
    (0..48_000).for_each(|_| wav.write_sample(0i16).unwrap());
    wav.finalize().unwrap();
    std::fs::write(items[1].picture.path(), b"no picture").unwrap();
    let found = preflight(&config(dir.path()), dir.path(), &go()).unwrap();
    assert_eq!(found.silent, [items[0].id.clone()]);
    assert_eq!(found.broken.len(), 1);
    assert_eq!(found.broken[0].0, items[1].id);
    assert!(found.obstacles().is_empty());
}

#[test]
fn what_does_not_fit_comes_with_a_chunk_and_the_reason_not_to_accumulate() {
    let too_large = Preflight {
        fit: BatchFit::TooLarge {
            cause: "a step needs 40 GB, 8 GB are free".into(),
            chunk: Some(32),
        },
        disk_needed: 5_000_000,
        disk_free: Some(4_000_000),
        ..Preflight::default()
    };
    let all = too_large.obstacles();
    assert!(all[0].contains("run.chunk to 32") && all[0].contains("stays whole"), "{all:?}");
    assert!(all[0].contains("would not keep it"), "{all:?}");
    assert!(all[1].contains("need 5 MB, 4 MB are free"), "{all:?}");
}

#[test]
fn a_network_that_is_too_wide_for_this_machine_is_found_without_running_out_of_memory() {
    let dir = tempfile::tempdir().unwrap();
    write_pairs(dir.path(), 3, 12);
    let mut c = config(dir.path());
    let start = Start::open(&c).unwrap();
    let devices = training_devices("cpu", &TrialStore::open(None)).unwrap();
    // As large a batch as no machine holds; only small ones are ever taken.
    c.batch.size = 60_000;
    let tried = fit::try_step(&c, &start, &devices, &|| false).unwrap();
    if let BatchFit::TooLarge { chunk, .. } = tried.fit {
        assert!(chunk.is_none_or(|n| n < 60_000));
    } else {
        assert!(!matches!(tried.fit, BatchFit::Unknown) || !tried.not_tried.is_empty());
    }
    assert!(tried.seconds.unwrap().0 > 60.0, "{tried:?}");
}

#[test]
fn what_was_asked_to_stop_says_what_it_did_not_try() {
    let dir = tempfile::tempdir().unwrap();
    write_pairs(dir.path(), 3, 12);
    let found = preflight(&config(dir.path()), dir.path(), &AtomicBool::new(true)).unwrap();
    assert_eq!((found.decoded, found.fit.clone()), (0, BatchFit::Unknown));
    assert!(found.not_tried[0].contains("no time left"));
}

#[test]
fn spans_and_sizes_are_written_in_fitting_units() {
    assert_eq!(span((0.05, 0.08)), "0.05 to 0.08 s");
    assert_eq!(span((10.0, 15.0)), "10.0 to 15.0 s");
    assert_eq!(span((3000.0, 6000.0)), "50 to 100 min");
    assert_eq!(span((9000.0, 36_000.0)), "2.5 to 10.0 h");
    assert_eq!(
        (bytes(1), bytes(2_500_000), bytes(40_000_000_000)),
        ("1 kB".into(), "2 MB".into(), "40 GB".into())
    );
}
