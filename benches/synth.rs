//! How fast is the drawn world written? Pairs per second, and clip seconds per second.
//!
//! `cargo bench --profile dev --bench synth [-- --pairs 400 --secs 10]` prints a table; the files go to a
//! folder that is removed again. `benches/synth.py` runs the same job in NumPy, SciPy and Pillow
//! beside it, in turn, on the same cores.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use fnac::data::{
    ClipFolder, ClipFrames, Made, Pair, PairFolder, PictureFormat, Stamp, each, write_lists,
};
use fnac::synth::{Library, Movie, MovieOptions, Scene, SceneOptions, Split};
use fnac::truth::TruthTrack;
use fnac::units::RgbPicture;

const RATE: u32 = 16_000;

fn stamp() -> Stamp {
    Stamp { seed: 1, world: "bench".into() }
}

fn scenes() -> SceneOptions {
    SceneOptions { split: Split::Any, negatives: 0.1, sources: 1..=2, ..SceneOptions::default() }
}

fn pair(library: &Library, options: &SceneOptions, i: u64) -> Pair {
    let scene = Scene::plan(library, options, 1, i).unwrap();
    Pair {
        picture: scene.picture(library),
        sound: scene.sound_plan().mono(library, RATE),
        truth: scene.truth().clone(),
    }
}

/// Seconds of writing `n` pairs with their lists, and megabytes on disk.
fn pairs(library: &Library, n: u64, jobs: usize, format: PictureFormat) -> (f64, f64) {
    let dir = tempfile::tempdir().unwrap();
    let options = scenes();
    let folder =
        PairFolder::new(dir.path(), format, RATE, 3 * RATE as usize, options.size, stamp());
    let folder = folder.unwrap();
    let started = Instant::now();
    let mut facts = Vec::new();
    let go = AtomicBool::new(false);
    let make = |i| folder.write(i, &pair(library, &options, i)).map(Made::New);
    each("synth", 0..n, jobs, &go, make, |_, made| {
        if let Made::New(f) = made {
            facts.push(f);
        }
    })
    .unwrap();
    write_lists(dir.path(), 1, &mut facts, None).unwrap();
    let secs = started.elapsed().as_secs_f64();
    let mut bytes = 0;
    for sub in ["frames", "audio", "masks", "truth", "metadata"] {
        for entry in std::fs::read_dir(dir.path().join(sub)).unwrap() {
            bytes += entry.unwrap().metadata().unwrap().len();
        }
    }
    (secs, bytes as f64 / 1e6)
}

struct Film<'a>(&'a Movie, &'a Library);

impl ClipFrames for Film<'_> {
    fn frames(&self) -> u32 {
        self.0.frames
    }

    fn frame(&self, i: u32) -> RgbPicture {
        self.0.frame(self.1, i)
    }

    fn stereo(&self, rate: u32) -> Vec<f32> {
        self.0.sound_plan().stereo(self.1, rate)
    }

    fn truth(&self) -> TruthTrack {
        self.0.truth(self.1, true)
    }
}

/// Seconds of writing `n` clips of `secs` at `size`.
fn clips(library: &Library, n: u64, secs: f64, size: (u32, u32), jobs: usize) -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let options = MovieOptions { size, secs, split: Split::Any, ..MovieOptions::default() };
    let folder = ClipFolder::new(dir.path(), size, (25, 1), 48_000, stamp());
    let go = AtomicBool::new(false);
    let started = Instant::now();
    let make = |i| {
        let movie = Movie::plan(library, &options, 1, i).unwrap();
        folder.write(i, &Film(&movie, library), &go).map(|f| f.map_or(Made::Stopped, Made::New))
    };
    each("synth", 0..n, jobs, &go, make, |_, _| {}).unwrap();
    started.elapsed().as_secs_f64()
}

/// Mean milliseconds of `n` calls.
fn mean(n: u64, mut work: impl FnMut(u64)) -> f64 {
    let started = Instant::now();
    (0..n).for_each(&mut work);
    1e3 * started.elapsed().as_secs_f64() / n as f64
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let number = |name: &str, usual: f64| {
        let at = args.iter().position(|a| a == name);
        at.and_then(|i| args.get(i + 1)?.parse().ok()).unwrap_or(usual)
    };
    let (n, secs) = (number("--pairs", 400.0) as u64, number("--secs", 10.0));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let started = Instant::now();
    let library = Library::drawn().unwrap();
    println!("library of the drawn kinds: {:.0} ms", 1e3 * started.elapsed().as_secs_f64());

    let options = scenes();
    let planned: Vec<Scene> =
        (0..100).map(|i| Scene::plan(&library, &options, 1, i).unwrap()).collect();
    let scene = |i: u64| &planned[i as usize];
    let plan = mean(100, |i| drop(black_box(Scene::plan(&library, &options, 1, i))));
    let picture = mean(100, |i| drop(black_box(scene(i).picture(&library))));
    let sound = mean(100, |i| drop(black_box(scene(i).sound_plan().mono(&library, RATE))));
    println!(
        "one core, ms per pair: plan and truth {plan:.2}, picture {picture:.2}, sound {sound:.2}"
    );
    for (format, jobs) in
        [(PictureFormat::Png, 1), (PictureFormat::Png, cores), (PictureFormat::Jpg, cores)]
    {
        let (s, mb) = pairs(&library, n, jobs, format);
        let (rate, kb) = (n as f64 / s, 1e3 * mb / n as f64);
        let minutes = 10_000.0 / rate / 60.0;
        println!(
            "pairs, {}, {jobs} at a time: {rate:.1} per second, {kb:.0} KB each; 10,000 in {minutes:.1} min",
            format.ending()
        );
    }
    for size in [(640, 360), (960, 540)] {
        let clips_made = cores as u64;
        let s = clips(&library, clips_made, secs, size, cores);
        let rate = clips_made as f64 * secs / s;
        println!(
            "videos {}x{} at 25/s, {cores} at a time: {rate:.2} clip seconds per second",
            size.0, size.1
        );
    }
}
