//! Files that are whole or not there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::DataError;

/// Ending of a file that is being written.
const PART: &str = ".part";

/// Writes `bytes` to `path` under a temporary name in the same folder, then renames.
///
/// The file is not forced to the disk: after a power cut it may be short, which the check before
/// a file is kept finds ([`super::PairFolder::is_complete`]). Ten thousand pairs are forty
/// thousand files, and forcing each would cost more than drawing it.
///
/// Errors: name, cause and remedy. Nothing is left under either name that was not there before.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let part = part_name(path);
    let written = fs::write(&part, bytes).and_then(|()| fs::rename(&part, path));
    written.map_err(|e| {
        // Nothing to add if even that fails: the first error is the one to tell.
        fs::remove_file(&part).ok();
        DataError::write(path, &e)
    })
}

/// [`write_whole`], and on the disk before it returns: for the few files that say what the
/// others are.
pub(super) fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let part = part_name(path);
    let write = || -> io::Result<()> {
        let mut file = fs::File::create(&part)?;
        io::Write::write_all(&mut file, bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)
    };
    write().map_err(|e| {
        fs::remove_file(&part).ok();
        DataError::write(path, &e)
    })
}

/// `.NAME.part` beside `path`. Always the same name, so that what a killed run left is written
/// over; two runs cannot meet there because the folder is locked.
fn part_name(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(PART);
    path.with_file_name(name)
}

/// Makes a folder and those above it.
pub(super) fn make_folder(path: &Path) -> Result<(), DataError> {
    fs::create_dir_all(path).map_err(|e| DataError::write(path, &e))
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_and_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.txt");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        write_synced(&dir.path().join("b.txt"), b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_a_killed_run_left_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.txt");
        fs::write(part_name(&path), b"half of something longer").unwrap();
        write_whole(&path, b"whole").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_names_the_file_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, b"x").unwrap();
        let error = write_whole(&file.join("a.txt"), b"x").unwrap_err().to_string();
        assert!(error.contains("a.txt") && error.contains("a file, not a folder"), "{error}");
        // Renaming onto a folder fails after the part was written.
        let folder = dir.path().join("folder");
        fs::create_dir_all(folder.join("in")).unwrap();
        let error = write_whole(&folder, b"x").unwrap_err().to_string();
        assert!(error.contains("folder"), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_called_full() {
        let error = fs::write("/dev/full", b"x").unwrap_err();
        let text = DataError::write(Path::new("out/a.png"), &error).to_string();
        assert!(text.contains("the disk is full") && text.contains("goes on"), "{text}");
    }
}
