//! Sound tests, checkpoint and device.

use super::{Category, Command, Press, with_clip, with_model};
use crate::infer::SoundTest;
use crate::units::MediaTime;

const fn model(
    id: &'static str,
    text: &'static str,
    why: &'static str,
    keys: &'static [&'static str],
    run: fn(&mut super::App, &egui::Context, Option<&str>),
) -> Command {
    Command::new(Category::Model, id, text, why, keys, run)
}

fn tested(view: &super::View<'_>) -> Result<(), super::Disabled> {
    with_clip(view)?;
    with_model(view)
}

/// Always the same noise, so that two runs show the same map.
pub(crate) const NOISE_SEED: u64 = 1;

/// Slides the sound by `millis`; zero is no test.
fn slide(app: &mut super::App, millis: i64) {
    let now = match &app.state.sound_test {
        SoundTest::Shift(t) => *t,
        _ => MediaTime::ZERO,
    };
    let to = MediaTime::from_millis((now.as_nanos() / 1_000_000 + millis).clamp(-10_000, 10_000));
    app.set_sound_test(if to == MediaTime::ZERO { SoundTest::None } else { SoundTest::Shift(to) });
}

pub(super) const COMMANDS: &[Command] = &[
    model(
        "silence",
        "Silence test",
        "The model hears silence instead: does the map depend on the sound?",
        &["n"],
        |app, _, _| {
            let to = if app.state.sound_test == SoundTest::None {
                SoundTest::Silence
            } else {
                SoundTest::None
            };
            app.set_sound_test(to);
        },
    )
    .when(tested),
    model(
        "next-sound-test",
        "Next sound test",
        "Silence, noise, another clip's sound, the clip's own",
        &["Shift+N"],
        |app, _, _| {
            let to = match &app.state.sound_test {
                SoundTest::None | SoundTest::Shift(_) => SoundTest::Silence,
                SoundTest::Silence => SoundTest::Noise { seed: NOISE_SEED },
                SoundTest::Noise { .. } => match &app.state.swap_sound {
                    Some(path) => SoundTest::Swap(path.clone()),
                    None => SoundTest::None,
                },
                SoundTest::Swap(_) => SoundTest::None,
            };
            app.set_sound_test(to);
        },
    )
    .when(tested),
    model("noise", "Noise test", "The model hears white noise instead", &[], |app, _, _| {
        app.set_sound_test(SoundTest::Noise { seed: NOISE_SEED });
    })
    .when(tested),
    model(
        "swap-sound",
        "Swap the sound…",
        "The model hears another clip's sound instead",
        &[],
        |app, ctx, arg| match arg.map(str::trim).filter(|a| !a.is_empty()) {
            Some(path) => app.swap_with(path.into()),
            None => app.chrome.dialogs.pick(ctx, super::super::dialogs::Pick::SwapSound),
        },
    )
    .argument("swap-sound /path/to/other.wav")
    .when(tested),
    model(
        "shift-later",
        "Sound later",
        "Slides the sound window by 0.1 s to later",
        &["Alt+Right"],
        |app, _, _| {
            slide(app, 100);
        },
    )
    .press(Press::Repeat)
    .when(tested),
    model(
        "shift-earlier",
        "Sound earlier",
        "Slides the sound window by 0.1 s to earlier",
        &["Alt+Left"],
        |app, _, _| {
            slide(app, -100);
        },
    )
    .press(Press::Repeat)
    .when(tested),
    model(
        "end-sound-test",
        "End the sound test",
        "Back to the clip's own sound",
        &[],
        |app, _, _| {
            app.set_sound_test(SoundTest::None);
        },
    )
    .when(|v| if *v.sound_test == SoundTest::None { Err("no sound test runs") } else { Ok(()) }),
    model(
        "open-checkpoint",
        "Open checkpoint…",
        "Loads other weights while the clip plays",
        &["Ctrl+Shift+O"],
        |app, ctx, arg| match arg.map(str::trim).filter(|a| !a.is_empty()) {
            Some(path) => app.load_checkpoint(path.into()),
            None => app.chrome.dialogs.pick(ctx, super::super::dialogs::Pick::Checkpoint),
        },
    )
    .argument("open-checkpoint /path/to/model.pth"),
    model(
        "demo-model",
        "Take the demo model",
        "The checkpoint that the program carries; it knows only its drawn world",
        &[],
        |app, _, _| {
            app.load_demo_model();
        },
    )
    .when(|v| if v.has_demo_model { Ok(()) } else { Err("this version carries no model") }),
    model(
        "close-checkpoint",
        "Forget the checkpoint",
        "No maps until another is loaded",
        &[],
        |app, _, _| {
            app.unload_checkpoint();
        },
    )
    .when(with_model),
    model(
        "device",
        "Model device",
        "auto, cpu, gpu or gpu:N; takes effect while playing",
        &[],
        |app, _, arg| match arg.map(str::trim).filter(|a| !a.is_empty()) {
            Some(name) => app.set_device(name),
            None => app.warn("device: want auto, cpu, gpu or gpu:N"),
        },
    )
    .argument("device cpu"),
];
