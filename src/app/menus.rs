//! The menu bar; every row is a command of the table.

use super::commands::{Category, CommandSender, Request, commands, menu_item};
use super::panels::PANELS;
use super::view::{View, file_label};

/// Draws the menu bar.
pub fn menu_bar_ui(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
    egui::MenuBar::new().ui(ui, |ui| {
        for category in Category::ALL {
            ui.menu_button(category.title(), |ui| {
                ui.set_min_width(230.0);
                for command in commands().filter(|c| c.category == *category && c.id != "escape") {
                    menu_item(ui, view, out, command.id);
                    if command.id == "open-path" {
                        recent_ui(ui, "Open recent", &view.settings.recent.clips, out);
                    }
                    if command.id == "open-checkpoint" {
                        recent_ui(ui, "Recent checkpoints", &view.settings.recent.checkpoints, out);
                    }
                    if command.id == "reset-layout" {
                        panels_ui(ui, out);
                    }
                }
                if *category == Category::Model {
                    devices_ui(ui, view, out);
                }
            });
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let name = match view.source {
                _ if view.builtin => "built-in clip".to_owned(),
                Some(source) => source.display_name(),
                None => String::new(),
            };
            let text = match view.playlist.len() {
                n if n > 1 => format!("{name}  ·  {} of {n}", view.playlist.at() + 1),
                _ => name,
            };
            ui.add(
                egui::Label::new(egui::RichText::new(text).color(super::theme::dim(ui))).truncate(),
            );
        });
    });
}

fn recent_ui(
    ui: &mut egui::Ui,
    title: &str,
    paths: &[std::path::PathBuf],
    out: &mut CommandSender,
) {
    ui.add_enabled_ui(!paths.is_empty(), |ui| {
        ui.menu_button(title, |ui| {
            ui.set_min_width(230.0);
            for path in paths {
                if ui.button(file_label(path)).on_hover_text(path.display().to_string()).clicked() {
                    out.send(Request::Open(vec![path.clone()]));
                    ui.close();
                }
            }
        });
    });
}

fn panels_ui(ui: &mut egui::Ui, out: &mut CommandSender) {
    ui.menu_button("Panels", |ui| {
        ui.set_min_width(180.0);
        for panel in PANELS {
            if ui.button(panel.title).on_hover_text(panel.about).clicked() {
                out.send(Request::Run("panel", Some(panel.title.to_owned())));
                ui.close();
            }
        }
    });
    ui.separator();
}

fn devices_ui(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
    ui.separator();
    ui.menu_button("Run the model on", |ui| {
        ui.set_min_width(230.0);
        for (choice, text) in super::panels::device_choices(view) {
            if ui.selectable_label(view.device_choice == choice, text).clicked() {
                out.send(Request::Device(choice));
                ui.close();
            }
        }
    });
}
