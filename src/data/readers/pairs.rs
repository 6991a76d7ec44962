//! `frames/NAME.{jpg,png}` and `audio/NAME.wav`: the official training folders and those of
//! `fnac prepare`; or pictures and sounds of the same names in one folder.

use std::collections::BTreeMap;
use std::path::Path;

use super::Reader;
use super::gather::gather;
use super::shelf::Shelves;
use crate::data::DataError;
use crate::data::dataset::{Dataset, Item, OpenOptions, TruthRef};
use crate::data::prepare::clips_of;
use crate::truth::TruthTrack;

/// See [`Reader`].
pub(super) const READER: Reader = Reader {
    name: "pairs",
    about: "frames/NAME.jpg or .png with audio/NAME.wav",
    detect: |root, _| Shelves::are_in(root) || Shelves::are_loose_in(root),
    open,
};

fn open(root: &Path, options: &OpenOptions) -> Result<Dataset, DataError> {
    let shelves = Shelves::read(root)?;
    let clips: BTreeMap<String, String> = clips_of(root);
    let mut set = gather(root, READER.name, options, &shelves, None, |item| {
        if let Some(clip) = clips.get(&item.id) {
            item.clip.clone_from(clip);
        }
        own_truth(root, item).map(|_| ())
    })?;
    if set.listed == 0 {
        set.notes.push("there is neither a picture nor a sound in it".into());
    }
    Ok(set)
}

/// Takes the truth of ours that lies in `truth/`, if there is one; whether there is.
pub(super) fn own_truth(root: &Path, item: &mut Item) -> Result<bool, String> {
    let path = root.join("truth").join(format!("{}.truth.json", item.id));
    if !path.is_file() {
        return Ok(false);
    }
    let track = TruthTrack::read(&path).map_err(|e| e.to_string())?;
    item.describe(&track);
    item.truth = Some(TruthRef::Track(path));
    Ok(true)
}
