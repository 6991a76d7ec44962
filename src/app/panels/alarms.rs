//! What goes wrong in a run, with cause and remedy; never a question that waits.

use super::Panel;
use crate::app::commands::{CommandSender, Request};
use crate::app::theme;
use crate::app::training::TrainAsk;
use crate::app::training::state::RaisedAlarm;
use crate::app::view::View;
use crate::train::events::Severity;

/// The panel of alarms.
#[derive(Default)]
pub struct AlarmsPanel;

impl Panel for AlarmsPanel {
    fn ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        let alarms = &view.training.state().alarms;
        if alarms.is_empty() {
            theme::hint(
                ui,
                "Nothing to report. A run is watched for losses that are not finite or leap, maps \
                 that are flat, sounds that all look alike to the network, silence that lights up, \
                 validation that falls, waiting for data, few negatives, full disks",
            );
            return;
        }
        if alarms.iter().any(|a| !a.seen) {
            out.send(Request::Train(TrainAsk::AlarmsSeen));
        }
        for alarm in alarms.iter().rev() {
            alarm_ui(ui, alarm);
        }
    }
}

/// Colour and word of a severity.
pub fn severity_look(ui: &egui::Ui, severity: Severity) -> (egui::Color32, &'static str) {
    match severity {
        Severity::Notice => (theme::accent(ui), "notice"),
        Severity::Warning => (theme::warning(ui), "warning"),
        Severity::Stopped => (theme::danger(ui), "the run was paused"),
    }
}

fn alarm_ui(ui: &mut egui::Ui, raised: &RaisedAlarm) {
    let alarm = &raised.alarm;
    let (color, word) = severity_look(ui, alarm.severity);
    ui.add_space(2.0);
    ui.horizontal_wrapped(|ui| {
        ui.label(egui::RichText::new(word).strong().color(color));
        let when = match raised.times {
            1 => format!("step {}", alarm.step),
            n => format!("{n} times, steps {} to {}", raised.first_step, alarm.step),
        };
        ui.label(egui::RichText::new(when).small().color(theme::dim(ui)));
    });
    ui.add(egui::Label::new(alarm.what.as_str()).wrap().selectable(true));
    for (label, text) in [("Cause", &alarm.cause), ("Do", &alarm.action)] {
        ui.horizontal_top(|ui| {
            let size = egui::vec2(38.0, ui.spacing().interact_size.y);
            ui.allocate_ui_with_layout(size, egui::Layout::left_to_right(egui::Align::Min), |ui| {
                ui.set_min_width(38.0);
                ui.label(egui::RichText::new(label).small().color(theme::dim(ui)));
            });
            ui.add(egui::Label::new(egui::RichText::new(text).small()).wrap().selectable(true));
        });
    }
    ui.separator();
}
