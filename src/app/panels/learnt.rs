//! The overlay that learns: which weights are in the picture, and the slider through the run.

use egui::RichText;

use super::Panel;
use crate::app::commands::{CommandSender, Request, button_with, find};
use crate::app::learning::{Kind, LearnAsk, Moment};
use crate::app::theme;
use crate::app::view::View;
use crate::infer::InferState;

/// Steps between two publications that are offered.
const EVERY: [u64; 6] = [1, 5, 10, 25, 50, 100];

/// The panel.
pub struct LearntPanel;

impl Panel for LearntPanel {
    fn ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        let learning = view.learning;
        let mut show = view.settings.learn.show && !learning.choice.put_aside;
        let tip = find("show-learnt").map(|c| view.bindings.tooltip(c)).unwrap_or_default();
        if ui.checkbox(&mut show, "Show what is learnt").on_hover_text(tip).changed() {
            out.send(Request::Learn(LearnAsk::Show(show)));
        }
        if learning.moments.all().is_empty() {
            theme::hint(
                ui,
                match learning.folder() {
                    None => {
                        "The picture shows the weights of the run as they change. Start a run in the \
                     Training panel; the clip may play or rest meanwhile"
                    }
                    Some(_) => "The run has not handed out any weights yet",
                },
            );
            interval_ui(ui, view, out);
            return;
        }
        state_ui(ui, view);
        slider_ui(ui, view, out);
        ui.horizontal_wrapped(|ui| {
            button_with(ui, view, out, "moment-earlier", "Earlier");
            button_with(ui, view, out, "moment-later", "Later");
            button_with(ui, view, out, "moment-newest", "Newest");
            let key = view.bindings.shortcut("base-weights").unwrap_or_default();
            theme::hint(ui, format!("hold {key}: the start of the run"));
        });
        interval_ui(ui, view, out);
        facts_ui(ui, view);
    }
}

/// What is in the picture now; one line, always there.
fn state_ui(ui: &mut egui::Ui, view: &View<'_>) {
    let text = match view.live_words {
        Some(words) => words.to_owned(),
        None => match view.checkpoint {
            Some(c) => format!("in the picture: {}", c.name),
            None => "in the picture: no model".to_owned(),
        },
    };
    ui.horizontal(|ui| {
        ui.label(RichText::new(text).strong());
        if let (Some(_), InferState::Failed) = (view.live_words, view.infer.state) {
            let text = RichText::new(&view.infer.message).color(theme::warning(ui));
            ui.add(egui::Label::new(text).wrap());
        }
    });
}

/// The slider through the moments; the last place follows the newest. Shared with the watch list:
/// training time is one.
pub(super) fn slider_ui(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
    let learning = view.learning;
    let all = learning.moments.all();
    let Some(last) = all.len().checked_sub(1) else { return };
    let now = learning.choice.at.and_then(|id| all.iter().position(|m| m.id == id));
    let mut at = now.unwrap_or(last);
    ui.horizontal(|ui| {
        ui.spacing_mut().slider_width = (ui.available_width() - 12.0).max(60.0);
        let slider = egui::Slider::new(&mut at, 0..=last).show_value(false).step_by(1.0);
        let response = ui.add_enabled(last > 0, slider);
        response.widget_info(|| {
            egui::WidgetInfo::slider(last > 0, at as f64, "Training time".to_owned())
        });
        let response = response.on_hover_text(
            "Drags training time while video time stands still: saved epochs and what the run \
             handed out. At the right end the picture follows the run",
        );
        if response.changed() {
            let to = if at < last { all.get(at).map(|m| m.id) } else { None };
            out.send(Request::Learn(LearnAsk::At(to)));
        }
    });
    let label = all.get(at).map(Moment::label).unwrap_or_default();
    let follows = now.is_none() && learning.is_live();
    let more = if follows { ", follows the run" } else { "" };
    let place = format!("{} of {}", at + 1, last + 1);
    ui.horizontal(|ui| {
        ui.label(RichText::new(format!("{label}{more}")).small());
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.label(RichText::new(place).small().color(theme::dim(ui)));
        });
    });
}

fn interval_ui(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
    let mut settings = view.settings.learn.clone();
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new("New weights every").color(theme::dim(ui))).on_hover_text(
            "Steps between two handings of the newest weights to the window. Each costs the run a \
             copy of its weights, and the window one map of the frame on the screen",
        );
        egui::ComboBox::from_id_salt("publish every")
            .selected_text(steps_text(settings.publish_steps))
            .width(86.0)
            .show_ui(ui, |ui| {
                for n in EVERY {
                    ui.selectable_value(&mut settings.publish_steps, n, steps_text(n));
                }
            });
    });
    if settings != view.settings.learn {
        out.send(Request::Learn(LearnAsk::Settings(settings)));
    }
}

fn steps_text(n: u64) -> String {
    if n == 1 { "step".to_owned() } else { format!("{n} steps") }
}

fn facts_ui(ui: &mut egui::Ui, view: &View<'_>) {
    let all = view.learning.moments.all();
    let epochs = all.iter().filter(|m| m.kind == Kind::Epoch).count();
    let held = all.iter().filter(|m| m.kind == Kind::Published).count();
    theme::facts(ui, "learnt facts", |ui| {
        theme::number(ui, "Moments", format!("{epochs} epochs, {held} in memory"));
        if view.live_words.is_some() {
            let i = view.infer;
            let text = format!("{:.0} ms a map, {:.1} maps/s", i.latency_ms, i.maps_per_sec);
            theme::number(ui, "Live maps", text)
                .on_hover_text("On the CPU, so that the training keeps its device");
        }
    });
}
