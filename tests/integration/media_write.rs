//! Written clips: exact times and samples, whole files or none.

use std::path::PathBuf;

use fnac::media::{
    AudioCodec, AudioFormat, AudioReader, AudioSettings, CancelToken, Channels, ClipSettings,
    ClipWriter, FrameReader, FrameReaderOptions, MediaSource, VideoCodec, probe,
};
use fnac::units::{FrameIndex, MediaTime, TimeBase};

use crate::media::{check, numbered};

const SIZE: (u32, u32) = (96, 64);

fn picture(n: u32, size: (u32, u32)) -> Vec<u8> {
    numbered(n, size).into_iter().flat_map(|v| [v, v, v, 255]).collect()
}

fn empty_folder(name: &str) -> PathBuf {
    let dir = crate::media::folder().join(name);
    std::fs::remove_dir_all(&dir).ok();
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

fn settings(codec: VideoCodec) -> ClipSettings {
    let base = TimeBase::new(1001, 30_000).unwrap();
    let new = ClipSettings::new(SIZE.0, SIZE.1, 30_000.0 / 1001.0, base);
    ClipSettings { video_codec: codec, ..new }
}

/// A click at 0.5 s in 1.2 s of stereo silence.
fn click() -> Vec<f32> {
    let mut s = vec![0.0; 2 * 57_600];
    s[48_000..48_000 + 96].fill(0.8);
    s
}

fn write(path: &std::path::Path, settings: ClipSettings, frames: u32) {
    let mut writer = ClipWriter::create(path, settings).unwrap();
    for n in 0..frames {
        let time = settings.time_base.time_from_pts(fnac::units::Pts(i64::from(n)));
        writer.push_video(&picture(n, (settings.width, settings.height)), time).unwrap();
    }
    if settings.audio.is_some() {
        for block in click().chunks(3000) {
            writer.push_audio(block).unwrap();
        }
    }
    writer.finish().unwrap();
}

#[test]
fn lossless_clips_come_back_as_they_were_written() {
    let dir = empty_folder("lossless");
    let path = dir.join("a.mkv");
    let audio = AudioSettings { codec: AudioCodec::PcmF32, ..Default::default() };
    write(&path, ClipSettings { audio: Some(audio), ..settings(VideoCodec::Ffv1) }, 30);
    let source = MediaSource::File(path);
    let mut reader = FrameReader::open(&source, FrameReaderOptions::default()).unwrap();
    for n in 0..30 {
        let frame = reader.next_frame().unwrap().unwrap();
        check(&frame);
        let rgba = &frame.picture.planes[0].data;
        assert!(rgba.iter().zip(&picture(n, SIZE)).all(|(a, b)| a == b || *a == 255), "frame {n}");
        let exact = f64::from(n) * 1001.0 / 30_000.0;
        // Matroska's ticks are 1 ms.
        assert!((frame.time.as_secs_f64() - exact).abs() <= 0.501e-3);
    }
    let format = AudioFormat { rate: 0, channels: Channels::AsIs };
    let mut sound = AudioReader::open(&source, 0, format, CancelToken::new()).unwrap();
    let mut all = Vec::new();
    while let Some(b) = sound.next_block().unwrap() {
        all.extend(b.samples);
    }
    let expected = click();
    assert_eq!(all.len(), expected.len());
    let differs = all.iter().zip(&expected).position(|(a, b)| a != b);
    assert_eq!(differs, None, "the first sample that differs");
}

#[test]
fn an_mp4_keeps_the_exact_time_of_picture_and_sound() {
    let dir = empty_folder("exact");
    for codec in [VideoCodec::Auto, VideoCodec::Mpeg4] {
        let path = dir.join("a.mp4");
        write(&path, ClipSettings { audio: Some(AudioSettings::default()), ..settings(codec) }, 36);
        let source = MediaSource::File(path);
        let mut reader = FrameReader::open(&source, FrameReaderOptions::default()).unwrap();
        assert_eq!(reader.index().len(), 36);
        for n in 0..36 {
            let frame = reader.next_frame().unwrap().unwrap();
            assert_eq!(check(&frame), n);
            let exact = f64::from(n) * 1001.0 / 30_000.0;
            assert!((frame.time.as_secs_f64() - exact).abs() < 1e-8, "frame {n}");
        }
        let end = reader.index().end().as_secs_f64();
        assert!((end - 36.0 * 1001.0 / 30_000.0).abs() < 1e-3, "{end}");
        let format = AudioFormat { rate: 0, channels: Channels::Left };
        let mut sound = AudioReader::open(&source, 0, format, CancelToken::new()).unwrap();
        sound.seek(MediaTime::from_millis(300)).unwrap();
        let mut all = Vec::new();
        while let Some(b) = sound.next_block().unwrap() {
            all.extend(b.samples);
        }
        let at = all.iter().position(|v| v.abs() > 0.4).unwrap() as f64 / 48_000.0 + 0.3;
        assert!((at - 0.5).abs() < 0.001, "{codec:?}: the click is at {at} s");
    }
}

#[test]
fn odd_sizes_are_written_whole() {
    let dir = empty_folder("odd");
    let path = dir.join("a.mp4");
    let odd = ClipSettings { width: 97, height: 65, ..settings(VideoCodec::Auto) };
    write(&path, odd, 5);
    let source = MediaSource::File(path);
    let video = probe(&source).unwrap().video.unwrap();
    assert_eq!((video.width, video.height), (98, 66));
    let mut reader = FrameReader::open(&source, FrameReaderOptions::default()).unwrap();
    assert_eq!(check(&reader.seek(FrameIndex(4)).unwrap().unwrap()), 4);
}

#[test]
fn a_dropped_writer_leaves_nothing_and_a_finished_one_replaces_the_old_file() {
    let dir = empty_folder("whole");
    let path = dir.join("a.mp4");
    let mut writer = ClipWriter::create(&path, settings(VideoCodec::Auto)).unwrap();
    writer.push_video(&picture(0, SIZE), MediaTime::ZERO).unwrap();
    drop(writer);
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);

    std::fs::write(&path, b"old").unwrap();
    let writer = ClipWriter::create(&path, settings(VideoCodec::Auto)).unwrap();
    let error = writer.finish().unwrap_err().to_string();
    assert!(error.contains("no picture") && error.contains("a.mp4"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"old");

    write(&path, settings(VideoCodec::Auto), 3);
    assert_eq!(probe(&MediaSource::File(path)).unwrap().video.unwrap().frames, 3);
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
}

#[test]
fn what_cannot_be_written_is_refused_with_a_remedy() {
    let dir = empty_folder("refused");
    let error =
        |path: PathBuf, s: ClipSettings| ClipWriter::create(&path, s).err().unwrap().to_string();
    let ok = settings(VideoCodec::Auto);
    assert!(error(dir.join("a.xyz"), ok).contains(".mp4"));
    assert!(error(dir.join("none/a.mp4"), ok).contains("Choose a folder"));
    assert!(error(dir.join("a.mp4"), ClipSettings { width: 0, ..ok }).contains("0x64"));
    let mut writer = ClipWriter::create(&dir.join("a.mp4"), ok).unwrap();
    assert!(writer.push_video(&[1, 2, 3], MediaTime::ZERO).is_err());
    assert!(writer.push_audio(&[0.0; 8]).is_err());
    drop(writer);
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
}
