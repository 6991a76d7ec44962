//! One training step: a batch in, losses out, weights moved or left alone.

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};

use super::config::TrainConfig;
use super::loss::{LossValues, Losses, Parts, PartsOptions, PerTerm, contrastive};
use super::optim::{Adam, Grads, NotFinite, guard_finite};
use super::parallel::{Outcome, StepInputs, Team};
use super::schedule::{ParamPart, Schedule};
use crate::features::{BINS, INPUT_SIDE};
use crate::model::{Fnac, ModelError, NormStatistics, ParamVisitor};
use crate::synth::Dice;

/// What a step sees, on the host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// `[size, 3, 224, 224]`, normalised.
    pub pictures: Vec<f32>,
    /// `[size + no_source, 257, frames]`, scaled; the sounds without a source come last.
    pub sounds: Vec<f32>,
    /// Pairs.
    pub size: usize,
    /// Sounds without a source.
    pub no_source: usize,
    /// Columns of a spectrogram.
    pub frames: usize,
}

/// What a step did.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    /// Which step, from 0.
    pub step: u64,
    /// The loss before the step.
    pub losses: LossValues,
    /// The contrastive term's halves: picture finds sound, sound finds picture.
    pub halves: [f64; 2],
    /// Length of the gradient, before any limit to it.
    pub grad_norm: f64,
    /// The learning rate, before the parts' multiples.
    pub learning_rate: f64,
}

/// Why a step was not taken. The network is as before.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StepError {
    /// Pictures and sounds that make no batch.
    #[error("this is no batch: {0}")]
    Batch(String),
    /// The loss or its gradient is not finite.
    #[error("step {step} was not taken. {source}")]
    NotFinite {
        /// Which step.
        step: u64,
        /// The loss terms as they came out.
        losses: LossValues,
        /// What is not finite.
        source: NotFinite,
    },
    /// Nothing that counts has a gradient: everything is frozen.
    #[error("nothing is left to train: everything is frozen or has no weight")]
    Nothing,
    /// The device did not give its numbers.
    #[error("the compute device was lost in step {0}; the run can go on from its last checkpoint")]
    Device(u64),
}

impl Batch {
    /// Whether the numbers are as many as the extents say and the batch can be learnt from.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        if self.size < 2 {
            return Err(format!(
                "{} pairs, but a picture is told from the others' sounds: at least 2 are needed",
                self.size
            ));
        }
        if self.frames == 0 {
            return Err("the spectrograms have no columns".to_owned());
        }
        let side = INPUT_SIDE as usize;
        let pictures = self.size.checked_mul(3 * side * side);
        let sounds = self
            .size
            .checked_add(self.no_source)
            .and_then(|n| n.checked_mul(BINS))
            .and_then(|n| n.checked_mul(self.frames));
        if pictures != Some(self.pictures.len()) || sounds != Some(self.sounds.len()) {
            return Err(format!(
                "{} + {} items of {} columns do not have {} picture and {} sound values",
                self.size,
                self.no_source,
                self.frames,
                self.pictures.len(),
                self.sounds.len()
            ));
        }
        Ok(())
    }

    /// Places of the pairs with a number that is not finite in picture or sound.
    pub fn not_finite_pairs(&self) -> Vec<usize> {
        let broken = |data: &[f32], each: usize, i: usize| {
            let own = data.get(i * each..(i + 1) * each).unwrap_or_default();
            own.iter().any(|v| !v.is_finite())
        };
        let side = INPUT_SIDE as usize;
        (0..self.size)
            .filter(|i| {
                broken(&self.pictures, 3 * side * side, *i)
                    || broken(&self.sounds, BINS * self.frames, *i)
            })
            .collect()
    }

    /// Where and as the weights are: `[B, 3, 224, 224]` and `[B + no_source, 1, 257, T]`.
    fn tensors(&self, model: &Fnac) -> (Tensor<4>, Tensor<4>) {
        let (device, dtype) = (model.device(), model.dtype());
        let side = INPUT_SIDE as usize;
        let pictures = TensorData::new(self.pictures.clone(), [self.size, 3, side, side]);
        let n = self.size + self.no_source;
        let sounds = TensorData::new(self.sounds.clone(), [n, 1, BINS, self.frames]);
        (Tensor::from_data(pictures, (&device, dtype)), Tensor::from_data(sounds, (&device, dtype)))
    }
}

/// A network in training with its optimiser.
pub struct Learner {
    model: Fnac,
    adam: Adam,
    schedule: Schedule,
    parts: PartsOptions,
    dropout: (f64, f64),
    clip_norm: f64,
    seed: u64,
    team: Team,
}

/// A learner as it was, see [`Learner::keep`].
pub struct Kept {
    model: Fnac,
    statistics: NormStatistics,
    adam: Adam,
}

impl Learner {
    /// `model` lies on an autodiff device; what the configuration freezes stands still from here
    /// on. The configuration was validated.
    pub fn new(mut model: Fnac, config: &TrainConfig, schedule: Schedule) -> Self {
        freeze(&mut model, config);
        Self {
            model,
            adam: Adam::new(config.optim.clone()),
            schedule,
            parts: config.parts(),
            dropout: (config.dropout.image, config.dropout.sound),
            clip_norm: config.optim.clip_norm,
            seed: config.seed,
            team: Team::alone(),
        }
    }

    /// Shares each step with further autodiff devices, and takes `run.chunk` pairs through the
    /// towers at a time, by the same configuration as [`Self::new`].
    ///
    /// # Errors
    /// A device does not take the network.
    pub fn with_team(
        mut self,
        config: &TrainConfig,
        others: &[Device],
    ) -> Result<Self, ModelError> {
        let run = &config.run;
        let prepare = |model: &mut Fnac| freeze(model, config);
        self.team = Team::new(&self.model, others, run.chunk, run.negatives, prepare)?;
        Ok(self)
    }

    /// The network on the further devices.
    #[cfg(test)]
    pub(super) fn others(&self) -> &[Fnac] {
        self.team.others()
    }

    /// Weights, statistics and the optimiser as they are now; cheap, no numbers are copied.
    pub fn keep(&mut self) -> Kept {
        Kept {
            model: self.model.clone(),
            statistics: self.model.norm_statistics(),
            adam: self.adam.clone(),
        }
    }

    /// Puts back what [`Self::keep`] gave, bit for bit.
    pub fn put_back(&mut self, kept: Kept) {
        self.model = kept.model;
        self.model.restore_norm_statistics(kept.statistics);
        self.adam = kept.adam;
        self.team.follow(&mut self.model);
    }

    /// The network as it is now.
    pub fn model(&self) -> &Fnac {
        &self.model
    }

    /// The optimiser as it is now.
    pub fn adam(&self) -> &Adam {
        &self.adam
    }

    /// The optimiser, to take up a memory.
    pub fn adam_mut(&mut self) -> &mut Adam {
        &mut self.adam
    }

    /// What changes from step to step.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The matrices of a batch in training mode, with what dropout leaves in step `step`.
    ///
    /// # Errors
    /// [`StepError::Batch`].
    pub fn parts(&self, step: u64, batch: &Batch) -> Result<Parts, StepError> {
        batch.check().map_err(StepError::Batch)?;
        let (pictures, sounds) = batch.tensors(&self.model);
        let mut dice = Dice::new(self.seed, step).part("dropout");
        let features = self.model.image_features(pictures);
        let image =
            self.model.project_image(dropout(features, self.dropout.0, &mut dice.part("image")));
        let features = self.model.sound_features(sounds);
        let sound =
            self.model.project_sound(dropout(features, self.dropout.1, &mut dice.part("sound")));
        Parts::new(image, sound, self.parts).map_err(StepError::Batch)
    }

    /// Takes step `step`: forward, backward, and only when loss and gradient are finite the
    /// update.
    ///
    /// # Errors
    /// [`StepError`]; weights, optimiser and BatchNorm statistics are as before then.
    pub fn step(&mut self, step: u64, batch: &Batch) -> Result<StepReport, StepError> {
        self.step_seen(step, batch, &mut |_| {})
    }

    /// [`Self::step`] with a look at the very matrices that the loss is made of; with several
    /// devices that have their own negatives, `look` sees each one's.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn step_seen(
        &mut self,
        step: u64,
        batch: &Batch,
        look: &mut dyn FnMut(&Parts),
    ) -> Result<StepReport, StepError> {
        let rate = self.schedule.learning_rate(step);
        self.guarded(step, batch, rate, look)
    }

    /// [`Self::step`] at another learning rate than the schedule's.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn step_at(
        &mut self,
        step: u64,
        batch: &Batch,
        rate: f64,
    ) -> Result<StepReport, StepError> {
        self.guarded(step, batch, rate, &mut |_| {})
    }

    fn guarded(
        &mut self,
        step: u64,
        batch: &Batch,
        rate: f64,
        look: &mut dyn FnMut(&Parts),
    ) -> Result<StepReport, StepError> {
        let statistics = self.model.norm_statistics();
        let report = self.try_step(step, batch, rate, look);
        if report.is_err() {
            self.model.restore_norm_statistics(statistics);
        }
        report
    }

    fn try_step(
        &mut self,
        step: u64,
        batch: &Batch,
        learning_rate: f64,
        look: &mut dyn FnMut(&Parts),
    ) -> Result<StepReport, StepError> {
        let weights = self.schedule.weights(step);
        let outcome = if self.team.is_whole(batch.size + batch.no_source) {
            self.whole(step, batch, weights, look)?
        } else {
            let inputs = StepInputs {
                step,
                batch,
                weights,
                parts: self.parts,
                dropout: self.dropout,
                seed: self.seed,
            };
            self.team.step(&mut self.model, &inputs, look)?
        };
        let Outcome { values, halves, mut grads } = outcome;
        let norm = grads.norm();
        guard_finite(&values, &grads, norm).map_err(|source| StepError::NotFinite {
            step,
            losses: values,
            source,
        })?;
        let grad_norm = norm.ok_or(StepError::Device(step))?;
        grads.clip(grad_norm, self.clip_norm);
        let schedule = &self.schedule;
        self.adam.step(&mut self.model, &grads, |name| {
            ParamPart::of(name).map_or(0.0, |part| schedule.multiple(part) * learning_rate)
        });
        self.team.follow(&mut self.model);
        Ok(StepReport { step, losses: values, halves, grad_norm, learning_rate })
    }

    /// The whole batch on one device in one piece.
    fn whole(
        &mut self,
        step: u64,
        batch: &Batch,
        weights: PerTerm,
        look: &mut dyn FnMut(&Parts),
    ) -> Result<Outcome, StepError> {
        let parts = self.parts(step, batch)?;
        let losses = Losses::of(&parts);
        let total = losses.total(weights).ok_or(StepError::Nothing)?;
        if !total.is_tracked() {
            return Err(StepError::Nothing);
        }
        let grads = Grads::take(total.backward(), &mut self.model);
        let values = losses.read(weights).ok_or(StepError::Device(step))?;
        let by_picture = contrastive::picture_half(&parts).ok_or(StepError::Device(step))?;
        look(&parts);
        let halves = [by_picture, values.terms[0] - by_picture];
        Ok(Outcome { values, halves, grads })
    }
}

/// Leaves each value out with probability `p` and scales the others by 1 / (1 - p).
fn dropout<const D: usize>(x: Tensor<D>, p: f64, dice: &mut Dice) -> Tensor<D> {
    if p == 0.0 {
        return x;
    }
    let mask = TensorData::new(dropout_mask(p, x.shape().num_elements(), dice), x.dims());
    let mask: Tensor<D> = Tensor::from_data(mask, (&x.device(), x.dtype()));
    x * mask
}

/// What dropout multiplies `n` values with.
///
/// The choice is drawn on the host, from the run's seed and the step: the same on every device
/// and after a pause.
pub(super) fn dropout_mask(p: f64, n: usize, dice: &mut Dice) -> Vec<f32> {
    let scale = (1.0 / (1.0 - p)) as f32;
    // Four draws of 16 bits from each number: p to a resolution of 1.5e-5.
    let limit = (p * 65536.0).round() as u64;
    let mut mask = Vec::with_capacity(n + 3);
    while mask.len() < n {
        let bits = dice.bits();
        for shift in [0, 16, 32, 48] {
            let left_out = ((bits >> shift) & 0xFFFF) < limit;
            mask.push(if left_out { 0.0 } else { scale });
        }
    }
    mask.truncate(n);
    mask
}

/// Which stage of its trunk a parameter or norm belongs to: 0 is the stem, 4 the last one.
fn stage(name: &str) -> u32 {
    let after = name.split('.').nth(1).unwrap_or_default();
    after.strip_prefix("layer").and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Whether a parameter is of a BatchNorm.
fn is_norm(name: &str) -> bool {
    name.contains(".bn") || name.contains(".downsample.1")
}

/// Stops what the configuration freezes: parameters lose their gradient, norms their training.
fn freeze(model: &mut Fnac, config: &TrainConfig) {
    let f = &config.freeze;
    // Frozen stages and whether all norms are frozen, for the trunk of a name.
    let trunk = |name: &str| match ParamPart::of(name) {
        Some(ParamPart::ImageTower) => (f.image_stages, f.image_norm),
        Some(ParamPart::SoundTower) => (f.sound_stages, f.sound_norm),
        _ => (0, false),
    };
    model.set_norm_training(|name| {
        let (stages, norms) = trunk(name);
        !norms && stage(name) >= stages
    });
    struct Still<F>(F);
    impl<F: Fn(&str) -> bool> ParamVisitor for Still<F> {
        fn param<const D: usize>(&mut self, name: &str, param: &mut Param<Tensor<D>>) {
            *param = param.clone().set_require_grad(!(self.0)(name));
        }
    }
    model.each_param(&mut Still(|name: &str| {
        let (stages, norms) = trunk(name);
        let in_trunk = name.starts_with("imgnet.") || name.starts_with("audnet.");
        in_trunk && (stage(name) < stages || (norms && is_norm(name)))
    }));
}

#[cfg(test)]
pub(super) mod tests;
