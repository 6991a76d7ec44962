//! Which frame is drawn now.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::clock::Reading;
use super::shared::Phase;
use super::store::{FrameStore, Wish};
use super::{PlayState, Player, Presentation, Shown};
use crate::audio::WallTime;
use crate::media::VideoFrame;
use crate::units::{FrameIndex, MediaTime};

impl Player {
    /// What to draw now. Call once per drawn frame; never blocks.
    pub fn tick(&mut self) -> &Presentation {
        let wall = self.options.wall.now();
        self.shared.last_tick.store(wall.as_nanos(), Ordering::Release);
        let (phase, underruns) = self.take_status();
        let r = self.shared.clock.read_at(wall);
        let ready = matches!(phase, Phase::Ready);
        if ready && r.finished && r.playing && !self.ended {
            self.ended = true;
            self.shared.clock.set_playing(false);
        }
        self.counters.underruns = underruns;
        let (exact, ahead) = if ready { self.choose_frame(&r, wall) } else { (true, 0) };
        let landed = self.index.is_none() || self.landed == Some(r.generation);
        let state = match phase {
            Phase::Empty => PlayState::Empty,
            Phase::Opening => PlayState::Opening,
            Phase::Failed(_) => PlayState::Failed,
            Phase::Ready if !landed => PlayState::Seeking,
            Phase::Ready if self.ended => PlayState::Ended,
            Phase::Ready if r.playing => PlayState::Playing,
            Phase::Ready => PlayState::Paused,
        };
        let next_change = self.next_change(state, &r);
        let p = &mut self.presentation;
        p.state = state;
        p.error = match phase {
            Phase::Failed(e) => Some(e),
            _ => None,
        };
        p.generation = r.generation;
        p.playing = r.playing && !self.ended;
        p.now = r.time;
        p.duration = self.shared.clock.loops().1;
        p.frame.clone_from(&self.shown);
        p.exact = exact;
        p.scrubbing = self.scrub.is_some();
        p.frames_ahead = ahead;
        p.av_error = self.av_error;
        p.counters = self.counters;
        p.speed = self.speed;
        p.volume = self.volume;
        p.muted = self.muted;
        p.loops = self.loops;
        p.audio_offset = self.offset;
        p.undo_seeks = self.jumps.len();
        p.next_change = next_change;
        self.last = Some((r.generation, r.time));
        &self.presentation
    }

    /// The result of the last tick.
    pub fn presentation(&self) -> &Presentation {
        &self.presentation
    }

    /// Copies what the threads reported.
    fn take_status(&mut self) -> (Phase, u64) {
        let status = self.shared.status();
        if self.info.is_none() {
            self.info.clone_from(&status.info);
            self.index.clone_from(&status.index);
        }
        let p = &mut self.presentation;
        p.clock = status.clock_kind;
        p.track = status.track;
        p.device_delay = status.delay;
        if p.device != status.output {
            p.device.clone_from(&status.output);
        }
        if p.notes.last() != status.notes.last() || p.notes.len() != status.notes.len() {
            p.notes.clone_from(&status.notes);
        }
        let mut underruns = status.old_underruns;
        let ring = status.ring.clone();
        let phase = status.phase.clone();
        drop(status);
        if let Some(ring) = ring {
            underruns += ring.underruns();
            let frames = ring.written().saturating_sub(ring.position());
            // All rings of the player run at their device's rate; 48 kHz is close enough here.
            p.sound_ahead = Duration::from_secs_f64(frames as f64 / 48_000.0);
        }
        (phase, underruns)
    }

    /// Takes the frame for this reading from the store, if it is there. Returns whether the
    /// frame on screen is the very one, and how many are decoded behind it.
    fn choose_frame(&mut self, r: &Reading, wall: WallTime) -> (bool, usize) {
        let shared = self.shared.clone();
        let store = shared.store();
        let Some(wish) = shared.wish(&store, r) else { return (true, 0) };
        let wanted = store.resolve(wish.frame);
        let ahead = store.ahead(&wish, 64);
        let ahead = ahead.iter().take_while(|f| store.get(**f).is_some()).count();
        let landed = self.landed == Some(r.generation);
        let (found, exact) = match store.get(wanted) {
            Some(f) => (Some(f.clone()), true),
            None if self.scrub.is_some() => (self.stand_in(&store, wanted, r), false),
            // After a seek nothing but its target; while playing the newest that is not ahead.
            None if landed && r.running => (self.overdue(&store, wanted, &wish), false),
            None => (None, false),
        };
        self.presentation.frames_held = store.len();
        self.presentation.bytes_held = store.bytes();
        drop(store);
        if !exact && landed && r.running {
            self.counters.late += 1;
        }
        if let Some(frame) = found {
            self.show(frame, exact, r, wall);
        }
        (exact, ahead)
    }

    /// While dragging: the frame nearest before the wanted one that its key frame leads to.
    /// Chosen once per place, so that the way to the exact frame is not shown.
    fn stand_in(
        &mut self,
        store: &FrameStore,
        wanted: u32,
        r: &Reading,
    ) -> Option<Arc<VideoFrame>> {
        let scrub = self.scrub.as_mut()?;
        if scrub.stood_in == Some(r.generation) {
            return None;
        }
        let key = store.index()?.keyframe_at_or_before(FrameIndex(wanted)).0;
        let frame = store.newest_in(key, wanted)?.clone();
        scrub.stood_in = Some(r.generation);
        Some(frame)
    }

    /// While decoding cannot keep up: the newest frame up to the one due, never back in time
    /// unless a loop has wrapped.
    fn overdue(&self, store: &FrameStore, wanted: u32, wish: &Wish) -> Option<Arc<VideoFrame>> {
        let shown = self.shown.as_ref()?.index.0;
        let wrapped = self.last.is_some_and(|(_, t)| t > wish.time);
        let lowest = if wrapped || shown > wanted {
            let lo = wish.loops.ahead_of(wish.time, wish.end).map(|(lo, _)| lo)?;
            store.index()?.frame_at(lo)?.0
        } else {
            shown
        };
        store.newest_in(lowest, wanted).cloned()
    }

    fn show(&mut self, frame: Arc<VideoFrame>, exact: bool, r: &Reading, wall: WallTime) {
        let arrived = exact && self.landed != Some(r.generation);
        if exact {
            self.landed = Some(r.generation);
        }
        let old = self.shown.as_ref().map(|f| f.index.0);
        let same = self.shown.as_ref().is_some_and(|f| Arc::ptr_eq(f, &frame));
        if same && !arrived {
            return;
        }
        let n = frame.index.0;
        let late = if arrived { MediaTime::ZERO } else { r.time - frame.time };
        self.av_error = late.max(MediaTime::ZERO);
        if !arrived && r.running {
            self.counters.dropped +=
                old.filter(|o| *o < n).map_or(0, |o| u64::from(n - o).saturating_sub(1));
        }
        if !same {
            self.counters.shown += 1;
        }
        self.shared.on_screen.store(u64::from(n), Ordering::Release);
        if self.options.log_presentations {
            self.log.push(Shown {
                at: wall,
                frame: frame.index,
                time: frame.time,
                clock: r.time,
                generation: r.generation,
            });
        }
        self.shown = Some(frame);
        if !same {
            // Whoever follows the picture (a worker that waits for it) looks again.
            self.shared.poke();
        }
    }

    fn next_change(&self, state: PlayState, r: &Reading) -> Option<Duration> {
        if !r.playing || self.ended {
            // A pause still plays what the device has taken: at most its delay.
            return r.running.then_some(Duration::from_millis(5));
        }
        if !r.running {
            // Waiting for the device's first sample; the threads' waker comes before that.
            return (state == PlayState::Playing).then_some(Duration::from_millis(4));
        }
        let (loops, end) = self.shared.clock.loops();
        let wrap = loops.ahead_of(r.time, end).map_or(end, |(_, hi)| hi);
        let next = self
            .index
            .as_ref()
            .and_then(|i| i.time(FrameIndex(i.frame_at(r.time)?.0.saturating_add(1))))
            // Without pictures the time display and the lanes move.
            .unwrap_or_else(|| r.time + MediaTime::from_millis(33))
            .min(wrap);
        let wait = (next - r.time).scaled(1.0 / r.speed.max(0.01)).to_duration();
        Some(wait.max(Duration::from_micros(200)))
    }

    /// Takes the log of frames handed out, kept when the options ask for it.
    pub fn take_log(&mut self) -> Vec<Shown> {
        std::mem::take(&mut self.log)
    }

    /// True when both threads have done all that they can do at this instant: for tests on a
    /// manual clock and for measurements.
    pub fn is_settled(&self) -> bool {
        let ring = {
            let s = self.shared.status();
            match s.phase {
                // A verdict from before the last change says nothing: a thread that has not yet
                // woken would pass for one that is done.
                Phase::Ready => match s.picture_settled {
                    Some(seen) if seen == u64::MAX || seen == self.shared.version() => {
                        s.ring.clone()
                    }
                    _ => return false,
                },
                Phase::Opening => return false,
                Phase::Empty | Phase::Failed(_) => return true,
            }
        };
        let Some(ring) = ring.filter(|_| self.sound.is_settled()) else { return false };
        // 0.1 s at 48 kHz: a ring that is not being filled falls below.
        let filled = ring.written().saturating_sub(ring.position()) >= 4800;
        !self.shared.clock.read().playing || filled || self.shared.clock.end_is_known()
    }
}
