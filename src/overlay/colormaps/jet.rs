//! Jet: the rainbow of the papers' figures, exactly OpenCV 5's `COLORMAP_JET`.
//!
//! Made from its rule, so no table is copied. Lightness rises and falls, and it shows borders
//! where there are none: not safe for colour-blind eyes; offered as "paper look" only.

/// 256 colours, low (blue) to high (red).
pub const LUT: [[u8; 3]; 256] = table();

const fn table() -> [[u8; 3]; 256] {
    let mut out = [[0; 3]; 256];
    let mut i = 0;
    while i < 256 {
        let r = match i {
            0..96 => 0,
            96..160 => 2 + 4 * (i - 96),
            160..224 => 255,
            _ => 252 - 4 * (i - 224),
        };
        let g = match i {
            0..32 => 0,
            32..96 => 4 * (i - 32),
            96..160 => 255,
            160..224 => 252 - 4 * (i - 160),
            _ => 0,
        };
        let b = match i {
            0..32 => 128 + 4 * i,
            32..96 => 255,
            // OpenCV's table has one value off its own rule.
            159 => 1,
            96..160 => 254 - 4 * (i - 96),
            _ => 0,
        };
        out[i] = [r as u8, g as u8, b as u8];
        i += 1;
    }
    out
}
