//! The window, tested by what a person sees.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod demo_model;
mod drawn;
mod harness;
mod learning;
mod picture;
mod timeline;
mod training;
mod truth;
mod whole;
mod window;
