//! Spectrograms as pictures: the big one for clips without pictures, and the tensor that the
//! model sees.

use std::sync::{Arc, OnceLock};

use egui::{Align2, Color32, ColorImage, FontId, Rect, Stroke, Ui, pos2};

use crate::app::timeline::{
    Bracket, Extent, LaneSound, Palette, SpectrumTiles, TimeAxis, palette_index,
};
use crate::features::Spectrogram;
use crate::overlay::Colormap;
use crate::units::MediaTime;

/// Colours from silence to full scale: magma on dark ground, white to black on light ground as on
/// paper, so that silence is quiet on both.
pub fn spectrum_palette(dark: bool) -> &'static Palette {
    static LIGHT: OnceLock<Palette> = OnceLock::new();
    if dark {
        Colormap::Magma.lut()
    } else {
        LIGHT.get_or_init(|| std::array::from_fn(|i| [(255 - i) as u8; 3]))
    }
}

/// The tensor [1, 257, T] as a picture of T x 257 pixels, 0 Hz at the bottom; from silence to
/// full scale over the palette, what is louder is clipped.
pub fn spectrogram_image(spectrogram: &Spectrogram, palette: &Palette) -> ColorImage {
    let (bins, frames) = (spectrogram.bins, spectrogram.frames);
    let mut pixels = Vec::with_capacity(bins * frames);
    for bin in (0..bins).rev() {
        for frame in 0..frames {
            let value = spectrogram.data.get(bin * frames + frame).copied().unwrap_or(f32::NAN);
            let [r, g, b] = palette[palette_index(value)];
            pixels.push(Color32::from_rgb(r, g, b));
        }
    }
    ColorImage::new([frames, bins], pixels)
}

/// Seconds on each side of the playhead.
const REACH_SECS: f64 = 5.0;

/// The spectrogram around the playhead, as large as the picture would be.
#[derive(Default)]
pub(super) struct BigSpectrum {
    tiles: SpectrumTiles,
}

impl BigSpectrum {
    pub(super) fn show(
        &mut self,
        ui: &Ui,
        rect: Rect,
        sound: &Arc<dyn LaneSound>,
        now: MediaTime,
        bracket: Option<&Bracket>,
        palette: &Palette,
    ) {
        let rate = f64::from(sound.rate().max(1));
        let now = now.as_secs_f64();
        let length = (sound.len() as f64 / rate).max(now);
        let mut axis = TimeAxis::whole(MediaTime::from_secs_f64(length));
        axis.show(now - REACH_SECS, now + REACH_SECS);
        let plot = Rect::from_min_max(
            rect.min + egui::vec2(52.0, 12.0),
            rect.max - egui::vec2(12.0, 28.0),
        );
        if !plot.is_positive() {
            return;
        }
        let extent = Extent::new(plot.left(), plot.width());
        let painter = ui.painter_at(rect);
        painter.rect_filled(plot, 0.0, ui.visuals().extreme_bg_color);
        self.tiles.paint(ui, plot, extent, &axis, sound, now, palette);

        let ink = ui.visuals().weak_text_color();
        let font = FontId::monospace(11.0);
        let top_khz = rate / 2000.0;
        for part in 0..=4 {
            let share = part as f32 / 4.0;
            let y = plot.bottom() - share * plot.height();
            let text = format!("{:.0} kHz", f64::from(share) * top_khz);
            painter.text(pos2(plot.left() - 6.0, y), Align2::RIGHT_CENTER, text, font.clone(), ink);
        }
        if let Some((from, to)) = bracket.and_then(|b| b.heard) {
            let lit = axis.x_of_secs(from, extent)..=axis.x_of_secs(to, extent);
            let shade = ui.visuals().extreme_bg_color.gamma_multiply(0.55);
            for (a, b) in [(plot.left(), *lit.start()), (*lit.end(), plot.right())] {
                if a < b {
                    painter.rect_filled(Rect::from_x_y_ranges(a..=b, plot.y_range()), 0.0, shade);
                }
            }
        }
        let x = axis.x_of_secs(now, extent);
        painter.vline(x, plot.y_range(), Stroke::new(4.0, Color32::from_black_alpha(180)));
        painter.vline(x, plot.y_range(), Stroke::new(2.0, Color32::WHITE));
        let note = "No pictures in this clip: its spectrogram as the model is given it";
        let at = pos2(plot.center().x, plot.bottom() + 14.0);
        painter.text(at, Align2::CENTER_CENTER, note, FontId::proportional(12.0), ink);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tensors_lowest_bin_is_the_pictures_lowest_row() {
        let mut data = vec![-1.343_174_6; 257 * 2];
        data[0] = 0.0; // bin 0, frame 0
        let s = Spectrogram { bins: 257, frames: 2, data };
        let image = spectrogram_image(&s, spectrum_palette(true));
        assert_eq!(image.size, [2, 257]);
        let [r, g, b] = Colormap::Magma.lut()[255];
        assert_eq!(image[(0, 256)], Color32::from_rgb(r, g, b));
        assert_ne!(image[(1, 256)], image[(0, 256)]);
    }

    #[test]
    fn silence_is_quiet_on_both_grounds() {
        let dark = spectrum_palette(true)[0];
        let light = spectrum_palette(false)[0];
        assert!(
            dark.iter().all(|c| *c < 20) && light.iter().all(|c| *c > 180),
            "{dark:?} {light:?}"
        );
    }
}
