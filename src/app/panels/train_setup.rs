//! What a run learns from, where it starts, and its whole recipe.

use super::Panel;
use crate::app::commands::{CommandSender, Request, button_with};
use crate::app::theme;
use crate::app::training::check::{CheckLook, check_ui};
use crate::app::training::form::{Form, advice_ui, problems_ui};
use crate::app::training::{DataFound, DataLook, TrainAsk};
use crate::app::view::View;
use crate::model::AdapterKind;
use crate::train::{PRESETS, Preset};

/// Width of the labels of the upper rows.
const LABEL_WIDTH: f32 = 62.0;

/// The panel of data and recipe.
#[derive(Default)]
pub struct TrainSetupPanel {
    form: Form,
}

impl Panel for TrainSetupPanel {
    fn ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        self.data_ui(ui, view, out);
        ui.separator();
        preset_ui(ui, view, out);
        self.start_ui(ui, view, out);
        device_ui(ui, view, out);
        ui.add_space(2.0);
        for text in &view.training.draft.general {
            let color = theme::danger(ui);
            ui.add(egui::Label::new(egui::RichText::new(text).color(color)).wrap());
        }
        advice_ui(ui, view.training, out);
        begin_ui(ui, view, out);
        ui.separator();
        self.form.settings(ui, view, out);
        ui.separator();
        ui.horizontal_wrapped(|ui| {
            button_with(ui, view, out, "train-import", "Read a recipe…");
            button_with(ui, view, out, "train-export", "Write the recipe…");
            let changed = view.settings.train.changes.keys();
            let any = changed.into_iter().any(|k| !crate::app::training::recipe::is_place(k));
            let reset = ui.add_enabled(any, egui::Button::new("As the preset has it"));
            if reset.on_hover_text("All values of the preset; data and checkpoint stay").clicked() {
                out.send(Request::Train(TrainAsk::UnsetAll));
            }
        });
    }
}

/// A row with a label in front.
fn labelled(ui: &mut egui::Ui, label: &str, rest: impl FnOnce(&mut egui::Ui)) {
    ui.horizontal(|ui| {
        let height = ui.spacing().interact_size.y;
        let size = egui::vec2(LABEL_WIDTH, height);
        let (rect, _) = ui.allocate_exact_size(size, egui::Sense::hover());
        let font = egui::TextStyle::Body.resolve(ui.style());
        ui.painter().text(
            rect.left_center(),
            egui::Align2::LEFT_CENTER,
            label,
            font,
            theme::dim(ui),
        );
        rest(ui);
    });
}

impl TrainSetupPanel {
    fn data_ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        labelled(ui, "Data", |ui| {
            self.form.path(
                ui,
                view,
                out,
                "data.train",
                "Data folder",
                "a folder: type, drop or choose",
            );
        });
        problems_ui(ui, view.training, "data.train");
        match &view.training.data {
            DataLook::None => theme::hint(
                ui,
                "A folder with frames/ and audio/, a data set's own layout, or what fnac synth and \
                 fnac prepare write. Drop it on the window",
            ),
            DataLook::Looking => theme::hint(ui, "Listing the folder…"),
            DataLook::Refused(why) => {
                let color = theme::danger(ui);
                ui.add(egui::Label::new(egui::RichText::new(why).color(color)).wrap());
                if ui.small_button("Look again").clicked() {
                    out.send(Request::Train(TrainAsk::LookAtData));
                }
            }
            DataLook::Found(found) => found_ui(ui, view, out, found),
        }
    }

    fn start_ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        labelled(ui, "Start", |ui| {
            self.form.path(ui, view, out, "model.start", "Start checkpoint", "from scratch");
        });
        problems_ui(ui, view.training, "model.start");
        let config = &view.training.draft.config;
        let player = view.checkpoint.and_then(|c| c.path.as_ref().map(|p| (c, p)));
        if let Some((c, path)) = player.filter(|_| config.model.start.is_empty()) {
            labelled(ui, "", |ui| {
                let text = format!("The player's: {}", c.name);
                if ui.small_button(text).on_hover_text(path.display().to_string()).clicked() {
                    let path = path.to_string_lossy().into_owned();
                    out.send(Request::Train(TrainAsk::Set("model.start", path)));
                }
            });
        }
    }
}

fn found_ui(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender, found: &DataFound) {
    let data = &view.training.draft.config.data;
    let split = found.split(data);
    let color = if found.usable < 2 { theme::danger(ui) } else { ui.visuals().text_color() };
    ui.horizontal_wrapped(|ui| {
        let text = format!("{} of {} usable", found.usable, found.listed);
        ui.label(egui::RichText::new(text).color(color)).on_hover_text(
            "Items with picture and sound, of those that the folder or its list names. Broken ones \
             are left out and named, never replaced",
        );
        ui.label(egui::RichText::new(format!("layout {}", found.format)).color(theme::dim(ui)));
        if ui.small_button("Look again").on_hover_text("Lists the folder anew").clicked() {
            out.send(Request::Train(TrainAsk::LookAtData));
        }
    });
    let how = match (&found.validation, split.own_folder) {
        (Some(Err(why)), _) => {
            let color = theme::danger(ui);
            ui.add(egui::Label::new(egui::RichText::new(why).color(color)).wrap());
            "none".to_owned()
        }
        (_, true) => "in a folder of their own".to_owned(),
        (_, false) => format!("held out: {:.0} %", data.validation_share * 100.0),
    };
    let text = format!("{} learn · {} validate, {how}", split.train, split.validation);
    ui.label(egui::RichText::new(text).color(theme::dim(ui))).on_hover_text(
        "The best checkpoint is chosen on items that are not learnt from. A test set stays sealed: \
         name its list in data.exclude, and score it with fnac eval in the end",
    );
    for note in &found.notes {
        theme::hint(ui, note.as_str());
    }
    let missing = found.listed.saturating_sub(found.usable);
    if missing > 0 && !found.left_out.is_empty() {
        egui::CollapsingHeader::new(format!("{missing} left out")).id_salt("left-out").show(
            ui,
            |ui| {
                for (id, why) in &found.left_out {
                    theme::hint(ui, format!("{id}: {why}"));
                }
            },
        );
    }
}

fn preset_ui(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
    let now: Option<&Preset> = PRESETS.iter().find(|p| p.name == view.settings.train.preset);
    labelled(ui, "Preset", |ui| {
        let combo = egui::ComboBox::from_id_salt("preset")
            .width((ui.available_width() - 8.0).max(80.0))
            .selected_text(now.map_or(view.settings.train.preset.as_str(), |p| p.label))
            .show_ui(ui, |ui| {
                for p in &PRESETS {
                    let chosen = p.name == view.settings.train.preset;
                    if ui.selectable_label(chosen, p.label).on_hover_text(p.about).clicked() {
                        out.send(Request::Train(TrainAsk::Preset(p.name.to_owned())));
                    }
                }
            });
        combo
            .response
            .widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, "Preset"));
    });
    if let Some(p) = now {
        theme::hint(ui, p.about);
    }
}

/// What a run can be told to run on, and in words.
fn device_choices(view: &View<'_>) -> Vec<(String, String)> {
    let mut list = super::device_choices(view);
    let hardware: Vec<_> =
        view.devices.iter().filter(|d| d.kind != AdapterKind::Software).collect();
    if hardware.len() > 1 {
        let all: Vec<_> = hardware.iter().map(|d| format!("gpu:{}", d.index)).collect();
        list.push((all.join(","), format!("All {} GPUs", hardware.len())));
    }
    list
}

fn device_ui(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
    let now = view.training.draft.config.run.device.clone();
    let choices = device_choices(view);
    let shown = choices.iter().find(|(c, _)| *c == now).map_or(now.as_str(), |(_, t)| t.as_str());
    labelled(ui, "Device", |ui| {
        let combo = egui::ComboBox::from_id_salt("train-device")
            .width((ui.available_width() - 8.0).max(80.0))
            .truncate()
            .selected_text(shown)
            .show_ui(ui, |ui| {
                for (choice, text) in &choices {
                    if ui.selectable_label(*choice == now, text).clicked() {
                        out.send(Request::Train(TrainAsk::Set("run.device", choice.clone())));
                    }
                }
            });
        combo.response.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::ComboBox, true, "Training device")
        });
        combo.response.on_hover_text("Where the run computes; run.device takes names as well");
    });
    problems_ui(ui, view.training, "run.device");
}

fn begin_ui(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
    ui.add_space(4.0);
    ui.horizontal_wrapped(|ui| {
        button_with(ui, view, out, "train-start", egui::RichText::new("Start").strong());
        button_with(ui, view, out, "train-check", "Check first");
        if let Some(why) = view.training.start_hindrance() {
            let text = egui::RichText::new(format!("Not yet: {why}")).small().color(theme::dim(ui));
            ui.add(egui::Label::new(text).wrap());
        }
    });
    let t = view.training;
    if t.draft.known().on_cpu && matches!(t.check.look, CheckLook::None) {
        theme::hint(
            ui,
            "On the CPU a step takes seconds and a run takes minutes to hours: the check tries a \
             step and says how long. The player stays smooth, with fewer maps",
        );
    }
    check_ui(ui, view, out);
}
