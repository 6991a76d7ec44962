//! Small pictures for the timeline's hover.

use std::sync::Arc;

use super::error::MediaError;
use super::frames::{FrameReader, VideoFrame};
use crate::units::{FrameIndex, MediaTime, PlanarPicture, Plane, PlaneLayout};

/// A small picture near a place in the clip.
#[derive(Clone, Debug)]
pub struct Thumbnail {
    /// The frame that is shown: the key frame at or before the asked one.
    pub index: FrameIndex,
    /// Its time.
    pub time: MediaTime,
    /// The reduced picture; planes and colours as the clip has them.
    pub picture: Arc<PlanarPicture>,
}

/// The key frame at or before `frame`, reduced by leaving samples out so that its longer side is
/// at most `max_side` pixels. Cheap enough for a hover: one key frame is decoded.
pub fn thumbnail(
    reader: &mut FrameReader,
    frame: FrameIndex,
    max_side: u32,
) -> Result<Option<Thumbnail>, MediaError> {
    let Some(VideoFrame { index, time, picture, .. }) = reader.seek_key(frame)? else {
        return Ok(None);
    };
    Ok(Some(Thumbnail { index, time, picture: Arc::new(reduce(&picture, max_side)) }))
}

/// Every n-th pixel in both axes.
fn reduce(p: &PlanarPicture, max_side: u32) -> PlanarPicture {
    let step = p.width.max(p.height).div_ceil(max_side.max(1)).max(1);
    let (width, height) = (p.width.div_ceil(step), p.height.div_ceil(step));
    let bytes = if p.bits > 8 { 2 } else { 1 };
    let sizes: Vec<(u32, usize)> = match p.layout {
        // (columns of pixels, bytes per pixel)
        PlaneLayout::Yuv { shift_x, .. } => {
            let chroma = width.div_ceil(1 << shift_x);
            [width, chroma, chroma, width].map(|w| (w, bytes)).to_vec()
        }
        PlaneLayout::SemiPlanar => vec![(width, bytes), (width.div_ceil(2), 2 * bytes)],
        PlaneLayout::Gray => vec![(width, bytes)],
        PlaneLayout::Rgba => vec![(width, 4)],
    };
    let shift_y = |i: usize| match p.layout {
        PlaneLayout::Yuv { shift_y, .. } if i == 1 || i == 2 => shift_y,
        PlaneLayout::SemiPlanar if i == 1 => 1,
        _ => 0,
    };
    let plane = |(i, (src, (columns, size))): (usize, (&Plane, (u32, usize)))| {
        let rows = height.div_ceil(1 << shift_y(i));
        let pixels = src.width as usize * bytes / size;
        let mut data = Vec::with_capacity(columns as usize * size * rows as usize);
        for y in 0..rows {
            let sy = (y * step).min(src.height.saturating_sub(1)) as usize;
            for x in 0..columns {
                let sx = ((x * step) as usize).min(pixels.saturating_sub(1));
                let at = sy * src.stride + sx * size;
                match src.data.get(at..at + size) {
                    Some(s) => data.extend_from_slice(s),
                    None => data.resize(data.len() + size, 0),
                }
            }
        }
        let stride = columns as usize * size;
        Plane { width: (stride / bytes) as u32, height: rows, stride, data }
    };
    let planes = p.planes.iter().zip(sizes).enumerate().map(plane).collect();
    PlanarPicture { width, height, planes, ..*p }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{ColorSpec, Orientation};

    #[test]
    fn a_reduced_picture_keeps_its_layout() {
        let plane = |w: u32, h: u32| Plane {
            width: w,
            height: h,
            stride: w as usize,
            data: (0..w * h).map(|i| (i % w) as u8).collect(),
        };
        let p = PlanarPicture {
            width: 101,
            height: 51,
            layout: PlaneLayout::Yuv { shift_x: 1, shift_y: 1, alpha: false },
            bits: 8,
            color: ColorSpec::default(),
            orientation: Orientation::default(),
            pixel_aspect: 1.0,
            planes: vec![plane(101, 51), plane(51, 26), plane(51, 26)],
        };
        let t = reduce(&p, 30);
        assert_eq!((t.width, t.height), (26, 13));
        assert_eq!((t.planes[1].width, t.planes[1].height), (13, 7));
        for q in &t.planes {
            assert_eq!(q.data.len(), q.stride * q.height as usize);
        }
        assert_eq!(t.planes[0].data[3], 12);
        assert_eq!(reduce(&p, 4000).planes[0].data, p.planes[0].data);
    }
}
