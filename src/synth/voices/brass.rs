//! Trumpet and saxophone.

use super::tools::{OnePole, Pulse, Stage, Svf, note, wave};
use super::tunes::{Tone, melody};

/// Brass: tones that grow brighter as they grow louder; fanfares on the natural notes, or a
/// saxophone's swinging line.
pub fn brass(stage: &mut Stage<'_>) {
    let sax = stage.chance(0.4);
    let tones = if sax {
        let beat = 60.0 / stage.range(90.0, 160.0);
        melody(stage, 50.0, 72.0, beat, &[0.67, 0.33, 1.0, 0.67, 0.33, 1.5])
    } else if stage.chance(0.7) {
        fanfare(stage)
    } else {
        let beat = 60.0 / stage.range(90.0, 140.0);
        melody(stage, 60.0, 79.0, beat, &[0.5, 1.0, 1.0, 1.5])
    };
    let parts = if !sax && stage.chance(0.4) { 2 } else { 1 };
    for part in 0..parts {
        // A second trumpet plays a third or so below.
        let below = if part == 0 { 0.0 } else { stage.pick(&[3.0, 4.0, 5.0], 4.0) };
        line(stage, &tones, sax, below, if part == 0 { 1.0 } else { 0.7 });
    }
    for tone in &tones {
        stage.beat(tone.at);
    }
}

/// Repeated notes that leap to the fifth and the octave.
fn fanfare(stage: &mut Stage<'_>) -> Vec<Tone> {
    let root = stage.range(58.0, 66.0).floor();
    let beat = 60.0 / stage.range(100.0, 160.0);
    // (steps above the root, beats)
    let call: &[(f64, f64)] = stage.pick(
        &[
            &[
                (0.0, 0.33),
                (0.0, 0.33),
                (0.0, 0.34),
                (7.0, 1.0),
                (4.0, 0.5),
                (7.0, 0.5),
                (12.0, 1.5),
            ][..],
            &[(0.0, 0.5), (4.0, 0.5), (7.0, 0.5), (12.0, 1.0), (7.0, 0.5), (12.0, 2.0)],
            &[
                (7.0, 0.25),
                (7.0, 0.25),
                (7.0, 0.5),
                (12.0, 1.0),
                (7.0, 0.5),
                (4.0, 0.5),
                (0.0, 1.0),
            ],
            &[(0.0, 0.75), (0.0, 0.25), (7.0, 1.0), (4.0, 0.75), (4.0, 0.25), (12.0, 1.5)],
        ],
        &[(0.0, 1.0), (7.0, 1.0)][..],
    );
    let mut tones = Vec::new();
    let mut t = stage.begin(0.03);
    while t < stage.until(0.05) {
        for &(step, beats) in call {
            let loud = stage.range(0.8, 1.0);
            tones.push(Tone { at: t, secs: beats * beat, number: root + step, loud });
            t += beats * beat;
        }
    }
    tones
}

fn line(stage: &mut Stage<'_>, tones: &[Tone], sax: bool, below: f64, gain: f64) {
    let rate = stage.rate;
    let tune = 2f64.powf(stage.range(-0.1, 0.1) / 12.0);
    let mut pulse = Pulse::new(0.5);
    let mut bright = Svf::new(1000.0, 0.7, rate);
    let mut level = OnePole::new(if sax { 14.0 } else { 18.0 }, rate);
    let mut pressure = OnePole::new(if sax { 14.0 } else { 12.0 }, rate);
    let bell = if sax { stage.range(650.0, 900.0) } else { stage.range(1100.0, 1450.0) };
    let mut horn = Svf::new(bell, 1.1, rate);
    let mut upper = Svf::new(if sax { 2300.0 } else { 2900.0 }, 1.6, rate);
    let mut noise = stage.noise();
    let mut chance = stage.noise();
    let (speed, depth) =
        (stage.range(4.5, 6.0), if sax { stage.range(0.006, 0.014) } else { 0.004 });
    let loudest = stage.range(4.0, 9.0) * if sax { 0.8 } else { 1.0 };
    let breath = if sax { 0.02 } else { 0.006 };
    let rough = stage.range(0.003, 0.01);
    let (mut i, mut periods, mut shift) = (0, 0, 0.0);
    let mut count = 0u32;
    let late = if below > 0.0 { 0.012 } else { 0.0 };
    stage.fill(|t| {
        while i + 1 < tones.len() && tones[i + 1].at + late <= t {
            i += 1;
        }
        let Some(tone) = tones.get(i) else { return 0.0 };
        let s = t - tone.at - late;
        let hz = note(tone.number - below) * tune;
        // Lips find the note from a little below.
        let scoop = 1.0 - if sax { 0.03 } else { 0.015 } * (-s.max(0.0) / 0.025).exp();
        let ready = ((s - 0.2) / 0.3).clamp(0.0, 1.0);
        let vibrato = 1.0 + depth * ready * wave(speed * t);
        let step = (hz * scoop * vibrato * (1.0 + shift)).max(20.0) / rate;
        let source = pulse.next(step, rate);
        if pulse.periods() != periods {
            periods = pulse.periods();
            shift = rough * chance.sway();
        }
        let blown = s >= 0.0 && s < tone.secs - 0.045;
        let blow = if blown { tone.loud } else { 0.0 };
        let now = level.low(blow);
        // The attack is the brightest moment.
        let force = pressure.low(blow * (1.0 + 0.5 * (-s.max(0.0) / 0.06).exp()));
        if count.is_multiple_of(16) {
            bright.set(hz * (1.0 + loudest * force * force), 0.75, rate);
        }
        count += 1;
        let source = bright.low(source) + breath * noise.white() * now;
        gain * now * (0.5 * source + horn.band(source) + 0.5 * upper.band(source))
    });
}
