//! How folders are laid out. To add a layout: a file here and a row in [`READERS`].

mod pairs;

use std::path::Path;

use super::DataError;
use super::dataset::{Dataset, OpenOptions};

/// A reader of one layout.
pub struct Reader {
    /// Its name in `--format` and `data.format`.
    pub name: &'static str,
    /// What it reads, in a few words.
    pub about: &'static str,
    /// Whether a folder looks like this.
    pub detect: fn(&Path) -> bool,
    /// Lists a folder's items.
    pub open: fn(&Path, &OpenOptions) -> Result<Dataset, DataError>,
}

/// Every layout, the most special first: the first that recognises a folder reads it.
pub static READERS: &[Reader] = &[pairs::READER];

/// Opens a folder with the reader that is named, or that recognises it.
pub(super) fn open(root: &Path, options: &OpenOptions) -> Result<Dataset, DataError> {
    let named = |r: &&Reader| r.name == options.format;
    let auto = options.format.is_empty() || options.format == "auto";
    let found =
        if auto { READERS.iter().find(|r| (r.detect)(root)) } else { READERS.iter().find(named) };
    let Some(reader) = found else {
        let names: Vec<_> = READERS.iter().map(|r| r.name).collect();
        let cause = if auto {
            "no data set's layout was recognised in it".to_owned()
        } else {
            format!("there is no layout `{}`", options.format)
        };
        let remedy = format!("Known layouts: {}. See docs/data.md.", names.join(", "));
        return Err(DataError::read(root, cause, &remedy));
    };
    (reader.open)(root, options)
}
