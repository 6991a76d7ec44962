//! Words where a user would fall into something: what it is, why, and a button that mends it.

use super::smooth::Smoothed;
use super::state::TrainingState;
use crate::train::loss::{LOSS_TERMS, Pooling};
use crate::train::{Negatives, TrainConfig};

/// From this many pairs on, a picture has enough wrong answers.
pub const ENOUGH_NEGATIVES: usize = 64;
/// Weights of the adjacency terms from which a small batch is in danger.
const HEAVY: f64 = 50.0;
/// Batch from which the paper's weights are as strong as they are meant to be.
const FULL_BATCH: usize = 128;
/// Networks of fewer channels are narrow: they do not leave chance from scratch.
const NARROW: usize = 48;
/// A contrastive loss above this share of chance has learnt nothing yet.
pub const AT_CHANCE: f64 = 0.95;

/// What the window knows beside the recipe.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// Items that are learnt from, once the data was looked at.
    pub items: Option<usize>,
    /// The items have class labels.
    pub has_classes: Option<bool>,
    /// The run would be on the CPU.
    pub on_cpu: bool,
}

/// A word of advice.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    /// The setting that it stands at.
    pub key: &'static str,
    /// What happens, and why.
    pub text: String,
    /// What the button says and what it sets.
    pub remedy: Option<Remedy>,
    /// Good to know, no danger.
    pub mild: bool,
}

/// A button that mends it.
#[derive(Clone, Debug, PartialEq)]
pub struct Remedy {
    /// On the button.
    pub label: String,
    /// Settings and their new texts.
    pub sets: Vec<(&'static str, String)>,
}

fn remedy(label: &str, sets: &[(&'static str, &str)]) -> Option<Remedy> {
    let sets = sets.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
    Some(Remedy { label: label.to_owned(), sets })
}

/// Everything worth a word in a recipe.
pub fn advise(config: &TrainConfig, known: &Known) -> Vec<Advice> {
    let mut out = Vec::new();
    weights(config, &mut out);
    batch(config, known, &mut out);
    start(config, known, &mut out);
    data(config, &mut out);
    out
}

fn weights(c: &TrainConfig, out: &mut Vec<Advice>) {
    let batch = c.batch.size;
    let heaviest = c.loss.fns_audio.max(c.loss.tne).max(c.loss.fns_image);
    if heaviest >= HEAVY && batch < FULL_BATCH && !c.loss.scale_with_batch {
        out.push(Advice {
            key: "loss.scale_with_batch",
            text: format!(
                "Weights of {heaviest:.0} in a batch of {batch} pulled networks back to chance in \
                 trials: the three terms shrink as 1 / batch, and {FULL_BATCH} pairs are what the \
                 paper's weights are made for. Scaled, {heaviest:.0} counts as {:.0} here",
                heaviest * batch as f64 / FULL_BATCH as f64
            ),
            remedy: if c.reference {
                None
            } else {
                remedy("Scale with the batch", &[("loss.scale_with_batch", "true")])
            },
            mild: false,
        });
    }
    let s = &c.schedule;
    let at_once = s.warmup_epochs == 0 && s.warmup_steps < 10;
    let fresh = c.model.start.is_empty();
    if heaviest > 0.0 && at_once && fresh {
        out.push(Advice {
            key: "schedule.warmup_steps",
            text:
                "The three FNAC terms count from the start, on a network that knows nothing yet. \
                   While the contrastive loss is at chance they reward a network for finding \
                   everything alike, and it stays there"
                    .to_owned(),
            remedy: remedy("Warm up for 125 steps", &[("schedule.warmup_steps", "125")]),
            mild: false,
        });
    }
}

fn batch(c: &TrainConfig, known: &Known, out: &mut Vec<Advice>) {
    let size = c.batch.size;
    if (2..ENOUGH_NEGATIVES).contains(&size) {
        out.push(Advice {
            key: "batch.size",
            text: format!(
                "Few negatives: each picture is told from {} other sounds; from {ENOUGH_NEGATIVES} \
                 pairs on there are enough. Adding up gradients does not enlarge a contrastive \
                 batch; passing it through the towers in portions (run.chunk) does",
                size - 1
            ),
            remedy: remedy(
                &format!("Batch {ENOUGH_NEGATIVES} in portions of {}", size.clamp(8, 32)),
                &[("batch.size", "64"), ("run.chunk", &size.clamp(8, 32).to_string())],
            ),
            mild: known.on_cpu && c.model.width <= 16,
        });
    }
    if let Some(items) = known.items.filter(|n| *n > 0 && *n < size) {
        out.push(Advice {
            key: "batch.size",
            text: format!(
                "The batch of {size} is larger than the {items} items that are learnt from"
            ),
            remedy: (items >= 2)
                .then(|| remedy(&format!("Batch {items}"), &[("batch.size", &items.to_string())]))
                .flatten(),
            mild: false,
        });
    }
    let several = c.run.device.contains(',');
    if several && c.run.negatives == Negatives::PerDevice {
        let devices = c.run.device.split(',').filter(|d| !d.trim().is_empty()).count().max(1);
        out.push(Advice {
            key: "run.negatives",
            text: format!(
                "With negatives per device each picture is told from {} sounds, not {}",
                (size / devices).saturating_sub(1),
                size.saturating_sub(1)
            ),
            remedy: remedy("Gather them", &[("run.negatives", "gathered")]),
            mild: true,
        });
    }
}

fn start(c: &TrainConfig, known: &Known, out: &mut Vec<Advice>) {
    let fresh = c.model.start.is_empty() && c.model.image_start.is_empty();
    let cold = c.warm.image_steps == 0 || c.warm.sound_steps == 0;
    if fresh && cold && c.model.width < NARROW {
        let labels = known.has_classes != Some(false);
        out.push(Advice {
            key: "model.start",
            text: format!(
                "A narrow network (width {}) from scratch stayed at chance in every trial. {}",
                c.model.width,
                if labels {
                    "Let it learn the classes first, without boxes, or start from a checkpoint"
                } else {
                    "Start from a checkpoint: this data has no class labels for a supervised start"
                }
            ),
            remedy: (labels && !c.reference)
                .then(|| {
                    let sets = [("warm.image_steps", "300"), ("warm.sound_steps", "300")];
                    remedy("Supervised start, 300 steps each", &sets)
                })
                .flatten(),
            mild: false,
        });
    }
    if fresh && c.model.width < NARROW && c.loss.pooling == Pooling::Max {
        out.push(Advice {
            key: "loss.pooling",
            text:
                "With max pooling a narrow network leaves chance late or never; log-sum-exp lets \
                   every cell learn"
                    .to_owned(),
            remedy: (!c.reference)
                .then(|| remedy("Use log-sum-exp", &[("loss.pooling", "log-sum-exp")]))
                .flatten(),
            mild: false,
        });
    }
    if known.on_cpu && c.model.width >= NARROW {
        out.push(Advice {
            key: "run.device",
            text: format!(
                "Width {} at batch {} on a CPU takes minutes for a step; a GPU or a narrow network \
                 (preset quick demo, width 16) is what this is for",
                c.model.width, c.batch.size
            ),
            remedy: None,
            mild: false,
        });
    }
    let warm = c.warm.image_steps + c.warm.sound_steps > 0;
    if warm && known.has_classes == Some(false) {
        out.push(Advice {
            key: "warm.image_steps",
            text: "The supervised start needs class labels, and this data has none".to_owned(),
            remedy: remedy("Without it", &[("warm.image_steps", "0"), ("warm.sound_steps", "0")]),
            mild: false,
        });
    }
}

fn data(c: &TrainConfig, out: &mut Vec<Advice>) {
    if c.data.validation.is_empty() && c.data.validation_share == 0.0 {
        out.push(Advice {
            key: "data.validation_share",
            text: "Nothing is held out: no validation, and no best checkpoint".to_owned(),
            remedy: remedy("Hold out 5 %", &[("data.validation_share", "0.05")]),
            mild: false,
        });
    }
}

/// A word about a run that is about to switch its terms on while it knows nothing.
pub fn terms_at_chance(state: &TrainingState) -> Option<String> {
    let facts = state.facts.as_ref()?;
    let last = state.steps.last()?;
    let to_go = facts.warmup_ends.checked_sub(last.step).filter(|n| *n > 0)?;
    let config = state.config.as_ref()?;
    let later = LOSS_TERMS.iter().zip(config.weights(last.pairs));
    if later.filter(|(t, _)| !t.from_the_start).all(|(_, w)| w == 0.0) {
        return None;
    }
    let chance = chance(last.pairs)?;
    let mut smooth = Smoothed::new(0.9);
    let recent = state.steps.iter().rev().take(60).rev();
    let level = recent.filter_map(|r| smooth.next(r.losses.terms[0])).last()?;
    (state.steps.len() >= 10 && to_go <= 50 && level > AT_CHANCE * chance).then(|| {
        format!(
            "In {to_go} steps the three FNAC terms begin to count, and the contrastive loss \
             ({level:.2}) is still at chance ({chance:.2}). Stop and lengthen the warm-up: terms \
             that begin at chance keep a network there"
        )
    })
}

/// Chance level of the contrastive term: both halves at ln B.
pub fn chance(pairs: usize) -> Option<f64> {
    (pairs >= 2).then(|| 2.0 * (pairs as f64).ln())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::training::draft::Draft;
    use crate::app::training::draft::TrainSettings;
    use crate::train::preset;

    fn keys(config: &TrainConfig, known: &Known) -> Vec<&'static str> {
        advise(config, known).iter().map(|a| a.key).collect()
    }

    #[test]
    fn heavy_weights_in_a_small_batch_are_warned_of_until_they_are_scaled() {
        let mut c = preset("paper").unwrap();
        assert!(!keys(&c, &Known::default()).contains(&"loss.scale_with_batch"), "batch 256");
        c.batch.size = 32;
        let all = advise(&c, &Known::default());
        let a = all.iter().find(|a| a.key == "loss.scale_with_batch").unwrap();
        assert!(a.text.contains("batch of 32") && a.text.contains("as 25"));
        let mut s = TrainSettings { preset: "paper".into(), ..TrainSettings::default() };
        s.set("batch.size", "32");
        a.remedy.as_ref().unwrap().sets.iter().for_each(|(k, v)| s.set(k, v));
        let d = Draft::of(&s, &Known::default());
        assert!(d.advice.iter().all(|a| a.key != "loss.scale_with_batch") && d.is_sound());
    }

    #[test]
    fn every_remedy_makes_its_own_advice_go_away() {
        let known = Known { items: Some(40), has_classes: Some(true), on_cpu: false };
        let mut c = preset("paper").unwrap();
        c.batch.size = 20;
        c.model.width = 8;
        c.schedule.warmup_epochs = 0;
        c.data.validation_share = 0.0;
        let all = advise(&c, &known);
        assert!(all.len() >= 5, "{all:?}");
        for a in all {
            let Some(r) = a.remedy else { continue };
            let mut mended = c.clone();
            r.sets.iter().for_each(|(k, v)| mended.set(&format!("{k}={v}")).unwrap());
            let left = advise(&mended, &Known { items: None, ..known.clone() });
            assert!(!left.iter().any(|b| b.text == a.text), "{}", a.text);
        }
    }

    #[test]
    fn few_negatives_name_what_does_not_help_and_what_does() {
        let mut c = preset("fine-tune").unwrap();
        assert!(!keys(&c, &Known::default()).contains(&"batch.size"));
        c.batch.size = 63;
        let all = advise(&c, &Known::default());
        let a = all.iter().find(|a| a.key == "batch.size").unwrap();
        assert!(a.text.contains("does not enlarge") && a.text.contains("run.chunk"));
    }

    #[test]
    fn terms_that_begin_at_chance_are_announced_in_time() {
        use crate::app::training::testing::row;
        use crate::train::events::{RunFacts, TrainEvent};
        use std::sync::Arc;
        let run = |loss: f64, at: u64| {
            let mut s = TrainingState::starting(Arc::new(preset("quick-demo").unwrap()), 0);
            let facts = RunFacts { steps: 500, warmup_ends: 125, ..RunFacts::default() };
            s.apply(TrainEvent::Started(Arc::new(facts)));
            for i in 0..at {
                let mut r = row(i);
                r.losses.terms[0] = loss;
                s.apply(TrainEvent::Step(r));
            }
            terms_at_chance(&s)
        };
        let chance = chance(16).unwrap();
        assert!(run(chance, 100).is_some_and(|t| t.contains("warm-up")));
        assert!(run(chance, 20).is_none(), "too early to say");
        assert!(run(chance * 0.8, 100).is_none(), "it has learnt something");
        assert!(run(chance, 130).is_none(), "they count already");
    }
}
