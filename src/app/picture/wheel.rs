//! The wheel as it turns, notch by notch.
//!
//! egui smooths scrolling over several frames; here a notch is one step of volume, one frame,
//! one zoom step, at once.

use egui::{Event, Modifiers, MouseWheelUnit, Ui, Vec2, vec2};

/// What the wheel did since the last frame of the window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Wheel {
    /// Notches, positive to the right and away from the user; fractions from touch pads.
    pub notches: Vec2,
    /// Factor of a pinch gesture, 1 without one.
    pub pinch: f32,
    /// Keys held with it.
    pub modifiers: Modifiers,
}

/// Points that a touch pad moves for one notch.
const POINTS_PER_NOTCH: f32 = 40.0;

/// Reads the wheel.
pub(crate) fn wheel_of(ui: &Ui) -> Wheel {
    ui.input(|i| {
        let mut wheel = Wheel { notches: Vec2::ZERO, pinch: 1.0, modifiers: i.modifiers };
        for event in &i.events {
            match event {
                Event::MouseWheel { unit, delta, modifiers, .. } => {
                    wheel.notches += match unit {
                        MouseWheelUnit::Line => *delta,
                        MouseWheelUnit::Point => *delta / POINTS_PER_NOTCH,
                        MouseWheelUnit::Page => *delta * 10.0,
                    };
                    wheel.modifiers = *modifiers;
                }
                Event::Zoom(factor) if factor.is_finite() => wheel.pinch *= *factor,
                _ => {}
            }
        }
        // A broken driver must not send the view to infinity.
        wheel.notches = wheel.notches.clamp(vec2(-50.0, -50.0), vec2(50.0, 50.0));
        wheel.pinch = wheel.pinch.clamp(0.02, 50.0);
        wheel
    })
}

/// Whole steps out of fractions of notches.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Steps {
    rest: f32,
}

impl Steps {
    /// Adds notches and takes the whole steps out; a turn the other way starts afresh.
    pub fn take(&mut self, notches: f32) -> i32 {
        if notches * self.rest < 0.0 {
            self.rest = 0.0;
        }
        self.rest += notches;
        let whole = self.rest.trunc();
        self.rest -= whole;
        whole as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_add_up_to_steps_and_a_turn_back_starts_afresh() {
        let mut s = Steps::default();
        assert_eq!((s.take(0.6), s.take(0.6), s.take(1.0)), (0, 1, 1));
        assert_eq!(s.take(-1.0), -1);
        assert_eq!(s.take(3.5), 3);
    }
}
