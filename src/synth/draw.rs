//! Sprites onto a picture.

use super::light::Light;
use super::pose::{Lens, Placement, Pose};
use super::sprite::Sprite;
use crate::units::RgbPicture;

/// A soft shadow that a thing throws on what lies behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shadow {
    /// How dark, 0 to 1.
    pub strength: f32,
    /// Whether it lies on the ground below the thing; else it is thrown on a wall behind.
    pub ground: bool,
}

/// How a sprite is laid on the picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ink<'a> {
    pub light: &'a Light,
    /// 0 to 1.
    pub alpha: f32,
    pub shadow: Option<Shadow>,
    /// How far above the ground it has hopped, in pixels: a ground shadow stays below.
    pub lift: f64,
}

/// Draws `sprite` at `pose`.
pub(super) fn sprite(
    out: &mut RgbPicture,
    sprite: &Sprite,
    pose: &Pose,
    lens: &Lens,
    ink: Ink<'_>,
) {
    let Some(place) = Placement::new(sprite, pose, lens) else { return };
    match ink.shadow {
        Some(s) if s.ground => ground_shadow(out, &place, s.strength * ink.alpha, ink.lift),
        Some(s) => wall_shadow(out, sprite, &place, lens, s.strength * ink.alpha),
        None => {}
    }
    let [x0, y0, x1, y1] = place.pixels(lens, 1.5);
    let span = place.span();
    let (pyramid, finer) = sprite.colours(span);
    // A pixel may span up to 1.15 texels with one sample, twice that with two by two.
    let (level, scale) = pyramid.level(span * finer, 2.3);
    let k = finer / scale;
    let taps: &[[f64; 2]] = if span * k <= 1.15 {
        &[[0.5, 0.5]]
    } else {
        &[[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]
    };
    let share = 1.0 / taps.len() as f32;
    let [a, b, c, d] = place.m.map(|v| v * k);
    let t = place.t.map(|v| v * k);
    let fixed = |v: f64| (v * 65536.0).clamp(-2e9, 2e9) as i32;
    let (du, dv) = (fixed(a), fixed(c));
    let width = out.width() as usize;
    for row in y0..y1 {
        let line = &mut out.data_mut()[3 * (row * width + x0)..3 * (row * width + x1)];
        let mut at: [(i32, i32); 4] = [(0, 0); 4];
        for (s, [tx, ty]) in at.iter_mut().zip(taps) {
            let (x, y) = (x0 as f64 + tx, row as f64 + ty);
            *s = (fixed(a * x + b * y + t[0]), fixed(c * x + d * y + t[1]));
        }
        for px in line.chunks_exact_mut(3) {
            let mut sum = [0u32; 4];
            for s in &mut at[..taps.len()] {
                let texel = level.sample(s.0, s.1);
                for (o, v) in sum.iter_mut().zip(texel.to_le_bytes()) {
                    *o += u32::from(v);
                }
                *s = (s.0.wrapping_add(du), s.1.wrapping_add(dv));
            }
            if sum[3] == 0 {
                continue;
            }
            let [r, g, b, alpha] = sum.map(|v| v as f32 * share);
            let colour = ink.light.apply([r, g, b], alpha);
            let rest = 1.0 - alpha * ink.alpha / 255.0;
            for (o, v) in px.iter_mut().zip(colour) {
                *o = (f32::from(*o) * rest + v * ink.alpha + 0.5) as u8;
            }
        }
    }
}

/// An ellipse of shade where the thing meets the ground.
fn ground_shadow(out: &mut RgbPicture, place: &Placement, strength: f32, lift: f64) {
    let [x0, y0, x1, y1] = place.reach;
    let (rx, ry) = ((x1 - x0) * 0.5, ((y1 - y0) * 0.085).max(1.0));
    let (cx, cy) = ((x0 + x1) / 2.0, y1 + lift - ry * 0.35);
    let (width, height) = (out.width() as usize, out.height() as usize);
    let clip = |v: f64, most: usize| v.clamp(0.0, most as f64) as usize;
    let (px0, px1) = (clip((cx - rx).floor(), width), clip((cx + rx).ceil(), width));
    for y in clip((cy - ry).floor(), height)..clip((cy + ry).ceil(), height) {
        let v = ((y as f64 + 0.5 - cy) / ry) as f32;
        for x in px0..px1 {
            let u = ((x as f64 + 0.5 - cx) / rx) as f32;
            let rest = 1.0 - u * u - v * v;
            if rest > 0.0 {
                shade(out, x, y, width, strength * rest * (2.0 - rest));
            }
        }
    }
}

/// The thing's own outline, blurred and moved down a little.
fn wall_shadow(
    out: &mut RgbPicture,
    sprite: &Sprite,
    place: &Placement,
    lens: &Lens,
    strength: f32,
) {
    let size = (place.reach[3] - place.reach[1]).max(place.reach[2] - place.reach[0]);
    let (shift, blur) = (size * 0.035, size * 0.06);
    let (pyramid, finer) = sprite.colours(f64::MAX);
    let (level, scale) = pyramid.level(place.span() * blur, 1.0);
    let k = finer / scale;
    let [a, b, c, d] = place.m.map(|v| v * k);
    let t = place.t.map(|v| v * k);
    let [x0, y0, x1, y1] = place.pixels(lens, blur + shift + 1.0);
    let fixed = |v: f64| (v * 65536.0).clamp(-2e9, 2e9) as i32;
    let width = out.width() as usize;
    for row in y0..y1 {
        let y = row as f64 + 0.5 - shift;
        for col in x0..x1 {
            let x = col as f64 + 0.5 - shift * 0.4;
            let texel = level.sample(fixed(a * x + b * y + t[0]), fixed(c * x + d * y + t[1]));
            let alpha = (texel >> 24) as f32 / 255.0;
            if alpha > 0.0 {
                shade(out, col, row, width, strength * alpha);
            }
        }
    }
}

#[inline]
fn shade(out: &mut RgbPicture, x: usize, y: usize, width: usize, by: f32) {
    let at = 3 * (y * width + x);
    for v in &mut out.data_mut()[at..at + 3] {
        *v = (f32::from(*v) * (1.0 - by) + 0.5) as u8;
    }
}
