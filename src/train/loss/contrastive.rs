//! The contrastive term: each picture finds its sound and each sound its picture.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

use super::{LossTerm, Parts};

/// See [`LossTerm`].
pub const TERM: LossTerm = LossTerm {
    column: "contrastive",
    label: "picture finds sound, sound finds picture",
    weight: 1.0,
    from_the_start: true,
    compute: |parts| {
        let [pictures, sounds] = halves(parts);
        pictures + sounds
    },
};

/// The two cross entropies: a picture among the batch's sounds (with the no-source sounds as
/// further wrong answers), and a sound among the batch's pictures. Their plain sum is the term,
/// 2 ln B for a network that knows nothing.
pub fn halves(parts: &Parts) -> [Tensor<1>; 2] {
    let by_picture = log_softmax(parts.logits_with_extra(), 1);
    let by_sound = log_softmax(parts.logits(), 0);
    [by_picture, by_sound].map(|log_p| -diagonal(log_p).mean())
}

/// The first of the [`halves`], read from the device; `None` when the device does not give it.
pub fn picture_half(parts: &Parts) -> Option<f64> {
    let by_picture = -diagonal(log_softmax(parts.logits_with_extra().detach(), 1)).mean();
    by_picture.try_into_data().ok()?.convert::<f64>().try_to_vec::<f64>().ok()?.first().copied()
}

/// Entries (i, i), `[B, 1]`.
fn diagonal(m: Tensor<2>) -> Tensor<2> {
    let rows = m.dims()[0] as i64;
    let own: Tensor<1, Int> = Tensor::arange(0..rows, &m.device());
    m.gather(1, own.reshape([rows, 1]))
}
