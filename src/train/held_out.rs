//! Held-out pairs, prepared once: what validation, calibration and alarms look at.

use std::borrow::Cow;

use rayon::prelude::*;

use crate::data::{DataError, Dataset, Item, LeftOut};
use crate::eval::metrics::TruthMap;
use crate::eval::{ItemTruth, truth_of};
use crate::features::resize_bicubic;
use crate::features::{BINS, INPUT_SIDE, SAMPLES_SECS, Spectrogram, SpectrogramPlan, frames_of};
use crate::synth::{Color, Dice, Library, Noise, SoundPlan};
use crate::units::RgbPicture;

/// Most memory that prepared pairs may take; those beyond are decoded again each time.
const MOST_BYTES: usize = 1 << 30;
/// Pixels of a prepared picture.
const PIXELS: usize = (INPUT_SIDE * INPUT_SIDE) as usize;

/// A truth map in a byte per pixel: its weights are 0, a half or 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PackedTruth {
    Unknown,
    Nothing,
    Here(Vec<u8>),
}

impl PackedTruth {
    fn pack(truth: ItemTruth) -> Self {
        match truth {
            ItemTruth::Unknown => Self::Unknown,
            ItemTruth::Nothing => Self::Nothing,
            ItemTruth::Here(map) => {
                Self::Here(map.weights().iter().map(|w| (w * 2.0).round() as u8).collect())
            }
        }
    }

    /// Where it sounds, when that is known and in the picture.
    pub(super) fn map(&self) -> Option<TruthMap> {
        let Self::Here(halves) = self else { return None };
        TruthMap::from_weights(halves.iter().map(|w| f64::from(*w) / 2.0).collect())
    }
}

/// A pair as the towers get it.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    /// 224 x 224.
    pub picture: RgbPicture,
    pub sound: Spectrogram,
    pub truth: PackedTruth,
}

impl Prepared {
    fn load(item: &Item, rate: u32) -> Result<Self, LeftOut> {
        let left = |reason: String| LeftOut { id: item.id.clone(), reason };
        let say = |e: DataError| left(e.to_string());
        let picture = item.load_picture().map_err(say)?;
        let samples = item.load_sound(rate).map_err(say)?;
        let sound = SpectrogramPlan::new()
            .log_spectrogram(&samples, rate)
            .ok_or_else(|| left(format!("its sound is too short: {} samples", samples.len())))?;
        let truth = PackedTruth::pack(truth_of(item).map_err(say)?);
        Ok(Self { picture: resize_bicubic(&picture, INPUT_SIDE, INPUT_SIDE), sound, truth })
    }

    /// Whether the picture's own sound has its source in the picture, as far as is known.
    pub(super) fn is_positive(&self) -> bool {
        self.truth != PackedTruth::Nothing
    }
}

/// Pairs that are not learnt from, shuffled: a folder's order often goes by class, and a batch of
/// one class has no wrong answers. Always the same way, so that the figures of runs can be compared.
#[derive(Debug)]
pub(super) struct HeldOut {
    items: Vec<Item>,
    /// Of the first items.
    kept: Vec<Prepared>,
    listed: usize,
    left_out: Vec<LeftOut>,
    rate: u32,
}

impl HeldOut {
    /// Decodes the items of `set`, sounds at `rate`; what cannot be decoded is left out and
    /// named. Blocks for as long as that takes, on all cores.
    pub(super) fn prepare(set: &Dataset, rate: u32) -> Self {
        Self::prepare_within(set, rate, MOST_BYTES)
    }

    fn prepare_within(set: &Dataset, rate: u32, most_bytes: usize) -> Self {
        let mut items = set.items.clone();
        Dice::new(0, 0).part("held-out").shuffle(&mut items);
        let frames = frames_of((SAMPLES_SECS * f64::from(rate)) as usize);
        let each = 4 * PIXELS + 4 * BINS * frames;
        let fits = (most_bytes / each).min(items.len());
        let rest = items.split_off(fits);
        let loaded: Vec<_> = items.par_iter().map(|i| Prepared::load(i, rate)).collect();
        let (mut good, mut kept, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
        for (item, loaded) in items.into_iter().zip(loaded) {
            match loaded {
                Ok(p) => {
                    good.push(item);
                    kept.push(p);
                }
                Err(why) => left_out.push(why),
            }
        }
        good.extend(rest);
        Self { items: good, kept, listed: set.items.len(), left_out, rate }
    }

    /// Items that are looked at.
    pub(super) fn items(&self) -> &[Item] {
        &self.items
    }

    /// Items that there were before any was left out.
    pub(super) fn listed(&self) -> usize {
        self.listed
    }

    /// What could not be decoded.
    pub(super) fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Item `i`, decoded again where it was not kept.
    pub(super) fn get(&self, i: usize) -> Result<Cow<'_, Prepared>, LeftOut> {
        match (self.kept.get(i), self.items.get(i)) {
            (Some(kept), _) => Ok(Cow::Borrowed(kept)),
            (None, Some(item)) => Prepared::load(item, self.rate).map(Cow::Owned),
            (None, None) => Err(LeftOut { id: i.to_string(), reason: "there is none".into() }),
        }
    }

    /// Whether any item says where it sounds, as far as one knows without decoding.
    pub(super) fn has_truth(&self) -> bool {
        let kept = self.kept.iter().any(|p| matches!(p.truth, PackedTruth::Here(_)));
        kept || self.items.iter().skip(self.kept.len()).any(|i| i.truth.is_some())
    }
}

/// Sounds of three seconds in which nothing sounds.
#[derive(Clone, Debug)]
pub(super) struct NoSource {
    /// Digital silence and a hiss at the edge of hearing.
    pub silence: Vec<Spectrogram>,
    /// Noises of all colours, quiet and loud.
    pub noise: Vec<Spectrogram>,
}

impl NoSource {
    /// The same ones for every run: two silences, ten noises.
    pub(super) fn at(rate: u32) -> Self {
        let mut plan = SpectrogramPlan::new();
        let nobody = Library::new(Vec::new());
        let mut made = |seed: u64, noise: Option<Noise>| {
            let sound = SoundPlan { noise, seed, ..SoundPlan::silence(SAMPLES_SECS) };
            plan.log_spectrogram(&sound.mono(&nobody, rate), rate)
        };
        let hiss = Noise { color: Color::White, level_db: -66.0 };
        let silence = [made(0, None), made(1, Some(hiss))].into_iter().flatten().collect();
        let loud = Color::ALL.iter().flat_map(|c| [-34.0, -16.0].map(|db| (*c, db)));
        let noise = loud
            .enumerate()
            .filter_map(|(i, (color, level_db))| {
                made(2 + i as u64, Some(Noise { color, level_db }))
            })
            .collect();
        Self { silence, noise }
    }

    /// All, the silences first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Spectrogram> {
        self.silence.iter().chain(&self.noise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::flags::flags;

    #[test]
    fn what_memory_does_not_hold_is_decoded_again_and_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let set = flags(dir.path(), 5);
        let all = HeldOut::prepare(&set, 16_000);
        let few = HeldOut::prepare_within(&set, 16_000, 2 * (4 * PIXELS + 4 * BINS * 200));
        assert_eq!((all.kept.len(), few.kept.len()), (5, 2));
        for i in 0..5 {
            let (a, b) = (all.get(i).unwrap(), few.get(i).unwrap());
            assert_eq!(a.picture.data(), b.picture.data(), "item {i}");
            assert_eq!((&a.sound, &a.truth), (&b.sound, &b.truth));
        }
        assert!(all.has_truth() && few.has_truth() && all.get(5).is_err());
    }

    #[test]
    fn a_broken_item_is_left_out_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let set = flags(dir.path(), 3);
        std::fs::write(set.items[1].picture.path(), b"no picture").unwrap();
        let held = HeldOut::prepare(&set, 16_000);
        assert_eq!((held.items().len(), held.listed()), (2, 3));
        assert_eq!(held.left_out()[0].id, set.items[1].id);
    }

    #[test]
    fn truth_survives_its_packing() {
        let map = TruthMap::consensus(&[[0, 0, 100, 100], [50, 50, 224, 150]]);
        assert_eq!(PackedTruth::pack(ItemTruth::Here(map.clone())).map(), Some(map));
        assert_eq!(PackedTruth::Nothing.map(), None);
    }

    #[test]
    fn silences_and_noises_differ_and_are_always_the_same() {
        let (a, b) = (NoSource::at(16_000), NoSource::at(16_000));
        assert_eq!((a.silence.len(), a.noise.len()), (2, 10));
        assert!(a.all().zip(b.all()).all(|(a, b)| a == b));
        let mean = |s: &Spectrogram| s.data.iter().sum::<f32>() / s.data.len() as f32;
        assert!(mean(&a.silence[0]) < mean(&a.silence[1]));
        assert!(a.noise.iter().all(|n| mean(n) > mean(&a.silence[1])));
    }
}
