//! The clip's sound: a bell, a drum, a whistling bird, each where it stands.

use std::f64::consts::TAU;

use super::story::{BELL_STRIKES, BIRD_CALLS, CLIP_SECS, DRUM_HITS, Drummer};

/// Samples per second.
pub(super) const RATE: u32 = 48_000;

/// Left and right gain of something at `x` (0 left edge, 1 right edge), equal power, not hard.
fn pan(x: f64) -> [f64; 2] {
    let angle = (0.2 + 0.6 * x) * std::f64::consts::FRAC_PI_2;
    [angle.cos(), angle.sin()]
}

/// Partials of a small bell: ratio to the strike note, loudness, seconds to fall to 1/e.
const PARTIALS: [(f64, f64, f64); 7] = [
    (0.5, 0.35, 1.1),
    (1.0, 0.55, 0.9),
    (1.19, 0.40, 0.7),
    (1.5, 0.20, 0.6),
    (2.0, 0.50, 0.5),
    (2.66, 0.22, 0.3),
    (4.1, 0.16, 0.15),
];

fn bell(t: f64) -> f64 {
    let mut sum = 0.0;
    for strike in BELL_STRIKES {
        let s = t - strike;
        if !(0.0..4.0).contains(&s) {
            continue;
        }
        let attack = (s / 0.002).min(1.0);
        let ring: f64 = PARTIALS
            .iter()
            .map(|(ratio, gain, fall)| gain * (-s / fall).exp() * (TAU * 660.0 * ratio * s).sin())
            .sum();
        sum += attack * ring;
    }
    // The swing ends, a hand closes round the bell: silence before the drum begins.
    0.30 * sum * fade(t, 3.55, 3.95)
}

fn fade(t: f64, from: f64, to: f64) -> f64 {
    (1.0 - (t - from) / (to - from)).clamp(0.0, 1.0)
}

/// Repeatable noise in -1 to 1.
fn hiss(i: i64) -> f64 {
    let mut h = (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    h = (h ^ (h >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((h ^ (h >> 32)) & 0xff_ffff) as f64 / f64::from(0x7f_ffff) - 1.0
}

fn drum(t: f64) -> f64 {
    let mut sum = 0.0;
    for (hit, who) in DRUM_HITS {
        let s = t - hit;
        if !(0.0..0.6).contains(&s) {
            continue;
        }
        let (low, drop) = match who {
            Drummer::Left => (86.0, 70.0),
            Drummer::Right => (118.0, 60.0),
        };
        // The skin's note falls as the blow dies away.
        let phase = low * s + drop * 0.05 * (1.0 - (-s / 0.05).exp());
        let skin = (TAU * phase).sin() * (-s / 0.16).exp();
        let slap = hiss((s * f64::from(RATE)) as i64) * (-s / 0.018).exp();
        sum += (s / 0.0015).min(1.0) * (0.8 * skin + 0.35 * slap);
    }
    // The last blow is damped before the bird's turn.
    0.62 * sum * fade(t, 7.7, 7.95)
}

fn bird(t: f64) -> f64 {
    let mut sum = 0.0;
    for (start, length, from, to) in BIRD_CALLS {
        let s = t - start;
        if !(0.0..length).contains(&s) {
            continue;
        }
        let x = s / length;
        let envelope = (std::f64::consts::PI * x).sin().powf(0.6);
        // A glide with a slight warble; the phase is the integral of the pitch.
        let glide = from * s + (to - from) * s * x / 2.0;
        let warble = 60.0 / 28.0 * (1.0 - (TAU * 28.0 * s).cos()) / TAU;
        let phase = TAU * (glide + warble);
        sum += envelope * (phase.sin() + 0.12 * (2.0 * phase).sin());
    }
    0.30 * sum
}

/// Interleaved stereo samples `range` of the clip, in -1 to 1; silence beyond its end.
pub(super) fn samples(range: std::ops::Range<u64>) -> Vec<f32> {
    let total = (CLIP_SECS * f64::from(RATE)) as u64;
    let places = [pan(0.2), pan(0.5), pan(0.8)];
    let mut out = Vec::with_capacity(2 * (range.end.saturating_sub(range.start)) as usize);
    for i in range {
        if i >= total {
            out.extend([0.0, 0.0]);
            continue;
        }
        let t = i as f64 / f64::from(RATE);
        let parts = [bell(t), drum(t), bird(t)];
        for side in 0..2 {
            let v: f64 = parts.iter().zip(&places).map(|(p, g)| p * g[side]).sum();
            out.push(v.clamp(-1.0, 1.0) as f32);
        }
    }
    out
}
