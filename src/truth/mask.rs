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
