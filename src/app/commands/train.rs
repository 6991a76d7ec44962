//! Training: the layout, the run, the recipe.

use super::{Category, Command, Disabled, Request};
use crate::app::dialogs::Pick;
use crate::app::training::{Phase, TrainAsk};
use crate::app::view::View;

const fn train(
    id: &'static str,
    text: &'static str,
    why: &'static str,
    keys: &'static [&'static str],
    run: fn(&mut super::App, &egui::Context, Option<&str>),
) -> Command {
    Command::new(Category::Train, id, text, why, keys, run)
}

fn with_run(view: &View<'_>) -> Result<(), Disabled> {
    match view.training.state().phase {
        Phase::Idle | Phase::Ended(_) => Err("no run is at work"),
        Phase::Stopping => Err("the run is stopping"),
        _ => Ok(()),
    }
}

fn with_running(view: &View<'_>) -> Result<(), Disabled> {
    with_run(view)?;
    match view.training.state().phase {
        Phase::Paused { .. } | Phase::Pausing => Err("the run is paused"),
        _ => Ok(()),
    }
}

fn may_start(view: &View<'_>) -> Result<(), Disabled> {
    let t = view.training;
    if t.session.is_live() {
        Err("a run is at work: stop it first")
    } else if t.draft.config.data.train.trim().is_empty() {
        Err("choose a data folder first")
    } else if t.start_hindrance().is_some() {
        Err("the panel Data & recipe says what is missing")
    } else {
        Ok(())
    }
}

fn may_make(view: &View<'_>) -> Result<(), Disabled> {
    if view.training.draft.is_sound() { Ok(()) } else { Err("the recipe has errors") }
}

pub(super) const COMMANDS: &[Command] = &[
    train("train", "Train layout", "Picture, curves, recipe and run", &["F6"], |app, ctx, _| {
        app.set_layout(ctx, "train");
    }),
    train(
        "train-check",
        "Check before the start",
        "Decodes a sample, tries a step, tells how long the run takes; changes nothing",
        &[],
        |app, ctx, _| {
            app.train(ctx, TrainAsk::Check);
        },
    )
    .when(may_start),
    train(
        "train-start",
        "Start the run",
        "Begins a run with the recipe of the panel, in a folder of its own",
        &["Ctrl+R"],
        |app, ctx, _| {
            app.train(ctx, TrainAsk::Start);
            if app.state.training.session.is_live() {
                app.show_panel("train_run");
            }
        },
    )
    .when(may_start),
    train(
        "train-pause",
        "Pause / resume the run",
        "Ends the step, saves and waits; goes on exactly where it was",
        &["Ctrl+Shift+R"],
        |app, ctx, _| {
            let waits =
                matches!(app.state.training.state().phase, Phase::Paused { .. } | Phase::Pausing);
            app.train(ctx, if waits { TrainAsk::Resume } else { TrainAsk::Pause(false) });
        },
    )
    .when(with_run),
    train(
        "train-pause-free",
        "Pause the run and free its memory",
        "Pauses and gives the device's memory back; resuming reads the state again",
        &[],
        |app, ctx, _| {
            app.train(ctx, TrainAsk::Pause(true));
        },
    )
    .when(with_running),
    train(
        "train-stop",
        "Stop the run and save",
        "Ends the step, saves and ends; the run can be gone on with later",
        &[],
        |app, ctx, _| {
            app.train(ctx, TrainAsk::Stop);
        },
    )
    .when(with_run),
    train(
        "train-save",
        "Save the run now",
        "Writes the last state without stopping",
        &["Ctrl+S"],
        |app, ctx, _| {
            app.train(ctx, TrainAsk::Save);
        },
    )
    .when(with_running),
    train(
        "train-data",
        "Data folder for training…",
        "The folder that is learnt from",
        &[],
        |app, ctx, arg| match arg.map(str::trim).filter(|a| !a.is_empty()) {
            Some(path) => app.train(ctx, TrainAsk::Set("data.train", path.to_owned())),
            None => app.chrome.dialogs.pick(ctx, Pick::Setting("data.train")),
        },
    )
    .argument("train-data /path/to/folder"),
    train(
        "train-set",
        "Set a value of the recipe",
        "A setting by its dotted name, as in recipe files",
        &[],
        |app, _, arg| {
            let pair = arg.and_then(|a| a.split_once(['=', ' ']));
            let key = pair.and_then(|(k, _)| crate::app::training::draft::known_key(k.trim()));
            match (key, pair) {
                (Some(key), Some((_, text))) => {
                    let ask = TrainAsk::Set(key, text.trim().to_owned());
                    app.ask(Request::Train(ask));
                }
                _ => app.warn("train-set: want a setting and its value, like batch.size=64"),
            }
        },
    )
    .argument("train-set batch.size=64"),
    train(
        "train-import",
        "Read a recipe…",
        "A configuration file of fnac train; what it leaves out is its preset's",
        &[],
        |app, ctx, arg| match arg.map(str::trim).filter(|a| !a.is_empty()) {
            Some(path) => app.import_recipe(std::path::Path::new(path)),
            None => app.train(ctx, TrainAsk::ImportRecipe),
        },
    )
    .argument("train-import /path/to/recipe.toml"),
    train(
        "train-export",
        "Write the recipe…",
        "A file that fnac train takes, each setting with its reason",
        &[],
        |app, ctx, arg| match arg.map(str::trim).filter(|a| !a.is_empty()) {
            Some(path) => app.export_recipe(path.into()),
            None => app.train(ctx, TrainAsk::ExportRecipe),
        },
    )
    .argument("train-export /path/to/recipe.toml")
    .when(may_make),
    train(
        "alarms",
        "Alarms",
        "What goes wrong in the run, with cause and remedy",
        &[],
        |app, _, _| {
            app.show_panel("alarms");
        },
    ),
];
