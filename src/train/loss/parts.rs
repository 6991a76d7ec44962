//! The matrices of one batch that all terms are made of.

use burn::tensor::activation::softmax;
use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};

/// Keeps the own map's scaling finite where the map is constant, as in the official code.
const FLAT: f64 = 1e-5;

/// How the cells' cosines with a sound become one number for the pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The best cell counts alone: the official rule.
    #[default]
    Max,
    /// ln of the mean of exp over the cells: every cell gets gradient, which is what starts a
    /// narrow network. Never above the maximum, and ln(cells) below it at most.
    LogSumExp,
}

/// How [`Parts`] are computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PartsOptions {
    /// Temperature: cosines are divided by it. The official one is 0.03.
    pub tau: f64,
    /// A cell is foreground where the own map, scaled to 0..1, is above this; officially 0.6.
    pub foreground: f64,
    /// How a pair's logit comes from its map.
    pub pooling: Pooling,
}

impl Default for PartsOptions {
    fn default() -> Self {
        Self { tau: 0.03, foreground: 0.6, pooling: Pooling::Max }
    }
}

/// What a batch of embeddings says about who belongs to whom.
///
/// Sounds beyond the number of pictures have no source in any picture: silence, noise. They are
/// further wrong answers of the contrastive term and take part in nothing else.
pub struct Parts {
    options: PartsOptions,
    /// `[B, d, P]`.
    image: Tensor<3>,
    /// `[B, d]`.
    sound: Tensor<2>,
    /// `[B, B + extra]`, row = picture, column = sound.
    logits: Tensor<2>,
    /// `[B, P]`, 1 where a picture's own sound is seen, else 0; no gradient.
    foreground: Tensor<2>,
    /// The pictures' own maps, `[B, P]`, cosine; no gradient.
    own_maps: Tensor<2>,
}

impl Parts {
    /// From unit embeddings of pictures `[B, d, h, w]` and sounds `[B + extra, d]`, the first B of
    /// which belong to the pictures in order.
    ///
    /// # Errors
    /// When the shapes do not fit, in words.
    pub fn new(image: Tensor<4>, sound: Tensor<2>, options: PartsOptions) -> Result<Self, String> {
        let [b, d, h, w] = image.dims();
        let [n, sound_d] = sound.dims();
        if d != sound_d || n < b || b == 0 || h * w == 0 {
            return Err(format!(
                "{b} pictures [{d}, {h}, {w}] and {n} sounds [{sound_d}] make no batch: one sound \
                 per picture and embeddings of one length are needed"
            ));
        }
        let p = h * w;
        let image: Tensor<3> = image.reshape([b, d, p]);
        let own_sound = sound.clone().slice([0..b, 0..d]);
        let own_maps = own_maps(image.clone().detach(), own_sound.clone().detach());
        let foreground = foreground(own_maps.clone() / options.tau, options.foreground);
        // [B * P, d] x [d, N]: one multiplication for all pairs.
        let cells: Tensor<2> = image.clone().swap_dims(1, 2).reshape([b * p, d]);
        let maps: Tensor<3> = cells.matmul(sound.transpose()).reshape([b, p, n]).swap_dims(1, 2);
        let logits = pool(maps / options.tau, options.pooling);
        Ok(Self { options, image, sound: own_sound, logits, foreground, own_maps })
    }

    /// The same numbers without their history: what is computed from them costs no gradient and
    /// keeps no memory of the network.
    pub fn detached(&self) -> Self {
        Self {
            options: self.options,
            image: self.image.clone().detach(),
            sound: self.sound.clone().detach(),
            logits: self.logits.clone().detach(),
            foreground: self.foreground.clone().detach(),
            own_maps: self.own_maps.clone().detach(),
        }
    }

    /// Pictures in the batch.
    pub fn batch(&self) -> usize {
        self.image.dims()[0]
    }

    /// Logits of pictures (rows) and their sounds (columns), `[B, B]`.
    pub fn logits(&self) -> Tensor<2> {
        let b = self.batch();
        self.logits.clone().slice([0..b, 0..b])
    }

    /// The same with the sounds that have no source as further columns.
    pub fn logits_with_extra(&self) -> Tensor<2> {
        self.logits.clone()
    }

    /// The pictures' own maps, `[B, P]`, cosine; no gradient.
    pub fn own_maps(&self) -> Tensor<2> {
        self.own_maps.clone()
    }

    /// 1 where a picture's own sound is seen, else 0, `[B, P]`; no gradient.
    pub fn foreground(&self) -> Tensor<2> {
        self.foreground.clone()
    }

    /// Whom a picture takes for its sound: rows sum to 1.
    pub fn cross_adjacency(&self) -> Tensor<2> {
        softmax(self.logits(), 1)
    }

    /// How much sounds are alike: rows sum to 1.
    pub fn sound_adjacency(&self) -> Tensor<2> {
        self.adjacency(self.sound.clone())
    }

    /// How much whole pictures are alike: rows sum to 1. The mean over the cells is not scaled
    /// to unit length, as in the official code.
    pub fn image_adjacency(&self) -> Tensor<2> {
        let [b, d, _] = self.image.dims();
        self.adjacency(self.image.clone().mean_dim(2).reshape([b, d]))
    }

    /// How much the foregrounds are alike: rows sum to 1. The sum over the foreground's cells is
    /// divided by the number of all cells, as in the official code.
    pub fn foreground_adjacency(&self) -> Tensor<2> {
        let [b, d, p] = self.image.dims();
        let mask: Tensor<3> = self.foreground.clone().reshape([b, 1, p]);
        self.adjacency((self.image.clone() * mask).mean_dim(2).reshape([b, d]))
    }

    /// Cosine of every two sounds, `[B, B]`.
    pub fn sound_cosines(&self) -> Tensor<2> {
        self.sound.clone().matmul(self.sound.clone().transpose())
    }

    /// Cosine of every two pictures' mean features, `[B, B]`; 0 where a mean vanishes.
    pub fn image_cosines(&self) -> Tensor<2> {
        let [b, d, _] = self.image.dims();
        let mean: Tensor<2> = self.image.clone().mean_dim(2).reshape([b, d]);
        let length = mean.clone().powi_scalar(2).sum_dim(1).sqrt().clamp_min(1e-12);
        let unit = mean / length;
        unit.clone().matmul(unit.transpose())
    }

    fn adjacency(&self, x: Tensor<2>) -> Tensor<2> {
        softmax(x.clone().matmul(x.transpose()) / self.options.tau, 1)
    }
}

/// Cosines of each picture's cells with its own sound, `[B, P]`.
fn own_maps(image: Tensor<3>, sound: Tensor<2>) -> Tensor<2> {
    let [b, d, p] = image.dims();
    let sound: Tensor<3> = sound.reshape([b, d, 1]);
    (image * sound).sum_dim(1).reshape([b, p])
}

/// 1 where the map, scaled to 0..1, is above `threshold`. The scaling works on cosine / tau, so
/// that the constant in the denominator means what it does in the official code.
fn foreground(maps: Tensor<2>, threshold: f64) -> Tensor<2> {
    let low = maps.clone().min_dim(1);
    let high = maps.clone().max_dim(1);
    let scaled = (maps.clone() - low.clone()) / (high - low + FLAT);
    let dtype = maps.dtype();
    scaled.greater_elem(threshold).float().cast(dtype)
}

/// Over the last axis of `[B, N, P]`.
fn pool(maps: Tensor<3>, pooling: Pooling) -> Tensor<2> {
    let [b, n, p] = maps.dims();
    let pooled = match pooling {
        Pooling::Max => first_max(maps),
        Pooling::LogSumExp => {
            let high = maps.clone().detach().max_dim(2);
            let sum = (maps - high.clone()).exp().sum_dim(2);
            sum.log() + high - (p as f64).ln()
        }
    };
    pooled.reshape([b, n])
}

/// The maximum over the last axis; its gradient goes to the first maximal place alone.
///
/// A device's own maximum may choose any of equal places (nothing in burn promises the first), so
/// the place is chosen by integer arithmetic here.
fn first_max(x: Tensor<3>) -> Tensor<3> {
    let [b, n, p] = x.dims();
    let fixed = x.clone().detach();
    let high = fixed.clone().max_dim(2);
    let elsewhere = fixed.not_equal(high.clone().expand([b, n, p]));
    let places: Tensor<1, Int> = Tensor::arange(0..p as i64, &x.device());
    let places: Tensor<3, Int> = places.reshape([1, 1, p as i64]).expand([b, n, p]);
    // Where nothing equals the maximum it is no number: the last place stands for all.
    let first = places.mask_fill(elsewhere, p as i64 - 1).min_dim(2);
    let picked = x.gather(2, first);
    // Adds 0, or what is no number.
    let poison = high - picked.clone().detach();
    picked + poison.detach()
}
