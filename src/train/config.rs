//! Everything a run of training is told: one structure for file, flags and panel.

mod presets;
mod settings;

use serde::{Deserialize, Serialize};

use super::loss::{LOSS_TERMS, PartsOptions, PerTerm, Pooling, TERMS};
use crate::model::FnacConfig;

pub use presets::{PRESETS, Preset, preset};
pub use settings::{SETTINGS, Setting};

/// Batch size at which the three adjacency terms have the size the paper's weights are made for
/// in a narrow network: as means over B x B entries of rows that sum to 1 they shrink as 1 / B.
const SCALE_BATCH: f64 = 128.0;

/// What is wrong with a configuration. Nothing is changed by a refused one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The text is no TOML, or a value has the wrong type.
    #[error("the training configuration cannot be read: {0}")]
    Text(String),
    /// There is no such setting.
    #[error("there is no setting `{key}`{}", hint(near))]
    Unknown {
        /// What was asked for.
        key: String,
        /// The most similar setting, where one is similar.
        near: Option<String>,
    },
    /// `--set` without a `=`.
    #[error("`{0}` sets nothing: write KEY=VALUE, for example `optim.learning_rate=1e-4`")]
    NoValue(String),
    /// A value of the wrong type for its setting.
    #[error("`{key}` cannot be `{value}`: {cause}")]
    Value {
        /// The setting.
        key: String,
        /// The text that was given.
        value: String,
        /// What is expected.
        cause: String,
    },
    /// Values that are out of range or contradict each other.
    #[error("the training configuration is not possible: {}", .0.join("; "))]
    Refused(Vec<String>),
    /// There is no such preset.
    #[error("there is no preset `{}`: there are {}", .0, PRESETS.map(|p| p.name).join(", "))]
    NoPreset(String),
}

fn hint(near: &Option<String>) -> String {
    near.as_ref().map_or(String::new(), |n| format!("; did you mean `{n}`?"))
}

/// A training run's recipe. Made from a [`preset`], a file ([`TrainConfig::from_toml`]) and
/// [`TrainConfig::set`]; used only after [`TrainConfig::validate`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Preset it began as; only said, never looked up again.
    pub preset: String,
    /// Follow the official code where it surprises. See [`TrainConfig::quirks`].
    pub reference: bool,
    /// Of everything drawn at random.
    pub seed: u64,
    /// The network and where it starts.
    pub model: ModelSection,
    /// The objective.
    pub loss: LossSection,
    /// How long, and what counts when.
    pub schedule: ScheduleSection,
    /// The optimiser.
    pub optim: OptimSection,
    /// What stands still.
    pub freeze: FreezeSection,
    /// Features left out at random.
    pub dropout: DropoutSection,
    /// What a step sees.
    pub batch: BatchSection,
    /// How pictures and sounds are varied.
    pub augment: AugmentSection,
    /// What is learnt from, and what is held out.
    pub data: DataSection,
    /// A supervised start of the towers on class labels, before the first step.
    pub warm: WarmSection,
    /// Devices, saving, validation: what does not change what is learnt.
    pub run: RunSection,
}

/// `[model]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelSection {
    /// A checkpoint to start from; empty for a start from scratch.
    pub start: String,
    /// A torchvision ResNet-18 for the picture tower; empty for none.
    pub image_start: String,
    /// Channels of the first stage.
    pub width: usize,
    /// Length of the embeddings.
    pub dim: usize,
}

/// `[loss]`: a weight per term of [`LOSS_TERMS`], and what the terms are made with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LossSection {
    /// Weight of the contrastive term.
    pub contrastive: f64,
    /// Weight of false negative suppression by sounds.
    pub fns_audio: f64,
    /// Weight of true negative enhancement.
    pub tne: f64,
    /// Weight of false negative suppression by pictures.
    pub fns_image: f64,
    /// Whether the last three weights are multiplied by B / 128.
    pub scale_with_batch: bool,
    /// Temperature.
    pub tau: f64,
    /// Where the scaled map begins to be foreground.
    pub foreground: f64,
    /// From map to logit.
    pub pooling: Pooling,
}

/// `[schedule]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleSection {
    /// Passes over the data.
    pub epochs: u32,
    /// Steps at which the run ends if that comes first; 0 for no such end.
    pub steps: u64,
    /// Epochs in which the contrastive term counts alone.
    pub warmup_epochs: u32,
    /// Steps in which the contrastive term counts alone (as well).
    pub warmup_steps: u64,
    /// How the learning rate changes.
    pub rate: RateShape,
    /// Steps over which the learning rate rises from 0.
    pub rise_steps: u64,
    /// Share of the learning rate that is left at the end of a falling shape.
    pub floor: f64,
}

/// How the learning rate changes over a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateShape {
    /// Not at all: the official way.
    #[default]
    Constant,
    /// Falls as half a cosine.
    Cosine,
    /// Falls in a straight line.
    Linear,
}

/// `[optim]`: Adam as `torch.optim.Adam` with L2 weight decay (added to the gradient).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimSection {
    /// Learning rate.
    pub learning_rate: f64,
    /// L2 weight decay on every parameter, BatchNorm and biases included.
    pub weight_decay: f64,
    /// Memory of the first moment.
    pub beta1: f64,
    /// Memory of the second moment.
    pub beta2: f64,
    /// Keeps the division finite.
    pub eps: f64,
    /// Largest norm of the whole gradient; 0 for no limit.
    pub clip_norm: f64,
    /// Learning rate of the picture trunk, as a multiple.
    pub image_tower: f64,
    /// Learning rate of the picture projection, as a multiple.
    pub image_projection: f64,
    /// Learning rate of the sound trunk, as a multiple.
    pub sound_tower: f64,
    /// Learning rate of the sound projection, as a multiple.
    pub sound_projection: f64,
}

/// `[freeze]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FreezeSection {
    /// Stages of the picture trunk that stand still, from the input on: 1 is the stem, 5 all.
    pub image_stages: u32,
    /// The same for the sound trunk.
    pub sound_stages: u32,
    /// Whether the picture trunk's BatchNorms keep their statistics and weights.
    pub image_norm: bool,
    /// The same for the sound trunk.
    pub sound_norm: bool,
}

/// `[dropout]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DropoutSection {
    /// Probability with which a picture feature is left out before the projection.
    pub image: f64,
    /// The same for sound features.
    pub sound: f64,
}

/// `[batch]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchSection {
    /// Pairs in a step.
    pub size: usize,
    /// Sounds without a source (silence, noise) in a step, as further wrong answers.
    pub no_source: usize,
}

/// `[augment]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentSection {
    /// Whether pictures are resized by their shorter side and cropped at random.
    pub crop: bool,
    /// The shorter side before the crop, in pixels.
    pub shorter_side: u32,
    /// How far brightness, contrast, saturation and hue are moved: 0 not at all, 1 a lot. The
    /// official code does not.
    pub color: f64,
    /// Probability of a mirrored picture.
    pub flip: f64,
    /// Which bars of the spectrogram are covered.
    pub masks: MaskRule,
    /// Bars are narrower than this many rows or columns.
    pub mask_width: u32,
}

/// `[data]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataSection {
    /// Folder that is learnt from.
    pub train: String,
    /// How it is laid out; `auto` looks.
    pub format: String,
    /// File with the names that are taken, one a line; empty for all.
    pub list: String,
    /// Folder that validates; empty for a part of the training data that is held out.
    pub validation: String,
    /// File with the names that validate; empty for all of them.
    pub validation_list: String,
    /// Share of the training items that is held out where no folder validates.
    pub validation_share: f64,
    /// Most items that validate; 0 for no limit.
    pub validation_items: usize,
    /// File with names that must not be learnt from, such as a test set's.
    pub exclude: String,
    /// Pair a picture with the sound of any item of its class, drawn anew each time.
    pub mix_within_class: bool,
    /// Threads that load; 0 for as many as there are cores but one.
    pub workers: usize,
}

/// `[warm]`: a supervised start on class labels, without boxes. It stands in for the ImageNet
/// weights of the paper's start where there are none of the network's width.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WarmSection {
    /// Folder with the labelled items; empty for the one that is learnt from. Pictures of one
    /// thing each start a tower soonest.
    pub data: String,
    /// Steps of the picture tower; 0 for none.
    pub image_steps: u64,
    /// Steps of the sound tower; 0 for none.
    pub sound_steps: u64,
    /// Items in a step.
    pub batch: usize,
    /// Side of the pictures, in pixels.
    pub side: usize,
    /// Highest learning rate; it rises over a tenth of the steps and falls as half a cosine.
    pub learning_rate: f64,
}

/// Whose sounds a picture is told from when several devices share a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Negatives {
    /// All devices': the step is that of one large device, but for BatchNorm's statistics.
    #[default]
    Gathered,
    /// The own device's alone, as in the official code: B shrinks with the number of devices.
    PerDevice,
}

/// `[run]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunSection {
    /// `auto`, `cpu`, `gpu`, `gpu:1`, a device's name, or several separated by commas.
    pub device: String,
    /// Whose sounds are wrong answers when several devices share a step.
    pub negatives: Negatives,
    /// Pairs that go through the towers at a time; 0 for the whole batch. Smaller ones need less
    /// memory and more time; the contrastive batch stays whole (gradient caching).
    pub chunk: usize,
    /// Steps between two saves of the last state; 0 for the end of each epoch alone.
    pub save_steps: u64,
    /// Epochs between two checkpoints that are kept for good; 0 for none.
    pub keep_epochs: u32,
    /// Steps between two validations; 0 for the end of each epoch.
    pub validate_steps: u64,
    /// Which validation figure makes a checkpoint the best.
    pub best_by: BestBy,
    /// Steps between two handings of the newest weights to the window; 0 for never.
    pub publish_steps: u64,
    /// Steps between two pictures of the adjacency matrices; 0 for never.
    pub adjacency_steps: u64,
}

/// A figure of a validation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BestBy {
    /// Success at 0.5 under the half-map rule: the official choice.
    #[default]
    Success,
    /// Mean cIoU under the half-map rule.
    MeanCiou,
    /// Area under the success curve, half-map rule.
    Auc,
    /// Success at 0.5 with as many pixels predicted as are true.
    Adaptive,
    /// Peaks inside the truth.
    Pointing,
    /// The contrastive loss of the held-out items, for data without truth. Low is good.
    Loss,
}

/// How bars of a spectrogram are covered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaskRule {
    /// Not at all.
    Off,
    /// One bar along each axis, filled with the clip's quietest value.
    #[default]
    Quiet,
    /// As the official code does: the two axes' ranges are swapped, and the value is a loud 0.
    Official,
}

impl Default for TrainConfig {
    /// The paper's recipe as its training scripts have it.
    fn default() -> Self {
        Self {
            preset: "paper".to_owned(),
            reference: false,
            seed: 12345,
            model: ModelSection::default(),
            loss: LossSection::default(),
            schedule: ScheduleSection::default(),
            optim: OptimSection::default(),
            freeze: FreezeSection::default(),
            dropout: DropoutSection::default(),
            batch: BatchSection::default(),
            augment: AugmentSection::default(),
            data: DataSection::default(),
            warm: WarmSection::default(),
            run: RunSection::default(),
        }
    }
}

impl Default for DataSection {
    fn default() -> Self {
        Self {
            train: String::new(),
            format: "auto".to_owned(),
            list: String::new(),
            validation: String::new(),
            validation_list: String::new(),
            validation_share: 0.05,
            validation_items: 500,
            exclude: String::new(),
            mix_within_class: false,
            workers: 0,
        }
    }
}

impl Default for WarmSection {
    fn default() -> Self {
        Self {
            data: String::new(),
            image_steps: 0,
            sound_steps: 0,
            batch: 64,
            side: 112,
            learning_rate: 1e-3,
        }
    }
}

impl Default for RunSection {
    fn default() -> Self {
        Self {
            device: "auto".to_owned(),
            negatives: Negatives::default(),
            chunk: 0,
            save_steps: 100,
            keep_epochs: 1,
            validate_steps: 0,
            best_by: BestBy::default(),
            publish_steps: 10,
            adjacency_steps: 1,
        }
    }
}

impl Default for ModelSection {
    fn default() -> Self {
        let FnacConfig { width, dim, .. } = FnacConfig::OFFICIAL;
        Self { start: String::new(), image_start: String::new(), width, dim }
    }
}

impl Default for LossSection {
    fn default() -> Self {
        let [contrastive, fns_audio, tne, fns_image] = LOSS_TERMS.each_ref().map(|t| t.weight);
        let PartsOptions { tau, foreground, pooling } = PartsOptions::default();
        Self {
            contrastive,
            fns_audio,
            tne,
            fns_image,
            scale_with_batch: false,
            tau,
            foreground,
            pooling,
        }
    }
}

impl Default for ScheduleSection {
    fn default() -> Self {
        Self {
            epochs: 30,
            steps: 0,
            warmup_epochs: 5,
            warmup_steps: 0,
            rate: RateShape::Constant,
            rise_steps: 0,
            floor: 0.0,
        }
    }
}

impl Default for OptimSection {
    fn default() -> Self {
        Self {
            learning_rate: 1e-4,
            weight_decay: 1e-4,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            clip_norm: 0.0,
            image_tower: 1.0,
            image_projection: 1.0,
            sound_tower: 1.0,
            sound_projection: 1.0,
        }
    }
}

impl Default for DropoutSection {
    fn default() -> Self {
        Self { image: 0.9, sound: 0.0 }
    }
}

impl Default for BatchSection {
    fn default() -> Self {
        Self { size: 256, no_source: 0 }
    }
}

impl Default for AugmentSection {
    fn default() -> Self {
        Self {
            crop: true,
            shorter_side: 246,
            color: 0.0,
            flip: 0.5,
            masks: MaskRule::default(),
            mask_width: 10,
        }
    }
}

impl TrainConfig {
    /// From a file's text. What it leaves out is as in the preset that its `preset` names, or in
    /// the paper's recipe.
    ///
    /// # Errors
    /// [`ConfigError::Text`], [`ConfigError::NoPreset`] or what [`Self::validate`] finds.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let table: toml::Table =
            toml::from_str(text).map_err(|e| ConfigError::Text(e.to_string()))?;
        let base = match table.get("preset").and_then(toml::Value::as_str) {
            Some(name) => preset(name)?,
            None => Self::default(),
        };
        let mut whole = base.table()?;
        for key in settings::leaves(&table) {
            if settings::lookup(&whole, &key).is_none() {
                return Err(ConfigError::unknown(&key));
            }
        }
        settings::merge(&mut whole, table);
        let config: Self =
            whole.try_into().map_err(|e: toml::de::Error| ConfigError::Text(e.to_string()))?;
        config.validate()?;
        Ok(config)
    }

    /// As a file, each setting with what it is for.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        settings::commented(&self.table()?)
    }

    /// One `--set KEY=VALUE`: a dotted key and a TOML value, or plain text for words. The
    /// configuration stays as it was when that fails; ranges are checked by [`Self::validate`],
    /// after the last change.
    ///
    /// # Errors
    /// [`ConfigError::NoValue`], [`ConfigError::Unknown`] or [`ConfigError::Value`].
    pub fn set(&mut self, assignment: &str) -> Result<(), ConfigError> {
        let Some((key, text)) = assignment.split_once('=') else {
            return Err(ConfigError::NoValue(assignment.to_owned()));
        };
        let (key, text) = (key.trim(), text.trim());
        let mut table = self.table()?;
        let Some(old) = settings::lookup(&table, key) else {
            return Err(ConfigError::unknown(key));
        };
        let refuse = |cause: String| ConfigError::Value {
            key: key.to_owned(),
            value: text.to_owned(),
            cause,
        };
        if key == "preset" {
            return Err(refuse("a preset is what a configuration begins as: name it first".into()));
        }
        let value = settings::parse(text, old).map_err(refuse)?;
        settings::put(&mut table, key, value);
        *self = table.try_into().map_err(|e: toml::de::Error| refuse(e.message().to_owned()))?;
        Ok(())
    }

    /// Settings in which this configuration differs from another: key, own value, the other's.
    pub fn changes_from(&self, other: &Self) -> Result<Vec<(String, String, String)>, ConfigError> {
        let (own, theirs) = (self.table()?, other.table()?);
        let text = |t: &toml::Table, key: &str| {
            settings::lookup(t, key).map(ToString::to_string).unwrap_or_default()
        };
        let rows =
            SETTINGS.iter().map(|s| (s.key.to_owned(), text(&own, s.key), text(&theirs, s.key)));
        Ok(rows.filter(|(_, a, b)| a != b).collect())
    }

    /// All settings with their values, in the order of [`SETTINGS`].
    pub fn values(&self) -> Vec<(&'static str, toml::Value)> {
        let table = self.table().unwrap_or_default();
        let value = |s: &Setting| Some((s.key, settings::lookup(&table, s.key)?.clone()));
        SETTINGS.iter().filter_map(value).collect()
    }

    fn table(&self) -> Result<toml::Table, ConfigError> {
        toml::Table::try_from(self).map_err(|e| ConfigError::Text(e.to_string()))
    }

    /// Weights of the terms at batch size `batch` once the warm-up is over, in the order of
    /// [`LOSS_TERMS`].
    pub fn weights(&self, batch: usize) -> PerTerm {
        let l = &self.loss;
        let scale = if l.scale_with_batch { batch as f64 / SCALE_BATCH } else { 1.0 };
        let mut weights = [l.contrastive, l.fns_audio, l.tne, l.fns_image];
        for (weight, term) in weights.iter_mut().zip(&LOSS_TERMS) {
            *weight *= if term.from_the_start { 1.0 } else { scale };
        }
        weights
    }

    /// What the terms are made with.
    pub fn parts(&self) -> PartsOptions {
        let LossSection { tau, foreground, pooling, .. } = self.loss;
        PartsOptions { tau, foreground, pooling }
    }

    /// The network's size.
    pub fn network(&self) -> FnacConfig {
        FnacConfig::new(self.model.width, self.model.dim)
    }

    /// Turns reference mode on: what the official code does not have goes, its masks come.
    pub fn make_reference(&mut self) {
        self.reference = true;
        self.optim.clip_norm = 0.0;
        self.schedule.rate = RateShape::Constant;
        self.schedule.rise_steps = 0;
        self.loss.scale_with_batch = false;
        self.loss.pooling = Pooling::Max;
        self.batch.no_source = 0;
        self.augment.color = 0.0;
        (self.warm.image_steps, self.warm.sound_steps) = (0, 0);
        if self.augment.masks == MaskRule::Quiet {
            self.augment.masks = MaskRule::Official;
        }
    }

    /// In which traits of the official code the run follows it or not, for the log: every run
    /// says this.
    pub fn quirks(&self) -> Vec<&'static str> {
        let masks = match self.augment.masks {
            MaskRule::Off => "no spectrogram masks (the official code always masks)",
            MaskRule::Quiet => "masks on their own axes, filled with the clip's quietest value",
            MaskRule::Official => "masks as in the official code: axes' ranges swapped, a loud 0",
        };
        let mode = if self.reference {
            "reference mode: the official code's surprises are kept"
        } else {
            "the official code's surprises are mended (reference = false)"
        };
        vec![mode, masks]
    }

    /// Whether all values are in range and go together.
    ///
    /// # Errors
    /// [`ConfigError::Refused`] with every objection, each naming its setting and the remedy.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut bad = Vec::new();
        self.check_numbers(&mut bad);
        self.check_together(&mut bad);
        if bad.is_empty() { Ok(()) } else { Err(ConfigError::Refused(bad)) }
    }

    fn check_numbers(&self, bad: &mut Vec<String>) {
        let weights =
            [self.loss.contrastive, self.loss.fns_audio, self.loss.tne, self.loss.fns_image];
        for (weight, term) in weights.into_iter().zip(&LOSS_TERMS) {
            within(bad, &format!("loss.{}", term.column), weight, 0.0, 1e6);
        }
        within(bad, "loss.tau", self.loss.tau, 1e-3, 10.0);
        within(bad, "loss.foreground", self.loss.foreground, 0.0, 1.0);
        let o = &self.optim;
        within(bad, "optim.learning_rate", o.learning_rate, 0.0, 10.0);
        within(bad, "optim.weight_decay", o.weight_decay, 0.0, 1.0);
        within(bad, "optim.beta1", o.beta1, 0.0, 0.999_999);
        within(bad, "optim.beta2", o.beta2, 0.0, 0.999_999_9);
        within(bad, "optim.eps", o.eps, 1e-16, 1.0);
        within(bad, "optim.clip_norm", o.clip_norm, 0.0, f64::MAX);
        for (key, factor) in [
            ("image_tower", o.image_tower),
            ("image_projection", o.image_projection),
            ("sound_tower", o.sound_tower),
            ("sound_projection", o.sound_projection),
        ] {
            within(bad, &format!("optim.{key}"), factor, 0.0, 1e3);
        }
        within(bad, "dropout.image", self.dropout.image, 0.0, 0.99);
        within(bad, "dropout.sound", self.dropout.sound, 0.0, 0.99);
        within(bad, "schedule.floor", self.schedule.floor, 0.0, 1.0);
        within(bad, "augment.color", self.augment.color, 0.0, 1.0);
        within(bad, "data.validation_share", self.data.validation_share, 0.0, 0.9);
        within(bad, "warm.batch", self.warm.batch as f64, 2.0, 65536.0);
        within(bad, "warm.side", self.warm.side as f64, 32.0, 512.0);
        within(bad, "warm.learning_rate", self.warm.learning_rate, 0.0, 10.0);
        within(bad, "augment.flip", self.augment.flip, 0.0, 1.0);
        let side = f64::from(crate::features::INPUT_SIDE);
        within(bad, "augment.shorter_side", f64::from(self.augment.shorter_side), side, 1024.0);
        within(bad, "augment.mask_width", f64::from(self.augment.mask_width), 1.0, 200.0);
        within(bad, "model.width", self.model.width as f64, 1.0, 512.0);
        within(bad, "model.dim", self.model.dim as f64, 1.0, 4096.0);
        within(bad, "batch.no_source", self.batch.no_source as f64, 0.0, 65536.0);
        within(bad, "freeze.image_stages", f64::from(self.freeze.image_stages), 0.0, 5.0);
        within(bad, "freeze.sound_stages", f64::from(self.freeze.sound_stages), 0.0, 5.0);
        within(bad, "schedule.epochs", f64::from(self.schedule.epochs), 1.0, 1e6);
    }

    fn check_together(&self, bad: &mut Vec<String>) {
        if self.batch.size < 2 {
            let size = self.batch.size;
            bad.push(format!(
                "batch.size is {size}, but a picture needs another one's sound to be told from: \
                 at least 2"
            ));
        }
        if self.batch.size > 65536 {
            bad.push(format!("batch.size is {}, at most 65536", self.batch.size));
        }
        if self.weights(self.batch.size.max(1)).iter().all(|w| *w == 0.0) {
            bad.push("all weights of [loss] are 0: nothing would be learnt".to_owned());
        }
        if self.loss.contrastive == 0.0 && !bad.iter().any(|b| b.starts_with("all weights")) {
            bad.push(
                "loss.contrastive is 0: the other terms are smallest when everything is alike, \
                 so the network would collapse"
                    .to_owned(),
            );
        }
        let still = self.freeze.image_stages >= 5 && self.freeze.sound_stages >= 5;
        if still && self.optim.image_projection == 0.0 && self.optim.sound_projection == 0.0 {
            bad.push("everything is frozen: lower a freeze.*_stages".to_owned());
        }
        if !self.model.start.is_empty() && !self.model.image_start.is_empty() {
            bad.push(
                "model.start and model.image_start are both given: a checkpoint brings its own \
                 picture tower"
                    .to_owned(),
            );
        }
        if self.reference {
            self.check_reference(bad);
        }
    }

    fn check_reference(&self, bad: &mut Vec<String>) {
        let mut extra = |there: bool, key: &str, remedy: &str| {
            if there {
                bad.push(format!("reference = true excludes {key}: {remedy}"));
            }
        };
        extra(self.optim.clip_norm != 0.0, "optim.clip_norm", "set it to 0");
        let constant = self.schedule.rate == RateShape::Constant;
        extra(!constant, "a schedule.rate other than constant", "set it to constant");
        extra(self.schedule.rise_steps != 0, "schedule.rise_steps", "set it to 0");
        extra(self.loss.scale_with_batch, "loss.scale_with_batch", "set it to false");
        extra(self.loss.pooling != Pooling::Max, "loss.pooling other than max", "set it to max");
        extra(self.batch.no_source != 0, "batch.no_source", "set it to 0");
        let quiet = self.augment.masks == MaskRule::Quiet;
        extra(quiet, "augment.masks = \"quiet\"", "set it to official or off");
        extra(self.augment.color != 0.0, "augment.color", "set it to 0");
        let warm = self.warm.image_steps + self.warm.sound_steps > 0;
        extra(warm, "a supervised start", "set warm.image_steps and warm.sound_steps to 0");
    }
}

impl ConfigError {
    fn unknown(key: &str) -> Self {
        Self::Unknown { key: key.to_owned(), near: settings::nearest(key) }
    }
}

fn within(bad: &mut Vec<String>, key: &str, value: f64, low: f64, high: f64) {
    // Also refuses what is no number.
    if !(low..=high).contains(&value) {
        let high = if high == f64::MAX { "any".to_owned() } else { high.to_string() };
        bad.push(format!("{key} is {value}, possible is {low} to {high}"));
    }
}

#[cfg(test)]
mod tests;

const _: () = assert!(TERMS == 4, "LossSection and TrainConfig::weights name each term");
