//! The recipe as a form: one row a setting, with its reason, the preset's and the paper's value.

use super::advice::Advice;
use super::draft::plain;
use super::recipe::{self, Editor, GROUPS, PathKind};
use super::{TrainAsk, Training};
use crate::app::commands::{CommandSender, Request};
use crate::app::theme;
use crate::app::view::View;
use crate::train::{SETTINGS, Setting};

/// Width of the names.
const NAME_WIDTH: f32 = 118.0;
/// Width of the fields for numbers.
const NUMBER_WIDTH: f32 = 74.0;

/// The form's own small state: what is being typed.
#[derive(Default)]
pub struct Form {
    typing: Option<(&'static str, String)>,
    search: String,
    changed_only: bool,
}

/// Asks for a setting's new text.
fn set(out: &mut CommandSender, key: &'static str, text: impl Into<String>) {
    out.send(Request::Train(TrainAsk::Set(key, text.into())));
}

impl Form {
    /// The text of a setting as it was typed, else as it counts.
    fn text(&self, view: &View<'_>, key: &'static str) -> String {
        if let Some((_, text)) = self.typing.as_ref().filter(|(k, _)| *k == key) {
            return text.clone();
        }
        let typed = view.settings.train.changes.get(key).cloned();
        typed.unwrap_or_else(|| {
            let value = view.training.draft.values.get(key);
            value.map_or_else(String::new, |v| plain(&v.to_string()))
        })
    }

    /// A field for a setting's text; what is typed counts at once.
    pub fn field(
        &mut self,
        ui: &mut egui::Ui,
        view: &View<'_>,
        out: &mut CommandSender,
        key: &'static str,
        name: &str,
        shape: impl FnOnce(egui::TextEdit<'_>) -> egui::TextEdit<'_>,
    ) -> egui::Response {
        let mut text = self.text(view, key);
        let broken = view.training.draft.problems.contains_key(key);
        let mut edit = egui::TextEdit::singleline(&mut text);
        if broken {
            edit = edit.text_color(theme::danger(ui));
        }
        let response = ui.add(shape(edit));
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, name));
        if response.changed() {
            self.typing = Some((key, text.clone()));
            set(out, key, text);
        } else if response.lost_focus() && self.typing.as_ref().is_some_and(|(k, _)| *k == key) {
            self.typing = None;
        }
        response
    }

    /// A field for a path with a button that asks for it.
    pub fn path(
        &mut self,
        ui: &mut egui::Ui,
        view: &View<'_>,
        out: &mut CommandSender,
        key: &'static str,
        name: &str,
        hint: &str,
    ) {
        let why = why(key);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let pick = ui.button("…").on_hover_text(format!("Choose: {why}"));
            pick.widget_info(|| {
                egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Choose {name}"))
            });
            if pick.clicked() {
                out.send(Request::Train(TrainAsk::Pick(key)));
            }
            let width = ui.available_width();
            self.field(ui, view, out, key, name, |e| e.desired_width(width).hint_text(hint))
                .on_hover_text(why);
        });
    }

    /// All settings, grouped, with a field that finds them.
    pub fn settings(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        let changed = view.settings.train.changes.len();
        ui.horizontal(|ui| {
            let l = ui.label(egui::RichText::new("Find").color(theme::dim(ui)));
            ui.add(
                egui::TextEdit::singleline(&mut self.search)
                    .desired_width((ui.available_width() - 130.0).max(60.0))
                    .hint_text("learning rate, masks…"),
            )
            .labelled_by(l.id);
            ui.checkbox(&mut self.changed_only, format!("Changed ({changed})"))
                .on_hover_text("Only settings that differ from the preset");
        });
        let found = |s: &&Setting| {
            s.key != "preset"
                && recipe::matches(s.key, s.why, &self.search)
                && (!self.changed_only || view.settings.train.changes.contains_key(s.key))
        };
        let hits: Vec<&'static Setting> = SETTINGS.iter().filter(found).collect();
        let all_open = self.changed_only || !self.search.trim().is_empty();
        if hits.is_empty() {
            theme::hint(ui, "No setting fits. Their names and reasons are searched");
        }
        for group in GROUPS {
            let rows: Vec<_> =
                hits.iter().filter(|s| recipe::section(s.key) == group.section).copied().collect();
            if rows.is_empty() {
                continue;
            }
            if all_open {
                theme::title(ui, group.title);
                rows.iter().for_each(|s| self.row(ui, view, out, s));
                continue;
            }
            let broken = rows.iter().any(|s| view.training.draft.problems.contains_key(s.key));
            let title = group_title(ui, view, group.title, &rows, broken);
            let header = egui::CollapsingHeader::new(title).id_salt(group.section);
            let header = if broken { header.open(Some(true)) } else { header };
            header.show(ui, |ui| rows.iter().for_each(|s| self.row(ui, view, out, s)));
        }
    }

    /// One setting.
    fn row(
        &mut self,
        ui: &mut egui::Ui,
        view: &View<'_>,
        out: &mut CommandSender,
        setting: &'static Setting,
    ) {
        let key = setting.key;
        let draft = &view.training.draft;
        let base = draft.base_values.get(key);
        let changed = view.settings.train.changes.contains_key(key);
        let name = recipe::label(key);
        let editor = recipe::editor(key, base);
        ui.horizontal(|ui| {
            let advice = draft.advice.iter().find(|a| a.key == key && !a.mild);
            name_ui(ui, setting, &name, changed, advice);
            match &editor {
                Editor::Switch => {
                    let mut on =
                        draft.values.get(key).and_then(toml::Value::as_bool).unwrap_or(false);
                    let word = if on { "on" } else { "off" };
                    let r = ui.checkbox(&mut on, word);
                    r.widget_info(|| {
                        egui::WidgetInfo::selected(egui::Role::CheckBox, true, on, key)
                    });
                    if r.changed() {
                        set(out, key, on.to_string());
                    }
                    r.on_hover_text(setting.why);
                }
                Editor::Number => {
                    self.field(ui, view, out, key, key, |e| {
                        e.desired_width(NUMBER_WIDTH).font(egui::TextStyle::Monospace)
                    })
                    .on_hover_text(setting.why);
                }
                Editor::Choice(words) => choice_ui(ui, view, out, key, words, setting.why),
                Editor::Path(_) | Editor::Text => {
                    let kind = match editor {
                        Editor::Path(PathKind::Folder) => "folder",
                        Editor::Path(_) => "file",
                        _ => "",
                    };
                    if matches!(editor, Editor::Path(_)) {
                        self.path(ui, view, out, key, key, kind);
                    } else {
                        self.field(ui, view, out, key, key, |e| e.desired_width(f32::INFINITY))
                            .on_hover_text(setting.why);
                    }
                }
            }
            if matches!(editor, Editor::Switch | Editor::Number | Editor::Choice(_)) {
                beside_ui(ui, out, key, changed, base);
            }
        });
        if changed && matches!(editor, Editor::Path(_) | Editor::Text) {
            ui.horizontal(|ui| {
                ui.add_space(NAME_WIDTH + 8.0);
                beside_ui(ui, out, key, changed, base);
            });
        }
        problems_ui(ui, view.training, key);
    }
}

/// What a setting is for.
pub fn why(key: &str) -> &'static str {
    SETTINGS.iter().find(|s| s.key == key).map_or("", |s| s.why)
}

fn group_title(
    ui: &egui::Ui,
    view: &View<'_>,
    title: &str,
    rows: &[&'static Setting],
    broken: bool,
) -> egui::RichText {
    let changed = rows.iter().filter(|s| view.settings.train.changes.contains_key(s.key)).count();
    let text = match changed {
        0 => title.to_owned(),
        n => format!("{title}  ·  {n} changed"),
    };
    let text = egui::RichText::new(text);
    match (broken, changed > 0) {
        (true, _) => text.color(theme::danger(ui)),
        (false, true) => text.color(theme::accent(ui)),
        (false, false) => text,
    }
}

/// The name, marked when the value differs from the preset's.
fn name_ui(
    ui: &mut egui::Ui,
    setting: &Setting,
    name: &str,
    changed: bool,
    advice: Option<&Advice>,
) {
    let height = ui.spacing().interact_size.y;
    let (rect, response) =
        ui.allocate_exact_size(egui::vec2(NAME_WIDTH, height), egui::Sense::hover());
    let color = match (advice, changed) {
        (Some(_), _) => theme::warning(ui),
        (None, true) => theme::accent(ui),
        (None, false) => theme::dim(ui),
    };
    if changed {
        let at = egui::pos2(rect.left() + 3.0, rect.center().y);
        ui.painter().circle_filled(at, 2.5, color);
    }
    let font = egui::TextStyle::Body.resolve(ui.style());
    let at = egui::pos2(rect.left() + 10.0, rect.center().y);
    ui.painter().text(at, egui::Align2::LEFT_CENTER, name, font, color);
    let mut text = format!("{}\n{}", setting.key, setting.why);
    if let Some(a) = advice {
        text = format!("{text}\n\n{}", a.text);
    }
    response.on_hover_text(text);
}

/// Beside the editor: the preset's value, that a click brings back, and the paper's.
fn beside_ui(
    ui: &mut egui::Ui,
    out: &mut CommandSender,
    key: &'static str,
    changed: bool,
    base: Option<&toml::Value>,
) {
    if changed {
        let value = base.map_or_else(String::new, |v| plain(&v.to_string()));
        let shown = match value.as_str() {
            "" => "none".to_owned(),
            "true" => "on".to_owned(),
            "false" => "off".to_owned(),
            _ => value,
        };
        let button = ui.small_button(format!("back to {shown}"));
        button.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Reset {key}"))
        });
        let tip = format!("The preset has {shown}; a click takes that");
        if button.on_hover_text(tip).clicked() {
            out.send(Request::Train(TrainAsk::Unset(key)));
        }
    }
    if let Some(paper) = recipe::reference(key) {
        let paper = if paper == "false" { "off" } else { paper };
        let text = egui::RichText::new(format!("paper {paper}")).small().color(theme::dim(ui));
        ui.add(egui::Label::new(text).truncate())
            .on_hover_text("The paper's value, and its published script's where that differs");
    }
}

fn choice_ui(
    ui: &mut egui::Ui,
    view: &View<'_>,
    out: &mut CommandSender,
    key: &'static str,
    words: &[&'static str],
    why: &str,
) {
    let now =
        view.training.draft.values.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let combo = egui::ComboBox::from_id_salt(key).width(104.0).selected_text(now.as_str()).show_ui(
        ui,
        |ui| {
            for word in words {
                if ui.selectable_label(now == *word, *word).clicked() {
                    set(out, key, *word);
                }
            }
        },
    );
    combo.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, key));
    combo.response.on_hover_text(why);
}

/// What is wrong with a setting, under it.
pub fn problems_ui(ui: &mut egui::Ui, training: &Training, key: &str) {
    for text in training.draft.problems.get(key).into_iter().flatten() {
        let color = theme::danger(ui);
        ui.add(egui::Label::new(egui::RichText::new(text).small().color(color)).wrap());
    }
}

/// The advice as a list, each with its button.
pub fn advice_ui(ui: &mut egui::Ui, training: &Training, out: &mut CommandSender) {
    for (mild, color) in [(false, theme::warning(ui)), (true, theme::dim(ui))] {
        for a in training.draft.advice.iter().filter(|a| a.mild == mild) {
            ui.horizontal_top(|ui| {
                let (bar, _) = ui.allocate_exact_size(egui::vec2(3.0, 34.0), egui::Sense::hover());
                ui.painter().rect_filled(bar, 1.0, color);
                ui.vertical(|ui| {
                    let text = egui::RichText::new(&a.text).small();
                    let text = if mild { text.color(color) } else { text };
                    ui.add(egui::Label::new(text).wrap());
                    ui.horizontal(|ui| {
                        if let Some(r) = &a.remedy
                            && ui.small_button(&r.label).on_hover_text(sets_text(&r.sets)).clicked()
                        {
                            out.send(Request::Train(TrainAsk::SetAll(r.sets.clone())));
                        }
                        let key = egui::RichText::new(a.key).small().color(theme::dim(ui));
                        ui.label(key).on_hover_text(why(a.key));
                    });
                });
            });
        }
    }
}

fn sets_text(sets: &[(&'static str, String)]) -> String {
    let all: Vec<_> = sets.iter().map(|(k, v)| format!("{k} = {v}")).collect();
    format!("Sets {}", all.join(", "))
}
