//! The shape of the network: which tensors it has, by width and dimension.

/// Residual blocks of the four stages of a ResNet-18.
const RESNET_18: [usize; 4] = [2; 4];

/// Size of a network. The official one is width 64, dimension 512, two blocks per stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FnacConfig {
    /// Channels of a trunk's first stage; the stages have w, 2w, 4w, 8w.
    pub width: usize,
    /// Length of the embeddings; of an object tower, its 8w channels.
    pub dim: usize,
    /// Residual blocks of the four stages; `[2, 2, 2, 2]` is a ResNet-18.
    pub depth: [usize; 4],
}

/// Where a residual block stands in its trunk, and what it does to the channels.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockPlace {
    /// Stage, from 0; `layer1` is stage 0.
    pub stage: usize,
    /// Place in the stage.
    pub index: usize,
    /// Channels that come in.
    pub channels_in: usize,
    /// Channels that go out.
    pub channels: usize,
    /// Of the first convolution; 2 halves the plane and needs a shortcut of its own.
    pub stride: usize,
}

impl BlockPlace {
    /// `layer2.0`.
    pub fn name(self) -> String {
        format!("layer{}.{}", self.stage + 1, self.index)
    }
}

/// One tensor of a state dict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Name in the official code, without `module.`.
    pub name: String,
    /// Extents, outermost first; empty for a counter.
    pub shape: Vec<usize>,
}

/// Whether a tensor is one of BatchNorm's batch counters: an int64 scalar that nothing reads.
pub fn is_counter(name: &str) -> bool {
    name.ends_with("num_batches_tracked")
}

impl FnacConfig {
    /// The paper's network.
    pub const OFFICIAL: Self = Self::new(64, 512);

    /// A network over ResNet-18 trunks.
    pub const fn new(width: usize, dim: usize) -> Self {
        Self { width, dim, depth: RESNET_18 }
    }

    /// The blocks of a trunk, in order.
    pub(super) fn blocks(self) -> impl Iterator<Item = BlockPlace> {
        let Self { width, depth, .. } = self;
        depth.into_iter().enumerate().flat_map(move |(stage, blocks)| {
            (0..blocks).map(move |index| {
                let channels = width << stage;
                let first = stage > 0 && index == 0;
                BlockPlace {
                    stage,
                    index,
                    channels_in: if first { channels / 2 } else { channels },
                    channels,
                    stride: if first { 2 } else { 1 },
                }
            })
        })
    }

    /// Channels of a trunk's last stage: 8w.
    pub fn features(self) -> usize {
        8 * self.width
    }

    /// The 244 entries of the state dict in the official order.
    pub fn state_dict(self) -> Vec<TensorSpec> {
        let mut list = Vec::with_capacity(244);
        push_trunk(&mut list, "imgnet.", 3, self);
        push(&mut list, "img_proj.weight", &[self.dim, self.features(), 1, 1]);
        push(&mut list, "img_proj.bias", &[self.dim]);
        push_trunk(&mut list, "audnet.", 1, self);
        push(&mut list, "aud_proj.weight", &[self.dim, self.features()]);
        push(&mut list, "aud_proj.bias", &[self.dim]);
        list
    }

    /// The 120 entries of an object tower (torchvision's resnet18 without its `fc`).
    pub fn object_state_dict(self) -> Vec<TensorSpec> {
        let mut list = Vec::with_capacity(120);
        push_trunk(&mut list, "", 3, self);
        list
    }

    /// Trained parameters (running statistics and counters left out).
    pub fn parameters(self) -> usize {
        let trained = |s: &&TensorSpec| !is_counter(&s.name) && !s.name.contains(".running_");
        self.state_dict().iter().filter(trained).map(|s| s.shape.iter().product::<usize>()).sum()
    }
}

fn push(list: &mut Vec<TensorSpec>, name: impl Into<String>, shape: &[usize]) {
    list.push(TensorSpec { name: name.into(), shape: shape.to_vec() });
}

fn push_norm(list: &mut Vec<TensorSpec>, name: &str, channels: usize) {
    for part in ["weight", "bias", "running_mean", "running_var"] {
        push(list, format!("{name}.{part}"), &[channels]);
    }
    push(list, format!("{name}.num_batches_tracked"), &[]);
}

fn push_trunk(list: &mut Vec<TensorSpec>, prefix: &str, channels_in: usize, config: FnacConfig) {
    push(list, format!("{prefix}conv1.weight"), &[config.width, channels_in, 7, 7]);
    push_norm(list, &format!("{prefix}bn1"), config.width);
    for place in config.blocks() {
        let (before, channels) = (place.channels_in, place.channels);
        let name = format!("{prefix}{}", place.name());
        push(list, format!("{name}.conv1.weight"), &[channels, before, 3, 3]);
        push_norm(list, &format!("{name}.bn1"), channels);
        push(list, format!("{name}.conv2.weight"), &[channels, channels, 3, 3]);
        push_norm(list, &format!("{name}.bn2"), channels);
        if place.stride == 2 {
            push(list, format!("{name}.downsample.0.weight"), &[channels, before, 1, 1]);
            push_norm(list, &format!("{name}.downsample.1"), channels);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_counts_equal_the_specifications_table() {
        for (width, dim, total) in
            [(64, 512, 22_872_064), (32, 256, 5_726_208), (16, 128, 1_435_648), (8, 64, 360_960)]
        {
            assert_eq!(FnacConfig::new(width, dim).parameters(), total);
        }
    }

    #[test]
    fn there_are_244_entries_in_the_official_order() {
        let list = FnacConfig::OFFICIAL.state_dict();
        assert_eq!(list.len(), 244);
        assert_eq!(list[0].name, "imgnet.conv1.weight");
        assert_eq!(list[0].shape, [64, 3, 7, 7]);
        assert_eq!(list[120].name, "img_proj.weight");
        assert_eq!(list[243].name, "aud_proj.bias");
        assert_eq!(list.iter().filter(|s| is_counter(&s.name)).count(), 40);
        assert_eq!(FnacConfig::OFFICIAL.object_state_dict().len(), 120);
    }
}
