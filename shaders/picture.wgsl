// Draws the picture into its panels: averaging when it is made smaller, straight lines or sharp
// squares when it is made larger. Twin: `src/overlay/cpu/picture.rs`.
//
// `Frame` is filled by `src/overlay/uniforms.rs` (layout tested). All lengths are target pixels.

struct Panel {
    clip: vec4<f32>,
    to_uv: vec4<f32>,
    cell: vec4<f32>,
    colour: vec4<f32>,
    alpha: vec4<f32>,
    lines: vec4<f32>,
    kind: vec4<u32>,
}

struct Frame {
    panels: array<Panel, 3>,
    origin: vec4<f32>,
    background: vec4<f32>,
    stroke: vec4<f32>,
    border: vec4<f32>,
    count: vec4<u32>,
    strength: vec4<f32>,
    width: vec4<f32>,
    more: vec4<f32>,
}

const PICTURE: u32 = 1u;
// Fixed when a pipeline is made: software adapters gather what is indexed by a variable.
override ONE_PANEL: bool = false;
const MAX_TAPS: f32 = 16.0;

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var picture: texture_2d<f32>;
@group(0) @binding(2) var maps: texture_2d<f32>;
@group(0) @binding(3) var luts: texture_2d<f32>;

// One triangle over the whole viewport.
@vertex
fn vs_main(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
    let corner = vec2<f32>(f32(i & 1u), f32(i >> 1u));
    return vec4<f32>(corner * 4.0 - 1.0, 0.0, 1.0);
}

// Index of the panel under `px`, 3 when none is.
fn panel_at(px: vec2<f32>) -> u32 {
    if ONE_PANEL {
        let c = frame.panels[0].clip;
        let within = px.x >= c.x && px.y >= c.y && px.x < c.z && px.y < c.w;
        return select(3u, 0u, within);
    }
    for (var i = 0u; i < frame.count.x; i++) {
        let c = frame.panels[i].clip;
        if px.x >= c.x && px.y >= c.y && px.x < c.z && px.y < c.w {
            return i;
        }
    }
    return 3u;
}

// The panel with index `p`, or any where there is none.
fn panel_of(p: u32) -> Panel {
    if ONE_PANEL {
        return frame.panels[0];
    }
    return frame.panels[min(p, 2u)];
}

fn uv_at(to_uv: vec4<f32>, px: vec2<f32>) -> vec2<f32> {
    return px * to_uv.xz + to_uv.yw;
}

fn is_inside(uv: vec2<f32>) -> bool {
    return uv.x >= 0.0 && uv.y >= 0.0 && uv.x < 1.0 && uv.y < 1.0;
}

// Mean of the picture over a box around `uv`. A box of one source pixel is linear
// interpolation; of one target pixel, an average when that is the larger and soft squares when
// it is the smaller. So minifying and both ways of magnifying are one rule.
fn picture_at(to_uv: vec4<f32>, uv: vec2<f32>) -> vec3<f32> {
    let dims = vec2<i32>(textureDimensions(picture));
    let size = vec2<f32>(dims);
    let ratio = to_uv.xz * size;
    let smallest = select(1.0, 1e-3, frame.count.z == 1u);
    let width = clamp(ratio, vec2<f32>(smallest), vec2<f32>(MAX_TAPS));
    let lo = uv * size - 0.5 * width;
    let hi = lo + width;
    let first = vec2<i32>(floor(lo));
    let last = vec2<i32>(ceil(hi)) - 1;
    var sum = vec3<f32>(0.0);
    for (var y = first.y; y <= last.y; y++) {
        let wy = min(hi.y, f32(y + 1)) - max(lo.y, f32(y));
        let row = clamp(y, 0, dims.y - 1);
        for (var x = first.x; x <= last.x; x++) {
            let wx = min(hi.x, f32(x + 1)) - max(lo.x, f32(x));
            let texel = textureLoad(picture, vec2<i32>(clamp(x, 0, dims.x - 1), row), 0).rgb;
            sum += wx * wy * texel;
        }
    }
    return sum / (width.x * width.y);
}

// What the blending needs when the target encodes sRGB itself: the value that it will encode
// back to `c`.
fn for_target(c: vec3<f32>) -> vec4<f32> {
    if frame.count.w == 0u {
        return vec4<f32>(c, 1.0);
    }
    let low = c / 12.92;
    let high = pow((c + 0.055) / 1.055, vec3<f32>(2.4));
    return vec4<f32>(select(high, low, c <= vec3<f32>(0.04045)), 1.0);
}

// The picture alone, or the colour around it.
fn picture_colour(panel: Panel, p: u32, uv: vec2<f32>) -> vec3<f32> {
    if p == 3u || !is_inside(uv) {
        return frame.background.rgb;
    }
    if (panel.kind.z & PICTURE) == 0u {
        return vec3<f32>(0.0);
    }
    return picture_at(panel.to_uv, uv);
}

@fragment
fn fs_picture(@builtin(position) at: vec4<f32>) -> @location(0) vec4<f32> {
    let px = at.xy - frame.origin.xy;
    let p = panel_at(px);
    let panel = panel_of(p);
    let uv = uv_at(panel.to_uv, px);
    return for_target(picture_colour(panel, p, uv));
}
