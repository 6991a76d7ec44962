//! How long does one map take? Latency of the two towers by width and engine.
//!
//! `cargo bench --profile dev --bench model` prints a table for this machine.
//! `benches/torch_latency.py` measures PyTorch beside it: it starts this program with `--serve`
//! and asks for runs in turn with its own, so that a busy machine slows both.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, Write};
use std::time::Instant;

use burn::tensor::Device;
use fnac::features::{BINS, Spectrogram};
use fnac::model::{BurnTowers, Checkpoint, RtenTowers, Towers};

fn picture() -> Vec<f32> {
    (0..3 * 224 * 224).map(|i| (i as f32 * 0.013).sin()).collect()
}

fn sound() -> Spectrogram {
    let data = (0..BINS * 200).map(|i| -1.0 + 0.3 * (i as f32 * 0.7).cos()).collect();
    Spectrogram { bins: BINS, frames: 200, data }
}

fn engine(name: &str, checkpoint: &Checkpoint, threads: usize) -> Box<dyn Towers> {
    match name {
        "rten" => Box::new(RtenTowers::new(checkpoint, threads).unwrap()),
        "flex" => Box::new(BurnTowers::new(checkpoint, Device::flex(), "flex").unwrap()),
        "wgpu" => {
            let device = Device::wgpu(burn::tensor::DeviceKind::DefaultDevice);
            Box::new(BurnTowers::new(checkpoint, device, "wgpu").unwrap())
        }
        other => panic!("no engine `{other}`: rten, flex or wgpu"),
    }
}

/// Milliseconds of `runs` runs; `what` is `image`, `image4`, `image16` or `sound`.
fn times(towers: &mut dyn Towers, what: &str, runs: usize) -> Vec<f64> {
    let (image, sound) = (picture(), sound());
    let copies = what
        .strip_prefix("image")
        .and_then(|n| if n.is_empty() { Some(1) } else { n.parse().ok() });
    let inputs = vec![image; copies.unwrap_or(0)];
    (0..runs)
        .map(|_| {
            let start = Instant::now();
            if what == "sound" {
                towers.embed_sound(&sound).unwrap();
            } else {
                towers.embed_images(&inputs).unwrap();
            }
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect()
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Answers lines `engine width threads what runs` with the times in milliseconds.
fn serve() {
    let mut open: Option<(String, Box<dyn Towers>)> = None;
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, width, threads, what, runs] = words[..] else { continue };
        let key = format!("{name} {width} {threads}");
        if open.as_ref().is_none_or(|(k, _)| *k != key) {
            let width = width.parse().unwrap();
            let checkpoint = Checkpoint::formula(width, 8 * width, "");
            let mut t = engine(name, &checkpoint, threads.parse().unwrap());
            times(&mut *t, what, 2);
            open = Some((key, t));
        }
        let (_, t) = open.as_mut().unwrap();
        let list: Vec<String> =
            times(&mut **t, what, runs.parse().unwrap()).iter().map(f64::to_string).collect();
        println!("{}", list.join(" "));
        std::io::stdout().flush().unwrap();
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|a| a == "--serve") {
        return serve();
    }
    let mut engines = vec!["rten", "flex"];
    if args.iter().any(|a| a == "--wgpu") {
        engines.push("wgpu");
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{cores} cores; milliseconds, minimum / median");
    println!(
        "width engine   open first  picture          sound            4 copies, each   16 copies, each"
    );
    for width in [64, 16] {
        for name in &engines {
            let checkpoint = Checkpoint::formula(width, 8 * width, "");
            let start = Instant::now();
            let mut t = engine(name, &checkpoint, 0);
            let opened = start.elapsed().as_millis();
            times(&mut *t, "image", 1);
            let first = start.elapsed().as_millis();
            let mut row = format!("{width:5} {name:6}  {opened:5} {first:5}");
            for (what, copies, runs) in
                [("image", 1.0, 20), ("sound", 1.0, 20), ("image4", 4.0, 5), ("image16", 16.0, 3)]
            {
                times(&mut *t, what, 1);
                let mut list = times(&mut *t, what, runs);
                let middle = median(&mut list);
                row += &format!("  {:6.1} / {:6.1}", list[0] / copies, middle / copies);
            }
            println!("{row}");
        }
    }
}
