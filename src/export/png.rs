//! PNG with words in it.

use std::path::Path;

use image::ImageEncoder;

use super::ExportError;
use crate::overlay::RgbaPicture;

/// CRC-32 as PNG chunks carry it.
fn crc32(bytes: impl Iterator<Item = u8>) -> u32 {
    let mut crc = !0u32;
    for b in bytes {
        crc ^= u32::from(b);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// An `iTXt` chunk: UTF-8, uncompressed, no language.
fn text_chunk(key: &str, value: &str) -> Vec<u8> {
    // Keys are Latin-1, 1 to 79 bytes; ours are ASCII constants.
    let key: Vec<u8> = key.bytes().filter(|b| (32..127).contains(b)).take(79).collect();
    let mut body = b"iTXt".to_vec();
    body.extend(&key);
    body.extend([0, 0, 0, 0, 0]);
    body.extend(value.bytes().filter(|b| *b != 0));
    let mut chunk = ((body.len() - 4) as u32).to_be_bytes().to_vec();
    let crc = crc32(body.iter().copied());
    chunk.extend(body);
    chunk.extend(crc.to_be_bytes());
    chunk
}

/// The file as bytes; each of `text` becomes a chunk before the picture.
pub fn png_bytes(picture: &RgbaPicture, text: &[(&str, String)]) -> Result<Vec<u8>, String> {
    let rgb: Vec<u8> = picture.data.chunks_exact(4).flat_map(|c| [c[0], c[1], c[2]]).collect();
    let mut out = Vec::new();
    image::codecs::png::PngEncoder::new(&mut out)
        .write_image(&rgb, picture.width, picture.height, image::ExtendedColorType::Rgb8)
        .map_err(|e| e.to_string())?;
    // Signature (8) and header chunk (25) come first.
    let chunks: Vec<u8> = text.iter().flat_map(|(k, v)| text_chunk(k, v)).collect();
    if out.len() >= 33 {
        out.splice(33..33, chunks);
    }
    Ok(out)
}

/// Writes a PNG: into a temporary file beside `path`, then renamed.
pub fn write_png(
    path: &Path,
    picture: &RgbaPicture,
    text: &[(&str, String)],
) -> Result<(), ExportError> {
    let shown = path.display().to_string();
    let bytes = png_bytes(picture, text)
        .map_err(|cause| ExportError::Encode { path: shown.clone(), cause })?;
    crate::files::write_whole(path, &bytes)
        .map_err(|e| ExportError::Write { path: shown, cause: e.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> RgbaPicture {
        let data = (0..6 * 4).flat_map(|i| [i as u8, 2 * i as u8, 7, 255]).collect();
        RgbaPicture { width: 6, height: 4, data }
    }

    #[test]
    fn the_crc_is_the_one_that_pngs_use() {
        assert_eq!(crc32(b"IEND".iter().copied()), 0xae42_6082);
    }

    #[test]
    fn a_written_picture_reads_back_with_its_words() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a b é.png");
        let text = [("fnac:frame", "12".to_owned()), ("fnac:clip", "Füße.mp4".to_owned())];
        write_png(&path, &picture(), &text).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let found = |needle: &[u8]| bytes.windows(needle.len()).any(|w| w == needle);
        assert!(found(b"fnac:frame\0\0\0\0\x0012") && found("Füße.mp4".as_bytes()));
        let back = image::load_from_memory(&bytes).unwrap().to_rgb8();
        assert_eq!((back.width(), back.height()), (6, 4));
        assert_eq!(back.get_pixel(5, 3).0, [23, 46, 7]);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn an_unwritable_folder_is_named() {
        let error = write_png(Path::new("/nonexistent/x.png"), &picture(), &[]).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/x.png"), "{error}");
    }
}
