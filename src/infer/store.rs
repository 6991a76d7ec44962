//! The maps of one clip: 49 cosines per frame, and what may be shown between them.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use super::FrameTimes;
use crate::units::{FineMap, FrameIndex, GRID, LocalizationMap, MediaTime};

/// Frames per chunk; a chunk is allocated when its first frame is computed.
const CHUNK: usize = 256;
/// Bytes that fine maps may hold; the oldest go first. 7x7 maps are never dropped.
const FINE_BYTES: usize = 64 << 20;
/// Cells of the plain map.
const CELLS: usize = GRID * GRID;

/// What is known about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameState {
    /// Not computed.
    Missing,
    /// Looked at: the sound window is silent or outside the track, so there is no map.
    NoSound,
    /// Its map is in the store.
    Computed,
}

/// A map and the frame that it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredMap {
    /// The frame that the network saw.
    pub frame: FrameIndex,
    /// That frame's presentation time.
    pub time: MediaTime,
    /// Its 49 cosines.
    pub map: LocalizationMap,
    /// More cells from shifted copies of the picture, where they were computed.
    pub fine: Option<Arc<FineMap>>,
    /// Object prior of the same picture (mean absolute feature, not a cosine), where computed.
    pub prior: Option<Arc<[f32; CELLS]>>,
}

/// What can honestly be drawn over a frame.
#[derive(Clone, Debug, PartialEq)]
pub enum MapAt {
    /// The frame's own map.
    Exact(StoredMap),
    /// Between the maps of two near neighbours, linear in time.
    Interpolated {
        /// The blend; its `frame` and `time` are those of the frame asked for.
        stored: StoredMap,
        /// The neighbour before.
        from: FrameIndex,
        /// The neighbour after.
        to: FrameIndex,
        /// Place between them, in (0, 1).
        t: f32,
    },
    /// The newest earlier map, to be drawn dimmed with its age.
    Held {
        /// That map.
        stored: StoredMap,
        /// Time from its frame to the frame asked for.
        age: MediaTime,
    },
    /// The frame's sound is silent or outside the track: there is nothing to localise.
    NoSound,
    /// Not computed, and nothing near enough to stand for it: draw nothing.
    None,
}

impl MapAt {
    /// The map to draw, if any.
    pub fn stored(&self) -> Option<&StoredMap> {
        match self {
            Self::Exact(s)
            | Self::Interpolated { stored: s, .. }
            | Self::Held { stored: s, .. } => Some(s),
            Self::NoSound | Self::None => None,
        }
    }

    /// The word for the HUD.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Exact(_) => "exact",
            Self::Interpolated { .. } => "interpolated",
            Self::Held { .. } => "held",
            Self::NoSound => "no sound",
            Self::None => "none",
        }
    }
}

/// How far a map may stand for frames that have none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LookupPolicy {
    /// Two maps are blended when their frames are at most this far apart.
    pub interpolate: MediaTime,
    /// A map is held at most this long.
    pub hold: MediaTime,
}

impl Default for LookupPolicy {
    /// Blend over half a second, hold for two: the sound window is three seconds long and moves
    /// slowly, but an older map says nothing about the picture any more.
    fn default() -> Self {
        Self { interpolate: MediaTime::from_millis(500), hold: MediaTime::from_millis(2000) }
    }
}

struct Chunk {
    state: Vec<FrameState>,
    maps: Vec<[f32; CELLS]>,
    peaks: Vec<f32>,
    looked_at: usize,
}

impl Chunk {
    fn new() -> Self {
        Self {
            state: vec![FrameState::Missing; CHUNK],
            maps: vec![[0.0; CELLS]; CHUNK],
            peaks: vec![0.0; CHUNK],
            looked_at: 0,
        }
    }
}

/// The maps themselves, without a lock: what a [`MapStore`] holds and what is parked while a
/// sound test runs.
pub struct Maps {
    times: Arc<dyn FrameTimes>,
    chunks: Vec<Option<Box<Chunk>>>,
    fine: HashMap<u32, Arc<FineMap>>,
    fine_order: VecDeque<u32>,
    fine_bytes: usize,
    priors: HashMap<u32, Arc<[f32; CELLS]>>,
    computed: usize,
    silent: usize,
}

impl Maps {
    /// No maps yet for the frames of `times`.
    pub fn new(times: Arc<dyn FrameTimes>) -> Self {
        let chunks = times.len().div_ceil(CHUNK);
        Self {
            times,
            chunks: (0..chunks).map(|_| None).collect(),
            fine: HashMap::new(),
            fine_order: VecDeque::new(),
            fine_bytes: 0,
            priors: HashMap::new(),
            computed: 0,
            silent: 0,
        }
    }

    /// Frames of the clip.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// True for a clip without frames.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is known about `frame`.
    pub fn state(&self, frame: FrameIndex) -> FrameState {
        let i = frame.get();
        match self.chunks.get(i / CHUNK) {
            Some(Some(c)) => c.state.get(i % CHUNK).copied().unwrap_or(FrameState::Missing),
            _ => FrameState::Missing,
        }
    }

    fn slot(&mut self, frame: FrameIndex) -> Option<(&mut Chunk, usize)> {
        let i = frame.get();
        if i >= self.times.len() {
            return None;
        }
        let chunk = self.chunks.get_mut(i / CHUNK)?;
        Some((chunk.get_or_insert_with(|| Box::new(Chunk::new())), i % CHUNK))
    }

    fn set_state(&mut self, frame: FrameIndex, new: FrameState) -> bool {
        let Some((chunk, at)) = self.slot(frame) else { return false };
        let old = std::mem::replace(&mut chunk.state[at], new);
        if old == FrameState::Missing && new != FrameState::Missing {
            chunk.looked_at += 1;
        }
        let count = |s: FrameState, of: FrameState| usize::from(s == of);
        self.computed += count(new, FrameState::Computed);
        self.computed -= count(old, FrameState::Computed);
        self.silent += count(new, FrameState::NoSound);
        self.silent -= count(old, FrameState::NoSound);
        true
    }

    /// Keeps a map; frames outside the clip are ignored.
    pub fn insert(&mut self, frame: FrameIndex, map: &LocalizationMap) {
        if !self.set_state(frame, FrameState::Computed) {
            return;
        }
        if let Some((chunk, at)) = self.slot(frame) {
            chunk.maps[at] = map.0;
            chunk.peaks[at] = map.0.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        }
    }

    /// Notes that the frame's sound gives no map.
    pub fn insert_no_sound(&mut self, frame: FrameIndex) {
        self.set_state(frame, FrameState::NoSound);
    }

    /// Keeps a fine map beside the plain one; over the cap the oldest fine maps go.
    pub fn insert_fine(&mut self, frame: FrameIndex, fine: FineMap) {
        let bytes = fine_bytes(&fine);
        if let Some(old) = self.fine.insert(frame.0, Arc::new(fine)) {
            self.fine_bytes -= fine_bytes(&old);
        } else {
            self.fine_order.push_back(frame.0);
        }
        self.fine_bytes += bytes;
        while self.fine_bytes > FINE_BYTES {
            let Some(oldest) = self.fine_order.pop_front() else { break };
            if let Some(old) = self.fine.remove(&oldest) {
                self.fine_bytes -= fine_bytes(&old);
            }
        }
    }

    /// The fine map's factor of `frame`, 0 without one.
    pub fn fine_factor(&self, frame: FrameIndex) -> u8 {
        self.fine.get(&frame.0).map_or(0, |f| f.factor())
    }

    /// True when another fine map of `factor` would push an older one out.
    pub fn fine_is_full(&self, factor: u8) -> bool {
        let cells = CELLS * usize::from(factor) * usize::from(factor);
        self.fine_bytes + cells * 4 > FINE_BYTES
    }

    /// Keeps the object prior of a frame's picture.
    pub fn insert_prior(&mut self, frame: FrameIndex, prior: [f32; CELLS]) {
        if frame.get() < self.times.len() {
            self.priors.insert(frame.0, Arc::new(prior));
        }
    }

    /// True when the object prior of `frame` is known.
    pub fn has_prior(&self, frame: FrameIndex) -> bool {
        self.priors.contains_key(&frame.0)
    }

    /// Forgets all object priors (their tower changed).
    pub fn clear_priors(&mut self) {
        self.priors.clear();
    }

    /// Forgets all fine maps.
    pub fn clear_fine(&mut self) {
        self.fine.clear();
        self.fine_order.clear();
        self.fine_bytes = 0;
    }

    /// The frame's own map.
    pub fn at(&self, frame: FrameIndex) -> Option<StoredMap> {
        if self.state(frame) != FrameState::Computed {
            return None;
        }
        let i = frame.get();
        let chunk = self.chunks.get(i / CHUNK)?.as_ref()?;
        Some(StoredMap {
            frame,
            time: self.times.time(frame)?,
            map: LocalizationMap(*chunk.maps.get(i % CHUNK)?),
            fine: self.fine.get(&frame.0).cloned(),
            prior: self.priors.get(&frame.0).cloned(),
        })
    }

    /// Greatest cosine of the frame's map.
    pub fn peak(&self, frame: FrameIndex) -> Option<f32> {
        if self.state(frame) != FrameState::Computed {
            return None;
        }
        let i = frame.get();
        self.chunks.get(i / CHUNK)?.as_ref()?.peaks.get(i % CHUNK).copied()
    }

    /// What can be drawn over `frame`; see [`MapAt`].
    pub fn lookup(&self, frame: FrameIndex, policy: LookupPolicy) -> MapAt {
        match self.state(frame) {
            FrameState::Computed => return self.at(frame).map_or(MapAt::None, MapAt::Exact),
            FrameState::NoSound => return MapAt::NoSound,
            FrameState::Missing => {}
        }
        let Some(time) = self.times.time(frame) else { return MapAt::None };
        let Some(before) = self.neighbour(frame, time, policy.hold, true) else {
            return MapAt::None;
        };
        let Some(first) = self.at(before) else {
            // Its neighbour was looked at and is silent: the best guess is that this is too.
            return MapAt::NoSound;
        };
        let after = self.neighbour(frame, time, policy.interpolate, false).and_then(|f| self.at(f));
        if let Some(second) = after {
            let gap = second.time - first.time;
            if gap <= policy.interpolate && gap > MediaTime::ZERO {
                let t = ((time - first.time).as_secs_f64() / gap.as_secs_f64()) as f32;
                return MapAt::Interpolated {
                    from: first.frame,
                    to: second.frame,
                    t,
                    stored: StoredMap {
                        frame,
                        time,
                        map: first.map.lerp(&second.map, t),
                        fine: blend_fine(first.fine.as_deref(), second.fine.as_deref(), t),
                        prior: first.prior,
                    },
                };
            }
        }
        let age = time - first.time;
        MapAt::Held { stored: first, age }
    }

    /// The nearest frame that was looked at, at most `reach` away, before or after `frame`.
    fn neighbour(
        &self,
        frame: FrameIndex,
        time: MediaTime,
        reach: MediaTime,
        backwards: bool,
    ) -> Option<FrameIndex> {
        let mut i = frame.0;
        loop {
            i = if backwards { i.checked_sub(1)? } else { i.checked_add(1)? };
            let at = FrameIndex(i);
            if self.times.time(at)?.abs_diff(time) > reach {
                return None;
            }
            if self.state(at) != FrameState::Missing {
                return Some(at);
            }
        }
    }

    /// Share of the clip's frames that were looked at, in [0, 1].
    pub fn filled(&self) -> f32 {
        if self.is_empty() {
            return 0.0;
        }
        (self.computed + self.silent) as f32 / self.len() as f32
    }

    /// Frames with a map.
    pub fn computed(&self) -> usize {
        self.computed
    }

    /// The cosines below which 1 % and 99 % of all cells lie, from at most `most` computed maps
    /// spread over the clip; `None` without maps.
    pub fn cell_range(&self, most: usize) -> Option<(f32, f32)> {
        let step = self.computed.div_ceil(most.max(1)).max(1);
        let of_chunk = |c: &'_ Chunk| {
            let done = c.state.iter().zip(&c.maps).filter(|(s, _)| **s == FrameState::Computed);
            done.map(|(_, m)| *m).collect::<Vec<_>>()
        };
        let mut cells: Vec<f32> = self
            .chunks
            .iter()
            .flatten()
            .flat_map(|c| of_chunk(c))
            .step_by(step)
            .flatten()
            .filter(|v| v.is_finite())
            .collect();
        cells.sort_unstable_by(f32::total_cmp);
        let at = |share: f32| cells.get((share * cells.len() as f32) as usize).copied();
        Some((at(0.01)?, at(0.99)?))
    }

    /// Runs of frames that were looked at, as half-open ranges in order.
    pub fn computed_runs(&self) -> Vec<(FrameIndex, FrameIndex)> {
        let mut runs: Vec<(FrameIndex, FrameIndex)> = Vec::new();
        let n = self.len();
        let mut add = |from: usize, to: usize| match runs.last_mut() {
            Some(last) if last.1.get() == from => last.1 = FrameIndex(to as u32),
            _ => runs.push((FrameIndex(from as u32), FrameIndex(to as u32))),
        };
        for (c, chunk) in self.chunks.iter().enumerate() {
            let Some(chunk) = chunk else { continue };
            let first = c * CHUNK;
            let len = CHUNK.min(n - first);
            if chunk.looked_at == len {
                add(first, first + len);
                continue;
            }
            for (i, s) in chunk.state.iter().take(len).enumerate() {
                if *s != FrameState::Missing {
                    add(first + i, first + i + 1);
                }
            }
        }
        runs
    }

    /// The frame nearest to `from` that was not looked at, at `from` or after it first, then
    /// before it: the background fill's next target ("outward from the playhead").
    /// Frames that `skip` names are left out (the decoder could not give them).
    pub fn nearest_missing(
        &self,
        from: FrameIndex,
        skip: impl Fn(FrameIndex) -> bool,
    ) -> Option<FrameIndex> {
        self.nearest_where(
            from,
            |f| self.state(f) == FrameState::Missing && !skip(f),
            |c| c.as_ref().is_some_and(|c| c.looked_at == CHUNK),
        )
    }

    /// The nearest frame, forward then backward and whichever is closer, that `wanted` accepts.
    fn nearest_where(
        &self,
        from: FrameIndex,
        wanted: impl Fn(FrameIndex) -> bool,
        skip_chunk: impl Fn(&Option<Box<Chunk>>) -> bool,
    ) -> Option<FrameIndex> {
        let n = self.len();
        let start = from.get().min(n.checked_sub(1)?);
        let find = |mut i: usize, step: isize| -> Option<usize> {
            while i < n {
                if skip_chunk(self.chunks.get(i / CHUNK)?) {
                    let edge = if step > 0 { (i / CHUNK + 1) * CHUNK } else { i / CHUNK * CHUNK };
                    i = if step > 0 { edge } else { edge.checked_sub(1)? };
                    continue;
                }
                if wanted(FrameIndex(i as u32)) {
                    return Some(i);
                }
                i = i.checked_add_signed(step)?;
            }
            None
        };
        let ahead = find(start, 1);
        let behind = start.checked_sub(1).and_then(|i| find(i, -1));
        let best = match (ahead, behind) {
            // Ahead counts half: that is where the playhead is going.
            (Some(a), Some(b)) if (a - start) / 2 <= start - b => a,
            (_, Some(b)) => b,
            (Some(a), None) => a,
            (None, None) => return None,
        };
        Some(FrameIndex(best as u32))
    }

    /// The nearest frame with a map but without a fine map of `factor`.
    pub fn nearest_without_fine(
        &self,
        from: FrameIndex,
        factor: u8,
        skip: impl Fn(FrameIndex) -> bool,
    ) -> Option<FrameIndex> {
        let wanted =
            |f| self.state(f) == FrameState::Computed && self.fine_factor(f) != factor && !skip(f);
        self.nearest_where(from, wanted, Option::is_none)
    }

    /// The nearest frame with a map but without an object prior.
    pub fn nearest_without_prior(
        &self,
        from: FrameIndex,
        skip: impl Fn(FrameIndex) -> bool,
    ) -> Option<FrameIndex> {
        let wanted = |f| self.state(f) == FrameState::Computed && !self.has_prior(f) && !skip(f);
        self.nearest_where(from, wanted, Option::is_none)
    }

    /// For each of `columns` equal spans of `[start, end)`: the greatest peak cosine of the
    /// computed frames shown in it.
    pub fn peak_lane(&self, start: MediaTime, end: MediaTime, columns: usize) -> Vec<Option<f32>> {
        self.columns(start, end, columns, |frames| {
            let peaks = frames.filter_map(|f| self.peak(f));
            peaks.fold(None, |m: Option<f32>, p| Some(m.map_or(p, |m| m.max(p))))
        })
    }

    /// For each column: the 49 cosines of the first computed frame shown in it, row-major.
    pub fn strip(
        &self,
        start: MediaTime,
        end: MediaTime,
        columns: usize,
    ) -> Vec<Option<LocalizationMap>> {
        self.columns(start, end, columns, |mut frames| {
            frames
                .find(|f| self.state(*f) == FrameState::Computed)
                .and_then(|f| self.at(f).map(|s| s.map))
        })
    }

    fn columns<T>(
        &self,
        start: MediaTime,
        end: MediaTime,
        columns: usize,
        pick: impl Fn(Box<dyn Iterator<Item = FrameIndex>>) -> Option<T>,
    ) -> Vec<Option<T>> {
        let span = (end - start).as_secs_f64();
        let edge =
            |i: usize| start + MediaTime::from_secs_f64(span * i as f64 / columns.max(1) as f64);
        (0..columns)
            .map(|i| {
                let (from, to) = (edge(i), edge(i + 1));
                if to <= MediaTime::ZERO || from >= self.times.end() {
                    return None;
                }
                let first = self.times.frame_at(from)?;
                // The last frame that begins before the column ends.
                let last = self.times.frame_at(to - MediaTime::from_nanos(1))?;
                pick(Box::new((first.0..=last.0.max(first.0)).map(FrameIndex)))
            })
            .collect()
    }
}

fn fine_bytes(fine: &FineMap) -> usize {
    fine.grid().cells.len() * 4
}

fn blend_fine(a: Option<&FineMap>, b: Option<&FineMap>, t: f32) -> Option<Arc<FineMap>> {
    let (a, b) = (a?, b?);
    if a.factor() != b.factor() {
        return None;
    }
    let cells = a.grid().cells.iter().zip(b.grid().cells).map(|(x, y)| x + (y - x) * t);
    FineMap::new(a.factor(), cells.collect()).map(Arc::new)
}

/// The maps of the open clip, shared between the worker that fills them and the window that
/// draws them. Readers never wait for the network: the lock is held for copying only.
pub struct MapStore {
    maps: RwLock<Maps>,
    version: AtomicU64,
}

impl Default for MapStore {
    fn default() -> Self {
        Self::new(Maps::new(Arc::new(super::NoFrames)))
    }
}

impl MapStore {
    /// A store around `maps`.
    pub fn new(maps: Maps) -> Self {
        // Stores never share a version: whoever draws from one and then from another must notice.
        static STORES: AtomicU64 = AtomicU64::new(0);
        let first = (STORES.fetch_add(1, Ordering::Relaxed) << 40) | 1;
        Self { maps: RwLock::new(maps), version: AtomicU64::new(first) }
    }

    /// Looks at the maps; `read` must be quick, since the worker waits for it.
    pub fn read<T>(&self, read: impl FnOnce(&Maps) -> T) -> T {
        // A panic elsewhere cannot leave the maps half-written: each write is one assignment.
        read(&self.maps.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Changes the maps and raises the version.
    pub fn write<T>(&self, write: impl FnOnce(&mut Maps) -> T) -> T {
        let out = write(&mut self.maps.write().unwrap_or_else(std::sync::PoisonError::into_inner));
        self.version.fetch_add(1, Ordering::Release);
        out
    }

    /// Puts other maps in place and hands back the old ones.
    pub fn replace(&self, maps: Maps) -> Maps {
        self.write(|m| std::mem::replace(m, maps))
    }

    /// Raised by every change, so that a lane is redrawn only when something is new.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The frame's own map.
    pub fn at(&self, frame: FrameIndex) -> Option<StoredMap> {
        self.read(|m| m.at(frame))
    }

    /// What can be drawn over `frame`.
    pub fn lookup(&self, frame: FrameIndex) -> MapAt {
        self.read(|m| m.lookup(frame, LookupPolicy::default()))
    }

    /// What can be drawn at `time`: the lookup of the frame shown then.
    pub fn lookup_time(&self, time: MediaTime) -> MapAt {
        self.read(|m| match m.times.frame_at(time) {
            Some(f) => m.lookup(f, LookupPolicy::default()),
            None => MapAt::None,
        })
    }

    /// Share of the clip's frames that were looked at, in [0, 1].
    pub fn filled(&self) -> f32 {
        self.read(Maps::filled)
    }

    /// Spans of the clip that are computed, as half-open times, in order.
    pub fn computed_spans(&self) -> Vec<(MediaTime, MediaTime)> {
        self.read(|m| {
            let time = |f: FrameIndex| m.times.time(f).unwrap_or(m.times.end());
            m.computed_runs().into_iter().map(|(a, b)| (time(a), time(b))).collect()
        })
    }

    /// Greatest peak cosine per column of `[start, end)`.
    pub fn peak_lane(&self, start: MediaTime, end: MediaTime, columns: usize) -> Vec<Option<f32>> {
        self.read(|m| m.peak_lane(start, end, columns))
    }

    /// The 49 cosines per column of `[start, end)`.
    pub fn strip(
        &self,
        start: MediaTime,
        end: MediaTime,
        columns: usize,
    ) -> Vec<Option<LocalizationMap>> {
        self.read(|m| m.strip(start, end, columns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::testing::EvenFrames;

    fn map(v: f32) -> LocalizationMap {
        let mut cells = [0.0; CELLS];
        cells[3] = v;
        LocalizationMap(cells)
    }

    fn maps(n: usize, fps: f64) -> Maps {
        Maps::new(Arc::new(EvenFrames { n, fps }))
    }

    #[test]
    fn a_map_comes_back_with_its_own_frame_and_time() {
        let mut m = maps(1000, 30.0);
        m.insert(FrameIndex(300), &map(0.5));
        let s = m.at(FrameIndex(300)).unwrap();
        assert_eq!((s.frame, s.map), (FrameIndex(300), map(0.5)));
        assert_eq!(s.time, MediaTime::from_secs_f64(10.0));
        assert_eq!(m.lookup(FrameIndex(300), LookupPolicy::default()), MapAt::Exact(s));
        assert_eq!(m.at(FrameIndex(301)), None);
        m.insert(FrameIndex(5000), &map(0.1));
        assert_eq!(m.computed(), 1, "a frame outside the clip is no map");
    }

    #[test]
    fn between_two_near_maps_the_lookup_is_a_blend_in_time_and_says_so() {
        let mut m = maps(100, 10.0);
        m.insert(FrameIndex(10), &map(0.0));
        m.insert(FrameIndex(14), &map(1.0));
        match m.lookup(FrameIndex(11), LookupPolicy::default()) {
            MapAt::Interpolated { stored, from, to, t } => {
                assert_eq!((from, to), (FrameIndex(10), FrameIndex(14)));
                assert!((t - 0.25).abs() < 1e-6 && (stored.map.0[3] - 0.25).abs() < 1e-6);
                assert_eq!(stored.frame, FrameIndex(11));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn maps_too_far_apart_are_never_blended_but_held_with_their_age() {
        let mut m = maps(100, 10.0);
        m.insert(FrameIndex(10), &map(0.0));
        m.insert(FrameIndex(20), &map(1.0));
        match m.lookup(FrameIndex(12), LookupPolicy::default()) {
            MapAt::Held { stored, age } => {
                assert_eq!(stored.frame, FrameIndex(10));
                assert_eq!(age, MediaTime::from_millis(200));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_old_map_or_a_later_one_never_stands_for_the_current_frame() {
        let mut m = maps(100, 10.0);
        m.insert(FrameIndex(10), &map(0.7));
        assert_eq!(m.lookup(FrameIndex(40), LookupPolicy::default()), MapAt::None);
        assert_eq!(m.lookup(FrameIndex(9), LookupPolicy::default()), MapAt::None);
    }

    #[test]
    fn silence_is_an_answer_and_not_a_map() {
        let mut m = maps(100, 10.0);
        m.insert_no_sound(FrameIndex(10));
        assert_eq!(m.lookup(FrameIndex(10), LookupPolicy::default()), MapAt::NoSound);
        assert_eq!(m.lookup(FrameIndex(11), LookupPolicy::default()), MapAt::NoSound);
        m.insert(FrameIndex(12), &map(0.7));
        assert_eq!(m.lookup(FrameIndex(11), LookupPolicy::default()), MapAt::NoSound);
        assert!((m.filled() - 0.02).abs() < 1e-6);
        m.insert(FrameIndex(10), &map(0.1));
        assert_eq!((m.computed(), m.silent), (2, 0));
    }

    #[test]
    fn runs_merge_across_chunks() {
        let mut m = maps(1000, 30.0);
        for i in 200..600 {
            m.insert(FrameIndex(i), &map(0.1));
        }
        m.insert(FrameIndex(999), &map(0.1));
        let want = [(200, 600), (999, 1000)].map(|(a, b)| (FrameIndex(a), FrameIndex(b)));
        assert_eq!(m.computed_runs(), want);
    }

    #[test]
    fn the_fill_goes_outward_from_the_playhead_and_ends() {
        let mut m = maps(700, 30.0);
        let mut order = Vec::new();
        while let Some(f) = m.nearest_missing(FrameIndex(350), |_| false) {
            order.push(f.0);
            m.insert(f, &map(0.0));
        }
        assert_eq!(order.len(), 700);
        assert_eq!(order[0], 350);
        // After 90 frames both sides are visited, more of them ahead.
        let near: Vec<_> = order[..90].to_vec();
        let ahead = near.iter().filter(|f| **f >= 350).count();
        assert!((55..=65).contains(&ahead), "{ahead} ahead of 90");
        assert_eq!(m.filled(), 1.0);
        assert_eq!(m.computed_runs(), [(FrameIndex(0), FrameIndex(700))]);
    }

    #[test]
    fn lanes_show_the_highest_peak_of_each_column() {
        let mut m = maps(100, 10.0);
        m.insert(FrameIndex(1), &map(0.2));
        m.insert(FrameIndex(3), &map(0.9));
        m.insert(FrameIndex(60), &map(0.4));
        let lane = m.peak_lane(MediaTime::ZERO, MediaTime::from_millis(10_000), 10);
        let want = [Some(0.9), None, None, None, None, None, Some(0.4), None, None, None];
        assert_eq!(lane, want);
        let strip = m.strip(MediaTime::ZERO, MediaTime::from_millis(10_000), 10);
        assert_eq!(strip[0], Some(map(0.2)));
        assert!(m.peak_lane(MediaTime::from_millis(20_000), MediaTime::MAX, 3)[0].is_none());
    }

    #[test]
    fn fine_maps_are_capped_and_plain_ones_stay() {
        let mut m = maps(30_000, 30.0);
        let cells = 28 * 28;
        let fit = FINE_BYTES / (cells * 4);
        for i in 0..fit as u32 + 100 {
            m.insert(FrameIndex(i), &map(0.1));
            m.insert_fine(FrameIndex(i), FineMap::new(4, vec![0.0; cells]).unwrap());
        }
        assert!(m.fine_bytes <= FINE_BYTES && m.fine_is_full(4));
        assert_eq!(m.fine_factor(FrameIndex(0)), 0);
        assert_eq!(m.fine_factor(FrameIndex(fit as u32 + 99)), 4);
        assert!(m.at(FrameIndex(0)).is_some());
    }

    #[test]
    fn an_hour_of_maps_takes_about_twenty_one_megabytes() {
        let per_frame = size_of::<[f32; CELLS]>() + size_of::<f32>() + size_of::<FrameState>();
        assert!(per_frame * 30 * 3600 < 22_500_000);
    }
}
