//! Textures that panels keep of pictures made elsewhere, and marks over small pictures.

use std::collections::HashMap;
use std::hash::Hash;

use egui::{Color32, Rect, Stroke, TextureHandle, TextureOptions, pos2, vec2};

use crate::units::RgbPicture;

/// Truth is sky blue everywhere.
const TRUTH: Color32 = Color32::from_rgb(0x56, 0xb4, 0xe9);

/// Textures by key; those not drawn for a while go.
pub(in crate::app) struct Textures<K> {
    held: HashMap<K, (TextureHandle, u64)>,
    frame: u64,
}

impl<K> Default for Textures<K> {
    fn default() -> Self {
        Self { held: HashMap::new(), frame: 0 }
    }
}

/// Drawn frames after which a texture that was not drawn goes.
const FRAMES: u64 = 240;

impl<K: Hash + Eq + Clone> Textures<K> {
    /// Once per drawn frame: lets go of what was not drawn lately.
    pub(in crate::app) fn begin(&mut self) {
        self.frame += 1;
        let frame = self.frame;
        if frame.is_multiple_of(60) {
            self.held.retain(|_, (_, used)| frame - *used < FRAMES);
        }
    }

    /// The texture of `key`, made when it is new; `None` when there is nothing to make it from.
    pub(in crate::app) fn get(
        &mut self,
        ctx: &egui::Context,
        key: &K,
        make: impl FnOnce() -> Option<egui::ColorImage>,
        options: TextureOptions,
    ) -> Option<TextureHandle> {
        let frame = self.frame;
        if let Some((texture, used)) = self.held.get_mut(key) {
            *used = frame;
            return Some(texture.clone());
        }
        let texture = ctx.load_texture("panel", make()?, options);
        self.held.insert(key.clone(), (texture.clone(), frame));
        Some(texture)
    }
}

/// A picture for a texture.
pub(in crate::app) fn color_image(picture: &RgbPicture) -> egui::ColorImage {
    let size = [picture.width() as usize, picture.height() as usize];
    egui::ColorImage::from_rgb(size, picture.data())
}

/// The largest place of a picture's shape in `space`, centred.
pub(in crate::app) fn fitted(space: Rect, size: egui::Vec2) -> Rect {
    let scale = (space.width() / size.x.max(1.0)).min(space.height() / size.y.max(1.0));
    Rect::from_center_size(space.center(), size * scale)
}

/// Paints a texture into `at`.
pub(in crate::app) fn paint(ui: &egui::Ui, texture: &TextureHandle, at: Rect) {
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    ui.painter().image(texture.id(), at, whole, Color32::WHITE);
}

/// Boxes of truth, in fractions of the picture at `at`: solid, on a dark edge.
pub(in crate::app) fn paint_truth(ui: &egui::Ui, boxes: &[[f32; 4]], at: Rect) {
    let painter = ui.painter_at(at);
    for [x0, y0, x1, y1] in boxes {
        let place = Rect::from_min_max(
            at.min + vec2(x0 * at.width(), y0 * at.height()),
            at.min + vec2(x1 * at.width(), y1 * at.height()),
        );
        let inside = egui::StrokeKind::Inside;
        painter.rect_stroke(place, 0.0, Stroke::new(3.0, Color32::from_black_alpha(160)), inside);
        painter.rect_stroke(place.shrink(0.75), 0.0, Stroke::new(1.5, TRUTH), inside);
    }
}

/// The foreground's cells: the others are darkened, and the border is a line, so that it reads
/// without colour.
pub(in crate::app) fn paint_mask(ui: &egui::Ui, mask: &[f32], at: Rect) {
    let side = (mask.len() as f64).sqrt() as usize;
    if side == 0 || side * side != mask.len() {
        return;
    }
    let painter = ui.painter_at(at);
    let step = at.size() / side as f32;
    let inside = |x: isize, y: isize| {
        let within = (0..side as isize).contains(&x) && (0..side as isize).contains(&y);
        within && mask[y as usize * side + x as usize] > 0.5
    };
    let line = Stroke::new(1.5, Color32::WHITE);
    for y in 0..side as isize {
        for x in 0..side as isize {
            let corner = at.min + vec2(x as f32 * step.x, y as f32 * step.y);
            let cell = Rect::from_min_size(corner, step);
            if !inside(x, y) {
                painter.rect_filled(cell, 0.0, Color32::from_black_alpha(130));
                continue;
            }
            for (dx, dy, a, b) in [
                (-1, 0, cell.left_top(), cell.left_bottom()),
                (1, 0, cell.right_top(), cell.right_bottom()),
                (0, -1, cell.left_top(), cell.right_top()),
                (0, 1, cell.left_bottom(), cell.right_bottom()),
            ] {
                if !inside(x + dx, y + dy) {
                    painter.line_segment([a, b], line);
                }
            }
        }
    }
}

/// Where a picture will be, or why it is not.
pub(in crate::app) fn paint_empty(ui: &egui::Ui, at: Rect, text: &str) {
    let painter = ui.painter_at(at);
    painter.rect_filled(at, 2.0, ui.visuals().extreme_bg_color);
    if !text.is_empty() {
        let color = crate::app::theme::dim(ui);
        let font = egui::FontId::proportional(11.0);
        let galley = painter.layout(text.to_owned(), font, color, (at.width() - 8.0).max(10.0));
        painter.galley(at.center() - galley.size() / 2.0, galley, color);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_keeps_its_shape_in_any_place() {
        let space = Rect::from_min_size(pos2(10.0, 10.0), vec2(100.0, 50.0));
        let at = fitted(space, vec2(200.0, 200.0));
        assert_eq!((at.width(), at.height(), at.center()), (50.0, 50.0, space.center()));
    }
}
