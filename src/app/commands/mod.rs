//! The one table of commands: keys, menus, toolbar, palette, the `?` sheet and `docs/keys.md`
//! all come from it.
//!
//! Panels never change the window: they get a [`View`] and a [`CommandSender`], and what they ask
//! for is done after the frame. To add a command: a row in one of the group files.

mod files;
mod help;
mod learning;
mod overlay;
mod play;
mod seek;
mod sound_tests;
mod train;
mod window;

use std::path::PathBuf;

use super::App;
use super::dialogs::Pick;
use super::settings::{OverlaySettings, Section, Settings};
use super::view::View;
use crate::infer::SoundTest;
use crate::units::{FrameIndex, MediaTime};

/// Where a command stands in menus and sheets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// Opening and saving.
    File,
    /// Playing and sound.
    Play,
    /// Moving in time.
    Seek,
    /// Drawing of the map.
    Overlay,
    /// Sound tests and the model.
    Model,
    /// Training.
    Train,
    /// Panels and window.
    Window,
    /// Help.
    Help,
}

impl Category {
    /// All, in menu order.
    pub const ALL: &[Self] = &[
        Self::File,
        Self::Play,
        Self::Seek,
        Self::Overlay,
        Self::Model,
        Self::Train,
        Self::Window,
        Self::Help,
    ];

    /// Title of the menu.
    pub fn title(self) -> &'static str {
        match self {
            Self::File => "File",
            Self::Play => "Play",
            Self::Seek => "Go",
            Self::Overlay => "Overlay",
            Self::Model => "Model",
            Self::Train => "Train",
            Self::Window => "View",
            Self::Help => "Help",
        }
    }
}

/// When a key runs its command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    /// Once per press; holding does nothing more.
    Once,
    /// Again while held.
    Repeat,
    /// On while held: runs with `on` at the press and `off` at the release.
    Hold,
}

/// Why a command cannot run now: a sentence without a full stop.
pub type Disabled = &'static str;

/// One thing that the window can do.
pub struct Command {
    /// Fixed name, for settings and the palette.
    pub id: &'static str,
    /// As in menus; `…` when it asks for more.
    pub text: &'static str,
    /// The tooltip: what happens, and why one would want it.
    pub why: &'static str,
    /// Keys by default, in the words of [`super::keys::Chord`].
    pub keys: &'static [&'static str],
    /// Place in menus and sheets.
    pub category: Category,
    /// What a held key does.
    pub press: Press,
    /// What may follow its name in the palette (`speed 0.25`), with an example.
    pub argument: Option<&'static str>,
    /// `Err` tells why not.
    pub enabled: fn(&View<'_>) -> Result<(), Disabled>,
    /// Does it; the text is the argument, when one was given.
    pub run: fn(&mut App, &egui::Context, Option<&str>),
}

impl Command {
    const fn new(
        category: Category,
        id: &'static str,
        text: &'static str,
        why: &'static str,
        keys: &'static [&'static str],
        run: fn(&mut App, &egui::Context, Option<&str>),
    ) -> Self {
        Self {
            id,
            text,
            why,
            keys,
            category,
            press: Press::Once,
            argument: None,
            enabled: |_| Ok(()),
            run,
        }
    }

    const fn when(mut self, enabled: fn(&View<'_>) -> Result<(), Disabled>) -> Self {
        self.enabled = enabled;
        self
    }

    const fn press(mut self, press: Press) -> Self {
        self.press = press;
        self
    }

    const fn argument(mut self, example: &'static str) -> Self {
        self.argument = Some(example);
        self
    }
}

/// The groups, one file each; together they are the table.
pub const GROUPS: &[&[Command]] = &[
    files::COMMANDS,
    play::COMMANDS,
    seek::COMMANDS,
    overlay::COMMANDS,
    sound_tests::COMMANDS,
    train::COMMANDS,
    learning::COMMANDS,
    window::COMMANDS,
    help::COMMANDS,
];

/// Every command, in the order of palette and sheets.
pub fn commands() -> impl Iterator<Item = &'static Command> {
    GROUPS.iter().copied().flatten()
}

/// The command of that name.
pub fn find(id: &str) -> Option<&'static Command> {
    commands().find(|c| c.id == id)
}

fn with_clip(view: &View<'_>) -> Result<(), Disabled> {
    if view.has_clip() { Ok(()) } else { Err("no clip is open") }
}

fn with_picture(view: &View<'_>) -> Result<(), Disabled> {
    if view.presentation.frame.is_some() { Ok(()) } else { Err("no picture is shown yet") }
}

fn with_model(view: &View<'_>) -> Result<(), Disabled> {
    if view.checkpoint.is_some() { Ok(()) } else { Err("no checkpoint is loaded") }
}

/// What is wanted; done after the frame, in order.
#[derive(Clone)]
pub enum Request {
    /// A command of the table, with its argument.
    Run(&'static str, Option<String>),
    /// Go to a time, exactly.
    Seek(MediaTime),
    /// Go to a frame, exactly.
    SeekFrame(FrameIndex),
    /// While dragging: what is near, at once.
    Scrub(MediaTime),
    /// Drag ended: land exactly.
    ScrubEnd(MediaTime),
    /// Ends of the A-B loop; `None` takes an end away.
    Loop(Option<MediaTime>, Option<MediaTime>),
    /// Steps of one frame, on or back; pauses.
    Step(i32),
    /// 0 to 1.
    Volume(f32),
    /// 0.05 to 4.
    Speed(f64),
    /// Sound track by number.
    AudioTrack(usize),
    /// Output device by name; `None` is the system's.
    Output(Option<String>),
    /// Sound offset of the present output, milliseconds.
    AudioOffset(i64),
    /// Draw the map so. One step of undo per stretch of changes.
    Overlay(Box<OverlaySettings>),
    /// Take these settings (from the settings panel), under this name for undo.
    Settings(&'static str, Box<Settings>),
    /// Put one section back.
    Reset(Section),
    /// Give a command these keys (text form), or none.
    Rebind(&'static str, Vec<String>),
    /// Where the probe is.
    ProbeHover(Option<[f32; 2]>),
    /// Pin or unpin.
    ProbePin([f32; 2]),
    /// Forget all pins.
    ProbeClear,
    /// Begin the means of the truth's scores anew.
    ForgetMeans,
    /// Sound test.
    SoundTest(SoundTest),
    /// `auto`, `cpu`, `gpu`, `gpu:N`.
    Device(String),
    /// Files and folders: clips, sound, checkpoints.
    Open(Vec<PathBuf>),
    /// A checkpoint for the network or the object tower.
    OpenCheckpoint(PathBuf),
    /// Another clip's sound for the swap test.
    SwapSound(PathBuf),
    /// Item of the playlist.
    PlaylistItem(usize),
    /// Say something for a few seconds.
    Toast(ToastKind, String),
    /// Write a video with the overlay.
    Export(super::exports::ExportWish),
    /// Stop writing that video (by its number), or take its row away when it is done.
    CancelExport(u64),
    /// Something of the panels about learning.
    Learn(super::learning::LearnAsk),
    /// Ask where to save; for one of the model's inputs, those that are shown.
    PickFor(Pick, String, Option<std::sync::Arc<super::panels::ModelInput>>),
    /// Something of training.
    Train(super::training::TrainAsk),
}

/// Colour of a toast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToastKind {
    /// Something is done.
    Done,
    /// Good to know.
    Note,
    /// Something is not as wished.
    Warning,
    /// Something could not be done.
    Error,
}

/// Collects what is wanted during a frame.
#[derive(Default)]
pub struct CommandSender {
    wanted: Vec<Request>,
}

impl CommandSender {
    /// Asks for `request`.
    pub fn send(&mut self, request: Request) {
        self.wanted.push(request);
    }

    /// Asks for the command `id`.
    pub fn run(&mut self, id: &'static str) {
        self.send(Request::Run(id, None));
    }

    /// What was asked for so far; empties the list.
    pub fn take(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.wanted)
    }
}

/// A button for a command: its text, tooltip with key, greyed with the reason when it cannot run.
pub fn button(
    ui: &mut egui::Ui,
    view: &View<'_>,
    out: &mut CommandSender,
    id: &'static str,
) -> egui::Response {
    let text = find(id).map_or(id, |c| c.text);
    button_with(ui, view, out, id, text)
}

/// [`button`] with other words on it (an icon, a shorter text); its name for screen readers stays
/// the command's.
pub fn button_with(
    ui: &mut egui::Ui,
    view: &View<'_>,
    out: &mut CommandSender,
    id: &'static str,
    text: impl Into<egui::RichText>,
) -> egui::Response {
    let Some(command) = find(id) else {
        debug_assert!(false, "no command `{id}`");
        return ui.label(id);
    };
    let why_not = (command.enabled)(view).err();
    let response = ui.add_enabled(why_not.is_none(), egui::Button::new(text.into()));
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Button, why_not.is_none(), command.text)
    });
    if response.clicked() {
        out.run(command.id);
    }
    match why_not {
        None => response.on_hover_text(view.bindings.tooltip(command)),
        Some(reason) => response.on_disabled_hover_text(format!(
            "{}\nNot now: {reason}",
            view.bindings.tooltip(command)
        )),
    }
}

/// [`button`] with an icon in place of its text; `chosen` draws it in the accent.
pub(super) fn icon(
    ui: &mut egui::Ui,
    view: &View<'_>,
    out: &mut CommandSender,
    id: &'static str,
    icon: super::icons::Icon,
    chosen: bool,
) {
    let Some(command) = find(id) else {
        debug_assert!(false, "no command `{id}`");
        return;
    };
    let why_not = (command.enabled)(view).err();
    let response = super::icons::icon_button(ui, icon, why_not.is_none(), chosen);
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Button, why_not.is_none(), command.text)
    });
    if response.clicked() {
        out.run(command.id);
    }
    let tip = view.bindings.tooltip(command);
    response.on_hover_text(match why_not {
        None => tip,
        Some(reason) => format!("{tip}\nNot now: {reason}"),
    });
}

/// A row of a menu for a command: text on the left, key on the right.
pub fn menu_item(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender, id: &'static str) {
    let Some(command) = find(id) else {
        debug_assert!(false, "no command `{id}`");
        return;
    };
    let why_not = (command.enabled)(view).err();
    let item = egui::Button::new(command.text)
        .shortcut_text(view.bindings.shortcut(command.id).unwrap_or_default());
    let response = ui.add_enabled(why_not.is_none(), item);
    if response.clicked() {
        out.run(command.id);
        ui.close();
    }
    match why_not {
        None => response.on_hover_text(command.why),
        Some(reason) => {
            response.on_disabled_hover_text(format!("{}\nNot now: {reason}", command.why))
        }
    };
}
