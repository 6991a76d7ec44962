//! Twin of `heat_over` in `shaders/heatmap.wgsl`, in its order.

use crate::overlay::Interpolation;
use crate::overlay::colormaps::Colormap;
use crate::overlay::field::{Sample, Taps};
use crate::overlay::uniforms::{FrameData, PanelBlock, SLOT_SIDE, flag};
use crate::units::MapGrid;

/// Slopes below this, per target pixel, have no line.
pub(crate) const FLAT: f32 = 1e-6;
const FAR: f32 = 1e9;

/// One row of target pixels' view of a grid: the cells mixed along y.
pub(super) struct Line {
    value: [f32; SLOT_SIDE],
    dy: [f32; SLOT_SIDE],
}

impl Line {
    pub(super) fn new(grid: MapGrid<'_>, ty: &Taps) -> Self {
        let mut line = Self { value: [0.0; SLOT_SIDE], dy: [0.0; SLOT_SIDE] };
        for j in 0..ty.count {
            let row = &grid.cells[ty.index[j] * grid.side..][..grid.side];
            for (i, c) in row.iter().enumerate() {
                line.value[i] += ty.weight[j] * c;
                line.dy[i] += ty.slope[j] * c;
            }
        }
        line
    }

    pub(super) fn sample(&self, tx: &Taps) -> Sample {
        let mut s = Sample { value: 0.0, dx: 0.0, dy: 0.0 };
        for i in 0..tx.count {
            let k = tx.index[i];
            s.value += tx.weight[i] * self.value[k];
            s.dx += tx.slope[i] * self.value[k];
            s.dy += tx.weight[i] * self.dy[k];
        }
        s
    }
}

fn toward(rgb: &mut [f32; 3], to: [f32; 3], share: f32) {
    for (c, t) in rgb.iter_mut().zip(to) {
        *c += (t - *c) * share;
    }
}

const BLACK: [f32; 3] = [0.0; 3];
const WHITE: [f32; 3] = [1.0; 3];

fn covered(half: f32, d: f32) -> f32 {
    (half + 0.5 - d).clamp(0.0, 1.0)
}

fn stripe(at: f32, period: f32) -> f32 {
    let phase = at / period;
    (phase - phase.floor() - 0.5).abs() * period
}

fn power(t: f32, gamma: f32) -> f32 {
    let t = if t > 0.0 { t.min(1.0) } else { 0.0 };
    if gamma == 1.0 { t } else { t.powf(gamma) }
}

pub(super) struct Shade<'a> {
    pub data: &'a FrameData,
    pub panel: &'a PanelBlock,
    pub grid: Option<MapGrid<'a>>,
    pub mode: Interpolation,
}

impl Shade<'_> {
    /// Colour of one target pixel: `px` its centre, `uv` its place in the picture, `s` in cells.
    pub(super) fn over(
        &self,
        base: [f32; 3],
        px: [f32; 2],
        uv: [f32; 2],
        s: [f32; 2],
        map: Option<Sample>,
        mask: Option<Sample>,
    ) -> [f32; 3] {
        let mut rgb = base;
        if let (Some(m), Some(grid)) = (map, self.grid) {
            self.heat(&mut rgb, px, s, m, mask, grid);
        }
        let (frame, panel) = (&self.data.block, self.panel);
        if panel.kind[2] & flag::BORDER != 0 {
            let dx = uv[0].min(1.0 - uv[0]) / panel.to_uv[0];
            let dy = uv[1].min(1.0 - uv[1]) / panel.to_uv[2];
            let share = (frame.width[3] * frame.origin[2] + 0.5 - dx.min(dy)).clamp(0.0, 1.0);
            toward(&mut rgb, [frame.border[0], frame.border[1], frame.border[2]], share);
        }
        rgb
    }

    fn heat(
        &self,
        rgb: &mut [f32; 3],
        px: [f32; 2],
        s: [f32; 2],
        m: Sample,
        mask: Option<Sample>,
        grid: MapGrid<'_>,
    ) {
        let (frame, panel) = (&self.data.block, self.panel);
        let flags = panel.kind[2];
        let line = frame.width[2] * frame.origin[2];
        let per_cell =
            [1.0 / (panel.cell[0] * panel.to_uv[0]), 1.0 / (panel.cell[0] * panel.to_uv[2])];
        let slope = [m.dx / per_cell[0], m.dy / per_cell[1]];
        let steep = (slope[0] * slope[0] + slope[1] * slope[1]).sqrt();

        let t = power((m.value - panel.colour[0]) * panel.colour[1], panel.colour[2]);
        let table = Colormap::TABLES[(panel.colour[3] as usize).min(Colormap::TABLES.len() - 1)];
        let mut colour = table.at(t).map(|c| c * (1.0 / 255.0));
        let mut rise = 1.0;
        if flags & flag::BY_VALUE != 0 {
            let v = if flags & flag::SIGNED != 0 { m.value.abs() } else { m.value };
            rise = power((v - panel.alpha[0]) * panel.alpha[1], panel.colour[2]);
        }
        let age = panel.alpha[3];
        if age > 0.0 {
            let grey = 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2];
            toward(&mut colour, [grey; 3], frame.strength[1] * age);
        }
        let mut a = rise * panel.alpha[2];
        if flags & flag::PICTURE == 0 {
            a = 1.0;
        }
        a *= 1.0 - frame.strength[0] * age;
        if flags & flag::OUTLINE_ONLY != 0 {
            a = 0.0;
        }

        let mut threshold_distance = FAR;
        if flags & flag::THRESHOLD != 0 {
            let above = m.value - panel.lines[0];
            if self.mode == Interpolation::Cells {
                a *= if above >= 0.0 { 1.0 } else { 0.0 };
                threshold_distance = band_edge(&grid, s, panel.lines[0], FLAT, per_cell);
            } else {
                a *= (0.5 + above / steep.max(FLAT)).clamp(0.0, 1.0);
                if steep > FLAT {
                    threshold_distance = above.abs() / steep;
                }
            }
        }
        toward(rgb, colour, a);

        if let Some(n) = mask {
            self.hatch(rgb, px, n, line);
        }

        if flags & flag::CONTOURS != 0 {
            let step = panel.lines[2];
            let mut d = FAR;
            if self.mode == Interpolation::Cells {
                d = band_edge(&grid, s, panel.lines[1], 1.0 / step, per_cell);
            } else if steep > FLAT {
                let k = ((m.value - panel.lines[1]) / step + 0.5).floor();
                let k = k.clamp(1.0, frame.count[1] as f32);
                d = (m.value - (panel.lines[1] + k * step)).abs() / steep;
            }
            toward(rgb, BLACK, covered(line, d) * 0.35);
            toward(rgb, WHITE, covered(0.35 * line, d) * 0.75);
        }

        if flags & flag::CELLS != 0 {
            let d = (0..2)
                .map(|k| {
                    let c = s[k].clamp(0.0, grid.side as f32 - 1.0);
                    (0.5 - (c - (c + 0.5).floor()).abs()) * per_cell[k]
                })
                .fold(FAR, f32::min);
            toward(rgb, BLACK, covered(line, d) * 0.5 * frame.strength[3]);
            toward(rgb, WHITE, covered(0.5 * line, d) * frame.strength[3]);
        }

        if threshold_distance < FAR {
            let point = frame.origin[2];
            let along = if slope[1].abs() >= slope[0].abs() { px[0] } else { px[1] };
            let dash = covered(frame.more[0] * point, stripe(along, frame.width[0] * point));
            let inner: [f32; 3] = std::array::from_fn(|c| frame.stroke[c] * dash + (1.0 - dash));
            toward(rgb, BLACK, covered(2.0 * line, threshold_distance) * 0.8);
            toward(rgb, inner, covered(line, threshold_distance));
        }
    }

    /// The metric's mask: white hatching with a solid outline.
    fn hatch(&self, rgb: &mut [f32; 3], px: [f32; 2], n: Sample, line: f32) {
        let (frame, panel) = (&self.data.block, self.panel);
        let per_cell =
            [1.0 / (panel.cell[2] * panel.to_uv[0]), 1.0 / (panel.cell[2] * panel.to_uv[2])];
        let slope = [n.dx / per_cell[0], n.dy / per_cell[1]];
        let steep = (slope[0] * slope[0] + slope[1] * slope[1]).sqrt().max(FLAT);
        let depth = (n.value - panel.lines[3]) / steep;
        let within = (0.5 + depth).clamp(0.0, 1.0);
        let period = frame.width[1] * frame.origin[2] * std::f32::consts::SQRT_2;
        let middle = std::f32::consts::FRAC_1_SQRT_2 * stripe(px[0] + px[1], period);
        toward(rgb, WHITE, within * covered(0.5 * line, middle) * frame.strength[2]);
        let edge = if steep > FLAT { depth.abs() } else { FAR };
        toward(rgb, BLACK, covered(1.75 * line, edge) * 0.5);
        toward(rgb, WHITE, covered(0.75 * line, edge));
    }
}

/// Distance in pixels to the nearest border between cells in different bands of `inverse_step`
/// above `base`.
fn band_edge(
    grid: &MapGrid<'_>,
    s: [f32; 2],
    base: f32,
    inverse_step: f32,
    per_cell: [f32; 2],
) -> f32 {
    let side = grid.side;
    let i = s.map(|s| (s + 0.5).floor().clamp(0.0, side as f32 - 1.0) as usize);
    let band = |x: usize, y: usize| ((grid.cells[y * side + x] - base) * inverse_step).floor();
    let here = band(i[0], i[1]);
    let from = [s[0] - i[0] as f32, s[1] - i[1] as f32];
    let mut d = FAR;
    if i[0] > 0 && band(i[0] - 1, i[1]) != here {
        d = d.min((from[0] + 0.5) * per_cell[0]);
    }
    if i[0] + 1 < side && band(i[0] + 1, i[1]) != here {
        d = d.min((0.5 - from[0]) * per_cell[0]);
    }
    if i[1] > 0 && band(i[0], i[1] - 1) != here {
        d = d.min((from[1] + 0.5) * per_cell[1]);
    }
    if i[1] + 1 < side && band(i[0], i[1] + 1) != here {
        d = d.min((0.5 - from[1]) * per_cell[1]);
    }
    d
}
