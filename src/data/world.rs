//! `world.json`: what a folder was made from.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::DataError;
use super::error::cause;
use super::whole::{make_folder, write_synced};
use crate::truth::TruthTrack;

/// `format` of every `world.json`; the sign by which a folder is known as one of ours.
const FORMAT: &str = "fnac-world";
/// Version of the layout. Raised when a reader must behave differently.
const VERSION: u32 = 1;
/// Raised when the same seed and options give other items than before.
const DRAWING: u32 = 1;
/// Its name in the folder.
const NAME: &str = "world.json";
/// Largest file that is taken for one.
const MAX_BYTES: u64 = 1 << 20;

/// What the items of a folder are functions of, besides their index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorldFile {
    format: String,
    version: u32,
    drawing: u32,
    /// The program that began the folder; not compared.
    program: String,
    /// `pairs`, `videos` or `avsbench`.
    pub content: String,
    /// The seed.
    pub seed: u64,
    /// Options by their name on the command line, values as they would be typed.
    pub options: BTreeMap<String, String>,
    /// `drawn`, or `cut-outs SHA256` of the folder's usable files.
    pub library: String,
    /// Names of the kinds, in the library's order.
    pub kinds: Vec<String>,
    /// Number of whole items when the last run ended.
    pub items: u64,
}

impl WorldFile {
    /// A folder that is about to be made.
    pub fn new(
        content: &str,
        seed: u64,
        options: BTreeMap<String, String>,
        library: String,
        kinds: Vec<String>,
    ) -> Self {
        Self {
            format: FORMAT.into(),
            version: VERSION,
            drawing: DRAWING,
            program: format!("fnac {}", env!("CARGO_PKG_VERSION")),
            content: content.into(),
            seed,
            options,
            library,
            kinds,
            items: 0,
        }
    }

    /// Reads the file of a folder; `None` where there is none.
    ///
    /// Errors: unreadable, not of this format, of a later version.
    pub fn read(folder: &Path) -> Result<Option<Self>, DataError> {
        let path = folder.join(NAME);
        let remedy = "Choose another folder, or remove the file if the folder is no longer needed.";
        let fail = |cause: String| DataError::read(&path, cause, remedy);
        match std::fs::metadata(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(fail(cause(&e))),
            Ok(m) if m.len() > MAX_BYTES => return Err(fail("it is too large for one".into())),
            Ok(_) => {}
        }
        let bytes = std::fs::read(&path).map_err(|e| fail(cause(&e)))?;
        let value: serde_json::Value =
            serde_json::from_slice(&bytes).map_err(|e| fail(format!("it is not JSON ({e})")))?;
        if value.get("format").and_then(|f| f.as_str()) != Some(FORMAT) {
            return Err(fail(format!("its \"format\" is not \"{FORMAT}\"")));
        }
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(v) if v <= u64::from(VERSION) => {}
            v => {
                let v = v.map_or("none".to_owned(), |v| v.to_string());
                return Err(fail(format!("its version is {v}, this program knows {VERSION}")));
            }
        }
        serde_json::from_value(value).map(Some).map_err(|e| fail(e.to_string()))
    }

    /// What makes the items of `self` others than those of `there`, in words; `None` when
    /// nothing does.
    pub fn difference(&self, there: &Self) -> Option<String> {
        let changed = |what: &str, was: &str, is: &str| {
            Some(format!("was made with {what} {was}, now it is {is}"))
        };
        if self.content != there.content {
            return Some(format!("holds {}, now it would be {}", there.content, self.content));
        }
        if self.drawing != there.drawing {
            return Some(format!(
                "was made by {}, which drew other items from the same seed",
                there.program
            ));
        }
        if self.seed != there.seed {
            return changed("--seed", &there.seed.to_string(), &self.seed.to_string());
        }
        let names = self.options.keys().chain(there.options.keys());
        for name in names {
            let text =
                |w: &Self| w.options.get(name).map_or("not given", |v| v.as_str()).to_owned();
            let (was, is) = (text(there), text(self));
            if was != is {
                return changed(&format!("--{name}"), &was, &is);
            }
        }
        if self.library != there.library {
            let from = |l: &str| {
                if l.starts_with("cut-outs") {
                    "cut-outs with other contents".to_owned()
                } else {
                    "the drawn kinds".to_owned()
                }
            };
            let (was, is) = (from(&there.library), from(&self.library));
            return changed("pictures and sounds from", &was, &is);
        }
        if self.kinds != there.kinds {
            return changed("the kinds", &there.kinds.join(","), &self.kinds.join(","));
        }
        None
    }

    /// 16 hexadecimal digits of everything that [`Self::difference`] compares. Every item carries
    /// them, so an item of another run is not taken for one of this.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        };
        add(&self.content);
        add(&format!("{} {}", self.drawing, self.seed));
        for (name, value) in &self.options {
            add(name);
            add(value);
        }
        add(&self.library);
        self.kinds.iter().for_each(|k| add(k));
        hash.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect()
    }

    /// What each item says about itself.
    pub fn stamp(&self) -> Stamp {
        Stamp { seed: self.seed, world: self.fingerprint() }
    }

    /// Makes the folder this world's: makes it where it is not there, takes it where it was made
    /// with the same options, and locks it until the lock is dropped.
    ///
    /// Errors: another world, other things than a world, another run at work, unwritable.
    pub fn claim(&self, folder: &Path) -> Result<FolderLock, DataError> {
        let refuse = |difference: String, remedy: &str| DataError::Folder {
            folder: folder.display().to_string(),
            difference,
            remedy: remedy.into(),
        };
        make_folder(folder)?;
        let lock = FolderLock::take(folder)
            .ok_or_else(|| refuse("is being written by another fnac".into(), "Wait for it."))?;
        match Self::read(folder)? {
            Some(there) => {
                if let Some(difference) = self.difference(&there) {
                    let remedy = "Go on with the same options, or choose another folder.";
                    return Err(refuse(difference, remedy));
                }
                remove_parts(folder);
            }
            None => {
                if let Some(name) = something_in(folder)? {
                    let difference = format!("holds `{name}` but no {NAME}");
                    return Err(refuse(difference, "Choose a folder that is new or empty."));
                }
                self.write(folder)?;
            }
        }
        Ok(lock)
    }

    /// Writes the file, forced to the disk.
    pub fn write(&self, folder: &Path) -> Result<(), DataError> {
        let path = folder.join(NAME);
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|e| DataError::write(&path, &std::io::Error::other(e)))?;
        text.push(b'\n');
        write_synced(&path, &text)
    }
}

/// Removes what a killed run left half-written. Only called under the lock and in a folder that is
/// known as ours.
pub(super) fn remove_parts(folder: &Path) {
    let mut folders = vec![(folder.to_path_buf(), 0)];
    while let Some((dir, depth)) = folders.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let kind = entry.file_type();
            if kind.as_ref().is_ok_and(std::fs::FileType::is_dir) && depth < 6 {
                folders.push((entry.path(), depth + 1));
            } else if kind.is_ok_and(|k| k.is_file())
                && name.starts_with('.')
                && name.ends_with(".part")
            {
                // One that stays is only in the way of nobody.
                std::fs::remove_file(entry.path()).ok();
            }
        }
    }
}

/// Name of something in a folder that is no dot file.
pub(super) fn something_in(folder: &Path) -> Result<Option<String>, DataError> {
    let remedy = "Choose a folder that you may read.";
    let fail = |e: std::io::Error| DataError::read(folder, cause(&e), remedy);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        names.push(entry.map_err(fail)?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names.into_iter().find(|n| !n.starts_with('.')))
}

/// What an item's truth says about where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The seed of the world.
    pub seed: u64,
    /// [`WorldFile::fingerprint`].
    pub world: String,
}

impl Stamp {
    /// Puts it into a truth.
    pub fn put(&self, truth: &mut TruthTrack, index: u64) {
        let mut add = |key: &str, value: String| truth.about.insert(key.into(), value);
        add("generator", "fnac synth".into());
        add("seed", self.seed.to_string());
        add("index", index.to_string());
        add("world", self.world.clone());
    }

    /// Whether a truth carries it.
    pub fn is_on(&self, truth: &TruthTrack, index: u64) -> bool {
        let has = |key: &str, value: &str| truth.about.get(key).is_some_and(|v| v == value);
        has("seed", &self.seed.to_string())
            && has("index", &index.to_string())
            && has("world", &self.world)
    }
}

/// Keeps other runs out of a folder for as long as it lives; the system takes it back from a
/// process that was killed.
#[derive(Debug)]
pub struct FolderLock {
    _held: Option<File>,
    folder: PathBuf,
}

impl FolderLock {
    /// `None` when another process has it. Where folders cannot be locked (Windows, some network
    /// disks) nothing is.
    pub fn take(folder: &Path) -> Option<Self> {
        let held = match File::open(folder) {
            Err(_) => None,
            Ok(file) => match file.try_lock() {
                Ok(()) => Some(file),
                Err(std::fs::TryLockError::WouldBlock) => return None,
                Err(std::fs::TryLockError::Error(_)) => None,
            },
        };
        Some(Self { _held: held, folder: folder.into() })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> WorldFile {
        let options = [("sizes", "0.3-0.6"), ("sources", "1")];
        let options = options.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let kinds = vec!["dog".into(), "cat".into()];
        WorldFile::new("pairs", 7, options, "drawn".into(), kinds)
    }

    #[test]
    fn a_folder_is_gone_on_with_and_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("new/deep");
        drop(world().claim(&folder).unwrap());
        assert_eq!(WorldFile::read(&folder).unwrap(), Some(world()));
        let mut ended = world();
        ended.items = 5;
        ended.write(&folder).unwrap();
        world().claim(&folder).unwrap();
        assert_eq!(WorldFile::read(&folder).unwrap().unwrap().items, 5);
    }

    #[test]
    fn what_a_killed_run_left_is_cleared_away() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("frames")).unwrap();
        drop(world().write(dir.path()));
        let left = [".fnac-x.part", "frames/.toy7_0000001.png.part"];
        let stays = [".hidden", "frames/a.part", "frames/toy7_0000001.png"];
        for name in left.iter().chain(&stays) {
            std::fs::write(dir.path().join(name), b"x").unwrap();
        }
        drop(world().claim(dir.path()).unwrap());
        assert!(left.iter().all(|n| !dir.path().join(n).exists()));
        assert!(stays.iter().all(|n| dir.path().join(n).exists()));
    }

    #[test]
    fn every_difference_is_named_and_changes_the_fingerprint() {
        let dir = tempfile::tempdir().unwrap();
        drop(world().claim(dir.path()).unwrap());
        let mut twins: Vec<(WorldFile, &str)> = vec![
            (WorldFile { seed: 8, ..world() }, "--seed 7, now it is 8"),
            (WorldFile { content: "videos".into(), ..world() }, "holds pairs"),
            (WorldFile { library: "cut-outs 00".into(), ..world() }, "cut-outs"),
            (WorldFile { kinds: vec!["dog".into()], ..world() }, "the kinds dog,cat"),
        ];
        let mut other = world();
        other.options.insert("sizes".into(), "0.2-0.4".into());
        twins.push((other, "--sizes 0.3-0.6, now it is 0.2-0.4"));
        let mut more = world();
        more.options.insert("hidden".into(), "0.1".into());
        twins.push((more, "--hidden not given, now it is 0.1"));
        for (twin, words) in twins {
            assert_ne!(twin.fingerprint(), world().fingerprint(), "{words}");
            let error = twin.claim(dir.path()).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("another folder"), "{error}");
        }
        let same = WorldFile { items: 9, program: "fnac 9".into(), ..world() };
        assert_eq!(same.fingerprint(), world().fingerprint());
    }

    #[test]
    fn a_folder_with_other_things_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(".hidden"), b"").unwrap();
        drop(world().claim(dir.path()).unwrap());
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("thesis.tex"), b"").unwrap();
        let error = world().claim(dir.path()).unwrap_err().to_string();
        assert!(error.contains("thesis.tex"), "{error}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_in_place_of_the_folder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        std::fs::write(&path, b"x").unwrap();
        for folder in [path.clone(), path.join("deeper")] {
            let error = world().claim(&folder).unwrap_err().to_string();
            assert!(error.contains("out") && error.contains("Name a folder"), "{error}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn two_runs_do_not_share_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let lock = world().claim(dir.path()).unwrap();
        let error = world().claim(dir.path()).unwrap_err().to_string();
        assert!(error.contains("another fnac"), "{error}");
        drop(lock);
        world().claim(dir.path()).unwrap();
    }

    #[test]
    fn a_broken_world_file_is_refused_with_its_cause() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        let good = serde_json::to_value(world()).unwrap();
        let with = |key: &str, v: serde_json::Value| {
            let mut w = good.clone();
            w[key] = v;
            w.to_string()
        };
        for (text, word) in [
            (String::new(), "not JSON"),
            ("[1".into(), "not JSON"),
            ("[]".into(), "format"),
            (with("format", "other".into()), "format"),
            (with("version", 99.into()), "version is 99"),
            (with("seed", "seven".into()), "seven"),
        ] {
            std::fs::write(&path, &text).unwrap();
            let error = WorldFile::read(dir.path()).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains(NAME), "{text}: {error}");
        }
        std::fs::write(&path, vec![b' '; (MAX_BYTES + 1) as usize]).unwrap();
        assert!(WorldFile::read(dir.path()).unwrap_err().to_string().contains("too large"));
    }

    #[test]
    fn an_item_of_another_run_is_told_apart() {
        let stamp = world().stamp();
        let mut truth = TruthTrack::default();
        assert!(!stamp.is_on(&truth, 3));
        stamp.put(&mut truth, 3);
        assert!(stamp.is_on(&truth, 3) && !stamp.is_on(&truth, 4));
        assert!(!WorldFile { seed: 8, ..world() }.stamp().is_on(&truth, 3));
    }
}
