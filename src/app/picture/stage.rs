//! What stands where the picture is: the picture, the sound, or words. Never an empty grey.

use std::sync::Arc;

use egui::{Align2, Color32, FontId, Rect, RichText, Ui, vec2};

use crate::media::VideoFrame;

use super::super::timeline::LaneSound;

/// What is on show.
pub enum Stage<'a> {
    /// A black screen, on purpose.
    Blackout,
    /// The picture.
    Frame(&'a Arc<VideoFrame>),
    /// A clip without pictures: its spectrogram.
    Sound(&'a Arc<dyn LaneSound>),
    /// A clip is being opened, since so many seconds.
    Opening {
        /// Its name.
        name: &'a str,
    },
    /// It could not be played.
    Failed {
        /// What happened, to which file, what to do.
        text: &'a str,
    },
    /// Nothing is open.
    Empty,
}

impl Stage<'_> {
    /// The words for a screen reader.
    pub fn label(&self) -> String {
        match self {
            Self::Blackout => "Black screen".to_owned(),
            Self::Frame(f) => format!("Picture, frame {}", f.index),
            Self::Sound(_) => "Sound without pictures".to_owned(),
            Self::Opening { name } => format!("Opening {name}"),
            Self::Failed { text } => format!("Not playing: {text}"),
            Self::Empty => "Nothing is open".to_owned(),
        }
    }
}

/// A way out offered beside words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WayOut {
    /// Choose a file.
    Open,
    /// The clip that the program carries.
    BuiltIn,
}

/// Draws the words of a stage without picture; what was clicked.
pub(super) fn words_ui(
    ui: &mut Ui,
    rect: Rect,
    stage: &Stage<'_>,
    ground: [u8; 3],
) -> Option<WayOut> {
    let (title, text) = match stage {
        Stage::Opening { name } => ("Opening", (*name).to_owned()),
        Stage::Failed { text } => ("This cannot be played", (*text).to_owned()),
        Stage::Empty => {
            let text = "Drop a video, a sound, a folder or a checkpoint here";
            ("Nothing is open", text.to_owned())
        }
        Stage::Blackout | Stage::Frame(_) | Stage::Sound(_) => return None,
    };
    let mut way = None;
    let width = (rect.width() - 32.0).clamp(80.0, 520.0);
    let place = Rect::from_center_size(rect.center(), vec2(width, 170.0)).intersect(rect);
    let builder =
        egui::UiBuilder::new().max_rect(place).layout(egui::Layout::top_down(egui::Align::Center));
    ui.scope_builder(builder, |ui| {
        ui.add_space((place.height() / 2.0 - 56.0).max(0.0));
        if matches!(stage, Stage::Opening { .. }) {
            ui.add(egui::Spinner::new().size(26.0));
            ui.add_space(6.0);
        }
        ui.label(RichText::new(title).heading().color(ink(ground)));
        ui.label(RichText::new(text).color(ink(ground).gamma_multiply(0.85)));
        ui.add_space(8.0);
        if !matches!(stage, Stage::Opening { .. }) {
            ui.horizontal(|ui| {
                // Two buttons in the middle of the line.
                ui.add_space((width / 2.0 - 110.0).max(0.0));
                if ui.button("Open a file…").clicked() {
                    way = Some(WayOut::Open);
                }
                if ui.button("Built-in clip").clicked() {
                    way = Some(WayOut::BuiltIn);
                }
            });
        }
    });
    way
}

/// Text that reads on the ground around the picture.
fn ink([r, g, b]: [u8; 3]) -> Color32 {
    let light = u32::from(r) * 3 + u32::from(g) * 6 + u32::from(b) > 1400;
    Color32::from_gray(if light { 0x18 } else { 0xf0 })
}

/// The one quiet line under the picture.
pub(super) fn caption_ui(ui: &Ui, rect: Rect, text: &str, size: f32, ground: [u8; 3]) {
    let color = ink(ground).gamma_multiply(0.7);
    let painter = ui.painter_at(rect);
    let font = FontId::proportional(size);
    let galley = painter.layout_no_wrap(text.to_owned(), font, color);
    let at = Align2::CENTER_CENTER.align_size_within_rect(galley.size(), rect);
    painter.galley(at.min.max(rect.min), galley, color);
    let id = ui.scope_id().with("caption");
    let response = ui.interact(rect, id, egui::Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, text));
}
