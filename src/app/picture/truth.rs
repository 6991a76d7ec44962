//! Truth and prediction as lines over the picture.
//!
//! They differ in hue, line style and label, and every line has a dark edge: truth is solid sky blue
//! with `T`, a prediction dashed vermillion with `P`.

use egui::{Color32, FontId, Painter, Pos2, Rect, Sense, Shape, Stroke, Ui, pos2, vec2};

use super::PictureView;
use crate::overlay::{self, Layer, OverlayParams, PREDICTION_COLOUR, Ring, Split, TRUTH_COLOUR};

/// Width of the line around a sounding source, and around a silent one.
const SOUNDING: f32 = 2.5;
const SILENT: f32 = 1.25;
/// Dash and gap of the prediction.
const DASH: f32 = 7.0;
const GAP: f32 = 5.0;
/// The dark edge, on each side.
const EDGE: f32 = 1.25;
/// Label text.
const LABEL_PT: f32 = 13.0;
/// With more sources than these only sounding ones have their names written.
const LABELS_MAX: usize = 12;
/// Rings shorter than this on the screen say nothing.
const RING_MIN: f32 = 4.0;

/// A source in the picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TruthMark {
    /// What it is.
    pub label: String,
    /// Its box in fractions of the picture, `[x0, y0, x1, y1]`.
    pub bbox: [f32; 4],
    /// The line around it, in fractions of the picture: the box, or its pixels' outline.
    pub rings: Vec<Ring>,
    /// It sounds.
    pub sounding: bool,
}

/// Everything that is drawn about truth.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TruthMarks {
    /// Sources in the picture.
    pub sources: Vec<TruthMark>,
    /// The line around the predicted mask; empty when nothing is to be found.
    pub prediction: Vec<Ring>,
    /// Lines that hatch where both meet.
    pub overlap: Vec<[[f32; 2]; 2]>,
}

impl PictureView {
    /// Draws the marks into every panel of the picture: silent things only where they are wanted,
    /// the prediction only where it is wanted and a map is drawn.
    pub(super) fn truth_ui(
        &self,
        ui: &Ui,
        params: &OverlayParams,
        marks: &TruthMarks,
        (silent, prediction): (bool, bool),
    ) {
        let scale = self.view.pixels_per_point;
        let on_screen = |r: overlay::Rect| {
            let min = self.region.min + vec2(r.x, r.y) / scale;
            Rect::from_min_size(min, vec2(r.w, r.h) / scale)
        };
        let with_map = |p: &overlay::Panel| prediction && p.layer != Layer::None && params.visible;
        let wipe = matches!(params.split, Split::Wipe { .. });
        for (i, panel) in self.view.panels(params).iter().enumerate() {
            let clip = on_screen(panel.clip);
            let picture = on_screen(panel.picture);
            let painter = ui.painter_at(clip);
            let place = Place { picture, clip };
            let mapped = with_map(panel);
            if mapped {
                for line in &marks.overlap {
                    let points = line.map(|p| place.at(p));
                    // Dark and light: reads on any picture.
                    painter.line_segment(points, Stroke::new(2.5, Color32::from_black_alpha(70)));
                    painter.line_segment(points, Stroke::new(1.0, Color32::from_white_alpha(150)));
                }
            }
            for mark in marks.sources.iter().filter(|m| m.sounding || silent) {
                place.solid(&painter, mark);
            }
            if mapped {
                place.dashed(&painter, &marks.prediction);
            }
            if !wipe {
                place.labels(ui, &painter, marks, (silent, mapped), i);
            }
        }
        if wipe {
            // Both sides show the same picture: names once, across the divider.
            let panels = self.view.panels(params);
            let Some(panel) = panels.first() else { return };
            let picture = on_screen(panel.picture);
            let whole = Place { picture, clip: self.region };
            whole.labels(ui, &ui.painter_at(self.region), marks, (silent, false), 0);
            for (i, panel) in panels.iter().enumerate().filter(|(_, p)| with_map(p)) {
                let place = Place { picture, clip: on_screen(panel.clip) };
                let painter = ui.painter_at(place.clip);
                place.prediction_label(ui, &painter, &marks.prediction, i, &mut Vec::new());
            }
        }
    }
}

/// Where a panel shows the picture.
struct Place {
    picture: Rect,
    clip: Rect,
}

impl Place {
    fn at(&self, [x, y]: [f32; 2]) -> Pos2 {
        self.picture.min + self.picture.size() * vec2(x, y)
    }

    fn points(&self, ring: &Ring) -> Vec<Pos2> {
        ring.iter().map(|p| self.at(*p)).collect()
    }

    fn solid(&self, painter: &Painter, mark: &TruthMark) {
        let (width, color) = if mark.sounding {
            (SOUNDING, truth_color())
        } else {
            (SILENT, truth_color().gamma_multiply(0.8))
        };
        let edge = Color32::from_black_alpha(if mark.sounding { 210 } else { 130 });
        for ring in &mark.rings {
            let points = self.points(ring);
            let stroke = Stroke::new(width + 2.0 * EDGE, edge);
            painter.add(Shape::closed_line(points.clone(), stroke));
            painter.add(Shape::closed_line(points, Stroke::new(width, color)));
        }
    }

    fn dashed(&self, painter: &Painter, rings: &[Ring]) {
        for ring in rings {
            let mut points = self.points(ring);
            if Rect::from_points(&points).size().max_elem() < RING_MIN {
                continue;
            }
            points.extend(points.first().copied());
            // The edge a little longer than the dash, so that its ends are dark as well.
            let edge = Stroke::new(SOUNDING + 2.0 * EDGE, Color32::from_black_alpha(210));
            let color = Stroke::new(SOUNDING, prediction_color());
            for piece in dashes(&points) {
                let long = lengthened(&piece, EDGE);
                painter.add(Shape::line(long, edge));
                painter.add(Shape::line(piece, color));
            }
        }
    }

    fn labels(
        &self,
        ui: &Ui,
        painter: &Painter,
        marks: &TruthMarks,
        (silent, with_map): (bool, bool),
        panel: usize,
    ) {
        let mut taken = Vec::new();
        let crowded = marks.sources.len() > LABELS_MAX;
        // Sounding ones choose their place first.
        for mark in marks.sources.iter().rev().filter(|m| m.sounding || silent && !crowded) {
            self.label(ui, painter, mark, panel, &mut taken);
        }
        if with_map {
            self.prediction_label(ui, painter, &marks.prediction, panel, &mut taken);
        }
    }

    fn label(
        &self,
        ui: &Ui,
        painter: &Painter,
        mark: &TruthMark,
        panel: usize,
        taken: &mut Vec<Rect>,
    ) {
        let [x0, y0, x1, y1] = mark.bbox;
        let place = Rect::from_two_pos(self.at([x0, y0]), self.at([x1, y1]));
        let text = format!("T {}", mark.label);
        let (ground, ink) = if mark.sounding {
            (truth_color(), Color32::BLACK)
        } else {
            (Color32::from_black_alpha(185), truth_color())
        };
        let rect = self.tag(painter, place, Corner::Above, &text, (ground, ink), taken);
        if let (Some(rect), 0) = (rect, panel) {
            let id = ui.scope_id().with(("truth mark", mark.label.as_str(), taken.len()));
            let sounds = if mark.sounding { "sounding" } else { "silent" };
            ui.interact(rect, id, Sense::hover()).widget_info(|| {
                let text = format!("Truth: {}, {sounds}", mark.label);
                egui::WidgetInfo::labeled(egui::Role::Label, true, text)
            });
        }
    }

    fn prediction_label(
        &self,
        ui: &Ui,
        painter: &Painter,
        rings: &[Ring],
        panel: usize,
        taken: &mut Vec<Rect>,
    ) {
        // At the largest of its parts.
        let around = |r: &Ring| Rect::from_points(&self.points(r));
        let Some(place) = rings.iter().map(around).max_by(|a, b| a.area().total_cmp(&b.area()))
        else {
            return;
        };
        let colors = (prediction_color(), Color32::BLACK);
        let rect = self.tag(painter, place, Corner::Below, "P", colors, taken);
        if let Some(rect) = rect {
            let id = ui.scope_id().with(("prediction mark", panel));
            let response = ui.interact(rect, id, Sense::hover());
            response
                .widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, "Prediction"));
            response.on_hover_text(
                "Prediction: the highest part of the map, as large as the truth. The adaptive \
                 cIoU compares the two",
            );
        }
    }

    /// A word at a corner of `place`, inside the panel whatever the zoom, beside those there.
    fn tag(
        &self,
        painter: &Painter,
        place: Rect,
        corner: Corner,
        text: &str,
        (ground, ink): (Color32, Color32),
        taken: &mut Vec<Rect>,
    ) -> Option<Rect> {
        let seen = place.intersect(self.clip);
        if !seen.is_positive() {
            return None;
        }
        let font = FontId::proportional(LABEL_PT);
        let galley = painter.layout_no_wrap(text.to_owned(), font, ink);
        let size = galley.size() + vec2(10.0, 4.0);
        let (x, y) = match corner {
            // Above the box where there is room, else inside its upper edge.
            Corner::Above if place.top() - size.y - 2.0 >= self.clip.top() => {
                (seen.left(), place.top() - size.y - 2.0)
            }
            Corner::Above => (seen.left() + 3.0, seen.top() + 3.0),
            Corner::Below if place.bottom() + size.y + 2.0 <= self.clip.bottom() => {
                (seen.right() - size.x, place.bottom() + 2.0)
            }
            Corner::Below => (seen.right() - size.x - 3.0, seen.bottom() - size.y - 3.0),
        };
        let most = pos2(self.clip.right() - size.x, self.clip.bottom() - size.y);
        let mut rect = Rect::from_min_size(pos2(x, y).min(most).max(self.clip.min), size);
        for _ in 0..8 {
            let Some(other) = taken.iter().find(|t| t.intersects(rect)) else { break };
            let down = other.bottom() + 1.0 - rect.top();
            rect = rect.translate(vec2(0.0, down));
        }
        taken.push(rect);
        painter.rect_filled(rect, 3.0, ground);
        let edge = Stroke::new(1.0, Color32::from_black_alpha(200));
        painter.rect_stroke(rect, 3.0, edge, egui::StrokeKind::Outside);
        painter.galley(rect.min + vec2(5.0, 2.0), galley, ink);
        Some(rect)
    }
}

#[derive(Clone, Copy)]
enum Corner {
    Above,
    Below,
}

fn truth_color() -> Color32 {
    let [r, g, b] = TRUTH_COLOUR;
    Color32::from_rgb(r, g, b)
}

fn prediction_color() -> Color32 {
    let [r, g, b] = PREDICTION_COLOUR;
    Color32::from_rgb(r, g, b)
}

/// Cuts a line into dashes of the same length, round its corners too.
fn dashes(points: &[Pos2]) -> Vec<Vec<Pos2>> {
    let mut out = Vec::new();
    let mut piece: Vec<Pos2> = points.first().copied().into_iter().collect();
    let (mut drawing, mut left) = (true, DASH);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let length = (to - from).length();
            if length < left {
                left -= length;
                if drawing {
                    piece.push(to);
                }
                break;
            }
            from += (to - from) * (left / length.max(1e-6));
            if drawing {
                piece.push(from);
                out.push(std::mem::take(&mut piece));
            } else {
                piece = vec![from];
            }
            drawing = !drawing;
            left = if drawing { DASH } else { GAP };
        }
    }
    if piece.len() > 1 {
        out.push(piece);
    }
    out
}

/// A line with both ends moved outwards.
fn lengthened(points: &[Pos2], by: f32) -> Vec<Pos2> {
    let mut out = points.to_vec();
    if let [first, second, ..] = points
        && let Some(start) = out.first_mut()
    {
        *start += (*first - *second).normalized() * by;
    }
    if let [.., before, last] = points
        && let Some(end) = out.last_mut()
    {
        *end += (*last - *before).normalized() * by;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_are_of_one_length_round_corners() {
        let square = [pos2(0.0, 0.0), pos2(50.0, 0.0), pos2(50.0, 50.0), pos2(0.0, 50.0)];
        let pieces = dashes(&square);
        let length = |p: &Vec<Pos2>| p.windows(2).map(|w| (w[1] - w[0]).length()).sum::<f32>();
        assert_eq!(pieces.len(), 13, "150 points of line in steps of 12");
        for piece in &pieces[..12] {
            assert!((length(piece) - DASH).abs() < 1e-3);
        }
        assert!(pieces.iter().any(|p| p.len() > 2), "one goes round a corner");
        assert!(dashes(&[]).is_empty() && dashes(&[pos2(1.0, 1.0)]).is_empty());
        assert!(dashes(&[pos2(1.0, 1.0); 4]).iter().all(|p| p.len() > 1));
    }

    #[test]
    fn ends_move_outwards() {
        let line = lengthened(&[pos2(0.0, 0.0), pos2(10.0, 0.0)], 2.0);
        assert_eq!(line, [pos2(-2.0, 0.0), pos2(12.0, 0.0)]);
    }
}
