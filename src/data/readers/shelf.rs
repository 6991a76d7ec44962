//! The pictures and the sounds of a folder by name, however they are spelled and sorted away.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::data::DataError;
use crate::data::error::cause;
use crate::data::roll::{plain, vgg_name};

/// Endings of pictures, the preferred first where one name has two.
pub(super) const PICTURES: &[&str] = &["jpg", "jpeg", "png"];
/// Endings of sounds, likewise.
pub(super) const SOUNDS: &[&str] =
    &["wav", "flac", "mp3", "m4a", "aac", "ogg", "oga", "opus", "aif", "aiff", "wma", "mp4"];
/// Names that folders of pictures and of sounds go by.
const PICTURE_FOLDERS: &[&str] = &["frames", "images"];
const SOUND_FOLDERS: &[&str] = &["audio", "audio_wav", "sounds"];
/// The official extraction's middle picture of a clip that has a folder of its own.
const MIDDLE: &str = "image_050";

/// Files of one kind by name: to the last dot, endings in any case, in the folder itself or one
/// level deeper. Hidden files are passed over.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    by_name: BTreeMap<String, PathBuf>,
    /// VGG-Sound's name to the one on the disk.
    vgg: BTreeMap<String, String>,
    /// Folders inside, by name: a clip's pictures in order.
    folders: BTreeMap<String, Vec<PathBuf>>,
    /// Names that have two files, of which one is taken.
    pub doubled: usize,
}

impl Shelf {
    /// Reads a folder.
    pub fn read(dir: &Path, endings: &[&str]) -> Result<Self, DataError> {
        let mut found: Vec<(String, String, usize, PathBuf)> = Vec::new();
        for (name, path) in entries(dir)? {
            if path.is_dir() {
                // A link that leads back to the folder itself holds nothing new.
                if path.is_symlink() && path.canonicalize().ok() == dir.canonicalize().ok() {
                    continue;
                }
                // A folder that may not be read has no files for us.
                for (inner, file) in entries(&path).unwrap_or_default() {
                    if let Some((stem, rank)) = named(&inner, endings) {
                        found.push((stem, name.clone(), rank, file));
                    }
                }
            } else if let Some((stem, rank)) = named(&name, endings) {
                found.push((stem, String::new(), rank, path));
            }
        }
        found.sort();
        let mut shelf = Self::default();
        for (_, folder, _, path) in &found {
            if !folder.is_empty() {
                shelf.folders.entry(folder.clone()).or_default().push(path.clone());
            }
        }
        // The same name twice in one folder: the preferred ending.
        let before = found.len();
        found.dedup_by(|later, first| later.0 == first.0 && later.1 == first.1);
        shelf.doubled = before - found.len();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for (stem, ..) in &found {
            *places.entry(stem).or_default() += 1;
        }
        for (stem, folder, _, path) in &found {
            // The same name in two folders: two items.
            let alone = folder.is_empty() || places.get(stem.as_str()) == Some(&1);
            let name = if alone { stem.clone() } else { format!("{folder}/{stem}") };
            if let Some(vgg) = vgg_name(stem) {
                shelf.vgg.entry(vgg).or_insert_with(|| name.clone());
            }
            shelf.by_name.insert(name, path.clone());
        }
        Ok(shelf)
    }

    /// The name on the disk and the file that a list's name stands for.
    pub fn get(&self, name: &str) -> Option<(&str, &Path)> {
        let exact = |n: &str| self.by_name.get_key_value(n).map(|(n, p)| (n.as_str(), p.as_path()));
        exact(name).or_else(|| exact(plain(name))).or_else(|| {
            let vgg = self.vgg.get(&vgg_name(plain(name))?)?;
            exact(vgg)
        })
    }

    /// The middle picture of the folder of that name: the official extraction's, where it is
    /// one.
    pub fn middle_of(&self, folder: &str) -> Option<&Path> {
        let pictures = self.folders.get(folder)?;
        let official = pictures.iter().find(|p| p.file_stem().is_some_and(|s| s == MIDDLE));
        official.or_else(|| pictures.get(pictures.len() / 2)).map(PathBuf::as_path)
    }

    /// Whether there is a folder of that name inside.
    fn has_folder(&self, name: &str) -> bool {
        self.folders.contains_key(name)
    }

    /// All names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

/// Visible entries of a folder.
fn entries(dir: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    let fail = |e: std::io::Error| {
        DataError::read(dir, cause(&e), "Check that the folder is there and may be read.")
    };
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            out.push((name, path));
        }
    }
    Ok(out)
}

/// The name of a file to its last dot, and the place of its ending in the list.
fn named(file: &str, endings: &[&str]) -> Option<(String, usize)> {
    let (stem, ending) = file.rsplit_once('.')?;
    let ending = ending.to_ascii_lowercase();
    let rank = endings.iter().position(|e| *e == ending)?;
    (!stem.is_empty()).then(|| (stem.to_owned(), rank))
}

/// The pictures and the sounds of a set.
#[derive(Debug, Default)]
pub(super) struct Shelves {
    pub pictures: Shelf,
    pub sounds: Shelf,
}

impl Shelves {
    /// `frames/` and `audio/`, or both kinds in the folder itself.
    pub fn read(root: &Path) -> Result<Self, DataError> {
        let (pictures, sounds) = (folder_of(root, PICTURE_FOLDERS), folder_of(root, SOUND_FOLDERS));
        let (pictures, sounds) = match (pictures, sounds) {
            (Some(p), Some(s)) => (p, s),
            (None, None) => (root.into(), root.into()),
            (Some(_), None) => return Err(lacks(root, SOUND_FOLDERS, "sounds")),
            (None, Some(_)) => return Err(lacks(root, PICTURE_FOLDERS, "pictures")),
        };
        Ok(Self {
            pictures: Shelf::read(&pictures, PICTURES)?,
            sounds: Shelf::read(&sounds, SOUNDS)?,
        })
    }

    /// Whether a folder has both sub-folders.
    pub fn are_in(root: &Path) -> bool {
        folder_of(root, PICTURE_FOLDERS).is_some() && folder_of(root, SOUND_FOLDERS).is_some()
    }

    /// Whether a folder holds a picture and a sound of the same name.
    pub fn are_loose_in(root: &Path) -> bool {
        let Ok(all) = entries(root) else { return false };
        let of = |endings: &[&str]| {
            let named = all.iter().filter_map(|(n, _)| named(n, endings).map(|(stem, _)| stem));
            named.collect::<std::collections::BTreeSet<_>>()
        };
        // A video is no loose sound.
        !of(PICTURES).is_disjoint(&of(&SOUNDS[..SOUNDS.len() - 1]))
    }

    /// The file of a picture, or the middle one of its folder.
    pub fn picture(&self, name: &str) -> Option<(&str, &Path)> {
        let folder = |n: &'_ str| {
            let (sound, _) = self.sounds.get(n)?;
            Some((sound, self.pictures.middle_of(sound)?))
        };
        self.pictures.get(name).or_else(|| folder(name))
    }

    /// Every name that a picture or a sound has, in order.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.sounds.names().map(str::to_owned).collect();
        let of_a_clip = |path: &Path| {
            let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
            let folder = folder.to_string_lossy();
            self.pictures.has_folder(&folder) && self.sounds.get(&folder).is_some()
        };
        let pictures = self.pictures.by_name.iter().filter(|(_, p)| !of_a_clip(p));
        names.extend(pictures.map(|(n, _)| n.clone()));
        names.sort_unstable();
        names.dedup();
        names
    }
}

fn folder_of(root: &Path, names: &[&str]) -> Option<PathBuf> {
    names.iter().map(|n| root.join(n)).find(|p| p.is_dir())
}

fn lacks(root: &Path, names: &[&str], what: &str) -> DataError {
    let first = names.first().unwrap_or(&"");
    let cause = format!("it has no folder `{first}`");
    DataError::read(root, cause, &format!("Put the {what} into `{first}` inside it."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for f in files {
            let path = dir.path().join(f);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"x").unwrap();
        }
        dir
    }

    fn file<'a>(found: Option<(&'a str, &'a Path)>) -> Option<String> {
        found.map(|(_, p)| p.file_name().unwrap().to_string_lossy().into_owned())
    }

    #[test]
    fn names_are_found_however_they_are_spelled() {
        let dir = tree(&[
            "a.JPG",
            "b.jpeg",
            "c.d.e.png",
            "-f.png",
            "g.png",
            "g.jpg",
            ".hidden.png",
            "h.txt",
            "gklbB7TYoK4_30000_40000.png",
            "dog barking/i.png",
            "no ending",
        ]);
        let shelf = Shelf::read(dir.path(), PICTURES).unwrap();
        for (name, want) in [
            ("a", "a.JPG"),
            ("a.png", "a.JPG"),
            ("c.d.e", "c.d.e.png"),
            ("-f", "-f.png"),
            ("g", "g.jpg"),
            ("i", "i.png"),
            ("gklbB7TYoK4_000030", "gklbB7TYoK4_30000_40000.png"),
        ] {
            assert_eq!(file(shelf.get(name)).as_deref(), Some(want), "{name}");
        }
        assert!(shelf.get(".hidden").is_none() && shelf.get("h").is_none());
        assert_eq!((shelf.doubled, shelf.names().count()), (1, 7));
    }

    #[test]
    fn a_clip_with_a_folder_of_pictures_gives_its_middle_one() {
        let dir = tree(&[
            "frames/a/001.jpg",
            "frames/a/002.jpg",
            "frames/a/003.jpg",
            "frames/b/image_049.jpg",
            "frames/b/image_050.jpg",
            "frames/b/image_051.jpg",
            "frames/b/image_052.jpg",
            "frames/c.jpg",
            "audio/a.wav",
            "audio/b.wav",
            "audio/c.wav",
            "audio/d.wav",
        ]);
        let shelves = Shelves::read(dir.path()).unwrap();
        assert_eq!(shelves.names(), ["a", "b", "c", "d"]);
        let picture = |n| file(shelves.picture(n));
        assert_eq!(picture("a").as_deref(), Some("002.jpg"));
        assert_eq!(picture("b").as_deref(), Some("image_050.jpg"));
        assert_eq!((picture("c").as_deref(), picture("d")), (Some("c.jpg"), None));
    }

    #[test]
    fn the_same_name_in_two_folders_is_two_items() {
        let dir = tree(&[
            "frames/dog/1.jpg",
            "frames/cat/1.jpg",
            "frames/cat/2.jpg",
            "audio/dog/1.wav",
            "audio/cat/1.wav",
            "audio/cat/2.wav",
        ]);
        let shelves = Shelves::read(dir.path()).unwrap();
        assert_eq!(shelves.names(), ["2", "cat/1", "dog/1"]);
        assert!(shelves.names().iter().all(|n| shelves.picture(n).is_some()));
    }

    #[test]
    fn loose_pairs_are_told_from_other_folders() {
        assert!(Shelves::are_loose_in(tree(&["a.jpg", "a.wav"]).path()));
        for other in [&["a.jpg", "b.wav"][..], &["a.jpg", "a.mp4"], &["a.wav"], &[]] {
            assert!(!Shelves::are_loose_in(tree(other).path()), "{other:?}");
        }
        let dir = tree(&["frames/a.jpg"]);
        let error = Shelves::read(dir.path()).unwrap_err().to_string();
        assert!(error.contains("no folder `audio`"), "{error}");
    }
}
