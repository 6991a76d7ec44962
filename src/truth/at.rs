//! What holds at one time.

use super::{Between, Mask, Moment, Source, Span, TruthBox, TruthTrack};
use crate::units::MediaTime;

/// A moment counts as reached this much early.
///
/// Truth files carry a frame's exact time, containers round theirs: Matroska to milliseconds.
/// Without the slack every second frame of such a clip would show the truth of the one before.
const ROUNDING: MediaTime = MediaTime::from_nanos(600_000);

/// A source as it is at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TruthAt<'a> {
    /// Which one.
    pub source: &'a Source,
    /// Where it is seen; `None` while nothing of it is in the picture.
    pub bbox: Option<TruthBox>,
    /// Its visible pixels, where they are known for exactly this place.
    pub mask: Option<&'a Mask>,
    /// Whether it sounds.
    pub sounding: bool,
}

/// A stretch in which a source sounds, and whether it is seen meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeardSpan {
    /// When.
    pub span: Span,
    /// It is in the picture; a sound of a thing that is not is "off-screen".
    pub seen: bool,
}

impl Span {
    /// Whether `time` lies inside.
    pub fn contains(self, time: MediaTime) -> bool {
        self.start <= time && time < self.end
    }

    /// Its length; zero where it is reversed.
    pub fn length(self) -> MediaTime {
        (self.end - self.start).max(MediaTime::ZERO)
    }
}

impl TruthBox {
    /// All four edges are numbers and none is reversed.
    pub fn is_sound(&self) -> bool {
        [self.x0, self.y0, self.x1, self.y1].iter().all(|v| v.is_finite())
            && self.x0 <= self.x1
            && self.y0 <= self.y1
    }

    /// The part inside a picture of `width` x `height`; `None` when nothing is.
    #[must_use]
    pub fn clipped(&self, width: u32, height: u32) -> Option<Self> {
        let (w, h) = (f64::from(width), f64::from(height));
        let b = Self {
            x0: self.x0.clamp(0.0, w),
            y0: self.y0.clamp(0.0, h),
            x1: self.x1.clamp(0.0, w),
            y1: self.y1.clamp(0.0, h),
        };
        (b.x0 < b.x1 && b.y0 < b.y1).then_some(b)
    }

    /// The edges in fractions of a picture of `width` x `height`: `[x0, y0, x1, y1]`.
    pub fn fractions(&self, width: u32, height: u32) -> [f64; 4] {
        let (w, h) = (f64::from(width.max(1)), f64::from(height.max(1)));
        [self.x0 / w, self.y0 / h, self.x1 / w, self.y1 / h]
    }

    fn lerp(&self, to: &Self, t: f64) -> Self {
        let mix = |a: f64, b: f64| a + (b - a) * t;
        Self {
            x0: mix(self.x0, to.x0),
            y0: mix(self.y0, to.y0),
            x1: mix(self.x1, to.x1),
            y1: mix(self.y1, to.y1),
        }
    }
}

impl Source {
    /// Name for labels: `dog`, or `source 3` where the kind is not said.
    pub fn label(&self) -> String {
        if self.kind.is_empty() { format!("source {}", self.id) } else { self.kind.clone() }
    }

    /// Whether it sounds at `time`. Spans are half-open and in order.
    pub fn sounds_at(&self, time: MediaTime) -> bool {
        let after = self.sounding.partition_point(|s| s.start <= time);
        after.checked_sub(1).and_then(|i| self.sounding.get(i)).is_some_and(|s| s.contains(time))
    }

    /// The moment that holds at `time`, its number, and whether it is exactly then.
    fn moment_at(&self, time: MediaTime) -> Option<(usize, &Moment, bool)> {
        let reached = time + ROUNDING;
        let i = self.moments.partition_point(|m| m.time <= reached).checked_sub(1)?;
        let moment = self.moments.get(i)?;
        Some((i, moment, moment.time.abs_diff(time) <= ROUNDING))
    }

    /// Box and mask at `time`.
    ///
    /// Before the first moment nothing is seen; after the last one it stays. Under
    /// [`Between::Linear`] a mask is only given at its own moment, because it does not move with
    /// the box.
    pub fn place_at(&self, time: MediaTime) -> (Option<TruthBox>, Option<&Mask>) {
        let Some((i, moment, exact)) = self.moment_at(time) else { return (None, None) };
        let next = self.moments.get(i + 1);
        match (self.between, moment.bbox, next.and_then(|n| n.bbox.map(|b| (n.time, b)))) {
            (Between::Linear, Some(from), Some((then, to))) if !exact && from != to => {
                let whole = (then - moment.time).as_nanos();
                if whole <= 0 {
                    return (Some(from), moment.mask.as_ref());
                }
                let t = (time - moment.time).as_nanos() as f64 / whole as f64;
                (Some(from.lerp(&to, t.clamp(0.0, 1.0))), None)
            }
            (_, bbox, _) => (bbox, moment.mask.as_ref()),
        }
    }

    /// The spans in which it sounds, cut where it enters or leaves the picture.
    pub fn heard_spans(&self) -> Vec<HeardSpan> {
        let mut out: Vec<HeardSpan> = Vec::new();
        for span in &self.sounding {
            let first = self.moments.partition_point(|m| m.time <= span.start);
            let mut seen =
                first.checked_sub(1).and_then(|i| self.moments.get(i)).is_some_and(is_seen);
            let mut start = span.start;
            for moment in self.moments.get(first..).unwrap_or_default() {
                if moment.time >= span.end {
                    break;
                }
                if is_seen(moment) != seen {
                    out.push(HeardSpan { span: Span { start, end: moment.time }, seen });
                    (seen, start) = (!seen, moment.time);
                }
            }
            out.push(HeardSpan { span: Span { start, end: span.end }, seen });
        }
        out.retain(|h| h.span.start < h.span.end);
        out
    }
}

impl Source {
    /// The spans in which it is in the picture; the last one ends with `end` where it stays.
    pub fn seen_spans(&self, end: MediaTime) -> Vec<Span> {
        let mut out = Vec::new();
        let mut start = None;
        for moment in &self.moments {
            match (start, is_seen(moment)) {
                (None, true) => start = Some(moment.time),
                (Some(from), false) => {
                    out.push(Span { start: from, end: moment.time });
                    start = None;
                }
                _ => {}
            }
        }
        out.extend(start.filter(|s| *s < end).map(|start| Span { start, end }));
        out
    }
}

fn is_seen(moment: &Moment) -> bool {
    moment.bbox.is_some() || moment.mask.as_ref().is_some_and(|m| m.area() > 0)
}

impl TruthTrack {
    /// Truth of a picture: it holds at every time.
    pub fn is_still(&self) -> bool {
        self.duration <= MediaTime::ZERO
    }

    /// All sources at `time`, heard or not, seen or not, in the track's order.
    ///
    /// In a picture ([`Self::is_still`]) time does not pass: the first moment holds, and a source
    /// sounds when it has any span, even an empty one.
    pub fn at(&self, time: MediaTime) -> Vec<TruthAt<'_>> {
        let still = self.is_still();
        self.sources
            .iter()
            .map(|source| {
                let (bbox, mask) = if still {
                    let first = source.moments.first();
                    (first.and_then(|m| m.bbox), first.and_then(|m| m.mask.as_ref()))
                } else {
                    source.place_at(time)
                };
                let sounding =
                    if still { !source.sounding.is_empty() } else { source.sounds_at(time) };
                TruthAt { source, bbox, mask, sounding }
            })
            .collect()
    }

    /// Whether anything sounds between `start` and `end`.
    pub fn sounds_within(&self, span: Span) -> bool {
        if self.is_still() {
            return self.sources.iter().any(|s| !s.sounding.is_empty());
        }
        let meets = |s: &Span| s.start < span.end && span.start < s.end;
        self.sources.iter().any(|s| s.sounding.iter().any(meets))
    }

    /// The source of that number.
    pub fn source(&self, id: u32) -> Option<&Source> {
        self.sources.iter().find(|s| s.id == id)
    }
}

impl TruthAt<'_> {
    /// It is in the picture.
    pub fn is_seen(&self) -> bool {
        self.bbox.is_some() || self.mask.is_some_and(|m| m.area() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::testing::{secs, walk};

    #[test]
    fn edges_move_in_straight_lines_or_stay() {
        let mut track = walk();
        let at = |t: &TruthTrack, s: f64| t.at(secs(s))[0].bbox;
        let b = at(&track, 1.0).unwrap();
        assert_eq!((b.x0, b.y0, b.x1, b.y1), (50.0, 20.0, 90.0, 60.0));
        track.sources[0].between = Between::Hold;
        assert_eq!(at(&track, 1.0).unwrap().x0, 0.0);
        assert_eq!(at(&track, 2.0).unwrap().x0, 100.0, "a moment holds from its own time on");
        assert_eq!(at(&track, 3.5).unwrap().x0, 100.0, "and until the next");
    }

    #[test]
    fn nothing_is_seen_before_the_first_moment_and_after_leaving() {
        let track = walk();
        assert!(!track.at(secs(-0.5))[0].is_seen());
        assert!(!track.at(secs(5.0))[0].is_seen());
        assert!(track.at(secs(3.999))[0].is_seen(), "seen until it leaves, not gliding to nowhere");
    }

    #[test]
    fn spans_are_half_open() {
        let track = walk();
        let heard: Vec<_> = [0.999_999_999, 1.0, 2.999_999_999, 3.0, 4.5, 6.0]
            .map(|t| track.at(secs(t))[0].sounding)
            .into();
        assert_eq!(heard, [false, true, true, false, true, false]);
    }

    #[test]
    fn a_time_rounded_to_milliseconds_still_meets_its_own_frame() {
        let mut track = walk();
        let third = |i: i64| MediaTime::from_nanos((i * 1_000_000_000 + 15) / 30);
        track.sources[0].between = Between::Hold;
        track.sources[0].moments = (0..90)
            .map(|i| Moment {
                time: third(i),
                bbox: Some(TruthBox { x0: i as f64, y0: 0.0, x1: i as f64 + 1.0, y1: 1.0 }),
                mask: None,
            })
            .collect();
        for i in 0..90 {
            let rounded = MediaTime::from_millis((third(i).as_secs_f64() * 1000.0).round() as i64);
            assert_eq!(track.at(rounded)[0].bbox.unwrap().x0, i as f64, "frame {i}");
            assert_eq!(track.at(third(i))[0].bbox.unwrap().x0, i as f64, "frame {i}");
        }
    }

    #[test]
    fn a_mask_does_not_glide() {
        let mut track = walk();
        let mask = Mask::from_fn(200, 100, |x, y| x < 40 && (20..60).contains(&y));
        track.sources[0].moments[0].mask = Some(mask);
        assert!(track.at(secs(0.0))[0].mask.is_some());
        assert!(track.at(secs(0.5))[0].mask.is_none());
        track.sources[0].between = Between::Hold;
        assert!(track.at(secs(0.5))[0].mask.is_some());
    }

    #[test]
    fn a_picture_knows_no_time() {
        let mut track = walk();
        track.duration = MediaTime::ZERO;
        track.sources[0].sounding = vec![Span { start: MediaTime::ZERO, end: MediaTime::ZERO }];
        for t in [-1.0, 0.0, 99.0] {
            let at = track.at(secs(t));
            assert!(at[0].sounding && at[0].bbox.unwrap().x0 == 0.0);
        }
        track.sources[0].sounding.clear();
        assert!(!track.at(secs(0.0))[0].sounding);
    }

    #[test]
    fn a_sound_goes_on_off_screen() {
        let track = walk();
        let heard = track.sources[0].heard_spans();
        let parts: Vec<_> = heard
            .iter()
            .map(|h| (h.span.start.as_secs_f64(), h.span.end.as_secs_f64(), h.seen))
            .collect();
        assert_eq!(parts, [(1.0, 3.0, true), (3.5, 4.0, true), (4.0, 6.0, false)]);
        let seen = track.sources[0].seen_spans(secs(8.0));
        assert_eq!(seen, [Span { start: secs(0.0), end: secs(4.0) }]);
        assert!(track.sounds_within(Span { start: secs(2.9), end: secs(3.1) }));
        assert!(!track.sounds_within(Span { start: secs(3.1), end: secs(3.4) }));
    }

    #[test]
    fn boxes_are_clipped_to_the_picture() {
        let b = TruthBox { x0: -5.0, y0: 10.0, x1: 20.0, y1: 400.0 };
        let c = b.clipped(200, 100).unwrap();
        assert_eq!((c.x0, c.y0, c.x1, c.y1), (0.0, 10.0, 20.0, 100.0));
        assert!(TruthBox { x0: 200.0, y0: 0.0, x1: 210.0, y1: 9.0 }.clipped(200, 100).is_none());
    }
}
