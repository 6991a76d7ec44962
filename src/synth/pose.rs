//! Where a thing is in the picture: exact, the same on every machine.

use super::exact::sin_cos;
use super::sprite::Sprite;
use crate::truth::{Mask, TruthBox};

/// Less of a thing than this share of its pixels is too hidden to count: no box, no mask.
pub const LEAST_VISIBLE: f64 = 0.15;

/// From the world to pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lens {
    pub width: u32,
    pub height: u32,
    /// Pixels per unit of size, across.
    pub kx: f64,
    /// Pixels per unit of size, down.
    pub ky: f64,
}

impl Lens {
    /// A world of `aspect` (width over height) fitted into a picture: sizes are shares of the
    /// root of the area, so that a thing covers the same share of the picture in any aspect.
    pub(super) fn fitted(width: u32, height: u32, aspect: f64) -> Self {
        let root = aspect.sqrt();
        Self { width, height, kx: f64::from(width) / root, ky: f64::from(height) * root }
    }

    /// Nothing squeezed; sizes are shares of the picture's height.
    pub(super) fn square(width: u32, height: u32) -> Self {
        Self { width, height, kx: f64::from(height), ky: f64::from(height) }
    }
}

/// A place in the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    /// Middle of the thing, as a share of the picture's width.
    pub x: f64,
    /// Middle of the thing, as a share of the picture's height.
    pub y: f64,
    /// Longer side of the thing (of the tight box of its silhouette, before it is turned).
    pub size: f64,
    /// Turned clockwise by so many degrees.
    pub angle: f64,
    /// Left and right swapped.
    pub flip: bool,
    /// Stretched across by this factor and down by its inverse: 1 for none.
    pub stretch: f64,
}

impl Default for Pose {
    fn default() -> Self {
        Self { x: 0.5, y: 0.5, size: 0.4, angle: 0.0, flip: false, stretch: 1.0 }
    }
}

/// A pose of a sprite under a lens: pixels to texels and back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placement {
    /// Texels of the base level per pixel: du/dx, du/dy, dv/dx, dv/dy.
    pub m: [f64; 4],
    /// Texels at the picture's upper left corner.
    pub t: [f64; 2],
    /// Pixels that the box of the sprite's silhouette reaches: x0, y0, x1, y1, not clipped.
    pub reach: [f64; 4],
}

impl Placement {
    /// `None` for a thing without extent or a place that is no number.
    pub(super) fn new(sprite: &Sprite, pose: &Pose, lens: &Lens) -> Option<Self> {
        let texels = sprite.extent() / pose.size;
        let (sin, cos) = sin_cos(pose.angle / 360.0);
        let (cu, cv) = sprite.middle();
        let (px, py) = (pose.x * f64::from(lens.width), pose.y * f64::from(lens.height));
        let side = if pose.flip { -1.0 } else { 1.0 };
        // World to texels: turned back, mirrored, and unstretched.
        let (su, sv) = (side * texels / pose.stretch, texels * pose.stretch);
        let m = [cos / lens.kx * su, sin / lens.ky * su, -sin / lens.kx * sv, cos / lens.ky * sv];
        let t = [cu - m[0] * px - m[1] * py, cv - m[2] * px - m[3] * py];
        let det = m[0] * m[3] - m[1] * m[2];
        if !(pose.size > 0.0 && det.abs() > 1e-12 && t[0].is_finite() && t[1].is_finite()) {
            return None;
        }
        let (w, h) = sprite.measure();
        let (hu, hv) = (f64::from(w) / 2.0, f64::from(h) / 2.0);
        let dx = (m[3].abs() * hu + m[1].abs() * hv) / det.abs();
        let dy = (m[2].abs() * hu + m[0].abs() * hv) / det.abs();
        Some(Self { m, t, reach: [px - dx, py - dy, px + dx, py + dy] })
    }

    /// Texels of the base level per pixel, in area.
    pub(super) fn texels(&self) -> f64 {
        (self.m[0] * self.m[3] - self.m[1] * self.m[2]).abs()
    }

    /// Texels of the base level that a pixel spans in the longer direction.
    pub(super) fn span(&self) -> f64 {
        let [a, b, c, d] = self.m;
        (a * a + c * c).sqrt().max((b * b + d * d).sqrt())
    }

    /// Columns and rows of the picture that can hold the thing, with `margin` pixels around.
    pub(super) fn pixels(&self, lens: &Lens, margin: f64) -> [usize; 4] {
        let [x0, y0, x1, y1] = self.reach;
        let clip = |v: f64, most: u32| v.clamp(0.0, f64::from(most)) as usize;
        [
            clip((x0 - margin).floor(), lens.width),
            clip((y0 - margin).floor(), lens.height),
            clip((x1 + margin).ceil(), lens.width),
            clip((y1 + margin).ceil(), lens.height),
        ]
    }
}

/// Pixels of a thing within a box of the picture.
#[derive(Clone, Debug)]
pub(super) struct Stamp {
    pub x0: usize,
    pub y0: usize,
    pub width: usize,
    pub height: usize,
    pub inside: Vec<bool>,
    /// Pixels that all of the thing would have, also beyond the picture's edges.
    pub whole: f64,
}

impl Stamp {
    /// A stamp of nothing.
    pub(super) fn empty() -> Self {
        Self { x0: 0, y0: 0, width: 0, height: 0, inside: Vec::new(), whole: 0.0 }
    }

    /// The pixels whose middles lie in the thing.
    pub(super) fn of(sprite: &Sprite, pose: &Pose, lens: &Lens) -> Self {
        let Some(place) = Placement::new(sprite, pose, lens) else { return Self::empty() };
        let [x0, y0, x1, y1] = place.pixels(lens, 1.0);
        let whole = f64::from(sprite.silhouette().area()) / place.texels();
        let (width, height) = (x1.saturating_sub(x0), y1.saturating_sub(y0));
        let mut inside = vec![false; width * height];
        let view = sprite.silhouette().view(place.texels().sqrt());
        let [a, b, c, d] = place.m;
        for (row, line) in inside.chunks_exact_mut(width.max(1)).enumerate() {
            let y = (y0 + row) as f64 + 0.5;
            let (u0, v0) = (b * y + place.t[0], d * y + place.t[1]);
            for (col, out) in line.iter_mut().enumerate() {
                let x = (x0 + col) as f64 + 0.5;
                *out = view.inside(a * x + u0, c * x + v0);
            }
        }
        Self { x0, y0, width, height, inside, whole }
    }

    /// The pixels of a box for which `inside` holds at their middles.
    pub(super) fn from_fn(area: [usize; 4], inside: impl Fn(f64, f64) -> bool) -> Self {
        let [x0, y0, x1, y1] = area;
        let (width, height) = (x1.saturating_sub(x0), y1.saturating_sub(y0));
        let pixels = (0..width * height)
            .map(|i| inside((x0 + i % width) as f64 + 0.5, (y0 + i / width) as f64 + 0.5))
            .collect();
        Self { x0, y0, width, height, inside: pixels, whole: 0.0 }
    }

    /// Number of pixels inside.
    pub(super) fn area(&self) -> usize {
        self.inside.iter().filter(|v| **v).count()
    }

    /// Whether enough of the thing is left to count: see [`LEAST_VISIBLE`].
    pub(super) fn counts(&self) -> bool {
        let n = self.area() as f64;
        n >= 9.0 && n >= LEAST_VISIBLE * self.whole
    }

    /// Tight box of what is inside.
    pub(super) fn tight(&self) -> Option<TruthBox> {
        let mut found: Option<[usize; 4]> = None;
        for (row, line) in self.inside.chunks_exact(self.width.max(1)).enumerate() {
            let Some(first) = line.iter().position(|v| *v) else { continue };
            let last = line.iter().rposition(|v| *v).unwrap_or(first);
            let f = found.unwrap_or([first, row, last + 1, row + 1]);
            found = Some([f[0].min(first), f[1], f[2].max(last + 1), row + 1]);
        }
        let [x0, y0, x1, y1] = found?;
        let at = |v: usize, o: usize| (v + o) as f64;
        Some(TruthBox {
            x0: at(x0, self.x0),
            y0: at(y0, self.y0),
            x1: at(x1, self.x0),
            y1: at(y1, self.y0),
        })
    }

    /// As a mask of the whole picture.
    pub(super) fn mask(&self, lens: &Lens) -> Mask {
        // Runs go down the columns, as in the mask.
        let height = lens.height as usize;
        let mut runs = Vec::new();
        let (mut run, mut within) = (0usize, false);
        let mut add = |n: usize, inside: bool| {
            if n > 0 && inside != within {
                runs.push(run as u32);
                (run, within) = (n, inside);
            } else {
                run += n;
            }
        };
        add(self.x0 * height, false);
        for col in 0..self.width {
            add(self.y0, false);
            for row in 0..self.height {
                add(1, self.inside[row * self.width + col]);
            }
            add(height - self.y0 - self.height, false);
        }
        add((lens.width as usize - self.x0 - self.width) * height, false);
        runs.push(run as u32);
        // The runs add up by construction; if they did not, nothing is inside.
        Mask::from_runs(lens.width, lens.height, runs)
            .unwrap_or_else(|| Mask::from_fn(lens.width, lens.height, |_, _| false))
    }
}

/// Leaves of each stamp what those before it in the list (which lie in front) do not hide.
pub(super) fn hide(stamps: &mut [Stamp], lens: &Lens) {
    let width = lens.width as usize;
    let mut taken = vec![false; width * lens.height as usize];
    for s in stamps {
        for (row, line) in s.inside.chunks_exact_mut(s.width.max(1)).enumerate() {
            let at = (s.y0 + row) * width + s.x0;
            for (inside, taken) in line.iter_mut().zip(&mut taken[at..at + s.width]) {
                let was = *inside;
                *inside &= !*taken;
                *taken |= was;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_and_its_mask_are_the_same_pixels() {
        let mut dice = crate::synth::Dice::new(3, 1);
        for _ in 0..400 {
            let lens = Lens::square(dice.int(1, 7), dice.int(1, 7));
            let (x0, y0) = (dice.int(0, lens.width - 1), dice.int(0, lens.height - 1));
            let (x1, y1) = (dice.int(x0, lens.width), dice.int(y0, lens.height));
            let area = [x0, y0, x1, y1].map(|v| v as usize);
            let mut stamp = Stamp::from_fn(area, |_, _| false);
            let dense = dice.unit();
            stamp.inside.iter_mut().for_each(|v| *v = dice.chance(dense));
            let want = Mask::from_fn(lens.width, lens.height, |x, y| {
                let inside = (x0..x1).contains(&x) && (y0..y1).contains(&y);
                inside && stamp.inside[((y - y0) * (x1 - x0) + x - x0) as usize]
            });
            assert_eq!(stamp.mask(&lens), want, "{stamp:?}");
            let bounds = want.bounds();
            assert_eq!(stamp.tight(), bounds);
        }
    }
}
