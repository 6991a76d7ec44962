//! Curves in basic IEEE arithmetic only.
//!
//! Whatever decides truth (where a thing is, how it is turned) is made of `+ - * /` and `sqrt`,
//! which every machine rounds alike. The standard library's `sin` is not: it is the platform's.

/// Sine and cosine of `turns` full turns, within 1e-11.
pub(super) fn sin_cos(turns: f64) -> (f64, f64) {
    if !turns.is_finite() {
        return (0.0, 1.0);
    }
    // To the nearest quarter turn; what is left is within an eighth of a turn.
    let quarters = (turns * 4.0 + 0.5).floor();
    let x = (turns - quarters * 0.25) * (2.0 * std::f64::consts::PI);
    let q = quarters - (quarters * 0.25).floor() * 4.0;
    let x2 = x * x;
    let s = x
        * (1.0
            - x2 / 6.0
                * (1.0 - x2 / 20.0 * (1.0 - x2 / 42.0 * (1.0 - x2 / 72.0 * (1.0 - x2 / 110.0)))));
    let c = 1.0
        - x2 / 2.0
            * (1.0
                - x2 / 12.0
                    * (1.0
                        - x2 / 30.0 * (1.0 - x2 / 56.0 * (1.0 - x2 / 90.0 * (1.0 - x2 / 132.0)))));
    match q as u8 {
        0 => (s, c),
        1 => (c, -s),
        2 => (-s, -c),
        _ => (-c, s),
    }
}

/// 0 up to 0, 1 from 1 on, with soft starts and stops.
pub(super) fn ease(t: f64) -> f64 {
    let t = t.clamp(0.0, 1.0);
    t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
}

/// From `a` at 0 to `b` at 1.
pub(super) fn mix(a: f64, b: f64, t: f64) -> f64 {
    a + (b - a) * t
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_and_cosine_agree_with_the_standard_library() {
        for i in -4000..4000 {
            let turns = f64::from(i) * 0.00123;
            let (s, c) = sin_cos(turns);
            let angle = turns * 2.0 * std::f64::consts::PI;
            assert!((s - angle.sin()).abs() < 1e-11, "{turns}");
            assert!((c - angle.cos()).abs() < 1e-11, "{turns}");
        }
        assert_eq!(sin_cos(0.0), (0.0, 1.0));
        assert_eq!(sin_cos(f64::NAN), (0.0, 1.0));
    }

    #[test]
    fn the_bits_of_the_sine_never_change() {
        let (s, c) = sin_cos(0.123);
        assert_eq!((s.to_bits(), c.to_bits()), (4604463734586869752, 4604623802101595335));
    }

    #[test]
    fn easing_starts_and_stops_softly() {
        assert_eq!((ease(-1.0), ease(0.0), ease(0.5), ease(1.0), ease(2.0)), (0., 0., 0.5, 1., 1.));
        assert!(ease(0.05) < 0.002 && ease(0.95) > 0.998);
    }
}
