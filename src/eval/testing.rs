//! The document's test vector.

use super::metrics::TruthMap;
use crate::units::LocalizationMap;

/// `((7 r + c) ^ 1.5) mod 11`.
pub fn vector_grid() -> LocalizationMap {
    LocalizationMap(std::array::from_fn(|i| ((i as f64).powf(1.5) % 11.0) as f32))
}

/// Rows 50..150, columns 60..200; and half of that with half of rows 80..180, columns 20..120.
pub fn vector_truths() -> (TruthMap, TruthMap) {
    let a = [60u16, 50, 200, 150];
    let plain = TruthMap::from_fractions(&[a.map(|v| f64::from(v) / 224.0 + 1e-9)]);
    (plain, TruthMap::consensus(&[a, [20, 80, 120, 180]]))
}
