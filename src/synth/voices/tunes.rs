//! Notes for the instruments: keys, chords, rhythms.

use super::tools::Stage;

/// One note to be played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tone {
    /// When, in seconds.
    pub at: f64,
    /// How long, in seconds.
    pub secs: f64,
    /// Number on the tempered scale; 69 is 440 Hz.
    pub number: f64,
    /// 0 to 1.
    pub loud: f64,
}

const SCALES: [&[i32]; 4] =
    [&[0, 2, 4, 5, 7, 9, 11], &[0, 2, 3, 5, 7, 8, 10], &[0, 2, 4, 7, 9], &[0, 3, 5, 7, 10]];

/// A melody of `low` to `high` (note numbers), `beat` seconds to the beat, made of `lengths` in
/// beats; it walks through a scale and leaps now and then.
pub fn melody(stage: &mut Stage<'_>, low: f64, high: f64, beat: f64, lengths: &[f64]) -> Vec<Tone> {
    let scale = stage.pick(&SCALES, SCALES[0]);
    let key = stage.dice.int(0, 11) as i32;
    let ladder: Vec<f64> = (low as i32..=high as i32)
        .filter(|n| scale.contains(&(n - key).rem_euclid(12)))
        .map(f64::from)
        .collect();
    let mut place = stage.dice.int(1, ladder.len().max(4) as u32 - 2) as i32;
    let mut tones = Vec::new();
    let mut t = stage.begin(0.03);
    while t < stage.until(0.05) {
        let secs = beat * stage.pick(lengths, 1.0);
        let last = ladder.len() as i32 - 1;
        let step = match stage.dice.int(0, 9) {
            0 => 3,
            1 => -3,
            2 => 0,
            3 | 4 => 2,
            5 | 6 => -2,
            7 | 8 => 1,
            _ => -1,
        };
        place = if (0..=last).contains(&(place + step)) { place + step } else { place - step };
        place = place.clamp(0, last.max(0));
        let number = ladder.get(place as usize).copied().unwrap_or(low);
        let loud = stage.range(0.7, 1.0);
        tones.push(Tone { at: t, secs, number, loud });
        t += secs;
    }
    tones
}

/// Degrees of common turns of chords: (root above the key, minor).
pub const TURNS: [[(f64, bool); 4]; 5] = [
    [(0.0, false), (5.0, false), (7.0, false), (0.0, false)],
    [(0.0, false), (7.0, false), (9.0, true), (5.0, false)],
    [(0.0, true), (8.0, false), (3.0, false), (10.0, false)],
    [(0.0, false), (9.0, true), (5.0, false), (7.0, false)],
    [(0.0, true), (5.0, true), (7.0, false), (0.0, true)],
];
