//! From a request to everything that a run needs before its first step.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::super::engine::{RunPlace, RunRequest, TrainError};
use super::super::events::{RunFacts, Stage};
use super::super::loader::BatchMaker;
use super::super::run_folder::{Change, RowFile, RunCard, RunFolder, read_config, resumed_changes};
use super::super::split::Split;
use super::super::start::Start;
use super::super::state::{RunState, Saved, stage_name};
use super::super::{Schedule, TrainConfig};
use super::desk::Desk;
use crate::data::Dataset;
use crate::infer::cache_dir;
use crate::model::training_devices;
use crate::model::{CheckpointCard, FnacConfig, RawTensor, TrainingDevice, TrialStore};

/// Everything before the first step of a sitting.
pub(super) struct Prepared {
    pub config: TrainConfig,
    pub folder: RunFolder,
    pub card: RunCard,
    /// Of the checkpoints.
    pub checkpoint_card: CheckpointCard,
    pub curves: RowFile,
    pub checks: RowFile,
    pub devices: Vec<TrainingDevice>,
    pub train: Arc<Dataset>,
    pub validation: Arc<Dataset>,
    pub maker: Arc<BatchMaker>,
    pub schedule: Schedule,
    pub network: FnacConfig,
    pub state: RunState,
    pub weights: BTreeMap<String, RawTensor>,
    pub memory: BTreeMap<String, RawTensor>,
    pub facts: RunFacts,
}

/// Weights, and the rest that differs between a new run and one that goes on.
struct Origin {
    folder: RunFolder,
    card: RunCard,
    changes: Vec<Change>,
    network: FnacConfig,
    weights: BTreeMap<String, RawTensor>,
    memory: BTreeMap<String, RawTensor>,
    state: RunState,
    checkpoint_card: CheckpointCard,
}

impl Prepared {
    pub fn new(request: RunRequest, desk: &mut Desk) -> Result<Self, TrainError> {
        let RunRequest { config, place } = request;
        config.validate()?;
        let split = Split::open(&config).map_err(TrainError::other)?;
        let devices = devices(&config)?;
        let named = devices.iter().map(|d| d.name.clone()).collect::<Vec<_>>().join(" + ");
        let origin = match &place {
            RunPlace::Resume(path) => Origin::resumed(path, &config, &split)?,
            place => Origin::new(place, &config, &split)?,
        };
        let Origin { folder, mut card, changes, .. } = origin;
        let train = Arc::new(split.train);
        let rate = origin.checkpoint_card.sample_rate;
        let maker = Arc::new(BatchMaker::new(train.clone(), &config, rate));
        let schedule = Schedule::new(
            &config,
            own_batch(&config, devices.len()),
            maker.order().steps_per_epoch(),
        );
        let state = origin.state;
        let stage = state.stage().unwrap_or(Stage::Training);
        if stage == Stage::Training && state.step >= schedule.steps() {
            return Err(TrainError::other(format!(
                "the run in `{}` is finished after {} steps: add epochs by --set \
                 schedule.epochs=N (now {}) or steps by schedule.steps (now {}), or begin a new \
                 run from its checkpoint",
                folder.path().display(),
                state.step,
                config.schedule.epochs,
                config.schedule.steps
            )));
        }
        for change in &changes {
            desk.note(format!("{}: {} instead of {}", change.key, change.to, change.from));
        }
        card.sit_down(state.step, &named, changes);
        folder.write_card(&card).map_err(TrainError::other)?;
        folder.write_config(&config).map_err(TrainError::other)?;
        let (curves, checks) = folder.tables((stage, state.step)).map_err(TrainError::other)?;
        let facts = RunFacts {
            folder: folder.path().to_owned(),
            items: train.items.len(),
            listed: train.listed,
            left_out: train.left_out.iter().map(|l| (l.id.clone(), l.reason.clone())).collect(),
            validation: split.validation.items.len(),
            steps: schedule.steps(),
            steps_per_epoch: maker.order().steps_per_epoch(),
            warmup_ends: schedule.warmup_ends(),
            warm_steps: warm_steps(&config),
            device: named,
            quirks: card.quirks.clone(),
            start: card.start.words.clone(),
            first_step: if stage == Stage::Training { state.step } else { 0 },
        };
        Ok(Self {
            folder,
            card,
            checkpoint_card: origin.checkpoint_card,
            curves,
            checks,
            devices,
            train,
            validation: Arc::new(split.validation),
            maker,
            schedule,
            network: origin.network,
            state,
            weights: origin.weights,
            memory: origin.memory,
            facts,
            config,
        })
    }
}

/// What a run begins with at its very first step.
struct Beginning {
    start: Start,
    state: RunState,
    checkpoint_card: CheckpointCard,
}

impl Beginning {
    fn new(config: &TrainConfig, name: &str, data: &str) -> Result<Self, TrainError> {
        let start = Start::open(config).map_err(TrainError::other)?;
        let first = match warm_steps(config) {
            (1.., _) => Stage::WarmImage,
            (0, 1..) => Stage::WarmSound,
            (0, 0) => Stage::Training,
        };
        let checkpoint_card = start.card(config, name, data);
        let state = RunState {
            stage: stage_name(first).to_owned(),
            seed: config.seed,
            data: data.to_owned(),
            ..RunState::default()
        };
        Ok(Self { start, state, checkpoint_card })
    }

    fn origin(self, folder: RunFolder, card: RunCard, changes: Vec<Change>) -> Origin {
        Origin {
            folder,
            card,
            changes,
            network: self.start.network,
            weights: self.start.state,
            memory: BTreeMap::new(),
            state: self.state,
            checkpoint_card: self.checkpoint_card,
        }
    }
}

impl Origin {
    fn new(place: &RunPlace, config: &TrainConfig, split: &Split) -> Result<Self, TrainError> {
        let (data, validation) = split.facts();
        let mut begin = Beginning::new(config, "", &data.fingerprint)?;
        // Last, so that a run that cannot begin leaves no folder.
        let folder = match place {
            RunPlace::Numbered(parent) => RunFolder::numbered(parent),
            RunPlace::Folder(path) | RunPlace::Resume(path) => RunFolder::fresh(path),
        };
        let folder = folder.map_err(TrainError::other)?;
        let name = name_of(folder.path());
        begin.checkpoint_card = begin.start.card(config, &name, &data.fingerprint);
        let card = RunCard {
            data,
            validation,
            start: begin.start.facts.clone(),
            lineage: begin.start.lineage.clone(),
            ..RunCard::new(config)
        };
        Ok(begin.origin(folder, card, Vec::new()))
    }

    fn resumed(path: &Path, config: &TrainConfig, split: &Split) -> Result<Self, TrainError> {
        let folder = RunFolder::resume(path).map_err(TrainError::other)?;
        let mut card = RunCard::read(path).map_err(TrainError::other)?;
        let old = read_config(path).map_err(TrainError::other)?;
        let changes = resumed_changes(&old, config).map_err(TrainError::other)?;
        let (data, validation) = split.facts();
        if data.fingerprint != card.data.fingerprint {
            return Err(TrainError::other(format!(
                "the data in `{}` is not what the run began with ({} pairs then, {} now): going on \
                 would not be the same run. Put the data back, or begin a new run from its \
                 checkpoint (model.start = \"{}\")",
                config.data.train,
                card.data.items,
                data.items,
                path.display()
            )));
        }
        (card.data, card.validation) = (data, validation);
        card.config = serde_json::to_value(config).unwrap_or_default();
        let last = folder.checkpoint("last").map_err(TrainError::other)?;
        if !last.exists() {
            // Killed before its first save: it begins as it would have begun.
            let begin = Beginning::new(config, &name_of(path), &card.data.fingerprint)?;
            return Ok(begin.origin(folder, card, changes));
        }
        let saved = RunState::read(&last).map_err(TrainError::other)?;
        let Saved { checkpoint, state, memory } = saved;
        Ok(Self {
            folder,
            card,
            changes,
            network: checkpoint.config,
            weights: checkpoint.tensors,
            memory,
            state,
            checkpoint_card: checkpoint.card,
        })
    }
}

/// Supervised steps of a run: none for towers that were trained already.
pub(super) fn warm_steps(config: &TrainConfig) -> (u64, u64) {
    let scratch = config.model.start.is_empty();
    let image = scratch && config.model.image_start.is_empty();
    let steps = |wanted: bool, n: u64| if wanted { n } else { 0 };
    (steps(image, config.warm.image_steps), steps(scratch, config.warm.sound_steps))
}

/// Pairs that a picture is told from: with negatives of its own device a share of the batch.
fn own_batch(config: &TrainConfig, devices: usize) -> usize {
    match config.run.negatives {
        super::super::Negatives::PerDevice => (config.batch.size / devices.max(1)).max(1),
        super::super::Negatives::Gathered => config.batch.size,
    }
}

fn devices(config: &TrainConfig) -> Result<Vec<TrainingDevice>, TrainError> {
    let trials = TrialStore::open(cache_dir().as_deref());
    training_devices(&config.run.device, &trials).map_err(TrainError::other)
}

fn name_of(folder: &Path) -> String {
    // `runs/.` and the like have no name of their own.
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    whole.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
