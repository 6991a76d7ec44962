//! Training as the window shows it: the recipe that is made, the run that works.
//!
//! Owns no arithmetic of training: a run is `train::engine`'s, and what it says comes through a
//! [`Session`]. Panels read a [`Training`]. Start with [`TrainingState`], which is all that is known
//! about the run.

pub mod advice;
pub mod compare;
pub mod draft;
pub mod eta;
pub mod recipe;
pub mod series;
pub mod session;
pub mod smooth;
pub mod state;
#[cfg(test)]
pub(crate) mod testing;

use std::sync::Arc;

pub use advice::Known;
pub use draft::{Draft, TrainSettings};
pub use session::{Heard, RunLink, Session};
pub use state::{Phase, Published, SavedCheckpoint, TrainingState};

use super::app::App;
use super::log::Level;
use crate::train::TrainConfig;

/// All of it.
#[derive(Default)]
pub struct Training {
    /// The run of this window.
    pub session: Session,
}

impl Training {
    /// All that is known about the run.
    pub fn state(&self) -> &TrainingState {
        &self.session.state
    }
}

impl App {
    /// Takes a run that works already; the window shows and steers it from now on.
    pub fn attach_run(&mut self, config: TrainConfig, link: Box<dyn RunLink>) {
        self.state.training.session.attach(Arc::new(config), link);
    }

    /// Takes up what the run came to; never waits.
    pub(super) fn follow_training(&mut self, ctx: &egui::Context) {
        let news = self.state.training.session.drain();
        if news.more {
            ctx.request_repaint();
        }
        for note in news.notes {
            self.state.log.push(Level::Note, format!("training: {note}"));
        }
    }
}
