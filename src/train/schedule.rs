//! What changes from step to step: which terms count, and how fast the weights move.

use super::config::{OptimSection, RateShape, ScheduleSection, TrainConfig};
use super::loss::{LOSS_TERMS, PerTerm};

/// A run's plan over its steps. Epochs and steps count from 0.
#[derive(Clone, Debug)]
pub struct Schedule {
    section: ScheduleSection,
    optim: OptimSection,
    weights: PerTerm,
    steps_per_epoch: u64,
}

/// Which part of the network a parameter belongs to; each can have a learning rate of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamPart {
    /// `imgnet.*`
    ImageTower,
    /// `img_proj.*`
    ImageProjection,
    /// `audnet.*`
    SoundTower,
    /// `aud_proj.*`
    SoundProjection,
}

impl ParamPart {
    /// Of a parameter's official name; `None` for a name that is no parameter's.
    pub fn of(name: &str) -> Option<Self> {
        match name.split_once('.')?.0 {
            "imgnet" => Some(Self::ImageTower),
            "img_proj" => Some(Self::ImageProjection),
            "audnet" => Some(Self::SoundTower),
            "aud_proj" => Some(Self::SoundProjection),
            _ => None,
        }
    }
}

impl Schedule {
    /// For batches of `batch` pairs, `steps_per_epoch` of them in a pass (at least 1 is assumed).
    pub fn new(config: &TrainConfig, batch: usize, steps_per_epoch: u64) -> Self {
        Self {
            section: config.schedule.clone(),
            optim: config.optim.clone(),
            weights: config.weights(batch),
            steps_per_epoch: steps_per_epoch.max(1),
        }
    }

    /// Steps of the whole run.
    pub fn steps(&self) -> u64 {
        let by_epochs = u64::from(self.section.epochs).saturating_mul(self.steps_per_epoch);
        if self.section.steps == 0 { by_epochs } else { by_epochs.min(self.section.steps) }
    }

    /// The epoch that a step belongs to.
    pub fn epoch(&self, step: u64) -> u64 {
        step / self.steps_per_epoch
    }

    /// The first step in which all terms count: both warm-ups are over.
    pub fn warmup_ends(&self) -> u64 {
        let epochs = u64::from(self.section.warmup_epochs).saturating_mul(self.steps_per_epoch);
        epochs.max(self.section.warmup_steps)
    }

    /// Weights of the terms in a step, in the order of [`LOSS_TERMS`].
    pub fn weights(&self, step: u64) -> PerTerm {
        let mut weights = self.weights;
        if step < self.warmup_ends() {
            for (weight, term) in weights.iter_mut().zip(&LOSS_TERMS) {
                if !term.from_the_start {
                    *weight = 0.0;
                }
            }
        }
        weights
    }

    /// The learning rate in a step, before the multiples of the parts.
    ///
    /// It rises over the first steps so that step n of r has (n + 1) / r of it, and a falling
    /// shape falls from there to its floor at the last step.
    pub fn learning_rate(&self, step: u64) -> f64 {
        let full = self.optim.learning_rate;
        let rise = self.section.rise_steps;
        if step < rise {
            return full * (step + 1) as f64 / rise as f64;
        }
        let fall = self.steps().saturating_sub(rise).max(1);
        let done = ((step - rise) as f64 / fall as f64).min(1.0);
        let left = match self.section.rate {
            RateShape::Constant => return full,
            RateShape::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
            RateShape::Linear => 1.0 - done,
        };
        full * (self.section.floor + (1.0 - self.section.floor) * left)
    }

    /// The learning rate of a part of the network in a step.
    pub fn rate_of(&self, part: ParamPart, step: u64) -> f64 {
        self.multiple(part) * self.learning_rate(step)
    }

    /// What the learning rate of a part of the network is multiplied with.
    pub fn multiple(&self, part: ParamPart) -> f64 {
        let o = &self.optim;
        match part {
            ParamPart::ImageTower => o.image_tower,
            ParamPart::ImageProjection => o.image_projection,
            ParamPart::SoundTower => o.sound_tower,
            ParamPart::SoundProjection => o.sound_projection,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::config::preset;

    #[test]
    fn the_papers_terms_come_after_five_epochs_and_its_rate_stays() {
        let s = Schedule::new(&TrainConfig::default(), 256, 39);
        assert_eq!(s.steps(), 30 * 39);
        assert_eq!(s.weights(5 * 39 - 1), [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(s.weights(5 * 39), [1.0, 100.0, 100.0, 100.0]);
        assert_eq!((s.epoch(38), s.epoch(39)), (0, 1));
        assert!((0..s.steps()).all(|n| s.learning_rate(n) == 1e-4));
    }

    #[test]
    fn the_demos_rate_rises_and_falls_and_its_terms_are_scaled_and_late() {
        let s = Schedule::new(&preset("quick-demo").unwrap(), 32, 10);
        assert_eq!(s.steps(), 500);
        assert_eq!(s.weights(124), [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(s.weights(125), [1.0, 25.0, 25.0, 25.0]);
        let rates: Vec<f64> = (0..500).map(|n| s.learning_rate(n)).collect();
        assert!((rates[0] - 1e-3 / 30.0).abs() < 1e-12);
        assert!(rates[..30].is_sorted() && rates[29] == 1e-3);
        assert!(rates[30..].is_sorted_by(|a, b| a >= b));
        assert!(rates[499] < 1e-7 && rates[499] > 0.0);
        assert!((rates[265] - 5e-4).abs() < 1e-6, "half way down: {}", rates[265]);
    }

    #[test]
    fn a_floor_stays_and_steps_after_the_end_stay_there() {
        let mut c = preset("quick-demo").unwrap();
        c.schedule.floor = 0.25;
        c.schedule.rate = RateShape::Linear;
        let s = Schedule::new(&c, 32, 10);
        assert!((s.learning_rate(265) - 0.625e-3).abs() < 1e-12);
        for step in [500, 10_000, u64::MAX] {
            assert_eq!(s.learning_rate(step), 0.25e-3);
        }
    }

    #[test]
    fn parts_of_the_network_have_their_multiples() {
        let mut c = TrainConfig::default();
        c.optim.image_tower = 0.1;
        c.optim.sound_projection = 3.0;
        let s = Schedule::new(&c, 2, 0);
        let rate = |name: &str| s.rate_of(ParamPart::of(name).unwrap(), 0);
        assert_eq!(rate("imgnet.layer1.0.bn1.weight"), 0.1 * 1e-4);
        assert_eq!(rate("img_proj.bias"), 1e-4);
        assert_eq!(rate("audnet.conv1.weight"), 1e-4);
        assert_eq!(rate("aud_proj.weight"), 3.0 * 1e-4);
        assert_eq!(ParamPart::of("fc.weight"), None);
        assert_eq!(ParamPart::of("imgnet"), None);
    }
}
