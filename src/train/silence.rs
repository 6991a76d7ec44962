//! Sounds that nothing in a picture makes: silence, hiss, hum, noise of many colours.

use crate::synth::{Color, Dice, Library, Noise, SoundPlan};

/// Share of the sounds that are digital silence.
const SILENT: f64 = 0.15;
/// Quietest and loudest noise, RMS in dBFS.
const LEVELS: (f64, f64) = (-75.0, -10.0);

/// One such sound: `samples` in [-1, 1] at `rate`.
pub fn no_source_sound(dice: &mut Dice, samples: usize, rate: u32) -> Vec<f32> {
    if dice.chance(SILENT) {
        return vec![0.0; samples];
    }
    let color = dice.pick(&Color::ALL).copied().unwrap_or(Color::White);
    let level_db = dice.range(LEVELS.0, LEVELS.1);
    let secs = samples as f64 / f64::from(rate.max(1));
    let plan = SoundPlan {
        noise: Some(Noise { color, level_db }),
        seed: dice.bits(),
        ..SoundPlan::silence(secs)
    };
    let mut sound = plan.mono(&Library::new(Vec::new()), rate);
    sound.resize(samples, 0.0);
    sound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_of_many_levels_finite_and_of_their_dice_alone() {
        let sound = |n: u64| no_source_sound(&mut Dice::new(1, n), 48_000, 16_000);
        let rms = |s: &[f32]| (s.iter().map(|v| v * v).sum::<f32>() / s.len() as f32).sqrt();
        let levels: Vec<f32> = (0..60).map(|n| rms(&sound(n))).collect();
        assert!(levels.iter().all(|v| v.is_finite() && *v < 1.0));
        let silent = levels.iter().filter(|v| **v == 0.0).count();
        assert!((2..25).contains(&silent), "{silent}");
        assert!(levels.iter().any(|v| *v > 0.1) && levels.iter().any(|v| *v > 0.0 && *v < 0.002));
        assert_eq!(sound(3), sound(3));
        assert_eq!(sound(3).len(), 48_000);
    }
}
