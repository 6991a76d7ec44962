//! The truth of a data set's items, on the pixels that are scored.

use super::live::{TruthNow, TruthShape};
use super::metrics::TruthMap;
use crate::data::{DataError, Item, LoadedTruth};

/// What is known about where an item sounds.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemTruth {
    /// Nothing: it cannot be scored.
    Unknown,
    /// Nothing that is seen sounds: there is nothing to find.
    Nothing,
    /// It sounds here. Published boxes without a pixel stay an empty map, which nothing meets: the
    /// official code counts them as missed.
    Here(TruthMap),
}

/// The truth of one item. Blocks for the disk where it is in a file.
///
/// # Errors
/// The file cannot be read.
pub fn truth_of(item: &Item) -> Result<ItemTruth, DataError> {
    let map = match item.load_truth()? {
        None if item.negative.is_some() => None,
        None => return Ok(ItemTruth::Unknown),
        Some(LoadedTruth::Boxes(boxes)) => {
            return Ok(ItemTruth::Here(TruthMap::from_fractions(&boxes)));
        }
        Some(LoadedTruth::Consensus(boxes)) => {
            return Ok(ItemTruth::Here(TruthMap::consensus(&boxes)));
        }
        Some(LoadedTruth::Mask(mask)) => Some(TruthMap::from_masks([&mask])),
        Some(LoadedTruth::Track { track, at }) => TruthNow::of(&track, at, TruthShape::Boxes).map,
    };
    let map = map.filter(|m| m.count() > 0);
    Ok(map.map_or(ItemTruth::Nothing, ItemTruth::Here))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Moment, PictureRef, SoundRef, TruthRef};
    use crate::truth::TruthTrack;
    use crate::units::MediaTime;

    fn item(truth: Option<TruthRef>, moment: Moment) -> Item {
        let sound = SoundRef { path: "a.wav".into(), moment };
        Item { truth, ..Item::new("a", PictureRef::File("a.png".into()), sound) }
    }

    #[test]
    fn a_track_is_asked_at_the_items_own_moment() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("walk.truth.json");
        let walk: TruthTrack = crate::truth::testing::walk();
        walk.write(&path).unwrap();
        let at = |secs: f64| {
            let moment = Moment::Around(MediaTime::from_secs_f64(secs));
            truth_of(&item(Some(TruthRef::Track(path.clone())), moment)).unwrap()
        };
        // At 2 s the box is 100..140 of 200 by 20..60 of 100 and it barks.
        let ItemTruth::Here(map) = at(2.0) else { panic!("it barks") };
        let want = TruthMap::from_fractions(&[[0.5, 0.2, 0.7, 0.6]]);
        assert!(map.count().abs_diff(want.count()) < 250, "{} {}", map.count(), want.count());
        assert_eq!(at(0.5), ItemTruth::Nothing, "seen and silent");
        assert_eq!(at(5.0), ItemTruth::Nothing, "heard and gone");
    }

    #[test]
    fn published_boxes_without_a_pixel_stay_something_to_find() {
        let none = truth_of(&item(None, Moment::Middle)).unwrap();
        assert_eq!(none, ItemTruth::Unknown);
        let mut negative = item(None, Moment::Middle);
        negative.negative = Some("silence".into());
        assert_eq!(truth_of(&negative).unwrap(), ItemTruth::Nothing);
        let reversed = TruthRef::Boxes(vec![[0.5, 0.5, -2.8e16, 0.9]]);
        let empty = truth_of(&item(Some(reversed), Moment::Middle)).unwrap();
        assert_eq!(empty, ItemTruth::Here(TruthMap::empty()));
        let two = TruthRef::Consensus(vec![[0, 0, 10, 10], [0, 0, 10, 10]]);
        let ItemTruth::Here(map) = truth_of(&item(Some(two), Moment::Middle)).unwrap() else {
            panic!("there is a box")
        };
        assert_eq!(map.sum(), 100.0);
    }
}
