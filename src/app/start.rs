//! Opening the window: graphics, safe start, screenshots for scripts, a lost device.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};

use super::WindowArgs;
use super::app::{App, Start};
use super::settings::{self, Settings};
use crate::audio::OutputChoice;

/// A start that lives this long did not fail.
const STARTED_AFTER: Duration = Duration::from_secs(4);
/// A screenshot that takes longer than this after its time is given up.
const SHOT_PATIENCE: Duration = Duration::from_secs(60);
/// Failed starts in a row before a safe one.
const SAFE_AFTER: u32 = 2;
/// What the window shows is noted this often, for a new one after a loss.
const NOTE_EVERY: Duration = Duration::from_secs(1);
/// Times that a lost device is answered with a new window, within one run.
const RESTARTS_MAX: u32 = 5;

/// Opens the window; returns when it is closed.
///
/// # Errors
/// No display, no graphics, a layout or device that does not exist, a screenshot that could not
/// be written; each names the remedy.
pub fn run(args: WindowArgs) -> anyhow::Result<()> {
    check(&args)?;
    let config_dir = settings::config_dir();
    let guard = StartGuard::begin(config_dir.as_deref());
    let mut args = args;
    for _ in 0..RESTARTS_MAX {
        let lost = open(&args, config_dir.clone(), &guard)?;
        match lost {
            None => return Ok(()),
            Some(left) => {
                tracing::warn!("the graphics device was lost; opening the window again");
                args = WindowArgs { screenshot: args.screenshot.clone(), ..left };
            }
        }
    }
    bail!(
        "the graphics device was lost {RESTARTS_MAX} times. Update the graphics driver, or start with WGPU_BACKEND=gl"
    )
}

fn check(args: &WindowArgs) -> anyhow::Result<()> {
    if let Some(name) = &args.layout
        && super::layout::find(name).is_none()
    {
        let known: Vec<_> = super::layout::LAYOUTS.iter().map(|l| l.name).collect();
        bail!("--layout {name}: there is no such layout. Known: {}", known.join(", "));
    }
    if !args.device.is_empty() {
        args.device
            .parse::<crate::model::DeviceChoice>()
            .map_err(|e| anyhow!("--device {}: {e}", args.device))?;
    }
    if args.audio.is_some() && args.inputs.len() > 1 {
        bail!("--audio goes with one picture, {} inputs were given", args.inputs.len());
    }
    Ok(())
}

/// What the window leaves behind.
#[derive(Default)]
struct Ending {
    /// The screenshot, written or not.
    shot: Option<Result<(), String>>,
    /// What to open again if the device is lost.
    reopen: Option<WindowArgs>,
}

type SharedEnding = Arc<Mutex<Ending>>;

/// `Some` when the device was lost and the window should open again with these arguments.
fn open(
    args: &WindowArgs,
    config_dir: Option<PathBuf>,
    guard: &StartGuard,
) -> anyhow::Result<Option<WindowArgs>> {
    let kept = config_dir
        .as_deref()
        .and_then(|d| std::fs::read_to_string(d.join("settings.toml")).ok())
        .map(|t| Settings::from_toml(&t).0)
        .unwrap_or_default();
    let size = args.size.map_or(kept.look.window, |(w, h)| [w as f32, h as f32]);
    let full = args.demo || args.layout.as_deref() == Some("demo");
    let viewport = egui::ViewportBuilder::default()
        .with_title("fnac")
        .with_app_id("fnac")
        .with_inner_size(size)
        .with_min_inner_size([480.0, 320.0])
        .with_drag_and_drop(true)
        .with_fullscreen(full && args.size.is_none());
    let options = eframe::NativeOptions {
        viewport,
        renderer: eframe::Renderer::Wgpu,
        wgpu_options: graphics(guard.safe),
        // Flat panels show no bands; on a software adapter every fragment counts.
        dithering: false,
        ..Default::default()
    };
    let ending = SharedEnding::default();
    let lost = Arc::new(AtomicBool::new(false));
    let (for_window, args_in, safe) = (ending.clone(), args.clone(), guard.safe);
    let lost_in = lost.clone();
    let was_lost = lost.clone();
    let window = move || {
        eframe::run_native(
            "fnac",
            options,
            Box::new(move |cc| {
                if let Some(rs) = &cc.wgpu_render_state {
                    watch_device(&rs.device, &lost_in, &cc.egui_ctx);
                }
                let start = Start {
                    args: args_in.clone(),
                    config_dir,
                    cache_dir: settings::cache_dir(),
                    output: OutputChoice::Default,
                    safe,
                    demo_model: crate::model::BUILTIN,
                };
                let app = App::new(&cc.egui_ctx, cc.wgpu_render_state.as_ref(), start)?;
                Ok(Box::new(Window {
                    app,
                    args: args_in,
                    opened: Instant::now(),
                    ending: for_window,
                    lost: lost_in,
                    shot_asked: false,
                    device: cc.wgpu_render_state.as_ref().map(|rs| rs.device.clone()),
                    noted: Instant::now(),
                }))
            }),
        )
    };
    // A loss in the middle of a frame makes egui's renderer panic; that alone is caught.
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(window));
    guard.finished();
    let lost = was_lost.load(Ordering::SeqCst);
    match result {
        Ok(ended) => ended.map_err(|e| explain(&e))?,
        Err(_) if lost => {}
        Err(panic) => std::panic::resume_unwind(panic),
    }
    let ending = std::mem::take(&mut *ending.lock().unwrap_or_else(PoisonError::into_inner));
    if lost {
        return Ok(Some(ending.reopen.unwrap_or_else(|| args.clone())));
    }
    if let Some(path) = &args.screenshot {
        match ending.shot {
            Some(Ok(())) => {}
            Some(Err(e)) => bail!("{e}"),
            None => {
                bail!("the window was closed before the screenshot {} was taken", path.display())
            }
        }
    }
    Ok(None)
}

/// Which adapter and what of it: everything the adapter can do, so that large pictures fit.
fn graphics(safe: bool) -> egui_wgpu::WgpuConfiguration {
    let mut setup = egui_wgpu::WgpuSetupCreateNew::without_display_handle();
    setup.device_descriptor = Arc::new(|adapter: &wgpu::Adapter| wgpu::DeviceDescriptor {
        label: Some("fnac window"),
        // Sampling of 16-bit and float planes, where the adapter has it; the shaders do without.
        required_features: adapter.features()
            & (wgpu::Features::TEXTURE_FORMAT_16BIT_NORM | wgpu::Features::FLOAT32_FILTERABLE),
        required_limits: adapter.limits(),
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        ..Default::default()
    });
    if safe {
        // Software drawing first: whatever broke was most likely a driver.
        setup.native_adapter_selector = Some(Arc::new(|adapters, surface| {
            let fits = |a: &&wgpu::Adapter| surface.is_none_or(|s| a.is_surface_supported(s));
            let soft = |a: &&wgpu::Adapter| a.get_info().device_type == wgpu::DeviceType::Cpu;
            let usable: Vec<_> = adapters.iter().filter(fits).collect();
            let best = usable.iter().find(|a| soft(a)).or(usable.first());
            best.map(|a| (**a).clone()).ok_or_else(|| "no adapter can draw on this display".into())
        }));
    }
    egui_wgpu::WgpuConfiguration {
        wgpu_setup: egui_wgpu::WgpuSetup::CreateNew(setup),
        ..Default::default()
    }
}

/// A lost device ends the window, not the program; other errors are said, never a panic.
fn watch_device(device: &wgpu::Device, lost: &Arc<AtomicBool>, ctx: &egui::Context) {
    let (flag, wake) = (lost.clone(), ctx.clone());
    device.set_device_lost_callback(move |reason, text| {
        tracing::warn!("graphics device lost ({reason:?}): {text}");
        flag.store(true, Ordering::SeqCst);
        wake.request_repaint();
    });
    let flag = lost.clone();
    device.on_uncaptured_error(Arc::new(move |e| {
        // Errors that follow a loss are its echo.
        if !flag.load(Ordering::SeqCst) {
            tracing::error!("graphics: {e}");
        }
    }));
}

fn explain(e: &eframe::Error) -> anyhow::Error {
    let cause = e.to_string();
    let no_display =
        std::env::var_os("DISPLAY").is_none() && std::env::var_os("WAYLAND_DISPLAY").is_none();
    match e {
        eframe::Error::Wgpu(_) => anyhow!(
            "no graphics for the window: {cause}. Install a Vulkan or OpenGL driver (Debian and \
             Ubuntu: `apt install mesa-vulkan-drivers libgl1-mesa-dri libegl1`), or try \
             WGPU_BACKEND=gl. `fnac doctor` lists what is found; `fnac localize` needs no graphics"
        ),
        eframe::Error::Winit(_) | eframe::Error::WinitEventLoop(_)
            if cfg!(target_os = "linux") && no_display =>
        {
            anyhow!(
                "no display: neither DISPLAY nor WAYLAND_DISPLAY is set. Start fnac inside a desktop, \
             or under `xvfb-run`; `fnac localize`, `fnac probe` and the other commands need no display"
            )
        }
        eframe::Error::Winit(_) | eframe::Error::WinitEventLoop(_) => anyhow!(
            "cannot open a window: {cause}. Is the display reachable from here? `fnac localize` \
             and the other commands need no display"
        ),
        _ => anyhow!("cannot open the window: {cause}"),
    }
}

/// The app with what only a real window has: screenshots for scripts and the loss of the device.
struct Window {
    app: App,
    args: WindowArgs,
    opened: Instant,
    ending: SharedEnding,
    lost: Arc<AtomicBool>,
    shot_asked: bool,
    device: Option<wgpu::Device>,
    noted: Instant,
}

impl Window {
    fn screenshot(&mut self, ctx: &egui::Context) {
        let (Some(path), Some(after)) = (&self.args.screenshot, self.args.after_secs) else {
            return;
        };
        let after = Duration::try_from_secs_f64(after.max(0.0)).unwrap_or(Duration::ZERO);
        let open_for = self.opened.elapsed();
        if open_for < after {
            ctx.request_repaint_after(after - open_for);
            return;
        }
        if self.shot_asked {
            ctx.request_repaint_after(Duration::from_millis(200));
            if open_for > after + SHOT_PATIENCE {
                self.end_shot(
                    ctx,
                    Err(format!("no picture of the window within {} s", SHOT_PATIENCE.as_secs())),
                );
            }
            return;
        }
        self.shot_asked = true;
        let (path, ending, wake) = (path.clone(), self.ending.clone(), ctx.clone());
        ctx.send_viewport_cmd(egui::ViewportCommand::Screenshot(egui::ScreenshotCallback::new(
            move |picture| {
                let result = super::shots::save_png(&picture, &[], &path);
                ending.lock().unwrap_or_else(PoisonError::into_inner).shot = Some(result);
                wake.send_viewport_cmd(egui::ViewportCommand::Close);
            },
        )));
        ctx.request_repaint();
    }

    fn end_shot(&self, ctx: &egui::Context, result: Result<(), String>) {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner).shot = Some(result);
        ctx.send_viewport_cmd(egui::ViewportCommand::Close);
    }

    /// For tests: `FNAC_TEST_LOSE_DEVICE=SECONDS` loses the device once.
    fn lose_on_request(&self, ctx: &egui::Context) {
        static DONE: AtomicBool = AtomicBool::new(false);
        let Some(after) =
            std::env::var("FNAC_TEST_LOSE_DEVICE").ok().and_then(|s| s.parse::<f64>().ok())
        else {
            return;
        };
        let due = Duration::try_from_secs_f64(after).unwrap_or_default();
        if DONE.load(Ordering::SeqCst) {
            return;
        }
        if self.opened.elapsed() < due {
            ctx.request_repaint_after(due - self.opened.elapsed());
        } else if let Some(device) = &self.device {
            DONE.store(true, Ordering::SeqCst);
            device.destroy();
            self.lost.store(true, Ordering::SeqCst);
        }
    }
}

impl eframe::App for Window {
    fn logic(&mut self, ctx: &egui::Context, _: &mut eframe::Frame) {
        if self.opened.elapsed() > STARTED_AFTER {
            StartGuard::clear(settings::config_dir().as_deref());
        }
        self.lose_on_request(ctx);
        let lost = self.lost.load(Ordering::SeqCst);
        if lost || self.noted.elapsed() > NOTE_EVERY {
            self.noted = Instant::now();
            let left = self.app.left_open(&self.args);
            self.ending.lock().unwrap_or_else(PoisonError::into_inner).reopen = Some(left);
        }
        if lost {
            ctx.send_viewport_cmd(egui::ViewportCommand::Close);
            return;
        }
        self.app.logic(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        // Nothing may be uploaded to a lost device: egui's renderer would panic over it.
        if self.lost.load(Ordering::SeqCst) {
            return;
        }
        self.app.frame(ui);
        self.screenshot(&ui.ctx().clone());
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        eframe::App::clear_color(&self.app, visuals)
    }

    fn on_exit(&mut self) {
        self.app.close();
    }
}

/// Counts starts that did not live: a file in the configuration folder holds the number, and a
/// start that lives long enough, or ends in order, takes it away.
struct StartGuard {
    dir: Option<PathBuf>,
    /// This start should be a safe one.
    safe: bool,
}

const GUARD_FILE: &str = "starting";

impl StartGuard {
    fn begin(dir: Option<&Path>) -> Self {
        let failed = dir
            .and_then(|d| std::fs::read_to_string(d.join(GUARD_FILE)).ok())
            .and_then(|t| t.trim().parse::<u32>().ok())
            .unwrap_or(0);
        if let Some(dir) = dir {
            // Without a writable folder there is no safe start; that is no reason not to start.
            let text = failed.saturating_add(1).to_string();
            settings::write_atomically(&dir.join(GUARD_FILE), text.as_bytes()).ok();
        }
        Self { dir: dir.map(Path::to_owned), safe: failed >= SAFE_AFTER }
    }

    fn clear(dir: Option<&Path>) {
        if let Some(dir) = dir {
            std::fs::remove_file(dir.join(GUARD_FILE)).ok();
        }
    }

    /// The window ended in order, or could not open for a reason that the user was told.
    fn finished(&self) {
        Self::clear(self.dir.as_deref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_start_after_two_that_died_is_a_safe_one() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!StartGuard::begin(Some(dir.path())).safe);
        assert!(!StartGuard::begin(Some(dir.path())).safe);
        let third = StartGuard::begin(Some(dir.path()));
        assert!(third.safe);
        third.finished();
        assert!(!StartGuard::begin(Some(dir.path())).safe, "a good start makes it forget");
    }

    #[test]
    fn wrong_arguments_are_refused_before_a_window_opens() {
        let bad = |f: fn(&mut WindowArgs)| {
            let mut a = WindowArgs { device: "auto".into(), ..WindowArgs::default() };
            f(&mut a);
            check(&a).unwrap_err().to_string()
        };
        assert!(bad(|a| a.layout = Some("studio".into())).contains("inspect, train, demo"));
        assert!(bad(|a| a.device = "toaster".into()).contains("toaster"));
    }

    #[test]
    fn no_graphics_names_the_packages() {
        let e = eframe::Error::Wgpu(egui_wgpu::WgpuError::NoSurfaceFormatsAvailable);
        let text = explain(&e).to_string();
        assert!(text.contains("mesa-vulkan-drivers") && text.contains("fnac doctor"), "{text}");
    }
}
