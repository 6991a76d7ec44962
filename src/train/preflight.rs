//! Before the first step: whether a run can work, and how long it will take.
//!
//! Nothing is written and nothing is changed. Data is looked at in a sample; a step is taken on
//! noise and thrown away. Everything within half a minute, or it is said what was not tried.

mod fit;
mod machine;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::TrainConfig;
use super::engine::TrainError;
use super::order::Order;
use super::split::Split;
use super::start::Start;
use crate::data::Item;
use crate::infer::cache_dir;
use crate::model::{FnacConfig, TrialStore, is_counter, training_devices};

pub use fit::BatchFit;

/// Items that are decoded.
const SAMPLES: usize = 50;
/// Sounds that stay below this are silent.
const SILENT: f32 = 1e-4;
/// No new part is begun after this.
const PATIENCE: Duration = Duration::from_secs(25);

/// What a look before the start found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preflight {
    /// Pairs that are learnt from.
    pub items: usize,
    /// Items listed.
    pub listed: usize,
    /// Items that cannot be used, each with its reason.
    pub left_out: Vec<(String, String)>,
    /// Pairs that validate.
    pub validation: usize,
    /// Items that were decoded.
    pub decoded: usize,
    /// Of those, the ones that cannot be, with the reason.
    pub broken: Vec<(String, String)>,
    /// Of those, the ones without any sound.
    pub silent: Vec<String>,
    /// Of those, how many sounds have which rate, Hz.
    pub rates: BTreeMap<u32, usize>,
    /// The rate that the network hears at, Hz.
    pub network_rate: u32,
    /// What it would run on.
    pub devices: Vec<String>,
    /// Whether the batch fits.
    pub fit: BatchFit,
    /// Seconds of a step, from and to.
    pub step_seconds: Option<(f64, f64)>,
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
    /// Steps of the run, supervised starts left out.
    pub steps: u64,
    /// Share of a step that is waiting for data, if loading is the slower part.
    pub waiting: Option<f64>,
    /// Bytes of the run's checkpoints.
    pub disk_needed: u64,
    /// Bytes that are free there; `None` where the system does not say.
    pub disk_free: Option<u64>,
    /// What was not looked at, and why.
    pub not_tried: Vec<String>,
    /// Seconds that the look took.
    pub seconds: f64,
}

impl Preflight {
    /// Seconds of an epoch, validation left out, from and to.
    pub fn epoch_seconds(&self) -> Option<(f64, f64)> {
        let n = self.steps_per_epoch as f64;
        self.step_seconds.map(|(a, b)| (a * n, b * n))
    }

    /// Seconds of the run, validation and supervised starts left out, from and to.
    pub fn run_seconds(&self) -> Option<(f64, f64)> {
        let n = self.steps as f64;
        self.step_seconds.map(|(a, b)| (a * n, b * n))
    }

    /// Why the run must not begin like this, each with the remedy; empty when it can.
    pub fn obstacles(&self) -> Vec<String> {
        let mut all = Vec::new();
        if let BatchFit::TooLarge { cause, chunk } = &self.fit {
            let remedy = match chunk {
                Some(n) => format!(
                    "set run.chunk to {n}: the towers then see {n} pairs at a time and the \
                     contrastive batch stays whole, for about half more time a step. (Adding up \
                     the gradients of smaller batches would not keep it: each picture would be \
                     told from fewer sounds.)"
                ),
                None => "take a smaller batch.size, a narrower network or another device".into(),
            };
            all.push(format!("the batch does not fit: {cause}; {remedy}"));
        }
        if self.decoded > 0 && self.broken.len() == self.decoded {
            let (id, why) = &self.broken[0];
            all.push(format!("none of {} items could be decoded, `{id}`: {why}", self.decoded));
        }
        if let Some(free) = self.disk_free.filter(|free| *free < self.disk_needed) {
            all.push(format!(
                "the checkpoints need {}, {} are free: choose another folder, free some space, or \
                 set run.keep_epochs higher",
                bytes(self.disk_needed),
                bytes(free)
            ));
        }
        all
    }

    /// What to know before the start, a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "data: {} of {} usable, {} pairs to learn from, {} held out",
            self.items + self.validation,
            self.listed,
            self.items,
            self.validation
        )];
        let rates = self.rates.iter().map(|(rate, n)| format!("{n} at {rate} Hz"));
        lines.push(format!(
            "sample of {}: {} broken, {} silent, sounds {} (the network hears at {} Hz)",
            self.decoded,
            self.broken.len(),
            self.silent.len(),
            rates.collect::<Vec<_>>().join(", "),
            self.network_rate
        ));
        lines.extend(self.broken.iter().take(5).map(|(id, why)| format!("broken: {id}: {why}")));
        lines.push(format!("device: {}", self.devices.join(" + ")));
        lines.push(format!("batch: {}", self.fit.words()));
        if let (Some(step), Some(epoch), Some(run)) =
            (self.step_seconds, self.epoch_seconds(), self.run_seconds())
        {
            lines.push(format!(
                "time: {} a step, {} an epoch of {} steps, {} for {} steps; validation comes on \
                 top",
                span(step),
                span(epoch),
                self.steps_per_epoch,
                span(run),
                self.steps
            ));
        }
        if let Some(share) = self.waiting.filter(|s| *s > 0.1) {
            lines.push(format!(
                "loading is the slower part: about {:.0} % of the time is waiting for data",
                100.0 * share
            ));
        }
        let free = self.disk_free.map_or("unknown".to_owned(), bytes);
        lines.push(format!("disk: checkpoints need {}, free: {free}", bytes(self.disk_needed)));
        lines.extend(self.not_tried.iter().map(|why| format!("not tried: {why}")));
        lines
    }
}

/// Looks at what a configuration would do, with the run in `place`. Blocks for up to half a
/// minute; `stop` ends it earlier.
///
/// # Errors
/// What keeps a run from beginning at all: data, checkpoint or device cannot be opened.
pub fn preflight(
    config: &TrainConfig,
    place: &Path,
    stop: &AtomicBool,
) -> Result<Preflight, TrainError> {
    let began = Instant::now();
    config.validate()?;
    let split = Split::open(config).map_err(TrainError::other)?;
    let start = Start::open(config).map_err(TrainError::other)?;
    let trials = TrialStore::open(cache_dir().as_deref());
    let devices = training_devices(&config.run.device, &trials).map_err(TrainError::other)?;
    let order = Order::new(split.train.items.len(), config.batch.size, config.seed);
    let schedule = super::Schedule::new(config, config.batch.size, order.steps_per_epoch());
    let mut found = Preflight {
        items: split.train.items.len(),
        listed: split.train.listed,
        left_out: split.facts().0.left_out,
        validation: split.validation.items.len(),
        network_rate: start.sample_rate,
        devices: devices.iter().map(|d| d.name.clone()).collect(),
        steps_per_epoch: order.steps_per_epoch(),
        steps: schedule.steps(),
        disk_needed: disk_needed(config, start.network, schedule.steps(), order.steps_per_epoch()),
        disk_free: machine::disk_free(place),
        ..Preflight::default()
    };
    let late = || stop.load(Ordering::SeqCst) || began.elapsed() > PATIENCE;
    let load = look(&split.train.items, start.sample_rate, &late, &mut found);
    if late() {
        found.not_tried.push("a step: there was no time left".to_owned());
    } else {
        let tried = fit::try_step(config, &start, &devices, &late)?;
        found.not_tried.extend(tried.not_tried.iter().cloned());
        found.fit = tried.fit.clone();
        if let Some((low, high)) = tried.seconds {
            let on_gpu = devices.iter().any(|d| d.on_gpu);
            let loading = load.unwrap_or(0.0) * config.batch.size as f64;
            // A graphics device computes while the cores load; on the cores both share.
            let (low, high) = if on_gpu {
                (low.max(loading), high.max(1.5 * loading))
            } else {
                (low, high + 1.2 * loading)
            };
            found.waiting =
                Some(if low > 0.0 && on_gpu { (1.0 - tried.middle() / low).max(0.0) } else { 0.0 });
            found.step_seconds = Some((low, high));
        }
    }
    found.seconds = began.elapsed().as_secs_f64();
    Ok(found)
}

/// Decodes a sample of the items on all cores. Seconds per item, all cores together.
fn look(
    items: &[Item],
    rate: u32,
    late: &(impl Fn() -> bool + Sync),
    found: &mut Preflight,
) -> Option<f64> {
    struct Seen {
        id: String,
        broken: Option<String>,
        silent: bool,
        rate: Option<u32>,
    }
    let n = items.len().min(SAMPLES);
    let chosen: Vec<&Item> = (0..n).filter_map(|i| items.get(i * items.len() / n)).collect();
    let began = Instant::now();
    let seen: Vec<Seen> = chosen
        .par_iter()
        .filter(|_| !late())
        .map(|item| {
            let picture = item.load_picture().err().map(|e| e.to_string());
            let sound = item.load_sound(rate);
            let silent = sound.as_ref().is_ok_and(|s| s.iter().all(|v| v.abs() < SILENT));
            let broken = picture.or(sound.err().map(|e| e.to_string()));
            Seen {
                id: item.id.clone(),
                broken,
                silent,
                rate: machine::sound_rate(&item.sound.path),
            }
        })
        .collect();
    found.decoded = seen.len();
    for s in &seen {
        if let Some(why) = &s.broken {
            found.broken.push((s.id.clone(), why.clone()));
        }
        if s.silent {
            found.silent.push(s.id.clone());
        }
        if let Some(rate) = s.rate {
            *found.rates.entry(rate).or_default() += 1;
        }
    }
    (!seen.is_empty()).then(|| began.elapsed().as_secs_f64() / seen.len() as f64)
}

/// Bytes of all checkpoints of a run: the last with the optimiser's two moments, once more while
/// it is written; the best; one for each kept epoch.
fn disk_needed(config: &TrainConfig, network: FnacConfig, steps: u64, per_epoch: u64) -> u64 {
    let specs = network.state_dict();
    let values = specs.iter().filter(|s| !is_counter(&s.name));
    let one = 4 * values.map(|s| s.shape.iter().product::<usize>() as u64).sum::<u64>();
    let epochs = steps / per_epoch.max(1);
    let kept = match config.run.keep_epochs {
        0 => 0,
        n => epochs / u64::from(n),
    };
    one * (2 * 3 + 1 + kept)
}

/// As people write bytes.
fn bytes(n: u64) -> String {
    match n {
        0..1_000_000 => format!("{} kB", n.div_ceil(1000)),
        1_000_000..10_000_000_000 => format!("{} MB", n / 1_000_000),
        _ => format!("{} GB", n / 1_000_000_000),
    }
}

/// A span of time, both ends in the unit of the longer one.
fn span((from, to): (f64, f64)) -> String {
    let (unit, name) = match to {
        t if t < 120.0 => (1.0, "s"),
        t if t < 7200.0 => (60.0, "min"),
        _ => (3600.0, "h"),
    };
    let (a, b) = (from / unit, to / unit);
    let digits = usize::from(b < 20.0) + usize::from(b < 1.0);
    format!("{a:.digits$} to {b:.digits$} {name}")
}

#[cfg(test)]
mod tests;
