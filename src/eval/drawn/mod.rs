//! How good a checkpoint is on the drawn world: scenes from seeds that are never learnt from.
//!
//! Everything is made from [`DrawnOptions`] and asked through an [`Answerer`], which is
//! [`Localizer`] for a network and the truth itself for the tests that show that the measure can
//! both reach the top and fail. Thresholds and the cells' offset are chosen on scenes of their own.

mod report;

use std::time::Instant;

use rayon::prelude::*;

pub use report::{
    Baselines, ByDistractors, DrawnReport, Mean, Negatives, Row, Share, Speed, TwoThings,
};

use super::live::{TruthNow, TruthShape};
use super::metrics::{
    Cells, PIXELS, SCORED_SIDE, SUCCESS_AT, Ties, TruthMap, adaptive, auroc, ciou, fixed, half_map,
    pointing, quantile, scored, stretched,
};
use crate::infer::{InferError, Localizer};
use crate::model::{Checkpoint, ModelError, RtenTowers};
use crate::synth::{Library, Negative, Scene, SceneOptions, SoundPlan, Split, SynthError};
use crate::truth::TruthTrack;
use crate::units::{CellGeometry, FineMap, LocalizationMap, MediaTime, RgbPicture};

/// Seeds from here on belong to this report: nothing may be learnt from them.
pub const FIRST_SEED: u64 = 900_000;
/// Scenes of one thing that sounds.
const SCENES: u64 = FIRST_SEED;
/// Scenes on which thresholds and the cells' offset are chosen.
const CHOOSING: u64 = FIRST_SEED + 1;
/// Scenes of two things.
const TWO: u64 = FIRST_SEED + 2;
/// Scenes with drawings that are held out.
const HELD_OUT: u64 = FIRST_SEED + 3;
/// Scenes in which nothing that is seen sounds.
const NEGATIVES: u64 = FIRST_SEED + 4;
/// Offsets of receptive cells that are tried, in pixels.
pub const OFFSETS: [f32; 9] = [-4.0, -2.0, 0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0];
/// Share of heard sources that the no-source line keeps.
const KEPT: f64 = 0.97;
/// Scenes that are in memory at a time.
const AT_ONCE: u64 = 32;

/// How much is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct DrawnOptions {
    /// Scenes of one thing that sounds.
    pub scenes: u64,
    /// Scenes on which thresholds are chosen.
    pub choosing: u64,
    /// Scenes of two things.
    pub two: u64,
    /// Scenes with held-out drawings.
    pub held_out: u64,
    /// Scenes of each kind of negative.
    pub negatives: u64,
    /// Fine maps beside the plain one: 2, 4.
    pub fine: Vec<u8>,
    /// Names of the kinds that appear; empty for all.
    pub kinds: Vec<String>,
    /// Where receptive cells lie; `None` to choose their offset.
    pub geometry: Option<CellGeometry>,
    /// Samples per second of the sounds.
    pub rate_hz: u32,
}

impl Default for DrawnOptions {
    fn default() -> Self {
        Self {
            scenes: 600,
            choosing: 200,
            two: 400,
            held_out: 260,
            negatives: 200,
            fine: vec![2],
            kinds: Vec::new(),
            geometry: None,
            rate_hz: 16_000,
        }
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum DrawnError {
    /// The drawn world could not be drawn.
    #[error(transparent)]
    Synth(#[from] SynthError),
    /// The network could not be built.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The network failed.
    #[error(transparent)]
    Infer(#[from] InferError),
}

/// One picture with the sounds that are played to it.
pub struct Shown {
    /// The picture.
    pub picture: RgbPicture,
    /// The sounds.
    pub heard: Vec<Heard>,
    /// Silent things in it.
    silent: usize,
    negative: Option<Negative>,
}

/// One sound and where it comes from.
pub struct Heard {
    /// Mono samples.
    pub samples: Vec<f32>,
    /// Where its source is seen; `None` where it is not.
    pub truth: Option<TruthMap>,
}

/// The maps of one sound: plain, then the fine ones that were asked for.
pub struct Answer {
    /// 49 cosines.
    pub plain: LocalizationMap,
    /// Finer ones.
    pub fine: Vec<FineMap>,
}

/// Who is asked.
pub trait Answerer {
    /// The maps of each sound that is played to the picture.
    ///
    /// # Errors
    /// What the network says.
    fn answer(&mut self, shown: &Shown, fine: &[u8]) -> Result<Vec<Answer>, InferError>;
}

impl Answerer for Localizer {
    fn answer(&mut self, shown: &Shown, fine: &[u8]) -> Result<Vec<Answer>, InferError> {
        let mut pictures = Vec::new();
        for factor in fine {
            pictures.push(self.embed_frame(&shown.picture, *factor)?);
        }
        if pictures.is_empty() {
            pictures.push(self.embed_frame(&shown.picture, 0)?);
        }
        let mut answers = Vec::with_capacity(shown.heard.len());
        for heard in &shown.heard {
            let sound = self.embed_sound(&heard.samples)?;
            let plain = pictures[0].map(&sound);
            let fine = pictures.iter().filter_map(|p| p.fine_map(&sound)).collect();
            answers.push(Answer { plain, fine });
        }
        Ok(answers)
    }
}

/// One sound's maps read on pixels against its truth, for every way to make and draw them.
struct Judged {
    silent: usize,
    peak: f32,
    ways: Vec<Way>,
}

/// One way's outcome.
struct Way {
    /// Not stretched; kept only where a threshold is still to be chosen.
    values: Vec<f32>,
    adaptive: f64,
    half_map: f64,
    hit: bool,
    fixed: f64,
}

/// Which maps, drawn where.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Kind {
    /// Place among an answer's maps: 0 is the plain one.
    map: usize,
    factor: u8,
    geometry: CellGeometry,
}

impl Kind {
    fn map_name(self) -> String {
        if self.factor == 1 { "plain".into() } else { format!("fine{}", self.factor) }
    }

    fn values(self, answer: &Answer) -> Vec<f32> {
        let grid = match self.map {
            0 => answer.plain.grid(),
            // An answerer that leaves a fine map out is judged by its plain one.
            n => answer.fine.get(n - 1).map_or_else(|| answer.plain.grid(), FineMap::grid),
        };
        scored(&grid, Cells::at(self.geometry))
    }
}

fn truth_of(track: &TruthTrack) -> Option<TruthMap> {
    TruthNow::of(track, MediaTime::ZERO, TruthShape::Boxes).map.filter(|m| m.count() > 0)
}

/// Scene `index` of `seed`, drawn and played.
fn show(
    library: &Library,
    options: &SceneOptions,
    (seed, index): (u64, u64),
    rate: u32,
) -> Result<Shown, SynthError> {
    let scene = Scene::plan(library, options, seed, index)?;
    let silent = scene.things().iter().filter(|t| !t.sounds).count();
    let plan = scene.sound_plan();
    let heard = if scene.sounding().len() > 1 {
        // Each thing alone, in the same room and noise.
        let one = |part: &crate::synth::SoundPart| {
            let name = library.kinds.get(part.kind).map(|k| k.name.as_str());
            let mut track = scene.truth().clone();
            track.sources.retain(|s| Some(s.kind.as_str()) == name);
            let alone = SoundPlan { parts: vec![*part], ..plan.clone() };
            Heard { samples: alone.mono(library, rate), truth: truth_of(&track) }
        };
        plan.parts.iter().map(one).collect()
    } else {
        vec![Heard { samples: plan.mono(library, rate), truth: truth_of(scene.truth()) }]
    };
    Ok(Shown { picture: scene.picture(library), heard, silent, negative: scene.negative() })
}

/// Everything that is needed to ask.
struct Asker<'a> {
    library: &'a Library,
    options: &'a DrawnOptions,
    progress: &'a dyn Fn(&str, u64, u64),
}

impl Asker<'_> {
    /// Shows scenes `0..n` of a seed; `each` gets them with their answers, in order. `false` from
    /// it ends the part.
    fn ask(
        &self,
        (name, seed, n): (&str, u64, u64),
        scenes: &SceneOptions,
        fine: &[u8],
        answerer: &mut dyn Answerer,
        each: &mut dyn FnMut(Vec<(Shown, Vec<Answer>)>) -> bool,
    ) -> Result<(), DrawnError> {
        for first in (0..n).step_by(AT_ONCE as usize) {
            (self.progress)(name, first, n);
            let rate = self.options.rate_hz;
            let shown = (first..n.min(first + AT_ONCE))
                .into_par_iter()
                .map(|i| show(self.library, scenes, (seed, i), rate))
                .collect::<Result<Vec<_>, _>>()?;
            let mut answered = Vec::with_capacity(shown.len());
            for s in shown {
                let answers = answerer.answer(&s, fine)?;
                answered.push((s, answers));
            }
            if !each(answered) {
                break;
            }
        }
        Ok(())
    }

    /// Scores scenes in every way of `kinds`; `thetas` are the ways' fixed thresholds.
    fn judge(
        &self,
        part: (&str, u64, u64),
        scenes: &SceneOptions,
        (kinds, thetas): (&[Kind], Option<&[f32]>),
        answerer: &mut dyn Answerer,
        truths: &mut Vec<TruthMap>,
    ) -> Result<Vec<Judged>, DrawnError> {
        let mut all = Vec::new();
        self.ask(part, scenes, &self.options.fine, answerer, &mut |answered| {
            let judged: Vec<_> = answered
                .into_par_iter()
                .filter_map(|(shown, answers)| {
                    let answer = answers.into_iter().next()?;
                    let truth = shown.heard.into_iter().next()?.truth?;
                    Some((judge(&answer, &truth, shown.silent, kinds, thetas), truth))
                })
                .collect();
            for (j, t) in judged {
                all.push(j);
                truths.push(t);
            }
            true
        })?;
        Ok(all)
    }
}

fn judge(
    answer: &Answer,
    truth: &TruthMap,
    silent: usize,
    kinds: &[Kind],
    thetas: Option<&[f32]>,
) -> Judged {
    let way = |(i, kind): (usize, &Kind)| {
        let values = kind.values(answer);
        let scaled = stretched(&values);
        let cut = adaptive(&scaled, truth.count(), Ties::Outside);
        let theta = thetas.and_then(|t| t.get(i)).copied();
        Way {
            adaptive: ciou(&cut.mask, truth).value(),
            half_map: ciou(&half_map(&scaled).mask, truth).value(),
            hit: pointing(&values, truth),
            fixed: theta.map_or(0.0, |t| ciou(&fixed(&values, t).mask, truth).value()),
            values: if theta.is_none() { values } else { Vec::new() },
        }
    };
    let peak = answer.plain.grid().range().1;
    Judged { silent, peak, ways: kinds.iter().enumerate().map(way).collect() }
}

/// The cosine above which most pictures are successes, tried at every hundredth.
fn best_threshold(judged: &[Judged], truths: &[TruthMap], way: usize) -> f32 {
    let successes = |theta: f32| {
        judged
            .par_iter()
            .zip(truths)
            .filter(|(j, t)| ciou(&fixed(&j.ways[way].values, theta).mask, t).value() >= SUCCESS_AT)
            .count()
    };
    let peaks: Vec<f32> = judged.iter().map(|j| j.peak).collect();
    let low = quantile(&peaks, 0.5).unwrap_or(0.0) - 0.4;
    let tried = (0..60).map(|i| low + 0.01 * i as f32);
    let best = tried.map(|t| (successes(t), t)).max_by(|a, b| a.0.cmp(&b.0));
    best.map_or(0.0, |(_, t)| t)
}

fn row(kind: Kind, way: usize, theta: f32, judged: &[&Judged]) -> Row {
    let ways = || judged.iter().map(|j| &j.ways[way]);
    let good = |v: f64| v >= SUCCESS_AT;
    Row {
        map: kind.map_name(),
        cells: kind.geometry.to_string(),
        adaptive: Share::of(ways().map(|w| good(w.adaptive))),
        mean_iou: Mean::of(ways().map(|w| w.adaptive)),
        fixed: Share::of(ways().map(|w| good(w.fixed))),
        threshold: theta,
        half_map: Share::of(ways().map(|w| good(w.half_map))),
        pointing: Share::of(ways().map(|w| w.hit)),
    }
}

fn rows(kinds: &[Kind], thetas: &[f32], judged: &[&Judged]) -> Vec<Row> {
    let each = kinds.iter().zip(thetas).enumerate();
    each.map(|(way, (kind, theta))| row(*kind, way, *theta, judged)).collect()
}

/// A square of `truth`'s area in the middle of the picture.
fn centred_square(truth: &TruthMap) -> Vec<bool> {
    let side = truth.sum().sqrt();
    let inside = |p: usize| {
        let centre = (p as f64 + 0.5) - SCORED_SIDE as f64 / 2.0;
        centre.abs() <= side / 2.0
    };
    (0..PIXELS).map(|i| inside(i % SCORED_SIDE) && inside(i / SCORED_SIDE)).collect()
}

fn baselines(truths: &[TruthMap]) -> Baselines {
    let square: Vec<f64> = truths.iter().map(|t| ciou(&centred_square(t), t).value()).collect();
    let middle = SCORED_SIDE / 2 * SCORED_SIDE + SCORED_SIDE / 2;
    Baselines {
        centred_square: Share::of(square.iter().map(|v| *v >= SUCCESS_AT)),
        centred_square_iou: Mean::of(square),
        whole_picture: Share::of(truths.iter().map(|t| t.area() >= SUCCESS_AT)),
        centre: Share::of(truths.iter().map(|t| t.weights()[middle] > 0.0)),
    }
}

/// Measures everything. `progress` hears the part, and how much of it is done.
///
/// # Errors
/// [`DrawnError`].
pub fn measure(
    library: &Library,
    options: &DrawnOptions,
    answerer: &mut dyn Answerer,
    progress: &dyn Fn(&str, u64, u64),
) -> Result<DrawnReport, DrawnError> {
    let asker = Asker { library, options, progress };
    let plain_scenes = SceneOptions::default();
    let mut factors = vec![1];
    factors.extend(&options.fine);

    // Choose: offset by the mean IoU of the finest map, then one threshold for each way.
    let tried: Vec<CellGeometry> = match options.geometry {
        Some(g) => vec![g],
        None => OFFSETS.map(|offset_px| CellGeometry::Receptive { offset_px }).to_vec(),
    };
    let at = |geometry: CellGeometry| {
        let kind = |(map, factor): (usize, &u8)| Kind { map, factor: *factor, geometry };
        factors.iter().enumerate().map(kind).collect::<Vec<_>>()
    };
    let all: Vec<Kind> =
        std::iter::once(CellGeometry::Aligned).chain(tried.clone()).flat_map(at).collect();
    let mut truths = Vec::new();
    let part = ("choosing thresholds", CHOOSING, options.choosing);
    // Kept in memory: 200 KB for each way of each scene, so few scenes at a time are read again.
    let (kinds, thetas) = {
        let mut sums = vec![0.0; all.len()];
        let mut answers = Vec::new();
        asker.ask(part, &plain_scenes, &options.fine, answerer, &mut |answered| {
            let good = answered.into_iter().filter_map(|(shown, answers)| {
                let answer = answers.into_iter().next()?;
                Some((answer, shown.heard.into_iter().next()?.truth?))
            });
            answers.extend(good);
            true
        })?;
        for (answer, truth) in &answers {
            let judged: Vec<f64> = all
                .par_iter()
                .map(|k| {
                    let values = stretched(&k.values(answer));
                    ciou(&adaptive(&values, truth.count(), Ties::Outside).mask, truth).value()
                })
                .collect();
            sums.iter_mut().zip(judged).for_each(|(s, v)| *s += v);
        }
        let finest = factors.len() - 1;
        let best = (0..tried.len())
            .max_by(|a, b| {
                let of = |i: usize| sums[(i + 1) * factors.len() + finest];
                of(*a).total_cmp(&of(*b))
            })
            .unwrap_or(0);
        let chosen: Vec<Kind> =
            [CellGeometry::Aligned, tried[best]].into_iter().flat_map(at).collect();
        let mut thetas = Vec::new();
        for kind in &chosen {
            let judged: Vec<Judged> =
                answers.par_iter().map(|(a, t)| judge(a, t, 0, &[*kind], None)).collect();
            truths = answers.iter().map(|(_, t)| t.clone()).collect();
            thetas.push(best_threshold(&judged, &truths, 0));
        }
        truths.clear();
        (chosen, thetas)
    };
    let chosen = (kinds.as_slice(), Some(thetas.as_slice()));

    let part = ("scenes", SCENES, options.scenes);
    let scenes = asker.judge(part, &plain_scenes, chosen, answerer, &mut truths)?;
    let held = SceneOptions { split: Split::HeldOut, ..SceneOptions::default() };
    let part = ("held-out drawings", HELD_OUT, options.held_out);
    // Some worlds have none.
    let held = if options.held_out > 0 {
        asker.judge(part, &held, chosen, answerer, &mut Vec::new())?
    } else {
        Vec::new()
    };
    let two_things = two_things(&asker, &kinds, answerer)?;
    let (negatives, no_source_line) = negatives(&asker, &scenes, answerer)?;

    let by_count = |silent: usize| {
        let some: Vec<&Judged> = scenes.iter().filter(|j| j.silent == silent).collect();
        ByDistractors { silent, rows: rows(&kinds, &thetas, &some) }
    };
    Ok(DrawnReport {
        checkpoint: String::new(),
        sha256: String::new(),
        seeds: [
            ("scenes", SCENES),
            ("choosing", CHOOSING),
            ("two things", TWO),
            ("held-out drawings", HELD_OUT),
            ("negatives", NEGATIVES),
        ]
        .map(|(name, seed)| (name.to_owned(), seed))
        .to_vec(),
        scenes: rows(&kinds, &thetas, &scenes.iter().collect::<Vec<_>>()),
        by_distractors: (0..=3).map(by_count).collect(),
        held_out: rows(&kinds, &thetas, &held.iter().collect::<Vec<_>>()),
        two_things,
        negatives,
        no_source_line,
        baselines: baselines(&truths),
        speed: None,
    })
}

fn two_things(
    asker: &Asker<'_>,
    kinds: &[Kind],
    answerer: &mut dyn Answerer,
) -> Result<Vec<TwoThings>, DrawnError> {
    let scenes = SceneOptions { sources: 2..=2, distractors: 0..=0, ..SceneOptions::default() };
    let mut hits: Vec<Vec<[bool; 2]>> = vec![Vec::new(); kinds.len()];
    let part = ("two things", TWO, asker.options.two);
    asker.ask(part, &scenes, &asker.options.fine, answerer, &mut |answered| {
        for (shown, answers) in &answered {
            let right = |kind: &Kind, i: usize| {
                let (heard, answer) = (shown.heard.get(i)?, answers.get(i)?);
                Some(pointing(&kind.values(answer), heard.truth.as_ref()?))
            };
            for (kind, hits) in kinds.iter().zip(&mut hits) {
                // A scene in which one of the two is hidden altogether is no such scene.
                hits.extend(right(kind, 0).zip(right(kind, 1)).map(|(a, b)| [a, b]));
            }
        }
        true
    })?;
    let each = kinds.iter().zip(&hits);
    Ok(each
        .map(|(kind, hits)| TwoThings {
            map: kind.map_name(),
            cells: kind.geometry.to_string(),
            both: Share::of(hits.iter().map(|h| h[0] && h[1])),
            each: Share::of(hits.iter().flatten().copied()),
        })
        .collect())
}

/// Peaks where nothing that is seen sounds, beside those of heard sources.
fn negatives(
    asker: &Asker<'_>,
    scenes: &[Judged],
    answerer: &mut dyn Answerer,
) -> Result<(Vec<Negatives>, (f32, Share)), DrawnError> {
    let own: Vec<f32> = scenes.iter().map(|j| j.peak).collect();
    let line = quantile(&own, 1.0 - KEPT).unwrap_or(f32::NAN);
    let all = [Negative::Silence, Negative::Noise, Negative::OffScreen];
    let mut peaks: [Vec<f32>; 3] = Default::default();
    let options = SceneOptions { negatives: 1.0, ..SceneOptions::default() };
    let wanted = asker.options.negatives as usize;
    // Each is a third of the scenes; six times as many are enough for the unluckiest dice.
    let part = ("nothing sounds", NEGATIVES, 6 * asker.options.negatives);
    asker.ask(part, &options, &[], answerer, &mut |answered| {
        for (shown, answers) in &answered {
            let place = all.iter().position(|n| Some(*n) == shown.negative);
            if let (Some(place), Some(answer)) = (place, answers.first())
                && peaks[place].len() < wanted
            {
                peaks[place].push(answer.plain.grid().range().1);
            }
        }
        peaks.iter().any(|p| p.len() < wanted)
    })?;
    let told = all.iter().zip(&peaks).map(|(kind, peaks)| Negatives {
        name: kind.name().to_owned(),
        auroc: auroc(&own, peaks).unwrap_or(f64::NAN),
        sources: own.len(),
        n: peaks.len(),
        false_alarms: Share::of(peaks.iter().map(|p| *p >= line)),
    });
    Ok((told.collect(), (line, Share::of(own.iter().map(|p| *p >= line)))))
}

/// The whole report about a checkpoint, on the CPU engine with `threads` threads (0: as many as
/// suit the machine).
///
/// # Errors
/// [`DrawnError`].
pub fn report(
    checkpoint: &Checkpoint,
    options: &DrawnOptions,
    threads: usize,
    progress: &dyn Fn(&str, u64, u64),
) -> Result<DrawnReport, DrawnError> {
    let mut library = Library::drawn()?;
    if !options.kinds.is_empty() {
        library = library.keep(&options.kinds.iter().map(String::as_str).collect::<Vec<_>>())?;
    }
    let mut localizer =
        Localizer::open(checkpoint, Box::new(RtenTowers::new(checkpoint, threads)?));
    let options = DrawnOptions {
        rate_hz: checkpoint.card.sample_rate,
        geometry: options.geometry.or(checkpoint.card.cell_geometry),
        ..options.clone()
    };
    let mut out = measure(&library, &options, &mut localizer, progress)?;
    out.checkpoint = checkpoint.card.name.clone();
    out.sha256 = checkpoint.sha256.clone();
    out.speed = Some(speed(&mut localizer)?);
    Ok(out)
}

/// Medians of twenty.
fn speed(localizer: &mut Localizer) -> Result<Speed, InferError> {
    const RUNS: usize = 20;
    let side = crate::features::INPUT_SIDE;
    let pixels = (0..3 * side * side).map(|i| (i * 37 % 251) as u8).collect();
    // Never the case: the pixels are as many as the sides say.
    let Some(picture) = RgbPicture::new(side, side, pixels) else {
        return Err(InferError::FineFactor(0));
    };
    let samples: Vec<f32> =
        (0..localizer.window_len()).map(|i| 0.3 * (i as f32 * 0.2).sin()).collect();
    let median = |run: &mut dyn FnMut() -> Result<(), InferError>| {
        run()?;
        let mut times = Vec::with_capacity(RUNS);
        for _ in 0..RUNS {
            let started = Instant::now();
            run()?;
            times.push(1e3 * started.elapsed().as_secs_f64());
        }
        times.sort_unstable_by(f64::total_cmp);
        Ok::<_, InferError>(times[RUNS / 2])
    };
    let picture_ms = median(&mut || localizer.embed_frame(&picture, 0).map(drop))?;
    let fine_ms = median(&mut || localizer.embed_frame(&picture, 2).map(drop))?;
    let sound_ms = median(&mut || localizer.embed_sound(&samples).map(drop))?;
    Ok(Speed {
        engine: localizer.describe(),
        picture_ms,
        sound_ms,
        maps_per_second: 1e3 / (picture_ms + sound_ms),
        fine2_per_second: 1e3 / (fine_ms + sound_ms),
    })
}

#[cfg(test)]
mod tests;
