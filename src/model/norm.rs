//! BatchNorm as PyTorch trains it.

use burn::nn::BatchNorm;
use burn::tensor::Tensor;
use burn::tensor::module::batch_norm_train;

/// `x` through `norm`: with the batch's statistics on an autodiff device while the layer trains,
/// with the kept ones else.
///
/// burn's own forward pass keeps the biased variance of the batch; PyTorch normalises with the
/// biased one and keeps the unbiased one (times n / (n - 1), n = values per channel). The last
/// stage of a batch of 4 has n = 196, so that is half a percent, and more in small pictures.
pub(super) fn normalise_channels(norm: &BatchNorm, x: Tensor<4>) -> Tensor<4> {
    if !(x.device().is_autodiff() && norm.training.is_enabled()) {
        return norm.forward(x);
    }
    let [b, _, h, w] = x.dims();
    let n = (b * h * w) as f64;
    // One value per channel has no variance; PyTorch refuses it, we keep what there is.
    let unbiased = if n > 1.0 { n / (n - 1.0) } else { 1.0 };
    let result = batch_norm_train(x, norm.gamma.val(), norm.beta.val(), norm.epsilon);
    let kept = 1.0 - norm.momentum;
    let mean = norm.running_mean.value_sync() * kept + result.mean.detach() * norm.momentum;
    let fresh = result.variance.detach() * (norm.momentum * unbiased);
    let var = norm.running_var.value_sync() * kept + fresh;
    norm.running_mean.update(mean.detach());
    norm.running_var.update(var.detach());
    result.output
}
