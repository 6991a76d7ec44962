//! What `--overlay` writes: the display's picture of each map, drawn and encoded by `export`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use anyhow::Context;

use super::options::OverlayOut;
use super::{Job, Row, unwritable};
use crate::export::{ExportError, FrameMaps, VideoExport, overlay_frame, overlay_video, write_png};
use crate::infer::{LookupPolicy, MapAt, Maps, nothing_sounds};
use crate::media::{CancelToken, MediaInfo, PresentationIndex, VideoFrame};
use crate::model::CheckpointCard;
use crate::overlay::{Field, OverlayParams, ScaleMode};

/// Draws overlays as maps come.
pub struct Drawing {
    params: OverlayParams,
    lines: Vec<String>,
    card: CheckpointCard,
    out: Out,
}

enum Out {
    None,
    /// A picture under its own name, or a folder of numbered ones.
    Pngs {
        one: Option<PathBuf>,
        folder: PathBuf,
    },
    /// Maps are gathered; the video is written when all are there, so that frames between two
    /// maps (`--every`) can be drawn as the window draws them.
    Video {
        path: PathBuf,
        maps: Maps,
        index: Arc<PresentationIndex>,
        audio: Option<usize>,
    },
}

impl Drawing {
    /// Prepares what the options ask for; nothing is written yet.
    pub fn new(
        job: &Job<'_>,
        info: &MediaInfo,
        index: &Arc<PresentationIndex>,
        near: &Path,
    ) -> anyhow::Result<Self> {
        let card = &job.checkpoint.card;
        let params = OverlayParams {
            geometry: job.geometry,
            colormap: job.options.colormap,
            scale: scale_of(card),
            ..OverlayParams::default()
        };
        let out = match job.options.overlay {
            OverlayOut::None => Out::None,
            OverlayOut::Png => {
                let still = info.video.as_ref().is_some_and(|v| v.still);
                let folder = job.output("-overlay");
                if !still {
                    std::fs::create_dir_all(&folder).with_context(|| unwritable(near))?;
                }
                Out::Pngs { one: still.then(|| job.output(".png")), folder }
            }
            OverlayOut::Mp4 => Out::Video {
                path: job.output("-overlay.mp4"),
                maps: Maps::new(index.clone()),
                index: index.clone(),
                audio: info.default_track(),
            },
        };
        let model = match card.name.as_str() {
            "" => job.checkpoint.path.as_ref().and_then(|p| p.file_name()).unwrap_or_default(),
            name => name.as_ref(),
        };
        let lines = vec![job.source.display_name(), model.to_string_lossy().into_owned()];
        Ok(Self { params, lines, card: card.clone(), out })
    }

    /// Takes a frame with its map.
    pub fn add(&mut self, frame: &VideoFrame, row: &Row<'_>) -> anyhow::Result<()> {
        match &mut self.out {
            Out::None => Ok(()),
            Out::Pngs { one, folder } => {
                let fine = row.picture.fine_map(row.sound);
                let (factor, cells) = match &fine {
                    Some(f) => (f.factor(), f.grid().cells.to_vec()),
                    None => (1, row.map.0.to_vec()),
                };
                let params = OverlayParams {
                    map: Field::new(factor, cells),
                    plain: Some(row.map),
                    outline_only: nothing_sounds(&self.card, row.map.grid().range().1),
                    ..self.params.clone()
                };
                let name = folder.join(format!("{:06}.png", frame.index.0));
                let path = one.clone().unwrap_or(name);
                let text = [
                    ("Source", self.lines.join(", ")),
                    ("Frame", frame.index.to_string()),
                    ("Time", format!("{:.6}", row.pts)),
                ];
                let drawn = overlay_frame(&frame.picture, &params, Some(&self.lines));
                Ok(write_png(&path, &drawn, &text)?)
            }
            Out::Video { maps, .. } => {
                maps.insert(frame.index, &row.map);
                if let Some(fine) = row.picture.fine_map(row.sound) {
                    maps.insert_fine(frame.index, fine);
                }
                Ok(())
            }
        }
    }

    /// Writes the video; pictures are written already. False when Ctrl-C stopped it.
    pub fn finish(self, job: &Job<'_>) -> anyhow::Result<bool> {
        let Out::Video { path, maps, index, audio } = self.out else { return Ok(true) };
        let card = self.card;
        let export = VideoExport {
            source: job.source.clone(),
            index: Some(index),
            audio_track: audio,
            frames: None,
            path,
            params: self.params,
            legend: true,
            lines: self.lines,
            maps: Box::new(move |frame| drawn_over(&maps, frame, &card)),
        };
        let cancel = CancelToken::from_flag(job.stop.clone());
        match overlay_video(export, &AtomicU32::new(0), &cancel) {
            Ok(_) => Ok(true),
            Err(ExportError::Cancelled) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }
}

/// What the window would draw over a frame: its own map, a blend, or a held one, paled.
fn drawn_over(maps: &Maps, frame: &VideoFrame, card: &CheckpointCard) -> FrameMaps {
    let policy = LookupPolicy::default();
    let at = maps.lookup(frame.index, policy);
    let dim = match &at {
        MapAt::Held { age, .. } => {
            (age.as_secs_f64() / policy.hold.as_secs_f64().max(1e-9)).clamp(0.0, 1.0) as f32
        }
        _ => 0.0,
    };
    let Some(stored) = at.stored() else { return FrameMaps::default() };
    let map = match &stored.fine {
        Some(f) => Field::new(f.factor(), f.grid().cells.to_vec()),
        None => Field::new(1, stored.map.0.to_vec()),
    };
    let quiet = nothing_sounds(card, stored.map.grid().range().1);
    FrameMaps { map, plain: Some(stored.map), dim, quiet, ..FrameMaps::default() }
}

/// The card's calibrated scale, else the absolute one.
fn scale_of(card: &CheckpointCard) -> ScaleMode {
    match card.calibration {
        Some((lo, hi)) => ScaleMode::Calibrated { lo, hi },
        None => ScaleMode::Absolute,
    }
}
