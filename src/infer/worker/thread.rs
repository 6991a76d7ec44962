//! The thread's state: commands, models, clips; what it computes is in [`super::jobs`].

use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::super::recent::Recent;
use super::super::{
    CacheKey, ClipFeed, FrameTimes, InferError, InferState, InferStatus, Latency, Localizer,
    MapCache, Maps, NoFrames, PictureSource, PriorTower, Scheduler, SoundBank, SoundTest,
    WindowSource,
};
use super::jobs::{Exact, Job, Run};
use super::open::{OpenEvent, Opening, lower_priority, start, words_of};
use super::{Shared, Wanted, WorkerOptions};
use crate::model::{AudioEmbedding, Checkpoint, DeviceChoice, OpenStep, OpenedTowers};
use crate::units::{FrameIndex, Generation, MediaTime};

/// The status is replaced at most this often while nothing but numbers changes.
const STATUS_EVERY: Duration = Duration::from_millis(100);
/// Maps per second are counted over this span.
const RATE_SPAN: Duration = Duration::from_secs(2);
/// Bytes of recent sound embeddings.
const SOUND_BYTES: usize = 4 << 20;
/// The background pass writes its maps to disk this often, lest a crash lose an hour of them.
const KEEP_EVERY: Duration = Duration::from_secs(60);
/// A device that is lost again within this time is given up.
const LOST_AGAIN: Duration = Duration::from_secs(60);

/// What a window of sound became.
pub(super) enum Heard {
    Embedded(AudioEmbedding),
    NoSound,
}

/// A network that computes maps.
pub(super) struct Model {
    pub localizer: Localizer,
    pub checkpoint: Arc<Checkpoint>,
    device: String,
    reason: String,
    lost: Arc<std::sync::atomic::AtomicBool>,
    on_gpu: bool,
}

pub(super) struct Worker {
    pub shared: Arc<Shared>,
    pub options: WorkerOptions,
    pub model: Option<Model>,
    wanted_model: Option<(Arc<Checkpoint>, DeviceChoice)>,
    object: Option<Arc<Checkpoint>>,
    opening: u64,
    opening_now: bool,
    avoid: Vec<String>,
    last_loss: Option<Instant>,

    pub clip: Option<ClipFeed>,
    key: Option<CacheKey>,
    /// The checkpoint that the maps are of; they outlive its network when a device is lost.
    maps_of: Option<String>,
    kept_version: u64,
    last_kept: Instant,
    pub reader: Option<Box<dyn PictureSource>>,
    pub run: Option<Run>,
    pub unreadable: HashSet<FrameIndex>,
    pub failures: u32,

    pub test: SoundTest,
    pub test_track: Option<Arc<dyn WindowSource>>,
    parked: Option<Maps>,
    pub fine: u8,
    pub hop: MediaTime,
    pub background: bool,
    resting: bool,

    pub sounds: Recent<i64, Heard>,
    pub scheduler: Scheduler,
    pub generation: Generation,
    /// Playback rests on this frame, and this much of it is computed with its own window.
    pub exact: Option<(FrameIndex, Exact)>,
    /// The sound changed while playing: the shown frame first.
    pub refresh: bool,
    pub fill_cost: Duration,
    /// Measured time of a plain map.
    pub plain_cost: Latency,
    /// Measured time of a plain and a fine map.
    pub fine_cost: Latency,

    state: InferState,
    message: String,
    pub waiting_for_sound: bool,
    /// The sound is at another rate than the model's, and the message says so.
    pub other_rate: bool,
    pub filling: bool,
    pub recent_maps: VecDeque<Instant>,
    last_status: Instant,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, options: WorkerOptions) -> Self {
        Self {
            hop: options.sound_hop,
            background: options.background,
            shared,
            options,
            model: None,
            wanted_model: None,
            object: None,
            opening: 0,
            opening_now: false,
            avoid: Vec::new(),
            last_loss: None,
            clip: None,
            key: None,
            maps_of: None,
            kept_version: 0,
            last_kept: Instant::now(),
            reader: None,
            run: None,
            unreadable: HashSet::new(),
            failures: 0,
            test: SoundTest::None,
            test_track: None,
            parked: None,
            fine: 0,
            resting: false,
            sounds: Recent::new(SOUND_BYTES),
            scheduler: Scheduler::default(),
            generation: Generation::default(),
            exact: None,
            refresh: false,
            fill_cost: Duration::from_millis(100),
            plain_cost: Latency::default(),
            fine_cost: Latency::default(),
            state: InferState::NoModel,
            message: String::new(),
            waiting_for_sound: false,
            other_rate: false,
            filling: false,
            recent_maps: VecDeque::new(),
            last_status: Instant::now(),
        }
    }

    pub(super) fn run(mut self) {
        lower_priority();
        loop {
            let wanted = self.shared.take();
            if wanted.stop {
                break;
            }
            self.obey(wanted);
            self.look_for_loss();
            let wait = self.work();
            if self.filling && self.last_kept.elapsed() > KEEP_EVERY {
                self.keep_maps();
            }
            self.publish(false);
            if let Some(wait) = wait {
                self.shared.wait(wait);
            }
        }
        self.keep_maps();
        self.drop_model();
        let (ended, signal) = &self.shared.ended;
        *ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        signal.notify_all();
    }

    /// One job; the time to wait afterwards, `None` for none. Whatever fails in it becomes a
    /// state: panics inside burn or wgpu too.
    fn work(&mut self) -> Option<Duration> {
        if self.resting || self.model.is_none() || self.clip.is_none() {
            return Some(Duration::from_millis(500));
        }
        match catch_unwind(AssertUnwindSafe(|| self.job())) {
            Ok(Ok(Job::Did)) => None,
            Ok(Ok(Job::Nothing(wait))) => Some(wait),
            Ok(Err(e)) => self.failed(&e),
            Err(panic) => {
                let cause = words_of(&*panic);
                self.model_broke(format!("the network stopped: {cause}"));
                None
            }
        }
    }

    fn failed(&mut self, error: &InferError) -> Option<Duration> {
        match error {
            InferError::Media(_) => {
                // Only the background pass decodes here; playback has its own reader and words.
                self.say(format!("the rest of the clip cannot be computed: {error}"));
                self.background_failed();
                Some(Duration::from_millis(20))
            }
            _ => {
                self.model_broke(error.to_string());
                None
            }
        }
    }

    // ---- commands -------------------------------------------------------------------------

    fn obey(&mut self, wanted: Wanted) {
        if wanted.is_empty() {
            return;
        }
        if let Some(model) = wanted.model {
            self.avoid.clear();
            self.want_model(model);
        }
        if let Some(object) = wanted.object {
            self.object = object;
            self.open_object();
            self.shared.maps.write(Maps::clear_priors);
            self.forget_pictures();
        }
        for (id, event) in wanted.opened {
            // Events of an opening that was overtaken by a newer wish are stale.
            if id == self.opening {
                self.opened(event);
            }
        }
        if let Some(clip) = wanted.clip {
            self.change_clip(clip);
        }
        if let Some(test) = wanted.test.filter(|t| *t != self.test) {
            self.change_test(test);
        }
        if let Some(fine) = wanted.fine.filter(|f| *f != self.fine) {
            self.fine = fine;
            self.again();
        }
        if let Some(hop) = wanted.hop.filter(|h| *h != self.hop) {
            self.keep_maps();
            self.hop = hop;
            self.sounds.clear();
            self.start_maps();
        }
        if let Some(on) = wanted.background {
            self.background = on;
            self.filling &= on;
        }
        if let Some(on) = wanted.resting.filter(|on| *on != self.resting) {
            self.resting = on;
            self.filling &= !on;
            self.again();
        }
        self.publish(true);
    }

    fn want_model(&mut self, model: Option<(Arc<Checkpoint>, DeviceChoice)>) {
        self.opening += 1;
        self.opening_now = false;
        let Some((checkpoint, choice)) = model else {
            self.keep_maps();
            self.wanted_model = None;
            self.drop_model();
            self.state = InferState::NoModel;
            self.message.clear();
            self.start_maps();
            return;
        };
        self.wanted_model = Some((checkpoint.clone(), choice));
        let same = self.model.as_ref().is_some_and(|m| m.checkpoint.sha256 == checkpoint.sha256);
        self.state = InferState::Preparing;
        self.say(format!("preparing {}", name_of(&checkpoint)));
        let opening = Opening {
            id: self.opening,
            checkpoint,
            choice,
            avoid: self.avoid.clone(),
            meanwhile: !same,
        };
        let (opener, shared) = (self.options.opener.clone(), self.shared.clone());
        match start(opening, opener, shared) {
            Ok(()) => self.opening_now = true,
            Err(e) => {
                self.state = InferState::Failed;
                self.say(format!("cannot start a thread to open the model: {e}"));
            }
        }
    }

    fn opened(&mut self, event: OpenEvent) {
        match event {
            OpenEvent::Step(OpenStep::Trying(device)) => {
                self.state = InferState::Trying;
                self.say(format!("trying {device} for the first time on this machine"));
            }
            OpenEvent::Step(OpenStep::Preparing(device)) => {
                self.state = InferState::Preparing;
                self.say(format!("tuning the network for {device}; the result is kept"));
            }
            OpenEvent::Step(OpenStep::PreparingCpu) => self.state = InferState::Preparing,
            OpenEvent::Meanwhile(towers) => self.take_model(towers),
            OpenEvent::Done(Ok(towers)) => {
                self.opening_now = false;
                self.take_model(towers);
                self.state = InferState::Ready;
                self.message.clear();
            }
            OpenEvent::Done(Err(e)) => {
                self.opening_now = false;
                let kept = self.model.as_ref().map(|m| name_of(&m.checkpoint));
                self.state = if kept.is_some() { InferState::Ready } else { InferState::Failed };
                self.say(match kept {
                    Some(name) => format!("{e}; going on with {name}"),
                    None => e.to_string(),
                });
            }
        }
        self.publish(true);
    }

    fn take_model(&mut self, opened: OpenedTowers) {
        let Some((checkpoint, _)) = self.wanted_model.clone() else { return };
        let same = self.maps_of.as_ref() == Some(&checkpoint.sha256);
        if !same {
            self.keep_maps();
        }
        self.drop_model();
        let OpenedTowers { towers, device, reason, on_gpu, lost } = opened;
        self.model = Some(Model {
            localizer: Localizer::open(&checkpoint, towers),
            checkpoint,
            device,
            reason,
            lost,
            on_gpu,
        });
        self.scheduler.new_model();
        self.plain_cost = Latency::default();
        self.fine_cost = Latency::default();
        self.open_object();
        if !same {
            self.sounds.clear();
            self.forget_pictures();
            *self.shared.bank.lock().unwrap_or_else(PoisonError::into_inner) = SoundBank::default();
            self.start_maps();
        }
    }

    fn open_object(&mut self) {
        let Some(model) = &mut self.model else { return };
        let tower: Option<Box<dyn PriorTower>> = match &self.object {
            None => None,
            Some(checkpoint) => match self.options.opener.open_object(checkpoint) {
                Ok(tower) => Some(tower),
                Err(e) => {
                    self.message = format!("no object prior: {e}");
                    None
                }
            },
        };
        model.localizer.set_object(tower);
    }

    /// Drops the network; the driver of a lost device may panic in that.
    fn drop_model(&mut self) {
        if let Some(model) = self.model.take() {
            catch_unwind(AssertUnwindSafe(move || drop(model))).ok();
        }
    }

    fn look_for_loss(&mut self) {
        let lost = |m: &Model| m.lost.load(Ordering::Acquire);
        if self.model.as_ref().is_some_and(lost) {
            self.model_broke("the graphics device was lost".into());
        }
    }

    /// The network failed: a graphics device is opened again, or the next one when it failed
    /// lately; the CPU engine has no next one.
    fn model_broke(&mut self, cause: String) {
        let Some(model) = &self.model else { return };
        let (on_gpu, device) = (model.on_gpu, model.device.clone());
        tracing::warn!("{device}: {cause}");
        self.drop_model();
        self.reader = None;
        self.run = None;
        if !on_gpu {
            self.state = InferState::Failed;
            self.say(format!("{cause}; load a checkpoint again to go on"));
            self.publish(true);
            return;
        }
        let again = self.last_loss.is_some_and(|t| t.elapsed() < LOST_AGAIN);
        if again {
            self.avoid.push(device.clone());
        }
        self.last_loss = Some(Instant::now());
        self.want_model(self.wanted_model.clone());
        self.state = InferState::Lost;
        self.say(if again {
            format!("{device} failed again ({cause}); taking the next device")
        } else {
            format!("{device}: {cause}; opening it again")
        });
        self.publish(true);
    }

    fn change_clip(&mut self, clip: Option<ClipFeed>) {
        self.keep_maps();
        self.clip = clip;
        self.reader = None;
        self.unreadable.clear();
        self.failures = 0;
        // A sound test stays on: it ends when the user ends it, as its banner says.
        self.parked = None;
        self.sounds.clear();
        self.forget_pictures();
        self.scheduler.restart();
        if self.model.is_some() && !self.opening_now {
            self.message.clear();
        }
        self.start_maps();
    }

    fn change_test(&mut self, test: SoundTest) {
        self.test_track = None;
        if let (SoundTest::Swap(path), Some(m)) = (&test, &self.model) {
            self.test_track = Some((self.options.load_sound)(path, m.localizer.rate_hz()));
        }
        self.sounds.clear();
        match (&self.test, &test) {
            (_, SoundTest::None) => {
                if let Some(own) = self.parked.take() {
                    self.shared.maps.replace(own);
                }
            }
            (SoundTest::None, _) => {
                let empty = Maps::new(self.times());
                self.parked = Some(self.shared.maps.replace(empty));
            }
            _ => {
                self.shared.maps.replace(Maps::new(self.times()));
            }
        }
        self.test = test;
        self.again();
        self.refresh = true;
        self.wake();
    }

    /// What is computed is asked for anew: the current frame, the background run.
    fn again(&mut self) {
        self.exact = None;
        self.run = None;
        self.scheduler.restart();
    }

    pub(super) fn forget_pictures(&mut self) {
        self.shared.pictures.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.exact = None;
        self.run = None;
    }

    fn times(&self) -> Arc<dyn FrameTimes> {
        match &self.clip {
            Some(c) => c.times.clone(),
            None => Arc::new(NoFrames),
        }
    }

    // ---- maps and their cache -------------------------------------------------------------

    fn cache(&self) -> Option<MapCache> {
        let dir = self.options.cache.as_deref()?;
        Some(MapCache::new(dir, self.options.cache_limit))
    }

    /// Maps for this clip, checkpoint and hop: the kept ones, or empty.
    fn start_maps(&mut self) {
        self.again();
        self.key = None;
        self.maps_of = self.model.as_ref().map(|m| m.checkpoint.sha256.clone());
        let mut kept = None;
        if let (Some(clip), Some(model)) = (&self.clip, &self.model) {
            let settings = format!("hop {} sound {}", self.hop.as_nanos(), clip.sound_choice);
            let key = clip
                .source
                .as_ref()
                .and_then(|s| CacheKey::new(s, &model.checkpoint.sha256, &settings));
            if let (Some(key), Some(cache)) = (key, self.cache()) {
                match cache.load(&key, clip.times.clone()) {
                    Ok(maps) => kept = maps,
                    Err(note) => tracing::info!("{note}"),
                }
                self.key = Some(key);
            }
        }
        let maps = kept.unwrap_or_else(|| Maps::new(self.times()));
        // Under a sound test the clip's own maps wait beside it.
        if self.test == SoundTest::None {
            self.shared.maps.replace(maps);
        } else {
            self.parked = Some(maps);
            self.shared.maps.replace(Maps::new(self.times()));
        }
        self.kept_version = self.shared.maps.version();
        self.wake();
    }

    /// Writes the clip's own maps to the cache folder, when there are new ones.
    pub(super) fn keep_maps(&mut self) {
        self.last_kept = Instant::now();
        let (Some(key), Some(cache)) = (self.key.clone(), self.cache()) else { return };
        let saved = if self.test == SoundTest::None {
            let version = self.shared.maps.version();
            if version == self.kept_version {
                return;
            }
            self.kept_version = version;
            self.shared.maps.read(|m| if m.computed() > 0 { cache.save(&key, m) } else { Ok(()) })
        } else {
            match &self.parked {
                Some(m) if m.computed() > 0 => cache.save(&key, m),
                _ => Ok(()),
            }
        };
        if let Err(e) = saved {
            tracing::warn!("the maps could not be kept for the next time: {e}");
        }
    }

    // ---- status ---------------------------------------------------------------------------

    pub(super) fn say(&mut self, message: String) {
        self.message = message;
    }

    pub(super) fn wake(&self) {
        (self.options.waker)();
    }

    /// Replaces the status; `now` for changes that must not wait.
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
        let latency = self.plain_cost;
        let status = InferStatus {
            state: self.state,
            running: self.model.is_some(),
            checkpoint: self.model.as_ref().map_or(String::new(), |m| name_of(&m.checkpoint)),
            device: self.model.as_ref().map_or(String::new(), |m| m.device.clone()),
            reason: self.model.as_ref().map_or(String::new(), |m| m.reason.clone()),
            // Rounded, so that a resting worker does not wake the window for a last digit.
            maps_per_sec: (rate * 10.0).round() / 10.0,
            latency_ms: if latency.is_known() {
                (latency.mean_secs() as f32 * 1e4).round() / 10.0
            } else {
                0.0
            },
            every_k: self.scheduler.every_k(),
            filled: (self.shared.maps.filled() * 1e3).round() / 1e3,
            filling: self.filling,
            sound_test: self.test.label(),
            message: self.message.clone(),
            waiting_for_sound: self.waiting_for_sound,
        };
        if self.shared.status.set(status) {
            self.wake();
        }
    }
}

/// A checkpoint's name: its card's, else its file's.
fn name_of(checkpoint: &Checkpoint) -> String {
    if !checkpoint.card.name.is_empty() {
        return checkpoint.card.name.clone();
    }
    let file = checkpoint.path.as_ref().and_then(|p| p.file_name());
    file.map_or_else(|| "an unnamed model".to_owned(), |n| n.to_string_lossy().into_owned())
}
