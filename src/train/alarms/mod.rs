//! What a run's user should know without looking at curves.
//!
//! [`Alarms`] is fed what the run says anyway (steps, validations, now and then a batch and the
//! machine's state) and gives back what rings. Each alarm of [`ALARMS`] rings when its case begins
//! and not again before the case was over; none asks anything. Pure: no clock, no files.

mod duplicates;
mod machine;

use std::collections::{BTreeMap, VecDeque};

pub use duplicates::near_duplicates;
pub use machine::Machine;

use super::config::{BestBy, TrainConfig};
use super::events::{Alarm, Severity, Stage, StepRow, Validation};
use super::loss::LOSS_TERMS;
use super::schedule::Schedule;

/// One row of the table.
#[derive(Debug)]
pub struct AlarmSpec {
    /// Its stable name.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What probably causes it.
    pub cause: &'static str,
    /// What to do.
    pub action: &'static str,
}

const fn row(
    name: &'static str,
    severity: Severity,
    cause: &'static str,
    action: &'static str,
) -> AlarmSpec {
    AlarmSpec { name, severity, cause, action }
}

/// Every alarm.
pub static ALARMS: &[AlarmSpec] = &[
    row(
        "loss-not-finite",
        Severity::Stopped,
        "A learning rate that is too high, or a clip with numbers that are none.",
        "The weights are as before that step. Look at the named clips, lower \
         optim.learning_rate or set optim.clip_norm = 1, then resume.",
    ),
    row(
        "loss-leaps",
        Severity::Warning,
        "The weights left the region in which the steps are small enough.",
        "Go on from the best checkpoint with a lower optim.learning_rate or optim.clip_norm = 1.",
    ),
    row(
        "sounds-alike",
        Severity::Warning,
        "The sound tower gives every sound nearly the same embedding: the towers started too far \
         from each other, or the adjacency terms were too heavy too early.",
        "Start from a trained checkpoint or with a supervised start (warm.sound_steps), use \
         loss.pooling = \"log-sum-exp\", or begin the three terms later.",
    ),
    row(
        "maps-flat",
        Severity::Warning,
        "Every cell of a picture looks the same to the network: it has not found anything yet, or \
         it has collapsed.",
        "If the loss is at chance too, start the picture tower from labels or ImageNet \
         (warm.image_steps, model.image_start) and use loss.pooling = \"log-sum-exp\".",
    ),
    row(
        "silence-lights-up",
        Severity::Warning,
        "The map follows what is seen, not what is heard: silence and noise light it up as much \
         as the own sound does.",
        "Add sounds without a source as wrong answers (batch.no_source = 4); more different kinds \
         in a batch help too.",
    ),
    row(
        "validation-falls",
        Severity::Warning,
        "The network learns the training clips by heart.",
        "Stop and take the best checkpoint; more data, more augmentation or fewer trained layers \
         (freeze.image_stages) help.",
    ),
    row(
        "validation-not-finite",
        Severity::Warning,
        "The network gave something that is no number on a held-out clip.",
        "This checkpoint is never taken for the best. Go on from an earlier one with a lower rate.",
    ),
    row(
        "data-wait",
        Severity::Notice,
        "Pictures and sounds are decoded more slowly than the device learns from them.",
        "Raise data.workers, run `fnac prepare` on videos, or put the data on a faster disk.",
    ),
    row(
        "near-duplicates",
        Severity::Notice,
        "Several clips in a batch sound nearly the same; each counts as the others' wrong answer.",
        "`fnac data doctor` lists duplicates: leave them out with data.exclude.",
    ),
    row(
        "few-negatives",
        Severity::Notice,
        "A picture is told from the other pairs of its batch only, and these are few.",
        "A larger batch.size with run.chunk for the memory keeps the contrastive batch whole; \
         adding up gradients does not.",
    ),
    row(
        "heavy-terms",
        Severity::Notice,
        "The three adjacency terms are means over B x B entries, so they shrink as 1 / B: weights \
         that suit a batch of 128 are too heavy in a small one.",
        "Set loss.scale_with_batch = true, and begin them on a network that already works \
         (schedule.warmup_steps).",
    ),
    row(
        "terms-pull-to-chance",
        Severity::Warning,
        "Since the adjacency terms count, the contrastive loss is back where it is for a network \
         that knows nothing: all-equal adjacencies make the three terms zero.",
        "Go on from the last checkpoint before the warm-up's end with smaller weights: \
         loss.scale_with_batch = true, or a quarter of them.",
    ),
    row(
        "memory",
        Severity::Warning,
        "Pictures, features and gradients of a batch fill the memory.",
        "Set run.chunk to a half or a quarter of the batch: the contrastive batch stays whole.",
    ),
    row(
        "disk",
        Severity::Warning,
        "The disk with the run's folder has no room for two more checkpoints.",
        "Free some space, or keep fewer checkpoints (run.keep_epochs).",
    ),
    row(
        "slow-down",
        Severity::Notice,
        "The machine got hot and runs slower, or something else uses it.",
        "Look for other work on the device; the figures of time left are from now on longer.",
    ),
];

/// What does not change in a run.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmFacts {
    /// Pairs in a step, over all devices where negatives are gathered.
    pub batch: usize,
    /// Sounds without a source in a step.
    pub no_source: usize,
    /// Weights of the terms after the warm-up, in the order of [`LOSS_TERMS`].
    pub weights: [f64; 4],
    /// The first step in which all terms count.
    pub warmup_ends: u64,
    /// Steps of the whole run.
    pub steps: u64,
    /// What makes a checkpoint the best.
    pub best_by: BestBy,
}

impl AlarmFacts {
    /// Of a run by `config` whose steps `schedule` plans; `best_by` is what really decides
    /// ([`super::Validator::best_by`]).
    pub fn of(config: &TrainConfig, schedule: &Schedule, best_by: BestBy) -> Self {
        Self {
            batch: config.batch.size,
            no_source: config.batch.no_source,
            weights: config.weights(config.batch.size),
            warmup_ends: schedule.warmup_ends(),
            steps: schedule.steps(),
            best_by,
        }
    }
}

/// Steps over which running figures are taken.
const WINDOW: usize = 200;
/// Steps that a leap has to last.
const LEAP_STEPS: usize = 50;
/// Steps of the short means: waiting, loss before and after the warm-up's end.
const SHORT: usize = 50;
/// A network is given this many steps to get off the ground.
const GRACE: u64 = 200;
/// Validations in a row that must be worse.
const FALLS: usize = 3;
/// Share of chance below which a loss counts as learnt.
const LEARNT: f64 = 0.93;
/// Share of chance above which it counts as back.
const BACK: f64 = 0.97;
/// A total weight of the three terms, seen as at a batch of 128, that is too heavy.
const HEAVY: f64 = 2.0;

/// Watches one run. The order of calls is the order of what happened.
#[derive(Clone, Debug)]
pub struct Alarms {
    facts: AlarmFacts,
    ringing: BTreeMap<&'static str, bool>,
    losses: VecDeque<f64>,
    leap: usize,
    waits: VecDeque<(f64, f64)>,
    before_terms: VecDeque<f64>,
    after_terms: VecDeque<f64>,
    early_pace: Vec<f64>,
    pace: VecDeque<f64>,
    /// Since the last validation.
    loss_sum: (f64, u64),
    /// Figure and mean training loss of each validation.
    validations: VecDeque<(f64, f64)>,
}

fn push(queue: &mut VecDeque<f64>, value: f64, most: usize) {
    if queue.len() == most {
        queue.pop_front();
    }
    queue.push_back(value);
}

fn mean(values: &VecDeque<f64>) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn median<'a>(values: impl IntoIterator<Item = &'a f64>) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().copied().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Alarms {
    /// For a run that begins (or goes on) with `facts`.
    pub fn new(facts: AlarmFacts) -> Self {
        Self {
            facts,
            ringing: BTreeMap::new(),
            losses: VecDeque::new(),
            leap: 0,
            waits: VecDeque::new(),
            before_terms: VecDeque::new(),
            after_terms: VecDeque::new(),
            early_pace: Vec::new(),
            pace: VecDeque::new(),
            loss_sum: (0.0, 0),
            validations: VecDeque::new(),
        }
    }

    /// Loss of a network that knows nothing.
    fn chance(&self) -> f64 {
        let b = self.facts.batch as f64;
        b.ln() + (b + self.facts.no_source as f64).ln()
    }

    /// Steps after which a network should be off the ground.
    fn grace(&self) -> u64 {
        GRACE.min(self.facts.steps / 5)
    }

    /// Rings when `case` begins.
    fn when(&mut self, name: &'static str, case: bool, step: u64, what: String) -> Option<Alarm> {
        let was = self.ringing.insert(name, case).unwrap_or(false);
        if !case || was {
            return None;
        }
        Self::alarm(name, step, what)
    }

    fn alarm(name: &'static str, step: u64, what: String) -> Option<Alarm> {
        let spec = ALARMS.iter().find(|a| a.name == name)?;
        Some(Alarm {
            name,
            severity: spec.severity,
            step,
            what,
            cause: spec.cause.to_owned(),
            action: spec.action.to_owned(),
        })
    }

    /// What can be said before the first step.
    pub fn begin(&mut self, step: u64) -> Vec<Alarm> {
        let AlarmFacts { batch, weights, .. } = self.facts;
        let few = format!("a batch has {batch} pairs, fewer than 64");
        let mut out: Vec<Alarm> =
            self.when("few-negatives", batch < 64, step, few).into_iter().collect();
        // At a batch of 128 the paper's weights sum to 300.
        let heaviness = weights.iter().skip(1).sum::<f64>() / 300.0 * 128.0 / batch.max(1) as f64;
        let heavy = format!(
            "the adjacency terms have weights {} in a batch of {batch}, {heaviness:.1} times as \
             heavy as the paper's in a batch of 128",
            LOSS_TERMS
                .iter()
                .zip(weights)
                .skip(1)
                .map(|(t, w)| format!("{} {w}", t.column))
                .collect::<Vec<_>>()
                .join(", ")
        );
        out.extend(self.when("heavy-terms", heaviness > HEAVY, step, heavy));
        out
    }

    /// A step that was refused because its loss or gradient is no number; `clips` are its items.
    pub fn not_finite(&mut self, step: u64, why: &str, clips: &[String]) -> Alarm {
        let named = clips.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
        let more = clips.len().saturating_sub(8);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let what = format!("{why} Clips of the step: {named}{more}.");
        let spec = &ALARMS[0];
        Alarm {
            name: spec.name,
            severity: spec.severity,
            step,
            what,
            cause: spec.cause.to_owned(),
            action: spec.action.to_owned(),
        }
    }

    /// A step that was taken.
    pub fn step(&mut self, row: &StepRow) -> Vec<Alarm> {
        if row.stage != Stage::Training {
            return Vec::new();
        }
        let mut out = Vec::new();
        // The sum leaps by itself where weights of 100 switch in; the contrastive term does not.
        let loss = row.losses.terms[0];
        out.extend(self.leap(row.step, loss));
        self.loss_sum = (self.loss_sum.0 + loss, self.loss_sum.1 + 1);
        out.extend(self.pull(row.step, loss));
        if self.waits.len() == SHORT {
            self.waits.pop_front();
        }
        self.waits.push_back((row.wait, row.compute));
        let (wait, all) = self.waits.iter().fold((0.0, 0.0), |(w, a), (x, y)| (w + x, a + x + y));
        let share = if all > 0.0 { wait / all } else { 0.0 };
        let waits =
            format!("{:.0} % of the last {SHORT} steps' time is waiting for data", 100.0 * share);
        let long = self.waits.len() == SHORT;
        out.extend(self.when("data-wait", long && share > 0.3, row.step, waits));
        out.extend(self.slow(row));
        out
    }

    fn leap(&mut self, step: u64, loss: f64) -> Option<Alarm> {
        let usual = median(&self.losses);
        let settled = self.losses.len() >= LEAP_STEPS;
        let high = settled && loss > 3.0 * usual;
        self.leap = if high { self.leap + 1 } else { 0 };
        if !high {
            // What leaps is kept out, or the median would follow it.
            push(&mut self.losses, loss, WINDOW);
        }
        let what = format!(
            "the contrastive loss is {loss:.2}, more than three times its running median \
             {usual:.2}, for {LEAP_STEPS} steps"
        );
        self.when("loss-leaps", self.leap >= LEAP_STEPS, step, what)
    }

    fn pull(&mut self, step: u64, loss: f64) -> Option<Alarm> {
        let chance = self.chance();
        let counted = self.facts.weights.iter().skip(1).any(|w| *w > 0.0);
        if !counted || self.facts.warmup_ends == 0 {
            return None;
        }
        if step < self.facts.warmup_ends {
            push(&mut self.before_terms, loss, SHORT);
            return None;
        }
        push(&mut self.after_terms, loss, SHORT);
        let (before, after) = (mean(&self.before_terms), mean(&self.after_terms));
        let known = !self.before_terms.is_empty() && self.after_terms.len() == SHORT;
        let back = known && before < LEARNT * chance && after > BACK * chance;
        let what = format!(
            "the contrastive loss was {before:.2} before the adjacency terms began and is \
             {after:.2} now; chance is {chance:.2}"
        );
        self.when("terms-pull-to-chance", back, step, what)
    }

    fn slow(&mut self, row: &StepRow) -> Option<Alarm> {
        push(&mut self.pace, row.compute, SHORT);
        // The first steps compile and warm up.
        if self.early_pace.len() < SHORT + 10 {
            self.early_pace.push(row.compute);
            return None;
        }
        let early = median(self.early_pace.iter().skip(10));
        let now = median(&self.pace);
        let was = self.ringing.get("slow-down").copied().unwrap_or(false);
        let slow = now > early * if was { 1.5 } else { 2.0 };
        let what = format!("a step takes {now:.2} s, {early:.2} s at the beginning");
        self.when("slow-down", slow, row.step, what)
    }

    /// The held-out part was scored: the fixed set of clips on which maps and sounds are looked
    /// at.
    pub fn validation(&mut self, v: &Validation) -> Vec<Alarm> {
        let mut out = Vec::new();
        let off_ground = v.step >= self.grace();
        if let Some(alike) = v.sound_likeness {
            out.extend(self.sounds(v.step, alike));
        }
        if let Some(spread) = v.map_spread {
            let what = format!(
                "half of the held-out pictures have maps whose cosines differ by less than {spread:.1e}"
            );
            out.extend(self.when("maps-flat", off_ground && spread < 1e-3, v.step, what));
        }
        if let Some(auroc) = v.no_source_auroc {
            let due = off_ground && v.step >= self.facts.warmup_ends;
            let what = format!(
                "a picture's own sound has a higher peak than silence or noise in {:.0} % of the \
                 cases; 50 % is chance",
                100.0 * auroc
            );
            out.extend(self.when("silence-lights-up", due && auroc < 0.6, v.step, what));
        }
        let bad = [v.loss, v.success, v.adaptive, v.pointing]
            .into_iter()
            .flatten()
            .any(|figure| !figure.is_finite());
        let what = "a figure of the validation is no number".to_owned();
        out.extend(self.when("validation-not-finite", bad, v.step, what));
        out.extend(self.falls(v));
        out
    }

    /// The mean cosine of two different sounds, from a validation or a batch.
    pub fn sounds(&mut self, step: u64, alike: f64) -> Option<Alarm> {
        let case = step >= self.grace() && alike > 0.95;
        let what = format!("two different sounds have a cosine of {alike:.3} on average");
        self.when("sounds-alike", case, step, what)
    }

    fn falls(&mut self, v: &Validation) -> Option<Alarm> {
        let by = self.facts.best_by;
        let figure = by.figure(v)?;
        let (sum, n) = std::mem::take(&mut self.loss_sum);
        let loss = if n > 0 { sum / n as f64 } else { f64::NAN };
        if self.validations.len() > FALLS {
            self.validations.pop_front();
        }
        self.validations.push_back((figure, loss));
        let all: Vec<_> = self.validations.iter().copied().collect();
        let worse = |pair: &[(f64, f64)]| by.beats(pair[0].0, Some(pair[1].0));
        let falling = all.len() > FALLS && all.windows(2).all(worse);
        let learns = all.first().zip(all.last()).is_some_and(|(a, b)| b.1 < a.1);
        let what = format!(
            "{} got worse in {FALLS} validations in a row, to {figure:.3}, while the training loss \
             fell to {loss:.2}",
            by.name()
        );
        self.when("validation-falls", falling && learns, v.step, what)
    }

    /// The share of a batch's clips that sound nearly like another one in it.
    pub fn duplicates(&mut self, step: u64, share: f64) -> Option<Alarm> {
        let what = format!("{:.0} % of a batch's clips have a near-duplicate in it", 100.0 * share);
        self.when("near-duplicates", share > 0.1, step, what)
    }

    /// The machine's state.
    pub fn machine(&mut self, step: u64, machine: &Machine) -> Vec<Alarm> {
        let gb = |bytes: u64| bytes as f64 / 1e9;
        let mut out = Vec::new();
        if let Some((used, all)) = machine.memory {
            let full = used as f64 > 0.9 * all as f64;
            let what = format!("{:.1} of {:.1} GB of memory are in use", gb(used), gb(all));
            out.extend(self.when("memory", full, step, what));
        }
        if let Some(free) = machine.disk_free {
            let low = free < machine.checkpoint_bytes.saturating_mul(2);
            let what = format!(
                "{:.2} GB are free, a checkpoint with its optimiser takes {:.2} GB",
                gb(free),
                gb(machine.checkpoint_bytes)
            );
            out.extend(self.when("disk", low, step, what));
        }
        out
    }
}

#[cfg(test)]
mod tests;
