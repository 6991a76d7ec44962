use super::*;
use crate::train::flags::{Blind, Seer, flags};
use crate::train::preset;

fn validator(n: usize, change: impl Fn(&mut Dataset)) -> (tempfile::TempDir, Validator) {
    let dir = tempfile::tempdir().unwrap();
    let mut set = flags(dir.path(), n);
    change(&mut set);
    let mut config = preset("quick-demo").unwrap();
    config.batch.size = 4;
    config.batch.no_source = 2;
    let validator = Validator::new(&set, &config, 16_000).unwrap();
    (dir, validator)
}

fn through(validator: &Validator, towers: impl Towers + 'static) -> Validation {
    let checkpoint = Checkpoint::formula(2, 4, "");
    let mut localizer = Localizer::open(&checkpoint, Box::new(towers));
    validator.run_through(&mut localizer, UNMEASURED, (7, 2), &|| false).unwrap().unwrap()
}

#[test]
fn a_network_that_understands_scores_and_one_that_is_blind_does_not() {
    let (_dir, v) = validator(12, |_| {});
    let (sees, blind) = (through(&v, Seer), through(&v, Blind));
    assert_eq!((sees.step, sees.epoch, sees.scored, sees.listed), (7, 2, 12, 12));
    assert_eq!((sees.pointing, sees.adaptive), (Some(1.0), Some(1.0)));
    assert!(sees.adaptive_mean.unwrap() > 0.6);
    // Boxes of a fifth of the picture: the half map cannot reach 0.5 there.
    assert_eq!(sees.success, Some(0.0));
    assert!(sees.mean_ciou.unwrap() > 0.3 && sees.auc.unwrap() > 0.3);
    assert_eq!(sees.no_source_auroc, Some(1.0));
    assert!(sees.map_spread.unwrap() > 0.5);

    // Twins that must fail.
    assert_eq!((blind.pointing, blind.adaptive), (Some(0.0), Some(0.0)));
    assert_eq!((blind.no_source_auroc, blind.map_spread), (Some(0.5), Some(0.0)));
    assert!((blind.sound_likeness.unwrap() - 1.0).abs() < 1e-6);
    assert!((blind.loss.unwrap() - blind.chance.unwrap()).abs() < 1e-5);
    assert!((blind.chance.unwrap() - 4f64.ln() - 6f64.ln()).abs() < 1e-12);
    assert!(sees.loss.unwrap() < 0.7 * sees.chance.unwrap(), "{sees:?}");
}

#[test]
fn the_likeness_of_sounds_is_the_mean_cosine_of_two_different_ones() {
    let sound = |data: [f32; 2]| AudioEmbedding { data: data.to_vec() };
    let all = [sound([1.0, 0.0]), sound([0.0, 1.0]), sound([-1.0, 0.0])];
    // Pairs: 0, -1, 0.
    assert!((likeness(&all).unwrap() + 1.0 / 3.0).abs() < 1e-9);
    assert_eq!(likeness(&all[..1]), None);
}

#[test]
fn a_real_network_is_validated_on_the_fast_engine() {
    let (_dir, v) = validator(5, |_| {});
    let out = v.run(&Checkpoint::formula(2, 4, ""), (0, 0), &|| false).unwrap().unwrap();
    assert_eq!(out.scored, 5);
    assert!(out.loss.unwrap().is_finite() && out.success.is_some());
    let again = v.run(&Checkpoint::formula(2, 4, ""), (0, 0), &|| false).unwrap().unwrap();
    assert_eq!((out.loss, out.adaptive_mean), (again.loss, again.adaptive_mean));
}

#[test]
fn without_truth_the_loss_decides_and_it_is_said() {
    let (_dir, v) = validator(6, |set| set.items.iter_mut().for_each(|i| i.truth = None));
    let (by, note) = v.best_by(BestBy::Adaptive);
    assert_eq!(by, BestBy::Loss);
    assert!(note.unwrap().contains("do not say where they sound"));
    let out = through(&v, Seer);
    assert_eq!((out.success, out.adaptive, out.pointing), (None, None, None));
    assert_eq!(out.scored, 6);
    assert!(by.figure(&out).is_some());
    let (_dir, v) = validator(6, |_| {});
    assert_eq!(v.best_by(BestBy::Adaptive), (BestBy::Adaptive, None));
}

#[test]
fn a_stop_is_obeyed_and_nothing_to_validate_on_is_said() {
    let (_dir, v) = validator(6, |_| {});
    let stopped = v.run(&Checkpoint::formula(2, 4, ""), (0, 0), &|| true).unwrap();
    assert_eq!(stopped, None);
    let empty = Validator::new(&Dataset::default(), &TrainConfig::default(), 16_000);
    assert!(empty.unwrap_err().to_string().contains("data.validation_share"));
}

#[test]
fn a_probe_takes_a_few_items_and_always_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let set = flags(dir.path(), 9);
    let config = preset("quick-demo").unwrap();
    let ids = || {
        let probe = Validator::probe(&set, &config, 16_000, 4).unwrap();
        probe.held.items().iter().map(|i| i.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids().len(), 4);
    assert_eq!(ids(), ids());
}

#[test]
fn what_is_no_number_is_never_the_best() {
    use BestBy::{Loss, Success};
    let with = |loss| Validation { loss: Some(loss), ..Validation::default() };
    assert_eq!(Loss.figure(&with(f64::NAN)), None);
    assert_eq!(Loss.figure(&with(2.0)), Some(2.0));
    assert!(Loss.beats(1.0, Some(2.0)) && !Loss.beats(2.0, Some(1.0)));
    assert!(Success.beats(0.5, Some(0.4)) && !Success.beats(0.4, Some(0.4)));
    assert!(Success.beats(0.1, None) && Success.beats(0.1, Some(f64::NAN)));
    assert!(!Success.beats(f64::NAN, None) && !Loss.beats(f64::NEG_INFINITY, Some(1.0)));
}
