//! The folded network on any burn device.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::{Device, Tensor, TensorData};

use super::fold::FoldedFnac;
use super::towers::{CELLS, check_spectrogram, image_batch};
use super::{AudioEmbedding, Checkpoint, Fnac, ImageEmbedding, ModelError, Towers};
use crate::features::{BINS, INPUT_SIDE, Spectrogram};

/// The engine for GPUs; on the CPU [`super::RtenTowers`] is two to four times faster.
pub struct BurnTowers {
    model: Fnac,
    device: Device,
    name: String,
}

/// Runs something on a device; burn reports a lost device or a failed kernel by panicking, and
/// that must not take the window down.
pub(super) fn guarded<T>(
    device: &str,
    run: impl FnOnce() -> Result<T, ModelError>,
) -> Result<T, ModelError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        let cause = text.unwrap_or("it stopped without a message").to_owned();
        Err(ModelError::Device { device: device.to_owned(), cause })
    })
}

/// Reads a tensor back as f32, whatever the device computes in.
pub(super) fn floats<const D: usize>(t: Tensor<D>, device: &str) -> Result<Vec<f32>, ModelError> {
    let failed = |cause| ModelError::Device { device: device.to_owned(), cause };
    let data = t.try_into_data().map_err(|e| failed(e.to_string()))?;
    data.convert::<f32>().try_to_vec::<f32>().map_err(|e| failed(format!("{e:?}")))
}

impl BurnTowers {
    /// Folds the network and puts it on `device`, called `name` in messages. The first run on a
    /// GPU compiles kernels for seconds.
    ///
    /// # Errors
    /// For an object tower, or when the device fails.
    pub fn new(
        checkpoint: &Checkpoint,
        device: Device,
        name: impl Into<String>,
    ) -> Result<Self, ModelError> {
        let name = name.into();
        let folded = FoldedFnac::of(checkpoint)?;
        let model = guarded(&name, || Ok(Fnac::from_folded(&folded, &device)))?;
        Ok(Self { model, device, name })
    }
}

impl Towers for BurnTowers {
    fn embed_images(&mut self, inputs: &[Vec<f32>]) -> Result<Vec<ImageEmbedding>, ModelError> {
        let batch = image_batch(inputs)?;
        if inputs.is_empty() {
            return Ok(Vec::new());
        }
        let side = INPUT_SIDE as usize;
        let data = TensorData::new(batch, [inputs.len(), 3, side, side]);
        let values = guarded(&self.name, || {
            let images = Tensor::<4>::from_data(data, &self.device);
            floats(self.model.embed_images(images), &self.name)
        })?;
        let dim = self.model.config().dim;
        let each = values.chunks_exact(dim * CELLS);
        Ok(each.map(|v| ImageEmbedding { dim, data: v.to_vec() }).collect())
    }

    fn embed_sound(&mut self, spectrogram: &Spectrogram) -> Result<AudioEmbedding, ModelError> {
        check_spectrogram(spectrogram)?;
        let shape = [1, 1, BINS, spectrogram.frames];
        let data = TensorData::new(spectrogram.data.clone(), shape);
        let data = guarded(&self.name, || {
            let sound = Tensor::<4>::from_data(data, &self.device);
            floats(self.model.embed_sounds(sound), &self.name)
        })?;
        Ok(AudioEmbedding { data })
    }

    fn describe(&self) -> String {
        format!("burn on {}", self.name)
    }
}
