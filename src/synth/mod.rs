//! The drawn world: seeded frames, sound and boxes, no files.
//!
//! A [`Library`] has kinds of things, each with pictures and a voice: the drawn one is Twemoji
//! glyphs and synthesised sounds, a laboratory's own are cut-outs. A [`Scene`] is a still picture
//! with 3 s of sound, a [`Movie`] a clip; both are planned first, from a seed or by hand
//! ([`builtin_story`]), and picture, sound and truth follow from the plan. The truth is made in
//! exact arithmetic and is the same on every machine. Start at [`Scene::plan`].

mod backdrop;
mod dice;
mod draw;
mod error;
mod exact;
#[cfg(test)]
mod gallery;
mod kinds;
mod library;
mod light;
mod movie;
mod movie_plan;
mod options;
mod pose;
mod prop;
mod room;
mod silhouettes;
mod soundscape;
mod sprite;
mod still;
mod story;
mod voices;
#[cfg(test)]
mod world_tests;

pub use backdrop::{Background, Place};
pub use dice::Dice;
pub use draw::Shadow;
pub use error::SynthError;
pub use library::{Kind, Library, Voice};
pub use light::Light;
pub use movie::{Key, Motion, Movie, MovieActor, Reaction};
pub use movie_plan::MovieOptions;
pub use options::{SceneOptions, Split};
pub use pose::{LEAST_VISIBLE, Pose};
pub use prop::{Prop, PropKind};
pub use soundscape::{Color, Noise, Room, SoundPart, SoundPlan};
pub use sprite::Sprite;
pub use still::{MOST_OVERLAP, Negative, Scene, Thing};
pub use story::builtin_story;
pub use voices::{LONGEST_PAUSE, names as voice_names, voice};
