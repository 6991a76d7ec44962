//! How good a map is, by each of the literature's rules and by ours.
//!
//! Owns the scores ([`metrics`]), what the player says about the map on the screen ([`live`]), and
//! the report about a checkpoint on the drawn world ([`drawn`]). Arithmetic on maps and truth; maps
//! come from [`crate::infer::Localizer`] alone. One implementation for the window and for the command line. Start reading at [`metrics`].

pub mod drawn;
mod items;
pub mod live;
pub mod metrics;

pub use items::{ItemTruth, truth_of};

#[cfg(test)]
mod testing;
