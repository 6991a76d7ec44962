//! Planes to RGB: the twin of `shaders/yuv.wgsl`, and the numbers that both take.
//!
//! Start reading at [`rgb_from_planes`]; it feeds the network, so it is held to the shader
//! within 1/255. Chroma is interpolated bilinearly at the sites that [`chroma_site`] says.
//!
//! HDR is tone-mapped: signal to display light with 203 cd/m² as 1 (ITU-R BT.2408), HLG with
//! its system gamma of 1.2 at 1,000 cd/m²; the greatest component is left alone up to 0.5 and
//! rolls off above (extended Reinhard from the knee, slope kept) so that 1,000 cd/m² becomes 1;
//! BT.2020 primaries to BT.709; clipped; encoded as sRGB.

mod block;
mod curves;
mod fast;

pub(crate) use block::YuvBlock;
#[cfg(test)]
pub(crate) use block::code;
pub(crate) use curves::{CURVE_LEN, CURVE_ROWS, curves};

use rayon::prelude::*;

use crate::units::{
    ColorMatrix, Orientation, PlanarPicture, Plane, PlaneLayout, RgbPicture, Transfer,
};

/// What stands behind transparent pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AlphaMode {
    /// Transparency is ignored, as the network's own loader does.
    #[default]
    Ignore,
    /// Black.
    Black,
    /// Grey squares of 8 pixels.
    Checker,
}

/// Upright RGB picture from planes, at native resolution, on the calling thread; transparency
/// is ignored. RGBA planes come out bit by bit.
///
/// Planes that are too short read as zero beyond their end.
pub fn rgb_from_planes(picture: &PlanarPicture) -> RgbPicture {
    rgb_from_planes_with(picture, AlphaMode::Ignore, false)
}

/// [`rgb_from_planes`] with a choice of background and, when `parallel`, on all cores.
pub fn rgb_from_planes_with(
    picture: &PlanarPicture,
    alpha: AlphaMode,
    parallel: bool,
) -> RgbPicture {
    let (w, h) = (picture.width.max(1) as usize, picture.height.max(1) as usize);
    let mut data = vec![0u8; 3 * w * h];
    let block = YuvBlock::new(picture, alpha);
    let convert = |first: usize, rows: &mut [u8]| {
        let mut scratch = fast::Scratch::new(w);
        for (k, out) in rows.chunks_exact_mut(3 * w).enumerate() {
            fast::convert_row(picture, &block, first + k, &mut scratch, out);
        }
    };
    if parallel {
        let band = 32;
        data.par_chunks_mut(3 * w * band).enumerate().for_each(|(i, rows)| convert(i * band, rows));
    } else {
        convert(0, &mut data);
    }
    let data = upright(data, w, h, picture.orientation);
    let (w, h) = picture.upright_size();
    let (w, h) = (w.max(1), h.max(1));
    // The buffer has this size by construction.
    RgbPicture::new(w, h, data).unwrap_or_else(|| black(w, h))
}

fn black(w: u32, h: u32) -> RgbPicture {
    RgbPicture::new(w, h, vec![0; 3 * w as usize * h as usize])
        .unwrap_or_else(|| unreachable!("a black picture has the bytes its size asks for"))
}

/// Turns coded RGB rows upright.
fn upright(data: Vec<u8>, w: usize, h: usize, orientation: Orientation) -> Vec<u8> {
    if orientation == Orientation::default() {
        return data;
    }
    let map = block::coded_from_upright(w as u32, h as u32, orientation);
    let (uw, uh) = if orientation.quarter_turns % 2 == 1 { (h, w) } else { (w, h) };
    let mut out = vec![0u8; data.len()];
    for (y, row) in out.chunks_exact_mut(3 * uw).enumerate().take(uh) {
        let (x0, y0) = (map[0][1] * y as i32 + map[0][2], map[1][1] * y as i32 + map[1][2]);
        for (x, px) in row.chunks_exact_mut(3).enumerate() {
            let (cx, cy) = (map[0][0] * x as i32 + x0, map[1][0] * x as i32 + y0);
            let at = 3 * (cy as usize * w + cx as usize);
            px.copy_from_slice(&data[at..at + 3]);
        }
    }
    out
}

/// Where chroma samples lie: offset of the first one from the first luma sample, in luma
/// samples, along x and y; 0 on it, 0.5 between it and the next of a pair.
///
/// JPEG-like pictures (full range, BT.601) have them in the middle of their luma samples; all
/// others as MPEG-2, H.264 and HEVC do by default: on the luma column, between the luma rows.
pub fn chroma_site(picture: &PlanarPicture) -> [f32; 2] {
    let (sx, sy) = chroma_shifts(picture.layout);
    let centre = |shift: u8| (f32::from(1u8 << shift) - 1.0) / 2.0;
    let jpeg = picture.color.full_range && picture.color.matrix == ColorMatrix::Bt601;
    [if jpeg { centre(sx) } else { 0.0 }, centre(sy)]
}

pub(crate) fn chroma_shifts(layout: PlaneLayout) -> (u8, u8) {
    match layout {
        PlaneLayout::Yuv { shift_x, shift_y, .. } => (shift_x.min(3), shift_y.min(3)),
        PlaneLayout::SemiPlanar => (1, 1),
        PlaneLayout::Gray | PlaneLayout::Rgba => (0, 0),
    }
}

/// Size of the chroma planes in samples (pairs, for interleaved ones).
pub(crate) fn chroma_size(picture: &PlanarPicture) -> (usize, usize) {
    let (sx, sy) = chroma_shifts(picture.layout);
    let up = |n: u32, s: u8| (n.max(1) as usize).div_ceil(1 << s);
    (up(picture.width, sx), up(picture.height, sy))
}

/// The bytes of row `y`, fewer or none where the plane is too short.
pub(crate) fn row(plane: Option<&Plane>, y: usize) -> &[u8] {
    let Some(plane) = plane else { return &[] };
    let Some(from) = y.checked_mul(plane.stride) else { return &[] };
    let end = from.saturating_add(plane.stride).min(plane.data.len());
    plane.data.get(from..end).unwrap_or(&[])
}

/// Index of the alpha plane or component.
pub(crate) fn has_alpha(layout: PlaneLayout) -> bool {
    matches!(layout, PlaneLayout::Yuv { alpha: true, .. } | PlaneLayout::Rgba)
}

/// Whether the picture is high dynamic range and thus tone-mapped.
pub fn is_tone_mapped(picture: &PlanarPicture) -> bool {
    picture.color.transfer != Transfer::Sdr && picture.layout != PlaneLayout::Rgba
}

#[cfg(test)]
mod tests;
