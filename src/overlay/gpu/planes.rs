//! Planes on the GPU and the pass of `shaders/yuv.wgsl` that turns them into a picture.

use super::pipelines::{layout, pipeline, shader_module, uniform};
use super::{begin, texture, write};
use crate::overlay::shaders;
use crate::overlay::yuv::{
    AlphaMode, CURVE_LEN, CURVE_ROWS, YuvBlock, chroma_size, curves, has_alpha,
};
use crate::units::{PlanarPicture, PlaneLayout, RgbPicture};

/// The conversion pipeline and the textures of the last picture's planes.
pub(super) struct PlaneStage {
    layout: wgpu::BindGroupLayout,
    module: wgpu::ShaderModule,
    /// By layout, high dynamic range and background, made when first needed.
    made: Vec<([u32; 3], wgpu::RenderPipeline)>,
    block: wgpu::Buffer,
    curves: wgpu::Texture,
    curves_written: bool,
    planes: Vec<wgpu::Texture>,
    bind: Option<wgpu::BindGroup>,
}

/// Width, height and format of each of the four plane textures of a picture.
fn shapes(p: &PlanarPicture) -> [(u32, u32, wgpu::TextureFormat); 4] {
    use wgpu::TextureFormat as F;
    let one = if p.bits > 8 { F::R16Uint } else { F::R8Uint };
    let two = if p.bits > 8 { F::Rg16Uint } else { F::Rg8Uint };
    let four = if p.bits > 8 { F::Rgba16Uint } else { F::Rgba8Uint };
    let none = (1, 1, one);
    let luma = (p.width.max(1), p.height.max(1), one);
    let (cw, ch) = chroma_size(p);
    let chroma = |format| (cw as u32, ch as u32, format);
    match p.layout {
        PlaneLayout::Yuv { alpha, .. } => {
            [luma, chroma(one), chroma(one), if alpha { luma } else { none }]
        }
        PlaneLayout::SemiPlanar => [luma, chroma(two), none, none],
        PlaneLayout::Gray => [luma, none, none, none],
        PlaneLayout::Rgba => [(luma.0, luma.1, four), none, none, none],
    }
}

/// Planes that a layout needs.
fn plane_count(p: &PlanarPicture) -> usize {
    match p.layout {
        PlaneLayout::Yuv { .. } => 3 + usize::from(has_alpha(p.layout)),
        PlaneLayout::SemiPlanar => 2,
        PlaneLayout::Gray | PlaneLayout::Rgba => 1,
    }
}

/// Whether every plane holds the rows that its texture takes.
pub(super) fn are_whole(p: &PlanarPicture) -> bool {
    let shapes = shapes(p);
    p.width > 0
        && p.height > 0
        && p.planes.len() >= plane_count(p)
        && p.planes.iter().zip(shapes).take(plane_count(p)).all(|(plane, (w, h, format))| {
            let texel = format.block_copy_size(None).unwrap_or(1) as usize;
            let row = w as usize * texel;
            let last = plane.stride.saturating_mul(h as usize - 1).saturating_add(row);
            plane.stride >= row
                && plane.stride % texel == 0
                && u32::try_from(plane.stride).is_ok()
                && last <= plane.data.len()
        })
}

impl PlaneStage {
    pub(super) fn new(device: &wgpu::Device) -> Self {
        let texture_of = |sample_type| wgpu::BindingType::Texture {
            sample_type,
            view_dimension: wgpu::TextureViewDimension::D2,
            multisampled: false,
        };
        let plane = texture_of(wgpu::TextureSampleType::Uint);
        let curve = texture_of(wgpu::TextureSampleType::Float { filterable: false });
        let layout = layout(device, "yuv", &[uniform(), plane, plane, plane, plane, curve]);
        // Every file is embedded (tested).
        let text = shaders::embedded("yuv.wgsl").unwrap_or_default();
        let module = shader_module(device, "yuv", &text);
        let block = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("yuv"),
            size: size_of::<YuvBlock>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let curves = texture(
            device,
            "curves",
            CURVE_LEN as u32,
            CURVE_ROWS as u32,
            wgpu::TextureFormat::R32Float,
            wgpu::TextureUsages::COPY_DST,
        );
        Self {
            layout,
            module,
            made: Vec::new(),
            block,
            curves,
            curves_written: false,
            planes: Vec::new(),
            bind: None,
        }
    }

    /// Uploads the planes as they are and draws them, upright, into `target`. The picture must
    /// have passed [`are_whole`].
    pub(super) fn convert(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        picture: &PlanarPicture,
        alpha: AlphaMode,
        target: &wgpu::TextureView,
    ) {
        if !self.curves_written {
            let (w, h) = (CURVE_LEN as u32, CURVE_ROWS as u32);
            write(queue, &self.curves, [0, 0], [w, h], 4 * w, bytemuck::cast_slice(curves()));
            self.curves_written = true;
        }
        self.fit(device, picture);
        for (plane, texture) in picture.planes.iter().zip(&self.planes).take(plane_count(picture)) {
            let size = [texture.width(), texture.height()];
            write(queue, texture, [0, 0], size, plane.stride as u32, &plane.data);
        }
        let block = YuvBlock::new(picture, alpha);
        queue.write_buffer(&self.block, 0, bytemuck::bytes_of(&block));
        let pipeline = self.variant(device, &block);
        let mut encoder = device.create_command_encoder(&Default::default());
        {
            let mut pass = begin(&mut encoder, "yuv", target);
            pass.set_pipeline(&pipeline);
            pass.set_bind_group(0, self.bind.as_ref(), &[]);
            pass.draw(0..3, 0..1);
        }
        queue.submit([encoder.finish()]);
    }

    /// The pipeline for a block's layout, transfer and background.
    fn variant(&mut self, device: &wgpu::Device, block: &YuvBlock) -> wgpu::RenderPipeline {
        let behind = u32::from(block.kind[3] == 1 && block.kind[1] != 0);
        let key = [block.kind[0], block.kind[2].min(1), behind];
        if let Some((_, made)) = self.made.iter().find(|(k, _)| *k == key) {
            return made.clone();
        }
        let [kind, hdr, behind] = key.map(f64::from);
        let constants = [("LAYOUT", kind), ("HDR", hdr), ("BEHIND", behind)];
        let format = wgpu::TextureFormat::Rgba8Unorm;
        let made = pipeline(device, &self.layout, &self.module, "fs_yuv", &constants, format);
        self.made.push((key, made.clone()));
        made
    }

    /// Textures of the picture's shapes, kept while they stay the same.
    fn fit(&mut self, device: &wgpu::Device, picture: &PlanarPicture) {
        let shapes = shapes(picture);
        let same = self.planes.len() == shapes.len()
            && self
                .planes
                .iter()
                .zip(shapes)
                .all(|(t, (w, h, f))| (t.width(), t.height(), t.format()) == (w, h, f));
        if same && self.bind.is_some() {
            return;
        }
        self.planes = shapes
            .into_iter()
            .map(|(w, h, format)| {
                texture(device, "plane", w, h, format, wgpu::TextureUsages::COPY_DST)
            })
            .collect();
        let views: Vec<_> = self
            .planes
            .iter()
            .chain([&self.curves])
            .map(|t| t.create_view(&wgpu::TextureViewDescriptor::default()))
            .collect();
        let block = wgpu::BindGroupEntry { binding: 0, resource: self.block.as_entire_binding() };
        let textures = views.iter().zip(1..).map(|(v, binding)| wgpu::BindGroupEntry {
            binding,
            resource: wgpu::BindingResource::TextureView(v),
        });
        let entries: Vec<_> = std::iter::once(block).chain(textures).collect();
        self.bind = Some(device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("yuv"),
            layout: &self.layout,
            entries: &entries,
        }));
    }
}

/// RGBA bytes of a picture, averaged over whole blocks of pixels until no side is above `limit`.
pub(super) fn rgba_within(picture: &RgbPicture, limit: u32) -> (u32, u32, Vec<u8>) {
    let (w, h) = (picture.width(), picture.height());
    let k = w.max(h).div_ceil(limit.max(1)).max(1);
    if k == 1 {
        let rgba = picture.data().chunks_exact(3).flat_map(|c| [c[0], c[1], c[2], 255]).collect();
        return (w, h, rgba);
    }
    let (ow, oh) = (w.div_ceil(k), h.div_ceil(k));
    let mut out = Vec::with_capacity(4 * ow as usize * oh as usize);
    for oy in 0..oh {
        for ox in 0..ow {
            let (mut sum, mut n) = ([0u32; 3], 0);
            for y in oy * k..((oy + 1) * k).min(h) {
                let row = 3 * y as usize * w as usize;
                let (a, b) = (ox * k, ((ox + 1) * k).min(w));
                for c in picture.data()[row + 3 * a as usize..row + 3 * b as usize].chunks_exact(3)
                {
                    for (s, v) in sum.iter_mut().zip(c) {
                        *s += u32::from(*v);
                    }
                    n += 1;
                }
            }
            let n = n.max(1);
            out.extend(sum.map(|s| ((s + n / 2) / n) as u8));
            out.push(255);
        }
    }
    (ow, oh, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_large_pictures_are_averaged_until_they_fit() {
        let data = (0..10 * 4).flat_map(|i| [(i % 10 * 20) as u8, 100, 7]).collect();
        let p = RgbPicture::new(10, 4, data).unwrap();
        let (w, h, rgba) = rgba_within(&p, 4);
        assert_eq!((w, h), (4, 2));
        assert_eq!(&rgba[..4], &[20, 100, 7, 255]);
        // The last block is one column wide.
        assert_eq!(&rgba[12..16], &[180, 100, 7, 255]);
        assert_eq!(rgba_within(&p, 10).0, 10);
    }
}
