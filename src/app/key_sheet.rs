//! The `?` sheet: every command with its keys, from the table.

use super::commands::{Category, Press, commands};
use super::theme;
use super::view::View;

/// The sheet's state.
#[derive(Default)]
pub struct KeySheet {
    open: bool,
    search: String,
}

impl KeySheet {
    /// Opens or closes it.
    pub fn toggle(&mut self) {
        self.open ^= true;
        self.search.clear();
    }

    /// Closes it; false when it is not open.
    pub fn close(&mut self) -> bool {
        std::mem::take(&mut self.open)
    }

    /// Draws it.
    pub fn ui(&mut self, ctx: &egui::Context, view: &View<'_>) {
        if !self.open {
            return;
        }
        let screen = ctx.content_rect().size();
        let modal = egui::Modal::new(egui::Id::unique("keys")).show(ctx, |ui| {
            ui.set_width((screen.x - 80.0).clamp(320.0, 1000.0));
            ui.horizontal(|ui| {
                ui.heading("Keys");
                let label = ui.label("Find");
                ui.add(
                    egui::TextEdit::singleline(&mut self.search)
                        .desired_width(180.0)
                        .id_salt("find-key"),
                )
                .labelled_by(label.id);
                theme::hint(ui, "Esc closes. All keys can be changed in the Settings panel");
            });
            ui.separator();
            egui::ScrollArea::vertical().max_height(screen.y - 190.0).show(ui, |ui| {
                let columns = if ui.available_width() > 700.0 { 2 } else { 1 };
                ui.columns(columns, |cols| {
                    for category in Category::ALL {
                        // Each group goes where there is most room left.
                        let low = |c: &&mut egui::Ui| c.min_rect().bottom();
                        let col = cols.iter_mut().min_by(|a, b| low(a).total_cmp(&low(b)));
                        if let Some(col) = col {
                            category_ui(col, *category, &self.search, view);
                        }
                    }
                });
            });
        });
        if modal.should_close() {
            self.open = false;
        }
    }
}

fn category_ui(ui: &mut egui::Ui, category: Category, search: &str, view: &View<'_>) {
    let search = search.to_lowercase();
    let rows: Vec<_> = commands()
        .filter(|c| c.category == category)
        .map(|c| (c, view.bindings.keys(c.id)))
        .filter(|(c, keys)| {
            !keys.is_empty()
                && (search.is_empty()
                    || c.text.to_lowercase().contains(&search)
                    || c.why.to_lowercase().contains(&search)
                    || keys.iter().any(|k| k.to_lowercase() == search))
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    theme::title(ui, category.title());
    egui::Grid::new(("keys", category.title()))
        .num_columns(2)
        .spacing([14.0, 3.0])
        .min_col_width(110.0)
        .show(ui, |ui| {
            for (command, keys) in rows {
                let hold = if command.press == Press::Hold { "hold " } else { "" };
                ui.label(
                    egui::RichText::new(format!("{hold}{}", keys.join("   ")))
                        .monospace()
                        .color(theme::accent(ui)),
                );
                ui.label(command.text).on_hover_text(command.why);
                ui.end_row();
            }
        });
    ui.add_space(6.0);
}
