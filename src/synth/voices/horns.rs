//! Siren and ship.

use super::tools::{Call, Curve, Formant, OnePole, Pulse, Stage, Svf, hump, lerp, wave};

/// Sirens of ambulances, police cars and fire engines: wail, yelp, two notes, or wail then yelp.
pub fn siren(stage: &mut Stage<'_>) {
    let style = stage.dice.int(0, 3);
    let (low, high) = (stage.range(520.0, 720.0), stage.range(1250.0, 1600.0));
    let wail = stage.range(2.2, 4.5);
    let yelp = stage.range(0.26, 0.42);
    let (note, step) = (stage.octaves(420.0, 640.0), stage.pick(&[1.335, 1.26], 1.335));
    let hold = stage.range(0.4, 0.62);
    let change = stage.range(0.8, 1.6);
    let start = stage.range(0.0, 1.0);
    let rate = stage.rate;
    let mut pulse = Pulse::new(0.5);
    // Two-tone horns come in pairs that are not quite in tune.
    let (mut twin, apart) = (Pulse::new(0.1), stage.range(1.022, 1.036));
    let mut tilt = OnePole::new(stage.range(1300.0, 2400.0), rate);
    let mut horn = Svf::new(stage.range(1100.0, 1700.0), 1.1, rate);
    let mut edge = Svf::new(stage.range(2600.0, 3400.0), 1.5, rate);
    let drift = stage.range(-0.02, 0.02);
    let beat = match style {
        0 => wail / 2.0,
        2 => hold,
        _ => yelp,
    };
    for k in 0..(stage.secs / beat) as usize + 1 {
        stage.beat(k as f64 * beat);
    }
    let secs = stage.secs.max(0.1);
    let mut glide = note;
    stage.fill(|t| {
        // Rises as a charging capacitor, falls as one that empties.
        let sweep = |period: f64| {
            let x = (t / period + start).fract();
            let y = if x < 0.45 {
                (1.0 - (-2.5 * x / 0.45).exp()) / 0.918
            } else {
                ((-2.0 * (x - 0.45) / 0.55).exp() - 0.135) / 0.865
            };
            lerp(low, high, y)
        };
        let hz = match style {
            0 => sweep(wail),
            1 => sweep(yelp),
            2 => {
                let up = ((t / hold + start) as u64).is_multiple_of(2);
                let aim = if up { note * step } else { note };
                glide += (aim - glide) * (1.0 - (-1.0 / (0.008 * rate)).exp());
                glide
            }
            _ if ((t / change) as u64).is_multiple_of(2) => sweep(wail * 0.6),
            _ => sweep(yelp),
        };
        let hz = hz * (1.0 + drift * t / secs);
        let mut source = pulse.next(hz / rate, rate);
        if style == 2 {
            source = 0.75 * (source + twin.next(apart * hz / rate, rate));
        }
        let source = tilt.low(source);
        0.4 * source + horn.band(source) + 0.5 * edge.band(source)
    });
}

/// A ship's horn: one or two very low reeds that shake the harbour, its echo, and water.
pub fn ship(stage: &mut Stage<'_>) {
    let low = stage.octaves(68.0, 135.0);
    let reeds: &[f64] =
        stage.pick(&[&[1.0][..], &[1.0, 1.007], &[1.0, 1.26], &[1.0, 1.5]], &[1.0][..]);
    let length = stage.range(0.9, 2.4);
    let pause = stage.range(0.25, 0.5);
    let throat = stage.range(0.85, 1.2);
    let mut t = stage.begin(0.05);
    while t < stage.until(0.3) {
        let natural = stage.about(length, 0.2);
        let secs = stage.fit(t, natural, 0.3);
        let sounds: Vec<Vec<f64>> = reeds
            .iter()
            .map(|ratio| {
                let hz = low * ratio;
                let call = Call {
                    secs,
                    pitch: Curve::new(&[
                        (0.0, 0.93 * hz),
                        ((0.15 / secs).min(0.3), hz),
                        (1.0 - (0.2 / secs).min(0.3), hz),
                        (1.0, 0.95 * hz),
                    ]),
                    level: hump((0.1 / secs).min(0.3), (0.22 / secs).min(0.4)),
                    tilt: 420.0,
                    breath: 0.012,
                    jitter: 0.002,
                    formants: vec![
                        Formant::fixed(2.6 * low * throat, 1.4 * low, 1.0),
                        Formant::fixed(480.0 * throat, 160.0, 0.9),
                        Formant::fixed(1050.0 * throat, 400.0, 0.4),
                    ],
                    direct: 0.3,
                    ..Call::default()
                };
                call.sound(stage)
            })
            .collect();
        for sound in &sounds {
            let gain = 1.0 / sounds.len() as f64;
            stage.add(t, sound, gain);
            // The far shore.
            stage.add(t + 0.33, sound, 0.16 * gain);
            stage.add(t + 0.57, sound, 0.09 * gain);
        }
        stage.beat(t);
        t += secs + stage.about(pause, 0.15);
    }
    let mut noise = stage.noise();
    let mut water = Svf::new(420.0, 0.5, stage.rate);
    let swell = stage.range(0.3, 0.6);
    stage.fill(|t| 0.02 * (1.0 + 0.6 * wave(swell * t)) * water.band(noise.white()));
}
