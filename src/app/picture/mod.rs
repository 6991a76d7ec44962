//! The picture with the map over it: zoom and pan, probe and pins, and what stands there when
//! there is no picture.
//!
//! Owns the view on the picture and the device's state for drawing it; never the clip and no
//! choice of the user. [`PictureView::show`] works on [`PictureData`], plain data that tests make
//! by hand; [`PictureView::ui`] fills it from the window's `View`. Start at [`PictureView::show`].

mod adapter;
mod offscreen;
mod paint;
mod params;
mod probe;
mod spectrum;
mod stage;
mod truth;
mod wheel;

use std::collections::VecDeque;

use egui::{Color32, CursorIcon, PointerButton, Pos2, Rect, Sense, Stroke, Ui, pos2, vec2};

pub use offscreen::render_offscreen;
pub use params::{overlay_params, with_map};
pub use probe::Trace;
pub use spectrum::{spectrogram_image, spectrum_palette};
pub use stage::{Stage, WayOut};
pub use truth::{TruthMark, TruthMarks};
pub(crate) use wheel::wheel_of;

use super::hud::{self, HudData, LegendData};
use super::timeline::{Bracket, Palette, SoundLanes};
use crate::overlay::{self, Layer, OverlayParams, Probe, Split, View};
use crate::units::MediaTime;
use paint::Brush;
use spectrum::BigSpectrum;
use wheel::Steps;

/// How near the divider of a wipe must be pressed, in points.
const DIVIDER_REACH: f32 = 5.0;
/// Zoom of one notch of the wheel.
const ZOOM_STEP: f32 = 1.2;

/// What the user wants of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PictureWish {
    /// The probe is here, in fractions of the picture, or nowhere.
    Hover(Option<[f32; 2]>),
    /// Pin or unpin.
    Pin([f32; 2]),
    /// Steps of volume, louder positive.
    Volume(i32),
    /// Frames, on positive.
    Step(i32),
    /// Into or out of full screen.
    FullScreen,
    /// The divider of the wipe, a fraction of the region's width.
    Split(f32),
    /// Items of the playlist, next positive.
    Item(i32),
    /// A button of a stage without picture.
    Way(WayOut),
}

/// What the picture shows in one frame of the window.
pub struct PictureData<'a> {
    /// What is on show.
    pub stage: Stage<'a>,
    /// How the map is drawn.
    pub params: &'a OverlayParams,
    /// Why there is no map at the probe, when there is none; empty without a model.
    pub no_map: &'a str,
    /// Where the probe was in the last frame.
    pub hover: Option<[f32; 2]>,
    /// Pinned points.
    pub pins: &'a [[f32; 2]],
    /// Their values over time.
    pub trace: Option<&'a Trace>,
    /// Outlines of what is true, when they are on.
    pub truth: Option<&'a TruthMarks>,
    /// Outlines of silent things too.
    pub truth_silent: bool,
    /// The prediction's outline beside them.
    pub prediction: bool,
    /// Info block, when it is on.
    pub hud: Option<&'a HudData>,
    /// Legend, when it is on and there is something to explain.
    pub legend: Option<&'a LegendData>,
    /// Name of the sound test that runs.
    pub sound_test: Option<&'a str>,
    /// Short notes in the picture itself: stretched, held.
    pub badges: &'a [(String, bool)],
    /// The line under the picture; empty for none.
    pub caption: &'a str,
    /// Demo layout: black around, large caption.
    pub demo: bool,
    /// The playhead, for a clip without pictures.
    pub now: MediaTime,
    /// What the model hears, for a clip without pictures.
    pub bracket: Option<&'a Bracket>,
    /// Colours of the spectrogram.
    pub spectrum_palette: &'a Palette,
    /// Colour of warnings.
    pub danger: Color32,
}

/// How often something changed on the screen in the last second.
#[derive(Default)]
struct FrameRate {
    changes: VecDeque<f64>,
    shown: Option<u64>,
}

impl FrameRate {
    /// Takes what is drawn at `now_secs`, known by a number of its own; changes per second so far.
    fn count(&mut self, picture: Option<u64>, now_secs: f64) -> usize {
        if picture.is_some() && picture != self.shown {
            self.changes.push_back(now_secs);
        }
        self.shown = picture;
        while self.changes.front().is_some_and(|t| *t <= now_secs - 1.0) {
            self.changes.pop_front();
        }
        self.changes.len()
    }
}

/// The widget's own state.
pub struct PictureView {
    brush: Brush,
    view: View,
    /// Place of the region on the screen in the last frame, on physical pixels.
    region: Rect,
    /// The margin beside it that the legend has for itself.
    legend_column: Option<Rect>,
    spectrum: BigSpectrum,
    volume: Steps,
    steps: Steps,
    split_held: bool,
    shown: Option<usize>,
    lanes: SoundLanes,
    render_state: Option<egui_wgpu::RenderState>,
    rate: FrameRate,
    draws: FrameRate,
}

impl PictureView {
    /// Draws with egui's own device; without one through the shaders' CPU twins.
    pub fn new(render_state: Option<&egui_wgpu::RenderState>) -> Self {
        Self {
            brush: Brush::new(render_state),
            view: View::fit([1.0; 2], 16.0 / 9.0),
            region: Rect::ZERO,
            legend_column: None,
            spectrum: BigSpectrum::default(),
            volume: Steps::default(),
            steps: Steps::default(),
            split_held: false,
            shown: None,
            lanes: SoundLanes::default(),
            render_state: render_state.cloned(),
            rate: FrameRate::default(),
            draws: FrameRate::default(),
        }
    }

    /// The whole picture again.
    pub fn reset_view(&mut self) {
        self.view.reset();
    }

    /// Larger or smaller about the middle.
    pub fn zoom_by(&mut self, factor: f32) {
        let middle = self.view.size.map(|v| v / 2.0);
        self.view.zoom_at(&OverlayParams::default(), middle, factor);
    }

    /// Zoom and place, in physical pixels of [`Self::region`].
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Where the picture's region lies on the screen, in points.
    pub fn region(&self) -> Rect {
        self.region
    }

    /// Place on the screen of a point of the picture (in the first panel).
    pub fn screen_of(&self, params: &OverlayParams, at: [f32; 2]) -> Pos2 {
        let [x, y] = self.view.pixel_of(params, at);
        self.region.min + vec2(x, y) / self.view.pixels_per_point
    }

    /// Point of the picture under a place on the screen.
    pub fn fraction_at(&self, params: &OverlayParams, pos: Pos2) -> Option<[f32; 2]> {
        self.view.fraction_at(params, self.pixel_at(pos))
    }

    fn pixel_at(&self, pos: Pos2) -> [f32; 2] {
        let at = (pos - self.region.min) * self.view.pixels_per_point;
        [at.x, at.y]
    }

    /// Draws all into the free space and hands out wishes; the response is for a context menu.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        data: &PictureData<'_>,
        wish: &mut dyn FnMut(PictureWish),
    ) -> egui::Response {
        let area = ui.available_rect_before_wrap();
        let response = ui.allocate_rect(area, Sense::click_and_drag());
        let label = data.stage.label();
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &label));
        let painter = ui.painter_at(area);
        if matches!(data.stage, Stage::Blackout) {
            painter.rect_filled(area, 0.0, Color32::BLACK);
            return response;
        }
        let caption_height = match (data.caption.is_empty(), data.demo) {
            (true, _) => 0.0,
            (false, false) => 24.0,
            (false, true) => 48.0,
        };
        let body = area.with_max_y((area.bottom() - caption_height).max(area.top() + 1.0));
        self.set_region(ui, body, data);
        let [r, g, b] = data.params.background;
        let ground = Color32::from_rgb(r, g, b);
        if matches!(data.stage, Stage::Frame(_)) {
            // The brush fills its region itself; each layer of pixels more costs a software
            // adapter as much as the picture.
            fill_around(&painter, area, self.region, ground);
        } else {
            painter.rect_filled(area, 0.0, ground);
        }
        if caption_height > 0.0 {
            let size = if data.demo { 24.0 } else { 13.0 };
            let place = area.with_min_y(body.bottom());
            stage::caption_ui(ui, place, data.caption, size, data.params.background);
        }

        match &data.stage {
            Stage::Frame(frame) => {
                self.pointer(ui, &response, data, wish);
                self.brush.paint(ui, self.region, frame, data.params, self.view);
                if let Some(marks) = data.truth {
                    let choice = (data.truth_silent, data.prediction);
                    self.truth_ui(ui, data.params, marks, choice);
                }
                self.draw_divider(ui, data.params);
            }
            Stage::Sound(sound) => {
                let palette = data.spectrum_palette;
                self.spectrum.show(ui, self.region, sound, data.now, data.bracket, palette);
                self.wheel(ui, &response, data, wish);
                if data.sound_test.is_some() {
                    let stroke = Stroke::new(4.0, data.danger);
                    painter.rect_stroke(self.region, 0.0, stroke, egui::StrokeKind::Inside);
                }
            }
            words => {
                if let Some(way) = stage::words_ui(ui, body, words, data.params.background) {
                    wish(PictureWish::Way(way));
                }
            }
        }
        if response.double_clicked() {
            wish(PictureWish::FullScreen);
        }
        self.notes_ui(ui, &response, data);
        response
    }

    /// Takes the region on whole physical pixels, so that a picture of its size is drawn texel
    /// by texel.
    fn set_region(&mut self, ui: &Ui, body: Rect, data: &PictureData<'_>) {
        let scale = ui.pixels_per_point();
        let snap = |v: f32| (v * scale).round() / scale;
        let column = hud::LEGEND_WIDTH + 12.0;
        let wide = match &data.stage {
            Stage::Frame(f) => body.width().min(body.height() * f.picture.display_aspect()),
            _ => f32::INFINITY,
        };
        // The picture moves aside where that costs it little. At any zoom: a region that changed
        // with the first notch of the wheel would move what is under the cursor.
        let aside = data.legend.is_some() && body.width() - column >= 0.9 * wide;
        self.legend_column = aside.then(|| body.with_min_x(body.right() - column));
        let body = if aside { body.with_max_x(body.right() - column) } else { body };
        self.region = Rect::from_min_max(
            pos2(snap(body.left()), snap(body.top())),
            pos2(snap(body.right()), snap(body.bottom())),
        );
        let size = [self.region.width(), self.region.height()].map(|v| (v * scale).round());
        let aspect = match &data.stage {
            Stage::Frame(f) => f.picture.display_aspect(),
            _ => self.view.aspect,
        };
        self.view = self.view.with_region(size, aspect);
        self.view.pixels_per_point = scale;
        self.view.origin = [self.region.left(), self.region.top()].map(|v| (v * scale).round());
    }

    fn pointer(
        &mut self,
        ui: &Ui,
        response: &egui::Response,
        data: &PictureData<'_>,
        wish: &mut dyn FnMut(PictureWish),
    ) {
        self.wheel(ui, response, data, wish);
        let hover = response.hover_pos();
        let at = hover.and_then(|p| self.fraction_at(data.params, p));
        if at != data.hover {
            wish(PictureWish::Hover(at));
        }
        let divider = self.divider(data.params);
        let on_divider = |p: Pos2| divider.is_some_and(|x| (p.x - x).abs() <= DIVIDER_REACH);
        if response.drag_started_by(PointerButton::Primary) {
            let origin = ui.input(|i| i.pointer.press_origin());
            self.split_held = origin.is_some_and(on_divider);
        }
        if response.dragged_by(PointerButton::Primary) && self.split_held {
            if let Some(p) = response.interact_pointer_pos() {
                let share = (p.x - self.region.left()) / self.region.width().max(1.0);
                wish(PictureWish::Split(share.clamp(0.02, 0.98)));
            }
        } else if response.dragged_by(PointerButton::Middle)
            || (response.dragged_by(PointerButton::Primary) && self.view.zoom > 1.0)
        {
            let by = response.drag_delta() * self.view.pixels_per_point;
            self.view.pan(data.params, [by.x, by.y]);
            ui.set_cursor_icon(CursorIcon::Grabbing);
        }
        if !response.dragged() {
            self.split_held = false;
        }
        if hover.is_some_and(on_divider) || self.split_held {
            ui.set_cursor_icon(CursorIcon::ResizeHorizontal);
        } else if at.is_some() && !response.dragged() {
            ui.set_cursor_icon(CursorIcon::Crosshair);
        }
        // The second click of a double click is not a pin; its first one was, and the second
        // takes it back.
        if response.clicked()
            && let Some(at) =
                response.interact_pointer_pos().and_then(|p| self.fraction_at(data.params, p))
        {
            wish(PictureWish::Pin(at));
        }
    }

    fn wheel(
        &mut self,
        ui: &Ui,
        response: &egui::Response,
        data: &PictureData<'_>,
        wish: &mut dyn FnMut(PictureWish),
    ) {
        let Some(pos) = response.hover_pos() else { return };
        let wheel = wheel_of(ui);
        let up = wheel.notches.y;
        if wheel.modifiers.command || wheel.modifiers.ctrl || wheel.pinch != 1.0 {
            let turned = if wheel.modifiers.command || wheel.modifiers.ctrl { up } else { 0.0 };
            let factor = ZOOM_STEP.powf(turned) * wheel.pinch;
            if factor != 1.0 {
                self.view.zoom_at(data.params, self.pixel_at(pos), factor);
            }
        } else if wheel.modifiers.alt {
            let steps = self.steps.take(up);
            if steps != 0 {
                wish(PictureWish::Step(steps));
            }
        } else {
            let steps = self.volume.take(up);
            if steps != 0 {
                wish(PictureWish::Volume(steps));
            }
        }
        let side = ui.input(|i| {
            i32::from(i.pointer.button_pressed(PointerButton::Extra2))
                - i32::from(i.pointer.button_pressed(PointerButton::Extra1))
        });
        if side != 0 {
            wish(PictureWish::Item(side));
        }
    }

    /// Place of the wipe's divider on the screen.
    fn divider(&self, params: &OverlayParams) -> Option<f32> {
        match params.split {
            Split::Wipe { at, .. } => Some(self.region.left() + at * self.region.width()),
            Split::None | Split::SideBySide => None,
        }
    }

    fn draw_divider(&self, ui: &Ui, params: &OverlayParams) {
        let Some(x) = self.divider(params) else { return };
        let painter = ui.painter_at(self.region);
        painter.vline(x, self.region.y_range(), Stroke::new(4.0, Color32::from_black_alpha(160)));
        painter.vline(x, self.region.y_range(), Stroke::new(1.5, Color32::WHITE));
        let grip = pos2(x, self.region.center().y);
        painter.circle(grip, 7.0, Color32::from_gray(30), Stroke::new(1.5, Color32::WHITE));
    }

    /// Everything in words over the picture.
    fn notes_ui(&self, ui: &mut Ui, response: &egui::Response, data: &PictureData<'_>) {
        let area = self.region;
        if matches!(data.stage, Stage::Frame(_)) {
            self.probe_ui(ui, response, data);
        }
        let mut left_top = area.min + vec2(8.0, 8.0);
        if let Some(hud) = data.hud {
            hud::show_hud(ui, area, hud);
            left_top.y += hud.rows.len() as f32 * 16.0 + 20.0;
        }
        if !matches!(data.stage, Stage::Frame(_) | Stage::Sound(_)) {
            return;
        }
        for (text, care) in data.badges {
            left_top.y = hud::note_badge(ui, left_top, text, *care).bottom() + 4.0;
        }
        if !self.view.is_fit() && matches!(data.stage, Stage::Frame(_)) {
            let text = format!("zoom {:.2}x", self.view.zoom);
            hud::note_badge(ui, left_top, &text, false);
        }
        if let Some(test) = data.sound_test {
            hud::test_badge(ui, pos2(area.center().x, area.top() + 8.0), test);
        }
        if let Some(legend) = data.legend
            && area.width() > 2.0 * hud::LEGEND_WIDTH
            && area.height() > hud::legend_height(ui, legend) + 16.0
        {
            // In the margin kept for it, or over the picture's corner.
            let right = self.legend_column.unwrap_or(area).right();
            hud::show_legend(ui, pos2(right - 6.0, area.top() + 8.0), legend);
        }
    }

    fn probe_ui(&self, ui: &Ui, response: &egui::Response, data: &PictureData<'_>) {
        let painter = ui.painter_at(self.region);
        for (i, pin) in data.pins.iter().enumerate() {
            let color = probe::PIN_COLORS[i % probe::PIN_COLORS.len()];
            probe::draw_mark(&painter, self.screen_of(data.params, *pin), color, Some(i + 1));
        }
        if let Some(trace) = data.trace.filter(|_| !data.pins.is_empty()) {
            let size = vec2((self.region.width() * 0.4).clamp(180.0, 420.0), 110.0);
            let corner = self.region.left_bottom() + vec2(8.0, -8.0 - size.y);
            let rect = Rect::from_min_size(corner, size);
            probe::draw_trace(&painter, rect, trace);
            let trace = ui.interact(rect, ui.scope_id().with("trace"), Sense::hover());
            trace.widget_info(|| {
                let text = format!("Pins over time: {}", data.pins.len());
                egui::WidgetInfo::labeled(egui::Role::Label, true, text)
            });
        }
        let Some(pos) = response.hover_pos().filter(|_| !response.dragged()) else { return };
        if response.context_menu_opened() {
            return;
        }
        let Some(at) = self.fraction_at(data.params, pos) else { return };
        match self.reading(data.params, pos, at) {
            Some((reading, unit)) => {
                let lines = probe::lines(&reading, unit);
                let rect = probe::draw_box(&painter, pos, self.region, &lines);
                let words = ui.interact(rect, ui.scope_id().with("probe"), Sense::hover());
                words.widget_info(|| {
                    let text = format!("Probe: {}", lines.join(", "));
                    egui::WidgetInfo::labeled(egui::Role::Label, true, text)
                });
            }
            None if !data.no_map.is_empty() => {
                probe::draw_box(&painter, pos, self.region, &[data.no_map.to_owned()]);
            }
            None => {}
        }
    }

    /// What the layer under `pos` says there.
    fn reading(
        &self,
        params: &OverlayParams,
        pos: Pos2,
        at: [f32; 2],
    ) -> Option<(Probe, &'static str)> {
        let px = self.pixel_at(pos);
        let panel = self.view.panels(params).into_iter().find(|p| p.clip.contains(px))?;
        // The picture's own panel is probed too: by the map that belongs to it.
        let layer = match panel.layer {
            Layer::None => Layer::SoundMap,
            layer => layer,
        };
        let spec = layer.spec();
        let field = (spec.field)(params)?;
        let grid = field.field.grid();
        let reading = overlay::probe(&grid, params.geometry, params.interpolation, at[0], at[1]);
        Some((reading, spec.unit))
    }
}

/// Fills `area` but for `hole`.
fn fill_around(painter: &egui::Painter, area: Rect, hole: Rect, color: Color32) {
    let hole = hole.intersect(area);
    for part in [
        area.with_max_y(hole.top()),
        area.with_min_y(hole.bottom()),
        Rect::from_x_y_ranges(area.left()..=hole.left(), hole.y_range()),
        Rect::from_x_y_ranges(hole.right()..=area.right(), hole.y_range()),
    ] {
        if part.is_positive() {
            painter.rect_filled(part, 0.0, color);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_counts_pictures_that_changed_in_the_last_second() {
        let mut rate = FrameRate::default();
        for i in 0..60 {
            // 30 pictures a second on a screen of 60.
            rate.count(Some(1000 + i / 2), i as f64 / 60.0);
        }
        assert_eq!(rate.count(Some(1029), 0.999), 30);
        assert_eq!(rate.count(Some(1029), 5.0), 0, "a picture that stands has no rate");
    }
}
