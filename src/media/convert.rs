//! Decoded frames to [`PlanarPicture`]: planes as they are where our layouts know them, through
//! swscale where not.

use std::ptr::addr_of;

use ff::ffi;
use ff::format::Pixel;
use ff::software::scaling;
use ffmpeg_next as ff;

use super::jpeg;
use super::pixels::{ColorTags, frame_orientation, pixel_aspect};
use crate::units::{ColorSpec, Orientation, PlanarPicture, Plane, PlaneLayout};

/// Longest side that is handed on; larger pictures are reduced (no graphics card takes them).
pub(super) const MAX_SIDE: u32 = 8192;

/// How a pixel format lies in memory, where one of our layouts fits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Native {
    layout: PlaneLayout,
    bits: u8,
    /// Bits to shift right so that the value lies in the low bits (P010 keeps it in the high).
    shift: u8,
}

/// What the stream says about all its frames.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamTraits {
    pub orientation: Option<Orientation>,
    pub pixel_aspect: ffi::AVRational,
    /// Follow libjpeg bit for bit (still JPEG pictures).
    pub exact_jpeg: bool,
    /// Turn by the picture's own tag (EXIF).
    pub use_frame_orientation: bool,
}

/// A swscale context, kept while frames stay alike.
struct Scaler(scaling::Context);

// SAFETY: an SwsContext is plain memory without ties to a thread; it is only used through `&mut`.
unsafe impl Send for Scaler {}

/// Turns frames of one stream into pictures.
pub(super) struct Converter {
    traits: StreamTraits,
    scaler: Option<Scaler>,
    scaled: ff::frame::Video,
}

/// Facts about a frame's format that `fnac probe` prints.
#[derive(Clone, Debug)]
pub(super) struct FrameFacts {
    pub pixel_format: String,
    pub bits: u8,
    pub alpha: bool,
    pub color: ColorSpec,
    pub color_guessed: bool,
    pub unsupported_matrix: Option<&'static str>,
    pub orientation: Orientation,
    pub pixel_aspect: f32,
    pub width: u32,
    pub height: u32,
}

impl Converter {
    pub fn new(traits: StreamTraits) -> Self {
        Self { traits, scaler: None, scaled: ff::frame::Video::empty() }
    }

    /// Describes a frame without converting it.
    pub fn facts(&self, frame: &ff::frame::Video) -> FrameFacts {
        let format = frame.format();
        let d = descriptor(format);
        let tags = ColorTags::of_frame(frame);
        let (color, guessed) = tags.spec(frame.width(), frame.height(), is_full_range(format));
        let d = d.as_ref();
        let rgb = d.is_some_and(|d| d.flags & RGB != 0);
        FrameFacts {
            pixel_format: d.map_or_else(|| "unknown".into(), |d| d.name.clone()),
            bits: d.map_or(8, |d| d.depth),
            alpha: d.is_some_and(|d| d.flags & ALPHA != 0),
            color,
            color_guessed: guessed && !rgb,
            unsupported_matrix: tags.unsupported_matrix(),
            orientation: self.orientation(frame),
            pixel_aspect: self.aspect(frame),
            width: frame.width(),
            height: frame.height(),
        }
    }

    fn orientation(&self, frame: &ff::frame::Video) -> Orientation {
        let own = || frame_orientation(frame).filter(|_| self.traits.use_frame_orientation);
        self.traits.orientation.or_else(own).unwrap_or_default()
    }

    fn aspect(&self, frame: &ff::frame::Video) -> f32 {
        // SAFETY: the frame is valid; the field is plain data.
        let own = unsafe { (*frame.as_ptr()).sample_aspect_ratio };
        pixel_aspect(self.traits.pixel_aspect, own)
    }

    /// Copies or converts a decoded frame; the error says why it cannot be.
    pub fn picture(&mut self, frame: &ff::frame::Video) -> Result<PlanarPicture, String> {
        let (width, height) = (frame.width(), frame.height());
        if width == 0 || height == 0 {
            return Err("the decoder gave a picture without size".into());
        }
        let orientation = self.orientation(frame);
        let pixel_aspect = self.aspect(frame);
        let format = frame.format();
        let (mut color, _) = ColorTags::of_frame(frame).spec(width, height, is_full_range(format));
        let small = width <= MAX_SIDE && height <= MAX_SIDE;
        let (layout, bits, planes, width, height) = match native(format).filter(|_| small) {
            Some(n) => (n.layout, n.bits, copy_planes(frame, n)?, width, height),
            None => {
                let target = target_format(format).ok_or("its pixel format is not known")?;
                let n = native(target).ok_or("its pixel format is not known")?;
                let (w, h) = fit(width, height, MAX_SIDE);
                self.scale(frame, target, w, h)?;
                (n.layout, n.bits, copy_planes(&self.scaled, n)?, w, h)
            }
        };
        if layout == PlaneLayout::Rgba {
            color = ColorSpec { full_range: true, ..ColorSpec::default() };
        }
        let mut picture =
            PlanarPicture { width, height, layout, bits, color, orientation, pixel_aspect, planes };
        let like_libjpeg = self.traits.exact_jpeg && color.full_range && bits == 8;
        if let Some(exact) = like_libjpeg.then(|| exact_jpeg(&picture)).flatten() {
            picture = exact;
        }
        Ok(picture)
    }

    fn scale(
        &mut self,
        frame: &ff::frame::Video,
        target: Pixel,
        w: u32,
        h: u32,
    ) -> Result<(), String> {
        let (format, fw, fh) = (frame.format(), frame.width(), frame.height());
        let fits = |s: &Scaler| {
            let (i, o) = (s.0.input(), s.0.output());
            (i.format, i.width, i.height) == (format, fw, fh)
                && (o.format, o.width, o.height) == (target, w, h)
        };
        if !self.scaler.as_ref().is_some_and(fits) {
            use scaling::Flags;
            let flags = Flags::BICUBIC | Flags::ACCURATE_RND | Flags::FULL_CHR_H_INT;
            let context = scaling::Context::get(format, fw, fh, target, w, h, flags)
                .map_err(|_| format!("pixel format {format:?} cannot be converted"))?;
            self.scaler = Some(Scaler(context));
            self.scaled = ff::frame::Video::empty();
        }
        let Some(scaler) = &mut self.scaler else { return Err("no converter".into()) };
        if self.scaled.width() == 0 {
            self.scaled = new_frame(target, w, h)?;
        }
        scaler.0.run(frame, &mut self.scaled).map_err(|e| e.to_string())
    }
}

/// A frame with memory for `w` x `h` pixels, or why not.
pub(super) fn new_frame(format: Pixel, w: u32, h: u32) -> Result<ff::frame::Video, String> {
    let frame = ff::frame::Video::new(format, w, h);
    // SAFETY: reading whether the allocation inside `new` succeeded; it reports nothing itself.
    if unsafe { frame.is_empty() } {
        return Err(format!("a picture of {w}x{h} does not fit into memory"));
    }
    Ok(frame)
}

/// Still JPEG to RGBA as libjpeg does it; `None` for layouts that it does not cover.
fn exact_jpeg(p: &PlanarPicture) -> Option<PlanarPicture> {
    let PlaneLayout::Yuv { shift_x: shift_x @ 0..=1, shift_y: shift_y @ 0..=1, alpha: false } =
        p.layout
    else {
        return None;
    };
    let [y, cb, cr] = p.planes.as_slice() else { return None };
    let s = |p: &'_ Plane| (p.width as usize, p.height as usize, p.stride);
    if [y, cb, cr].iter().any(|p| s(p).0 != s(p).2) {
        return None;
    }
    let samples = |p| {
        let Plane { width, height, data, .. }: &Plane = p;
        jpeg::Samples { width: *width as usize, height: *height as usize, data }
    };
    let data = jpeg::rgba_from_ycc(&samples(y), &samples(cb), &samples(cr), shift_x, shift_y)?;
    let plane = Plane { width: 4 * p.width, height: p.height, stride: 4 * p.width as usize, data };
    Some(PlanarPicture {
        layout: PlaneLayout::Rgba,
        color: ColorSpec { full_range: true, ..ColorSpec::default() },
        planes: vec![plane],
        ..p.clone_without_planes()
    })
}

trait WithoutPlanes {
    fn clone_without_planes(&self) -> Self;
}

impl WithoutPlanes for PlanarPicture {
    fn clone_without_planes(&self) -> Self {
        Self { planes: Vec::new(), ..*self }
    }
}

/// `w` x `h` reduced to at most `side` per side, shape kept.
fn fit(w: u32, h: u32, side: u32) -> (u32, u32) {
    let long = w.max(h);
    if long <= side {
        return (w, h);
    }
    let scale = |v: u32| ((u64::from(v) * u64::from(side)).div_ceil(u64::from(long)) as u32).max(1);
    (scale(w), scale(h))
}

const BE: u64 = 1 << 0;
const PAL: u64 = 1 << 1;
const BITSTREAM: u64 = 1 << 2;
const HWACCEL: u64 = 1 << 3;
const RGB: u64 = 1 << 5;
const ALPHA: u64 = 1 << 7;
const BAYER: u64 = 1 << 8;
const FLOAT: u64 = 1 << 9;

/// FFmpeg's description of a pixel format, as plain numbers.
#[derive(Clone, Debug)]
struct Descriptor {
    name: String,
    components: usize,
    log2_chroma_w: u8,
    log2_chroma_h: u8,
    flags: u64,
    /// Depth of the first component.
    depth: u8,
    /// Per component: plane, bytes between two samples, offset, shift, depth.
    comp: [[i32; 5]; 4],
}

fn descriptor(format: Pixel) -> Option<Descriptor> {
    // SAFETY: FFmpeg returns null or a pointer to a static description; C strings in it are
    // static too.
    unsafe {
        let d = ffi::av_pix_fmt_desc_get(format.into());
        let d = d.as_ref()?;
        let mut comp = [[0; 5]; 4];
        for (out, c) in comp.iter_mut().zip(&*addr_of!(d.comp)) {
            *out = [c.plane, c.step, c.offset, c.shift, c.depth];
        }
        Some(Descriptor {
            name: std::ffi::CStr::from_ptr(d.name).to_string_lossy().into_owned(),
            components: usize::from(d.nb_components),
            log2_chroma_w: d.log2_chroma_w,
            log2_chroma_h: d.log2_chroma_h,
            flags: d.flags,
            depth: u8::try_from(comp[0][4]).unwrap_or(8),
            comp,
        })
    }
}

/// The layout of ours that a format has in memory, if any.
fn native(format: Pixel) -> Option<Native> {
    if format == Pixel::RGBA {
        return Some(Native { layout: PlaneLayout::Rgba, bits: 8, shift: 0 });
    }
    let d = descriptor(format)?;
    if d.flags & (PAL | BITSTREAM | HWACCEL | RGB | BAYER | FLOAT) != 0 || d.depth == 0 {
        return None;
    }
    let bytes = if d.depth > 8 { 2 } else { 1 };
    let wrong_end = if cfg!(target_endian = "little") { BE } else { 0 };
    if bytes == 2 && d.flags & wrong_end != 0 || d.depth > 16 || d.depth < 8 {
        return None;
    }
    let [depth, shift] = [d.comp[0][4], d.comp[0][3]];
    if d.comp[..d.components].iter().any(|c| c[4] != depth || c[3] != shift) {
        return None;
    }
    let bits = d.depth;
    let shift = u8::try_from(shift).ok()?;
    let plain = |i: usize, plane: i32| d.comp[i][..3] == [plane, bytes, 0];
    match d.components {
        1 if plain(0, 0) => Some(Native { layout: PlaneLayout::Gray, bits, shift }),
        n @ 3..=4 if plain(0, 0) && plain(1, 1) && plain(2, 2) => {
            let alpha = n == 4;
            if alpha && !plain(3, 3) || d.log2_chroma_w > 2 || d.log2_chroma_h > 1 {
                return None;
            }
            let (shift_x, shift_y) = (d.log2_chroma_w, d.log2_chroma_h);
            Some(Native { layout: PlaneLayout::Yuv { shift_x, shift_y, alpha }, bits, shift })
        }
        3 if plain(0, 0)
            && d.comp[1][..3] == [1, 2 * bytes, 0]
            && d.comp[2][..3] == [1, 2 * bytes, bytes]
            && (d.log2_chroma_w, d.log2_chroma_h) == (1, 1) =>
        {
            Some(Native { layout: PlaneLayout::SemiPlanar, bits, shift })
        }
        _ => None,
    }
}

/// The format to convert to: the nearest planar YUV for YUV (so that the shader still does the
/// colours), RGBA for everything else; itself where it is native.
fn target_format(format: Pixel) -> Option<Pixel> {
    let d = descriptor(format)?;
    if d.flags & HWACCEL != 0 {
        return None;
    }
    if native(format).is_some_and(|n| n.layout != PlaneLayout::Gray || n.bits == 8) {
        return Some(format);
    }
    if d.flags & (PAL | RGB | BAYER | FLOAT | BITSTREAM) != 0 || d.name.starts_with("xyz") {
        return Some(Pixel::RGBA);
    }
    if d.components < 3 {
        return Some(match (d.components, d.depth) {
            (1, 9..) => Pixel::GRAY16LE,
            _ => Pixel::RGBA,
        });
    }
    let deep = match d.depth {
        0..=8 => 0,
        9..=10 => 1,
        11..=12 => 2,
        _ => 3,
    };
    let full = (d.log2_chroma_w, d.log2_chroma_h) == (0, 0);
    if d.flags & ALPHA != 0 {
        return Some(if full || deep == 2 {
            [Pixel::YUVA444P, Pixel::YUVA444P10LE, Pixel::YUVA444P16LE, Pixel::YUVA444P16LE][deep]
        } else {
            [Pixel::YUVA422P, Pixel::YUVA422P10LE, Pixel::YUVA422P16LE, Pixel::YUVA422P16LE][deep]
        });
    }
    Some(if full {
        [Pixel::YUV444P, Pixel::YUV444P10LE, Pixel::YUV444P12LE, Pixel::YUV444P16LE][deep]
    } else if d.log2_chroma_h == 0 {
        [Pixel::YUV422P, Pixel::YUV422P10LE, Pixel::YUV422P12LE, Pixel::YUV422P16LE][deep]
    } else {
        [Pixel::YUV420P, Pixel::YUV420P10LE, Pixel::YUV420P12LE, Pixel::YUV420P16LE][deep]
    })
}

/// Formats whose samples span 0..255 by their name or nature.
fn is_full_range(format: Pixel) -> bool {
    matches!(
        format,
        Pixel::YUVJ420P | Pixel::YUVJ422P | Pixel::YUVJ444P | Pixel::YUVJ440P | Pixel::YUVJ411P
    ) || descriptor(format).is_some_and(|d| d.components < 3 || d.flags & RGB != 0)
}

/// Copies the planes of a frame whose format is native, rows packed.
fn copy_planes(frame: &ff::frame::Video, n: Native) -> Result<Vec<Plane>, String> {
    let (w, h) = (frame.width(), frame.height());
    let half = |v: u32, shift: u8| v.div_ceil(1 << shift);
    let sizes: Vec<(u32, u32)> = match n.layout {
        PlaneLayout::Yuv { shift_x, shift_y, alpha } => {
            let c = (half(w, shift_x), half(h, shift_y));
            let mut sizes = vec![(w, h), c, c];
            if alpha {
                sizes.push((w, h));
            }
            sizes
        }
        PlaneLayout::SemiPlanar => vec![(w, h), (2 * half(w, 1), half(h, 1))],
        PlaneLayout::Gray => vec![(w, h)],
        PlaneLayout::Rgba => vec![(4 * w, h)],
    };
    let bytes = if n.bits > 8 { 2 } else { 1 };
    let plane = |(i, (pw, ph)): (usize, (u32, u32))| {
        let row = pw as usize * bytes;
        // SAFETY: the arrays have 8 entries and `i` is below 4.
        let (data, stride) =
            unsafe { ((*frame.as_ptr()).data[i], (*frame.as_ptr()).linesize[i] as isize) };
        if data.is_null() || stride.unsigned_abs() < row {
            return Err(String::from("the decoder gave a picture without its planes"));
        }
        let mut out = Vec::with_capacity(row * ph as usize);
        for y in 0..ph as isize {
            // SAFETY: a decoded plane holds `ph` rows of at least `row` bytes, `stride` apart
            // (negative for pictures stored from the bottom up, where `data` is the top row).
            let line = unsafe { std::slice::from_raw_parts(data.offset(y * stride), row) };
            out.extend_from_slice(line);
        }
        if n.shift > 0 {
            for s in out.chunks_exact_mut(2) {
                let v = u16::from_ne_bytes([s[0], s[1]]) >> n.shift;
                s.copy_from_slice(&v.to_le_bytes());
            }
        }
        Ok(Plane { width: pw, height: ph, stride: row, data: out })
    };
    sizes.into_iter().enumerate().map(plane).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yuv(format: Pixel) -> Option<(u8, u8, bool, u8)> {
        match native(format)? {
            Native { layout: PlaneLayout::Yuv { shift_x, shift_y, alpha }, bits, shift: 0 } => {
                Some((shift_x, shift_y, alpha, bits))
            }
            _ => None,
        }
    }

    #[test]
    fn planar_formats_go_through_as_they_are() {
        assert_eq!(yuv(Pixel::YUV420P), Some((1, 1, false, 8)));
        assert_eq!(yuv(Pixel::YUVJ422P), Some((1, 0, false, 8)));
        assert_eq!(yuv(Pixel::YUV444P12LE), Some((0, 0, false, 12)));
        assert_eq!(yuv(Pixel::YUV411P), Some((2, 0, false, 8)));
        assert_eq!(yuv(Pixel::YUVA420P), Some((1, 1, true, 8)));
        assert_eq!(yuv(Pixel::YUVA444P10LE), Some((0, 0, true, 10)));
        assert_eq!(yuv(Pixel::YUV420P10LE), Some((1, 1, false, 10)));
    }

    #[test]
    fn semi_planar_and_grey_formats_are_known() {
        let n = native(Pixel::NV12).unwrap();
        assert_eq!((n.layout, n.bits, n.shift), (PlaneLayout::SemiPlanar, 8, 0));
        let p = native(Pixel::P010LE).unwrap();
        assert_eq!((p.layout, p.bits, p.shift), (PlaneLayout::SemiPlanar, 10, 6));
        let g = native(Pixel::GRAY8).unwrap();
        assert_eq!((g.layout, g.bits), (PlaneLayout::Gray, 8));
        assert_eq!(native(Pixel::GRAY10LE).unwrap().bits, 10);
    }

    #[test]
    fn everything_else_has_a_native_target() {
        for (from, to) in [
            (Pixel::NV21, Pixel::YUV420P),
            (Pixel::NV16, Pixel::YUV422P),
            (Pixel::YUYV422, Pixel::YUV422P),
            (Pixel::YUV410P, Pixel::YUV420P),
            (Pixel::YUV420P10BE, Pixel::YUV420P10LE),
            (Pixel::RGB24, Pixel::RGBA),
            (Pixel::GBRP, Pixel::RGBA),
            (Pixel::PAL8, Pixel::RGBA),
            (Pixel::RGBA64LE, Pixel::RGBA),
            (Pixel::YA8, Pixel::RGBA),
            (Pixel::MonoBlack, Pixel::RGBA),
        ] {
            assert_eq!(native(from), None, "{from:?}");
            assert_eq!(target_format(from), Some(to), "{from:?}");
            assert!(native(to).is_some(), "{to:?}");
        }
    }

    #[test]
    fn large_pictures_keep_their_shape_when_reduced() {
        assert_eq!(fit(640, 480, 8192), (640, 480));
        assert_eq!(fit(16384, 8192, 8192), (8192, 4096));
        assert_eq!(fit(100_000, 1, 8192), (8192, 1));
    }
}
