//! Charts of runs: raw under smoothed, a band where steps share a pixel, marks that can be clicked.

use std::path::PathBuf;

use egui::{Color32, Stroke};
use egui_plot::{
    FilledArea, HLine, LineStyle, Plot, PlotPoints, Points, VLine, uniform_grid_spacer,
};

use super::advice::chance;
use super::series::{Along, Chart, Lines, Ways, short};
use super::smooth::{Column, Drawn, draw};
use crate::app::theme;
use crate::train::events::{StepRow, Validation};

/// A run as it is drawn.
pub struct Shown<'a> {
    /// Tells runs apart.
    pub key: u64,
    /// Name of its folder.
    pub name: String,
    /// Its line.
    pub color: Color32,
    /// Its line is broken: the second six of twelve.
    pub dashed: bool,
    /// Its steps.
    pub rows: &'a [StepRow],
    /// Its validations.
    pub checks: &'a [Validation],
    /// Steps of an epoch.
    pub per_epoch: f64,
    /// The run whose parts, marks and chance are drawn.
    pub main: bool,
}

/// Something under the curves that is marked at its step.
pub struct Mark {
    /// At which step.
    pub step: u64,
    /// What it is.
    pub text: String,
    /// A checkpoint that a click loads.
    pub checkpoint: Option<PathBuf>,
}

/// Everything that is drawn.
pub struct Scene<'a> {
    /// Runs, the main one first.
    pub runs: &'a [Shown<'a>],
    /// Marks of the main run.
    pub marks: &'a [Mark],
    /// The first step of the main run in which all terms count.
    pub warmup_ends: Option<u64>,
    /// How lines are made.
    pub ways: Ways,
}

/// Colours of six runs, apart for colour-blind eyes as well (after Okabe and Ito).
const DARK: [Color32; 6] = [
    Color32::from_rgb(0x56, 0xb4, 0xe9),
    Color32::from_rgb(0xf0, 0xa0, 0x30),
    Color32::from_rgb(0x2f, 0xc7, 0x9a),
    Color32::from_rgb(0xe0, 0x8c, 0xbe),
    Color32::from_rgb(0xee, 0xe0, 0x5a),
    Color32::from_rgb(0xf0, 0x78, 0x40),
];
/// The same on a light ground.
const LIGHT: [Color32; 6] = [
    Color32::from_rgb(0x00, 0x66, 0xa6),
    Color32::from_rgb(0xa8, 0x62, 0x00),
    Color32::from_rgb(0x00, 0x75, 0x56),
    Color32::from_rgb(0xa0, 0x3c, 0x78),
    Color32::from_rgb(0x6e, 0x66, 0x00),
    Color32::from_rgb(0xb0, 0x3c, 0x00),
];

/// Colour of a place, and whether its line is broken.
pub fn slot_look(ui: &egui::Ui, slot: usize) -> (Color32, bool) {
    let colors = if ui.visuals().dark_mode { &DARK } else { &LIGHT };
    (colors[slot % colors.len()], slot / colors.len() % 2 == 1)
}

/// Height of a chart's title.
const TITLE: f32 = 18.0;

/// Draws a chart; the checkpoint whose mark was clicked. The title's response tells clicks on it.
pub fn chart_ui(
    ui: &mut egui::Ui,
    chart: &'static Chart,
    scene: &Scene<'_>,
    lines: &mut Lines,
    size: egui::Vec2,
) -> (egui::Response, Option<PathBuf>) {
    let mut clicked = None;
    let layout = egui::Layout::top_down(egui::Align::Min);
    let title = ui.allocate_ui_with_layout(size, layout, |ui| {
        ui.set_min_size(size);
        ui.spacing_mut().item_spacing.y = 1.0;
        let title = title_ui(ui, chart, scene);
        let drawn = plot_ui(ui, chart, scene, lines, egui::vec2(size.x, size.y - TITLE));
        clicked = marks_ui(ui, chart, scene, &drawn);
        tooltip(chart, scene, lines, drawn);
        title
    });
    (title.inner, clicked)
}

/// The title, with the newest value.
fn title_ui(ui: &mut egui::Ui, chart: &'static Chart, scene: &Scene<'_>) -> egui::Response {
    ui.horizontal(|ui| {
        ui.set_height(TITLE - 1.0);
        let text = egui::RichText::new(chart.title).small().strong();
        let label = ui.add(egui::Label::new(text).sense(egui::Sense::click()));
        label.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, chart.title));
        let main = scene.runs.iter().find(|r| r.main);
        let last = chart.steps.first().zip(main.and_then(|r| r.rows.last()));
        if let Some((line, row)) = last {
            let value = format!("{:>8}", short((line.value)(row, scene.ways.weighted)));
            let text = egui::RichText::new(value).monospace().color(theme::dim(ui));
            ui.label(text).on_hover_text("The last step's value");
        }
        if let Some(run) = main.filter(|_| chart.steps.is_empty()) {
            marks_legend(ui, chart, run);
        }
        label.on_hover_text(format!("{}\nClick: large / small", chart.about))
    })
    .inner
}

/// Which mark is which figure; what does not fit stands in the tooltip alone.
fn marks_legend(ui: &mut egui::Ui, chart: &'static Chart, run: &Shown<'_>) {
    let dim = theme::dim(ui);
    for (i, line) in chart.checks.iter().enumerate() {
        let known = run.checks.iter().any(|v| (line.value)(v).is_some());
        let text = egui::RichText::new(line.name).small().color(dim);
        let width = 22.0 + 6.2 * line.name.len() as f32;
        if !known || ui.available_width() < width {
            continue;
        }
        let (rect, _) = ui.allocate_exact_size(egui::vec2(9.0, 12.0), egui::Sense::hover());
        let color = if i == 0 { run.color } else { run.color.gamma_multiply(0.6) };
        mark_shape(ui.painter(), SHAPES[i % SHAPES.len()], rect.center(), color);
        ui.label(text);
    }
}

/// The mark of a figure as the plot draws it.
fn mark_shape(
    painter: &egui::Painter,
    shape: egui_plot::MarkerShape,
    at: egui::Pos2,
    color: Color32,
) {
    use egui_plot::MarkerShape as S;
    let r = 3.6;
    let to = |points: &[(f32, f32)]| -> Vec<egui::Pos2> {
        points.iter().map(|(x, y)| at + egui::vec2(*x, *y) * r).collect()
    };
    let polygon =
        |points: &[(f32, f32)]| egui::Shape::convex_polygon(to(points), color, Stroke::NONE);
    let stroke = Stroke::new(1.4, color);
    match shape {
        S::Square => painter.add(polygon(&[(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)])),
        S::Diamond => painter.add(polygon(&[(0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)])),
        S::Up => painter.add(polygon(&[(0.0, -1.0), (0.9, 0.6), (-0.9, 0.6)])),
        S::Down => painter.add(polygon(&[(0.0, 1.0), (-0.9, -0.6), (0.9, -0.6)])),
        S::Cross => {
            let ends = to(&[(-0.8, -0.8), (0.8, 0.8), (-0.8, 0.8), (0.8, -0.8)]);
            painter.line_segment([ends[0], ends[1]], stroke);
            painter.line_segment([ends[2], ends[3]], stroke)
        }
        _ => painter.circle_filled(at, r * 0.85, color),
    };
}

type Shape = egui_plot::PlotResponse<()>;

fn plot_ui(
    ui: &mut egui::Ui,
    chart: &'static Chart,
    scene: &Scene<'_>,
    lines: &mut Lines,
    size: egui::Vec2,
) -> Shape {
    let ways = scene.ways;
    let (dim, grid) = (theme::dim(ui), ui.visuals().widgets.noninteractive.bg_stroke.color);
    let plot = Plot::new(chart.id)
        .width(size.x)
        .height(size.y)
        .show_crosshair(false)
        .label_formatter(|_| None)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_drag([true, false])
        .allow_zoom([true, false])
        .allow_axis_zoom_drag([true, true])
        .link_axis(egui::Id::unique("train-charts"), [true, false])
        .link_cursor(egui::Id::unique("train-charts"), [true, false])
        .set_margin_fraction(egui::vec2(0.01, 0.06))
        .y_axis_min_width(44.0)
        .grid_color(grid)
        .cursor_color(dim)
        .x_grid_spacer(uniform_grid_spacer(|g| {
            [2.0, 8.0, 16.0].map(|n| round_step(n * g.base_step_size))
        }))
        .y_grid_spacer(uniform_grid_spacer(|g| {
            [2.0, 4.0, 8.0].map(|n| round_step(n * g.base_step_size))
        }))
        .y_axis_formatter(move |mark, _| short(ways.down(mark.value)))
        .x_axis_formatter(move |mark, _| short(mark.value));
    let faint = dim.gamma_multiply(0.6);
    plot.show(ui, |plot| {
        let auto = plot.auto_bounds();
        let bounds = plot.plot_bounds();
        let all = (f64::NEG_INFINITY, f64::INFINITY);
        let range = if auto.x { all } else { (bounds.min()[0], bounds.max()[0]) };
        let columns = size.x.max(50.0) as usize;
        // The main run lies over the others.
        for run in scene.runs.iter().rev() {
            let steps = chart.steps.iter().enumerate().filter(|(_, l)| run.main || !l.part);
            let paint = steps.map(|(i, line)| {
                let curve = lines.get(run.key, chart.id, i, line, run.rows, run.per_epoch);
                let range = whole(range, &curve.x);
                (i, line.part, draw(&curve.x, &curve.y, &curve.smooth, range, columns))
            });
            let paint: Vec<_> = paint.collect();
            for (i, part, drawn) in paint.iter().rev() {
                line_ui(plot, run, &format!("{}-{i}", run.key), *part, drawn);
            }
            checks_ui(plot, chart, scene, run);
        }
        let main = scene.runs.iter().find(|r| r.main);
        if let Some(run) = main {
            let x = |step| ways.along.place_of(step, run.rows, run.per_epoch);
            let end = scene.warmup_ends.filter(|s| *s > 0);
            // On the time axis the place is known once the step was taken.
            let known = ways.along != Along::Time
                || run.rows.last().zip(end).is_some_and(|(r, end)| r.step >= end);
            if let Some(at) = end.filter(|_| known).and_then(x) {
                plot.vline(
                    VLine::new("warm-up ends", at)
                        .stroke(Stroke::new(1.0, faint))
                        .style(LineStyle::dashed_dense())
                        .allow_hover(false),
                );
            }
            if chart.chance
                && let Some(c) = run.rows.last().and_then(|r| chance(r.pairs))
            {
                plot.hline(
                    HLine::new("chance", ways.up(c))
                        .stroke(Stroke::new(1.0, faint))
                        .style(LineStyle::dotted_dense())
                        .allow_hover(false),
                );
            }
        }
    })
}

/// The next of 1, 2, 5, 10, 20 and so on.
fn round_step(at_least: f64) -> f64 {
    let ten = 10f64.powf(at_least.max(f64::MIN_POSITIVE).log10().floor());
    let all = [1.0, 2.0, 5.0].map(|n| n * ten);
    all.into_iter().find(|s| *s >= at_least * (1.0 - 1e-9)).unwrap_or(10.0 * ten)
}

/// An open range becomes that of the data.
fn whole(range: (f64, f64), x: &[f64]) -> (f64, f64) {
    let ends = x.first().copied().zip(x.last().copied()).unwrap_or((0.0, 1.0));
    let pick = |v: f64, end: f64| if v.is_finite() { v } else { end };
    (pick(range.0, ends.0), pick(range.1, ends.1))
}

/// Raw pale, smoothed strong; a band where several steps share a pixel.
fn line_ui<'a>(
    plot: &mut egui_plot::PlotUi<'a>,
    run: &Shown<'_>,
    id: &str,
    part: bool,
    drawn: &Drawn,
) {
    let color = if part { run.color.gamma_multiply(0.55) } else { run.color };
    let points = |value: fn(&Column) -> f64| -> PlotPoints<'a> {
        let finite = drawn.columns.iter().map(|c| [c.x, value(c)]);
        finite.filter(|p| p[1].is_finite()).collect()
    };
    if !part && drawn.is_band {
        let column = |f: fn(&Column) -> f64| drawn.columns.iter().map(f).collect::<Vec<_>>();
        let (x, low, high) = (column(|c| c.x), column(|c| c.min), column(|c| c.max));
        plot.add(
            FilledArea::new(format!("band-{id}"), &x, &low, &high)
                .fill_color(color.gamma_multiply(0.22))
                .allow_hover(false),
        );
    } else if !part {
        plot.line(
            egui_plot::Line::new(format!("raw-{id}"), points(|c| c.min))
                .stroke(Stroke::new(1.0, color.gamma_multiply(0.32)))
                .allow_hover(false),
        );
    }
    let style = if run.dashed { LineStyle::dashed_dense() } else { LineStyle::Solid };
    plot.line(
        egui_plot::Line::new(format!("smooth-{id}"), points(|c| c.smooth))
            .stroke(Stroke::new(if part { 1.0 } else { 1.8 }, color))
            .style(style)
            .allow_hover(false),
    );
}

/// Marker shapes of a chart's validation figures, told apart without colour.
const SHAPES: [egui_plot::MarkerShape; 6] = [
    egui_plot::MarkerShape::Circle,
    egui_plot::MarkerShape::Square,
    egui_plot::MarkerShape::Diamond,
    egui_plot::MarkerShape::Up,
    egui_plot::MarkerShape::Down,
    egui_plot::MarkerShape::Cross,
];

/// Places and values of a validation figure.
fn check_points(
    chart: &'static Chart,
    number: usize,
    ways: Ways,
    run: &Shown<'_>,
) -> Vec<[f64; 2]> {
    let Some(line) = chart.checks.get(number) else { return Vec::new() };
    let points = run.checks.iter().filter_map(|v| {
        let x = ways.along.place_of(v.step, run.rows, run.per_epoch)?;
        Some([x, ways.up((line.value)(v)?)])
    });
    points.filter(|p| p[1].is_finite()).collect()
}

fn checks_ui(
    plot: &mut egui_plot::PlotUi<'_>,
    chart: &'static Chart,
    scene: &Scene<'_>,
    run: &Shown<'_>,
) {
    // Of other runs the first figure alone: twelve runs of six figures would be a carpet.
    let n = if run.main { chart.checks.len() } else { chart.checks.len().min(1) };
    for i in 0..n {
        let points = check_points(chart, i, scene.ways, run);
        if points.is_empty() {
            continue;
        }
        let color = if i == 0 { run.color } else { run.color.gamma_multiply(0.6) };
        let id = format!("check-{}-{i}", run.key);
        let series = || -> PlotPoints<'static> { points.iter().copied().collect() };
        let style = if run.dashed { LineStyle::dashed_dense() } else { LineStyle::Solid };
        if chart.steps.is_empty() {
            plot.line(
                egui_plot::Line::new(format!("{id}-line"), series())
                    .stroke(Stroke::new(if i == 0 { 1.8 } else { 1.0 }, color))
                    .style(style)
                    .allow_hover(false),
            );
        }
        plot.points(
            Points::new(format!("{id}-dots"), series())
                .shape(SHAPES[i % SHAPES.len()])
                .radius(if i == 0 { 3.2 } else { 2.6 })
                .color(color)
                .allow_hover(false),
        );
    }
}

/// Words at the lines, ticks at the lower edge; the checkpoint whose tick was clicked.
fn marks_ui(
    ui: &mut egui::Ui,
    chart: &'static Chart,
    scene: &Scene<'_>,
    drawn: &Shape,
) -> Option<PathBuf> {
    let run = scene.runs.iter().find(|r| r.main)?;
    let frame = *drawn.transform.frame();
    let mut clicked = None;
    let dim = theme::dim(ui);
    let font = egui::FontId::proportional(10.5);
    let painter = ui.painter_at(frame);
    let ways = scene.ways;
    let empty = chart.steps.is_empty() && run.checks.is_empty() && scene.runs.len() == 1;
    if empty {
        let text = "no validation yet";
        painter.text(frame.center(), egui::Align2::CENTER_CENTER, text, font.clone(), dim);
    }
    // The words once where the sum jumps and once where the other terms wait; the line everywhere.
    let words = matches!(chart.id, "contrastive" | "total");
    if let Some(at) = scene.warmup_ends.filter(|s| *s > 0 && words) {
        let known = ways.along != Along::Time || run.rows.last().is_some_and(|r| r.step >= at);
        let x = ways.along.place_of(at, run.rows, run.per_epoch).filter(|_| known);
        let x = x.map(|x| drawn.transform.position_from_point_x(x));
        if let Some(x) = x.filter(|x| frame.x_range().contains(*x)) {
            let left = x + 96.0 < frame.right();
            let (align, dx) =
                if left { (egui::Align2::LEFT_TOP, 4.0) } else { (egui::Align2::RIGHT_TOP, -4.0) };
            let at = egui::pos2(x + dx, frame.top() + 2.0);
            painter.text(at, align, "warm-up ends", font.clone(), dim);
        }
    }
    for mark in scene.marks {
        let Some(x) = ways.along.place_of(mark.step, run.rows, run.per_epoch) else { continue };
        let x = drawn.transform.position_from_point_x(x);
        if !frame.x_range().contains(x) {
            continue;
        }
        let (bottom, size) = (frame.bottom(), 5.0);
        let color = if mark.checkpoint.is_some() { run.color } else { theme::warning(ui) };
        let points = vec![
            egui::pos2(x, bottom - 1.6 * size),
            egui::pos2(x - size * 0.8, bottom),
            egui::pos2(x + size * 0.8, bottom),
        ];
        painter.add(egui::Shape::convex_polygon(points, color, Stroke::NONE));
        let rect = egui::Rect::from_center_size(
            egui::pos2(x, bottom - size),
            egui::vec2(2.0 * size, 2.6 * size),
        );
        let id = drawn.response.id.with(("mark", mark.step, &mark.text));
        let sense =
            if mark.checkpoint.is_some() { egui::Sense::click() } else { egui::Sense::hover() };
        let response = ui.interact(rect, id, sense).on_hover_text(&mark.text);
        if response.clicked() {
            clicked = mark.checkpoint.clone();
        }
    }
    clicked
}

/// Values under the pointer, of every run.
fn tooltip(chart: &'static Chart, scene: &Scene<'_>, lines: &mut Lines, drawn: Shape) {
    let Some(at) = drawn.response.hover_pos() else { return };
    let x = drawn.transform.value_from_position(at).x;
    let mut text = Vec::new();
    for run in scene.runs {
        let several = scene.runs.len() > 1;
        let who = if several { format!("{}  ", run.name) } else { String::new() };
        for (i, line) in chart.steps.iter().enumerate().filter(|(_, l)| run.main || !l.part) {
            let curve = lines.get(run.key, chart.id, i, line, run.rows, run.per_epoch);
            let right = curve.x.partition_point(|v| *v < x);
            let near = |i: usize| curve.x.get(i).map_or(f64::INFINITY, |v| (v - x).abs());
            let i = if right > 0 && near(right - 1) < near(right) { right - 1 } else { right };
            let Some((raw, row)) = curve.y.get(i).zip(run.rows.get(i)) else { continue };
            let (raw, smooth) = (scene.ways.down(*raw), scene.ways.down(curve.smooth[i]));
            text.push(format!(
                "{who}step {}  {} {}, smoothed {}",
                row.step,
                line.name,
                short(raw),
                short(smooth)
            ));
        }
        let n = if run.main { chart.checks.len() } else { chart.checks.len().min(1) };
        for (i, line) in chart.checks.iter().enumerate().take(n) {
            let points = check_points(chart, i, scene.ways, run);
            let near = points.iter().min_by(|a, b| (a[0] - x).abs().total_cmp(&(b[0] - x).abs()));
            if let Some(p) = near {
                text.push(format!("{who}{} {}", line.name, short(scene.ways.down(p[1]))));
            }
        }
    }
    if !text.is_empty() {
        drawn.response.on_hover_ui_at_pointer(|ui| {
            text.iter().for_each(|t| {
                ui.label(egui::RichText::new(t).small());
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_step_in_ones_twos_and_fives() {
        for (wanted, step) in [(0.9, 1.0), (1.0, 1.0), (1.1, 2.0), (3.0, 5.0), (60.0, 100.0)] {
            let got = round_step(wanted);
            assert!((got - step).abs() < 1e-9 * step, "{wanted}: {got}");
        }
        assert!((round_step(0.03) - 0.05).abs() < 1e-12);
    }

    #[test]
    fn an_open_range_is_that_of_the_data() {
        let open = (f64::NEG_INFINITY, f64::INFINITY);
        assert_eq!(whole(open, &[2.0, 3.0, 9.0]), (2.0, 9.0));
        assert_eq!(whole((1.0, 4.0), &[2.0, 3.0, 9.0]), (1.0, 4.0));
        assert_eq!(whole(open, &[]), (0.0, 1.0));
    }
}
