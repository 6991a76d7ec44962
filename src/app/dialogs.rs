//! Asking for files: the system's dialog on a thread of its own, and a typed path.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// Videos, sounds, pictures; several.
    Clips,
    /// A folder of them.
    Folder,
    /// Weights of the network or of the object tower.
    Checkpoint,
    /// Another clip, for its sound.
    SwapSound,
    /// Where an exported video goes.
    ExportTo,
    /// Where one of the model's inputs goes.
    ModelInput(super::panels::ModelInputFile),
    /// The file or folder of a setting of the training recipe, by its key.
    Setting(&'static str),
    /// The folder in which runs are made.
    RunsFolder,
    /// A recipe to read.
    Recipe,
    /// Where the recipe goes.
    RecipeTo,
    /// Where the list of suspected pairs goes.
    Pairs(super::learning::PairFormat),
}

/// Suffixes offered in dialogs; files of other names still open when dropped or typed.
pub const VIDEO: &[&str] = &[
    "mp4", "m4v", "mkv", "webm", "mov", "avi", "ts", "mts", "m2ts", "flv", "wmv", "mpg", "mpeg",
    "ogv", "3gp", "y4m",
];
/// Sounds.
pub const SOUND: &[&str] =
    &["wav", "flac", "mp3", "m4a", "aac", "ogg", "opus", "aiff", "aif", "wma"];
/// Pictures.
pub const PICTURE: &[&str] = &["jpg", "jpeg", "png", "bmp", "webp", "tif", "tiff"];
/// Weights.
pub const WEIGHTS: &[&str] = &["safetensors", "pth", "pt", "tar", "ckpt", "bin"];

/// The open dialogs.
#[derive(Default)]
pub struct Dialogs {
    running: Option<(Pick, Receiver<Vec<PathBuf>>)>,
    typed: Option<String>,
    suggest: Option<String>,
}

impl Dialogs {
    /// Opens the system's dialog; a second one while one is open does nothing.
    pub fn pick(&mut self, ctx: &egui::Context, pick: Pick) {
        if self.running.is_some() {
            return;
        }
        let (tx, rx) = channel();
        let ctx = ctx.clone();
        let suggest = self.suggest.take();
        // Detached on purpose: the user may leave the dialog open when the window closes.
        let spawned = std::thread::Builder::new().name("fnac-dialog".into()).spawn(move || {
            // The receiver is gone when the window closed first.
            tx.send(ask(pick, suggest)).ok();
            ctx.request_repaint();
        });
        match spawned {
            Ok(_) => self.running = Some((pick, rx)),
            Err(_) => self.ask_path(),
        }
    }

    /// [`Self::pick`] with a proposed file name.
    pub fn pick_to(&mut self, ctx: &egui::Context, pick: Pick, name: String) {
        self.suggest = Some(name);
        self.pick(ctx, pick);
    }

    /// Opens the field for a path.
    pub fn ask_path(&mut self) {
        self.typed.get_or_insert_default();
    }

    /// Closes the field for a path; false when it is not open.
    pub fn close(&mut self) -> bool {
        self.typed.take().is_some()
    }

    /// The files that the system's dialog came back with; an empty list when it was closed.
    pub fn poll(&mut self) -> Option<(Pick, Vec<PathBuf>)> {
        let (pick, rx) = self.running.as_ref()?;
        let answer = match rx.try_recv() {
            Ok(files) => (*pick, files),
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => (*pick, Vec::new()),
        };
        self.running = None;
        Some(answer)
    }

    /// Draws the field for a path; returns the path when it was entered.
    pub fn ui(&mut self, ctx: &egui::Context) -> Option<String> {
        let text = self.typed.as_mut()?;
        let mut entered = None;
        let mut close = false;
        let modal = egui::Modal::new(egui::Id::unique("open-path")).show(ctx, |ui| {
            ui.set_width(460.0);
            ui.heading("Open by path");
            let label = ui.label("Path of a video, sound, folder or checkpoint");
            let field = ui
                .add(
                    egui::TextEdit::singleline(text)
                        .desired_width(f32::INFINITY)
                        .hint_text("/home/me/clip.mp4"),
                )
                .labelled_by(label.id);
            field.request_focus();
            let enter = ui.input(|i| i.key_pressed(egui::Key::Enter));
            ui.horizontal(|ui| {
                if (ui.button("Open").clicked() || enter) && !text.trim().is_empty() {
                    entered = Some(text.trim().to_owned());
                }
                close = ui.button("Cancel").clicked();
            });
        });
        if entered.is_some() || close || modal.should_close() {
            self.typed = None;
        }
        entered
    }
}

fn ask(pick: Pick, suggest: Option<String>) -> Vec<PathBuf> {
    let mut dialog = rfd::FileDialog::new();
    if let Some(name) = suggest {
        dialog = dialog.set_file_name(name);
    }
    let clips: Vec<&str> = VIDEO.iter().chain(SOUND).chain(PICTURE).copied().collect();
    let one = |p: Option<PathBuf>| p.into_iter().collect();
    match pick {
        Pick::Clips => dialog
            .set_title("Open")
            .add_filter("Videos, sounds, pictures", &clips)
            .add_filter("Checkpoints", WEIGHTS)
            .add_filter("Truth of a clip", &["json"])
            .add_filter("All files", &["*"])
            .pick_files()
            .unwrap_or_default(),
        Pick::Folder => one(dialog.set_title("Open folder").pick_folder()),
        Pick::Checkpoint => one(dialog
            .set_title("Open checkpoint")
            .add_filter("Checkpoints", WEIGHTS)
            .add_filter("All files", &["*"])
            .pick_file()),
        Pick::SwapSound => one(dialog
            .set_title("Another clip's sound")
            .add_filter("Sounds and videos", &[SOUND, VIDEO].concat())
            .pick_file()),
        Pick::ExportTo => {
            one(dialog.set_title("Export video to").add_filter("MP4", &["mp4"]).save_file())
        }
        Pick::Setting(key) => {
            use super::training::recipe::{Editor, PathKind, editor};
            match editor(key, None) {
                Editor::Path(PathKind::Folder) => {
                    one(dialog.set_title("Folder with pairs of picture and sound").pick_folder())
                }
                Editor::Path(PathKind::Weights) => one(dialog
                    .set_title("Checkpoint to start from")
                    .add_filter("Checkpoints", WEIGHTS)
                    .add_filter("All files", &["*"])
                    .pick_file()),
                _ => one(dialog.set_title("List of names").pick_file()),
            }
        }
        Pick::RunsFolder => one(dialog.set_title("Folder for runs").pick_folder()),
        Pick::Recipe => one(dialog
            .set_title("Recipe")
            .add_filter("Recipes", &["toml"])
            .add_filter("All files", &["*"])
            .pick_file()),
        Pick::RecipeTo => {
            one(dialog.set_title("Write the recipe to").add_filter("Recipe", &["toml"]).save_file())
        }
        Pick::Pairs(_) => one(dialog.set_title("Write the list of pairs to").save_file()),
        Pick::ModelInput(_) => one(dialog.set_title("Save what the model sees").save_file()),
    }
}
