//! Decode rate beside the `ffmpeg` program on the same cores, and how long seeks take.
//!
//! `cargo bench --profile dev --bench decode` (the dev profile is what is built anyway; FFmpeg is
//! C and does not change with it). Needs the `ffmpeg` program with libx264.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use fnac::media::{CancelToken, Clip, FrameReader, FrameReaderOptions, MediaSource};
use fnac::units::FrameIndex;

const REPEATS: usize = 5;
const SECONDS: u32 = 12;

fn clip(dir: &Path, name: &str, size: &str) -> PathBuf {
    let path = dir.join(name);
    if !path.exists() {
        let part = dir.join(format!("part-{name}"));
        // Moving shapes with film grain: about 8 Mbit/s at 1080p, as from a camera.
        let source = format!("testsrc2=size={size}:rate=30:duration={SECONDS}");
        let ok = Command::new("ffmpeg")
            .args(["-v", "error", "-y", "-f", "lavfi", "-i", &source])
            .args(["-vf", "noise=alls=6:allf=t", "-c:v", "libx264", "-preset", "medium"])
            .args(["-crf", "26", "-g", "250", "-bf", "3", "-pix_fmt", "yuv420p"])
            .arg(&part)
            .status()
            .expect("the ffmpeg program");
        assert!(ok.success());
        std::fs::rename(part, &path).unwrap();
    }
    path
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn percentile(values: &mut [f64], p: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * p).round() as usize]
}

fn open(path: &Path, threads: usize) -> FrameReader {
    let options = FrameReaderOptions { threads, cancel: CancelToken::new() };
    FrameReader::open(&MediaSource::File(path.into()), options).unwrap()
}

fn ours(path: &Path, threads: usize) -> f64 {
    let mut reader = open(path, threads);
    let begun = Instant::now();
    let mut n = 0;
    while reader.next_frame().unwrap().is_some() {
        n += 1;
    }
    assert_eq!(n, reader.index().len());
    n as f64 / begun.elapsed().as_secs_f64()
}

fn theirs(path: &Path, threads: usize, frames: usize) -> f64 {
    let begun = Instant::now();
    let ok = Command::new("ffmpeg")
        .args(["-v", "error", "-threads", &threads.to_string(), "-i"])
        .arg(path)
        .args(["-map", "0:v", "-f", "null", "-"])
        .status()
        .unwrap();
    assert!(ok.success());
    frames as f64 / begun.elapsed().as_secs_f64()
}

fn seeks(path: &Path, threads: usize) {
    let mut reader = open(path, threads);
    let n = reader.index().len() as u64;
    let mut state = 1u64;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let report = |what: &str, ms: &mut [f64]| {
        let (p50, p95) = (percentile(ms, 0.5), percentile(ms, 0.95));
        let worst = percentile(ms, 1.0);
        println!("  {what:<22} p50 {p50:7.1} ms   p95 {p95:7.1} ms   worst {worst:7.1} ms");
    };
    let time = |f: &mut dyn FnMut()| {
        let begun = Instant::now();
        f();
        begun.elapsed().as_secs_f64() * 1e3
    };
    let targets: Vec<FrameIndex> = (0..60).map(|_| FrameIndex(next() as u32)).collect();
    let mut exact: Vec<f64> = targets
        .iter()
        .map(|t| time(&mut || assert_eq!(reader.seek(*t).unwrap().map(|f| f.index), Some(*t))))
        .collect();
    report("exact seek, GOP 250", &mut exact);
    let mut key: Vec<f64> = targets
        .iter()
        .map(|t| time(&mut || assert!(reader.seek_key(*t).unwrap().is_some())))
        .collect();
    report("key frame (scrubbing)", &mut key);
    reader.seek(FrameIndex(100)).unwrap();
    let mut step: Vec<f64> = (101..161)
        .map(|t| time(&mut || assert!(reader.seek(FrameIndex(t)).unwrap().is_some())))
        .collect();
    report("step forward", &mut step);
}

fn main() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench");
    std::fs::create_dir_all(&dir).unwrap();
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    println!("{threads} threads, {REPEATS} interleaved repeats, medians");
    for (name, size) in [("720p.mp4", "1280x720"), ("1080p.mp4", "1920x1080")] {
        let path = clip(&dir, name, size);
        let begun = Instant::now();
        let found = Clip::open(&MediaSource::File(path.clone()), &CancelToken::new()).unwrap();
        let opened = begun.elapsed().as_secs_f64() * 1e3;
        let frames = found.index().unwrap().len();
        let bytes = std::fs::metadata(&path).unwrap().len();
        let mbit = bytes as f64 * 8e-6 / f64::from(SECONDS);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..REPEATS {
            a.push(ours(&path, threads));
            b.push(theirs(&path, threads, frames));
        }
        let (a, b) = (median(&mut a), median(&mut b));
        println!(
            "{size}, H.264, {mbit:.1} Mbit/s, {frames} frames, opened and indexed in {opened:.0} ms"
        );
        println!(
            "  decode to planes       {a:7.1} fps   ffmpeg -f null {b:7.1} fps   ratio {:.2}",
            a / b
        );
        seeks(&path, threads);
    }
}
