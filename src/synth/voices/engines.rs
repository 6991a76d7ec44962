//! Train, helicopter and car.

use super::tools::{
    Call, Curve, Formant, OnePole, Pulse, Sine, Stage, Svf, arc, hump, lerp, peaked, wave,
};

/// A steam engine: chuffs in fours, hissing steam, and a whistle of several pipes.
pub fn train(stage: &mut Stage<'_>) {
    let pace = stage.octaves(3.2, 7.5);
    let gain = stage.range(0.97, 1.06);
    chuffs(stage, pace, gain);
    let base = stage.octaves(330.0, 640.0);
    let chord = stage.pick(
        &[[1.0, 1.26, 1.5], [1.0, 1.19, 1.5], [1.0, 1.33, 1.68], [1.0, 1.2, 1.42]],
        [1.0, 1.26, 1.5],
    );
    let calls: &[f64] =
        stage.pick(&[&[0.8][..], &[0.28, 0.8], &[0.6, 0.25, 0.6], &[0.3, 0.3]], &[0.8][..]);
    let mut t = stage.range(0.05, 0.7);
    while t < stage.until(0.25) {
        for &natural in calls {
            if t > stage.until(0.2) {
                break;
            }
            let natural = stage.about(natural, 0.2);
            let secs = stage.fit(t, natural, 0.18);
            let sound = whistle(stage, base, chord, secs);
            stage.add(t, &sound, 0.9);
            t += secs + stage.range(0.08, 0.14);
        }
        t += stage.range(0.9, 2.2);
    }
}

fn chuffs(stage: &mut Stage<'_>, pace: f64, faster: f64) {
    let rate = stage.rate;
    let colour = stage.range(1300.0, 2600.0);
    let chimney = stage.range(260.0, 480.0);
    let mut noise = stage.noise();
    let mut low = OnePole::new(colour, rate);
    let mut lower = OnePole::new(colour, rate);
    let mut pipe = Svf::new(chimney, 2.0, rate);
    let mut steam = OnePole::new(3500.0, rate);
    let mut thin = Svf::new(180.0, 0.7, rate);
    // When each chuff begins, how long it may last and how strong it is.
    let mut starts = Vec::new();
    let (mut t, mut speed, mut k) = (stage.begin(0.1), pace, 0u32);
    let accent = stage.range(0.55, 0.8);
    while t < stage.secs {
        let strong = if k.is_multiple_of(4) { 1.0 } else { stage.about(accent, 0.1) };
        starts.push((t, 1.0 / speed, strong));
        stage.beat(t);
        t += 1.0 / speed;
        speed = (speed * faster).min(8.5);
        k += 1;
    }
    let mut i = 0;
    stage.fill(|t| {
        while i + 1 < starts.len() && starts[i + 1].0 <= t {
            i += 1;
        }
        let Some(&(start, period, strong)) = starts.get(i) else { return 0.0 };
        let s = (t - start) / period;
        let level =
            if s < 0.0 { 0.0 } else { (s / 0.12).min(1.0) * (-4.5 * (s - 0.12).max(0.0)).exp() };
        let white = noise.white();
        let burst = thin.high(lower.low(low.low(white)));
        strong * level * (1.1 * burst + 1.6 * pipe.band(burst)) + 0.025 * steam.high(white)
    });
}

fn whistle(stage: &mut Stage<'_>, base: f64, chord: [f64; 3], secs: f64) -> Vec<f64> {
    let mut sum = vec![0.0; stage.samples(secs)];
    for ratio in chord {
        let hz = stage.about(base * ratio, 0.004);
        let rise = (0.07 / secs).min(0.4);
        let call = Call {
            secs,
            pitch: Curve::new(&[(0.0, 0.88 * hz), (rise, hz), (1.0 - rise, hz), (1.0, 0.9 * hz)]),
            level: hump((0.06 / secs).min(0.3), (0.12 / secs).min(0.5)),
            tilt: 1.2 * hz,
            breath: 0.08,
            jitter: 0.003,
            formants: vec![Formant::fixed(hz, 0.5 * hz, 1.0), Formant::fixed(3.0 * hz, hz, 0.5)],
            direct: 0.3,
            ..Call::default()
        };
        for (to, v) in sum.iter_mut().zip(call.sound(stage)) {
            *to += v;
        }
    }
    peaked(sum)
}

/// Rotor chop: ten to nineteen blades a second beat the air, over turbine whine and wind.
pub fn helicopter(stage: &mut Stage<'_>) {
    let rate = stage.rate;
    let blades = stage.octaves(10.0, 19.0);
    let slap = stage.range(0.35, 1.0);
    let mut noise = stage.noise();
    let mut thump = Svf::new(stage.range(70.0, 110.0), 1.1, rate);
    let mut air = Svf::new(stage.range(500.0, 1000.0), 0.8, rate);
    let mut roar = OnePole::new(260.0, rate);
    let tail = stage.octaves(62.0, 105.0);
    let turbine = stage.octaves(1900.0, 3400.0);
    let whine = stage.range(0.008, 0.04);
    let (drift, turn) = (stage.range(0.1, 0.35), stage.range(0.0, 1.0));
    let (mut hum, mut jet, mut jet2) = (Pulse::new(0.5), Sine::default(), Sine::new(0.3));
    let sharp = stage.range(7.0, 13.0);
    let beats = (stage.secs * blades) as usize;
    for k in (0..beats).step_by(2) {
        stage.beat(k as f64 / blades);
    }
    let mut phase = 0.0f64;
    stage.fill(|t| {
        let sway = wave(drift * t + turn);
        let level = 0.82 + 0.18 * sway;
        phase = (phase + blades * (1.0 + 0.01 * sway) / rate).fract();
        // A blade passes: a short blow of pressure, then the torn air behind it.
        let blow = (-sharp * phase).exp();
        let front = if phase < 0.06 { arc(phase / 0.06) } else { 0.0 };
        let white = noise.white();
        let chop = air.band(white) * (0.1 + 1.5 * slap * blow);
        let beat = thump.band(3.0 * front - 0.6 * arc((phase - 0.06) / 0.3));
        let wind = 0.35 * roar.low(white);
        let engine = 0.1 * hum.next(tail / rate, rate)
            + whine * (jet.next(turbine / rate) + 0.6 * jet2.next(1.51 * turbine / rate));
        level * (1.5 * beat + 2.2 * chop + 0.8 * wind) + 0.25 * engine
    });
}

/// An engine that revs or passes, tyres, and mostly a horn of two notes.
pub fn car(stage: &mut Stage<'_>) {
    let passes = stage.chance(0.3);
    let horn = stage.chance(0.7);
    let loud = if horn { stage.range(0.45, 0.8) } else { 1.0 };
    let sound = if passes { passing(stage) } else { revving(stage) };
    stage.add(0.0, &sound, loud);
    if !horn {
        return;
    }
    let (low, ratio) = (stage.octaves(330.0, 480.0), stage.pick(&[1.2, 1.26, 1.19, 1.33], 1.26));
    let beeps: &[f64] =
        stage.pick(&[&[0.14, 0.14][..], &[0.6], &[0.16, 0.5], &[0.12, 0.12, 0.35]], &[0.3][..]);
    let mut t = stage.range(0.1, 0.5);
    while t < stage.until(0.1) {
        for &natural in beeps {
            if t > stage.until(0.1) {
                break;
            }
            let natural = stage.about(natural, 0.15);
            let secs = stage.fit(t, natural, 0.08);
            for hz in [low, low * ratio] {
                let sound = honk(stage, hz, secs);
                stage.add(t, &sound, 0.5);
            }
            stage.beat(t);
            t += secs + stage.range(0.08, 0.13);
        }
        t += stage.range(0.4, 1.3);
    }
}

fn honk(stage: &mut Stage<'_>, hz: f64, secs: f64) -> Vec<f64> {
    let call = Call {
        secs,
        pitch: Curve::new(&[(0.0, 0.97 * hz), (0.08, hz), (1.0, hz)]),
        level: hump((0.012 / secs).min(0.2), (0.03 / secs).min(0.3)),
        tilt: 2600.0,
        breath: 0.01,
        jitter: 0.001,
        formants: vec![Formant::fixed(1150.0, 600.0, 0.8), Formant::fixed(2500.0, 900.0, 1.0)],
        direct: 0.5,
        ..Call::default()
    };
    call.sound(stage)
}

/// The engine's sound for the firing rate along the part.
fn engine(stage: &mut Stage<'_>, firing: Curve, level: Curve) -> Vec<f64> {
    let tone = stage.range(0.85, 1.2);
    let call = Call {
        secs: stage.secs,
        pitch: firing,
        level,
        tilt: stage.range(450.0, 900.0),
        breath: stage.range(0.1, 0.22),
        jitter: stage.range(0.015, 0.04),
        halves: stage.range(0.25, 0.55),
        formants: vec![
            Formant::fixed(110.0 * tone, 70.0, 1.0),
            Formant::fixed(290.0 * tone, 120.0, 0.8),
            Formant::fixed(720.0 * tone, 300.0, 0.6),
            Formant::fixed(1700.0 * tone, 700.0, 0.35),
        ],
        direct: 0.2,
        ..Call::default()
    };
    call.sound(stage)
}

fn revving(stage: &mut Stage<'_>) -> Vec<f64> {
    let idle = stage.octaves(26.0, 40.0);
    let top = stage.octaves(110.0, 210.0);
    let gears = stage.chance(0.5);
    let (mut pitch, mut level) = (vec![(0.0, idle)], vec![(0.0, 0.55)]);
    let mut t = stage.begin(0.4);
    while t < stage.secs {
        let (up, down) = (stage.range(0.3, 0.8), stage.range(0.35, 0.8));
        let reach = stage.about(top, 0.15);
        pitch.push((t, if gears && pitch.len() > 1 { 0.5 * top } else { idle }));
        level.push((t, 0.55));
        pitch.push((t + up, reach));
        level.push((t + up, 1.0));
        stage.beat(t);
        if gears {
            // Into the next gear: the engine falls to half its speed within a moment.
            t += up + stage.range(0.3, 0.8);
            pitch.push((t, 1.08 * reach));
            t += 0.12;
            pitch.push((t, 0.5 * reach));
            level.push((t, 0.6));
        } else {
            t += up + down;
            pitch.push((t, 1.1 * idle));
            level.push((t, 0.5));
            t += stage.range(0.05, 0.5);
        }
    }
    let secs = stage.secs;
    let share = |points: &[(f64, f64)]| {
        let points: Vec<_> = points.iter().map(|p| (p.0 / secs, p.1)).collect();
        Curve::new(&points)
    };
    engine(stage, share(&pitch), share(&level))
}

/// Cars going by: nearer, past, away, each lower after it has passed.
fn passing(stage: &mut Stage<'_>) -> Vec<f64> {
    let rate = stage.rate;
    let mut t = stage.range(0.3, 1.0);
    let firing = stage.octaves(60.0, 110.0);
    let (mut pitch, mut level) = (vec![(0.0, firing)], vec![(0.0, 0.45)]);
    while t < stage.secs + 1.0 {
        pitch.push((t - 0.25, 1.06 * firing));
        pitch.push((t + 0.25, 0.9 * firing));
        level.push((t - 0.8, 0.3));
        level.push((t, 1.0));
        level.push((t + 0.8, 0.3));
        stage.beat(t);
        t += stage.range(1.7, 2.6);
    }
    let secs = stage.secs;
    let share = |points: &[(f64, f64)]| {
        let points: Vec<_> = points.iter().map(|p| (p.0 / secs, p.1)).collect();
        Curve::new(&points)
    };
    let (pitch, level) = (share(&pitch), share(&level));
    let mut sound = engine(stage, pitch, level.clone());
    // Tyres on the road.
    let mut noise = stage.noise();
    let mut band = Svf::new(stage.range(700.0, 1100.0), 0.6, rate);
    let n = sound.len() as f64;
    let mut near = 0.3;
    for (i, v) in sound.iter_mut().enumerate() {
        if i % 64 == 0 {
            near = level.at(i as f64 / n);
        }
        *v = 0.7 * *v + 0.3 * near * lerp(0.3, 1.0, near) * band.band(noise.white());
    }
    peaked(sound)
}
