//! A run watched from a terminal.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::cli::{CliResult, Outcome, Progress, stop_requested};
use crate::train::engine::{RunHandle, RunRequest};
use crate::train::events::Validation;
use crate::train::events::{Ending, RunFacts, Severity, StepRow, TrainCommand, TrainEvent};
use crate::train::run_folder::RunCard;

/// Steps that the remaining time is estimated from.
const RECENT: usize = 200;
/// Items that are named when they are left out.
const NAMED: usize = 20;

/// Runs to the end, or to a Ctrl-C, which saves.
pub(super) fn run(request: RunRequest, quiet: bool) -> CliResult {
    let stop = stop_requested();
    let handle = RunHandle::spawn(request, crate::units::no_waker())?;
    let mut watch = Watch { quiet, ..Watch::default() };
    let mut stopping = false;
    let ending = loop {
        if stop.load(Ordering::SeqCst) && !stopping {
            stopping = true;
            watch.line("fnac: stopping after this step; the state is saved");
            handle.send(TrainCommand::Stop);
        }
        match handle.events().recv_timeout(Duration::from_millis(100)) {
            Ok(TrainEvent::Ended(ending)) => break ending,
            Ok(event) => {
                if watch.hear(event) && !stopping {
                    // Nobody is here to press a key: save and end.
                    stopping = true;
                    handle.send(TrainCommand::Stop);
                }
            }
            Err(e) if e.is_timeout() => {}
            Err(_) => return Err(anyhow::anyhow!("the run ended without a word").into()),
        }
    };
    drop(handle);
    watch.end(&ending)
}

#[derive(Default)]
struct Watch {
    quiet: bool,
    progress: Option<Progress>,
    facts: RunFacts,
    recent: VecDeque<(f64, f64)>,
    /// What stopped the run.
    stopped_by: Option<String>,
}

impl Watch {
    /// Takes an event in; true when it stops the run.
    fn hear(&mut self, event: TrainEvent) -> bool {
        match event {
            TrainEvent::Started(facts) => self.started(&facts),
            TrainEvent::Step(row) => self.step(&row),
            TrainEvent::Validated(v) => self.validated(&v),
            TrainEvent::Note(text) => self.line(&format!("fnac: {text}")),
            TrainEvent::Alarm(alarm) => {
                let text = format!("{}: {}. {}", alarm.what, alarm.cause, alarm.action);
                if alarm.severity == Severity::Stopped {
                    // The last one says what is wrong now.
                    self.stopped_by = Some(text);
                    return true;
                }
                self.line(&format!("fnac: {text}"));
            }
            _ => {}
        }
        false
    }

    fn line(&self, text: &str) {
        match &self.progress {
            _ if self.quiet => {}
            Some(p) => p.note(text),
            None => eprintln!("{text}"),
        }
    }

    fn started(&mut self, facts: &RunFacts) {
        self.facts = facts.clone();
        let held = match facts.validation {
            0 => String::new(),
            n => format!(", {n} held out"),
        };
        self.line(&format!(
            "fnac: {}: {} of {} usable{held}; {} steps of {} an epoch, on {}, from {}",
            facts.folder.display(),
            facts.items + facts.validation,
            facts.listed,
            facts.steps,
            facts.steps_per_epoch,
            facts.device,
            facts.start
        ));
        for quirk in &facts.quirks {
            self.line(&format!("fnac: {quirk}"));
        }
        for (id, why) in facts.left_out.iter().take(NAMED) {
            self.line(&format!("fnac: left out: {id}: {why}"));
        }
        let warm = if facts.first_step == 0 { facts.warm_steps.0 + facts.warm_steps.1 } else { 0 };
        let total = facts.steps + warm;
        let mut progress = Progress::new("step", Some(total), self.quiet);
        progress.begin_at(facts.first_step);
        self.progress = Some(progress);
    }

    fn step(&mut self, row: &StepRow) {
        self.recent.push_back((row.wait, row.compute));
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        let text = self.state(row);
        if let Some(p) = &mut self.progress {
            p.add_saying(1, &text);
        }
    }

    /// Losses, speed, share of waiting, time left.
    fn state(&self, row: &StepRow) -> String {
        let times = || self.recent.iter();
        let (wait, all) = times().fold((0.0, 0.0), |(w, a), (x, y)| (w + x, a + x + y));
        let rate = self.recent.len() as f64 / all.max(1e-9);
        let mut text = format!(
            "{} {}: loss {:.4} (contrastive {:.4}), {rate:.1} steps/s, {:.0} % waiting",
            row.stage.name(),
            row.step,
            row.losses.total(),
            row.losses.terms[0],
            100.0 * wait / all.max(1e-9)
        );
        if row.stage == crate::train::events::Stage::Training
            && let Some((from, to)) = self.left(row.step)
        {
            text.push_str(&format!(", {} left", span(from, to)));
        }
        text
    }

    /// Seconds left, from and to: by the quickest and the slowest twentieth of the recent steps.
    fn left(&self, step: u64) -> Option<(f64, f64)> {
        let part = (self.recent.len() / 10).max(5);
        if self.recent.len() < 2 * part {
            return None;
        }
        let all: Vec<f64> = self.recent.iter().map(|(w, c)| w + c).collect();
        let means = all.chunks_exact(part).map(|c| c.iter().sum::<f64>() / part as f64);
        let (low, high) =
            means.fold((f64::INFINITY, 0.0f64), |(low, high), m| (low.min(m), high.max(m)));
        let left = self.facts.steps.saturating_sub(step + 1) as f64;
        Some((low * left, high * left))
    }

    fn validated(&mut self, v: &Validation) {
        let percent = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{:.1} %", 100.0 * x));
        let loss = v.loss.map_or("-".to_owned(), |x| format!("{x:.4}"));
        self.line(&format!(
            "fnac: validated after {} steps on {} of {}: success {}, mean cIoU {}, pointing {}, \
             held-out loss {loss}",
            v.step,
            v.scored,
            v.listed,
            percent(v.success),
            percent(v.mean_ciou),
            percent(v.pointing),
        ));
    }

    fn end(mut self, ending: &Ending) -> CliResult {
        // A bar is taken away before the last line.
        drop(self.progress.take());
        let why = match ending {
            Ending::Failed(why) => Some(why.clone()),
            _ => self.stopped_by.take(),
        };
        if let Some(why) = why {
            let folder = &self.facts.folder;
            let saved = folder.join("checkpoints/last.safetensors").is_file();
            let hint = match saved {
                true => format!(
                    "\nWhat was saved is whole; go on with: fnac train --resume {}",
                    folder.display()
                ),
                false => String::new(),
            };
            return Err(anyhow::anyhow!("{why}{hint}").into());
        }
        let folder = &self.facts.folder;
        if *ending == Ending::Stopped {
            self.line(&format!(
                "fnac: stopped and saved; go on with: fnac train --resume {}",
                folder.display()
            ));
            return Ok(Outcome::Interrupted);
        }
        if !self.quiet {
            println!("{}: {} steps", folder.display(), self.facts.steps);
        }
        let left_out = RunCard::read(folder).map(|c| c.data.left_out).unwrap_or_default();
        Ok(if left_out.is_empty() { Outcome::Done } else { Outcome::LeftOut })
    }
}

/// A span of time in fitting units.
fn span(from: f64, to: f64) -> String {
    let (unit, name) = match to {
        t if t < 120.0 => (1.0, "s"),
        t if t < 7200.0 => (60.0, "min"),
        _ => (3600.0, "h"),
    };
    let digits = usize::from(to / unit < 10.0);
    format!("{:.digits$} to {:.digits$} {name}", from / unit, to / unit)
}
