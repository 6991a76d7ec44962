//! A decoded picture as the decoder left it: planes, not yet RGB.
//!
//! Lives here because three rooms share it: `media` fills it, `overlay` converts it (shader and
//! CPU twin), `infer` feeds the network from the twin.

/// One plane of samples: 8-bit, or 16-bit little endian when the picture's `bits > 8`.
#[derive(Clone, PartialEq, Eq)]
pub struct Plane {
    /// Samples per row that are part of the picture (components interleaved for packed layouts).
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes from one row to the next, at least `width` times the sample size.
    pub stride: usize,
    /// `stride * height` bytes.
    pub data: Vec<u8>,
}

/// How the planes make up pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlaneLayout {
    /// Y, U, V planes; chroma is smaller by these powers of two, rounded up.
    Yuv {
        /// Horizontal: 0, 1 or 2.
        shift_x: u8,
        /// Vertical: 0 or 1.
        shift_y: u8,
        /// A fourth, full-size alpha plane follows (straight alpha).
        alpha: bool,
    },
    /// Y plane, then one plane of interleaved U and V at half size in both axes (NV12, P010).
    SemiPlanar,
    /// One plane of luma.
    Gray,
    /// One plane of interleaved R, G, B, A (straight alpha); `bits` is 8.
    Rgba,
}

/// Which luma weights the YUV planes were made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum ColorMatrix {
    /// ITU-R BT.601 (SD); JPEG pictures.
    Bt601,
    /// ITU-R BT.709 (HD).
    #[default]
    Bt709,
    /// ITU-R BT.2020, non-constant luminance.
    Bt2020,
}

/// Transfer function of the samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Transfer {
    /// Standard dynamic range: shown as it is.
    #[default]
    Sdr,
    /// SMPTE ST 2084 (HDR10): tone-mapped for display.
    Pq,
    /// ARIB STD-B67 hybrid log-gamma: tone-mapped for display.
    Hlg,
}

/// Colour description of a picture, from the stream's tags or the guesses written at
/// the place that fills it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct ColorSpec {
    /// Luma weights.
    pub matrix: ColorMatrix,
    /// True for 0..255 samples, false for 16..235/240 ("limited", "TV").
    pub full_range: bool,
    /// Transfer function.
    pub transfer: Transfer,
    /// BT.2020 primaries (wider than the screen's), converted together with HDR transfer.
    pub wide_gamut: bool,
}

/// Quarter turns and mirroring that make the coded picture upright, applied to the coded
/// picture in this order: mirror left-right first, then turn clockwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Orientation {
    /// Clockwise quarter turns, 0 to 3.
    pub quarter_turns: u8,
    /// Mirror left-right before turning.
    pub mirrored: bool,
}

/// A decoded picture, coded orientation, square or not.
#[derive(Clone, PartialEq)]
pub struct PlanarPicture {
    /// Visible coded width in pixels.
    pub width: u32,
    /// Visible coded height in pixels.
    pub height: u32,
    /// Meaning of `planes`.
    pub layout: PlaneLayout,
    /// Significant bits per sample, 8 to 16; above 8 samples are 16-bit little endian with the
    /// value in the low bits.
    pub bits: u8,
    /// Colour description.
    pub color: ColorSpec,
    /// How to turn it upright.
    pub orientation: Orientation,
    /// Pixel width divided by pixel height of the coded picture (1 for square pixels).
    pub pixel_aspect: f32,
    /// The samples.
    pub planes: Vec<Plane>,
}

impl PlanarPicture {
    /// Size of the upright picture in pixels, before the pixel aspect is applied.
    pub fn upright_size(&self) -> (u32, u32) {
        if self.orientation.quarter_turns % 2 == 1 {
            (self.height, self.width)
        } else {
            (self.width, self.height)
        }
    }

    /// Width divided by height at which the upright picture is shown, pixel aspect included.
    pub fn display_aspect(&self) -> f32 {
        let coded = self.width as f32 * self.pixel_aspect / self.height as f32;
        if self.orientation.quarter_turns % 2 == 1 { 1.0 / coded } else { coded }
    }

    /// Bytes held by the planes.
    pub fn bytes(&self) -> usize {
        self.planes.iter().map(|p| p.data.len()).sum()
    }
}

impl std::fmt::Debug for PlanarPicture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "PlanarPicture({}x{} {:?} {} bit {:?})",
            self.width, self.height, self.layout, self.bits, self.color
        )
    }
}

impl std::fmt::Debug for Plane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Plane({}x{}, stride {})", self.width, self.height, self.stride)
    }
}
