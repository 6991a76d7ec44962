//! The object prior: an untouched ResNet-18 that sees things and hears nothing.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use rten::ThreadPool;

use super::burn_towers::{floats, guarded};
use super::fold::FoldedTrunk;
use super::network::Trunk;
use super::rten_towers::{CpuGraph, default_threads};
use super::towers::{CELLS, image_batch};
use super::{Checkpoint, CheckpointKind, ModelError, onnx};
use crate::features::INPUT_SIDE;

/// A ResNet-18 on some device; its answer is a prior, never a claim about sound.
pub struct ObjectTower {
    engine: Engine,
    name: String,
}

enum Engine {
    Cpu(Box<CpuGraph>),
    Burn(Box<Trunk>, Device),
}

fn folded(checkpoint: &Checkpoint) -> Result<FoldedTrunk, ModelError> {
    if checkpoint.kind != CheckpointKind::ObjectTower {
        return Err(ModelError::WrongKind {
            wanted: CheckpointKind::ObjectTower.name(),
            found: checkpoint.kind.name(),
        });
    }
    FoldedTrunk::of(&checkpoint.tensors, "", 3, checkpoint.config)
}

impl ObjectTower {
    /// On the CPU; `threads` 0 takes what suits the machine.
    ///
    /// # Errors
    /// For a two-tower checkpoint, or when the engine refuses the graph.
    pub fn on_cpu(checkpoint: &Checkpoint, threads: usize) -> Result<Self, ModelError> {
        let threads = if threads == 0 { default_threads() } else { threads };
        let pool = Arc::new(ThreadPool::with_num_threads(threads));
        let graph = onnx::trunk_model(&folded(checkpoint)?);
        let engine = Engine::Cpu(Box::new(CpuGraph::new(graph, pool)?));
        Ok(Self { engine, name: "the CPU".into() })
    }

    /// On a burn device called `name` in messages.
    ///
    /// # Errors
    /// For a two-tower checkpoint, or when the device fails.
    pub fn on_burn(
        checkpoint: &Checkpoint,
        device: Device,
        name: impl Into<String>,
    ) -> Result<Self, ModelError> {
        let name = name.into();
        let folded = folded(checkpoint)?;
        let trunk = guarded(&name, || Ok(Trunk::from_folded(&folded, &device)))?;
        Ok(Self { engine: Engine::Burn(Box::new(trunk), device), name })
    }

    /// Mean absolute feature of the last stage at each cell, `>= 0`, row 0 at the top, before
    /// any stretch; each input is `[3, 224, 224]` as the network takes it.
    pub fn prior(&mut self, inputs: &[Vec<f32>]) -> Result<Vec<[f32; CELLS]>, ModelError> {
        let batch = image_batch(inputs)?;
        if inputs.is_empty() {
            return Ok(Vec::new());
        }
        let side = INPUT_SIDE as usize;
        let shape = [inputs.len(), 3, side, side];
        let features = match &self.engine {
            Engine::Cpu(graph) => graph.run(&batch, shape)?,
            Engine::Burn(trunk, device) => guarded(&self.name, || {
                let images = Tensor::<4>::from_data(TensorData::new(batch, shape), device);
                floats(trunk.forward(images), &self.name)
            })?,
        };
        let each = features.len() / inputs.len();
        Ok(features.chunks_exact(each.max(1)).map(mean_magnitude).collect())
    }

    /// Engine and device, for people.
    pub fn describe(&self) -> String {
        format!("object tower on {}", self.name)
    }
}

/// Mean over channels of `[channels, 49]`, of the magnitudes.
fn mean_magnitude(features: &[f32]) -> [f32; CELLS] {
    let channels = (features.len() / CELLS).max(1) as f64;
    let mut sums = [0.0f64; CELLS];
    for cells in features.chunks_exact(CELLS) {
        for (sum, v) in sums.iter_mut().zip(cells) {
            *sum += f64::from(v.abs());
        }
    }
    sums.map(|s| (s / channels) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_give_the_same_prior() {
        let c = Checkpoint::formula_object(4, "");
        let input: Vec<f32> = (0..3 * 224 * 224).map(|i| (i as f32 * 0.013).sin()).collect();
        let mut cpu = ObjectTower::on_cpu(&c, 1).unwrap();
        let mut burn = ObjectTower::on_burn(&c, Device::flex(), "flex").unwrap();
        let inputs = [input.clone(), input];
        let (a, b) = (cpu.prior(&inputs).unwrap(), burn.prior(&inputs).unwrap());
        let max = a[0].iter().copied().fold(0.0, f32::max);
        assert!(max > 0.0 && a[0].iter().all(|v| *v >= 0.0));
        for (a, b) in a.iter().flatten().zip(b.iter().flatten()) {
            assert!((a - b).abs() <= 1e-5 * max, "{a} {b}");
        }
        assert!(ObjectTower::on_cpu(&Checkpoint::formula(2, 4, ""), 1).is_err());
    }

    #[test]
    fn magnitudes_are_averaged_over_channels() {
        let mut f = vec![0.0; 2 * 49];
        f[3] = -1.0;
        f[49 + 3] = 3.0;
        assert_eq!(mean_magnitude(&f)[3], 2.0);
    }
}
