//! What requests and commands do, beyond one line.

use std::path::PathBuf;
use std::sync::Arc;

use super::app::App;
use super::commands::Request;
use super::jobs::Done;
use super::keys::Bindings;
use super::panels::ModelInputFile;
use super::shots::{ShotFacts, free_name, pictures_dir, save_png};
use super::theme;
use crate::audio::OutputChoice;
use crate::infer::SoundTest;
use crate::units::MediaTime;

impl App {
    /// Does what a panel asked for.
    pub(super) fn execute(&mut self, ctx: &egui::Context, request: Request) {
        let player = &mut self.state.player;
        match request {
            Request::Run(id, argument) => {
                self.remember_command(id);
                self.run_command(ctx, id, argument.as_deref());
            }
            Request::Seek(t) => player.seek(t),
            Request::SeekFrame(f) => player.seek_frame(f),
            Request::Scrub(t) => player.scrub(t),
            Request::ScrubEnd(t) => player.scrub_end(t),
            Request::Loop(a, b) => self.set_loop(a, b),
            Request::Step(by) => player.step(by),
            Request::Volume(v) => {
                self.state.settings.now.play.volume = v.clamp(0.0, 1.0);
                self.apply_volume();
            }
            Request::Speed(s) => player.set_speed(s.clamp(0.05, 4.0)),
            Request::AudioTrack(t) => player.select_audio_track(t),
            Request::Output(name) => self.set_output(name),
            Request::AudioOffset(ms) => {
                let key = self.state.settings.now.play.output.clone().unwrap_or_default();
                self.state.settings.now.play.offset_ms.insert(key, ms);
                self.apply_offset();
            }
            Request::Overlay(o) => self.set_overlay("overlay", *o),
            Request::Settings(what, settings) => {
                self.mark_undo(what);
                self.state.settings.now = *settings;
                self.apply_settings(ctx);
            }
            Request::Reset(section) => {
                self.state.settings.checkpoint(format!("reset {}", section.title()));
                self.state.settings.now.reset(section);
                if section == super::settings::Section::Layouts {
                    self.chrome.docks.reset();
                }
                self.apply_settings(ctx);
                self.note(format!("{} is as it was made. Ctrl+Z takes that back", section.title()));
            }
            Request::Rebind(id, keys) => self.rebind(id, keys),
            Request::ProbeHover(at) => self.state.probe.hover = at,
            Request::ProbePin(at) => self.state.probe.toggle_pin(at),
            Request::ProbeClear => self.state.probe.pins.clear(),
            Request::ForgetMeans => self.state.truth.forget_means(),
            Request::SoundTest(test) => self.set_sound_test(test),
            Request::Device(name) => self.set_device(&name),
            Request::Open(paths) => self.open_paths(&paths),
            Request::OpenCheckpoint(path) => self.load_checkpoint(path),
            Request::SwapSound(path) => self.swap_with(path),
            Request::PlaylistItem(i) => self.playlist_go(i),
            Request::Toast(kind, text) => self.say(kind, text),
            Request::Export(wish) => self.start_export(wish),
            Request::CancelExport(id) => self.state.exports.cancel(id),
            Request::Train(ask) => self.train(ctx, ask),
            Request::Learn(ask) => self.learn(ctx, ask),
            Request::PickFor(pick, name, input) => {
                self.saving = input;
                self.chrome.dialogs.pick_to(ctx, pick, name);
            }
        }
    }

    pub(super) fn apply_volume(&mut self) {
        let play = &self.state.settings.now.play;
        let (volume, muted) = (play.volume, play.muted);
        self.state.player.set_volume(volume);
        self.state.player.set_muted(muted);
    }

    pub(super) fn apply_offset(&mut self) {
        let play = &self.state.settings.now.play;
        let ms =
            play.offset_ms.get(play.output.as_deref().unwrap_or_default()).copied().unwrap_or(0);
        self.state.player.set_audio_offset(MediaTime::from_millis(ms));
    }

    pub(super) fn apply_look(&mut self, ctx: &egui::Context) {
        let look = &self.state.settings.now.look;
        theme::apply(ctx, look.theme, look.scale);
    }

    /// After settings changed as a whole: tell everyone who acts on them.
    fn apply_settings(&mut self, ctx: &egui::Context) {
        self.apply_look(ctx);
        self.apply_volume();
        self.apply_offset();
        let play = &self.state.settings.now.play;
        let looping = play.loop_clip && self.state.playlist.len() < 2;
        self.state.player.set_loop_clip(looping);
        self.state.worker.set_fine(self.state.settings.now.overlay.fine);
        self.state.bindings = Bindings::new(&self.state.settings.now.keys).0;
    }

    fn set_output(&mut self, name: Option<String>) {
        self.state.settings.now.play.output.clone_from(&name);
        let output = name.map_or(OutputChoice::Default, OutputChoice::Device);
        self.snippets_output(output.clone());
        self.state.player.set_output(output);
        self.apply_offset();
    }

    fn rebind(&mut self, id: &'static str, keys: Vec<String>) {
        if let Some(why) = self.state.bindings.clash(id, &keys) {
            self.warn(why);
            return;
        }
        self.mark_undo("keys");
        let usual = super::commands::find(id).is_some_and(|c| c.keys == keys.as_slice());
        let user = &mut self.state.settings.now.keys;
        if usual {
            user.remove(id);
        } else {
            user.insert(id.to_owned(), keys);
        }
        self.state.bindings = Bindings::new(user).0;
    }

    /// Puts a video with the map on the queue.
    fn start_export(&mut self, wish: super::exports::ExportWish) {
        let work = super::exports::work(&self.state.view(), &wish);
        let name = super::view::file_label(&wish.path);
        match work.and_then(|w| self.state.exports.push(wish.path, w)) {
            Ok(()) => self.note(format!("writing {name}")),
            Err(e) => self.warn(e),
        }
    }

    pub(super) fn multiply_speed(&mut self, by: f64) {
        let speed = (self.state.player.presentation().speed * by).clamp(0.1, 4.0);
        // Ten steps down and up end at exactly 1 again.
        let speed = if (speed - 1.0).abs() < 0.02 { 1.0 } else { speed };
        self.state.player.set_speed(speed);
        self.note(format!("speed {speed:.2}×"));
    }

    pub(super) fn seek_by(&mut self, secs: f64) {
        let p = self.state.player.presentation();
        let to = p.now + MediaTime::from_secs_f64(secs);
        let to = to.max(MediaTime::ZERO).min(p.duration.max(MediaTime::ZERO));
        self.state.player.seek(to);
    }

    pub(super) fn loop_marks(&self) -> (Option<MediaTime>, Option<MediaTime>) {
        let loops = self.state.player.presentation().loops;
        (loops.a, loops.b)
    }

    /// Marks may come in any order.
    pub(super) fn set_loop(&mut self, a: Option<MediaTime>, b: Option<MediaTime>) {
        let (a, b) = match (a, b) {
            (Some(x), Some(y)) if y < x => (b, a),
            both => both,
        };
        self.state.player.set_loop_ab(a, b);
    }

    pub(super) fn cycle_loop(&mut self) {
        let now = self.state.player.presentation().now;
        match self.loop_marks() {
            (None, None) => {
                self.set_loop(Some(now), None);
                self.note(format!("loop from {now}: l again marks its end"));
            }
            (Some(a), None) if now != a => {
                self.set_loop(Some(a), Some(now));
                self.note(format!("loop {} to {}", a.min(now), a.max(now)));
            }
            _ => {
                self.set_loop(None, None);
                self.note("the loop is ended");
            }
        }
    }

    pub(super) fn ask_palette(&mut self, ctx: &egui::Context, text: &str) {
        self.chrome.palette.open(text);
        ctx.request_repaint();
    }

    pub(super) fn show_panel(&mut self, id: &'static str) {
        let home = super::layout::home_of(id).unwrap_or("inspect");
        let elsewhere = !self.chrome.docks.has_panel(id) && home != self.state.layout;
        if elsewhere || !self.chrome.docks.show_panel(id) {
            let kept = self.state.settings.now.layouts.clone();
            self.chrome.docks.show(home, &kept);
            self.state.layout = self.chrome.docks.name();
            self.chrome.docks.show_panel(id);
        }
    }

    pub(super) fn layout_name(&self) -> &'static str {
        self.state.layout
    }

    pub(super) fn set_layout(&mut self, ctx: &egui::Context, name: &str) {
        let kept = self.state.settings.now.layouts.clone();
        self.chrome.docks.show(name, &kept);
        self.state.layout = self.chrome.docks.name();
        self.state.blackout = false;
        let demo = self.state.layout == "demo";
        self.set_fullscreen(ctx, demo);
        if demo {
            // A demo must not end: clip or playlist go round.
            self.state.player.set_loop_clip(self.state.playlist.len() < 2);
            self.state.player.play();
        } else {
            self.state.settings.now.look.layout = self.state.layout.to_owned();
        }
    }

    pub(super) fn reset_layout(&mut self) {
        let name = self.state.layout;
        self.state.settings.checkpoint(format!("reset layout {name}"));
        self.state.settings.now.layouts.remove(name);
        self.chrome.docks.reset();
        self.note("the panels are where they were made");
    }

    pub(super) fn set_fullscreen(&mut self, ctx: &egui::Context, on: bool) {
        self.state.fullscreen = on;
        ctx.send_viewport_cmd(egui::ViewportCommand::Fullscreen(on));
    }

    pub(super) fn picture_zoom(&mut self, by: f32) {
        self.chrome.picture.zoom_by(by);
    }

    pub(super) fn picture_reset(&mut self) {
        self.chrome.picture.reset_view();
    }

    /// Closes, ends or leaves the innermost thing.
    pub(super) fn escape(&mut self, ctx: &egui::Context) {
        if self.chrome.palette.close()
            || self.chrome.dialogs.close()
            || std::mem::take(&mut self.chrome.about)
            || self.chrome.key_sheet.close()
            || std::mem::take(&mut self.state.blackout)
        {
            return;
        }
        if self.state.sound_test != SoundTest::None {
            self.set_sound_test(SoundTest::None);
        } else if self.state.layout == "demo" {
            self.set_layout(ctx, "inspect");
        } else if self.state.fullscreen {
            self.set_fullscreen(ctx, false);
        } else if !self.state.probe.pins.is_empty() {
            self.state.probe.pins.clear();
        } else {
            self.chrome.toasts.dismiss();
        }
    }

    pub(super) fn undo(&mut self, ctx: &egui::Context) {
        if let Some(what) = self.state.settings.undo() {
            self.after_undo(ctx);
            self.note(format!("taken back: {what}"));
        }
    }

    pub(super) fn redo(&mut self, ctx: &egui::Context) {
        if let Some(what) = self.state.settings.redo() {
            self.after_undo(ctx);
            self.note(format!("brought back: {what}"));
        }
    }

    fn after_undo(&mut self, ctx: &egui::Context) {
        let kept = self.state.settings.now.layouts.clone();
        self.chrome.docks.show(self.state.layout, &kept);
        self.apply_settings(ctx);
    }

    fn capture(&mut self, with_overlay: bool) -> Option<(egui::ColorImage, ShotFacts)> {
        let view = self.state.view();
        let facts = ShotFacts::of(&view, with_overlay)?;
        let picture = self.chrome.picture.capture(&view, with_overlay)?;
        Some((picture, facts))
    }

    /// Saves the frame on screen; encoding and writing happen on a thread.
    pub(super) fn screenshot(&mut self, _: &egui::Context, with_overlay: bool, to: Option<&str>) {
        let Some((picture, facts)) = self.capture(with_overlay) else {
            self.warn("no picture is shown yet");
            return;
        };
        let path = match to.map(str::trim).filter(|t| !t.is_empty()) {
            Some(path) => PathBuf::from(path),
            None => free_name(pictures_dir().join(&facts.name)),
        };
        let job = move || {
            let text = format!("saved {}", path.display());
            Done::Saved(save_png(&picture, &facts.text, &path).map(|()| text))
        };
        if let Err(e) = self.jobs.start("fnac-save", job) {
            self.warn(e);
        }
    }

    pub(super) fn copy_picture(&mut self, ctx: &egui::Context) {
        if let Some((picture, _)) = self.capture(true) {
            ctx.copy_image(picture);
            self.note("the picture is on the clipboard");
        }
    }

    pub(super) fn save_model_input(&mut self, which: ModelInputFile, path: PathBuf) {
        let Some(input) = self.saving.take() else { return };
        let job = move || {
            let result = input.save(which, &path);
            Done::Saved(match result {
                Ok(()) => Ok(format!("saved {}", path.display())),
                Err(e) => {
                    Err(format!("cannot write {}: {e:#}. Choose another folder", path.display()))
                }
            })
        };
        if let Err(e) = self.jobs.start("fnac-save", job) {
            self.warn(e);
        }
    }
}

/// What is being saved while its dialog is open.
pub(super) type Saving = Option<Arc<super::panels::ModelInput>>;
