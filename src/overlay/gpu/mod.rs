//! The pipelines: planes to a picture, picture and map to the target.
//!
//! [`OverlayRenderer`] lives where the window keeps its GPU resources. `upload_picture` runs the
//! conversion shader once per new frame into a texture of the upright picture; `paint` then
//! draws everything in one pass, as often as the window likes. Start reading at
//! [`OverlayRenderer`].

mod headless;
mod pipelines;
mod planes;

pub use headless::{Headless, HeadlessError};

use pipelines::{Pipelines, Variant};
use planes::PlaneStage;

use super::uniforms::{FrameBlock, FrameData, PANELS, SLOT_SIDE, flag, interpolation_code};
use super::{AlphaMode, Colormap, OverlayParams, RgbaPicture, View, yuv};
use crate::units::{PlanarPicture, RgbPicture};

/// Who turns planes into RGB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conversion {
    /// The shader: planes go to the GPU as they are.
    #[default]
    Shader,
    /// The twin on all cores, for adapters that are themselves a CPU: the same sums then cost a
    /// fifth (`benches/overlay.rs`).
    Twin,
}

/// Draws a picture with its overlay into a render pass.
pub struct OverlayRenderer {
    device: wgpu::Device,
    format: wgpu::TextureFormat,
    pipelines: Pipelines,
    planes: PlaneStage,
    conversion: Conversion,
    alpha: AlphaMode,
    frame: wgpu::Buffer,
    maps: wgpu::Texture,
    luts: wgpu::Texture,
    picture: wgpu::Texture,
    bind: wgpu::BindGroup,
    has_picture: bool,
    variant: Variant,
}

/// Rows of the map texture: three panels and the metric's map.
const MAP_ROWS: u32 = ((PANELS + 1) * SLOT_SIDE) as u32;

impl OverlayRenderer {
    /// Pipelines for a target of `format`; compiles the shaders.
    pub fn new(device: &wgpu::Device, format: wgpu::TextureFormat) -> Self {
        let pipelines = Pipelines::new(device, format);
        let frame = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("overlay frame"),
            size: size_of::<FrameBlock>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let table = |label, w, h, format| {
            texture(device, label, w, h, format, wgpu::TextureUsages::COPY_DST)
        };
        let maps = table("maps", SLOT_SIDE as u32, MAP_ROWS, wgpu::TextureFormat::R32Float);
        let luts = table(
            "colour tables",
            256,
            Colormap::TABLES.len() as u32,
            wgpu::TextureFormat::Rgba8Unorm,
        );
        let picture = picture_texture(device, 1, 1);
        let bind = bind_group(device, &pipelines, &frame, &picture, &maps, &luts);
        Self {
            planes: PlaneStage::new(device),
            device: device.clone(),
            format,
            pipelines,
            conversion: Conversion::Shader,
            alpha: AlphaMode::Checker,
            frame,
            maps,
            luts,
            picture,
            bind,
            has_picture: false,
            variant: Variant::PLAIN,
        }
    }

    /// Chooses who converts planes from the next upload on.
    pub fn set_conversion(&mut self, conversion: Conversion) {
        self.conversion = conversion;
    }

    /// What stands behind transparent pixels from the next upload on.
    pub fn set_alpha(&mut self, alpha: AlphaMode) {
        self.alpha = alpha;
    }

    /// Size of the uploaded picture in pixels, upright.
    pub fn picture_size(&self) -> Option<(u32, u32)> {
        self.has_picture.then(|| (self.picture.width(), self.picture.height()))
    }

    /// Converts a new frame's planes into the picture on show and submits that work.
    ///
    /// A picture larger than the adapter's textures is converted by the twin and made smaller;
    /// so is one whose planes are shorter than they say.
    pub fn upload_picture(&mut self, queue: &wgpu::Queue, picture: &PlanarPicture) {
        let (w, h) = picture.upright_size();
        let limit = self.device.limits().max_texture_dimension_2d;
        let on_gpu = self.conversion == Conversion::Shader
            && w.max(h) <= limit
            && planes::are_whole(picture);
        if !on_gpu {
            let rgb = yuv::rgb_from_planes_with(picture, self.alpha, true);
            return self.upload_rgb(queue, &rgb);
        }
        self.resize_picture(w, h);
        let target = self.picture.create_view(&wgpu::TextureViewDescriptor::default());
        self.planes.convert(&self.device, queue, picture, self.alpha, &target);
        self.has_picture = true;
    }

    /// Shows an upright RGB picture; one larger than the adapter's textures is made smaller.
    pub fn upload_rgb(&mut self, queue: &wgpu::Queue, picture: &RgbPicture) {
        let limit = self.device.limits().max_texture_dimension_2d;
        let (w, h, rgba) = planes::rgba_within(picture, limit);
        self.resize_picture(w, h);
        write(queue, &self.picture, [0, 0], [w, h], 4 * w, &rgba);
        self.has_picture = true;
    }

    /// Forgets the picture: only the background is drawn until the next upload.
    pub fn clear_picture(&mut self) {
        self.has_picture = false;
    }

    fn resize_picture(&mut self, w: u32, h: u32) {
        if (self.picture.width(), self.picture.height()) != (w, h) {
            self.picture = picture_texture(&self.device, w, h);
            self.bind = bind_group(
                &self.device,
                &self.pipelines,
                &self.frame,
                &self.picture,
                &self.maps,
                &self.luts,
            );
        }
    }

    /// Takes over what is drawn from the next [`paint`](Self::paint) on. Cheap: 49 numbers and
    /// one small block.
    pub fn set_params(&mut self, queue: &wgpu::Queue, params: &OverlayParams, view: &View) {
        if let Some(pipelines) = self.pipelines.reloaded(&self.device, self.format) {
            self.pipelines = pipelines;
        }
        if !self.pipelines.tables_written {
            self.write_tables(queue);
            self.pipelines.tables_written = true;
        }
        let data = FrameData::new(params, view);
        for (slot, field) in data.maps.iter().enumerate() {
            let Some(grid) = field.as_ref().map(super::Field::grid) else { continue };
            let side = grid.side as u32;
            let origin = [0, (slot * SLOT_SIDE) as u32];
            let bytes = bytemuck::cast_slice(grid.cells);
            write(queue, &self.maps, origin, [side, side], 4 * side, bytes);
        }
        let mut block = data.block;
        block.origin[0] = view.origin[0];
        block.origin[1] = view.origin[1];
        block.count[3] = u32::from(self.format.is_srgb());
        if !self.has_picture {
            block.count[0] = 0;
        }
        let panels = &block.panels[..block.count[0] as usize];
        let any = |bits: u32| panels.iter().any(|p| p.kind[2] & bits != 0);
        self.variant = Variant {
            map: any(flag::MAP | flag::BORDER).then(|| interpolation_code(params.interpolation)),
            lines: any(flag::THRESHOLD | flag::CONTOURS | flag::CELLS),
            mask: any(flag::MASK),
            one_panel: panels.len() == 1,
        };
        self.pipelines.make(&self.device, self.format, self.variant);
        queue.write_buffer(&self.frame, 0, bytemuck::bytes_of(&block));
    }

    fn write_tables(&self, queue: &wgpu::Queue) {
        let rgba: Vec<u8> = Colormap::TABLES
            .iter()
            .flat_map(|c| c.lut().iter().flat_map(|[r, g, b]| [*r, *g, *b, 255]))
            .collect();
        let rows = Colormap::TABLES.len() as u32;
        write(queue, &self.luts, [0, 0], [256, rows], 4 * 256, &rgba);
    }

    /// Draws over the whole viewport of `pass`: background, picture, overlay, in one call.
    pub fn paint(&self, pass: &mut wgpu::RenderPass<'_>) {
        // Made by `set_params`; before its first call there is nothing to draw.
        let Some(pipeline) = self.pipelines.get(self.variant) else { return };
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, &self.bind, &[]);
        pass.draw(0..3, 0..1);
    }

    /// Draws what is set into a texture of its own and reads it back: `width` x `height`
    /// pixels. Waits for the GPU; for screenshots, exports and tests.
    pub fn render_offscreen(
        &self,
        queue: &wgpu::Queue,
        width: u32,
        height: u32,
    ) -> Result<RgbaPicture, HeadlessError> {
        let target = texture(
            &self.device,
            "offscreen",
            width.max(1),
            height.max(1),
            self.format,
            wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        );
        let view = target.create_view(&wgpu::TextureViewDescriptor::default());
        let mut encoder = self.device.create_command_encoder(&Default::default());
        {
            let mut pass = begin(&mut encoder, "overlay", &view);
            self.paint(&mut pass);
        }
        headless::read_back(&self.device, queue, encoder, &target, self.format)
    }
}

fn begin<'e>(
    encoder: &'e mut wgpu::CommandEncoder,
    label: &str,
    view: &wgpu::TextureView,
) -> wgpu::RenderPass<'e> {
    encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
        label: Some(label),
        color_attachments: &[Some(wgpu::RenderPassColorAttachment {
            view,
            depth_slice: None,
            resolve_target: None,
            ops: wgpu::Operations {
                load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                store: wgpu::StoreOp::Store,
            },
        })],
        depth_stencil_attachment: None,
        timestamp_writes: None,
        occlusion_query_set: None,
        multiview_mask: None,
    })
}

fn texture(
    device: &wgpu::Device,
    label: &str,
    width: u32,
    height: u32,
    format: wgpu::TextureFormat,
    usage: wgpu::TextureUsages,
) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: Some(label),
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage: usage | wgpu::TextureUsages::TEXTURE_BINDING,
        view_formats: &[],
    })
}

fn picture_texture(device: &wgpu::Device, w: u32, h: u32) -> wgpu::Texture {
    let usage = wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_DST;
    texture(device, "picture", w, h, wgpu::TextureFormat::Rgba8Unorm, usage)
}

fn write(
    queue: &wgpu::Queue,
    texture: &wgpu::Texture,
    origin: [u32; 2],
    size: [u32; 2],
    bytes_per_row: u32,
    data: &[u8],
) {
    queue.write_texture(
        wgpu::TexelCopyTextureInfo {
            texture,
            mip_level: 0,
            origin: wgpu::Origin3d { x: origin[0], y: origin[1], z: 0 },
            aspect: wgpu::TextureAspect::All,
        },
        data,
        wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(bytes_per_row),
            rows_per_image: None,
        },
        wgpu::Extent3d { width: size[0], height: size[1], depth_or_array_layers: 1 },
    );
}

fn bind_group(
    device: &wgpu::Device,
    pipelines: &Pipelines,
    frame: &wgpu::Buffer,
    picture: &wgpu::Texture,
    maps: &wgpu::Texture,
    luts: &wgpu::Texture,
) -> wgpu::BindGroup {
    let views =
        [picture, maps, luts].map(|t| t.create_view(&wgpu::TextureViewDescriptor::default()));
    let textures = views.iter().zip(1..).map(|(v, binding)| wgpu::BindGroupEntry {
        binding,
        resource: wgpu::BindingResource::TextureView(v),
    });
    let uniform = wgpu::BindGroupEntry { binding: 0, resource: frame.as_entire_binding() };
    let entries: Vec<_> = std::iter::once(uniform).chain(textures).collect();
    device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("overlay"),
        layout: &pipelines.layout,
        entries: &entries,
    })
}
