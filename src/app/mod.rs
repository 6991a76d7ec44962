//! What is seen: window, panels, commands.
//!
//! Owns egui and everything on the screen; never does arithmetic that the command line would
//! repeat. Start with [`run`].

use std::path::PathBuf;

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

/// Opens the window; returns when it is closed.
pub fn run(_args: WindowArgs) -> anyhow::Result<()> {
    anyhow::bail!("no window yet")
}
