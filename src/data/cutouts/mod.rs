//! A user's own kinds: a folder of cut-outs and sounds becomes a [`Library`].
//!
//! `DIR/<kind>/*.png` are pictures with a transparent ground, `DIR/<kind>/*.{wav,ogg,mp3,flac}`
//! are sounds. What cannot be used is left out and named, the rest goes on. Names that begin with
//! a dot and files of other kinds are passed over; links are followed; endings may be upper-case.

mod picture;
mod sound;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::DataError;
use super::error::cause;
use crate::media::CancelToken;
use crate::synth::{Kind, Library, Sprite};

pub use sound::Recordings;

/// Most kinds, and most files of one sort in a kind.
pub const MAX_FILES: usize = 2000;
/// Most bytes of decoded pictures and sounds in all.
pub const MAX_BYTES: usize = 1 << 30;
/// Largest file that is opened.
pub const MAX_FILE_BYTES: u64 = 256 << 20;

/// Endings of sounds.
const SOUNDS: [&str; 4] = ["wav", "ogg", "mp3", "flac"];
/// Pictures that cannot be cut-outs: named, so that nobody wonders where they are.
const OTHER_PICTURES: [&str; 7] = ["jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"];

/// Which files a scene may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// All.
    #[default]
    Any,
    /// Those not kept back.
    Train,
    /// Those kept back for testing.
    HeldOut,
}

/// How a folder is read.
#[derive(Clone, Debug, PartialEq)]
pub struct CutoutOptions {
    /// Share of each kind's pictures, and of its sounds, that is kept back for testing: those
    /// whose names have the lowest hashes. At least one where there are two, never all.
    pub held_out: f64,
    /// Which sounds are used; pictures are all read and carry their mark, for the scenes choose
    /// among them.
    pub part: Part,
    /// Samples per second at which sounds are kept.
    pub rate: u32,
    /// Only these kinds; empty for all.
    pub kinds: Vec<String>,
}

/// A folder that was read.
pub struct Cutouts {
    /// Its kinds, sorted by name.
    pub library: Library,
    /// What was left out, each with its name, cause and remedy.
    pub left_out: Vec<String>,
    /// What was changed and used.
    pub notes: Vec<String>,
    /// Number of pictures used.
    pub pictures: usize,
    /// Number of sounds used.
    pub sounds: usize,
    /// SHA-256 over kinds, names and contents of what is used, in hexadecimal.
    pub sha256: String,
}

impl std::fmt::Debug for Cutouts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cutouts({} pictures, {} sounds)", self.pictures, self.sounds)
    }
}

/// One file of a kind, read.
struct Used<T> {
    name: String,
    digest: [u8; 32],
    held_out: bool,
    value: T,
}

/// The files of a kind by their ending.
struct Folder {
    kind: String,
    pictures: Vec<PathBuf>,
    sounds: Vec<PathBuf>,
}

impl Cutouts {
    /// Reads `dir` on all cores.
    ///
    /// Errors: `dir` is no folder that can be read, or nothing in it can be used (the text names
    /// what was found and why it was left out), or `cancel` was raised.
    pub fn read(
        dir: &Path,
        options: &CutoutOptions,
        cancel: &CancelToken,
    ) -> Result<Self, DataError> {
        let mut left_out = Vec::new();
        let mut notes = Vec::new();
        let folders = find(dir, options, &mut left_out)?;
        let mut kinds = Vec::new();
        let (mut pictures, mut sounds, mut bytes) = (0, 0, 0usize);
        let mut hash = Sha256::new();
        hash.update(options.held_out.to_bits().to_le_bytes());
        for folder in &folders {
            if cancel.is_cancelled() {
                break;
            }
            let marks = held_out(&folder.pictures, options.held_out);
            let drawn = load(&folder.pictures, &marks, picture::read);
            let marks = held_out(&folder.sounds, options.held_out);
            let heard = load(&folder.sounds, &marks, |p, _| sound::read(p, options.rate, cancel));
            let mut sprites: Vec<Used<picture::Decoded>> = Vec::new();
            for one in drawn {
                match one {
                    Err(line) => left_out.push(line),
                    Ok(d) if bytes + d.value.bytes() > MAX_BYTES => {
                        left_out.push(too_much(dir, &folder.kind, &d.name));
                    }
                    Ok(d) => {
                        bytes += d.value.bytes();
                        notes.extend(d.value.note.clone());
                        sprites.push(d);
                    }
                }
            }
            let mut recordings = Vec::new();
            let mut whole = 0;
            for one in heard {
                match one {
                    Err(line) => left_out.push(line),
                    Ok(s) if bytes + s.value.bytes() > MAX_BYTES => {
                        left_out.push(too_much(dir, &folder.kind, &s.name));
                    }
                    Ok(s) => {
                        bytes += s.value.bytes();
                        notes.extend(s.value.note.clone());
                        whole += 1;
                        let wanted = match options.part {
                            Part::Any => true,
                            Part::Train => !s.held_out,
                            Part::HeldOut => s.held_out,
                        };
                        if wanted {
                            recordings.push(s);
                        }
                    }
                }
            }
            if let Some(line) = unusable(dir, folder, &sprites, whole, &recordings, options.part) {
                left_out.push(line);
                continue;
            }
            pictures += sprites.len();
            sounds += recordings.len();
            hash.update(folder.kind.as_bytes());
            for (name, digest) in sprites
                .iter()
                .map(|s| (&s.name, &s.digest))
                .chain(recordings.iter().map(|r| (&r.name, &r.digest)))
            {
                hash.update((name.len() as u64).to_le_bytes());
                hash.update(name.as_bytes());
                hash.update(digest);
            }
            let sprites: Vec<Arc<Sprite>> = sprites
                .into_iter()
                .map(|s| {
                    let sprite = s.value.sprite;
                    Arc::new(if s.held_out { sprite.kept_back() } else { sprite })
                })
                .collect();
            let voice =
                Recordings::new(recordings.into_iter().map(|r| r.value.recording).collect());
            kinds.push(Kind::new(&folder.kind, sprites, Arc::new(voice)));
        }
        if cancel.is_cancelled() {
            return Err(DataError::read(dir, "it was stopped", "Run it again."));
        }
        if kinds.is_empty() {
            let shown = left_out.iter().take(8).cloned().collect::<Vec<_>>().join("\n  ");
            let why = if shown.is_empty() { String::new() } else { format!(":\n  {shown}\n") };
            return Err(DataError::read(
                dir,
                format!("no kind in it has both a picture and a sound that can be used{why}"),
                "Give a folder of folders: <kind>/*.png with transparency, <kind>/*.wav|ogg|mp3|flac.",
            ));
        }
        let sha256 = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        let library = Library::new(kinds);
        Ok(Self { library, left_out, notes, pictures, sounds, sha256 })
    }
}

/// Why a kind cannot be used, if so.
fn unusable(
    dir: &Path,
    folder: &Folder,
    sprites: &[Used<picture::Decoded>],
    whole: usize,
    recordings: &[Used<sound::Decoded>],
    part: Part,
) -> Option<String> {
    let name = dir.join(&folder.kind).display().to_string();
    let no_sprite = match part {
        Part::Any => sprites.is_empty(),
        Part::Train => !sprites.iter().any(|s| !s.held_out),
        Part::HeldOut => !sprites.iter().any(|s| s.held_out),
    };
    let remedy = |what: &str| format!("`{name}`: {what}");
    match (sprites.is_empty(), whole == 0) {
        (true, true) => Some(remedy("no cut-out and no sound that can be used")),
        (true, false) => {
            Some(remedy("sounds but no cut-out that can be used; add a PNG with transparency"))
        }
        (false, true) => {
            Some(remedy("cut-outs but no sound that can be used; add a WAV, OGG, MP3 or FLAC"))
        }
        (false, false) if no_sprite || recordings.is_empty() => Some(remedy(
            "nothing of it is kept back for testing; a kind needs two pictures and two sounds for that",
        )),
        (false, false) => None,
    }
}

fn too_much(dir: &Path, kind: &str, name: &str) -> String {
    let limit = MAX_BYTES >> 20;
    format!(
        "`{}`: all cut-outs together would need more than {limit} MiB; use fewer",
        dir.join(kind).join(name).display()
    )
}

/// The kinds of a folder and their files, sorted by name.
fn find(
    dir: &Path,
    options: &CutoutOptions,
    left_out: &mut Vec<String>,
) -> Result<Vec<Folder>, DataError> {
    let remedy =
        "Give a folder of folders: <kind>/*.png with transparency, <kind>/*.wav|ogg|mp3|flac.";
    let mut kinds = Vec::new();
    for path in entries(dir).map_err(|e| DataError::read(dir, cause(&e), remedy))? {
        // Follows links.
        if path.is_dir() {
            kinds.push(path);
        }
    }
    let mut out: Vec<Folder> = Vec::new();
    for path in kinds {
        let kind = file_name(&path);
        let wanted = options.kinds.is_empty() || options.kinds.contains(&kind);
        if !wanted {
            continue;
        }
        if out.len() == MAX_FILES {
            left_out.push(format!("`{}`: more than {MAX_FILES} kinds", path.display()));
            continue;
        }
        let mut folder = Folder { kind, pictures: Vec::new(), sounds: Vec::new() };
        let files = match entries(&path) {
            Ok(files) => files,
            Err(e) => {
                left_out.push(format!("`{}`: {}; check its rights", path.display(), cause(&e)));
                continue;
            }
        };
        for file in files {
            let ending = file.extension().map(|e| e.to_string_lossy().to_lowercase());
            let Some(ending) = ending else { continue };
            let list = if ending == "png" {
                &mut folder.pictures
            } else if SOUNDS.contains(&ending.as_str()) {
                &mut folder.sounds
            } else {
                if OTHER_PICTURES.contains(&ending.as_str()) {
                    left_out.push(format!(
                        "`{}`: a cut-out must be a PNG with transparency; save it as one",
                        file.display()
                    ));
                }
                continue;
            };
            if list.len() < MAX_FILES {
                list.push(file);
            } else {
                left_out.push(format!("`{}`: more than {MAX_FILES} in one kind", file.display()));
            }
        }
        out.push(folder);
    }
    let missing = options.kinds.iter().filter(|k| !out.iter().any(|f| f.kind == **k));
    let missing: Vec<String> = missing.cloned().collect();
    if !missing.is_empty() {
        let there: Vec<String> = entries(dir)
            .unwrap_or_default()
            .iter()
            .filter(|p| p.is_dir())
            .map(|p| file_name(p))
            .collect();
        return Err(DataError::read(
            dir,
            format!("it has no kind `{}`", missing.join("`, `")),
            &format!("It has: {}.", there.join(", ")),
        ));
    }
    Ok(out)
}

/// Paths in a folder that are not hidden, sorted by name.
fn entries(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if !file_name(&path).starts_with('.') {
            out.push(path);
        }
    }
    out.sort_by_key(|p| p.file_name().map(std::ffi::OsStr::to_os_string));
    Ok(out)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Which of the files are kept back: the `share` with the lowest hashes of their names.
fn held_out(files: &[PathBuf], share: f64) -> Vec<bool> {
    let n = files.len();
    let wish = (share.clamp(0.0, 1.0) * n as f64).round() as usize;
    let count = if share <= 0.0 || n < 2 { 0 } else { wish.clamp(1, n - 1) };
    let mut order: Vec<(Vec<u8>, usize)> = files
        .iter()
        .enumerate()
        .map(|(i, f)| (Sha256::digest(file_name(f).as_bytes()).to_vec(), i))
        .collect();
    order.sort_unstable();
    let mut out = vec![false; n];
    for (_, i) in order.into_iter().take(count) {
        out[i] = true;
    }
    out
}

/// Reads files in parallel; a line of words for each that cannot be used.
fn load<T: Send>(
    files: &[PathBuf],
    marks: &[bool],
    read: impl Fn(&Path, &[u8]) -> Result<T, String> + Sync,
) -> Vec<Result<Used<T>, String>> {
    files
        .par_iter()
        .zip(marks)
        .map(|(path, held_out)| {
            let named = |why: String| format!("`{}`: {why}", path.display());
            let bytes = bounded(path).map_err(named)?;
            let value = read(path, &bytes).map_err(named)?;
            let digest: [u8; 32] = Sha256::digest(&bytes).into();
            Ok(Used { name: file_name(path), digest, held_out: *held_out, value })
        })
        .collect()
}

/// A regular file's bytes, if it is not enormous.
fn bounded(path: &Path) -> Result<Vec<u8>, String> {
    let meta = std::fs::metadata(path).map_err(|e| cause(&e))?;
    if !meta.is_file() {
        return Err("it is not a regular file".into());
    }
    if meta.len() > MAX_FILE_BYTES {
        let (has, limit) = (meta.len() >> 20, MAX_FILE_BYTES >> 20);
        return Err(format!("the file has {has} MiB, at most {limit} are read; make it smaller"));
    }
    std::fs::read(path).map_err(|e| cause(&e))
}
