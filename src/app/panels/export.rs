//! Videos with the map drawn in: what, where to, the queue.

use std::path::PathBuf;

use super::Panel;
use crate::app::commands::{CommandSender, Request};
use crate::app::dialogs::Pick;
use crate::app::exports::{ExportState, ExportWish};
use crate::app::open::main_path;
use crate::app::shots::{free_name, pictures_dir};
use crate::app::theme;
use crate::app::view::{View, file_label};

/// The export panel.
pub struct ExportPanel {
    path: String,
    loop_only: bool,
    legend: bool,
    proposed_for: Option<PathBuf>,
    picked: Option<PathBuf>,
}

impl Default for ExportPanel {
    fn default() -> Self {
        Self {
            path: String::new(),
            loop_only: false,
            legend: true,
            proposed_for: None,
            picked: None,
        }
    }
}

impl ExportPanel {
    /// A new clip gets a new proposal; a file from the dialog is taken once.
    fn propose(&mut self, view: &View<'_>) {
        if let Some(source) = view.source {
            let main = main_path(source);
            if self.proposed_for.as_deref() != Some(main) {
                self.proposed_for = Some(main.to_owned());
                let stem = main.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let path = free_name(pictures_dir().join(format!("{stem}-map.mp4")));
                self.path = path.to_string_lossy().into_owned();
            }
        }
        if view.exports.target() != self.picked.as_ref() {
            self.picked = view.exports.target().cloned();
            if let Some(p) = &self.picked {
                self.path = p.to_string_lossy().into_owned();
            }
        }
    }
}

impl Panel for ExportPanel {
    fn ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        if !view.has_clip() {
            theme::hint(
                ui,
                "Open a clip: it can be written as a video with the map drawn in, and its sound",
            );
            return;
        }
        self.propose(view);
        let label = ui.label(egui::RichText::new("Write to").color(theme::dim(ui)));
        ui.horizontal(|ui| {
            let width = (ui.available_width() - 72.0).max(80.0);
            ui.add(egui::TextEdit::singleline(&mut self.path).desired_width(width))
                .labelled_by(label.id);
            if ui.button("Choose…").clicked() {
                let name = file_label(std::path::Path::new(&self.path));
                out.send(Request::PickFor(Pick::ExportTo, name, None));
            }
        });
        let loops = view.presentation.loops;
        let has_loop = loops.a.is_some() && loops.b.is_some();
        ui.horizontal_wrapped(|ui| {
            ui.add_enabled(has_loop, egui::Checkbox::new(&mut self.loop_only, "A-B loop only"))
                .on_disabled_hover_text("Mark a loop first: l at its start, l at its end");
            ui.checkbox(&mut self.legend, "Legend");
        });
        let ready = !self.path.trim().is_empty();
        if ui
            .add_enabled(ready, egui::Button::new("Write video"))
            .on_hover_text("As the window draws it: the same layer, colours, scale and cells, at the clip's own size")
            .clicked()
        {
            out.send(Request::Export(ExportWish {
                path: PathBuf::from(self.path.trim()),
                loop_only: self.loop_only && has_loop,
                legend: self.legend,
            }));
        }
        let filled = view.infer.filled;
        if view.checkpoint.is_none() {
            theme::hint(ui, "No checkpoint is loaded: the video is written without a map");
        } else if filled < 0.999 {
            theme::hint(
                ui,
                format!(
                    "{:.0} % of the clip's frames have their map now; the others are written with \
                     what the window would show",
                    filled * 100.0
                ),
            );
        }
        queue_ui(ui, view, out);
    }
}

fn queue_ui(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
    for job in view.exports.jobs() {
        ui.separator();
        ui.horizontal(|ui| {
            ui.add(egui::Label::new(file_label(&job.path)).truncate())
                .on_hover_text(job.path.display().to_string());
        });
        ui.horizontal(|ui| {
            let (text, button) = match &job.state {
                ExportState::Waiting => ("waiting".to_owned(), "Cancel"),
                ExportState::Running => (String::new(), "Cancel"),
                ExportState::Done => ("written".to_owned(), "Remove"),
                ExportState::Cancelled => ("stopped, nothing written".to_owned(), "Remove"),
                ExportState::Failed(e) => (e.clone(), "Remove"),
            };
            if ui.small_button(button).clicked() {
                out.send(Request::CancelExport(job.id));
            }
            if job.state == ExportState::Running {
                ui.add(egui::ProgressBar::new(job.share()).desired_width(120.0).show_percentage());
                ui.ctx().request_repaint_after(std::time::Duration::from_millis(200));
            } else {
                let failed = matches!(job.state, ExportState::Failed(_));
                let color = if failed { theme::danger(ui) } else { theme::dim(ui) };
                ui.add(egui::Label::new(egui::RichText::new(text).color(color)).wrap());
            }
        });
    }
}
