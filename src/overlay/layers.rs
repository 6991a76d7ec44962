//! What can be laid over the picture: one row per layer.
//!
//! A layer turns the parameters into one field with its limits; the shader and its twin know
//! fields only. To add a layer: a variant of [`Layer`] and a row here.

use super::params::finite_range;
use super::{Colormap, Field, Layer, OverlayParams, ScaleMode};

/// A field ready to be coloured.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerField {
    /// The values.
    pub field: Field,
    /// Values of the lowest and the highest colour.
    pub limits: (f32, f32),
    /// Value at which opacity by value starts from nothing.
    pub clear_at: f32,
    /// Opacity follows the distance from `clear_at` on both sides.
    pub signed: bool,
    /// Its colours.
    pub colormap: Colormap,
    /// Whether the limits are this frame's own.
    pub stretched: bool,
    /// Whether threshold, contours of cosine and the metric's mask have a meaning.
    pub is_cosine: bool,
}

/// One row of the table of layers.
pub struct LayerSpec {
    /// The layer.
    pub layer: Layer,
    /// Short name for files and flags.
    pub name: &'static str,
    /// Name on the legend.
    pub title: &'static str,
    /// Unit of its values on the legend.
    pub unit: &'static str,
    /// What it shows, for a tooltip.
    pub about: &'static str,
    /// The field, `None` when what it needs is not there.
    pub field: fn(&OverlayParams) -> Option<LayerField>,
}

/// Every layer, in the order of the keys 1 to 5.
pub const LAYERS: &[LayerSpec] = &[
    LayerSpec {
        layer: Layer::SoundMap,
        name: "map",
        title: "Sound map",
        unit: "cosine",
        about: "Cosine between each cell of the picture and the sound",
        field: sound_map,
    },
    LayerSpec {
        layer: Layer::ObjectPrior,
        name: "prior",
        title: "Object prior",
        unit: "mean feature",
        about: "Where an image network finds objects; it does not hear the sound",
        field: object_prior,
    },
    LayerSpec {
        layer: Layer::Blend,
        name: "blend",
        title: "Map and prior",
        unit: "share",
        about: "Sound map and object prior, each stretched to 0..1, then mixed",
        field: blend,
    },
    LayerSpec {
        layer: Layer::Difference,
        name: "difference",
        title: "Difference",
        unit: "cosine",
        about: "This map minus the other one: orange where it is higher, blue where lower",
        field: difference,
    },
    LayerSpec {
        layer: Layer::None,
        name: "none",
        title: "Picture",
        unit: "",
        about: "The picture alone",
        field: |_| None,
    },
];

impl Layer {
    /// The layer's row.
    pub fn spec(self) -> &'static LayerSpec {
        // The table holds every variant (tested), so the fallback is never taken.
        LAYERS.iter().find(|s| s.layer == self).unwrap_or(&LAYERS[0])
    }
}

fn sound_map(p: &OverlayParams) -> Option<LayerField> {
    let field = p.map.clone()?;
    let limits = p.scale.limits(&field.grid());
    Some(LayerField {
        limits,
        // A cosine of zero says nothing, so it is clear in every scale but the stretched one,
        // where the frame's own minimum is.
        clear_at: if p.scale.is_stretched() { limits.0 } else { limits.0.max(0.0) },
        signed: false,
        colormap: p.colormap,
        stretched: p.scale.is_stretched(),
        is_cosine: true,
        field,
    })
}

fn object_prior(p: &OverlayParams) -> Option<LayerField> {
    let field = p.prior.clone()?;
    let limits = finite_range(&field.grid());
    Some(LayerField {
        limits,
        clear_at: limits.0,
        signed: false,
        colormap: p.colormap,
        // Features have no scale of their own.
        stretched: true,
        is_cosine: false,
        field,
    })
}

/// (x - min) / (max - min) over the cells; unchanged when all are equal, like the reference.
fn min_max(field: &Field) -> Field {
    let (lo, hi) = finite_range(&field.grid());
    if hi > lo { field.map(|v| (v - lo) / (hi - lo)) } else { field.clone() }
}

fn blend(p: &OverlayParams) -> Option<LayerField> {
    let (map, prior) = (min_max(p.map.as_ref()?), min_max(p.prior.as_ref()?));
    let alpha = p.blend_alpha.clamp(0.0, 1.0);
    // On the cells; the reference does it on 224x224 after bilinear interpolation, whose
    // extremes are cells too and which commutes with the mix, so both agree for bilinear.
    let field = min_max(&map.zip(&prior, |a, b| alpha * a + (1.0 - alpha) * b));
    Some(LayerField {
        field,
        limits: (0.0, 1.0),
        clear_at: 0.0,
        signed: false,
        colormap: p.colormap,
        stretched: true,
        is_cosine: false,
    })
}

fn difference(p: &OverlayParams) -> Option<LayerField> {
    let field = p.map.as_ref()?.zip(p.other.as_ref()?, |a, b| a - b);
    let (lo, hi) = finite_range(&field.grid());
    let reach = match p.scale {
        ScaleMode::Absolute => 1.0,
        ScaleMode::Calibrated { lo, hi } => (hi - lo).abs(),
        ScaleMode::PerFrame => lo.abs().max(hi.abs()),
    };
    Some(LayerField {
        field,
        limits: (-reach, reach),
        clear_at: 0.0,
        signed: true,
        colormap: Colormap::Diverging,
        stretched: p.scale.is_stretched(),
        is_cosine: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> OverlayParams {
        let map = Field::new(1, (0..49).map(|i| i as f32 / 100.0 - 0.1).collect());
        let prior = Field::new(1, (0..49).map(|i| ((i * 13) % 49) as f32).collect());
        OverlayParams { map, prior, ..OverlayParams::default() }
    }

    #[test]
    fn the_table_holds_every_layer_once() {
        let all =
            [Layer::SoundMap, Layer::ObjectPrior, Layer::Blend, Layer::Difference, Layer::None];
        assert_eq!(LAYERS.len(), all.len());
        for l in all {
            assert_eq!(l.spec().layer, l);
            assert!(!l.spec().title.is_empty() && !l.spec().about.is_empty());
        }
        let mut names: Vec<_> = LAYERS.iter().map(|s| s.name).collect();
        names.dedup();
        assert_eq!(names.len(), LAYERS.len());
    }

    #[test]
    fn the_blend_is_the_references() {
        let p = params();
        let got = (Layer::Blend.spec().field)(&p).unwrap().field;
        let mm = |f: &Field| {
            let (lo, hi) = f.grid().range();
            f.grid().cells.iter().map(|v| (v - lo) / (hi - lo)).collect::<Vec<_>>()
        };
        let (a, b) = (mm(p.map.as_ref().unwrap()), mm(p.prior.as_ref().unwrap()));
        let both: Vec<f32> = a.iter().zip(&b).map(|(a, b)| 0.4 * a + 0.6 * b).collect();
        let lo = both.iter().copied().fold(f32::MAX, f32::min);
        let hi = both.iter().copied().fold(f32::MIN, f32::max);
        for (g, w) in got.grid().cells.iter().zip(&both) {
            assert!((g - (w - lo) / (hi - lo)).abs() < 1e-6);
        }
    }

    #[test]
    fn a_difference_with_itself_is_clear_everywhere() {
        let p = OverlayParams { other: params().map, ..params() };
        let d = (Layer::Difference.spec().field)(&p).unwrap();
        assert!(d.field.grid().cells.iter().all(|v| *v == 0.0) && d.signed);
        assert_eq!(d.limits, (-1.0, 1.0));
    }

    #[test]
    fn what_is_missing_draws_nothing() {
        let none = OverlayParams::default();
        assert!(LAYERS.iter().all(|s| (s.field)(&none).is_none()));
        let flat = OverlayParams { map: Field::new(1, vec![0.25; 49]), ..OverlayParams::default() };
        assert!((Layer::SoundMap.spec().field)(&flat).is_some());
    }
}
