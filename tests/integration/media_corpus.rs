//! Awkward but valid files: number and time stamp of every frame equal a reference decode, and
//! the tags arrive.

use std::path::{Path, PathBuf};

use fnac::media::{Clip, FrameReader, FrameReaderOptions, MediaInfo, MediaSource, probe};
use fnac::units::{ColorMatrix, FrameIndex, MediaTime, PlaneLayout, Transfer};

use crate::media::{SIZE, check, encode, ffmpeg, folder, have_ffmpeg, reference_pts};

const X264: &[&str] =
    &["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "12", "-pix_fmt", "yuv420p"];

fn with<'a>(base: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    base.iter().chain(more).copied().collect()
}

fn info(path: &Path) -> MediaInfo {
    probe(&MediaSource::File(path.into())).unwrap()
}

/// Plays a clip whose pictures are numbered from 0; index and decoder must agree with `ffprobe`.
fn plays_right(name: &str, path: &Path) {
    let source = MediaSource::File(path.into());
    let mut reader = FrameReader::open(&source, FrameReaderOptions::default()).unwrap();
    let expected = reference_pts(path);
    let index = reader.index().clone();
    let ours: Vec<i64> =
        (0..index.len()).map(|n| index.pts(FrameIndex(n as u32)).unwrap().0).collect();
    assert!(!expected.is_empty(), "{name}");
    assert_eq!(ours.len(), expected.len(), "{name}: another number of frames");
    for (n, (o, e)) in ours.iter().zip(&expected).enumerate() {
        let same = e.is_none_or(|e| e == *o);
        assert!(same, "{name}: frame {n} is at {o}, the reference decode says {e:?}");
    }
    for n in 0..index.len() as u32 {
        let frame = reader.next_frame().unwrap().unwrap_or_else(|| panic!("{name}: ends at {n}"));
        assert_eq!(check(&frame), n, "{name}");
        assert_eq!(frame.pts.0, ours[n as usize], "{name}");
    }
    assert!(reader.next_frame().unwrap().is_none(), "{name}");
    for n in [index.len() as u32 - 1, 7, 20, 0] {
        let frame = reader.seek(FrameIndex(n)).unwrap().unwrap();
        assert_eq!((check(&frame), frame.index.0), (n, n), "{name}");
    }
    assert!(reader.warnings().is_empty(), "{name}: {:?}", reader.warnings());
}

#[test]
fn every_kind_of_clip_is_numbered_like_the_reference_decode() {
    if !have_ffmpeg() {
        return;
    }
    let make = |name: &'static str, args: &[&str]| (name, encode(name, 40, SIZE, args));
    let vfr = "setpts='if(lt(N,10),N,if(lt(N,20),N*3-20,N+20))/25/TB'";
    let clips: Vec<(&str, PathBuf)> = vec![
        make("plain.mp4", X264),
        make("plain.mkv", X264),
        make("plain.mov", X264),
        make("open-gop.mp4", &with(X264, &["-x264-params", "open-gop=1:keyint=10"])),
        make("no-edit-list.mp4", &with(X264, &["-use_editlist", "0"])),
        make("fragmented.mp4", &with(X264, &["-movflags", "frag_keyframe+empty_moov"])),
        make("vfr.mp4", &with(&["-vf", vfr, "-vsync", "vfr"], X264)),
        make("vfr.mkv", &with(&["-vf", vfr, "-vsync", "vfr"], X264)),
        make("late-start.mkv", &with(X264, &["-output_ts_offset", "10"])),
        make("late-start.mp4", &with(X264, &["-output_ts_offset", "3.5"])),
        make("late-start.ts", X264),
        make("mpeg4.avi", &["-c:v", "mpeg4", "-q:v", "2", "-g", "12"]),
        make("mjpeg.avi", &["-c:v", "mjpeg", "-q:v", "2", "-pix_fmt", "yuvj422p"]),
        make("ffv1.avi", &["-c:v", "ffv1", "-pix_fmt", "yuv444p"]),
        make("mpeg2.mpg", &["-c:v", "mpeg2video", "-q:v", "2", "-bf", "2", "-g", "12"]),
        make(
            "vp8.webm",
            &[
                "-c:v",
                "libvpx",
                "-auto-alt-ref",
                "1",
                "-lag-in-frames",
                "10",
                "-deadline",
                "realtime",
                "-b:v",
                "1M",
            ],
        ),
        make(
            "ten-bit.mkv",
            &[
                "-c:v",
                "libx265",
                "-preset",
                "ultrafast",
                "-x265-params",
                "log-level=none",
                "-pix_fmt",
                "yuv420p10le",
            ],
        ),
        make("422-ten-bit.mov", &["-c:v", "prores_ks", "-pix_fmt", "yuv422p10le"]),
        make("444.mp4", &with(&X264[..8], &["-pix_fmt", "yuv444p"])),
        make("422.mp4", &with(&X264[..8], &["-pix_fmt", "yuv422p"])),
        make("full-range.mp4", &with(&X264[..8], &["-pix_fmt", "yuvj420p"])),
        make("grey.mkv", &["-c:v", "ffv1", "-pix_fmt", "gray"]),
        make("rgb.mkv", &["-c:v", "ffv1", "-pix_fmt", "bgr0"]),
        make(
            "alpha.webm",
            &[
                "-c:v",
                "libvpx-vp9",
                "-pix_fmt",
                "yuva420p",
                "-deadline",
                "realtime",
                "-cpu-used",
                "8",
            ],
        ),
        make("alpha.mov", &["-c:v", "qtrle", "-pix_fmt", "argb"]),
    ];
    for (name, path) in &clips {
        plays_right(name, path);
    }
    let odd = encode("odd.mkv", 40, (97, 65), &["-c:v", "ffv1", "-pix_fmt", "yuv420p"]);
    plays_right("odd", &odd);
    assert_eq!(info(&odd).video.unwrap().width, 97);
    let odd = encode("odd.mp4", 40, (97, 65), &with(&X264[..8], &["-pix_fmt", "yuv444p"]));
    plays_right("odd", &odd);
}

#[test]
fn frames_with_equal_time_stamps_stay_apart() {
    if !have_ffmpeg() {
        return;
    }
    // Time stamps squeezed to 2/3 of a tick of 1 ms: every third one is doubled by rounding.
    let args = [
        "-c:v",
        "ffv1",
        "-pix_fmt",
        "yuv420p",
        "-g",
        "1",
        "-bsf:v",
        "setts=time_base=1/1000:pts='trunc(N*2/3)':dts='trunc(N*2/3)'",
    ];
    let path = encode("equal-pts.mkv", 40, SIZE, &args);
    let pts = reference_pts(&path);
    assert!(pts.windows(2).any(|w| w[0] == w[1]), "the clip has no equal time stamps: {pts:?}");
    plays_right("equal-pts", &path);
}

#[test]
fn a_cut_out_of_a_longer_clip_starts_where_its_edit_list_says() {
    if !have_ffmpeg() {
        return;
    }
    let whole = encode("whole.mp4", 80, SIZE, &with(X264, &["-bf", "0"]));
    let cut = folder().join("cut.mp4");
    ffmpeg(&["-ss", "0.6", "-i", &whole.to_string_lossy(), "-c", "copy", &cut.to_string_lossy()]);
    let mut reader =
        FrameReader::open(&MediaSource::File(cut.clone()), FrameReaderOptions::default()).unwrap();
    let expected = reference_pts(&cut);
    let index = reader.index().clone();
    let ours: Vec<i64> =
        (0..index.len()).map(|n| index.pts(FrameIndex(n as u32)).unwrap().0).collect();
    assert_eq!(ours.iter().copied().map(Some).collect::<Vec<_>>(), expected);
    let first = crate::media::number_in(&reader.next_frame().unwrap().unwrap().picture);
    assert_eq!(first, 15, "0.6 s are 15 frames");
    for n in [30, 0, 12, 1] {
        let frame = reader.seek(FrameIndex(n)).unwrap().unwrap();
        assert_eq!(frame.index.0, n);
        assert_eq!(crate::media::number_in(&frame.picture), n + first);
    }
    assert_eq!(index.time(FrameIndex(0)), Some(MediaTime::ZERO));
}

#[test]
fn a_stream_cut_off_its_key_frame_starts_with_the_first_frame_that_decodes() {
    if !have_ffmpeg() {
        return;
    }
    let whole =
        encode("whole.ts", 60, SIZE, &with(X264, &["-x264-params", "keyint=20:scenecut=0"]));
    let data = std::fs::read(&whole).unwrap();
    let cut = folder().join("cut.ts");
    std::fs::write(&cut, &data[data.len() / 188 / 5 * 188..]).unwrap();
    let source = MediaSource::File(cut.clone());
    let clip = Clip::open(&source, &Default::default()).unwrap();
    let index = clip.index().unwrap();
    let mut reader = FrameReader::open(&source, FrameReaderOptions::default()).unwrap();
    let first = reader.next_frame().unwrap().unwrap();
    assert_eq!(first.index.0, 0);
    let number = crate::media::number_in(&first.picture);
    assert!(number > 0 && number.is_multiple_of(20), "{number}");
    let mut seen = 1;
    while let Some(frame) = reader.next_frame().unwrap() {
        assert_eq!(frame.index.0, seen);
        assert_eq!(crate::media::number_in(&frame.picture), number + seen);
        seen += 1;
    }
    assert_eq!(seen as usize, index.len());
}

#[test]
fn tags_arrive() {
    if !have_ffmpeg() {
        return;
    }
    let plain = encode("plain.mp4", 40, SIZE, X264);
    let wide = encode("aspect.mp4", 5, SIZE, &with(X264, &["-aspect", "16:9"]));
    let aspect = info(&wide).video.unwrap().pixel_aspect;
    assert!((aspect * 96.0 / 64.0 - 16.0 / 9.0).abs() < 1e-3, "{aspect}");

    let tagged = with(
        X264,
        &[
            "-colorspace",
            "bt709",
            "-color_primaries",
            "bt709",
            "-color_trc",
            "bt709",
            "-color_range",
            "tv",
        ],
    );
    let v = info(&encode("tagged.mp4", 5, SIZE, &tagged)).video.unwrap();
    assert_eq!(v.color.matrix, ColorMatrix::Bt709);
    assert!(!v.color_guessed && !v.color.full_range);

    let v = info(&plain).video.unwrap();
    assert_eq!(v.color.matrix, ColorMatrix::Bt601, "untagged and small");
    assert!(v.color_guessed);

    let full = encode("full-range.mp4", 40, SIZE, &with(&X264[..8], &["-pix_fmt", "yuvj420p"]));
    assert!(info(&full).video.unwrap().color.full_range);

    let hdr = [
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-x265-params",
        "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc",
        "-pix_fmt",
        "yuv420p10le",
    ];
    let v = info(&encode("hdr.mkv", 5, SIZE, &hdr)).video.unwrap();
    assert_eq!(v.color.matrix, ColorMatrix::Bt2020);
    assert_eq!((v.color.transfer, v.color.wide_gamut, v.bits), (Transfer::Pq, true, 10));

    let vfr = "setpts='if(lt(N,10),N,N*3-20)/25/TB'";
    let vfr = encode("vfr-tag.mkv", 30, SIZE, &with(&["-vf", vfr, "-vsync", "vfr"], X264));
    assert!(info(&vfr).video.unwrap().variable_rate);
    assert!(!info(&plain).video.unwrap().variable_rate);
}

#[test]
fn a_turned_picture_is_turned_as_ffmpeg_turns_it() {
    if !have_ffmpeg() {
        return;
    }
    let plain = encode("plain.mp4", 40, SIZE, X264);
    for angle in ["90", "180", "270"] {
        let turned = folder().join(format!("turned-{angle}.mp4"));
        let tag = format!("rotate={angle}");
        ffmpeg(&[
            "-i",
            &plain.to_string_lossy(),
            "-c",
            "copy",
            "-metadata:s:v",
            &tag,
            &turned.to_string_lossy(),
        ]);
        plays_right("turned", &turned);
        // The program turns by itself when it decodes.
        let raw = folder().join("turned.gray");
        ffmpeg(&[
            "-i",
            &turned.to_string_lossy(),
            "-frames:v",
            "1",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "gray",
            &raw.to_string_lossy(),
        ]);
        let theirs = std::fs::read(&raw).unwrap();
        let source = MediaSource::File(turned);
        let mut reader = FrameReader::open(&source, FrameReaderOptions::default()).unwrap();
        let p = reader.next_frame().unwrap().unwrap().picture;
        let turns = p.orientation.quarter_turns;
        assert!(turns > 0 && !p.orientation.mirrored);
        let (w, h) = p.upright_size();
        assert_eq!(theirs.len() as u32, w * h);
        let mut worst = 0.0f32;
        for y in 0..h {
            for x in 0..w {
                // Where the upright pixel comes from in the coded picture.
                let (cx, cy) = match turns {
                    1 => (y, p.height - 1 - x),
                    2 => (p.width - 1 - x, p.height - 1 - y),
                    _ => (p.width - 1 - y, x),
                };
                let ours = crate::media::luma_at(&p, cx, cy) * 255.0;
                // The program's grey is full range, ours limited as coded.
                let full = (ours - 16.0) * 255.0 / 219.0;
                worst = worst
                    .max((full.clamp(0.0, 255.0) - f32::from(theirs[(y * w + x) as usize])).abs());
            }
        }
        assert!(worst < 4.0, "turned by {angle}: differs by {worst}");
    }
}

#[test]
fn files_without_presentation_times_are_numbered_by_decoding_them() {
    if !have_ffmpeg() {
        return;
    }
    // AVI knows no presentation times, so B-frames leave them open; a raw stream has none at all.
    let clips = [
        encode("b.avi", 40, SIZE, &["-c:v", "mpeg4", "-q:v", "2", "-g", "12", "-bf", "2"]),
        encode("raw.h264", 40, SIZE, X264),
        encode("raw.m4v", 40, SIZE, &["-c:v", "mpeg4", "-q:v", "2", "-g", "12", "-bf", "2"]),
    ];
    for path in clips {
        let source = MediaSource::File(path.clone());
        let mut reader = FrameReader::open(&source, FrameReaderOptions::default()).unwrap();
        assert_eq!(reader.index().len(), 40, "{}", path.display());
        for n in 0..40 {
            assert_eq!(check(&reader.next_frame().unwrap().unwrap()), n, "{}", path.display());
        }
        for n in [39, 3, 25, 24, 0, 12, 13] {
            let frame = reader.seek(FrameIndex(n)).unwrap().unwrap();
            assert_eq!(check(&frame), n, "{}", path.display());
        }
    }
}

#[test]
fn alpha_planes_are_kept() {
    if !have_ffmpeg() {
        return;
    }
    let half = "format=yuva420p,geq=lum='lum(X,Y)':cb=128:cr=128:a='if(lt(X,48),0,255)'";
    let args = [
        "-vf",
        half,
        "-c:v",
        "libvpx-vp9",
        "-pix_fmt",
        "yuva420p",
        "-deadline",
        "realtime",
        "-cpu-used",
        "8",
        "-crf",
        "10",
        "-b:v",
        "0",
    ];
    let path = encode("half-alpha.webm", 8, SIZE, &args);
    let source = MediaSource::File(path);
    let mut reader = FrameReader::open(&source, FrameReaderOptions::default()).unwrap();
    let frame = reader.next_frame().unwrap().unwrap();
    let p = &frame.picture;
    assert_eq!(p.layout, PlaneLayout::Yuv { shift_x: 1, shift_y: 1, alpha: true });
    let alpha = &p.planes[3];
    assert!(alpha.data[32 * alpha.stride + 10] < 30);
    assert!(alpha.data[32 * alpha.stride + 85] > 225);
    assert!(reader.info().video.as_ref().unwrap().alpha);
}

#[test]
fn cover_pictures_are_no_video() {
    if !have_ffmpeg() {
        return;
    }
    let cover = encode("cover.png", 1, SIZE, &["-frames:v", "1"]);
    let song = folder().join("song.m4a");
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "sine=duration=1",
        "-i",
        &cover.to_string_lossy(),
        "-map",
        "0",
        "-map",
        "1",
        "-c:v",
        "png",
        "-disposition:v",
        "attached_pic",
        &song.to_string_lossy(),
    ]);
    let info = info(&song);
    assert!(info.video.is_none());
    assert_eq!(info.audio.len(), 1);
    assert!(info.not_played.iter().any(|n| n.contains("cover")), "{:?}", info.not_played);
    let error = FrameReader::open(&MediaSource::File(song), FrameReaderOptions::default());
    assert!(error.err().unwrap().to_string().contains("no picture"));
}

#[test]
fn a_still_picture_is_a_clip_of_one_frame_as_long_as_its_sound() {
    if !have_ffmpeg() {
        return;
    }
    let picture = encode("still.png", 1, SIZE, &["-frames:v", "1"]);
    let audio = folder().join("still.wav");
    ffmpeg(&["-f", "lavfi", "-i", "sine=duration=2.5:sample_rate=16000", &audio.to_string_lossy()]);
    let source = MediaSource::Pair { picture, audio };
    let clip = Clip::open(&source, &Default::default()).unwrap();
    assert_eq!(clip.info().duration, MediaTime::from_millis(2500));
    let index = clip.index().unwrap();
    assert_eq!((index.len(), index.end()), (1, MediaTime::from_millis(2500)));
    assert!(clip.info().video.as_ref().unwrap().still);
    let mut reader = FrameReader::open(&source, FrameReaderOptions::default()).unwrap();
    assert_eq!(check(&reader.next_frame().unwrap().unwrap()), 0);
    assert!(reader.next_frame().unwrap().is_none());
    assert_eq!(check(&reader.seek(FrameIndex(0)).unwrap().unwrap()), 0);
    assert_eq!(check(&reader.seek_key(FrameIndex(0)).unwrap().unwrap()), 0);
}

#[test]
fn golden_pictures_decode_to_their_published_sums() {
    let Some(json) = crate::reference::reference("pipeline/pipeline.json") else { return };
    let text = std::fs::read_to_string(json).unwrap();
    let pipeline: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (name, entry) in pipeline["pictures"].as_object().unwrap() {
        let file = entry["file"].as_str().unwrap();
        let Some(path) = crate::reference::reference(&format!("inputs/{file}")) else { return };
        let source = MediaSource::File(path);
        let mut reader = FrameReader::open(&source, FrameReaderOptions::default()).unwrap();
        let p = reader.next_frame().unwrap().unwrap().picture;
        let size = entry["size"].as_array().unwrap();
        assert_eq!(size[0].as_u64().unwrap(), u64::from(p.width), "{name}");
        let want: Vec<u64> = entry["decoded_u8_sum_rgb"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_u64().unwrap())
            .collect();
        let data = &p.planes[0].data;
        let sums: Vec<u64> = match p.layout {
            PlaneLayout::Rgba => (0..3)
                .map(|c| data.iter().skip(c).step_by(4).map(|v| u64::from(*v)).sum())
                .collect(),
            PlaneLayout::Gray => {
                let s = data.iter().map(|v| u64::from(*v)).sum();
                vec![s; 3]
            }
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(sums, want, "{name} ({file})");
    }
}

#[test]
fn the_exact_picture_path_agrees_with_ffmpegs_decoder_within_rounding() {
    if !have_ffmpeg() {
        return;
    }
    let Some(path) = crate::reference::reference("inputs/p0.jpg") else { return };
    let read = |path: PathBuf| {
        let source = MediaSource::File(path);
        let mut reader = FrameReader::open(&source, FrameReaderOptions::default()).unwrap();
        reader.next_frame().unwrap().unwrap().picture
    };
    let exact = read(path.clone());
    let raw = folder().join("p0.yuv");
    ffmpeg(&[
        "-idct",
        "int",
        "-i",
        path.to_str().unwrap(),
        "-f",
        "rawvideo",
        raw.to_str().unwrap(),
    ]);
    let theirs = std::fs::read(&raw).unwrap();
    let (w, h) = (exact.width as usize, exact.height as usize);
    let rgba = &exact.planes[0].data;
    let mut worst = 0.0f64;
    for i in (0..w * h).step_by(7) {
        let [r, g, b] = [0, 1, 2].map(|c| f64::from(rgba[4 * i + c]));
        let luma = 0.299 * r + 0.587 * g + 0.114 * b;
        // Clipped colours have another luma; all others agree within rounding.
        if [r, g, b].iter().all(|v| (1.0..=254.0).contains(v)) {
            worst = worst.max((luma - f64::from(theirs[i])).abs());
        }
    }
    assert!(worst < 2.5, "{worst}");
}

#[test]
fn probe_tells_it_all() {
    if !have_ffmpeg() {
        return;
    }
    let path = encode("plain.mkv", 40, SIZE, X264);
    let run = |args: &[&str]| {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_fnac"))
            .arg("probe")
            .args(args)
            .output()
            .unwrap();
        (
            out.status.code(),
            String::from_utf8(out.stdout).unwrap(),
            String::from_utf8(out.stderr).unwrap(),
        )
    };
    let file = path.to_str().unwrap();
    let (code, text, _) = run(&[file]);
    assert_eq!(code, Some(0));
    assert!(text.contains("h264 96x64 yuv420p") && text.contains("40 frames"), "{text}");
    assert!(text.contains("guessed") && text.contains("sound      none"), "{text}");
    let (code, json, _) = run(&[file, "--json"]);
    assert_eq!(code, Some(0));
    let v: serde_json::Value = serde_json::from_str(&json).unwrap();
    let pts: Vec<Option<i64>> =
        v["index"]["pts"].as_array().unwrap().iter().map(|p| p.as_i64()).collect();
    assert_eq!(pts, reference_pts(&path));
    assert_eq!(v["video"]["frames"], 40);
    let (code, json, error) = run(&["/nowhere/x.mp4", "--json"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("no such file") && json.contains("refused"), "{error} {json}");
    assert_eq!(run(&[]).0, Some(2));
}
