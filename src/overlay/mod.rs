//! Light: planes to RGB, maps to colour. Shaders under `shaders/`, each with a CPU twin that is
//! held to it by tests.
//!
//! Owns what is drawn over a picture and where: parameters ([`OverlayParams`]), zoom
//! ([`View`]), colormaps, the pipelines ([`gpu`]) and their twins ([`cpu`], [`yuv`]). Never
//! knows egui, files or time. Start reading at [`params`](OverlayParams) and `uniforms.rs`:
//! choices become numbers there, once, for both the shader and its twin.

mod colormaps;
pub mod cpu;
mod field;
pub mod gpu;
mod half_map;
mod layers;
mod legend;
mod outline;
mod params;
mod probe;
pub mod shaders;
mod uniforms;
mod view;
pub mod yuv;

pub use colormaps::Colormap;
pub use cpu::RgbaPicture;
pub use field::{Field, Interpolation, Sample, sample_map};
pub use half_map::{HalfMap, SCORED_SIDE, half_threshold, scored_map, upsampled};
pub use layers::{LAYERS, LayerField, LayerSpec};
pub use legend::{Badge, Legend, Tick};
pub use outline::{Ring, mask_outline, outline};
pub use params::{Layer, Magnify, OverlayParams, ScaleMode, Split};
pub use probe::{Probe, area_above, probe};
pub use view::{Panel, Rect, View};
pub use yuv::{AlphaMode, rgb_from_planes};

/// What is said where the map stays below the checkpoint's no-source line and is not drawn.
pub const NOTHING_SOUNDS: &str = "nothing here sounds";

/// Colour of truth, sky blue: always solid and outlined, never used for a prediction.
pub const TRUTH_COLOUR: [u8; 3] = [0x56, 0xb4, 0xe9];

/// Colour of a prediction's outline, vermillion: always dashed.
pub const PREDICTION_COLOUR: [u8; 3] = [0xd5, 0x5e, 0x00];
