//! The one time axis that all lanes share: which part of the clip is visible, and where.

use crate::units::MediaTime;

/// Shortest visible part in seconds: half a frame at 25 fps, so that frames stand apart.
const MIN_SPAN_SECS: f64 = 0.02;

/// The visible part of a clip and its place on the screen.
///
/// Seconds as `f64`: ten hours still resolve to a tenth of a nanosecond. All operations keep
/// the visible part inside the clip, and a clip without length shows [`MIN_SPAN_SECS`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeAxis {
    start: f64,
    span: f64,
    /// Of the axis: the clip's, but long enough to have a width.
    duration: f64,
    /// Of the clip.
    length: f64,
}

/// Where an axis lies on the screen, in points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// Left end.
    pub left: f32,
    /// Width, at least one point.
    pub width: f32,
}

impl Extent {
    /// From the left end and the width; a width below one point becomes one.
    pub fn new(left: f32, width: f32) -> Self {
        Self { left, width: width.max(1.0) }
    }

    /// Right end.
    pub fn right(self) -> f32 {
        self.left + self.width
    }
}

impl Default for TimeAxis {
    fn default() -> Self {
        Self { start: 0.0, span: MIN_SPAN_SECS, duration: MIN_SPAN_SECS, length: 0.0 }
    }
}

impl TimeAxis {
    /// An axis that shows a whole clip.
    pub fn whole(duration: MediaTime) -> Self {
        let mut axis = Self::default();
        axis.set_duration(duration);
        axis.fit();
        axis
    }

    /// Takes a clip's length; an axis that showed the whole clip goes on doing so.
    pub fn set_duration(&mut self, duration: MediaTime) {
        self.length = duration.as_secs_f64().max(0.0);
        let new = self.length.max(MIN_SPAN_SECS);
        if new == self.duration {
            return;
        }
        let was_whole = self.is_whole();
        self.duration = new;
        if was_whole { self.fit() } else { self.clamp() }
    }

    /// Shows the whole clip.
    pub fn fit(&mut self) {
        (self.start, self.span) = (0.0, self.duration);
    }

    /// Whether all of the clip is visible.
    pub fn is_whole(&self) -> bool {
        self.span >= self.duration
    }

    /// First visible second.
    pub fn start_secs(&self) -> f64 {
        self.start
    }

    /// Visible seconds.
    pub fn span_secs(&self) -> f64 {
        self.span
    }

    /// First second that is no longer visible.
    pub fn end_secs(&self) -> f64 {
        self.start + self.span
    }

    /// The visible part.
    pub fn visible(&self) -> (MediaTime, MediaTime) {
        (MediaTime::from_secs_f64(self.start), MediaTime::from_secs_f64(self.end_secs()))
    }

    /// Seconds that one point covers.
    pub fn secs_per_point(&self, extent: Extent) -> f64 {
        self.span / f64::from(extent.width)
    }

    /// Place of a time; may lie outside the extent.
    pub fn x_of_secs(&self, secs: f64, extent: Extent) -> f32 {
        extent.left + ((secs - self.start) / self.span * f64::from(extent.width)) as f32
    }

    /// Place of a time; may lie outside the extent.
    pub fn x_of(&self, time: MediaTime, extent: Extent) -> f32 {
        self.x_of_secs(time.as_secs_f64(), extent)
    }

    /// Seconds under a place, not limited to the clip.
    pub fn secs_at(&self, x: f32, extent: Extent) -> f64 {
        self.start + f64::from(x - extent.left) / f64::from(extent.width) * self.span
    }

    /// Time under a place, limited to the clip.
    pub fn time_at(&self, x: f32, extent: Extent) -> MediaTime {
        MediaTime::from_secs_f64(self.secs_at(x, extent).clamp(0.0, self.length))
    }

    /// Makes the visible part `factor` times shorter (below 1: longer) and keeps
    /// `anchor_secs` where it stands, as far as the clip's ends allow.
    pub fn zoom_about(&mut self, anchor_secs: f64, factor: f64) {
        if !(factor.is_finite() && factor > 0.0) {
            return;
        }
        let place = (anchor_secs - self.start) / self.span;
        self.span = (self.span / factor).clamp(MIN_SPAN_SECS, self.duration);
        self.start = anchor_secs - place * self.span;
        self.clamp();
    }

    /// Moves the visible part by `secs` towards the clip's end.
    pub fn pan(&mut self, secs: f64) {
        if secs.is_finite() {
            self.start += secs;
            self.clamp();
        }
    }

    /// Shows the part from `a` to `b` seconds in either order.
    pub fn show(&mut self, a: f64, b: f64) {
        self.span = (b - a).abs().clamp(MIN_SPAN_SECS, self.duration);
        self.start = a.min(b);
        self.clamp();
    }

    /// Turns the page when `secs` has left the visible part or reached its last tenth;
    /// pages, because a picture that creeps all the time cannot be read. True if it moved.
    pub fn follow(&mut self, secs: f64) -> bool {
        let place = (secs - self.start) / self.span;
        if (0.0..=0.9).contains(&place) || (place <= 1.0 && self.end_secs() >= self.duration) {
            return false;
        }
        let before = self.start;
        self.start = secs - 0.1 * self.span;
        self.clamp();
        self.start != before
    }

    fn clamp(&mut self) {
        self.span = self.span.clamp(MIN_SPAN_SECS, self.duration);
        self.start = self.start.clamp(0.0, self.duration - self.span);
    }
}

/// A mark on the ruler.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Its time.
    pub secs: f64,
    /// Text of a major mark; `None` for the small ones between.
    pub label: Option<String>,
}

/// Distances of labelled marks: 1, 2, 5 steps below a minute, clock steps above.
const STEPS_SECS: [f64; 21] = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0,
    120.0, 300.0, 900.0, 1800.0, 3600.0,
];

/// Marks for the visible part: labelled ones at least `min_points` apart, four small ones between.
pub fn ticks(axis: &TimeAxis, extent: Extent, min_points: f32) -> Vec<Tick> {
    let least = axis.secs_per_point(extent) * f64::from(min_points.max(8.0));
    let step = STEPS_SECS.iter().copied().find(|s| *s >= least).unwrap_or_else(|| {
        // Beyond an hour: whole hours.
        (least / 3600.0).ceil() * 3600.0
    });
    let minor = step / 5.0;
    let first = (axis.start / minor).floor() as i64;
    let last = (axis.end_secs() / minor).ceil() as i64;
    (first..=last.min(first + 4000))
        .filter(|i| *i >= 0)
        .map(|i| Tick {
            secs: i as f64 * minor,
            label: (i % 5 == 0).then(|| clock_text((i / 5) as f64 * step, step)),
        })
        .filter(|t| t.secs <= axis.duration)
        .collect()
}

/// A time as a clock, with as many decimals as marks `step` apart need.
fn clock_text(secs: f64, step: f64) -> String {
    let decimals = if step >= 1.0 {
        0
    } else if step >= 0.1 {
        1
    } else if step >= 0.01 {
        2
    } else {
        3
    };
    let unit = 10i64.pow(decimals);
    let total = (secs * unit as f64).round() as i64;
    let (whole, part) = (total / unit, total % unit);
    let (h, m, s) = (whole / 3600, whole / 60 % 60, whole % 60);
    let mut text = if h > 0 { format!("{h}:{m:02}:{s:02}") } else { format!("{m}:{s:02}") };
    if decimals > 0 {
        text += &format!(".{part:0width$}", width = decimals as usize);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTENT: Extent = Extent { left: 80.0, width: 1000.0 };

    fn ten_hours() -> TimeAxis {
        TimeAxis::whole(MediaTime::from_secs_f64(36_000.0))
    }

    #[test]
    fn a_place_and_its_time_are_one_another() {
        let mut axis = TimeAxis::whole(MediaTime::from_secs_f64(10.0));
        assert_eq!(axis.time_at(580.0, EXTENT), MediaTime::from_secs_f64(5.0));
        axis.zoom_about(7.0, 8.0);
        for secs in [6.3, 7.0, 7.3] {
            let x = axis.x_of_secs(secs, EXTENT);
            assert!((axis.secs_at(x, EXTENT) - secs).abs() < 1e-6, "{secs}");
        }
    }

    #[test]
    fn places_outside_the_clip_give_its_ends() {
        let axis = TimeAxis::whole(MediaTime::from_secs_f64(10.0));
        assert_eq!(axis.time_at(-500.0, EXTENT), MediaTime::ZERO);
        assert_eq!(axis.time_at(5000.0, EXTENT), MediaTime::from_secs_f64(10.0));
    }

    #[test]
    fn zooming_keeps_the_time_under_the_cursor() {
        let mut axis = ten_hours();
        let x = 333.0;
        let anchor = axis.secs_at(x, EXTENT);
        for factor in [1.25; 40] {
            axis.zoom_about(anchor, factor);
            assert!((axis.secs_at(x, EXTENT) - anchor).abs() < 1e-6 * axis.span_secs().max(1.0));
        }
        assert!(axis.span_secs() < 10.0);
    }

    #[test]
    fn zoom_and_pan_never_leave_the_clip() {
        let mut axis = ten_hours();
        axis.zoom_about(0.0, 1e9);
        assert_eq!((axis.start_secs(), axis.span_secs()), (0.0, MIN_SPAN_SECS));
        axis.pan(1e12);
        assert!((axis.end_secs() - 36_000.0).abs() < 1e-9);
        axis.zoom_about(36_000.0, 1e-12);
        assert!(axis.is_whole() && axis.start_secs() == 0.0);
        axis.zoom_about(5.0, f64::NAN);
        axis.pan(f64::INFINITY);
        assert!(axis.is_whole() && axis.start_secs() == 0.0);
    }

    #[test]
    fn a_clip_without_length_has_an_axis() {
        let mut axis = TimeAxis::whole(MediaTime::ZERO);
        axis.zoom_about(0.0, 3.0);
        assert_eq!(axis.time_at(EXTENT.left, EXTENT), MediaTime::ZERO);
        assert!(axis.x_of(MediaTime::ZERO, EXTENT).is_finite());
        assert!(!ticks(&axis, EXTENT, 70.0).is_empty());
    }

    #[test]
    fn a_growing_clip_stays_whole_and_a_zoomed_one_stays_put() {
        let mut axis = TimeAxis::whole(MediaTime::from_secs_f64(10.0));
        axis.set_duration(MediaTime::from_secs_f64(20.0));
        assert!(axis.is_whole());
        axis.show(4.0, 2.0);
        axis.set_duration(MediaTime::from_secs_f64(30.0));
        assert_eq!((axis.start_secs(), axis.span_secs()), (2.0, 2.0));
    }

    #[test]
    fn following_turns_pages_and_rests_between() {
        let mut axis = TimeAxis::whole(MediaTime::from_secs_f64(100.0));
        assert!(!axis.follow(99.0), "the whole clip is visible");
        axis.show(0.0, 10.0);
        assert!(!axis.follow(8.9));
        assert!(axis.follow(9.5));
        assert!((axis.start_secs() - 8.5).abs() < 1e-9);
        assert!(axis.follow(3.0), "a jump back turns the page too");
        axis.follow(99.9);
        assert!((axis.end_secs() - 100.0).abs() < 1e-9);
        assert!(!axis.follow(99.99), "the last page has no next one");
    }

    #[test]
    fn ruler_marks_are_round_and_apart() {
        let axis = ten_hours();
        let marks = ticks(&axis, EXTENT, 70.0);
        let labels: Vec<_> = marks.iter().filter_map(|t| t.label.clone()).collect();
        assert_eq!(&labels[..3], ["0:00", "1:00:00", "2:00:00"]);
        let mut close = axis;
        close.show(5.0, 5.1);
        let labels: Vec<_> =
            ticks(&close, EXTENT, 70.0).into_iter().filter_map(|t| t.label).collect();
        assert!(labels.contains(&"0:05.05".to_owned()), "{labels:?}");
    }
}
