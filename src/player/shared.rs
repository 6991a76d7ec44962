//! What the player and its threads share.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::PlayerError;
use super::clock::{Clock, Reading};
use super::store::{FrameStore, Wish};
use crate::audio::{RingShared, WallClock};
use crate::media::{CancelToken, MediaInfo, PresentationIndex, VideoFrame};
use crate::units::{Generation, MediaTime, Waker};

/// What drives the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockKind {
    /// The sound being heard.
    #[default]
    Sound,
    /// The monotonic clock: the clip has no sound track (or it cannot be played).
    FreeNoTrack,
    /// The monotonic clock: there is no sound device.
    FreeNoDevice,
}

/// Something that the user should know, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Counts up over the life of the player, so that a note is shown once.
    pub id: u64,
    /// One sentence.
    pub text: String,
}

/// Notes kept.
const NOTES: usize = 50;

/// How far opening has come.
#[derive(Clone, Debug, Default)]
pub(crate) enum Phase {
    #[default]
    Empty,
    Opening,
    Ready,
    Failed(PlayerError),
}

/// What the threads report and `tick` reads.
#[derive(Default)]
pub(crate) struct Status {
    pub phase: Phase,
    pub info: Option<Arc<MediaInfo>>,
    pub index: Option<Arc<PresentationIndex>>,
    pub clock_kind: ClockKind,
    pub output: String,
    pub delay: Duration,
    pub track: Option<usize>,
    pub notes: Vec<Note>,
    pub ring: Option<Arc<RingShared>>,
    /// Underruns of rings that are gone.
    pub old_underruns: u64,
    /// The version at which the picture thread had nothing to do; `u64::MAX` where it never has.
    pub picture_settled: Option<u64>,
}

/// `status` and `store` are never held together; the clock's own lock is always the inner one.
pub(crate) struct Shared {
    pub clock: Clock,
    pub store: Mutex<FrameStore>,
    /// Frames, wishes or the clock changed; used with `store`.
    pub changed: Condvar,
    pub status: Mutex<Status>,
    pub waker: Waker,
    /// The clip being played; threads of older ones end.
    pub session: AtomicU64,
    /// Counts changes, so that no wake-up is lost.
    version: AtomicU64,
    note_id: AtomicU64,
    /// Generation that is being dragged, 0 for none.
    pub scrub: AtomicU64,
    /// Wall time of the last tick, in nanoseconds.
    pub last_tick: AtomicI64,
    /// The exact seek under way, to be given up.
    jump: Mutex<Option<CancelToken>>,
    /// Generation of a step backwards, 0 for none.
    pub backwards: AtomicU64,
    /// Commands ever sent to the sound thread, and those done with.
    pub sound_sent: AtomicU64,
    pub sound_done: AtomicU64,
    /// Number of the frame on screen, `u64::MAX` for none.
    pub on_screen: AtomicU64,
}

impl Shared {
    pub(crate) fn new(wall: WallClock, cap_bytes: usize, waker: Waker) -> Self {
        Self {
            clock: Clock::new(wall),
            store: Mutex::new(FrameStore::new(cap_bytes)),
            changed: Condvar::new(),
            status: Mutex::new(Status::default()),
            waker,
            session: AtomicU64::new(0),
            version: AtomicU64::new(0),
            note_id: AtomicU64::new(0),
            scrub: AtomicU64::new(0),
            last_tick: AtomicI64::new(0),
            jump: Mutex::new(None),
            backwards: AtomicU64::new(0),
            sound_sent: AtomicU64::new(0),
            sound_done: AtomicU64::new(0),
            on_screen: AtomicU64::new(u64::MAX),
        }
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, FrameStore> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names the token of the exact seek under way.
    pub(crate) fn set_jump(&self, token: Option<CancelToken>) {
        *self.jump.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }

    /// Gives up the exact seek under way.
    pub(crate) fn cancel_jump(&self) {
        if let Some(t) = &*self.jump.lock().unwrap_or_else(PoisonError::into_inner) {
            t.cancel();
        }
    }

    /// Something changed: threads that sleep look again.
    pub(crate) fn poke(&self) {
        {
            let _store = self.store();
            self.version.fetch_add(1, Ordering::AcqRel);
        }
        self.changed.notify_all();
    }

    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Sleeps until something changes after `seen`, at most for `limit`.
    pub(crate) fn wait(&self, seen: u64, limit: Duration) {
        let until = Instant::now() + limit;
        let mut store = self.store();
        while self.version() == seen {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let (s, _) =
                self.changed.wait_timeout(store, left).unwrap_or_else(PoisonError::into_inner);
            store = s;
        }
    }

    pub(crate) fn note(&self, text: String) {
        tracing::info!("{text}");
        let id = self.note_id.fetch_add(1, Ordering::Relaxed) + 1;
        let mut s = self.status();
        s.notes.push(Note { id, text });
        let extra = s.notes.len().saturating_sub(NOTES);
        s.notes.drain(..extra);
        drop(s);
        (self.waker)();
    }

    pub(crate) fn is_scrubbing(&self, generation: Generation) -> bool {
        generation.0 != 0 && self.scrub.load(Ordering::Acquire) == generation.0
    }

    /// What is wanted for this reading of the clock; `None` without pictures.
    pub(crate) fn wish(&self, store: &FrameStore, r: &Reading) -> Option<Wish> {
        let (loops, end) = self.clock.loops();
        let frame = r.frame.or_else(|| store.index()?.frame_at(r.time))?;
        let scrubbing = self.is_scrubbing(r.generation);
        Some(Wish {
            frame: frame.0,
            time: r.time,
            playing: r.playing && !r.finished,
            scrubbing,
            backwards: self.backwards.load(Ordering::Acquire) == r.generation.0,
            loops,
            end,
        })
    }
}

/// Frames ahead of the playhead and the clock, for whoever computes something about them.
///
/// Readable from any thread at any time; lives as long as anyone holds it, over clips.
pub struct LookAhead {
    pub(crate) shared: Arc<Shared>,
}

impl LookAhead {
    /// Media time being heard now.
    pub fn now(&self) -> MediaTime {
        self.shared.clock.read().time
    }

    /// Media seconds per wall second when playing.
    pub fn speed(&self) -> f64 {
        self.shared.clock.speed()
    }

    /// True while time is moving or about to (not paused, not at the end).
    pub fn is_playing(&self) -> bool {
        let r = self.shared.clock.read();
        r.playing && !r.finished
    }

    /// Raised by every seek and every opened clip.
    pub fn generation(&self) -> Generation {
        self.shared.clock.read().generation
    }

    /// True while the playhead is dragged.
    pub fn is_scrubbing(&self) -> bool {
        self.shared.is_scrubbing(self.generation())
    }

    /// The frame on screen first, then those decoded and not yet shown, in the order in which
    /// they will be shown (loops followed), without a gap.
    pub fn frames(&self) -> Vec<Arc<VideoFrame>> {
        let r = self.shared.clock.read();
        let store = self.shared.store();
        let Some(wish) = self.shared.wish(&store, &r) else { return Vec::new() };
        let first = store.get(store.resolve(wish.frame)).cloned();
        let ahead = store.ahead(&wish, 64);
        let decoded = ahead.into_iter().map_while(|f| store.get(f).cloned());
        first.into_iter().chain(decoded).collect()
    }

    /// The frame on screen.
    pub fn shown(&self) -> Option<Arc<VideoFrame>> {
        let n = u32::try_from(self.shared.on_screen.load(Ordering::Acquire)).ok()?;
        self.shared.store().get(n).cloned()
    }

    /// Sleeps until a frame, the clock's state or the clip changes, at most for `limit`.
    pub fn wait(&self, limit: Duration) {
        self.shared.wait(self.shared.version(), limit);
    }
}
