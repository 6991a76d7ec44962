//! Where the picture lies on the target: fit, zoom, pan, panels, both ways.
//!
//! All lengths are physical pixels of the region that the overlay draws into, with the origin at
//! its upper left; the window adds the region's own place. The shader gets the same numbers, so
//! what is under the cursor is what is drawn there.

use super::{Layer, OverlayParams, Split};

/// A rectangle in target pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width, not negative.
    pub w: f32,
    /// Height, not negative.
    pub h: f32,
}

impl Rect {
    /// Whether `px` lies inside; the left and upper edges do.
    pub fn contains(&self, px: [f32; 2]) -> bool {
        px[0] >= self.x && px[1] >= self.y && px[0] < self.x + self.w && px[1] < self.y + self.h
    }

    /// Target pixel of a fraction of this rectangle.
    pub fn at(&self, fraction: [f32; 2]) -> [f32; 2] {
        [self.x + fraction[0] * self.w, self.y + fraction[1] * self.h]
    }

    /// Fraction of this rectangle at a target pixel; outside [0, 1] beside it.
    pub fn fraction(&self, px: [f32; 2]) -> [f32; 2] {
        [(px[0] - self.x) / self.w.max(1e-6), (px[1] - self.y) / self.h.max(1e-6)]
    }
}

/// What one part of the region shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Panel {
    /// Part of the region that belongs to it.
    pub clip: Rect,
    /// What the picture is fitted into: `clip`, or the whole region under a wipe.
    pub region: Rect,
    /// Where the whole picture would lie; reaches beyond `clip` when zoomed in.
    pub picture: Rect,
    /// Its layer.
    pub layer: Layer,
    /// False where the layer stands alone, on black.
    pub with_picture: bool,
}

/// Zoom and place of the picture in its region.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Width and height of the region in physical pixels, each at least 1.
    pub size: [f32; 2],
    /// Width divided by height at which the picture is shown, pixel aspect included.
    pub aspect: f32,
    /// 1 fits the picture into the region.
    pub zoom: f32,
    /// Fraction of the picture at the region's centre.
    pub centre: [f32; 2],
    /// Physical pixels per point: line widths grow with it.
    pub pixels_per_point: f32,
    /// Where the region's upper left lies in the render target, in its pixels; all other lengths
    /// here count from it.
    pub origin: [f32; 2],
}

impl View {
    /// Smallest and greatest zoom.
    pub const ZOOM: std::ops::RangeInclusive<f32> = 0.25..=64.0;

    /// The whole picture, centred.
    pub fn fit(size: [f32; 2], aspect: f32) -> Self {
        let aspect = if aspect.is_finite() && aspect > 0.0 { aspect } else { 1.0 };
        Self {
            size: size.map(|v| v.max(1.0)),
            aspect: aspect.clamp(1e-3, 1e3),
            zoom: 1.0,
            centre: [0.5; 2],
            pixels_per_point: 1.0,
            origin: [0.0; 2],
        }
    }

    /// The same zoom and place in another region or for another picture.
    #[must_use]
    pub fn with_region(self, size: [f32; 2], aspect: f32) -> Self {
        let fit = Self::fit(size, aspect);
        Self { size: fit.size, aspect: fit.aspect, ..self }
    }

    /// Shows the whole picture again.
    pub fn reset(&mut self) {
        self.zoom = 1.0;
        self.centre = [0.5; 2];
    }

    /// Whether the whole picture is shown, centred.
    pub fn is_fit(&self) -> bool {
        self.zoom == 1.0 && self.centre == [0.5; 2]
    }

    /// Multiplies the zoom by `factor` and keeps the point of the picture under `px` (in the
    /// panel it lies in) where it is.
    pub fn zoom_at(&mut self, params: &OverlayParams, px: [f32; 2], factor: f32) {
        let Some(panel) = self.panel_at(params, px) else { return };
        let before = panel.picture.fraction(px);
        let zoom = self.zoom * if factor.is_finite() { factor } else { 1.0 };
        // Near 1 it becomes 1, so that scrolling back and forth ends fitted.
        let zoom = if (zoom - 1.0).abs() < 1e-3 { 1.0 } else { zoom };
        self.zoom = zoom.clamp(*Self::ZOOM.start(), *Self::ZOOM.end());
        let region = panel.region;
        let [w, h] = self.picture_size(region);
        let mid = region.at([0.5, 0.5]);
        self.centre = [before[0] - (px[0] - mid[0]) / w, before[1] - (px[1] - mid[1]) / h];
        self.keep_in_sight();
    }

    /// Moves the picture by `by` pixels.
    pub fn pan(&mut self, params: &OverlayParams, by: [f32; 2]) {
        let Some(panel) = self.panels(params).first().copied() else { return };
        let [w, h] = self.picture_size(panel.region);
        self.centre = [self.centre[0] - by[0] / w, self.centre[1] - by[1] / h];
        self.keep_in_sight();
    }

    /// One pixel of a picture `height` pixels high on `scale` target pixels (1 is "1:1").
    pub fn zoom_to_pixels(&mut self, height: u32, scale: f32) {
        let region = Rect { x: 0.0, y: 0.0, w: self.size[0], h: self.size[1] };
        let fitted = Self { zoom: 1.0, ..*self }.picture_size(region)[1];
        self.zoom = (height as f32 * scale / fitted).clamp(*Self::ZOOM.start(), *Self::ZOOM.end());
    }

    fn keep_in_sight(&mut self) {
        for c in &mut self.centre {
            *c = if c.is_finite() { c.clamp(0.0, 1.0) } else { 0.5 };
        }
        if self.zoom <= 1.0 {
            self.centre = [0.5; 2];
        }
    }

    /// Size of the whole picture in a region of the size of `clip`.
    fn picture_size(&self, clip: Rect) -> [f32; 2] {
        let h = clip.h.min(clip.w / self.aspect).max(1.0) * self.zoom;
        [h * self.aspect, h]
    }

    fn picture_rect(&self, clip: Rect) -> Rect {
        let [w, h] = self.picture_size(clip);
        let x = clip.x + clip.w / 2.0 - self.centre[0] * w;
        let y = clip.y + clip.h / 2.0 - self.centre[1] * h;
        if self.is_fit() {
            // Whole pixels: a picture of the region's own size is then drawn texel by texel.
            return Rect {
                x: x.round(),
                y: y.round(),
                w: w.round().max(1.0),
                h: h.round().max(1.0),
            };
        }
        Rect { x, y, w, h }
    }

    /// The panels of the region, one when it is undivided.
    pub fn panels(&self, params: &OverlayParams) -> Vec<Panel> {
        let (split, layer) = (params.split, params.layer);
        let [w, h] = self.size;
        let all = Rect { x: 0.0, y: 0.0, w, h };
        let picture = self.picture_rect(all);
        match split {
            Split::None => {
                vec![Panel { clip: all, region: all, picture, layer, with_picture: true }]
            }
            Split::Wipe { at, left, right } => {
                let x = (at.clamp(0.0, 1.0) * w).round();
                let part =
                    |clip, layer| Panel { clip, region: all, picture, layer, with_picture: true };
                vec![part(Rect { w: x, ..all }, left), part(Rect { x, w: w - x, ..all }, right)]
            }
            Split::SideBySide => {
                let layer = if layer == Layer::None { Layer::SoundMap } else { layer };
                let mut rows = vec![(Layer::None, true), (layer, false)];
                if params.prior.is_some() {
                    rows.push((Layer::ObjectPrior, false));
                }
                let n = rows.len() as f32;
                // Beside or above each other, whichever shows the greater pictures.
                let beside = h.min(w / n / self.aspect) >= (h / n).min(w / self.aspect);
                let cut = |k: usize| {
                    let k = k as f32;
                    if beside { (k * w / n).round() } else { (k * h / n).round() }
                };
                rows.iter()
                    .enumerate()
                    .map(|(k, (layer, with_picture))| {
                        let clip = if beside {
                            Rect { x: cut(k), y: 0.0, w: cut(k + 1) - cut(k), h }
                        } else {
                            Rect { x: 0.0, y: cut(k), w, h: cut(k + 1) - cut(k) }
                        };
                        let picture = self.picture_rect(clip);
                        let (layer, with_picture) = (*layer, *with_picture);
                        Panel { clip, region: clip, picture, layer, with_picture }
                    })
                    .collect()
            }
        }
    }

    fn panel_at(&self, params: &OverlayParams, px: [f32; 2]) -> Option<Panel> {
        self.panels(params).into_iter().find(|p| p.clip.contains(px))
    }

    /// Fraction of the picture's width and height under a target pixel (its centre is at half);
    /// `None` beside the picture.
    pub fn fraction_at(&self, params: &OverlayParams, px: [f32; 2]) -> Option<[f32; 2]> {
        let at = self.panel_at(params, px)?.picture.fraction(px);
        at.iter().all(|v| (0.0..1.0).contains(v)).then_some(at)
    }

    /// Target pixel of a fraction of the picture in the first panel.
    pub fn pixel_of(&self, params: &OverlayParams, fraction: [f32; 2]) -> [f32; 2] {
        self.panels(params).first().map_or([0.0; 2], |p| p.picture.at(fraction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(split: Split) -> OverlayParams {
        let prior = crate::overlay::Field::new(1, vec![0.0; 49]);
        OverlayParams { split, prior, ..OverlayParams::default() }
    }

    #[test]
    fn a_picture_is_fitted_unsquashed_and_centred() {
        let v = View::fit([1000.0, 1000.0], 16.0 / 9.0);
        let r = v.panels(&split(Split::None))[0].picture;
        assert_eq!((r.x, r.w), (0.0, 1000.0));
        assert_eq!((r.y, r.h), (219.0, 563.0));
        let tall = View::fit([300.0, 900.0], 0.5).panels(&split(Split::None))[0].picture;
        assert_eq!((tall.w, tall.h), (300.0, 600.0));
    }

    #[test]
    fn a_region_of_the_pictures_own_size_is_drawn_pixel_by_pixel() {
        for (w, h) in [(1280.0, 720.0), (641.0, 359.0), (1.0, 1.0), (1919.0, 3.0)] {
            let r = View::fit([w, h], w / h).panels(&split(Split::None))[0].picture;
            assert_eq!((r.x, r.y, r.w, r.h), (0.0, 0.0, w, h));
        }
    }

    #[test]
    fn zooming_keeps_the_point_under_the_cursor() {
        let mut v = View::fit([1280.0, 720.0], 16.0 / 9.0);
        let px = [900.0, 200.0];
        let before = v.fraction_at(&split(Split::None), px).unwrap();
        v.zoom_at(&split(Split::None), px, 2.0);
        v.zoom_at(&split(Split::None), px, 4.0);
        assert_eq!(v.zoom, 8.0);
        let at = v.pixel_of(&split(Split::None), before);
        // Half a pixel at 8x is the limit a user sees.
        assert!((at[0] - px[0]).abs() < 0.01 && (at[1] - px[1]).abs() < 0.01, "{at:?}");
        v.zoom_at(&split(Split::None), px, 0.125);
        assert!(v.is_fit());
    }

    #[test]
    fn panning_moves_the_picture_with_the_hand_and_never_out_of_sight() {
        let mut v = View::fit([800.0, 600.0], 4.0 / 3.0);
        v.zoom_at(&split(Split::None), [400.0, 300.0], 4.0);
        let before = v.pixel_of(&split(Split::None), [0.5, 0.5]);
        v.pan(&split(Split::None), [10.0, -7.0]);
        let after = v.pixel_of(&split(Split::None), [0.5, 0.5]);
        assert!((after[0] - before[0] - 10.0).abs() < 1e-2);
        assert!((after[1] - before[1] + 7.0).abs() < 1e-2);
        v.pan(&split(Split::None), [1e9, f32::NAN]);
        assert!(v.centre.iter().all(|c| (0.0..=1.0).contains(c)));
    }

    #[test]
    fn pixels_and_fractions_are_inverse_in_every_panel() {
        let wipe = Split::Wipe { at: 0.3, left: Layer::None, right: Layer::SoundMap };
        for s in [Split::None, wipe, Split::SideBySide] {
            let split = &split(s);
            let mut v = View::fit([1111.0, 777.0], 1.5);
            v.zoom_at(split, [555.0, 388.0], 3.0);
            for p in v.panels(split) {
                let px = [p.clip.x + p.clip.w * 0.4, p.clip.y + p.clip.h * 0.5];
                let f = v.fraction_at(split, px).unwrap();
                let back = p.picture.at(f);
                assert!((back[0] - px[0]).abs() < 0.01 && (back[1] - px[1]).abs() < 0.01);
            }
        }
    }

    #[test]
    fn panels_cover_the_region_without_gap_or_overlap() {
        for (size, s) in [
            ([1000.0, 500.0], Split::SideBySide),
            ([401.0, 903.0], Split::SideBySide),
            ([640.0, 360.0], Split::Wipe { at: 0.5, left: Layer::None, right: Layer::Blend }),
        ] {
            let panels = View::fit(size, 16.0 / 9.0).panels(&split(s));
            for y in (0..size[1] as i32).step_by(7) {
                for x in 0..size[0] as i32 {
                    let px = [x as f32 + 0.5, y as f32 + 0.5];
                    assert_eq!(panels.iter().filter(|p| p.clip.contains(px)).count(), 1);
                }
            }
        }
    }

    #[test]
    fn one_to_one_puts_a_picture_pixel_on_a_target_pixel() {
        let mut v = View::fit([1280.0, 720.0], 16.0 / 9.0);
        v.zoom_to_pixels(1080, 1.0);
        let r = v.panels(&split(Split::None))[0].picture;
        assert!((r.w - 1920.0).abs() < 0.01 && (r.h - 1080.0).abs() < 0.01);
    }

    #[test]
    fn nonsense_sizes_give_a_usable_view() {
        for aspect in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-20] {
            let v = View::fit([0.0, 0.0], aspect);
            let r = v.panels(&split(Split::None))[0].picture;
            assert!(r.w >= 1.0 && r.h >= 1.0 && r.w.is_finite() && r.h.is_finite());
        }
    }
}
