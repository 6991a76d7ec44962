//! What the colours mean, in words and numbers: for the window's legend and burnt into exports.

use super::{Field, Layer, NOTHING_SOUNDS, OverlayParams, ScaleMode};

/// A mark beside the colour bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Place on the bar, 0 at the lowest colour, 1 at the highest.
    pub at: f32,
    /// Its value, a fixed number of digits.
    pub label: String,
}

/// A warning that stays in the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Badge {
    /// Colours are stretched to this frame's own range: they do not compare.
    Stretched,
}

impl Badge {
    /// Its text.
    pub fn text(self) -> &'static str {
        match self {
            Self::Stretched => "stretched",
        }
    }
}

/// Everything a legend shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Legend {
    /// What is shown.
    pub title: &'static str,
    /// Unit of the ticks.
    pub unit: &'static str,
    /// Name of the scale.
    pub scale: &'static str,
    /// Values of the lowest and the highest colour.
    pub limits: (f32, f32),
    /// At most five marks.
    pub ticks: Vec<Tick>,
    /// 64 colours from low to high with the opacity they are drawn with, 0 to 255.
    pub bar: Vec<[u8; 4]>,
    /// "stretched", when it is.
    pub badge: Option<Badge>,
    /// Cells and interpolation, geometry, and one line for each mask or line that is drawn.
    pub notes: Vec<String>,
}

/// Entries of [`Legend::bar`].
const BAR: usize = 64;

impl Legend {
    /// The legend of the layer on show; `None` when nothing is drawn over the picture.
    pub fn new(params: &OverlayParams) -> Option<Self> {
        Self::of_layer(params, params.layer)
    }

    /// The legend of one layer, for split views.
    pub fn of_layer(params: &OverlayParams, layer: Layer) -> Option<Self> {
        let spec = layer.spec();
        let f = (spec.field)(params)?;
        let (lo, hi) = f.limits;
        let bar = (0..BAR)
            .map(|i| {
                let t = i as f32 / (BAR - 1) as f32;
                let value = lo + (hi - lo) * t;
                let shaped = t.powf(params.gamma.clamp(0.05, 20.0));
                let [r, g, b] = f.colormap.at(shaped).map(|c| (c + 0.5) as u8);
                let v = if f.signed { value.abs() } else { value };
                let reach = hi - f.clear_at;
                let rise = if !params.alpha_by_value {
                    1.0
                } else if reach > 1e-12 {
                    ((v - f.clear_at) / reach).clamp(0.0, 1.0).powf(params.gamma.clamp(0.05, 20.0))
                } else {
                    0.0
                };
                [r, g, b, (rise * params.opacity.clamp(0.0, 1.0) * 255.0 + 0.5) as u8]
            })
            .collect();
        let scale = match layer {
            Layer::SoundMap | Layer::Difference => params.scale.name(),
            _ => ScaleMode::PerFrame.name(),
        };
        Some(Self {
            title: spec.title,
            unit: spec.unit,
            scale,
            limits: f.limits,
            ticks: ticks(lo, hi),
            bar,
            badge: f.stretched.then_some(Badge::Stretched),
            notes: notes(params, layer, &f.field),
        })
    }
}

fn notes(params: &OverlayParams, layer: Layer, field: &Field) -> Vec<String> {
    let side = field.grid().side;
    let fine = match field.grid().factor {
        1 => String::new(),
        n => format!(" (fine {n}x{n})"),
    };
    let mut notes = vec![
        format!("{side}x{side} cells{fine}, {}", params.interpolation.name()),
        format!("cells {}", params.geometry),
    ];
    if layer == Layer::Blend {
        let a = params.blend_alpha.clamp(0.0, 1.0);
        notes.push(format!("{a:.2} map + {:.2} prior", 1.0 - a));
    }
    if layer == Layer::SoundMap {
        if let Some(t) = params.threshold {
            notes.push(format!("dashed: cosine {t:+.3}"));
        }
        let has_plain = params.plain.is_some() || field.grid().factor == 1;
        if params.half_map_mask && has_plain {
            notes.push("hatched: metric's half of the pixels".to_owned());
        }
    }
    if params.contours > 0 {
        notes.push(format!("thin lines: {} equal steps", u32::from(params.contours) + 1));
    }
    if params.dim > 0.0 {
        notes.push("pale: an earlier frame's map".to_owned());
    }
    if params.outline_only {
        notes.push(format!("{NOTHING_SOUNDS}: no colours"));
    }
    notes
}

/// Five even marks, with the zero instead of its neighbour where zero lies within.
fn ticks(lo: f32, hi: f32) -> Vec<Tick> {
    if !(lo.is_finite() && hi.is_finite()) || hi <= lo {
        return vec![Tick { at: 0.0, label: format!("{lo:+.2}") }];
    }
    let digits = if hi - lo < 0.1 { 3 } else { 2 };
    let label = |v: f32| {
        let v = if v == 0.0 { 0.0 } else { v };
        if lo < 0.0 { format!("{v:+.digits$}") } else { format!("{v:.digits$}") }
    };
    let mut values: Vec<f32> = (0..5).map(|i| lo + (hi - lo) * i as f32 / 4.0).collect();
    if lo < 0.0 && hi > 0.0 {
        // Zero is the one value that must be found on the bar.
        let inner = &mut values[1..4];
        let near = (0..3).min_by(|a, b| inner[*a].abs().total_cmp(&inner[*b].abs()));
        if let Some(k) = near {
            inner[k] = 0.0;
        }
    }
    values.iter().map(|v| Tick { at: (v - lo) / (hi - lo), label: label(*v) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> OverlayParams {
        let map = Field::new(1, (0..49).map(|i| i as f32 / 100.0 - 0.1).collect());
        OverlayParams { map, ..Default::default() }
    }

    #[test]
    fn the_legend_names_scale_cells_and_geometry() {
        let l = Legend::new(&params()).unwrap();
        assert_eq!((l.title, l.unit, l.scale), ("Sound map", "cosine", "absolute"));
        assert_eq!(l.limits, (-1.0, 1.0));
        assert_eq!(l.badge, None);
        assert_eq!(l.notes[..2], ["7x7 cells, bilinear", "cells aligned"]);
        let fine = OverlayParams { map: Field::new(2, vec![0.1; 196]), ..params() };
        assert_eq!(Legend::new(&fine).unwrap().notes[0], "14x14 cells (fine 2x2), bilinear");
    }

    #[test]
    fn a_stretched_scale_says_so_and_gives_both_numbers() {
        let p = OverlayParams { scale: ScaleMode::PerFrame, ..params() };
        let l = Legend::new(&p).unwrap();
        assert_eq!(l.badge.map(Badge::text), Some("stretched"));
        assert_eq!(l.scale, "per frame");
        let labels: Vec<_> = l.ticks.iter().map(|t| t.label.as_str()).collect();
        assert_eq!((labels[0], labels[4]), ("-0.10", "+0.38"));
        assert!(labels.contains(&"+0.00"));
    }

    #[test]
    fn each_mask_has_its_line() {
        let p = OverlayParams {
            threshold: Some(0.1),
            half_map_mask: true,
            contours: 4,
            dim: 0.5,
            ..params()
        };
        let notes = Legend::new(&p).unwrap().notes;
        for word in ["dashed", "hatched", "thin lines", "pale"] {
            assert_eq!(notes.iter().filter(|n| n.starts_with(word)).count(), 1, "{word}");
        }
    }

    #[test]
    fn the_bar_is_what_is_drawn() {
        let l = Legend::new(&params()).unwrap();
        assert_eq!(l.bar.len(), BAR);
        // Below zero nothing is drawn, at the top the chosen opacity.
        assert_eq!(l.bar[BAR / 2 - 1][3], 0);
        assert_eq!(l.bar[BAR - 1][3], 191);
        let flat = OverlayParams { alpha_by_value: false, ..params() };
        assert!(Legend::new(&flat).unwrap().bar.iter().all(|c| c[3] == 191));
    }

    #[test]
    fn nothing_drawn_has_no_legend() {
        assert_eq!(Legend::new(&OverlayParams::default()), None);
        assert_eq!(Legend::new(&OverlayParams { layer: Layer::None, ..params() }), None);
    }

    #[test]
    fn ticks_of_a_constant_map_do_not_divide_by_zero() {
        assert_eq!(ticks(0.3, 0.3).len(), 1);
        assert_eq!(ticks(f32::NAN, 1.0).len(), 1);
        assert!(ticks(0.0, 0.05).iter().all(|t| t.label.len() == 5));
    }
}
