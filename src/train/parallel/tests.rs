use std::collections::BTreeMap;

use super::*;
use crate::model::RawTensor;
use crate::train::step::tests::{batch, config, state, tiny};
use crate::train::{Learner, TrainConfig};

/// Weights, terms and gradients of equal steps, relative to the tensor's largest value.
const SAME: f32 = 1e-5;

/// Every term counts, dropout draws, BatchNorms stand still.
fn still() -> TrainConfig {
    let mut c = config();
    (c.dropout.image, c.dropout.sound) = (0.5, 0.25);
    (c.freeze.image_norm, c.freeze.sound_norm) = (true, true);
    c.optim.weight_decay = 0.0;
    c
}

fn team(c: &TrainConfig, devices: usize, chunk: usize, negatives: Negatives) -> Learner {
    let mut c = c.clone();
    (c.run.chunk, c.run.negatives) = (chunk, negatives);
    let others = vec![Device::flex().autodiff(); devices - 1];
    tiny(&c).with_team(&c, &others).unwrap()
}

/// A tenth of the first step's gradient, by parameter.
fn gradient(l: &Learner) -> BTreeMap<String, RawTensor> {
    let memory = l.adam().state(l.model()).unwrap();
    memory.into_iter().filter(|(k, _)| k.starts_with("exp_avg.")).collect()
}

/// The largest difference of two sets of tensors, each relative to its own largest value.
fn distance(a: &BTreeMap<String, RawTensor>, b: &BTreeMap<String, RawTensor>) -> (f32, String) {
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    let mut worst = (0.0, String::new());
    for (name, x) in a {
        let top = x.data.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
        let gap = x.data.iter().zip(&b[name].data).map(|(p, q)| (p - q).abs());
        let gap = gap.fold(0.0, f32::max) / top;
        if gap > worst.0 {
            worst = (gap, name.clone());
        }
    }
    worst
}

#[test]
fn two_devices_and_chunks_take_the_step_of_one_large_device() {
    let c = still();
    // An odd number of pairs, and sounds without a source.
    let b = batch(5, 2, 64);
    let mut one = tiny(&c);
    let report = one.step(0, &b).unwrap();
    for (devices, chunk) in [(2, 0), (1, 2), (1, 1), (2, 2), (3, 1), (1, 4)] {
        let mut many = team(&c, devices, chunk, Negatives::Gathered);
        let own = many.step(0, &b).unwrap();
        let terms = report.losses.terms.iter().zip(own.losses.terms);
        for (want, got) in terms {
            let gap = (want - got).abs() / want.abs();
            assert!(gap < f64::from(SAME), "{devices} devices, chunks of {chunk}: {want} {got}");
        }
        assert!((report.halves[0] - own.halves[0]).abs() < 1e-5);
        let (gap, name) = distance(&gradient(&one), &gradient(&many));
        assert!(gap < SAME, "{devices} devices, chunks of {chunk}: {name} is off by {gap}");
        assert_eq!(own.learning_rate, report.learning_rate);
    }
}

#[test]
fn a_team_stays_together_over_steps_and_still_statistics_stay_bit_for_bit() {
    let c = still();
    let (mut one, mut two) = (tiny(&c), team(&c, 2, 0, Negatives::Gathered));
    let before = state(&one);
    for step in 0..3 {
        let b = batch(4, 0, 32 + step as usize);
        one.step(step, &b).unwrap();
        two.step(step, &b).unwrap();
    }
    let (gap, name) = distance(&state(&one), &state(&two));
    // Adam divides by the gradient's size: where a gradient is nearly 0 its sign is rounding.
    assert!(gap < 1e-2, "{name} is off by {gap}");
    let after = state(&two);
    for (name, t) in before.iter().filter(|(k, _)| k.contains("running_")) {
        assert_eq!(after[name], *t, "{name}");
    }
    assert_ne!(after["imgnet.conv1.weight"], before["imgnet.conv1.weight"]);
    // The second device has the first one's weights, bit for bit.
    let other = two.others()[0].state().unwrap();
    for (name, t) in after.iter().filter(|(k, _)| !k.contains("running_")) {
        assert_eq!(other[name], *t, "{name}");
    }
}

#[test]
fn own_negatives_are_the_mean_of_two_half_batches_and_differ_from_gathered_ones() {
    let mut c = still();
    (c.dropout.image, c.dropout.sound) = (0.0, 0.0);
    let b = batch(6, 0, 64);
    let mut own = team(&c, 2, 0, Negatives::PerDevice);
    let report = own.step(0, &b).unwrap();
    let halves: Vec<_> = [0..3, 3..6]
        .map(|rows| {
            let half = Batch {
                pictures: rows_of(&b.pictures, 3 * 224 * 224, &rows),
                sounds: rows_of(&b.sounds, BINS * b.frames, &rows),
                size: 3,
                ..b.clone()
            };
            let mut l = tiny(&c);
            (l.step(0, &half).unwrap(), gradient(&l))
        })
        .into();
    for (i, got) in report.losses.terms.iter().enumerate() {
        let want = (halves[0].0.losses.terms[i] + halves[1].0.losses.terms[i]) / 2.0;
        assert!((want - got).abs() < 1e-5 * want.abs(), "term {i}: {got}, not {want}");
    }
    let mut mean = halves[0].1.clone();
    for (name, t) in &mut mean {
        t.data.iter_mut().zip(&halves[1].1[name].data).for_each(|(a, b)| *a = (*a + b) / 2.0);
    }
    let (gap, name) = distance(&mean, &gradient(&own));
    assert!(gap < SAME, "{name} is off by {gap}");
    let mut gathered = team(&c, 2, 0, Negatives::Gathered);
    let all = gathered.step(0, &b).unwrap();
    assert!((all.losses.terms[0] - report.losses.terms[0]).abs() > 0.1, "2 ln 6, not 2 ln 3");
}

#[test]
fn live_statistics_are_each_shares_own_and_move_once_a_step() {
    let mut c = still();
    (c.freeze.image_norm, c.freeze.sound_norm) = (false, false);
    let b = batch(4, 0, 64);
    let (mut whole, mut parts) = (tiny(&c), team(&c, 1, 2, Negatives::Gathered));
    let before = state(&whole);
    let a = whole.step(0, &b).unwrap();
    let p = parts.step(0, &b).unwrap();
    assert_ne!(a.losses, p.losses, "each chunk is normalised by itself");
    // The mean of the two chunks' own moves, as two half batches make them.
    let half = |rows: std::ops::Range<usize>| {
        let half = Batch {
            pictures: rows_of(&b.pictures, 3 * 224 * 224, &rows),
            sounds: rows_of(&b.sounds, BINS * b.frames, &rows),
            size: 2,
            ..b.clone()
        };
        let mut l = tiny(&c);
        l.step(0, &half).unwrap();
        state(&l)
    };
    let (first, second, after) = (half(0..2), half(2..4), state(&parts));
    let mut seen = 0;
    for (name, t) in before.iter().filter(|(k, _)| k.contains("running_")) {
        for (i, v) in after[name].data.iter().enumerate() {
            let want = (first[name].data[i] + second[name].data[i]) / 2.0;
            assert!((want - v).abs() < 1e-5 * (1.0 + want.abs()), "{name}: {v}, not {want}");
        }
        seen += usize::from(after[name] != *t);
    }
    assert!(seen > 30, "{seen} statistics moved");
}

#[test]
fn a_step_that_is_not_finite_changes_nothing_on_any_device() {
    let mut l = team(&still(), 2, 1, Negatives::Gathered);
    l.step(0, &batch(4, 0, 32)).unwrap();
    let before = state(&l);
    let mut b = batch(4, 0, 32);
    b.sounds[40] = f32::NAN;
    assert!(matches!(l.step(1, &b), Err(StepError::NotFinite { .. })));
    assert_eq!(state(&l), before);
    l.step(1, &batch(4, 0, 32)).unwrap();
}

#[test]
fn the_look_at_the_matrices_sees_what_the_loss_is_made_of() {
    let mut sizes = Vec::new();
    let b = batch(5, 0, 32);
    for negatives in [Negatives::Gathered, Negatives::PerDevice] {
        let mut l = team(&still(), 2, 0, negatives);
        l.step_seen(0, &b, &mut |parts| sizes.push(parts.batch())).unwrap();
    }
    assert_eq!(sizes, [5, 3, 2]);
}

#[test]
fn too_few_pairs_for_own_negatives_are_refused_with_the_remedy() {
    let mut l = team(&still(), 3, 0, Negatives::PerDevice);
    let refused = l.step(0, &batch(4, 0, 32)).unwrap_err().to_string();
    assert!(refused.contains("gathered") && refused.contains("needs 2"), "{refused}");
    // With gathered ones it works, and more devices than pairs do as well.
    team(&still(), 3, 0, Negatives::Gathered).step(0, &batch(2, 1, 32)).unwrap();
}

#[test]
fn rows_are_shared_evenly_and_in_order() {
    let rows: Vec<_> = pieces(7, 3).collect();
    assert_eq!(rows, [0..3, 3..5, 5..7]);
    assert_eq!(pieces(2, 3).collect::<Vec<_>>(), [0..1, 1..2, 2..2]);
    assert_eq!(pieces(0, 0).collect::<Vec<_>>(), vec![0..0; 1]);
    let t = Team { others: Vec::new(), chunk: 3, negatives: Negatives::Gathered };
    let jobs = t.jobs(&t.sound_shares(7, 9));
    let rows: Vec<_> = jobs.iter().map(|j| j.rows.clone()).collect();
    assert_eq!(rows, [0..3, 3..5, 5..7, 7..9], "at most 3, nearly equal");
    assert!(t.is_whole(3) && !t.is_whole(4));
    assert!(Team::alone().is_whole(usize::MAX));
}
