//! What the model sees: the exact 224x224 picture and spectrogram, computed by the functions that
//! feed the network, on a thread of their own.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use super::Panel;
use crate::app::commands::{CommandSender, Request};
use crate::app::dialogs::Pick;
use crate::app::theme;
use crate::app::view::View;
use crate::features::{self, INPUT_SIDE, Spectrogram, SpectrogramPlan};
use crate::infer::{SoundTest, SoundWindow, WindowSource, tested_window};
use crate::overlay::yuv;
use crate::units::{FrameIndex, PlanarPicture, RgbPicture};

/// One of the files that the panel writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelInputFile {
    /// The resized picture.
    PicturePng,
    /// The normalised tensor, [3, 224, 224] f32.
    PictureNpy,
    /// The spectrogram, low frequencies at the bottom, stretched to its own range.
    SpectrogramPng,
    /// The spectrogram tensor, [257, T] f32.
    SpectrogramNpy,
}

impl ModelInputFile {
    /// All, in the order of the buttons.
    pub const ALL: &[(Self, &'static str, &'static str)] = &[
        (Self::PicturePng, "Picture PNG", "picture-224.png"),
        (Self::PictureNpy, "Picture NPY", "picture-3x224x224.npy"),
        (Self::SpectrogramPng, "Spectrogram PNG", "spectrogram.png"),
        (Self::SpectrogramNpy, "Spectrogram NPY", "spectrogram-257xT.npy"),
    ];
}

/// The inputs of one frame.
pub struct ModelInput {
    /// The picture that was resized.
    pub frame: FrameIndex,
    /// After the resize, before the normalisation.
    pub picture: RgbPicture,
    /// The tensor, [3, 224, 224].
    pub tensor: Vec<f32>,
    /// `None` with the reason, when the frame has no sound.
    pub spectrogram: Result<Spectrogram, &'static str>,
    /// Samples per second that the spectrogram was made from.
    pub rate: u32,
}

impl ModelInput {
    /// Computes the inputs as the network gets them.
    fn new(frame: FrameIndex, planes: &PlanarPicture, window: SoundWindow, rate: u32) -> Self {
        let rgb = yuv::rgb_from_planes(planes);
        let picture = features::resize_bicubic(&rgb, INPUT_SIDE, INPUT_SIDE);
        let tensor = features::image_tensor(&picture);
        let spectrogram = match window {
            SoundWindow::Samples(s) => {
                SpectrogramPlan::new().log_spectrogram(&s, rate).ok_or("the sound is too short")
            }
            SoundWindow::NoSound => Err("no sound here: silence, or outside the track"),
            SoundWindow::NotYet => Err("the sound is still being decoded"),
        };
        Self { frame, picture, tensor, spectrogram, rate }
    }

    /// Writes one of the files.
    pub fn save(&self, which: ModelInputFile, path: &Path) -> anyhow::Result<()> {
        let side = INPUT_SIDE as usize;
        match which {
            ModelInputFile::PicturePng => {
                image::save_buffer(
                    path,
                    self.picture.data(),
                    INPUT_SIDE,
                    INPUT_SIDE,
                    image::ColorType::Rgb8,
                )?;
            }
            ModelInputFile::PictureNpy => {
                crate::app::settings::write_atomically(path, &npy(&[3, side, side], &self.tensor))?;
            }
            ModelInputFile::SpectrogramPng => {
                let s = self.spectrogram.as_ref().map_err(|e| anyhow::anyhow!("{e}"))?;
                let (w, h, bytes) = grey_picture(s);
                image::save_buffer(path, &bytes, w, h, image::ColorType::L8)?;
            }
            ModelInputFile::SpectrogramNpy => {
                let s = self.spectrogram.as_ref().map_err(|e| anyhow::anyhow!("{e}"))?;
                crate::app::settings::write_atomically(path, &npy(&[s.bins, s.frames], &s.data))?;
            }
        }
        Ok(())
    }
}

/// A NumPy file, version 1.0, little-endian f32, C order.
pub fn npy(shape: &[usize], data: &[f32]) -> Vec<u8> {
    let dims: Vec<String> = shape.iter().map(|d| format!("{d},")).collect();
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}", dims.join(" "));
    // Magic, version, length and header together are a multiple of 64, ending in a line break.
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend(u16::try_from(header.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(data.iter().flat_map(|v| v.to_le_bytes()));
    out
}

/// Width, height and 8-bit grey, low frequencies at the bottom, stretched to its own range.
fn grey_picture(s: &Spectrogram) -> (u32, u32, Vec<u8>) {
    let (lo, hi) = range(&s.data);
    let span = (hi - lo).max(1e-9);
    let rows = s.data.chunks_exact(s.frames.max(1)).rev();
    let bytes = rows.flatten().map(|v| ((v - lo) / span * 255.0).round() as u8).collect();
    (u32::try_from(s.frames).unwrap_or(1), u32::try_from(s.bins).unwrap_or(1), bytes)
}

fn range(v: &[f32]) -> (f32, f32) {
    v.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), v| (lo.min(*v), hi.max(*v)))
}

/// What the shown inputs were computed from.
#[derive(Clone, PartialEq)]
struct Key {
    frame: FrameIndex,
    generation: u64,
    rate: u32,
    sound: u64,
    test: SoundTest,
}

/// The panel.
#[derive(Default)]
pub struct ModelInputPanel {
    shown: Option<(Key, Arc<ModelInput>, [egui::TextureHandle; 2])>,
    running: Option<(Key, Receiver<ModelInput>)>,
    last: Option<Instant>,
}

/// While playing the panel follows at this pace.
const PACE: Duration = Duration::from_millis(250);

impl ModelInputPanel {
    fn update(&mut self, ctx: &egui::Context, view: &View<'_>) {
        if let Some((key, rx)) = &self.running {
            match rx.try_recv() {
                Ok(input) => {
                    let textures = textures(ctx, &input);
                    self.shown = Some((key.clone(), Arc::new(input), textures));
                    self.running = None;
                }
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => self.running = None,
            }
        }
        let Some(frame) = view.presentation.frame.clone() else { return };
        let key = Key {
            frame: frame.index,
            generation: view.presentation.generation.0,
            rate: view.sound.map_or(0, |s| s.rate()),
            // While it grows the window may still change.
            sound: view
                .sound
                .map_or(0, |s| if s.is_complete() { u64::MAX } else { s.len() / 16_000 }),
            test: view.sound_test.clone(),
        };
        if self.shown.as_ref().is_some_and(|(k, ..)| *k == key) {
            return;
        }
        if let Some(wait) = self.last.and_then(|t| PACE.checked_sub(t.elapsed())) {
            ctx.request_repaint_after(wait);
            return;
        }
        self.last = Some(Instant::now());
        let (tx, rx) = channel();
        let (sound, test, wake) = (view.sound.cloned(), key.test.clone(), ctx.clone());
        let rate = view.sound.map_or(16_000, |s| s.rate());
        let work = move || {
            let own = sound.as_deref().map(|s| s as &dyn WindowSource);
            let window = match test {
                // The swapped sound belongs to the worker; the panel says so instead of guessing.
                SoundTest::Swap(_) => SoundWindow::NotYet,
                _ => tested_window(&test, own, None, rate, frame.time),
            };
            // The window may be gone already.
            tx.send(ModelInput::new(frame.index, &frame.picture, window, rate)).ok();
            wake.request_repaint();
        };
        // Detached on purpose: ends by itself within milliseconds.
        if std::thread::Builder::new().name("fnac-sees".into()).spawn(work).is_ok() {
            self.running = Some((key, rx));
        }
    }
}

fn textures(ctx: &egui::Context, input: &ModelInput) -> [egui::TextureHandle; 2] {
    let side = INPUT_SIDE as usize;
    let picture = egui::ColorImage::from_rgb([side, side], input.picture.data());
    let spectrogram = match &input.spectrogram {
        Ok(s) => {
            let (w, h, grey) = grey_picture(s);
            egui::ColorImage::from_gray([w as usize, h as usize], &grey)
        }
        Err(_) => egui::ColorImage::filled([1, 1], egui::Color32::BLACK),
    };
    [
        ctx.load_texture("model-picture", picture, egui::TextureOptions::NEAREST),
        ctx.load_texture("model-spectrogram", spectrogram, egui::TextureOptions::LINEAR),
    ]
}

impl Panel for ModelInputPanel {
    fn ui(&mut self, ui: &mut egui::Ui, view: &View<'_>, out: &mut CommandSender) {
        self.update(ui.ctx(), view);
        let Some((_, input, [picture, spectrogram])) = &self.shown else {
            theme::hint(ui, "The picture and the spectrogram that go into the network appear here");
            return;
        };
        let side = (ui.available_width() / 2.0 - 6.0).clamp(60.0, 224.0);
        ui.horizontal_top(|ui| {
            image_ui(ui, picture, egui::vec2(side, side), "Picture input");
            if input.spectrogram.is_ok() {
                let width = (ui.available_width() - 2.0).max(60.0);
                image_ui(ui, spectrogram, egui::vec2(width, side), "Spectrogram input");
            }
        });
        let (lo, hi) = range(&input.tensor);
        theme::facts(ui, "sees", |ui| {
            theme::number(ui, "Picture", format!("3×224×224, {lo:+.2} … {hi:+.2}"))
                .on_hover_text("Squashed to a square as the reference does; minimum and maximum after ImageNet normalisation");
            match &input.spectrogram {
                Ok(s) => {
                    let (lo, hi) = range(&s.data);
                    theme::number(
                        ui,
                        "Sound",
                        format!("{}×{}, {lo:+.2} … {hi:+.2}", s.bins, s.frames),
                    )
                    .on_hover_text(
                        "Frequencies × times of the log spectrogram; minimum and maximum",
                    );
                    theme::number(ui, "Rate", format!("{} Hz, 3 s around the frame", input.rate));
                }
                Err(why) => {
                    theme::fact(ui, "Sound", *why);
                }
            }
            theme::number(ui, "Frame", input.frame.to_string());
        });
        ui.horizontal_wrapped(|ui| {
            for (which, text, name) in ModelInputFile::ALL {
                let sound = matches!(
                    which,
                    ModelInputFile::SpectrogramPng | ModelInputFile::SpectrogramNpy
                );
                let r = ui.add_enabled(
                    !sound || input.spectrogram.is_ok(),
                    egui::Button::new(*text).small(),
                );
                if r.on_hover_text(format!("Saves {name}")).clicked() {
                    out.send(Request::PickFor(
                        Pick::ModelInput(*which),
                        (*name).to_owned(),
                        Some(input.clone()),
                    ));
                }
            }
        });
    }
}

fn image_ui(ui: &mut egui::Ui, texture: &egui::TextureHandle, size: egui::Vec2, name: &str) {
    ui.add(egui::Image::new((texture.id(), size)).fit_to_exact_size(size).alt_text(name));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numpy_file_has_an_aligned_header_and_the_data() {
        let bytes = npy(&[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.5]);
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
        let n = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert_eq!((10 + n) % 64, 0);
        let header = std::str::from_utf8(&bytes[10..10 + n]).unwrap();
        assert!(header.contains("'shape': (2, 3,)") && header.ends_with('\n'), "{header}");
        assert_eq!(bytes.len(), 10 + n + 24);
        assert_eq!(&bytes[bytes.len() - 4..], 5.5f32.to_le_bytes());
    }
}
