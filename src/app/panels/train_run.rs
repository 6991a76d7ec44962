//! The run that works: how far, how fast, how long still, and what steers it.

use super::Panel;
use crate::app::commands::{CommandSender, Request, button_with};
use crate::app::theme;
use crate::app::training::advice::{chance, terms_at_chance};
use crate::app::training::eta::{clock, eta, speed};
use crate::app::training::smooth::Smoothed;
use crate::app::training::{Phase, TrainAsk, TrainingState};
use crate::app::view::{View, file_label};
use crate::train::events::{Ending, Stage};

/// Lines of the log that are shown.
const LINES: usize = 40;

/// The panel of the run.
#[derive(Default)]
pub struct TrainRunPanel;

impl Panel for TrainRunPanel {
    fn ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        let state = view.training.state();
        steering_ui(ui, view, out, state);
        if state.phase == Phase::Idle {
            theme::hint(
                ui,
                "No run yet. Choose data and preset in Data & recipe, then start: the curves, the \
                 picture that learns and the checkpoints appear by themselves",
            );
            share_ui(ui, view, out);
            return;
        }
        stage_ui(ui, state);
        if let Some(text) = terms_at_chance(state) {
            let color = theme::warning(ui);
            ui.add(egui::Label::new(egui::RichText::new(text).color(color)).wrap());
        }
        figures_ui(ui, view, state);
        share_ui(ui, view, out);
        facts_ui(ui, state);
        log_ui(ui, state);
    }
}

fn steering_ui(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender, state: &TrainingState) {
    ui.horizontal_wrapped(|ui| match &state.phase {
        Phase::Idle | Phase::Ended(_) => {
            button_with(ui, view, out, "train-start", egui::RichText::new("Start").strong());
        }
        Phase::Paused { .. } | Phase::Pausing => {
            button_with(ui, view, out, "train-pause", egui::RichText::new("Resume").strong());
            button_with(ui, view, out, "train-stop", "Stop and save");
        }
        Phase::Starting | Phase::Running | Phase::Stopping => {
            button_with(ui, view, out, "train-pause", "Pause");
            button_with(ui, view, out, "train-pause-free", "Pause, free memory");
            button_with(ui, view, out, "train-stop", "Stop and save");
            button_with(ui, view, out, "train-save", "Save now");
        }
    });
}

/// What it does, and how far it is.
fn stage_ui(ui: &mut egui::Ui, state: &TrainingState) {
    let word = match (&state.phase, state.stage) {
        (Phase::Running | Phase::Pausing | Phase::Stopping, Some(stage)) => match &state.phase {
            Phase::Running => stage.name().to_owned(),
            phase => format!("{}, {}", stage.name(), phase.word()),
        },
        (phase, _) => phase.word().to_owned(),
    };
    let failed = matches!(state.phase, Phase::Ended(Ending::Failed(_)));
    let color = match &state.phase {
        _ if failed => theme::danger(ui),
        Phase::Paused { .. } | Phase::Pausing => theme::warning(ui),
        _ => ui.visuals().strong_text_color(),
    };
    ui.label(egui::RichText::new(word).strong().color(color));
    if let Phase::Ended(Ending::Failed(why)) = &state.phase {
        ui.add(egui::Label::new(egui::RichText::new(why).color(color)).wrap().selectable(true));
    }
    let Some(facts) = &state.facts else { return };
    let (done, of, what) = match state.stage {
        Some(Stage::WarmImage) => (state.warm[0].len() as u64, facts.warm_steps.0, "picture step"),
        Some(Stage::WarmSound) => (state.warm[1].len() as u64, facts.warm_steps.1, "sound step"),
        _ => (state.step(), facts.steps, "step"),
    };
    let share = if of > 0 { done as f32 / of as f32 } else { 0.0 };
    let width = of.to_string().len();
    let bar = egui::ProgressBar::new(share.clamp(0.0, 1.0)).desired_height(6.0);
    ui.add(bar);
    let mut text = format!("{what} {done:>width$} of {of}  {:5.1} %", share * 100.0);
    if what == "step" && facts.steps_per_epoch > 0 {
        let epochs = facts.steps.div_ceil(facts.steps_per_epoch);
        let epoch = (done.saturating_sub(1)) / facts.steps_per_epoch + 1;
        let width = epochs.to_string().len();
        text.push_str(&format!("   epoch {epoch:>width$} of {epochs}"));
    }
    ui.label(egui::RichText::new(text).monospace());
}

fn figures_ui(ui: &mut egui::Ui, view: &View<'_>, state: &TrainingState) {
    let rows = match state.stage {
        Some(Stage::WarmImage) => &state.warm[0],
        Some(Stage::WarmSound) => &state.warm[1],
        _ => &state.steps,
    };
    let live = state.phase.is_live();
    theme::facts(ui, "train-figures", |ui| {
        let secs = state.steps.last().or(rows.last()).map_or(0.0, |r| r.seconds);
        let left = match live {
            true => eta(state)
                .map_or("left: measuring…".to_owned(), |e| format!("left: {}", e.text())),
            false => String::new(),
        };
        theme::number(ui, "Time", format!("{}   {left}", clock(secs).trim_start())).on_hover_text(
            "Time of training over all sittings, pauses left out.\nWhat is left is an estimate from \
             the last 200 steps: the range of stretches of ten, tenth to ninetieth percentile; \
             validations to come are counted in",
        );
        let s = speed(rows).unwrap_or_default();
        theme::number(ui, "Speed", format!("{:6.2} steps/s  {:6.1} pairs/s", s.steps, s.pairs))
            .on_hover_text(format!("Over the last {} steps, waiting included", s.from));
        theme::number(ui, "Waits for data", format!("{:6.1} %", s.waiting * 100.0)).on_hover_text(
            "Share of the time in which steps waited for their batch. Above 30 %: more \
             data.workers, or a faster disk",
        );
        loss_ui(ui, state);
        let memory = view.training.memory.bytes();
        let memory = memory.map_or("not known here".to_owned(), |b| {
            format!("{:6.2} GB of this program", b as f64 / 1e9)
        });
        theme::number(ui, "Memory", memory)
            .on_hover_text("Main memory of the whole program, player included");
    });
}

/// The contrastive loss, smoothed, beside what guessing gives.
fn loss_ui(ui: &mut egui::Ui, state: &TrainingState) {
    let Some(last) = state.steps.last() else { return };
    let mut smooth = Smoothed::new(0.9);
    let recent = state.steps.iter().rev().take(100).rev();
    let level = recent.filter_map(|r| smooth.next(r.losses.terms[0])).last().unwrap_or(f64::NAN);
    let text = match chance(last.pairs) {
        Some(c) => format!("{level:6.3}  (chance {c:.3})"),
        None => format!("{level:6.3}"),
    };
    theme::number(ui, "Contrastive", text).on_hover_text(
        "Smoothed over the last steps. Chance is 2 ln B: what guessing among the batch's B sounds \
         and B pictures gives",
    );
    if let Some(v) = state.validations.last()
        && let Some(success) = v.success.or(v.adaptive)
    {
        let text = format!("{:6.1} % success at 0.5", success * 100.0);
        let tip = format!(
            "{}; {} of {} held-out items scored, after step {}",
            v.protocol, v.scored, v.listed, v.step
        );
        theme::number(ui, "Validation", text).on_hover_text(tip);
    }
}

fn share_ui(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
    let settings = &view.settings.train;
    ui.horizontal_wrapped(|ui| {
        let l = ui.label(egui::RichText::new("Share").color(theme::dim(ui)));
        let mut share = settings.share * 100.0;
        let slider = egui::Slider::new(&mut share, 5.0..=100.0)
            .step_by(5.0)
            .custom_formatter(|v, _| format!("{v:3.0} %"));
        let r = ui.add(slider).labelled_by(l.id).on_hover_text(
            "Share of the time in which the run uses its device; the rest is the player's. Takes \
             effect at the next step",
        );
        if r.changed() {
            out.send(Request::Train(TrainAsk::Share(share / 100.0)));
        }
        let mut on = settings.yield_to_player;
        let text = "yield while a video plays";
        let check = ui.checkbox(&mut on, text);
        if check.on_hover_text("Half of the share while something plays, all of it else").changed()
        {
            out.send(Request::Train(TrainAsk::YieldToPlayer(on)));
        }
    });
}

fn facts_ui(ui: &mut egui::Ui, state: &TrainingState) {
    let Some(facts) = &state.facts else { return };
    egui::CollapsingHeader::new(format!("{} on {}", file_label(&facts.folder), facts.device))
        .id_salt("train-facts")
        .show(ui, |ui| {
            theme::facts(ui, "train-run-facts", |ui| {
                theme::fact(ui, "Folder", facts.folder.display().to_string());
                theme::fact(ui, "Start", facts.start.as_str());
                let data = format!(
                    "{} of {} learn, {} validate",
                    facts.items, facts.listed, facts.validation
                );
                theme::fact(ui, "Data", data);
                let warm = match facts.warmup_ends {
                    0 => "all terms count from the first step".to_owned(),
                    n => format!("contrastive alone until step {n}"),
                };
                theme::fact(ui, "Warm-up", warm);
                for quirk in &facts.quirks {
                    theme::fact(ui, "Quirks", quirk.as_str());
                }
            });
        });
}

fn log_ui(ui: &mut egui::Ui, state: &TrainingState) {
    if state.notes.is_empty() {
        return;
    }
    theme::title(ui, "Events");
    for note in state.notes.iter().rev().take(LINES) {
        ui.horizontal_top(|ui| {
            let step = egui::RichText::new(format!("{:>7}", note.step));
            ui.label(step.monospace().color(theme::dim(ui))).on_hover_text("Step");
            let text = egui::RichText::new(&note.text).small();
            ui.add(egui::Label::new(text).wrap().selectable(true));
        });
    }
}
