//! The shaders' twins: the same picture without any GPU.
//!
//! Used for exports and screenshots on machines without one, and by the tests that hold the
//! shaders to these formulas (and these to the shaders). One pass like theirs: picture, colour,
//! lines, one rounding at the end. Start reading at [`render`].

mod heat;
mod picture;

use rayon::prelude::*;

use super::field::Taps;
use super::uniforms::{FrameData, MASK_SLOT, flag, interpolation_from};
use super::{Interpolation, OverlayParams, View};
use crate::units::{GRID, MapGrid, RgbPicture};
use picture::Axis;

/// Rows per task: small enough to share a picture between cores, large enough to be worth it.
const BAND_ROWS: usize = 16;

/// Picture and overlay as the shaders draw them: RGBA bytes, row 0 at the top, alpha 255,
/// `view.size` rounded down (at least 1x1) pixels. `picture` is upright.
pub fn render(picture: &RgbPicture, params: &OverlayParams, view: &View) -> RgbaPicture {
    let data = FrameData::new(params, view);
    render_frame(picture, &data, view)
}

/// Packed 8-bit RGBA, row 0 at the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RgbaPicture {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// `4 * width * height` bytes.
    pub data: Vec<u8>,
}

impl RgbaPicture {
    /// Pixel at column `x` and row `y`, zero outside.
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 4] {
        let at = 4 * (y as usize * self.width as usize + x as usize);
        match self.data.get(at..at + 4) {
            Some(p) if x < self.width => [p[0], p[1], p[2], p[3]],
            _ => [0; 4],
        }
    }
}

/// What every row of a panel shares along x.
struct Column {
    /// Pixel centre.
    px: f32,
    u: f32,
    cell: f32,
    taps: Taps,
    mask_taps: Taps,
}

struct PanelPlan<'a> {
    index: usize,
    rows: std::ops::Range<usize>,
    cols: std::ops::Range<usize>,
    columns: Vec<Column>,
    x_axis: Axis,
    mode: Interpolation,
    grid: Option<MapGrid<'a>>,
    mask: Option<MapGrid<'a>>,
}

pub(crate) fn render_frame(picture: &RgbPicture, data: &FrameData, view: &View) -> RgbaPicture {
    let (w, h) = (view.size[0].max(1.0) as usize, view.size[1].max(1.0) as usize);
    let background = quantised(data.block.background);
    let mut out = vec![0u8; 4 * w * h];
    let plans: Vec<PanelPlan> = (0..data.block.count[0] as usize)
        .map(|p| PanelPlan::new(data, p, picture.width(), w, h))
        .collect();
    out.par_chunks_mut(4 * w * BAND_ROWS).enumerate().for_each(|(band, rows)| {
        for (k, row) in rows.chunks_exact_mut(4 * w).enumerate() {
            for px in row.chunks_exact_mut(4) {
                px.copy_from_slice(&background);
            }
            for plan in &plans {
                plan.draw_row(picture, data, band * BAND_ROWS + k, row);
            }
        }
    });
    RgbaPicture { width: w as u32, height: h as u32, data: out }
}

fn quantised(c: [f32; 4]) -> [u8; 4] {
    c.map(|v| (v * 255.0 + 0.5) as u8)
}

/// Pixels whose centres lie in `[lo, hi)`.
fn pixels(lo: f32, hi: f32, len: usize) -> std::ops::Range<usize> {
    let first = ((lo - 0.5).ceil().max(0.0) as usize).min(len);
    let end = ((hi - 0.5).ceil().max(0.0) as usize).min(len);
    first..end.max(first)
}

impl<'a> PanelPlan<'a> {
    fn new(data: &'a FrameData, index: usize, width: u32, w: usize, h: usize) -> Self {
        let b = &data.block.panels[index];
        let mode = interpolation_from(b.kind[1]);
        let side = b.kind[0] as usize;
        let cols = pixels(b.clip[0], b.clip[2], w);
        let columns = cols
            .clone()
            .map(|x| {
                let px = x as f32 + 0.5;
                let u = px * b.to_uv[0] + b.to_uv[1];
                let cell = u * b.cell[0] + b.cell[1];
                Column {
                    px,
                    u,
                    cell,
                    taps: Taps::new(mode, side, cell),
                    mask_taps: Taps::new(Interpolation::Bilinear, GRID, u * b.cell[2] + b.cell[3]),
                }
            })
            .collect();
        let sharp = data.block.count[2] == 1;
        Self {
            index,
            rows: pixels(b.clip[1], b.clip[3], h),
            columns,
            x_axis: Axis::new(b.to_uv[0], b.to_uv[1], width, sharp, cols.clone()),
            cols,
            mode,
            grid: if b.kind[2] & flag::MAP != 0 { data.grid(index) } else { None },
            mask: if b.kind[2] & flag::MASK != 0 { data.grid(MASK_SLOT) } else { None },
        }
    }

    fn draw_row(&self, picture: &RgbPicture, data: &FrameData, y: usize, row: &mut [u8]) {
        if !self.rows.contains(&y) {
            return;
        }
        let b = &data.block.panels[self.index];
        let py = y as f32 + 0.5;
        let v = py * b.to_uv[2] + b.to_uv[3];
        if !(0.0..1.0).contains(&v) {
            return;
        }
        let sharp = data.block.count[2] == 1;
        let y_axis = Axis::new(b.to_uv[2], b.to_uv[3], picture.height(), sharp, y..y + 1);
        let cell_y = v * b.cell[0] + b.cell[1];
        let line = self.grid.map(|g| heat::Line::new(g, &Taps::new(self.mode, g.side, cell_y)));
        let mask_y = v * b.cell[2] + b.cell[3];
        let mask_line = self
            .mask
            .map(|g| heat::Line::new(g, &Taps::new(Interpolation::Bilinear, g.side, mask_y)));
        let shade = heat::Shade { data, panel: b, grid: self.grid, mode: self.mode };
        let with_picture = b.kind[2] & flag::PICTURE != 0;
        let plain = line.is_none() && b.kind[2] & flag::BORDER == 0;
        let target = &mut row[4 * self.cols.start..4 * self.cols.end];
        for ((i, c), out) in self.columns.iter().enumerate().zip(target.chunks_exact_mut(4)) {
            if !(0.0..1.0).contains(&c.u) {
                continue;
            }
            let base = if with_picture {
                picture::colour(picture, &self.x_axis, i, &y_axis)
            } else {
                [0.0; 3]
            };
            let rgb = if plain {
                base
            } else {
                shade.over(
                    base,
                    [c.px, py],
                    [c.u, v],
                    [c.cell, cell_y],
                    line.as_ref().map(|l| l.sample(&c.taps)),
                    mask_line.as_ref().map(|l| l.sample(&c.mask_taps)),
                )
            };
            out.copy_from_slice(&quantised([rgb[0], rgb[1], rgb[2], 1.0]));
        }
    }
}

#[cfg(test)]
mod tests;
