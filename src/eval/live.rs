//! What the player says about the map on the screen.

use super::metrics::{
    Cells, Ties, TruthMap, adaptive, ciou, half_map, half_map_ceiling, peak_place, pointing,
    scored, stretched,
};
use crate::truth::{TruthAt, TruthTrack};
use crate::units::{CellGeometry, LocalizationMap, MapGrid, MediaTime};

/// What of the truth is compared with.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum TruthShape {
    /// Boxes, as the literature does.
    #[default]
    Boxes,
    /// Visible pixels where a source has a mask, its box where it has none.
    Masks,
}

impl TruthShape {
    /// Both, in menu order.
    pub const ALL: &'static [Self] = &[Self::Boxes, Self::Masks];

    /// In labels and tooltips.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boxes => "boxes",
            Self::Masks => "masks",
        }
    }
}

/// Truth at the time of one picture.
#[derive(Clone, Debug, Default)]
pub struct TruthNow {
    /// Names of sounding sources that are seen.
    pub seen: Vec<String>,
    /// Names of sounding sources that are not in the picture.
    pub off_screen: Vec<String>,
    /// Names of silent sources in the picture.
    pub silent: Vec<String>,
    /// Pixels of the sounding and seen ones; `None` when there are none.
    pub map: Option<TruthMap>,
    /// What `map` was made of.
    pub shape: TruthShape,
}

impl TruthNow {
    /// The truth of `track` at `time`.
    pub fn of(track: &TruthTrack, time: MediaTime, shape: TruthShape) -> Self {
        let at = track.at(time);
        let names = |keep: &dyn Fn(&TruthAt<'_>) -> bool| {
            at.iter().filter(|s| keep(s)).map(|s| s.source.label()).collect::<Vec<_>>()
        };
        let sounding: Vec<_> = at.iter().filter(|s| s.sounding && s.is_seen()).collect();
        let size = (track.width, track.height);
        let mut map = None;
        if !sounding.is_empty() {
            let use_mask = |s: &TruthAt<'_>| shape == TruthShape::Masks && s.mask.is_some();
            let boxes = sounding.iter().filter(|s| !use_mask(s)).filter_map(|s| s.bbox.as_ref());
            let masks = sounding.iter().filter(|s| use_mask(s)).filter_map(|s| s.mask);
            let mut union = TruthMap::from_boxes(boxes, size);
            union.join(&TruthMap::from_masks(masks));
            map = Some(union);
        }
        Self {
            seen: names(&|s| s.sounding && s.is_seen()),
            off_screen: names(&|s| s.sounding && !s.is_seen()),
            silent: names(&|s| !s.sounding && s.is_seen()),
            map,
            shape,
        }
    }
}

/// A score, its mask and the name of its protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveScore {
    /// Name as `fnac eval` writes it.
    pub protocol: String,
    /// 0 to 1.
    pub ciou: f64,
    /// The map as it was cut: stretched, 224x224.
    pub values: Vec<f32>,
    /// Where it was cut.
    pub threshold: f32,
}

/// What is said about one map.
#[derive(Clone, Debug, PartialEq)]
pub enum LiveVerdict {
    /// Something that sounds is in the picture.
    Scored {
        /// As large as the truth, cells where the picture shows them.
        adaptive: LiveScore,
        /// The literature's greater half, corners aligned, of the plain map.
        half_map: LiveScore,
        /// The best half-map score that this truth allows.
        ceiling: f64,
        /// The truth's share of the picture, 0 to 1.
        area: f64,
        /// The peak lies in the truth.
        hit: bool,
        /// Protocol of the pointing.
        pointing: String,
        /// Highest pixel, in fractions of width and height; `None` for a constant map.
        peak_at: Option<[f32; 2]>,
    },
    /// Nothing that sounds is in the picture: the map should stay low.
    Nothing {
        /// Greatest cosine.
        peak: f32,
        /// It stays under the checkpoint's threshold; `None` where the card has none.
        quiet: Option<bool>,
    },
}

/// Compares a map with the truth of its picture.
///
/// `shown` is the map as it is drawn (fine where fine maps are shown) and `geometry` where its cells
/// are drawn: adaptive score and pointing speak about that. The half-map score is the literature's, of
/// the `plain` map whatever is drawn. `threshold` is the cosine below which the checkpoint hears no
/// source.
pub fn judge(
    plain: &LocalizationMap,
    shown: &MapGrid<'_>,
    geometry: CellGeometry,
    threshold: Option<f32>,
    truth: &TruthNow,
) -> LiveVerdict {
    let Some(map) = truth.map.as_ref().filter(|m| m.count() > 0) else {
        let peak = plain.grid().range().1;
        return LiveVerdict::Nothing { peak, quiet: threshold.map(|t| peak < t) };
    };
    let cells = Cells::at(geometry);
    let suffix = cells.suffix(shown.factor);
    let values = stretched(&scored(shown, cells));
    let cut = adaptive(&values, map.count(), Ties::Outside);
    let hit = pointing(&values, map);
    let peak_at = peak_place(&values);
    let adaptive = LiveScore {
        protocol: format!("adaptive{suffix}"),
        ciou: ciou(&cut.mask, map).value(),
        values,
        threshold: cut.threshold,
    };
    let values = stretched(&scored(&plain.grid(), Cells::BILINEAR));
    let cut = half_map(&values);
    let half_map = LiveScore {
        protocol: "half-map-bilinear".to_owned(),
        ciou: ciou(&cut.mask, map).value(),
        values,
        threshold: cut.threshold,
    };
    LiveVerdict::Scored {
        adaptive,
        half_map,
        ceiling: half_map_ceiling(map.area()),
        area: map.area(),
        hit,
        pointing: format!("pointing{suffix}"),
        peak_at,
    }
}

/// Means over the pictures judged so far; each picture counts once.
#[derive(Clone, Debug, Default)]
pub struct RunningMeans {
    seen: std::collections::BTreeSet<u32>,
    /// Pictures with something to find.
    pub scored: usize,
    adaptive: f64,
    half_map: f64,
    success: usize,
    hits: usize,
    /// Pictures with nothing to find whose threshold is known.
    pub nothing: usize,
    quiet: usize,
}

impl RunningMeans {
    /// Adds the verdict on picture number `frame`, unless it is already in.
    pub fn add(&mut self, frame: u32, verdict: &LiveVerdict) {
        if !self.seen.insert(frame) {
            return;
        }
        match verdict {
            LiveVerdict::Scored { adaptive, half_map, hit, .. } => {
                self.scored += 1;
                self.adaptive += adaptive.ciou;
                self.half_map += half_map.ciou;
                self.success += usize::from(adaptive.ciou >= super::metrics::SUCCESS_AT);
                self.hits += usize::from(*hit);
            }
            LiveVerdict::Nothing { quiet: Some(quiet), .. } => {
                self.nothing += 1;
                self.quiet += usize::from(*quiet);
            }
            LiveVerdict::Nothing { quiet: None, .. } => {}
        }
    }

    fn of_scored(&self, sum: f64) -> Option<f64> {
        (self.scored > 0).then(|| sum / self.scored as f64)
    }

    /// Mean adaptive cIoU.
    pub fn adaptive(&self) -> Option<f64> {
        self.of_scored(self.adaptive)
    }

    /// Mean half-map cIoU.
    pub fn half_map(&self) -> Option<f64> {
        self.of_scored(self.half_map)
    }

    /// Share with an adaptive cIoU of at least 0.5.
    pub fn success(&self) -> Option<f64> {
        self.of_scored(self.success as f64)
    }

    /// Share of hits.
    pub fn pointing(&self) -> Option<f64> {
        self.of_scored(self.hits as f64)
    }

    /// Share of the pictures without anything to find in which the map stayed low.
    pub fn quiet(&self) -> Option<f64> {
        (self.nothing > 0).then(|| self.quiet as f64 / self.nothing as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::{Between, Mask, Moment, Source, Span, TruthBox};

    fn source(id: u32, kind: &str, sounds: bool, bbox: Option<[f64; 4]>) -> Source {
        let bbox = bbox.map(|[x0, y0, x1, y1]| TruthBox { x0, y0, x1, y1 });
        let span = Span { start: MediaTime::ZERO, end: MediaTime::from_millis(1000) };
        Source {
            id,
            kind: kind.into(),
            variant: String::new(),
            sounding: if sounds { vec![span] } else { Vec::new() },
            moments: vec![Moment { time: MediaTime::ZERO, bbox, mask: None }],
            between: Between::Hold,
        }
    }

    fn track(sources: Vec<Source>) -> TruthTrack {
        TruthTrack {
            width: 448,
            height: 224,
            duration: MediaTime::from_millis(1000),
            sources,
            about: Default::default(),
        }
    }

    /// A bump on the cell of row 2, column 5.
    fn bump() -> LocalizationMap {
        LocalizationMap(std::array::from_fn(|i| {
            let (dx, dy) = ((i % 7) as f32 - 5.0, (i / 7) as f32 - 2.0);
            0.6 * (-(dx * dx + dy * dy) / 2.0).exp()
        }))
    }

    fn judged(track: &TruthTrack, shape: TruthShape) -> LiveVerdict {
        let now = TruthNow::of(track, MediaTime::ZERO, shape);
        let map = bump();
        judge(&map, &map.grid(), CellGeometry::Tiles, Some(0.3), &now)
    }

    #[test]
    fn a_map_on_its_source_scores_and_hits() {
        let t = track(vec![
            source(1, "dog", true, Some([290.0, 32.0, 420.0, 128.0])),
            source(2, "cat", false, Some([0.0, 100.0, 60.0, 160.0])),
        ]);
        let now = TruthNow::of(&t, MediaTime::ZERO, TruthShape::Boxes);
        assert_eq!((now.seen.len(), now.silent.len(), now.off_screen.len()), (1, 1, 0));
        match judged(&t, TruthShape::Boxes) {
            LiveVerdict::Scored { adaptive, half_map, ceiling, area, hit, pointing, .. } => {
                assert!(adaptive.ciou > 0.6, "{}", adaptive.ciou);
                assert!(
                    hit && pointing == "pointing@tiles" && adaptive.protocol == "adaptive@tiles"
                );
                assert_eq!(half_map.protocol, "half-map-bilinear");
                assert!(half_map.ciou <= ceiling && ceiling < 0.5 && area < 0.25);
            }
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn silence_and_off_screen_sounds_ask_for_a_low_map() {
        let away = track(vec![
            source(1, "bell", true, None),
            source(2, "cat", false, Some([0.0, 100.0, 60.0, 160.0])),
        ]);
        let now = TruthNow::of(&away, MediaTime::ZERO, TruthShape::Boxes);
        assert_eq!(now.off_screen, ["bell"]);
        match judged(&away, TruthShape::Boxes) {
            LiveVerdict::Nothing { peak, quiet } => {
                assert!((peak - 0.6).abs() < 1e-6);
                assert_eq!(quiet, Some(false), "0.6 is above the threshold of 0.3");
            }
            other => unreachable!("{other:?}"),
        }
        let now = TruthNow::of(&away, MediaTime::from_millis(2000), TruthShape::Boxes);
        assert!(now.off_screen.is_empty() && now.map.is_none());
    }

    #[test]
    fn masks_are_scored_where_asked_for_and_known() {
        let mut t = track(vec![
            source(1, "dog", true, Some([200.0, 50.0, 300.0, 150.0])),
            source(2, "cat", true, Some([0.0, 0.0, 20.0, 20.0])),
        ]);
        let disc = Mask::from_fn(448, 224, |x, y| {
            let (dx, dy) = (f64::from(x) - 250.0, f64::from(y) - 100.0);
            dx * dx + dy * dy < 2400.0
        });
        t.sources[0].moments[0].mask = Some(disc);
        let count = |shape| TruthNow::of(&t, MediaTime::ZERO, shape).map.unwrap().count();
        let (boxes, masks) = (count(TruthShape::Boxes), count(TruthShape::Masks));
        assert_eq!(boxes, 50 * 100 + 10 * 20);
        // The disc has pi/4 of its box; the other source keeps its box.
        let disc = std::f64::consts::PI * 2400.0 / 2.0;
        assert!((masks as f64 - disc - 200.0).abs() < 60.0, "{masks}");
    }

    #[test]
    fn a_picture_counts_once_and_means_need_a_picture() {
        let t = track(vec![source(1, "dog", true, Some([290.0, 32.0, 420.0, 128.0]))]);
        let verdict = judged(&t, TruthShape::Boxes);
        let mut means = RunningMeans::default();
        assert_eq!(means.adaptive(), None);
        means.add(3, &verdict);
        means.add(3, &verdict);
        means.add(4, &LiveVerdict::Nothing { peak: 0.1, quiet: Some(true) });
        means.add(5, &LiveVerdict::Nothing { peak: 0.1, quiet: None });
        assert_eq!((means.scored, means.pointing(), means.success()), (1, Some(1.0), Some(1.0)));
        assert_eq!((means.nothing, means.quiet()), (1, Some(1.0)));
    }
}
