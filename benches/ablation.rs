//! What do the three adjacency terms bring? Checkpoints of several seeds per setting, one table.
//!
//! `cargo bench --profile dev --bench ablation -- RUNS [--kinds dog,cat,…] [--scenes 300] [--out FILE]`
//! takes every folder `RUNS/SETTING-SEED` with a `checkpoints/best.safetensors` (a training run's
//! folder), asks each on the same drawn scenes, which nothing was learnt from, and prints mean and
//! spread over the seeds. The runs come from a loop such as
//!
//! ```sh
//! fnac synth --seed 7 --count 3000 --kinds dog,cat,bird,cow,car,bell --out few
//! for seed in 1 2 3; do
//!   for s in contrastive:0:0 fns:100:0 tne:0:100 both:100:100; do
//!     IFS=: read name fns tne <<< $s
//!     fnac train recipe.toml --set data.train=few --set seed=$seed \
//!       --set loss.fns_audio=$fns --set loss.fns_image=$fns --set loss.tne=$tne \
//!       -o runs/$name-$seed
//!   done
//! done
//! ```
//!
//! With six kinds and batches of 32, five others of a batch share a picture's kind of sound on average:
//! the false negatives that the terms are about.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use fnac::eval::drawn::{DrawnOptions, DrawnReport, report};
use fnac::model::Checkpoint;

/// Name of a column and its figure.
type Column = (&'static str, fn(&DrawnReport) -> f64);

const COLUMNS: &[Column] = &[
    ("adaptive", |r| last(&r.scenes).adaptive.share * 100.0),
    ("mean IoU", |r| last(&r.scenes).mean_iou.mean * 100.0),
    ("pointing", |r| last(&r.scenes).pointing.share * 100.0),
    ("two right", |r| last(&r.two_things).both.share * 100.0),
    ("AUROC silence", |r| r.negatives[0].auroc * 100.0),
    ("AUROC noise", |r| r.negatives[1].auroc * 100.0),
    ("AUROC off-screen", |r| r.negatives[2].auroc * 100.0),
];

/// The last row is the finest map on cells where the checkpoint has them.
fn last<T>(rows: &[T]) -> &T {
    rows.last().expect("a report has rows")
}

fn summary(values: &[f64]) -> String {
    let known: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    if known.is_empty() {
        return "-".into();
    }
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    let low = known.iter().copied().fold(f64::INFINITY, f64::min);
    let high = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{mean:.1} ({low:.1}-{high:.1})")
}

fn main() {
    let mut options = DrawnOptions { held_out: 0, ..DrawnOptions::default() };
    let (mut runs, mut out, mut scenes) = (None::<PathBuf>, None::<PathBuf>, 300);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().unwrap_or_else(|| panic!("{arg} needs a value"));
        match arg.as_str() {
            "--bench" => {}
            "--kinds" => options.kinds = value().split(',').map(str::to_owned).collect(),
            "--scenes" => scenes = value().parse().expect("--scenes needs a number"),
            "--out" => out = Some(value().into()),
            _ => runs = Some(arg.into()),
        }
    }
    // The test harness starts every bench without arguments.
    let Some(runs) = runs else {
        println!("name the folder with the runs: see the top of benches/ablation.rs");
        return;
    };
    options.scenes = scenes;
    options.two = scenes;
    options.choosing = scenes / 2;
    options.negatives = scenes / 3;
    let mut found: BTreeMap<String, Vec<(String, DrawnReport)>> = BTreeMap::new();
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(&runs).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    for folder in folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let file = folder.join("checkpoints/best.safetensors");
        let Some((setting, seed)) = name.rsplit_once('-').filter(|_| file.is_file()) else {
            eprintln!("passed over {name}: not SETTING-SEED/checkpoints/best.safetensors");
            continue;
        };
        eprintln!("{name}");
        let checkpoint = Checkpoint::read(&file).unwrap_or_else(|e| panic!("{e}"));
        let made = report(&checkpoint, &options, 0, &|_, _, _| ()).unwrap();
        found.entry(setting.to_owned()).or_default().push((seed.to_owned(), made));
    }
    let mut text = String::new();
    let n = options.scenes;
    writeln!(
        text,
        "Per cent on {n} scenes, finest map, cells where they score best: mean over the seeds, \
         lowest and highest in brackets.\n"
    )
    .unwrap();
    let heads: Vec<_> = COLUMNS.iter().map(|c| c.0).collect();
    writeln!(text, "| setting | seeds | {} |", heads.join(" | ")).unwrap();
    writeln!(text, "| --- | --- |{}", " --- |".repeat(COLUMNS.len())).unwrap();
    for (setting, reports) in &found {
        let cells: Vec<String> = COLUMNS
            .iter()
            .map(|(_, figure)| summary(&reports.iter().map(|(_, r)| figure(r)).collect::<Vec<_>>()))
            .collect();
        writeln!(text, "| {setting} | {} | {} |", reports.len(), cells.join(" | ")).unwrap();
    }
    println!("{text}");
    if let Some(file) = out {
        fnac::files::write_whole(&file, text.as_bytes()).unwrap();
    }
}
