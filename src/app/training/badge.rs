//! The run in the status line: how far it is, and a mark for alarms that were not looked at.

use super::eta::eta;
use super::{Phase, TrainingState};
use crate::app::commands::{CommandSender, Request};
use crate::app::panels::severity_look;
use crate::app::theme;
use crate::app::view::View;
use crate::train::events::{Ending, Stage};

/// Draws it, from the right; nothing while no run was started.
pub fn badge_ui(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
    let state = view.training.state();
    if state.phase == Phase::Idle || ui.available_width() < 110.0 {
        return;
    }
    ui.separator();
    let color = match &state.phase {
        Phase::Ended(Ending::Failed(_)) => theme::danger(ui),
        Phase::Paused { .. } | Phase::Pausing => theme::warning(ui),
        _ => ui.visuals().text_color(),
    };
    let text = egui::RichText::new(words(state)).monospace().color(color);
    let label = ui.add(egui::Label::new(text).sense(egui::Sense::click()));
    label.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "Show the run"));
    let left = eta(state).filter(|_| state.phase.is_live());
    let left = left.map_or_else(String::new, |e| format!("\n{} left", e.text()));
    if label.on_hover_text(format!("Training: {}{left}", state.phase.word())).clicked() {
        out.send(Request::Run("panel", Some("Run".to_owned())));
    }
    let (unseen, worst) = state.unseen_alarms();
    let Some(worst) = worst else { return };
    let (color, _) = severity_look(ui, worst);
    let text = if unseen == 1 { "1 alarm".to_owned() } else { format!("{unseen} alarms") };
    let button = egui::Button::new(egui::RichText::new(&text).color(color)).small();
    let what = state.alarms.iter().rev().filter(|a| !a.seen).map(|a| a.alarm.what.as_str());
    let what: Vec<_> = what.take(4).collect();
    if ui.add(button).on_hover_text(what.join("\n")).clicked() {
        out.run("alarms");
    }
}

fn words(state: &TrainingState) -> String {
    let share = match (state.stage, state.total_steps()) {
        (Some(Stage::WarmImage | Stage::WarmSound), _) => "warm start".to_owned(),
        (_, Some(total)) if total > 0 => {
            format!("{:3.0} %", 100.0 * state.step() as f64 / total as f64)
        }
        _ => String::new(),
    };
    match &state.phase {
        Phase::Running => format!("training {share}"),
        Phase::Paused { .. } => format!("run paused {share}"),
        Phase::Ended(_) => format!("run {}", state.phase.word()),
        phase => format!("run {}", phase.word()),
    }
}
