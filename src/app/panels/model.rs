//! Checkpoint, device and why, maps per second.

use super::Panel;
use crate::app::commands::{CommandSender, Request, button, button_with};
use crate::app::theme;
use crate::app::view::View;
use crate::infer::InferState;

/// The model panel.
#[derive(Default)]
pub struct ModelPanel {
    card_open: bool,
}

/// What can be asked for: choice as typed, and its words.
pub fn device_choices(view: &View<'_>) -> Vec<(String, String)> {
    let mut list =
        vec![("auto".to_owned(), "Automatic".to_owned()), ("cpu".to_owned(), "CPU".to_owned())];
    list.extend(view.devices.iter().map(|d| (format!("gpu:{}", d.index), d.name.clone())));
    list
}

impl Panel for ModelPanel {
    fn ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        match view.checkpoint {
            None => {
                ui.label(egui::RichText::new("No checkpoint is loaded").strong());
                theme::hint(
                    ui,
                    "Drop a .pth or .safetensors file on the window. FNAC's official files, \
                     EZ-VSL's and this program's own are read; nothing in them is executed.",
                );
                button(ui, view, out, "open-checkpoint");
                if view.has_demo_model {
                    button(ui, view, out, "demo-model");
                }
                let recent = &view.settings.recent.checkpoints;
                if let Some(path) = recent.first() {
                    let name = crate::app::view::file_label(path);
                    if ui
                        .button(format!("Load {name} again"))
                        .on_hover_text(path.display().to_string())
                        .clicked()
                    {
                        out.send(Request::OpenCheckpoint(path.clone()));
                    }
                }
                ui.add_space(4.0);
            }
            Some(c) => {
                ui.horizontal(|ui| {
                    ui.add(egui::Label::new(egui::RichText::new(&c.name).strong()).truncate())
                        .on_hover_text(
                            c.path.as_ref().map_or("carried in the program".to_owned(), |p| {
                                p.display().to_string()
                            }),
                        );
                    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                        button_with(ui, view, out, "open-checkpoint", "Open…");
                    });
                });
                if let Some(remark) = &c.card.remark {
                    theme::hint(ui, remark.as_str());
                }
            }
        }
        device_ui(ui, view, out);
        status_ui(ui, view);
        if let Some(c) = view.checkpoint {
            let header = egui::CollapsingHeader::new("Card").default_open(self.card_open);
            let shown = header.show(ui, |ui| card_ui(ui, c));
            self.card_open = shown.fully_open();
        }
    }
}

fn device_ui(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
    let choices = device_choices(view);
    let shown = choices
        .iter()
        .find(|(c, _)| c == view.device_choice)
        .map_or_else(|| view.device_choice.to_owned(), |(_, text)| text.clone());
    ui.horizontal(|ui| {
        let label = ui.label(egui::RichText::new("Device").color(theme::dim(ui)));
        let combo = egui::ComboBox::from_id_salt("device")
            .selected_text(shown)
            .width((ui.available_width() - 8.0).max(80.0))
            .truncate()
            .show_ui(ui, |ui| {
                for (choice, text) in &choices {
                    if ui.selectable_label(view.device_choice == choice, text).clicked() {
                        out.send(Request::Device(choice.clone()));
                    }
                }
            });
        combo
            .response
            .labelled_by(label.id)
            .on_hover_text("Where the network runs; takes effect while playing");
    });
    if !view.infer.device.is_empty() {
        ui.add(egui::Label::new(format!("Runs on {}", view.infer.device)).wrap());
    }
    if !view.infer.reason.is_empty() {
        theme::hint(ui, view.infer.reason.as_str());
    }
}

fn status_ui(ui: &mut egui::Ui, view: &View<'_>) {
    let s = view.infer;
    let color = match s.state {
        InferState::Ready => ui.visuals().text_color(),
        InferState::NoModel => theme::dim(ui),
        InferState::Failed | InferState::Lost => theme::danger(ui),
        InferState::Trying | InferState::Preparing => theme::warning(ui),
    };
    if s.state != InferState::NoModel && s.state != InferState::Ready {
        ui.label(egui::RichText::new(s.state.word()).color(color));
    }
    if !s.message.is_empty() && s.state != InferState::NoModel {
        ui.add(egui::Label::new(egui::RichText::new(&s.message).color(color)).wrap());
    }
    if s.state != InferState::Ready && !s.running {
        return;
    }
    theme::facts(ui, "model-status", |ui| {
        theme::number(ui, "Maps", format!("{:6.1} /s", s.maps_per_sec)).on_hover_text(
            "Maps computed per second, live and in the background, over the last seconds",
        );
        theme::number(ui, "Latency", format!("{:6.1} ms", s.latency_ms)).on_hover_text(
            "From a decoded picture to its map, smoothed. Frames are computed this far ahead",
        );
        theme::number(
            ui,
            "While playing",
            match s.every_k {
                0 | 1 => " every frame".to_owned(),
                k => format!(" every {}", crate::app::transport::ordinal(k)),
            },
        )
        .on_hover_text(
            "Frames that get a map of their own; between two the map is interpolated in time",
        );
        theme::number(
            ui,
            "Computed",
            format!("{:6.1} %{}", s.filled * 100.0, if s.filling { " …" } else { "" }),
        )
        .on_hover_text(
            "Share of the clip's frames that have their map; the rest is filled when there is time",
        );
    });
}

fn card_ui(ui: &mut egui::Ui, c: &crate::app::view::CheckpointSummary) {
    theme::facts(ui, "card", |ui| {
        if !c.card.name.is_empty() && c.card.name != c.name {
            theme::fact(ui, "Name", c.card.name.as_str());
        }
        theme::number(ui, "Width", c.width.to_string())
            .on_hover_text("Channels of the first stage; the paper's is 64");
        theme::number(ui, "Dimension", c.dim.to_string()).on_hover_text("Length of an embedding");
        theme::number(ui, "Sample rate", format!("{} Hz", c.card.sample_rate))
            .on_hover_text("Sound is resampled to this rate for the model");
        theme::number(ui, "Tau", format!("{}", c.card.tau));
        theme::fact(
            ui,
            "Cells lie",
            c.card.cell_geometry.map_or("not said: aligned".to_owned(), |g| g.to_string()),
        );
        theme::fact(
            ui,
            "Calibration",
            match c.card.calibration {
                Some((lo, hi)) => format!("{lo:+.3} … {hi:+.3}"),
                None => "none: the scale is absolute".to_owned(),
            },
        )
        .on_hover_text(
            "Cosines of the lowest and the highest colour, from the checkpoint's own reference set",
        );
        theme::fact(
            ui,
            "No source below",
            c.card.no_source_threshold.map_or("not said".to_owned(), |t| format!("{t:.3}")),
        );
        theme::fact(ui, "Preprocessing", c.card.preprocessing.as_str());
        theme::fact(ui, "File", c.format.as_str());
        theme::fact(ui, "SHA-256", c.sha256.chars().take(16).collect::<String>())
            .on_hover_text(&c.sha256);
        for (k, v) in &c.card.lineage {
            theme::fact(ui, k, v.as_str());
        }
        for (k, v) in &c.card.metrics {
            theme::number(ui, k, format!("{v}"));
        }
    });
    for note in &c.notes {
        theme::hint(ui, note.as_str());
    }
}
