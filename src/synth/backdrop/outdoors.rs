//! Places under the sky.

use super::super::Dice;
use super::paint::{Canvas, Chance, Point, Rgb, hex, lit, mix, smooth, times};

/// Light and air of one time of day.
#[derive(Clone, Copy)]
pub(super) struct Air {
    top: Rgb,
    low: Rgb,
    /// Colour that far things fade to.
    pub(super) haze: Rgb,
    /// Factor on everything that is lit.
    light: Rgb,
    cloud: Rgb,
}

impl Air {
    pub(super) fn daylight(d: &mut Dice) -> Self {
        match d.int(0, 4) {
            0 => Self {
                top: hex(0x4f9fe0),
                low: hex(0xcfeaf8),
                haze: hex(0xb9dcee),
                light: [1.0, 1.0, 1.0],
                cloud: hex(0xffffff),
            },
            1 => Self {
                top: hex(0x7cc4ea),
                low: hex(0xf3f4dc),
                haze: hex(0xd5e6d8),
                light: [1.04, 1.02, 0.94],
                cloud: hex(0xfffdf4),
            },
            2 => Self {
                top: hex(0x8ea7dc),
                low: hex(0xffd9b8),
                haze: hex(0xf2cdb8),
                light: [1.05, 0.95, 0.88],
                cloud: hex(0xffeee0),
            },
            3 => Self {
                top: hex(0x6a6fb8),
                low: hex(0xffb98a),
                haze: hex(0xe3a890),
                light: [1.0, 0.84, 0.76],
                cloud: hex(0xffd2b5),
            },
            _ => Self {
                top: hex(0xa3b7c6),
                low: hex(0xdfe7ea),
                haze: hex(0xcfd9de),
                light: [0.93, 0.95, 0.97],
                cloud: hex(0xf2f5f6),
            },
        }
    }
}

/// A rolling line around 0, about -1 to 1.
pub(super) fn rolling(d: &mut Dice, length: f32) -> impl Fn(f32) -> f32 + use<> {
    let waves: [(f32, f32, f32); 4] = std::array::from_fn(|i| {
        let k = (1 << i) as f32;
        (d.f(0.7, 1.4) * k / length, d.f(0.0, 6.3), d.f(0.5, 0.9) / k.powf(1.15))
    });
    move |x| {
        waves.iter().map(|(f, p, a)| (x * f * std::f32::consts::TAU + p).sin() * a).sum::<f32>()
            * 0.8
    }
}

pub(super) fn sky(c: &mut Canvas, d: &mut Dice, air: &Air, horizon: f32) {
    c.rows(0.0, 1.0, |y| mix(air.top, air.low, smooth(-0.1, 1.0, y / horizon)));
    if d.chance(0.35) {
        let at = [d.f(0.1, 0.9) * c.aspect, d.f(0.08, 0.7) * horizon];
        let r = d.f(0.045, 0.075);
        c.disc(at, r * 4.5, r * 8.0, hex(0xfff6d8), 0.4);
        c.disc(at, r, 0.004, hex(0xfff3c4), 1.0);
    }
    for _ in 0..d.int(0, 4) {
        let at = [d.f(-0.05, 1.05) * c.aspect, d.f(0.05, 0.75) * horizon];
        let (size, alpha) = (d.f(0.05, 0.13), d.f(0.55, 0.9));
        cloud(c, d, at, size, air.cloud, alpha);
    }
}

/// A heap of soft discs on a flat base.
fn cloud(c: &mut Canvas, d: &mut Dice, at: Point, size: f32, colour: Rgb, alpha: f32) {
    let puffs: Vec<(Point, f32)> = (0..5)
        .map(|i| {
            let along = i as f32 / 4.0 * 2.0 - 1.0;
            let r = size * (1.0 - 0.55 * along * along) * d.f(0.55, 0.75);
            ([at[0] + along * size * 1.5, at[1] - r * 0.5], r)
        })
        .collect();
    let base = at[1] + size * 0.05;
    // Joined softly, or a faint seam would show where two puffs meet.
    let joint = size * 0.3;
    let distance = |p: Point| {
        let puff = puffs.iter().fold(f32::MAX, |m, (q, r)| {
            let d = ((p[0] - q[0]).powi(2) + (p[1] - q[1]).powi(2)).sqrt() - r;
            let h = (joint - (m - d).abs()).max(0.0);
            m.min(d) - h * h / (4.0 * joint)
        });
        puff.max(p[1] - base)
    };
    let lo = [at[0] - size * 2.2, at[1] - size * 1.6];
    let hi = [at[0] + size * 2.2, base + 0.01];
    c.shape(lo, hi, size * 0.06, distance, |p| {
        let up = smooth(base, base - size, p[1]);
        (times(colour, 0.9 + 0.1 * up), alpha * (0.75 + 0.25 * up))
    });
}

/// A tree with a round crown, standing at `foot`.
fn round_tree(c: &mut Canvas, d: &mut Dice, foot: Point, size: f32, leaves: Rgb, trunk: Rgb) {
    let w = size * 0.06;
    c.rect([foot[0] - w, foot[1] - size * 0.5], [foot[0] + w, foot[1]], w * 0.5, trunk, 1.0);
    for i in 0..4 {
        let t = i as f32;
        let at = [
            foot[0] + size * [0.0, -0.17, 0.17, 0.0][i] + d.f(-0.02, 0.02) * size,
            foot[1] - size * [0.5, 0.58, 0.6, 0.78][i],
        ];
        c.disc(at, size * d.f(0.2, 0.25), 0.0, times(leaves, 0.92 + 0.05 * t), 1.0);
    }
}

/// A fir of three tiers.
fn fir(c: &mut Canvas, foot: Point, size: f32, needles: Rgb, trunk: Rgb, snow: bool) {
    let w = size * 0.04;
    c.rect([foot[0] - w, foot[1] - size * 0.2], [foot[0] + w, foot[1]], 0.0, trunk, 1.0);
    for i in 0..3 {
        let k = i as f32;
        let (top, half) = (foot[1] - size * (0.55 + 0.22 * k), size * (0.26 - 0.055 * k));
        let low = foot[1] - size * (0.12 + 0.24 * k);
        let tip = [foot[0], top];
        c.polygon(
            &[tip, [foot[0] + half, low], [foot[0] - half, low]],
            times(needles, 0.9 + 0.09 * k),
            1.0,
        );
        if snow {
            let (y, part) = (top + (low - top) * 0.42, half * 0.42);
            c.polygon(&[tip, [foot[0] + part, y], [foot[0] - part, y]], hex(0xf4f8fc), 0.92);
        }
    }
}

fn greens(d: &mut Dice) -> Rgb {
    d.one(&[hex(0x7cb55b), hex(0x8dbf55), hex(0x6aa968), hex(0xa3bf5e), hex(0x93b87a)], [0.5; 3])
}

pub(super) fn hills(c: &mut Canvas, d: &mut Dice) {
    let air = Air::daylight(d);
    let horizon = d.f(0.42, 0.6);
    sky(c, d, &air, horizon + 0.1);
    let green = greens(d);
    let far = d.one(&[hex(0x7f9fc0), hex(0x8ca9b0), hex(0x9aa3c4)], [0.6; 3]);
    let layers = d.int(3, 5);
    for i in 0..layers {
        let near = i as f32 / (layers - 1) as f32;
        let base = horizon + (0.84 - horizon) * near.powf(1.25);
        let line = rolling(d, 1.6 - 0.5 * near);
        let height = 0.075 - 0.035 * near;
        let edge = |x: f32| base + height * line(x);
        let own = lit(mix(far, green, smooth(0.0, 0.55, near)), air.light);
        let own = mix(air.haze, own, 0.35 + 0.65 * near);
        c.below(edge, |depth| times(own, 1.05 - 0.35 * depth.min(0.5)));
        if near > 0.2 && near < 0.95 {
            for _ in 0..d.int(0, 6) {
                let x = d.f(0.0, c.aspect);
                let size = (0.06 + 0.09 * near) * d.f(0.8, 1.2);
                let leaves = times(own, d.f(0.72, 0.88));
                let trunk = mix(hex(0x7a5a44), air.haze, 0.5 - 0.4 * near);
                let foot = [x, edge(x) + 0.012];
                if d.chance(0.5) {
                    round_tree(c, d, foot, size, leaves, trunk);
                } else {
                    fir(c, foot, size, leaves, trunk, false);
                }
            }
        }
    }
}

pub(super) fn meadow(c: &mut Canvas, d: &mut Dice) {
    let air = Air::daylight(d);
    let horizon = d.f(0.42, 0.56);
    sky(c, d, &air, horizon);
    let green = lit(greens(d), air.light);
    let wood = mix(air.haze, times(green, 0.75), 0.55);
    let tops = rolling(d, 0.25);
    c.below(|x| horizon - 0.045 + 0.018 * tops(x), |_| wood);
    let line = rolling(d, 2.4);
    let edge = |x: f32| horizon + 0.012 * line(x);
    c.below(edge, |depth| {
        mix(mix(air.haze, green, 0.7), times(green, 0.82), smooth(0.0, 0.55, depth))
    });
    // Mown bands and soft patches.
    let patches = c.noise(d, 0.35);
    let ground = horizon + 0.02;
    let height = c.height as f32;
    let width = c.width;
    let mut at = 0usize;
    let bands: Vec<f32> = patches
        .iter()
        .map(|v| {
            let y = (at / width) as f32 / height;
            at += 1;
            if y > ground { (v - 0.5) * 0.14 * smooth(ground, ground + 0.15, y) } else { 0.0 }
        })
        .collect();
    c.with(&bands, |v, old| times(old, 1.0 + v));
    for _ in 0..d.int(1, 4) {
        let x = d.f(0.0, c.aspect);
        let size = d.f(0.12, 0.26);
        let leaves = times(green, d.f(0.7, 0.85));
        round_tree(c, d, [x, edge(x) + 0.02], size, leaves, hex(0x80604a));
    }
    let petals = d.one(&[hex(0xffffff), hex(0xfbe27a), hex(0xf2a7b8), hex(0xc9b0ee)], [1.0; 3]);
    for _ in 0..d.int(20, 60) {
        let near = d.f(0.0, 1.0).sqrt();
        let at = [d.f(0.0, c.aspect), ground + 0.06 + (0.96 - ground) * near];
        let r = 0.003 + 0.006 * near;
        if d.chance(0.45) {
            c.line(
                at,
                [at[0] + d.f(-0.01, 0.01), at[1] + 4.0 * r],
                r * 0.3,
                times(green, 0.7),
                0.8,
            );
            c.disc(at, r, 0.0, lit(petals, air.light), 0.85);
            c.disc(at, r * 0.4, 0.0, hex(0xe8b23c), 0.85);
        } else {
            let up = [at[0] + d.f(-0.012, 0.012), at[1] - 0.02 - 0.03 * near];
            c.line(at, up, 0.0015 + 0.0012 * near, times(green, d.f(0.72, 1.15)), 0.7);
        }
    }
}

/// Water from `top` down: bands that grow wider toward the eye.
fn water(c: &mut Canvas, d: &mut Dice, top: f32, far: Rgb, near: Rgb) {
    c.rows(top, 1.0, |y| mix(far, near, smooth(top, 1.0, y)));
    for _ in 0..70 {
        let t = d.f(0.0, 1.0);
        let y = top + 0.006 + (1.0 - top) * t * t;
        let at = [d.f(-0.1, 1.1) * c.aspect, y];
        let half = (0.03 + 0.16 * t) * d.f(0.4, 1.2);
        let tone = if d.chance(0.6) { mix(far, [1.0; 3], 0.35) } else { times(near, 0.82) };
        c.ellipse(at, [half, 0.0015 + 0.004 * t], 0.003, tone, d.f(0.15, 0.4));
    }
}

pub(super) fn sea(c: &mut Canvas, d: &mut Dice) {
    let air = Air::daylight(d);
    let horizon = d.f(0.36, 0.52);
    sky(c, d, &air, horizon);
    if d.chance(0.6) {
        let line = rolling(d, 0.8);
        let shift = d.f(0.0, 6.0);
        let island = mix(air.haze, hex(0x6f8f9a), 0.5);
        c.below(|x| horizon + 0.012 - 0.06 * smooth(-0.1, 0.9, line(x + shift)), |_| island);
    }
    let near = d.one(&[hex(0x2f78a8), hex(0x2c8d9e), hex(0x3f6fa0), hex(0x4aa0a8)], [0.3; 3]);
    let far = mix(air.low, near, 0.55);
    water(c, d, horizon, lit(far, air.light), lit(near, air.light));
}

pub(super) fn beach(c: &mut Canvas, d: &mut Dice) {
    let air = Air::daylight(d);
    let horizon = d.f(0.32, 0.42);
    sky(c, d, &air, horizon);
    let near = d.one(&[hex(0x3f9fb8), hex(0x4ab0b0), hex(0x4f8fc0)], [0.4; 3]);
    water(c, d, horizon, lit(mix(air.low, near, 0.6), air.light), lit(near, air.light));
    let shore = d.f(0.55, 0.64);
    let line = rolling(d, 1.3);
    let sand = lit(d.one(&[hex(0xead9ae), hex(0xe6cfa2), hex(0xf0e2c4)], [0.9; 3]), air.light);
    for (lift, tone, alpha) in [
        (0.03, mix(near, [1.0; 3], 0.4), 0.6),
        (0.012, [0.98; 3], 0.85),
        (0.0, times(sand, 0.86), 1.0),
    ] {
        let under = mix(near, tone, alpha);
        c.below(|x| shore - lift + 0.02 * line(x + lift * 3.0), |_| under);
    }
    c.below(
        |x| shore + 0.035 + 0.02 * line(x + 0.2),
        |depth| mix(sand, times(sand, 1.06), depth * 2.0),
    );
    let specks = c.noise(d, 0.02);
    let height = c.height as f32;
    let (mut at, width) = (0usize, c.width);
    let field: Vec<f32> = specks
        .iter()
        .map(|v| {
            let y = (at / width) as f32 / height;
            at += 1;
            if y > shore + 0.08 { (v - 0.5) * 0.06 } else { 0.0 }
        })
        .collect();
    c.with(&field, |v, old| times(old, 1.0 + v));
    for _ in 0..d.int(3, 9) {
        let at = [d.f(0.0, c.aspect), d.f(shore + 0.1, 1.0)];
        let r = d.f(0.004, 0.012);
        c.ellipse(at, [r * 1.4, r], 0.0, times(sand, d.f(0.75, 1.1)), 0.8);
    }
}

pub(super) fn night(c: &mut Canvas, d: &mut Dice) {
    let top = d.one(&[hex(0x141a3c), hex(0x0f2140), hex(0x1d1a45)], [0.1; 3]);
    let low = d.one(&[hex(0x3d4a86), hex(0x4a4f8f), hex(0x2f5a80), hex(0x6a5590)], [0.3; 3]);
    c.rows(0.0, 1.0, |y| mix(top, low, smooth(0.0, 0.85, y)));
    let haze = c.noise(d, 0.3);
    c.with(&haze, |v, old| mix(old, low, 0.25 * v));
    for _ in 0..d.int(40, 90) {
        let at = [d.f(0.0, c.aspect), d.f(0.0, 0.75)];
        let r = 0.0012 + 0.0022 * d.f(0.0, 1.0).powi(3);
        c.disc(at, r, 0.003, hex(0xfdf6dc), d.f(0.35, 0.95));
    }
    let at = [d.f(0.12, 0.88) * c.aspect, d.f(0.1, 0.3)];
    let r = d.f(0.05, 0.075);
    c.disc(at, r * 3.5, r * 6.0, hex(0xcdd6f4), 0.22);
    c.disc(at, r, 0.004, hex(0xf6f0d6), 1.0);
    for _ in 0..4 {
        let (dx, dy) = (d.f(-0.5, 0.5) * r, d.f(-0.5, 0.5) * r);
        c.disc([at[0] + dx, at[1] + dy], r * d.f(0.1, 0.2), 0.0, hex(0xe0d8bc), 0.8);
    }
    for i in 0..3 {
        let near = i as f32 / 2.0;
        let line = rolling(d, 1.4 - 0.4 * near);
        let base = 0.7 + 0.14 * near;
        let edge = |x: f32| base + (0.06 - 0.02 * near) * line(x);
        let own = mix(low, hex(0x10182f), 0.5 + 0.35 * near);
        c.below(edge, |depth| times(own, 1.1 - 0.5 * depth.min(0.4)));
        for _ in 0..d.int(1, 5) {
            let x = d.f(0.0, c.aspect);
            let foot = [x, edge(x) + 0.012];
            fir(c, foot, d.f(0.08, 0.16), times(own, 0.82), times(own, 0.7), false);
        }
    }
}

pub(super) fn snow(c: &mut Canvas, d: &mut Dice) {
    let air = Air::daylight(d);
    let horizon = d.f(0.44, 0.54);
    sky(c, d, &air, horizon);
    // Mountains with white tops.
    for _ in 0..d.int(2, 4) {
        let x = d.f(0.0, c.aspect);
        let (half, tall) = (d.f(0.25, 0.5), d.f(0.18, 0.32));
        let (top, low) = (horizon - tall, horizon + 0.06);
        let rock = mix(air.haze, hex(0x71809a), 0.6);
        c.polygon(&[[x, top], [x + half, low], [x - half, low]], rock, 1.0);
        c.polygon(&[[x, top], [x + half, low], [x + half * 0.15, low]], times(rock, 0.9), 1.0);
        let (y, part) = (top + (low - top) * 0.34, half * 0.34);
        c.polygon(&[[x, top], [x + part, y], [x - part, y]], hex(0xf5f8fb), 1.0);
    }
    let white = lit(hex(0xf1f5fa), air.light);
    for i in 0..3 {
        let near = i as f32 / 2.0;
        let line = rolling(d, 1.8);
        let base = horizon + 0.02 + 0.2 * near;
        let edge = |x: f32| base + 0.03 * line(x);
        let own = mix(mix(air.haze, white, 0.7), white, near);
        c.below(edge, |depth| {
            mix(own, mix(times(own, 0.93), hex(0xc9d8ec), 0.3), smooth(0.0, 0.35, depth))
        });
        for _ in 0..if i < 2 { d.int(2, 6) } else { 0 } {
            let x = d.f(0.0, c.aspect);
            let needles = mix(air.haze, lit(hex(0x3f7560), air.light), 0.5 + 0.5 * near);
            let size = (0.12 + 0.1 * near) * d.f(0.8, 1.3);
            fir(c, [x, edge(x) + 0.015], size, needles, hex(0x6b5140), true);
        }
    }
    if d.chance(0.5) {
        for _ in 0..50 {
            let at = [d.f(0.0, c.aspect), d.f(0.0, 1.0)];
            c.disc(at, d.f(0.002, 0.005), 0.003, [1.0; 3], 0.75);
        }
    }
}

pub(super) fn forest(c: &mut Canvas, d: &mut Dice) {
    let light = d.one(&[hex(0xdcecc0), hex(0xe9e6b8), hex(0xcfe6d8)], [0.9; 3]);
    let deep = d.one(&[hex(0x5f8a68), hex(0x6f8f58), hex(0x578a7a)], [0.4; 3]);
    c.rows(0.0, 1.0, |y| mix(mix(light, deep, 0.35), light, smooth(0.0, 0.6, y)));
    let leaves = c.noise(d, 0.12);
    c.with(&leaves, |v, old| mix(old, deep, 0.3 * smooth(0.4, 0.8, v)));
    let ground = d.f(0.58, 0.64);
    for i in 0..3 {
        let near = i as f32 / 2.0;
        let tone = mix(mix(light, deep, 0.55), hex(0x5d4a3c), 0.25 + 0.6 * near);
        let base = ground + 0.09 * near;
        for _ in 0..d.int(3, 6) {
            let x = d.f(-0.02, 1.02) * c.aspect;
            let w = (0.012 + 0.026 * near) * d.f(0.7, 1.3);
            let lean = d.f(-0.02, 0.02);
            c.polygon(
                &[
                    [x - w * 0.75 + lean, -0.05],
                    [x + w * 0.75 + lean, -0.05],
                    [x + w * 1.25, base + 0.02],
                    [x - w * 1.25, base + 0.02],
                ],
                tone,
                1.0,
            );
            c.polygon(
                &[
                    [x + w * 0.2 + lean, -0.05],
                    [x + w * 0.75 + lean, -0.05],
                    [x + w * 1.25, base + 0.02],
                    [x + w * 0.4, base + 0.02],
                ],
                times(tone, 0.86),
                1.0,
            );
        }
        let line = rolling(d, 0.9);
        let floor = mix(mix(light, deep, 0.5), times(deep, 0.95), near);
        c.below(|x| base + 0.012 * line(x), |depth| times(floor, 1.04 - 0.4 * depth.min(0.5)));
    }
    // The roof of leaves.
    for _ in 0..16 {
        let at = [d.f(-0.05, 1.05) * c.aspect, d.f(-0.12, 0.06)];
        c.disc(at, d.f(0.07, 0.15), 0.006, times(deep, d.f(0.75, 1.05)), 0.95);
    }
    for _ in 0..d.int(10, 26) {
        let near = d.f(0.0, 1.0);
        let at = [d.f(0.0, c.aspect), ground + 0.12 + (0.9 - ground) * near];
        let up = [at[0] + d.f(-0.02, 0.02), at[1] - 0.02 - 0.04 * near];
        c.line(at, up, 0.002 + 0.002 * near, times(deep, d.f(0.7, 1.1)), 0.8);
    }
}
