//! Which frame to compute next, so that its map is ready when the frame is shown.
//!
//! Pure: time comes in as an argument. The worker measures; this decides.

use std::time::Duration;

use crate::units::{FrameIndex, MediaTime};

/// Assumed latency before the first measurement, in seconds.
const FIRST_GUESS_SECS: f64 = 0.05;
/// Weight of a new measurement.
const WEIGHT: f64 = 0.2;
/// One measurement counts at most this many times the mean: the first run on a device or a
/// suspended machine must not stop the map for seconds.
const OUTLIER: f64 = 4.0;
/// Share of the time that maps may take before another frame is left out. A little below one,
/// so that rounding in the frame times cannot make the worker fall behind by and by.
const UTILISATION: f64 = 0.95;
/// k goes down again only when the smaller k would leave this much room (hysteresis).
const CALMER: f64 = 0.85;
/// Frame interval assumed while fewer than two frames are known.
const NOMINAL_INTERVAL_SECS: f64 = 1.0 / 30.0;

/// Mean and mean deviation of a duration, newest weighted most.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latency {
    mean: Option<f64>,
    deviation: f64,
}

impl Latency {
    /// Takes a measurement.
    pub fn measured(&mut self, took: Duration) {
        let secs = took.as_secs_f64();
        match &mut self.mean {
            None => self.mean = Some(secs),
            Some(mean) => {
                let secs = secs.min(*mean * OUTLIER);
                self.deviation += WEIGHT * ((secs - *mean).abs() - self.deviation);
                *mean += WEIGHT * (secs - *mean);
            }
        }
    }

    /// Mean in seconds.
    pub fn mean_secs(&self) -> f64 {
        self.mean.unwrap_or(FIRST_GUESS_SECS)
    }

    /// A duration that most maps stay below: mean and two deviations, in seconds.
    pub fn ready_secs(&self) -> f64 {
        self.mean_secs() + 2.0 * self.deviation
    }

    /// True once there is a measurement.
    pub fn is_known(&self) -> bool {
        self.mean.is_some()
    }
}

/// A frame that is decoded ahead of the playhead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// Its place in the presentation index.
    pub index: FrameIndex,
    /// Its presentation time.
    pub time: MediaTime,
    /// True when nothing has to be computed for it.
    pub done: bool,
}

/// What to do next while playing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// Compute this frame.
    Compute {
        /// Position in the list of frames given.
        at: usize,
        /// True when its map will be ready before the frame is shown.
        in_time: bool,
    },
    /// Nothing is due; there are this many seconds before the next frame must be begun.
    Idle {
        /// Seconds of real time, at least zero.
        slack_secs: f64,
    },
}

/// Picks frames for the live map.
#[derive(Clone, Debug)]
pub struct Scheduler {
    latency: Latency,
    every_k: u32,
    last: Option<FrameIndex>,
}

impl Default for Scheduler {
    fn default() -> Self {
        Self { latency: Latency::default(), every_k: 1, last: None }
    }
}

impl Scheduler {
    /// Forgets which frame was computed last (after a seek or a new clip); the measured latency
    /// stays.
    pub fn restart(&mut self) {
        self.last = None;
    }

    /// Forgets the latency as well (another model or device).
    pub fn new_model(&mut self) {
        *self = Self::default();
    }

    /// Takes a latency measured elsewhere (plain and fine maps have their own).
    pub fn set_latency(&mut self, latency: Latency) {
        self.latency = latency;
    }

    /// A live map took this long, picture to store.
    pub fn measured(&mut self, took: Duration) {
        self.latency.measured(took);
    }

    /// The measured latency.
    pub fn latency(&self) -> Latency {
        self.latency
    }

    /// Every k-th frame is computed.
    pub fn every_k(&self) -> u32 {
        self.every_k
    }

    /// Chooses among `frames`, in presentation order: the shown one and those decoded ahead.
    ///
    /// `now` is the clock, `speed` media seconds per second. The first frame whose map can be
    /// ready in time and that lies k frames after the last one is taken; when none of the
    /// decoded frames can be ready in time, the newest is, because it is the least late.
    pub fn next(&mut self, now: MediaTime, speed: f64, frames: &[Ahead]) -> Next {
        let speed = speed.clamp(0.01, 16.0);
        let interval = interval_secs(frames);
        self.adapt(speed, interval);
        let lead = MediaTime::from_secs_f64(self.latency.ready_secs() * speed);
        let ready_at = now + lead;
        // After a seek backwards or a loop the last frame lies ahead of everything: start anew.
        if let (Some(last), Some(newest)) = (self.last, frames.last())
            && last.0 > newest.index.0.saturating_add(self.every_k)
        {
            self.last = None;
        }
        let earliest = self.last.map_or(0, |l| l.0.saturating_add(self.every_k));
        let mut reachable = false;
        for (at, f) in frames.iter().enumerate() {
            if f.time < ready_at {
                continue;
            }
            reachable = true;
            if !f.done && f.index.0 >= earliest {
                self.last = Some(f.index);
                return Next::Compute { at, in_time: true };
            }
            if f.done && f.index.0 >= earliest {
                // Computed before (by the background pass): count it as this step's map.
                self.last = Some(f.index);
                return self.next_after_done(now, speed, interval, frames, at);
            }
        }
        if !reachable
            && let Some((at, f)) = frames.iter().enumerate().next_back()
            && !f.done
        {
            self.last = Some(f.index);
            return Next::Compute { at, in_time: false };
        }
        self.idle(now, speed, interval, frames)
    }

    /// Goes on behind a frame that was done already.
    fn next_after_done(
        &mut self,
        now: MediaTime,
        speed: f64,
        interval: f64,
        frames: &[Ahead],
        done_at: usize,
    ) -> Next {
        // Done frames cost nothing, so the step after one is the next frame that is not done.
        for (at, f) in frames.iter().enumerate().skip(done_at + 1) {
            if !f.done {
                self.last = Some(f.index);
                return Next::Compute { at, in_time: true };
            }
            self.last = Some(f.index);
        }
        self.idle(now, speed, interval, frames)
    }

    fn idle(&self, now: MediaTime, speed: f64, interval: f64, frames: &[Ahead]) -> Next {
        let newest = frames.last().map_or(now, |f| f.time);
        let until_shown = ((newest - now).as_secs_f64() + interval) / speed;
        Next::Idle { slack_secs: (until_shown - self.latency.ready_secs()).max(0.0) }
    }

    fn adapt(&mut self, speed: f64, interval: f64) {
        let per_map = self.latency.mean_secs() * speed;
        let fits = |k: u32, share: f64| per_map <= f64::from(k) * interval * share;
        while !fits(self.every_k, UTILISATION) && self.every_k < 1 << 16 {
            self.every_k += 1;
        }
        while self.every_k > 1 && fits(self.every_k - 1, CALMER) {
            self.every_k -= 1;
        }
    }
}

/// Mean distance of neighbouring frames in seconds of media time.
fn interval_secs(frames: &[Ahead]) -> f64 {
    match frames {
        [first, .., last] if last.time > first.time && last.index > first.index => {
            let steps = f64::from(last.index.0 - first.index.0);
            (last.time - first.time).as_secs_f64() / steps
        }
        _ => NOMINAL_INTERVAL_SECS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a simulated playback saw.
    #[derive(Debug, Default)]
    struct Seen {
        shown: usize,
        exact: usize,
        /// Maps that became ready after their frame was shown.
        late_maps: usize,
        every_k: u32,
        computed: Vec<u32>,
    }

    /// Plays `secs` of a clip in simulated time: the picture advances by the clock whatever the
    /// worker does; the worker computes one map at a time and each takes `latency`.
    /// `depth` frames are decoded ahead; `look_ahead` false is the broken twin, which sees only
    /// the frame on screen.
    fn simulate(
        fps: f64,
        latency: f64,
        depth: u32,
        speed: f64,
        secs: f64,
        look_ahead: bool,
    ) -> Seen {
        let mut s = Scheduler::default();
        let frames = (secs * fps) as u32;
        let time = |i: u32| MediaTime::from_secs_f64(f64::from(i) / fps);
        let mut ready: Vec<Option<f64>> = vec![None; frames as usize + depth as usize + 1];
        let mut seen = Seen::default();
        // Let the latency be known, as after the first maps of a session.
        for _ in 0..20 {
            s.measured(Duration::from_secs_f64(latency));
        }
        let (mut wall, step) = (0.0, 0.001);
        let mut busy_until = 0.0;
        let mut shown = None;
        while wall * speed < secs {
            let now = MediaTime::from_secs_f64(wall * speed);
            let current = (wall * speed * fps + 1e-9) as u32;
            if shown != Some(current) {
                shown = Some(current);
                // The first second is the start-up.
                if wall > 1.0 {
                    seen.shown += 1;
                    let r = ready[current as usize];
                    seen.exact += usize::from(r.is_some_and(|r| r <= wall));
                    seen.late_maps += usize::from(r.is_some_and(|r| r > wall));
                }
            }
            if wall >= busy_until {
                let last = if look_ahead { current + depth } else { current };
                let ahead: Vec<_> = (current..=last)
                    .map(|i| Ahead {
                        index: FrameIndex(i),
                        time: time(i),
                        done: ready[i as usize].is_some(),
                    })
                    .collect();
                if let Next::Compute { at, .. } = s.next(now, speed, &ahead) {
                    let i = ahead[at].index.0;
                    busy_until = wall + latency;
                    ready[i as usize] = Some(busy_until);
                    s.measured(Duration::from_secs_f64(latency));
                    seen.computed.push(i);
                }
            }
            wall += step;
        }
        seen.every_k = s.every_k();
        seen
    }

    #[test]
    fn at_30_fps_and_20_ms_every_frame_has_its_own_map_in_time() {
        let seen = simulate(30.0, 0.020, 8, 1.0, 10.0, true);
        assert_eq!((seen.every_k, seen.late_maps), (1, 0), "{seen:?}");
        assert_eq!(seen.exact, seen.shown);
        assert!(seen.shown > 260);
    }

    #[test]
    fn at_90_ms_every_third_frame_is_computed_and_each_in_time() {
        let seen = simulate(30.0, 0.090, 8, 1.0, 10.0, true);
        assert_eq!((seen.every_k, seen.late_maps), (3, 0), "{seen:?}");
        assert!(seen.exact * 3 >= seen.shown - 3, "{} of {}", seen.exact, seen.shown);
        let steps: Vec<_> = seen.computed.windows(2).map(|w| w[1] - w[0]).skip(5).collect();
        assert!(steps.iter().all(|s| *s == 3), "{steps:?}");
    }

    #[test]
    fn the_broken_twin_without_look_ahead_is_always_late() {
        let seen = simulate(30.0, 0.020, 8, 1.0, 10.0, false);
        assert!(seen.computed.len() > 200, "it computes as many maps");
        assert_eq!(seen.exact, 0, "but none stands ready when its frame is shown");
    }

    #[test]
    fn a_ten_times_slower_machine_never_stalls_playback() {
        // 900 ms for a map, 8 frames ahead: no map can be ready in time.
        let seen = simulate(30.0, 0.9, 8, 1.0, 20.0, true);
        assert!(seen.shown > 560, "every frame was shown: {}", seen.shown);
        assert!((20..=24).contains(&seen.computed.len()), "{:?}", seen.computed);
        assert_eq!(seen.every_k, 29);
        // The newest frame was taken, so each map is as little late as can be.
        assert!(seen.computed.windows(2).all(|w| w[1] > w[0]));
    }

    #[test]
    fn double_speed_halves_the_frames_and_slow_motion_computes_all() {
        assert_eq!(simulate(30.0, 0.030, 8, 1.0, 5.0, true).every_k, 1);
        let fast = simulate(30.0, 0.030, 8, 2.0, 10.0, true);
        assert_eq!((fast.every_k, fast.late_maps), (2, 0));
        assert_eq!(simulate(30.0, 0.090, 8, 0.25, 2.0, true).every_k, 1);
    }

    #[test]
    fn frames_that_the_background_pass_computed_are_skipped() {
        let mut s = Scheduler::default();
        s.measured(Duration::from_millis(10));
        let frames: Vec<_> = (0..8)
            .map(|i| Ahead {
                index: FrameIndex(i),
                time: MediaTime::from_millis(33 * i64::from(i)),
                done: i < 5,
            })
            .collect();
        assert_eq!(s.next(MediaTime::ZERO, 1.0, &frames), Next::Compute { at: 5, in_time: true });
        let all_done: Vec<_> = frames.iter().map(|f| Ahead { done: true, ..*f }).collect();
        assert!(matches!(
            s.next(MediaTime::ZERO, 1.0, &all_done),
            Next::Idle { slack_secs } if slack_secs > 0.2
        ));
    }

    #[test]
    fn one_outlier_changes_little_and_a_seek_back_starts_anew() {
        let mut s = Scheduler::default();
        for _ in 0..20 {
            s.measured(Duration::from_millis(20));
        }
        s.measured(Duration::from_secs(60));
        assert!(s.latency().mean_secs() < 0.04);
        let at = |i: u32| Ahead {
            index: FrameIndex(i),
            time: MediaTime::from_millis(33 * i64::from(i)),
            done: false,
        };
        let late: Vec<_> = (900..908).map(at).collect();
        assert!(matches!(s.next(late[0].time, 1.0, &late), Next::Compute { .. }));
        let early: Vec<_> = (10..18).map(at).collect();
        assert!(matches!(s.next(early[0].time, 1.0, &early), Next::Compute { .. }));
        assert!(matches!(s.next(MediaTime::ZERO, 1.0, &[]), Next::Idle { .. }));
    }
}
