//! How good a map is, by each of the literature's rules and by ours.
//!
//! Owns the scores ([`metrics`]) and what the player says about the map on the screen
//! ([`live`]). Pure arithmetic on maps and truth: never opens a file, never computes a map. One
//! implementation for the window and for the command line. Start reading at [`metrics`].

pub mod live;
pub mod metrics;

#[cfg(test)]
mod testing;
