//! In which order items come: a pure function of seed and step, so a run can stop anywhere.

use crate::synth::Dice;

/// Which items make which batch.
#[derive(Clone, Debug)]
pub struct Order {
    items: usize,
    batch: usize,
    seed: u64,
}

impl Order {
    /// `items` items in batches of `batch`; what does not fill a batch at the end of an epoch is
    /// left for another one, as in the official code.
    pub fn new(items: usize, batch: usize, seed: u64) -> Self {
        Self { items, batch: batch.max(1), seed }
    }

    /// Items in a batch.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Batches in an epoch.
    pub fn steps_per_epoch(&self) -> u64 {
        (self.items / self.batch) as u64
    }

    /// All items in the order of an epoch.
    pub fn epoch(&self, epoch: u64) -> Vec<usize> {
        let mut all: Vec<usize> = (0..self.items).collect();
        Dice::new(self.seed, epoch).part("order").shuffle(&mut all);
        all
    }

    /// The epoch of a step and its items. Shuffles the whole epoch: ask for steps in order and
    /// keep [`Self::epoch`] where that matters.
    pub fn step(&self, step: u64) -> (u64, Vec<usize>) {
        let per_epoch = self.steps_per_epoch().max(1);
        let (epoch, place) = (step / per_epoch, (step % per_epoch) as usize);
        let all = self.epoch(epoch);
        let from = (place * self.batch).min(all.len());
        let to = (from + self.batch).min(all.len());
        (epoch, all[from..to].to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_has_each_item_at_most_once_and_others_have_other_orders() {
        let o = Order::new(103, 10, 7);
        assert_eq!(o.steps_per_epoch(), 10);
        let mut seen: Vec<usize> = (0..10).flat_map(|s| o.step(s).1).collect();
        assert_eq!(seen.len(), 100);
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 100, "nothing twice");
        assert_eq!(o.step(10).0, 1);
        assert_ne!(o.step(0).1, o.step(10).1);
        assert_ne!(o.epoch(0), Order::new(103, 10, 8).epoch(0));
        assert_eq!(o.epoch(3), o.clone().epoch(3));
        let last: std::collections::BTreeSet<usize> =
            (0..30).flat_map(|e| o.epoch(e)[100..].to_vec()).collect();
        assert!(last.len() > 40, "not always the same ones are left: {}", last.len());
    }

    #[test]
    fn too_few_items_make_no_step() {
        assert_eq!(Order::new(3, 4, 1).steps_per_epoch(), 0);
        assert_eq!(Order::new(0, 4, 1).step(5).1, Vec::<usize>::new());
    }
}
