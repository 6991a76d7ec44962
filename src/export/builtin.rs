//! The clip that the window starts on until there is a better one.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::ExportError;
use crate::media::{AudioSettings, ClipSettings, ClipWriter, VideoCodec};
use crate::synth::DemoClip;
use crate::units::{MediaTime, TimeBase};

/// Raised when the drawing changes, so that an older file is not taken for it.
const VERSION: u32 = 1;
/// Width of the drawn pictures.
const WIDTH: u32 = 960;

/// The file of the built-in clip in `cache_dir`, drawn and written there if it is not yet.
///
/// Errors: the folder cannot be made or written. A file that is there is taken as it is: it was
/// put in place whole.
pub fn builtin_clip(cache_dir: &Path) -> Result<PathBuf, ExportError> {
    let path = cache_dir.join(format!("fnac-first-clip-{VERSION}.mp4"));
    if std::fs::metadata(&path).is_ok_and(|m| m.is_file() && m.len() > 0) {
        return Ok(path);
    }
    std::fs::create_dir_all(cache_dir).map_err(|e| ExportError::Write {
        path: cache_dir.display().to_string(),
        cause: e.to_string(),
    })?;
    write(&path)?;
    Ok(path)
}

fn write(path: &Path) -> Result<(), ExportError> {
    let clip = DemoClip::new(WIDTH);
    let first = clip.frame(0);
    let fps = f64::from(DemoClip::FPS);
    // A constant of the drawing, in range for a time base.
    let base = TimeBase::new(1, 15_360).unwrap_or_else(|| unreachable!("both are positive"));
    let mut settings = ClipSettings::new(first.width(), first.height(), fps, base);
    // Quick to write: the window waits for it at the very first start.
    settings.video_codec = VideoCodec::Mpeg4;
    settings.gop = 30;
    settings.quality = 80;
    settings.audio = Some(AudioSettings { rate: DemoClip::SAMPLE_RATE, ..Default::default() });
    let mut writer = ClipWriter::create(path, settings)?;
    let per_frame = u64::from(DemoClip::SAMPLE_RATE / DemoClip::FPS);
    // Drawn on all cores, a second at a time, while the encoder waits its turn.
    let batch = DemoClip::FPS;
    for start in (0..DemoClip::FRAMES).step_by(batch as usize) {
        let end = (start + batch).min(DemoClip::FRAMES);
        let drawn: Vec<Vec<u8>> = (start..end)
            .into_par_iter()
            .map(|i| {
                let rgb = clip.frame(i);
                rgb.data().chunks_exact(3).flat_map(|c| [c[0], c[1], c[2], 255]).collect()
            })
            .collect();
        for (rgba, i) in drawn.iter().zip(start..end) {
            let time = MediaTime::from_nanos(i64::from(i) * 1_000_000_000 / i64::from(batch));
            writer.push_video(rgba, time)?;
            let from = u64::from(i) * per_frame;
            writer.push_audio(&clip.sound(from..from + per_frame))?;
        }
    }
    writer.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clip_is_written_once_and_plays() {
        let dir = tempfile::tempdir().unwrap();
        let started = std::time::Instant::now();
        let path = builtin_clip(&dir.path().join("new folder")).unwrap();
        eprintln!("drawn and written in {:.2} s", started.elapsed().as_secs_f64());
        let info = crate::media::probe(&crate::media::MediaSource::File(path.clone())).unwrap();
        let video = info.video.unwrap();
        assert_eq!((video.width, video.height), (960, 540));
        assert_eq!(video.frames, DemoClip::FRAMES);
        assert_eq!(info.audio.len(), 1);
        assert!((info.duration.as_secs_f64() - 12.0).abs() < 0.1, "{}", info.duration);
        let stamp = |p: &Path| std::fs::metadata(p).unwrap().modified().unwrap();
        let before = stamp(&path);
        assert_eq!(stamp(&builtin_clip(&dir.path().join("new folder")).unwrap()), before);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let error = builtin_clip(Path::new("/proc/nonexistent/x")).unwrap_err().to_string();
        assert!(error.contains("/proc/nonexistent/x"), "{error}");
    }
}
