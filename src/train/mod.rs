//! Training: what is minimised, how the weights move, what changes from step to step.
//!
//! Owns the recipe: loss terms, optimiser, schedule, augmentation, and the one structure that all
//! its numbers live in; never knows windows. Start with [`TrainConfig`] for what can be set and
//! with [`Learner::step`] for the life of a step.

mod adjacency;
pub mod alarms;
pub mod audit;
mod augment;
mod calibrate;
mod config;
pub mod engine;
pub mod events;
#[cfg(test)]
mod flags;
mod held_out;
pub mod initial;
pub mod loader;
pub mod loss;
mod optim;
mod order;
mod outbox;
mod parallel;
pub mod preflight;
pub mod range_test;
mod run;
pub mod run_folder;
mod schedule;
mod silence;
mod split;
mod start;
mod state;
mod step;
#[cfg(test)]
pub(crate) mod testing;
mod validate;
pub mod warm;

pub use adjacency::{AdjacencyTerm, Duplicates};
pub use augment::{Augment, Variation};
pub use calibrate::{
    CalibrateOptions, Calibration, Quiet, TriedCells, calibrate, calibrate_through, places,
};
pub use config::{
    AugmentSection, BatchSection, BestBy, ConfigError, DataSection, DropoutSection, FreezeSection,
    LossSection, MaskRule, ModelSection, Negatives, OptimSection, PRESETS, Preset, RateShape,
    RunSection, SETTINGS, ScheduleSection, Setting, TrainConfig, WarmSection, preset,
};
pub use optim::{Adam, Grads, NotFinite, guard_finite};
pub use order::Order;
pub use schedule::{ParamPart, Schedule};
pub use silence::no_source_sound;
pub use split::Split;
pub use start::{Start, StartError};
pub use state::{Best, RunState, Saved, StateError};
pub use step::{Batch, Learner, StepError, StepReport};
pub use validate::{UNMEASURED, ValidateError, Validator};
