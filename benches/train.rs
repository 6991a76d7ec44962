//! How long does one training step take? Seconds of wall clock and of processor, by width.
//!
//! `cargo bench --profile dev --bench train` prints a table for this machine: forward, backward,
//! the checks and Adam, on one batch that lies in memory. `benches/train.py` measures PyTorch
//! beside it: it starts this program with `--serve WIDTH BATCH` and asks for steps in turn with
//! its own, so that a busy machine slows both.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, Write};
use std::time::Instant;

use burn::tensor::Device;
use fnac::features::BINS;
use fnac::model::{Fnac, FnacConfig};
use fnac::train::events::Adjacency;
use fnac::train::{Batch, Learner, Schedule, initial, preset};

/// Columns of 3 s of sound.
const FRAMES: usize = 200;

fn batch(size: usize) -> Batch {
    let wave = |n: usize, step: f32| (0..n).map(move |i| (i as f32 * step).sin());
    Batch {
        pictures: wave(size * 3 * 224 * 224, 0.013).collect(),
        sounds: wave(size * BINS * FRAMES, 0.7).map(|v| 0.3 * v - 0.8).collect(),
        size,
        no_source: 0,
        frames: FRAMES,
    }
}

fn learner(width: usize, size: usize) -> Learner {
    let config = FnacConfig::new(width, 8 * width);
    let state = initial::scratch(config, 1);
    let model = Fnac::from_state(config, &state, &Device::flex().autodiff()).unwrap();
    let mut recipe = preset("quick-demo").unwrap();
    recipe.batch.no_source = 0;
    recipe.batch.size = size;
    Learner::new(model, &recipe, Schedule::new(&recipe, size, 100))
}

/// Seconds of processor time of this process so far, over all threads.
#[cfg(unix)]
fn processor() -> f64 {
    // SAFETY: getrusage only writes into the structure it is given, which is plain data.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let secs = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 * 1e-6;
    secs(usage.ru_utime) + secs(usage.ru_stime)
}

#[cfg(not(unix))]
fn processor() -> f64 {
    f64::NAN
}

/// Most memory this process ever had, in MB, where the system says it.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

/// Wall clock and processor time of one step.
fn timed(learner: &mut Learner, step: u64, batch: &Batch) -> (f64, f64) {
    let (wall, cpu) = (Instant::now(), processor());
    learner.step(step, batch).unwrap();
    (wall.elapsed().as_secs_f64(), processor() - cpu)
}

fn serve(width: usize, size: usize) {
    let (mut learner, batch) = (learner(width, size), batch(size));
    let mut out = std::io::stdout();
    for (step, line) in std::io::stdin().lock().lines().enumerate() {
        if line.unwrap().trim() != "step" {
            break;
        }
        let (wall, cpu) = timed(&mut learner, step as u64, &batch);
        writeln!(out, "{wall} {cpu} {}", peak_memory().unwrap_or(0)).unwrap();
        out.flush().unwrap();
    }
}

/// Median seconds of a look at the matrices of a batch, after a step's parts are there.
fn look(learner: &Learner, batch: &Batch) -> f64 {
    let ids: Vec<String> = (0..batch.size).map(|i| i.to_string()).collect();
    let parts = learner.parts(0, batch).unwrap();
    let mut times: Vec<f64> = (0..7)
        .map(|step| {
            let started = Instant::now();
            Adjacency::of(&parts, step, ids.clone()).unwrap();
            started.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if args.first().is_some_and(|a| a == "--serve") {
        let number = |i: usize| args[i].parse().unwrap();
        return serve(number(1), number(2));
    }
    println!("width  batch   s/step   processor s   steps/s   pairs/s   peak MB");
    for (width, size) in [(8, 32), (16, 32)] {
        let (mut learner, batch) = (learner(width, size), batch(size));
        timed(&mut learner, 0, &batch);
        let mut times: Vec<(f64, f64)> =
            (1..6).map(|step| timed(&mut learner, step, &batch)).collect();
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (wall, cpu) = times[times.len() / 2];
        println!(
            "{width:5}  {size:5}  {wall:7.2}   {cpu:11.2}   {:7.2}   {:7.1}   {:7}",
            1.0 / wall,
            size as f64 / wall,
            peak_memory().unwrap_or(0)
        );
        let look = look(&learner, &batch);
        let share = 100.0 * look * (1.0f64).min(1.0 / wall);
        println!(
            "              a look at the matrices: {:.2} ms, {share:.2} % of the time at 1 Hz",
            1e3 * look
        );
    }
}
