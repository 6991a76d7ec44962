//! Runs of before: their folders, their checkpoints, their curves beside the present ones.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Longer;
use super::compare::{Compared, RUNS_MAX, Slots, Table, table};
use super::state::TrainingState;
use crate::app::App;
use crate::app::jobs::Done;
use crate::app::view::file_label;
use crate::train::BestBy;
use crate::train::engine::RunPlace;
use crate::train::events::StepRow;
use crate::train::run_folder::{CURVES, RunSummary, list_runs, read_curves};

/// A run's curves, as far as they are read.
#[derive(Clone, Debug)]
pub enum Curves {
    /// They are being read.
    Reading,
    /// They cannot be read, and why.
    Refused(String),
    /// Here they are.
    Here(Arc<Vec<StepRow>>),
}

/// The runs of a folder.
#[derive(Default)]
pub struct Shelf {
    /// The folder, once it was asked for.
    pub root: Option<PathBuf>,
    /// Its runs, the newest first.
    pub runs: Vec<RunSummary>,
    /// It is being listed.
    pub looking: bool,
    /// It cannot be listed, and why.
    pub refused: Option<String>,
    /// Runs that are drawn beside the present one.
    pub slots: Slots,
    /// Their curves.
    pub curves: HashMap<PathBuf, Curves>,
    /// The run that the others are compared with.
    pub baseline: Option<PathBuf>,
    number: u64,
}

impl Shelf {
    /// The run of a folder.
    pub fn run(&self, folder: &Path) -> Option<&RunSummary> {
        self.runs.iter().find(|r| r.folder == folder)
    }

    /// Shown runs with what is read of their steps; the present run stands first when it is shown.
    pub fn compared<'a>(&'a self, present: &'a TrainingState) -> Vec<Compared<'a>> {
        let mut all = Vec::new();
        if let Some(folder) = present.folder() {
            let known = self.run(folder);
            all.push(Compared {
                folder,
                config: present.config.as_deref(),
                data: known.and_then(data_of).unwrap_or_default(),
                parent: known.and_then(parent_of),
                steps: &present.steps,
                checks: &present.validations,
            });
        }
        for (_, folder) in self.slots.runs().filter(|(_, f)| Some(*f) != present.folder()) {
            let Some(run) = self.run(folder) else { continue };
            let steps = match self.curves.get(folder) {
                Some(Curves::Here(steps)) => steps.as_slice(),
                _ => &[],
            };
            all.push(Compared {
                folder: &run.folder,
                config: run.config.as_ref(),
                data: data_of(run).unwrap_or_default(),
                parent: parent_of(run),
                steps,
                checks: &run.validations,
            });
        }
        all
    }

    /// The comparison of everything that is shown.
    pub fn table(&self, present: &TrainingState) -> Table {
        table(&self.compared(present), self.baseline.as_deref())
    }
}

fn data_of(run: &RunSummary) -> Option<&str> {
    run.card.as_ref().map(|c| c.data.fingerprint.as_str())
}

/// The run that a run's weights came from.
pub fn parent_of(run: &RunSummary) -> Option<&str> {
    let last = run.card.as_ref()?.lineage.last()?;
    Path::new(&last.run).file_name()?.to_str()
}

/// The figure that chose a run's best checkpoint, in words.
pub fn best_text(run: &RunSummary) -> Option<String> {
    let by = run.config.as_ref().map(|c| c.run.best_by).unwrap_or_default();
    let best = super::compare::best(&run.validations, by)?;
    Some(match by {
        BestBy::Success => format!("{best:.1} % success at 0.5"),
        BestBy::MeanCiou => format!("{best:.1} % mean cIoU"),
        BestBy::Auc => format!("{best:.1} % AUC"),
        BestBy::Adaptive => format!("{best:.1} % adaptive"),
        BestBy::Pointing => format!("{best:.1} % pointing"),
        BestBy::Loss => format!("held-out loss {best:.3}"),
    })
}

impl App {
    /// Lists the runs anew, on a thread.
    pub(in crate::app) fn list_runs(&mut self) {
        let root = self.runs_folder();
        let shelf = &mut self.state.training.shelf;
        shelf.number += 1;
        shelf.looking = true;
        shelf.root = Some(root.clone());
        let number = shelf.number;
        let job = move || Done::Runs(number, list_runs(&root).map_err(|e| e.to_string()));
        if let Err(e) = self.jobs.start("fnac-runs", job) {
            self.warn(e);
        }
    }

    pub(in crate::app) fn runs_listed(
        &mut self,
        number: u64,
        found: Result<Vec<RunSummary>, String>,
    ) {
        let shelf = &mut self.state.training.shelf;
        if number != shelf.number {
            return;
        }
        shelf.looking = false;
        match found {
            Ok(mut runs) => {
                runs.reverse();
                shelf.runs = runs;
                shelf.refused = None;
            }
            Err(e) => shelf.refused = Some(e),
        }
    }

    /// Draws a run beside the present one, or no longer.
    pub(in crate::app) fn show_run(&mut self, folder: PathBuf, on: bool) {
        let shelf = &mut self.state.training.shelf;
        if !on {
            shelf.slots.remove(&folder);
            shelf.curves.remove(&folder);
            if shelf.baseline.as_deref() == Some(folder.as_path()) {
                shelf.baseline = None;
            }
            return;
        }
        if !shelf.slots.add(&folder) {
            self.note(format!("{RUNS_MAX} runs are drawn at most: take one away first"));
            return;
        }
        shelf.curves.insert(folder.clone(), Curves::Reading);
        let job = move || {
            let read = read_curves(&folder.join(CURVES)).map_err(|e| e.to_string());
            Done::Curves(folder, read)
        };
        if let Err(e) = self.jobs.start("fnac-curves", job) {
            self.warn(e);
        }
    }

    pub(in crate::app) fn curves_read(
        &mut self,
        folder: PathBuf,
        read: Result<Vec<StepRow>, String>,
    ) {
        let shelf = &mut self.state.training.shelf;
        if shelf.slots.of(&folder).is_none() {
            return;
        }
        let curves = match read {
            Ok(rows) => Curves::Here(Arc::new(rows)),
            Err(e) => Curves::Refused(e),
        };
        shelf.curves.insert(folder, curves);
    }

    /// Goes on with a run of before, exactly; to another length where one is given.
    pub(in crate::app) fn resume_run(&mut self, folder: &Path, longer: Option<Longer>) {
        if self.state.training.session.is_live() {
            self.warn("a run is at work: stop it first");
            return;
        }
        let config = self.state.training.shelf.run(folder).and_then(|r| r.config.clone());
        let Some(mut config) = config else {
            self.warn(format!("{}: its config.toml cannot be read", file_label(folder)));
            return;
        };
        match longer {
            Some(Longer::Epochs(n)) => config.schedule.epochs = n,
            Some(Longer::Steps(n)) => config.schedule.steps = n,
            None => {}
        }
        self.spawn_run(config, RunPlace::Resume(folder.to_owned()));
    }

    /// Makes the panel's recipe that of a run, to begin a new one from a checkpoint of it.
    pub(in crate::app) fn branch_from(&mut self, folder: &Path, checkpoint: &Path) {
        let config = self.state.training.shelf.run(folder).and_then(|r| r.config.clone());
        let Some(mut config) = config else {
            self.warn(format!("{}: its config.toml cannot be read", file_label(folder)));
            return;
        };
        config.model.start = checkpoint.to_string_lossy().into_owned();
        config.model.image_start.clear();
        (config.warm.image_steps, config.warm.sound_steps) = (0, 0);
        self.state.settings.checkpoint("branch from a run");
        match self.state.settings.now.train.take(&config) {
            Ok(()) => {
                self.show_panel("train_setup");
                self.note(format!(
                    "the recipe is that of {}, from its {}: change it and start",
                    file_label(folder),
                    file_label(checkpoint)
                ));
            }
            Err(e) => self.warn(e.to_string()),
        }
    }

    /// Shows a folder in the system's file manager.
    pub(in crate::app) fn open_folder(&mut self, folder: &Path) {
        let program = match std::env::consts::OS {
            "macos" => "open",
            "windows" => "explorer",
            _ => "xdg-open",
        };
        let child = std::process::Command::new(program)
            .arg(folder)
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn();
        match child {
            Ok(mut child) => {
                // Waited for on a thread, so that no dead process is left behind.
                let wait = move || drop(child.wait());
                std::thread::Builder::new().name("fnac-folder".into()).spawn(wait).ok();
            }
            Err(e) => self.warn(format!("cannot show {}: {e}. Open it by hand", folder.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::training::testing::row;
    use crate::train::events::{RunFacts, TrainEvent};
    use crate::train::preset;

    #[test]
    fn the_present_run_stands_once_and_first() {
        let mut state = TrainingState::starting(Arc::new(preset("quick-demo").unwrap()), 0);
        let folder = PathBuf::from("/r/run-0002");
        let facts = RunFacts { folder: folder.clone(), ..RunFacts::default() };
        state.apply(TrainEvent::Started(Arc::new(facts)));
        state.apply(TrainEvent::Step(row(0)));
        let summary = |name: &str| RunSummary {
            folder: PathBuf::from(format!("/r/{name}")),
            name: name.to_owned(),
            config: Some(preset("fine-tune").unwrap()),
            ..RunSummary::default()
        };
        let mut shelf =
            Shelf { runs: vec![summary("run-0002"), summary("run-0001")], ..Shelf::default() };
        shelf.slots.add(Path::new("/r/run-0001"));
        shelf.slots.add(&folder);
        let steps = Arc::new((0..5).map(row).collect());
        shelf.curves.insert("/r/run-0001".into(), Curves::Here(steps));
        let all = shelf.compared(&state);
        let names: Vec<_> = all.iter().map(|c| file_label(c.folder)).collect();
        assert_eq!(names, ["run-0002", "run-0001"]);
        assert_eq!((all[0].steps.len(), all[1].steps.len()), (1, 5));
        assert_eq!(all[0].config.unwrap().preset, "quick-demo", "as this window started it");
    }
}
