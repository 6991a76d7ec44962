//! Lists of names: which items are taken, which must not be.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::DataError;
use super::dataset::Item;

/// Largest list that is read, in bytes: 144,000 names are below 3 MB.
const MAX_BYTES: u64 = 1 << 28;
/// Endings that lists put behind names.
const ENDINGS: [&str; 9] =
    [".jpg", ".jpeg", ".png", ".wav", ".mp3", ".mp4", ".mkv", ".webm", ".avi"];

/// The names on a list, in its order.
#[derive(Clone, Debug, Default)]
pub struct Roll {
    name: String,
    entries: Vec<Entry>,
    known: BTreeSet<String>,
}

/// One line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The item, or the one whose picture is taken.
    pub name: String,
    /// The item whose sound is put to that picture, where the list pairs them.
    pub sound: Option<String>,
}

impl Roll {
    /// Reads a text file with one name a line, or a CSV whose first column has them. Byte order
    /// marks, either line end, quotes, and a header line `video,audio,label` are understood; the
    /// rows of such a file pair the picture of one item with the sound of another.
    ///
    /// # Errors
    /// The file cannot be read, or holds no name.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let remedy = "Name a text file with one item's name a line.";
        let fail = |cause: String| DataError::read(path, cause, remedy);
        let size = std::fs::metadata(path).map_err(|e| fail(super::error::cause(&e)))?.len();
        if size > MAX_BYTES {
            return Err(fail("it is too large for a list".into()));
        }
        let bytes = std::fs::read(path).map_err(|e| fail(super::error::cause(&e)))?;
        if bytes.contains(&0) {
            return Err(fail("it is no text".into()));
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_start_matches('\u{feff}');
        let mut table = csv::ReaderBuilder::new();
        let mut table = table
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let mut roll = Self { name: shown(path), ..Self::default() };
        let mut pairs = false;
        for row in table.records() {
            let row = row.map_err(|e| fail(format!("it is no list ({e})")))?;
            let cell = |i: usize| row.get(i).unwrap_or_default();
            if roll.entries.is_empty() && cell(0) == "video" && cell(1) == "audio" {
                pairs = true;
                continue;
            }
            let sound = (pairs && !cell(1).is_empty()).then(|| cell(1).to_owned());
            if !cell(0).is_empty() {
                roll.add(cell(0), sound);
            }
        }
        if roll.entries.is_empty() { Err(fail("it holds no name".into())) } else { Ok(roll) }
    }

    /// A list of the set itself: the file `list`, or where there is none of that name
    /// `metadata/LIST.txt` or `.csv` in `root` or beside it.
    ///
    /// # Errors
    /// Neither is there, or it cannot be read.
    pub fn find(root: &Path, list: &Path) -> Result<Self, DataError> {
        Self::read(&find(root, list))
    }

    /// A list of these names, called `name`.
    pub fn of<S: AsRef<str>>(name: &str, names: impl IntoIterator<Item = S>) -> Self {
        let mut roll = Self { name: name.into(), ..Self::default() };
        for n in names {
            roll.add(n.as_ref(), None);
        }
        roll
    }

    fn add(&mut self, name: &str, sound: Option<String>) {
        self.known.insert(plain(name).to_owned());
        self.known.extend(vgg_name(plain(name)));
        self.entries.push(Entry { name: name.to_owned(), sound });
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its lines in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether it names an item: by id, by what the item was cut from, or by another spelling
    /// of a VGG-Sound name.
    pub fn has(&self, item: &Item) -> bool {
        let known = |name: &str| {
            self.known.contains(name) || vgg_name(name).is_some_and(|n| self.known.contains(&n))
        };
        known(&item.id) || known(&item.clip)
    }
}

/// The file that a list's name stands for.
pub(super) fn find(root: &Path, list: &Path) -> PathBuf {
    if list.is_file() || list.components().count() > 1 {
        return list.into();
    }
    let beside = root.parent().unwrap_or(root);
    for dir in [root.join("metadata"), beside.join("metadata"), root.into()] {
        for ending in ["", "txt", "csv"] {
            let mut name = list.as_os_str().to_owned();
            if !ending.is_empty() {
                name.push(".");
                name.push(ending);
            }
            let path = dir.join(name);
            if path.is_file() {
                return path;
            }
        }
    }
    list.into()
}

fn shown(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |n| n.display().to_string())
}

/// A name without the ending of a media file.
pub(super) fn plain(name: &str) -> &str {
    let lower = name.to_ascii_lowercase();
    let ending = ENDINGS.iter().find(|e| lower.len() > e.len() && lower.ends_with(**e));
    ending.map_or(name, |e| &name[..name.len() - e.len()])
}

/// VGG-Sound's name of a clip, `ID_SSSSSS`, from any of its spellings: seconds not padded, or
/// begin and end in milliseconds. The id is the first eleven characters, whatever is in them.
pub(super) fn vgg_name(name: &str) -> Option<String> {
    if !name.is_ascii() || name.len() < 13 {
        return None;
    }
    let (id, rest) = name.split_at(11);
    let is_id = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let numbers: Vec<&str> = rest.strip_prefix('_')?.split('_').collect();
    let number = |s: &str| {
        let digits = !s.is_empty() && s.len() <= 9 && s.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| s.parse::<u32>().ok()).flatten()
    };
    let seconds = match numbers[..] {
        [start] => number(start)?,
        [start, end] => {
            let (start, end) = (number(start)?, number(end)?);
            (end > start && start % 1000 == 0).then_some(start / 1000)?
        }
        _ => return None,
    };
    is_id.then(|| format!("{id}_{seconds:06}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Roll, DataError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list.csv");
        std::fs::write(&path, text).unwrap();
        Roll::read(&path)
    }

    fn names(roll: &Roll) -> Vec<&str> {
        roll.entries().iter().map(|e| e.name.as_str()).collect()
    }

    #[test]
    fn lists_of_all_origins_are_understood() {
        assert_eq!(names(&read(b"b\na\n\n  c \n").unwrap()), ["b", "a", "c"]);
        assert_eq!(names(&read(b"\xef\xbb\xbfb\r\na").unwrap()), ["b", "a"]);
        assert_eq!(
            names(&read(b"10000130166,0\n10007936344,7\n").unwrap()),
            ["10000130166", "10007936344"]
        );
        assert_eq!(names(&read(b"\"a, b\",x\n-c_d,y,z\n").unwrap()), ["a, b", "-c_d"]);
        let roll = read(b"video,audio,label\np,s,non-sounding\nq,q,non-sounding\n").unwrap();
        let sounds: Vec<_> = roll.entries().iter().map(|e| e.sound.as_deref().unwrap()).collect();
        assert_eq!((names(&roll), sounds), (vec!["p", "q"], vec!["s", "q"]));
        for (bytes, word) in [(&b""[..], "no name"), (b"\n\n", "no name"), (b"a\0b", "no text")] {
            assert!(read(bytes).unwrap_err().to_string().contains(word));
        }
        let error = Roll::read(Path::new("/nowhere/list.txt")).unwrap_err().to_string();
        assert!(error.contains("list.txt") && error.contains("not there"), "{error}");
    }

    #[test]
    fn vgg_sound_names_are_one_name_in_all_spellings() {
        let want = Some("gklbB7TYoK4_000030".to_owned());
        for spelling in ["gklbB7TYoK4_000030", "gklbB7TYoK4_30", "gklbB7TYoK4_30000_40000"] {
            assert_eq!(vgg_name(spelling), want, "{spelling}");
        }
        assert_eq!(vgg_name("__under_sco_000005").as_deref(), Some("__under_sco_000005"));
        assert_eq!(vgg_name("-Zk2mNoPq_r_000120").as_deref(), Some("-Zk2mNoPq_r_000120"));
        for other in ["toy7_0000042", "10000130166", "gklbB7TYoK4_30_20", "gklbB7TYoK4_", "é"] {
            assert_eq!(vgg_name(other), None, "{other}");
        }
    }

    #[test]
    fn endings_of_media_files_are_no_part_of_a_name() {
        assert_eq!(plain("3908875357.png"), "3908875357");
        assert_eq!(plain("A.b.WAV"), "A.b");
        assert_eq!(plain(".wav"), ".wav");
        assert_eq!(plain("v1.2"), "v1.2");
    }

    #[test]
    fn a_sets_own_list_is_found_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("set");
        std::fs::create_dir_all(root.join("metadata")).unwrap();
        std::fs::create_dir_all(dir.path().join("metadata")).unwrap();
        std::fs::write(root.join("metadata/train.txt"), "a").unwrap();
        std::fs::write(dir.path().join("metadata/test.csv"), "b,1").unwrap();
        assert_eq!(names(&Roll::find(&root, Path::new("train")).unwrap()), ["a"]);
        assert_eq!(names(&Roll::find(&root, Path::new("test")).unwrap()), ["b"]);
        assert!(Roll::find(&root, Path::new("val")).is_err());
    }
}
