//! `--dry-run` and `--range-test`: looks that change nothing.

use std::path::Path;
use std::sync::atomic::Ordering;

use crate::cli::{CliResult, Failure, Outcome, Progress, stop_requested};
use crate::train::TrainConfig;
use crate::train::preflight::preflight;
use crate::train::range_test::{MOST_STEPS, range_test};

/// Prints what a run would do; fails when it could not begin like this.
pub(super) fn dry(config: &TrainConfig, place: &Path, quiet: bool) -> CliResult {
    let stop = stop_requested();
    if !quiet {
        eprintln!("fnac: looking at data, device, batch and disk");
    }
    let found = preflight(config, place, &stop)?;
    for line in found.lines() {
        println!("{line}");
    }
    if stop.load(Ordering::SeqCst) {
        return Ok(Outcome::Interrupted);
    }
    let obstacles = found.obstacles();
    if !obstacles.is_empty() {
        return Err(Failure::Nothing(anyhow::anyhow!("{}", obstacles.join("\n"))));
    }
    let all = found.broken.is_empty() && found.left_out.is_empty();
    for (id, why) in found.left_out.iter().take(20) {
        eprintln!("fnac: left out: {id}: {why}");
    }
    Ok(if all { Outcome::Done } else { Outcome::LeftOut })
}

/// Prints the loss over the rate as CSV, and the suggestion on stderr.
pub(super) fn range(config: &TrainConfig, quiet: bool) -> CliResult {
    let stop = stop_requested();
    let mut progress = Progress::new("range test", Some(MOST_STEPS), quiet);
    let test = range_test(config, &stop, |_| progress.add(1))?;
    drop(progress);
    println!("learning_rate,loss,smooth");
    for p in &test.points {
        println!("{},{},{}", p.rate, p.loss, p.smooth);
    }
    if !quiet {
        eprintln!("fnac: {}", test.words());
    }
    let stopped = stop.load(Ordering::SeqCst);
    Ok(if stopped { Outcome::Interrupted } else { Outcome::Done })
}
