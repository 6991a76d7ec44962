//! How cosines become light.

use super::Panel;
use crate::app::commands::{CommandSender, Request, button_with};
use crate::app::settings::{GeometryChoice, Named, OverlaySettings, ScaleChoice, SplitChoice};
use crate::app::theme;
use crate::app::view::View;
use crate::overlay::Layer;

/// The overlay panel.
pub struct OverlayPanel;

impl Panel for OverlayPanel {
    fn ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        let mut o = view.overlay.clone();
        ui.horizontal(|ui| {
            ui.checkbox(&mut o.visible, "Show the map").on_hover_text(key_text(view, "overlay"));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if ui
                    .button("Defaults")
                    .on_hover_text("Puts this section back; undo brings it again")
                    .clicked()
                {
                    out.send(Request::Reset(crate::app::settings::Section::Overlay));
                }
            });
        });
        egui::Grid::new("overlay").num_columns(2).spacing([10.0, 5.0]).min_col_width(78.0).show(
            ui,
            |ui| {
                rows_ui(ui, view, &mut o);
            },
        );
        ui.horizontal_wrapped(|ui| {
            ui.checkbox(&mut o.contours, "Contours").on_hover_text(key_text(view, "contours"));
            ui.checkbox(&mut o.half_map_mask, "Metric's mask").on_hover_text(
                "The half of the pixels that the literature's metric takes as the answer",
            );
        });
        if o != *view.overlay {
            out.send(Request::Overlay(Box::new(o)));
        }
        if view.overlay.layer != Layer::SoundMap
            && view.object_tower.is_none()
            && view.overlay.layer != Layer::None
        {
            ui.add_space(4.0);
            theme::hint(
                ui,
                "This layer needs the object tower: drop torchvision's resnet18 .pth on the window",
            );
            button_with(ui, view, out, "open-checkpoint", "Open object tower…");
        }
    }
}

fn key_text(view: &View<'_>, id: &'static str) -> String {
    crate::app::commands::find(id).map(|c| view.bindings.tooltip(c)).unwrap_or_default()
}

fn rows_ui(ui: &mut egui::Ui, view: &View<'_>, o: &mut OverlaySettings) {
    choose(ui, "Layer", Layer::all(), &mut o.layer, |l| l.spec().title);
    choose(ui, "Scale", ScaleChoice::ALL, &mut o.scale, ScaleChoice::name);
    if o.scale == ScaleChoice::Calibrated {
        let calibrated = view.checkpoint.and_then(|c| c.card.calibration);
        ui.label("");
        match (calibrated, view.clip_scale) {
            (Some((lo, hi)), _) => theme::hint(ui, format!("{lo:+.3} … {hi:+.3}, from the card")),
            (None, Some((lo, hi))) => {
                theme::hint(ui, format!("{lo:+.3} … {hi:+.3}, from this clip"))
            }
            (None, None) => theme::hint(ui, "no numbers on the card: absolute"),
        }
        ui.end_row();
    }
    choose(ui, "Colours", crate::overlay::Colormap::all(), &mut o.colormap, Named::label);
    choose(
        ui,
        "Between cells",
        crate::overlay::Interpolation::all(),
        &mut o.interpolation,
        Named::label,
    );
    choose(ui, "Fine maps", &[1, 2, 4], &mut o.fine, |n| match n {
        2 => "2×2: 14×14 cells",
        4 => "4×4: 28×28 cells",
        _ => "off: 7×7 cells",
    });
    choose(ui, "Cells lie", GeometryChoice::ALL, &mut o.geometry, GeometryChoice::name);
    slider(ui, "Opacity", &mut o.opacity, 0.0..=1.0, 2);
    slider(ui, "Gamma", &mut o.gamma, 0.2..=5.0, 2);
    ui.label(egui::RichText::new("Alpha").color(theme::dim(ui)));
    ui.checkbox(&mut o.alpha_by_value, "grows with the value")
        .on_hover_text("A zero map leaves the picture clean");
    ui.end_row();
    ui.label(egui::RichText::new("Threshold").color(theme::dim(ui)));
    ui.horizontal(|ui| {
        let mut on = o.threshold.is_some();
        if ui
            .checkbox(&mut on, "")
            .on_hover_text("Threshold on: draw only cosines above it")
            .changed()
        {
            o.threshold =
                on.then(|| view.checkpoint.and_then(|c| c.card.no_source_threshold).unwrap_or(0.3));
        }
        match &mut o.threshold {
            Some(t) => {
                ui.add(egui::Slider::new(t, -1.0..=1.0).fixed_decimals(2))
                    .on_hover_text("Threshold, a cosine");
            }
            None => theme::hint(ui, "off"),
        }
    });
    ui.end_row();
    choose(ui, "Divide", SplitChoice::ALL, &mut o.split, SplitChoice::name);
    if o.layer == Layer::Blend {
        slider(ui, "Sound share", &mut o.blend_alpha, 0.0..=1.0, 2);
    }
}

fn choose<T: Copy + PartialEq>(
    ui: &mut egui::Ui,
    label: &str,
    all: &[T],
    value: &mut T,
    name: fn(T) -> &'static str,
) {
    let label_response = ui.label(egui::RichText::new(label).color(theme::dim(ui)));
    egui::ComboBox::from_id_salt(label)
        .selected_text(name(*value))
        .width((ui.available_width() - 8.0).clamp(80.0, 190.0))
        .show_ui(ui, |ui| {
            for v in all {
                ui.selectable_value(value, *v, name(*v));
            }
        })
        .response
        .labelled_by(label_response.id);
    ui.end_row();
}

fn slider(
    ui: &mut egui::Ui,
    label: &str,
    value: &mut f32,
    range: std::ops::RangeInclusive<f32>,
    decimals: usize,
) {
    let l = ui.label(egui::RichText::new(label).color(theme::dim(ui)));
    ui.spacing_mut().slider_width = (ui.available_width() - 62.0).clamp(60.0, 140.0);
    ui.add(egui::Slider::new(value, range).fixed_decimals(decimals)).labelled_by(l.id);
    ui.end_row();
}
