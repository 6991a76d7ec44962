//! What is seen: window, panels, commands.
//!
//! Owns egui and everything on the screen; never does arithmetic that the command line would
//! repeat. Panels read a [`View`](view::View) and ask through a
//! [`CommandSender`](commands::CommandSender); [`App`] does what was asked after the frame.
//! Start with [`run`], then `app.rs` for the life of a frame of the window.

mod about;
mod actions;
#[expect(clippy::module_inception, reason = "the room is called app, and so is its centre")]
mod app;
mod clip_scale;
mod clips;
pub mod commands;
mod dialogs;
mod exports;
mod feed;
pub mod hud;
mod icons;
mod jobs;
mod key_sheet;
pub mod keys;
pub mod layout;
pub mod learning;
pub mod log;
mod menus;
mod models;
mod open;
mod palette;
pub mod panels;
pub mod picture;
mod pictures;
pub mod settings;
mod shots;
mod start;
mod state;
mod theme;
pub mod timeline;
mod toasts;
pub mod training;
mod transport;
pub mod truth;
pub mod view;

use std::path::PathBuf;

pub use app::{App, Start};
pub use start::run;

/// What the command line asks of the window.
#[derive(Clone, Debug, Default)]
pub struct WindowArgs {
    /// Files and folders to open; none means the built-in clip.
    pub inputs: Vec<PathBuf>,
    /// Sound for a still picture.
    pub audio: Option<PathBuf>,
    /// Weights to load.
    pub checkpoint: Option<PathBuf>,
    /// `auto`, `cpu`, `gpu` or `gpu:N`.
    pub device: String,
    /// Layout to start in.
    pub layout: Option<String>,
    /// Full screen, no chrome, loops.
    pub demo: bool,
    /// Save the window's picture here…
    pub screenshot: Option<PathBuf>,
    /// …this many seconds after the start, and end.
    pub after_secs: Option<f64>,
    /// Size of the window in points.
    pub size: Option<(u32, u32)>,
}
