//! The column of panels. To add one: a file here, a row in [`PANELS`], a place in a layout.

mod adjacency;
mod alarms;
mod checkpoints;
mod curves;
mod export;
mod false_negatives;
mod learnt;
mod log;
mod model;
mod model_input;
mod overlay;
mod probe;
mod settings;
mod sound;
mod stream;
mod train_run;
mod train_setup;
mod truth;
mod watch;

use super::commands::CommandSender;
use super::view::View;

pub use alarms::severity_look;
pub use model::device_choices;
pub use model_input::{ModelInput, ModelInputFile, npy};

/// A panel: reads the view, asks through the sender, keeps only its own small state.
pub trait Panel {
    /// Draws it into the place that the layout gives; scrolling is around it already.
    fn ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender);
}

/// A row of the table of panels.
pub struct PanelSpec {
    /// In kept layouts.
    pub id: &'static str,
    /// On its tab.
    pub title: &'static str,
    /// Tooltip of its tab.
    pub about: &'static str,
    /// A fresh one.
    pub make: fn() -> Box<dyn Panel>,
}

/// Every panel.
pub const PANELS: &[PanelSpec] = &[
    PanelSpec {
        id: "model",
        title: "Model",
        about: "Checkpoint, device and why, maps per second",
        make: || Box::<model::ModelPanel>::default(),
    },
    PanelSpec {
        id: "stream",
        title: "Stream",
        about: "What the file holds, and the queues that play it",
        make: || Box::new(stream::StreamPanel),
    },
    PanelSpec {
        id: "sound",
        title: "Sound test",
        about: "Silence, noise, shifted or another clip's sound for the model",
        make: || Box::new(sound::SoundPanel),
    },
    PanelSpec {
        id: "overlay",
        title: "Overlay",
        about: "How cosines become light",
        make: || Box::new(overlay::OverlayPanel),
    },
    PanelSpec {
        id: "sees",
        title: "Model sees",
        about: "The exact picture and spectrogram that go into the network",
        make: || Box::<model_input::ModelInputPanel>::default(),
    },
    PanelSpec {
        id: "probe",
        title: "Probe",
        about: "Cosine under the cursor and at the pins",
        make: || Box::new(probe::ProbePanel),
    },
    PanelSpec {
        id: "truth",
        title: "Truth",
        about: "What is true in the picture, and how well the map agrees",
        make: || Box::new(truth::TruthPanel),
    },
    PanelSpec {
        id: "train_setup",
        title: "Data & recipe",
        about: "What a run learns from, where it starts, and its whole recipe",
        make: || Box::<train_setup::TrainSetupPanel>::default(),
    },
    PanelSpec {
        id: "train_run",
        title: "Run",
        about: "The run that works: how far, how fast, how long still",
        make: || Box::new(train_run::TrainRunPanel),
    },
    PanelSpec {
        id: "curves",
        title: "Curves",
        about: "Every loss term, the rate, validation and speed over the run, and runs beside it",
        make: || Box::<curves::CurvesPanel>::default(),
    },
    PanelSpec {
        id: "checkpoints",
        title: "Runs & checkpoints",
        about: "Run folders, their checkpoints, resume and branch",
        make: || Box::<checkpoints::CheckpointsPanel>::default(),
    },
    PanelSpec {
        id: "alarms",
        title: "Alarms",
        about: "What goes wrong in a run, with cause and remedy",
        make: || Box::new(alarms::AlarmsPanel),
    },
    PanelSpec {
        id: "learnt",
        title: "Learnt",
        about: "Which weights of the run are in the picture, and the slider through its epochs",
        make: || Box::new(learnt::LearntPanel),
    },
    PanelSpec {
        id: "watch",
        title: "Watch list",
        about: "Eight pictures under the weights of each epoch",
        make: || Box::<watch::WatchPanel>::default(),
    },
    PanelSpec {
        id: "adjacency",
        title: "Adjacency",
        about: "The batch's four matrices and the differences behind FNS-1, TNE and FNS-2",
        make: || Box::<adjacency::AdjacencyPanel>::default(),
    },
    PanelSpec {
        id: "false-negatives",
        title: "False negatives",
        about: "Pairs that the recipe protects, to be seen, heard and judged",
        make: || Box::<false_negatives::FalseNegativesPanel>::default(),
    },
    PanelSpec {
        id: "log",
        title: "Log",
        about: "What happened so far",
        make: || Box::<log::LogPanel>::default(),
    },
    PanelSpec {
        id: "export",
        title: "Export",
        about: "Videos with the map drawn in",
        make: || Box::<export::ExportPanel>::default(),
    },
    PanelSpec {
        id: "settings",
        title: "Settings",
        about: "Everything that is kept, keys, and the defaults",
        make: || Box::<settings::SettingsPanel>::default(),
    },
];

/// The panel of that id.
pub fn by_id(id: &str) -> Option<&'static PanelSpec> {
    PANELS.iter().find(|p| p.id == id)
}

/// The panel of that title or id, in any case.
pub fn by_title(text: &str) -> Option<&'static PanelSpec> {
    PANELS.iter().find(|p| p.title.eq_ignore_ascii_case(text) || p.id.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_have_one_name_each_and_a_word_about_them() {
        let mut ids: Vec<_> = PANELS.iter().map(|p| p.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), PANELS.len());
        assert!(PANELS.iter().all(|p| !p.about.is_empty() && !p.about.ends_with('.')));
    }

    #[test]
    fn every_file_of_the_folder_stands_in_the_table() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/app/panels");
        let files = std::fs::read_dir(dir).unwrap().count();
        assert_eq!(files, PANELS.len() + 1, "mod.rs and one file per panel");
    }
}
