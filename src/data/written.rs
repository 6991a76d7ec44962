//! Folders that were written, read back with plain readers.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::media::{MediaSource, probe};
use crate::synth::Dice;
use crate::truth::{Between, Mask, Moment, Source, Span, TruthBox, TruthTrack};
use crate::units::{MediaTime, RgbPicture};

const SIZE: (u32, u32) = (224, 160);

fn stamp() -> Stamp {
    Stamp { seed: 7, world: "00112233aabbccdd".into() }
}

fn source(id: u32, kind: &str, b: [u32; 4], heard: bool, until: MediaTime) -> Source {
    let [x0, y0, x1, y1] = b.map(f64::from);
    // A disc in its box: the mask is no rectangle.
    let inside = move |x: u32, y: u32| {
        let (u, v) = (f64::from(x) + 0.5 - (x0 + x1) / 2.0, f64::from(y) + 0.5 - (y0 + y1) / 2.0);
        let (a, b) = ((x1 - x0) / 2.0, (y1 - y0) / 2.0);
        (u / a).powi(2) + (v / b).powi(2) <= 1.0
    };
    Source {
        id,
        kind: kind.into(),
        variant: "1f436".into(),
        sounding: heard
            .then_some(Span { start: MediaTime::ZERO, end: until })
            .into_iter()
            .collect(),
        moments: vec![Moment {
            time: MediaTime::ZERO,
            bbox: Some(TruthBox { x0, y0, x1, y1 }),
            mask: Some(Mask::from_fn(SIZE.0, SIZE.1, inside)),
        }],
        between: Between::Hold,
    }
}

/// Two of three things sound in every fourth item, none in every fifth, else one.
fn truth(index: u64, until: MediaTime) -> TruthTrack {
    let mut dice = Dice::new(7, index);
    let mut place = || {
        let (w, h) = (dice.int(20, 90), dice.int(20, 90));
        let (x, y) = (dice.int(0, SIZE.0 - w), dice.int(0, SIZE.1 - h));
        [x, y, x + w, y + h]
    };
    let places = [place(), place(), place()];
    let heard = [!index.is_multiple_of(5), index % 4 == 1 && !index.is_multiple_of(5), false];
    let sources = ["dog", "alarm-clock", "cat"]
        .iter()
        .zip(places)
        .zip(heard)
        .zip(1..)
        .map(|(((kind, place), heard), id)| source(id, kind, place, heard, until))
        .collect();
    let mut truth = TruthTrack {
        width: SIZE.0,
        height: SIZE.1,
        duration: until,
        sources,
        ..TruthTrack::default()
    };
    if index.is_multiple_of(5) {
        truth.about.insert("negative".into(), "noise".into());
    }
    truth
}

fn picture(index: u64) -> RgbPicture {
    let mut dice = Dice::new(8, index);
    let data = (0..3 * SIZE.0 * SIZE.1).map(|i| (i / 9) as u8 ^ (dice.bits() & 7) as u8).collect();
    RgbPicture::new(SIZE.0, SIZE.1, data).unwrap()
}

fn sound(index: u64, n: usize) -> Vec<f32> {
    let mut dice = Dice::new(9, index);
    (0..n).map(|_| dice.range(-1.2, 1.2) as f32).collect()
}

fn pair(index: u64) -> Pair {
    Pair {
        picture: picture(index),
        sound: sound(index, 4800),
        truth: truth(index, MediaTime::ZERO),
    }
}

fn folder(root: &Path, format: PictureFormat) -> PairFolder {
    PairFolder::new(root, format, 16_000, 4800, SIZE, stamp()).unwrap()
}

fn names(list: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(list).unwrap();
    assert!(!text.contains('\r') && !text.ends_with('\n'), "LF, no final newline");
    text.split('\n').filter(|l| !l.is_empty()).map(str::to_owned).collect()
}

fn stems(dir: &Path, ending: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name());
    // The official loaders cut names at the first occurrence of the ending.
    entries.map(|n| n.to_str().unwrap().split(ending).next().unwrap().to_owned()).collect()
}

#[test]
fn pairs_read_back_as_they_were_planned() {
    let dir = tempfile::tempdir().unwrap();
    let place = folder(dir.path(), PictureFormat::Png);
    let n = 24u64;
    let mut facts: Vec<_> = (0..n).rev().map(|i| place.write(i, &pair(i)).unwrap()).collect();
    let shares = ListShares([2.0, 1.0, 1.0]);
    write_lists(dir.path(), 7, &mut facts, Some(shares)).unwrap();

    let boxes: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("metadata/vggss.json")).unwrap())
            .unwrap();
    let boxes = boxes.as_array().unwrap();
    let mut seen = 0;
    for i in 0..n {
        let name = item_name(7, i);
        let want = pair(i);
        let at = |sub: &str, ending: &str| dir.path().join(sub).join(format!("{name}.{ending}"));
        let frame = image::open(at("frames", "png")).unwrap().to_rgb8();
        assert_eq!((frame.dimensions(), frame.as_raw().as_slice()), (SIZE, want.picture.data()));

        let mut wav = hound::WavReader::open(at("audio", "wav")).unwrap();
        let spec = wav.spec();
        assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (1, 16_000, 16));
        let samples: Vec<i16> = wav.samples().map(Result::unwrap).collect();
        assert_eq!(samples.len(), 4800);
        for (got, want) in samples.iter().zip(&want.sound) {
            assert!((f32::from(*got) / 32767.0 - want.clamp(-1.0, 1.0)).abs() <= 0.5001 / 32767.0);
        }

        let heard: Vec<&Source> =
            want.truth.sources.iter().filter(|s| !s.sounding.is_empty()).collect();
        let mask = image::open(at("masks", "png")).unwrap();
        assert_eq!(mask.color(), image::ColorType::L8);
        let mut inside = vec![false; (SIZE.0 * SIZE.1) as usize];
        for s in &heard {
            let pixels = s.moments[0].mask.as_ref().unwrap().to_pixels();
            inside.iter_mut().zip(pixels).for_each(|(o, p)| *o |= p);
        }
        let got: Vec<u8> = mask.to_luma8().into_raw();
        assert!(got.iter().zip(&inside).all(|(g, i)| *g == if *i { 255 } else { 0 }));

        let mut truth = TruthTrack::read(&at("truth", "truth.json")).unwrap();
        assert!(stamp().is_on(&truth, i));
        truth.about.retain(|k, _| k == "negative");
        assert_eq!(truth, want.truth);

        let entry = boxes.iter().find(|e| e["file"] == name.as_str());
        if heard.is_empty() {
            assert!(entry.is_none(), "a negative has no box");
            continue;
        }
        seen += 1;
        let entry = entry.unwrap().as_object().unwrap();
        assert_eq!(
            entry.keys().collect::<BTreeSet<_>>(),
            BTreeSet::from([&"bbox".into(), &"class".into(), &"file".into()])
        );
        let kinds: Vec<_> = heard.iter().map(|s| s.kind.as_str()).collect();
        assert_eq!(entry["class"], kinds.join("+"));
        let read: Vec<[f64; 4]> = serde_json::from_value(entry["bbox"].clone()).unwrap();
        assert_eq!(read.len(), heard.len());
        for (b, s) in read.iter().zip(&heard) {
            let t = s.moments[0].bbox.unwrap();
            // The height is not 224: the map squeezes it, by whole parts of true quotients.
            let rows = [t.y0, t.y1].map(|v| (v as u32) * 224 / SIZE.1);
            assert_eq!(vggss_rule(*b, 224), [t.x0 as u32, rows[0], t.x1 as u32, rows[1]]);
        }
    }
    assert_eq!(boxes.len(), seen);
    let order: Vec<_> = boxes.iter().map(|b| b["file"].as_str().unwrap()).collect();
    assert!(order.is_sorted());

    let meta = |name: &str| dir.path().join("metadata").join(name);
    let both: Vec<String> = stems(&dir.path().join("frames"), ".png")
        .intersection(&stems(&dir.path().join("audio"), ".wav"))
        .cloned()
        .collect();
    assert_eq!(both, names(&meta("all.txt")));
    assert_eq!(names(&meta("sounding.txt")), order);
    let lists = ["train", "val", "test"].map(|l| names(&meta(&format!("{l}.txt"))));
    let mut union: Vec<String> = lists.concat();
    union.sort_unstable();
    assert_eq!(union, order, "every sounding pair is on one list");
    assert!(lists.iter().all(|l| !l.is_empty()));
    let test = std::fs::read_to_string(meta("test.csv")).unwrap();
    assert_eq!(test.lines().collect::<Vec<_>>(), lists[2]);
    write_lists(dir.path(), 7, &mut facts, None).unwrap();
    let gone = ["train.txt", "val.txt", "test.txt", "test.csv"].map(|f| meta(f).exists());
    assert_eq!(gone, [false; 4], "no list of an earlier run stays");
    write_lists(dir.path(), 7, &mut facts, Some(shares)).unwrap();
    let negatives = std::fs::read_to_string(meta("negatives.csv")).unwrap();
    assert_eq!(negatives.lines().count() as u64 - 1, n - seen as u64);
    assert!(negatives.starts_with("video,audio,label\ntoy7_0000000,toy7_0000000,non-sounding\n"));
    let mut table = csv::Reader::from_path(meta("items.csv")).unwrap();
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    assert_eq!(rows.len() as u64, n);
    assert_eq!(
        rows[1].iter().take(5).collect::<Vec<_>>(),
        ["toy7_0000001", "dog+alarm-clock", "", "2", "3"]
    );
    assert_eq!(rows[0].iter().take(5).collect::<Vec<_>>(), ["toy7_0000000", "", "noise", "0", "3"]);
}

#[test]
fn an_item_with_any_damage_is_not_kept_and_comes_back_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let place = folder(dir.path(), PictureFormat::Png);
    let facts = place.write(3, &pair(3)).unwrap();
    assert_eq!(place.is_complete(3), Some(facts));
    assert_eq!(place.is_complete(4), None);
    let files = ["frames/N.png", "audio/N.wav", "masks/N.png", "truth/N.truth.json"]
        .map(|f| dir.path().join(f.replace('N', &item_name(7, 3))));
    for path in &files {
        let whole = std::fs::read(path).unwrap();
        let mut twins =
            vec![Vec::new(), whole[..whole.len() / 2].to_vec(), whole[..whole.len() - 1].to_vec()];
        twins.push([whole.as_slice(), b"x"].concat());
        for twin in twins {
            std::fs::write(path, &twin).unwrap();
            assert_eq!(place.is_complete(3), None, "{} of {} bytes", path.display(), twin.len());
        }
        std::fs::remove_file(path).unwrap();
        assert_eq!(place.is_complete(3), None, "{} is gone", path.display());
        place.write(3, &pair(3)).unwrap();
        assert_eq!(std::fs::read(path).unwrap(), whole);
        assert!(place.is_complete(3).is_some());
    }
    let other = Stamp { world: "ff".into(), ..stamp() };
    let other = PairFolder::new(dir.path(), PictureFormat::Png, 16_000, 4800, SIZE, other).unwrap();
    assert_eq!(other.is_complete(3), None, "an item of another world");
    assert_eq!(folder(dir.path(), PictureFormat::Jpg).is_complete(3), None);
    assert_eq!(place.indices().unwrap(), [3]);
}

#[test]
fn jpeg_pictures_are_close_and_checked() {
    let dir = tempfile::tempdir().unwrap();
    let place = folder(dir.path(), PictureFormat::Jpg);
    place.write(2, &pair(2)).unwrap();
    let path = dir.path().join("frames/toy7_0000002.jpg");
    let got = image::open(&path).unwrap().to_rgb8();
    let off: u32 =
        got.as_raw().iter().zip(picture(2).data()).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    assert!(f64::from(off) / got.as_raw().len() as f64 <= 6.0);
    assert!(place.is_complete(2).is_some());
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 2]).unwrap();
    assert!(place.is_complete(2).is_none());
}

#[test]
fn a_pair_of_the_wrong_size_is_an_error_and_no_item() {
    let dir = tempfile::tempdir().unwrap();
    let place = folder(dir.path(), PictureFormat::Png);
    let short = Pair { sound: vec![0.0; 10], ..pair(1) };
    assert!(place.write(1, &short).unwrap_err().to_string().contains("10 samples"));
    let small = Pair { picture: RgbPicture::new(1, 1, vec![0; 3]).unwrap(), ..pair(1) };
    assert!(place.write(1, &small).unwrap_err().to_string().contains("224x160"));
    assert_eq!(place.indices().unwrap(), [0u64; 0]);
}

struct Film;

impl ClipFrames for Film {
    fn frames(&self) -> u32 {
        30
    }

    fn frame(&self, i: u32) -> RgbPicture {
        picture(u64::from(i))
    }

    fn stereo(&self, rate: u32) -> Vec<f32> {
        sound(0, 2 * rate as usize).iter().map(|v| 0.3 * v).collect()
    }

    fn truth(&self) -> TruthTrack {
        truth(1, MediaTime::from_secs_f64(1.001))
    }
}

#[test]
fn a_clip_has_its_frames_at_their_times_and_its_truth_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let place = ClipFolder::new(dir.path(), SIZE, (30_000, 1001), 48_000, stamp());
    let go = AtomicBool::new(false);
    let facts = place.write(5, &Film, &go).unwrap().unwrap();
    assert_eq!((facts.class.as_str(), facts.negative.as_deref()), ("dog+alarm-clock", None));
    let path = dir.path().join("toy7_0000005.mp4");
    let info = probe(&MediaSource::File(path.clone())).unwrap();
    let video = info.video.unwrap();
    assert_eq!((video.width, video.height, video.frames), (SIZE.0, SIZE.1, 30));
    assert!((info.duration.as_secs_f64() - 1.001).abs() < 0.03, "{}", info.duration);
    assert_eq!(info.audio.len(), 1);
    let truth = TruthTrack::read(&TruthTrack::sidecar(&path)).unwrap();
    assert!(stamp().is_on(&truth, 5) && truth.sources.len() == 3);
    assert_eq!(place.is_complete(5), Some(facts));
    assert_eq!(place.indices().unwrap(), [5]);

    let whole = std::fs::read(&path).unwrap();
    for n in [0, 8, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..n]).unwrap();
        assert_eq!(place.is_complete(5), None, "{n} bytes");
    }
    let stop = AtomicBool::new(true);
    assert_eq!(place.write(6, &Film, &stop).unwrap(), None);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "a stopped clip leaves nothing");
}

#[test]
fn avsbench_trees_follow_its_loaders_rules() {
    for multi in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let shares = ListShares([1.0, 1.0, 1.0]);
        let place = AvsFolder::new(dir.path(), multi, SIZE, 16_000, shares, stamp()).unwrap();
        let secs5 = MediaTime::from_secs_f64(5.0);
        let mut facts: Vec<_> = (0..8)
            .map(|i| {
                let pictures: Vec<_> = (0..5).map(|k| picture(10 * i + k)).collect();
                place.write(i, &pictures, &sound(i, 80_000), &truth(i, secs5)).unwrap()
            })
            .collect();
        place.write_table(&mut facts).unwrap();
        let (root, file) = if multi {
            ("Multi-sources", "ms3_meta_data.csv")
        } else {
            ("Single-source", "s4_meta_data.csv")
        };
        let root = dir.path().join(root);
        let data = root.join(if multi { "ms3_data" } else { "s4_data" });
        let mut table = csv::Reader::from_path(root.join(file)).unwrap();
        let mut lists = BTreeSet::new();
        for (row, i) in table.records().map(Result::unwrap).zip(0u64..) {
            let (name, kind, list) = (&row[0], &row[2], &row[3]);
            lists.insert(list.to_owned());
            let (frames, middle, deep) = if multi {
                (data.join("visual_frames").join(name), ".mp4", String::new())
            } else {
                (
                    data.join("visual_frames").join(list).join(kind).join(name),
                    "",
                    format!("{kind}/"),
                )
            };
            let masks = data.join(format!("gt_masks/{list}/{deep}{name}"));
            for k in 1..=5u64 {
                let frame = image::open(frames.join(format!("{name}{middle}_{k}.png"))).unwrap();
                assert_eq!(frame.to_rgb8().as_raw().as_slice(), picture(10 * i + k - 1).data());
                let mask = image::open(masks.join(format!("{name}_{k}.png"))).unwrap().to_luma8();
                let heard = !i.is_multiple_of(5);
                assert_eq!(mask.pixels().any(|p| p.0[0] == 255), heard);
                assert!(mask.pixels().all(|p| [0, 255].contains(&p.0[0])));
            }
            let wav =
                hound::WavReader::open(data.join(format!("audio_wav/{list}/{deep}{name}.wav")))
                    .unwrap();
            assert_eq!((wav.duration(), wav.spec().sample_rate), (80_000, 16_000));
            assert_eq!(place.is_complete(i).as_ref(), Some(&facts[i as usize]));
        }
        assert!(lists.len() > 1, "{lists:?}");
        std::fs::remove_dir_all(data.join("gt_masks")).unwrap();
        assert_eq!(place.is_complete(1), None);
    }
}

/// `cargo test --lib data::written::speed -- --ignored --nocapture`: pairs a second on one core, from
/// a folder of the drawn world.
#[test]
#[ignore = "measures"]
fn speed() {
    use crate::features::resize_bicubic;
    use crate::synth::{Library, Scene, SceneOptions};
    let library = Library::drawn().unwrap();
    for format in [PictureFormat::Png, PictureFormat::Jpg] {
        let dir = tempfile::tempdir().unwrap();
        let place =
            PairFolder::new(dir.path(), format, 16_000, 48_000, (224, 224), stamp()).unwrap();
        let options = SceneOptions { aspect: 1.0..=1.0, ..SceneOptions::default() };
        for i in 0..64 {
            let scene = Scene::plan(&library, &options, 7, i).unwrap();
            let sound = scene.sound_plan().mono(&library, 16_000);
            let (picture, truth) = (scene.picture(&library), scene.truth().clone());
            place.write(i, &Pair { picture, sound, truth }).unwrap();
        }
        let options = OpenOptions { format: "pairs".into(), ..OpenOptions::default() };
        let opened = std::time::Instant::now();
        let set = Dataset::open(dir.path(), &options).unwrap();
        let opened = opened.elapsed().as_secs_f64() * 1e3;
        let began = std::time::Instant::now();
        for round in 0..4 {
            for i in 0..set.items.len() {
                let sample = set.sample(i, 16_000).unwrap();
                assert_eq!((sample.sound.len(), sample.picture.width()), (48_000, 224));
                if round == 3 {
                    resize_bicubic(&sample.picture, 246, 246);
                }
            }
        }
        let per_second = 256.0 / began.elapsed().as_secs_f64();
        eprintln!("{format:?}: {per_second:.0} pairs a second; 64 items opened in {opened:.1} ms");
    }
}
