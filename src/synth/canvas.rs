//! Soft-edged shapes from signed distances.
//!
//! All coordinates are in scene units (the scene is 640 x 360 of them, whatever the picture's
//! size); a distance is negative inside.

use crate::units::RgbPicture;

/// Width and height of the scene in units.
pub(super) const SCENE: [f32; 2] = [640.0, 360.0];

/// Colour with components 0 to 1.
pub(super) type Colour = [f32; 3];

/// A point or a vector in scene units.
pub(super) type Point = [f32; 2];

/// `0xrrggbb` as a colour.
pub(super) fn rgb(hex: u32) -> Colour {
    [16, 8, 0].map(|s| ((hex >> s) & 255) as f32 / 255.0)
}

pub(super) fn mix(a: Colour, b: Colour, t: f32) -> Colour {
    let t = t.clamp(0.0, 1.0);
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * t)
}

/// 0 below `a`, 1 above `b`, smooth between.
pub(super) fn smooth(a: f32, b: f32, x: f32) -> f32 {
    let t = ((x - a) / (b - a)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

fn sub(a: Point, b: Point) -> Point {
    [a[0] - b[0], a[1] - b[1]]
}

fn length(a: Point) -> f32 {
    (a[0] * a[0] + a[1] * a[1]).sqrt()
}

/// Turned by `angle` (clockwise on screen) about the origin.
pub(super) fn turned(p: Point, angle: f32) -> Point {
    let (s, c) = angle.sin_cos();
    [c * p[0] - s * p[1], s * p[0] + c * p[1]]
}

pub(super) fn circle(p: Point, centre: Point, radius: f32) -> f32 {
    length(sub(p, centre)) - radius
}

/// An upright ellipse; the distance is exact on the outline and close near it.
pub(super) fn ellipse(p: Point, centre: Point, radii: Point) -> f32 {
    let q = sub(p, centre);
    let n = [q[0] / radii[0], q[1] / radii[1]];
    let g = [n[0] / radii[0], n[1] / radii[1]];
    let steep = length(g);
    if steep < 1e-6 { -radii[0].min(radii[1]) } else { (length(n) - 1.0) * length(n) / steep }
}

/// A line from `a` to `b` with round ends.
pub(super) fn capsule(p: Point, a: Point, b: Point, radius: f32) -> f32 {
    let (pa, ba) = (sub(p, a), sub(b, a));
    let t = ((pa[0] * ba[0] + pa[1] * ba[1]) / (ba[0] * ba[0] + ba[1] * ba[1]).max(1e-9))
        .clamp(0.0, 1.0);
    length([pa[0] - ba[0] * t, pa[1] - ba[1] * t]) - radius
}

/// An upright box with round corners.
pub(super) fn round_box(p: Point, centre: Point, half: Point, radius: f32) -> f32 {
    let q = sub(p, centre);
    let d = [q[0].abs() - half[0] + radius, q[1].abs() - half[1] + radius];
    length([d[0].max(0.0), d[1].max(0.0)]) + d[0].max(d[1]).min(0.0) - radius
}

/// A triangle.
pub(super) fn triangle(p: Point, corners: [Point; 3]) -> f32 {
    let area = |a: Point, b: Point, c: Point| {
        (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    };
    let [a, b, c] = corners;
    let sign = if area(a, b, c) < 0.0 { -1.0 } else { 1.0 };
    [(a, b), (b, c), (c, a)]
        .iter()
        .map(|(u, v)| -sign * area(*u, *v, p) / length(sub(*v, *u)).max(1e-6))
        .fold(f32::NEG_INFINITY, f32::max)
}

/// Pixels per side of the squares that a shape is tried on.
const TILE: usize = 12;

/// A picture with its scale.
#[derive(Clone)]
pub(super) struct Canvas {
    width: usize,
    height: usize,
    scale: f32,
    data: Vec<u8>,
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32) -> Self {
        let (width, height) = (width.max(1) as usize, height.max(1) as usize);
        let scale = width as f32 / SCENE[0];
        Self { width, height, scale, data: vec![0; 3 * width * height] }
    }

    pub(super) fn into_picture(self) -> Option<RgbPicture> {
        RgbPicture::new(self.width as u32, self.height as u32, self.data)
    }

    /// Sets every pixel.
    pub(super) fn paint(&mut self, colour: impl Fn(Point) -> Colour) {
        let unit = 1.0 / self.scale;
        for (i, px) in self.data.chunks_exact_mut(3).enumerate() {
            let (x, y) = (i % self.width, i / self.width);
            let c = colour([(x as f32 + 0.5) * unit, (y as f32 + 0.5) * unit]);
            for (o, v) in px.iter_mut().zip(c) {
                *o = (v * 255.0 + 0.5) as u8;
            }
        }
    }

    /// Lays `colour` over the inside of `distance` within the box `lo`..`hi`, with an edge of
    /// one pixel, or `blur` units where that is softer.
    pub(super) fn fill(
        &mut self,
        lo: Point,
        hi: Point,
        blur: f32,
        distance: impl Fn(Point) -> f32,
        colour: impl Fn(Point) -> (Colour, f32),
    ) {
        let k = self.scale;
        let x0 = (lo[0] * k).floor().max(0.0) as usize;
        let y0 = (lo[1] * k).floor().max(0.0) as usize;
        let x1 = ((hi[0] * k).ceil().max(0.0) as usize).min(self.width);
        let y1 = ((hi[1] * k).ceil().max(0.0) as usize).min(self.height);
        let edge = (1.0 / k).max(blur);
        // Tiles whose middle is further from the shape than any of their pixels can be from
        // the middle hold nothing of it; distances here grow by less than 1.5 per unit.
        let reach = 1.5 * 0.7072 * TILE as f32 / k + edge;
        for ty in (y0..y1).step_by(TILE) {
            for tx in (x0..x1).step_by(TILE) {
                let half = TILE as f32 / 2.0;
                let middle = [(tx as f32 + half) / k, (ty as f32 + half) / k];
                if distance(middle) > reach {
                    continue;
                }
                for y in ty..(ty + TILE).min(y1) {
                    let row = 3 * y * self.width;
                    for x in tx..(tx + TILE).min(x1) {
                        let p = [(x as f32 + 0.5) / k, (y as f32 + 0.5) / k];
                        let cover = (0.5 - distance(p) / edge).clamp(0.0, 1.0);
                        if cover <= 0.0 {
                            continue;
                        }
                        let (c, alpha) = colour(p);
                        let a = cover * alpha.clamp(0.0, 1.0);
                        let at = row + 3 * x;
                        for (o, v) in self.data[at..at + 3].iter_mut().zip(c) {
                            let old = f32::from(*o);
                            *o = (old + (v * 255.0 - old) * a + 0.5) as u8;
                        }
                    }
                }
            }
        }
    }

    /// [`Self::fill`] with one opaque colour and hard edges.
    pub(super) fn shape(
        &mut self,
        lo: Point,
        hi: Point,
        colour: Colour,
        distance: impl Fn(Point) -> f32,
    ) {
        self.fill(lo, hi, 0.0, distance, |_| (colour, 1.0));
    }

    /// Copies a box of another canvas of the same size.
    pub(super) fn restore(&mut self, from: &Self, lo: Point, hi: Point) {
        let k = self.scale;
        let clip = |v: f32, most: usize| ((v * k).max(0.0) as usize).min(most);
        let (x0, x1) = (clip(lo[0], self.width), clip(hi[0].ceil() + 1.0, self.width));
        for y in clip(lo[1], self.height)..clip(hi[1].ceil() + 1.0, self.height) {
            let (a, b) = (3 * (y * self.width + x0), 3 * (y * self.width + x1));
            self.data[a..b].copy_from_slice(&from.data[a..b]);
        }
    }
}

/// Repeatable noise in 0 to 1.
pub(super) fn noise(x: i32, y: i32) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77);
    h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ (h >> 12)).wrapping_mul(0x297a_2d39);
    ((h ^ (h >> 15)) & 0xffff) as f32 / 65535.0
}

/// Smooth noise with bumps about one unit wide.
pub(super) fn soft_noise(p: Point) -> f32 {
    let (x, y) = (p[0].floor(), p[1].floor());
    let (tx, ty) = (smooth(0.0, 1.0, p[0] - x), smooth(0.0, 1.0, p[1] - y));
    let at = |dx: i32, dy: i32| noise(x as i32 + dx, y as i32 + dy);
    let top = at(0, 0) + (at(1, 0) - at(0, 0)) * tx;
    let low = at(0, 1) + (at(1, 1) - at(0, 1)) * tx;
    top + (low - top) * ty
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_zero_on_the_outline_and_negative_inside() {
        let on = |d: f32| assert!(d.abs() < 0.02, "{d}");
        on(circle([13.0, 4.0], [10.0, 0.0], 5.0));
        on(ellipse([20.0, 0.0], [0.0, 0.0], [20.0, 7.0]));
        on(ellipse([0.0, -7.0], [0.0, 0.0], [20.0, 7.0]));
        on(capsule([5.0, 2.0], [0.0, 0.0], [10.0, 0.0], 2.0));
        on(round_box([10.0, 0.0], [0.0, 0.0], [10.0, 5.0], 2.0));
        on(triangle([2.0, 0.0], [[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]]));
        for inside in [
            circle([0.0, 0.0], [0.0, 0.0], 1.0),
            ellipse([0.1, 0.1], [0.0, 0.0], [2.0, 1.0]),
            round_box([0.0, 0.0], [0.0, 0.0], [2.0, 1.0], 0.5),
            triangle([1.0, 1.0], [[0.0, 0.0], [0.0, 4.0], [4.0, 0.0]]),
        ] {
            assert!(inside < 0.0, "{inside}");
        }
    }

    #[test]
    fn shapes_outside_the_picture_are_cut_off() {
        let mut c = Canvas::new(64, 36);
        c.shape([-500.0, -500.0], [5000.0, 5000.0], [1.0; 3], |_| -99.0);
        c.shape([600.0, 300.0], [100.0, 100.0], [0.0; 3], |_| -99.0);
        assert!(c.into_picture().unwrap().data().iter().all(|v| *v == 255));
    }
}
