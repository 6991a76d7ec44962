//! What is true: which things are in a picture, where, and which of them sounds when.
//!
//! Owns [`TruthTrack`], the truth of one clip over time or of one picture, and its pixels
//! ([`Mask`]). Boxes and masks are in pixels of the picture that the truth was made for, so that
//! nothing is lost to rounding; readers scale. Files are read strictly or with a list of what was
//! wrong ([`TruthDefect`]); `docs/truth-format.md` describes them. Never opens the clip itself, never
//! judges a map. Start at [`TruthTrack::at`].

mod at;
mod coco;
mod error;
mod format;
mod mask;
#[cfg(test)]
pub(crate) mod testing;
mod tidy;
mod track;

pub use at::{HeardSpan, TruthAt};
pub use error::{TruthDefect, TruthError, TruthTrouble};
pub use mask::Mask;
pub use track::{Between, Moment, Source, Span, TruthBox, TruthTrack};
