//! From the window's `View` to the picture's plain data, and from its wishes to requests.

use std::sync::Arc;

use egui::{ColorImage, Ui};

use super::{
    PictureData, PictureView, PictureWish, Stage, Trace, WayOut, overlay_params, render_offscreen,
    spectrum_palette,
};
use crate::app::commands::{CommandSender, Request, menu_item};
use crate::app::hud::{self, Rates};
use crate::app::theme;
use crate::app::timeline::bracket_of;
use crate::app::view::View;
use crate::infer::{LookupPolicy, MapAt, SoundTest};
use crate::overlay::{self, NOTHING_SOUNDS, OverlayParams, sample_map};
use crate::player::PlayState;
use crate::units::{FrameIndex, MediaTime};

/// Seconds of a pin's curve on each side of the playhead, and points of it.
const TRACE_SECS: f64 = 5.0;
const TRACE_POINTS: usize = 121;

impl PictureView {
    /// Draws picture, map, probe, legend and info of the open clip into the free space.
    pub fn ui(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut CommandSender) {
        let clip = view.index.map(|i| Arc::as_ptr(i) as usize);
        if self.shown != clip {
            self.shown = clip;
            self.reset_view();
        }
        let mut params = overlay_params(view);
        params.background = background(ui, view.demo);
        let lane = self.lanes.of(view.sound);
        let failure = failure_text(view);
        let name = view.source.map(|s| s.display_name()).unwrap_or_default();
        let stage = match (view.blackout, &view.presentation.frame, &lane) {
            (true, ..) => Stage::Blackout,
            (false, Some(frame), _) => Stage::Frame(frame),
            (false, None, _) if view.presentation.state == PlayState::Failed => {
                Stage::Failed { text: &failure }
            }
            (false, None, Some(sound)) if view.media.is_some_and(|m| m.video.is_none()) => {
                Stage::Sound(sound)
            }
            (false, None, _) if view.presentation.state == PlayState::Empty => Stage::Empty,
            (false, None, _) => Stage::Opening { name: &name },
        };
        let shown = view.presentation.frame.as_ref().map(|f| Arc::as_ptr(f) as u64);
        let now = ui.input(|i| i.time);
        let rates = Rates {
            pictures: self.rate.count(shown, now),
            draws: self.draws.count(Some(ui.ctx().cumulative_frame_nr()), now),
        };
        let hud_data = view.settings.look.hud.then(|| hud::hud_data(view, rates));
        let facts = hud::legend_facts(view);
        let legend = if view.settings.look.legend { hud::legend_of(&params, facts) } else { None };
        let trace = trace_of(view, &params);
        let test = view.sound_test.label();
        let bracket = bracket_of(view);
        let badges = badges(view, &params);
        let caption = caption(view);
        let data = PictureData {
            stage,
            params: &params,
            no_map: no_map_text(view),
            hover: view.probe.hover,
            pins: &view.probe.pins,
            trace: trace.as_ref(),
            truth: view.truth_marks(),
            truth_silent: view.overlay.truth_silent,
            prediction: view.overlay.prediction_outline,
            hud: hud_data.as_ref(),
            legend: legend.as_ref(),
            sound_test: (*view.sound_test != SoundTest::None).then_some(test.as_str()),
            badges: &badges,
            caption: &caption,
            demo: view.demo,
            now: view.presentation.now,
            bracket: bracket.as_ref(),
            spectrum_palette: spectrum_palette(ui.visuals().dark_mode),
            danger: theme::danger(ui),
        };
        let response = self.show(ui, &data, &mut |wish| send(view, out, wish));
        response.context_menu(|ui| menu_ui(ui, view, out));
    }

    /// The frame on the screen at its own size, upright and un-squashed; with the map and a
    /// legend burnt in if `with_overlay`. `None` without a picture.
    pub fn capture(&self, view: &View<'_>, with_overlay: bool) -> Option<ColorImage> {
        let frame = view.presentation.frame.as_ref()?;
        let params = if with_overlay {
            overlay_params(view)
        } else {
            OverlayParams { visible: false, test_border: false, ..OverlayParams::default() }
        };
        let (width, height) = frame.picture.upright_size();
        let aspect = frame.picture.display_aspect();
        // The height is the picture's own; wide pixels widen it.
        let size = [((height as f32 * aspect).round() as u32).max(1), height.max(1)];
        let size = if (aspect - width as f32 / height as f32).abs() < 1e-3 {
            [width, height]
        } else {
            size
        };
        let legend = with_overlay
            .then(|| hud::legend_of(&params, hud::legend_facts(view)))
            .flatten()
            .filter(|_| view.settings.look.legend);
        // Text as large as on a window of 720 points height.
        let scale = (size[1] as f32 / 720.0).max(0.5);
        // A legend that would cover the picture explains nothing; its height is near 220 points.
        let legend = legend.filter(|_| {
            2.0 * hud::LEGEND_WIDTH * scale < size[0] as f32 && 300.0 * scale < size[1] as f32
        });
        let fitted = overlay::View::fit(size.map(|v| v as f32), aspect);
        let shown = overlay::View { pixels_per_point: scale, ..fitted };
        let on_device = self.render_state.as_ref().and_then(|state| {
            Some((state, super::paint::draw_once(state, frame, &params, &shown, size)?))
        });
        let Some((state, drawn)) = on_device else {
            // Without a device, or with a picture too large for it: the twins, and no words.
            let rgb = overlay::yuv::rgb_from_planes(&frame.picture);
            let drawn = overlay::cpu::render(&rgb, &params, &shown);
            let size = [drawn.width as usize, drawn.height as usize];
            return Some(ColorImage::from_rgba_unmultiplied(size, &drawn.data));
        };
        if !with_overlay {
            return Some(drawn);
        }
        let badges = badges(view, &params);
        let words = render_offscreen(state, size, scale, true, |ui| {
            let area = ui.max_rect().shrink(8.0);
            if let Some(legend) = &legend {
                hud::show_legend(ui, area.right_top(), legend);
            }
            let mut at = area.left_top();
            for (text, care) in &badges {
                at.y = hud::note_badge(ui, at, text, *care).bottom() + 4.0;
            }
            if *view.sound_test != SoundTest::None {
                hud::test_badge(ui, area.center_top(), &view.sound_test.label());
            }
        })?;
        Some(over(drawn, &words))
    }
}

/// `top` (premultiplied) over an opaque picture of the same size.
fn over(mut under: ColorImage, top: &ColorImage) -> ColorImage {
    for (u, t) in under.pixels.iter_mut().zip(&top.pixels) {
        let rest = 255 - u16::from(t.a());
        let mix = |u: u8, t: u8| (u16::from(t) + (u16::from(u) * rest + 127) / 255).min(255) as u8;
        *u = egui::Color32::from_rgb(mix(u.r(), t.r()), mix(u.g(), t.g()), mix(u.b(), t.b()));
    }
    under
}

fn background(ui: &Ui, demo: bool) -> [u8; 3] {
    if demo {
        return [0, 0, 0];
    }
    let [r, g, b, _] = ui.visuals().extreme_bg_color.to_array();
    // On light ground a white frame would glare beside the picture.
    if ui.visuals().dark_mode { [r, g, b] } else { [0xdd, 0xdd, 0xdd] }
}

fn failure_text(view: &View<'_>) -> String {
    view.presentation.error.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn no_map_text(view: &View<'_>) -> &'static str {
    match view.map {
        _ if view.checkpoint.is_none() => "",
        MapAt::NoSound => "no sound here, no map",
        MapAt::None => "no map for this frame yet",
        _ => "this layer has no values here",
    }
}

/// The line under the picture.
fn caption(view: &View<'_>) -> String {
    let model = match view.checkpoint {
        Some(c) => c.title(),
        None => "No model".to_owned(),
    };
    match (view.builtin, view.checkpoint, view.demo) {
        (true, Some(_), _) => format!("{model} · drop a video or a checkpoint here"),
        (true, None, _) => {
            format!("{model} · drop a checkpoint to see where the sound comes from, or a video")
        }
        (false, None, _) => {
            format!("{model} · drop a checkpoint to see where the sound comes from")
        }
        (false, Some(_), true) => {
            let name = view.source.map(|s| s.display_name()).unwrap_or_default();
            format!("{name} · {model}")
        }
        (false, Some(c), false) if c.is_demo() => model,
        (false, Some(_), false) => String::new(),
    }
}

/// Short notes in the picture: what a stretched or a held map must never hide.
fn badges(view: &View<'_>, params: &OverlayParams) -> Vec<(String, bool)> {
    let mut badges = Vec::new();
    if let Some(words) = view.live_words {
        badges.push((words.to_owned(), view.learning.choice.base));
    }
    if params.visible
        && let Some(map) = &params.map
        && params.scale.is_stretched()
    {
        let (lo, hi) = params.scale.limits(&map.grid());
        badges.push((format!("stretched {lo:+.2} .. {hi:+.2}"), true));
    }
    if params.visible
        && let MapAt::Held { age, .. } = view.map
    {
        badges.push((format!("map {:.1} s old", age.as_secs_f64()), true));
    }
    if params.outline_only && params.visible {
        badges.push((NOTHING_SOUNDS.to_owned(), false));
    }
    for name in view.heard_off_screen() {
        badges.push((format!("T {name}, off-screen"), false));
    }
    if view.presentation.frame.is_some() && !view.presentation.exact {
        badges.push(("near frame".to_owned(), false));
    }
    badges
}

/// The pins' values around the playhead.
fn trace_of(view: &View<'_>, params: &OverlayParams) -> Option<Trace> {
    let (index, pins) = (view.index?, &view.probe.pins);
    if pins.is_empty() || view.checkpoint.is_none() {
        return None;
    }
    let now = view.presentation.now;
    let step = MediaTime::from_secs_f64(2.0 * TRACE_SECS / (TRACE_POINTS - 1) as f64);
    let first = now - MediaTime::from_secs_f64(TRACE_SECS);
    let mut rows = vec![Vec::with_capacity(TRACE_POINTS); pins.len()];
    view.maps.read(|maps| {
        let mut time = first;
        for _ in 0..TRACE_POINTS {
            let inside = time >= MediaTime::ZERO && time < index.end();
            let frame: Option<FrameIndex> = if inside { index.frame_at(time) } else { None };
            // As the picture would show it: its own map or one between two near neighbours.
            let stored = frame.and_then(|f| match maps.lookup(f, LookupPolicy::default()) {
                MapAt::Exact(stored) | MapAt::Interpolated { stored, .. } => Some(stored),
                _ => None,
            });
            for (row, pin) in rows.iter_mut().zip(pins) {
                row.push(stored.as_ref().map(|s| {
                    let grid = s.map.grid();
                    sample_map(&grid, params.geometry, params.interpolation, pin[0], pin[1]).value
                }));
            }
            time = time + step;
        }
    });
    let all = rows.iter().flatten().flatten().copied().filter(|v| v.is_finite());
    let (lo, hi) = all.fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    // A little air, and never a range so small that noise fills the plot.
    let range = if lo <= hi {
        let air = (0.1 - (hi - lo)).max(0.02) / 2.0;
        (lo - air, hi + air)
    } else {
        (-1.0, 1.0)
    };
    Some(Trace { reach_secs: TRACE_SECS, rows, range })
}

fn send(view: &View<'_>, out: &mut CommandSender, wish: PictureWish) {
    let repeat = |out: &mut CommandSender, n: i32, up, down| {
        for _ in 0..n.unsigned_abs().min(20) {
            out.run(if n > 0 { up } else { down });
        }
    };
    match wish {
        PictureWish::Hover(at) => out.send(Request::ProbeHover(at)),
        PictureWish::Pin(at) => out.send(Request::ProbePin(at)),
        PictureWish::Volume(n) => repeat(out, n, "volume-up", "volume-down"),
        PictureWish::Step(n) => out.send(Request::Step(n)),
        PictureWish::FullScreen => out.run("fullscreen"),
        PictureWish::Item(n) => repeat(out, n, "next-item", "previous-item"),
        PictureWish::Way(WayOut::Open) => out.run("open"),
        PictureWish::Way(WayOut::BuiltIn) => out.run("builtin"),
        PictureWish::Split(at) => {
            let mut changed = view.overlay.clone();
            changed.split_at = at;
            out.send(Request::Overlay(Box::new(changed)));
        }
    }
}

fn menu_ui(ui: &mut Ui, view: &View<'_>, out: &mut CommandSender) {
    for id in ["play", "step-on", "step-back"] {
        menu_item(ui, view, out, id);
    }
    ui.separator();
    for id in ["overlay", "truth", "cells", "contours", "scale", "colormap", "split"] {
        menu_item(ui, view, out, id);
    }
    ui.separator();
    menu_item(ui, view, out, "silence");
    if !view.probe.pins.is_empty() && ui.button("Remove all pins").clicked() {
        out.send(Request::ProbeClear);
        ui.close();
    }
    ui.separator();
    for id in ["zoom-reset", "hud", "legend", "fullscreen"] {
        menu_item(ui, view, out, id);
    }
    ui.separator();
    for id in ["screenshot", "copy-picture", "open"] {
        menu_item(ui, view, out, id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::Color32;

    #[test]
    fn words_lie_over_the_picture_and_clear_parts_leave_it() {
        let under = ColorImage::new([2, 1], vec![Color32::from_rgb(100, 100, 100); 2]);
        let half = Color32::from_rgba_premultiplied(100, 0, 0, 128);
        let top = ColorImage::new([2, 1], vec![Color32::TRANSPARENT, half]);
        let got = over(under, &top);
        assert_eq!(got[(0, 0)], Color32::from_rgb(100, 100, 100));
        assert_eq!(got[(1, 0)], Color32::from_rgb(150, 50, 50));
        assert_eq!(super::super::probe::PIN_COLORS.len(), crate::app::view::PINS_MAX);
    }
}
