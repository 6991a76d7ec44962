//! The look before the start: what was found, as a list with marks.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::TrainAsk;
use super::eta::coarse;
use crate::app::App;
use crate::app::commands::{CommandSender, Request};
use crate::app::jobs::Done;
use crate::app::theme;
use crate::app::view::View;
use crate::train::TrainConfig;
use crate::train::preflight::{BatchFit, Preflight, preflight};

/// How far the look is.
#[derive(Clone, Debug, Default)]
pub enum CheckLook {
    /// There was none.
    #[default]
    None,
    /// It works, since then.
    Looking(Instant),
    /// It found that nothing can begin, and why.
    Refused(String),
    /// What it found.
    Found(Arc<Preflight>),
}

/// The look and what it was made for.
#[derive(Default)]
pub struct Check {
    /// How far it is.
    pub look: CheckLook,
    of: Option<Arc<TrainConfig>>,
    stop: Arc<AtomicBool>,
    number: u64,
}

impl Check {
    /// The recipe is another one than that which was looked at.
    pub fn is_stale(&self, config: &TrainConfig) -> bool {
        self.of.as_deref().is_some_and(|of| of != config)
    }
}

impl Drop for Check {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

/// How a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// As it should be.
    Good,
    /// Worth a look.
    Care,
    /// In the way.
    Bad,
    /// Not known.
    Unknown,
}

/// One row of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// How it stands.
    pub mark: Mark,
    /// What it is about.
    pub name: &'static str,
    /// What was found.
    pub text: String,
    /// A setting that mends it, and its value.
    pub remedy: Option<(&'static str, String)>,
}

/// What was found as rows.
pub fn rows(p: &Preflight) -> Vec<Row> {
    let row = |mark, name, text: String| Row { mark, name, text, remedy: None };
    let some = |bad: bool| if bad { Mark::Care } else { Mark::Good };
    let missing = p.listed.saturating_sub(p.items + p.validation);
    let mut all = vec![row(
        some(!p.left_out.is_empty()),
        "Data",
        format!("{} of {} usable", p.items + p.validation, p.listed)
            + &if missing > 0 { format!(", {missing} left out") } else { String::new() },
    )];
    all.push(row(
        some(p.validation == 0),
        "Split",
        format!("{} learn, {} validate", p.items, p.validation),
    ));
    let mut sample = match (p.broken.len(), p.silent.len()) {
        (0, 0) => format!("all {} of a sample are whole", p.decoded),
        (b, s) => format!("of {} in a sample {b} broken, {s} silent", p.decoded),
    };
    if let Some((id, why)) = p.broken.first() {
        sample.push_str(&format!("; {id}: {why}"));
    }
    let mark = match p.broken.len() {
        _ if p.decoded == 0 => Mark::Unknown,
        b if b == p.decoded => Mark::Bad,
        b => some(b + p.silent.len() > 0),
    };
    all.push(row(mark, "Decoding", sample));
    let other: Vec<_> = p.rates.iter().filter(|(r, _)| **r != p.network_rate).collect();
    if !p.rates.is_empty() {
        let text = match other.is_empty() {
            true => format!("all sounds at {} Hz", p.network_rate),
            false => {
                let rates: Vec<_> = other.iter().map(|(r, n)| format!("{n} at {r} Hz")).collect();
                format!("{}: resampled to {} Hz", rates.join(", "), p.network_rate)
            }
        };
        all.push(row(Mark::Good, "Sample rate", text));
    }
    all.push(row(Mark::Good, "Device", p.devices.join(" + ")));
    let remedy = match &p.fit {
        BatchFit::TooLarge { chunk: Some(n), .. } => Some(("run.chunk", n.to_string())),
        _ => None,
    };
    let mark = match &p.fit {
        BatchFit::Unknown => Mark::Unknown,
        BatchFit::Fits { .. } => Mark::Good,
        BatchFit::TooLarge { .. } => Mark::Bad,
    };
    all.push(Row { mark, name: "Batch", text: p.fit.words(), remedy });
    if let (Some(step), Some(run)) = (p.step_seconds, p.run_seconds()) {
        all.push(row(Mark::Good, "Time", time_text(step, run, p.steps)));
    }
    if let Some(share) = p.waiting.filter(|s| *s > 0.1) {
        let text = format!("about {:.0} % of a step is waiting for data", share * 100.0);
        all.push(row(some(share > 0.3), "Loading", text));
    }
    let gigabytes = |b: u64| format!("{:.2} GB", b as f64 / 1e9);
    let (mark, free) = match p.disk_free {
        None => (Mark::Unknown, "not known here".to_owned()),
        Some(free) if free < p.disk_needed => (Mark::Bad, gigabytes(free)),
        Some(free) => (some(free < 2 * p.disk_needed), gigabytes(free)),
    };
    let text = format!("checkpoints need {}, free: {free}", gigabytes(p.disk_needed));
    all.push(row(mark, "Disk", text));
    all.extend(p.not_tried.iter().map(|why| row(Mark::Unknown, "Not tried", why.clone())));
    all
}

fn time_text(step: (f64, f64), run: (f64, f64), steps: u64) -> String {
    let duration = |s: f64| Duration::try_from_secs_f64(s.max(0.0)).unwrap_or(Duration::MAX);
    let (low, high) = (coarse(duration(run.0)), coarse(duration(run.1)));
    let run = if low == high { format!("about {low}") } else { format!("{low} to {high}") };
    format!(
        "{:.2} to {:.2} s a step, {run} for {steps} steps; validation and a supervised start come \
         on top",
        step.0, step.1
    )
}

/// Draws the button, and what was found.
pub fn check_ui(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
    let check = &view.training.check;
    match &check.look {
        CheckLook::None => {}
        CheckLook::Looking(since) => {
            ui.horizontal(|ui| {
                ui.add(egui::Spinner::new().size(12.0));
                let secs = since.elapsed().as_secs();
                let text = egui::RichText::new(format!("Checking, {secs:>2} s of at most 30"));
                ui.label(text.monospace());
                if ui.small_button("Stop checking").clicked() {
                    out.send(Request::Train(TrainAsk::StopCheck));
                }
            });
            ui.ctx().request_repaint_after(Duration::from_millis(250));
        }
        CheckLook::Refused(why) => {
            let color = theme::danger(ui);
            ui.add(egui::Label::new(egui::RichText::new(why).color(color)).wrap());
        }
        CheckLook::Found(found) => {
            if check.is_stale(&view.training.draft.config) {
                theme::hint(ui, "The recipe has changed since this check");
            }
            rows(found).iter().for_each(|r| row_ui(ui, out, r));
        }
    }
}

fn row_ui(ui: &mut egui::Ui, out: &mut CommandSender, row: &Row) {
    let (word, color) = match row.mark {
        Mark::Good => ("ok", theme::dim(ui)),
        Mark::Care => ("look", theme::warning(ui)),
        Mark::Bad => ("no", theme::danger(ui)),
        Mark::Unknown => ("?", theme::dim(ui)),
    };
    ui.horizontal_top(|ui| {
        let cell = |ui: &mut egui::Ui, width: f32, text: egui::RichText| {
            let size = egui::vec2(width, 16.0);
            let layout = egui::Layout::left_to_right(egui::Align::Min);
            ui.allocate_ui_with_layout(size, layout, |ui| {
                ui.set_min_width(width);
                ui.label(text);
            });
        };
        cell(ui, 30.0, egui::RichText::new(word).small().strong().color(color));
        cell(ui, 72.0, egui::RichText::new(row.name).small().color(theme::dim(ui)));
        ui.vertical(|ui| {
            ui.add(egui::Label::new(egui::RichText::new(&row.text).small()).wrap());
            if let Some((key, value)) = &row.remedy
                && ui
                    .small_button(format!("Set {key} to {value}"))
                    .on_hover_text(
                        "The towers see so many pairs at a time; the contrastive batch stays whole",
                    )
                    .clicked()
            {
                out.send(Request::Train(TrainAsk::Set(key, value.clone())));
            }
        });
    });
}

impl App {
    /// Looks before the start, on a thread of its own.
    pub(in crate::app) fn check_training(&mut self) {
        let place: PathBuf = self.runs_folder();
        let t = &mut self.state.training;
        let config = t.draft.config.clone();
        t.check.stop.store(true, Ordering::SeqCst);
        let stop = Arc::new(AtomicBool::new(false));
        t.check = Check {
            look: CheckLook::Looking(Instant::now()),
            of: Some(Arc::new(config.clone())),
            stop: stop.clone(),
            number: t.check.number + 1,
        };
        let number = t.check.number;
        let job = move || {
            Done::Check(number, preflight(&config, &place, &stop).map_err(|e| e.to_string()))
        };
        if let Err(e) = self.jobs.start("fnac-preflight", job) {
            self.warn(e);
        }
    }

    pub(in crate::app) fn check_done(&mut self, number: u64, found: Result<Preflight, String>) {
        let check = &mut self.state.training.check;
        if number == check.number {
            check.look = match found {
                Ok(p) => CheckLook::Found(Arc::new(p)),
                Err(e) => CheckLook::Refused(e),
            };
        }
    }

    pub(in crate::app) fn stop_check(&mut self) {
        self.state.training.check.stop.store(true, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_way_is_marked_and_what_mends_it_is_offered() {
        let fit = BatchFit::TooLarge { cause: "8 GB are missing".into(), chunk: Some(16) };
        let p = Preflight {
            items: 50,
            listed: 60,
            left_out: vec![("a".into(), "no sound".into())],
            validation: 5,
            decoded: 50,
            silent: vec!["b".into()],
            rates: [(16_000, 40), (44_100, 10)].into(),
            network_rate: 16_000,
            devices: vec!["CPU".into()],
            fit,
            step_seconds: Some((2.0, 2.5)),
            steps: 500,
            disk_needed: 10,
            disk_free: Some(5),
            ..Preflight::default()
        };
        let all = rows(&p);
        let find = |name: &str| all.iter().find(|r| r.name == name).unwrap();
        assert_eq!(find("Data").mark, Mark::Care);
        assert!(find("Data").text.contains("55 of 60 usable, 5 left out"));
        assert_eq!((find("Decoding").mark, find("Split").mark), (Mark::Care, Mark::Good));
        assert!(find("Sample rate").text.contains("10 at 44100 Hz: resampled to 16000 Hz"));
        let batch = find("Batch");
        assert_eq!((batch.mark, &batch.remedy), (Mark::Bad, &Some(("run.chunk", "16".into()))));
        assert!(find("Time").text.contains("2.00 to 2.50 s a step, 17 min to 21 min"));
        assert_eq!(find("Disk").mark, Mark::Bad);
    }
}
