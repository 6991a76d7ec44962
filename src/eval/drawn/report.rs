//! What is said about a checkpoint on the drawn world, as JSON and as tables.

use std::fmt::Write;

use serde::Serialize;

use crate::eval::metrics::interval95;

/// A share of pictures, with how sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    /// The share, 0 to 1; not a number without pictures.
    pub share: f64,
    /// Wilson's 95 % interval.
    pub ci95: [f64; 2],
    /// Pictures.
    pub n: usize,
}

/// A mean over pictures, with how sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mean {
    /// The mean; not a number without pictures.
    pub mean: f64,
    /// 1.96 standard errors to both sides.
    pub ci95: [f64; 2],
    /// Pictures.
    pub n: usize,
}

impl Share {
    pub(super) fn of(hits: impl IntoIterator<Item = bool>) -> Self {
        let (mut count, mut n) = (0, 0);
        for hit in hits {
            n += 1;
            count += usize::from(hit);
        }
        Self { share: count as f64 / n as f64, ci95: interval95(count, n), n }
    }
}

impl Mean {
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let var = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        let reach = 1.96 * (var / n).sqrt();
        Self { mean, ci95: [mean - reach, mean + reach], n: values.len() }
    }
}

/// The scores of one way to make and to draw maps.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// `plain`, `fine2` or `fine4`.
    pub map: String,
    /// Where the cells lie.
    pub cells: String,
    /// Success at 0.5 with as many pixels predicted as are true.
    pub adaptive: Share,
    /// Mean IoU of the same.
    pub mean_iou: Mean,
    /// Success at 0.5 under one cosine threshold, chosen on other scenes.
    pub fixed: Share,
    /// That threshold.
    pub threshold: f32,
    /// Success at 0.5 of the greater half of the map: the literature's rule.
    pub half_map: Share,
    /// Highest pixel in the truth.
    pub pointing: Share,
}

/// Two things in one picture, each heard alone in turn.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TwoThings {
    /// `plain`, `fine2` or `fine4`.
    pub map: String,
    /// Where the cells lie.
    pub cells: String,
    /// Pictures in which the peak was right for both.
    pub both: Share,
    /// Sounds for which the peak was right.
    pub each: Share,
}

/// Scores by the number of silent things.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ByDistractors {
    /// Silent things in the picture.
    pub silent: usize,
    /// The same rows for those pictures alone.
    pub rows: Vec<Row>,
}

/// How a peak tells a heard source from something else.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Negatives {
    /// `silence`, `noise`, `off-screen`.
    pub name: String,
    /// Probability that a heard source has the higher peak.
    pub auroc: f64,
    /// Heard sources.
    pub sources: usize,
    /// Pictures in which nothing that is seen sounds.
    pub n: usize,
    /// Share of those whose peak is above the line.
    pub false_alarms: Share,
}

/// What knowing nothing scores.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Baselines {
    /// A centred square of the true area: success at 0.5.
    pub centred_square: Share,
    /// Its mean IoU.
    pub centred_square_iou: Mean,
    /// The whole picture: success at 0.5.
    pub whole_picture: Share,
    /// The middle of the picture lies in the truth.
    pub centre: Share,
}

/// How fast the network answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Speed {
    /// Engine and threads.
    pub engine: String,
    /// Median milliseconds of a picture's embedding.
    pub picture_ms: f64,
    /// Median milliseconds of a sound's spectrogram and embedding.
    pub sound_ms: f64,
    /// Maps a second when both are new for each.
    pub maps_per_second: f64,
    /// The same with the four shifted copies of `fine2`.
    pub fine2_per_second: f64,
}

/// Everything that is measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DrawnReport {
    /// Name on the checkpoint's card.
    pub checkpoint: String,
    /// Its hash.
    pub sha256: String,
    /// Seeds of the parts, never to be learnt from.
    pub seeds: Vec<(String, u64)>,
    /// Scenes of one thing that sounds and 0 to 3 silent ones.
    pub scenes: Vec<Row>,
    /// The same by the number of silent things.
    pub by_distractors: Vec<ByDistractors>,
    /// Drawings that are never learnt from.
    pub held_out: Vec<Row>,
    /// Two things in one picture.
    pub two_things: Vec<TwoThings>,
    /// Heard sources against silence, noise and sounds from off-screen.
    pub negatives: Vec<Negatives>,
    /// The line between them, and the share of heard sources above it.
    pub no_source_line: (f32, Share),
    /// What knowing nothing scores on the same scenes.
    pub baselines: Baselines,
    /// How fast it is here.
    pub speed: Option<Speed>,
}

fn percent(s: &Share) -> String {
    format!("{:.1} ({:.1}-{:.1})", 100.0 * s.share, 100.0 * s.ci95[0], 100.0 * s.ci95[1])
}

fn number(m: &Mean) -> String {
    format!("{:.3} ({:.3}-{:.3})", m.mean, m.ci95[0], m.ci95[1])
}

fn rows(out: &mut String, rows: &[Row]) -> std::fmt::Result {
    writeln!(
        out,
        "| map | cells | n | adaptive | mean IoU | fixed (at) | half map | pointing |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |"
    )?;
    for r in rows {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} ({:.2}) | {} | {} |",
            r.map,
            r.cells,
            r.adaptive.n,
            percent(&r.adaptive),
            number(&r.mean_iou),
            percent(&r.fixed),
            r.threshold,
            percent(&r.half_map),
            percent(&r.pointing)
        )?;
    }
    Ok(())
}

impl DrawnReport {
    /// As tables; per cent with 95 % intervals.
    pub fn to_markdown(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let seeds: Vec<_> = self.seeds.iter().map(|(name, s)| format!("{name} {s}")).collect();
        writeln!(out, "# {} on the drawn world\n", self.checkpoint)?;
        writeln!(
            out,
            "SHA-256 {}. Per cent with 95 % intervals. Seeds: {}.\n",
            self.sha256,
            seeds.join(", ")
        )?;
        writeln!(out, "## One thing sounds, 0 to 3 others are silent\n")?;
        rows(out, &self.scenes)?;
        let b = &self.baselines;
        writeln!(
            out,
            "\nKnowing nothing: centred square of the true area {} (IoU {}), whole picture {}, \
             middle of the picture {}.",
            percent(&b.centred_square),
            number(&b.centred_square_iou),
            percent(&b.whole_picture),
            percent(&b.centre)
        )?;
        for part in &self.by_distractors {
            writeln!(out, "\n### {} silent\n", part.silent)?;
            rows(out, &part.rows)?;
        }
        if self.held_out.iter().any(|r| r.adaptive.n > 0) {
            writeln!(out, "\n## Drawings that were never learnt from\n")?;
            rows(out, &self.held_out)?;
        }
        writeln!(out, "\n## Two things in one picture, each heard alone in turn\n")?;
        writeln!(
            out,
            "| map | cells | n | both right | each right |\n| --- | --- | --- | --- | --- |"
        )?;
        for t in &self.two_things {
            writeln!(
                out,
                "| {} | {} | {} | {} | {} |",
                t.map,
                t.cells,
                t.both.n,
                percent(&t.both),
                percent(&t.each)
            )?;
        }
        let (line, kept) = &self.no_source_line;
        writeln!(out, "\n## Nothing here sounds\n")?;
        writeln!(
            out,
            "Line at a peak cosine of {line:.3}: {} of heard sources are above it.\n",
            percent(kept)
        )?;
        writeln!(
            out,
            "| against | AUROC | sources | n | above the line |\n| --- | --- | --- | --- | --- |"
        )?;
        for n in &self.negatives {
            writeln!(
                out,
                "| {} | {:.4} | {} | {} | {} |",
                n.name,
                n.auroc,
                n.sources,
                n.n,
                percent(&n.false_alarms)
            )?;
        }
        if let Some(s) = &self.speed {
            writeln!(
                out,
                "\n## Speed\n\n{}: picture {:.2} ms, sound {:.2} ms, {:.0} maps a second, {:.0} \
                 with fine2.",
                s.engine, s.picture_ms, s.sound_ms, s.maps_per_second, s.fine2_per_second
            )?;
        }
        Ok(())
    }
}
