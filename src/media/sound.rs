//! One sound track by time: sample-accurate, blocking, resampled and mixed as asked.
//!
//! Positions are counted in samples from the clip's start, never taken from block times, so that
//! the same sample comes out whether it was reached by playing or by a jump. The resampler is
//! always started on a sample that both rates share, far enough before the wanted one.

use std::path::{Path, PathBuf};

use ff::ffi;
use ff::format::Sample;
use ff::format::sample::Type as Packing;
use ff::software::resampling;
use ffmpeg_next as ff;

use super::demux::Demuxer;
use super::error::{MediaError, MediaWarning, shown};
use super::scan::{Clip, TrackTiming};
use super::source::{CancelToken, MediaSource};
use crate::units::{MediaTime, Pts};

/// Which channels to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channels {
    /// Left and right for listening; more channels are mixed down, one is doubled. Full scale
    /// is 1.
    Stereo,
    /// The mean over all channels, in the model's scale: 16-bit value / 32767, clipped to
    /// [-1, 1].
    MonoMean,
    /// The first channel alone, in the model's scale.
    Left,
    /// The second channel alone (the first where there is only one), in the model's scale.
    Right,
    /// All channels as the file has them; full scale is 1.
    AsIs,
}

/// What to deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioFormat {
    /// Samples per second; 0 keeps the track's own rate.
    pub rate: u32,
    /// Channels.
    pub channels: Channels,
}

/// A stretch of sound.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioBlock {
    /// When its first sample sounds, relative to the clip's start.
    pub time: MediaTime,
    /// Number of that sample, counted from the clip's start.
    pub start: i64,
    /// Interleaved samples.
    pub samples: Vec<f32>,
}

/// From full scale 1 to the model's scale.
const MODEL_SCALE: f64 = 32768.0 / 32767.0;
/// Sound decoded before the wanted sample, so that codecs that overlap blocks are warm.
const WARM_UP: MediaTime = MediaTime::from_millis(250);
/// Largest block that is given at once, in samples per channel.
const MAX_BLOCK: usize = 8192;
/// Rates that are taken seriously.
const RATES: std::ops::RangeInclusive<u32> = 1..=768_000;
/// Taps of the resampler's filter at the lower of the two rates, with room.
const FILTER_TAPS: u64 = 128;

/// Opens a decoder for a sound stream; the error says why not.
pub(super) fn open_decoder(stream: &ff::Stream<'_>) -> Result<ff::decoder::Audio, String> {
    let parameters = stream.parameters();
    let id = parameters.id();
    let mut context = ff::codec::Context::from_parameters(parameters).map_err(|e| e.to_string())?;
    // SAFETY: the context is not open yet, so its settings may be written.
    unsafe {
        (*context.as_mut_ptr()).pkt_timebase = (*stream.as_ptr()).time_base;
        (*context.as_mut_ptr()).thread_count = 1;
    }
    let codec = ff::decoder::find(id).ok_or("FFmpeg was built without its decoder")?;
    context.decoder().open_as(codec).and_then(|o| o.audio()).map_err(|e| e.to_string())
}

/// Reads one sound track. Blocking; owned by one thread at a time.
pub struct AudioReader {
    path: PathBuf,
    timing: TrackTiming,
    zero: MediaTime,
    demux: Demuxer,
    decoder: ff::decoder::Audio,
    ended: bool,
    channels: Channels,
    in_rate: u32,
    out_rate: u32,
    out_channels: usize,
    resampler: Option<Resampler>,
    /// Source sample that is due next, counted from the clip's start.
    in_next: i64,
    /// Output sample that comes next, counted from the clip's start.
    out_next: i64,
    /// Output samples before this one are dropped.
    wanted: i64,
    /// Where the next decoded block begins if time stamps do not say otherwise.
    running: Option<i64>,
    /// A decoded block that is not consumed yet: its first source sample and its samples.
    block: Option<(i64, Vec<f32>)>,
    errors: u64,
}

struct Resampler(resampling::Context);

impl AudioReader {
    /// Opens sound track `track` of a source, at the clip's start.
    ///
    /// Errors: unreadable file, no such track, no decoder, cancelled.
    pub fn open(
        source: &MediaSource,
        track: usize,
        format: AudioFormat,
        cancel: CancelToken,
    ) -> Result<Self, MediaError> {
        let clip = Clip::open(source, &cancel)?;
        let path = source.audio_path();
        let file = shown(path);
        let tracks = clip.info().audio.len();
        if tracks == 0 {
            return Err(MediaError::NoAudio { file });
        }
        let timing = clip.track(track).cloned();
        let info = clip.info().audio.get(track);
        let (Some(timing), Some(info)) = (timing, info) else {
            return Err(MediaError::NoSuchTrack { file, track, tracks });
        };
        let no_decoder = |cause: String| MediaError::NoDecoder {
            file: file.clone(),
            codec: info.codec.clone(),
            cause,
        };
        let mut demux = Demuxer::open(path, &cancel)?;
        demux.keep_only(&[timing.stream]);
        let stream = demux.input.stream(timing.stream);
        let stream = stream.ok_or_else(|| no_decoder("its streams change".into()))?;
        let decoder = open_decoder(&stream).map_err(&no_decoder)?;
        let in_rate = decoder.rate();
        if !RATES.contains(&in_rate) {
            return Err(no_decoder(format!("its sample rate is {in_rate} Hz")));
        }
        let out_rate = if format.rate == 0 { in_rate } else { format.rate };
        let out_channels = match format.channels {
            Channels::Stereo => 2,
            Channels::MonoMean | Channels::Left | Channels::Right => 1,
            Channels::AsIs => usize::from(decoder.channels().max(1)),
        };
        let mut reader = Self {
            path: path.to_path_buf(),
            timing,
            zero: clip.audio_zero(),
            demux,
            decoder,
            ended: false,
            channels: format.channels,
            in_rate,
            out_rate,
            out_channels,
            resampler: None,
            in_next: 0,
            out_next: 0,
            wanted: 0,
            running: None,
            block: None,
            errors: 0,
        };
        reader.begin_at(0).map_err(no_decoder)?;
        Ok(reader)
    }

    /// Samples per second of what is given.
    pub fn rate(&self) -> u32 {
        self.out_rate
    }

    /// Channels of what is given.
    pub fn channels(&self) -> usize {
        self.out_channels
    }

    /// Blocks that did not decode so far; silence stands in for them.
    pub fn damaged_blocks(&self) -> u64 {
        self.errors
    }

    /// Whose raising stops blocking calls from now on.
    pub fn set_cancel(&mut self, cancel: CancelToken) {
        self.demux.set_cancel(cancel);
    }

    /// Jumps: the next block begins exactly at the sample nearest to `time` (zeros where the
    /// track has not begun yet). Times before the clip's start count as the start.
    pub fn seek(&mut self, time: MediaTime) -> Result<(), MediaError> {
        let nanos = i128::from(time.as_nanos().max(0));
        let rate = i128::from(self.out_rate);
        let sample = (nanos * rate + 500_000_000) / 1_000_000_000;
        self.seek_sample(i64::try_from(sample).unwrap_or(i64::MAX / 4))
    }

    /// Jumps to an output sample counted from the clip's start.
    pub fn seek_sample(&mut self, sample: i64) -> Result<(), MediaError> {
        let sample = sample.clamp(0, i64::MAX / 4);
        self.begin_at(sample).map_err(|cause| MediaError::NoDecoder {
            file: shown(&self.path),
            codec: "sound".into(),
            cause,
        })?;
        self.decoder.flush();
        self.ended = false;
        self.running = None;
        self.block = None;
        self.jump()
    }

    /// The next block, at most 8192 samples per channel; `None` after the last one.
    ///
    /// Errors: cancelled. Damaged stretches come as silence.
    pub fn next_block(&mut self) -> Result<Option<AudioBlock>, MediaError> {
        loop {
            let Some(input) = self.next_input()? else {
                // The filter still holds its last half.
                let Some(resampler) = self.resampler.take() else { return Ok(None) };
                let rest = self.resample(resampler, &[], true);
                match self.cut(rest) {
                    Some(block) => return Ok(Some(block)),
                    None => return Ok(None),
                }
            };
            let out = match self.resampler.take() {
                None => input,
                Some(r) => self.resample(r, &input, false),
            };
            if let Some(block) = self.cut(out) {
                return Ok(Some(block));
            }
        }
    }

    /// Prepares for delivering from output sample `sample` on.
    fn begin_at(&mut self, sample: i64) -> Result<(), String> {
        self.wanted = sample;
        if self.in_rate == self.out_rate {
            self.resampler = None;
            self.in_next = sample;
            self.out_next = sample;
            return Ok(());
        }
        // Blocks of `step_in` source samples last as long as `step_out` output samples.
        let g = gcd(self.in_rate, self.out_rate);
        let (step_in, step_out) = (self.in_rate / g, self.out_rate / g);
        let slower = u64::from(self.in_rate.div_ceil(self.out_rate).max(1));
        let lead = (FILTER_TAPS * slower).div_ceil(u64::from(step_in));
        let at = sample / i64::from(step_out);
        let at = (at - i64::try_from(lead).unwrap_or(0)).max(0);
        self.in_next = at.saturating_mul(i64::from(step_in));
        self.out_next = at.saturating_mul(i64::from(step_out));
        let layout = ff::ChannelLayout::default(self.out_channels as i32);
        let packed = Sample::F32(Packing::Packed);
        let context =
            resampling::Context::get(packed, layout, self.in_rate, packed, layout, self.out_rate);
        let context = context.map_err(|e| {
            format!("{} to {} Hz cannot be resampled: {e}", self.in_rate, self.out_rate)
        })?;
        self.resampler = Some(Resampler(context));
        Ok(())
    }

    /// Moves the demuxer so that the packets that hold `in_next` are still to come.
    fn jump(&mut self) -> Result<(), MediaError> {
        let ahead = i128::from(self.in_next) * 1_000_000_000 / i128::from(self.in_rate);
        let time = MediaTime::from_nanos(i64::try_from(ahead).unwrap_or(i64::MAX));
        let due = time + self.zero;
        let stream = self.timing.stream;
        let matroska = self.demux.input.format().name().contains("matroska");
        let video = self.video_stream();
        for (back, by_video) in [(0, matroska), (0, !matroska), (10_000, false), (60_000, false)] {
            let goal = due - WARM_UP - MediaTime::from_millis(back);
            let by = if by_video { video.unwrap_or(stream) } else { stream };
            let Some(ts) = self.ticks_of(by, goal) else { continue };
            if !self.demux.seek(by, ts) {
                continue;
            }
            let base = self.timing.time_base;
            let first = self.timing.first_pts;
            let latest = base.pts_floor(due - WARM_UP.scaled(0.3)).0;
            let packet = self.demux.peek(stream)?;
            let fits = packet.is_some_and(|p| {
                p.pts().is_some_and(|pts| pts <= latest || first.is_some_and(|f| pts <= f))
            });
            if fits {
                return Ok(());
            }
        }
        self.demux.reopen(&[stream])
    }

    fn video_stream(&self) -> Option<usize> {
        let video = |s: &ff::Stream<'_>| s.parameters().medium() == ff::media::Type::Video;
        self.demux.input.streams().find(video).map(|s| s.index())
    }

    fn ticks_of(&self, stream: usize, time: MediaTime) -> Option<i64> {
        let base = self.demux.input.stream(stream)?.time_base();
        let base = crate::units::TimeBase::new(base.numerator(), base.denominator())?;
        Some(base.pts_floor(time).0)
    }

    /// Source samples in order without gaps or overlaps, from `in_next` on; zeros where the track
    /// has nothing. `None` at its end.
    fn next_input(&mut self) -> Result<Option<Vec<f32>>, MediaError> {
        loop {
            if self.block.is_none() {
                self.block = self.decode()?;
            }
            let Some((at, samples)) = self.block.take() else { return Ok(None) };
            let frames = samples.len() / self.out_channels;
            let gap = at.saturating_sub(self.in_next);
            if gap > 0 {
                let n = usize::try_from(gap).unwrap_or(MAX_BLOCK).min(MAX_BLOCK);
                self.block = Some((at, samples));
                self.in_next += n as i64;
                return Ok(Some(vec![0.0; n * self.out_channels]));
            }
            let late = usize::try_from(-gap).unwrap_or(usize::MAX);
            if late >= frames {
                continue;
            }
            let mut rest = samples;
            rest.drain(..late * self.out_channels);
            let take = (frames - late).min(MAX_BLOCK);
            if frames - late > take {
                let tail = rest.split_off(take * self.out_channels);
                self.block = Some((self.in_next + take as i64, tail));
            }
            self.in_next += take as i64;
            return Ok(Some(rest));
        }
    }

    /// The next decoded block: its first source sample and its mixed samples.
    fn decode(&mut self) -> Result<Option<(i64, Vec<f32>)>, MediaError> {
        let mut frame = ff::frame::Audio::empty();
        let mut drain_errors = 0;
        loop {
            match self.decoder.receive_frame(&mut frame) {
                Ok(()) => match self.place(&frame) {
                    Some(block) => return Ok(Some(block)),
                    None => continue,
                },
                Err(ff::Error::Eof) => return Ok(None),
                Err(ff::Error::Other { errno: ff::error::EAGAIN }) if !self.ended => {}
                Err(_) => {
                    self.errors += 1;
                    drain_errors += 1;
                    if self.ended && drain_errors > 64 {
                        return Ok(None);
                    }
                }
            }
            if self.ended {
                continue;
            }
            match self.demux.next_packet()? {
                Some(p) if p.stream() == self.timing.stream => {
                    if self.decoder.send_packet(&p).is_err() {
                        self.errors += 1;
                    }
                }
                Some(_) => {}
                None => {
                    self.ended = true;
                    self.decoder.send_eof().ok();
                }
            }
        }
    }

    /// Mixes a decoded frame and says where it belongs.
    fn place(&mut self, frame: &ff::frame::Audio) -> Option<(i64, Vec<f32>)> {
        let n = frame.samples();
        let rate = frame.rate();
        if n == 0 || !RATES.contains(&rate) {
            return None;
        }
        if rate != self.in_rate {
            // The track changes its rate on the way: go on at the same output sample.
            self.in_rate = rate;
            self.running = None;
            if let Err(cause) = self.begin_at(self.out_next.max(self.wanted)) {
                tracing::warn!("`{}`: {cause}", self.path.display());
                return None;
            }
        }
        let samples = self.mix(frame)?;
        let from_pts = frame.pts().or(frame.timestamp()).map(|p| self.position_of(p));
        let slack = self.tick_samples() * 2 + i64::from(rate) / 100;
        let at = match (self.running, from_pts) {
            (Some(r), Some(p)) if (p - r).abs() <= slack => r,
            (Some(r), None) => r,
            (_, Some(p)) => self.snap(p, n as i64),
            (None, None) => self.in_next,
        };
        self.running = Some(at.saturating_add(n as i64));
        Some((at, samples))
    }

    /// Source sample, counted from the clip's start, at a time stamp of the track.
    fn position_of(&self, pts: i64) -> i64 {
        let time = self.timing.time_base.time_from_pts(Pts(pts)) - self.zero;
        let v = i128::from(time.as_nanos()) * i128::from(self.in_rate) + 500_000_000;
        i64::try_from(v.div_euclid(1_000_000_000))
            .unwrap_or(i64::MAX / 4)
            .clamp(-(i64::MAX / 4), i64::MAX / 4)
    }

    /// Samples per tick of the track's time stamps, rounded up.
    fn tick_samples(&self) -> i64 {
        let base = self.timing.time_base;
        let v = i64::from(self.in_rate) * i64::from(base.num());
        (v + i64::from(base.den()) - 1) / i64::from(base.den())
    }

    /// Containers with coarse ticks (Matroska: 1 ms) round time stamps; where all packets hold
    /// the same number of samples the true place is on that raster.
    fn snap(&self, at: i64, n: i64) -> i64 {
        let (packet, skip) = (self.timing.packet_samples, self.timing.skip);
        let size = match i64::from(self.timing.frame_size) {
            // Not said by the file. A first block without its dropped part is told by that part;
            // else, if all blocks are like this one, it lies on their raster.
            0 if skip > 0 && n + i64::from(skip) == i64::from(packet) => i64::from(packet),
            0 => n,
            size => size,
        };
        let tick = self.tick_samples();
        let (Some(first), true) = (self.timing.first_pts, size > 0 && tick > 1) else { return at };
        // The decoder rounds the dropped beginning to ticks; the raster begins where it ends.
        let skip = i64::from(self.timing.skip);
        let base = self.timing.time_base;
        let secs = skip as f64 / f64::from(self.in_rate);
        let ticks = (secs * f64::from(base.den()) / f64::from(base.num())).round() as i64;
        let first = self.position_of(first.saturating_add(ticks)) - skip;
        let nearest = |v: i64| first + ((v - first) + size / 2).div_euclid(size) * size;
        // The first block of a track may be cut at its front, the last one at its end.
        let by_end = nearest(at + n);
        if (by_end - (at + n)).abs() <= tick {
            return by_end - n;
        }
        let by_start = nearest(at);
        if (by_start - at).abs() <= tick { by_start } else { at }
    }

    /// Interleaved samples in the channels asked for, at the track's rate.
    fn mix(&self, frame: &ff::frame::Audio) -> Option<Vec<f32>> {
        let channels = usize::from(frame.channels());
        let input = interleaved(frame, channels)?;
        let frames = input.chunks_exact(channels);
        Some(match self.channels {
            Channels::AsIs if channels == self.out_channels => input,
            Channels::AsIs => {
                let c = |f: &[f32], i: usize| f.get(i).copied().unwrap_or(0.0);
                frames.flat_map(|f| (0..self.out_channels).map(move |i| c(f, i))).collect()
            }
            Channels::MonoMean => frames
                .map(|f| (f.iter().map(|v| f64::from(*v)).sum::<f64>() / channels as f64) as f32)
                .collect(),
            Channels::Left => frames.map(|f| f[0]).collect(),
            Channels::Right => frames.map(|f| f[1.min(channels - 1)]).collect(),
            Channels::Stereo => match channels {
                1 => frames.flat_map(|f| [f[0], f[0]]).collect(),
                2 => input,
                _ => {
                    let gains = downmix(frame.channel_layout().bits(), channels);
                    let side = |f: &[f32], s: usize| -> f32 {
                        f.iter().zip(&gains).map(|(v, g)| v * g[s]).sum()
                    };
                    frames.flat_map(|f| [side(f, 0), side(f, 1)]).collect()
                }
            },
        })
    }

    /// Runs the resampler; puts it back unless this was the last call.
    fn resample(&mut self, mut r: Resampler, input: &[f32], last: bool) -> Vec<f32> {
        let ch = self.out_channels;
        let frames = input.len() / ch;
        // SAFETY: the context is initialised; both pointers are packed f32 buffers with room for
        // the counts given (`swr_get_out_samples` is an upper bound), and swr reads or writes no
        // further. A null input with count 0 drains the filter.
        let out = unsafe {
            let ctx = r.0.as_mut_ptr();
            let room = ffi::swr_get_out_samples(ctx, frames as i32).max(0) as usize + 256;
            let mut out = vec![0.0f32; room * ch];
            let mut out_ptr = out.as_mut_ptr().cast::<u8>();
            let mut in_ptr = input.as_ptr().cast::<u8>();
            let got = if last {
                ffi::swr_convert(ctx, &mut out_ptr, room as i32, std::ptr::null_mut(), 0)
            } else {
                ffi::swr_convert(ctx, &mut out_ptr, room as i32, &mut in_ptr, frames as i32)
            };
            out.truncate(usize::try_from(got).unwrap_or(0) * ch);
            out
        };
        if !last {
            self.resampler = Some(r);
        }
        out
    }

    /// Cuts what lies before the wanted sample off and scales for the model.
    fn cut(&mut self, mut out: Vec<f32>) -> Option<AudioBlock> {
        let frames = out.len() / self.out_channels;
        let start = self.out_next;
        self.out_next += frames as i64;
        let early = (self.wanted - start).clamp(0, frames as i64);
        if early as usize >= frames {
            return None;
        }
        out.drain(..early as usize * self.out_channels);
        let start = start + early;
        if matches!(self.channels, Channels::MonoMean | Channels::Left | Channels::Right) {
            for v in &mut out {
                *v = (f64::from(*v) * MODEL_SCALE).clamp(-1.0, 1.0) as f32;
            }
        }
        let nanos = i128::from(start) * 1_000_000_000 / i128::from(self.out_rate);
        let time = MediaTime::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX));
        Some(AudioBlock { time, start, samples: out })
    }

    /// What went wrong so far and was played over.
    pub fn warning(&self) -> Option<MediaWarning> {
        (self.errors > 0).then(|| {
            MediaWarning::new(format!("{} damaged block(s) of sound are silent", self.errors))
        })
    }

    /// The file that is read.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

/// Samples of a decoded frame as f32, channels interleaved; full scale is 1. NaN becomes 0.
fn interleaved(frame: &ff::frame::Audio, channels: usize) -> Option<Vec<f32>> {
    let n = frame.samples();
    if channels == 0 || n == 0 {
        return None;
    }
    let (format, packing) = match frame.format() {
        Sample::U8(p) => (0, p),
        Sample::I16(p) => (1, p),
        Sample::I32(p) => (2, p),
        Sample::F32(p) => (3, p),
        Sample::F64(p) => (4, p),
        Sample::I64(p) => (5, p),
        Sample::None => return None,
    };
    let planar = packing == Packing::Planar;
    let size = [1, 2, 4, 4, 8, 8][format];
    let mut out = vec![0.0f32; n * channels];
    for plane in 0..if planar { channels } else { 1 } {
        let count = if planar { n } else { n * channels };
        // SAFETY: a decoded frame has one plane per channel (planar) or one plane (packed) of
        // `count` samples of `size` bytes behind `extended_data`.
        let bytes = unsafe {
            let data = *(*frame.as_ptr()).extended_data.add(plane);
            if data.is_null() {
                return None;
            }
            std::slice::from_raw_parts(data, count * size)
        };
        let step = if planar { channels } else { 1 };
        let out = out[if planar { plane } else { 0 }..].iter_mut().step_by(step);
        macro_rules! fill {
            ($kind:ty, $scale:expr) => {
                for (o, b) in out.zip(bytes.chunks_exact(size)) {
                    let v = b.try_into().map_or(0.0, |b| <$kind>::from_ne_bytes(b) as f64);
                    *o = ($scale)(v) as f32;
                }
            };
        }
        let number = |v: f64| if v.is_finite() { v } else { 0.0 };
        match format {
            0 => fill!(u8, |v: f64| (v - 128.0) / 128.0),
            1 => fill!(i16, |v: f64| v / 32768.0),
            2 => fill!(i32, |v: f64| v / 2_147_483_648.0),
            3 => fill!(f32, number),
            4 => fill!(f64, number),
            _ => fill!(i64, |v: f64| v / 9_223_372_036_854_775_808.0),
        }
    }
    Some(out)
}

/// Gains to left and right per channel: fronts 1, centre and surrounds -3 dB, no bass channel;
/// scaled so that neither side can exceed full scale.
fn downmix(mask: u64, channels: usize) -> Vec<[f32; 2]> {
    const HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;
    let mask = if mask.count_ones() as usize == channels {
        mask
    } else {
        ff::ChannelLayout::default(channels as i32).bits()
    };
    let gain = |bit: u32| match bit {
        0 | 6 => [1.0, 0.0],
        1 | 7 => [0.0, 1.0],
        2 => [HALF, HALF],
        3 => [0.0, 0.0],
        4 | 9 | 12 | 15 => [HALF, 0.0],
        5 | 10 | 14 | 17 => [0.0, HALF],
        _ => [0.5, 0.5],
    };
    let mut gains: Vec<[f32; 2]> = (0..64).filter(|b| mask >> b & 1 == 1).map(gain).collect();
    gains.resize(channels, [0.5, 0.5]);
    let sum = |s: usize| gains.iter().map(|g| g[s]).sum::<f32>();
    let top = sum(0).max(sum(1)).max(1e-6);
    for g in &mut gains {
        *g = [g[0] / top, g[1] / top];
    }
    gains
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surround_is_mixed_without_the_bass_and_cannot_clip() {
        let g = downmix(0x3f, 6);
        assert_eq!(g[3], [0.0, 0.0]);
        assert!(g[0][0] > g[0][1] && g[1][1] > g[1][0]);
        assert_eq!(g[2][0], g[2][1]);
        for side in 0..2 {
            assert!((g.iter().map(|c| c[side]).sum::<f32>() - 1.0).abs() < 1e-6);
        }
        assert_eq!(downmix(0, 11).len(), 11);
    }

    #[test]
    fn rates_share_a_raster() {
        assert_eq!(gcd(44_100, 16_000), 100);
        assert_eq!(gcd(48_000, 16_000), 16_000);
        assert_eq!(gcd(7, 0), 7);
    }
}
