//! While the window waits for a run's last save: what happens, and a way out.

use super::Training;
use crate::app::commands::{CommandSender, Request};

/// Draws it over everything while the window is closing.
pub fn closing_ui(ctx: &egui::Context, training: &Training, out: &mut CommandSender) {
    let Some(since) = training.closing else { return };
    egui::Modal::new(egui::Id::unique("closing")).show(ctx, |ui| {
        ui.set_width(360.0);
        ui.heading("Saving the run");
        let step = training.state().step();
        ui.label(format!(
            "The run ends its step and saves at step {step}; the window closes by itself, after \
             20 s in any case. It can be gone on with later."
        ));
        let saved = training.state().saved.iter().map(|s| s.step).max();
        let loses = match saved {
            Some(at) => format!("Close now: the steps since the save at step {at} are lost"),
            None => "Close now: nothing was saved yet".to_owned(),
        };
        ui.horizontal(|ui| {
            if ui.button("Close now").on_hover_text(loses).clicked() {
                out.send(Request::Train(super::TrainAsk::CloseNow));
            }
            ui.label(
                egui::RichText::new(format!("{:>2} s", since.elapsed().as_secs())).monospace(),
            );
        });
    });
}
