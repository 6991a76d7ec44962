//! Twin of `picture_at` in `shaders/picture.wgsl`.

use crate::units::RgbPicture;

/// Source pixels averaged per axis at most; a picture that is made more than 16 times smaller is
/// sampled by boxes of 16.
const MAX_TAPS: f32 = 16.0;

/// Which source pixels each target pixel of one axis averages, and how much of each.
pub(super) struct Axis {
    spans: Vec<(u32, u32)>,
    weights: Vec<f32>,
    /// Index into `weights` where each span begins.
    starts: Vec<u32>,
}

impl Axis {
    /// Spans of the target pixels `range` over `len` source pixels; fraction = scale * px + bias.
    pub(super) fn new(
        scale: f32,
        bias: f32,
        len: u32,
        sharp: bool,
        range: std::ops::Range<usize>,
    ) -> Self {
        let size = len as f32;
        let smallest = if sharp { 1e-3 } else { 1.0 };
        let width = (scale * size).clamp(smallest, MAX_TAPS);
        let (mut spans, mut weights, mut starts) = (Vec::new(), Vec::new(), Vec::new());
        for x in range {
            let u = (x as f32 + 0.5) * scale + bias;
            let lo = u * size - 0.5 * width;
            let hi = lo + width;
            let (first, last) = (lo.floor() as i64, hi.ceil() as i64 - 1);
            starts.push(weights.len() as u32);
            let clamp = |i: i64| i.clamp(0, i64::from(len) - 1) as u32;
            // Pixels beyond the edge repeat it: their weight goes to the edge pixel.
            let (a, b) = (clamp(first), clamp(last));
            let base = weights.len();
            weights.resize(base + (b - a + 1) as usize, 0.0);
            for i in first..=last {
                let w = hi.min((i + 1) as f32) - lo.max(i as f32);
                weights[base + (clamp(i) - a) as usize] += w / width;
            }
            // A target pixel that lies on one source pixel takes it alone.
            let best = weights[base..].iter().position(|w| *w > 0.999);
            if let Some(k) = best {
                weights.truncate(base);
                weights.push(1.0);
                spans.push((a + k as u32, 1));
            } else {
                spans.push((a, b - a + 1));
            }
        }
        Self { spans, weights, starts }
    }

    fn taps(&self, i: usize) -> (u32, &[f32]) {
        let (first, n) = self.spans[i];
        (first, &self.weights[self.starts[i] as usize..][..n as usize])
    }
}

/// Colour of the target pixel with index `i` along x and index 0 along y, components 0 to 1.
pub(super) fn colour(picture: &RgbPicture, x: &Axis, i: usize, y: &Axis) -> [f32; 3] {
    let (row0, wy) = y.taps(0);
    let (col0, wx) = x.taps(i);
    let stride = 3 * picture.width() as usize;
    let mut sum = [0.0f32; 3];
    for (j, wy) in wy.iter().enumerate() {
        let at = (row0 as usize + j) * stride + 3 * col0 as usize;
        let texels = &picture.data()[at..at + 3 * wx.len()];
        for (t, wx) in texels.chunks_exact(3).zip(wx) {
            let w = wx * wy;
            sum[0] += w * f32::from(t[0]);
            sum[1] += w * f32::from(t[1]);
            sum[2] += w * f32::from(t[2]);
        }
    }
    sum.map(|v| v * (1.0 / 255.0))
}
