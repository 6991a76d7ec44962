//! Colours from values. To add a colormap: one file here and one row in [`Colormap::ALL`].

mod cividis;
mod diverging;
mod inferno;
mod jet;
mod magma;
mod turbo;
mod viridis;

/// Maps [0, 1] to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Colormap {
    /// Blue to yellow, the same for colour-blind eyes; the default.
    #[default]
    Cividis,
    /// Violet to yellow.
    Viridis,
    /// Black, red, yellow.
    Inferno,
    /// Black, violet, cream.
    Magma,
    /// A smooth rainbow.
    Turbo,
    /// The rainbow of the papers' figures.
    Jet,
    /// Blue, white, orange: for differences about zero, chosen by the layer and not by the user.
    Diverging,
}

impl Colormap {
    /// Those a user chooses from, in menu order.
    pub const ALL: &'static [Self] =
        &[Self::Cividis, Self::Viridis, Self::Inferno, Self::Magma, Self::Turbo, Self::Jet];

    /// Every table, in the order of the rows of the lookup texture.
    pub(crate) const TABLES: [Self; 7] = [
        Self::Cividis,
        Self::Viridis,
        Self::Inferno,
        Self::Magma,
        Self::Turbo,
        Self::Jet,
        Self::Diverging,
    ];

    /// Name for menus, files and `--colormap`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cividis => "cividis",
            Self::Viridis => "viridis",
            Self::Inferno => "inferno",
            Self::Magma => "magma",
            Self::Turbo => "turbo",
            Self::Jet => "jet",
            Self::Diverging => "diverging",
        }
    }

    /// One line for a tooltip: what it is good for, and for whom.
    pub fn note(self) -> &'static str {
        match self {
            Self::Cividis => "Even lightness, the same for colour-blind eyes",
            Self::Viridis => "Even lightness, safe for colour-blind eyes",
            Self::Inferno => "From black through red to yellow, even lightness",
            Self::Magma => "From black through violet to cream, even lightness",
            Self::Turbo => "Smooth rainbow: fine steps, but lightness is no guide",
            Self::Jet => "Paper look: shows borders where there are none",
            Self::Diverging => "Blue below zero, orange above",
        }
    }

    /// The colormap a name stands for, any letter case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|c| c.name().eq_ignore_ascii_case(name))
    }

    /// The 256 colours, low to high.
    pub fn lut(self) -> &'static [[u8; 3]; 256] {
        match self {
            Self::Cividis => &cividis::LUT,
            Self::Viridis => &viridis::LUT,
            Self::Inferno => &inferno::LUT,
            Self::Magma => &magma::LUT,
            Self::Turbo => &turbo::LUT,
            Self::Jet => &jet::LUT,
            Self::Diverging => &diverging::LUT,
        }
    }

    /// Whether lightness rises steadily from low to high, so that a greyscale print still reads.
    pub fn is_even(self) -> bool {
        !matches!(self, Self::Turbo | Self::Jet | Self::Diverging)
    }

    /// Colour of the prediction's outline over this colormap: vermillion, and white where the
    /// colormap itself holds that colour.
    pub fn stroke(self) -> [u8; 3] {
        match self {
            Self::Cividis | Self::Viridis | Self::Diverging => [0xd5, 0x5e, 0x00],
            Self::Inferno | Self::Magma | Self::Turbo | Self::Jet => [0xff, 0xff, 0xff],
        }
    }

    /// Row of the lookup texture.
    pub(crate) fn row(self) -> usize {
        Self::TABLES.iter().position(|c| *c == self).unwrap_or(0)
    }

    /// Colour at `t` in [0, 1], linear between neighbouring table entries; components 0 to 255.
    pub(crate) fn at(self, t: f32) -> [f32; 3] {
        let lut = self.lut();
        let x = if t > 0.0 { t.min(1.0) * 255.0 } else { 0.0 };
        let i = (x as usize).min(254);
        let f = x - i as f32;
        let (a, b) = (lut[i], lut[i + 1]);
        std::array::from_fn(|c| f32::from(a[c]) + (f32::from(b[c]) - f32::from(a[c])) * f)
    }
}

/// Table from 1,536 hexadecimal digits, `rrggbb` for each colour; a wrong length or digit fails
/// the build, since tables are constants.
const fn table_from_hex(hex: &[u8]) -> [[u8; 3]; 256] {
    assert!(hex.len() == 6 * 256);
    let mut out = [[0; 3]; 256];
    let mut i = 0;
    while i < 3 * 256 {
        out[i / 3][i % 3] = digit(hex[2 * i]) * 16 + digit(hex[2 * i + 1]);
        i += 1;
    }
    out
}

const fn digit(c: u8) -> u8 {
    match c {
        b'0'..=b'9' => c - b'0',
        b'a'..=b'f' => c - b'a' + 10,
        _ => {
            // Only reached while building: tables are constants.
            assert!(c.is_ascii_hexdigit(), "not a hexadecimal digit");
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CIE lightness of an sRGB colour, 0 to 100.
    fn lightness(c: [u8; 3]) -> f64 {
        let lin = c.map(|v| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        });
        let y = 0.2126 * lin[0] + 0.7152 * lin[1] + 0.0722 * lin[2];
        if y > 216.0 / 24389.0 { 116.0 * y.cbrt() - 16.0 } else { y * 24389.0 / 27.0 }
    }

    fn rises(c: Colormap) -> bool {
        // 0.35: one step of one component of an 8-bit colour.
        let l: Vec<f64> = c.lut().iter().map(|v| lightness(*v)).collect();
        l.windows(2).all(|w| w[1] > w[0] - 0.35) && l[255] - l[0] > 60.0
    }

    #[test]
    fn lightness_rises_where_it_is_claimed_and_only_there() {
        for c in Colormap::TABLES {
            assert_eq!(rises(c), c.is_even(), "{}", c.name());
        }
    }

    #[test]
    fn tables_hold_their_published_ends() {
        let ends = |c: Colormap| (c.lut()[0], c.lut()[255]);
        assert_eq!(ends(Colormap::Viridis), ([68, 1, 84], [253, 231, 37]));
        assert_eq!(ends(Colormap::Inferno), ([0, 0, 4], [252, 255, 164]));
        assert_eq!(ends(Colormap::Magma), ([0, 0, 4], [252, 253, 191]));
        assert_eq!(ends(Colormap::Cividis), ([0, 34, 78], [254, 232, 56]));
        assert_eq!(ends(Colormap::Turbo), ([48, 18, 59], [122, 4, 3]));
        assert_eq!(ends(Colormap::Jet), ([0, 0, 128], [128, 0, 0]));
        assert_eq!(Colormap::Jet.lut()[159], [254, 255, 1]);
    }

    #[test]
    fn the_diverging_table_is_white_in_the_middle_and_equally_dark_at_the_ends() {
        let lut = Colormap::Diverging.lut();
        assert!(lut[127].iter().chain(&lut[128]).all(|v| *v > 240));
        assert!((lightness(lut[0]) - lightness(lut[255])).abs() < 8.0);
        assert!(lut[0][2] > lut[0][0] && lut[255][0] > lut[255][2]);
    }

    #[test]
    fn names_are_unique_and_found_again() {
        for c in Colormap::ALL {
            assert_eq!(Colormap::from_name(&c.name().to_uppercase()), Some(*c));
            assert!(!c.note().is_empty());
        }
        assert_eq!(Colormap::from_name("rainbow"), None);
    }

    #[test]
    fn every_file_of_the_folder_has_its_row() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/overlay/colormaps");
        let mut files: Vec<String> = std::fs::read_dir(dir)
            .unwrap()
            .map(|e| e.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .filter(|n| n != "mod")
            .collect();
        let mut rows: Vec<&str> = Colormap::TABLES.iter().map(|c| c.name()).collect();
        files.sort();
        rows.sort_unstable();
        assert_eq!(files, rows);
    }

    #[test]
    fn colours_between_entries_are_mixed_and_ends_are_clamped() {
        let lut = Colormap::Turbo.lut();
        assert_eq!(Colormap::Turbo.at(-1.0), lut[0].map(f32::from));
        assert_eq!(Colormap::Turbo.at(2.0), lut[255].map(f32::from));
        assert_eq!(Colormap::Turbo.at(f32::NAN), lut[0].map(f32::from));
        let half = Colormap::Turbo.at(100.5 / 255.0);
        for c in 0..3 {
            let want = (f32::from(lut[100][c]) + f32::from(lut[101][c])) / 2.0;
            assert!((half[c] - want).abs() < 1e-2);
        }
    }
}
