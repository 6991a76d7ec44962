//! The folded network on the CPU, through rten.

use std::sync::Arc;

use rten::{Model, ModelOptions, RunOptions, ThreadPool};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensorView, Tensor};

use super::burn_towers::guarded;
use super::fold::FoldedFnac;
use super::towers::{CELLS, check_spectrogram, image_batch, normalise};
use super::{AudioEmbedding, Checkpoint, ImageEmbedding, ModelError, Towers, onnx};
use crate::features::{BINS, INPUT_SIDE, Spectrogram};

/// A graph that runs on its own threads.
pub(super) struct CpuGraph {
    model: Model,
    pool: Arc<ThreadPool>,
}

fn failed(e: impl std::fmt::Display) -> ModelError {
    ModelError::Cpu(e.to_string())
}

impl CpuGraph {
    pub(super) fn new(graph: Vec<u8>, pool: Arc<ThreadPool>) -> Result<Self, ModelError> {
        let mut options = ModelOptions::with_all_ops();
        // Costs memory for the one matrix product of the sound tower; convolutions pack theirs
        // as they run.
        options.prepack_weights(true);
        Ok(Self { model: options.load(graph).map_err(failed)?, pool })
    }

    /// Runs the graph on one input.
    pub(super) fn run(&self, data: &[f32], shape: [usize; 4]) -> Result<Vec<f32>, ModelError> {
        let input = NdTensorView::try_from_data(shape, data).map_err(failed)?;
        let options = RunOptions::default().with_thread_pool(Some(self.pool.clone()));
        guarded("the CPU engine", || {
            let output = self.model.run_one(input.into(), Some(options)).map_err(failed)?;
            let output: Tensor<f32> = output.try_into().map_err(failed)?;
            Ok(output.to_vec())
        })
    }
}

/// Threads for inference: all cores but, from four on, one that stays for decoding and drawing.
pub(super) fn default_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores >= 4 { cores - 1 } else { cores }
}

/// The engine for CPUs: as fast as PyTorch per thread, no start-up cost to speak of.
pub struct RtenTowers {
    image: CpuGraph,
    sound: CpuGraph,
    dim: usize,
    threads: usize,
}

impl RtenTowers {
    /// Folds the network and builds its two graphs; `threads` 0 takes what suits the machine.
    ///
    /// # Errors
    /// For an object tower, or when rten refuses the graph.
    pub fn new(checkpoint: &Checkpoint, threads: usize) -> Result<Self, ModelError> {
        let threads = if threads == 0 { default_threads() } else { threads };
        let folded = FoldedFnac::of(checkpoint)?;
        let pool = Arc::new(ThreadPool::with_num_threads(threads));
        Ok(Self {
            image: CpuGraph::new(onnx::image_model(&folded), pool.clone())?,
            sound: CpuGraph::new(onnx::sound_model(&folded), pool)?,
            dim: folded.config.dim,
            threads,
        })
    }
}

impl Towers for RtenTowers {
    fn embed_images(&mut self, inputs: &[Vec<f32>]) -> Result<Vec<ImageEmbedding>, ModelError> {
        let batch = image_batch(inputs)?;
        if inputs.is_empty() {
            return Ok(Vec::new());
        }
        let side = INPUT_SIDE as usize;
        let values = self.image.run(&batch, [inputs.len(), 3, side, side])?;
        let each = values.chunks_exact(self.dim * CELLS);
        Ok(each
            .map(|v| {
                let mut data = v.to_vec();
                normalise(&mut data, CELLS);
                ImageEmbedding { dim: self.dim, data }
            })
            .collect())
    }

    fn embed_sound(&mut self, spectrogram: &Spectrogram) -> Result<AudioEmbedding, ModelError> {
        check_spectrogram(spectrogram)?;
        let mut data = self.sound.run(&spectrogram.data, [1, 1, BINS, spectrogram.frames])?;
        normalise(&mut data, 1);
        Ok(AudioEmbedding { data })
    }

    fn describe(&self) -> String {
        let s = if self.threads == 1 { "" } else { "s" };
        format!("rten on the CPU, {} thread{s}", self.threads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BurnTowers, FnacConfig};
    use burn::tensor::Device;

    fn picture(seed: u32) -> Vec<f32> {
        let mut s = seed;
        let mut next = || {
            s = s.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (s >> 8) as f32 / (1u32 << 24) as f32
        };
        (0..3 * 224 * 224).map(|_| 4.0 * next() - 2.0).collect()
    }

    fn sound(frames: usize) -> Spectrogram {
        let data = (0..BINS * frames).map(|i| -1.0 + 0.4 * (i as f32 * 0.37).sin()).collect();
        Spectrogram { bins: BINS, frames, data }
    }

    fn gap(a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn rten_equals_burn_for_any_width_of_sound_and_any_batch() {
        let c = Checkpoint::formula(8, 64, "");
        let mut cpu = RtenTowers::new(&c, 1).unwrap();
        let mut burn = BurnTowers::new(&c, Device::flex(), "flex").unwrap();
        for frames in [1, 2, 50, 200, 276, 603] {
            let s = sound(frames);
            let (a, b) = (cpu.embed_sound(&s).unwrap(), burn.embed_sound(&s).unwrap());
            assert!(gap(&a.data, &b.data) < 1e-5, "{frames} columns");
        }
        let inputs: Vec<_> = (1..=4).map(picture).collect();
        let (a, b) = (cpu.embed_images(&inputs).unwrap(), burn.embed_images(&inputs).unwrap());
        let alone = cpu.embed_images(&inputs[2..3]).unwrap();
        assert!(gap(&alone[0].data, &a[2].data) < 1e-6);
        for (a, b) in a.iter().zip(&b) {
            assert!(gap(&a.data, &b.data) < 1e-5);
        }
        assert!(gap(&a[0].data, &b[1].data) > 1e-3, "different pictures must differ");
    }

    #[test]
    fn other_depths_run_on_both_engines() {
        let config = FnacConfig { width: 2, dim: 8, depth: [1, 2, 3, 1] };
        let c = Checkpoint::formula_of(config, "");
        let mut cpu = RtenTowers::new(&c, 1).unwrap();
        let mut burn = BurnTowers::new(&c, Device::flex(), "flex").unwrap();
        let inputs = [picture(7)];
        let (a, b) = (cpu.embed_images(&inputs).unwrap(), burn.embed_images(&inputs).unwrap());
        assert!(gap(&a[0].data, &b[0].data) < 1e-5);
        let s = sound(200);
        let (a, b) = (cpu.embed_sound(&s).unwrap(), burn.embed_sound(&s).unwrap());
        assert!(gap(&a.data, &b.data) < 1e-5);
    }

    #[test]
    fn wrong_inputs_are_refused_and_none_gives_none() {
        let c = Checkpoint::formula(2, 4, "");
        let mut t = RtenTowers::new(&c, 1).unwrap();
        assert!(t.embed_images(&[]).unwrap().is_empty());
        assert!(matches!(t.embed_images(&[vec![0.0; 3]]), Err(ModelError::Input { .. })));
        for (bins, frames, n) in [(257, 0, 0), (256, 1, 256), (257, 2, 257)] {
            let s = Spectrogram { bins, frames, data: vec![0.0; n] };
            assert!(matches!(t.embed_sound(&s), Err(ModelError::Input { .. })));
        }
        assert!(RtenTowers::new(&Checkpoint::formula_object(2, ""), 1).is_err());
    }
}
