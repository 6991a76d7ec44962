//! Wall time as an argument: the machine's monotonic clock, or one that a test turns by hand.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// A monotonic instant in nanoseconds since some point in the life of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime(i64);

impl WallTime {
    /// From nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// In nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The instant of the machine's clock as a wall time, to compare with logs.
    pub fn from_instant(at: Instant) -> Self {
        let origin = origin();
        match at.checked_duration_since(origin) {
            Some(d) => Self(nanos(d)),
            None => Self(-nanos(origin.saturating_duration_since(at))),
        }
    }

    /// This instant moved by `nanos`.
    #[must_use]
    pub const fn plus_nanos(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Nanoseconds from `earlier` to this instant, negative when it is later.
    pub const fn nanos_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

fn nanos(d: Duration) -> i64 {
    i64::try_from(d.as_nanos()).unwrap_or(i64::MAX)
}

/// One origin for the whole process, so that wall times of all clocks can be compared.
fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(Instant::now)
}

/// Where wall time comes from. Cheap to clone, readable from any thread without a lock.
#[derive(Clone, Debug, Default)]
pub struct WallClock(Option<Arc<AtomicI64>>);

impl WallClock {
    /// The machine's monotonic clock.
    pub fn real() -> Self {
        let _ = origin();
        Self(None)
    }

    /// A clock that stands still until [`Self::advance`] moves it, for tests.
    pub fn manual() -> Self {
        Self(Some(Arc::new(AtomicI64::new(1_000_000_000))))
    }

    /// True for a clock turned by hand.
    pub fn is_manual(&self) -> bool {
        self.0.is_some()
    }

    /// Now.
    pub fn now(&self) -> WallTime {
        match &self.0 {
            None => WallTime::from_instant(Instant::now()),
            Some(t) => WallTime(t.load(Ordering::Acquire)),
        }
    }

    /// Moves a manual clock forward; does nothing to the real one.
    pub fn advance(&self, by: Duration) {
        if let Some(t) = &self.0 {
            t.fetch_add(nanos(by), Ordering::AcqRel);
        }
    }

    /// Sets a manual clock, never backwards; does nothing to the real one.
    pub fn advance_to(&self, to: WallTime) {
        if let Some(t) = &self.0 {
            t.fetch_max(to.0, Ordering::AcqRel);
        }
    }
}
