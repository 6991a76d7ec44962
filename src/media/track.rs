//! A whole sound track as mono samples at one rate, for the model and the waveform lane.

use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::error::MediaError;
use super::sound::{AudioFormat, AudioReader, Channels};
use super::source::{CancelToken, MediaSource};
use crate::units::{MediaTime, Waker};

/// Which channel the model listens to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ChannelChoice {
    /// Mean over all channels.
    #[default]
    Mean,
    /// The first channel.
    Left,
    /// The second channel (the first where there is only one).
    Right,
}

/// Samples per stored chunk.
const CHUNK: usize = 1 << 16;
/// Most samples that are kept: 1 GiB, 4 h 39 min at 16 kHz.
const MAX_SAMPLES: u64 = 1 << 28;
/// Samples per entry of each level of the waveform pyramid.
const LEVELS: [usize; 3] = [1 << 8, 1 << 12, 1 << 16];
/// Least time between two wake-ups.
const WAKE_EVERY: Duration = Duration::from_millis(100);

/// The whole track, decoded by a thread `fnac-sound` and growing meanwhile. Sample 0 lies at the
/// clip's start; samples are in the model's scale (16-bit value / 32767, in [-1, 1]).
///
/// Dropping the last reference stops the thread.
pub struct SoundTrack {
    shared: Arc<Shared>,
}

struct Shared {
    rate: u32,
    cancel: CancelToken,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    chunks: Vec<Chunk>,
    len: u64,
    expected: Option<u64>,
    complete: bool,
    error: Option<MediaError>,
    note: Option<String>,
    /// Smallest and greatest sample per bucket, one list per level; the last bucket may be open.
    pyramid: [Vec<(f32, f32)>; 3],
}

/// `CHUNK` samples (the last chunk: fewer); silence takes no memory.
enum Chunk {
    Silence(usize),
    Samples(Vec<f32>),
}

impl SoundTrack {
    /// Starts decoding track `track` of `source` at `rate` samples per second; `waker` is called
    /// as samples arrive, at most ten times a second, and at the end.
    pub fn load(
        source: &MediaSource,
        track: usize,
        rate: u32,
        channel: ChannelChoice,
        waker: Waker,
    ) -> Arc<Self> {
        let shared = Arc::new(Shared {
            rate: rate.max(1),
            cancel: CancelToken::new(),
            state: RwLock::default(),
        });
        let (work, source) = (shared.clone(), source.clone());
        let thread = std::thread::Builder::new().name("fnac-sound".into()).spawn(move || {
            if let Err(e) = work.decode(&source, track, channel, &waker) {
                work.write(|s| s.error = Some(e));
            }
            waker();
        });
        if let Err(e) = thread {
            let cause = format!("no thread for its sound ({e})");
            let file = "sound".into();
            shared.write(|s| s.error = Some(MediaError::Decode { file, cause }));
        }
        Arc::new(Self { shared })
    }

    /// Samples per second.
    pub fn rate(&self) -> u32 {
        self.shared.rate
    }

    /// Samples decoded so far.
    pub fn len(&self) -> u64 {
        self.shared.read(|s| s.len)
    }

    /// True while nothing is decoded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Length in samples, once it is known for certain.
    pub fn total(&self) -> Option<u64> {
        self.shared.read(|s| s.complete.then_some(s.len))
    }

    /// Length in samples that the file's time stamps promise; available soon after loading.
    pub fn expected(&self) -> Option<u64> {
        self.shared.read(|s| if s.complete { Some(s.len) } else { s.expected })
    }

    /// Whether all of it is decoded.
    pub fn is_complete(&self) -> bool {
        self.shared.read(|s| s.complete)
    }

    /// Why decoding stopped, if it failed.
    pub fn error(&self) -> Option<MediaError> {
        self.shared.read(|s| s.error.clone())
    }

    /// What is odd about the track though it plays (damaged blocks, too long to keep).
    pub fn note(&self) -> Option<String> {
        self.shared.read(|s| s.note.clone())
    }

    /// Whether these samples are decoded.
    pub fn covers(&self, range: Range<u64>) -> bool {
        range.end <= self.len()
    }

    /// `len` samples from `start` on; `None` unless all of them are decoded.
    pub fn read(&self, start: u64, len: usize) -> Option<Vec<f32>> {
        self.shared.read(|s| {
            let end = start.checked_add(len as u64).filter(|e| *e <= s.len)?;
            let mut out = Vec::with_capacity(len);
            let mut at = start;
            while at < end {
                let (chunk, offset) = ((at / CHUNK as u64) as usize, (at % CHUNK as u64) as usize);
                let take = (CHUNK - offset).min((end - at) as usize);
                match s.chunks.get(chunk)? {
                    Chunk::Silence(_) => out.resize(out.len() + take, 0.0),
                    Chunk::Samples(v) => out.extend_from_slice(v.get(offset..offset + take)?),
                }
                at += take as u64;
            }
            Some(out)
        })
    }

    /// Smallest and greatest sample in each of `columns` equal parts of `[from, to)`; (0, 0)
    /// where nothing is decoded. Exact for short spans; long ones are rounded outward to the
    /// pyramid's buckets.
    pub fn envelope(&self, from: MediaTime, to: MediaTime, columns: usize) -> Vec<(f32, f32)> {
        let rate = f64::from(self.shared.rate);
        let (a, b) = (from.as_secs_f64() * rate, to.as_secs_f64() * rate);
        self.shared.read(|s| {
            let edge = |i: usize| (a + (b - a) * i as f64 / columns.max(1) as f64).max(0.0) as u64;
            (0..columns)
                .map(|i| {
                    let (x, y) = (edge(i), edge(i + 1));
                    // Too narrow for a sample of its own: the one under it.
                    s.range_of(x, y.max(x + 1))
                })
                .collect()
        })
    }
}

impl Drop for SoundTrack {
    fn drop(&mut self) {
        self.shared.cancel.cancel();
    }
}

impl Shared {
    // A panic while the lock was held cannot leave half a chunk: appending is the only change.
    fn read<T>(&self, f: impl FnOnce(&State) -> T) -> T {
        f(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn decode(
        &self,
        source: &MediaSource,
        track: usize,
        channel: ChannelChoice,
        waker: &Waker,
    ) -> Result<(), MediaError> {
        let channels = match channel {
            ChannelChoice::Mean => Channels::MonoMean,
            ChannelChoice::Left => Channels::Left,
            ChannelChoice::Right => Channels::Right,
        };
        let format = AudioFormat { rate: self.rate, channels };
        let clip = super::Clip::open(source, &self.cancel)?;
        if let Some(info) = clip.info().audio.get(track) {
            let samples = info.end.as_secs_f64() * f64::from(self.rate);
            self.write(|s| s.expected = Some(samples.max(0.0) as u64));
        }
        let mut reader = AudioReader::open(source, track, format, self.cancel.clone())?;
        let mut woken = Instant::now();
        while let Some(block) = reader.next_block()? {
            let full = self.write(|s| {
                s.append(&block.samples);
                s.len >= MAX_SAMPLES
            });
            if full {
                let kept = MediaTime::from_secs_f64(MAX_SAMPLES as f64 / f64::from(self.rate));
                self.write(|s| {
                    s.note = Some(format!("the track is too long: only its first {kept} are kept"));
                });
                break;
            }
            if woken.elapsed() >= WAKE_EVERY {
                woken = Instant::now();
                waker();
            }
        }
        self.write(|s| {
            s.complete = true;
            if let Some(w) = reader.warning() {
                s.note = Some(w.text);
            }
        });
        Ok(())
    }
}

impl State {
    fn append(&mut self, mut samples: &[f32]) {
        self.grow_pyramid(samples);
        self.len += samples.len() as u64;
        while !samples.is_empty() {
            let room = match self.chunks.last() {
                Some(c) if c.len() < CHUNK => CHUNK - c.len(),
                _ => {
                    self.chunks.push(Chunk::Silence(0));
                    CHUNK
                }
            };
            let (now, later) = samples.split_at(room.min(samples.len()));
            if let Some(last) = self.chunks.last_mut() {
                last.extend(now);
            }
            samples = later;
        }
    }

    fn grow_pyramid(&mut self, samples: &[f32]) {
        for (level, size) in self.pyramid.iter_mut().zip(LEVELS) {
            let mut at = self.len as usize;
            let mut rest = samples;
            while !rest.is_empty() {
                let (bucket, filled) = (at / size, at % size);
                let (now, later) = rest.split_at((size - filled).min(rest.len()));
                let found = min_max(now.iter().copied().map(|v| (v, v)));
                match level.get_mut(bucket) {
                    Some(b) => *b = (b.0.min(found.0), b.1.max(found.1)),
                    None => level.push(found),
                }
                at += now.len();
                rest = later;
            }
        }
    }

    /// Smallest and greatest sample of `[x, y)`.
    fn range_of(&self, x: u64, y: u64) -> (f32, f32) {
        let y = y.min(self.len);
        if x >= y {
            return (0.0, 0.0);
        }
        let (x, y) = (x as usize, y as usize);
        let level = LEVELS.iter().rposition(|size| (y - x) >= 4 * size);
        match level {
            Some(l) => {
                let (first, last) = (x / LEVELS[l], y.div_ceil(LEVELS[l]));
                let buckets = self.pyramid[l].get(first..last.min(self.pyramid[l].len()));
                min_max(buckets.unwrap_or_default().iter().copied())
            }
            None => min_max((x..y).map(|i| {
                let v = self.chunks.get(i / CHUNK).map_or(0.0, |c| c.at(i % CHUNK));
                (v, v)
            })),
        }
    }
}

impl Chunk {
    fn len(&self) -> usize {
        match self {
            Self::Silence(n) => *n,
            Self::Samples(v) => v.len(),
        }
    }

    fn at(&self, i: usize) -> f32 {
        match self {
            Self::Silence(_) => 0.0,
            Self::Samples(v) => v.get(i).copied().unwrap_or(0.0),
        }
    }

    fn extend(&mut self, samples: &[f32]) {
        match self {
            Self::Silence(n) if samples.iter().all(|v| *v == 0.0) => *n += samples.len(),
            Self::Silence(n) => {
                let mut v = Vec::with_capacity(CHUNK);
                v.resize(*n, 0.0);
                v.extend_from_slice(samples);
                *self = Self::Samples(v);
            }
            Self::Samples(v) => v.extend_from_slice(samples),
        }
    }
}

fn min_max(values: impl Iterator<Item = (f32, f32)>) -> (f32, f32) {
    let (lo, hi) =
        values.fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), v| (lo.min(v.0), hi.max(v.1)));
    if lo <= hi { (lo, hi) } else { (0.0, 0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize) -> Vec<f32> {
        let mut s = 1u32;
        (0..n)
            .map(|_| {
                s = s.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (s >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect()
    }

    fn track(samples: &[f32], block: usize) -> SoundTrack {
        let mut state = State::default();
        for b in samples.chunks(block) {
            state.append(b);
        }
        let shared = Shared { rate: 16_000, cancel: CancelToken::new(), state: RwLock::new(state) };
        SoundTrack { shared: Arc::new(shared) }
    }

    #[test]
    fn what_was_appended_is_read_back_across_chunks() {
        let mut samples = noise(3 * CHUNK + 1234);
        samples[CHUNK - 100..2 * CHUNK + 50].fill(0.0);
        let t = track(&samples, 777);
        for (start, len) in [(0, 10), (CHUNK - 200, 400), (2 * CHUNK - 1, 99), (0, samples.len())] {
            assert_eq!(t.read(start as u64, len).unwrap(), samples[start..start + len]);
        }
        assert!(t.read(samples.len() as u64 - 1, 2).is_none());
        assert!(t.read(u64::MAX, 2).is_none());
        assert!(t.covers(0..samples.len() as u64) && !t.covers(0..samples.len() as u64 + 1));
    }

    #[test]
    fn silence_takes_no_memory() {
        let t = track(&vec![0.0; 10 * CHUNK], 8192);
        assert!(t.shared.read(|s| s.chunks.iter().all(|c| matches!(c, Chunk::Silence(_)))));
        assert_eq!(t.read(5 * CHUNK as u64 - 3, 6).unwrap(), [0.0; 6]);
    }

    #[test]
    fn the_envelope_never_misses_a_peak() {
        let mut samples = vec![0.0; 400_000];
        samples[123_456] = 1.0;
        samples[300_000] = -1.0;
        let t = track(&samples, 1000);
        let end = MediaTime::from_secs_f64(25.0);
        for columns in [1, 10, 500, 5000] {
            let e = t.envelope(MediaTime::ZERO, end, columns);
            assert_eq!(e.len(), columns);
            let top = e.iter().position(|c| c.1 == 1.0).unwrap();
            assert!(e.iter().any(|c| c.0 == -1.0));
            let at = 123_456.0 / 400_000.0 * columns as f64;
            assert!((top as f64 - at).abs() <= 2.0, "{columns}: {top} against {at}");
        }
        assert!(t.envelope(end, end, 3).iter().all(|c| *c == (0.0, 0.0)));
        assert!(t.envelope(MediaTime::ZERO, end, 0).is_empty());
    }
}
