//! `frames/NAME.{jpg,png}` and `audio/NAME.wav`: the official training folders, and `fnac synth`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::Reader;
use crate::data::DataError;
use crate::data::dataset::{
    Dataset, Item, LeftOut, Moment, OpenOptions, PictureRef, SoundRef, TruthRef, kinds_of,
};
use crate::truth::TruthTrack;

/// See [`Reader`].
pub(super) const READER: Reader = Reader {
    name: "pairs",
    about: "frames/NAME.{jpg,png} with audio/NAME.wav",
    detect: |root| root.join("frames").is_dir() && root.join("audio").is_dir(),
    open,
};

/// Names (to the last dot) and paths of a folder's files with one of these endings.
fn files(dir: &Path, endings: &[&str]) -> Result<BTreeMap<String, PathBuf>, DataError> {
    let fail = |e: std::io::Error| {
        DataError::read(dir, e.to_string(), "Check that the folder is there and may be read.")
    };
    let mut out = BTreeMap::new();
    for entry in std::fs::read_dir(dir).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let ending = path.extension().and_then(|e| e.to_str()).map(str::to_lowercase);
        let fits = ending.is_some_and(|e| endings.contains(&e.as_str()));
        if let (true, Some(stem)) = (fits, path.file_stem().and_then(|s| s.to_str())) {
            out.insert(stem.to_owned(), path);
        }
    }
    Ok(out)
}

fn open(root: &Path, options: &OpenOptions) -> Result<Dataset, DataError> {
    let frames = files(&root.join("frames"), &["jpg", "jpeg", "png"])?;
    let sounds = files(&root.join("audio"), &["wav"])?;
    let names: BTreeSet<String> = match &options.list {
        Some(list) => super::super::lists::read_names(list)?.into_iter().collect(),
        None => frames.keys().chain(sounds.keys()).cloned().collect(),
    };
    let listed = names.len();
    let truths = root.join("truth");
    let found: Vec<Result<Item, LeftOut>> = names
        .into_iter()
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|id| {
            let (picture, sound) = match (frames.get(&id), sounds.get(&id)) {
                (Some(p), Some(s)) => (p.clone(), s.clone()),
                (None, Some(_)) => return Err(left(id, "its picture is missing")),
                (Some(_), None) => return Err(left(id, "its sound is missing")),
                (None, None) => return Err(left(id, "neither its picture nor its sound is there")),
            };
            let path = truths.join(format!("{id}.truth.json"));
            let (mut sounding, mut seen, mut truth) = (Vec::new(), Vec::new(), None);
            if path.is_file() {
                let track =
                    TruthTrack::read(&path).map_err(|e| left(id.clone(), &e.to_string()))?;
                (sounding, seen) = kinds_of(&track);
                truth = Some(TruthRef::Track(path));
            }
            let sound = SoundRef { path: sound, moment: Moment::Middle };
            Ok(Item { id, picture: PictureRef::File(picture), sound, sounding, seen, truth })
        })
        .collect();
    let mut set =
        Dataset { root: root.into(), format: READER.name.into(), listed, ..Dataset::default() };
    for item in found {
        match item {
            Ok(item) => set.items.push(item),
            Err(why) => set.left_out.push(why),
        }
    }
    Ok(set)
}

fn left(id: String, reason: &str) -> LeftOut {
    LeftOut { id, reason: reason.into() }
}
