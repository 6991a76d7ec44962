//! The settings by their dotted names: what each is for, and how text becomes one.

use toml::{Table, Value};

use super::ConfigError;

/// A setting of [`super::TrainConfig`].
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Dotted name in files and flags.
    pub key: &'static str,
    /// What it is for, for comments in files and for the panel.
    pub why: &'static str,
}

const fn s(key: &'static str, why: &'static str) -> Setting {
    Setting { key, why }
}

/// All settings, in the order of a file.
pub static SETTINGS: &[Setting] = &[
    s("preset", "the preset this began as"),
    s("reference", "keep the official code's surprises; excludes what that code does not have"),
    s("seed", "of everything drawn at random"),
    s("model.start", "checkpoint to start from; empty: from scratch"),
    s("model.image_start", "torchvision ResNet-18 for the picture tower; empty: none"),
    s("model.width", "channels of the first stage: 64 in the paper, 16 for a CPU"),
    s("model.dim", "length of the embeddings: 512 in the paper"),
    s("loss.contrastive", "weight: picture finds sound, sound finds picture"),
    s("loss.fns_audio", "weight after the warm-up: sounds that are alike share their pictures"),
    s("loss.tne", "weight after the warm-up: foregrounds are as much alike as their sounds"),
    s("loss.fns_image", "weight after the warm-up: pictures that are alike share their sounds"),
    s(
        "loss.scale_with_batch",
        "multiply the last three weights by batch / 128: the terms shrink as 1 / batch, and full \
         weights in a small batch pull a network back to chance",
    ),
    s("loss.tau", "temperature that cosines are divided by"),
    s("loss.foreground", "a cell is foreground where the map, scaled to 0..1, is above this"),
    s(
        "loss.pooling",
        "from map to logit: \"max\" (official) or \"log-sum-exp\" (starts narrow networks)",
    ),
    s("schedule.epochs", "passes over the data"),
    s("schedule.steps", "ends the run after so many steps if that comes first; 0: no such end"),
    s("schedule.warmup_epochs", "epochs in which the contrastive term counts alone"),
    s("schedule.warmup_steps", "steps in which the contrastive term counts alone"),
    s("schedule.rate", "\"constant\" (official), \"cosine\" or \"linear\""),
    s("schedule.rise_steps", "steps over which the learning rate rises from 0"),
    s("schedule.floor", "share of the learning rate that is left at the end"),
    s("optim.learning_rate", "of Adam"),
    s("optim.weight_decay", "L2, added to the gradient, on every parameter"),
    s("optim.beta1", "memory of the mean gradient"),
    s("optim.beta2", "memory of the mean squared gradient"),
    s("optim.eps", "keeps Adam's division finite"),
    s("optim.clip_norm", "largest norm of the whole gradient; 0: no limit (official)"),
    s("optim.image_tower", "learning rate of the picture trunk, as a multiple"),
    s("optim.image_projection", "learning rate of the picture projection, as a multiple"),
    s("optim.sound_tower", "learning rate of the sound trunk, as a multiple"),
    s("optim.sound_projection", "learning rate of the sound projection, as a multiple"),
    s("freeze.image_stages", "picture stages that stand still: 0 none, 1 the stem, 5 all"),
    s("freeze.sound_stages", "sound stages that stand still: 0 none, 1 the stem, 5 all"),
    s("freeze.image_norm", "keep the picture trunk's BatchNorm statistics and weights"),
    s("freeze.sound_norm", "keep the sound trunk's BatchNorm statistics and weights"),
    s("dropout.image", "share of picture features left out before the projection"),
    s("dropout.sound", "share of sound features left out before the projection"),
    s("batch.size", "pairs in a step; each picture is told from all other pairs' sounds"),
    s("batch.no_source", "silence and noise per step, as further wrong answers for pictures"),
    s("augment.crop", "resize by the shorter side and crop 224 x 224 at random"),
    s("augment.shorter_side", "pixels before the crop"),
    s("augment.color", "how far brightness, contrast, saturation, hue move: 0 (official) to 1"),
    s("augment.flip", "probability of a mirrored picture"),
    s(
        "augment.masks",
        "bars covered in the spectrogram: \"off\", \"quiet\", or \"official\" (axes swapped, loud)",
    ),
    s("augment.mask_width", "bars are narrower than this"),
    s("data.train", "folder that is learnt from"),
    s("data.format", "\"auto\", or how the folder is laid out: `fnac data doctor` lists the names"),
    s("data.list", "file with the names to take, one a line; empty: all"),
    s("data.validation", "folder that validates; empty: a held-out part of the training data"),
    s("data.validation_list", "file with the names that validate; empty: all"),
    s("data.validation_share", "held-out share of the items where no folder validates"),
    s("data.validation_items", "most items that validate; 0: no limit"),
    s("data.exclude", "file with names never to learn from, such as a test set's"),
    s("data.mix_within_class", "give a picture the sound of any item of its class, drawn anew"),
    s("data.workers", "threads that load; 0: one fewer than there are cores"),
    s("warm.data", "folder with labelled items for it; empty: data.train"),
    s("warm.image_steps", "supervised steps of the picture tower on class labels; 0: none"),
    s("warm.sound_steps", "supervised steps of the sound tower on class labels; 0: none"),
    s("warm.batch", "items in such a step"),
    s("warm.side", "side of its pictures in pixels"),
    s("warm.learning_rate", "its highest learning rate"),
    s("run.device", "\"auto\", \"cpu\", \"gpu\", \"gpu:1\", a name, or several with commas"),
    s("run.negatives", "with several devices: \"gathered\" or \"per-device\" (official)"),
    s("run.chunk", "pairs through the towers at a time; the contrastive batch stays whole; 0: all"),
    s("run.save_steps", "steps between saves of the last state; 0: at the end of epochs alone"),
    s("run.keep_epochs", "epochs between checkpoints that are kept for good; 0: none"),
    s("run.validate_steps", "steps between validations; 0: at the end of each epoch"),
    s(
        "run.best_by",
        "\"success\" (official), \"mean-ciou\", \"auc\", \"adaptive\", \"pointing\" or \"loss\"",
    ),
    s("run.publish_steps", "steps between handings of the weights to the window; 0: never"),
    s("run.adjacency_steps", "steps between looks at the adjacency matrices; 0: never"),
];

/// The value of a dotted key; `None` for unknown keys and for whole sections.
pub(super) fn lookup<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    let mut parts = key.split('.');
    let mut value = table.get(parts.next()?)?;
    for part in parts {
        value = value.as_table()?.get(part)?;
    }
    (!value.is_table()).then_some(value)
}

/// Puts a value to a key that [`lookup`] finds.
pub(super) fn put(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, rest)) => {
            if let Some(inner) = table.get_mut(section).and_then(Value::as_table_mut) {
                put(inner, rest, value);
            }
        }
    }
}

/// Dotted keys of all values in a table.
pub(super) fn leaves(table: &Table) -> Vec<String> {
    let mut keys = Vec::new();
    for (key, value) in table {
        match value.as_table() {
            Some(inner) => keys.extend(leaves(inner).iter().map(|k| format!("{key}.{k}"))),
            None => keys.push(key.clone()),
        }
    }
    keys
}

/// Puts all values of `from` over those of `onto`. A whole number is taken where a number with
/// a point stands.
pub(super) fn merge(onto: &mut Table, from: Table) {
    for (key, value) in from {
        match (onto.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            (Some(old @ Value::Float(_)), Value::Integer(i)) => *old = Value::Float(i as f64),
            (_, value) => {
                onto.insert(key, value);
            }
        }
    }
}

/// Text to a value of the kind of `old`.
pub(super) fn parse(text: &str, old: &Value) -> Result<Value, String> {
    let parsed: Option<Value> =
        toml::from_str::<Table>(&format!("v = {text}")).ok().and_then(|mut t| t.remove("v"));
    let expected = match old {
        Value::String(_) => {
            let quoted = parsed.as_ref().and_then(Value::as_str).map(str::to_owned);
            return Ok(Value::String(quoted.unwrap_or_else(|| text.to_owned())));
        }
        Value::Float(_) => match parsed {
            Some(Value::Integer(i)) => return Ok(Value::Float(i as f64)),
            Some(v @ Value::Float(_)) => return Ok(v),
            // TOML wants digits on both sides of the point; people do not.
            _ => match text.parse::<f64>() {
                Ok(v) => return Ok(Value::Float(v)),
                Err(_) => "a number",
            },
        },
        Value::Integer(_) => match parsed {
            Some(v @ Value::Integer(_)) => return Ok(v),
            _ => "a whole number",
        },
        Value::Boolean(_) => match parsed {
            Some(v @ Value::Boolean(_)) => return Ok(v),
            _ => "true or false",
        },
        _ => "another kind of value",
    };
    Err(format!("{expected} is expected"))
}

/// The most similar setting, if one is similar.
pub(super) fn nearest(key: &str) -> Option<String> {
    let near = SETTINGS.iter().map(|s| {
        let tail = s.key.rsplit('.').next().unwrap_or(s.key);
        (distance(key, s.key).min(1 + distance(key, tail)), s.key)
    });
    let (gap, best) = near.min_by_key(|(gap, _)| *gap)?;
    (gap <= 3.max(key.len() / 3)).then(|| best.to_owned())
}

/// Letters to change, add or drop.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The table as a file in the order of [`SETTINGS`], each setting with its comment.
pub(super) fn commented(table: &Table) -> Result<String, ConfigError> {
    let mut text = String::new();
    let mut section = "";
    for setting in SETTINGS {
        let Some(value) = lookup(table, setting.key) else {
            return Err(ConfigError::unknown(setting.key));
        };
        let (own, name) = setting.key.split_once('.').unwrap_or(("", setting.key));
        if own != section {
            text.push_str(&format!("\n[{own}]\n"));
            section = own;
        }
        text.push_str(&format!("# {}\n{name} = {value}\n", setting.why));
    }
    Ok(text)
}
