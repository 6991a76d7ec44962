//! From the window's `View` to the info block and the legend.

use egui::Ui;

use super::legend::LegendFacts;
use super::{HudData, HudRow, MapWord, every_text, legend_of, millis_text, show_legend};
use crate::app::picture::overlay_params;
use crate::app::settings::ScaleChoice;
use crate::app::view::View;
use crate::eval::live::LiveVerdict;
use crate::infer::{InferState, MapAt};
use crate::overlay::{NOTHING_SOUNDS, ScaleMode};
use crate::player::ClockKind;

/// What the window counted in the last second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Pictures that changed.
    pub pictures: usize,
    /// Times that the window was drawn.
    pub draws: usize,
}

/// How the map on the screen stands to the picture on the screen.
pub fn map_word(map: &MapAt) -> MapWord {
    match map {
        MapAt::Exact(_) => MapWord::Exact,
        MapAt::Interpolated { from, to, .. } => MapWord::Interpolated(from.0, to.0),
        MapAt::Held { age, .. } => MapWord::Held(age.as_secs_f64()),
        MapAt::NoSound => MapWord::NoSound,
        MapAt::None => MapWord::None,
    }
}

/// Facts for the legend that the overlay's parameters do not hold.
pub fn legend_facts(view: &View<'_>) -> LegendFacts {
    LegendFacts {
        geometry_from_card: view.geometry_from_card(),
        calibration_missing: view.overlay.scale == ScaleChoice::Calibrated
            && view.scale_mode() == ScaleMode::Absolute,
        calibrated_on_clip: view.calibrated_on_clip(),
        calibrated_on_list: view.calibrated_on_clip() && view.live_words.is_some(),
    }
}

/// The lines of the info block.
pub fn hud_data(view: &View<'_>, rates: Rates) -> HudData {
    let p = view.presentation;
    let infer = view.infer;
    let row = |label, value: String, care, source| HudRow { label, value, care, source };
    let mut rows = Vec::new();
    let frames = view.index.map_or(0, |i| i.len());
    let number = p.frame.as_ref().map_or("-".to_owned(), |f| f.index.to_string());
    let width = frames.max(1000).to_string().len();
    let kind = if p.exact { "" } else { "  near frame" };
    rows.push(row(
        "frame",
        format!("{number:>width$} of {frames}  {}{kind}", p.now),
        !p.exact,
        "Place in the index of presentation times, from 0, and the time that is heard",
    ));
    let word = map_word(view.map);
    let care = matches!(word, MapWord::Held(_));
    let quiet = if overlay_params(view).outline_only { NOTHING_SOUNDS } else { "" };
    rows.push(row(
        "map",
        format!("{}  {quiet}", word.text()).trim_end().to_owned(),
        care,
        "exact: this frame's own; interpolated: between two neighbours in time; held: an older one",
    ));
    rows.push(row(
        "maps",
        format!(
            "{:5.1} /s  {:5.0} ms  {}",
            infer.maps_per_sec,
            infer.latency_ms,
            every_text(infer.every_k)
        ),
        infer.every_k > 1,
        "Maps per second, time from frame to map, and which frames get one, measured while playing",
    ));
    let state = match infer.state {
        InferState::Ready => String::new(),
        other => format!("  {}", other.word()),
    };
    rows.push(row(
        "model",
        format!("{}{state}  {:3.0} % done", infer.device, 100.0 * infer.filled),
        infer.state != InferState::Ready,
        "Where the network runs, and how much of the clip is computed",
    ));
    if let Some(words) = view.live_words {
        rows.push(row(
            "weights",
            words.to_owned(),
            view.learning.choice.base,
            "Weights of the run whose maps are in the picture, and the step that they are of",
        ));
    }
    if let Some((text, care)) = truth_text(view) {
        rows.push(row(
            "truth",
            text,
            care,
            "What sounds in the picture by the truth file, and the map against it: adaptive cIoU, \
             half-map cIoU, pointing. Details in the Truth panel",
        ));
    }
    rows.push(row(
        "shown",
        format!(
            "{:>3} /s  {:>6}  dropped {:>4}  late {:>4}",
            rates.pictures, p.counters.shown, p.counters.dropped, p.counters.late
        ),
        p.counters.dropped > 0,
        "Pictures that changed in the last second; frames since the clip was opened: shown, \
         never shown, not decoded in time",
    ));
    let clock = match p.clock {
        ClockKind::Sound => "sound",
        ClockKind::FreeNoTrack => "free, no sound track",
        ClockKind::FreeNoDevice => "free, no sound device",
    };
    let error = millis_text(p.av_error.as_secs_f64());
    rows.push(row(
        "clock",
        format!("{error}  {clock}"),
        p.clock == ClockKind::FreeNoDevice,
        "Picture against sound, positive when the picture is late, and what the time is taken from",
    ));
    rows.push(row(
        "queues",
        queue_text(view),
        p.counters.underruns > 0,
        "Pictures decoded ahead, sound ready to play, gaps in the sound so far",
    ));
    rows.push(row(
        "draws",
        format!("{:>3} /s  {}  speed {:4.2}", rates.draws, short_adapter(view.adapter), p.speed),
        false,
        "How often the window was drawn in the last second, by which adapter, and the speed",
    ));
    HudData { rows }
}

/// What is true in the picture and how the map agrees, in one line; true where it does not.
fn truth_text(view: &View<'_>) -> Option<(String, bool)> {
    let judged = view.truth.judged.as_ref()?;
    let (seen, away) = (judged.now.seen.join(", "), judged.now.off_screen.join(", "));
    let who = match (seen.is_empty(), away.is_empty()) {
        (true, true) => "silence".to_owned(),
        (true, false) => format!("{away} off-screen"),
        (false, _) => seen,
    };
    Some(match &judged.verdict {
        None => (format!("{who}  no map yet"), false),
        Some(LiveVerdict::Scored { adaptive, half_map, hit, .. }) => {
            let point = if *hit { "hit" } else { "miss" };
            let (a, h) = (adaptive.ciou, half_map.ciou);
            (format!("{a:4.2} adaptive  {h:4.2} half-map  {point:<4}  {who}"), !hit)
        }
        Some(LiveVerdict::Nothing { peak, quiet }) => {
            let word = match quiet {
                Some(true) => "low, right",
                Some(false) => "high, wrong",
                None => "no threshold",
            };
            (format!("peak {peak:+.2} {word}  {who}"), *quiet == Some(false))
        }
    })
}

/// An adapter's name without what its driver adds in brackets.
fn short_adapter(name: &str) -> &str {
    name.split(" (").next().unwrap_or(name)
}

fn queue_text(view: &View<'_>) -> String {
    let p = view.presentation;
    format!(
        "video {:>2}  sound {:4.2} s  gaps {:>3}",
        p.frames_ahead,
        p.sound_ahead.as_secs_f64(),
        p.counters.underruns
    )
}

/// Draws the legend at the upper right of `ui`'s space, when there is something to explain.
pub fn legend_ui(ui: &mut Ui, view: &View<'_>) {
    if let Some(data) = legend_of(&overlay_params(view), legend_facts(view)) {
        show_legend(ui, ui.max_rect().right_top() + egui::vec2(-8.0, 8.0), &data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adapters_name_is_cut_before_the_drivers_words() {
        assert_eq!(short_adapter("llvmpipe (LLVM 15.0.6, 256 bits) (vulkan, Mesa)"), "llvmpipe");
        assert_eq!(short_adapter("NVIDIA H200"), "NVIDIA H200");
    }
}
