//! Events on their way to a watcher who may be slow or away.

use std::collections::VecDeque;

use crossbeam_channel::Sender;

use super::events::TrainEvent;
use crate::units::Waker;

/// Steps that wait for a watcher at most; all of them are in `curves.csv` as well.
const STEPS_KEPT: usize = 8192;

/// Hands events on without ever making the run wait: what the queue does not take is kept in
/// order; of what only the newest matters (weights, matrices) only the newest is kept, and of
/// steps the last 8192.
pub(super) struct Outbox {
    tx: Sender<TrainEvent>,
    waiting: VecDeque<TrainEvent>,
    waker: Waker,
}

impl Outbox {
    pub fn new(tx: Sender<TrainEvent>, waker: Waker) -> Self {
        Self { tx, waiting: VecDeque::new(), waker }
    }

    /// Sends an event as soon as there is room.
    pub fn send(&mut self, event: TrainEvent) {
        let newest_only = |e: &TrainEvent| match e {
            TrainEvent::Published(..) => 1,
            TrainEvent::Adjacency(_) => 2,
            _ => 0,
        };
        let kind = newest_only(&event);
        if kind > 0 {
            self.waiting.retain(|e| newest_only(e) != kind);
        }
        self.waiting.push_back(event);
        if self.waiting.len() > STEPS_KEPT {
            let oldest = self.waiting.iter().position(|e| matches!(e, TrainEvent::Step(_)));
            oldest.map(|i| self.waiting.remove(i));
        }
        self.flush();
    }

    /// Sends what waits, as far as there is room.
    pub fn flush(&mut self) {
        while let Some(event) = self.waiting.pop_front() {
            if let Err(e) = self.tx.try_send(event) {
                self.waiting.push_front(e.into_inner());
                break;
            }
        }
        (self.waker)();
    }

    /// Sends everything that waits and this; waits for the watcher, unless it has gone.
    pub fn last(mut self, event: TrainEvent) {
        self.waiting.push_back(event);
        for event in self.waiting.drain(..) {
            (self.waker)();
            if self.tx.send(event).is_err() {
                return;
            }
        }
        (self.waker)();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::events::Stage;

    #[test]
    fn a_watcher_who_is_away_costs_old_steps_only() {
        let (tx, rx) = crossbeam_channel::bounded(4);
        let mut out = Outbox::new(tx, crate::units::no_waker());
        for n in 0..100 {
            out.send(TrainEvent::Note(n.to_string()));
            out.send(TrainEvent::Adjacency(std::sync::Arc::default()));
        }
        let reader = std::thread::spawn(move || rx.iter().collect::<Vec<_>>());
        out.last(TrainEvent::Stage(Stage::Saving));
        let got = reader.join().unwrap();
        let notes: Vec<String> = got
            .iter()
            .filter_map(|e| if let TrainEvent::Note(n) = e { Some(n.clone()) } else { None })
            .collect();
        assert_eq!(notes, (0..100).map(|n| n.to_string()).collect::<Vec<_>>());
        let matrices = got.iter().filter(|e| matches!(e, TrainEvent::Adjacency(_))).count();
        assert!(matrices <= 6, "{matrices}");
        assert!(matches!(got.last(), Some(TrainEvent::Stage(Stage::Saving))));
    }
}
