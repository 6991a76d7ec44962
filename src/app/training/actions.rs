//! What is done when something is asked of training, and what is noticed once per frame.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::session::{Heard, RunLink};
use super::{DataFound, DataKey, DataLook, Known, TrainAsk, recipe};
use crate::app::App;
use crate::app::commands::ToastKind;
use crate::app::dialogs::Pick;
use crate::app::jobs::Done;
use crate::app::log::Level;
use crate::app::view::file_label;
use crate::data::{Dataset, OpenOptions};
use crate::model::AdapterKind;
use crate::player::PlayState;
use crate::train::engine::{RunHandle, RunPlace, RunRequest};
use crate::train::events::{Ending, Severity, TrainCommand, TrainEvent};
use crate::train::run_folder::{CURVES, VALIDATION, read_curves, read_validation};
use crate::train::{DataSection, TrainConfig};

/// A data folder is looked at this long after the last change of its name.
const LOOK_AFTER: Duration = Duration::from_millis(400);
/// Part of its share that a run keeps while a video plays.
const WHILE_PLAYING: f64 = 0.5;
/// A closing window waits this long at most for the run's last save.
const CLOSING_MOST: Duration = Duration::from_secs(20);
/// Left-out items that are kept for the list.
const LEFT_OUT_MAX: usize = 200;

/// The engine's run as the window holds it.
struct EngineLink(Option<RunHandle>);

impl RunLink for EngineLink {
    fn next(&mut self) -> Heard {
        use crossbeam_channel::TryRecvError;
        let Some(handle) = &self.0 else { return Heard::Gone };
        match handle.events().try_recv() {
            Ok(TrainEvent::Ended(ending)) => Heard::Event(TrainEvent::Ended(ending)),
            Ok(event) => Heard::Event(event),
            Err(TryRecvError::Empty) => Heard::Nothing,
            Err(TryRecvError::Disconnected) => Heard::Gone,
        }
    }

    fn tell(&mut self, command: TrainCommand) {
        if let Some(handle) = &self.0 {
            handle.send(command);
        }
    }
}

impl Drop for EngineLink {
    /// The handle waits for the last save, and the window must not.
    fn drop(&mut self) {
        let handle = self.0.take();
        // Without a thread the wait is here; there is nothing better.
        std::thread::Builder::new().name("fnac-train-end".into()).spawn(move || drop(handle)).ok();
    }
}

impl App {
    /// Does what was asked of training.
    pub(in crate::app) fn train(&mut self, ctx: &egui::Context, ask: TrainAsk) {
        match ask {
            TrainAsk::Preset(name) => {
                self.mark_undo("preset");
                self.state.settings.now.train.preset = name;
            }
            TrainAsk::Set(key, text) => {
                self.mark_undo("recipe");
                self.state.settings.now.train.set(key, &text);
            }
            TrainAsk::SetAll(sets) => {
                self.state.settings.checkpoint("recipe");
                sets.iter().for_each(|(k, v)| self.state.settings.now.train.set(k, v));
            }
            TrainAsk::Unset(key) => {
                self.state.settings.checkpoint("recipe");
                self.state.settings.now.train.changes.remove(key);
            }
            TrainAsk::UnsetAll => {
                self.state.settings.checkpoint("reset recipe");
                self.state.settings.now.train.changes.retain(|k, _| recipe::is_place(k));
                self.note("the recipe is as its preset has it. Ctrl+Z takes that back");
            }
            TrainAsk::Pick(key) => self.chrome.dialogs.pick(ctx, Pick::Setting(key)),
            TrainAsk::ImportRecipe => self.chrome.dialogs.pick(ctx, Pick::Recipe),
            TrainAsk::ExportRecipe => {
                let name = format!("{}.toml", self.state.settings.now.train.preset);
                self.chrome.dialogs.pick_to(ctx, Pick::RecipeTo, name);
            }
            TrainAsk::LookAtData => self.state.training.look_due = Some(Instant::now()),
            TrainAsk::Check => self.check_training(),
            TrainAsk::StopCheck => self.stop_check(),
            TrainAsk::Start => self.start_training(),
            TrainAsk::Pause(free) => self.tell_run(TrainCommand::Pause { free }),
            TrainAsk::Resume => self.tell_run(TrainCommand::Resume),
            TrainAsk::Stop => self.tell_run(TrainCommand::Stop),
            TrainAsk::Save => self.tell_run(TrainCommand::Save),
            TrainAsk::Share(share) => {
                self.state.settings.now.train.share = share.clamp(0.05, 1.0);
            }
            TrainAsk::YieldToPlayer(on) => self.state.settings.now.train.yield_to_player = on,
            TrainAsk::Smoothing(keep) => {
                self.state.settings.now.train.smoothing = keep.clamp(0.0, 0.99);
            }
            TrainAsk::ListRuns => self.list_runs(),
            TrainAsk::PickRunsFolder => self.chrome.dialogs.pick(ctx, Pick::RunsFolder),
            TrainAsk::ShowRun(folder, on) => self.show_run(folder, on),
            TrainAsk::Baseline(folder) => self.state.training.shelf.baseline = Some(folder),
            TrainAsk::ResumeRun(folder, longer) => self.resume_run(&folder, longer),
            TrainAsk::Branch(folder, checkpoint) => self.branch_from(&folder, &checkpoint),
            TrainAsk::OpenFolder(folder) => self.open_folder(&folder),
            TrainAsk::CloseNow => {
                self.state.training.session.let_go();
                ctx.send_viewport_cmd(egui::ViewportCommand::Close);
            }
            TrainAsk::AlarmsSeen => {
                self.state.training.session.state.alarms.iter_mut().for_each(|a| a.seen = true);
            }
        }
    }

    fn tell_run(&mut self, command: TrainCommand) {
        if !self.state.training.session.tell(command) {
            self.note("no run is at work");
        }
    }

    /// Begins a run with the recipe of the panel, in a folder of its own.
    fn start_training(&mut self) {
        if let Some(why) = self.state.training.start_hindrance() {
            self.warn(format!("the run does not begin: {why}"));
            return;
        }
        let config = self.state.training.draft.config.clone();
        let place = RunPlace::Numbered(self.runs_folder());
        self.spawn_run(config, place);
    }

    /// The folder in which runs are made.
    pub(in crate::app) fn runs_folder(&self) -> PathBuf {
        self.state.settings.now.train.runs.clone().unwrap_or_else(super::usual_runs_folder)
    }

    pub(super) fn spawn_run(&mut self, config: TrainConfig, place: RunPlace) {
        let request = RunRequest { config: config.clone(), place };
        match RunHandle::spawn(request, self.waker.clone()) {
            Ok(handle) => self.attach_run(config, Box::new(EngineLink(Some(handle)))),
            Err(e) => self.say(ToastKind::Error, format!("the run does not begin: {e}")),
        }
    }

    /// Takes a run that works already; the window shows and steers it from now on.
    pub fn attach_run(&mut self, config: TrainConfig, link: Box<dyn RunLink>) {
        self.state.training.told_share = None;
        self.state.training.session.attach(Arc::new(config), link);
    }

    /// Takes up what the run and the data readers came to; never waits.
    pub(in crate::app) fn follow_training(&mut self, ctx: &egui::Context) {
        self.follow_recipe(ctx);
        let news = self.state.training.session.drain();
        if news.more {
            ctx.request_repaint();
        }
        if self.state.training.session.is_live() {
            self.state.training.memory.follow();
        }
        for alarm in news.alarms {
            // No toast: an alarm waits in its panel until it is looked at.
            let level =
                if alarm.severity == Severity::Notice { Level::Note } else { Level::Warning };
            let text = format!("training, step {}: {}. {}", alarm.step, alarm.what, alarm.action);
            self.state.log.push(level, text);
        }
        for note in news.notes {
            self.state.log.push(Level::Note, format!("training: {note}"));
        }
        if news.started {
            self.read_history();
            self.list_runs();
        }
        if let Some(ending) = news.ended {
            self.run_ended(&ending);
        }
        self.tell_share();
        self.follow_closing(ctx);
    }

    fn run_ended(&mut self, ending: &Ending) {
        self.list_runs();
        let state = self.state.training.state();
        let name = state.folder().map_or_else(|| "the run".to_owned(), file_label);
        let step = state.step();
        match ending {
            Ending::Finished => {
                self.say(ToastKind::Done, format!("{name} is finished: {step} steps"))
            }
            Ending::Stopped => {
                self.say(ToastKind::Done, format!("{name} is stopped and saved at step {step}"));
            }
            Ending::Failed(why) => {
                let text = format!("{name} ended at step {step}: {why}");
                self.say(ToastKind::Error, text);
            }
        }
    }

    /// The steps of a run's earlier sittings, for its curves.
    fn read_history(&mut self) {
        let state = self.state.training.state();
        let Some(facts) = state.facts.as_ref().filter(|f| f.first_step > 0) else { return };
        let folder = facts.folder.clone();
        let job = move || {
            let read = read_curves(&folder.join(CURVES))
                .and_then(|c| Ok((c, read_validation(&folder.join(VALIDATION))?)))
                .map_err(|e| e.to_string());
            Done::History(folder, read)
        };
        if let Err(e) = self.jobs.start("fnac-curves", job) {
            self.warn(e);
        }
    }

    pub(in crate::app) fn history_read(&mut self, folder: &Path, read: super::HistoryRead) {
        match read {
            Ok((steps, validations)) => {
                let state = &mut self.state.training.session.state;
                if state.folder() == Some(folder) {
                    state.take_history(steps, validations);
                }
            }
            Err(e) => self.warn(format!("the curves before this sitting are missing: {e}")),
        }
    }

    /// Keeps draft and data look up with what the user chose.
    fn follow_recipe(&mut self, ctx: &egui::Context) {
        let known = self.known();
        let t = &mut self.state.training;
        t.draft.follow(&self.state.settings.now.train, &known);
        let key = DataKey::of(&t.draft.config.data);
        if key != t.looked_at {
            t.looked_at = key;
            t.look_number += 1;
            let none = t.looked_at.folder.trim().is_empty();
            t.data = if none { DataLook::None } else { DataLook::Looking };
            t.look_due = (!none).then(|| Instant::now() + LOOK_AFTER);
        }
        let Some(due) = t.look_due else { return };
        let wait = due.saturating_duration_since(Instant::now());
        if !wait.is_zero() {
            ctx.request_repaint_after(wait);
            return;
        }
        t.look_due = None;
        t.look_number += 1;
        let (number, data) = (t.look_number, t.draft.config.data.clone());
        if t.data == DataLook::None {
            return;
        }
        t.data = DataLook::Looking;
        let job = move || Done::Data(number, look_at(&data));
        if let Err(e) = self.jobs.start("fnac-dataset", job) {
            self.warn(e);
        }
    }

    pub(in crate::app) fn data_looked_at(&mut self, number: u64, found: Result<DataFound, String>) {
        let t = &mut self.state.training;
        if number == t.look_number {
            t.data = match found {
                Ok(f) => DataLook::Found(Arc::new(f)),
                Err(e) => DataLook::Refused(e),
            };
        }
    }

    /// What the window knows beside the recipe.
    fn known(&self) -> Known {
        let t = &self.state.training;
        let choice = t.draft.config.run.device.trim().to_lowercase();
        let hardware = self.state.devices.iter().any(|d| d.kind != AdapterKind::Software);
        let on_cpu = choice == "cpu" || (matches!(choice.as_str(), "" | "auto") && !hardware);
        let (items, has_classes) = match &t.data {
            DataLook::Found(f) => (t.split().map(|s| s.train), Some(f.has_classes)),
            _ => (None, None),
        };
        Known { items, has_classes, on_cpu }
    }

    /// The share that the run should have now: less while a video plays.
    fn tell_share(&mut self) {
        let settings = &self.state.settings.now.train;
        let playing = self.state.player.presentation().state == PlayState::Playing;
        let part = if playing && settings.yield_to_player { WHILE_PLAYING } else { 1.0 };
        let share = settings.share * part;
        let t = &mut self.state.training;
        if t.session.is_live() && t.told_share != Some(share) {
            t.session.tell(TrainCommand::Share(share));
            t.told_share = Some(share);
        }
    }

    /// A window that is closed while a run works waits for its last save, and says so.
    fn follow_closing(&mut self, ctx: &egui::Context) {
        let t = &mut self.state.training;
        let asked = ctx.input(|i| i.viewport().close_requested());
        if asked && t.session.is_live() && t.closing.is_none() {
            t.session.tell(TrainCommand::Stop);
            t.closing = Some(Instant::now());
            ctx.send_viewport_cmd(egui::ViewportCommand::CancelClose);
            return;
        }
        let Some(since) = t.closing else { return };
        if !t.session.is_live() || since.elapsed() > CLOSING_MOST {
            t.session.let_go();
            ctx.send_viewport_cmd(egui::ViewportCommand::Close);
        } else {
            ctx.request_repaint_after(Duration::from_millis(100));
        }
    }

    /// Reads a recipe file into the panel.
    pub(in crate::app) fn import_recipe(&mut self, path: &Path) {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{e}. Check the path"));
        let read = text.and_then(|t| TrainConfig::from_toml(&t).map_err(|e| e.to_string()));
        let name = file_label(path);
        match read {
            Ok(config) => {
                self.state.settings.checkpoint("import recipe");
                match self.state.settings.now.train.take(&config) {
                    Ok(()) => self.say(ToastKind::Done, format!("the recipe is that of {name}")),
                    Err(e) => self.say(ToastKind::Error, format!("cannot use {name}: {e}")),
                }
            }
            Err(e) => self.say(ToastKind::Error, format!("cannot read the recipe {name}: {e}")),
        }
    }

    /// In the Train layout a dropped folder is data and a dropped `.toml` a recipe; false when it
    /// is neither.
    pub(in crate::app) fn drop_for_training(&mut self, paths: &[PathBuf]) -> bool {
        let [path] = paths else { return false };
        if self.state.layout != "train" {
            return false;
        }
        if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("toml")) {
            self.import_recipe(path);
            return true;
        }
        if !path.is_dir() {
            return false;
        }
        self.mark_undo("recipe");
        self.state.settings.now.train.set("data.train", &path.to_string_lossy());
        self.note(format!("{} is the data folder. Ctrl+Z takes that back", file_label(path)));
        true
    }

    /// Writes the panel's recipe as a file that `fnac train` takes.
    pub(in crate::app) fn export_recipe(&mut self, path: PathBuf) {
        let text = match self.state.training.draft.config.to_toml() {
            Ok(t) => t,
            Err(e) => return self.say(ToastKind::Error, format!("cannot write the recipe: {e}")),
        };
        let job = move || {
            Done::Saved(match crate::files::write_whole(&path, text.as_bytes()) {
                Ok(()) => Ok(format!("wrote {}: fnac train takes it", path.display())),
                Err(e) => {
                    Err(format!("cannot write {}: {e}. Choose another folder", path.display()))
                }
            })
        };
        if let Err(e) = self.jobs.start("fnac-save", job) {
            self.warn(e);
        }
    }
}

/// Lists a data folder; for a thread of its own.
fn look_at(data: &DataSection) -> Result<DataFound, String> {
    let list = |text: &str| (!text.trim().is_empty()).then(|| PathBuf::from(text.trim()));
    let open = |folder: &str, names: &str| {
        if !Path::new(folder.trim()).is_dir() {
            return Err(format!("there is no folder `{}`. Check the path", folder.trim()));
        }
        let options =
            OpenOptions { format: data.format.clone(), list: list(names), annotations: None };
        Dataset::open(Path::new(folder.trim()), &options).map_err(|e| e.to_string())
    };
    let set = open(&data.train, &data.list)?;
    let validation = (!data.validation.trim().is_empty())
        .then(|| open(&data.validation, &data.validation_list).map(|v| (v.items.len(), v.listed)));
    let mut left_out: Vec<_> =
        set.left_out.iter().map(|l| (l.id.clone(), l.reason.clone())).collect();
    left_out.truncate(LEFT_OUT_MAX);
    Ok(DataFound {
        format: set.format.clone(),
        usable: set.items.len(),
        listed: set.listed,
        left_out,
        has_classes: set.items.iter().any(|i| !i.sounding.is_empty() || !i.seen.is_empty()),
        notes: set.notes,
        validation,
    })
}
