//! Whether a batch fits, and how long a step takes: by taking steps on noise.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::bytes;
use super::machine::{memory_free, memory_held, memory_peak, watch_peak};
use crate::features::{BINS, INPUT_SIDE, SAMPLES_SECS, frames_of};
use crate::model::{Fnac, TrainingDevice};
use crate::synth::Dice;
use crate::train::engine::TrainError;
use crate::train::start::Start;
use crate::train::{Batch, Learner, Schedule, TrainConfig};

/// Share of the free memory that a batch may take: the rest is the player's and the loaders'.
const SHARE: f64 = 0.8;
/// On the CPU a whole step is taken only when it should not last longer, in seconds.
const QUICK: f64 = 4.0;
/// Pairs in the two small steps that a larger one is estimated from.
const SMALL: [usize; 2] = [2, 4];

/// Whether the batch fits.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum BatchFit {
    /// Not tried.
    #[default]
    Unknown,
    /// It does; with the bytes that a step should need at its peak, where they were measured.
    Fits {
        /// At its peak.
        needs: Option<u64>,
    },
    /// It does not.
    TooLarge {
        /// What failed or is missing.
        cause: String,
        /// A `run.chunk` that should fit, where there is one.
        chunk: Option<usize>,
    },
}

impl BatchFit {
    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Unknown => "not tried".into(),
            Self::Fits { needs: Some(n) } => format!("fits, a step needs about {}", bytes(*n)),
            Self::Fits { needs: None } => "fits".into(),
            Self::TooLarge { cause, chunk: Some(n) } => {
                format!("too large: {cause}; {n} would fit")
            }
            Self::TooLarge { cause, chunk: None } => format!("too large: {cause}"),
        }
    }
}

/// What the tried steps say.
#[derive(Debug, Default)]
pub(super) struct Tried {
    pub fit: BatchFit,
    /// Of a step, from and to, loading left out.
    pub seconds: Option<(f64, f64)>,
    pub not_tried: Vec<String>,
}

impl Tried {
    /// The middle of the span.
    pub(super) fn middle(&self) -> f64 {
        self.seconds.map_or(0.0, |(a, b)| (a + b) / 2.0)
    }
}

pub(super) fn try_step(
    config: &TrainConfig,
    start: &Start,
    devices: &[TrainingDevice],
    late: &dyn Fn() -> bool,
) -> Result<Tried, TrainError> {
    if devices.iter().any(|d| d.on_gpu) {
        on_device(config, start, devices, late)
    } else {
        on_cpu(config, start, devices, late)
    }
}

/// A learner of the configuration, with another chunk.
fn learner(
    config: &TrainConfig,
    start: &Start,
    devices: &[TrainingDevice],
    chunk: usize,
) -> Result<Learner, TrainError> {
    let mut config = config.clone();
    config.run.chunk = chunk;
    // All terms count: the dearest step of the run.
    (config.schedule.warmup_epochs, config.schedule.warmup_steps) = (0, 0);
    let first = devices.first().ok_or_else(|| TrainError::other("there is no device"))?;
    let model =
        Fnac::from_state(start.network, &start.state, &first.device).map_err(TrainError::other)?;
    let others: Vec<_> = devices.iter().skip(1).map(|d| d.device.clone()).collect();
    let schedule = Schedule::new(&config, config.batch.size, 1);
    Learner::new(model, &config, schedule).with_team(&config, &others).map_err(TrainError::other)
}

/// Pairs of noise.
fn noise(pairs: usize, no_source: usize, rate: u32) -> Batch {
    let side = INPUT_SIDE as usize;
    let frames = frames_of((SAMPLES_SECS * f64::from(rate)) as usize);
    let mut dice = Dice::new(0, 0);
    // A block that is repeated: drawing every value would take longer than the step.
    let block: Vec<f32> = (0..4099).map(|_| dice.range(-1.0, 1.0) as f32).collect();
    let many = |n: usize| block.iter().copied().cycle().take(n).collect();
    Batch {
        pictures: many(pairs * 3 * side * side),
        sounds: many((pairs + no_source) * BINS * frames),
        size: pairs,
        no_source,
        frames,
    }
}

/// Seconds of a step on noise, or what failed. A driver's panic is a failure like another one.
fn timed(learner: &mut Learner, batch: &Batch) -> Result<f64, String> {
    let began = Instant::now();
    let step = catch_unwind(AssertUnwindSafe(|| learner.step(0, batch)));
    match step {
        Ok(Ok(_)) => Ok(began.elapsed().as_secs_f64()),
        Ok(Err(e)) => Err(e.to_string()),
        Err(_) => Err("the device gave up, most likely for lack of memory".into()),
    }
}

/// On the CPU memory is estimated: running out of it would take the program down.
fn on_cpu(
    config: &TrainConfig,
    start: &Start,
    devices: &[TrainingDevice],
    late: &dyn Fn() -> bool,
) -> Result<Tried, TrainError> {
    let size = config.batch.size;
    let [few, more] = SMALL;
    let mut tried = Tried::default();
    let mut l = learner(config, start, devices, 0)?;
    let rate = start.sample_rate;
    // The first step sets things up.
    timed(&mut l, &noise(few, 0, rate)).map_err(TrainError::other)?;
    let mut measured = Vec::new();
    for pairs in [few, more] {
        let batch = noise(pairs, 0, rate);
        let before = memory_held();
        let watched = watch_peak();
        let seconds = timed(&mut l, &batch).map_err(TrainError::other)?;
        let peak = memory_peak().zip(before).filter(|_| watched);
        measured.push((seconds, peak.map(|(peak, before)| peak.saturating_sub(before) as f64)));
    }
    let (low, high) = (measured[0], measured[1]);
    let straight = |a: f64, b: f64, n: f64| {
        let slope = ((b - a) / (more - few) as f64).max(b / more as f64 * 0.5);
        (b + slope * (n - more as f64)).max(0.0)
    };
    // What the towers see at a time decides the memory, the whole batch the time.
    let at_once = if config.run.chunk == 0 { size } else { config.run.chunk.min(size) };
    let inputs = |pairs: usize| 4.0 * pairs as f64 * (3 * 224 * 224 + BINS * 200) as f64;
    if let (Some(a), Some(b)) = (low.1, high.1) {
        // A later step finds its memory already there: the larger figure is the safe one.
        let needs = |pairs: usize| straight(a.min(b), b, pairs as f64) + 3.0 * inputs(size);
        tried.fit = match memory_free().map(|free| free as f64 * SHARE) {
            Some(room) if needs(at_once) > room => {
                let fits = |n: &usize| needs(*n) <= room;
                let chunk = std::iter::successors(Some(at_once / 2), |n| Some(n / 2))
                    .take_while(|n| *n >= 2)
                    .find(fits);
                let cause = format!(
                    "a step needs about {}, {} are free",
                    bytes(needs(at_once) as u64),
                    bytes((room / SHARE) as u64)
                );
                BatchFit::TooLarge { cause, chunk }
            }
            _ => BatchFit::Fits { needs: Some(needs(at_once) as u64) },
        };
    } else {
        tried.not_tried.push("memory: this system does not say what a step takes".into());
    }
    let twice = if at_once < size { 1.5 } else { 1.0 };
    let guess = straight(low.0, high.0, size as f64) * twice;
    tried.seconds = Some((0.8 * guess, 1.4 * guess));
    if matches!(tried.fit, BatchFit::Fits { .. }) && guess < QUICK && !late() {
        let mut l = learner(config, start, devices, config.run.chunk)?;
        let batch = noise(size, config.batch.no_source, rate);
        timed(&mut l, &batch).map_err(TrainError::other)?;
        let real = timed(&mut l, &batch).map_err(TrainError::other)?;
        tried.seconds = Some((0.9 * real, 1.2 * real));
    } else if guess >= QUICK {
        tried.not_tried.push(format!("a whole step: it would take about {guess:.0} s"));
    }
    Ok(tried)
}

/// On a graphics device the step itself tells.
fn on_device(
    config: &TrainConfig,
    start: &Start,
    devices: &[TrainingDevice],
    late: &dyn Fn() -> bool,
) -> Result<Tried, TrainError> {
    let size = config.batch.size;
    let batch = noise(size, config.batch.no_source, start.sample_rate);
    let mut tried = Tried::default();
    let mut chunk = config.run.chunk;
    let mut failure: Option<String> = None;
    loop {
        let mut l = learner(config, start, devices, chunk)?;
        // Kernels are tuned and compiled in the first one.
        match timed(&mut l, &batch) {
            Ok(_) => {
                let mut times = Vec::new();
                for _ in 0..3 {
                    if late() {
                        break;
                    }
                    times.extend(timed(&mut l, &batch).ok());
                }
                let fastest = times.iter().copied().reduce(f64::min);
                let slowest = times.iter().copied().reduce(f64::max);
                tried.seconds = fastest.zip(slowest).map(|(a, b)| (0.95 * a, 1.1 * b));
                tried.fit = match failure {
                    None => BatchFit::Fits { needs: None },
                    Some(cause) => BatchFit::TooLarge { cause, chunk: Some(chunk) },
                };
                return Ok(tried);
            }
            Err(cause) => {
                failure.get_or_insert(cause);
                let next = (if chunk == 0 { size } else { chunk.min(size) }) / 2;
                let lost =
                    devices.iter().any(|d| d.lost.load(std::sync::atomic::Ordering::Acquire));
                if next < 2 || late() || lost {
                    let cause = failure.unwrap_or_default();
                    tried.fit = BatchFit::TooLarge { cause, chunk: (next >= 2).then_some(next) };
                    return Ok(tried);
                }
                chunk = next;
            }
        }
    }
}
