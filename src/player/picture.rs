//! Thread `fnac-video`: decodes what the store's plan asks for, one frame at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::PlayerError;
use super::clock::Reading;
use super::shared::{Phase, Shared};
use super::sound::{SoundCommand, SoundSender};
use super::source::{ClipOpener, PictureReader};
use super::store::{Job, Wish};
use crate::media::{CancelToken, MediaError, MediaSource, PresentationIndex, VideoFrame};
use crate::units::{FrameIndex, MediaTime};

/// Without a tick for this long nobody looks (a hidden window): no frames ahead are decoded.
const UNSEEN_NANOS: i64 = 1_000_000_000;
/// Results of one reader that go back in time before the frame is given up.
const MAX_STUCK: u32 = 8;

/// One clip's thread. It ends when its session is over or its token is raised; the player
/// detaches it then, since a decoder may be in the middle of a frame.
pub(crate) struct PictureThread {
    pub shared: Arc<Shared>,
    pub opener: Arc<dyn ClipOpener>,
    pub source: MediaSource,
    pub session: u64,
    pub cancel: CancelToken,
    pub sound: SoundSender,
}

/// A reader and the number of the frame that it gives next.
struct Place {
    reader: Option<Box<dyn PictureReader>>,
    next: Option<u32>,
    stuck: u32,
}

impl PictureThread {
    pub(crate) fn run(self) {
        let opened = match self.opener.open(&self.source, &self.cancel) {
            Ok(o) => o,
            Err(e) => {
                if self.is_current() && !e.is_cancelled() {
                    self.shared.status().phase = Phase::Failed(PlayerError::Media(e));
                    (self.shared.waker)();
                }
                return;
            }
        };
        if !self.is_current() {
            return;
        }
        let index = opened.pictures.as_ref().map(|(i, _)| i.clone()).filter(|i| !i.is_empty());
        let picture_end = index.as_ref().map_or(MediaTime::ZERO, |i| i.end());
        let end = opened.info.duration.max(picture_end);
        self.shared.clock.set_end(end);
        self.shared.clock.set_has_picture(index.is_some());
        let old = self.shared.store().reset(index.clone());
        drop(old);
        let track = opened.info.default_track();
        {
            let mut s = self.shared.status();
            s.info = Some(opened.info.clone());
            s.index = index.clone();
            s.track = track;
            s.phase = Phase::Ready;
        }
        for w in &opened.info.warnings {
            self.shared.note(w.to_string());
        }
        self.sound.send(SoundCommand::Clip {
            source: self.source.clone(),
            track,
            cancel: self.cancel.clone(),
            opener: self.opener.clone(),
        });
        self.shared.poke();
        (self.shared.waker)();
        if let (Some(index), Some((_, reader))) = (index, opened.pictures) {
            self.decode(&index, reader);
        } else {
            // No picture, nothing to do, whatever changes.
            self.shared.status().picture_settled = Some(u64::MAX);
        }
    }

    fn is_current(&self) -> bool {
        !self.cancel.is_cancelled() && self.shared.session.load(Ordering::Acquire) == self.session
    }

    fn decode(&self, index: &Arc<PresentationIndex>, reader: Box<dyn PictureReader>) {
        let first = Place { reader: Some(reader), next: Some(0), stuck: 0 };
        let mut places = [first, Place { reader: None, next: None, stuck: 0 }];
        while self.is_current() {
            let seen = self.shared.version();
            let r = self.shared.clock.read();
            let (wish, job, ready) = {
                let mut store = self.shared.store();
                let Some(wish) = self.shared.wish(&store, &r) else { return };
                let ready = store.get(store.resolve(wish.frame)).is_some();
                let job = match self.nobody_looks(&r) && ready {
                    true => Job::Idle,
                    false => store.plan(&wish, &[places[0].next, places[1].next]),
                };
                (wish, job, ready)
            };
            if ready {
                self.shared.clock.picture_is_ready(r.generation);
            }
            match job {
                Job::Idle => {
                    self.settle(true, seen);
                    self.shared.wait(seen, pause(index, &r, &wish));
                }
                Job::Step { reader, goal } => {
                    self.settle(false, seen);
                    self.advance(index, &mut places[reader.min(1)], goal, &wish, |r| {
                        r.next_frame()
                    });
                }
                Job::Key { reader, goal } => {
                    self.settle(false, seen);
                    self.advance(index, &mut places[reader.min(1)], goal, &wish, |r| {
                        r.seek_key(FrameIndex(goal))
                    });
                    // The stand-in is shown; on the way to the goal it is exact.
                    places[reader.min(1)].next = None;
                }
                Job::Jump { reader, goal } => {
                    self.settle(false, seen);
                    self.jump(index, &mut places[reader.min(1)], goal, &wish, &r);
                }
            }
        }
    }

    /// Says whether there is anything to do, as far as is known since `seen`.
    fn settle(&self, settled: bool, seen: u64) {
        let mut s = self.shared.status();
        if self.is_current() && self.shared.version() == seen {
            s.picture_settled = settled.then_some(seen);
        }
    }

    fn nobody_looks(&self, r: &Reading) -> bool {
        let last = self.shared.last_tick.load(Ordering::Acquire);
        r.running && self.shared.clock.wall().now().as_nanos() - last > UNSEEN_NANOS
    }

    /// An exact seek, given up as soon as the user wants something else.
    fn jump(
        &self,
        index: &Arc<PresentationIndex>,
        place: &mut Place,
        goal: u32,
        wish: &Wish,
        asked: &Reading,
    ) {
        let token = CancelToken::new();
        self.shared.set_jump(Some(token.clone()));
        // Asked again after the token is in place: a seek in between would have missed it.
        if self.shared.clock.read().generation != asked.generation {
            self.shared.set_jump(None);
            return;
        }
        let cancel = self.cancel.clone();
        let mut cancelled = false;
        self.advance(index, place, goal, wish, |r| {
            r.set_cancel(token.clone());
            let result = r.seek(FrameIndex(goal));
            r.set_cancel(cancel);
            cancelled = token.is_cancelled();
            result
        });
        self.shared.set_jump(None);
        if cancelled {
            place.next = None;
        }
    }

    /// Decodes one frame of a reader on the way to `goal`.
    fn advance(
        &self,
        index: &Arc<PresentationIndex>,
        place: &mut Place,
        goal: u32,
        wish: &Wish,
        decode: impl FnOnce(&mut dyn PictureReader) -> Result<Option<VideoFrame>, MediaError>,
    ) {
        if place.reader.is_none() {
            let second = self.opener.second_reader(&self.source, index, &self.cancel);
            match second {
                Ok(r) => place.reader = Some(r),
                Err(e) => return self.give_up(goal, wish, Some(e)),
            }
        }
        let Some(reader) = place.reader.as_mut() else { return };
        let expected = place.next;
        let result = decode(reader.as_mut());
        match result {
            Ok(Some(frame)) => {
                let n = frame.index.0;
                place.next = Some(n.saturating_add(1));
                let back = expected.is_some_and(|e| n < e) && n < goal;
                place.stuck = if back { place.stuck + 1 } else { 0 };
                self.keep(frame, wish);
                if n > goal || place.stuck > MAX_STUCK {
                    self.insist(place, goal, wish, None);
                } else if n == goal {
                    self.stop_if_thrown_away(goal, wish);
                }
            }
            Ok(None) => {
                place.next = None;
                self.insist(place, goal, wish, None);
            }
            // Something else is wanted, or the clip is left.
            Err(e) if e.is_cancelled() => place.next = None,
            Err(e) => {
                place.next = None;
                self.insist(place, goal, wish, Some(e));
            }
        }
    }

    /// The goal was passed without being seen: one exact try, then it is a hole.
    fn insist(&self, place: &mut Place, goal: u32, wish: &Wish, cause: Option<MediaError>) {
        place.stuck = 0;
        if self.shared.store().get(goal).is_some() || !self.is_current() {
            return;
        }
        let Some(reader) = place.reader.as_mut() else { return };
        match reader.seek(FrameIndex(goal)) {
            Ok(Some(frame)) if frame.index.0 == goal => {
                place.next = Some(goal.saturating_add(1));
                self.keep(frame, wish);
                self.stop_if_thrown_away(goal, wish);
            }
            Ok(other) => {
                place.next = other.as_ref().map(|f| f.index.0.saturating_add(1));
                if let Some(frame) = other {
                    self.keep(frame, wish);
                }
                self.give_up(goal, wish, cause);
            }
            Err(e) => {
                place.next = None;
                self.give_up(goal, wish, Some(e));
            }
        }
    }

    fn keep(&self, frame: VideoFrame, wish: &Wish) {
        let n = frame.index.0;
        let (gone, wanted) = {
            let mut store = self.shared.store();
            if !self.is_current() {
                return;
            }
            let gone = store.insert(frame, wish);
            (gone, store.resolve(wish.frame))
        };
        // Freed outside the lock: a frame is megabytes.
        drop(gone);
        self.shared.poke();
        let r = self.shared.clock.read();
        if n == wanted || self.shared.is_scrubbing(r.generation) {
            (self.shared.waker)();
        }
    }

    /// Memory is too small to hold this frame beside nearer ones: filling ends.
    fn stop_if_thrown_away(&self, goal: u32, wish: &Wish) {
        let mut store = self.shared.store();
        if store.get(goal).is_none() {
            store.stop_filling(wish.frame);
        }
    }

    fn give_up(&self, goal: u32, wish: &Wish, cause: Option<MediaError>) {
        if cause.as_ref().is_some_and(MediaError::is_cancelled) || !self.is_current() {
            return;
        }
        let first = {
            let mut store = self.shared.store();
            store.add_hole(goal);
            store.holes() == 1
        };
        tracing::debug!("frame {goal} cannot be decoded (wanted {}): {cause:?}", wish.frame);
        if first {
            let why = cause.map_or_else(|| "the decoder gives none".into(), |e| e.to_string());
            self.shared.note(format!(
                "Frame {goal} of `{}` cannot be decoded: {why}; showing the frame before it",
                self.source.display_name()
            ));
        }
        self.shared.poke();
        (self.shared.waker)();
    }
}

/// How long nothing can change by itself.
fn pause(index: &PresentationIndex, r: &Reading, wish: &Wish) -> Duration {
    if r.running {
        let next = index.time(FrameIndex(wish.frame.saturating_add(1))).unwrap_or(wish.end);
        let left = (next - r.time).scaled(1.0 / r.speed.max(0.01)).to_duration();
        return left.clamp(Duration::from_millis(2), Duration::from_millis(50));
    }
    // Starting up, or draining a pause: the clock will move without a word to this thread.
    Duration::from_millis(if r.playing { 10 } else { 250 })
}
