//! From paths to what is played: files, pairs, folders, checkpoints.

use std::path::{Path, PathBuf};

use super::dialogs::{PICTURE, SOUND, VIDEO, WEIGHTS};
use crate::media::MediaSource;

/// What a path seems to be, by its name alone; opening it tells the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything that is played.
    Clip,
    /// A sound that may belong to a picture.
    Sound,
    /// A picture that may have a sound.
    Picture,
    /// Weights.
    Checkpoint,
    /// What is true in a clip: `NAME.truth.json`.
    Truth,
}

/// Kind by suffix; an unknown one is a clip, since FFmpeg looks into the file.
pub fn kind_of(path: &Path) -> Kind {
    let ext =
        path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let is = |list: &[&str]| list.contains(&ext.as_str());
    if crate::truth::TruthTrack::is_truth_file(path) {
        Kind::Truth
    } else if is(WEIGHTS) {
        Kind::Checkpoint
    } else if is(SOUND) {
        Kind::Sound
    } else if is(PICTURE) {
        Kind::Picture
    } else {
        Kind::Clip
    }
}

/// What a set of dropped, typed or picked paths means.
#[derive(Debug, Default)]
pub struct Opened {
    /// Items to play, in order.
    pub items: Vec<MediaSource>,
    /// Weights to load.
    pub checkpoints: Vec<PathBuf>,
    /// Truth of a clip.
    pub truths: Vec<PathBuf>,
    /// What cannot be used, each with the cause and what to do.
    pub refused: Vec<String>,
}

/// Sorts `paths` out. Folders give all playable files directly in them, in natural order; a
/// picture and a sound of the same name in a folder are one item, and so are one picture and one
/// sound given together.
pub fn sort_out(paths: &[PathBuf]) -> Opened {
    let mut out = Opened::default();
    let mut loose: Vec<PathBuf> = Vec::new();
    for path in paths {
        match std::fs::metadata(path) {
            Err(e) => out.refused.push(format!("cannot open {}: {}", path.display(), cause(&e))),
            Ok(m) if m.is_dir() => match folder(path) {
                Err(e) => out.refused.push(format!(
                    "cannot read the folder {}: {}",
                    path.display(),
                    cause(&e)
                )),
                Ok(items) if items.is_empty() => {
                    out.refused.push(format!("no video, sound or picture in {}", path.display()));
                }
                Ok(items) => out.items.extend(items),
            },
            Ok(_) if kind_of(path) == Kind::Checkpoint => out.checkpoints.push(path.clone()),
            Ok(_) if kind_of(path) == Kind::Truth => out.truths.push(path.clone()),
            Ok(_) => loose.push(path.clone()),
        }
    }
    if let [a, b] = loose.as_slice() {
        let pair = match (kind_of(a), kind_of(b)) {
            (Kind::Picture, Kind::Sound) => Some((a, b)),
            (Kind::Sound, Kind::Picture) => Some((b, a)),
            _ => None,
        };
        if let Some((picture, audio)) = pair {
            out.items.push(MediaSource::Pair { picture: picture.clone(), audio: audio.clone() });
            return out;
        }
    }
    out.items.extend(loose.into_iter().map(MediaSource::File));
    out
}

/// An I/O error in plain words.
fn cause(e: &std::io::Error) -> String {
    match e.kind() {
        std::io::ErrorKind::NotFound => "there is no such file. Check the path".into(),
        std::io::ErrorKind::PermissionDenied => "it may not be read. Check its permissions".into(),
        _ => e.to_string(),
    }
}

fn folder(dir: &Path) -> std::io::Result<Vec<MediaSource>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)?
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.is_file())
        .collect();
    files.sort_by_key(|p| natural_key(&p.file_name().unwrap_or_default().to_string_lossy()));
    let known = |p: &Path| {
        let ext =
            p.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        VIDEO.contains(&ext.as_str()) || matches!(kind_of(p), Kind::Sound | Kind::Picture)
    };
    files.retain(|p| known(p));
    let partner = |p: &Path, kind: Kind| {
        files.iter().find(|q| q.file_stem() == p.file_stem() && kind_of(q) == kind).cloned()
    };
    let items = files.iter().filter_map(|p| match kind_of(p) {
        Kind::Picture => Some(match partner(p, Kind::Sound) {
            Some(audio) => MediaSource::Pair { picture: p.clone(), audio },
            None => MediaSource::File(p.clone()),
        }),
        // Already there with its picture.
        Kind::Sound if partner(p, Kind::Picture).is_some() => None,
        _ => Some(MediaSource::File(p.clone())),
    });
    Ok(items.collect())
}

/// Sorts `clip2` before `clip10`, without regard to case.
fn natural_key(name: &str) -> Vec<(u128, String)> {
    let mut key = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text_end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (text, tail) = rest.split_at(text_end);
        let digits_end = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        let (digits, tail) = tail.split_at(digits_end);
        key.push((0, text.to_lowercase()));
        key.push((digits.parse().unwrap_or(u128::MAX), String::new()));
        rest = tail;
    }
    key
}

/// The files of an item, for recent lists and labels.
pub fn main_path(source: &MediaSource) -> &Path {
    match source {
        MediaSource::File(p) | MediaSource::Pair { picture: p, .. } => p,
    }
}

/// Items that play one after the other.
#[derive(Debug, Default)]
pub struct Playlist {
    items: Vec<MediaSource>,
    at: usize,
}

impl Playlist {
    /// Replaces everything.
    pub fn set(&mut self, items: Vec<MediaSource>) {
        self.items = items;
        self.at = 0;
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// All, in order.
    pub fn items(&self) -> &[MediaSource] {
        &self.items
    }

    /// Number of the present one.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The present one.
    pub fn current(&self) -> Option<&MediaSource> {
        self.items.get(self.at)
    }

    /// Goes `by` items on (or back), round the end; the new present one.
    pub fn step(&mut self, by: isize) -> Option<&MediaSource> {
        let n = isize::try_from(self.items.len()).ok().filter(|n| *n > 0)?;
        let at = (isize::try_from(self.at).unwrap_or(0) + by).rem_euclid(n);
        self.at = usize::try_from(at).unwrap_or(0);
        self.current()
    }

    /// Goes to item `at`.
    pub fn go(&mut self, at: usize) -> Option<&MediaSource> {
        if at < self.items.len() {
            self.at = at;
        }
        self.current()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_a_playlist_in_natural_order_with_pairs() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["clip10.mp4", "Clip2.mp4", "notes.txt", "dog.jpg", "dog.wav", "alone.wav"] {
            std::fs::write(dir.path().join(name), b"x").unwrap();
        }
        let opened = sort_out(&[dir.path().to_owned()]);
        let names: Vec<_> =
            opened.items.iter().map(|s| super::super::view::file_label(main_path(s))).collect();
        assert_eq!(names, ["alone.wav", "Clip2.mp4", "clip10.mp4", "dog.jpg"]);
        assert!(matches!(opened.items[3], MediaSource::Pair { .. }));
    }

    #[test]
    fn a_picture_and_a_sound_given_together_are_one_item_and_weights_are_weights() {
        let dir = tempfile::tempdir().unwrap();
        let path = |n: &str| {
            let p = dir.path().join(n);
            std::fs::write(&p, b"x").unwrap();
            p
        };
        let opened = sort_out(&[path("a.wav"), path("b.png"), path("m.pth")]);
        assert_eq!(opened.items.len(), 1);
        assert_eq!(opened.checkpoints.len(), 1);
    }

    #[test]
    fn truth_is_no_item_of_a_playlist() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.mp4", "a.truth.json"] {
            std::fs::write(dir.path().join(name), b"x").unwrap();
        }
        let opened = sort_out(&[dir.path().join("a.mp4"), dir.path().join("a.truth.json")]);
        assert_eq!((opened.items.len(), opened.truths.len()), (1, 1));
        let folder = sort_out(&[dir.path().to_owned()]);
        assert_eq!((folder.items.len(), folder.truths.len()), (1, 0), "it lies beside its clip");
    }

    #[test]
    fn what_is_not_there_is_refused_with_its_name_and_an_empty_folder_too() {
        let dir = tempfile::tempdir().unwrap();
        let opened = sort_out(&["/no/such/x.mp4".into(), dir.path().to_owned()]);
        assert!(opened.items.is_empty());
        assert!(
            opened.refused[0].contains("/no/such/x.mp4")
                && opened.refused[0].contains("no such file")
        );
        assert!(opened.refused[1].contains("no video"));
    }

    #[test]
    fn the_playlist_goes_round() {
        let mut p = Playlist::default();
        assert!(p.step(1).is_none());
        p.set((0..3).map(|i| MediaSource::File(format!("{i}").into())).collect());
        p.step(-1);
        assert_eq!(p.at(), 2);
        p.step(2);
        assert_eq!(p.at(), 1);
    }
}
