//! Dog and cat.

use super::tools::{Call, Curve, Formant, Stage, lerp};

/// Barks of a dog between a terrier and a mastiff: short harmonic bursts whose pitch leaps up and
/// falls, a mouth that opens and shuts, and sometimes a growl before them.
pub fn dog(stage: &mut Stage<'_>) {
    let small = stage.range(0.0, 1.0);
    let peak = 250.0 * 4.2f64.powf(small) * stage.range(0.9, 1.1);
    let throat = lerp(0.8, 1.7, small) * stage.range(0.92, 1.08);
    let length = lerp(0.21, 0.11, small) * stage.range(0.85, 1.2);
    let breath = stage.range(0.12, 0.35);
    let growls = if small < 0.6 { stage.range(0.0, 0.6) } else { 0.0 };
    let group = stage.dice.int(1, 3);
    let (near, far) = (stage.range(0.05, 0.14), stage.range(0.16, 0.45));
    let mut t = stage.begin(0.05);
    while t < stage.until(0.06) {
        if stage.chance(growls) {
            let secs = stage.range(0.2, 0.4);
            let growl = growl(stage, peak, throat, secs);
            stage.add(t, &growl, 0.3);
            t += secs - 0.03;
        }
        let now = group + u32::from(stage.chance(0.25));
        for _ in 0..now {
            if t > stage.until(0.06) {
                break;
            }
            let secs = stage.about(length, 0.12);
            let secs = stage.fit(t, secs, 0.06);
            let bark = bark(stage, peak, throat, breath, secs);
            let gain = stage.range(0.75, 1.0);
            stage.add(t, &bark, gain);
            stage.beat(t);
            t += secs + stage.about(near, 0.2);
        }
        t += stage.about(far, 0.25) - near;
    }
}

fn bark(stage: &mut Stage<'_>, peak: f64, throat: f64, breath: f64, secs: f64) -> Vec<f64> {
    let top = stage.about(peak, 0.07);
    let call = Call {
        secs,
        pitch: Curve::new(&[(0.0, 0.62 * top), (0.22, top), (0.45, 0.9 * top), (1.0, 0.45 * top)]),
        level: Curve::new(&[(0.0, 0.0), (0.07, 0.9), (0.25, 1.0), (0.55, 0.5), (1.0, 0.0)]),
        tilt: 1300.0 * throat,
        breath,
        jitter: stage.range(0.02, 0.06),
        halves: stage.range(0.0, 0.35),
        formants: vec![
            Formant::moving(
                &[(0.0, 430.0 * throat), (0.3, 880.0 * throat), (1.0, 480.0 * throat)],
                170.0 * throat,
                1.0,
            ),
            Formant::moving(
                &[(0.0, 1050.0 * throat), (0.3, 1650.0 * throat), (1.0, 1000.0 * throat)],
                240.0 * throat,
                0.75,
            ),
            Formant::fixed(2700.0 * throat, 420.0 * throat, 0.45),
            Formant::fixed(3900.0 * throat.min(1.4), 600.0, 0.25),
        ],
        direct: 0.12,
        ..Call::default()
    };
    call.sound(stage)
}

fn growl(stage: &mut Stage<'_>, peak: f64, throat: f64, secs: f64) -> Vec<f64> {
    let hz = 0.24 * peak;
    let call = Call {
        secs,
        pitch: Curve::new(&[(0.0, 0.9 * hz), (1.0, 1.15 * hz)]),
        level: Curve::new(&[(0.0, 0.0), (0.25, 0.7), (0.85, 1.0), (1.0, 0.0)]),
        tilt: 900.0,
        breath: 0.3,
        jitter: 0.1,
        halves: 0.3,
        rough: (stage.range(24.0, 34.0), 0.75),
        formants: vec![
            Formant::fixed(420.0 * throat, 140.0, 1.0),
            Formant::fixed(1100.0 * throat, 240.0, 0.6),
        ],
        ..Call::default()
    };
    call.sound(stage)
}

/// Meows: one long vowel whose pitch rises and falls while a single strong resonance opens and
/// closes again ("mi-a-ow"), nasal at the start.
pub fn cat(stage: &mut Stage<'_>) {
    let pitch = stage.octaves(430.0, 900.0);
    let length = stage.range(0.5, 1.0);
    let pause = stage.range(0.16, 0.45);
    let bend = stage.range(0.15, 0.45);
    let open = stage.range(1450.0, 2100.0);
    let mut t = stage.begin(0.06);
    while t < stage.until(0.12) {
        let secs = stage.about(length, 0.2);
        let secs = stage.fit(t, secs, 0.15);
        let top = stage.about(pitch, 0.06);
        let turn = stage.range(0.3, 0.5);
        let call = Call {
            secs,
            pitch: Curve::new(&[
                (0.0, top * (1.0 - 0.7 * bend)),
                (turn, top),
                (0.7, top * (1.0 - 0.25 * bend)),
                (1.0, top * (1.0 - bend)),
            ]),
            level: Curve::new(&[
                (0.0, 0.0),
                (0.06, 0.25),
                (0.2, 0.5),
                (turn, 1.0),
                (0.75, 0.75),
                (1.0, 0.0),
            ]),
            tilt: 2200.0,
            breath: stage.range(0.01, 0.05),
            jitter: stage.range(0.002, 0.012),
            tremor: (stage.range(5.0, 8.0), stage.range(0.0, 0.015), 0.05),
            formants: vec![
                Formant::moving(
                    &[(0.0, 500.0), (0.12, 800.0), (turn, open), (0.7, 1100.0), (1.0, 650.0)],
                    260.0,
                    1.0,
                ),
                Formant::moving(
                    &[(0.0, 2700.0), (0.25, 3100.0), (turn, 2900.0), (1.0, 2000.0)],
                    420.0,
                    0.5,
                ),
                Formant::fixed(4900.0, 700.0, 0.25),
            ],
            direct: 0.06,
            ..Call::default()
        };
        let sound = call.sound(stage);
        let gain = stage.range(0.8, 1.0);
        stage.add(t, &sound, gain);
        stage.beat(t + 0.2 * secs);
        t += secs + stage.about(pause, 0.2);
    }
}
