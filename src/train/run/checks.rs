//! What looks at a run from outside its steps: validation, alarms, the machine.

use std::sync::Arc;

use super::super::BestBy;
use super::super::Validator;
use super::super::alarms::{AlarmFacts, Alarms, Machine};
use super::super::events::{Stage, TrainEvent, Validation};
use super::super::run_folder::validation_line;
use super::super::state::Best;
use super::Run;
use super::desk::Desk;
use super::prepare::Prepared;

/// Items that alarms are tested on where nothing is held out.
const PROBE: usize = 32;

/// The held-out part and the alarms of a run.
pub(super) struct Checks {
    /// `None` where nothing can be looked at.
    pub validator: Option<Arc<Validator>>,
    /// Whether it looks at items that are learnt from: good for alarms, not for a best checkpoint.
    probe: bool,
    best_by: BestBy,
    pub alarms: Alarms,
}

impl Checks {
    /// Decodes the held-out part, and says what can be said before the first step.
    pub fn new(p: &Prepared, desk: &mut Desk) -> Self {
        let rate = p.checkpoint_card.sample_rate;
        let mut best_by = p.config.run.best_by;
        let probe = p.validation.items.is_empty();
        let made = if probe {
            desk.note("nothing is held out: no checkpoint can be called the best");
            Validator::probe(&p.train, &p.config, rate, PROBE)
        } else {
            Validator::new(&p.validation, &p.config, rate)
        };
        let validator = made.map_err(|e| desk.note(e.to_string())).ok();
        if let Some(v) = validator.as_ref().filter(|_| !probe) {
            let (by, note) = v.best_by(best_by);
            best_by = by;
            note.into_iter().for_each(|text| desk.note(text));
            for left in v.left_out() {
                desk.note(format!("left out of the held-out part: {}: {}", left.id, left.reason));
            }
        }
        let mut alarms = Alarms::new(AlarmFacts::of(&p.config, &p.schedule, best_by));
        for alarm in alarms.begin(p.state.step) {
            desk.alarm(alarm);
        }
        Self { validator: validator.map(Arc::new), probe, best_by, alarms }
    }
}

impl Run<'_> {
    /// Scores the held-out part; whether it is the best so far. A validation that fails is said,
    /// and the run goes on.
    pub(super) fn validate(&mut self, step: u64, epoch: u64) -> bool {
        let Some(validator) = self.checks.validator.clone() else { return false };
        self.desk.stage(Stage::Validating);
        let checkpoint = match self.checkpoint() {
            Ok(c) => c,
            Err(e) => {
                self.desk.note(e.to_string());
                return false;
            }
        };
        match validator.run(&checkpoint, (step, epoch), &|| false) {
            Ok(Some(v)) => self.validated(v),
            Ok(None) => false,
            Err(e) => {
                self.desk.note(e.to_string());
                false
            }
        }
    }

    fn validated(&mut self, v: Validation) -> bool {
        if self.checks.probe {
            for alarm in self.checks.alarms.validation(&v) {
                self.desk.alarm(alarm);
            }
            return false;
        }
        if let Err(e) = self.p.checks.append(&validation_line(&v)) {
            self.trouble("unsaved", v.step, &e.to_string());
        }
        for alarm in self.checks.alarms.validation(&v) {
            self.desk.alarm(alarm);
        }
        let by = self.checks.best_by;
        let so_far = self.p.state.best.as_ref().filter(|b| b.by == by.name()).map(|b| b.value);
        let value = by.figure(&v).filter(|value| by.beats(*value, so_far));
        if let Some(value) = value {
            self.p.state.best = Some(Best { by: by.name().to_owned(), value, step: v.step });
            let figures = [
                ("success", v.success),
                ("mean_ciou", v.mean_ciou),
                ("adaptive", v.adaptive),
                ("pointing", v.pointing),
                ("held_out_loss", v.loss),
            ];
            self.best_figures =
                figures.into_iter().filter_map(|(k, x)| Some((k.to_owned(), x?))).collect();
        }
        self.desk.say(TrainEvent::Validated(v));
        value.is_some()
    }

    /// How full memory and disk are.
    pub(super) fn look_at_machine(&mut self, step: u64) {
        let last = self.p.folder.path().join("checkpoints/last.safetensors");
        let bytes = std::fs::metadata(last).map_or(0, |m| m.len());
        let machine = Machine::look(self.p.folder.path(), bytes);
        for alarm in self.checks.alarms.machine(step, &machine) {
            self.desk.alarm(alarm);
        }
    }
}
