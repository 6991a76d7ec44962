//! How the map is drawn.

use super::{Category, Command, Press};
use crate::app::settings::{Named, OverlaySettings, ScaleChoice, SplitChoice};
use crate::eval::live::TruthShape;
use crate::overlay::{Colormap, Interpolation, Layer};

const fn overlay(
    id: &'static str,
    text: &'static str,
    why: &'static str,
    keys: &'static [&'static str],
    run: fn(&mut super::App, &egui::Context, Option<&str>),
) -> Command {
    Command::new(Category::Overlay, id, text, why, keys, run)
}

fn next<T: Copy + PartialEq>(all: &[T], now: T) -> T {
    let at = all.iter().position(|v| *v == now).map_or(0, |i| i + 1);
    all.get(at).or(all.first()).copied().unwrap_or(now)
}

/// The value that the argument names, or the one after the present.
fn named_or_next<T: Named>(now: T, arg: Option<&str>) -> Result<T, String> {
    match arg.map(str::trim).filter(|a| !a.is_empty()) {
        None => Ok(next(T::all(), now)),
        Some(name) => {
            T::all().iter().copied().find(|v| v.label().eq_ignore_ascii_case(name)).ok_or_else(
                || {
                    let known: Vec<_> = T::all().iter().map(|v| v.label()).collect();
                    format!("`{name}`: want one of {}", known.join(", "))
                },
            )
        }
    }
}

fn change(app: &mut super::App, what: &'static str, f: impl FnOnce(&mut OverlaySettings)) {
    let mut o = app.state.settings.now.overlay.clone();
    f(&mut o);
    app.set_overlay(what, o);
}

fn layer(app: &mut super::App, layer: Layer) {
    change(app, "layer", |o| {
        o.layer = layer;
        o.visible = true;
    });
}

fn number(
    app: &mut super::App,
    what: &'static str,
    arg: Option<&str>,
    range: [f32; 2],
    set: fn(&mut OverlaySettings, f32),
) {
    match arg.and_then(|a| a.trim().parse::<f32>().ok()).filter(|v| v.is_finite()) {
        Some(v) => change(app, what, |o| set(o, v.clamp(range[0], range[1]))),
        None => app.warn(format!("{what}: want a number from {} to {}", range[0], range[1])),
    }
}

pub(super) const COMMANDS: &[Command] = &[
    overlay(
        "overlay",
        "Show the map",
        "The map over the picture, on or off",
        &["v"],
        |app, _, _| {
            change(app, "map on or off", |o| o.visible ^= true);
        },
    ),
    overlay(
        "hide-overlay",
        "Hide while held",
        "The picture alone while the key is held",
        &["h"],
        |app, _, arg| {
            app.state.overlay_held_off = match arg {
                Some("on") => true,
                Some("off") => false,
                _ => !app.state.overlay_held_off,
            };
        },
    )
    .press(Press::Hold),
    overlay(
        "layer-sound",
        "Sound map",
        "Where the sound in the clip comes from",
        &["1"],
        |app, _, _| {
            layer(app, Layer::SoundMap);
        },
    ),
    overlay(
        "layer-prior",
        "Object prior",
        "What the object tower finds, without any sound",
        &["2"],
        |app, _, _| {
            layer(app, Layer::ObjectPrior);
        },
    )
    .when(with_prior),
    overlay("layer-blend", "Blend", "Sound map and object prior, mixed", &["3"], |app, _, _| {
        layer(app, Layer::Blend);
    })
    .when(with_prior),
    overlay(
        "layer-difference",
        "Difference",
        "This map minus the one that was kept (d)",
        &["4"],
        |app, _, _| {
            layer(app, Layer::Difference);
        },
    )
    .when(|v| {
        if v.kept_map.is_some() {
            Ok(())
        } else {
            Err("no map is kept to compare with: d keeps this one")
        }
    }),
    overlay(
        "keep-map",
        "Keep this map",
        "Keeps the map on screen to compare others with it: layer 4, after a sound test say",
        &["d"],
        |app, _, _| {
            app.keep_map();
        },
    )
    .when(|v| if v.map.stored().is_some() { Ok(()) } else { Err("there is no map on the screen") }),
    overlay("layer-none", "No layer", "The picture alone", &["5"], |app, _, _| {
        layer(app, Layer::None);
    }),
    overlay(
        "scale",
        "Scale mode",
        "How cosines become colours: absolute, calibrated, per frame",
        &["x"],
        |app, _, arg| {
            let wanted = match arg.map(str::trim).filter(|a| !a.is_empty()) {
                None => Some(next(ScaleChoice::ALL, app.state.settings.now.overlay.scale)),
                Some(name) => {
                    ScaleChoice::ALL.iter().copied().find(|s| s.name().eq_ignore_ascii_case(name))
                }
            };
            match wanted {
                Some(s) => {
                    change(app, "scale mode", |o| o.scale = s);
                    app.note(format!("scale: {}", s.name()));
                }
                None => app.warn("scale: want absolute, calibrated or per frame"),
            }
        },
    )
    .argument("scale absolute"),
    overlay("colormap", "Colours", "The next colormap, or the one named", &["c"], |app, _, arg| {
        match named_or_next(app.state.settings.now.overlay.colormap, arg) {
            Ok(c) => {
                change(app, "colours", |o| o.colormap = c);
                app.note(format!("colours: {}", Colormap::label(c)));
            }
            Err(e) => app.warn(e),
        }
    })
    .argument("colormap viridis"),
    overlay("contours", "Contours", "Lines of equal cosine", &["k"], |app, _, _| {
        change(app, "contours", |o| o.contours ^= true);
    }),
    overlay(
        "cells",
        "Raw cells",
        "The network's cells as they are, without interpolation",
        &["r"],
        |app, _, _| {
            change(app, "raw cells", |o| {
                let raw = o.interpolation == Interpolation::Cells;
                o.interpolation = if raw { Interpolation::Bilinear } else { Interpolation::Cells };
            });
        },
    ),
    overlay("interpolation", "Interpolation", "Cells, bilinear or bicubic", &[], |app, _, arg| {
        match named_or_next(app.state.settings.now.overlay.interpolation, arg) {
            Ok(i) => change(app, "interpolation", |o| o.interpolation = i),
            Err(e) => app.warn(e),
        }
    })
    .argument("interpolation bicubic"),
    overlay(
        "split",
        "Wipe",
        "Picture, map and object prior side by side, with dividers to drag",
        &["w"],
        |app, _, _| {
            let mut to = next(SplitChoice::ALL, app.state.settings.now.overlay.split);
            if app.state.object_tower.is_none() && to == SplitChoice::MapAndPrior {
                to = SplitChoice::SideBySide;
            }
            change(app, "wipe", |o| o.split = to);
            app.note(to.name());
        },
    ),
    overlay(
        "half-map",
        "Metric's mask",
        "The half of the picture that the literature's metric takes as the answer",
        &[],
        |app, _, _| {
            change(app, "metric's mask", |o| o.half_map_mask ^= true);
        },
    ),
    overlay(
        "truth",
        "Show truth",
        "Outlines of what sounds in the picture, by the clip's truth file",
        &["t"],
        |app, _, _| {
            change(app, "truth on or off", |o| o.truth ^= true);
        },
    )
    .when(with_truth),
    overlay(
        "truth-silent",
        "Silent things too",
        "Thin outlines of the things in the picture that do not sound now",
        &[],
        |app, _, _| {
            change(app, "silent things", |o| o.truth_silent ^= true);
        },
    )
    .when(with_truth),
    overlay(
        "truth-shape",
        "Truth as boxes or masks",
        "What of the truth is drawn and compared with: boxes, or the visible pixels",
        &[],
        |app, _, _| {
            let to = next(TruthShape::ALL, app.state.settings.now.overlay.truth_shape);
            change(app, "boxes or masks", |o| o.truth_shape = to);
            app.note(format!("truth: {}", to.name()));
        },
    )
    .when(with_truth),
    overlay(
        "prediction-outline",
        "Prediction outline",
        "A dashed line round the part of the map that the adaptive score compares with the truth",
        &[],
        |app, _, _| {
            change(app, "prediction outline", |o| o.prediction_outline ^= true);
        },
    )
    .when(with_truth),
    overlay("opacity", "Opacity", "How much the map covers, 0 to 1", &[], |app, _, arg| {
        number(app, "opacity", arg, [0.0, 1.0], |o, v| o.opacity = v);
    })
    .argument("opacity 0.6"),
    overlay("gamma", "Gamma", "Exponent on the scaled value, 0.2 to 5", &[], |app, _, arg| {
        number(app, "gamma", arg, [0.2, 5.0], |o, v| o.gamma = v);
    })
    .argument("gamma 1.5"),
    overlay(
        "threshold",
        "Threshold",
        "Draws only cosines above this; without a number: everything",
        &[],
        |app, _, arg| {
            if arg.is_none_or(|a| a.trim().is_empty()) {
                change(app, "threshold", |o| o.threshold = None);
            } else {
                number(app, "threshold", arg, [-1.0, 1.0], |o, v| o.threshold = Some(v));
            }
        },
    )
    .argument("threshold 0.3"),
    overlay(
        "fine",
        "Fine maps",
        "14x14 or 28x28 honest cells from shifted copies; slower",
        &[],
        |app, _, arg| {
            let now = app.state.settings.now.overlay.fine;
            let wanted = match arg.map(str::trim).filter(|a| !a.is_empty()) {
                None => Some(next(&[1, 2, 4], now)),
                Some(text) => text.parse::<u8>().ok().filter(|n| matches!(n, 1 | 2 | 4)),
            };
            match wanted {
                Some(n) => {
                    change(app, "fine maps", |o| o.fine = n);
                    app.note(if n == 1 {
                        "plain 7x7 maps".into()
                    } else {
                        format!("fine maps: {0}x{0} cells", 7 * u32::from(n))
                    });
                }
                None => app.warn("fine: want 1, 2 or 4"),
            }
        },
    )
    .argument("fine 2"),
];

fn with_prior(view: &super::View<'_>) -> Result<(), super::Disabled> {
    if view.object_tower.is_some() { Ok(()) } else { Err("no object tower is loaded (Model menu)") }
}

fn with_truth(view: &super::View<'_>) -> Result<(), super::Disabled> {
    match view.truth.here() {
        Some(_) => Ok(()),
        None => Err("this clip has no truth file (Truth panel)"),
    }
}
