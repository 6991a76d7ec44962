//! Screenshots: the frame that is on screen at its own size, as PNG with what it shows.

use std::path::{Path, PathBuf};

use egui::ColorImage;
use image::ImageEncoder as _;

use super::open::main_path;
use super::view::View;

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
                ("fnac:checkpoint_sha256", view.checkpoint.map(|c| c.sha256.clone()).unwrap_or_default()),
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
    let pictures = dirs.as_ref().and_then(|d| d.picture_dir().map(Path::to_owned)).filter(|p| p.is_dir());
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

/// Encodes and writes the whole file or nothing.
pub fn save_png(picture: &ColorImage, text: &[(&str, String)], path: &Path) -> Result<(), String> {
    let bytes = png(picture, text).map_err(|e| format!("cannot encode the picture: {e}"))?;
    super::settings::write_atomically(path, &bytes)
        .map_err(|e| format!("cannot write {}: {e}. Choose another folder", path.display()))
}

fn png(picture: &ColorImage, text: &[(&str, String)]) -> image::ImageResult<Vec<u8>> {
    let [w, h] = picture.size.map(|v| u32::try_from(v).unwrap_or(0));
    let mut out = Vec::new();
    image::codecs::png::PngEncoder::new(&mut out).write_image(
        picture.as_raw(),
        w,
        h,
        image::ExtendedColorType::Rgba8,
    )?;
    // The signature has 8 bytes, the header chunk 25; text may stand right after it.
    let after_header = 33.min(out.len());
    let chunks: Vec<u8> = text.iter().flat_map(|(k, v)| text_chunk(k, v)).collect();
    out.splice(after_header..after_header, chunks);
    Ok(out)
}

/// An `iTXt` chunk: UTF-8, not compressed.
fn text_chunk(key: &str, value: &str) -> Vec<u8> {
    let mut body = b"iTXt".to_vec();
    body.extend(key.bytes().filter(u8::is_ascii_graphic).take(79));
    // End of key, no compression (flag, method), no language, no translated key.
    body.extend([0, 0, 0, 0, 0]);
    body.extend(value.as_bytes());
    let mut out = u32::try_from(body.len() - 4).unwrap_or(0).to_be_bytes().to_vec();
    let crc = crc32(&body);
    out.extend(body);
    out.extend(crc.to_be_bytes());
    out
}

/// The CRC of the PNG specification (ISO 3309), bit by bit: the texts are short.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for b in bytes {
        crc ^= u32::from(*b);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crc_is_the_standard_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_screenshot_reads_back_with_its_words() {
        let picture = ColorImage::filled([5, 3], egui::Color32::from_rgb(10, 20, 30));
        let bytes = png(&picture, &[("fnac:frame", "12".into()), ("Title", "ü".into())]).unwrap();
        let back = image::load_from_memory(&bytes).unwrap().to_rgba8();
        assert_eq!((back.width(), back.height()), (5, 3));
        assert_eq!(back.get_pixel(4, 2).0, [10, 20, 30, 255]);
        let has = |s: &str| bytes.windows(s.len()).any(|w| w == s.as_bytes());
        assert!(has("fnac:frame") && has("12") && has("ü"));
    }

    #[test]
    fn nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let a = dir.path().join("a.png");
        assert_eq!(free_name(a.clone()), a);
        std::fs::write(&a, b"x").unwrap();
        assert_eq!(free_name(a), dir.path().join("a (2).png"));
    }
}
