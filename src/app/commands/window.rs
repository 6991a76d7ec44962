//! Panels, layouts, sizes.

use super::{Category, Command, Press};
use crate::app::settings::ThemeChoice;

const fn window(
    id: &'static str,
    text: &'static str,
    why: &'static str,
    keys: &'static [&'static str],
    run: fn(&mut super::App, &egui::Context, Option<&str>),
) -> Command {
    Command::new(Category::Window, id, text, why, keys, run)
}

fn rescale(app: &mut super::App, ctx: &egui::Context, scale: f32) {
    app.state.settings.now.look.scale = scale.clamp(0.75, 3.0);
    app.apply_look(ctx);
    let percent = (app.state.settings.now.look.scale * 100.0).round();
    app.note(format!("display scale {percent} %"));
}

pub(super) const COMMANDS: &[Command] = &[
    window(
        "fullscreen",
        "Full screen",
        "The window fills the screen",
        &["f", "F11"],
        |app, ctx, _| {
            app.set_fullscreen(ctx, !app.state.fullscreen);
        },
    ),
    window(
        "demo",
        "Demo layout",
        "The picture alone, full screen, looping; Esc ends it",
        &["F5"],
        |app, ctx, _| {
            let on = app.layout_name() != "demo";
            app.set_layout(ctx, if on { "demo" } else { "inspect" });
        },
    ),
    window(
        "inspect",
        "Inspect layout",
        "Picture, timeline and the column of panels",
        &["F4"],
        |app, ctx, _| {
            app.set_layout(ctx, "inspect");
        },
    ),
    window(
        "reset-layout",
        "Reset this layout",
        "Puts the panels back where they were made",
        &[],
        |app, _, _| {
            app.reset_layout();
        },
    ),
    window(
        "blackout",
        "Black screen",
        "A black picture until the key comes again",
        &["b"],
        |app, _, _| {
            app.state.blackout ^= true;
        },
    )
    .when(|v| if v.demo { Ok(()) } else { Err("only in the Demo layout") }),
    window(
        "panel",
        "Show panel",
        "Brings a panel to the front, by its title",
        &[],
        |app, _, arg| match arg.map(str::trim).and_then(crate::app::panels::by_title) {
            Some(spec) => app.show_panel(spec.id),
            None => {
                let known: Vec<_> = crate::app::panels::PANELS.iter().map(|p| p.title).collect();
                app.warn(format!("panel: want one of {}", known.join(", ")));
            }
        },
    )
    .argument("panel Probe"),
    window(
        "zoom-in",
        "Zoom in",
        "The picture larger, about its middle",
        &["+", "="],
        |app, _, _| {
            app.picture_zoom(1.25);
        },
    )
    .press(Press::Repeat),
    window("zoom-out", "Zoom out", "The picture smaller", &["-"], |app, _, _| {
        app.picture_zoom(0.8);
    })
    .press(Press::Repeat),
    window(
        "zoom-reset",
        "Fit the picture",
        "The whole picture, as large as it fits",
        &["Ctrl+0"],
        |app, _, _| {
            app.picture_reset();
        },
    ),
    window(
        "hud",
        "Info",
        "Times, frame, clock, maps per second over the picture",
        &["i"],
        |app, _, _| {
            app.state.settings.now.look.hud ^= true;
        },
    ),
    window("legend", "Legend", "The scale beside the picture", &["Shift+I"], |app, _, _| {
        app.state.settings.now.look.legend ^= true;
    }),
    window(
        "theme",
        "Dark / light",
        "Dark for a room with a projector, light for bright offices",
        &["F9"],
        |app, ctx, arg| {
            let look = &mut app.state.settings.now.look;
            look.theme = match (arg.map(str::trim), look.theme) {
                (Some("dark"), _) | (None | Some(""), ThemeChoice::Light) => ThemeChoice::Dark,
                _ => ThemeChoice::Light,
            };
            app.apply_look(ctx);
        },
    )
    .argument("theme light"),
    window(
        "scale-up",
        "Larger text",
        "Display scale up by 25 %",
        &["Ctrl++", "Ctrl+="],
        |app, ctx, _| {
            rescale(app, ctx, app.state.settings.now.look.scale + 0.25);
        },
    ),
    window(
        "scale-down",
        "Smaller text",
        "Display scale down by 25 %",
        &["Ctrl+-"],
        |app, ctx, _| {
            rescale(app, ctx, app.state.settings.now.look.scale - 0.25);
        },
    ),
    window(
        "display-scale",
        "Display scale",
        "75 to 300 %; without a number: 100",
        &[],
        |app, ctx, arg| {
            let text = arg.map_or("100", str::trim).trim_end_matches('%').trim().to_owned();
            match text.parse::<f32>() {
                Ok(v) if (75.0..=300.0).contains(&v) => rescale(app, ctx, v / 100.0),
                _ => app.warn(format!("display scale {text}: want 75 to 300")),
            }
        },
    )
    .argument("display-scale 150"),
    window(
        "settings",
        "Settings",
        "Everything that is kept, and its defaults",
        &["Ctrl+,"],
        |app, _, _| {
            app.show_panel("settings");
        },
    ),
    window(
        "escape",
        "Back",
        "Closes, ends or leaves the innermost thing",
        &["Esc"],
        |app, ctx, _| {
            app.escape(ctx);
        },
    ),
];
