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

    let o = localize(&[&"a.mp4"], out.path());
    assert_eq!(o.status.code(), Some(1));
    assert!(text(&o).contains("--checkpoint"), "{}", text(&o));

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
