//! Runs side by side: what they differ in first, then how they did.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::draft::plain;
use super::smooth::Smoothed;
use crate::train::events::{StepRow, Validation};
use crate::train::{BestBy, SETTINGS, TrainConfig};

/// Runs that are drawn together at most.
pub const RUNS_MAX: usize = 12;

/// A run of a comparison.
#[derive(Clone, Debug)]
pub struct Compared<'a> {
    /// Its folder.
    pub folder: &'a Path,
    /// Its settings.
    pub config: Option<&'a TrainConfig>,
    /// Hash of its data.
    pub data: &'a str,
    /// The run that its weights came from.
    pub parent: Option<&'a str>,
    /// Its steps.
    pub steps: &'a [StepRow],
    /// Its validations.
    pub checks: &'a [Validation],
}

/// A row of the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Name of its folder.
    pub name: String,
    /// Values of the settings that differ, in the table's order.
    pub settings: Vec<String>,
    /// Steps taken.
    pub steps: u64,
    /// Smoothed contrastive loss at its end.
    pub loss: Option<f64>,
    /// Its best validation figure, as the table's `figure`.
    pub best: Option<f64>,
    /// Difference to the baseline's.
    pub delta: Option<f64>,
    /// Same seed and same data as the baseline: the difference is the settings' alone.
    pub same_seed: bool,
    /// The run that its weights came from.
    pub parent: String,
}

/// The whole comparison.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Keys of the settings in which runs differ.
    pub keys: Vec<String>,
    /// What the validation column holds, in words.
    pub figure: String,
    /// One a run.
    pub rows: Vec<Row>,
}

/// Settings that say where things lie rather than what is learnt: they come last.
fn comes_last(key: &str) -> bool {
    key == "preset" || key == "seed" || key.starts_with("run.") || super::recipe::is_place(key)
}

/// A figure of a validation in per cent (the loss as it is).
fn figure_of(v: &Validation, by: BestBy) -> Option<f64> {
    let percent = |v: Option<f64>| v.map(|v| 100.0 * v);
    match by {
        BestBy::Success => percent(v.success),
        BestBy::MeanCiou => percent(v.mean_ciou),
        BestBy::Auc => percent(v.auc),
        BestBy::Adaptive => percent(v.adaptive),
        BestBy::Pointing => percent(v.pointing),
        BestBy::Loss => v.loss,
    }
}

fn figure_name(by: BestBy) -> &'static str {
    match by {
        BestBy::Success => "success at 0.5, %",
        BestBy::MeanCiou => "mean cIoU, %",
        BestBy::Auc => "AUC, %",
        BestBy::Adaptive => "adaptive, %",
        BestBy::Pointing => "pointing, %",
        BestBy::Loss => "held-out loss",
    }
}

/// The best of a run's validations; what is no number is never best.
pub fn best(checks: &[Validation], by: BestBy) -> Option<f64> {
    let all = checks.iter().filter_map(|v| figure_of(v, by)).filter(|v| v.is_finite());
    match by {
        BestBy::Loss => all.min_by(f64::total_cmp),
        _ => all.max_by(f64::total_cmp),
    }
}

/// The smoothed contrastive loss at a run's end.
fn last_loss(steps: &[StepRow]) -> Option<f64> {
    let mut smooth = Smoothed::new(0.9);
    let recent = &steps[steps.len().saturating_sub(200)..];
    recent.iter().filter_map(|r| smooth.next(r.losses.terms[0])).last()
}

/// Puts runs side by side; differences are to `baseline`, or to the first run.
pub fn table(runs: &[Compared<'_>], baseline: Option<&Path>) -> Table {
    let base = runs.iter().find(|r| Some(r.folder) == baseline).or(runs.first());
    let by = base.and_then(|r| r.config).map(|c| c.run.best_by).unwrap_or_default();
    let values: Vec<BTreeMap<&str, String>> = runs
        .iter()
        .map(|run| {
            let all = run.config.map(TrainConfig::values).unwrap_or_default();
            all.into_iter().map(|(k, v)| (k, plain(&v.to_string()))).collect()
        })
        .collect();
    let text = |run: usize, key: &str| values[run].get(key).cloned().unwrap_or_default();
    let mut keys: Vec<&str> = SETTINGS
        .iter()
        .map(|s| s.key)
        .filter(|key| {
            let mut values = (0..runs.len()).map(|r| text(r, key));
            let first = values.next();
            values.any(|v| Some(&v) != first.as_ref())
        })
        .collect();
    keys.sort_by_key(|key| comes_last(key));
    let base_best = base.and_then(|r| best(r.checks, by));
    let rows = runs.iter().enumerate().map(|(at, run)| {
        let own = best(run.checks, by);
        let is_base = base.is_some_and(|b| b.folder == run.folder);
        let seed = |r: &Compared<'_>| r.config.map(|c| c.seed);
        Row {
            name: run.folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            settings: keys.iter().map(|k| text(at, k)).collect(),
            steps: run.steps.last().map_or(0, |r| r.step + 1),
            loss: last_loss(run.steps),
            best: own,
            delta: own.zip(base_best).filter(|_| !is_base).map(|(a, b)| a - b),
            same_seed: !is_base
                && base.is_some_and(|b| {
                    seed(b).is_some() && seed(b) == seed(run) && b.data == run.data
                }),
            parent: run.parent.unwrap_or_default().to_owned(),
        }
    });
    Table {
        rows: rows.collect(),
        keys: keys.iter().map(|k| (*k).to_owned()).collect(),
        figure: figure_name(by).to_owned(),
    }
}

impl Table {
    /// As a table that text editors and spreadsheets take: columns with tabs between.
    pub fn text(&self) -> String {
        let mut lines = Vec::new();
        let mut head = vec!["run".to_owned()];
        head.extend(self.keys.iter().cloned());
        let figures = ["steps", "contrastive", self.figure.as_str(), "to baseline", "seed", "from"];
        head.extend(figures.map(str::to_owned));
        lines.push(head.join("\t"));
        let number =
            |v: Option<f64>, digits: usize| v.map_or_else(String::new, |v| format!("{v:.digits$}"));
        for row in &self.rows {
            let mut cells = vec![row.name.clone()];
            cells.extend(row.settings.iter().cloned());
            cells.extend([
                row.steps.to_string(),
                number(row.loss, 4),
                number(row.best, 2),
                row.delta.map_or_else(String::new, |d| format!("{d:+.2}")),
                if row.same_seed { "same".to_owned() } else { String::new() },
                row.parent.clone(),
            ]);
            lines.push(cells.join("\t"));
        }
        lines.join("\n") + "\n"
    }

    /// What tells a run apart, for a legend: its settings that differ, the most telling first.
    pub fn legend(&self, row: &Row) -> String {
        let all = self.keys.iter().zip(&row.settings).filter(|(_, v)| !v.is_empty());
        let short = |key: &str| key.rsplit('.').next().unwrap_or(key).replace('_', " ");
        let parts: Vec<_> = all.take(3).map(|(k, v)| format!("{} {v}", short(k))).collect();
        parts.join(" · ")
    }
}

/// Places of colours that runs keep while they are shown.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    taken: Vec<Option<PathBuf>>,
}

impl Slots {
    /// Gives a run a place; false when all are taken. A run that is shown already keeps its own.
    pub fn add(&mut self, run: &Path) -> bool {
        if self.of(run).is_some() {
            return true;
        }
        if let Some(free) = self.taken.iter().position(Option::is_none) {
            self.taken[free] = Some(run.to_owned());
            return true;
        }
        if self.taken.len() == RUNS_MAX {
            return false;
        }
        self.taken.push(Some(run.to_owned()));
        true
    }

    /// Takes a run's place away; the others keep theirs.
    pub fn remove(&mut self, run: &Path) {
        if let Some(at) = self.of(run) {
            self.taken[at] = None;
        }
    }

    /// A run's place.
    pub fn of(&self, run: &Path) -> Option<usize> {
        self.taken.iter().position(|t| t.as_deref() == Some(run))
    }

    /// The shown runs, by place.
    pub fn runs(&self) -> impl Iterator<Item = (usize, &Path)> {
        self.taken.iter().enumerate().filter_map(|(i, t)| Some((i, t.as_deref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::training::testing::row;
    use crate::train::preset;

    fn check(success: f64) -> Validation {
        Validation { success: Some(success), ..Validation::default() }
    }

    #[test]
    fn differing_settings_come_first_and_differences_are_to_the_baseline() {
        let a = preset("quick-demo").unwrap();
        let mut b = a.clone();
        b.loss.tau = 0.05;
        let mut c = a.clone();
        c.seed = 7;
        c.batch.size = 64;
        let steps: Vec<_> = (0..300).map(row).collect();
        let checks = [vec![check(0.5), check(0.6)], vec![check(0.65)], vec![check(f64::NAN)]];
        let names = ["/r/run-0001", "/r/run-0002", "/r/run-0003"].map(Path::new);
        let runs: Vec<_> = names
            .iter()
            .zip([&a, &b, &c])
            .zip(&checks)
            .map(|((folder, config), checks)| Compared {
                folder,
                config: Some(config),
                data: "abc",
                parent: None,
                steps: &steps,
                checks,
            })
            .collect();
        let t = table(&runs, Some(names[0]));
        assert_eq!(t.keys, ["loss.tau", "batch.size", "seed"], "the seed comes last");
        assert_eq!(t.rows[1].settings, ["0.05", "32", "12345"]);
        assert!((t.rows[1].delta.unwrap() - 5.0).abs() < 1e-9);
        assert_eq!((t.rows[0].delta, t.rows[2].best), (None, None), "no number is never best");
        assert!(t.rows[1].same_seed && !t.rows[2].same_seed && !t.rows[0].same_seed);
        assert_eq!(t.legend(&t.rows[1]), "tau 0.05 · size 32 · seed 12345");
        let text = t.text();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with("run\tloss.tau\tbatch.size\tseed\tsteps"));
        assert!(
            lines[2].starts_with("run-0002\t0.05\t32\t12345\t300\t") && lines[2].contains("+5.00")
        );
        let columns: Vec<_> = lines.iter().map(|l| l.split('\t').count()).collect();
        assert!(columns.windows(2).all(|w| w[0] == w[1]), "{columns:?}");
    }

    #[test]
    fn a_low_held_out_loss_is_the_best_one() {
        let loss = |l: f64| Validation { loss: Some(l), ..Validation::default() };
        assert_eq!(best(&[loss(3.0), loss(2.0), loss(f64::NAN)], BestBy::Loss), Some(2.0));
        assert_eq!(best(&[], BestBy::Success), None);
    }

    #[test]
    fn colours_stay_with_their_runs_when_others_go() {
        let mut s = Slots::default();
        let run = |i: usize| PathBuf::from(format!("/r/run-{i:04}"));
        (0..RUNS_MAX).for_each(|i| assert!(s.add(&run(i))));
        assert!(!s.add(&run(99)), "twelve at most");
        s.remove(&run(3));
        assert_eq!((s.of(&run(2)), s.of(&run(4)), s.of(&run(3))), (Some(2), Some(4), None));
        assert!(s.add(&run(99)));
        assert_eq!(s.of(&run(99)), Some(3));
        assert_eq!(s.runs().count(), RUNS_MAX);
    }
}
