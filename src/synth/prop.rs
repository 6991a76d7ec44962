//! Scenery that stands in front of things: a bush, a rock, a fence.
//!
//! What a prop hides is part of the truth, so its outline is made of discs and boxes in exact
//! arithmetic; its colours are not.

use serde::{Deserialize, Serialize};

use super::Dice;
use super::pose::{Lens, Stamp};
use crate::units::RgbPicture;

/// What stands in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PropKind {
    /// A round shrub.
    Bush,
    /// A boulder.
    Rock,
    /// A wooden box.
    Crate,
    /// Five boards and two rails.
    Fence,
    /// A thick round post.
    Post,
    /// A cloud with a flat base.
    Cloud,
    /// A heap of snow.
    Drift,
}

impl PropKind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Bush, Self::Rock, Self::Crate, Self::Fence, Self::Post, Self::Cloud, Self::Drift];
}

/// A piece of scenery in the picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prop {
    /// What it is.
    pub kind: PropKind,
    /// Middle, as a share of the picture's width.
    pub x: f64,
    /// Middle, as a share of the picture's height.
    pub y: f64,
    /// Width, in the unit of a thing's size.
    pub size: f64,
    /// Which one of its kind.
    pub seed: u64,
}

/// Discs (x, y, radius) and boxes (x0, y0, x1, y1) that together are a prop one wide.
struct Outline {
    discs: Vec<[f64; 3]>,
    boxes: Vec<[f64; 4]>,
    /// Nothing below this line.
    base: f64,
}

impl Outline {
    fn of(kind: PropKind, seed: u64) -> Self {
        let mut d = Dice::new(seed, 1).part("prop");
        let mut out = Self { discs: Vec::new(), boxes: Vec::new(), base: 2.0 };
        match kind {
            PropKind::Bush | PropKind::Cloud => {
                for i in 0..6 {
                    let along = f64::from(i) / 5.0 * 2.0 - 1.0;
                    let r = (0.25 - 0.1 * along * along) * d.range(0.88, 1.08);
                    let lift = if i % 2 == 0 { 0.0 } else { 0.11 };
                    out.discs.push([along * 0.33, 0.12 - lift * (1.0 - along * along), r]);
                }
                out.discs.push([d.range(-0.08, 0.08), -0.06, 0.24]);
                out.base = if kind == PropKind::Bush { 0.3 } else { 0.2 };
            }
            PropKind::Rock => {
                // Chunks of stone: a block on two others.
                let lean = d.range(-0.1, 0.1);
                out.discs.push([lean, 0.3, 0.44]);
                out.discs.push([-0.34, 0.3, d.range(0.14, 0.18)]);
                out.discs.push([0.35, 0.3, d.range(0.13, 0.17)]);
                out.base = 0.3;
            }
            PropKind::Drift => {
                out.discs.push([d.range(-0.08, 0.08), 0.18, 0.34]);
                out.discs.push([-0.23, 0.22, d.range(0.2, 0.26)]);
                out.discs.push([0.22, 0.22, d.range(0.2, 0.27)]);
                out.base = 0.28;
            }
            PropKind::Crate => out.boxes.push([-0.5, -0.4, 0.5, 0.4]),
            PropKind::Fence => {
                for i in 0..5 {
                    let x = (f64::from(i) - 2.0) * 0.2;
                    let top = -0.3 + d.range(-0.02, 0.02);
                    out.boxes.push([x - 0.065, top, x + 0.065, 0.34]);
                    out.discs.push([x, top, 0.065]);
                }
                out.boxes.push([-0.5, -0.14, 0.5, -0.07]);
                out.boxes.push([-0.5, 0.15, 0.5, 0.22]);
            }
            PropKind::Post => {
                out.boxes.push([-0.5, -2.2, 0.5, 2.2]);
                out.discs.push([0.0, -2.2, 0.5]);
            }
        }
        out
    }

    /// Signed distance in widths, negative inside; exact near the edge from outside.
    fn distance(&self, x: f64, y: f64) -> f64 {
        let mut d = f64::MAX;
        for [cx, cy, r] in &self.discs {
            let (u, v) = (x - cx, y - cy);
            d = d.min((u * u + v * v).sqrt() - r);
        }
        for [x0, y0, x1, y1] in &self.boxes {
            d = d.min((x0 - x).max(x - x1).max((y0 - y).max(y - y1)));
        }
        d.max(y - self.base)
    }

    /// x0, y0, x1, y1 around all of it.
    fn reach(&self) -> [f64; 4] {
        let discs = self.discs.iter().map(|[x, y, r]| [x - r, y - r, x + r, y + r]);
        let all = discs.chain(self.boxes.iter().copied());
        all.fold([9.0, 9.0, -9.0, -9.0], |m, b| {
            [m[0].min(b[0]), m[1].min(b[1]), m[2].max(b[2]), m[3].max(b[3])]
        })
    }
}

impl Prop {
    /// Pixels of the picture it can reach, with `margin`.
    fn pixels(&self, outline: &Outline, lens: &Lens, margin: f64) -> [usize; 4] {
        let [x0, y0, x1, y1] = outline.reach();
        let (w, h) = (f64::from(lens.width), f64::from(lens.height));
        let at = |v: f64, c: f64, k: f64, most: f64, m: f64| {
            (c * most + v * self.size * k + m).clamp(0.0, most)
        };
        [
            at(x0, self.x, lens.kx, w, -margin).floor() as usize,
            at(y0, self.y, lens.ky, h, -margin).floor() as usize,
            at(x1, self.x, lens.kx, w, margin).ceil() as usize,
            at(y1.min(outline.base), self.y, lens.ky, h, margin).ceil() as usize,
        ]
    }

    /// From a pixel's middle to the outline's coordinates.
    fn local(&self, lens: &Lens, x: f64, y: f64) -> (f64, f64) {
        let (w, h) = (f64::from(lens.width), f64::from(lens.height));
        ((x - self.x * w) / (lens.kx * self.size), (y - self.y * h) / (lens.ky * self.size))
    }

    /// The pixels it hides.
    pub(super) fn stamp(&self, lens: &Lens) -> Stamp {
        if !(self.size > 0.0 && self.x.is_finite() && self.y.is_finite()) {
            return Stamp::empty();
        }
        let outline = Outline::of(self.kind, self.seed);
        Stamp::from_fn(self.pixels(&outline, lens, 1.0), |x, y| {
            let (u, v) = self.local(lens, x, y);
            outline.distance(u, v) <= 0.0
        })
    }

    /// Draws it.
    pub(super) fn draw(&self, out: &mut RgbPicture, lens: &Lens) {
        self.patch(lens).draw(out);
    }

    /// Its pixels, ready to be laid on a picture many times.
    pub(super) fn patch(&self, lens: &Lens) -> Patch {
        let mut patch = Patch { x0: 0, y0: 0, width: 0, pixels: Vec::new() };
        if !(self.size > 0.0 && self.x.is_finite() && self.y.is_finite()) {
            return patch;
        }
        let outline = Outline::of(self.kind, self.seed);
        let paint = Paint::of(self.kind, &mut Dice::new(self.seed, 2).part("colours"));
        let [x0, y0, x1, y1] = self.pixels(&outline, lens, 2.0);
        let per_pixel = lens.kx.min(lens.ky) * self.size;
        (patch.x0, patch.y0, patch.width) = (x0, y0, x1.saturating_sub(x0));
        for y in y0..y1 {
            for x in x0..x1 {
                let (u, v) = self.local(lens, x as f64 + 0.5, y as f64 + 0.5);
                let cover = (0.5 - outline.distance(u, v) * per_pixel).clamp(0.0, 1.0);
                if cover <= 0.0 {
                    patch.pixels.push([0; 4]);
                    continue;
                }
                let [r, g, b] = paint
                    .colour(&outline, u as f32, v as f32)
                    .map(|c| (c * 255.0 + 0.5).clamp(0.0, 255.0) as u8);
                patch.pixels.push([r, g, b, (cover * 255.0 + 0.5) as u8]);
            }
        }
        patch
    }
}

/// A drawn prop: straight RGBA of a box of the picture.
#[derive(Clone)]
pub(super) struct Patch {
    x0: usize,
    y0: usize,
    width: usize,
    pixels: Vec<[u8; 4]>,
}

impl Patch {
    pub(super) fn draw(&self, out: &mut RgbPicture) {
        let width = out.width() as usize;
        for (row, line) in self.pixels.chunks_exact(self.width.max(1)).enumerate() {
            let at = 3 * ((self.y0 + row) * width + self.x0);
            let own = &mut out.data_mut()[at..at + 3 * self.width];
            for (o, p) in own.chunks_exact_mut(3).zip(line) {
                let a = u32::from(p[3]);
                for (o, c) in o.iter_mut().zip(p) {
                    *o = ((u32::from(*o) * (255 - a) + u32::from(*c) * a + 127) / 255) as u8;
                }
            }
        }
    }
}

/// Colours of a prop.
struct Paint {
    kind: PropKind,
    base: [f32; 3],
    /// Leaves of a bush: x, y, radius, brightness; later ones lie on top.
    leaves: Vec<[f32; 4]>,
}

impl Paint {
    fn of(kind: PropKind, d: &mut Dice) -> Self {
        let choice: [[f32; 3]; 3] = match kind {
            PropKind::Bush => [[0.36, 0.57, 0.3], [0.28, 0.52, 0.34], [0.47, 0.6, 0.28]],
            PropKind::Rock => [[0.58, 0.57, 0.56], [0.5, 0.53, 0.57], [0.62, 0.57, 0.5]],
            PropKind::Crate => [[0.72, 0.55, 0.36], [0.64, 0.47, 0.3], [0.78, 0.62, 0.42]],
            PropKind::Fence => [[0.95, 0.93, 0.88], [0.66, 0.5, 0.36], [0.8, 0.72, 0.6]],
            PropKind::Post => [[0.48, 0.42, 0.38], [0.4, 0.44, 0.5], [0.6, 0.5, 0.4]],
            PropKind::Cloud => [[0.97, 0.98, 1.0], [0.94, 0.95, 0.97], [1.0, 0.97, 0.94]],
            PropKind::Drift => [[0.95, 0.97, 1.0], [0.92, 0.95, 0.99], [0.97, 0.97, 0.98]],
        };
        let base = d.pick(&choice).copied().unwrap_or([0.5; 3]);
        let light = d.range(0.92, 1.06) as f32;
        let mut leaves = Vec::new();
        if kind == PropKind::Bush {
            for _ in 0..44 {
                let (x, y) = (d.range(-0.55, 0.55), d.range(-0.32, 0.32));
                // Lighter towards the top.
                let tone = 1.0 - 0.3 * y + d.range(-0.09, 0.09);
                leaves.push([x, y, d.range(0.035, 0.075), tone].map(|v| v as f32));
            }
        }
        Self { kind, base: base.map(|v| v * light), leaves }
    }

    fn colour(&self, outline: &Outline, u: f32, v: f32) -> [f32; 3] {
        let by = match self.kind {
            PropKind::Bush | PropKind::Cloud | PropKind::Rock | PropKind::Drift => {
                // Lit from above left; where discs meet, their light is mixed without a seam.
                let (mut sum, mut weight) = (0.0f32, 1e-6f32);
                for [x, y, r] in &outline.discs {
                    let (du, dv) = ((u - *x as f32) / *r as f32, (v - *y as f32) / *r as f32);
                    let w = (1.15 - du * du - dv * dv).max(0.0).powi(2);
                    sum += w * (dv - 0.35 * du);
                    weight += w;
                }
                let depth = match self.kind {
                    PropKind::Cloud | PropKind::Drift => 0.07,
                    PropKind::Rock => 0.16,
                    _ => 0.13,
                };
                let lit = 1.0 - depth * sum / weight;
                self.leaves.iter().fold(lit, |lit, [x, y, r, tone]| {
                    let away = ((u - x).powi(2) + (v - y).powi(2)).sqrt() / r;
                    let over = ((1.0 - away) * 5.0).clamp(0.0, 1.0) * 0.75;
                    lit + (tone - lit) * over
                })
            }
            PropKind::Crate => {
                let edge = 0.5 - u.abs() < 0.09 || 0.4 - v.abs() < 0.09;
                let board = (v + 0.4) / 0.8 * 4.0;
                let gap = board.fract() < 0.06;
                if edge {
                    1.06
                } else if gap {
                    0.68
                } else {
                    0.9
                }
            }
            PropKind::Fence => {
                let near = ((u + 0.1).rem_euclid(0.2) - 0.1).abs();
                if near < 0.065 { 1.0 - 0.1 * (near / 0.065).powi(2) } else { 0.84 }
            }
            PropKind::Post => 1.06 - 0.5 * (u + 0.15) * (u + 0.15) * 2.0,
        };
        self.base.map(|c| c * by)
    }
}
