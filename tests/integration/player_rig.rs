//! A clip that says what it is, and a player on a clock and a device turned by hand.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use fnac::audio::{Captured, ManualDevice, OutputChoice, WallClock, WallTime};
use fnac::media::{
    AudioCodec, AudioFormat, AudioReader, AudioSettings, CancelToken, Channels, Clip, ClipSettings,
    ClipWriter, FrameReader, FrameReaderOptions, MediaError, MediaSource, PresentationIndex,
    VideoCodec, VideoFrame,
};
use fnac::player::{
    ClipOpener, OpenedClip, PictureReader, PlayState, Player, PlayerOptions, SoundReader,
};
use fnac::units::{FrameIndex, MediaTime, TimeBase};

pub const WIDTH: u32 = 96;
pub const HEIGHT: u32 = 64;
pub const FPS: u32 = 30;
pub const RATE: u32 = 48_000;
const BITS: u32 = 12;
const BLOCK: u32 = 8;

pub fn ms(v: i64) -> MediaTime {
    MediaTime::from_millis(v)
}

/// How a test clip is made.
#[derive(Clone, Copy)]
pub struct Recipe {
    pub frames: u32,
    pub gop: u32,
    pub codec: VideoCodec,
    pub sound: bool,
    /// Width and height in pixels, at least [`WIDTH`] and [`HEIGHT`]; the number stands at the
    /// upper left.
    pub size: (u32, u32),
}

impl Default for Recipe {
    fn default() -> Self {
        Self { frames: 300, gop: 250, codec: VideoCodec::Auto, sound: true, size: (WIDTH, HEIGHT) }
    }
}

/// Writes a clip at 30 frames per second: each frame carries its number as 12 black or white
/// blocks; every second the lower half is white for one frame and a beep of 40 ms begins.
pub fn write_clip(path: &Path, r: Recipe) {
    let base = TimeBase::new(1, FPS as i32).unwrap();
    let settings = ClipSettings {
        video_codec: r.codec,
        gop: r.gop,
        quality: 90,
        audio: r.sound.then_some(AudioSettings {
            rate: RATE,
            channels: 2,
            codec: AudioCodec::Pcm16,
        }),
        ..ClipSettings::new(r.size.0, r.size.1, f64::from(FPS), base)
    };
    let mut w = ClipWriter::create(path, settings).unwrap();
    for n in 0..r.frames {
        w.push_video(&picture(n, r.size), base.time_from_pts(fnac::units::Pts(i64::from(n))))
            .unwrap();
        if r.sound {
            let per_frame = RATE / FPS;
            let sound: Vec<f32> =
                (n * per_frame..(n + 1) * per_frame).flat_map(|i| [beep(i), beep(i)]).collect();
            w.push_audio(&sound).unwrap();
        }
    }
    w.finish().unwrap();
}

/// Sample `i`: 1 kHz for 40 ms at every full second from 1 s on, with soft edges of 1 ms.
fn beep(i: u32) -> f32 {
    let (second, t) = (i / RATE, f64::from(i % RATE) / f64::from(RATE));
    if second == 0 || t >= 0.04 {
        return 0.0;
    }
    let edge = (t / 0.001).min((0.04 - t) / 0.001).min(1.0);
    ((t * 1000.0 * std::f64::consts::TAU).sin() * 0.5 * edge) as f32
}

pub fn picture(n: u32, (width, height): (u32, u32)) -> Vec<u8> {
    let flash = n > 0 && n.is_multiple_of(FPS);
    let mut rgba = Vec::with_capacity((width * height * 4) as usize);
    for y in 0..height {
        for x in 0..width {
            if x >= WIDTH || y >= HEIGHT {
                // Something that moves, so that decoding costs what it does in earnest.
                let v = ((x * 3 + n * 5) ^ (y * 2 + n * 3)) as u8 / 2 + 60;
                rgba.extend_from_slice(&[v, v / 2 + 40, 255 - v, 255]);
                continue;
            }
            let bit = (x / BLOCK).min(BITS - 1);
            let on = match y / BLOCK {
                0 | 1 => n >> bit & 1 == 1,
                // The complement, so that a grey smear is noticed.
                2 | 3 => n >> bit & 1 == 0,
                _ => flash,
            };
            let v = if on { 235 } else { 20 };
            rgba.extend_from_slice(&[v, v, v, 255]);
        }
    }
    rgba
}

/// The number that a decoded frame shows; `None` when its blocks contradict each other.
pub fn number_in(frame: &VideoFrame) -> Option<u32> {
    let plane = &frame.picture.planes[0];
    let at = |x: u32, y: u32| plane.data[y as usize * plane.stride + x as usize] > 128;
    let mut n = 0;
    for bit in 0..BITS {
        let x = bit * BLOCK + BLOCK / 2;
        let (on, off) = (at(x, BLOCK), at(x, 3 * BLOCK));
        if on == off {
            return None;
        }
        n |= u32::from(on) << bit;
    }
    Some(n)
}

/// A clip in a folder of its own.
pub fn clip(r: Recipe) -> (tempfile::TempDir, MediaSource) {
    let dir = tempfile::tempdir().unwrap();
    let path: PathBuf = dir.path().join("clip.mkv");
    write_clip(&path, r);
    (dir, MediaSource::File(path))
}

/// A player whose wall clock and sound device the test turns.
pub struct Rig {
    pub player: Player,
    pub wall: WallClock,
    pub device: ManualDevice,
    pub heard: Vec<Captured>,
    _dir: Option<tempfile::TempDir>,
}

/// Delay of the simulated device.
pub const DELAY: Duration = Duration::from_millis(60);

impl Rig {
    /// Opens a fresh clip, paused, and waits for its first frame.
    pub fn open(r: Recipe) -> Self {
        Self::with(r, |_| {})
    }

    pub fn with(r: Recipe, change: impl FnOnce(&mut PlayerOptions)) -> Self {
        let (dir, source) = clip(r);
        let mut rig = Self::on(source, change);
        rig._dir = Some(dir);
        rig
    }

    pub fn on(source: MediaSource, change: impl FnOnce(&mut PlayerOptions)) -> Self {
        let wall = WallClock::manual();
        let device = ManualDevice::new(wall.clone(), RATE, 480, DELAY);
        let mut options = PlayerOptions {
            output: OutputChoice::Manual(device.clone()),
            wall: wall.clone(),
            autoplay: false,
            log_presentations: true,
            ..PlayerOptions::default()
        };
        change(&mut options);
        let mut player = Player::new(options);
        player.open(source);
        let mut rig = Self { player, wall, device, heard: Vec::new(), _dir: None };
        rig.until("the clip is open", |p| {
            !matches!(p.presentation().state, PlayState::Opening | PlayState::Seeking)
        });
        rig
    }

    /// Lets the threads work (at standing wall time) until `done`.
    pub fn until(&mut self, what: &str, mut done: impl FnMut(&mut Player) -> bool) {
        let t0 = Instant::now();
        loop {
            self.player.tick();
            if done(&mut self.player) {
                return;
            }
            let p = self.player.presentation();
            // Far beyond any machine's slowness: only a hang ends here.
            assert!(
                t0.elapsed() < Duration::from_secs(60),
                "waited in vain until {what}: {:?} at {}, frame {:?}, ahead {} frames {:?}, {:?}",
                p.state,
                p.now,
                p.frame.as_ref().map(|f| f.index),
                p.frames_ahead,
                p.sound_ahead,
                p.notes
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until everything that can be decoded at this instant is.
    pub fn settle(&mut self) {
        self.until("threads have settled", |p| {
            let v = p.presentation();
            p.is_settled() && v.state != PlayState::Seeking
        });
    }

    /// Plays on for `by` in steps of `step`, with one tick each.
    pub fn run(&mut self, by: Duration, step: Duration) {
        let mut left = by;
        while !left.is_zero() {
            let d = step.min(left);
            left -= d;
            self.settle();
            self.device.run(d);
            self.heard.extend(self.device.take());
            self.player.tick();
        }
    }

    pub fn frame(&self) -> Option<FrameIndex> {
        self.player.presentation().frame.as_ref().map(|f| f.index)
    }

    pub fn now(&self) -> MediaTime {
        self.player.presentation().now
    }

    pub fn state(&self) -> PlayState {
        self.player.presentation().state
    }

    /// Wall times at which beeps begin to be heard.
    pub fn beeps(&self) -> Vec<WallTime> {
        onsets(&self.heard)
    }
}

/// Beep onsets, see [`onset_frames`], at the wall times at which they are heard.
pub fn onsets(heard: &[Captured]) -> Vec<WallTime> {
    let left: Vec<f32> = heard.iter().flat_map(|c| c.samples.iter().step_by(2).copied()).collect();
    let mut starts = Vec::new();
    let mut at = 0;
    for c in heard {
        starts.push((at, c.heard_at));
        at += c.samples.len() / 2;
    }
    onset_frames(&left)
        .into_iter()
        .filter_map(|n| {
            let block = starts.partition_point(|(first, _)| *first <= n).checked_sub(1)?;
            let (first, heard_at) = starts[block];
            let after = (n - first) as f64 * 1e9 / f64::from(RATE);
            Some(heard_at.plus_nanos(after as i64))
        })
        .collect()
}

/// Where a beep reaches half its level after 100 ms of quiet: in the original 0.5 ms after its
/// first sample. Slowed-down sound has a faint forerunner of some ms, which is not the onset.
pub fn onset_frames(left: &[f32]) -> Vec<usize> {
    let mut out = Vec::new();
    let mut quiet = usize::MAX / 2;
    for (n, v) in left.iter().enumerate() {
        if v.abs() > 0.25 {
            if quiet > RATE as usize / 10 {
                out.push(n);
            }
            quiet = 0;
        } else {
            quiet += 1;
        }
    }
    out
}

/// Opens files, but lets their frames out only when the test allows it: a decoder of any speed.
#[derive(Default)]
pub struct Gate {
    /// Frames that may still come out; `None` for no limit.
    permits: Mutex<Option<u32>>,
    changed: Condvar,
}

impl Gate {
    pub fn set(&self, permits: Option<u32>) {
        *self.permits.lock().unwrap() = permits;
        self.changed.notify_all();
    }

    fn pass(&self, cancel: &CancelToken) {
        let mut permits = self.permits.lock().unwrap();
        loop {
            match permits.as_mut() {
                None => return,
                Some(0) => {}
                Some(n) => {
                    *n -= 1;
                    return;
                }
            }
            if cancel.is_cancelled() {
                return;
            }
            permits = self.changed.wait_timeout(permits, Duration::from_millis(20)).unwrap().0;
        }
    }
}

pub struct GatedOpener(pub Arc<Gate>);

struct GatedReader {
    inner: FrameReader,
    gate: Arc<Gate>,
    clip: CancelToken,
}

impl PictureReader for GatedReader {
    fn next_frame(&mut self) -> Result<Option<VideoFrame>, MediaError> {
        self.gate.pass(&self.clip);
        self.inner.next_frame()
    }

    // Deaf to cancelling on purpose: the frame of a seek that nobody wants any more does come.
    fn seek(&mut self, frame: FrameIndex) -> Result<Option<VideoFrame>, MediaError> {
        self.gate.pass(&self.clip);
        self.inner.seek(frame)
    }

    fn seek_key(&mut self, frame: FrameIndex) -> Result<Option<VideoFrame>, MediaError> {
        self.gate.pass(&self.clip);
        self.inner.seek_key(frame)
    }

    fn set_cancel(&mut self, _: CancelToken) {}
}

impl ClipOpener for GatedOpener {
    fn open(&self, source: &MediaSource, cancel: &CancelToken) -> Result<OpenedClip, MediaError> {
        let clip = Clip::open(source, cancel)?;
        let index = clip.index().cloned().unwrap();
        let reader = self.second_reader(source, &index, cancel)?;
        Ok(OpenedClip { info: clip.info().clone(), pictures: Some((index, reader)) })
    }

    fn second_reader(
        &self,
        source: &MediaSource,
        index: &Arc<PresentationIndex>,
        cancel: &CancelToken,
    ) -> Result<Box<dyn PictureReader>, MediaError> {
        let options = FrameReaderOptions::default();
        let inner = FrameReader::with_index(source, index.clone(), options)?;
        Ok(Box::new(GatedReader { inner, gate: self.0.clone(), clip: cancel.clone() }))
    }

    fn open_sound(
        &self,
        source: &MediaSource,
        track: usize,
        rate: u32,
        cancel: &CancelToken,
    ) -> Result<Box<dyn SoundReader>, MediaError> {
        let format = AudioFormat { rate, channels: Channels::Stereo };
        Ok(Box::new(AudioReader::open(source, track, format, cancel.clone())?))
    }
}
