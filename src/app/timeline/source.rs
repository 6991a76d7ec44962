//! What the lanes read. Traits, so that the timeline can be tested on data made by hand and
//! never waits for whoever owns the real thing.

use crate::units::{GRID, MediaTime};

/// The clip's sound at the model's own rate, perhaps still being decoded.
pub trait LaneSound: Send + Sync {
    /// Samples per second.
    fn rate(&self) -> u32;
    /// Samples decoded so far, from the clip's start without gaps.
    fn len(&self) -> u64;
    /// Whether nothing is decoded (yet).
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Whether no more will come.
    fn is_complete(&self) -> bool;
    /// Mono samples; `None` where not decoded (yet).
    fn read(&self, start: u64, len: usize) -> Option<Vec<f32>>;
    /// Smallest and greatest sample of each of `columns` equal parts of the time from `from`
    /// to `to`. Must be cheap at any zoom: it runs on the window's thread.
    fn envelope(&self, from: MediaTime, to: MediaTime, columns: usize) -> Vec<(f32, f32)>;
}

/// What is known about the maps in one column of the lanes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MapColumn {
    /// Greatest cosine of the maps in this column.
    pub peak: Option<f32>,
    /// The map with that peak: a column never averages maps of different pictures.
    pub cells: Option<[f32; GRID * GRID]>,
    /// The map is no frame's own but lies between two near neighbours in time, as the picture
    /// would show it.
    pub between: bool,
    /// Share of the column's frames that have a map, 0 to 1.
    pub computed: f32,
}

impl MapColumn {
    /// A column without any map.
    pub const EMPTY: Self = Self { peak: None, cells: None, between: false, computed: 0.0 };
}

/// The maps computed so far.
pub trait LaneMaps {
    /// Changes whenever a map was added or all were dropped.
    fn revision(&self) -> u64;
    /// One entry for each of `columns` equal parts of the time from `from` to `to`.
    /// May look at a few frames per column only when there are many; runs on the window's thread.
    fn columns(&self, from: MediaTime, to: MediaTime, columns: usize) -> Vec<MapColumn>;
}

/// Picks the frames to look at in each column: up to `most` evenly spread indices.
///
/// `frame_at` gives the index of the frame on screen at a time. A column narrower than a frame
/// still looks at the one it shows.
pub fn frames_of_column(
    from: MediaTime,
    to: MediaTime,
    most: usize,
    frame_at: impl Fn(MediaTime) -> Option<u32>,
) -> impl Iterator<Item = u32> {
    let last_moment = MediaTime::from_nanos(to.as_nanos().saturating_sub(1)).max(from);
    let first = frame_at(from);
    let last = frame_at(last_moment).or(first);
    let range = match (first, last) {
        (Some(a), Some(b)) => Some((a.min(b), a.max(b))),
        _ => None,
    };
    let most = most.max(1) as u64;
    range.into_iter().flat_map(move |(a, b)| {
        let count = u64::from(b - a) + 1;
        let picks = count.min(most);
        // The middle of each of `picks` parts.
        (0..picks).map(move |i| a + ((2 * i + 1) * count / (2 * picks)).min(count - 1) as u32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_30_fps(t: MediaTime) -> Option<u32> {
        u32::try_from(t.as_nanos().max(0) * 30 / 1_000_000_000).ok()
    }

    fn picks(from: f64, to: f64, most: usize) -> Vec<u32> {
        let (from, to) = (MediaTime::from_secs_f64(from), MediaTime::from_secs_f64(to));
        frames_of_column(from, to, most, at_30_fps).collect()
    }

    #[test]
    fn a_column_with_few_frames_looks_at_all_of_them() {
        assert_eq!(picks(1.0, 1.1, 8), [30, 31, 32]);
    }

    #[test]
    fn a_column_narrower_than_a_frame_looks_at_the_one_it_shows() {
        assert_eq!(picks(1.001, 1.002, 8), [30]);
    }

    #[test]
    fn a_column_with_many_frames_looks_at_a_few_spread_evenly() {
        assert_eq!(picks(0.0, 10.0, 3), [50, 150, 250]);
    }

    #[test]
    fn without_frames_there_is_nothing_to_look_at() {
        let all = frames_of_column(MediaTime::ZERO, MediaTime::MAX, 4, |_| None);
        assert_eq!(all.count(), 0);
    }
}
