//! Colour and light of a thing.

use super::Dice;

/// How a thing's colours are changed: on the square of colours 0 to 1, `colour = matrix * colour
/// + offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Light {
    matrix: [[f32; 3]; 3],
    offset: [f32; 3],
}

impl Default for Light {
    fn default() -> Self {
        Self { matrix: [[1., 0., 0.], [0., 1., 0.], [0., 0., 1.]], offset: [0.0; 3] }
    }
}

impl Light {
    /// Saturation, contrast and brightness as factors (1 leaves them), and a factor for red,
    /// green and blue each.
    pub fn new(saturation: f32, contrast: f32, brightness: f32, tint: [f32; 3]) -> Self {
        let luma = [0.299, 0.587, 0.114];
        let matrix = std::array::from_fn(|i| {
            std::array::from_fn(|j| {
                let keep = if i == j { saturation } else { 0.0 };
                (luma[j] * (1.0 - saturation) + keep) * contrast * brightness * tint[i]
            })
        });
        let offset = tint.map(|t| 0.5 * (1.0 - contrast) * brightness * t);
        Self { matrix, offset }
    }

    /// Chance variety that leaves a thing recognisable; `strength` 1 is what training uses.
    pub(super) fn varied(dice: &mut Dice, strength: f64) -> Self {
        let mut f = |lo: f64, hi: f64| (1.0 + strength * dice.range(lo, hi)) as f32;
        let (saturation, contrast, brightness) = (f(-0.28, 0.2), f(-0.16, 0.1), f(-0.13, 0.12));
        Self::new(
            saturation,
            contrast,
            brightness,
            [f(-0.07, 0.07), f(-0.05, 0.05), f(-0.07, 0.07)],
        )
    }

    /// This after `first`.
    #[must_use]
    pub fn after(&self, first: &Self) -> Self {
        let dot = |row: &[f32; 3], column: [f32; 3]| {
            row.iter().zip(column).map(|(a, b)| a * b).sum::<f32>()
        };
        let matrix = std::array::from_fn(|i| {
            std::array::from_fn(|j| {
                dot(&self.matrix[i], std::array::from_fn(|k| first.matrix[k][j]))
            })
        });
        let offset = std::array::from_fn(|i| dot(&self.matrix[i], first.offset) + self.offset[i]);
        Self { matrix, offset }
    }

    /// A premultiplied colour, 0 to 255, with its alpha, 0 to 255, changed.
    #[inline]
    pub(super) fn apply(&self, c: [f32; 3], alpha: f32) -> [f32; 3] {
        let m = &self.matrix;
        std::array::from_fn(|i| {
            (m[i][0] * c[0] + m[i][1] * c[1] + m[i][2] * c[2] + self.offset[i] * alpha)
                .clamp(0.0, alpha)
        })
    }
}
