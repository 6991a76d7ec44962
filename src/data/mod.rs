//! Data sets on disk: which file lies where, and what it says.
//!
//! Writes the drawn world in the layouts that the field's loaders read ([`PairFolder`]: frames,
//! WAV, masks, lists, VGG-SS boxes; [`ClipFolder`]: videos with their truth; [`AvsFolder`]:
//! AVSBench's tree) and reads a user's folder of cut-outs ([`cutouts`]). Every file is whole or
//! not there ([`write_whole`]), and a folder says in [`WorldFile`] what it was made from, so that
//! a run can be gone on with and is never mixed with another. Never draws, never judges a map.
//! `docs/world.md` describes the files.

mod avsbench;
mod boxes;
mod clips;
mod crew;
pub mod cutouts;
mod dataset;
mod decode;
pub mod doctor;
mod error;
mod lists;
mod names;
mod pairs;
mod prepare;
mod readers;
mod roll;
mod walk;
mod wav;
mod whole;
mod world;
#[cfg(test)]
mod written;

pub use avsbench::AvsFolder;
pub use boxes::{fraction, raster, vggss_rule};
pub use clips::{ClipFolder, ClipFrames};
pub use crew::{Made, Stopped, each};
pub use dataset::{
    Dataset, Item, LeftOut, LoadedTruth, Moment, OpenOptions, PictureRef, Sample, SampleResult,
    SoundRef, TruthRef,
};
pub use error::DataError;
pub use lists::{ItemFacts, ListShares, write_lists, write_table};
pub use names::{MAX_ITEMS, item_name};
pub use pairs::{Pair, PairFolder, PictureFormat};
pub use prepare::{How, Prepare, PrepareOptions, Prepared, Record};
pub use readers::{READERS, Reader};
pub use roll::{Entry, Roll};
pub use whole::write_whole;
pub use world::{FolderLock, Stamp, WorldFile};
