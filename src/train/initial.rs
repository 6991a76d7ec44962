//! Weights to begin with.

use std::collections::BTreeMap;

use crate::model::{Checkpoint, CheckpointKind, FnacConfig, RawTensor, is_counter};
use crate::synth::Dice;

/// Standard deviation of a fresh sound projection.
const SOUND_PROJECTION_STD: f64 = 0.01;
/// Standard deviation around 1 of a fresh sound BatchNorm's weights.
const SOUND_NORM_STD: f64 = 0.02;

/// Fresh weights as the official code draws them: the picture tower as torchvision builds it
/// from nothing, the sound tower and projections by FNAC's own rules. The distributions are
/// PyTorch's, its random numbers are not.
pub fn scratch(config: FnacConfig, seed: u64) -> BTreeMap<String, RawTensor> {
    let dice = Dice::new(seed, 0);
    let fresh = |name: &str, shape: &[usize]| {
        let mut dice = dice.clone().part(name);
        let n = shape.iter().product();
        let outgoing = shape.first().copied().unwrap_or(1);
        let spatial: usize = shape.iter().skip(2).product();
        // Kaiming, fan-out, for ReLU.
        let kaiming = (2.0 / (outgoing * spatial) as f64).sqrt();
        let reach = 1.0 / (config.features() as f64).sqrt();
        let norm_weight = shape.len() == 1 && name.ends_with(".weight");
        match name {
            _ if is_counter(name) || name.ends_with("running_mean") => vec![0.0; n],
            _ if name.ends_with("running_var") => vec![1.0; n],
            "img_proj.bias" | "aud_proj.bias" => {
                (0..n).map(|_| dice.range(-reach, reach) as f32).collect()
            }
            _ if name.ends_with(".bias") => vec![0.0; n],
            "aud_proj.weight" => normal(&mut dice, n, 0.0, SOUND_PROJECTION_STD),
            _ if norm_weight && name.starts_with("audnet.") => {
                normal(&mut dice, n, 1.0, SOUND_NORM_STD)
            }
            _ if norm_weight => vec![1.0; n],
            _ => normal(&mut dice, n, 0.0, kaiming),
        }
    };
    let specs = config.state_dict().into_iter();
    let tensor = |s: crate::model::TensorSpec| {
        let data = fresh(&s.name, &s.shape);
        (s.name, RawTensor { shape: s.shape, data })
    };
    specs.map(tensor).collect()
}

/// Puts a torchvision ResNet-18 in the place of the picture tower.
///
/// # Errors
/// In words, when the checkpoint is another network or of another width; nothing is changed.
pub fn take_image_tower(
    state: &mut BTreeMap<String, RawTensor>,
    config: FnacConfig,
    resnet: &Checkpoint,
) -> Result<(), String> {
    if resnet.kind == CheckpointKind::Fnac {
        return Err(
            "the file holds a whole FNAC network: name it as model.start instead".to_owned()
        );
    }
    if resnet.config.width != config.width {
        return Err(format!(
            "the picture tower has width {}, the network width {}: set model.width to {}",
            resnet.config.width, config.width, resnet.config.width
        ));
    }
    let tower: Vec<(String, RawTensor)> = config
        .object_state_dict()
        .into_iter()
        .map(|s| {
            let found = resnet.tensors.get(&s.name).filter(|t| t.shape == s.shape);
            let t = found.ok_or_else(|| format!("the file lacks `{}` {:?}", s.name, s.shape))?;
            Ok((format!("imgnet.{}", s.name), t.clone()))
        })
        .collect::<Result<_, String>>()?;
    state.extend(tower);
    Ok(())
}

/// Normal numbers, by the method of Box and Muller.
fn normal(dice: &mut Dice, n: usize, mean: f64, std: f64) -> Vec<f32> {
    let mut out = Vec::with_capacity(n + 1);
    while out.len() < n {
        // 1 - u is never 0.
        let radius = (-2.0 * (1.0 - dice.unit()).ln()).sqrt();
        let angle = std::f64::consts::TAU * dice.unit();
        out.extend([angle.cos(), angle.sin()].map(|v| (mean + std * radius * v) as f32));
    }
    out.truncate(n);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(t: &RawTensor) -> (f64, f64) {
        let n = t.data.len() as f64;
        let mean = t.data.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        let var = t.data.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
        (mean, var.sqrt())
    }

    #[test]
    fn fresh_weights_have_the_official_spreads() {
        let state = scratch(FnacConfig::OFFICIAL, 1);
        assert_eq!(state.len(), 244);
        // Fan-out: out channels times the kernel's area.
        for (name, std) in [
            ("imgnet.conv1.weight", (2.0f64 / (64.0 * 49.0)).sqrt()),
            ("audnet.conv1.weight", (2.0f64 / (64.0 * 49.0)).sqrt()),
            ("audnet.layer2.0.downsample.0.weight", (2.0f64 / 128.0).sqrt()),
            ("imgnet.layer4.1.conv2.weight", (2.0f64 / (512.0 * 9.0)).sqrt()),
            ("img_proj.weight", 0.0625),
            ("aud_proj.weight", 0.01),
        ] {
            let (mean, got) = spread(&state[name]);
            let n = state[name].data.len() as f64;
            assert!((got / std - 1.0).abs() < 4.0 / (2.0 * n).sqrt(), "{name}: {got}, not {std}");
            assert!(mean.abs() < 4.0 * std / n.sqrt(), "{name}: {mean}");
        }
        let (mean, std) = spread(&state["audnet.layer4.0.bn1.weight"]);
        assert!((mean - 1.0).abs() < 0.005 && (std - 0.02).abs() < 0.004, "{mean} {std}");
        assert!(state["imgnet.layer4.0.bn1.weight"].data.iter().all(|v| *v == 1.0));
        assert!(state["audnet.bn1.bias"].data.iter().all(|v| *v == 0.0));
        assert!(state["audnet.bn1.running_var"].data.iter().all(|v| *v == 1.0));
        let bias = &state["img_proj.bias"].data;
        assert!(bias.iter().all(|v| v.abs() <= 0.0442) && bias.iter().any(|v| v.abs() > 0.03));
    }

    #[test]
    fn a_seed_gives_its_weights_again() {
        let config = FnacConfig::new(2, 4);
        assert_eq!(scratch(config, 5), scratch(config, 5));
        assert_ne!(scratch(config, 5), scratch(config, 6));
    }

    #[test]
    fn a_picture_tower_is_taken_whole_or_not_at_all() {
        let config = FnacConfig::new(4, 8);
        let mut state = scratch(config, 5);
        let before = state.clone();
        let resnet = Checkpoint::formula_object(4, "");
        take_image_tower(&mut state, config, &resnet).unwrap();
        assert_eq!(state["imgnet.layer3.0.bn2.bias"], resnet.tensors["layer3.0.bn2.bias"]);
        assert_eq!(state["audnet.conv1.weight"], before["audnet.conv1.weight"]);
        assert_eq!(state.len(), 244);
        let mut state = before.clone();
        let wide = Checkpoint::formula_object(8, "");
        let refused = take_image_tower(&mut state, config, &wide).unwrap_err();
        assert!(refused.contains("set model.width to 8"), "{refused}");
        let whole = Checkpoint::formula(4, 8, "");
        assert!(take_image_tower(&mut state, config, &whole).unwrap_err().contains("model.start"));
        let mut cut = Checkpoint::formula_object(4, "");
        cut.tensors.remove("layer4.1.bn2.bias");
        assert!(take_image_tower(&mut state, config, &cut).unwrap_err().contains("layer4.1.bn2"));
        assert_eq!(state, before);
    }
}
