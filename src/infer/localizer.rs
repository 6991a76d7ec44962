//! From picture and sound to a map.

use std::sync::Arc;

use super::InferError;
use crate::features::{self, SpectrogramPlan};
use crate::model::{
    AudioEmbedding, Checkpoint, ImageEmbedding, ModelError, ObjectTower, Towers, cosine_map,
};
use crate::units::{FineMap, GRID, LocalizationMap, RgbPicture};

/// What the image tower made of one picture.
#[derive(Clone, Debug)]
pub struct FrameEmbedding {
    /// The picture as it is.
    pub plain: ImageEmbedding,
    /// Its shifted copies for a fine map, row-major over (ky, kx); empty without one.
    pub shifted: Vec<ImageEmbedding>,
    /// Shifts per axis: 2 or 4, 0 without a fine map.
    pub factor: u8,
    /// Object prior of the picture (mean absolute feature per cell, before any stretch), with an
    /// object tower.
    pub prior: Option<[f32; GRID * GRID]>,
}

impl FrameEmbedding {
    /// Bytes that the embeddings hold.
    pub fn bytes(&self) -> usize {
        let one = |e: &ImageEmbedding| e.data.len() * 4;
        one(&self.plain) + self.shifted.iter().map(one).sum::<usize>()
    }

    /// The 49 cosines with a sound.
    pub fn map(&self, sound: &AudioEmbedding) -> LocalizationMap {
        cosine_map(&self.plain, sound)
    }

    /// The fine map with a sound, where the shifted copies were embedded.
    pub fn fine_map(&self, sound: &AudioEmbedding) -> Option<FineMap> {
        if self.factor == 0 {
            return None;
        }
        let maps: Vec<_> = self.shifted.iter().map(|e| cosine_map(e, sound)).collect();
        features::stitch_fine(&maps, self.factor)
    }
}

/// The object prior of a picture: where a plain ImageNet network sees things, sound or not.
pub trait PriorTower: Send {
    /// The 49 mean absolute features of one `[3, 224, 224]` input, row 0 at the top.
    ///
    /// # Errors
    /// What the engine says.
    fn prior(&mut self, input: &[f32]) -> Result<[f32; GRID * GRID], ModelError>;
}

impl PriorTower for ObjectTower {
    fn prior(&mut self, input: &[f32]) -> Result<[f32; GRID * GRID], ModelError> {
        let answer = ObjectTower::prior(self, &[input.to_vec()])?;
        answer
            .into_iter()
            .next()
            .ok_or_else(|| ModelError::Input { wanted: "one prior".into(), found: "none".into() })
    }
}

/// One answer with everything it was made of.
#[derive(Clone, Debug)]
pub struct Localization {
    /// The 49 cosines.
    pub map: LocalizationMap,
    /// More cells, when asked for.
    pub fine: Option<FineMap>,
    /// The picture's embedding.
    pub picture: Arc<FrameEmbedding>,
    /// The sound's embedding.
    pub sound: Arc<AudioEmbedding>,
}

/// The only way from picture and sound to a map: window, command line, export and evaluation
/// all call it, so that they show and write the same numbers.
///
/// Holds the towers on their device, so it is not `Sync`; one thread owns it.
pub struct Localizer {
    towers: Box<dyn Towers>,
    object: Option<Box<dyn PriorTower>>,
    plan: SpectrogramPlan,
    rate_hz: u32,
    dim: usize,
}

impl Localizer {
    /// A localizer for `checkpoint`, whose network is `towers`.
    pub fn open(checkpoint: &Checkpoint, towers: Box<dyn Towers>) -> Self {
        Self {
            towers,
            object: None,
            plan: SpectrogramPlan::new(),
            rate_hz: checkpoint.card.sample_rate,
            dim: checkpoint.config.dim,
        }
    }

    /// Takes an object tower, whose prior then comes with every picture.
    pub fn set_object(&mut self, object: Option<Box<dyn PriorTower>>) {
        self.object = object;
    }

    /// True with an object tower.
    pub fn has_object(&self) -> bool {
        self.object.is_some()
    }

    /// Samples per second of the sounds that the network was trained on.
    pub fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// Length of the embeddings.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Samples of a window: three seconds.
    pub fn window_len(&self) -> usize {
        (features::SAMPLES_SECS * f64::from(self.rate_hz)) as usize
    }

    /// What the towers run on.
    pub fn describe(&self) -> String {
        self.towers.describe()
    }

    /// Embeds an upright picture of any size; `fine` is 0, 2 or 4 shifts per axis.
    ///
    /// # Errors
    /// [`InferError::FineFactor`], and what the towers say.
    pub fn embed_frame(
        &mut self,
        picture: &RgbPicture,
        fine: u8,
    ) -> Result<FrameEmbedding, InferError> {
        if !matches!(fine, 0 | 2 | 4) {
            return Err(InferError::FineFactor(fine));
        }
        let side = features::INPUT_SIDE;
        let resized = features::resize_bicubic(picture, side, side);
        let input = features::image_tensor(&resized);
        let prior = match &mut self.object {
            Some(tower) => Some(tower.prior(&input)?),
            None => None,
        };
        let plain = self.embed_one(input)?;
        let mut shifted = Vec::new();
        if fine > 0 {
            // Four at a time: a graphics device gains from a batch, but one of sixteen would
            // hold it long enough to make the next live map late.
            for batch in features::shifted_inputs(&resized, fine).chunks(4) {
                shifted.extend(self.embed_batch(batch)?);
            }
        }
        Ok(FrameEmbedding { plain, shifted, factor: fine, prior })
    }

    fn embed_one(&mut self, input: Vec<f32>) -> Result<ImageEmbedding, InferError> {
        let answer = self.embed_batch(std::slice::from_ref(&input))?;
        answer.into_iter().next().ok_or_else(|| self.bad_answer())
    }

    fn embed_batch(&mut self, inputs: &[Vec<f32>]) -> Result<Vec<ImageEmbedding>, InferError> {
        let answer = self.towers.embed_images(inputs)?;
        let good = |e: &ImageEmbedding| {
            e.dim == self.dim
                && e.data.len() == self.dim * GRID * GRID
                && e.data.iter().all(|v| v.is_finite())
        };
        if answer.len() == inputs.len() && answer.iter().all(good) {
            Ok(answer)
        } else {
            Err(self.bad_answer())
        }
    }

    /// A device that computes nonsense is as bad as one that fails.
    fn bad_answer(&self) -> InferError {
        InferError::BadAnswer { device: self.towers.describe() }
    }

    /// Embeds a window of sound, samples in [-1, 1] at [`Self::rate_hz`].
    ///
    /// # Errors
    /// [`InferError::SoundTooShort`], and what the towers say.
    pub fn embed_sound(&mut self, window: &[f32]) -> Result<AudioEmbedding, InferError> {
        let spectrogram = self
            .plan
            .log_spectrogram(window, self.rate_hz)
            .ok_or(InferError::SoundTooShort { samples: window.len() })?;
        self.embed_spectrogram(&spectrogram)
    }

    /// Embeds a spectrogram made elsewhere (the official loader's sound choice makes its own
    /// from 16-bit samples in f64).
    ///
    /// # Errors
    /// What the towers say.
    pub fn embed_spectrogram(
        &mut self,
        spectrogram: &features::Spectrogram,
    ) -> Result<AudioEmbedding, InferError> {
        let e = self.towers.embed_sound(spectrogram)?;
        if e.data.len() == self.dim && e.data.iter().all(|v| v.is_finite()) {
            Ok(e)
        } else {
            Err(self.bad_answer())
        }
    }

    /// The whole way: a picture and three seconds of sound to a map.
    ///
    /// # Errors
    /// As [`Self::embed_frame`] and [`Self::embed_sound`].
    pub fn localize(
        &mut self,
        picture: &RgbPicture,
        window: &[f32],
        fine: u8,
    ) -> Result<Localization, InferError> {
        let picture = Arc::new(self.embed_frame(picture, fine)?);
        let sound = Arc::new(self.embed_sound(window)?);
        Ok(Self::combine(picture, sound))
    }

    /// The map of a picture and a sound that are embedded already.
    pub fn combine(picture: Arc<FrameEmbedding>, sound: Arc<AudioEmbedding>) -> Localization {
        let map = picture.map(&sound);
        let fine = picture.fine_map(&sound);
        Localization { map, fine, picture, sound }
    }
}
