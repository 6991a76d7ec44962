//! A stand-in for a run: events go in by hand.

use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};

use super::session::{Heard, RunLink};
use crate::train::events::{Alarm, Severity, Stage, StepRow, TrainCommand, TrainEvent};
use crate::train::loss::LossValues;

/// A link whose other end a test holds.
pub struct ChannelLink {
    events: Receiver<TrainEvent>,
    commands: Sender<TrainCommand>,
}

impl ChannelLink {
    /// The link, where its events come from, where its commands go.
    pub fn new() -> (Self, Sender<TrainEvent>, Receiver<TrainCommand>) {
        let (event_in, events) = unbounded();
        let (commands, command_out) = unbounded();
        (Self { events, commands }, event_in, command_out)
    }
}

impl RunLink for ChannelLink {
    fn next(&mut self) -> Heard {
        match self.events.try_recv() {
            Ok(e) => Heard::Event(e),
            Err(TryRecvError::Empty) => Heard::Nothing,
            Err(TryRecvError::Disconnected) => Heard::Gone,
        }
    }

    fn tell(&mut self, command: TrainCommand) {
        // A test that dropped its end does not care.
        self.commands.send(command).ok();
    }
}

/// A plausible step of a small run: ten steps an epoch, 0.2 s each, terms count from step 50.
pub fn row(step: u64) -> StepRow {
    let x = step as f64;
    let contrastive = 4.0 * (-x / 200.0).exp() + 0.3 * (x * 1.7).sin();
    let terms = [contrastive, 0.02 + 0.01 * (x * 0.9).cos(), 0.015, 0.03 * (-x / 300.0).exp()];
    let late = if step < 50 { 0.0 } else { 25.0 };
    StepRow {
        step,
        epoch: step / 10,
        stage: Stage::Training,
        losses: LossValues { terms, weights: [1.0, late, late, late] },
        halves: [contrastive * 0.55, contrastive * 0.45],
        grad_norm: 2.0 + (x * 0.3).sin(),
        learning_rate: 1e-3 * (1.0 - x / 2000.0).max(0.0),
        seconds: 0.2 * (x + 1.0),
        wait: 0.02,
        compute: 0.18,
        pairs: 16,
    }
}

/// A warning of that name.
pub fn alarm(name: &'static str, step: u64) -> Alarm {
    Alarm {
        name,
        severity: Severity::Warning,
        step,
        what: format!("{name} was seen"),
        cause: "the loss weights are too large for the batch".into(),
        action: "scale them with the batch".into(),
    }
}
