//! What a run says while it runs, and what it can be told.
//!
//! The run's thread and its watchers (the panel, the command line) share these plain values and
//! nothing else: events go through a bounded queue, the newest weights through a slot.

use std::path::PathBuf;
use std::sync::Arc;

use super::Variation;
use super::loss::LossValues;
use crate::model::Checkpoint;

/// What a run does at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Lists data, reads checkpoints, opens devices.
    Preparing,
    /// Supervised start of the picture tower.
    WarmImage,
    /// Supervised start of the sound tower.
    WarmSound,
    /// Contrastive steps.
    Training,
    /// Scores the held-out part.
    Validating,
    /// Writes a checkpoint.
    Saving,
}

impl Stage {
    /// As shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::WarmImage => "supervised start, pictures",
            Self::WarmSound => "supervised start, sounds",
            Self::Training => "training",
            Self::Validating => "validating",
            Self::Saving => "saving",
        }
    }
}

/// What a run can be told. Obeyed between two steps.
#[derive(Clone, Debug, PartialEq)]
pub enum TrainCommand {
    /// Stop after this step, save, and wait; `free` also gives the device's memory back.
    Pause {
        /// Whether the device's memory is given back.
        free: bool,
    },
    /// Go on exactly where it paused.
    Resume,
    /// Save and end; the run can be gone on with later.
    Stop,
    /// Save now.
    Save,
    /// Share of the time, 0 to 1, in which the run may use the device; the rest it yields.
    Share(f64),
    /// Steps between two publications of the newest weights.
    PublishEvery(u64),
    /// Steps between two looks at the adjacency matrices.
    AdjacencyEvery(u64),
}

/// One step, one row of `curves.csv`.
#[derive(Clone, Debug, PartialEq)]
pub struct StepRow {
    /// Which step, from 0; warm-start steps count on their own.
    pub step: u64,
    /// Which pass over the data, from 0.
    pub epoch: u64,
    /// Contrastive or a supervised start.
    pub stage: Stage,
    /// The terms before the step; in a supervised start the cross entropy stands first.
    pub losses: LossValues,
    /// The contrastive term's two halves: picture finds sound, sound finds picture.
    pub halves: [f64; 2],
    /// Length of the gradient before any limit to it.
    pub grad_norm: f64,
    /// The learning rate, before the parts' multiples.
    pub learning_rate: f64,
    /// Seconds of training so far, over all its sittings, pauses left out.
    pub seconds: f64,
    /// Seconds that this step waited for its batch.
    pub wait: f64,
    /// Seconds that this step computed.
    pub compute: f64,
    /// Pairs in the step.
    pub pairs: usize,
}

/// What a validation found. Fractions are 0 to 1; `None` where the items have no truth.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Validation {
    /// After how many steps.
    pub step: u64,
    /// The epoch.
    pub epoch: u64,
    /// Items scored.
    pub scored: usize,
    /// Items listed.
    pub listed: usize,
    /// Success at 0.5 under the half-map rule, bilinear.
    pub success: Option<f64>,
    /// Mean cIoU under the half-map rule.
    pub mean_ciou: Option<f64>,
    /// Area under the success curve under the half-map rule.
    pub auc: Option<f64>,
    /// Success at 0.5 with as many pixels predicted as are true.
    pub adaptive: Option<f64>,
    /// Mean IoU of the same.
    pub adaptive_mean: Option<f64>,
    /// Peaks inside the truth.
    pub pointing: Option<f64>,
    /// Contrastive loss over the held-out items, batches as in training.
    pub loss: Option<f64>,
    /// Chance level of that loss: 2 ln B, a little more with no-source sounds in the batch.
    pub chance: Option<f64>,
    /// AUROC of the peak cosine, own sound against silence and noise.
    pub no_source_auroc: Option<f64>,
    /// Median over the pictures' own maps of greatest minus smallest cosine.
    pub map_spread: Option<f64>,
    /// Mean cosine of two different held-out sounds: 1 when all sound alike to the network.
    pub sound_likeness: Option<f64>,
    /// Where the scored cells lie and how values between them are made, in words.
    pub protocol: String,
    /// Seconds that it took.
    pub seconds: f64,
}

/// How bad an alarm is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Worth a look.
    Notice,
    /// The run is probably going wrong.
    Warning,
    /// The run was paused.
    Stopped,
}

/// Something that a user should know, with cause and remedy; never a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    /// Which one, by its stable name (`maps-flat`).
    pub name: &'static str,
    /// How bad.
    pub severity: Severity,
    /// At which step.
    pub step: u64,
    /// What was seen, with its numbers.
    pub what: String,
    /// What probably causes it.
    pub cause: String,
    /// What to do.
    pub action: String,
}

/// The matrices of one batch, each `[B, B]` row-major, rows sum to 1.
#[derive(Clone, Debug, Default)]
pub struct Adjacency {
    /// At which step.
    pub step: u64,
    /// The batch's items, in order.
    pub ids: Vec<String>,
    /// How each picture was varied, in the same order; empty where that is not known.
    pub variations: Vec<Variation>,
    /// How much sounds are alike.
    pub sound: Vec<f32>,
    /// How much pictures are alike.
    pub image: Vec<f32>,
    /// How much foregrounds are alike.
    pub foreground: Vec<f32>,
    /// Whom a picture takes for its sound.
    pub cross: Vec<f32>,
    /// The pictures' own maps, `[B, 49]`, cosine.
    pub maps: Vec<f32>,
    /// 1 where a picture's foreground is, that TNE looks at, else 0; `[B, 49]`.
    pub masks: Vec<f32>,
    /// Cosine of every two sounds, `[B, B]`.
    pub sound_cosine: Vec<f32>,
    /// Cosine of every two pictures' mean features, `[B, B]`.
    pub image_cosine: Vec<f32>,
}

/// Facts of a run that do not change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunFacts {
    /// The run's folder.
    pub folder: PathBuf,
    /// Items learnt from, of how many listed.
    pub items: usize,
    /// Items listed.
    pub listed: usize,
    /// Items left out, each with its reason.
    pub left_out: Vec<(String, String)>,
    /// Items that validate.
    pub validation: usize,
    /// Steps of the whole run.
    pub steps: u64,
    /// Steps in an epoch.
    pub steps_per_epoch: u64,
    /// The first step in which all terms count.
    pub warmup_ends: u64,
    /// Supervised steps before it: pictures, sounds.
    pub warm_steps: (u64, u64),
    /// What it runs on, in words.
    pub device: String,
    /// Which surprises of the official code are kept.
    pub quirks: Vec<String>,
    /// Where the weights began, in words.
    pub start: String,
    /// Step at which this sitting began (0 for a new run).
    pub first_step: u64,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All steps done.
    Finished,
    /// Stopped by its user and saved.
    Stopped,
    /// It cannot go on; what was saved is whole.
    Failed(String),
}

/// What a run says.
#[derive(Clone, Debug)]
pub enum TrainEvent {
    /// It begins, with what is known about it.
    Started(Arc<RunFacts>),
    /// It does something else now.
    Stage(Stage),
    /// A step was taken.
    Step(StepRow),
    /// The held-out part was scored.
    Validated(Validation),
    /// A checkpoint was written: `last`, `best` or `epoch-NNNN`.
    Saved {
        /// Where.
        path: PathBuf,
        /// At which step.
        step: u64,
    },
    /// Something that its user should know.
    Alarm(Alarm),
    /// A look at a batch's matrices.
    Adjacency(Arc<Adjacency>),
    /// The newest weights, ready for the window.
    Published(Arc<Checkpoint>, u64),
    /// It waits; `freed` tells whether the device's memory was given back.
    Paused {
        /// Whether the device's memory was given back.
        freed: bool,
    },
    /// It goes on.
    Resumed,
    /// A line for the log.
    Note(String),
    /// It is over.
    Ended(Ending),
}
