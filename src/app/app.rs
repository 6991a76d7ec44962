//! The window's life: events in, one frame out, then what was asked for.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::WindowArgs;
use super::clip_scale::ClipScale;
use super::commands::{CommandSender, Request, ToastKind, find};
use super::dialogs::{Dialogs, Pick};
use super::exports::Exports;
use super::jobs::{Done, Jobs};
use super::key_sheet::KeySheet;
use super::keys::{Bindings, KeyContext, KeyInput};
use super::layout::Docks;
use super::learning::Learning;
use super::log::{self, Level};
use super::open::Playlist;
use super::palette::Palette;
use super::picture::PictureView;
use super::settings::{OverlaySettings, Recent, SettingsStore};
use super::state::{Clip, Loaded, State};
use super::theme;
use super::timeline::Timeline;
use super::toasts::Toasts;
use super::view::ProbeState;
use crate::audio::OutputChoice;
use crate::infer::{InferWorker, LiveOptions, LiveWorker, MapAt, SoundTest, WorkerOptions};
use crate::player::{PlayState, Player, PlayerOptions};
use crate::units::{MediaTime, Waker};

/// What draws the window and has no say in what is true.
pub(super) struct Chrome {
    pub docks: Docks,
    pub picture: PictureView,
    pub timeline: Timeline,
    pub palette: Palette,
    pub key_sheet: KeySheet,
    pub about: bool,
    pub dialogs: Dialogs,
    pub toasts: Toasts,
    pub keys: KeyInput,
    /// When the pointer moved last.
    pub pointer: Instant,
}

/// How the window starts.
pub struct Start {
    /// From the command line.
    pub args: WindowArgs,
    /// Where settings are kept; nothing is kept without.
    pub config_dir: Option<PathBuf>,
    /// Where maps and the built-in clip are kept.
    pub cache_dir: Option<PathBuf>,
    /// Sound goes there.
    pub output: OutputChoice,
    /// The last starts failed: defaults only.
    pub safe: bool,
    /// The checkpoint for those who name none, [`crate::model::BUILTIN`] but for tests.
    pub demo_model: Option<&'static [u8]>,
}

/// The window.
pub struct App {
    pub(super) state: State,
    pub(super) chrome: Chrome,
    pub(super) out: CommandSender,
    pub(super) jobs: Jobs,
    pub(super) waker: Waker,
    pub(super) cache_dir: Option<PathBuf>,
    pub(super) demo_model: Option<&'static [u8]>,
    pub(super) resume_at: Option<MediaTime>,
    last_state: PlayState,
    last_tried_save: Instant,
    undo_mark: Option<(&'static str, Instant)>,
    title: String,
    was_hidden_cursor: bool,
    pub(super) failed_in_a_row: usize,
    notes_seen: u64,
    window_size: Option<[f32; 2]>,
    pub(super) saving: super::actions::Saving,
    keeps_size: bool,
}

/// Changes of one setting closer together than this are one step of undo.
const UNDO_STRETCH: Duration = Duration::from_millis(1200);
/// Settings are written at most this often.
const SAVE_EVERY: Duration = Duration::from_secs(2);
/// Chrome and cursor hide this long after the pointer rested, full screen.
const HIDE_AFTER: Duration = Duration::from_secs(2);

impl App {
    /// Builds the window's parts; heavy ones start on their own threads.
    ///
    /// # Errors
    /// When the system gives no thread for the worker.
    pub fn new(
        ctx: &egui::Context,
        render_state: Option<&egui_wgpu::RenderState>,
        start: Start,
    ) -> anyhow::Result<Self> {
        let waker: Waker = {
            let ctx = ctx.clone();
            // Threads may wake often; more than a hundred frames a second help nobody.
            Arc::new(move || ctx.request_repaint_after(Duration::from_millis(8)))
        };
        let (mut settings, trouble) = SettingsStore::load(start.config_dir.as_deref());
        if start.safe {
            // The file stays as it is; this run uses defaults where something may have broken.
            settings.now.layouts.clear();
            settings.now.model.checkpoint = None;
            settings.now.model.object_tower = None;
        }
        let (bindings, key_trouble) = Bindings::new(&settings.now.keys);
        theme::apply(ctx, settings.now.look.theme, settings.now.look.scale);
        let worker_options = WorkerOptions {
            // Nothing in the window shows the evidence yet: no bank of sounds for nobody.
            evidence: false,
            ..WorkerOptions::new(waker.clone(), start.cache_dir.clone())
        };
        let live = LiveWorker::spawn(LiveOptions::from(&worker_options))?;
        let learning =
            Learning::new(worker_options.opener.clone(), start.output.clone(), waker.clone());
        let worker = InferWorker::spawn(worker_options)?;
        let player = Player::new(PlayerOptions {
            output: start.output,
            waker: waker.clone(),
            ..PlayerOptions::default()
        });
        let args = &start.args;
        let layout = match (&args.layout, args.demo) {
            (_, true) => "demo".to_owned(),
            (Some(name), _) => name.clone(),
            _ => settings.now.look.layout.clone(),
        };
        let docks = Docks::new(&layout, &settings.now.layouts);
        let info = render_state.map(|rs| rs.adapter.get_info());
        let software = info.as_ref().is_some_and(|i| i.device_type == wgpu::DeviceType::Cpu);
        let device = if args.device.is_empty() || args.device == "auto" {
            settings.now.model.device.clone()
        } else {
            args.device.clone()
        };
        let state = State {
            maps: worker.maps(),
            status: worker.status(),
            player,
            worker,
            clip: Clip::default(),
            loaded: Loaded { device, ..Loaded::default() },
            object_tower: None,
            has_demo_model: start.demo_model.is_some(),
            map: MapAt::None,
            truth: super::truth::ClipTruth::default(),
            kept_map: None,
            clip_scale: ClipScale::default(),
            bindings,
            playlist: Playlist::default(),
            probe: ProbeState::default(),
            sound_test: SoundTest::None,
            swap_sound: None,
            overlay_held_off: false,
            layout: docks.name(),
            fullscreen: false,
            blackout: false,
            devices: Vec::new(),
            outputs: Vec::new(),
            adapter: info
                .map(|i| format!("{} ({}, {})", i.name, i.backend, i.driver_info))
                .unwrap_or_default(),
            software_drawing: software,
            exports: Exports::new(waker.clone()),
            training: super::training::Training::default(),
            learning,
            live_maps: live.maps(),
            live_status: live.status(),
            live_shown: None,
            live_summary: None,
            live,
            log: log::shared().clone(),
            settings,
        };
        let chrome = Chrome {
            docks,
            picture: PictureView::new(render_state),
            timeline: Timeline::new(),
            palette: Palette::default(),
            key_sheet: KeySheet::default(),
            about: false,
            dialogs: Dialogs::default(),
            toasts: Toasts::default(),
            keys: KeyInput::default(),
            pointer: Instant::now(),
        };
        let mut app = Self {
            state,
            chrome,
            out: CommandSender::default(),
            jobs: Jobs::new(waker.clone()),
            waker,
            cache_dir: start.cache_dir,
            demo_model: start.demo_model,
            resume_at: None,
            last_state: PlayState::Empty,
            last_tried_save: Instant::now(),
            undo_mark: None,
            title: String::new(),
            was_hidden_cursor: false,
            failed_in_a_row: 0,
            notes_seen: 0,
            window_size: None,
            saving: None,
            keeps_size: args.size.is_none() && args.screenshot.is_none(),
        };
        for text in trouble.into_iter().chain(key_trouble) {
            app.warn(text);
        }
        app.begin(ctx, &start.args, start.safe);
        Ok(app)
    }

    fn begin(&mut self, ctx: &egui::Context, args: &WindowArgs, safe: bool) {
        if safe {
            self.warn(
                "the last two starts failed: this one uses the default layout, no kept checkpoint \
                 and the safest graphics. Settings are kept; the next start is a usual one",
            );
        }
        if self.state.layout == "demo" {
            self.set_fullscreen(ctx, true);
        }
        let play = &self.state.settings.now.play;
        self.state.player.set_loop_clip(play.loop_clip);
        self.apply_volume();
        self.apply_offset();
        self.list_devices();
        if let Some(path) =
            args.checkpoint.clone().or_else(|| self.state.settings.now.model.checkpoint.clone())
        {
            self.load_checkpoint(path);
        } else {
            self.load_demo_model();
        }
        if let Some(path) = self.state.settings.now.model.object_tower.clone() {
            self.load_checkpoint(path);
        }
        self.state.worker.set_fine(self.state.settings.now.overlay.fine);
        match (args.inputs.as_slice(), &args.audio) {
            ([], None) => self.open_builtin(),
            ([picture], Some(audio)) => {
                self.play_items(vec![crate::media::MediaSource::Pair {
                    picture: picture.clone(),
                    audio: audio.clone(),
                }]);
            }
            ([], Some(audio)) => self.open_paths(std::slice::from_ref(audio)),
            (inputs, _) => self.open_paths(inputs),
        }
    }

    /// Says something: a toast and a line in the log.
    pub(super) fn say(&mut self, kind: ToastKind, text: impl Into<String>) {
        let text = text.into();
        let level = match kind {
            ToastKind::Done | ToastKind::Note => Level::Note,
            ToastKind::Warning => Level::Warning,
            ToastKind::Error => Level::Error,
        };
        self.state.log.push(level, text.as_str());
        self.chrome.toasts.add(kind, text);
    }

    /// Says that something is not as wished.
    pub(super) fn warn(&mut self, text: impl Into<String>) {
        self.say(ToastKind::Warning, text);
    }

    /// Says something good to know, without a line in the log.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.chrome.toasts.add(ToastKind::Note, text);
    }

    /// Takes up what threads came to; runs while the window is hidden, too.
    pub fn logic(&mut self, ctx: &egui::Context) {
        while let Some(done) = self.jobs.poll() {
            match done {
                Done::Devices(list) => self.state.devices = list,
                Done::Outputs(list) => self.state.outputs = list,
                Done::Builtin(result) => self.builtin_ready(result),
                Done::Checkpoint(path, result) => self.checkpoint_read(path, result),
                Done::DemoModel(result) => self.demo_model_read(result),
                Done::Truth(path, read) => self.truth_read(&path, read),
                Done::Data(number, found) => self.data_looked_at(number, found),
                Done::Check(number, found) => self.check_done(number, found),
                Done::Runs(number, found) => self.runs_listed(number, found),
                Done::Curves(folder, read) => self.curves_read(folder, read),
                Done::History(folder, read) => self.history_read(&folder, read),
                Done::Saved(Ok(text)) => self.say(ToastKind::Done, text),
                Done::Saved(Err(text)) => self.say(ToastKind::Error, text),
            }
        }
        if let Some((pick, files)) = self.chrome.dialogs.poll() {
            self.picked(pick, files);
        }
        for note in self.state.exports.poll() {
            match note {
                Ok(text) => self.say(ToastKind::Done, text),
                Err(text) => self.say(ToastKind::Error, text),
            }
        }
        self.state.status = self.state.worker.status();
        self.state.player.tick();
        self.follow_player(ctx);
        self.follow_scale();
        self.follow_learning();
        let frame = self.state.player.presentation().frame.as_ref().map(|f| f.index);
        self.state.map = frame.map_or(MapAt::None, |f| self.state.maps_shown().lookup(f));
        self.follow_truth();
        self.follow_training(ctx);
    }

    /// Lets the scale of a checkpoint without calibration follow this clip's maps.
    fn follow_scale(&mut self) {
        let s = &mut self.state;
        let checkpoint = s.loaded.checkpoint.as_ref().map(|(c, _)| c.sha256.as_str());
        let key = format!("{:?} {}", s.clip.source, checkpoint.unwrap_or_default());
        // The worker's word as well: it ends a test a little after the window did.
        let testing = s.sound_test != SoundTest::None || !s.status.sound_test.is_empty();
        s.clip_scale.follow(key, testing, &s.maps);
    }

    /// Notices what the player came to since the last frame.
    fn follow_player(&mut self, ctx: &egui::Context) {
        self.wire_clip();
        self.pass_notes();
        let state = self.state.player.presentation().state;
        if state != self.last_state {
            self.last_state = state;
            match state {
                PlayState::Failed => {
                    if let Some(e) = &self.state.player.presentation().error {
                        let text = e.to_string();
                        self.say(ToastKind::Error, text);
                    }
                    // A playlist goes on without the item that cannot be played, once round.
                    self.failed_in_a_row += 1;
                    if self.failed_in_a_row < self.state.playlist.len() {
                        self.playlist_step(ctx, 1);
                    }
                }
                PlayState::Ended
                    if self.state.playlist.len() > 1 && self.state.settings.now.play.advance =>
                {
                    self.playlist_step(ctx, 1);
                }
                _ => {}
            }
        }
    }

    /// Says what the player noted since the last frame.
    fn pass_notes(&mut self) {
        let seen = self.notes_seen;
        let new: Vec<_> = self
            .state
            .player
            .presentation()
            .notes
            .iter()
            .filter(|n| n.id > seen)
            .cloned()
            .collect();
        for note in new {
            self.notes_seen = note.id;
            self.warn(note.text);
        }
    }

    /// One frame of the window: keys, drawing, then what was asked for.
    pub fn frame(&mut self, ui: &mut egui::Ui) {
        let ctx = ui.ctx().clone();
        self.keys(&ctx);
        self.draw(ui);
        self.after(&ctx);
    }

    fn keys(&mut self, ctx: &egui::Context) {
        let at = KeyContext {
            typing: ctx.text_edit_focused(),
            widget_focused: ctx.egui_wants_keyboard_input(),
            demo: self.state.layout == "demo",
        };
        let hits =
            ctx.input_mut(|i| self.chrome.keys.take(&mut i.events, &self.state.bindings, at));
        for hit in hits {
            self.run_command(ctx, hit.id, hit.argument.as_deref());
        }
        let (dropped, moved) = ctx.input(|i| {
            let files: Vec<PathBuf> =
                i.raw.dropped_files.iter().map(|f| f.path().to_owned()).collect();
            (files, i.pointer.is_moving() || i.pointer.any_down())
        });
        if moved {
            self.chrome.pointer = Instant::now();
        }
        if !dropped.is_empty() && !self.drop_for_training(&dropped) {
            self.open_paths(&dropped);
        }
    }

    /// Runs a command if it can run now; says why when it cannot.
    pub fn run_command(&mut self, ctx: &egui::Context, id: &str, argument: Option<&str>) {
        let Some(command) = find(id) else { return };
        let refused = (command.enabled)(&self.state.view()).err();
        // The release of a held key must always arrive.
        if let Some(reason) = refused.filter(|_| argument != Some("off")) {
            self.note(format!("{}: not now, {reason}", command.text.trim_end_matches('…')));
            return;
        }
        (command.run)(self, ctx, argument);
    }

    /// The demo's and full screen's hiding of chrome: true while it is shown.
    fn chrome_shown(&self) -> bool {
        if self.state.layout == "demo" {
            return false;
        }
        !self.state.fullscreen
            || self.state.player.presentation().state != PlayState::Playing
            || self.chrome.pointer.elapsed() < HIDE_AFTER
    }

    fn draw(&mut self, ui: &mut egui::Ui) {
        let shown = self.chrome_shown();
        let demo = self.state.layout == "demo";
        let state = &self.state;
        let view = state.view();
        let chrome = &mut self.chrome;
        let out = &mut self.out;
        if shown {
            egui::Panel::top("menu").show(ui, |ui| super::menus::menu_bar_ui(ui, &view, out));
            let bar = egui::Frame::side_top_panel(ui.style())
                .inner_margin(egui::Margin::symmetric(10, 4));
            egui::Panel::bottom("transport").exact_size(38.0).frame(bar).show(ui, |ui| {
                super::transport::transport_ui(ui, &view, out);
            });
        }
        egui::CentralPanel::no_frame().show(ui, |ui| {
            if demo && state.blackout {
                ui.painter().rect_filled(ui.max_rect(), 0.0, egui::Color32::BLACK);
            } else if state.fullscreen && !demo {
                chrome.picture.ui(ui, &view, out);
            } else {
                let Chrome { docks, picture, timeline, .. } = chrome;
                docks.ui(ui, &view, picture, timeline, out);
            }
        });
        let ctx = ui.ctx().clone();
        chrome.palette.ui(&ctx, &view, out);
        chrome.key_sheet.ui(&ctx, &view);
        super::about::about_ui(&ctx, &mut chrome.about, &view);
        if let Some(path) = chrome.dialogs.ui(&ctx) {
            out.send(Request::Run("open", Some(path)));
        }
        super::training::closing_ui(&ctx, view.training, out);
        chrome.toasts.ui(&ctx);
        super::about::drop_hint_ui(&ctx, &view);
    }

    fn after(&mut self, ctx: &egui::Context) {
        for request in self.out.take() {
            self.execute(ctx, request);
        }
        if let Some((name, text)) = self.chrome.docks.take_edit() {
            self.state.settings.now.layouts.insert(name.to_owned(), text);
        }
        if self.last_tried_save.elapsed() > SAVE_EVERY {
            self.save_settings();
        }
        if self.keeps_size && !self.state.fullscreen {
            self.window_size = ctx.input(|i| i.viewport().inner_rect).map(|r| r.size().into());
        }
        self.set_title(ctx);
        self.hide_cursor(ctx);
        self.plan_repaint(ctx);
    }

    pub(super) fn save_settings(&mut self) {
        self.last_tried_save = Instant::now();
        if let Err(e) = self.state.settings.save_if_changed() {
            self.state.log.push(Level::Warning, e);
        }
    }

    fn set_title(&mut self, ctx: &egui::Context) {
        let name = match &self.state.clip.source {
            _ if self.state.clip.builtin => "built-in clip".to_owned(),
            Some(s) => s.display_name(),
            None => String::new(),
        };
        let title = if name.is_empty() { "fnac".to_owned() } else { format!("{name} – fnac") };
        if title != self.title {
            ctx.send_viewport_cmd(egui::ViewportCommand::Title(title.clone()));
            self.title = title;
        }
    }

    fn hide_cursor(&mut self, ctx: &egui::Context) {
        let quiet = self.chrome.pointer.elapsed() >= HIDE_AFTER;
        let hide = quiet && !self.chrome_shown();
        if hide != self.was_hidden_cursor {
            ctx.send_viewport_cmd(egui::ViewportCommand::CursorVisible(!hide));
            self.was_hidden_cursor = hide;
        }
        if self.state.fullscreen && !quiet {
            ctx.request_repaint_after(HIDE_AFTER.saturating_sub(self.chrome.pointer.elapsed()));
        }
    }

    /// The next frame is drawn when the picture changes, not before: Xvfb and some drivers know
    /// no vertical sync, and a paused window costs nothing.
    fn plan_repaint(&self, ctx: &egui::Context) {
        if let Some(wait) = self.state.player.presentation().next_change {
            ctx.request_repaint_after(wait.max(Duration::from_millis(2)));
        }
        if self.state.settings.is_unsaved() {
            ctx.request_repaint_after(SAVE_EVERY);
        }
    }

    /// Draws the map so; one step of undo per stretch of changes under one name.
    pub(super) fn set_overlay(&mut self, what: &'static str, overlay: OverlaySettings) {
        if overlay == self.state.settings.now.overlay {
            return;
        }
        self.mark_undo(what);
        if overlay.fine != self.state.settings.now.overlay.fine {
            self.state.worker.set_fine(overlay.fine);
        }
        self.state.settings.now.overlay = overlay;
    }

    pub(super) fn mark_undo(&mut self, what: &'static str) {
        let same = self.undo_mark.is_some_and(|(w, at)| w == what && at.elapsed() < UNDO_STRETCH);
        if !same {
            self.state.settings.checkpoint(what);
        }
        self.undo_mark = Some((what, Instant::now()));
    }

    /// The window's state for tests: what a panel may see.
    pub fn view(&self) -> super::view::View<'_> {
        self.state.view()
    }

    /// Asks for something, as a panel does; done after the next frame.
    pub fn ask(&mut self, request: Request) {
        self.out.send(request);
    }

    fn picked(&mut self, pick: Pick, files: Vec<PathBuf>) {
        let Some(first) = files.first().cloned() else { return };
        match pick {
            Pick::Clips | Pick::Folder => self.open_paths(&files),
            Pick::Checkpoint => self.load_checkpoint(first),
            Pick::SwapSound => self.swap_with(first),
            Pick::ExportTo => self.state.exports.set_target(first),
            Pick::ModelInput(which) => self.save_model_input(which, first),
            Pick::Setting(key) => {
                self.mark_undo("recipe");
                self.state.settings.now.train.set(key, &first.to_string_lossy());
            }
            Pick::RunsFolder => {
                self.state.settings.now.train.runs = Some(first);
                self.list_runs();
            }
            Pick::Recipe => self.import_recipe(&first),
            Pick::RecipeTo => self.export_recipe(first),
            Pick::Pairs(format) => self.export_pairs(format, first),
        }
    }

    pub(super) fn remember_command(&mut self, id: &str) {
        Recent::push(&mut self.state.settings.now.recent.commands, id.to_owned());
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &egui::Context, _: &mut eframe::Frame) {
        self.logic(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        self.frame(ui);
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        let fill =
            if self.state.layout == "demo" { egui::Color32::BLACK } else { visuals.panel_fill };
        fill.to_normalized_gamma_f32()
    }

    fn on_exit(&mut self) {
        self.close();
    }
}

impl App {
    /// Before the window goes: stop what writes, keep what is kept.
    pub fn close(&mut self) {
        self.state.exports.cancel_all();
        self.state.training.session.let_go();
        self.state.learning.close();
        if let Some(size) = self.window_size {
            self.state.settings.now.look.window = size;
        }
        self.save_settings();
        self.state.player.close();
    }
}
