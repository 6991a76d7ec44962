//! A device without any window, and reading a texture back.

use std::future::Future;
use std::task::{Context, Poll, Waker};

use crate::overlay::RgbaPicture;

/// Why there is no picture from the GPU.
#[derive(Debug, thiserror::Error)]
pub enum HeadlessError {
    /// No graphics adapter at all.
    #[error("no graphics adapter: install a Vulkan driver (Debian: mesa-vulkan-drivers): {0}")]
    NoAdapter(String),
    /// The adapter refused to open.
    #[error("the graphics adapter {name} did not open: {cause}")]
    NoDevice {
        /// The adapter.
        name: String,
        /// What it said.
        cause: String,
    },
    /// The picture did not come back.
    #[error("reading the picture back from the graphics device failed: {0}")]
    ReadBack(String),
}

/// A device of its own, for exports and tests.
pub struct Headless {
    /// The device.
    pub device: wgpu::Device,
    /// Its queue.
    pub queue: wgpu::Queue,
    /// What it is.
    pub info: wgpu::AdapterInfo,
}

impl Headless {
    /// Opens the first adapter with its own limits.
    pub fn open() -> Result<Self, HeadlessError> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends: wgpu::Backends::PRIMARY | wgpu::Backends::GL,
            ..wgpu::InstanceDescriptor::new_without_display_handle_from_env()
        });
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let adapter = block_on(instance.request_adapter(&options))
            .map_err(|e| HeadlessError::NoAdapter(e.to_string()))?;
        let info = adapter.get_info();
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("fnac headless"),
            required_limits: adapter.limits(),
            ..Default::default()
        };
        let (device, queue) = block_on(adapter.request_device(&descriptor)).map_err(|e| {
            HeadlessError::NoDevice { name: info.name.clone(), cause: e.to_string() }
        })?;
        Ok(Self { device, queue, info })
    }
}

/// Runs a future of wgpu to its end; natively they are ready at once or after a poll.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::yield_now(),
        }
    }
}

/// Submits `encoder` with a copy of `target` and waits for the bytes.
pub(super) fn read_back(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    mut encoder: wgpu::CommandEncoder,
    target: &wgpu::Texture,
    format: wgpu::TextureFormat,
) -> Result<RgbaPicture, HeadlessError> {
    let (w, h) = (target.width(), target.height());
    let pitch = (4 * w).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("read back"),
        size: u64::from(pitch) * u64::from(h),
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    });
    encoder.copy_texture_to_buffer(
        target.as_image_copy(),
        wgpu::TexelCopyBufferInfo {
            buffer: &buffer,
            layout: wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(pitch),
                rows_per_image: None,
            },
        },
        target.size(),
    );
    queue.submit([encoder.finish()]);
    let (tx, rx) = std::sync::mpsc::sync_channel(1);
    buffer.map_async(wgpu::MapMode::Read, .., move |result| {
        // The receiver is below and waits; were it gone, nobody would need the answer.
        tx.send(result).ok();
    });
    let failed = |e: String| HeadlessError::ReadBack(e);
    device.poll(wgpu::PollType::wait_indefinitely()).map_err(|e| failed(e.to_string()))?;
    rx.recv().map_err(|e| failed(e.to_string()))?.map_err(|e| failed(e.to_string()))?;
    let mapped = buffer.get_mapped_range(..).map_err(|e| failed(e.to_string()))?;
    let mut data = Vec::with_capacity(4 * w as usize * h as usize);
    for row in mapped.chunks_exact(pitch as usize) {
        data.extend_from_slice(&row[..4 * w as usize]);
    }
    drop(mapped);
    buffer.unmap();
    if matches!(format, wgpu::TextureFormat::Bgra8Unorm | wgpu::TextureFormat::Bgra8UnormSrgb) {
        data.chunks_exact_mut(4).for_each(|c| c.swap(0, 2));
    }
    Ok(RgbaPicture { width: w, height: h, data })
}
