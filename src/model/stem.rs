//! The first convolution of a trunk, where burn's own is slow.

use burn::nn::conv::Conv2d;
use burn::tensor::{DType, Device, Tensor, TensorData};
use rayon::prelude::*;

/// Patches are not laid out above this size; a batch of 32 pictures takes 236 MB.
const MOST_BYTES: usize = 1 << 30;

/// `conv` of `x`, the network's input.
///
/// While training on the CPU the patches are laid out once, and forward pass and weight gradient
/// are one matrix multiplication each. burn's CPU backend computes a convolution of few channels
/// in (3 or 1) and out (up to 16) without one, and the weight's gradient as a convolution with a
/// kernel of the size of the plane: at width 16 that was half of a whole training step, and its
/// rounding put the golden gradients up to 2e-3 away from PyTorch's (4e-5 now). The input needs
/// no gradient, so nothing is lost. Everywhere else this is burn's convolution.
pub(super) fn stem(conv: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    match patches(conv, &x) {
        Some((patches, [oh, ow])) => {
            let [b, _, _] = patches.dims();
            let weight = conv.weight.val();
            let [out, channels, k, _] = weight.dims();
            let weight: Tensor<3> = weight.reshape([1, out, channels * k * k]);
            let y = weight.expand([b, out, channels * k * k]).matmul(patches);
            y.reshape([b, out, oh, ow])
        }
        None => conv.forward(x),
    }
}

/// The patches of `x`, `[B, C k k, oh ow]`, and the plane's sides; `None` where burn's own
/// convolution is to be used.
fn patches(conv: &Conv2d, x: &Tensor<4>) -> Option<(Tensor<3>, [usize; 2])> {
    let device = x.device();
    let on_cpu = device.is_autodiff() && device.clone().without_autodiff() == Device::flex();
    if !on_cpu || x.is_tracked() || x.dtype() != DType::F32 || conv.bias.is_some() {
        return None;
    }
    let [b, channels, h, w] = x.dims();
    let [_, _, k, _] = conv.weight.dims();
    // The stem's: stride 2, padded by half of an odd kernel.
    let sides = [h, w].map(|side| (side + 2 * (k / 2)).checked_sub(k).map(|n| n / 2 + 1));
    let [Some(oh), Some(ow)] = sides else { return None };
    let len = b.checked_mul(channels * k * k)?.checked_mul(oh * ow)?;
    if len.checked_mul(size_of::<f32>())? > MOST_BYTES {
        return None;
    }
    let input = x.clone().try_into_data().ok()?.try_to_vec::<f32>().ok()?;
    let mut out = vec![0.0f32; len];
    let planes = out.par_chunks_exact_mut(k * k * oh * ow).zip(input.par_chunks_exact(h * w));
    planes.for_each(|(patches, plane)| lay_out(patches, plane, [h, w], k, [oh, ow]));
    let data = TensorData::new(out, [b, channels * k * k, oh * ow]);
    Some((Tensor::from_data(data, &device), [oh, ow]))
}

/// One plane's patches for stride 2: row (ky, kx) holds what that place of the kernel sees at
/// each output. `patches` is zero before.
fn lay_out(patches: &mut [f32], plane: &[f32], [h, w]: [usize; 2], k: usize, [oh, ow]: [usize; 2]) {
    let pad = k / 2;
    // Columns of one parity side by side: what a place of the kernel sees in a row of outputs is
    // then one run.
    let half = w.div_ceil(2);
    let mut parted = vec![0.0; h * 2 * half];
    for (row, parts) in plane.chunks_exact(w).zip(parted.chunks_exact_mut(2 * half)) {
        let (even, odd) = parts.split_at_mut(half);
        even.iter_mut().zip(row.iter().step_by(2)).for_each(|(to, v)| *to = *v);
        odd.iter_mut().zip(row.iter().skip(1).step_by(2)).for_each(|(to, v)| *to = *v);
    }
    for (place, rows) in patches.chunks_exact_mut(oh * ow).enumerate() {
        let (ky, kx) = (place / k, place % k);
        // Output o sees column 2 o + kx - pad = 2 (o + shift) + parity.
        let from = kx as isize - pad as isize;
        let (parity, shift) = (from.rem_euclid(2) as usize, from.div_euclid(2));
        // Columns of this parity that there are.
        let there = (w - parity.min(w)).div_ceil(2) as isize;
        let first = (-shift).clamp(0, ow as isize);
        let end = (there - shift).clamp(first, ow as isize);
        if first == end {
            continue;
        }
        for (oy, row) in rows.chunks_exact_mut(ow).enumerate() {
            let Some(y) = (2 * oy + ky).checked_sub(pad).filter(|y| *y < h) else { continue };
            let source = &parted[(2 * y + parity) * half..][..half];
            let seen = &source[(first + shift) as usize..(end + shift) as usize];
            row[first as usize..end as usize].copy_from_slice(seen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::PaddingConfig2d;
    use burn::nn::conv::Conv2dConfig;
    use burn::tensor::Distribution;

    fn floats<const D: usize>(t: Tensor<D>) -> Vec<f32> {
        t.into_data().try_to_vec::<f32>().unwrap()
    }

    #[test]
    fn it_is_burns_convolution_with_its_gradient() {
        let device = Device::flex().autodiff();
        for (channels, h, w) in [(3, 224, 224), (1, 257, 200), (1, 33, 47), (2, 8, 7), (1, 1, 1)] {
            let conv = Conv2dConfig::new([channels, 6], [7, 7])
                .with_stride([2, 2])
                .with_padding(PaddingConfig2d::Explicit(3, 3, 3, 3))
                .with_bias(false)
                .init(&device);
            let x = Tensor::random([2, channels, h, w], Distribution::Normal(0.0, 1.0), &device);
            assert!(patches(&conv, &x).is_some());
            let (own, burn) = (stem(&conv, x.clone()), conv.forward(x));
            assert_eq!(own.dims(), burn.dims());
            let up = Tensor::random(own.dims(), Distribution::Normal(0.0, 1.0), &device).detach();
            let slope = |y: Tensor<4>| {
                let grads = (y * up.clone()).sum().backward();
                floats(conv.weight.val().grad(&grads).unwrap())
            };
            let values = (floats(own.clone()), floats(burn.clone()));
            let slopes = (slope(own), slope(burn));
            for (a, b) in [values, slopes] {
                // Up to 25,000 products of size 1 in f32, in another order.
                let largest = b.iter().fold(1.0f32, |m, v| m.max(v.abs()));
                let gap = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(gap < 1e-5 * largest, "{channels} {h} {w}: {gap} of {largest}");
            }
        }
    }

    #[test]
    fn burns_own_is_used_where_it_serves() {
        let device = Device::flex().autodiff();
        let conv = Conv2dConfig::new([1, 2], [7, 7]).with_bias(false).init(&device);
        let x: Tensor<4> = Tensor::zeros([1, 1, 16, 16], &device);
        assert!(patches(&conv, &x).is_some());
        assert!(patches(&conv, &x.clone().require_grad()).is_none(), "its gradient is wanted");
        assert!(patches(&conv, &x.clone().cast(DType::F64)).is_none());
        let plain: Tensor<4> = Tensor::zeros([1, 1, 16, 16], &Device::flex());
        assert!(patches(&conv, &plain).is_none(), "nothing is trained");
    }
}
