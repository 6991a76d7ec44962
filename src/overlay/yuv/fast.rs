//! One row of planes to RGB, quick enough for every frame of a video on one core.
//!
//! 8-bit SDR runs on 16-bit integers that compilers turn into vector code; everything else on
//! `f32`. Both are held to [`pixel`], the plain formula of the shader, by tests.

use super::block::{YuvBlock, code};
use super::curves::curve;
use super::{chroma_shifts, chroma_size, row};
use crate::units::{PlanarPicture, PlaneLayout};

/// Buffers of one row, made once per call.
pub(super) struct Scratch {
    y: Vec<f32>,
    u: Vec<f32>,
    v: Vec<f32>,
    column: Vec<i16>,
    u16: Vec<i16>,
    v16: Vec<i16>,
    rgb: [Vec<u8>; 3],
}

impl Scratch {
    pub(super) fn new(w: usize) -> Self {
        Self {
            y: vec![0.0; w],
            u: vec![0.0; w],
            v: vec![0.0; w],
            column: vec![0; w + 1],
            u16: vec![0; w],
            v16: vec![0; w],
            rgb: std::array::from_fn(|_| vec![0; w]),
        }
    }
}

/// RGB of coded row `y` into `out` (3 bytes a pixel).
pub(super) fn convert_row(
    p: &PlanarPicture,
    block: &YuvBlock,
    y: usize,
    scratch: &mut Scratch,
    out: &mut [u8],
) {
    let plain = block.kind[1] == 0 || block.kind[3] == 0;
    let sdr = block.kind[2] == 0;
    match p.layout {
        PlaneLayout::Rgba if plain && p.bits <= 8 => {
            let src = row(p.planes.first(), y);
            for (o, s) in out.chunks_exact_mut(3).zip(src.chunks_exact(4)) {
                o.copy_from_slice(&s[..3]);
            }
        }
        PlaneLayout::Yuv { .. } | PlaneLayout::SemiPlanar
            if plain && sdr && p.bits <= 8 && chroma_shifts(p.layout).1 <= 1 =>
        {
            row_8_bit(p, block, y, scratch, out);
        }
        _ => row_f32(p, block, y, scratch, out),
    }
}

/// Sample `i` of a row, 0 beyond its end; two bytes wide above 8 bits.
fn sample(bytes: &[u8], i: usize, wide: bool) -> f32 {
    if wide {
        match bytes.get(2 * i..2 * i + 2) {
            Some(b) => f32::from(u16::from_le_bytes([b[0], b[1]])),
            None => 0.0,
        }
    } else {
        bytes.get(i).map_or(0.0, |b| f32::from(*b))
    }
}

/// Lower neighbour, upper neighbour and share of the upper one at coordinate `c`.
fn neighbours(c: f32, len: usize) -> (usize, usize, f32) {
    let last = len as f32 - 1.0;
    let c = c.clamp(0.0, last);
    let i = c.floor();
    let k = i as usize;
    (k, (k + 1).min(len - 1), c - i)
}

fn row_f32(p: &PlanarPicture, block: &YuvBlock, y: usize, s: &mut Scratch, out: &mut [u8]) {
    let wide = p.bits > 8;
    let w = s.y.len();
    let planes = &p.planes;
    let alpha_row = match p.layout {
        PlaneLayout::Yuv { alpha: true, .. } => row(planes.get(3), y),
        PlaneLayout::Rgba => row(planes.first(), y),
        _ => &[],
    };
    if p.layout == PlaneLayout::Rgba {
        let src = row(planes.first(), y);
        for x in 0..w {
            s.y[x] = sample(src, 4 * x, wide);
            s.u[x] = sample(src, 4 * x + 1, wide);
            s.v[x] = sample(src, 4 * x + 2, wide);
        }
    } else {
        let luma = row(planes.first(), y);
        for (x, v) in s.y.iter_mut().enumerate() {
            *v = sample(luma, x, wide);
        }
        if p.layout != PlaneLayout::Gray {
            let (cw, ch) = chroma_size(p);
            let (r0, r1, ty) = neighbours(y as f32 * block.chroma[2] + block.chroma[3], ch);
            let semi = p.layout == PlaneLayout::SemiPlanar;
            for (k, target) in [&mut s.u, &mut s.v].into_iter().enumerate() {
                let plane = planes.get(if semi { 1 } else { 1 + k });
                let (a, b) = (row(plane, r0), row(plane, r1));
                let at = |r: &[u8], i: usize| sample(r, if semi { 2 * i + k } else { i }, wide);
                for (x, v) in target.iter_mut().enumerate() {
                    let (c0, c1, tx) = neighbours(x as f32 * block.chroma[0] + block.chroma[1], cw);
                    let top = at(a, c0) + (at(a, c1) - at(a, c0)) * tx;
                    let low = at(b, c0) + (at(b, c1) - at(b, c0)) * tx;
                    *v = top + (low - top) * ty;
                }
            }
        }
    }
    for (x, o) in out.chunks_exact_mut(3).enumerate() {
        let alpha = match p.layout {
            PlaneLayout::Rgba => sample(alpha_row, 4 * x + 3, wide),
            _ => sample(alpha_row, x, wide),
        };
        let c = finish(block, [s.y[x], s.u[x], s.v[x]], alpha, x, y);
        for (o, c) in o.iter_mut().zip(c) {
            *o = (c * 255.0 + 0.5) as u8;
        }
    }
}

/// Matrix, tone mapping and background: everything after the samples are there. The order is
/// the shader's.
fn finish(b: &YuvBlock, [y, u, v]: [f32; 3], alpha: f32, x: usize, row: usize) -> [f32; 3] {
    let mut c = b.rgb.map(|r| (r[0] * y + r[1] * u + r[2] * v + r[3]).clamp(0.0, 1.0));
    if b.kind[2] != 0 {
        c = tone_mapped(b, c);
    }
    if b.kind[3] == 1 && b.kind[1] != 0 {
        let a = (alpha * b.alpha[0]).clamp(0.0, 1.0);
        let square = b.alpha[1] as usize;
        let behind = match b.kind[1] {
            2 if (x / square + row / square).is_multiple_of(2) => b.alpha[2],
            2 => b.alpha[3],
            _ => 0.0,
        };
        c = c.map(|v| behind + (v - behind) * a);
    }
    c
}

fn tone_mapped(b: &YuvBlock, signal: [f32; 3]) -> [f32; 3] {
    let mut c = signal.map(|v| curve(if b.kind[2] == 1 { 0 } else { 1 }, v));
    if b.tone[1] > 0.0 {
        let luminance = b.luma[0] * c[0] + b.luma[1] * c[1] + b.luma[2] * c[2];
        let gain = b.tone[0] * luminance.max(1e-6).powf(b.tone[1]);
        c = c.map(|v| v * gain);
    }
    let [_, _, knee, peak] = b.tone;
    let most = c[0].max(c[1]).max(c[2]);
    if most > knee {
        let (x, end) = ((most - knee) / (1.0 - knee), (peak - knee) / (1.0 - knee));
        let mapped = knee + (1.0 - knee) * x * (1.0 + x / (end * end)) / (1.0 + x);
        c = c.map(|v| v * mapped / most);
    }
    b.gamut.map(|r| {
        let light = (r[0] * c[0] + r[1] * c[1] + r[2] * c[2]).clamp(0.0, 1.0);
        curve(2, light.sqrt())
    })
}

/// `(a * b) >> 16` on 16-bit numbers.
#[inline(always)]
fn mul_high(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b)) >> 16) as i16
}

fn row_8_bit(p: &PlanarPicture, block: &YuvBlock, y: usize, s: &mut Scratch, out: &mut [u8]) {
    let w = s.y.len();
    let (cw, ch) = chroma_size(p);
    let (r0, r1, ty) = neighbours(y as f32 * block.chroma[2] + block.chroma[3], ch);
    let quarter = (ty * 4.0) as i16;
    let (sx, _) = chroma_shifts(p.layout);
    let left = block.chroma[1] == 0.0;
    let semi = block.kind[0] == code::SEMI_PLANAR;
    for (k, target) in [&mut s.u16, &mut s.v16].into_iter().enumerate() {
        let plane = p.planes.get(if semi { 1 } else { 1 + k });
        let (a, b) = (row(plane, r0), row(plane, r1));
        // Centred and four times as large.
        let column = &mut s.column[..cw];
        let mixed = |a: u8, b: u8| i16::from(a) * (4 - quarter) + i16::from(b) * quarter - 512;
        let have = if semi {
            let pairs = a.chunks_exact(2).zip(b.chunks_exact(2));
            column.iter_mut().zip(pairs).map(|(c, (a, b))| *c = mixed(a[k], b[k])).count()
        } else {
            column.iter_mut().zip(a.iter().zip(b)).map(|(c, (a, b))| *c = mixed(*a, *b)).count()
        };
        column[have..].fill(-512);
        spread(column, sx, left, target);
    }
    let luma = row(p.planes.first(), y);
    if luma.len() < w {
        return row_f32(p, block, y, s, out);
    }
    let k = Integers::new(block);
    let [r, g, b] = &mut s.rgb;
    let (r, g, b) = (&mut r[..w], &mut g[..w], &mut b[..w]);
    let (luma, u, v) = (&luma[..w], &s.u16[..w], &s.v16[..w]);
    for x in 0..w {
        let y7 = i16::from(luma[x]) << 7;
        let l = (i16::from(luma[x]) << 5) + mul_high(y7, k.luma) + k.bias;
        let (u7, v7) = (u[x] << 2, v[x] << 2);
        let red = l + v[x] + mul_high(v7, k.rv);
        let green = l + mul_high(u7, k.gu) + mul_high(v7, k.gv);
        let blue = l + u[x] + mul_high(u7, k.bu);
        r[x] = (red >> 5).clamp(0, 255) as u8;
        g[x] = (green >> 5).clamp(0, 255) as u8;
        b[x] = (blue >> 5).clamp(0, 255) as u8;
    }
    for (o, ((r, g), b)) in out.chunks_exact_mut(3).zip(r.iter().zip(g.iter()).zip(b.iter())) {
        o[0] = *r;
        o[1] = *g;
        o[2] = *b;
    }
}

/// Coefficients for values 32 times as large as a sample; chroma is centred.
struct Integers {
    luma: i16,
    rv: i16,
    gu: i16,
    gv: i16,
    bu: i16,
    bias: i16,
}

impl Integers {
    fn new(b: &YuvBlock) -> Self {
        let rows = b.rgb.map(|r| r.map(|v| f64::from(v) * 255.0));
        let q = |v: f64, scale: f64| (v * scale).round() as i16;
        // What is left when chroma is grey (128): the luma offset.
        let black = rows[0][3] + rows[0][2] * 128.0;
        Self {
            luma: q(rows[0][0] - 1.0, 16384.0),
            rv: q(rows[0][2] - 1.0, 16384.0),
            gu: q(rows[1][1], 16384.0),
            gv: q(rows[1][2], 16384.0),
            bu: q(rows[2][1] - 1.0, 16384.0),
            // Half a step to round, and half a unit for each product that was cut off (two).
            bias: q(black, 32.0) + 16 + 1,
        }
    }
}

/// Chroma at luma resolution, centred and 32 times as large, from one that is 4 times as large.
fn spread(column: &[i16], shift: u8, left: bool, out: &mut [i16]) {
    let n = column.len();
    match shift {
        0 => {
            for (o, c) in out.iter_mut().zip(column) {
                *o = c << 3;
            }
        }
        1 if left => {
            let pairs = out.chunks_exact_mut(2);
            for ((o, c), next) in pairs.zip(column).zip(&column[1..]) {
                o[0] = c << 3;
                o[1] = (c + next) << 2;
            }
            tail(column, out, 2 * n.saturating_sub(1));
        }
        1 => {
            // Pixel 2i lies a quarter before chroma i, pixel 2i + 1 a quarter after it.
            let middle = out.get_mut(1..).unwrap_or_default().chunks_exact_mut(2);
            for ((o, c), next) in middle.zip(column).zip(&column[1..]) {
                o[0] = 6 * c + 2 * next;
                o[1] = 2 * c + 6 * next;
            }
            if let (Some(o), Some(c)) = (out.first_mut(), column.first()) {
                *o = c << 3;
            }
            tail(column, out, 2 * n - 1);
        }
        _ => {
            let scale = 1.0 / f32::from(1u8 << shift);
            let bias = if left { 0.0 } else { 0.5 * scale - 0.5 };
            for (x, o) in out.iter_mut().enumerate() {
                let (a, b, t) = neighbours(x as f32 * scale + bias, n);
                let eighth = (t * 8.0) as i16;
                *o = column[a] * (8 - eighth) + column[b] * eighth;
            }
        }
    }
}

/// Pixels from `from` on repeat the last chroma sample.
fn tail(column: &[i16], out: &mut [i16], from: usize) {
    if let (Some(rest), Some(last)) = (out.get_mut(from..), column.last()) {
        rest.fill(last << 3);
    }
}

/// One pixel by the plain formula, for tests of the rows above.
#[cfg(test)]
pub(super) fn pixel(p: &PlanarPicture, block: &YuvBlock, x: usize, y: usize) -> [f32; 3] {
    let wide = p.bits > 8;
    let at = |plane: usize, x: usize, y: usize| sample(row(p.planes.get(plane), y), x, wide);
    let (cw, ch) = chroma_size(p);
    let (c0, c1, tx) = neighbours(x as f32 * block.chroma[0] + block.chroma[1], cw);
    let (r0, r1, ty) = neighbours(y as f32 * block.chroma[2] + block.chroma[3], ch);
    let chroma = |k: usize| {
        let get = |c: usize, r: usize| match p.layout {
            PlaneLayout::SemiPlanar => at(1, 2 * c + k, r),
            _ => at(1 + k, c, r),
        };
        let top = get(c0, r0) * (1.0 - tx) + get(c1, r0) * tx;
        let low = get(c0, r1) * (1.0 - tx) + get(c1, r1) * tx;
        top * (1.0 - ty) + low * ty
    };
    let (samples, alpha) = match p.layout {
        PlaneLayout::Rgba => {
            ([at(0, 4 * x, y), at(0, 4 * x + 1, y), at(0, 4 * x + 2, y)], at(0, 4 * x + 3, y))
        }
        PlaneLayout::Gray => ([at(0, x, y), 0.0, 0.0], 0.0),
        _ => ([at(0, x, y), chroma(0), chroma(1)], at(3, x, y)),
    };
    finish(block, samples, alpha, x, y)
}
