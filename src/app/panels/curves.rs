//! Curves of the run and of runs beside it.

use std::collections::BTreeSet;
use std::hash::{Hash as _, Hasher as _};
use std::path::Path;

use super::Panel;
use crate::app::commands::{CommandSender, Request};
use crate::app::theme;
use crate::app::training::charts::{Mark, Scene, Shown, chart_ui, slot_look};
use crate::app::training::compare::Table;
use crate::app::training::series::{Along, CHARTS, Lines, Ways, steps_per_epoch};
use crate::app::training::shelf::Curves;
use crate::app::training::smooth::reach;
use crate::app::training::{TrainAsk, TrainingState};
use crate::app::view::{View, file_label};
use crate::train::events::StepRow;

/// A chart is at least this wide.
const CHART_WIDTH: f32 = 250.0;
/// A chart is at least this high.
const CHART_HEIGHT: f32 = 128.0;

/// The panel of curves.
pub struct CurvesPanel {
    lines: Lines,
    along: Along,
    log: bool,
    weighted: bool,
    shown: BTreeSet<&'static str>,
    large: Option<&'static str>,
}

impl Default for CurvesPanel {
    fn default() -> Self {
        Self {
            lines: Lines::default(),
            along: Along::default(),
            log: false,
            weighted: false,
            shown: CHARTS.iter().filter(|c| c.at_first).map(|c| c.id).collect(),
            large: None,
        }
    }
}

impl Panel for CurvesPanel {
    fn ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        let state = view.training.state();
        let place = ui.clip_rect().height();
        self.bar_ui(ui, view, out);
        let runs = shown_runs(ui, view);
        if runs.iter().all(|r| r.rows.is_empty()) {
            let reading = view.training.shelf.curves.values().any(|c| matches!(c, Curves::Reading));
            theme::hint(
                ui,
                if reading {
                    "Reading the curves…"
                } else {
                    "No steps yet. Start a run in Data & recipe, or tick an earlier one in Runs & \
                     checkpoints"
                },
            );
            warm_ui(ui, state);
            return;
        }
        let marks = marks(state);
        let scene = Scene {
            runs: &runs,
            marks: &marks,
            warmup_ends: warmup_ends(state, runs.first().map_or(&[], |r| r.rows)),
            ways: Ways {
                along: self.along,
                keep: view.settings.train.smoothing,
                weighted: self.weighted,
                log: self.log,
            },
        };
        self.lines.follow(scene.ways);
        let table = (runs.len() > 1).then(|| view.training.shelf.table(state));
        let below = if table.is_some() { 90.0 } else { 6.0 };
        self.grid_ui(ui, &scene, place - 40.0 - below, out);
        if let Some(table) = table {
            compare_ui(ui, view, out, &table);
        }
    }
}

impl CurvesPanel {
    fn bar_ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        ui.horizontal_wrapped(|ui| {
            for along in Along::ALL {
                ui.selectable_value(&mut self.along, along, along.name())
                    .on_hover_text("What lies along the x axis");
            }
            ui.separator();
            ui.toggle_value(&mut self.log, "log").on_hover_text("Logarithmic y axis");
            ui.toggle_value(&mut self.weighted, "weighted")
                .on_hover_text("Terms times their weights, as they stand in the loss");
            ui.separator();
            let mut keep = view.settings.train.smoothing;
            ui.spacing_mut().slider_width = 70.0;
            let slider = egui::Slider::new(&mut keep, 0.0..=0.99).fixed_decimals(2);
            let l = ui.label(egui::RichText::new("smoothed").color(theme::dim(ui)));
            let r = ui.add(slider).labelled_by(l.id).on_hover_text(format!(
                "Exponential mean over all steps, not pulled to zero at its start; looks back over \
                 about {} steps. The raw values lie pale under it",
                reach(keep)
            ));
            if r.changed() {
                out.send(Request::Train(TrainAsk::Smoothing(keep)));
            }
            ui.separator();
            ui.menu_button("Charts", |ui| {
                for chart in &CHARTS {
                    let mut on = self.shown.contains(chart.id);
                    if ui.checkbox(&mut on, chart.title).on_hover_text(chart.about).changed() {
                        match on {
                            true => self.shown.insert(chart.id),
                            false => self.shown.remove(chart.id),
                        };
                    }
                }
            });
        });
    }

    fn grid_ui(
        &mut self,
        ui: &mut egui::Ui,
        scene: &Scene<'_>,
        place: f32,
        out: &mut CommandSender,
    ) {
        let shown = |id: &str| match self.large {
            Some(large) => large == id,
            None => self.shown.contains(id),
        };
        let charts: Vec<_> = CHARTS.iter().filter(|c| shown(c.id)).collect();
        let most = ((ui.available_width() / CHART_WIDTH) as usize).clamp(1, 4);
        let rows = charts.len().div_ceil(most).max(1);
        // Six charts are two rows of three, not one of four and one of two.
        let columns = charts.len().div_ceil(rows).max(1);
        let gap = ui.spacing().item_spacing;
        let width = (ui.available_width() - gap.x * (columns - 1) as f32) / columns as f32;
        let height = (place / rows as f32 - gap.y).max(CHART_HEIGHT);
        for line in charts.chunks(columns) {
            ui.horizontal_top(|ui| {
                for chart in line {
                    let size = egui::vec2(width.floor(), height);
                    let (title, clicked) = chart_ui(ui, chart, scene, &mut self.lines, size);
                    if title.clicked() {
                        self.large = if self.large.is_some() { None } else { Some(chart.id) };
                    }
                    if let Some(path) = clicked {
                        out.send(Request::OpenCheckpoint(path));
                    }
                }
            });
        }
    }
}

/// The supervised start, before there are curves of the run itself.
fn warm_ui(ui: &mut egui::Ui, state: &TrainingState) {
    for (rows, what) in state.warm.iter().zip(["pictures", "sounds"]) {
        if let Some(last) = rows.last() {
            let text = format!(
                "Supervised start, {what}: step {}, cross entropy {:.3}",
                last.step + 1,
                last.losses.terms[0]
            );
            ui.label(text);
        }
    }
}

fn key_of(folder: &Path) -> u64 {
    let mut hasher = std::collections::hash_map::DefaultHasher::new();
    folder.hash(&mut hasher);
    hasher.finish() | 1
}

/// The present run and those that are shown beside it, with their colours.
fn shown_runs<'a>(ui: &egui::Ui, view: &View<'a>) -> Vec<Shown<'a>> {
    let (shelf, present) = (&view.training.shelf, view.training.state());
    let mut runs: Vec<Shown<'a>> = Vec::new();
    for run in shelf.compared(present) {
        let is_present = Some(run.folder) == present.folder();
        // The present run has the first colour, the others those of their places after it.
        let slot = if is_present { 0 } else { shelf.slots.of(run.folder).map_or(0, |s| s + 1) };
        let (color, dashed) = slot_look(ui, slot);
        let per_epoch = present
            .facts
            .as_ref()
            .filter(|f| is_present && f.steps_per_epoch > 0)
            .map_or_else(|| steps_per_epoch(run.steps), |f| f.steps_per_epoch as f64);
        runs.push(Shown {
            key: if is_present { 0 } else { key_of(run.folder) },
            name: file_label(run.folder),
            color,
            dashed,
            rows: run.steps,
            checks: run.checks,
            per_epoch,
            main: runs.is_empty(),
        });
    }
    runs
}

/// Checkpoints and pauses of the present run.
fn marks(state: &TrainingState) -> Vec<Mark> {
    let saved = state.saved.iter().map(|s| Mark {
        step: s.step,
        text: format!("{}, step {}\nClick: load into the player", s.name, s.step),
        checkpoint: Some(s.path.clone()),
    });
    let pauses = state.pauses.iter().map(|step| Mark {
        step: *step,
        text: format!("paused at step {step}"),
        checkpoint: None,
    });
    saved.chain(pauses).collect()
}

/// Where the warm-up ends: as the run says, else where the late terms begin to count.
fn warmup_ends(state: &TrainingState, rows: &[StepRow]) -> Option<u64> {
    if let Some(facts) = &state.facts {
        return Some(facts.warmup_ends).filter(|n| *n > 0 && *n < facts.steps);
    }
    let late = |r: &StepRow| r.losses.weights[1..].iter().any(|w| *w != 0.0);
    let at = rows.iter().position(late)?;
    (at > 0).then(|| rows[at].step)
}

/// Runs side by side: what they differ in first.
fn compare_ui(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender, table: &Table) {
    let shelf = &view.training.shelf;
    let present = view.training.state();
    let runs = shelf.compared(present);
    ui.horizontal(|ui| {
        theme::title(ui, "Comparison");
        if ui.small_button("Copy as table").on_hover_text("Columns with tabs between").clicked() {
            ui.ctx().copy_text(table.text());
        }
    });
    let number =
        |v: Option<f64>, digits: usize| v.map_or("–".to_owned(), |v| format!("{v:.digits$}"));
    egui::ScrollArea::horizontal().id_salt("compare").show(ui, |ui| {
        egui::Grid::new("compare").striped(true).spacing([14.0, 3.0]).show(ui, |ui| {
            let head = |ui: &mut egui::Ui, text: &str, tip: &str| {
                let text = egui::RichText::new(text).small().color(theme::dim(ui));
                ui.label(text).on_hover_text(tip);
            };
            head(ui, "run", "Its colour and line; a click makes it the baseline");
            for key in &table.keys {
                head(ui, key, crate::app::training::form::why(key));
            }
            head(ui, "steps", "Steps taken");
            head(ui, "contrastive", "Smoothed, at the end");
            head(ui, &table.figure, "The best on held-out items");
            head(ui, "to baseline", "Difference of the figure before");
            head(ui, "seed", "= : same seed and same data as the baseline");
            head(ui, "from", "The run that its weights came from");
            ui.end_row();
            for (row, run) in table.rows.iter().zip(&runs) {
                let slot = match Some(run.folder) == present.folder() {
                    true => 0,
                    false => shelf.slots.of(run.folder).map_or(0, |s| s + 1),
                };
                let base = shelf.baseline.as_deref().or(runs.first().map(|r| r.folder));
                run_name_ui(ui, out, slot, &row.name, run.folder, base == Some(run.folder));
                for value in &row.settings {
                    ui.label(value);
                }
                let mono = |ui: &mut egui::Ui, text: String| {
                    ui.label(egui::RichText::new(text).monospace());
                };
                mono(ui, format!("{:>6}", row.steps));
                mono(ui, number(row.loss, 3));
                mono(ui, number(row.best, 1));
                mono(ui, row.delta.map_or("–".to_owned(), |d| format!("{d:+.1}")));
                mono(ui, if row.same_seed { "=".to_owned() } else { String::new() });
                ui.label(&row.parent);
                ui.end_row();
            }
        });
    });
}

fn run_name_ui(
    ui: &mut egui::Ui,
    out: &mut CommandSender,
    slot: usize,
    name: &str,
    folder: &Path,
    is_base: bool,
) {
    ui.horizontal(|ui| {
        swatch_ui(ui, slot);
        let text = egui::RichText::new(name);
        let text = if is_base { text.strong() } else { text };
        let tip = if is_base { "The baseline" } else { "Click: compare with this one" };
        let label = ui.add(egui::Label::new(text).sense(egui::Sense::click()));
        if label.on_hover_text(tip).clicked() {
            out.send(Request::Train(TrainAsk::Baseline(folder.to_owned())));
        }
    });
}

/// A run's line, small.
pub fn swatch_ui(ui: &mut egui::Ui, slot: usize) {
    let (color, dashed) = slot_look(ui, slot);
    let (rect, _) = ui.allocate_exact_size(egui::vec2(18.0, 12.0), egui::Sense::hover());
    let line = [rect.left_center(), rect.right_center()];
    let stroke = egui::Stroke::new(2.0, color);
    if dashed {
        ui.painter().extend(egui::Shape::dashed_line(&line, stroke, 4.0, 3.0));
    } else {
        ui.painter().line_segment(line, stroke);
    }
}
