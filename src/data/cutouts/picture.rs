//! A PNG with transparency becomes a sprite.

use std::io::Cursor;
use std::path::Path;

use image::{ImageReader, Limits};

use crate::synth::Sprite;

/// Largest side of a picture that is decoded, in pixels.
const MAX_SIDE: u32 = 16_384;
/// Most pixels that are decoded.
const MAX_PIXELS: u64 = 64_000_000;
/// Most bytes that the decoder may take.
const MAX_ALLOC: u64 = 1 << 30;
/// Smallest side of the part that is not transparent.
const MIN_SIDE: u32 = 8;
/// Largest side that a sprite keeps; larger ones are reduced to it.
const KEPT_SIDE: u32 = 512;

/// A cut-out and what is to be said of it.
pub struct Decoded {
    pub sprite: Sprite,
    pub note: Option<String>,
}

impl Decoded {
    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        // Colours, silhouette and the smaller copies that scenes are drawn from.
        let (w, h) = self.sprite.measure();
        8 * w as usize * h as usize
    }
}

/// The thing on a PNG, cut to what is not transparent; the error says why it cannot be used.
pub fn read(path: &Path, bytes: &[u8]) -> Result<Decoded, String> {
    let reader = || {
        let mut r = ImageReader::new(Cursor::new(bytes));
        r.set_format(image::ImageFormat::Png);
        r
    };
    if bytes.is_empty() {
        return Err("the file is empty".into());
    }
    if image::guess_format(bytes).ok() != Some(image::ImageFormat::Png) {
        return Err("it is named as a PNG but is none; save it as a PNG with transparency".into());
    }
    let broken = |e: image::ImageError| {
        format!("it cannot be decoded ({}); save it again", e.to_string().to_lowercase())
    };
    let (w, h) = reader().into_dimensions().map_err(broken)?;
    if w > MAX_SIDE || h > MAX_SIDE || u64::from(w) * u64::from(h) > MAX_PIXELS {
        return Err(format!(
            "it has {w}x{h} pixels, at most {MAX_SIDE} a side and {} million in all are read; \
             reduce it (scenes need no more than {KEPT_SIDE})",
            MAX_PIXELS / 1_000_000
        ));
    }
    let mut limited = reader();
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_ALLOC);
    limited.limits(limits);
    let picture = limited.decode().map_err(broken)?;
    let has_alpha = picture.color().has_alpha();
    let mut rgba = picture.to_rgba8();
    let see_through = rgba.pixels().filter(|p| p.0[3] < 128).count();
    if !has_alpha || see_through == 0 {
        return Err(
            "it has no transparent part, so its whole rectangle would count as the thing; \
                    cut the thing out of its ground"
                .into(),
        );
    }
    let seen = rgba.enumerate_pixels().filter(|(_, _, p)| p.0[3] >= 128);
    let bounds = seen.fold(None, |b: Option<[u32; 4]>, (x, y, _)| {
        let [x0, y0, x1, y1] = b.unwrap_or([x, y, x, y]);
        Some([x0.min(x), y0.min(y), x1.max(x), y1.max(y)])
    });
    let Some([x0, y0, x1, y1]) = bounds else {
        return Err("it is transparent everywhere".into());
    };
    let (tw, th) = (x1 - x0 + 1, y1 - y0 + 1);
    if tw.max(th) < MIN_SIDE {
        return Err(format!(
            "the thing on it has {tw}x{th} pixels; at least {MIN_SIDE} are needed"
        ));
    }
    let cut = image::imageops::crop(&mut rgba, x0, y0, tw, th).to_image();
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let sprite = Sprite::from_rgba(&name, tw, th, cut.as_raw()).map_err(|e| e.to_string())?;
    let note = (tw.max(th) > KEPT_SIDE).then(|| {
        let (w, h) = sprite.measure();
        format!("`{}`: {tw}x{th} pixels, reduced to {w}x{h}", path.display())
    });
    Ok(Decoded { sprite, note })
}
