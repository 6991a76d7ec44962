//! What the user chose, in one text file.
//!
//! `settings.toml` under the system's configuration folder (or `$FNAC_CONFIG_DIR`), written
//! atomically. A section that cannot be read falls back to its defaults alone; the broken file is
//! kept beside the new one and the window says so. Sections are reset one by one, with undo.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::eval::live::TruthShape;
use crate::overlay::{Colormap, Interpolation, Layer};
use crate::units::CellGeometry;

/// Everything that is kept. One field per section of the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How the window looks.
    pub look: Look,
    /// How the map is drawn.
    pub overlay: OverlaySettings,
    /// Playing and sound.
    pub play: PlaySettings,
    /// Checkpoint and device.
    pub model: ModelSettings,
    /// Recipe of the training panel, and how a run shares the machine.
    pub train: super::training::TrainSettings,
    /// What the picture and the panels show of a run.
    pub learn: super::learning::LearnSettings,
    /// Keys that differ from the table: command id to its keys, `[]` for none.
    pub keys: BTreeMap<String, Vec<String>>,
    /// Layouts as the user left them: name to egui_tiles tree (JSON text).
    pub layouts: BTreeMap<String, String>,
    /// What was opened.
    pub recent: Recent,
}

/// Theme and sizes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Look {
    /// Dark or light.
    pub theme: ThemeChoice,
    /// Display scale on top of the system's, 0.75 to 3.
    pub scale: f32,
    /// Info over the picture (`i`).
    pub hud: bool,
    /// Legend over the picture.
    pub legend: bool,
    /// Layout shown last: `inspect`, `train` or `demo`.
    pub layout: String,
    /// Size of the window in points.
    pub window: [f32; 2],
    /// Fewer moving things.
    pub reduced_motion: bool,
}

/// Dark for rooms with a projector, light for paper figures and bright offices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThemeChoice {
    /// Dark.
    #[default]
    Dark,
    /// Light.
    Light,
}

/// How cosines become colours; the numbers of `Calibrated` come from the checkpoint's card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScaleChoice {
    /// Cosine -1 to 1.
    Absolute,
    /// The card's frozen limits; absolute when the card has none (and the legend says so).
    #[default]
    Calibrated,
    /// Each frame's own minimum and maximum: "stretched".
    PerFrame,
}

impl ScaleChoice {
    /// All, in the order of the key that cycles them.
    pub const ALL: &[Self] = &[Self::Absolute, Self::Calibrated, Self::PerFrame];

    /// For legends and menus.
    pub fn name(self) -> &'static str {
        match self {
            Self::Absolute => "absolute",
            Self::Calibrated => "calibrated",
            Self::PerFrame => "per frame",
        }
    }
}

/// Where a cell lies: the card's word, or one by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GeometryChoice {
    /// What the checkpoint's card says (aligned without one).
    #[default]
    Card,
    /// The reference's aligned corners.
    Aligned,
    /// Uniform sevenths.
    Tiles,
    /// Centres of the receptive fields.
    Receptive,
}

impl GeometryChoice {
    /// All, in menu order.
    pub const ALL: &[Self] = &[Self::Card, Self::Aligned, Self::Tiles, Self::Receptive];

    /// For menus.
    pub fn name(self) -> &'static str {
        match self {
            Self::Card => "as the card says",
            Self::Aligned => "aligned",
            Self::Tiles => "tiles",
            Self::Receptive => "receptive",
        }
    }

    /// The geometry to draw with; `card` is the checkpoint's own.
    pub fn resolve(self, card: Option<CellGeometry>) -> CellGeometry {
        match self {
            Self::Card => card.unwrap_or_default(),
            Self::Aligned => CellGeometry::Aligned,
            Self::Tiles => CellGeometry::Tiles,
            Self::Receptive => match card {
                Some(g @ CellGeometry::Receptive { .. }) => g,
                _ => CellGeometry::Receptive { offset_px: 0.0 },
            },
        }
    }
}

/// How the picture is divided; a wipe's divider is dragged by the mouse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SplitChoice {
    /// No split.
    #[default]
    Off,
    /// A wipe: the picture alone on the left, the layer on the right.
    PictureAndMap,
    /// A wipe: the sound map on the left, the object prior on the right.
    MapAndPrior,
    /// Picture, sound map and object prior, each whole.
    SideBySide,
}

impl SplitChoice {
    /// All, in the order of the key that cycles them.
    pub const ALL: &[Self] = &[Self::Off, Self::PictureAndMap, Self::MapAndPrior, Self::SideBySide];

    /// For menus.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "no split",
            Self::PictureAndMap => "wipe: picture | map",
            Self::MapAndPrior => "wipe: map | object prior",
            Self::SideBySide => "side by side",
        }
    }
}

/// How the map is drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OverlaySettings {
    /// `v`: drawn at all.
    pub visible: bool,
    /// Which numbers are drawn.
    #[serde(with = "by_name")]
    pub layer: Layer,
    /// Where a cell lies.
    pub geometry: GeometryChoice,
    /// Between the cells.
    #[serde(with = "by_name")]
    pub interpolation: Interpolation,
    /// Shifts per axis of fine maps: 1 (off), 2 or 4.
    pub fine: u8,
    /// Colours.
    #[serde(with = "by_name")]
    pub colormap: Colormap,
    /// Cosine to colour.
    pub scale: ScaleChoice,
    /// Greatest opacity, 0 to 1.
    pub opacity: f32,
    /// Exponent on the scaled value, 0.2 to 5.
    pub gamma: f32,
    /// Opacity grows with the value, so that a zero map leaves the picture clean.
    pub alpha_by_value: bool,
    /// Display threshold as a cosine; `None` draws everything.
    pub threshold: Option<f32>,
    /// `k`: lines of equal value (at the threshold when there is one).
    pub contours: bool,
    /// The exact half-picture mask of the literature's metric.
    pub half_map_mask: bool,
    /// `t`: outlines of what is true, where there is truth.
    pub truth: bool,
    /// Outlines of silent things too, thin.
    pub truth_silent: bool,
    /// Boxes or visible pixels, for the outlines and the scores alike.
    pub truth_shape: TruthShape,
    /// The prediction's outline beside the truth's.
    pub prediction_outline: bool,
    /// Share of the object prior in the blend, 0 to 1.
    pub blend_alpha: f32,
    /// How the picture is divided.
    pub split: SplitChoice,
    /// Place of the wipe's divider, a fraction of the picture's width.
    pub split_at: f32,
}

impl Default for OverlaySettings {
    fn default() -> Self {
        Self {
            visible: true,
            layer: Layer::SoundMap,
            geometry: GeometryChoice::Card,
            interpolation: Interpolation::Bilinear,
            fine: 1,
            colormap: Colormap::Cividis,
            scale: ScaleChoice::Calibrated,
            opacity: 0.75,
            gamma: 1.0,
            alpha_by_value: true,
            threshold: None,
            contours: false,
            half_map_mask: false,
            truth: true,
            truth_silent: false,
            truth_shape: TruthShape::Boxes,
            prediction_outline: true,
            blend_alpha: 0.4,
            split: SplitChoice::Off,
            split_at: 0.5,
        }
    }
}

impl OverlaySettings {
    /// The same with every number inside its range; a hand-edited file may hold anything.
    #[must_use]
    fn clamped(mut self) -> Self {
        let d = Self::default();
        let unit = |v: f32, d: f32| if v.is_finite() { v.clamp(0.0, 1.0) } else { d };
        self.opacity = unit(self.opacity, d.opacity);
        self.blend_alpha = unit(self.blend_alpha, d.blend_alpha);
        self.gamma = if self.gamma.is_finite() { self.gamma.clamp(0.2, 5.0) } else { d.gamma };
        self.threshold = self.threshold.filter(|t| t.is_finite()).map(|t| t.clamp(-1.0, 1.0));
        self.fine = if matches!(self.fine, 2 | 4) { self.fine } else { 1 };
        self.split_at = unit(self.split_at, d.split_at);
        self
    }
}

/// Playing and sound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlaySettings {
    /// 0 to 1.
    pub volume: f32,
    /// No sound.
    pub muted: bool,
    /// Start again at the end of the clip.
    pub loop_clip: bool,
    /// Go on with the next item of the playlist.
    pub advance: bool,
    /// Output device by name; `None` is the system's.
    pub output: Option<String>,
    /// User's offset of the sound per output device, milliseconds; positive when it is heard late.
    pub offset_ms: BTreeMap<String, i64>,
    /// Resume clips where they were left (by file path, seconds).
    pub positions: BTreeMap<String, f64>,
    /// Come back to the kept position on opening.
    pub resume: bool,
}

impl Default for PlaySettings {
    fn default() -> Self {
        Self {
            // A polite level: the clip starts by itself.
            volume: 0.5,
            muted: false,
            loop_clip: true,
            advance: true,
            output: None,
            offset_ms: BTreeMap::new(),
            positions: BTreeMap::new(),
            resume: true,
        }
    }
}

/// Checkpoint and device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelSettings {
    /// `auto`, `cpu`, `gpu` or `gpu:N`.
    pub device: String,
    /// Loaded at the start.
    pub checkpoint: Option<PathBuf>,
    /// Object tower loaded at the start.
    pub object_tower: Option<PathBuf>,
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self { device: "auto".into(), checkpoint: None, object_tower: None }
    }
}

/// What was opened, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recent {
    /// Clips.
    pub clips: Vec<PathBuf>,
    /// Checkpoints.
    pub checkpoints: Vec<PathBuf>,
    /// Commands run from the palette, by id.
    pub commands: Vec<String>,
}

/// Entries kept in each list of [`Recent`].
const RECENT_MAX: usize = 12;

impl Recent {
    /// Puts `entry` first and drops its older copy.
    pub fn push<T: PartialEq>(list: &mut Vec<T>, entry: T) {
        list.retain(|e| *e != entry);
        list.insert(0, entry);
        list.truncate(RECENT_MAX);
    }
}

impl Default for Look {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::Dark,
            scale: 1.0,
            hud: false,
            legend: true,
            layout: "inspect".into(),
            window: [1280.0, 760.0],
            reduced_motion: false,
        }
    }
}

/// Sections that the user can reset, with their titles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// [`Settings::look`].
    Look,
    /// [`Settings::overlay`].
    Overlay,
    /// [`Settings::play`].
    Play,
    /// [`Settings::model`].
    Model,
    /// [`Settings::train`].
    Train,
    /// [`Settings::learn`].
    Learn,
    /// [`Settings::keys`].
    Keys,
    /// [`Settings::layouts`].
    Layouts,
    /// [`Settings::recent`].
    Recent,
}

impl Section {
    /// All, in the order of the file.
    pub const ALL: &[Self] = &[
        Self::Look,
        Self::Overlay,
        Self::Play,
        Self::Model,
        Self::Train,
        Self::Learn,
        Self::Keys,
        Self::Layouts,
        Self::Recent,
    ];

    /// For buttons.
    pub fn title(self) -> &'static str {
        match self {
            Self::Look => "Look",
            Self::Overlay => "Overlay",
            Self::Play => "Playing",
            Self::Model => "Model",
            Self::Train => "Training",
            Self::Learn => "Learning",
            Self::Keys => "Keys",
            Self::Layouts => "Layouts",
            Self::Recent => "Recent files",
        }
    }
}

impl Settings {
    /// Puts one section back to its defaults.
    pub fn reset(&mut self, section: Section) {
        let d = Self::default();
        match section {
            Section::Look => self.look = d.look,
            Section::Overlay => self.overlay = d.overlay,
            Section::Play => self.play = d.play,
            Section::Model => self.model = d.model,
            Section::Train => self.train = d.train,
            Section::Learn => self.learn = d.learn,
            Section::Keys => self.keys = d.keys,
            Section::Layouts => self.layouts = d.layouts,
            Section::Recent => self.recent = d.recent,
        }
    }

    /// Reads a settings text. A section that cannot be read is left at its defaults and named.
    pub fn from_toml(text: &str) -> (Self, Vec<String>) {
        let table: toml::Table = match toml::from_str(text) {
            Ok(t) => t,
            Err(e) => {
                let line = e.message().lines().next().unwrap_or_default().to_owned();
                return (Self::default(), vec![format!("the whole file ({line})")]);
            }
        };
        let mut bad = Vec::new();
        fn take<T: serde::de::DeserializeOwned + Default>(
            table: &toml::Table,
            name: &str,
            bad: &mut Vec<String>,
        ) -> T {
            let Some(value) = table.get(name) else { return T::default() };
            value.clone().try_into().unwrap_or_else(|e: toml::de::Error| {
                bad.push(format!("[{name}] ({})", e.message()));
                T::default()
            })
        }
        let mut look: Look = take(&table, "look", &mut bad);
        if !look.scale.is_finite() {
            look.scale = 1.0;
        }
        look.scale = look.scale.clamp(0.75, 3.0);
        let mut play: PlaySettings = take(&table, "play", &mut bad);
        play.volume = if play.volume.is_finite() { play.volume.clamp(0.0, 1.0) } else { 0.5 };
        let settings = Self {
            look,
            overlay: take::<OverlaySettings>(&table, "overlay", &mut bad).clamped(),
            play,
            model: take(&table, "model", &mut bad),
            train: take::<super::training::TrainSettings>(&table, "train", &mut bad).clamped(),
            learn: take::<super::learning::LearnSettings>(&table, "learn", &mut bad).clamped(),
            keys: take(&table, "keys", &mut bad),
            layouts: take(&table, "layouts", &mut bad),
            recent: take(&table, "recent", &mut bad),
        };
        (settings, bad)
    }
}

/// The settings, their file, and what undo goes back to.
pub struct SettingsStore {
    /// What holds now.
    pub now: Settings,
    saved: Settings,
    path: Option<PathBuf>,
    undo: Vec<(String, Settings)>,
    redo: Vec<(String, Settings)>,
}

/// Steps of undo that are kept.
const UNDO_MAX: usize = 200;

impl SettingsStore {
    /// Reads `settings.toml` in `dir`; the second value tells what could not be read. A missing
    /// file is no trouble. Without `dir` nothing is kept.
    pub fn load(dir: Option<&Path>) -> (Self, Option<String>) {
        let path = dir.map(|d| d.join("settings.toml"));
        let mut trouble = None;
        let mut now = Settings::default();
        if let Some(path) = &path {
            match std::fs::read(path) {
                Ok(bytes) => {
                    let (read, bad) = Settings::from_toml(&String::from_utf8_lossy(&bytes));
                    now = read;
                    if !bad.is_empty() {
                        let kept = path.with_extension("toml.broken");
                        let copied = std::fs::copy(path, &kept).is_ok();
                        trouble = Some(format!(
                            "cannot read {} of {}. Its defaults are used{}",
                            bad.join(", "),
                            path.display(),
                            if copied {
                                format!("; the old file is kept as {}", kept.display())
                            } else {
                                String::new()
                            }
                        ));
                    }
                }
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => {
                    trouble =
                        Some(format!("cannot read {}: {e}. Defaults are used", path.display()));
                }
            }
        }
        let saved = now.clone();
        (Self { now, saved, path, undo: Vec::new(), redo: Vec::new() }, trouble)
    }

    /// True when something is kept that the file does not say yet.
    pub fn is_unsaved(&self) -> bool {
        self.path.is_some() && self.now != self.saved
    }

    /// The file, when settings are kept.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Remembers the present state under `what`, before a change that undo should take back.
    pub fn checkpoint(&mut self, what: impl Into<String>) {
        self.undo.push((what.into(), self.now.clone()));
        if self.undo.len() > UNDO_MAX {
            self.undo.remove(0);
        }
        self.redo.clear();
    }

    /// What undo would take back.
    pub fn undo_text(&self) -> Option<&str> {
        self.undo.last().map(|(t, _)| t.as_str())
    }

    /// What redo would bring back.
    pub fn redo_text(&self) -> Option<&str> {
        self.redo.last().map(|(t, _)| t.as_str())
    }

    /// Takes the last change back; recent files and positions stay. Returns what it was.
    pub fn undo(&mut self) -> Option<String> {
        let (what, mut old) = self.undo.pop()?;
        old.recent = self.now.recent.clone();
        old.play.positions = self.now.play.positions.clone();
        self.redo.push((what.clone(), std::mem::replace(&mut self.now, old)));
        Some(what)
    }

    /// Brings back what undo took. Returns what it was.
    pub fn redo(&mut self) -> Option<String> {
        let (what, new) = self.redo.pop()?;
        self.undo.push((what.clone(), std::mem::replace(&mut self.now, new)));
        Some(what)
    }

    /// Writes the file when something changed since it was written.
    pub fn save_if_changed(&mut self) -> Result<(), String> {
        let Some(path) = &self.path else { return Ok(()) };
        if self.now == self.saved {
            return Ok(());
        }
        let text = toml::to_string_pretty(&self.now).map_err(|e| e.to_string())?;
        write_atomically(path, text.as_bytes())
            .map_err(|e| format!("cannot keep the settings in {}: {e}", path.display()))?;
        self.saved = self.now.clone();
        Ok(())
    }
}

/// Writes a whole file or nothing: a temporary file in the same folder, then a rename.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(crate::files::folder_of(path))?;
    crate::files::write_whole(path, bytes)
}

/// The configuration folder: `$FNAC_CONFIG_DIR`, else the system's.
pub fn config_dir() -> Option<PathBuf> {
    env_dir("FNAC_CONFIG_DIR")
        .or_else(|| directories::ProjectDirs::from("", "", "fnac").map(|d| d.config_dir().into()))
}

/// The cache folder: `$FNAC_CACHE_DIR`, else the system's.
pub fn cache_dir() -> Option<PathBuf> {
    env_dir("FNAC_CACHE_DIR")
        .or_else(|| directories::ProjectDirs::from("", "", "fnac").map(|d| d.cache_dir().into()))
}

fn env_dir(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from)
}

/// Values that the overlay room names: kept in the file by that name.
pub trait Named: Copy + PartialEq + 'static {
    /// All values, in menu order.
    fn all() -> &'static [Self];
    /// The name on legends, in menus and in the file.
    fn label(self) -> &'static str;
}

macro_rules! named {
    ($($t:ty),*) => {$(
        impl Named for $t {
            fn all() -> &'static [Self] {
                <$t>::ALL
            }
            fn label(self) -> &'static str {
                self.name()
            }
        }
    )*};
}
named!(Colormap, Interpolation);

impl Named for Layer {
    fn all() -> &'static [Self] {
        &[Self::SoundMap, Self::ObjectPrior, Self::Blend, Self::Difference, Self::None]
    }
    fn label(self) -> &'static str {
        self.spec().name
    }
}

/// serde by name; an unknown name is an error that spells the known ones.
mod by_name {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use super::Named;

    pub fn serialize<T: Named, S: Serializer>(v: &T, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(v.label())
    }

    pub fn deserialize<'de, T: Named, D: Deserializer<'de>>(d: D) -> Result<T, D::Error> {
        let name = String::deserialize(d)?;
        T::all().iter().copied().find(|v| v.label() == name).ok_or_else(|| {
            let known: Vec<_> = T::all().iter().map(|v| v.label()).collect();
            D::Error::custom(format!("unknown name `{name}`; known: {}", known.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_a_round_trip_through_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let (mut store, trouble) = SettingsStore::load(Some(dir.path()));
        assert_eq!(trouble, None);
        store.now.look.theme = ThemeChoice::Light;
        store.now.overlay.threshold = Some(0.25);
        store.now.overlay.colormap = Colormap::Turbo;
        store.now.recent.clips.push("/tmp/a b.mp4".into());
        store.now.keys.insert("play".into(), vec!["Space".into()]);
        store.save_if_changed().unwrap();
        let (again, trouble) = SettingsStore::load(Some(dir.path()));
        assert_eq!(trouble, None);
        assert_eq!(again.now, store.now);
    }

    #[test]
    fn a_broken_section_loses_only_itself() {
        let (s, bad) = Settings::from_toml(
            "[look]\ntheme = \"light\"\n[overlay]\ncolormap = \"mauve\"\n[play]\nvolume = 7.0\n",
        );
        assert_eq!(s.look.theme, ThemeChoice::Light);
        assert_eq!(s.overlay, OverlaySettings::default());
        assert_eq!(s.play.volume, 1.0, "numbers are brought into their range");
        assert_eq!(bad.len(), 1);
        assert!(bad[0].contains("overlay") && bad[0].contains("mauve"), "{bad:?}");
    }

    #[test]
    fn a_corrupt_file_gives_defaults_a_word_and_a_copy() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("settings.toml"), b"\xff\xfe [[[ nonsense").unwrap();
        let (store, trouble) = SettingsStore::load(Some(dir.path()));
        assert_eq!(store.now, Settings::default());
        assert!(trouble.unwrap().contains("settings.toml"));
        assert!(dir.path().join("settings.toml.broken").exists());
    }

    #[test]
    fn a_reset_section_comes_back_with_undo() {
        let (mut store, _) = SettingsStore::load(None);
        store.now.overlay.opacity = 0.1;
        store.checkpoint("reset Overlay");
        store.now.reset(Section::Overlay);
        assert_eq!(store.now.overlay, OverlaySettings::default());
        assert_eq!(store.undo().as_deref(), Some("reset Overlay"));
        assert_eq!(store.now.overlay.opacity, 0.1);
        assert_eq!(store.redo().as_deref(), Some("reset Overlay"));
        assert_eq!(store.now.overlay.opacity, OverlaySettings::default().opacity);
    }

    #[test]
    fn recent_lists_hold_each_entry_once_newest_first() {
        let mut list = Vec::new();
        for i in 0..20 {
            Recent::push(&mut list, i % 15);
        }
        assert_eq!(list.len(), RECENT_MAX);
        assert_eq!(&list[..3], [4, 3, 2]);
    }
}
