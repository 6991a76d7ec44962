//! What voices are made with: oscillators, noise, curves, filters, struck and plucked bodies,
//! and throats.
//!
//! Everything is defined in seconds and hertz, and chance is drawn per event and never per
//! sample, so a voice plays the same notes at every sample rate.

mod call;
mod curve;
mod filter;
mod noise;
mod osc;
mod stage;
mod struck;

pub use call::{Call, Formant};
pub use curve::{Curve, arc, hump, lerp};
pub use filter::{OnePole, Svf, low_passed};
pub use noise::Noise;
pub use osc::{Pulse, Sine, wave};
pub use stage::Stage;
pub use struck::{Mode, Pluck, driven, ring};

/// Scales `sound` so that its largest sample has size 1; silence stays.
pub fn peaked(mut sound: Vec<f64>) -> Vec<f64> {
    let most = sound.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    if most > 1e-9 {
        sound.iter_mut().for_each(|v| *v /= most);
    }
    sound
}

/// `x` as it is up to `knee`, bent above it so that it stays below `most`.
pub fn bent(x: f64, knee: f64, most: f64) -> f64 {
    let size = x.abs();
    if size <= knee {
        return x;
    }
    let room = most - knee;
    x.signum() * (knee + room * ((size - knee) / room).tanh())
}

/// Frequency of a note of the equal-tempered scale; 69 is 440 Hz.
pub fn note(number: f64) -> f64 {
    440.0 * ((number - 69.0) / 12.0).exp2()
}

/// Factor of a level in decibels.
pub fn db(level: f64) -> f64 {
    10f64.powf(level / 20.0)
}
