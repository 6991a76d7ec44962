//! How the numbers at a point are drawn: marks, the read-out, pins over time. The numbers
//! themselves are the overlay room's.

use egui::{Align2, Color32, FontId, Painter, Pos2, Rect, Shape, Stroke, pos2, vec2};

use crate::overlay::Probe;

/// Lines for the read-out of `probe`; the numbers keep their places.
pub fn lines(probe: &Probe, unit: &str) -> [String; 3] {
    [
        format!("{unit} {:+.3}  cell {:+.3}", probe.value, probe.cell),
        format!("row {:>2}  col {:>2}", probe.row, probe.col),
        format!("rank {:>2} of {}  p{:<3.0}", probe.rank, probe.of, probe.percentile),
    ]
}

/// Colours of the pins, apart for colour-blind eyes and each with a number beside it.
pub const PIN_COLORS: [Color32; 4] = [
    Color32::from_rgb(0xff, 0xff, 0xff),
    Color32::from_rgb(0x56, 0xb4, 0xe9),
    Color32::from_rgb(0xe6, 0x9f, 0x00),
    Color32::from_rgb(0x00, 0xc4, 0x93),
];

/// Ground of everything written over a picture: reads on black and on white.
pub const GROUND: Color32 = Color32::from_rgba_premultiplied(8, 8, 8, 200);

/// A cross with a dark edge; `number` beside it for a pin.
pub fn draw_mark(painter: &Painter, at: Pos2, color: Color32, number: Option<usize>) {
    for (width, color) in [(5.0, Color32::from_black_alpha(170)), (2.0, color)] {
        let stroke = Stroke::new(width, color);
        for d in [vec2(1.0, 0.0), vec2(0.0, 1.0)] {
            painter.line_segment([at - d * 9.0, at - d * 3.0], stroke);
            painter.line_segment([at + d * 3.0, at + d * 9.0], stroke);
        }
    }
    if let Some(n) = number {
        let tag = at + vec2(11.0, -11.0);
        painter.circle_filled(tag, 7.5, GROUND);
        painter.text(tag, Align2::CENTER_CENTER, n, FontId::proportional(11.0), color);
    }
}

/// A box of lines beside a point, kept inside `bounds`. Gives back its place.
pub fn draw_box(painter: &Painter, beside: Pos2, bounds: Rect, lines: &[String]) -> Rect {
    let font = FontId::monospace(12.0);
    let galley = painter.layout_no_wrap(lines.join("\n"), font, Color32::WHITE);
    let size = galley.size() + vec2(12.0, 8.0);
    let mut min = beside + vec2(16.0, 16.0);
    if min.x + size.x > bounds.right() {
        min.x = beside.x - 16.0 - size.x;
    }
    if min.y + size.y > bounds.bottom() {
        min.y = beside.y - 16.0 - size.y;
    }
    let min = pos2(min.x.max(bounds.left()), min.y.max(bounds.top()));
    let rect = Rect::from_min_size(min, size);
    painter.rect_filled(rect, 4.0, GROUND);
    painter.galley(rect.min + vec2(6.0, 4.0), galley, Color32::WHITE);
    rect
}

/// Pinned points over time.
pub struct Trace {
    /// Seconds before and after the playhead.
    pub reach_secs: f64,
    /// One row of values per pin, evenly spaced from `-reach_secs` to `+reach_secs`; `None`
    /// where there is no map.
    pub rows: Vec<Vec<Option<f32>>>,
    /// Values at the lower and the upper edge.
    pub range: (f32, f32),
}

/// Draws the pins' curves into `rect`; gaps stay gaps.
pub fn draw_trace(painter: &Painter, rect: Rect, trace: &Trace) {
    painter.rect_filled(rect, 4.0, GROUND);
    let plot = Rect::from_min_max(rect.min + vec2(40.0, 8.0), rect.max - vec2(8.0, 18.0));
    let (lo, hi) = trace.range;
    let y_of = |v: f32| {
        let place = ((v - lo) / (hi - lo).max(1e-6)).clamp(0.0, 1.0);
        plot.bottom() - place * plot.height()
    };
    let faint = Color32::from_white_alpha(60);
    let small = FontId::monospace(10.0);
    for (value, align) in [(hi, Align2::RIGHT_TOP), (lo, Align2::RIGHT_BOTTOM)] {
        painter.hline(plot.x_range(), y_of(value), Stroke::new(1.0, faint));
        let at = pos2(plot.left() - 4.0, y_of(value));
        painter.text(at, align, format!("{value:+.2}"), small.clone(), Color32::LIGHT_GRAY);
    }
    painter.vline(plot.center().x, plot.y_range(), Stroke::new(1.0, Color32::WHITE));
    let reach = trace.reach_secs;
    for (x, align, text) in [
        (plot.left(), Align2::LEFT_TOP, format!("-{reach:.0} s")),
        (plot.center().x, Align2::CENTER_TOP, "now".to_owned()),
        (plot.right(), Align2::RIGHT_TOP, format!("+{reach:.0} s")),
    ] {
        let at = pos2(x, plot.bottom() + 3.0);
        painter.text(at, align, text, small.clone(), Color32::LIGHT_GRAY);
    }
    for (row, color) in trace.rows.iter().zip(PIN_COLORS) {
        let step = plot.width() / (row.len().max(2) - 1) as f32;
        for part in row.split(Option::is_none).filter(|p| !p.is_empty()) {
            // The slice's own place tells where this part begins.
            let first = (part.as_ptr() as usize - row.as_ptr() as usize)
                / std::mem::size_of::<Option<f32>>();
            let points: Vec<_> = part
                .iter()
                .enumerate()
                .filter_map(|(i, v)| {
                    v.map(|v| pos2(plot.left() + (first + i) as f32 * step, y_of(v)))
                })
                .collect();
            match points.as_slice() {
                [one] => {
                    painter.circle_filled(*one, 1.5, color);
                }
                _ => {
                    painter.add(Shape::line(points, Stroke::new(1.5, color)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::{Interpolation, probe};
    use crate::units::{CellGeometry, LocalizationMap};

    #[test]
    fn the_read_out_names_cell_rank_and_percentile() {
        let map = LocalizationMap(std::array::from_fn(|i| i as f32 / 100.0));
        let p = probe(&map.grid(), CellGeometry::Tiles, Interpolation::Cells, 0.999, 0.999);
        assert_eq!(
            lines(&p, "cosine"),
            ["cosine +0.480  cell +0.480", "row  6  col  6", "rank  1 of 49  p100"]
        );
    }
}
