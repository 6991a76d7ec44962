//! Synthesised voices of all kinds of the drawn world.
//!
//! Each voice is made from our own parameters; no recording is involved. `docs/world.md` says for
//! every kind what it is made of and how it was judged.

mod baby;
mod beats;
mod brass;
mod engines;
mod farm;
mod fowl;
mod horns;
mod pets;
mod rings;
mod strings;
mod tools;
mod tunes;
mod weather;
mod wild;

use std::sync::Arc;

use super::{Dice, Voice};
use tools::Stage;

pub(super) use tools::{Noise, OnePole, Svf, bent, db, wave};

/// What a voice does on its stage.
type Perform = fn(&mut Stage<'_>);

/// A voice of the drawn world.
struct Made {
    name: &'static str,
    /// How loud it is among the others, in dB.
    loud: f64,
    perform: Perform,
}

/// Longest part in seconds; a longer one is silent beyond.
const LONGEST: f64 = 3600.0;

/// The longest silence within a part, in seconds: no voice pauses longer, neither at the start
/// nor at the end, so that three seconds of it always hold the sound. Silence is what lies 40 dB
/// below the part's loudest 20 ms.
pub const LONGEST_PAUSE: f64 = 0.6;

const VOICES: [Made; 32] = [
    made("dog", 0.0, pets::dog),
    made("cat", -3.0, pets::cat),
    made("bird", -6.0, wild::bird),
    made("rooster", 0.0, fowl::rooster),
    made("owl", -5.0, fowl::owl),
    made("duck", -2.0, fowl::duck),
    made("cow", 0.0, farm::cow),
    made("sheep", -2.0, farm::sheep),
    made("horse", -1.0, farm::horse),
    made("frog", -4.0, wild::frog),
    made("bee", -8.0, wild::bee),
    made("cricket", -8.0, wild::cricket),
    made("siren", 2.0, horns::siren),
    made("train", 1.0, engines::train),
    made("helicopter", 1.0, engines::helicopter),
    made("car", 0.0, engines::car),
    made("ship", 2.0, horns::ship),
    made("bell", 0.0, rings::bell),
    made("alarm-clock", -2.0, rings::alarm_clock),
    made("telephone", -2.0, rings::telephone),
    made("drum", 1.0, beats::drum),
    made("maracas", -5.0, beats::maracas),
    made("guitar", -1.0, strings::guitar),
    made("piano", -1.0, strings::piano),
    made("violin", -2.0, strings::violin),
    made("brass", 1.0, brass::brass),
    made("typing", -8.0, beats::typing),
    made("clapping", -3.0, beats::clapping),
    made("thunder", 2.0, weather::thunder),
    made("fire", -5.0, weather::fire),
    made("wave", -3.0, weather::wave_surf),
    made("baby", 0.0, baby::baby),
];

const fn made(name: &'static str, loud: f64, perform: Perform) -> Made {
    Made { name, loud, perform }
}

/// The voice of a kind; `None` for a name that the drawn world does not know.
pub fn voice(name: &str) -> Option<Arc<dyn Voice>> {
    let made = VOICES.iter().find(|v| v.name == name)?;
    Some(Arc::new(Made { ..*made }))
}

/// Names of all kinds that have a voice.
pub fn names() -> impl Iterator<Item = &'static str> {
    VOICES.iter().map(|v| v.name)
}

/// RMS in dBFS of a voice as loud as the others.
const USUAL: f64 = -20.0;
/// Where a voice's peaks are rounded off, in dB above its RMS.
const CREST: f64 = 15.0;
/// Largest sample of a voice.
const CEILING: f64 = 0.95;

impl Made {
    fn stage<'a>(&self, dice: &'a mut Dice, rate: u32, secs: f64) -> Stage<'a> {
        let secs = if secs.is_finite() { secs.clamp(0.0, LONGEST) } else { 0.0 };
        let mut stage = Stage::new(dice, f64::from(rate), secs);
        if rate > 0 && secs > 0.0 {
            (self.perform)(&mut stage);
        }
        stage
    }
}

impl Voice for Made {
    fn sing(&self, dice: &mut Dice, rate: u32, secs: f64) -> Vec<f32> {
        let mut sound = self.stage(dice, rate, secs).into_sound();
        // Clicks and pops are rounded off so far above the rest that they stay what they are,
        // and the part can still be as loud as a scene asks. What is below stays untouched:
        // a bent tone would fold at the low rate.
        let loud = super::soundscape::gain_for(&sound, rate, 0.0, f64::INFINITY).max(1e-12);
        let most = tools::db(CREST) / loud;
        sound.iter_mut().for_each(|v| *v = tools::bent(*v, 0.6 * most, most));
        let gain = super::soundscape::gain_for(&sound, rate, USUAL + self.loud, CEILING);
        sound.iter().map(|v| (v * gain) as f32).collect()
    }

    fn beats(&self, dice: &mut Dice, secs: f64) -> Vec<f64> {
        // The notes are drawn the same at every rate; few samples cost least.
        let beats = self.stage(dice, 2000, secs).into_beats();
        if beats.is_empty() { super::library::even_pulse(secs) } else { beats }
    }
}

#[cfg(test)]
mod tests;
