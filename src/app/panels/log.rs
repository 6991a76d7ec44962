//! What happened so far.

use super::Panel;
use crate::app::commands::CommandSender;
use crate::app::log::Level;
use crate::app::theme;
use crate::app::view::View;

/// The log panel.
#[derive(Default)]
pub struct LogPanel {
    problems_only: bool,
}

impl Panel for LogPanel {
    fn ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, _: &mut CommandSender) {
        ui.horizontal(|ui| {
            ui.checkbox(&mut self.problems_only, "Problems only");
            if ui.button("Copy").on_hover_text("The whole log, for a report").clicked() {
                ui.ctx().copy_text(view.log.text());
            }
        });
        let lines = view.log.snapshot();
        let mut shown = 0;
        for line in lines.iter().rev().filter(|l| !self.problems_only || l.level > Level::Note) {
            shown += 1;
            let color = match line.level {
                Level::Note => ui.visuals().text_color(),
                Level::Warning => theme::warning(ui),
                Level::Error => theme::danger(ui),
            };
            ui.horizontal_top(|ui| {
                let at = line.at.as_secs();
                let time = format!("{:>3}:{:02}", at / 60, at % 60);
                ui.label(egui::RichText::new(time).monospace().color(theme::dim(ui)));
                let times =
                    if line.times > 1 { format!("  ×{}", line.times) } else { String::new() };
                let text = egui::RichText::new(format!("{}{times}", line.text)).color(color);
                ui.add(egui::Label::new(text).wrap().selectable(true));
            });
        }
        if shown == 0 {
            theme::hint(ui, "Nothing to report");
        }
    }
}
