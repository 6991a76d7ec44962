//! The window, tested by what a person sees.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;
mod whole;
mod window;
