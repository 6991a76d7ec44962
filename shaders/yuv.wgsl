// Planes to upright RGB at native resolution: every layout, depth, range and matrix in one
// place. Twin: `src/overlay/yuv/fast.rs`; `Yuv` is filled by `src/overlay/yuv/block.rs`.

struct Yuv {
    rgb: array<vec4<f32>, 3>,
    coded: array<vec4<i32>, 2>,
    chroma: vec4<f32>,
    kind: vec4<u32>,
    size: vec4<u32>,
    alpha: vec4<f32>,
    tone: vec4<f32>,
    luma: vec4<f32>,
    gamut: array<vec4<f32>, 3>,
}

const PLANAR: u32 = 0u;
const SEMI_PLANAR: u32 = 1u;
const GRAY: u32 = 2u;
const RGBA: u32 = 3u;
// Fixed when a pipeline is made: `Yuv.kind.x`, whether it is high dynamic range, and whether
// there is a background to show through.
override LAYOUT: u32 = 0u;
override HDR: bool = false;
override BEHIND: bool = false;

const CURVE_LEN: i32 = 1024;

@group(0) @binding(0) var<uniform> yuv: Yuv;
@group(0) @binding(1) var plane0: texture_2d<u32>;
@group(0) @binding(2) var plane1: texture_2d<u32>;
@group(0) @binding(3) var plane2: texture_2d<u32>;
@group(0) @binding(4) var plane3: texture_2d<u32>;
@group(0) @binding(5) var curves: texture_2d<f32>;

@vertex
fn vs_main(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
    let corner = vec2<f32>(f32(i & 1u), f32(i >> 1u));
    return vec4<f32>(corner * 4.0 - 1.0, 0.0, 1.0);
}

fn chroma_sample(x: i32, y: i32) -> vec2<f32> {
    let at = vec2<i32>(x, y);
    if LAYOUT == SEMI_PLANAR {
        return vec2<f32>(textureLoad(plane1, at, 0).rg);
    }
    return vec2<f32>(f32(textureLoad(plane1, at, 0).r), f32(textureLoad(plane2, at, 0).r));
}

// U and V at a luma sample, straight lines between the chroma samples.
fn chroma_at(luma: vec2<i32>) -> vec2<f32> {
    let last = vec2<i32>(yuv.size.zw) - 1;
    let c = clamp(
        vec2<f32>(luma) * yuv.chroma.xz + yuv.chroma.yw,
        vec2<f32>(0.0),
        vec2<f32>(last),
    );
    let lo = floor(c);
    let t = c - lo;
    let i = vec2<i32>(lo);
    let j = min(i + 1, last);
    if t.x == 0.0 && t.y == 0.0 {
        return chroma_sample(i.x, i.y);
    }
    let above = mix(chroma_sample(i.x, i.y), chroma_sample(j.x, i.y), t.x);
    let below = mix(chroma_sample(i.x, j.y), chroma_sample(j.x, j.y), t.x);
    return mix(above, below, t.y);
}

fn curve(row: i32, t: f32) -> f32 {
    let x = clamp(t, 0.0, 1.0) * f32(CURVE_LEN - 1);
    let i = min(i32(x), CURVE_LEN - 2);
    let a = textureLoad(curves, vec2<i32>(i, row), 0).r;
    let b = textureLoad(curves, vec2<i32>(i + 1, row), 0).r;
    return a + (b - a) * (x - f32(i));
}

fn tone_mapped(signal: vec3<f32>) -> vec3<f32> {
    let row = select(1, 0, yuv.kind.z == 1u);
    var c = vec3<f32>(curve(row, signal.r), curve(row, signal.g), curve(row, signal.b));
    if yuv.tone.y > 0.0 {
        let luminance = dot(yuv.luma.rgb, c);
        c *= yuv.tone.x * pow(max(luminance, 1e-6), yuv.tone.y);
    }
    let knee = yuv.tone.z;
    let most = max(c.r, max(c.g, c.b));
    if most > knee {
        let x = (most - knee) / (1.0 - knee);
        let end = (yuv.tone.w - knee) / (1.0 - knee);
        c *= (knee + (1.0 - knee) * x * (1.0 + x / (end * end)) / (1.0 + x)) / most;
    }
    let light = clamp(
        vec3<f32>(
            dot(yuv.gamut[0].rgb, c),
            dot(yuv.gamut[1].rgb, c),
            dot(yuv.gamut[2].rgb, c),
        ),
        vec3<f32>(0.0),
        vec3<f32>(1.0),
    );
    let root = sqrt(light);
    return vec3<f32>(curve(2, root.r), curve(2, root.g), curve(2, root.b));
}

@fragment
fn fs_yuv(@builtin(position) at: vec4<f32>) -> @location(0) vec4<f32> {
    let upright = vec2<i32>(at.xy);
    let coded = vec2<i32>(
        yuv.coded[0].x * upright.x + yuv.coded[0].y * upright.y + yuv.coded[0].z,
        yuv.coded[1].x * upright.x + yuv.coded[1].y * upright.y + yuv.coded[1].z,
    );
    let first = vec4<f32>(textureLoad(plane0, coded, 0));
    var samples = vec4<f32>(first.x, 0.0, 0.0, 1.0);
    var opaque = 1.0;
    if LAYOUT == RGBA {
        samples = vec4<f32>(first.xyz, 1.0);
        opaque = first.w * yuv.alpha.x;
    } else if LAYOUT != GRAY {
        samples = vec4<f32>(first.x, chroma_at(coded), 1.0);
        if BEHIND {
            opaque = f32(textureLoad(plane3, coded, 0).r) * yuv.alpha.x;
        }
    }
    var c = clamp(
        vec3<f32>(dot(yuv.rgb[0], samples), dot(yuv.rgb[1], samples), dot(yuv.rgb[2], samples)),
        vec3<f32>(0.0),
        vec3<f32>(1.0),
    );
    if HDR {
        c = tone_mapped(c);
    }
    if BEHIND {
        let square = vec2<i32>(coded / i32(yuv.alpha.y));
        let is_light = ((square.x + square.y) & 1) == 0;
        var behind = 0.0;
        if yuv.kind.y == 2u {
            behind = select(yuv.alpha.w, yuv.alpha.z, is_light);
        }
        c = behind + (c - behind) * clamp(opaque, 0.0, 1.0);
    }
    return vec4<f32>(c, 1.0);
}
