//! Pictures of things, ready to be drawn at any size.

use std::sync::OnceLock;

use resvg::{tiny_skia, usvg};

use super::SynthError;

/// Side of a rendered glyph in pixels, and of its stored silhouette.
pub(super) const GLYPH_SIDE: u32 = 256;
/// Side of the rendering for things drawn large.
const LARGE_SIDE: u32 = 1024;
/// Longest side that is kept of a picture from outside.
const MOST_SIDE: u32 = 512;

/// A picture of a thing on transparent ground.
///
/// Its silhouette decides what counts as the thing: stored data for the drawn world, alpha of at
/// least one half for pictures from outside. Its measure is the tight box of the silhouette: a
/// thing of size 0.5 has a longer side of half the picture.
pub struct Sprite {
    name: String,
    held_out: bool,
    svg: Option<&'static str>,
    colours: Pyramid,
    large: OnceLock<Option<Pyramid>>,
    silhouette: Silhouette,
}

impl std::fmt::Debug for Sprite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (w, h) = self.measure();
        write!(f, "Sprite({} {w}x{h})", self.name)
    }
}

impl Sprite {
    /// A picture from outside, such as a cut-out: straight (not premultiplied) RGBA, row 0 at the
    /// top. What is longer than 512 pixels is shrunk.
    ///
    /// Errors: bytes that do not fit the size; nothing opaque to be seen.
    pub fn from_rgba(name: &str, width: u32, height: u32, rgba: &[u8]) -> Result<Self, SynthError> {
        let want = (width as usize).checked_mul(height as usize).and_then(|n| n.checked_mul(4));
        if want != Some(rgba.len()) || rgba.is_empty() {
            return Err(SynthError::Bytes {
                name: name.to_owned(),
                width,
                height,
                bytes: rgba.len(),
            });
        }
        let mut level = Level::empty(width, height);
        for (i, p) in rgba.chunks_exact(4).enumerate() {
            let (x, y) = (i % width as usize, i / width as usize);
            level.set(x, y, premultiplied([p[0], p[1], p[2], p[3]]));
        }
        let mut shrunk = level;
        while shrunk.width.max(shrunk.height) > MOST_SIDE {
            shrunk = shrunk.halved();
        }
        let inside = |x: u32, y: u32| (shrunk.get(x as usize, y as usize) >> 24) >= 128;
        let silhouette = Silhouette::new(shrunk.width, shrunk.height, inside)
            .ok_or_else(|| SynthError::Empty { name: name.to_owned() })?;
        Ok(Self {
            name: name.to_owned(),
            held_out: false,
            svg: None,
            colours: Pyramid::new(shrunk),
            large: OnceLock::new(),
            silhouette,
        })
    }

    /// A glyph with its stored silhouette.
    pub(super) fn from_svg(
        name: String,
        svg: &'static str,
        silhouette: Silhouette,
    ) -> Result<Self, SynthError> {
        let level = render(svg, GLYPH_SIDE)
            .ok_or_else(|| SynthError::Data { cause: format!("glyph {name} cannot be drawn") })?;
        Ok(Self {
            name,
            held_out: false,
            svg: Some(svg),
            colours: Pyramid::new(level),
            large: OnceLock::new(),
            silhouette,
        })
    }

    /// The same picture, kept back for testing.
    #[must_use]
    pub fn kept_back(mut self) -> Self {
        self.held_out = true;
        self
    }

    /// Code points of the glyph (`1f436`), or the cut-out's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Kept back for testing.
    pub fn held_out(&self) -> bool {
        self.held_out
    }

    /// Width and height of the tight box of the silhouette, in its own pixels.
    pub fn measure(&self) -> (u32, u32) {
        let b = self.silhouette.tight;
        (b[2] - b[0], b[3] - b[1])
    }

    /// Longer side of the tight box in texels of the base level.
    pub(super) fn extent(&self) -> f64 {
        let (w, h) = self.measure();
        f64::from(w.max(h))
    }

    /// Middle of the tight box in texels of the base level.
    pub(super) fn middle(&self) -> (f64, f64) {
        let b = self.silhouette.tight;
        (f64::from(b[0] + b[2]) / 2.0, f64::from(b[1] + b[3]) / 2.0)
    }

    pub(super) fn silhouette(&self) -> &Silhouette {
        &self.silhouette
    }

    /// The colours for a thing drawn with `texels` texels of the base level per pixel, and how
    /// many texels of what is returned are one of the base level.
    pub(super) fn colours(&self, texels: f64) -> (&Pyramid, f64) {
        if texels < 0.8 && self.svg.is_some() {
            let large = self
                .large
                .get_or_init(|| self.svg.and_then(|svg| render(svg, LARGE_SIDE)).map(Pyramid::new));
            if let Some(large) = large {
                return (large, f64::from(LARGE_SIDE / GLYPH_SIDE));
            }
        }
        (&self.colours, 1.0)
    }
}

/// Draws a glyph `side` pixels wide and high.
fn render(svg: &str, side: u32) -> Option<Level> {
    let tree = usvg::Tree::from_str(svg, &usvg::Options::default()).ok()?;
    let mut pixmap = tiny_skia::Pixmap::new(side, side)?;
    let scale = side as f32 / tree.size().width().max(tree.size().height());
    resvg::render(&tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    let mut level = Level::empty(side, side);
    for (i, p) in pixmap.data().chunks_exact(4).enumerate() {
        let texel = u32::from_le_bytes([p[0], p[1], p[2], p[3]]);
        level.set(i % side as usize, i / side as usize, texel);
    }
    Some(level)
}

/// What the rasteriser thinks the silhouette is: made into the stored one by a person, compared
/// with it by a test.
#[cfg(test)]
pub(super) fn rendered_silhouette(svg: &str) -> Option<Vec<bool>> {
    let level = render(svg, GLYPH_SIDE)?;
    let n = GLYPH_SIDE as usize;
    Some((0..n * n).map(|i| level.get(i % n, i / n) >> 24 >= 128).collect())
}

fn premultiplied(p: [u8; 4]) -> u32 {
    let a = u32::from(p[3]);
    let m = |c: u8| ((u32::from(c) * a + 127) / 255) as u8;
    u32::from_le_bytes([m(p[0]), m(p[1]), m(p[2]), p[3]])
}

/// Premultiplied texels (red in the low byte) with a transparent border of one.
pub(super) struct Level {
    pub(super) width: u32,
    pub(super) height: u32,
    texels: Vec<u32>,
}

impl Level {
    fn empty(width: u32, height: u32) -> Self {
        let n = (width as usize + 2) * (height as usize + 2);
        Self { width, height, texels: vec![0; n] }
    }

    fn at(&self, x: usize, y: usize) -> usize {
        (y + 1) * (self.width as usize + 2) + x + 1
    }

    fn set(&mut self, x: usize, y: usize, texel: u32) {
        let at = self.at(x, y);
        self.texels[at] = texel;
    }

    fn get(&self, x: usize, y: usize) -> u32 {
        self.texels[self.at(x, y)]
    }

    fn halved(&self) -> Self {
        let (w, h) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let mut out = Self::empty(w, h);
        for y in 0..h as usize {
            for x in 0..w as usize {
                // Beyond an odd edge lies the transparent border.
                let at = self.at(2 * x, 2 * y);
                let below = at + self.width as usize + 2;
                let four = [at, at + 1, below, below + 1].map(|i| self.texels[i]);
                let rb: u32 = four.iter().map(|t| t & 0x00ff_00ff).sum::<u32>() + 0x0002_0002;
                let ga: u32 =
                    four.iter().map(|t| (t >> 8) & 0x00ff_00ff).sum::<u32>() + 0x0002_0002;
                let texel = ((rb >> 2) & 0x00ff_00ff) | (((ga >> 2) & 0x00ff_00ff) << 8);
                out.set(x, y, texel);
            }
        }
        out
    }

    /// The bilinear mean at `u`, `v`, in 1/65536 of a texel from the outer corner of texel 0.
    #[inline]
    pub(super) fn sample(&self, u: i32, v: i32) -> u32 {
        // Centre of texel 0 of the padded level lies at -1/2.
        let (u, v) = (u.wrapping_add(0x8000), v.wrapping_add(0x8000));
        let (x, y) = (u >> 16, v >> 16);
        if x < 0 || y < 0 || x > self.width as i32 || y > self.height as i32 {
            return 0;
        }
        let (fx, fy) = (((u >> 8) & 255) as u32, ((v >> 8) & 255) as u32);
        let stride = self.width as usize + 2;
        let at = y as usize * stride + x as usize;
        let (Some([a, b]), Some([c, d])) =
            (self.texels.get(at..at + 2), self.texels.get(at + stride..at + stride + 2))
        else {
            return 0;
        };
        if a == b && b == c && c == d {
            return *a;
        }
        let top = blend(*a, *b, fx);
        let low = blend(*c, *d, fx);
        blend(top, low, fy)
    }
}

/// `a` + (`b` - `a`) * `t` / 256, all four bytes at once.
#[inline]
fn blend(a: u32, b: u32, t: u32) -> u32 {
    const LANES: u32 = 0x00ff_00ff;
    let s = 256 - t;
    let rb = ((a & LANES) * s + (b & LANES) * t + 0x0080_0080) >> 8;
    let ga = ((a >> 8) & LANES) * s + ((b >> 8) & LANES) * t + 0x0080_0080;
    (rb & LANES) | (ga & !LANES)
}

/// A picture and its halves, down to a few texels.
pub(super) struct Pyramid {
    levels: Vec<Level>,
}

impl Pyramid {
    fn new(base: Level) -> Self {
        let mut levels = vec![base];
        while let Some(last) = levels.last()
            && last.width.max(last.height) > 4
        {
            let next = last.halved();
            levels.push(next);
        }
        Self { levels }
    }

    /// The finest level on which a pixel spans at most `most` texels, given that it spans `texels`
    /// of the base level; and how many base texels one of its texels is.
    pub(super) fn level(&self, texels: f64, most: f64) -> (&Level, f64) {
        let mut scale = 1.0;
        for level in &self.levels {
            if texels <= most * scale {
                return (level, scale);
            }
            scale *= 2.0;
        }
        (&self.levels[self.levels.len() - 1], scale * 0.5)
    }
}

/// Which texels are the thing, and the same at half the size and so on, all in whole numbers.
pub(super) struct Silhouette {
    /// Share inside in 1/255, with a border of one, per level.
    levels: Vec<(u32, u32, Vec<u8>)>,
    /// Tight box in texels: x0, y0, x1, y1.
    tight: [u32; 4],
    /// Number of texels inside.
    area: u32,
}

impl Silhouette {
    /// `None` when nothing is inside.
    pub(super) fn new(width: u32, height: u32, inside: impl Fn(u32, u32) -> bool) -> Option<Self> {
        let stride = width as usize + 2;
        let mut base = vec![0u8; stride * (height as usize + 2)];
        let mut tight = [u32::MAX, u32::MAX, 0, 0];
        let mut area = 0;
        for y in 0..height {
            for x in 0..width {
                if inside(x, y) {
                    base[(y as usize + 1) * stride + x as usize + 1] = 255;
                    area += 1;
                    tight = [
                        tight[0].min(x),
                        tight[1].min(y),
                        tight[2].max(x + 1),
                        tight[3].max(y + 1),
                    ];
                }
            }
        }
        if area == 0 {
            return None;
        }
        let mut levels = vec![(width, height, base)];
        while let Some((w, h, last)) = levels.last()
            && (*w).max(*h) > 4
        {
            let (hw, hh) = (w.div_ceil(2), h.div_ceil(2));
            let (stride, out_stride) = (*w as usize + 2, hw as usize + 2);
            let mut out = vec![0u8; out_stride * (hh as usize + 2)];
            for y in 0..hh as usize {
                for x in 0..hw as usize {
                    let at = (2 * y + 1) * stride + 2 * x + 1;
                    let four = [at, at + 1, at + stride, at + stride + 1];
                    let sum: u32 = four.iter().map(|i| u32::from(last[*i])).sum();
                    out[(y + 1) * out_stride + x + 1] = ((sum + 2) / 4) as u8;
                }
            }
            levels.push((hw, hh, out));
        }
        Some(Self { levels, tight, area })
    }

    /// Number of texels inside.
    pub(super) fn area(&self) -> u32 {
        self.area
    }

    /// A view for pixels that span `texels` texels of the base level.
    pub(super) fn view(&self, texels: f64) -> SilhouetteView<'_> {
        let mut scale = 1.0;
        let mut chosen = &self.levels[0];
        for level in &self.levels[1..] {
            if texels <= scale * 1.5 {
                break;
            }
            scale *= 2.0;
            chosen = level;
        }
        SilhouetteView { width: chosen.0, height: chosen.1, share: &chosen.2, scale: 1.0 / scale }
    }
}

/// One level of a [`Silhouette`].
pub(super) struct SilhouetteView<'a> {
    width: u32,
    height: u32,
    share: &'a [u8],
    scale: f64,
}

impl SilhouetteView<'_> {
    /// Whether the pixel at base texel coordinates `u`, `v` is the thing: the share around it is
    /// at least one half.
    #[inline]
    pub(super) fn inside(&self, u: f64, v: f64) -> bool {
        let (u, v) = (u * self.scale + 0.5, v * self.scale + 0.5);
        let most = (f64::from(self.width) + 1.0, f64::from(self.height) + 1.0);
        // Written so that what is no number is outside.
        if !(u >= 0.0 && v >= 0.0 && u < most.0 && v < most.1) {
            return false;
        }
        let (x, y) = (u as usize, v as usize);
        let (fx, fy) = (u - x as f64, v - y as f64);
        let stride = self.width as usize + 2;
        let at = y * stride + x;
        let (Some([a, b]), Some([c, d])) =
            (self.share.get(at..at + 2), self.share.get(at + stride..at + stride + 2))
        else {
            return false;
        };
        if a == b && b == c && c == d {
            return *a >= 128;
        }
        let f = |v: &u8| f64::from(*v);
        let top = f(a) + (f(b) - f(a)) * fx;
        let low = f(c) + (f(d) - f(c)) * fx;
        top + (low - top) * fy >= 127.5
    }
}
