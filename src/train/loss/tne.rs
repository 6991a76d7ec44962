//! True negative enhancement: what sounds in the picture should be as much alike as the sounds.

use super::{LossTerm, mean_gap};

/// See [`LossTerm`].
pub(super) const TERM: LossTerm = LossTerm {
    column: "tne",
    label: "foregrounds are as much alike as their sounds",
    weight: 100.0,
    from_the_start: false,
    compute: |parts| mean_gap(&parts.sound_adjacency(), &parts.foreground_adjacency()),
};
