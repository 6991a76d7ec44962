//! Sets of pixels.

/// A set of pixels of a `width` x `height` picture, as runs.
///
/// Runs go column by column, each from the top, beginning with pixels outside: the order of
/// COCO's run-length masks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    width: u32,
    height: u32,
    runs: Vec<u32>,
}

impl Mask {
    /// The pixels for which `inside(x, y)` holds.
    pub fn from_fn(width: u32, height: u32, inside: impl Fn(u32, u32) -> bool) -> Self {
        let mut runs = Vec::new();
        let (mut run, mut within) = (0u32, false);
        for x in 0..width {
            for y in 0..height {
                if inside(x, y) == within {
                    run += 1;
                } else {
                    runs.push(run);
                    (run, within) = (1, !within);
                }
            }
        }
        runs.push(run);
        Self { width, height, runs }
    }

    /// From runs that alternate between outside and inside; `None` unless they sum to the
    /// number of pixels.
    pub fn from_runs(width: u32, height: u32, runs: Vec<u32>) -> Option<Self> {
        let sum = runs.iter().try_fold(0u64, |s, r| s.checked_add(u64::from(*r)))?;
        (sum == u64::from(width) * u64::from(height)).then_some(Self { width, height, runs })
    }

    /// Width of the picture in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height of the picture in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The runs, outside first.
    pub fn runs(&self) -> &[u32] {
        &self.runs
    }

    /// Number of pixels inside.
    pub fn area(&self) -> u64 {
        self.runs.iter().skip(1).step_by(2).map(|r| u64::from(*r)).sum()
    }

    /// The smallest box around all pixels inside; `None` when there are none.
    pub fn bounds(&self) -> Option<super::TruthBox> {
        let h = u64::from(self.height);
        let (mut at, mut found) = (0u64, None::<[u64; 4]>);
        for (i, run) in self.runs.iter().enumerate() {
            let end = at + u64::from(*run);
            if i % 2 == 1 && end > at {
                let (first, last) = (at / h, (end - 1) / h);
                // A run over the end of a column touches its lower and the next one's upper edge.
                let (top, bottom) =
                    if first == last { (at % h, (end - 1) % h) } else { (0, h - 1) };
                let b = found.get_or_insert([first, top, last, bottom]);
                *b = [b[0].min(first), b[1].min(top), b[2].max(last), b[3].max(bottom)];
            }
            at = end;
        }
        found.map(|[x0, y0, x1, y1]| super::TruthBox {
            x0: x0 as f64,
            y0: y0 as f64,
            x1: (x1 + 1) as f64,
            y1: (y1 + 1) as f64,
        })
    }

    /// Row-major booleans, `width * height` of them.
    pub fn to_pixels(&self) -> Vec<bool> {
        let (w, h) = (self.width as usize, self.height as usize);
        let mut out = vec![false; w * h];
        let mut at = 0usize;
        for (i, run) in self.runs.iter().enumerate() {
            let end = at + *run as usize;
            if i % 2 == 1 {
                for k in at..end {
                    out[(k % h) * w + k / h] = true;
                }
            }
            at = end;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_the_pixels() {
        for (mask, want) in [
            (
                Mask::from_fn(9, 7, |x, y| (2..5).contains(&x) && (1..6).contains(&y)),
                Some([2, 1, 5, 6]),
            ),
            (Mask::from_fn(9, 7, |x, _| x == 8), Some([8, 0, 9, 7])),
            (Mask::from_fn(9, 7, |x, y| (x, y) == (3, 6) || (x, y) == (4, 0)), Some([3, 0, 5, 7])),
            (Mask::from_fn(9, 7, |_, _| false), None),
        ] {
            let got = mask.bounds().map(|b| [b.x0, b.y0, b.x1, b.y1].map(|v| v as i32));
            assert_eq!(got, want);
        }
    }

    #[test]
    fn runs_that_do_not_cover_the_picture_are_no_mask() {
        assert!(Mask::from_runs(4, 4, vec![16]).is_some());
        assert!(Mask::from_runs(4, 4, vec![15]).is_none());
        assert!(Mask::from_runs(0, 4, vec![]).is_some_and(|m| m.bounds().is_none()));
    }
}
