//! Lists of a folder's items, as the literature's loaders read them.

use std::path::Path;

use serde::Serialize;

use super::DataError;
use super::boxes::fractions;
use super::whole::{make_folder, write_synced};
use crate::synth::Dice;
use crate::truth::TruthTrack;

/// What the lists say about one item.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemFacts {
    /// Its name.
    pub name: String,
    /// Its number.
    pub index: u64,
    /// Kinds that are heard and seen, joined by `+`; for negatives the kinds that are only heard.
    pub class: String,
    /// Why nothing in the picture sounds: `silence`, `noise`, `off-screen`; `None` where
    /// something does.
    pub negative: Option<String>,
    /// Boxes of what sounds, in fractions `[x0, y0, x1, y1]` by [`super::fraction`].
    pub boxes: Vec<[f64; 4]>,
    /// Things that are heard and seen.
    pub sounding: usize,
    /// Things seen, heard or not.
    pub seen: usize,
}

impl ItemFacts {
    /// Reads them off a truth: of a picture, or of a clip over all its time.
    pub fn new(name: &str, index: u64, truth: &TruthTrack) -> Self {
        let boxed = |s: &&crate::truth::Source| s.moments.iter().any(|m| m.bbox.is_some());
        let heard = || truth.sources.iter().filter(|s| !s.sounding.is_empty());
        let mut kinds: Vec<&str> = heard().filter(boxed).map(|s| s.kind.as_str()).collect();
        let sounding = kinds.len();
        let in_picture = sounding > 0;
        if !in_picture {
            kinds = heard().map(|s| s.kind.as_str()).collect();
        }
        let given = truth.about.get("negative").filter(|n| !n.is_empty()).cloned();
        let negative = (!in_picture).then(|| {
            given.unwrap_or_else(|| if kinds.is_empty() { "silence" } else { "off-screen" }.into())
        });
        let boxes = heard()
            .filter_map(|s| s.moments.first()?.bbox)
            .map(|b| fractions(&b, truth.width, truth.height))
            .collect();
        let seen = truth.sources.iter().filter(boxed).count();
        Self { name: name.into(), index, class: kinds.join("+"), negative, boxes, sounding, seen }
    }
}

/// Shares of the lists `train`, `val` and `test`; each item's list follows from seed and index,
/// so growing a set moves no item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ListShares(pub [f64; 3]);

/// Names of the lists, in order.
const LISTS: [&str; 3] = ["train", "val", "test"];

impl ListShares {
    /// The list of an item.
    pub fn list_of(&self, seed: u64, index: u64) -> &'static str {
        let sum: f64 = self.0.iter().sum();
        let mut left = Dice::new(seed, index).part("list").unit() * sum;
        for (name, share) in LISTS.iter().zip(self.0) {
            if left < share {
                return name;
            }
            left -= share;
        }
        // Only rounding leads here: the last list that is not empty.
        LISTS.iter().zip(self.0).rev().find(|(_, s)| *s > 0.0).map_or(LISTS[0], |(n, _)| n)
    }
}

/// VGG-SS's three keys, in its order.
#[derive(Serialize)]
struct BoxEntry<'a> {
    file: &'a str,
    class: &'a str,
    bbox: &'a [[f64; 4]],
}

/// Writes `metadata/` of a folder of pairs: all names, those with boxes, the boxes, the
/// negatives, the table of items, and the split lists where `shares` asks for them. `items` are
/// sorted by name first.
pub fn write_lists(
    folder: &Path,
    seed: u64,
    items: &mut [ItemFacts],
    shares: Option<ListShares>,
) -> Result<(), DataError> {
    items.sort_by(|a, b| a.name.cmp(&b.name));
    let dir = folder.join("metadata");
    make_folder(&dir)?;
    let names = |keep: &dyn Fn(&ItemFacts) -> bool| {
        let kept: Vec<&str> = items.iter().filter(|i| keep(i)).map(|i| i.name.as_str()).collect();
        kept.join("\n").into_bytes()
    };
    let sounding = |i: &ItemFacts| i.negative.is_none();
    let write = |name: &str, bytes: &[u8]| write_synced(&dir.join(name), bytes);
    write("all.txt", &names(&|_| true))?;
    write("sounding.txt", &names(&sounding))?;
    let with_end = |mut bytes: Vec<u8>| {
        if !bytes.is_empty() {
            bytes.push(b'\n');
        }
        bytes
    };
    write("sounding.csv", &with_end(names(&sounding)))?;
    let list_of = |i: &ItemFacts| shares.map_or("", |s| s.list_of(seed, i.index));
    let lists = LISTS.map(|list| (list, format!("{list}.txt")));
    if shares.is_some() {
        for (list, file) in &lists {
            write(file, &names(&|i| sounding(i) && list_of(i) == *list))?;
        }
        write("test.csv", &with_end(names(&|i| sounding(i) && list_of(i) == "test")))?;
    } else {
        // Lists of an earlier run would lack what this one added.
        for file in lists.iter().map(|l| l.1.as_str()).chain(["test.csv"]) {
            let path = dir.join(file);
            match std::fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(DataError::write(&path, &e));
                }
                _ => {}
            }
        }
    }

    let entries: Vec<BoxEntry<'_>> = items
        .iter()
        .filter(|i| sounding(i))
        .map(|i| BoxEntry { file: &i.name, class: &i.class, bbox: &i.boxes })
        .collect();
    let failed = |name: &str, e: &dyn std::fmt::Display| {
        DataError::write(&dir.join(name), &std::io::Error::other(e.to_string()))
    };
    let json = serde_json::to_vec(&entries).map_err(|e| failed("vggss.json", &e))?;
    write("vggss.json", &json)?;

    let mut negatives = String::from("video,audio,label\n");
    for i in items.iter().filter(|i| !sounding(i)) {
        negatives.push_str(&format!("{0},{0},non-sounding\n", i.name));
    }
    write("negatives.csv", negatives.as_bytes())?;

    write_table(folder, seed, items, shares)
}

/// Writes `metadata/items.csv`: one line per item, sorted by name.
pub fn write_table(
    folder: &Path,
    seed: u64,
    items: &mut [ItemFacts],
    shares: Option<ListShares>,
) -> Result<(), DataError> {
    items.sort_by(|a, b| a.name.cmp(&b.name));
    let path = folder.join("metadata/items.csv");
    make_folder(&folder.join("metadata"))?;
    let fail =
        |e: &dyn std::fmt::Display| DataError::write(&path, &std::io::Error::other(e.to_string()));
    let mut table = csv::Writer::from_writer(Vec::new());
    let mut row = |cells: [&str; 6]| table.write_record(cells).map_err(|e| fail(&e));
    row(["name", "class", "negative", "sounding", "seen", "list"])?;
    for i in items.iter() {
        let negative = i.negative.as_deref().unwrap_or("");
        let (sounding, seen) = (i.sounding.to_string(), i.seen.to_string());
        let list = shares.map_or("", |s| s.list_of(seed, i.index));
        row([&i.name, &i.class, negative, &sounding, &seen, list])?;
    }
    write_synced(&path, &table.into_inner().map_err(|e| fail(&e))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_items_list_never_changes_and_shares_hold() {
        let shares = ListShares([0.8, 0.1, 0.1]);
        let mut counts = [0u32; 3];
        for i in 0..20_000 {
            let at = LISTS.iter().position(|l| *l == shares.list_of(3, i)).unwrap();
            counts[at] += 1;
        }
        assert!((15_800..16_200).contains(&counts[0]), "{counts:?}");
        assert!((1_850..2_150).contains(&counts[1]), "{counts:?}");
        let all_test = ListShares([0.0, 0.0, 5.0]);
        assert!((0..1000).all(|i| all_test.list_of(0, i) == "test"));
        let written_down: Vec<_> = (0..6).map(|i| shares.list_of(7, i)).collect();
        assert_eq!(written_down, ["train", "val", "train", "train", "train", "train"]);
    }
}
