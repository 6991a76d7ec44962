//! Videos with the map drawn in: frame for frame, time for time, with their sound.

use std::sync::atomic::{AtomicU32, Ordering};

use fnac::export::{ExportError, FrameMaps, VideoExport, builtin_clip, overlay_video};
use fnac::media::{
    AudioFormat, AudioReader, AudioSettings, CancelToken, Channels, ClipSettings, ClipWriter,
    FrameReader, FrameReaderOptions, MediaSource, VideoCodec,
};
use fnac::overlay::{Field, OverlayParams, ScaleMode};
use fnac::units::{MediaTime, TimeBase};

/// 20 frames at uneven times, and a click at 0.3 s.
fn clip(dir: &std::path::Path) -> MediaSource {
    let path = dir.join("uneven times.mkv");
    let base = TimeBase::new(1, 1000).unwrap();
    let mut settings = ClipSettings::new(96, 64, 25.0, base);
    settings.video_codec = VideoCodec::Ffv1;
    settings.audio =
        Some(AudioSettings { codec: fnac::media::AudioCodec::PcmF32, ..AudioSettings::default() });
    let mut writer = ClipWriter::create(&path, settings).unwrap();
    for i in 0..20u8 {
        let rgba = [i * 10, 60, 90, 255].repeat(96 * 64);
        writer.push_video(&rgba, time(i.into())).unwrap();
    }
    let mut sound = vec![0.0f32; 2 * 48_000];
    for s in 0..48 {
        sound[2 * (14_400 + s)] = 0.8;
        sound[2 * (14_400 + s) + 1] = 0.8;
    }
    writer.push_audio(&sound).unwrap();
    writer.finish().unwrap();
    MediaSource::File(path)
}

/// Uneven but whole milliseconds.
fn time(i: i64) -> MediaTime {
    MediaTime::from_millis(40 * i + (i * i) % 7 * 3)
}

fn job(source: &MediaSource, path: &std::path::Path) -> VideoExport {
    VideoExport {
        source: source.clone(),
        index: None,
        audio_track: Some(0),
        frames: None,
        path: path.to_owned(),
        params: OverlayParams {
            scale: ScaleMode::Calibrated { lo: 0.0, hi: 1.0 },
            ..OverlayParams::default()
        },
        legend: false,
        lines: Vec::new(),
        maps: Box::new(|_| FrameMaps { map: Field::new(1, vec![1.0; 49]), ..FrameMaps::default() }),
    }
}

fn times(source: &MediaSource) -> Vec<i64> {
    let mut reader = FrameReader::open(source, FrameReaderOptions::default()).unwrap();
    let mut all = Vec::new();
    while let Some(f) = reader.next_frame().unwrap() {
        all.push(f.time.as_nanos() / 1_000_000);
    }
    all
}

/// Times from the first frame on: a coder's priming may begin before it.
fn steps(source: &MediaSource) -> Vec<i64> {
    let all = times(source);
    all.iter().map(|t| t - all[0]).collect()
}

/// Samples from the first frame to the click.
fn click(source: &MediaSource) -> usize {
    let format = AudioFormat { rate: 48_000, channels: Channels::Stereo };
    let mut reader = AudioReader::open(source, 0, format, CancelToken::new()).unwrap();
    let mut all = Vec::new();
    while let Some(b) = reader.next_block().unwrap() {
        all.extend(b.samples.iter().step_by(2).copied().collect::<Vec<f32>>());
    }
    let at = all.iter().position(|v| *v > 0.2).unwrap();
    at - 48 * times(source)[0] as usize
}

#[test]
fn an_export_keeps_frames_times_and_sound() {
    let dir = tempfile::tempdir().unwrap();
    let source = clip(dir.path());
    for name in ["out.mkv", "out.mp4"] {
        let path = dir.path().join(name);
        let done = AtomicU32::new(0);
        let report = overlay_video(job(&source, &path), &done, &CancelToken::new()).unwrap();
        assert_eq!((report.frames, report.with_map), (20, 20));
        assert_eq!(done.load(Ordering::Relaxed), 1000);
        let out = MediaSource::File(path);
        assert_eq!(steps(&out), steps(&source), "{name}");
        // AAC smears a click over a few hundred samples; 20 ms is the limit of what is seen.
        let (got, want) = (click(&out), click(&source));
        assert!(got.abs_diff(want) < 960, "{name}: the click at {got} instead of {want}");
    }
}

#[test]
fn the_map_is_in_the_picture() {
    let dir = tempfile::tempdir().unwrap();
    let source = clip(dir.path());
    let path = dir.path().join("with.mkv");
    overlay_video(job(&source, &path), &AtomicU32::new(0), &CancelToken::new()).unwrap();
    let plain = dir.path().join("without.mkv");
    let without = VideoExport { maps: Box::new(|_| FrameMaps::default()), ..job(&source, &plain) };
    let report = overlay_video(without, &AtomicU32::new(0), &CancelToken::new()).unwrap();
    assert_eq!(report.with_map, 0);
    let middle = |p: &std::path::Path| {
        let source = MediaSource::File(p.to_owned());
        let mut r = FrameReader::open(&source, FrameReaderOptions::default()).unwrap();
        let f = r.next_frame().unwrap().unwrap();
        let rgb = fnac::overlay::rgb_from_planes(&f.picture);
        let at = 3 * (32 * 96 + 48);
        <[u8; 3]>::try_from(&rgb.data()[at..at + 3]).unwrap()
    };
    let (with, without) = (middle(&path), middle(&plain));
    // The highest colour of cividis, (254, 232, 56), at three quarters over (0, 60, 90).
    let want = [190.0, 189.0, 64.0];
    for c in 0..3 {
        assert!((f64::from(with[c]) - want[c]).abs() < 12.0, "{with:?}");
    }
    assert!(without[0] < 20 && without[1].abs_diff(60) < 12, "{without:?}");
}

#[test]
fn a_part_of_a_clip_begins_at_zero_with_its_own_sound() {
    let dir = tempfile::tempdir().unwrap();
    let source = clip(dir.path());
    let path = dir.path().join("part.mkv");
    let part = VideoExport { frames: Some(5..15), ..job(&source, &path) };
    let report = overlay_video(part, &AtomicU32::new(0), &CancelToken::new()).unwrap();
    assert_eq!(report.frames, 10);
    let out = MediaSource::File(path);
    let all = times(&source);
    let want: Vec<i64> = all[5..15].iter().map(|t| t - all[5]).collect();
    assert_eq!(steps(&out), want);
    let shift = all[5] as usize * 48;
    assert!(click(&out).abs_diff(click(&source) - shift) < 960);
}

#[test]
fn a_stopped_export_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let source = clip(dir.path());
    let out = dir.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let cancel = CancelToken::new();
    let stop = cancel.clone();
    let mut seen = 0;
    let stopping = VideoExport {
        maps: Box::new(move |_| {
            seen += 1;
            if seen == 7 {
                stop.cancel();
            }
            FrameMaps::default()
        }),
        ..job(&source, &out.join("a.mp4"))
    };
    let error = overlay_video(stopping, &AtomicU32::new(0), &cancel).unwrap_err();
    let stopped = match &error {
        ExportError::Cancelled => true,
        ExportError::Media(e) => e.is_cancelled(),
        _ => false,
    };
    assert!(stopped, "{error}");
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 0);
}

#[test]
fn the_built_in_clip_can_be_exported_with_its_legend() {
    let dir = tempfile::tempdir().unwrap();
    let source = MediaSource::File(builtin_clip(dir.path()).unwrap());
    let path = dir.path().join("legend.mp4");
    let job = VideoExport {
        legend: true,
        lines: vec!["built-in clip".into()],
        frames: Some(0..30),
        ..job(&source, &path)
    };
    let report = overlay_video(job, &AtomicU32::new(0), &CancelToken::new()).unwrap();
    assert_eq!(report.frames, 30);
    eprintln!("{:.2} s of video in {:.2} s", report.clip_secs, report.took_secs);
}
