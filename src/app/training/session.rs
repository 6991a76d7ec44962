//! The run that this window holds: its events are taken up once per drawn frame, never waited for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::state::{Phase, TrainingState};
use crate::train::TrainConfig;
use crate::train::events::{Alarm, Ending, TrainCommand, TrainEvent};

/// Events that are taken up in one drawn frame; the rest waits for the next.
const EVENTS_PER_FRAME: usize = 512;
/// Taking up events ends after this long in any case.
const DRAIN_LIMIT: Duration = Duration::from_millis(4);

/// What [`RunLink::next`] finds.
#[expect(clippy::large_enum_variant, reason = "taken apart at once, never stored")]
pub enum Heard {
    /// The next event.
    Event(TrainEvent),
    /// None at the moment.
    Nothing,
    /// None ever again: the run's thread has ended.
    Gone,
}

/// The window's end of a run. Dropping it stops and saves the run.
pub trait RunLink {
    /// The next event; never waits.
    fn next(&mut self) -> Heard;
    /// Tells the run something; never waits.
    fn tell(&mut self, command: TrainCommand);
}

/// What the last drain brought that is worth a word outside of the panels.
#[derive(Debug, Default)]
pub struct News {
    /// Alarms that came.
    pub alarms: Vec<Alarm>,
    /// The run ended so.
    pub ended: Option<Ending>,
    /// It began: its earlier sittings may be read now.
    pub started: bool,
    /// Lines for the log.
    pub notes: Vec<String>,
    /// Something was taken up.
    pub any: bool,
    /// More waits: draw again soon.
    pub more: bool,
}

/// The run of this window and what is known about it.
#[derive(Default)]
pub struct Session {
    /// What the panels show.
    pub state: TrainingState,
    link: Option<Box<dyn RunLink>>,
}

impl Session {
    /// Takes a run that was just spawned; the state of an earlier one goes.
    pub fn attach(&mut self, config: Arc<TrainConfig>, link: Box<dyn RunLink>) {
        self.state = TrainingState::starting(config, self.state.revision);
        self.link = Some(link);
    }

    /// True while a run's thread lives.
    pub fn is_live(&self) -> bool {
        self.link.is_some()
    }

    /// Tells the run something; false when there is none.
    pub fn tell(&mut self, command: TrainCommand) -> bool {
        let Some(link) = &mut self.link else { return false };
        // What was asked for shows at once; the run answers after its step.
        match (&command, &self.state.phase) {
            (TrainCommand::Pause { .. }, Phase::Running) => self.state.phase = Phase::Pausing,
            (TrainCommand::Stop, phase) if phase.is_live() => self.state.phase = Phase::Stopping,
            _ => {}
        }
        self.state.revision += 1;
        link.tell(command);
        true
    }

    /// Takes up what the run said since the last drawn frame, within bounds of number and time.
    pub fn drain(&mut self) -> News {
        let mut news = News::default();
        let Some(link) = &mut self.link else { return news };
        let begun = Instant::now();
        for n in 0.. {
            if n == EVENTS_PER_FRAME || begun.elapsed() > DRAIN_LIMIT {
                news.more = true;
                return news;
            }
            let event = match link.next() {
                Heard::Event(event) => event,
                Heard::Nothing => return news,
                Heard::Gone => break,
            };
            news.any = true;
            match &event {
                TrainEvent::Alarm(a) => news.alarms.push(a.clone()),
                TrainEvent::Ended(e) => news.ended = Some(e.clone()),
                TrainEvent::Started(_) => news.started = true,
                TrainEvent::Note(text) => news.notes.push(text.clone()),
                _ => {}
            }
            self.state.apply(event);
        }
        self.link = None;
        if self.state.phase.is_live() {
            // The thread went without a last word; that is a fault of this program.
            let ending = Ending::Failed(
                "the run ended without a word. What was saved is whole: resume it from its folder, \
                 and report what the Log panel says"
                    .to_owned(),
            );
            news.ended = Some(ending.clone());
            self.state.apply(TrainEvent::Ended(ending));
        }
        news
    }

    /// Lets the run go: it stops and saves on its own thread.
    pub fn let_go(&mut self) {
        self.link = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::training::testing::{ChannelLink, row};
    use crate::train::events::RunFacts;

    fn session() -> (Session, crossbeam_channel::Sender<TrainEvent>, ChannelLinkCommands) {
        let (link, events, commands) = ChannelLink::new();
        let mut s = Session::default();
        s.attach(Arc::default(), Box::new(link));
        (s, events, commands)
    }

    type ChannelLinkCommands = crossbeam_channel::Receiver<TrainCommand>;

    #[test]
    fn a_flood_of_events_is_taken_up_in_bounded_portions_and_nothing_is_lost() {
        let (mut s, events, _commands) = session();
        events.send(TrainEvent::Started(Arc::new(RunFacts::default()))).unwrap();
        (0..10_000).for_each(|i| events.send(TrainEvent::Step(row(i))).unwrap());
        let mut frames = 0;
        loop {
            let before = s.state.revision;
            let begun = Instant::now();
            let news = s.drain();
            // Far above the limit, for a machine under load; without a limit it is one portion.
            assert!(begun.elapsed() < Duration::from_millis(200));
            assert!(s.state.revision - before <= EVENTS_PER_FRAME as u64);
            frames += 1;
            if !news.more {
                break;
            }
        }
        assert!(frames >= 10_001 / EVENTS_PER_FRAME, "{frames}");
        assert_eq!(s.state.steps.len(), 10_000);
    }

    #[test]
    fn what_is_asked_for_shows_before_the_run_answers() {
        let (mut s, events, commands) = session();
        events.send(TrainEvent::Started(Arc::new(RunFacts::default()))).unwrap();
        s.drain();
        assert!(s.tell(TrainCommand::Pause { free: false }));
        assert_eq!(s.state.phase, Phase::Pausing);
        assert_eq!(commands.try_recv(), Ok(TrainCommand::Pause { free: false }));
        events.send(TrainEvent::Paused { freed: false }).unwrap();
        s.drain();
        assert_eq!(s.state.phase, Phase::Paused { freed: false });
        s.tell(TrainCommand::Stop);
        assert_eq!(s.state.phase, Phase::Stopping);
    }

    #[test]
    fn a_thread_that_goes_without_a_word_is_a_failure_that_says_what_to_do() {
        let (mut s, events, _commands) = session();
        events.send(TrainEvent::Step(row(0))).unwrap();
        drop(events);
        let news = s.drain();
        assert!(matches!(&news.ended, Some(Ending::Failed(e)) if e.contains("resume")));
        assert!(!s.is_live() && !s.tell(TrainCommand::Save));
        assert!(s.drain().ended.is_none(), "said once");
    }

    #[test]
    fn a_run_that_ended_in_order_is_not_called_a_failure() {
        let (mut s, events, _commands) = session();
        events.send(TrainEvent::Ended(Ending::Finished)).unwrap();
        drop(events);
        assert_eq!(s.drain().ended, Some(Ending::Finished));
        s.drain();
        assert_eq!(s.state.phase, Phase::Ended(Ending::Finished));
    }
}
