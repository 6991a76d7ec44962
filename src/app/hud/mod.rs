//! What lies over the picture in words: the info block (`i`), the legend, badges.
//!
//! Owns no state. [`HudData`] and [`LegendData`] are plain values made by hand in tests and from
//! the window's `View` in [`adapter`]. Text stands on a ground of its own, so that it reads over
//! any picture; numbers are tabular and keep their places.

mod adapter;
mod legend;

use egui::{Align2, Color32, FontId, Rect, Sense, Ui, pos2, vec2};

pub use adapter::{Rates, hud_data, legend_facts, legend_ui, map_word};
pub use legend::{LEGEND_WIDTH, LegendData, LegendFacts, legend_height, legend_of, show_legend};

/// Ground of the info block and the legend.
pub(crate) const GROUND: Color32 = Color32::from_rgba_premultiplied(8, 8, 8, 205);
const LABEL: Color32 = Color32::from_gray(0xa8);
const VALUE: Color32 = Color32::from_gray(0xf4);
/// What is not as it should be: dropped frames, held maps.
const CARE: Color32 = Color32::from_rgb(0xf0, 0xb4, 0x4a);

const ROW_HEIGHT: f32 = 16.0;
const LABEL_WIDTH: f32 = 62.0;

/// One line of the info block.
#[derive(Clone, Debug, PartialEq)]
pub struct HudRow {
    /// What it is about.
    pub label: &'static str,
    /// Numbers and words, in fixed places.
    pub value: String,
    /// Stands out: something is late, lost or not exact.
    pub care: bool,
    /// Where the numbers come from, for the tooltip.
    pub source: &'static str,
}

/// Everything the info block shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HudData {
    /// The lines from top to bottom.
    pub rows: Vec<HudRow>,
}

/// How a map stands to the picture it lies over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MapWord {
    /// The frame's own.
    Exact,
    /// Between two neighbours, numbers of their frames.
    Interpolated(u32, u32),
    /// An older one, with its age in seconds.
    Held(f64),
    /// The sound is silent or outside the track.
    NoSound,
    /// Nothing.
    None,
}

impl MapWord {
    /// The words of the info block.
    pub fn text(self) -> String {
        match self {
            Self::Exact => "exact".to_owned(),
            Self::Interpolated(a, b) => format!("interpolated {a} .. {b}"),
            Self::Held(age) => format!("held, {age:.2} s old"),
            Self::NoSound => "no sound in the window".to_owned(),
            Self::None => "none yet".to_owned(),
        }
    }
}

/// Milliseconds in a fixed width with a sign.
pub fn millis_text(secs: f64) -> String {
    format!("{:+6.1} ms", secs * 1e3)
}

/// `every k-th` in words.
pub fn every_text(k: u32) -> String {
    match k {
        0 | 1 => "every frame".to_owned(),
        2 => "every 2nd".to_owned(),
        3 => "every 3rd".to_owned(),
        k => format!("every {k}th"),
    }
}

/// Draws the info block at the upper left of `area`.
pub fn show_hud(ui: &Ui, area: Rect, data: &HudData) {
    let font = FontId::monospace(12.0);
    let widest = data.rows.iter().map(|r| r.value.chars().count()).max().unwrap_or(0);
    // Steps of eight characters: the block does not breathe with every digit.
    let characters = widest.next_multiple_of(8).max(32) as f32;
    let width = LABEL_WIDTH + characters * 7.3 + 20.0;
    let height = data.rows.len() as f32 * ROW_HEIGHT + 12.0;
    let rect = Rect::from_min_size(area.min + vec2(8.0, 8.0), vec2(width, height))
        .intersect(area.shrink(2.0));
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 4.0, GROUND);
    for (i, row) in data.rows.iter().enumerate() {
        let top = rect.top() + 6.0 + i as f32 * ROW_HEIGHT;
        let y = top + ROW_HEIGHT / 2.0;
        let at = pos2(rect.left() + 8.0, y);
        painter.text(at, Align2::LEFT_CENTER, row.label, FontId::proportional(12.0), LABEL);
        let at = pos2(rect.left() + 8.0 + LABEL_WIDTH, y);
        let color = if row.care { CARE } else { VALUE };
        painter.text(at, Align2::LEFT_CENTER, &row.value, font.clone(), color);
        let line = Rect::from_x_y_ranges(rect.x_range(), top..=top + ROW_HEIGHT);
        let response = ui.interact(line, ui.scope_id().with(("hud", row.label)), Sense::hover());
        response.widget_info(|| {
            egui::WidgetInfo::labeled(
                egui::Role::Label,
                true,
                format!("{}: {}", row.label, row.value),
            )
        });
        if !row.source.is_empty() {
            response.on_hover_text(row.source);
        }
    }
}

/// A short note in the picture's upper left corner; `care` for what must not be overlooked.
pub fn note_badge(ui: &Ui, at: egui::Pos2, text: &str, care: bool) -> Rect {
    show_badge(ui, at, Align2::LEFT_TOP, text, if care { CARE } else { GROUND })
}

/// The banner of a sound test, centred below `at`.
pub fn test_badge(ui: &Ui, at: egui::Pos2, test: &str) -> Rect {
    let text = format!("Sound test: the model hears {test}");
    show_badge(ui, at, Align2::CENTER_TOP, &text, Color32::from_rgb(0xe0, 0x2f, 0x2f))
}

/// A badge of one line; gives back its place. `align` says which corner `at` is.
pub fn show_badge(ui: &Ui, at: egui::Pos2, align: Align2, text: &str, ground: Color32) -> Rect {
    let painter = ui.painter();
    let ink = if is_bright(ground) { Color32::BLACK } else { Color32::WHITE };
    let galley = painter.layout_no_wrap(text.to_owned(), FontId::proportional(13.0), ink);
    let rect = align.anchor_size(at, galley.size() + vec2(14.0, 6.0));
    painter.rect_filled(rect, 4.0, ground);
    painter.galley(rect.min + vec2(7.0, 3.0), galley, ink);
    let response = ui.interact(rect, ui.scope_id().with(("badge", text)), Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, text));
    rect
}

fn is_bright(color: Color32) -> bool {
    let [r, g, b, _] = color.to_array().map(f32::from);
    0.299 * r + 0.587 * g + 0.114 * b > 140.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_map_says_its_age_and_an_interpolated_one_its_neighbours() {
        assert_eq!(MapWord::Held(0.4).text(), "held, 0.40 s old");
        assert_eq!(MapWord::Interpolated(150, 154).text(), "interpolated 150 .. 154");
        assert_eq!(MapWord::Exact.text(), "exact");
    }

    #[test]
    fn numbers_keep_their_width() {
        let widths: Vec<_> = [0.0, -0.0123, 0.1].map(|s| millis_text(s).len()).into();
        assert!(widths.windows(2).all(|w| w[0] == w[1]), "{widths:?}");
        assert_eq!(every_text(1), "every frame");
        assert_eq!((every_text(3), every_text(4)), ("every 3rd".into(), "every 4th".into()));
    }
}
