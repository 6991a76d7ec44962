//! The overlay that learns: maps of weights that change while one watches.
//!
//! Thread `fnac-live`, beside the worker of the loaded checkpoint and never with it at once. It
//! shows one model at a time, the newest weights of a run or those of a saved epoch, and computes
//! only what is looked at: the frame on the screen, those about to come, and, while playback
//! rests, the same frame under the other models of the shelf, so that dragging through the epochs
//! finds their maps ready. Nothing is written to the map cache: these maps are worth nothing once
//! the next weights are there. It works on the CPU, so that the training keeps its device.
//!
//! A new model's maps replace the old ones when the first of them is there, so the picture never
//! stands without a map in between; while playing, the frames decoded ahead keep their old maps
//! until the new ones come, which takes less than the look-ahead is long.
//!
//! One slot per kind of command, the newest wins: a run that publishes faster than maps can be
//! computed only makes models be skipped.

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::recent::Recent;
use super::sound::hopped;
use super::status::StatusCell;
use super::worker::{LoadSound, lower_priority, words_of};
use super::{
    Ahead, ClipFeed, FrameTimes, InferError, InferState, InferStatus, InputFrame, Latency,
    Localizer, MapStore, Maps, Next, NoFrames, Scheduler, SoundTest, SoundWindow, TowerOpener,
    WindowSource, WorkerOptions, tested_window,
};
use crate::model::{AudioEmbedding, Checkpoint, CheckpointCard, FnacConfig};
use crate::overlay::yuv::rgb_from_planes;
use crate::units::{FrameIndex, Generation, LocalizationMap, MediaTime, Waker};

/// Bytes of opened networks that are kept; the one on the screen always is.
const OPEN_BYTES: usize = 192 << 20;
/// Bytes of recent sound embeddings.
const SOUND_BYTES: usize = 2 << 20;
/// Maps remembered by model and frame: 4096 of 200 bytes.
const REMEMBERED: usize = 4096;
/// Models on the shelf that are prepared for a resting frame.
const SHELF: usize = 128;
/// The sound tower runs once per this span of media time while playing.
const HOP: MediaTime = MediaTime::from_millis(100);
/// Between two looks at the playhead while playing.
const POLL_PLAYING: Duration = Duration::from_millis(5);
/// The same while paused with everything computed.
const POLL_PAUSED: Duration = Duration::from_millis(40);
/// The status is replaced at most this often while nothing but numbers changes.
const STATUS_EVERY: Duration = Duration::from_millis(100);
/// Maps per second are counted over this span.
const RATE_SPAN: Duration = Duration::from_secs(2);

/// Where a model's weights are.
#[derive(Clone, Debug)]
pub enum Weights {
    /// In memory, as a run published them.
    Held(Arc<Checkpoint>),
    /// In a file, read when it is shown.
    File(PathBuf),
}

/// A model that can be shown.
#[derive(Clone, Debug)]
pub struct LiveModel {
    /// Tells models apart; never used again for other weights.
    pub id: u64,
    /// Its weights.
    pub weights: Weights,
}

/// What is known about the model whose maps are in the store.
#[derive(Clone, Debug)]
pub struct LiveFacts {
    /// Its [`LiveModel::id`].
    pub id: u64,
    /// Its card.
    pub card: CheckpointCard,
    /// Size of its network.
    pub config: FnacConfig,
    /// Of its file or its tensors.
    pub sha256: String,
}

/// What a live worker is made with.
#[derive(Clone)]
pub struct LiveOptions {
    /// Wakes the window when a map or the state is new.
    pub waker: Waker,
    /// Opens networks on the CPU; a fake in tests.
    pub opener: Arc<dyn TowerOpener>,
    /// Loads another clip's sound for the swap test.
    pub load_sound: LoadSound,
}

impl From<&WorkerOptions> for LiveOptions {
    fn from(o: &WorkerOptions) -> Self {
        Self { waker: o.waker.clone(), opener: o.opener.clone(), load_sound: o.load_sound.clone() }
    }
}

/// The newest wish of each kind that the thread has not taken yet.
#[derive(Default)]
struct Wanted {
    stop: bool,
    clip: Option<Option<ClipFeed>>,
    show: Option<Option<LiveModel>>,
    shelf: Option<Vec<LiveModel>>,
    test: Option<SoundTest>,
}

impl Wanted {
    fn is_empty(&self) -> bool {
        !self.stop
            && self.clip.is_none()
            && self.show.is_none()
            && self.shelf.is_none()
            && self.test.is_none()
    }
}

struct Shared {
    wanted: Mutex<Wanted>,
    something: Condvar,
    status: StatusCell,
    maps: Arc<MapStore>,
    /// Whose maps are in the store.
    shown: Mutex<Option<Arc<LiveFacts>>>,
    /// Models of the shelf whose map of the resting frame is not there.
    missing: AtomicUsize,
}

impl Shared {
    fn ask(&self, change: impl FnOnce(&mut Wanted)) {
        change(&mut self.wanted.lock().unwrap_or_else(PoisonError::into_inner));
        self.something.notify_all();
    }

    fn set_shown(&self, facts: Option<Arc<LiveFacts>>) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = facts;
    }
}

/// The window's end of the thread. Dropping it lets the thread end by itself.
pub struct LiveWorker {
    shared: Arc<Shared>,
}

impl LiveWorker {
    /// Starts the thread; it rests until something is to be shown.
    ///
    /// # Errors
    /// [`InferError::Thread`] when the system has no thread to give.
    pub fn spawn(options: LiveOptions) -> Result<Self, InferError> {
        let shared = Arc::new(Shared {
            wanted: Mutex::default(),
            something: Condvar::new(),
            status: StatusCell::default(),
            maps: Arc::new(MapStore::default()),
            shown: Mutex::default(),
            missing: AtomicUsize::new(0),
        });
        let name = "fnac-live";
        let thread = Live::new(shared.clone(), options);
        std::thread::Builder::new()
            .name(name.into())
            .spawn(move || thread.run())
            .map_err(|source| InferError::Thread { name, source })?;
        Ok(Self { shared })
    }

    /// The maps of what is shown, for the frames around the playhead.
    pub fn maps(&self) -> Arc<MapStore> {
        self.shared.maps.clone()
    }

    /// What the thread is doing.
    pub fn status(&self) -> Arc<InferStatus> {
        self.shared.status.get()
    }

    /// Whose maps are in the store: the model asked for comes a little later.
    pub fn shown(&self) -> Option<Arc<LiveFacts>> {
        self.shared.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Models of the shelf that are not prepared yet for the frame on which playback rests.
    pub fn missing(&self) -> usize {
        self.shared.missing.load(Ordering::Acquire)
    }

    /// Opens another clip, or none.
    pub fn set_clip(&self, clip: Option<ClipFeed>) {
        self.shared.ask(|w| w.clip = Some(clip));
    }

    /// Shows a model's maps, or rests.
    pub fn show(&self, model: Option<LiveModel>) {
        self.shared.ask(|w| w.show = Some(model));
    }

    /// What may be asked for next, the likeliest first: prepared while playback rests.
    pub fn set_shelf(&self, shelf: Vec<LiveModel>) {
        self.shared.missing.store(shelf.len().min(SHELF), Ordering::Release);
        self.shared.ask(|w| w.shelf = Some(shelf));
    }

    /// Puts another sound in place of the clip's.
    pub fn set_sound_test(&self, test: SoundTest) {
        self.shared.ask(|w| w.test = Some(test));
    }
}

impl Drop for LiveWorker {
    fn drop(&mut self) {
        self.shared.ask(|w| w.stop = true);
    }
}

/// An opened network.
struct Open {
    localizer: Localizer,
    facts: Arc<LiveFacts>,
    device: String,
    bytes: usize,
    used: u64,
}

/// A frame's answer: its map, or that its sound is silent.
type Answer = Option<LocalizationMap>;

struct Live {
    shared: Arc<Shared>,
    options: LiveOptions,
    clip: Option<ClipFeed>,
    model: Option<LiveModel>,
    shelf: Vec<LiveModel>,
    test: SoundTest,
    test_track: Option<Arc<dyn WindowSource>>,
    open: HashMap<u64, Open>,
    uses: u64,
    /// What cannot be opened, and why; not tried again.
    broken: HashMap<u64, String>,
    remembered: HashMap<(u64, FrameIndex), Answer>,
    /// Frames of the store whose maps are the shown model's.
    fresh: HashSet<FrameIndex>,
    /// Model and frame that were computed last with the frame's own window of sound.
    exact: Option<(u64, FrameIndex)>,
    sounds: Recent<(u64, i64), Option<AudioEmbedding>>,
    scheduler: Scheduler,
    generation: Generation,
    cost: Latency,
    recent_maps: VecDeque<Instant>,
    waiting_for_sound: bool,
    message: String,
    last_status: Instant,
}

impl Live {
    fn new(shared: Arc<Shared>, options: LiveOptions) -> Self {
        Self {
            shared,
            options,
            clip: None,
            model: None,
            shelf: Vec::new(),
            test: SoundTest::None,
            test_track: None,
            open: HashMap::new(),
            uses: 0,
            broken: HashMap::new(),
            remembered: HashMap::new(),
            fresh: HashSet::new(),
            exact: None,
            sounds: Recent::new(SOUND_BYTES),
            scheduler: Scheduler::default(),
            generation: Generation::default(),
            cost: Latency::default(),
            recent_maps: VecDeque::new(),
            waiting_for_sound: false,
            message: String::new(),
            last_status: Instant::now(),
        }
    }

    fn run(mut self) {
        lower_priority();
        loop {
            let wanted = std::mem::take(
                &mut *self.shared.wanted.lock().unwrap_or_else(PoisonError::into_inner),
            );
            if wanted.stop {
                return;
            }
            self.obey(wanted);
            let wait = self.work();
            self.publish(false);
            if let Some(wait) = wait {
                let guard = self.shared.wanted.lock().unwrap_or_else(PoisonError::into_inner);
                drop(self.shared.something.wait_timeout_while(guard, wait, |w| w.is_empty()));
            }
        }
    }

    fn obey(&mut self, wanted: Wanted) {
        if wanted.is_empty() {
            return;
        }
        if let Some(clip) = wanted.clip {
            self.clip = clip;
            self.begin_anew();
        }
        if let Some(test) = wanted.test.filter(|t| *t != self.test) {
            self.test = test;
            self.test_track = None;
            self.begin_anew();
        }
        if let Some(shelf) = wanted.shelf {
            self.shelf = shelf;
            self.shelf.truncate(SHELF);
        }
        if let Some(model) = wanted.show {
            let id = model.as_ref().map(|m| m.id);
            if id != self.model.as_ref().map(|m| m.id) {
                self.fresh.clear();
                self.exact = None;
                self.scheduler.restart();
            }
            self.model = model;
            if self.model.is_none() {
                self.begin_anew();
            }
        }
        self.publish(true);
    }

    /// Another clip or another sound: no map of before stands for anything.
    fn begin_anew(&mut self) {
        self.remembered.clear();
        self.fresh.clear();
        self.exact = None;
        self.sounds.clear();
        self.scheduler.restart();
        self.shared.maps.replace(Maps::new(self.times()));
        self.shared.set_shown(None);
        (self.options.waker)();
    }

    fn times(&self) -> Arc<dyn FrameTimes> {
        self.clip
            .as_ref()
            .map_or_else(|| Arc::new(NoFrames) as Arc<dyn FrameTimes>, |c| c.times.clone())
    }

    /// One piece of work; the time to wait afterwards, `None` for none.
    fn work(&mut self) -> Option<Duration> {
        let (Some(model), Some(clip)) = (self.model.clone(), self.clip.clone()) else {
            return Some(Duration::from_millis(500));
        };
        match catch_unwind(AssertUnwindSafe(|| self.job(&model, &clip))) {
            Ok(Ok(wait)) => wait,
            Ok(Err(e)) => self.failed(model.id, e.to_string()),
            Err(panic) => {
                self.failed(model.id, format!("the network stopped: {}", words_of(&*panic)))
            }
        }
    }

    fn failed(&mut self, id: u64, cause: String) -> Option<Duration> {
        tracing::warn!("learning overlay: {cause}");
        self.open.remove(&id);
        self.broken.insert(id, cause.clone());
        self.message = cause;
        self.publish(true);
        Some(POLL_PAUSED)
    }

    fn job(&mut self, model: &LiveModel, clip: &ClipFeed) -> Result<Option<Duration>, InferError> {
        if !self.open_model(model) || !self.rates_agree(model.id, clip) {
            return Ok(Some(POLL_PAUSED));
        }
        let generation = clip.feed.generation();
        if generation != self.generation {
            self.generation = generation;
            self.scheduler.restart();
        }
        let playing = clip.feed.is_playing();
        // The frame on the screen first: when playback rests, and once for each new model.
        if (!playing || self.fresh.is_empty())
            && let Some(shown) = clip.feed.shown()
            && self.exact != Some((model.id, shown.index))
        {
            let answer = match self.remembered.get(&(model.id, shown.index)) {
                Some(answer) => Some(*answer),
                None => self.compute(model.id, &shown, shown.time, true)?,
            };
            let Some(answer) = answer else { return Ok(Some(POLL_PLAYING)) };
            self.adopt(model.id, clip, shown.index, answer, playing);
            return Ok(None);
        }
        if playing { self.playing(model.id, clip) } else { self.prepare(clip) }
    }

    /// Whether the model's network is open; opens it when it is not.
    fn open_model(&mut self, model: &LiveModel) -> bool {
        self.uses += 1;
        if let Some(open) = self.open.get_mut(&model.id) {
            open.used = self.uses;
            return true;
        }
        if let Some(cause) = self.broken.get(&model.id) {
            self.message.clone_from(cause);
            return false;
        }
        match self.opened(model) {
            Ok(open) => {
                self.open.insert(model.id, open);
                self.close_some(model.id);
                self.message.clear();
                true
            }
            Err(cause) => {
                self.failed(model.id, cause);
                false
            }
        }
    }

    fn opened(&self, model: &LiveModel) -> Result<Open, String> {
        let checkpoint = match &model.weights {
            Weights::Held(checkpoint) => checkpoint.clone(),
            Weights::File(path) => Arc::new(Checkpoint::read(path).map_err(|e| e.to_string())?),
        };
        let opener = self.options.opener.clone();
        let opened = catch_unwind(AssertUnwindSafe(|| opener.open_meanwhile(&checkpoint)));
        let towers = match opened {
            Ok(Ok(towers)) => towers,
            Ok(Err(e)) => return Err(e.to_string()),
            Err(panic) => return Err(words_of(&*panic)),
        };
        let bytes = checkpoint.tensors.values().map(|t| t.data.len() * 4).sum();
        Ok(Open {
            localizer: Localizer::open(&checkpoint, towers.towers),
            facts: Arc::new(LiveFacts {
                id: model.id,
                card: checkpoint.card.clone(),
                config: checkpoint.config,
                sha256: checkpoint.sha256.clone(),
            }),
            device: towers.device,
            bytes,
            used: self.uses,
        })
    }

    /// Closes the networks used longest ago, until the rest fits.
    fn close_some(&mut self, keep: u64) {
        let mut bytes: usize = self.open.values().map(|o| o.bytes).sum();
        while bytes > OPEN_BYTES {
            let oldest =
                self.open.iter().filter(|(id, _)| **id != keep).min_by_key(|(_, o)| o.used);
            let Some(id) = oldest.map(|(id, _)| *id) else { return };
            bytes -= self.open.remove(&id).map_or(0, |o| o.bytes);
        }
    }

    /// False while the clip's sound is at another rate than the model wants: the window loads it
    /// anew.
    fn rates_agree(&mut self, id: u64, clip: &ClipFeed) -> bool {
        let Some(open) = self.open.get(&id) else { return false };
        let wanted = open.localizer.rate_hz();
        let agree = clip.sound.as_ref().is_none_or(|s| s.rate() == wanted);
        if self.waiting_for_sound == agree {
            self.waiting_for_sound = !agree;
            self.message =
                if agree { String::new() } else { format!("waiting for the sound at {wanted} Hz") };
        }
        agree
    }

    /// The first map of another model takes the place of the old ones.
    fn adopt(
        &mut self,
        id: u64,
        clip: &ClipFeed,
        frame: FrameIndex,
        answer: Answer,
        playing: bool,
    ) {
        let first = self.fresh.is_empty();
        if first {
            let mut maps = Maps::new(self.times());
            if playing {
                for ahead in clip.feed.ahead() {
                    if let Some(old) = self.shared.maps.at(ahead.index) {
                        maps.insert(ahead.index, &old.map);
                    }
                }
            }
            put(&mut maps, frame, answer);
            self.shared.maps.replace(maps);
            self.shared.set_shown(self.open.get(&id).map(|o| o.facts.clone()));
        } else {
            self.shared.maps.write(|m| put(m, frame, answer));
        }
        self.fresh.insert(frame);
        self.exact = Some((id, frame));
        self.remember(id, frame, answer);
        (self.options.waker)();
    }

    fn remember(&mut self, id: u64, frame: FrameIndex, answer: Answer) {
        if self.remembered.len() >= REMEMBERED {
            // Other frames go first: what is dragged over is this one under all models.
            self.remembered.retain(|(_, f), _| *f == frame);
            if self.remembered.len() >= REMEMBERED {
                self.remembered.clear();
            }
        }
        self.remembered.insert((id, frame), answer);
    }

    fn playing(&mut self, id: u64, clip: &ClipFeed) -> Result<Option<Duration>, InferError> {
        let frames = clip.feed.ahead();
        let list: Vec<Ahead> = frames
            .iter()
            .map(|f| Ahead { index: f.index, time: f.time, done: self.fresh.contains(&f.index) })
            .collect();
        self.scheduler.set_latency(self.cost);
        let Next::Compute { at, .. } =
            self.scheduler.next(clip.feed.now(), clip.feed.speed(), &list)
        else {
            return Ok(Some(POLL_PLAYING));
        };
        let Some(frame) = frames.get(at) else { return Ok(Some(POLL_PLAYING)) };
        let hop = hopped(frame.time, HOP);
        let mut answer = self.compute(id, frame, hop, true)?;
        if answer == Some(None) && hop != frame.time {
            // Rounding may have carried the window over the track's end: ask with its own.
            answer = self.compute(id, frame, frame.time, true)?;
        }
        let Some(answer) = answer else { return Ok(Some(POLL_PLAYING)) };
        self.shared.maps.write(|m| put(m, frame.index, answer));
        self.fresh.insert(frame.index);
        (self.options.waker)();
        Ok(None)
    }

    /// The resting frame under the models of the shelf, one at a time.
    fn prepare(&mut self, clip: &ClipFeed) -> Result<Option<Duration>, InferError> {
        let Some(shown) = clip.feed.shown() else { return Ok(Some(POLL_PAUSED)) };
        let missing = |m: &&LiveModel| {
            !self.remembered.contains_key(&(m.id, shown.index)) && !self.broken.contains_key(&m.id)
        };
        let n = self.shelf.iter().filter(missing).count();
        self.shared.missing.store(n, Ordering::Release);
        let Some(next) = self.shelf.iter().find(missing).cloned() else {
            return Ok(Some(POLL_PAUSED));
        };
        let message = self.message.clone();
        let open = self.open_model(&next);
        // What fails on the shelf is said when it is shown.
        self.message = message;
        if !open || !self.rates_agree(next.id, clip) {
            self.broken.entry(next.id).or_insert_with(|| "its sound has another rate".to_owned());
            return Ok(None);
        }
        match self.compute(next.id, &shown, shown.time, false)? {
            Some(answer) => {
                self.remember(next.id, shown.index, answer);
                Ok(None)
            }
            None => Ok(Some(POLL_PAUSED)),
        }
    }

    /// The answer of an open model for `frame` with the sound around `at`; `None` while that is
    /// not decoded. `measure` where somebody waits for it: what is prepared tells nothing about that.
    fn compute(
        &mut self,
        id: u64,
        frame: &InputFrame,
        at: MediaTime,
        measure: bool,
    ) -> Result<Option<Answer>, InferError> {
        let started = Instant::now();
        let Some(sound) = self.hear(id, at)? else {
            self.waiting_for_sound = true;
            return Ok(None);
        };
        self.waiting_for_sound = false;
        let Some(sound) = sound.as_ref() else { return Ok(Some(None)) };
        let Some(open) = self.open.get_mut(&id) else { return Ok(None) };
        let rgb = rgb_from_planes(&frame.picture);
        let map = open.localizer.embed_frame(&rgb, 0)?.map(sound);
        if measure {
            self.cost.measured(started.elapsed());
        }
        self.recent_maps.push_back(Instant::now());
        Ok(Some(Some(map)))
    }

    /// The embedded sound around `at`; `Some` of nothing for silence, `None` while undecoded.
    fn hear(
        &mut self,
        id: u64,
        at: MediaTime,
    ) -> Result<Option<Arc<Option<AudioEmbedding>>>, InferError> {
        let key = (id, at.as_nanos());
        if let Some(heard) = self.sounds.get(&key) {
            return Ok(Some(heard));
        }
        let (Some(clip), Some(open)) = (&self.clip, self.open.get_mut(&id)) else {
            return Ok(None);
        };
        let rate = open.localizer.rate_hz();
        if let (SoundTest::Swap(path), None) = (&self.test, &self.test_track) {
            self.test_track = Some((self.options.load_sound)(path, rate));
        }
        let (own, other) = (clip.sound.as_deref(), self.test_track.as_deref());
        let heard = match tested_window(&self.test, own, other, rate, at) {
            SoundWindow::NotYet => return Ok(None),
            SoundWindow::NoSound => None,
            SoundWindow::Samples(samples) => Some(open.localizer.embed_sound(&samples)?),
        };
        let bytes = 64 + heard.as_ref().map_or(0, |e| e.data.len() * 4);
        let heard = Arc::new(heard);
        self.sounds.insert(key, heard.clone(), bytes);
        Ok(Some(heard))
    }

    fn publish(&mut self, now: bool) {
        if !now && self.last_status.elapsed() < STATUS_EVERY {
            return;
        }
        self.last_status = Instant::now();
        while self.recent_maps.front().is_some_and(|t| t.elapsed() > RATE_SPAN) {
            self.recent_maps.pop_front();
        }
        let rate = match (self.recent_maps.front(), self.recent_maps.len()) {
            (Some(first), n) if n > 1 => n as f32 / first.elapsed().as_secs_f32().max(0.25),
            _ => 0.0,
        };
        let id = self.model.as_ref().map(|m| m.id);
        let open = id.and_then(|id| self.open.get(&id));
        let state = match (id, open) {
            (None, _) => InferState::NoModel,
            (Some(_), Some(_)) => InferState::Ready,
            (Some(id), None) if self.broken.contains_key(&id) => InferState::Failed,
            (Some(_), None) => InferState::Preparing,
        };
        let status = InferStatus {
            state,
            running: open.is_some(),
            checkpoint: open.map_or(String::new(), |o| o.facts.card.name.clone()),
            device: open.map_or(String::new(), |o| o.device.clone()),
            reason: "the training keeps its device".to_owned(),
            maps_per_sec: (rate * 10.0).round() / 10.0,
            latency_ms: if self.cost.is_known() {
                (self.cost.mean_secs() as f32 * 1e4).round() / 10.0
            } else {
                0.0
            },
            every_k: self.scheduler.every_k(),
            filled: 0.0,
            filling: false,
            sound_test: self.test.label(),
            message: self.message.clone(),
            waiting_for_sound: self.waiting_for_sound,
        };
        if self.shared.status.set(status) {
            (self.options.waker)();
        }
    }
}

fn put(maps: &mut Maps, frame: FrameIndex, answer: Answer) {
    match answer {
        Some(map) => maps.insert(frame, &map),
        None => maps.insert_no_sound(frame),
    }
}

#[cfg(test)]
mod tests;
