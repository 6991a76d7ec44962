//! Numbers for the network: pictures and sounds to tensors.
//!
//! Owns the exact input path of FNAC (the Pillow resize, ImageNet normalisation, the log
//! spectrogram, the choice of the 3 s of sound around a moment) as pure functions; never touches
//! threads, files or burn. Start with [`image_input`] and [`SpectrogramPlan`].

mod image;
mod resize;
mod shifts;
mod spectrogram;
mod window;

pub mod reference;

pub use image::{image_input, image_tensor};
pub use resize::resize_bicubic;
pub use shifts::{shifted_inputs, stitch_fine};
pub use spectrogram::{
    BINS, HOP, LogDensity, QUIET, SEGMENT, Spectrogram, SpectrogramPlan, frames_of,
};
pub use window::{WindowPlan, is_digital_silence, tile, window_plan};

/// Side of the network's picture input in pixels.
pub const INPUT_SIDE: u32 = 224;
/// Seconds of sound the network hears at once.
pub const SAMPLES_SECS: f64 = 3.0;
