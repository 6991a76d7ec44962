//! What a visitor of the drawn world can ask for.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::{Library, SynthError};

/// Smallest side of a picture in pixels.
const LEAST_SIDE: u32 = 16;
/// Largest side of a picture in pixels.
const MOST_SIDE: u32 = 4096;

/// Which drawings of a kind may appear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Never one that is held out.
    #[default]
    Train,
    /// Every source is of a kind with held-out drawings and is one of these; silent things too
    /// where their kind has one.
    HeldOut,
    /// Any.
    Any,
}

/// Options of [`Scene`](super::Scene)s.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SceneOptions {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Number of things that sound, each of another kind.
    pub sources: RangeInclusive<u32>,
    /// Number of silent things, of kinds that are not heard.
    pub distractors: RangeInclusive<u32>,
    /// Longer side of a sounding thing, as a share of the picture's side (of the root of its
    /// area). Silent things may be as small as seven tenths of the least.
    pub scale: RangeInclusive<f64>,
    /// Width over height of the world before it is fitted into `size`: a wide video squeezed
    /// into a square makes things narrow. Half of the scenes take the least value.
    pub aspect: RangeInclusive<f64>,
    /// Share of scenes with no sounding thing in the picture.
    pub negatives: f64,
    /// Share of the other scenes in which a source is partly hidden.
    pub hidden: f64,
    /// Which drawings.
    pub split: Split,
    /// Length of the sound in seconds.
    pub secs: f64,
}

impl Default for SceneOptions {
    fn default() -> Self {
        Self {
            size: (224, 224),
            sources: 1..=1,
            distractors: 0..=3,
            scale: 0.30..=0.60,
            aspect: 1.0..=1.78,
            negatives: 0.0,
            hidden: 0.15,
            split: Split::Train,
            secs: 3.0,
        }
    }
}

pub(super) fn wrong(
    option: &'static str,
    value: impl ToString,
    allowed: impl ToString,
) -> SynthError {
    SynthError::Option { option, value: value.to_string(), allowed: allowed.to_string() }
}

pub(super) fn share(option: &'static str, value: f64) -> Result<(), SynthError> {
    if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(wrong(option, value, "0 to 1")) }
}

pub(super) fn span<T: PartialOrd + std::fmt::Debug + Copy>(
    option: &'static str,
    value: &RangeInclusive<T>,
    within: RangeInclusive<T>,
) -> Result<(), SynthError> {
    let fits = value.start() <= value.end()
        && within.contains(value.start())
        && within.contains(value.end());
    if fits {
        Ok(())
    } else {
        Err(wrong(
            option,
            format!("{:?} to {:?}", value.start(), value.end()),
            format!("a span within {:?} to {:?}", within.start(), within.end()),
        ))
    }
}

pub(super) fn picture_size(width: u32, height: u32) -> Result<(), SynthError> {
    let fine = LEAST_SIDE..=MOST_SIDE;
    if fine.contains(&width) && fine.contains(&height) {
        Ok(())
    } else {
        Err(SynthError::Size { width, height, least: LEAST_SIDE, most: MOST_SIDE })
    }
}

/// Kinds that may be sources, and kinds that may be seen at all.
pub(super) fn usable(
    library: &Library,
    split: Split,
) -> Result<(Vec<usize>, Vec<usize>), SynthError> {
    if library.kinds.is_empty() {
        return Err(SynthError::NoKinds);
    }
    let has = |i: usize, held: bool| library.kinds[i].sprites.iter().any(|s| s.held_out() == held);
    let all = 0..library.kinds.len();
    Ok(match split {
        Split::Any => {
            let seen: Vec<_> = all.filter(|i| has(*i, true) || has(*i, false)).collect();
            (seen.clone(), seen)
        }
        Split::Train => {
            let seen: Vec<_> = all.filter(|i| has(*i, false)).collect();
            if seen.is_empty() {
                let kind = library.kinds[0].name.clone();
                return Err(SynthError::OnlyHeldOut { kind });
            }
            (seen.clone(), seen)
        }
        Split::HeldOut => {
            let heard: Vec<_> = all.clone().filter(|i| has(*i, true)).collect();
            if heard.is_empty() {
                return Err(SynthError::NoHeldOut);
            }
            (heard, all.filter(|i| has(*i, true) || has(*i, false)).collect())
        }
    })
}

/// Columns and rows of a grid for `n` things.
pub(super) fn grid(n: u32) -> (u32, u32) {
    match n {
        0 | 1 => (1, 1),
        2 => (2, 1),
        3..=4 => (2, 2),
        5..=6 => (3, 2),
        7..=9 => (3, 3),
        10..=12 => (4, 3),
        _ => (4, 4),
    }
}

/// Largest size at which `n` things fit side by side in any aspect of `aspect`.
pub(super) fn most_size(n: u32, aspect: &RangeInclusive<f64>) -> f64 {
    let (columns, rows) = grid(n);
    let (columns, rows) = (f64::from(columns), f64::from(rows));
    [*aspect.start(), *aspect.end()]
        .iter()
        .map(|a| (0.94 * a.sqrt() / columns).min(0.94 / a.sqrt() / rows))
        .fold(f64::MAX, f64::min)
}

impl SceneOptions {
    /// Whether scenes with these options can be made of `library`.
    ///
    /// An upper bound beyond what there are kinds for is not wrong: fewer things appear. A lower
    /// bound is a promise. Errors: see [`SynthError`].
    pub fn check(&self, library: &Library) -> Result<(), SynthError> {
        picture_size(self.size.0, self.size.1)?;
        span("sources", &self.sources, 1..=8)?;
        span("distractors", &self.distractors, 0..=15)?;
        span("scale", &self.scale, 0.05..=0.9)?;
        span("aspect", &self.aspect, 0.4..=2.5)?;
        share("negatives", self.negatives)?;
        share("hidden", self.hidden)?;
        if !(0.1..=60.0).contains(&self.secs) {
            return Err(wrong("secs", self.secs, "0.1 to 60 seconds"));
        }
        let (heard, seen) = usable(library, self.split)?;
        let (sources, distractors) = (*self.sources.start(), *self.distractors.start());
        let too_few = |need: u32, have: usize| SynthError::TooFewKinds {
            sources,
            distractors,
            need,
            have: have as u32,
        };
        if (heard.len() as u32) < sources {
            return Err(too_few(sources, heard.len()));
        }
        if (seen.len() as u32) < sources + distractors {
            return Err(too_few(sources + distractors, seen.len()));
        }
        let most = (*self.sources.end()).min(heard.len() as u32) + self.distractors.end();
        let most = most.min(seen.len() as u32);
        let fits = most_size(most, &self.aspect);
        if *self.scale.start() > fits {
            return Err(SynthError::Crowded {
                things: most,
                percent: (self.scale.start() * 100.0) as u32,
                most_percent: (fits * 100.0) as u32,
            });
        }
        Ok(())
    }
}
