//! The moments of a run whose weights can be looked at: its start, saved epochs, what it
//! published on the way.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::infer::{LiveModel, Weights};
use crate::model::Checkpoint;

/// Published weights that are kept in memory, by number and bytes; the files of epochs cost
/// nothing until they are looked at.
const KEPT: usize = 24;
const KEPT_BYTES: usize = 128 << 20;

/// What kind of moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The weights that the run began from.
    Start,
    /// A checkpoint of an epoch's end.
    Epoch,
    /// Handed over by the run on its way.
    Published,
}

/// Weights of a run at a step.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Never used for other weights.
    pub id: u64,
    /// Which.
    pub kind: Kind,
    /// After how many steps.
    pub step: u64,
    /// The epoch that had ended, counted from 1, for [`Kind::Epoch`]; else the one under way.
    pub epoch: u64,
    /// The weights.
    pub weights: Weights,
}

impl Moment {
    /// As shown beside the slider.
    pub fn label(&self) -> String {
        match self.kind {
            Kind::Start => "start of the run".to_owned(),
            Kind::Epoch => format!("after epoch {}, step {}", self.epoch, self.step),
            Kind::Published => format!("step {}", self.step),
        }
    }

    /// As shown where there is little room.
    pub fn short(&self) -> String {
        match self.kind {
            Kind::Start => "start".to_owned(),
            Kind::Epoch => format!("epoch {}", self.epoch),
            Kind::Published => format!("step {}", self.step),
        }
    }

    /// For the worker.
    pub fn model(&self) -> LiveModel {
        LiveModel { id: self.id, weights: self.weights.clone() }
    }

    fn bytes(&self) -> usize {
        match &self.weights {
            Weights::Held(c) => c.tensors.values().map(|t| t.data.len() * 4).sum(),
            Weights::File(_) => 0,
        }
    }

    fn is(&self, path: &Path) -> bool {
        matches!(&self.weights, Weights::File(p) if p == path)
    }
}

/// All of them, in the order of their steps.
#[derive(Clone, Debug, Default)]
pub struct Moments {
    all: Vec<Moment>,
    ids: u64,
    revision: u64,
}

impl Moments {
    /// In the order of their steps; the start first.
    pub fn all(&self) -> &[Moment] {
        &self.all
    }

    /// Raised by every change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The moment of that id.
    pub fn get(&self, id: u64) -> Option<&Moment> {
        self.all.iter().find(|m| m.id == id)
    }

    /// The newest.
    pub fn newest(&self) -> Option<&Moment> {
        self.all.last()
    }

    /// What the run began from; the earliest that is known where the start itself is not.
    pub fn base(&self) -> Option<&Moment> {
        self.all.first()
    }

    /// Another run: nothing of the old one stays. Ids go on, since workers remember them.
    pub fn clear(&mut self) {
        self.all.clear();
        self.revision += 1;
    }

    /// The checkpoint that the run began from.
    pub fn take_start(&mut self, path: PathBuf) {
        if self.all.iter().any(|m| m.is(&path)) {
            return;
        }
        self.all.retain(|m| m.kind != Kind::Start);
        self.add(Kind::Start, 0, 0, Weights::File(path));
    }

    /// A file that the run wrote; only those of epochs and of the start are moments of their own.
    pub fn take_saved(&mut self, path: &Path, step: u64) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if name == "start" || name == "warm" {
            self.take_start(path.to_owned());
            return;
        }
        let Some(epoch) = name.strip_prefix("epoch-").and_then(|n| n.parse::<u64>().ok()) else {
            return;
        };
        if let Some(old) = self.all.iter().find(|m| m.is(path)) {
            if old.step == step {
                return;
            }
            // Written again by a run that went back: other weights under the same name.
            let id = old.id;
            self.all.retain(|m| m.id != id);
        }
        // What was published at the same step are the same weights.
        self.all.retain(|m| m.kind != Kind::Published || m.step != step);
        self.add(Kind::Epoch, step, epoch, Weights::File(path.to_owned()));
    }

    /// Weights that the run handed over.
    pub fn take_published(&mut self, checkpoint: Arc<Checkpoint>, step: u64, per_epoch: u64) {
        // Before the first step the weights are those of the start.
        let known = |m: &Moment| m.step == step && (m.kind != Kind::Start || step == 0);
        if self.all.iter().any(known) {
            return;
        }
        let first = self.all.is_empty() && step == 0;
        let kind = if first { Kind::Start } else { Kind::Published };
        self.add(kind, step, step / per_epoch.max(1), Weights::Held(checkpoint));
        self.thin_out();
    }

    fn add(&mut self, kind: Kind, step: u64, epoch: u64, weights: Weights) {
        self.ids += 1;
        self.revision += 1;
        let place = match kind {
            Kind::Start => 0,
            _ => self.all.partition_point(|m| m.kind == Kind::Start || m.step <= step),
        };
        self.all.insert(place, Moment { id: self.ids, kind, step, epoch, weights });
    }

    /// Lets published weights go until the rest fits: each time the one whose neighbours are
    /// nearest to each other, so that what stays is spread over the run. The earliest and the
    /// newest moment stay.
    fn thin_out(&mut self) {
        loop {
            let held = || self.all.iter().filter(|m| m.bytes() > 0);
            let bytes: usize = held().map(Moment::bytes).sum();
            if held().count() <= KEPT && bytes <= KEPT_BYTES {
                return;
            }
            let inner = self.all.windows(3).enumerate();
            let published = inner.filter(|(_, w)| w[1].kind == Kind::Published);
            let closest = published.min_by_key(|(_, w)| w[2].step - w[0].step);
            let Some(place) = closest.map(|(i, _)| i + 1) else { return };
            self.all.remove(place);
            self.revision += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Arc<Checkpoint> {
        Arc::new(Checkpoint::formula(2, 8, ""))
    }

    fn shorts(m: &Moments) -> Vec<String> {
        m.all().iter().map(Moment::short).collect()
    }

    fn epoch(n: u64) -> PathBuf {
        PathBuf::from(format!("/runs/run-0001/checkpoints/epoch-{n:04}.safetensors"))
    }

    #[test]
    fn moments_stand_in_the_order_of_their_steps_whatever_came_first() {
        let mut m = Moments::default();
        m.take_published(checkpoint(), 20, 10);
        m.take_saved(&epoch(1), 10);
        m.take_published(checkpoint(), 15, 10);
        m.take_start("/models/base.safetensors".into());
        m.take_saved(Path::new("/runs/run-0001/checkpoints/last.safetensors"), 20);
        m.take_saved(Path::new("/runs/run-0001/checkpoints/best.safetensors"), 20);
        assert_eq!(shorts(&m), ["start", "epoch 1", "step 15", "step 20"]);
        assert_eq!(m.base().unwrap().kind, Kind::Start);
        assert_eq!(m.newest().unwrap().step, 20);
        assert_eq!(m.all()[1].label(), "after epoch 1, step 10");
    }

    #[test]
    fn the_file_of_an_epoch_takes_the_place_of_what_was_published_at_its_step() {
        let mut m = Moments::default();
        m.take_published(checkpoint(), 10, 10);
        let published = m.newest().unwrap().id;
        m.take_saved(&epoch(1), 10);
        m.take_published(checkpoint(), 10, 10);
        assert_eq!(shorts(&m), ["epoch 1"]);
        assert_ne!(m.newest().unwrap().id, published);
        // Told again, as when a folder is listed: nothing new.
        let before = m.revision();
        m.take_saved(&epoch(1), 10);
        assert_eq!(m.revision(), before);
        // Written anew at another step: other weights.
        let old = m.newest().unwrap().id;
        m.take_saved(&epoch(1), 12);
        assert_eq!(m.all().len(), 1);
        assert_ne!(m.newest().unwrap().id, old);
    }

    #[test]
    fn what_is_published_before_the_first_step_is_the_start() {
        let mut m = Moments::default();
        m.take_published(checkpoint(), 0, 10);
        m.take_published(checkpoint(), 5, 10);
        assert_eq!(shorts(&m), ["start", "step 5"]);
        // The supervised start is over: the contrastive run begins from its weights.
        m.take_saved(Path::new("/runs/run-0001/checkpoints/warm.safetensors"), 0);
        assert_eq!(shorts(&m), ["start", "step 5"]);
        assert!(matches!(m.base().unwrap().weights, Weights::File(_)));
    }

    #[test]
    fn memory_is_bounded_and_what_stays_is_spread_over_the_run() {
        let mut m = Moments::default();
        let c = checkpoint();
        for step in 0..1000 {
            m.take_published(c.clone(), step, 10);
        }
        let steps: Vec<u64> = m.all().iter().map(|m| m.step).collect();
        assert_eq!(steps.len(), KEPT);
        assert_eq!((steps[0], steps[KEPT - 1]), (0, 999));
        let widest = steps.windows(2).map(|w| w[1] - w[0]).max().unwrap();
        assert!(widest <= 160, "{steps:?}");
    }

    #[test]
    fn another_run_begins_with_nothing_and_with_new_ids() {
        let mut m = Moments::default();
        m.take_published(checkpoint(), 3, 10);
        let old = m.newest().unwrap().id;
        m.clear();
        assert!(m.newest().is_none() && m.base().is_none());
        m.take_published(checkpoint(), 3, 10);
        assert_ne!(m.newest().unwrap().id, old);
    }
}
