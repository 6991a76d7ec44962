//! Fakes for the tests of this room: clips, sounds and networks that no file holds.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{FrameFeed, FrameTimes, InferError, InputFrame, PictureSource, WindowSource};
use crate::features::Spectrogram;
use crate::model::{AudioEmbedding, ImageEmbedding, ModelError, Towers};
use crate::units::{
    ColorSpec, FrameIndex, Generation, MediaTime, PlanarPicture, Plane, PlaneLayout,
};

/// `n` frames at an even rate.
pub struct EvenFrames {
    pub n: usize,
    pub fps: f64,
}

impl FrameTimes for EvenFrames {
    fn len(&self) -> usize {
        self.n
    }
    fn time(&self, frame: FrameIndex) -> Option<MediaTime> {
        (frame.get() < self.n).then(|| MediaTime::from_secs_f64(f64::from(frame.0) / self.fps))
    }
    fn frame_at(&self, time: MediaTime) -> Option<FrameIndex> {
        let last = self.n.checked_sub(1)?;
        let guess = (time.as_secs_f64() * self.fps + 0.5).floor().max(0.0) as usize;
        let near = FrameIndex(guess.min(last) as u32);
        let later = self.time(near).is_some_and(|t| t > time);
        Some(if later { FrameIndex(near.0.saturating_sub(1)) } else { near })
    }
    fn end(&self) -> MediaTime {
        MediaTime::from_secs_f64(self.n as f64 / self.fps)
    }
}

/// A track whose sample `i` is `i / FULL`, so that a window tells where it begins.
pub struct Ramp {
    pub rate: u32,
    pub available: u64,
    pub total: Option<u64>,
    pub silent: bool,
}

impl Ramp {
    pub const FULL: f32 = 1_048_576.0;

    pub fn complete(rate: u32, len: u64) -> Self {
        Self { rate, available: len, total: Some(len), silent: false }
    }
}

impl WindowSource for Ramp {
    fn rate(&self) -> u32 {
        self.rate
    }
    fn available(&self) -> u64 {
        self.available
    }
    fn total(&self) -> Option<u64> {
        self.total
    }
    fn read(&self, start: u64, len: usize) -> Option<Vec<f32>> {
        if start + len as u64 > self.available {
            return None;
        }
        let value = |i: u64| if self.silent { 0.0 } else { i as f32 / Self::FULL };
        Some((start..start + len as u64).map(value).collect())
    }
}

/// A small grey picture whose brightness is the frame's number.
pub fn grey_frame(index: u32, fps: f64) -> InputFrame {
    let (width, height) = (16, 16);
    let data = vec![(index % 251) as u8; 256];
    let picture = PlanarPicture {
        width,
        height,
        layout: PlaneLayout::Gray,
        bits: 8,
        color: ColorSpec { full_range: true, ..Default::default() },
        orientation: Default::default(),
        pixel_aspect: 1.0,
        planes: vec![Plane { width, height, stride: 16, data }],
    };
    InputFrame {
        index: FrameIndex(index),
        time: MediaTime::from_secs_f64(f64::from(index) / fps),
        picture: Arc::new(picture),
    }
}

/// A playhead over a clip of grey frames, on the wall clock.
pub struct FakeFeed {
    pub n: u32,
    pub fps: f64,
    pub depth: u32,
    state: Mutex<(bool, Instant, MediaTime, u64)>,
}

impl FakeFeed {
    pub fn new(n: u32, fps: f64) -> Arc<Self> {
        let state = Mutex::new((false, Instant::now(), MediaTime::ZERO, 0));
        Arc::new(Self { n, fps, depth: 8, state })
    }

    pub fn seek(&self, frame: u32) {
        let mut s = self.state.lock().unwrap();
        let at = MediaTime::from_secs_f64(f64::from(frame) / self.fps);
        *s = (s.0, Instant::now(), at, s.3 + 1);
    }

    pub fn play(&self, on: bool) {
        let now = self.now();
        let mut s = self.state.lock().unwrap();
        *s = (on, Instant::now(), now, s.3);
    }

    pub fn current(&self) -> u32 {
        let i = (self.now().as_secs_f64() * self.fps + 1e-6) as u32;
        i.min(self.n - 1)
    }
}

impl FrameFeed for FakeFeed {
    fn now(&self) -> MediaTime {
        let s = self.state.lock().unwrap();
        if s.0 { s.2 + s.1.elapsed().into() } else { s.2 }
    }
    fn speed(&self) -> f64 {
        1.0
    }
    fn is_playing(&self) -> bool {
        self.state.lock().unwrap().0
    }
    fn generation(&self) -> Generation {
        Generation(self.state.lock().unwrap().3)
    }
    fn shown(&self) -> Option<InputFrame> {
        Some(grey_frame(self.current(), self.fps))
    }
    fn ahead(&self) -> Vec<InputFrame> {
        let c = self.current();
        (c..=(c + self.depth).min(self.n - 1)).map(|i| grey_frame(i, self.fps)).collect()
    }
}

/// Decodes grey frames.
pub struct FakeReader {
    pub n: u32,
    pub fps: f64,
    pub next: u32,
}

impl PictureSource for FakeReader {
    fn seek(&mut self, frame: FrameIndex) -> Result<Option<InputFrame>, InferError> {
        self.next = frame.0;
        self.next()
    }
    fn next(&mut self) -> Result<Option<InputFrame>, InferError> {
        let i = self.next;
        self.next += 1;
        Ok((i < self.n).then(|| grey_frame(i, self.fps)))
    }
}

/// What a fake network was asked.
#[derive(Default)]
pub struct Calls {
    pub pictures: AtomicUsize,
    pub sounds: AtomicUsize,
    /// The next picture makes it panic, as a driver's error does inside burn.
    pub panic_now: AtomicBool,
}

/// A network that takes a given time. The vector of every cell points along the first axis, the
/// sound's by the loudness of its spectrogram.
pub struct FakeTowers {
    pub picture: Duration,
    pub sound: Duration,
    pub dim: usize,
    pub calls: Arc<Calls>,
}

impl Towers for FakeTowers {
    fn embed_images(&mut self, inputs: &[Vec<f32>]) -> Result<Vec<ImageEmbedding>, ModelError> {
        assert!(!self.calls.panic_now.swap(false, Ordering::SeqCst), "the device is lost");
        self.calls.pictures.fetch_add(inputs.len(), Ordering::SeqCst);
        std::thread::sleep(self.picture * inputs.len() as u32);
        let one = |_: &Vec<f32>| {
            let mut data = vec![0.0; self.dim * 49];
            data[..49].fill(1.0);
            ImageEmbedding { dim: self.dim, data }
        };
        Ok(inputs.iter().map(one).collect())
    }

    fn embed_sound(&mut self, s: &Spectrogram) -> Result<AudioEmbedding, ModelError> {
        self.calls.sounds.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(self.sound);
        let mean = s.data.iter().sum::<f32>() / s.data.len() as f32;
        let mut data = vec![0.0; self.dim];
        data[0] = mean.sin();
        data[1] = mean.cos();
        Ok(AudioEmbedding { data })
    }

    fn describe(&self) -> String {
        "a fake network".into()
    }
}
