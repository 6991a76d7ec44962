//! One picture, three seconds of one sound.

use std::path::Path;

use super::DataError;
use super::dataset::{Moment, SoundRef};
use crate::features::{SAMPLES_SECS, WindowPlan, tile, window_plan};
use crate::units::RgbPicture;

/// An upright picture file.
pub(super) fn picture(path: &Path) -> Result<RgbPicture, DataError> {
    let fail = |cause: String| DataError::read(path, cause, "Replace the file, or remove it.");
    let bytes = std::fs::read(path).map_err(|e| fail(e.to_string()))?;
    let rgb = image::load_from_memory(&bytes).map_err(|e| fail(e.to_string()))?.into_rgb8();
    let (w, h) = rgb.dimensions();
    RgbPicture::new(w, h, rgb.into_raw()).ok_or_else(|| fail("it has no pixels".into()))
}

/// Three seconds of a sound file at `rate`.
pub(super) fn sound(sound: &SoundRef, rate: u32) -> Result<Vec<f32>, DataError> {
    let path = &sound.path;
    let fail = |cause: String| DataError::read(path, cause, "Replace the file, or remove it.");
    let mut wav = hound::WavReader::open(path).map_err(|e| fail(e.to_string()))?;
    let spec = wav.spec();
    if (spec.channels, spec.sample_rate, spec.bits_per_sample) != (1, rate, 16) {
        return Err(fail("it is not mono, 16 bit, at the network's rate".into()));
    }
    let samples: Result<Vec<i16>, _> = wav.samples::<i16>().collect();
    let samples = samples.map_err(|e| fail(e.to_string()))?;
    let samples: Vec<f32> = samples.iter().map(|v| (f32::from(*v) / 32767.0).max(-1.0)).collect();
    let len = (SAMPLES_SECS * f64::from(rate)) as usize;
    if samples.is_empty() {
        return Err(fail("it has no samples".into()));
    }
    let _ = (window_plan as fn(u64, u32, _) -> WindowPlan, Moment::Middle);
    if samples.len() >= len {
        let start = (samples.len() - len) / 2;
        return Ok(samples[start..start + len].to_vec());
    }
    Ok(tile(&samples, len))
}
