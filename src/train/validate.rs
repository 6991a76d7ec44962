//! How good a network in training is: it is scored on pairs that it does not learn from.
//!
//! A [`Validator`] decodes the held-out pairs once; [`Validator::run`] then scores any weights. The
//! maps come from the same [`Localizer`] as everywhere and the scores are those of
//! [`crate::eval::metrics`]. On the CPU the weights are folded for the fast engine each time, which
//! takes milliseconds.

use std::borrow::Cow;
use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use super::config::{BestBy, TrainConfig};
use super::events::Validation;
use super::held_out::{HeldOut, NoSource, Prepared};
use super::loss::{Parts, PartsOptions, contrastive};
use crate::data::{Dataset, LeftOut};
use crate::eval::metrics::{
    Cells, SUCCESS_AT, Summary, Ties, adaptive, auroc, ciou, half_map, mean, pointing, quantile,
    scored, stretched, success_rate,
};
use crate::infer::{FrameEmbedding, InferError, Localizer};
use crate::model::{AudioEmbedding, BurnTowers, Checkpoint, ModelError, RtenTowers, Towers};
use crate::synth::Dice;
use crate::units::{CellGeometry, GRID, LocalizationMap};

/// Where cells are taken to lie as long as that was not measured: the middle of a ResNet's
/// receptive field is at 32 i and a few pixels, seldom where the literature draws it.
pub const UNMEASURED: CellGeometry = CellGeometry::Receptive { offset_px: 4.0 };
/// Pairs that are embedded before they are scored together.
const AT_ONCE: usize = 16;
/// Sounds whose likeness is looked at.
const MOST_LIKENESS: usize = 128;

/// Why there is no validation.
#[derive(Debug, thiserror::Error)]
pub enum ValidateError {
    /// The network or its device failed.
    #[error("the network could not be validated: {0}")]
    Model(#[from] ModelError),
    /// The way from picture and sound to a map failed.
    #[error("the network could not be validated: {0}")]
    Infer(#[from] InferError),
    /// No held-out pair can be used.
    #[error(
        "nothing is left to validate on: {0}. Name a folder in data.validation, or hold out a \
         larger data.validation_share"
    )]
    Nothing(String),
    /// The embeddings make no batch.
    #[error("the held-out loss could not be computed: {0}")]
    Loss(String),
}

/// The held-out part, ready to score weights with.
#[derive(Debug)]
pub struct Validator {
    held: HeldOut,
    no_source: NoSource,
    batch: usize,
    columns: usize,
    parts: PartsOptions,
    device: Option<(Device, String)>,
}

/// One picture's scores.
struct Scores {
    half_map: f64,
    adaptive: f64,
    hit: bool,
}

/// What the whole set is summed up from.
#[derive(Default)]
struct Sums {
    scores: Vec<Scores>,
    /// Of whole batches.
    losses: Vec<f64>,
    /// Pairs in such a batch.
    batch: usize,
    /// Pairs that do not fill one yet.
    waiting: Vec<(FrameEmbedding, AudioEmbedding)>,
    own_peaks: Vec<f32>,
    quiet_peaks: Vec<f32>,
    spreads: Vec<f32>,
    sounds: Vec<AudioEmbedding>,
    embedded: usize,
}

impl Validator {
    /// Decodes the items of `set`, which the caller has kept from training; sounds at `rate`, the
    /// network's. Blocks for as long as that takes, on all cores; memory stays within 1 GiB.
    ///
    /// # Errors
    /// [`ValidateError::Nothing`].
    pub fn new(set: &Dataset, config: &TrainConfig, rate: u32) -> Result<Self, ValidateError> {
        let held = HeldOut::prepare(set, rate);
        if held.items().is_empty() {
            let why = held.left_out().first().map_or_else(
                || "no item is held out".to_owned(),
                |l| {
                    format!(
                        "none of {} items can be read, the first is `{}`: {}",
                        held.listed(),
                        l.id,
                        l.reason
                    )
                },
            );
            return Err(ValidateError::Nothing(why));
        }
        Ok(Self {
            held,
            no_source: NoSource::at(rate),
            batch: config.batch.size.max(2),
            columns: config.batch.no_source,
            parts: config.parts(),
            device: None,
        })
    }

    /// On at most `most` items that are learnt from: a fixed set for alarms to look at where
    /// nothing is held out. Its figures are no validation.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn probe(
        set: &Dataset,
        config: &TrainConfig,
        rate: u32,
        most: usize,
    ) -> Result<Self, ValidateError> {
        let mut few = set.clone();
        Dice::new(0, 0).part("probe").shuffle(&mut few.items);
        few.items.truncate(most.max(2));
        Self::new(&few, config, rate)
    }

    /// Runs on a burn device instead of the CPU engine; for graphics devices.
    #[must_use]
    pub fn on(mut self, device: Device, name: impl Into<String>) -> Self {
        self.device = Some((device, name.into()));
        self
    }

    /// Items that are scored, of how many held out.
    pub fn counts(&self) -> (usize, usize) {
        (self.held.items().len(), self.held.listed())
    }

    /// Items that could not be decoded.
    pub fn left_out(&self) -> &[LeftOut] {
        self.held.left_out()
    }

    /// The figure by which checkpoints can be compared here, and what is to be said about it:
    /// without truth only the loss is left.
    pub fn best_by(&self, wanted: BestBy) -> (BestBy, Option<String>) {
        if wanted == BestBy::Loss || self.held.has_truth() {
            return (wanted, None);
        }
        let note = format!(
            "the held-out items do not say where they sound, so run.best_by = \"{}\" cannot be \
             measured; the best checkpoint is the one with the lowest held-out loss",
            wanted.name()
        );
        (BestBy::Loss, Some(note))
    }

    /// Scores `checkpoint`, which has been trained for `step` steps. `None` when `stop` said so
    /// meanwhile. Blocks.
    ///
    /// # Errors
    /// [`ValidateError`]; the training can go on.
    pub fn run(
        &self,
        checkpoint: &Checkpoint,
        (step, epoch): (u64, u64),
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Validation>, ValidateError> {
        let towers: Box<dyn Towers> = match &self.device {
            None => Box::new(RtenTowers::new(checkpoint, 0)?),
            Some((device, name)) => {
                Box::new(BurnTowers::new(checkpoint, device.clone(), name.as_str())?)
            }
        };
        let mut localizer = Localizer::open(checkpoint, towers);
        let geometry = checkpoint.card.cell_geometry.unwrap_or(UNMEASURED);
        self.run_through(&mut localizer, geometry, (step, epoch), stop)
    }

    /// The same through towers that are there already; `geometry` says where adaptive scores and
    /// pointing take the cells to lie.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_through(
        &self,
        localizer: &mut Localizer,
        geometry: CellGeometry,
        (step, epoch): (u64, u64),
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Validation>, ValidateError> {
        let started = Instant::now();
        let mut quiet = Vec::new();
        for sound in self.no_source.all() {
            quiet.push(localizer.embed_spectrogram(sound)?);
        }
        let mut sums = Sums::default();
        let n = self.held.items().len();
        for first in (0..n).step_by(AT_ONCE) {
            let mut pairs = Vec::with_capacity(AT_ONCE);
            for i in first..(first + AT_ONCE).min(n) {
                if stop() {
                    return Ok(None);
                }
                // What fails only now was named when the data was listed, or was taken away since.
                let Ok(item) = self.held.get(i) else { continue };
                let picture = localizer.embed_frame(&item.picture, 0)?;
                let sound = localizer.embed_spectrogram(&item.sound)?;
                pairs.push((item, picture, sound));
            }
            self.add(&mut sums, pairs, &quiet, geometry)?;
        }
        // A last, smaller batch has another chance level: it counts only when it is the only one.
        if sums.losses.is_empty() && sums.waiting.len() >= 2 {
            sums.batch = sums.waiting.len();
            sums.losses.push(self.loss(&sums.waiting, &quiet)?);
        }
        let mut out = self.summed(&sums, geometry);
        (out.step, out.epoch) = (step, epoch);
        out.seconds = started.elapsed().as_secs_f64();
        Ok(Some(out))
    }

    fn add(
        &self,
        sums: &mut Sums,
        pairs: Vec<(Cow<'_, Prepared>, FrameEmbedding, AudioEmbedding)>,
        quiet: &[AudioEmbedding],
        geometry: CellGeometry,
    ) -> Result<(), ValidateError> {
        let maps: Vec<_> = pairs.iter().map(|(_, p, s)| p.map(s)).collect();
        // Fifty thousand pixels per picture, sorted twice: worth all cores.
        let scores = pairs
            .par_iter()
            .zip(&maps)
            .filter_map(|((item, ..), map)| Some(score(map, geometry, &item.truth.map()?)));
        sums.scores.extend(scores.collect::<Vec<_>>());
        sums.embedded += pairs.len();
        for ((item, picture, sound), map) in pairs.into_iter().zip(&maps) {
            if !item.is_positive() {
                continue;
            }
            let (low, high) = map.grid().range();
            sums.own_peaks.push(high);
            sums.spreads.push(high - low);
            sums.quiet_peaks.extend(quiet.iter().map(|q| picture.map(q).grid().range().1));
            if sums.sounds.len() < MOST_LIKENESS {
                sums.sounds.push(sound.clone());
            }
            sums.waiting.push((picture, sound));
            if sums.waiting.len() == self.batch {
                sums.batch = self.batch;
                sums.losses.push(self.loss(&sums.waiting, quiet)?);
                sums.waiting.clear();
            }
        }
        Ok(())
    }

    /// The contrastive term, by the function that training minimises.
    fn loss(
        &self,
        batch: &[(FrameEmbedding, AudioEmbedding)],
        quiet: &[AudioEmbedding],
    ) -> Result<f64, ValidateError> {
        let device = Device::flex();
        let (b, dim) = (batch.len(), batch.first().map_or(0, |(p, _)| p.plain.dim));
        let columns = self.columns.min(quiet.len());
        let pictures: Vec<f32> =
            batch.iter().flat_map(|(p, _)| p.plain.data.iter().copied()).collect();
        let own = batch.iter().map(|(_, s)| s);
        let sounds: Vec<f32> =
            own.chain(quiet.iter().take(columns)).flat_map(|s| s.data.iter().copied()).collect();
        let pictures = Tensor::from_data(TensorData::new(pictures, [b, dim, GRID, GRID]), &device);
        let sounds = Tensor::from_data(TensorData::new(sounds, [b + columns, dim]), &device);
        let parts = Parts::new(pictures, sounds, self.parts).map_err(ValidateError::Loss)?;
        let mut sum = 0.0;
        for half in contrastive::halves(&parts) {
            let data = half.try_into_data().map_err(|e| ValidateError::Loss(e.to_string()))?;
            let value = data.convert::<f64>().try_to_vec::<f64>();
            let value = value.map_err(|e| ValidateError::Loss(format!("{e:?}")))?;
            sum += value.first().copied().unwrap_or(f64::NAN);
        }
        Ok(sum)
    }

    fn summed(&self, sums: &Sums, geometry: CellGeometry) -> Validation {
        let of = |pick: fn(&Scores) -> f64| sums.scores.iter().map(pick).collect::<Vec<f64>>();
        let official = Summary::of(&of(|s| s.half_map));
        let own = of(|s| s.adaptive);
        let b = sums.batch as f64;
        let columns = self.columns.min(self.no_source.all().count()) as f64;
        let loss = mean(&sums.losses);
        let cells = match geometry {
            CellGeometry::Receptive { offset_px } => format!("cells at 32 i + {offset_px} px"),
            other => format!("cells {}", other.name()),
        };
        Validation {
            scored: if sums.scores.is_empty() { sums.embedded } else { sums.scores.len() },
            listed: self.held.listed(),
            success: official.map(|s| s.success_at_0_5),
            mean_ciou: official.map(|s| s.mean_ciou),
            auc: official.map(|s| s.auc),
            adaptive: success_rate(&own, SUCCESS_AT),
            adaptive_mean: mean(&own),
            pointing: mean(&of(|s| f64::from(u8::from(s.hit)))),
            loss,
            chance: loss.map(|_| b.ln() + (b + columns).ln()),
            no_source_auroc: auroc(&sums.own_peaks, &sums.quiet_peaks),
            map_spread: quantile(&sums.spreads, 0.5).map(f64::from),
            sound_likeness: likeness(&sums.sounds),
            protocol: format!(
                "half map: corners aligned, bilinear, greater half; adaptive and pointing: \
                 {cells}, bilinear, as many pixels as are true"
            ),
            ..Validation::default()
        }
    }
}

fn score(
    map: &LocalizationMap,
    geometry: CellGeometry,
    truth: &crate::eval::metrics::TruthMap,
) -> Scores {
    let official = half_map(&stretched(&scored(&map.grid(), Cells::BILINEAR)));
    let values = stretched(&scored(&map.grid(), Cells::at(geometry)));
    let own = adaptive(&values, truth.count(), Ties::Outside);
    Scores {
        half_map: ciou(&official.mask, truth).value(),
        adaptive: ciou(&own.mask, truth).value(),
        hit: pointing(&values, truth),
    }
}

/// Mean cosine of two different sounds; `None` for fewer than two.
fn likeness(sounds: &[AudioEmbedding]) -> Option<f64> {
    let n = sounds.len() as f64;
    if sounds.len() < 2 {
        return None;
    }
    // The sum over all pairs is the square of the sum's length.
    let dim = sounds.first().map_or(0, |s| s.data.len());
    let mut sum = vec![0.0f64; dim];
    for sound in sounds {
        for (total, v) in sum.iter_mut().zip(&sound.data) {
            *total += f64::from(*v);
        }
    }
    let own: f64 = sounds.iter().flat_map(|s| &s.data).map(|v| f64::from(*v).powi(2)).sum();
    Some((sum.iter().map(|v| v * v).sum::<f64>() - own) / (n * (n - 1.0)))
}

impl BestBy {
    /// As in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::MeanCiou => "mean-ciou",
            Self::Auc => "auc",
            Self::Adaptive => "adaptive",
            Self::Pointing => "pointing",
            Self::Loss => "loss",
        }
    }

    /// The figure in a validation; `None` where it was not measured or is no number.
    pub fn figure(self, validation: &Validation) -> Option<f64> {
        let figure = match self {
            Self::Success => validation.success,
            Self::MeanCiou => validation.mean_ciou,
            Self::Auc => validation.auc,
            Self::Adaptive => validation.adaptive,
            Self::Pointing => validation.pointing,
            Self::Loss => validation.loss,
        };
        figure.filter(|v| v.is_finite())
    }

    /// Whether `new` beats `best`. What is no number never does; of equals the earlier stays.
    pub fn beats(self, new: f64, best: Option<f64>) -> bool {
        let better = |best: f64| if self == Self::Loss { new < best } else { new > best };
        new.is_finite() && best.filter(|b| b.is_finite()).is_none_or(better)
    }
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
