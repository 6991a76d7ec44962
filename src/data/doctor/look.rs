//! One item, decoded and measured.

use sha2::{Digest, Sha256};

use super::Trouble;
use super::boxes;
use super::twins::Small;
use crate::data::dataset::{Item, PictureRef, SoundRef};
use crate::data::decode::is_silent;
use crate::data::wav::WavHeader;
use crate::media::{CancelToken, Clip, MediaSource};
use crate::units::{MediaTime, RgbPicture};

/// Rate at which sounds are compared.
const RATE: u32 = 16_000;
/// Sounds that lack no more than this of three seconds are not short: a coder's last block.
const SLACK_SECS: f64 = 0.03;
/// Greatest difference within a channel of a picture that has one colour.
const ONE_COLOUR: u8 = 3;
/// Time between the frames that are compared to see whether a video moves.
const APART: MediaTime = MediaTime::from_millis(1000);
/// Mean difference in levels below which two frames are the same.
const SAME_LEVELS: f64 = 0.25;

/// First half of a SHA-256.
pub(super) type Hash = [u8; 16];

/// What was seen of a picture.
#[derive(Clone, Debug)]
pub(super) struct PictureFacts {
    pub size: (u32, u32),
    /// Of its pixels.
    pub hash: Hash,
    pub small: Small,
    pub one_colour: bool,
    /// A video that shows the same before and after.
    pub stands: bool,
}

/// What was heard.
#[derive(Clone, Debug)]
pub(super) struct SoundFacts {
    /// Of the file.
    pub rate: u32,
    /// Of the file, in seconds.
    pub secs: f64,
    /// Of the three seconds.
    pub hash: Hash,
    pub silent: bool,
}

/// An item that was looked at.
#[derive(Clone, Debug)]
pub struct Look {
    pub(super) picture: Result<PictureFacts, String>,
    pub(super) sound: Result<SoundFacts, String>,
    /// What is wrong with its truth, or why it cannot be read.
    truth: Result<Vec<String>, String>,
}

impl Look {
    /// Decodes and measures an item. Blocks; for worker threads.
    pub fn at(item: &Item) -> Self {
        let picture = picture_facts(item);
        let size = picture.as_ref().ok().map(|p| p.size);
        Self { picture, sound: sound_facts(item), truth: boxes::complaints(item, size) }
    }

    /// What is wrong with it alone.
    pub(super) fn troubles(&self, negative: bool) -> Vec<(Trouble, String)> {
        let mut out = Vec::new();
        match &self.picture {
            Err(why) => out.push((Trouble::Undecodable, why.clone())),
            Ok(p) if p.one_colour => {
                out.push((Trouble::Still, "its picture has one colour".into()));
            }
            Ok(p) if p.stands => out.push((Trouble::Still, "its video does not move".into())),
            Ok(_) => {}
        }
        match &self.sound {
            Err(why) => out.push((Trouble::Undecodable, why.clone())),
            Ok(s) => {
                if s.secs < 3.0 - SLACK_SECS {
                    out.push((Trouble::Short, format!("{:.2} s", s.secs)));
                }
                if s.silent && !negative {
                    out.push((Trouble::Silent, "its three seconds are silent".into()));
                }
            }
        }
        match &self.truth {
            Err(why) => out.push((Trouble::Missing, why.clone())),
            Ok(list) if !list.is_empty() => out.push((Trouble::Boxes, list.join("; "))),
            Ok(_) => {}
        }
        out
    }
}

fn half(hash: Sha256) -> Hash {
    let digest = hash.finalize();
    std::array::from_fn(|i| digest[i])
}

fn picture_facts(item: &Item) -> Result<PictureFacts, String> {
    let picture = item.load_picture().map_err(|e| e.to_string())?;
    let size = (picture.width(), picture.height());
    let mut hash = Sha256::new();
    hash.update(size.0.to_le_bytes());
    hash.update(size.1.to_le_bytes());
    hash.update(picture.data());
    let stands = match &item.picture {
        PictureRef::File(_) => false,
        PictureRef::Frame { path, time } => {
            let other = |time: MediaTime| {
                let frame = PictureRef::Frame { path: path.clone(), time };
                Item { picture: frame, ..item.clone() }.load_picture().ok()
            };
            let neighbours = [other((*time - APART).max(MediaTime::ZERO)), other(*time + APART)];
            neighbours.iter().all(|o| o.as_ref().is_some_and(|o| alike(o, &picture)))
        }
    };
    let one_colour = has_one_colour(&picture);
    Ok(PictureFacts { size, hash: half(hash), small: Small::of(&picture), one_colour, stands })
}

fn alike(a: &RgbPicture, b: &RgbPicture) -> bool {
    let same_size = (a.width(), a.height()) == (b.width(), b.height());
    let sum: u64 = a.data().iter().zip(b.data()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    same_size && (sum as f64) < SAME_LEVELS * a.data().len() as f64
}

fn has_one_colour(picture: &RgbPicture) -> bool {
    let (mut low, mut high) = ([255u8; 3], [0u8; 3]);
    for pixel in picture.data().chunks_exact(3) {
        for (c, v) in pixel.iter().enumerate() {
            low[c] = low[c].min(*v);
            high[c] = high[c].max(*v);
        }
    }
    low.iter().zip(high).all(|(l, h)| h.saturating_sub(*l) <= ONE_COLOUR)
}

fn sound_facts(item: &Item) -> Result<SoundFacts, String> {
    let samples = item.load_sound(RATE).map_err(|e| e.to_string())?;
    let (rate, secs) = file_facts(&item.sound)?;
    let mut hash = Sha256::new();
    for v in &samples {
        hash.update(((v * 32767.0).round() as i16).to_le_bytes());
    }
    Ok(SoundFacts { rate, secs, hash: half(hash), silent: is_silent(&samples) })
}

/// Samples per second and seconds of the whole file.
fn file_facts(sound: &SoundRef) -> Result<(u32, f64), String> {
    if let Some(header) = WavHeader::read(&sound.path) {
        return Ok((header.rate, header.secs()));
    }
    let source = MediaSource::File(sound.path.clone());
    let clip = Clip::open(&source, &CancelToken::new()).map_err(|e| e.to_string())?;
    let info = clip.info();
    let track = info.default_track().and_then(|t| info.audio.get(t));
    let track = track.ok_or("it has no sound track that can be played")?;
    Ok((track.rate, (track.end - track.start.max(MediaTime::ZERO)).as_secs_f64()))
}
