//! Folders of cut-outs as people have them.

use std::path::Path;

use super::*;

fn options() -> CutoutOptions {
    CutoutOptions { held_out: 0.25, part: Part::Any, rate: 16_000, kinds: Vec::new() }
}

fn read(dir: &Path, options: &CutoutOptions) -> Result<Cutouts, DataError> {
    Cutouts::read(dir, options, &CancelToken::new())
}

/// A disc of `side` pixels with a clear margin.
fn disc(path: &Path, side: u32) {
    let r = f64::from(side) / 2.0 - 2.0;
    let c = f64::from(side) / 2.0 - 0.5;
    image::RgbaImage::from_fn(side, side, |x, y| {
        let d = (f64::from(x) - c).hypot(f64::from(y) - c);
        image::Rgba([200, 90, 30, if d <= r { 255 } else { 0 }])
    })
    .save_with_format(path, image::ImageFormat::Png)
    .unwrap();
}

fn tone(path: &Path, rate: u32, secs: f64, level: f64) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut w = hound::WavWriter::create(path, spec).unwrap();
    for i in 0..(secs * f64::from(rate)) as u32 {
        let v = level * (f64::from(i) * 2000.0 / f64::from(rate)).sin();
        w.write_sample((v * 32767.0) as i16).unwrap();
    }
    w.finalize().unwrap();
}

fn good_kind(dir: &Path, pictures: usize, sounds: usize) {
    std::fs::create_dir_all(dir).unwrap();
    (0..pictures).for_each(|i| disc(&dir.join(format!("p{i}.png")), 40));
    (0..sounds).for_each(|i| tone(&dir.join(format!("s{i}.wav")), 22_050, 0.5, 0.5));
}

#[test]
fn a_good_folder_becomes_a_library() {
    let dir = tempfile::tempdir().unwrap();
    good_kind(&dir.path().join("robin"), 4, 5);
    good_kind(&dir.path().join("köter 犬"), 1, 1);
    std::fs::write(dir.path().join("README.md"), "words").unwrap();
    std::fs::write(dir.path().join("robin/notes.txt"), "words").unwrap();
    std::fs::create_dir(dir.path().join(".git")).unwrap();
    let c = read(dir.path(), &options()).unwrap();
    assert_eq!((c.left_out.as_slice(), c.notes.as_slice()), (&[][..], &[][..]));
    assert_eq!((c.pictures, c.sounds), (5, 6));
    let names: Vec<_> = c.library.kinds.iter().map(|k| k.name.as_str()).collect();
    assert_eq!(names, ["köter 犬", "robin"]);
    let robin = &c.library.kinds[1];
    assert_eq!(robin.sprites.len(), 4);
    let sprite = &robin.sprites[0];
    // Cut to what is not transparent.
    assert_eq!(sprite.measure(), (36, 36));
    assert_eq!(robin.sprites.iter().filter(|s| s.held_out()).count(), 1, "a quarter of four");
    assert_eq!(c.library.kinds[0].sprites.iter().filter(|s| s.held_out()).count(), 0);
    let s = robin.voice.sing(&mut crate::synth::Dice::new(1, 2), 16_000, 3.0);
    assert_eq!(s.len(), 48_000);
    assert!(s.iter().any(|v| v.abs() > 0.05) && s.iter().all(|v| v.abs() <= 1.0));
}

#[test]
fn the_fingerprint_follows_names_and_contents_only() {
    let make = |extra: bool| {
        let dir = tempfile::tempdir().unwrap();
        good_kind(&dir.path().join("robin"), 2, 2);
        if extra {
            disc(&dir.path().join("robin/more.png"), 40);
        }
        read(dir.path(), &options()).unwrap().sha256
    };
    assert_eq!(make(false), make(false));
    assert_ne!(make(false), make(true));
}

#[test]
fn what_cannot_be_used_is_named_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    good_kind(&at("good"), 1, 1);
    good_kind(&at("mute"), 1, 0);
    good_kind(&at("unseen"), 0, 1);
    std::fs::create_dir(at("empty")).unwrap();
    let good = |name: &str| at("good").join(name);
    std::fs::write(good("zero.png"), b"").unwrap();
    std::fs::write(good("text.png"), b"this is no picture at all, whatever its name says").unwrap();
    let whole = std::fs::read(good("p0.png")).unwrap();
    std::fs::write(good("half.png"), &whole[..whole.len() / 2]).unwrap();
    // A header that claims 20000 x 20000 pixels, with a good checksum.
    let mut bomb = whole[..16].to_vec();
    bomb.extend([0, 0, 0x4e, 0x20, 0, 0, 0x4e, 0x20, 8, 6, 0, 0, 0]);
    let crc = png_crc(&bomb[12..29]);
    bomb.extend(crc.to_be_bytes());
    bomb.extend(&whole[33..]);
    std::fs::write(good("bomb.png"), bomb).unwrap();
    image::RgbImage::new(30, 30).save(good("opaque-rgb.png")).unwrap();
    image::RgbaImage::from_pixel(30, 30, image::Rgba([9, 9, 9, 255]))
        .save(good("opaque.png"))
        .unwrap();
    image::RgbaImage::new(30, 30).save(good("clear.png")).unwrap();
    disc(&good("tiny.png"), 8);
    image::RgbImage::new(30, 30).save(good("photo.jpg")).unwrap();
    std::fs::create_dir(good("folder.png")).unwrap();
    std::fs::write(good("noise.wav"), b"RIFF....WAVE and then nothing that is one").unwrap();
    std::fs::write(good("noise.mp3"), [0x5a; 5000]).unwrap();
    std::fs::write(good("zero.flac"), b"").unwrap();
    tone(&good("silent.wav"), 16_000, 1.0, 0.0);
    tone(&good("short.wav"), 16_000, 0.01, 0.5);
    let huge = std::fs::File::create(good("huge.wav")).unwrap();
    huge.set_len(MAX_FILE_BYTES + 1).unwrap();

    let c = read(dir.path(), &options()).unwrap();
    assert_eq!((c.library.kinds.len(), c.pictures, c.sounds), (1, 1, 1));
    let all = c.left_out.join("\n");
    for (name, why) in [
        ("zero.png", "empty"),
        ("text.png", "is none"),
        ("half.png", "cannot be decoded"),
        ("bomb.png", "20000x20000"),
        ("opaque-rgb.png", "no transparent part"),
        ("opaque.png", "no transparent part"),
        ("clear.png", "transparent everywhere"),
        ("tiny.png", "at least 8"),
        ("photo.jpg", "must be a PNG"),
        ("folder.png", "not a regular file"),
        ("noise.wav", ""),
        ("noise.mp3", ""),
        ("zero.flac", "empty"),
        ("silent.wav", "silent"),
        ("short.wav", "30 ms"),
        ("huge.wav", "256"),
        ("mute`", "no sound"),
        ("unseen`", "no cut-out"),
        ("empty`", "no cut-out and no sound"),
    ] {
        let line = c.left_out.iter().find(|l| l.contains(name));
        let line = line.unwrap_or_else(|| panic!("{name} is not named:\n{all}"));
        assert!(line.contains(why) && !line.contains("os error"), "{line}");
        assert!(line.matches(dir.path().to_str().unwrap()).count() == 1, "named once: {line}");
    }
    assert_eq!(c.left_out.len(), 19, "{all}");
}

fn png_crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |mut crc, b| {
        crc ^= u32::from(*b);
        (0..8).for_each(|_| crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 });
        crc
    })
}

#[test]
fn names_in_any_case_links_and_deep_colours_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    let kind = dir.path().join("Bell");
    std::fs::create_dir(&kind).unwrap();
    disc(&kind.join("UPPER.PNG"), 40);
    tone(&kind.join("Ding.WAV"), 44_100, 0.6, 0.3);
    let deep = image::ImageBuffer::<image::Rgba<u16>, Vec<u16>>::from_fn(40, 40, |x, _| {
        image::Rgba([65_535, 1000, 0, if x < 20 { 65_535 } else { 0 }])
    });
    image::DynamicImage::ImageRgba16(deep).save(kind.join("deep.png")).unwrap();
    let grey = image::GrayAlphaImage::from_fn(40, 40, |x, _| {
        image::LumaA([90, if x < 20 { 255 } else { 0 }])
    });
    grey.save(kind.join("grey.png")).unwrap();
    disc(&kind.join("large.png"), 1400);
    std::fs::write(kind.join("._UPPER.PNG"), b"a shadow file of another system").unwrap();
    let mut want = 4;
    #[cfg(unix)]
    {
        let far = tempfile::tempdir().unwrap().keep();
        disc(&far.join("elsewhere.png"), 40);
        std::os::unix::fs::symlink(far.join("elsewhere.png"), kind.join("link.png")).unwrap();
        std::os::unix::fs::symlink(far.join("gone.png"), kind.join("broken.png")).unwrap();
        std::os::unix::fs::symlink(&kind, dir.path().join("bell again")).unwrap();
        want += 1;
    }
    let c = read(dir.path(), &options()).unwrap();
    let bell = c.library.kinds.iter().find(|k| k.name == "Bell").unwrap();
    assert_eq!(bell.sprites.len(), want, "{:?}", c.left_out);
    assert!(
        c.notes.iter().any(|n| n.contains("large.png") && n.contains("reduced to 349x349")),
        "{:?}",
        c.notes
    );
    #[cfg(unix)]
    {
        assert_eq!(c.library.kinds.len(), 2, "a linked folder is a kind");
        assert!(c.left_out.iter().all(|l| l.contains("broken.png") && l.contains("not there")));
    }
}

#[test]
fn sounds_of_every_kind_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let kind = dir.path().join("bell");
    good_kind(&kind, 1, 1);
    let from = kind.join("s0.wav");
    for ending in ["flac", "mp3", "ogg"] {
        let made = std::process::Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(&from)
            .args(["-ac", "2"])
            .arg(kind.join(format!("x.{ending}")))
            .status();
        if !made.is_ok_and(|s| s.success()) {
            eprintln!("skipped: no ffmpeg that writes {ending}");
            return;
        }
    }
    let c = read(dir.path(), &options()).unwrap();
    assert_eq!((c.sounds, c.left_out.as_slice()), (4, &[][..]));
}

#[test]
fn a_part_takes_its_share_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    good_kind(&dir.path().join("robin"), 8, 8);
    good_kind(&dir.path().join("single"), 1, 1);
    let count = |part| {
        let c = read(dir.path(), &CutoutOptions { part, ..options() }).unwrap();
        (c.library.kinds.len(), c.sounds, c.left_out.join("\n"))
    };
    assert_eq!(count(Part::Any), (2, 9, String::new()));
    assert_eq!(count(Part::Train), (2, 7, String::new()));
    let (kinds, sounds, left_out) = count(Part::HeldOut);
    assert_eq!((kinds, sounds), (1, 2));
    assert!(left_out.contains("single") && left_out.contains("kept back"), "{left_out}");
}

#[test]
fn kept_back_files_are_chosen_by_name() {
    let files: Vec<PathBuf> = (0..10).map(|i| format!("a/{i}.png").into()).collect();
    let marks = held_out(&files, 0.2);
    assert_eq!(marks.iter().filter(|m| **m).count(), 2);
    let moved: Vec<PathBuf> = (0..10).map(|i| format!("elsewhere/{i}.png").into()).collect();
    assert_eq!(held_out(&moved, 0.2), marks);
    assert_eq!(held_out(&files, 0.0), [false; 10]);
    assert_eq!(held_out(&files, 1.0).iter().filter(|m| **m).count(), 9, "never all");
    assert_eq!(held_out(&files[..1], 0.9), [false]);
    assert_eq!(held_out(&files[..2], 0.01).iter().filter(|m| **m).count(), 1, "at least one");
}

#[test]
fn a_folder_without_anything_usable_is_an_error_that_says_what_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    for (prepare, word) in [(None, "<kind>/*.png"), (Some("mute"), "no sound")] {
        if let Some(kind) = prepare {
            good_kind(&dir.path().join(kind), 1, 0);
        }
        let error = read(dir.path(), &options()).unwrap_err().to_string();
        assert!(error.contains(word) && error.contains("cannot read"), "{error}");
    }
    let error = read(&dir.path().join("nowhere"), &options()).unwrap_err().to_string();
    assert!(error.contains("nowhere") && error.contains("not there"), "{error}");
    let file = dir.path().join("file");
    std::fs::write(&file, b"x").unwrap();
    assert!(read(&file, &options()).unwrap_err().to_string().contains("file"));
    good_kind(&dir.path().join("robin"), 1, 1);
    let wrong = CutoutOptions { kinds: vec!["robin".into(), "wren".into()], ..options() };
    let error = read(dir.path(), &wrong).unwrap_err().to_string();
    assert!(error.contains("`wren`") && error.contains("mute, robin"), "{error}");
    let cancelled = CancelToken::new();
    cancelled.cancel();
    assert!(Cutouts::read(dir.path(), &options(), &cancelled).is_err());
}
