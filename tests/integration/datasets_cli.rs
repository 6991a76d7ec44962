//! `fnac prepare` and `fnac data doctor` as people call them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use fnac::data::{Dataset, OpenOptions};
use fnac::media::{AudioSettings, ClipSettings, ClipWriter};
use fnac::units::{MediaTime, TimeBase};

use crate::datasets::{
    RATE, picture, tone, touch, write_pair, write_picture, write_video, write_wav,
};

pub fn fnac(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fnac")).args(args).output().unwrap()
}

pub fn done(o: &Output) {
    assert_eq!(o.status.code(), Some(0), "{}", errors(o));
}

fn errors(o: &Output) -> String {
    String::from_utf8_lossy(&o.stderr).into_owned()
}

fn said(o: &Output) -> String {
    String::from_utf8_lossy(&o.stdout).into_owned()
}

/// Every file below a folder with its bytes.
fn tree(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut out = BTreeMap::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_path_buf();
                out.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    out
}

fn prepare(from: &Path, out: &Path, more: &[&str]) -> Output {
    let mut args = vec!["prepare", from.to_str().unwrap(), "--out", out.to_str().unwrap()];
    args.extend(more);
    fnac(&args)
}

/// Three good videos in two depths.
fn videos(root: &Path) {
    write_video(&root.join("one.mp4"), 1, 7.0);
    write_video(&root.join("deep/er/two.v2.mp4"), 2, 3.0);
    write_video(&root.join("deep/short one.MP4"), 3, 1.2);
}

#[test]
fn pairs_are_cut_out_of_videos_of_any_depth_and_open_as_a_set() {
    let dir = tempfile::tempdir().unwrap();
    let (from, out) = (dir.path().join("videos"), dir.path().join("pairs"));
    videos(&from);
    let o = prepare(&from, &out, &[]);
    done(&o);
    assert!(said(&o).contains("4 pairs from 3 of 3 videos"), "{}", said(&o));
    let set = Dataset::open(&out, &OpenOptions::default()).unwrap();
    let names =
        ["deep-er-two_v2_00001500", "deep-short_one_00000600", "one_00001500", "one_00004500"];
    assert_eq!(set.items.iter().map(|i| i.id.as_str()).collect::<Vec<_>>(), names);
    assert_eq!((set.format.as_str(), set.usable().as_str()), ("pairs", "4 of 4 usable"));
    assert_eq!(set.items[2].clip, set.items[3].clip, "cut from one video");
    assert_eq!(set.items[2].clip, "one.mp4");
    let all = std::fs::read_to_string(out.join("metadata/all.txt")).unwrap();
    assert_eq!(all.lines().collect::<Vec<_>>(), names);
    // The pictures and sounds are those that the videos give at that time.
    let direct = Dataset::open(&from, &OpenOptions::default()).unwrap();
    let png = dir.path().join("png");
    done(&prepare(&from, &png, &["--pictures", "png", "--size", "0", "--jobs", "1"]));
    let exact = Dataset::open(&png, &OpenOptions::default()).unwrap();
    assert_eq!(direct.items.len(), 4);
    for item in &direct.items {
        let (clip, time) = item.id.rsplit_once('@').unwrap();
        let clip = clip.replace('/', "-").replace([' ', '.'], "_");
        let millis = (time.parse::<f64>().unwrap() * 1000.0).round();
        let name = format!("{clip}_{millis:08}");
        let twin = exact.items.iter().find(|i| i.id == name).unwrap();
        assert!(twin.load_picture().unwrap().data() == item.load_picture().unwrap().data());
        let (a, b) = (twin.load_sound(RATE).unwrap(), item.load_sound(RATE).unwrap());
        let off = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 0.51 / 32767.0 + 1e-6, "{name}: {off}");
    }
    let mut table = csv::Reader::from_path(out.join("metadata/manifest.csv")).unwrap();
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    assert_eq!(&rows[0][1], "deep/er/two.v2.mp4");
    assert_eq!((&rows[3][2], &rows[3][3]), ("4.500000", "45"));
}

#[test]
fn one_pair_a_video_has_the_videos_name_and_its_middle() {
    let dir = tempfile::tempdir().unwrap();
    let (from, out) = (dir.path().join("videos"), dir.path().join("pairs"));
    write_video(&from.join("gklbB7TYoK4_000030.mp4"), 1, 6.0);
    done(&prepare(&from, &out, &["--per-video", "1", "--rate", "8000", "--size", "32"]));
    let set = Dataset::open(&out, &OpenOptions::default()).unwrap();
    assert_eq!(set.items[0].id, "gklbB7TYoK4_000030");
    assert_eq!(set.items[0].load_picture().unwrap().height(), 32);
    let wav = hound::WavReader::open(&set.items[0].sound.path).unwrap();
    assert_eq!((wav.spec().sample_rate, wav.duration()), (8000, 24_000));
}

#[test]
fn what_cannot_be_cut_is_listed_and_the_rest_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let (from, out) = (dir.path().join("videos"), dir.path().join("pairs"));
    videos(&from);
    touch(from.join("broken.mp4"), b"not a video");
    touch(from.join("empty.mkv"), b"");
    let o = prepare(&from, &out, &[]);
    assert_eq!(o.status.code(), Some(3), "{}", errors(&o));
    assert!(errors(&o).contains("left out: broken.mp4") && errors(&o).contains("empty.mkv"));
    assert!(said(&o).contains("4 pairs from 3 of 5 videos"), "{}", said(&o));
    let table = std::fs::read_to_string(out.join("metadata/left-out.csv")).unwrap();
    assert_eq!(table.lines().count(), 3, "{table}");

    let none = dir.path().join("none");
    std::fs::create_dir_all(&none).unwrap();
    let o = prepare(&none, &dir.path().join("x"), &[]);
    assert_eq!(o.status.code(), Some(1));
    assert!(errors(&o).contains("no video in it"), "{}", errors(&o));
    touch(none.join("broken.mp4"), b"not a video");
    let o = prepare(&none, &dir.path().join("y"), &[]);
    assert_eq!(o.status.code(), Some(1), "{}", errors(&o));
    for wrong in [&["--every", "0"][..], &["--every", "x"], &["--every", "1", "--per-video", "2"]] {
        let o = prepare(&from, &dir.path().join("z"), wrong);
        assert_eq!(o.status.code(), Some(2), "{wrong:?}");
    }
    assert!(!dir.path().join("z").exists());
}

#[test]
fn a_run_is_gone_on_with_and_never_mixed_with_another() {
    let dir = tempfile::tempdir().unwrap();
    // The pairs may lie inside the folder of videos.
    let (from, out) = (dir.path().join("videos"), dir.path().join("videos/pairs"));
    videos(&from);
    done(&prepare(&from, &out, &[]));
    let whole = tree(&out);
    // Whatever is damaged is cut again; the rest stays.
    let kept = std::fs::metadata(out.join("frames/one_00001500.jpg")).unwrap().modified().unwrap();
    std::fs::write(out.join("audio/deep-er-two_v2_00001500.wav"), b"RIFF").unwrap();
    std::fs::remove_file(out.join("videos/deep-short_one.json")).unwrap();
    std::fs::write(out.join("frames/.x.jpg.part"), b"left by a killed run").unwrap();
    std::fs::remove_dir_all(out.join("metadata")).unwrap();
    let o = prepare(&from, &out, &[]);
    done(&o);
    assert!(said(&o).contains("2 new") && said(&o).contains("2 were there"), "{}", said(&o));
    assert!(tree(&out) == whole);
    let now = std::fs::metadata(out.join("frames/one_00001500.jpg")).unwrap().modified().unwrap();
    assert_eq!(kept, now);
    for (more, word) in [
        (&["--every", "2"][..], "--every 3, now it is 2"),
        (&["--per-video", "1"], "--every 3, now it is not given"),
        (&["--rate", "8000"], "--rate 16000"),
        (&["--pictures", "png"], "--pictures jpg"),
    ] {
        let o = prepare(&from, &out, more);
        assert_eq!(o.status.code(), Some(1), "{more:?}");
        assert!(
            errors(&o).contains(word) && errors(&o).contains("another folder"),
            "{}",
            errors(&o)
        );
    }
    let other = dir.path().join("other");
    write_video(&other.join("one.mp4"), 4, 3.0);
    let o = prepare(&other, &out, &[]);
    assert!(errors(&o).contains("was made from"), "{}", errors(&o));
    assert!(tree(&out) == whole);
    let full = dir.path().join("full");
    touch(full.join("thesis.tex"), b"x");
    let o = prepare(&from, &full, &[]);
    assert!(errors(&o).contains("thesis.tex"), "{}", errors(&o));
    assert_eq!(tree(&full).len(), 1);
    // A video that changed is cut again, and nothing of the old one stays.
    write_video(&from.join("one.mp4"), 9, 3.0);
    done(&prepare(&from, &out, &[]));
    let names: Vec<_> = tree(&out).into_keys().filter(|n| n.starts_with("frames")).collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[test]
#[cfg(unix)]
fn killed_and_stopped_runs_end_in_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let (from, out, fresh) =
        (dir.path().join("videos"), dir.path().join("pairs"), dir.path().join("fresh"));
    write_video(&from.join("a.mp4"), 1, 6.0);
    for i in 0..9 {
        std::fs::copy(from.join("a.mp4"), from.join(format!("b{i}.mp4"))).unwrap();
    }
    let more = ["--every", "0.25", "--jobs", "2"];
    done(&prepare(&from, &fresh, &more));
    let want = tree(&fresh);
    let (mut killed, mut round) = (0, 0u32);
    for signal in [libc::SIGKILL, libc::SIGKILL, libc::SIGINT, libc::SIGKILL, libc::SIGINT] {
        round += 1;
        let mut child = Command::new(env!("CARGO_BIN_EXE_fnac"))
            .args(["prepare", from.to_str().unwrap(), "--out", out.to_str().unwrap()])
            .args(more)
            .arg("--quiet")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let count = || std::fs::read_dir(out.join("audio")).map_or(0, |d| d.count());
        let (before, started) = (count(), Instant::now());
        let more_than = before + 4 * round as usize;
        while count() < more_than && started.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(2));
        }
        // SAFETY: a signal to a child of our own.
        unsafe { libc::kill(child.id() as i32, signal) };
        let status = child.wait().unwrap();
        if signal == libc::SIGINT && status.code().is_some() {
            assert!([Some(130), Some(0)].contains(&status.code()), "{status:?}");
            let half = tree(&out).into_keys().any(|n| n.to_string_lossy().ends_with(".part"));
            assert!(!half, "whole files only");
        }
        killed += u32::from(status.code() != Some(0));
        for (name, bytes) in tree(&out) {
            let text = name.to_string_lossy().into_owned();
            let list = text.starts_with("metadata") || text.ends_with(".part");
            assert!(list || want.get(&name) == Some(&bytes), "{text} is not whole");
        }
    }
    assert!(killed >= 2, "{killed} of 5 were stopped on the way");
    done(&prepare(&from, &out, &more));
    let got = tree(&out);
    assert_eq!(got.keys().collect::<Vec<_>>(), want.keys().collect::<Vec<_>>());
    assert!(got == want);
}

fn doctor(root: &Path, more: &[&str]) -> (Option<i32>, serde_json::Value, String) {
    let mut args = vec!["data", "doctor", root.to_str().unwrap(), "--json"];
    args.extend(more);
    let o = fnac(&args);
    let json = serde_json::from_slice(&o.stdout).unwrap_or(serde_json::Value::Null);
    (o.status.code(), json, errors(&o))
}

fn found(json: &serde_json::Value, kind: &str) -> Vec<String> {
    let of_kind = json["findings"].as_array().unwrap().iter().filter(|f| f["kind"] == kind);
    of_kind.map(|f| f["id"].as_str().unwrap().to_owned()).collect()
}

/// A clean set of pairs.
fn clean(root: &Path, n: u32) {
    for i in 0..n {
        write_pair(root, &format!("item{i:02}"), i);
    }
}

#[test]
fn the_doctor_finds_nothing_in_clean_sets() {
    let dir = tempfile::tempdir().unwrap();
    clean(dir.path(), 12);
    let (code, json, errors) = doctor(dir.path(), &[]);
    assert_eq!(
        (code, json["usable"].as_u64(), json["clean"].as_u64()),
        (Some(0), Some(12), Some(12))
    );
    assert!(json["findings"].as_array().unwrap().is_empty() && errors.is_empty(), "{errors}");
    // The drawn world: things on grounds of few kinds, negatives, silence on purpose.
    let world = dir.path().join("world");
    done(&fnac(&[
        "synth",
        "--seed",
        "2",
        "--count",
        "60",
        "--negatives",
        "0.2",
        "--out",
        world.to_str().unwrap(),
    ]));
    let (code, json, _) = doctor(&world, &[]);
    assert_eq!((code, json["clean"].as_u64()), (Some(0), Some(60)), "{}", json["findings"]);
    assert!(json["negatives"].as_u64().unwrap() > 3);
    let videos = dir.path().join("videos");
    write_video(&videos.join("a.mp4"), 1, 7.0);
    let (code, json, _) = doctor(&videos, &[]);
    assert_eq!((code, json["usable"].as_u64()), (Some(0), Some(2)), "{}", json["findings"]);
}

#[test]
fn the_doctor_finds_each_planted_defect_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    clean(root, 14);
    let (frame, audio) = (
        |i: u32| root.join(format!("frames/item{i:02}.jpg")),
        |i: u32| root.join(format!("audio/item{i:02}.wav")),
    );
    let cut = |path: PathBuf| {
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    };
    std::fs::remove_file(audio(0)).unwrap();
    cut(frame(1));
    cut(audio(2));
    write_wav(&audio(3), &tone(3, 2.0, RATE), RATE);
    write_wav(&audio(4), &vec![0.0; 50_000], RATE);
    write_picture(&frame(5), &fnac::units::RgbPicture::new(9, 9, vec![77; 243]).unwrap());
    write_wav(&audio(6), &tone(6, 3.5, 44_100), 44_100);
    std::fs::copy(frame(8), frame(9)).unwrap();
    std::fs::copy(audio(8), audio(10)).unwrap();
    write_picture(&frame(11), &picture(8, 80, 60));
    let list = root.join("test list.txt");
    std::fs::write(&list, "item12\nabsent\n").unwrap();
    let written = root.join("clean.txt");
    let (code, json, errors) = doctor(
        root,
        &["--against", list.to_str().unwrap(), "--write-list", written.to_str().unwrap()],
    );
    assert_eq!(code, Some(3));
    let ids = |kind: &str| found(&json, kind);
    let items = |n: &[u32]| n.iter().map(|i| format!("item{i:02}")).collect::<Vec<_>>();
    assert_eq!(ids("missing"), items(&[0]));
    assert_eq!(ids("undecodable"), items(&[1, 2]));
    assert_eq!(ids("short"), items(&[3]));
    assert_eq!(ids("silent"), items(&[4]));
    assert_eq!(ids("still"), items(&[5]));
    assert_eq!(ids("rate"), items(&[6]));
    assert_eq!(ids("duplicate"), items(&[9, 10]));
    assert_eq!(ids("near-duplicate"), items(&[11]));
    assert_eq!(ids("overlap"), items(&[12]));
    assert!(ids("boxes").is_empty());
    assert_eq!((json["listed"].as_u64(), json["usable"].as_u64()), (Some(14), Some(11)));
    assert!(errors.contains("1 missing, 2 undecodable"), "{errors}");
    // The list of what is clean opens as the clean rest.
    let names = std::fs::read_to_string(&written).unwrap();
    assert_eq!(names.lines().collect::<Vec<_>>(), items(&[7, 8, 13]));
    let (code, json, _) = doctor(root, &["--list", written.to_str().unwrap()]);
    assert_eq!((code, json["usable"].as_u64()), (Some(0), Some(3)));
    // The same in words.
    let o = fnac(&["data", "doctor", root.to_str().unwrap(), "--quiet"]);
    let text = said(&o);
    assert!(text.contains("11 of 14 usable (pairs)"), "{text}");
    assert!(text.contains("item10: the same sound as item08"), "{text}");
    assert!(text.contains("item03: 2.00 s"), "{text}");
}

#[test]
fn a_video_that_does_not_move_is_still() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("still.mp4");
    let mut settings = ClipSettings::new(96, 64, 10.0, TimeBase::new(1, 5120).unwrap());
    settings.audio = Some(AudioSettings::default());
    let rate = AudioSettings::default().rate;
    let mut writer = ClipWriter::create(&path, settings).unwrap();
    let p = picture(3, 96, 64);
    let rgba: Vec<u8> = p.data().chunks_exact(3).flat_map(|c| [c[0], c[1], c[2], 255]).collect();
    for i in 0..40 {
        writer.push_video(&rgba, MediaTime::from_millis(100 * i)).unwrap();
    }
    let stereo: Vec<f32> = tone(3, 4.0, rate).iter().flat_map(|v| [*v, *v]).collect();
    writer.push_audio(&stereo).unwrap();
    writer.finish().unwrap();
    write_video(&dir.path().join("moves.mp4"), 1, 4.0);
    let (code, json, _) = doctor(dir.path(), &[]);
    assert_eq!((code, found(&json, "still")), (Some(3), vec!["still@1.500".to_owned()]));
    assert_eq!(json["findings"].as_array().unwrap().len(), 1, "{}", json["findings"]);
}

#[test]
fn the_doctor_finds_bad_boxes_wherever_a_set_keeps_them() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    clean(root, 5);
    let json = r#"[{"file": "item00", "class": "a", "bbox": [[0.1, 0.1, 0.5, 0.5]]},
        {"file": "item01", "class": "a", "bbox": [[0.1, 0.1, -2.8823037615171176e+16, 0.5], [0.2, 0.2, 0.4, 0.4]]},
        {"file": "item02", "class": "a", "bbox": [[0.1, 0.1, 1.5, 0.5]]},
        {"file": "item03", "class": "a", "bbox": [[0.5, 0.1, 0.5, 0.5]]},
        {"file": "item04", "class": "a", "bbox": [[0, 0, 1, 1]]}]"#;
    touch(root.join("vggss.json"), json.as_bytes());
    let (code, json, _) = doctor(root, &[]);
    assert_eq!((code, json["format"].as_str()), (Some(3), Some("vggss")));
    assert_eq!(found(&json, "boxes"), ["item01", "item02", "item03"]);
    assert_eq!(json["usable"].as_u64(), Some(5), "they are kept");

    std::fs::remove_file(root.join("vggss.json")).unwrap();
    let xml = |b: [i32; 4]| {
        let [x0, y0, x1, y1] = b;
        format!(
            "<annotation><p1><bbox><label>x</label><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}\
             </xmax><ymax>{y1}</ymax></bbox></p1></annotation>"
        )
    };
    for (i, b) in [[1, 2, 100, 200], [100, 2, 1, 200], [5, 5, 5, 50]].into_iter().enumerate() {
        touch(root.join(format!("Annotations/item0{i}.xml")), xml(b).as_bytes());
    }
    touch(root.join("Annotations/item03.xml"), b"<annotation><bbox>");
    let (code, json, _) = doctor(root, &[]);
    assert_eq!((code, json["format"].as_str()), (Some(3), Some("flickr")));
    assert_eq!(found(&json, "boxes"), ["item01", "item02"]);
    assert_eq!(found(&json, "missing"), ["item03", "item04"]);
}

#[test]
fn the_doctor_says_what_is_no_set() {
    let dir = tempfile::tempdir().unwrap();
    let (code, _, errors) = doctor(dir.path(), &[]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("recognised"), "{errors}");
    let (code, _, _) = doctor(dir.path(), &["--format", "coco"]);
    assert_eq!(code, Some(2));
    std::fs::create_dir_all(dir.path().join("frames")).unwrap();
    std::fs::create_dir_all(dir.path().join("audio")).unwrap();
    let (code, _, errors) = doctor(dir.path(), &[]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("no item in it"), "{errors}");
}
