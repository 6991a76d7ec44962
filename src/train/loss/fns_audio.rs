//! False negative suppression by sounds (FNS-1): sounds that are alike should find the same
//! pictures.

use super::{LossTerm, mean_gap};

/// See [`LossTerm`].
pub(super) const TERM: LossTerm = LossTerm {
    column: "fns_audio",
    label: "sounds that are alike share their pictures",
    weight: 100.0,
    from_the_start: false,
    compute: |parts| mean_gap(&parts.sound_adjacency(), &parts.cross_adjacency()),
};
