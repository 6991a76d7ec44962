//! What can be chosen about the timeline itself.

use egui::{Rect, Ui};

use super::{AbLoop, LaneKind, LaneSound, Timeline, TimelineData, TimelineWish};
use crate::units::MediaTime;

impl Timeline {
    pub(super) fn controls_ui(&mut self, ui: &mut Ui, rect: Rect, data: &TimelineData<'_>) {
        let builder = egui::UiBuilder::new()
            .max_rect(rect.with_min_x(rect.left() + 4.0))
            .layout(egui::Layout::left_to_right(egui::Align::Center));
        ui.scope_builder(builder, |ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            ui.spacing_mut().button_padding = egui::vec2(4.0, 0.0);
            let text = egui::RichText::new("Follow").size(11.0);
            let follow = ui.selectable_label(self.prefs.follow, text).on_hover_text(
                "Turns the page when the playhead leaves the visible part. \
                 Ends when you move the view by hand",
            );
            if follow.clicked() {
                self.prefs.follow = !self.prefs.follow;
                if self.prefs.follow {
                    self.axis.follow(data.now.as_secs_f64());
                }
            }
            let text = egui::RichText::new("All").size(11.0);
            let all = ui
                .add_enabled(!self.axis.is_whole(), egui::Button::new(text).frame(false))
                .on_hover_text("Shows the whole clip");
            if all.clicked() {
                self.axis.fit();
            }
        });
    }

    pub(super) fn menu_ui(
        &mut self,
        ui: &mut Ui,
        data: &TimelineData<'_>,
        wish: &mut dyn FnMut(TimelineWish),
    ) {
        let at = self.menu_at;
        let mut loop_to = |ab| {
            wish(TimelineWish::SetLoop(ab));
        };
        if ui.button(format!("Loop from {at}")).clicked() {
            loop_to(AbLoop { a: Some(at), b: data.ab.b.filter(|b| *b > at) });
            ui.close();
        }
        if ui.button(format!("Loop to {at}")).clicked() {
            let a = data.ab.a.filter(|a| *a < at).or(Some(MediaTime::ZERO));
            loop_to(AbLoop { a, b: Some(at) });
            ui.close();
        }
        let has_loop = data.ab != AbLoop::default();
        if ui.add_enabled(has_loop, egui::Button::new("End the loop")).clicked() {
            loop_to(AbLoop::default());
            ui.close();
        }
        if ui.add_enabled(has_loop, egui::Button::new("Show the loop")).clicked() {
            if let Some((a, b)) = data.ab.part() {
                let (a, b) = (a.as_secs_f64(), b.as_secs_f64());
                let margin = (b - a) * 0.1;
                self.axis.show(a - margin, b + margin);
                self.prefs.follow = false;
            }
            ui.close();
        }
        ui.separator();
        ui.menu_button("Lanes", |ui| {
            for lane in LaneKind::ALL {
                let mut on = !self.prefs.hidden.contains(&lane);
                if ui.checkbox(&mut on, lane.name()).on_hover_text(lane.about()).changed() {
                    self.prefs.hidden.retain(|l| *l != lane);
                    if !on {
                        self.prefs.hidden.push(lane);
                    }
                }
            }
        });
        ui.checkbox(&mut self.prefs.thumbs, "Small pictures under the cursor");
        ui.menu_button("Copy the visible numbers", |ui| {
            for lane in [LaneKind::Peak, LaneKind::Strip, LaneKind::Computed] {
                if ui.button(lane.name()).clicked() {
                    ui.ctx().copy_text(self.maps.table(lane));
                    ui.close();
                }
            }
            if let Some(sound) = data.sound
                && ui.button(LaneKind::Waveform.name()).clicked()
            {
                ui.ctx().copy_text(wave_table(sound.as_ref(), self.axis.visible()));
                ui.close();
            }
        });
    }
}

/// The waveform's visible part as tab-separated numbers, a thousand rows.
fn wave_table(sound: &dyn LaneSound, (from, to): (MediaTime, MediaTime)) -> String {
    let rows = sound.envelope(from, to, 1000);
    let step = (to - from).as_secs_f64() / rows.len().max(1) as f64;
    let mut text = "time_secs\tsmallest\tgreatest\n".to_owned();
    for (i, (lo, hi)) in rows.iter().enumerate() {
        let secs = from.as_secs_f64() + i as f64 * step;
        text += &format!("{secs:.6}\t{lo:.6}\t{hi:.6}\n");
    }
    text
}
