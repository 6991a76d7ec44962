//! Shader modules and pipelines, and their reload in debug builds.

use std::time::{Duration, Instant, SystemTime};

use super::headless::block_on;
use crate::overlay::shaders;

/// Pipelines that draw picture and overlay.
pub(super) struct Pipelines {
    pub layout: wgpu::BindGroupLayout,
    module: wgpu::ShaderModule,
    made: Vec<(Variant, wgpu::RenderPipeline)>,
    /// Whether the colour tables are on the GPU; kept here so that a reload keeps them.
    pub tables_written: bool,
    watch: Watch,
}

/// What a pipeline is made for: everything else is left out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    /// Interpolation's code, `None` for the picture alone.
    pub map: Option<u32>,
    pub lines: bool,
    pub mask: bool,
    pub one_panel: bool,
}

impl Variant {
    /// The picture alone.
    pub(super) const PLAIN: Self = Self { map: None, lines: false, mask: false, one_panel: true };
}

/// Looks at the files on disk twice a second, in debug builds only.
struct Watch {
    checked: Instant,
    newest: Option<SystemTime>,
}

impl Watch {
    fn start() -> Self {
        Self { checked: Instant::now(), newest: newest_change() }
    }
}

fn newest_change() -> Option<SystemTime> {
    if !cfg!(debug_assertions) {
        return None;
    }
    ["picture.wgsl", "heatmap.wgsl"]
        .iter()
        .filter_map(|n| std::fs::metadata(shaders::folder().join(n)).ok()?.modified().ok())
        .max()
}

impl Pipelines {
    /// From the embedded text.
    pub(super) fn new(device: &wgpu::Device, format: wgpu::TextureFormat) -> Self {
        // Every file is embedded (tested), so neither is missing.
        let text = shaders::embedded("heatmap.wgsl").unwrap_or_default();
        Self::from_text(device, format, &text)
    }

    fn from_text(device: &wgpu::Device, format: wgpu::TextureFormat, text: &str) -> Self {
        let texture = wgpu::BindingType::Texture {
            sample_type: wgpu::TextureSampleType::Float { filterable: false },
            view_dimension: wgpu::TextureViewDimension::D2,
            multisampled: false,
        };
        let layout = layout(device, "overlay", &[uniform(), texture, texture, texture]);
        // `heatmap.wgsl` includes `picture.wgsl`: one module holds both entry points.
        let module = shader_module(device, "overlay", text);
        let mut all =
            Self { layout, module, made: Vec::new(), tables_written: false, watch: Watch::start() };
        // The two that nearly every frame uses; others are made when they are first needed.
        all.make(device, format, Variant::PLAIN);
        all.make(device, format, Variant { map: Some(1), ..Variant::PLAIN });
        all
    }

    /// Makes sure that a variant is there: some milliseconds the first time.
    pub(super) fn make(
        &mut self,
        device: &wgpu::Device,
        format: wgpu::TextureFormat,
        variant: Variant,
    ) {
        if self.made.iter().any(|(v, _)| *v == variant) {
            return;
        }
        let flag = |on: bool| f64::from(u8::from(on));
        let panels = ("ONE_PANEL", flag(variant.one_panel));
        let (entry, constants) = match variant.map {
            None => ("fs_picture", vec![panels]),
            Some(mode) => (
                "fs_heatmap",
                vec![
                    panels,
                    ("MODE", f64::from(mode)),
                    ("LINES", flag(variant.lines)),
                    ("MASKED", flag(variant.mask)),
                ],
            ),
        };
        let made = pipeline(device, &self.layout, &self.module, entry, &constants, format);
        self.made.push((variant, made));
    }

    /// A variant that was made.
    pub(super) fn get(&self, variant: Variant) -> Option<&wgpu::RenderPipeline> {
        self.made.iter().find(|(v, _)| *v == variant).map(|(_, p)| p)
    }

    /// New pipelines when a file changed since the last look and compiles; a file that does not
    /// is named in the log and the last good ones stay.
    pub(super) fn reloaded(
        &mut self,
        device: &wgpu::Device,
        format: wgpu::TextureFormat,
    ) -> Option<Self> {
        if !cfg!(debug_assertions) || self.watch.checked.elapsed() < Duration::from_millis(500) {
            return None;
        }
        self.watch.checked = Instant::now();
        let newest = newest_change();
        if newest <= self.watch.newest {
            return None;
        }
        self.watch.newest = newest;
        let text = shaders::on_disk("heatmap.wgsl")?;
        let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let made = Self::from_text(device, format, &text);
        if let Some(error) = block_on(scope.pop()) {
            tracing::warn!("shaders/heatmap.wgsl: {error}; keeping the last good one");
            return None;
        }
        tracing::info!("shaders reloaded");
        // Its layout is equal to the old one, so existing bind groups keep fitting.
        Some(Self { tables_written: self.tables_written, ..made })
    }
}

pub(super) fn uniform() -> wgpu::BindingType {
    wgpu::BindingType::Buffer {
        ty: wgpu::BufferBindingType::Uniform,
        has_dynamic_offset: false,
        min_binding_size: None,
    }
}

/// A layout of one group, bindings numbered in order, for fragment shaders.
pub(super) fn layout(
    device: &wgpu::Device,
    label: &str,
    types: &[wgpu::BindingType],
) -> wgpu::BindGroupLayout {
    let entries: Vec<_> = types
        .iter()
        .zip(0..)
        .map(|(ty, binding)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::FRAGMENT,
            ty: *ty,
            count: None,
        })
        .collect();
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some(label),
        entries: &entries,
    })
}

/// A compiled file.
pub(super) fn shader_module(device: &wgpu::Device, label: &str, text: &str) -> wgpu::ShaderModule {
    device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(label),
        source: wgpu::ShaderSource::Wgsl(text.into()),
    })
}

/// One full-screen triangle with fragment entry point `entry` and its overrides.
pub(super) fn pipeline(
    device: &wgpu::Device,
    layout: &wgpu::BindGroupLayout,
    module: &wgpu::ShaderModule,
    entry: &str,
    constants: &[(&str, f64)],
    format: wgpu::TextureFormat,
) -> wgpu::RenderPipeline {
    let options = || wgpu::PipelineCompilationOptions { constants, ..Default::default() };
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(entry),
        bind_group_layouts: &[Some(layout)],
        immediate_size: 0,
    });
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some(entry),
        layout: Some(&layout),
        vertex: wgpu::VertexState {
            module,
            entry_point: Some("vs_main"),
            buffers: &[],
            compilation_options: options(),
        },
        primitive: wgpu::PrimitiveState::default(),
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module,
            entry_point: Some(entry),
            targets: &[Some(format.into())],
            compilation_options: options(),
        }),
        multiview_mask: None,
        cache: None,
    })
}
