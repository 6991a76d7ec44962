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
mod loops;
mod picture;
mod presentation;
mod shared;
mod sound;
mod source;
mod store;

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
use crate::media::{CancelToken, MediaError, MediaInfo, MediaSource, PresentationIndex, VideoFrame};
use crate::units::{FrameIndex, Generation, MediaTime, Waker, no_waker};
use clock::Reading;
use picture::PictureThread;
use shared::{Phase, Shared};
use sound::{SoundCommand, SoundSender, SoundThread};
use source::FileOpener;
use store::FrameStore;

/// Slowest and fastest playing.
pub const SPEEDS: std::ops::RangeInclusive<f64> = 0.1..=4.0;
/// Jumps remembered for [`Player::undo_seek`].
const JUMPS: usize = 50;
/// A jump shorter than this is no place to come back to.
const SHORTEST_JUMP: MediaTime = MediaTime::from_millis(1500);
/// A B mark set this little before the playhead means "here".
const JUST_PASSED: MediaTime = MediaTime::from_millis(500);
/// Decoded ahead at most, in seconds heard: changes of the loop farther off need no new sound.
const DECODED_AHEAD_SECS: f64 = 1.5;
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
        let shared = Arc::new(Shared::new(
            options.wall.clone(),
            options.frame_bytes,
            options.waker.clone(),
        ));
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

    // ---- clips -------------------------------------------------------------------------------

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
            s.picture_settled = false;
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

    // ---- playing -----------------------------------------------------------------------------

    /// Plays on; from the start (or the A mark) after the end.
    pub fn play(&mut self) {
        self.end_scrub_state();
        if self.has_ended() {
            let (loops, end) = self.shared.clock.loops();
            let start = loops.range(end).map_or(MediaTime::ZERO, |(lo, _)| lo);
            self.go(start, None);
        }
        self.shared.clock.set_playing(true);
        self.sound.send(SoundCommand::Wake);
        self.shared.poke();
    }

    /// Holds picture and sound.
    pub fn pause(&mut self) {
        self.end_scrub_state();
        self.shared.clock.set_playing(false);
        self.shared.poke();
    }

    /// Pause or play.
    pub fn toggle(&mut self) {
        if self.shared.clock.read().playing && !self.has_ended() {
            self.pause();
        } else {
            self.play();
        }
    }

    fn has_ended(&self) -> bool {
        self.ended || self.shared.clock.read().finished
    }

    /// Goes to the frame with the greatest time that is not after `time`. Nothing but that
    /// frame is painted; the old one stays until it is there.
    pub fn seek(&mut self, time: MediaTime) {
        self.end_scrub_state();
        self.remember_jump(time);
        self.go(self.clamped(time), None);
    }

    /// Goes to a frame by number.
    pub fn seek_frame(&mut self, frame: FrameIndex) {
        self.end_scrub_state();
        let (time, frame) = self.frame_place(frame);
        self.remember_jump(time);
        self.go(time, frame);
    }

    /// Time and number of a frame, both within the clip.
    fn frame_place(&self, frame: FrameIndex) -> (MediaTime, Option<FrameIndex>) {
        let Some(index) = &self.index else { return (MediaTime::ZERO, None) };
        let last = u32::try_from(index.len()).unwrap_or(u32::MAX).saturating_sub(1);
        let frame = FrameIndex(frame.0.min(last));
        (index.time(frame).unwrap_or_default().max(MediaTime::ZERO), Some(frame))
    }

    fn clamped(&self, time: MediaTime) -> MediaTime {
        let (_, end) = self.shared.clock.loops();
        time.clamp(MediaTime::ZERO, end.max(MediaTime::ZERO))
    }

    /// A jump: what is under way to another place is given up.
    fn go(&mut self, time: MediaTime, frame: Option<FrameIndex>) {
        self.go_to(time, frame, false);
        self.shared.cancel_jump();
    }

    /// Every way to another place ends here: a new generation.
    fn go_to(&mut self, time: MediaTime, frame: Option<FrameIndex>, backwards: bool) {
        self.ended = false;
        let (generation, _) = self.shared.clock.begin(time, frame);
        let back = if backwards { generation.0 } else { 0 };
        self.shared.backwards.store(back, Ordering::Release);
        let scrubbing = if self.scrub.is_some() { generation.0 } else { 0 };
        self.shared.scrub.store(scrubbing, Ordering::Release);
        self.sound.send(SoundCommand::Seek);
        self.shared.poke();
        // After the poke: whatever the thread finds settled from before it no longer counts.
        self.shared.status().picture_settled = false;
    }

    /// Drags the playhead to `time`: silence, a key frame (or a nearer frame that is at hand)
    /// at once, the exact frame as soon as the drag rests there. End with [`Self::scrub_end`].
    pub fn scrub(&mut self, time: MediaTime) {
        if self.scrub.is_none() {
            let r = self.shared.clock.read();
            self.scrub = Some(Scrub { was_playing: r.playing, from: r.time, stood_in: None });
            self.shared.clock.set_playing(false);
        }
        let time = self.clamped(time);
        let r = self.shared.clock.read();
        if r.time != time || r.running || !self.shared.is_scrubbing(r.generation) {
            self.go(time, None);
        }
    }

    /// Ends a drag exactly at `time`; plays on if it played before.
    pub fn scrub_end(&mut self, time: MediaTime) {
        let scrub = self.scrub.take();
        let time = self.clamped(time);
        if let Some(s) = &scrub {
            self.remember_jump_from(s.from, time);
        }
        self.go(time, None);
        if scrub.is_some_and(|s| s.was_playing) {
            self.play();
        }
    }

    /// A drag that another command interrupts.
    fn end_scrub_state(&mut self) {
        if let Some(s) = self.scrub.take() {
            self.shared.scrub.store(0, Ordering::Release);
            self.shared.clock.set_playing(s.was_playing);
        }
    }

    /// Pauses and goes `frames` frames on (or back, when negative).
    pub fn step(&mut self, frames: i32) {
        self.end_scrub_state();
        let was_playing = self.shared.clock.read().playing;
        self.shared.clock.set_playing(false);
        let Some(index) = self.index.clone() else { return };
        let r = self.shared.clock.read();
        // From the frame that is on screen; from the one asked for while it is on its way, so
        // that a held key counts every repeat.
        let on_screen = self.shown.as_ref().map(|f| f.index).filter(|_| was_playing);
        let Some(from) = on_screen.or(r.frame).or_else(|| index.frame_at(r.time)) else { return };
        let to = i64::from(from.0) + i64::from(frames);
        let to = FrameIndex(u32::try_from(to.max(0)).unwrap_or(u32::MAX));
        let (time, frame) = self.frame_place(to);
        if frame != Some(from) || was_playing {
            self.go_to(time, frame, frames < 0);
        }
    }

    /// Takes the last jump back.
    pub fn undo_seek(&mut self) {
        if let Some(time) = self.jumps.pop() {
            self.end_scrub_state();
            self.go(self.clamped(time), None);
        }
    }

    fn remember_jump(&mut self, to: MediaTime) {
        let from = self.shared.clock.read().time;
        self.remember_jump_from(from, to);
    }

    fn remember_jump_from(&mut self, from: MediaTime, to: MediaTime) {
        // Small hops and held arrow keys would push the place worth returning to out.
        if from.abs_diff(to) < SHORTEST_JUMP {
            return;
        }
        if self.jumps.len() >= JUMPS {
            self.jumps.remove(0);
        }
        self.jumps.push(from);
    }

    // ---- settings ----------------------------------------------------------------------------

    /// Speed, clamped to [`SPEEDS`]; pitch and place stay.
    pub fn set_speed(&mut self, speed: f64) {
        if !speed.is_finite() {
            return;
        }
        let speed = speed.clamp(*SPEEDS.start(), *SPEEDS.end());
        // 1.1 up and 1/1.1 down must meet at normal speed again.
        let speed = if (speed - 1.0).abs() < 0.005 { 1.0 } else { speed };
        if speed != self.speed {
            self.speed = speed;
            self.shared.clock.set_speed(speed);
            self.sound.send(SoundCommand::Reshape);
        }
    }

    /// Volume in [0, 1].
    pub fn set_volume(&mut self, volume: f32) {
        if volume.is_finite() {
            self.volume = volume.clamp(0.0, 1.0);
            self.send_gain();
        }
    }

    /// Silence without touching the volume.
    pub fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
        self.send_gain();
    }

    fn send_gain(&self) {
        self.sound.send(SoundCommand::Gain(volume_gain(self.volume, self.muted)));
    }

    /// Sets the marks of the A-B loop, in any order; with one missing nothing loops. Playing at
    /// or just behind the end of the new loop goes to its start.
    pub fn set_loop_ab(&mut self, a: Option<MediaTime>, b: Option<MediaTime>) {
        self.change_loops(Loops { a, b, ..self.loops });
        let (loops, end) = self.shared.clock.loops();
        let r = self.shared.clock.read();
        if let Some((lo, hi)) = loops.range(end) {
            if r.playing && r.time >= hi && r.time < hi + JUST_PASSED {
                self.go(lo, None);
            }
        }
    }

    /// Repeats the whole clip.
    pub fn set_loop_clip(&mut self, on: bool) {
        self.change_loops(Loops { clip: on, ..self.loops });
    }

    fn change_loops(&mut self, loops: Loops) {
        if loops == self.loops {
            return;
        }
        let old = self.loops;
        self.loops = loops;
        self.shared.clock.set_loops(loops);
        let r = self.shared.clock.read();
        let (_, end) = self.shared.clock.loops();
        // Sound is decoded ahead: only a wrap that comes or goes within it needs new sound.
        let near = r.time + MediaTime::from_secs_f64(DECODED_AHEAD_SECS * self.speed);
        let wrap = |l: Loops| l.ahead_of(r.time, end).filter(|(_, hi)| *hi <= near);
        if wrap(old) != wrap(loops) || (near >= end && old.clip != loops.clip) {
            self.sound.send(SoundCommand::Reshape);
        }
        self.shared.poke();
    }

    /// Chooses a sound track by number.
    pub fn select_audio_track(&mut self, track: usize) {
        self.sound.send(SoundCommand::Track(Some(track)));
    }

    /// Chooses the device; playing goes on at the same place.
    pub fn set_output(&mut self, output: OutputChoice) {
        self.sound.send(SoundCommand::Output(output));
    }

    /// What to do when the device goes away.
    pub fn set_device_loss(&mut self, on_loss: DeviceLoss) {
        self.sound.send(SoundCommand::OnLoss(on_loss));
    }

    /// The sound is heard this much later than the device says (a Bluetooth speaker), or
    /// earlier when negative; within two seconds.
    pub fn set_audio_offset(&mut self, offset: MediaTime) {
        let limit = MediaTime::from_millis(2000);
        self.offset = offset.clamp(-limit, limit);
        self.shared.clock.set_offset(self.offset);
        self.shared.poke();
    }

    // ---- presenting --------------------------------------------------------------------------

    /// What to draw now. Call once per drawn frame; never blocks.
    pub fn tick(&mut self) -> &Presentation {
        let wall = self.options.wall.now();
        self.shared.last_tick.store(wall.as_nanos(), Ordering::Release);
        let (phase, underruns) = self.take_status();
        let r = self.shared.clock.read_at(wall);
        let ready = matches!(phase, Phase::Ready);
        if ready && r.finished && r.playing && !self.ended {
            self.ended = true;
            self.shared.clock.set_playing(false);
        }
        self.counters.underruns = underruns;
        let (exact, ahead) = if ready { self.choose_frame(&r, wall) } else { (true, 0) };
        let landed = self.index.is_none() || self.landed == Some(r.generation);
        let p = &mut self.presentation;
        p.state = match phase {
            Phase::Empty => PlayState::Empty,
            Phase::Opening => PlayState::Opening,
            Phase::Failed(_) => PlayState::Failed,
            Phase::Ready if !landed => PlayState::Seeking,
            Phase::Ready if self.ended => PlayState::Ended,
            Phase::Ready if r.playing => PlayState::Playing,
            Phase::Ready => PlayState::Paused,
        };
        p.error = match phase {
            Phase::Failed(e) => Some(e),
            _ => None,
        };
        p.generation = r.generation;
        p.playing = r.playing && !self.ended;
        p.now = r.time;
        p.duration = self.shared.clock.loops().1;
        p.frame.clone_from(&self.shown);
        p.exact = exact;
        p.scrubbing = self.scrub.is_some();
        p.frames_ahead = ahead;
        p.av_error = self.av_error;
        p.counters = self.counters;
        p.speed = self.speed;
        p.volume = self.volume;
        p.muted = self.muted;
        p.loops = self.loops;
        p.audio_offset = self.offset;
        p.undo_seeks = self.jumps.len();
        p.next_change = self.next_change(&r);
        self.last = Some((r.generation, r.time));
        &self.presentation
    }

    /// The result of the last tick.
    pub fn presentation(&self) -> &Presentation {
        &self.presentation
    }

    /// Copies what the threads reported.
    fn take_status(&mut self) -> (Phase, u64) {
        let status = self.shared.status();
        if self.info.is_none() {
            self.info.clone_from(&status.info);
            self.index.clone_from(&status.index);
        }
        let p = &mut self.presentation;
        p.clock = status.clock_kind;
        p.track = status.track;
        p.device_delay = status.delay;
        if p.device != status.output {
            p.device.clone_from(&status.output);
        }
        if p.notes.last() != status.notes.last() || p.notes.len() != status.notes.len() {
            p.notes.clone_from(&status.notes);
        }
        let mut underruns = status.old_underruns;
        let ring = status.ring.clone();
        let phase = status.phase.clone();
        drop(status);
        if let Some(ring) = ring {
            underruns += ring.underruns();
            let frames = ring.written().saturating_sub(ring.position());
            // All rings of the player run at their device's rate; 48 kHz is close enough here.
            p.sound_ahead = Duration::from_secs_f64(frames as f64 / 48_000.0);
        }
        (phase, underruns)
    }

    /// Takes the frame for this reading from the store, if it is there. Returns whether the
    /// frame on screen is the very one, and how many are decoded behind it.
    fn choose_frame(&mut self, r: &Reading, wall: crate::audio::WallTime) -> (bool, usize) {
        let store = self.shared.store();
        let Some(wish) = self.shared.wish(&store, r) else { return (true, 0) };
        let wanted = store.resolve(wish.frame);
        let ahead = store.ahead(&wish, 64);
        let ahead = ahead.iter().take_while(|f| store.get(**f).is_some()).count();
        let landed = self.landed == Some(r.generation);
        let (found, exact) = match store.get(wanted) {
            Some(f) => (Some(f.clone()), true),
            None if self.scrub.is_some() => (self.stand_in(&store, wanted, r), false),
            // After a seek nothing but its target; while playing the newest that is not ahead.
            None if landed && r.running => (self.overdue(&store, wanted, &wish), false),
            None => (None, false),
        };
        self.presentation.frames_held = store.len();
        self.presentation.bytes_held = store.bytes();
        drop(store);
        if !exact && landed && r.running {
            self.counters.late += 1;
        }
        if let Some(frame) = found {
            self.show(frame, exact, r, wall);
        }
        (exact, ahead)
    }

    /// While dragging: the frame nearest before the wanted one that its key frame leads to.
    /// Chosen once per place, so that the way to the exact frame is not shown.
    fn stand_in(
        &mut self,
        store: &FrameStore,
        wanted: u32,
        r: &Reading,
    ) -> Option<Arc<VideoFrame>> {
        let scrub = self.scrub.as_mut()?;
        if scrub.stood_in == Some(r.generation) {
            return None;
        }
        let key = store.index()?.keyframe_at_or_before(FrameIndex(wanted)).0;
        let frame = store.newest_in(key, wanted)?.clone();
        scrub.stood_in = Some(r.generation);
        Some(frame)
    }

    /// While decoding cannot keep up: the newest frame up to the one due, never back in time
    /// unless a loop has wrapped.
    fn overdue(
        &self,
        store: &FrameStore,
        wanted: u32,
        wish: &store::Wish,
    ) -> Option<Arc<VideoFrame>> {
        let shown = self.shown.as_ref()?.index.0;
        let wrapped = self.last.is_some_and(|(_, t)| t > wish.time);
        let lowest = if wrapped || shown > wanted {
            let lo = wish.loops.ahead_of(wish.time, wish.end).map(|(lo, _)| lo)?;
            store.index()?.frame_at(lo)?.0
        } else {
            shown
        };
        store.newest_in(lowest, wanted).cloned()
    }

    fn show(
        &mut self,
        frame: Arc<VideoFrame>,
        exact: bool,
        r: &Reading,
        wall: crate::audio::WallTime,
    ) {
        let arrived = exact && self.landed != Some(r.generation);
        if exact {
            self.landed = Some(r.generation);
        }
        let old = self.shown.as_ref().map(|f| f.index.0);
        let same = self.shown.as_ref().is_some_and(|f| Arc::ptr_eq(f, &frame));
        if same && !arrived {
            return;
        }
        let n = frame.index.0;
        let late = if arrived { MediaTime::ZERO } else { r.time - frame.time };
        self.av_error = late.max(MediaTime::ZERO);
        if !arrived && r.running {
            self.counters.dropped +=
                old.filter(|o| *o < n).map_or(0, |o| u64::from(n - o).saturating_sub(1));
        }
        if !same {
            self.counters.shown += 1;
        }
        self.shared.on_screen.store(u64::from(n), Ordering::Release);
        if self.options.log_presentations {
            self.log.push(Shown {
                at: wall,
                frame: frame.index,
                time: frame.time,
                clock: r.time,
                generation: r.generation,
            });
        }
        self.shown = Some(frame);
        if !same {
            // Whoever follows the picture (a worker that waits for it) looks again.
            self.shared.poke();
        }
    }

    fn next_change(&self, r: &Reading) -> Option<Duration> {
        if !r.playing || self.ended {
            // A pause still plays what the device has taken: at most its delay.
            return r.running.then_some(Duration::from_millis(5));
        }
        if !r.running {
            // Waiting for the device's first sample; the threads' waker comes before that.
            return matches!(self.presentation.state, PlayState::Playing)
                .then_some(Duration::from_millis(4));
        }
        let (loops, end) = self.shared.clock.loops();
        let wrap = loops.ahead_of(r.time, end).map_or(end, |(_, hi)| hi);
        let next = self
            .index
            .as_ref()
            .and_then(|i| i.time(FrameIndex(i.frame_at(r.time)?.0.saturating_add(1))))
            // Without pictures the time display and the lanes move.
            .unwrap_or_else(|| r.time + MediaTime::from_millis(33))
            .min(wrap);
        let wait = (next - r.time).scaled(1.0 / r.speed.max(0.01)).to_duration();
        Some(wait.max(Duration::from_micros(200)))
    }

    /// Takes the log of frames handed out, kept when the options ask for it.
    pub fn take_log(&mut self) -> Vec<Shown> {
        std::mem::take(&mut self.log)
    }

    /// True when both threads have done all that they can do at this instant: for tests on a
    /// manual clock and for measurements.
    pub fn is_settled(&self) -> bool {
        let s = self.shared.status();
        match s.phase {
            Phase::Ready => s.picture_settled && self.sound.is_settled(),
            Phase::Opening => false,
            _ => true,
        }
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
