//! Pictures with their sounds: `frames/`, `audio/`, `masks/`, `truth/`.

use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use image::{ExtendedColorType, ImageEncoder};

use super::lists::ItemFacts;
use super::names::{item_index, item_name};
use super::whole::{make_folder, write_whole};
use super::{DataError, Stamp};
use crate::truth::TruthTrack;
use crate::units::{MediaTime, RgbPicture};

/// One item before it is written.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The picture.
    pub picture: RgbPicture,
    /// Mono samples within -1 to 1, at the folder's rate.
    pub sound: Vec<f32>,
    /// What is true of it, in pixels of the picture.
    pub truth: TruthTrack,
}

/// How pictures are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PictureFormat {
    /// Without loss.
    #[default]
    Png,
    /// Quality 92, 4:4:4: about a quarter of the size.
    Jpg,
}

/// Quality of JPEG pictures.
const JPEG_QUALITY: u8 = 92;

impl PictureFormat {
    /// The ending of its files.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpg => "jpg",
        }
    }

    /// The file as bytes.
    pub(super) fn encode(self, picture: &RgbPicture) -> Result<Vec<u8>, image::ImageError> {
        let mut out = Vec::new();
        let (w, h) = (picture.width(), picture.height());
        let rgb = ExtendedColorType::Rgb8;
        match self {
            Self::Png => {
                use image::codecs::png::{CompressionType, FilterType, PngEncoder};
                PngEncoder::new_with_quality(&mut out, CompressionType::Fast, FilterType::Adaptive)
                    .write_image(picture.data(), w, h, rgb)?;
            }
            Self::Jpg => {
                let mut encoder =
                    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY);
                encoder.encode(picture.data(), w, h, rgb)?;
            }
        }
        Ok(out)
    }

    /// Whether the file at `path` begins and ends as one of `size` does.
    pub(super) fn is_whole(self, path: &Path, size: (u32, u32)) -> bool {
        let Some((head, tail)) = ends_of(path, 24, 12) else { return false };
        match self {
            Self::Png => {
                let word = |at: usize| head.get(at..at + 4).map(|b| b.iter().fold(0, be));
                head.starts_with(b"\x89PNG\r\n\x1a\n")
                    && (word(16), word(20)) == (Some(size.0), Some(size.1))
                    && tail == *b"\0\0\0\0IEND\xaeB`\x82"
            }
            Self::Jpg => head.starts_with(b"\xff\xd8\xff") && tail.ends_with(b"\xff\xd9"),
        }
    }
}

fn be(sum: u32, byte: &u8) -> u32 {
    (sum << 8) | u32::from(*byte)
}

/// First and last bytes of a file; `None` when it is shorter or unreadable.
fn ends_of(path: &Path, head: usize, tail: usize) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut file = File::open(path).ok()?;
    let (mut first, mut last) = (vec![0; head], vec![0; tail]);
    file.read_exact(&mut first).ok()?;
    file.seek(SeekFrom::End(-i64::try_from(tail).ok()?)).ok()?;
    file.read_exact(&mut last).ok()?;
    Some((first, last))
}

/// Samples as the WAV has them: 16 bits, full scale 32767, as the loaders read them.
fn to_s16(samples: &[f32]) -> Vec<i16> {
    samples.iter().map(|v| (v.clamp(-1.0, 1.0) * 32767.0).round() as i16).collect()
}

/// Mono 16-bit WAV as bytes: the 44-byte header that every reader knows, then the samples.
pub(super) fn wav_bytes(samples: &[f32], rate: u32) -> Result<Vec<u8>, hound::Error> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut out = Cursor::new(Vec::with_capacity(44 + 2 * samples.len()));
    let mut writer = hound::WavWriter::new(&mut out, spec)?;
    for v in to_s16(samples) {
        writer.write_sample(v)?;
    }
    writer.finalize()?;
    Ok(out.into_inner())
}

/// 8-bit grey PNG of `width * height` pixels: 255 inside, 0 outside.
pub(super) fn mask_bytes(
    inside: &[bool],
    width: u32,
    height: u32,
) -> Result<Vec<u8>, image::ImageError> {
    let grey: Vec<u8> = inside.iter().map(|i| if *i { 255 } else { 0 }).collect();
    let mut out = Vec::new();
    image::codecs::png::PngEncoder::new(&mut out).write_image(
        &grey,
        width,
        height,
        ExtendedColorType::L8,
    )?;
    Ok(out)
}

/// The pixels of everything that sounds at `time`, row-major; boxes where no mask is known.
pub(super) fn sounding_pixels(truth: &TruthTrack, time: MediaTime) -> Vec<bool> {
    let (w, h) = (truth.width as usize, truth.height as usize);
    let mut out = vec![false; w * h];
    for at in truth.at(time) {
        if !at.sounding {
            continue;
        }
        if let Some(mask) =
            at.mask.filter(|m| (m.width(), m.height()) == (truth.width, truth.height))
        {
            for (o, i) in out.iter_mut().zip(mask.to_pixels()) {
                *o |= i;
            }
        } else if let Some(b) = at.bbox {
            let clip = |v: f64, most: usize| (v.max(0.0) as usize).min(most);
            for row in out.chunks_exact_mut(w.max(1)).take(clip(b.y1, h)).skip(clip(b.y0, h)) {
                if let Some(inside) = row.get_mut(clip(b.x0, w)..clip(b.x1, w)) {
                    inside.fill(true);
                }
            }
        }
    }
    out
}

/// A folder of pairs that is being written.
#[derive(Clone, Debug)]
pub struct PairFolder {
    root: PathBuf,
    format: PictureFormat,
    rate: u32,
    samples: usize,
    size: (u32, u32),
    stamp: Stamp,
}

impl PairFolder {
    /// The folder `root`, claimed before ([`super::WorldFile::claim`]); pictures of `size`, sounds
    /// of `samples` at `rate`. Makes the folders inside.
    pub fn new(
        root: &Path,
        format: PictureFormat,
        rate: u32,
        samples: usize,
        size: (u32, u32),
        stamp: Stamp,
    ) -> Result<Self, DataError> {
        for name in ["frames", "audio", "masks", "truth"] {
            make_folder(&root.join(name))?;
        }
        Ok(Self { root: root.into(), format, rate, samples, size, stamp })
    }

    fn frame(&self, name: &str) -> PathBuf {
        self.root.join("frames").join(format!("{name}.{}", self.format.ending()))
    }

    fn audio(&self, name: &str) -> PathBuf {
        self.root.join("audio").join(format!("{name}.wav"))
    }

    fn mask(&self, name: &str) -> PathBuf {
        self.root.join("masks").join(format!("{name}.png"))
    }

    fn truth(&self, name: &str) -> PathBuf {
        self.root.join("truth").join(format!("{name}.truth.json"))
    }

    /// Writes item `index`: its truth last, so that an item with a truth is an item.
    ///
    /// Errors: a file that cannot be written. A pair whose picture or sound has another size
    /// than the folder's is an error of the program and said so.
    pub fn write(&self, index: u64, pair: &Pair) -> Result<ItemFacts, DataError> {
        let name = item_name(self.stamp.seed, index);
        let (picture, truth) = (&pair.picture, &pair.truth);
        let size = (picture.width(), picture.height());
        let wrong =
            |what: String| DataError::write(&self.frame(&name), &std::io::Error::other(what));
        if size != self.size || (truth.width, truth.height) != self.size {
            let (w, h) = self.size;
            return Err(wrong(format!("{w}x{h} was asked for, {}x{} drawn", size.0, size.1)));
        }
        if pair.sound.len() != self.samples {
            return Err(wrong(format!("its sound has {} samples", pair.sound.len())));
        }
        let failed = |path: &Path, e: &dyn std::fmt::Display| {
            DataError::write(path, &std::io::Error::other(e.to_string()))
        };
        let path = self.frame(&name);
        write_whole(&path, &self.format.encode(picture).map_err(|e| failed(&path, &e))?)?;
        let path = self.audio(&name);
        let wav = wav_bytes(&pair.sound, self.rate).map_err(|e| failed(&path, &e))?;
        write_whole(&path, &wav)?;
        let path = self.mask(&name);
        let inside = sounding_pixels(truth, MediaTime::ZERO);
        let mask = mask_bytes(&inside, size.0, size.1).map_err(|e| failed(&path, &e))?;
        write_whole(&path, &mask)?;
        let mut truth = truth.clone();
        self.stamp.put(&mut truth, index);
        write_whole(&self.truth(&name), truth.to_json().as_bytes())?;
        Ok(ItemFacts::new(&name, index, &truth))
    }

    /// What is known of item `index` when all its files are there and whole: the truth carries
    /// this run's stamp, picture and mask begin and end as they must, the WAV is as long as its
    /// header says. `None` otherwise: it is to be written again.
    pub fn is_complete(&self, index: u64) -> Option<ItemFacts> {
        let name = item_name(self.stamp.seed, index);
        let truth = whole_truth(&self.truth(&name))?;
        let whole = self.stamp.is_on(&truth, index)
            && (truth.width, truth.height) == self.size
            && self.format.is_whole(&self.frame(&name), self.size)
            && PictureFormat::Png.is_whole(&self.mask(&name), self.size)
            && wav_is_whole(&self.audio(&name), self.rate, self.samples);
        whole.then(|| ItemFacts::new(&name, index, &truth))
    }

    /// Numbers of the items that have a truth file, sorted.
    pub fn indices(&self) -> Result<Vec<u64>, DataError> {
        indices_in(&self.root.join("truth"), self.stamp.seed, ".truth.json")
    }
}

/// The truth of an item, if the file is whole.
pub(super) fn whole_truth(path: &Path) -> Option<TruthTrack> {
    let bytes = std::fs::read(path).ok().filter(|b| b.ends_with(b"}\n"))?;
    TruthTrack::from_json(&bytes).ok()
}

/// Whether a WAV of ours has all of its `samples`.
pub(super) fn wav_is_whole(path: &Path, rate: u32, samples: usize) -> bool {
    let bytes = 2 * samples as u64;
    let length = std::fs::metadata(path).map(|m| m.len()).ok();
    let Some((head, _)) = ends_of(path, 44, 0) else { return false };
    let word = |at: usize| head.get(at..at + 4).map(|b| b.iter().rev().fold(0, be));
    head.starts_with(b"RIFF")
        && length == Some(44 + bytes)
        && word(24) == Some(rate)
        && word(40).map(u64::from) == Some(bytes)
}

/// Numbers of a folder's files that are named as an item with `ending`, sorted.
pub(super) fn indices_in(dir: &Path, seed: u64, ending: &str) -> Result<Vec<u64>, DataError> {
    let fail = |e: std::io::Error| {
        DataError::read(dir, super::error::cause(&e), "Check that the folder may be read.")
    };
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(fail)? {
        let name = entry.map_err(fail)?.file_name();
        let stem = name.to_str().and_then(|n| n.strip_suffix(ending));
        out.extend(stem.and_then(|s| item_index(seed, s)));
    }
    out.sort_unstable();
    Ok(out)
}
