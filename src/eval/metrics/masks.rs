//! From values to the pixels that count as the answer.

use crate::overlay::half_threshold;

/// A mask and the value that made it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cut {
    /// Pixels from this value on (or above it) are inside.
    pub threshold: f32,
    /// Row-major.
    pub mask: Vec<bool>,
}

impl Cut {
    /// Pixels inside.
    pub fn count(&self) -> usize {
        self.mask.iter().filter(|m| **m).count()
    }
}

/// What happens to pixels that are exactly as high as the threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ties {
    /// They are outside (`>`), as in the reference: without ties the mask has one pixel less than
    /// the truth.
    #[default]
    Outside,
    /// They are inside (`>=`).
    Inside,
    /// The first ones in row-major order are inside, so that the mask has exactly as many pixels
    /// as wanted.
    InOrder,
}

/// `(x - min) / (max - min)` in `f32`; a constant map stays as it is, one with any value that is
/// not finite becomes all not-a-number.
pub fn stretched(values: &[f32]) -> Vec<f32> {
    if values.iter().any(|v| !v.is_finite()) {
        return vec![f32::NAN; values.len()];
    }
    let (lo, hi) = values
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), v| (lo.min(*v), hi.max(*v)));
    if lo < hi { values.iter().map(|v| (v - lo) / (hi - lo)).collect() } else { values.to_vec() }
}

/// The official mix of sound map and object prior: both stretched, `alpha` of the first and the
/// rest of the second, not yet stretched again.
pub fn blended(map: &[f32], prior: &[f32], alpha: f64) -> Vec<f32> {
    let (a, b) = (alpha as f32, (1.0 - alpha) as f32);
    let mix = |(m, p): (&f32, &f32)| m * a + p * b;
    stretched(map).iter().zip(&stretched(prior)).map(mix).collect()
}

/// The official mask: the greater half, `sorted[n / 2]`, `>=`. Ties enlarge it; a constant map is
/// all mask.
pub fn half_map(values: &[f32]) -> Cut {
    let threshold = half_threshold(values);
    Cut { threshold, mask: values.iter().map(|v| *v >= threshold).collect() }
}

/// As many pixels as the truth has: `sorted[len - wanted]`; half of them where the truth is empty.
pub fn adaptive(values: &[f32], wanted: usize, ties: Ties) -> Cut {
    let n = values.len();
    let wanted = if wanted == 0 { n / 2 } else { wanted.min(n) };
    if n == 0 || values.iter().any(|v| v.is_nan()) {
        return Cut { threshold: f32::NAN, mask: vec![false; n] };
    }
    let mut sorted = values.to_vec();
    let k = (n - wanted).min(n - 1);
    let (_, threshold, _) = sorted.select_nth_unstable_by(k, f32::total_cmp);
    let threshold = *threshold;
    let mask = match ties {
        Ties::Outside => values.iter().map(|v| *v > threshold).collect(),
        Ties::Inside => values.iter().map(|v| *v >= threshold).collect(),
        Ties::InOrder => {
            let above = values.iter().filter(|v| **v > threshold).count();
            let mut left = wanted.saturating_sub(above);
            let mut take = |v: &f32| {
                let tie = *v == threshold && left > 0;
                left -= usize::from(tie);
                *v > threshold || tie
            };
            values.iter().map(&mut take).collect()
        }
    };
    Cut { threshold, mask }
}

/// Everything above one cosine, for maps that are not stretched.
pub fn fixed(values: &[f32], theta: f32) -> Cut {
    Cut { threshold: theta, mask: values.iter().map(|v| *v > theta).collect() }
}
