//! Pictures of one clip by frame number: exact, blocking, in presentation order.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ff::codec::Id;
use ff::ffi;
use ffmpeg_next as ff;

use super::convert::{Converter, StreamTraits};
use super::demux::{Demuxer, max_pixels};
use super::error::{MediaError, MediaWarning, shown};
use super::index::{Numbering, PresentationIndex};
use super::info::MediaInfo;
use super::jpeg_exact;
use super::pixels::stream_orientation;
use super::scan::{Clip, tag};
use super::source::{CancelToken, MediaSource};
use crate::units::{FrameIndex, MediaTime, PlanarPicture, Pts};

/// One decoded frame.
#[derive(Clone, Debug)]
pub struct VideoFrame {
    /// Its number in the presentation index.
    pub index: FrameIndex,
    /// Its time stamp on the container's clock.
    pub pts: Pts,
    /// When it is presented, relative to the clip's start.
    pub time: MediaTime,
    /// How long it stays.
    pub duration: MediaTime,
    /// Its planes.
    pub picture: Arc<PlanarPicture>,
    /// Whether decoding can start at it.
    pub key: bool,
}

/// How to read.
#[derive(Clone, Debug, Default)]
pub struct FrameReaderOptions {
    /// FFmpeg's frame threads; 0 takes one per core, at most 8.
    pub threads: usize,
    /// Raised to stop blocking work; see also [`FrameReader::set_cancel`].
    pub cancel: CancelToken,
}

/// Largest picture that is decoded by several threads (each holds frames of its own), in pixels.
const MAX_THREADED_PIXELS: i64 = 1 << 24;
/// Errors in a row, after the end of the file, after which a decoder is given up.
const MAX_DRAIN_ERRORS: u32 = 64;
/// Warnings that one reader keeps.
const MAX_WARNINGS: usize = 32;

/// A decoder that is fed from a demuxer.
pub(super) struct VideoDecoder {
    inner: ff::decoder::Video,
    id: Id,
    ended: bool,
    drain_errors: u32,
    /// Packets or frames that did not decode.
    pub errors: u64,
    pub last_error: Option<String>,
    keys: Option<Vec<(Option<i64>, i64)>>,
}

impl VideoDecoder {
    /// Opens a software decoder for `stream`.
    pub fn open(
        path: &Path,
        stream: &ff::Stream<'_>,
        threads: usize,
        still: bool,
    ) -> Result<Self, MediaError> {
        let id = stream.parameters().id();
        let fail = |cause: String| MediaError::NoDecoder {
            file: shown(path),
            codec: format!("{id:?}").to_lowercase(),
            cause,
        };
        let mut context = ff::codec::Context::from_parameters(stream.parameters())
            .map_err(|e| fail(e.to_string()))?;
        // SAFETY: the context is not open yet, so its settings may be written; the stream's
        // parameters are valid.
        let (pixels, codec_id) = unsafe {
            let c = &mut *context.as_mut_ptr();
            c.pkt_timebase = (*stream.as_ptr()).time_base;
            let pixels = i64::from(c.width) * i64::from(c.height);
            let cores = std::thread::available_parallelism().map_or(1, |n| n.get().min(8));
            let wanted = if threads == 0 { cores } else { threads.min(64) };
            let single = still || pixels > MAX_THREADED_PIXELS;
            c.thread_count = if single { 1 } else { wanted as i32 };
            if still && id == Id::MJPEG {
                // The transform that is nearest to libjpeg's, see `jpeg.rs`.
                c.idct_algo = ffi::FF_IDCT_INT;
            }
            (max_pixels(c.codec_id), c.codec_id)
        };
        let codec =
            find_decoder(id, stream).ok_or_else(|| fail("FFmpeg was built without it".into()))?;
        tracing::trace!("decoding {codec_id:?} with {}", codec.name());
        let limit = pixels.to_string();
        let options: ff::Dictionary<'_> = [("max_pixels", limit.as_str())].into_iter().collect();
        let inner = context
            .decoder()
            .open_as_with(codec, options)
            .and_then(|o| o.video())
            .map_err(|e| fail(e.to_string()))?;
        Ok(Self {
            inner,
            id,
            ended: false,
            drain_errors: 0,
            errors: 0,
            last_error: None,
            keys: None,
        })
    }

    /// Remembers each key packet from now on.
    pub fn record_keys(&mut self) {
        self.keys = Some(Vec::new());
    }

    /// Decoding time stamp and position of each key packet since `record_keys`.
    pub fn recorded_keys(&mut self) -> Vec<(Option<i64>, i64)> {
        self.keys.take().unwrap_or_default()
    }

    /// Forgets everything, before packets of another place come.
    pub fn flush(&mut self) {
        self.inner.flush();
        self.ended = false;
        self.drain_errors = 0;
    }

    /// Whether frames that no other frame needs may be left out: where that is always safe.
    fn can_skip(&self) -> bool {
        matches!(self.id, Id::H264 | Id::MPEG4 | Id::MPEG2VIDEO)
    }

    /// The next frame in presentation order; `None` at the end. Damaged parts are counted and
    /// left out. Frames before `skip_before` that no other frame needs are left out too.
    pub fn next(
        &mut self,
        demux: &mut Demuxer,
        stream: usize,
        skip_before: Option<i64>,
    ) -> Result<Option<ff::frame::Video>, MediaError> {
        let mut frame = ff::frame::Video::empty();
        loop {
            match self.inner.receive_frame(&mut frame) {
                Ok(()) => return Ok(Some(frame)),
                Err(ff::Error::Eof) => return Ok(None),
                Err(ff::Error::Other { errno: ff::error::EAGAIN }) if !self.ended => {}
                Err(e) => {
                    self.note(e);
                    if self.ended {
                        self.drain_errors += 1;
                        if self.drain_errors > MAX_DRAIN_ERRORS {
                            return Ok(None);
                        }
                        continue;
                    }
                }
            }
            self.feed(demux, stream, skip_before)?;
        }
    }

    fn feed(
        &mut self,
        demux: &mut Demuxer,
        stream: usize,
        skip_before: Option<i64>,
    ) -> Result<(), MediaError> {
        loop {
            match demux.next_packet()? {
                None => {
                    self.end();
                    return Ok(());
                }
                Some(packet) if packet.stream() == stream => {
                    self.send(&packet, skip_before);
                    return Ok(());
                }
                Some(_) => {}
            }
        }
    }

    fn send(&mut self, packet: &ff::Packet, skip_before: Option<i64>) {
        let early = matches!((packet.pts(), skip_before), (Some(p), Some(t)) if p < t);
        let skip =
            if early && self.can_skip() { ff::Discard::NonReference } else { ff::Discard::Default };
        self.inner.skip_frame(skip);
        if let (Some(keys), true) = (&mut self.keys, packet.is_key()) {
            keys.push((packet.dts(), packet.position() as i64));
        }
        if let Err(e) = self.inner.send_packet(packet) {
            self.note(e);
        }
    }

    fn end(&mut self) {
        self.ended = true;
        if let Err(e) = self.inner.send_eof() {
            self.note(e);
        }
    }

    /// Decodes the next packet alone and what it gives at once; the decoder must be flushed
    /// after.
    fn one(
        &mut self,
        demux: &mut Demuxer,
        stream: usize,
    ) -> Result<Option<ff::frame::Video>, MediaError> {
        self.feed(demux, stream, None)?;
        if !self.ended {
            self.end();
        }
        let mut frame = ff::frame::Video::empty();
        for _ in 0..MAX_DRAIN_ERRORS {
            match self.inner.receive_frame(&mut frame) {
                Ok(()) => return Ok(Some(frame)),
                Err(ff::Error::Eof) => return Ok(None),
                Err(e) => self.note(e),
            }
        }
        Ok(None)
    }

    fn note(&mut self, e: ff::Error) {
        self.errors += 1;
        self.last_error = Some(e.to_string().to_lowercase());
    }
}

/// The decoder for a stream: FFmpeg's default, but one that really decodes in software, and one
/// that gives the alpha plane where the stream has one.
fn find_decoder(id: Id, stream: &ff::Stream<'_>) -> Option<ff::Codec> {
    let has_alpha = tag(stream, c"alpha_mode").is_some_and(|v| v == "1");
    let first: &[&str] = match id {
        Id::VP9 if has_alpha => &["libvpx-vp9"],
        Id::VP8 if has_alpha => &["libvpx"],
        // FFmpeg's own AV1 decoder only drives hardware.
        Id::AV1 => &["libdav1d", "libaom-av1", "libgav1"],
        _ => &[],
    };
    first.iter().find_map(|name| ff::decoder::find_by_name(name)).or_else(|| ff::decoder::find(id))
}

/// What a stream says about all its frames.
pub(super) fn stream_traits(
    stream: &ff::Stream<'_>,
    still: bool,
    use_frame_orientation: bool,
) -> StreamTraits {
    StreamTraits {
        orientation: stream_orientation(stream),
        // SAFETY: the stream is valid; the field is plain data.
        pixel_aspect: unsafe { (*stream.as_ptr()).sample_aspect_ratio },
        exact_jpeg: still && stream.parameters().id() == Id::MJPEG,
        use_frame_orientation,
    }
}

/// Reads frames of one clip's picture. Blocking; owned by one thread at a time.
///
/// Frame numbers come from looking the decoded frame's time stamp up in the
/// [`PresentationIndex`], never from counting (except in files without any time stamps).
pub struct FrameReader {
    index: Arc<PresentationIndex>,
    path: PathBuf,
    stream: usize,
    demux: Demuxer,
    decoder: VideoDecoder,
    converter: Converter,
    traits: StreamTraits,
    /// The last frame that came out of the decoder since it was flushed.
    last: Option<u32>,
    /// The key frame that decoding restarted at.
    restarted_at: u32,
    /// Files without time stamps: the next frame's number; `None` until the key frame comes.
    counting: Option<u32>,
    /// Where to go on after the decoder was used for a single key frame.
    resume: Option<u32>,
    /// The still JPEG of this clip, once it was decoded as libjpeg does it.
    exact: Option<Arc<PlanarPicture>>,
    /// Frames that the index has but the decoder does not give.
    lost: BTreeSet<u32>,
    warnings: Vec<MediaWarning>,
}

/// How the way to a wanted frame ended.
enum Arrival {
    Exact(ff::frame::Video),
    /// The decoder went past it: this came instead.
    Passed(ff::frame::Video, u32),
    /// The file ended before it; the last frame on the way, if any.
    Ended(Option<(ff::frame::Video, u32)>),
}

impl FrameReader {
    /// Opens the clip (indexing it unless it is known from a moment ago) at its first frame.
    ///
    /// Errors: unreadable file, no picture in it, no decoder, cancelled.
    pub fn open(source: &MediaSource, options: FrameReaderOptions) -> Result<Self, MediaError> {
        let clip = Clip::open(source, &options.cancel)?;
        let index = clip.index().cloned();
        let index =
            index.ok_or_else(|| MediaError::NoVideo { file: shown(source.picture_path()) })?;
        Self::with_index(source, index, options)
    }

    /// A further reader on a clip whose index is at hand; opens in milliseconds.
    pub fn with_index(
        source: &MediaSource,
        index: Arc<PresentationIndex>,
        options: FrameReaderOptions,
    ) -> Result<Self, MediaError> {
        let path = source.picture_path().to_path_buf();
        let video = index.info().video.as_ref();
        let video = video.ok_or_else(|| MediaError::NoVideo { file: shown(&path) })?;
        let (stream, still) = (video.stream, video.still);
        let mut demux = Demuxer::open(&path, &options.cancel)?;
        demux.keep_only(&[stream]);
        let s = demux.input.stream(stream);
        let s = s.ok_or_else(|| MediaError::NoVideo { file: shown(&path) })?;
        let decoder = VideoDecoder::open(&path, &s, options.threads, still)?;
        let traits = stream_traits(&s, still, true);
        let counted = index.numbering == Numbering::Counted;
        Ok(Self {
            index,
            path,
            stream,
            demux,
            decoder,
            converter: Converter::new(traits),
            traits,
            last: None,
            restarted_at: 0,
            counting: counted.then_some(0),
            resume: None,
            exact: None,
            lost: BTreeSet::new(),
            warnings: Vec::new(),
        })
    }

    /// What the clip holds.
    pub fn info(&self) -> &MediaInfo {
        self.index.info()
    }

    /// Times of all frames.
    pub fn index(&self) -> &Arc<PresentationIndex> {
        &self.index
    }

    /// What went wrong since the reader was opened and was played over.
    pub fn warnings(&self) -> &[MediaWarning] {
        &self.warnings
    }

    /// Whose raising stops blocking calls from now on; the reader stays usable with a fresh
    /// token after a cancelled call.
    pub fn set_cancel(&mut self, cancel: CancelToken) {
        self.demux.set_cancel(cancel);
    }

    /// Leaves a picture as it is stored, whatever its own (EXIF) tag says about turning it, as
    /// the data sets' loaders do. Turns that the container asks for stay.
    pub fn ignore_picture_orientation(&mut self) {
        self.traits.use_frame_orientation = false;
        self.converter = Converter::new(self.traits);
        self.exact = None;
    }

    /// The next frame in presentation order; `None` after the last one.
    ///
    /// Errors: cancelled. Damaged frames are left out (their numbers are skipped) and noted.
    pub fn next_frame(&mut self) -> Result<Option<VideoFrame>, MediaError> {
        if let Some(next) = self.resume {
            return self.seek(FrameIndex(next));
        }
        loop {
            let next = self.last.map_or(0, |l| l.saturating_add(1));
            let step = self.step(None);
            if step.is_err() {
                self.resume = Some(next);
            }
            let Some((frame, number)) = step? else { return Ok(None) };
            if let Some(frame) = self.finish(&frame, number) {
                return Ok(Some(frame));
            }
        }
    }

    /// Exactly that frame; the reader then stands after it. `None` past the end.
    ///
    /// A frame that cannot be decoded (damaged file) gives its nearest decodable neighbour, with
    /// the neighbour's own number, and a warning. Errors: cancelled.
    pub fn seek(&mut self, target: FrameIndex) -> Result<Option<VideoFrame>, MediaError> {
        let wanted = target.0;
        if target.get() >= self.index.len() {
            return Ok(None);
        }
        // A cancelled or failed call leaves the place undefined: the next one starts over.
        let near = self.can_go_on_to(wanted);
        self.resume = Some(wanted);
        let arrived = self.arrive(wanted, near)?;
        self.resume = None;
        match arrived {
            Arrival::Exact(frame) => match self.finish(&frame, wanted) {
                Some(frame) => Ok(Some(frame)),
                None => self.next_frame(),
            },
            Arrival::Passed(frame, number) | Arrival::Ended(Some((frame, number))) => {
                if self.lost.insert(wanted) {
                    let at = self.index.time(target);
                    self.warn(at, format!("frame {wanted} is damaged; frame {number} is shown"));
                }
                Ok(self.finish(&frame, number))
            }
            Arrival::Ended(None) => Ok(None),
        }
    }

    /// The key frame at or before a frame, at once: only that one is decoded. The next call of
    /// `next_frame` gives the frame after it. `None` past the end.
    pub fn seek_key(&mut self, target: FrameIndex) -> Result<Option<VideoFrame>, MediaError> {
        if target.get() >= self.index.len() {
            return Ok(None);
        }
        let key = self.index.key_before(target.0).unwrap_or(0);
        let Some(point) = self.index.keys.get(key).copied() else { return self.seek(target) };
        if !point.presented {
            return self.seek(FrameIndex(point.frame));
        }
        self.resume = Some(point.frame);
        self.restart_at(key)?;
        let frame = self.decoder.one(&mut self.demux, self.stream)?;
        let number = frame.as_ref().and_then(|f| self.number(f));
        self.decoder.flush();
        self.last = None;
        match (frame, number) {
            (Some(frame), Some(n)) if n == point.frame => {
                let frame = self.finish(&frame, n);
                self.last = None;
                self.resume = Some(n.saturating_add(1));
                Ok(frame)
            }
            _ => self.seek(FrameIndex(point.frame)),
        }
    }

    /// Whether plain decoding reaches `wanted` sooner than a jump would.
    fn can_go_on_to(&self, wanted: u32) -> bool {
        let key = self.index.keyframe_at_or_before(FrameIndex(wanted)).0;
        self.resume.is_none() && self.last.is_some_and(|l| l < wanted && key <= l)
    }

    /// Goes to `wanted`, starting further and further back until the decoder gives that frame.
    fn arrive(&mut self, wanted: u32, near: bool) -> Result<Arrival, MediaError> {
        let pts = self.index.pts.get(wanted as usize).copied();
        let by_pts = self.index.numbering == Numbering::ByPts;
        let skip = pts.filter(|_| by_pts && self.decoder.can_skip());
        let key = self.index.key_before(wanted).unwrap_or(0);
        let known_lost = self.lost.contains(&wanted);
        // (key point to start at, None to go on; whether to leave unneeded frames out)
        let mut ways = Vec::with_capacity(6);
        if near {
            ways.push((None, skip));
        }
        if !near || !known_lost {
            ways.push((Some(key), skip));
        }
        if !known_lost {
            if skip.is_some() {
                ways.push((Some(key), None));
            }
            ways.extend([1, 3].iter().filter(|b| key >= **b).map(|b| (Some(key - b), None)));
        }
        let mut best = Arrival::Ended(None);
        for (start, skip) in ways {
            if let Some(key) = start {
                self.restart_at(key)?;
            }
            match self.run_to(wanted, skip)? {
                exact @ Arrival::Exact(_) => return Ok(exact),
                other @ Arrival::Passed(..) => best = other,
                Arrival::Ended(frame) => {
                    if let Arrival::Ended(None) = best {
                        best = Arrival::Ended(frame);
                    }
                }
            }
        }
        Ok(best)
    }

    fn run_to(&mut self, wanted: u32, skip: Option<i64>) -> Result<Arrival, MediaError> {
        let mut before = None;
        while let Some((frame, number)) = self.step(skip)? {
            match number.cmp(&wanted) {
                std::cmp::Ordering::Less => before = Some((frame, number)),
                std::cmp::Ordering::Equal => return Ok(Arrival::Exact(frame)),
                std::cmp::Ordering::Greater => return Ok(Arrival::Passed(frame, number)),
            }
        }
        Ok(Arrival::Ended(before))
    }

    /// Flushes, and jumps to a key point or to a place before it.
    fn restart_at(&mut self, key: usize) -> Result<(), MediaError> {
        self.decoder.flush();
        self.last = None;
        let counted = self.index.numbering == Numbering::Counted;
        let point = self.index.keys.get(key).copied();
        self.restarted_at = point.map_or(0, |p| p.frame);
        self.counting = None;
        let Some(point) = point.filter(|p| p.dts.is_some() || p.pos >= 0 || !counted) else {
            return self.restart_at_the_beginning();
        };
        // Containers search by either clock: the right one lands on the very key packet.
        let mut usable = None;
        for ts in [Some(point.pts), point.dts].into_iter().flatten() {
            if !self.demux.seek(self.stream, ts) {
                continue;
            }
            let Some(packet) = self.demux.peek(self.stream)? else { continue };
            let exact = packet.dts() == point.dts
                && (packet.pts() == Some(point.pts) || counted)
                && packet.position() as i64 == point.pos;
            if exact {
                return Ok(());
            }
            let before = match (packet.dts(), point.dts) {
                (Some(a), Some(b)) => a <= b,
                _ => packet.pts().is_some_and(|p| p <= point.pts),
            };
            if before && !counted {
                let landed = packet.pts().unwrap_or(point.pts);
                usable = Some((ts, landed));
            }
        }
        match usable {
            Some((ts, landed)) if self.demux.seek(self.stream, ts) => {
                // Of frames with equal time stamps the first one comes first.
                let first = self.index.range_of(landed).start;
                self.restarted_at = u32::try_from(first).unwrap_or(0);
                Ok(())
            }
            _ => self.restart_at_the_beginning(),
        }
    }

    fn restart_at_the_beginning(&mut self) -> Result<(), MediaError> {
        self.restarted_at = 0;
        if self.index.numbering == Numbering::Counted {
            self.counting = Some(0);
        }
        self.demux.reopen(&[self.stream])
    }

    /// The next decoded frame that the index knows, with its number.
    fn step(&mut self, skip: Option<i64>) -> Result<Option<(ff::frame::Video, u32)>, MediaError> {
        while let Some(frame) = self.decoder.next(&mut self.demux, self.stream, skip)? {
            if let Some(number) = self.number(&frame) {
                self.last = Some(number);
                return Ok(Some((frame, number)));
            }
        }
        Ok(None)
    }

    fn number(&mut self, frame: &ff::frame::Video) -> Option<u32> {
        if self.index.numbering == Numbering::Counted {
            let number = match self.counting {
                Some(n) => n,
                None if frame.is_key() => self.restarted_at,
                None => return None,
            };
            self.counting = Some(number.saturating_add(1));
            return Some(number).filter(|n| (*n as usize) < self.index.len());
        }
        let pts = frame.pts().or(frame.timestamp())?;
        let range = self.index.range_of(pts);
        let first = u32::try_from(range.start).ok()?;
        let after_last = self.last.map_or(self.restarted_at, |l| l.saturating_add(1));
        match range.len() {
            0 => None,
            1 => Some(first),
            // Frames with equal time stamps come in their order.
            n => Some(after_last.clamp(first, first + n as u32 - 1)),
        }
    }

    fn finish(&mut self, frame: &ff::frame::Video, number: u32) -> Option<VideoFrame> {
        let index = FrameIndex(number);
        let picture = match self.converter.picture(frame) {
            Ok(p) if self.traits.exact_jpeg => self.like_libjpeg(p),
            Ok(p) => Arc::new(p),
            Err(cause) => {
                self.warn(self.index.time(index), format!("frame {number} is left out: {cause}"));
                return None;
            }
        };
        Some(VideoFrame {
            index,
            pts: self.index.pts(index)?,
            time: self.index.time(index)?,
            duration: self.index.duration_of(index),
            picture,
            key: self.index.is_key(index),
        })
    }

    /// The still JPEG that `decoded` came from, bit for bit as libjpeg decodes it, if it is of
    /// the usual kind; else `decoded`.
    fn like_libjpeg(&mut self, decoded: PlanarPicture) -> Arc<PlanarPicture> {
        if let Some(known) = &self.exact {
            return known.clone();
        }
        let exact = std::fs::read(&self.path).ok().and_then(|file| jpeg_exact::decode(&file));
        let fits = exact.filter(|e| (e.width, e.height) == (decoded.width, decoded.height));
        let picture = match fits {
            None => decoded,
            Some(e) => {
                let mut color = decoded.color;
                color.full_range = true;
                PlanarPicture { layout: e.layout, bits: 8, color, planes: vec![e.plane], ..decoded }
            }
        };
        self.exact.insert(Arc::new(picture)).clone()
    }

    fn warn(&mut self, at: Option<MediaTime>, text: String) {
        tracing::warn!("`{}`: {text}", self.path.display());
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(MediaWarning { at, text });
        }
    }
}
