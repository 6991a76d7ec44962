//! The recipe's loss terms.
//!
//! Each term is a file with a [`LossTerm`]; [`LOSS_TERMS`] lists them in the order of the columns
//! of `curves.csv`. All terms are functions of [`Parts`]: the matrices of one batch, computed
//! once. Gradients flow through both sides of every term, as in the official code, which detaches
//! nothing but the choice of the foreground cells.

pub mod contrastive;
mod fns_audio;
mod fns_image;
mod parts;
mod tne;

pub use parts::{Parts, PartsOptions, Pooling};

use burn::tensor::Tensor;

/// Number of terms.
pub const TERMS: usize = 4;
/// One number per term, in the order of [`LOSS_TERMS`].
pub type PerTerm = [f64; TERMS];

/// One term of the objective.
#[derive(Debug)]
pub struct LossTerm {
    /// Its column in `curves.csv` and its key in the configuration's `[loss]`.
    pub column: &'static str,
    /// What it does, in a few words.
    pub label: &'static str,
    /// Its weight in the paper's recipe.
    pub weight: f64,
    /// Whether it counts from the first step on; the others wait for the end of the warm-up.
    pub from_the_start: bool,
    /// The term of a batch: one value.
    pub compute: fn(&Parts) -> Tensor<1>,
}

/// The terms, in the order of their columns.
pub static LOSS_TERMS: [LossTerm; TERMS] =
    [contrastive::TERM, fns_audio::TERM, tne::TERM, fns_image::TERM];

/// The terms of one batch, still on the device.
pub struct Losses {
    terms: [Tensor<1>; TERMS],
}

/// What the terms of a batch are worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossValues {
    /// The terms themselves, in the order of [`LOSS_TERMS`].
    pub terms: PerTerm,
    /// Their weights in this step.
    pub weights: PerTerm,
}

impl LossValues {
    /// What was minimised: the weighted sum. A term of weight 0 does not count, whatever it is.
    pub fn total(&self) -> f64 {
        let counted = self.terms.iter().zip(self.weights).filter(|(_, w)| *w != 0.0);
        counted.map(|(term, weight)| term * weight).sum()
    }

    /// Columns of the counted terms that are no finite numbers.
    pub fn not_finite(&self) -> Vec<&'static str> {
        let all = LOSS_TERMS.iter().zip(self.terms).zip(self.weights);
        all.filter(|((_, v), w)| *w != 0.0 && !v.is_finite()).map(|((t, _), _)| t.column).collect()
    }
}

impl Losses {
    /// All terms of a batch.
    pub fn of(parts: &Parts) -> Self {
        Self { terms: LOSS_TERMS.each_ref().map(|t| (t.compute)(parts)) }
    }

    /// A term by its place in [`LOSS_TERMS`].
    pub fn term(&self, place: usize) -> Option<Tensor<1>> {
        self.terms.get(place).cloned()
    }

    /// The weighted sum, to go backward from. Terms of weight 0 are left out altogether: they
    /// cost no backward pass, and what is not finite in them stays there. `None` when nothing
    /// counts.
    pub fn total(&self, weights: PerTerm) -> Option<Tensor<1>> {
        let counted = self.terms.iter().zip(weights).filter(|(_, w)| *w != 0.0);
        counted.map(|(term, weight)| term.clone() * weight).reduce(|a, b| a + b)
    }

    /// The values, read from the device in one go; `None` when the device does not give them.
    pub fn read(&self, weights: PerTerm) -> Option<LossValues> {
        let all = Tensor::cat(self.terms.iter().map(|t| t.clone().detach()).collect(), 0);
        let data = all.try_into_data().ok()?.convert::<f64>();
        let terms = data.try_to_vec::<f64>().ok()?.try_into().ok()?;
        Some(LossValues { terms, weights })
    }
}

/// The mean absolute difference of two matrices of soft maxima: at most 2 / B.
fn mean_gap(a: &Tensor<2>, b: &Tensor<2>) -> Tensor<1> {
    (a.clone() - b.clone()).abs().mean()
}

#[cfg(test)]
pub(crate) mod tests;
