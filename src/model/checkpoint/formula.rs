//! Weights from a formula: a network without training, the same on every machine.

use std::collections::BTreeMap;

use super::{Checkpoint, CheckpointFormat, CheckpointKind, RawTensor};
use crate::model::{CheckpointCard, FnacConfig, TensorSpec, is_counter};

/// FNV-1a, 64 bit.
fn fnv1a64(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Output `i` (from 0) of SplitMix64 seeded with `seed`: the top 24 bits as a fraction in [0, 1).
fn uniform(seed: u64, i: usize) -> f64 {
    let step = (i as u64).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut z = seed.wrapping_add(step);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 40) as f64 / f64::from(1u32 << 24)
}

/// The values of one tensor: every operation in f64, one rounding to f32 at the end.
fn values(spec: &TensorSpec, salt: &str) -> Vec<f32> {
    let (key, shape) = (spec.name.as_str(), spec.shape.as_slice());
    let count: usize = shape.iter().product();
    if is_counter(key) {
        return vec![0.0; count];
    }
    let seed = fnv1a64(&format!("{salt}{key}"));
    if key.ends_with("running_var") || (key.ends_with("weight") && shape.len() == 1) {
        return (0..count).map(|i| (0.5 + uniform(seed, i)) as f32).collect();
    }
    if key.ends_with("running_mean") || key.ends_with("bias") {
        return (0..count).map(|i| ((2.0 * uniform(seed, i) - 1.0) * 0.2) as f32).collect();
    }
    // Every filter sums to zero, which keeps the embeddings of different sounds apart. The sum
    // of 24-bit fractions is exact, so its order does not matter.
    let n: usize = shape.iter().skip(1).product();
    let gain = (6.0 / n as f64).sqrt();
    let louder = if key == "audnet.conv1.weight" { 4.0 } else { 1.0 };
    let mut out = Vec::with_capacity(count);
    for row in 0..shape.first().copied().unwrap_or(0) {
        let t = |i: usize| 2.0 * uniform(seed, row * n + i) - 1.0;
        let mean = (0..n).map(t).sum::<f64>() / n as f64;
        out.extend((0..n).map(|i| ((t(i) - mean) * gain * louder) as f32));
    }
    out
}

fn tensors(specs: &[TensorSpec], salt: &str) -> BTreeMap<String, RawTensor> {
    let tensor = |s: &TensorSpec| {
        (s.name.clone(), RawTensor { shape: s.shape.clone(), data: values(s, salt) })
    };
    specs.iter().map(tensor).collect()
}

impl Checkpoint {
    /// A network with weights from a formula: the whole path runs with it, its maps mean
    /// nothing. The same numbers on every machine; `salt` gives another network. SplitMix64 of
    /// the tensors' names; source: the golden data's README, section 1.
    pub fn formula(width: usize, dim: usize, salt: &str) -> Self {
        Self::formula_of(FnacConfig::new(width, dim), salt)
    }

    /// The same for any configuration.
    pub fn formula_of(config: FnacConfig, salt: &str) -> Self {
        let tensors = tensors(&config.state_dict(), salt);
        Self::from_formula(config, CheckpointKind::Fnac, tensors, salt)
    }

    /// An object tower with weights from the same formula.
    pub fn formula_object(width: usize, salt: &str) -> Self {
        let config = FnacConfig::new(width, 8 * width);
        let tensors = tensors(&config.object_state_dict(), salt);
        Self::from_formula(config, CheckpointKind::ObjectTower, tensors, salt)
    }

    fn from_formula(
        config: FnacConfig,
        kind: CheckpointKind,
        tensors: BTreeMap<String, RawTensor>,
        salt: &str,
    ) -> Self {
        let mut card = CheckpointCard {
            name: format!("formula {}x{}{salt}", config.width, config.dim),
            remark: Some("Untrained weights: the maps mean nothing".into()),
            ..Default::default()
        };
        card.lineage.insert("weights".into(), "formula, not trained".into());
        let sha256 = super::sha256_of_tensors(&tensors);
        Self {
            config,
            card,
            tensors,
            kind,
            format: CheckpointFormat::Formula,
            sha256,
            path: None,
            notes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_and_uniforms_equal_the_golden_readme() {
        assert_eq!(fnv1a64(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a64("a"), 0xaf63_dc4c_8601_ec8c);
        let u: Vec<f64> = (0..1000).map(|i| uniform(7, i)).collect();
        assert!(u.iter().all(|u| (0.0..1.0).contains(u)));
        assert!((u.iter().sum::<f64>() / 1000.0 - 0.5).abs() < 0.05);
    }

    #[test]
    fn filters_sum_to_zero_and_norms_stay_positive() {
        let c = Checkpoint::formula(2, 16, "");
        let w = &c.tensors["imgnet.layer2.0.conv1.weight"];
        let n = w.data.len() / w.shape[0];
        assert!(w.data.chunks(n).all(|row| row.iter().sum::<f32>().abs() < 1e-4));
        assert!(c.tensors["audnet.bn1.running_var"].data.iter().all(|v| (0.5..1.5).contains(v)));
        assert_ne!(c.tensors, Checkpoint::formula(2, 16, "x/").tensors);
    }
}
