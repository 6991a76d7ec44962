//! Which moments are cut, and what the pairs are called.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::data::PictureFormat;
use crate::data::readers::moments;
use crate::units::MediaTime;

/// Seconds of sound of a pair.
const WINDOW: MediaTime = MediaTime::from_millis(3000);
/// Longest name that is taken over, in bytes; what is longer is cut and told apart by a hash.
const MAX_NAME: usize = 120;

/// Which moments of a video become pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// One each time this has passed; as many as have three seconds of sound.
    Every(MediaTime),
    /// So many, spread evenly; one is the video's middle and has the video's own name.
    PerVideo(u32),
}

/// What `fnac prepare` is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrepareOptions {
    /// Which moments.
    pub how: How,
    /// Samples per second of the sounds.
    pub rate: u32,
    /// Shorter side of the pictures at most, in pixels; 0 keeps them as they are.
    pub size: u32,
    /// How pictures are stored.
    pub pictures: PictureFormat,
}

impl How {
    /// The moments of a video of this length.
    pub(super) fn moments(self, length: MediaTime) -> Vec<MediaTime> {
        match self {
            Self::Every(every) => moments(length, every),
            Self::PerVideo(n) => {
                let room = (length - WINDOW).max(MediaTime::ZERO);
                let n = if room == MediaTime::ZERO { 1 } else { i64::from(n.max(1)) };
                let half =
                    if room == MediaTime::ZERO { length.scaled(0.5) } else { WINDOW.scaled(0.5) };
                let at = |k: i64| {
                    let part =
                        i128::from(room.as_nanos()) * i128::from(2 * k + 1) / i128::from(2 * n);
                    half + MediaTime::from_nanos(i64::try_from(part).unwrap_or(0))
                };
                (0..n).map(at).collect()
            }
        }
    }

    /// The name of a pair of the video `video`.
    pub(super) fn name(self, video: &str, time: MediaTime) -> String {
        match self {
            // So the names of VGG-Sound's clips, which its tables know, stay.
            Self::PerVideo(1) => video.to_owned(),
            _ => format!("{video}_{:08}", time.as_nanos() / 1_000_000),
        }
    }
}

/// Names for videos by their paths: folders and file joined by `-`, without an ending, dots,
/// spaces or anything that a list or a file system minds. Of several videos of one name all but
/// the first get a hash of their path.
pub(super) fn names(videos: Vec<PathBuf>) -> Vec<(PathBuf, String)> {
    let mut taken = BTreeSet::new();
    let mut out = Vec::with_capacity(videos.len());
    for path in videos {
        let text = slashed(&path.with_extension(""));
        let mut name: String =
            text.chars().map(|c| if c.is_alphanumeric() { c } else { mild(c) }).collect();
        let hash = || {
            let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
            crate::data::whole::hex(&digest[..4])
        };
        if name.len() > MAX_NAME {
            let end = (0..=MAX_NAME).rev().find(|i| name.is_char_boundary(*i)).unwrap_or(0);
            name = format!("{}-{}", &name[..end], hash());
        }
        // Some file systems take upper and lower case for the same.
        if !taken.insert(name.to_lowercase()) {
            name = format!("{name}-{}", hash());
            taken.insert(name.to_lowercase());
        }
        out.push((path, name));
    }
    out
}

/// A character that is no letter or digit, in a name.
fn mild(c: char) -> char {
    match c {
        '-' | '/' => '-',
        _ => '_',
    }
}

/// A path with `/` between folders on every system.
pub(super) fn slashed(path: &Path) -> String {
    let parts: Vec<_> = path.components().map(|c| c.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_spread_evenly_and_keep_their_three_seconds() {
        let at = |n: u32, secs: f64| {
            let m = How::PerVideo(n).moments(MediaTime::from_secs_f64(secs));
            m.iter().map(|t| t.as_secs_f64()).collect::<Vec<_>>()
        };
        assert_eq!(at(1, 10.0), [5.0]);
        assert_eq!(at(1, 1.0), [0.5]);
        assert_eq!(at(4, 1.0), [0.5]);
        assert_eq!(at(2, 11.0), [3.5, 7.5]);
        assert!(at(7, 60.0).iter().all(|t| (1.5..=58.5).contains(t)));
    }

    #[test]
    fn names_hold_nothing_that_loaders_mind_and_are_told_apart() {
        let of = |paths: &[&str]| {
            let paths = paths.iter().map(PathBuf::from).collect();
            names(paths).into_iter().map(|(_, n)| n).collect::<Vec<_>>()
        };
        assert_eq!(of(&["-Zk2mNoPq_r_000120.mp4"]), ["-Zk2mNoPq_r_000120"]);
        assert_eq!(of(&["a b/c.d,e.MP4", "hündin.mkv"]), ["a_b-c_d_e", "hündin"]);
        let twins = of(&["x.avi", "x.mp4", "X.mkv"]);
        assert_eq!(twins[0], "x");
        assert!(twins[1].starts_with("x-") && twins[2].starts_with("X-"), "{twins:?}");
        let long = of(&[&format!("{}.mp4", "ä".repeat(200))]);
        assert!(long[0].len() <= MAX_NAME + 9, "{}", long[0].len());
    }

    #[test]
    fn one_pair_a_video_keeps_the_videos_name() {
        let t = MediaTime::from_millis(61_500);
        assert_eq!(How::PerVideo(1).name("gklbB7TYoK4_000030", t), "gklbB7TYoK4_000030");
        assert_eq!(How::Every(WINDOW).name("clip", t), "clip_00061500");
    }
}
