//! Every file below a folder, in an order that does not depend on the disk.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

/// Folders within folders that are looked into.
const MAX_DEPTH: usize = 32;
/// Files after which a walk ends: a whole disk was named by mistake.
const MAX_FILES: usize = 4_000_000;

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Files, by their path from the folder, sorted.
    pub files: Vec<PathBuf>,
    /// Folders that may not be read, with the cause.
    pub unread: Vec<(PathBuf, String)>,
}

/// Finds the files below `root` for which `keep` holds. Links are followed, each folder is looked
/// into once however many ways lead to it; hidden files and folders are passed over, and so is
/// `but`.
pub(super) fn walk(root: &Path, but: Option<&Path>, keep: impl Fn(&Path) -> bool) -> Walk {
    let mut out = Walk::default();
    let but = but.and_then(|b| b.canonicalize().ok());
    let mut seen = BTreeSet::new();
    // Breadth first: of two ways to a folder the shorter one counts.
    let mut folders = VecDeque::from([(root.to_path_buf(), 0)]);
    while let Some((dir, depth)) = folders.pop_front() {
        let real = match dir.canonicalize() {
            Ok(real) => real,
            Err(e) => {
                out.unread.push((dir, super::error::cause(&e)));
                continue;
            }
        };
        if Some(&real) == but.as_ref() || !seen.insert(real) {
            continue;
        }
        let entries = match std::fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(e) => {
                out.unread.push((dir, super::error::cause(&e)));
                continue;
            }
        };
        let mut inside = Vec::new();
        for entry in entries.flatten() {
            let path = entry.path();
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            let kind = entry.file_type().ok().filter(|k| !k.is_symlink());
            let is_dir = kind.map_or_else(|| path.is_dir(), |k| k.is_dir());
            if is_dir && depth < MAX_DEPTH {
                inside.push(path);
            } else if !is_dir && keep(&path) && out.files.len() < MAX_FILES {
                out.files.push(path.strip_prefix(root).unwrap_or(&path).to_path_buf());
            }
        }
        inside.sort_unstable();
        folders.extend(inside.into_iter().map(|p| (p, depth + 1)));
    }
    out.files.sort_unstable();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_sorted_from_any_depth() {
        let dir = tempfile::tempdir().unwrap();
        for f in ["b.mp4", "a/c.mp4", "a/b/d.mp4", "a.mp4", ".hidden/e.mp4", "out/f.mp4", "g.txt"] {
            let path = dir.path().join(f);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"x").unwrap();
        }
        let keep = |p: &Path| p.extension().is_some_and(|e| e == "mp4");
        let found = walk(dir.path(), Some(&dir.path().join("out")), keep);
        let names: Vec<_> = found.files.iter().map(|p| p.to_str().unwrap()).collect();
        assert_eq!(names, ["a/b/d.mp4", "a/c.mp4", "a.mp4", "b.mp4"]);
        assert!(found.unread.is_empty());
        assert_eq!(walk(&dir.path().join("none"), None, keep).unread.len(), 1);
    }

    #[test]
    #[cfg(unix)]
    fn links_that_lead_back_end() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(inner.join("x.mp4"), b"x").unwrap();
        std::os::unix::fs::symlink(dir.path(), inner.join("back")).unwrap();
        std::os::unix::fs::symlink(inner.join("gone"), inner.join("dead.mp4")).unwrap();
        std::os::unix::fs::symlink(inner.join("self"), inner.join("self")).unwrap();
        let found = walk(dir.path(), None, |p| p.ends_with("x.mp4"));
        assert_eq!(found.files, [Path::new("a/b/x.mp4")]);
    }
}
