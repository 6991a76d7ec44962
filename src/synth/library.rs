//! What scenes are made of: kinds of things, their pictures and their sounds.

use std::sync::Arc;

use super::Dice;

/// A picture of a thing on transparent ground: straight (not premultiplied) RGBA, row 0 at the
/// top.
#[derive(Clone, PartialEq, Eq)]
pub struct Sprite {
    /// Name of the drawing: the code points of the glyph, or the cut-out's file stem.
    pub name: String,
    /// Kept back for testing.
    pub held_out: bool,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// `4 * width * height` bytes.
    pub rgba: Vec<u8>,
    /// Row-major: which pixels count as the thing. From stored data for the drawn world, from
    /// alpha of at least one half for cut-outs.
    pub silhouette: Vec<bool>,
}

impl std::fmt::Debug for Sprite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sprite({} {}x{})", self.name, self.width, self.height)
    }
}

/// How a kind of thing sounds.
pub trait Voice: Send + Sync {
    /// `secs` seconds of it, mono at `rate` samples per second, about as loud as the kind is,
    /// within -1 to 1. The same dice give the same samples (on one machine).
    fn sing(&self, dice: &mut Dice, rate: u32, secs: f64) -> Vec<f32>;

    /// When something is seen to happen in what [`Voice::sing`] gives for the same dice: barks,
    /// strokes, chuffs; seconds from the start in rising order. An even pulse where nothing is
    /// known.
    fn beats(&self, dice: &mut Dice, secs: f64) -> Vec<f64> {
        let _ = dice;
        even_pulse(secs)
    }
}

/// Two beats a second.
pub(super) fn even_pulse(secs: f64) -> Vec<f64> {
    let count = if secs.is_finite() { (2.0 * secs.clamp(0.0, 3600.0)).ceil() as u32 } else { 0 };
    (0..count).map(|i| 0.5 * f64::from(i)).collect()
}

/// One kind of thing that sounds.
#[derive(Clone)]
pub struct Kind {
    /// Name in files: `alarm-clock`.
    pub name: String,
    /// Its pictures.
    pub sprites: Vec<Arc<Sprite>>,
    /// Its sounds.
    pub voice: Arc<dyn Voice>,
}

/// All kinds that scenes may hold.
#[derive(Clone)]
pub struct Library {
    /// In the order of their names' table; scenes refer to the index.
    pub kinds: Vec<Kind>,
}
