//! `fnac synth` as people call it: the real program, its files read back with plain readers.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use fnac::data::{WorldFile, vggss_rule};
use fnac::media::{MediaSource, probe};
use fnac::synth::{Library, Scene, SceneOptions, Split};
use fnac::truth::TruthTrack;
use fnac::units::MediaTime;

fn synth(out: &Path, args: &str) -> Output {
    command(out, args).output().unwrap()
}

fn command(out: &Path, args: &str) -> Command {
    let mut c = Command::new(env!("CARGO_BIN_EXE_fnac"));
    c.arg("synth").args(args.split_whitespace()).arg("--out").arg(out);
    c
}

fn errors(o: &Output) -> String {
    String::from_utf8_lossy(&o.stderr).into_owned()
}

fn done(o: &Output) {
    assert_eq!(o.status.code(), Some(0), "{}", errors(o));
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

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn pairs_are_what_the_planned_scenes_say() {
    let dir = tempfile::tempdir().unwrap();
    let o = synth(
        dir.path(),
        "--seed 7 --count 16 --negatives 0.3 --sources 1-2 --distractors 0-2 --lists 60,20,20 --aspect 1",
    );
    done(&o);
    let library = Library::drawn().unwrap();
    let options = SceneOptions {
        negatives: 0.3,
        sources: 1..=2,
        distractors: 0..=2,
        aspect: 1.0..=1.0,
        split: Split::Any,
        ..SceneOptions::default()
    };
    let at = |sub: &str, file: String| dir.path().join(sub).join(file);
    let boxes: Vec<serde_json::Value> =
        serde_json::from_slice(&std::fs::read(at("metadata", "vggss.json".into())).unwrap())
            .unwrap();
    let mut sounding = Vec::new();
    for i in 0..16u64 {
        let name = format!("toy7_{i:07}");
        let scene = Scene::plan(&library, &options, 7, i).unwrap();
        let frame = image::open(at("frames", format!("{name}.png"))).unwrap().to_rgb8();
        assert_eq!(frame.as_raw().as_slice(), scene.picture(&library).data());
        let wav = hound::WavReader::open(at("audio", format!("{name}.wav"))).unwrap();
        assert_eq!(
            (wav.spec().channels, wav.spec().sample_rate, wav.duration()),
            (1, 16_000, 48_000)
        );
        let want = scene.sound_plan().mono(&library, 16_000);
        for (got, want) in wav.into_samples::<i16>().zip(&want) {
            assert!((f32::from(got.unwrap()) / 32767.0 - want).abs() < 0.51 / 32767.0);
        }
        let mut truth = TruthTrack::read(&at("truth", format!("{name}.truth.json"))).unwrap();
        let about = std::mem::take(&mut truth.about);
        let mut planned = scene.truth().clone();
        let planned_about = std::mem::take(&mut planned.about);
        assert_eq!(truth, planned);
        assert!(
            planned_about.iter().all(
                |(k, v)| ["seed", "index", "generator"].contains(&k.as_str()) || about[k] == *v
            )
        );
        assert_eq!(
            (about["seed"].as_str(), about["index"].as_str()),
            ("7", i.to_string().as_str())
        );

        let mask = image::open(at("masks", format!("{name}.png"))).unwrap().to_luma8();
        let mut inside = vec![false; 224 * 224];
        let mut heard = Vec::new();
        for s in truth.at(MediaTime::ZERO).iter().filter(|s| s.sounding) {
            let (Some(b), Some(m)) = (s.bbox, s.mask) else { continue };
            heard.push((s.source.kind.clone(), b));
            inside.iter_mut().zip(m.to_pixels()).for_each(|(o, p)| *o |= p);
        }
        assert!(mask.as_raw().iter().zip(&inside).all(|(g, i)| *g == if *i { 255 } else { 0 }));
        let entry = boxes.iter().find(|b| b["file"] == name.as_str());
        assert_eq!(entry.is_some(), scene.negative().is_none(), "negatives have no boxes");
        let Some(entry) = entry else { continue };
        sounding.push(name);
        let read: Vec<[f64; 4]> = serde_json::from_value(entry["bbox"].clone()).unwrap();
        let exact: Vec<[u32; 4]> =
            heard.iter().map(|(_, b)| [b.x0, b.y0, b.x1, b.y1].map(|v| v as u32)).collect();
        assert_eq!(read.iter().map(|b| vggss_rule(*b, 224)).collect::<Vec<_>>(), exact);
        let kinds: Vec<_> = heard.iter().map(|h| h.0.as_str()).collect();
        assert_eq!(entry["class"], kinds.join("+"));
    }
    assert_eq!(lines(&at("metadata", "sounding.txt".into())), sounding);
    assert_eq!(lines(&at("metadata", "all.txt".into())).len(), 16);
    assert!((1..16).contains(&sounding.len()), "{} of 16 sound", sounding.len());
    let lists: BTreeSet<String> = ["train.txt", "val.txt", "test.txt"]
        .iter()
        .flat_map(|l| lines(&at("metadata", (*l).into())))
        .collect();
    assert_eq!(lists.into_iter().collect::<Vec<_>>(), sounding);
    let world = WorldFile::read(dir.path()).unwrap().unwrap();
    assert_eq!((world.content.as_str(), world.seed, world.items), ("pairs", 7, 16));
    assert_eq!(world.options["sources"], "1-2");
    assert_eq!(world.kinds.len(), library.kinds.len());
}

#[test]
fn any_range_made_again_has_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, part, one) =
        (dir.path().join("whole"), dir.path().join("part"), dir.path().join("one"));
    done(&synth(&whole, "--seed 3 --count 10"));
    done(&synth(&part, "--seed 3 --start 4 --count 3 --jobs 1"));
    let all = tree(&whole);
    let items: Vec<_> =
        tree(&part).into_iter().filter(|(n, _)| n.to_string_lossy().contains("toy3_")).collect();
    assert_eq!(items.len(), 3 * 4);
    for (name, bytes) in items {
        assert!(all[&name] == bytes, "{} differs", name.display());
    }
    // The rest of the range, in two more runs and another order: the folder is the same.
    done(&synth(&part, "--seed 3 --count 4"));
    done(&synth(&part, "--seed 3 --start 7 --count 3"));
    assert_eq!(tree(&part), all);
    done(&synth(&one, "--seed 4 --count 10"));
    assert_ne!(tree(&one), all);
}

#[test]
fn a_second_run_mends_what_is_missing_and_keeps_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    done(&synth(&out, "--seed 5 --count 8 --pictures jpg"));
    let all = tree(&out);
    let kept = std::fs::metadata(out.join("frames/toy5_0000001.jpg")).unwrap().modified().unwrap();
    std::fs::remove_file(out.join("audio/toy5_0000002.wav")).unwrap();
    std::fs::write(out.join("frames/toy5_0000003.jpg"), b"\xff\xd8\xff half").unwrap();
    std::fs::write(out.join("truth/toy5_0000004.truth.json"), b"{").unwrap();
    std::fs::write(out.join("frames/.toy5_0000006.jpg.part"), b"left by a killed run").unwrap();
    std::fs::remove_dir_all(out.join("metadata")).unwrap();
    let o = synth(&out, "--seed 5 --count 8 --pictures jpg");
    done(&o);
    let text = String::from_utf8_lossy(&o.stdout).into_owned();
    assert!(text.contains("3 new") && text.contains("5 were there"), "{text}");
    assert_eq!(tree(&out), all);
    let now = std::fs::metadata(out.join("frames/toy5_0000001.jpg")).unwrap().modified().unwrap();
    assert_eq!(kept, now);
}

#[test]
fn another_run_is_not_mixed_in_and_the_difference_is_named() {
    let dir = tempfile::tempdir().unwrap();
    done(&synth(dir.path(), "--seed 5 --count 2"));
    let all = tree(dir.path());
    for (args, word) in [
        ("--seed 6 --count 2", "--seed 5"),
        ("--seed 5 --count 2 --sizes 0.2-0.4", "--sizes 0.3-0.6"),
        ("--seed 5 --count 2 --kinds dog,cat,bell", "kinds"),
        ("--seed 5 --count 2 --pictures jpg", "--pictures png"),
        ("--seed 5 --count 2 --videos", "holds pairs"),
    ] {
        let o = synth(dir.path(), args);
        assert_eq!(o.status.code(), Some(1), "{args}");
        assert!(
            errors(&o).contains(word) && errors(&o).contains("another folder"),
            "{}",
            errors(&o)
        );
    }
    assert_eq!(tree(dir.path()), all);
}

#[test]
fn wrong_usage_ends_with_2_and_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    for (args, word) in [
        ("--count 0", "--count"),
        ("--seed 1", "--count"),
        ("--count 1 --distractors 9", "from 0 to 3"),
        ("--count 1 --kinds dragon", "dragon"),
        ("--count 1 --kinds dog --distractors 2", "kinds"),
        ("--count 1 --sources 4 --sizes 0.9", "fit"),
    ] {
        let o = synth(&out, args);
        assert_eq!(o.status.code(), Some(2), "{args}: {}", errors(&o));
        assert!(errors(&o).contains(word), "{args}: {}", errors(&o));
        assert!(!out.exists(), "{args}");
    }
}

#[test]
fn a_place_that_cannot_be_written_is_named_with_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, b"x").unwrap();
    let mut places = vec![(file.clone(), "Name a folder"), (file.join("deeper"), "Name a folder")];
    #[cfg(target_os = "linux")]
    places.push((PathBuf::from("/proc/fnac-out"), "may write"));
    let locked = dir.path().join("locked");
    std::fs::create_dir(&locked).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).unwrap();
        if std::fs::write(locked.join("try"), b"").is_err() {
            places.push((locked.join("out"), "may write"));
        } else {
            eprintln!("skipped: this user may write to read-only folders");
        }
    }
    for (place, remedy) in places {
        let o = synth(&place, "--count 2");
        let text = errors(&o);
        assert_eq!(o.status.code(), Some(1), "{text}");
        assert!(text.contains(&place.display().to_string()) && text.contains(remedy), "{text}");
        assert!(!text.contains("os error"), "{text}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"x");
}

/// A small disk, unmounted at the end; `None` where the system does not permit one.
#[cfg(target_os = "linux")]
struct SmallDisk(PathBuf);

#[cfg(target_os = "linux")]
impl SmallDisk {
    fn new(at: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        Self::mount(at, &format!("size={size}")).then(|| Self(at.into()))
    }

    fn mount(at: &Path, options: &str) -> bool {
        let quiet = |c: &mut Command| c.stderr(Stdio::null()).status().is_ok_and(|s| s.success());
        quiet(Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at))
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg(&self.0).status().ok();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_leaves_whole_items_and_a_second_run_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::new(&dir.path().join("disk"), "3m") else {
        eprintln!("skipped: no small disk can be mounted here");
        return;
    };
    let out = disk.0.join("out");
    let o = synth(&out, "--seed 9 --count 40");
    let text = errors(&o);
    assert_eq!(o.status.code(), Some(1), "{text}");
    assert!(text.contains("the disk is full") && text.contains("Free some space"), "{text}");
    assert!(text.contains("toy9_00000") && text.contains("stay"), "{text}");
    let there = tree(&out);
    assert!(there.keys().all(|n| !n.to_string_lossy().ends_with(".part")), "no half files");
    let truths = there.keys().filter(|n| n.starts_with("truth")).count();
    assert!((3..40).contains(&truths), "{truths} items");
    for name in there.keys().filter(|n| n.extension() == Some(OsStr::new("png"))) {
        image::open(out.join(name)).unwrap();
    }
    assert!(
        Command::new("mount")
            .args(["-o", "remount,size=64m"])
            .arg(&disk.0)
            .status()
            .unwrap()
            .success()
    );
    let o = synth(&out, "--seed 9 --count 40");
    done(&o);
    assert!(String::from_utf8_lossy(&o.stdout).contains(&format!("{truths} were there")));
    let fresh = dir.path().join("fresh");
    done(&synth(&fresh, "--seed 9 --count 40"));
    assert_eq!(tree(&out), tree(&fresh));
}

#[test]
#[cfg(unix)]
fn ctrl_c_leaves_whole_files_and_lists_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let mut child = command(&out, "--seed 2 --count 1000000 --quiet").spawn().unwrap();
    let started = Instant::now();
    let count = || std::fs::read_dir(out.join("truth")).map_or(0, |d| d.count());
    while count() < 8 && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let asked = Instant::now();
    // SAFETY: a signal to a child of our own.
    unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    let there = tree(&out);
    assert!(there.keys().all(|n| !n.to_string_lossy().ends_with(".part")));
    let names = lines(&out.join("metadata/all.txt"));
    assert!(names.len() >= 8);
    assert_eq!(names.len(), count(), "the lists hold what is there");
    for name in &names {
        image::open(out.join(format!("frames/{name}.png"))).unwrap();
        hound::WavReader::open(out.join(format!("audio/{name}.wav"))).unwrap();
        TruthTrack::read(&out.join(format!("truth/{name}.truth.json"))).unwrap();
    }
    let world = WorldFile::read(&out).unwrap().unwrap();
    assert_eq!(world.items as usize, names.len());
    done(&synth(&out, "--seed 2 --count 4"));
}

#[test]
fn videos_play_and_their_truth_lies_beside_them() {
    let dir = tempfile::tempdir().unwrap();
    let args = "--seed 11 --count 2 --videos --secs 2 --fps 12 --size 320x180";
    done(&synth(dir.path(), args));
    for i in 0..2 {
        let clip = dir.path().join(format!("toy11_000000{i}.mp4"));
        let info = probe(&MediaSource::File(clip.clone())).unwrap();
        let video = info.video.unwrap();
        assert_eq!((video.width, video.height, video.frames), (320, 180, 24));
        assert!((info.duration.as_secs_f64() - 2.0).abs() < 0.05, "{}", info.duration);
        assert_eq!(info.audio.len(), 1);
        let truth = TruthTrack::read(&TruthTrack::sidecar(&clip)).unwrap();
        assert_eq!((truth.width, truth.height), (320, 180));
        assert_eq!(truth.duration, MediaTime::from_secs_f64(2.0));
        assert!(truth.defects().is_empty());
        assert!(truth.sources.iter().any(|s| !s.sounding.is_empty()));
    }
    let o = synth(dir.path(), args);
    done(&o);
    assert!(String::from_utf8_lossy(&o.stdout).contains("2 were there"));
}

#[test]
fn avsbench_trees_are_complete() {
    for (args, table, data) in [
        ("--sources 1", "Single-source/s4_meta_data.csv", "Single-source/s4_data"),
        ("--sources 2", "Multi-sources/ms3_meta_data.csv", "Multi-sources/ms3_data"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        done(&synth(dir.path(), &format!("--seed 1 --count 3 --layout avsbench {args}")));
        let mut rows = csv::Reader::from_path(dir.path().join(table)).unwrap();
        assert_eq!(rows.records().count(), 3);
        let files = tree(&dir.path().join(data));
        let count = |sub: &str| files.keys().filter(|n| n.starts_with(sub)).count();
        assert_eq!((count("visual_frames"), count("gt_masks"), count("audio_wav")), (15, 15, 3));
    }
}

/// A kind of a user's own.
fn kind(dir: &Path, name: &str, colour: [u8; 3], pitch: f64) {
    let dir = dir.join(name);
    std::fs::create_dir_all(&dir).unwrap();
    let [r, g, b] = colour;
    image::RgbaImage::from_fn(80, 80, |x, y| {
        let inside = (10..70).contains(&x) && (20..60).contains(&y);
        image::Rgba([r, g, b, if inside { 255 } else { 0 }])
    })
    .save(dir.join("a.png"))
    .unwrap();
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 22_050,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(dir.join("a.wav"), spec).unwrap();
    for i in 0..11_025 {
        let v = (f64::from(i) * pitch * std::f64::consts::TAU / 22_050.0).sin();
        wav.write_sample((9000.0 * v) as i16).unwrap();
    }
    wav.finalize().unwrap();
}

#[test]
fn a_users_own_kinds_make_a_world_and_bad_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let mine = dir.path().join("my kinds");
    kind(&mine, "red", [250, 10, 10], 300.0);
    kind(&mine, "grün", [10, 250, 10], 900.0);
    let out = dir.path().join("out");
    let args = "--seed 1 --count 6 --distractors 0-1";
    let run = |out: &Path| command(out, args).arg("--cutouts").arg(&mine).output().unwrap();
    done(&run(&out));
    let classes: BTreeSet<String> = lines(&out.join("metadata/items.csv"))[1..]
        .iter()
        .map(|l| l.split(',').nth(1).unwrap().to_owned())
        .collect();
    assert!(classes.iter().all(|c| ["red", "grün"].contains(&c.as_str())), "{classes:?}");
    assert!(WorldFile::read(&out).unwrap().unwrap().library.starts_with("cut-outs "));

    // Bad files beside the good ones change nothing but the exit code and what is said.
    std::fs::write(mine.join("red/broken.png"), b"\x89PNG\r\n\x1a\nno more").unwrap();
    std::fs::write(mine.join("red/broken.mp3"), [7; 3000]).unwrap();
    std::fs::create_dir(mine.join("mute")).unwrap();
    std::fs::copy(mine.join("red/a.png"), mine.join("mute/a.png")).unwrap();
    let o = run(&out);
    assert_eq!(o.status.code(), Some(3), "{}", errors(&o));
    for word in ["broken.png", "broken.mp3", "mute`"] {
        assert!(errors(&o).contains(word), "{}", errors(&o));
    }
    assert!(String::from_utf8_lossy(&o.stdout).contains("6 were there"));

    // Another good file is another world.
    std::fs::copy(mine.join("red/a.png"), mine.join("red/b.png")).unwrap();
    let o = run(&out);
    assert_eq!(o.status.code(), Some(1), "{}", errors(&o));
    assert!(errors(&o).contains("other contents"), "{}", errors(&o));

    let o =
        command(&dir.path().join("none"), "--count 1").arg("--cutouts").arg(dir.path()).output();
    let o = o.unwrap();
    assert_eq!(o.status.code(), Some(1));
    assert!(errors(&o).contains("<kind>/*.png"), "{}", errors(&o));
}

#[test]
fn one_kind_alone_is_enough() {
    let dir = tempfile::tempdir().unwrap();
    let mine = dir.path().join("kinds");
    kind(&mine, "only", [250, 10, 250], 500.0);
    let out = dir.path().join("out");
    let o =
        command(&out, "--count 3 --negatives 0.5").arg("--cutouts").arg(&mine).output().unwrap();
    done(&o);
}

#[test]
fn quiet_says_nothing_and_otherwise_one_line_is_enough() {
    let dir = tempfile::tempdir().unwrap();
    let o = synth(dir.path(), "--count 2 --quiet");
    done(&o);
    assert!(o.stdout.is_empty() && o.stderr.is_empty());
    let o = synth(dir.path(), "--count 3");
    done(&o);
    assert_eq!(String::from_utf8_lossy(&o.stdout).lines().count(), 1);
    assert!(o.stderr.is_empty(), "{}", errors(&o));
}

#[test]
fn the_help_tells_files_and_defaults() {
    let o = Command::new(env!("CARGO_BIN_EXE_fnac")).args(["help", "synth"]).output().unwrap();
    let text = String::from_utf8_lossy(&o.stdout).into_owned();
    assert!(o.status.success());
    for word in
        ["--cutouts", "--negatives", "vggss.json", "Examples", "[default: 0.3-0.6;", "world.json"]
    {
        assert!(text.contains(word), "{word}:\n{text}");
    }
}
