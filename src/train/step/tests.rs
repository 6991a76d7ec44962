use std::collections::BTreeMap;

use burn::tensor::Device;

use super::*;
use crate::model::{Checkpoint, FnacConfig, RawTensor, is_counter};

pub(crate) fn tiny(config: &TrainConfig) -> Learner {
    let c = Checkpoint::formula_of(FnacConfig::new(2, 8), "");
    let model = Fnac::from_checkpoint(&c, &Device::flex().autodiff()).unwrap();
    Learner::new(model, config, Schedule::new(config, 3, 1))
}

/// Noise, the same for everyone.
pub(crate) fn batch(size: usize, no_source: usize, frames: usize) -> Batch {
    let mut dice = Dice::new(1, 0);
    let mut many = |n: usize| (0..n).map(|_| dice.range(-1.0, 1.0) as f32).collect();
    Batch {
        pictures: many(size * 3 * 224 * 224),
        sounds: many((size + no_source) * BINS * frames),
        size,
        no_source,
        frames,
    }
}

pub(crate) fn config() -> TrainConfig {
    let mut c = TrainConfig::default();
    c.schedule.warmup_epochs = 0;
    c.dropout.image = 0.0;
    c.optim.learning_rate = 1e-3;
    c
}

pub(crate) fn state(l: &Learner) -> BTreeMap<String, RawTensor> {
    l.model().state().unwrap()
}

/// Names of the tensors that differ.
fn moved(a: &BTreeMap<String, RawTensor>, b: &BTreeMap<String, RawTensor>) -> Vec<String> {
    a.iter().filter(|(k, v)| b[*k] != **v).map(|(k, _)| k.clone()).collect()
}

#[test]
fn steps_lower_the_loss_and_move_every_tensor() {
    let mut l = tiny(&config());
    let before = state(&l);
    let batch = batch(3, 1, 64);
    let first = l.step(0, &batch).unwrap();
    let last = (1..6).map(|n| l.step(n, &batch).unwrap()).last().unwrap();
    assert!(last.losses.total() < first.losses.total(), "{first:?} {last:?}");
    assert!(first.grad_norm > 0.0);
    let still: Vec<_> = {
        let changed = moved(&before, &state(&l));
        before.keys().filter(|k| !changed.contains(k) && !is_counter(k)).cloned().collect()
    };
    assert!(still.is_empty(), "{still:?}");
}

#[test]
fn a_step_that_is_not_finite_changes_nothing_and_says_why() {
    for poison in [f32::NAN, f32::INFINITY] {
        let mut l = tiny(&config());
        let before = state(&l);
        let mut b = batch(2, 0, 32);
        b.pictures[7] = poison;
        let refused = l.step(0, &b).unwrap_err();
        assert!(matches!(refused, StepError::NotFinite { .. }), "{refused}");
        assert!(refused.to_string().contains("contrastive"), "{refused}");
        assert_eq!(state(&l), before, "running statistics included");
        assert_eq!(l.adam().steps(), 0);
        let mut b = batch(2, 0, 32);
        b.sounds[7] = poison;
        l.step(0, &b).unwrap_err();
        assert_eq!(state(&l), before);
        // And the learner still learns.
        l.step(0, &batch(2, 0, 32)).unwrap();
        assert!(state(&l).values().all(|t| t.data.iter().all(|v| v.is_finite())));
    }
}

#[test]
fn silence_and_blank_pictures_are_learnt_from_without_harm() {
    let mut l = tiny(&config());
    let mut b = batch(2, 1, 32);
    b.pictures.fill(0.25);
    b.sounds.fill(-1.343_174_6);
    for step in 0..2 {
        l.step(step, &b).unwrap();
    }
    assert!(state(&l).values().all(|t| t.data.iter().all(|v| v.is_finite())));
}

#[test]
fn what_is_frozen_stands_still_with_its_statistics() {
    let mut c = config();
    c.freeze.image_stages = 2;
    c.freeze.sound_norm = true;
    let mut l = tiny(&c);
    let before = state(&l);
    l.step(0, &batch(2, 0, 32)).unwrap();
    let changed = moved(&before, &state(&l));
    let frozen = |name: &str| {
        let early = ["imgnet.conv1.", "imgnet.bn1.", "imgnet.layer1."];
        early.iter().any(|e| name.starts_with(e))
            || (name.starts_with("audnet.") && (is_norm(name) || name.contains("running_")))
    };
    for name in before.keys().filter(|k| !is_counter(k)) {
        assert_eq!(changed.contains(name), !frozen(name), "{name}");
    }
}

#[test]
fn nothing_left_to_train_is_said() {
    let mut c = config();
    (c.freeze.image_stages, c.freeze.sound_stages) = (5, 5);
    let mut l = tiny(&c);
    l.step(0, &batch(2, 0, 32)).unwrap();
    assert_eq!(stage("imgnet.layer4.1.bn2.weight"), 4);
    assert_eq!(stage("audnet.bn1"), 0);
    c.loss.contrastive = 0.0;
    (c.loss.fns_audio, c.loss.tne, c.loss.fns_image) = (0.0, 0.0, 0.0);
    assert_eq!(tiny(&c).step(0, &batch(2, 0, 32)).unwrap_err(), StepError::Nothing);
}

#[test]
fn batches_that_are_none_are_refused() {
    let mut l = tiny(&config());
    let before = state(&l);
    let mut short = batch(2, 0, 32);
    short.sounds.pop();
    let mut none = batch(2, 0, 32);
    none.frames = 0;
    for (b, says) in [
        (batch(1, 0, 32), "at least 2"),
        (Batch::default(), "at least 2"),
        (short, "do not have"),
        (none, "no columns"),
        (Batch { size: usize::MAX, frames: 1, ..Batch::default() }, "do not have"),
    ] {
        let refused = l.step(0, &b).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }
    assert_eq!(state(&l), before);
}

#[test]
fn the_same_seed_takes_the_same_steps_with_dropout() {
    let run = |seed: u64| {
        let mut c = config();
        c.seed = seed;
        (c.dropout.image, c.dropout.sound) = (0.5, 0.25);
        let mut l = tiny(&c);
        let reports: Vec<_> = (0..2).map(|n| l.step(n, &batch(2, 0, 32)).unwrap()).collect();
        (reports, state(&l))
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).0, run(2).0);
}

#[test]
fn dropout_leaves_out_its_share_and_keeps_the_mean() {
    let x: Tensor<2> = Tensor::ones([200, 500], &Device::flex());
    let mut dice = Dice::new(3, 0);
    let v = dropout(x.clone(), 0.9, &mut dice).into_data().try_to_vec::<f32>().unwrap();
    let kept = v.iter().filter(|v| **v != 0.0).count();
    assert!((9500..10500).contains(&kept), "{kept} of 100000");
    assert!(v.iter().all(|v| *v == 0.0 || (*v - 10.0).abs() < 1e-5));
    let same = dropout(x, 0.0, &mut dice).into_data().try_to_vec::<f32>().unwrap();
    assert!(same.iter().all(|v| *v == 1.0));
}

#[test]
fn a_limit_to_the_gradient_changes_the_first_moment_only_in_size() {
    let mut c = config();
    c.optim.clip_norm = 1e-3;
    let mut l = tiny(&c);
    let report = l.step(0, &batch(2, 0, 32)).unwrap();
    assert!(report.grad_norm > 1e-3, "the report has the length before the limit");
    let memory = l.adam().state(l.model()).unwrap();
    let means = memory.iter().filter(|(k, _)| k.starts_with("exp_avg."));
    let square: f64 = means.flat_map(|(_, t)| &t.data).map(|v| f64::from(*v) * f64::from(*v)).sum();
    // The memory of a first step is a tenth of the gradient, weight decay added after the limit.
    assert!(square.sqrt() < 1e-2, "{}", square.sqrt());
}
