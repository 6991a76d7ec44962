//! A video with the map drawn in and the sound kept.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use super::ExportError;
use super::burn::overlay_frame;
use crate::media::{
    AudioFormat, AudioReader, AudioSettings, CancelToken, Channels, ClipSettings, ClipWriter,
    FrameReader, FrameReaderOptions, MediaSource, PresentationIndex, VideoFrame,
};
use crate::overlay::{Field, OverlayParams};
use crate::units::{FrameIndex, LocalizationMap, MediaTime};

/// What is drawn over one frame. The default draws nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FrameMaps {
    /// The map, plain or fine.
    pub map: Option<Field>,
    /// The plain map, for the metric's mask.
    pub plain: Option<LocalizationMap>,
    /// The object prior.
    pub prior: Option<Field>,
    /// What the difference layer subtracts.
    pub other: Option<Field>,
    /// Age of a held map, 0 to 1.
    pub dim: f32,
    /// Nothing here sounds: no colours.
    pub quiet: bool,
}

/// Answers what belongs to a frame; called once per frame, in order, on the exporting thread.
pub type MapsFor = Box<dyn FnMut(&VideoFrame) -> FrameMaps + Send>;

/// One video to write.
pub struct VideoExport {
    /// The clip.
    pub source: MediaSource,
    /// Its index, when it is known already.
    pub index: Option<Arc<PresentationIndex>>,
    /// The sound track to keep; `None` writes a silent video.
    pub audio_track: Option<usize>,
    /// Frames to write, all when `None`.
    pub frames: Option<Range<u32>>,
    /// The file.
    pub path: PathBuf,
    /// How the map is drawn; the maps in it are replaced for each frame.
    pub params: OverlayParams,
    /// Burns the legend in.
    pub legend: bool,
    /// Lines below the legend: clip, checkpoint and the like.
    pub lines: Vec<String>,
    /// The maps.
    pub maps: MapsFor,
}

/// What was written.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoReport {
    /// Frames in the file.
    pub frames: u32,
    /// Frames with a map.
    pub with_map: u32,
    /// Length of the clip that was written, in seconds.
    pub clip_secs: f64,
    /// Seconds that it took.
    pub took_secs: f64,
}

/// Writes the clip with its overlay: each frame once, at its own time, with its sound.
///
/// `done` counts thousandths. Errors: unreadable clip, unwritable file, stopped by `cancel`; no
/// file is left then.
pub fn overlay_video(
    mut job: VideoExport,
    done: &AtomicU32,
    cancel: &CancelToken,
) -> Result<VideoReport, ExportError> {
    let started = Instant::now();
    let options = || FrameReaderOptions { cancel: cancel.clone(), ..FrameReaderOptions::default() };
    let mut reader = match job.index.take() {
        Some(index) => FrameReader::with_index(&job.source, index, options())?,
        None => FrameReader::open(&job.source, options())?,
    };
    let index = Arc::clone(reader.index());
    let total = u32::try_from(index.len()).unwrap_or(u32::MAX);
    let range = job.frames.clone().unwrap_or(0..total);
    let range = range.start.min(total)..range.end.min(total);
    let no_picture = || ExportError::NoPicture { clip: job.source.display_name() };
    let first = FrameIndex(range.start);
    let Some(mut frame) = reader.seek(first)? else { return Err(no_picture()) };
    let zero = frame.time;
    let video = reader.info().video.clone().ok_or_else(no_picture)?;
    let end = if range.end < total {
        index.time(FrameIndex(range.end)).unwrap_or(index.end())
    } else {
        index.end().max(zero)
    };

    let mut draw = Drawing { job: &mut job, with_map: 0 };
    let picture = draw.frame(&frame);
    let fps = if video.frame_rate.is_finite() && video.frame_rate > 0.0 {
        video.frame_rate
    } else {
        25.0
    };
    let mut settings = ClipSettings::new(picture.width, picture.height, fps, video.time_base);
    let mut sound = Sound::open(draw.job, zero, end, cancel)?;
    settings.audio =
        sound.as_ref().map(|s| AudioSettings { rate: s.rate, ..AudioSettings::default() });
    let mut writer = ClipWriter::create(&draw.job.path, settings)?;
    let mut written = 0;
    let mut picture = Some(picture);
    loop {
        if cancel.is_cancelled() {
            return Err(ExportError::Cancelled);
        }
        let drawn = match picture.take() {
            Some(p) => p,
            None => draw.frame(&frame),
        };
        // A clip whose size changes half-way keeps the first frame's size.
        let drawn = fitted(drawn, settings.width, settings.height);
        writer.push_video(&drawn.data, frame.time - zero)?;
        written += 1;
        if let Some(s) = &mut sound {
            s.write_until(&mut writer, frame.time + frame.duration)?;
        }
        let count = range.end.saturating_sub(range.start).max(1);
        done.store((written * 1000 / count).min(999), Ordering::Relaxed);
        match reader.next_frame()? {
            Some(next) if next.index.0 < range.end => frame = next,
            _ => break,
        }
    }
    if let Some(s) = &mut sound {
        s.write_until(&mut writer, end)?;
    }
    if cancel.is_cancelled() {
        return Err(ExportError::Cancelled);
    }
    let with_map = draw.with_map;
    writer.finish()?;
    done.store(1000, Ordering::Relaxed);
    Ok(VideoReport {
        frames: written,
        with_map,
        clip_secs: (end - zero).as_secs_f64(),
        took_secs: started.elapsed().as_secs_f64(),
    })
}

struct Drawing<'a> {
    job: &'a mut VideoExport,
    with_map: u32,
}

impl Drawing<'_> {
    fn frame(&mut self, frame: &VideoFrame) -> crate::overlay::RgbaPicture {
        let maps = (self.job.maps)(frame);
        self.with_map += u32::from(maps.map.is_some());
        let params = &mut self.job.params;
        params.map = maps.map;
        params.plain = maps.plain;
        params.prior = maps.prior;
        params.other = maps.other;
        params.dim = maps.dim;
        params.outline_only = maps.quiet;
        let legend = self.job.legend.then_some(self.job.lines.as_slice());
        overlay_frame(&frame.picture, params, legend)
    }
}

/// Cuts or pads (with black) a picture to a size.
fn fitted(p: crate::overlay::RgbaPicture, w: u32, h: u32) -> crate::overlay::RgbaPicture {
    if (p.width, p.height) == (w, h) {
        return p;
    }
    let mut data = [0, 0, 0, 255].repeat(w as usize * h as usize);
    let n = 4 * p.width.min(w) as usize;
    let rows = data
        .chunks_exact_mut(4 * w as usize)
        .zip(p.data.chunks_exact(4 * p.width as usize))
        .take(p.height.min(h) as usize);
    for (to, from) in rows {
        to[..n].copy_from_slice(&from[..n]);
    }
    crate::overlay::RgbaPicture { width: w, height: h, data }
}

/// The sound between two times, handed over a little at a time.
struct Sound {
    reader: AudioReader,
    rate: u32,
    /// Samples per channel that belong to the export in all.
    total: u64,
    /// Of these, those that were written.
    written: u64,
    zero: MediaTime,
    waiting: VecDeque<f32>,
    ended: bool,
}

impl Sound {
    fn open(
        job: &VideoExport,
        zero: MediaTime,
        end: MediaTime,
        cancel: &CancelToken,
    ) -> Result<Option<Self>, ExportError> {
        let Some(track) = job.audio_track else { return Ok(None) };
        // 48 kHz: every codec that is written takes it.
        let format = AudioFormat { rate: 48_000, channels: Channels::Stereo };
        let mut reader = AudioReader::open(&job.source, track, format, cancel.clone())?;
        reader.seek(zero)?;
        let rate = reader.rate().max(1);
        let mut sound = Self {
            reader,
            rate,
            total: 0,
            written: 0,
            zero,
            waiting: VecDeque::new(),
            ended: false,
        };
        sound.total = sound.samples_at(end);
        Ok(Some(sound))
    }

    /// Samples per channel from the export's start to `time`.
    fn samples_at(&self, time: MediaTime) -> u64 {
        let nanos = (time - self.zero).as_nanos().max(0).unsigned_abs();
        (u128::from(nanos) * u128::from(self.rate) / 1_000_000_000) as u64
    }

    /// Writes the sound up to `time`; silence where the track has none.
    fn write_until(&mut self, writer: &mut ClipWriter, time: MediaTime) -> Result<(), ExportError> {
        let target = self.samples_at(time).min(self.total);
        let need = 2 * target.saturating_sub(self.written) as usize;
        while self.waiting.len() < need && !self.ended {
            match self.reader.next_block()? {
                Some(block) => self.waiting.extend(block.samples),
                None => self.ended = true,
            }
        }
        let have = need.min(self.waiting.len());
        let mut block: Vec<f32> = self.waiting.drain(..have).collect();
        block.resize(need, 0.0);
        if !block.is_empty() {
            writer.push_audio(&block)?;
        }
        self.written = self.written.max(target);
        Ok(())
    }
}
