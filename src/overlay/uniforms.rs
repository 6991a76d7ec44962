//! The numbers that the shaders and their CPU twins share.
//!
//! Both draw from this one block, so a choice is turned into numbers in one place. Its layout is
//! `Frame` of `shaders/picture.wgsl`, compared by a test.

use bytemuck::{Pod, Zeroable};

use super::field::Interpolation;
use super::half_map::HalfMap;
use super::{Field, Layer, Magnify, OverlayParams, View};
use crate::units::{CellGeometry, GRID, LocalizationMap, MapGrid};

/// Panels at most; also the number of map slots.
pub(crate) const PANELS: usize = 3;
/// Cells per side of a slot: the finest map's.
pub(crate) const SLOT_SIDE: usize = 4 * GRID;
/// Slot of the plain map that the metric's mask reads.
pub(crate) const MASK_SLOT: usize = PANELS;

/// Bits of [`PanelBlock::kind`]`[2]`.
pub(crate) mod flag {
    pub const PICTURE: u32 = 1;
    pub const MAP: u32 = 2;
    pub const BY_VALUE: u32 = 4;
    pub const SIGNED: u32 = 8;
    pub const THRESHOLD: u32 = 16;
    pub const CONTOURS: u32 = 32;
    pub const MASK: u32 = 64;
    pub const CELLS: u32 = 128;
    pub const BORDER: u32 = 256;
    pub const OUTLINE_ONLY: u32 = 512;
}

/// One panel.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub(crate) struct PanelBlock {
    /// x0, y0, x1, y1 in target pixels.
    pub clip: [f32; 4],
    /// Fraction of the picture from target pixels: scale and bias of x, then of y.
    pub to_uv: [f32; 4],
    /// Cell coordinate from fraction: scale, bias; the same for the metric's mask.
    pub cell: [f32; 4],
    /// Lowest value, 1 / (highest - lowest), gamma, row of the colour table.
    pub colour: [f32; 4],
    /// Value where opacity starts, 1 / (its reach), opacity, dim.
    pub alpha: [f32; 4],
    /// Threshold, first contour, contour step, threshold of the metric's mask.
    pub lines: [f32; 4],
    /// Cells per side, interpolation, flags, slot.
    pub kind: [u32; 4],
}

/// Everything a frame needs but its textures.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub(crate) struct FrameBlock {
    pub panels: [PanelBlock; PANELS],
    /// Place of the region in the target (x, y), pixels per point, unused.
    pub origin: [f32; 4],
    /// Colour around the picture; components 0 to 1 in this and the next two.
    pub background: [f32; 4],
    /// Colour of the prediction's outline.
    pub stroke: [f32; 4],
    /// Colour of the test frame.
    pub border: [f32; 4],
    /// Panels, contour lines, 1 for sharp pixels, 1 for a target that encodes sRGB itself.
    pub count: [u32; 4],
    /// Strengths: most paling by age, most greying by age, hatch, cell lines.
    pub strength: [f32; 4],
    /// Widths in points: dash period, hatch period, line, test frame.
    pub width: [f32; 4],
    /// Half of a dash in points, cubic parameter, unused, unused.
    pub more: [f32; 4],
}

/// Vermillion red of a test banner and frame.
const TEST_RED: [u8; 3] = [0xe0, 0x2f, 0x2f];

fn unit(c: [u8; 3]) -> [f32; 4] {
    [f32::from(c[0]) / 255.0, f32::from(c[1]) / 255.0, f32::from(c[2]) / 255.0, 1.0]
}

/// The numbers of a frame and the maps in their slots (row-major, `side` of each panel).
#[derive(Clone, Debug)]
pub(crate) struct FrameData {
    pub block: FrameBlock,
    /// One per panel, and the metric's at [`MASK_SLOT`]; empty slots are `None`.
    pub maps: [Option<Field>; PANELS + 1],
}

fn inverse(span: f32) -> f32 {
    // A constant map has no span: everything is its lowest colour then.
    if span.is_finite() && span > 1e-12 { 1.0 / span } else { 0.0 }
}

impl FrameData {
    /// Numbers for `params` seen through `view`.
    pub fn new(params: &OverlayParams, view: &View) -> Self {
        let mut block = FrameBlock {
            origin: [0.0, 0.0, view.pixels_per_point.clamp(0.25, 8.0), 0.0],
            background: unit(params.background),
            stroke: unit(params.colormap.stroke()),
            border: unit(TEST_RED),
            strength: [0.7, 0.6, 0.45, 0.35],
            width: [14.0, 8.0, 1.0, 4.0],
            more: [4.0, super::field::CUBIC_A, 0.0, 0.0],
            ..FrameBlock::default()
        };
        let mut maps: [Option<Field>; PANELS + 1] = Default::default();
        let mask = mask_map(params);
        let mask_threshold = mask.map(|m| HalfMap::new(&m).threshold);
        maps[MASK_SLOT] = mask.as_ref().map(Field::from);

        let panels = view.panels(params);
        for (slot, panel) in panels.iter().take(PANELS).enumerate() {
            let b = &mut block.panels[slot];
            let (c, r) = (panel.clip, panel.picture);
            b.clip = [c.x, c.y, c.x + c.w, c.y + c.h];
            b.to_uv = [1.0 / r.w, -r.x / r.w, 1.0 / r.h, -r.y / r.h];
            let mut flags = if panel.with_picture { flag::PICTURE } else { 0 };
            if params.test_border {
                flags |= flag::BORDER;
            }
            let field = (params.visible || !panel.with_picture)
                .then(|| (panel.layer.spec().field)(params))
                .flatten();
            if let Some(f) = field {
                flags |= flag::MAP;
                flags |= bits(params, panel.layer, f.signed, f.is_cosine);
                let grid = f.field.grid();
                let (scale, bias) = params.geometry.affine(grid.factor);
                let (mask_scale, mask_bias) = CellGeometry::Aligned.affine(1);
                b.cell = [scale, bias, mask_scale, mask_bias];
                let (lo, hi) = f.limits;
                let gamma = params.gamma.clamp(0.05, 20.0);
                b.colour = [lo, inverse(hi - lo), gamma, f.colormap.row() as f32];
                let opacity = params.opacity.clamp(0.0, 1.0);
                let dim = params.dim.clamp(0.0, 1.0);
                b.alpha = [f.clear_at, inverse(hi - f.clear_at), opacity, dim];
                let step = (hi - lo) / (f32::from(params.contours) + 1.0);
                b.lines =
                    [params.threshold.unwrap_or(0.0), lo, step, mask_threshold.unwrap_or(0.0)];
                if step <= 1e-12 {
                    flags &= !flag::CONTOURS;
                }
                if mask_threshold.is_none() {
                    flags &= !flag::MASK;
                }
                b.kind = [
                    grid.side as u32,
                    interpolation_code(params.interpolation),
                    flags,
                    slot as u32,
                ];
                maps[slot] = Some(f.field);
            } else {
                b.kind = [GRID as u32, 0, flags, slot as u32];
            }
        }
        block.count = [
            panels.len().min(PANELS) as u32,
            u32::from(params.contours),
            u32::from(params.magnify == Magnify::Sharp),
            0,
        ];
        Self { block, maps }
    }

    /// The grid in a slot.
    pub fn grid(&self, slot: usize) -> Option<MapGrid<'_>> {
        self.maps.get(slot)?.as_ref().map(Field::grid)
    }
}

fn mask_map(params: &OverlayParams) -> Option<LocalizationMap> {
    if !params.half_map_mask {
        return None;
    }
    if let Some(plain) = params.plain {
        return Some(plain);
    }
    let cells: [f32; GRID * GRID] = params.map.as_ref()?.grid().cells.try_into().ok()?;
    Some(LocalizationMap(cells))
}

fn bits(params: &OverlayParams, layer: Layer, signed: bool, is_cosine: bool) -> u32 {
    let mut bits = 0;
    let mut put = |on: bool, bit: u32| bits |= if on { bit } else { 0 };
    put(params.alpha_by_value, flag::BY_VALUE);
    put(signed, flag::SIGNED);
    put(is_cosine && params.threshold.is_some(), flag::THRESHOLD);
    put(params.contours > 0, flag::CONTOURS);
    put(layer == Layer::SoundMap && params.half_map_mask, flag::MASK);
    put(params.show_cells, flag::CELLS);
    // The prior does not hear, and a difference speaks of two sounds.
    let hears = matches!(layer, Layer::SoundMap | Layer::Blend);
    put(params.outline_only && hears, flag::OUTLINE_ONLY);
    bits
}

pub(crate) fn interpolation_code(i: Interpolation) -> u32 {
    match i {
        Interpolation::Cells => 0,
        Interpolation::Bilinear => 1,
        Interpolation::Bicubic => 2,
    }
}

pub(crate) fn interpolation_from(code: u32) -> Interpolation {
    match code {
        0 => Interpolation::Cells,
        1 => Interpolation::Bilinear,
        _ => Interpolation::Bicubic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::shaders;
    use crate::overlay::yuv::{CURVE_LEN, YuvBlock, code};

    fn module(name: &str) -> naga::Module {
        naga::front::wgsl::parse_str(&shaders::embedded(name).unwrap()).unwrap()
    }

    /// Name and offset of each member of a struct of a shader, and its size.
    fn members(module: &naga::Module, name: &str) -> (Vec<(String, usize)>, usize) {
        let found = module.types.iter().find(|(_, t)| t.name.as_deref() == Some(name)).unwrap();
        let naga::TypeInner::Struct { members, span } = &found.1.inner else { panic!("{name}") };
        let list = members.iter().map(|m| (m.name.clone().unwrap(), m.offset as usize));
        (list.collect(), *span as usize)
    }

    macro_rules! layout {
        ($t:ty; $($f:ident),*) => {
            (vec![$((stringify!($f).to_owned(), std::mem::offset_of!($t, $f))),*], size_of::<$t>())
        };
    }

    #[test]
    fn the_blocks_lie_in_memory_as_the_shaders_read_them() {
        let heat = module("heatmap.wgsl");
        let panel = layout!(PanelBlock; clip, to_uv, cell, colour, alpha, lines, kind);
        assert_eq!(members(&heat, "Panel"), panel);
        let frame = layout!(FrameBlock; panels, origin, background, stroke, border, count,
            strength, width, more);
        assert_eq!(members(&heat, "Frame"), frame);
        let yuv = layout!(YuvBlock; rgb, coded, chroma, kind, size, alpha, tone, luma, gamut);
        assert_eq!(members(&module("yuv.wgsl"), "Yuv"), yuv);
        let twin = layout!(PanelBlock; to_uv, clip, cell, colour, alpha, lines, kind);
        assert_ne!(members(&heat, "Panel"), twin, "the check sees two members swapped");
    }

    #[test]
    fn constants_of_the_shaders_are_those_of_the_twins() {
        let number = |module: &naga::Module, name: &str| {
            let (_, c) = module
                .constants
                .iter()
                .find(|(_, c)| c.name.as_deref() == Some(name))
                .unwrap_or_else(|| panic!("no constant {name}"));
            match module.global_expressions[c.init] {
                naga::Expression::Literal(naga::Literal::U32(v)) => f64::from(v),
                naga::Expression::Literal(naga::Literal::I32(v)) => f64::from(v),
                naga::Expression::Literal(naga::Literal::F32(v)) => f64::from(v),
                ref other => panic!("{name}: {other:?}"),
            }
        };
        let heat = module("heatmap.wgsl");
        for (name, value) in [
            ("PICTURE", flag::PICTURE),
            ("MAP", flag::MAP),
            ("BY_VALUE", flag::BY_VALUE),
            ("SIGNED", flag::SIGNED),
            ("THRESHOLD", flag::THRESHOLD),
            ("CONTOURS", flag::CONTOURS),
            ("MASK", flag::MASK),
            ("CELLS", flag::CELLS),
            ("BORDER", flag::BORDER),
            ("OUTLINE_ONLY", flag::OUTLINE_ONLY),
            ("SLOT_SIDE", SLOT_SIDE as u32),
            ("MASK_SLOT", MASK_SLOT as u32),
        ] {
            assert_eq!(number(&heat, name), f64::from(value), "{name}");
        }
        let yuv = module("yuv.wgsl");
        for (name, value) in [
            ("PLANAR", code::PLANAR),
            ("SEMI_PLANAR", code::SEMI_PLANAR),
            ("GRAY", code::GRAY),
            ("RGBA", code::RGBA),
            ("CURVE_LEN", CURVE_LEN as u32),
        ] {
            assert_eq!(number(&yuv, name), f64::from(value), "{name}");
        }
    }

    #[test]
    fn a_constant_map_has_no_infinite_numbers() {
        let map = Field::new(1, vec![0.3; 49]);
        for scale in [super::super::ScaleMode::PerFrame, super::super::ScaleMode::Absolute] {
            let p = OverlayParams { map: map.clone(), scale, contours: 5, ..Default::default() };
            let d = FrameData::new(&p, &View::fit([64.0, 64.0], 1.0));
            let floats: &[f32] = bytemuck::cast_slice(bytemuck::bytes_of(&d.block.panels));
            assert!(floats.iter().all(|v| v.is_finite()));
        }
    }

    #[test]
    fn a_hidden_overlay_keeps_the_picture_and_drops_the_map() {
        let map = Field::new(1, vec![0.3; 49]);
        let p = OverlayParams { map, visible: false, ..Default::default() };
        let d = FrameData::new(&p, &View::fit([64.0, 64.0], 1.0));
        assert_eq!(d.block.panels[0].kind[2], flag::PICTURE);
        assert!(d.maps.iter().all(Option::is_none));
    }

    #[test]
    fn a_fine_map_without_its_plain_one_has_no_metric_mask() {
        let map = Field::new(2, vec![0.3; 196]);
        let p = OverlayParams { map, half_map_mask: true, ..Default::default() };
        let d = FrameData::new(&p, &View::fit([64.0, 64.0], 1.0));
        assert_eq!(d.block.panels[0].kind[2] & flag::MASK, 0);
        let p = OverlayParams { plain: Some(LocalizationMap([0.1; 49])), ..p };
        let d = FrameData::new(&p, &View::fit([64.0, 64.0], 1.0));
        assert_ne!(d.block.panels[0].kind[2] & flag::MASK, 0);
    }
}
