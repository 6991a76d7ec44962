//! VGG-Sound: clips with a class label and a split.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Reader;
use super::gather::{find_file, gather};
use super::shelf::Shelves;
use crate::data::DataError;
use crate::data::dataset::{Dataset, OpenOptions};
use crate::data::error::cause;
use crate::data::roll::{plain, vgg_name};

/// See [`Reader`].
pub(super) const READER: Reader = Reader {
    name: "vggsound",
    about: "frames/ and audio/ with vggsound.csv: id,start,label,split",
    detect: |root, options| Shelves::are_in(root) && table_of(root, options).is_some(),
    open,
};

fn table_of(root: &Path, options: &OpenOptions) -> Option<PathBuf> {
    match &options.annotations {
        Some(path) if path.is_file() => {
            path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv")).then(|| path.clone())
        }
        Some(path) => find_file(path, &["vggsound.csv"]),
        None => find_file(root, &["vggsound.csv"]),
    }
}

/// What the table says of a clip.
struct Row {
    label: String,
    split: String,
}

fn open(root: &Path, options: &OpenOptions) -> Result<Dataset, DataError> {
    let table = table_of(root, options).ok_or_else(|| {
        let remedy = "Put vggsound.csv into the folder or its `metadata`.";
        DataError::read(root, "it has no vggsound.csv", remedy)
    })?;
    let rows = read_table(&table)?;
    let shelves = Shelves::read(root)?;
    // `train` and `test` are columns of the table, unless there are lists of that name.
    let split = options.list.as_ref().and_then(|l| l.to_str()).filter(|l| {
        rows.values().any(|r| r.split == *l)
            && !crate::data::roll::find(root, Path::new(l)).is_file()
    });
    let has_split = |row: &Row| split.is_some_and(|s| row.split == s);
    let names = split.is_some().then(|| {
        let on_disk = shelves.names().into_iter();
        let of_split = |n: &String| vgg_name(n).and_then(|n| rows.get(&n)).is_some_and(has_split);
        on_disk.filter(of_split).collect::<Vec<_>>()
    });
    let options = match split {
        Some(_) => OpenOptions { list: None, ..options.clone() },
        None => options.clone(),
    };
    let mut set = gather(root, READER.name, &options, &shelves, names, |item| {
        if let Some(row) = vgg_name(&item.id).and_then(|n| rows.get(&n)) {
            item.sounding = vec![row.label.clone()];
            item.seen = item.sounding.clone();
        }
        Ok(())
    })?;
    let bare = set.items.iter().filter(|i| i.sounding.is_empty() && i.negative.is_none()).count();
    if bare > 0 {
        set.notes.push(format!("{bare} items have no label in `{}`", table.display()));
    }
    Ok(set)
}

/// Rows by name. Both forms that are in use: `id,start,label,split`, and the older
/// `id_SSSSSS.mp4,label`.
fn read_table(path: &Path) -> Result<BTreeMap<String, Row>, DataError> {
    let remedy = "It needs rows `id,start second,label,split`.";
    let fail = |why: String| DataError::read(path, why, remedy);
    let bytes = std::fs::read(path).map_err(|e| fail(cause(&e)))?;
    let mut reader = csv::ReaderBuilder::new();
    let mut reader =
        reader.has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(&bytes[..]);
    let mut rows = BTreeMap::new();
    for row in reader.records() {
        let row = row.map_err(|e| fail(format!("it cannot be read ({e})")))?;
        let cell = |i: usize| row.get(i).unwrap_or_default();
        let (name, label, split) = if row.len() >= 3 {
            (format!("{}_{}", cell(0), cell(1)), cell(2), cell(3))
        } else {
            (plain(cell(0)).to_owned(), cell(1), "")
        };
        // A header line is no name.
        if let Some(name) = vgg_name(&name).filter(|_| !label.is_empty()) {
            rows.insert(name, Row { label: label.into(), split: split.into() });
        }
    }
    if rows.is_empty() { Err(fail("it holds no clip of VGG-Sound".into())) } else { Ok(rows) }
}
