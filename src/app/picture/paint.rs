//! Picture and map onto the screen: through the shaders, or through their twins where there is no
//! graphics device (tests).

use std::sync::Arc;

use egui::{Rect, TextureHandle, TextureOptions, Ui};

use crate::media::VideoFrame;
use crate::overlay::gpu::{Conversion, OverlayRenderer};
use crate::overlay::{OverlayParams, View, cpu, yuv};

/// The shaders' state, one per egui renderer, kept in its callback resources.
struct Canvas {
    renderer: OverlayRenderer,
    /// Held so that another frame cannot take its address while its planes are on the device.
    uploaded: Option<Arc<VideoFrame>>,
}

/// What is drawn in this frame of the window.
struct Paint {
    frame: Arc<VideoFrame>,
    params: OverlayParams,
    view: View,
}

impl egui_wgpu::CallbackTrait for Paint {
    fn prepare(
        &self,
        _: &wgpu::Device,
        queue: &wgpu::Queue,
        _: &egui_wgpu::ScreenDescriptor,
        _: &mut wgpu::CommandEncoder,
        resources: &mut egui_wgpu::CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        if let Some(canvas) = resources.get_mut::<Canvas>() {
            let shown = canvas.uploaded.as_ref().is_some_and(|f| Arc::ptr_eq(f, &self.frame));
            if !shown {
                canvas.renderer.upload_picture(queue, &self.frame.picture);
                canvas.uploaded = Some(self.frame.clone());
            }
            canvas.renderer.set_params(queue, &self.params, &self.view);
        }
        Vec::new()
    }

    fn paint(
        &self,
        _: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &egui_wgpu::CallbackResources,
    ) {
        if let Some(canvas) = resources.get::<Canvas>() {
            canvas.renderer.paint(pass);
        }
    }
}

/// A picture drawn by the twins, and from what.
type Drawn = (TextureHandle, Arc<VideoFrame>, OverlayParams, View);

/// Draws with the device that draws the window, or with the twins.
pub(super) enum Brush {
    /// egui's own device.
    Gpu,
    /// On this thread; for tests and machines without any device.
    Cpu {
        /// What was drawn last and from what.
        texture: Option<Box<Drawn>>,
    },
}

impl Brush {
    pub(super) fn new(state: Option<&egui_wgpu::RenderState>) -> Self {
        let Some(state) = state else { return Self::Cpu { texture: None } };
        let renderer = renderer_for(state, state.target_format);
        let canvas = Canvas { renderer, uploaded: None };
        state.renderer.write().callback_resources.insert(canvas);
        Self::Gpu
    }

    /// Fills `rect`, whose edges lie on physical pixels.
    pub(super) fn paint(
        &mut self,
        ui: &Ui,
        rect: Rect,
        frame: &Arc<VideoFrame>,
        params: &OverlayParams,
        view: View,
    ) {
        match self {
            Self::Gpu => {
                let paint = Paint { frame: frame.clone(), params: params.clone(), view };
                ui.painter().add(egui_wgpu::Callback::new_paint_callback(rect, paint));
            }
            Self::Cpu { texture } => {
                let fresh = texture
                    .as_deref()
                    .is_some_and(|(_, f, p, v)| Arc::ptr_eq(f, frame) && p == params && *v == view);
                if !fresh {
                    let rgb = yuv::rgb_from_planes(&frame.picture);
                    let drawn = cpu::render(&rgb, params, &view);
                    let size = view.size.map(|v| v as usize);
                    let image = egui::ColorImage::from_rgba_unmultiplied(size, &drawn.data);
                    let handle = ui.ctx().load_texture("picture", image, TextureOptions::NEAREST);
                    *texture = Some(Box::new((handle, frame.clone(), params.clone(), view)));
                }
                if let Some((handle, ..)) = texture.as_deref() {
                    let uv = Rect::from_min_max(egui::Pos2::ZERO, egui::pos2(1.0, 1.0));
                    ui.painter().image(handle.id(), rect, uv, egui::Color32::WHITE);
                }
            }
        }
    }
}

/// Draws picture and map once into a picture of `size` pixels, with the screen's shaders.
pub(super) fn draw_once(
    state: &egui_wgpu::RenderState,
    frame: &Arc<VideoFrame>,
    params: &OverlayParams,
    view: &View,
    size: [u32; 2],
) -> Option<egui::ColorImage> {
    let limit = state.device.limits().max_texture_dimension_2d;
    if size.iter().any(|s| *s == 0 || *s > limit) {
        return None;
    }
    let mut renderer = renderer_for(state, wgpu::TextureFormat::Rgba8Unorm);
    renderer.upload_picture(&state.queue, &frame.picture);
    renderer.set_params(&state.queue, params, view);
    let drawn = renderer
        .render_offscreen(&state.queue, size[0], size[1])
        .inspect_err(|e| tracing::warn!("cannot draw the picture for saving: {e}"))
        .ok()?;
    Some(egui::ColorImage::from_rgba_unmultiplied(size.map(|s| s as usize), &drawn.data))
}

fn renderer_for(state: &egui_wgpu::RenderState, format: wgpu::TextureFormat) -> OverlayRenderer {
    let mut renderer = OverlayRenderer::new(&state.device, format);
    if state.adapter.get_info().device_type == wgpu::DeviceType::Cpu {
        renderer.set_conversion(Conversion::Twin);
    }
    renderer
}
