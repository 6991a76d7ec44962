//! Opening, saving, leaving.

use super::{Category, Command, with_clip, with_picture};
use crate::app::dialogs::Pick;

const fn file(
    id: &'static str,
    text: &'static str,
    why: &'static str,
    keys: &'static [&'static str],
    run: fn(&mut super::App, &egui::Context, Option<&str>),
) -> Command {
    Command::new(Category::File, id, text, why, keys, run)
}

pub(super) const COMMANDS: &[Command] = &[
    file(
        "open",
        "Open…",
        "A video, a sound, a picture with its sound, or a checkpoint",
        &["Ctrl+O"],
        |app, ctx, arg| match arg.map(str::trim).filter(|a| !a.is_empty()) {
            Some(path) => app.open_text(path),
            None => app.chrome.dialogs.pick(ctx, Pick::Clips),
        },
    )
    .argument("open /path/to/video.mp4"),
    file(
        "open-folder",
        "Open folder…",
        "All videos of a folder, one after the other",
        &[],
        |app, ctx, _| {
            app.chrome.dialogs.pick(ctx, Pick::Folder);
        },
    ),
    file("open-path", "Open by path…", "Type or paste a path", &["Ctrl+L"], |app, _, _| {
        app.chrome.dialogs.ask_path();
    }),
    file(
        "paste-path",
        "Paste path",
        "Opens the path that is on the clipboard",
        &["Ctrl+V"],
        |app, ctx, arg| {
            match arg {
                Some(text) => app.open_text(text),
                // From the menu: the answer comes as an event.
                None => ctx.send_viewport_cmd(egui::ViewportCommand::RequestPaste),
            }
        },
    ),
    file(
        "builtin",
        "Built-in clip",
        "A morning in a meadow, the clip that the program carries",
        &[],
        |app, _, _| {
            app.open_builtin();
        },
    ),
    file(
        "screenshot",
        "Screenshot",
        "The frame at its own size with map and legend, as PNG",
        &["s"],
        |app, ctx, arg| {
            app.screenshot(ctx, true, arg);
        },
    )
    .argument("screenshot /path/to/file.png")
    .when(with_picture),
    file(
        "screenshot-plain",
        "Screenshot without map",
        "The frame alone, as PNG",
        &["Shift+S"],
        |app, ctx, arg| {
            app.screenshot(ctx, false, arg);
        },
    )
    .argument("screenshot-plain /path/to/file.png")
    .when(with_picture),
    file(
        "copy-picture",
        "Copy picture",
        "The frame with map and legend, to the clipboard",
        &["Ctrl+C"],
        |app, ctx, _| {
            app.copy_picture(ctx);
        },
    )
    .when(with_picture),
    file(
        "export",
        "Export video…",
        "Writes a video with the map drawn in, and its sound",
        &["Ctrl+E"],
        |app, _, _| {
            app.show_panel("export");
        },
    )
    .when(with_clip),
    file("undo", "Undo", "Takes back the last change of a setting", &["Ctrl+Z"], |app, ctx, _| {
        app.undo(ctx);
    })
    .when(|v| if v.undo.is_some() { Ok(()) } else { Err("nothing to take back") }),
    file("redo", "Redo", "Brings back what undo took", &["Ctrl+Shift+Z"], |app, ctx, _| {
        app.redo(ctx);
    })
    .when(|v| if v.redo.is_some() { Ok(()) } else { Err("nothing to bring back") }),
    file("quit", "Quit", "Closes the window", &["q", "Ctrl+Q"], |_, ctx, _| {
        ctx.send_viewport_cmd(egui::ViewportCommand::Close);
    }),
    file(
        "quit-keep",
        "Quit and keep the place",
        "Closes; the clip opens where it was left",
        &["Shift+Q"],
        |app, ctx, _| {
            app.keep_position();
            ctx.send_viewport_cmd(egui::ViewportCommand::Close);
        },
    ),
];
