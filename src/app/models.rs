//! Checkpoints and devices: read off the window's thread, swapped while the clip plays.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::app::App;
use super::commands::ToastKind;
use super::jobs::Done;
use super::settings::Recent;
use super::view::{CheckpointSummary, file_label};
use crate::infer::SoundTest;
use crate::model::{BUILTIN_NAME, Checkpoint, CheckpointKind, DeviceChoice};

impl App {
    /// Reads a checkpoint on its own thread; the present one stays until the new one is whole.
    pub(super) fn load_checkpoint(&mut self, path: PathBuf) {
        let job = move || {
            let read = Checkpoint::read(&path).map(Arc::new).map_err(|e| e.to_string());
            Done::Checkpoint(path, read)
        };
        if let Err(e) = self.jobs.start("fnac-checkpoint", job) {
            self.warn(e);
        }
    }

    /// Takes the checkpoint that the program carries, if it carries one.
    pub(super) fn load_demo_model(&mut self) {
        let Some(bytes) = self.demo_model else { return };
        let job = move || {
            let read = Checkpoint::from_bytes(Path::new(BUILTIN_NAME), bytes);
            Done::DemoModel(read.map(Arc::new).map_err(|e| e.to_string()))
        };
        if let Err(e) = self.jobs.start("fnac-checkpoint", job) {
            self.warn(e);
        }
    }

    pub(super) fn demo_model_read(&mut self, read: Result<Arc<Checkpoint>, String>) {
        match read {
            Err(e) => self.say(ToastKind::Error, e),
            Ok(checkpoint) => {
                // No toast: the line under the picture says what it is.
                let name = checkpoint.card.name.clone();
                self.state.settings.now.model.checkpoint = None;
                self.take_checkpoint(CheckpointSummary::of(name, &checkpoint, None), checkpoint);
            }
        }
    }

    fn take_checkpoint(&mut self, summary: CheckpointSummary, checkpoint: Arc<Checkpoint>) {
        self.state.kept_map = None;
        self.state.loaded.checkpoint = Some((checkpoint, summary));
        self.send_model();
    }

    pub(super) fn checkpoint_read(&mut self, path: PathBuf, read: Result<Arc<Checkpoint>, String>) {
        let checkpoint = match read {
            Ok(c) => c,
            Err(e) => {
                let kept = match &self.state.loaded.checkpoint {
                    Some((_, s)) => format!(". {} stays in use", s.name),
                    None if self.demo_model.is_some() => ". The demo model is used".to_owned(),
                    None => String::new(),
                };
                self.say(ToastKind::Error, format!("{}{kept}", e.trim_end_matches('.')));
                if self.state.loaded.checkpoint.is_none() {
                    self.load_demo_model();
                }
                return;
            }
        };
        let name = file_label(&path);
        for note in &checkpoint.notes {
            self.state.log.push(super::log::Level::Note, format!("{name}: {note}"));
        }
        let settings = &mut self.state.settings.now;
        Recent::push(&mut settings.recent.checkpoints, path.clone());
        if checkpoint.kind == CheckpointKind::ObjectTower {
            settings.model.object_tower = Some(path);
            self.state.object_tower = Some(name.clone());
            self.state.worker.set_object_tower(Some(checkpoint));
            self.say(ToastKind::Done, format!("{name} is the object tower now: layers 2 and 3"));
            return;
        }
        settings.model.checkpoint = Some(path.clone());
        let summary = CheckpointSummary::of(name.clone(), &checkpoint, Some(path));
        let notes = match summary.notes.len() {
            0 => String::new(),
            1 => " One note in the Log panel".to_owned(),
            n => format!(" {n} notes in the Log panel"),
        };
        let text = format!(
            "{name}: width {}, dimension {}, {} Hz.{notes}",
            summary.width, summary.dim, summary.card.sample_rate
        );
        self.say(ToastKind::Done, text);
        self.put_learnt_aside();
        self.take_checkpoint(summary, checkpoint);
    }

    fn send_model(&mut self) {
        let device = match self.state.loaded.device.parse::<DeviceChoice>() {
            Ok(d) => d,
            Err(e) => {
                let text = format!("{e}; the device is chosen automatically");
                self.warn(text);
                self.state.loaded.device = "auto".into();
                DeviceChoice::Auto
            }
        };
        let checkpoint = self.state.loaded.checkpoint.as_ref().map(|(c, _)| c.clone());
        self.state.worker.set_model(checkpoint, device);
    }

    /// No maps until another checkpoint comes.
    pub(super) fn unload_checkpoint(&mut self) {
        self.state.loaded.checkpoint = None;
        self.state.settings.now.model.checkpoint = None;
        self.set_sound_test(SoundTest::None);
        self.send_model();
    }

    /// Another device, while playing.
    pub(super) fn set_device(&mut self, name: &str) {
        match name.parse::<DeviceChoice>() {
            Ok(_) => {
                self.state.loaded.device = name.to_owned();
                self.state.settings.now.model.device = name.to_owned();
                self.send_model();
            }
            Err(e) => self.warn(e),
        }
    }

    /// Starts or ends a sound test.
    pub(super) fn set_sound_test(&mut self, test: SoundTest) {
        if test != self.state.sound_test {
            self.state.worker.set_sound_test(test.clone());
            self.state.live.set_sound_test(test.clone());
            self.state.sound_test = test;
        }
    }

    /// Puts the map on screen aside, for the difference layer.
    pub(super) fn keep_map(&mut self) {
        let Some(stored) = self.state.map.stored() else { return };
        let frame = stored.frame;
        self.state.kept_map = Some(stored.map);
        self.note(format!("the map of frame {frame} is kept: layer 4 shows what differs from it"));
    }

    /// Asks for compute devices and sound outputs, each on a thread: drivers take their time.
    pub(super) fn list_devices(&mut self) {
        let devices =
            self.jobs.start("fnac-devices", || Done::Devices(crate::model::list_devices()));
        let outputs = self.jobs.start("fnac-outputs", || {
            Done::Outputs(crate::audio::output_devices().into_iter().map(|d| d.name).collect())
        });
        for e in [devices, outputs].into_iter().filter_map(Result::err) {
            self.warn(e);
        }
    }
}
