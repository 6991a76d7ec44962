//! The real binary on a real (virtual) display, driven by real keys, judged by pixels and state.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Kills what it holds when the test ends, well or not.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn on_path(name: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|p| std::env::split_paths(&p).any(|d| d.join(name).is_file()))
}

/// True when the tools are there; says aloud when the test is skipped.
fn tools() -> bool {
    let missing: Vec<_> = ["Xvfb", "xdotool"].into_iter().filter(|t| !on_path(t)).collect();
    if missing.is_empty() {
        return true;
    }
    assert!(
        std::env::var_os("FNAC_REQUIRE_DISPLAY").is_none(),
        "FNAC_REQUIRE_DISPLAY is set, but {} is missing",
        missing.join(" and ")
    );
    println!("skipped: {} not installed", missing.join(" and "));
    false
}

/// A virtual display of its own.
struct Display {
    name: String,
    _server: Running,
}

impl Display {
    fn open(dir: &Path) -> Self {
        // The server chooses a free number and writes it to the descriptor it is given.
        let number = dir.join("display");
        let file = std::fs::File::create(&number).unwrap();
        let server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1400x900x24", "-nolisten", "tcp"])
            .stdout(file)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Running(server);
        let start = Instant::now();
        loop {
            let text = std::fs::read_to_string(&number).unwrap_or_default();
            if let Ok(n) = text.trim().parse::<u32>() {
                return Self { name: format!(":{n}"), _server: server };
            }
            assert!(start.elapsed() < Duration::from_secs(20), "Xvfb did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn xdotool(&self, args: &[&str]) -> String {
        let out = Command::new("xdotool").args(args).env("DISPLAY", &self.name).output().unwrap();
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    /// The window's id, once its title matches.
    fn window(&self, title: &str) -> String {
        let start = Instant::now();
        loop {
            let id = self.xdotool(&["search", "--name", title]);
            if let Some(id) = id.lines().next().filter(|i| !i.is_empty()) {
                return id.to_owned();
            }
            assert!(start.elapsed() < Duration::from_secs(60), "no window called {title}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn fnac(dir: &Path, display: &Display) -> Command {
    let mut c = Command::new(env!("CARGO_BIN_EXE_fnac"));
    c.env("DISPLAY", &display.name)
        .env_remove("WAYLAND_DISPLAY")
        .env("FNAC_CONFIG_DIR", dir.join("config"))
        .env("FNAC_CACHE_DIR", dir.join("cache"))
        .env("XDG_RUNTIME_DIR", dir)
        .env("HOME", dir)
        .stderr(Stdio::null());
    c
}

/// Greatest difference of neighbouring pixels and the mean level: an empty window has neither.
fn describe(path: &Path) -> (u32, u32, u32, f32) {
    let p = image::open(path).unwrap().to_rgb8();
    let mut colours = std::collections::HashSet::new();
    let mut sum = 0f64;
    for px in p.pixels() {
        colours.insert(px.0.map(|v| v / 8));
        sum += f64::from(px.0.iter().map(|v| u32::from(*v)).sum::<u32>()) / 3.0;
    }
    let mean = (sum / f64::from(p.width() * p.height())) as f32;
    (p.width(), p.height(), u32::try_from(colours.len()).unwrap(), mean)
}

fn wait_for(path: &Path) -> PathBuf {
    let start = Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "{} never came", path.display());
        std::thread::sleep(Duration::from_millis(100));
    }
    path.to_owned()
}

#[test]
fn the_real_window_shows_the_built_in_clip_and_saves_its_picture() {
    if !tools() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let display = Display::open(dir.path());
    let shot = dir.path().join("shot.png");
    let status = fnac(dir.path(), &display)
        .args(["--size", "1000x640", "--after", "25", "--screenshot"])
        .arg(&shot)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
    let (w, h, colours, mean) = describe(&shot);
    assert_eq!((w, h), (1000, 640));
    assert!(colours > 200, "a picture has many colours, this has {colours}");
    assert!(mean > 5.0 && mean < 250.0, "mean level {mean}");
}

#[test]
fn real_keys_drive_the_real_window() {
    if !tools() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let display = Display::open(dir.path());
    let clip = crate::harness::clip(dir.path(), "whole.mp4", 75);
    let child = fnac(dir.path(), &display).arg(&clip).spawn().unwrap();
    let mut child = Running(child);
    let id = display.window("whole.mp4");
    // No window manager here: the focus is given by hand.
    display.xdotool(&["windowfocus", "--sync", &id]);
    std::thread::sleep(Duration::from_secs(2));
    display.xdotool(&["key", "space"]);
    std::thread::sleep(Duration::from_millis(500));
    display.xdotool(&["key", "Home"]);
    std::thread::sleep(Duration::from_millis(500));
    display.xdotool(&["key", "period"]);
    std::thread::sleep(Duration::from_millis(500));
    display.xdotool(&["key", "shift+s"]);
    // The name tells the frame: one step after the first.
    let shot = wait_for(&dir.path().join("whole-f1-0.040s.png"));
    std::thread::sleep(Duration::from_millis(300));
    let p = image::open(&shot).unwrap().to_rgb8();
    assert_eq!((p.width(), p.height()), (160, 96), "the frame's own size");
    // Columns rise in red, as the clip was drawn (chroma is coarse and compressed).
    let red = |x: u32| f32::from(p.get_pixel(x, 48).0[0]);
    assert!((red(140) - red(20) - 120.0).abs() < 25.0, "{} {}", red(20), red(140));
    display.xdotool(&["key", "F9"]);
    std::thread::sleep(Duration::from_millis(500));
    display.xdotool(&["key", "q"]);
    let start = Instant::now();
    let status = loop {
        if let Some(s) = child.0.try_wait().unwrap() {
            break s;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "q did not close the window");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(status.success());
    let kept = std::fs::read_to_string(dir.path().join("config/settings.toml")).unwrap();
    assert!(kept.contains("theme = \"light\""), "F9 was pressed and kept");
}

#[test]
fn a_lost_graphics_device_brings_the_window_back() {
    if !tools() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let display = Display::open(dir.path());
    let shot = dir.path().join("after.png");
    let clip = crate::harness::clip(dir.path(), "lost.mp4", 75);
    let status = fnac(dir.path(), &display)
        .env("FNAC_TEST_LOSE_DEVICE", "2")
        .arg(&clip)
        .args(["--size", "900x600", "--after", "5", "--screenshot"])
        .arg(&shot)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0), "no panic, and a second window saved the picture");
    assert!(describe(&shot).2 > 100);
}

#[test]
fn without_a_display_the_error_names_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_fnac"))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET")
        .env("FNAC_CONFIG_DIR", dir.path())
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(1));
    let text = String::from_utf8_lossy(&out.stderr);
    assert!(text.contains("no display") && text.contains("xvfb-run"), "{text}");
}
