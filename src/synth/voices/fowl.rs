//! Rooster, duck and owl.

use super::tools::{Call, Curve, Formant, Stage, hump};

/// Crows: cock-a-doodle-doo, the last syllable long and falling.
pub fn rooster(stage: &mut Stage<'_>) {
    let pitch = stage.octaves(460.0, 720.0);
    let pace = stage.range(0.85, 1.25);
    let tone = stage.range(0.9, 1.12);
    let rasp = stage.range(0.005, 0.03);
    let pause = stage.range(0.15, 0.4);
    // Syllables: seconds, pitch at start, middle, end, level.
    let syllables = [
        (0.17, 0.8, 1.0, 0.95, 0.7),
        (0.13, 0.95, 1.05, 1.0, 0.65),
        (0.3, 1.0, 1.38, 1.2, 0.9),
        (0.9, 1.05, 1.32, 0.72, 1.0),
    ];
    let mut t = stage.begin(0.05);
    while t < stage.until(0.12) {
        let stretch = stage.range(0.75, 1.25);
        for (i, (natural, from, mid, to, level)) in syllables.into_iter().enumerate() {
            if t > stage.until(0.08) {
                break;
            }
            let natural = natural * pace * if i == 3 { stretch } else { 1.0 };
            let secs = stage.fit(t, natural, 0.08);
            let p = stage.about(pitch, 0.03);
            let call = Call {
                secs,
                pitch: Curve::new(&[
                    (0.0, from * p),
                    (0.3, mid * p),
                    (0.6, 0.97 * mid * p),
                    (1.0, to * p),
                ]),
                level: if i == 3 {
                    Curve::new(&[(0.0, 0.0), (0.06, 0.9), (0.4, 1.0), (0.75, 0.6), (1.0, 0.0)])
                } else {
                    hump(0.12, 0.25)
                },
                tilt: 2600.0,
                breath: 0.05,
                jitter: rasp,
                halves: stage.range(0.0, 0.2),
                rough: (stage.range(40.0, 70.0), stage.range(0.1, 0.3)),
                formants: vec![
                    Formant::fixed(1050.0 * tone, 330.0, 1.0),
                    Formant::moving(
                        &[(0.0, 2100.0 * tone), (0.4, 2500.0 * tone), (1.0, 1900.0 * tone)],
                        420.0,
                        0.9,
                    ),
                    Formant::fixed(3900.0 * tone, 700.0, 0.4),
                ],
                direct: 0.1,
                ..Call::default()
            };
            let sound = call.sound(stage);
            stage.add(t, &sound, level);
            stage.beat(t);
            t += secs + stage.range(0.02, 0.06);
        }
        t += stage.about(pause, 0.3);
    }
}

/// Quacks: short nasal buzzes in series that grow softer and lower.
pub fn duck(stage: &mut Stage<'_>) {
    let pitch = stage.octaves(150.0, 280.0);
    let beak = stage.range(0.88, 1.15);
    let length = stage.range(0.12, 0.22);
    let gap = stage.range(0.06, 0.16);
    let pause = stage.range(0.1, 0.26);
    let mut t = stage.begin(0.05);
    while t < stage.until(0.08) {
        let series = stage.dice.int(2, 6);
        for i in 0..series {
            if t > stage.until(0.07) {
                break;
            }
            let fade = 1.0 - 0.45 * f64::from(i) / f64::from(series);
            let secs = stage.about(length, 0.15) * if i == 0 { 1.3 } else { 1.0 };
            let secs = stage.fit(t, secs, 0.07);
            let top = stage.about(pitch, 0.05) * (0.85 + 0.15 * fade);
            let call = Call {
                secs,
                pitch: Curve::new(&[(0.0, 0.92 * top), (0.25, 1.08 * top), (1.0, 0.8 * top)]),
                level: Curve::new(&[(0.0, 0.0), (0.12, 0.9), (0.5, 1.0), (1.0, 0.0)]),
                tilt: 3000.0,
                breath: stage.range(0.06, 0.14),
                jitter: stage.range(0.015, 0.04),
                formants: vec![
                    Formant::moving(
                        &[(0.0, 900.0 * beak), (0.35, 1250.0 * beak), (1.0, 1000.0 * beak)],
                        180.0,
                        1.0,
                    ),
                    Formant::moving(
                        &[(0.0, 2000.0 * beak), (0.35, 2350.0 * beak), (1.0, 2050.0 * beak)],
                        240.0,
                        1.0,
                    ),
                    Formant::fixed(3300.0 * beak, 350.0, 0.7),
                ],
                direct: 0.04,
                ..Call::default()
            };
            let sound = call.sound(stage);
            stage.add(t, &sound, fade);
            stage.beat(t);
            t += secs + stage.about(gap, 0.2);
        }
        t += stage.about(pause, 0.3);
    }
}

/// Hoots: soft, almost pure tones: the deep owl's rhythm, or the tawny owl's quavering call.
pub fn owl(stage: &mut Stage<'_>) {
    let tawny = stage.chance(0.4);
    let pitch = if tawny { stage.octaves(560.0, 820.0) } else { stage.octaves(270.0, 440.0) };
    // Syllables: seconds, gap after, tremor, level.
    let phrase: &[(f64, f64, f64, f64)] = if tawny {
        &[(0.75, 0.34, 0.0, 0.9), (0.12, 0.12, 0.0, 0.6), (1.1, 0.36, 1.0, 1.0)]
    } else {
        match stage.dice.int(0, 2) {
            0 => &[
                (0.32, 0.14, 0.0, 0.8),
                (0.14, 0.06, 0.0, 0.7),
                (0.42, 0.2, 0.0, 1.0),
                (0.4, 0.25, 0.0, 0.95),
                (0.38, 0.36, 0.0, 0.9),
            ],
            1 => &[(0.3, 0.22, 0.0, 0.9), (0.5, 0.36, 0.0, 1.0)],
            _ => &[(0.45, 0.34, 0.0, 1.0)],
        }
    };
    let pace = stage.range(0.85, 1.15);
    let mut t = stage.begin(0.05);
    while t < stage.until(0.15) {
        for &(natural, gap, quaver, level) in phrase {
            if t > stage.until(0.12) {
                break;
            }
            let secs = stage.fit(t, natural * pace, 0.12);
            let top = stage.about(pitch, 0.02);
            let shake = stage.range(11.0, 15.0);
            let call = Call {
                secs,
                pitch: Curve::new(&[(0.0, 0.9 * top), (0.3, top), (0.7, top), (1.0, 0.88 * top)]),
                level: hump(0.3, 0.45),
                tilt: 0.5 * pitch,
                breath: 0.05,
                jitter: 0.002,
                tremor: (shake, 0.025 * quaver, 0.6 * quaver),
                formants: vec![Formant::fixed(1.05 * pitch, 0.22 * pitch, 1.0)],
                direct: 0.02,
                ..Call::default()
            };
            let sound = call.sound(stage);
            stage.add(t, &sound, level);
            stage.beat(t);
            t += secs + stage.about(gap, 0.1);
        }
    }
}
