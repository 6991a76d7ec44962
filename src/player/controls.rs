//! What the user asks of the player: playing, going somewhere, settings.

use super::sound::SoundCommand;
use super::{DeviceLoss, JUMPS, Loops, Player, SPEEDS, Scrub};
use crate::audio::{OutputChoice, volume_gain};
use crate::units::{FrameIndex, MediaTime};
use std::sync::atomic::Ordering;

/// A jump shorter than this is no place to come back to.
const SHORTEST_JUMP: MediaTime = MediaTime::from_millis(1500);
/// A B mark set this little before the playhead means "here".
const JUST_PASSED: MediaTime = MediaTime::from_millis(500);
/// Decoded ahead at most, in seconds heard: changes of the loop farther off need no new sound.
const DECODED_AHEAD_SECS: f64 = 1.5;

impl Player {
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
        let mut status = self.shared.status();
        status.picture_settled = status.picture_settled.filter(|seen| *seen == u64::MAX);
        drop(status);
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
        if let Some((lo, hi)) = loops.range(end)
            && r.playing
            && (hi..hi + JUST_PASSED).contains(&r.time)
        {
            self.go(lo, None);
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
}
