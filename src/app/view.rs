//! What is true: panels read it, and ask for changes through a [`CommandSender`].
//!
//! Built once per drawn frame from the parts of the window; nothing in it can be changed.
//!
//! [`CommandSender`]: super::commands::CommandSender

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::keys::Bindings;
use super::log::LogLines;
use super::open::Playlist;
use super::picture::TruthMarks;
use super::settings::{GeometryChoice, OverlaySettings, ScaleChoice, Settings};
use super::truth::ClipTruth;
use crate::infer::{InferStatus, MapAt, MapStore, SoundTest};
use crate::media::{MediaInfo, MediaSource, PresentationIndex, SoundTrack};
use crate::model::{Checkpoint, CheckpointCard, DeviceInfo};
use crate::overlay::ScaleMode;
use crate::player::Presentation;
use crate::units::{CellGeometry, LocalizationMap};

/// What is true in this frame of the window.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The player's state; its `frame` is the picture to draw.
    pub presentation: &'a Presentation,
    /// What is open, once it is known.
    pub source: Option<&'a MediaSource>,
    /// True while the clip is the one that the program carries.
    pub builtin: bool,
    /// The program carries a checkpoint.
    pub has_demo_model: bool,
    /// Streams of the open clip.
    pub media: Option<&'a MediaInfo>,
    /// Presentation times of the open clip.
    pub index: Option<&'a Arc<PresentationIndex>>,
    /// The whole sound track, growing while it is decoded.
    pub sound: Option<&'a Arc<SoundTrack>>,
    /// Maps of the open clip.
    pub maps: &'a Arc<MapStore>,
    /// The map for the picture on the screen.
    pub map: &'a MapAt,
    /// What is true in the clip, and what it says about the map.
    pub truth: &'a ClipTruth,
    /// The map that `keep-map` put aside: the difference layer subtracts it.
    pub kept_map: Option<&'a LocalizationMap>,
    /// 1st and 99th percentile of this clip's cosines, once there are enough maps.
    pub clip_scale: Option<(f32, f32)>,
    /// The worker's state.
    pub infer: &'a InferStatus,
    /// The loaded checkpoint.
    pub checkpoint: Option<&'a CheckpointSummary>,
    /// What the picture says about the run's weights, while they are in it; they are
    /// `checkpoint` then.
    pub live_words: Option<&'a str>,
    /// The loaded object tower's file name.
    pub object_tower: Option<&'a str>,
    /// Compute devices, once they are known.
    pub devices: &'a [DeviceInfo],
    /// The device that was asked for: `auto`, `cpu`, `gpu`, `gpu:N`.
    pub device_choice: &'a str,
    /// Names of the sound outputs, once they are known.
    pub outputs: &'a [String],
    /// Everything the user chose.
    pub settings: &'a Settings,
    /// How the map is drawn (a part of `settings`).
    pub overlay: &'a OverlaySettings,
    /// True while the hide key is held: draw the picture alone.
    pub overlay_held_off: bool,
    /// The sound test that runs.
    pub sound_test: &'a SoundTest,
    /// Where the probe stands and what is pinned.
    pub probe: &'a ProbeState,
    /// What is in the list of items.
    pub playlist: &'a Playlist,
    /// Keys of the commands.
    pub bindings: &'a Bindings,
    /// What happened so far.
    pub log: &'a LogLines,
    /// Name of the shown layout.
    pub layout: &'a str,
    /// The Demo layout is shown: no chrome, large type.
    pub demo: bool,
    /// The window fills the screen.
    pub fullscreen: bool,
    /// `b` or `.` in the Demo layout: a black screen.
    pub blackout: bool,
    /// True when drawing goes through a software adapter.
    pub software_drawing: bool,
    /// Name of the graphics adapter that draws the window.
    pub adapter: &'a str,
    /// What undo would take back and redo bring back.
    pub undo: Option<&'a str>,
    /// See `undo`.
    pub redo: Option<&'a str>,
    /// Videos being written.
    pub exports: &'a super::exports::Exports,
    /// The recipe that is made, the run that works.
    pub training: &'a super::training::Training,
    /// The run as one sees and hears it.
    pub learning: &'a super::learning::Learning,
}

impl<'a> View<'a> {
    /// The geometry that the overlay, the probe and the contours use.
    pub fn geometry(&self) -> CellGeometry {
        self.overlay.geometry.resolve(self.checkpoint.and_then(|c| c.card.cell_geometry))
    }

    /// True when the geometry is the card's own word.
    pub fn geometry_from_card(&self) -> bool {
        self.overlay.geometry == GeometryChoice::Card
            && self.checkpoint.is_some_and(|c| c.card.cell_geometry.is_some())
    }

    /// True when `calibrated` takes its numbers from this clip, because the card has none.
    pub fn calibrated_on_clip(&self) -> bool {
        let card = self.checkpoint.and_then(|c| c.card.calibration);
        self.overlay.scale == ScaleChoice::Calibrated && card.is_none() && self.clip_scale.is_some()
    }

    /// The scale that is really used: `calibrated` takes the card's numbers, else this clip's
    /// own, and is absolute until there are enough maps for these.
    pub fn scale_mode(&self) -> ScaleMode {
        let card = self.checkpoint.and_then(|c| c.card.calibration);
        match (self.overlay.scale, card.or(self.clip_scale)) {
            (ScaleChoice::PerFrame, _) => ScaleMode::PerFrame,
            (ScaleChoice::Calibrated, Some((lo, hi))) if lo < hi => {
                ScaleMode::Calibrated { lo, hi }
            }
            (ScaleChoice::Absolute | ScaleChoice::Calibrated, _) => ScaleMode::Absolute,
        }
    }

    /// Whether the map is drawn in this frame.
    pub fn overlay_visible(&self) -> bool {
        self.overlay.visible && !self.overlay_held_off
    }

    /// What sounds now and is not in the picture, where truth is shown.
    pub fn heard_off_screen(&self) -> &'a [String] {
        let shown = self.truth_marks().is_some();
        let judged = self.truth.judged.as_ref().filter(|_| shown);
        judged.map_or(&[], |j| &j.now.off_screen)
    }

    /// The outlines of truth, where they are to be drawn: never in the Demo layout, where the
    /// picture stands alone.
    pub fn truth_marks(&self) -> Option<&'a TruthMarks> {
        let shown = self.overlay.truth && !self.overlay_held_off && !self.demo;
        self.truth.judged.as_ref().map(|j| &j.marks).filter(|_| shown)
    }

    /// A clip is open and has pictures or sound to play.
    pub fn has_clip(&self) -> bool {
        self.media.is_some()
    }
}

/// The loaded checkpoint, for those who only show it.
#[derive(Clone, Debug)]
pub struct CheckpointSummary {
    /// File name, or what stands in its place.
    pub name: String,
    /// Its card.
    pub card: CheckpointCard,
    /// Width of the first stage.
    pub width: usize,
    /// Length of an embedding.
    pub dim: usize,
    /// Container, in words.
    pub format: String,
    /// Of the file, hexadecimal.
    pub sha256: String,
    /// What does not match or was guessed, one line each.
    pub notes: Vec<String>,
    /// The file; `None` for the one that the program carries.
    pub path: Option<PathBuf>,
}

impl CheckpointSummary {
    /// What is said about `checkpoint`, called `name`.
    pub(super) fn of(name: String, checkpoint: &Checkpoint, path: Option<PathBuf>) -> Self {
        Self {
            name,
            card: checkpoint.card.clone(),
            width: checkpoint.config.width,
            dim: checkpoint.config.dim,
            format: checkpoint.format.name().to_owned(),
            sha256: checkpoint.sha256.clone(),
            notes: checkpoint.notes.clone(),
            path,
        }
    }

    /// It is the one that the program carries.
    pub fn is_demo(&self) -> bool {
        self.path.is_none()
    }

    /// Its name, and for the demo model what it can do: it always says that it is one.
    pub fn title(&self) -> String {
        match self.card.remark.as_ref().filter(|_| self.is_demo()) {
            Some(remark) => format!("{} · {remark}", self.name),
            None => self.name.clone(),
        }
    }
}

/// The cursor probe and its pins, in fractions of the picture (0, 0 at the upper left).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProbeState {
    /// Under the cursor; `None` when it is elsewhere.
    pub hover: Option<[f32; 2]>,
    /// Pinned by a click, at most [`PINS_MAX`].
    pub pins: Vec<[f32; 2]>,
}

/// Pins that can be traced at once.
pub const PINS_MAX: usize = 4;

impl ProbeState {
    /// Pins `at`; a click close to a pin takes it away; the oldest gives way to a fifth.
    pub fn toggle_pin(&mut self, at: [f32; 2]) {
        let near = |p: &[f32; 2]| (p[0] - at[0]).hypot(p[1] - at[1]) < 0.02;
        if let Some(i) = self.pins.iter().position(near) {
            self.pins.remove(i);
            return;
        }
        if self.pins.len() == PINS_MAX {
            self.pins.remove(0);
        }
        self.pins.push(at);
    }
}

/// The name of a file for labels: its last part, lossy.
pub fn file_label(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_pin_replaces_the_oldest_and_a_second_click_unpins() {
        let mut p = ProbeState::default();
        for i in 0..5 {
            p.toggle_pin([0.1 * i as f32, 0.5]);
        }
        assert_eq!(p.pins.len(), PINS_MAX);
        assert!((p.pins[0][0] - 0.1).abs() < 1e-6);
        p.toggle_pin([0.405, 0.5]);
        assert_eq!(p.pins.len(), 3);
    }
}
