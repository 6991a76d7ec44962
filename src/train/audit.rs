//! Suspected false negatives: pairs that the contrastive term pushes apart although their sounds
//! and their pictures agree. What FNAC's terms protect, as a list that a person can judge.
//!
//! The score of a pair in one look at a batch is the smaller of two percentiles: the place of its
//! sounds' cosine among all pairs of the batch, and that of its pictures'. Both must be high, and
//! percentiles mean the same in a young network (all cosines near 1) as in an old one. Over
//! several looks the score is the mean with one imaginary look of 0.5 among them, so that a pair
//! seen once does not outrank one that agrees every time. Beside it stands the *pull*: the mean
//! of |Pa - Pz| and |Pu - Pz| over the pair's two entries, times B; what FNS-1 and FNS-2 do about
//! it. The pull orders pairs of equal score.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::events::Adjacency;

/// The file in the run's folder.
pub const FILE: &str = "false_negatives.json";
/// Pairs that are remembered; judged ones stay beyond it.
const KEPT: usize = 2048;
/// New pairs taken up from one look at most, best first.
const NEW_PER_LOOK: usize = 64;
/// A pair is taken up when its score in a look is at least this.
const ADMITTED: f64 = 0.75;
/// The score of the imaginary look.
const PRIOR: f64 = 0.5;
/// z of a 95 % interval.
const Z: f64 = 1.959_963_984_540_054;

/// What a person says about a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The same kind of source: the pair was no true negative.
    Same,
    /// Different sources: the contrastive term was right.
    Different,
    /// Cannot be told; counts for neither side.
    Unsure,
}

impl Verdict {
    /// All, in the order of their keys.
    pub const ALL: [Self; 3] = [Self::Same, Self::Different, Self::Unsure];

    /// As shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same source",
            Self::Different => "different",
            Self::Unsure => "unsure",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Different => "different",
            Self::Unsure => "unsure",
        }
    }
}

/// A pair that is suspected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suspect {
    /// The pair's ids, the smaller one first.
    pub ids: [String; 2],
    /// Looks at batches that held both.
    pub looks: u64,
    /// Step of the last one.
    pub last_step: u64,
    /// Sum of the scores over the looks.
    score_sum: f64,
    /// Cosine of the sounds in the last look.
    pub sound_cosine: f32,
    /// Cosine of the pictures in the last look.
    pub image_cosine: f32,
    /// Pull of FNS-1 and FNS-2 in the last look; 1 is what an even row would give.
    pub pull: f32,
    /// What the user said.
    #[serde(default)]
    pub verdict: Option<Verdict>,
}

impl Suspect {
    /// 0 to 1; see the module.
    pub fn score(&self) -> f64 {
        (self.score_sum + PRIOR) / (self.looks as f64 + 1.0)
    }
}

/// A share with its 95 % interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Precision {
    /// Pairs of the same source.
    pub same: usize,
    /// Pairs that were told: same or different.
    pub told: usize,
}

impl Precision {
    /// The share; `None` when nothing was told.
    pub fn share(self) -> Option<f64> {
        (self.told > 0).then(|| self.same as f64 / self.told as f64)
    }

    /// Wilson's 95 % interval; `None` when nothing was told.
    pub fn interval(self) -> Option<(f64, f64)> {
        let p = self.share()?;
        let n = self.told as f64;
        let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        Some(((middle - half).max(0.0), (middle + half).min(1.0)))
    }

    /// `0.83 [0.61, 0.94], n = 18`, or a dash.
    pub fn text(self) -> String {
        match (self.share(), self.interval()) {
            (Some(p), Some((lo, hi))) => format!("{p:.2} [{lo:.2}, {hi:.2}], n = {}", self.told),
            _ => "-, n = 0".to_owned(),
        }
    }

    fn count(verdicts: impl Iterator<Item = bool>) -> Self {
        verdicts.fold(Self::default(), |p, same| Self {
            same: p.same + usize::from(same),
            told: p.told + 1,
        })
    }
}

/// Whether two items are of one kind, by their class labels; `None` where one has none.
pub fn labels_say(a: &[String], b: &[String]) -> Option<bool> {
    (!a.is_empty() && !b.is_empty()).then(|| a.iter().any(|x| b.contains(x)))
}

/// The pairs of a run, over all its looks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FalseNegatives {
    pairs: HashMap<[String; 2], Suspect>,
    looks: u64,
    last_step: u64,
    /// Raised by every change.
    version: u64,
}

/// The file's layout.
#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    looks: u64,
    last_step: u64,
    pairs: Vec<Suspect>,
}

impl FalseNegatives {
    /// Raised by every change, so that a list is made only when something is new.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Pairs remembered.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// True before the first suspect.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Looks at batches so far.
    pub fn looks(&self) -> u64 {
        self.looks
    }

    /// Takes a look at a batch: known pairs get their new numbers whatever they are, new ones are
    /// taken up when they agree enough.
    pub fn look(&mut self, a: &Adjacency) {
        let b = a.batch();
        if !a.is_whole() || b < 2 {
            return;
        }
        self.looks += 1;
        self.last_step = self.last_step.max(a.step);
        self.version += 1;
        let places: Vec<(usize, usize)> =
            (0..b).flat_map(|i| (i + 1..b).map(move |j| (i, j))).collect();
        let of = |m: &[f32]| places.iter().map(|(i, j)| a.entry(m, *i, *j)).collect::<Vec<_>>();
        let (sound, image) = (of(&a.sound_cosine), of(&a.image_cosine));
        let (by_sound, by_image) = (percentiles(&sound), percentiles(&image));
        let mut fresh = Vec::new();
        for (k, (i, j)) in places.iter().copied().enumerate() {
            let score = by_sound[k].min(by_image[k]);
            // The same item twice is no pair, and the smaller of a number and none is the number.
            let known = by_sound[k].is_finite() && by_image[k].is_finite();
            if a.ids[i] == a.ids[j] || !known {
                continue;
            }
            let ids = ordered(&a.ids[i], &a.ids[j]);
            let seen = Suspect {
                looks: 1,
                last_step: a.step,
                score_sum: score,
                sound_cosine: sound[k],
                image_cosine: image[k],
                pull: pull(a, i, j),
                verdict: None,
                ids,
            };
            match self.pairs.get_mut(&seen.ids) {
                Some(known) => {
                    known.looks += 1;
                    known.score_sum += score;
                    known.last_step = a.step;
                    known.sound_cosine = seen.sound_cosine;
                    known.image_cosine = seen.image_cosine;
                    known.pull = seen.pull;
                }
                None if score >= ADMITTED => fresh.push(seen),
                None => {}
            }
        }
        fresh.sort_by(better);
        fresh.truncate(NEW_PER_LOOK);
        self.pairs.extend(fresh.into_iter().map(|s| (s.ids.clone(), s)));
        self.forget();
    }

    /// Drops the weakest unjudged pairs beyond the bound; in steps, so that not every look sorts.
    fn forget(&mut self) {
        if self.pairs.len() <= KEPT + KEPT / 4 {
            return;
        }
        let mut unjudged: Vec<&Suspect> =
            self.pairs.values().filter(|s| s.verdict.is_none()).collect();
        unjudged.sort_by(|a, b| better(a, b));
        let judged = self.pairs.len() - unjudged.len();
        let gone: Vec<[String; 2]> =
            unjudged.iter().skip(KEPT.saturating_sub(judged)).map(|s| s.ids.clone()).collect();
        for ids in gone {
            self.pairs.remove(&ids);
        }
    }

    /// All pairs, most suspect first.
    pub fn ranked(&self) -> Vec<Suspect> {
        let mut all: Vec<Suspect> = self.pairs.values().cloned().collect();
        all.sort_by(better);
        all
    }

    /// A pair, by its ids in any order.
    pub fn get(&self, a: &str, b: &str) -> Option<&Suspect> {
        self.pairs.get(&ordered(a, b))
    }

    /// Notes a verdict, or takes it back. False when the pair is not known.
    pub fn judge(&mut self, ids: &[String; 2], verdict: Option<Verdict>) -> bool {
        let Some(pair) = self.pairs.get_mut(&ordered(&ids[0], &ids[1])) else { return false };
        self.version += u64::from(pair.verdict != verdict);
        pair.verdict = verdict;
        true
    }

    /// Precision over everything that was told.
    pub fn precision(&self) -> Precision {
        Precision::count(self.pairs.values().filter_map(|s| told(s.verdict)))
    }

    /// Pairs judged unsure.
    pub fn unsure(&self) -> usize {
        self.pairs.values().filter(|s| s.verdict == Some(Verdict::Unsure)).count()
    }

    /// The list as a file that [`Self::from_json`] reads; most suspect first.
    ///
    /// # Errors
    /// Never for numbers that are finite, as these are.
    pub fn to_json(&self) -> io::Result<String> {
        let written = Written {
            version: 1,
            looks: self.looks,
            last_step: self.last_step,
            pairs: self.ranked(),
        };
        serde_json::to_string_pretty(&written).map_err(io::Error::other)
    }

    /// The list as a table: one pair per line, with what the labels say where they say something.
    ///
    /// # Errors
    /// What the writer of tables says.
    pub fn to_csv(&self, labels: impl Fn(&Suspect) -> Option<bool>) -> io::Result<String> {
        let mut out = csv::Writer::from_writer(Vec::new());
        out.write_record([
            "rank",
            "a",
            "b",
            "score",
            "looks",
            "last_step",
            "sound_cosine",
            "picture_cosine",
            "pull",
            "verdict",
            "labels_say",
        ])
        .map_err(io::Error::other)?;
        for (rank, s) in self.ranked().iter().enumerate() {
            let label = match labels(s) {
                Some(true) => "same",
                Some(false) => "different",
                None => "",
            };
            out.write_record([
                (rank + 1).to_string(),
                s.ids[0].clone(),
                s.ids[1].clone(),
                format!("{:.4}", s.score()),
                s.looks.to_string(),
                s.last_step.to_string(),
                format!("{:.4}", s.sound_cosine),
                format!("{:.4}", s.image_cosine),
                format!("{:.4}", s.pull),
                s.verdict.map_or("", Verdict::word).to_owned(),
                label.to_owned(),
            ])
            .map_err(io::Error::other)?;
        }
        let bytes = out.into_inner().map_err(|e| io::Error::other(e.to_string()))?;
        String::from_utf8(bytes).map_err(io::Error::other)
    }

    /// What a file holds.
    ///
    /// # Errors
    /// In words, without the file's name.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let written: Written = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if written.version != 1 {
            return Err(format!(
                "it is of version {}, this program reads version 1",
                written.version
            ));
        }
        let finite = |s: &Suspect| {
            s.score_sum.is_finite()
                && s.pull.is_finite()
                && s.sound_cosine.is_finite()
                && s.image_cosine.is_finite()
        };
        let pairs = written
            .pairs
            .into_iter()
            .filter(finite)
            .map(|mut s| {
                s.ids = ordered(&s.ids[0], &s.ids[1]);
                (s.ids.clone(), s)
            })
            .collect();
        let mut this =
            Self { pairs, looks: written.looks, last_step: written.last_step, version: 1 };
        this.forget();
        Ok(this)
    }

    /// What a run's folder holds; nothing where it has no such file yet.
    ///
    /// # Errors
    /// Names the file, the cause and the remedy.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let path = folder.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(format!("cannot read {}: {e}", path.display())),
        };
        Self::from_json(&text).map_err(|e| {
            format!(
                "cannot read {}: {e}. The list begins anew; move the file away to keep it",
                path.display()
            )
        })
    }

    /// Writes the list into a run's folder, whole.
    ///
    /// # Errors
    /// Names the file, the cause and the remedy.
    pub fn write(&self, folder: &Path) -> Result<(), String> {
        let path = folder.join(FILE);
        let written =
            self.to_json().and_then(|text| crate::files::write_whole(&path, text.as_bytes()));
        written.map_err(|e| {
            format!(
                "cannot write {}: {e}. The verdicts stay in the window; make room or give the \
                 folder its rights back",
                path.display()
            )
        })
    }
}

/// Precision among the first `k` of a ranked list: those that `told` answers for.
pub fn precision_at(
    ranked: &[Suspect],
    k: usize,
    told: impl Fn(&Suspect) -> Option<bool>,
) -> Precision {
    Precision::count(ranked.iter().take(k).filter_map(told))
}

/// Whether a verdict says that two items are the same.
pub fn told(verdict: Option<Verdict>) -> Option<bool> {
    match verdict? {
        Verdict::Same => Some(true),
        Verdict::Different => Some(false),
        Verdict::Unsure => None,
    }
}

fn ordered(a: &str, b: &str) -> [String; 2] {
    if a <= b { [a.to_owned(), b.to_owned()] } else { [b.to_owned(), a.to_owned()] }
}

/// Most suspect first: score, then pull, then the ids, so that equal ones keep their order.
fn better(a: &Suspect, b: &Suspect) -> std::cmp::Ordering {
    b.score().total_cmp(&a.score()).then(b.pull.total_cmp(&a.pull)).then_with(|| a.ids.cmp(&b.ids))
}

/// For each value the share of the others below it, equal ones counting half; 0.5 for a single
/// value. What is no number has none.
fn percentiles(values: &[f32]) -> Vec<f64> {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let n = sorted.len() as f64;
    values
        .iter()
        .map(|v| {
            if !v.is_finite() {
                return f64::NAN;
            }
            let below = sorted.partition_point(|s| s < v) as f64;
            let upto = sorted.partition_point(|s| s <= v) as f64;
            if n < 2.0 { 0.5 } else { (below + (upto - below - 1.0) / 2.0) / (n - 1.0) }
        })
        .collect()
}

/// Mean of |Pa - Pz| and |Pu - Pz| over the pair's two entries, times B.
fn pull(a: &Adjacency, i: usize, j: usize) -> f32 {
    let entry = |x: usize, y: usize| {
        let cross = a.entry(&a.cross, x, y);
        (a.entry(&a.sound, x, y) - cross).abs() + (a.entry(&a.image, x, y) - cross).abs()
    };
    let pull = (entry(i, j) + entry(j, i)) / 4.0 * a.batch() as f32;
    if pull.is_finite() { pull } else { 0.0 }
}

#[cfg(test)]
mod tests;
