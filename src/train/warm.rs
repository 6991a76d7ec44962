//! A supervised start of the towers on class labels, without boxes.
//!
//! A narrow network from scratch stays at chance under the contrastive loss; the paper's picture
//! tower starts from ImageNet weights, which do not exist for narrow towers. This stands in for
//! them. The picture tower learns to name everything that is seen in a scene: a class layer on
//! each cell, its answers pooled over the cells by log-mean-exp, so that a cell which sees the
//! thing is enough and no place is told. The sound tower learns to name what is heard. Both class
//! layers are thrown away; the projections, and with them which sound belongs to which picture,
//! start at random and are found by the contrastive steps alone. Where figures of such a network
//! are quoted, this is to be said.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::activation::log_softmax;
use burn::tensor::{Tensor, TensorData};

use super::augment::Augment;
use super::config::{OptimSection, TrainConfig, WarmSection};
use super::loader::{Loaded, MakeBatch, WorkerState};
use super::loss::{LossValues, TERMS};
use super::optim::{Adam, Grads};
use super::order::Order;
use super::step::{StepError, StepReport};
use crate::data::{Dataset, Item};
use crate::features::{BINS, frames_of, image_tensor};
use crate::model::Fnac;
use crate::synth::Dice;

/// Which tower is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tower {
    /// By what is seen.
    Image,
    /// By what is heard.
    Sound,
}

impl Tower {
    fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Sound => "sound",
        }
    }

    fn labels(self, item: &Item) -> &[String] {
        match self {
            Self::Image => &item.seen,
            Self::Sound => &item.sounding,
        }
    }

    /// Steps of this tower's start.
    pub fn steps(self, section: &WarmSection) -> u64 {
        match self {
            Self::Image => section.image_steps,
            Self::Sound => section.sound_steps,
        }
    }
}

/// Makes batches of one tower's inputs with their classes.
pub struct WarmBatches {
    set: Arc<Dataset>,
    usable: Vec<usize>,
    classes: BTreeMap<String, usize>,
    order: Order,
    augment: Augment,
    tower: Tower,
    side: u32,
    rate: u32,
}

impl WarmBatches {
    /// Over the items of a set that carry labels.
    ///
    /// # Errors
    /// In words, when there are fewer than two classes or too few items.
    pub fn new(
        set: Arc<Dataset>,
        config: &TrainConfig,
        tower: Tower,
        rate: u32,
    ) -> Result<Self, String> {
        let labelled = |i: &usize| set.items.get(*i).is_some_and(|x| !tower.labels(x).is_empty());
        let usable: Vec<usize> = (0..set.items.len()).filter(labelled).collect();
        let mut classes = BTreeMap::new();
        for name in usable.iter().flat_map(|i| tower.labels(&set.items[*i])) {
            classes.insert(name.clone(), 0);
        }
        for (place, class) in classes.values_mut().enumerate() {
            *class = place;
        }
        let batch = config.warm.batch;
        if classes.len() < 2 || usable.len() < batch {
            return Err(format!(
                "a supervised start of the {} tower needs items with class labels: {} items with \
                 {} classes are there, a batch has {batch}; set warm.{0}_steps to 0 to go without",
                tower.name(),
                usable.len(),
                classes.len()
            ));
        }
        Ok(Self {
            order: Order::new(usable.len(), batch, config.seed ^ 0x5EED),
            augment: Augment::new(config.augment.clone(), config.seed ^ 0x5EED),
            side: config.warm.side as u32,
            set,
            usable,
            classes,
            tower,
            rate,
        })
    }

    /// Classes there are.
    pub fn classes(&self) -> usize {
        self.classes.len()
    }

    fn input(
        &self,
        i: usize,
        item: &Item,
        epoch: u64,
        state: &mut WorkerState,
    ) -> Option<Vec<f32>> {
        match self.tower {
            Tower::Image => {
                let variation = self.augment.variation(epoch, i as u64, 1);
                let picture = item.load_picture().ok()?;
                let varied = self.augment.varied_picture_of(&picture, &variation, self.side);
                Some(image_tensor(&varied))
            }
            Tower::Sound => {
                let sound = item.load_sound(self.rate).ok()?;
                let s = state.plan.log_spectrogram(&sound, self.rate)?;
                let variation = self.augment.variation(epoch, i as u64, s.frames);
                let mut data = s.data;
                self.augment.mask(&mut data, &variation);
                Some(data)
            }
        }
    }
}

impl MakeBatch for WarmBatches {
    fn make(&self, step: u64, state: &mut WorkerState) -> Loaded {
        let (epoch, places) = state.items(&self.order, step);
        let mut out = Loaded { step, epoch, ..Loaded::default() };
        let samples = (crate::features::SAMPLES_SECS * f64::from(self.rate)) as usize;
        out.batch.frames = frames_of(samples);
        for place in places {
            let Some(i) = self.usable.get(place) else { continue };
            let item = &self.set.items[*i];
            let Some(input) = self.input(*i, item, epoch, state) else {
                out.left_out.push((item.id.clone(), "it could not be loaded".into()));
                continue;
            };
            match self.tower {
                Tower::Image => out.batch.pictures.extend(input),
                Tower::Sound => out.batch.sounds.extend(input),
            }
            let labels = self.tower.labels(item);
            let mut row = vec![0.0; self.classes.len()];
            for class in labels.iter().filter_map(|l| self.classes.get(l)) {
                row[*class] += 1.0 / labels.len() as f32;
            }
            out.targets.extend(row);
            out.batch.size += 1;
            out.ids.push(item.id.clone());
        }
        out
    }
}

/// One tower in its supervised start. The network is moved in and given back.
pub struct WarmLearner {
    model: Fnac,
    adam: Adam,
    weight: Tensor<2>,
    bias: Tensor<1>,
    tower: Tower,
    side: usize,
    steps: u64,
    full_rate: f64,
}

impl WarmLearner {
    /// A fresh class layer over `classes` classes on a network that lies on an autodiff device.
    pub fn new(model: Fnac, config: &TrainConfig, tower: Tower, classes: usize) -> Self {
        let features = model.config().features();
        let (device, dtype) = (model.device(), model.dtype());
        let mut dice = Dice::new(config.seed, 0).part("warm").part(tower.name());
        let reach = 1.0 / (features as f64).sqrt();
        let weight: Vec<f32> =
            (0..features * classes).map(|_| dice.range(-reach, reach) as f32).collect();
        let weight = TensorData::new(weight, [features, classes]);
        let weight: Tensor<2> = Tensor::from_data(weight, (&device, dtype));
        let bias = TensorData::new(vec![0.0f32; classes], [classes]);
        let bias: Tensor<1> = Tensor::from_data(bias, (&device, dtype));
        let optim = OptimSection { weight_decay: 1e-4, ..OptimSection::default() };
        Self {
            model,
            adam: Adam::new(optim),
            weight: weight.require_grad(),
            bias: bias.require_grad(),
            tower,
            side: config.warm.side,
            steps: tower.steps(&config.warm),
            full_rate: config.warm.learning_rate,
        }
    }

    /// The network, its class layer thrown away.
    pub fn into_model(self) -> Fnac {
        self.model
    }

    /// Rises over a tenth of the steps, then falls as half a cosine.
    fn rate(&self, step: u64) -> f64 {
        let rise = (self.steps / 10).max(1);
        if step < rise {
            return self.full_rate * (step + 1) as f64 / rise as f64;
        }
        let done = (step - rise) as f64 / self.steps.saturating_sub(rise).max(1) as f64;
        self.full_rate * 0.5 * (1.0 + (std::f64::consts::PI * done.min(1.0)).cos())
    }

    /// One step. The report's first loss is the cross entropy, [`StepReport::halves`] begins with
    /// the share of items whose best class is one of theirs.
    ///
    /// # Errors
    /// [`StepError`]; nothing is changed then but BatchNorm's statistics.
    pub fn step(&mut self, step: u64, loaded: &Loaded) -> Result<StepReport, StepError> {
        let (b, k) = (loaded.batch.size, self.bias.dims()[0]);
        if b < 2 || loaded.targets.len() != b * k {
            return Err(StepError::Batch(format!("{b} items with classes")));
        }
        let (device, dtype) = (self.model.device(), self.model.dtype());
        let logits: Tensor<2> = match self.tower {
            Tower::Image => {
                let data =
                    TensorData::new(loaded.batch.pictures.clone(), [b, 3, self.side, self.side]);
                let x = self.model.image_features(Tensor::from_data(data, (&device, dtype)));
                let [b, f, h, w] = x.dims();
                let cells: Tensor<2> =
                    x.reshape([b, f, h * w]).swap_dims(1, 2).reshape([b * h * w, f]);
                let answers: Tensor<3> =
                    cells.matmul(self.weight.clone()).reshape([b, h * w, k]).swap_dims(1, 2);
                let high = answers.clone().detach().max_dim(2);
                let sum = (answers - high.clone()).exp().mean_dim(2);
                (sum.log() + high).reshape([b, k])
            }
            Tower::Sound => {
                let data =
                    TensorData::new(loaded.batch.sounds.clone(), [b, 1, BINS, loaded.batch.frames]);
                let x = self.model.sound_features(Tensor::from_data(data, (&device, dtype)));
                x.matmul(self.weight.clone())
            }
        };
        let logits = logits + self.bias.clone().reshape([1, k]);
        let targets: Tensor<2> =
            Tensor::from_data(TensorData::new(loaded.targets.clone(), [b, k]), (&device, dtype));
        let loss: Tensor<1> = -(log_softmax(logits.clone(), 1) * targets).sum() / b as f64;
        let mut gradients = loss.clone().backward();
        let lost = || StepError::Device(step);
        let head = (self.weight.grad_remove(&mut gradients), self.bias.grad_remove(&mut gradients));
        let (Some(weight), Some(bias)) = head else { return Err(StepError::Nothing) };
        let grads = Grads::take(gradients, &mut self.model);
        let value = read(loss.detach()).and_then(|v| v.first().copied()).ok_or_else(lost)?;
        let norm = grads.norm().ok_or_else(lost)?;
        let mut losses = LossValues { terms: [0.0; TERMS], weights: [0.0; TERMS] };
        (losses.terms[0], losses.weights[0]) = (value, 1.0);
        super::optim::guard_finite(&losses, &grads, Some(norm))
            .map_err(|source| StepError::NotFinite { step, losses, source })?;
        let rate = self.rate(step);
        self.adam.step(&mut self.model, &grads, |_| rate);
        let n = self.weight.shape().num_elements();
        let dims = self.weight.dims();
        let old = self.weight.clone().inner().reshape([n]);
        let new = self.adam.moved("head.weight", old, weight.reshape([n]), rate).reshape(dims);
        self.weight = Tensor::from_inner(new).require_grad();
        let new = self.adam.moved("head.bias", self.bias.clone().inner(), bias, rate);
        self.bias = Tensor::from_inner(new).require_grad();
        let right = right(&read(logits.detach().reshape([b * k])).ok_or_else(lost)?, loaded, k);
        Ok(StepReport { step, losses, halves: [right, 0.0], grad_norm: norm, learning_rate: rate })
    }
}

/// Share of rows whose greatest value stands at one of the row's classes.
fn right(logits: &[f64], loaded: &Loaded, classes: usize) -> f64 {
    let rows = logits.chunks_exact(classes).zip(loaded.targets.chunks_exact(classes));
    let hit = |(row, target): &(&[f64], &[f32])| {
        let best = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(i, _)| i);
        best.and_then(|i| target.get(i)).is_some_and(|t| *t > 0.0)
    };
    rows.filter(hit).count() as f64 / loaded.batch.size.max(1) as f64
}

fn read(t: Tensor<1>) -> Option<Vec<f64>> {
    t.try_into_data().ok()?.convert::<f64>().try_to_vec::<f64>().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FnacConfig;
    use crate::train::testing::twelve;
    use crate::train::{initial, preset};
    use burn::tensor::Device;

    fn config() -> TrainConfig {
        let mut c = preset("quick-demo").unwrap();
        (c.warm.image_steps, c.warm.sound_steps) = (12, 12);
        (c.warm.batch, c.warm.side) = (8, 64);
        c.warm.learning_rate = 3e-3;
        c
    }

    #[test]
    fn each_tower_learns_its_labels_and_leaves_the_other_tower_alone() {
        let device = Device::flex().autodiff();
        for tower in [Tower::Image, Tower::Sound] {
            let (size, config) = (FnacConfig::new(4, 8), config());
            let model = Fnac::from_state(size, &initial::scratch(size, 1), &device).unwrap();
            let before = model.state().unwrap();
            let batches = WarmBatches::new(twelve(), &config, tower, 16_000).unwrap();
            let (classes, mut state) = (batches.classes(), WorkerState::new());
            let mut learner = WarmLearner::new(model, &config, tower, classes);
            // One batch again and again: memorising it is enough.
            let loaded = batches.make(0, &mut state);
            assert_eq!(loaded.targets.len(), 8 * classes);
            assert!(
                loaded.targets.chunks(classes).all(|r| (r.iter().sum::<f32>() - 1.0).abs() < 1e-6)
            );
            let losses: Vec<f64> =
                (0..12).map(|s| learner.step(s, &loaded).unwrap().losses.total()).collect();
            assert!(losses[11] < 0.7 * losses[0], "{tower:?}: {losses:?}");
            let after = learner.into_model().state().unwrap();
            let (own, other) = match tower {
                Tower::Image => ("imgnet.", "audnet."),
                Tower::Sound => ("audnet.", "imgnet."),
            };
            let changed =
                |prefix: &str| after.iter().any(|(k, v)| k.starts_with(prefix) && before[k] != *v);
            assert!(
                changed(own) && !changed(other) && !changed("img_proj") && !changed("aud_proj")
            );
        }
    }

    #[test]
    fn without_labels_there_is_no_supervised_start() {
        let mut set = (*twelve()).clone();
        set.items.iter_mut().for_each(|i| i.seen.clear());
        let refused =
            WarmBatches::new(Arc::new(set), &config(), Tower::Image, 16_000).err().unwrap();
        assert!(
            refused.contains("class labels") && refused.contains("warm.image_steps"),
            "{refused}"
        );
    }
}
