//! The real window in a test: real player and worker, a null sound device, no graphics.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use fnac::app::{App, Start, WindowArgs};
use fnac::audio::OutputChoice;

/// The window, made in its first frame.
pub struct Window {
    start: Option<Start>,
    app: Option<App>,
}

impl Deref for Window {
    type Target = App;
    fn deref(&self) -> &App {
        self.app.as_ref().unwrap()
    }
}

impl DerefMut for Window {
    fn deref_mut(&mut self) -> &mut App {
        self.app.as_mut().unwrap()
    }
}

/// The window under test.
pub type H = Harness<'static, Window>;

/// A window whose settings live in `config`, without a demo model.
pub fn window(config: &Path, args: WindowArgs) -> H {
    window_with_model(config, args, None)
}

/// The same with a demo model: the bytes of its file.
pub fn window_with_model(config: &Path, args: WindowArgs, demo_model: Option<&'static [u8]>) -> H {
    let start = Start {
        args,
        cache_dir: Some(config.join("cache")),
        config_dir: Some(config.to_owned()),
        output: OutputChoice::Null { pace: 1.0 },
        safe: false,
        demo_model,
    };
    Harness::builder()
        .with_size([1280.0, 760.0])
        .with_max_steps(60)
        .with_step_dt(0.02)
        .build_ui_state(
            |ui, window: &mut Window| {
                if let Some(start) = window.start.take() {
                    window.app = Some(App::new(ui.ctx(), None, start).unwrap());
                }
                window.logic(&ui.ctx().clone());
                window.frame(ui);
            },
            Window { start: Some(start), app: None },
        )
}

/// Steps until `what` holds; the window may be playing, so it never settles by itself.
pub fn until(h: &mut H, what: &str, holds: impl Fn(&H) -> bool) {
    let start = Instant::now();
    loop {
        h.step();
        if holds(h) {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A few frames: commands run after a frame, their effect shows in the next.
pub fn frames(h: &mut H) {
    h.run_steps(4);
}

/// A small video with sound, written by the program's own encoder.
pub fn clip(dir: &Path, name: &str, frames: i64) -> std::path::PathBuf {
    use fnac::media::{AudioSettings, ClipSettings, ClipWriter};
    use fnac::units::{MediaTime, TimeBase};
    let path = dir.join(name);
    let ticks = TimeBase::new(1, 25).unwrap();
    let settings = ClipSettings {
        audio: Some(AudioSettings::default()),
        ..ClipSettings::new(160, 96, 25.0, ticks)
    };
    let mut writer = ClipWriter::create(&path, settings).unwrap();
    for i in 0..frames {
        let mut rgba = vec![255u8; 160 * 96 * 4];
        for (k, p) in rgba.chunks_exact_mut(4).enumerate() {
            p[0] = (k % 160) as u8;
            p[1] = ((i * 8) % 256) as u8;
            p[2] = 80;
        }
        writer.push_video(&rgba, MediaTime::from_millis(i * 40)).unwrap();
        let sound: Vec<f32> = (0..1920 * 2).map(|k| ((k / 2) as f32 * 0.06).sin() * 0.2).collect();
        writer.push_audio(&sound).unwrap();
    }
    writer.finish().unwrap();
    path
}
