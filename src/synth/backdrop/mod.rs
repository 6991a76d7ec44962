//! Backgrounds: textures that show nothing, and places with depth. They decide no truth.

mod indoors;
mod outdoors;
mod paint;
mod textures;

use serde::{Deserialize, Serialize};

use super::Dice;
use crate::units::RgbPicture;
use paint::Canvas;

/// What is behind the things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// Gradient, stripes, noise, blobs or checks.
    Texture,
    /// Rows of hills under a sky with clouds.
    Hills,
    /// Grass with flowers and far trees.
    Meadow,
    /// A row of houses, a pavement and a road.
    Street,
    /// A wall with a window or pictures, and a floor.
    Room,
    /// Water to the horizon.
    Sea,
    /// A sky with stars and a moon over dark hills.
    Night,
    /// Boards between curtains, under lamps.
    Stage,
    /// Sand, water, sky.
    Beach,
    /// Snow, fir trees, mountains.
    Snow,
    /// Trunks of trees, one behind the other.
    Forest,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Texture,
        Self::Hills,
        Self::Meadow,
        Self::Street,
        Self::Room,
        Self::Sea,
        Self::Night,
        Self::Stage,
        Self::Beach,
        Self::Snow,
        Self::Forest,
    ];

    /// Name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Texture => "texture",
            Self::Hills => "hills",
            Self::Meadow => "meadow",
            Self::Street => "street",
            Self::Room => "room",
            Self::Sea => "sea",
            Self::Night => "night",
            Self::Stage => "stage",
            Self::Beach => "beach",
            Self::Snow => "snow",
            Self::Forest => "forest",
        }
    }

    /// From where on down (in heights) a thing stands on the ground; `None` where there is none.
    pub fn ground(self) -> Option<f64> {
        match self {
            Self::Texture => None,
            Self::Hills => Some(0.78),
            Self::Meadow | Self::Forest => Some(0.66),
            Self::Street | Self::Room | Self::Stage => Some(0.74),
            Self::Sea => None,
            Self::Night => Some(0.82),
            Self::Beach => Some(0.72),
            Self::Snow => Some(0.7),
        }
    }
}

/// A background: the same place and seed paint the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Background {
    /// What it shows.
    pub place: Place,
    /// Which one of these.
    pub seed: u64,
}

impl Background {
    /// Painted for a world of `aspect` (width over height), fitted into the picture.
    pub fn paint(&self, width: u32, height: u32, aspect: f64) -> Option<RgbPicture> {
        let mut d = Dice::new(self.seed, 0).part(self.place.name());
        let mut c = Canvas::new(width, height, aspect as f32);
        match self.place {
            Place::Texture => textures::paint(&mut c, &mut d),
            Place::Hills => outdoors::hills(&mut c, &mut d),
            Place::Meadow => outdoors::meadow(&mut c, &mut d),
            Place::Sea => outdoors::sea(&mut c, &mut d),
            Place::Night => outdoors::night(&mut c, &mut d),
            Place::Beach => outdoors::beach(&mut c, &mut d),
            Place::Snow => outdoors::snow(&mut c, &mut d),
            Place::Forest => outdoors::forest(&mut c, &mut d),
            Place::Street => indoors::street(&mut c, &mut d),
            Place::Room => indoors::room(&mut c, &mut d),
            Place::Stage => indoors::stage(&mut c, &mut d),
        }
        let grain = if self.place == Place::Texture { d.range(0.004, 0.03) } else { 0.005 };
        c.into_picture(&mut d, grain as f32)
    }
}
