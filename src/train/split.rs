//! What is learnt from and what is held out: decided once, before the first step.
//!
//! The held-out part is chosen by the clips' names alone, not by the run's seed: runs on one data
//! set hold out the same items, so their figures can be compared and a run that starts from
//! another's weights has not seen what it is validated on. Items of one clip lie on the same side.
//! A test set's names in `data.exclude` are in neither part.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::TrainConfig;
use super::run_folder::DataFacts;
use crate::data::{DataError, Dataset, LeftOut, OpenOptions, Roll};

/// Both parts of a run's data.
#[derive(Clone, Debug)]
pub struct Split {
    /// What is learnt from.
    pub train: Dataset,
    /// What validates; may hold nothing.
    pub validation: Dataset,
    /// Items that were taken out because `data.exclude` names them.
    pub excluded: usize,
}

impl Split {
    /// Opens the folders that a configuration names and parts them. Blocks for the disk.
    ///
    /// # Errors
    /// A folder or list cannot be read, or nothing is left to learn from; with the remedy.
    pub fn open(config: &TrainConfig) -> Result<Self, DataError> {
        let section = &config.data;
        if section.train.is_empty() {
            let remedy = "Set data.train to the folder with your pictures and sounds.";
            return Err(DataError::read(Path::new("data.train"), "no folder is named", remedy));
        }
        let mut train = open(&section.train, &section.format, &section.list)?;
        let excluded = match section.exclude.as_str() {
            "" => None,
            list => Some(Roll::find(&train.root, Path::new(list))?),
        };
        let taken_out = excluded.as_ref().map_or(0, |roll| train.exclude(roll));
        let mut validation = if section.validation.is_empty() {
            hold_out(&mut train, section.validation_share)
        } else {
            let set = open(&section.validation, &section.format, &section.validation_list)?;
            // A pair that is in both folders is held out.
            let names: BTreeSet<&str> = set.items.iter().map(|i| i.id.as_str()).collect();
            if set.root == train.root {
                train.items.retain(|item| !names.contains(item.id.as_str()));
            }
            set
        };
        let most = section.validation_items;
        if most > 0 && validation.items.len() > most {
            // The rest stays unseen: a smaller sample of the same held-out part.
            let keep = first_by_name(&validation, most);
            validation.items.retain(|item| keep.contains(&item.id));
        }
        keep_pairs(&mut train);
        let split = Self { train, validation, excluded: taken_out };
        split.check(config)?;
        Ok(split)
    }

    fn check(&self, config: &TrainConfig) -> Result<(), DataError> {
        let (n, size) = (self.train.items.len(), config.batch.size);
        if n >= size.max(2) {
            return Ok(());
        }
        let root = &self.train.root;
        let mut cause = format!("only {n} pairs can be learnt from ({}", self.train.usable());
        let held = if config.data.validation.is_empty() { self.validation.items.len() } else { 0 };
        for (count, what) in [(held, "held out"), (self.excluded, "excluded")] {
            if count > 0 {
                cause.push_str(&format!(", {count} {what}"));
            }
        }
        cause.push(')');
        if let Some(first) = self.train.left_out.first() {
            cause.push_str(&format!("; left out first: `{}`: {}", first.id, first.reason));
        }
        if n < 2 {
            let remedy = "At least 2 are needed: a picture is told from another one's sound.";
            return Err(DataError::read(root, cause, remedy));
        }
        let remedy = format!(
            "A batch has {size}: set batch.size to at most {n}, or add data. Repeating clips would \
             make pairs that are told from themselves."
        );
        Err(DataError::read(root, cause, &remedy))
    }

    /// Both parts as a card has them.
    pub fn facts(&self) -> (DataFacts, DataFacts) {
        (facts(&self.train), facts(&self.validation))
    }
}

fn facts(set: &Dataset) -> DataFacts {
    DataFacts {
        folder: set.root.display().to_string(),
        layout: set.format.clone(),
        fingerprint: set.fingerprint(),
        items: set.items.len(),
        listed: set.listed,
        left_out: set.left_out.iter().map(|l| (l.id.clone(), l.reason.clone())).collect(),
    }
}

fn open(root: &str, format: &str, list: &str) -> Result<Dataset, DataError> {
    let list = (!list.is_empty()).then(|| PathBuf::from(list));
    let options = OpenOptions { format: format.to_owned(), list, annotations: None };
    Dataset::open(Path::new(root), &options)
}

/// Takes a share of the items out, whole clips of them; at least one where a share is wanted and
/// three are there.
fn hold_out(train: &mut Dataset, share: f64) -> Dataset {
    let n = train.items.len();
    let wanted = (share * n as f64).round() as usize;
    let wanted = if share > 0.0 && n > 2 { wanted.max(1) } else { wanted };
    let clips: BTreeSet<String> = {
        let names = first_by_name(train, wanted);
        let held = train.items.iter().filter(|item| names.contains(&item.id));
        held.map(|item| item.clip.clone()).collect()
    };
    let (held, rest) = std::mem::take(&mut train.items)
        .into_iter()
        .partition::<Vec<_>, _>(|item| clips.contains(&item.clip));
    train.items = rest;
    Dataset {
        root: train.root.clone(),
        format: train.format.clone(),
        listed: held.len(),
        items: held,
        ..Dataset::default()
    }
}

/// The `n` items whose clips' names have the smallest hashes: the same ones in every run, and
/// nearly the same ones when the set has grown.
fn first_by_name(set: &Dataset, n: usize) -> BTreeSet<String> {
    let mut by_hash: BTreeMap<(Vec<u8>, &str), &str> = BTreeMap::new();
    for item in &set.items {
        let hash = Sha256::digest(item.clip.as_bytes()).to_vec();
        by_hash.insert((hash, item.id.as_str()), item.id.as_str());
    }
    by_hash.into_values().take(n).map(str::to_owned).collect()
}

/// Leaves out what the truth says is no pair: nothing in these pictures sounds.
fn keep_pairs(set: &mut Dataset) {
    let (pairs, silent) = std::mem::take(&mut set.items)
        .into_iter()
        .partition::<Vec<_>, _>(|item| item.negative.is_none());
    set.items = pairs;
    set.left_out.extend(silent.into_iter().map(|item| LeftOut {
        id: item.id,
        reason: "nothing that is seen in it sounds: it is no pair".to_owned(),
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::testing::write_pairs;

    fn config(dir: &Path) -> TrainConfig {
        let mut c = TrainConfig::default();
        c.data.train = dir.display().to_string();
        c.data.validation_share = 0.25;
        c.batch.size = 4;
        c
    }

    fn ids(set: &Dataset) -> BTreeSet<String> {
        set.items.iter().map(|i| i.id.clone()).collect()
    }

    #[test]
    fn the_held_out_part_is_the_same_for_every_seed_and_never_learnt_from() {
        let dir = tempfile::tempdir().unwrap();
        write_pairs(dir.path(), 3, 16);
        let c = config(dir.path());
        let a = Split::open(&c).unwrap();
        let b = Split::open(&TrainConfig { seed: 99, ..c.clone() }).unwrap();
        assert_eq!((ids(&a.train), ids(&a.validation)), (ids(&b.train), ids(&b.validation)));
        assert!(ids(&a.train).is_disjoint(&ids(&a.validation)));
        assert_eq!(a.validation.items.len(), 4);
        // A set that grew holds out what it held out before, as far as the share goes.
        write_pairs(dir.path(), 4, 4);
        let grown = Split::open(&c).unwrap();
        let stayed = ids(&grown.validation).intersection(&ids(&a.validation)).count();
        assert!(stayed >= 3, "{stayed} of 4");
        let mut few = c.clone();
        few.data.validation_items = 2;
        let small = Split::open(&few).unwrap();
        assert_eq!(small.validation.items.len(), 2);
        assert_eq!(ids(&small.train), ids(&grown.train), "the rest stays unseen");
    }

    #[test]
    fn excluded_names_are_in_neither_part() {
        let dir = tempfile::tempdir().unwrap();
        write_pairs(dir.path(), 3, 12);
        let mut c = config(dir.path());
        let before = Split::open(&c).unwrap();
        let all: Vec<String> =
            ids(&before.train).into_iter().chain(ids(&before.validation)).collect();
        let list = dir.path().join("test.txt");
        let out = [all[0].as_str(), all[5].as_str(), all[11].as_str(), "of another set"];
        std::fs::write(&list, out.join("\n")).unwrap();
        c.data.exclude = list.display().to_string();
        let split = Split::open(&c).unwrap();
        assert_eq!(split.excluded, 3);
        let kept: BTreeSet<_> = ids(&split.train).union(&ids(&split.validation)).cloned().collect();
        assert!(out.iter().all(|id| !kept.contains(*id)));
    }

    #[test]
    fn too_little_data_is_refused_with_what_there_is() {
        let dir = tempfile::tempdir().unwrap();
        for (n, word) in [(0, "only 0 pairs"), (1, "only 1 pairs"), (3, "batch.size to at most 2")]
        {
            write_pairs(dir.path(), 3, n);
            std::fs::create_dir_all(dir.path().join("frames")).unwrap();
            std::fs::create_dir_all(dir.path().join("audio")).unwrap();
            let error = Split::open(&config(dir.path())).unwrap_err().to_string();
            assert!(error.contains(word), "{n}: {error}");
        }
        let mut none = config(dir.path());
        none.data.train.clear();
        assert!(Split::open(&none).unwrap_err().to_string().contains("Set data.train"));
        let mut list = config(dir.path());
        let path = dir.path().join("list.txt");
        std::fs::write(&path, "gone_1\ngone_2\ngone_3\n").unwrap();
        list.data.list = path.display().to_string();
        let error = Split::open(&list).unwrap_err().to_string();
        assert!(error.contains("0 of 3 usable") && error.contains("gone_1"), "{error}");
        list.data.list = dir.path().join("no.txt").display().to_string();
        assert!(Split::open(&list).unwrap_err().to_string().contains("no.txt"));
    }

    #[test]
    fn a_validation_folder_is_taken_whole() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write_pairs(dir.path(), 3, 8);
        write_pairs(other.path(), 5, 3);
        let mut c = config(dir.path());
        c.data.validation = other.path().display().to_string();
        let split = Split::open(&c).unwrap();
        assert_eq!((split.train.items.len(), split.validation.items.len()), (8, 3));
        let (facts, held) = split.facts();
        assert_eq!((facts.items, held.items), (8, 3));
        assert_ne!(facts.fingerprint, held.fingerprint);
    }
}
