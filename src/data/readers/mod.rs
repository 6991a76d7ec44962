//! How folders are laid out. To add a layout: a file here and a row in [`READERS`].

mod avsbench;
mod flickr;
mod gather;
mod pairs;
mod shelf;
mod synth;
mod vggsound;
mod vggss;
mod videos;

use std::path::Path;

use super::DataError;
use super::dataset::{Dataset, OpenOptions};

pub(super) use videos::{is_video, moments};

/// A reader of one layout.
pub struct Reader {
    /// Its name in `--format` and `data.format`.
    pub name: &'static str,
    /// What it reads, in a few words.
    pub about: &'static str,
    /// Whether a folder looks like this.
    pub detect: fn(&Path, &OpenOptions) -> bool,
    /// Lists a folder's items.
    pub open: fn(&Path, &OpenOptions) -> Result<Dataset, DataError>,
}

/// Every layout, the most special first: the first that recognises a folder reads it.
pub static READERS: &[Reader] = &[
    synth::READER,
    avsbench::READER,
    flickr::READER,
    vggss::READER,
    vggsound::READER,
    pairs::READER,
    videos::READER,
];

/// Opens a folder with the reader that is named, or that recognises it.
pub(super) fn open(root: &Path, options: &OpenOptions) -> Result<Dataset, DataError> {
    let meta = std::fs::metadata(root).map_err(|e| {
        DataError::read(root, super::error::cause(&e), "Name the folder that holds the data set.")
    })?;
    if !meta.is_dir() {
        let remedy = "Name the folder that holds the data set, not a file in it.";
        return Err(DataError::read(root, "it is a file, not a folder", remedy));
    }
    std::fs::read_dir(root).map_err(|e| {
        DataError::read(root, super::error::cause(&e), "Check that the folder may be read.")
    })?;
    let auto = options.format.is_empty() || options.format == "auto";
    let found = if auto {
        READERS.iter().find(|r| (r.detect)(root, options))
    } else {
        READERS.iter().find(|r| r.name == options.format)
    };
    let Some(reader) = found else {
        let known: Vec<_> = READERS.iter().map(|r| format!("{} ({})", r.name, r.about)).collect();
        let cause = if auto {
            "no data set's layout was recognised in it".to_owned()
        } else {
            format!("there is no layout `{}`", options.format)
        };
        let remedy = format!("Known layouts: {}. See docs/data.md.", known.join("; "));
        return Err(DataError::read(root, cause, &remedy));
    };
    (reader.open)(root, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_has_a_name_of_its_own() {
        let mut names: Vec<_> = READERS.iter().map(|r| r.name).collect();
        names.sort_unstable();
        let before = names.len();
        names.dedup();
        assert_eq!(names.len(), before);
        assert!(!names.contains(&"auto") && READERS.iter().all(|r| !r.about.is_empty()));
    }

    #[test]
    fn what_is_no_data_set_is_refused_with_the_layouts_that_are_known() {
        let dir = tempfile::tempdir().unwrap();
        let auto = OpenOptions::default();
        let error = open(dir.path(), &auto).unwrap_err().to_string();
        assert!(error.contains("recognised") && error.contains("vggss"), "{error}");
        let named = OpenOptions { format: "coco".into(), ..OpenOptions::default() };
        let error = open(dir.path(), &named).unwrap_err().to_string();
        assert!(error.contains("no layout `coco`"), "{error}");
        let file = dir.path().join("file");
        std::fs::write(&file, b"x").unwrap();
        let error = open(&file, &auto).unwrap_err().to_string();
        assert!(error.contains("not a folder"), "{error}");
        let error = open(&dir.path().join("none"), &auto).unwrap_err().to_string();
        assert!(error.contains("not there"), "{error}");
    }
}
