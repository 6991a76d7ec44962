//! Videos with sound, each with its truth beside it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::lists::ItemFacts;
use super::names::item_name;
use super::pairs::{indices_in, whole_truth};
use super::whole::write_whole;
use super::{DataError, Stamp};
use crate::media::{AudioSettings, ClipSettings, ClipWriter};
use crate::truth::TruthTrack;
use crate::units::{MediaTime, RgbPicture, TimeBase};

/// What a clip is made of.
pub trait ClipFrames {
    /// Number of frames, at least one.
    fn frames(&self) -> u32;
    /// Frame `i`, of the folder's size.
    fn frame(&self, i: u32) -> RgbPicture;
    /// Interleaved stereo samples of the whole clip at `rate`, within -1 to 1.
    fn stereo(&self, rate: u32) -> Vec<f32>;
    /// What is true of it over time.
    fn truth(&self) -> TruthTrack;
}

/// Ticks of a frame in the file.
const TICKS: i32 = 512;

/// A folder of videos that is being written: they lie in the folder itself, so that opening it
/// plays them.
#[derive(Clone, Debug)]
pub struct ClipFolder {
    root: PathBuf,
    size: (u32, u32),
    fps: (i32, i32),
    rate: u32,
    stamp: Stamp,
}

impl ClipFolder {
    /// The folder `root`, claimed before; pictures of `size`, `fps.0 / fps.1` frames per second,
    /// stereo sound at `rate`.
    pub fn new(root: &Path, size: (u32, u32), fps: (i32, i32), rate: u32, stamp: Stamp) -> Self {
        Self { root: root.into(), size, fps, rate, stamp }
    }

    fn clip(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.mp4"))
    }

    /// Writes item `index`: the clip, then its truth. `None` when `stop` was raised meanwhile:
    /// nothing of it is there then.
    pub fn write(
        &self,
        index: u64,
        clip: &dyn ClipFrames,
        stop: &AtomicBool,
    ) -> Result<Option<ItemFacts>, DataError> {
        let name = item_name(self.stamp.seed, index);
        let path = self.clip(&name);
        let fail = |what: String| DataError::write(&path, &std::io::Error::other(what));
        let base = self.fps.0.checked_mul(TICKS).and_then(|n| TimeBase::new(self.fps.1, n));
        let base = base.ok_or_else(|| fail("its frame rate is no fraction".into()))?;
        let per_second = f64::from(self.fps.0) / f64::from(self.fps.1);
        let mut settings = ClipSettings::new(self.size.0, self.size.1, per_second, base);
        settings.audio = Some(AudioSettings { rate: self.rate, ..AudioSettings::default() });
        let mut writer = ClipWriter::create(&path, settings)?;
        let sound = clip.stereo(self.rate);
        let frames = clip.frames();
        let mut rgba = Vec::new();
        let mut given = 0;
        for i in 0..frames {
            if stop.load(Ordering::SeqCst) {
                return Ok(None);
            }
            let picture = clip.frame(i);
            if (picture.width(), picture.height()) != self.size {
                let (w, h) = (picture.width(), picture.height());
                return Err(fail(format!("a frame of {w}x{h} was drawn")));
            }
            rgba.clear();
            rgba.extend(picture.data().chunks_exact(3).flat_map(|c| [c[0], c[1], c[2], 255]));
            let ticks = i128::from(i) * 1_000_000_000 * i128::from(self.fps.1);
            let nanos = i64::try_from(ticks / i128::from(self.fps.0)).unwrap_or(i64::MAX);
            writer.push_video(&rgba, MediaTime::from_nanos(nanos))?;
            // Sound goes in beside its frames, so that the file is well interleaved.
            let until = match i + 1 == frames {
                true => sound.len(),
                false => sound.len() * (i as usize + 1) / frames as usize / 2 * 2,
            };
            writer.push_audio(sound.get(given..until).unwrap_or_default())?;
            given = until;
        }
        writer.finish()?;
        let mut truth = clip.truth();
        self.stamp.put(&mut truth, index);
        write_whole(&TruthTrack::sidecar(&path), truth.to_json().as_bytes())?;
        Ok(Some(ItemFacts::new(&name, index, &truth)))
    }

    /// What is known of item `index` when clip and truth are there and whole.
    pub fn is_complete(&self, index: u64) -> Option<ItemFacts> {
        let name = item_name(self.stamp.seed, index);
        let path = self.clip(&name);
        let truth = whole_truth(&TruthTrack::sidecar(&path))?;
        let whole = self.stamp.is_on(&truth, index)
            && (truth.width, truth.height) == self.size
            && mp4_is_whole(&path).unwrap_or(false);
        whole.then(|| ItemFacts::new(&name, index, &truth))
    }

    /// Numbers of the items that have a truth file, sorted.
    pub fn indices(&self) -> Result<Vec<u64>, DataError> {
        indices_in(&self.root, self.stamp.seed, ".truth.json")
    }
}

/// Whether the boxes of an MP4 fill the file exactly and its index is among them.
fn mp4_is_whole(path: &Path) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let (mut at, mut index) = (0u64, false);
    for _ in 0..64 {
        if at == length {
            return Ok(index);
        }
        let mut head = [0; 16];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut head[..8])?;
        let mut size = u64::from(u32::from_be_bytes([head[0], head[1], head[2], head[3]]));
        if size == 1 {
            file.read_exact(&mut head[8..])?;
            size = head[8..].iter().fold(0, |s, b| (s << 8) | u64::from(*b));
        }
        index |= &head[4..8] == b"moov";
        match at.checked_add(size) {
            Some(next) if size >= 8 && next <= length => at = next,
            _ => return Ok(false),
        }
    }
    Ok(false)
}
