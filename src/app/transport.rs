//! The transport bar: what plays, where, how fast, with which map. Every number has its fixed
//! place, so that nothing jumps.

use super::commands::{CommandSender, Request, icon};
use super::icons::Icon;
use super::theme;
use super::view::View;
use crate::infer::{InferState, SoundTest};
use crate::player::{ClockKind, PlayState};
use crate::units::MediaTime;

/// Draws the bar.
pub fn transport_ui(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
    ui.horizontal_centered(|ui| {
        play_ui(ui, view, out);
        ui.separator();
        time_ui(ui, view, out);
        ui.separator();
        speed_ui(ui, view, out);
        loop_ui(ui, view, out);
        ui.separator();
        volume_ui(ui, view, out);
        // The rest gives way from its left when the window is narrow.
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            model_ui(ui, view);
            super::training::badge::badge_ui(ui, view, out);
            if *view.sound_test != SoundTest::None && ui.available_width() > 120.0 {
                ui.separator();
                let text = egui::RichText::new(format!("sound test: {}", view.sound_test.label()))
                    .strong()
                    .color(theme::danger(ui));
                ui.label(text)
                    .on_hover_text("The model hears something else than you do. n or Esc ends it");
            }
        });
    });
}

fn play_ui(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
    ui.spacing_mut().item_spacing.x = 2.0;
    let playing = matches!(view.presentation.state, PlayState::Playing | PlayState::Opening);
    icon(ui, view, out, "step-back", Icon::StepBack, false);
    icon(ui, view, out, "play", if playing { Icon::Pause } else { Icon::Play }, false);
    icon(ui, view, out, "step-on", Icon::StepOn, false);
    if view.playlist.len() > 1 {
        icon(ui, view, out, "previous-item", Icon::Previous, false);
        icon(ui, view, out, "next-item", Icon::Next, false);
    }
    ui.spacing_mut().item_spacing.x = 8.0;
}

/// A time padded to the width of the clip's length, so that it never moves.
pub(super) fn padded(time: MediaTime, duration: MediaTime) -> String {
    let width = duration.to_string().len().max(8);
    format!("{:>width$}", time.to_string())
}

fn time_ui(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
    let p = view.presentation;
    let frame = p.frame.as_ref().map(|f| f.index);
    let frames = view.index.map_or(0, |i| i.len());
    let text = format!("{} / {}", padded(p.now, p.duration), p.duration);
    let response = ui
        .add(egui::Label::new(egui::RichText::new(text).monospace()).sense(egui::Sense::click()))
        .on_hover_text("Time of the sound that is heard / length. Click to go to a time or frame");
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "Go to time"));
    if response.clicked() {
        out.run("go");
    }
    let width = frames.max(1000).to_string().len();
    let number = frame.map_or("-".to_owned(), |f| f.to_string());
    ui.label(egui::RichText::new(format!("f {number:>width$}")).monospace().color(theme::dim(ui)))
        .on_hover_text("Number of the shown frame in the index of presentation times, from 0");
}

fn speed_ui(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
    let speed = view.presentation.speed;
    let text = egui::RichText::new(format!("{speed:4.2}×")).monospace();
    let shown = ui.menu_button(text, |ui| {
        for s in [0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0] {
            if ui.selectable_label((speed - s).abs() < 1e-9, format!("{s}×")).clicked() {
                out.send(Request::Speed(s));
                ui.close();
            }
        }
    });
    shown.response.on_hover_text("Speed, pitch kept  [[] slower  []] faster  [Backspace] normal");
}

fn loop_ui(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
    icon(ui, view, out, "loop-clip", Icon::Loop, view.settings.play.loop_clip);
}

fn volume_ui(ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
    let p = view.presentation;
    let no_sound = match p.clock {
        ClockKind::Sound => None,
        ClockKind::FreeNoTrack => Some("no sound track"),
        ClockKind::FreeNoDevice => Some("no sound device"),
    };
    if let Some(why) = no_sound.filter(|_| view.has_clip()) {
        let why_text = egui::RichText::new(why).color(theme::warning(ui));
        ui.label(why_text).on_hover_text(
            "The clip runs on the computer's clock. A device is used as soon as it is there",
        );
        return;
    }
    let muted = view.settings.play.muted;
    icon(ui, view, out, "mute", if muted { Icon::Muted } else { Icon::Sound }, false);
    let mut volume = view.settings.play.volume * 100.0;
    ui.spacing_mut().slider_width = 76.0;
    let slider = egui::Slider::new(&mut volume, 0.0..=100.0).show_value(false);
    let r = ui.add_enabled(!muted, slider).on_hover_text(format!("Volume {volume:.0} %"));
    r.widget_info(|| egui::WidgetInfo::slider(!muted, f64::from(volume), "Volume"));
    if r.changed() {
        out.send(Request::Volume(volume / 100.0));
    }
}

fn model_ui(ui: &mut egui::Ui, view: &View<'_>) {
    let s = view.infer;
    if view.checkpoint.is_none() && s.state == InferState::NoModel {
        ui.label(egui::RichText::new("no checkpoint").color(theme::dim(ui)))
            .on_hover_text("Drop a .pth or .safetensors file on the window, or press Ctrl+Shift+O");
        return;
    }
    match s.state {
        InferState::Ready if s.filled >= 0.9995 && !s.filling => {
            ui.label(egui::RichText::new("all computed").monospace())
                .on_hover_text("Every frame of the clip has its map");
        }
        InferState::Ready => {
            ui.label(egui::RichText::new(format!("{:5.1} maps/s", s.maps_per_sec)).monospace())
                .on_hover_text(format!(
                    "Maps computed per second, live and in the background\nLatency {:.0} ms, every {} frame",
                    s.latency_ms,
                    ordinal(s.every_k)
                ));
        }
        state => {
            let color =
                if state == InferState::Failed { theme::danger(ui) } else { theme::warning(ui) };
            ui.label(egui::RichText::new(state.word()).color(color)).on_hover_text(&s.message);
        }
    }
    if ui.available_width() < 90.0 {
        return;
    }
    let word = view.map.word();
    let word = if word == "none" { "no map" } else { word };
    ui.label(egui::RichText::new(format!("{word:>12}")).monospace().color(theme::dim(ui)))
        .on_hover_text("exact: this frame's own map · interpolated: between two near maps · held: an earlier map, dimmed");
    if let Some(c) = view.checkpoint.filter(|_| ui.available_width() > 150.0) {
        ui.separator();
        ui.add(egui::Label::new(egui::RichText::new(&c.name).color(theme::dim(ui))).truncate())
            .on_hover_text("The checkpoint in use");
    }
}

/// `1st` is every frame.
pub(super) fn ordinal(n: u32) -> String {
    match (n % 10, n % 100) {
        (1, t) if t != 11 && n == 1 => "single".into(),
        (1, t) if t != 11 => format!("{n}st"),
        (2, t) if t != 12 => format!("{n}nd"),
        (3, t) if t != 13 => format!("{n}rd"),
        _ => format!("{n}th"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kth_frame_reads_as_english() {
        let words: Vec<_> = [1, 2, 3, 4, 11, 12, 21].into_iter().map(ordinal).collect();
        assert_eq!(words, ["single", "2nd", "3rd", "4th", "11th", "12th", "21st"]);
    }
}
