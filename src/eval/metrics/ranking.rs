//! How well one number tells two groups apart, and how sure a share is.

/// The probability that a value of `high` is above one of `low`, ties counting half: the area
/// under the ROC curve. `None` where a group is empty; what is not a number stands below all.
pub fn auroc(high: &[f32], low: &[f32]) -> Option<f64> {
    if high.is_empty() || low.is_empty() {
        return None;
    }
    let number = |v: &f32| if v.is_nan() { f32::NEG_INFINITY } else { *v };
    let mut sorted: Vec<f32> = low.iter().map(number).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let wins: f64 = high
        .iter()
        .map(number)
        .map(|v| {
            let below = sorted.partition_point(|w| *w < v);
            let up_to = sorted.partition_point(|w| *w <= v);
            (below + up_to) as f64 / 2.0
        })
        .sum();
    Some(wins / (high.len() as f64 * low.len() as f64))
}

/// The value below which `share` of the values lie, linearly between them; `None` without
/// values. What is not a number is left out.
pub fn quantile(values: &[f32], share: f64) -> Option<f32> {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = share.clamp(0.0, 1.0) * last as f64;
    let (low, part) = (at.floor() as usize, at.fract() as f32);
    let (a, b) = (sorted[low], sorted[(low + 1).min(last)]);
    // Equal ends first: infinite ones have no difference.
    Some(if a == b { a } else { a + (b - a) * part })
}

/// Wilson's interval in which a share lies with 95 %, seen `hits` times of `n`: 0 to 1, all of it
/// where nothing was seen.
pub fn interval95(hits: usize, n: usize) -> [f64; 2] {
    const Z: f64 = 1.959_964;
    if n == 0 {
        return [0.0, 1.0];
    }
    let (n, p) = (n as f64, hits as f64 / n as f64);
    let middle = p + Z * Z / (2.0 * n);
    let reach = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    [((middle - reach) / scale).max(0.0), ((middle + reach) / scale).min(1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_groups_are_told_apart_as_counted_by_hand() {
        assert_eq!(auroc(&[2.0, 3.0], &[0.0, 1.0]), Some(1.0));
        assert_eq!(auroc(&[0.0, 1.0], &[2.0, 3.0]), Some(0.0));
        assert_eq!(auroc(&[1.0, 2.0], &[1.0, 2.0]), Some(0.5));
        // Of 6 pairs: 3 won by 3.0, of 1.0 one won and one tied.
        assert_eq!(auroc(&[3.0, 1.0], &[0.0, 1.0, 2.0]), Some(4.5 / 6.0));
        assert_eq!(auroc(&[], &[1.0]), None);
        assert_eq!(auroc(&[f32::NAN], &[0.0]), Some(0.0));
        assert_eq!(auroc(&[1.0], &[f32::NAN]), Some(1.0));
    }

    #[test]
    fn quantiles_lie_between_values() {
        let v = [4.0, 1.0, f32::NAN, 3.0, 2.0];
        assert_eq!(quantile(&v, 0.0), Some(1.0));
        assert_eq!(quantile(&v, 0.5), Some(2.5));
        assert_eq!(quantile(&v, 1.0), Some(4.0));
        assert_eq!(quantile(&[f32::NAN], 0.5), None);
        assert_eq!(quantile(&[f32::NEG_INFINITY; 2], 0.5), Some(f32::NEG_INFINITY));
    }

    #[test]
    fn wilsons_interval_equals_published_values() {
        // 8 of 10: 0.490 to 0.943; 0 of 20: 0 to 0.161.
        let close = |a: [f64; 2], b: [f64; 2]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3);
        assert!(close(interval95(8, 10), [0.490, 0.943]), "{:?}", interval95(8, 10));
        assert!(close(interval95(0, 20), [0.0, 0.161]));
        assert_eq!(interval95(0, 0), [0.0, 1.0]);
    }
}
