//! Short messages at the lower right. Drawn as ordinary labels, so that screen readers and tests
//! find them; they ask for a repaint only when one of them ends.

use std::time::{Duration, Instant};

use super::commands::ToastKind;
use super::theme;

struct Toast {
    kind: ToastKind,
    text: String,
    until: Instant,
}

/// The messages on the screen.
#[derive(Default)]
pub struct Toasts {
    list: Vec<Toast>,
}

/// More would cover the picture.
const SHOWN_MAX: usize = 4;

impl Toasts {
    /// Shows a message; the same text again only stays longer.
    pub fn add(&mut self, kind: ToastKind, text: impl Into<String>) {
        let text = text.into();
        let reading = Duration::from_millis(2500 + 45 * text.chars().count().min(200) as u64);
        let stays = if kind == ToastKind::Error { reading * 2 } else { reading };
        let until = Instant::now() + stays;
        self.list.retain(|t| t.text != text);
        self.list.push(Toast { kind, text, until });
        if self.list.len() > SHOWN_MAX {
            self.list.remove(0);
        }
    }

    /// Takes the newest message away; false when there is none.
    pub fn dismiss(&mut self) -> bool {
        self.list.pop().is_some()
    }

    /// Draws them over everything.
    pub fn ui(&mut self, ctx: &egui::Context) {
        let now = Instant::now();
        self.list.retain(|t| t.until > now);
        let Some(next) = self.list.iter().map(|t| t.until).min() else { return };
        ctx.request_repaint_after(next.saturating_duration_since(now));
        let mut closed = None;
        egui::Area::new(egui::Id::unique("toasts"))
            .anchor(egui::Align2::RIGHT_BOTTOM, [-14.0, -50.0])
            .order(egui::Order::Foreground)
            .show(ctx, |ui| {
                ui.set_max_width(420.0);
                for (i, toast) in self.list.iter().enumerate() {
                    let color = match toast.kind {
                        ToastKind::Done | ToastKind::Note => theme::accent(ui),
                        ToastKind::Warning => theme::warning(ui),
                        ToastKind::Error => theme::danger(ui),
                    };
                    let frame =
                        egui::Frame::popup(ui.style()).inner_margin(egui::Margin::symmetric(10, 8));
                    let inner = frame.show(ui, |ui| {
                        ui.horizontal(|ui| {
                            let (bar, _) =
                                ui.allocate_exact_size(egui::vec2(3.0, 18.0), egui::Sense::hover());
                            ui.painter().rect_filled(bar, 1.0, color);
                            ui.add(egui::Label::new(&toast.text).wrap());
                            if ui.small_button("×").on_hover_text("Dismiss").clicked() {
                                closed = Some(i);
                            }
                        });
                    });
                    inner.response.on_hover_text("What was said stays in the Log panel");
                }
            });
        if let Some(i) = closed {
            self.list.remove(i);
        }
    }
}
