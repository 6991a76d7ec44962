//! A run as one sees and hears it: the overlay that learns, the batch's matrices, the suspected
//! false negatives, the watch list.
//!
//! Owns no arithmetic: matrices and pairs are [`crate::train`]'s, maps [`crate::infer`]'s. Panels
//! read a [`Learning`] and ask by [`LearnAsk`]; `actions.rs` does what was asked and hands the
//! choice of weights to the workers. Start with [`Learning::follow`], which takes up what the run
//! said.

mod actions;
pub mod items;
pub mod moments;
pub mod settings;
pub mod snippets;
pub mod watch;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::training::TrainingState;
use super::view::CheckpointSummary;
use crate::audio::OutputChoice;
use crate::infer::{LiveFacts, LiveModel, TowerOpener, Weights};
use crate::train::TrainConfig;
use crate::train::audit::{FalseNegatives, Suspect, Verdict, labels_say};
use crate::train::events::{Adjacency, RunFacts};
use crate::units::Waker;

pub use items::{ItemPicture, Items, PictureKey, Set, SetState};
pub use moments::{Kind, Moment, Moments};
pub use settings::{LearnSettings, LookRate};
pub use snippets::Snippets;
pub use watch::{Answer, DrawKey, Pin, PinSource, Watch};

use watch::{PINS, WatchMoment};

/// Suspected pairs are written this long after the last look; a verdict at once.
const WRITE_AFTER: Duration = Duration::from_secs(30);

/// What panels and commands ask; done after the frame.
#[derive(Clone, Debug, PartialEq)]
pub enum LearnAsk {
    /// Whether the picture shows what is learnt.
    Show(bool),
    /// Weights of a moment; `None` for the newest, as they come.
    At(Option<u64>),
    /// One moment earlier (negative) or later.
    Step(i32),
    /// The start's weights, while a key is held.
    Base(bool),
    /// Other settings.
    Settings(LearnSettings),
    /// Play these items' sounds one after the other.
    Play(Vec<String>),
    /// Silence.
    Quiet,
    /// A row of the list of pairs.
    Select(Option<[String; 2]>),
    /// The pair after or before the selected one.
    NextPair(i32),
    /// What the user says about a pair; `None` takes it back.
    Judge([String; 2], Option<Verdict>),
    /// Ask where the list goes.
    Export(PairFormat),
    /// The frame on the screen becomes a pin.
    PinFrame,
    /// An item becomes a pin.
    PinItem(String),
    /// A pin goes.
    Unpin(u64),
    /// The pins as at the start of a run.
    UsualPins,
}

/// How the list of pairs is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairFormat {
    /// A table.
    Csv,
    /// As the run's folder holds it.
    Json,
}

/// Mean absolute differences of the looks in an epoch: the history of the three terms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EpochGaps {
    /// From 1.
    pub epoch: u64,
    /// Looks in it.
    pub looks: u64,
    sums: [f64; 3],
}

impl EpochGaps {
    /// Means, in the order of [`crate::train::AdjacencyTerm::ALL`].
    pub fn means(&self) -> [f64; 3] {
        self.sums.map(|s| s / self.looks.max(1) as f64)
    }
}

/// The matrices as they come.
#[derive(Clone, Debug, Default)]
pub struct Matrices {
    /// The last look.
    pub now: Option<Arc<Adjacency>>,
    /// Per epoch, oldest first.
    pub history: Vec<EpochGaps>,
}

impl Matrices {
    fn take(&mut self, a: &Arc<Adjacency>, per_epoch: u64) {
        let epoch = a.step / per_epoch.max(1) + 1;
        // A run that went back takes its later steps again.
        self.history.retain(|h| h.epoch <= epoch);
        if self.history.last().is_none_or(|h| h.epoch != epoch) {
            self.history.push(EpochGaps { epoch, ..EpochGaps::default() });
        }
        if let Some(h) = self.history.last_mut() {
            h.looks += 1;
            h.sums.iter_mut().zip(a.gaps()).for_each(|(s, g)| *s += g);
        }
        self.now = Some(a.clone());
    }
}

/// The list of suspected pairs.
#[derive(Debug, Default)]
pub struct Audit {
    /// All pairs.
    pub pairs: FalseNegatives,
    /// The list, most suspect first.
    pub ranked: Vec<Suspect>,
    /// The row that keys act on.
    pub selected: Option<[String; 2]>,
    ranked_at: u64,
    /// What the folder holds was read: looks count from here on.
    read: bool,
    written: u64,
    due: Option<Instant>,
}

impl Audit {
    /// Brings the list up to date.
    fn rank(&mut self) {
        if self.ranked_at != self.pairs.version() {
            self.ranked_at = self.pairs.version();
            self.ranked = self.pairs.ranked();
        }
    }

    /// Place of the selected pair in the list.
    pub fn place(&self) -> Option<usize> {
        let ids = self.selected.as_ref()?;
        self.ranked.iter().position(|s| s.ids == *ids)
    }
}

/// The weights that are wanted in the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Choice {
    /// A moment's; `None` follows the newest.
    pub at: Option<u64>,
    /// The key for the start's weights is held.
    pub base: bool,
    /// Another checkpoint was loaded since: it is in the picture until the user or the next run
    /// brings the learnt one back.
    pub put_aside: bool,
}

/// All of it.
pub struct Learning {
    /// Weights that can be shown.
    pub moments: Moments,
    /// Those that are wanted.
    pub choice: Choice,
    /// The last look at a batch, and its history.
    pub matrices: Matrices,
    /// Suspected pairs.
    pub audit: Audit,
    /// Pictures, labels and sounds of the data set.
    pub items: Items,
    /// Maps of the pins, epoch by epoch.
    pub watch: Watch,
    /// What is pinned.
    pub pins: Vec<Pin>,
    /// Sounds beside the player.
    pub snippets: Snippets,
    folder: Option<PathBuf>,
    live: bool,
    step: u64,
    per_epoch: u64,
    steps_per_sec: f64,
    seen: Seen,
    pin_ids: u64,
    /// The user chose pins: the usual ones do not come by themselves.
    pins_chosen: bool,
    told: Told,
    /// The player was paused for a snippet and goes on after it; whether the pause was seen.
    player_waits: Option<bool>,
    output: OutputChoice,
    sent: Sent,
}

/// The weights in the picture, as the panels show a checkpoint.
#[derive(Clone, Debug)]
pub(super) struct LiveSummary {
    /// Whose.
    pub of: u64,
    /// As of a loaded one.
    pub summary: CheckpointSummary,
}

impl LiveSummary {
    fn of(facts: &LiveFacts, name: String) -> Self {
        let summary = CheckpointSummary {
            name,
            card: facts.card.clone(),
            width: facts.config.width,
            dim: facts.config.dim,
            format: "weights of the run".to_owned(),
            sha256: facts.sha256.clone(),
            notes: Vec::new(),
            path: None,
        };
        Self { of: facts.id, summary }
    }
}

/// What was taken up already.
#[derive(Default)]
struct Seen {
    facts: Option<Arc<RunFacts>>,
    adjacency: Option<Arc<Adjacency>>,
    published: Option<u64>,
    saved: Vec<(PathBuf, u64)>,
    moments: u64,
    set_here: bool,
}

/// What the run was told.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Told {
    publish: Option<u64>,
    look: Option<u64>,
}

/// What the live worker was told.
#[derive(Default)]
struct Sent {
    model: Option<u64>,
    shelf: u64,
    resting: bool,
}

impl Learning {
    /// Starts the threads; they rest until there is a run. Sounds go to `output`.
    pub fn new(opener: Arc<dyn TowerOpener>, output: OutputChoice, waker: Waker) -> Self {
        Self {
            moments: Moments::default(),
            choice: Choice::default(),
            matrices: Matrices::default(),
            audit: Audit::default(),
            items: Items::new(waker.clone()),
            watch: Watch::new(opener, waker.clone()),
            pins: Vec::new(),
            snippets: Snippets::new(waker),
            folder: None,
            live: false,
            step: 0,
            per_epoch: 1,
            steps_per_sec: 0.0,
            seen: Seen::default(),
            pin_ids: 0,
            pins_chosen: false,
            told: Told::default(),
            player_waits: None,
            output,
            sent: Sent::default(),
        }
    }

    /// True while a run works or waits.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// The run's folder.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The step that the run has come to.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Steps in an epoch.
    pub fn per_epoch(&self) -> u64 {
        self.per_epoch
    }

    /// Takes up what the run said; gives back what the user should know.
    pub fn follow(&mut self, state: &TrainingState, live: bool) -> Vec<String> {
        let mut words = Vec::new();
        self.live = live;
        if let Some(facts) = &state.facts
            && !self.seen.facts.as_ref().is_some_and(|f| Arc::ptr_eq(f, facts))
        {
            self.begin(facts, state.config.as_ref());
        }
        if self.folder.is_none() {
            return words;
        }
        self.step = state.step();
        let recent = &state.steps[state.steps.len().saturating_sub(20)..];
        let spent: f64 = recent.iter().map(|r| r.wait + r.compute).sum();
        self.steps_per_sec = if spent > 0.0 { recent.len() as f64 / spent } else { 0.0 };
        self.take_found(&mut words);
        if let Some(p) = &state.published
            && self.seen.published != Some(p.step)
        {
            self.seen.published = Some(p.step);
            self.moments.take_published(p.checkpoint.clone(), p.step, self.per_epoch);
        }
        if state.saved.len() != self.seen.saved.len()
            || state.saved.last().map(|s| s.step) != self.seen.saved.last().map(|s| s.1)
        {
            self.seen.saved = state.saved.iter().map(|s| (s.path.clone(), s.step)).collect();
            self.seen.saved.iter().for_each(|(path, step)| self.moments.take_saved(path, *step));
        }
        if let Some(a) = &state.adjacency
            && !self.seen.adjacency.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, a))
        {
            self.seen.adjacency = Some(a.clone());
            self.look(a);
        }
        self.follow_items();
        self.follow_watch(state.config.as_ref());
        self.audit.rank();
        self.write_pairs(false);
        words.extend(self.items.trouble());
        words
    }

    /// Another run, or another sitting of the same one.
    fn begin(&mut self, facts: &Arc<RunFacts>, config: Option<&Arc<TrainConfig>>) {
        self.seen.facts = Some(facts.clone());
        self.seen.adjacency = None;
        self.seen.published = None;
        self.seen.saved.clear();
        self.told = Told::default();
        self.per_epoch = facts.steps_per_epoch.max(1);
        if self.folder.as_ref() == Some(&facts.folder) {
            return;
        }
        self.write_pairs(true);
        self.folder = Some(facts.folder.clone());
        self.moments.clear();
        self.choice = Choice::default();
        self.matrices = Matrices::default();
        self.audit = Audit::default();
        self.pins.clear();
        self.pins_chosen = false;
        self.watch.set_pins(Vec::new());
        self.items.scan(facts.folder.clone());
        self.seen.set_here = false;
        if let Some(config) = config {
            self.items.open(config.clone());
            let start = config.model.start.trim();
            if !start.is_empty() {
                self.moments.take_start(PathBuf::from(start));
            }
        }
    }

    fn take_found(&mut self, words: &mut Vec<String>) {
        let Some(found) = self.items.found() else { return };
        if Some(&found.folder) != self.folder.as_ref() {
            return;
        }
        for (path, epoch) in found.epochs {
            self.moments.take_saved(&path, epoch * self.per_epoch);
        }
        match found.pairs {
            Ok(pairs) => self.audit.pairs = pairs,
            Err(e) => words.push(e),
        }
        self.audit.written = self.audit.pairs.version();
        self.audit.read = true;
    }

    fn look(&mut self, a: &Arc<Adjacency>) {
        if !a.is_whole() {
            return;
        }
        self.matrices.take(a, self.per_epoch);
        if a.variations.len() == a.ids.len() {
            let of: HashMap<_, _> =
                a.ids.iter().cloned().zip(a.variations.iter().cloned()).collect();
            self.items.take_variations(a.step, of);
        }
        if self.audit.read {
            self.audit.pairs.look(a);
        }
    }

    fn follow_items(&mut self) {
        if self.seen.set_here {
            return;
        }
        let SetState::Here(set) = self.items.set() else { return };
        self.seen.set_here = true;
        self.watch.set_items(Some(set.clone()));
        if !self.pins_chosen {
            self.usual_pins(&set);
        }
    }

    /// Eight items that validate, or any where none do by name.
    fn usual_pins(&mut self, set: &Set) {
        self.pins.clear();
        for id in set.some(PINS) {
            self.add_pin(id.clone(), PinSource::Item(id));
        }
        self.watch.set_pins(self.pins.clone());
    }

    fn add_pin(&mut self, label: String, source: PinSource) {
        self.pin_ids += 1;
        self.pins.push(Pin { id: self.pin_ids, label, source });
    }

    /// Adds a pin; false when all places are taken.
    fn pin(&mut self, label: String, source: PinSource) -> bool {
        if self.pins.len() >= PINS {
            return false;
        }
        self.add_pin(label, source);
        self.pins_chosen = true;
        self.watch.set_pins(self.pins.clone());
        true
    }

    fn unpin(&mut self, id: u64) {
        self.pins.retain(|p| p.id != id);
        self.pins_chosen = true;
        self.watch.set_pins(self.pins.clone());
    }

    /// Moments of the watch list: the start, and each epoch's end. Where no epochs are kept, the
    /// first weights that each epoch published stand for the epoch before.
    pub fn epochs(&self) -> Vec<&Moment> {
        let all = self.moments.all();
        let kept = all.iter().any(|m| m.kind == Kind::Epoch);
        let mut last = None;
        all.iter()
            .filter(|m| match m.kind {
                Kind::Start => true,
                Kind::Epoch => true,
                Kind::Published if kept || m.epoch == 0 => false,
                Kind::Published => last.replace(m.epoch) != Some(m.epoch),
            })
            .collect()
    }

    fn follow_watch(&mut self, config: Option<&Arc<TrainConfig>>) {
        if self.seen.moments == self.moments.revision() {
            return;
        }
        self.seen.moments = self.moments.revision();
        if self.choice.at.is_some_and(|id| self.moments.get(id).is_none()) {
            self.choice.at = None;
        }
        let keeps = config.is_none_or(|c| c.run.keep_epochs > 0);
        let moments = self
            .epochs()
            .into_iter()
            // Published weights stand for epochs only where no files will come.
            .filter(|m| !keeps || m.kind != Kind::Published)
            .map(|m| WatchMoment { model: m.model(), short: m.short(), step: m.step })
            .collect();
        self.watch.set_moments(moments);
    }

    /// Writes the pairs when it is time, or at once.
    fn write_pairs(&mut self, at_once: bool) {
        let version = self.audit.pairs.version();
        let Some(folder) = self.folder.clone() else { return };
        if !self.audit.read || version == self.audit.written {
            return;
        }
        let due = *self.audit.due.get_or_insert_with(|| Instant::now() + WRITE_AFTER);
        if at_once || Instant::now() >= due {
            self.audit.due = None;
            self.audit.written = version;
            self.items.write_pairs(folder, self.audit.pairs.clone());
        }
    }

    /// Writes what is not written yet, on this thread: the window closes.
    pub fn close(&mut self) {
        self.snippets.stop();
        let version = self.audit.pairs.version();
        if let Some(folder) = &self.folder
            && self.audit.read
            && version != self.audit.written
        {
            self.audit.written = version;
            if let Err(e) = self.audit.pairs.write(folder) {
                tracing::warn!("{e}");
            }
        }
    }

    /// Whether two items are of one kind, by their labels.
    pub fn labels_say(&self, ids: &[String; 2]) -> Option<bool> {
        let SetState::Here(set) = self.items.set() else { return None };
        labels_say(set.sounding(&ids[0]), set.sounding(&ids[1]))
    }

    /// The moment whose maps are wanted in the picture; `None` when the loaded checkpoint's are.
    pub fn wanted(&self, settings: &LearnSettings) -> Option<&Moment> {
        if !settings.show || self.choice.put_aside {
            return None;
        }
        if self.choice.base {
            return self.moments.base();
        }
        match self.choice.at {
            Some(id) => self.moments.get(id).or_else(|| self.moments.newest()),
            None => self.moments.newest(),
        }
    }

    /// Models that dragging may ask for next: epochs and the start, those nearest to what is
    /// shown first.
    fn shelf(&self) -> Vec<LiveModel> {
        let step = self.choice.at.and_then(|id| self.moments.get(id)).map_or(self.step, |m| m.step);
        let mut all: Vec<&Moment> = self.moments.all().iter().collect();
        all.sort_by_key(|m| (m.kind != Kind::Start, m.step.abs_diff(step)));
        all.into_iter().map(Moment::model).collect()
    }

    /// The range of cosines that stands for a moment: its row of the watch list, or the nearest
    /// row before it.
    pub fn range_at(&self, step: u64) -> Option<(f32, f32)> {
        let epochs = self.epochs();
        let before = epochs.iter().rev().filter(|m| m.kind == Kind::Start || m.step <= step);
        before.chain(epochs.iter()).find_map(|m| self.watch.range(m.id))
    }

    /// What the picture says about the weights whose maps it shows.
    pub fn words(&self, shown: &LiveFacts) -> String {
        let Some(m) = self.moments.get(shown.id) else { return "earlier weights".to_owned() };
        match m.kind {
            Kind::Start => "start of the run".to_owned(),
            Kind::Published if self.live && self.choice.at.is_none() => {
                format!("learning, step {}", m.step)
            }
            Kind::Published => format!("learnt, step {}", m.step),
            Kind::Epoch if self.live && self.choice.at.is_none() => {
                format!("learning, step {}", m.step)
            }
            Kind::Epoch => format!("learnt, epoch {} (step {})", m.epoch, m.step),
        }
    }

    /// Steps between two looks at the matrices for a rate.
    fn look_every(&self, rate: LookRate) -> u64 {
        match rate {
            LookRate::Never => 0,
            LookRate::EveryStep => 1,
            LookRate::PerSecond => (self.steps_per_sec.ceil() as u64).clamp(1, 10_000),
        }
    }

    /// Rate of the sounds that the run's networks hear, once one of them is known.
    pub fn rate(&self) -> Option<u32> {
        self.moments.all().iter().rev().find_map(|m| match &m.weights {
            Weights::Held(c) => Some(c.card.sample_rate),
            Weights::File(_) => None,
        })
    }
}

#[cfg(test)]
mod tests;
