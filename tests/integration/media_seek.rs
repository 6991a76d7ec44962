//! Exact seek: a frame's number is burnt into its picture, so every decoded frame proves itself.

use std::path::PathBuf;
use std::sync::Arc;

use fnac::media::{CancelToken, FrameReader, FrameReaderOptions, MediaSource};
use fnac::units::FrameIndex;

use crate::media::{Random, SIZE, check, encode, have_ffmpeg, number_in};

const FRAMES: u32 = 600;

/// Clips with long groups of pictures, so that most seeks land deep inside one.
fn clips() -> Vec<(&'static str, PathBuf)> {
    let make = |name, args: &[&str]| (name, encode(name, FRAMES, SIZE, args));
    vec![
        make(
            "h264-gop250.mp4",
            &[
                "-c:v",
                "libx264",
                "-g",
                "250",
                "-keyint_min",
                "250",
                "-sc_threshold",
                "0",
                "-bf",
                "3",
                "-b_strategy",
                "0",
                "-x264-params",
                "b-pyramid=normal",
                "-pix_fmt",
                "yuv420p",
            ],
        ),
        make(
            "hevc.mkv",
            &[
                "-c:v",
                "libx265",
                "-preset",
                "ultrafast",
                "-x265-params",
                "keyint=120:bframes=4:b-adapt=0:log-level=none",
                "-pix_fmt",
                "yuv420p",
            ],
        ),
        make(
            "vp9.webm",
            &[
                "-c:v",
                "libvpx-vp9",
                "-g",
                "150",
                "-deadline",
                "realtime",
                "-cpu-used",
                "8",
                "-auto-alt-ref",
                "1",
                "-lag-in-frames",
                "16",
                "-pix_fmt",
                "yuv420p",
            ],
        ),
        make(
            "av1.mp4",
            &["-c:v", "libsvtav1", "-preset", "12", "-g", "120", "-pix_fmt", "yuv420p"],
        ),
    ]
}

fn reader(path: PathBuf) -> FrameReader {
    FrameReader::open(&MediaSource::File(path), FrameReaderOptions::default()).unwrap()
}

#[test]
fn a_thousand_random_seeks_give_the_very_frame_that_was_asked_for() {
    if !have_ffmpeg() {
        return;
    }
    let mut random = Random(6);
    for (name, path) in clips() {
        let mut reader = reader(path);
        assert_eq!(reader.index().len(), FRAMES as usize, "{name}");
        let mut wrong = 0;
        for n in 0..250 {
            let target = FrameIndex(random.below(u64::from(FRAMES)) as u32);
            let frame = reader.seek(target).unwrap().unwrap();
            if frame.index != target || number_in(&frame.picture) != target.0 {
                wrong += 1;
            }
            // What follows a seek follows without a gap.
            if n % 5 == 0 {
                for i in 1..4.min(FRAMES - target.0) {
                    let next = reader.next_frame().unwrap().unwrap();
                    assert_eq!(check(&next), target.0 + i, "{name}");
                }
            }
        }
        assert_eq!(wrong, 0, "{name}: {wrong} of 250 seeks showed another frame");
        assert!(reader.warnings().is_empty(), "{name}: {:?}", reader.warnings());
    }
}

#[test]
fn stepping_back_and_forth_comes_home() {
    if !have_ffmpeg() {
        return;
    }
    for (name, path) in clips() {
        let mut reader = reader(path);
        let mut at = 320;
        for step in (0..40).map(|i| if i < 20 { -1i32 } else { 1 }) {
            at += step;
            let frame = reader.seek(FrameIndex(at as u32)).unwrap().unwrap();
            assert_eq!(check(&frame), at as u32, "{name}");
        }
        assert_eq!(at, 320);
    }
}

#[test]
fn a_key_frame_seek_is_followed_by_the_frames_after_it() {
    if !have_ffmpeg() {
        return;
    }
    for (name, path) in clips() {
        let mut reader = reader(path);
        let keys: Vec<_> = reader.index().key_frames().collect();
        assert!(keys.len() > 1, "{name}");
        for target in [0, 1, 77, 299, 400, FRAMES - 1] {
            let expected = reader.index().keyframe_at_or_before(FrameIndex(target));
            let frame = reader.seek_key(FrameIndex(target)).unwrap().unwrap();
            assert_eq!(frame.index, expected, "{name}");
            assert!(frame.key);
            check(&frame);
            for i in 1..6 {
                if expected.0 + i < FRAMES {
                    let next = reader.next_frame().unwrap().unwrap();
                    assert_eq!(check(&next), expected.0 + i, "{name}");
                }
            }
        }
    }
}

#[test]
fn a_second_reader_takes_the_index_of_the_first() {
    if !have_ffmpeg() {
        return;
    }
    let (_, path) = clips().swap_remove(0);
    let source = MediaSource::File(path);
    let first = FrameReader::open(&source, FrameReaderOptions::default()).unwrap();
    let options = FrameReaderOptions { threads: 1, cancel: CancelToken::new() };
    let mut second = FrameReader::with_index(&source, first.index().clone(), options).unwrap();
    assert!(Arc::ptr_eq(first.index(), second.index()));
    assert_eq!(check(&second.seek(FrameIndex(555)).unwrap().unwrap()), 555);
}

#[test]
fn a_cancelled_reader_goes_on_with_a_fresh_token() {
    if !have_ffmpeg() {
        return;
    }
    let (_, path) = clips().swap_remove(0);
    let mut reader = reader(path);
    let token = CancelToken::new();
    reader.set_cancel(token.clone());
    token.cancel();
    assert!(reader.seek(FrameIndex(500)).unwrap_err().is_cancelled());
    reader.set_cancel(CancelToken::new());
    assert_eq!(check(&reader.seek(FrameIndex(200)).unwrap().unwrap()), 200);
}

#[test]
fn past_the_end_there_is_nothing() {
    if !have_ffmpeg() {
        return;
    }
    let (_, path) = clips().swap_remove(0);
    let mut reader = reader(path);
    assert!(reader.seek(FrameIndex(FRAMES)).unwrap().is_none());
    assert!(reader.seek_key(FrameIndex(u32::MAX)).unwrap().is_none());
    let last = reader.seek(FrameIndex(FRAMES - 1)).unwrap().unwrap();
    assert_eq!(check(&last), FRAMES - 1);
    assert!(reader.next_frame().unwrap().is_none());
    assert_eq!(check(&reader.seek(FrameIndex(0)).unwrap().unwrap()), 0);
}
