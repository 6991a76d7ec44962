//! Moving in time; every jump is exact.

use super::{Category, Command, Press, with_clip};
use crate::units::{FrameIndex, MediaTime};

const fn go(
    id: &'static str,
    text: &'static str,
    why: &'static str,
    keys: &'static [&'static str],
    run: fn(&mut super::App, &egui::Context, Option<&str>),
) -> Command {
    Command::new(Category::Seek, id, text, why, keys, run).when(with_clip)
}

/// A jump of a minute, or of a tenth on clips shorter than that.
fn far(app: &super::App) -> f64 {
    let secs = app.state.player.presentation().duration.as_secs_f64();
    if secs < 60.0 { secs / 10.0 } else { 60.0 }
}

/// What `go` accepts: `f123`, `1:02.5`, `62.5`, `1:01:02`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    /// A frame number.
    Frame(FrameIndex),
    /// A time.
    Time(MediaTime),
}

/// Reads a place; `None` when it is none.
pub(crate) fn parse_place(text: &str) -> Option<Place> {
    let text = text.trim();
    if let Some(frame) = text.strip_prefix(['f', 'F']) {
        return frame.trim().parse().ok().map(|n| Place::Frame(FrameIndex(n)));
    }
    let mut secs = 0.0;
    let parts: Vec<&str> = text.split(':').collect();
    if parts.len() > 3 {
        return None;
    }
    for (i, part) in parts.iter().enumerate() {
        let v: f64 = part.trim().parse().ok()?;
        // Only the first part may be large, only the last may have a fraction.
        if !v.is_finite()
            || v < 0.0
            || (i > 0 && v >= 60.0)
            || (i + 1 < parts.len() && v.fract() != 0.0)
        {
            return None;
        }
        secs = secs * 60.0 + v;
    }
    Some(Place::Time(MediaTime::from_secs_f64(secs)))
}

pub(super) const COMMANDS: &[Command] = &[
    go("step-on", "One frame on", "Shows the next frame and pauses", &["."], |app, _, _| {
        app.state.player.step(1);
    })
    .press(Press::Repeat),
    go("step-back", "One frame back", "Shows the frame before and pauses", &[","], |app, _, _| {
        app.state.player.step(-1);
    })
    .press(Press::Repeat),
    go("on-5", "On 5 s", "Jumps 5 s on, exactly", &["Right"], |app, _, _| app.seek_by(5.0))
        .press(Press::Repeat),
    go("back-5", "Back 5 s", "Jumps 5 s back, exactly", &["Left"], |app, _, _| app.seek_by(-5.0))
        .press(Press::Repeat),
    go("on-1", "On 1 s", "Jumps 1 s on, exactly", &["Shift+Right"], |app, _, _| app.seek_by(1.0))
        .press(Press::Repeat),
    go("back-1", "Back 1 s", "Jumps 1 s back, exactly", &["Shift+Left"], |app, _, _| {
        app.seek_by(-1.0);
    })
    .press(Press::Repeat),
    go(
        "on-far",
        "On a minute",
        "Jumps 60 s on; a tenth on clips under a minute",
        &["Up"],
        |app, _, _| {
            app.seek_by(far(app));
        },
    )
    .press(Press::Repeat),
    go(
        "back-far",
        "Back a minute",
        "Jumps 60 s back; a tenth on clips under a minute",
        &["Down"],
        |app, _, _| {
            app.seek_by(-far(app));
        },
    )
    .press(Press::Repeat),
    go("start", "To the start", "Shows the first frame", &["Home"], |app, _, _| {
        app.state.player.seek(MediaTime::ZERO);
    }),
    go("end", "To the end", "Shows the last frame", &["End"], |app, _, _| {
        let last = app.state.player.index().map(|i| i.len()).filter(|n| *n > 0);
        match last.and_then(|n| u32::try_from(n - 1).ok()) {
            Some(n) => app.state.player.seek_frame(FrameIndex(n)),
            None => app.state.player.seek(app.state.player.presentation().duration),
        }
    }),
    go(
        "go",
        "Go to…",
        "Goes to a time or frame: 62.5, 1:02.5 or f123",
        &["g"],
        |app, ctx, arg| match arg.map(str::trim).filter(|a| !a.is_empty()) {
            None => app.ask_palette(ctx, "go "),
            Some(text) => match parse_place(text) {
                Some(Place::Frame(f)) => app.state.player.seek_frame(f),
                Some(Place::Time(t)) => app.state.player.seek(t),
                None => {
                    app.warn(format!("go {text}: want a time like 1:02.5 or a frame like f123"))
                }
            },
        },
    )
    .argument("go 1:02.5"),
    go(
        "undo-seek",
        "Undo the jump",
        "Back to where the last jump started",
        &["Shift+Backspace"],
        |app, _, _| {
            app.state.player.undo_seek();
        },
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_frame_or_a_time() {
        let t = |s: f64| Some(Place::Time(MediaTime::from_secs_f64(s)));
        assert_eq!(parse_place("f123"), Some(Place::Frame(FrameIndex(123))));
        assert_eq!(parse_place("1:02.5"), t(62.5));
        assert_eq!(parse_place(" 75 "), t(75.0));
        assert_eq!(parse_place("1:00:01"), t(3601.0));
        for bad in ["", "f", "fx", "1:99", "-3", "nan", "1:2:3:4", "1.5:20", "f-1"] {
            assert_eq!(parse_place(bad), None, "{bad}");
        }
    }
}
