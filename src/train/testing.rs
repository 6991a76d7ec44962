//! A small folder of pairs of the drawn world, for tests.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::data::{Dataset, OpenOptions, Pair, PairFolder, PictureFormat, Stamp};
use crate::synth::{Library, Scene, SceneOptions};

/// The drawn kinds, made once.
pub(crate) fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| Library::drawn().unwrap().keep(&["dog", "bell", "bird", "car"]).unwrap())
}

/// Writes `n` pairs of four kinds, one thing each, into `dir`.
pub(crate) fn write_pairs(dir: &Path, seed: u64, n: u64) {
    let stamp = Stamp { seed, world: "test".into() };
    let folder = PairFolder::new(dir, PictureFormat::Png, 16_000, 48_000, (224, 224), stamp);
    let folder = folder.unwrap();
    let options = SceneOptions { distractors: 0..=1, ..SceneOptions::default() };
    for i in 0..n {
        let scene = Scene::plan(library(), &options, seed, i).unwrap();
        let pair = Pair {
            picture: scene.picture(library()),
            sound: scene.sound_plan().mono(library(), 16_000),
            truth: scene.truth().clone(),
        };
        folder.write(i, &pair).unwrap();
    }
}

/// Twelve pairs that all tests of a process share.
pub(crate) fn twelve() -> Arc<Dataset> {
    static SET: OnceLock<(tempfile::TempDir, Arc<Dataset>)> = OnceLock::new();
    let (_, set) = SET.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        write_pairs(dir.path(), 3, 12);
        let set = Dataset::open(dir.path(), &OpenOptions::default()).unwrap();
        (dir, Arc::new(set))
    });
    set.clone()
}

/// Names of items whose pictures hold a number that is none.
static POISONED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Makes the loader give an item's picture a value that is not finite: no file can hold one.
pub(crate) fn poison(id: &str) {
    POISONED.lock().unwrap_or_else(PoisonError::into_inner).push(id.to_owned());
}

/// Whether [`poison`] named this item.
pub(crate) fn is_poisoned(id: &str) -> bool {
    POISONED.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|p| p == id)
}
