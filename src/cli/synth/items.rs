//! The items of a run: planned by `synth`, written by `data`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::options::{Content, Drawings, Options};
use crate::cli::Failure;
use crate::data::{
    AvsFolder, ClipFolder, ClipFrames, DataError, ItemFacts, ListShares, Made, Pair, PairFolder,
    Stamp, write_lists,
};
use crate::synth::{Library, Movie, MovieOptions, Scene, SceneOptions, Split};
use crate::truth::TruthTrack;
use crate::units::RgbPicture;

/// Seconds of sound of a pair: the network's window.
const PAIR_SECS: u32 = 3;
/// Shares of AVSBench's S4: 3,452 / 740 / 740 clips.
const AVS_SHARES: ListShares = ListShares([70.0, 15.0, 15.0]);

/// A run whose options were found to make sense for the library.
pub struct Plan {
    library: Arc<Library>,
    seed: u64,
    how: How,
    options: Options,
}

enum How {
    Scenes(SceneOptions),
    Movies(MovieOptions),
}

/// Items that can be made and found.
pub struct Items {
    plan: Plan,
    place: Place,
}

enum Place {
    Pairs(PairFolder),
    Clips(ClipFolder),
    Avs(AvsFolder),
}

impl Plan {
    /// Errors (wrong usage): options that this library cannot satisfy.
    pub fn new(options: &Options, library: &Arc<Library>) -> Result<Self, Failure> {
        let usage = |e: &dyn std::fmt::Display| Failure::Usage(e.to_string());
        let scene = scene_options(options);
        let how = match options.content {
            Content::Pairs => {
                scene.check(library).map_err(|e| usage(&e))?;
                How::Scenes(scene)
            }
            Content::Videos | Content::AvsBench => {
                let movie = movie_options(options);
                movie.check(library).map_err(|e| usage(&e))?;
                How::Movies(movie)
            }
        };
        let (library, options) = (library.clone(), options.clone());
        Ok(Self { library, seed: options.seed, how, options })
    }

    /// Makes the folders inside `root`, which is claimed.
    pub fn open(self, root: &Path, stamp: Stamp) -> Result<Items, DataError> {
        let o = &self.options;
        let place = match o.content {
            Content::Pairs => {
                let samples = (PAIR_SECS * o.rate) as usize;
                Place::Pairs(PairFolder::new(root, o.pictures, o.rate, samples, o.size, stamp)?)
            }
            Content::Videos => Place::Clips(ClipFolder::new(root, o.size, o.fps, o.rate, stamp)),
            Content::AvsBench => {
                let shares = o.lists.unwrap_or(AVS_SHARES);
                let multi = *o.sources.end() > 1;
                Place::Avs(AvsFolder::new(root, multi, o.size, o.rate, shares, stamp)?)
            }
        };
        Ok(Items { plan: self, place })
    }
}

fn split(drawings: Drawings) -> Split {
    match drawings {
        Drawings::Any => Split::Any,
        Drawings::Train => Split::Train,
        Drawings::HeldOut => Split::HeldOut,
    }
}

fn scene_options(o: &Options) -> SceneOptions {
    let mut out = SceneOptions {
        size: o.size,
        sources: o.sources.clone(),
        distractors: o.distractors.clone(),
        scale: o.sizes.clone(),
        negatives: o.negatives,
        split: split(o.split),
        hidden: o.hidden,
        secs: f64::from(PAIR_SECS),
        ..SceneOptions::default()
    };
    if let Some(aspect) = &o.aspect {
        out.aspect = aspect.clone();
    }
    out
}

fn movie_options(o: &Options) -> MovieOptions {
    // AVSBench's pictures are taken in the middle of each second: two frames a second hold them.
    let (fps, secs) = match o.content {
        Content::AvsBench => ((2, 1), 5.0),
        _ => ((o.fps.0 as u32, o.fps.1 as u32), o.secs),
    };
    let usual = MovieOptions::default();
    MovieOptions {
        size: o.size,
        fps,
        secs,
        sources: o.sources.clone(),
        distractors: o.distractors.clone(),
        scale: o.sizes.clone(),
        // AVSBench's clips hold the sound of what is seen.
        off_screen: if o.content == Content::AvsBench { 0.0 } else { usual.off_screen },
        negatives: o.negatives,
        hidden: o.hidden,
        split: split(o.split),
        ..usual
    }
}

impl Items {
    /// What is known of item `i` if it is there and whole.
    pub fn kept(&self, i: u64) -> Option<ItemFacts> {
        match &self.place {
            Place::Pairs(p) => p.is_complete(i),
            Place::Clips(p) => p.is_complete(i),
            Place::Avs(p) => p.is_complete(i),
        }
    }

    /// Makes item `i` and writes it.
    ///
    /// Errors: what cannot be written. What cannot be planned is left out.
    pub fn make(&self, i: u64, stop: &AtomicBool) -> Result<Made<ItemFacts>, DataError> {
        let Plan { library, seed, how, options } = &self.plan;
        match (how, &self.place) {
            (How::Scenes(scenes), Place::Pairs(folder)) => {
                let scene = match Scene::plan(library, scenes, *seed, i) {
                    Ok(scene) => scene,
                    Err(e) => return Ok(Made::LeftOut(e.to_string())),
                };
                let pair = Pair {
                    picture: scene.picture(library),
                    sound: scene.sound_plan().mono(library, options.rate),
                    truth: scene.truth().clone(),
                };
                Ok(Made::New(folder.write(i, &pair)?))
            }
            (How::Movies(movies), place) => {
                let movie = match Movie::plan(library, movies, *seed, i) {
                    Ok(movie) => movie,
                    Err(e) => return Ok(Made::LeftOut(e.to_string())),
                };
                match place {
                    Place::Clips(folder) => {
                        let clip = Film { movie: &movie, library };
                        Ok(folder.write(i, &clip, stop)?.map_or(Made::Stopped, Made::New))
                    }
                    Place::Avs(folder) => {
                        let pictures: Vec<RgbPicture> =
                            (0..5).map(|s| movie.frame(library, 2 * s + 1)).collect();
                        let sound = movie.sound_plan().mono(library, options.rate);
                        let truth = movie.truth(library, true);
                        Ok(Made::New(folder.write(i, &pictures, &sound, &truth)?))
                    }
                    Place::Pairs(_) => Ok(Made::LeftOut("a movie is no pair".into())),
                }
            }
            (How::Scenes(_), _) => Ok(Made::LeftOut("a scene is no clip".into())),
        }
    }

    /// Numbers of the items that seem to be there.
    pub fn indices(&self) -> Result<Vec<u64>, DataError> {
        match &self.place {
            Place::Pairs(p) => p.indices(),
            Place::Clips(p) => p.indices(),
            Place::Avs(p) => p.indices(),
        }
    }

    /// Writes the lists of all items that are there.
    pub fn write_lists(&self, root: &Path, facts: &mut [ItemFacts]) -> Result<(), DataError> {
        let o = &self.plan.options;
        match &self.place {
            Place::Pairs(_) => write_lists(root, o.seed, facts, o.lists),
            Place::Clips(_) => crate::data::write_table(root, o.seed, facts, o.lists),
            Place::Avs(p) => p.write_table(facts),
        }
    }
}

/// A movie with its library.
struct Film<'a> {
    movie: &'a Movie,
    library: &'a Library,
}

impl ClipFrames for Film<'_> {
    fn frames(&self) -> u32 {
        self.movie.frames
    }

    fn frame(&self, i: u32) -> RgbPicture {
        self.movie.frame(self.library, i)
    }

    fn stereo(&self, rate: u32) -> Vec<f32> {
        self.movie.sound_plan().stereo(self.library, rate)
    }

    fn truth(&self) -> TruthTrack {
        self.movie.truth(self.library, true)
    }
}
