//! Many scores in a few numbers.

/// A picture counts as a success from this score on.
pub const SUCCESS_AT: f64 = 0.5;
/// The area under the curve is taken over `0.05 * k`, `k = 0..=20`.
pub const AUC_THRESHOLDS: usize = 21;

/// What is said about a set of pictures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Pictures.
    pub n: usize,
    /// Share with a score of at least 0.5; papers print it as "cIoU".
    pub success_at_0_5: f64,
    /// Mean of the scores.
    pub mean_ciou: f64,
    /// Area under the curve of success over the threshold.
    pub auc: f64,
}

impl Summary {
    /// `None` without any score: a share of nothing is no number. A score that is not a number
    /// counts as 0.
    pub fn of(scores: &[f64]) -> Option<Self> {
        let scores: Vec<f64> = scores.iter().map(|s| if s.is_nan() { 0.0 } else { *s }).collect();
        Some(Self {
            n: scores.len(),
            success_at_0_5: success_rate(&scores, SUCCESS_AT)?,
            mean_ciou: mean(&scores)?,
            auc: auc(&scores)?,
        })
    }
}

/// Share of the scores of at least `at`; `None` without scores.
pub fn success_rate(scores: &[f64], at: f64) -> Option<f64> {
    let hits = scores.iter().filter(|s| **s >= at).count();
    (!scores.is_empty()).then(|| hits as f64 / scores.len() as f64)
}

/// Mean; `None` without scores.
pub fn mean(scores: &[f64]) -> Option<f64> {
    (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
}

/// Trapezoids under the success rate at `0.05 * k` (the `f64` product, which lies a hair above the
/// decimal for `k` = 3, 6, 7, 12, 14, 17, 19); `None` without scores.
pub fn auc(scores: &[f64]) -> Option<f64> {
    let x = |k: usize| 0.05 * k as f64;
    let y: Vec<f64> =
        (0..AUC_THRESHOLDS).map(|k| success_rate(scores, x(k))).collect::<Option<_>>()?;
    let piece = |(k, pair): (usize, &[f64])| (x(k + 1) - x(k)) * pair.iter().sum::<f64>() / 2.0;
    Some(y.windows(2).enumerate().map(piece).sum())
}
