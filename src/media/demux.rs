//! One open file: bounded, cancellable, never more than the file itself.
//!
//! FFmpeg reads through a Rust `File`, so any path the system can open works (spaces, quotes,
//! bytes that are no UTF-8, names that look like URLs or patterns) and nothing but that file is
//! ever read: no network, no references to other files.

use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::ptr;

use ff::ffi;
use ff::format::context::{Input, StreamIo};
use ffmpeg_next as ff;

use super::error::{MediaError, io_cause, shown};
use super::source::CancelToken;

/// Buffer between the file and FFmpeg, in bytes.
const IO_BUFFER: usize = 64 * 1024;
/// Largest video picture, in pixels: above 8K, below what a hostile header could exhaust memory
/// with (a decoder may hold 16 of them).
pub(super) const MAX_VIDEO_PIXELS: i64 = 1 << 26;
/// Largest still picture, in pixels (16384 x 16384).
pub(super) const MAX_STILL_PIXELS: i64 = 1 << 28;
/// Damaged packets in a row after which the rest of a file is given up.
const MAX_BAD_READS: u32 = 4096;

/// Formats that are refused: lists that point at other files or the network, and text or raw
/// bytes that FFmpeg would "play" just because of a name.
const REFUSED: &[(&str, &str)] = &[
    ("hls", "a playlist"),
    ("applehttp", "a playlist"),
    ("concat", "a list of files"),
    ("dash", "a playlist"),
    ("imf", "a playlist"),
    ("sdp", "a network description"),
    ("rtsp", "a network stream"),
    ("tty", "text"),
    ("bin", "text"),
    ("xbin", "text"),
    ("adf", "text"),
    ("idf", "text"),
    ("rawvideo", "raw video without a header"),
    ("lavfi", "a filter description"),
];

/// A `File` whose reads fail once the token is raised, which ends any of FFmpeg's loops.
struct CancelFile {
    file: File,
    cancel: CancelToken,
}

impl Read for CancelFile {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(std::io::Error::other("cancelled"));
        }
        self.file.read(buf)
    }
}

impl Seek for CancelFile {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.file.seek(to)
    }
}

/// An open file that gives packets.
pub(super) struct Demuxer {
    pub input: Input,
    pub path: PathBuf,
    cancel: CancelToken,
    /// Damaged packets seen so far.
    pub damaged: u64,
    /// Why reading ended before the end of the file, if it did.
    pub broke: Option<String>,
    /// A packet that was looked at and is still to be given.
    pending: Option<ff::Packet>,
}

impl Demuxer {
    /// Opens `path` and reads its header.
    pub fn open(path: &Path, cancel: &CancelToken) -> Result<Self, MediaError> {
        super::init_ffmpeg();
        let meta = std::fs::metadata(path).map_err(|e| MediaError::from_open(path, &e))?;
        let file = shown(path);
        if meta.is_dir() {
            return Err(MediaError::Directory { file });
        }
        if !meta.is_file() {
            return Err(MediaError::NotAFile { file });
        }
        if meta.len() == 0 {
            return Err(MediaError::Empty { file });
        }
        let handle = File::open(path).map_err(|e| MediaError::from_open(path, &e))?;
        let reader = CancelFile { file: handle, cancel: cancel.clone() };
        let io = StreamIo::from_read_seek_with_capacity(reader, IO_BUFFER)
            .map_err(|e| MediaError::Unrecognised { file: file.clone(), cause: e.to_string() })?;
        let input = open_input(io, path).map_err(|e| {
            if cancel.is_cancelled() {
                MediaError::Cancelled { file: file.clone() }
            } else {
                MediaError::Unrecognised { file: file.clone(), cause: open_cause(e) }
            }
        })?;
        let name = input.format().name().to_string();
        let refused = REFUSED.iter().find(|(n, _)| name.split(',').any(|part| part == *n));
        if let Some((_, kind)) = refused {
            return Err(MediaError::Refused {
                file,
                kind: (*kind).into(),
                remedy: "Open the video or sound file itself.".into(),
            });
        }
        Ok(Self {
            input,
            path: path.into(),
            cancel: cancel.clone(),
            damaged: 0,
            broke: None,
            pending: None,
        })
    }

    /// Reads only the packets of `streams` from now on.
    pub fn keep_only(&mut self, streams: &[usize]) {
        for i in 0..self.input.nb_streams() as usize {
            let discard = if streams.contains(&i) {
                ffi::AVDiscard::AVDISCARD_DEFAULT
            } else {
                ffi::AVDiscard::AVDISCARD_ALL
            };
            // SAFETY: `i` is below `nb_streams`, so the stream pointer is valid; `discard` is a
            // plain field that the caller may set.
            unsafe { (**(*self.input.as_mut_ptr()).streams.add(i)).discard = discard };
        }
    }

    /// The next packet of any kept stream; `None` at the end, also where the file breaks off
    /// (`broke` and `damaged` tell). Packets without data are left out.
    pub fn next_packet(&mut self) -> Result<Option<ff::Packet>, MediaError> {
        if let Some(packet) = self.pending.take() {
            return Ok(Some(packet));
        }
        let mut bad = 0;
        loop {
            if self.cancel.is_cancelled() {
                return Err(self.cancelled());
            }
            let mut packet = ff::Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) if packet.size() == 0 => bad += 1,
                Ok(()) => return Ok(Some(packet)),
                Err(ff::Error::Eof) => return Ok(None),
                Err(ff::Error::InvalidData) => {
                    self.damaged += 1;
                    bad += 1;
                }
                Err(e) => {
                    if self.cancel.is_cancelled() {
                        return Err(self.cancelled());
                    }
                    self.broke.get_or_insert_with(|| e.to_string());
                    return Ok(None);
                }
            }
            if bad > MAX_BAD_READS {
                self.broke.get_or_insert_with(|| "too many damaged packets in a row".into());
                return Ok(None);
            }
        }
    }

    /// Jumps so that the next packet of `stream` is the last key packet that the container's
    /// table has at or before `ts` (in the stream's time base). False when it cannot.
    pub fn seek(&mut self, stream: usize, ts: i64) -> bool {
        self.broke = None;
        self.pending = None;
        let Ok(index) = i32::try_from(stream) else { return false };
        // SAFETY: the context is open; FFmpeg checks the stream number and the range.
        let r =
            unsafe { ffi::avformat_seek_file(self.input.as_mut_ptr(), index, i64::MIN, ts, ts, 0) };
        r >= 0
    }

    /// Looks at the next packet of `stream` without taking it; packets of others are dropped.
    pub fn peek(&mut self, stream: usize) -> Result<Option<&ff::Packet>, MediaError> {
        while self.pending.as_ref().is_none_or(|p| p.stream() != stream) {
            self.pending = None;
            match self.next_packet()? {
                Some(p) => self.pending = Some(p),
                None => return Ok(None),
            }
        }
        Ok(self.pending.as_ref())
    }

    /// Opens the file again, at its start: the one jump that always works.
    pub fn reopen(&mut self, streams: &[usize]) -> Result<(), MediaError> {
        let damaged = self.damaged;
        *self = Self::open(&self.path, &self.cancel)?;
        self.damaged = damaged;
        self.keep_only(streams);
        Ok(())
    }

    /// Whose raising stops the reading of packets from now on.
    pub fn set_cancel(&mut self, cancel: CancelToken) {
        self.cancel = cancel;
    }

    fn cancelled(&self) -> MediaError {
        MediaError::Cancelled { file: shown(&self.path) }
    }
}

/// `avformat_open_input` and `avformat_find_stream_info` with our limits.
fn open_input(mut io: StreamIo, path: &Path) -> Result<Input, ff::Error> {
    // Only the ending is given away: the demuxers that know no signature look at it.
    let ending = path.extension().map(|e| e.to_string_lossy().into_owned()).unwrap_or_default();
    let hint = CString::new(format!("clip.{ending}")).unwrap_or_default();
    let options: ff::Dictionary<'_> = [
        // No demuxer may open anything but the file that it was given.
        ("protocol_whitelist", "none"),
        ("max_streams", "200"),
    ]
    .into_iter()
    .collect();
    // SAFETY: the context is allocated, given our I/O (which outlives it: `Input` owns both) and
    // handed to `Input` or closed on every path; on failure `avformat_open_input` frees it
    // itself, and never touches custom I/O.
    unsafe {
        let mut ctx = ffi::avformat_alloc_context();
        if ctx.is_null() {
            return Err(ff::Error::Other { errno: ff::error::ENOMEM });
        }
        (*ctx).pb = io.as_mut_ptr();
        (*ctx).flags |= ffi::AVFMT_FLAG_CUSTOM_IO;
        let mut dict = options.disown();
        let r = ffi::avformat_open_input(&mut ctx, hint.as_ptr(), ptr::null_mut(), &mut dict);
        drop(ff::Dictionary::own(dict));
        if r < 0 {
            return Err(ff::Error::from(r));
        }
        let mut input = Input::wrap_with_custom_io(ctx, io);
        find_stream_info(&mut input)?;
        Ok(input)
    }
}

/// Fills in what the header leaves open, decoding a little with our limits on picture size.
fn find_stream_info(input: &mut Input) -> Result<(), ff::Error> {
    // SAFETY: one dictionary per stream that exists now, as FFmpeg wants it; all are freed after.
    unsafe {
        let ctx = input.as_mut_ptr();
        let n = (*ctx).nb_streams as usize;
        let mut per_stream: Vec<*mut ffi::AVDictionary> = Vec::with_capacity(n);
        for i in 0..n {
            let codec = (*(**(*ctx).streams.add(i)).codecpar).codec_id;
            let pixels = max_pixels(codec).to_string();
            let dict: ff::Dictionary<'_> = [("max_pixels", pixels.as_str())].into_iter().collect();
            per_stream.push(dict.disown());
        }
        let options = if n == 0 { ptr::null_mut() } else { per_stream.as_mut_ptr() };
        let r = ffi::avformat_find_stream_info(ctx, options);
        for dict in per_stream {
            drop(ff::Dictionary::own(dict));
        }
        if r < 0 { Err(ff::Error::from(r)) } else { Ok(()) }
    }
}

/// The pixel limit for a codec: still pictures may be larger.
pub(super) fn max_pixels(codec: ffi::AVCodecID) -> i64 {
    if is_still_codec(codec) { MAX_STILL_PIXELS } else { MAX_VIDEO_PIXELS }
}

/// Codecs of picture files.
pub(super) fn is_still_codec(codec: ffi::AVCodecID) -> bool {
    use ffi::AVCodecID::*;
    matches!(
        codec,
        AV_CODEC_ID_MJPEG
            | AV_CODEC_ID_PNG
            | AV_CODEC_ID_BMP
            | AV_CODEC_ID_TIFF
            | AV_CODEC_ID_WEBP
            | AV_CODEC_ID_TARGA
            | AV_CODEC_ID_PPM
            | AV_CODEC_ID_PGM
            | AV_CODEC_ID_PAM
            | AV_CODEC_ID_JPEG2000
            | AV_CODEC_ID_JPEGLS
            | AV_CODEC_ID_PSD
            | AV_CODEC_ID_EXR
    )
}

/// FFmpeg's word for why a file did not open, in ours.
fn open_cause(e: ff::Error) -> String {
    match e {
        ff::Error::InvalidData => "its content is not that of a known format".into(),
        ff::Error::Eof => "the file ends before its header does".into(),
        ff::Error::Other { errno } => io_cause(&std::io::Error::from_raw_os_error(errno)),
        other => other.to_string().to_lowercase(),
    }
}
