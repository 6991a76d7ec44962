//! A frozen scale for checkpoints whose card brings none.
//!
//! A foreign checkpoint's cosines may all lie between 0.1 and 0.4: on the absolute scale nothing
//! of that is seen, and a per-frame stretch makes silence look like a hit. So `calibrated` falls
//! back to the 1st and 99th percentile of this clip's own maps, which stay comparable from frame
//! to frame. They settle while maps come in (at 12, 24, … up to 384 maps) and are frozen then.
//! Maps of a sound test never count: they are what is to be compared.

use crate::infer::{MapStore, Maps};

/// Maps wanted before the first scale.
const FIRST: usize = 12;
/// With this many maps the scale is frozen.
const ENOUGH: usize = 384;
/// Maps looked at for one scale, spread over the clip.
const SAMPLE: usize = 256;

/// The scale of one clip under one checkpoint.
#[derive(Debug, Default)]
pub(super) struct ClipScale {
    key: String,
    maps: usize,
    range: Option<(f32, f32)>,
}

impl ClipScale {
    /// Looks whether more maps have come; `key` names clip and checkpoint, a new one starts over.
    pub(super) fn follow(&mut self, key: String, testing: bool, maps: &MapStore) {
        if key != self.key {
            *self = Self { key, ..Self::default() };
        }
        if testing || self.maps >= ENOUGH {
            return;
        }
        let computed = maps.read(Maps::computed);
        let few_but_all = self.maps == 0 && computed > 0 && maps.filled() >= 1.0;
        if computed >= (2 * self.maps).max(FIRST) || few_but_all {
            self.maps = computed;
            self.range = maps.read(|m| m.cell_range(SAMPLE)).filter(|(lo, hi)| lo < hi);
        }
    }

    /// Cosines that get the scale's ends, once there are enough maps.
    pub(super) fn range(&self) -> Option<(f32, f32)> {
        self.range
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{MediaInfo, MediaSource, PresentationIndex};
    use crate::units::{FrameIndex, LocalizationMap, MediaTime, Pts, TimeBase};
    use std::sync::Arc;

    fn store(frames: i64) -> MapStore {
        let entries = (0..frames).map(|i| (Pts(i), i == 0)).collect();
        let base = TimeBase::new(1, 30).unwrap();
        let end = MediaTime::from_millis(frames * 33);
        let info = Arc::new(MediaInfo::empty(MediaSource::File("clip".into())));
        let index = PresentationIndex::from_entries(base, entries, end, info);
        MapStore::new(Maps::new(Arc::new(index)))
    }

    fn fill(store: &MapStore, frames: std::ops::Range<u32>, low: f32, high: f32) {
        for i in frames {
            let map =
                LocalizationMap(std::array::from_fn(|c| low + (high - low) * c as f32 / 48.0));
            store.write(|m| m.insert(FrameIndex(i), &map));
        }
    }

    #[test]
    fn the_clips_own_maps_give_the_scale_and_a_sound_test_does_not() {
        let (maps, mut scale) = (store(1000), ClipScale::default());
        fill(&maps, 0..11, 0.1, 0.4);
        scale.follow("a".into(), false, &maps);
        assert_eq!(scale.range(), None, "too few maps");
        fill(&maps, 11..12, 0.1, 0.4);
        scale.follow("a".into(), true, &maps);
        assert_eq!(scale.range(), None, "maps of a sound test do not count");
        scale.follow("a".into(), false, &maps);
        let (lo, hi) = scale.range().unwrap();
        assert!((lo - 0.1).abs() < 0.01 && (hi - 0.4).abs() < 0.01, "{lo} {hi}");
    }

    #[test]
    fn the_scale_freezes_and_starts_over_with_another_checkpoint() {
        let (maps, mut scale) = (store(1000), ClipScale::default());
        fill(&maps, 0..400, 0.1, 0.4);
        scale.follow("a".into(), false, &maps);
        let frozen = scale.range();
        fill(&maps, 400..1000, 0.8, 0.9);
        scale.follow("a".into(), false, &maps);
        assert_eq!(scale.range(), frozen);
        scale.follow("b".into(), false, &maps);
        assert!(scale.range().unwrap().1 > 0.8);
    }
}
