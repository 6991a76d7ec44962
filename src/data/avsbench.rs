//! AVSBench's tree: five pictures, five masks and five seconds of sound per clip.

use std::path::{Path, PathBuf};

use super::lists::{ItemFacts, ListShares};
use super::names::item_name;
use super::pairs::{
    PictureFormat, indices_in, mask_bytes, sounding_pixels, wav_bytes, whole_truth,
};
use super::whole::{make_folder, write_synced, write_whole};
use super::{DataError, Stamp};
use crate::truth::TruthTrack;
use crate::units::{MediaTime, RgbPicture};

/// Pictures of a clip, one per second.
pub const PICTURES: usize = 5;

/// A folder in AVSBench's tree that is being written. One source per clip: S4
/// (`Single-source/`, a folder per kind); more: MS3 (`Multi-sources/`). The truths lie in
/// `truth/` beside.
#[derive(Clone, Debug)]
pub struct AvsFolder {
    root: PathBuf,
    multi: bool,
    size: (u32, u32),
    rate: u32,
    shares: ListShares,
    stamp: Stamp,
}

impl AvsFolder {
    /// The folder `root`, claimed before; `multi` for MS3.
    pub fn new(
        root: &Path,
        multi: bool,
        size: (u32, u32),
        rate: u32,
        shares: ListShares,
        stamp: Stamp,
    ) -> Result<Self, DataError> {
        let out = Self { root: root.into(), multi, size, rate, shares, stamp };
        make_folder(&out.data())?;
        make_folder(&out.truths())?;
        Ok(out)
    }

    fn truths(&self) -> PathBuf {
        self.root.join("truth")
    }

    fn data(&self) -> PathBuf {
        let (a, b) =
            if self.multi { ("Multi-sources", "ms3_data") } else { ("Single-source", "s4_data") };
        self.root.join(a).join(b)
    }

    fn truth(&self, name: &str) -> PathBuf {
        self.truths().join(format!("{name}.truth.json"))
    }

    /// Middle of second `i` (from 0): when picture `i + 1` is taken.
    pub fn time(i: usize) -> MediaTime {
        MediaTime::from_millis(1000 * i as i64 + 500)
    }

    /// Files of a clip: pictures, masks, sound.
    fn files(&self, name: &str, class: &str, list: &str) -> (Vec<PathBuf>, Vec<PathBuf>, PathBuf) {
        let data = self.data();
        let (frames, masks, audio) = (
            data.join("visual_frames"),
            data.join("gt_masks").join(list),
            data.join("audio_wav").join(list),
        );
        let numbered = |dir: PathBuf, middle: &str| {
            (1..=PICTURES).map(|i| dir.join(format!("{name}{middle}_{i}.png"))).collect::<Vec<_>>()
        };
        if self.multi {
            let pictures = numbered(frames.join(name), ".mp4");
            (pictures, numbered(masks.join(name), ""), audio.join(format!("{name}.wav")))
        } else {
            let pictures = numbered(frames.join(list).join(class).join(name), "");
            let masks = numbered(masks.join(class).join(name), "");
            (pictures, masks, audio.join(class).join(format!("{name}.wav")))
        }
    }

    /// The kind whose folder a clip lies in.
    fn class(facts: &ItemFacts) -> &str {
        if facts.class.is_empty() { "nothing" } else { &facts.class }
    }

    /// Writes item `index`: `pictures` at [`Self::time`], mono `sound`, its truth last.
    pub fn write(
        &self,
        index: u64,
        pictures: &[RgbPicture],
        sound: &[f32],
        truth: &TruthTrack,
    ) -> Result<ItemFacts, DataError> {
        let name = item_name(self.stamp.seed, index);
        let mut truth = truth.clone();
        self.stamp.put(&mut truth, index);
        let facts = ItemFacts::new(&name, index, &truth);
        let list = self.shares.list_of(self.stamp.seed, index);
        let (frames, masks, audio) = self.files(&name, Self::class(&facts), list);
        let failed = |path: &Path, e: &dyn std::fmt::Display| {
            DataError::write(path, &std::io::Error::other(e.to_string()))
        };
        for dir in frames.first().into_iter().chain(masks.first()).chain([&audio]) {
            dir.parent().map_or(Ok(()), make_folder)?;
        }
        if pictures.len() != PICTURES
            || pictures.iter().any(|p| (p.width(), p.height()) != self.size)
        {
            return Err(failed(&audio, &"five pictures of the folder's size are needed"));
        }
        for (path, picture) in frames.iter().zip(pictures) {
            let bytes = PictureFormat::Png.encode(picture).map_err(|e| failed(path, &e))?;
            write_whole(path, &bytes)?;
        }
        for (i, path) in masks.iter().enumerate() {
            let inside = sounding_pixels(&truth, Self::time(i));
            let bytes =
                mask_bytes(&inside, self.size.0, self.size.1).map_err(|e| failed(path, &e))?;
            write_whole(path, &bytes)?;
        }
        write_whole(&audio, &wav_bytes(sound, self.rate).map_err(|e| failed(&audio, &e))?)?;
        write_whole(&self.truth(&name), truth.to_json().as_bytes())?;
        Ok(facts)
    }

    /// What is known of item `index` when all its files are there and whole.
    pub fn is_complete(&self, index: u64) -> Option<ItemFacts> {
        let name = item_name(self.stamp.seed, index);
        let truth = whole_truth(&self.truth(&name))?;
        let facts = ItemFacts::new(&name, index, &truth);
        let list = self.shares.list_of(self.stamp.seed, index);
        let (frames, masks, audio) = self.files(&name, Self::class(&facts), list);
        let samples = PICTURES * self.rate as usize;
        let whole = self.stamp.is_on(&truth, index)
            && frames.iter().chain(&masks).all(|p| PictureFormat::Png.is_whole(p, self.size))
            && super::pairs::wav_is_whole(&audio, self.rate, samples);
        whole.then_some(facts)
    }

    /// Numbers of the items that have a truth file, sorted.
    pub fn indices(&self) -> Result<Vec<u64>, DataError> {
        indices_in(&self.truths(), self.stamp.seed, ".truth.json")
    }

    /// Writes the table that AVSBench's loaders start from.
    pub fn write_table(&self, items: &mut [ItemFacts]) -> Result<(), DataError> {
        items.sort_by(|a, b| a.name.cmp(&b.name));
        let file = if self.multi { "ms3_meta_data.csv" } else { "s4_meta_data.csv" };
        let path = self.data().with_file_name(file);
        let fail = |e: &dyn std::fmt::Display| {
            DataError::write(&path, &std::io::Error::other(e.to_string()))
        };
        let mut table = csv::Writer::from_writer(Vec::new());
        table.write_record(["name", "start", "category", "split"]).map_err(|e| fail(&e))?;
        for i in items.iter() {
            let list = self.shares.list_of(self.stamp.seed, i.index);
            table.write_record([&i.name, "0", Self::class(i), list]).map_err(|e| fail(&e))?;
        }
        write_synced(&path, &table.into_inner().map_err(|e| fail(&e))?)
    }
}
