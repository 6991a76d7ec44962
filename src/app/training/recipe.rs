//! What the recipe form shows of each setting: its group, its choices, the paper's value.

use crate::data::READERS;

/// Settings of one section, under a title of their own.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// The section: the part of a key before the dot; empty for those without.
    pub section: &'static str,
    /// As shown.
    pub title: &'static str,
}

/// All groups in the order of the form.
pub const GROUPS: &[Group] = &[
    Group { section: "loss", title: "Objective" },
    Group { section: "batch", title: "Batch" },
    Group { section: "schedule", title: "Schedule" },
    Group { section: "optim", title: "Optimiser" },
    Group { section: "model", title: "Network and start" },
    Group { section: "warm", title: "Supervised start" },
    Group { section: "freeze", title: "What stands still" },
    Group { section: "dropout", title: "Dropout" },
    Group { section: "augment", title: "Augmentation" },
    Group { section: "data", title: "Data" },
    Group { section: "run", title: "Devices, saving, validation" },
    Group { section: "", title: "Whole run" },
];

/// The section of a setting.
pub fn section(key: &str) -> &str {
    key.split_once('.').map_or("", |(section, _)| section)
}

/// A setting's name inside its section, in words.
pub fn label(key: &str) -> String {
    match key {
        "loss.fns_audio" => "FNS-1, sounds".to_owned(),
        "loss.tne" => "TNE, foregrounds".to_owned(),
        "loss.fns_image" => "FNS-2, pictures".to_owned(),
        _ => key.rsplit('.').next().unwrap_or(key).replace('_', " "),
    }
}

/// How a setting is put in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Editor {
    /// On or off.
    Switch,
    /// A number.
    Number,
    /// A word of a list.
    Choice(Vec<&'static str>),
    /// A path, with a dialog.
    Path(PathKind),
    /// Any text.
    Text,
}

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// A folder.
    Folder,
    /// Weights.
    Weights,
    /// A list of names.
    List,
}

/// How the setting of a key is put in; `value` is its value in the preset.
pub fn editor(key: &str, value: Option<&toml::Value>) -> Editor {
    let choices = |c: &[&'static str]| Editor::Choice(c.to_vec());
    match key {
        "loss.pooling" => choices(&["max", "log-sum-exp"]),
        "schedule.rate" => choices(&["constant", "cosine", "linear"]),
        "augment.masks" => choices(&["off", "quiet", "official"]),
        "run.negatives" => choices(&["gathered", "per-device"]),
        "run.best_by" => choices(&["success", "mean-ciou", "auc", "adaptive", "pointing", "loss"]),
        "data.format" => {
            Editor::Choice(std::iter::once("auto").chain(READERS.iter().map(|r| r.name)).collect())
        }
        "data.train" | "data.validation" => Editor::Path(PathKind::Folder),
        "model.start" | "model.image_start" => Editor::Path(PathKind::Weights),
        "data.list" | "data.validation_list" | "data.exclude" => Editor::Path(PathKind::List),
        _ => match value {
            Some(toml::Value::Boolean(_)) => Editor::Switch,
            Some(toml::Value::Integer(_) | toml::Value::Float(_)) => Editor::Number,
            _ => Editor::Text,
        },
    }
}

/// Values of the paper and of its published script, where they are known.
const REFERENCE: &[(&str, &str)] = &[
    ("optim.learning_rate", "1e-4"),
    ("optim.weight_decay", "1e-4"),
    ("batch.size", "128, script 256"),
    ("loss.tau", "0.03"),
    ("schedule.warmup_epochs", "3, script 5"),
    ("loss.contrastive", "1"),
    ("loss.fns_audio", "100"),
    ("loss.tne", "100"),
    ("loss.fns_image", "100"),
    ("dropout.image", "0.9"),
    ("loss.foreground", "0.6"),
    ("model.width", "64"),
    ("model.dim", "512"),
    ("loss.pooling", "max"),
    ("schedule.rate", "constant"),
    ("loss.scale_with_batch", "false"),
    ("batch.no_source", "0"),
];

/// What the paper has for a setting.
pub fn reference(key: &str) -> Option<&'static str> {
    REFERENCE.iter().find(|(k, _)| *k == key).map(|(_, v)| *v)
}

/// Settings that belong to the place, not to the recipe: "as the preset has it" leaves them.
pub fn is_place(key: &str) -> bool {
    matches!(
        key,
        "data.train"
            | "data.format"
            | "data.list"
            | "data.validation"
            | "data.validation_list"
            | "data.exclude"
            | "model.start"
            | "model.image_start"
            | "run.device"
    )
}

/// Whether a setting is found by what was typed: all words stand in its name or its reason.
pub fn matches(key: &str, why: &str, search: &str) -> bool {
    let haystack = format!("{key} {} {}", label(key), why).to_lowercase();
    search.to_lowercase().split_whitespace().all(|word| haystack.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{PRESETS, SETTINGS, TrainConfig, preset};

    #[test]
    fn every_setting_has_a_group_and_an_editor_that_its_value_fits() {
        let c = TrainConfig::default();
        for s in SETTINGS.iter().filter(|s| s.key != "preset") {
            assert!(GROUPS.iter().any(|g| g.section == section(s.key)), "{}", s.key);
            let values = c.values();
            let value = values.iter().find(|(k, _)| *k == s.key).unwrap().1.clone();
            if let Editor::Choice(words) = editor(s.key, Some(&value)) {
                let own = value.as_str().unwrap().to_owned();
                assert!(words.contains(&own.as_str()), "{}: {own}", s.key);
                for word in words {
                    let mut c = c.clone();
                    c.set(&format!("{}={word}", s.key)).unwrap();
                }
            }
        }
    }

    #[test]
    fn the_papers_preset_has_the_papers_values() {
        let paper = preset("paper").unwrap();
        for (key, value) in REFERENCE {
            assert!(SETTINGS.iter().any(|s| s.key == *key), "{key}");
            let script = value.rsplit("script ").next().unwrap();
            let mut same = paper.clone();
            same.set(&format!("{key}={script}")).unwrap();
            assert_eq!(same, paper, "{key} = {script}");
        }
        assert_eq!(PRESETS.iter().filter(|p| p.name == "paper").count(), 1);
    }

    #[test]
    fn settings_are_found_by_words_of_their_name_and_their_reason() {
        let hits = |text: &str| {
            let all = SETTINGS.iter().filter(|s| matches(s.key, s.why, text));
            all.map(|s| s.key).collect::<Vec<_>>()
        };
        assert!(hits("learning rate").contains(&"optim.learning_rate"));
        assert_eq!(hits("temperature"), ["loss.tau"]);
        assert!(hits("zzz").is_empty());
    }
}
