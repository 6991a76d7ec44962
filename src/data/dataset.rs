//! Pairs of picture and sound that are learnt from and scored: what there is, what is left out.
//!
//! A [`Dataset`] is a list of [`Item`]s, made once by a reader of [`READERS`]; [`Dataset::sample`]
//! decodes one. A broken item is left out and named, never replaced by another.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::DataError;
use crate::truth::TruthTrack;
use crate::units::{MediaTime, RgbPicture};

/// Where an item's picture comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PictureRef {
    /// A picture file, by content JPEG or PNG.
    File(PathBuf),
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
    /// A `.truth.json`.
    Track(PathBuf),
    /// Boxes in fractions of the picture, VGG-SS's way.
    Boxes(Vec<[f64; 4]>),
    /// Several annotators' boxes in pixels of 224: Flickr-SoundNet's consensus.
    Consensus(Vec<[u16; 4]>),
    /// A mask picture; what is not 0 sounds.
    Mask(PathBuf),
}

/// One pair, not decoded yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Unique in its set; sorted by this.
    pub id: String,
    /// Its picture.
    pub picture: PictureRef,
    /// Its sound.
    pub sound: SoundRef,
    /// What sounds in the picture, where the set says it.
    pub sounding: Vec<String>,
    /// What is seen in the picture, sounding or not, where the set says it.
    pub seen: Vec<String>,
    /// Where it sounds, where the set says it.
    pub truth: Option<TruthRef>,
}

/// An item that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// What cannot be used.
    pub left_out: Vec<LeftOut>,
    /// Things to know about the set as a whole.
    pub notes: Vec<String>,
}

/// What a reader is told.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Name of a reader; empty or `auto` to look.
    pub format: String,
    /// File with the names that are taken.
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

impl Dataset {
    /// "n of N usable", as shown everywhere.
    pub fn usable(&self) -> String {
        format!("{} of {} usable", self.items.len(), self.listed)
    }

    /// SHA-256 over ids, file names and sizes, in hexadecimal: tells whether two runs saw the
    /// same set without reading all of it.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        let size = |p: &Path| std::fs::metadata(p).map_or(0, |m| m.len());
        for item in &self.items {
            let PictureRef::File(picture) = &item.picture;
            for (text, n) in
                [(item.id.as_str(), 0), ("", size(picture)), ("", size(&item.sound.path))]
            {
                hash.update((text.len() as u64).to_le_bytes());
                hash.update(text.as_bytes());
                hash.update(n.to_le_bytes());
            }
        }
        hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// Reads a truth file of ours and tells what is seen and what sounds in it.
pub(super) fn kinds_of(track: &TruthTrack) -> (Vec<String>, Vec<String>) {
    let boxed = |s: &&crate::truth::Source| s.moments.iter().any(|m| m.bbox.is_some());
    let seen = || track.sources.iter().filter(boxed);
    let names = |it: Vec<&crate::truth::Source>| it.into_iter().map(|s| s.kind.clone()).collect();
    (names(seen().filter(|s| !s.sounding.is_empty()).collect()), names(seen().collect()))
}

/// A decoded sample or why there is none.
pub type SampleResult = Result<Sample, DataError>;

impl Dataset {
    /// Opens a folder with the reader that knows it.
    ///
    /// # Errors
    /// No reader knows the folder, or its lists cannot be read.
    pub fn open(root: &Path, options: &OpenOptions) -> Result<Self, DataError> {
        super::readers::open(root, options)
    }

    /// Decodes item `i`, its sound at `rate` samples per second. Blocks for the disk and the
    /// decoders; for worker threads.
    ///
    /// # Errors
    /// Names the file and the cause; the item is to be left out then.
    pub fn sample(&self, i: usize, rate: u32) -> SampleResult {
        let item = &self.items[i];
        Ok(Sample { picture: item.load_picture()?, sound: item.load_sound(rate)? })
    }
}

impl Item {
    /// Decodes its picture.
    ///
    /// # Errors
    /// As [`Dataset::sample`].
    pub fn load_picture(&self) -> Result<RgbPicture, DataError> {
        let PictureRef::File(path) = &self.picture;
        super::decode::picture(path)
    }

    /// Decodes its three seconds of sound at `rate` samples per second.
    ///
    /// # Errors
    /// As [`Dataset::sample`].
    pub fn load_sound(&self, rate: u32) -> Result<Vec<f32>, DataError> {
        super::decode::sound(&self.sound, rate)
    }

    /// Its truth on the pixels of a picture of `size`, when it has one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn load_truth(&self) -> Result<Option<TruthTrack>, DataError> {
        match &self.truth {
            Some(TruthRef::Track(path)) => TruthTrack::read(path)
                .map(Some)
                .map_err(|e| DataError::read(path, e.to_string(), "Check the file, or remove it.")),
            _ => Ok(None),
        }
    }
}
