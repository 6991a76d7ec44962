//! What a run came to so far, as the panels show it: filled by events alone.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::Checkpoint;
use crate::train::TrainConfig;
use crate::train::events::{
    Adjacency, Alarm, Ending, RunFacts, Severity, Stage, StepRow, TrainEvent, Validation,
};

/// Log lines that are kept; older ones fall out.
const NOTES_MAX: usize = 300;
/// Alarms that are kept; older ones fall out.
const ALARMS_MAX: usize = 100;

/// Where a run stands between its start and its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// No run was started since the window opened.
    #[default]
    Idle,
    /// It was asked to start and has not said anything yet.
    Starting,
    /// It works.
    Running,
    /// It was asked to pause and ends its step.
    Pausing,
    /// It waits; `freed` tells whether the device's memory was given back.
    Paused {
        /// Whether the device's memory was given back.
        freed: bool,
    },
    /// It was asked to stop and saves.
    Stopping,
    /// It is over.
    Ended(Ending),
}

impl Phase {
    /// True from the start to the end: there is a thread behind it.
    pub fn is_live(&self) -> bool {
        !matches!(self, Self::Idle | Self::Ended(_))
    }

    /// As shown.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Idle => "no run",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Pausing => "pausing",
            Self::Paused { freed: false } => "paused",
            Self::Paused { freed: true } => "paused, memory given back",
            Self::Stopping => "stopping and saving",
            Self::Ended(Ending::Finished) => "finished",
            Self::Ended(Ending::Stopped) => "stopped and saved",
            Self::Ended(Ending::Failed(_)) => "failed",
        }
    }
}

/// A line about the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// At which contrastive step.
    pub step: u64,
    /// One sentence.
    pub text: String,
}

/// A checkpoint that this run wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedCheckpoint {
    /// `last`, `best` or `epoch-NNNN`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// At which step.
    pub step: u64,
}

/// An alarm and how often it came.
#[derive(Clone, Debug, PartialEq)]
pub struct RaisedAlarm {
    /// As it came last.
    pub alarm: Alarm,
    /// The step at which it came first.
    pub first_step: u64,
    /// How often it came.
    pub times: u32,
    /// The user has looked at the list since.
    pub seen: bool,
}

/// Weights that came out of the run for the window.
#[derive(Clone, Debug)]
pub struct Published {
    /// The weights, ready for a [`crate::infer::Localizer`].
    pub checkpoint: Arc<Checkpoint>,
    /// After how many steps.
    pub step: u64,
}

/// Everything that is known about the run of this window: the last one stays until the next.
#[derive(Clone, Debug, Default)]
pub struct TrainingState {
    /// Where it stands.
    pub phase: Phase,
    /// The recipe that it was started with.
    pub config: Option<Arc<TrainConfig>>,
    /// What it said about itself at the start.
    pub facts: Option<Arc<RunFacts>>,
    /// What it does at the moment.
    pub stage: Option<Stage>,
    /// The contrastive steps in order, those of earlier sittings included once they are read.
    pub steps: Vec<StepRow>,
    /// Steps of the supervised start: pictures, then sounds.
    pub warm: [Vec<StepRow>; 2],
    /// Validations in order.
    pub validations: Vec<Validation>,
    /// Alarms, the newest last; one that repeats stands once.
    pub alarms: Vec<RaisedAlarm>,
    /// What it said for the log, the newest last.
    pub notes: VecDeque<Note>,
    /// The last look at a batch's matrices.
    pub adjacency: Option<Arc<Adjacency>>,
    /// The newest weights.
    pub published: Option<Published>,
    /// Checkpoints in the order in which they were written; `last` and `best` stand at their
    /// newest place.
    pub saved: Vec<SavedCheckpoint>,
    /// Steps at which it was paused.
    pub pauses: Vec<u64>,
    /// Raised by every event: what is drawn from this can be kept until it changes.
    pub revision: u64,
}

impl TrainingState {
    /// The state of a run that was just asked for.
    pub fn starting(config: Arc<TrainConfig>, revision: u64) -> Self {
        Self {
            phase: Phase::Starting,
            config: Some(config),
            revision: revision + 1,
            ..Self::default()
        }
    }

    /// Takes up one event.
    pub fn apply(&mut self, event: TrainEvent) {
        self.revision += 1;
        match event {
            TrainEvent::Started(facts) => {
                self.facts = Some(facts);
                if self.phase == Phase::Starting {
                    self.phase = Phase::Running;
                }
            }
            TrainEvent::Stage(stage) => self.stage = Some(stage),
            TrainEvent::Step(row) => self.take_step(row),
            TrainEvent::Validated(v) => self.validations.push(v),
            TrainEvent::Saved { path, step } => self.take_saved(path, step),
            TrainEvent::Alarm(alarm) => self.take_alarm(alarm),
            TrainEvent::Adjacency(a) => self.adjacency = Some(a),
            TrainEvent::Published(checkpoint, step) => {
                self.published = Some(Published { checkpoint, step });
            }
            TrainEvent::Paused { freed } => {
                self.phase = Phase::Paused { freed };
                self.pauses.push(self.step());
            }
            TrainEvent::Resumed => self.phase = Phase::Running,
            TrainEvent::Note(text) => self.note(text),
            TrainEvent::Ended(ending) => {
                if let Ending::Failed(why) = &ending {
                    self.note(why.clone());
                }
                self.phase = Phase::Ended(ending);
                self.stage = None;
            }
        }
    }

    fn take_step(&mut self, row: StepRow) {
        self.stage = Some(row.stage);
        match row.stage {
            Stage::WarmImage => self.warm[0].push(row),
            Stage::WarmSound => self.warm[1].push(row),
            _ => {
                // A run that went back to an older state takes its later steps again.
                let keep = self.steps.partition_point(|r| r.step < row.step);
                self.steps.truncate(keep);
                self.steps.push(row);
            }
        }
    }

    fn take_saved(&mut self, path: PathBuf, step: u64) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        self.saved.retain(|s| s.path != path);
        self.saved.push(SavedCheckpoint { name, path, step });
    }

    fn take_alarm(&mut self, alarm: Alarm) {
        let old = self.alarms.iter().position(|a| a.alarm.name == alarm.name);
        let (first_step, times) = match old.map(|i| self.alarms.remove(i)) {
            Some(a) => (a.first_step, a.times + 1),
            None => (alarm.step, 1),
        };
        self.alarms.push(RaisedAlarm { alarm, first_step, times, seen: false });
        if self.alarms.len() > ALARMS_MAX {
            self.alarms.remove(0);
        }
    }

    /// Adds a line to the run's log.
    pub fn note(&mut self, text: impl Into<String>) {
        let note = Note { step: self.step(), text: text.into() };
        if self.notes.len() == NOTES_MAX {
            self.notes.pop_front();
        }
        self.notes.push_back(note);
    }

    /// Puts steps and validations of earlier sittings before those of this one.
    pub fn take_history(&mut self, mut steps: Vec<StepRow>, mut validations: Vec<Validation>) {
        self.revision += 1;
        let first = self
            .steps
            .first()
            .map_or_else(|| self.facts.as_ref().map_or(u64::MAX, |f| f.first_step), |r| r.step);
        steps.retain(|r| r.step < first);
        steps.append(&mut self.steps);
        self.steps = steps;
        let first = self.validations.first().map_or(u64::MAX, |v| v.step);
        validations.retain(|v| v.step < first);
        validations.append(&mut self.validations);
        self.validations = validations;
    }

    /// Contrastive steps taken, over all sittings.
    pub fn step(&self) -> u64 {
        let first = self.facts.as_ref().map_or(0, |f| f.first_step);
        self.steps.last().map_or(first, |r| r.step + 1)
    }

    /// Steps of the whole run, once it is known.
    pub fn total_steps(&self) -> Option<u64> {
        self.facts.as_ref().map(|f| f.steps)
    }

    /// The run's folder, once it is known.
    pub fn folder(&self) -> Option<&Path> {
        self.facts.as_ref().map(|f| f.folder.as_path())
    }

    /// Alarms that the user has not looked at, and the worst of them.
    pub fn unseen_alarms(&self) -> (usize, Option<Severity>) {
        let unseen = || self.alarms.iter().filter(|a| !a.seen);
        let rank = |s: Severity| match s {
            Severity::Notice => 0,
            Severity::Warning => 1,
            Severity::Stopped => 2,
        };
        (unseen().count(), unseen().map(|a| a.alarm.severity).max_by_key(|s| rank(*s)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::training::testing::{alarm, row};

    #[test]
    fn a_run_goes_from_starting_to_its_end_and_its_last_state_stays() {
        let mut s = TrainingState::starting(Arc::default(), 7);
        assert!(s.phase.is_live() && s.revision == 8);
        s.apply(TrainEvent::Started(Arc::new(RunFacts { steps: 10, ..RunFacts::default() })));
        assert_eq!(s.phase, Phase::Running);
        for i in 0..4 {
            s.apply(TrainEvent::Step(row(i)));
        }
        s.apply(TrainEvent::Paused { freed: true });
        assert_eq!((s.step(), s.pauses.as_slice()), (4, &[4][..]));
        s.apply(TrainEvent::Resumed);
        assert_eq!(s.phase, Phase::Running);
        s.apply(TrainEvent::Ended(Ending::Failed("the disk is full".into())));
        assert!(!s.phase.is_live());
        assert_eq!(s.steps.len(), 4);
        assert!(s.notes.back().unwrap().text.contains("disk"));
    }

    #[test]
    fn an_alarm_that_repeats_stands_once_and_is_new_again() {
        let mut s = TrainingState::default();
        s.apply(TrainEvent::Alarm(alarm("maps-flat", 5)));
        s.apply(TrainEvent::Alarm(alarm("few-negatives", 6)));
        s.alarms.iter_mut().for_each(|a| a.seen = true);
        s.apply(TrainEvent::Alarm(alarm("maps-flat", 9)));
        assert_eq!(s.alarms.len(), 2);
        let last = s.alarms.last().unwrap();
        assert_eq!((last.alarm.name, last.first_step, last.times), ("maps-flat", 5, 2));
        assert_eq!(s.unseen_alarms(), (1, Some(Severity::Warning)));
    }

    #[test]
    fn a_step_that_is_taken_again_replaces_what_followed_it() {
        let mut s = TrainingState::default();
        (0..6).for_each(|i| s.apply(TrainEvent::Step(row(i))));
        s.apply(TrainEvent::Step(row(3)));
        assert_eq!(s.steps.iter().map(|r| r.step).collect::<Vec<_>>(), [0, 1, 2, 3]);
    }

    #[test]
    fn earlier_sittings_stand_before_this_one_without_doubles() {
        let mut s = TrainingState::default();
        s.apply(TrainEvent::Started(Arc::new(RunFacts { first_step: 3, ..RunFacts::default() })));
        assert_eq!(s.step(), 3);
        s.apply(TrainEvent::Step(row(3)));
        s.take_history((0..5).map(row).collect(), Vec::new());
        assert_eq!(s.steps.iter().map(|r| r.step).collect::<Vec<_>>(), [0, 1, 2, 3]);
    }

    #[test]
    fn last_is_one_checkpoint_however_often_it_was_written() {
        let mut s = TrainingState::default();
        for (file, step) in [("last", 5), ("epoch-0001", 5), ("last", 9)] {
            let path = PathBuf::from(format!("/runs/run-0001/checkpoints/{file}.safetensors"));
            s.apply(TrainEvent::Saved { path, step });
        }
        let names: Vec<_> = s.saved.iter().map(|c| (c.name.as_str(), c.step)).collect();
        assert_eq!(names, [("epoch-0001", 5), ("last", 9)]);
    }
}
