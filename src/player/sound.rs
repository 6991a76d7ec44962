//! Thread `fnac-audio`: the device, the sound reader, speed, loops; feeds the ring.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::clock::Segment;
use super::loops::Loops;
use super::shared::{ClockKind, Shared};
use super::source::{ClipOpener, SoundReader};
use super::{DeviceLoss, PlayerError};
use crate::audio::{
    CHANNELS, Output, OutputChoice, OutputKind, RingWriter, Stretch, device_fingerprint,
    open_output,
};
use crate::media::{CancelToken, MediaSource};
use crate::units::MediaTime;

/// Room in the ring: twice what is kept in it, so that a change of speed can be prepared beside
/// the old sound.
const CAPACITY: Duration = Duration::from_millis(1200);
/// Sound kept decoded ahead: outlasts a scheduler that is busy elsewhere, short enough that
/// nobody waits for it.
const AHEAD_SECS: f64 = 0.4;
/// Sound that must be there before playing starts.
const START_SECS: f64 = 0.08;
/// Where a change of speed takes over, behind what the device has taken.
const SPLICE_SECS: f64 = 0.06;
/// Sound prepared before it takes over.
const SPLICE_READY_SECS: f64 = 0.1;
/// A paused seek reads sound only after this long without another one.
const PAUSED_SEEK_REST: Duration = Duration::from_millis(60);
/// How often the device is looked at.
const DEVICE_POLL: Duration = Duration::from_millis(100);
/// How often a lost device is tried where that is silent (not ALSA).
const RETRY: Duration = Duration::from_secs(2);
/// Rest after a device or server has come or gone before it is tried.
const SETTLING: Duration = Duration::from_millis(700);
/// How long a device that came back must last to be trusted.
const PROBATION: Duration = Duration::from_secs(3);
/// Deviations of a block's time from the count of samples that are filled or cut.
const GAP_SECS: f64 = 0.005;
/// Longest silence put into the sound at once, in frames.
const LONGEST_GAP: i64 = 48_000;
/// Frames of silence made at once where there is no sound.
const SILENCE: usize = 1024;

/// What the player asks of the sound thread; unbounded, but each is a user's act.
pub(crate) enum SoundCommand {
    Clip {
        source: MediaSource,
        track: Option<usize>,
        cancel: CancelToken,
        opener: Arc<dyn ClipOpener>,
    },
    NoClip,
    /// The clock has a new target.
    Seek,
    /// Speed or loops changed: prepare the sound anew from a moment ahead.
    Reshape,
    Track(Option<usize>),
    Output(OutputChoice),
    OnLoss(DeviceLoss),
    Gain(f32),
    /// Look again: the user wants to play.
    Wake,
    Close,
}

/// The sound thread's mailbox.
#[derive(Clone)]
pub(crate) struct SoundSender {
    pub commands: Sender<SoundCommand>,
    pub shared: Arc<Shared>,
}

impl SoundSender {
    /// Never blocks; what cannot be delivered (the thread is gone) is dropped.
    pub(crate) fn send(&self, c: SoundCommand) {
        self.shared.sound_sent.fetch_add(1, Ordering::AcqRel);
        let _ = self.commands.send(c);
    }

    /// Everything sent has been done, as far as the device allowed.
    pub(crate) fn is_settled(&self) -> bool {
        let done = self.shared.sound_done.load(Ordering::Acquire);
        done == self.shared.sound_sent.load(Ordering::Acquire)
    }
}

struct Clip {
    source: MediaSource,
    track: Option<usize>,
    cancel: CancelToken,
    opener: Arc<dyn ClipOpener>,
}

/// Where the writing stands.
struct Place {
    epoch: u64,
    /// Sample of the clip (at the ring's rate) that is written next.
    sample: i64,
    /// The reader must go there first.
    reader_lost: bool,
    /// Input frames since `base`.
    input: u64,
    /// Ring position of the first output frame.
    base: u64,
    speed: f64,
    stretch: Option<Stretch>,
    /// Made, not yet in the ring.
    pending: Vec<f32>,
    pending_at: usize,
    /// The reader has no more.
    dry: bool,
    /// The clip's end is made.
    ended: bool,
    end_told: bool,
    ready_told: bool,
    /// The marks, and the loop that they make of what is ahead.
    loops: Option<Loops>,
    around: Option<(MediaTime, MediaTime)>,
    /// The old sound goes on until this ring position.
    splice_at: Option<u64>,
    /// Not before this instant.
    not_before: Option<Instant>,
}

pub(crate) struct SoundThread {
    shared: Arc<Shared>,
    commands: Receiver<SoundCommand>,
    choice: OutputChoice,
    on_loss: DeviceLoss,
    gain: f32,
    output: Option<Box<dyn Output>>,
    ring: Option<RingWriter>,
    /// The null device stands in for the chosen one.
    fallback: bool,
    last_try: Instant,
    fingerprint: String,
    looked: Instant,
    /// When a device or server was seen to come or go.
    changed: Option<Instant>,
    /// A device that came back is not trusted before this.
    probation: Option<Instant>,
    clip: Option<Clip>,
    reader: Option<Box<dyn SoundReader>>,
    place: Option<Place>,
    /// Commands received.
    taken: u64,
}

impl SoundThread {
    pub(crate) fn new(
        shared: Arc<Shared>,
        commands: Receiver<SoundCommand>,
        choice: OutputChoice,
        on_loss: DeviceLoss,
        gain: f32,
    ) -> Self {
        Self {
            shared,
            commands,
            choice,
            on_loss,
            gain,
            output: None,
            ring: None,
            fallback: false,
            last_try: Instant::now(),
            fingerprint: String::new(),
            looked: Instant::now(),
            changed: None,
            probation: None,
            clip: None,
            reader: None,
            place: None,
            taken: 0,
        }
    }

    pub(crate) fn run(mut self) {
        loop {
            // Only as much is made at once as keeps commands waiting for a block's decoding.
            let busy = self.work();
            if !busy {
                self.shared.sound_done.store(self.taken, Ordering::Release);
            }
            let wait = if busy { Duration::ZERO } else { self.rest() };
            match self.commands.recv_timeout(wait) {
                Ok(SoundCommand::Close) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(c) => {
                    self.taken += 1;
                    self.obey(c);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.looked.elapsed() >= DEVICE_POLL {
                self.looked = Instant::now();
                self.look_after_device();
            }
        }
        self.shared.clock.set_ring(None);
    }

    /// How long to sleep when there is nothing to do.
    fn rest(&self) -> Duration {
        let resting = self.place.as_ref().and_then(|p| p.not_before);
        match resting {
            Some(t) => t.saturating_duration_since(Instant::now()).min(DEVICE_POLL),
            None if self.shared.clock.read().playing => Duration::from_millis(10),
            None => DEVICE_POLL,
        }
    }

    fn obey(&mut self, c: SoundCommand) {
        match c {
            SoundCommand::Clip { source, track, cancel, opener } => {
                self.clip = Some(Clip { source, track, cancel, opener });
                self.change_track();
            }
            SoundCommand::NoClip => {
                self.clip = None;
                self.reader = None;
                self.place = None;
                if let Some(ring) = &mut self.ring {
                    ring.flush();
                }
            }
            SoundCommand::Seek => self.restart(true),
            SoundCommand::Reshape => self.reshape(),
            SoundCommand::Track(track) => {
                if let Some(clip) = &mut self.clip {
                    clip.track = track;
                    self.change_track();
                }
            }
            SoundCommand::Output(choice) => {
                self.choice = choice;
                self.close_output();
                if self.clip.is_some() {
                    self.open_output();
                }
            }
            SoundCommand::OnLoss(l) => self.on_loss = l,
            SoundCommand::Gain(g) => {
                self.gain = g;
                if let Some(ring) = &self.ring {
                    ring.shared().set_gain(g);
                }
            }
            SoundCommand::Wake | SoundCommand::Close => {}
        }
    }

    /// Takes up the clip's track with the device that it needs.
    fn change_track(&mut self) {
        self.reader = None;
        let wanted = self.clip.as_ref().is_some_and(|c| c.track.is_some());
        let kind = self.output.as_ref().map(|o| o.config().kind);
        let fits = match kind {
            None => false,
            Some(OutputKind::Device) => wanted,
            // The null device was chosen, stands in for a missing one, or is all that is needed.
            Some(OutputKind::Null) => !wanted || self.fallback || self.chosen_null(),
        };
        if fits {
            self.open_reader();
            self.tell_kind();
            let now = self.shared.clock.read().time;
            self.shared.clock.rebase(now);
            self.restart(false);
        } else {
            self.close_output();
            self.open_output();
        }
    }

    fn chosen_null(&self) -> bool {
        matches!(self.choice, OutputChoice::Null { .. })
    }

    fn open_reader(&mut self) {
        self.reader = None;
        let (Some(clip), Some(ring)) = (&mut self.clip, &self.ring) else { return };
        let Some(track) = clip.track else { return };
        match clip.opener.open_sound(&clip.source, track, ring.rate(), &clip.cancel) {
            Ok(r) => {
                self.reader = Some(r);
                self.shared.status().track = Some(track);
            }
            Err(e) if e.is_cancelled() => {}
            Err(e) => {
                clip.track = None;
                self.shared.status().track = None;
                self.shared.note(format!("No sound: {e}"));
            }
        }
    }

    fn close_output(&mut self) {
        self.shared.clock.set_ring(None);
        if let Some(ring) = self.ring.take() {
            self.shared.status().old_underruns += ring.shared().underruns();
        }
        self.output = None;
        self.place = None;
        self.shared.status().ring = None;
    }

    /// Opens the chosen device, or the null device in its place or where no sound is needed.
    fn open_output(&mut self) {
        let wall = self.shared.clock.wall().clone();
        let needs_sound = self.clip.as_ref().is_some_and(|c| c.track.is_some());
        let free = OutputChoice::Null {
            pace: match self.choice {
                OutputChoice::Null { pace } => pace,
                _ => 1.0,
            },
        };
        self.last_try = Instant::now();
        self.fingerprint = device_fingerprint();
        self.fallback = false;
        // A manual device also plays clips without sound: a test turns its clock.
        let manual = matches!(self.choice, OutputChoice::Manual(_));
        let choice = if needs_sound || manual { self.choice.clone() } else { free.clone() };
        let mut opened = open_output(&choice, &wall, CAPACITY, self.gain);
        if let Err(e) = &opened {
            self.shared.note(PlayerError::Sound(e.clone()).to_string());
            self.fallback = true;
            opened = open_output(&free, &wall, CAPACITY, self.gain);
        }
        match opened {
            Ok((output, ring)) => {
                let rate = ring.rate();
                self.shared.clock.set_ring(Some((ring.shared().clone(), rate)));
                {
                    let mut s = self.shared.status();
                    s.output = output.config().name.clone();
                    s.ring = Some(ring.shared().clone());
                }
                self.output = Some(output);
                self.ring = Some(ring);
            }
            Err(e) => self.shared.note(PlayerError::Sound(e).to_string()),
        }
        self.open_reader();
        self.tell_kind();
        self.restart(false);
    }

    fn tell_kind(&self) {
        let kind = match (&self.reader, self.fallback) {
            (None, _) => ClockKind::FreeNoTrack,
            (Some(_), true) => ClockKind::FreeNoDevice,
            (Some(_), false) => ClockKind::Sound,
        };
        self.shared.status().clock_kind = kind;
        (self.shared.waker)();
    }

    fn look_after_device(&mut self) {
        let Some(output) = &self.output else { return };
        self.shared.status().delay = output.delay();
        if let Some(why) = output.lost() {
            let name = output.config().name.clone();
            let now = self.shared.clock.read().time;
            // A sound server that is just starting takes streams and drops them again; and where
            // no card or server came or went, a stream that ended (a starved machine) is a
            // stumble: neither has to pause, unless no device opens any more.
            let starting = self.probation.is_some_and(|t| Instant::now() < t);
            let manual = matches!(self.choice, OutputChoice::Manual(_));
            let stumbled =
                !manual && !self.fingerprint.is_empty() && device_fingerprint() == self.fingerprint;
            let pause = self.on_loss == DeviceLoss::Pause;
            if pause && !starting && !stumbled {
                self.shared.clock.set_playing(false);
            }
            self.close_output();
            self.shared.clock.rebase(now);
            self.open_output();
            if pause && self.fallback {
                self.shared.clock.set_playing(false);
            }
            if !self.fallback && (stumbled || starting) {
                // Nothing was lost and nothing is asked of the user: for the log alone.
                tracing::info!("sound device {name:?} stumbled ({why}): opened again, playing on");
                return;
            }
            let what = match (self.fallback, pause) {
                (_, true) => "paused at the same place; play on to hear it from another device",
                (_, false) => "playing on",
            };
            self.shared.note(format!("Sound device {name:?} is gone ({why}): {what}"));
        } else if self.fallback && self.device_may_be_back() {
            self.try_device_again();
        }
    }

    fn device_may_be_back(&mut self) -> bool {
        if matches!(self.choice, OutputChoice::Manual(_)) {
            return true;
        }
        let now = device_fingerprint();
        if now.is_empty() {
            return self.last_try.elapsed() >= RETRY;
        }
        if now == self.fingerprint {
            return self.changed.is_some_and(|t| t.elapsed() >= SETTLING);
        }
        // Not at once: servers are there before their devices are.
        self.fingerprint = now;
        self.changed = Some(Instant::now());
        false
    }

    /// Changes from the stand-in to the real device, if it opens, at the same place.
    fn try_device_again(&mut self) {
        self.last_try = Instant::now();
        self.changed = None;
        let wall = self.shared.clock.wall().clone();
        let Ok((output, ring)) = open_output(&self.choice, &wall, CAPACITY, self.gain) else {
            return;
        };
        let name = output.config().name.clone();
        self.probation = Some(Instant::now() + PROBATION);
        self.close_output();
        self.fallback = false;
        self.shared.clock.set_ring(Some((ring.shared().clone(), ring.rate())));
        {
            let mut s = self.shared.status();
            s.output.clone_from(&name);
            s.ring = Some(ring.shared().clone());
        }
        self.output = Some(output);
        self.ring = Some(ring);
        self.open_reader();
        self.tell_kind();
        self.restart(false);
        self.shared.note(format!("Sound device {name:?} is back"));
    }

    /// Starts anew at the clock's target and drops what was made before.
    fn restart(&mut self, by_seek: bool) {
        let (epoch, target, playing) = self.shared.clock.sound_target();
        let Some(ring) = &mut self.ring else { return };
        if self.clip.is_none() {
            return;
        }
        ring.flush();
        let mut place = Place::new(epoch, target, ring, self.shared.clock.speed());
        if by_seek && !playing {
            place.not_before = Some(Instant::now() + PAUSED_SEEK_REST);
        }
        let segment = Segment { position: place.base, media: target, speed: place.speed };
        if self.shared.clock.push(epoch, segment) {
            self.place = Some(place);
        }
    }

    /// New speed or loops: while playing, prepared beside the old sound and spliced in a moment
    /// ahead, at the same place of the clip; otherwise from where the clock stands.
    fn reshape(&mut self) {
        let reading = self.shared.clock.read();
        let Some(ring) = &mut self.ring else { return };
        if self.clip.is_none() {
            return;
        }
        let position = ring.shared().position();
        let lead = (SPLICE_SECS * f64::from(ring.rate())) as u64;
        let epoch = self.shared.clock.epoch();
        let current = self.place.as_ref().is_some_and(|p| p.epoch == epoch);
        let at = (position + lead).min(ring.written());
        let media = self
            .shared
            .clock
            .media_at(at)
            .filter(|_| reading.playing && reading.running && current);
        match media {
            Some(media) => {
                let mut place = Place::new(epoch, media, ring, self.shared.clock.speed());
                place.splice_at = Some(at);
                place.ready_told = true;
                self.shared.clock.set_end_position(epoch, None);
                let segment = Segment { position: place.base, media, speed: place.speed };
                self.shared.clock.push(epoch, segment);
                self.place = Some(place);
            }
            None => {
                self.shared.clock.rebase(reading.time);
                self.restart(false);
            }
        }
    }

    /// Makes and writes one block; true while there is more to do at once.
    fn work(&mut self) -> bool {
        let (Some(ring), Some(place)) = (&mut self.ring, &mut self.place) else { return false };
        if place.epoch != self.shared.clock.epoch() {
            // A seek is on its way to this thread.
            return false;
        }
        if place.not_before.is_some_and(|t| Instant::now() < t) {
            if !self.shared.clock.read().playing {
                return false;
            }
            place.not_before = None;
        }
        let rate = f64::from(ring.rate());
        place.write(ring);
        let made = ring.written().saturating_sub(place.base) as f64 / rate;
        let all = place.ended && place.is_written();
        if let Some(at) = place.splice_at.filter(|_| made >= SPLICE_READY_SECS || all) {
            ring.splice(at, place.base);
            place.splice_at = None;
        }
        if all && !place.end_told {
            place.end_told = true;
            self.shared.clock.set_end_position(place.epoch, Some(ring.written()));
        }
        if (made >= START_SECS || all) && !place.ready_told {
            place.ready_told = true;
            self.shared.clock.sound_is_ready(place.epoch);
            self.shared.poke();
            (self.shared.waker)();
        }
        let queued = match place.splice_at {
            Some(_) => ring.written().saturating_sub(place.base),
            None => ring.queued(),
        };
        if place.ended || !place.is_written() || queued as f64 >= AHEAD_SECS * rate {
            // A full ring empties at the pace of the device.
            return false;
        }
        if let Err(e) = place.make(ring.rate(), &mut self.reader, &self.shared) {
            self.reader = None;
            if !e.is_cancelled() {
                self.shared.note(format!("The sound ends here: {e}"));
            }
            self.tell_kind();
        }
        true
    }
}

impl Place {
    fn new(epoch: u64, media: MediaTime, ring: &RingWriter, speed: f64) -> Self {
        let rate = ring.rate();
        Self {
            epoch,
            sample: sample_at(media, rate),
            reader_lost: true,
            input: 0,
            base: ring.written(),
            speed,
            stretch: (speed != 1.0).then(|| Stretch::new(rate, speed)),
            pending: Vec::new(),
            pending_at: 0,
            dry: false,
            ended: false,
            end_told: false,
            ready_told: false,
            loops: None,
            around: None,
            splice_at: None,
            not_before: None,
        }
    }

    fn is_written(&self) -> bool {
        self.pending_at >= self.pending.len()
    }

    /// Moves what is made into the ring, as far as it has room.
    fn write(&mut self, ring: &mut RingWriter) {
        if let Some(rest) = self.pending.get(self.pending_at..).filter(|r| !r.is_empty()) {
            self.pending_at += ring.write(rest) * CHANNELS;
        }
        if self.is_written() {
            self.pending.clear();
            self.pending_at = 0;
        }
    }

    /// Makes sound for one block of the clip.
    fn make(
        &mut self,
        rate: u32,
        reader: &mut Option<Box<dyn SoundReader>>,
        shared: &Shared,
    ) -> Result<(), crate::media::MediaError> {
        let here = time_at(self.sample, rate);
        let (loops, end) = shared.clock.loops();
        if self.loops != Some(loops) {
            // Decided when the marks change, not per block: at the loop's very end nothing is
            // ahead any more.
            self.loops = Some(loops);
            self.around = loops.ahead_of(here, end);
        }
        let until = self.around.map_or(end, |(_, hi)| hi);
        let left = sample_at(until, rate) - self.sample;
        if left <= 0 {
            match self.around {
                Some((lo, _)) => self.wrap(lo, rate, shared),
                None => self.finish(),
            }
            return Ok(());
        }
        let mut samples = Vec::new();
        if let Some(reader) = reader.as_mut() {
            if self.reader_lost {
                reader.seek(here)?;
                self.reader_lost = false;
                self.dry = false;
            }
            if !self.dry {
                match reader.next_block()? {
                    Some(block) => {
                        samples = block.samples;
                        self.align(&mut samples, sample_at(block.time, rate), rate);
                    }
                    None => self.dry = true,
                }
                if samples.is_empty() {
                    return Ok(());
                }
            }
        }
        if samples.is_empty() {
            // No sound here: silence to the end or the loop's.
            samples.resize(SILENCE * CHANNELS, 0.0);
        }
        let frames = (samples.len() / CHANNELS).min(usize::try_from(left).unwrap_or(usize::MAX));
        samples.truncate(frames * CHANNELS);
        self.sample += frames as i64;
        self.input += frames as u64;
        // A loop cuts the reader's block: what is left of it is not asked for again.
        match &mut self.stretch {
            Some(s) => s.push(&samples, &mut self.pending),
            None => self.pending = samples,
        }
        Ok(())
    }

    /// Cuts or fills a block whose time is not where the count of samples is.
    fn align(&mut self, samples: &mut Vec<f32>, at: i64, rate: u32) {
        let off = at - self.sample;
        if off.abs() <= (GAP_SECS * f64::from(rate)) as i64 {
            return;
        }
        if off > 0 {
            let silence = usize::try_from(off.min(LONGEST_GAP)).unwrap_or(0) * CHANNELS;
            samples.splice(0..0, std::iter::repeat_n(0.0, silence));
        } else {
            let cut = usize::try_from(-off).unwrap_or(0).saturating_mul(CHANNELS);
            samples.drain(..cut.min(samples.len()));
        }
    }

    /// Goes back to the loop's start, in the middle of the running sound.
    fn wrap(&mut self, lo: MediaTime, rate: u32, shared: &Shared) {
        self.sample = sample_at(lo, rate);
        self.loops = None;
        self.reader_lost = true;
        let position = self.base + (self.input as f64 / self.speed).round() as u64;
        shared.clock.push(self.epoch, Segment { position, media: lo, speed: self.speed });
    }

    fn finish(&mut self) {
        if let Some(s) = &mut self.stretch {
            s.finish(&mut self.pending);
        }
        self.ended = true;
    }
}

/// Number of the sample at a time, at `rate`.
fn sample_at(time: MediaTime, rate: u32) -> i64 {
    let n = i128::from(time.as_nanos()) * i128::from(rate);
    ((n + 500_000_000).div_euclid(1_000_000_000)) as i64
}

fn time_at(sample: i64, rate: u32) -> MediaTime {
    let n = i128::from(sample) * 1_000_000_000;
    MediaTime::from_nanos(n.div_euclid(i128::from(rate.max(1))) as i64)
}
