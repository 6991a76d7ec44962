//! Thunder, fire and waves.

use super::tools::{Curve, Noise, OnePole, Stage, Svf, lerp, peaked, wave};

/// A crack, the rumble that rolls after it, and rain.
pub fn thunder(stage: &mut Stage<'_>) {
    let rate = stage.rate;
    let mut t = stage.begin(0.25);
    let near = stage.range(0.25, 1.0);
    let pace = stage.range(1.8, 3.4);
    while t < stage.secs {
        let sound = thunderclap(stage, near, pace + 0.8);
        let gain = stage.range(0.75, 1.0);
        stage.add(t, &sound, gain);
        stage.beat(t);
        t += stage.about(pace, 0.2);
    }
    // A far storm goes on below, so that it never falls silent.
    let mut noise = stage.noise();
    let mut deep = Svf::new(80.0, 0.7, rate);
    stage.fill(|t| 0.25 * (1.0 + 0.4 * wave(0.9 * t)) * deep.low(noise.white()));
    let rain = stage.range(0.006, 0.03);
    let (mut low, mut high) = (OnePole::new(5000.0, rate), OnePole::new(900.0, rate));
    let mut chance = Noise::new(stage.dice.bits(), rate);
    let mut drop = Svf::new(stage.range(2200.0, 3500.0), 2.0, rate);
    stage.fill(|_| {
        let tick = if chance.unit() * rate < 90.0 { 12.0 * chance.unit().powi(3) } else { 0.0 };
        rain * (high.high(low.low(noise.white())) + drop.band(tick))
    });
}

fn thunderclap(stage: &mut Stage<'_>, near: f64, secs: f64) -> Vec<f64> {
    let rate = stage.rate;
    // The channel's parts arrive one after the other: a dense start, then a long thinning roll.
    let mut hits: Vec<(f64, f64)> = Vec::new();
    let mut t = 0.0;
    let mut gap = lerp(0.05, 0.012, near);
    while t < secs {
        hits.push((t, stage.range(0.4, 1.0)));
        t += gap * stage.range(0.4, 1.8);
        gap = (gap * 1.16).min(0.28);
    }
    let mut noise = stage.noise();
    let mut low = Svf::new(600.0, 0.7, rate);
    let mut crack = OnePole::new(lerp(1200.0, 4500.0, near), rate);
    let mut thin = OnePole::new(300.0, rate);
    let mut rumble = Svf::new(stage.range(70.0, 130.0), 0.8, rate);
    let corner = Curve::new(&[
        (0.0, lerp(500.0, 2600.0, near)),
        (0.12, lerp(350.0, 900.0, near)),
        (0.4, 240.0),
        (1.0, 120.0),
    ]);
    let level = Curve::new(&[(0.0, 1.0), (0.15, 0.75), (0.5, 0.4), (1.0, 0.0)]);
    let n = stage.samples(secs);
    let (mut i, mut energy, mut slow) = (0, 0.0f64, 0.0f64);
    let (fast_fall, slow_fall) = ((-1.0 / (0.035 * rate)).exp(), (-1.0 / (0.22 * rate)).exp());
    let rise = 1.0 - (-1.0 / (0.002 * rate)).exp();
    let (mut aim, mut loud) = (0.0f64, 1.0);
    let mut out = Vec::with_capacity(n);
    for k in 0..n {
        let s = k as f64 / rate;
        while i < hits.len() && hits[i].0 <= s {
            aim = aim.max(hits[i].1);
            slow = (slow + 0.5 * hits[i].1).min(1.6);
            i += 1;
        }
        energy += (aim - energy) * rise;
        aim *= fast_fall;
        slow *= slow_fall;
        let x = s / secs;
        if k % 64 == 0 {
            low.set(corner.at(x), 0.7, rate);
            loud = level.at(x);
        }
        let white = noise.white();
        let sharp = thin.high(crack.low(white)) * near * (-s / 0.09).exp();
        let roll = low.low(white) * (0.25 + energy);
        out.push(
            loud * (1.1 * sharp * energy + 1.3 * roll * energy + 6.0 * slow * rumble.low(white)),
        );
    }
    // Air this loud is not linear.
    peaked(out.iter().map(|v| (1.5 * v).tanh()).collect())
}

/// Crackling: pops of every size at random over a soft flutter of flames.
pub fn fire(stage: &mut Stage<'_>) {
    let rate = stage.rate;
    let pace = stage.octaves(12.0, 34.0);
    let tone = stage.octaves(1300.0, 3200.0);
    let pops: Vec<Vec<f64>> = (0..10).map(|_| pop(stage, tone)).collect();
    let mut t = 0.0;
    while t < stage.secs {
        // Most pops are small, a few are loud; they come in clusters.
        let size = stage.dice.unit().powi(4);
        let which = stage.dice.int(0, 9) as usize;
        stage.add(t, &pops[which], 0.06 + 0.94 * size);
        if size > 0.3 {
            stage.beat(t);
        }
        let wait = -(1.0 - stage.dice.unit()).ln() / pace;
        t += if stage.chance(0.35) { 0.25 * wait } else { wait.min(0.4) };
    }
    let flames = stage.range(0.03, 0.08);
    let (slow, quick) = (stage.range(0.8, 1.6), stage.range(3.0, 6.5));
    let mut noise = stage.noise();
    let (mut body, mut hiss) =
        (Svf::new(stage.range(140.0, 260.0), 0.6, rate), Svf::new(2600.0, 0.5, rate));
    stage.fill(|t| {
        let flutter = 1.0 + 0.3 * wave(slow * t) + 0.35 * wave(quick * t + 0.3 * wave(0.7 * t));
        let white = noise.white();
        flames * flutter * (2.2 * body.band(white) + 0.22 * hiss.band(white))
    });
}

fn pop(stage: &mut Stage<'_>, tone: f64) -> Vec<f64> {
    let rate = stage.rate;
    let hz = stage.octaves(0.55 * tone, 1.9 * tone);
    let mut band = Svf::new(hz, stage.range(0.8, 2.2), rate);
    let fall = stage.octaves(0.0012, 0.006);
    let mut noise = stage.noise();
    let n = stage.samples(0.04);
    let sound = (0..n)
        .map(|i| {
            let t = i as f64 / rate;
            let level = (t / 0.0003).min(1.0) * (-t / fall).exp();
            band.band(noise.white() * level)
        })
        .collect();
    peaked(sound)
}

/// Surf: each wave swells, breaks and runs out in foam, brighter as it breaks.
pub fn wave_surf(stage: &mut Stage<'_>) {
    let rate = stage.rate;
    let period = stage.range(2.2, 4.2);
    // Waves: start, length.
    let mut swells: Vec<(f64, f64, f64)> = Vec::new();
    let mut t = -stage.range(0.0, 0.6) * period;
    while t < stage.secs {
        let length = stage.about(period, 0.2);
        swells.push((t, length, stage.range(0.75, 1.0)));
        stage.beat(t + 0.38 * length);
        t += length * stage.range(0.85, 1.0);
    }
    let swell = Curve::new(&[(0.0, 0.0), (0.2, 0.18), (0.38, 1.0), (0.55, 0.7), (1.15, 0.0)]);
    let opening =
        Curve::new(&[(0.0, 350.0), (0.25, 600.0), (0.4, 3800.0), (0.6, 3000.0), (1.15, 1500.0)]);
    let foam = Curve::new(&[(0.3, 0.0), (0.55, 1.0), (0.8, 0.5), (1.15, 0.0)]);
    let mut noise = stage.noise();
    let tone = stage.range(0.8, 1.25);
    let mut low = Svf::new(500.0, 0.6, rate);
    let mut deep = Svf::new(180.0, 0.6, rate);
    let mut fizz = OnePole::new(2800.0, rate);
    let (mut level, mut bubbles, mut k) = (0.0, 0.0, 0u64);
    let foamy = stage.range(0.12, 0.35);
    stage.fill(|t| {
        if k.is_multiple_of(32) {
            let (mut hz, mut loud, mut f) = (300.0f64, 0.07, 0.0);
            for &(start, length, gain) in &swells {
                let x = (t - start) / length;
                if (0.0..1.15).contains(&x) {
                    let now = gain * swell.at(x);
                    loud += now;
                    f += foam.at(x) * gain;
                    hz = hz.max(opening.at(x) * now.sqrt());
                }
            }
            low.set(hz * tone, 0.6, rate);
            level = loud;
            bubbles = f;
        }
        k += 1;
        let white = noise.pink() + 0.3 * noise.white();
        level * (low.low(white) + 0.6 * deep.low(white)) + foamy * bubbles * fizz.high(white)
    });
}
