//! What is true in the picture, and how well the map agrees.

use egui::RichText;

use super::Panel;
use crate::app::commands::{CommandSender, Request, find};
use crate::app::theme;
use crate::app::truth::{Counts, Judged, TruthFile, TruthHere};
use crate::app::view::View;
use crate::eval::live::{LiveVerdict, RunningMeans, TruthShape};
use crate::units::MediaTime;

/// The truth panel.
pub struct TruthPanel;

/// Height of a line of the tables.
const LINE: f32 = 16.0;
/// Width of a column of numbers.
const COLUMN: f32 = 46.0;

impl Panel for TruthPanel {
    fn ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        match &view.truth.file {
            TruthFile::None => theme::hint(ui, empty_text(view)),
            TruthFile::Reading(path) => {
                ui.horizontal(|ui| {
                    ui.add(egui::Spinner::new().size(14.0));
                    ui.label(format!("reading {}", crate::app::view::file_label(path)));
                });
            }
            TruthFile::Refused(why) => {
                let text = RichText::new(format!("No truth: {why}.")).color(theme::warning(ui));
                ui.add(egui::Label::new(text).wrap());
            }
            TruthFile::Here(here) => here_ui(ui, view, here, out),
        }
    }
}

/// What to do where there is no truth, with the file's very name.
fn empty_text(view: &View<'_>) -> String {
    let sidecar = view
        .source
        .filter(|_| !view.builtin)
        .map(|s| crate::truth::TruthTrack::sidecar(crate::app::open::main_path(s)));
    let name = sidecar.map_or("clip.truth.json".to_owned(), |p| crate::app::view::file_label(&p));
    format!("No truth for this clip. Put `{name}` beside it, or drop one here.")
}

fn here_ui(ui: &mut egui::Ui, view: &View<'_>, here: &TruthHere, out: &mut CommandSender) {
    choices_ui(ui, view, here, out);
    match &view.truth.judged {
        None => theme::hint(ui, "No picture is shown yet"),
        Some(judged) => {
            now_ui(ui, judged);
            scores_ui(ui, view, judged, &view.truth.means);
        }
    }
    let means = &view.truth.means;
    if means.scored + means.nothing > 0
        && ui
            .small_button("Forget the means")
            .on_hover_text("They begin anew with the next picture")
            .clicked()
    {
        out.send(Request::ForgetMeans);
    }
    file_ui(ui, here);
}

fn choices_ui(ui: &mut egui::Ui, view: &View<'_>, here: &TruthHere, out: &mut CommandSender) {
    let mut o = view.overlay.clone();
    let why = |id| find(id).map(|c| view.bindings.tooltip(c)).unwrap_or_default();
    ui.horizontal_wrapped(|ui| {
        ui.checkbox(&mut o.truth, "Show").on_hover_text(why("truth"));
        ui.add_enabled(o.truth, egui::Checkbox::new(&mut o.truth_silent, "Silent"))
            .on_hover_text(why("truth-silent"));
        ui.add_enabled(o.truth, egui::Checkbox::new(&mut o.prediction_outline, "Prediction"))
            .on_hover_text(why("prediction-outline"));
        if here.has_masks {
            for shape in TruthShape::ALL {
                ui.selectable_value(&mut o.truth_shape, *shape, shape.name())
                    .on_hover_text(why("truth-shape"));
            }
        }
    });
    if o != *view.overlay {
        out.send(Request::Overlay(Box::new(o)));
    }
}

/// Who sounds and who does not; always the same two lines, so that nothing below jumps.
fn now_ui(ui: &mut egui::Ui, judged: &Judged) {
    let now = &judged.now;
    let mut heard = now.seen.clone();
    heard.extend(now.off_screen.iter().map(|n| format!("{n} (off-screen)")));
    let line = |names: &[String]| match names {
        [] => "-".to_owned(),
        all => all.join(", "),
    };
    let about = |ui: &mut egui::Ui, label: &str, names: &[String], strong: bool| {
        ui.label(RichText::new(label).color(theme::dim(ui)));
        let text = RichText::new(line(names));
        let text = if strong { text.strong() } else { text };
        // One line; all names on hover.
        ui.add(egui::Label::new(text).truncate());
        ui.end_row();
    };
    let grid = egui::Grid::new("truth now").num_columns(2).min_col_width(64.0);
    grid.spacing([12.0, 3.0]).min_row_height(LINE).show(ui, |ui| {
        about(ui, "Sounding", &heard, true);
        about(ui, "Silent", &now.silent, false);
    });
}

/// A row of the table of scores.
struct Row {
    name: &'static str,
    now: String,
    mean: Option<f64>,
    n: usize,
    /// Stands out.
    care: bool,
    why: String,
}

fn scores_ui(ui: &mut egui::Ui, view: &View<'_>, judged: &Judged, means: &RunningMeans) {
    let rows = rows_of(view, judged, means);
    let grid = egui::Grid::new("truth scores").num_columns(4);
    grid.spacing([10.0, 3.0]).min_row_height(LINE).show(ui, |ui| {
        for (title, why) in [
            ("", ""),
            ("now", "This picture, with the map that is drawn over it"),
            ("mean", "Over the pictures seen so far, each once, with a map of their own"),
            ("n", "How many pictures the mean is of"),
        ] {
            let text = RichText::new(title).small().color(theme::dim(ui));
            if why.is_empty() {
                ui.label(text);
            } else {
                number_ui(ui, text).on_hover_text(why);
            }
        }
        ui.end_row();
        for row in rows {
            ui.label(RichText::new(row.name).color(theme::dim(ui))).on_hover_text(&row.why);
            let now = RichText::new(&row.now).monospace();
            let now = if row.care { now.color(theme::warning(ui)) } else { now };
            number_ui(ui, now).on_hover_text(&row.why);
            let mean = row.mean.map_or("-".to_owned(), |m| format!("{m:.3}"));
            number_ui(ui, RichText::new(mean).monospace()).on_hover_text(&row.why);
            number_ui(ui, RichText::new(row.n.to_string()).monospace().color(theme::dim(ui)));
            ui.end_row();
        }
    });
    let note = note_of(judged);
    if !note.is_empty() {
        theme::hint(ui, note);
    }
}

/// A number in a place of fixed width, to the right.
fn number_ui(ui: &mut egui::Ui, text: RichText) -> egui::Response {
    let size = egui::vec2(COLUMN, ui.text_style_height(&egui::TextStyle::Monospace));
    ui.allocate_ui_with_layout(size, egui::Layout::right_to_left(egui::Align::Center), |ui| {
        ui.set_min_width(COLUMN);
        ui.label(text)
    })
    .inner
}

fn rows_of(view: &View<'_>, judged: &Judged, means: &RunningMeans) -> Vec<Row> {
    let shape = judged.now.shape.name();
    let fine = view.geometry();
    let dash = || "-".to_owned();
    let (mut now, mut care) = ([dash(), dash(), dash(), dash()], [false; 4]);
    let (mut protocol, mut point) = ("adaptive".to_owned(), "pointing".to_owned());
    match &judged.verdict {
        Some(LiveVerdict::Scored { adaptive, half_map, hit, pointing, .. }) => {
            now[0] = format!("{:.3}", adaptive.ciou);
            now[1] = format!("{:.3}", half_map.ciou);
            now[2] = if *hit { "hit" } else { "miss" }.to_owned();
            care[2] = !hit;
            protocol.clone_from(&adaptive.protocol);
            point.clone_from(pointing);
        }
        Some(LiveVerdict::Nothing { peak, quiet }) => {
            now[3] = format!("{peak:+.2}");
            care[3] = *quiet == Some(false);
        }
        None => {}
    }
    let threshold = view.checkpoint.and_then(|c| c.card.no_source_threshold);
    let quiet_why = match threshold {
        Some(t) => format!(
            "Nothing that sounds is in the picture: the greatest of the 49 cosines should stay \
             below {t:+.3}, the checkpoint's own threshold. Mean: share of such pictures in which it \
             does"
        ),
        None => "Nothing that sounds is in the picture: the greatest of the 49 cosines should be \
                 low. The checkpoint's card holds no threshold, so that nothing is counted"
            .to_owned(),
    };
    let [a, b, c, d] = now;
    vec![
        Row {
            name: "cIoU adaptive",
            now: a,
            mean: means.adaptive(),
            n: means.scored,
            care: false,
            why: format!(
                "Protocol {protocol}: the highest pixels of the map, as many as the truth has \
                 ({shape}, 224x224, `>`), cells {fine}, bilinear. Success at 0.5: {}",
                means.success().map_or("-".to_owned(), |s| format!("{:.1} %", 100.0 * s))
            ),
        },
        Row {
            name: "cIoU half-map",
            now: b,
            mean: means.half_map(),
            n: means.scored,
            care: false,
            why: format!(
                "Protocol half-map-bilinear, the literature's: the greater half of all 224x224 \
                 pixels, `>=`, of the plain 7x7 map with aligned corners, against the truth's {shape}"
            ),
        },
        Row {
            name: "Pointing",
            now: c,
            mean: means.pointing(),
            n: means.scored,
            care: care[2],
            why: format!(
                "Protocol {point}: does the highest pixel lie in the truth ({shape})? Cells {fine}, \
                 bilinear. Mean: share of hits"
            ),
        },
        Row {
            name: "Peak, no source",
            now: d,
            mean: means.quiet(),
            n: means.nothing,
            care: care[3],
            why: quiet_why,
        },
    ]
}

/// What must be known to read the numbers.
fn note_of(judged: &Judged) -> String {
    let mut notes = Vec::new();
    match &judged.verdict {
        Some(LiveVerdict::Scored { ceiling, area, .. }) if *area < 0.25 => notes.push(format!(
            "This truth is {:.0} % of the picture, below a quarter: half-map cannot exceed {ceiling:.2}",
            (100.0 * area).max(1.0)
        )),
        Some(LiveVerdict::Scored { ceiling, area, .. }) => notes.push(format!(
            "This truth is {:.0} % of the picture: half-map can reach {ceiling:.2}",
            100.0 * area
        )),
        Some(LiveVerdict::Nothing { .. }) if judged.now.off_screen.is_empty() => {
            notes.push("Nothing sounds: the map should stay low".to_owned());
        }
        Some(LiveVerdict::Nothing { .. }) => {
            notes.push("What sounds is off-screen: the map should stay low".to_owned());
        }
        None => notes.push("No map for this picture yet".to_owned()),
    }
    match judged.counts {
        Counts::Testing => notes.push("A sound test runs: not counted in the means".to_owned()),
        Counts::NotItsOwn if judged.verdict.is_some() => {
            notes.push("The map is not this frame's own: not counted".to_owned());
        }
        Counts::NotItsOwn | Counts::Own => {}
    }
    notes.join(". ")
}

fn file_ui(ui: &mut egui::Ui, here: &TruthHere) {
    let track = &here.track;
    let sources = track.sources.len();
    let plural = if sources == 1 { "" } else { "s" };
    let length = if track.duration > MediaTime::ZERO {
        format!(", {}", track.duration)
    } else {
        String::new()
    };
    let masks = if here.has_masks { ", with masks" } else { "" };
    let text = format!(
        "{}: {sources} source{plural}, {}x{}{length}{masks}",
        here.name, track.width, track.height
    );
    let about: Vec<_> = track.about.iter().map(|(k, v)| format!("{k}: {v}")).collect();
    let color = theme::dim(ui);
    let response = ui.add(egui::Label::new(RichText::new(text).small().color(color)).wrap());
    if !about.is_empty() {
        response.on_hover_text(about.join("\n"));
    }
    if here.defects.is_empty() {
        return;
    }
    let n = here.defects.len();
    let title = if n == 1 { "1 defect".to_owned() } else { format!("{n} defects") };
    egui::CollapsingHeader::new(RichText::new(title).color(theme::warning(ui)))
        .id_salt("truth defects")
        .default_open(n <= 3)
        .show(ui, |ui| {
            for defect in here.defects.iter().take(200) {
                theme::hint(ui, defect.as_str());
            }
            if n > 200 {
                theme::hint(ui, format!("and {} more", n - 200));
            }
        });
}
