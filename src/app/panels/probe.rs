//! Cosine under the cursor and at the pins; their traces over time lie over the picture.

use super::Panel;
use crate::app::commands::{CommandSender, Request};
use crate::app::theme;
use crate::app::view::View;
use crate::overlay::{Probe, probe};

/// The probe panel.
pub struct ProbePanel;

/// Columns of the table with what they mean.
const COLUMNS: &[(&str, &str)] = &[
    ("", ""),
    ("cosine", "At this very place, with the interpolation in use"),
    ("row col", "Of the nearest cell, from 0"),
    ("its own", "That cell's cosine, not interpolated"),
    ("rank", "Among the 49 cells; 1 is the highest"),
    ("pct", "Share of the other cells that are lower"),
];

impl Panel for ProbePanel {
    fn ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        let Some(stored) = view.map.stored() else {
            theme::hint(
                ui,
                match view.checkpoint {
                    None => {
                        "With a checkpoint: the cosine under the cursor. A click on the picture pins \
                     a place, up to four"
                    }
                    Some(_) => "No map for this frame yet",
                },
            );
            return;
        };
        let grid = stored.map.grid();
        let at =
            |p: [f32; 2]| probe(&grid, view.geometry(), view.overlay.interpolation, p[0], p[1]);
        egui::Grid::new("probe").num_columns(COLUMNS.len()).spacing([10.0, 3.0]).show(ui, |ui| {
            for (title, why) in COLUMNS {
                let r = ui.label(egui::RichText::new(*title).small().color(theme::dim(ui)));
                if !why.is_empty() {
                    r.on_hover_text(*why);
                }
            }
            ui.end_row();
            row_ui(ui, "cursor", view.probe.hover.map(at));
            for (i, pin) in view.probe.pins.iter().enumerate() {
                row_ui(ui, &format!("pin {}", i + 1), Some(at(*pin)));
            }
        });
        if view.probe.pins.is_empty() {
            theme::hint(ui, "A click on the picture pins a place; its cosine is traced over time");
        } else if ui.button("Forget pins").clicked() {
            out.send(Request::ProbeClear);
        }
    }
}

fn row_ui(ui: &mut egui::Ui, name: &str, r: Option<Probe>) {
    ui.label(egui::RichText::new(name).small());
    let cells = match r {
        None => ["     -".to_owned(), " -  -".into(), "     -".into(), " -".into(), "  -".into()],
        Some(r) => [
            format!("{:+.3}", r.value),
            format!("{:2} {:2}", r.row, r.col),
            format!("{:+.3}", r.cell),
            format!("{:2}", r.rank),
            format!("{:3.0}", r.percentile),
        ],
    };
    for c in cells {
        ui.label(egui::RichText::new(c).monospace());
    }
    ui.end_row();
}
