//! Tags of a stream or frame: colours, orientation, pixel shape; and the guesses where they lack.

use ff::ffi;
use ffmpeg_next as ff;

use crate::units::{ColorMatrix, ColorSpec, Orientation, Transfer};

/// Colour tags as the numbers of ITU-T H.273, which FFmpeg uses too. Read as integers: a file
/// can hold numbers that no enum has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ColorTags {
    pub matrix: i32,
    pub range: i32,
    pub primaries: i32,
    pub transfer: i32,
}

/// "Unspecified" in H.273.
#[cfg(test)]
const UNSPECIFIED: i32 = 2;

/// Reads an enum field without forming an enum value.
macro_rules! raw_i32 {
    ($field:expr) => {
        *std::ptr::addr_of!($field).cast::<i32>()
    };
}

impl ColorTags {
    /// Tags of a decoded frame.
    pub fn of_frame(frame: &ff::frame::Video) -> Self {
        // SAFETY: the frame is valid; C enums are 32-bit integers, read as such.
        unsafe {
            let f = frame.as_ptr();
            Self {
                matrix: raw_i32!((*f).colorspace),
                range: raw_i32!((*f).color_range),
                primaries: raw_i32!((*f).color_primaries),
                transfer: raw_i32!((*f).color_trc),
            }
        }
    }

    /// The colour description for a picture of this size, and whether its matrix is a guess.
    ///
    /// Guesses, as players make them: no matrix tag means BT.2020 beside BT.2020 primaries, else
    /// BT.601 up to 1024x576 (SD) and BT.709 above (HD); no range tag means limited, but full for
    /// the `yuvj` formats and for RGB and grey pictures.
    pub fn spec(self, width: u32, height: u32, full_by_format: bool) -> (ColorSpec, bool) {
        let wide_gamut = self.primaries == 9;
        let (matrix, guessed) = match self.matrix {
            1 | 7 => (ColorMatrix::Bt709, false),
            4..=6 => (ColorMatrix::Bt601, false),
            9 | 10 => (ColorMatrix::Bt2020, false),
            _ if wide_gamut => (ColorMatrix::Bt2020, true),
            _ if width <= 1024 && height <= 576 => (ColorMatrix::Bt601, true),
            _ => (ColorMatrix::Bt709, true),
        };
        let transfer = match self.transfer {
            16 => Transfer::Pq,
            18 => Transfer::Hlg,
            _ => Transfer::Sdr,
        };
        let full_range = match self.range {
            1 => false,
            2 => true,
            _ => full_by_format,
        };
        (ColorSpec { matrix, full_range, transfer, wide_gamut }, guessed)
    }

    /// A matrix that the conversion to RGB does not know, by name.
    pub fn unsupported_matrix(self) -> Option<&'static str> {
        match self.matrix {
            8 => Some("YCgCo"),
            11 => Some("SMPTE 2085"),
            12 | 13 => Some("chromaticity-derived"),
            14 => Some("ICtCp"),
            _ => None,
        }
    }

    /// True when nothing is tagged.
    #[cfg(test)]
    pub fn untagged() -> Self {
        Self { matrix: UNSPECIFIED, range: 0, primaries: UNSPECIFIED, transfer: UNSPECIFIED }
    }
}

/// Turns and mirroring from a display matrix (nine 16.16 numbers, row-major, applied to row
/// vectors with y downward). Angles between quarter turns go to the nearest one.
pub(super) fn orientation_of_matrix(m: &[i32; 9]) -> Orientation {
    let (a, b, c, d) = (i64::from(m[0]), i64::from(m[1]), i64::from(m[3]), i64::from(m[4]));
    let mirrored = a * d - b * c < 0;
    // Undo the mirroring (it comes first, so it negates the first row), then read the turn off.
    let (a, b) = if mirrored { (-a, -b) } else { (a, b) };
    let quarter_turns = if a.abs() >= b.abs() {
        if a >= 0 { 0 } else { 2 }
    } else if b > 0 {
        1
    } else {
        3
    };
    Orientation { quarter_turns, mirrored }
}

/// Parses the 36 bytes of a display matrix side data.
pub(super) fn orientation_of_bytes(bytes: &[u8]) -> Option<Orientation> {
    let mut m = [0i32; 9];
    for (v, chunk) in m.iter_mut().zip(bytes.get(..36)?.chunks_exact(4)) {
        *v = i32::from_ne_bytes(chunk.try_into().ok()?);
    }
    Some(orientation_of_matrix(&m))
}

/// The stream's display matrix, if it has one.
pub(super) fn stream_orientation(stream: &ff::Stream<'_>) -> Option<Orientation> {
    stream
        .side_data()
        .find(|s| s.kind() == ff::packet::side_data::Type::DisplayMatrix)
        .and_then(|s| orientation_of_bytes(s.data()))
}

/// The frame's display matrix (a JPEG's EXIF orientation arrives here).
pub(super) fn frame_orientation(frame: &ff::frame::Video) -> Option<Orientation> {
    let data = frame.side_data(ff::frame::side_data::Type::DisplayMatrix)?;
    orientation_of_bytes(data.data())
}

/// Pixel width over height: the container's word first, then the codec's; 1 when neither says
/// anything sensible.
pub(super) fn pixel_aspect(container: ffi::AVRational, codec: ffi::AVRational) -> f32 {
    for r in [container, codec] {
        if r.num > 0 && r.den > 0 {
            let aspect = f64::from(r.num) / f64::from(r.den);
            if (1.0 / 64.0..=64.0).contains(&aspect) {
                return aspect as f32;
            }
        }
    }
    1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: i32 = 65536;

    fn matrix(a: i32, b: i32, c: i32, d: i32) -> [i32; 9] {
        [a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30]
    }

    /// Where the point (x, y) goes: mirror left-right first, then turn clockwise.
    fn apply(o: Orientation, (x, y): (i32, i32)) -> (i32, i32) {
        let start = if o.mirrored { (-x, y) } else { (x, y) };
        (0..o.quarter_turns).fold(start, |(x, y), _| (-y, x))
    }

    #[test]
    fn all_eight_display_matrices_give_the_turn_that_they_describe() {
        for quarter_turns in 0..4 {
            for mirrored in [false, true] {
                let o = Orientation { quarter_turns, mirrored };
                // Rows of the matrix are the images of the unit vectors.
                let ((a, b), (c, d)) = (apply(o, (1, 0)), apply(o, (0, 1)));
                assert_eq!(orientation_of_matrix(&matrix(a, b, c, d)), o);
            }
        }
    }

    #[test]
    fn a_phone_held_upright_is_turned_clockwise() {
        // What phones write for "rotate 90": x goes down, y goes left.
        let o = orientation_of_matrix(&matrix(0, 1, -1, 0));
        assert_eq!(o, Orientation { quarter_turns: 1, mirrored: false });
    }

    #[test]
    fn short_or_hostile_matrices_do_not_panic() {
        assert_eq!(orientation_of_bytes(&[1; 35]), None);
        let _ = orientation_of_matrix(&[i32::MIN; 9]);
        let _ = orientation_of_matrix(&[i32::MAX; 9]);
        assert_eq!(orientation_of_matrix(&[0; 9]), Orientation::default());
    }

    #[test]
    fn untagged_pictures_are_601_when_small_and_709_when_large() {
        let t = ColorTags::untagged();
        assert_eq!(t.spec(720, 576, false).0.matrix, ColorMatrix::Bt601);
        assert_eq!(t.spec(1280, 720, false).0.matrix, ColorMatrix::Bt709);
        assert!(t.spec(1280, 720, false).1);
        assert!(!t.spec(16, 16, false).0.full_range && t.spec(16, 16, true).0.full_range);
    }

    #[test]
    fn tags_win_over_guesses() {
        let t = ColorTags { matrix: 9, range: 2, primaries: 9, transfer: 16 };
        let (spec, guessed) = t.spec(16, 16, false);
        assert_eq!(spec.matrix, ColorMatrix::Bt2020);
        assert!(spec.full_range && spec.wide_gamut && !guessed);
        assert_eq!(spec.transfer, Transfer::Pq);
        let limited = ColorTags { range: 1, ..t };
        assert!(!limited.spec(16, 16, true).0.full_range);
    }

    #[test]
    fn nonsense_pixel_shapes_count_as_square() {
        let r = |num, den| ffi::AVRational { num, den };
        assert_eq!(pixel_aspect(r(0, 1), r(16, 11)), 16.0 / 11.0);
        assert_eq!(pixel_aspect(r(4, 3), r(16, 11)), 4.0 / 3.0);
        assert_eq!(pixel_aspect(r(-1, 1), r(1_000_000, 1)), 1.0);
    }
}
