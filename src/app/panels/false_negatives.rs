//! Suspected false negatives: pairs that the recipe protects, to be seen, heard and judged.

use egui::{Rect, RichText, Sense, Stroke, TextureOptions, vec2};

use super::Panel;
use crate::app::commands::{CommandSender, Request, find};
use crate::app::learning::{LearnAsk, PairFormat, PictureKey, SetState};
use crate::app::pictures::{Textures, color_image, fitted, paint, paint_empty, paint_truth};
use crate::app::theme;
use crate::app::view::View;
use crate::train::audit::{Precision, Suspect, Verdict, precision_at, told};

/// Height of a row of the list.
const ROW: f32 = 74.0;
/// Side of a picture in it.
const THUMB: f32 = 64.0;
/// Ranks at which precision is told.
const AT: [usize; 3] = [10, 25, 100];

/// The panel.
#[derive(Default)]
pub struct FalseNegativesPanel {
    thumbs: Textures<PictureKey>,
    /// The row that was scrolled to last.
    scrolled: Option<[String; 2]>,
    judged_too: Judged,
}

/// Which rows are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Judged {
    #[default]
    All,
    Open,
    Told,
}

impl Judged {
    const ALL: [(Self, &'static str); 3] =
        [(Self::All, "all"), (Self::Open, "to judge"), (Self::Told, "judged")];

    fn takes(self, s: &Suspect) -> bool {
        match self {
            Self::All => true,
            Self::Open => s.verdict.is_none(),
            Self::Told => s.verdict.is_some(),
        }
    }
}

impl Panel for FalseNegativesPanel {
    fn ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        self.thumbs.begin();
        let audit = &view.learning.audit;
        if audit.ranked.is_empty() {
            theme::hint(ui, empty_text(view));
            return;
        }
        precision_ui(ui, view);
        ui.horizontal_wrapped(|ui| {
            for (which, name) in Judged::ALL {
                ui.selectable_value(&mut self.judged_too, which, name);
            }
            ui.separator();
            for (format, name) in [(PairFormat::Csv, "Export CSV…"), (PairFormat::Json, "JSON…")]
            {
                if ui.small_button(name).on_hover_text("The list with its verdicts").clicked() {
                    out.send(Request::Learn(LearnAsk::Export(format)));
                }
            }
        });
        keys_ui(ui, view);
        let rows: Vec<(usize, &Suspect)> = audit
            .ranked
            .iter()
            .enumerate()
            .filter(|(_, s)| self.judged_too.takes(s) || audit.selected.as_ref() == Some(&s.ids))
            .collect();
        self.rows_ui(ui, view, &rows, out);
    }
}

fn empty_text(view: &View<'_>) -> String {
    let learning = view.learning;
    if learning.matrices.now.is_none() && !learning.is_live() {
        return "Pairs whose sounds and pictures agree although the contrastive term pushes them \
                apart. The list fills while a run is at work: start one in the Training panel"
            .to_owned();
    }
    let looks = learning.audit.pairs.looks();
    format!(
        "No pair is suspected yet, after {looks} looks at batches. A pair is taken up when both \
         its cosines are in the batch's upper quarter; looks come with the matrices (Adjacency \
         panel, about 1 Hz)"
    )
}

/// What the verdicts say so far; always the same lines.
fn precision_ui(ui: &mut egui::Ui, view: &View<'_>) {
    let audit = &view.learning.audit;
    let formula = "Pairs judged the same source, of those judged the same or different, with \
                   Wilson's 95 % interval. Unsure ones count for neither";
    theme::facts(ui, "precision", |ui| {
        let unsure = audit.pairs.unsure();
        let more = if unsure > 0 { format!(", {unsure} unsure") } else { String::new() };
        let text = format!("{}{more}", audit.pairs.precision().text());
        theme::number(ui, "Precision", text).on_hover_text(formula);
        for k in AT.into_iter().filter(|k| *k == AT[0] || *k < 2 * audit.ranked.len()) {
            let p = precision_at(&audit.ranked, k, |s| told(s.verdict));
            theme::number(ui, "", format!("@{k:<3} {}", p.text()))
                .on_hover_text(format!("The same among the first {k} of the list"));
        }
        let k = AT[2].min(audit.ranked.len());
        let labels = precision_at(&audit.ranked, k, |s| view.learning.labels_say(&s.ids));
        if labels != Precision::default() {
            theme::number(ui, "Labels say", format!("@{k:<3} {}", labels.text())).on_hover_text(
                "The same by the data set's class labels: share of the first pairs that have a \
                 class in common. The recipe never sees these",
            );
        }
    });
}

fn keys_ui(ui: &mut egui::Ui, view: &View<'_>) {
    let key = |id: &str| view.bindings.shortcut(id).unwrap_or_else(|| "-".to_owned());
    theme::hint(
        ui,
        format!(
            "{} same, {} different, {} unsure, {} next, {} before, {} listen",
            key("pair-same"),
            key("pair-different"),
            key("pair-unsure"),
            key("pair-next"),
            key("pair-before"),
            key("pair-listen"),
        ),
    );
}

impl FalseNegativesPanel {
    fn rows_ui(
        &mut self,
        ui: &mut egui::Ui,
        view: &View<'_>,
        rows: &[(usize, &Suspect)],
        out: &mut CommandSender,
    ) {
        let selected = view.learning.audit.selected.as_ref();
        let spacing = ui.spacing().item_spacing.y;
        // What is left of the panel: inside its scroll area the room has no end.
        let height = (ui.clip_rect().bottom() - ui.cursor().top() - 4.0).max(3.0 * ROW);
        let mut area =
            egui::ScrollArea::vertical().id_salt("pairs").auto_shrink(false).max_height(height);
        // A key moved the selection: it comes into view.
        if self.scrolled.as_ref() != selected {
            self.scrolled = selected.cloned();
            if let Some(at) = rows.iter().position(|(_, s)| Some(&s.ids) == selected) {
                let top = at as f32 * (ROW + spacing);
                area = area.vertical_scroll_offset((top - height / 3.0).max(0.0));
            }
        }
        area.show_rows(ui, ROW, rows.len(), |ui, range| {
            for (rank, s) in rows.get(range).unwrap_or_default() {
                self.row_ui(ui, view, *rank, s, out);
            }
        });
    }

    fn row_ui(
        &mut self,
        ui: &mut egui::Ui,
        view: &View<'_>,
        rank: usize,
        s: &Suspect,
        out: &mut CommandSender,
    ) {
        let chosen = view.learning.audit.selected.as_ref() == Some(&s.ids);
        let (rect, response) =
            ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
        let fill = match (chosen, response.hovered()) {
            (true, _) => ui.visuals().selection.bg_fill,
            (false, true) => ui.visuals().widgets.hovered.weak_bg_fill,
            (false, false) => ui.visuals().faint_bg_color,
        };
        ui.painter().rect_filled(rect, 3.0, fill);
        let name = format!("Pair {}: {} and {}", rank + 1, s.ids[0], s.ids[1]);
        response
            .widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, chosen, &name));
        if response.clicked() {
            out.send(Request::Learn(LearnAsk::Select(Some(s.ids.clone()))));
        }
        if response.double_clicked() {
            out.send(Request::Learn(LearnAsk::Play(s.ids.to_vec())));
        }
        let mut ui = ui.new_child(
            egui::UiBuilder::new()
                .max_rect(rect.shrink(5.0))
                .layout(egui::Layout::left_to_right(egui::Align::Center)),
        );
        let ui = &mut ui;
        ui.spacing_mut().item_spacing.x = 6.0;
        let rank = RichText::new(format!("{:>3}", rank + 1)).monospace().color(theme::dim(ui));
        ui.label(rank);
        for (place, id) in s.ids.iter().enumerate() {
            self.thumb_ui(ui, view, s, place, id, out);
        }
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            facts_ui(ui, view, s);
            verdict_ui(ui, view, s, out);
        });
    }

    fn thumb_ui(
        &mut self,
        ui: &mut egui::Ui,
        view: &View<'_>,
        s: &Suspect,
        place: usize,
        id: &str,
        out: &mut CommandSender,
    ) {
        let (rect, response) = ui.allocate_exact_size(vec2(THUMB, THUMB), Sense::click());
        let key = PictureKey::plain(id);
        let mut labels = String::new();
        match view.learning.items.picture(&key) {
            Some(Ok(item)) => {
                let image = || Some(color_image(&item.picture));
                if let Some(texture) =
                    self.thumbs.get(ui.ctx(), &key, image, TextureOptions::LINEAR)
                {
                    let at = fitted(rect, texture.size_vec2());
                    paint(ui, &texture, at);
                    if response.hovered() {
                        paint_truth(ui, &item.truth, at);
                    }
                }
            }
            Some(Err(e)) => paint_empty(ui, rect, &e),
            None => paint_empty(ui, rect, "…"),
        }
        if let SetState::Here(set) = view.learning.items.set() {
            labels = set.sounding(id).join(", ");
        }
        let playing = view.learning.snippets.playing();
        let pair = view.learning.audit.selected.as_ref() == Some(&s.ids);
        if pair && playing.now.is_some_and(|(_, now)| now == id) {
            mark(ui, rect);
        }
        response.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Listen to {id}"))
        });
        let labels = if labels.is_empty() { String::new() } else { format!("\nlabels: {labels}") };
        let first = if place == 0 { "first" } else { "second" };
        let tip = format!("{id} ({first} of the pair){labels}\nClick to listen");
        if response.on_hover_text(tip).clicked() {
            out.send(Request::Learn(LearnAsk::Select(Some(s.ids.clone()))));
            out.send(Request::Learn(LearnAsk::Play(vec![id.to_owned()])));
        }
    }
}

/// What is heard at the moment.
fn mark(ui: &egui::Ui, rect: Rect) {
    let stroke = Stroke::new(2.5, theme::accent(ui));
    ui.painter().rect_stroke(rect, 2.0, stroke, egui::StrokeKind::Inside);
}

fn facts_ui(ui: &mut egui::Ui, view: &View<'_>, s: &Suspect) {
    let looks = if s.looks == 1 { "1 look".to_owned() } else { format!("{} looks", s.looks) };
    let tip = format!(
        "Score: in each look the smaller of two percentiles, the place of the sounds' cosine among \
         all pairs of the batch and that of the pictures'; the mean over {looks} and one imaginary \
         one of 0.5.\nCosines and pull are of the last look, at step {}.\nPull: mean of |Pa - Pz| \
         and |Pu - Pz| over the pair's two entries, times the batch's size",
        s.last_step
    );
    let labels = match view.learning.labels_say(&s.ids) {
        Some(true) => ", labels say same",
        Some(false) => ", labels say different",
        None => "",
    };
    let line = |ui: &mut egui::Ui, text: RichText| {
        ui.add(egui::Label::new(text).truncate()).on_hover_text(&tip);
    };
    line(ui, RichText::new(format!("{:.2}  pull {:.2}", s.score(), s.pull)).monospace());
    let cosines = format!("sound {:+.2}  picture {:+.2}", s.sound_cosine, s.image_cosine);
    line(ui, RichText::new(cosines).monospace());
    line(ui, RichText::new(format!("{looks}{labels}")).small().color(theme::dim(ui)));
}

fn verdict_ui(ui: &mut egui::Ui, view: &View<'_>, s: &Suspect, out: &mut CommandSender) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 3.0;
        for (verdict, id) in
            Verdict::ALL.into_iter().zip(["pair-same", "pair-different", "pair-unsure"])
        {
            let on = s.verdict == Some(verdict);
            let text = match verdict {
                Verdict::Same => "same",
                Verdict::Different => "different",
                Verdict::Unsure => "unsure",
            };
            let tip = find(id).map(|c| view.bindings.tooltip(c)).unwrap_or_default();
            let button = egui::Button::selectable(on, RichText::new(text).small());
            let response = ui.add(button).on_hover_text(tip);
            response.widget_info(|| {
                egui::WidgetInfo::selected(egui::Role::Button, true, on, verdict.name())
            });
            if response.clicked() {
                out.send(Request::Learn(LearnAsk::Select(Some(s.ids.clone()))));
                let to = (!on).then_some(verdict);
                out.send(Request::Learn(LearnAsk::Judge(s.ids.clone(), to)));
            }
        }
    });
}
