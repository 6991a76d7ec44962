//! The life of a run on its thread.
//!
//! A run is a row of borders with a step between each two. At a border everything is consistent:
//! commands are obeyed, what is due is validated and saved, and a pause waits. The order at a
//! border decides what a kill can cost: the step's row is on the disk first, then the validation,
//! the best checkpoint and the kept one, and the state that knows of them last.

mod checks;
mod desk;
mod prepare;

use std::sync::Arc;
use std::time::{Duration, Instant};

use self::checks::Checks;
use self::prepare::{Prepared, warm_steps};
use super::alarms::Alarms;
use super::engine::{RunRequest, TrainError};
use super::events::{Adjacency, Alarm, Ending, Severity, Stage, StepRow, TrainEvent};
use super::loader::{Loaded, Loader};
use super::loss::Parts;
use super::run_folder::curves_line;
use super::state::{RunState, stage_name};
use super::step::{Learner, StepError, StepReport};
use super::warm::{Tower, WarmBatches, WarmLearner};
use crate::data::{Dataset, OpenOptions};
use crate::model::{Checkpoint, Fnac};

pub(super) use desk::Desk;

/// Names in an alarm about clips.
const NAMED: usize = 12;

/// Runs from the request to the ending.
pub(super) fn run(request: RunRequest, desk: &mut Desk) -> Result<Ending, TrainError> {
    desk.stage(Stage::Preparing);
    let prepared = Prepared::new(request, desk)?;
    desk.publish_every = prepared.config.run.publish_steps;
    desk.adjacency_every = prepared.config.run.adjacency_steps;
    desk.say(TrainEvent::Started(Arc::new(prepared.facts.clone())));
    let before = prepared.state.seconds;
    let checks = Checks::new(&prepared, desk);
    let mut run = Run {
        p: prepared,
        desk,
        clock: Clock::new(before),
        live: None,
        checks,
        best_figures: Vec::new(),
    };
    let result = run.go();
    run.live = None;
    let ending = match &result {
        Ok(ending) => ending.clone(),
        Err(e) => Ending::Failed(e.to_string()),
    };
    run.end(&ending);
    Ok(ending)
}

/// The matrices of a step. Several devices with their own negatives have a batch each, of which
/// the first one's is looked at.
fn look(parts: &Parts, step: u64, loaded: &Loaded) -> Option<Adjacency> {
    let ids = loaded.ids.get(..parts.batch())?.to_vec();
    let mut adjacency = Adjacency::of(parts, step, ids)?;
    adjacency.variations = loaded.variations.get(..parts.batch())?.to_vec();
    Some(adjacency)
}

/// Seconds of training over all sittings, pauses left out.
struct Clock {
    before: f64,
    since: Option<Instant>,
}

impl Clock {
    fn new(before: f64) -> Self {
        Self { before, since: Some(Instant::now()) }
    }

    fn seconds(&self) -> f64 {
        self.before + self.since.map_or(0.0, |s| s.elapsed().as_secs_f64())
    }

    fn pause(&mut self) {
        (self.before, self.since) = (self.seconds(), None);
    }

    fn go(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }
}

/// What holds the device's memory and the loading threads.
struct Live {
    learner: Learner,
    loader: Loader,
}

struct Run<'a> {
    p: Prepared,
    desk: &'a mut Desk,
    clock: Clock,
    live: Option<Live>,
    checks: Checks,
    /// What the best validation so far measured in this sitting.
    best_figures: Vec<(String, f64)>,
}

/// Whether to go on.
enum Flow {
    Go,
    Stop,
}

impl Run<'_> {
    fn go(&mut self) -> Result<Ending, TrainError> {
        if self.p.state.updates == 0 && self.p.state.step == 0 {
            // From here on there is always something to go on from.
            self.save_network()?;
        }
        for (tower, stage) in [(Tower::Image, Stage::WarmImage), (Tower::Sound, Stage::WarmSound)] {
            if self.p.state.stage == stage_name(stage)
                && let Flow::Stop = self.warm(tower, stage)?
            {
                return Ok(Ending::Stopped);
            }
        }
        self.desk.stage(Stage::Training);
        self.train()
    }

    /// The state with the network that is about to begin a stage.
    fn save_network(&mut self) -> Result<(), TrainError> {
        let model = self.model()?;
        self.put_network(&model)
    }

    fn put_network(&mut self, model: &Fnac) -> Result<(), TrainError> {
        let path = self.p.folder.checkpoint("last").map_err(TrainError::other)?;
        let (state, card) = (&self.p.state, self.p.checkpoint_card.clone());
        state.write_network(model, card, &path).map_err(TrainError::other)
    }

    fn model(&self) -> Result<Fnac, TrainError> {
        let device = self.p.devices.first().ok_or_else(|| TrainError::other("no device"))?;
        Fnac::from_state(self.p.network, &self.p.weights, &device.device).map_err(TrainError::other)
    }

    /// A supervised start of one tower. It is kept when it is done; one that is stopped begins
    /// again.
    fn warm(&mut self, tower: Tower, stage: Stage) -> Result<Flow, TrainError> {
        self.desk.stage(stage);
        let (image, sound) = warm_steps(&self.p.config);
        let steps = if tower == Tower::Image { image } else { sound };
        let rate = self.p.checkpoint_card.sample_rate;
        let labelled = match self.p.config.warm.data.as_str() {
            "" => self.p.train.clone(),
            folder => {
                let set = Dataset::open(std::path::Path::new(folder), &OpenOptions::default());
                Arc::new(set.map_err(TrainError::other)?)
            }
        };
        let batches =
            WarmBatches::new(labelled, &self.p.config, tower, rate).map_err(TrainError::other)?;
        let model = self.model()?;
        let mut learner = WarmLearner::new(model, &self.p.config, tower, batches.classes());
        let workers = self.p.config.data.workers;
        let mut loader =
            Loader::new(Arc::new(batches), 0, steps, workers).map_err(TrainError::other)?;
        let mut step = 0;
        while step < steps {
            self.desk.listen();
            self.desk.save = false;
            if self.desk.pause.is_some() {
                self.wait_warm();
            }
            if self.desk.stop {
                self.desk
                    .note("stopped in the supervised start: it begins again when the run goes on");
                return Ok(Flow::Stop);
            }
            let waited = Instant::now();
            let Some(loaded) = loader.next(|| self.desk.is_told()) else { continue };
            let (wait, computing) = (waited.elapsed(), Instant::now());
            let report = learner.step(step, &loaded).map_err(TrainError::other)?;
            let compute = computing.elapsed();
            self.row(&report, stage, &loaded, wait, compute);
            self.desk.yield_device(compute);
            step += 1;
        }
        drop(loader);
        let model = learner.into_model();
        let next = match stage {
            Stage::WarmImage if sound > 0 => Stage::WarmSound,
            _ => Stage::Training,
        };
        stage_name(next).clone_into(&mut self.p.state.stage);
        self.p.state.seconds = self.clock.seconds();
        self.p.weights = model.state().map_err(TrainError::other)?;
        self.p.curves.sync().map_err(TrainError::other)?;
        if next == Stage::Training {
            // What the contrastive steps began with, to compare with or to branch from.
            let path = self.p.folder.checkpoint("warm").map_err(TrainError::other)?;
            let card = self.p.checkpoint_card.clone();
            let warm = Checkpoint::from_state(self.p.network, card, self.p.weights.clone());
            warm.write_safetensors(&path).map_err(TrainError::other)?;
        }
        self.put_network(&model)?;
        Ok(Flow::Go)
    }

    /// A pause inside a supervised start keeps the device's memory.
    fn wait_warm(&mut self) {
        self.clock.pause();
        self.desk.say(TrainEvent::Paused { freed: false });
        while self.desk.pause.is_some() && !self.desk.stop {
            self.desk.wait();
        }
        self.clock.go();
        if !self.desk.stop {
            self.desk.say(TrainEvent::Resumed);
        }
    }

    /// Writes and says a step. A row that finds no room waits in memory, and the run pauses.
    fn row(
        &mut self,
        report: &StepReport,
        stage: Stage,
        loaded: &Loaded,
        wait: Duration,
        compute: Duration,
    ) {
        let row = StepRow {
            step: report.step,
            epoch: loaded.epoch,
            stage,
            losses: report.losses,
            halves: report.halves,
            grad_norm: report.grad_norm,
            learning_rate: report.learning_rate,
            seconds: self.clock.seconds(),
            wait: wait.as_secs_f64(),
            compute: compute.as_secs_f64(),
            pairs: loaded.batch.size,
        };
        if let Err(e) = self.p.curves.append(&curves_line(&row)) {
            self.trouble("unwritable", report.step, &e.to_string());
        }
        let rung = self.checks.alarms.step(&row);
        self.desk.say(TrainEvent::Step(row));
        for alarm in rung {
            self.desk.alarm(alarm);
        }
        for (id, why) in &loaded.left_out {
            if self.p.state.left_out.insert(id.clone(), why.clone()).is_none() {
                self.desk.note(format!("left out: {id}: {why}"));
            }
        }
    }

    /// The contrastive steps.
    fn train(&mut self) -> Result<Ending, TrainError> {
        let last = self.p.schedule.steps();
        if self.desk.publish_every > 0 && self.p.state.step < last {
            // What this sitting begins with: the window shows it before the first step is done.
            self.live()?;
            self.publish(self.p.state.step);
        }
        while self.p.state.step < last {
            if let Flow::Stop = self.obey()? {
                return Ok(Ending::Stopped);
            }
            self.step()?;
        }
        // A save at the last border may have failed, and must not be forgotten.
        if let Flow::Stop = self.obey()? {
            return Ok(Ending::Stopped);
        }
        Ok(Ending::Finished)
    }

    /// The learner and the loader, made where a pause has thrown them away.
    fn live(&mut self) -> Result<&mut Live, TrainError> {
        if self.live.is_none() {
            let mut learner = self.learner()?;
            let p = &self.p;
            let updates = p.state.updates;
            if updates > 0 || !p.memory.is_empty() {
                let model = learner.model().clone();
                learner.adam_mut().restore(&model, updates, &p.memory).map_err(|e| {
                    TrainError::other(format!("the optimiser's memory does not fit: {e}"))
                })?;
            }
            let loader = self.loader()?;
            self.live = Some(Live { learner, loader });
            // They lie on the device now, and in the saved file.
            self.p.weights.clear();
            self.p.memory.clear();
        }
        self.live.as_mut().ok_or_else(|| TrainError::other("nothing to train"))
    }

    fn learner(&self) -> Result<Learner, TrainError> {
        let p = &self.p;
        let others: Vec<_> = p.devices.iter().skip(1).map(|d| d.device.clone()).collect();
        Learner::new(self.model()?, &p.config, p.schedule.clone())
            .with_team(&p.config, &others)
            .map_err(TrainError::other)
    }

    fn loader(&self) -> Result<Loader, TrainError> {
        let p = &self.p;
        let (from, to) = (p.state.step, p.schedule.steps());
        Loader::new(p.maker.clone(), from, to, p.config.data.workers).map_err(TrainError::other)
    }

    /// What was told: pauses wait in here.
    fn obey(&mut self) -> Result<Flow, TrainError> {
        self.desk.listen();
        if std::mem::take(&mut self.desk.save)
            && let Err(e) = self.save()
        {
            self.trouble("unsaved", self.p.state.step, &e.to_string());
        }
        if self.desk.pause.is_some() && !self.desk.stop {
            self.pause()?;
        }
        if self.desk.stop {
            self.save()?;
            return Ok(Flow::Stop);
        }
        Ok(Flow::Go)
    }

    /// Saves, waits, and goes on exactly; with the device's memory given back in between where
    /// that was asked for.
    fn pause(&mut self) -> Result<(), TrainError> {
        self.clock.pause();
        let mut saved = self.save_or_say();
        let mut said: Option<bool> = None;
        while !self.desk.stop {
            let Some(free) = self.desk.pause else {
                // What could not be saved before must be by now: a run never goes on unsaved.
                if saved || self.save_or_say() {
                    break;
                }
                continue;
            };
            // Weights that lie nowhere else are not thrown away.
            let freed = free && saved;
            if freed && self.live.is_some() {
                self.free()?;
            }
            if said != Some(freed) {
                said = Some(freed);
                self.desk.say(TrainEvent::Paused { freed });
            }
            self.desk.wait();
            if std::mem::take(&mut self.desk.save) {
                saved = self.save_or_say();
            }
        }
        self.clock.go();
        if !self.desk.stop {
            self.desk.say(TrainEvent::Resumed);
            self.desk.stage(Stage::Training);
        }
        Ok(())
    }

    fn save_or_say(&mut self) -> bool {
        match self.save() {
            Ok(()) => true,
            Err(e) => {
                self.trouble("unsaved", self.p.state.step, &e.to_string());
                false
            }
        }
    }

    /// Gives the device's memory back; the state comes from the saved file again.
    fn free(&mut self) -> Result<(), TrainError> {
        let path = self.p.folder.checkpoint("last").map_err(TrainError::other)?;
        let saved = RunState::read(&path).map_err(TrainError::other)?;
        self.live = None;
        (self.p.weights, self.p.memory) = (saved.checkpoint.tensors, saved.memory);
        for device in &self.p.devices {
            device.device.memory_cleanup();
        }
        Ok(())
    }

    /// One step with everything that is due at the border after it.
    fn step(&mut self) -> Result<(), TrainError> {
        let step = self.p.state.step;
        self.live()?;
        let waited = Instant::now();
        let Some(live) = self.live.as_mut() else { return Ok(()) };
        let desk = &self.desk;
        let Some(loaded) = live.loader.next(|| desk.is_told()) else { return Ok(()) };
        let (wait, computing) = (waited.elapsed(), Instant::now());
        let every = desk.adjacency_every;
        let looks = every > 0 && step.is_multiple_of(every);
        let mut seen = None;
        let taken = live.learner.step_seen(step, &loaded.batch, &mut |parts| {
            if looks && seen.is_none() {
                seen = look(parts, step, &loaded);
            }
        });
        let compute = computing.elapsed();
        if let Some(adjacency) = seen {
            self.desk.say(TrainEvent::Adjacency(Arc::new(adjacency)));
        }
        match taken {
            Ok(report) => {
                self.p.state.updates += 1;
                self.row(&report, Stage::Training, &loaded, wait, compute);
            }
            Err(StepError::NotFinite { losses, source, .. }) => {
                let report = StepReport {
                    step,
                    losses,
                    halves: [f64::NAN; 2],
                    grad_norm: f64::NAN,
                    learning_rate: self.p.schedule.learning_rate(step),
                };
                self.row(&report, Stage::Training, &loaded, wait, compute);
                let alarm = not_finite(&mut self.checks.alarms, step, &source.what, &loaded);
                self.desk.alarm(alarm);
            }
            Err(StepError::Batch(cause)) => {
                self.no_batch(step, &cause, &loaded)?;
                return Ok(());
            }
            Err(e) => return Err(TrainError::other(e)),
        }
        self.border(step + 1);
        self.desk.yield_device(compute);
        Ok(())
    }

    /// What is due after `step` steps.
    fn border(&mut self, step: u64) {
        self.p.state.step = step;
        let run = &self.p.config.run;
        let every = |n: u64| n > 0 && step.is_multiple_of(n);
        let per_epoch = self.p.facts.steps_per_epoch.max(1);
        let last = step >= self.p.schedule.steps();
        let epoch_ends = step.is_multiple_of(per_epoch);
        let epoch = step / per_epoch;
        let validate = self.checks.validator.is_some()
            && (last
                || if run.validate_steps > 0 { every(run.validate_steps) } else { epoch_ends });
        let save = every(run.save_steps) || epoch_ends || last || validate;
        let keeps = u64::from(run.keep_epochs);
        let keep = epoch_ends && keeps > 0 && epoch.is_multiple_of(keeps);
        if epoch_ends {
            self.look_at_machine(step);
        }
        if every(self.desk.publish_every) {
            self.publish(step);
        }
        if !(save || keep) {
            return;
        }
        let best = validate && self.validate(step, epoch);
        self.desk.stage(Stage::Saving);
        let best = if best { self.save_as("best") } else { Ok(()) };
        if let Err(e) = best {
            self.trouble("unsaved", step, &e.to_string());
        }
        let kept = if keep { self.save_as(&format!("epoch-{epoch:04}")) } else { Ok(()) };
        if let Err(e) = kept.and_then(|()| self.save()) {
            self.trouble("unsaved", step, &e.to_string());
        }
        self.desk.stage(Stage::Training);
    }

    /// The network as it is now, as a checkpoint of this run.
    fn checkpoint(&self) -> Result<Checkpoint, TrainError> {
        let live = self.live.as_ref().ok_or_else(|| TrainError::other("nothing to save"))?;
        let mut card = self.p.checkpoint_card.clone();
        card.lineage.insert("step".to_owned(), self.p.state.step.to_string());
        let weights = live.learner.model().state().map_err(TrainError::other)?;
        Ok(Checkpoint::from_state(self.p.network, card, weights))
    }

    /// Hands the newest weights to whoever watches.
    fn publish(&mut self, step: u64) {
        match self.checkpoint() {
            Ok(c) => self.desk.say(TrainEvent::Published(Arc::new(c), step)),
            Err(e) => self.desk.note(format!("the weights could not be shown: {e}")),
        }
    }

    /// Writes a checkpoint that stays.
    fn save_as(&mut self, name: &str) -> Result<(), TrainError> {
        let path = self.p.folder.checkpoint(name).map_err(TrainError::other)?;
        let mut checkpoint = self.checkpoint()?;
        if name == "best" {
            checkpoint.card.metrics.extend(self.best_figures.iter().cloned());
        }
        checkpoint.write_safetensors(&path).map_err(TrainError::other)?;
        self.desk.say(TrainEvent::Saved { path, step: self.p.state.step });
        Ok(())
    }

    /// Writes the whole state. Rows first: no saved step is ahead of its row.
    fn save(&mut self) -> Result<(), TrainError> {
        self.p.curves.sync().map_err(TrainError::other)?;
        self.p.checks.sync().map_err(TrainError::other)?;
        // What was freed or not begun lies in the file already.
        let Some(live) = &self.live else { return Ok(()) };
        self.p.state.seconds = self.clock.seconds();
        let path = self.p.folder.checkpoint("last").map_err(TrainError::other)?;
        let mut card = self.p.checkpoint_card.clone();
        card.lineage.insert("step".to_owned(), self.p.state.step.to_string());
        self.p.state.write_learner(&live.learner, card, &path).map_err(TrainError::other)?;
        self.desk.say(TrainEvent::Saved { path, step: self.p.state.step });
        Ok(())
    }

    /// Something could not be written: the run pauses, with everything in memory.
    fn trouble(&mut self, name: &'static str, step: u64, cause: &str) {
        self.desk.alarm(Alarm {
            name,
            severity: Severity::Stopped,
            step,
            what: format!("step {step} could not be saved"),
            cause: cause.to_owned(),
            action: "The run waits with everything in memory. Make room or mend the folder, then \
                     go on: it is saved first."
                .to_owned(),
        });
    }

    /// Fewer than two pairs of a batch could be loaded.
    fn no_batch(&mut self, step: u64, cause: &str, loaded: &Loaded) -> Result<(), TrainError> {
        let names = named(loaded.left_out.iter().map(|(id, _)| id.as_str()));
        let why = loaded.left_out.first().map_or(cause, |(_, why)| why.as_str());
        self.desk.alarm(Alarm {
            name: "batch-empty",
            severity: Severity::Stopped,
            step,
            what: format!("step {step} has no batch: {cause}"),
            cause: format!("{names} could not be loaded: {why}"),
            action: "If the disk was taken away, put it back and go on; else mend the files, or \
                     leave them out by data.exclude in a new run."
                .to_owned(),
        });
        // The same step is tried again, from the files as they are then.
        let loader = self.loader()?;
        if let Some(live) = &mut self.live {
            live.loader = loader;
        }
        Ok(())
    }

    /// The last lines on the card.
    fn end(&mut self, ending: &Ending) {
        let text = match ending {
            Ending::Finished => "finished".to_owned(),
            Ending::Stopped => "stopped".to_owned(),
            Ending::Failed(why) => format!("failed: {why}"),
        };
        let card = &mut self.p.card;
        card.stand_up(self.p.state.step, &text);
        for (id, why) in &self.p.state.left_out {
            if !card.data.left_out.iter().any(|(known, _)| known == id) {
                card.data.left_out.push((id.clone(), why.clone()));
            }
        }
        if let Err(e) = self.p.folder.write_card(&self.p.card) {
            self.desk.note(e.to_string());
        }
    }
}

/// The alarm about a step that would have made the weights useless: by the clips whose numbers
/// are broken, or by all of the batch where none is.
fn not_finite(alarms: &mut Alarms, step: u64, what: &[String], loaded: &Loaded) -> Alarm {
    let broken = loaded.batch.not_finite_pairs();
    let own: Vec<String> = broken.iter().filter_map(|i| loaded.ids.get(*i)).cloned().collect();
    let shown = what.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    let why = format!(
        "step {step} was not taken, the weights are unharmed: not finite in {shown}. {}",
        if own.is_empty() {
            "The numbers of its clips are sound."
        } else {
            "The numbers of these clips are broken; data.exclude leaves them out of a new run."
        }
    );
    let mut alarm = alarms.not_finite(step, &why, if own.is_empty() { &loaded.ids } else { &own });
    alarm.action.push_str(" Going on leaves this step out.");
    alarm
}

/// A few names of many.
fn named<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<&str> = names.collect();
    let shown = all.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests;
