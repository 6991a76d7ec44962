//! The recipe that is being made: a preset, what the user changed, and what is wrong with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::advice::{Advice, Known, advise};
use crate::train::{ConfigError, PRESETS, SETTINGS, TrainConfig, preset};

/// What of the training panel is kept between two starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainSettings {
    /// The preset that the recipe begins as.
    pub preset: String,
    /// Settings that differ from it, as they were typed: also those that cannot be used.
    pub changes: BTreeMap<String, String>,
    /// Folder in which numbered run folders are made; `None` for the usual one.
    pub runs: Option<std::path::PathBuf>,
    /// Share of the time in which a run may use the device, 0.05 to 1.
    pub share: f64,
    /// Use less of it while a video plays.
    pub yield_to_player: bool,
    /// How much curves are smoothed, 0 to 0.99.
    pub smoothing: f64,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            preset: PRESETS[0].name.to_owned(),
            changes: BTreeMap::new(),
            runs: None,
            share: 1.0,
            yield_to_player: true,
            smoothing: 0.9,
        }
    }
}

impl TrainSettings {
    /// The same with every number inside its range; a hand-edited file may hold anything.
    #[must_use]
    pub fn clamped(mut self) -> Self {
        let d = Self::default();
        let within =
            |v: f64, lo: f64, hi: f64, d: f64| if v.is_finite() { v.clamp(lo, hi) } else { d };
        self.share = within(self.share, 0.05, 1.0, d.share);
        self.smoothing = within(self.smoothing, 0.0, 0.99, d.smoothing);
        self
    }

    /// Puts a setting to a typed text; the preset's own value is no change.
    pub fn set(&mut self, key: &str, text: &str) {
        let base = preset(&self.preset).unwrap_or_default();
        let same = {
            let mut changed = base.clone();
            changed.set(&format!("{key}={text}")).is_ok() && changed == base
        };
        if same {
            self.changes.remove(key);
        } else {
            self.changes.insert(key.to_owned(), text.to_owned());
        }
    }

    /// Takes a whole recipe: its preset and what differs from it.
    ///
    /// # Errors
    /// As [`TrainConfig::changes_from`].
    pub fn take(&mut self, recipe: &TrainConfig) -> Result<(), ConfigError> {
        let known = PRESETS.iter().any(|p| p.name == recipe.preset);
        let name = if known { recipe.preset.as_str() } else { "paper" };
        let changes = recipe.changes_from(&preset(name)?)?;
        self.preset = name.to_owned();
        self.changes = changes
            .into_iter()
            .filter(|(key, ..)| key != "preset")
            .map(|(key, own, _)| (key, plain(&own)))
            .collect();
        Ok(())
    }
}

/// A value without the quotes of TOML, where it has any.
pub fn plain(toml: &str) -> String {
    let table = toml::from_str::<toml::Table>(&format!("v = {toml}"));
    match table.as_ref().ok().and_then(|t| t.get("v")) {
        Some(toml::Value::String(s)) => s.clone(),
        _ => toml.to_owned(),
    }
}

/// The recipe as it stands.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// What it was made from.
    made_from: Option<(TrainSettings, Known)>,
    /// The preset.
    pub base: TrainConfig,
    /// The preset with every change that could be used.
    pub config: TrainConfig,
    /// Values of `base`, by setting.
    pub base_values: BTreeMap<&'static str, toml::Value>,
    /// Values of `config`, by setting.
    pub values: BTreeMap<&'static str, toml::Value>,
    /// What is wrong, by setting.
    pub problems: BTreeMap<&'static str, Vec<String>>,
    /// What is wrong with the whole.
    pub general: Vec<String>,
    /// What is possible and probably not meant.
    pub advice: Vec<Advice>,
}

impl Draft {
    /// Makes it anew when something changed; true then.
    pub fn follow(&mut self, settings: &TrainSettings, known: &Known) -> bool {
        let same = self.made_from.as_ref().is_some_and(|(s, k)| {
            s.preset == settings.preset && s.changes == settings.changes && k == known
        });
        if !same {
            *self = Self::of(settings, known);
        }
        !same
    }

    /// The recipe of these choices.
    pub fn of(settings: &TrainSettings, known: &Known) -> Self {
        let (base, mut general) = match preset(&settings.preset) {
            Ok(p) => (p, Vec::new()),
            Err(e) => (TrainConfig::default(), vec![e.to_string()]),
        };
        let mut config = base.clone();
        let mut problems: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for (key, text) in &settings.changes {
            match config.set(&format!("{key}={text}")) {
                Ok(()) => {}
                Err(ConfigError::Value { cause, .. }) => match known_key(key) {
                    Some(key) => problems.entry(key).or_default().push(cause),
                    None => general.push(cause),
                },
                Err(e) => general.push(e.to_string()),
            }
        }
        if let Err(ConfigError::Refused(objections)) = config.validate() {
            for text in objections {
                match setting_in(&text) {
                    Some(key) => problems.entry(key).or_default().push(text),
                    None => general.push(text),
                }
            }
        }
        let advice = advise(&config, known);
        let made_from = Some((settings.clone(), known.clone()));
        let base_values = base.values().into_iter().collect();
        let values = config.values().into_iter().collect();
        Self { made_from, base, config, base_values, values, problems, general, advice }
    }

    /// What the window knew when it was made.
    pub fn known(&self) -> Known {
        self.made_from.as_ref().map(|(_, k)| k.clone()).unwrap_or_default()
    }

    /// Nothing is wrong with it.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty() && self.general.is_empty()
    }

    /// The first thing that is wrong.
    pub fn first_problem(&self) -> Option<&str> {
        self.general.iter().chain(self.problems.values().flatten()).map(String::as_str).next()
    }
}

/// The setting of that name.
pub fn known_key(key: &str) -> Option<&'static str> {
    SETTINGS.iter().map(|s| s.key).find(|k| *k == key)
}

/// The setting that an objection is about: the first that it names, the longest where several
/// begin at one place.
fn setting_in(text: &str) -> Option<&'static str> {
    let hits = SETTINGS.iter().filter(|s| s.key.contains('.')).filter_map(|s| {
        let at = text.find(s.key)?;
        Some((at, usize::MAX - s.key.len(), s.key))
    });
    hits.min().map(|(.., key)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(changes: &[(&str, &str)]) -> Draft {
        let mut s = TrainSettings::default();
        changes.iter().for_each(|(k, v)| s.set(k, v));
        Draft::of(&s, &Known::default())
    }

    #[test]
    fn what_is_typed_wrong_stands_at_its_setting_and_the_rest_still_counts() {
        let d = draft(&[("batch.size", "many"), ("optim.learning_rate", "5e-4")]);
        assert!(d.problems["batch.size"][0].contains("whole number"));
        assert_eq!(d.config.optim.learning_rate, 5e-4);
        assert!(!d.is_sound() && d.first_problem().is_some());
    }

    #[test]
    fn objections_to_ranges_and_pairs_of_settings_find_their_setting() {
        let d = draft(&[("loss.tau", "0"), ("batch.size", "1")]);
        assert!(d.problems.contains_key("loss.tau") && d.problems.contains_key("batch.size"));
        let d = draft(&[("model.start", "a.pth"), ("model.image_start", "b.pth")]);
        assert!(d.problems.contains_key("model.start"), "{:?}", d.problems);
        let d = draft(&[("reference", "true")]);
        assert!(d.problems.contains_key("loss.scale_with_batch"), "{:?}", d.problems);
        assert!(setting_in("warm.batch is 1").is_some_and(|k| k == "warm.batch"));
        assert_eq!(setting_in("all weights of [loss] are 0"), None);
    }

    #[test]
    fn typing_the_presets_own_value_is_no_change() {
        let mut s = TrainSettings::default();
        s.set("batch.size", "48");
        assert_eq!(s.changes.len(), 1);
        s.set("batch.size", "32");
        assert!(s.changes.is_empty(), "quick-demo has 32");
        s.set("optim.learning_rate", "0.001");
        assert!(s.changes.is_empty(), "1e-3 in other digits");
    }

    #[test]
    fn a_recipe_that_is_taken_up_is_its_preset_and_what_differs() {
        let mut recipe = preset("fine-tune").unwrap();
        recipe.batch.size = 48;
        recipe.data.train = "/data/my clips".into();
        let mut s = TrainSettings::default();
        s.take(&recipe).unwrap();
        assert_eq!(s.preset, "fine-tune");
        let keys: Vec<_> = s.changes.keys().map(String::as_str).collect();
        assert_eq!(keys, ["batch.size", "data.train"]);
        assert_eq!(Draft::of(&s, &Known::default()).config, recipe);
    }

    #[test]
    fn a_hand_edited_file_cannot_bring_impossible_numbers() {
        let s = TrainSettings { share: f64::NAN, smoothing: 7.0, ..TrainSettings::default() };
        let s = s.clamped();
        assert_eq!((s.share, s.smoothing), (1.0, 0.99));
    }
}
