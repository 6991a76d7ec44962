//! The truth of the open clip, and what it says about the map on the screen.
//!
//! Owns the read file, the verdict on the picture that is shown and the running means; never draws
//! and never reads a file on the window's thread. [`ClipTruth::follow`] runs once per drawn frame and
//! works only when something changed. Start there.

mod marks;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::app::App;
use super::commands::ToastKind;
use super::jobs::Done;
use super::log::Level;
use super::open::main_path;
use super::picture::TruthMarks;
use super::timeline::TruthRow;
use super::view::file_label;
use crate::eval::live::{LiveVerdict, RunningMeans, TruthNow, TruthShape, judge};
use crate::infer::{MapAt, SoundTest, StoredMap};
use crate::truth::{HeardSpan, Span, TruthDefect, TruthTrack};
use crate::units::{CellGeometry, FrameIndex, MediaTime};

/// What a reader came to: nothing where there is no such file.
pub type TruthRead = Result<Option<(TruthTrack, Vec<TruthDefect>)>, String>;

/// A clip's truth may be this much shorter or longer than the clip without a word.
const DURATION_SLACK: MediaTime = MediaTime::from_millis(1000);
/// Defects that go to the log.
const LOGGED_MAX: usize = 20;
/// Width by height may differ by this factor without a word.
const ASPECT_SLACK: f32 = 1.03;

/// Where the truth comes from and how far it is.
#[derive(Debug, Default)]
pub enum TruthFile {
    /// There is none.
    #[default]
    None,
    /// It is being read.
    Reading(PathBuf),
    /// It cannot be used, and why.
    Refused(String),
    /// Here it is.
    Here(Box<TruthHere>),
}

/// A truth that is in use.
#[derive(Debug)]
pub struct TruthHere {
    /// All of it.
    pub track: Arc<TruthTrack>,
    /// Its file's name, or who gave it.
    pub name: String,
    /// What was wrong with it, one line each.
    pub defects: Vec<String>,
    /// Rows of the timeline's lane.
    pub rows: Arc<Vec<TruthRow>>,
    /// Any source has a mask.
    pub has_masks: bool,
    /// The clip was compared with it.
    checked: bool,
}

/// How the map of the verdict stands to the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// The frame's own map: it counts in the means.
    Own,
    /// Interpolated or held: shown, not counted.
    NotItsOwn,
    /// A sound test runs: shown, not counted.
    Testing,
}

/// What is said about the picture on the screen.
#[derive(Debug)]
pub struct Judged {
    /// What is true in it.
    pub now: TruthNow,
    /// The map against that; `None` without a map.
    pub verdict: Option<LiveVerdict>,
    /// Whether it counts in the means.
    pub counts: Counts,
    /// Lines over the picture.
    pub marks: TruthMarks,
}

/// The truth of the open clip.
#[derive(Debug, Default)]
pub struct ClipTruth {
    /// The file.
    pub file: TruthFile,
    /// The picture on the screen.
    pub judged: Option<Judged>,
    /// Means over the pictures seen so far.
    pub means: RunningMeans,
    /// What `means` are about: they begin anew with another.
    about: Option<About>,
    /// What `judged` was made from.
    made_from: Option<Made>,
    /// The file whose answer is awaited.
    wanted: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq)]
struct About {
    checkpoint: String,
    shape: TruthShape,
    geometry: CellGeometry,
    fine: u8,
}

#[derive(Debug, PartialEq)]
struct Made {
    frame: FrameIndex,
    about: About,
    counts: Counts,
    threshold: Option<f32>,
    map: Option<StoredMap>,
}

/// The picture on the screen and the map over it.
pub struct OnScreen<'a> {
    /// The frame.
    pub frame: FrameIndex,
    /// When it is shown.
    pub time: MediaTime,
    /// Its width by height as shown.
    pub aspect: f32,
    /// Length of the clip.
    pub duration: MediaTime,
    /// The map.
    pub map: &'a MapAt,
    /// A sound test runs.
    pub testing: bool,
    /// Where cells lie.
    pub geometry: CellGeometry,
    /// Shifts per axis of the map that is drawn.
    pub fine: u8,
    /// The checkpoint's hash; empty without one.
    pub checkpoint: &'a str,
    /// Cosine below which it hears no source.
    pub threshold: Option<f32>,
    /// Boxes or masks.
    pub shape: TruthShape,
}

impl ClipTruth {
    /// The truth in use.
    pub fn here(&self) -> Option<&TruthHere> {
        match &self.file {
            TruthFile::Here(here) => Some(here),
            _ => None,
        }
    }

    /// Takes a truth: from a file or from whoever drew the clip. Means begin anew.
    pub fn give(&mut self, track: TruthTrack, name: impl Into<String>, defects: &[TruthDefect]) {
        let rows = Arc::new(rows_of(&track));
        let masks = |s: &crate::truth::Source| s.moments.iter().any(|m| m.mask.is_some());
        let has_masks = track.sources.iter().any(masks);
        *self = Self {
            file: TruthFile::Here(Box::new(TruthHere {
                track: Arc::new(track),
                name: name.into(),
                defects: defects.iter().map(ToString::to_string).collect(),
                rows,
                has_masks,
                checked: false,
            })),
            ..Self::default()
        };
    }

    /// Forgets the means.
    pub fn forget_means(&mut self) {
        self.means = RunningMeans::default();
        self.made_from = None;
    }

    /// Takes up the picture on the screen; `None` while there is none. Returns a word when the
    /// truth seems to be of another clip, once.
    pub fn follow(&mut self, on_screen: Option<OnScreen<'_>>) -> Option<String> {
        let TruthFile::Here(here) = &mut self.file else { return None };
        let Some(s) = on_screen else {
            (self.judged, self.made_from) = (None, None);
            return None;
        };
        let word = (!std::mem::replace(&mut here.checked, true))
            .then(|| foreign(&here.track, s.aspect, s.duration))
            .flatten();
        here.defects.extend(word.clone());
        let about = About {
            checkpoint: s.checkpoint.to_owned(),
            shape: s.shape,
            geometry: s.geometry,
            fine: s.fine,
        };
        if self.about.as_ref() != Some(&about) {
            self.means = RunningMeans::default();
            self.about = Some(about.clone());
        }
        let counts = match s.map {
            _ if s.testing => Counts::Testing,
            MapAt::Exact(_) => Counts::Own,
            _ => Counts::NotItsOwn,
        };
        let made = Made {
            frame: s.frame,
            about,
            counts,
            threshold: s.threshold,
            map: s.map.stored().cloned(),
        };
        if self.made_from.as_ref() == Some(&made) {
            return word;
        }
        let now = TruthNow::of(&here.track, s.time, s.shape);
        let verdict = made.map.as_ref().map(|stored| {
            let fine = stored.fine.as_ref().filter(|_| s.fine > 1);
            let shown = fine.map_or_else(|| stored.map.grid(), |f| f.grid());
            judge(&stored.map, &shown, s.geometry, s.threshold, &now)
        });
        if let (Counts::Own, Some(verdict)) = (counts, &verdict) {
            self.means.add(s.frame.0, verdict);
        }
        let marks = marks::marks_of(&here.track, s.time, s.shape, &now, verdict.as_ref());
        self.judged = Some(Judged { now, verdict, counts, marks });
        self.made_from = Some(made);
        word
    }
}

/// A word when the truth seems to be of another clip.
fn foreign(track: &TruthTrack, aspect: f32, duration: MediaTime) -> Option<String> {
    let own = track.width as f32 / track.height.max(1) as f32;
    let ratio = (own / aspect.max(1e-3)).max(aspect / own.max(1e-3));
    if ratio > ASPECT_SLACK {
        return Some(format!(
            "the truth is of a picture of {}x{}, this clip has other proportions: is it \
             another clip's?",
            track.width, track.height
        ));
    }
    let apart = track.duration.abs_diff(duration) > DURATION_SLACK;
    (!track.is_still() && apart).then(|| {
        format!("the truth is {} long, the clip {duration}: is it another clip's?", track.duration)
    })
}

/// The lane's rows. In a picture time does not pass: a source that sounds does so throughout.
fn rows_of(track: &TruthTrack) -> Vec<TruthRow> {
    let always = Span { start: MediaTime::ZERO, end: MediaTime::MAX };
    let end = if track.is_still() { MediaTime::MAX } else { track.duration };
    track
        .sources
        .iter()
        .map(|source| {
            let seen = source.seen_spans(end);
            let heard = if !track.is_still() {
                source.heard_spans()
            } else if source.sounding.is_empty() {
                Vec::new()
            } else {
                vec![HeardSpan { span: always, seen: !seen.is_empty() }]
            };
            TruthRow { name: source.label(), heard, seen }
        })
        .collect()
}

impl App {
    /// Looks for the truth file beside the clip that is being opened.
    pub(super) fn look_for_truth(&mut self) {
        self.state.truth = ClipTruth::default();
        if let Some(source) = &self.state.clip.source {
            let path = TruthTrack::sidecar(main_path(source));
            self.read_truth(path, false);
        }
    }

    /// Reads a truth file for the clip that plays.
    pub(super) fn load_truth(&mut self, path: PathBuf) {
        if self.state.clip.source.is_none() {
            let name = file_label(&path);
            self.warn(format!("{name} is the truth of a clip: open the clip, then drop it there"));
            return;
        }
        self.read_truth(path, true);
    }

    /// `asked`: somebody named this file, so that its absence is worth a word.
    fn read_truth(&mut self, path: PathBuf, asked: bool) {
        let file = path.clone();
        let job = move || {
            let read = if !asked && !file.exists() {
                Ok(None)
            } else {
                TruthTrack::read_tolerant(&file).map(Some).map_err(|e| e.to_string())
            };
            Done::Truth(file, read)
        };
        if let Err(e) = self.jobs.start("fnac-truth", job) {
            self.warn(e);
            return;
        }
        // A truth that is in use stays until the new one is read.
        if asked && self.state.truth.here().is_none() {
            self.state.truth.file = TruthFile::Reading(path.clone());
        }
        self.state.truth.wanted = Some(path);
    }

    /// Takes what the reader came to; an answer for another clip is too late.
    pub(super) fn truth_read(&mut self, path: &Path, read: TruthRead) {
        let truth = &mut self.state.truth;
        if truth.wanted.as_deref() != Some(path) {
            return;
        }
        truth.wanted = None;
        let name = file_label(path);
        match read {
            Ok(None) => {}
            Ok(Some((track, defects))) => {
                truth.give(track, name.as_str(), &defects);
                for defect in defects.iter().take(LOGGED_MAX) {
                    self.state.log.push(Level::Warning, format!("{name}: {defect}"));
                }
                match defects.len() {
                    0 => {}
                    1 => self.warn(format!("{name}: {}", defects[0])),
                    n => self.warn(format!("{name}: {n} defects, listed in the Truth panel")),
                }
            }
            Err(e) => {
                if truth.here().is_none() {
                    truth.file = TruthFile::Refused(e.clone());
                }
                self.say(ToastKind::Error, e);
            }
        }
    }

    /// Takes up the picture and the map on the screen.
    pub(super) fn follow_truth(&mut self) {
        let state = &mut self.state;
        let overlay = &state.settings.now.overlay;
        let live = state.live_summary.as_ref().filter(|_| state.live_shown.is_some());
        let loaded = state.loaded.checkpoint.as_ref().map(|(_, s)| s);
        let checkpoint = live.map(|l| &l.summary).or(loaded);
        let card = checkpoint.map(|s| &s.card);
        let presentation = state.player.presentation();
        let on_screen = presentation.frame.as_ref().map(|frame| OnScreen {
            frame: frame.index,
            time: frame.time,
            aspect: frame.picture.display_aspect(),
            duration: presentation.duration,
            map: &state.map,
            testing: state.sound_test != SoundTest::None,
            geometry: overlay.geometry.resolve(card.and_then(|c| c.cell_geometry)),
            fine: overlay.fine,
            checkpoint: checkpoint.map_or("", |s| s.sha256.as_str()),
            threshold: card.and_then(|c| c.no_source_threshold),
            shape: overlay.truth_shape,
        });
        if let Some(word) = state.truth.follow(on_screen) {
            self.warn(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::{Between, Moment, Source, TruthBox};
    use crate::units::LocalizationMap;

    fn track() -> TruthTrack {
        let at = |t: i64, bbox: Option<[f64; 4]>| Moment {
            time: MediaTime::from_millis(t),
            bbox: bbox.map(|[x0, y0, x1, y1]| TruthBox { x0, y0, x1, y1 }),
            mask: None,
        };
        TruthTrack {
            width: 160,
            height: 90,
            duration: MediaTime::from_millis(4000),
            sources: vec![Source {
                id: 1,
                kind: "dog".into(),
                variant: String::new(),
                sounding: vec![Span { start: MediaTime::ZERO, end: MediaTime::from_millis(2000) }],
                moments: vec![at(0, Some([60.0, 25.0, 100.0, 65.0])), at(1000, None)],
                between: Between::Hold,
            }],
            about: Default::default(),
        }
    }

    fn stored(frame: u32, peak: f32) -> StoredMap {
        let mut cells = [0.1; 49];
        cells[24] = peak;
        StoredMap {
            frame: FrameIndex(frame),
            time: MediaTime::ZERO,
            map: LocalizationMap(cells),
            fine: None,
            prior: None,
        }
    }

    fn screen(map: &MapAt, frame: u32, millis: i64) -> OnScreen<'_> {
        OnScreen {
            frame: FrameIndex(frame),
            time: MediaTime::from_millis(millis),
            aspect: 16.0 / 9.0,
            duration: MediaTime::from_millis(4000),
            map,
            testing: false,
            geometry: CellGeometry::Tiles,
            fine: 1,
            checkpoint: "a",
            threshold: Some(0.3),
            shape: TruthShape::Boxes,
        }
    }

    fn given() -> ClipTruth {
        let mut truth = ClipTruth::default();
        truth.give(track(), "dog.truth.json", &[]);
        truth
    }

    #[test]
    fn each_frame_with_a_map_of_its_own_counts_once() {
        let mut truth = given();
        for frame in [0, 1, 1, 0] {
            let map = MapAt::Exact(stored(frame, 0.6));
            assert_eq!(truth.follow(Some(screen(&map, frame, 40 * i64::from(frame)))), None);
        }
        assert_eq!((truth.means.scored, truth.means.pointing()), (2, Some(1.0)));
        let held = MapAt::Held { stored: stored(1, 0.6), age: MediaTime::from_millis(300) };
        truth.follow(Some(screen(&held, 9, 360)));
        assert_eq!(truth.means.scored, 2, "a held map is another frame's");
        assert!(truth.judged.as_ref().is_some_and(|j| j.verdict.is_some()), "but it is judged");
        let map = MapAt::Exact(stored(10, 0.6));
        truth.follow(Some(OnScreen { testing: true, ..screen(&map, 10, 400) }));
        assert_eq!(truth.means.scored, 2, "nor does a sound test count");
    }

    #[test]
    fn another_checkpoint_or_shape_begins_anew() {
        let map = MapAt::Exact(stored(0, 0.6));
        for change in [
            OnScreen { checkpoint: "b", ..screen(&map, 1, 40) },
            OnScreen { shape: TruthShape::Masks, ..screen(&map, 1, 40) },
            OnScreen { geometry: CellGeometry::Aligned, ..screen(&map, 1, 40) },
            OnScreen { fine: 2, ..screen(&map, 1, 40) },
        ] {
            let mut truth = given();
            truth.follow(Some(screen(&map, 0, 0)));
            truth.follow(Some(change));
            assert_eq!(truth.means.scored, 1);
        }
    }

    #[test]
    fn a_sound_off_screen_asks_for_a_low_map() {
        let mut truth = given();
        let map = MapAt::Exact(stored(40, 0.6));
        truth.follow(Some(screen(&map, 40, 1600)));
        let judged = truth.judged.as_ref().unwrap();
        assert_eq!(judged.now.off_screen, ["dog"]);
        let quiet = Some(LiveVerdict::Nothing { peak: 0.6, quiet: Some(false) });
        assert_eq!(judged.verdict, quiet);
        assert!(judged.marks.sources.is_empty() && judged.marks.prediction.is_empty());
        assert_eq!((truth.means.nothing, truth.means.quiet()), (1, Some(0.0)));
        truth.follow(None);
        assert!(truth.judged.is_none());
    }

    #[test]
    fn a_truth_of_another_clip_is_said_once() {
        let mut truth = given();
        let map = MapAt::None;
        let said = truth.follow(Some(OnScreen { aspect: 1.0, ..screen(&map, 0, 0) }));
        assert!(said.unwrap().contains("proportions"));
        assert_eq!(truth.follow(Some(OnScreen { aspect: 1.0, ..screen(&map, 1, 40) })), None);
        assert_eq!(truth.here().unwrap().defects.len(), 1);
        let mut truth = given();
        let long = MediaTime::from_millis(60_000);
        let said = truth.follow(Some(OnScreen { duration: long, ..screen(&map, 0, 0) }));
        assert!(said.unwrap().contains("0:04.000 long"));
    }

    #[test]
    fn rows_say_when_a_source_is_heard_and_seen() {
        let rows = rows_of(&track());
        assert_eq!((rows[0].heard.len(), rows[0].seen.len()), (2, 1));
        assert!(rows[0].heard[0].seen && !rows[0].heard[1].seen);
        let still = TruthTrack { duration: MediaTime::ZERO, ..track() };
        assert_eq!(rows_of(&still)[0].heard.len(), 1, "a picture sounds throughout");
    }
}
