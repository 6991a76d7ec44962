//! `fnac localize` as scripts call it: the real program, from files to files.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use safetensors::SafeTensors;

use crate::reference::reference;

/// Cosines from files to map on the CPU engine (the limit).
const CPU_TOLERANCE: f32 = 1e-5;

fn fnac(args: &[&std::ffi::OsStr], cache: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fnac"))
        .args(args)
        .env("FNAC_CACHE_DIR", cache)
        .output()
        .unwrap()
}

fn localize(extra: &[&dyn AsRef<std::ffi::OsStr>], out: &Path) -> Output {
    let mut args = vec!["localize".as_ref(), "--quiet".as_ref(), "-o".as_ref(), out.as_os_str()];
    args.extend(extra.iter().map(|a| (*a).as_ref()));
    fnac(&args, out)
}

fn floats(path: &Path, name: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let t = file.tensor(name).unwrap();
    let values = t.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    (t.shape().to_vec(), values)
}

fn metadata(path: &Path, key: &str) -> String {
    let bytes = std::fs::read(path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    header.metadata().as_ref().unwrap()[key].clone()
}

fn greatest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn text(o: &Output) -> String {
    String::from_utf8_lossy(&o.stderr).into_owned()
}

/// Runs a picture and a sound of the golden inputs; the tensors written.
fn golden_pair(picture: &str, sound: &str, checkpoint: &Path, out: &Path) -> Option<PathBuf> {
    let (picture, sound) = (reference(picture)?, reference(sound)?);
    let o = localize(
        &[
            &picture,
            &"--audio",
            &sound,
            &"--checkpoint",
            &checkpoint,
            &"--reference",
            &"--device",
            &"cpu",
        ],
        out,
    );
    assert_eq!(o.status.code(), Some(0), "{}", text(&o));
    let stem = picture.file_stem().unwrap().to_str().unwrap();
    Some(out.join(format!("{stem}.safetensors")))
}

#[test]
fn narrow_maps_from_files_equal_the_official_ones() {
    let (Some(checkpoint), Some(golden)) =
        (reference("checkpoints/narrow.pth"), reference("narrow/forward.safetensors"))
    else {
        return;
    };
    let out = tempfile::tempdir().unwrap();
    for (i, ending) in ["jpg", "png", "jpg", "png", "png", "jpg"].iter().enumerate() {
        // JPEG decoders differ by a grey level: those pictures are taken as the reference
        // decoded and resized them, which a second resize to 224x224 leaves alone.
        let picture = match *ending {
            "png" => format!("inputs/p{i}.png"),
            _ => format!("pipeline/p{i}_resized.png"),
        };
        let sound = format!("inputs/p{i}.wav");
        let Some(file) = golden_pair(&picture, &sound, &checkpoint, out.path()) else { return };
        let (shape, maps) = floats(&file, "maps");
        assert_eq!(shape, [1, 7, 7]);
        let (_, want) = floats(&golden, &format!("p{i}.cos"));
        let d = greatest_difference(&maps, &want);
        assert!(d <= CPU_TOLERANCE, "p{i}: cosines differ by {d}");
        // The check can fail: another pair's map is far away.
        let (_, other) = floats(&golden, &format!("p{}.cos", (i + 1) % 6));
        assert!(greatest_difference(&maps, &other) > 0.05);
        let (shape, sound) = floats(&file, "audio_embedding");
        assert_eq!(shape, [1, 64]);
        let (_, want) = floats(&golden, &format!("p{i}.aud"));
        assert!(greatest_difference(&sound, &want) <= CPU_TOLERANCE);
        assert_eq!(metadata(&file, "sample_rate"), "16000");
        assert_eq!(metadata(&file, "checkpoint_sha256").len(), 64);
    }
}

#[test]
fn maps_at_the_papers_width_equal_the_official_ones() {
    let Some(golden) = reference("wide/forward.safetensors") else { return };
    let out = tempfile::tempdir().unwrap();
    let checkpoint = out.path().join("wide.safetensors");
    fnac::model::Checkpoint::formula(64, 512, "").write_safetensors(&checkpoint).unwrap();
    for i in [1, 3, 4] {
        let (picture, sound) = (format!("inputs/p{i}.png"), format!("inputs/p{i}.wav"));
        let Some(file) = golden_pair(&picture, &sound, &checkpoint, out.path()) else { return };
        let (_, maps) = floats(&file, "maps");
        let (_, want) = floats(&golden, &format!("p{i}.cos"));
        let d = greatest_difference(&maps, &want);
        assert!(d <= CPU_TOLERANCE, "p{i}: cosines differ by {d}");
    }
}

#[test]
fn all_tensors_and_pictures_that_were_asked_for_are_written() {
    let (Some(checkpoint), Some(object), Some(picture), Some(sound)) = (
        reference("checkpoints/narrow.pth"),
        reference("checkpoints/resnet18_narrow.pth"),
        reference("inputs/p1.png"),
        reference("inputs/p1.wav"),
    ) else {
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let o = localize(
        &[
            &picture,
            &"--audio",
            &sound,
            &"--checkpoint",
            &checkpoint,
            &"--device",
            &"cpu",
            &"--embeddings",
            &"--fine",
            &"2",
            &"--object-tower",
            &object,
            &"--overlay",
            &"png",
            &"--colormap",
            &"inferno",
        ],
        out.path(),
    );
    assert_eq!(o.status.code(), Some(0), "{}", text(&o));
    let file = out.path().join("p1.safetensors");
    let shape = |name| floats(&file, name).0;
    assert_eq!(shape("maps"), [1, 7, 7]);
    assert_eq!(shape("image_embedding"), [1, 64, 7, 7]);
    assert_eq!(shape("fine_maps"), [1, 14, 14]);
    assert_eq!(shape("object_prior"), [1, 7, 7]);
    assert!(floats(&file, "object_prior").1.iter().all(|v| *v >= 0.0));
    // The embeddings are those the map was made of.
    let (_, image) = floats(&file, "image_embedding");
    let (_, audio) = floats(&file, "audio_embedding");
    let (_, maps) = floats(&file, "maps");
    for (cell, cosine) in maps.iter().enumerate() {
        let dot: f32 = (0..64).map(|c| image[c * 49 + cell] * audio[c]).sum();
        assert!((dot - cosine).abs() < 1e-5);
    }
    let csv = std::fs::read_to_string(out.path().join("p1.csv")).unwrap();
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("frame,pts,peak,peak_x,peak_y,area,centroid_x,centroid_y"));
    let row: Vec<f32> = lines.next().unwrap().split(',').map(|v| v.parse().unwrap()).collect();
    let peak = maps.iter().copied().fold(f32::MIN, f32::max);
    assert!((row[2] - peak).abs() < 1e-5 && row[3..].iter().all(|v| (0.0..=1.0).contains(v)));
    let overlay = image::open(out.path().join("p1.png")).unwrap();
    let source = image::open(&picture).unwrap();
    assert_eq!((overlay.width(), overlay.height()), (source.width(), source.height()));
    assert_ne!(overlay.to_rgb8(), source.to_rgb8());
    let names: Vec<_> = std::fs::read_dir(out.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n.starts_with('.'))
        .collect();
    assert!(names.is_empty(), "temporary files are left: {names:?}");
}

#[test]
fn wrong_calls_and_bad_inputs_have_their_own_exit_codes_and_words() {
    let out = tempfile::tempdir().unwrap();
    let (Some(checkpoint), Some(picture), Some(sound)) = (
        reference("checkpoints/narrow.pth"),
        reference("inputs/p1.png"),
        reference("inputs/p1.wav"),
    ) else {
        return;
    };
    let o = localize(&[&picture, &"--checkpoint", &checkpoint], out.path());
    assert_eq!(o.status.code(), Some(2));
    assert!(text(&o).contains("--audio"), "{}", text(&o));

    // Without a checkpoint the demo model is taken, so what is missing is the file.
    let o = localize(&[&"a.mp4"], out.path());
    assert_eq!(o.status.code(), Some(1));
    assert!(text(&o).contains("a.mp4"), "{}", text(&o));

    let o = localize(&[&"no-such.mp4", &"--checkpoint", &checkpoint], out.path());
    assert_eq!(o.status.code(), Some(1));
    assert!(text(&o).contains("no-such.mp4"), "{}", text(&o));

    let o = localize(&[&sound, &"--checkpoint", &checkpoint], out.path());
    assert_eq!(o.status.code(), Some(1), "a sound alone has no picture: {}", text(&o));

    let Some(bad) = reference("checkpoints/bad_shape.pth") else { return };
    let o = localize(&[&picture, &"--audio", &sound, &"--checkpoint", &bad], out.path());
    assert_eq!(o.status.code(), Some(1));
    assert!(text(&o).contains("img_proj.weight"), "{}", text(&o));
    let written = std::fs::read_dir(out.path()).unwrap().flatten();
    let written: Vec<_> = written.filter(|e| e.path().is_file()).map(|e| e.path()).collect();
    assert!(written.is_empty(), "nothing is written: {written:?}");
}

/// Frames per second of the clips made here.
const FPS: u32 = 12;
const HZ: u32 = 16_000;

/// A clip of drifting stripes; its sound is a tone in the first `sounding` seconds, digital
/// silence after.
pub fn write_clip(path: &Path, frames: u32, sounding: f64) {
    use fnac::media::{AudioCodec, AudioSettings, ClipSettings, ClipWriter, VideoCodec};
    use fnac::units::{MediaTime, TimeBase};
    let (w, h) = (64u32, 48u32);
    let base = TimeBase::new(1, 1200).unwrap();
    let mut settings = ClipSettings::new(w, h, f64::from(FPS), base);
    settings.video_codec = VideoCodec::Ffv1;
    settings.audio = Some(AudioSettings { rate: HZ, channels: 2, codec: AudioCodec::Pcm16 });
    let mut clip = ClipWriter::create(path, settings).unwrap();
    for i in 0..frames {
        let mut rgba = Vec::with_capacity((4 * w * h) as usize);
        for p in 0..w * h {
            let (x, y) = (p % w, p / w);
            rgba.extend([((x * 4 + i * 5) % 256) as u8, (y * 5) as u8, (i % 200) as u8, 255]);
        }
        clip.push_video(&rgba, MediaTime::from_secs_f64(f64::from(i) / f64::from(FPS))).unwrap();
        let mut sound = Vec::new();
        for n in i * HZ / FPS..(i + 1) * HZ / FPS {
            let t = f64::from(n) / f64::from(HZ);
            let sweep = (std::f64::consts::TAU * (200.0 * t + 90.0 * t * t)).sin() * 0.4;
            let v = if t < sounding { sweep as f32 } else { 0.0 };
            sound.extend([v, v]);
        }
        clip.push_audio(&sound).unwrap();
    }
    clip.finish().unwrap();
}

fn frames_of(path: &Path) -> Vec<i64> {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let t = file.tensor("frame").unwrap();
    t.data().as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b)).collect()
}

#[test]
fn every_nth_frame_of_a_video_has_the_same_map_as_among_all() {
    let Some(checkpoint) = reference("checkpoints/narrow.pth") else { return };
    let dir = tempfile::tempdir().unwrap();
    // A name that shells and tables trip over.
    let clip = dir.path().join("a \"clip\", with é.mkv");
    write_clip(&clip, 48, 10.0);
    let run = |name: &str, extra: &[&dyn AsRef<std::ffi::OsStr>]| {
        let out = dir.path().join(name);
        let mut args: Vec<&dyn AsRef<std::ffi::OsStr>> =
            vec![&clip, &"--checkpoint", &checkpoint, &"--device", &"cpu"];
        args.extend(extra);
        let o = localize(&args, &out);
        assert_eq!(o.status.code(), Some(0), "{}", text(&o));
        out.join("a \"clip\", with é.safetensors")
    };
    let all = run("all", &[]);
    let fifth = run("fifth", &[&"--every", &"5", &"--overlay", &"mp4"]);
    assert_eq!(frames_of(&all), (0..48).collect::<Vec<_>>());
    assert_eq!(frames_of(&fifth), (0..48).step_by(5).collect::<Vec<_>>());
    let (_, all_maps) = floats(&all, "maps");
    let (shape, fifth_maps) = floats(&fifth, "maps");
    assert_eq!(shape, [10, 7, 7]);
    for (row, frame) in (0..48).step_by(5).enumerate() {
        assert_eq!(fifth_maps[row * 49..][..49], all_maps[frame * 49..][..49], "frame {frame}");
    }
    assert!(greatest_difference(&all_maps[..49], &all_maps[47 * 49..]) > 0.01);
    let bytes = std::fs::read(&all).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let pts: Vec<f64> = file
        .tensor("pts")
        .unwrap()
        .data()
        .as_chunks::<8>()
        .0
        .iter()
        .map(|b| f64::from_le_bytes(*b))
        .collect();
    for (i, t) in pts.iter().enumerate() {
        assert!((t - i as f64 / 12.0).abs() < 1e-3, "frame {i} at {t}");
    }
    // The overlay's video has all frames and the sound.
    let video = dir.path().join("fifth/a \"clip\", with é-overlay.mp4");
    let info = fnac::media::probe(&fnac::media::MediaSource::File(video)).unwrap();
    assert_eq!(info.video.as_ref().map(|v| v.frames), Some(48));
    assert_eq!(info.audio.len(), 1);
    assert!((info.duration.as_secs_f64() - 4.0).abs() < 0.2, "{:?}", info.duration);
}

#[test]
fn frames_without_sound_are_left_out_and_said_and_a_bad_input_does_not_stop_the_others() {
    let Some(checkpoint) = reference("checkpoints/narrow.pth") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (half, mute, broken) =
        (dir.path().join("half.mkv"), dir.path().join("mute.mkv"), dir.path().join("broken.mp4"));
    // Sound for one second: windows from 2.5 s on hold digital silence.
    write_clip(&half, 72, 1.0);
    write_clip(&mute, 12, 0.0);
    std::fs::write(&broken, b"this is no video").unwrap();
    let out = dir.path().join("out");
    let args: [&dyn AsRef<std::ffi::OsStr>; 7] =
        [&half, &mute, &broken, &"--checkpoint", &checkpoint, &"--device", &"cpu"];
    let o = localize(&args, &out);
    assert_eq!(o.status.code(), Some(3), "{}", text(&o));
    let said = text(&o);
    for word in ["half.mkv", "no sound", "mute.mkv", "broken.mp4"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let frames = frames_of(&out.join("half.safetensors"));
    assert!(frames.len() > 20 && frames.len() < 40, "{frames:?}");
    assert_eq!(frames, (0..frames.len() as i64).collect::<Vec<_>>());
    assert!(metadata(&out.join("half.safetensors"), "left_out").contains("no sound"));
    assert!(!out.join("mute.safetensors").exists() && !out.join("broken.safetensors").exists());
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_whole_files_only() {
    let Some(checkpoint) = reference("checkpoints/narrow.pth") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (short, long) = (dir.path().join("short.mkv"), dir.path().join("long.mkv"));
    write_clip(&short, 2, 10.0);
    write_clip(&long, 2000, 1000.0);
    let out = dir.path().join("out");
    let mut child = Command::new(env!("CARGO_BIN_EXE_fnac"))
        .args(["localize", "--quiet", "--device", "cpu", "--fine", "4", "--checkpoint"])
        .arg(&checkpoint)
        .args([&short, &long])
        .arg("-o")
        .arg(&out)
        .env("FNAC_CACHE_DIR", dir.path())
        .spawn()
        .unwrap();
    let started = std::time::Instant::now();
    while !out.join("short.safetensors").exists() {
        assert!(started.elapsed().as_secs() < 60 && child.try_wait().unwrap().is_none());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    // SAFETY: signals our own child, which has not been waited for.
    assert_eq!(unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) }, 0);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mut names: Vec<_> = std::fs::read_dir(&out)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["short.csv", "short.safetensors"]);
}

/// Share of pixels that are the same in both pictures.
fn alike(a: &image::RgbImage, b: &image::RgbImage) -> f64 {
    let same = a.pixels().zip(b.pixels()).filter(|(x, y)| x == y).count();
    same as f64 / f64::from(a.width() * a.height())
}

#[test]
fn below_the_checkpoints_line_the_overlay_leaves_the_picture_clean() {
    let dir = tempfile::tempdir().unwrap();
    let (picture, sound) = (dir.path().join("p.png"), dir.path().join("s.wav"));
    let source = image::RgbImage::from_fn(480, 360, |x, y| {
        image::Rgb([(x * 7 % 256) as u8, (y * 5 % 256) as u8, ((x + y) % 256) as u8])
    });
    source.save(&picture).unwrap();
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(&sound, spec).unwrap();
    for t in 0..48_000 {
        wav.write_sample((8000.0 * (f64::from(t) * 0.2).sin()) as i16).unwrap();
    }
    wav.finalize().unwrap();
    let drawn = |name: &str, line: f32| {
        let mut checkpoint = fnac::model::Checkpoint::formula(4, 32, "");
        checkpoint.card.calibration = Some((-0.5, 0.5));
        checkpoint.card.no_source_threshold = Some(line);
        let file = dir.path().join(format!("{name}.safetensors"));
        checkpoint.write_safetensors(&file).unwrap();
        let out = dir.path().join(name);
        let o = localize(
            &[
                &picture,
                &"--audio",
                &sound,
                &"--checkpoint",
                &file,
                &"--overlay",
                &"png",
                &"--device",
                &"cpu",
            ],
            &out,
        );
        assert_eq!(o.status.code(), Some(0), "{}", text(&o));
        let (_, maps) = floats(&out.join("p.safetensors"), "maps");
        (image::open(out.join("p.png")).unwrap().to_rgb8(), maps)
    };
    let ((quiet, numbers), (loud, same)) = (drawn("quiet", 1.01), drawn("loud", -1.01));
    assert_eq!(numbers, same, "the numbers are written all the same");
    // What is left is the legend in its corner.
    assert!(alike(&quiet, &source) > 0.7, "{}", alike(&quiet, &source));
    assert!(alike(&loud, &source) < alike(&quiet, &source) - 0.1, "{}", alike(&loud, &source));
}
