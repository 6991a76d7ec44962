//! False negative suppression by pictures (FNS-2): pictures that are alike should find the same
//! sounds.

use super::{LossTerm, mean_gap};

/// See [`LossTerm`].
pub(super) const TERM: LossTerm = LossTerm {
    column: "fns_image",
    label: "pictures that are alike share their sounds",
    weight: 100.0,
    from_the_start: false,
    compute: |parts| mean_gap(&parts.image_adjacency(), &parts.cross_adjacency()),
};
