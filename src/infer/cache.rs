//! Maps on disk: a clip that was computed once opens with its maps.
//!
//! One SafeTensors file per clip, checkpoint and settings in the user's cache folder, readable
//! by any tool. A file that is damaged or belongs to something else is ignored with a note and
//! computed again; the folder stays below its limit, the least recently used files go first.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use safetensors::{Dtype, SafeTensors, View};
use sha2::{Digest, Sha256};

use super::store::Maps;
use super::{FrameState, FrameTimes};
use crate::media::MediaSource;
use crate::units::{FineMap, FrameIndex, GRID, LocalizationMap};

/// Raised when the content of the files changes its meaning.
const FORMAT: &str = "fnac-maps-1";
/// Bytes of a media file's head and tail that go into its identity, besides path, size and time.
const ENDS: usize = 64 << 10;
/// Size limit of the folder when none is given.
pub const DEFAULT_LIMIT: u64 = 512 << 20;
const CELLS: usize = GRID * GRID;

/// The program's cache folder: `FNAC_CACHE_DIR` where it is set, else the system's place for it;
/// `None` when the system names no home.
pub fn cache_dir() -> Option<PathBuf> {
    if let Some(dir) = std::env::var_os("FNAC_CACHE_DIR").filter(|d| !d.is_empty()) {
        return Some(dir.into());
    }
    directories::ProjectDirs::from("", "", "fnac").map(|d| d.cache_dir().to_owned())
}

/// What a set of maps belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheKey(String);

impl CacheKey {
    /// The key of a clip, a checkpoint and the settings that change maps.
    ///
    /// A clip's identity is path, size, time of change and its first and last 64 KiB: hashing
    /// whole videos would take longer than opening them. `None` when a file cannot be read.
    pub fn new(source: &MediaSource, checkpoint_sha256: &str, settings: &str) -> Option<Self> {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        part(FORMAT.as_bytes());
        match source {
            MediaSource::File(path) => identify(path, &mut part)?,
            MediaSource::Pair { picture, audio } => {
                identify(picture, &mut part)?;
                identify(audio, &mut part)?;
            }
        }
        part(checkpoint_sha256.as_bytes());
        part(settings.as_bytes());
        Some(Self(hex(&hash.finalize())))
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn identify(path: &Path, part: &mut impl FnMut(&[u8])) -> Option<()> {
    let whole = std::fs::canonicalize(path).ok()?;
    part(whole.as_os_str().as_encoded_bytes());
    let mut file = File::open(&whole).ok()?;
    let meta = file.metadata().ok()?;
    part(&meta.len().to_le_bytes());
    let changed = meta.modified().ok().and_then(|t| t.duration_since(SystemTime::UNIX_EPOCH).ok());
    part(&changed.map_or(0, |d| d.as_nanos()).to_le_bytes());
    let mut head = Vec::new();
    Read::by_ref(&mut file).take(ENDS as u64).read_to_end(&mut head).ok()?;
    part(&head);
    let tail_at = meta.len().saturating_sub(ENDS as u64);
    file.seek(SeekFrom::Start(tail_at)).ok()?;
    let mut tail = Vec::new();
    file.take(ENDS as u64).read_to_end(&mut tail).ok()?;
    part(&tail);
    Some(())
}

/// The folder with the maps of recent clips.
#[derive(Clone, Debug)]
pub struct MapCache {
    dir: PathBuf,
    limit: u64,
}

impl MapCache {
    /// Maps under `cache_dir/maps`, at most `limit` bytes in all.
    pub fn new(cache_dir: &Path, limit: u64) -> Self {
        Self { dir: cache_dir.join("maps"), limit }
    }

    fn path(&self, key: &CacheKey) -> PathBuf {
        self.dir.join(format!("{}.safetensors", key.0))
    }

    /// The maps kept for `key`. `Ok(None)` when there are none; an error when the file cannot be
    /// used, in words for the log (the caller goes on without).
    ///
    /// # Errors
    /// A note that names the file and what is wrong with it.
    pub fn load(&self, key: &CacheKey, times: Arc<dyn FrameTimes>) -> Result<Option<Maps>, String> {
        let path = self.path(key);
        let bytes = match std::fs::read(&path) {
            Ok(b) => b,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(format!("cannot read the kept maps {}: {e}", path.display())),
        };
        let maps = decode(&bytes, key, times)
            .map_err(|e| format!("ignoring the kept maps {}: {e}", path.display()))?;
        // The time of change is the time of last use; a read-only folder only spoils the order.
        if let Ok(f) = File::options().append(true).open(&path) {
            f.set_modified(SystemTime::now()).ok();
        }
        Ok(Some(maps))
    }

    /// Keeps `maps` under `key`: a whole file or none. Then removes the least recently used
    /// files until the folder is within its limit.
    ///
    /// # Errors
    /// What the file system says.
    pub fn save(&self, key: &CacheKey, maps: &Maps) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.dir)?;
        let bytes = encode(key, maps).map_err(std::io::Error::other)?;
        crate::files::write_whole(&self.path(key), &bytes)?;
        self.shrink()
    }

    fn shrink(&self) -> std::io::Result<()> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.dir)? {
            let entry = entry?;
            let meta = entry.metadata()?;
            if meta.is_file() {
                let used = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                files.push((used, meta.len(), entry.path()));
            }
        }
        let mut total: u64 = files.iter().map(|f| f.1).sum();
        files.sort();
        for (_, len, path) in files {
            if total <= self.limit {
                break;
            }
            if std::fs::remove_file(&path).is_ok() {
                total -= len;
            }
        }
        Ok(())
    }
}

struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.data)
    }
    fn data_len(&self) -> usize {
        self.data.len()
    }
}

fn encode(key: &CacheKey, maps: &Maps) -> Result<Vec<u8>, String> {
    let (mut frames, mut cells, mut silent) = (Vec::new(), Vec::new(), Vec::new());
    let (mut fine_frames, mut fine_cells, mut factor) = (Vec::new(), Vec::new(), 0u8);
    for i in 0..maps.len() {
        let frame = FrameIndex(i as u32);
        match maps.state(frame) {
            FrameState::Missing => {}
            FrameState::NoSound => silent.push(i as i64),
            FrameState::Computed => {
                let Some(s) = maps.at(frame) else { continue };
                frames.push(i as i64);
                cells.extend_from_slice(&s.map.0);
                // One factor per file: the newest setting is the one that is wanted again.
                if let Some(f) = s.fine {
                    if factor == 0 {
                        factor = f.factor();
                    }
                    if f.factor() == factor {
                        fine_frames.push(i as i64);
                        fine_cells.extend_from_slice(f.grid().cells);
                    }
                }
            }
        }
    }
    let i64s = |v: Vec<i64>| Tensor {
        dtype: Dtype::I64,
        shape: vec![v.len()],
        data: v.iter().flat_map(|x| x.to_le_bytes()).collect(),
    };
    let f32s = |v: Vec<f32>, side: usize| Tensor {
        dtype: Dtype::F32,
        shape: vec![v.len() / (side * side).max(1), side, side],
        data: v.iter().flat_map(|x| x.to_le_bytes()).collect(),
    };
    let side = GRID * usize::from(factor.max(1));
    let tensors = [
        ("frame", i64s(frames)),
        ("maps", f32s(cells, GRID)),
        ("silent", i64s(silent)),
        ("fine_frame", i64s(fine_frames)),
        ("fine_maps", f32s(fine_cells, side)),
    ];
    let meta = HashMap::from([
        ("format".to_owned(), FORMAT.to_owned()),
        ("key".to_owned(), key.0.clone()),
        ("frames".to_owned(), maps.len().to_string()),
        ("sha256".to_owned(), checksum(tensors.iter().map(|(n, t)| (*n, t.data.as_slice())))),
    ]);
    safetensors::serialize(tensors.iter().map(|(n, t)| (*n, t)), Some(meta))
        .map_err(|e| e.to_string())
}

fn checksum<'a>(tensors: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut sorted: Vec<_> = tensors.collect();
    sorted.sort_unstable_by_key(|t| t.0);
    let mut hash = Sha256::new();
    for (name, data) in sorted {
        hash.update(name);
        hash.update((data.len() as u64).to_le_bytes());
        hash.update(data);
    }
    hex(&hash.finalize())
}

fn decode(bytes: &[u8], key: &CacheKey, times: Arc<dyn FrameTimes>) -> Result<Maps, String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
    let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
    let meta = header.metadata().as_ref().ok_or("it has no metadata")?;
    let want = |name: &str, value: &str| match meta.get(name) {
        Some(v) if v == value => Ok(()),
        _ => Err(format!("its {name} is another one")),
    };
    want("format", FORMAT)?;
    want("key", &key.0)?;
    want("frames", &times.len().to_string())?;
    let tensors = file.tensors();
    want("sha256", &checksum(tensors.iter().map(|(n, t)| (n.as_str(), t.data()))))?;

    let i64s = |name: &str| -> Result<Vec<FrameIndex>, String> {
        let t = file.tensor(name).map_err(|e| e.to_string())?;
        let frames = t.data().as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b));
        frames.map(|i| u32::try_from(i).map(FrameIndex).map_err(|_| format!("frame {i}"))).collect()
    };
    let f32s = |name: &str| -> Result<(Vec<f32>, usize), String> {
        let t = file.tensor(name).map_err(|e| e.to_string())?;
        let cells = t.shape().iter().skip(1).product();
        let values = t.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
        Ok((values.collect(), cells))
    };
    let mut maps = Maps::new(times);
    let (cells, per_map) = f32s("maps")?;
    let frames = i64s("frame")?;
    if per_map != CELLS || cells.len() != frames.len() * CELLS {
        return Err("its maps have another shape".into());
    }
    for (frame, map) in frames.iter().zip(cells.as_chunks::<CELLS>().0) {
        maps.insert(*frame, &LocalizationMap(*map));
    }
    for frame in i64s("silent")? {
        maps.insert_no_sound(frame);
    }
    let (cells, per_map) = f32s("fine_maps")?;
    let frames = i64s("fine_frame")?;
    let factor = match per_map {
        196 => 2,
        784 => 4,
        _ if frames.is_empty() => return Ok(maps),
        _ => return Err("its fine maps have another shape".into()),
    };
    for (frame, map) in frames.iter().zip(cells.chunks_exact(per_map)) {
        if let Some(fine) = FineMap::new(factor, map.to_vec()) {
            maps.insert_fine(*frame, fine);
        }
    }
    Ok(maps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::testing::EvenFrames;

    fn times(n: usize) -> Arc<dyn FrameTimes> {
        Arc::new(EvenFrames { n, fps: 30.0 })
    }

    fn some_maps(n: usize) -> Maps {
        let mut m = Maps::new(times(n));
        for i in (0..n as u32).step_by(2) {
            m.insert(FrameIndex(i), &LocalizationMap(std::array::from_fn(|c| c as f32 / 100.0)));
        }
        m.insert_no_sound(FrameIndex(1));
        m.insert_fine(FrameIndex(4), FineMap::new(2, vec![0.25; 196]).unwrap());
        m
    }

    fn key(dir: &Path, checkpoint: &str) -> CacheKey {
        let clip = dir.join("clip.bin");
        if !clip.exists() {
            std::fs::write(&clip, vec![7u8; 200_000]).unwrap();
        }
        CacheKey::new(&MediaSource::File(clip), checkpoint, "hop 100").unwrap()
    }

    #[test]
    fn kept_maps_come_back_whole() {
        let dir = tempfile::tempdir().unwrap();
        let cache = MapCache::new(dir.path(), DEFAULT_LIMIT);
        let key = key(dir.path(), "a");
        assert!(cache.load(&key, times(600)).unwrap().is_none());
        cache.save(&key, &some_maps(600)).unwrap();
        let back = cache.load(&key, times(600)).unwrap().unwrap();
        let want = some_maps(600);
        for i in 0..600 {
            assert_eq!(back.at(FrameIndex(i)), want.at(FrameIndex(i)));
            assert_eq!(back.state(FrameIndex(i)), want.state(FrameIndex(i)));
        }
    }

    #[test]
    fn another_file_checkpoint_or_setting_is_another_key() {
        let dir = tempfile::tempdir().unwrap();
        let a = key(dir.path(), "a");
        assert_eq!(a, key(dir.path(), "a"));
        assert_ne!(a, key(dir.path(), "b"));
        let clip = MediaSource::File(dir.path().join("clip.bin"));
        assert_ne!(CacheKey::new(&clip, "a", "hop 0"), CacheKey::new(&clip, "a", "hop 100"));
        let mut bytes = vec![7u8; 200_000];
        bytes[199_999] = 8;
        std::fs::write(dir.path().join("clip.bin"), bytes).unwrap();
        assert_ne!(a, key(dir.path(), "a"));
        assert_eq!(CacheKey::new(&MediaSource::File("/none".into()), "a", ""), None);
    }

    #[test]
    fn a_damaged_file_is_ignored_with_a_note() {
        let dir = tempfile::tempdir().unwrap();
        let cache = MapCache::new(dir.path(), DEFAULT_LIMIT);
        let key = key(dir.path(), "a");
        cache.save(&key, &some_maps(600)).unwrap();
        let path = cache.path(&key);
        let good = std::fs::read(&path).unwrap();
        assert!(cache.load(&key, times(599)).is_err(), "another number of frames");
        for damage in 0..4 {
            let mut bad = good.clone();
            match damage {
                0 => bad.truncate(good.len() / 2),
                1 => bad[good.len() - 5] ^= 1,
                2 => bad[0] = 0xff,
                _ => bad.clear(),
            }
            std::fs::write(&path, bad).unwrap();
            let note = cache.load(&key, times(600)).err().unwrap();
            assert!(note.contains("safetensors"), "{note}");
        }
        std::fs::write(&path, good).unwrap();
        assert!(cache.load(&key, times(600)).unwrap().is_some());
    }

    #[test]
    fn the_folder_keeps_its_limit_and_the_recently_used_files() {
        let dir = tempfile::tempdir().unwrap();
        let one = {
            let cache = MapCache::new(dir.path(), DEFAULT_LIMIT);
            cache.save(&key(dir.path(), "0"), &some_maps(600)).unwrap();
            std::fs::metadata(cache.path(&key(dir.path(), "0"))).unwrap().len()
        };
        let cache = MapCache::new(dir.path(), one * 3 + 100);
        let age = |name: &str, secs: u64| {
            let f = File::options().append(true).open(cache.path(&key(dir.path(), name)));
            let then = SystemTime::now() - std::time::Duration::from_secs(secs);
            f.unwrap().set_modified(then).unwrap();
        };
        age("0", 400);
        for (name, secs) in [("1", 300), ("2", 200)] {
            cache.save(&key(dir.path(), name), &some_maps(600)).unwrap();
            age(name, secs);
        }
        // Used again: now the youngest.
        cache.load(&key(dir.path(), "0"), times(600)).unwrap().unwrap();
        cache.save(&key(dir.path(), "3"), &some_maps(600)).unwrap();
        let there = |n: &str| cache.path(&key(dir.path(), n)).exists();
        assert_eq!(["0", "1", "2", "3"].map(there), [true, false, true, true]);
    }
}
