//! Still JPEG pictures to RGB as libjpeg does it: its chroma upsampling and colour conversion.
//!
//! `jpeg_exact.rs` puts libjpeg's inverse transform before it. Progressive pictures come from
//! FFmpeg's decoder, whose relative of that transform takes rows before columns and so rounds one
//! sample in a hundred to the neighbouring grey level.

/// One plane of 8-bit samples without padding.
pub(super) struct Samples<'a> {
    pub width: usize,
    pub height: usize,
    pub data: &'a [u8],
}

/// Y, Cb, Cr (chroma smaller by `shift_x`, `shift_y` powers of two, 0 or 1) to RGBA; `None` when
/// the planes do not fit together.
pub(super) fn rgba_from_ycc(
    y: &Samples<'_>,
    cb: &Samples<'_>,
    cr: &Samples<'_>,
    shift_x: u8,
    shift_y: u8,
) -> Option<Vec<u8>> {
    let (w, h) = (y.width, y.height);
    let cb = upsample(cb, w, h, shift_x, shift_y)?;
    let cr = upsample(cr, w, h, shift_x, shift_y)?;
    let luma = y.data.get(..w.checked_mul(h)?)?;
    let mut out = Vec::with_capacity(4 * w * h);
    for ((&y, &cb), &cr) in luma.iter().zip(&cb).zip(&cr) {
        let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
        // 16.16 fixed point of 1.402, 0.34414, 0.71414, 1.772, each term rounded as libjpeg does.
        let r = y + ((91_881 * cr + 32_768) >> 16);
        let g = y + ((-22_554 * cb - 46_802 * cr + 32_768) >> 16);
        let b = y + ((116_130 * cb + 32_768) >> 16);
        out.extend_from_slice(&[clamp(r), clamp(g), clamp(b), 255]);
    }
    Some(out)
}

fn clamp(v: i32) -> u8 {
    v.clamp(0, 255) as u8
}

/// Brings a chroma plane to `w` x `h`.
fn upsample(c: &Samples<'_>, w: usize, h: usize, shift_x: u8, shift_y: u8) -> Option<Vec<u8>> {
    let (cw, ch) = (w.div_ceil(1 << shift_x), h.div_ceil(1 << shift_y));
    if c.width != cw || c.height != ch || c.data.len() < cw * ch || cw == 0 || ch == 0 {
        return None;
    }
    // libjpeg replicates where a plane is too narrow for its filter.
    let fancy = cw > 2;
    let row = |y: usize| &c.data[y * cw..(y + 1) * cw];
    let mut out = Vec::with_capacity(w * h);
    let mut line = vec![0u8; 2 * cw];
    let mut sums = vec![0u32; cw];
    for oy in 0..h {
        let (near, far) = if shift_y == 0 {
            (row(oy), row(oy))
        } else {
            let near = oy / 2;
            let far = if oy % 2 == 0 { near.saturating_sub(1) } else { (near + 1).min(ch - 1) };
            (row(near), row(far))
        };
        match (shift_x, shift_y) {
            (0, 0) => out.extend_from_slice(near),
            (0, 1) => {
                let bias = if oy % 2 == 0 { 1 } else { 2 };
                let mix =
                    |(a, b): (&u8, &u8)| ((3 * u32::from(*a) + u32::from(*b) + bias) >> 2) as u8;
                out.extend(near.iter().zip(far).map(mix));
            }
            (1, _) if !fancy => out.extend((0..w).map(|x| near[x / 2])),
            (1, 0) => {
                double_row(near, &mut line);
                out.extend_from_slice(&line[..w]);
            }
            (1, 1) => {
                for (s, (a, b)) in sums.iter_mut().zip(near.iter().zip(far)) {
                    *s = 3 * u32::from(*a) + u32::from(*b);
                }
                double_sums(&sums, &mut line);
                out.extend_from_slice(&line[..w]);
            }
            _ => return None,
        }
    }
    Some(out)
}

/// 3/4 of the nearer, 1/4 of the further sample; `input.len() > 2`.
fn double_row(input: &[u8], out: &mut [u8]) {
    let v = |i: usize| u32::from(input[i]);
    let last = input.len() - 1;
    for i in 0..=last {
        out[2 * i] = if i == 0 { input[0] } else { ((3 * v(i) + v(i - 1) + 1) >> 2) as u8 };
        out[2 * i + 1] =
            if i == last { input[last] } else { ((3 * v(i) + v(i + 1) + 2) >> 2) as u8 };
    }
}

/// The same over column sums that already hold 3/4 and 1/4 of two rows, times 4.
fn double_sums(s: &[u32], out: &mut [u8]) {
    let last = s.len() - 1;
    for i in 0..=last {
        let left = if i == 0 { s[0] } else { s[i - 1] };
        let right = if i == last { s[last] } else { s[i + 1] };
        out[2 * i] = ((3 * s[i] + left + 8) >> 4) as u8;
        out[2 * i + 1] = ((3 * s[i] + right + 7) >> 4) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_stays_grey_at_every_subsampling() {
        for (sx, sy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            for (w, h) in [(1usize, 1usize), (2, 2), (5, 7), (16, 9)] {
                let luma: Vec<u8> = (0..w * h).map(|i| (i * 7) as u8).collect();
                let (cw, ch) = (w.div_ceil(1 << sx), h.div_ceil(1 << sy));
                let chroma = vec![128; cw * ch];
                let y = Samples { width: w, height: h, data: &luma };
                let c = Samples { width: cw, height: ch, data: &chroma };
                let rgba = rgba_from_ycc(&y, &c, &c, sx, sy).unwrap();
                for (px, l) in rgba.chunks(4).zip(&luma) {
                    assert_eq!(px, [*l, *l, *l, 255]);
                }
            }
        }
    }

    #[test]
    fn a_step_in_chroma_is_spread_over_its_neighbours() {
        let mut out = [0; 8];
        double_row(&[0, 0, 100, 100], &mut out);
        assert_eq!(out, [0, 0, 0, 25, 75, 100, 100, 100]);
    }

    #[test]
    fn planes_that_do_not_fit_are_refused() {
        let data = [0u8; 16];
        let y = Samples { width: 4, height: 4, data: &data };
        let c = Samples { width: 3, height: 2, data: &data };
        assert!(rgba_from_ycc(&y, &c, &c, 1, 1).is_none());
    }
}
