//! Folders of `fnac synth`: pairs of the drawn world, each with its truth.

use std::path::Path;

use super::Reader;
use super::gather::gather;
use super::pairs::own_truth;
use super::shelf::Shelves;
use crate::data::dataset::{Dataset, OpenOptions};
use crate::data::{DataError, WorldFile};

/// See [`Reader`]. Its videos and its AVSBench trees have the readers of those layouts.
pub(super) const READER: Reader = Reader {
    name: "synth",
    about: "pairs of the drawn world, by fnac synth",
    detect: |root, _| {
        let world = WorldFile::read(root).ok().flatten();
        world.is_some_and(|w| w.content == "pairs") && Shelves::are_in(root)
    },
    open,
};

fn open(root: &Path, options: &OpenOptions) -> Result<Dataset, DataError> {
    let shelves = Shelves::read(root)?;
    let mut set =
        gather(root, READER.name, options, &shelves, None, |item| match own_truth(root, item)? {
            true => Ok(()),
            false => Err("its truth is missing".into()),
        })?;
    let negatives = set.items.iter().filter(|i| i.negative.is_some()).count();
    if negatives > 0 {
        set.notes.push(format!("{negatives} items are negatives: nothing that is seen sounds"));
    }
    Ok(set)
}
