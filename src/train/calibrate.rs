//! What a display has to know about a trained network: where its cells lie, which cosines deserve
//! colour, and below which peak nothing in the picture sounds.
//!
//! Measured on held-out pairs, never on a test set, and written on the checkpoint's card.

use rayon::prelude::*;

use super::held_out::{HeldOut, NoSource};
use super::validate::ValidateError;
use crate::data::Dataset;
use crate::eval::metrics::{
    Cells, SUCCESS_AT, Ties, TruthMap, adaptive, auroc, ciou, mean, quantile, scored, stretched,
    success_rate,
};
use crate::infer::{FrameEmbedding, Localizer};
use crate::model::{AudioEmbedding, Checkpoint, CheckpointCard, RtenTowers};
use crate::synth::Dice;
use crate::units::{CellGeometry, GRID, LocalizationMap};

/// Other items' sounds that each picture is shown as off-screen ones.
const OFF_SCREEN: usize = 3;
/// Share of the sounds without a source that should lie below the line where that costs nothing.
const QUIET: f64 = 0.99;

/// What is wished.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CalibrateOptions {
    /// Share of the heard sources whose peak has to stay above the no-source line.
    pub keep: f64,
    /// Share of the cells beside the sources that get no colour: where the colours begin.
    pub floor: f64,
    /// Most items that are looked at.
    pub items: usize,
}

impl Default for CalibrateOptions {
    fn default() -> Self {
        Self { keep: 0.97, floor: 0.75, items: 500 }
    }
}

/// A place of the cells and what it scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TriedCells {
    /// The place.
    pub geometry: CellGeometry,
    /// Mean IoU with as many pixels predicted as are true.
    pub mean_iou: f64,
    /// Success at 0.5 of the same.
    pub success: f64,
}

/// How sources are told from one kind of sound that has none.
#[derive(Clone, Debug, PartialEq)]
pub struct Quiet {
    /// `silence`, `noise` or `off-screen`.
    pub name: &'static str,
    /// Probability that a heard source has the higher peak.
    pub auroc: f64,
    /// Share of such sounds whose peak is above the line all the same.
    pub false_alarms: f64,
    /// Pairs of picture and sound.
    pub n: usize,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// Items looked at.
    pub items: usize,
    /// Every place of the cells, in the order tried; empty where no item has truth.
    pub tried: Vec<TriedCells>,
    /// The place with the highest mean IoU.
    pub cells: Option<TriedCells>,
    /// Cosines of the lowest and the highest colour.
    pub scale: (f32, f32),
    /// 1st percentile, median and 99th percentile of all cells under their own sound.
    pub percentiles: [f32; 3],
    /// Peak cosine below which nothing in the picture sounds.
    pub line: f32,
    /// Share of the heard sources above the line.
    pub kept: f64,
    /// Heard sources.
    pub sources: usize,
    /// How silence, noise and off-screen sounds lie to it; off-screen ones only where items say
    /// what is seen and heard.
    pub quiet: Vec<Quiet>,
    /// What it was measured on.
    pub data: String,
}

/// The places that are tried.
pub fn places() -> Vec<CellGeometry> {
    let mut all = vec![CellGeometry::Aligned, CellGeometry::Tiles];
    all.extend((-4..=12).map(|px| CellGeometry::Receptive { offset_px: px as f32 }));
    all
}

/// One item, embedded.
struct Seen {
    picture: FrameEmbedding,
    sound: AudioEmbedding,
    map: LocalizationMap,
    truth: Option<TruthMap>,
    positive: bool,
    item: usize,
}

fn peak(map: &LocalizationMap) -> f32 {
    map.grid().range().1
}

/// Measures on the items of `set`, which were not learnt from. `None` when `stop` said so. Blocks.
///
/// # Errors
/// [`ValidateError`].
pub fn calibrate(
    checkpoint: &Checkpoint,
    set: &Dataset,
    options: &CalibrateOptions,
    stop: &dyn Fn() -> bool,
) -> Result<Option<Calibration>, ValidateError> {
    let towers = Box::new(RtenTowers::new(checkpoint, 0)?);
    let mut localizer = Localizer::open(checkpoint, towers);
    calibrate_through(&mut localizer, set, options, stop)
}

/// The same through towers that are there already.
///
/// # Errors
/// As [`calibrate`].
pub fn calibrate_through(
    localizer: &mut Localizer,
    set: &Dataset,
    options: &CalibrateOptions,
    stop: &dyn Fn() -> bool,
) -> Result<Option<Calibration>, ValidateError> {
    let mut some = set.clone();
    // Spread over the set, which often goes by class.
    Dice::new(0, 0).part("calibrate").shuffle(&mut some.items);
    some.items.truncate(options.items.max(1));
    let held = HeldOut::prepare(&some, localizer.rate_hz());
    let mut seen = Vec::new();
    for i in 0..held.items().len() {
        if stop() {
            return Ok(None);
        }
        let Ok(pair) = held.get(i) else { continue };
        let picture = localizer.embed_frame(&pair.picture, 0)?;
        let sound = localizer.embed_spectrogram(&pair.sound)?;
        let map = picture.map(&sound);
        let (truth, positive) = (pair.truth.map(), pair.is_positive());
        seen.push(Seen { picture, sound, map, truth, positive, item: i });
    }
    if !seen.iter().any(|s| s.positive) {
        return Err(ValidateError::Nothing(format!(
            "in none of {} items is a sound heard whose source may be in the picture",
            held.listed()
        )));
    }
    let no_source = NoSource::at(localizer.rate_hz());
    let mut embedded = |sounds: &[crate::features::Spectrogram]| {
        sounds.iter().map(|s| localizer.embed_spectrogram(s)).collect::<Result<Vec<_>, _>>()
    };
    let (silence, noise) = (embedded(&no_source.silence)?, embedded(&no_source.noise)?);
    let mut groups =
        vec![("silence", peaks_under(&seen, &silence)), ("noise", peaks_under(&seen, &noise))];
    let away = off_screen(&seen, &held);
    if !away.is_empty() {
        groups.push(("off-screen", away));
    }
    let own: Vec<f32> = seen.iter().filter(|s| s.positive).map(|s| peak(&s.map)).collect();
    let line = no_source_line(&own, &groups, options.keep);
    let share = |values: &[f32]| {
        values.iter().filter(|v| **v >= line).count() as f64 / values.len().max(1) as f64
    };
    let quiet = groups.iter().map(|(name, peaks)| Quiet {
        name,
        auroc: auroc(&own, peaks).unwrap_or(f64::NAN),
        false_alarms: share(peaks),
        n: peaks.len(),
    });
    let tried = try_places(&seen);
    let best = tried.iter().copied().max_by(|a, b| a.mean_iou.total_cmp(&b.mean_iou));
    let cells: Vec<f32> =
        seen.iter().filter(|s| s.positive).flat_map(|s| s.map.0.iter().copied()).collect();
    let at = |q: f64| quantile(&cells, q).unwrap_or(0.0);
    let percentiles = [at(0.01), at(0.5), at(0.99)];
    let place = best.map_or_else(CellGeometry::default, |b| b.geometry);
    let floor = quantile(&beside(&seen, place), options.floor).unwrap_or_else(|| at(options.floor));
    let quiet = quiet.collect();
    Ok(Some(Calibration {
        items: seen.len(),
        tried,
        cells: best,
        // The 99th percentile is above any floor but in a network that says one thing.
        scale: (floor.min(percentiles[2] - 0.01), percentiles[2]),
        percentiles,
        line,
        kept: share(&own),
        sources: own.len(),
        quiet,
        data: described(set, seen.len()),
    }))
}

/// The folder's name (where it lies is nobody's business), how much of it, and its fingerprint.
fn described(set: &Dataset, items: usize) -> String {
    let name = set.root.file_name().unwrap_or(set.root.as_os_str()).to_string_lossy();
    format!("{name}, {items} items, {}", &set.fingerprint()[..12])
}

fn peaks_under(seen: &[Seen], sounds: &[AudioEmbedding]) -> Vec<f32> {
    seen.iter().flat_map(|s| sounds.iter().map(|q| peak(&s.picture.map(q)))).collect()
}

/// Peaks under other items' sounds, of things that are not in the picture.
fn off_screen(seen: &[Seen], held: &HeldOut) -> Vec<f32> {
    let item = |s: &Seen| &held.items()[s.item];
    let mut peaks = Vec::new();
    for (i, here) in seen.iter().enumerate() {
        let in_picture = &item(here).seen;
        if in_picture.is_empty() {
            continue;
        }
        let elsewhere = |other: &&Seen| {
            let heard = &item(other).sounding;
            !heard.is_empty() && heard.iter().all(|k| !in_picture.contains(k))
        };
        let mut others: Vec<&Seen> = seen.iter().filter(elsewhere).collect();
        Dice::new(i as u64, 0).part("off-screen").shuffle(&mut others);
        peaks.extend(others.iter().take(OFF_SCREEN).map(|o| peak(&here.picture.map(&o.sound))));
    }
    peaks
}

/// The line: as high as the sources to keep allow, and no higher than half way to the loudest of
/// what has no source where that leaves room.
fn no_source_line(own: &[f32], groups: &[(&str, Vec<f32>)], keep: f64) -> f32 {
    let high = quantile(own, 1.0 - keep.clamp(0.0, 1.0)).unwrap_or(0.0);
    let reach = groups.iter().filter_map(|(_, peaks)| quantile(peaks, QUIET));
    match reach.reduce(f32::max) {
        Some(quiet) if quiet < high => (quiet + high) / 2.0,
        _ => high,
    }
}

fn try_places(seen: &[Seen]) -> Vec<TriedCells> {
    let known: Vec<(&LocalizationMap, &TruthMap)> =
        seen.iter().filter_map(|s| Some((&s.map, s.truth.as_ref()?))).collect();
    if known.is_empty() {
        return Vec::new();
    }
    places()
        .into_iter()
        .filter_map(|geometry| {
            let score = |(map, truth): &(&LocalizationMap, &TruthMap)| {
                let values = stretched(&scored(&map.grid(), Cells::at(geometry)));
                ciou(&adaptive(&values, truth.count(), Ties::Outside).mask, truth).value()
            };
            let scores: Vec<f64> = known.par_iter().map(score).collect();
            Some(TriedCells {
                geometry,
                mean_iou: mean(&scores)?,
                success: success_rate(&scores, SUCCESS_AT)?,
            })
        })
        .collect()
}

/// Cosines of the cells whose middle is not in the truth.
fn beside(seen: &[Seen], place: CellGeometry) -> Vec<f32> {
    let side = crate::eval::metrics::SCORED_SIDE;
    let pixel = |cell: usize| {
        let at = place.cell_centre(cell, 1).clamp(0.0, 1.0) * side as f32;
        (at as usize).min(side - 1)
    };
    let mut out = Vec::new();
    for s in seen {
        let Some(truth) = &s.truth else { continue };
        for (i, v) in s.map.0.iter().enumerate() {
            let inside = truth.weights()[pixel(i / GRID) * side + pixel(i % GRID)] > 0.0;
            if !inside {
                out.push(*v);
            }
        }
    }
    out
}

impl Calibration {
    /// Puts everything on a card.
    pub fn write_on(&self, card: &mut CheckpointCard) {
        if let Some(cells) = self.cells {
            card.cell_geometry = Some(cells.geometry);
            card.metrics.insert("calibration_mean_iou".into(), cells.mean_iou);
        }
        card.calibration = Some(self.scale);
        card.no_source_threshold = Some(self.line);
        let [low, middle, high] = self.percentiles;
        for (name, value) in [("cosine_p01", low), ("cosine_p50", middle), ("cosine_p99", high)] {
            card.metrics.insert(name.into(), f64::from(value));
        }
        card.metrics.insert("sources_above_line".into(), self.kept);
        for q in &self.quiet {
            let name = q.name.replace('-', "_");
            card.metrics.insert(format!("auroc_{name}"), q.auroc);
            card.metrics.insert(format!("{name}_above_line"), q.false_alarms);
        }
        card.metrics.retain(|_, v| v.is_finite());
        card.lineage.insert("calibrated on".into(), self.data.clone());
    }

    /// For people: what was found, a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut out = Vec::new();
        match self.cells {
            Some(c) => {
                out.push(format!(
                    "cells lie at {}: mean IoU {:.3}, success at 0.5 {:.1} %",
                    c.geometry,
                    c.mean_iou,
                    100.0 * c.success
                ));
                let other = self.tried.iter().find(|t| t.geometry == CellGeometry::Aligned);
                if let Some(t) = other {
                    out.push(format!(
                        "drawn as in the literature (aligned): mean IoU {:.3}, success {:.1} %",
                        t.mean_iou,
                        100.0 * t.success
                    ));
                }
            }
            None => {
                out.push("no item says where it sounds: the cells' place is not measured".into())
            }
        }
        out.push(format!("colours from cosine {:.3} to {:.3}", self.scale.0, self.scale.1));
        out.push(format!(
            "nothing sounds below cosine {:.3}: {:.1} % of {} sources are above it",
            self.line,
            100.0 * self.kept,
            self.sources
        ));
        for q in &self.quiet {
            out.push(format!(
                "{}: AUROC {:.4}, {:.1} % of {} above the line",
                q.name,
                q.auroc,
                100.0 * q.false_alarms,
                q.n
            ));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::flags::{Blind, Seer, flags};

    fn found(
        towers: impl crate::model::Towers + 'static,
        change: impl Fn(&mut Dataset),
    ) -> Calibration {
        let dir = tempfile::tempdir().unwrap();
        let mut set = flags(dir.path(), 12);
        change(&mut set);
        let checkpoint = Checkpoint::formula(2, 4, "");
        let mut localizer = Localizer::open(&checkpoint, Box::new(towers));
        let options = CalibrateOptions::default();
        calibrate_through(&mut localizer, &set, &options, &|| false).unwrap().unwrap()
    }

    #[test]
    fn place_scale_and_line_of_a_network_that_understands_are_found() {
        let c = found(Seer, |_| ());
        // The towers of the test look around 32 i + 4.
        let Some(CellGeometry::Receptive { offset_px }) = c.cells.map(|t| t.geometry) else {
            panic!("{:?}", c.cells)
        };
        assert!((2.0..=6.0).contains(&offset_px), "{offset_px}");
        assert_eq!((c.items, c.sources, c.tried.len()), (12, 12, 19));
        let aligned = c.tried[0];
        assert!(aligned.mean_iou < c.cells.unwrap().mean_iou);
        assert!(c.scale.0 < 0.5 && c.scale.1 > 0.7 && c.scale.0 < c.scale.1, "{:?}", c.scale);
        assert!(c.kept == 1.0 && c.line > 0.0, "{} {}", c.kept, c.line);
        let names: Vec<_> = c.quiet.iter().map(|q| q.name).collect();
        assert_eq!(names, ["silence", "noise", "off-screen"]);
        assert!(c.quiet.iter().all(|q| q.auroc == 1.0 && q.false_alarms == 0.0), "{:?}", c.quiet);
    }

    #[test]
    fn a_blind_network_cannot_be_told_from_silence_and_the_numbers_say_so() {
        let c = found(Blind, |_| ());
        assert!(c.quiet.iter().all(|q| q.auroc == 0.5 && q.false_alarms == 1.0), "{:?}", c.quiet);
        assert!(c.scale.0 < c.scale.1);
    }

    #[test]
    fn what_items_do_not_say_is_not_measured() {
        let c = found(Seer, |set| {
            for item in &mut set.items {
                item.truth = None;
                item.seen.clear();
            }
        });
        assert!(c.cells.is_none() && c.tried.is_empty() && c.quiet.len() == 2);
        let mut card = CheckpointCard::default();
        c.write_on(&mut card);
        assert!(card.cell_geometry.is_none() && card.no_source_threshold.is_some());
        assert!(c.lines()[0].contains("not measured"));
    }

    #[test]
    fn the_line_keeps_what_was_asked_and_stays_clear_of_what_has_no_source() {
        let own: Vec<f32> = (0..100).map(|i| 0.6 + 0.002 * i as f32).collect();
        let quiet = |high: f32| vec![("noise", vec![0.1, 0.2, high])];
        // Room between: half way.
        let line = no_source_line(&own, &quiet(0.3), 0.97);
        assert!(line > 0.4 && line < 0.5, "{line}");
        // None: 97 % stay above.
        let line = no_source_line(&own, &quiet(0.9), 0.97);
        let kept = own.iter().filter(|v| **v >= line).count();
        assert_eq!(kept, 97);
    }

    #[test]
    fn a_card_takes_everything_and_survives_json() {
        let mut card = CheckpointCard::default();
        found(Seer, |_| ()).write_on(&mut card);
        assert!(card.cell_geometry.is_some() && card.calibration.is_some());
        assert_eq!(card.metrics["auroc_off_screen"], 1.0);
        assert!(card.lineage["calibrated on"].contains("12 items"));
        let text = serde_json::to_string(&card).unwrap();
        assert_eq!(serde_json::from_str::<CheckpointCard>(&text).unwrap(), card);
    }
}
