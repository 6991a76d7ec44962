//! Data sets as people have them: the official folders, ours, and hostile ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fnac::data::{
    Dataset, Item, LoadedTruth, OpenOptions, PictureRef, READERS, Roll, raster, vggss_rule,
};
use fnac::eval::metrics::TruthMap;
use fnac::media::{
    AudioSettings, ClipSettings, ClipWriter, FrameReader, FrameReaderOptions, MediaSource,
};
use fnac::overlay::yuv::rgb_from_planes;
use fnac::units::{MediaTime, RgbPicture, TimeBase};

use crate::reference::reference;

pub const RATE: u32 = 16_000;

/// A smooth picture that is another one for every seed.
pub fn picture(seed: u32, w: u32, h: u32) -> RgbPicture {
    let s = f64::from(seed) * 2.39;
    let at = |x: u32, y: u32, c: u32| {
        let (x, y) = (f64::from(x) / f64::from(w), f64::from(y) / f64::from(h));
        let c = f64::from(c) + s;
        let v = (9.0 * x + c).sin() * (7.0 * y + 1.3 * c).cos() + (5.0 * (x - y) + c * c).sin();
        (127.0 + 60.0 * v) as u8
    };
    let pixels = (0..h).flat_map(|y| (0..w).map(move |x| (x, y)));
    RgbPicture::new(w, h, pixels.flat_map(|(x, y)| [0, 1, 2].map(|c| at(x, y, c))).collect())
        .unwrap()
}

/// A tone of its own for every seed.
pub fn tone(seed: u32, secs: f64, rate: u32) -> Vec<f32> {
    let pitch = 200.0 + 37.0 * f64::from(seed);
    let n = (secs * f64::from(rate)) as u32;
    let at = |i: u32| f64::from(i) / f64::from(rate) * pitch * std::f64::consts::TAU;
    (0..n).map(|i| (0.3 * at(i).sin()) as f32).collect()
}

pub fn write_picture(path: &Path, p: &RgbPicture) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().to_lowercase();
    let kind =
        if name.ends_with("png") { image::ImageFormat::Png } else { image::ImageFormat::Jpeg };
    image::RgbImage::from_raw(p.width(), p.height(), p.data().to_vec())
        .unwrap()
        .save_with_format(path, kind)
        .unwrap();
}

pub fn write_wav(path: &Path, samples: &[f32], rate: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut w = hound::WavWriter::create(path, spec).unwrap();
    for v in samples {
        w.write_sample((v * 32767.0) as i16).unwrap();
    }
    w.finalize().unwrap();
}

/// A pair in `frames/` and `audio/`.
pub fn write_pair(root: &Path, name: &str, seed: u32) {
    write_picture(&root.join("frames").join(format!("{name}.jpg")), &picture(seed, 64, 48));
    write_wav(&root.join("audio").join(format!("{name}.wav")), &tone(seed, 3.5, RATE), RATE);
}

/// A video whose picture moves, with a tone.
pub fn write_video(path: &Path, seed: u32, secs: f64) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut settings = ClipSettings::new(96, 64, 10.0, TimeBase::new(1, 5120).unwrap());
    settings.audio = Some(AudioSettings::default());
    let rate = settings.audio.as_ref().unwrap().rate;
    let mut writer = ClipWriter::create(path, settings).unwrap();
    let frames = (secs * 10.0) as u32;
    for i in 0..frames {
        let p = picture(100 * seed + i, 96, 64);
        let rgba: Vec<u8> =
            p.data().chunks_exact(3).flat_map(|c| [c[0], c[1], c[2], 255]).collect();
        writer.push_video(&rgba, MediaTime::from_millis(100 * i64::from(i))).unwrap();
    }
    let stereo: Vec<f32> = tone(seed, secs, rate).iter().flat_map(|v| [*v, *v]).collect();
    writer.push_audio(&stereo).unwrap();
    writer.finish().unwrap();
}

pub fn touch(path: PathBuf, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn open(root: &Path) -> Dataset {
    Dataset::open(root, &OpenOptions::default()).unwrap()
}

fn listed(root: &Path, list: &Path) -> Dataset {
    let options = OpenOptions { list: Some(list.into()), ..OpenOptions::default() };
    Dataset::open(root, &options).unwrap()
}

fn ids(set: &Dataset) -> Vec<&str> {
    set.items.iter().map(|i| i.id.as_str()).collect()
}

fn reasons(set: &Dataset) -> BTreeMap<&str, &str> {
    set.left_out.iter().map(|l| (l.id.as_str(), l.reason.as_str())).collect()
}

fn truth_map(item: &Item) -> TruthMap {
    match item.load_truth().unwrap().unwrap() {
        LoadedTruth::Boxes(b) => TruthMap::from_fractions(&b),
        LoadedTruth::Consensus(b) => TruthMap::consensus(&b),
        LoadedTruth::Mask(m) => TruthMap::from_masks([&m]),
        LoadedTruth::Track { track, at } => {
            let at = track.at(at);
            TruthMap::from_masks(at.iter().filter(|s| s.sounding).filter_map(|s| s.mask))
        }
    }
}

/// What the official programs made of the golden folders.
fn expected() -> Option<serde_json::Value> {
    let path = reference("dataset/expected.json")?;
    Some(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
}

fn strings(value: &serde_json::Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect()
}

#[test]
fn the_official_vgg_ss_folder_gives_the_official_items_and_truths() {
    let (Some(root), Some(expected)) = (reference("dataset/vggss"), expected()) else { return };
    for (list, protocol, missing) in [
        ("vggss_test", "vggss", vec!["notondisk00_000009", "onlypicture_000001"]),
        ("vggss_heard_test", "vggss_heard", vec!["notondisk00_000009"]),
        ("vggss_unheard_test", "vggss_unheard", vec!["onlypicture_000001"]),
    ] {
        let set = listed(&root, Path::new(list));
        let want = &expected["protocols"][protocol];
        assert_eq!(set.format, "vggss");
        assert_eq!(ids(&set), strings(&want["files"]), "{list}");
        let left: Vec<_> = reasons(&set).into_keys().collect();
        let on_list =
            std::fs::read_to_string(root.join(format!("../metadata/{list}.csv"))).unwrap();
        let missing: Vec<_> = missing.into_iter().filter(|m| on_list.contains(m)).collect();
        assert_eq!(left, missing, "{list}");
        assert_eq!(set.listed, set.items.len() + missing.len());
        for (item, sum) in set.items.iter().zip(want["gt_sum"].as_array().unwrap()) {
            assert_eq!(truth_map(item).sum(), sum.as_f64().unwrap(), "{}", item.id);
            let Some(LoadedTruth::Boxes(boxes)) = item.load_truth().unwrap() else {
                panic!("boxes");
            };
            let pixels: Vec<_> = boxes.iter().map(|b| vggss_rule(*b, 224)).collect();
            assert_eq!(
                serde_json::to_value(pixels).unwrap(),
                want["boxes_224"][&item.id],
                "{}",
                item.id
            );
            assert_eq!(item.sounding.len(), 1);
        }
    }
    // Without a list: what the boxes are for. A picture that they do not name is said.
    let set = open(&root);
    assert_eq!((set.items.len(), set.listed), (6, 7));
    assert!(set.notes.iter().any(|n| n.starts_with("1 names in it")), "{:?}", set.notes);
    assert_eq!(set.items[0].clip, "-Zk2mNoPq_r", "the id is eleven characters, `-` first");
}

#[test]
fn the_official_training_list_gives_the_official_items() {
    let (Some(root), Some(expected)) = (reference("dataset/vggss"), expected()) else { return };
    for (list, name) in [(Some("vggss_tiny"), "vggss_tiny"), (None, "vggss")] {
        let options = OpenOptions {
            format: "pairs".into(),
            list: list.map(PathBuf::from),
            ..OpenOptions::default()
        };
        let set = Dataset::open(&root, &options).unwrap();
        let file = |i: &Item| i.picture.path().file_name().unwrap().to_str().unwrap().to_owned();
        let pictures: Vec<_> = set.items.iter().map(file).collect();
        assert_eq!(pictures, strings(&expected["train_lists"][name]["pictures"]));
        assert!(set.left_out.iter().any(|l| l.id == "onlypicture_000001"));
    }
}

#[test]
fn the_official_flickr_folder_gives_the_official_consensus() {
    let (Some(root), Some(expected)) = (reference("dataset/flickr"), expected()) else { return };
    let want = &expected["protocols"]["flickr"];
    let set = listed(&root, Path::new("flickr_test"));
    assert_eq!(set.format, "flickr");
    assert_eq!(ids(&set), strings(&want["files"]));
    let left = reasons(&set);
    assert_eq!(left["onlysound"], "its picture is missing");
    assert_eq!(left["55555"], "its picture and its sound are missing");
    assert_eq!(set.usable(), "6 of 8 usable");
    for (item, sum) in set.items.iter().zip(want["gt_sum"].as_array().unwrap()) {
        assert_eq!(truth_map(item).sum(), sum.as_f64().unwrap(), "{}", item.id);
        let Some(LoadedTruth::Consensus(boxes)) = item.load_truth().unwrap() else {
            panic!("consensus");
        };
        assert_eq!(serde_json::to_value(boxes).unwrap(), want["boxes_224"][&item.id]);
    }
    // The annotations are named, and the folder has the other layout.
    let dir = tempfile::tempdir().unwrap();
    for item in &set.items {
        for (path, sub) in [(item.picture.path(), "frames"), (&item.sound.path, "audio")] {
            let to = dir.path().join(sub).join(path.file_name().unwrap());
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(path, to).unwrap();
        }
    }
    let annotations = Some(root.with_file_name("flickr_anno"));
    let options = OpenOptions { annotations, ..OpenOptions::default() };
    let again = Dataset::open(dir.path(), &options).unwrap();
    assert_eq!((again.format.as_str(), ids(&again)), ("flickr", ids(&set)));
}

#[test]
fn pictures_and_sounds_of_the_official_folders_are_what_localize_sees_and_hears() {
    let Some(root) = reference("dataset") else { return };
    for (folder, list) in [("flickr", "flickr_test"), ("vggss", "vggss_test")] {
        let set = listed(&root.join(folder), Path::new(list));
        for (i, item) in set.items.iter().enumerate() {
            let sample = set.sample(i, RATE).unwrap();
            assert_eq!(sample.sound.len(), 48_000);
            assert!(sample.sound.iter().all(|v| v.abs() <= 1.0));
            let source = MediaSource::File(item.picture.path().into());
            let mut reader = FrameReader::open(&source, FrameReaderOptions::default()).unwrap();
            let frame = reader.next_frame().unwrap().unwrap();
            let seen = rgb_from_planes(&frame.picture);
            assert!(seen.data() == sample.picture.data(), "{}", item.id);
        }
    }
}

#[test]
fn folders_of_the_drawn_world_know_what_sounds_and_what_is_a_negative() {
    let dir = tempfile::tempdir().unwrap();
    for (sub, more) in [("png", "png"), ("jpg", "jpg")] {
        let out = dir.path().join(sub);
        crate::datasets_cli::done(&crate::datasets_cli::fnac(&[
            "synth",
            "--seed",
            "7",
            "--count",
            "12",
            "--negatives",
            "0.4",
            "--sources",
            "1-2",
            "--lists",
            "60,20,20",
            "--pictures",
            more,
            "--out",
            out.to_str().unwrap(),
        ]));
        let set = open(&out);
        assert_eq!((set.format.as_str(), set.usable().as_str()), ("synth", "12 of 12 usable"));
        let mut table = csv::Reader::from_path(out.join("metadata/items.csv")).unwrap();
        for (row, item) in table.records().map(Result::unwrap).zip(&set.items) {
            assert_eq!(
                (&row[0], row[1].is_empty() || !row[2].is_empty()),
                (item.id.as_str(), item.sounding.is_empty())
            );
            assert_eq!(item.negative.as_deref().unwrap_or(""), &row[2]);
            assert_eq!(item.sounding.len().to_string(), row[3]);
            assert_eq!(item.seen.len().to_string(), row[4]);
            if item.negative.is_none() {
                assert_eq!(item.sounding.join("+"), row[1]);
                assert!(item.sounding.iter().all(|k| item.seen.contains(k)));
            }
        }
        let negatives = set.items.iter().filter(|i| i.negative.is_some()).count();
        assert!((1..12).contains(&negatives), "{negatives}");
        // Its own lists are found by their names; the negatives' list pairs names.
        assert_eq!(listed(&out, Path::new("sounding")).items.len(), 12 - negatives);
        let of_list = listed(&out, Path::new("negatives"));
        assert_eq!(of_list.items.len(), negatives);
        assert!(of_list.items.iter().all(|i| i.negative.is_some() && i.sounding.is_empty()));
        // The same folder as VGG-SS: boxes of what sounds, the same masks' place.
        let boxed = OpenOptions { format: "vggss".into(), ..OpenOptions::default() };
        let boxed = Dataset::open(&out, &boxed).unwrap();
        assert_eq!(boxed.items.len(), 12 - negatives);
        // A truth that is gone or broken leaves its item out.
        let broken = out.join(format!("truth/{}.truth.json", set.items[0].id));
        std::fs::write(&broken, b"{").unwrap();
        std::fs::remove_file(out.join(format!("truth/{}.truth.json", set.items[1].id))).unwrap();
        let less = open(&out);
        assert_eq!(less.usable(), "10 of 12 usable");
        assert!(reasons(&less)[set.items[1].id.as_str()].contains("truth is missing"));
    }
}

#[test]
fn vgg_ss_keeps_its_defects_and_says_which_items_nothing_can_meet() {
    let dir = tempfile::tempdir().unwrap();
    let names =
        ["M1P1xla8rg0_000000", "gklbB7TYoK4_000030", "aB3dE_fG-hI_000030", "zzTop12345x_000000"];
    for (i, name) in names.iter().enumerate() {
        // One clip has the other project's name on the disk.
        let name = if i == 1 { "gklbB7TYoK4_30000_40000" } else { name };
        write_pair(dir.path(), name, i as u32);
    }
    let json = r#"[
        {"file": "M1P1xla8rg0_000000", "class": "playing tambourine", "bbox": [[0.3, 0.2, -2.8823037615171176e+16, 0.9]]},
        {"file": "gklbB7TYoK4_000030", "class": "dog barking", "bbox": [[0, 0, 1, 1], [0.2, 0.5, 0.4, -2.8823037615171176e+16]]},
        {"file": "aB3dE_fG-hI_000030", "class": "x", "bbox": [[0.1, "a", 0.2, 0.3]]},
        {"file": "zzTop12345x_000000", "class": "x", "bbox": []},
        {"class": "nameless", "bbox": []}, 7
    ]"#;
    touch(dir.path().join("metadata/vggss.json"), json.as_bytes());
    let set = open(dir.path());
    assert_eq!(set.format, "vggss");
    assert_eq!(ids(&set), ["M1P1xla8rg0_000000", "gklbB7TYoK4_30000_40000"]);
    assert_eq!(truth_map(&set.items[0]).sum(), 0.0, "kept, and met by nothing");
    assert_eq!(truth_map(&set.items[1]).sum(), 224.0 * 224.0);
    let notes = set.notes.join("; ");
    assert!(notes.contains("1 items have boxes without any pixel, which nothing can meet: M1P1"));
    assert!(notes.contains("2 entries") && notes.contains("no `file`"), "{notes}");
    let left = reasons(&set);
    assert!(left["aB3dE_fG-hI_000030"].contains("four numbers"), "{left:?}");
    assert!(left["zzTop12345x_000000"].contains("no boxes"), "{left:?}");
    for bad in ["", "{}", "[", "[{\"a\": 1}]"] {
        touch(dir.path().join("metadata/vggss.json"), bad.as_bytes());
        let options = OpenOptions { format: "vggss".into(), ..OpenOptions::default() };
        let error = Dataset::open(dir.path(), &options).unwrap_err().to_string();
        assert!(error.contains("vggss.json") && error.contains("needs a list"), "{error}");
    }
}

#[test]
fn vgg_sound_labels_come_from_its_table_and_so_do_its_splits() {
    let dir = tempfile::tempdir().unwrap();
    for (i, name) in ["gklbB7TYoK4_000030", "-Zk2mNoPq_r_000120", "aB3dE_fG-hI_000007", "other"]
        .iter()
        .enumerate()
    {
        write_pair(dir.path(), name, i as u32);
    }
    let table = "gklbB7TYoK4,30,\"alligators, crocodiles hissing\",train\n\
                 -Zk2mNoPq_r,120,playing cello,test\naB3dE_fG-hI,7,dog barking,train\n\
                 notondisk00,1,dog barking,train\n";
    touch(dir.path().join("vggsound.csv"), table.as_bytes());
    let set = open(dir.path());
    assert_eq!((set.format.as_str(), set.items.len()), ("vggsound", 4));
    let by_id: BTreeMap<_, _> = set.items.iter().map(|i| (i.id.as_str(), i)).collect();
    assert_eq!(by_id["gklbB7TYoK4_000030"].sounding, ["alligators, crocodiles hissing"]);
    assert!(by_id["other"].sounding.is_empty() && by_id["other"].negative.is_none());
    assert!(set.notes.iter().any(|n| n.starts_with("1 items have no label")));
    assert_eq!(ids(&listed(dir.path(), Path::new("test"))), ["-Zk2mNoPq_r_000120"]);
    assert_eq!(listed(dir.path(), Path::new("train")).items.len(), 2);
    assert_eq!(set.classes()[0].1, 1);
}

#[test]
fn avsbench_gives_five_items_a_clip_with_their_seconds_and_masks() {
    for (sources, part) in [("1", "Single-source"), ("2", "Multi-sources")] {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        crate::datasets_cli::done(&crate::datasets_cli::fnac(&[
            "synth",
            "--seed",
            "5",
            "--count",
            "6",
            "--layout",
            "avsbench",
            "--sources",
            sources,
            "--size",
            "64x64",
            "--sizes",
            "0.3-0.4",
            "--out",
            out.to_str().unwrap(),
        ]));
        let set = open(&out);
        assert_eq!((set.format.as_str(), set.items.len(), set.listed), ("avsbench", 30, 30));
        let mut heard = 0;
        for item in &set.items {
            let second: i64 = item.id.rsplit_once('_').unwrap().1.parse().unwrap();
            let at = MediaTime::from_millis(1000 * second - 500);
            assert_eq!(item.sound.moment, fnac::data::Moment::Around(at));
            assert!(item.picture.path().starts_with(out.join(part)));
            let Some(LoadedTruth::Mask(mask)) = item.load_truth().unwrap() else { panic!("mask") };
            assert_eq!((mask.width(), mask.height()), (64, 64));
            assert!(mask.area() < 64 * 64);
            // Seconds in which nothing sounds have an empty mask.
            heard += u32::from(mask.area() > 0);
            assert!(!item.sounding.is_empty());
        }
        assert!(heard > 15, "{heard} of 30");
        let sample = set.sample(0, RATE).unwrap();
        assert_eq!((sample.picture.width(), sample.sound.len()), (64, 48_000));
        // Items of one clip lie on one side.
        let (rest, held) = set.split(0.5, 3);
        assert!(rest.items.len() % 5 == 0 && held.items.len() % 5 == 0);
        // Inside the part the same items are found; what is missing is named.
        let inside = open(&out.join(part));
        assert_eq!(inside.items.len(), 30);
        std::fs::remove_file(set.items[3].picture.path()).unwrap();
        let Some(fnac::data::TruthRef::Mask(mask)) = &set.items[9].truth else { panic!("mask") };
        std::fs::remove_file(mask).unwrap();
        let less = open(&out);
        assert_eq!(less.items.len(), if reasons(&less).len() == 2 { 28 } else { 29 });
        assert_eq!(reasons(&less)[set.items[3].id.as_str()], "its picture is missing");
    }
}

#[test]
fn videos_give_a_pair_every_three_seconds_with_the_truth_of_that_moment() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    crate::datasets_cli::done(&crate::datasets_cli::fnac(&[
        "synth",
        "--seed",
        "3",
        "--count",
        "2",
        "--videos",
        "--secs",
        "7",
        "--size",
        "160x90",
        "--out",
        out.to_str().unwrap(),
    ]));
    let set = open(&out);
    assert_eq!((set.format.as_str(), set.items.len()), ("videos", 4));
    assert_eq!(set.items[0].id, "toy3_0000000@1.500");
    assert_eq!(set.items[1].clip, "toy3_0000000");
    for item in &set.items {
        let Some(LoadedTruth::Track { track, at }) = item.load_truth().unwrap() else {
            panic!("track");
        };
        let PictureRef::Frame { time, .. } = &item.picture else { panic!("frame") };
        assert_eq!(at, *time);
        let now = track.at(at);
        let heard: Vec<_> = now
            .iter()
            .filter(|s| s.sounding && s.is_seen())
            .map(|s| s.source.kind.clone())
            .collect();
        assert_eq!(item.sounding, heard);
        assert_eq!(item.negative.is_some(), heard.is_empty());
        assert_eq!(item.load_picture().unwrap().width(), 160);
        assert_eq!(item.load_sound(RATE).unwrap().len(), 48_000);
    }
    let list = dir.path().join("list.txt");
    std::fs::write(&list, "toy3_0000001.mp4\nnone\n").unwrap();
    let some = listed(&out, &list);
    assert_eq!(some.usable(), "2 of 3 usable");
    std::fs::write(out.join("broken.mp4"), b"no video").unwrap();
    let less = open(&out);
    assert_eq!(less.usable(), "4 of 5 usable");
    assert!(reasons(&less)["broken"].contains("broken.mp4"));
}

#[test]
fn odd_names_make_pairs_and_halves_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let names = ["-begins", "with.dots.v2", "mit Ümlaut 字", "plain"];
    for (i, name) in names.iter().enumerate() {
        write_pair(root, name, i as u32);
    }
    std::fs::rename(root.join("frames/plain.jpg"), root.join("frames/plain.JPEG")).unwrap();
    std::fs::rename(root.join("audio/plain.wav"), root.join("audio/plain.WAV")).unwrap();
    // A PNG that is called JPG, one folder deeper.
    write_picture(&root.join("frames/deep/liar.png"), &picture(9, 32, 32));
    std::fs::rename(root.join("frames/deep/liar.png"), root.join("frames/deep/liar.jpg")).unwrap();
    write_wav(&root.join("audio/deep/liar.wav"), &tone(9, 1.0, 44_100), 44_100);
    touch(root.join("frames/half.png"), b"x");
    touch(root.join("audio/other half.wav"), b"x");
    touch(root.join("frames/empty.png"), b"");
    write_wav(&root.join("audio/empty.wav"), &tone(1, 3.0, RATE), RATE);
    touch(root.join("frames/.DS_Store"), b"x");
    touch(root.join("frames/._plain.jpg"), b"x");
    let set = open(root);
    assert_eq!(set.format, "pairs");
    assert_eq!(ids(&set), ["-begins", "liar", "mit Ümlaut 字", "plain", "with.dots.v2"]);
    assert_eq!(set.usable(), "5 of 8 usable");
    let left = reasons(&set);
    assert_eq!(left["half"], "its sound is missing");
    assert_eq!(left["other half"], "its picture is missing");
    assert_eq!(left["empty"], "its picture is empty (0 bytes)");
    for i in 0..set.items.len() {
        assert_eq!(set.sample(i, RATE).unwrap().sound.len(), 48_000);
    }
    assert_eq!(set.items[1].load_picture().unwrap().data(), picture(9, 32, 32).data());
}

#[test]
fn a_list_of_ten_thousand_names_that_are_not_there_is_reported_whole() {
    let dir = tempfile::tempdir().unwrap();
    for (i, name) in ["a", "b", "c"].iter().enumerate() {
        write_pair(dir.path(), name, i as u32);
    }
    let mut text: String = (0..10_000).map(|i| format!("absent{i}\n")).collect();
    text.push_str("b\nb\n");
    let list = dir.path().join("list.txt");
    std::fs::write(&list, text).unwrap();
    let set = listed(dir.path(), &list);
    assert_eq!(set.usable(), "1 of 10002 usable");
    assert_eq!(set.left_out.len(), 10_001, "the second `b` too");
    let options = OpenOptions { list: Some("none.txt".into()), ..OpenOptions::default() };
    let error = Dataset::open(dir.path(), &options).unwrap_err().to_string();
    assert!(error.contains("none.txt"), "{error}");
}

#[test]
fn broken_files_are_errors_of_their_item_and_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    for (i, name) in ["good", "png", "wav", "text", "swapped"].iter().enumerate() {
        write_pair(root, name, i as u32);
    }
    let cut = |path: PathBuf| {
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    };
    cut(root.join("frames/png.jpg"));
    cut(root.join("audio/wav.wav"));
    touch(root.join("frames/text.jpg"), b"<html>404</html>");
    touch(root.join("audio/text.wav"), b"<html>404</html>");
    // A sound where the picture belongs.
    std::fs::copy(root.join("audio/good.wav"), root.join("frames/swapped.jpg")).unwrap();
    let set = open(root);
    assert_eq!(set.usable(), "5 of 5 usable", "nothing is decoded at open");
    let results: BTreeMap<_, _> =
        set.items.iter().enumerate().map(|(i, it)| (it.id.as_str(), set.sample(i, RATE))).collect();
    assert!(results["good"].is_ok());
    for (id, word) in [
        ("png", "breaks off"),
        ("wav", "breaks off"),
        ("text", "text.jpg"),
        ("swapped", "swapped.jpg"),
    ] {
        let error = results[id].as_ref().unwrap_err().to_string();
        assert!(error.contains(word), "{id}: {error}");
    }
    assert!(set.sample(99, RATE).is_err());
}

#[test]
fn hostile_folders_are_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let auto = OpenOptions::default();
    let words = |path: &Path, format: &str| {
        let options = OpenOptions { format: format.into(), ..auto.clone() };
        Dataset::open(path, &options).map(|s| s.usable()).unwrap_or_else(|e| e.to_string())
    };
    for reader in READERS {
        // Empty, a file, absent: no reader panics.
        let empty = dir.path().join("empty");
        std::fs::create_dir_all(&empty).unwrap();
        let text = words(&empty, reader.name);
        assert!(text.contains("empty") || text.contains("0 of 0"), "{}: {text}", reader.name);
        touch(dir.path().join("file"), b"x");
        assert!(words(&dir.path().join("file"), reader.name).contains("not a folder"));
        assert!(words(&dir.path().join("none"), reader.name).contains("not there"));
    }
    let halves = dir.path().join("halves");
    std::fs::create_dir_all(halves.join("frames")).unwrap();
    assert!(words(&halves, "pairs").contains("no folder `audio`"));
    std::fs::create_dir_all(halves.join("audio")).unwrap();
    assert_eq!(words(&halves, ""), "0 of 0 usable");
    write_pair(&halves, "one", 1);
    assert_eq!(words(&halves, ""), "1 of 1 usable");
    assert_eq!(words(&halves, "synth"), "0 of 1 usable", "it has no truth");
    #[cfg(unix)]
    {
        let looped = dir.path().join("loop");
        write_video(&looped.join("a/clip.mp4"), 1, 3.0);
        std::os::unix::fs::symlink(&looped, looped.join("a/back")).unwrap();
        std::os::unix::fs::symlink(looped.join("gone"), looped.join("dead.mp4")).unwrap();
        assert_eq!(words(&looped, "videos"), "1 of 2 usable");
        std::os::unix::fs::symlink(halves.join("frames"), halves.join("frames/self")).unwrap();
        assert_eq!(words(&halves, ""), "1 of 1 usable");
    }
}

#[test]
fn a_test_list_is_found_in_a_training_set_in_any_spelling_and_taken_out() {
    let dir = tempfile::tempdir().unwrap();
    for (i, name) in ["gklbB7TYoK4_000030", "-Zk2mNoPq_r_000120", "plain"].iter().enumerate() {
        write_pair(dir.path(), name, i as u32);
    }
    let list = dir.path().join("test.csv");
    std::fs::write(&list, "gklbB7TYoK4_30000_40000,x\nplain.png\nabsent\n").unwrap();
    let roll = Roll::read(&list).unwrap();
    let mut set = open(dir.path());
    assert_eq!(set.overlap(&roll), ["gklbB7TYoK4_000030", "plain"]);
    let before = set.fingerprint();
    assert_eq!(set.exclude(&roll), 2);
    assert_eq!((ids(&set), set.usable().as_str()), (vec!["-Zk2mNoPq_r_000120"], "1 of 1 usable"));
    assert_ne!(set.fingerprint(), before);
    assert_eq!(open(dir.path()).fingerprint(), before);
}

#[test]
fn reversed_boxes_cover_nothing() {
    assert!(!raster(&[[0.3, 0.2, -2.882_303_761_517_117_6e16, 0.9]], 224).contains(&true));
}
