//! Batches ahead of the steps that need them, made on worker threads.
//!
//! Worker `w` of `n` makes the batches of steps w, w + n, w + 2n ... and hands each through a queue
//! of its own that holds one; the run takes them in turn. So the order needs no sorting, memory
//! is bounded by two batches per worker, and what is in a batch depends on seed and step alone:
//! the same seed gives the same batches whatever the number of workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::augment::{Augment, Variation};
use super::config::TrainConfig;
use super::order::Order;
use super::silence::no_source_sound;
use super::step::Batch;
use crate::data::{Dataset, Item};
use crate::features::{SAMPLES_SECS, SpectrogramPlan, frames_of};
use crate::synth::Dice;

/// A batch with what it was made from.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Which step it is for.
    pub step: u64,
    /// The epoch of that step.
    pub epoch: u64,
    /// The numbers. Items that could not be loaded are missing, so it may be smaller.
    pub batch: Batch,
    /// Names of the items in it, in order.
    pub ids: Vec<String>,
    /// How their pictures and sounds were varied, in the same order.
    pub variations: Vec<Variation>,
    /// What could not be loaded, and why.
    pub left_out: Vec<(String, String)>,
    /// In a supervised start the items' classes, `[batch, classes]`, each row summing to 1.
    pub targets: Vec<f32>,
}

impl Default for WorkerState {
    fn default() -> Self {
        Self::new()
    }
}

/// What a worker keeps from batch to batch.
pub struct WorkerState {
    /// Plans and buffers of the spectrogram.
    pub plan: SpectrogramPlan,
    shuffled: Option<(u64, Vec<usize>)>,
}

impl WorkerState {
    /// Before the first batch.
    pub fn new() -> Self {
        Self { plan: SpectrogramPlan::new(), shuffled: None }
    }

    /// The epoch of a step and its items; an epoch is shuffled once.
    pub fn items(&mut self, order: &Order, step: u64) -> (u64, Vec<usize>) {
        let per_epoch = order.steps_per_epoch().max(1);
        let (epoch, place) = (step / per_epoch, (step % per_epoch) as usize);
        if self.shuffled.as_ref().is_none_or(|(e, _)| *e != epoch) {
            self.shuffled = Some((epoch, order.epoch(epoch)));
        }
        let all = self.shuffled.as_ref().map_or(&[][..], |(_, all)| all);
        let from = (place * order.batch()).min(all.len());
        let to = (from + order.batch()).min(all.len());
        (epoch, all[from..to].to_vec())
    }
}

/// Makes the batch of a step: of the step alone, on any thread.
pub trait MakeBatch: Send + Sync + 'static {
    /// The batch of a step.
    fn make(&self, step: u64, state: &mut WorkerState) -> Loaded;
}

/// Makes the batches of contrastive steps.
pub struct BatchMaker {
    set: Arc<Dataset>,
    order: Order,
    augment: Augment,
    no_source: usize,
    mix: Option<ByClass>,
    rate: u32,
    seed: u64,
}

/// Items by what sounds in them.
struct ByClass {
    class_of: Vec<usize>,
    members: Vec<Vec<usize>>,
}

impl ByClass {
    fn new(items: &[Item]) -> Self {
        let mut names: Vec<&[String]> = items.iter().map(|i| i.sounding.as_slice()).collect();
        names.sort_unstable();
        names.dedup();
        let place = |i: &Item| names.binary_search(&i.sounding.as_slice()).unwrap_or(0);
        let class_of: Vec<usize> = items.iter().map(place).collect();
        let mut members = vec![Vec::new(); names.len().max(1)];
        for (i, class) in class_of.iter().enumerate() {
            members[*class].push(i);
        }
        Self { class_of, members }
    }
}

impl BatchMaker {
    /// Over a set; sounds at `rate` samples per second.
    pub fn new(set: Arc<Dataset>, config: &TrainConfig, rate: u32) -> Self {
        let mix = config.data.mix_within_class.then(|| ByClass::new(&set.items));
        Self {
            order: Order::new(set.items.len(), config.batch.size, config.seed),
            augment: Augment::new(config.augment.clone(), config.seed),
            no_source: config.batch.no_source,
            mix,
            rate,
            seed: config.seed,
            set,
        }
    }

    /// The order of the items.
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// Samples and columns of a sound.
    fn window(&self) -> (usize, usize) {
        let samples = (SAMPLES_SECS * f64::from(self.rate)) as usize;
        (samples, frames_of(samples))
    }

    fn batch(&self, step: u64, state: &mut WorkerState) -> Loaded {
        let (epoch, items) = state.items(&self.order, step);
        let plan = &mut state.plan;
        let (samples, frames) = self.window();
        let mut out = Loaded { step, epoch, ..Loaded::default() };
        out.batch.frames = frames;
        for i in &items {
            let Some(item) = self.set.items.get(*i) else { continue };
            match self.pair(*i, item, step, epoch, plan) {
                Ok((picture, sound, variation)) => {
                    out.batch.pictures.extend(picture);
                    out.batch.sounds.extend(sound);
                    out.batch.size += 1;
                    out.ids.push(item.id.clone());
                    out.variations.push(variation);
                }
                Err(why) => out.left_out.push((item.id.clone(), why)),
            }
        }
        for n in 0..self.no_source {
            let mut dice = Dice::new(self.seed, step).part("no-source").part(&n.to_string());
            let sound = no_source_sound(&mut dice, samples, self.rate);
            if let Some(s) = plan.log_spectrogram(&sound, self.rate) {
                out.batch.sounds.extend(s.data);
                out.batch.no_source += 1;
            }
        }
        out
    }

    fn pair(
        &self,
        i: usize,
        item: &Item,
        step: u64,
        epoch: u64,
        plan: &mut SpectrogramPlan,
    ) -> Result<(Vec<f32>, Vec<f32>, Variation), String> {
        let frames = self.window().1;
        let variation = self.augment.variation(epoch, i as u64, frames);
        let picture = item.load_picture().map_err(|e| e.to_string())?;
        let picture = self.augment.picture(&picture, &variation);
        #[cfg(test)]
        let picture = match super::testing::is_poisoned(&item.id) {
            true => vec![f32::NAN; picture.len()],
            false => picture,
        };
        let heard = match &self.mix {
            None => item,
            Some(by) => {
                let members = by.class_of.get(i).and_then(|c| by.members.get(*c));
                let mut dice = Dice::new(self.seed, step).part("mix").part(&item.id);
                let chosen = members.and_then(|m| dice.pick(m)).copied().unwrap_or(i);
                self.set.items.get(chosen).unwrap_or(item)
            }
        };
        let sound = heard.load_sound(self.rate).map_err(|e| e.to_string())?;
        let spectrogram = plan
            .log_spectrogram(&sound, self.rate)
            .ok_or_else(|| format!("its sound has {} samples, too few", sound.len()))?;
        let mut data = spectrogram.data;
        self.augment.mask(&mut data, &variation);
        Ok((picture, data, variation))
    }
}

impl MakeBatch for BatchMaker {
    fn make(&self, step: u64, state: &mut WorkerState) -> Loaded {
        self.batch(step, state)
    }
}

/// Worker threads and their queues.
pub struct Loader {
    queues: Vec<Receiver<Loaded>>,
    first: u64,
    next: u64,
    last: u64,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// Threads that load where the configuration leaves it open.
fn usual_workers() -> usize {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    cores.saturating_sub(1).clamp(1, 8)
}

impl Loader {
    /// Batches of steps `first..last` (both in steps of the whole run).
    ///
    /// # Errors
    /// No thread can be started.
    pub fn new(
        maker: Arc<dyn MakeBatch>,
        first: u64,
        last: u64,
        workers: usize,
    ) -> std::io::Result<Self> {
        let n = if workers == 0 { usual_workers() } else { workers.min(64) };
        let stop = Arc::new(AtomicBool::new(false));
        let mut loader =
            Self { queues: Vec::new(), first, next: first, last, stop, threads: Vec::new() };
        for w in 0..n as u64 {
            let (tx, rx) = bounded(1);
            let (maker, stop) = (maker.clone(), loader.stop.clone());
            let work = move || work(&*maker, first + w, last, n as u64, &tx, &stop);
            let thread = std::thread::Builder::new().name(format!("fnac-load-{w}")).spawn(work)?;
            loader.queues.push(rx);
            loader.threads.push(thread);
        }
        Ok(loader)
    }

    /// The next batch, waited for; `None` after the last one or when `stop` says so.
    pub fn next(&mut self, stop: impl Fn() -> bool) -> Option<Loaded> {
        if self.next >= self.last {
            return None;
        }
        let n = self.queues.len() as u64;
        let queue = self.queues.get(((self.next - self.first) % n.max(1)) as usize)?;
        loop {
            match queue.recv_timeout(std::time::Duration::from_millis(50)) {
                Ok(loaded) => {
                    self.next += 1;
                    return Some(loaded);
                }
                Err(RecvTimeoutError::Timeout) if !stop() => {}
                Err(_) => return None,
            }
        }
    }
}

fn work(
    maker: &dyn MakeBatch,
    first: u64,
    last: u64,
    stride: u64,
    tx: &Sender<Loaded>,
    stop: &AtomicBool,
) {
    let mut state = WorkerState::new();
    let mut step = first;
    while step < last && !stop.load(Ordering::SeqCst) {
        if tx.send(maker.make(step, &mut state)).is_err() {
            return;
        }
        step += stride;
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Frees the workers that wait at a full queue.
        self.queues.clear();
        for thread in self.threads.drain(..) {
            // A worker that panicked has nothing left to say.
            thread.join().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::preset;
    use crate::train::testing::twelve;

    fn config() -> TrainConfig {
        let mut c = preset("quick-demo").unwrap();
        (c.batch.size, c.batch.no_source) = (4, 2);
        c.augment.color = 0.5;
        c
    }

    fn batches(config: &TrainConfig, first: u64, last: u64, workers: usize) -> Vec<Loaded> {
        let maker = Arc::new(BatchMaker::new(twelve(), config, 16_000));
        let mut loader = Loader::new(maker, first, last, workers).unwrap();
        std::iter::from_fn(|| loader.next(|| false)).collect()
    }

    #[test]
    fn a_seed_gives_the_same_batches_whatever_the_number_of_workers() {
        let one = batches(&config(), 0, 7, 1);
        assert_eq!(one.len(), 7);
        for workers in [2, 3, 5] {
            let more = batches(&config(), 0, 7, workers);
            for (a, b) in one.iter().zip(&more) {
                assert_eq!((a.step, a.epoch, &a.ids), (b.step, b.epoch, &b.ids));
                assert_eq!(a.batch, b.batch);
            }
        }
        let later = batches(&config(), 4, 7, 2);
        assert_eq!(later[0].batch, one[4].batch, "a run that goes on sees what it would have seen");
        let mut other = config();
        other.seed += 1;
        assert_ne!(batches(&other, 0, 1, 1)[0].ids, one[0].ids);
    }

    #[test]
    fn batches_are_whole_and_of_the_networks_extents() {
        for loaded in batches(&config(), 0, 3, 2) {
            loaded.batch.check().unwrap();
            assert_eq!((loaded.batch.size, loaded.batch.no_source), (4, 2));
            assert_eq!(loaded.batch.frames, 200);
            assert_eq!(loaded.ids.len(), 4);
            assert!(loaded.batch.sounds.iter().all(|v| v.is_finite()));
        }
    }

    #[test]
    fn what_cannot_be_loaded_is_named_and_not_replaced() {
        let mut set = (*twelve()).clone();
        set.items[5].sound.path = "nowhere.wav".into();
        let gone = set.items[5].id.clone();
        let maker = Arc::new(BatchMaker::new(Arc::new(set), &config(), 16_000));
        let mut loader = Loader::new(maker, 0, 3, 1).unwrap();
        let all: Vec<Loaded> = std::iter::from_fn(|| loader.next(|| false)).collect();
        let lost: Vec<_> = all.iter().flat_map(|l| &l.left_out).collect();
        assert_eq!(lost.len(), 1);
        assert!(lost[0].0 == gone && lost[0].1.contains("nowhere.wav"), "{lost:?}");
        assert_eq!(all.iter().map(|l| l.batch.size).sum::<usize>(), 11);
    }

    #[test]
    fn sounds_are_mixed_within_their_class_alone() {
        let mut c = config();
        c.data.mix_within_class = true;
        let set = twelve();
        let by = ByClass::new(&set.items);
        for (i, item) in set.items.iter().enumerate() {
            for j in &by.members[by.class_of[i]] {
                assert_eq!(set.items[*j].sounding, item.sounding);
            }
        }
        let plain = batches(&config(), 0, 9, 1);
        let mixed = batches(&c, 0, 9, 1);
        let moved = plain.iter().zip(&mixed).filter(|(a, b)| a.batch.sounds != b.batch.sounds);
        assert!(moved.count() >= 3);
        assert!(plain.iter().zip(&mixed).all(|(a, b)| a.batch.pictures == b.batch.pictures));
    }

    #[test]
    fn a_dropped_loader_ends_its_threads() {
        let maker = Arc::new(BatchMaker::new(twelve(), &config(), 16_000));
        let mut loader = Loader::new(maker.clone(), 0, 1_000_000, 4).unwrap();
        loader.next(|| false).unwrap();
        drop(loader);
        assert_eq!(Arc::strong_count(&maker), 1);
    }
}
