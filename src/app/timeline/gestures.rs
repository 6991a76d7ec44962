//! What the mouse means on the timeline, without a window: presses, moves and releases go in,
//! wishes come out.

use crate::units::MediaTime;

use super::axis::{Extent, TimeAxis};

/// How near a handle must be pressed, in points.
pub const HANDLE_REACH: f32 = 6.0;

/// The two ends of an A-B loop; either may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AbLoop {
    /// Start.
    pub a: Option<MediaTime>,
    /// End.
    pub b: Option<MediaTime>,
}

impl AbLoop {
    /// The two times in order.
    pub fn from_ends(one: MediaTime, other: MediaTime) -> Self {
        Self { a: Some(one.min(other)), b: Some(one.max(other)) }
    }

    /// The looped part when both ends are set, in order.
    pub fn part(self) -> Option<(MediaTime, MediaTime)> {
        let (a, b) = (self.a?, self.b?);
        Some((a.min(b), a.max(b)))
    }
}

/// What the timeline wants of the player.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TimelineWish {
    /// Show what is near this time at once; more will come.
    Scrub(MediaTime),
    /// The drag rests here: land exactly.
    ScrubEnd(MediaTime),
    /// Loop between these.
    SetLoop(AbLoop),
}

/// A press that goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Gesture {
    /// Nothing is held.
    #[default]
    Idle,
    /// The playhead is dragged; the time that was asked for last.
    Scrub(MediaTime),
    /// A loop is drawn from here.
    Loop {
        /// The end that stays.
        fixed: MediaTime,
        /// Whether the pointer has moved; a press alone makes no loop.
        moved: bool,
    },
    /// The only handle that is set is moved.
    LoneHandle {
        /// It is A (else B).
        is_a: bool,
    },
    /// The lanes are moved; place of the pointer at the last event.
    Pan {
        /// In points.
        last_x: f32,
    },
}

/// Which button and what with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    /// Primary button.
    Plain,
    /// Primary button with Shift.
    Shift,
    /// Middle button.
    Middle,
}

/// What the pointer would take hold of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grab {
    /// The handle of A.
    A,
    /// The handle of B.
    B,
}

/// The handle within reach of `x`, the nearer one.
pub fn handle_at(x: f32, axis: &TimeAxis, extent: Extent, ab: AbLoop) -> Option<Grab> {
    let reach =
        |t: Option<MediaTime>| t.map_or(f32::INFINITY, |t| (axis.x_of(t, extent) - x).abs());
    let (a, b) = (reach(ab.a), reach(ab.b));
    if a.min(b) > HANDLE_REACH {
        None
    } else if a < b || (a == b && x < axis.x_of(ab.a?, extent)) {
        Some(Grab::A)
    } else {
        Some(Grab::B)
    }
}

impl Gesture {
    /// A button goes down at `x`.
    pub fn press(
        &mut self,
        press: Press,
        x: f32,
        axis: &TimeAxis,
        extent: Extent,
        ab: AbLoop,
    ) -> Option<TimelineWish> {
        let time = axis.time_at(x, extent);
        match press {
            Press::Middle => *self = Self::Pan { last_x: x },
            Press::Shift => *self = Self::Loop { fixed: time, moved: false },
            Press::Plain => match (handle_at(x, axis, extent, ab), ab.part()) {
                // With both ends set a dragged handle is a loop drawn from the other one:
                // that makes the ends free of order.
                (Some(Grab::A), Some((_, b))) => *self = Self::Loop { fixed: b, moved: true },
                (Some(Grab::B), Some((a, _))) => *self = Self::Loop { fixed: a, moved: true },
                (Some(grab), None) => *self = Self::LoneHandle { is_a: grab == Grab::A },
                (None, _) => {
                    *self = Self::Scrub(time);
                    return Some(TimelineWish::Scrub(time));
                }
            },
        }
        None
    }

    /// The pointer is at `x` with the button still down.
    pub fn drag(&mut self, x: f32, axis: &mut TimeAxis, extent: Extent) -> Option<TimelineWish> {
        let time = axis.time_at(x, extent);
        match self {
            Self::Idle => None,
            Self::Scrub(last) => {
                let changed = *last != time;
                *last = time;
                changed.then_some(TimelineWish::Scrub(time))
            }
            Self::Loop { fixed, moved } => {
                // Three points: a hand that only presses trembles less.
                let far = (x - axis.x_of(*fixed, extent)).abs() >= 3.0;
                *moved |= far;
                moved.then(|| TimelineWish::SetLoop(AbLoop::from_ends(*fixed, time)))
            }
            Self::LoneHandle { is_a } => Some(TimelineWish::SetLoop(if *is_a {
                AbLoop { a: Some(time), b: None }
            } else {
                AbLoop { a: None, b: Some(time) }
            })),
            Self::Pan { last_x } => {
                axis.pan(f64::from(*last_x - x) * axis.secs_per_point(extent));
                *last_x = x;
                None
            }
        }
    }

    /// The button goes up.
    pub fn release(&mut self) -> Option<TimelineWish> {
        match std::mem::take(self) {
            Self::Scrub(time) => Some(TimelineWish::ScrubEnd(time)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTENT: Extent = Extent { left: 0.0, width: 1000.0 };

    fn secs(s: f64) -> MediaTime {
        MediaTime::from_secs_f64(s)
    }

    fn axis() -> TimeAxis {
        TimeAxis::whole(secs(10.0))
    }

    #[test]
    fn a_click_scrubs_to_the_time_under_it_and_lands_there() {
        let (mut g, axis) = (Gesture::default(), axis());
        let wish = g.press(Press::Plain, 250.0, &axis, EXTENT, AbLoop::default());
        assert_eq!(wish, Some(TimelineWish::Scrub(secs(2.5))));
        assert_eq!(g.release(), Some(TimelineWish::ScrubEnd(secs(2.5))));
        assert_eq!(g, Gesture::Idle);
    }

    #[test]
    fn a_drag_asks_for_each_time_once_and_lands_on_the_last() {
        let (mut g, mut axis) = (Gesture::default(), axis());
        g.press(Press::Plain, 100.0, &axis, EXTENT, AbLoop::default());
        assert_eq!(g.drag(100.0, &mut axis, EXTENT), None);
        assert_eq!(g.drag(900.0, &mut axis, EXTENT), Some(TimelineWish::Scrub(secs(9.0))));
        assert_eq!(g.release(), Some(TimelineWish::ScrubEnd(secs(9.0))));
    }

    #[test]
    fn shift_drag_makes_a_loop_in_either_direction() {
        for (from, to) in [(200.0, 600.0), (600.0, 200.0)] {
            let (mut g, mut axis) = (Gesture::default(), axis());
            assert_eq!(g.press(Press::Shift, from, &axis, EXTENT, AbLoop::default()), None);
            let wish = g.drag(to, &mut axis, EXTENT);
            let want = AbLoop { a: Some(secs(2.0)), b: Some(secs(6.0)) };
            assert_eq!(wish, Some(TimelineWish::SetLoop(want)));
            assert_eq!(g.release(), None, "a loop does not move the playhead");
        }
    }

    #[test]
    fn shift_press_without_a_move_makes_no_loop() {
        let (mut g, mut axis) = (Gesture::default(), axis());
        g.press(Press::Shift, 300.0, &axis, EXTENT, AbLoop::default());
        assert_eq!(g.drag(301.0, &mut axis, EXTENT), None);
    }

    #[test]
    fn a_handle_dragged_past_the_other_swaps_with_it() {
        let ab = AbLoop::from_ends(secs(2.0), secs(6.0));
        let (mut g, mut axis) = (Gesture::default(), axis());
        assert_eq!(g.press(Press::Plain, 203.0, &axis, EXTENT, ab), None, "no seek on a handle");
        let wish = g.drag(800.0, &mut axis, EXTENT);
        let want = AbLoop::from_ends(secs(6.0), secs(8.0));
        assert_eq!(wish, Some(TimelineWish::SetLoop(want)));
    }

    #[test]
    fn the_nearer_handle_is_taken_and_far_ones_are_not() {
        let ab = AbLoop::from_ends(secs(5.0), secs(5.04));
        assert_eq!(handle_at(499.0, &axis(), EXTENT, ab), Some(Grab::A));
        assert_eq!(handle_at(505.0, &axis(), EXTENT, ab), Some(Grab::B));
        assert_eq!(handle_at(480.0, &axis(), EXTENT, ab), None);
    }

    #[test]
    fn a_lone_handle_moves_alone() {
        let ab = AbLoop { a: Some(secs(2.0)), b: None };
        let (mut g, mut axis) = (Gesture::default(), axis());
        g.press(Press::Plain, 200.0, &axis, EXTENT, ab);
        let want = AbLoop { a: Some(secs(3.0)), b: None };
        assert_eq!(g.drag(300.0, &mut axis, EXTENT), Some(TimelineWish::SetLoop(want)));
    }

    #[test]
    fn middle_drag_pans_with_the_hand() {
        let (mut g, mut axis) = (Gesture::default(), axis());
        axis.show(2.0, 4.0);
        g.press(Press::Middle, 500.0, &axis, EXTENT, AbLoop::default());
        assert_eq!(g.drag(400.0, &mut axis, EXTENT), None);
        assert!((axis.start_secs() - 2.2).abs() < 1e-9);
    }
}
