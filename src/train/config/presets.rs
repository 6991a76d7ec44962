//! Ready recipes.

use super::{
    AugmentSection, BatchSection, ConfigError, DropoutSection, FreezeSection, LossSection,
    MaskRule, ModelSection, OptimSection, RateShape, ScheduleSection, TrainConfig, WarmSection,
};
use crate::train::loss::Pooling;

/// A recipe by name.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Its name in files and flags.
    pub name: &'static str,
    /// Its name in the window.
    pub label: &'static str,
    /// What it is for and what to expect.
    pub about: &'static str,
    make: fn() -> TrainConfig,
}

/// All presets, the quickest first.
pub const PRESETS: [Preset; 4] = [
    Preset {
        name: "quick-demo",
        label: "Quick demo",
        about: "A narrow network (width 16) on a small world, on a CPU. It starts from warm \
                towers: from scratch it stays at chance. The adjacency terms begin once the \
                contrastive loss is under chance, with weights scaled by batch / 128.",
        make: quick_demo,
    },
    Preset {
        name: "fine-tune",
        label: "Fine-tune",
        about: "Own clips on top of a trained checkpoint: a tenth of the rate, the first picture \
                stages and all BatchNorm statistics kept.",
        make: fine_tune,
    },
    Preset {
        name: "paper",
        label: "Paper's recipe",
        about: "FNAC as its training scripts have it: 30 epochs, batch 256, weights of 100 after \
                five epochs. For a GPU with memory for the whole batch.",
        make: TrainConfig::default,
    },
    Preset {
        name: "ez-vsl",
        label: "EZ-VSL (contrastive only)",
        about: "The base method: the same code with the three weights at zero, without dropout, \
                weight decay and masks.",
        make: ez_vsl,
    },
];

/// The recipe of a name of [`PRESETS`].
///
/// # Errors
/// [`ConfigError::NoPreset`], with the names that there are.
pub fn preset(name: &str) -> Result<TrainConfig, ConfigError> {
    let found = PRESETS.iter().find(|p| p.name == name);
    let found = found.ok_or_else(|| ConfigError::NoPreset(name.to_owned()))?;
    Ok(TrainConfig { preset: name.to_owned(), ..(found.make)() })
}

/// Figures behind the choices: max pooling, dropout, full weights in a small batch and a start
/// from scratch each kept such a network at chance in trials.
fn quick_demo() -> TrainConfig {
    TrainConfig {
        model: ModelSection { width: 16, dim: 128, ..ModelSection::default() },
        loss: LossSection {
            scale_with_batch: true,
            pooling: Pooling::LogSumExp,
            ..LossSection::default()
        },
        schedule: ScheduleSection {
            epochs: 1000,
            steps: 500,
            warmup_epochs: 0,
            warmup_steps: 125,
            rate: RateShape::Cosine,
            rise_steps: 30,
            floor: 0.0,
        },
        optim: OptimSection { learning_rate: 1e-3, ..OptimSection::default() },
        dropout: DropoutSection { image: 0.0, sound: 0.0 },
        batch: BatchSection { size: 32, no_source: 4 },
        augment: AugmentSection { masks: MaskRule::Off, color: 0.3, ..AugmentSection::default() },
        warm: WarmSection { image_steps: 600, sound_steps: 200, ..WarmSection::default() },
        ..TrainConfig::default()
    }
}

fn fine_tune() -> TrainConfig {
    TrainConfig {
        loss: LossSection { scale_with_batch: true, ..LossSection::default() },
        schedule: ScheduleSection {
            epochs: 10,
            warmup_epochs: 1,
            rate: RateShape::Cosine,
            rise_steps: 50,
            floor: 0.05,
            ..ScheduleSection::default()
        },
        optim: OptimSection { learning_rate: 1e-5, ..OptimSection::default() },
        freeze: FreezeSection {
            image_stages: 2,
            sound_stages: 0,
            image_norm: true,
            sound_norm: true,
        },
        batch: BatchSection { size: 64, no_source: 0 },
        ..TrainConfig::default()
    }
}

fn ez_vsl() -> TrainConfig {
    TrainConfig {
        loss: LossSection { fns_audio: 0.0, tne: 0.0, fns_image: 0.0, ..LossSection::default() },
        schedule: ScheduleSection { epochs: 100, warmup_epochs: 0, ..ScheduleSection::default() },
        optim: OptimSection { weight_decay: 0.0, ..OptimSection::default() },
        dropout: DropoutSection { image: 0.0, sound: 0.0 },
        batch: BatchSection { size: 128, no_source: 0 },
        augment: AugmentSection { masks: MaskRule::Off, ..AugmentSection::default() },
        ..TrainConfig::default()
    }
}
