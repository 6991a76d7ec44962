//! Drum, maracas, typing and clapping.

use super::tools::{Mode, Noise, OnePole, Stage, Svf, peaked, ring, wave};

/// Noise through `shape`, decaying within `fall` seconds after a rise of `rise`.
fn burst(
    stage: &mut Stage<'_>,
    secs: f64,
    rise: f64,
    fall: f64,
    mut shape: impl FnMut(f64) -> f64,
) -> Vec<f64> {
    let mut noise = stage.noise();
    let rate = stage.rate;
    let n = stage.samples(secs);
    let sound = (0..n)
        .map(|i| {
            let t = i as f64 / rate;
            let level = (t / rise).min(1.0) * (-(t - rise).max(0.0) / fall).exp();
            level * shape(noise.white())
        })
        .collect();
    peaked(sound)
}

/// A skin whose note falls from `hz * (1 + drop)` to `hz`.
fn skin(stage: &Stage<'_>, hz: f64, drop: f64, fall: f64) -> Vec<f64> {
    let rate = stage.rate;
    let n = stage.samples(4.0 * fall);
    let mut turns = 0.0;
    (0..n)
        .map(|i| {
            let t = i as f64 / rate;
            turns += hz * (1.0 + drop * (-t / 0.03).exp()) / rate;
            wave(turns) * (-t / fall).exp() * (t / 0.001).min(1.0)
        })
        .collect()
}

fn mix(mut a: Vec<f64>, b: &[f64], gain: f64) -> Vec<f64> {
    if a.len() < b.len() {
        a.resize(b.len(), 0.0);
    }
    for (to, v) in a.iter_mut().zip(b) {
        *to += gain * v;
    }
    peaked(a)
}

/// Rhythms of a drum kit or of hand drums.
pub fn drum(stage: &mut Stage<'_>) {
    if stage.chance(0.65) { kit(stage) } else { hands(stage) }
}

fn kit(stage: &mut Stage<'_>) {
    let rate = stage.rate;
    let (f0, d0, l0) = (stage.range(48.0, 68.0), stage.range(1.5, 3.0), stage.range(0.08, 0.14));
    let kick = skin(stage, f0, d0, l0);
    let mut click = OnePole::new(2500.0, rate);
    let tick = burst(stage, 0.02, 0.0005, 0.004, |x| click.low(x));
    let kick = mix(kick, &tick, 0.3);
    let (f1, fall) = (stage.range(165.0, 230.0), stage.range(0.05, 0.11));
    let body = skin(stage, f1, 0.4, 0.06);
    let (mut high, mut low) = (OnePole::new(900.0, rate), OnePole::new(6500.0, rate));
    let wires = burst(stage, 0.35, 0.001, fall, |x| low.low(high.high(x)));
    let snare = mix(wires, &body, stage.range(0.5, 1.0));
    let mut metal = Svf::new(6200.0, 0.7, rate);
    let closed = stage.range(0.012, 0.03);
    let hat = burst(stage, 0.12, 0.001, closed, |x| metal.high(x));
    let mut metal = Svf::new(3800.0, 0.6, rate);
    let crash = burst(stage, 1.2, 0.002, 0.3, |x| metal.high(x));
    let f2 = stage.range(85.0, 120.0);
    let toms: Vec<Vec<f64>> =
        [1.9, 1.4, 1.0].iter().map(|r| peaked(skin(stage, f2 * r, 0.5, 0.12))).collect();
    let sixteenth = 15.0 / stage.range(85.0, 150.0);
    let pattern: &[u8; 16] = stage.pick(
        &[
            b"k.h.s.h.k.k.s.h.",
            b"k.h.s.hkh.k.s.h.",
            b"k..ks..k.kh.s.h.",
            b"k.s.k.s.k.s.k.ss",
            b"kh.hs.hk.hkhs.hs",
            b"s.ssk.s.s.ssk.k.",
        ],
        b"k.h.s.h.k.h.s.h.",
    );
    let hats = stage.chance(0.7);
    let mut k = 0usize;
    let mut t = stage.begin(0.02);
    if stage.chance(0.3) {
        stage.add(t, &crash, 0.4);
    }
    let fills = stage.chance(0.4);
    while t < stage.secs {
        let at = t + stage.range(0.0, 0.006);
        let gain = stage.range(0.75, 1.0);
        if fills && k % 32 >= 26 {
            stage.add(at, &toms[(k % 32 - 26) / 2], gain);
            stage.beat(at);
        } else {
            match pattern[k % 16] {
                b'k' => {
                    stage.add(at, &kick, gain);
                    stage.beat(at);
                }
                b's' => {
                    stage.add(at, &snare, 0.8 * gain);
                    stage.beat(at);
                }
                b'h' => stage.add(at, &hat, 0.4 * gain),
                _ => {}
            }
            if hats && k.is_multiple_of(2) {
                stage.add(at, &hat, 0.25 * gain);
            }
        }
        k += 1;
        t += sixteenth;
    }
}

fn hands(stage: &mut Stage<'_>) {
    let rate = stage.rate;
    let base = stage.octaves(75.0, 150.0);
    let fall = stage.range(0.07, 0.16);
    let low = skin(stage, base, 0.25, fall);
    let open = ring(
        &[
            Mode::new(2.4 * base, 1.0, 0.3),
            Mode::new(3.8 * base, 0.5, 0.2),
            Mode::new(5.2 * base, 0.3, 0.12),
        ],
        0.35,
        rate,
    );
    let slap_at = stage.range(900.0, 1600.0);
    let mut band = Svf::new(slap_at, 0.8, rate);
    let slap = burst(stage, 0.08, 0.0008, 0.014, |x| band.band(x));
    let sounds = [
        mix(low.clone(), &slap, 0.25),
        mix(peaked(open.clone()), &slap, 0.4),
        mix(slap.clone(), &open, 0.3),
    ];
    let eighth = 30.0 / stage.range(85.0, 150.0);
    let pattern: &[usize] = stage.pick(
        &[
            &[0, 9, 2, 1, 0, 1, 2, 9][..],
            &[0, 1, 1, 0, 1, 1, 0, 1],
            &[0, 2, 1, 2, 0, 2, 1, 1],
            &[0, 0, 2, 9, 0, 1, 2, 1],
        ],
        &[0, 1][..],
    );
    let mut t = stage.begin(0.02);
    let mut k = 0;
    while t < stage.secs {
        if let Some(sound) = sounds.get(pattern[k % pattern.len()]) {
            let gain = stage.range(0.65, 1.0);
            stage.add(t, sound, gain);
            stage.beat(t);
        }
        k += 1;
        t += stage.about(eighth, 0.02);
    }
}

/// Shakes of beans in a gourd: each a rush of tiny knocks around 3 to 6 kHz, to and fro.
pub fn maracas(stage: &mut Stage<'_>) {
    let rate = stage.rate;
    let gourd = stage.octaves(2900.0, 5200.0);
    let pace = stage.octaves(4.5, 9.0);
    let (q, beans) = (stage.range(1.2, 2.6), stage.range(900.0, 2600.0));
    let accent = stage.dice.int(2, 4);
    let swing = stage.range(0.0, 0.12);
    // How hard the beans fly at each moment: every shake throws them twice.
    let mut throws: Vec<(f64, f64, f64)> = Vec::new();
    let mut t = stage.begin(0.03);
    let mut k = 0u32;
    while t < stage.secs {
        let strong = if k.is_multiple_of(accent) { 1.0 } else { stage.range(0.4, 0.6) };
        throws.push((t, 0.3 * strong, 0.02));
        throws.push((t + 0.28 / pace, strong, 0.012));
        stage.beat(t + 0.28 / pace);
        k += 1;
        t += (1.0 + if k.is_multiple_of(2) { -swing } else { swing }) / pace;
    }
    let mut chance = stage.noise();
    let mut shell = Svf::new(gourd, q, rate);
    let mut upper = Svf::new(1.9 * gourd, 1.5, rate);
    let (mut energy, mut target, mut i) = (0.0f64, 0.0, 0);
    let (mut rise, fall) = (0.0, (-1.0 / (0.03 * rate)).exp());
    stage.fill(|t| {
        while i < throws.len() && throws[i].0 <= t {
            target = throws[i].1;
            rise = 1.0 - (-3.0 / (throws[i].2 * rate)).exp();
            i += 1;
        }
        energy += (target - energy) * rise;
        target *= fall;
        // A bean hits the shell now and then; the shell rings.
        let hit = chance.unit() * rate < beans;
        let knock = if hit { chance.sway() * energy * (rate / 16_000.0).sqrt() } else { 0.0 };
        shell.band(knock) + 0.4 * upper.band(knock)
    });
}

/// A keyboard: irregular runs of keys, each a click going down, a thump at the bottom and a
/// softer click coming up.
pub fn typing(stage: &mut Stage<'_>) {
    let clicky = stage.range(0.3, 1.0);
    let plate = stage.octaves(260.0, 480.0);
    let cap = stage.octaves(2300.0, 4200.0);
    let keys: Vec<(Vec<f64>, Vec<f64>)> = (0..6)
        .map(|i| {
            let wide = i == 5;
            let cap = stage.about(cap, 0.15) * if wide { 0.7 } else { 1.0 };
            let plate = stage.about(plate, 0.1) * if wide { 0.7 } else { 1.0 };
            (key_down(stage, cap, plate, clicky), key_up(stage, 1.15 * cap))
        })
        .collect();
    let speed = stage.range(0.085, 0.17);
    let mut t = stage.begin(0.05);
    while t < stage.secs {
        for _ in 0..stage.dice.int(3, 9) {
            let (down, up) = &keys[stage.dice.int(0, 4) as usize];
            let gain = stage.range(0.6, 1.0);
            stage.add(t, down, gain);
            let hold = stage.range(0.06, 0.11);
            stage.add(t + hold, up, 0.3 * gain);
            stage.beat(t);
            // Two fingers sometimes overlap.
            t +=
                if stage.chance(0.15) { stage.range(0.03, 0.06) } else { stage.about(speed, 0.35) };
        }
        stage.add(t, &keys[5].0, 0.9);
        stage.add(t + 0.09, &keys[5].1, 0.35);
        t += stage.range(0.12, 0.38);
    }
}

fn key_down(stage: &mut Stage<'_>, cap: f64, plate: f64, clicky: f64) -> Vec<f64> {
    let rate = stage.rate;
    let mut band = Svf::new(cap, 1.4, rate);
    let click = burst(stage, 0.03, 0.0004, 0.003, |x| band.band(x));
    let thump = ring(
        &[
            Mode::new(plate, 1.0, 0.07),
            Mode::new(2.6 * plate, 0.7, 0.04),
            Mode::new(5.1 * plate, 0.5, 0.03),
            Mode::new(0.8 * cap, 0.35, 0.02),
        ],
        0.1,
        rate,
    );
    let after = stage.samples(stage.dice.clone().range(0.006, 0.014));
    let mut out = vec![0.0; after + thump.len()];
    for (to, v) in out.iter_mut().skip(after).zip(peaked(thump)) {
        *to = 0.8 * v;
    }
    mix(out, &click, 0.5 + clicky)
}

fn key_up(stage: &mut Stage<'_>, cap: f64) -> Vec<f64> {
    let mut band = Svf::new(cap, 1.8, stage.rate);
    burst(stage, 0.02, 0.0004, 0.0025, |x| band.band(x))
}

/// Hands: one pair in rhythm, a few together, or applause of a hall.
pub fn clapping(stage: &mut Stage<'_>) {
    let crowd = stage.chance(0.5);
    let people = if crowd { stage.dice.int(9, 32) } else { stage.dice.int(1, 4) };
    let together = stage.range(1.9, 4.2);
    let mut beat_taken = false;
    for p in 0..people {
        let claps: Vec<Vec<f64>> = (0..3).map(|_| clap(stage)).collect();
        let pace = if crowd { stage.range(2.8, 5.0) } else { together };
        let distance = if crowd { stage.octaves(0.25, 1.0) } else { stage.range(0.6, 1.0) };
        let loose = if crowd { 0.1 } else { 0.02 };
        let mut t = if crowd { stage.range(0.0, 1.0 / pace) } else { stage.range(0.0, 0.03) };
        let mut seed = Noise::new(stage.dice.bits(), stage.rate);
        let gain = distance / f64::from(people).sqrt();
        while t < stage.secs {
            let which = (seed.unit() * 2.999) as usize;
            stage.add(t, &claps[which], gain * (0.75 + 0.25 * seed.unit()));
            if !beat_taken {
                stage.beat(t);
            }
            t += (1.0 + loose * seed.sway()) / pace;
            // Together means: everybody keeps to the same beat.
            if !crowd {
                t += 0.006 * seed.sway();
            }
        }
        beat_taken = p == 0 || beat_taken;
    }
}

fn clap(stage: &mut Stage<'_>) -> Vec<f64> {
    let rate = stage.rate;
    let palm = stage.octaves(850.0, 1900.0);
    let mut band = Svf::new(palm, 1.3, rate);
    let mut upper = Svf::new(2.4 * palm, 1.0, rate);
    let fall = stage.range(0.007, 0.014);
    let main = burst(stage, 0.07, 0.0008, fall, |x| band.band(x) + 0.5 * upper.band(x));
    let mut tail = OnePole::new(1800.0, rate);
    let room = burst(stage, 0.12, 0.01, 0.03, |x| tail.low(x));
    mix(main, &room, 0.12)
}
