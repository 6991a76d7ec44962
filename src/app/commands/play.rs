//! Playing, speed, volume, loops.

use super::{Category, Command, Press, with_clip};
use crate::units::MediaTime;

const fn play(
    id: &'static str,
    text: &'static str,
    why: &'static str,
    keys: &'static [&'static str],
    run: fn(&mut super::App, &egui::Context, Option<&str>),
) -> Command {
    Command::new(Category::Play, id, text, why, keys, run).when(with_clip)
}

fn nudge_volume(app: &mut super::App, by: f32) {
    let play = &mut app.state.settings.now.play;
    // Steps of 5 %; nudging up also takes the mute away, as every player does.
    play.volume = (play.volume + by).clamp(0.0, 1.0);
    if by > 0.0 {
        play.muted = false;
    }
    app.apply_volume();
}

pub(super) const COMMANDS: &[Command] = &[
    play(
        "play",
        "Play / pause",
        "Plays or pauses; at the end starts again",
        &["Space", "p"],
        |app, _, _| {
            app.state.player.toggle();
        },
    ),
    play("speed-down", "Slower", "Speed divided by 1.1, pitch kept", &["["], |app, _, _| {
        app.multiply_speed(1.0 / 1.1);
    })
    .press(Press::Repeat),
    play("speed-up", "Faster", "Speed times 1.1, pitch kept", &["]"], |app, _, _| {
        app.multiply_speed(1.1);
    })
    .press(Press::Repeat),
    play("speed-half", "Half speed", "Speed halved, pitch kept", &["{"], |app, _, _| {
        app.multiply_speed(0.5);
    }),
    play("speed-double", "Double speed", "Speed doubled, pitch kept", &["}"], |app, _, _| {
        app.multiply_speed(2.0);
    }),
    play(
        "speed",
        "Speed",
        "Sets the speed, 0.1 to 4; without a number: normal",
        &["Backspace"],
        |app, _, arg| match arg.map(str::trim).filter(|a| !a.is_empty()) {
            None => app.state.player.set_speed(1.0),
            Some(text) => match text.trim_end_matches(['x', '×']).parse::<f64>() {
                Ok(v) if v.is_finite() && v > 0.0 => app.state.player.set_speed(v.clamp(0.1, 4.0)),
                _ => app.warn(format!("speed {text}: want a number from 0.1 to 4")),
            },
        },
    )
    .argument("speed 0.25"),
    play("loop-ab", "A-B loop", "Marks A, then B, then ends the loop", &["l"], |app, _, _| {
        app.cycle_loop();
    }),
    play("loop-a", "Loop from here", "Sets the start of the A-B loop", &["("], |app, _, _| {
        let (_, b) = app.loop_marks();
        app.set_loop(Some(app.state.player.presentation().now), b);
    }),
    play("loop-b", "Loop to here", "Sets the end of the A-B loop", &[")"], |app, _, _| {
        let (a, _) = app.loop_marks();
        let now = app.state.player.presentation().now;
        app.set_loop(Some(a.unwrap_or(MediaTime::ZERO)), Some(now));
    }),
    play(
        "loop-clip",
        "Loop the clip",
        "Starts the clip again at its end",
        &["Shift+L"],
        |app, _, _| {
            let on = !app.state.settings.now.play.loop_clip;
            app.state.settings.now.play.loop_clip = on;
            app.state.player.set_loop_clip(on);
            app.note(if on { "the clip loops" } else { "the clip ends at its end" });
        },
    ),
    play("mute", "Mute", "No sound; the map still hears it", &["m"], |app, _, _| {
        app.state.settings.now.play.muted ^= true;
        app.apply_volume();
    }),
    play("volume-down", "Quieter", "Volume down by 5 %", &["9", "/"], |app, _, _| {
        nudge_volume(app, -0.05);
    })
    .press(Press::Repeat),
    play("volume-up", "Louder", "Volume up by 5 %", &["0", "*"], |app, _, _| {
        nudge_volume(app, 0.05);
    })
    .press(Press::Repeat),
    play("next-item", "Next item", "The next clip of the playlist", &["PgDn"], |app, ctx, _| {
        app.playlist_step(ctx, 1);
    })
    .when(|v| if v.playlist.len() > 1 { Ok(()) } else { Err("there is only one clip") }),
    play(
        "previous-item",
        "Previous item",
        "The clip before in the playlist",
        &["PgUp"],
        |app, ctx, _| {
            app.playlist_step(ctx, -1);
        },
    )
    .when(|v| if v.playlist.len() > 1 { Ok(()) } else { Err("there is only one clip") }),
];
