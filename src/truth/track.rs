//! Truth over time.

use std::collections::BTreeMap;

use super::Mask;
use crate::units::MediaTime;

/// A box in pixels of the track's picture: pixel `p` covers `[p, p + 1)`, so `x1` and `y1` are the
/// first column and row that are no longer inside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TruthBox {
    /// Left edge.
    pub x0: f64,
    /// Upper edge.
    pub y0: f64,
    /// Right edge, at least `x0`.
    pub x1: f64,
    /// Lower edge, at least `y0`.
    pub y1: f64,
}

/// A half-open stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First instant inside.
    pub start: MediaTime,
    /// First instant no longer inside.
    pub end: MediaTime,
}

/// A source at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// From when on.
    pub time: MediaTime,
    /// Where it is seen; `None` while nothing of it is in the picture.
    pub bbox: Option<TruthBox>,
    /// Its visible pixels, where they are known.
    pub mask: Option<Mask>,
}

/// What holds between two moments of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Between {
    /// The earlier one, until the next.
    #[default]
    Hold,
    /// Edges move in straight lines.
    Linear,
}

/// One thing that sounds, or could.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Number within the track, from 1 on.
    pub id: u32,
    /// What it is: `dog`.
    pub kind: String,
    /// Which drawing or recording of that kind; may be empty.
    pub variant: String,
    /// When it sounds, in order; empty for a thing that is only seen.
    pub sounding: Vec<Span>,
    /// Where it is, in order of time; empty for a thing that is only heard.
    pub moments: Vec<Moment>,
    /// What holds between two moments.
    pub between: Between,
}

/// The truth of one clip or picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TruthTrack {
    /// Width of the picture that the boxes are in, in pixels.
    pub width: u32,
    /// Height of that picture in pixels.
    pub height: u32,
    /// Length of the clip; zero for a picture.
    pub duration: MediaTime,
    /// All sources, heard or not.
    pub sources: Vec<Source>,
    /// Where it comes from: generator, seed, annotator.
    pub about: BTreeMap<String, String>,
}
