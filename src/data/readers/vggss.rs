//! VGG-SS: pictures of VGG-Sound clips with boxes around what sounds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Reader;
use super::gather::{find_file, gather, some_of};
use super::shelf::Shelves;
use crate::data::dataset::{Dataset, OpenOptions, TruthRef};
use crate::data::error::cause;
use crate::data::roll::{plain, vgg_name};
use crate::data::{DataError, raster};

/// Side of the map that decides whether boxes have any pixel.
const SIDE: u32 = 224;

/// See [`Reader`].
pub(super) const READER: Reader = Reader {
    name: "vggss",
    about: "frames/ and audio/ with vggss.json: file, class, bbox",
    detect,
    open,
};

fn boxes_of(root: &Path, options: &OpenOptions) -> Option<PathBuf> {
    match &options.annotations {
        Some(path) if path.is_file() => {
            path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")).then(|| path.clone())
        }
        Some(path) => find_file(path, &["vggss.json"]),
        None => find_file(root, &["vggss.json"]),
    }
}

fn detect(root: &Path, options: &OpenOptions) -> bool {
    if !Shelves::are_in(root) {
        return false;
    }
    let Some(path) = boxes_of(root, options) else { return false };
    if options.annotations.is_some() || path.starts_with(root) {
        return true;
    }
    // A file beside the folder may belong to another set: only if it names what is here.
    let (Ok(table), Ok(shelves)) = (Table::read(&path), Shelves::read(root)) else { return false };
    shelves.names().iter().any(|n| table.get(n).is_some())
}

/// One entry; the boxes as they are in the file, reversed ones too.
struct Entry {
    class: String,
    boxes: Result<Vec<[f64; 4]>, String>,
}

struct Table {
    order: Vec<String>,
    entries: BTreeMap<String, Entry>,
    notes: Vec<String>,
}

impl Table {
    fn read(path: &Path) -> Result<Self, DataError> {
        let remedy = "It needs a list of objects with `file`, `class` and `bbox`.";
        let fail = |why: String| DataError::read(path, why, remedy);
        let bytes = std::fs::read(path).map_err(|e| fail(cause(&e)))?;
        let list: Vec<Value> = serde_json::from_slice(&bytes)
            .map_err(|e| fail(format!("it is no such list ({e})")))?;
        let mut table = Self { order: Vec::new(), entries: BTreeMap::new(), notes: Vec::new() };
        let (mut odd, mut twice) = (0, Vec::new());
        for value in &list {
            let Some(file) = value.get("file").and_then(Value::as_str) else {
                odd += 1;
                continue;
            };
            let name = plain(file);
            let key = vgg_name(name).unwrap_or_else(|| name.to_owned());
            let class = value.get("class").and_then(Value::as_str).unwrap_or_default().to_owned();
            let boxes = value.get("bbox").map_or_else(|| Err("it has no `bbox`".into()), boxes_in);
            if table.entries.contains_key(&key) {
                twice.push(name.to_owned());
                continue;
            }
            table.order.push(name.to_owned());
            table.entries.insert(key, Entry { class, boxes });
        }
        let mut note = |n: usize, what: &str| {
            if n > 0 {
                table.notes.push(format!("{n} entries of `{}` {what}", path.display()));
            }
        };
        note(odd, "have no `file` and are passed over");
        note(twice.len(), "name a file again and are passed over");
        if table.entries.is_empty() { Err(fail("it names no file".into())) } else { Ok(table) }
    }

    fn get(&self, name: &str) -> Option<&Entry> {
        let vgg = || self.entries.get(&vgg_name(name)?);
        self.entries.get(name).or_else(vgg)
    }
}

fn boxes_in(value: &Value) -> Result<Vec<[f64; 4]>, String> {
    let wrong = || "its `bbox` is no list of four numbers each".to_owned();
    let list = value.as_array().ok_or_else(wrong)?;
    let one = |b: &Value| {
        let numbers: Vec<f64> = b.as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
        <[f64; 4]>::try_from(numbers).ok()
    };
    list.iter().map(|b| one(b).ok_or_else(wrong)).collect()
}

fn open(root: &Path, options: &OpenOptions) -> Result<Dataset, DataError> {
    let path = boxes_of(root, options).ok_or_else(|| {
        let remedy = "Put vggss.json into the folder or its `metadata`, or name it as annotations.";
        DataError::read(root, "it has no vggss.json", remedy)
    })?;
    let table = Table::read(&path)?;
    let shelves = Shelves::read(root)?;
    let names = Some(table.order.clone());
    let mut set = gather(root, READER.name, options, &shelves, names, |item| {
        let entry = table.get(&item.id).ok_or("vggss.json has no boxes for it")?;
        let boxes = entry.boxes.clone()?;
        if boxes.is_empty() {
            return Err("vggss.json has no boxes for it".into());
        }
        // Kinds of several things are joined, in folders of ours.
        item.sounding = match entry.class.as_str() {
            "" => Vec::new(),
            class => class.split('+').map(str::to_owned).collect(),
        };
        item.seen = item.sounding.clone();
        item.truth = Some(TruthRef::Boxes(boxes));
        Ok(())
    })?;
    set.notes.extend(table.notes.iter().cloned());
    if options.list.is_none() {
        let known: BTreeSet<&str> = set
            .items
            .iter()
            .map(|i| &i.id)
            .chain(set.left_out.iter().map(|l| &l.id))
            .map(String::as_str)
            .collect();
        let others = shelves.names().iter().filter(|n| !known.contains(n.as_str())).count();
        if others > 0 {
            set.notes.push(format!("{others} names in it are not in vggss.json and not counted"));
        }
    }
    let empty: Vec<&str> = set
        .items
        .iter()
        .filter(
            |i| matches!(&i.truth, Some(TruthRef::Boxes(b)) if !raster(b, SIDE).contains(&true)),
        )
        .map(|i| i.id.as_str())
        .collect();
    if !empty.is_empty() {
        set.notes.push(format!(
            "{} items have boxes without any pixel, which nothing can meet: {}",
            empty.len(),
            some_of(&empty)
        ));
    }
    Ok(set)
}
