//! Bell, alarm clock and telephone.

use super::tools::{Mode, OnePole, Pulse, Stage, Svf, driven, hump, low_passed, peaked, ring};

/// Partials of a church bell: ratio to the strike note, strength, share of the hum's fall.
const CHURCH: [(f64, f64, f64); 10] = [
    (0.5, 0.3, 1.0),
    (1.0, 0.45, 0.75),
    (1.19, 0.5, 0.6),
    (1.5, 0.3, 0.42),
    (2.0, 1.0, 0.4),
    (2.52, 0.35, 0.25),
    (3.01, 0.45, 0.2),
    (4.16, 0.35, 0.14),
    (5.43, 0.25, 0.1),
    (6.8, 0.18, 0.07),
];

/// Partials of a hand bell, tuned to the twelfth.
const HAND: [(f64, f64, f64); 6] = [
    (1.0, 1.0, 1.0),
    (2.02, 0.2, 0.5),
    (3.0, 0.75, 0.5),
    (4.2, 0.15, 0.3),
    (5.4, 0.3, 0.22),
    (8.2, 0.15, 0.12),
];

/// A church bell that swings, or a hand bell: inharmonic partials that beat and die one by one.
pub fn bell(stage: &mut Stage<'_>) {
    let church = stage.chance(0.72);
    let (hz, fall, pace) = if church {
        (stage.octaves(240.0, 620.0), stage.range(2.0, 4.2), stage.range(0.75, 1.35))
    } else {
        (stage.octaves(650.0, 1250.0), stage.range(0.9, 1.7), stage.range(0.3, 0.65))
    };
    let table: &[(f64, f64, f64)] = if church { &CHURCH } else { &HAND };
    let bells = if church && stage.chance(0.35) { 2 } else { 1 };
    for b in 0..bells {
        let hz = if b == 0 { hz } else { hz * stage.pick(&[1.122, 1.189, 1.26, 1.335], 1.26) };
        let mut modes = Vec::new();
        for &(ratio, gain, share) in table {
            let at = stage.about(hz * ratio, 0.006);
            let gain = stage.about(gain, 0.3);
            let beat = stage.range(0.3, 1.6);
            // No bell is quite round: each partial is a pair that beats.
            modes.push(Mode::new(at, 0.7 * gain, fall * share));
            if gain > 0.3 {
                modes.push(Mode::new(at + beat, 0.35 * gain, 0.9 * fall * share));
            }
        }
        let shift = if b == 0 { 0.0 } else { pace * stage.range(0.35, 0.65) };
        let mut push = vec![0.0; stage.samples(stage.secs)];
        let mut t = stage.begin(0.08) + shift;
        while t < stage.secs {
            let gain = stage.range(0.75, 1.0);
            let at = stage.samples(t);
            if let Some(v) = push.get_mut(at) {
                *v += gain;
            }
            let clank = clapper(stage, 3.2 * hz);
            stage.add(t, &clank, 0.5 * gain);
            stage.beat(t);
            t += stage.about(pace, 0.04);
        }
        let sound = peaked(driven(&modes, &push, stage.rate));
        stage.add(0.0, &sound, 1.0);
    }
}

/// The clapper's own clank.
fn clapper(stage: &mut Stage<'_>, hz: f64) -> Vec<f64> {
    let mut noise = stage.noise();
    let rate = stage.rate;
    let mut band = Svf::new(hz, 1.0, rate);
    let n = stage.samples(0.03);
    let sound = (0..n)
        .map(|i| {
            let t = i as f64 / rate;
            band.band(noise.white()) * (-t / 0.006).exp() * (t / 0.0008).min(1.0)
        })
        .collect();
    peaked(sound)
}

/// A digital alarm (four beeps, pause) or a clockwork one (a hammer between two small bells).
pub fn alarm_clock(stage: &mut Stage<'_>) {
    if stage.chance(0.55) { digital_alarm(stage) } else { clockwork(stage) }
}

fn digital_alarm(stage: &mut Stage<'_>) {
    let hz = stage.octaves(1900.0, 3300.0);
    let beeps = stage.dice.int(2, 4);
    let on = stage.range(0.05, 0.09);
    let off = stage.range(0.04, 0.07);
    let pause = stage.range(0.25, 0.5);
    let odd = stage.range(0.15, 0.4);
    let rate = stage.rate;
    let n = stage.samples(on);
    let level = hump(0.03, 0.05);
    // A piezo disc: the tone, its third harmonic where there is room, a trace of the second.
    let turns = |i: usize, k: f64| super::tools::wave(k * hz * i as f64 / rate);
    let room = |k: f64| if k * hz < 0.45 * rate { 1.0 } else { 0.0 };
    let beep: Vec<f64> = (0..n)
        .map(|i| {
            level.at(i as f64 / n as f64)
                * (turns(i, 1.0)
                    + 0.12 * room(2.0) * turns(i, 2.0)
                    + odd * room(3.0) * turns(i, 3.0))
        })
        .collect();
    let mut t = stage.begin(0.1);
    while t < stage.secs {
        for _ in 0..beeps {
            stage.add(t, &beep, 1.0);
            stage.beat(t);
            t += on + off;
        }
        t += pause;
    }
}

fn clockwork(stage: &mut Stage<'_>) {
    let hammer = stage.range(13.0, 19.0);
    let base = stage.octaves(2100.0, 3000.0);
    let modes: Vec<Vec<Mode>> = [1.0, stage.range(1.05, 1.15)]
        .iter()
        .map(|shift| {
            [(1.0, 1.0, 0.35), (1.52, 0.5, 0.2), (2.3, 0.6, 0.15), (3.1, 0.3, 0.1)]
                .iter()
                .map(|(r, g, f)| Mode::new(base * shift * r, *g, *f))
                .collect()
        })
        .collect();
    let n = stage.samples(stage.secs);
    let mut pushes = vec![vec![0.0; n]; 2];
    let rattle = low_rattle(stage);
    let mut t = stage.begin(0.03);
    let mut k = 0;
    while t < stage.secs {
        let at = stage.samples(t);
        let gain = stage.range(0.7, 1.0);
        if let Some(v) = pushes[k % 2].get_mut(at) {
            *v = gain;
        }
        stage.add(t, &rattle, 0.22 * gain);
        if k % 4 == 0 {
            stage.beat(t);
        }
        k += 1;
        t += stage.about(1.0 / hammer, 0.03);
    }
    for (modes, push) in modes.iter().zip(&pushes) {
        let sound = peaked(driven(modes, push, stage.rate));
        stage.add(0.0, &sound, 0.6);
    }
}

/// The case shakes on the table.
fn low_rattle(stage: &mut Stage<'_>) -> Vec<f64> {
    let hz = stage.range(320.0, 520.0);
    peaked(ring(
        &[Mode::new(hz, 1.0, 0.04), Mode::new(2.7 * hz, 0.6, 0.025), Mode::new(150.0, 0.6, 0.05)],
        0.06,
        stage.rate,
    ))
}

/// Ringing in cadence: two gongs ("ring-ring"), an electronic warble, or the line's own tone.
pub fn telephone(stage: &mut Stage<'_>) {
    let style = stage.dice.int(0, 4);
    // (sounding, pause) pairs; real pauses are longer than the network's ear should wait.
    let cadence: &[(f64, f64)] = stage
        .pick(&[&[(0.4, 0.18), (0.4, 0.5)][..], &[(0.9, 0.5)], &[(0.55, 0.3)]], &[(0.4, 0.2)][..]);
    let gongs = stage.octaves(800.0, 1250.0);
    let third = stage.pick(&[1.19, 1.26, 1.12], 1.26);
    let hammer = stage.range(20.0, 26.0);
    let (warble, low, up) = (
        stage.range(11.0, 18.0),
        stage.octaves(750.0, 1250.0),
        stage.pick(&[1.2, 1.25, 1.33], 1.25),
    );
    let mut spans = Vec::new();
    let mut t = stage.begin(0.06);
    while t < stage.secs {
        for &(on, off) in cadence {
            let on = stage.about(on, 0.05);
            spans.push((t, t + on));
            if t < stage.secs {
                stage.beat(t);
            }
            t += on + stage.about(off, 0.08).min(0.52);
        }
    }
    if style <= 2 {
        mechanical(stage, &spans, gongs, third, hammer);
    } else {
        electronic(stage, &spans, warble, low, up);
    }
}

fn mechanical(stage: &mut Stage<'_>, spans: &[(f64, f64)], hz: f64, third: f64, hammer: f64) {
    let n = stage.samples(stage.secs);
    let modes = |base: f64| {
        [(1.0, 0.8, 0.5), (2.71, 1.0, 0.32), (5.15, 0.6, 0.16), (1.6, 0.15, 0.3)]
            .map(|(r, g, f)| Mode::new(base * r, g, f))
    };
    let mut pushes = vec![vec![0.0; n]; 2];
    for &(from, to) in spans {
        let mut t = from;
        let mut k = 0;
        while t < to {
            let at = stage.samples(t);
            if let Some(v) = pushes[k % 2].get_mut(at) {
                *v = stage.dice.range(0.75, 1.0);
            }
            k += 1;
            t += 0.5 / hammer;
        }
    }
    for (push, base) in pushes.iter().zip([hz, third * hz]) {
        let mut sound = peaked(driven(&modes(base), push, stage.rate));
        low_passed(&mut sound, 5500.0, stage.rate);
        stage.add(0.0, &sound, 0.6);
    }
}

fn electronic(stage: &mut Stage<'_>, spans: &[(f64, f64)], warble: f64, low: f64, up: f64) {
    let rate = stage.rate;
    let mut pulse = Pulse::new(0.5);
    let mut tilt = OnePole::new(1500.0, rate);
    let mut disc = Svf::new(2.0 * low, 0.9, rate);
    let mut level = OnePole::new(60.0, rate);
    let mut hz = OnePole::new(200.0, rate);
    let mut i = 0;
    stage.fill(|t| {
        while i + 1 < spans.len() && spans[i + 1].0 <= t {
            i += 1;
        }
        let Some(&(from, to)) = spans.get(i) else { return 0.0 };
        let on = if (from..to).contains(&t) { 1.0 } else { 0.0 };
        let first = ((t - from) * warble * 2.0) as i64 % 2 == 0;
        let hz = hz.low(if first { low } else { low * up });
        let source = tilt.low(pulse.next(hz / rate, rate));
        level.low(on) * (0.5 * source + disc.band(source))
    });
}
