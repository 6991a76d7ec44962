//! Bird, frog, bee and cricket.

use super::tools::{Call, Curve, Formant, OnePole, Pulse, Sine, Stage, Svf, arc, hump, lerp, wave};

/// Songs of small birds: sweeps between 2 and 7 kHz as chirps, trills, whistled tunes or two-note
/// calls.
pub fn bird(stage: &mut Stage<'_>) {
    let style = stage.dice.int(0, 3);
    let base = stage.octaves(2300.0, 4300.0);
    let mut t = stage.begin(0.04);
    while t < stage.until(0.04) {
        match style {
            0 => {
                // Sparrow: single chirps.
                let secs = stage.range(0.06, 0.13);
                let (a, b) = (stage.range(1.0, 1.5), stage.range(0.75, 1.0));
                let top = stage.range(1.2, 1.6);
                chirp(stage, t, secs, base, [a, top, b], 1.0);
                t += secs + stage.range(0.08, 0.3);
            }
            1 => {
                // Canary: a syllable repeated fast, then another.
                let rate = stage.range(8.0, 18.0);
                let count = stage.dice.int(6, 14);
                let secs = stage.range(0.55, 0.85) / rate;
                let shape = [stage.range(0.8, 1.5), stage.range(0.8, 1.5), stage.range(0.8, 1.5)];
                for i in 0..count {
                    let swell = 0.6 + 0.4 * arc((f64::from(i) + 0.5) / f64::from(count));
                    chirp(stage, t, secs, base, shape, swell);
                    t += 1.0 / rate;
                }
                t += stage.range(0.05, 0.25);
            }
            2 => {
                // Blackbird: a slow tune, then a twitter.
                for _ in 0..stage.dice.int(3, 5) {
                    let secs = stage.range(0.12, 0.3);
                    let tone = stage.range(0.75, 1.15);
                    let bend = stage.range(0.85, 1.2);
                    chirp(stage, t, secs, base, [tone, tone * bend, tone], 1.0);
                    t += secs + stage.range(0.02, 0.08);
                }
                for _ in 0..stage.dice.int(2, 5) {
                    let secs = stage.range(0.03, 0.05);
                    let (a, b) = (stage.range(1.3, 1.9), stage.range(1.1, 1.7));
                    chirp(stage, t, secs, base, [a, b, a], 0.6);
                    t += secs + stage.range(0.01, 0.03);
                }
                t += stage.range(0.15, 0.4);
            }
            _ => {
                // Great tit: tea-cher, tea-cher.
                let (low, step) = (stage.range(0.9, 1.0), stage.range(1.25, 1.5));
                let secs = stage.range(0.09, 0.16);
                for _ in 0..stage.dice.int(3, 5) {
                    chirp(stage, t, secs, base * step, [1.12 * low, low, 1.02 * low], 1.0);
                    t += secs + 0.02;
                    chirp(stage, t, secs, base, [0.93 * low, low * 1.05, low * 0.92], 0.85);
                    t += secs + 0.05;
                }
                t += stage.range(0.1, 0.35);
            }
        }
    }
}

fn chirp(stage: &mut Stage<'_>, at: f64, secs: f64, base: f64, shape: [f64; 3], gain: f64) {
    if at > stage.until(0.02) {
        return;
    }
    let rate = stage.rate;
    let cap = 7200.0;
    let pitch = Curve::new(&[
        (0.0, (base * shape[0]).min(cap)),
        (0.4, (base * shape[1]).min(cap)),
        (1.0, (base * shape[2]).min(cap)),
    ]);
    let n = stage.samples(secs);
    let second = stage.range(0.03, 0.15);
    let (mut one, mut two) = (Sine::default(), Sine::new(0.2));
    let sound: Vec<f64> = (0..n)
        .map(|i| {
            let x = i as f64 / n as f64;
            let hz = pitch.at(x);
            let high = if 2.0 * hz < 0.45 * rate { second } else { 0.0 };
            let level = arc(x).sqrt() * arc(x).sqrt().min(1.0);
            level * (one.next(hz / rate) + high * two.next(2.0 * hz / rate))
        })
        .collect();
    stage.add(at, &sound, gain);
    stage.beat(at);
}

/// Croaks: slow pulses that make a throat sac ring, "rib-bit" or one long "quaark".
pub fn frog(stage: &mut Stage<'_>) {
    let ribbit = stage.chance(0.6);
    let pulses = stage.octaves(38.0, 75.0);
    let sac = stage.octaves(480.0, 950.0);
    let pause = stage.range(0.1, 0.35);
    let mut t = stage.begin(0.05);
    while t < stage.until(0.1) {
        let parts: &[(f64, f64, f64)] =
            if ribbit { &[(0.13, 1.0, 0.75), (0.17, 1.35, 1.0)] } else { &[(0.55, 1.0, 1.0)] };
        for &(natural, rise, gain) in parts {
            let natural = stage.about(natural, 0.12);
            let secs = stage.fit(t, natural, 0.09);
            let p = stage.about(pulses, 0.05) * rise;
            let call = Call {
                secs,
                pitch: Curve::new(&[(0.0, 0.85 * p), (0.6, p), (1.0, 1.15 * p)]),
                level: hump(0.15, 0.25),
                tilt: 2500.0,
                breath: 0.03,
                jitter: 0.02,
                formants: vec![
                    Formant::moving(
                        &[(0.0, 0.8 * sac * rise), (0.5, sac * rise), (1.0, 1.1 * sac * rise)],
                        75.0,
                        1.0,
                    ),
                    Formant::moving(
                        &[(0.0, 2.3 * sac), (0.5, 2.7 * sac * rise), (1.0, 2.9 * sac * rise)],
                        180.0,
                        0.6,
                    ),
                ],
                direct: 0.02,
                ..Call::default()
            };
            let sound = call.sound(stage);
            stage.add(t, &sound, gain);
            t += secs + 0.025;
        }
        stage.beat(t - 0.2);
        t += stage.about(pause, 0.3);
    }
}

/// Buzz: one or more wing-beats between 170 and 280 Hz that wander as the bee turns.
pub fn bee(stage: &mut Stage<'_>) {
    let bees = stage.dice.int(1, 3);
    for i in 0..bees {
        let hz = stage.octaves(165.0, 290.0);
        let (slow, quick) = (stage.range(0.25, 0.6), stage.range(1.5, 3.5));
        let (p1, p2, p3) = (stage.range(0.0, 1.0), stage.range(0.0, 1.0), stage.range(0.0, 1.0));
        let (bend, flit) = (stage.range(0.05, 0.14), stage.range(0.01, 0.035));
        let near = stage.range(0.35, 0.7);
        let body = stage.range(450.0, 800.0);
        let mut chance = stage.noise();
        let mut pulse = Pulse::new(0.5);
        let rate = stage.rate;
        let mut tilt = OnePole::new(1600.0, rate);
        let mut low = Svf::new(body, 1.2, rate);
        let mut high = Svf::new(stage.range(2000.0, 2900.0), 1.5, rate);
        let gain = if i == 0 { 1.0 } else { stage.range(0.2, 0.6) };
        let (mut periods, mut weak) = (0, 1.0);
        stage.fill(|t| {
            let bend = 1.0 + bend * wave(slow * t + p1) + flit * wave(quick * t + p2);
            let source = pulse.next(hz * bend / rate, rate);
            if pulse.periods() != periods {
                periods = pulse.periods();
                weak = 1.0 + 0.25 * chance.sway();
            }
            let source = tilt.low(source * weak);
            // Louder and brighter where it comes near.
            let level = 1.0 - near * (0.5 + 0.5 * wave(slow * t + p3));
            gain * level
                * (0.35 * source + low.band(source) + lerp(0.3, 1.0, level) * high.band(source))
        });
    }
}

/// Chirps at four to five kilohertz: a few pulses at a time (field cricket) or a steady trill.
pub fn cricket(stage: &mut Stage<'_>) {
    let singers = stage.dice.int(1, 2);
    for i in 0..singers {
        let hz = stage.octaves(3900.0, 5300.0);
        let trill = stage.chance(0.25);
        let pulses = if trill { stage.range(38.0, 60.0) } else { stage.range(24.0, 36.0) };
        let count = if trill { 1000 } else { stage.dice.int(3, 5) };
        let share = stage.range(0.5, 0.7);
        let chirps = stage.range(1.9, 3.6);
        let gain = if i == 0 { 1.0 } else { stage.range(0.15, 0.4) };
        let rate = stage.rate;
        let length = stage.samples(share / pulses);
        let second = if 2.0 * hz < 0.45 * rate { 0.12 } else { 0.0 };
        // The wing slows a little within each pulse.
        let sound: Vec<f64> = (0..length)
            .map(|k| {
                let x = k as f64 / length as f64;
                let turns = hz * (k as f64 / rate) * (1.0 - 0.012 * x);
                arc(x) * (wave(turns) + second * wave(2.0 * turns))
            })
            .collect();
        let mut t = stage.begin(0.08);
        while t < stage.secs {
            let swell = if trill { 1.0 } else { stage.range(0.85, 1.0) };
            if i == 0 && !trill {
                stage.beat(t);
            }
            for k in 0..count {
                let at = t + f64::from(k) / pulses;
                if at > stage.secs {
                    break;
                }
                // The first pulse of a chirp is the softest.
                let level = if trill { 1.0 } else { 0.6 + 0.4 * f64::from(k.min(2)) / 2.0 };
                stage.add(at, &sound, gain * swell * level);
            }
            t += if trill { 1e9 } else { stage.about(1.0 / chirps, 0.08) };
        }
    }
}
