//! Which part of the clip repeats.

use crate::units::MediaTime;

/// Loops shorter than this do not repeat: a slip of the mouse, a still picture.
pub const SHORTEST_LOOP: MediaTime = MediaTime::from_millis(20);

/// A-B marks and the clip loop as the user set them; A and B in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loops {
    /// One end of the A-B loop.
    pub a: Option<MediaTime>,
    /// The other end.
    pub b: Option<MediaTime>,
    /// Repeat the whole clip.
    pub clip: bool,
}

impl Loops {
    /// The A-B loop in order, when both ends are set far enough apart; cut to `[0, end]`.
    pub fn range(&self, end: MediaTime) -> Option<(MediaTime, MediaTime)> {
        let (a, b) = (self.a?, self.b?);
        let lo = a.min(b).max(MediaTime::ZERO);
        let hi = a.max(b).min(end);
        (hi - lo >= SHORTEST_LOOP).then_some((lo, hi))
    }

    /// The loop that playing from `from` runs into, in a clip that ends at `end`. From behind
    /// the B mark playing goes on to the clip's end.
    pub fn ahead_of(&self, from: MediaTime, end: MediaTime) -> Option<(MediaTime, MediaTime)> {
        self.range(end)
            .filter(|(_, hi)| from < *hi)
            .or_else(|| (self.clip && end >= SHORTEST_LOOP).then_some((MediaTime::ZERO, end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(secs: f64) -> MediaTime {
        MediaTime::from_secs_f64(secs)
    }

    #[test]
    fn the_order_of_a_and_b_does_not_matter() {
        let one = Loops { a: Some(s(2.0)), b: Some(s(5.0)), clip: false };
        let two = Loops { a: Some(s(5.0)), b: Some(s(2.0)), clip: false };
        assert_eq!(one.range(s(10.0)), Some((s(2.0), s(5.0))));
        assert_eq!(one.range(s(10.0)), two.range(s(10.0)));
    }

    #[test]
    fn one_mark_alone_or_two_on_one_place_do_not_loop() {
        assert_eq!(Loops { a: Some(s(2.0)), ..Loops::default() }.range(s(9.0)), None);
        let same = Loops { a: Some(s(2.0)), b: Some(s(2.01)), clip: false };
        assert_eq!(same.range(s(9.0)), None);
    }

    #[test]
    fn playing_from_behind_b_goes_on_to_the_end() {
        let both = Loops { a: Some(s(2.0)), b: Some(s(5.0)), clip: true };
        assert_eq!(both.ahead_of(s(1.0), s(10.0)), Some((s(2.0), s(5.0))));
        assert_eq!(both.ahead_of(s(6.0), s(10.0)), Some((s(0.0), s(10.0))));
        assert_eq!(Loops { clip: false, ..both }.ahead_of(s(6.0), s(10.0)), None);
        let still = Loops { clip: true, ..Loops::default() };
        assert_eq!(still.ahead_of(s(0.0), s(0.0)), None, "nothing to repeat in no time");
    }
}
