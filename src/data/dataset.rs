//! Pairs of picture and sound that are learnt from and scored: what there is, what is left out.
//!
//! A [`Dataset`] is a list of [`Item`]s, made once by a reader of [`super::READERS`];
//! [`Dataset::sample`] decodes one. A broken item is left out and named, never replaced by
//! another.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::DataError;
use super::roll::Roll;
use crate::truth::{Mask, Source, TruthTrack};
use crate::units::{MediaTime, RgbPicture};

/// Where an item's picture comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PictureRef {
    /// A picture file, whatever its name says it is.
    File(PathBuf),
    /// The frame of a video that is on show at a time.
    Frame {
        /// The video.
        path: PathBuf,
        /// When, from the clip's start.
        time: MediaTime,
    },
}

impl PictureRef {
    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Frame { path, .. } => path,
        }
    }

    /// When the picture is taken; zero for a picture file.
    pub fn time(&self) -> MediaTime {
        match self {
            Self::File(_) => MediaTime::ZERO,
            Self::Frame { time, .. } => *time,
        }
    }
}

/// Which part of a sound file belongs to an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The middle three seconds: the official loader's choice.
    Middle,
    /// Three seconds around a time.
    Around(MediaTime),
}

/// Where an item's sound comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoundRef {
    /// Any file with a sound track.
    pub path: PathBuf,
    /// Which three seconds.
    pub moment: Moment,
}

/// Where an item's truth is.
#[derive(Clone, Debug, PartialEq)]
pub enum TruthRef {
    /// A `.truth.json`; what holds at the picture's time counts.
    Track(PathBuf),
    /// Boxes in fractions of the picture, VGG-SS's way, as the set has them: some are reversed.
    Boxes(Vec<[f64; 4]>),
    /// Several annotators' boxes in pixels of 224: Flickr-SoundNet's consensus.
    Consensus(Vec<[u16; 4]>),
    /// A mask picture; what is not black sounds.
    Mask(PathBuf),
}

/// An item's truth, read.
#[derive(Clone, Debug, PartialEq)]
pub enum LoadedTruth {
    /// What is where over time, and the time of the item's picture in it.
    Track {
        /// All of it.
        track: TruthTrack,
        /// The time to ask for.
        at: MediaTime,
    },
    /// Boxes in fractions of the picture, as the set has them.
    Boxes(Vec<[f64; 4]>),
    /// Several annotators' boxes in pixels of 224.
    Consensus(Vec<[u16; 4]>),
    /// The pixels that sound; none where nothing does.
    Mask(Mask),
}

/// One pair, not decoded yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Unique in its set; sorted by this.
    pub id: String,
    /// What it was cut from. Items of one clip lie on the same side of [`Dataset::split`]; the id
    /// itself where every clip gave one item.
    pub clip: String,
    /// Its picture.
    pub picture: PictureRef,
    /// Its sound.
    pub sound: SoundRef,
    /// What sounds in the picture, where the set says it.
    pub sounding: Vec<String>,
    /// What is seen in the picture, sounding or not, where the set says it.
    pub seen: Vec<String>,
    /// Why nothing in the picture sounds, where the set says so: `silence`, `noise`,
    /// `off-screen`, `nothing`. `sounding` is empty then.
    pub negative: Option<String>,
    /// Where it sounds, where the set says it.
    pub truth: Option<TruthRef>,
}

/// An item that is not used.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LeftOut {
    /// Its name.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// What one reads from a folder.
#[derive(Clone, Debug, Default)]
pub struct Dataset {
    /// The folder.
    pub root: PathBuf,
    /// Name of the reader.
    pub format: String,
    /// What can be used, sorted by id.
    pub items: Vec<Item>,
    /// How many the folder or its list names.
    pub listed: usize,
    /// What cannot be used, sorted by id.
    pub left_out: Vec<LeftOut>,
    /// Things to know about the set as a whole.
    pub notes: Vec<String>,
}

/// What a reader is told.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Name of a reader; empty or `auto` to look.
    pub format: String,
    /// File with the names that are taken, or the name of one of the set's own lists (`train`,
    /// `test`, `sounding`).
    pub list: Option<PathBuf>,
    /// File or folder with annotations, where it is not in its usual place.
    pub annotations: Option<PathBuf>,
}

/// One decoded pair.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Upright, of any size.
    pub picture: RgbPicture,
    /// Mono in [-1, 1] at the rate asked for, three seconds; shorter sounds are repeated.
    pub sound: Vec<f32>,
}

/// A decoded sample or why there is none.
pub type SampleResult = Result<Sample, DataError>;

impl Dataset {
    /// Opens a folder with the reader that knows it. Blocks for the disk; nothing is decoded but
    /// what lists and truths say, and the length of videos.
    ///
    /// # Errors
    /// No reader knows the folder, or its lists cannot be read.
    pub fn open(root: &Path, options: &OpenOptions) -> Result<Self, DataError> {
        super::readers::open(root, options)
    }

    /// A set of what a reader found, sorted; of several items of one name the first is used.
    pub(super) fn gathered(
        root: &Path,
        format: &str,
        found: impl IntoIterator<Item = Result<Item, LeftOut>>,
    ) -> Self {
        let mut set = Self { root: root.into(), format: format.into(), ..Self::default() };
        for item in found {
            set.listed += 1;
            match item {
                Ok(item) => set.items.push(item),
                Err(why) => set.left_out.push(why),
            }
        }
        set.items.sort_by(|a, b| a.id.cmp(&b.id));
        let mut twice = Vec::new();
        set.items.dedup_by(|later, first| {
            let same = later.id == first.id;
            if same {
                twice.push(LeftOut::new(&later.id, "another item has the same name"));
            }
            same
        });
        set.left_out.extend(twice);
        set.left_out.sort_by(|a, b| a.id.cmp(&b.id));
        set
    }

    /// "n of N usable", as shown everywhere.
    pub fn usable(&self) -> String {
        format!("{} of {} usable", self.items.len(), self.listed)
    }

    /// SHA-256 over ids, file sizes and times within the files, in hexadecimal: tells whether two
    /// runs saw the same set without reading all of it.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        let size = |p: &Path| std::fs::metadata(p).map_or(0, |m| m.len());
        for item in &self.items {
            hash.update((item.id.len() as u64).to_le_bytes());
            hash.update(item.id.as_bytes());
            hash.update(size(item.picture.path()).to_le_bytes());
            hash.update(size(&item.sound.path).to_le_bytes());
            hash.update(item.picture.time().as_nanos().to_le_bytes());
            let moment = match item.sound.moment {
                Moment::Middle => i64::MIN,
                Moment::Around(t) => t.as_nanos(),
            };
            hash.update(moment.to_le_bytes());
        }
        super::whole::hex(&hash.finalize())
    }

    /// Decodes item `i`, its sound at `rate` samples per second. Blocks for the disk and the
    /// decoders; for worker threads.
    ///
    /// # Errors
    /// Names the file and the cause; the item is to be left out then.
    pub fn sample(&self, i: usize, rate: u32) -> SampleResult {
        let Some(item) = self.items.get(i) else {
            let cause = format!("it has no item {i}, only {}", self.items.len());
            return Err(DataError::read(&self.root, cause, "Open the folder again."));
        };
        Ok(Sample { picture: item.load_picture()?, sound: item.load_sound(rate)? })
    }

    /// Two sets: what is left, and a part of about `share` of the clips that is held out.
    ///
    /// A clip's side follows from its name and the seed alone: items that are added or left out
    /// move no other, and the parts of two shares lie one within the other.
    #[must_use]
    pub fn split(&self, share: f64, seed: u64) -> (Self, Self) {
        let held: Vec<bool> = self.items.iter().map(|i| place_of(&i.clip, seed) < share).collect();
        let part = |wanted: bool| {
            let of_it = self.items.iter().zip(&held).filter(|(_, h)| **h == wanted);
            let items: Vec<Item> = of_it.map(|(i, _)| i.clone()).collect();
            let (listed, left_out) = match wanted {
                // What is broken stays with the larger part, so that the counts add up.
                true => (items.len(), Vec::new()),
                false => (items.len() + self.left_out.len(), self.left_out.clone()),
            };
            let (root, format, notes) =
                (self.root.clone(), self.format.clone(), self.notes.clone());
            Self { root, format, items, listed, left_out, notes }
        };
        (part(false), part(true))
    }

    /// Names of the items that a list names too.
    pub fn overlap(&self, roll: &Roll) -> Vec<&str> {
        self.items.iter().filter(|i| roll.has(i)).map(|i| i.id.as_str()).collect()
    }

    /// Takes out the items that a list names (a test set's, say), says so in the notes and gives
    /// their number. They no longer count as listed.
    pub fn exclude(&mut self, roll: &Roll) -> usize {
        let before = self.items.len();
        self.items.retain(|i| !roll.has(i));
        let out = before - self.items.len();
        self.listed = self.listed.saturating_sub(out);
        if out > 0 {
            self.notes.push(format!("{out} items are on `{}` and are not used", roll.name()));
        }
        out
    }

    /// How many items there are of each thing that sounds, the commonest first; negatives count
    /// under their reason in brackets.
    pub fn classes(&self) -> Vec<(String, usize)> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for item in &self.items {
            let kinds: BTreeSet<&String> = item.sounding.iter().collect();
            for kind in kinds {
                *counts.entry(kind.clone()).or_default() += 1;
            }
            if let Some(why) = &item.negative {
                *counts.entry(format!("({why})")).or_default() += 1;
            }
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        counts
    }
}

/// Where a clip lies between 0 and 1 when a part is held out.
fn place_of(clip: &str, seed: u64) -> f64 {
    let mut hash = Sha256::new();
    hash.update(b"held out");
    hash.update(seed.to_le_bytes());
    hash.update(clip.as_bytes());
    let digest = hash.finalize();
    let word = digest.iter().take(8).fold(0u64, |sum, b| (sum << 8) | u64::from(*b));
    // 53 bits: exactly a double, below 1.
    (word >> 11) as f64 / (1u64 << 53) as f64
}

impl LeftOut {
    pub(super) fn new(id: &str, reason: impl Into<String>) -> Self {
        Self { id: id.into(), reason: reason.into() }
    }
}

impl Item {
    /// A pair of which nothing more is known.
    pub fn new(id: impl Into<String>, picture: PictureRef, sound: SoundRef) -> Self {
        let id = id.into();
        let (sounding, seen) = (Vec::new(), Vec::new());
        Self { clip: id.clone(), id, picture, sound, sounding, seen, negative: None, truth: None }
    }

    /// When it is, in the clip that it was cut from; zero for a pair of files.
    pub fn time(&self) -> MediaTime {
        match (&self.picture, self.sound.moment) {
            (PictureRef::Frame { time, .. }, _) => *time,
            (PictureRef::File(_), Moment::Around(time)) => time,
            (PictureRef::File(_), Moment::Middle) => MediaTime::ZERO,
        }
    }

    /// Decodes its picture.
    ///
    /// # Errors
    /// As [`Dataset::sample`].
    pub fn load_picture(&self) -> Result<RgbPicture, DataError> {
        super::decode::picture(&self.picture)
    }

    /// Decodes its three seconds of sound at `rate` samples per second.
    ///
    /// # Errors
    /// As [`Dataset::sample`].
    pub fn load_sound(&self, rate: u32) -> Result<Vec<f32>, DataError> {
        super::decode::sound(&self.sound, rate)
    }

    /// Its truth, when it has one. Blocks for the disk where it is in a file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn load_truth(&self) -> Result<Option<LoadedTruth>, DataError> {
        let Some(truth) = &self.truth else { return Ok(None) };
        Ok(Some(match truth {
            TruthRef::Track(path) => {
                let track = TruthTrack::read(path).map_err(|e| {
                    DataError::read(path, e.to_string(), "Check the file, or remove it.")
                })?;
                LoadedTruth::Track { track, at: self.time() }
            }
            TruthRef::Boxes(boxes) => LoadedTruth::Boxes(boxes.clone()),
            TruthRef::Consensus(boxes) => LoadedTruth::Consensus(boxes.clone()),
            TruthRef::Mask(path) => LoadedTruth::Mask(super::decode::mask(path)?),
        }))
    }

    /// Takes from a truth of ours what sounds, what is seen and whether nothing seen sounds, at
    /// the time of the item's picture. A picture's whole truth counts.
    pub(super) fn describe(&mut self, track: &TruthTrack) {
        let boxed = |s: &Source| s.moments.iter().any(|m| m.bbox.is_some());
        let at = track.at(self.time());
        let seen: Vec<_> = at
            .iter()
            .filter(|a| if track.is_still() { boxed(a.source) } else { a.is_seen() })
            .collect();
        self.seen = seen.iter().map(|a| a.source.kind.clone()).collect();
        self.sounding = seen.iter().filter(|a| a.sounding).map(|a| a.source.kind.clone()).collect();
        let heard = at.iter().any(|a| a.sounding);
        self.negative = self.sounding.is_empty().then(|| {
            let given = track.about.get("negative").filter(|n| !n.is_empty()).cloned();
            given.unwrap_or_else(|| if heard { "off-screen" } else { "silence" }.into())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: impl IntoIterator<Item = String>) -> Dataset {
        let item = |id: String| {
            let sound = SoundRef { path: "s".into(), moment: Moment::Middle };
            Ok(Item::new(id, PictureRef::File("p".into()), sound))
        };
        Dataset::gathered(Path::new("x"), "pairs", names.into_iter().map(item))
    }

    fn ids(set: &Dataset) -> Vec<&str> {
        set.items.iter().map(|i| i.id.as_str()).collect()
    }

    #[test]
    fn a_held_out_part_depends_on_the_names_alone() {
        let all = set((0..2000).map(|i| format!("item{i}")));
        let (rest, held) = all.split(0.1, 5);
        assert_eq!(rest.items.len() + held.items.len(), 2000);
        assert!((150..250).contains(&held.items.len()), "{}", held.items.len());
        // Half of the items are gone and others came: nobody changed sides.
        let others = set((0..2000).step_by(2).map(|i| format!("item{i}")).chain(["new".into()]));
        let (_, held_of_others) = others.split(0.1, 5);
        for id in ids(&others).into_iter().filter(|i| *i != "new") {
            assert_eq!(ids(&held).contains(&id), ids(&held_of_others).contains(&id), "{id}");
        }
        let (_, more) = all.split(0.3, 5);
        assert!(ids(&held).iter().all(|id| ids(&more).contains(id)), "one within the other");
        let (_, other_seed) = all.split(0.1, 6);
        assert_ne!(ids(&other_seed), ids(&held));
        assert_eq!(all.split(0.0, 5).1.items.len(), 0);
        assert_eq!(all.split(1.0, 5).0.items.len(), 0);
    }

    #[test]
    fn items_of_one_clip_stay_together() {
        let mut all = set((0..900).map(|i| format!("clip{}@{}", i / 9, i % 9)));
        for item in &mut all.items {
            item.clip = item.id.split('@').next().unwrap().to_owned();
        }
        let (rest, held) = all.split(0.5, 1);
        let clips = |s: &Dataset| s.items.iter().map(|i| i.clip.clone()).collect::<BTreeSet<_>>();
        assert!(clips(&rest).is_disjoint(&clips(&held)));
        assert!(!clips(&held).is_empty() && held.items.len() % 9 == 0);
    }

    #[test]
    fn counts_of_the_parts_add_up_and_the_broken_are_named_once() {
        let mut all = set((0..50).map(|i| format!("item{i}")));
        all.listed = 53;
        all.left_out = vec![LeftOut::new("a", "why"); 3];
        let (rest, held) = all.split(0.4, 2);
        assert_eq!(rest.listed + held.listed, 53);
        assert_eq!((rest.left_out.len(), held.left_out.len()), (3, 0));
        assert_eq!(all.usable(), "50 of 53 usable");
    }

    #[test]
    fn what_a_list_names_is_taken_out_and_counted() {
        let mut all = set(["a", "b", "c"].map(String::from));
        let roll = Roll::of("test.txt", ["b", "z"]);
        assert_eq!(all.overlap(&roll), ["b"]);
        assert_eq!(all.exclude(&roll), 1);
        assert_eq!((ids(&all), all.listed), (vec!["a", "c"], 2));
        assert!(all.notes[0].contains("1 items are on `test.txt`"), "{:?}", all.notes);
        assert_eq!(all.exclude(&roll), 0);
        assert_eq!(all.notes.len(), 1);
    }

    #[test]
    fn of_two_items_of_one_name_the_second_is_left_out() {
        let all = set(["b", "a", "b"].map(String::from));
        assert_eq!((ids(&all), all.listed, all.left_out.len()), (vec!["a", "b"], 3, 1));
    }
}
