//! What is known about a checkpoint beyond its weights.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::units::CellGeometry;

/// The one input path this program has, as cards and output files name it: Pillow-bicubic
/// 224x224 with ImageNet normalisation; log spectrogram 512/274 of 3 s.
pub const PREPROCESSING: &str = "fnac-1";

/// The card a checkpoint carries; what a foreign file does not say has the official code's
/// values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckpointCard {
    /// What to call it in the window.
    pub name: String,
    /// Rate the sound tower was trained at, Hz; sound is resampled to it.
    pub sample_rate: u32,
    /// Temperature of the training loss; the official maps are cosine / tau.
    pub tau: f32,
    /// Name of the input path, [`PREPROCESSING`].
    pub preprocessing: String,
    /// Where its cells lie, when that was measured; the display falls back to its own default.
    #[serde(with = "geometry_text")]
    pub cell_geometry: Option<CellGeometry>,
    /// Peak cosine below which nothing in the picture is taken to sound.
    pub no_source_threshold: Option<f32>,
    /// Cosines of the lowest and the highest colour, from its reference set: the calibrated scale.
    /// `fnac checkpoint calibrate` puts the first where three quarters of the cells beside the
    /// sources lie below, the second at the 99th percentile of all.
    pub calibration: Option<(f32, f32)>,
    /// One line about what it can and cannot do, shown under the picture.
    pub remark: Option<String>,
    /// How it came to be: base checkpoint, data, recipe.
    pub lineage: BTreeMap<String, String>,
    /// What was measured, by name (`best_cIoU`, `epoch`).
    pub metrics: BTreeMap<String, f64>,
}

impl Default for CheckpointCard {
    fn default() -> Self {
        Self {
            name: String::new(),
            sample_rate: 16_000,
            tau: 0.03,
            preprocessing: PREPROCESSING.into(),
            cell_geometry: None,
            no_source_threshold: None,
            calibration: None,
            remark: None,
            lineage: BTreeMap::new(),
            metrics: BTreeMap::new(),
        }
    }
}

impl CheckpointCard {
    /// Replaces what cannot be used by its default and says so; cards are files from anywhere.
    pub(super) fn sanitise(&mut self, notes: &mut Vec<String>) {
        let usual = Self::default();
        if !(4_000..=192_000).contains(&self.sample_rate) {
            notes.push(format!(
                "the card's sample rate {} Hz is impossible; {} Hz is taken",
                self.sample_rate, usual.sample_rate
            ));
            self.sample_rate = usual.sample_rate;
        }
        if !(self.tau.is_finite() && self.tau > 0.0) {
            notes.push(format!("the card's tau {} is impossible; 0.03 is taken", self.tau));
            self.tau = usual.tau;
        }
        if self.preprocessing != PREPROCESSING {
            notes.push(format!(
                "the card asks for preprocessing `{}`; this program has `{PREPROCESSING}`, so its \
                 maps may differ from the trained ones",
                self.preprocessing
            ));
        }
        if self.calibration.is_some_and(|(lo, hi)| !(lo < hi && lo.is_finite() && hi.is_finite())) {
            notes.push("the card's calibration is empty and is left out".into());
            self.calibration = None;
        }
        if self.no_source_threshold.is_some_and(|t| !t.is_finite()) {
            self.no_source_threshold = None;
        }
        if let Some(CellGeometry::Receptive { offset_px }) = self.cell_geometry
            && !(-32.0..=32.0).contains(&offset_px)
        {
            notes.push(format!("the card's cell offset {offset_px} px is impossible; left out"));
            self.cell_geometry = None;
        }
        // JSON has no way to write these, so they could not be kept.
        self.metrics.retain(|_, v| v.is_finite());
    }
}

/// `aligned`, `tiles`, `receptive`, `receptive+8` (the offset in input pixels).
mod geometry_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::units::CellGeometry;

    #[expect(clippy::ref_option, reason = "serde's `with` asks for this signature")]
    pub fn serialize<S: Serializer>(g: &Option<CellGeometry>, s: S) -> Result<S::Ok, S::Error> {
        g.map(|g| match g {
            CellGeometry::Receptive { offset_px } if offset_px != 0.0 => {
                format!("receptive{offset_px:+}")
            }
            other => other.name().to_owned(),
        })
        .serialize(s)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<CellGeometry>, D::Error> {
        let Some(text) = Option::<String>::deserialize(d)? else { return Ok(None) };
        match text.as_str() {
            "aligned" => Ok(Some(CellGeometry::Aligned)),
            "tiles" => Ok(Some(CellGeometry::Tiles)),
            _ => text
                .strip_prefix("receptive")
                .and_then(|px| if px.is_empty() { Some(0.0) } else { px.parse().ok() })
                .map(|offset_px| Some(CellGeometry::Receptive { offset_px }))
                .ok_or_else(|| serde::de::Error::custom(format!("no cell geometry `{text}`"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_survives_json() {
        for cell_geometry in [
            None,
            Some(CellGeometry::Aligned),
            Some(CellGeometry::Tiles),
            Some(CellGeometry::Receptive { offset_px: 0.0 }),
            Some(CellGeometry::Receptive { offset_px: -2.5 }),
        ] {
            let card = CheckpointCard {
                name: "größer \"x\"".into(),
                cell_geometry,
                calibration: Some((-0.1, 0.4)),
                no_source_threshold: Some(0.12),
                metrics: [("best_cIoU".to_owned(), 1.0 / 3.0)].into(),
                ..Default::default()
            };
            let text = serde_json::to_string(&card).unwrap();
            assert_eq!(serde_json::from_str::<CheckpointCard>(&text).unwrap(), card);
        }
    }

    #[test]
    fn an_empty_card_has_the_official_values_and_unknown_fields_are_passed_over() {
        let card: CheckpointCard = serde_json::from_str(r#"{"later": [1]}"#).unwrap();
        assert_eq!(card, CheckpointCard::default());
        assert_eq!((card.sample_rate, card.tau), (16_000, 0.03));
    }

    #[test]
    fn impossible_values_are_replaced_and_named() {
        let mut card = CheckpointCard {
            sample_rate: 0,
            tau: -1.0,
            calibration: Some((0.4, 0.4)),
            cell_geometry: Some(CellGeometry::Receptive { offset_px: f32::NAN }),
            ..Default::default()
        };
        let mut notes = Vec::new();
        card.sanitise(&mut notes);
        assert_eq!(card, CheckpointCard::default());
        assert_eq!(notes.len(), 4);
    }
}
