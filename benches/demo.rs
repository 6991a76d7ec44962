//! How good is a checkpoint on the drawn world?
//!
//! `cargo bench --profile dev --bench demo -- [CHECKPOINT] [--scenes N] [--fine 2,4] [--kinds dog,cat]
//! [--threads N] [--out DIR]` prints the report's tables and, with `--out`, writes `demo.json` and `demo.md` there.
//! Scenes come from seeds from 900000 on, which nothing may be learnt from; `--scenes` scales all
//! parts (600 scenes, 400 of two things, 260 with held-out drawings, 200 negatives of each kind).
//! Without a checkpoint the weights are a formula's: everything runs and the figures are chance.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;
use std::time::Instant;

use fnac::eval::drawn::{DrawnOptions, report};
use fnac::model::Checkpoint;

fn main() {
    let mut options = DrawnOptions::default();
    let (mut file, mut out, mut threads) = (None::<PathBuf>, None::<PathBuf>, 0);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().unwrap_or_else(|| panic!("{arg} needs a value"));
        match arg.as_str() {
            // Cargo's own.
            "--bench" => {}
            "--scenes" => {
                let n: u64 = value().parse().expect("--scenes needs a number");
                let part = |whole: u64| (whole * n).div_ceil(600).max(1);
                options = DrawnOptions {
                    scenes: n,
                    choosing: part(200),
                    two: part(400),
                    held_out: part(260),
                    negatives: part(200),
                    ..options
                };
            }
            "--fine" => {
                let list = value();
                let parts = list.split(',').filter(|p| !p.is_empty());
                options.fine = parts.map(|p| p.parse().expect("--fine needs 2 or 4")).collect();
            }
            "--kinds" => options.kinds = value().split(',').map(str::to_owned).collect(),
            "--threads" => threads = value().parse().expect("--threads needs a number"),
            "--out" => out = Some(value().into()),
            _ => file = Some(arg.into()),
        }
    }
    let checkpoint = match &file {
        Some(file) => Checkpoint::read(file).unwrap_or_else(|e| panic!("{e}")),
        None => Checkpoint::formula(16, 128, ""),
    };
    let started = Instant::now();
    let told = |part: &str, done: u64, of: u64| {
        if done.is_multiple_of(128) {
            eprintln!("{:6.1} s  {part}: {done} of {of}", started.elapsed().as_secs_f64());
        }
    };
    let report = report(&checkpoint, &options, threads, &told).unwrap_or_else(|e| panic!("{e}"));
    let text = report.to_markdown();
    println!("{text}\nMeasured in {:.0} s.", started.elapsed().as_secs_f64());
    if let Some(dir) = out {
        std::fs::create_dir_all(&dir).unwrap();
        let json = serde_json::to_vec_pretty(&report).unwrap();
        fnac::files::write_whole(&dir.join("demo.json"), &json).unwrap();
        fnac::files::write_whole(&dir.join("demo.md"), text.as_bytes()).unwrap();
    }
}
