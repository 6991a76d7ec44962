//! Values that change along an event.

/// Points joined by smooth steps; constant before the first and after the last.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve(Vec<(f64, f64)>);

impl Curve {
    /// Through `points` of (place, value), in rising order of place.
    pub fn new(points: &[(f64, f64)]) -> Self {
        Self(points.to_vec())
    }

    /// The same everywhere.
    pub fn flat(value: f64) -> Self {
        Self(vec![(0.0, value)])
    }

    /// Value at `x`.
    pub fn at(&self, x: f64) -> f64 {
        let after = self.0.partition_point(|p| p.0 <= x);
        match (after.checked_sub(1).and_then(|i| self.0.get(i)), self.0.get(after)) {
            (Some(&(x0, y0)), Some(&(x1, y1))) => {
                let t = (x - x0) / (x1 - x0);
                y0 + (y1 - y0) * t * t * (3.0 - 2.0 * t)
            }
            (Some(p), None) | (None, Some(p)) => p.1,
            (None, None) => 0.0,
        }
    }
}

/// From `a` to `b` at `t` in 0 to 1.
pub fn lerp(a: f64, b: f64, t: f64) -> f64 {
    a + (b - a) * t
}

/// A level that rises during `attack` and falls during `release` (both as shares of the length).
pub fn hump(attack: f64, release: f64) -> Curve {
    let attack = attack.clamp(0.001, 0.998);
    let fall = (1.0 - release).clamp(attack + 0.001, 0.9995);
    Curve::new(&[(0.0, 0.0), (attack, 1.0), (fall, 1.0), (1.0, 0.0)])
}

/// Half a sine over 0 to 1: the softest event.
pub fn arc(x: f64) -> f64 {
    if (0.0..1.0).contains(&x) { super::wave(x / 2.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_passes_its_points_and_holds_its_ends() {
        let c = Curve::new(&[(0.2, 1.0), (0.4, 3.0), (1.0, 2.0)]);
        for (x, y) in [(-1.0, 1.0), (0.2, 1.0), (0.3, 2.0), (0.4, 3.0), (0.7, 2.5), (9.0, 2.0)] {
            assert!((c.at(x) - y).abs() < 1e-12, "{x}");
        }
        assert_eq!(Curve::new(&[]).at(0.5), 0.0);
        assert_eq!(hump(0.5, 0.5).at(1.0), 0.0);
    }
}
