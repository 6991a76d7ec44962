// The map over the picture: value, colour, opacity, lines. Twin: `src/overlay/cpu/heat.rs`.
// include: picture.wgsl

const MAP: u32 = 2u;
const BY_VALUE: u32 = 4u;
const SIGNED: u32 = 8u;
const THRESHOLD: u32 = 16u;
const CONTOURS: u32 = 32u;
const MASK: u32 = 64u;
const CELLS: u32 = 128u;
const BORDER: u32 = 256u;
const OUTLINE_ONLY: u32 = 512u;

// Fixed when a pipeline is made, so that what is off costs nothing: software adapters run both
// sides of a branch. Interpolation: 0 cells, 1 bilinear, 2 bicubic.
override MODE: u32 = 1u;
// Threshold, contours or lines between the cells.
override LINES: bool = true;
// The metric's mask.
override MASKED: bool = true;

const SLOT_SIDE: i32 = 28;
const MASK_SLOT: u32 = 3u;
// Slopes below this, per target pixel, have no line.
const FLAT: f32 = 1e-6;
const FAR: f32 = 1e9;

fn cell_at(slot: u32, x: i32, y: i32) -> f32 {
    return textureLoad(maps, vec2<i32>(x, y + i32(slot) * SLOT_SIDE), 0).r;
}

// Weight and slope of the cubic at distance `d`.
fn cubic(d: f32) -> vec2<f32> {
    let a = frame.more.y;
    let x = abs(d);
    let sgn = select(1.0, -1.0, d < 0.0);
    if x <= 1.0 {
        let w = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
        return vec2<f32>(w, sgn * (3.0 * (a + 2.0) * x - 2.0 * (a + 3.0)) * x);
    }
    let w = ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a;
    return vec2<f32>(w, sgn * ((3.0 * a * x - 10.0 * a) * x + 8.0 * a));
}

// Straight lines between four cells: value and slopes per cell at cell coordinates `s`.
fn bilinear_at(slot: u32, side: u32, s: vec2<f32>) -> vec3<f32> {
    let lastf = f32(side) - 1.0;
    let c = clamp(s, vec2<f32>(0.0), vec2<f32>(lastf));
    let i = min(floor(c), vec2<f32>(lastf - 1.0));
    let t = c - i;
    let k = vec2<i32>(i);
    let a = cell_at(slot, k.x, k.y);
    let b = cell_at(slot, k.x + 1, k.y);
    let e = cell_at(slot, k.x, k.y + 1);
    let f = cell_at(slot, k.x + 1, k.y + 1);
    let above = (1.0 - t.x) * a + t.x * b;
    let below = (1.0 - t.x) * e + t.x * f;
    let inner = select(vec2<f32>(0.0), vec2<f32>(1.0), (s > vec2<f32>(0.0)) & (s < vec2<f32>(lastf)));
    let dx = (1.0 - t.y) * (b - a) + t.y * (f - e);
    return vec3<f32>((1.0 - t.y) * above + t.y * below, inner.x * dx, inner.y * (below - above));
}

// The same with the interpolation of the pipeline.
fn map_at(slot: u32, side: u32, s: vec2<f32>) -> vec3<f32> {
    if MODE == 1u {
        return bilinear_at(slot, side, s);
    }
    let last = i32(side) - 1;
    if MODE == 0u {
        let i = vec2<i32>(clamp(floor(s + 0.5), vec2<f32>(0.0), vec2<f32>(f32(last))));
        return vec3<f32>(cell_at(slot, i.x, i.y), 0.0, 0.0);
    }
    let f = floor(s);
    let t = s - f;
    let k = vec2<i32>(f);
    var out = vec3<f32>(0.0);
    for (var j = 0; j < 4; j++) {
        let wy = cubic(t.y + 1.0 - f32(j));
        let y = clamp(k.y + j - 1, 0, last);
        var v = 0.0;
        var d = 0.0;
        for (var i = 0; i < 4; i++) {
            let wx = cubic(t.x + 1.0 - f32(i));
            let c = cell_at(slot, clamp(k.x + i - 1, 0, last), y);
            v += wx.x * c;
            d += wx.y * c;
        }
        out += vec3<f32>(wy.x * v, wy.x * d, wy.y * v);
    }
    return out;
}

// Colour of row `row` of the table, straight lines between its 256 entries.
fn colour_at(t: f32, row: f32) -> vec3<f32> {
    let x = clamp(t, 0.0, 1.0) * 255.0;
    let i = min(floor(x), 254.0);
    let a = textureLoad(luts, vec2<i32>(i32(i), i32(row)), 0).rgb;
    let b = textureLoad(luts, vec2<i32>(i32(i) + 1, i32(row)), 0).rgb;
    return a + (b - a) * (x - i);
}

// Distance in pixels to the nearest border between cells that lie in different bands of
// `inverse_step` above `base`.
fn band_edge(slot: u32, side: u32, s: vec2<f32>, base: f32, inverse_step: f32, per_cell: vec2<f32>) -> f32 {
    let last = i32(side) - 1;
    let i = vec2<i32>(clamp(floor(s + 0.5), vec2<f32>(0.0), vec2<f32>(f32(last))));
    let here = floor((cell_at(slot, i.x, i.y) - base) * inverse_step);
    let from_centre = s - vec2<f32>(i);
    var d = FAR;
    if i.x > 0 && floor((cell_at(slot, i.x - 1, i.y) - base) * inverse_step) != here {
        d = min(d, (from_centre.x + 0.5) * per_cell.x);
    }
    if i.x < last && floor((cell_at(slot, i.x + 1, i.y) - base) * inverse_step) != here {
        d = min(d, (0.5 - from_centre.x) * per_cell.x);
    }
    if i.y > 0 && floor((cell_at(slot, i.x, i.y - 1) - base) * inverse_step) != here {
        d = min(d, (from_centre.y + 0.5) * per_cell.y);
    }
    if i.y < last && floor((cell_at(slot, i.x, i.y + 1) - base) * inverse_step) != here {
        d = min(d, (0.5 - from_centre.y) * per_cell.y);
    }
    return d;
}

// Share of a pixel that a line of `half` width covers at distance `d` from its middle.
fn covered(half: f32, d: f32) -> f32 {
    return clamp(half + 0.5 - d, 0.0, 1.0);
}

// Distance from the nearest middle of stripes `period` apart.
fn stripe(at: f32, period: f32) -> f32 {
    let phase = at / period;
    return abs(phase - floor(phase) - 0.5) * period;
}

fn heat_over(panel: Panel, base: vec3<f32>, px: vec2<f32>, uv: vec2<f32>) -> vec3<f32> {
    let flags = panel.kind.z;
    let point = frame.origin.z;
    let line = frame.width.z * point;
    var rgb = base;

    if (flags & MAP) != 0u {
        let side = panel.kind.x;
        let slot = panel.kind.w;
        let s = uv * panel.cell.x + panel.cell.y;
        let m = map_at(slot, side, s);
        let per_cell = 1.0 / (panel.cell.x * panel.to_uv.xz);
        let slope = m.yz / per_cell;
        let steep = length(slope);

        let t = pow(clamp((m.x - panel.colour.x) * panel.colour.y, 0.0, 1.0), panel.colour.z);
        var colour = colour_at(t, panel.colour.w);
        var rise = 1.0;
        if (flags & BY_VALUE) != 0u {
            let v = select(m.x, abs(m.x), (flags & SIGNED) != 0u);
            rise = pow(clamp((v - panel.alpha.x) * panel.alpha.y, 0.0, 1.0), panel.colour.z);
        }
        let age = panel.alpha.w;
        let grey = dot(colour, vec3<f32>(0.2126, 0.7152, 0.0722));
        colour += (grey - colour) * (frame.strength.y * age);
        var a = rise * panel.alpha.z;
        if (flags & PICTURE) == 0u {
            a = 1.0;
        }
        a *= 1.0 - frame.strength.x * age;
        if (flags & OUTLINE_ONLY) != 0u {
            a = 0.0;
        }

        var threshold_distance = FAR;
        if LINES && (flags & THRESHOLD) != 0u {
            let above = m.x - panel.lines.x;
            if MODE == 0u {
                a *= select(0.0, 1.0, above >= 0.0);
                threshold_distance = band_edge(slot, side, s, panel.lines.x, FLAT, per_cell);
            } else {
                a *= clamp(0.5 + above / max(steep, FLAT), 0.0, 1.0);
                threshold_distance = select(FAR, abs(above) / max(steep, FLAT), steep > FLAT);
            }
        }
        rgb += (colour - rgb) * a;

        if MASKED && (flags & MASK) != 0u {
            let n = bilinear_at(MASK_SLOT, 7u, uv * panel.cell.z + panel.cell.w);
            let per_mask_cell = 1.0 / (panel.cell.z * panel.to_uv.xz);
            let mask_steep = max(length(n.yz / per_mask_cell), FLAT);
            let depth = (n.x - panel.lines.w) / mask_steep;
            let within = clamp(0.5 + depth, 0.0, 1.0);
            let hatch = covered(0.5 * line, 0.70710678 * stripe(px.x + px.y, frame.width.y * point * 1.41421356));
            rgb += (1.0 - rgb) * (within * hatch * frame.strength.z);
            let edge = select(FAR, abs(depth), mask_steep > FLAT);
            rgb += (0.0 - rgb) * (covered(1.75 * line, edge) * 0.5);
            rgb += (1.0 - rgb) * covered(0.75 * line, edge);
        }

        if LINES && (flags & CONTOURS) != 0u {
            let step = panel.lines.z;
            var d = FAR;
            if MODE == 0u {
                d = band_edge(slot, side, s, panel.lines.y, 1.0 / step, per_cell);
            } else if steep > FLAT {
                let k = clamp(floor((m.x - panel.lines.y) / step + 0.5), 1.0, f32(frame.count.y));
                d = abs(m.x - (panel.lines.y + k * step)) / steep;
            }
            rgb += (0.0 - rgb) * (covered(1.0 * line, d) * 0.35);
            rgb += (1.0 - rgb) * (covered(0.35 * line, d) * 0.75);
        }

        if LINES && (flags & CELLS) != 0u {
            let c = clamp(s, vec2<f32>(0.0), vec2<f32>(f32(side) - 1.0));
            let to_edge = (0.5 - abs(c - floor(c + 0.5))) * per_cell;
            let d = min(to_edge.x, to_edge.y);
            rgb += (0.0 - rgb) * (covered(1.0 * line, d) * 0.5 * frame.strength.w);
            rgb += (1.0 - rgb) * (covered(0.5 * line, d) * frame.strength.w);
        }

        if LINES && threshold_distance < FAR {
            // Dashes run along the axis that the line follows more closely.
            let along = select(px.y, px.x, abs(slope.y) >= abs(slope.x));
            let dash = covered(frame.more.x * point, stripe(along, frame.width.x * point));
            let inner = frame.stroke.rgb * dash + vec3<f32>(1.0 - dash);
            rgb += (0.0 - rgb) * (covered(2.0 * line, threshold_distance) * 0.8);
            rgb += (inner - rgb) * covered(1.0 * line, threshold_distance);
        }
    }

    if (flags & BORDER) != 0u {
        let from_edge = min(uv, 1.0 - uv) / panel.to_uv.xz;
        let d = min(from_edge.x, from_edge.y);
        rgb += (frame.border.rgb - rgb) * clamp(frame.width.w * point + 0.5 - d, 0.0, 1.0);
    }
    return rgb;
}

@fragment
fn fs_heatmap(@builtin(position) at: vec4<f32>) -> @location(0) vec4<f32> {
    let px = at.xy - frame.origin.xy;
    let p = panel_at(px);
    let panel = panel_of(p);
    let uv = uv_at(panel.to_uv, px);
    var rgb = picture_colour(panel, p, uv);
    if p < 3u && is_inside(uv) {
        rgb = heat_over(panel, rgb, px, uv);
    }
    return for_target(rgb);
}
