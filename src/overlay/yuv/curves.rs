//! Transfer functions as tables, one texture for the shader and its twin.

use std::sync::LazyLock;

/// Entries of a curve, read with straight lines between them.
pub(crate) const CURVE_LEN: usize = 1024;
/// Light from signal (PQ), light from signal (HLG scene), signal from light (sRGB).
pub(crate) const CURVE_ROWS: usize = 3;

/// ITU-R BT.2100 PQ: display light in units of 203 cd/m² from signal.
fn pq_light(v: f64) -> f64 {
    let (m1, m2) = (2610.0 / 16384.0, 2523.0 / 4096.0 * 128.0);
    let (c1, c2, c3) = (3424.0 / 4096.0, 2413.0 / 4096.0 * 32.0, 2392.0 / 4096.0 * 32.0);
    let p = v.powf(1.0 / m2);
    10_000.0 / 203.0 * ((p - c1).max(0.0) / (c2 - c3 * p)).powf(1.0 / m1)
}

/// ITU-R BT.2100 HLG: scene light in 0 to 1 from signal.
fn hlg_light(v: f64) -> f64 {
    let (a, b, c) = (0.17883277, 0.28466892, 0.55991073);
    if v <= 0.5 { v * v / 3.0 } else { (((v - c) / a).exp() + b) / 12.0 }
}

/// IEC 61966-2-1: signal from light.
fn srgb_signal(x: f64) -> f64 {
    if x <= 0.0031308 { 12.92 * x } else { 1.055 * x.powf(1.0 / 2.4) - 0.055 }
}

/// The rows one after the other; the last one is indexed by the square root of light, where it
/// is nearly straight.
pub(crate) fn curves() -> &'static [f32] {
    static CURVES: LazyLock<Vec<f32>> = LazyLock::new(|| {
        let at = |k: usize| k as f64 / (CURVE_LEN - 1) as f64;
        let mut all = Vec::with_capacity(CURVE_LEN * CURVE_ROWS);
        all.extend((0..CURVE_LEN).map(|k| pq_light(at(k)) as f32));
        all.extend((0..CURVE_LEN).map(|k| hlg_light(at(k)) as f32));
        all.extend((0..CURVE_LEN).map(|k| srgb_signal(at(k) * at(k)) as f32));
        all
    });
    &CURVES
}

/// Curve `row` at `t` in [0, 1].
pub(super) fn curve(row: usize, t: f32) -> f32 {
    let table = &curves()[row * CURVE_LEN..][..CURVE_LEN];
    let x = (if t > 0.0 { t.min(1.0) } else { 0.0 }) * (CURVE_LEN - 1) as f32;
    let i = (x as usize).min(CURVE_LEN - 2);
    table[i] + (table[i + 1] - table[i]) * (x - i as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pq_and_hlg_hold_their_published_points() {
        // BT.2408: HDR reference white is 58 % PQ, 75 % HLG.
        assert!((pq_light(0.5807) - 1.0).abs() < 0.01);
        assert!((hlg_light(0.75) - 0.265).abs() < 0.001);
        assert!((hlg_light(1.0) - 1.0).abs() < 1e-4);
        assert!((pq_light(1.0) - 49.261).abs() < 0.01);
        assert!((srgb_signal(0.2140411) - 0.5).abs() < 1e-5);
    }

    #[test]
    fn tables_follow_their_curves() {
        for k in 0..=1000 {
            let t = f64::from(k) / 1000.0;
            let x = (t * t) as f32;
            assert!((curve(2, t as f32) - srgb_signal(f64::from(x)) as f32).abs() < 1e-3);
            let (got, want) = (f64::from(curve(0, t as f32)), pq_light(t));
            assert!((got - want).abs() < 2e-4 + 2e-3 * want, "{t}: {got} {want}");
        }
    }
}
