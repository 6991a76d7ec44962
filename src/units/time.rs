//! Time as integers: container ticks ([`Pts`] in a [`TimeBase`]) and nanoseconds ([`MediaTime`]).

use std::fmt;
use std::ops::{Add, Neg, Sub};

/// A presentation time stamp in ticks of its stream's [`TimeBase`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pts(pub i64);

/// Length of one tick: `num / den` seconds. Both are positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeBase {
    num: i32,
    den: i32,
}

impl TimeBase {
    /// A time base of `num / den` seconds; `None` unless both are positive (files hold anything).
    pub fn new(num: i32, den: i32) -> Option<Self> {
        (num > 0 && den > 0).then_some(Self { num, den })
    }

    /// Numerator of the tick length in seconds.
    pub fn num(self) -> i32 {
        self.num
    }

    /// Denominator of the tick length in seconds.
    pub fn den(self) -> i32 {
        self.den
    }

    /// Time of `pts`, rounded to the nearest nanosecond, saturating.
    pub fn time_from_pts(self, pts: Pts) -> MediaTime {
        let num = i128::from(pts.0) * i128::from(self.num) * 1_000_000_000;
        let den = i128::from(self.den);
        let rounded = (num + den.signum() * den / 2).div_euclid(den);
        MediaTime(saturate(rounded))
    }

    /// Greatest tick that is not after `time`, saturating.
    pub fn pts_floor(self, time: MediaTime) -> Pts {
        let num = i128::from(time.0) * i128::from(self.den);
        let den = i128::from(self.num) * 1_000_000_000;
        Pts(saturate(num.div_euclid(den)))
    }
}

fn saturate(v: i128) -> i64 {
    v.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// A time in the clip or a span between two, in nanoseconds. All arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaTime(i64);

impl MediaTime {
    /// Time zero.
    pub const ZERO: Self = Self(0);
    /// The latest time there is.
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From milliseconds, saturating.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// From seconds; not-a-number becomes zero, infinities saturate.
    pub fn from_secs_f64(secs: f64) -> Self {
        Self((secs * 1e9).round() as i64)
    }

    /// In nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// In seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Absolute distance to `other`.
    #[must_use]
    pub fn abs_diff(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0).saturating_abs())
    }

    /// This span times `factor`, rounded.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self((self.0 as f64 * factor).round() as i64)
    }

    /// As a standard duration, zero when negative.
    pub fn to_duration(self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.0.max(0).unsigned_abs())
    }
}

impl From<std::time::Duration> for MediaTime {
    fn from(d: std::time::Duration) -> Self {
        Self(i64::try_from(d.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl Add for MediaTime {
    type Output = Self;
    fn add(self, rhs: Self) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl Sub for MediaTime {
    type Output = Self;
    fn sub(self, rhs: Self) -> Self {
        Self(self.0.saturating_sub(rhs.0))
    }
}

impl Neg for MediaTime {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

/// `m:ss.mmm`, or `h:mm:ss.mmm` from one hour on; milliseconds are truncated, so that a time
/// never reads as later than it is.
impl fmt::Display for MediaTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.unsigned_abs() / 1_000_000;
        let sign = if self.0 < 0 && millis > 0 { "-" } else { "" };
        let (h, m, s, ms) =
            (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60, millis % 1000);
        if h > 0 {
            write!(f, "{sign}{h}:{m:02}:{s:02}.{ms:03}")
        } else {
            write!(f, "{sign}{m}:{s:02}.{ms:03}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_and_nanoseconds_round_trip_at_awkward_time_bases() {
        for (num, den) in [(1, 15360), (1001, 30000), (1, 90000), (1, 1000), (1, 48000)] {
            let tb = TimeBase::new(num, den).unwrap();
            for pts in [0, 1, 2, 511, 12345, 9_000_000, -512] {
                let time = tb.time_from_pts(Pts(pts));
                // One nanosecond of slack: the tick itself was rounded to the nearest one.
                let back = tb.pts_floor(time + MediaTime::from_nanos(1));
                assert_eq!(back, Pts(pts), "{num}/{den}");
            }
        }
    }

    #[test]
    fn extreme_ticks_saturate_and_never_panic() {
        let tb = TimeBase::new(i32::MAX, 1).unwrap();
        assert_eq!(tb.time_from_pts(Pts(i64::MAX)), MediaTime::MAX);
        assert_eq!(tb.time_from_pts(Pts(i64::MIN)).as_nanos(), i64::MIN);
        let _ = -MediaTime::from_nanos(i64::MIN) + MediaTime::MAX - MediaTime::from_nanos(i64::MIN);
        assert!(TimeBase::new(0, 1).is_none() && TimeBase::new(1, -5).is_none());
    }

    #[test]
    fn times_read_like_a_player() {
        assert_eq!(MediaTime::from_secs_f64(62.5).to_string(), "1:02.500");
        assert_eq!(MediaTime::from_secs_f64(3661.0019).to_string(), "1:01:01.001");
        assert_eq!(MediaTime::from_secs_f64(-0.25).to_string(), "-0:00.250");
        assert_eq!(MediaTime::from_secs_f64(f64::NAN), MediaTime::ZERO);
    }
}
