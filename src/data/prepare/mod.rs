//! From a folder of videos to a folder of pairs: a picture and three seconds of sound, cut out
//! once and read many times.
//!
//! Every video is cut on its own and says in `videos/NAME.json`, written after its pairs, what was
//! cut from it; so a run that was stopped or killed goes on where it was, and gives the same bytes.
//! `prepare.json` says what the folder was made from: it is never mixed with another run.

mod cut;
mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use self::plan::{How, PrepareOptions};

use super::error::cause;
use super::walk::walk;
use super::whole::{make_folder, write_synced};
use super::world::{FolderLock, remove_parts, something_in};
use super::{DataError, PictureFormat};
use crate::units::MediaTime;

/// `format` of `prepare.json`.
const FORMAT: &str = "fnac-prepare";
/// Raised when the same video and options give other pairs than before.
const VERSION: u32 = 1;
/// Its name in the folder.
const NAME: &str = "prepare.json";
/// Largest file that is read as JSON, in bytes.
const MAX_BYTES: u64 = 1 << 26;

/// What a folder was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PrepareFile {
    format: String,
    version: u32,
    /// The program that began the folder; not compared.
    program: String,
    /// The folder of videos.
    source: String,
    /// Options by their name on the command line.
    options: BTreeMap<String, String>,
}

/// One pair that was cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// Its name.
    pub name: String,
    /// When, in nanoseconds from the clip's start.
    pub time: i64,
    /// Number of the frame that is on show then.
    pub frame: u32,
    /// When that frame begins, in nanoseconds.
    pub frame_time: i64,
    /// Size of the picture.
    pub size: (u32, u32),
    /// Samples of the sound; fewer than three seconds where the video has no more.
    pub samples: usize,
}

/// What was cut from one video.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The video, from the folder of videos.
    pub source: String,
    /// Its size in bytes: a file that changed is cut again.
    pub bytes: u64,
    /// The pairs in order of time.
    pub pairs: Vec<Prepared>,
    /// What could not be cut, and why.
    pub left_out: Vec<String>,
}

/// A run over a folder of videos.
#[derive(Debug)]
pub struct Prepare {
    source: PathBuf,
    out: PathBuf,
    options: PrepareOptions,
    /// Videos by their path from the folder, with the names that their pairs begin with.
    videos: Vec<(PathBuf, String)>,
    /// Folders that may not be looked into, with the cause.
    pub unread: Vec<(PathBuf, String)>,
}

impl Prepare {
    /// Finds the videos in any depth of `source`; `out` may lie inside it.
    ///
    /// # Errors
    /// No such folder, or no video in it.
    pub fn plan(source: &Path, out: &Path, options: PrepareOptions) -> Result<Self, DataError> {
        let remedy = "Name a folder with videos in it.";
        let fail = |why: &str| DataError::read(source, why, remedy);
        let meta = std::fs::metadata(source).map_err(|e| fail(&cause(&e)))?;
        if !meta.is_dir() {
            return Err(fail("it is a file, not a folder"));
        }
        let found = walk(source, Some(out), super::readers::is_video);
        if found.files.is_empty() {
            return Err(fail("there is no video in it, in any depth"));
        }
        let videos = plan::names(found.files);
        let (source, out) = (source.to_path_buf(), out.to_path_buf());
        Ok(Self { source, out, options, videos, unread: found.unread })
    }

    /// Number of videos.
    pub fn len(&self) -> u64 {
        self.videos.len() as u64
    }

    /// Whether there is none; never so after [`Self::plan`].
    pub fn is_empty(&self) -> bool {
        self.videos.is_empty()
    }

    /// A video's path from the folder of videos.
    pub fn video(&self, i: u64) -> String {
        let video = usize::try_from(i).ok().and_then(|i| self.videos.get(i));
        video.map_or_else(String::new, |(path, _)| plan::slashed(path))
    }

    fn file(&self) -> PrepareFile {
        let source = self.source.canonicalize().unwrap_or_else(|_| self.source.clone());
        PrepareFile {
            format: FORMAT.into(),
            version: VERSION,
            program: format!("fnac {}", env!("CARGO_PKG_VERSION")),
            source: source.display().to_string(),
            options: self.options.table(),
        }
    }

    /// Makes the folder this run's: makes it where it is not there, takes it where it was made
    /// from the same videos with the same options, and locks it until the lock is dropped.
    ///
    /// # Errors
    /// Made otherwise, other things in it, another run at work, unwritable.
    pub fn claim(&self) -> Result<FolderLock, DataError> {
        let out = &self.out;
        let refuse = |difference: String, remedy: &str| DataError::Folder {
            folder: out.display().to_string(),
            difference,
            remedy: remedy.into(),
        };
        make_folder(out)?;
        let lock = FolderLock::take(out)
            .ok_or_else(|| refuse("is being written by another fnac".into(), "Wait for it."))?;
        let path = out.join(NAME);
        let mine = self.file();
        if path.exists() {
            let there = read_json::<PrepareFile>(&path).map_err(|why| {
                DataError::read(&path, why, "Choose another folder, or remove this one.")
            })?;
            if let Some(difference) = mine.difference(&there) {
                let remedy = "Go on with the same options, or choose another folder.";
                return Err(refuse(difference, remedy));
            }
            remove_parts(out);
        } else {
            if let Some(name) = something_in(out)? {
                let difference = format!("holds `{name}` but no {NAME}");
                return Err(refuse(difference, "Choose a folder that is new or empty."));
            }
            write_synced(&path, &to_json(&mine, &path)?)?;
        }
        for folder in ["frames", "audio", "videos", "metadata"] {
            make_folder(&out.join(folder))?;
        }
        Ok(lock)
    }

    fn record_path(&self, name: &str) -> PathBuf {
        self.out.join("videos").join(format!("{name}.json"))
    }

    /// What an earlier run cut from video `i`, when all of it is there and whole.
    pub fn kept(&self, i: u64) -> Option<Record> {
        let (path, name) = self.videos.get(usize::try_from(i).ok()?)?;
        let record: Record = read_json(&self.record_path(name)).ok()?;
        let bytes = std::fs::metadata(self.source.join(path)).ok()?.len();
        let same = record.source == plan::slashed(path) && record.bytes == bytes;
        (same && self.is_whole(&record)).then_some(record)
    }

    fn is_whole(&self, record: &Record) -> bool {
        record.pairs.iter().all(|p| {
            self.options.pictures.is_whole(&self.frame(&p.name), p.size)
                && super::pairs::wav_is_whole(&self.audio(&p.name), self.options.rate, p.samples)
        })
    }

    fn frame(&self, name: &str) -> PathBuf {
        self.out.join("frames").join(format!("{name}.{}", self.options.pictures.ending()))
    }

    fn audio(&self, name: &str) -> PathBuf {
        self.out.join("audio").join(format!("{name}.wav"))
    }

    /// Writes the lists of all that is there, of earlier runs too: `metadata/all.txt`,
    /// `manifest.csv` with each pair's video and time, `left-out.csv`. Gives the number of pairs
    /// and of videos that they come from.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write_lists(&self, failed: &BTreeMap<u64, String>) -> Result<(usize, usize), DataError> {
        let mut records = Vec::new();
        let dir = self.out.join("videos");
        let fail = |e: std::io::Error| DataError::read(&dir, cause(&e), "Check its rights.");
        for entry in std::fs::read_dir(&dir).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            if let Ok(record) = read_json::<Record>(&path)
                && self.is_whole(&record)
            {
                records.push(record);
            }
        }
        let mut rows: Vec<(&Prepared, &str)> = records
            .iter()
            .flat_map(|r| r.pairs.iter().map(move |p| (p, r.source.as_str())))
            .collect();
        rows.sort_by(|a, b| a.0.name.cmp(&b.0.name));
        let metadata = self.out.join("metadata");
        let names: Vec<&str> = rows.iter().map(|(p, _)| p.name.as_str()).collect();
        write_synced(&metadata.join("all.txt"), names.join("\n").as_bytes())?;

        let mut table = Table::new(&["name", "source", "seconds", "frame", "frame_seconds"]);
        for (pair, source) in &rows {
            let secs = |nanos: i64| format!("{:.6}", MediaTime::from_nanos(nanos).as_secs_f64());
            let (at, frame_at) = (secs(pair.time), secs(pair.frame_time));
            table.row(&[&pair.name, source, &at, &pair.frame.to_string(), &frame_at]);
        }
        table.write(&metadata.join("manifest.csv"))?;

        let mut lines: BTreeSet<(String, String)> =
            failed.iter().map(|(i, why)| (self.video(*i), why.clone())).collect();
        for r in &records {
            lines.extend(r.left_out.iter().map(|why| (r.source.clone(), why.clone())));
        }
        let mut table = Table::new(&["source", "reason"]);
        for (source, why) in &lines {
            table.row(&[source, why]);
        }
        table.write(&metadata.join("left-out.csv"))?;
        let sources = records.iter().filter(|r| !r.pairs.is_empty()).count();
        Ok((rows.len(), sources))
    }
}

impl PrepareFile {
    /// What makes the pairs of `self` others than those of `there`, in words.
    fn difference(&self, there: &Self) -> Option<String> {
        if self.format != there.format {
            return Some(format!("holds a {NAME} of another program"));
        }
        if self.version != there.version {
            return Some(format!("was made by {}, which cut other pairs", there.program));
        }
        if self.source != there.source {
            return Some(format!(
                "was made from `{}`, now it would be `{}`",
                there.source, self.source
            ));
        }
        let names = there.options.keys().chain(self.options.keys());
        names.into_iter().find_map(|name| {
            let text =
                |f: &Self| f.options.get(name).map_or("not given", |v| v.as_str()).to_owned();
            let (was, is) = (text(there), text(self));
            (was != is).then(|| format!("was made with --{name} {was}, now it is {is}"))
        })
    }
}

/// A CSV in memory.
struct Table(csv::Writer<Vec<u8>>);

impl Table {
    fn new(header: &[&str]) -> Self {
        let mut table = Self(csv::Writer::from_writer(Vec::new()));
        table.row(header);
        table
    }

    fn row(&mut self, cells: &[&str]) {
        // Memory takes every row; an unequal number of cells would be the only error.
        self.0.write_record(cells).ok();
    }

    fn write(self, path: &Path) -> Result<(), DataError> {
        let bytes = self
            .0
            .into_inner()
            .map_err(|e| DataError::write(path, &std::io::Error::other(e.error().to_string())))?;
        write_synced(path, &bytes)
    }
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, String> {
    let size = std::fs::metadata(path).map_err(|e| cause(&e))?.len();
    if size > MAX_BYTES {
        return Err("it is too large for one".into());
    }
    let bytes = std::fs::read(path).map_err(|e| cause(&e))?;
    serde_json::from_slice(&bytes).map_err(|e| format!("it is none of ours ({e})"))
}

fn to_json<T: Serialize>(value: &T, path: &Path) -> Result<Vec<u8>, DataError> {
    let mut text = serde_json::to_vec_pretty(value)
        .map_err(|e| DataError::write(path, &std::io::Error::other(e)))?;
    text.push(b'\n');
    Ok(text)
}

/// Of a folder that `fnac prepare` made: the video that each pair was cut from. Empty for others.
pub(super) fn clips_of(root: &Path) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    if !root.join(NAME).is_file() {
        return out;
    }
    if let Ok(mut table) = csv::Reader::from_path(root.join("metadata/manifest.csv")) {
        for row in table.records().flatten() {
            if let (Some(name), Some(source)) = (row.get(0), row.get(1)) {
                out.insert(name.to_owned(), source.to_owned());
            }
        }
    }
    out
}

impl PrepareOptions {
    /// The options that decide what is cut, by their names on the command line.
    fn table(&self) -> BTreeMap<String, String> {
        let pictures = match self.pictures {
            PictureFormat::Png => "png",
            PictureFormat::Jpg => "jpg",
        };
        let (how, value) = match self.how {
            How::Every(t) => ("every", format!("{}", t.as_secs_f64())),
            How::PerVideo(n) => ("per-video", n.to_string()),
        };
        let table = [
            (how, value),
            ("rate", self.rate.to_string()),
            ("size", self.size.to_string()),
            ("pictures", pictures.to_owned()),
        ];
        table.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
    }
}
