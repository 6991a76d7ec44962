//! Whatever users feed it: no crash, no hang, bounded memory, errors that name file and remedy.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use fnac::media::{
    AudioFormat, AudioReader, CancelToken, Channels, Clip, FrameReader, FrameReaderOptions,
    MediaError, MediaSource, probe,
};
use fnac::units::{FrameIndex, MediaTime};

use crate::media::{Random, SIZE, check, encode, ffmpeg, folder, have_ffmpeg};

/// Mutants per base file; 8 files make 560.
const MUTANTS: u64 = 70;
/// Longest time for one mutant, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(20);
/// Most memory that opening and playing mutants may ever hold.
const MAX_RSS_MIB: u64 = 1200;

fn refusal(path: &Path) -> String {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let text = probe(&MediaSource::File(path.into())).unwrap_err().to_string();
    assert!(text.contains(&name), "the file is not named: {text}");
    assert!(text.ends_with('.') && !text.contains("os error"), "{text}");
    text
}

fn small_clip() -> PathBuf {
    let args = [
        "-f",
        "lavfi",
        "-i",
        "sine=duration=1.6:sample_rate=48000",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-bf",
        "2",
        "-g",
        "12",
        "-pix_fmt",
        "yuv420p",
        "-c:a",
        "aac",
        "-b:a",
        "64k",
    ];
    encode("hostile.mp4", 40, SIZE, &args)
}

#[test]
fn nonsense_is_refused_in_words() {
    let dir = folder().join("nonsense");
    std::fs::create_dir_all(&dir).unwrap();
    let file = |name: &str, data: &[u8]| {
        let path = dir.join(name);
        std::fs::write(&path, data).unwrap();
        path
    };
    assert!(refusal(&dir.join("absent.mp4")).contains("no such file"));
    assert!(refusal(&dir).contains("folder"));
    assert!(refusal(&file("empty.mp4", b"")).contains("empty"));
    let text = b"Once upon a time there was no video.\n".repeat(50);
    for name in ["story.mp4", "story.txt", "story.mkv", "story"] {
        refusal(&file(name, &text));
    }
    refusal(&file("zeros.mp4", &[0; 100_000]));
    refusal(&file("list.m3u8", b"#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:9/x.ts\n"));
    refusal(&file("list.ffconcat", b"ffconcat version 1.0\nfile '/etc/passwd'\n"));
    let mut r = Random(1);
    let noise: Vec<u8> = (0..200_000).map(|_| r.below(256) as u8).collect();
    refusal(&file("noise.avi", &noise));
    if Path::new("/dev/zero").exists() {
        assert!(refusal(Path::new("/dev/zero")).contains("regular file"));
    }
}

#[test]
fn names_do_not_matter() {
    if !have_ffmpeg() {
        return;
    }
    let clip = small_clip();
    let dir = folder().join("names");
    std::fs::create_dir_all(&dir).unwrap();
    let names: Vec<OsString> = vec![
        "with space.mp4".into(),
        "quote'\"`$(x).mp4".into(),
        "\u{1f3ba} emoji \u{4e2d}.mp4".into(),
        "http:__x%20y.mp4".into(),
        "frame%03d.mp4".into(),
        "concat:a|b.mp4".into(),
        "-dash.mp4".into(),
        "wrong-ending.wav".into(),
        "wrong-ending.txt".into(),
        "no-ending".into(),
        OsString::from_vec(b"bytes-\xff\xfe.mp4".to_vec()),
    ];
    for name in names {
        let path = dir.join(&name);
        std::fs::copy(&clip, &path).unwrap();
        let source = MediaSource::File(path);
        let mut reader = FrameReader::open(&source, FrameReaderOptions::default()).unwrap();
        assert_eq!(reader.index().len(), 40, "{name:?}");
        assert_eq!(check(&reader.seek(FrameIndex(31)).unwrap().unwrap()), 31, "{name:?}");
        let format = AudioFormat { rate: 16_000, channels: Channels::MonoMean };
        assert!(AudioReader::open(&source, 0, format, CancelToken::new()).is_ok(), "{name:?}");
    }
}

#[test]
fn a_header_that_promises_ten_hours_costs_nothing_and_is_corrected() {
    if !have_ffmpeg() {
        return;
    }
    let mut data = std::fs::read(small_clip()).unwrap();
    let mut patched = 0;
    for (name, scale_at, duration_at) in [(b"mvhd", 16, 20), (b"mdhd", 16, 20)] {
        let mut at = 0;
        while let Some(found) = data[at..].windows(4).position(|w| w == name) {
            at += found + 4;
            let scale = u32::from_be_bytes(data[at + scale_at - 4..][..4].try_into().unwrap());
            let long = (scale * 36_000).to_be_bytes();
            data[at + duration_at - 4..][..4].copy_from_slice(&long);
            patched += 1;
        }
    }
    assert_eq!(patched, 3, "one for the film, one per track");
    let path = folder().join("ten-hours.mp4");
    std::fs::write(&path, &data).unwrap();
    let begun = Instant::now();
    let info = probe(&MediaSource::File(path)).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(info.duration < MediaTime::from_millis(2000), "{}", info.duration);
    assert!(info.warnings.iter().any(|w| w.text.contains("10:00:0")), "{:?}", info.warnings);
}

#[test]
fn a_truncated_file_plays_what_is_there_and_says_where_it_ends() {
    if !have_ffmpeg() {
        return;
    }
    let whole = encode("cut-short.mkv", 60, SIZE, &["-c:v", "mpeg4", "-q:v", "2", "-g", "12"]);
    let data = std::fs::read(whole).unwrap();
    let path = folder().join("truncated.mkv");
    std::fs::write(&path, &data[..data.len() / 2]).unwrap();
    let source = MediaSource::File(path);
    let mut reader = FrameReader::open(&source, FrameReaderOptions::default()).unwrap();
    let n = reader.index().len() as u32;
    assert!((20..40).contains(&n), "{n}");
    let told = &reader.info().warnings;
    assert!(told.iter().any(|w| w.text.contains("although its header promises")), "{told:?}");
    let mut seen = 0;
    while let Some(frame) = reader.next_frame().unwrap() {
        seen = check(&frame) + 1;
    }
    assert!(n - seen <= 1, "{seen} of {n}");
}

#[test]
fn extreme_sizes_are_shown_or_refused() {
    if !have_ffmpeg() {
        return;
    }
    let dot = encode("dot.mkv", 10, (1, 1), &["-c:v", "ffv1", "-pix_fmt", "yuv420p"]);
    let source = MediaSource::File(dot);
    let mut reader = FrameReader::open(&source, FrameReaderOptions::default()).unwrap();
    let p = reader.next_frame().unwrap().unwrap().picture;
    assert_eq!((p.width, p.height, p.planes[1].width, p.planes[1].height), (1, 1, 1, 1));

    let huge = folder().join("huge.jpg");
    if !huge.exists() {
        ffmpeg(&[
            "-f",
            "lavfi",
            "-i",
            "color=gray:s=15360x8640:d=0.04",
            "-frames:v",
            "1",
            "-pix_fmt",
            "yuvj420p",
            huge.to_str().unwrap(),
        ]);
    }
    let source = MediaSource::File(huge);
    let mut reader = FrameReader::open(&source, FrameReaderOptions::default()).unwrap();
    let p = reader.next_frame().unwrap().unwrap().picture;
    assert_eq!((p.width, p.height), (8192, 4608));
    assert!(reader.info().warnings.iter().any(|w| w.text.contains("reduced")));
}

#[test]
fn a_cancelled_open_is_told_from_a_broken_file() {
    if !have_ffmpeg() {
        return;
    }
    let fresh = folder().join("cancelled.mp4");
    std::fs::copy(small_clip(), &fresh).unwrap();
    let cancel = CancelToken::new();
    cancel.cancel();
    let error = Clip::open(&MediaSource::File(fresh), &cancel).unwrap_err();
    assert!(matches!(error, MediaError::Cancelled { .. }), "{error}");
}

/// Eight kinds of file with picture and sound.
fn bases() -> Vec<PathBuf> {
    let tone = ["-f", "lavfi", "-i", "sine=duration=1.6:sample_rate=48000"];
    let make = |name: &str, args: &[&str]| {
        let all: Vec<&str> = tone.iter().chain(args).copied().collect();
        encode(name, 40, SIZE, &all)
    };
    vec![
        small_clip(),
        make(
            "m.mkv",
            &[
                "-c:v",
                "libx265",
                "-preset",
                "ultrafast",
                "-x265-params",
                "log-level=none",
                "-c:a",
                "flac",
            ],
        ),
        make(
            "m.webm",
            &["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"],
        ),
        make("m.mov", &["-c:v", "prores_ks", "-c:a", "pcm_s16le"]),
        make("m.avi", &["-c:v", "mpeg4", "-bf", "1", "-c:a", "libmp3lame"]),
        make("m.ts", &["-c:v", "mpeg2video", "-bf", "2", "-c:a", "aac"]),
        make("av1.mp4", &["-c:v", "libsvtav1", "-preset", "12", "-c:a", "aac"]),
        encode("m.jpg", 1, SIZE, &["-frames:v", "1", "-q:v", "2"]),
    ]
}

/// A damaged copy: cut off, bits flipped (anywhere or in the header), a stretch overwritten.
fn mutate(data: &[u8], r: &mut Random) -> Vec<u8> {
    let mut out = data.to_vec();
    let n = out.len() as u64;
    match r.below(5) {
        0 => out.truncate(1 + r.below(n) as usize),
        1 => {
            let at = r.below(n) as usize;
            let end = (at + 1 + r.below(2000) as usize).min(out.len());
            let value = r.below(256) as u8;
            out[at..end].fill(value);
        }
        kind => {
            let reach = if kind == 2 { n } else { n.min(3000) };
            let from = if kind == 4 { n - reach } else { 0 };
            for _ in 0..1 + r.below(24) {
                let at = (from + r.below(reach)) as usize;
                out[at] ^= 1 << r.below(8);
            }
        }
    }
    out
}

/// Opens and plays one file in every way; errors are fine.
fn exercise(path: &Path) {
    let source = MediaSource::File(path.into());
    let Ok(clip) = Clip::open(&source, &CancelToken::new()) else { return };
    if let Some(index) = clip.index() {
        let options = FrameReaderOptions { threads: 2, ..Default::default() };
        if let Ok(mut reader) = FrameReader::with_index(&source, index.clone(), options) {
            for _ in 0..60 {
                if !matches!(reader.next_frame(), Ok(Some(_))) {
                    break;
                }
            }
            let n = index.len() as u32;
            for at in [n / 2, n.saturating_sub(1), 0, n / 3] {
                reader.seek(FrameIndex(at)).ok();
                reader.next_frame().ok();
                reader.seek_key(FrameIndex(at)).ok();
            }
        }
    }
    for track in 0..clip.info().audio.len() {
        for rate in [0, 16_000] {
            let format = AudioFormat { rate, channels: Channels::MonoMean };
            if let Ok(mut r) = AudioReader::open(&source, track, format, CancelToken::new()) {
                for at in [0, 700, 100_000_000] {
                    r.seek(MediaTime::from_millis(at)).ok();
                    for _ in 0..60 {
                        if !matches!(r.next_block(), Ok(Some(_))) {
                            break;
                        }
                    }
                }
            }
        }
    }
}

/// Peak memory of this process in MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM"));
    let kib = line.and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

/// The child of the next test: plays the files named in `FNAC_MUTANTS`, telling where it is.
#[test]
#[ignore = "run by the test of mutants in a process of its own"]
fn mutant_child() {
    let Some(list) = std::env::var_os("FNAC_MUTANTS") else { return };
    for line in std::fs::read_to_string(list).unwrap().lines() {
        println!("\n@begin {line}");
        exercise(Path::new(line));
        println!("\n@end {}", peak_mib());
    }
    println!("\n@done");
}

#[test]
fn hundreds_of_damaged_files_neither_crash_nor_hang_nor_eat_the_memory() {
    if !have_ffmpeg() {
        return;
    }
    let dir = folder().join("mutants");
    std::fs::remove_dir_all(&dir).ok();
    std::fs::create_dir_all(&dir).unwrap();
    let mut list = String::new();
    let mut random = Random(20_26);
    let mut count = 0;
    for base in bases() {
        let data = std::fs::read(&base).unwrap();
        let ending = base.extension().unwrap().to_string_lossy().into_owned();
        for _ in 0..MUTANTS {
            let path = dir.join(format!("{count}.{ending}"));
            std::fs::write(&path, mutate(&data, &mut random)).unwrap();
            list.push_str(&format!("{}\n", path.display()));
            count += 1;
        }
    }
    assert!(count >= 500);
    let list_path = dir.join("list.txt");
    std::fs::write(&list_path, list).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["media_hostile::mutant_child", "--exact", "--ignored", "--nocapture"])
        .env("FNAC_MUTANTS", &list_path)
        .env("FNAC_LOG", "off")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (send, lines) = std::sync::mpsc::channel();
    let stdout = child.stdout.take().unwrap();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    let stderr = child.stderr.take().unwrap();
    let errors = std::thread::spawn(move || std::io::read_to_string(stderr).unwrap_or_default());
    let (mut at, mut done, mut peak, mut played) = (String::new(), false, 0, 0);
    let mut begun = Instant::now();
    let mut slowest = (Duration::ZERO, String::new());
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                if let Some(path) = line.strip_prefix("@begin ") {
                    at = path.to_string();
                    begun = Instant::now();
                } else if let Some(mib) = line.strip_prefix("@end ") {
                    peak = peak.max(mib.parse().unwrap_or(0));
                    played += 1;
                    if begun.elapsed() > slowest.0 {
                        slowest = (begun.elapsed(), at.clone());
                    }
                } else if line == "@done" {
                    done = true;
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                child.kill().ok();
                panic!("hangs on {at}");
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = child.wait().unwrap();
    let errors = errors.join().unwrap_or_default();
    let tail: String =
        errors.chars().rev().take(2000).collect::<Vec<_>>().into_iter().rev().collect();
    assert!(done && status.success(), "crashed on {at} ({status}):\n{tail}");
    assert_eq!(played, count);
    eprintln!("{count} mutants: slowest {:.2?} ({}), peak {peak} MiB", slowest.0, slowest.1);
    assert!(peak < MAX_RSS_MIB, "{peak} MiB");
}
