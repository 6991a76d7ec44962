//! Pictures and sound to a file: whole or not at all.

use std::path::{Path, PathBuf};

use ff::codec::Id;
use ff::ffi;
use ff::format::context::{Output, StreamIo};
use ff::format::sample::Type as Packing;
use ff::format::{Pixel, Sample};
use ff::software::scaling;
use ffmpeg_next as ff;
use tempfile::NamedTempFile;

use super::convert::new_frame;
use super::error::{MediaError, io_cause, shown};
use crate::units::{MediaTime, TimeBase};

/// How pictures are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VideoCodec {
    /// H.264 where FFmpeg can write it, else MPEG-4; VP9 in WebM.
    #[default]
    Auto,
    /// H.264 (needs an FFmpeg with libx264).
    H264,
    /// MPEG-4 part 2, which every FFmpeg can write.
    Mpeg4,
    /// VP9 (needs libvpx).
    Vp9,
    /// Lossless RGB, for tests and archives (MKV, AVI, MOV).
    Ffv1,
}

/// How sound is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AudioCodec {
    /// AAC; Opus in WebM.
    #[default]
    Auto,
    /// AAC.
    Aac,
    /// Opus (48 kHz only).
    Opus,
    /// Uncompressed 16 bit, exact times (MKV, AVI, MOV).
    Pcm16,
    /// Uncompressed 32-bit floating point (MKV, AVI, MOV).
    PcmF32,
}

/// The sound track of a new clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioSettings {
    /// Samples per second.
    pub rate: u32,
    /// 1 or 2.
    pub channels: u16,
    /// Coding.
    pub codec: AudioCodec,
}

impl Default for AudioSettings {
    fn default() -> Self {
        Self { rate: 48_000, channels: 2, codec: AudioCodec::Auto }
    }
}

/// A new clip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClipSettings {
    /// Width of the pictures in pixels.
    pub width: u32,
    /// Height of the pictures in pixels.
    pub height: u32,
    /// Ticks of the time stamps; give the source's own so that they stay exact.
    pub time_base: TimeBase,
    /// Usual frames per second, for the header and the rate control.
    pub frame_rate: f64,
    /// Coding of the pictures.
    pub video_codec: VideoCodec,
    /// Most frames between two key frames.
    pub gop: u32,
    /// 0 (small) to 100 (best); ignored by lossless codecs.
    pub quality: u8,
    /// Takes several times as long for a file about a third smaller; for drawn pictures that
    /// are kept (H.264 only).
    pub slow_and_small: bool,
    /// The sound, if any.
    pub audio: Option<AudioSettings>,
}

impl ClipSettings {
    /// `width` x `height` at `fps` frames per second with ticks of `time_base`, no sound, good
    /// quality.
    pub fn new(width: u32, height: u32, fps: f64, time_base: TimeBase) -> Self {
        Self {
            width,
            height,
            time_base,
            frame_rate: fps,
            video_codec: VideoCodec::Auto,
            gop: 60,
            quality: 75,
            slow_and_small: false,
            audio: None,
        }
    }
}

/// Encodes RGBA pictures and interleaved f32 sound into a temporary file beside the target;
/// [`ClipWriter::finish`] puts it in place. Dropped before that, it leaves nothing.
pub struct ClipWriter {
    path: PathBuf,
    settings: ClipSettings,
    output: Output,
    temporary: NamedTempFile,
    video: ff::encoder::Video,
    video_base: ff::Rational,
    scaler: Scaler,
    last_tick: Option<i64>,
    frames: u64,
    audio: Option<AudioTrack>,
}

struct Scaler(scaling::Context);

// SAFETY: an SwsContext is plain memory without ties to a thread; it is only used through `&mut`.
unsafe impl Send for Scaler {}

struct AudioTrack {
    encoder: ff::encoder::Audio,
    layout: ff::ChannelLayout,
    channels: usize,
    rate: u32,
    /// Samples per channel that the encoder takes at once.
    block: usize,
    waiting: Vec<f32>,
    written: i64,
}

impl ClipWriter {
    /// Starts a file; its kind follows from the ending: mp4, mov, m4v, mkv, webm or avi.
    ///
    /// Errors: unknown ending, a codec that this FFmpeg cannot write, an unwritable folder.
    pub fn create(path: &Path, settings: ClipSettings) -> Result<Self, MediaError> {
        super::init_ffmpeg();
        let fail = |cause: String, remedy: &str| MediaError::Write {
            file: shown(path),
            cause,
            remedy: remedy.into(),
        };
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        let format = match ending.as_deref() {
            Some("mp4" | "m4v") => "mp4",
            Some("mov") => "mov",
            Some("mkv") => "matroska",
            Some("webm") => "webm",
            Some("avi") => "avi",
            _ => {
                let remedy = "Use a name that ends in .mp4, .mov, .mkv, .webm or .avi.";
                return Err(fail("its ending names no video format".into(), remedy));
            }
        };
        let ClipSettings { width, height, .. } = settings;
        if width == 0 || height == 0 || width > 16_384 || height > 16_384 {
            let cause = format!("a picture of {width}x{height} cannot be encoded");
            return Err(fail(cause, "Choose a size from 1 to 16384 pixels."));
        }
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        let temporary = crate::files::temporary_in(folder)
            .map_err(|e| fail(io_cause(&e), "Choose a folder that exists and can be written."))?;
        let ffmpeg = |e: ff::Error| fail(e.to_string().to_lowercase(), "Try another format.");
        let file = temporary.reopen().map_err(|e| fail(io_cause(&e), "Check the disk."))?;
        let io = StreamIo::from_write_seek_with_capacity(file, 1 << 18).map_err(ffmpeg)?;
        let mut output = ff::format::output_to_stream(io, None, Some(format)).map_err(ffmpeg)?;
        let global = output.format().flags().contains(ff::format::Flags::GLOBAL_HEADER);

        let (video, pixel) =
            open_video(&settings, format, global).map_err(|(cause, remedy)| fail(cause, remedy))?;
        let video_base: ff::Rational = (settings.time_base.num(), settings.time_base.den()).into();
        {
            let mut stream = output.add_stream(None::<ff::Codec>).map_err(ffmpeg)?;
            stream.set_time_base(video_base);
            stream.set_avg_frame_rate(rate_fraction(settings.frame_rate));
            stream.set_parameters(&video.0);
        }
        let audio = match settings.audio {
            None => None,
            Some(a) => {
                let track = AudioTrack::open(a, format, global)
                    .map_err(|(cause, remedy)| fail(cause, remedy))?;
                let mut stream = output.add_stream(None::<ff::Codec>).map_err(ffmpeg)?;
                stream.set_time_base((1, a.rate.max(1) as i32));
                stream.set_parameters(&track.encoder.0);
                Some(track)
            }
        };
        output.write_header().map_err(ffmpeg)?;
        let (w, h) = (video.0.width(), video.0.height());
        let flags =
            scaling::Flags::BICUBIC | scaling::Flags::ACCURATE_RND | scaling::Flags::FULL_CHR_H_INP;
        let mut scaler =
            scaling::Context::get(Pixel::RGBA, w, h, pixel, w, h, flags).map_err(ffmpeg)?;
        set_matrix(&mut scaler, is_hd(w, h));
        Ok(Self {
            path: path.to_path_buf(),
            settings,
            output,
            temporary,
            video,
            video_base,
            scaler: Scaler(scaler),
            last_tick: None,
            frames: 0,
            audio,
        })
    }

    /// Adds a picture: `4 * width * height` bytes of RGBA, shown from `time` on. Times that do
    /// not rise are moved to the next tick.
    pub fn push_video(&mut self, rgba: &[u8], time: MediaTime) -> Result<(), MediaError> {
        let (w, h) = (self.settings.width as usize, self.settings.height as usize);
        if rgba.len() != 4 * w * h {
            let cause = format!("a picture has {} bytes instead of {}", rgba.len(), 4 * w * h);
            return Err(self.fail(cause));
        }
        let (ew, eh) = (self.video.0.width(), self.video.0.height());
        let mut picture = new_frame(Pixel::RGBA, ew, eh).map_err(|e| self.fail(e))?;
        let stride = picture.stride(0);
        // Odd sizes are rounded up for the codec: the last column and row are repeated.
        for (y, row) in picture.data_mut(0).chunks_exact_mut(stride).take(eh as usize).enumerate() {
            let from = &rgba[4 * w * y.min(h - 1)..][..4 * w];
            row[..4 * w].copy_from_slice(from);
            if ew as usize > w {
                row[4 * w..4 * w + 4].copy_from_slice(&from[4 * w - 4..]);
            }
        }
        let mut coded = new_frame(self.video.0.format(), ew, eh).map_err(|e| self.fail(e))?;
        self.scaler.0.run(&picture, &mut coded).map_err(|e| self.fail(e.to_string()))?;
        let base = self.settings.time_base;
        let half = MediaTime::from_secs_f64(0.5 * f64::from(base.num()) / f64::from(base.den()));
        let tick = base.pts_floor(time + half).0;
        let tick = self.last_tick.map_or(tick, |l| tick.max(l.saturating_add(1)));
        self.last_tick = Some(tick);
        coded.set_pts(Some(tick));
        self.frames += 1;
        self.video.send_frame(&coded).map_err(|e| self.fail(e.to_string()))?;
        self.drain_video()
    }

    /// Adds sound: interleaved samples, following those given before; the first belongs to time
    /// zero.
    pub fn push_audio(&mut self, samples: &[f32]) -> Result<(), MediaError> {
        let Some(mut audio) = self.audio.take() else {
            return Err(self.fail("it was begun without sound".into()));
        };
        audio.waiting.extend_from_slice(samples);
        let result = self.encode_audio(&mut audio, false);
        self.audio = Some(audio);
        result
    }

    /// Writes what is left, makes sure that it is on the disk and gives the file its name.
    pub fn finish(mut self) -> Result<(), MediaError> {
        if self.frames == 0 {
            return Err(self.fail("it got no picture".into()));
        }
        self.video.send_eof().map_err(|e| self.fail(e.to_string()))?;
        self.drain_video()?;
        if let Some(mut audio) = self.audio.take() {
            self.encode_audio(&mut audio, true)?;
            audio.encoder.send_eof().map_err(|e| self.fail(e.to_string()))?;
            self.drain_audio(&mut audio)?;
        }
        self.output.write_trailer().map_err(|e| self.fail(e.to_string()))?;
        // SAFETY: the context is open; flushing writes its buffer, and `error` keeps the first
        // failed write (a full disk) that no call above may have reported.
        let error = unsafe {
            let pb = (*self.output.as_mut_ptr()).pb;
            ffi::avio_flush(pb);
            (*pb).error
        };
        if error < 0 {
            return Err(self.fail(ff::Error::from(error).to_string()));
        }
        let Self { path, output, temporary, .. } = self;
        drop(output);
        let fail = |e: &std::io::Error| MediaError::Write {
            file: shown(&path),
            cause: io_cause(e),
            remedy: "Free some space or choose another folder.".into(),
        };
        crate::files::put_in_place(temporary, &path).map_err(|e| fail(&e))
    }

    fn drain_video(&mut self) -> Result<(), MediaError> {
        let mut packet = ff::Packet::empty();
        while self.video.receive_packet(&mut packet).is_ok() {
            self.write(&mut packet, 0, self.video_base)?;
        }
        Ok(())
    }

    fn drain_audio(&mut self, audio: &mut AudioTrack) -> Result<(), MediaError> {
        let mut packet = ff::Packet::empty();
        while audio.encoder.receive_packet(&mut packet).is_ok() {
            self.write(&mut packet, 1, (1, audio.rate as i32).into())?;
        }
        Ok(())
    }

    fn encode_audio(&mut self, audio: &mut AudioTrack, all: bool) -> Result<(), MediaError> {
        loop {
            let ready = audio.waiting.len() / audio.channels;
            let n = ready.min(audio.block);
            if n == 0 || (n < audio.block && !all) {
                return Ok(());
            }
            let frame = audio.frame(n).map_err(|e| self.fail(e))?;
            audio.encoder.send_frame(&frame).map_err(|e| self.fail(e.to_string()))?;
            self.drain_audio(audio)?;
        }
    }

    fn write(
        &mut self,
        packet: &mut ff::Packet,
        stream: usize,
        from: ff::Rational,
    ) -> Result<(), MediaError> {
        let to = self.output.stream(stream).map_or(from, |s| s.time_base());
        packet.set_stream(stream);
        packet.rescale_ts(from, to);
        if packet.duration() == 0 && stream == 0 && self.settings.frame_rate > 0.0 {
            // Without it the last frame has no length.
            let ticks = f64::from(to.denominator())
                / (f64::from(to.numerator()) * self.settings.frame_rate);
            packet.set_duration(ticks.round().max(1.0) as i64);
        }
        packet.write_interleaved(&mut self.output).map_err(|e| self.fail(e.to_string()))
    }

    fn fail(&self, cause: String) -> MediaError {
        let full = cause.contains("No space");
        let remedy = if full { "Free some space." } else { "Try another format or folder." };
        MediaError::Write { file: shown(&self.path), cause, remedy: remedy.into() }
    }
}

/// Pictures that untagged files show in BT.709; ours are coded and tagged by the same rule.
fn is_hd(width: u32, height: u32) -> bool {
    width > 1024 || height > 576
}

fn set_matrix(scaler: &mut scaling::Context, hd: bool) {
    let matrix = if hd { ffi::SWS_CS_ITU709 } else { ffi::SWS_CS_ITU601 };
    // SAFETY: the context is initialised and the tables are static.
    unsafe {
        let table = ffi::sws_getCoefficients(matrix);
        let one = 1 << 16;
        ffi::sws_setColorspaceDetails(scaler.as_mut_ptr(), table, 1, table, 0, 0, one, one);
    }
}

fn rate_fraction(fps: f64) -> ff::Rational {
    let fps = if fps.is_finite() && fps > 0.0 { fps } else { 25.0 };
    // 29.97 and its kin are n * 1000 / 1001.
    let thousand = fps * 1001.0 / 1000.0;
    if (thousand - thousand.round()).abs() < 1e-3 && (fps - fps.round()).abs() > 1e-3 {
        return (thousand.round() as i32 * 1000, 1001).into();
    }
    ((fps * 1000.0).round() as i32, 1000).into()
}

type Refusal = (String, &'static str);

fn open_video(
    settings: &ClipSettings,
    format: &str,
    global: bool,
) -> Result<(ff::encoder::Video, Pixel), Refusal> {
    let by_name = ff::encoder::find_by_name;
    let x264 = || by_name("libx264");
    let vp9 = || by_name("libvpx-vp9");
    let codec = match settings.video_codec {
        VideoCodec::Auto if format == "webm" => vp9(),
        VideoCodec::Auto => x264().or_else(|| ff::encoder::find(Id::MPEG4)),
        VideoCodec::H264 => x264(),
        VideoCodec::Mpeg4 => ff::encoder::find(Id::MPEG4),
        VideoCodec::Vp9 => vp9(),
        VideoCodec::Ffv1 => ff::encoder::find(Id::FFV1),
    };
    let codec = codec.ok_or_else(|| {
        let cause = format!("this FFmpeg cannot write {:?} video", settings.video_codec);
        (cause, "Install a complete FFmpeg or choose another format.")
    })?;
    let lossless = codec.id() == Id::FFV1;
    let pixel = if lossless { Pixel::BGRZ } else { Pixel::YUV420P };
    let even = |v: u32| if lossless { v } else { v + v % 2 };
    let (w, h) = (even(settings.width), even(settings.height));
    let mut context = ff::codec::Context::new_with_codec(codec);
    if global {
        context.set_flags(ff::codec::Flags::GLOBAL_HEADER);
    }
    let fail = |e: ff::Error| (e.to_string().to_lowercase(), "Try another format or size.");
    let mut video = context.encoder().video().map_err(fail)?;
    video.set_width(w);
    video.set_height(h);
    video.set_format(pixel);
    video.set_time_base((settings.time_base.num(), settings.time_base.den()));
    video.set_frame_rate(Some(rate_fraction(settings.frame_rate)));
    video.set_gop(settings.gop.max(1));
    if !lossless {
        use ff::color::{Primaries, Range, Space, TransferCharacteristic};
        let hd = is_hd(w, h);
        video.set_colorspace(if hd { Space::BT709 } else { Space::SMPTE170M });
        video.set_color_primaries(if hd { Primaries::BT709 } else { Primaries::SMPTE170M });
        video.set_color_transfer_characteristic(TransferCharacteristic::BT709);
        video.set_color_range(Range::MPEG);
    }
    let quality = f64::from(settings.quality.min(100)) / 100.0;
    let crf = format!("{:.0}", 40.0 - 28.0 * quality);
    let mut options = ff::Dictionary::new();
    match codec.name() {
        "libx264" => {
            if settings.slow_and_small {
                options.set("preset", "slow");
                options.set("tune", "animation");
            } else {
                options.set("preset", "veryfast");
            }
            options.set("crf", &crf);
        }
        "libvpx-vp9" => {
            options.set("crf", &crf);
            options.set("b", "0");
            options.set("deadline", "realtime");
            options.set("cpu-used", "8");
        }
        "mpeg4" => {
            let scale = (31.0 - 29.0 * quality).round() as i32;
            // SAFETY: the context is not open yet, so its settings may be written.
            unsafe {
                let c = &mut *video.as_mut_ptr();
                c.flags |= ffi::AV_CODEC_FLAG_QSCALE as i32;
                c.global_quality = scale * ffi::FF_QP2LAMBDA;
            }
        }
        _ => {}
    }
    let encoder = video.open_as_with(codec, options).map_err(fail)?;
    Ok((encoder, pixel))
}

impl AudioTrack {
    fn open(settings: AudioSettings, format: &str, global: bool) -> Result<Self, Refusal> {
        let AudioSettings { rate, channels, codec } = settings;
        if !matches!(channels, 1 | 2) || rate == 0 || rate > 192_000 {
            let cause = format!("{channels} channel(s) at {rate} Hz cannot be written");
            return Err((cause, "Choose 1 or 2 channels at up to 192000 Hz."));
        }
        let opus = || ff::encoder::find_by_name("libopus");
        let codec = match codec {
            AudioCodec::Auto if format == "webm" => opus(),
            AudioCodec::Auto | AudioCodec::Aac => ff::encoder::find(Id::AAC),
            AudioCodec::Opus => opus(),
            AudioCodec::Pcm16 => ff::encoder::find(Id::PCM_S16LE),
            AudioCodec::PcmF32 => ff::encoder::find(Id::PCM_F32LE),
        };
        let codec = codec.ok_or_else(|| {
            let cause = format!("this FFmpeg cannot write {:?} sound", settings.codec);
            (cause, "Install a complete FFmpeg or choose another format.")
        })?;
        let sample = match codec.id() {
            Id::PCM_S16LE => Sample::I16(Packing::Packed),
            Id::AAC => Sample::F32(Packing::Planar),
            _ => Sample::F32(Packing::Packed),
        };
        let layout = ff::ChannelLayout::default(i32::from(channels));
        let mut context = ff::codec::Context::new_with_codec(codec);
        if global {
            context.set_flags(ff::codec::Flags::GLOBAL_HEADER);
        }
        let fail = |e: ff::Error| (e.to_string().to_lowercase(), "Try another rate or format.");
        let mut audio = context.encoder().audio().map_err(fail)?;
        audio.set_rate(rate as i32);
        audio.set_format(sample);
        audio.set_channel_layout(layout);
        audio.set_time_base((1, rate as i32));
        audio.set_bit_rate(96_000 * usize::from(channels));
        let encoder = audio.open_as(codec).map_err(fail)?;
        let block = match encoder.frame_size() {
            0 => 1024,
            n => n as usize,
        };
        Ok(Self {
            encoder,
            layout,
            channels: usize::from(channels),
            rate,
            block,
            waiting: Vec::new(),
            written: 0,
        })
    }

    /// Takes `n` waiting samples per channel as a frame.
    fn frame(&mut self, n: usize) -> Result<ff::frame::Audio, String> {
        let ch = self.channels;
        let format = self.encoder.0.format();
        let mut frame = ff::frame::Audio::new(format, n, self.layout);
        if frame.planes() == 0 {
            return Err("sound does not fit into memory".into());
        }
        frame.set_rate(self.rate);
        frame.set_pts(Some(self.written));
        let samples: Vec<f32> = self.waiting.drain(..n * ch).collect();
        match format {
            Sample::F32(Packing::Planar) => {
                for c in 0..ch {
                    let plane = frame.plane_mut::<f32>(c);
                    for (o, v) in plane.iter_mut().zip(samples.iter().skip(c).step_by(ch)) {
                        *o = *v;
                    }
                }
            }
            Sample::I16(_) => {
                for (o, v) in packed_mut(&mut frame, 2, n * ch).chunks_exact_mut(2).zip(&samples) {
                    let v = (f64::from(*v) * 32768.0).round_ties_even().clamp(-32768.0, 32767.0);
                    o.copy_from_slice(&(v as i16).to_ne_bytes());
                }
            }
            _ => {
                for (o, v) in packed_mut(&mut frame, 4, n * ch).chunks_exact_mut(4).zip(&samples) {
                    o.copy_from_slice(&v.to_ne_bytes());
                }
            }
        }
        self.written += n as i64;
        Ok(frame)
    }
}

/// The bytes of a packed sound frame of `count` samples of `size` bytes.
fn packed_mut(frame: &mut ff::frame::Audio, size: usize, count: usize) -> &mut [u8] {
    let data = frame.data_mut(0);
    let n = (size * count).min(data.len());
    &mut data[..n]
}
