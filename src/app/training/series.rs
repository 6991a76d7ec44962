//! What can be drawn of a run: charts, their lines, and the places of the x axis.

use std::collections::HashMap;

use super::smooth::Curve;
use crate::train::events::{StepRow, Validation};

/// What lies along the x axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Along {
    /// Steps.
    #[default]
    Step,
    /// Passes over the data.
    Epoch,
    /// Minutes of training, pauses left out.
    Time,
}

impl Along {
    /// All, in the order of the switch.
    pub const ALL: [Self; 3] = [Self::Step, Self::Epoch, Self::Time];

    /// As on the switch.
    pub fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Epoch => "epoch",
            Self::Time => "minutes",
        }
    }

    /// Where a step lies; `per_epoch` steps make an epoch.
    pub fn place(self, row: &StepRow, per_epoch: f64) -> f64 {
        match self {
            Self::Step => row.step as f64,
            Self::Epoch => row.step as f64 / per_epoch.max(1.0),
            Self::Time => row.seconds / 60.0,
        }
    }

    /// Where a number of steps lies among these steps; between two where it is none of them.
    pub fn place_of(self, step: u64, rows: &[StepRow], per_epoch: f64) -> Option<f64> {
        if self != Self::Time {
            let row_like = step as f64;
            return Some(if self == Self::Step { row_like } else { row_like / per_epoch.max(1.0) });
        }
        let at = rows.partition_point(|r| r.step < step);
        rows.get(at).or(rows.last()).map(|r| r.seconds / 60.0)
    }
}

/// Steps of an epoch, as the rows tell it.
pub fn steps_per_epoch(rows: &[StepRow]) -> f64 {
    match rows.last().filter(|r| r.epoch > 0) {
        // The first step of the last epoch is a whole number of epochs in.
        Some(last) => {
            let first = rows.partition_point(|r| r.epoch < last.epoch);
            rows.get(first).map_or(1.0, |r| (r.step as f64 / last.epoch as f64).max(1.0))
        }
        None => rows.len().max(1) as f64,
    }
}

/// A line over the steps.
#[derive(Clone, Copy, Debug)]
pub struct StepLine {
    /// As in tooltips.
    pub name: &'static str,
    /// Its value; true for the value times its weight.
    pub value: fn(&StepRow, bool) -> f64,
    /// A part of the first line: drawn thinner, and for one run only.
    pub part: bool,
}

/// A line over the validations.
#[derive(Clone, Copy, Debug)]
pub struct CheckLine {
    /// As in tooltips.
    pub name: &'static str,
    /// Its value.
    pub value: fn(&Validation) -> Option<f64>,
}

/// One chart.
#[derive(Clone, Copy, Debug)]
pub struct Chart {
    /// Fixed name.
    pub id: &'static str,
    /// Above it.
    pub title: &'static str,
    /// What it tells.
    pub about: &'static str,
    /// Shown at first.
    pub at_first: bool,
    /// Lines over the steps.
    pub steps: &'static [StepLine],
    /// Lines over the validations.
    pub checks: &'static [CheckLine],
    /// Weights make a difference.
    pub weighted: bool,
    /// Chance is drawn in.
    pub chance: bool,
}

const fn line(name: &'static str, value: fn(&StepRow, bool) -> f64) -> StepLine {
    StepLine { name, value, part: false }
}

const fn part(name: &'static str, value: fn(&StepRow, bool) -> f64) -> StepLine {
    StepLine { name, value, part: true }
}

const fn check(name: &'static str, value: fn(&Validation) -> Option<f64>) -> CheckLine {
    CheckLine { name, value }
}

fn term(row: &StepRow, place: usize, weighted: bool) -> f64 {
    let weight = if weighted { row.losses.weights[place] } else { 1.0 };
    row.losses.terms[place] * weight
}

fn percent(v: Option<f64>) -> Option<f64> {
    v.map(|v| v * 100.0)
}

const PLAIN: Chart = Chart {
    id: "",
    title: "",
    about: "",
    at_first: false,
    steps: &[],
    checks: &[],
    weighted: false,
    chance: false,
};

/// All charts, in their order.
pub static CHARTS: [Chart; 11] = [
    Chart {
        id: "contrastive",
        title: "Contrastive",
        about: "Picture finds sound plus sound finds picture, its two halves thin; at chance it is \
                2 ln B. Dots: the held-out items",
        at_first: true,
        steps: &[
            line("contrastive", |r, w| term(r, 0, w)),
            part("picture finds sound", |r, _| r.halves[0]),
            part("sound finds picture", |r, _| r.halves[1]),
        ],
        checks: &[check("held out", |v| v.loss)],
        weighted: true,
        chance: true,
    },
    Chart {
        id: "validation",
        title: "Validation, %",
        about: "On held-out items: success at 0.5 under the half-map and the adaptive rule, peaks \
                inside the truth, mean cIoU, AUC, and the AUROC of heard sounds against silence",
        at_first: true,
        checks: &[
            check("success at 0.5", |v| percent(v.success)),
            check("adaptive", |v| percent(v.adaptive)),
            check("pointing", |v| percent(v.pointing)),
            check("mean cIoU", |v| percent(v.mean_ciou)),
            check("AUC", |v| percent(v.auc)),
            check("no-source AUROC", |v| percent(v.no_source_auroc)),
        ],
        ..PLAIN
    },
    Chart {
        id: "total",
        title: "Loss",
        about: "What is minimised: the weighted sum. It jumps where the warm-up ends, since the \
                three FNAC terms begin to count there",
        at_first: true,
        steps: &[line("loss", |r, _| r.losses.total())],
        ..PLAIN
    },
    Chart {
        id: "fns_audio",
        title: "FNS-1, sounds",
        about: "False negative suppression by sounds: sounds that are alike share their pictures",
        at_first: true,
        steps: &[line("FNS-1", |r, w| term(r, 1, w))],
        weighted: true,
        ..PLAIN
    },
    Chart {
        id: "tne",
        title: "TNE, foregrounds",
        about: "True negative enhancement: foregrounds are as much alike as their sounds",
        at_first: true,
        steps: &[line("TNE", |r, w| term(r, 2, w))],
        weighted: true,
        ..PLAIN
    },
    Chart {
        id: "fns_image",
        title: "FNS-2, pictures",
        about: "False negative suppression by pictures: pictures that are alike share their sounds",
        at_first: true,
        steps: &[line("FNS-2", |r, w| term(r, 3, w))],
        weighted: true,
        ..PLAIN
    },
    Chart {
        id: "health",
        title: "Map spread, sound likeness",
        about: "On held-out items: the median of each map's greatest minus smallest cosine, flat \
                near 0, and the mean cosine of two different sounds, 1 when all sound alike to the \
                network",
        checks: &[
            check("map spread", |v| v.map_spread),
            check("sound likeness", |v| v.sound_likeness),
        ],
        ..PLAIN
    },
    Chart {
        id: "rate",
        title: "Learning rate",
        about: "Before the multiples of the network's parts",
        steps: &[line("learning rate", |r, _| r.learning_rate)],
        ..PLAIN
    },
    Chart {
        id: "grad",
        title: "Gradient norm",
        about: "Length of the whole gradient, before any limit to it",
        steps: &[line("gradient", |r, _| r.grad_norm)],
        ..PLAIN
    },
    Chart {
        id: "speed",
        title: "Pairs per second",
        about: "Pairs of a step by the time that it took, waiting included",
        steps: &[line("pairs/s", |r, _| r.pairs as f64 / (r.wait + r.compute).max(1e-9))],
        ..PLAIN
    },
    Chart {
        id: "waiting",
        title: "Waits for data, %",
        about: "Share of each step's time in which it waited for its batch",
        steps: &[line("waiting", |r, _| 100.0 * r.wait / (r.wait + r.compute).max(1e-9))],
        ..PLAIN
    },
];

/// How lines are made; another way makes them anew.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ways {
    /// The x axis.
    pub along: Along,
    /// Strength of smoothing.
    pub keep: f64,
    /// Terms times their weights.
    pub weighted: bool,
    /// The y axis is logarithmic.
    pub log: bool,
}

impl Ways {
    /// A value as it lies on the y axis.
    pub fn up(&self, value: f64) -> f64 {
        match self.log {
            true if value > 0.0 => value.log10(),
            true => f64::NAN,
            false => value,
        }
    }

    /// A place of the y axis as a value.
    pub fn down(&self, place: f64) -> f64 {
        if self.log { 10f64.powf(place) } else { place }
    }
}

/// Lines that were made already. They grow with their run; only new steps are worked on.
#[derive(Default)]
pub struct Lines {
    ways: Ways,
    made: HashMap<(u64, &'static str, usize), Curve>,
}

impl Lines {
    /// Takes another way up; lines of the old one go.
    pub fn follow(&mut self, ways: Ways) {
        if ways != self.ways {
            self.ways = ways;
            self.made.clear();
        }
    }

    /// A line of a run. `run` tells runs apart.
    pub fn get(
        &mut self,
        run: u64,
        chart: &'static str,
        number: usize,
        line: &StepLine,
        rows: &[StepRow],
        per_epoch: f64,
    ) -> &Curve {
        let ways = self.ways;
        let curve = self.made.entry((run, chart, number)).or_insert_with(|| Curve::new(ways.keep));
        let place = |r: &StepRow| ways.along.place(r, per_epoch);
        let n = curve.x.len();
        let same = n <= rows.len()
            && curve.x.first().is_none_or(|x| rows.first().map(place) == Some(*x))
            && curve.x.last().is_none_or(|x| rows.get(n - 1).map(place) == Some(*x));
        if !same {
            *curve = Curve::new(ways.keep);
        }
        for row in &rows[curve.x.len()..] {
            let value = (line.value)(row, ways.weighted);
            curve.push_as(place(row), value, |v| ways.up(v));
        }
        curve
    }
}

/// A number in few figures, for axes and tooltips.
pub fn short(v: f64) -> String {
    let a = v.abs();
    if !v.is_finite() {
        "not finite".to_owned()
    } else if a == 0.0 {
        "0".to_owned()
    } else if a >= 9_999.5 {
        format!("{:.0}k", v / 1e3)
    } else if a >= 999.5 {
        format!("{:.1}k", v / 1e3)
    } else if a < 0.000_999_5 {
        format!("{v:.1e}")
    } else {
        let digits = (2 - a.log10().floor() as i32).clamp(0, 5);
        let text = format!("{v:.*}", digits as usize);
        match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::training::testing::row;
    use crate::train::loss::LOSS_TERMS;

    #[test]
    fn every_loss_term_has_a_chart_of_its_own_that_shows_its_value_and_its_weighted_value() {
        let r = row(80);
        for (i, t) in LOSS_TERMS.iter().enumerate() {
            let chart = CHARTS.iter().find(|c| c.id == t.column).unwrap();
            let value = chart.steps[0].value;
            assert_eq!(value(&r, false), r.losses.terms[i]);
            assert_eq!(value(&r, true), r.losses.terms[i] * r.losses.weights[i]);
            assert!(chart.weighted && chart.at_first);
        }
        let ids: std::collections::HashSet<_> = CHARTS.iter().map(|c| c.id).collect();
        assert_eq!(ids.len(), CHARTS.len());
    }

    #[test]
    fn epochs_are_told_from_the_rows_of_whatever_run() {
        let rows: Vec<_> = (0..57).map(row).collect();
        assert_eq!(steps_per_epoch(&rows), 10.0, "ten steps an epoch");
        assert_eq!(steps_per_epoch(&rows[..7]), 7.0, "not one epoch yet");
        assert_eq!(Along::Epoch.place(&rows[25], 10.0), 2.5);
        assert_eq!(Along::Time.place_of(29, &rows, 10.0), Some(rows[29].seconds / 60.0));
        assert_eq!(Along::Time.place_of(9_999, &rows, 10.0), Some(rows[56].seconds / 60.0));
    }

    #[test]
    fn lines_grow_with_their_run_and_begin_anew_when_it_went_back() {
        let line = &CHARTS[0].steps[0];
        let mut lines = Lines::default();
        lines.follow(Ways { keep: 0.5, ..Ways::default() });
        let mut rows: Vec<_> = (0..50).map(row).collect();
        let whole = lines.get(1, "a", 0, line, &rows, 10.0).smooth.clone();
        let mut by_parts = Lines::default();
        by_parts.follow(Ways { keep: 0.5, ..Ways::default() });
        for n in [1, 7, 50] {
            by_parts.get(1, "a", 0, line, &rows[..n], 10.0);
        }
        assert_eq!(by_parts.get(1, "a", 0, line, &rows, 10.0).smooth, whole);
        rows.truncate(20);
        rows[19].losses.terms[0] = 9.0;
        let back = lines.get(1, "a", 0, line, &rows, 10.0);
        assert_eq!((back.y.len(), back.y[19]), (20, 9.0));
    }

    #[test]
    fn what_is_not_positive_leaves_no_mark_on_a_logarithmic_axis() {
        let ways = Ways { log: true, ..Ways::default() };
        assert!(ways.up(0.0).is_nan() && ways.up(-1.0).is_nan());
        assert!((ways.down(ways.up(0.25)) - 0.25).abs() < 1e-12);
    }

    #[test]
    fn numbers_are_short() {
        let all: Vec<_> =
            [0.0, 6.9314, 0.02, 123.4, 1e-4, 15_000.0, 1_234.0, 100.0].map(short).into();
        assert_eq!(all, ["0", "6.93", "0.02", "123", "1.0e-4", "15k", "1.2k", "100"]);
    }
}
