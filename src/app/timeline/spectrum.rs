//! Draws the spectrogram tiles of the visible part; used by the lane and by the big view of clips
//! without pictures.

use std::sync::Arc;

use egui::{Color32, Rect, Ui, pos2};

use super::axis::{Extent, TimeAxis};
use super::source::LaneSound;
use super::tiles::{self, Palette, TileCache};

/// The tiles of one sound, made when they are first seen.
#[derive(Default)]
pub struct SpectrumTiles {
    cache: Option<TileCache>,
    palette: Option<[u8; 3]>,
}

impl SpectrumTiles {
    /// Forgets the sound, when there is none any more.
    pub fn clear(&mut self) {
        if let Some(cache) = &mut self.cache {
            cache.set_sound(None);
        }
    }

    /// Fills `rect` with the visible part of `sound`; orders what is missing, from `now_secs`
    /// outward when that is visible.
    #[expect(clippy::too_many_arguments, reason = "each is a different fact of the same frame")]
    pub fn paint(
        &mut self,
        ui: &Ui,
        rect: Rect,
        extent: Extent,
        axis: &TimeAxis,
        sound: &Arc<dyn LaneSound>,
        now_secs: f64,
        palette: &Palette,
    ) {
        let cache = self.cache.get_or_insert_with(|| {
            let ctx = ui.ctx().clone();
            TileCache::new(Arc::new(move || ctx.request_repaint()))
        });
        cache.set_sound(Some(sound));
        // Palettes differ in their middle.
        if self.palette != Some(palette[200]) {
            cache.repaint_all();
            self.palette = Some(palette[200]);
        }
        if cache.collect(ui.ctx(), palette) {
            ui.ctx().request_repaint();
        }
        let rate = f64::from(sound.rate().max(1));
        let sample = |secs: f64| (secs.max(0.0) * rate) as u64;
        let secs_per_pixel = axis.secs_per_point(extent) / f64::from(ui.pixels_per_point());
        let level = tiles::level_for(secs_per_pixel, sound.rate());
        let (from, to) = (sample(axis.start_secs()), sample(axis.end_secs()));
        let now = sample(now_secs);
        let centre = if (from..to).contains(&now) { now } else { from.midpoint(to) };
        let painter = ui.painter_at(rect);
        for (first, last, texture, [u0, u1]) in cache.pieces(from, to, centre, level) {
            let x0 = axis.x_of_secs(first as f64 / rate, extent);
            let x1 = axis.x_of_secs(last as f64 / rate, extent);
            let place = Rect::from_x_y_ranges(x0..=x1, rect.y_range());
            let uv = Rect::from_min_max(pos2(u0, 0.0), pos2(u1, 1.0));
            painter.image(texture, place, uv, Color32::WHITE);
        }
    }
}
