//! What is wrong with a data set, item by item: missing, broken, short, silent, still, there
//! twice, at another rate, with boxes that mark nothing, on a test set's list.
//!
//! [`Look::at`] decodes one item, on any thread; [`Report::new`] puts all of them together.

mod boxes;
mod look;
mod twins;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use self::look::Look;

use super::dataset::Dataset;
use super::roll::Roll;

/// What can be wrong with an item. The order is that of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// A file of it is not there, or its truth cannot be read.
    Missing,
    /// Picture or sound cannot be decoded.
    Undecodable,
    /// Its sound is shorter than three seconds: it is repeated.
    Short,
    /// Nothing can be heard in its three seconds, and the set does not say so.
    Silent,
    /// Its picture has one colour, or its video does not move.
    Still,
    /// Its sound is at another rate than the rest: it is resampled here, and refused by the field's
    /// own loaders.
    Rate,
    /// A box or mask is empty, reversed or outside.
    Boxes,
    /// Another item has the same picture or the same sound.
    Duplicate,
    /// Another item has nearly the same picture.
    NearDuplicate,
    /// It is on the list that it was compared with.
    Overlap,
}

impl Trouble {
    /// Every kind in order.
    pub const ALL: [Self; 10] = [
        Self::Missing,
        Self::Undecodable,
        Self::Short,
        Self::Silent,
        Self::Still,
        Self::Rate,
        Self::Boxes,
        Self::Duplicate,
        Self::NearDuplicate,
        Self::Overlap,
    ];

    /// As in the JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Undecodable => "undecodable",
            Self::Short => "short",
            Self::Silent => "silent",
            Self::Still => "still",
            Self::Rate => "rate",
            Self::Boxes => "boxes",
            Self::Duplicate => "duplicate",
            Self::NearDuplicate => "near-duplicate",
            Self::Overlap => "overlap",
        }
    }

    /// A heading over the items, and what becomes of them.
    pub fn about(self) -> &'static str {
        match self {
            Self::Missing => "missing files or annotations; left out",
            Self::Undecodable => "cannot be decoded; left out",
            Self::Short => "shorter than 3 s; repeated to fill them",
            Self::Silent => "silent, and not marked as a negative",
            Self::Still => "a picture of one colour, or a video that does not move",
            Self::Rate => "another sample rate; resampled",
            Self::Boxes => "boxes or masks that are empty, reversed or outside the picture",
            Self::Duplicate => "the same picture or sound as another item",
            Self::NearDuplicate => "nearly the same picture as another item",
            Self::Overlap => "on the list that was compared with",
        }
    }

    /// Whether an item with it cannot be used at all.
    pub fn leaves_out(self) -> bool {
        matches!(self, Self::Missing | Self::Undecodable)
    }
}

/// One thing that is wrong with one item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// What.
    pub kind: Trouble,
    /// The item.
    pub id: String,
    /// In words.
    pub detail: String,
}

/// All that is known after every item was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The folder.
    pub dataset: String,
    /// The layout.
    pub format: String,
    /// Items that the folder or its list names.
    pub listed: usize,
    /// Items whose picture and sound can be decoded.
    pub usable: usize,
    /// Items with which nothing is wrong.
    pub clean: usize,
    /// Findings by kind; kinds without any are there with 0.
    pub counts: BTreeMap<&'static str, usize>,
    /// Items by the sample rate of their file.
    pub rates: BTreeMap<u32, usize>,
    /// Items of which the set says that nothing seen in them sounds.
    pub negatives: usize,
    /// Items of which the set says where they sound.
    pub with_truth: usize,
    /// Kinds of things that sound, where the set names them.
    pub classes: usize,
    /// Things to know about the set as a whole.
    pub notes: Vec<String>,
    /// Everything that was found, by kind, then by item.
    pub findings: Vec<Finding>,
    /// Names of the clean items.
    #[serde(skip)]
    pub clean_names: Vec<String>,
}

/// What a set is compared with.
#[derive(Clone, Debug, Default)]
pub struct Against {
    /// A list whose items must not be in the set: a test set's.
    pub list: Option<Roll>,
    /// The sample rate that sounds should have; else that of most of them.
    pub rate: Option<u32>,
}

impl Report {
    /// Puts together what was seen of `set`'s items, in its order. Items without a look (a run
    /// that was stopped) have no findings of their own.
    pub fn new(set: &Dataset, looks: &[Option<Look>], against: &Against) -> Self {
        let mut findings: Vec<Finding> = set
            .left_out
            .iter()
            .map(|l| Finding { kind: Trouble::Missing, id: l.id.clone(), detail: l.reason.clone() })
            .collect();
        let mut rates: BTreeMap<u32, usize> = BTreeMap::new();
        for look in looks.iter().flatten() {
            if let Ok(sound) = &look.sound {
                *rates.entry(sound.rate).or_default() += 1;
            }
        }
        let commonest = rates.iter().max_by_key(|(rate, n)| (**n, **rate)).map(|(rate, _)| *rate);
        let rate = against.rate.or(commonest);
        for (item, look) in set.items.iter().zip(looks) {
            let Some(look) = look else { continue };
            let mut add = |kind: Trouble, detail: String| {
                findings.push(Finding { kind, id: item.id.clone(), detail });
            };
            for (kind, detail) in look.troubles(item.negative.is_some()) {
                add(kind, detail);
            }
            if let (Ok(sound), Some(rate)) = (&look.sound, rate)
                && sound.rate != rate
            {
                add(Trouble::Rate, format!("{} Hz where {rate} Hz is expected", sound.rate));
            }
            if against.list.as_ref().is_some_and(|list| list.has(item)) {
                add(Trouble::Overlap, "it is on the list".into());
            }
        }
        findings.extend(twins::findings(&set.items, looks));
        findings.sort();
        let out: BTreeSet<&str> =
            findings.iter().filter(|f| f.kind.leaves_out()).map(|f| f.id.as_str()).collect();
        let found: BTreeSet<&str> = findings.iter().map(|f| f.id.as_str()).collect();
        let names = |but: &BTreeSet<&str>| {
            let kept = set.items.iter().filter(|i| !but.contains(i.id.as_str()));
            kept.map(|i| i.id.clone()).collect::<Vec<_>>()
        };
        let clean_names = names(&found);
        let count = |k: Trouble| findings.iter().filter(|f| f.kind == k).count();
        let has_class = |c: &&(String, usize)| !c.0.starts_with('(');
        Self {
            dataset: set.root.display().to_string(),
            format: set.format.clone(),
            listed: set.listed,
            usable: names(&out).len(),
            clean: clean_names.len(),
            counts: Trouble::ALL.iter().map(|k| (k.name(), count(*k))).collect(),
            rates,
            negatives: set.items.iter().filter(|i| i.negative.is_some()).count(),
            with_truth: set.items.iter().filter(|i| i.truth.is_some()).count(),
            classes: set.classes().iter().filter(has_class).count(),
            notes: set.notes.clone(),
            clean_names,
            findings,
        }
    }

    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}
