//! Backgrounds that show nothing: six textures, alone or one over the other.

use super::super::Dice;
use super::paint::{Canvas, Chance, Rgb, hsv, mix, smooth};

/// Two colours that go together, neither glaring.
fn colours(d: &mut Dice) -> [Rgb; 3] {
    let h = d.f(0.0, 1.0);
    let near = d.one(&[0.04, -0.05, 0.1, -0.12, 0.45], 0.0);
    let (s, v) = (d.f(0.08, 0.55), d.f(0.4, 0.95));
    let a = hsv(h, s, v);
    let darker = (v + d.one(&[-0.3, -0.18, 0.18, 0.28], 0.2)).clamp(0.25, 0.98);
    let b = hsv(h + near, d.f(0.08, 0.5), darker);
    let c = hsv(d.f(0.0, 1.0), d.f(0.1, 0.6), d.f(0.35, 0.95));
    [a, b, c]
}

/// A plain or patterned surface.
pub(super) fn paint(c: &mut Canvas, d: &mut Dice) {
    let [a, b, over] = colours(d);
    match d.int(0, 5) {
        0 => gradient(c, d, a, b),
        1 => stripes(c, d, a, b),
        2 => {
            let size = d.f(0.04, 0.4);
            let field = c.noise(d, size);
            c.with(&field, |v, _| mix(a, b, smooth(0.15, 0.85, v)));
        }
        3 => {
            let (coarse, fine) = (d.f(0.2, 0.5), d.f(0.02, 0.08));
            let (one, two) = (c.noise(d, coarse), c.noise(d, fine));
            let share = d.f(0.2, 0.5);
            let field: Vec<f32> = one.iter().zip(&two).map(|(x, y)| x + (y - x) * share).collect();
            c.with(&field, |v, _| mix(a, b, smooth(0.2, 0.8, v)));
        }
        4 => blobs(c, d, a, b),
        _ => checks(c, d, a, b),
    }
    if d.chance(0.5) {
        let (size, most) = (d.f(0.05, 0.5), d.f(0.1, 0.45));
        let field = c.noise(d, size);
        c.with(&field, |v, old| mix(old, over, most * smooth(0.35, 0.9, v)));
    }
    // Light from one side.
    let (turn, fall) = (d.f(0.0, std::f32::consts::TAU), d.f(0.0, 0.22));
    let (s, k) = turn.sin_cos();
    let middle = c.aspect / 2.0;
    c.every(|p, old| {
        let along = ((p[0] - middle) * k + (p[1] - 0.5) * s).clamp(-1.0, 1.0);
        old.map(|v| v * (1.0 + fall * along))
    });
}

fn gradient(c: &mut Canvas, d: &mut Dice, a: Rgb, b: Rgb) {
    if d.chance(0.35) {
        let at = [d.f(0.2, 0.8) * c.aspect, d.f(0.2, 0.8)];
        let reach = d.f(0.6, 1.2);
        c.every(|p, _| {
            let r = ((p[0] - at[0]).powi(2) + (p[1] - at[1]).powi(2)).sqrt();
            mix(a, b, smooth(0.0, reach, r))
        });
    } else {
        let (s, k) = d.f(0.0, std::f32::consts::TAU).sin_cos();
        let middle = c.aspect / 2.0;
        c.every(|p, _| mix(a, b, 0.5 + 0.75 * ((p[0] - middle) * k + (p[1] - 0.5) * s)));
    }
}

fn stripes(c: &mut Canvas, d: &mut Dice, a: Rgb, b: Rgb) {
    let (s, k) = d.f(0.0, std::f32::consts::PI).sin_cos();
    let (period, soft, share) = (d.f(0.06, 0.26), d.f(0.02, 0.2), d.f(0.3, 0.6));
    let (bend, wave) = (d.f(0.0, 0.03), d.f(2.0, 9.0));
    let b = mix(a, b, d.f(0.4, 0.9));
    c.every(|p, _| {
        let along = p[0] * s - p[1] * k;
        let t = ((p[0] * k + p[1] * s + bend * (along * wave).sin()) / period).rem_euclid(1.0);
        let away = (t - 0.5).abs() * 2.0;
        mix(b, a, smooth(share - soft, share + soft, away))
    });
}

fn checks(c: &mut Canvas, d: &mut Dice, a: Rgb, b: Rgb) {
    let (s, k) = d.f(0.0, std::f32::consts::FRAC_PI_2).sin_cos();
    let cell = d.f(0.07, 0.25);
    let b = mix(a, b, d.f(0.3, 0.85));
    // About a pixel of softness.
    let sharp = cell * c.height as f32 / 1.5;
    c.every(|p, _| {
        let side = |v: f32| {
            let t = (v / cell).rem_euclid(2.0);
            let inside = (0.5 - (t - 1.0).abs()) * sharp;
            inside.clamp(-0.5, 0.5)
        };
        let (u, v) = (side(p[0] * k + p[1] * s), side(p[1] * k - p[0] * s));
        mix(a, b, 0.5 + 2.0 * u * v)
    });
}

fn blobs(c: &mut Canvas, d: &mut Dice, a: Rgb, b: Rgb) {
    c.every(|_, _| a);
    let soft = d.f(0.02, 0.25);
    for _ in 0..d.int(5, 14) {
        let at = [d.f(0.0, c.aspect), d.f(0.0, 1.0)];
        let r = d.f(0.06, 0.28);
        let tone = mix(mix(a, b, d.f(0.3, 1.0)), hsv(d.f(0.0, 1.0), 0.4, 0.7), d.f(0.0, 0.35));
        let alpha = d.f(0.3, 0.9);
        c.ellipse(at, [r, r * d.f(0.6, 1.3)], soft, tone, alpha);
    }
}
