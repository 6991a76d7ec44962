//! From all steps to what fits on a screen: smoothing and envelopes, never sampling.

/// An exponential mean that is not pulled to zero at its start: each value is divided by the
/// weight that was really given out.
#[derive(Clone, Copy, Debug)]
pub struct Smoothed {
    keep: f64,
    sum: f64,
    weight: f64,
}

impl Smoothed {
    /// `keep` is the share of the old value, 0 (nothing is smoothed) to below 1.
    pub fn new(keep: f64) -> Self {
        Self { keep: keep.clamp(0.0, 0.9999), sum: 0.0, weight: 0.0 }
    }

    /// The mean after one more value; a value that is no number is passed over.
    pub fn next(&mut self, value: f64) -> Option<f64> {
        if value.is_finite() {
            self.sum = self.keep * self.sum + (1.0 - self.keep) * value;
            self.weight = self.keep * self.weight + (1.0 - self.keep);
        }
        (self.weight > 0.0).then(|| self.sum / self.weight)
    }
}

/// Steps that a smoothing of this strength looks back over, for its label.
pub fn reach(keep: f64) -> usize {
    (1.0 / (1.0 - keep.clamp(0.0, 0.9999))).round() as usize
}

/// A stretch of a curve in one column of pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    /// Where it is drawn.
    pub x: f64,
    /// Least value.
    pub min: f64,
    /// Greatest value.
    pub max: f64,
    /// Last value of the smoothed curve.
    pub smooth: f64,
}

/// A curve as it is drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drawn {
    /// From left to right. Where each holds one value, `min` and `max` are that value.
    pub columns: Vec<Column>,
    /// Several values share a column: a band is drawn instead of a line.
    pub is_band: bool,
}

/// What of a curve is seen between `from` and `to` in `columns` columns. `x` must rise. A value
/// that is no number leaves no mark; the neighbours just outside are taken along so that lines
/// reach the border.
pub fn draw(x: &[f64], y: &[f64], smooth: &[f64], range: (f64, f64), columns: usize) -> Drawn {
    let n = x.len().min(y.len()).min(smooth.len());
    let (x, y, smooth) = (&x[..n], &y[..n], &smooth[..n]);
    let first = x.partition_point(|v| *v < range.0).saturating_sub(1);
    let last = (x.partition_point(|v| *v <= range.1) + 1).min(n);
    let columns = columns.max(1);
    let one = |i: usize| Column { x: x[i], min: y[i], max: y[i], smooth: smooth[i] };
    let seen = last.saturating_sub(first);
    if seen <= 2 * columns {
        let all = (first..last).filter(|i| y[*i].is_finite());
        return Drawn { columns: all.map(one).collect(), is_band: false };
    }
    let width = ((range.1 - range.0) / columns as f64).max(f64::MIN_POSITIVE);
    let column_of = |i: usize| ((x[i] - range.0) / width).floor();
    let mut out: Vec<Column> = Vec::with_capacity(columns + 2);
    let mut present = f64::NAN;
    for i in (first..last).filter(|i| y[*i].is_finite()) {
        let column = column_of(i);
        match out.last_mut().filter(|_| column == present) {
            Some(c) => {
                c.min = c.min.min(y[i]);
                c.max = c.max.max(y[i]);
                c.smooth = smooth[i];
                c.x = x[i];
            }
            None => out.push(one(i)),
        }
        present = column;
    }
    Drawn { columns: out, is_band: true }
}

/// A curve with its smoothed twin; grows with the run and begins anew with another strength.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    /// Places, rising.
    pub x: Vec<f64>,
    /// Values as they were.
    pub y: Vec<f64>,
    /// The same smoothed.
    pub smooth: Vec<f64>,
    state: Option<Smoothed>,
}

impl Curve {
    /// An empty one.
    pub fn new(keep: f64) -> Self {
        Self { state: Some(Smoothed::new(keep)), ..Self::default() }
    }

    /// Adds a value.
    pub fn push(&mut self, x: f64, y: f64) {
        self.push_as(x, y, |v| v);
    }

    /// Adds a value that is smoothed as it is and kept as `up` makes it: a mean of logarithms would
    /// be another curve.
    pub fn push_as(&mut self, x: f64, y: f64, up: impl Fn(f64) -> f64) {
        let smoothed = self.state.as_mut().and_then(|s| s.next(y)).unwrap_or(f64::NAN);
        self.x.push(x);
        self.y.push(up(y));
        self.smooth.push(up(smoothed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_is_not_pulled_to_zero_at_its_start() {
        let mut s = Smoothed::new(0.99);
        assert_eq!(s.next(5.0).map(|v| (v * 1e9).round() / 1e9), Some(5.0));
        for _ in 0..10 {
            assert!((s.next(5.0).unwrap() - 5.0).abs() < 1e-12, "a constant stays itself");
        }
        // By hand: 0.5 (0.5 * 2 + 0) + ... = (0.5 * 4 + 0.25 * 2) / 0.75.
        let mut s = Smoothed::new(0.5);
        s.next(2.0);
        assert!((s.next(4.0).unwrap() - 2.5 / 0.75).abs() < 1e-12);
    }

    #[test]
    fn a_value_that_is_no_number_does_not_spoil_what_follows() {
        let mut s = Smoothed::new(0.9);
        assert_eq!(s.next(f64::NAN), None);
        s.next(1.0);
        assert_eq!(s.next(f64::INFINITY).map(|v| v.round()), Some(1.0));
    }

    #[test]
    fn zoomed_out_no_peak_is_lost_and_zoomed_in_every_value_is_drawn() {
        let n = 10_000;
        let x: Vec<f64> = (0..n).map(f64::from).collect();
        let mut y = vec![1.0; n as usize];
        y[4321] = 50.0;
        y[777] = -3.0;
        let far = draw(&x, &y, &y, (0.0, 9_999.0), 200);
        assert!(far.is_band && far.columns.len() <= 202);
        let max = far.columns.iter().map(|c| c.max).fold(f64::MIN, f64::max);
        let min = far.columns.iter().map(|c| c.min).fold(f64::MAX, f64::min);
        assert_eq!((max, min), (50.0, -3.0));
        // Each hundredth value alone, as sampling would take them, misses both.
        let sampled = || y.iter().step_by(50);
        assert!(sampled().all(|v| *v == 1.0), "the broken twin is blind here");
        let near = draw(&x, &y, &y, (4_300.0, 4_340.0), 200);
        assert!(!near.is_band && near.columns.len() == 43, "{}", near.columns.len());
    }

    #[test]
    fn smoothing_goes_over_all_values_not_over_the_drawn_ones() {
        let mut curve = Curve::new(0.9);
        (0..5_000).for_each(|i| curve.push(f64::from(i), if i % 2 == 0 { 0.0 } else { 1.0 }));
        let drawn = draw(&curve.x, &curve.y, &curve.smooth, (0.0, 4_999.0), 50);
        let settled = drawn.columns.iter().skip(5);
        settled.for_each(|c| assert!((c.smooth - 0.5).abs() < 0.06, "{c:?}"));
    }

    #[test]
    fn nothing_is_drawn_from_nothing() {
        assert!(draw(&[], &[], &[], (0.0, 1.0), 100).columns.is_empty());
        let nan = draw(&[1.0, 2.0], &[f64::NAN, 3.0], &[1.0, 3.0], (0.0, 5.0), 100);
        assert_eq!(nan.columns.len(), 1);
    }
}
