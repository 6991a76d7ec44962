//! Sound by sample: exact values, exact places, late starts, several tracks.

use std::f64::consts::TAU;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fnac::media::{
    AudioFormat, AudioReader, CancelToken, ChannelChoice, Channels, MediaSource, SoundTrack, probe,
};
use fnac::units::{MediaTime, no_waker};

use crate::media::{Random, SIZE, encode, ffmpeg, folder, have_ffmpeg};
use crate::reference::reference;

/// A 16-bit WAV file of interleaved samples.
fn wav(name: &str, rate: u32, channels: u16, samples: &[i16]) -> PathBuf {
    let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    let mut out = Vec::new();
    let block = channels * 2;
    out.extend_from_slice(b"RIFF");
    out.extend_from_slice(&(36 + bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0");
    out.extend_from_slice(&channels.to_le_bytes());
    out.extend_from_slice(&rate.to_le_bytes());
    out.extend_from_slice(&(rate * u32::from(block)).to_le_bytes());
    out.extend_from_slice(&block.to_le_bytes());
    out.extend_from_slice(&16u16.to_le_bytes());
    out.extend_from_slice(b"data");
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(&bytes);
    let path = folder().join(name);
    std::fs::write(&path, out).unwrap();
    path
}

fn open(path: &Path, track: usize, rate: u32, channels: Channels) -> AudioReader {
    let source = MediaSource::File(path.into());
    AudioReader::open(&source, track, AudioFormat { rate, channels }, CancelToken::new()).unwrap()
}

/// All samples from the reader's place on; blocks must follow each other without gaps.
fn rest(reader: &mut AudioReader) -> Vec<f32> {
    let mut out = Vec::new();
    let mut next = None;
    while let Some(block) = reader.next_block().unwrap() {
        assert!(next.is_none_or(|n| n == block.start), "a gap before {}", block.time);
        next = Some(block.start + (block.samples.len() / reader.channels()) as i64);
        out.extend(block.samples);
    }
    out
}

fn noise(n: usize) -> Vec<i16> {
    let mut r = Random(3);
    (0..n).map(|_| r.below(65536) as u16 as i16).collect()
}

fn crossings(samples: &[f32]) -> usize {
    samples.windows(2).filter(|w| (w[0] < 0.0) != (w[1] < 0.0)).count()
}

#[test]
fn a_16_bit_wav_comes_out_as_the_models_scale_demands() {
    let mut samples = noise(50_000);
    samples[7] = -32768;
    samples[8] = 32767;
    let path = wav("scale.wav", 16_000, 1, &samples);
    let ours = rest(&mut open(&path, 0, 16_000, Channels::MonoMean));
    assert_eq!(ours.len(), samples.len());
    for (o, s) in ours.iter().zip(&samples) {
        let want = (f64::from(*s) / 32767.0).clamp(-1.0, 1.0) as f32;
        assert!((o - want).abs() <= f32::EPSILON * want.abs(), "{s}: {o} against {want}");
    }
    assert_eq!((ours[7], ours[8]), (-1.0, 1.0));
    // For listening, full scale is 1, on both sides.
    let heard = rest(&mut open(&path, 0, 16_000, Channels::Stereo));
    assert_eq!(heard.len(), 2 * samples.len());
    assert_eq!(heard[14..18], [-1.0, -1.0, 32767.0 / 32768.0, 32767.0 / 32768.0]);
}

#[test]
fn golden_sounds_have_their_published_16_bit_samples() {
    let Some(path) = reference("inputs/p0.wav") else { return };
    let file = std::fs::read(&path).unwrap();
    let data: Vec<i16> =
        file[44..].chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
    let ours = rest(&mut open(&path, 0, 16_000, Channels::MonoMean));
    assert_eq!(ours.len(), data.len());
    let off = |(o, s): (&f32, &i16)| (f64::from(*o) - f64::from(*s) / 32767.0).abs();
    let worst = ours.iter().zip(&data).map(off).fold(0.0, f64::max);
    assert!(worst < 1e-7, "{worst}");
}

#[test]
fn stereo_is_mixed_by_its_mean_and_split_on_request() {
    let samples: Vec<i16> = (0..2000).flat_map(|i| [i * 5, -i * 3]).collect();
    let path = wav("stereo.wav", 16_000, 2, &samples);
    let scale = |v: f64| (v / 32767.0) as f32;
    let near = |a: f32, b: f32| assert!((a - b).abs() < 1e-7, "{a} against {b}");
    let read = |c| rest(&mut open(&path, 0, 16_000, c));
    let (mean, left, right) =
        (read(Channels::MonoMean), read(Channels::Left), read(Channels::Right));
    for i in 0..2000 {
        let (l, r) = (f64::from(samples[2 * i]), f64::from(samples[2 * i + 1]));
        near(mean[i], scale((l + r) / 2.0));
        near(left[i], scale(l));
        near(right[i], scale(r));
    }
    assert_eq!(read(Channels::AsIs).len(), 4000);
}

#[test]
fn resampling_keeps_time_and_height() {
    let tone = |i: usize| (20_000.0 * (TAU * 440.0 * i as f64 / 44_100.0).sin()).round() as i16;
    let samples: Vec<i16> = (0..44_100 * 2).map(tone).collect();
    let path = wav("tone.wav", 44_100, 1, &samples);
    let ours = rest(&mut open(&path, 0, 16_000, Channels::MonoMean));
    assert!(ours.len().abs_diff(32_000) <= 1, "{}", ours.len());
    let ideal = |i: usize| 20_000.0 / 32_767.0 * (TAU * 440.0 * i as f64 / 16_000.0).sin();
    let worst = (200..31_800).map(|i| (f64::from(ours[i]) - ideal(i)).abs()).fold(0.0, f64::max);
    // One sample of shift would be 0.1; the rest is rounding to 16 bit and the filter's ripple.
    assert!(worst < 2e-3, "{worst}");
}

#[test]
fn after_a_seek_comes_what_playing_there_would_have_given() {
    if !have_ffmpeg() {
        return;
    }
    let source = wav("noise.wav", 44_100, 1, &noise(44_100 * 6));
    let make = |name: &str, args: &[&str]| {
        let path = folder().join(name);
        let mut all = vec!["-i", source.to_str().unwrap()];
        all.extend(args);
        all.push(path.to_str().unwrap());
        ffmpeg(&all);
        path
    };
    // (file, largest difference allowed: lossy codecs carry state for a while)
    let files = [
        (source.clone(), 1e-6),
        (make("noise.flac", &[]), 1e-6),
        (make("noise-flac.mkv", &["-c:a", "flac"]), 1e-6),
        (make("noise-pcm.mov", &["-c:a", "pcm_s16le"]), 1e-6),
        (make("noise-aac.mp4", &["-c:a", "aac", "-aac_pns", "0", "-b:a", "192k"]), 1e-5),
        (make("noise-aac.mkv", &["-c:a", "aac", "-aac_pns", "0", "-b:a", "192k"]), 1e-5),
        (make("noise.mp3", &["-c:a", "libmp3lame", "-b:a", "192k"]), 1e-4),
        (make("noise.opus.webm", &["-c:a", "libopus", "-b:a", "160k"]), 2e-2),
    ];
    for (path, tolerance) in files {
        for rate in [0, 16_000, 48_000] {
            let mut reader = open(&path, 0, rate, Channels::MonoMean);
            let whole = rest(&mut reader);
            let mut random = Random(8);
            for n in 0..12 {
                let at = random.below(whole.len() as u64 - 4000) as i64;
                if n % 2 == 0 {
                    reader.seek_sample(at).unwrap();
                } else {
                    // The middle of the sample's nanoseconds, so that rounding finds it.
                    let secs = at as f64 / f64::from(reader.rate());
                    reader.seek(MediaTime::from_secs_f64(secs)).unwrap();
                }
                let block = reader.next_block().unwrap().unwrap();
                assert_eq!(block.start, at, "{}", path.display());
                let expected = &whole[at as usize..][..block.samples.len()];
                let off = |(a, b): (&f32, &f32)| (a - b).abs();
                let worst = block.samples.iter().zip(expected).map(off).fold(0.0, f32::max);
                assert!(worst <= tolerance, "{} at {rate} Hz, {at}: {worst}", path.display());
            }
        }
    }
}

#[test]
fn a_track_that_starts_late_begins_with_silence() {
    if !have_ffmpeg() {
        return;
    }
    let video = encode("plain-late.mp4", 50, SIZE, &["-c:v", "libx264", "-preset", "ultrafast"]);
    let tone = wav("late.wav", 48_000, 1, &vec![12_000; 48_000]);
    for (name, codec) in [("late.mkv", "pcm_s16le"), ("late.mov", "pcm_s16le"), ("late.mp4", "aac")]
    {
        let path = folder().join(name);
        ffmpeg(&[
            "-i",
            video.to_str().unwrap(),
            "-itsoffset",
            "0.5",
            "-i",
            tone.to_str().unwrap(),
            "-map",
            "0:v",
            "-map",
            "1:a",
            "-c:v",
            "copy",
            "-c:a",
            codec,
            path.to_str().unwrap(),
        ]);
        let info = probe(&MediaSource::File(path.clone())).unwrap();
        let start = info.audio[0].start.as_secs_f64();
        // AAC's own run-in adds up to 1024 samples at 48 kHz.
        assert!((start - 0.5).abs() < 0.025, "{name}: {start}");
        let all = rest(&mut open(&path, 0, 16_000, Channels::MonoMean));
        let first = all.iter().position(|v| v.abs() > 0.2).unwrap();
        // A lossy codec smears the edge a little.
        let slack = if codec == "aac" { 32 } else { 8 };
        assert!(first.abs_diff(8000) <= slack, "{name}: sound begins at sample {first}");
        if codec != "aac" {
            assert!(all[..7900].iter().all(|v| *v == 0.0), "{name}");
        }
        let mut reader = open(&path, 0, 16_000, Channels::MonoMean);
        reader.seek(MediaTime::from_millis(400)).unwrap();
        let mut after = rest(&mut reader);
        after.truncate(4000);
        let first = after.iter().position(|v| v.abs() > 0.2).unwrap();
        assert!(first.abs_diff(1600) <= slack, "{name}: after a seek at {first}");
    }
}

#[test]
fn each_of_several_tracks_is_heard() {
    if !have_ffmpeg() {
        return;
    }
    let tone = |hz: f64| -> Vec<i16> {
        (0..16_000).map(|i| (9000.0 * (TAU * hz * f64::from(i) / 16_000.0).sin()) as i16).collect()
    };
    let low = wav("low.wav", 16_000, 1, &tone(300.0));
    let high = wav("high.wav", 16_000, 1, &tone(1200.0));
    let path = folder().join("tracks.mkv");
    ffmpeg(&[
        "-i",
        low.to_str().unwrap(),
        "-i",
        high.to_str().unwrap(),
        "-map",
        "0",
        "-map",
        "1",
        "-metadata:s:a:1",
        "language=ger",
        "-metadata:s:a:1",
        "title=Hoch",
        path.to_str().unwrap(),
    ]);
    let source = MediaSource::File(path.clone());
    let info = probe(&source).unwrap();
    assert_eq!(info.audio.len(), 2);
    assert_eq!(info.audio[1].language.as_deref(), Some("ger"));
    assert_eq!(info.audio[1].title.as_deref(), Some("Hoch"));
    assert!(info.video.is_none());
    for (track, expected) in [(0, 600), (1, 2400)] {
        let n = crossings(&rest(&mut open(&path, track, 16_000, Channels::MonoMean)));
        assert!(n.abs_diff(expected) < 60, "track {track}: {n} crossings");
    }
    let format = AudioFormat { rate: 0, channels: Channels::Stereo };
    let error = AudioReader::open(&source, 2, format, CancelToken::new()).err().unwrap();
    assert!(error.to_string().contains("no track 2"), "{error}");
}

#[test]
fn a_silent_film_says_so() {
    if !have_ffmpeg() {
        return;
    }
    let path = encode("silent.mp4", 5, SIZE, &["-c:v", "libx264", "-preset", "ultrafast"]);
    let format = AudioFormat { rate: 0, channels: Channels::Stereo };
    let source = MediaSource::File(path);
    let error = AudioReader::open(&source, 0, format, CancelToken::new()).err().unwrap();
    assert!(error.to_string().contains("has no sound track"), "{error}");
}

#[test]
fn a_sound_track_holds_what_the_reader_gives() {
    let path = wav("track.wav", 22_050, 1, &noise(22_050 * 5));
    let source = MediaSource::File(path.clone());
    let track = SoundTrack::load(&source, 0, 16_000, ChannelChoice::Mean, no_waker());
    let begun = Instant::now();
    while !track.is_complete() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", track.error());
        std::thread::sleep(Duration::from_millis(2));
    }
    let whole = rest(&mut open(&path, 0, 16_000, Channels::MonoMean));
    assert_eq!(track.total(), Some(whole.len() as u64));
    assert_eq!(track.read(0, whole.len()).unwrap(), whole);
    assert!(track.expected().unwrap().abs_diff(80_000) <= 1);
    let loud = track.envelope(MediaTime::ZERO, MediaTime::from_millis(5000), 100);
    assert!(loud.iter().all(|(lo, hi)| *lo < -0.9 && *hi > 0.9));
}

#[test]
fn a_sound_track_of_a_missing_file_says_why() {
    let source = MediaSource::File("/nowhere/at/all.wav".into());
    let track = SoundTrack::load(&source, 0, 16_000, ChannelChoice::Mean, no_waker());
    let begun = Instant::now();
    while track.error().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(track.error().unwrap().to_string().contains("no such file"));
}
