//! What follows the cursor: a line, the values under it, a small picture.

use std::sync::Arc;

use egui::{Align2, Color32, FontId, Rect, Stroke, Ui, pos2};

use super::{Extent, ThumbData, Thumbs, Timeline, TimelineData, lanes};
use crate::units::FrameIndex;

impl Timeline {
    /// Line and values under the cursor, and the small picture above the lanes.
    pub(super) fn draw_hover(
        &mut self,
        ui: &Ui,
        response: &egui::Response,
        body: Rect,
        ruler: Rect,
        extent: Extent,
        data: &TimelineData<'_>,
    ) {
        let Some(pos) = response.hover_pos().filter(|p| body.contains(*p)) else { return };
        let painter = ui.painter_at(body);
        let line = ui.visuals().text_color().gamma_multiply(0.5);
        painter.vline(pos.x, ruler.bottom()..=body.bottom(), Stroke::new(1.0, line));
        let time = self.axis.time_at(pos.x, extent);
        let mut text = time.to_string();
        if let Some(frame) = (data.frame_at)(time) {
            text += &format!("  frame {frame}");
        }
        let place = f64::from((pos.x - body.left()) / body.width().max(1.0));
        if let Some(peak) = self.maps.column_at(place).and_then(|c| c.peak) {
            text += &format!("  peak {peak:+.3}");
        }
        if let Some(rows) = data.truth {
            text += &super::truth::heard_text(rows, time);
        }
        let color = ui.visuals().strong_text_color();
        let galley = painter.layout_no_wrap(text, FontId::monospace(11.0), color);
        let size = galley.size() + egui::vec2(8.0, 2.0);
        let left = (pos.x + 8.0).min(body.right() - size.x).max(body.left());
        let at = Rect::from_min_size(pos2(left, ruler.top() + 1.0), size);
        painter.rect_filled(at, 3.0, ui.visuals().window_fill);
        painter.rect_stroke(
            at,
            3.0,
            ui.visuals().widgets.noninteractive.bg_stroke,
            egui::StrokeKind::Inside,
        );
        painter.galley(at.min + egui::vec2(4.0, 1.0), galley, color);
        if self.prefs.thumbs
            && let (Some(thumbs), Some(frame)) = (data.thumbs, (data.frame_at)(time))
        {
            self.draw_thumb(ui, pos.x, body, FrameIndex(frame), thumbs);
        }
    }

    /// Above the timeline, on a layer of its own: the lanes stay visible.
    fn draw_thumb(&mut self, ui: &Ui, x: f32, body: Rect, frame: FrameIndex, data: ThumbData<'_>) {
        let ctx = ui.ctx();
        let thumbs = self.thumbs.get_or_insert_with(|| {
            let ctx = ctx.clone();
            Thumbs::new(Arc::new(move || ctx.request_repaint()))
        });
        let Some(thumb) = thumbs.get(ctx, data.opener, frame, data.params) else { return };
        let size = thumb.texture.size_vec2();
        let margin = 3.0;
        let space = ctx.content_rect().shrink(4.0);
        let left = (x - size.x / 2.0).min(space.right() - size.x).max(space.left());
        let bottom = body.top() - 6.0;
        let at = Rect::from_min_size(pos2(left, bottom - size.y - 16.0), size);
        let order = egui::LayerId::new(egui::Order::Tooltip, ui.scope_id().with("thumb"));
        let painter = ctx.layer_painter(order);
        let frame_rect =
            Rect::from_min_max(at.min, pos2(at.right(), at.bottom() + 16.0)).expand(margin);
        painter.rect_filled(frame_rect, 4.0, ui.visuals().window_fill);
        let edge = ui.visuals().widgets.noninteractive.bg_stroke;
        painter.rect_stroke(frame_rect, 4.0, edge, egui::StrokeKind::Inside);
        painter.image(thumb.texture.id(), at, lanes::WHOLE, Color32::WHITE);
        // Until the exact one is there, the number says which frame it is.
        let near = if thumb.frame == frame { "" } else { " (near)" };
        painter.text(
            pos2(at.center().x, at.bottom() + 8.0),
            Align2::CENTER_CENTER,
            format!("frame {}{near}", thumb.frame),
            FontId::monospace(11.0),
            ui.visuals().text_color(),
        );
    }
}
