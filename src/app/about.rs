//! The About sheet and the hint while files hover over the window.

use super::theme;
use super::view::View;

/// The credit that the drawings' licence asks for.
const TWEMOJI: &str = "Twemoji by Twitter, Inc and other contributors, now maintained at \
    github.com/jdecked/twemoji, CC-BY 4.0 (creativecommons.org/licenses/by/4.0), used through the \
    crate twemoji-assets; changes: rendered, rotated, recoloured. Its sounds are synthesised here";

/// Version, adapter, folders.
pub fn about_ui(ctx: &egui::Context, open: &mut bool, view: &View<'_>) {
    if !*open {
        return;
    }
    let modal = egui::Modal::new(egui::Id::unique("about")).show(ctx, |ui| {
        ui.set_width(460.0);
        ui.heading("fnac");
        ui.label("Plays a video and shows where its sound comes from");
        ui.add_space(6.0);
        theme::facts(ui, "about", |ui| {
            theme::fact(ui, "Version", env!("CARGO_PKG_VERSION"));
            theme::fact(ui, "Licence", "MIT OR Apache-2.0; FFmpeg is linked dynamically (LGPL or GPL, as your system built it)");
            theme::fact(ui, "Drawn world", TWEMOJI);
            if let Some(c) = view.checkpoint {
                theme::fact(ui, "Model", c.title());
            }
            theme::fact(ui, "Drawn by", if view.adapter.is_empty() { "no graphics adapter" } else { view.adapter });
            theme::fact(ui, "Model runs on", if view.infer.device.is_empty() { "nothing yet" } else { &view.infer.device });
            let folder = |f: Option<std::path::PathBuf>| f.map_or("nowhere".to_owned(), |p| p.display().to_string());
            theme::fact(ui, "Settings in", folder(super::settings::config_dir()));
            theme::fact(ui, "Cache in", folder(super::settings::cache_dir()));
        });
        theme::hint(ui, "The program opens no network connection. `fnac doctor` prints everything a bug report needs");
        ui.add_space(4.0);
        if ui.button("Close").clicked() {
            *open = false;
        }
    });
    if modal.should_close() {
        *open = false;
    }
}

/// While files are dragged over the window: what letting go will do.
pub fn drop_hint_ui(ctx: &egui::Context, view: &View<'_>) {
    let hovering = ctx.input(|i| !i.raw.hovered_files.is_empty());
    if !hovering {
        return;
    }
    let painter =
        ctx.layer_painter(egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("drop")));
    let rect = ctx.content_rect();
    painter.rect_filled(rect, 0.0, egui::Color32::from_black_alpha(150));
    painter.text(
        rect.center(),
        egui::Align2::CENTER_CENTER,
        match view.layout {
            "train" => "Drop a data folder, a recipe, a video or a checkpoint",
            _ => "Drop videos, sounds, a folder or a checkpoint",
        },
        egui::FontId::proportional(22.0),
        egui::Color32::WHITE,
    );
}
