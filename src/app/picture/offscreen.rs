//! Pictures of what is seen, without a window: egui and the shaders into a texture, and back.
//!
//! Screenshots and exports take their legends from here, so that they say what the screen says.

use egui::{ColorImage, Ui, vec2};

/// Draws `contents` into a picture of `size` pixels, `pixels_per_point` pixels to a point.
///
/// `None` when the device is lost or does not take a texture of that size. Blocks until the
/// device is done: some milliseconds, for screenshots and for building exports, never per frame.
pub fn render_offscreen(
    state: &egui_wgpu::RenderState,
    size: [u32; 2],
    pixels_per_point: f32,
    dark: bool,
    contents: impl FnMut(&mut Ui),
) -> Option<ColorImage> {
    const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;
    let limit = state.device.limits().max_texture_dimension_2d;
    if size.iter().any(|s| *s == 0 || *s > limit) {
        return None;
    }
    let ctx = egui::Context::default();
    ctx.set_theme(if dark { egui::Theme::Dark } else { egui::Theme::Light });
    ctx.set_pixels_per_point(pixels_per_point);
    let points = vec2(size[0] as f32, size[1] as f32) / pixels_per_point;
    let input = || egui::RawInput {
        screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, points)),
        max_texture_side: Some(limit as usize),
        ..egui::RawInput::default()
    };
    let mut contents = contents;
    // The first pass takes the scale over and lays out the fonts.
    let mut textures = ctx.run_ui(input(), |_| {}).textures_delta;
    let output = ctx.run_ui(input(), |ui| contents(ui));
    textures.append(output.textures_delta);
    let jobs = ctx.tessellate(output.shapes, pixels_per_point);

    let (device, queue) = (&state.device, &state.queue);
    let options = egui_wgpu::RendererOptions { dithering: false, ..Default::default() };
    let mut renderer = egui_wgpu::Renderer::new(device, FORMAT, options);
    for (id, deltas) in &textures.set {
        for delta in deltas {
            renderer.update_texture(device, queue, *id, delta);
        }
    }
    let screen = egui_wgpu::ScreenDescriptor { size_in_pixels: size, pixels_per_point };
    let target = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("fnac offscreen"),
        size: wgpu::Extent3d { width: size[0], height: size[1], depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: FORMAT,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    });
    let view = target.create_view(&wgpu::TextureViewDescriptor::default());
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let mut buffers = renderer.update_buffers(device, queue, &mut encoder, &jobs, &screen);
    {
        let pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("fnac offscreen"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &view,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT),
                    store: wgpu::StoreOp::Store,
                },
            })],
            ..Default::default()
        });
        renderer.render(&mut pass.forget_lifetime(), &jobs, &screen);
    }
    let row = (size[0] * 4).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
    let back = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("fnac offscreen"),
        size: u64::from(row) * u64::from(size[1]),
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    });
    encoder.copy_texture_to_buffer(
        target.as_image_copy(),
        wgpu::TexelCopyBufferInfo {
            buffer: &back,
            layout: wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(row),
                rows_per_image: None,
            },
        },
        target.size(),
    );
    buffers.push(encoder.finish());
    queue.submit(buffers);
    let (send, done) = std::sync::mpsc::channel();
    back.slice(..).map_async(wgpu::MapMode::Read, move |result| {
        // The other end is gone only when waiting has failed.
        send.send(result).ok();
    });
    device.poll(wgpu::PollType::wait_indefinitely()).ok()?;
    done.try_recv().ok()?.ok()?;
    let data = back.slice(..).get_mapped_range().ok()?;
    let mut rgba = Vec::with_capacity(size[0] as usize * size[1] as usize * 4);
    for line in data.chunks_exact(row as usize) {
        rgba.extend_from_slice(line.get(..size[0] as usize * 4)?);
    }
    Some(ColorImage::from_rgba_premultiplied(size.map(|s| s as usize), &rgba))
}
