//! The whole state of a run in one file: `last.safetensors`.
//!
//! The network lies in it as in any checkpoint; beside it, passed over by readers of the network,
//! the optimiser's memory and a [`RunState`]. Everything drawn at random comes from the run's seed
//! and the step, so there are no generators to keep.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Learner;
use super::events::Stage;
use crate::model::{Beside, Checkpoint, CheckpointCard, CheckpointError, Fnac, RawTensor};

/// Where a run is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunState {
    /// Of the layout.
    pub version: u32,
    /// `train`, or the supervised start that comes next: `warm-image`, `warm-sound`.
    pub stage: String,
    /// The next step.
    pub step: u64,
    /// Updates that the optimiser has made.
    pub updates: u64,
    /// Seconds of training so far.
    pub seconds: f64,
    /// The best validation so far.
    pub best: Option<Best>,
    /// Of everything drawn at random.
    pub seed: u64,
    /// Fingerprint of the data that is learnt from.
    pub data: String,
    /// Items that could not be loaded since the run began, with the reason.
    pub left_out: BTreeMap<String, String>,
}

/// The best validation of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Which figure, as `run.best_by` names it.
    pub by: String,
    /// Its value.
    pub value: f64,
    /// After how many steps.
    pub step: u64,
}

/// Of [`RunState`].
const VERSION: u32 = 1;

/// Why a state cannot be taken up.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file itself.
    #[error(transparent)]
    File(#[from] CheckpointError),
    /// Its content.
    #[error("`{file}` cannot be gone on with: {cause}. {remedy}")]
    Content {
        /// Which.
        file: String,
        /// What is wrong.
        cause: String,
        /// What to do.
        remedy: String,
    },
    /// The device did not give its numbers.
    #[error("the state could not be read from the device: {0}")]
    Device(String),
}

/// A state as read.
#[derive(Debug)]
pub struct Saved {
    /// The network.
    pub checkpoint: Checkpoint,
    /// Where the run was.
    pub state: RunState,
    /// The optimiser's memory, as [`super::Adam::restore`] takes it.
    pub memory: BTreeMap<String, RawTensor>,
}

impl RunState {
    /// Which stage comes next.
    pub fn stage(&self) -> Option<Stage> {
        [Stage::WarmImage, Stage::WarmSound, Stage::Training]
            .into_iter()
            .find(|s| stage_name(*s) == self.stage)
    }

    /// Writes a network that is about to take the first step of a stage.
    ///
    /// # Errors
    /// What the device or the system says; the file that was there stays whole.
    pub fn write_network(
        &self,
        model: &Fnac,
        card: CheckpointCard,
        path: &Path,
    ) -> Result<(), StateError> {
        self.write(model, BTreeMap::new(), card, path)
    }

    /// Writes a learner between two steps.
    ///
    /// # Errors
    /// As [`Self::write_network`].
    pub fn write_learner(
        &self,
        learner: &Learner,
        card: CheckpointCard,
        path: &Path,
    ) -> Result<(), StateError> {
        let memory = learner.adam().state(learner.model());
        let memory = memory.ok_or_else(|| StateError::Device("the device is lost".into()))?;
        self.write(learner.model(), memory, card, path)
    }

    fn write(
        &self,
        model: &Fnac,
        tensors: BTreeMap<String, RawTensor>,
        card: CheckpointCard,
        path: &Path,
    ) -> Result<(), StateError> {
        let weights = model.state().map_err(|e| StateError::Device(e.to_string()))?;
        let checkpoint = Checkpoint::from_state(model.config(), card, weights);
        let own = Self { version: VERSION, ..self.clone() };
        let text = serde_json::to_string(&own).map_err(|e| StateError::Device(e.to_string()))?;
        checkpoint.write_with(path, &Beside { text, tensors })?;
        Ok(())
    }

    /// Reads what [`Self::write_learner`] wrote.
    ///
    /// # Errors
    /// The file cannot be read, is a plain checkpoint, or of a later fnac.
    pub fn read(path: &Path) -> Result<Saved, StateError> {
        let refuse = |cause: String, remedy: &str| StateError::Content {
            file: path.display().to_string(),
            cause,
            remedy: remedy.to_owned(),
        };
        let checkpoint = Checkpoint::read(path)?;
        let Some(beside) = Checkpoint::read_beside(path)? else {
            let remedy = "Begin a new run from it: model.start.";
            return Err(refuse("it holds a network alone, not a run's state".into(), remedy));
        };
        let state: Self = serde_json::from_str(&beside.text).map_err(|e| {
            refuse(format!("its state cannot be understood: {e}"), "Begin a new run from it.")
        })?;
        if state.version > VERSION {
            let cause = format!("its state is of layout {}, not {VERSION}", state.version);
            return Err(refuse(cause, "Use a newer fnac."));
        }
        if state.stage().is_none() {
            return Err(refuse(
                format!("it knows no stage `{}`", state.stage),
                "Use a newer fnac.",
            ));
        }
        Ok(Saved { checkpoint, state, memory: beside.tensors })
    }
}

/// A stage's name in files.
pub(super) fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::WarmImage => "warm-image",
        Stage::WarmSound => "warm-sound",
        Stage::Training => "train",
        Stage::Preparing => "preparing",
        Stage::Validating => "validating",
        Stage::Saving => "saving",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_checkpoint_is_no_state_and_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.safetensors");
        let c = Checkpoint::formula(2, 8, "");
        c.write_safetensors(&path).unwrap();
        let error = RunState::read(&path).unwrap_err().to_string();
        assert!(error.contains("network alone") && error.contains("model.start"), "{error}");
        for (text, word) in [
            ("{", "cannot be understood"),
            (r#"{"version": 9, "stage": "train"}"#, "layout 9"),
            (r#"{"version": 1, "stage": "sleep"}"#, "`sleep`"),
        ] {
            let beside = Beside { text: text.into(), tensors: BTreeMap::new() };
            c.write_with(&path, &beside).unwrap();
            let error = RunState::read(&path).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains("c.safetensors"), "{error}");
        }
        assert!(RunState::read(&dir.path().join("none")).is_err());
    }
}
