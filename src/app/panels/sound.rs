//! Sound tests: does the map listen at all?

use super::Panel;
use crate::app::commands::{CommandSender, Request, button, button_with};
use crate::app::theme;
use crate::app::view::View;
use crate::infer::SoundTest;
use crate::units::MediaTime;

/// The sound test panel.
pub struct SoundPanel;

impl Panel for SoundPanel {
    fn ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        if view.checkpoint.is_none() {
            theme::hint(
                ui,
                "With a checkpoint: one press shows whether the map depends on the sound. The model hears silence, noise, the sound of another moment or of another clip; you hear the clip as it is.",
            );
            return;
        }
        let on = *view.sound_test != SoundTest::None;
        if on {
            let text = format!("The model hears: {}", view.sound_test.label());
            ui.add(
                egui::Label::new(egui::RichText::new(text).strong().color(theme::danger(ui)))
                    .wrap(),
            );
        } else {
            theme::hint(
                ui,
                "The model hears the clip's own sound. You always hear the clip as it is.",
            );
        }
        ui.horizontal_wrapped(|ui| {
            button_with(
                ui,
                view,
                out,
                "silence",
                if *view.sound_test == SoundTest::Silence { "End silence" } else { "Silence" },
            );
            button_with(ui, view, out, "noise", "Noise");
            button(ui, view, out, "swap-sound");
            if on {
                button_with(ui, view, out, "end-sound-test", "End the test");
            }
        });
        let now = match view.sound_test {
            SoundTest::Shift(t) => t.as_secs_f64(),
            _ => 0.0,
        };
        let mut shift = now;
        ui.horizontal(|ui| {
            let l = ui.label(egui::RichText::new("Shift").color(theme::dim(ui)));
            ui.spacing_mut().slider_width = (ui.available_width() - 80.0).clamp(60.0, 180.0);
            ui.add(
                egui::Slider::new(&mut shift, -5.0..=5.0)
                    .step_by(0.1)
                    .fixed_decimals(1)
                    .suffix(" s"),
            )
            .labelled_by(l.id)
            .on_hover_text(
                "The model hears the sound from this much later (earlier when negative)",
            );
        });
        if (shift - now).abs() > 1e-6 {
            let t = MediaTime::from_millis((shift * 1000.0).round() as i64);
            out.send(Request::SoundTest(if t == MediaTime::ZERO {
                SoundTest::None
            } else {
                SoundTest::Shift(t)
            }));
        }
    }
}
