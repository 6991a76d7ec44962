//! The clip that the window opens on, as a file: carried in the program, unpacked once.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::ExportError;
use crate::media::{AudioSettings, ClipSettings, ClipWriter, VideoCodec};
use crate::synth::{Library, builtin_story};
use crate::truth::TruthTrack;
use crate::units::TimeBase;

/// The clip, made by [`write_builtin`] (`fnac synth --story assets`).
const CLIP: &[u8] = include_bytes!("../../assets/first-clip.mp4");
/// Its truth.
const TRUTH: &[u8] = include_bytes!("../../assets/first-clip.truth.json");
/// Name without ending, in `assets/` and where it is written anew.
const STEM: &str = "first-clip";
/// Samples per second of its sound.
const RATE: u32 = 48_000;

/// The file of the built-in clip in `cache_dir`, with its truth beside it, unpacked there if it is
/// not yet.
///
/// Errors: the folder cannot be made or written. A file of the right length is taken as it is: it
/// was put in place whole, and its name says what is in it.
pub fn builtin_clip(cache_dir: &Path) -> Result<PathBuf, ExportError> {
    let digest = Sha256::digest(CLIP);
    let name: String = digest.iter().take(6).map(|b| format!("{b:02x}")).collect();
    let path = cache_dir.join(format!("fnac-{STEM}-{name}.mp4"));
    std::fs::create_dir_all(cache_dir).map_err(|e| cannot_write(cache_dir, &e))?;
    unpack(&TruthTrack::sidecar(&path), TRUTH)?;
    unpack(&path, CLIP)?;
    Ok(path)
}

fn cannot_write(path: &Path, e: &std::io::Error) -> ExportError {
    ExportError::Write { path: path.display().to_string(), cause: e.to_string() }
}

/// Puts `bytes` at `path`, whole or not at all, unless they are there.
fn unpack(path: &Path, bytes: &[u8]) -> Result<(), ExportError> {
    if std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() == bytes.len() as u64) {
        return Ok(());
    }
    crate::files::write_whole(path, bytes).map_err(|e| cannot_write(path, &e))
}

/// Draws and encodes the built-in clip anew: `first-clip.mp4` and `first-clip.truth.json` in
/// `dir`. Takes half a minute; `tick` hears of every frame that is done.
///
/// Errors: the folder cannot be written, or this FFmpeg cannot write H.264.
pub fn write_builtin(dir: &Path, mut tick: impl FnMut(u64)) -> Result<PathBuf, ExportError> {
    let path = dir.join(format!("{STEM}.mp4"));
    let library = Library::drawn()?;
    let movie = builtin_story(&library)?;
    let (num, den) = movie.fps;
    let per_second = f64::from(num) / f64::from(den);
    // Constants of the story, in range for a time base.
    let base = TimeBase::new(1, 15_360).unwrap_or_else(|| unreachable!("both are positive"));
    let mut settings = ClipSettings::new(movie.size.0, movie.size.1, per_second, base);
    settings.video_codec = VideoCodec::H264;
    settings.gop = 60;
    settings.quality = QUALITY;
    settings.slow_and_small = true;
    settings.audio = Some(AudioSettings { rate: RATE, ..Default::default() });
    let mut writer = ClipWriter::create(&path, settings)?;
    let sound = movie.sound.stereo(&library, RATE);
    // Drawn on all cores, a second at a time, while the encoder waits its turn.
    let mut given = 0;
    for start in (0..movie.frames).step_by(num as usize) {
        let end = (start + num).min(movie.frames);
        let drawn: Vec<Vec<u8>> = (start..end)
            .into_par_iter()
            .map(|i| {
                let rgb = movie.frame(&library, i);
                rgb.data().chunks_exact(3).flat_map(|c| [c[0], c[1], c[2], 255]).collect()
            })
            .collect();
        for (rgba, i) in drawn.iter().zip(start..end) {
            writer.push_video(rgba, movie.time(i))?;
            let until = sound.len() * (i as usize + 1) / movie.frames as usize / 2 * 2;
            writer.push_audio(sound.get(given..until).unwrap_or_default())?;
            given = until;
        }
        tick(u64::from(end - start));
    }
    writer.finish()?;
    let mut truth = movie.truth(&library, false);
    for source in &mut truth.sources {
        // What does not change is said once: a moment holds until the next.
        source.moments.dedup_by(|later, earlier| later.bbox == earlier.bbox);
    }
    let sidecar = TruthTrack::sidecar(&path);
    truth.write(&sidecar).map_err(|e| ExportError::Write {
        path: sidecar.display().to_string(),
        cause: e.to_string(),
    })?;
    Ok(path)
}

/// Of the encoder, 0 to 100: the size stays well below 3 MB and edges stay clean.
const QUALITY: u8 = 45;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{MediaSource, probe};

    #[test]
    fn the_clip_is_unpacked_once_and_plays() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("new folder");
        let path = builtin_clip(&cache).unwrap();
        let info = probe(&MediaSource::File(path.clone())).unwrap();
        let video = info.video.unwrap();
        assert_eq!((video.width, video.height), (1280, 720));
        assert_eq!(info.audio.len(), 1);
        let stamp = |p: &Path| std::fs::metadata(p).unwrap().modified().unwrap();
        let before = stamp(&path);
        assert_eq!(stamp(&builtin_clip(&cache).unwrap()), before);
        std::fs::write(&path, b"half").unwrap();
        builtin_clip(&cache).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), CLIP, "a torn file is put right");
    }

    /// The asset is what today's story draws: whoever changes the story makes the asset anew.
    #[test]
    fn the_clip_in_the_program_is_the_story() {
        let dir = tempfile::tempdir().unwrap();
        let path = builtin_clip(dir.path()).unwrap();
        let library = Library::drawn().unwrap();
        let movie = builtin_story(&library).unwrap();
        let info = probe(&MediaSource::File(path.clone())).unwrap();
        assert_eq!(info.video.unwrap().frames, movie.frames);
        let (kept, drawn) =
            (TruthTrack::read(&TruthTrack::sidecar(&path)).unwrap(), movie.truth(&library, false));
        assert_eq!((kept.width, kept.height), (drawn.width, drawn.height));
        assert_eq!(kept.sources.len(), drawn.sources.len());
        for i in 0..movie.frames {
            let place = |t: &TruthTrack| -> Vec<_> {
                t.at(movie.time(i)).iter().map(|s| (s.source.id, s.bbox, s.sounding)).collect()
            };
            assert_eq!(place(&kept), place(&drawn), "frame {i}");
        }
    }

    #[test]
    fn the_assets_stay_small() {
        let size = CLIP.len() + TRUTH.len();
        assert!(size < 3_000_000, "{size} bytes");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let error = builtin_clip(Path::new("/proc/nonexistent/x")).unwrap_err().to_string();
        assert!(error.contains("/proc/nonexistent/x"), "{error}");
    }
}
