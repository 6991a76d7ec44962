//! Blue, white, orange about zero, for differences. Own work.
//!
//! Blue and orange stay apart under every common colour-vision deficiency, and both ends are
//! equally dark, so that sign is hue and size is lightness.

/// 256 colours from blue (negative) through near-white to orange (positive).
pub const LUT: [[u8; 3]; 256] = table();

/// Colours at -1, -1/2, 0, 1/2 and 1.
const STOPS: [[i32; 3]; 5] =
    [[22, 92, 172], [112, 166, 216], [247, 247, 245], [242, 164, 92], [158, 72, 4]];

const fn table() -> [[u8; 3]; 256] {
    let mut out = [[0; 3]; 256];
    let mut i = 0;
    while i < 256 {
        // Place in units of 1/255 of a quarter of the table.
        let at = i * 4;
        let (stop, t) = if at >= 4 * 255 { (3, 255) } else { (at / 255, at % 255) };
        let mut c = 0;
        while c < 3 {
            let (a, b) = (STOPS[stop as usize][c], STOPS[stop as usize + 1][c]);
            out[i as usize][c] = (a + ((b - a) * t + if b > a { 127 } else { -127 }) / 255) as u8;
            c += 1;
        }
        i += 1;
    }
    out
}
