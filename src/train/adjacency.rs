//! A batch's matrices as numbers: read off the device in one go, and what can be said of them.
//!
//! [`Adjacency`] is made from the very [`Parts`] that the loss terms of the same step are made of,
//! so what is shown is what was minimised, dropout and all. Everything here is pure; the panels
//! and the alarms ask it.

use burn::tensor::Tensor;

use super::events::Adjacency;
use super::loss::Parts;

/// One of the three terms that pull two adjacency matrices together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdjacencyTerm {
    /// FNS-1: sound against cross-modal.
    FnsAudio,
    /// TNE: sound against foreground.
    Tne,
    /// FNS-2: picture against cross-modal.
    FnsImage,
}

impl AdjacencyTerm {
    /// All, in the order of the loss terms' columns.
    pub const ALL: [Self; 3] = [Self::FnsAudio, Self::Tne, Self::FnsImage];

    /// The paper's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::FnsAudio => "FNS-1",
            Self::Tne => "TNE",
            Self::FnsImage => "FNS-2",
        }
    }

    /// Which matrix minus which.
    pub fn formula(self) -> &'static str {
        match self {
            Self::FnsAudio => "sound - cross",
            Self::Tne => "sound - foreground",
            Self::FnsImage => "picture - cross",
        }
    }
}

/// Clips in a batch that are nearly the same as another one in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Duplicates {
    /// Places in the batch of items that have such a twin, ascending.
    pub items: Vec<usize>,
    /// Their share of the batch, 0 to 1.
    pub share: f64,
}

impl Adjacency {
    /// The matrices of a batch. `ids` are its items in order. `None` when the device does not
    /// give its numbers or the ids are not as many as the pairs.
    ///
    /// One transfer, and no gradient: a few matrix products of B x d beside two trunks.
    pub fn of(parts: &Parts, step: u64, ids: Vec<String>) -> Option<Self> {
        let parts = parts.detached();
        let b = parts.batch();
        if ids.len() != b {
            return None;
        }
        let flat = |t: Tensor<2>| -> Tensor<1> {
            let n = t.shape().num_elements();
            t.reshape([n])
        };
        let all = Tensor::cat(
            vec![
                flat(parts.sound_adjacency()),
                flat(parts.image_adjacency()),
                flat(parts.foreground_adjacency()),
                flat(parts.cross_adjacency()),
                flat(parts.sound_cosines()),
                flat(parts.image_cosines()),
                flat(parts.own_maps()),
                flat(parts.foreground()),
            ],
            0,
        );
        let data = all.try_into_data().ok()?.convert::<f32>();
        let mut values = data.try_to_vec::<f32>().ok()?.into_iter();
        let mut matrix = || -> Vec<f32> { values.by_ref().take(b * b).collect() };
        let (sound, image, foreground, cross) = (matrix(), matrix(), matrix(), matrix());
        let (sound_cosine, image_cosine) = (matrix(), matrix());
        let mut maps: Vec<f32> = values.collect();
        let masks = maps.split_off(maps.len() / 2);
        let whole = Self {
            step,
            ids,
            variations: Vec::new(),
            sound,
            image,
            foreground,
            cross,
            maps,
            masks,
            sound_cosine,
            image_cosine,
        };
        whole.is_whole().then_some(whole)
    }

    /// Pairs in the batch.
    pub fn batch(&self) -> usize {
        self.ids.len()
    }

    /// Whether every matrix has B x B entries and every map as many cells as the others.
    pub fn is_whole(&self) -> bool {
        let n = self.batch().saturating_mul(self.batch());
        let square = [
            &self.sound,
            &self.image,
            &self.foreground,
            &self.cross,
            &self.sound_cosine,
            &self.image_cosine,
        ];
        self.batch() > 0
            && square.iter().all(|m| m.len() == n)
            && !self.maps.is_empty()
            && self.maps.len().is_multiple_of(self.batch())
            && self.masks.len() == self.maps.len()
    }

    /// Entry of row `i` and column `j` of one of the matrices, 0 outside.
    pub fn entry(&self, matrix: &[f32], i: usize, j: usize) -> f32 {
        let b = self.batch();
        let inside = i < b && j < b;
        matrix.get(i * b + j).copied().filter(|_| inside).unwrap_or(0.0)
    }

    /// The matrix whose mean absolute value the term is, row-major.
    pub fn difference(&self, term: AdjacencyTerm) -> Vec<f32> {
        let (a, b) = match term {
            AdjacencyTerm::FnsAudio => (&self.sound, &self.cross),
            AdjacencyTerm::Tne => (&self.sound, &self.foreground),
            AdjacencyTerm::FnsImage => (&self.image, &self.cross),
        };
        a.iter().zip(b).map(|(a, b)| a - b).collect()
    }

    /// The three terms' values, in the order of [`AdjacencyTerm::ALL`]: mean absolute differences.
    pub fn gaps(&self) -> [f64; 3] {
        AdjacencyTerm::ALL.map(|term| {
            let difference = self.difference(term);
            let sum: f64 = difference.iter().map(|v| f64::from(v.abs())).sum();
            sum / difference.len().max(1) as f64
        })
    }

    /// The cells of item `i`'s own map, as cosines.
    pub fn map(&self, i: usize) -> &[f32] {
        let cells = self.maps.len() / self.batch().max(1);
        self.maps.get(i * cells..(i + 1) * cells).unwrap_or_default()
    }

    /// Which cells of item `i` are foreground; see [`Adjacency::masks`].
    pub fn mask(&self, i: usize) -> &[f32] {
        let cells = self.masks.len() / self.batch().max(1);
        self.masks.get(i * cells..(i + 1) * cells).unwrap_or_default()
    }

    /// Mean of a cosine matrix over two different items: near 1 when all embeddings have become
    /// one. `None` for a batch of one.
    pub fn mean_off_diagonal(&self, matrix: &[f32]) -> Option<f64> {
        let b = self.batch();
        let mut sum = 0.0;
        let mut n = 0u64;
        for (k, v) in matrix.iter().enumerate().filter(|(k, _)| k / b != k % b) {
            debug_assert!(k < b * b);
            sum += f64::from(*v);
            n += 1;
        }
        (n > 0).then(|| sum / n as f64)
    }

    /// How alike the batch's sounds are: their mean cosine. Collapsed above 0.95.
    pub fn sound_likeness(&self) -> Option<f64> {
        self.mean_off_diagonal(&self.sound_cosine)
    }

    /// How alike the batch's pictures are: the mean cosine of their mean features.
    pub fn image_likeness(&self) -> Option<f64> {
        self.mean_off_diagonal(&self.image_cosine)
    }

    /// Mean over the items of the greatest minus the smallest cosine of the own map: near 0 when
    /// the maps have become flat.
    pub fn map_spread(&self) -> f64 {
        let spread = |i: usize| {
            let map = self.map(i);
            let high = map.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let low = map.iter().copied().fold(f32::INFINITY, f32::min);
            f64::from(high - low)
        };
        let sum: f64 = (0..self.batch()).map(spread).filter(|v| v.is_finite()).sum();
        sum / self.batch().max(1) as f64
    }

    /// Items with a twin: another item whose sound and whose picture both have a cosine of at
    /// least `least` with theirs. Means little while the embeddings are collapsed.
    pub fn duplicates(&self, least: f32) -> Duplicates {
        let b = self.batch();
        let twin = |i: usize, j: usize| {
            i != j
                && self.entry(&self.sound_cosine, i, j) >= least
                && self.entry(&self.image_cosine, i, j) >= least
        };
        let items: Vec<usize> = (0..b).filter(|i| (0..b).any(|j| twin(*i, j))).collect();
        let share = items.len() as f64 / b.max(1) as f64;
        Duplicates { items, share }
    }

    /// Places of the batch so that items whose sounds are alike stand side by side: average
    /// linkage over the sounds' cosines, read from left to right.
    pub fn by_sound(&self) -> Vec<usize> {
        let b = self.batch();
        let mut like: Vec<f64> = self.sound_cosine.iter().map(|v| f64::from(*v)).collect();
        if like.len() != b * b {
            return (0..b).collect();
        }
        let mut members: Vec<Vec<usize>> = (0..b).map(|i| vec![i]).collect();
        let mut alive: Vec<usize> = (0..b).collect();
        // Nearest-neighbour chain: each merge costs one walk, B squared in all.
        let mut chain: Vec<usize> = Vec::new();
        while alive.len() > 1 {
            let tip = match chain.last() {
                Some(tip) => *tip,
                None => {
                    chain.push(alive[0]);
                    alive[0]
                }
            };
            let before = chain.len().checked_sub(2).map(|i| chain[i]);
            // On a tie the one before: the chain must end.
            let mut near = before.map(|p| (like[tip * b + p], p));
            for k in alive.iter().copied().filter(|k| *k != tip) {
                let v = like[tip * b + k];
                if near.is_none_or(|(best, _)| v > best) {
                    near = Some((v, k));
                }
            }
            let Some((_, near)) = near else { break };
            if Some(near) != before {
                chain.push(near);
                // No chain is longer than what is left, whatever the numbers are.
                if chain.len() <= alive.len() {
                    continue;
                }
            }
            chain.pop();
            chain.pop();
            let (keep, gone) = (tip.min(near), tip.max(near));
            let (nk, ng) = (members[keep].len() as f64, members[gone].len() as f64);
            for k in alive.iter().copied() {
                let mean = (nk * like[keep * b + k] + ng * like[gone * b + k]) / (nk + ng);
                like[keep * b + k] = mean;
                like[k * b + keep] = mean;
            }
            let taken = std::mem::take(&mut members[gone]);
            members[keep].extend(taken);
            alive.retain(|k| *k != gone);
            chain.retain(|k| *k != gone && *k != keep);
        }
        alive.first().map(|k| std::mem::take(&mut members[*k])).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
