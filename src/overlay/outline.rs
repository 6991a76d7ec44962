//! Lines around areas: where a map rises over a value, and around the pixels of a mask.

/// A closed line in fractions of the picture's width and height; the first point is not repeated.
pub type Ring = Vec<[f32; 2]>;

/// Lines around the area where `values` (row-major, `side * side`, at pixel centres) are greater
/// than `level`; straight between neighbouring pixels, closed along the picture's edge. Values that
/// are not a number lie outside.
pub fn outline(values: &[f32], side: usize, level: f32) -> Vec<Ring> {
    if side == 0 || values.len() != side * side {
        return Vec::new();
    }
    trace(side, side, |x, y| {
        let v = values[y * side + x];
        if v.is_nan() { f32::NEG_INFINITY } else { v - level }
    })
}

/// Lines around the pixels for which `inside(x, y)` holds in a picture of `width` x `height`,
/// looked at only within the columns and rows of `within` (`[x0, y0, x1, y1]`, half-open); corners
/// are cut by half a pixel.
pub fn mask_outline(
    (width, height): (u32, u32),
    within: [u32; 4],
    inside: impl Fn(u32, u32) -> bool,
) -> Vec<Ring> {
    let [x0, y0, x1, y1] = within;
    let (x1, y1) = (x1.min(width), y1.min(height));
    if x0 >= x1 || y0 >= y1 {
        return Vec::new();
    }
    let (w, h) = ((x1 - x0) as usize, (y1 - y0) as usize);
    let rings = trace(w, h, |x, y| if inside(x0 + x as u32, y0 + y as u32) { 1.0 } else { -1.0 });
    let scale = |v: f32, n: usize, from: u32, of: u32| (v * n as f32 + from as f32) / of as f32;
    rings
        .into_iter()
        .map(|ring| {
            ring.into_iter()
                .map(|[x, y]| [scale(x, w, x0, width), scale(y, h, y0, height)])
                .collect()
        })
        .collect()
}

/// Marching squares over `width` x `height` values at pixel centres, positive inside. One row and
/// column outside the picture count as just as far outside as their neighbour is inside, so that
/// every line closes on the picture's edge.
fn trace(width: usize, height: usize, value: impl Fn(usize, usize) -> f32) -> Vec<Ring> {
    // Nodes with a margin of one, so that node (1, 1) is pixel (0, 0).
    let (w, h) = (width + 2, height + 2);
    let inside_picture = |x: usize, y: usize| (1..=width).contains(&x) && (1..=height).contains(&y);
    let nodes: Vec<f32> = (0..w * h)
        .map(|i| {
            let (x, y) = (i % w, i / w);
            if inside_picture(x, y) { value(x - 1, y - 1) } else { f32::NAN }
        })
        .collect();
    let is_in: Vec<bool> = nodes.iter().map(|v| *v > 0.0).collect();
    // Edge `2 i` goes from node `i` to the right, `2 i + 1` downwards; each is the start of at
    // most one piece of a line, because every piece has the inside on its right.
    let right = |x: usize, y: usize| 2 * (y * w + x);
    let down = |x: usize, y: usize| 2 * (y * w + x) + 1;
    const NONE: u32 = u32::MAX;
    let mut next = vec![NONE; 2 * w * h];
    let mut starts = Vec::new();
    for y in 0..h - 1 {
        let (upper, lower) = (&is_in[y * w..][..w], &is_in[(y + 1) * w..][..w]);
        for x in 0..w - 1 {
            let (a, b, c, d) = (upper[x], upper[x + 1], lower[x + 1], lower[x]);
            if a == b && b == c && c == d {
                continue;
            }
            let (top, east, bottom, west) =
                (right(x, y), down(x + 1, y), right(x, y + 1), down(x, y));
            let mut piece = |from: usize, to: usize| {
                next[from] = to as u32;
                starts.push(from);
            };
            match (a, b, c, d) {
                (false, false, false, false) | (true, true, true, true) => {}
                (true, false, false, false) => piece(top, west),
                (false, true, false, false) => piece(east, top),
                (false, false, true, false) => piece(bottom, east),
                (false, false, false, true) => piece(west, bottom),
                (true, true, false, false) => piece(east, west),
                (false, true, true, false) => piece(bottom, top),
                (false, false, true, true) => piece(west, east),
                (true, false, false, true) => piece(top, bottom),
                (false, true, true, true) => piece(west, top),
                (true, false, true, true) => piece(top, east),
                (true, true, false, true) => piece(east, bottom),
                (true, true, true, false) => piece(bottom, west),
                // Saddles: the two inside corners stay apart.
                (true, false, true, false) => {
                    piece(top, west);
                    piece(bottom, east);
                }
                (false, true, false, true) => {
                    piece(east, top);
                    piece(west, bottom);
                }
            }
        }
    }
    let point = |edge: usize| {
        let (i, downwards) = (edge / 2, edge % 2 == 1);
        let (x, y) = (i % w, i / w);
        let (u, v) = (nodes[i], nodes[if downwards { i + w } else { i + 1 }]);
        let t = u / (u - v);
        // At the picture's edge (not a number) and beside infinities: half way.
        let t = if t.is_finite() { t.clamp(0.0, 1.0) } else { 0.5 };
        let (dx, dy) = if downwards { (0.0, t) } else { (t, 0.0) };
        // Node 1 is the centre of pixel 0.
        let at = |n: usize, d: f32, of: usize| ((n as f32 + d - 0.5) / of as f32).clamp(0.0, 1.0);
        [at(x, dx, width), at(y, dy, height)]
    };
    let mut rings = Vec::new();
    for first in starts {
        let mut ring = Ring::new();
        let mut edge = first;
        while next[edge] != NONE {
            ring.push(point(edge));
            edge = std::mem::replace(&mut next[edge], NONE) as usize;
        }
        if ring.len() > 2 {
            rings.push(ring);
        }
    }
    rings
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twice the signed area; positive when the inside lies to the right of the way (rows grow
    /// downwards).
    fn area(ring: &Ring) -> f32 {
        let n = ring.len();
        (0..n)
            .map(|i| {
                let ([x0, y0], [x1, y1]) = (ring[i], ring[(i + 1) % n]);
                x0 * y1 - x1 * y0
            })
            .sum::<f32>()
            / 2.0
    }

    #[test]
    fn a_plateau_has_one_ring_of_its_own_size() {
        let values: Vec<f32> =
            (0..100)
                .map(|i| {
                    if (2..7).contains(&(i % 10)) && (3..8).contains(&(i / 10)) { 1.0 } else { 0.0 }
                })
                .collect();
        let rings = outline(&values, 10, 0.5);
        assert_eq!(rings.len(), 1);
        let xs = rings[0].iter().map(|p| p[0]);
        let (lo, hi) = xs.fold((1.0f32, 0.0f32), |(l, h), x| (l.min(x), h.max(x)));
        assert!((lo - 0.2).abs() < 1e-6 && (hi - 0.7).abs() < 1e-6, "{lo} {hi}");
        // 25 pixels of 100, less the four corners that are cut.
        assert!((area(&rings[0]).abs() - (0.25 - 4.0 * 0.125 / 100.0)).abs() < 1e-5);
    }

    #[test]
    fn the_line_lies_where_the_map_has_the_value() {
        let side = 50;
        let values: Vec<f32> = (0..side * side).map(|i| (i % side) as f32).collect();
        let rings = outline(&values, side, 19.75);
        let on_line = rings[0].iter().filter(|p| (p[0] * 50.0 - 20.25).abs() < 1e-3).count();
        assert!(on_line >= side - 1, "{on_line}");
        let area = area(&rings[0]).abs();
        assert!((area - (50.0 - 20.25) / 50.0).abs() < 1e-3, "closed along the edge: {area}");
    }

    #[test]
    fn holes_are_rings_that_go_the_other_way() {
        let hole = |i: usize| (4..6).contains(&(i % 10)) && (4..6).contains(&(i / 10));
        let values: Vec<f32> = (0..100).map(|i| if hole(i) { 0.0 } else { 1.0 }).collect();
        let rings = outline(&values, 10, 0.5);
        let areas: Vec<_> = rings.iter().map(area).collect();
        assert_eq!(areas.len(), 2);
        assert!(areas[0] * areas[1] < 0.0, "{areas:?}");
    }

    #[test]
    fn corners_that_touch_stay_apart_and_every_line_closes() {
        let rings = mask_outline((6, 6), [0, 0, 6, 6], |x, y| (x + y) % 2 == 0);
        assert_eq!(rings.len(), 18);
        for ring in &rings {
            let n = ring.len();
            for i in 0..n {
                let (a, b) = (ring[i], ring[(i + 1) % n]);
                assert!((a[0] - b[0]).hypot(a[1] - b[1]) < 0.3, "a jump");
            }
        }
    }

    #[test]
    fn a_mask_is_looked_at_only_where_it_lies() {
        let asked = std::cell::Cell::new(0);
        let rings = mask_outline((1000, 1000), [10, 20, 30, 40], |_, _| {
            asked.set(asked.get() + 1);
            true
        });
        assert!(asked.get() <= 400);
        let p = rings[0].iter().fold([0.0f32; 2], |m, p| [m[0].max(p[0]), m[1].max(p[1])]);
        assert!((p[0] - 0.03).abs() < 1e-6 && (p[1] - 0.04).abs() < 1e-6, "{p:?}");
    }

    #[test]
    fn all_nothing_nan_and_empty_have_an_answer() {
        assert!(outline(&[], 0, 0.0).is_empty() && outline(&[1.0; 3], 2, 0.0).is_empty());
        assert!(outline(&[f32::NAN; 16], 4, 0.0).is_empty());
        assert!(outline(&[0.0; 16], 4, 0.0).is_empty(), "not greater");
        let all = outline(&[1.0; 16], 4, 0.0);
        assert_eq!(all.len(), 1);
        assert!(area(&all[0]).abs() > 0.95);
        assert!(mask_outline((4, 4), [3, 0, 2, 9], |_, _| true).is_empty());
    }
}
