//! A canvas for backgrounds: gradients, outlines, soft shapes and noise, in floats.
//!
//! Nothing here decides truth. Places are in heights of the picture: `x` from 0 to the aspect,
//! `y` from 0 (top) to 1.

use super::super::Dice;
use crate::units::RgbPicture;

/// Colour with components 0 to 1.
pub(super) type Rgb = [f32; 3];
pub(super) type Point = [f32; 2];

/// `0xrrggbb` as a colour.
pub(super) fn hex(v: u32) -> Rgb {
    [16, 8, 0].map(|s| ((v >> s) & 255) as f32 / 255.0)
}

pub(super) fn mix(a: Rgb, b: Rgb, t: f32) -> Rgb {
    let t = t.clamp(0.0, 1.0);
    [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t]
}

/// `a` times `b`, component by component.
pub(super) fn lit(a: Rgb, b: Rgb) -> Rgb {
    [a[0] * b[0], a[1] * b[1], a[2] * b[2]]
}

/// Brighter (`by` over 1) or darker.
pub(super) fn times(a: Rgb, by: f32) -> Rgb {
    a.map(|v| v * by)
}

/// Hue in turns, saturation and value 0 to 1.
pub(super) fn hsv(h: f32, s: f32, v: f32) -> Rgb {
    let k = |n: f32| {
        let k = (n + h.rem_euclid(1.0) * 6.0).rem_euclid(6.0);
        v - v * s * k.min(4.0 - k).clamp(0.0, 1.0)
    };
    [k(5.0), k(3.0), k(1.0)]
}

/// 0 below `a`, 1 above `b`, smooth between.
pub(super) fn smooth(a: f32, b: f32, x: f32) -> f32 {
    let t = ((x - a) / (b - a)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Weights of the four lattice points around, `t` of the way between the middle two.
fn spline(t: f32) -> [f32; 4] {
    let s = 1.0 - t;
    let inner = |t: f32| (3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0;
    [s * s * s / 6.0, inner(t), inner(s), t * t * t / 6.0]
}

/// Chance in single precision.
pub(super) trait Chance {
    fn f(&mut self, lo: f32, hi: f32) -> f32;
    fn one<T: Copy>(&mut self, items: &[T], or: T) -> T;
}

impl Chance for Dice {
    fn f(&mut self, lo: f32, hi: f32) -> f32 {
        self.range(f64::from(lo), f64::from(hi)) as f32
    }

    fn one<T: Copy>(&mut self, items: &[T], or: T) -> T {
        self.pick(items).copied().unwrap_or(or)
    }
}

/// A background being painted.
pub(super) struct Canvas {
    pub width: usize,
    pub height: usize,
    /// Width of the world in heights.
    pub aspect: f32,
    px: Vec<Rgb>,
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32, aspect: f32) -> Self {
        let (width, height) = (width.max(1) as usize, height.max(1) as usize);
        Self { width, height, aspect, px: vec![[0.0; 3]; width * height] }
    }

    /// Pixels per unit, across and down.
    fn scale(&self) -> (f32, f32) {
        (self.width as f32 / self.aspect, self.height as f32)
    }

    /// Every pixel by its place.
    pub(super) fn every(&mut self, colour: impl Fn(Point, Rgb) -> Rgb) {
        let (sx, sy) = self.scale();
        for (y, line) in self.px.chunks_exact_mut(self.width).enumerate() {
            let py = (y as f32 + 0.5) / sy;
            for (x, px) in line.iter_mut().enumerate() {
                *px = colour([(x as f32 + 0.5) / sx, py], *px);
            }
        }
    }

    /// Every pixel by a field of the canvas's size.
    pub(super) fn with(&mut self, field: &[f32], colour: impl Fn(f32, Rgb) -> Rgb) {
        for (px, v) in self.px.iter_mut().zip(field) {
            *px = colour(*v, *px);
        }
    }

    /// Whole rows from `y0` to `y1`, coloured by height.
    pub(super) fn rows(&mut self, y0: f32, y1: f32, colour: impl Fn(f32) -> Rgb) {
        let (_, sy) = self.scale();
        let clip = |v: f32| ((v * sy).max(0.0) as usize).min(self.height);
        let (a, b) = (clip(y0), clip((y1 * sy).ceil() / sy));
        for y in a..b {
            let c = colour((y as f32 + 0.5) / sy);
            self.px[y * self.width..(y + 1) * self.width].fill(c);
        }
    }

    /// All below a line `edge(x)`; the colour is a function of how far below, in heights.
    pub(super) fn below(&mut self, edge: impl Fn(f32) -> f32, colour: impl Fn(f32) -> Rgb) {
        let (sx, sy) = self.scale();
        let edges: Vec<f32> = (0..self.width).map(|x| edge((x as f32 + 0.5) / sx) * sy).collect();
        let top = edges.iter().fold(f32::MAX, |m, v| m.min(*v)).floor().max(0.0) as usize;
        for y in top.min(self.height)..self.height {
            let line = &mut self.px[y * self.width..(y + 1) * self.width];
            for (px, e) in line.iter_mut().zip(&edges) {
                let depth = y as f32 + 1.0 - e;
                if depth > 0.0 {
                    let c = colour((depth - 0.5).max(0.0) / sy);
                    *px = if depth < 1.0 { mix(*px, c, depth) } else { c };
                }
            }
        }
    }

    /// The inside of a signed distance (in heights, negative inside) within `lo`..`hi`, with an
    /// edge of one pixel or `soft` heights; the colour comes with an alpha.
    pub(super) fn shape(
        &mut self,
        lo: Point,
        hi: Point,
        soft: f32,
        distance: impl Fn(Point) -> f32,
        colour: impl Fn(Point) -> (Rgb, f32),
    ) {
        let (sx, sy) = self.scale();
        let edge = (1.0 / sx.min(sy)).max(soft);
        let clip = |v: f32, most: usize| (v.max(0.0) as usize).min(most);
        let x0 = clip(((lo[0] - edge) * sx).floor(), self.width);
        let x1 = clip(((hi[0] + edge) * sx).ceil(), self.width);
        let y0 = clip(((lo[1] - edge) * sy).floor(), self.height);
        let y1 = clip(((hi[1] + edge) * sy).ceil(), self.height);
        for y in y0..y1 {
            let py = (y as f32 + 0.5) / sy;
            for x in x0..x1 {
                let p = [(x as f32 + 0.5) / sx, py];
                let cover = (0.5 - distance(p) / edge).clamp(0.0, 1.0);
                if cover > 0.0 {
                    let (c, alpha) = colour(p);
                    let px = &mut self.px[y * self.width + x];
                    *px = mix(*px, c, cover * alpha);
                }
            }
        }
    }

    pub(super) fn disc(&mut self, at: Point, r: f32, soft: f32, c: Rgb, alpha: f32) {
        self.ellipse(at, [r, r], soft, c, alpha);
    }

    pub(super) fn ellipse(&mut self, at: Point, r: Point, soft: f32, c: Rgb, alpha: f32) {
        let d = |p: Point| {
            let n = [(p[0] - at[0]) / r[0], (p[1] - at[1]) / r[1]];
            let l = (n[0] * n[0] + n[1] * n[1]).sqrt();
            let g = ((n[0] / r[0]).powi(2) + (n[1] / r[1]).powi(2)).sqrt();
            if g < 1e-6 { -r[0].min(r[1]) } else { (l - 1.0) * l / g }
        };
        let lo = [at[0] - r[0] - soft, at[1] - r[1] - soft];
        let hi = [at[0] + r[0] + soft, at[1] + r[1] + soft];
        self.shape(lo, hi, soft, d, |_| (c, alpha));
    }

    /// An upright box with corners rounded by `round`.
    pub(super) fn rect(&mut self, lo: Point, hi: Point, round: f32, c: Rgb, alpha: f32) {
        self.rect_of(lo, hi, round, |_| (c, alpha));
    }

    pub(super) fn rect_of(
        &mut self,
        lo: Point,
        hi: Point,
        round: f32,
        colour: impl Fn(Point) -> (Rgb, f32),
    ) {
        let at = [(lo[0] + hi[0]) / 2.0, (lo[1] + hi[1]) / 2.0];
        let half = [(hi[0] - lo[0]) / 2.0, (hi[1] - lo[1]) / 2.0];
        let d = |p: Point| {
            let q =
                [(p[0] - at[0]).abs() - half[0] + round, (p[1] - at[1]).abs() - half[1] + round];
            let out = (q[0].max(0.0).powi(2) + q[1].max(0.0).powi(2)).sqrt();
            out + q[0].max(q[1]).min(0.0) - round
        };
        self.shape(lo, hi, 0.0, d, colour);
    }

    /// A convex polygon, corners clockwise on screen.
    pub(super) fn polygon(&mut self, corners: &[Point], c: Rgb, alpha: f32) {
        let lo = [0, 1].map(|i| corners.iter().fold(f32::MAX, |m, p| m.min(p[i])));
        let hi = [0, 1].map(|i| corners.iter().fold(f32::MIN, |m, p| m.max(p[i])));
        let d = |p: Point| {
            let next = corners.iter().cycle().skip(1);
            corners.iter().zip(next).fold(f32::MIN, |m, (a, b)| {
                let e = [b[0] - a[0], b[1] - a[1]];
                let l = (e[0] * e[0] + e[1] * e[1]).sqrt().max(1e-6);
                m.max(((p[0] - a[0]) * e[1] - (p[1] - a[1]) * e[0]) / l)
            })
        };
        self.shape(lo, hi, 0.0, d, |_| (c, alpha));
    }

    /// A line with round ends.
    pub(super) fn line(&mut self, a: Point, b: Point, r: f32, c: Rgb, alpha: f32) {
        let ba = [b[0] - a[0], b[1] - a[1]];
        let len = (ba[0] * ba[0] + ba[1] * ba[1]).max(1e-9);
        let d = |p: Point| {
            let pa = [p[0] - a[0], p[1] - a[1]];
            let t = ((pa[0] * ba[0] + pa[1] * ba[1]) / len).clamp(0.0, 1.0);
            ((pa[0] - ba[0] * t).powi(2) + (pa[1] - ba[1] * t).powi(2)).sqrt() - r
        };
        let lo = [a[0].min(b[0]) - r, a[1].min(b[1]) - r];
        let hi = [a[0].max(b[0]) + r, a[1].max(b[1]) + r];
        self.shape(lo, hi, 0.0, d, |_| (c, alpha));
    }

    /// Smooth noise in 0 to 1 over the canvas, with bumps about `size` heights wide: a lattice
    /// of chance under cubic B-splines, so that the lattice is not seen.
    pub(super) fn noise(&self, dice: &mut Dice, size: f32) -> Vec<f32> {
        let size = size.max(0.004) * 0.7;
        let nx = (self.aspect / size).ceil() as usize + 5;
        let ny = (1.0 / size).ceil() as usize + 5;
        // Splines flatten: wider than 0 to 1, so that what comes out fills it.
        let lattice: Vec<f32> = (0..nx * ny).map(|_| dice.f(-0.5, 1.5)).collect();
        let (ox, oy) = (dice.f(0.0, 1.0), dice.f(0.0, 1.0));
        let (sx, sy) = self.scale();
        let columns: Vec<(usize, [f32; 4])> = (0..self.width)
            .map(|x| {
                let u = (x as f32 + 0.5) / sx / size + ox;
                (u as usize, spline(u.fract()))
            })
            .collect();
        let mut out = Vec::with_capacity(self.width * self.height);
        let mut row = vec![0.0f32; nx];
        for y in 0..self.height {
            let v = (y as f32 + 0.5) / sy / size + oy;
            let (i, w) = (v as usize, spline(v.fract()));
            row.fill(0.0);
            for (k, w) in w.iter().enumerate() {
                for (o, l) in row.iter_mut().zip(&lattice[(i + k) * nx..(i + k + 1) * nx]) {
                    *o += l * w;
                }
            }
            out.extend(columns.iter().map(|(k, w)| {
                let r = &row[*k..*k + 4];
                (r[0] * w[0] + r[1] * w[1] + r[2] * w[2] + r[3] * w[3]).clamp(0.0, 1.0)
            }));
        }
        out
    }

    /// The picture, with `grain` (standard deviation in 0 to 1) so that it is never quite flat.
    pub(super) fn into_picture(self, dice: &mut Dice, grain: f32) -> Option<RgbPicture> {
        let mut state = dice.bits() | 1;
        let mut data = Vec::with_capacity(3 * self.px.len());
        // The sum of three bytes has a standard deviation of 128.
        let k = grain * 255.0 / 128.0;
        for px in &self.px {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let b = state.to_le_bytes();
            let common = i32::from(b[0]) + i32::from(b[1]) + i32::from(b[2]) - 382;
            let n = common as f32 * k;
            data.extend(px.map(|v| (v * 255.0 + n + 0.5).clamp(0.0, 255.0) as u8));
        }
        RgbPicture::new(self.width as u32, self.height as u32, data)
    }
}
