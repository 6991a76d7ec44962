//! A run from its configuration to its last checkpoint, on a thread of its own.
//!
//! The window and `fnac train` both use this: [`RunHandle::spawn`], then events out and commands
//! in.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use burn::tensor::Device;
use crossbeam_channel::{Receiver, Sender, bounded};

use super::events::{Ending, RunFacts, Stage, StepRow, TrainCommand, TrainEvent};
use super::initial;
use super::loader::{BatchMaker, Loader};
use super::outbox::Outbox;
use super::warm::{Tower, WarmBatches, WarmLearner};
use super::{Learner, Schedule, StepReport, TrainConfig};
use crate::data::{Dataset, OpenOptions};
use crate::model::{Checkpoint, CheckpointCard, Fnac, FnacConfig};
use crate::units::Waker;

/// Where a run writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunPlace {
    /// A new numbered folder inside this one (`run-0007`).
    Numbered(PathBuf),
    /// This folder, which must be new or empty.
    Folder(PathBuf),
    /// This folder of an earlier run, which goes on exactly.
    Resume(PathBuf),
}

/// What a run is asked for.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// The recipe; of a resumed run only what may change ([`crate::train::RunSection`],
    /// `schedule.epochs`, `schedule.steps`, data paths that moved).
    pub config: TrainConfig,
    /// Where it writes.
    pub place: RunPlace,
}

/// Why a run did not begin or could not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrainError {
    /// The configuration is not possible.
    #[error(transparent)]
    Config(#[from] super::ConfigError),
    /// Anything else, in words: what, which file, what to do.
    #[error("{0}")]
    Other(String),
}

fn other(e: impl std::fmt::Display) -> TrainError {
    TrainError::Other(e.to_string())
}

/// A run on its thread. Dropping it stops the run and waits for its last save.
pub struct RunHandle {
    commands: Sender<TrainCommand>,
    events: Receiver<TrainEvent>,
    thread: Option<JoinHandle<()>>,
}

/// Commands that may wait.
const COMMANDS: usize = 16;
/// Events that may wait in the queue; the outbox keeps what is not taken.
const EVENTS: usize = 256;

impl RunHandle {
    /// Starts a run. `waker` is called after each event.
    ///
    /// # Errors
    /// A configuration that is not possible, or no thread.
    pub fn spawn(request: RunRequest, waker: Waker) -> Result<Self, TrainError> {
        request.config.validate()?;
        let (commands, take) = bounded(COMMANDS);
        let (give, events) = bounded(EVENTS);
        let work = move || {
            let mut run = Run { commands: take, out: Outbox::new(give, waker) };
            let ending = match run.all(request) {
                Ok(ending) => ending,
                Err(e) => Ending::Failed(e.to_string()),
            };
            let Run { out, .. } = run;
            out.last(TrainEvent::Ended(ending));
        };
        let thread = std::thread::Builder::new().name("fnac-train".into()).spawn(work);
        let thread = thread.map_err(|e| other(format!("cannot start a thread: {e}")))?;
        Ok(Self { commands, events, thread: Some(thread) })
    }

    /// Tells the run something; it is obeyed between two steps. A run that is over does not
    /// hear it.
    pub fn send(&self, command: TrainCommand) {
        self.commands.try_send(command).ok();
    }

    /// What the run says, [`TrainEvent::Ended`] last.
    pub fn events(&self) -> &Receiver<TrainEvent> {
        &self.events
    }
}

impl Drop for RunHandle {
    fn drop(&mut self) {
        // A full queue holds a Stop or is emptied within a step.
        self.commands.send_timeout(TrainCommand::Stop, std::time::Duration::from_secs(5)).ok();
        while !self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            self.events.recv_timeout(std::time::Duration::from_millis(20)).ok();
        }
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// What a run is asked to do next.
enum Next {
    Go,
    Stop,
}

struct Run {
    commands: Receiver<TrainCommand>,
    out: Outbox,
}

/// Sums over a run's sittings.
struct Clock {
    started: Instant,
    before: f64,
}

impl Clock {
    fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }
}

impl Run {
    fn all(&mut self, request: RunRequest) -> Result<Ending, TrainError> {
        let RunRequest { config, place } = request;
        self.out.send(TrainEvent::Stage(Stage::Preparing));
        let folder = match place {
            RunPlace::Numbered(dir) => dir.join("run-0001"),
            RunPlace::Folder(dir) | RunPlace::Resume(dir) => dir,
        };
        let checkpoints = folder.join("checkpoints");
        std::fs::create_dir_all(&checkpoints).map_err(other)?;
        let text = config.to_toml()?;
        crate::files::write_whole(&folder.join("config.toml"), text.as_bytes()).map_err(other)?;
        let options = OpenOptions {
            format: config.data.format.clone(),
            list: (!config.data.list.is_empty()).then(|| PathBuf::from(&config.data.list)),
            annotations: None,
        };
        let mut set =
            Dataset::open(std::path::Path::new(&config.data.train), &options).map_err(other)?;
        // Nothing in these pictures sounds: they are no pairs.
        set.items.retain(|i| i.negative.is_none());
        let card = CheckpointCard {
            name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            tau: config.loss.tau as f32,
            ..CheckpointCard::default()
        };
        let rate = card.sample_rate;
        let set = Arc::new(set);
        let maker = Arc::new(BatchMaker::new(set.clone(), &config, rate));
        let per_epoch = maker.order().steps_per_epoch();
        if per_epoch == 0 {
            return Err(other(format!(
                "{} pairs do not fill a batch of {}: lower batch.size, or add data to {}",
                set.items.len(),
                config.batch.size,
                config.data.train
            )));
        }
        let schedule = Schedule::new(&config, config.batch.size, per_epoch);
        let (network, state, start) = if config.model.start.is_empty() {
            let network = config.network();
            (network, initial::scratch(network, config.seed), "scratch".to_owned())
        } else {
            let base =
                Checkpoint::read(std::path::Path::new(&config.model.start)).map_err(other)?;
            (base.config, base.tensors, config.model.start.clone())
        };
        let device = Device::flex().autodiff();
        let mut model = Fnac::from_state(network, &state, &device).map_err(other)?;
        let warm = [(Tower::Image, Stage::WarmImage), (Tower::Sound, Stage::WarmSound)];
        self.out.send(TrainEvent::Started(Arc::new(RunFacts {
            folder: folder.clone(),
            items: set.items.len(),
            listed: set.listed,
            left_out: set.left_out.iter().map(|l| (l.id.clone(), l.reason.clone())).collect(),
            steps: schedule.steps(),
            steps_per_epoch: per_epoch,
            warmup_ends: schedule.warmup_ends(),
            warm_steps: (config.warm.image_steps, config.warm.sound_steps),
            device: "CPU".into(),
            quirks: config.quirks().into_iter().map(str::to_owned).collect(),
            start,
            ..RunFacts::default()
        })));
        let clock = Clock { started: Instant::now(), before: 0.0 };
        let mut curves = String::from(
            "step,epoch,loss,contrastive,fns_audio,tne,fns_image,learning_rate,seconds,stage,\
             picture_half,sound_half,grad_norm,wait,compute\n",
        );
        for (tower, stage) in warm {
            let steps = if config.model.start.is_empty() { tower.steps(&config.warm) } else { 0 };
            if steps == 0 {
                continue;
            }
            self.out.send(TrainEvent::Stage(stage));
            let labelled = if config.warm.data.is_empty() {
                set.clone()
            } else {
                let dir = std::path::Path::new(&config.warm.data);
                Arc::new(Dataset::open(dir, &OpenOptions::default()).map_err(other)?)
            };
            let batches =
                WarmBatches::new(labelled, &config, tower, rate).map_err(TrainError::Other)?;
            let mut learner = WarmLearner::new(model, &config, tower, batches.classes());
            let mut loader =
                Loader::new(Arc::new(batches), 0, steps, config.data.workers).map_err(other)?;
            for step in 0..steps {
                if let Next::Stop = self.obey() {
                    return Ok(Ending::Stopped);
                }
                let waited = Instant::now();
                let Some(loaded) = loader.next(|| false) else { break };
                let (wait, computing) = (waited.elapsed(), Instant::now());
                let report = learner.step(step, &loaded).map_err(other)?;
                let row = row(&report, stage, loaded.epoch, &clock, loaded.batch.size);
                let compute = computing.elapsed().as_secs_f64();
                let row = StepRow { wait: wait.as_secs_f64(), compute, ..row };
                curves.push_str(&line(&row));
                self.out.send(TrainEvent::Step(row));
            }
            model = learner.into_model();
        }
        let write = |model: &Fnac, name: &str, step: u64| {
            let path = checkpoints.join(name);
            save(model, network, &card, &path)?;
            Ok::<_, TrainError>(TrainEvent::Saved { path, step })
        };
        if config.warm.image_steps + config.warm.sound_steps > 0 {
            let saved = write(&model, "warm.safetensors", 0)?;
            self.out.send(saved);
        }
        self.out.send(TrainEvent::Stage(Stage::Training));
        let mut learner = Learner::new(model, &config, schedule);
        let last = learner.schedule().steps();
        let mut loader = Loader::new(maker, 0, last, config.data.workers).map_err(other)?;
        for step in 0..last {
            if let Next::Stop = self.obey() {
                let saved = write(learner.model(), "last.safetensors", step)?;
                self.out.send(saved);
                return Ok(Ending::Stopped);
            }
            let waited = Instant::now();
            let Some(loaded) = loader.next(|| false) else { break };
            let (wait, computing) = (waited.elapsed(), Instant::now());
            let report = learner.step(step, &loaded.batch).map_err(other)?;
            let row = row(&report, Stage::Training, loaded.epoch, &clock, loaded.batch.size);
            let compute = computing.elapsed().as_secs_f64();
            let row = StepRow { wait: wait.as_secs_f64(), compute, ..row };
            curves.push_str(&line(&row));
            self.out.send(TrainEvent::Step(row));
            let every = config.run.save_steps;
            if (every > 0 && (step + 1) % every == 0) || step + 1 == last {
                crate::files::write_whole(&folder.join("curves.csv"), curves.as_bytes())
                    .map_err(other)?;
                let saved = write(learner.model(), "last.safetensors", step + 1)?;
                self.out.send(saved);
            }
        }
        Ok(Ending::Finished)
    }

    /// Obeys what was told since the last step.
    fn obey(&mut self) -> Next {
        while let Ok(command) = self.commands.try_recv() {
            if command == TrainCommand::Stop {
                return Next::Stop;
            }
        }
        Next::Go
    }
}

fn save(
    model: &Fnac,
    network: FnacConfig,
    card: &CheckpointCard,
    path: &std::path::Path,
) -> Result<(), TrainError> {
    let state = model.state().map_err(other)?;
    Checkpoint::from_state(network, card.clone(), state).write_safetensors(path).map_err(other)
}

fn row(r: &StepReport, stage: Stage, epoch: u64, clock: &Clock, pairs: usize) -> StepRow {
    StepRow {
        step: r.step,
        epoch,
        stage,
        losses: r.losses,
        halves: r.halves,
        grad_norm: r.grad_norm,
        learning_rate: r.learning_rate,
        seconds: clock.seconds(),
        wait: 0.0,
        compute: 0.0,
        pairs,
    }
}

/// A row of `curves.csv`.
fn line(r: &StepRow) -> String {
    let [contrastive, fns_audio, tne, fns_image] = r.losses.terms;
    format!(
        "{},{},{},{contrastive},{fns_audio},{tne},{fns_image},{},{:.3},{:?},{},{},{},{:.4},{:.4}\n",
        r.step,
        r.epoch,
        r.losses.total(),
        r.learning_rate,
        r.seconds,
        r.stage,
        r.halves[0],
        r.halves[1],
        r.grad_norm,
        r.wait,
        r.compute
    )
}
