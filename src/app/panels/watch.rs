//! The watch list: eight pictures under the weights of each epoch.

use egui::{Rect, RichText, Sense, Stroke, TextureOptions, vec2};

use super::Panel;
use super::learnt::slider_ui;
use crate::app::commands::{CommandSender, Request, button_with};
use crate::app::learning::{Answer, DrawKey, LearnAsk, Moment, Pin, PinSource, SetState};
use crate::app::pictures::{Textures, fitted, paint, paint_empty, paint_truth};
use crate::app::settings::ScaleChoice;
use crate::app::theme;
use crate::app::view::View;

/// Side of a cell in the grid over all epochs.
const SMALL: f32 = 72.0;
/// Sides of a cell in the grid of one epoch.
const LARGE: (f32, f32) = (96.0, 220.0);

/// The panel.
#[derive(Default)]
pub struct WatchPanel {
    textures: Textures<DrawKey>,
}

impl Panel for WatchPanel {
    fn ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        self.textures.begin();
        let learning = view.learning;
        if let Some(e) = learning.watch.failed() {
            theme::hint(ui, e);
            return;
        }
        let epochs = learning.epochs();
        if learning.folder().is_none() {
            theme::hint(
                ui,
                "Eight pictures, computed again with the weights of every epoch. They come with a \
                 run: start one in the Training panel",
            );
            return;
        }
        self.head_ui(ui, view, out);
        if learning.pins.is_empty() {
            theme::hint(ui, no_pins_text(view));
            return;
        }
        if epochs.is_empty() {
            theme::hint(ui, "The first maps come when the run hands out its first weights");
        }
        if view.settings.learn.all_epochs {
            self.all_ui(ui, view, &epochs, out);
        } else {
            self.one_ui(ui, view, &epochs, out);
        }
    }
}

fn no_pins_text(view: &View<'_>) -> String {
    match view.learning.items.set() {
        SetState::Opening => "The data set is being listed".to_owned(),
        SetState::Refused(why) => format!("The data set cannot be read: {why}"),
        _ => "Nothing is pinned. The frame on the screen can be (pin button), or the usual eight"
            .to_owned(),
    }
}

impl WatchPanel {
    fn head_ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        ui.horizontal_wrapped(|ui| {
            let mut settings = view.settings.learn.clone();
            for (all, name, about) in [
                (false, "One epoch", "The eight large, at the moment that the slider chooses"),
                (true, "All epochs", "A row per picture, a column per epoch"),
            ] {
                ui.selectable_value(&mut settings.all_epochs, all, name).on_hover_text(about);
            }
            if settings != view.settings.learn {
                out.send(Request::Learn(LearnAsk::Settings(settings)));
            }
            ui.separator();
            button_with(ui, view, out, "pin-frame", "Pin this frame");
            let usual = ui
                .small_button("Usual eight")
                .on_hover_text("Items that validate, or any of the data set where none do by name");
            if usual.clicked() {
                out.send(Request::Learn(LearnAsk::UsualPins));
            }
            if let Some(at) = view.learning.watch.busy() {
                ui.add(egui::Spinner::new().size(12.0));
                theme::hint(ui, at);
            }
        });
    }

    /// The eight at one moment, and the slider.
    fn one_ui(
        &mut self,
        ui: &mut egui::Ui,
        view: &View<'_>,
        epochs: &[&Moment],
        out: &mut CommandSender,
    ) {
        let at = shown_epoch(view, epochs);
        slider_ui(ui, view, out);
        theme::hint(
            ui,
            match at {
                Some(m) => format!("Pictures of {}. Scale: {}", m.short(), scale_text(view, m)),
                None => String::new(),
            },
        );
        let n = view.learning.pins.len();
        let gap = 6.0;
        let width = ui.available_width();
        let columns = [8usize, 4, 2, 1]
            .into_iter()
            .find(|c| (width + gap) / *c as f32 - gap >= LARGE.0)
            .unwrap_or(1)
            .min(n.max(1));
        let side = ((width + gap) / columns as f32 - gap).clamp(LARGE.0.min(width), LARGE.1);
        for row in view.learning.pins.chunks(columns) {
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = gap;
                for pin in row {
                    ui.vertical(|ui| {
                        ui.set_width(side);
                        self.cell_ui(ui, view, at, pin, side, out);
                        let name = RichText::new(&pin.label).small().color(theme::dim(ui));
                        ui.add(egui::Label::new(name).truncate());
                    });
                }
            });
        }
    }

    /// All epochs side by side.
    fn all_ui(
        &mut self,
        ui: &mut egui::Ui,
        view: &View<'_>,
        epochs: &[&Moment],
        out: &mut CommandSender,
    ) {
        let shown = shown_epoch(view, epochs).map(|m| m.id);
        let row_height = SMALL;
        egui::ScrollArea::horizontal().id_salt("epochs").stick_to_right(true).show(ui, |ui| {
            ui.spacing_mut().item_spacing = vec2(3.0, 3.0);
            ui.horizontal(|ui| {
                for m in epochs {
                    let text = RichText::new(m.short()).small();
                    let chosen = Some(m.id) == shown;
                    let size = vec2(SMALL, 18.0);
                    let button = egui::Button::selectable(chosen, text);
                    if ui.add_sized(size, button).on_hover_text(m.label()).clicked() {
                        out.send(Request::Learn(LearnAsk::At(Some(m.id))));
                    }
                }
            });
            for pin in &view.learning.pins {
                ui.horizontal(|ui| {
                    // Only what is in sight is drawn: a long run has hundreds of columns.
                    let left = ui.cursor().left();
                    let step = SMALL + ui.spacing().item_spacing.x;
                    let clip = ui.clip_rect();
                    for (k, m) in epochs.iter().enumerate() {
                        let x = left + k as f32 * step;
                        if x + SMALL < clip.left() || x > clip.right() {
                            ui.allocate_exact_size(vec2(SMALL, row_height), Sense::hover());
                        } else {
                            self.cell_ui(ui, view, Some(*m), pin, SMALL, out);
                        }
                    }
                });
            }
        });
    }

    fn cell_ui(
        &mut self,
        ui: &mut egui::Ui,
        view: &View<'_>,
        at: Option<&Moment>,
        pin: &Pin,
        side: f32,
        out: &mut CommandSender,
    ) {
        let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::click());
        let learning = view.learning;
        let when = at.map(Moment::label).unwrap_or_default();
        let mut tip = format!("{}\n{when}", pin.label);
        let answer = at.and_then(|m| learning.watch.answer(m.id, pin.id));
        match (&answer, at) {
            (Some(Answer::Failed(e)), _) => paint_empty(ui, rect, e),
            (Some(_), Some(m)) => {
                let key = DrawKey {
                    moment: m.id,
                    pin: pin.id,
                    colormap: view.overlay.colormap,
                    stretched: view.overlay.scale == ScaleChoice::PerFrame,
                    absolute: view.overlay.scale == ScaleChoice::Absolute,
                };
                let make = || {
                    let drawn = learning.watch.drawn(key)?;
                    Some(egui::ColorImage::from_rgba_unmultiplied(drawn.size, &drawn.data))
                };
                match self.textures.get(ui.ctx(), &key, make, TextureOptions::LINEAR) {
                    Some(texture) => {
                        let place = fitted(rect, texture.size_vec2());
                        paint(ui, &texture, place);
                        if view.overlay.truth {
                            paint_truth(ui, &learning.watch.truth(pin.id), place);
                        }
                    }
                    None => paint_empty(ui, rect, "…"),
                }
                if let Some(Answer::Map(map)) = &answer {
                    let (low, high) = map.grid().range();
                    tip.push_str(&format!("\ncosines {low:+.3} .. {high:+.3}"));
                } else {
                    badge(ui, rect, "no sound");
                }
            }
            _ => paint_empty(ui, rect, if at.is_some() { "…" } else { "" }),
        }
        let playable = matches!(pin.source, PinSource::Item(_));
        if playable {
            tip.push_str("\nClick to listen");
        }
        response.widget_info(|| {
            egui::WidgetInfo::labeled(
                egui::Role::Button,
                true,
                format!("Watched: {}, {when}", pin.label),
            )
        });
        if let PinSource::Item(id) = &pin.source {
            if response.clicked() {
                out.send(Request::Learn(LearnAsk::Play(vec![id.clone()])));
            }
            if learning.snippets.playing().now.is_some_and(|(_, now)| now == *id) {
                let stroke = Stroke::new(2.5, theme::accent(ui));
                ui.painter().rect_stroke(rect, 2.0, stroke, egui::StrokeKind::Inside);
            }
        }
        let response = response.on_hover_text(tip);
        response.context_menu(|ui| {
            if ui.button("Unpin").clicked() {
                out.send(Request::Learn(LearnAsk::Unpin(pin.id)));
                ui.close();
            }
        });
    }
}

/// The epoch that the slider's moment belongs to: itself, or the last one before it.
fn shown_epoch<'a>(view: &View<'_>, epochs: &[&'a Moment]) -> Option<&'a Moment> {
    let learning = view.learning;
    if learning.choice.base {
        return epochs.first().copied();
    }
    let Some(at) = learning.choice.at.and_then(|id| learning.moments.get(id)) else {
        // The newest epoch that has something to show.
        let first = learning.pins.first()?;
        let there = |m: &&&Moment| learning.watch.answer(m.id, first.id).is_some();
        return epochs.iter().rev().find(there).or(epochs.last()).copied();
    };
    epochs.iter().rev().find(|m| m.step <= at.step).or(epochs.first()).copied()
}

fn scale_text(view: &View<'_>, m: &Moment) -> String {
    match view.overlay.scale {
        ScaleChoice::PerFrame => "each picture stretched to its own range".to_owned(),
        ScaleChoice::Absolute => "absolute, cosine -1 to 1".to_owned(),
        ScaleChoice::Calibrated => match view.learning.watch.range(m.id) {
            Some((lo, hi)) => {
                format!("p1..p99 of the list under these weights, {lo:+.3} .. {hi:+.3}")
            }
            None => "absolute until the list is computed".to_owned(),
        },
    }
}

fn badge(ui: &egui::Ui, rect: Rect, text: &str) {
    let painter = ui.painter_at(rect);
    let font = egui::FontId::proportional(11.0);
    let galley = painter.layout_no_wrap(text.to_owned(), font, egui::Color32::WHITE);
    let at = Rect::from_min_size(rect.min + vec2(4.0, 4.0), galley.size() + vec2(8.0, 4.0));
    painter.rect_filled(at, 3.0, egui::Color32::from_black_alpha(200));
    painter.galley(at.min + vec2(4.0, 2.0), galley, egui::Color32::WHITE);
}
