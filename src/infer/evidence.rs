//! Is the peak evidence, or does any sound give one? The picture's map under sounds that have
//! nothing to do with it (features.md row 23; arXiv 2410.01020 analyses the same maximum).

use std::f32::consts::TAU;
use std::sync::Arc;

use super::sound::split_mix;
use super::{FrameEmbedding, InferError, Localizer};
use crate::model::{AudioEmbedding, cosine_map};
use crate::units::LocalizationMap;

/// Sounds in the bank.
pub const BANK_SOUNDS: usize = 64;

/// Where the peak under the true sound stands among the peaks under unrelated sounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// The peak cosine with the true sound.
    pub peak: f32,
    /// How many unrelated sounds give a lower peak for the same picture.
    pub rank: usize,
    /// Sounds compared with.
    pub of: usize,
    /// `rank / of` in percent: 50 means that any sound does as well.
    pub percentile: f32,
}

/// Embeddings of unrelated sounds under one checkpoint.
///
/// The sounds are made by formula (tones, chords, sweeps, noises, pulses over four octaves), so
/// that the bank needs no files and is the same on every machine. They are synthetic: the
/// percentile says how the true sound compares with *such* sounds.
#[derive(Clone, Default)]
pub struct SoundBank {
    sounds: Vec<Arc<AudioEmbedding>>,
}

impl SoundBank {
    /// Embedded sounds so far.
    pub fn len(&self) -> usize {
        self.sounds.len()
    }

    /// True before the first sound.
    pub fn is_empty(&self) -> bool {
        self.sounds.is_empty()
    }

    /// True when all sounds are embedded.
    pub fn is_complete(&self) -> bool {
        self.len() >= BANK_SOUNDS
    }

    /// Embeds one more sound; called in idle moments, one at a time.
    ///
    /// # Errors
    /// What the sound tower says.
    pub fn grow(&mut self, localizer: &mut Localizer) -> Result<(), InferError> {
        if !self.is_complete() {
            let sound = bank_sound(self.len(), localizer.rate_hz(), localizer.window_len());
            self.sounds.push(Arc::new(localizer.embed_sound(&sound)?));
        }
        Ok(())
    }

    /// Ranks `map`'s peak among those of the bank; `None` while the bank is empty.
    pub fn rank(&self, picture: &FrameEmbedding, map: &LocalizationMap) -> Option<Evidence> {
        if self.is_empty() {
            return None;
        }
        let highest = |m: &LocalizationMap| m.grid().range().1;
        let peak = highest(map);
        let lower = |s: &Arc<AudioEmbedding>| highest(&cosine_map(&picture.plain, s)) < peak;
        let rank = self.sounds.iter().filter(|s| lower(s)).count();
        let of = self.len();
        Some(Evidence { peak, rank, of, percentile: 100.0 * rank as f32 / of as f32 })
    }
}

/// Sound `i` of the bank: peak 0.3, of five kinds in turn.
fn bank_sound(i: usize, rate_hz: u32, len: usize) -> Vec<f32> {
    let mut state = 0xF0AC_0000 + i as u64;
    let mut uniform = || (split_mix(&mut state) >> 40) as f32 / (1u32 << 24) as f32;
    let low_hz = 110.0 * 16f32.powf(uniform());
    let ratio = 1.0 + uniform();
    let beat_hz = 1.0 + 9.0 * uniform();
    let smooth = 0.02 + 0.9 * uniform();
    let mut held = 0.0;
    (0..len)
        .map(|n| {
            let t = n as f32 / rate_hz.max(1) as f32;
            let tone = |hz: f32| (TAU * (hz * t).fract()).sin();
            let v = match i % 5 {
                0 => tone(low_hz),
                1 => (tone(low_hz) + tone(low_hz * 1.25) + tone(low_hz * ratio)) / 3.0,
                2 => tone(low_hz * (1.0 + 0.5 * t)),
                3 => {
                    // Low-passed noise.
                    held += smooth * (2.0 * uniform() - 1.0 - held);
                    held
                }
                _ => tone(low_hz) * (-8.0 * (t * beat_hz).fract()).exp(),
            };
            0.3 * v
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banks_sounds_differ_are_audible_and_stay_in_range() {
        let all: Vec<_> = (0..BANK_SOUNDS).map(|i| bank_sound(i, 16_000, 48_000)).collect();
        for (i, s) in all.iter().enumerate() {
            assert!(s.iter().all(|v| v.abs() <= 0.31), "{i}");
            let power = s.iter().map(|v| v * v).sum::<f32>() / s.len() as f32;
            assert!(power > 1e-5, "{i}: {power}");
            assert!(all[..i].iter().all(|o| o != s), "{i} is there twice");
        }
    }

    #[test]
    fn a_peak_above_all_unrelated_sounds_ranks_first() {
        use crate::model::ImageEmbedding;
        // One dimension per cell would need 49; two suffice: cells look along x or y.
        let mut data = vec![0.0; 2 * 49];
        data[..49].fill(1.0);
        let plain = ImageEmbedding { dim: 2, data };
        let picture = FrameEmbedding { plain, shifted: Vec::new(), factor: 0, prior: None };
        let sound = |x: f32| Arc::new(AudioEmbedding { data: vec![x, (1.0 - x * x).sqrt()] });
        let bank = SoundBank { sounds: [0.1, 0.2, 0.5, 0.9].map(sound).to_vec() };
        let rank = |x: f32| {
            let map = picture.map(&sound(x));
            bank.rank(&picture, &map).map(|e| (e.rank, e.of, e.percentile))
        };
        assert_eq!(rank(0.95), Some((4, 4, 100.0)));
        assert_eq!(rank(0.3), Some((2, 4, 50.0)));
        assert_eq!(rank(0.0), Some((0, 4, 0.0)));
        assert_eq!(SoundBank::default().rank(&picture, &LocalizationMap([0.0; 49])), None);
    }
}
