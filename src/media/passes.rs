//! What one pass over the packets of a file collects.

use ff::ffi;
use ff::packet::Ref as _;
use ffmpeg_next as ff;

use super::index::KeyPoint;
use crate::units::{MediaTime, Pts, TimeBase};

/// Frames that an index may hold (19 days at 30 per second).
pub(super) const MAX_FRAMES: usize = 50_000_000;

/// What the packet pass collects about one sound track.
#[derive(Debug)]
pub(super) struct TrackPass {
    pub stream: usize,
    time_base: TimeBase,
    pub first_pts: Option<i64>,
    pub start: Option<MediaTime>,
    pub end: Option<MediaTime>,
    rate: u32,
    /// Samples dropped from the first packet.
    pub skip: u32,
    /// Duration of all packets but the last in ticks; 0 when they differ.
    packet_ticks: Option<i64>,
    last_ticks: i64,
}

/// What it collects about the picture.
#[derive(Debug, Default)]
pub(super) struct VideoPass {
    /// Time stamp and order of each presented packet.
    pub frames: Vec<(i64, u32)>,
    keys: Vec<KeyPacket>,
    /// Duration of the packet with the greatest time stamp.
    pub last: Option<(i64, i64)>,
    /// Packets without a time stamp.
    pub missing: u64,
    /// No more fit.
    pub full: bool,
}

/// A packet at which decoding can start.
#[derive(Debug)]
struct KeyPacket {
    /// Number of presented packets before it.
    order: u32,
    pts: Option<i64>,
    dts: Option<i64>,
    pos: i64,
    presented: bool,
}

impl TrackPass {
    /// `delay`: samples that the decoder drops from the first packet on its own account.
    pub fn new(stream: usize, time_base: TimeBase, rate: u32, delay: u32) -> Self {
        Self {
            stream,
            time_base,
            first_pts: None,
            start: None,
            end: None,
            rate,
            skip: delay,
            packet_ticks: None,
            last_ticks: 0,
        }
    }
}

impl VideoPass {
    /// Takes note of a packet.
    pub fn add(&mut self, packet: &ff::Packet, vp8: bool) {
        // VP8 keeps its invisible reference pictures in packets of their own.
        if vp8 && packet.data().and_then(|d| d.first()).is_some_and(|b| b & 0x10 == 0) {
            return;
        }
        // SAFETY: the packet is valid; flags are plain data.
        let discarded = unsafe { (*packet.as_ptr()).flags } & ffi::AV_PKT_FLAG_DISCARD != 0;
        let order = u32::try_from(self.frames.len()).unwrap_or(u32::MAX);
        let (pts, dts) = (packet.pts(), packet.dts());
        if packet.is_key() {
            let pos = packet.position() as i64;
            self.keys.push(KeyPacket { order, pts, dts, pos, presented: !discarded });
        }
        if discarded {
            return;
        }
        match pts {
            None => {
                self.missing += 1;
                self.frames.push((i64::MAX, order));
            }
            Some(pts) => {
                self.frames.push((pts, order));
                if self.last.is_none_or(|(p, _)| pts >= p) {
                    self.last = Some((pts, packet.duration()));
                }
            }
        }
        self.full = self.frames.len() >= MAX_FRAMES;
    }

    /// Sorted time stamps and key points.
    pub fn sorted(mut self) -> (Vec<i64>, Vec<KeyPoint>) {
        self.frames.sort_unstable();
        let mut keys: Vec<KeyPoint> = Vec::with_capacity(self.keys.len());
        for KeyPacket { order, pts, dts, pos, presented } in self.keys {
            let Some(pts) = pts else { continue };
            let at = if presented {
                self.frames.binary_search(&(pts, order)).unwrap_or_else(|at| at)
            } else {
                self.frames.partition_point(|f| f.0 < pts)
            };
            let Ok(frame) = u32::try_from(at) else { continue };
            if at < self.frames.len() {
                keys.push(KeyPoint { frame, pts, dts, pos, presented });
            }
        }
        keys.sort_by_key(|k| (k.frame, k.pts));
        (self.frames.into_iter().map(|f| f.0).collect(), keys)
    }
}

impl TrackPass {
    /// Takes note of a packet.
    pub fn add(&mut self, packet: &ff::Packet) {
        let Some(pts) = packet.pts() else { return };
        let first = self.first_pts.is_none();
        self.first_pts.get_or_insert(pts);
        if self.last_ticks > 0 {
            let same = *self.packet_ticks.get_or_insert(self.last_ticks) == self.last_ticks;
            self.packet_ticks = Some(if same { self.last_ticks } else { 0 });
        }
        self.last_ticks = packet.duration();
        let (mut skip, mut padding) = (0, 0);
        for side in packet.side_data() {
            if side.kind() == ff::packet::side_data::Type::SkipSamples {
                let number = |at: usize| {
                    let bytes = side.data().get(at..at + 4)?.try_into().ok()?;
                    Some(u32::from_le_bytes(bytes))
                };
                skip = number(0).unwrap_or(0);
                padding = number(4).unwrap_or(0);
            }
        }
        if first {
            self.skip = self.skip.max(skip);
            skip = self.skip;
        }
        let span = |samples: u32| {
            MediaTime::from_secs_f64(f64::from(samples) / f64::from(self.rate.max(1)))
        };
        let from = self.time_base.time_from_pts(Pts(pts));
        let to = self.time_base.time_from_pts(Pts(pts.saturating_add(packet.duration().max(0))));
        let to = (to - span(padding)).max(from);
        let from = (from + span(skip)).min(to);
        if from < to {
            self.start = Some(self.start.map_or(from, |s| s.min(from)));
            self.end = Some(self.end.map_or(to, |e| e.max(to)));
        }
    }
}

impl TrackPass {
    /// Samples per packet, where all packets last equally long and that is a whole number.
    pub fn packet_samples(&self) -> Option<u32> {
        let ticks = i128::from(self.packet_ticks?);
        let (num, den) = (i128::from(self.time_base.num()), i128::from(self.time_base.den()));
        let samples = ticks * num * i128::from(self.rate);
        (samples > 0 && samples % den == 0).then(|| u32::try_from(samples / den).ok())?
    }
}
