//! Finding out.

use super::{Category, Command};

pub(super) const COMMANDS: &[Command] = &[
    Command::new(
        Category::Help,
        "palette",
        "Command palette",
        "Finds any command, panel or recent file by a few letters",
        &["Ctrl+P", "Ctrl+K"],
        |app, ctx, arg| {
            app.ask_palette(ctx, arg.unwrap_or_default());
        },
    ),
    Command::new(
        Category::Help,
        "keys",
        "Keys",
        "All commands with their keys",
        &["?", "F1"],
        |app, _, _| {
            app.chrome.key_sheet.toggle();
        },
    ),
    Command::new(
        Category::Help,
        "about",
        "About",
        "Version, graphics adapter, where settings are kept",
        &[],
        |app, _, _| {
            app.chrome.about = true;
        },
    ),
];
