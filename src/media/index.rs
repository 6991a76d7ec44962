//! The one table that says which frame is which: presentation times in presentation order.

use std::ops::Range;
use std::sync::Arc;

use super::info::MediaInfo;
use crate::units::{FrameIndex, MediaTime, Pts, TimeBase};

/// A place where decoding can start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyPoint {
    /// Frame number of the key frame.
    pub frame: u32,
    /// Its presentation time stamp.
    pub pts: i64,
    /// Its decoding time stamp, if the container gives one.
    pub dts: Option<i64>,
    /// Byte position of its packet, or -1.
    pub pos: i64,
    /// False for a key frame that an edit list hides: decoding starts at it, but `frame` is the
    /// first presented frame after it.
    pub presented: bool,
}

/// How decoded frames find their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbering {
    /// By looking their time stamp up.
    ByPts,
    /// The stream carries no usable time stamps: by counting from a key frame.
    Counted,
}

/// Presentation times of all frames of one video stream, sorted; made once at open, immutable.
///
/// A frame's number is its place here, never time times rate. Frames with equal time stamps
/// stay separate entries. Times are relative to the clip's start.
#[derive(Debug)]
pub struct PresentationIndex {
    pub(super) pts: Vec<i64>,
    pub(super) keys: Vec<KeyPoint>,
    pub(super) time_base: TimeBase,
    /// Container time of the clip's start.
    pub(super) zero: MediaTime,
    /// Length of the last frame.
    pub(super) last_duration: MediaTime,
    pub(super) complete: bool,
    pub(super) numbering: Numbering,
    pub(super) info: Arc<MediaInfo>,
}

impl PresentationIndex {
    /// An index from ready-made entries, for tests and for clips that no file holds: time stamps
    /// in ticks of `time_base` (sorted here) with their key flags, and the time at which the last
    /// frame ends, relative to the first one's.
    pub fn from_entries(
        time_base: TimeBase,
        mut entries: Vec<(Pts, bool)>,
        end: MediaTime,
        info: Arc<MediaInfo>,
    ) -> Self {
        entries.sort_by_key(|e| e.0);
        let pts: Vec<i64> = entries.iter().map(|e| e.0.0).collect();
        let key = |(frame, (pts, key)): (usize, &(Pts, bool))| {
            let frame = u32::try_from(frame).ok()?;
            key.then_some(KeyPoint { frame, pts: pts.0, dts: None, pos: -1, presented: true })
        };
        let keys = entries.iter().enumerate().filter_map(key).collect();
        let time =
            |p: Option<&i64>| p.map_or(MediaTime::ZERO, |p| time_base.time_from_pts(Pts(*p)));
        let (zero, last) = (time(pts.first()), time(pts.last()));
        Self {
            pts,
            keys,
            time_base,
            zero,
            last_duration: (end - (last - zero)).max(MediaTime::ZERO),
            complete: true,
            numbering: Numbering::ByPts,
            info,
        }
    }

    /// Number of presented frames.
    pub fn len(&self) -> usize {
        self.pts.len()
    }

    /// True when nothing can be presented.
    pub fn is_empty(&self) -> bool {
        self.pts.is_empty()
    }

    /// The clip that it belongs to.
    pub fn info(&self) -> &Arc<MediaInfo> {
        &self.info
    }

    /// Time stamp of a frame on the container's clock; `None` past the end.
    pub fn pts(&self, frame: FrameIndex) -> Option<Pts> {
        self.pts.get(frame.get()).copied().map(Pts)
    }

    /// When a frame is presented; `None` past the end.
    pub fn time(&self, frame: FrameIndex) -> Option<MediaTime> {
        self.pts.get(frame.get()).map(|p| self.time_of(*p))
    }

    fn time_of(&self, pts: i64) -> MediaTime {
        self.time_base.time_from_pts(Pts(pts)) - self.zero
    }

    /// The frame that is on screen at `time`: the last one with the greatest time that is not
    /// after it; the first frame before that. `None` for an empty index.
    pub fn frame_at(&self, time: MediaTime) -> Option<FrameIndex> {
        if self.pts.is_empty() {
            return None;
        }
        let after = self.pts.partition_point(|p| self.time_of(*p) <= time);
        Some(FrameIndex(u32::try_from(after.saturating_sub(1)).unwrap_or(u32::MAX)))
    }

    /// When the last frame ends; zero for an empty index.
    pub fn end(&self) -> MediaTime {
        self.pts.last().map_or(MediaTime::ZERO, |p| self.time_of(*p) + self.last_duration)
    }

    /// How long a frame stays: to the next frame's time, or the last frame's own length. Zero
    /// past the end and for all but the last of frames with equal time stamps.
    pub fn duration_of(&self, frame: FrameIndex) -> MediaTime {
        match (self.time(frame), self.time(FrameIndex(frame.0.saturating_add(1)))) {
            (Some(a), Some(b)) => b - a,
            (Some(_), None) => self.last_duration,
            _ => MediaTime::ZERO,
        }
    }

    /// The key frame from which `frame` can be decoded (0 when there is none before it).
    pub fn keyframe_at_or_before(&self, frame: FrameIndex) -> FrameIndex {
        self.key_before(frame.0)
            .and_then(|k| self.keys.get(k))
            .map_or(FrameIndex(0), |k| FrameIndex(k.frame))
    }

    /// Whether decoding can start at this frame.
    pub fn is_key(&self, frame: FrameIndex) -> bool {
        let at = self.key_before(frame.0).and_then(|k| self.keys.get(k));
        at.is_some_and(|k| k.frame == frame.0 && k.presented)
    }

    /// Numbers of all key frames, in order.
    pub fn key_frames(&self) -> impl Iterator<Item = FrameIndex> + '_ {
        self.keys.iter().filter(|k| k.presented).map(|k| FrameIndex(k.frame))
    }

    /// False when the file was too broken or too long to index to its end.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Tick length of the time stamps.
    pub fn time_base(&self) -> TimeBase {
        self.time_base
    }

    /// Place in `keys` of the last key point whose frame is `frame` or before it and whose time
    /// stamp is not after it (of frames with equal stamps the first decides).
    pub(super) fn key_before(&self, frame: u32) -> Option<usize> {
        self.keys.partition_point(|k| k.frame <= frame).checked_sub(1)
    }

    /// Frames with exactly this time stamp.
    pub(super) fn range_of(&self, pts: i64) -> Range<usize> {
        self.pts.partition_point(|p| *p < pts)..self.pts.partition_point(|p| *p <= pts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::MediaSource;

    fn index(pts: Vec<i64>, keys: &[u32]) -> PresentationIndex {
        let time_base = TimeBase::new(1, 1000).unwrap();
        let span = pts.last().copied().unwrap_or(0) - pts.first().copied().unwrap_or(0);
        let entry = |(i, p)| (Pts(p), keys.contains(&(i as u32)));
        let entries = pts.into_iter().enumerate().map(entry).collect();
        let info = Arc::new(MediaInfo::empty(MediaSource::File("x".into())));
        let end = MediaTime::from_millis(span + 40);
        PresentationIndex::from_entries(time_base, entries, end, info)
    }

    #[test]
    fn a_frame_stays_until_the_next_ones_time() {
        let i = index(vec![1000, 1033, 1100, 1107], &[0, 2]);
        let at = |ms| i.frame_at(MediaTime::from_millis(ms)).unwrap().0;
        assert_eq!(
            [at(-5), at(0), at(32), at(33), at(99), at(100), at(107), at(9999)],
            [0, 0, 0, 1, 1, 2, 3, 3]
        );
        assert_eq!(i.duration_of(FrameIndex(1)), MediaTime::from_millis(67));
        assert_eq!(i.duration_of(FrameIndex(3)), MediaTime::from_millis(40));
        assert_eq!(i.end(), MediaTime::from_millis(147));
    }

    #[test]
    fn every_frames_own_time_finds_that_frame() {
        // 1/30000 ticks do not divide a nanosecond: rounding must not find the neighbour.
        let mut i = index((0..1000).map(|n| n * 1001).collect(), &[0]);
        i.time_base = TimeBase::new(1, 30000).unwrap();
        for n in 0..1000 {
            let f = FrameIndex(n);
            assert_eq!(i.frame_at(i.time(f).unwrap()), Some(f));
        }
    }

    #[test]
    fn equal_time_stamps_stay_separate_frames() {
        let i = index(vec![0, 40, 40, 80], &[0]);
        assert_eq!(i.len(), 4);
        assert_eq!(i.range_of(40), 1..3);
        assert_eq!(i.frame_at(MediaTime::from_millis(40)), Some(FrameIndex(2)));
        assert_eq!(i.duration_of(FrameIndex(1)), MediaTime::ZERO);
    }

    #[test]
    fn decoding_starts_at_the_key_frame_before() {
        let i = index(vec![0, 40, 80, 120, 160], &[0, 3]);
        let key = |n| i.keyframe_at_or_before(FrameIndex(n)).0;
        assert_eq!([key(0), key(2), key(3), key(4)], [0, 0, 3, 3]);
        assert!(i.is_key(FrameIndex(3)) && !i.is_key(FrameIndex(1)));
    }

    #[test]
    fn an_empty_index_answers_without_panic() {
        let i = index(vec![], &[]);
        assert_eq!(i.frame_at(MediaTime::ZERO), None);
        assert_eq!(i.end(), MediaTime::ZERO);
        assert_eq!(i.keyframe_at_or_before(FrameIndex(7)), FrameIndex(0));
        assert_eq!(i.time(FrameIndex(0)), None);
    }
}
