//! Where the weights of a run begin.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::TrainConfig;
use super::initial::{scratch, take_image_tower};
use super::run_folder::{Ancestor, CARD, CHECKPOINTS, StartFacts, lineage_of};
use crate::model::{Checkpoint, CheckpointCard, CheckpointError, CheckpointKind, FnacConfig};
use crate::model::{PREPROCESSING, RawTensor};

/// Weights to begin with, and what is known about them.
#[derive(Clone, Debug)]
pub struct Start {
    /// The network's size.
    pub network: FnacConfig,
    /// All tensors.
    pub state: BTreeMap<String, RawTensor>,
    /// For the run's card.
    pub facts: StartFacts,
    /// The runs it goes back to.
    pub lineage: Vec<Ancestor>,
    /// Rate that the sound tower hears at, Hz.
    pub sample_rate: u32,
}

/// Why there is no start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file.
    #[error(transparent)]
    File(#[from] CheckpointError),
    /// It does not fit the configuration: what, and what to do.
    #[error("`{file}` cannot be started from: {cause}")]
    Unfit {
        /// Which.
        file: String,
        /// Why, and what to do.
        cause: String,
    },
}

impl Start {
    /// Reads or draws the weights that a configuration names: from scratch, with a torchvision
    /// ResNet-18 as the picture tower (`model.image_start`), or any checkpoint (`model.start`):
    /// a file, a run's folder (its best, or else its last), or `FOLDER/best`, `FOLDER/epoch-0003`.
    ///
    /// # Errors
    /// A file cannot be read or is of another width; with the remedy.
    pub fn open(config: &TrainConfig) -> Result<Self, StartError> {
        let (start, image) = (&config.model.start, &config.model.image_start);
        if !start.is_empty() {
            return Self::from_checkpoint(config, &checkpoint_of(Path::new(start)));
        }
        let network = config.network();
        let mut state = scratch(network, config.seed);
        let size = format!("width {}, dimension {}", network.width, network.dim);
        let mut facts = StartFacts { words: format!("scratch ({size})"), ..StartFacts::default() };
        if !image.is_empty() {
            let resnet = Checkpoint::read(Path::new(image))?;
            take_image_tower(&mut state, network, &resnet)
                .map_err(|cause| StartError::Unfit { file: image.clone(), cause })?;
            facts = StartFacts {
                words: format!("scratch ({size}), picture tower from {}", resnet.card.name),
                file: image.clone(),
                sha256: resnet.sha256,
            };
        }
        let sample_rate = CheckpointCard::default().sample_rate;
        Ok(Self { network, state, facts, lineage: Vec::new(), sample_rate })
    }

    fn from_checkpoint(config: &TrainConfig, path: &Path) -> Result<Self, StartError> {
        let file = path.display().to_string();
        let unfit = |cause: String| StartError::Unfit { file: file.clone(), cause };
        let base = Checkpoint::read(path)?;
        if base.kind != CheckpointKind::Fnac {
            let cause = "it holds a ResNet-18 alone: name it as model.image_start instead";
            return Err(unfit(cause.to_owned()));
        }
        let (own, theirs) = (config.network(), base.config);
        if (own.width, own.dim) != (theirs.width, theirs.dim) {
            return Err(unfit(format!(
                "it has width {} and dimension {}, the configuration says {} and {}: set \
                 model.width to {} and model.dim to {}",
                theirs.width, theirs.dim, own.width, own.dim, theirs.width, theirs.dim
            )));
        }
        Ok(Self {
            network: theirs,
            lineage: lineage_of(path, &base.sha256),
            facts: StartFacts {
                words: format!("{} ({file})", base.card.name),
                file: file.clone(),
                sha256: base.sha256,
            },
            sample_rate: base.card.sample_rate,
            state: base.tensors,
        })
    }

    /// The card of this run's checkpoints. What was measured on other weights is not on it.
    pub fn card(&self, config: &TrainConfig, name: &str, data: &str) -> CheckpointCard {
        let mut lineage = BTreeMap::from([
            ("run".to_owned(), name.to_owned()),
            ("recipe".to_owned(), config.preset.clone()),
            ("seed".to_owned(), config.seed.to_string()),
            ("data".to_owned(), data.to_owned()),
            ("start".to_owned(), self.facts.words.clone()),
        ]);
        if !self.facts.sha256.is_empty() {
            lineage.insert("start_sha256".to_owned(), self.facts.sha256.clone());
        }
        if config.reference {
            lineage.insert("reference".to_owned(), "official quirks kept".to_owned());
        }
        CheckpointCard {
            name: name.to_owned(),
            sample_rate: self.sample_rate,
            tau: config.loss.tau as f32,
            preprocessing: PREPROCESSING.to_owned(),
            lineage,
            ..CheckpointCard::default()
        }
    }
}

/// The file that a start names.
fn checkpoint_of(path: &Path) -> PathBuf {
    let in_run = |run: &Path, name: &str| run.join(CHECKPOINTS).join(format!("{name}.safetensors"));
    if path.join(CARD).is_file() {
        let best = in_run(path, "best");
        return if best.is_file() { best } else { in_run(path, "last") };
    }
    if let (false, Some(run), Some(name)) = (path.exists(), path.parent(), path.file_name())
        && run.join(CARD).is_file()
    {
        return in_run(run, &name.to_string_lossy());
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::run_folder::RunCard;

    fn config(start: &Path, width: usize) -> TrainConfig {
        let mut c = TrainConfig::default();
        (c.model.width, c.model.dim) = (width, 8);
        c.model.start = start.display().to_string();
        c
    }

    #[test]
    fn a_checkpoint_of_another_width_is_refused_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("base.pth");
        Checkpoint::formula(2, 8, "").write_pth(&path).unwrap();
        let error = Start::open(&config(&path, 4)).unwrap_err().to_string();
        for word in ["base.pth", "width 2", "set model.width to 2", "model.dim to 8"] {
            assert!(error.contains(word), "{error}");
        }
        let start = Start::open(&config(&path, 2)).unwrap();
        assert_eq!(start.state, Checkpoint::formula(2, 8, "").tensors);
        assert_eq!(start.facts.sha256.len(), 64);
        assert!(start.lineage.is_empty());
        let tower = dir.path().join("tower.pth");
        Checkpoint::formula_object(2, "").write_pth(&tower).unwrap();
        let error = Start::open(&config(&tower, 2)).unwrap_err().to_string();
        assert!(error.contains("model.image_start"), "{error}");
        let mut image = config(&tower, 2);
        image.model.image_start = std::mem::take(&mut image.model.start);
        let start = Start::open(&image).unwrap();
        assert!(start.facts.words.contains("picture tower from tower"), "{:?}", start.facts);
        assert_ne!(start.state, scratch(image.network(), image.seed));
    }

    #[test]
    fn a_run_is_started_from_by_its_folder_and_named_in_the_lineage() {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("run-0001");
        std::fs::create_dir_all(run.join(CHECKPOINTS)).unwrap();
        let card = serde_json::to_vec(&RunCard::new(&TrainConfig::default())).unwrap();
        std::fs::write(run.join(CARD), card).unwrap();
        let file = |name: &str| run.join(CHECKPOINTS).join(format!("{name}.safetensors"));
        let mut last = Checkpoint::formula(2, 8, "");
        last.card.sample_rate = 8000;
        last.write_safetensors(&file("last")).unwrap();
        let start = Start::open(&config(&run, 2)).unwrap();
        assert_eq!((start.lineage[0].checkpoint.as_str(), start.sample_rate), ("last", 8000));
        Checkpoint::formula(2, 8, "other").write_safetensors(&file("best")).unwrap();
        for (named, checkpoint) in [
            (run.clone(), "best"),
            (run.join("last"), "last"),
            (run.join("best"), "best"),
            (file("last"), "last"),
        ] {
            let start = Start::open(&config(&named, 2)).unwrap();
            assert_eq!(start.lineage[0].checkpoint, checkpoint);
            assert!(start.lineage[0].run.ends_with("run-0001"));
            let data = std::fs::read(file(checkpoint)).unwrap();
            use sha2::Digest;
            let digest = sha2::Sha256::digest(&data);
            let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(start.facts.sha256, hex);
        }
        let error = Start::open(&config(&run.join("epoch-0009"), 2)).unwrap_err().to_string();
        assert!(error.contains("epoch-0009.safetensors"), "{error}");
    }

    #[test]
    fn the_card_says_where_the_weights_come_from_and_nothing_that_was_measured_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("base.safetensors");
        let mut base = Checkpoint::formula(2, 8, "");
        base.card.calibration = Some((0.0, 0.5));
        base.card.no_source_threshold = Some(0.2);
        base.card.metrics.insert("success".into(), 0.9);
        base.write_safetensors(&path).unwrap();
        let c = config(&path, 2);
        let card = Start::open(&c).unwrap().card(&c, "run-0007", "ab12");
        assert_eq!((card.calibration, card.no_source_threshold), (None, None));
        assert!(card.metrics.is_empty());
        assert_eq!(card.lineage["data"], "ab12");
        assert!(card.lineage["start"].contains("base"), "{:?}", card.lineage);
        assert_eq!(card.name, "run-0007");
    }
}
