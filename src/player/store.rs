//! Decoded frames around the playhead, and what to decode next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::loops::Loops;
use crate::media::{PresentationIndex, VideoFrame};
use crate::units::{FrameIndex, MediaTime};

/// Frames decoded ahead at most (and at least [`AHEAD_MIN`], whatever their size).
const AHEAD_MAX: usize = 16;
const AHEAD_MIN: usize = 3;
/// Frames kept behind a paused playhead for stepping back, memory permitting.
const BEHIND_MAX: usize = 240;
/// What a jump costs beside the frames it decodes, in frames.
const JUMP_COST: u32 = 4;

/// Where in the clip the frames are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// The frame to be on screen.
    pub frame: u32,
    /// Its time, which decides about the loop ahead.
    pub time: MediaTime,
    /// Time is to move: look ahead, do not fill backwards.
    pub playing: bool,
    /// The playhead is dragged: a key frame first.
    pub scrubbing: bool,
    /// The user steps backwards: decode the frames before as well.
    pub backwards: bool,
    pub loops: Loops,
    pub end: MediaTime,
}

/// The next thing to decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    /// All that is wanted is there.
    Idle,
    /// Decode the next frame of this reader, on the way to `goal`.
    Step { reader: usize, goal: u32 },
    /// Take this reader exactly to `goal`.
    Jump { reader: usize, goal: u32 },
    /// Take this reader to the key frame before `goal`, to stand in for it at once.
    Key { reader: usize, goal: u32 },
}

/// Frames by number, bounded in bytes. A frame's place in the presentation index is its only
/// identity: playing, stepping, looping and scrubbing all look here first.
pub(crate) struct FrameStore {
    index: Option<Arc<PresentationIndex>>,
    frames: BTreeMap<u32, Arc<VideoFrame>>,
    bytes: usize,
    /// Numbers that the decoder does not yield (damage): the frame before stays on screen.
    holes: BTreeSet<u32>,
    cap_bytes: usize,
    /// Filling backwards until the full count is there.
    filling: bool,
    /// Playhead at which filling backwards gave no more.
    filled_at: Option<u32>,
}

impl FrameStore {
    pub(crate) fn new(cap_bytes: usize) -> Self {
        Self {
            index: None,
            frames: BTreeMap::new(),
            bytes: 0,
            holes: BTreeSet::new(),
            cap_bytes,
            filling: false,
            filled_at: None,
        }
    }

    /// Empties the store for another clip; the old frames are handed out to be dropped outside
    /// the lock.
    #[must_use]
    pub(crate) fn reset(&mut self, index: Option<Arc<PresentationIndex>>) -> Vec<Arc<VideoFrame>> {
        self.index = index;
        self.bytes = 0;
        self.holes.clear();
        self.filling = false;
        self.filled_at = None;
        std::mem::take(&mut self.frames).into_values().collect()
    }

    pub(crate) fn index(&self) -> Option<&Arc<PresentationIndex>> {
        self.index.as_ref()
    }

    pub(crate) fn get(&self, frame: u32) -> Option<&Arc<VideoFrame>> {
        self.frames.get(&frame)
    }

    /// Bytes of all frames held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Number of frames held.
    pub(crate) fn len(&self) -> usize {
        self.frames.len()
    }

    /// Marks a frame that cannot be decoded.
    pub(crate) fn add_hole(&mut self, frame: u32) {
        self.holes.insert(frame);
    }

    /// Frames that cannot be decoded.
    pub(crate) fn holes(&self) -> usize {
        self.holes.len()
    }

    /// The frame that stands on screen for number `frame`: itself, or the nearest before it
    /// that can be decoded, or, at a damaged beginning, the first after it.
    pub(crate) fn resolve(&self, frame: u32) -> u32 {
        if !self.holes.contains(&frame) {
            return frame;
        }
        let count = self.count();
        let before = (0..frame).rev().find(|f| !self.holes.contains(f));
        before.or_else(|| (frame..count).find(|f| !self.holes.contains(f))).unwrap_or(frame)
    }

    fn count(&self) -> u32 {
        self.index.as_ref().map_or(0, |i| u32::try_from(i.len()).unwrap_or(u32::MAX))
    }

    /// Greatest frame held in `lo..=hi`.
    pub(crate) fn newest_in(&self, lo: u32, hi: u32) -> Option<&Arc<VideoFrame>> {
        if lo > hi {
            return None;
        }
        self.frames.range(lo..=hi).next_back().map(|(_, f)| f)
    }

    /// Holds a frame and gives up those farthest from the wish; returns what was given up.
    #[must_use]
    pub(crate) fn insert(&mut self, frame: VideoFrame, wish: &Wish) -> Vec<Arc<VideoFrame>> {
        let n = frame.index.0;
        let bytes = frame.picture.bytes();
        let mut gone = Vec::new();
        self.bytes += bytes;
        if let Some(old) = self.frames.insert(n, Arc::new(frame)) {
            self.bytes -= old.picture.bytes();
            gone.push(old);
        }
        if self.bytes <= self.cap_bytes {
            return gone;
        }
        let mut kept: BTreeSet<u32> = self.ahead(wish, self.ahead_len()).into_iter().collect();
        kept.extend(self.loop_start(wish));
        kept.insert(self.resolve(wish.frame));
        while self.bytes > self.cap_bytes {
            let far = self.frames.keys().filter(|f| !kept.contains(f)).max_by_key(|f| {
                // What lies ahead beyond the window is the least useful.
                let d = f.abs_diff(wish.frame);
                if **f > wish.frame { d.saturating_mul(2) } else { d }
            });
            let Some(old) = far.copied().and_then(|f| self.frames.remove(&f)) else { break };
            self.bytes -= old.picture.bytes();
            gone.push(old);
        }
        gone
    }

    fn frame_bytes(&self) -> usize {
        match self.frames.len() {
            0 => 1,
            n => (self.bytes / n).max(1),
        }
    }

    /// Frames to decode ahead: a quarter of the memory at most.
    fn ahead_len(&self) -> usize {
        (self.cap_bytes / 4 / self.frame_bytes()).clamp(AHEAD_MIN, AHEAD_MAX)
    }

    /// Frames to keep behind: 60 % of the memory at most.
    fn behind_len(&self) -> usize {
        (self.cap_bytes / 5 * 3 / self.frame_bytes()).min(BEHIND_MAX)
    }

    /// The frames presented after the wished one, in order, loops followed; those that cannot
    /// be decoded left out.
    pub(crate) fn ahead(&self, wish: &Wish, n: usize) -> Vec<u32> {
        let Some(index) = &self.index else { return Vec::new() };
        let around = wish.loops.ahead_of(wish.time, wish.end);
        let first = |lo| index.frame_at(lo).map_or(0, |f| f.0);
        let mut out = Vec::with_capacity(n);
        let mut at = wish.frame;
        // Holes do not count, so more may have to be looked at; a clip of holes ends this.
        for _ in 0..n + 64 {
            let next = at.saturating_add(1);
            let time = index.time(FrameIndex(next));
            at = match (around, time) {
                (Some((lo, hi)), t) if t.is_none_or(|t| t >= hi) => first(lo),
                (_, Some(_)) => next,
                (_, None) => break,
            };
            if !self.holes.contains(&at) {
                out.push(at);
            }
            // Once around a short loop is enough.
            if out.len() >= n || at == wish.frame {
                break;
            }
        }
        out
    }

    /// The first frames of the A-B loop ahead, which must be there when it wraps.
    fn loop_start(&self, wish: &Wish) -> Vec<u32> {
        let Some(index) = &self.index else { return Vec::new() };
        match wish.loops.ahead_of(wish.time, wish.end) {
            Some((lo, hi)) if lo > MediaTime::ZERO => {
                let Some(first) = index.frame_at(lo) else { return Vec::new() };
                let len = u32::try_from(self.ahead_len()).unwrap_or(AHEAD_MIN as u32);
                let inside = |f: &u32| index.time(FrameIndex(*f)).is_some_and(|t| t < hi);
                (first.0..first.0.saturating_add(len))
                    .take_while(inside)
                    .filter(|f| !self.holes.contains(f))
                    .collect()
            }
            // A loop from the clip's start begins on a key frame: one seek, no pre-roll.
            _ => Vec::new(),
        }
    }

    fn missing(&self, frame: u32) -> bool {
        !self.frames.contains_key(&frame) && !self.holes.contains(&frame)
    }

    /// What to decode next. `next[r]` is the number of the frame that reader `r` gives next,
    /// `None` when unknown. Order: the wished frame, the frames ahead, the start of the loop,
    /// and when paused the frames behind.
    pub(crate) fn plan(&mut self, wish: &Wish, next: &[Option<u32>]) -> Job {
        let Some(index) = self.index.clone() else { return Job::Idle };
        if index.is_empty() || next.is_empty() {
            return Job::Idle;
        }
        let wanted = self.resolve(wish.frame);
        if self.missing(wanted) {
            let key = index.keyframe_at_or_before(FrameIndex(wanted)).0;
            if wish.scrubbing && wanted > key && self.newest_in(key, wanted).is_none() {
                return Job::Key { reader: 0, goal: wanted };
            }
            if wish.backwards {
                return job_through(&index, next, wanted, self.behind_len() / 2, None);
            }
            return job(&index, next, wanted, None);
        }
        let ahead = self.ahead(wish, self.ahead_len());
        if let Some(goal) = ahead.iter().find(|f| self.missing(**f)) {
            return job(&index, next, *goal, None);
        }
        // The reader that stands at the end of the frames ahead stays there.
        let busy = ahead.last().and_then(|l| next.iter().position(|n| *n == Some(l + 1)));
        if let Some(goal) = self.loop_start(wish).into_iter().find(|f| self.missing(*f)) {
            return job(&index, next, goal, busy);
        }
        if wish.playing {
            self.filling = false;
            return Job::Idle;
        }
        match self.goal_behind(wanted) {
            Some(goal) => job_through(&index, next, goal, self.behind_len(), busy),
            None => Job::Idle,
        }
    }

    /// The nearest missing frame behind the playhead while too few are held there.
    fn goal_behind(&mut self, frame: u32) -> Option<u32> {
        let full = u32::try_from(self.behind_len()).unwrap_or(0).min(frame);
        let held = |f: u32| self.frames.contains_key(&f) || self.holes.contains(&f);
        let first = (0..frame).rev().find(|f| !held(*f))?;
        let have = frame - first - 1;
        // Refill when half is used up, not after every step: each refill decodes from a key
        // frame.
        self.filling = have < full && (self.filling || have < full / 2);
        if !self.filling || self.filled_at == Some(frame) {
            return None;
        }
        Some(first)
    }

    /// Filling backwards gives no more at this playhead.
    pub(crate) fn stop_filling(&mut self, frame: u32) {
        self.filled_at = Some(frame);
        self.filling = false;
    }
}

/// The cheapest way of any reader but `spared` to `goal`.
fn job(index: &PresentationIndex, next: &[Option<u32>], goal: u32, spared: Option<usize>) -> Job {
    let key = index.keyframe_at_or_before(FrameIndex(goal)).0;
    let jump = goal - key.min(goal) + JUMP_COST;
    let allowed = |r: &usize| Some(*r) != spared || next.len() == 1;
    let best = (0..next.len())
        .filter(allowed)
        .filter_map(|r| {
            let from = next.get(r).copied().flatten().filter(|n| *n <= goal)?;
            Some((goal - from, r))
        })
        .min();
    match best {
        Some((cost, reader)) if cost <= jump => Job::Step { reader, goal },
        _ => Job::Jump { reader: (0..next.len()).find(allowed).unwrap_or(0), goal },
    }
}

/// The way to `goal` through up to `count` frames before it, all of which are kept.
fn job_through(
    index: &PresentationIndex,
    next: &[Option<u32>],
    goal: u32,
    count: usize,
    spared: Option<usize>,
) -> Job {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    let key = index.keyframe_at_or_before(FrameIndex(goal)).0;
    let first = goal.saturating_sub(count).max(key).min(goal);
    let under_way = next
        .iter()
        .enumerate()
        .find(|(r, n)| Some(*r) != spared && n.is_some_and(|n| (first..=goal).contains(&n)));
    match under_way {
        Some((reader, _)) => Job::Step { reader, goal },
        None => {
            let reader = (0..next.len()).find(|r| Some(*r) != spared).unwrap_or(0);
            Job::Jump { reader, goal: first }
        }
    }
}
