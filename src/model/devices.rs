//! Where the network can run, which place is taken, and why.
//!
//! The policy `auto`: a real GPU runs the network through burn's wgpu backend; a software
//! adapter (llvmpipe, WARP, SwiftShader) only draws, because the network takes ten times longer
//! on it than on the CPU it runs on anyway, and the CPU engine takes over.
//!
//! The network has a wgpu device of its own, not egui's. What it would save by sharing is one
//! copy of 49 floats; what it would cost is that a queue full of convolutions delays the picture
//! (a submission is not interrupted), that the lost device of one takes the other down, and that
//! the device could not be chosen apart from the one that draws. So the map travels through the
//! CPU, which has to see it for probe, lanes and files in any case.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};

use burn::tensor::Device as BurnDevice;

use super::trial::{TrialStore, Verdict};
use super::{BurnTowers, Checkpoint, ModelError, RtenTowers, Towers};

/// What the user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeviceChoice {
    /// The best place by the policy above.
    #[default]
    Auto,
    /// The CPU engine.
    Cpu,
    /// A graphics adapter: the best one, or that of [`list_devices`] with this index, software
    /// adapters included (asking for one by its number is the override).
    Gpu(Option<usize>),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s.trim().to_ascii_lowercase().as_str() {
            "auto" | "" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "gpu" => Ok(Self::Gpu(None)),
            other => other
                .strip_prefix("gpu:")
                .and_then(|n| n.parse().ok())
                .map(|n| Self::Gpu(Some(n)))
                .ok_or_else(|| format!("no device `{s}`: want auto, cpu, gpu or gpu:N")),
        }
    }
}

impl std::fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Gpu(None) => f.write_str("gpu"),
            Self::Gpu(Some(n)) => write!(f, "gpu:{n}"),
        }
    }
}

/// What kind of adapter it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AdapterKind {
    /// A card with memory of its own.
    Discrete,
    /// Shares the computer's memory.
    Integrated,
    /// A part of a host's card.
    Virtual,
    /// Drawn by the CPU: llvmpipe, lavapipe, WARP, SwiftShader.
    Software,
    /// The driver does not say.
    Other,
}

impl AdapterKind {
    /// Lower is taken first; `None` is never taken by `auto`.
    fn rank(self) -> Option<u8> {
        match self {
            Self::Discrete => Some(0),
            Self::Integrated => Some(1),
            Self::Virtual => Some(2),
            // OpenGL drivers often do not say what they are; a software one has a telling name.
            Self::Other => Some(3),
            Self::Software => None,
        }
    }
}

/// A graphics adapter that could run the network.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
pub struct DeviceInfo {
    /// Number for `gpu:N`.
    pub index: usize,
    /// Its name by the driver.
    pub name: String,
    /// Vulkan, Metal, Dx12 or Gl.
    pub backend: String,
    /// What it is.
    pub kind: AdapterKind,
    /// Driver and its version.
    pub driver: String,
}

impl DeviceInfo {
    /// What a trial's result belongs to: another driver or another fnac is tried anew.
    pub fn trial_key(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        let compiler = if cfg!(feature = "spirv") { "spirv" } else { "wgsl" };
        format!("{} | {} | {} | fnac {version} {compiler}", self.name, self.backend, self.driver)
    }
}

impl std::fmt::Display for DeviceInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}, {:?})", self.name, self.backend, self.kind)
    }
}

/// Names under which software drivers are known, when the driver does not say that it is one.
const SOFTWARE_NAMES: &[&str] =
    &["llvmpipe", "lavapipe", "softpipe", "swiftshader", "swrast", "basic render", "warp"];

fn kind_of(info: &wgpu::AdapterInfo) -> AdapterKind {
    let name = format!("{} {}", info.name, info.driver).to_ascii_lowercase();
    if info.device_type == wgpu::DeviceType::Cpu || SOFTWARE_NAMES.iter().any(|n| name.contains(n))
    {
        return AdapterKind::Software;
    }
    match info.device_type {
        wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
        wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
        wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
        wgpu::DeviceType::Cpu => AdapterKind::Software,
        wgpu::DeviceType::Other => AdapterKind::Other,
    }
}

/// Waits for a future of wgpu; natively they are ready at once, so this hardly ever sleeps.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(std::task::Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(v) => return v,
            Poll::Pending => std::thread::sleep(std::time::Duration::from_millis(1)),
        }
    }
}

struct Listed {
    info: DeviceInfo,
    adapter: wgpu::Adapter,
}

/// All adapters with compute shaders, one entry each: a card that several backends reach is
/// listed under the best of them.
fn adapters() -> (wgpu::Instance, Vec<Listed>) {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let found = block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    let preference = |b: wgpu::Backend| match b {
        wgpu::Backend::Metal | wgpu::Backend::Vulkan => 0,
        wgpu::Backend::Dx12 => 1,
        _ => 2,
    };
    let mut found: Vec<_> = found
        .into_iter()
        .filter(|a| a.limits().max_compute_invocations_per_workgroup >= 64)
        .map(|a| (a.get_info(), a))
        .collect();
    found.sort_by_key(|(i, _)| (kind_of(i).rank().unwrap_or(9), preference(i.backend)));
    let mut listed: Vec<Listed> = Vec::new();
    for (info, adapter) in found {
        let kind = kind_of(&info);
        // OpenGL names a card otherwise than Vulkan, so software adapters are merged by kind.
        let same = |l: &Listed| {
            l.info.name == info.name
                || (info.backend == wgpu::Backend::Gl
                    && (kind == AdapterKind::Software || kind == AdapterKind::Other)
                    && l.info.kind == AdapterKind::Software)
        };
        if listed.iter().any(same) {
            continue;
        }
        let driver = format!("{} {}", info.driver, info.driver_info).trim().to_owned();
        let info = DeviceInfo {
            index: listed.len(),
            name: info.name.clone(),
            backend: format!("{:?}", info.backend),
            kind,
            driver,
        };
        listed.push(Listed { info, adapter });
    }
    (instance, listed)
}

/// The graphics adapters that could run the network, best first. An empty list is no error: the
/// CPU engine needs none. Takes some 10 to 300 ms, since drivers are loaded.
pub fn list_devices() -> Vec<DeviceInfo> {
    adapters().1.into_iter().map(|l| l.info).collect()
}

/// A network on its device, and why there.
pub struct OpenedTowers {
    /// The network.
    pub towers: Box<dyn Towers>,
    /// Where it runs.
    pub device: String,
    /// Why there, in words for the window.
    pub reason: String,
    /// True on a graphics device, which can be lost and has others beside it.
    pub on_gpu: bool,
    /// Raised when the device is gone.
    pub lost: Arc<AtomicBool>,
}

/// What happens while a device is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenStep {
    /// This adapter is tried in a child process, for the first time on this machine.
    Trying(String),
    /// Weights go to this adapter, kernels are tuned and compiled: seconds on the first start.
    Preparing(String),
    /// The network is built for the CPU: a fraction of a second.
    PreparingCpu,
}

/// The network on the CPU engine.
///
/// # Errors
/// When the checkpoint holds no such network.
pub fn open_cpu(checkpoint: &Checkpoint, reason: String) -> Result<OpenedTowers, ModelError> {
    // 0: the engine takes as many threads as suit the machine.
    let towers = Box::new(RtenTowers::new(checkpoint, 0)?);
    let device = towers.describe();
    Ok(OpenedTowers { towers, device, reason, on_gpu: false, lost: Arc::default() })
}

/// The adapters to try for a choice, in order, and what is said about those left out.
pub fn candidates(
    choice: DeviceChoice,
    devices: &[DeviceInfo],
) -> Result<(Vec<DeviceInfo>, String), ModelError> {
    let real: Vec<_> = devices.iter().filter(|d| d.kind.rank().is_some()).cloned().collect();
    let no_device = |cause: String| ModelError::NoDevice { choice: choice.to_string(), cause };
    match choice {
        DeviceChoice::Cpu => Ok((Vec::new(), "asked for".into())),
        DeviceChoice::Auto if real.is_empty() => {
            let why = match devices.first() {
                Some(d) => {
                    format!("{} draws in software, so the network runs on the CPU directly", d.name)
                }
                None => "no graphics adapter with compute shaders was found".into(),
            };
            Ok((Vec::new(), why))
        }
        DeviceChoice::Auto => Ok((real, String::new())),
        DeviceChoice::Gpu(None) if real.is_empty() => Err(no_device(format!(
            "there is no hardware adapter{}; use --device cpu",
            match devices.first() {
                Some(d) => format!(", only {} (`gpu:{}` takes it all the same)", d.name, d.index),
                None => String::new(),
            }
        ))),
        DeviceChoice::Gpu(None) => Ok((real, String::new())),
        DeviceChoice::Gpu(Some(n)) => match devices.get(n) {
            Some(d) => Ok((vec![d.clone()], String::new())),
            None => Err(no_device(format!("there are {} graphics adapters", devices.len()))),
        },
    }
}

/// Opens the network by the policy; the trial of a device that this machine has not used runs
/// in a child process (see [`TrialStore`]). `avoid` lists adapters (as [`OpenedTowers::device`]
/// names them) that were lost in this run.
///
/// # Errors
/// [`ModelError::NoDevice`] for a GPU that is not there or that failed its trial when it was
/// asked for by name; `auto` never fails for lack of a GPU.
pub fn open_towers(
    checkpoint: &Checkpoint,
    choice: DeviceChoice,
    trials: &TrialStore,
    avoid: &[String],
    step: &dyn Fn(OpenStep),
) -> Result<OpenedTowers, ModelError> {
    if choice == DeviceChoice::Cpu {
        step(OpenStep::PreparingCpu);
        return open_cpu(checkpoint, "asked for".into());
    }
    let (tried, mut why) = candidates(choice, &list_devices())?;
    let mut refused = Vec::new();
    for device in tried {
        if avoid.contains(&device.to_string()) {
            refused.push(format!("{} was lost", device.name));
            continue;
        }
        let verdict = match trials.known(&device) {
            Some(v) => v,
            None => {
                step(OpenStep::Trying(device.to_string()));
                trials.try_in_child(&device)
            }
        };
        let speed = match verdict {
            Verdict::Good { map_ms, .. } => map_ms,
            Verdict::Bad { cause } => {
                refused.push(format!("{} is not used: {cause}", device.name));
                continue;
            }
        };
        step(OpenStep::Preparing(device.to_string()));
        match open_gpu(checkpoint, &device) {
            Ok(mut opened) => {
                let passed = format!("it passed its trial ({speed:.1} ms for a small map)");
                refused.push(passed);
                opened.reason = refused.join("; ");
                return Ok(opened);
            }
            Err(e) => refused.push(format!("{}: {e}", device.name)),
        }
    }
    if let DeviceChoice::Gpu(_) = choice {
        return Err(ModelError::NoDevice {
            choice: choice.to_string(),
            cause: format!("{}; use --device cpu", refused.join("; ")),
        });
    }
    if !refused.is_empty() {
        why = refused.join("; ");
    }
    step(OpenStep::PreparingCpu);
    open_cpu(checkpoint, why)
}

/// The network on a graphics adapter, warmed up: tuning and compiling happen here, for seconds
/// on the first start, and are kept by burn for the next one.
///
/// # Errors
/// [`ModelError::Device`] with the driver's words.
pub fn open_gpu(checkpoint: &Checkpoint, device: &DeviceInfo) -> Result<OpenedTowers, ModelError> {
    let (burn_device, lost) = burn_device(device)?;
    let mut towers = BurnTowers::new(checkpoint, burn_device, device.to_string())?;
    warm_up(&mut towers, checkpoint.card.sample_rate)?;
    Ok(OpenedTowers {
        towers: Box::new(towers),
        device: device.to_string(),
        reason: String::new(),
        on_gpu: true,
        lost,
    })
}

/// A device that a network can be trained on.
#[derive(Clone, Debug)]
pub struct TrainingDevice {
    /// With gradients.
    pub device: BurnDevice,
    /// Its name, for people.
    pub name: String,
    /// Whether it is a graphics device, which can be lost and has memory of its own.
    pub on_gpu: bool,
    /// Raised when it is gone.
    pub lost: Arc<AtomicBool>,
}

/// The devices that a text names: `auto`, `cpu`, `gpu`, `gpu:1`, a part of a name, or several with
/// commas. The first one holds the network that is saved. A graphics device that this machine has
/// not used is tried in a child process first.
///
/// # Errors
/// [`ModelError::NoDevice`] with what there is; [`ModelError::Device`] when one cannot be opened.
/// `auto` takes the CPU where no graphics device can be used.
pub fn training_devices(
    text: &str,
    trials: &TrialStore,
) -> Result<Vec<TrainingDevice>, ModelError> {
    let names: Vec<&str> = text.split(',').map(str::trim).filter(|n| !n.is_empty()).collect();
    let only_cpu = !names.is_empty() && names.iter().all(|n| n.eq_ignore_ascii_case("cpu"));
    // Drivers are not loaded for nothing.
    let listed = if only_cpu { Vec::new() } else { list_devices() };
    let names = if names.is_empty() { vec!["auto"] } else { names };
    names.into_iter().map(|name| training_device(name, &listed, trials)).collect()
}

fn training_device(
    name: &str,
    listed: &[DeviceInfo],
    trials: &TrialStore,
) -> Result<TrainingDevice, ModelError> {
    let choice = named(name, listed)?;
    if choice == DeviceChoice::Cpu {
        return Ok(training_cpu());
    }
    let (tried, _) = candidates(choice, listed)?;
    let mut refused = Vec::new();
    for info in tried {
        let verdict = trials.known(&info).unwrap_or_else(|| trials.try_in_child(&info));
        if let Verdict::Bad { cause } = verdict {
            refused.push(format!("{} is not used: {cause}", info.name));
            continue;
        }
        match burn_device(&info) {
            Ok((device, lost)) => {
                let (device, name) = (device.autodiff(), info.to_string());
                return Ok(TrainingDevice { device, name, on_gpu: true, lost });
            }
            Err(e) => refused.push(e.to_string()),
        }
    }
    if choice == DeviceChoice::Auto {
        return Ok(training_cpu());
    }
    let cause = format!("{}; use run.device = \"cpu\"", refused.join("; "));
    Err(ModelError::NoDevice { choice: name.to_owned(), cause })
}

fn training_cpu() -> TrainingDevice {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    TrainingDevice {
        device: BurnDevice::flex().autodiff(),
        name: format!("CPU ({cores} cores)"),
        on_gpu: false,
        lost: Arc::default(),
    }
}

/// What a name means: a choice, or the number of the one adapter that has it in its name.
fn named(name: &str, listed: &[DeviceInfo]) -> Result<DeviceChoice, ModelError> {
    if let Ok(choice) = name.parse() {
        return Ok(choice);
    }
    let low = name.to_lowercase();
    let all = || listed.iter().map(|d| format!("gpu:{} {}", d.index, d.name));
    let found: Vec<&DeviceInfo> =
        listed.iter().filter(|d| d.name.to_lowercase().contains(&low)).collect();
    let exact = found.iter().find(|d| d.name.to_lowercase() == low);
    match (exact, found.as_slice()) {
        (Some(d), _) | (None, [d]) => Ok(DeviceChoice::Gpu(Some(d.index))),
        (None, found) => {
            let there = all().collect::<Vec<_>>().join(", ");
            let there = if there.is_empty() { "no graphics adapter".to_owned() } else { there };
            let several = if found.is_empty() { "none has" } else { "several have" };
            let cause = format!(
                "{several} this in the name; there is cpu, and {there}. Name one by its number"
            );
            Err(ModelError::NoDevice { choice: name.to_owned(), cause })
        }
    }
}

/// One empty picture and one silent sound through the network.
fn warm_up(towers: &mut dyn Towers, rate_hz: u32) -> Result<(), ModelError> {
    let side = crate::features::INPUT_SIDE as usize;
    towers.embed_images(&[vec![0.0; 3 * side * side]])?;
    let silence = vec![0.0; 3 * rate_hz as usize];
    if let Some(s) = crate::features::SpectrogramPlan::new().log_spectrogram(&silence, rate_hz) {
        towers.embed_sound(&s)?;
    }
    Ok(())
}

type Registered = HashMap<String, (BurnDevice, Arc<AtomicBool>)>;

/// burn keeps a registered device for good, so each adapter is registered once and again only
/// after it was lost.
fn burn_device(device: &DeviceInfo) -> Result<(BurnDevice, Arc<AtomicBool>), ModelError> {
    static REGISTERED: OnceLock<Mutex<Registered>> = OnceLock::new();
    let mut held =
        REGISTERED.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    let key = device.trial_key();
    if let Some((d, lost)) = held.get(&key)
        && !lost.load(Ordering::Acquire)
    {
        return Ok((d.clone(), lost.clone()));
    }
    let fresh = register(device)?;
    held.insert(key, fresh.clone());
    Ok(fresh)
}

fn register(device: &DeviceInfo) -> Result<(BurnDevice, Arc<AtomicBool>), ModelError> {
    let failed = |cause: String| ModelError::Device { device: device.to_string(), cause };
    let (instance, listed) = adapters();
    let adapter = listed
        .into_iter()
        .find(|l| l.info.trial_key() == device.trial_key())
        .map(|l| l.adapter)
        .ok_or_else(|| failed("it is not there any more".into()))?;
    let descriptor = wgpu::DeviceDescriptor {
        label: Some("fnac network"),
        // cubecl asks the adapter, not the device, what it may use: enable all of it.
        required_features: adapter.features().difference(wgpu::Features::MAPPABLE_PRIMARY_BUFFERS),
        required_limits: adapter.limits(),
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        trace: wgpu::Trace::Off,
        // SAFETY: the features marked experimental are used by cubecl alone, which requests its
        // own devices in just this way.
        experimental_features: unsafe { wgpu::ExperimentalFeatures::enabled() },
    };
    let (gpu, queue) =
        block_on(adapter.request_device(&descriptor)).map_err(|e| failed(e.to_string()))?;
    let lost = Arc::new(AtomicBool::new(false));
    let raised = lost.clone();
    gpu.set_device_lost_callback(move |reason, text| {
        tracing::warn!("the network's graphics device is lost ({reason:?}): {text}");
        raised.store(true, Ordering::Release);
    });
    let setup = burn_wgpu::WgpuSetup {
        backend: adapter.get_info().backend,
        instance,
        adapter,
        device: gpu,
        queue,
    };
    let registered = BurnDevice::wgpu_options().setup(setup).init();
    Ok((registered.map_err(|e| failed(e.to_string()))?, lost))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(index: usize, name: &str, kind: AdapterKind) -> DeviceInfo {
        let (backend, driver) = ("Vulkan".into(), "test 1.0".into());
        DeviceInfo { index, name: name.into(), backend, kind, driver }
    }

    #[test]
    fn choices_read_as_they_are_typed() {
        for (text, choice) in [
            ("auto", DeviceChoice::Auto),
            ("cpu", DeviceChoice::Cpu),
            ("gpu", DeviceChoice::Gpu(None)),
            ("gpu:2", DeviceChoice::Gpu(Some(2))),
        ] {
            assert_eq!(text.parse(), Ok(choice));
            assert_eq!(choice.to_string(), text);
        }
        for bad in ["gpu:", "gpu:x", "tpu", "cpu:1", "gpu:-1"] {
            assert!(bad.parse::<DeviceChoice>().is_err(), "{bad}");
        }
    }

    #[test]
    fn auto_takes_hardware_and_leaves_software_adapters_to_drawing() {
        let all = [
            device(0, "Card", AdapterKind::Discrete),
            device(1, "llvmpipe", AdapterKind::Software),
        ];
        let (taken, _) = candidates(DeviceChoice::Auto, &all).unwrap();
        assert_eq!(taken, all[..1]);
        let (taken, why) = candidates(DeviceChoice::Auto, &all[1..]).unwrap();
        assert!(taken.is_empty() && why.contains("llvmpipe draws in software"), "{why}");
        let (taken, why) = candidates(DeviceChoice::Auto, &[]).unwrap();
        assert!(taken.is_empty() && why.contains("no graphics adapter"), "{why}");
    }

    #[test]
    fn a_device_is_named_by_a_part_of_its_name() {
        let all = [
            device(0, "GeForce RTX 4090", AdapterKind::Discrete),
            device(1, "GeForce RTX 4090 Ti", AdapterKind::Discrete),
            device(2, "Arc A770", AdapterKind::Discrete),
        ];
        for (name, number) in [("arc", 2), ("geforce rtx 4090", 0), ("4090 ti", 1)] {
            assert_eq!(named(name, &all).unwrap(), DeviceChoice::Gpu(Some(number)));
        }
        assert_eq!(named("gpu:7", &all).unwrap(), DeviceChoice::Gpu(Some(7)));
        for (name, word) in [("geforce", "several have"), ("radeon", "none has")] {
            let error = named(name, &all).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains("gpu:2 Arc A770"), "{error}");
        }
    }

    #[test]
    fn several_devices_are_named_with_commas() {
        let trials = TrialStore::open(None);
        let two = training_devices("cpu, CPU", &trials).unwrap();
        assert_eq!(two.len(), 2);
        assert!(two.iter().all(|d| d.device.is_autodiff() && !d.on_gpu));
        assert!(training_devices("cpu,nothing of this name", &trials).is_err());
    }

    #[test]
    fn a_software_adapter_is_taken_only_by_its_number() {
        let all = [device(0, "llvmpipe", AdapterKind::Software)];
        let error = candidates(DeviceChoice::Gpu(None), &all).unwrap_err().to_string();
        assert!(error.contains("gpu:0") && error.contains("--device cpu"), "{error}");
        let (taken, _) = candidates(DeviceChoice::Gpu(Some(0)), &all).unwrap();
        assert_eq!(taken, all);
        assert!(candidates(DeviceChoice::Gpu(Some(1)), &all).is_err());
    }
}
