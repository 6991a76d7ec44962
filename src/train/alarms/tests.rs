use super::*;
use crate::train::loss::LossValues;

fn facts() -> AlarmFacts {
    AlarmFacts {
        batch: 128,
        no_source: 0,
        weights: [1.0, 100.0, 100.0, 100.0],
        warmup_ends: 300,
        steps: 2000,
        best_by: BestBy::Success,
    }
}

fn row(step: u64, loss: f64) -> StepRow {
    StepRow {
        step,
        epoch: step / 100,
        stage: Stage::Training,
        losses: LossValues { terms: [loss, 0.02, 0.02, 0.02], weights: [1.0; 4] },
        halves: [loss / 2.0; 2],
        grad_norm: 1.0,
        learning_rate: 1e-4,
        seconds: step as f64,
        wait: 0.01,
        compute: 0.5,
        pairs: 128,
    }
}

fn validation(step: u64, success: f64) -> Validation {
    Validation {
        step,
        success: Some(success),
        loss: Some(4.0),
        no_source_auroc: Some(0.97),
        map_spread: Some(0.3),
        sound_likeness: Some(0.2),
        ..Validation::default()
    }
}

/// Loss of a healthy run: from chance down, with noise; the terms cost it a little.
fn healthy(step: u64) -> f64 {
    let noise = ((step * 2_654_435_761) % 1000) as f64 / 1000.0 - 0.5;
    let bump = if (300..400).contains(&step) { 0.6 } else { 0.0 };
    2.0 + 7.7 * (-(step as f64) / 200.0).exp() + 0.4 * noise + bump
}

/// Runs 1000 steps with a validation each hundred; what rang, by name.
fn rung(
    facts: AlarmFacts,
    change: impl Fn(u64, &mut StepRow),
    validate: impl Fn(u64, &mut Validation),
) -> Vec<Alarm> {
    let mut alarms = Alarms::new(facts);
    let mut out = alarms.begin(0);
    for step in 0..1000 {
        let mut r = row(step, healthy(step));
        change(step, &mut r);
        out.extend(alarms.step(&r));
        if step % 100 == 99 {
            let mut v = validation(step, 0.3 + step as f64 / 3000.0);
            validate(step, &mut v);
            out.extend(alarms.validation(&v));
        }
    }
    out
}

fn names(alarms: &[Alarm]) -> Vec<&'static str> {
    alarms.iter().map(|a| a.name).collect()
}

#[test]
fn a_recipe_is_told_that_its_batch_is_small_and_unscaled_terms_too_heavy() {
    let mut config = crate::train::preset("quick-demo").unwrap();
    (config.batch.size, config.loss.scale_with_batch) = (32, true);
    (config.loss.fns_audio, config.loss.tne, config.loss.fns_image) = (100.0, 100.0, 100.0);
    let begin = |config: &TrainConfig| {
        let schedule = Schedule::new(config, config.batch.size, 10);
        names(&Alarms::new(AlarmFacts::of(config, &schedule, BestBy::Adaptive)).begin(0))
    };
    assert_eq!(begin(&config), ["few-negatives"]);
    config.loss.scale_with_batch = false;
    assert_eq!(begin(&config), ["few-negatives", "heavy-terms"]);
}

#[test]
fn a_healthy_run_is_silent() {
    assert_eq!(names(&rung(facts(), |_, _| (), |_, _| ())), [""; 0]);
}

#[test]
fn every_alarm_has_a_name_of_its_own_a_cause_and_an_action() {
    let mut seen = std::collections::BTreeSet::new();
    for a in ALARMS {
        assert!(seen.insert(a.name), "{} twice", a.name);
        assert!(a.cause.ends_with('.') && a.action.ends_with('.'), "{}", a.name);
        assert!(a.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
    }
    assert_eq!(ALARMS[0].name, "loss-not-finite");
    let only_stop: Vec<_> = ALARMS.iter().filter(|a| a.severity == Severity::Stopped).collect();
    assert_eq!(only_stop.len(), 1, "no other alarm stops a run");
}

#[test]
fn a_loss_that_is_no_number_stops_and_names_its_clips() {
    let clips: Vec<String> = (0..10).map(|i| format!("clip-{i}")).collect();
    let a = Alarms::new(facts()).not_finite(7, "The loss term tne is not finite.", &clips);
    assert_eq!((a.name, a.severity, a.step), ("loss-not-finite", Severity::Stopped, 7));
    assert!(a.what.contains("tne") && a.what.contains("clip-7") && a.what.contains("2 more"));
}

#[test]
fn a_leap_of_fifty_steps_rings_once_and_a_shorter_one_does_not() {
    let leap = |steps: u64| {
        rung(
            facts(),
            move |s, r| {
                if (600..600 + steps).contains(&s) {
                    r.losses.terms[0] = 9.0;
                }
            },
            |_, _| (),
        )
    };
    let long = leap(120);
    assert_eq!(names(&long), ["loss-leaps"]);
    assert_eq!(long[0].step, 649);
    assert_eq!(names(&leap(49)), [""; 0]);
}

#[test]
fn the_jump_of_the_sum_where_heavy_terms_begin_is_no_leap() {
    // 100 * 0.3 on top of 5: only the sum sees it.
    let all = rung(
        facts(),
        |s, r| {
            r.losses.weights =
                if s < 300 { [1.0, 0.0, 0.0, 0.0] } else { [1.0, 100.0, 100.0, 100.0] };
            r.losses.terms[1..].fill(0.1);
        },
        |_, _| (),
    );
    assert_eq!(names(&all), [""; 0]);
}

#[test]
fn sounds_that_are_all_alike_ring_after_the_start() {
    let all = rung(facts(), |_, _| (), |_, v| v.sound_likeness = Some(0.97));
    assert_eq!(names(&all), ["sounds-alike"]);
    assert!(all[0].step >= 200, "a start is given its time: {}", all[0].step);
    assert!(Alarms::new(facts()).sounds(500, 0.94).is_none());
}

#[test]
fn flat_maps_ring_after_the_start() {
    let all = rung(facts(), |_, _| (), |_, v| v.map_spread = Some(5e-4));
    assert_eq!(names(&all), ["maps-flat"]);
    assert_eq!(names(&rung(facts(), |_, _| (), |_, v| v.map_spread = Some(2e-3))), [""; 0]);
    // Flat only at the very start: as it should be.
    let early = rung(
        facts(),
        |_, _| (),
        |s, v| {
            if s < 150 {
                v.map_spread = Some(1e-6);
            }
        },
    );
    assert_eq!(names(&early), [""; 0]);
}

#[test]
fn silence_that_lights_up_rings_after_the_warm_up() {
    let all = rung(facts(), |_, _| (), |_, v| v.no_source_auroc = Some(0.55));
    assert_eq!(names(&all), ["silence-lights-up"]);
    assert!(all[0].step >= 300);
    assert_eq!(names(&rung(facts(), |_, _| (), |_, v| v.no_source_auroc = Some(0.7))), [""; 0]);
}

#[test]
fn validation_that_falls_three_times_rings_only_while_the_training_loss_falls() {
    let falling = |s: u64, v: &mut Validation| {
        if s > 500 {
            v.success = Some(0.9 - s as f64 / 2000.0);
        }
    };
    let all = rung(facts(), |_, _| (), falling);
    assert_eq!(names(&all), ["validation-falls"]);
    let stuck = rung(facts(), |s, r| r.losses.terms[0] = 5.0 + s as f64 / 1000.0, falling);
    assert_eq!(names(&stuck), [""; 0]);
    // By the loss, low is good.
    let by_loss = AlarmFacts { best_by: BestBy::Loss, ..facts() };
    let up = |s: u64, v: &mut Validation| v.loss = Some(if s > 500 { s as f64 } else { 4.0 });
    assert_eq!(names(&rung(by_loss, |_, _| (), up)), ["validation-falls"]);
}

#[test]
fn a_validation_that_is_no_number_is_named() {
    let all = rung(
        facts(),
        |_, _| (),
        |s, v| {
            if s == 499 {
                v.loss = Some(f64::NAN);
            }
        },
    );
    assert_eq!(names(&all), ["validation-not-finite"]);
}

#[test]
fn waiting_for_data_rings_again_only_after_it_was_over() {
    let waits = |from: u64, to: u64, wait: f64| {
        move |s: u64, r: &mut StepRow| {
            if (from..to).contains(&s) {
                r.wait = wait;
            }
        }
    };
    assert_eq!(names(&rung(facts(), waits(100, 900, 0.3), |_, _| ())), ["data-wait"]);
    assert_eq!(names(&rung(facts(), waits(100, 900, 0.15), |_, _| ())), [""; 0]);
    let twice = rung(
        facts(),
        |s, r| {
            if (100..200).contains(&s) || (500..600).contains(&s) {
                r.wait = 2.0;
            }
        },
        |_, _| (),
    );
    assert_eq!(names(&twice), ["data-wait", "data-wait"]);
}

#[test]
fn small_batches_and_heavy_terms_are_said_before_the_first_step() {
    let begin = |batch: usize, weight: f64| {
        let weights = [1.0, weight, weight, weight];
        names(&Alarms::new(AlarmFacts { batch, weights, ..facts() }).begin(0))
    };
    assert_eq!(begin(128, 100.0), [""; 0]);
    assert_eq!(begin(64, 100.0), [""; 0]);
    assert_eq!(begin(32, 100.0), ["few-negatives", "heavy-terms"]);
    assert_eq!(begin(32, 25.0), ["few-negatives"], "scaled by 32 / 128");
    assert_eq!(begin(32, 0.0), ["few-negatives"]);
}

#[test]
fn terms_that_pull_the_loss_back_to_chance_are_named() {
    let chance = 2.0 * 128f64.ln();
    let pulled = |s: u64, r: &mut StepRow| {
        if s >= 320 {
            r.losses.terms[0] = chance;
        }
    };
    let all = rung(facts(), pulled, |_, _| ());
    let got = names(&all);
    assert!(got.contains(&"terms-pull-to-chance"), "{got:?}");
    // Never off the ground: the terms are not to blame.
    let chance_from_the_start = |_: u64, r: &mut StepRow| r.losses.terms[0] = chance;
    assert_eq!(names(&rung(facts(), chance_from_the_start, |_, _| ())), [""; 0]);
    // Without the terms it is something else.
    let plain = AlarmFacts { weights: [1.0, 0.0, 0.0, 0.0], ..facts() };
    assert!(!names(&rung(plain, pulled, |_, _| ())).contains(&"terms-pull-to-chance"));
}

#[test]
fn near_duplicates_memory_and_disk_ring_at_their_limits() {
    let mut a = Alarms::new(facts());
    assert!(a.duplicates(1, 0.1).is_none());
    assert_eq!(a.duplicates(2, 0.11).map(|a| a.name), Some("near-duplicates"));
    let machine = |used: u64, free: u64| Machine {
        memory: Some((used, 100)),
        disk_free: Some(free),
        checkpoint_bytes: 50,
    };
    assert_eq!(names(&a.machine(3, &machine(90, 100))), [""; 0]);
    assert_eq!(names(&a.machine(4, &machine(91, 99))), ["memory", "disk"]);
    assert_eq!(names(&a.machine(5, &machine(91, 99))), [""; 0], "once is enough");
    assert_eq!(names(&a.machine(6, &Machine::default())), [""; 0]);
}

#[test]
fn a_machine_that_gets_twice_as_slow_is_noticed() {
    let slower = |factor: f64| {
        rung(
            facts(),
            move |s, r| {
                if s > 500 {
                    r.compute *= factor;
                }
            },
            |_, _| (),
        )
    };
    assert_eq!(names(&slower(2.2)), ["slow-down"]);
    assert_eq!(names(&slower(1.8)), [""; 0]);
    // The first steps compile kernels: a slow start is no fast beginning.
    let start = rung(
        facts(),
        |s, r| {
            if s < 5 {
                r.compute = 20.0;
            }
        },
        |_, _| (),
    );
    assert_eq!(names(&start), [""; 0]);
}

#[test]
fn supervised_starts_are_not_judged_by_these_rules() {
    let all = rung(
        facts(),
        |s, r| {
            if s > 600 {
                r.stage = Stage::WarmSound;
                r.losses.terms[0] = 100.0;
            }
        },
        |_, _| (),
    );
    assert_eq!(names(&all), [""; 0]);
}
