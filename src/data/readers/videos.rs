//! A folder of videos, with or without their truths: each gives a pair every three seconds.

use std::path::Path;

use rayon::prelude::*;

use super::Reader;
use crate::data::DataError;
use crate::data::dataset::{
    Dataset, Item, LeftOut, Moment, OpenOptions, PictureRef, SoundRef, TruthRef,
};
use crate::data::roll::Roll;
use crate::data::walk::walk;
use crate::media::{CancelToken, Clip, MediaSource};
use crate::truth::TruthTrack;
use crate::units::MediaTime;

/// Seconds of sound of a pair, in nanoseconds.
const WINDOW: i64 = 3_000_000_000;
/// Videos shorter than a window by no more than this still fill it: a frame at 30 a second.
const SLACK: i64 = 34_000_000;
/// Endings of videos, which only decide what is looked into: a file is read by its content.
const ENDINGS: &[&str] = &[
    "mp4", "mkv", "webm", "mov", "avi", "m4v", "mpg", "mpeg", "ts", "mts", "m2ts", "wmv", "flv",
    "ogv", "3gp", "mxf", "vob",
];

/// See [`Reader`].
pub(super) const READER: Reader = Reader {
    name: "videos",
    about: "videos in any depth, NAME.truth.json beside them or not",
    detect: |root, _| !walk(root, None, is_video).files.is_empty(),
    open,
};

/// Whether a file is taken for a video by its name.
pub(in crate::data) fn is_video(path: &Path) -> bool {
    let ending = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    ending.is_some_and(|e| ENDINGS.contains(&e.as_str()))
}

/// Middles of the three seconds that follow each other at `every`, as many as fit into `length`;
/// the clip's middle where none does.
pub(in crate::data) fn moments(length: MediaTime, every: MediaTime) -> Vec<MediaTime> {
    let (length, every) = (length.as_nanos(), every.as_nanos().max(1));
    if length < WINDOW - SLACK {
        return vec![MediaTime::from_nanos(length / 2)];
    }
    let fits = (length - WINDOW + SLACK).max(0) / every;
    let at = |k: i64| k.saturating_mul(every).saturating_add(WINDOW / 2).min(length);
    (0..=fits).map(|k| MediaTime::from_nanos(at(k))).collect()
}

/// The name of a clip's pair: its path to the last dot, and when.
fn id_of(clip: &str, time: MediaTime) -> String {
    let millis = time.as_nanos() / 1_000_000;
    format!("{clip}@{}.{:03}", millis / 1000, millis % 1000)
}

fn open(root: &Path, options: &OpenOptions) -> Result<Dataset, DataError> {
    let mut found = walk(root, None, is_video);
    let mut missing = Vec::new();
    if let Some(list) = &options.list {
        let roll = Roll::find(root, list)?;
        let names: Vec<String> = found.files.iter().map(|p| clip_name(p)).collect();
        let wanted: std::collections::BTreeSet<String> =
            roll.entries().iter().map(|e| clip_name(Path::new(&e.name))).collect();
        let known: std::collections::BTreeSet<&String> = names.iter().collect();
        missing = wanted
            .iter()
            .filter(|w| !known.contains(w))
            .map(|w| LeftOut::new(w, "there is no video of that name"))
            .collect();
        let mut kept = names.iter().map(|n| wanted.contains(n));
        found.files.retain(|_| kept.next().unwrap_or(false));
    }
    let items: Vec<Vec<Result<Item, LeftOut>>> =
        found.files.par_iter().map(|p| items_of(root, p)).collect();
    let mut set = Dataset::gathered(root, READER.name, items.into_iter().flatten());
    set.listed += missing.len();
    set.left_out.extend(missing);
    for (path, why) in &found.unread {
        set.notes.push(format!("`{}` cannot be looked into: {why}", path.display()));
    }
    set.notes.push(format!(
        "{} videos, a pair every 3 s; `fnac prepare` makes a folder that is read many times faster",
        found.files.len()
    ));
    Ok(set)
}

/// A path to its last dot, with `/` between folders on every system. A name without an ending of
/// a video is one already.
fn clip_name(path: &Path) -> String {
    let path = if is_video(path) { path.with_extension("") } else { path.into() };
    let parts: Vec<_> = path.components().map(|c| c.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

fn items_of(root: &Path, relative: &Path) -> Vec<Result<Item, LeftOut>> {
    let name = clip_name(relative);
    let path = root.join(relative);
    let left = |why: String| vec![Err(LeftOut::new(&name, why))];
    let source = MediaSource::File(path.clone());
    let clip = match Clip::open(&source, &CancelToken::new()) {
        Ok(clip) => clip,
        Err(e) => return left(e.to_string()),
    };
    let info = clip.info();
    let (Some(index), Some(track)) = (clip.index(), info.default_track()) else {
        let lacks = if clip.index().is_none() { "picture" } else { "sound" };
        return left(format!("it has no {lacks}"));
    };
    let sound_end = info.audio.get(track).map_or(MediaTime::ZERO, |a| a.end);
    let length = index.end().min(sound_end);
    if length <= MediaTime::ZERO {
        return left("its sound ends before its picture begins".into());
    }
    let sidecar = TruthTrack::sidecar(&path);
    let truth = match sidecar.is_file().then(|| TruthTrack::read(&sidecar)) {
        None => None,
        Some(Ok(track)) => Some(track),
        Some(Err(e)) => return left(e.to_string()),
    };
    let item = |time: MediaTime| {
        let picture = PictureRef::Frame { path: path.clone(), time };
        let sound = SoundRef { path: path.clone(), moment: Moment::Around(time) };
        let mut item = Item::new(id_of(&name, time), picture, sound);
        item.clip.clone_from(&name);
        if let Some(track) = &truth {
            item.describe(track);
            item.truth = Some(TruthRef::Track(sidecar.clone()));
        }
        Ok(item)
    };
    moments(length, MediaTime::from_nanos(WINDOW)).into_iter().map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_each_other_and_fit() {
        let at = |secs: f64, every: f64| {
            let s = MediaTime::from_secs_f64;
            moments(s(secs), s(every)).iter().map(|t| t.as_secs_f64()).collect::<Vec<_>>()
        };
        assert_eq!(at(10.0, 3.0), [1.5, 4.5, 7.5]);
        assert_eq!(at(9.0, 3.0), [1.5, 4.5, 7.5]);
        assert_eq!(at(8.98, 3.0), [1.5, 4.5, 7.5], "a frame less is not a window less");
        assert_eq!(at(8.9, 3.0), [1.5, 4.5]);
        assert_eq!(at(10.0, 2.5), [1.5, 4.0, 6.5]);
        assert_eq!(at(3.0, 3.0), [1.5]);
        assert_eq!(at(1.0, 3.0), [0.5]);
        assert_eq!(at(2.98, 3.0), [1.5]);
    }

    #[test]
    fn names_tell_the_clip_and_the_time() {
        let name = clip_name(Path::new("a b/clip.v2.MP4"));
        assert_eq!(name, "a b/clip.v2");
        assert_eq!(clip_name(Path::new("clip.v2")), "clip.v2");
        assert_eq!(id_of(&name, MediaTime::from_millis(4_500)), "a b/clip.v2@4.500");
    }
}
