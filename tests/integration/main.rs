//! Behaviour across rooms, one module per subject, one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod floor_plan;
mod overlay;
mod reference;
mod shaders;
