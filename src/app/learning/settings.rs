//! What is kept of the panels about learning.

use serde::{Deserialize, Serialize};

/// How often the matrices are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LookRate {
    /// Not at all.
    Never,
    /// About once a second, whatever a step takes.
    #[default]
    PerSecond,
    /// At each step.
    EveryStep,
}

impl LookRate {
    /// All, in menu order.
    pub const ALL: &[Self] = &[Self::PerSecond, Self::EveryStep, Self::Never];

    /// For menus.
    pub fn name(self) -> &'static str {
        match self {
            Self::Never => "off",
            Self::PerSecond => "1 Hz",
            Self::EveryStep => "each step",
        }
    }
}

/// The section `[learn]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LearnSettings {
    /// The picture shows the weights of the run, when there is one.
    pub show: bool,
    /// Steps between two publications of the newest weights.
    pub publish_steps: u64,
    /// How often the matrices are looked at.
    pub look: LookRate,
    /// Matrices in logarithmic colours.
    pub log_colours: bool,
    /// Matrices ordered by the likeness of sounds.
    pub by_sound: bool,
    /// The watch list shows all epochs side by side.
    pub all_epochs: bool,
}

impl Default for LearnSettings {
    fn default() -> Self {
        Self {
            show: true,
            publish_steps: 10,
            look: LookRate::PerSecond,
            log_colours: true,
            by_sound: false,
            all_epochs: false,
        }
    }
}

impl LearnSettings {
    /// With every number in its range; files are edited by hand.
    #[must_use]
    pub fn clamped(self) -> Self {
        Self { publish_steps: self.publish_steps.clamp(1, 10_000), ..self }
    }
}
