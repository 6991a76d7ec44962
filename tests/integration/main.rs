//! Behaviour across rooms, one module per subject, one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod checkpoints;
mod datasets;
mod datasets_cli;
mod export;
mod floor_plan;
mod infer;
mod localize;
mod media;
mod media_corpus;
mod media_hostile;
mod media_seek;
mod media_sound;
mod media_write;
mod metrics;
mod overlay;
mod parity;
mod player;
mod player_rig;
mod reference;
mod shaders;
mod sync;
mod synth_files;
mod train_parity;
mod train_runs;
