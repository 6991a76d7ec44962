//! The bracket of the sound that the model hears for the picture on screen.

use crate::features::WindowPlan;

/// Length of the window in seconds.
const WINDOW_SECS: f64 = 3.0;

/// What of the 3 seconds is real sound, in seconds of the clip.
#[derive(Clone, Debug, PartialEq)]
pub struct Bracket {
    /// The window as the method defines it: centred on the picture's time.
    pub nominal: (f64, f64),
    /// The sound that really goes into the network; `None` when there is none.
    pub heard: Option<(f64, f64)>,
    /// Parts drawn hatched: where the nominal window lies outside the sound, what is heard in
    /// place of it because the window is shifted inward, and copies that fill it.
    pub hatched: Vec<(f64, f64)>,
    /// One short line for the lane.
    pub note: String,
}

/// The bracket for a picture at `at_secs`, from the plan that the network's input follows.
///
/// `rate` is the rate that the plan's samples are counted at; zero is taken as one.
pub fn bracket(plan: &WindowPlan, rate: u32, track_secs: f64, at_secs: f64) -> Bracket {
    let rate = f64::from(rate.max(1));
    let nominal = (at_secs - WINDOW_SECS / 2.0, at_secs + WINDOW_SECS / 2.0);
    match plan {
        WindowPlan::Inside { start, len } => {
            let heard = (*start as f64 / rate, (*start as f64 + *len as f64) / rate);
            let mut hatched = Vec::new();
            if nominal.0 < 0.0 {
                hatched.push((nominal.0, 0.0));
            }
            if nominal.1 > track_secs {
                hatched.push((track_secs.max(nominal.0), nominal.1));
            }
            // What is heard in place of it, from further away.
            let slack = 1.0 / rate;
            if heard.1 > nominal.1 + slack {
                hatched.push((nominal.1.max(heard.0), heard.1));
            }
            if heard.0 < nominal.0 - slack {
                hatched.push((heard.0, nominal.0.min(heard.1)));
            }
            let moved = (heard.0 + heard.1 - nominal.0 - nominal.1) / 2.0;
            // Half a sample of rounding is no shift.
            let note = if moved.abs() * rate > 1.0 {
                format!("model hears 3.00 s, shifted {moved:+.2} s to stay inside")
            } else {
                "model hears 3.00 s".to_owned()
            };
            Bracket { nominal, heard: Some(heard), hatched, note }
        }
        WindowPlan::Tiled { .. } => {
            let heard = (0.0, track_secs);
            Bracket {
                nominal,
                heard: Some(heard),
                hatched: vec![(heard.1, WINDOW_SECS.max(heard.1))],
                note: format!("model hears all {:.2} s, repeated to 3.00 s", heard.1),
            }
        }
        WindowPlan::Outside => Bracket {
            nominal,
            heard: None,
            hatched: vec![nominal],
            note: "no sound here, no map".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inside_the_track_nothing_is_hatched() {
        let plan = WindowPlan::Inside { start: 56_000, len: 48_000 };
        let b = bracket(&plan, 16_000, 10.0, 5.0);
        assert_eq!(b.heard, Some((3.5, 6.5)));
        assert!(b.hatched.is_empty() && b.note == "model hears 3.00 s");
    }

    #[test]
    fn at_the_start_the_part_before_the_track_and_its_stand_in_are_hatched() {
        let plan = WindowPlan::Inside { start: 0, len: 48_000 };
        let b = bracket(&plan, 16_000, 10.0, 0.5);
        assert_eq!(b.heard, Some((0.0, 3.0)));
        assert_eq!(b.hatched, [(-1.0, 0.0), (2.0, 3.0)]);
        assert!(b.note.contains("shifted +1.00 s"), "{}", b.note);
    }

    #[test]
    fn at_the_end_the_part_after_the_track_and_its_stand_in_are_hatched() {
        let plan = WindowPlan::Inside { start: 112_000, len: 48_000 };
        let b = bracket(&plan, 16_000, 10.0, 9.5);
        assert_eq!(b.hatched, [(10.0, 11.0), (7.0, 8.0)]);
    }

    #[test]
    fn a_short_track_is_heard_whole_and_its_copies_are_hatched() {
        let b = bracket(&WindowPlan::Tiled { len: 48_000 }, 16_000, 1.0, 0.5);
        assert_eq!(b.heard, Some((0.0, 1.0)));
        assert_eq!(b.hatched, [(1.0, 3.0)]);
        assert!(b.note.contains("repeated"));
    }

    #[test]
    fn without_sound_the_whole_bracket_is_hatched() {
        let b = bracket(&WindowPlan::Outside, 16_000, 1.0, 8.0);
        assert_eq!((b.heard, b.hatched), (None, vec![(6.5, 9.5)]));
    }
}
