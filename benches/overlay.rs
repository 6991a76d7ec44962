//! What does a frame cost to show? Planes to RGB (twin beside swscale, and the shader), picture
//! and map (shader and twin), and the built-in clip's drawing.
//!
//! `cargo bench --profile dev --bench overlay` prints a table; `-- --pictures DIR` also writes
//! frames of the built-in clip, to look at.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;
use std::time::Instant;

use fnac::overlay::gpu::{Conversion, Headless, OverlayRenderer};
use fnac::overlay::{AlphaMode, Field, OverlayParams, RgbaPicture, ScaleMode, View, cpu, yuv};
use fnac::synth::{Library, builtin_story};
use fnac::units::{ColorSpec, Orientation, PlanarPicture, Plane, PlaneLayout, Transfer};

/// Median and smallest milliseconds of `runs` runs.
fn time(runs: usize, mut work: impl FnMut()) -> (f64, f64) {
    work();
    let mut all: Vec<f64> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    all.sort_by(f64::total_cmp);
    (all[all.len() / 2], all[0])
}

fn row(what: &str, (median, best): (f64, f64)) {
    println!("| {what} | {median:.2} | {best:.2} |");
}

fn frame(w: u32, h: u32, bits: u8, transfer: Transfer) -> PlanarPicture {
    let bytes = if bits > 8 { 2 } else { 1 };
    let plane = |w: u32, h: u32, k: usize| {
        let stride = (w as usize * bytes).next_multiple_of(64);
        let data = (0..stride * h as usize).map(|i| (i * 7 + i / 997 * k) as u8 % 4).collect();
        Plane { width: w, height: h, stride, data }
    };
    PlanarPicture {
        width: w,
        height: h,
        layout: PlaneLayout::Yuv { shift_x: 1, shift_y: 1, alpha: false },
        bits,
        color: ColorSpec { transfer, ..ColorSpec::default() },
        orientation: Orientation::default(),
        pixel_aspect: 1.0,
        planes: vec![plane(w, h, 1), plane(w / 2, h / 2, 2), plane(w / 2, h / 2, 3)],
    }
}

fn swscale(p: &PlanarPicture) -> (f64, f64) {
    use ffmpeg_next::software::scaling::{Context, Flags};
    use ffmpeg_next::{format::Pixel, frame::Video};
    let mut from = Video::new(Pixel::YUV420P, p.width, p.height);
    for (k, plane) in p.planes.iter().enumerate() {
        let stride = from.stride(k);
        for (to, row) in from.data_mut(k).chunks_mut(stride).zip(plane.data.chunks(plane.stride)) {
            let n = (plane.width as usize).min(to.len());
            to[..n].copy_from_slice(&row[..n]);
        }
    }
    let (w, h) = (p.width, p.height);
    let mut context =
        Context::get(Pixel::YUV420P, w, h, Pixel::RGB24, w, h, Flags::BILINEAR).unwrap();
    let mut to = Video::empty();
    time(20, || context.run(black_box(&from), &mut to).unwrap())
}

fn params() -> OverlayParams {
    let cells = (0..49).map(|i| (i * 17 % 49) as f32 / 60.0 - 0.2).collect();
    OverlayParams {
        map: Field::new(1, cells),
        scale: ScaleMode::Calibrated { lo: 0.0, hi: 0.6 },
        ..OverlayParams::default()
    }
}

fn save(path: &std::path::Path, picture: &RgbaPicture) {
    fnac::export::write_png(path, picture, &[]).unwrap();
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.iter().any(|a| a == "--test" || a == "--list") {
        return;
    }
    println!("cores: {}", std::thread::available_parallelism().map_or(1, usize::from));
    println!("\n| what | median ms | best ms |\n| --- | --- | --- |");
    for (name, w, h) in [("720p", 1280, 720), ("1080p", 1920, 1080)] {
        let p = frame(w, h, 8, Transfer::Sdr);
        row(
            &format!("{name} planes to RGB, twin, one core"),
            time(20, || {
                black_box(yuv::rgb_from_planes(black_box(&p)));
            }),
        );
        row(
            &format!("{name} planes to RGB, twin, all cores"),
            time(20, || {
                black_box(yuv::rgb_from_planes_with(black_box(&p), AlphaMode::Ignore, true));
            }),
        );
        row(&format!("{name} planes to RGB, swscale bilinear"), swscale(&p));
        let ten = frame(w, h, 10, Transfer::Sdr);
        row(
            &format!("{name} 10 bit to RGB, twin, one core"),
            time(5, || {
                black_box(yuv::rgb_from_planes(black_box(&ten)));
            }),
        );
        let hdr = frame(w, h, 10, Transfer::Pq);
        row(
            &format!("{name} HDR to RGB, twin, one core"),
            time(3, || {
                black_box(yuv::rgb_from_planes(black_box(&hdr)));
            }),
        );
        let rgb = yuv::rgb_from_planes(&p);
        let view = View::fit([w as f32, h as f32], w as f32 / h as f32);
        row(
            &format!("{name} picture and map, twin, all cores"),
            time(10, || {
                black_box(cpu::render(black_box(&rgb), &params(), &view));
            }),
        );
        let lined = OverlayParams { threshold: Some(0.2), contours: 5, ..params() };
        row(
            &format!("{name} picture, map and lines, twin, all cores"),
            time(5, || {
                black_box(cpu::render(black_box(&rgb), &lined, &view));
            }),
        );
    }
    match Headless::open() {
        Ok(gpu) => on_gpu(&gpu),
        Err(e) => println!("skipped the shaders: {e}"),
    }
    let library = Library::drawn().unwrap();
    let story = builtin_story(&library).unwrap();
    for i in [20, 360, 1100] {
        row(
            &format!("built-in clip: frame {i}"),
            time(5, || {
                black_box(story.frame(&library, i));
            }),
        );
    }
    if let Some(at) = args.iter().position(|a| a == "--pictures") {
        let dir = std::path::PathBuf::from(&args[at + 1]);
        for i in [0, 60, 240, 360, 480, 690, 840, 940, 1060, 1160] {
            let rgb = story.frame(&library, i);
            let data = rgb.data().chunks_exact(3).flat_map(|c| [c[0], c[1], c[2], 255]).collect();
            let picture = RgbaPicture { width: rgb.width(), height: rgb.height(), data };
            save(&dir.join(format!("clip-{i:03}.png")), &picture);
            if i == 360 {
                let view = View::fit([1280.0, 720.0], 16.0 / 9.0);
                let lined = OverlayParams {
                    threshold: Some(0.3),
                    half_map_mask: true,
                    contours: 6,
                    show_cells: true,
                    test_border: true,
                    interpolation: fnac::overlay::Interpolation::Bicubic,
                    ..params()
                };
                let mut drawn = cpu::render(&rgb, &lined, &view);
                let legend = fnac::overlay::Legend::new(&lined);
                fnac::export::burn_legend(&mut drawn, legend.as_ref(), &["clip.mp4 #360".into()]);
                save(&dir.join("overlay.png"), &drawn);
            }
        }
    }
}

/// GPU figures: a read-back of one pixel's worth of work follows each draw, so that the time is
/// that of the work and not of its submission.
fn on_gpu(gpu: &Headless) {
    println!("| adapter: {} ({}) | | |", gpu.info.name, gpu.info.backend);
    let wait = || {
        gpu.device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    };
    let format = wgpu::TextureFormat::Bgra8Unorm;
    let mut renderer = OverlayRenderer::new(&gpu.device, format);
    let target = |w: u32, h: u32| {
        gpu.device.create_texture(&wgpu::TextureDescriptor {
            label: None,
            size: wgpu::Extent3d { width: w, height: h, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
            view_formats: &[],
        })
    };
    for (name, w, h) in [("720p", 1280u32, 720u32), ("1080p", 1920, 1080)] {
        let p = frame(w, h, 8, Transfer::Sdr);
        for (how, conversion) in [("shader", Conversion::Shader), ("twin", Conversion::Twin)] {
            renderer.set_conversion(conversion);
            row(
                &format!("{name} planes to a picture on the device, {how}"),
                time(10, || {
                    renderer.upload_picture(&gpu.queue, black_box(&p));
                    gpu.queue.submit([]);
                    wait();
                }),
            );
        }
        for (what, params) in [
            ("picture", OverlayParams::default()),
            ("picture and map", params()),
            (
                "picture, map and lines",
                OverlayParams { threshold: Some(0.2), contours: 5, ..params() },
            ),
        ] {
            for (ow, oh) in [(w, h), (1280, 720)] {
                let target = target(ow, oh).create_view(&Default::default());
                let view = View::fit([ow as f32, oh as f32], w as f32 / h as f32);
                row(
                    &format!("{name} {what} on {ow}x{oh}, shader"),
                    time(10, || {
                        renderer.set_params(&gpu.queue, &params, &view);
                        let mut encoder = gpu.device.create_command_encoder(&Default::default());
                        {
                            let attachment = wgpu::RenderPassColorAttachment {
                                view: &target,
                                depth_slice: None,
                                resolve_target: None,
                                ops: wgpu::Operations::default(),
                            };
                            let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                                color_attachments: &[Some(attachment)],
                                ..Default::default()
                            });
                            renderer.paint(&mut pass);
                        }
                        gpu.queue.submit([encoder.finish()]);
                        wait();
                    }),
                );
                if (ow, oh) == (1280, 720) && w == 1280 {
                    break;
                }
            }
        }
    }
}
