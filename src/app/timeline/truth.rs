//! Who sounds when: one thin row per source.

use std::sync::Arc;

use egui::{Align2, Color32, FontId, Mesh, Rect, Sense, Shape, Stroke, StrokeKind, Ui, pos2};

use super::{Extent, TimeAxis, TimelineData, lanes};
use crate::overlay::TRUTH_COLOUR;
use crate::truth::{HeardSpan, Span};
use crate::units::MediaTime;

/// Height of a row with its name, and the least height of one.
const ROW: f32 = 13.0;
const ROW_MIN: f32 = 9.0;
/// The lane grows with its rows up to so many, and to this share of all lanes.
const ROWS_MAX: usize = 8;
const SHARE_MAX: f32 = 0.4;
/// Spans named in a tooltip.
const SPANS_TOLD: usize = 8;

/// When one source is heard and seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TruthRow {
    /// What it is.
    pub name: String,
    /// When it sounds, in order.
    pub heard: Vec<HeardSpan>,
    /// When it is in the picture, in order.
    pub seen: Vec<Span>,
}

impl TruthRow {
    /// A span at `time`, when it sounds; those of a row made of several may overlap.
    fn heard_at(&self, time: MediaTime) -> Option<HeardSpan> {
        self.heard.iter().copied().find(|h| h.span.contains(time))
    }

    fn told(&self) -> String {
        let one = |h: &HeardSpan| {
            let away = if h.seen { "" } else { " off-screen" };
            format!("{} to {}{away}", h.span.start, h.span.end)
        };
        let first: Vec<_> = self.heard.iter().take(SPANS_TOLD).map(one).collect();
        let more = self.heard.len().saturating_sub(SPANS_TOLD);
        let rest = if more > 0 { format!("\nand {more} more") } else { String::new() };
        match first.as_slice() {
            [] => format!("{} never sounds", self.name),
            _ => format!("{} sounds\n{}{rest}", self.name, first.join("\n")),
        }
    }
}

/// Height that the lane would like for `rows` rows in lanes of `all` points together.
pub fn wanted_height(rows: usize, all: f32) -> f32 {
    (rows.min(ROWS_MAX) as f32 * ROW + 3.0).min((all * SHARE_MAX).max(ROW))
}

/// What sounds at `time`, for the words under the cursor; empty in silence.
pub fn heard_text(rows: &[TruthRow], time: MediaTime) -> String {
    let names: Vec<_> = rows
        .iter()
        .filter_map(|r| r.heard_at(time).map(|h| (r, h)))
        .map(|(r, h)| if h.seen { r.name.clone() } else { format!("{} (off-screen)", r.name) })
        .collect();
    match names.as_slice() {
        [] => String::new(),
        [a, b, c, rest @ ..] if !rest.is_empty() => format!("  {a}, {b}, {c} +{}", rest.len()),
        all => format!("  {}", all.join(", ")),
    }
}

/// At most `room` rows: sources that sound first, in the order in which they begin; then those of
/// one name together; then all that are left in one row.
fn collapsed(rows: &[TruthRow], room: usize) -> Vec<TruthRow> {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|r| r.heard.first().map_or(MediaTime::MAX, |h| h.span.start));
    if rows.len() <= room {
        return rows;
    }
    let mut joined: Vec<(TruthRow, usize)> = Vec::new();
    for row in rows {
        match joined.iter_mut().find(|(r, _)| r.name == row.name) {
            Some((into, n)) => {
                merge(into, &row);
                *n += 1;
            }
            None => joined.push((row, 1)),
        }
    }
    let mut out: Vec<TruthRow> = joined
        .into_iter()
        .map(|(mut row, n)| {
            if n > 1 {
                row.name = format!("{n} × {}", row.name);
            }
            row
        })
        .collect();
    let room = room.max(1);
    if out.len() > room {
        let rest = out.split_off(room - 1);
        let mut last = TruthRow { name: format!("+{} more", rest.len()), ..TruthRow::default() };
        for row in &rest {
            merge(&mut last, row);
        }
        out.push(last);
    }
    out
}

/// Adds the spans of `row`; where both sound, seen wins over off-screen by being drawn later.
fn merge(into: &mut TruthRow, row: &TruthRow) {
    into.heard.extend(&row.heard);
    into.heard.sort_by_key(|h| h.span.start);
    into.seen.extend(&row.seen);
    into.seen.sort_by_key(|s| s.start);
}

/// The rows as they fit, kept while neither they nor the room change.
#[derive(Default)]
pub struct TruthLane {
    fitted: Option<(Arc<Vec<TruthRow>>, usize, Vec<TruthRow>)>,
}

impl TruthLane {
    /// Draws rows and names.
    #[expect(clippy::too_many_arguments, reason = "two places, one axis, what is drawn")]
    pub fn show(
        &mut self,
        ui: &Ui,
        rows: &Arc<Vec<TruthRow>>,
        axis: &TimeAxis,
        extent: Extent,
        names: Rect,
        body: Rect,
        data: &TimelineData<'_>,
    ) {
        let room = ((body.height() - 1.0) / ROW_MIN).floor().max(1.0) as usize;
        let fits = |(r, n, _): &(Arc<Vec<TruthRow>>, usize, _)| Arc::ptr_eq(r, rows) && *n == room;
        if !self.fitted.as_ref().is_some_and(fits) {
            self.fitted = Some((rows.clone(), room, collapsed(rows, room)));
        }
        let Some((.., fitted)) = &self.fitted else { return };
        // Whole points, so that lines and names of all rows are equally sharp.
        let height = ((body.height() - 2.0) / fitted.len().max(1) as f32).floor().max(1.0);
        for (i, row) in fitted.iter().enumerate() {
            let top = (body.top() + 1.0).round() + i as f32 * height;
            let line = Rect::from_x_y_ranges(body.x_range(), top..=top + height);
            draw_row(ui, line, row, axis, extent);
            let name = Rect::from_x_y_ranges(names.x_range(), line.y_range());
            name_ui(ui, name, i, row, data.now);
            let response = ui.interact(line, ui.scope_id().with(("truth row", i)), Sense::hover());
            let at = response.hover_pos().map(|p| axis.time_at(p.x, extent));
            if let Some(heard) = at.and_then(|t| row.heard_at(t)) {
                let away = if heard.seen { "" } else { "\nnot in the picture" };
                let (from, to) = (heard.span.start, heard.span.end);
                response.on_hover_text(format!("{}: {from} to {to}{away}", row.name));
            }
        }
    }
}

fn name_ui(ui: &Ui, rect: Rect, i: usize, row: &TruthRow, now: MediaTime) {
    let response = ui.interact(rect, ui.scope_id().with(("truth name", i)), Sense::hover());
    let sounds = row.heard_at(now).is_some();
    response.widget_info(|| {
        let now = if sounds { ", sounding" } else { "" };
        let text = format!("Truth row {}: {} spans{now}", row.name, row.heard.len());
        egui::WidgetInfo::labeled(egui::Role::Label, true, text)
    });
    let visuals = ui.visuals();
    let color = if sounds { visuals.strong_text_color() } else { visuals.weak_text_color() };
    // Descenders reach into the next row rather than being cut.
    let painter = ui.painter_at(rect.expand2(egui::vec2(0.0, 3.0)));
    let size = 11.0_f32.min(rect.height());
    let y = rect.center().y;
    if sounds {
        let [r, g, b] = TRUTH_COLOUR;
        painter.circle_filled(pos2(rect.left() + 4.5, y), 2.5, Color32::from_rgb(r, g, b));
    }
    let font = FontId::proportional(size);
    painter.text(pos2(rect.left() + 10.0, y), Align2::LEFT_CENTER, &row.name, font, color);
    response.on_hover_text(row.told());
}

/// A bar where the source sounds, hatched off-screen, a thin line where it is only seen.
fn draw_row(ui: &Ui, line: Rect, row: &TruthRow, axis: &TimeAxis, extent: Extent) {
    let painter = ui.painter_at(line);
    let [r, g, b] = TRUTH_COLOUR;
    let color = Color32::from_rgb(r, g, b);
    // On a white lane the sky is pale: darker, so that hatching reads.
    let ink = if ui.visuals().dark_mode { color } else { Color32::from_rgb(0x1f, 0x7c, 0xb4) };
    let (from, to) = axis.visible();
    let place = |span: Span| {
        let x = axis.x_of(span.start.max(from), extent)..=axis.x_of(span.end.min(to), extent);
        Rect::from_x_y_ranges(x, line.y_range())
    };
    let on_screen = |s: &Span| s.end > from && s.start < to;
    let mut seen = Mesh::default();
    for span in row.seen.iter().filter(|s| on_screen(s)) {
        let rect = place(*span);
        let y = rect.center().y.floor();
        let thin = Rect::from_x_y_ranges(rect.x_range(), y..=y + 1.0);
        seen.add_colored_rect(thin, ink.gamma_multiply(0.45));
    }
    painter.add(Shape::mesh(seen));
    let inset = if line.height() > 8.0 { 1.5 } else { 0.5 };
    let mut bars = Mesh::default();
    let mut drawn_to = f32::NEG_INFINITY;
    for heard in row.heard.iter().filter(|h| on_screen(&h.span)) {
        let mut bar = place(heard.span).shrink2(egui::vec2(0.0, inset));
        // Never too thin to be seen; many in one pixel are one.
        if bar.width() < 1.5 {
            bar.set_width(1.5);
            if bar.left() < drawn_to {
                continue;
            }
        }
        drawn_to = bar.right();
        if heard.seen {
            bars.add_colored_rect(bar, color);
        } else {
            painter.rect_filled(bar, 0.0, ui.visuals().extreme_bg_color);
            painter.extend(lanes::hatch(bar, ink));
            painter.rect_stroke(bar, 0.0, Stroke::new(1.0, ink), StrokeKind::Inside);
        }
    }
    painter.add(Shape::mesh(bars));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, spans: &[(i64, i64, bool)]) -> TruthRow {
        let span = |(a, b, seen): &(i64, i64, bool)| HeardSpan {
            span: Span {
                start: MediaTime::from_millis(a * 1000),
                end: MediaTime::from_millis(b * 1000),
            },
            seen: *seen,
        };
        TruthRow { name: name.into(), heard: spans.iter().map(span).collect(), seen: Vec::new() }
    }

    #[test]
    fn few_rows_stay_and_those_that_sound_first_come_first() {
        let rows = [row("cat", &[]), row("dog", &[(3, 4, true)]), row("bell", &[(1, 2, true)])];
        let names: Vec<_> = collapsed(&rows, 3).into_iter().map(|r| r.name).collect();
        assert_eq!(names, ["bell", "dog", "cat"]);
    }

    #[test]
    fn many_rows_become_kinds_and_then_one_row_of_the_rest() {
        let mut rows = vec![row("dog", &[(0, 1, true)]), row("dog", &[(2, 3, true)])];
        rows.extend((0..5).map(|i| row(&format!("kind {i}"), &[(4 + i, 5 + i, true)])));
        let names = |room| collapsed(&rows, room).into_iter().map(|r| r.name).collect::<Vec<_>>();
        assert_eq!(names(6)[0], "2 × dog");
        assert_eq!(names(3), ["2 × dog", "kind 0", "+4 more"]);
        assert_eq!(collapsed(&rows, 3)[2].heard.len(), 4);
        assert_eq!(names(1), ["+6 more"]);
        assert_eq!(collapsed(&[], 0), []);
    }

    #[test]
    fn the_cursor_is_told_who_sounds_there() {
        let rows = [
            row("dog", &[(1, 3, true)]),
            row("bell", &[(2, 4, false)]),
            row("cat", &[(2, 3, true)]),
            row("car", &[(2, 3, true)]),
        ];
        let at = |s: f64| heard_text(&rows, MediaTime::from_secs_f64(s));
        assert_eq!(at(0.5), "");
        assert_eq!(at(1.0), "  dog");
        assert_eq!(at(2.5), "  dog, bell (off-screen), cat +1");
        assert_eq!(at(3.0), "  bell (off-screen)");
        assert!(rows[1].told().contains("off-screen") && row("cat", &[]).told().contains("never"));
    }

    #[test]
    fn the_lane_leaves_room_for_the_others() {
        assert!(wanted_height(3, 300.0) > 3.0 * ROW_MIN);
        assert!(wanted_height(100, 300.0) <= SHARE_MAX * 300.0);
        assert!(wanted_height(1, 10.0) <= ROW + 3.0);
    }
}
