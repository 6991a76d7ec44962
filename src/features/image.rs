//! 8-bit pictures to the network's normalised tensor.

use super::{INPUT_SIDE, resize_bicubic};
use crate::units::RgbPicture;

/// ImageNet channel means of x/255, red, green, blue.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// ImageNet channel standard deviations of x/255.
const STD: [f32; 3] = [0.229, 0.224, 0.225];

/// The network's input for a picture of any size and aspect: [`resize_bicubic`] to 224x224
/// (aspect not kept, as in training), then [`image_tensor`]. Returns `[3, 224, 224]`.
pub fn image_input(src: &RgbPicture) -> Vec<f32> {
    if (src.width(), src.height()) == (INPUT_SIDE, INPUT_SIDE) {
        return image_tensor(src);
    }
    image_tensor(&resize_bicubic(src, INPUT_SIDE, INPUT_SIDE))
}

/// `(u8 / 255 - mean) / std` per channel, in f32 in that order.
///
/// Returns `[3, h, w]` row-major with channels red, green, blue. Any size is taken; the network
/// wants 224x224.
pub fn image_tensor(resized_224: &RgbPicture) -> Vec<f32> {
    let plane = resized_224.data().len() / 3;
    let mut out = vec![0.0; 3 * plane];
    // 256 levels per channel: the same arithmetic as per pixel, done once.
    for (channel, plane) in out.chunks_exact_mut(plane.max(1)).enumerate().take(3) {
        let levels: [f32; 256] =
            std::array::from_fn(|v| (v as f32 / 255.0 - MEAN[channel]) / STD[channel]);
        for (to, pixel) in plane.iter_mut().zip(resized_224.data().chunks_exact(3)) {
            *to = levels[usize::from(pixel[channel])];
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_come_apart_in_rgb_order_and_are_normalised() {
        let p = RgbPicture::new(2, 1, vec![0, 128, 255, 10, 20, 30]).unwrap();
        let t = image_tensor(&p);
        let want = [
            (0.0 / 255.0 - 0.485) / 0.229,
            (10.0 / 255.0 - 0.485) / 0.229,
            (128.0 / 255.0 - 0.456) / 0.224,
            (20.0 / 255.0 - 0.456) / 0.224,
            (255.0 / 255.0 - 0.406) / 0.225,
            (30.0 / 255.0 - 0.406) / 0.225f32,
        ];
        assert_eq!(t, want);
    }

    #[test]
    fn every_picture_becomes_three_planes_of_224() {
        for (w, h) in [(1, 1), (224, 224), (3, 700)] {
            let p = RgbPicture::new(w, h, vec![7; (3 * w * h) as usize]).unwrap();
            assert_eq!(image_input(&p).len(), 3 * 224 * 224);
        }
    }
}
