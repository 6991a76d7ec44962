//! One still picture, quickly: what [`FrameReader`] gives, without its index.
//!
//! Data sets are tens of thousands of small files, each read once per epoch. Opening one as a
//! clip decodes it three times (to know what it is, to index it, to show it), so the usual kinds
//! are decoded here at once: baseline JPEG by the same exact decoder that [`FrameReader`] uses,
//! and PNG of 8 bits, which is lossless. All others go through [`FrameReader`]; a test holds both
//! ways together. What a file is, is told from its content.
//!
//! A file that breaks off is an error here, as it is for the official loader, and not a picture
//! with a grey lower half.

use std::io::Cursor;
use std::path::Path;

use image::ImageDecoder;
use image::codecs::png::PngDecoder;
use image::metadata::Orientation as Turn;

use super::error::{MediaError, io_cause, shown};
use super::frames::{FrameReader, FrameReaderOptions};
use super::jpeg_exact;
use super::source::MediaSource;
use crate::overlay::yuv::rgb_from_planes;
use crate::units::{ColorMatrix, ColorSpec, Orientation, PlanarPicture, RgbPicture, Transfer};

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 28;
/// Largest picture that is decoded here, in pixels; larger ones are FFmpeg's.
const MAX_PIXELS: u64 = 1 << 26;

/// The picture in a file, upright, transparency ignored: pixel by pixel what [`FrameReader`]'s
/// first frame is. Blocks; uses no further thread.
///
/// # Errors
/// No such file, no picture, a file that breaks off.
pub fn still_picture(path: &Path) -> Result<RgbPicture, MediaError> {
    let meta = std::fs::metadata(path).map_err(|e| MediaError::from_open(path, &e))?;
    if !meta.is_file() || meta.len() == 0 || meta.len() > MAX_BYTES {
        return by_reader(path);
    }
    let file = shown(path);
    let bytes = std::fs::read(path)
        .map_err(|e| MediaError::Io { file: file.clone(), cause: io_cause(&e) })?;
    if let Some(picture) = quick(&bytes) {
        return Ok(picture);
    }
    if breaks_off(&bytes) {
        return Err(MediaError::Decode { file, cause: "the file breaks off".into() });
    }
    by_reader(path)
}

fn by_reader(path: &Path) -> Result<RgbPicture, MediaError> {
    let options = FrameReaderOptions { threads: 1, ..FrameReaderOptions::default() };
    let mut reader = FrameReader::open(&MediaSource::File(path.into()), options)?;
    let frame = reader.next_frame()?;
    let cause = || "no frame in it can be decoded".into();
    let frame = frame.ok_or_else(|| MediaError::Decode { file: shown(path), cause: cause() })?;
    Ok(rgb_from_planes(&frame.picture))
}

/// The usual kinds; `None` for all others and for whatever is odd.
fn quick(bytes: &[u8]) -> Option<RgbPicture> {
    if bytes.starts_with(b"\xff\xd8") { jpeg(bytes) } else { png(bytes) }
}

fn jpeg(bytes: &[u8]) -> Option<RgbPicture> {
    // Where there is EXIF data it may say that the picture is turned.
    if has_exif(bytes) {
        return None;
    }
    let exact = jpeg_exact::decode(bytes)?;
    let color = ColorSpec {
        matrix: ColorMatrix::Bt601,
        full_range: true,
        transfer: Transfer::Sdr,
        wide_gamut: false,
    };
    Some(rgb_from_planes(&PlanarPicture {
        width: exact.width,
        height: exact.height,
        layout: exact.layout,
        bits: 8,
        color,
        orientation: Orientation::default(),
        pixel_aspect: 1.0,
        planes: vec![exact.plane],
    }))
}

/// Whether a JPEG has an EXIF segment before its picture.
fn has_exif(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some([0xff, marker]) = bytes.get(at..at + 2) {
        if *marker == 0xff {
            at += 1;
            continue;
        }
        let Some([a, b]) = bytes.get(at + 2..at + 4) else { return false };
        let body = bytes.get(at + 4..).unwrap_or_default();
        match *marker {
            0xe1 if body.starts_with(b"Exif") => return true,
            0xda => return false,
            _ => at += 2 + usize::from(u16::from_be_bytes([*a, *b])).max(2),
        }
    }
    false
}

fn png(bytes: &[u8]) -> Option<RgbPicture> {
    if !bytes.starts_with(PNG) || breaks_off(bytes) {
        return None;
    }
    let mut decoder = PngDecoder::new(Cursor::new(bytes)).ok()?;
    let (w, h) = decoder.dimensions();
    let turned = decoder.orientation().ok()? != Turn::NoTransforms;
    if turned || decoder.is_apng().ok()? || u64::from(w) * u64::from(h) > MAX_PIXELS {
        return None;
    }
    let channels = match decoder.color_type() {
        image::ColorType::L8 => 1,
        image::ColorType::La8 => 2,
        image::ColorType::Rgb8 => 3,
        image::ColorType::Rgba8 => 4,
        _ => return None,
    };
    let mut data = vec![0; usize::try_from(decoder.total_bytes()).ok()?];
    decoder.read_image(&mut data).ok()?;
    let rgb = match channels {
        1 | 2 => data.chunks_exact(channels).flat_map(|p| [p[0]; 3]).collect(),
        3 => data,
        _ => data.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect(),
    };
    RgbPicture::new(w, h, rgb)
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Whether a JPEG or PNG ends before its picture does.
fn breaks_off(bytes: &[u8]) -> bool {
    if bytes.starts_with(PNG) {
        let mut at = PNG.len();
        while let Some([a, b, c, d, kind @ ..]) = bytes.get(at..at + 8) {
            let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
            at = at.saturating_add(12).saturating_add(length);
            if kind == b"IEND" {
                return at > bytes.len();
            }
        }
        return true;
    }
    // Thumbnails within have ends of their own: the last one after the last scan counts.
    let last = |marker: u8| bytes.windows(2).rposition(|w| w == [0xff, marker]);
    bytes.starts_with(b"\xff\xd8")
        && last(0xd9).is_none_or(|end| last(0xda).is_some_and(|s| s > end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ExtendedColorType, ImageEncoder};

    /// Colours with hard edges, so that chroma placement shows.
    fn pixels(w: u32, h: u32, channels: u32) -> Vec<u8> {
        let at = |x: u32, y: u32, c: u32| {
            let v = x * 7 + y * 13 + c * 91 + (x / 5 % 2) * 120 + (y / 7 % 2) * 60;
            (v % 256) as u8
        };
        let rows = (0..h).flat_map(|y| (0..w).map(move |x| (x, y)));
        rows.flat_map(|(x, y)| (0..channels).map(move |c| at(x, y, c))).collect()
    }

    fn png_of(w: u32, h: u32, kind: ExtendedColorType, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        image::codecs::png::PngEncoder::new(&mut out).write_image(data, w, h, kind).unwrap();
        out
    }

    fn jpeg_of(w: u32, h: u32, kind: ExtendedColorType, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut e = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, 85);
        e.encode(data, w, h, kind).unwrap();
        out
    }

    fn check(bytes: &[u8], is_quick: bool) -> RgbPicture {
        let dir = tempfile::tempdir().unwrap();
        // The name lies about the content.
        let path = dir.path().join("picture.jpg");
        std::fs::write(&path, bytes).unwrap();
        let quick = quick(bytes);
        assert_eq!(quick.is_some(), is_quick);
        let slow = by_reader(&path).unwrap();
        let got = still_picture(&path).unwrap();
        assert_eq!((got.width(), got.height()), (slow.width(), slow.height()));
        assert!(got.data() == slow.data(), "both ways give the same pixels");
        got
    }

    #[test]
    fn the_quick_way_gives_the_readers_pixels() {
        for (w, h) in [(1, 1), (3, 2), (37, 23), (64, 48), (224, 224)] {
            let rgb = pixels(w, h, 3);
            let got = check(&png_of(w, h, ExtendedColorType::Rgb8, &rgb), true);
            assert_eq!(got.data(), rgb);
            check(&png_of(w, h, ExtendedColorType::Rgba8, &pixels(w, h, 4)), true);
            check(&png_of(w, h, ExtendedColorType::L8, &pixels(w, h, 1)), true);
            check(&png_of(w, h, ExtendedColorType::La8, &pixels(w, h, 2)), true);
            check(&jpeg_of(w, h, ExtendedColorType::Rgb8, &rgb), true);
            check(&jpeg_of(w, h, ExtendedColorType::L8, &pixels(w, h, 1)), true);
        }
        let deep: Vec<u8> = pixels(16, 9, 6);
        check(&png_of(16, 9, ExtendedColorType::Rgb16, &deep), false);
    }

    #[test]
    fn a_picture_that_its_exif_turns_comes_upright() {
        let plain = jpeg_of(32, 16, ExtendedColorType::Rgb8, &pixels(32, 16, 3));
        let mut exif =
            b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
        let mut turned = plain[..2].to_vec();
        turned.extend([0xff, 0xe1]);
        turned.extend((exif.len() as u16 + 2).to_be_bytes());
        turned.append(&mut exif);
        turned.extend(&plain[2..]);
        let got = check(&turned, false);
        assert_eq!((got.width(), got.height()), (16, 32));
    }

    #[test]
    fn a_file_that_breaks_off_is_no_picture() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.png");
        let rgb = pixels(64, 64, 3);
        for whole in [
            png_of(64, 64, ExtendedColorType::Rgb8, &rgb),
            png_of(64, 64, ExtendedColorType::Rgb16, &pixels(64, 64, 6)),
            jpeg_of(64, 64, ExtendedColorType::Rgb8, &rgb),
        ] {
            std::fs::write(&path, &whole).unwrap();
            still_picture(&path).unwrap();
            for n in [0, 1, 9, 40, whole.len() / 2, whole.len() - 5] {
                std::fs::write(&path, &whole[..n]).unwrap();
                let error = still_picture(&path).unwrap_err().to_string();
                assert!(error.contains("a.png"), "{n} bytes: {error}");
            }
        }
        for text in ["<html>not found</html>", "{}"] {
            std::fs::write(&path, text).unwrap();
            assert!(still_picture(&path).is_err());
        }
        assert!(still_picture(dir.path()).is_err());
        assert!(still_picture(&dir.path().join("none.png")).is_err());
    }
}
