//! What is true in the window: the clip, the model, the user's choices. The panels see it as a
//! [`View`]; only commands change it.

use std::path::PathBuf;
use std::sync::Arc;

use super::clip_scale::ClipScale;
use super::exports::Exports;
use super::keys::Bindings;
use super::learning::{Learning, LiveSummary};
use super::log::LogLines;
use super::open::Playlist;
use super::settings::SettingsStore;
use super::training::Training;
use super::truth::ClipTruth;
use super::view::{CheckpointSummary, ProbeState, View};
use crate::infer::{InferStatus, InferWorker, LiveFacts, LiveWorker, MapAt, MapStore, SoundTest};
use crate::media::{MediaSource, SoundTrack};
use crate::model::{Checkpoint, DeviceInfo};
use crate::player::Player;
use crate::units::LocalizationMap;

/// The open clip.
#[derive(Default)]
pub(super) struct Clip {
    /// What was asked for.
    pub source: Option<MediaSource>,
    /// It is the one that the program carries.
    pub builtin: bool,
    /// The player has opened it and the worker was told.
    pub wired: bool,
    /// Its whole sound at the model's rate.
    pub sound: Option<Arc<SoundTrack>>,
    /// Track and rate of `sound`.
    pub sound_of: Option<(usize, u32)>,
}

/// The loaded checkpoint and object tower.
#[derive(Default)]
pub(super) struct Loaded {
    pub checkpoint: Option<(Arc<Checkpoint>, CheckpointSummary)>,
    /// As typed: `auto`, `cpu`, `gpu`, `gpu:N`.
    pub device: String,
}

/// Everything that a [`View`] shows.
pub struct State {
    pub(super) player: Player,
    pub(super) worker: InferWorker,
    pub(super) clip: Clip,
    pub(super) loaded: Loaded,
    pub(super) object_tower: Option<String>,
    pub(super) has_demo_model: bool,
    pub(super) maps: Arc<MapStore>,
    pub(super) status: Arc<InferStatus>,
    pub(super) map: MapAt,
    pub(super) truth: ClipTruth,
    pub(super) kept_map: Option<LocalizationMap>,
    pub(super) clip_scale: ClipScale,
    pub(super) settings: SettingsStore,
    pub(super) bindings: Bindings,
    pub(super) playlist: Playlist,
    pub(super) probe: ProbeState,
    pub(super) sound_test: SoundTest,
    pub(super) swap_sound: Option<PathBuf>,
    pub(super) overlay_held_off: bool,
    pub(super) layout: &'static str,
    pub(super) fullscreen: bool,
    pub(super) blackout: bool,
    pub(super) devices: Vec<DeviceInfo>,
    pub(super) outputs: Vec<String>,
    pub(super) adapter: String,
    pub(super) software_drawing: bool,
    pub(super) exports: Exports,
    pub(super) training: Training,
    pub(super) learning: Learning,
    pub(super) live: LiveWorker,
    pub(super) live_maps: Arc<MapStore>,
    pub(super) live_status: Arc<InferStatus>,
    /// Whose maps of the run are in the picture.
    pub(super) live_shown: Option<Arc<LiveFacts>>,
    pub(super) live_summary: Option<LiveSummary>,
    pub(super) log: LogLines,
}

impl State {
    /// What panels may see.
    pub fn view(&self) -> View<'_> {
        let settings = &self.settings.now;
        // While the run's weights are in the picture everything on the screen is of them.
        let live = self.live_summary.as_ref().filter(|_| self.live_shown.is_some());
        View {
            presentation: self.player.presentation(),
            source: self.clip.source.as_ref(),
            builtin: self.clip.builtin,
            has_demo_model: self.has_demo_model,
            media: self.player.info(),
            index: self.player.index(),
            sound: self.clip.sound.as_ref(),
            maps: self.maps_shown(),
            map: &self.map,
            truth: &self.truth,
            kept_map: self.kept_map.as_ref(),
            clip_scale: match &self.live_shown {
                Some(facts) => self.live_range(facts),
                None => self.clip_scale.range(),
            },
            infer: if live.is_some() { &self.live_status } else { &self.status },
            checkpoint: match live {
                Some(l) => Some(&l.summary),
                None => self.loaded.checkpoint.as_ref().map(|(_, s)| s),
            },
            live_words: live.map(|l| l.summary.name.as_str()),
            object_tower: self.object_tower.as_deref(),
            devices: &self.devices,
            device_choice: &self.loaded.device,
            outputs: &self.outputs,
            settings,
            overlay: &settings.overlay,
            overlay_held_off: self.overlay_held_off,
            sound_test: &self.sound_test,
            probe: &self.probe,
            playlist: &self.playlist,
            bindings: &self.bindings,
            log: &self.log,
            layout: self.layout,
            demo: self.layout == "demo",
            fullscreen: self.fullscreen,
            blackout: self.blackout,
            software_drawing: self.software_drawing,
            adapter: &self.adapter,
            undo: self.settings.undo_text(),
            redo: self.settings.redo_text(),
            exports: &self.exports,
            training: &self.training,
            learning: &self.learning,
        }
    }

    /// The maps that lie over the picture: the run's while its weights are shown.
    pub(super) fn maps_shown(&self) -> &Arc<MapStore> {
        if self.live_shown.is_some() { &self.live_maps } else { &self.maps }
    }

    /// The scale of weights whose card brings none: their row of the watch list.
    fn live_range(&self, facts: &LiveFacts) -> Option<(f32, f32)> {
        let step = self.learning.moments.get(facts.id).map_or(self.learning.step(), |m| m.step);
        self.learning.range_at(step)
    }
}
