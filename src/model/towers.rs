//! What an engine does for the program: pictures and sounds to embeddings.

use super::ModelError;
use crate::features::{BINS, INPUT_SIDE, Spectrogram};
use crate::units::{GRID, LocalizationMap};

/// Cells of a map.
pub(super) const CELLS: usize = GRID * GRID;
/// Values of one picture input.
pub(super) const IMAGE_VALUES: usize = 3 * (INPUT_SIDE * INPUT_SIDE) as usize;
/// Smallest length a vector is divided by, as in the reference.
const TINY: f64 = 1e-12;

/// The embedding of a picture: one vector for each of the 49 cells.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageEmbedding {
    /// Length of each vector.
    pub dim: usize,
    /// `[dim, 49]`, unit length over dim.
    pub data: Vec<f32>,
}

/// The embedding of a sound.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioEmbedding {
    /// `[dim]`, unit length.
    pub data: Vec<f32>,
}

/// The network, ready to run on some device.
///
/// Implemented by [`super::RtenTowers`] (CPU) and [`super::BurnTowers`] (any burn device); both
/// give the same numbers within 1e-5. Calls block until the numbers are there.
pub trait Towers: Send {
    /// Embeds pictures: each input is `[3, 224, 224]` from [`crate::features::image_input`];
    /// several at once (fine maps: 4 or 16) cost less than one after the other. As many come
    /// back.
    fn embed_images(&mut self, inputs: &[Vec<f32>]) -> Result<Vec<ImageEmbedding>, ModelError>;

    /// Embeds 3 s of sound (any number of columns works).
    fn embed_sound(&mut self, spectrogram: &Spectrogram) -> Result<AudioEmbedding, ModelError>;

    /// Engine and device, for people.
    fn describe(&self) -> String;
}

/// Cosine between each picture cell and the sound.
///
/// `image` `[dim, 49]` and `audio` `[dim]`, both unit length; 49 cosines in [-1, 1], row 0 at the
/// top. Not divided by the temperature. A zero vector yields 0, not NaN; where the lengths
/// differ, the shorter counts. Source: FNAC, `Slogits` before `/ tau`.
pub fn cosine_map(image: &ImageEmbedding, audio: &AudioEmbedding) -> LocalizationMap {
    let mut sums = [0.0f64; CELLS];
    for (cells, a) in image.data.chunks_exact(CELLS).zip(&audio.data) {
        for (sum, v) in sums.iter_mut().zip(cells) {
            *sum += f64::from(*v) * f64::from(*a);
        }
    }
    // Rounding may carry a cosine past 1 by an ulp.
    LocalizationMap(sums.map(|s| s.clamp(-1.0, 1.0) as f32))
}

/// Divides each of the `places` columns of `[dim, places]` by its length, in f64.
pub(super) fn normalise(values: &mut [f32], places: usize) {
    for place in 0..places {
        let squares = values.iter().skip(place).step_by(places.max(1));
        let length = squares.map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt().max(TINY);
        for v in values.iter_mut().skip(place).step_by(places.max(1)) {
            *v = (f64::from(*v) / length) as f32;
        }
    }
}

/// Checks a batch of pictures and lays it end to end.
pub(super) fn image_batch(inputs: &[Vec<f32>]) -> Result<Vec<f32>, ModelError> {
    if let Some(wrong) = inputs.iter().find(|i| i.len() != IMAGE_VALUES) {
        return Err(ModelError::Input {
            wanted: format!("[3, {INPUT_SIDE}, {INPUT_SIDE}]"),
            found: format!("{} values", wrong.len()),
        });
    }
    Ok(inputs.concat())
}

/// Checks a spectrogram.
pub(super) fn check_spectrogram(s: &Spectrogram) -> Result<(), ModelError> {
    if s.bins == BINS && s.frames > 0 && s.data.len() == s.bins * s.frames {
        return Ok(());
    }
    Err(ModelError::Input {
        wanted: format!("[{BINS}, T]"),
        found: format!("[{}, {}] with {} values", s.bins, s.frames, s.data.len()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_points_where_the_sound_points_has_cosine_one() {
        let mut image = ImageEmbedding { dim: 2, data: vec![0.0; 98] };
        image.data[5] = 1.0;
        image.data[49 + 6] = -1.0;
        let map = cosine_map(&image, &AudioEmbedding { data: vec![1.0, 0.0] });
        assert_eq!((map.0[5], map.0[6], map.0[7]), (1.0, 0.0, 0.0));
        let map = cosine_map(&image, &AudioEmbedding { data: vec![0.0, 1.0] });
        assert_eq!((map.0[5], map.0[6]), (0.0, -1.0));
    }

    #[test]
    fn vectors_become_unit_length_and_zeros_stay() {
        let mut v = vec![3.0, 0.0, 4.0, 0.0];
        normalise(&mut v, 2);
        assert_eq!(v, [0.6, 0.0, 0.8, 0.0]);
        normalise(&mut [], 49);
    }
}
