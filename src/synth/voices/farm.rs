//! Cow, sheep and horse.

use super::tools::{Call, Curve, Formant, Mode, Stage, hump, ring};

/// Moos: a long low note, nasal at first, then the mouth opens.
pub fn cow(stage: &mut Stage<'_>) {
    let pitch = stage.octaves(85.0, 190.0);
    let throat = stage.range(0.88, 1.15);
    let length = stage.range(1.1, 2.1);
    let pause = stage.range(0.15, 0.4);
    let mut t = stage.begin(0.06);
    while t < stage.until(0.2) {
        let secs = stage.about(length, 0.15);
        let secs = stage.fit(t, secs, 0.2);
        let top = stage.about(pitch, 0.06);
        let open = stage.range(0.22, 0.38);
        let call = Call {
            secs,
            pitch: Curve::new(&[
                (0.0, 0.78 * top),
                (open, 0.95 * top),
                (0.65, 1.12 * top),
                (1.0, 0.82 * top),
            ]),
            level: Curve::new(&[
                (0.0, 0.0),
                (0.07, 0.4),
                (open, 0.75),
                (0.7, 1.0),
                (0.9, 0.6),
                (1.0, 0.0),
            ]),
            tilt: 420.0,
            breath: stage.range(0.01, 0.04),
            jitter: stage.range(0.005, 0.02),
            halves: stage.range(0.0, 0.25),
            formants: vec![
                Formant::moving(
                    &[
                        (0.0, 220.0 * throat),
                        (open, 330.0 * throat),
                        (0.6, 620.0 * throat),
                        (1.0, 420.0 * throat),
                    ],
                    90.0,
                    1.0,
                ),
                Formant::moving(
                    &[
                        (0.0, 700.0 * throat),
                        (open, 820.0 * throat),
                        (0.6, 1150.0 * throat),
                        (1.0, 850.0 * throat),
                    ],
                    130.0,
                    0.9,
                ),
                Formant::fixed(2100.0 * throat, 260.0, 0.4),
                Formant::fixed(2900.0 * throat, 350.0, 0.2),
            ],
            direct: 0.05,
            ..Call::default()
        };
        let sound = call.sound(stage);
        stage.add(t, &sound, 1.0);
        stage.beat(t + 0.15 * secs);
        t += secs + stage.about(pause, 0.2);
    }
}

/// Bleats: a nasal "baa" with a strong tremor of seven to eleven times per second.
pub fn sheep(stage: &mut Stage<'_>) {
    let pitch = stage.octaves(190.0, 460.0);
    let throat = stage.range(0.9, 1.2) * if pitch > 330.0 { 1.15 } else { 1.0 };
    let length = stage.range(0.55, 1.15);
    let pause = stage.range(0.12, 0.42);
    let shake = stage.range(7.0, 11.0);
    let mut t = stage.begin(0.06);
    while t < stage.until(0.15) {
        let secs = stage.about(length, 0.2);
        let secs = stage.fit(t, secs, 0.18);
        let top = stage.about(pitch, 0.06);
        let call = Call {
            secs,
            pitch: Curve::new(&[
                (0.0, 0.9 * top),
                (0.15, 1.05 * top),
                (0.6, top),
                (1.0, 0.8 * top),
            ]),
            level: hump(0.06, 0.35),
            tilt: 1400.0,
            breath: stage.range(0.05, 0.16),
            jitter: stage.range(0.01, 0.03),
            tremor: (shake, stage.range(0.03, 0.06), stage.range(0.55, 0.8)),
            formants: vec![
                Formant::moving(
                    &[(0.0, 350.0 * throat), (0.12, 760.0 * throat), (1.0, 680.0 * throat)],
                    130.0,
                    1.0,
                ),
                Formant::moving(
                    &[(0.0, 1300.0 * throat), (0.12, 1720.0 * throat), (1.0, 1600.0 * throat)],
                    160.0,
                    0.9,
                ),
                Formant::fixed(2650.0 * throat, 260.0, 0.65),
                Formant::fixed(3700.0 * throat, 420.0, 0.4),
            ],
            direct: 0.08,
            ..Call::default()
        };
        let sound = call.sound(stage);
        let gain = stage.range(0.75, 1.0);
        stage.add(t, &sound, gain);
        stage.beat(t);
        t += secs + stage.about(pause, 0.25);
    }
}

/// Hooves (walk, trot, gallop) and neighs: a shaking squeal that falls, then a snort.
pub fn horse(stage: &mut Stage<'_>) {
    let hooves = stage.chance(0.75);
    let neighs = !hooves || stage.chance(0.6);
    let mut t = stage.begin(0.05);
    if hooves {
        trot(stage, if neighs { 0.55 } else { 1.0 });
        t += stage.range(0.0, 0.5);
    }
    while neighs && t < stage.until(0.35) {
        let secs = stage.range(1.1, 1.7);
        let secs = stage.fit(t, secs, 0.35);
        let sound = neigh(stage, secs);
        stage.add(t, &sound, 1.0);
        stage.beat(t);
        t += secs - 0.02;
        if t < stage.until(0.2) && stage.chance(0.75) {
            let length = stage.range(0.35, 0.6);
            let snort = snort(stage, length);
            stage.add(t, &snort, 0.5);
            t += length;
        }
        t += if hooves { stage.range(0.4, 1.2) } else { stage.range(0.1, 0.35) };
    }
}

fn neigh(stage: &mut Stage<'_>, secs: f64) -> Vec<f64> {
    let top = stage.octaves(1100.0, 1900.0);
    let shake = stage.range(9.0, 13.0);
    let call = Call {
        secs,
        pitch: Curve::new(&[
            (0.0, 0.55 * top),
            (0.1, top),
            (0.35, 0.9 * top),
            (0.75, 0.52 * top),
            (1.0, 0.36 * top),
        ]),
        level: Curve::new(&[(0.0, 0.0), (0.05, 0.7), (0.2, 1.0), (0.6, 0.8), (1.0, 0.0)]),
        tilt: 2600.0,
        breath: 0.12,
        jitter: 0.012,
        halves: 0.15,
        tremor: (shake, stage.range(0.06, 0.11), 0.5),
        formants: vec![
            Formant::fixed(950.0, 300.0, 0.8),
            Formant::moving(&[(0.0, 1800.0), (0.3, 2100.0), (1.0, 1400.0)], 400.0, 1.0),
            Formant::fixed(3400.0, 600.0, 0.6),
        ],
        direct: 0.15,
        ..Call::default()
    };
    call.sound(stage)
}

/// Lips fluttering in a strong breath.
fn snort(stage: &mut Stage<'_>, secs: f64) -> Vec<f64> {
    let flutter = stage.range(20.0, 30.0);
    let call = Call {
        secs,
        pitch: Curve::flat(flutter),
        level: hump(0.1, 0.6),
        tilt: 500.0,
        breath: 0.7,
        jitter: 0.1,
        rough: (flutter, 0.85),
        formants: vec![Formant::fixed(450.0, 250.0, 1.0), Formant::fixed(1500.0, 900.0, 0.6)],
        ..Call::default()
    };
    call.sound(stage)
}

/// Four hooves on stone: hollow knocks whose pitch alternates.
fn trot(stage: &mut Stage<'_>, loud: f64) {
    // Beats of one stride as shares of it, and strides per second.
    let (strides, beats): (f64, &[f64]) = match stage.dice.int(0, 2) {
        0 => (stage.range(1.0, 1.3), &[0.0, 0.24, 0.5, 0.74]),
        1 => (stage.range(1.5, 2.3), &[0.0, 0.5]),
        _ => (stage.range(1.9, 2.4), &[0.0, 0.2, 0.4]),
    };
    let base = stage.octaves(650.0, 1150.0);
    let hooves: Vec<Vec<f64>> = [1.0, 1.32, 0.92, 1.22]
        .iter()
        .map(|tone| {
            let hz = stage.about(base * tone, 0.03);
            hoof(stage, hz)
        })
        .collect();
    let mut start = 0.0;
    while start < stage.secs {
        for (i, beat) in beats.iter().enumerate() {
            let at = start + beat / strides + stage.range(0.0, 0.012);
            let gain = loud * stage.range(0.7, 1.0) * if i == 0 { 1.0 } else { 0.85 };
            stage.add(at, &hooves[i % hooves.len()], gain);
            stage.beat(at);
        }
        start += 1.0 / strides;
    }
}

fn hoof(stage: &mut Stage<'_>, hz: f64) -> Vec<f64> {
    let fall = stage.range(0.08, 0.13);
    let mut out = ring(
        &[
            Mode::new(hz, 1.0, fall),
            Mode::new(2.3 * hz, 0.55, 0.6 * fall),
            Mode::new(3.9 * hz, 0.3, 0.4 * fall),
            Mode::new(140.0, 0.15, 0.08),
        ],
        0.16,
        stage.rate,
    );
    let mut noise = stage.noise();
    let rate = stage.rate;
    for (i, v) in out.iter_mut().enumerate() {
        let t = i as f64 / rate;
        *v += 0.5 * noise.white() * (-t / 0.004).exp() * (t / 0.001).min(1.0);
    }
    super::tools::peaked(out)
}
