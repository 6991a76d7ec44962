//! The worker thread `fnac-infer`: maps ahead of the playhead, then the rest of the clip.
//!
//! Commands go through one slot per kind, so a newer one replaces an older one that was not
//! taken yet (*newest wins*) and the window never waits. The worker writes the [`MapStore`],
//! replaces its [`InferStatus`] and wakes the window. It never touches playback: it reads the
//! clock and the frames that the player has decoded ahead, and when it is too slow there are
//! fewer maps.

mod jobs;
mod open;
mod thread;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::recent::Recent;
use super::status::StatusCell;
use super::{
    ClipFeed, Evidence, FrameEmbedding, InferError, InferStatus, MapStore, SoundBank, SoundTest,
    WindowSource,
};
use crate::media::{ChannelChoice, MediaSource, SoundTrack};
use crate::model::{Checkpoint, DeviceChoice};
use crate::units::{FrameIndex, MediaTime, Waker};

use open::OpenEvent;
pub use open::{DeviceOpener, TowerOpener};
pub(super) use open::{lower_priority, words_of};

/// Bytes of recent picture embeddings: some 480 frames at the paper's size.
const PICTURE_BYTES: usize = 48 << 20;
/// How long closing waits for the worker to end its current map.
const CLOSE_WAIT: Duration = Duration::from_millis(500);

/// Loads the track of [`SoundTest::Swap`] at a rate.
pub type LoadSound = Arc<dyn Fn(&Path, u32) -> Arc<dyn WindowSource> + Send + Sync>;

/// What a worker is made with.
#[derive(Clone)]
pub struct WorkerOptions {
    /// Wakes the window when a map or the state is new.
    pub waker: Waker,
    /// The program's cache folder: maps and device trials; `None` keeps nothing.
    pub cache: Option<PathBuf>,
    /// Bytes of maps kept in the cache folder.
    pub cache_limit: u64,
    /// The sound tower runs once per this span of media time while playing and in the
    /// background; zero: for every frame. The frame on which playback rests always gets its own
    /// window.
    pub sound_hop: MediaTime,
    /// Compute the rest of the clip when there is time.
    pub background: bool,
    /// Embed the bank of unrelated sounds for the evidence meter in idle moments.
    pub evidence: bool,
    /// Opens networks; a fake in tests.
    pub opener: Arc<dyn TowerOpener>,
    /// Loads another clip's sound; a fake in tests.
    pub load_sound: LoadSound,
}

impl WorkerOptions {
    /// The usual options: a 100 ms hop, background pass and evidence on.
    pub fn new(waker: Waker, cache: Option<PathBuf>) -> Self {
        let sound_waker = waker.clone();
        Self {
            waker,
            opener: Arc::new(DeviceOpener::new(cache.as_deref())),
            cache,
            cache_limit: super::cache::DEFAULT_LIMIT,
            sound_hop: MediaTime::from_millis(100),
            background: true,
            evidence: true,
            load_sound: Arc::new(move |path, rate| {
                SoundTrack::load(
                    &MediaSource::File(path.to_owned()),
                    0,
                    rate,
                    ChannelChoice::Mean,
                    sound_waker.clone(),
                )
            }),
        }
    }
}

/// The newest wish of each kind that the thread has not taken yet.
#[derive(Default)]
struct Wanted {
    stop: bool,
    clip: Option<Option<ClipFeed>>,
    model: Option<Option<(Arc<Checkpoint>, DeviceChoice)>>,
    test: Option<SoundTest>,
    fine: Option<u8>,
    object: Option<Option<Arc<Checkpoint>>>,
    hop: Option<MediaTime>,
    background: Option<bool>,
    resting: Option<bool>,
    /// From the opening thread: a handful per opening, never dropped.
    opened: Vec<(u64, OpenEvent)>,
}

impl Wanted {
    fn is_empty(&self) -> bool {
        !self.stop
            && self.clip.is_none()
            && self.model.is_none()
            && self.test.is_none()
            && self.fine.is_none()
            && self.object.is_none()
            && self.hop.is_none()
            && self.background.is_none()
            && self.resting.is_none()
            && self.opened.is_empty()
    }
}

/// What thread and window share.
struct Shared {
    wanted: Mutex<Wanted>,
    something: Condvar,
    status: StatusCell,
    maps: Arc<MapStore>,
    pictures: Mutex<Recent<FrameIndex, FrameEmbedding>>,
    bank: Mutex<SoundBank>,
    ended: (Mutex<bool>, Condvar),
}

impl Shared {
    fn ask(&self, change: impl FnOnce(&mut Wanted)) {
        change(&mut self.wanted.lock().unwrap_or_else(PoisonError::into_inner));
        self.something.notify_all();
    }

    /// Waits until something is wanted, at most `limit`.
    fn wait(&self, limit: Duration) {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.something.wait_timeout_while(wanted, limit, |w| w.is_empty());
        drop(waited);
    }

    fn take(&self) -> Wanted {
        std::mem::take(&mut *self.wanted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The window's end of the worker. Dropping it stops the thread and keeps its maps; a map that
/// is being computed may take the thread with it a little later.
pub struct InferWorker {
    shared: Arc<Shared>,
}

impl InferWorker {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`InferError::Thread`] when the system has no thread to give.
    pub fn spawn(options: WorkerOptions) -> Result<Self, InferError> {
        let shared = Arc::new(Shared {
            wanted: Mutex::default(),
            something: Condvar::new(),
            status: StatusCell::default(),
            maps: Arc::new(MapStore::default()),
            pictures: Mutex::new(Recent::new(PICTURE_BYTES)),
            bank: Mutex::default(),
            ended: Default::default(),
        });
        let name = "fnac-infer";
        let thread = thread::Worker::new(shared.clone(), options);
        std::thread::Builder::new()
            .name(name.into())
            .spawn(move || thread.run())
            .map_err(|source| InferError::Thread { name, source })?;
        Ok(Self { shared })
    }

    /// The maps of the open clip (those under the sound test while one runs).
    pub fn maps(&self) -> Arc<MapStore> {
        self.shared.maps.clone()
    }

    /// What the worker is doing.
    pub fn status(&self) -> Arc<InferStatus> {
        self.shared.status.get()
    }

    /// Opens another clip, or none.
    pub fn set_clip(&self, clip: Option<ClipFeed>) {
        self.shared.ask(|w| w.clip = Some(clip));
    }

    /// Takes another model or device, while the old one goes on until the new one is ready.
    pub fn set_model(&self, checkpoint: Option<Arc<Checkpoint>>, choice: DeviceChoice) {
        self.shared.ask(|w| w.model = Some(checkpoint.map(|c| (c, choice))));
    }

    /// Puts another sound in place of the clip's.
    pub fn set_sound_test(&self, test: SoundTest) {
        self.shared.ask(|w| w.test = Some(test));
    }

    /// Shifts per axis of fine maps: 2 or 4; anything else turns them off.
    pub fn set_fine(&self, factor: u8) {
        self.shared.ask(|w| w.fine = Some(if matches!(factor, 2 | 4) { factor } else { 0 }));
    }

    /// Takes an object tower (a ResNet-18 checkpoint), or none.
    pub fn set_object_tower(&self, checkpoint: Option<Arc<Checkpoint>>) {
        self.shared.ask(|w| w.object = Some(checkpoint));
    }

    /// How often the sound tower runs; see [`WorkerOptions::sound_hop`].
    pub fn set_sound_hop(&self, hop: MediaTime) {
        self.shared.ask(|w| w.hop = Some(hop));
    }

    /// Turns the background pass on or off.
    pub fn set_background(&self, on: bool) {
        self.shared.ask(|w| w.background = Some(on));
    }

    /// Computes nothing while `on`: somebody else's maps are on the screen. What is computed
    /// stays, and commands are obeyed as always.
    pub fn set_resting(&self, on: bool) {
        self.shared.ask(|w| w.resting = Some(on));
    }

    /// Ranks the peak of `frame` among those of unrelated sounds for the same picture. `None`
    /// until its picture's embedding and at least one of the bank's are there. Takes about a
    /// millisecond at the paper's size; ask when the frame or the map changes.
    pub fn evidence(&self, frame: FrameIndex) -> Option<Evidence> {
        let map = self.shared.maps.at(frame)?.map;
        let picture = {
            let mut held = self.shared.pictures.lock().unwrap_or_else(PoisonError::into_inner);
            held.get(&frame)?
        };
        let bank = self.shared.bank.lock().unwrap_or_else(PoisonError::into_inner).clone();
        bank.rank(&picture, &map)
    }
}

impl Drop for InferWorker {
    fn drop(&mut self) {
        self.shared.ask(|w| w.stop = true);
        // Long enough for a map and for keeping the maps; a device that hangs keeps only its
        // own thread, which ends with the process.
        let (ended, signal) = &self.shared.ended;
        let until = Instant::now() + CLOSE_WAIT;
        let mut done = ended.lock().unwrap_or_else(PoisonError::into_inner);
        while !*done {
            let Some(left) = until.checked_duration_since(Instant::now()) else { break };
            done = match signal.wait_timeout(done, left) {
                Ok((guard, _)) => guard,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }
}

#[cfg(test)]
mod tests;
