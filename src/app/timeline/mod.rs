//! The timeline: lanes on one shared time axis, from what is heard to what was computed.
//!
//! Owns the visible part, the gestures and the lanes' caches; never the clip. [`Timeline::show`]
//! works on [`TimelineData`], plain data that tests make by hand; [`Timeline::ui`] fills it from
//! the window's `View`. Start reading at [`Timeline::show`].

mod adapter;
mod axis;
mod gestures;
mod hover;
mod lanes;
mod marks;
mod menu;
mod source;
mod spectrum;
mod thumbs;
mod tiles;
mod truth;
mod window;

use std::sync::Arc;

use egui::{Align2, Color32, CursorIcon, FontId, PointerButton, Rect, Sense, Stroke, Ui, pos2};

pub use adapter::{ClipMapsLane, SoundLanes, SoundTrackLane, bracket_of};
pub use axis::{Extent, TimeAxis};
pub use gestures::{AbLoop, TimelineWish};
pub use lanes::{LaneKind, StripScale};
pub use source::{LaneMaps, LaneSound, MapColumn};
pub use spectrum::SpectrumTiles;
pub use thumbs::{THUMB_PX, ThumbOpener, ThumbReader, Thumbs};
pub use tiles::{LOUD, Palette, SILENCE, palette_index};
pub use truth::{TruthLane, TruthRow};
pub use window::{Bracket, bracket};

use crate::overlay::OverlayParams;
use crate::units::{FrameIndex, MediaTime};
use gestures::{Gesture, Press};
use lanes::{MapLanes, WaveMesh};
use marks::{
    bracket_note, draw_limits, draw_playhead, draw_ruler, lane_note, peak_range, text_over,
};

/// Width of the column of names at the left, and room at the right end, in points.
const NAMES_WIDTH: f32 = 92.0;
const RIGHT_MARGIN: f32 = 10.0;
/// Height of the ruler and gap between lanes.
const RULER_HEIGHT: f32 = 20.0;
const LANE_GAP: f32 = 2.0;

/// Colours that the theme decides; the rest follows egui's visuals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LaneColors {
    /// Handles, loop, curves.
    pub accent: Color32,
    /// Sound tests.
    pub danger: Color32,
}

/// What the timeline shows in one frame of the window.
pub struct TimelineData<'a> {
    /// Length of the clip.
    pub duration: MediaTime,
    /// The playhead.
    pub now: MediaTime,
    /// True while it moves by itself.
    pub playing: bool,
    /// Ends of the A-B loop.
    pub ab: AbLoop,
    /// The clip's sound, if it has any.
    pub sound: Option<&'a Arc<dyn LaneSound>>,
    /// Why there is no sound, or how far it is decoded; empty when there is nothing to say.
    pub sound_note: &'a str,
    /// Who sounds when, one row per source; nothing without truth.
    pub truth: Option<&'a Arc<Vec<TruthRow>>>,
    /// The maps.
    pub maps: Option<&'a dyn LaneMaps>,
    /// What the model hears for the picture on screen.
    pub bracket: Option<&'a Bracket>,
    /// Name of the sound test that runs.
    pub sound_test: Option<&'a str>,
    /// Scale and colours of the picture's overlay.
    pub scale: StripScale<'a>,
    /// Colours of the spectrogram.
    pub spectrum_palette: &'a Palette,
    /// Index of the frame on screen at a time.
    pub frame_at: &'a dyn Fn(MediaTime) -> Option<u32>,
    /// Small pictures of the clip, and how each frame's map is drawn over its own.
    pub thumbs: Option<ThumbData<'a>>,
    /// Colours of the theme.
    pub colors: LaneColors,
}

/// Where small pictures come from.
#[derive(Clone, Copy)]
pub struct ThumbData<'a> {
    /// Opens the clip on the thread that reads them.
    pub opener: &'a Arc<dyn ThumbOpener>,
    /// The map of a frame as the picture would show it.
    pub params: &'a dyn Fn(FrameIndex) -> OverlayParams,
}

/// What the user chose about the timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct TimelinePrefs {
    /// Turn the page when the playhead leaves the visible part.
    pub follow: bool,
    /// Lanes that are not drawn.
    pub hidden: Vec<LaneKind>,
    /// Small pictures under the cursor.
    pub thumbs: bool,
}

impl Default for TimelinePrefs {
    fn default() -> Self {
        Self { follow: true, hidden: Vec::new(), thumbs: true }
    }
}

/// The widget's own state.
pub struct Timeline {
    axis: TimeAxis,
    gesture: Gesture,
    /// The playhead in the last frame.
    last_now: Option<MediaTime>,
    /// The time under the pointer when the menu was opened.
    menu_at: MediaTime,
    prefs: TimelinePrefs,
    extent: Extent,
    body: Rect,
    wave: WaveMesh,
    maps: MapLanes,
    truth: TruthLane,
    tiles: SpectrumTiles,
    thumbs: Option<Thumbs>,
    /// Clip and checkpoint of the last frame, to notice another one.
    shown: adapter::Shown,
}

impl Default for Timeline {
    fn default() -> Self {
        Self::new()
    }
}

impl Timeline {
    /// An empty timeline that follows the playhead.
    pub fn new() -> Self {
        Self {
            axis: TimeAxis::default(),
            gesture: Gesture::Idle,
            last_now: None,
            menu_at: MediaTime::ZERO,
            prefs: TimelinePrefs::default(),
            extent: Extent::new(0.0, 1.0),
            body: Rect::ZERO,
            wave: WaveMesh::default(),
            maps: MapLanes::default(),
            truth: TruthLane::default(),
            tiles: SpectrumTiles::default(),
            thumbs: None,
            shown: adapter::Shown::default(),
        }
    }

    /// The visible part.
    pub fn axis(&self) -> &TimeAxis {
        &self.axis
    }

    /// Where the visible part lay on the screen in the last frame.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// Ruler and lanes without their names, in the last frame.
    pub fn body(&self) -> Rect {
        self.body
    }

    /// What the user chose.
    pub fn prefs(&self) -> &TimelinePrefs {
        &self.prefs
    }

    /// Drops everything that belongs to the clip before.
    pub fn reset(&mut self) {
        self.axis = TimeAxis::default();
        self.gesture = Gesture::Idle;
        self.maps.clear();
    }

    /// Draws all lanes into the free space and hands out wishes.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        data: &TimelineData<'_>,
        wish: &mut dyn FnMut(TimelineWish),
    ) {
        let all = ui.available_rect_before_wrap();
        // A little air below the last lane.
        let area = all.with_max_y(all.bottom() - 4.0);
        if area.width() < NAMES_WIDTH + 40.0 || area.height() < RULER_HEIGHT {
            return;
        }
        let names = area.with_max_x(area.left() + NAMES_WIDTH);
        let body = Rect::from_min_max(
            pos2(names.right(), area.top()),
            pos2(area.right() - RIGHT_MARGIN, area.bottom()),
        );
        let extent = Extent::new(body.left(), body.width());
        (self.extent, self.body) = (extent, body);
        self.axis.set_duration(data.duration);
        let moved = self.last_now.replace(data.now) != Some(data.now);
        if (data.playing || moved) && self.prefs.follow && self.gesture == Gesture::Idle {
            self.axis.follow(data.now.as_secs_f64());
        }

        let response = ui.allocate_rect(all, Sense::click());
        response.widget_info(|| {
            let mut info = egui::WidgetInfo::slider(true, data.now.as_secs_f64(), "Timeline");
            info.enabled = ui.is_enabled();
            info
        });
        self.pointer(ui, &response, body, extent, data, wish);
        self.wheel(ui, &response, body, extent, data);

        let ruler = body.with_max_y(body.top() + RULER_HEIGHT);
        let lanes_area = area.with_min_y(ruler.bottom() + LANE_GAP);
        let rows = data.truth.map_or(0, |rows| rows.len());
        let height = |lane: LaneKind| match lane {
            LaneKind::Truth => (truth::wanted_height(rows, lanes_area.height()), 0.0),
            other => other.height(),
        };
        let shown: Vec<_> = LaneKind::ALL
            .into_iter()
            .filter(|l| !self.prefs.hidden.contains(l) && (*l != LaneKind::Truth || rows > 0))
            .map(|l| (l, height(l)))
            .collect();
        let lanes = lanes::layout(lanes_area, &shown, LANE_GAP);
        self.lanes_ui(ui, &lanes, names, extent, data);

        let painter = ui.painter_at(body.expand2(egui::vec2(RIGHT_MARGIN, 0.0)));
        draw_ruler(&painter, ruler, &self.axis, extent, ui.visuals());
        self.draw_loop(ui, body, ruler, extent, data);
        self.draw_hover(ui, &response, body, ruler, extent, data);
        draw_playhead(&painter, body, self.axis.x_of(data.now, extent));
        self.controls_ui(ui, names.with_max_y(ruler.bottom()), data);
        response.context_menu(|ui| self.menu_ui(ui, data, wish));
    }

    fn pointer(
        &mut self,
        ui: &Ui,
        response: &egui::Response,
        body: Rect,
        extent: Extent,
        data: &TimelineData<'_>,
        wish: &mut dyn FnMut(TimelineWish),
    ) {
        let (pos, shift, pressed, middle, secondary, down) = ui.input(|i| {
            let p = &i.pointer;
            (
                p.interact_pos(),
                i.modifiers.shift,
                p.button_pressed(PointerButton::Primary),
                p.button_pressed(PointerButton::Middle),
                p.button_pressed(PointerButton::Secondary),
                p.button_down(PointerButton::Primary) || p.button_down(PointerButton::Middle),
            )
        });
        let Some(pos) = pos else { return };
        // By the press, not by egui's drag: scrubbing begins at once, not after six points.
        let inside = response.contains_pointer() && body.expand(4.0).contains(pos);
        if inside && secondary {
            self.menu_at = self.axis.time_at(pos.x, extent);
        }
        if inside && self.gesture == Gesture::Idle && (pressed || middle) {
            let press = match (middle, shift) {
                (true, _) => Press::Middle,
                (false, true) => Press::Shift,
                (false, false) => Press::Plain,
            };
            if let Some(w) = self.gesture.press(press, pos.x, &self.axis, extent, data.ab) {
                wish(w);
            }
        }
        if self.gesture != Gesture::Idle {
            if let Some(w) = self.gesture.drag(pos.x, &mut self.axis, extent) {
                wish(w);
            }
            if matches!(self.gesture, Gesture::Pan { .. }) {
                self.prefs.follow = false;
                ui.set_cursor_icon(CursorIcon::Grabbing);
            }
            if !down && let Some(w) = self.gesture.release() {
                wish(w);
            }
        } else if inside && gestures::handle_at(pos.x, &self.axis, extent, data.ab).is_some() {
            ui.set_cursor_icon(CursorIcon::ResizeHorizontal);
        }
    }

    fn wheel(
        &mut self,
        ui: &Ui,
        response: &egui::Response,
        body: Rect,
        extent: Extent,
        data: &TimelineData<'_>,
    ) {
        let Some(pos) = response.hover_pos().filter(|p| body.expand(4.0).contains(*p)) else {
            return;
        };
        let wheel = super::picture::wheel_of(ui);
        if wheel.notches.y != 0.0 || wheel.pinch != 1.0 {
            let about = if wheel.modifiers.alt {
                data.now.as_secs_f64()
            } else {
                self.axis.secs_at(pos.x, extent)
            };
            let factor = 1.25f64.powf(f64::from(wheel.notches.y)) * f64::from(wheel.pinch);
            self.axis.zoom_about(about, factor);
        }
        if wheel.notches.x != 0.0 {
            let secs = -f64::from(wheel.notches.x) * 40.0 * self.axis.secs_per_point(extent);
            self.axis.pan(secs);
        }
        // Following would at once take away what the user has just chosen to look at.
        let now = data.now.as_secs_f64();
        let playhead_seen = (self.axis.start_secs()..=self.axis.end_secs()).contains(&now);
        if (wheel.notches != egui::Vec2::ZERO || wheel.pinch != 1.0) && !playhead_seen {
            self.prefs.follow = false;
        }
    }

    fn lanes_ui(
        &mut self,
        ui: &mut Ui,
        lanes: &[(LaneKind, Rect)],
        names: Rect,
        extent: Extent,
        data: &TimelineData<'_>,
    ) {
        let pixels = ui.pixels_per_point();
        let columns = (extent.width * pixels).clamp(1.0, 4096.0) as usize;
        let visible = self.axis.visible();
        if let Some(maps) = data.maps
            && self.maps.update(maps, visible, columns, ui.input(|i| i.time))
        {
            ui.ctx().request_repaint_after(std::time::Duration::from_millis(250));
        }
        for (lane, rect) in lanes {
            let body = Rect::from_x_y_ranges(extent.left..=extent.right(), rect.y_range());
            let painter = ui.painter_at(body);
            painter.rect_filled(body, 0.0, ui.visuals().extreme_bg_color);
            match lane {
                LaneKind::Truth => {
                    if let Some(rows) = data.truth {
                        self.truth.show(
                            ui,
                            rows,
                            &self.axis,
                            extent,
                            rect.intersect(names),
                            body,
                            data,
                        );
                    }
                    continue;
                }
                LaneKind::Waveform => self.draw_wave(ui, &painter, body, data),
                LaneKind::Spectrogram => self.draw_spectrum(ui, body, extent, data),
                LaneKind::Window => self.draw_window(ui, &painter, body, extent, data),
                LaneKind::Peak => {
                    let range = peak_range(data.scale);
                    painter.add(self.maps.peak_shape(body, range, data.colors.accent));
                    draw_limits(ui, &painter, body, range);
                }
                LaneKind::Strip => {
                    painter.add(self.maps.strip_shape(ui.ctx(), body, data.scale));
                }
                LaneKind::Computed => {
                    painter.add(self.maps.computed_shape(body, data.colors.accent));
                }
            }
            if matches!(lane, LaneKind::Waveform | LaneKind::Spectrogram) {
                self.draw_heard_edges(ui, &painter, body, extent, data);
            }
            self.name_ui(ui, *lane, rect.intersect(names), data);
        }
    }

    /// Name of a lane, with its value at the playhead where there is one.
    fn name_ui(&self, ui: &mut Ui, lane: LaneKind, rect: Rect, data: &TimelineData<'_>) {
        let value = match lane {
            LaneKind::Peak => {
                let span = self.axis.span_secs().max(1e-9);
                let place = (data.now.as_secs_f64() - self.axis.start_secs()) / span;
                self.maps.column_at(place).and_then(|c| c.peak).map(|p| format!("{p:+.2}"))
            }
            LaneKind::Spectrogram => {
                data.sound.map(|s| format!("0..{:.0} kHz", f64::from(s.rate()) / 2000.0))
            }
            _ => None,
        };
        let id = ui.scope_id().with(("lane", lane));
        let response = ui.interact(rect, id, Sense::hover());
        response.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::Label, true, format!("Lane {}", lane.name()))
        });
        let painter = ui.painter_at(rect);
        let color = ui.visuals().weak_text_color();
        let font = FontId::proportional(11.0_f32.min(rect.height()));
        if rect.height() < 7.0 {
            return;
        }
        let two_lines = value.is_some() && rect.height() > 26.0;
        let name_at = if two_lines { rect.center().y - 7.0 } else { rect.center().y };
        painter.text(
            pos2(rect.left() + 6.0, name_at),
            Align2::LEFT_CENTER,
            lane.name(),
            font,
            color,
        );
        if let Some(value) = value.filter(|_| two_lines) {
            painter.text(
                pos2(rect.left() + 6.0, rect.center().y + 7.0),
                Align2::LEFT_CENTER,
                value,
                FontId::monospace(11.0),
                ui.visuals().text_color(),
            );
        }
        response.on_hover_text(lane.about());
    }

    fn draw_wave(&mut self, ui: &Ui, painter: &egui::Painter, body: Rect, data: &TimelineData<'_>) {
        if let Some(sound) = data.sound {
            let color = ui.visuals().text_color().gamma_multiply(0.75);
            let pixels = ui.pixels_per_point();
            let shape = self.wave.shape(sound.as_ref(), self.axis.visible(), body, pixels, color);
            painter.add(shape);
        }
        if !data.sound_note.is_empty() {
            lane_note(ui, painter, body, data.sound_note);
        }
    }

    fn draw_spectrum(&mut self, ui: &Ui, body: Rect, extent: Extent, data: &TimelineData<'_>) {
        let Some(sound) = data.sound else {
            self.tiles.clear();
            return;
        };
        let now = data.now.as_secs_f64();
        self.tiles.paint(ui, body, extent, &self.axis, sound, now, data.spectrum_palette);
    }

    /// The bracket itself: what is heard as a solid bar, what is not real sound hatched.
    fn draw_window(
        &self,
        ui: &Ui,
        painter: &egui::Painter,
        body: Rect,
        extent: Extent,
        data: &TimelineData<'_>,
    ) {
        let Some(bracket) = data.bracket else { return };
        let color = if data.sound_test.is_some() { data.colors.danger } else { data.colors.accent };
        let part = |(a, b): (f64, f64)| {
            let x = self.axis.x_of_secs(a, extent)..=self.axis.x_of_secs(b, extent);
            Rect::from_x_y_ranges(x, body.y_range()).shrink2(egui::vec2(0.0, 2.0))
        };
        if let Some(heard) = bracket.heard {
            let bar = part(heard);
            painter.rect_filled(bar, 2.0, color.gamma_multiply(0.25));
            painter.rect_stroke(bar, 2.0, Stroke::new(1.0, color), egui::StrokeKind::Inside);
        }
        for hatched in &bracket.hatched {
            let rect = part(*hatched).intersect(body);
            painter.extend(lanes::hatch(rect, color));
            painter.rect_stroke(
                rect,
                0.0,
                Stroke::new(1.0, color.gamma_multiply(0.6)),
                egui::StrokeKind::Inside,
            );
        }
        let note = match data.sound_test {
            Some(test) => format!("sound test: {test}"),
            None => bracket.note.clone(),
        };
        let seen = part(bracket.heard.unwrap_or(bracket.nominal)).intersect(body);
        bracket_note(ui, painter, body, seen, &note);
    }

    /// Thin lines through waveform and spectrogram where the heard part begins and ends.
    fn draw_heard_edges(
        &self,
        ui: &Ui,
        painter: &egui::Painter,
        body: Rect,
        extent: Extent,
        data: &TimelineData<'_>,
    ) {
        let Some((from, to)) = data.bracket.and_then(|b| b.heard) else { return };
        let color = if data.sound_test.is_some() { data.colors.danger } else { data.colors.accent };
        for secs in [from, to] {
            let x = self.axis.x_of_secs(secs, extent);
            painter.vline(x, body.y_range(), Stroke::new(1.0, color.gamma_multiply(0.7)));
        }
        // What the model does not hear stands back.
        let shade = ui.visuals().extreme_bg_color.gamma_multiply(0.35);
        let (x0, x1) = (self.axis.x_of_secs(from, extent), self.axis.x_of_secs(to, extent));
        for (a, b) in [(body.left(), x0), (x1, body.right())] {
            if a < b {
                painter.rect_filled(Rect::from_x_y_ranges(a..=b, body.y_range()), 0.0, shade);
            }
        }
    }

    fn draw_loop(
        &self,
        ui: &mut Ui,
        body: Rect,
        ruler: Rect,
        extent: Extent,
        data: &TimelineData<'_>,
    ) {
        let accent = data.colors.accent;
        let painter = ui.painter_at(body);
        if let Some((a, b)) = data.ab.part() {
            let x = self.axis.x_of(a, extent)..=self.axis.x_of(b, extent);
            let on_ruler = Rect::from_x_y_ranges(x.clone(), ruler.y_range());
            painter.rect_filled(on_ruler, 0.0, accent.gamma_multiply(0.45));
            let on_lanes = Rect::from_x_y_ranges(x, ruler.bottom()..=body.bottom());
            painter.rect_filled(on_lanes, 0.0, accent.gamma_multiply(0.10));
        }
        for (name, time) in [("A", data.ab.a), ("B", data.ab.b)] {
            let Some(time) = time else { continue };
            let x = self.axis.x_of(time, extent);
            painter.vline(x, body.y_range(), Stroke::new(1.5, accent));
            let flag = Rect::from_center_size(
                pos2(x, ruler.center().y),
                egui::vec2(14.0, ruler.height() - 4.0),
            );
            let painter = ui.painter_at(body.expand(8.0));
            painter.rect_filled(flag, 3.0, accent);
            painter.text(
                flag.center(),
                Align2::CENTER_CENTER,
                name,
                FontId::proportional(11.0),
                text_over(accent),
            );
            let handle = ui.interact(flag, ui.scope_id().with(("handle", name)), Sense::hover());
            handle.widget_info(|| {
                egui::WidgetInfo::labeled(egui::Role::Label, true, format!("Loop handle {name}"))
            });
        }
    }
}
