//! The legend: what the colours stand for, with the numbers, and every choice by its name.

use std::sync::Arc;

use egui::{Align2, Color32, FontId, Rect, Sense, Ui, pos2, vec2};

use super::{CARE, GROUND, LABEL, VALUE};
use crate::overlay::{Layer, Legend, OverlayParams, ScaleMode, Split, area_above};

/// What the legend says.
#[derive(Clone, Debug, PartialEq)]
pub struct LegendData {
    /// Bar, ticks and names, from the same parameters as the picture.
    pub legend: Legend,
    /// What the layer shows, for the tooltip.
    pub about: &'static str,
    /// The display threshold's place on the bar, 0 to 1, and its cosine.
    pub threshold: Option<(f32, f32)>,
    /// Scale, geometry, interpolation, masks; one line each, the scale first.
    pub lines: Vec<String>,
}

/// Facts that the overlay's parameters do not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LegendFacts {
    /// The geometry is the checkpoint card's own word.
    pub geometry_from_card: bool,
    /// `calibrated` was chosen, but the card has no numbers.
    pub calibration_missing: bool,
    /// `calibrated` has its numbers from this clip's maps, not from the card.
    pub calibrated_on_clip: bool,
    /// They are the watch list's, under the weights of that epoch.
    pub calibrated_on_list: bool,
}

/// The layer that the legend explains: the map's side of a wipe.
fn layer_of(params: &OverlayParams) -> Layer {
    match params.split {
        Split::Wipe { left: Layer::None, right, .. } => right,
        Split::Wipe { left, .. } => left,
        Split::None | Split::SideBySide => params.layer,
    }
}

/// The legend for what is drawn; `None` when no values are.
pub fn legend_of(params: &OverlayParams, facts: LegendFacts) -> Option<LegendData> {
    if !params.visible {
        return None;
    }
    let layer = layer_of(params);
    let legend = Legend::of_layer(params, layer)?;
    let mut lines = vec![scale_line(params.scale, &legend, facts)];
    lines.extend(legend.notes.iter().map(|note| {
        if facts.geometry_from_card && *note == format!("cells {}", params.geometry) {
            format!("{note} (card)")
        } else {
            note.clone()
        }
    }));
    let field = (layer.spec().field)(params)?;
    let cut = params.threshold.filter(|_| field.is_cosine);
    if let Some(t) = cut {
        let grid = field.field.grid();
        let area = area_above(&grid, params.geometry, params.interpolation, t);
        lines.push(format!("above it: {:.1} % of the picture", 100.0 * area));
    }
    let (lo, hi) = legend.limits;
    let threshold =
        cut.filter(|t| hi > lo && (lo..=hi).contains(t)).map(|t| ((t - lo) / (hi - lo), t));
    Some(LegendData { about: layer.spec().about, legend, threshold, lines })
}

fn scale_line(scale: ScaleMode, legend: &Legend, facts: LegendFacts) -> String {
    let (lo, hi) = legend.limits;
    match scale {
        _ if legend.badge.is_some() => format!("stretched {lo:+.2} .. {hi:+.2} (per frame)"),
        ScaleMode::Absolute if facts.calibration_missing => "absolute (no calibration)".to_owned(),
        ScaleMode::Absolute => "absolute".to_owned(),
        ScaleMode::Calibrated { .. } if facts.calibrated_on_list => {
            "calibrated (watch list p1..p99)".to_owned()
        }
        ScaleMode::Calibrated { .. } if facts.calibrated_on_clip => {
            "calibrated (clip p1..p99)".to_owned()
        }
        ScaleMode::Calibrated { .. } => "calibrated (card p1..p99)".to_owned(),
        ScaleMode::PerFrame => "per frame".to_owned(),
    }
}

/// Width of the legend in points: narrow enough for the margin beside a picture of 16:9 in the
/// window's usual layout.
pub const LEGEND_WIDTH: f32 = 160.0;
const MARGIN: f32 = 9.0;
const BAR_HEIGHT: f32 = 84.0;
const BAR_TOP: f32 = 30.0;

/// The legend's lines, wrapped to its width.
fn text_of(ui: &Ui, data: &LegendData) -> Vec<Arc<egui::Galley>> {
    let width = LEGEND_WIDTH - 2.0 * MARGIN;
    data.lines
        .iter()
        .enumerate()
        .map(|(i, line)| {
            let color = if i == 0 && data.legend.badge.is_some() { CARE } else { LABEL };
            ui.painter().layout(line.clone(), FontId::proportional(11.0), color, width)
        })
        .collect()
}

/// Height of the legend in points.
pub fn legend_height(ui: &Ui, data: &LegendData) -> f32 {
    let text: f32 = text_of(ui, data).iter().map(|g| g.size().y + 2.0).sum();
    BAR_TOP + BAR_HEIGHT + 10.0 + text + MARGIN
}

/// Draws the legend with its upper right corner at `corner`.
pub fn show_legend(ui: &Ui, corner: egui::Pos2, data: &LegendData) -> Rect {
    let size = vec2(LEGEND_WIDTH, legend_height(ui, data));
    let rect = Rect::from_min_size(pos2(corner.x - size.x, corner.y), size);
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 4.0, GROUND);
    let left = rect.left() + MARGIN;
    let title = format!("{} ({})", data.legend.title, data.legend.unit);
    let font = FontId::proportional(12.0);
    painter.text(pos2(left, rect.top() + 7.0), Align2::LEFT_TOP, title, font, VALUE);
    let bar = Rect::from_min_size(pos2(left, rect.top() + BAR_TOP), vec2(24.0, BAR_HEIGHT));
    draw_bar(&painter, bar, data);
    let y_of = |place: f32| bar.bottom() - place * bar.height();
    for tick in &data.legend.ticks {
        let y = y_of(tick.at);
        painter.hline(bar.right()..=bar.right() + 4.0, y, egui::Stroke::new(1.0, LABEL));
        let font = FontId::monospace(11.0);
        painter.text(pos2(bar.right() + 7.0, y), Align2::LEFT_CENTER, &tick.label, font, VALUE);
    }
    if let Some((place, cosine)) = data.threshold {
        let y = y_of(place);
        painter.hline(bar.x_range().expand(3.0), y, egui::Stroke::new(2.0, Color32::WHITE));
        let (at, font) = (pos2(rect.right() - MARGIN, y), FontId::monospace(11.0));
        painter.text(at, Align2::RIGHT_CENTER, format!("cut {cosine:+.2}"), font, LABEL);
    }
    let mut y = bar.bottom() + 10.0;
    for line in text_of(ui, data) {
        let height = line.size().y + 2.0;
        painter.galley(pos2(left, y), line, LABEL);
        y += height;
    }
    let response = ui.interact(rect, ui.scope_id().with("legend"), Sense::hover());
    response.widget_info(|| {
        let (lo, hi) = data.legend.limits;
        let lines = data.lines.join(". ");
        let text = format!("Legend: {}, {lo:+.2} to {hi:+.2}. {lines}", data.legend.title);
        egui::WidgetInfo::labeled(egui::Role::Label, true, text)
    });
    let source = "The bar shows colour and opacity as they are composited over the picture";
    response.on_hover_text(format!("{}\n{source}", data.about));
    rect
}

/// The bar over a checkerboard, so that opacity shows.
fn draw_bar(painter: &egui::Painter, bar: Rect, data: &LegendData) {
    let mut mesh = egui::Mesh::default();
    let rows = data.legend.bar.len().max(1) as f32;
    // The bar's colours run from low to high, the screen from top to bottom.
    for (i, [r, g, b, a]) in data.legend.bar.iter().rev().enumerate() {
        let top = bar.top() + bar.height() * i as f32 / rows;
        let bottom = bar.top() + bar.height() * (i + 1) as f32 / rows;
        for half in 0..2 {
            let dark = (i / 8 + half) % 2 == 0;
            let ground = if dark { 90.0 } else { 150.0 };
            let share = f32::from(*a) / 255.0;
            let over = |c: u8| (ground + (f32::from(c) - ground) * share).round() as u8;
            let x0 = bar.left() + bar.width() * half as f32 / 2.0;
            let cell = Rect::from_min_max(pos2(x0, top), pos2(x0 + bar.width() / 2.0, bottom));
            mesh.add_colored_rect(cell, Color32::from_rgb(over(*r), over(*g), over(*b)));
        }
    }
    painter.add(egui::Shape::mesh(mesh));
    let edge = egui::Stroke::new(1.0, Color32::from_gray(0x60));
    painter.rect_stroke(bar, 0.0, edge, egui::StrokeKind::Outside);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::Field;

    fn params() -> OverlayParams {
        let map = Field::new(1, (0..49).map(|i| i as f32 / 100.0).collect());
        OverlayParams {
            map,
            scale: ScaleMode::Calibrated { lo: -0.1, hi: 0.5 },
            ..OverlayParams::default()
        }
    }

    fn text(params: &OverlayParams, facts: LegendFacts) -> String {
        legend_of(params, facts).unwrap().lines.join("\n")
    }

    #[test]
    fn the_legend_names_scale_geometry_and_interpolation() {
        let facts = LegendFacts { geometry_from_card: true, ..LegendFacts::default() };
        let text = text(&params(), facts);
        for words in ["calibrated", "aligned (card)", "7x7 cells, bilinear"] {
            assert!(text.contains(words), "{words} in {text}");
        }
    }

    #[test]
    fn a_stretched_scale_says_so_with_both_numbers() {
        let p = OverlayParams { scale: ScaleMode::PerFrame, ..params() };
        let data = legend_of(&p, LegendFacts::default()).unwrap();
        assert_eq!(data.lines[0], "stretched +0.00 .. +0.48 (per frame)");
    }

    #[test]
    fn a_missing_calibration_is_admitted() {
        let p = OverlayParams { scale: ScaleMode::Absolute, ..params() };
        let facts = LegendFacts { calibration_missing: true, ..LegendFacts::default() };
        assert!(text(&p, facts).contains("no calibration"));
    }

    #[test]
    fn a_threshold_tells_its_share_of_the_picture() {
        let p = OverlayParams { threshold: Some(-0.05), ..params() };
        let data = legend_of(&p, LegendFacts::default()).unwrap();
        assert!(data.lines.contains(&"above it: 100.0 % of the picture".to_owned()));
        let (place, _) = data.threshold.unwrap();
        assert!((place - 0.05 / 0.6).abs() < 1e-5);
        let outside = OverlayParams { threshold: Some(0.9), ..params() };
        assert_eq!(legend_of(&outside, LegendFacts::default()).unwrap().threshold, None);
    }

    #[test]
    fn without_a_map_or_with_the_map_off_there_is_no_legend() {
        let facts = LegendFacts::default();
        assert!(legend_of(&OverlayParams::default(), facts).is_none());
        assert!(legend_of(&OverlayParams { visible: false, ..params() }, facts).is_none());
    }

    #[test]
    fn a_wipe_explains_the_side_that_has_a_map() {
        let p = OverlayParams {
            split: Split::Wipe { at: 0.5, left: Layer::None, right: Layer::SoundMap },
            ..params()
        };
        assert_eq!(legend_of(&p, LegendFacts::default()).unwrap().legend.title, "Sound map");
    }
}
