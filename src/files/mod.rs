//! Files that are whole or not there.
//!
//! A temporary file in the target's folder, forced to the disk, then renamed: whoever reads finds
//! the old file or the new one, also after a power cut. Every room that writes a file of its own
//! does it through here; only `data`, which writes tens of thousands, checks them later instead
//! of forcing each.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// The folder that `path` lies in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

/// An empty hidden file in `folder`, removed when dropped, with the rights that a plain new
/// file has.
///
/// # Errors
/// What the file system says.
pub fn temporary_in(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".fnac-").suffix(".part");
    #[cfg(unix)]
    {
        // The umask applies; without this the file would be readable by its owner alone.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Forces `file` to the disk and gives it its name, over what was there.
///
/// # Errors
/// What the file system says; the temporary file is gone then, what was there is not.
pub fn put_in_place(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    // The rename itself is on disk once the folder is; not every system can do this.
    if let Ok(folder) = File::open(folder_of(path)) {
        folder.sync_all().ok();
    }
    Ok(())
}

/// Writes a whole file or nothing.
///
/// # Errors
/// What `write` or the file system says.
pub fn write_whole_with(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = temporary_in(folder_of(path))?;
    write(file.as_file_mut())?;
    put_in_place(file, path)
}

/// Writes a whole file of `bytes` or nothing.
///
/// # Errors
/// What the file system says.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_whole_with(path, |f| f.write_all(bytes))
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
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_write_that_fails_leaves_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.txt");
        write_whole(&path, b"one").unwrap();
        let stopped = |f: &mut File| {
            f.write_all(b"half of")?;
            Err(io::Error::other("the disk is full"))
        };
        assert!(write_whole_with(&path, stopped).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(write_whole(&dir.path().join("no folder/a"), b"x").is_err());
    }

    #[test]
    #[cfg(unix)]
    fn others_may_read_it_as_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let mode = |name: &str| {
            std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777
        };
        write_whole(&dir.path().join("ours"), b"x").unwrap();
        std::fs::write(dir.path().join("plain"), b"x").unwrap();
        assert_eq!(mode("ours"), mode("plain"));
    }
}
