//! Everything that is kept: look, playing, keys, and the defaults of each section.

use super::Panel;
use crate::app::commands::{CommandSender, Request, commands};
use crate::app::settings::{Section, Settings, ThemeChoice};
use crate::app::theme;
use crate::app::view::View;

/// The settings panel.
#[derive(Default)]
pub struct SettingsPanel {
    search: String,
    editing: Option<(&'static str, String)>,
    refused: Option<String>,
}

impl Panel for SettingsPanel {
    fn ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        let mut s = view.settings.clone();
        theme::title(ui, "Look");
        ui.horizontal_wrapped(|ui| {
            ui.selectable_value(&mut s.look.theme, ThemeChoice::Dark, "Dark");
            ui.selectable_value(&mut s.look.theme, ThemeChoice::Light, "Light");
            ui.checkbox(&mut s.look.hud, "Info");
            ui.checkbox(&mut s.look.legend, "Legend");
        });
        scale_ui(ui, &mut s);
        theme::title(ui, "Playing");
        ui.horizontal_wrapped(|ui| {
            ui.checkbox(&mut s.play.loop_clip, "Loop the clip");
            ui.checkbox(&mut s.play.advance, "Go on with the next item");
            ui.checkbox(&mut s.play.resume, "Resume where it was left");
        });
        output_ui(ui, view, out);
        if s != *view.settings {
            out.send(Request::Settings("settings", Box::new(s)));
        }
        self.keys_ui(ui, view, out);
        theme::title(ui, "Defaults");
        ui.horizontal_wrapped(|ui| {
            for section in Section::ALL {
                if ui
                    .button(format!("Reset {}", section.title()))
                    .on_hover_text("Undo brings it back")
                    .clicked()
                {
                    out.send(Request::Reset(*section));
                }
            }
        });
    }
}

fn scale_ui(ui: &mut egui::Ui, s: &mut Settings) {
    ui.horizontal(|ui| {
        let l = ui.label(egui::RichText::new("Display scale").color(theme::dim(ui)));
        let percent = (s.look.scale * 100.0).round() as i32;
        let shown = egui::ComboBox::from_id_salt("scale")
            .width(80.0)
            .selected_text(format!("{percent} %"))
            .show_ui(ui, |ui| {
                for p in [75, 100, 125, 150, 175, 200, 250, 300] {
                    ui.selectable_value(&mut s.look.scale, p as f32 / 100.0, format!("{p} %"));
                }
            });
        shown.response.labelled_by(l.id);
    });
}

fn output_ui(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
    let chosen = view.settings.play.output.as_deref();
    ui.horizontal(|ui| {
        let l = ui.label(egui::RichText::new("Sound output").color(theme::dim(ui)));
        let shown = egui::ComboBox::from_id_salt("output")
            .width((ui.available_width() - 8.0).max(80.0))
            .truncate()
            .selected_text(chosen.unwrap_or("the system's"))
            .show_ui(ui, |ui| {
                if ui.selectable_label(chosen.is_none(), "the system's").clicked() {
                    out.send(Request::Output(None));
                }
                for name in view.outputs {
                    if ui.selectable_label(chosen == Some(name), name).clicked() {
                        out.send(Request::Output(Some(name.clone())));
                    }
                }
            });
        shown.response.labelled_by(l.id);
    });
    let key = chosen.unwrap_or_default();
    let now = view.settings.play.offset_ms.get(key).copied().unwrap_or(0);
    let mut offset = now;
    ui.horizontal(|ui| {
        let l = ui.label(egui::RichText::new("Sound is heard late by").color(theme::dim(ui)));
        ui.add(egui::DragValue::new(&mut offset).range(-2000..=2000).suffix(" ms"))
            .labelled_by(l.id)
            .on_hover_text("For Bluetooth and amplifiers whose delay the system does not tell; kept per output");
    });
    if offset != now {
        out.send(Request::AudioOffset(offset));
    }
}

impl SettingsPanel {
    fn keys_ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        theme::title(ui, "Keys");
        ui.horizontal(|ui| {
            let l = ui.label(egui::RichText::new("Find").color(theme::dim(ui)));
            ui.add(
                egui::TextEdit::singleline(&mut self.search)
                    .desired_width(160.0)
                    .hint_text("a command"),
            )
            .labelled_by(l.id);
        });
        let search = self.search.to_lowercase();
        let hits: Vec<_> = commands()
            .filter(|c| {
                search.len() > 1
                    && (c.text.to_lowercase().contains(&search) || c.id.contains(&search))
            })
            .collect();
        if search.len() < 2 {
            theme::hint(ui, "Type two letters of a command to change its keys");
        }
        for command in hits {
            let keys = view.bindings.keys(command.id).join("  ");
            ui.horizontal(|ui| {
                let l = ui.label(command.text);
                let editing = self.editing.as_ref().is_some_and(|(id, _)| *id == command.id);
                if !editing {
                    let text = if keys.is_empty() { "none".to_owned() } else { keys.clone() };
                    let r = ui.button(egui::RichText::new(text).monospace());
                    r.widget_info(|| {
                        egui::WidgetInfo::labeled(
                            egui::Role::Button,
                            true,
                            format!("Change keys of {}", command.text),
                        )
                    });
                    if r.on_hover_text("Change; several keys are separated by spaces").clicked() {
                        self.editing = Some((command.id, keys));
                        self.refused = None;
                    }
                    return;
                }
                let Some((_, text)) = &mut self.editing else { return };
                ui.add(
                    egui::TextEdit::singleline(text).desired_width(110.0).hint_text("Ctrl+Shift+X"),
                )
                .labelled_by(l.id);
                let enter = ui.input(|i| i.key_pressed(egui::Key::Enter));
                let set = ui.small_button("Set").clicked() || enter;
                let usual = ui.small_button("Default").clicked();
                if set || usual {
                    let wanted: Vec<String> = if usual {
                        command.keys.iter().map(|k| (*k).to_owned()).collect()
                    } else {
                        text.split_whitespace().map(str::to_owned).collect()
                    };
                    self.refused = view.bindings.clash(command.id, &wanted);
                    if self.refused.is_none() {
                        out.send(Request::Rebind(command.id, wanted));
                        self.editing = None;
                    }
                }
            });
        }
        if let Some(why) = &self.refused {
            let color = theme::danger(ui);
            ui.add(egui::Label::new(egui::RichText::new(why).color(color)).wrap());
        }
    }
}
