//! What the worker computes, one frame at a time, most urgent first.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::super::sound::hopped;
use super::super::{
    Ahead, FrameEmbedding, FrameState, InferError, InputFrame, Latency, Next, SoundTest,
    SoundWindow, tested_window,
};
use super::thread::{Heard, Worker};
use crate::model::AudioEmbedding;
use crate::overlay::yuv::rgb_from_planes;
use crate::units::{FrameIndex, MediaTime};

/// Between two looks at the playhead while playing.
const POLL_PLAYING: Duration = Duration::from_millis(5);
/// The same while paused with everything computed.
const POLL_PAUSED: Duration = Duration::from_millis(50);
/// Frames that the background pass decodes in one go.
const RUN: u32 = 64;
/// Frames decoded and passed over before looking for live work again.
const PASSED_OVER: u32 = 8;
/// Decoder failures in a row that end the background pass for a clip.
const GIVE_UP: u32 = 4;
/// The background pass works while playing when it fits this many times before the next frame.
const SPARE: f64 = 1.5;

/// How a job ended.
pub(super) enum Job {
    /// Something was computed: look again at once.
    Did,
    /// Nothing to do for this long.
    Nothing(Duration),
}

/// How much of the resting frame is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Exact {
    /// The plain map, with the frame's own window.
    Plain,
    /// And its fine map.
    Fine,
}

/// What the background pass is after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    Map,
    Fine,
    Prior,
}

/// Frames decoded one after the other by the background pass.
pub(super) struct Run {
    goal: Goal,
    next: FrameIndex,
    end: u32,
    sought: bool,
}

/// What became of a frame.
enum Computed {
    Map,
    NoSound,
    /// Its sound is not decoded yet.
    NotYet,
}

impl Worker {
    /// The most urgent thing.
    pub(super) fn job(&mut self) -> Result<Job, InferError> {
        let Some(clip) = self.clip.clone() else { return Ok(Job::Nothing(POLL_PAUSED)) };
        if !self.rates_agree() {
            return Ok(Job::Nothing(POLL_PAUSED));
        }
        let generation = clip.feed.generation();
        if generation != self.generation {
            self.generation = generation;
            self.scheduler.restart();
            self.run = None;
        }
        let playing = clip.feed.is_playing();
        if !playing || self.refresh {
            if let Some(shown) = clip.feed.shown()
                && let Some(job) = self.resting(&shown, playing)?
            {
                return Ok(job);
            }
            self.refresh = false;
        }
        if playing {
            self.exact = None;
            return self.playing(&clip);
        }
        if let Some(job) = self.idle_work()? {
            return Ok(job);
        }
        Ok(Job::Nothing(POLL_PAUSED))
    }

    /// False while the clip's sound is at another rate than the checkpoint wants: the window
    /// loads it anew after a change of model.
    fn rates_agree(&mut self) -> bool {
        let (Some(clip), Some(model)) = (&self.clip, &self.model) else { return false };
        let wanted = model.localizer.rate_hz();
        match clip.sound.as_ref().map(|s| s.rate()) {
            Some(rate) if rate != wanted => {
                self.waiting_for_sound = true;
                self.other_rate = true;
                self.say(format!("waiting for the sound at {wanted} Hz (it is at {rate} Hz)"));
                false
            }
            _ => {
                if std::mem::take(&mut self.other_rate) {
                    self.waiting_for_sound = false;
                    self.say(String::new());
                }
                true
            }
        }
    }

    /// The frame on which playback rests: its own window, then its fine map.
    fn resting(&mut self, shown: &InputFrame, playing: bool) -> Result<Option<Job>, InferError> {
        let done = match self.exact {
            Some((frame, level)) if frame == shown.index => Some(level),
            _ => None,
        };
        let next = match done {
            None => Exact::Plain,
            Some(Exact::Plain) if self.fine > 0 && !playing => Exact::Fine,
            _ => return Ok(None),
        };
        let fine = if next == Exact::Fine { self.fine } else { 0 };
        match self.compute(shown, shown.time, fine)? {
            Computed::NotYet => Ok(Some(Job::Nothing(POLL_PLAYING))),
            Computed::NoSound => {
                self.exact = Some((shown.index, Exact::Fine));
                self.wake();
                Ok(Some(Job::Did))
            }
            Computed::Map => {
                self.exact = Some((shown.index, next));
                self.wake();
                Ok(Some(Job::Did))
            }
        }
    }

    /// Maps ahead of the playhead; with time over, the rest of the clip.
    fn playing(&mut self, clip: &super::super::ClipFeed) -> Result<Job, InferError> {
        let frames = clip.feed.ahead();
        let fine = self.live_fine(&frames);
        let list: Vec<_> = self.shared.maps.read(|maps| {
            let done = |f: FrameIndex| {
                let looked_at = maps.state(f) != FrameState::Missing;
                looked_at && (fine == 0 || maps.fine_factor(f) == fine)
            };
            let ahead =
                |f: &InputFrame| Ahead { index: f.index, time: f.time, done: done(f.index) };
            frames.iter().map(ahead).collect()
        });
        let cost = self.expected_cost(fine);
        self.scheduler.set_latency(cost);
        match self.scheduler.next(clip.feed.now(), clip.feed.speed(), &list) {
            Next::Compute { at, .. } => {
                let Some(frame) = frames.get(at) else { return Ok(Job::Nothing(POLL_PLAYING)) };
                match self.compute_hopped(frame, fine)? {
                    Computed::NotYet => Ok(Job::Nothing(POLL_PLAYING)),
                    Computed::Map | Computed::NoSound => {
                        self.wake();
                        Ok(Job::Did)
                    }
                }
            }
            Next::Idle { slack_secs } => {
                if slack_secs > SPARE * self.fill_cost.as_secs_f64()
                    && let Some(job) = self.idle_work()?
                {
                    return Ok(job);
                }
                Ok(Job::Nothing(POLL_PLAYING))
            }
        }
    }

    /// Fine maps are live where they cost at most every second frame; otherwise they come when
    /// playback rests and in the background.
    fn live_fine(&self, frames: &[InputFrame]) -> u8 {
        if self.fine == 0 {
            return 0;
        }
        let interval = match frames {
            [a, b, ..] => (b.time - a.time).as_secs_f64(),
            _ => return 0,
        };
        let cost = self.expected_cost(self.fine);
        if cost.is_known() && cost.mean_secs() <= 2.0 * interval { self.fine } else { 0 }
    }

    /// Measured time of a map, or what the plain one's makes likely for a fine one.
    fn expected_cost(&self, fine: u8) -> Latency {
        if fine == 0 || self.fine_cost.is_known() {
            return if fine == 0 { self.plain_cost } else { self.fine_cost };
        }
        let copies = 1.0 + f64::from(fine) * f64::from(fine);
        let mut likely = Latency::default();
        if self.plain_cost.is_known() {
            likely.measured(Duration::from_secs_f64(self.plain_cost.mean_secs() * copies));
        }
        likely
    }

    /// Bank of sounds, then the rest of the clip.
    fn idle_work(&mut self) -> Result<Option<Job>, InferError> {
        if self.options.evidence && self.grow_bank()? {
            return Ok(Some(Job::Did));
        }
        if self.background { self.fill() } else { Ok(None) }
    }

    fn grow_bank(&mut self) -> Result<bool, InferError> {
        let Some(model) = &mut self.model else { return Ok(false) };
        let mut bank = self.shared.bank.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if bank.is_complete() {
            return Ok(false);
        }
        // Embedded outside the lock: the window may ask for evidence meanwhile.
        bank.grow(&mut model.localizer)?;
        *self.shared.bank.lock().unwrap_or_else(PoisonError::into_inner) = bank;
        Ok(true)
    }

    /// One frame of the background pass; `None` when all is done.
    fn fill(&mut self) -> Result<Option<Job>, InferError> {
        if self.failures >= GIVE_UP {
            return Ok(None);
        }
        if self.run.is_none() {
            self.run = self.next_run();
        }
        if self.run.is_none() {
            if std::mem::take(&mut self.filling) {
                self.keep_maps();
                self.wake();
            }
            return Ok(None);
        }
        self.filling = true;
        let started = Instant::now();
        if !self.pass_silence()? {
            // The pass ran into sound that is not decoded yet.
            self.run = None;
            return Ok(Some(Job::Nothing(Duration::from_millis(20))));
        }
        for _ in 0..PASSED_OVER {
            let Some(frame) = self.next_of_run()? else { return Ok(Some(Job::Did)) };
            let Some(goal) = self.run.as_ref().map(|r| r.goal) else { break };
            if self.is_reached(goal, frame.index) {
                continue;
            }
            let fine = if goal == Goal::Fine { self.fine } else { 0 };
            match self.compute_hopped(&frame, fine)? {
                Computed::Map | Computed::NoSound => {
                    let took = started.elapsed();
                    self.fill_cost = (self.fill_cost * 3 + took) / 4;
                }
                Computed::NotYet => {
                    // The pass ran into sound that is not decoded yet.
                    self.run = None;
                    return Ok(Some(Job::Nothing(Duration::from_millis(20))));
                }
            }
            break;
        }
        Ok(Some(Job::Did))
    }

    /// Marks the run's next frames that have no sound without decoding them; false when their
    /// sound is not decoded yet.
    fn pass_silence(&mut self) -> Result<bool, InferError> {
        loop {
            let Some(clip) = &self.clip else { return Ok(true) };
            let next = match &self.run {
                Some(run) if run.goal == Goal::Map && run.next.0 < run.end => run.next,
                _ => return Ok(true),
            };
            let Some(time) = clip.times.time(next) else { return Ok(true) };
            for at in [hopped(time, self.hop), time] {
                match self.hear(at)? {
                    None => return Ok(false),
                    Some(heard) if matches!(*heard, Heard::Embedded(_)) => return Ok(true),
                    Some(_) => {}
                }
            }
            if !self.is_reached(Goal::Map, next) {
                self.shared.maps.write(|m| m.insert_no_sound(next));
            }
            if let Some(run) = &mut self.run {
                run.next = FrameIndex(next.0.saturating_add(1));
                run.sought = false;
            }
        }
    }

    fn is_reached(&self, goal: Goal, frame: FrameIndex) -> bool {
        self.shared.maps.read(|m| match goal {
            Goal::Map => m.state(frame) != FrameState::Missing,
            Goal::Fine => {
                m.state(frame) != FrameState::Computed || m.fine_factor(frame) == self.fine
            }
            Goal::Prior => m.state(frame) != FrameState::Computed || m.has_prior(frame),
        })
    }

    /// The next frames to decode in one go, outward from the playhead.
    fn next_run(&self) -> Option<Run> {
        let clip = self.clip.as_ref()?;
        let playhead = match clip.feed.shown() {
            Some(f) => f.index,
            None => clip.times.frame_at(clip.feed.now())?,
        };
        // Without a sound track there is nothing to fill: the window says so once.
        let uses_own_sound = matches!(self.test, SoundTest::None | SoundTest::Shift(_));
        if clip.sound.is_none() && uses_own_sound {
            return None;
        }
        let object = self.model.as_ref().is_some_and(|m| m.localizer.has_object());
        let skip = |f: FrameIndex| self.unreadable.contains(&f);
        let (goal, target) = self.shared.maps.read(|m| {
            if let Some(f) = m.nearest_missing(playhead, skip) {
                return Some((Goal::Map, f));
            }
            if self.fine > 0
                && !m.fine_is_full(self.fine)
                && let Some(f) = m.nearest_without_fine(playhead, self.fine, skip)
            {
                return Some((Goal::Fine, f));
            }
            if object && let Some(f) = m.nearest_without_prior(playhead, skip) {
                return Some((Goal::Prior, f));
            }
            None
        })?;
        // Behind the playhead a run still goes forward, as decoders do: it begins up to RUN
        // frames earlier and ends at the target.
        let (first, end) = if target >= playhead {
            (target.0, target.0.saturating_add(RUN))
        } else {
            let earliest = target.0.saturating_sub(RUN - 1);
            let mut first = target.0;
            while first > earliest && !self.is_reached(goal, FrameIndex(first - 1)) {
                first -= 1;
            }
            (first, target.0 + 1)
        };
        Some(Run { goal, next: FrameIndex(first), end, sought: false })
    }

    /// Decodes the run's next frame; `None` ends the run.
    fn next_of_run(&mut self) -> Result<Option<InputFrame>, InferError> {
        let Some(clip) = self.clip.clone() else { return Ok(None) };
        let Some(run) = &mut self.run else { return Ok(None) };
        if run.next.0 >= run.end || run.next.get() >= clip.times.len() {
            self.run = None;
            return Ok(None);
        }
        if self.reader.is_none() {
            match (clip.open_reader)() {
                Ok(reader) => self.reader = Some(reader),
                Err(e) => {
                    self.failures = GIVE_UP;
                    return Err(e);
                }
            }
        }
        let Some(reader) = &mut self.reader else { return Ok(None) };
        let got = if run.sought { reader.next() } else { reader.seek(run.next) };
        run.sought = true;
        let asked = run.next;
        match got {
            Ok(Some(frame)) => {
                self.failures = 0;
                // Frames that the decoder dropped in between will not come later either.
                for lost in asked.0..frame.index.0.min(run.end) {
                    self.unreadable.insert(FrameIndex(lost));
                }
                run.next = FrameIndex(frame.index.0.saturating_add(1));
                Ok(Some(frame))
            }
            Ok(None) => {
                self.unreadable.insert(asked);
                self.run = None;
                Ok(None)
            }
            Err(e) => {
                self.unreadable.insert(asked);
                Err(e)
            }
        }
    }

    /// After an error of the background pass: another run, or none after some.
    pub(super) fn background_failed(&mut self) {
        self.failures += 1;
        self.run = None;
        self.reader = None;
        self.filling = false;
    }

    /// Computes a frame with the window of its hop.
    fn compute_hopped(&mut self, frame: &InputFrame, fine: u8) -> Result<Computed, InferError> {
        let at = hopped(frame.time, self.hop);
        match self.compute(frame, at, fine)? {
            // Rounding may have carried the window over the track's end: ask with its own.
            Computed::NoSound if at != frame.time => self.compute(frame, frame.time, fine),
            other => Ok(other),
        }
    }

    /// Computes the map of `frame` with the sound around `at` and stores it.
    fn compute(
        &mut self,
        frame: &InputFrame,
        at: MediaTime,
        fine: u8,
    ) -> Result<Computed, InferError> {
        let started = Instant::now();
        let Some(sound) = self.hear(at)? else {
            self.waiting_for_sound = true;
            return Ok(Computed::NotYet);
        };
        self.waiting_for_sound = false;
        let Heard::Embedded(sound) = &*sound else {
            self.shared.maps.write(|m| m.insert_no_sound(frame.index));
            return Ok(Computed::NoSound);
        };
        let (picture, fresh) = self.see(frame, fine)?;
        self.store(frame.index, &picture, sound);
        if fresh {
            let cost = if fine > 0 { &mut self.fine_cost } else { &mut self.plain_cost };
            cost.measured(started.elapsed());
        }
        self.recent_maps.push_back(Instant::now());
        Ok(Computed::Map)
    }

    fn store(&self, frame: FrameIndex, picture: &FrameEmbedding, sound: &AudioEmbedding) {
        let map = picture.map(sound);
        let fine = picture.fine_map(sound);
        self.shared.maps.write(|m| {
            m.insert(frame, &map);
            if let Some(fine) = fine {
                m.insert_fine(frame, fine);
            }
            if let Some(prior) = picture.prior {
                m.insert_prior(frame, prior);
            }
        });
    }

    /// The embedded sound around `at`, `None` while it is not decoded.
    fn hear(&mut self, at: MediaTime) -> Result<Option<Arc<Heard>>, InferError> {
        let key = at.as_nanos();
        if let Some(heard) = self.sounds.get(&key) {
            return Ok(Some(heard));
        }
        let (Some(clip), Some(model)) = (&self.clip, &mut self.model) else { return Ok(None) };
        let window = tested_window(
            &self.test,
            clip.sound.as_deref(),
            self.test_track.as_deref(),
            model.localizer.rate_hz(),
            at,
        );
        let heard = match window {
            SoundWindow::NotYet => return Ok(None),
            SoundWindow::NoSound => Heard::NoSound,
            SoundWindow::Samples(samples) => {
                Heard::Embedded(model.localizer.embed_sound(&samples)?)
            }
        };
        let bytes = 64 + if let Heard::Embedded(e) = &heard { e.data.len() * 4 } else { 0 };
        let heard = Arc::new(heard);
        self.sounds.insert(key, heard.clone(), bytes);
        Ok(Some(heard))
    }

    /// The embedded picture and whether it was embedded just now.
    fn see(
        &mut self,
        frame: &InputFrame,
        fine: u8,
    ) -> Result<(Arc<FrameEmbedding>, bool), InferError> {
        let Some(model) = &mut self.model else {
            return Err(InferError::BadAnswer { device: "no device".into() });
        };
        let prior = model.localizer.has_object();
        let pictures = &self.shared.pictures;
        let held = pictures.lock().unwrap_or_else(PoisonError::into_inner).get(&frame.index);
        if let Some(e) = held
            && (fine == 0 || e.factor == fine)
            && (!prior || e.prior.is_some())
        {
            return Ok((e, false));
        }
        let rgb = rgb_from_planes(&frame.picture);
        let embedded = Arc::new(model.localizer.embed_frame(&rgb, fine)?);
        let bytes = embedded.bytes();
        let mut pictures = pictures.lock().unwrap_or_else(PoisonError::into_inner);
        pictures.insert(frame.index, embedded.clone(), bytes);
        Ok((embedded, true))
    }
}
