//! AVSBench: five seconds of a clip, a picture and a mask for each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::Reader;
use crate::data::dataset::{
    Dataset, Item, LeftOut, Moment, OpenOptions, PictureRef, SoundRef, TruthRef,
};
use crate::data::error::cause;
use crate::data::roll::{Roll, find};
use crate::data::{AvsFolder, DataError};

/// Pictures of a clip.
const PICTURES: usize = 5;

/// One of AVSBench's two parts.
struct Part {
    /// Folder, table and data folder in the official tree.
    folder: &'static str,
    table: &'static str,
    data: &'static str,
    /// MS3: no folders of kinds, and pictures are called `NAME.mp4_1.png`.
    multi: bool,
}

const PARTS: [Part; 2] = [
    Part { folder: "Single-source", table: "s4_meta_data.csv", data: "s4_data", multi: false },
    Part { folder: "Multi-sources", table: "ms3_meta_data.csv", data: "ms3_data", multi: true },
];

/// See [`Reader`].
pub(super) const READER: Reader = Reader {
    name: "avsbench",
    about: "AVSBench's Single-source (S4) and Multi-sources (MS3)",
    detect: |root, _| PARTS.iter().any(|p| p.place(root).is_some()),
    open,
};

impl Part {
    /// The folder that holds table and data: inside `root`, or `root` itself.
    fn place(&self, root: &Path) -> Option<PathBuf> {
        [root.join(self.folder), root.into()].into_iter().find(|p| p.join(self.table).is_file())
    }
}

/// A line of a table.
struct Clip {
    name: String,
    kind: String,
    split: String,
}

fn open(root: &Path, options: &OpenOptions) -> Result<Dataset, DataError> {
    let places: Vec<(&Part, PathBuf)> =
        PARTS.iter().filter_map(|p| Some((p, p.place(root)?))).collect();
    if places.is_empty() {
        let cause = "it has neither s4_meta_data.csv nor ms3_meta_data.csv";
        return Err(DataError::read(root, cause, "Name the folder that AVSBench was unpacked to."));
    }
    let mut clips = Vec::new();
    for (part, place) in &places {
        for clip in read_table(&place.join(part.table), part.multi)? {
            clips.push((*part, place.as_path(), clip));
        }
    }
    let mut missing = Vec::new();
    if let Some(list) = &options.list {
        // `train`, `val` and `test` are in the tables, unless there are lists of that name.
        let split = list.to_str().filter(|l| clips.iter().any(|c| c.2.split == *l));
        match split.filter(|_| !find(root, list).is_file()) {
            Some(split) => clips.retain(|c| c.2.split == split),
            None => missing = keep_listed(&mut clips, &Roll::find(root, list)?),
        }
    }
    let both = places.len() > 1;
    let found: Vec<Vec<Result<Item, LeftOut>>> = clips
        .par_iter()
        .map(|(part, place, clip)| {
            let prefix = if both { format!("{}/", part.folder) } else { String::new() };
            items_of(part, place, clip, &prefix)
        })
        .collect();
    let mut set = Dataset::gathered(root, READER.name, found.into_iter().flatten());
    set.listed += missing.len();
    set.left_out.extend(missing);
    let bare = set.items.iter().filter(|i| i.truth.is_none()).count();
    if bare > 0 {
        set.notes.push(format!(
            "{bare} items have no mask: of S4's training clips only the first second has one"
        ));
    }
    Ok(set)
}

/// Keeps the clips that a list names; what it names and the tables do not is left out.
fn keep_listed(clips: &mut Vec<(&Part, &Path, Clip)>, roll: &Roll) -> Vec<LeftOut> {
    let known: BTreeMap<&str, ()> = clips.iter().map(|c| (c.2.name.as_str(), ())).collect();
    let missing = roll
        .entries()
        .iter()
        .filter(|e| !known.contains_key(e.name.as_str()))
        .map(|e| LeftOut::new(&e.name, "the tables do not name it"))
        .collect();
    let wanted: BTreeMap<&str, ()> = roll.entries().iter().map(|e| (e.name.as_str(), ())).collect();
    clips.retain(|c| wanted.contains_key(c.2.name.as_str()));
    missing
}

fn items_of(part: &Part, place: &Path, clip: &Clip, prefix: &str) -> Vec<Result<Item, LeftOut>> {
    let data = place.join(part.data);
    let (name, split, kind) = (&clip.name, &clip.split, &clip.kind);
    let (frames, masks, sound, middle) = if part.multi {
        let frames = data.join("visual_frames").join(name);
        let masks = data.join("gt_masks").join(split).join(name);
        // Our own trees have no folder per clip here.
        let masks = if masks.is_dir() { masks } else { data.join("gt_masks").join(split) };
        (frames, masks, data.join("audio_wav").join(split), ".mp4")
    } else {
        let below = |what: &str| data.join(what).join(split).join(kind);
        let masks = below("gt_masks");
        let own = masks.join(name);
        let masks = if own.is_dir() { own } else { masks };
        (below("visual_frames").join(name), masks, below("audio_wav"), "")
    };
    let sound = sound.join(format!("{name}.wav"));
    let has_sound = sound.is_file();
    let one = |i: usize| {
        let id = format!("{prefix}{name}_{i}");
        let picture = [middle, "", ".mp4"]
            .iter()
            .map(|m| frames.join(format!("{name}{m}_{i}.png")))
            .find(|p| p.is_file());
        let mask = masks.join(format!("{name}_{i}.png"));
        let Some(picture) = picture else {
            return Err(LeftOut::new(&id, "its picture is missing"));
        };
        if !has_sound {
            return Err(LeftOut::new(&id, "its sound is missing"));
        }
        let has_mask = mask.is_file();
        // S4 has one mask for a clip that is learnt from, five elsewhere.
        let may_lack = !part.multi && split == "train" && i > 1;
        if !has_mask && !may_lack {
            return Err(LeftOut::new(&id, "its mask is missing"));
        }
        let moment = Moment::Around(AvsFolder::time(i - 1));
        let sound = SoundRef { path: sound.clone(), moment };
        let mut item = Item::new(id, PictureRef::File(picture), sound);
        item.clip = format!("{prefix}{name}");
        match kind.as_str() {
            "" => {}
            "nothing" => item.negative = Some("nothing".into()),
            kind => item.sounding = kind.split('+').map(str::to_owned).collect(),
        }
        item.seen.clone_from(&item.sounding);
        item.truth = has_mask.then_some(TruthRef::Mask(mask));
        Ok(item)
    };
    (1..=PICTURES).map(one).collect()
}

/// Rows of a table: by the names in its header, or by the official places.
fn read_table(path: &Path, multi: bool) -> Result<Vec<Clip>, DataError> {
    let remedy = "It needs a header and rows with a clip's name and its split.";
    let fail = |why: String| DataError::read(path, why, remedy);
    let bytes = std::fs::read(path).map_err(|e| fail(cause(&e)))?;
    let mut reader = csv::ReaderBuilder::new();
    let mut reader =
        reader.has_headers(true).flexible(true).trim(csv::Trim::All).from_reader(&bytes[..]);
    let header = reader.headers().map_err(|e| fail(format!("it cannot be read ({e})")))?.clone();
    let column = |name: &str| header.iter().position(|h| h.eq_ignore_ascii_case(name));
    let kind = column("category").or((!multi).then_some(2));
    let split = column("split").or((!multi).then_some(3));
    let split = split.ok_or_else(|| fail("it has no column `split`".into()))?;
    let mut clips = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|e| fail(format!("it cannot be read ({e})")))?;
        let cell = |i: usize| row.get(i).unwrap_or_default().to_owned();
        // A name leads into folders: it must not lead out of them.
        let name = cell(0);
        let (kind, split) = (kind.map(cell).unwrap_or_default(), cell(split));
        let leads_out = |s: &str| s.contains(['/', '\\']) || s == "..";
        if name.is_empty() || [&name, &kind, &split].iter().any(|s| leads_out(s)) {
            continue;
        }
        clips.push(Clip { name, kind, split });
    }
    if clips.is_empty() { Err(fail("it names no clip".into())) } else { Ok(clips) }
}
