//! fnac: a player that shows where the sound in a video comes from.
//!
//! Rooms stand on floors; a room knows only rooms below it (see `docs/ARCHITECTURE.md`,
//! held by `tests/integration/floor_plan.rs`). Start reading at [`player`] for the life of
//! a frame, at [`infer`] for the life of a map and at [`train`] for the life of a training step.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod files;
pub mod units;

pub mod features;
pub mod overlay;
pub mod truth;

pub mod audio;
pub mod media;
pub mod model;
pub mod synth;

pub mod data;
pub mod export;
pub mod infer;

pub mod eval;
pub mod player;
pub mod train;

pub mod app;
pub mod cli;
