//! The stored silhouettes of the glyphs.
//!
//! One sheet, made once by `make_the_sheet` below and kept in `assets/`, so that boxes and masks
//! do not depend on a rasteriser's rounding.

use super::SynthError;
use super::kinds::{Glyph, KINDS};
use super::sprite::{GLYPH_SIDE, Silhouette};

const SHEET: &[u8] = include_bytes!("../../assets/world-silhouettes.png");
/// Glyphs side by side in the sheet.
const COLUMNS: u32 = 9;

/// All glyphs in the order of the sheet: kind by kind, those held out last.
pub(super) fn order() -> impl Iterator<Item = &'static Glyph> {
    KINDS.iter().flat_map(|k| k.glyphs.iter().chain(k.held_out))
}

/// The sheet, unpacked.
pub(super) struct Sheet {
    pixels: image::GrayImage,
}

impl Sheet {
    /// Reads the sheet that came with the program.
    pub(super) fn read() -> Result<Self, SynthError> {
        let damaged = |cause: String| SynthError::Data { cause };
        let pixels = image::load_from_memory_with_format(SHEET, image::ImageFormat::Png)
            .map_err(|e| damaged(e.to_string()))?
            .into_luma8();
        let rows = (order().count() as u32).div_ceil(COLUMNS);
        let want = (COLUMNS * GLYPH_SIDE, rows * GLYPH_SIDE);
        if pixels.dimensions() != want {
            return Err(damaged(format!(
                "the sheet of silhouettes is {:?}, not {want:?}",
                pixels.dimensions()
            )));
        }
        Ok(Self { pixels })
    }

    /// Silhouette of the glyph at a place of [`order`].
    pub(super) fn silhouette(&self, place: u32) -> Result<Silhouette, SynthError> {
        let (ox, oy) = ((place % COLUMNS) * GLYPH_SIDE, (place / COLUMNS) * GLYPH_SIDE);
        Silhouette::new(GLYPH_SIDE, GLYPH_SIDE, |x, y| {
            self.pixels.get_pixel_checked(ox + x, oy + y).is_some_and(|p| p.0[0] >= 128)
        })
        .ok_or_else(|| SynthError::Data { cause: format!("silhouette {place} is empty") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::sprite::rendered_silhouette;

    /// `cargo test --lib make_the_sheet -- --ignored` writes `assets/world-silhouettes.png`.
    #[test]
    #[ignore = "writes into assets/: run after a change of the table of kinds"]
    fn make_the_sheet() {
        let rows = (order().count() as u32).div_ceil(COLUMNS);
        let mut sheet = image::GrayImage::new(COLUMNS * GLYPH_SIDE, rows * GLYPH_SIDE);
        for (place, g) in order().enumerate() {
            let place = place as u32;
            let inside = rendered_silhouette(g.svg()).unwrap();
            for (i, v) in inside.iter().enumerate() {
                let i = i as u32;
                let x = (place % COLUMNS) * GLYPH_SIDE + i % GLYPH_SIDE;
                let y = (place / COLUMNS) * GLYPH_SIDE + i / GLYPH_SIDE;
                sheet.put_pixel(x, y, image::Luma([if *v { 255 } else { 0 }]));
            }
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/world-silhouettes.png");
        let file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
        let encoder = image::codecs::png::PngEncoder::new_with_quality(
            file,
            image::codecs::png::CompressionType::Best,
            image::codecs::png::FilterType::Up,
        );
        sheet.write_with_encoder(encoder).unwrap();
    }

    #[test]
    fn the_stored_silhouettes_are_those_of_the_drawings() {
        let sheet = Sheet::read().unwrap();
        let n = GLYPH_SIDE;
        let (mut all, mut differ) = (0u32, 0u32);
        for (place, g) in order().enumerate() {
            let drawn = rendered_silhouette(g.svg()).unwrap();
            let (ox, oy) = ((place as u32 % COLUMNS) * n, (place as u32 / COLUMNS) * n);
            for (i, v) in drawn.iter().enumerate() {
                let p = sheet.pixels.get_pixel(ox + i as u32 % n, oy + i as u32 / n).0[0];
                all += u32::from(*v);
                differ += u32::from(*v != (p >= 128));
            }
        }
        // Equal here; another processor may round a pixel of an edge otherwise.
        assert!(all > 1_000_000);
        assert!(differ < all / 2000, "{differ} of {all}");
    }
}
