//! From the window's `View` to the timeline's plain data, and from its wishes to requests.

use std::sync::Arc;

use egui::Ui;

use super::source::frames_of_column;
use super::{
    AbLoop, Bracket, LaneColors, LaneMaps, LaneSound, MapColumn, StripScale, THUMB_PX, ThumbData,
    ThumbOpener, ThumbReader, Timeline, TimelineData, TimelineWish, bracket,
};
use crate::app::commands::{CommandSender, Request};
use crate::app::picture::{spectrum_palette, with_map};
use crate::app::theme;
use crate::app::view::View;
use crate::features::{resize_bicubic, window_plan};
use crate::infer::{FrameState, LookupPolicy, MapAt, MapStore, SoundTest};
use crate::media::{FrameReader, FrameReaderOptions, MediaSource, PresentationIndex, SoundTrack};
use crate::overlay::ScaleMode;
use crate::player::PlayState;
use crate::units::{FrameIndex, MediaTime, PlanarPicture, RgbPicture};

/// Frames looked at in one column when there are more.
const LOOKS: usize = 48;

/// A decoded sound track for the lanes.
pub struct SoundTrackLane(pub Arc<SoundTrack>);

impl LaneSound for SoundTrackLane {
    fn rate(&self) -> u32 {
        self.0.rate()
    }
    fn len(&self) -> u64 {
        self.0.len()
    }
    fn is_complete(&self) -> bool {
        self.0.is_complete()
    }
    fn read(&self, start: u64, len: usize) -> Option<Vec<f32>> {
        self.0.read(start, len)
    }
    fn envelope(&self, from: MediaTime, to: MediaTime, columns: usize) -> Vec<(f32, f32)> {
        self.0.envelope(from, to, columns)
    }
}

/// The map store for the lanes.
pub struct ClipMapsLane<'a> {
    /// The maps.
    pub maps: &'a MapStore,
    /// When frames are shown.
    pub index: &'a PresentationIndex,
}

impl LaneMaps for ClipMapsLane<'_> {
    fn revision(&self) -> u64 {
        self.maps.version()
    }

    fn columns(&self, from: MediaTime, to: MediaTime, columns: usize) -> Vec<MapColumn> {
        let span = (to - from).as_secs_f64();
        let edge =
            |i: usize| from + MediaTime::from_secs_f64(span * i as f64 / columns.max(1) as f64);
        let frame_at = |t: MediaTime| self.index.frame_at(t).map(|f| f.0);
        let policy = LookupPolicy::default();
        self.maps.read(|maps| {
            (0..columns)
                .map(|i| {
                    let (a, b) = (edge(i), edge(i + 1));
                    let (mut seen, mut known, mut best) = (0u32, 0u32, None::<(f32, u32)>);
                    for frame in frames_of_column(a, b, LOOKS, frame_at) {
                        seen += 1;
                        known += u32::from(maps.state(FrameIndex(frame)) != FrameState::Missing);
                        if let Some(peak) = maps.peak(FrameIndex(frame))
                            && best.is_none_or(|(p, _)| peak > p)
                        {
                            best = Some((peak, frame));
                        }
                    }
                    let computed = known as f32 / seen.max(1) as f32;
                    if let Some((peak, frame)) = best {
                        let cells = maps.at(FrameIndex(frame)).map(|s| s.map.0);
                        return MapColumn { peak: Some(peak), cells, between: false, computed };
                    }
                    // None of its own: what the picture would show there, if that is between
                    // two near maps. A held map is not: it says nothing about this moment.
                    let middle = MediaTime::from_nanos(a.as_nanos().midpoint(b.as_nanos()));
                    match frame_at(middle).map(|f| maps.lookup(FrameIndex(f), policy)) {
                        Some(MapAt::Interpolated { stored, .. }) => MapColumn {
                            peak: Some(stored.map.grid().range().1),
                            cells: Some(stored.map.0),
                            between: true,
                            computed,
                        },
                        _ => MapColumn { computed, ..MapColumn::EMPTY },
                    }
                })
                .collect()
        })
    }
}

/// What the last frame of the window showed, to notice another clip.
#[derive(Default)]
pub(super) struct Shown {
    clip: Option<usize>,
    thumbs: Option<Arc<dyn ThumbOpener>>,
    sound: Option<(Arc<SoundTrack>, Arc<dyn LaneSound>)>,
}

impl Shown {
    /// The lane's view of a track; the same one for the same track, so that its tiles stay.
    fn lane(&mut self, sound: Option<&Arc<SoundTrack>>) -> Option<Arc<dyn LaneSound>> {
        let same = match (&self.sound, sound) {
            (Some((a, _)), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        };
        if !same {
            self.sound = sound.map(|s| {
                let lane: Arc<dyn LaneSound> = Arc::new(SoundTrackLane(s.clone()));
                (s.clone(), lane)
            });
        }
        self.sound.as_ref().map(|(_, lane)| lane.clone())
    }
}

/// Lanes of sound tracks for widgets that show one.
#[derive(Default)]
pub struct SoundLanes(Shown);

impl SoundLanes {
    /// The lane of a track; the same one for the same track.
    pub fn of(&mut self, sound: Option<&Arc<SoundTrack>>) -> Option<Arc<dyn LaneSound>> {
        self.0.lane(sound)
    }
}

/// The bracket of the sound that belongs to the picture on screen; `None` without sound.
pub fn bracket_of(view: &View<'_>) -> Option<Bracket> {
    let sound = view.sound?;
    let rate = sound.rate();
    let shown = view.presentation.frame.as_ref().map(|f| f.time);
    let mut at = shown.unwrap_or(view.presentation.now);
    if let SoundTest::Shift(by) = view.sound_test {
        at = at + *by;
    }
    // While it is being decoded the header's length or the clip's stands for the track's.
    let guess = (view.presentation.duration.as_secs_f64() * f64::from(rate)) as u64;
    let len = sound.total().or(sound.expected()).unwrap_or(guess.max(sound.len()));
    let plan = window_plan(len, rate, at);
    let secs = len as f64 / f64::from(rate.max(1));
    Some(bracket(&plan, rate, secs, at.as_secs_f64()))
}

/// A clip whose small pictures are read by a reader of their own.
struct ClipThumbs {
    source: MediaSource,
    index: Arc<PresentationIndex>,
}

struct ClipReader(FrameReader);

fn clip_thumbs(view: &View<'_>) -> Option<Arc<dyn ThumbOpener>> {
    let (source, index) = (view.source?.clone(), view.index?.clone());
    // One picture needs no other picture of itself.
    (index.len() > 1).then(|| Arc::new(ClipThumbs { source, index }) as Arc<dyn ThumbOpener>)
}

impl ThumbOpener for ClipThumbs {
    fn open(&self) -> Option<Box<dyn ThumbReader>> {
        // One thread: the picture and the network need the others.
        let options = FrameReaderOptions { threads: 1, ..FrameReaderOptions::default() };
        let reader = FrameReader::with_index(&self.source, self.index.clone(), options)
            .inspect_err(|e| tracing::warn!("no small pictures: {e}"))
            .ok()?;
        Some(Box::new(ClipReader(reader)))
    }
}

impl ThumbReader for ClipReader {
    fn near(&mut self, frame: FrameIndex) -> Option<(FrameIndex, RgbPicture)> {
        let found = self.0.seek_key(frame).ok()??;
        Some((found.index, small(&found.picture)))
    }
    fn exact(&mut self, frame: FrameIndex) -> Option<RgbPicture> {
        let found = self.0.seek(frame).ok()??;
        Some(small(&found.picture))
    }
}

/// A picture at most [`THUMB_PX`] wide and high, un-squashed.
fn small(picture: &PlanarPicture) -> RgbPicture {
    let aspect = picture.display_aspect().clamp(0.05, 20.0);
    let side = THUMB_PX as f32;
    let (width, height) = if aspect > 1.0 { (side, side / aspect) } else { (side * aspect, side) };
    let rgb = crate::overlay::yuv::rgb_from_planes(picture);
    resize_bicubic(&rgb, width.round().max(1.0) as u32, height.round().max(1.0) as u32)
}

/// Why the sound lanes are empty; nothing when they are not.
fn sound_note(view: &View<'_>) -> String {
    match (view.media, view.sound) {
        (Some(media), _) if media.audio.is_empty() => "this clip has no sound".to_owned(),
        (_, Some(sound)) => sound.error().map(|e| e.to_string()).unwrap_or_default(),
        (Some(_), None) => "reading the sound…".to_owned(),
        (None, None) => String::new(),
    }
}

impl Timeline {
    /// Draws the timeline of the open clip into the free space.
    pub fn ui(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut CommandSender) {
        if !view.has_clip() {
            // A ruler of nothing would be a number without meaning.
            let text = match view.presentation.state {
                PlayState::Opening => "opening…",
                _ => "no clip is open",
            };
            ui.centered_and_justified(|ui| ui.weak(text));
            return;
        }
        let clip = view.index.map(|i| Arc::as_ptr(i) as usize);
        if self.shown.clip != clip {
            self.shown.clip = clip;
            self.shown.thumbs = clip_thumbs(view);
            self.reset();
        }
        let lane = self.shown.lane(view.sound);
        let maps = view.index.map(|index| ClipMapsLane { maps: view.maps, index });
        let bracket = bracket_of(view);
        let note = sound_note(view);
        let test = view.sound_test.label();
        let (lo, hi, per_frame) = match view.scale_mode() {
            ScaleMode::Absolute => (-1.0, 1.0, false),
            ScaleMode::Calibrated { lo, hi } => (lo, hi, false),
            ScaleMode::PerFrame => (-1.0, 1.0, true),
        };
        let frame_at = |t: MediaTime| view.index.and_then(|i| i.frame_at(t)).map(|f| f.0);
        let opener = self.shown.thumbs.clone();
        let thumb_params = |frame| with_map(view, view.maps.at(frame).as_ref());
        let p = view.presentation;
        let data = TimelineData {
            duration: p.duration,
            now: p.now,
            playing: p.state == PlayState::Playing,
            ab: AbLoop { a: p.loops.a, b: p.loops.b },
            sound: lane.as_ref(),
            sound_note: &note,
            truth: view.truth.here().map(|t| &t.rows),
            maps: maps.as_ref().map(|m| m as &dyn LaneMaps),
            bracket: bracket.as_ref(),
            sound_test: (*view.sound_test != SoundTest::None).then_some(test.as_str()),
            scale: StripScale { lo, hi, per_frame, palette: view.overlay.colormap.lut() },
            spectrum_palette: spectrum_palette(ui.visuals().dark_mode),
            frame_at: &frame_at,
            thumbs: opener.as_ref().map(|opener| ThumbData { opener, params: &thumb_params }),
            colors: LaneColors { accent: theme::accent(ui), danger: theme::danger(ui) },
        };
        self.show(ui, &data, &mut |wish| {
            out.send(match wish {
                TimelineWish::Scrub(t) => Request::Scrub(t),
                TimelineWish::ScrubEnd(t) => Request::ScrubEnd(t),
                TimelineWish::SetLoop(ab) => Request::Loop(ab.a, ab.b),
            });
        });
    }
}
