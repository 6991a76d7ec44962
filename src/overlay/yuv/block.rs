//! The numbers that `shaders/yuv.wgsl` and its twin take; layout tested against `Yuv`.

use bytemuck::{Pod, Zeroable};

use super::{AlphaMode, chroma_shifts, chroma_site, chroma_size, has_alpha};
use crate::units::{ColorMatrix, Orientation, PlanarPicture, PlaneLayout, Transfer};

/// Codes of [`YuvBlock::kind`]`[0]`.
pub(crate) mod code {
    pub const PLANAR: u32 = 0;
    pub const SEMI_PLANAR: u32 = 1;
    pub const GRAY: u32 = 2;
    pub const RGBA: u32 = 3;
}

/// Everything but the planes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub(crate) struct YuvBlock {
    /// Rows of the matrix from (Y, U, V, 1) in sample values to R, G, B in 0 to 1.
    pub rgb: [[f32; 4]; 3],
    /// Coded column and row from upright column and row: `[per column, per row, offset, 0]`.
    pub coded: [[i32; 4]; 2],
    /// Chroma coordinate from luma coordinate: scale and bias along x, then y.
    pub chroma: [f32; 4],
    /// Layout, alpha mode, transfer (0 SDR, 1 PQ, 2 HLG), 1 with alpha.
    pub kind: [u32; 4],
    /// Coded width and height, chroma width and height.
    pub size: [u32; 4],
    /// 1 / (greatest sample), checker square in pixels, its light and dark grey.
    pub alpha: [f32; 4],
    /// Gain to display light, exponent of HLG's system gamma, knee, light that becomes 1.
    pub tone: [f32; 4],
    /// Luminance of linear BT.2020.
    pub luma: [f32; 4],
    /// Rows of linear BT.2020 to BT.709, or of the identity.
    pub gamut: [[f32; 4]; 3],
}

/// Light that becomes 1, in units of 203 cd/m².
const PEAK: f32 = 1000.0 / 203.0;
/// Where the roll-off of highlights begins.
const KNEE: f32 = 0.5;

/// Weights of red and blue in luma.
fn luma_weights(matrix: ColorMatrix) -> (f64, f64) {
    match matrix {
        ColorMatrix::Bt601 => (0.299, 0.114),
        ColorMatrix::Bt709 => (0.2126, 0.0722),
        ColorMatrix::Bt2020 => (0.2627, 0.0593),
    }
}

impl YuvBlock {
    pub(crate) fn new(picture: &PlanarPicture, alpha: AlphaMode) -> Self {
        let bits = u32::from(picture.bits.clamp(8, 16));
        let greatest = f64::from((1u32 << bits) - 1);
        let rgb = match picture.layout {
            PlaneLayout::Rgba => {
                let s = 1.0 / greatest;
                [[s, 0.0, 0.0, 0.0], [0.0, s, 0.0, 0.0], [0.0, 0.0, s, 0.0]]
            }
            layout => yuv_rows(picture, bits, greatest, layout == PlaneLayout::Gray),
        };
        let (sx, sy) = chroma_shifts(picture.layout);
        let site = chroma_site(picture);
        let along = |shift: u8, site: f32| {
            let scale = 1.0 / f32::from(1u8 << shift);
            (scale, -site * scale)
        };
        let ((cx, bx), (cy, by)) = (along(sx, site[0]), along(sy, site[1]));
        let (cw, ch) = chroma_size(picture);
        let coded = coded_from_upright(picture.width, picture.height, picture.orientation);
        let (transfer, gain, exponent) = match picture.color.transfer {
            // RGBA is made for a screen, whatever its tags say, and passes bit by bit.
            _ if picture.layout == PlaneLayout::Rgba => (0, 1.0, 0.0),
            Transfer::Sdr => (0, 1.0, 0.0),
            Transfer::Pq => (1, 1.0, 0.0),
            Transfer::Hlg => (2, PEAK, 0.2),
        };
        let gamut = if picture.color.wide_gamut {
            // ITU-R BT.2087.
            [
                [1.660491, -0.587641, -0.072850, 0.0],
                [-0.124550, 1.1329, -0.008349, 0.0],
                [-0.018151, -0.100579, 1.11873, 0.0],
            ]
        } else {
            [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]
        };
        Self {
            rgb: rgb.map(|r| r.map(|v| v as f32)),
            coded: coded.map(|r| [r[0], r[1], r[2], 0]),
            chroma: [cx, bx, cy, by],
            kind: [
                match picture.layout {
                    PlaneLayout::Yuv { .. } => code::PLANAR,
                    PlaneLayout::SemiPlanar => code::SEMI_PLANAR,
                    PlaneLayout::Gray => code::GRAY,
                    PlaneLayout::Rgba => code::RGBA,
                },
                match alpha {
                    AlphaMode::Ignore => 0,
                    AlphaMode::Black => 1,
                    AlphaMode::Checker => 2,
                },
                transfer,
                u32::from(has_alpha(picture.layout)),
            ],
            size: [picture.width.max(1), picture.height.max(1), cw as u32, ch as u32],
            alpha: [(1.0 / greatest) as f32, 8.0, 0.6, 0.4],
            tone: [gain, exponent, KNEE, PEAK],
            luma: [0.2627, 0.6780, 0.0593, 0.0],
            gamut,
        }
    }
}

fn yuv_rows(picture: &PlanarPicture, bits: u32, greatest: f64, gray: bool) -> [[f64; 4]; 3] {
    let (kr, kb) = luma_weights(picture.color.matrix);
    let kg = 1.0 - kr - kb;
    let unit = f64::from(1u32 << (bits - 8));
    let (black, luma_range, chroma_range) = if picture.color.full_range {
        (0.0, greatest, greatest)
    } else {
        (16.0 * unit, 219.0 * unit, 224.0 * unit)
    };
    let (y, c) = (1.0 / luma_range, 1.0 / chroma_range);
    let middle = 128.0 * unit;
    let (ru, rv) = (0.0, 2.0 * (1.0 - kr) * c);
    let (gu, gv) = (-2.0 * kb * (1.0 - kb) / kg * c, -2.0 * kr * (1.0 - kr) / kg * c);
    let (bu, bv) = (2.0 * (1.0 - kb) * c, 0.0);
    [(ru, rv), (gu, gv), (bu, bv)].map(|(u, v)| {
        if gray { [y, 0.0, 0.0, -black * y] } else { [y, u, v, -black * y - (u + v) * middle] }
    })
}

/// Coded column and row of an upright pixel: `[per column, per row, offset]` each.
pub(super) fn coded_from_upright(w: u32, h: u32, o: Orientation) -> [[i32; 3]; 2] {
    let (w, h) = (w.max(1) as i32, h.max(1) as i32);
    // Undo the clockwise turn.
    let [mut x, y] = match o.quarter_turns % 4 {
        0 => [[1, 0, 0], [0, 1, 0]],
        1 => [[0, 1, 0], [-1, 0, h - 1]],
        2 => [[-1, 0, w - 1], [0, -1, h - 1]],
        _ => [[0, -1, w - 1], [1, 0, 0]],
    };
    if o.mirrored {
        x = [-x[0], -x[1], w - 1 - x[2]];
    }
    [x, y]
}
