//! The one place where the window's choices become the overlay's parameters: for the screen, the
//! legend, screenshots and exported videos alike.

use crate::app::settings::SplitChoice;
use crate::app::view::View;
use crate::infer::{MapAt, SoundTest, StoredMap, nothing_sounds};
use crate::overlay::{Field, Interpolation, Layer, OverlayParams, Split};

/// Lines between the colours' ends when contours are on.
const CONTOURS: u8 = 7;
/// A held map is fully pale at this age.
const PALE_SECS: f64 = 2.0;

/// What is drawn over the picture on the screen.
pub fn overlay_params(view: &View<'_>) -> OverlayParams {
    let mut params = with_map(view, view.map.stored());
    if let MapAt::Held { age, .. } = view.map {
        // Never quite fresh: a held map must look held from its first moment.
        params.dim = (age.as_secs_f64() / PALE_SECS).clamp(0.2, 1.0) as f32;
    }
    params.visible = view.overlay_visible();
    params
}

/// What is drawn over a picture with the map `stored`, by the user's choices.
pub fn with_map(view: &View<'_>, stored: Option<&StoredMap>) -> OverlayParams {
    let chosen = view.overlay;
    let map = stored.map(|s| map_field(s, chosen.fine));
    let prior = stored.and_then(|s| s.prior.as_deref()).and_then(|p| Field::new(1, p.to_vec()));
    let peak = stored.map(|s| s.map.grid().range().1);
    let card = view.checkpoint.map(|c| &c.card);
    OverlayParams {
        map,
        plain: stored.map(|s| s.map),
        prior,
        other: view.kept_map.map(Field::from),
        layer: chosen.layer,
        visible: chosen.visible,
        blend_alpha: chosen.blend_alpha,
        geometry: view.geometry(),
        interpolation: chosen.interpolation,
        colormap: chosen.colormap,
        scale: view.scale_mode(),
        opacity: chosen.opacity,
        gamma: chosen.gamma,
        alpha_by_value: chosen.alpha_by_value,
        threshold: chosen.threshold,
        half_map_mask: chosen.half_map_mask,
        contours: if chosen.contours { CONTOURS } else { 0 },
        show_cells: chosen.interpolation == Interpolation::Cells,
        outline_only: card.zip(peak).is_some_and(|(c, p)| nothing_sounds(c, p)),
        test_border: *view.sound_test != SoundTest::None,
        split: split(chosen.split, chosen.split_at, chosen.layer),
        ..OverlayParams::default()
    }
}

/// The finest map there is, if fine ones were asked for.
fn map_field(stored: &StoredMap, fine: u8) -> Field {
    match &stored.fine {
        Some(map) if fine > 1 => Field::from(map.as_ref()),
        _ => Field::from(&stored.map),
    }
}

fn split(choice: SplitChoice, at: f32, layer: Layer) -> Split {
    match choice {
        SplitChoice::Off => Split::None,
        SplitChoice::PictureAndMap => Split::Wipe { at, left: Layer::None, right: layer },
        SplitChoice::MapAndPrior => {
            Split::Wipe { at, left: Layer::SoundMap, right: Layer::ObjectPrior }
        }
        SplitChoice::SideBySide => Split::SideBySide,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_divide_the_picture_has_its_split() {
        assert_eq!(split(SplitChoice::Off, 0.3, Layer::SoundMap), Split::None);
        assert_eq!(
            split(SplitChoice::PictureAndMap, 0.3, Layer::Blend),
            Split::Wipe { at: 0.3, left: Layer::None, right: Layer::Blend }
        );
        assert_eq!(
            split(SplitChoice::MapAndPrior, 0.5, Layer::None),
            Split::Wipe { at: 0.5, left: Layer::SoundMap, right: Layer::ObjectPrior }
        );
        assert_eq!(split(SplitChoice::SideBySide, 0.5, Layer::None), Split::SideBySide);
    }
}
