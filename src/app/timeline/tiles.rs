//! The spectrogram lane's pictures: tiles at several levels, computed on a thread of their own.
//!
//! Level 0 has one column per hop of the network's spectrogram; each further level halves the
//! columns. A coarse column shows the loudest of a few segments spread over its time, so that
//! ten hours cost no more than ten seconds.
//!
//! Thread `fnac-lanes`. Wanted tiles: one list, newest wins, the visible part first. Finished
//! tiles: a bounded channel of [`READY_BOUND`]; when it is full the thread waits.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::features::SpectrogramPlan;
use crate::units::Waker;

use super::source::LaneSound;

/// Columns of one tile.
pub const TILE_COLUMNS: usize = 256;
/// Rows of one tile: pairs of the 257 bins, the greater of each; the last bin joins its pair.
pub const TILE_ROWS: usize = 128;
/// Samples from one spectrum to the next, and in one.
const HOP: u64 = 238;
const SEGMENT: usize = 512;
/// Spectra looked at for one column of a coarse tile.
const LOOKS: u64 = 4;
/// Finished tiles that may wait for the window.
const READY_BOUND: usize = 8;
/// Tiles kept: 96 of 128 KiB as textures are 12 MiB.
const KEPT: usize = 96;
/// Textures made per drawn frame: two milliseconds at most.
const UPLOADS_PER_FRAME: usize = 3;

/// Which tile of which sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileKey {
    /// Counts the sounds shown; an older one is stale.
    pub sound: u64,
    /// Each column covers `2^level` hops.
    pub level: u8,
    /// Place in its level.
    pub index: u64,
}

impl TileKey {
    /// Samples that one column covers.
    pub fn column_samples(level: u8) -> u64 {
        HOP << u32::from(level.min(40))
    }

    /// First sample.
    pub fn start_sample(self) -> u64 {
        self.index * TILE_COLUMNS as u64 * Self::column_samples(self.level)
    }

    /// Samples from the first to the one after the last.
    pub fn samples(level: u8) -> u64 {
        TILE_COLUMNS as u64 * Self::column_samples(level)
    }

    /// The tile one level coarser that covers this one.
    fn parent(self) -> Self {
        Self { sound: self.sound, level: self.level + 1, index: self.index / 2 }
    }
}

/// The level at which a column is at most one physical pixel wide (and wider than half of one).
pub fn level_for(secs_per_pixel: f64, rate: u32) -> u8 {
    let hops = secs_per_pixel * f64::from(rate.max(1)) / HOP as f64;
    if hops <= 1.0 { 0 } else { (hops.log2().floor() as i64).clamp(0, 40) as u8 }
}

/// The loudness of a tile: [`TILE_ROWS`] rows of [`TILE_COLUMNS`], highest frequency first, and
/// how many columns lie inside the sound.
#[derive(Clone, Debug, PartialEq)]
pub struct TileValues {
    /// Row-major `ln(P + 1e-7) / 12`; columns outside are the value of silence.
    pub values: Vec<f32>,
    /// Columns that were computed.
    pub columns: usize,
}

/// `ln(1e-7) / 12`: what digital silence gives in every bin.
pub const SILENCE: f32 = -1.343_174_6;
/// A full-scale sine's loudest bin lies near -0.35; what is louder is clipped.
pub const LOUD: f32 = -0.35;

/// Computes a tile as far as the sound reaches. `None` when nothing of it is decoded.
pub fn compute_tile(
    plan: &mut SpectrogramPlan,
    sound: &dyn LaneSound,
    key: TileKey,
) -> Option<TileValues> {
    let len = sound.len();
    let step = TileKey::column_samples(key.level);
    let start = key.start_sample();
    let mut values = vec![SILENCE; TILE_ROWS * TILE_COLUMNS];
    let mut columns = 0;
    for column in 0..TILE_COLUMNS {
        let first = start + column as u64 * step;
        if first + SEGMENT as u64 > len {
            break;
        }
        let looks = if key.level == 0 { 1 } else { LOOKS.min(1 << key.level.min(8)) };
        for look in 0..looks {
            let at = (first + look * step / looks).min(len - SEGMENT as u64);
            let spectrum = sound
                .read(at, SEGMENT)
                .and_then(|samples| plan.log_spectrogram(&samples, sound.rate()));
            let Some(spectrum) = spectrum else { continue };
            for (bin, row) in spectrum.data.chunks(spectrum.frames.max(1)).enumerate() {
                let y = TILE_ROWS - 1 - (bin / 2).min(TILE_ROWS - 1);
                let value = row.first().copied().unwrap_or(SILENCE);
                let cell = &mut values[y * TILE_COLUMNS + column];
                *cell = cell.max(value);
            }
        }
        columns = column + 1;
    }
    (columns > 0).then_some(TileValues { values, columns })
}

/// Colours for [`SILENCE`] to [`LOUD`].
pub type Palette = [[u8; 3]; 256];

/// A tile as a picture; columns outside the sound are transparent.
pub fn tile_image(tile: &TileValues, palette: &Palette) -> egui::ColorImage {
    let pixels = tile
        .values
        .iter()
        .enumerate()
        .map(|(i, v)| {
            if i % TILE_COLUMNS >= tile.columns {
                return egui::Color32::TRANSPARENT;
            }
            let [r, g, b] = palette[palette_index(*v)];
            egui::Color32::from_rgb(r, g, b)
        })
        .collect();
    egui::ColorImage::new([TILE_COLUMNS, TILE_ROWS], pixels)
}

/// Place of a spectrogram value in a palette.
pub fn palette_index(value: f32) -> usize {
    let place = (value - SILENCE) / (LOUD - SILENCE);
    // A value that is not a number becomes 0 in this cast.
    (place.clamp(0.0, 1.0) * 255.0).round() as usize
}

struct Job {
    source: Arc<dyn LaneSound>,
    /// Last first: taken by `pop`.
    wanted: Vec<TileKey>,
}

#[derive(Default)]
struct Desk {
    job: Option<Job>,
    /// Being computed, or finished and not yet taken over: not to be ordered again.
    pending: Vec<TileKey>,
    stop: bool,
}

struct Shared {
    desk: Mutex<Desk>,
    bell: Condvar,
}

impl Shared {
    /// A thread that panicked while holding the desk leaves it as good as any.
    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Done {
    key: TileKey,
    values: Option<TileValues>,
    /// Length of the sound when it was computed.
    seen: u64,
    complete: bool,
}

struct Held {
    texture: Option<egui::TextureHandle>,
    columns: usize,
    seen: u64,
    complete: bool,
    last_used: u64,
}

/// The tiles of the sound that is shown, and the thread that makes them.
pub struct TileCache {
    shared: Arc<Shared>,
    ready: Receiver<Done>,
    thread: Option<std::thread::JoinHandle<()>>,
    tiles: HashMap<TileKey, Held>,
    sound: u64,
    source: Option<Arc<dyn LaneSound>>,
    tick: u64,
}

impl TileCache {
    /// Starts the thread. Without one (the system refuses) the lane stays empty.
    pub fn new(waker: Waker) -> Self {
        let shared = Arc::new(Shared { desk: Mutex::default(), bell: Condvar::new() });
        let (send, ready) = bounded(READY_BOUND);
        let desk = shared.clone();
        let thread = std::thread::Builder::new()
            .name("fnac-lanes".to_owned())
            .spawn(move || work(&desk, &send, &waker))
            .inspect_err(|e| tracing::warn!("no thread for the spectrogram lane: {e}"))
            .ok();
        Self { shared, ready, thread, tiles: HashMap::new(), sound: 0, source: None, tick: 0 }
    }

    /// Takes the sound to show; another one than before drops all tiles.
    pub fn set_sound(&mut self, sound: Option<&Arc<dyn LaneSound>>) {
        let same = match (&self.source, sound) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        if same {
            return;
        }
        self.sound += 1;
        self.source = sound.cloned();
        self.tiles.clear();
        self.shared.lock().job = None;
    }

    /// Takes over what was finished, at most a few tiles. True if there may be more.
    pub fn collect(&mut self, ctx: &egui::Context, palette: &Palette) -> bool {
        self.tick += 1;
        for _ in 0..UPLOADS_PER_FRAME {
            let Ok(done) = self.ready.try_recv() else { return false };
            self.shared.lock().pending.retain(|k| *k != done.key);
            if done.key.sound != self.sound {
                continue;
            }
            let (texture, columns) = match &done.values {
                Some(tile) => {
                    let image = tile_image(tile, palette);
                    let name = format!("spectrogram {}/{}", done.key.level, done.key.index);
                    let texture = ctx.load_texture(name, image, egui::TextureOptions::LINEAR);
                    (Some(texture), tile.columns)
                }
                None => (None, 0),
            };
            let held = Held {
                texture,
                columns,
                seen: done.seen,
                complete: done.complete,
                last_used: self.tick,
            };
            self.tiles.insert(done.key, held);
        }
        !self.ready.is_empty()
    }

    /// Forgets all pictures, for another palette.
    pub fn repaint_all(&mut self) {
        self.tiles.clear();
    }

    /// The pieces to draw for the visible part, and orders what is missing, the middle of the
    /// visible part first (`centre`, a sample). Each piece: first and last sample, texture and
    /// the part of it (left and right, 0 to 1).
    pub fn pieces(
        &mut self,
        from: u64,
        to: u64,
        centre: u64,
        level: u8,
    ) -> Vec<(u64, u64, egui::TextureId, [f32; 2])> {
        let Some(source) = self.source.clone() else { return Vec::new() };
        let to = to.min(source.len());
        if from >= to {
            return Vec::new();
        }
        let len = source.len();
        let span = TileKey::samples(level);
        let mut wanted = Vec::new();
        let mut pieces = Vec::new();
        for index in from / span..=(to - 1) / span {
            let key = TileKey { sound: self.sound, level, index };
            if self.needs(key, len, source.is_complete()) {
                wanted.push(key);
            }
            pieces.extend(self.piece(key));
        }
        // Farthest first, since the thread takes from the end.
        wanted.sort_by_key(|k| {
            let middle = k.start_sample() + span / 2;
            std::cmp::Reverse(middle.abs_diff(centre))
        });
        let mut desk = self.shared.lock();
        wanted.retain(|k| !desk.pending.contains(k));
        let ring = !wanted.is_empty();
        desk.job = Some(Job { source, wanted });
        drop(desk);
        if ring {
            self.shared.bell.notify_one();
        }
        self.trim();
        pieces
    }

    /// Whether a tile is missing, or was cut short by a sound that has grown enough since:
    /// by a quarter, so that a long clip's coarse tiles are not made over and over.
    fn needs(&self, key: TileKey, len: u64, complete: bool) -> bool {
        match self.tiles.get(&key) {
            None => true,
            Some(t) if t.complete || t.columns == TILE_COLUMNS => false,
            Some(t) => complete || len > t.seen + t.seen / 4,
        }
    }

    /// What can be drawn for a tile: itself, or its part of a coarser one.
    fn piece(&mut self, key: TileKey) -> Option<(u64, u64, egui::TextureId, [f32; 2])> {
        let (first, span) = (key.start_sample(), TileKey::samples(key.level));
        let mut at = key;
        for _ in 0..8 {
            if let Some(held) = self.tiles.get_mut(&at) {
                held.last_used = self.tick;
                if let Some(texture) = &held.texture {
                    let whole = TileKey::samples(at.level) as f64;
                    let left = (first - at.start_sample()) as f64 / whole;
                    let right = left + span as f64 / whole;
                    return Some((first, first + span, texture.id(), [left as f32, right as f32]));
                }
            }
            at = at.parent();
        }
        None
    }

    /// Drops the tiles that were not drawn for the longest time.
    fn trim(&mut self) {
        if self.tiles.len() <= KEPT {
            return;
        }
        let mut ages: Vec<_> = self.tiles.values().map(|t| t.last_used).collect();
        ages.sort_unstable();
        let Some(oldest_kept) = ages.len().checked_sub(KEPT).and_then(|i| ages.get(i)).copied()
        else {
            return;
        };
        // What is on the screen stays, however much it is.
        let tick = self.tick;
        self.tiles.retain(|_, t| t.last_used >= oldest_kept || t.last_used == tick);
    }
}

impl Drop for TileCache {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.bell.notify_one();
        // The thread may wait for room in the channel: an empty receiver lets it go.
        let (_, empty) = bounded(1);
        self.ready = empty;
        if let Some(thread) = self.thread.take() {
            // One tile at most is still being computed: some milliseconds.
            thread.join().ok();
        }
    }
}

fn work(shared: &Shared, ready: &Sender<Done>, waker: &Waker) {
    let mut plan = SpectrogramPlan::new();
    loop {
        let (source, key) = {
            let mut desk = shared.lock();
            loop {
                if desk.stop {
                    return;
                }
                if let Some(job) = &mut desk.job
                    && let Some(key) = job.wanted.pop()
                {
                    let source = job.source.clone();
                    desk.pending.push(key);
                    break (source, key);
                }
                desk = shared.bell.wait(desk).unwrap_or_else(PoisonError::into_inner);
            }
        };
        // Completeness first: what is decoded between the two reads is then computed again.
        let complete = source.is_complete();
        let seen = source.len();
        let values = compute_tile(&mut plan, source.as_ref(), key);
        if ready.send(Done { key, values, seen, complete }).is_err() {
            return;
        }
        waker();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{MediaTime, no_waker};

    /// A tone that rises from 0 to 8 kHz over its length.
    struct Sweep(Vec<f32>);

    impl Sweep {
        fn new(secs: usize) -> Self {
            let n = 16_000 * secs;
            let sample = |i: usize| {
                let t = i as f64 / 16_000.0;
                let phase = std::f64::consts::TAU * 0.5 * 8_000.0 / secs as f64 * t * t;
                phase.sin() as f32
            };
            Self((0..n).map(sample).collect())
        }
    }

    impl LaneSound for Sweep {
        fn rate(&self) -> u32 {
            16_000
        }
        fn len(&self) -> u64 {
            self.0.len() as u64
        }
        fn is_complete(&self) -> bool {
            true
        }
        fn read(&self, start: u64, len: usize) -> Option<Vec<f32>> {
            self.0.get(start as usize..start as usize + len).map(<[f32]>::to_vec)
        }
        fn envelope(&self, _: MediaTime, _: MediaTime, columns: usize) -> Vec<(f32, f32)> {
            vec![(-1.0, 1.0); columns]
        }
    }

    /// The loudest row of a column, as a frequency in Hz (rows are pairs of bins).
    fn loudest_hz(tile: &TileValues, column: usize) -> f64 {
        let value = |y: usize| tile.values[y * TILE_COLUMNS + column];
        let y = (0..TILE_ROWS).max_by(|a, b| value(*a).total_cmp(&value(*b))).unwrap();
        (TILE_ROWS - 1 - y) as f64 * 62.5
    }

    #[test]
    fn a_rising_tone_rises_in_the_tile_at_every_level() {
        let sound = Sweep::new(8);
        let mut plan = SpectrogramPlan::new();
        for level in [0, 1] {
            let tile = compute_tile(&mut plan, &sound, TileKey { sound: 0, level, index: 0 });
            let tile = tile.unwrap();
            for column in [20, 100, 250] {
                let secs = column as f64 * TileKey::column_samples(level) as f64 / 16_000.0;
                let want = secs * 1000.0;
                let got = loudest_hz(&tile, column);
                assert!((got - want).abs() < 100.0, "level {level}: {got} Hz at {secs} s");
            }
        }
    }

    #[test]
    fn a_tile_ends_where_the_sound_ends() {
        let sound = Sweep::new(1);
        let tile = compute_tile(
            &mut SpectrogramPlan::new(),
            &sound,
            TileKey { sound: 0, level: 0, index: 0 },
        );
        // (16000 - 512) / 238 + 1, as the method counts frames.
        let tile = tile.unwrap();
        assert_eq!(tile.columns, 66);
        let image = tile_image(&tile, &[[9; 3]; 256]);
        assert_eq!(image[(65, 0)], egui::Color32::from_rgb(9, 9, 9));
        assert_eq!(image[(66, 0)], egui::Color32::TRANSPARENT);
        let beyond = TileKey { sound: 0, level: 0, index: 1 };
        assert!(compute_tile(&mut SpectrogramPlan::new(), &sound, beyond).is_none());
    }

    #[test]
    fn the_level_keeps_columns_near_one_pixel() {
        assert_eq!(level_for(0.0001, 16_000), 0);
        for secs_per_pixel in [0.015, 0.1, 1.0, 36_000.0 / 500.0] {
            let level = level_for(secs_per_pixel, 16_000);
            let column = TileKey::column_samples(level) as f64 / 16_000.0;
            let pixels = column / secs_per_pixel;
            assert!((0.5..=1.0).contains(&pixels), "{secs_per_pixel}: {pixels}");
        }
    }

    #[test]
    fn values_outside_the_scale_are_clamped() {
        assert_eq!(palette_index(SILENCE), 0);
        assert_eq!(palette_index(1.0), 255);
        assert_eq!(palette_index(f32::NAN), 0);
    }

    #[test]
    fn the_visible_middle_is_made_first_and_only_once() {
        let (ctx, palette) = (egui::Context::default(), [[0; 3]; 256]);
        let mut cache = TileCache::new(no_waker());
        let sound: Arc<dyn LaneSound> = Arc::new(Sweep::new(40));
        cache.set_sound(Some(&sound));
        let (len, centre) = (sound.len(), sound.len() / 2);
        let began = std::time::Instant::now();
        let mut first = None;
        let mut taken = 0;
        let all = len.div_ceil(TileKey::samples(0)) as usize;
        while cache.tiles.len() < all && began.elapsed().as_secs() < 30 {
            let before = cache.tiles.len();
            cache.collect(&ctx, &palette);
            taken += cache.tiles.len() - before;
            if first.is_none() {
                first = cache.tiles.keys().next().copied();
            }
            cache.pieces(0, len, centre, 0);
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert_eq!(taken, all);
        let middle = centre / TileKey::samples(0);
        assert!(first.unwrap().index.abs_diff(middle) <= 1, "{first:?}");
        cache.collect(&ctx, &palette);
        assert!(cache.shared.lock().pending.is_empty(), "a tile was made twice");
        assert_eq!(cache.pieces(0, len, centre, 0).len(), all);
    }

    #[test]
    fn another_sound_drops_the_tiles_of_the_one_before() {
        let mut cache = TileCache::new(no_waker());
        let one: Arc<dyn LaneSound> = Arc::new(Sweep::new(1));
        cache.set_sound(Some(&one));
        let held = Held { texture: None, columns: 3, seen: 1, complete: true, last_used: 0 };
        cache.tiles.insert(TileKey { sound: cache.sound, level: 0, index: 0 }, held);
        cache.set_sound(Some(&one));
        assert_eq!(cache.tiles.len(), 1);
        let other: Arc<dyn LaneSound> = Arc::new(Sweep::new(1));
        cache.set_sound(Some(&other));
        assert!(cache.tiles.is_empty());
    }
}
