//! The two towers as burn modules: one code for inference and training, on every device.

use std::collections::BTreeMap;

use burn::module::{Module, Param, RunningState};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{DType, Device, Tensor, TensorData};

use super::config::BlockPlace;
use super::fold::{FoldedBlock, FoldedConv, FoldedFnac, FoldedTrunk};
use super::norm::normalise_channels;
use super::params::ParamVisitor;
use super::stem::stem;
use super::{Checkpoint, CheckpointKind, FnacConfig, ModelError, RawTensor};

/// Smallest length a vector is divided by, as in the reference.
const TINY: f32 = 1e-12;

/// A convolution and its BatchNorm; folded, the norm is gone and the convolution has a bias.
#[derive(Module, Debug)]
pub struct ConvNorm {
    conv: Conv2d,
    norm: Option<BatchNorm>,
}

/// Two convolutions and a shortcut.
#[derive(Module, Debug)]
pub struct Block {
    conv1: ConvNorm,
    conv2: ConvNorm,
    downsample: Option<ConvNorm>,
}

/// A ResNet-18 trunk without its classifier.
#[derive(Module, Debug)]
pub struct Trunk {
    stem: ConvNorm,
    maxpool: MaxPool2d,
    /// Of all stages, in order.
    blocks: Vec<Block>,
}

/// The network; on an autodiff device it trains as PyTorch does. Dropout has no weights and is the trainer's: it stands between
/// [`Self::image_features`] and [`Self::project_image`].
#[derive(Module, Debug)]
pub struct Fnac {
    imgnet: Trunk,
    img_proj: Conv2d,
    audnet: Trunk,
    aud_proj: Linear,
    #[module(skip)]
    width: usize,
    #[module(skip)]
    dim: usize,
    #[module(skip)]
    depth: [usize; 4],
}

/// What BatchNorms keep beside their weights, see [`Fnac::norm_statistics`].
#[derive(Clone, Debug)]
pub struct NormStatistics(Vec<(Tensor<1>, Tensor<1>)>);

impl NormStatistics {
    /// The same on another device.
    #[must_use]
    pub fn to_device(self, device: &Device) -> Self {
        let there = |t: Tensor<1>| match device.is_autodiff() {
            true => Tensor::from_inner(t.inner().to_device(&device.clone().inner())),
            false => t.to_device(device),
        };
        Self(self.0.into_iter().map(|(mean, var)| (there(mean), there(var))).collect())
    }

    /// These moved as far as the parts of one batch have moved them on average: each part with its
    /// share, all beginning from these. What no part moved stays as it is, bit for bit.
    #[must_use]
    pub fn moved_by(&self, parts: Vec<(f64, Self)>) -> Self {
        let one = parts.len() == 1;
        let mut moved = self.clone();
        for (share, part) in parts {
            if one {
                return part;
            }
            for (((mean, var), (m, v)), (m0, v0)) in moved.0.iter_mut().zip(part.0).zip(&self.0) {
                *mean = mean.clone() + (m - m0.clone()) * share;
                *var = var.clone() + (v - v0.clone()) * share;
            }
        }
        moved
    }

    /// The picture tower's from one, the sound tower's from the other.
    #[must_use]
    pub fn of_towers(image: Self, sound: Self) -> Self {
        let norms = image.0.len() / 2;
        Self(image.0.into_iter().take(norms).chain(sound.0.into_iter().skip(norms)).collect())
    }
}

/// Tensors by name, on their way into or out of the modules.
type State = BTreeMap<String, RawTensor>;

fn conv2d(shape: [usize; 4], stride: usize, bias: bool, device: &Device) -> Conv2d {
    let [out, channels_in, k, _] = shape;
    let p = k / 2;
    Conv2dConfig::new([channels_in, out], [k, k])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(p, p, p, p))
        .with_bias(bias)
        .init(device)
}

fn tensor<const D: usize>(data: &[f32], shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(data.to_vec(), shape), device)
}

fn found<'a, const D: usize>(
    state: &'a State,
    name: &str,
    shape: [usize; D],
) -> Result<&'a RawTensor, ModelError> {
    let found = state.get(name).filter(|t| t.shape == shape);
    let found = found.filter(|t| t.data.len() == shape.iter().product::<usize>());
    found.ok_or_else(|| ModelError::Tensor(name.to_owned()))
}

fn weights<const D: usize>(
    state: &State,
    name: &str,
    shape: [usize; D],
    device: &Device,
) -> Result<Tensor<D>, ModelError> {
    Ok(tensor(&found(state, name, shape)?.data, shape, device))
}

/// `[rows, columns]` to `[columns, rows]`.
fn turned(t: &RawTensor) -> Vec<f32> {
    let columns = t.shape.last().copied().unwrap_or(0);
    (0..columns).flat_map(|x| t.data.iter().skip(x).step_by(columns.max(1)).copied()).collect()
}

fn read_back<const D: usize>(t: &Tensor<D>, name: &str) -> Result<RawTensor, ModelError> {
    let failed = |cause: String| ModelError::Device { device: name.to_owned(), cause };
    let data = t.clone().try_into_data().map_err(|e| failed(e.to_string()))?;
    let data = data.convert::<f32>().try_to_vec::<f32>().map_err(|e| failed(format!("{e:?}")))?;
    Ok(RawTensor { shape: t.dims().to_vec(), data })
}

impl ConvNorm {
    fn from_state(
        state: &State,
        (conv_name, norm_name): (&str, &str),
        shape: [usize; 4],
        stride: usize,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let mut conv = conv2d(shape, stride, false, device);
        let weight = weights(state, &format!("{conv_name}.weight"), shape, device)?;
        conv.weight = Param::from_tensor(weight);
        let mut norm = BatchNormConfig::new(shape[0]).init(device);
        let part = |name: &str| weights(state, &format!("{norm_name}.{name}"), [shape[0]], device);
        norm.gamma = Param::from_tensor(part("weight")?);
        norm.beta = Param::from_tensor(part("bias")?);
        norm.running_mean = RunningState::new(part("running_mean")?);
        norm.running_var = RunningState::new(part("running_var")?);
        Ok(Self { conv, norm: Some(norm) })
    }

    fn from_folded(folded: &FoldedConv, device: &Device) -> Self {
        let mut conv = conv2d(folded.shape, folded.stride, true, device);
        conv.weight = Param::from_tensor(tensor(&folded.weight, folded.shape, device));
        conv.bias = Some(Param::from_tensor(tensor(&folded.bias, [folded.shape[0]], device)));
        Self { conv, norm: None }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.norm(self.conv.forward(x))
    }

    /// [`Self::forward`] for the first convolution of a trunk.
    fn forward_stem(&self, x: Tensor<4>) -> Tensor<4> {
        self.norm(stem(&self.conv, x))
    }

    fn norm(&self, y: Tensor<4>) -> Tensor<4> {
        match &self.norm {
            Some(norm) => normalise_channels(norm, y),
            None => y,
        }
    }

    /// Shows the parameters to `visitor`, in PyTorch's order.
    fn each_param<V: ParamVisitor>(&mut self, (conv, norm): (&str, &str), visitor: &mut V) {
        visitor.param(&format!("{conv}.weight"), &mut self.conv.weight);
        if let Some(n) = &mut self.norm {
            visitor.param(&format!("{norm}.weight"), &mut n.gamma);
            visitor.param(&format!("{norm}.bias"), &mut n.beta);
        }
    }

    fn save(&self, conv: &str, norm: &str, state: &mut State) -> Result<(), ModelError> {
        let mut put = |name: String, t: RawTensor| state.insert(name, t);
        put(format!("{conv}.weight"), read_back(&self.conv.weight.val(), conv)?);
        let Some(n) = &self.norm else { return Err(ModelError::Tensor(norm.to_owned())) };
        put(format!("{norm}.weight"), read_back(&n.gamma.val(), norm)?);
        put(format!("{norm}.bias"), read_back(&n.beta.val(), norm)?);
        put(format!("{norm}.running_mean"), read_back(&n.running_mean.value_sync(), norm)?);
        put(format!("{norm}.running_var"), read_back(&n.running_var.value_sync(), norm)?);
        let counter = RawTensor { shape: Vec::new(), data: vec![0.0] };
        put(format!("{norm}.num_batches_tracked"), counter);
        Ok(())
    }
}

impl Block {
    fn from_folded(folded: &FoldedBlock, device: &Device) -> Self {
        Self {
            conv1: ConvNorm::from_folded(&folded.conv1, device),
            conv2: ConvNorm::from_folded(&folded.conv2, device),
            downsample: folded.downsample.as_ref().map(|d| ConvNorm::from_folded(d, device)),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = self.conv2.forward(relu(self.conv1.forward(x.clone())));
        let shortcut = match &self.downsample {
            Some(d) => d.forward(x),
            None => x,
        };
        relu(y + shortcut)
    }
}

/// Names of a block's parts: convolution and norm.
const BLOCK_PARTS: [(&str, &str); 3] =
    [("conv1", "bn1"), ("conv2", "bn2"), ("downsample.0", "downsample.1")];

impl Trunk {
    /// From named tensors, BatchNorm kept, for training and for checking the folded one.
    pub(crate) fn from_state(
        state: &State,
        prefix: &str,
        channels_in: usize,
        config: FnacConfig,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let part = |at: &str, (conv, norm): (&str, &str), shape, stride| {
            let names = (format!("{prefix}{at}{conv}"), format!("{prefix}{at}{norm}"));
            ConvNorm::from_state(state, (&names.0, &names.1), shape, stride, device)
        };
        let block = |place: BlockPlace| {
            let BlockPlace { channels_in: before, channels, stride, .. } = place;
            let at = format!("{}.", place.name());
            let [conv1, conv2, shortcut] = BLOCK_PARTS;
            Ok(Block {
                conv1: part(&at, conv1, [channels, before, 3, 3], stride)?,
                conv2: part(&at, conv2, [channels, channels, 3, 3], 1)?,
                downsample: (stride == 2)
                    .then(|| part(&at, shortcut, [channels, before, 1, 1], stride))
                    .transpose()?,
            })
        };
        let blocks = config.blocks().map(block).collect::<Result<_, ModelError>>()?;
        let stem = part("", ("conv1", "bn1"), [config.width, channels_in, 7, 7], 2)?;
        Ok(Self { stem, maxpool: maxpool(), blocks })
    }

    /// For inference.
    pub(crate) fn from_folded(folded: &FoldedTrunk, device: &Device) -> Self {
        Self {
            stem: ConvNorm::from_folded(&folded.stem, device),
            maxpool: maxpool(),
            blocks: folded.blocks.iter().map(|b| Block::from_folded(b, device)).collect(),
        }
    }

    /// `[B, C, h, w]` to the features of the last stage, `[B, 8 width, h / 32, w / 32]`
    /// (rounded up).
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.maxpool.forward(relu(self.stem.forward_stem(x)));
        self.blocks.iter().fold(x, |x, block| block.forward(x))
    }

    /// The outputs of the four stages.
    #[cfg(test)]
    fn stages(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        let mut x = self.maxpool.forward(relu(self.stem.forward_stem(x)));
        let mut stages = Vec::with_capacity(4);
        // A stage begins with the block that has a shortcut of its own.
        for stage in self.blocks.chunk_by(|_, next| next.downsample.is_none()) {
            x = stage.iter().fold(x, |x, block| block.forward(x));
            stages.push(x.clone());
        }
        stages
    }

    /// Shows every convolution with its norm to `see`, in PyTorch's order, with their names.
    fn each_part(
        &mut self,
        prefix: &str,
        config: FnacConfig,
        see: &mut impl FnMut((&str, &str), &mut ConvNorm),
    ) {
        see((&format!("{prefix}conv1"), &format!("{prefix}bn1")), &mut self.stem);
        for (place, block) in config.blocks().zip(&mut self.blocks) {
            let at = format!("{prefix}{}.", place.name());
            let parts = [Some(&mut block.conv1), Some(&mut block.conv2), block.downsample.as_mut()];
            for (part, (conv, norm)) in parts.into_iter().zip(BLOCK_PARTS) {
                if let Some(part) = part {
                    see((&format!("{at}{conv}"), &format!("{at}{norm}")), part);
                }
            }
        }
    }

    fn save(&self, prefix: &str, config: FnacConfig, state: &mut State) -> Result<(), ModelError> {
        self.stem.save(&format!("{prefix}conv1"), &format!("{prefix}bn1"), state)?;
        for (place, block) in config.blocks().zip(&self.blocks) {
            let at = format!("{prefix}{}.", place.name());
            let parts = [Some(&block.conv1), Some(&block.conv2), block.downsample.as_ref()];
            for (part, (conv, norm)) in parts.into_iter().zip(BLOCK_PARTS) {
                if let Some(part) = part {
                    part.save(&format!("{at}{conv}"), &format!("{at}{norm}"), state)?;
                }
            }
        }
        Ok(())
    }
}

fn maxpool() -> MaxPool2d {
    MaxPool2dConfig::new([3, 3])
        .with_strides([2, 2])
        .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
        .init()
}

/// `x / max(|x|, 1e-12)` over axis 1. The limit stands under the root, so that a zero vector
/// has a finite gradient (the root's own is infinite there).
fn normalise<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let length = x.clone().powi_scalar(2).sum_dim(1).clamp_min(TINY * TINY).sqrt();
    x / length
}

impl Fnac {
    /// The network as it is trained, BatchNorm kept.
    ///
    /// # Errors
    /// [`ModelError::WrongKind`] for an object tower, [`ModelError::Tensor`] for a checkpoint
    /// that was taken apart.
    pub fn from_checkpoint(checkpoint: &Checkpoint, device: &Device) -> Result<Self, ModelError> {
        if checkpoint.kind != CheckpointKind::Fnac {
            return Err(ModelError::WrongKind {
                wanted: CheckpointKind::Fnac.name(),
                found: checkpoint.kind.name(),
            });
        }
        Self::from_state(checkpoint.config, &checkpoint.tensors, device)
    }

    /// The network as it is trained, from a state dict by the official names (counters are not
    /// needed).
    ///
    /// # Errors
    /// [`ModelError::Tensor`] with the first tensor that is missing or of another shape.
    pub fn from_state(
        config: FnacConfig,
        state: &BTreeMap<String, RawTensor>,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let FnacConfig { width, dim, depth } = config;
        let f = config.features();
        let mut img_proj = conv2d([dim, f, 1, 1], 1, true, device);
        img_proj.weight =
            Param::from_tensor(weights(state, "img_proj.weight", [dim, f, 1, 1], device)?);
        img_proj.bias = Some(Param::from_tensor(weights(state, "img_proj.bias", [dim], device)?));
        let mut aud_proj = LinearConfig::new(f, dim).init(device);
        // PyTorch keeps a linear layer's weights as [out, in], burn as [in, out]. They are turned
        // here and not on the device: a turned view is multiplied in another order than the plain
        // rows of a first update, and a run that goes on must round as one that was never left.
        let weight = turned(found(state, "aud_proj.weight", [dim, f])?);
        aud_proj.weight = Param::from_tensor(tensor(&weight, [f, dim], device));
        aud_proj.bias = Some(Param::from_tensor(weights(state, "aud_proj.bias", [dim], device)?));
        Ok(Self {
            imgnet: Trunk::from_state(state, "imgnet.", 3, config, device)?,
            img_proj,
            audnet: Trunk::from_state(state, "audnet.", 1, config, device)?,
            aud_proj,
            width,
            dim,
            depth,
        })
    }

    /// The network for inference.
    pub fn from_folded(folded: &FoldedFnac, device: &Device) -> Self {
        let FnacConfig { width, dim, depth } = folded.config;
        let f = folded.config.features();
        let p = &folded.sound_projection;
        let mut aud_proj = LinearConfig::new(f, dim).init(device);
        let weight: Tensor<2> = tensor(&p.weight, [dim, f], device);
        aud_proj.weight = Param::from_tensor(weight.transpose());
        aud_proj.bias = Some(Param::from_tensor(tensor(&p.bias, [dim], device)));
        Self {
            imgnet: Trunk::from_folded(&folded.image, device),
            img_proj: ConvNorm::from_folded(&folded.image_projection, device).conv,
            audnet: Trunk::from_folded(&folded.sound, device),
            aud_proj,
            width,
            dim,
            depth,
        }
    }

    /// This network with every BatchNorm folded into its convolution, on the same device.
    ///
    /// # Errors
    /// When it is folded already, or the device does not give its tensors back.
    pub fn fold(&self) -> Result<Self, ModelError> {
        let device = self.device();
        Ok(Self::from_folded(&FoldedFnac::of_tensors(self.config(), &self.state()?)?, &device))
    }

    /// Width and dimension.
    pub fn config(&self) -> FnacConfig {
        FnacConfig { width: self.width, dim: self.dim, depth: self.depth }
    }

    /// The state dict by its official names, counters as 0, for writing a checkpoint.
    ///
    /// # Errors
    /// When it is folded, or the device does not give its tensors back.
    pub fn state(&self) -> Result<BTreeMap<String, RawTensor>, ModelError> {
        let mut state = BTreeMap::new();
        self.imgnet.save("imgnet.", self.config(), &mut state)?;
        self.audnet.save("audnet.", self.config(), &mut state)?;
        let mut put = |name: &str, t: RawTensor| state.insert(name.to_owned(), t);
        put("img_proj.weight", read_back(&self.img_proj.weight.val(), "img_proj")?);
        put("aud_proj.weight", read_back(&self.aud_proj.weight.val().transpose(), "aud_proj")?);
        for (name, bias) in
            [("img_proj.bias", &self.img_proj.bias), ("aud_proj.bias", &self.aud_proj.bias)]
        {
            let bias = bias.as_ref().ok_or_else(|| ModelError::Tensor(name.to_owned()))?;
            put(name, read_back(&bias.val(), name)?);
        }
        Ok(state)
    }

    /// Shows every parameter to `visitor` by its official name and in the official order (the
    /// order of PyTorch's optimiser states). `aud_proj.weight` is kept as `[in, out]`, which is
    /// the transpose of what its name means in a checkpoint.
    pub fn each_param<V: ParamVisitor>(&mut self, visitor: &mut V) {
        let config = self.config();
        self.imgnet.each_part("imgnet.", config, &mut |names, p| p.each_param(names, visitor));
        visitor.param("img_proj.weight", &mut self.img_proj.weight);
        if let Some(bias) = &mut self.img_proj.bias {
            visitor.param("img_proj.bias", bias);
        }
        self.audnet.each_part("audnet.", config, &mut |names, p| p.each_param(names, visitor));
        visitor.param("aud_proj.weight", &mut self.aud_proj.weight);
        if let Some(bias) = &mut self.aud_proj.bias {
            visitor.param("aud_proj.bias", bias);
        }
    }

    fn each_norm(&mut self, mut see: impl FnMut(&str, &mut BatchNorm)) {
        let config = self.config();
        let mut part = |(_, name): (&str, &str), p: &mut ConvNorm| {
            if let Some(norm) = &mut p.norm {
                see(name, norm);
            }
        };
        self.imgnet.each_part("imgnet.", config, &mut part);
        self.audnet.each_part("audnet.", config, &mut part);
    }

    /// Whether the BatchNorm of a name (`imgnet.layer1.0.bn1`) uses and keeps the batch's
    /// statistics on an autodiff device. Its weights are parameters either way.
    pub fn set_norm_training(&mut self, on: impl Fn(&str) -> bool) {
        self.each_norm(|name, norm| norm.training = norm.training.clone().with_value(on(name)));
    }

    /// Means and variances that the BatchNorms keep, as they are now: a step that turns out bad
    /// can be undone by [`Self::restore_norm_statistics`]. Cheap: no numbers are copied.
    pub fn norm_statistics(&mut self) -> NormStatistics {
        let mut kept = Vec::new();
        self.each_norm(|_, n| kept.push((n.running_mean.value_sync(), n.running_var.value_sync())));
        NormStatistics(kept)
    }

    /// Puts back what [`Self::norm_statistics`] of this network gave.
    pub fn restore_norm_statistics(&mut self, statistics: NormStatistics) {
        let mut kept = statistics.0.into_iter();
        self.each_norm(|_, norm| {
            if let Some((mean, var)) = kept.next() {
                norm.running_mean = RunningState::new(mean);
                norm.running_var = RunningState::new(var);
            }
        });
    }

    /// The number format of its weights.
    pub fn dtype(&self) -> DType {
        self.img_proj.weight.val().dtype()
    }

    /// The device of its weights.
    pub fn device(&self) -> Device {
        self.img_proj.weight.val().device()
    }

    /// `[B, 3, 224, 224]` to the picture trunk's features, `[B, 8 width, 7, 7]`.
    pub fn image_features(&self, images: Tensor<4>) -> Tensor<4> {
        self.imgnet.forward(images)
    }

    /// Features to picture embeddings `[B, dim, 7, 7]`, unit length over dim.
    pub fn project_image(&self, features: Tensor<4>) -> Tensor<4> {
        normalise(self.img_proj.forward(features))
    }

    /// `[B, 1, 257, T]` to the sound trunk's features, the maximum over the whole plane:
    /// `[B, 8 width]`. Any T works.
    pub fn sound_features(&self, spectrograms: Tensor<4>) -> Tensor<2> {
        let x = self.audnet.forward(spectrograms);
        let [b, c, h, w] = x.dims();
        let x: Tensor<3> = x.reshape([b, c, h * w]);
        x.max_dim(2).reshape([b, c])
    }

    /// Features to sound embeddings `[B, dim]`, unit length.
    pub fn project_sound(&self, features: Tensor<2>) -> Tensor<2> {
        normalise(self.aud_proj.forward(features))
    }

    /// Picture embeddings `[B, dim, 7, 7]` of `[B, 3, 224, 224]`, unit length over dim.
    pub fn embed_images(&self, images: Tensor<4>) -> Tensor<4> {
        self.project_image(self.image_features(images))
    }

    /// Sound embeddings `[B, dim]` of `[B, 1, 257, T]`, unit length.
    pub fn embed_sounds(&self, spectrograms: Tensor<4>) -> Tensor<2> {
        self.project_sound(self.sound_features(spectrograms))
    }

    #[cfg(test)]
    pub(crate) fn trunks(&self) -> [&Trunk; 2] {
        [&self.imgnet, &self.audnet]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pseudo-random stream of the specification's golden forward pass.
    struct Stream(u64);

    impl Stream {
        fn next(&mut self) -> f64 {
            self.0 = (1_103_515_245 * self.0 + 12345) % (1 << 31);
            self.0 as f64 / f64::from(1u32 << 31)
        }
    }

    /// The weights of `spec/model.md` section 8: width 8, dimension 16.
    fn golden() -> Checkpoint {
        let mut c = Checkpoint::formula(8, 16, "");
        let mut stream = Stream(1);
        for spec in c.config.state_dict() {
            let t = c.tensors.get_mut(&spec.name).unwrap();
            if crate::model::is_counter(&spec.name) {
                continue;
            }
            let fan_in: usize = spec.shape.iter().skip(1).product();
            for v in &mut t.data {
                let u = stream.next();
                let value = if spec.shape.len() > 1 {
                    (2.0 * u - 1.0) * (6.0 / fan_in as f64).sqrt()
                } else if spec.name.ends_with("proj.bias") {
                    0.1 * (2.0 * u - 1.0)
                } else if spec.name.ends_with("weight") || spec.name.ends_with("running_var") {
                    0.5 + u
                } else {
                    0.2 * (2.0 * u - 1.0)
                };
                *v = value as f32;
            }
        }
        c
    }

    fn inputs(device: &Device) -> (Tensor<4>, Tensor<4>) {
        let mut s = Stream(2);
        let image: Vec<f32> =
            (0..2 * 3 * 224 * 224).map(|_| (4.0 * s.next() - 2.0) as f32).collect();
        let mut s = Stream(3);
        let sound: Vec<f32> = (0..2 * 257 * 200).map(|_| (s.next() - 1.3) as f32).collect();
        (tensor(&image, [2, 3, 224, 224], device), tensor(&sound, [2, 1, 257, 200], device))
    }

    fn floats<const D: usize>(t: Tensor<D>) -> Vec<f32> {
        t.into_data().try_to_vec::<f32>().unwrap()
    }

    fn relative(got: f32, want: f64, scale: f64) {
        assert!((f64::from(got) - want).abs() <= 1e-5 * scale, "{got} instead of {want}");
    }

    #[test]
    fn the_golden_forward_pass_of_the_specification_is_reproduced() {
        let device = Device::flex();
        let model = Fnac::from_checkpoint(&golden(), &device).unwrap();
        let (images, sounds) = inputs(&device);
        // Mean and maximum of each stage, and its first and last value.
        let table = [
            [
                (3.0388282788, 21.7829501897, 1.5356600177, 0.0),
                (8.2131994231, 51.3820262120, 18.0862654169, 0.0),
                (14.6591338709, 148.8656817685, 16.3035614287, 6.4731470189),
                (30.8497683870, 331.9900616850, 11.2962879026, 1.7705369673),
            ],
            [
                (1.9566728699, 12.4224383867, 0.0, 0.0),
                (2.8004650272, 19.0340469044, 0.2110703100, 1.2582858643),
                (9.2838662240, 54.0451826451, 3.7559244829, 0.0),
                (15.7954937283, 137.9749900215, 0.0, 9.4504423641),
            ],
        ];
        for ((trunk, input), rows) in
            model.trunks().into_iter().zip([images.clone(), sounds.clone()]).zip(table)
        {
            for (stage, (mean, max, first, last)) in trunk.stages(input).into_iter().zip(rows) {
                let v = floats(stage);
                let sum: f64 = v.iter().map(|x| f64::from(*x)).sum();
                relative((sum / v.len() as f64) as f32, mean, max);
                relative(v.iter().copied().fold(0.0, f32::max), max, max);
                relative(v[0], first, max);
                relative(v[v.len() - 1], last, max);
            }
        }
        let a = floats(model.embed_sounds(sounds));
        for (got, want) in a.iter().zip([-0.2902950262, 0.0939874704, -0.1500329214, 0.0483116913])
        {
            relative(*got, want, 1.0);
        }
        for (got, want) in
            a[16..].iter().zip([-0.3058982069, 0.0608352619, -0.140229867, 0.0262586106])
        {
            relative(*got, want, 1.0);
        }
        let v = floats(model.embed_images(images));
        let cos = |n: usize, cell: usize| -> f64 {
            (0..16).map(|c| f64::from(v[(16 * n + c) * 49 + cell]) * f64::from(a[16 * n + c])).sum()
        };
        let row0 = [
            -0.2059863504,
            -0.2498235729,
            -0.3595904551,
            -0.4169924911,
            -0.2434661746,
            -0.2243019785,
            -0.1741061005,
        ];
        for (cell, want) in row0.into_iter().enumerate() {
            relative(cos(0, cell) as f32, want, 1.0);
        }
        relative(cos(0, 20) as f32, -0.0071656802, 1.0);
        relative(cos(0, 48) as f32, -0.2483883499, 1.0);
        relative(cos(1, 6) as f32, -0.08249324028315783, 1.0);
        let mean: f64 = (0..49).map(|cell| cos(1, cell)).sum::<f64>() / 49.0;
        relative(mean as f32, -0.24497865064405053, 1.0);
    }

    #[test]
    fn the_folded_network_equals_the_trained_one() {
        let device = Device::flex();
        let model = Fnac::from_checkpoint(&Checkpoint::formula(4, 32, ""), &device).unwrap();
        let folded = model.fold().unwrap();
        let (images, sounds) = inputs(&device);
        let gap = |a: Vec<f32>, b: Vec<f32>| {
            a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        // Unit vectors: 1e-5 is the tolerance of the cosine map.
        let image =
            gap(floats(model.embed_images(images.clone())), floats(folded.embed_images(images)));
        let sound =
            gap(floats(model.embed_sounds(sounds.clone())), floats(folded.embed_sounds(sounds)));
        assert!(image < 1e-5 && sound < 1e-5, "{image} {sound}");
        assert!(folded.fold().is_err(), "a folded network cannot be folded again");
    }

    #[test]
    fn the_state_comes_back_as_it_went_in() {
        let c = Checkpoint::formula(2, 16, "");
        let model = Fnac::from_checkpoint(&c, &Device::flex()).unwrap();
        assert_eq!(model.state().unwrap(), c.tensors);
    }
}
