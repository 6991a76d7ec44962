//! Places that people built.

use super::super::Dice;
use super::outdoors::{Air, sky};
use super::paint::{Canvas, Chance, Point, Rgb, hex, hsv, lit, mix, smooth, times};

pub(super) fn street(c: &mut Canvas, d: &mut Dice) {
    let air = Air::daylight(d);
    let kerb = d.f(0.66, 0.72);
    let day: Rgb = [0.97, 0.97, 0.97];
    sky(c, d, &air, 0.7);
    // Far roofs.
    let mut x = -0.1f32;
    while x < c.aspect + 0.1 {
        let (w, top) = (d.f(0.08, 0.2), d.f(0.26, 0.42));
        c.rect([x, top], [x + w, kerb], 0.0, mix(air.haze, hex(0x8797ac), 0.35), 1.0);
        x += w;
    }
    let mut x = d.f(-0.2, 0.0);
    while x < c.aspect {
        let w = d.f(0.24, 0.42);
        let top = d.f(0.24, 0.42);
        let wall = lit(
            hsv(
                d.one(&[0.06, 0.1, 0.03, 0.55, 0.95, 0.13, 0.4], 0.1),
                d.f(0.12, 0.36),
                d.f(0.78, 0.95),
            ),
            day,
        );
        house(c, d, [x, top], [x + w, kerb - 0.02], wall);
        x += w + if d.chance(0.3) { d.f(0.03, 0.12) } else { 0.0 };
    }
    // Pavement, kerb, road.
    let stone = d.one(&[hex(0xc9c4bc), hex(0xbfc3c8), hex(0xd2c8b8)], [0.8; 3]);
    c.rows(kerb - 0.03, kerb + 0.06, |y| times(stone, 0.92 + 1.2 * (y - kerb)));
    c.rows(kerb + 0.06, kerb + 0.075, |_| times(stone, 0.78));
    let road = d.one(&[hex(0x767c86), hex(0x6c7078), hex(0x85878b)], [0.45; 3]);
    c.rows(kerb + 0.075, 1.0, |y| times(road, 0.94 + 0.3 * (y - kerb)));
    let (mut x, dash) = (d.f(-0.2, 0.0), d.f(0.1, 0.16));
    let y = kerb + 0.075 + (1.0 - kerb - 0.075) * 0.55;
    while x < c.aspect {
        let corners =
            [[x + 0.012, y], [x + dash + 0.012, y], [x + dash, y + 0.018], [x, y + 0.018]];
        c.polygon(&corners, hex(0xeeeade), 0.85);
        x += dash * 2.1;
    }
    if d.chance(0.6) {
        let x = d.f(0.1, 0.9) * c.aspect;
        let metal = hex(0x4d5560);
        c.rect([x - 0.006, 0.3], [x + 0.006, kerb + 0.02], 0.003, metal, 1.0);
        c.rect([x - 0.02, kerb], [x + 0.02, kerb + 0.022], 0.006, metal, 1.0);
        c.rect([x - 0.024, 0.24], [x + 0.024, 0.31], 0.014, hex(0xfdf3cf), 1.0);
        c.rect([x - 0.03, 0.232], [x + 0.03, 0.246], 0.004, metal, 1.0);
    }
}

fn house(c: &mut Canvas, d: &mut Dice, lo: Point, hi: Point, wall: Rgb) {
    let w = hi[0] - lo[0];
    c.rect_of(lo, hi, 0.0, |p| (times(wall, 1.03 - 0.12 * (p[1] - lo[1])), 1.0));
    let roof = d.one(&[hex(0xa8604e), hex(0x7b6a72), hex(0x8a5a50), hex(0x5f6f80)], [0.5; 3]);
    let tall = d.f(0.05, 0.1);
    let over = w * 0.04;
    if d.chance(0.6) {
        let tip = lo[0] + w * 0.5;
        let corners = [[tip, lo[1] - tall * 1.3], [hi[0] + over, lo[1]], [lo[0] - over, lo[1]]];
        c.polygon(&corners, roof, 1.0);
    } else {
        c.rect([lo[0] - over, lo[1] - 0.022], [hi[0] + over, lo[1] + 0.008], 0.004, roof, 1.0);
    }
    let columns = if w > 0.33 { 3 } else { 2 };
    let frame = hex(0xf7f3ea);
    let glass = d.one(&[hex(0x9fc0d4), hex(0x86a7c0), hex(0xb9cfd6)], [0.7; 3]);
    let (cell, pane) = (w / columns as f32, w / columns as f32 * 0.46);
    let floors = (((hi[1] - lo[1]) / 0.15) as u32).clamp(1, 4);
    let floor = (hi[1] - lo[1]) / floors as f32;
    let door = d.int(0, columns - 1);
    for row in 0..floors {
        for k in 0..columns {
            let x = lo[0] + cell * (k as f32 + 0.5);
            let y = lo[1] + floor * (row as f32 + 0.24);
            if row + 1 == floors && k == door {
                let tone = d.one(&[hex(0x6b4f3f), hex(0x47687a), hex(0x7a3f3f)], [0.4; 3]);
                c.rect([x - pane * 0.55, y], [x + pane * 0.55, hi[1]], 0.006, tone, 1.0);
                c.disc([x + pane * 0.32, y + floor * 0.42], 0.005, 0.0, hex(0xe8d48a), 1.0);
                continue;
            }
            let (half, tall) = (pane * 0.5, floor * 0.5);
            c.rect(
                [x - half - 0.007, y - 0.007],
                [x + half + 0.007, y + tall + 0.007],
                0.003,
                frame,
                1.0,
            );
            let lit_up = d.chance(0.12);
            let tone = if lit_up { hex(0xf6e2a6) } else { glass };
            c.rect_of([x - half, y], [x + half, y + tall], 0.0, |p| {
                (times(tone, 1.08 - 0.6 * (p[1] - y)), 1.0)
            });
            c.rect([x - 0.003, y], [x + 0.003, y + tall], 0.0, frame, 1.0);
        }
    }
}

pub(super) fn room(c: &mut Canvas, d: &mut Dice) {
    let floor = d.f(0.64, 0.74);
    let hue = d.one(&[0.09, 0.13, 0.33, 0.5, 0.57, 0.75, 0.95, 0.04], 0.1);
    let wall = hsv(hue, d.f(0.08, 0.34), d.f(0.74, 0.94));
    c.rows(0.0, floor, |y| times(wall, 0.94 + 0.1 * y));
    match d.int(0, 3) {
        0 => {
            let (width, by) = (d.f(0.05, 0.11), d.f(0.94, 0.975));
            c.every(
                |p, old| if (p[0] / width).rem_euclid(2.0) < 1.0 { times(old, by) } else { old },
            );
        }
        1 => {
            let gap = d.f(0.07, 0.12);
            let tone = mix(wall, [1.0; 3], 0.4);
            let mut row = 0;
            let mut y = gap * 0.4;
            while y < floor {
                let mut x = if row % 2 == 0 { gap * 0.3 } else { gap * 0.8 };
                while x < c.aspect {
                    c.disc([x, y], gap * 0.09, 0.0, tone, 0.8);
                    x += gap;
                }
                y += gap * 0.8;
                row += 1;
            }
        }
        _ => {}
    }
    // Boards or carpet.
    let wood = d.one(
        &[hex(0xb98a5e), hex(0xc9a27a), hex(0x9c7450), hex(0xa99a8c), hex(0x8f9aa5)],
        [0.6; 3],
    );
    c.rows(floor, 1.0, |y| times(wood, 0.86 + 0.5 * (y - floor)));
    let middle = c.aspect / 2.0;
    let mut x = -1.6f32;
    while x < 1.6 {
        let (a, b) = (middle + x * 0.62, middle + x * 1.35);
        c.line([a, floor], [b, 1.0], 0.0016, times(wood, 0.74), 0.6);
        x += 0.16;
    }
    c.rect([-0.1, floor - 0.03], [c.aspect + 0.1, floor], 0.0, mix(wall, [1.0; 3], 0.65), 1.0);
    c.rect([-0.1, floor], [c.aspect + 0.1, floor + 0.012], 0.0, times(wood, 0.7), 0.5);
    if d.chance(0.65) {
        window(c, d, floor);
    }
    for _ in 0..d.int(0, 2) {
        let at = [d.f(0.08, 0.92) * c.aspect, d.f(0.14, 0.36)];
        let (w, h) = (d.f(0.05, 0.11), d.f(0.05, 0.1));
        let frame = d.one(&[hex(0x8a6a4c), hex(0x40444c), hex(0xe9e2d2)], [0.4; 3]);
        c.rect(
            [at[0] - w + 0.006, at[1] - h + 0.01],
            [at[0] + w + 0.008, at[1] + h + 0.012],
            0.004,
            times(wall, 0.75),
            0.5,
        );
        c.rect([at[0] - w, at[1] - h], [at[0] + w, at[1] + h], 0.003, frame, 1.0);
        let (a, b) = (hsv(d.f(0.0, 1.0), 0.25, 0.9), hsv(d.f(0.0, 1.0), 0.4, 0.7));
        let (turn, k) = (at[1] + d.f(-0.3, 0.3) * h, d.f(-0.5, 0.5));
        c.rect_of(
            [at[0] - w + 0.01, at[1] - h + 0.01],
            [at[0] + w - 0.01, at[1] + h - 0.01],
            0.0,
            |p| (if p[1] < turn + k * (p[0] - at[0]) { a } else { b }, 1.0),
        );
    }
    if d.chance(0.55) {
        let rug = hsv(d.f(0.0, 1.0), d.f(0.2, 0.5), d.f(0.55, 0.85));
        let at = [d.f(0.3, 0.7) * c.aspect, d.f(0.86, 0.92)];
        let r = [d.f(0.3, 0.5), d.f(0.06, 0.085)];
        c.ellipse(at, r, 0.0, rug, 0.95);
        c.ellipse(at, [r[0] * 0.86, r[1] * 0.8], 0.0, mix(rug, [1.0; 3], 0.3), 0.95);
        c.ellipse(at, [r[0] * 0.8, r[1] * 0.72], 0.0, rug, 0.95);
    }
}

fn window(c: &mut Canvas, d: &mut Dice, floor: f32) {
    let at = [d.f(0.18, 0.82) * c.aspect, floor * d.f(0.42, 0.5)];
    let half = [d.f(0.12, 0.2), d.f(0.13, 0.18)];
    let lo = [at[0] - half[0], at[1] - half[1]];
    let hi = [at[0] + half[0], at[1] + half[1]];
    let frame = hex(0xf5f1e8);
    c.rect([lo[0] - 0.018, lo[1] - 0.018], [hi[0] + 0.018, hi[1] + 0.018], 0.005, frame, 1.0);
    let (top, low) = d.one(
        &[
            (hex(0x7fbcea), hex(0xdff1f8)),
            (hex(0xa8b6da), hex(0xffdcc0)),
            (hex(0x20305c), hex(0x5a6aa0)),
        ],
        ([0.5; 3], [0.8; 3]),
    );
    let hill = d.f(0.2, 0.7);
    c.rect_of(lo, hi, 0.0, |p| {
        let t = (p[1] - lo[1]) / (hi[1] - lo[1]);
        let bump = hill + 0.1 * ((p[0] - lo[0]) * 17.0).sin();
        let far = mix(mix(top, low, t), hex(0x6f9f6a), 0.7 * smooth(bump, bump + 0.04, t));
        (far, 1.0)
    });
    c.rect([at[0] - 0.005, lo[1]], [at[0] + 0.005, hi[1]], 0.0, frame, 1.0);
    c.rect([lo[0], at[1] - 0.005], [hi[0], at[1] + 0.005], 0.0, frame, 1.0);
    c.rect(
        [lo[0] - 0.03, hi[1] + 0.016],
        [hi[0] + 0.03, hi[1] + 0.034],
        0.004,
        times(frame, 0.94),
        1.0,
    );
    if d.chance(0.6) {
        let cloth = hsv(d.f(0.0, 1.0), d.f(0.2, 0.45), d.f(0.7, 0.9));
        let (top, end) = (lo[1] - 0.04, hi[1] + 0.07);
        for side in [-1.0f32, 1.0] {
            let outer = at[0] + side * (half[0] + 0.05);
            let inner = at[0] + side * half[0] * 0.62;
            let (a, b) = (outer.min(inner), outer.max(inner));
            c.rect_of([a, top], [b, end], 0.006, |p| {
                (times(cloth, 0.93 + 0.07 * ((p[0] - a) * 190.0).sin()), 1.0)
            });
        }
        c.rect([lo[0] - 0.08, top - 0.012], [hi[0] + 0.08, top], 0.005, hex(0x7a6048), 1.0);
    }
}

pub(super) fn stage(c: &mut Canvas, d: &mut Dice) {
    let floor = d.f(0.68, 0.74);
    let back =
        hsv(d.one(&[0.6, 0.66, 0.75, 0.85, 0.55, 0.08], 0.6), d.f(0.3, 0.55), d.f(0.32, 0.55));
    let middle = c.aspect / 2.0;
    c.every(|p, _| {
        let r = ((p[0] - middle).powi(2) + (p[1] - 0.45).powi(2)).sqrt();
        times(back, 1.25 - 0.6 * r)
    });
    let folds = d.f(40.0, 70.0);
    c.every(|p, old| times(old, 1.0 + 0.035 * (p[0] * folds).sin()));
    let wood = d.one(&[hex(0xa8794f), hex(0xb58a60), hex(0x8f6a4a)], [0.6; 3]);
    c.rows(floor, 1.0, |y| times(wood, 0.72 + 0.8 * (y - floor)));
    let mut y = floor;
    let mut step = 0.016;
    while y < 1.0 {
        c.rect([-0.1, y], [c.aspect + 0.1, y + 0.0028], 0.0, times(wood, 0.55), 0.7);
        y += step;
        step *= 1.3;
    }
    // Cones of light.
    let warm = d.one(&[hex(0xfff0c8), hex(0xffe0d0), hex(0xe0ecff)], [1.0; 3]);
    for _ in 0..d.int(1, 3) {
        let (from, to) = (d.f(0.15, 0.85) * c.aspect, d.f(0.2, 0.8) * c.aspect);
        let w = d.f(0.12, 0.2);
        let end = floor + 0.13;
        c.polygon(
            &[[from - 0.02, -0.02], [from + 0.02, -0.02], [to + w, end], [to - w, end]],
            warm,
            0.13,
        );
        c.ellipse([to, end], [w * 1.05, 0.05], 0.03, warm, 0.22);
    }
    // Curtains.
    let cloth =
        d.one(&[hex(0xa82f3a), hex(0x8a2f5a), hex(0x2f6a5a), hex(0x35489a)], [0.6, 0.1, 0.1]);
    let wide = d.f(0.1, 0.17) * c.aspect.min(1.4);
    let ripple = d.f(75.0, 110.0);
    for side in [0.0, 1.0] {
        let (a, b) = if side == 0.0 { (-0.05, wide) } else { (c.aspect - wide, c.aspect + 0.05) };
        let sway = d.f(0.0, 6.0);
        c.rect_of([a, -0.1], [b, floor + 0.05], 0.012, |p| {
            (times(cloth, 0.86 + 0.16 * (p[0] * ripple + sway).sin()), 1.0)
        });
    }
    let scallop = d.f(0.14, 0.22);
    let (top, cloth) = (0.055, times(cloth, 1.06));
    c.shape(
        [-0.1, -0.1],
        [c.aspect + 0.1, 0.16],
        0.0,
        |p| {
            let t = (p[0] / scallop).rem_euclid(1.0) - 0.5;
            p[1] - top - 0.04 * (1.0 - 4.0 * t * t)
        },
        |p| (times(cloth, 0.9 + 0.1 * (p[0] * ripple * 0.7).sin()), 1.0),
    );
}
