//! Baseline JPEG files decoded bit for bit as libjpeg does it.
//!
//! The published numbers of the data sets come from pictures that libjpeg decoded, and a network
//! can react to single grey levels, so the usual camera and data set files (sequential Huffman,
//! 8 bit, grey or YCbCr) are decoded here with libjpeg's own integer transform. Everything else
//! (progressive, RGB, CMYK, damaged) gives `None` and stays with FFmpeg, which differs from
//! libjpeg by rounding. No input can panic: all reads are checked.

use super::jpeg::{Samples, rgba_from_ycc};
use crate::units::{Plane, PlaneLayout};

/// Largest picture that is decoded here, in pixels.
const MAX_PIXELS: usize = 1 << 26;

const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// A decoded file: RGBA, or one plane of grey.
pub(super) struct Exact {
    pub width: u32,
    pub height: u32,
    pub layout: PlaneLayout,
    pub plane: Plane,
}

#[derive(Clone)]
struct Huffman {
    /// Per code length 1..=16: the code after the last one of that length, shifted to 16 bits,
    /// and what to add to a code to find its symbol.
    limit: [u32; 17],
    offset: [i32; 17],
    symbols: Vec<u8>,
}

#[derive(Clone)]
struct Component {
    id: u8,
    h: usize,
    v: usize,
    quant: usize,
    dc: usize,
    ac: usize,
    /// Samples per row and rows of `data`, whole MCUs.
    stride: usize,
    data: Vec<u8>,
}

#[derive(Default)]
struct Tables {
    quant: [Option<[u16; 64]>; 4],
    dc: [Option<Huffman>; 4],
    ac: [Option<Huffman>; 4],
    restart: usize,
}

/// Decodes a whole file; `None` when it is not of the kinds that are decoded exactly.
pub(super) fn decode(file: &[u8]) -> Option<Exact> {
    let mut at = 2;
    if file.get(..2)? != [0xff, 0xd8] {
        return None;
    }
    let mut tables = Tables::default();
    let mut frame: Option<(usize, usize, Vec<Component>)> = None;
    let mut jfif = false;
    loop {
        while *file.get(at)? == 0xff && *file.get(at + 1)? == 0xff {
            at += 1;
        }
        let marker = match file.get(at..at + 2)? {
            [0xff, m] => *m,
            _ => return None,
        };
        let length = usize::from(u16::from_be_bytes(file.get(at + 2..at + 4)?.try_into().ok()?));
        let body = file.get(at + 4..at + 2 + length)?;
        at += 2 + length;
        match marker {
            0xdb => read_quant(body, &mut tables)?,
            0xc4 => read_huffman(body, &mut tables)?,
            0xdd => tables.restart = usize::from(u16::from_be_bytes(body.try_into().ok()?)),
            0xc0 | 0xc1 => frame = Some(read_frame(body)?),
            // Progressive, lossless, arithmetic.
            0xc2..=0xcf => return None,
            0xe0 => jfif |= body.starts_with(b"JFIF\0"),
            0xee if body.starts_with(b"Adobe") && !jfif && *body.get(11)? != 1 => return None,
            0xda => {
                let (width, height, mut parts) = frame?;
                let ids: Vec<u8> = parts.iter().map(|c| c.id).collect();
                if !jfif && ids == *b"RGB" {
                    return None;
                }
                read_scan_header(body, &mut parts)?;
                decode_scan(file.get(at..)?, width, height, &mut parts, &tables)?;
                return finish(width, height, &parts);
            }
            _ => {}
        }
    }
}

fn read_quant(mut body: &[u8], tables: &mut Tables) -> Option<()> {
    while let Some((head, rest)) = body.split_first() {
        let size = if head >> 4 == 0 { 1 } else { 2 };
        let values = rest.get(..64 * size)?;
        let mut table = [0u16; 64];
        for (i, v) in values.chunks_exact(size).enumerate() {
            let v = v.iter().fold(0u16, |a, b| a << 8 | u16::from(*b));
            *table.get_mut(usize::from(*ZIGZAG.get(i)?))? = v;
        }
        *tables.quant.get_mut(usize::from(head & 15))? = Some(table);
        body = rest.get(64 * size..)?;
    }
    Some(())
}

fn read_huffman(mut body: &[u8], tables: &mut Tables) -> Option<()> {
    while let Some((head, rest)) = body.split_first() {
        let counts = rest.get(..16)?;
        let total = counts.iter().map(|c| usize::from(*c)).sum::<usize>();
        let symbols = rest.get(16..16 + total)?.to_vec();
        let (mut limit, mut offset) = ([0u32; 17], [0i32; 17]);
        let (mut code, mut first) = (0u32, 0usize);
        for (bits, count) in (1..).zip(counts) {
            offset[bits] = first as i32 - code as i32;
            code += u32::from(*count);
            first += usize::from(*count);
            if code > 1 << bits {
                return None;
            }
            limit[bits] = code << (16 - bits);
            code <<= 1;
        }
        let kind = if head >> 4 == 0 { &mut tables.dc } else { &mut tables.ac };
        *kind.get_mut(usize::from(head & 15))? = Some(Huffman { limit, offset, symbols });
        body = rest.get(16 + total..)?;
    }
    Some(())
}

fn read_frame(body: &[u8]) -> Option<(usize, usize, Vec<Component>)> {
    let [8, h1, h0, w1, w0, count, rest @ ..] = body else { return None };
    let height = usize::from(u16::from_be_bytes([*h1, *h0]));
    let width = usize::from(u16::from_be_bytes([*w1, *w0]));
    if width == 0 || height == 0 || width * height > MAX_PIXELS {
        return None;
    }
    let mut parts = Vec::new();
    for c in rest.chunks_exact(3).take(usize::from(*count)) {
        parts.push(Component {
            id: c[0],
            h: usize::from(c[1] >> 4),
            v: usize::from(c[1] & 15),
            quant: usize::from(c[2]),
            dc: 0,
            ac: 0,
            stride: 0,
            data: Vec::new(),
        });
    }
    if parts.len() != usize::from(*count) {
        return None;
    }
    // Grey, or luma of 1x1, 2x1, 1x2 or 2x2 with plain chroma.
    let shapes: Vec<(usize, usize)> = parts.iter().map(|c| (c.h, c.v)).collect();
    match shapes.as_slice() {
        [_] => {
            for c in &mut parts {
                (c.h, c.v) = (1, 1);
            }
        }
        [(1..=2, 1..=2), (1, 1), (1, 1)] => {}
        _ => return None,
    }
    Some((width, height, parts))
}

fn read_scan_header(body: &[u8], parts: &mut [Component]) -> Option<()> {
    let (count, rest) = body.split_first()?;
    if usize::from(*count) != parts.len() {
        return None;
    }
    for (c, s) in parts.iter_mut().zip(rest.chunks_exact(2)) {
        if c.id != s[0] {
            return None;
        }
        (c.dc, c.ac) = (usize::from(s[1] >> 4), usize::from(s[1] & 15));
    }
    (rest.get(2 * parts.len()..)? == [0, 63, 0]).then_some(())
}

/// Bits of the entropy-coded data, stuffing removed; zeros after a marker.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    hold: u32,
    held: u32,
    /// Bits made up after the end.
    missing: u32,
}

impl Bits<'_> {
    fn fill(&mut self) {
        while self.held <= 24 {
            let byte = match (self.data.get(self.at), self.data.get(self.at + 1)) {
                (Some(0xff), Some(0)) => {
                    self.at += 2;
                    0xff
                }
                (Some(0xff), _) | (None, _) => {
                    self.missing += 8;
                    0
                }
                (Some(b), _) => {
                    self.at += 1;
                    *b
                }
            };
            self.hold |= u32::from(byte) << (24 - self.held);
            self.held += 8;
        }
    }

    fn take(&mut self, n: u32) -> Option<i32> {
        if n == 0 {
            return Some(0);
        }
        if n > 16 {
            return None;
        }
        self.fill();
        let v = self.hold >> (32 - n);
        self.hold <<= n;
        self.held -= n;
        // More was read than the data holds: it is damaged.
        (self.held >= self.missing).then_some(v as i32)
    }

    fn symbol(&mut self, table: &Huffman) -> Option<u8> {
        self.fill();
        let next = self.hold >> 16;
        let bits = (1..=16).find(|b| next < table.limit[*b])?;
        let code = self.take(bits as u32)?;
        table.symbols.get(usize::try_from(code + table.offset[bits]).ok()?).copied()
    }

    /// A number of `n` bits in JPEG's signed form.
    fn number(&mut self, n: u8) -> Option<i32> {
        let v = self.take(u32::from(n))?;
        Some(if n > 0 && v < 1 << (n - 1) { v - (1 << n) + 1 } else { v })
    }

    fn restart(&mut self) -> Option<()> {
        (self.hold, self.held, self.missing) = (0, 0, 0);
        match self.data.get(self.at..self.at + 2)? {
            [0xff, 0xd0..=0xd7] => self.at += 2,
            _ => return None,
        }
        Some(())
    }
}

fn decode_scan(
    data: &[u8],
    width: usize,
    height: usize,
    parts: &mut [Component],
    tables: &Tables,
) -> Option<()> {
    let h_max = parts.iter().map(|c| c.h).max()?;
    let v_max = parts.iter().map(|c| c.v).max()?;
    let (across, down) = (width.div_ceil(8 * h_max), height.div_ceil(8 * v_max));
    for c in parts.iter_mut() {
        c.stride = across * c.h * 8;
        c.data = vec![0; c.stride * down * c.v * 8];
    }
    let mut bits = Bits { data, at: 0, hold: 0, held: 0, missing: 0 };
    let mut last = vec![0i32; parts.len()];
    for mcu in 0..across * down {
        if tables.restart > 0 && mcu > 0 && mcu % tables.restart == 0 {
            bits.restart()?;
            last.fill(0);
        }
        let (mx, my) = (mcu % across, mcu / across);
        for (c, last) in parts.iter_mut().zip(&mut last) {
            let quant = tables.quant.get(c.quant)?.as_ref()?;
            let dc = tables.dc.get(c.dc)?.as_ref()?;
            let ac = tables.ac.get(c.ac)?.as_ref()?;
            for block in 0..c.h * c.v {
                let (bx, by) = (mx * c.h + block % c.h, my * c.v + block / c.h);
                let coefficients = read_block(&mut bits, last, dc, ac, quant)?;
                let corner = by * 8 * c.stride + bx * 8;
                inverse_transform(&coefficients, c.data.get_mut(corner..)?, c.stride);
            }
        }
    }
    Some(())
}

/// Dequantised coefficients of a block in natural order.
fn read_block(
    bits: &mut Bits<'_>,
    last: &mut i32,
    dc: &Huffman,
    ac: &Huffman,
    quant: &[u16; 64],
) -> Option<[i64; 64]> {
    let mut out = [0i64; 64];
    let size = bits.symbol(dc)?;
    *last = last.checked_add(bits.number(size)?)?;
    out[0] = i64::from(*last) * i64::from(quant[0]);
    let mut k = 1;
    while k < 64 {
        let symbol = bits.symbol(ac)?;
        let (run, size) = (usize::from(symbol >> 4), symbol & 15);
        if size == 0 {
            if run != 15 {
                break;
            }
            k += 16;
            continue;
        }
        k += run;
        let at = usize::from(*ZIGZAG.get(k)?);
        out[at] = i64::from(bits.number(size)?) * i64::from(quant[at]);
        k += 1;
    }
    Some(out)
}

/// libjpeg's "slow but accurate" integer transform: columns, then rows, 13-bit constants, two
/// extra bits between the passes.
fn inverse_transform(block: &[i64; 64], out: &mut [u8], stride: usize) {
    let mut middle = [0i64; 64];
    for x in 0..8 {
        let column = std::array::from_fn(|y| block[8 * y + x].clamp(-(1 << 20), 1 << 20));
        for (y, v) in one_dimension(column, 11).into_iter().enumerate() {
            middle[8 * y + x] = v;
        }
    }
    for (y, row) in middle.chunks_exact(8).enumerate() {
        let values = one_dimension(std::array::from_fn(|x| row[x]), 18);
        if let Some(line) = out.get_mut(y * stride..y * stride + 8) {
            for (o, v) in line.iter_mut().zip(values) {
                *o = (v + 128).clamp(0, 255) as u8;
            }
        }
    }
}

fn one_dimension(v: [i64; 8], shift: u32) -> [i64; 8] {
    let z1 = (v[2] + v[6]) * 4433;
    let (t2, t3) = (z1 - v[6] * 15137, z1 + v[2] * 6270);
    let (t0, t1) = ((v[0] + v[4]) << 13, (v[0] - v[4]) << 13);
    let even = [t0 + t3, t1 + t2, t1 - t2, t0 - t3];
    let z5 = (v[7] + v[3] + v[5] + v[1]) * 9633;
    let z1 = -(v[7] + v[1]) * 7373;
    let z2 = -(v[5] + v[3]) * 20995;
    let z3 = -(v[7] + v[3]) * 16069 + z5;
    let z4 = -(v[5] + v[1]) * 3196 + z5;
    let odd = [
        v[1] * 12299 + z1 + z4,
        v[3] * 25172 + z2 + z3,
        v[5] * 16819 + z2 + z4,
        v[7] * 2446 + z1 + z3,
    ];
    let descale = |x: i64| (x + (1 << (shift - 1))) >> shift;
    std::array::from_fn(|i| {
        if i < 4 { descale(even[i] + odd[i]) } else { descale(even[7 - i] - odd[7 - i]) }
    })
}

fn finish(width: usize, height: usize, parts: &[Component]) -> Option<Exact> {
    let crop = |c: &Component, w: usize, h: usize| -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(w * h);
        for y in 0..h {
            out.extend_from_slice(c.data.get(y * c.stride..y * c.stride + w)?);
        }
        Some(out)
    };
    let (w, h) = (width as u32, height as u32);
    let [y, rest @ ..] = parts else { return None };
    let luma = crop(y, width, height)?;
    let [cb, cr] = rest else {
        let plane = Plane { width: w, height: h, stride: width, data: luma };
        return Some(Exact { width: w, height: h, layout: PlaneLayout::Gray, plane });
    };
    let (cw, ch) = (width.div_ceil(y.h), height.div_ceil(y.v));
    let (cb, cr) = (crop(cb, cw, ch)?, crop(cr, cw, ch)?);
    let chroma = |data| Samples { width: cw, height: ch, data };
    let data = rgba_from_ycc(
        &Samples { width, height, data: &luma },
        &chroma(&cb),
        &chroma(&cr),
        (y.h - 1) as u8,
        (y.v - 1) as u8,
    )?;
    let plane = Plane { width: 4 * w, height: h, stride: 4 * width, data };
    Some(Exact { width: w, height: h, layout: PlaneLayout::Rgba, plane })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_block_is_constant() {
        let mut block = [0; 64];
        block[0] = 8 * 50;
        let mut out = [0; 64];
        inverse_transform(&block, &mut out, 8);
        assert_eq!(out, [178; 64]);
    }

    #[test]
    fn the_transform_is_near_the_true_cosine_transform() {
        let mut block = [0i64; 64];
        let mut s = 7u64;
        for (i, b) in block.iter_mut().enumerate().take(20) {
            s = s.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *b = (s >> 40) as i64 % 120 - 60 + if i == 0 { 200 } else { 0 };
        }
        let mut out = [0; 64];
        inverse_transform(&block, &mut out, 8);
        for y in 0..8 {
            for x in 0..8 {
                let mut sum = 0.0;
                for v in 0..8 {
                    for u in 0..8 {
                        let c = |k: usize| if k == 0 { 0.5f64.sqrt() } else { 1.0 };
                        let cos = |p: usize, k: usize| {
                            ((2 * p + 1) as f64 * k as f64 * std::f64::consts::PI / 16.0).cos()
                        };
                        sum += c(u) * c(v) * block[8 * v + u] as f64 * cos(x, u) * cos(y, v) / 4.0;
                    }
                }
                let want = (sum + 128.0).clamp(0.0, 255.0);
                assert!((f64::from(out[8 * y + x]) - want).abs() < 0.6, "{x} {y}");
            }
        }
    }

    #[test]
    fn nonsense_is_left_to_others() {
        for file in [&b""[..], b"\xff\xd8", b"\xff\xd8\xff\xc0\0\x02", b"\xff\xd8\xff\xda\0\x08"] {
            assert!(decode(file).is_none());
        }
    }
}
