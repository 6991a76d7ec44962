//! Ruler, playhead and words on lanes.

use egui::{Align2, Color32, FontId, Pos2, Rect, Stroke, Ui, pos2};

use super::axis::ticks;
use super::{Extent, RIGHT_MARGIN, StripScale, TimeAxis};

/// Limits of the peak lane: the picture's scale when it is fixed for the checkpoint, else 0 to 1;
/// the greatest of 49 cosines is hardly ever negative.
pub(super) fn peak_range(scale: StripScale<'_>) -> (f32, f32) {
    if scale.per_frame || (scale.lo, scale.hi) == (-1.0, 1.0) {
        (0.0, 1.0)
    } else {
        (scale.lo, scale.hi)
    }
}

/// The lane's lower and upper limit at its right end.
pub(super) fn draw_limits(ui: &Ui, painter: &egui::Painter, body: Rect, (lo, hi): (f32, f32)) {
    if body.height() < 24.0 {
        return;
    }
    let (font, color) = (FontId::monospace(9.5), ui.visuals().weak_text_color());
    for (value, at, align) in
        [(hi, body.right_top(), Align2::RIGHT_TOP), (lo, body.right_bottom(), Align2::RIGHT_BOTTOM)]
    {
        painter.text(at, align, format!("{value:+.2}"), font.clone(), color);
    }
}

pub(super) fn draw_ruler(
    painter: &egui::Painter,
    ruler: Rect,
    axis: &TimeAxis,
    extent: Extent,
    visuals: &egui::Visuals,
) {
    let color = visuals.weak_text_color();
    let mut free_from = f32::NEG_INFINITY;
    for tick in ticks(axis, extent, 70.0) {
        let x = axis.x_of_secs(tick.secs, extent);
        if x < extent.left - 0.5 || x > extent.right() + 0.5 {
            continue;
        }
        let height = if tick.label.is_some() { 7.0 } else { 3.0 };
        let y = ruler.bottom() - height..=ruler.bottom();
        painter.vline(x, y, Stroke::new(1.0, color.gamma_multiply(0.7)));
        if let Some(label) = tick.label {
            let galley =
                painter.layout_no_wrap(label, FontId::monospace(10.5), Color32::PLACEHOLDER);
            let width = galley.size().x;
            // The last label would leave the clip's end: to the left of its mark, if there is room.
            let right_of = x + 3.0 + width <= extent.right() + RIGHT_MARGIN;
            let left = if right_of { x + 3.0 } else { x - 3.0 - width };
            if left > free_from {
                painter.galley(pos2(left, ruler.top() + 1.0), galley, color);
                free_from = left + width + 4.0;
            }
        }
    }
}

/// Two points of white with a dark edge: seen on any lane.
pub(super) fn draw_playhead(painter: &egui::Painter, body: Rect, x: f32) {
    if x < body.left() - 1.0 || x > body.right() + 1.0 {
        return;
    }
    let y = body.top()..=body.bottom();
    painter.vline(x, y.clone(), Stroke::new(4.0, Color32::from_black_alpha(200)));
    painter.vline(x, y, Stroke::new(2.0, Color32::WHITE));
    let head =
        vec![pos2(x - 5.0, body.top()), pos2(x + 5.0, body.top()), pos2(x, body.top() + 7.0)];
    painter.add(egui::Shape::convex_polygon(
        head,
        Color32::WHITE,
        Stroke::new(1.0, Color32::from_black_alpha(200)),
    ));
}

/// A line of text in the middle of a lane, on a ground of its own.
pub(super) fn lane_note(ui: &Ui, painter: &egui::Painter, body: Rect, text: &str) {
    let color = ui.visuals().weak_text_color();
    let galley = painter.layout_no_wrap(text.to_owned(), FontId::proportional(11.0), color);
    let at = Align2::CENTER_CENTER.align_size_within_rect(galley.size(), body);
    painter.rect_filled(at.expand2(egui::vec2(4.0, 1.0)), 3.0, ui.visuals().extreme_bg_color);
    painter.galley(at.min, galley, color);
}

/// The bracket's line of text: inside it when it fits, else beside it.
pub(super) fn bracket_note(ui: &Ui, painter: &egui::Painter, body: Rect, seen: Rect, text: &str) {
    let color = ui.visuals().text_color();
    let galley = painter.layout_no_wrap(text.to_owned(), FontId::proportional(10.5), color);
    let width = galley.size().x;
    let left = if width + 8.0 <= seen.width() {
        seen.center().x - width / 2.0
    } else if seen.right() + 6.0 + width <= body.right() {
        seen.right() + 6.0
    } else {
        seen.left() - 6.0 - width
    };
    let at: Pos2 = pos2(left.max(body.left() + 2.0), body.center().y - galley.size().y / 2.0);
    painter.galley(at, galley, color);
}

/// Black or white, whichever reads better on `ground`.
pub(super) fn text_over(ground: Color32) -> Color32 {
    let [r, g, b, _] = ground.to_array().map(f32::from);
    if 0.299 * r + 0.587 * g + 0.114 * b > 140.0 { Color32::BLACK } else { Color32::WHITE }
}
