//! How each lane is drawn. Many columns become one mesh or one texture, never a thousand lines:
//! egui tessellates every shape again in every frame.

use std::sync::Arc;

use egui::{Color32, Mesh, Pos2, Rect, Shape, TextureHandle, TextureOptions, pos2};

use crate::units::{GRID, MediaTime};

use super::source::{LaneMaps, LaneSound, MapColumn};

/// What a lane shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum LaneKind {
    /// Who sounds when, where a truth file says so.
    Truth,
    /// Smallest and greatest sample.
    Waveform,
    /// What the network's sound tower is given.
    Spectrogram,
    /// The 3 s around the playhead.
    Window,
    /// Greatest cosine of each map.
    Peak,
    /// All 49 cells of each map, one above the other.
    Strip,
    /// Which frames have a map.
    Computed,
}

impl LaneKind {
    /// From top to bottom.
    pub const ALL: [Self; 7] = [
        Self::Truth,
        Self::Waveform,
        Self::Spectrogram,
        Self::Window,
        Self::Peak,
        Self::Strip,
        Self::Computed,
    ];

    /// Name beside the lane.
    pub fn name(self) -> &'static str {
        match self {
            Self::Truth => "Truth",
            Self::Waveform => "Waveform",
            Self::Spectrogram => "Spectrogram",
            Self::Window => "Model hears",
            Self::Peak => "Peak cosine",
            Self::Strip => "49 cells",
            Self::Computed => "Computed",
        }
    }

    /// What it is, for the tooltip.
    pub fn about(self) -> &'static str {
        match self {
            Self::Truth => {
                "Who sounds when, by the truth file: a bar where a source sounds, hatched where it \
                 is not in the picture meanwhile, a thin line where it is only seen"
            }
            Self::Waveform => {
                "Smallest and greatest sample of the sound, mono, at the model's rate"
            }
            Self::Spectrogram => {
                "ln(power + 1e-7) / 12 as the sound tower is given it; 0 Hz at the bottom. \
                 Zoomed out, a column is the loudest of four spectra"
            }
            Self::Window => "The 3 seconds of sound that belong to the picture on screen",
            Self::Peak => {
                "Greatest of the 49 cosines of each map, pale where it is interpolated between two \
                 near frames. Zoomed out, a column is the greatest of up to 48 frames"
            }
            Self::Strip => {
                "Row 0 (cell 0, upper left) at the top to row 48 (lower right). Each column is \
                 the map of one frame, pale where it is interpolated"
            }
            Self::Computed => "Frames whose map is in memory",
        }
    }

    /// `(fixed height, share of what is left)` in points.
    pub fn height(self) -> (f32, f32) {
        match self {
            Self::Truth => (16.0, 0.0),
            Self::Waveform => (20.0, 1.0),
            Self::Spectrogram => (24.0, 1.6),
            Self::Window => (16.0, 0.0),
            Self::Peak => (18.0, 0.8),
            Self::Strip => (22.0, 1.4),
            Self::Computed => (14.0, 0.0),
        }
    }
}

/// Splits `area` from top to bottom among the lanes, each with its `(fixed height, share)`; narrow
/// areas shrink all lanes alike.
pub fn layout(area: Rect, lanes: &[(LaneKind, (f32, f32))], gap: f32) -> Vec<(LaneKind, Rect)> {
    let fixed: f32 = lanes.iter().map(|(_, h)| h.0).sum();
    let shares: f32 = lanes.iter().map(|(_, h)| h.1).sum();
    let room = (area.height() - gap * lanes.len().saturating_sub(1) as f32).max(0.0);
    let shrink = if fixed > 0.0 { (room / fixed).min(1.0) } else { 1.0 };
    let rest = (room - fixed).max(0.0);
    let mut top = area.top();
    lanes
        .iter()
        .map(|(lane, (own, share))| {
            let grown = if shares > 0.0 { rest * share / shares } else { 0.0 };
            let height = own * shrink + grown;
            let rect = Rect::from_min_max(
                pos2(area.left(), top),
                pos2(area.right(), (top + height).min(area.bottom().max(top))),
            );
            top += height + gap;
            (*lane, rect)
        })
        .collect()
}

/// The waveform as one mesh, kept while nothing changes.
#[derive(Default)]
pub struct WaveMesh {
    key: Option<(MediaTime, MediaTime, u64, [i32; 4], Color32)>,
    mesh: Arc<Mesh>,
}

impl WaveMesh {
    /// Draws `sound` from `from` to `to` over the whole of `rect`, one column per pixel.
    pub fn shape(
        &mut self,
        sound: &dyn LaneSound,
        (from, to): (MediaTime, MediaTime),
        rect: Rect,
        pixels_per_point: f32,
        color: Color32,
    ) -> Shape {
        let place = [rect.left(), rect.top(), rect.right(), rect.bottom()]
            .map(|v| (v * pixels_per_point * 8.0) as i32);
        let key = (from, to, sound.len(), place, color);
        if self.key != Some(key) {
            let columns = (rect.width() * pixels_per_point).clamp(1.0, 8192.0) as usize;
            self.mesh = Arc::new(wave_mesh(&sound.envelope(from, to, columns), rect, color));
            self.key = Some(key);
        }
        Shape::Mesh(self.mesh.clone())
    }
}

/// One upright bar per column, at least a hair high so that silence is a line.
fn wave_mesh(envelope: &[(f32, f32)], rect: Rect, color: Color32) -> Mesh {
    let mut mesh = Mesh::default();
    let width = rect.width() / envelope.len().max(1) as f32;
    let (middle, half) = (rect.center().y, rect.height() / 2.0);
    for (i, (lo, hi)) in envelope.iter().enumerate() {
        // Parts that are not decoded (yet) come as an empty or not-a-number range.
        if !(lo.is_finite() && hi.is_finite()) || lo > hi {
            continue;
        }
        let left = rect.left() + i as f32 * width;
        let top = middle - hi.clamp(-1.0, 1.0) * half;
        let bottom = middle - lo.clamp(-1.0, 1.0) * half;
        let bar = Rect::from_min_max(pos2(left, top - 0.35), pos2(left + width, bottom + 0.35));
        mesh.add_colored_rect(bar.intersect(rect), color);
    }
    mesh
}

/// How cosines become colours in the strip: the scale of the picture.
#[derive(Clone, Copy, PartialEq)]
pub struct StripScale<'a> {
    /// Cosine of the first colour.
    pub lo: f32,
    /// Cosine of the last colour.
    pub hi: f32,
    /// Each column is stretched from its own smallest to its own greatest cosine.
    pub per_frame: bool,
    /// The picture's colours.
    pub palette: &'a [[u8; 3]; 256],
}

impl StripScale<'_> {
    fn color(&self, value: f32, lo: f32, hi: f32) -> Color32 {
        let place = (value - lo) / (hi - lo).max(1e-6);
        let [r, g, b] = self.palette[(place.clamp(0.0, 1.0) * 255.0).round() as usize];
        Color32::from_rgb(r, g, b)
    }
}

/// A mesh that is kept while its key and the columns stay.
struct Cached<K> {
    key: Option<(u64, K)>,
    mesh: Arc<Mesh>,
}

impl<K> Default for Cached<K> {
    fn default() -> Self {
        Self { key: None, mesh: Arc::default() }
    }
}

impl<K: PartialEq> Cached<K> {
    fn shape(&mut self, reads: u64, key: K, make: impl FnOnce() -> Mesh) -> Shape {
        let key = Some((reads, key));
        if self.key != key {
            self.mesh = Arc::new(make());
            self.key = key;
        }
        Shape::Mesh(self.mesh.clone())
    }
}

/// Time between two looks at the maps while they only grow.
const REFRESH_SECS: f64 = 0.25;

/// The map lanes' columns, kept while nothing changes, and the strip's texture.
#[derive(Default)]
pub struct MapLanes {
    key: Option<(MediaTime, MediaTime, usize)>,
    revision: u64,
    read_at: f64,
    columns: Vec<MapColumn>,
    /// Raised with every read.
    reads: u64,
    peak: Cached<(Rect, (f32, f32), Color32)>,
    computed: Cached<(Rect, Color32)>,
    strip: Option<TextureHandle>,
    strip_scale: Option<(f32, f32, bool, [u8; 3])>,
}

impl MapLanes {
    /// Reads the maps if the visible part or they have changed. At most four times a second for
    /// new maps alone; true when a later look is due.
    pub fn update(
        &mut self,
        maps: &dyn LaneMaps,
        (from, to): (MediaTime, MediaTime),
        columns: usize,
        now_secs: f64,
    ) -> bool {
        let key = (from, to, columns);
        let revision = maps.revision();
        let grown = revision != self.revision;
        if self.key == Some(key) && !grown {
            return false;
        }
        let age = now_secs - self.read_at;
        if self.key == Some(key) && (0.0..REFRESH_SECS).contains(&age) {
            return true;
        }
        self.columns = maps.columns(from, to, columns);
        (self.key, self.revision, self.read_at) = (Some(key), revision, now_secs);
        self.reads += 1;
        self.strip_scale = None;
        false
    }

    /// Forgets everything, for another clip or checkpoint.
    pub fn clear(&mut self) {
        // Reads go on counting, so that no cached mesh of the clip before fits again.
        *self = Self { strip: self.strip.take(), reads: self.reads + 1, ..Self::default() };
    }

    /// What was read last.
    #[cfg(test)]
    pub fn columns(&self) -> &[MapColumn] {
        &self.columns
    }

    /// The column at a place from 0 to 1.
    pub fn column_at(&self, place: f64) -> Option<&MapColumn> {
        let i = (place * self.columns.len() as f64).floor();
        (i >= 0.0).then(|| self.columns.get(i as usize)).flatten()
    }

    /// The peak lane: a filled curve, broken where nothing is computed.
    pub fn peak_shape(&mut self, rect: Rect, (lo, hi): (f32, f32), color: Color32) -> Shape {
        let columns = &self.columns;
        self.peak.shape(self.reads, (rect, (lo, hi), color), || {
            let width = rect.width() / columns.len().max(1) as f32;
            let y_of = |v: f32| {
                let place = ((v - lo) / (hi - lo).max(1e-6)).clamp(0.0, 1.0);
                rect.bottom() - 1.0 - place * (rect.height() - 2.0)
            };
            let mut mesh = Mesh::default();
            for (i, column) in columns.iter().enumerate() {
                let Some(peak) = column.peak.filter(|p| p.is_finite()) else { continue };
                let (left, top) = (rect.left() + i as f32 * width, y_of(peak));
                let right = left + width;
                let fill = Rect::from_min_max(pos2(left, top), pos2(right, rect.bottom()));
                let strength = if column.between { 0.2 } else { 0.4 };
                mesh.add_colored_rect(fill, color.gamma_multiply(strength));
                let cap = Rect::from_min_max(pos2(left, top - 0.75), pos2(right, top + 0.75));
                let strength = if column.between { 0.5 } else { 1.0 };
                mesh.add_colored_rect(cap, color.gamma_multiply(strength));
            }
            mesh
        })
    }

    /// The strip as a texture over the whole lane.
    pub fn strip_shape(&mut self, ctx: &egui::Context, rect: Rect, scale: StripScale<'_>) -> Shape {
        let key = (scale.lo, scale.hi, scale.per_frame, scale.palette[200]);
        if self.strip_scale != Some(key) {
            let image = strip_image(&self.columns, scale);
            match &mut self.strip {
                Some(texture) => texture.set(image, TextureOptions::NEAREST),
                none => {
                    *none = Some(ctx.load_texture("map strip", image, TextureOptions::NEAREST));
                }
            }
            self.strip_scale = Some(key);
        }
        let Some(texture) = &self.strip else { return Shape::Noop };
        Shape::image(texture.id(), rect, WHOLE, Color32::WHITE)
    }

    /// Which columns have maps: strong in `color` where all frames do.
    pub fn computed_shape(&mut self, rect: Rect, color: Color32) -> Shape {
        let columns = &self.columns;
        self.computed.shape(self.reads, (rect, color), || {
            let width = rect.width() / columns.len().max(1) as f32;
            let mut mesh = Mesh::default();
            for (i, column) in columns.iter().enumerate().filter(|(_, c)| c.computed > 0.0) {
                let left = rect.left() + i as f32 * width;
                let bar = Rect::from_x_y_ranges(left..=left + width, rect.y_range());
                let strength = 0.35 + 0.65 * column.computed.min(1.0);
                mesh.add_colored_rect(bar, color.gamma_multiply(strength));
            }
            mesh
        })
    }

    /// The visible columns as tab-separated numbers; interpolated ones are left out.
    pub fn table(&self, lane: LaneKind) -> String {
        let Some((from, to, _)) = self.key else { return String::new() };
        let step = (to - from).as_secs_f64() / self.columns.len().max(1) as f64;
        let mut text = match lane {
            LaneKind::Strip => {
                let names: Vec<_> = (0..GRID * GRID).map(|i| format!("cell_{i}")).collect();
                format!("time_secs\t{}\n", names.join("\t"))
            }
            LaneKind::Computed => "time_secs\tshare_computed\n".to_owned(),
            _ => "time_secs\tpeak_cosine\n".to_owned(),
        };
        for (i, column) in self.columns.iter().enumerate() {
            let secs = from.as_secs_f64() + (i as f64 + 0.5) * step;
            let values = match lane {
                LaneKind::Strip => column
                    .cells
                    .filter(|_| !column.between)
                    .map(|c| c.map(|v| format!("{v:.6}")).join("\t"))
                    .unwrap_or_default(),
                LaneKind::Computed => format!("{:.3}", column.computed),
                _ => column
                    .peak
                    .filter(|_| !column.between)
                    .map(|v| format!("{v:.6}"))
                    .unwrap_or_default(),
            };
            text += &format!("{secs:.6}\t{values}\n");
        }
        text
    }
}

/// All of a texture.
pub const WHOLE: Rect = Rect { min: Pos2 { x: 0.0, y: 0.0 }, max: Pos2 { x: 1.0, y: 1.0 } };

fn strip_image(columns: &[MapColumn], scale: StripScale<'_>) -> egui::ColorImage {
    let (width, rows) = (columns.len().max(1), GRID * GRID);
    let mut pixels = vec![Color32::TRANSPARENT; width * rows];
    for (x, column) in columns.iter().enumerate() {
        let Some(cells) = &column.cells else { continue };
        let (lo, hi) = if scale.per_frame {
            cells
                .iter()
                .fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)))
        } else {
            (scale.lo, scale.hi)
        };
        for (y, value) in cells.iter().enumerate() {
            let color = scale.color(*value, lo, hi);
            pixels[y * width + x] = if column.between { color.gamma_multiply(0.6) } else { color };
        }
    }
    egui::ColorImage::new([width, rows], pixels)
}

/// Diagonal lines over a part of a lane: "not real sound".
pub fn hatch(rect: Rect, color: Color32) -> Vec<Shape> {
    const STEP: f32 = 6.0;
    if !rect.is_positive() {
        return Vec::new();
    }
    let height = rect.height();
    let count = ((rect.width() + height) / STEP).ceil().min(2000.0) as usize;
    (0..=count)
        .filter_map(|i| {
            // From the lower edge up to the right, cut at the sides.
            let x = rect.left() - height + i as f32 * STEP;
            let (from, to) = (x.max(rect.left()), (x + height).min(rect.right()));
            (from < to).then(|| {
                let line =
                    [pos2(from, rect.bottom() - (from - x)), pos2(to, rect.bottom() - (to - x))];
                Shape::line_segment(line, egui::Stroke::new(1.0, color))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECT: Rect = Rect { min: Pos2 { x: 10.0, y: 20.0 }, max: Pos2 { x: 110.0, y: 60.0 } };

    struct Maps {
        revision: std::cell::Cell<u64>,
        reads: std::cell::Cell<u32>,
    }

    impl LaneMaps for Maps {
        fn revision(&self) -> u64 {
            self.revision.get()
        }
        fn columns(&self, _: MediaTime, _: MediaTime, columns: usize) -> Vec<MapColumn> {
            self.reads.set(self.reads.get() + 1);
            let some = MapColumn {
                peak: Some(0.5),
                cells: Some([0.5; 49]),
                between: false,
                computed: 1.0,
            };
            (0..columns).map(|i| if i % 2 == 0 { some } else { MapColumn::EMPTY }).collect()
        }
    }

    fn maps() -> Maps {
        Maps { revision: 1.into(), reads: 0.into() }
    }

    const VISIBLE: (MediaTime, MediaTime) = (MediaTime::ZERO, MediaTime::from_millis(10_000));

    #[test]
    fn maps_are_read_again_only_when_something_changed_and_not_too_often() {
        let (source, mut lanes) = (maps(), MapLanes::default());
        assert!(!lanes.update(&source, VISIBLE, 100, 1.0));
        assert!(!lanes.update(&source, VISIBLE, 100, 1.01));
        assert_eq!(source.reads.get(), 1);
        source.revision.set(2);
        assert!(lanes.update(&source, VISIBLE, 100, 1.1), "a later look is due");
        assert_eq!(source.reads.get(), 1);
        assert!(!lanes.update(&source, VISIBLE, 100, 1.3));
        assert_eq!(source.reads.get(), 2);
        lanes.update(&source, VISIBLE, 50, 1.31);
        assert_eq!(source.reads.get(), 3, "another zoom is read at once");
    }

    #[test]
    fn columns_without_a_map_stay_empty_in_every_lane() {
        let (source, mut lanes) = (maps(), MapLanes::default());
        lanes.update(&source, VISIBLE, 10, 0.0);
        let Shape::Mesh(mesh) = lanes.computed_shape(RECT, Color32::WHITE) else { panic!() };
        assert_eq!(mesh.vertices.len(), 5 * 4);
        let palette = [[7; 3]; 256];
        let scale = StripScale { lo: 0.0, hi: 1.0, per_frame: false, palette: &palette };
        let image = strip_image(lanes.columns(), scale);
        assert_eq!(image.size, [10, 49]);
        assert_eq!(image[(0, 48)], Color32::from_rgb(7, 7, 7));
        assert_eq!(image[(1, 0)], Color32::TRANSPARENT);
        assert!(lanes.column_at(0.05).unwrap().peak.is_some());
        assert!(lanes.column_at(0.15).unwrap().peak.is_none());
        assert!(lanes.column_at(-0.1).is_none() && lanes.column_at(1.0).is_none());
    }

    #[test]
    fn the_strip_takes_the_pictures_scale() {
        let mut palette = [[0; 3]; 256];
        palette[128] = [1, 2, 3];
        let column = MapColumn { cells: Some([0.25; 49]), ..MapColumn::EMPTY };
        let scale = StripScale { lo: 0.0, hi: 0.5, per_frame: false, palette: &palette };
        assert_eq!(strip_image(&[column], scale)[(0, 0)], Color32::from_rgb(1, 2, 3));
    }

    #[test]
    fn a_lanes_numbers_can_be_taken_away() {
        let (source, mut lanes) = (maps(), MapLanes::default());
        lanes.update(&source, VISIBLE, 2, 0.0);
        assert_eq!(
            lanes.table(LaneKind::Peak),
            "time_secs\tpeak_cosine\n2.500000\t0.500000\n7.500000\t\n"
        );
        let strip = lanes.table(LaneKind::Strip);
        assert_eq!(strip.lines().next().unwrap().split('\t').count(), 50);
    }

    #[test]
    fn lanes_fill_the_height_without_overlap() {
        for height in [30.0, 90.0, 400.0] {
            let area = Rect::from_min_max(pos2(0.0, 0.0), pos2(500.0, height));
            let lanes = layout(area, &LaneKind::ALL.map(|l| (l, l.height())), 2.0);
            for pair in lanes.windows(2) {
                assert!(pair[0].1.bottom() <= pair[1].1.top() + 1e-3);
            }
            let bottom = lanes.last().unwrap().1.bottom();
            assert!((bottom - height).abs() < 0.01, "{bottom} of {height}");
        }
    }

    #[test]
    fn silence_is_a_line_and_undecoded_parts_are_nothing() {
        let mesh = wave_mesh(&[(0.0, 0.0), (f32::NAN, f32::NAN)], RECT, Color32::WHITE);
        assert_eq!(mesh.vertices.len(), 4);
        assert!(mesh.calc_bounds().height() > 0.5);
    }

    #[test]
    fn hatching_stays_inside() {
        for shape in hatch(RECT, Color32::WHITE) {
            assert!(RECT.expand(0.6).contains_rect(shape.visual_bounding_rect()));
        }
        assert!(hatch(Rect::NOTHING, Color32::WHITE).is_empty());
    }
}
