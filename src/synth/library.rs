//! What scenes are made of: kinds of things, their pictures and their sounds.

use std::sync::Arc;

use rayon::prelude::*;

use super::kinds::KINDS;
use super::silhouettes::{Sheet, order};
use super::{Dice, Sprite, SynthError, voices};

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

impl Kind {
    /// A kind with pictures and a voice.
    pub fn new(name: &str, sprites: Vec<Arc<Sprite>>, voice: Arc<dyn Voice>) -> Self {
        Self { name: name.to_owned(), sprites, voice }
    }

    /// Number of the picture of this name.
    pub fn sprite(&self, name: &str) -> Option<usize> {
        self.sprites.iter().position(|s| s.name() == name)
    }
}

/// All kinds that scenes may hold.
#[derive(Clone)]
pub struct Library {
    /// In the order of their names' table; scenes refer to the index.
    pub kinds: Vec<Kind>,
}

impl Library {
    /// A world of other things than the drawn ones.
    pub fn new(kinds: Vec<Kind>) -> Self {
        Self { kinds }
    }

    /// The drawn world: Twemoji glyphs, drawn on all cores, and synthesised voices.
    ///
    /// Errors: the program's own data is damaged.
    pub fn drawn() -> Result<Self, SynthError> {
        let sheet = Sheet::read()?;
        let mut sprites = order()
            .enumerate()
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|(place, glyph)| {
                let silhouette = sheet.silhouette(place as u32)?;
                Sprite::from_svg(glyph.name(), glyph.svg(), silhouette)
            })
            .collect::<Result<Vec<_>, _>>()?
            .into_iter();
        let mut kinds = Vec::with_capacity(KINDS.len());
        for row in KINDS {
            let voice = voices::voice(row.name).ok_or_else(|| SynthError::Data {
                cause: format!("kind `{}` has no voice", row.name),
            })?;
            let shown = sprites.by_ref().take(row.glyphs.len()).collect::<Vec<_>>();
            let kept = sprites.by_ref().take(row.held_out.len()).map(Sprite::kept_back);
            let all = shown.into_iter().chain(kept).map(Arc::new).collect();
            kinds.push(Kind::new(row.name, all, voice));
        }
        Ok(Self { kinds })
    }

    /// Only the named kinds, in the order of the library.
    ///
    /// Errors: a name that no kind has; no name at all.
    pub fn keep(&self, names: &[&str]) -> Result<Self, SynthError> {
        for name in names {
            if self.index(name).is_none() {
                let known: Vec<_> = self.kinds.iter().map(|k| k.name.as_str()).collect();
                return Err(SynthError::UnknownKind {
                    name: (*name).to_owned(),
                    known: known.join(", "),
                });
            }
        }
        let kinds: Vec<_> =
            self.kinds.iter().filter(|k| names.contains(&k.name.as_str())).cloned().collect();
        if kinds.is_empty() {
            return Err(SynthError::NoKinds);
        }
        Ok(Self { kinds })
    }

    /// Number of the kind of this name.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.kinds.iter().position(|k| k.name == name)
    }
}
