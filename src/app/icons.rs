//! Icons drawn from lines and triangles: no font has to hold them.

use egui::{Color32, Pos2, Rect, Shape, Stroke, Vec2, pos2, vec2};

/// What a button shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    /// A triangle.
    Play,
    /// Two bars.
    Pause,
    /// A bar and a triangle to the left.
    StepBack,
    /// A triangle to the right and a bar.
    StepOn,
    /// Two triangles to the left.
    Previous,
    /// Two triangles to the right.
    Next,
    /// A ring with an arrow head.
    Loop,
    /// A loudspeaker with waves.
    Sound,
    /// A loudspeaker with a cross.
    Muted,
}

impl Icon {
    /// Draws it about `centre`, within `size` points.
    pub fn draw(self, painter: &egui::Painter, centre: Pos2, size: f32, color: Color32) {
        let at = |x: f32, y: f32| centre + vec2(x, y) * size;
        let fill = |points: Vec<Pos2>| Shape::convex_polygon(points, color, Stroke::NONE);
        let bar = |x: f32, w: f32, h: f32| {
            Shape::rect_filled(
                Rect::from_center_size(at(x, 0.0), Vec2::new(w, h) * size),
                0.5,
                color,
            )
        };
        let arrow = |x: f32, dir: f32, w: f32, h: f32| {
            fill(vec![
                at(x - dir * w / 2.0, -h / 2.0),
                at(x + dir * w / 2.0, 0.0),
                at(x - dir * w / 2.0, h / 2.0),
            ])
        };
        let line = Stroke::new((size * 0.11).max(1.2), color);
        let shapes = match self {
            Self::Play => vec![arrow(0.04, 1.0, 0.8, 0.95)],
            Self::Pause => vec![bar(-0.2, 0.22, 0.86), bar(0.2, 0.22, 0.86)],
            Self::StepBack => vec![bar(-0.38, 0.13, 0.8), arrow(0.1, -1.0, 0.62, 0.8)],
            Self::StepOn => vec![arrow(-0.1, 1.0, 0.62, 0.8), bar(0.38, 0.13, 0.8)],
            Self::Previous => vec![arrow(-0.23, -1.0, 0.46, 0.74), arrow(0.23, -1.0, 0.46, 0.74)],
            Self::Next => vec![arrow(-0.23, 1.0, 0.46, 0.74), arrow(0.23, 1.0, 0.46, 0.74)],
            Self::Loop => {
                let ring = (0..=20).map(|i| {
                    let a = -0.9 + 5.2 * i as f32 / 20.0;
                    at(0.4 * a.cos(), 0.4 * a.sin())
                });
                vec![
                    Shape::line(ring.collect(), line),
                    fill(vec![at(0.02, -0.5), at(0.46, -0.46), at(0.28, -0.08)]),
                ]
            }
            Self::Sound | Self::Muted => self.speaker(&at, line, color),
        };
        painter.extend(shapes);
    }

    fn speaker(self, at: &dyn Fn(f32, f32) -> Pos2, line: Stroke, color: Color32) -> Vec<Shape> {
        let polygon = |p: Vec<Pos2>| Shape::convex_polygon(p, color, Stroke::NONE);
        let mut out = vec![
            polygon(vec![at(-0.5, -0.16), at(-0.25, -0.16), at(-0.25, 0.16), at(-0.5, 0.16)]),
            polygon(vec![at(-0.28, -0.16), at(-0.02, -0.42), at(-0.02, 0.42), at(-0.28, 0.16)]),
        ];
        if self == Self::Muted {
            out.push(Shape::line_segment([at(0.14, -0.18), at(0.5, 0.18)], line));
            out.push(Shape::line_segment([at(0.14, 0.18), at(0.5, -0.18)], line));
        } else {
            for r in [0.24, 0.46] {
                let arc = (0..=8).map(|i| {
                    let a = -0.75 + 1.5 * i as f32 / 8.0;
                    at(0.0 + r * a.cos(), r * a.sin())
                });
                out.push(Shape::line(arc.collect(), line));
            }
        }
        out
    }
}

/// A square button with an icon; the caller names it.
pub fn icon_button(ui: &mut egui::Ui, icon: Icon, enabled: bool, chosen: bool) -> egui::Response {
    let side = ui.spacing().interact_size.y + 4.0;
    let sense = if enabled { egui::Sense::click() } else { egui::Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(side), sense);
    if ui.is_rect_visible(rect) {
        let v = ui.style().interact(&response);
        if enabled && (response.hovered() || response.has_focus()) {
            ui.painter().rect(
                rect,
                v.corner_radius,
                v.bg_fill,
                v.bg_stroke,
                egui::StrokeKind::Inside,
            );
        }
        let color = match (enabled, chosen) {
            (false, _) => ui.visuals().weak_text_color().gamma_multiply(0.5),
            (true, true) => super::theme::accent(ui),
            (true, false) => v.fg_stroke.color,
        };
        let centre = pos2(rect.center().x, rect.center().y);
        icon.draw(ui.painter(), centre, side * 0.56, color);
    }
    response
}
