//! Opening a source: one pass over its packets gives the facts and the presentation index.

use std::collections::VecDeque;
use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use ff::ffi;
use ff::media::Type;
use ffmpeg_next as ff;

use super::convert::{Converter, FrameFacts};
use super::demux::{Demuxer, is_still_codec};
use super::error::{MediaError, MediaWarning, shown};
use super::frames::{VideoDecoder, stream_traits};
use super::index::{KeyPoint, Numbering, PresentationIndex};
use super::info::{AudioInfo, MediaInfo, VideoInfo};
use super::passes::{TrackPass, VideoPass};
use super::source::{CancelToken, MediaSource};
use crate::units::{MediaTime, Pts, TimeBase};

/// Longest time that decoding a broken file for its index may take.
const MAX_DECODE_SCAN: Duration = Duration::from_secs(60);
/// Frames that are decoded at open to check the index against the decoder.
const CHECKED_FRAMES: usize = 4;
/// Clips that stay known, so that further readers on the same file start at once.
const REMEMBERED: usize = 8;
/// Sound that starts earlier than the picture by more than this moves the clip's start.
const EARLY_SOUND: MediaTime = MediaTime::from_millis(5);
/// Length of a frame when nothing in the file says it.
const DEFAULT_FRAME: MediaTime = MediaTime::from_millis(40);

/// An opened source: what it holds and which frame is when. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clip {
    info: Arc<MediaInfo>,
    index: Option<Arc<PresentationIndex>>,
    tracks: Arc<Vec<TrackTiming>>,
    audio_zero: MediaTime,
}

/// What `AudioReader` needs to place packets.
#[derive(Clone, Debug)]
pub(super) struct TrackTiming {
    pub stream: usize,
    /// Time stamp of the first packet, in ticks of `time_base`.
    pub first_pts: Option<i64>,
    pub time_base: TimeBase,
    /// Samples per packet where all packets hold the same number, else 0.
    pub frame_size: u32,
    /// Samples per packet by the packets' durations, where those are all equal, else 0; rounded
    /// like all times of the container.
    pub packet_samples: u32,
    /// Samples that the decoder drops from the first packet (encoder delay).
    pub skip: u32,
}

impl Clip {
    /// Opens a source and indexes it; a source that was opened before and has not changed on the
    /// disk since comes from memory.
    ///
    /// Errors: the file cannot be read or holds neither picture nor sound; cancelled.
    pub fn open(source: &MediaSource, cancel: &CancelToken) -> Result<Self, MediaError> {
        match source {
            MediaSource::File(path) => {
                let facts = file_facts(path, cancel)?;
                Ok(compose(source, &facts, None))
            }
            MediaSource::Pair { picture, audio } => {
                let p = file_facts(picture, cancel)?;
                let a = file_facts(audio, cancel)?;
                if p.video.is_none() {
                    return Err(MediaError::NoVideo { file: shown(picture) });
                }
                if a.audio.is_empty() {
                    return Err(MediaError::NoAudio { file: shown(audio) });
                }
                Ok(compose(source, &p, Some(&a)))
            }
        }
    }

    /// What the source holds.
    pub fn info(&self) -> &Arc<MediaInfo> {
        &self.info
    }

    /// Times of all frames; `None` without picture.
    pub fn index(&self) -> Option<&Arc<PresentationIndex>> {
        self.index.as_ref()
    }

    pub(super) fn track(&self, track: usize) -> Option<&TrackTiming> {
        self.tracks.get(track)
    }

    /// Where the clip's start lies on the clock of the file that holds the sound.
    pub(super) fn audio_zero(&self) -> MediaTime {
        self.audio_zero
    }
}

/// What a source holds; see [`Clip::open`].
pub fn probe(source: &MediaSource) -> Result<MediaInfo, MediaError> {
    Clip::open(source, &CancelToken::new()).map(|c| MediaInfo::clone(&c.info))
}

/// Everything that one file holds, on its own clock.
#[derive(Debug)]
struct FileFacts {
    container: String,
    container_short: String,
    header_duration: Option<MediaTime>,
    size: u64,
    video: Option<VideoFacts>,
    audio: Vec<(AudioInfo, TrackTiming)>,
    not_played: Vec<String>,
    warnings: Vec<MediaWarning>,
}

#[derive(Debug)]
struct VideoFacts {
    info: VideoInfo,
    pts: Vec<i64>,
    keys: Vec<KeyPoint>,
    last_duration: MediaTime,
    complete: bool,
    numbering: Numbering,
}

impl VideoFacts {
    fn start(&self) -> Option<MediaTime> {
        self.pts.first().map(|p| self.info.time_base.time_from_pts(Pts(*p)))
    }

    fn end(&self) -> Option<MediaTime> {
        self.pts.last().map(|p| self.info.time_base.time_from_pts(Pts(*p)) + self.last_duration)
    }
}

/// Facts by path, size and modification time.
type Memory = VecDeque<((PathBuf, u64, Option<SystemTime>), Arc<FileFacts>)>;
static MEMORY: Mutex<Memory> = Mutex::new(VecDeque::new());

fn memory() -> MutexGuard<'static, Memory> {
    // A panic elsewhere leaves whole entries behind: the list stays usable.
    MEMORY.lock().unwrap_or_else(PoisonError::into_inner)
}

fn file_facts(path: &Path, cancel: &CancelToken) -> Result<Arc<FileFacts>, MediaError> {
    let meta = std::fs::metadata(path).map_err(|e| MediaError::from_open(path, &e))?;
    let key = (path.to_path_buf(), meta.len(), meta.modified().ok());
    if let Some((_, facts)) = memory().iter().find(|(k, _)| *k == key) {
        return Ok(facts.clone());
    }
    let facts = Arc::new(scan_file(path, cancel)?);
    let mut memory = memory();
    memory.retain(|(k, _)| k.0 != key.0);
    memory.push_back((key, facts.clone()));
    while memory.len() > REMEMBERED {
        memory.pop_front();
    }
    Ok(facts)
}

/// Puts picture and sound on one clock.
fn compose(source: &MediaSource, picture: &FileFacts, sound: Option<&FileFacts>) -> Clip {
    let audio = &sound.unwrap_or(picture).audio;
    let video_start = picture.video.as_ref().and_then(VideoFacts::start);
    let audio_start = audio.iter().filter(|(a, _)| a.end > a.start).map(|(a, _)| a.start).min();
    let (video_zero, audio_zero) = match (video_start, audio_start, sound) {
        (Some(v), a, Some(_)) => (v, a.unwrap_or_default()),
        (Some(v), Some(a), None) if v - a > EARLY_SOUND => (a, a),
        (Some(v), _, None) => (v, v),
        (None, a, _) => (a.unwrap_or_default(), a.unwrap_or_default()),
    };
    let tracks: Vec<_> = audio.iter().map(|(_, t)| t.clone()).collect();
    let audio: Vec<_> = audio
        .iter()
        .map(|(a, _)| AudioInfo {
            start: a.start - audio_zero,
            end: a.end - audio_zero,
            ..a.clone()
        })
        .collect();
    let sound_end = audio.iter().map(|a| a.end).max().unwrap_or_default();
    let video_end = picture.video.as_ref().and_then(VideoFacts::end).map(|e| e - video_zero);
    let mut warnings = picture.warnings.clone();
    let mut not_played = picture.not_played.clone();
    let mut size_bytes = picture.size;
    if let Some(s) = sound {
        warnings.extend(s.warnings.iter().cloned());
        size_bytes += s.size;
        not_played.extend(
            picture.audio.iter().map(|(a, _)| {
                format!("stream {}: sound of the picture file ({})", a.stream, a.codec)
            }),
        );
    }
    for w in &mut warnings {
        w.at = w.at.map(|t| (t - video_zero).max(MediaTime::ZERO));
    }
    let info = Arc::new(MediaInfo {
        source: source.clone(),
        container: picture.container.clone(),
        container_short: picture.container_short.clone(),
        duration: video_end.unwrap_or_default().max(sound_end).max(MediaTime::ZERO),
        header_duration: picture.header_duration,
        start: video_zero,
        size_bytes,
        video: picture.video.as_ref().map(|v| v.info.clone()),
        audio,
        not_played,
        warnings,
    });
    let index = picture.video.as_ref().map(|v| {
        // A still picture stays for as long as its sound.
        let still = v.info.still && v.pts.len() == 1;
        Arc::new(PresentationIndex {
            pts: v.pts.clone(),
            keys: v.keys.clone(),
            time_base: v.info.time_base,
            zero: video_zero,
            last_duration: if still { v.last_duration.max(sound_end) } else { v.last_duration },
            complete: v.complete,
            numbering: v.numbering,
            info: info.clone(),
        })
    });
    Clip { info, index, tracks: Arc::new(tracks), audio_zero }
}

fn scan_file(path: &Path, cancel: &CancelToken) -> Result<FileFacts, MediaError> {
    let started = Instant::now();
    let mut demux = Demuxer::open(path, cancel)?;
    let file = shown(path);
    let mut warnings = Vec::new();
    let mut not_played = Vec::new();
    let video_stream = best_video(&demux);
    let mut audio = Vec::new();
    let mut passes = Vec::new();
    for stream in demux.input.streams() {
        let kind = stream.parameters().medium();
        let codec = codec_name(&stream);
        match kind {
            Type::Audio => {
                let Some(time_base) = time_base_of(&stream) else { continue };
                let (info, timing) = audio_facts(&stream, audio.len(), time_base);
                passes.push(TrackPass::new(stream.index(), time_base, info.rate, timing.skip));
                if let Some(problem) = &info.problem {
                    warnings.push(MediaWarning::new(format!(
                        "sound track {} ({codec}) cannot be decoded: {problem}",
                        info.track
                    )));
                }
                audio.push((info, timing));
            }
            _ if Some(stream.index()) == video_stream => {}
            Type::Video if is_cover(&stream) => {
                not_played.push(format!("stream {}: cover picture ({codec})", stream.index()));
            }
            other => {
                let what = format!("{other:?}").to_lowercase();
                not_played.push(format!("stream {}: {what} ({codec})", stream.index()));
            }
        }
    }
    if video_stream.is_none() && audio.is_empty() {
        return Err(MediaError::Unrecognised {
            file,
            cause: "it holds neither picture nor sound".into(),
        });
    }
    let mut keep: Vec<usize> = passes.iter().map(|p| p.stream).collect();
    keep.extend(video_stream);
    demux.keep_only(&keep);
    let mut video_pass = VideoPass::default();
    let vp8 = video_stream.is_some_and(|v| is_vp8(&demux, v));
    while let Some(packet) = demux.next_packet()? {
        let stream = packet.stream();
        if Some(stream) == video_stream {
            video_pass.add(&packet, vp8);
            if video_pass.full {
                break;
            }
        } else if let Some(pass) = passes.iter_mut().find(|p| p.stream == stream) {
            pass.add(&packet);
        }
    }
    for ((info, timing), pass) in audio.iter_mut().zip(&passes) {
        timing.first_pts = pass.first_pts;
        timing.skip = pass.skip;
        timing.packet_samples = pass.packet_samples().unwrap_or(0);
        info.start = pass.start.unwrap_or_default();
        info.end = pass.end.unwrap_or_default().max(info.start);
    }
    let header_duration = header_duration(&demux);
    let (damaged, broke) = (demux.damaged, demux.broke.clone());
    let container = demux.input.format().description().to_string();
    let container_short = demux.input.format().name().to_string();
    let size = std::fs::metadata(path).map(|m| m.len()).unwrap_or(0);
    let video = match video_stream {
        None => None,
        Some(v) => Some(video_facts(demux, v, video_pass, &mut warnings, cancel)?),
    };
    if video.as_ref().is_some_and(|v| v.pts.is_empty())
        && audio.iter().all(|(a, _)| a.end <= a.start)
    {
        return Err(MediaError::Decode { file, cause: "no frame in it can be decoded".into() });
    }
    let video = video.filter(|v| !v.pts.is_empty());
    let mut facts = FileFacts {
        container,
        container_short,
        header_duration,
        size,
        video,
        audio,
        not_played,
        warnings,
    };
    facts.warn_about_its_end(damaged, broke.as_deref());
    tracing::debug!("indexed `{file}` in {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
    Ok(facts)
}

impl FileFacts {
    /// Says where a file ends too early, is damaged, or has parts that cannot be shown.
    fn warn_about_its_end(&mut self, damaged: u64, broke: Option<&str>) {
        let start = self.video.as_ref().and_then(VideoFacts::start);
        let sound = self.audio.iter().map(|(a, _)| a.end).max();
        let start = start.or(self.audio.iter().map(|(a, _)| a.start).min()).unwrap_or_default();
        let end = self.video.as_ref().and_then(VideoFacts::end).max(sound).unwrap_or_default();
        let length = end - start;
        if let Some(claimed) = self.header_duration {
            let slack = MediaTime::from_millis(1000).max(claimed.scaled(0.02));
            if claimed - length > slack {
                self.warnings.push(MediaWarning {
                    at: Some(end),
                    text: format!(
                        "the file ends at {length} although its header promises {claimed}; \
                         playing what is there"
                    ),
                });
            }
        }
        if damaged > 0 {
            self.warnings.push(MediaWarning::new(format!(
                "{damaged} damaged part(s) of the file were skipped"
            )));
        }
        if let Some(cause) = broke {
            self.warnings.push(MediaWarning {
                at: Some(end),
                text: format!("reading stopped before the end of the file ({cause})"),
            });
        }
    }
}

/// Checks the packet pass against the decoder and completes it.
fn video_facts(
    mut demux: Demuxer,
    stream: usize,
    pass: VideoPass,
    warnings: &mut Vec<MediaWarning>,
    cancel: &CancelToken,
) -> Result<VideoFacts, MediaError> {
    let path = demux.path.clone();
    let complete = !pass.full;
    let no_pts = pass.missing > 0 || pass.frames.is_empty();
    let last = pass.last;
    let (mut pts, mut keys) = pass.sorted();
    demux = Demuxer::open(&demux.path, cancel)?;
    demux.keep_only(&[stream]);
    let Some(s) = demux.input.stream(stream) else {
        return Err(MediaError::Decode { file: shown(&path), cause: "its streams change".into() });
    };
    let time_base = time_base_of(&s).ok_or_else(|| MediaError::Decode {
        file: shown(&path),
        cause: "its picture has no time base".into(),
    })?;
    let codec = codec_name(&s);
    let still = is_still(&demux, &s, pts.len());
    let traits = stream_traits(&s, still, true);
    let converter = Converter::new(traits);
    let mut decoder = VideoDecoder::open(&path, &s, 0, still)?;
    // The first frames as the decoder gives them.
    let mut first = Vec::new();
    let mut facts: Option<FrameFacts> = None;
    while first.len() < CHECKED_FRAMES {
        let Some(frame) = decoder.next(&mut demux, stream, None)? else { break };
        first.push(frame.pts().or(frame.timestamp()));
        facts.get_or_insert_with(|| converter.facts(&frame));
    }
    let Some(facts) = facts else {
        if !pts.is_empty() {
            warnings.push(MediaWarning::new(format!(
                "no frame of its picture ({codec}) can be decoded{}",
                decoder.last_error.as_ref().map(|e| format!(": {e}")).unwrap_or_default()
            )));
        }
        return Ok(VideoFacts::empty(stream, codec, time_base));
    };
    let mut numbering = Numbering::ByPts;
    let mut complete = complete;
    let mut last_ticks = last.map(|l| l.1).unwrap_or(0);
    // Frames before the first one that the decoder gives (cut off their key frame) do not exist.
    if let (false, Some(Some(p))) = (no_pts, first.first()) {
        let lead = pts.partition_point(|x| x < p);
        if lead > 0 && lead < pts.len() {
            pts.drain(..lead);
            keys.retain(|k| k.frame as usize >= lead);
            for k in &mut keys {
                k.frame -= lead as u32;
            }
            warnings.push(MediaWarning::new(format!(
                "the file starts in the middle of a scene: {lead} frame(s) before its first key \
                 frame cannot be shown"
            )));
        }
    }
    let agrees = first.iter().zip(&pts).all(|(f, p)| *f == Some(*p)) && first.len() <= pts.len();
    if pts.len() == 1 && first.len() == 1 {
        numbering = Numbering::Counted;
        if no_pts {
            pts = vec![first.first().copied().flatten().unwrap_or(0)];
        }
        keys = vec![KeyPoint { frame: 0, pts: pts[0], dts: None, pos: -1, presented: true }];
    } else if no_pts || !agrees || keys.first().is_none_or(|k| k.frame > 0) {
        let scan = decode_scan(&path, stream, still, time_base, cancel)?;
        complete &= scan.complete;
        warnings.push(MediaWarning::new(format!(
            "its time stamps are incomplete, so the {} frames were found by decoding it{}",
            scan.pts.len(),
            if scan.complete { "" } else { " (only its beginning: it would take too long)" }
        )));
        (pts, keys, numbering) = (scan.pts, scan.keys, scan.numbering);
        last_ticks = 0;
    }
    if let Some(name) = facts.unsupported_matrix {
        warnings.push(MediaWarning::new(format!(
            "its colours are coded as {name}, which is shown as BT.709: they look wrong"
        )));
    }
    if facts.width.max(facts.height) > super::convert::MAX_SIDE {
        warnings.push(MediaWarning::new(format!(
            "its picture of {}x{} is shown reduced to {} pixels per side",
            facts.width,
            facts.height,
            super::convert::MAX_SIDE
        )));
    }
    Ok(VideoFacts::new(stream, codec, time_base, still, &facts, pts, keys, last_ticks, complete)
        .with(numbering))
}

impl VideoFacts {
    fn with(mut self, numbering: Numbering) -> Self {
        self.numbering = numbering;
        self
    }

    fn empty(stream: usize, codec: String, time_base: TimeBase) -> Self {
        let facts = FrameFacts {
            pixel_format: "unknown".into(),
            bits: 8,
            alpha: false,
            color: crate::units::ColorSpec::default(),
            color_guessed: false,
            unsupported_matrix: None,
            orientation: crate::units::Orientation::default(),
            pixel_aspect: 1.0,
            width: 0,
            height: 0,
        };
        Self::new(stream, codec, time_base, false, &facts, vec![], vec![], 0, true)
    }

    #[allow(clippy::too_many_arguments)]
    fn new(
        stream: usize,
        codec: String,
        time_base: TimeBase,
        still: bool,
        facts: &FrameFacts,
        pts: Vec<i64>,
        keys: Vec<KeyPoint>,
        last_ticks: i64,
        complete: bool,
    ) -> Self {
        let time = |p: i64| time_base.time_from_pts(Pts(p));
        let n = pts.len();
        let span = match (pts.first(), pts.last()) {
            (Some(a), Some(b)) => time(*b) - time(*a),
            _ => MediaTime::ZERO,
        };
        let mean = if n > 1 { span.scaled(1.0 / (n - 1) as f64) } else { DEFAULT_FRAME };
        let said = pts.last().map(|p| time(p.saturating_add(last_ticks)) - time(*p));
        let limit = mean.scaled(10.0).max(MediaTime::from_millis(10_000));
        let last_duration = match said {
            Some(d) if d > MediaTime::ZERO && d <= limit => d,
            _ => mean,
        };
        let gaps = || pts.windows(2).map(|w| w[1].saturating_sub(w[0]));
        let (shortest, longest) = (gaps().min().unwrap_or(0), gaps().max().unwrap_or(0));
        // Rounding of time stamps to ticks makes neighbours differ by one tick.
        let uneven = longest.saturating_sub(shortest);
        let mean_ticks = gaps().sum::<i64>() as f64 / n.saturating_sub(1).max(1) as f64;
        let info = VideoInfo {
            stream,
            codec,
            width: facts.width,
            height: facts.height,
            pixel_format: facts.pixel_format.clone(),
            bits: facts.bits,
            alpha: facts.alpha,
            color: facts.color,
            color_guessed: facts.color_guessed,
            orientation: facts.orientation,
            pixel_aspect: facts.pixel_aspect,
            frame_rate: if n > 1 && span > MediaTime::ZERO {
                (n - 1) as f64 / span.as_secs_f64()
            } else {
                0.0
            },
            variable_rate: uneven > 2 && uneven as f64 > 0.02 * mean_ticks,
            frames: u32::try_from(n).unwrap_or(u32::MAX),
            key_frames: keys.iter().filter(|k| k.presented).count() as u32,
            time_base,
            still,
        };
        Self { info, pts, keys, last_duration, complete, numbering: Numbering::ByPts }
    }
}

struct DecodeScan {
    pts: Vec<i64>,
    keys: Vec<KeyPoint>,
    numbering: Numbering,
    complete: bool,
}

/// Finds the frames of a file whose packets do not tell them, by decoding all of it.
fn decode_scan(
    path: &Path,
    stream: usize,
    still: bool,
    time_base: TimeBase,
    cancel: &CancelToken,
) -> Result<DecodeScan, MediaError> {
    let started = Instant::now();
    let mut demux = Demuxer::open(path, cancel)?;
    demux.keep_only(&[stream]);
    let Some(s) = demux.input.stream(stream) else {
        return Err(MediaError::Decode { file: shown(path), cause: "its streams change".into() });
    };
    let rate = s.avg_frame_rate();
    let tick = if rate.numerator() > 0 && rate.denominator() > 0 {
        let secs = f64::from(rate.denominator()) / f64::from(rate.numerator());
        time_base.pts_floor(MediaTime::from_secs_f64(secs + 1e-9)).0.max(1)
    } else {
        time_base.pts_floor(DEFAULT_FRAME).0.max(1)
    };
    let mut decoder = VideoDecoder::open(path, &s, 0, still)?;
    decoder.record_keys();
    let mut own = Vec::new();
    let mut best = Vec::new();
    let mut key_frames = Vec::new();
    let mut complete = true;
    while let Some(frame) = decoder.next(&mut demux, stream, None)? {
        if frame.is_key() {
            key_frames.push(best.len() as u32);
        }
        own.push(frame.pts());
        best.push(frame.timestamp());
        if started.elapsed() > MAX_DECODE_SCAN || best.len() >= super::passes::MAX_FRAMES {
            complete = false;
            break;
        }
    }
    let rising = own.windows(2).all(|w| matches!((w[0], w[1]), (Some(a), Some(b)) if a <= b));
    let by_pts = rising && own.iter().all(Option::is_some);
    let mut pts: Vec<i64> = Vec::with_capacity(best.len());
    for (own, best) in own.iter().zip(&best) {
        let guess = if by_pts { *own } else { *best };
        let next = pts.last().map(|p| p.saturating_add(tick));
        pts.push(match (guess, next) {
            (Some(g), _) if by_pts => g,
            (Some(g), Some(n)) if g > n - tick => g,
            (Some(g), None) => g,
            (_, n) => n.unwrap_or(0),
        });
    }
    // Key packets and key frames come in the same order; where their numbers differ (some did
    // not decode) only the start of the file is a safe place to decode from.
    let packets = decoder.recorded_keys();
    let mut keys = Vec::new();
    if packets.len() == key_frames.len() {
        for (frame, (dts, pos)) in key_frames.iter().zip(packets) {
            let p = pts.get(*frame as usize).copied().unwrap_or(0);
            keys.push(KeyPoint { frame: *frame, pts: p, dts, pos, presented: true });
        }
    }
    if keys.first().is_none_or(|k| k.frame > 0) && !pts.is_empty() {
        let start = KeyPoint { frame: 0, pts: pts[0], dts: None, pos: -1, presented: true };
        keys.insert(0, start);
    }
    let numbering = if by_pts { Numbering::ByPts } else { Numbering::Counted };
    Ok(DecodeScan { pts, keys, numbering, complete })
}

/// The picture stream to play: FFmpeg's choice, but never a cover picture.
fn best_video(demux: &Demuxer) -> Option<usize> {
    let playable = |s: &ff::Stream<'_>| {
        s.parameters().medium() == Type::Video && !is_cover(s) && time_base_of(s).is_some()
    };
    let best = demux.input.streams().best(Type::Video).filter(playable);
    best.or_else(|| demux.input.streams().find(playable)).map(|s| s.index())
}

fn is_cover(stream: &ff::Stream<'_>) -> bool {
    // SAFETY: the stream is valid; the field is plain data.
    unsafe { (*stream.as_ptr()).disposition & ffi::AV_DISPOSITION_ATTACHED_PIC != 0 }
}

/// A picture file: one frame of a picture codec in one of FFmpeg's picture formats.
fn is_still(demux: &Demuxer, stream: &ff::Stream<'_>, frames: usize) -> bool {
    let format = demux.input.format().name().to_string();
    let picture_format = format.ends_with("_pipe") || format.contains("image2");
    // SAFETY: the stream and its parameters are valid.
    let codec = unsafe { (*(*stream.as_ptr()).codecpar).codec_id };
    frames <= 1 && (picture_format || format == "webp") && is_still_codec(codec)
}

fn is_vp8(demux: &Demuxer, stream: usize) -> bool {
    demux.input.stream(stream).is_some_and(|s| s.parameters().id() == ff::codec::Id::VP8)
}

fn time_base_of(stream: &ff::Stream<'_>) -> Option<TimeBase> {
    let r = stream.time_base();
    TimeBase::new(r.numerator(), r.denominator())
}

/// FFmpeg's name of a stream's codec.
fn codec_name(stream: &ff::Stream<'_>) -> String {
    // SAFETY: parameters are valid; the name is a static C string.
    unsafe {
        let id = (*(*stream.as_ptr()).codecpar).codec_id;
        CStr::from_ptr(ffi::avcodec_get_name(id)).to_string_lossy().into_owned()
    }
}

/// A tag of a stream; bytes that are no UTF-8 are replaced.
pub(super) fn tag(stream: &ff::Stream<'_>, key: &CStr) -> Option<String> {
    // SAFETY: the dictionary belongs to the stream; values are C strings owned by it.
    unsafe {
        let entry =
            ffi::av_dict_get((*stream.as_ptr()).metadata, key.as_ptr(), std::ptr::null(), 0);
        let entry = entry.as_ref()?;
        let text = CStr::from_ptr(entry.value).to_string_lossy().trim().to_string();
        (!text.is_empty()).then_some(text)
    }
}

fn header_duration(demux: &Demuxer) -> Option<MediaTime> {
    let us = demux.input.duration();
    (us > 0).then(|| MediaTime::from_nanos(us.saturating_mul(1000)))
}

/// Facts about a sound track that need no packets.
fn audio_facts(
    stream: &ff::Stream<'_>,
    track: usize,
    time_base: TimeBase,
) -> (AudioInfo, TrackTiming) {
    // SAFETY: the stream and its parameters are valid; plain data is read.
    let (disposition, rate, frame_size, delay) = unsafe {
        let s = &*stream.as_ptr();
        let p = &*s.codecpar;
        // Opus decoders drop the delay that the stream's own header states; for other codecs the
        // packets say it.
        let opus = p.codec_id == ffi::AVCodecID::AV_CODEC_ID_OPUS;
        (s.disposition, p.sample_rate, p.frame_size, if opus { p.initial_padding } else { 0 })
    };
    let decoder = super::sound::open_decoder(stream);
    let (rate, channels, problem) = match &decoder {
        Ok(d) => (d.rate().max(rate.max(0).unsigned_abs()), d.channels(), None),
        Err(e) => (rate.max(0).unsigned_abs(), 0, Some(e.clone())),
    };
    let problem = problem.or((rate == 0).then(|| "it has no sample rate".to_string()));
    let info = AudioInfo {
        stream: stream.index(),
        track,
        codec: codec_name(stream),
        rate,
        channels,
        language: tag(stream, c"language").filter(|l| l != "und"),
        title: tag(stream, c"title"),
        default: disposition & ffi::AV_DISPOSITION_DEFAULT != 0,
        decodable: problem.is_none(),
        problem,
        start: MediaTime::ZERO,
        end: MediaTime::ZERO,
    };
    let timing = TrackTiming {
        stream: stream.index(),
        first_pts: None,
        time_base,
        frame_size: frame_size.max(0).unsigned_abs(),
        packet_samples: 0,
        skip: delay.max(0).unsigned_abs(),
    };
    (info, timing)
}
