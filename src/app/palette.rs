//! The command palette: a few letters find a command, a panel, a recent file.

use super::commands::{CommandSender, Request, commands};
use super::open::main_path;
use super::panels::PANELS;
use super::theme;
use super::view::{View, file_label};

/// The palette's state.
#[derive(Default)]
pub struct Palette {
    open: bool,
    fresh: bool,
    text: String,
    chosen: usize,
}

/// One row.
struct Entry {
    text: String,
    keys: String,
    why: String,
    disabled: Option<&'static str>,
    request: Request,
    score: i32,
}

/// Rows that are drawn at once.
const ROWS: usize = 12;

impl Palette {
    /// Opens it with `text` in the field.
    pub fn open(&mut self, text: &str) {
        self.open = true;
        self.fresh = true;
        self.text = text.to_owned();
        self.chosen = 0;
    }

    /// Closes it; false when it is not open.
    pub fn close(&mut self) -> bool {
        std::mem::take(&mut self.open)
    }

    /// Draws it.
    pub fn ui(&mut self, ctx: &egui::Context, view: &View<'_>, out: &mut CommandSender) {
        if !self.open {
            return;
        }
        // The field must not take the arrows: they move through the list.
        let (up, down, enter) = ctx.input_mut(|i| {
            let mut key = |k| i.consume_key(egui::Modifiers::NONE, k);
            (key(egui::Key::ArrowUp), key(egui::Key::ArrowDown), key(egui::Key::Enter))
        });
        let entries = entries(&self.text, view);
        let last = entries.len().saturating_sub(1);
        if down {
            self.chosen += 1;
        }
        if up {
            self.chosen = self.chosen.saturating_sub(1);
        }
        self.chosen = self.chosen.min(last);
        let mut run = enter.then_some(self.chosen);
        let mut close = false;
        let area = egui::Modal::default_area(egui::Id::unique("palette"))
            .anchor(egui::Align2::CENTER_TOP, [0.0, 70.0]);
        let modal = egui::Modal::new(egui::Id::unique("palette")).area(area).show(ctx, |ui| {
            ui.set_width(560.0f32.min(ui.ctx().content_rect().width() - 40.0));
            let field = ui.add(
                egui::TextEdit::singleline(&mut self.text)
                    .id_salt("palette-field")
                    .desired_width(f32::INFINITY)
                    .hint_text("Command, panel or recent file; speed 0.25"),
            );
            field.widget_info(|| {
                egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Command palette")
            });
            if field.changed() {
                self.chosen = 0;
            }
            field.request_focus();
            if std::mem::take(&mut self.fresh) {
                let mut state = egui::TextEdit::load_state(ui.ctx(), field.id).unwrap_or_default();
                let end = egui::text::CCursor::new(self.text.chars().count());
                state.cursor.set_char_range(Some(egui::text::CCursorRange::one(end)));
                state.store(ui.ctx(), field.id);
            }
            ui.add_space(2.0);
            if entries.is_empty() {
                theme::hint(
                    ui,
                    "Nothing fits. Commands are found by their words: “contours”, “loop”, “theme”",
                );
            }
            let first = self.chosen.saturating_sub(ROWS - 1);
            for (i, entry) in entries.iter().enumerate().skip(first).take(ROWS) {
                if row_ui(ui, entry, i == self.chosen).clicked() {
                    run = Some(i);
                }
            }
            if let Some(entry) = entries.get(self.chosen) {
                ui.separator();
                match entry.disabled {
                    Some(reason) => {
                        let color = theme::warning(ui);
                        ui.label(
                            egui::RichText::new(format!("Not now: {reason}")).small().color(color),
                        );
                    }
                    None => theme::hint(ui, entry.why.as_str()),
                }
            }
        });
        if let Some(entry) = run.and_then(|i| entries.into_iter().nth(i)) {
            match entry.disabled {
                None => {
                    // A command that opens the palette itself must find it closed first.
                    close = true;
                    out.send(entry.request);
                }
                Some(reason) => out.send(Request::Toast(
                    super::commands::ToastKind::Note,
                    format!("{}: not now, {reason}", entry.text),
                )),
            }
        }
        if close || modal.should_close() {
            self.open = false;
        }
    }
}

fn row_ui(ui: &mut egui::Ui, entry: &Entry, chosen: bool) -> egui::Response {
    let enabled = entry.disabled.is_none();
    let (rect, response) = ui.allocate_exact_size(
        egui::vec2(ui.available_width(), ui.spacing().interact_size.y),
        egui::Sense::click(),
    );
    response.widget_info(|| {
        let name = if entry.keys.is_empty() {
            entry.text.clone()
        } else {
            format!("{} ({})", entry.text, entry.keys)
        };
        egui::WidgetInfo::selected(egui::Role::Button, enabled, chosen, name)
    });
    if !ui.is_rect_visible(rect) {
        return response;
    }
    let v = ui.visuals();
    if chosen {
        ui.painter().rect_filled(rect, 3.0, v.selection.bg_fill);
    } else if response.hovered() {
        ui.painter().rect_filled(rect, 3.0, v.widgets.hovered.bg_fill);
    }
    let color = if enabled { v.text_color() } else { theme::dim(ui) };
    let inner = rect.shrink2(egui::vec2(6.0, 0.0));
    let font = egui::TextStyle::Body.resolve(ui.style());
    ui.painter().text(inner.left_center(), egui::Align2::LEFT_CENTER, &entry.text, font, color);
    let small = egui::TextStyle::Small.resolve(ui.style());
    let right = match entry.disabled {
        Some(reason) => reason,
        None => entry.keys.as_str(),
    };
    ui.painter().text(
        inner.right_center(),
        egui::Align2::RIGHT_CENTER,
        right,
        small,
        theme::dim(ui),
    );
    response
}

fn entries(text: &str, view: &View<'_>) -> Vec<Entry> {
    let typed = text.trim();
    let mut list = Vec::new();
    let recent = &view.settings.recent;
    for command in commands().filter(|c| c.id != "palette") {
        // `speed 0.25`: the first word names the command, the rest is its argument.
        let (head, rest) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
        let rest = rest.trim();
        let inline = command.argument.is_some()
            && !rest.is_empty()
            && (command.id == head.to_lowercase() || command.text.eq_ignore_ascii_case(head));
        let (score, argument) = if inline {
            (10_000, Some(rest.to_owned()))
        } else {
            let by_text = fuzzy(typed, command.text);
            let by_id = fuzzy(typed, command.id).map(|s| s - 5);
            let by_why = word_start(typed, command.why).then_some(-200);
            match by_text.max(by_id).max(by_why) {
                Some(score) => (score, None),
                None => continue,
            }
        };
        let freshness = recent.commands.iter().position(|c| c == command.id);
        let text = match (&argument, command.argument) {
            (Some(a), _) => format!("{} {a}", command.text.trim_end_matches('…')),
            (None, Some(example)) => format!("{}    {example}", command.text),
            (None, None) => command.text.to_owned(),
        };
        list.push(Entry {
            text,
            keys: view.bindings.keys(command.id).join("  "),
            why: command.why.to_owned(),
            disabled: (command.enabled)(view).err(),
            request: Request::Run(command.id, argument),
            score: score + freshness.map_or(0, |i| 30 - i as i32),
        });
    }
    for panel in PANELS {
        let title = format!("Panel: {}", panel.title);
        if let Some(score) = fuzzy(typed, &title) {
            list.push(Entry {
                text: title,
                keys: String::new(),
                why: panel.about.to_owned(),
                disabled: None,
                request: Request::Run("panel", Some(panel.title.to_owned())),
                score: score - 20,
            });
        }
    }
    let clips = view.playlist.items().iter().enumerate().filter(|_| view.playlist.len() > 1);
    for (i, item) in clips {
        let name = format!("Play: {}", file_label(main_path(item)));
        if let Some(score) = fuzzy(typed, &name) {
            let why = main_path(item).display().to_string();
            list.push(Entry {
                text: name,
                keys: String::new(),
                why,
                disabled: None,
                request: Request::PlaylistItem(i),
                score: score - 30,
            });
        }
    }
    for (what, paths) in
        [("Open recent", &recent.clips), ("Recent checkpoint", &recent.checkpoints)]
    {
        for path in paths {
            let name = format!("{what}: {}", file_label(path));
            if let Some(score) = fuzzy(typed, &name) {
                list.push(Entry {
                    text: name,
                    keys: String::new(),
                    why: path.display().to_string(),
                    disabled: None,
                    request: Request::Open(vec![path.clone()]),
                    score: score - 40,
                });
            }
        }
    }
    // Stable: equal ones keep the order of the table.
    list.sort_by_key(|e| std::cmp::Reverse(e.score));
    list
}

fn word_start(typed: &str, text: &str) -> bool {
    typed.len() >= 3
        && text.to_lowercase().split_whitespace().any(|w| w.starts_with(&typed.to_lowercase()))
}

/// How well the letters of `typed` stand in `text`, in order; higher is better, `None` when they
/// do not. Starts of words and runs of letters count most.
fn fuzzy(typed: &str, text: &str) -> Option<i32> {
    // Nothing typed: everything, in the order of the table.
    if typed.is_empty() {
        return Some(0);
    }
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let mut score = 0;
    let mut at = 0;
    let mut run = 0;
    for c in typed.to_lowercase().chars().filter(|c| !c.is_whitespace()) {
        let offset = text.get(at..)?.iter().position(|t| *t == c)?;
        let found = at + offset;
        run = if offset == 0 && at > 0 { run + 1 } else { 0 };
        let starts_word = found == 0 || !text[found - 1].is_alphanumeric();
        score +=
            if starts_word { 12 } else { 1 } + 4 * run - i32::try_from(offset.min(20)).unwrap_or(0);
        at = found + 1;
    }
    Some(score - i32::try_from(text.len() / 8).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_in_order_find_and_word_starts_win() {
        assert!(fuzzy("fs", "Full screen").is_some());
        assert!(fuzzy("sf", "Full screen").is_none());
        assert!(fuzzy("full", "Full screen") > fuzzy("full", "Find a useful lane layout"));
        assert!(fuzzy("rc", "Raw cells") > fuzzy("rc", "Search"));
        assert!(fuzzy("", "anything").is_some());
    }
}
