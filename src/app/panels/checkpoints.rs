//! The shelf: run folders, their checkpoints, and what can be done with them.

use std::collections::HashMap;
use std::path::PathBuf;

use super::Panel;
use super::curves::swatch_ui;
use crate::app::commands::{CommandSender, Request};
use crate::app::theme;
use crate::app::training::shelf::{best_text, parent_of};
use crate::app::training::{Longer, TrainAsk};
use crate::app::view::{View, file_label};
use crate::train::run_folder::RunSummary;

/// The panel of runs and checkpoints.
#[derive(Default)]
pub struct CheckpointsPanel {
    asked: bool,
    search: String,
    /// How long a run is to be, by run: steps or epochs, whichever limits it.
    length: HashMap<PathBuf, u64>,
}

impl Panel for CheckpointsPanel {
    fn ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        if !self.asked {
            self.asked = true;
            out.send(Request::Train(TrainAsk::ListRuns));
        }
        let shelf = &view.training.shelf;
        ui.horizontal(|ui| {
            let root = shelf.root.as_deref().map_or(String::new(), |p| p.display().to_string());
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let other = ui.button("…").on_hover_text("Another folder for runs");
                other.widget_info(|| {
                    egui::WidgetInfo::labeled(egui::Role::Button, true, "Choose the runs folder")
                });
                if other.clicked() {
                    out.send(Request::Train(TrainAsk::PickRunsFolder));
                }
                if ui.button("Refresh").on_hover_text("List the runs anew").clicked() {
                    out.send(Request::Train(TrainAsk::ListRuns));
                }
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                    let text = egui::RichText::new(&root).small().color(theme::dim(ui));
                    ui.add(egui::Label::new(text).truncate()).on_hover_text(&root);
                });
            });
        });
        if let Some(why) = &shelf.refused {
            let color = theme::danger(ui);
            ui.add(egui::Label::new(egui::RichText::new(why).color(color)).wrap());
        }
        if shelf.runs.is_empty() {
            theme::hint(
                ui,
                if shelf.looking || shelf.root.is_none() {
                    "Listing the runs…"
                } else {
                    "No runs here yet. Each run gets a numbered folder of its own with its recipe, \
                     its curves and its checkpoints; none is ever written over. Start one in Data & \
                     recipe, or choose another folder by …"
                },
            );
            return;
        }
        if shelf.runs.len() > 8 {
            ui.add(
                egui::TextEdit::singleline(&mut self.search)
                    .desired_width(f32::INFINITY)
                    .hint_text("Find a run: name, preset, device"),
            );
        }
        let search = self.search.to_lowercase();
        for run in shelf.runs.iter().filter(|r| found(r, &search)) {
            self.run_ui(ui, view, out, run);
        }
    }
}

fn found(run: &RunSummary, search: &str) -> bool {
    let card = run.card.as_ref();
    let text = format!(
        "{} {} {}",
        run.name,
        card.map_or("", |c| c.preset.as_str()),
        card.map_or("", |c| c.device.as_str())
    );
    search.split_whitespace().all(|w| text.to_lowercase().contains(w))
}

impl CheckpointsPanel {
    fn run_ui(
        &mut self,
        ui: &mut egui::Ui,
        view: &View<'_>,
        out: &mut CommandSender,
        run: &RunSummary,
    ) {
        let shelf = &view.training.shelf;
        let present = view.training.state().folder() == Some(run.folder.as_path());
        ui.separator();
        ui.horizontal(|ui| {
            let slot = if present { Some(0) } else { shelf.slots.of(&run.folder).map(|s| s + 1) };
            let mut on = slot.is_some();
            let check = ui.add_enabled(!present, egui::Checkbox::without_text(&mut on));
            check.widget_info(|| {
                let text = format!("Draw {}", run.name);
                egui::WidgetInfo::selected(egui::Role::CheckBox, !present, on, text)
            });
            if check.on_hover_text("Draw its curves beside the present run's").changed() {
                out.send(Request::Train(TrainAsk::ShowRun(run.folder.clone(), on)));
            }
            if let Some(slot) = slot {
                swatch_ui(ui, slot);
            }
            ui.label(egui::RichText::new(&run.name).strong())
                .on_hover_text(run.folder.display().to_string());
            let state = if present && view.training.session.is_live() {
                "this window's run".to_owned()
            } else {
                ending(run)
            };
            ui.label(egui::RichText::new(state).small().color(theme::dim(ui)));
        });
        facts_ui(ui, run);
        for problem in &run.problems {
            let color = theme::warning(ui);
            ui.add(egui::Label::new(egui::RichText::new(problem).small().color(color)).wrap());
        }
        self.actions_ui(ui, view, out, run);
        checkpoints_ui(ui, out, run);
    }

    fn actions_ui(
        &mut self,
        ui: &mut egui::Ui,
        view: &View<'_>,
        out: &mut CommandSender,
        run: &RunSummary,
    ) {
        let free = !view.training.session.is_live();
        ui.horizontal_wrapped(|ui| {
            let schedule = run.config.as_ref().map(|c| &c.schedule);
            let (unit, had) = match schedule {
                Some(s) if s.steps > 0 => ("step", s.steps),
                Some(s) => ("epoch", u64::from(s.epochs)),
                None => ("epoch", 1),
            };
            let length = self.length.entry(run.folder.clone()).or_insert(had);
            let may = free && run.can_resume() && run.checkpoints.contains_key("last");
            let done = run.card.as_ref().is_some_and(|c| c.ending == "finished") && *length <= had;
            let resume = ui.add_enabled(may && !done, egui::Button::new("Resume").small());
            let resume = resume
                .on_hover_text("Goes on exactly from its last state, as one curve")
                .on_disabled_hover_text(if !free {
                    "A run is at work: stop it first"
                } else if may {
                    "It is finished: raise the number beside to make it longer"
                } else {
                    "There is no last state, or another program works on it"
                });
            if resume.clicked() {
                let more = (*length != had).then(|| match unit {
                    "step" => Longer::Steps(*length),
                    _ => Longer::Epochs(u32::try_from(*length).unwrap_or(u32::MAX)),
                });
                out.send(Request::Train(TrainAsk::ResumeRun(run.folder.clone(), more)));
            }
            let drag =
                egui::DragValue::new(length).range(1..=1_000_000).prefix(format!("to {unit} "));
            ui.add_enabled(may, drag)
                .on_hover_text("A higher number makes the run longer; its steps so far stay");
            for name in ["best", "last"] {
                let Some(path) = run.checkpoints.get(name) else { continue };
                let branch = ui.add_enabled(
                    run.config.is_some(),
                    egui::Button::new(format!("Branch from {name}")).small(),
                );
                let tip = "Makes its recipe the panel's, starting from this checkpoint: a new run \
                           with this one in its lineage";
                if branch.on_hover_text(tip).clicked() {
                    let ask = TrainAsk::Branch(run.folder.clone(), path.clone());
                    out.send(Request::Train(ask));
                }
            }
            if ui.small_button("Folder").on_hover_text(run.folder.display().to_string()).clicked() {
                out.send(Request::Train(TrainAsk::OpenFolder(run.folder.clone())));
            }
        });
    }
}

/// How it ended, in a word.
fn ending(run: &RunSummary) -> String {
    let card = run.card.as_ref();
    match card.map(|c| c.ending.as_str()) {
        _ if run.running => "at work".to_owned(),
        Some("") => "ended without a word".to_owned(),
        Some(word) => word.to_owned(),
        None => String::new(),
    }
}

fn facts_ui(ui: &mut egui::Ui, run: &RunSummary) {
    let mut parts = Vec::new();
    if let Some(card) = &run.card {
        parts.push(card.preset.clone());
        let when = card.began.get(..16).unwrap_or(&card.began).replace('T', " ");
        parts.push(when);
    }
    if let Some(last) = &run.last {
        parts.push(format!("{} steps", last.step + 1));
    }
    parts.extend(best_text(run));
    if let Some(parent) = parent_of(run) {
        parts.push(format!("from {parent}"));
    }
    parts.retain(|p| !p.is_empty());
    theme::hint(ui, parts.join(" · "));
}

fn checkpoints_ui(ui: &mut egui::Ui, out: &mut CommandSender, run: &RunSummary) {
    if run.checkpoints.is_empty() {
        return;
    }
    let title = match run.checkpoints.len() {
        1 => "1 checkpoint".to_owned(),
        n => format!("{n} checkpoints"),
    };
    let header = egui::CollapsingHeader::new(title).id_salt(&run.folder);
    header.show(ui, |ui| {
        for (name, path) in run.checkpoints.iter().rev() {
            ui.horizontal(|ui| {
                let use_it = ui.small_button("Use in player");
                use_it.widget_info(|| {
                    let text = format!("Use {name} of {}", run.name);
                    egui::WidgetInfo::labeled(egui::Role::Button, true, text)
                });
                if use_it.on_hover_text(path.display().to_string()).clicked() {
                    out.send(Request::OpenCheckpoint(path.clone()));
                }
                ui.label(name);
                let text = egui::RichText::new(figures(run, name)).small().color(theme::dim(ui));
                ui.add(egui::Label::new(text).truncate());
                if ui.small_button("Branch").on_hover_text("A new run from this one").clicked() {
                    let ask = TrainAsk::Branch(run.folder.clone(), path.clone());
                    out.send(Request::Train(ask));
                }
            });
        }
    });
}

/// Validation figures of an epoch's checkpoint.
fn figures(run: &RunSummary, name: &str) -> String {
    let epoch = name.strip_prefix("epoch-").and_then(|n| n.parse::<u64>().ok());
    let check = match (name, epoch) {
        ("last", _) => run.validations.last(),
        (_, Some(epoch)) => {
            run.validations.iter().rev().find(|v| v.epoch + 1 == epoch || v.epoch == epoch)
        }
        _ => None,
    };
    match (name, check) {
        ("best", _) => best_text(run).unwrap_or_default(),
        (_, Some(v)) => {
            let percent =
                |what: &str, v: Option<f64>| v.map(|v| format!("{:.1} % {what}", v * 100.0));
            let all = [
                percent("success", v.success),
                percent("adaptive", v.adaptive),
                percent("pointing", v.pointing),
            ];
            all.into_iter().flatten().collect::<Vec<_>>().join(" · ")
        }
        _ => file_label(&run.folder),
    }
}
