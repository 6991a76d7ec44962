//! Plays a clip: which frame is on screen now, and the sound that belongs to it.
//!
//! Owns the threads `fnac-video` (one per clip, decodes frames) and `fnac-audio` (device, sound
//! reader), the master clock and the seek generations. Knows neither windows nor networks;
//! whoever computes something about coming frames reads [`LookAhead`].
//!
//! The life of a frame: the clock says which media time is heard (`clock.rs`), the presentation
//! index which frame that is, the frame store (`store.rs`) holds it or plans how to decode it,
//! [`Player::tick`] hands it out. There is no queue that a seek must empty: a frame's number is
//! its only identity, so a stale frame can never be taken for the wanted one.
//!
//! The life of a sample: `sound.rs` reads, stretches and writes it into the ring with the
//! segment that says what media time it is; the device takes it and reports when it is heard.

mod clock;
mod controls;
mod loops;
mod picture;
mod presentation;
mod shared;
mod sound;
mod source;
mod store;
mod tick;

pub use loops::{Loops, SHORTEST_LOOP};
pub use presentation::{Counters, PlayState, Presentation, Shown};
pub use shared::{ClockKind, LookAhead, Note};
pub use source::{ClipOpener, OpenedClip, PictureReader, SoundReader};

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;

use crate::audio::{AudioError, OutputChoice, WallClock, volume_gain};
use crate::media::{
    CancelToken, MediaError, MediaInfo, MediaSource, PresentationIndex, VideoFrame,
};
use crate::units::{Generation, MediaTime, Waker, no_waker};
use picture::PictureThread;
use shared::{Phase, Shared};
use sound::{SoundCommand, SoundSender, SoundThread};
use source::FileOpener;

/// Slowest and fastest playing.
pub const SPEEDS: std::ops::RangeInclusive<f64> = 0.1..=4.0;
/// Jumps remembered for [`Player::undo_seek`].
const JUMPS: usize = 50;
/// How long a dropped player waits for its threads before it lets them end by themselves.
const FAREWELL: Duration = Duration::from_millis(300);

/// Why a clip does not play.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PlayerError {
    /// The file.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The sound device; never fatal.
    #[error(transparent)]
    Sound(#[from] AudioError),
    /// The system has no thread left.
    #[error("cannot start the thread {name}: {reason}. Close other programs and try again.")]
    Thread {
        /// Its name.
        name: &'static str,
        /// The system's words.
        reason: String,
    },
}

/// What to do when the sound device goes away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceLoss {
    /// Pause at the same place, as phones do.
    #[default]
    Pause,
    /// Go on, on the default device or silently.
    Move,
}

/// How a player is made.
#[derive(Clone)]
pub struct PlayerOptions {
    /// Where the sound goes.
    pub output: OutputChoice,
    /// Called from any thread when there is something new to draw.
    pub waker: Waker,
    /// Wall time; tests turn their own.
    pub wall: WallClock,
    /// A clip starts playing as soon as it is open.
    pub autoplay: bool,
    /// Volume in [0, 1].
    pub volume: f32,
    /// Start muted.
    pub muted: bool,
    /// What to do when the device goes away.
    pub device_loss: DeviceLoss,
    /// Memory for decoded frames, in bytes.
    pub frame_bytes: usize,
    /// Threads per video decoder, 0 for FFmpeg's choice.
    pub decoder_threads: usize,
    /// Keep a log of all frames handed out, see [`Player::take_log`].
    pub log_presentations: bool,
    /// Opens clips; `None` for files through FFmpeg.
    pub opener: Option<Arc<dyn ClipOpener>>,
}

impl Default for PlayerOptions {
    fn default() -> Self {
        Self {
            output: OutputChoice::Default,
            waker: no_waker(),
            wall: WallClock::real(),
            autoplay: true,
            volume: 1.0,
            muted: false,
            device_loss: DeviceLoss::Pause,
            frame_bytes: 256 << 20,
            decoder_threads: 0,
            log_presentations: false,
            opener: None,
        }
    }
}

struct Session {
    cancel: CancelToken,
    thread: Option<JoinHandle<()>>,
}

/// Plays one clip at a time. Owned by the window's thread; no method blocks on files, devices
/// or decoders.
///
/// Dropping it asks both threads to end and waits at most 0.3 s for them; a decoder in the
/// middle of a frame is left to end by itself.
pub struct Player {
    shared: Arc<Shared>,
    look_ahead: Arc<LookAhead>,
    options: PlayerOptions,
    opener: Arc<dyn ClipOpener>,
    sound: SoundSender,
    sound_thread: Option<JoinHandle<()>>,
    session: Option<Session>,
    presentation: Presentation,
    info: Option<Arc<MediaInfo>>,
    index: Option<Arc<PresentationIndex>>,
    shown: Option<Arc<VideoFrame>>,
    /// Generation whose very frame has been on screen.
    landed: Option<Generation>,
    /// Generation and time of the last tick.
    last: Option<(Generation, MediaTime)>,
    ended: bool,
    scrub: Option<Scrub>,
    speed: f64,
    volume: f32,
    muted: bool,
    loops: Loops,
    offset: MediaTime,
    jumps: Vec<MediaTime>,
    counters: Counters,
    av_error: MediaTime,
    log: Vec<Shown>,
}

/// A drag of the playhead.
struct Scrub {
    was_playing: bool,
    from: MediaTime,
    /// Generation for which a stand-in is on screen already.
    stood_in: Option<Generation>,
}

impl Player {
    /// Starts the sound thread; no clip yet.
    pub fn new(options: PlayerOptions) -> Self {
        let shared =
            Arc::new(Shared::new(options.wall.clone(), options.frame_bytes, options.waker.clone()));
        let opener = options
            .opener
            .clone()
            .unwrap_or_else(|| Arc::new(FileOpener { threads: options.decoder_threads }));
        let (commands_in, commands) = unbounded();
        let sound = SoundSender { commands: commands_in, shared: shared.clone() };
        let thread = SoundThread::new(
            shared.clone(),
            commands,
            options.output.clone(),
            options.device_loss,
            volume_gain(options.volume, options.muted),
        );
        let spawned =
            std::thread::Builder::new().name("fnac-audio".into()).spawn(move || thread.run());
        let sound_thread = match spawned {
            Ok(t) => Some(t),
            Err(e) => {
                let reason = e.to_string();
                shared.note(PlayerError::Thread { name: "fnac-audio", reason }.to_string());
                None
            }
        };
        let look_ahead = Arc::new(LookAhead { shared: shared.clone() });
        let (volume, muted) = (options.volume, options.muted);
        Self {
            shared,
            look_ahead,
            options,
            opener,
            sound,
            sound_thread,
            session: None,
            presentation: Presentation::default(),
            info: None,
            index: None,
            shown: None,
            landed: None,
            last: None,
            ended: false,
            scrub: None,
            speed: 1.0,
            volume,
            muted,
            loops: Loops::default(),
            offset: MediaTime::ZERO,
            jumps: Vec::new(),
            counters: Counters::default(),
            av_error: MediaTime::ZERO,
            log: Vec::new(),
        }
    }

    /// Opens a clip in place of the current one; returns at once. The state goes to `Opening`,
    /// then `Ready` kinds or `Failed`. Speed, volume and clip loop stay, A-B marks go.
    pub fn open(&mut self, source: MediaSource) {
        self.leave_clip();
        let session = self.shared.session.fetch_add(1, Ordering::AcqRel) + 1;
        self.clear();
        self.shared.status().phase = Phase::Opening;
        self.shared.clock.set_has_picture(true);
        self.shared.clock.set_playing(self.options.autoplay);
        self.shared.clock.begin(MediaTime::ZERO, None);
        let cancel = CancelToken::new();
        let thread = PictureThread {
            shared: self.shared.clone(),
            opener: self.opener.clone(),
            source,
            session,
            cancel: cancel.clone(),
            sound: self.sound.clone(),
        };
        match std::thread::Builder::new().name("fnac-video".into()).spawn(move || thread.run()) {
            Ok(t) => self.session = Some(Session { cancel, thread: Some(t) }),
            Err(e) => {
                let reason = e.to_string();
                let error = PlayerError::Thread { name: "fnac-video", reason };
                self.shared.status().phase = Phase::Failed(error);
            }
        }
        self.shared.poke();
        (self.shared.waker)();
    }

    /// Leaves the clip; the state is `Empty`.
    pub fn close(&mut self) {
        self.leave_clip();
        self.shared.session.fetch_add(1, Ordering::AcqRel);
        self.clear();
        self.shared.clock.set_playing(false);
        self.shared.clock.begin(MediaTime::ZERO, None);
        self.shared.poke();
    }

    /// Detaches the picture thread on purpose: it may be in the middle of a frame, and ends at
    /// the next look at its token.
    fn leave_clip(&mut self) {
        if let Some(s) = self.session.take() {
            s.cancel.cancel();
            self.shared.cancel_jump();
            drop(s.thread);
        }
        self.sound.send(SoundCommand::NoClip);
    }

    fn clear(&mut self) {
        let frames = self.shared.store().reset(None);
        drop(frames);
        {
            let mut s = self.shared.status();
            s.phase = Phase::Empty;
            s.info = None;
            s.index = None;
            s.track = None;
            s.notes.clear();
            s.picture_settled = None;
            s.old_underruns = 0;
        }
        self.shared.scrub.store(0, Ordering::Release);
        self.shared.on_screen.store(u64::MAX, Ordering::Release);
        self.shared.clock.set_end(MediaTime::ZERO);
        self.loops.a = None;
        self.loops.b = None;
        self.shared.clock.set_loops(self.loops);
        self.info = None;
        self.index = None;
        self.shown = None;
        self.landed = None;
        self.last = None;
        self.ended = false;
        self.scrub = None;
        self.jumps.clear();
        self.counters = Counters::default();
        self.av_error = MediaTime::ZERO;
        self.presentation.frame = None;
    }

    /// What the clip holds, once it is open.
    pub fn info(&self) -> Option<&MediaInfo> {
        self.info.as_deref()
    }

    /// The same, shared.
    pub fn shared_info(&self) -> Option<&Arc<MediaInfo>> {
        self.info.as_ref()
    }

    /// The clip's frames and their times, once it is open and if it has any.
    pub fn index(&self) -> Option<&Arc<PresentationIndex>> {
        self.index.as_ref()
    }

    /// Frames ahead of the playhead for other threads; the same over the player's whole life.
    pub fn look_ahead(&self) -> Arc<LookAhead> {
        self.look_ahead.clone()
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.sound.send(SoundCommand::Close);
        self.shared.session.fetch_add(1, Ordering::AcqRel);
        let mut threads: Vec<JoinHandle<()>> = self.sound_thread.take().into_iter().collect();
        if let Some(s) = self.session.take() {
            s.cancel.cancel();
            self.shared.cancel_jump();
            threads.extend(s.thread);
        }
        self.shared.poke();
        let until = Instant::now() + FAREWELL;
        for t in threads {
            while !t.is_finished() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(2));
            }
            if t.is_finished() {
                let _ = t.join();
            }
        }
    }
}
