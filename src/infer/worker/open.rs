//! Opening a network beside the worker, so that the old one goes on meanwhile.

use std::path::Path;
use std::sync::Arc;

use super::super::PriorTower;
use super::Shared;
use crate::model::{
    Checkpoint, DeviceChoice, ModelError, ObjectTower, OpenStep, OpenedTowers, TrialStore,
    open_cpu, open_towers,
};

/// Opens networks for the worker; [`DeviceOpener`] does, tests bring their own.
pub trait TowerOpener: Send + Sync {
    /// Opens `checkpoint` by the device policy, telling the steps.
    ///
    /// # Errors
    /// What the model room says.
    fn open(
        &self,
        checkpoint: &Checkpoint,
        choice: DeviceChoice,
        avoid: &[String],
        step: &dyn Fn(OpenStep),
    ) -> Result<OpenedTowers, ModelError>;

    /// Opens `checkpoint` on the CPU, to have maps while a graphics device is tried and tuned.
    ///
    /// # Errors
    /// What the model room says.
    fn open_meanwhile(&self, checkpoint: &Checkpoint) -> Result<OpenedTowers, ModelError>;

    /// Opens an object tower.
    ///
    /// # Errors
    /// What the model room says.
    fn open_object(&self, checkpoint: &Checkpoint) -> Result<Box<dyn PriorTower>, ModelError>;
}

/// The real devices of this machine.
pub struct DeviceOpener {
    trials: TrialStore,
}

impl DeviceOpener {
    /// Remembers device trials in `cache_dir`.
    pub fn new(cache_dir: Option<&Path>) -> Self {
        Self { trials: TrialStore::open(cache_dir) }
    }
}

impl TowerOpener for DeviceOpener {
    fn open(
        &self,
        checkpoint: &Checkpoint,
        choice: DeviceChoice,
        avoid: &[String],
        step: &dyn Fn(OpenStep),
    ) -> Result<OpenedTowers, ModelError> {
        open_towers(checkpoint, choice, &self.trials, avoid, step)
    }

    fn open_meanwhile(&self, checkpoint: &Checkpoint) -> Result<OpenedTowers, ModelError> {
        open_cpu(checkpoint, "until the graphics device is ready".into())
    }

    fn open_object(&self, checkpoint: &Checkpoint) -> Result<Box<dyn PriorTower>, ModelError> {
        // On the CPU even beside a graphics device: it runs once per picture, and only when the
        // user looks at the prior.
        Ok(Box::new(ObjectTower::on_cpu(checkpoint, 0)?))
    }
}

/// What the opening thread reports.
pub(super) enum OpenEvent {
    Step(OpenStep),
    /// A network for the time being.
    Meanwhile(OpenedTowers),
    Done(Result<OpenedTowers, ModelError>),
}

/// What is to be opened.
pub(super) struct Opening {
    pub id: u64,
    pub checkpoint: Arc<Checkpoint>,
    pub choice: DeviceChoice,
    pub avoid: Vec<String>,
    /// Nothing computes maps with this checkpoint now.
    pub meanwhile: bool,
}

/// Opens on a thread `fnac-open`, detached on purpose: a driver that hangs must not hold the
/// worker. Its last event is always `Done`.
pub(super) fn start(
    opening: Opening,
    opener: Arc<dyn TowerOpener>,
    shared: Arc<Shared>,
) -> std::io::Result<()> {
    std::thread::Builder::new().name("fnac-open".into()).spawn(move || {
        lower_priority();
        let Opening { id, checkpoint, choice, avoid, meanwhile } = opening;
        let send = |event| shared.ask(|w| w.opened.push((id, event)));
        let wanted = std::cell::Cell::new(meanwhile);
        let step = |s: OpenStep| {
            let slow = s != OpenStep::PreparingCpu;
            send(OpenEvent::Step(s));
            if slow && wanted.replace(false) {
                match opener.open_meanwhile(&checkpoint) {
                    Ok(towers) => send(OpenEvent::Meanwhile(towers)),
                    Err(e) => tracing::warn!("no CPU network meanwhile: {e}"),
                }
            }
        };
        let open = || opener.open(&checkpoint, choice, &avoid, &step);
        let opened = std::panic::catch_unwind(std::panic::AssertUnwindSafe(open));
        send(OpenEvent::Done(opened.unwrap_or_else(|panic| {
            Err(ModelError::Device { device: choice.to_string(), cause: words_of(&*panic) })
        })));
    })?;
    Ok(())
}

/// The text of a caught panic.
pub(in crate::infer) fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it panicked without a message").to_owned()
}

/// Lets sound and picture go first on machines where the network takes every core: the calling
/// thread and those it starts (the CPU engine's) yield to the rest of the program.
pub(in crate::infer) fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        // On Linux, process 0 means the calling thread, and its children inherit the value.
        // SAFETY: setpriority takes three integers and touches no memory of ours.
        let set = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 5) };
        if set != 0 {
            tracing::debug!("the network's threads keep their priority");
        }
    }
}
