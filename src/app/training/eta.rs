//! How long it still takes, as a range, and how fast it is: from the last steps alone.

use std::time::Duration;

use super::state::TrainingState;
use crate::train::events::StepRow;

/// Steps that the figures are taken from.
pub const RECENT: usize = 200;
/// Steps before there is an estimate.
const ENOUGH: usize = 8;

/// Figures of the last steps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Speed {
    /// Steps per second.
    pub steps: f64,
    /// Pairs per second.
    pub pairs: f64,
    /// Share of the time in which steps waited for their batch, 0 to 1.
    pub waiting: f64,
    /// Median seconds of a step, waiting included.
    pub step_secs: f64,
    /// Steps that it was taken from.
    pub from: usize,
}

/// Figures of the last [`RECENT`] steps; `None` without any.
pub fn speed(steps: &[StepRow]) -> Option<Speed> {
    let recent = recent(steps);
    let total: f64 = recent.iter().map(took).sum();
    if recent.is_empty() || total <= 0.0 {
        return None;
    }
    let pairs: usize = recent.iter().map(|r| r.pairs).sum();
    let waiting: f64 = recent.iter().map(|r| r.wait).sum();
    let mut all: Vec<f64> = recent.iter().map(took).collect();
    all.sort_by(f64::total_cmp);
    Some(Speed {
        steps: recent.len() as f64 / total,
        pairs: pairs as f64 / total,
        waiting: (waiting / total).clamp(0.0, 1.0),
        step_secs: quantile(&all, 0.5),
        from: recent.len(),
    })
}

fn recent(steps: &[StepRow]) -> &[StepRow] {
    &steps[steps.len().saturating_sub(RECENT)..]
}

fn took(r: &StepRow) -> f64 {
    let secs = r.wait + r.compute;
    if secs.is_finite() { secs.max(0.0) } else { 0.0 }
}

fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = q * last as f64;
    let (low, part) = (at.floor() as usize, at.fract());
    let high = (low + 1).min(last);
    sorted[low] * (1.0 - part) + sorted[high] * part
}

/// Between these two it will probably end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eta {
    /// If steps are as fast as the faster ones.
    pub low: Duration,
    /// If they are as slow as the slower ones.
    pub high: Duration,
}

/// Time to the end, validations included. Means over stretches of ten steps, from the tenth to the
/// ninetieth percentile: single slow steps cancel out over a run, slow stretches do not.
/// Validations take as long as those that were. `None` until there is something to go by.
pub fn eta(state: &TrainingState) -> Option<Eta> {
    let facts = state.facts.as_ref()?;
    let recent = recent(&state.steps);
    if recent.len() < ENOUGH {
        return None;
    }
    let left = facts.steps.saturating_sub(state.step()) as f64;
    let stretch = (recent.len() / 8).clamp(1, 10);
    let mut means: Vec<f64> = recent
        .chunks_exact(stretch)
        .map(|c| c.iter().map(took).sum::<f64>() / stretch as f64)
        .collect();
    means.sort_by(f64::total_cmp);
    let (fast, slow) = (quantile(&means, 0.1), quantile(&means, 0.9));
    let validating = validation_secs(state, left);
    let secs = |step: f64| Duration::try_from_secs_f64(step * left + validating).ok();
    Some(Eta { low: secs(fast)?, high: secs(slow)? })
}

/// Seconds of the validations that are still to come.
fn validation_secs(state: &TrainingState, left: f64) -> f64 {
    let Some(facts) = &state.facts else { return 0.0 };
    let known: Vec<f64> = state.validations.iter().rev().take(5).map(|v| v.seconds).collect();
    if known.is_empty() {
        return 0.0;
    }
    let mean = known.iter().filter(|s| s.is_finite()).sum::<f64>() / known.len() as f64;
    let every = match state.config.as_ref().map_or(0, |c| c.run.validate_steps) {
        0 => facts.steps_per_epoch,
        n => n,
    };
    mean * (left / every.max(1) as f64).ceil()
}

impl Eta {
    /// As shown: coarse, because it is an estimate.
    pub fn text(self) -> String {
        let (low, high) = (coarse(self.low), coarse(self.high));
        match low == high {
            true if low.starts_with("under") => low,
            true => format!("about {low}"),
            false => format!("{low} to {high}"),
        }
    }
}

/// A duration as people say it: two figures at most.
pub fn coarse(d: Duration) -> String {
    let secs = d.as_secs();
    match secs {
        0..10 => "under 10 s".to_owned(),
        10..90 => format!("{} s", (secs + 2) / 5 * 5),
        90..600 => {
            let half_minutes = (secs + 15) / 30;
            let half = if half_minutes % 2 == 1 { ".5" } else { "" };
            format!("{}{half} min", half_minutes / 2)
        }
        600..5_400 => format!("{} min", (secs + 30) / 60),
        5_400..172_800 => {
            let tenths = (secs + 180) / 360;
            format!("{}.{} h", tenths / 10, tenths % 10)
        }
        _ => format!("{} days", (secs + 43_200) / 86_400),
    }
}

/// Exact hours, minutes and seconds in a fixed width.
pub fn clock(secs: f64) -> String {
    let s = if secs.is_finite() { secs.max(0.0) as u64 } else { 0 };
    format!("{:>3}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::app::training::testing::row;
    use crate::train::events::{RunFacts, TrainEvent, Validation};

    fn run(steps: u64, total: u64, secs: impl Fn(u64) -> f64) -> TrainingState {
        let mut s = TrainingState::starting(Arc::default(), 0);
        let facts = RunFacts { steps: total, steps_per_epoch: 100, ..RunFacts::default() };
        s.apply(TrainEvent::Started(Arc::new(facts)));
        for i in 0..steps {
            let mut r = row(i);
            (r.wait, r.compute) = (0.25 * secs(i), 0.75 * secs(i));
            s.apply(TrainEvent::Step(r));
        }
        s
    }

    #[test]
    fn steady_steps_give_a_narrow_range_and_the_shares_are_right() {
        let s = run(200, 1000, |_| 0.5);
        let e = eta(&s).unwrap();
        assert!((e.low.as_secs_f64() - 400.0).abs() < 1e-6 && e.high == e.low);
        assert_eq!(e.text(), "about 6.5 min");
        let v = speed(&s.steps).unwrap();
        assert!((v.steps - 2.0).abs() < 1e-9 && (v.pairs - 32.0).abs() < 1e-9);
        assert!((v.waiting - 0.25).abs() < 1e-9 && v.from == 200);
    }

    #[test]
    fn only_the_last_steps_count_and_uneven_ones_widen_the_range() {
        let s = run(400, 1000, |i| {
            if i < 200 {
                9.0
            } else if i / 20 % 2 == 0 {
                0.5
            } else {
                1.5
            }
        });
        let e = eta(&s).unwrap();
        assert!((e.low.as_secs_f64() - 300.0).abs() < 5.0, "{e:?}");
        assert!((e.high.as_secs_f64() - 900.0).abs() < 5.0, "{e:?}");
    }

    #[test]
    fn one_slow_step_among_many_hardly_moves_the_range() {
        let e = eta(&run(200, 1000, |i| if i == 150 { 20.0 } else { 0.5 })).unwrap();
        assert!(e.high.as_secs_f64() < 410.0, "{e:?}");
    }

    #[test]
    fn validations_to_come_are_counted_in() {
        let mut s = run(200, 1000, |_| 0.5);
        s.apply(TrainEvent::Validated(Validation { seconds: 30.0, ..Validation::default() }));
        // 800 steps are left: eight epochs of a hundred steps, one validation each.
        assert!((eta(&s).unwrap().low.as_secs_f64() - 640.0).abs() < 1e-6);
    }

    #[test]
    fn there_is_no_estimate_before_there_is_something_to_go_by() {
        assert!(eta(&run(3, 1000, |_| 0.5)).is_none());
        assert!(speed(&[]).is_none());
        assert_eq!(eta(&run(200, 200, |_| 0.5)).unwrap().text(), "under 10 s");
    }

    #[test]
    fn durations_read_as_people_say_them() {
        let text = |s: u64| coarse(Duration::from_secs(s));
        let all: Vec<_> = [3, 44, 100, 640, 5_400, 36_000, 259_200].map(text).into();
        assert_eq!(all, ["under 10 s", "45 s", "1.5 min", "11 min", "1.5 h", "10.0 h", "3 days"]);
        assert_eq!(clock(3_725.9), "  1:02:05");
    }
}
