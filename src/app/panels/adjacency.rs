//! The batch's matrices, live: what the loss terms of FNAC look at and what they pull together.

use std::sync::Arc;

use egui::{Color32, Rect, RichText, Sense, Stroke, TextureOptions, pos2, vec2};

use super::Panel;
use crate::app::commands::{CommandSender, Request};
use crate::app::learning::{LearnAsk, LearnSettings, LookRate, PictureKey, SetState};
use crate::app::pictures::{Textures, color_image, fitted, paint, paint_empty, paint_mask};
use crate::app::theme;
use crate::app::view::View;
use crate::overlay::Colormap;
use crate::train::AdjacencyTerm;
use crate::train::events::Adjacency;

/// Height of the place that explains a cell: fixed, so that nothing jumps.
const DETAIL: f32 = 150.0;
/// Sides of a matrix on the screen.
const TILE: (f32, f32) = (84.0, 320.0);
/// Least entry of the logarithmic colours.
const LOW: f32 = 1e-4;
/// Values below this are shown with exponents.
const SMALL: f32 = 1e-3;

/// The matrices in their order.
const MATRICES: [(&str, &str); 4] = [
    ("Sound", "How much row's sound is like column's: softmax over the cosines of sounds / tau"),
    ("Picture", "How much row's picture is like column's: softmax over their mean features"),
    ("Foreground", "The same of the cells above the threshold in the pictures' own maps"),
    ("Cross-modal", "Whom row's picture takes for its sound: softmax over the best cells' cosines"),
];

/// The panel.
#[derive(Default)]
pub struct AdjacencyPanel {
    textures: Textures<(u64, usize, bool, bool)>,
    thumbs: Textures<PictureKey>,
    /// What is shown, and in which order; kept while its detail is pinned.
    shown: Option<(Arc<Adjacency>, Vec<usize>)>,
    ordered_by_sound: bool,
    /// Row and column, as places of the batch.
    pinned: Option<(usize, usize)>,
}

impl Panel for AdjacencyPanel {
    fn ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        self.textures.begin();
        self.thumbs.begin();
        let settings = &view.settings.learn;
        let learning = view.learning;
        controls_ui(ui, settings, out);
        let Some(newest) = &learning.matrices.now else {
            self.shown = None;
            self.pinned = None;
            theme::hint(ui, empty_text(view));
            return;
        };
        self.take(newest, settings.by_sound);
        let Some((a, order)) = self.shown.clone() else { return };
        self.head_ui(ui, &a, newest);
        let grid = Grid::of(ui);
        let mut over = None;
        if grid.beside > 0.0 {
            ui.horizontal_top(|ui| {
                ui.vertical(|ui| {
                    ui.set_width(grid.width());
                    over = self.matrices_ui(ui, &a, &order, settings, &grid);
                });
                ui.vertical(|ui| {
                    let cell = self.pinned.or(over.map(|(cell, _)| cell));
                    self.detail_ui(ui, view, &a, cell, out);
                    history_ui(ui, view);
                });
            });
        } else {
            over = self.matrices_ui(ui, &a, &order, settings, &grid);
            let cell = self.pinned.or(over.map(|(cell, _)| cell));
            self.detail_ui(ui, view, &a, cell, out);
            history_ui(ui, view);
        }
        if let Some((cell, clicked)) = over
            && clicked
        {
            let same = self.pinned == Some(cell);
            self.pinned = (!same).then_some(cell);
            if same {
                out.send(Request::Learn(LearnAsk::Quiet));
            } else {
                let ids = [cell.0, cell.1].map(|i| a.ids[i].clone());
                let ids = if cell.0 == cell.1 { ids[..1].to_vec() } else { ids.to_vec() };
                out.send(Request::Learn(LearnAsk::Play(ids)));
            }
        }
    }
}

/// How the matrices are laid out.
struct Grid {
    columns: usize,
    side: f32,
    /// Room for the detail beside them; without it stands below.
    beside: f32,
}

/// Between two matrices.
const GAP: f32 = 8.0;
/// The detail wants so much beside the matrices.
const BESIDE: f32 = 270.0;

impl Grid {
    /// In the room that is left: two rows that fit the height where the panel is wide, else as
    /// wide as it is.
    fn of(ui: &egui::Ui) -> Self {
        let width = ui.available_width();
        let height = ui.clip_rect().bottom() - ui.cursor().top();
        let titles = 2.0 * 22.0 + GAP;
        if width >= 4.0 * (TILE.0 + GAP) + BESIDE {
            let most = (width - BESIDE) / 4.0 - GAP;
            let side = ((height - titles) / 2.0).min(most).clamp(TILE.0, TILE.1);
            return Self { columns: 4, side, beside: width - 4.0 * (side + GAP) };
        }
        let columns = if width >= 4.0 * TILE.0 + 3.0 * GAP { 4 } else { 2 };
        let side = (width - GAP * (columns as f32 - 1.0)) / columns as f32;
        Self { columns, side: side.clamp(TILE.0, TILE.1), beside: 0.0 }
    }

    fn width(&self) -> f32 {
        self.columns as f32 * (self.side + GAP) - GAP
    }
}

fn controls_ui(ui: &mut egui::Ui, settings: &LearnSettings, out: &mut CommandSender) {
    let mut s = settings.clone();
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new("Look").color(theme::dim(ui)));
        for rate in LookRate::ALL {
            ui.selectable_value(&mut s.look, *rate, rate.name())
                .on_hover_text("How often the run hands the matrices of its batch over");
        }
        ui.separator();
        ui.checkbox(&mut s.log_colours, "Log")
            .on_hover_text("Colours by the logarithm: most entries are far below the diagonal's");
        ui.checkbox(&mut s.by_sound, "By sound").on_hover_text(
            "Items whose sounds are alike stand side by side; else the batch's order",
        );
    });
    if s != *settings {
        out.send(Request::Learn(LearnAsk::Settings(s)));
    }
}

fn empty_text(view: &View<'_>) -> String {
    match (view.learning.is_live(), view.settings.learn.look) {
        (true, LookRate::Never) => {
            "Looking is off: choose 1 Hz to see the matrices of the run's batches".to_owned()
        }
        (true, _) => "The first batch's matrices come with the first contrastive step".to_owned(),
        (false, _) => "Four matrices of each batch and the three differences that FNS-1, TNE and \
                       FNS-2 make small, while a run is at work. Start one in the Training panel"
            .to_owned(),
    }
}

impl AdjacencyPanel {
    fn take(&mut self, newest: &Arc<Adjacency>, by_sound: bool) {
        // What is being looked at stays until it is let go.
        let newer = self.shown.as_ref().is_none_or(|(a, _)| !Arc::ptr_eq(a, newest));
        if (newer && self.pinned.is_none()) || self.ordered_by_sound != by_sound {
            let a = match &self.shown {
                Some((a, _)) if self.pinned.is_some() => a.clone(),
                _ => newest.clone(),
            };
            let order = if by_sound { a.by_sound() } else { (0..a.batch()).collect() };
            self.ordered_by_sound = by_sound;
            self.shown = Some((a, order));
        }
    }

    fn head_ui(&mut self, ui: &mut egui::Ui, a: &Adjacency, newest: &Adjacency) {
        ui.horizontal(|ui| {
            let text = format!("step {}, batch of {}", a.step, a.batch());
            ui.label(RichText::new(text).monospace());
            if self.pinned.is_some() {
                let go_on = ui
                    .small_button("Let go")
                    .on_hover_text("Forgets the chosen cell; the newest batch is shown again");
                if go_on.clicked() {
                    self.pinned = None;
                }
                if newest.step != a.step {
                    theme::hint(ui, format!("held; the run is at step {}", newest.step));
                }
            }
        });
    }

    /// Draws all seven; gives back the cell under the pointer and whether it was clicked.
    fn matrices_ui(
        &mut self,
        ui: &mut egui::Ui,
        a: &Arc<Adjacency>,
        order: &[usize],
        settings: &LearnSettings,
        grid: &Grid,
    ) -> Option<((usize, usize), bool)> {
        let side = grid.side;
        let log = settings.log_colours;
        let low = if log { LOW } else { 0.0 };
        let gaps = a.gaps();
        let mut over: Option<((usize, usize), bool)> = None;
        let mut one = |this: &mut Self, ui: &mut egui::Ui, n: usize| {
            let term = n.checked_sub(4).and_then(|k| AdjacencyTerm::ALL.get(k).copied());
            // Only made for a new look: a batch of 256 has 65,536 entries seven times.
            let image = || {
                Some(match (term, n) {
                    (Some(term), _) => matrix_image(&a.difference(term), order, true, log),
                    (None, 0) => matrix_image(&a.sound, order, false, log),
                    (None, 1) => matrix_image(&a.image, order, false, log),
                    (None, 2) => matrix_image(&a.foreground, order, false, log),
                    (None, _) => matrix_image(&a.cross, order, false, log),
                })
            };
            let (title, about) = match term {
                None => (MATRICES[n].0, MATRICES[n].1.to_owned()),
                Some(term) => (term.name(), format!("{}: {}", term.name(), term.formula())),
            };
            let key = (a.step, n, log, settings.by_sound);
            let texture = this.textures.get(ui.ctx(), &key, image, TextureOptions::NEAREST);
            let tile = Tile { title, about, mean: term.map(|_| gaps[n - 4]), side };
            over = over.or(tile.ui(ui, texture.as_ref(), order, this.pinned));
        };
        let rows: &[&[usize]] = match grid.columns {
            4 => &[&[0, 1, 2, 3], &[4, 5, 6]],
            _ => &[&[0, 1], &[2, 3], &[4, 5], &[6]],
        };
        for row in rows {
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = GAP;
                row.iter().for_each(|n| one(self, ui, *n));
                if row.len() == 3 || row.len() == 1 {
                    scales_ui(ui, low, log);
                }
            });
        }
        over
    }

    fn detail_ui(
        &mut self,
        ui: &mut egui::Ui,
        view: &View<'_>,
        a: &Adjacency,
        cell: Option<(usize, usize)>,
        out: &mut CommandSender,
    ) {
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), DETAIL), Sense::hover());
        let mut ui = ui.new_child(egui::UiBuilder::new().max_rect(rect));
        let ui = &mut ui;
        ui.set_clip_rect(rect.intersect(ui.clip_rect()));
        let Some((i, j)) = cell else {
            theme::hint(
                ui,
                "Point at a cell: its row is a picture, its column a sound or another picture. A \
                 click plays both sounds and holds the batch",
            );
            return;
        };
        let side = (ui.available_width() * 0.3).clamp(72.0, 112.0);
        ui.horizontal_top(|ui| {
            for (place, role) in [(i, "row"), (j, "column")] {
                self.item_ui(ui, view, a, (place, role, side), out);
                if i == j {
                    break;
                }
            }
            ui.vertical(|ui| values_ui(ui, a, i, j));
        });
    }

    fn item_ui(
        &mut self,
        ui: &mut egui::Ui,
        view: &View<'_>,
        a: &Adjacency,
        (place, role, side): (usize, &str, f32),
        out: &mut CommandSender,
    ) {
        ui.vertical(|ui| {
            ui.set_width(side);
            let id = a.ids.get(place).map_or("", String::as_str);
            let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::click());
            let varied = !a.variations.is_empty();
            let key = PictureKey { id: id.to_owned(), step: varied.then_some(a.step) };
            match view.learning.items.picture(&key) {
                Some(Ok(item)) => {
                    let image = || Some(color_image(&item.picture));
                    let made = self.thumbs.get(ui.ctx(), &key, image, TextureOptions::LINEAR);
                    if let Some(texture) = made {
                        let at = fitted(rect, texture.size_vec2());
                        paint(ui, &texture, at);
                        // The mask is of the picture that the step saw.
                        if varied {
                            paint_mask(ui, a.mask(place), at);
                        }
                    }
                }
                Some(Err(e)) => paint_empty(ui, rect, &e),
                None => paint_empty(ui, rect, waiting_text(view)),
            }
            let heard = view.learning.snippets.playing().now.is_some_and(|(_, now)| now == id);
            if heard {
                let stroke = Stroke::new(2.0, theme::accent(ui));
                ui.painter().rect_stroke(rect, 2.0, stroke, egui::StrokeKind::Inside);
            }
            let tip = if varied {
                format!("{id}\nAs the step saw it; dark cells are not foreground. Click to listen")
            } else {
                format!("{id}\nClick to listen")
            };
            response.widget_info(|| {
                egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Listen to {id}"))
            });
            if response.on_hover_text(tip).clicked() {
                out.send(Request::Learn(LearnAsk::Play(vec![id.to_owned()])));
            }
            let text = RichText::new(format!("{role} {place}: {id}")).small();
            ui.add(egui::Label::new(text).truncate());
        });
    }
}

fn waiting_text<'a>(view: &View<'_>) -> &'a str {
    match view.learning.items.set() {
        SetState::None => "no data set",
        SetState::Opening | SetState::Here(_) => "…",
        SetState::Refused(_) => "the data set cannot be read",
    }
}

fn values_ui(ui: &mut egui::Ui, a: &Adjacency, i: usize, j: usize) {
    let of = |m: &[f32]| a.entry(m, i, j);
    let rows = [
        ("sound", of(&a.sound), None),
        ("picture", of(&a.image), None),
        ("foreground", of(&a.foreground), None),
        ("cross-modal", of(&a.cross), None),
        ("FNS-1", of(&a.sound) - of(&a.cross), Some(())),
        ("TNE", of(&a.sound) - of(&a.foreground), Some(())),
        ("FNS-2", of(&a.image) - of(&a.cross), Some(())),
    ];
    let grid = egui::Grid::new("adjacency values").num_columns(2).spacing([10.0, 1.0]);
    grid.min_row_height(15.0).show(ui, |ui| {
        for (name, value, difference) in rows {
            ui.label(RichText::new(name).color(theme::dim(ui)).small());
            let text =
                if difference.is_some() { signed(value) } else { format!("{:>9}", number(value)) };
            ui.label(RichText::new(text).monospace());
            ui.end_row();
        }
        for (name, value) in [
            ("cosine, sounds", a.entry(&a.sound_cosine, i, j)),
            ("cosine, pictures", a.entry(&a.image_cosine, i, j)),
        ] {
            ui.label(RichText::new(name).color(theme::dim(ui)).small());
            ui.label(RichText::new(format!("{value:>+9.3}")).monospace());
            ui.end_row();
        }
    });
}

/// Fixed width; small ones with their exponent.
fn number(v: f32) -> String {
    if v == 0.0 || v.abs() >= SMALL { format!("{v:.4}") } else { format!("{v:.1e}") }
}

fn signed(v: f32) -> String {
    let text = if v == 0.0 || v.abs() >= SMALL { format!("{v:+.4}") } else { format!("{v:+.1e}") };
    format!("{text:>9}")
}

/// Place of an entry on the scale, 0 to 1.
fn place_on_scale(v: f32, log: bool) -> f32 {
    if !v.is_finite() {
        return 0.0;
    }
    if log { (1.0 - v.max(LOW).log10() / LOW.log10()).clamp(0.0, 1.0) } else { v.clamp(0.0, 1.0) }
}

/// Place of a difference on its scale, 0.5 for none.
fn place_of_difference(v: f32, log: bool) -> f32 {
    if !v.is_finite() {
        return 0.5;
    }
    0.5 + 0.5 * v.signum() * place_on_scale(v.abs(), log) * f32::from(u8::from(v != 0.0))
}

fn matrix_image(values: &[f32], order: &[usize], difference: bool, log: bool) -> egui::ColorImage {
    let b = order.len();
    let map = if difference { Colormap::Diverging } else { Colormap::Viridis };
    let lut = map.lut();
    let mut pixels = Vec::with_capacity(b * b);
    for i in order {
        for j in order {
            let v = values.get(i * b + j).copied().unwrap_or(0.0);
            let t = if difference { place_of_difference(v, log) } else { place_on_scale(v, log) };
            let [r, g, b] = lut[((t * 255.0).round() as usize).min(255)];
            pixels.push(Color32::from_rgb(r, g, b));
        }
    }
    egui::ColorImage::new([b, b], pixels)
}

/// A matrix on the screen.
struct Tile {
    title: &'static str,
    about: String,
    /// The term's value, of a difference.
    mean: Option<f64>,
    side: f32,
}

impl Tile {
    /// Draws it; gives back the cell under the pointer, as places of the batch, and whether it
    /// was clicked.
    fn ui(
        &self,
        ui: &mut egui::Ui,
        texture: Option<&egui::TextureHandle>,
        order: &[usize],
        pinned: Option<(usize, usize)>,
    ) -> Option<((usize, usize), bool)> {
        ui.vertical(|ui| {
            ui.set_width(self.side);
            ui.spacing_mut().item_spacing.y = 2.0;
            let (text, tip) = match self.mean {
                Some(mean) => (
                    format!("{}  {mean:.4}", self.title),
                    format!("{}\nThe number is the term: the mean absolute difference", self.about),
                ),
                None => (self.title.to_owned(), self.about.clone()),
            };
            ui.add(egui::Label::new(RichText::new(text).small()).truncate()).on_hover_text(tip);
            let side = self.side;
            let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::click());
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, self.title));
            if let Some(texture) = texture {
                paint(ui, texture, rect);
            }
            let b = order.len().max(1);
            let step = side / b as f32;
            if let Some((i, j)) = pinned {
                let place = |k: usize| order.iter().position(|o| *o == k);
                if let (Some(y), Some(x)) = (place(i), place(j)) {
                    mark(ui, rect, step, (y, x), theme::accent(ui));
                }
            }
            let at = response.hover_pos()?;
            let place = |v: f32| ((v / step) as usize).min(b - 1);
            let (y, x) = (place(at.y - rect.top()), place(at.x - rect.left()));
            mark(ui, rect, step, (y, x), Color32::WHITE);
            Some(((*order.get(y)?, *order.get(x)?), response.clicked()))
        })
        .inner
    }
}

/// A frame round a cell.
fn mark(ui: &egui::Ui, rect: Rect, step: f32, (y, x): (usize, usize), color: Color32) {
    let corner = rect.min + vec2(x as f32 * step, y as f32 * step);
    let cell = Rect::from_min_size(corner, vec2(step, step)).expand(1.0);
    let outside = egui::StrokeKind::Outside;
    ui.painter().rect_stroke(cell, 0.0, Stroke::new(2.0, Color32::BLACK), outside);
    ui.painter().rect_stroke(cell, 0.0, Stroke::new(1.0, color), outside);
}

/// Both scales with their numbers.
fn scales_ui(ui: &mut egui::Ui, low: f32, log: bool) {
    ui.vertical(|ui| {
        let width = ui.available_width().clamp(60.0, 170.0);
        ui.set_width(width);
        let ends = if log { [number(low), "1".to_owned()] } else { ["0".into(), "1".into()] };
        bar_ui(ui, width, Colormap::Viridis, &ends, "entries");
        let ends = ["-1".to_owned(), "+1".to_owned()];
        bar_ui(ui, width, Colormap::Diverging, &ends, "differences");
        if log {
            theme::hint(ui, format!("log, from {} away from 0", number(LOW)));
        }
    });
}

fn bar_ui(ui: &mut egui::Ui, width: f32, map: Colormap, ends: &[String; 2], about: &str) {
    theme::hint(ui, about);
    let (rect, _) = ui.allocate_exact_size(vec2(width, 10.0), Sense::hover());
    let painter = ui.painter_at(rect);
    let n = 64;
    for k in 0..n {
        let [r, g, b] = map.lut()[k * 255 / (n - 1)];
        let x = |k: usize| rect.left() + rect.width() * k as f32 / n as f32;
        let part = Rect::from_min_max(pos2(x(k), rect.top()), pos2(x(k + 1) + 0.5, rect.bottom()));
        painter.rect_filled(part, 0.0, Color32::from_rgb(r, g, b));
    }
    ui.horizontal(|ui| {
        ui.set_width(width);
        let small = |t: &str| RichText::new(t).small().monospace();
        ui.label(small(&ends[0]));
        if map == Colormap::Diverging {
            let rest = ui.available_width();
            ui.add_space((rest / 2.0 - 14.0).max(0.0));
            ui.label(small("0"));
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Min), |ui| {
            ui.label(small(&ends[1]));
        });
    });
}

/// The three terms over the epochs.
fn history_ui(ui: &mut egui::Ui, view: &View<'_>) {
    let history = &view.learning.matrices.history;
    theme::title(ui, "Mean absolute difference, by epoch");
    if history.len() < 2 {
        let means = history.last().map(|h| (h.epoch, h.looks, h.means()));
        let text = match means {
            Some((epoch, looks, [a, b, c])) => format!(
                "epoch {epoch}, {looks} looks: FNS-1 {a:.4}, TNE {b:.4}, FNS-2 {c:.4}. The curves \
                 begin with the second epoch"
            ),
            None => "none yet".to_owned(),
        };
        theme::hint(ui, text);
        return;
    }
    let colors = [
        Color32::from_rgb(0xe6, 0x9f, 0x00),
        Color32::from_rgb(0x00, 0x9e, 0x73),
        Color32::from_rgb(0xcc, 0x79, 0xa7),
    ];
    let styles = [
        egui_plot::LineStyle::Solid,
        egui_plot::LineStyle::dashed_dense(),
        egui_plot::LineStyle::dotted_dense(),
    ];
    // What is left of the panel, where that is enough to read.
    let height = (ui.clip_rect().bottom() - ui.cursor().top() - 6.0).clamp(64.0, 240.0);
    egui_plot::Plot::new("adjacency history")
        .height(height)
        .allow_scroll(false)
        .allow_drag(false)
        .allow_zoom(false)
        .include_y(0.0)
        .legend(egui_plot::Legend::default())
        .show(ui, |plot| {
            for (k, term) in AdjacencyTerm::ALL.into_iter().enumerate() {
                let points: Vec<[f64; 2]> =
                    history.iter().map(|h| [h.epoch as f64, h.means()[k]]).collect();
                let line = egui_plot::Line::new(term.name(), points).color(colors[k]);
                plot.line(line.style(styles[k]).width(1.8));
            }
        });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_goes_from_nothing_to_one_in_both_ways() {
        assert_eq!([0.0, 0.5, 1.0, 2.0].map(|v| place_on_scale(v, false)), [0.0, 0.5, 1.0, 1.0]);
        assert_eq!([0.0, LOW, 1.0].map(|v| place_on_scale(v, true)), [0.0, 0.0, 1.0]);
        assert!((place_on_scale(1e-2, true) - 0.5).abs() < 1e-6);
        assert_eq!(place_on_scale(f32::NAN, true), 0.0);
    }

    #[test]
    fn no_difference_is_the_middle_and_signs_go_apart() {
        for log in [false, true] {
            assert_eq!(place_of_difference(0.0, log), 0.5);
            assert_eq!(place_of_difference(1.0, log), 1.0);
            assert_eq!(place_of_difference(-1.0, log), 0.0);
            assert_eq!(place_of_difference(f32::NAN, log), 0.5);
        }
        assert!(place_of_difference(-0.2, false) < 0.5);
    }

    #[test]
    fn rows_stay_rows_in_any_order() {
        // Entry (0, 1) alone is 1.
        let values = [0.0, 1.0, 0.0, 0.0];
        let bright = |image: &egui::ColorImage| {
            let full = Colormap::Viridis.lut()[255];
            let full = Color32::from_rgb(full[0], full[1], full[2]);
            image.pixels.iter().position(|p| *p == full)
        };
        assert_eq!(bright(&matrix_image(&values, &[0, 1], false, false)), Some(1));
        // Both places change: the entry is below the diagonal now, still the only one.
        assert_eq!(bright(&matrix_image(&values, &[1, 0], false, false)), Some(2));
    }

    #[test]
    fn numbers_keep_their_width() {
        let widths: Vec<usize> = [0.0, 0.5, -0.25, 3e-7, -3e-7].map(|v| signed(v).len()).into();
        assert!(widths.windows(2).all(|w| w[0] == w[1]), "{widths:?}");
        assert_eq!(number(3.2e-5), "3.2e-5");
    }
}
