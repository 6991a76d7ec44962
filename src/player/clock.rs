//! The master clock: the media time of the sample that is being heard now.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::loops::Loops;
use crate::audio::{RingShared, WallClock, WallTime};
use crate::units::{FrameIndex, Generation, MediaTime};

/// What the ring holds from one position on: media time runs from `media` at `speed` times the
/// ring's rate, until the next segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Segment {
    /// First ring frame.
    pub position: u64,
    /// Its media time.
    pub media: MediaTime,
    /// Media seconds per second heard.
    pub speed: f64,
}

/// Segments remembered: far more than a ring can hold, loops of 20 ms included.
const SEGMENTS: usize = 256;

/// One look at the clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// Raised by every seek.
    pub generation: Generation,
    /// Media time being heard, or waited for.
    pub time: MediaTime,
    /// While waiting at a frame that was asked for by number: that frame. Time alone cannot
    /// name one of two frames with equal stamps.
    pub frame: Option<FrameIndex>,
    /// The user wants to play.
    pub playing: bool,
    /// Time is moving.
    pub running: bool,
    /// Media seconds per wall second while running.
    pub speed: f64,
    /// All there is has been heard.
    pub finished: bool,
}

struct State {
    generation: Generation,
    /// Raised with every generation and whenever the sound starts anew at the same place
    /// (another device); older segments are refused.
    epoch: u64,
    playing: bool,
    speed: f64,
    target: MediaTime,
    target_frame: Option<FrameIndex>,
    /// There are pictures, so the sound waits for the first of them.
    has_picture: bool,
    picture_ready: bool,
    sound_ready: bool,
    ring: Option<(Arc<RingShared>, u32)>,
    segments: VecDeque<Segment>,
    end_position: Option<u64>,
    offset: MediaTime,
    loops: Loops,
    end: MediaTime,
}

/// Shared by the player, both decoding threads and the look-ahead; readable from any thread.
///
/// Sound and picture start together: samples flow once the user wants to play, the frame asked
/// for is decoded and enough sound is decoded. Until its first sample is heard the clock waits
/// at the target.
pub(crate) struct Clock {
    wall: WallClock,
    state: Mutex<State>,
}

impl Clock {
    pub(crate) fn new(wall: WallClock) -> Self {
        let state = State {
            generation: Generation::default(),
            epoch: 0,
            playing: false,
            speed: 1.0,
            target: MediaTime::ZERO,
            target_frame: None,
            has_picture: true,
            picture_ready: false,
            sound_ready: false,
            ring: None,
            segments: VecDeque::new(),
            end_position: None,
            offset: MediaTime::ZERO,
            loops: Loops::default(),
            end: MediaTime::ZERO,
        };
        Self { wall, state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The wall clock under it.
    pub(crate) fn wall(&self) -> &WallClock {
        &self.wall
    }

    /// Goes to `target` (and frame) under a new generation; returns it and the new epoch.
    pub(crate) fn begin(&self, target: MediaTime, frame: Option<FrameIndex>) -> (Generation, u64) {
        let mut s = self.lock();
        s.generation = s.generation.next();
        s.picture_ready = false;
        s.restart_sound(target, frame);
        (s.generation, s.epoch)
    }

    /// Starts the sound anew at `target` with the picture staying what it is; returns the epoch.
    pub(crate) fn rebase(&self, target: MediaTime) -> u64 {
        let mut s = self.lock();
        let frame = s.target_frame.filter(|_| s.target == target);
        s.restart_sound(target, frame);
        s.epoch
    }

    /// Takes over a new ring, or none, with the sound starting anew where it was.
    pub(crate) fn set_ring(&self, ring: Option<(Arc<RingShared>, u32)>) -> (u64, MediaTime) {
        let now = self.read().time;
        let mut s = self.lock();
        let frame = s.target_frame.filter(|_| s.target == now);
        if let Some((old, _)) = &s.ring {
            old.set_open(false);
        }
        s.ring = ring;
        s.restart_sound(now, frame);
        (s.epoch, now)
    }

    pub(crate) fn set_playing(&self, playing: bool) {
        let mut s = self.lock();
        s.playing = playing;
        s.settle();
    }

    /// Says whether there are pictures to wait for.
    pub(crate) fn set_has_picture(&self, has_picture: bool) {
        let mut s = self.lock();
        s.has_picture = has_picture;
        s.settle();
    }

    /// The frame of this generation is there.
    pub(crate) fn picture_is_ready(&self, generation: Generation) {
        let mut s = self.lock();
        if s.generation == generation && !s.picture_ready {
            s.picture_ready = true;
            s.settle();
        }
    }

    /// Enough sound of this epoch is in the ring.
    pub(crate) fn sound_is_ready(&self, epoch: u64) {
        let mut s = self.lock();
        if s.epoch == epoch && !s.sound_ready {
            s.sound_ready = true;
            s.settle();
        }
    }

    /// Adds a segment; refused (false) when its epoch is over.
    pub(crate) fn push(&self, epoch: u64, segment: Segment) -> bool {
        let mut s = self.lock();
        if s.epoch != epoch {
            return false;
        }
        // A splice replaces what was planned from its place on.
        while s.segments.back().is_some_and(|b| b.position >= segment.position) {
            s.segments.pop_back();
        }
        if s.segments.len() >= SEGMENTS {
            s.segments.pop_front();
        }
        s.segments.push_back(segment);
        true
    }

    /// Says at which ring position the clip ends, or that it goes on.
    pub(crate) fn set_end_position(&self, epoch: u64, position: Option<u64>) {
        let mut s = self.lock();
        if s.epoch == epoch {
            s.end_position = position;
            if let Some((ring, _)) = &s.ring {
                ring.set_end(position);
            }
        }
    }

    /// All there is to play is in the ring.
    pub(crate) fn end_is_known(&self) -> bool {
        self.lock().end_position.is_some()
    }

    pub(crate) fn set_speed(&self, speed: f64) {
        self.lock().speed = speed;
    }

    /// The speed asked for; what is heard follows within a moment.
    pub(crate) fn speed(&self) -> f64 {
        self.lock().speed
    }

    pub(crate) fn set_offset(&self, offset: MediaTime) {
        self.lock().offset = offset;
    }

    pub(crate) fn set_loops(&self, loops: Loops) {
        self.lock().loops = loops;
    }

    /// Loop settings and the clip's end.
    pub(crate) fn loops(&self) -> (Loops, MediaTime) {
        let s = self.lock();
        (s.loops, s.end)
    }

    pub(crate) fn set_end(&self, end: MediaTime) {
        self.lock().end = end;
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.lock().epoch
    }

    /// Epoch, place to start the sound from, and whether the user wants to play.
    pub(crate) fn sound_target(&self) -> (u64, MediaTime, bool) {
        let s = self.lock();
        (s.epoch, s.target, s.playing)
    }

    /// Media time of a ring position of the current epoch.
    pub(crate) fn media_at(&self, position: u64) -> Option<MediaTime> {
        let s = self.lock();
        let rate = s.ring.as_ref()?.1;
        s.media_at(position as f64, rate).map(|(t, _)| t)
    }

    pub(crate) fn read(&self) -> Reading {
        self.read_at(self.wall.now())
    }

    /// What the clock shows at a wall time.
    pub(crate) fn read_at(&self, at: WallTime) -> Reading {
        let s = self.lock();
        let waiting = Reading {
            generation: s.generation,
            time: s.target,
            frame: s.target_frame,
            playing: s.playing,
            running: false,
            speed: s.speed,
            finished: false,
        };
        let Some((ring, rate)) = &s.ring else { return waiting };
        // A later sound (positive offset) is what was handed over earlier; exact through
        // loops and speeds because it looks into the device's past.
        let at = at.plus_nanos(-s.offset.as_nanos().max(0));
        let Some(heard) = ring.history().heard_at(at, *rate) else { return waiting };
        let Some((mut time, segment)) = s.media_at(heard.position, *rate) else { return waiting };
        let started = heard.position > s.segments.front().map_or(0.0, |f| f.position as f64);
        let lead = MediaTime::from_nanos((-s.offset.as_nanos()).max(0));
        if lead > MediaTime::ZERO && started {
            time = s.ahead(time, lead.scaled(segment.speed));
        }
        // Half a frame of slack: a position is a fraction, the end a whole number.
        let finished = s.end_position.is_some_and(|e| heard.position + 0.5 >= e as f64);
        Reading {
            time,
            frame: if started { None } else { s.target_frame },
            // A pause still plays what the device has taken.
            running: heard.running && !finished,
            speed: segment.speed,
            finished,
            ..waiting
        }
    }
}

impl State {
    fn restart_sound(&mut self, target: MediaTime, frame: Option<FrameIndex>) {
        self.epoch += 1;
        self.target = target;
        self.target_frame = frame;
        self.sound_ready = false;
        self.segments.clear();
        self.end_position = None;
        self.settle();
    }

    /// Opens or closes the gate in front of the device.
    fn settle(&self) {
        if let Some((ring, _)) = &self.ring {
            let picture = self.picture_ready || !self.has_picture;
            ring.set_open(self.playing && picture && self.sound_ready);
        }
    }

    fn media_at(&self, position: f64, rate: u32) -> Option<(MediaTime, Segment)> {
        let after = self.segments.partition_point(|s| s.position as f64 <= position);
        let s = *self.segments.get(after.checked_sub(1)?)?;
        let secs = (position - s.position as f64) / f64::from(rate) * s.speed;
        Some((s.media + MediaTime::from_secs_f64(secs), s))
    }

    /// `time` moved by `by`, around the loop and not past the end.
    fn ahead(&self, time: MediaTime, by: MediaTime) -> MediaTime {
        let moved = time + by;
        match self.loops.ahead_of(time, self.end) {
            Some((lo, hi)) if moved >= hi => {
                let length = (hi - lo).as_nanos().max(1);
                lo + MediaTime::from_nanos((moved - hi).as_nanos() % length)
            }
            _ => moved.min(self.end.max(time)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{ManualDevice, OutputChoice, RingWriter, open_output};
    use std::time::Duration;

    const RATE: u32 = 48_000;

    fn ms(v: i64) -> MediaTime {
        MediaTime::from_millis(v)
    }

    struct Rig {
        wall: WallClock,
        device: ManualDevice,
        ring: RingWriter,
        clock: Clock,
        _out: Box<dyn crate::audio::Output>,
    }

    /// A clock on a device with 10 ms periods that are heard 30 ms later.
    fn rig() -> Rig {
        let wall = WallClock::manual();
        let device = ManualDevice::new(wall.clone(), RATE, 480, Duration::from_millis(30));
        let choice = OutputChoice::Manual(device.clone());
        let (out, ring) = open_output(&choice, &wall, Duration::from_secs(60), 1.0).unwrap();
        let clock = Clock::new(wall.clone());
        clock.set_end(ms(60_000));
        clock.set_ring(Some((ring.shared().clone(), RATE)));
        Rig { wall, device, ring, clock, _out: out }
    }

    fn start(r: &mut Rig, target: MediaTime, speed: f64) -> u64 {
        let (generation, epoch) = r.clock.begin(target, None);
        r.ring.flush();
        let position = r.ring.written();
        assert!(r.clock.push(epoch, Segment { position, media: target, speed }));
        r.ring.write(&vec![0.1; 2 * RATE as usize * 10]);
        r.clock.picture_is_ready(generation);
        r.clock.sound_is_ready(epoch);
        epoch
    }

    fn shows(r: &Rig, want: MediaTime) {
        let now = r.clock.read().time;
        // Rounding of positions to nanoseconds.
        assert!(now.abs_diff(want) < MediaTime::from_nanos(50_000), "{now} is not {want}");
    }

    #[test]
    fn the_clock_waits_until_the_first_sample_is_heard_and_then_runs() {
        let mut r = rig();
        start(&mut r, ms(5000), 1.0);
        r.clock.set_playing(true);
        r.device.run(Duration::from_millis(20));
        shows(&r, ms(5000));
        assert!(!r.clock.read().running, "samples are on their way");
        r.device.run(Duration::from_millis(110));
        // 130 ms after the first callback, of which 30 ms are the device's delay.
        shows(&r, ms(5100));
        r.wall.advance(Duration::from_millis(5));
        shows(&r, ms(5105));
    }

    #[test]
    fn an_underrun_stops_the_clock_and_does_not_run_it_ahead() {
        let mut r = rig();
        let (g, epoch) = r.clock.begin(ms(0), None);
        let position = r.ring.written();
        r.clock.push(epoch, Segment { position, media: ms(0), speed: 1.0 });
        r.ring.write(&vec![0.1; 2 * 4800]);
        r.clock.picture_is_ready(g);
        r.clock.sound_is_ready(epoch);
        r.clock.set_playing(true);
        r.device.run(Duration::from_millis(1000));
        shows(&r, ms(100));
        r.ring.write(&vec![0.1; 2 * 4800]);
        r.device.run(Duration::from_millis(80));
        let now = r.clock.read().time;
        assert!(now > ms(100) && now <= ms(150), "{now}");
        assert!(r.ring.shared().underruns() >= 1);
    }

    #[test]
    fn a_seek_is_never_shown_the_old_sound_still_in_the_device() {
        let mut r = rig();
        start(&mut r, ms(0), 1.0);
        r.clock.set_playing(true);
        r.device.run(Duration::from_millis(500));
        start(&mut r, ms(30_000), 1.0);
        for _ in 0..20 {
            let t = r.clock.read().time;
            assert!(t >= ms(30_000), "{t}");
            r.device.run(Duration::from_millis(5));
        }
        assert!(r.clock.read().time > ms(30_000));
    }

    #[test]
    fn pausing_ends_where_the_sound_ends_and_resuming_loses_nothing() {
        let mut r = rig();
        start(&mut r, ms(0), 1.0);
        r.clock.set_playing(true);
        r.device.run(Duration::from_millis(500));
        r.clock.set_playing(false);
        r.device.run(Duration::from_millis(500));
        let paused = r.clock.read().time;
        // What the device had taken is still heard: 510 ms of samples.
        assert!(paused > ms(460) && paused <= ms(520), "{paused}");
        r.device.run(Duration::from_millis(500));
        assert_eq!(r.clock.read().time, paused);
        r.clock.set_playing(true);
        r.device.run(Duration::from_millis(30));
        assert!(r.clock.read().time.abs_diff(paused) < ms(1));
        r.device.run(Duration::from_millis(100));
        let on = r.clock.read().time;
        assert!(on.abs_diff(paused + ms(100)) < ms(11), "{on}");
    }

    #[test]
    fn speed_and_loops_are_read_from_the_segments() {
        let mut r = rig();
        let (g, epoch) = r.clock.begin(ms(1000), None);
        let p = r.ring.written();
        r.clock.push(epoch, Segment { position: p, media: ms(1000), speed: 2.0 });
        // After 200 ms of sound (400 ms of media) the loop jumps back.
        r.clock.push(epoch, Segment { position: p + 9600, media: ms(1000), speed: 2.0 });
        r.ring.write(&vec![0.1; 2 * 48_000]);
        r.clock.picture_is_ready(g);
        r.clock.sound_is_ready(epoch);
        r.clock.set_playing(true);
        r.device.run(Duration::from_millis(130));
        shows(&r, ms(1200));
        r.device.run(Duration::from_millis(150));
        shows(&r, ms(1100));
        assert_eq!(r.clock.read().speed, 2.0);
    }

    #[test]
    fn the_users_offset_moves_the_clock_both_ways() {
        let mut r = rig();
        start(&mut r, ms(0), 1.0);
        r.clock.set_playing(true);
        r.device.run(Duration::from_millis(530));
        shows(&r, ms(500));
        r.clock.set_offset(ms(200));
        shows(&r, ms(300));
        r.clock.set_offset(ms(-100));
        shows(&r, ms(600));
    }

    #[test]
    fn stale_segments_are_refused_and_the_gate_needs_picture_and_sound() {
        let r = rig();
        let (g, old) = r.clock.begin(ms(0), None);
        let (_, epoch) = r.clock.begin(ms(1000), Some(FrameIndex(30)));
        assert!(!r.clock.push(old, Segment { position: 0, media: ms(0), speed: 1.0 }));
        r.clock.set_playing(true);
        r.clock.picture_is_ready(g);
        r.clock.sound_is_ready(epoch);
        assert!(!r.ring.shared().is_open(), "the old generation's picture opens nothing");
        assert_eq!(r.clock.read().frame, Some(FrameIndex(30)));
        r.clock.picture_is_ready(g.next());
        assert!(r.ring.shared().is_open());
    }
}
