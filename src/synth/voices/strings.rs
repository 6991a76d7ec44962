//! Guitar, piano and violin.

use super::tools::{Mode, OnePole, Pluck, Pulse, Stage, Svf, note, peaked, ring, wave};
use super::tunes::{TURNS, Tone, melody};

/// Plucked strings: strummed or picked chords on a wooden body, or an electric guitar's riffs
/// through a driven amplifier.
pub fn guitar(stage: &mut Stage<'_>) {
    match stage.dice.int(0, 6) {
        0 | 1 => strumming(stage),
        2 | 3 => picking(stage),
        4 | 5 => riff(stage),
        _ => lead(stage),
    }
}

fn pluck(stage: &mut Stage<'_>, number: f64, bright: f64, pick: f64) -> Pluck {
    Pluck {
        hz: note(number) * stage.range(0.9985, 1.0015),
        fall: 4.5 * (52.0 - number).mul_add(0.02, 1.0).clamp(0.4, 1.4),
        bright,
        pick,
        place: stage.range(0.1, 0.3),
    }
}

/// Fingering of a chord on six strings.
fn chord(root: f64, minor: bool) -> [f64; 6] {
    let third = if minor { 3.0 } else { 4.0 };
    [root, root + 7.0, root + 12.0, root + 12.0 + third, root + 19.0, root + 24.0]
}

/// Air and top of a wooden body.
fn wood(stage: &mut Stage<'_>) {
    let rate = stage.rate;
    let size = stage.range(0.9, 1.15);
    let (mut air, mut top, mut back) = (
        Svf::new(105.0 * size, 6.0, rate),
        Svf::new(205.0 * size, 5.0, rate),
        Svf::new(420.0 * size, 4.0, rate),
    );
    stage.through(|x| 0.8 * x + 0.7 * air.band(x) + 0.7 * top.band(x) + 0.4 * back.band(x));
}

fn strumming(stage: &mut Stage<'_>) {
    let key = stage.range(40.0, 47.0).floor();
    let turn = stage.pick(&TURNS, TURNS[0]);
    let eighth = 30.0 / stage.range(85.0, 140.0);
    let pattern: &[u8] =
        stage.pick(&[&b"D.DUDUDU"[..], b"D.DU.UDU", b"D.D.DUDU", b"DUDUDUDU"], &b"D.DU"[..]);
    let (bright, pick) = (stage.range(4500.0, 7000.0), stage.range(3000.0, 5500.0));
    let spread = stage.range(0.006, 0.016);
    let mut t = stage.begin(0.02);
    let mut k = 0usize;
    while t < stage.secs {
        let (step, minor) = turn[(k / 8) % 4];
        let root = key + if key + step > 48.0 { step - 12.0 } else { step };
        let strings = chord(root.max(40.0), minor);
        let stroke = pattern[k % 8];
        if stroke != b'.' {
            stage.beat(t);
            let down = stroke == b'D';
            let hold = eighth * if pattern[(k + 1) % 8] == b'.' { 2.0 } else { 1.0 } + 0.1;
            for (i, &number) in strings.iter().enumerate() {
                if !down && i < 2 {
                    continue;
                }
                let at = t + spread * if down { i as f64 } else { 5.0 - i as f64 };
                let string = pluck(stage, number, bright, pick);
                let sound = string.sound(stage, hold, 0.05);
                let gain = stage.range(0.7, 1.0) * if down { 1.0 } else { 0.7 };
                stage.add(at, &sound, gain);
            }
        }
        k += 1;
        t += eighth;
    }
    wood(stage);
}

fn picking(stage: &mut Stage<'_>) {
    let key = stage.range(40.0, 48.0).floor();
    let turn = stage.pick(&TURNS, TURNS[0]);
    let eighth = 30.0 / stage.range(80.0, 140.0);
    let order: &[usize] = stage
        .pick(&[&[0, 3, 4, 5, 4, 3][..], &[0, 2, 3, 4, 5, 4, 3, 2], &[0, 4, 3, 5]], &[0, 3][..]);
    let (bright, finger) = (stage.range(4500.0, 7000.0), stage.range(2500.0, 5000.0));
    let mut t = stage.begin(0.02);
    let mut k = 0usize;
    while t < stage.secs {
        let (step, minor) = turn[(k / 8) % 4];
        let strings = chord((key + step - if step > 6.0 { 12.0 } else { 0.0 }).max(40.0), minor);
        let string = pluck(stage, strings[order[k % order.len()]], bright, finger);
        let sound = string.sound(stage, 8.0 * eighth, 0.1);
        let gain = stage.range(0.7, 1.0);
        stage.add(t, &sound, gain);
        stage.beat(t);
        k += 1;
        t += eighth;
    }
    wood(stage);
}

/// Drives what has sounded so far through an amplifier and its loudspeaker.
fn amplifier(stage: &mut Stage<'_>, drive: f64) {
    let rate = stage.rate;
    let mut before = Svf::new(2600.0, 0.7, rate);
    let mut thin = OnePole::new(140.0, rate);
    let mut cone = Svf::new(3800.0, 0.9, rate);
    let mut body = Svf::new(900.0, 0.8, rate);
    stage.through(|x| {
        let x = before.low(thin.high(x)) * drive;
        // Softer on one side, as a valve.
        let y = (x + 0.15).tanh() - 0.149;
        cone.low(y) + 0.5 * body.band(y)
    });
}

fn riff(stage: &mut Stage<'_>) {
    let root = stage.range(40.0, 46.0).floor();
    let eighth = 30.0 / stage.range(100.0, 160.0);
    let steps: &[f64] = stage.pick(
        &[
            &[0.0, 0.0, 3.0, 0.0, 5.0, 3.0, 0.0, -2.0][..],
            &[0.0, 0.0, 0.0, 5.0, 0.0, 0.0, 7.0, 5.0],
            &[0.0, 3.0, 5.0, 0.0, 3.0, 6.0, 5.0, 5.0],
            &[0.0, 0.0, 7.0, 0.0, 8.0, 7.0, 5.0, 3.0],
        ],
        &[0.0, 5.0][..],
    );
    let mutes = stage.range(0.0, 0.5);
    let drive = stage.octaves(0.4, 1.6);
    let mut t = stage.begin(0.02);
    let mut k = 0usize;
    while t < stage.secs {
        let muted = stage.chance(mutes);
        let long = !muted && stage.chance(0.3);
        let secs = if long { 2.0 * eighth } else { eighth };
        for above in [0.0, 7.0, 12.0] {
            let mut string = pluck(stage, root + steps[k % steps.len()] + above, 6000.0, 5000.0);
            if muted {
                string.fall = 0.25;
            }
            let sound = string.sound(stage, secs + 0.01, 0.02);
            let at = t + 0.003 * above / 5.0;
            stage.add(at, &sound, 0.7);
        }
        stage.beat(t);
        k += 1;
        t += secs;
    }
    amplifier(stage, drive);
}

fn lead(stage: &mut Stage<'_>) {
    let beat = 60.0 / stage.range(85.0, 150.0);
    let tones = melody(stage, 52.0, 74.0, beat, &[0.5, 0.5, 0.5, 0.25, 0.25]);
    let drive = stage.octaves(0.2, 0.8);
    for tone in tones {
        // Strings ring on below the next note; now and then two are plucked together.
        let below = stage.pick(&[0.0, 0.0, 5.0, 7.0], 0.0);
        for number in [tone.number, tone.number - below] {
            let mut string = pluck(stage, number, 5000.0, 5500.0);
            string.fall *= 0.6;
            let sound = string.sound(stage, tone.secs + 0.5, 0.3);
            stage.add(tone.at, &sound, 0.7 * tone.loud);
            if below == 0.0 {
                break;
            }
        }
        stage.beat(tone.at);
    }
    amplifier(stage, drive);
}

/// Struck strings: stretched partials, two or three strings that beat, a hammer's knock; melodies
/// over chords.
pub fn piano(stage: &mut Stage<'_>) {
    let beat = 60.0 / stage.range(90.0, 150.0);
    let mut tones = melody(stage, 60.0, 84.0, beat, &[0.5, 0.5, 0.5, 1.0, 1.0]);
    let first = tones.first().map_or(60.0, |t| t.number);
    let turn = stage.pick(&TURNS, TURNS[0]);
    let broken = stage.chance(0.5);
    let bass = first - 12.0 * ((first - 46.0) / 12.0).floor();
    let mut t = tones.first().map_or(0.0, |t| t.at);
    let mut bar = 0;
    while t < stage.secs {
        let (step, minor) = turn[bar % 4];
        let root = bass + if step > 6.0 { step - 12.0 } else { step };
        // The left hand's octave below the chord.
        tones.push(Tone { at: t, secs: 2.0 * beat, number: root - 12.0, loud: 0.6 });
        for (i, above) in [0.0, if minor { 3.0 } else { 4.0 }, 7.0].into_iter().enumerate() {
            let at = if broken { t + i as f64 * 0.5 * beat } else { t };
            tones.push(Tone { at, secs: 2.0 * beat, number: root + above, loud: 0.55 });
        }
        bar += 1;
        t += 2.0 * beat;
    }
    let hard = stage.range(0.6, 1.3);
    for tone in tones {
        if tone.at >= stage.secs {
            continue;
        }
        let sound = piano_note(stage, tone, hard);
        stage.add(tone.at, &sound, tone.loud);
        stage.beat(tone.at);
    }
}

fn piano_note(stage: &mut Stage<'_>, tone: Tone, hard: f64) -> Vec<f64> {
    let rate = stage.rate;
    let hz = note(tone.number);
    let stretch = 0.0004 * ((tone.number - 48.0) / 18.0).exp2();
    let fall = 7.0 * (-(tone.number - 48.0) / 22.0).exp2();
    let cents = 1.0 + stage.range(0.0002, 0.0006);
    let top = (3300.0 * hard).min(0.45 * rate);
    let mut modes = Vec::new();
    for k in 1..=24 {
        let n = f64::from(k);
        let at = n * hz * (1.0 + stretch * n * n).sqrt();
        if at > 1.6 * top {
            break;
        }
        // The hammer strikes at an eighth of the string and is soft.
        let gain = wave(n / 16.0).abs().max(0.06) / n.powf(0.7) * (-at / top * 1.2).exp();
        let length = fall / (1.0 + 0.35 * n);
        modes.push(Mode::new(at, gain, length));
        if k < 9 {
            modes.push(Mode::new(at * cents, 0.6 * gain, 1.5 * length));
        }
    }
    let secs = (tone.secs + 0.25).min(stage.secs - tone.at);
    let mut sound = peaked(ring(&modes, secs, rate));
    let mut noise = stage.noise();
    let mut felt = Svf::new(420.0, 1.0, rate);
    let n = sound.len();
    let damp = stage.samples(0.12).min(n);
    for (i, v) in sound.iter_mut().enumerate() {
        let t = i as f64 / rate;
        if t < 0.06 {
            *v = *v * (t / 0.0015).min(1.0) + 0.22 * felt.band(noise.white()) * (-t / 0.012).exp();
        }
        if n - i <= damp {
            *v *= (n - i) as f64 / damp as f64;
        }
    }
    sound
}

/// Bowed strings: a saw-tooth through the body's resonances, with vibrato, slides and the bow's
/// hiss.
pub fn violin(stage: &mut Stage<'_>) {
    let rate = stage.rate;
    let beat = 60.0 / stage.range(80.0, 140.0);
    let slow = stage.chance(0.6);
    let lengths: &[f64] = if slow { &[1.0, 1.0, 2.0, 1.5] } else { &[0.5, 0.5, 1.0, 0.25] };
    let low = stage.pick(&[55.0, 60.0, 65.0], 60.0);
    let tones = melody(stage, low, low + 18.0, beat, lengths);
    let (speed, depth) = (stage.range(4.8, 6.6), stage.range(0.009, 0.018));
    let size = stage.range(0.94, 1.06);
    // Air, wood and bridge of the body: frequency, width, gain.
    let mut body: Vec<(Svf, f64)> = [
        (275.0, 35.0, 0.8),
        (460.0, 45.0, 1.0),
        (550.0, 50.0, 0.9),
        (920.0, 160.0, 0.45),
        (1250.0, 200.0, 0.4),
        (2500.0, 900.0, 0.8),
        (3400.0, 900.0, 0.45),
    ]
    .iter()
    .map(|(hz, width, gain)| (Svf::band_of(hz * size, *width, rate), *gain))
    .collect();
    for tone in &tones {
        stage.beat(tone.at);
    }
    let mut pulse = Pulse::new(0.5);
    // A saw-tooth is the integral of pulses.
    let mut saw = OnePole::new(60.0, rate);
    let mut soft = OnePole::new(stage.range(3500.0, 6000.0), rate);
    let mut slide = OnePole::new(12.0, rate);
    let mut bow = OnePole::new(stage.range(10.0, 18.0), rate);
    let mut noise = stage.noise();
    let mut chance = stage.noise();
    let hiss = stage.range(0.01, 0.035);
    let detached = if slow { 0.06 } else { 0.12 };
    // The first note has nothing to slide from.
    slide.settle(tones.first().map_or(440.0, |t| note(t.number)));
    let mut i = 0;
    let (mut periods, mut shift) = (0, 0.0);
    stage.fill(|t| {
        while i + 1 < tones.len() && tones[i + 1].at <= t {
            i += 1;
        }
        let Some(tone) = tones.get(i) else { return 0.0 };
        let hz = slide.low(note(tone.number));
        let s = t - tone.at;
        let ready = ((s - 0.07) / 0.2).clamp(0.0, 1.0);
        let vibrato = 1.0 + depth * ready * wave(speed * t);
        let source = pulse.next(hz * vibrato * (1.0 + shift) / rate, rate);
        if pulse.periods() != periods {
            periods = pulse.periods();
            shift = 0.002 * chance.sway();
        }
        let drawn = t >= tone.at && s < tone.secs - detached;
        let level = bow.low(if drawn { tone.loud } else { 0.15 });
        let source = soft.low(saw.low(source)) * 8.0 + hiss * noise.white();
        let mut y = 0.25 * source;
        for (filter, gain) in &mut body {
            y += *gain * filter.band(source);
        }
        y * level * (1.0 + 0.2 * ready * wave(speed * t + 0.25))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::Dice;

    #[test]
    fn a_piano_string_is_stretched() {
        let mut dice = Dice::new(5, 0);
        let mut stage = Stage::new(&mut dice, 16_000.0, 1.0);
        let tone = Tone { at: 0.0, secs: 0.7, number: 60.0, loud: 1.0 };
        let x = piano_note(&mut stage, tone, 1.0);
        assert!(x.iter().all(|v| v.is_finite()) && x.len() > 14_000);
    }
}
