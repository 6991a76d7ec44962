//! One frame with its map and its legend.

use super::font;
use crate::overlay::{Legend, OverlayParams, RgbaPicture, View, cpu, yuv};
use crate::units::PlanarPicture;

/// A frame at its own size (wider where its pixels are, never squashed) with the overlay that
/// `params` describe. `legend` burns the legend in, with these lines below it; `None` leaves it
/// out.
pub fn overlay_frame(
    picture: &PlanarPicture,
    params: &OverlayParams,
    legend: Option<&[String]>,
) -> RgbaPicture {
    let rgb = yuv::rgb_from_planes_with(picture, yuv::AlphaMode::Checker, true);
    let (w, h) = export_size(picture);
    let mut view = View::fit([w as f32, h as f32], w as f32 / h as f32);
    view.pixels_per_point = points(h) as f32;
    let mut out = cpu::render(&rgb, params, &view);
    if let Some(lines) = legend {
        burn_legend(&mut out, Legend::new(params).as_ref(), lines);
    }
    out
}

/// Size of the exported frame: upright, square pixels, no side shorter than the picture's own.
pub(super) fn export_size(picture: &PlanarPicture) -> (u32, u32) {
    let (w, h) = picture.upright_size();
    let (w, h) = (w.max(1), h.max(1));
    let aspect = picture.display_aspect();
    let own = w as f32 / h as f32;
    if !aspect.is_finite() || aspect <= 0.0 || (aspect / own - 1.0).abs() < 1e-3 {
        return (w, h);
    }
    // Stretched, never shrunk, and never beyond what a codec takes.
    if aspect > own {
        (((h as f32 * aspect).round() as u32).clamp(w, 16_384.max(w)), h)
    } else {
        (w, ((w as f32 / aspect).round() as u32).clamp(h, 16_384.max(h)))
    }
}

/// Pixels per point for lines and letters of a picture `height` pixels high.
fn points(height: u32) -> u32 {
    ((height + 180) / 360).max(1)
}

struct Pen<'a> {
    out: &'a mut RgbaPicture,
    scale: i64,
}

impl Pen<'_> {
    /// Mixes a colour over a box of pixels, `alpha` 0 to 255.
    fn fill(&mut self, x: i64, y: i64, w: i64, h: i64, [r, g, b, a]: [u8; 4]) {
        let (ow, oh) = (i64::from(self.out.width), i64::from(self.out.height));
        for py in y.max(0)..(y + h).min(oh) {
            for px in x.max(0)..(x + w).min(ow) {
                let at = 4 * (py * ow + px) as usize;
                for (o, c) in self.out.data[at..at + 3].iter_mut().zip([r, g, b]) {
                    let (old, new, a) = (u32::from(*o), u32::from(c), u32::from(a));
                    *o = ((old * (255 - a) + new * a + 127) / 255) as u8;
                }
            }
        }
    }

    fn text(&mut self, x: i64, y: i64, text: &str, colour: [u8; 4]) {
        let s = self.scale;
        for (i, letter) in text.chars().enumerate() {
            let left = x + i as i64 * (font::GLYPH.0 as i64 + 1) * s;
            for dy in 0..font::GLYPH.1 {
                for dx in 0..font::GLYPH.0 {
                    if font::dot(letter, dx, dy) {
                        self.fill(left + dx as i64 * s, y + dy as i64 * s, s, s, colour);
                    }
                }
            }
        }
    }
}

const INK: [u8; 4] = [240, 240, 240, 255];
const QUIET: [u8; 4] = [176, 176, 176, 255];
const PLATE: [u8; 4] = [18, 18, 18, 200];
const BADGE: [u8; 4] = [0xd5, 0x5e, 0x00, 255];

/// Draws the legend into the lower left corner; `lines` stand below it (clip, frame, model).
/// Without a legend only the lines are drawn; a picture too small for it stays as it is.
pub fn burn_legend(out: &mut RgbaPicture, legend: Option<&Legend>, lines: &[String]) {
    let s = i64::from(points(out.height));
    let line = (font::GLYPH.1 as i64 + 3) * s;
    let pad = 6 * s;
    let mut below: Vec<(String, [u8; 4])> = Vec::new();
    let mut head = 0;
    if let Some(l) = legend {
        below.extend(l.notes.iter().map(|n| (n.clone(), QUIET)));
        // Title, bar and tick labels.
        head = line + 12 * s + line;
    }
    below.extend(lines.iter().map(|l| (l.clone(), INK)));
    let title = legend.map(|l| format!("{} ({}, {})", l.title, l.unit, l.scale));
    let badge = legend.and_then(|l| l.badge).map(|b| b.text());
    let title_dots =
        title.as_deref().map_or(0, font::width) + badge.map_or(0, |b| font::width(b) + 9);
    let dots =
        below.iter().map(|(t, _)| font::width(t)).max().unwrap_or(0).max(title_dots).max(120);
    let (w, h) = (dots as i64 * s + 2 * pad, head + below.len() as i64 * line + 2 * pad);
    if below.is_empty() || w > i64::from(out.width) || h > i64::from(out.height) {
        return;
    }
    let (x0, y0) = (pad.min(i64::from(out.width) - w), i64::from(out.height) - h - pad);
    let y0 = y0.max(0);
    let mut pen = Pen { out, scale: s };
    pen.fill(x0, y0, w, h, PLATE);
    let (x, mut y) = (x0 + pad, y0 + pad);
    if let (Some(l), Some(title)) = (legend, title) {
        pen.text(x, y, &title, INK);
        if let Some(b) = badge {
            let at = x + (font::width(&title) as i64 + 6) * s;
            let wide = (font::width(b) as i64 + 4) * s;
            pen.fill(at - 2 * s, y - s, wide, 10 * s, BADGE);
            pen.text(at, y, b, INK);
        }
        y += line;
        bar(&mut pen, l, x, y, w - 2 * pad);
        y += 12 * s + line;
    }
    for (text, colour) in below {
        pen.text(x, y, &text, colour);
        y += line;
    }
}

/// The colours as they are drawn over mid grey, with their ticks.
fn bar(pen: &mut Pen<'_>, legend: &Legend, x: i64, y: i64, w: i64) {
    let s = pen.scale;
    let n = legend.bar.len() as i64;
    pen.fill(x, y, w, 8 * s, [110, 110, 110, 255]);
    for (i, c) in legend.bar.iter().enumerate() {
        let (a, b) = (i as i64 * w / n, (i as i64 + 1) * w / n);
        pen.fill(x + a, y, b - a, 8 * s, *c);
    }
    let mut free_from = x - s;
    for (i, tick) in legend.ticks.iter().enumerate() {
        let at = x + (tick.at.clamp(0.0, 1.0) * (w - s) as f32) as i64;
        pen.fill(at, y + 8 * s, s, 3 * s, INK);
        let wide = font::width(&tick.label) as i64 * s;
        let left = (at - wide / 2).clamp(x, x + w - wide);
        // The last label always shows; those before it only where there is room.
        let last = i + 1 == legend.ticks.len();
        let room = last || left + wide + 2 * s < x + w - wide;
        if left > free_from && room {
            pen.text(left, y + 12 * s, &tick.label, QUIET);
            free_from = left + wide + 2 * s;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::{Field, ScaleMode};
    use crate::units::{ColorSpec, Orientation, Plane, PlaneLayout};

    fn grey(w: u32, h: u32, pixel_aspect: f32) -> PlanarPicture {
        PlanarPicture {
            width: w,
            height: h,
            layout: PlaneLayout::Gray,
            bits: 8,
            color: ColorSpec { full_range: true, ..Default::default() },
            orientation: Orientation::default(),
            pixel_aspect,
            planes: vec![Plane {
                width: w,
                height: h,
                stride: w as usize,
                data: vec![90; (w * h) as usize],
            }],
        }
    }

    fn params() -> OverlayParams {
        let map = Field::new(1, (0..49).map(|i| i as f32 / 100.0).collect());
        OverlayParams { map, scale: ScaleMode::PerFrame, ..Default::default() }
    }

    #[test]
    fn without_overlay_and_legend_the_frame_is_the_picture() {
        let out = overlay_frame(&grey(64, 36, 1.0), &OverlayParams::default(), None);
        assert_eq!((out.width, out.height), (64, 36));
        assert!(out.data.chunks_exact(4).all(|c| c == [90, 90, 90, 255]));
    }

    #[test]
    fn wide_pixels_make_a_wide_frame() {
        assert_eq!(export_size(&grey(720, 576, 16.0 / 11.0)), (1047, 576));
        assert_eq!(export_size(&grey(720, 480, 8.0 / 9.0)), (720, 540));
        assert_eq!(export_size(&grey(720, 480, 0.0)), (720, 480));
    }

    #[test]
    fn the_legend_stands_in_its_corner_and_nowhere_else() {
        let p = grey(640, 360, 1.0);
        let plain = overlay_frame(&p, &params(), None);
        let lines = ["clip.mp4 frame 12".to_owned()];
        let with = overlay_frame(&p, &params(), Some(&lines));
        let differ = |x: u32, y: u32| plain.pixel(x, y) != with.pixel(x, y);
        assert!((0..640).all(|x| !differ(x, 20)));
        assert!((0..360).all(|y| !differ(600, y)));
        assert!((250..350).any(|y| differ(20, y)));
        // The badge of the stretched scale is there, in its colour.
        assert!(with.data.chunks_exact(4).any(|c| c[..3] == BADGE[..3]));
        let fixed = OverlayParams { scale: ScaleMode::Absolute, ..params() };
        let fixed = overlay_frame(&p, &fixed, Some(&lines));
        assert!(!fixed.data.chunks_exact(4).any(|c| c[..3] == BADGE[..3]));
    }

    #[test]
    fn a_tiny_picture_stays_without_legend() {
        let p = grey(40, 30, 1.0);
        assert_eq!(
            overlay_frame(&p, &params(), None),
            overlay_frame(&p, &params(), Some(&["x".to_owned()]))
        );
    }
}
