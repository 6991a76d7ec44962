//! What is true: which things are in a picture, where, and which of them sounds when.
//!
//! Owns [`TruthTrack`], the truth of one clip over time or of one picture, and its pixels
//! ([`Mask`]). Boxes and masks are in pixels of the picture that the truth was made for, so that
//! nothing is lost to rounding; readers scale. Never opens the clip itself, never judges a map.
//! Start at [`TruthTrack::at`].

mod mask;
mod track;

pub use mask::Mask;
pub use track::{Between, Moment, Source, Span, TruthBox, TruthTrack};
