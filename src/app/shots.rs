//! Screenshots: the frame that is on screen at its own size, as PNG with what it shows.

use std::path::{Path, PathBuf};

use egui::ColorImage;

use super::open::main_path;
use super::view::View;
use crate::export::write_png;
use crate::overlay::RgbaPicture;

/// What a screenshot says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct ShotFacts {
    /// File name without folder.
    pub name: String,
    /// PNG text entries.
    pub text: Vec<(&'static str, String)>,
}

impl ShotFacts {
    /// Of the frame on screen; `None` when there is none.
    pub fn of(view: &View<'_>, with_overlay: bool) -> Option<Self> {
        let frame = view.presentation.frame.as_ref()?;
        let clip = match view.source {
            _ if view.builtin => "built-in".to_owned(),
            Some(s) => main_path(s).file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            None => "clip".to_owned(),
        };
        let checkpoint = view.checkpoint.map_or("no checkpoint", |c| c.name.as_str());
        let secs = frame.time.as_secs_f64();
        let mut name = format!("{clip}-f{}-{secs:.3}s", frame.index);
        let mut text = vec![
            ("Software", format!("fnac {}", env!("CARGO_PKG_VERSION"))),
            ("fnac:clip", clip),
            ("fnac:frame", frame.index.to_string()),
            ("fnac:pts_seconds", format!("{secs:.9}")),
        ];
        if with_overlay {
            name.push('-');
            name.push_str(checkpoint.split('.').next().unwrap_or(checkpoint));
            text.extend([
                ("fnac:checkpoint", checkpoint.to_owned()),
                (
                    "fnac:checkpoint_sha256",
                    view.checkpoint.map(|c| c.sha256.clone()).unwrap_or_default(),
                ),
                ("fnac:map", view.map.word().to_owned()),
                ("fnac:cells", view.geometry().to_string()),
                ("fnac:interpolation", view.overlay.interpolation.name().to_owned()),
                ("fnac:colormap", view.overlay.colormap.name().to_owned()),
                ("fnac:scale", view.scale_mode().name().to_owned()),
                ("fnac:sound_test", view.sound_test.label()),
            ]);
        }
        let safe = |c: char| if c.is_alphanumeric() || "-_. ".contains(c) { c } else { '_' };
        Some(Self { name: name.chars().map(safe).collect::<String>() + ".png", text })
    }
}

/// The folder for screenshots and videos: the user's pictures, else the home, else here.
pub fn pictures_dir() -> PathBuf {
    let dirs = directories::UserDirs::new();
    let pictures =
        dirs.as_ref().and_then(|d| d.picture_dir().map(Path::to_owned)).filter(|p| p.is_dir());
    pictures.or_else(|| dirs.map(|d| d.home_dir().to_owned())).unwrap_or_else(|| ".".into())
}

/// `wanted`, or with a number when it is taken: nothing is overwritten.
pub fn free_name(wanted: PathBuf) -> PathBuf {
    if !wanted.exists() {
        return wanted;
    }
    let stem = wanted.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let ext = wanted.extension().unwrap_or_default().to_string_lossy().into_owned();
    (2..10_000)
        .map(|n| wanted.with_file_name(format!("{stem} ({n}).{ext}")))
        .find(|p| !p.exists())
        .unwrap_or(wanted)
}

/// Writes the whole file or nothing.
pub fn save_png(picture: &ColorImage, text: &[(&str, String)], path: &Path) -> Result<(), String> {
    let [width, height] = picture.size.map(|v| u32::try_from(v).unwrap_or(0));
    let picture = RgbaPicture { width, height, data: picture.as_raw().to_vec() };
    write_png(path, &picture, text).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let a = dir.path().join("a.png");
        assert_eq!(free_name(a.clone()), a);
        std::fs::write(&a, b"x").unwrap();
        assert_eq!(free_name(a), dir.path().join("a (2).png"));
    }
}
