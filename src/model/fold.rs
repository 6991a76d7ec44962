//! BatchNorm folded into the convolutions: what inference runs, whatever the engine.

use std::collections::BTreeMap;

use super::config::BlockPlace;
use super::{Checkpoint, CheckpointKind, FnacConfig, ModelError, RawTensor};

/// Added to the running variance, as in training.
const EPSILON: f64 = 1e-5;

/// A convolution with a bias, BatchNorm (if it had one) inside its weights.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldedConv {
    /// Name of the convolution in the official code.
    pub name: String,
    /// `[out, in, k, k]`.
    pub shape: [usize; 4],
    /// Row-major weights.
    pub weight: Vec<f32>,
    /// One per output channel.
    pub bias: Vec<f32>,
    /// Step in both directions.
    pub stride: usize,
    /// Zeros on every side.
    pub padding: usize,
}

/// Two convolutions and a shortcut: `relu(conv2(relu(conv1(x))) + shortcut(x))`.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldedBlock {
    /// Carries the block's stride.
    pub conv1: FoldedConv,
    /// Stride 1.
    pub conv2: FoldedConv,
    /// The shortcut; identity where there is none.
    pub downsample: Option<FoldedConv>,
}

/// A ResNet-18 trunk: stem, ReLU, 3x3 maximum of stride 2, residual blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldedTrunk {
    /// 7x7, stride 2.
    pub stem: FoldedConv,
    /// Of all stages, in order.
    pub blocks: Vec<FoldedBlock>,
}

/// The two towers, ready for inference.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldedFnac {
    /// Width and dimension.
    pub config: FnacConfig,
    /// Picture trunk.
    pub image: FoldedTrunk,
    /// 1x1 to `dim` channels.
    pub image_projection: FoldedConv,
    /// Sound trunk.
    pub sound: FoldedTrunk,
    /// Linear, as a 1x1 convolution: `[dim, 8 width, 1, 1]`.
    pub sound_projection: FoldedConv,
}

/// A named tensor of the right shape, or an error that names it.
fn get<'a>(
    tensors: &'a BTreeMap<String, RawTensor>,
    name: &str,
    shape: &[usize],
) -> Result<&'a [f32], ModelError> {
    tensors
        .get(name)
        .filter(|t| t.shape == shape && t.data.len() == shape.iter().product::<usize>())
        .map(|t| t.data.as_slice())
        .ok_or_else(|| ModelError::Tensor(name.to_owned()))
}

/// Where a convolution and its BatchNorm stand, and its form.
struct Place<'a> {
    conv: &'a str,
    norm: &'a str,
    shape: [usize; 4],
    stride: usize,
}

/// `w' = w g / sqrt(var + eps)`, `b' = beta - mean g / sqrt(var + eps)`, in f64, rounded once.
fn fold(
    tensors: &BTreeMap<String, RawTensor>,
    place: &Place,
    epsilon: f64,
) -> Result<FoldedConv, ModelError> {
    let [out, ..] = place.shape;
    let weight = get(tensors, &format!("{}.weight", place.conv), &place.shape)?;
    let part = |name: &str| get(tensors, &format!("{}.{name}", place.norm), &[out]);
    let (gamma, beta) = (part("weight")?, part("bias")?);
    let (mean, var) = (part("running_mean")?, part("running_var")?);
    let per_channel = weight.len() / out.max(1);
    let mut folded = Vec::with_capacity(weight.len());
    let mut bias = Vec::with_capacity(out);
    for (c, filter) in weight.chunks_exact(per_channel.max(1)).enumerate() {
        let scale = f64::from(gamma[c]) / (f64::from(var[c]) + epsilon).sqrt();
        folded.extend(filter.iter().map(|w| (f64::from(*w) * scale) as f32));
        bias.push((f64::from(beta[c]) - f64::from(mean[c]) * scale) as f32);
    }
    Ok(FoldedConv {
        name: place.conv.to_owned(),
        shape: place.shape,
        weight: folded,
        bias,
        stride: place.stride,
        padding: place.shape[2] / 2,
    })
}

impl FoldedTrunk {
    /// Folds the trunk whose tensors' names begin with `prefix` (`imgnet.`, `audnet.`, nothing).
    pub(crate) fn of(
        tensors: &BTreeMap<String, RawTensor>,
        prefix: &str,
        channels_in: usize,
        config: FnacConfig,
    ) -> Result<Self, ModelError> {
        Self::with_epsilon(tensors, prefix, channels_in, config, EPSILON)
    }

    fn with_epsilon(
        tensors: &BTreeMap<String, RawTensor>,
        prefix: &str,
        channels_in: usize,
        config: FnacConfig,
        epsilon: f64,
    ) -> Result<Self, ModelError> {
        let conv = |name: &str, norm: &str, shape, stride| {
            let place = Place {
                conv: &format!("{prefix}{name}"),
                norm: &format!("{prefix}{norm}"),
                shape,
                stride,
            };
            fold(tensors, &place, epsilon)
        };
        let stem = conv("conv1", "bn1", [config.width, channels_in, 7, 7], 2)?;
        let block = |place: BlockPlace| {
            let BlockPlace { channels_in: before, channels, stride, .. } = place;
            let name = |part: &str| format!("{}.{part}", place.name());
            let downsample = (stride == 2)
                .then(|| {
                    let shape = [channels, before, 1, 1];
                    conv(&name("downsample.0"), &name("downsample.1"), shape, stride)
                })
                .transpose()?;
            let (first, second) = ([channels, before, 3, 3], [channels, channels, 3, 3]);
            Ok(FoldedBlock {
                conv1: conv(&name("conv1"), &name("bn1"), first, stride)?,
                conv2: conv(&name("conv2"), &name("bn2"), second, 1)?,
                downsample,
            })
        };
        let blocks = config.blocks().map(block).collect::<Result<_, ModelError>>()?;
        Ok(Self { stem, blocks })
    }
}

impl FoldedFnac {
    /// Folds a two-tower checkpoint.
    ///
    /// # Errors
    /// [`ModelError::WrongKind`] for an object tower; [`ModelError::Tensor`] names a tensor that
    /// was taken out of the checkpoint after it was read.
    pub fn of(checkpoint: &Checkpoint) -> Result<Self, ModelError> {
        if checkpoint.kind != CheckpointKind::Fnac {
            return Err(ModelError::WrongKind {
                wanted: CheckpointKind::Fnac.name(),
                found: checkpoint.kind.name(),
            });
        }
        Self::of_tensors(checkpoint.config, &checkpoint.tensors)
    }

    pub(crate) fn of_tensors(
        config: FnacConfig,
        tensors: &BTreeMap<String, RawTensor>,
    ) -> Result<Self, ModelError> {
        let dim = config.dim;
        let f = config.features();
        let projection = |name: &str, weight_shape: &[usize]| {
            Ok(FoldedConv {
                name: name.to_owned(),
                shape: [dim, f, 1, 1],
                weight: get(tensors, &format!("{name}.weight"), weight_shape)?.to_vec(),
                bias: get(tensors, &format!("{name}.bias"), &[dim])?.to_vec(),
                stride: 1,
                padding: 0,
            })
        };
        Ok(Self {
            config,
            image: FoldedTrunk::of(tensors, "imgnet.", 3, config)?,
            image_projection: projection("img_proj", &[dim, f, 1, 1])?,
            sound: FoldedTrunk::of(tensors, "audnet.", 1, config)?,
            sound_projection: projection("aud_proj", &[dim, f])?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One output of a 1x1 convolution and its BatchNorm, by the book.
    #[test]
    fn folding_equals_convolution_then_batch_norm() {
        let c = Checkpoint::formula(2, 4, "");
        let trunk = FoldedTrunk::of(&c.tensors, "imgnet.", 3, c.config).unwrap();
        let folded = trunk.blocks[2].downsample.as_ref().unwrap();
        assert_eq!((folded.shape, folded.stride, folded.padding), ([4, 2, 1, 1], 2, 0));
        let t = |name: &str| &c.tensors[&format!("imgnet.layer2.0.downsample.{name}")].data;
        let x = [0.3f64, -1.7];
        for o in 0..4 {
            let y: f64 = (0..2).map(|i| f64::from(t("0.weight")[2 * o + i]) * x[i]).sum();
            let sd = (f64::from(t("1.running_var")[o]) + 1e-5).sqrt();
            let want = (y - f64::from(t("1.running_mean")[o])) / sd * f64::from(t("1.weight")[o])
                + f64::from(t("1.bias")[o]);
            let got: f64 = (0..2).map(|i| f64::from(folded.weight[2 * o + i]) * x[i]).sum::<f64>()
                + f64::from(folded.bias[o]);
            assert!((got - want).abs() < 1e-6, "{got} {want}");
        }
    }

    #[test]
    fn folding_with_another_epsilon_is_another_network() {
        let c = Checkpoint::formula(2, 4, "");
        let right = FoldedTrunk::of(&c.tensors, "imgnet.", 3, c.config).unwrap();
        let twin = FoldedTrunk::with_epsilon(&c.tensors, "imgnet.", 3, c.config, 1e-3).unwrap();
        assert_ne!(right, twin);
    }

    #[test]
    fn a_missing_tensor_is_named() {
        let mut c = Checkpoint::formula(2, 4, "");
        c.tensors.remove("audnet.layer3.1.bn2.running_var");
        let Err(ModelError::Tensor(name)) = FoldedFnac::of(&c) else { panic!() };
        assert_eq!(name, "audnet.layer3.1.bn2.running_var");
        assert!(FoldedFnac::of(&Checkpoint::formula_object(2, "")).is_err());
    }
}
