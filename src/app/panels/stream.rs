//! What the file holds, and how its playing goes.

use super::Panel;
use crate::app::commands::{CommandSender, Request};
use crate::app::theme;
use crate::app::view::View;
use crate::media::{AudioInfo, MediaInfo, VideoInfo};
use crate::units::{ColorMatrix, Transfer};

/// The stream panel.
pub struct StreamPanel;

impl Panel for StreamPanel {
    fn ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        let Some(info) = view.media else {
            match &view.presentation.error {
                Some(e) => {
                    let color = theme::danger(ui);
                    ui.add(
                        egui::Label::new(egui::RichText::new(e.to_string()).color(color)).wrap(),
                    );
                }
                None => theme::hint(ui, "No clip is open"),
            }
            return;
        };
        file_ui(ui, info);
        if let Some(v) = &info.video {
            video_ui(ui, v);
        } else {
            theme::hint(ui, "No picture: sound only");
        }
        sound_ui(ui, view, info, out);
        player_ui(ui, view);
        for w in &info.warnings {
            let color = theme::warning(ui);
            ui.add(
                egui::Label::new(egui::RichText::new(w.to_string()).small().color(color)).wrap(),
            );
        }
        for s in &info.not_played {
            theme::hint(ui, format!("not played: {s}"));
        }
    }
}

fn file_ui(ui: &mut egui::Ui, info: &MediaInfo) {
    theme::facts(ui, "file", |ui| {
        theme::fact(ui, "File", info.source.display_name())
            .on_hover_text(info.source.picture_path().display().to_string());
        theme::fact(ui, "Container", info.container.as_str());
        theme::number(ui, "Length", info.duration.to_string());
        theme::number(ui, "Size", bytes(info.size_bytes));
    });
}

/// Bytes in the unit that fits.
fn bytes(n: u64) -> String {
    match n as f64 {
        b if b >= 1e9 => format!("{:.2} GB", b / 1e9),
        b if b >= 1e6 => format!("{:.1} MB", b / 1e6),
        b => format!("{:.1} kB", b / 1e3),
    }
}

fn video_ui(ui: &mut egui::Ui, v: &VideoInfo) {
    theme::title(ui, "Picture");
    theme::facts(ui, "video", |ui| {
        theme::fact(ui, "Codec", format!("{}, {} {} bit", v.codec, v.pixel_format, v.bits));
        theme::number(ui, "Size", format!("{}×{}", v.width, v.height));
        if (v.pixel_aspect - 1.0).abs() > 1e-3 {
            theme::number(ui, "Pixel aspect", format!("{:.3}", v.pixel_aspect));
        }
        let o = v.orientation;
        if o.quarter_turns != 0 || o.mirrored {
            let mirrored = if o.mirrored { ", mirrored" } else { "" };
            theme::fact(ui, "Turned", format!("{}°{mirrored}", 90 * u32::from(o.quarter_turns)));
        }
        let matrix = match v.color.matrix {
            ColorMatrix::Bt601 => "BT.601",
            ColorMatrix::Bt709 => "BT.709",
            ColorMatrix::Bt2020 => "BT.2020",
        };
        let transfer = match v.color.transfer {
            Transfer::Sdr => "",
            Transfer::Pq => ", HDR10, tone-mapped",
            Transfer::Hlg => ", HLG, tone-mapped",
        };
        let range = if v.color.full_range { "full" } else { "limited" };
        let guess = if v.color_guessed { ", guessed" } else { "" };
        theme::fact(ui, "Colour", format!("{matrix}, {range} range{transfer}{guess}"));
        if v.still {
            theme::fact(ui, "Frames", "a still picture");
        } else {
            let vfr = if v.variable_rate { ", variable" } else { "" };
            theme::number(ui, "Rate", format!("{:.3} fps{vfr}", v.frame_rate));
            theme::number(ui, "Frames", format!("{} ({} key)", v.frames, v.key_frames));
        }
    });
}

fn sound_ui(ui: &mut egui::Ui, view: &View<'_>, info: &MediaInfo, out: &mut CommandSender) {
    theme::title(ui, "Sound");
    if info.audio.is_empty() {
        theme::hint(
            ui,
            "No sound track: the model has nothing to hear, the clip runs on the computer's clock",
        );
        return;
    }
    for a in &info.audio {
        let text = track_text(a);
        if info.audio.len() == 1 {
            ui.label(text);
        } else {
            let chosen = view.presentation.track == Some(a.track);
            let r = ui.add_enabled(a.decodable, egui::RadioButton::new(chosen, text));
            if r.clicked() {
                out.send(Request::AudioTrack(a.track));
            }
        }
        if let Some(p) = &a.problem {
            theme::hint(ui, p.as_str());
        }
    }
    if let Some(c) = view.checkpoint {
        let rates: Vec<_> = info.audio.iter().map(|a| a.rate).collect();
        let conversion = if rates.iter().all(|r| *r == c.card.sample_rate) {
            "no conversion"
        } else {
            "resampled, channels averaged"
        };
        theme::hint(ui, format!("The model hears {} Hz mono ({conversion})", c.card.sample_rate));
    }
}

fn track_text(a: &AudioInfo) -> String {
    let channels = match a.channels {
        1 => "mono".to_owned(),
        2 => "stereo".to_owned(),
        n => format!("{n} channels"),
    };
    let name = [a.title.as_deref(), a.language.as_deref()]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ");
    let name = if name.is_empty() { String::new() } else { format!(", {name}") };
    format!("{}: {} {} Hz {channels}{name}", a.track + 1, a.codec, a.rate)
}

fn player_ui(ui: &mut egui::Ui, view: &View<'_>) {
    let p = view.presentation;
    theme::title(ui, "Playing");
    theme::facts(ui, "playing", |ui| {
        theme::fact(
            ui,
            "Clock",
            match p.clock {
                crate::player::ClockKind::Sound => "the sound that is heard",
                crate::player::ClockKind::FreeNoTrack => "the computer's (no sound track)",
                crate::player::ClockKind::FreeNoDevice => "the computer's (no sound device)",
            },
        );
        let c = &p.counters;
        theme::number(
            ui,
            "Frames",
            format!("{} shown, {} dropped, {} late", c.shown, c.dropped, c.late),
        );
        theme::number(ui, "Sound gaps", c.underruns.to_string());
    });
}
