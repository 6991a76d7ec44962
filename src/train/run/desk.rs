//! What a run has been told, and where it says what it says.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, TryRecvError};

use super::super::events::{Alarm, Severity, Stage, TrainCommand, TrainEvent};
use super::super::outbox::Outbox;

/// A run's ears and mouth.
pub(in crate::train) struct Desk {
    commands: Receiver<TrainCommand>,
    out: Outbox,
    /// To end at the next border between two steps.
    pub stop: bool,
    /// To wait at the next border; true: giving the device's memory back.
    pub pause: Option<bool>,
    /// To save at the next border.
    pub save: bool,
    /// Share of the time that the device may be used.
    share: f64,
    /// Steps between two publications; 0 for none.
    pub publish_every: u64,
    /// Steps between two looks at the matrices; 0 for none.
    pub adjacency_every: u64,
}

/// The least share: a run that may do nothing should be paused.
const LEAST_SHARE: f64 = 0.02;

impl Desk {
    pub fn new(commands: Receiver<TrainCommand>, out: Outbox) -> Self {
        Self {
            commands,
            out,
            stop: false,
            pause: None,
            save: false,
            share: 1.0,
            publish_every: 0,
            adjacency_every: 0,
        }
    }

    pub fn say(&mut self, event: TrainEvent) {
        self.out.send(event);
    }

    pub fn note(&mut self, text: impl Into<String>) {
        self.say(TrainEvent::Note(text.into()));
    }

    pub fn stage(&mut self, stage: Stage) {
        self.say(TrainEvent::Stage(stage));
    }

    /// Says an alarm; one that stops the run makes it pause.
    pub fn alarm(&mut self, alarm: Alarm) {
        if alarm.severity == Severity::Stopped {
            self.pause.get_or_insert(false);
        }
        self.say(TrainEvent::Alarm(alarm));
    }

    /// Takes in what was told since.
    pub fn listen(&mut self) {
        loop {
            match self.commands.try_recv() {
                Ok(command) => self.take(command),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    self.stop = true;
                    break;
                }
            }
        }
        self.out.flush();
    }

    /// Waits for something to be told.
    pub fn wait(&mut self) {
        match self.commands.recv_timeout(Duration::from_millis(200)) {
            Ok(command) => self.take(command),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => self.stop = true,
        }
        self.out.flush();
    }

    /// Whether something waits to be taken in.
    pub fn is_told(&self) -> bool {
        !self.commands.is_empty()
    }

    /// Leaves the device to others after it was used for `used`, by the share that was asked for.
    pub fn yield_device(&mut self, used: Duration) {
        let rest = used.mul_f64(1.0 / self.share - 1.0);
        let until = Instant::now() + rest.min(Duration::from_secs(30));
        while !self.stop && self.pause.is_none() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match self.commands.recv_timeout(left) {
                Ok(command) => self.take(command),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => self.stop = true,
            }
        }
    }

    fn take(&mut self, command: TrainCommand) {
        match command {
            TrainCommand::Pause { free } => self.pause = Some(free),
            TrainCommand::Resume => self.pause = None,
            TrainCommand::Stop => self.stop = true,
            TrainCommand::Save => self.save = true,
            TrainCommand::Share(share) if share.is_finite() => {
                self.share = share.clamp(LEAST_SHARE, 1.0);
            }
            TrainCommand::Share(_) => {}
            TrainCommand::PublishEvery(n) => self.publish_every = n,
            TrainCommand::AdjacencyEvery(n) => self.adjacency_every = n,
        }
    }

    /// Says the last word.
    pub fn last(self, event: TrainEvent) {
        self.out.last(event);
    }
}
