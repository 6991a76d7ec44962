//! One step over several devices, or through the towers in chunks.
//!
//! Both are the same thing: the towers see a share of the batch at a time, the loss sees all of
//! it. Each share is embedded; the embeddings meet on the first device, where loss and its
//! gradient with respect to them are computed; then each share is taken back through its tower
//! with that gradient (of the sum of embedding times gradient). With one device and small shares
//! this is gradient caching: a share is embedded twice, and no more than one share's activations
//! are ever held, while every picture is told from the whole batch's sounds. Adding up gradients
//! of small batches does not do that.
//!
//! What it shares with one large step: the same masks of dropout, the same loss, one update. What
//! it does not: a BatchNorm that trains normalises each share by its own statistics, and keeps the
//! mean of them, once a step. With frozen statistics the step is the same but for rounding
//! (tested).

use std::collections::BTreeMap;
use std::ops::Range;

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};

use super::config::Negatives;
use super::loss::{LossValues, Losses, Parts, PartsOptions, PerTerm, TERMS, contrastive};
use super::optim::Grads;
use super::step::{Batch, StepError, dropout_mask};
use crate::features::{BINS, INPUT_SIDE};
use crate::model::{Fnac, ModelError, NormStatistics, ParamVisitor};
use crate::synth::Dice;

/// How a step is spread.
pub(super) struct Team {
    /// The network on the other devices; its weights are the first one's.
    others: Vec<Fnac>,
    /// Pairs through a tower at a time; 0 for a whole share.
    chunk: usize,
    negatives: Negatives,
}

/// What a step is computed with, see [`Team::step`].
pub(super) struct StepInputs<'a> {
    pub step: u64,
    pub batch: &'a Batch,
    pub weights: PerTerm,
    pub parts: PartsOptions,
    pub dropout: (f64, f64),
    pub seed: u64,
}

/// What comes of a step before its update.
pub(super) struct Outcome {
    pub values: LossValues,
    /// The contrastive term's two halves.
    pub halves: [f64; 2],
    pub grads: Grads,
}

/// Rows that go through a tower of a device at once.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Job {
    device: usize,
    rows: Range<usize>,
}

impl Team {
    /// One device, whole batches.
    pub(super) fn alone() -> Self {
        Self { others: Vec::new(), chunk: 0, negatives: Negatives::Gathered }
    }

    /// Takes further devices (autodiff ones) into the team; `prepare` freezes what is frozen.
    ///
    /// # Errors
    /// A device does not take the network.
    pub(super) fn new(
        first: &Fnac,
        others: &[Device],
        chunk: usize,
        negatives: Negatives,
        prepare: impl Fn(&mut Fnac),
    ) -> Result<Self, ModelError> {
        let mut team = Self { others: Vec::new(), chunk, negatives };
        if !others.is_empty() {
            // Through the host: a clone would share its BatchNorm statistics with the first.
            let state = first.state()?;
            for device in others {
                let mut model = Fnac::from_state(first.config(), &state, device)?;
                prepare(&mut model);
                team.others.push(model);
            }
        }
        Ok(team)
    }

    /// The network on the other devices.
    #[cfg(test)]
    pub(super) fn others(&self) -> &[Fnac] {
        &self.others
    }

    /// Devices, the first one included.
    pub(super) fn devices(&self) -> usize {
        1 + self.others.len()
    }

    /// Whether a batch of this many items goes through one device in one piece.
    pub(super) fn is_whole(&self, items: usize) -> bool {
        self.others.is_empty() && (self.chunk == 0 || self.chunk >= items)
    }

    /// Loss and gradients of a batch. The first network's BatchNorm statistics have moved then.
    pub(super) fn step(
        &mut self,
        first: &mut Fnac,
        inputs: &StepInputs<'_>,
        look: &mut dyn FnMut(&Parts),
    ) -> Result<Outcome, StepError> {
        let batch = inputs.batch;
        batch.check().map_err(StepError::Batch)?;
        let all = batch.size + batch.no_source;
        let image_jobs = self.jobs(&self.shares(batch.size, 0));
        let sound_jobs = self.jobs(&self.sound_shares(batch.size, all));
        let mut masks = Masks::new(inputs);
        let before = first.norm_statistics();
        // A share that is one piece keeps its graph for the way back.
        let kept_graphs = self.chunk == 0;
        let mut run = Run { team: self, first, before, kept_graphs };

        let image_of = |model: &Fnac, rows: &Range<usize>, masks: &mut Masks| {
            let features = model.image_features(pictures(batch, rows, model));
            let mask = masks.image(&features.dims(), rows);
            model.project_image(masked(features, mask))
        };
        let sound_of = |model: &Fnac, rows: &Range<usize>, masks: &mut Masks| {
            let features = model.sound_features(sounds(batch, rows, model));
            let mask = masks.sound(&features.dims(), rows);
            model.project_sound(masked(features, mask))
        };
        let images = run.embed(&image_jobs, batch.size, &mut masks, &image_of);
        let heard = run.embed(&sound_jobs, all, &mut masks, &sound_of);
        let moved = NormStatistics::of_towers(images.statistics, heard.statistics);

        let image = sorted(&image_jobs, &images.values).require_grad();
        let sound = sorted(&sound_jobs, &heard.values).require_grad();
        let groups = run.team.groups(batch.size, all);
        let (values, halves, total) = loss(&image, &sound, &groups, inputs, look)?;
        let gradients = total.backward();
        let (Some(by_image), Some(by_sound)) = (image.grad(&gradients), sound.grad(&gradients))
        else {
            return Err(StepError::Nothing);
        };

        let mut shares = run.back(&image_jobs, images.graphs, &by_image, &mut masks, &image_of);
        shares.extend(run.back(&sound_jobs, heard.graphs, &by_sound, &mut masks, &sound_of));
        let mut grads = Grads::none();
        let home = run.first.device().inner();
        for share in shares {
            grads.add(share.to_device(&home));
        }
        run.first.restore_norm_statistics(moved);
        if grads.is_empty() {
            return Err(StepError::Nothing);
        }
        Ok(Outcome { values, halves, grads })
    }

    /// Gives the first network's weights to the others.
    pub(super) fn follow(&mut self, first: &mut Fnac) {
        if self.others.is_empty() {
            return;
        }
        struct Take(BTreeMap<String, Tensor<1>>);
        impl ParamVisitor for Take {
            fn param<const D: usize>(&mut self, name: &str, param: &mut Param<Tensor<D>>) {
                let value = param.val();
                // What stands still is the same everywhere.
                if value.is_require_grad() {
                    let n = value.shape().num_elements();
                    self.0.insert(name.to_owned(), value.inner().reshape([n]));
                }
            }
        }
        struct Give<'a>(&'a BTreeMap<String, Tensor<1>>, Device);
        impl ParamVisitor for Give<'_> {
            fn param<const D: usize>(&mut self, name: &str, param: &mut Param<Tensor<D>>) {
                let Some(value) = self.0.get(name) else { return };
                let value = value.clone().to_device(&self.1).reshape(param.val().dims());
                *param = Param::initialized(param.id, Tensor::from_inner(value).require_grad());
            }
        }
        let mut take = Take(BTreeMap::new());
        first.each_param(&mut take);
        for model in &mut self.others {
            let device = model.device().inner();
            model.each_param(&mut Give(&take.0, device));
        }
    }

    /// Each device's rows of `n`, the first of them `from`.
    fn shares(&self, n: usize, from: usize) -> Vec<Range<usize>> {
        pieces(n, self.devices()).map(|r| r.start + from..r.end + from).collect()
    }

    /// Each device's sounds: those of its pictures, then its part of those without a source.
    fn sound_shares(&self, pairs: usize, all: usize) -> Vec<Range<usize>> {
        let mut shares = self.shares(pairs, 0);
        shares.extend(self.shares(all - pairs, pairs));
        shares
    }

    /// Shares (device by device, again from the first after the last) cut into chunks.
    fn jobs(&self, shares: &[Range<usize>]) -> Vec<Job> {
        let devices = self.devices();
        let mut jobs = Vec::new();
        for (share, at) in shares.iter().zip(0..) {
            let n = share.len();
            let count = if self.chunk == 0 { 1 } else { n.div_ceil(self.chunk).max(1) };
            for piece in pieces(n, count).filter(|p| !p.is_empty()) {
                let rows = share.start + piece.start..share.start + piece.end;
                jobs.push(Job { device: at % devices, rows });
            }
        }
        jobs
    }

    /// Which pictures are told from which sounds: all from all, or a device's from its own.
    fn groups(&self, pairs: usize, all: usize) -> Vec<(Range<usize>, Range<usize>)> {
        if self.negatives == Negatives::Gathered || self.others.is_empty() {
            return vec![(0..pairs, pairs..all)];
        }
        let own = self.shares(pairs, 0).into_iter().zip(self.shares(all - pairs, pairs));
        own.filter(|(pictures, _)| !pictures.is_empty()).collect()
    }
}

/// `n` things in `count` pieces that differ by one at most.
fn pieces(n: usize, count: usize) -> impl Iterator<Item = Range<usize>> {
    let count = count.max(1);
    let edge = move |i: usize| i * (n / count) + i.min(n % count);
    (0..count).map(move |i| edge(i)..edge(i + 1))
}

/// A step on its way.
struct Run<'a> {
    team: &'a mut Team,
    first: &'a mut Fnac,
    before: NormStatistics,
    kept_graphs: bool,
}

/// A tower's answer for all jobs.
struct Embedded<const D: usize> {
    /// On the first device, without gradient.
    values: Vec<Tensor<D>>,
    /// With their graphs, where these are kept.
    graphs: Vec<Option<Tensor<D>>>,
    /// The BatchNorms' statistics after all jobs.
    statistics: NormStatistics,
}

/// Embeds rows of the batch.
type Forward<'f, const D: usize> = dyn Fn(&Fnac, &Range<usize>, &mut Masks) -> Tensor<D> + 'f;

impl Run<'_> {
    fn model(&mut self, device: usize) -> &mut Fnac {
        match device.checked_sub(1).and_then(|i| self.team.others.get_mut(i)) {
            Some(other) => other,
            None => self.first,
        }
    }

    /// The network of a device with the statistics from before the step.
    fn fresh_model(&mut self, device: usize) -> &mut Fnac {
        let before = self.before.clone();
        let model = self.model(device);
        let place = model.device();
        model.restore_norm_statistics(before.to_device(&place));
        model
    }

    fn embed<const D: usize>(
        &mut self,
        jobs: &[Job],
        all: usize,
        masks: &mut Masks,
        forward: &Forward<'_, D>,
    ) -> Embedded<D> {
        let home = self.first.device();
        let mut moved = Vec::new();
        let (mut values, mut graphs) = (Vec::new(), Vec::new());
        for job in jobs {
            let model = self.fresh_model(job.device);
            let embedding = forward(model, &job.rows, masks);
            let share = job.rows.len() as f64 / all as f64;
            moved.push((share, model.norm_statistics()));
            values.push(embedding.clone().inner());
            graphs.push(self.kept_graphs.then_some(embedding));
        }
        // Only now: every device has its work before the first is waited for.
        let values = values.into_iter().map(|v| v.to_device(&home.clone().inner())).collect();
        let moved = moved.into_iter().map(|(share, s)| (share, s.to_device(&home))).collect();
        let statistics = self.before.moved_by(moved);
        Embedded { values, graphs, statistics }
    }

    fn back<const D: usize>(
        &mut self,
        jobs: &[Job],
        graphs: Vec<Option<Tensor<D>>>,
        gradient: &Tensor<D>,
        masks: &mut Masks,
        forward: &Forward<'_, D>,
    ) -> Vec<Grads> {
        let mut all = Vec::new();
        for (job, graph) in jobs.iter().zip(graphs) {
            let embedding = match graph {
                Some(e) => e,
                None => forward(self.fresh_model(job.device), &job.rows, masks),
            };
            if !embedding.is_tracked() {
                continue;
            }
            let model = self.model(job.device);
            let own = gradient.clone().slice_dim(0, job.rows.clone());
            let own = Tensor::from_inner(own.to_device(&model.device().inner()));
            let gradients = (embedding * own).sum().backward();
            all.push(Grads::take(gradients, model));
        }
        all
    }
}

/// The jobs' answers in the order of the batch, as a leaf on an autodiff device.
fn sorted<const D: usize>(jobs: &[Job], values: &[Tensor<D>]) -> Tensor<D> {
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    order.sort_by_key(|i| jobs[*i].rows.start);
    let rows = order.into_iter().map(|i| values[i].clone()).collect();
    Tensor::from_inner(Tensor::cat(rows, 0))
}

/// The loss of all groups: their mean.
fn loss(
    image: &Tensor<4>,
    sound: &Tensor<2>,
    groups: &[(Range<usize>, Range<usize>)],
    inputs: &StepInputs<'_>,
    look: &mut dyn FnMut(&Parts),
) -> Result<(LossValues, [f64; 2], Tensor<1>), StepError> {
    let share = 1.0 / groups.len() as f64;
    let mut sums = LossValues { terms: [0.0; TERMS], weights: inputs.weights };
    let mut halves = [0.0; 2];
    let mut total: Option<Tensor<1>> = None;
    for (pairs, extra) in groups {
        if pairs.len() < 2 {
            return Err(StepError::Batch(format!(
                "a device has {} pairs of the batch, but with its own negatives it needs 2: take \
                 larger batches, fewer devices, or run.negatives = \"gathered\"",
                pairs.len()
            )));
        }
        let own = |r: &Range<usize>| sound.clone().slice_dim(0, r.clone());
        let heard = if extra.is_empty() {
            own(pairs)
        } else {
            Tensor::cat(vec![own(pairs), own(extra)], 0)
        };
        let seen = image.clone().slice_dim(0, pairs.clone());
        let parts = Parts::new(seen, heard, inputs.parts).map_err(StepError::Batch)?;
        let losses = Losses::of(&parts);
        let values = losses.read(inputs.weights).ok_or(StepError::Device(inputs.step))?;
        for (sum, value) in sums.terms.iter_mut().zip(values.terms) {
            *sum += value * share;
        }
        let by_picture = contrastive::picture_half(&parts);
        let by_picture = by_picture.ok_or(StepError::Device(inputs.step))?;
        halves[0] += by_picture * share;
        halves[1] += (values.terms[0] - by_picture) * share;
        look(&parts);
        let own_total = losses.total(inputs.weights).ok_or(StepError::Nothing)? * share;
        total = Some(match total {
            Some(t) => t + own_total,
            None => own_total,
        });
    }
    Ok((sums, halves, total.ok_or(StepError::Nothing)?))
}

fn pictures(batch: &Batch, rows: &Range<usize>, model: &Fnac) -> Tensor<4> {
    let side = INPUT_SIDE as usize;
    let data = rows_of(&batch.pictures, 3 * side * side, rows);
    Tensor::from_data(
        TensorData::new(data, [rows.len(), 3, side, side]),
        (&model.device(), model.dtype()),
    )
}

fn sounds(batch: &Batch, rows: &Range<usize>, model: &Fnac) -> Tensor<4> {
    let data = rows_of(&batch.sounds, BINS * batch.frames, rows);
    Tensor::from_data(
        TensorData::new(data, [rows.len(), 1, BINS, batch.frames]),
        (&model.device(), model.dtype()),
    )
}

fn rows_of(data: &[f32], each: usize, rows: &Range<usize>) -> Vec<f32> {
    data.get(rows.start * each..rows.end * each).unwrap_or_default().to_vec()
}

fn masked<const D: usize>(features: Tensor<D>, mask: Option<Vec<f32>>) -> Tensor<D> {
    let Some(mask) = mask else { return features };
    let mask = TensorData::new(mask, features.dims());
    features.clone() * Tensor::from_data(mask, (&features.device(), features.dtype()))
}

/// The masks of dropout for a whole batch, drawn once, as one large step draws them.
struct Masks {
    dice: Dice,
    image: Mask,
    sound: Mask,
}

struct Mask {
    p: f64,
    items: usize,
    values: Vec<f32>,
}

impl Masks {
    fn new(inputs: &StepInputs<'_>) -> Self {
        let mask = |p, items| Mask { p, items, values: Vec::new() };
        let pairs = inputs.batch.size;
        Self {
            dice: Dice::new(inputs.seed, inputs.step).part("dropout"),
            image: mask(inputs.dropout.0, pairs),
            sound: mask(inputs.dropout.1, pairs + inputs.batch.no_source),
        }
    }

    fn image(&mut self, dims: &[usize], rows: &Range<usize>) -> Option<Vec<f32>> {
        let mut dice = self.dice.part("image");
        self.image.rows(dims, rows, &mut dice)
    }

    fn sound(&mut self, dims: &[usize], rows: &Range<usize>) -> Option<Vec<f32>> {
        let mut dice = self.dice.part("sound");
        self.sound.rows(dims, rows, &mut dice)
    }
}

impl Mask {
    fn rows(&mut self, dims: &[usize], rows: &Range<usize>, dice: &mut Dice) -> Option<Vec<f32>> {
        if self.p == 0.0 {
            return None;
        }
        let each: usize = dims.iter().skip(1).product();
        if self.values.is_empty() {
            self.values = dropout_mask(self.p, self.items * each, dice);
        }
        Some(rows_of(&self.values, each, rows))
    }
}

#[cfg(test)]
mod tests;
