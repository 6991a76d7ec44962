//! The look: neutral greys, one accent, three text sizes, tabular numbers.
//!
//! The only place with colours of the window itself; colours of data are the overlay room's.

use egui::{
    Color32, FontFamily, FontId, Margin, Stroke, TextStyle, Theme, Visuals, style::WidgetVisuals,
};

use super::settings::ThemeChoice;

/// The one accent: for what is chosen, focused or moving.
const ACCENT_DARK: Color32 = Color32::from_rgb(0x4f, 0xb3, 0xe8);
const ACCENT_LIGHT: Color32 = Color32::from_rgb(0x00, 0x66, 0xa6);

/// Size of all text but titles and captions.
const BODY_PT: f32 = 13.0;
const SMALL_PT: f32 = 11.5;
const HEADING_PT: f32 = 16.0;

/// The accent on the present background.
pub fn accent(ui: &egui::Ui) -> Color32 {
    if ui.visuals().dark_mode { ACCENT_DARK } else { ACCENT_LIGHT }
}

/// Labels beside values.
pub fn dim(ui: &egui::Ui) -> Color32 {
    if ui.visuals().dark_mode { grey(0x9c) } else { grey(0x5c) }
}

/// Errors and running sound tests.
pub fn danger(ui: &egui::Ui) -> Color32 {
    if ui.visuals().dark_mode {
        Color32::from_rgb(0xff, 0x6b, 0x5e)
    } else {
        Color32::from_rgb(0xb8, 0x1d, 0x13)
    }
}

/// What is not as wished.
pub fn warning(ui: &egui::Ui) -> Color32 {
    if ui.visuals().dark_mode {
        Color32::from_rgb(0xf0, 0xb4, 0x4a)
    } else {
        Color32::from_rgb(0x8a, 0x58, 0x00)
    }
}

const fn grey(v: u8) -> Color32 {
    Color32::from_gray(v)
}

/// Sets styles of both themes once, and the theme and scale in use.
pub fn apply(ctx: &egui::Context, theme: ThemeChoice, scale: f32) {
    for (which, visuals) in [(Theme::Dark, dark()), (Theme::Light, light())] {
        ctx.set_visuals_of(which, visuals);
    }
    ctx.all_styles_mut(|style| {
        style.text_styles = [
            (TextStyle::Small, FontId::new(SMALL_PT, FontFamily::Proportional)),
            (TextStyle::Body, FontId::new(BODY_PT, FontFamily::Proportional)),
            (TextStyle::Button, FontId::new(BODY_PT, FontFamily::Proportional)),
            (TextStyle::Heading, FontId::new(HEADING_PT, FontFamily::Proportional)),
            (TextStyle::Monospace, FontId::new(SMALL_PT + 0.5, FontFamily::Monospace)),
        ]
        .into();
        style.spacing.item_spacing = egui::vec2(8.0, 6.0);
        style.spacing.button_padding = egui::vec2(7.0, 3.0);
        style.spacing.interact_size = egui::vec2(36.0, 22.0);
        style.spacing.menu_margin = Margin::same(6);
        style.spacing.slider_width = 130.0;
        style.spacing.combo_width = 120.0;
        style.spacing.indent = 12.0;
        // Motion only where something really moves.
        style.animation_time = 0.06;
        style.interaction.tooltip_delay = 0.35;
    });
    ctx.set_theme(match theme {
        ThemeChoice::Dark => Theme::Dark,
        ThemeChoice::Light => Theme::Light,
    });
    ctx.set_zoom_factor(scale);
}

struct Greys {
    panel: u8,
    faint: u8,
    extreme: u8,
    control: u8,
    hovered: u8,
    active: u8,
    line: u8,
    text: u8,
    strong: u8,
}

fn dark() -> Visuals {
    let g = Greys {
        panel: 0x1b,
        faint: 0x21,
        extreme: 0x12,
        control: 0x2c,
        hovered: 0x38,
        active: 0x44,
        line: 0x33,
        text: 0xd6,
        strong: 0xff,
    };
    visuals(Visuals::dark(), &g, ACCENT_DARK)
}

fn light() -> Visuals {
    let g = Greys {
        panel: 0xf4,
        faint: 0xec,
        extreme: 0xff,
        control: 0xe2,
        hovered: 0xd6,
        active: 0xc8,
        line: 0xcc,
        text: 0x26,
        strong: 0x00,
    };
    visuals(Visuals::light(), &g, ACCENT_LIGHT)
}

fn visuals(mut v: Visuals, g: &Greys, accent: Color32) -> Visuals {
    let radius = egui::CornerRadius::same(3);
    let widget = |fill: u8, stroke: Stroke| WidgetVisuals {
        bg_fill: grey(fill),
        weak_bg_fill: grey(fill),
        bg_stroke: stroke,
        corner_radius: radius,
        fg_stroke: Stroke::new(1.0, grey(g.text)),
        expansion: 0.0,
    };
    v.widgets.noninteractive = widget(g.panel, Stroke::new(1.0, grey(g.line)));
    v.widgets.inactive = widget(g.control, Stroke::NONE);
    v.widgets.hovered = widget(g.hovered, Stroke::new(1.0, grey(g.active)));
    v.widgets.active = widget(g.active, Stroke::new(1.0, accent));
    v.widgets.open = widget(g.hovered, Stroke::new(1.0, grey(g.active)));
    v.widgets.hovered.fg_stroke = Stroke::new(1.0, grey(g.strong));
    v.widgets.active.fg_stroke = Stroke::new(1.5, grey(g.strong));
    v.panel_fill = grey(g.panel);
    v.window_fill = grey(g.faint);
    v.faint_bg_color = grey(g.faint);
    v.extreme_bg_color = grey(g.extreme);
    v.code_bg_color = grey(g.control);
    v.window_stroke = Stroke::new(1.0, grey(g.line));
    v.window_corner_radius = egui::CornerRadius::same(6);
    v.menu_corner_radius = egui::CornerRadius::same(4);
    v.hyperlink_color = accent;
    v.selection.bg_fill = accent.gamma_multiply(if v.dark_mode { 0.35 } else { 0.28 });
    v.selection.stroke =
        Stroke::new(1.0, if v.dark_mode { Color32::WHITE } else { Color32::BLACK });
    v.slider_trailing_fill = true;
    v.striped = false;
    v
}

/// A label and its value on one row of a two-column grid; the value is selectable.
pub fn fact(ui: &mut egui::Ui, label: &str, value: impl Into<String>) -> egui::Response {
    let color = dim(ui);
    ui.label(egui::RichText::new(label).color(color));
    let r = ui.add(egui::Label::new(value.into()).wrap().selectable(true));
    ui.end_row();
    r
}

/// [`fact`] with a number: monospaced, so that nothing jumps when it changes.
pub fn number(ui: &mut egui::Ui, label: &str, value: impl Into<String>) -> egui::Response {
    let color = dim(ui);
    ui.label(egui::RichText::new(label).color(color));
    let r =
        ui.add(egui::Label::new(egui::RichText::new(value.into()).monospace()).selectable(true));
    ui.end_row();
    r
}

/// The grid of [`fact`]s.
pub fn facts(ui: &mut egui::Ui, id: &str, rows: impl FnOnce(&mut egui::Ui)) {
    egui::Grid::new(id).num_columns(2).spacing([12.0, 4.0]).min_col_width(84.0).show(ui, rows);
}

/// A small title inside a panel.
pub fn title(ui: &mut egui::Ui, text: &str) {
    ui.add_space(4.0);
    ui.label(egui::RichText::new(text).strong());
}

/// Words that explain, under a control or where nothing is yet.
pub fn hint(ui: &mut egui::Ui, text: impl Into<String>) {
    let color = dim(ui);
    ui.add(egui::Label::new(egui::RichText::new(text.into()).color(color).small()).wrap());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG contrast of two opaque colours.
    fn contrast(a: Color32, b: Color32) -> f32 {
        let lum = |c: Color32| {
            let f = |v: u8| {
                let v = f32::from(v) / 255.0;
                if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * f(c.r()) + 0.7152 * f(c.g()) + 0.0722 * f(c.b())
        };
        let (hi, lo) = (lum(a).max(lum(b)), lum(a).min(lum(b)));
        (hi + 0.05) / (lo + 0.05)
    }

    #[test]
    fn text_reads_on_both_themes() {
        for v in [dark(), light()] {
            for w in [&v.widgets.noninteractive, &v.widgets.inactive, &v.widgets.hovered] {
                let c = contrast(w.fg_stroke.color, w.bg_fill);
                assert!(c >= 7.0, "{c} in dark={}", v.dark_mode);
            }
            let dim = if v.dark_mode { grey(0x9c) } else { grey(0x5c) };
            assert!(contrast(dim, v.panel_fill) >= 4.5);
        }
    }
}
