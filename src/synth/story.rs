//! When what happens: one table for picture and sound.

use crate::units::BBox;

/// Length of the clip in seconds.
pub(super) const CLIP_SECS: f64 = 12.0;
/// Seconds between two strikes of the bell.
pub(super) const BELL_BEAT: f64 = 0.8;
/// When the clapper meets the bell.
pub(super) const BELL_STRIKES: [f64; 4] = [0.4, 1.2, 2.0, 2.8];

/// Which stick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drummer {
    Left,
    Right,
}

/// When a stick meets the skin.
pub(super) const DRUM_HITS: [(f64, Drummer); 13] = {
    use Drummer::{Left, Right};
    [
        (4.30, Left),
        (4.70, Right),
        (4.90, Right),
        (5.10, Left),
        (5.50, Right),
        (5.90, Left),
        (6.10, Left),
        (6.30, Right),
        (6.50, Right),
        (6.70, Left),
        (7.10, Right),
        (7.30, Left),
        (7.40, Right),
    ]
};

/// Start, length, pitch at the start and at the end (Hz).
pub(super) const BIRD_CALLS: [(f64, f64, f64, f64); 9] = [
    (8.30, 0.28, 2200.0, 3100.0),
    (8.66, 0.16, 3300.0, 2600.0),
    (8.88, 0.16, 3300.0, 2600.0),
    (9.40, 0.42, 2000.0, 3600.0),
    (9.95, 0.14, 2900.0, 3200.0),
    (10.13, 0.14, 2900.0, 3200.0),
    (10.31, 0.14, 2900.0, 3200.0),
    (10.75, 0.30, 3500.0, 2300.0),
    (11.15, 0.40, 2300.0, 2900.0),
];

/// What sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The swinging bell on the left.
    Bell,
    /// The drum in the middle.
    Drum,
    /// The bird on the right.
    Bird,
}

impl Actor {
    /// All three, in the order of their turns.
    pub const ALL: [Self; 3] = [Self::Bell, Self::Drum, Self::Bird];

    /// Whose turn it is at `t` seconds; each has four seconds.
    pub fn at(t: f64) -> Self {
        match t.rem_euclid(CLIP_SECS) {
            t if t < 4.0 => Self::Bell,
            t if t < 8.0 => Self::Drum,
            _ => Self::Bird,
        }
    }

    /// Where it stands, with all its movement.
    pub fn place(self) -> BBox {
        let (x0, y0, x1, y1) = match self {
            Self::Bell => (30.0, 24.0, 222.0, 236.0),
            Self::Drum => (230.0, 132.0, 410.0, 318.0),
            Self::Bird => (424.0, 60.0, 626.0, 262.0),
        };
        BBox { x0: x0 / 640.0, y0: y0 / 360.0, x1: x1 / 640.0, y1: y1 / 360.0 }
    }
}

/// Seconds since the latest of `times` that is not after `t`.
pub(super) fn since(t: f64, times: impl IntoIterator<Item = f64>) -> Option<f64> {
    times.into_iter().filter(|s| *s <= t).last().map(|s| t - s)
}

/// Seconds until the next of `times` after `t`.
pub(super) fn until(t: f64, times: impl IntoIterator<Item = f64>) -> Option<f64> {
    times.into_iter().find(|s| *s > t).map(|s| s - t)
}
