//! A baby.

use super::tools::{Call, Curve, Formant, Stage, hump};

/// Crying: "waah" after "waah", each with a rising and falling pitch of 350 to 600 Hz and many
/// harmonics, hoarse at the height, and an audible breath in between.
pub fn baby(stage: &mut Stage<'_>) {
    let pitch = stage.octaves(380.0, 580.0);
    let length = stage.range(0.6, 1.4);
    let throat = stage.range(0.92, 1.1);
    let hoarse = stage.range(0.0, 0.6);
    let mut t = stage.begin(0.05);
    while t < stage.until(0.12) {
        let secs = stage.about(length, 0.25);
        let secs = stage.fit(t, secs, 0.15);
        let top = stage.about(pitch, 0.07);
        let shrill = stage.chance(hoarse);
        let call = Call {
            secs,
            pitch: Curve::new(&[
                (0.0, 0.75 * top),
                (0.12, 1.02 * top),
                (0.35, 1.12 * top),
                (0.75, 0.98 * top),
                (1.0, 0.7 * top),
            ]),
            level: Curve::new(&[
                (0.0, 0.0),
                (0.06, 0.7),
                (0.3, 1.0),
                (0.75, 0.8),
                (0.93, 0.3),
                (1.0, 0.0),
            ]),
            tilt: 3000.0,
            breath: if shrill { 0.12 } else { 0.04 },
            jitter: if shrill { 0.035 } else { 0.008 },
            halves: if shrill { 0.4 } else { 0.05 },
            tremor: (stage.range(5.0, 8.0), stage.range(0.008, 0.025), 0.15),
            formants: vec![
                Formant::moving(
                    &[(0.0, 700.0 * throat), (0.2, 1250.0 * throat), (1.0, 950.0 * throat)],
                    260.0,
                    1.0,
                ),
                Formant::moving(
                    &[(0.0, 1900.0 * throat), (0.2, 2350.0 * throat), (1.0, 2200.0 * throat)],
                    300.0,
                    0.7,
                ),
                Formant::fixed(3900.0 * throat, 500.0, 0.7),
                Formant::fixed(5600.0, 800.0, 0.35),
            ],
            direct: 0.12,
            ..Call::default()
        };
        let sound = call.sound(stage);
        let gain = stage.range(0.8, 1.0);
        stage.add(t, &sound, gain);
        stage.beat(t);
        t += secs + stage.range(0.03, 0.1);
        if t < stage.until(0.15) {
            let breath = stage.range(0.14, 0.26);
            let sound = gasp(stage, breath, pitch);
            stage.add(t, &sound, 0.2);
            t += breath + stage.range(0.02, 0.08);
        }
    }
}

/// A breath drawn in, half voiced.
fn gasp(stage: &mut Stage<'_>, secs: f64, pitch: f64) -> Vec<f64> {
    let call = Call {
        secs,
        pitch: Curve::new(&[(0.0, 1.2 * pitch), (1.0, 1.7 * pitch)]),
        level: hump(0.4, 0.2),
        tilt: 2500.0,
        breath: 0.75,
        jitter: 0.05,
        formants: vec![Formant::fixed(1300.0, 500.0, 1.0), Formant::fixed(2900.0, 800.0, 0.8)],
        ..Call::default()
    };
    call.sound(stage)
}
