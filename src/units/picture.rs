//! A picture in memory.

/// Packed 8-bit RGB, row 0 at the top, `data.len() == 3 * width * height`.
#[derive(Clone, PartialEq, Eq)]
pub struct RgbPicture {
    width: u32,
    height: u32,
    data: Vec<u8>,
}

impl RgbPicture {
    /// `None` unless `data` holds exactly `3 * width * height` bytes and no side is zero.
    pub fn new(width: u32, height: u32, data: Vec<u8>) -> Option<Self> {
        let want = 3usize.checked_mul(width as usize)?.checked_mul(height as usize)?;
        (want > 0 && data.len() == want).then_some(Self { width, height, data })
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Row-major RGB bytes.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Row-major RGB bytes, to draw into.
    pub fn data_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }

    /// Gives the bytes away.
    pub fn into_data(self) -> Vec<u8> {
        self.data
    }
}

impl std::fmt::Debug for RgbPicture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RgbPicture({}x{})", self.width, self.height)
    }
}
