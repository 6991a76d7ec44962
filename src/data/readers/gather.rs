//! Names to items: what the readers of pictures with sounds share.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::shelf::Shelves;
use crate::data::DataError;
use crate::data::dataset::{Dataset, Item, LeftOut, Moment, OpenOptions, PictureRef, SoundRef};
use crate::data::roll::{Roll, plain, vgg_name};

/// Names that a note lists.
const NAMED: usize = 5;

/// One line of the list that is opened.
struct Wanted {
    picture: String,
    sound: String,
    /// The list says that nothing in the picture makes this sound.
    negative: bool,
}

/// The items of a folder: those of the list that is asked for, else `names`, else every name that
/// a picture or a sound has. `describe` adds what the set knows of an item, or says why it
/// cannot be used.
pub(super) fn gather(
    root: &Path,
    format: &str,
    options: &OpenOptions,
    shelves: &Shelves,
    names: Option<Vec<String>>,
    describe: impl Fn(&mut Item) -> Result<(), String> + Sync,
) -> Result<Dataset, DataError> {
    let plain_wish = |name: String| Wanted { sound: name.clone(), picture: name, negative: false };
    let wanted: Vec<Wanted> = match &options.list {
        Some(list) => Roll::find(root, list)?
            .entries()
            .iter()
            .map(|e| Wanted {
                picture: e.name.clone(),
                sound: e.sound.clone().unwrap_or_else(|| e.name.clone()),
                negative: e.sound.is_some(),
            })
            .collect(),
        None => names.unwrap_or_else(|| shelves.names()).into_iter().map(plain_wish).collect(),
    };
    let found: Vec<Result<Item, LeftOut>> =
        wanted.into_par_iter().map(|w| item_of(&w, shelves, &describe)).collect();
    let mut set = Dataset::gathered(root, format, found);
    let doubled = shelves.pictures.doubled + shelves.sounds.doubled;
    if doubled > 0 {
        set.notes.push(format!(
            "{doubled} names have two files with different endings; one of each is used"
        ));
    }
    Ok(set)
}

fn item_of(
    wanted: &Wanted,
    shelves: &Shelves,
    describe: &impl Fn(&mut Item) -> Result<(), String>,
) -> Result<Item, LeftOut> {
    let (picture, sound) = (shelves.picture(&wanted.picture), shelves.sounds.get(&wanted.sound));
    let name = picture.or(sound).map_or(plain(&wanted.picture), |(n, _)| n);
    let mixed = wanted.picture != wanted.sound;
    let id = if mixed {
        format!("{}+{}", plain(&wanted.picture), plain(&wanted.sound))
    } else {
        name.to_owned()
    };
    let (picture, sound) = match (picture, sound) {
        (Some((_, p)), Some((_, s))) => (p, s),
        (None, Some(_)) => return Err(LeftOut::new(&id, "its picture is missing")),
        (Some(_), None) => return Err(LeftOut::new(&id, "its sound is missing")),
        (None, None) => return Err(LeftOut::new(&id, "its picture and its sound are missing")),
    };
    for (what, path) in [("picture", picture), ("sound", sound)] {
        match std::fs::metadata(path) {
            Ok(m) if m.len() == 0 => {
                return Err(LeftOut::new(&id, format!("its {what} is empty (0 bytes)")));
            }
            Ok(m) if !m.is_file() => {
                return Err(LeftOut::new(&id, format!("its {what} is no file")));
            }
            Ok(_) => {}
            Err(e) => {
                let cause = crate::data::error::cause(&e);
                return Err(LeftOut::new(&id, format!("its {what} cannot be read: {cause}")));
            }
        }
    }
    let sound = SoundRef { path: sound.into(), moment: Moment::Middle };
    let mut item = Item::new(name, PictureRef::File(picture.into()), sound);
    item.clip = clip_of(name);
    describe(&mut item).map_err(|why| LeftOut::new(&id, why))?;
    if wanted.negative {
        item.truth = None;
        item.sounding.clear();
        item.negative.get_or_insert_with(|| "non-sounding".into());
    }
    item.id = id;
    Ok(item)
}

/// What an item of that name was cut from: two clips of one YouTube video show the same things.
fn clip_of(name: &str) -> String {
    let base = name.rsplit('/').next().unwrap_or(name);
    match vgg_name(base) {
        Some(vgg) => vgg.get(..11).unwrap_or(&vgg).to_owned(),
        None => name.to_owned(),
    }
}

/// The first of these files that is there: in the folder, in its `metadata`, in the `metadata`
/// beside it, where the official code has it.
pub(super) fn find_file(root: &Path, names: &[&str]) -> Option<PathBuf> {
    let beside = root.parent().map(|p| p.join("metadata"));
    [Some(root.to_path_buf()), Some(root.join("metadata")), beside]
        .into_iter()
        .flatten()
        .flat_map(|dir| names.iter().map(move |n| dir.join(n)))
        .find(|p| p.is_file())
}

/// "a, b and 3 more".
pub(super) fn some_of(names: &[&str]) -> String {
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
