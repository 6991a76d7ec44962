//! The items of a run's data set, as pictures, labels, truth and sounds for the panels.
//!
//! Thread `fnac-items`: one request after the other, those asked for last first, since they are
//! what is looked at. At most 64 wait; older ones fall out and are asked for again when they are
//! drawn again. What was read is kept in a bounded store, so a panel may ask every frame.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::snippets::{LoadSound, at_rate};
use crate::data::{Item, LoadedTruth};
use crate::features::resize_bicubic;
use crate::train::audit::FalseNegatives;
use crate::train::{Augment, AugmentSection, Split, TrainConfig, Variation};
use crate::units::{RgbPicture, Waker};

/// Longer side of an item's picture here.
pub const SIDE: u32 = 160;
/// Requests that wait.
const WAITING: usize = 64;
/// Pictures kept: 512 of 75 KiB are 38 MiB.
const KEPT: usize = 512;
/// Side of the pictures that consensus boxes are given in.
const CONSENSUS: f64 = 224.0;
/// The rate at which sounds of data sets are always readable.
const USUAL_RATE: u32 = 16_000;

/// Which picture of an item.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PictureKey {
    /// The item.
    pub id: String,
    /// As it was varied in this step, or as it is.
    pub step: Option<u64>,
}

impl PictureKey {
    /// The picture as it is.
    pub fn plain(id: &str) -> Self {
        Self { id: id.to_owned(), step: None }
    }
}

/// A small picture and what is known about it.
#[derive(Debug, PartialEq)]
pub struct ItemPicture {
    /// At most [`SIDE`] wide and high.
    pub picture: RgbPicture,
    /// Boxes of what sounds in it, in fractions; of a varied picture none are given.
    pub truth: Vec<[f32; 4]>,
}

/// What a request came to.
pub type ItemAnswer = Result<Arc<ItemPicture>, String>;

/// The data set as far as it is known.
#[derive(Clone, Debug, Default)]
pub enum SetState {
    /// None was asked for.
    #[default]
    None,
    /// It is being listed.
    Opening,
    /// It cannot be used, and why.
    Refused(String),
    /// Here it is.
    Here(Arc<Set>),
}

/// A data set with a way from names to items.
#[derive(Debug)]
pub struct Set {
    /// The items that are learnt from, and after them those that validate.
    items: Vec<Item>,
    places: HashMap<String, usize>,
    /// Names of items that validate.
    pub validation: Vec<String>,
}

impl Set {
    /// From a set to learn from and one that validates.
    pub fn new(train: Vec<Item>, validation: Vec<Item>) -> Self {
        let names: Vec<String> = validation.iter().map(|i| i.id.clone()).collect();
        let mut items = train;
        items.extend(validation);
        let places = items.iter().enumerate().rev().map(|(i, item)| (item.id.clone(), i)).collect();
        Self { items, places, validation: names }
    }

    /// The item of that name.
    pub fn item(&self, id: &str) -> Option<&Item> {
        self.places.get(id).and_then(|i| self.items.get(*i))
    }

    /// Class labels of an item; empty without any.
    pub fn sounding(&self, id: &str) -> &[String] {
        self.item(id).map_or(&[], |i| &i.sounding)
    }

    /// Names to show where nothing was chosen: those that validate, spread over all of them, and
    /// where these are too few others beside them.
    pub fn some(&self, n: usize) -> Vec<String> {
        let spread = |names: &[String], n: usize| -> Vec<String> {
            let n = n.min(names.len());
            (0..n).filter_map(|k| names.get(k * names.len() / n).cloned()).collect()
        };
        let mut chosen = spread(&self.validation, n);
        // Those that validate stand last.
        let learnt = self.items.len().saturating_sub(self.validation.len());
        let others: Vec<String> = self.items.iter().take(learnt).map(|i| i.id.clone()).collect();
        chosen.extend(spread(&others, n - chosen.len()));
        chosen
    }
}

/// How pictures are varied, and in which steps how.
#[derive(Clone, Debug, Default)]
struct Varied {
    augment: Option<(AugmentSection, u64)>,
    /// Newest last; of the last few looks alone.
    looks: VecDeque<(u64, HashMap<String, Variation>)>,
}

#[derive(Default)]
struct Desk {
    stop: bool,
    open: Option<Arc<TrainConfig>>,
    /// Raised by every data set: answers about an older one are dropped.
    generation: u64,
    state: SetState,
    asked: VecDeque<PictureKey>,
    asked_set: HashSet<PictureKey>,
    kept: HashMap<PictureKey, (ItemAnswer, u64)>,
    uses: u64,
    varied: Varied,
    /// A run's folder that is to be looked through.
    scan: Option<PathBuf>,
    found: Option<Found>,
    /// Suspected pairs that are to be written, and where.
    write: Option<(PathBuf, FalseNegatives)>,
    trouble: Option<String>,
}

struct Shared {
    desk: Mutex<Desk>,
    bell: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The window's end. Dropping it lets the thread end.
pub struct Items {
    shared: Arc<Shared>,
}

impl Items {
    /// Starts the thread; without one there are no pictures, and the set says so.
    pub fn new(waker: Waker) -> Self {
        let shared = Arc::new(Shared { desk: Mutex::default(), bell: Condvar::new() });
        let theirs = shared.clone();
        let spawned = std::thread::Builder::new()
            .name("fnac-items".into())
            .spawn(move || work(&theirs, &waker));
        if let Err(e) = spawned {
            shared.lock().state = SetState::Refused(format!("no thread for the items: {e}"));
        }
        Self { shared }
    }

    /// Takes up a run's data set and its way of varying pictures.
    pub fn open(&self, config: Arc<TrainConfig>) {
        let mut desk = self.shared.lock();
        desk.generation += 1;
        let (augment, seed) = (config.augment.clone(), config.seed);
        desk.open = Some(config);
        desk.state = SetState::Opening;
        desk.asked.clear();
        desk.asked_set.clear();
        desk.kept.clear();
        desk.varied = Varied { augment: Some((augment, seed)), looks: VecDeque::new() };
        drop(desk);
        self.shared.bell.notify_all();
    }

    /// Looks at what a run's folder holds already.
    pub fn scan(&self, folder: PathBuf) {
        let mut desk = self.shared.lock();
        desk.found = None;
        desk.scan = Some(folder);
        drop(desk);
        self.shared.bell.notify_all();
    }

    /// What the folder held, once after each [`Self::scan`].
    pub fn found(&self) -> Option<Found> {
        self.shared.lock().found.take()
    }

    /// Writes the suspected pairs into a run's folder; the newest wins.
    pub fn write_pairs(&self, folder: PathBuf, pairs: FalseNegatives) {
        self.shared.lock().write = Some((folder, pairs));
        self.shared.bell.notify_all();
    }

    /// Why something could not be written, once.
    pub fn trouble(&self) -> Option<String> {
        self.shared.lock().trouble.take()
    }

    /// What happened to the pictures of a look.
    pub fn take_variations(&self, step: u64, of: HashMap<String, Variation>) {
        let mut desk = self.shared.lock();
        desk.varied.looks.retain(|(s, _)| *s != step);
        desk.varied.looks.push_back((step, of));
        while desk.varied.looks.len() > 4 {
            desk.varied.looks.pop_front();
        }
    }

    /// The data set.
    pub fn set(&self) -> SetState {
        self.shared.lock().state.clone()
    }

    /// The picture, when it is there; else it is asked for.
    pub fn picture(&self, key: &PictureKey) -> Option<ItemAnswer> {
        let mut desk = self.shared.lock();
        desk.uses += 1;
        let now = desk.uses;
        if let Some((answer, used)) = desk.kept.get_mut(key) {
            *used = now;
            return Some(answer.clone());
        }
        if matches!(desk.state, SetState::Here(_)) && desk.asked_set.insert(key.clone()) {
            desk.asked.push_back(key.clone());
            if desk.asked.len() > WAITING
                && let Some(old) = desk.asked.pop_front()
            {
                desk.asked_set.remove(&old);
            }
            drop(desk);
            self.shared.bell.notify_all();
        }
        None
    }

    /// A way to an item's sound; decoded by whom it is given to.
    pub fn sound(&self, id: &str) -> Option<LoadSound> {
        let SetState::Here(set) = self.set() else { return None };
        let item = set.item(id)?.clone();
        Some(Arc::new(move |rate| {
            // Not every reader gives every rate; all give the networks' own.
            item.load_sound(rate)
                .or_else(|_| item.load_sound(USUAL_RATE).map(|s| at_rate(&s, USUAL_RATE, rate)))
                .map_err(|e| e.to_string())
        }))
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.bell.notify_all();
    }
}

/// What a run's folder held.
#[derive(Debug)]
pub struct Found {
    /// The folder.
    pub folder: PathBuf,
    /// Checkpoints of epochs with their numbers; 0 is what the run began from.
    pub epochs: Vec<(PathBuf, u64)>,
    /// The suspected pairs of earlier sittings.
    pub pairs: Result<FalseNegatives, String>,
}

enum Job {
    Open(Arc<TrainConfig>, u64),
    Scan(PathBuf),
    Write(PathBuf, FalseNegatives),
    Picture(PictureKey, Box<Item>, Option<(Augment, Variation)>, u64),
}

fn work(shared: &Shared, waker: &Waker) {
    loop {
        let job = {
            let mut desk = shared.lock();
            loop {
                if desk.stop {
                    return;
                }
                if let Some(job) = next(&mut desk) {
                    break job;
                }
                desk = shared.bell.wait(desk).unwrap_or_else(PoisonError::into_inner);
            }
        };
        match job {
            Job::Open(config, generation) => {
                let state = match open(&config) {
                    Ok(set) => SetState::Here(Arc::new(set)),
                    Err(e) => SetState::Refused(e),
                };
                let mut desk = shared.lock();
                if desk.generation == generation {
                    desk.state = state;
                }
            }
            Job::Scan(folder) => {
                let found = Found {
                    epochs: epochs_in(&folder.join("checkpoints")),
                    pairs: FalseNegatives::read(&folder),
                    folder,
                };
                shared.lock().found = Some(found);
            }
            Job::Write(folder, pairs) => {
                if let Err(e) = pairs.write(&folder) {
                    shared.lock().trouble = Some(e);
                }
            }
            Job::Picture(key, item, varied, generation) => {
                let answer = load(&item, varied).map(Arc::new);
                let mut desk = shared.lock();
                desk.asked_set.remove(&key);
                if desk.generation == generation {
                    desk.uses += 1;
                    let now = desk.uses;
                    desk.kept.insert(key, (answer, now));
                    forget(&mut desk.kept);
                }
            }
        }
        waker();
    }
}

fn next(desk: &mut Desk) -> Option<Job> {
    if let Some(config) = desk.open.take() {
        return Some(Job::Open(config, desk.generation));
    }
    if let Some(folder) = desk.scan.take() {
        return Some(Job::Scan(folder));
    }
    if let Some((folder, pairs)) = desk.write.take() {
        return Some(Job::Write(folder, pairs));
    }
    let SetState::Here(set) = desk.state.clone() else { return None };
    while let Some(key) = desk.asked.pop_back() {
        let Some(item) = set.item(&key.id).cloned() else {
            desk.asked_set.remove(&key);
            let gone = Err(format!("{} is not in the data set", key.id));
            let now = desk.uses;
            desk.kept.insert(key, (gone, now));
            continue;
        };
        let varied = key.step.and_then(|step| {
            let (section, seed) = desk.varied.augment.clone()?;
            let (_, of) = desk.varied.looks.iter().find(|(s, _)| *s == step)?;
            Some((Augment::new(section, seed), *of.get(&key.id)?))
        });
        if key.step.is_some() && varied.is_none() {
            // A look of long ago, or one that did not say.
            desk.asked_set.remove(&key);
            let now = desk.uses;
            desk.kept.insert(key, (Err("how it was varied is not known".into()), now));
            continue;
        }
        return Some(Job::Picture(key, Box::new(item), varied, desk.generation));
    }
    None
}

fn forget(kept: &mut HashMap<PictureKey, (ItemAnswer, u64)>) {
    if kept.len() <= KEPT {
        return;
    }
    let mut uses: Vec<u64> = kept.values().map(|(_, used)| *used).collect();
    uses.sort_unstable();
    let limit = uses[uses.len() / 4];
    kept.retain(|_, (_, used)| *used > limit);
}

fn open(config: &TrainConfig) -> Result<Set, String> {
    let split = Split::open(config).map_err(|e| e.to_string())?;
    Ok(Set::new(split.train.items, split.validation.items))
}

fn load(item: &Item, varied: Option<(Augment, Variation)>) -> Result<ItemPicture, String> {
    let picture = item.load_picture().map_err(|e| e.to_string())?;
    if let Some((augment, variation)) = varied {
        let picture = augment.varied_picture(&picture, &variation);
        return Ok(ItemPicture { picture: small(&picture), truth: Vec::new() });
    }
    // A truth that cannot be read is the data doctor's to complain about.
    let truth = item.load_truth().ok().flatten().map(|t| truth_boxes(&t)).unwrap_or_default();
    Ok(ItemPicture { picture: small(&picture), truth })
}

/// Boxes of what sounds, in fractions of the picture; of a mask its bounds.
pub fn truth_boxes(truth: &LoadedTruth) -> Vec<[f32; 4]> {
    let ordered = |[x0, y0, x1, y1]: [f64; 4]| {
        [x0.min(x1), y0.min(y1), x0.max(x1), y0.max(y1)].map(|v| v as f32)
    };
    match truth {
        LoadedTruth::Boxes(boxes) => boxes.iter().copied().map(ordered).collect(),
        LoadedTruth::Consensus(boxes) => {
            boxes.iter().map(|b| ordered(b.map(|v| f64::from(v) / CONSENSUS))).collect()
        }
        LoadedTruth::Mask(mask) => {
            let (w, h) = (mask.width(), mask.height());
            mask.bounds().map(|b| ordered(b.fractions(w, h))).into_iter().collect()
        }
        LoadedTruth::Track { track, at } => track
            .at(*at)
            .iter()
            .filter(|t| t.sounding)
            .filter_map(|t| t.bbox)
            .map(|b| ordered(b.fractions(track.width, track.height)))
            .collect(),
    }
}

/// At most [`SIDE`] wide and high.
pub fn small(picture: &RgbPicture) -> RgbPicture {
    let (w, h) = (picture.width(), picture.height());
    let most = w.max(h);
    if most <= SIDE {
        return picture.clone();
    }
    let scaled = |v: u32| ((u64::from(v) * u64::from(SIDE) / u64::from(most)) as u32).max(1);
    resize_bicubic(picture, scaled(w), scaled(h))
}

/// Checkpoints of epochs in a folder, in order.
fn epochs_in(folder: &std::path::Path) -> Vec<(PathBuf, u64)> {
    let mut found: Vec<(PathBuf, u64)> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let path = entry.path();
            let name = path.file_stem()?.to_string_lossy().into_owned();
            let start = name == "start" || name == "warm";
            let epoch = name.strip_prefix("epoch-").and_then(|n| n.parse().ok());
            let is_file = path.extension().is_some_and(|e| e == "safetensors");
            let epoch = if start { Some(0) } else { epoch };
            epoch.filter(|_| is_file).map(|epoch| (path, epoch))
        })
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Moment, PictureRef, SoundRef};
    use crate::units::no_waker;
    use std::time::{Duration, Instant};

    fn item(id: &str, picture: &std::path::Path, sounding: &[&str]) -> Item {
        Item {
            id: id.to_owned(),
            clip: id.to_owned(),
            picture: PictureRef::File(picture.to_owned()),
            sound: SoundRef { path: "none.wav".into(), moment: Moment::Middle },
            sounding: sounding.iter().map(|s| (*s).to_owned()).collect(),
            seen: Vec::new(),
            negative: None,
            truth: None,
        }
    }

    fn picture(dir: &std::path::Path, name: &str, size: (u32, u32)) -> PathBuf {
        let path = dir.join(name);
        let data = vec![200u8; (size.0 * size.1 * 3) as usize];
        image::save_buffer(&path, &data, size.0, size.1, image::ColorType::Rgb8).unwrap();
        path
    }

    fn answer(items: &Items, key: &PictureKey) -> ItemAnswer {
        let started = Instant::now();
        loop {
            if let Some(answer) = items.picture(key) {
                return answer;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "never");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn with_set(set: Set) -> Items {
        let items = Items::new(no_waker());
        items.shared.lock().state = SetState::Here(Arc::new(set));
        items
    }

    #[test]
    fn a_picture_is_read_once_and_small() {
        let dir = tempfile::tempdir().unwrap();
        let path = picture(dir.path(), "a.png", (640, 320));
        let items = with_set(Set::new(vec![item("a", &path, &["dog"])], Vec::new()));
        let key = PictureKey::plain("a");
        assert!(items.picture(&key).is_none(), "asking never waits");
        let first = answer(&items, &key).unwrap();
        assert_eq!((first.picture.width(), first.picture.height()), (SIDE, SIDE / 2));
        std::fs::remove_file(path).unwrap();
        assert!(Arc::ptr_eq(&answer(&items, &key).unwrap(), &first), "kept");
    }

    #[test]
    fn what_cannot_be_read_says_why_and_is_not_asked_for_again_and_again() {
        let dir = tempfile::tempdir().unwrap();
        let gone = dir.path().join("gone.png");
        let items = with_set(Set::new(vec![item("a", &gone, &[])], Vec::new()));
        let e = answer(&items, &PictureKey::plain("a")).unwrap_err();
        assert!(e.contains("gone.png"), "{e}");
        let e = answer(&items, &PictureKey::plain("nobody")).unwrap_err();
        assert!(e.contains("nobody"), "{e}");
        let e = answer(&items, &PictureKey { id: "a".into(), step: Some(3) }).unwrap_err();
        assert!(e.contains("varied"), "{e}");
    }

    #[test]
    fn a_varied_picture_is_the_one_that_the_step_saw() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ramp.png");
        let data: Vec<u8> = (0..300u32 * 260).flat_map(|k| [(k % 300 / 2) as u8; 3]).collect();
        image::save_buffer(&path, &data, 300, 260, image::ColorType::Rgb8).unwrap();
        let it = item("a", &path, &[]);
        let augment = Augment::new(AugmentSection { flip: 1.0, ..Default::default() }, 5);
        let variation = augment.variation(2, 0, 200);
        let want = small(&augment.varied_picture(&it.load_picture().unwrap(), &variation));
        let items = with_set(Set::new(vec![it], Vec::new()));
        items.shared.lock().varied.augment =
            Some((AugmentSection { flip: 1.0, ..Default::default() }, 5));
        items.take_variations(7, HashMap::from([("a".to_owned(), variation)]));
        let got = answer(&items, &PictureKey { id: "a".into(), step: Some(7) }).unwrap();
        assert_eq!(got.picture, want);
        let plain = answer(&items, &PictureKey::plain("a")).unwrap();
        assert_ne!(got.picture, plain.picture, "mirrored and cut");
    }

    #[test]
    fn validating_items_are_shown_first_and_spread() {
        let nowhere = std::path::Path::new("x.png");
        let train: Vec<Item> = (0..50).map(|i| item(&format!("t{i:02}"), nowhere, &[])).collect();
        let valid: Vec<Item> = (0..16).map(|i| item(&format!("v{i:02}"), nowhere, &[])).collect();
        let set = Set::new(train.clone(), valid);
        let chosen = set.some(8);
        assert_eq!(chosen, ["v00", "v02", "v04", "v06", "v08", "v10", "v12", "v14"]);
        assert_eq!(Set::new(train.clone(), Vec::new()).some(2), ["t00", "t25"]);
        let one = vec![item("v00", nowhere, &[])];
        assert_eq!(Set::new(train, one).some(3), ["v00", "t00", "t25"]);
        assert!(Set::new(Vec::new(), Vec::new()).some(8).is_empty());
        assert!(set.item("v03").is_some() && set.item("t49").is_some());
    }

    #[test]
    fn every_kind_of_truth_gives_boxes_in_fractions() {
        let reversed = LoadedTruth::Boxes(vec![[0.75, 0.5, 0.25, 1.0]]);
        assert_eq!(truth_boxes(&reversed), [[0.25, 0.5, 0.75, 1.0]]);
        let consensus = LoadedTruth::Consensus(vec![[56, 0, 112, 224]]);
        assert_eq!(truth_boxes(&consensus), [[0.25, 0.0, 0.5, 1.0]]);
        let mask = crate::truth::Mask::from_fn(8, 4, |x, y| (2..4).contains(&x) && y < 2);
        assert_eq!(truth_boxes(&LoadedTruth::Mask(mask)), [[0.25, 0.0, 0.5, 0.5]]);
        let nothing = crate::truth::Mask::from_fn(8, 4, |_, _| false);
        assert!(truth_boxes(&LoadedTruth::Mask(nothing)).is_empty());
    }

    #[test]
    fn epochs_of_a_folder_are_found_and_other_files_are_not() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "epoch-0002.safetensors",
            "epoch-0001.safetensors",
            "last.safetensors",
            "warm.safetensors",
            "epoch-0003.part",
        ] {
            std::fs::write(dir.path().join(name), b"").unwrap();
        }
        let found: Vec<u64> = epochs_in(dir.path()).into_iter().map(|(_, e)| e).collect();
        assert_eq!(found, [1, 2, 0]);
        assert!(epochs_in(&dir.path().join("no such")).is_empty());
    }

    #[test]
    fn a_folder_that_is_no_data_set_is_refused_in_words() {
        let items = Items::new(no_waker());
        let mut config = TrainConfig::default();
        config.data.train = "/no/such/folder".into();
        items.open(Arc::new(config));
        let started = Instant::now();
        loop {
            if let SetState::Refused(why) = items.set() {
                assert!(why.contains("/no/such/folder"), "{why}");
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "never refused");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
