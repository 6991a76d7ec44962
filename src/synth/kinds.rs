//! The table of the kinds of things in the drawn world.
//!
//! Their pictures are Twemoji glyphs (CC-BY 4.0). Which glyphs a kind has was decided by looking
//! at them: what most people would not call by the kind's name is not here. The order is part of
//! every scene's seed: new kinds go to the end.

use twemoji_assets::svg::{SvgTwemojiAsset, codes};

/// One drawing.
#[derive(Clone, Copy)]
pub(super) struct Glyph {
    /// Name of the crate's constant: `U_1F415_200D_1F9BA`.
    code: &'static str,
    asset: &'static SvgTwemojiAsset,
}

impl Glyph {
    /// Code points as in the file names of Twemoji: `1f415-200d-1f9ba`.
    pub(super) fn name(&self) -> String {
        self.code.trim_start_matches("U_").to_lowercase().replace('_', "-")
    }

    /// The drawing itself.
    pub(super) fn svg(&self) -> &'static str {
        self.asset
    }
}

/// One kind of the drawn world.
#[derive(Clone, Copy)]
pub(super) struct KindRow {
    /// Name in files and in the window.
    pub name: &'static str,
    /// Drawings that training scenes use.
    pub glyphs: &'static [Glyph],
    /// Drawings kept back for testing.
    pub held_out: &'static [Glyph],
}

// Constants only: looking a glyph up by its emoji would link all 19 MB of the collection.
macro_rules! kinds {
    ($($name:literal: [$($code:ident)+] [$($held:ident)*]),+ $(,)?) => {
        pub(super) const KINDS: &[KindRow] = &[$(KindRow {
            name: $name,
            glyphs: &[$(Glyph { code: stringify!($code), asset: &codes::$code }),+],
            held_out: &[$(Glyph { code: stringify!($held), asset: &codes::$held }),*],
        }),+];
    };
}

kinds! {
    "dog": [U_1F436 U_1F415 U_1F429 U_1F9AE] [U_1F415_200D_1F9BA],
    "cat": [U_1F431 U_1F408 U_1F63A U_1F63C] [U_1F408_200D_2B1B],
    "bird": [U_1F426 U_1F424 U_1F425 U_1F99C U_1F426_200D_2B1B] [U_1F423],
    "rooster": [U_1F413 U_1F414] [],
    "owl": [U_1F989] [],
    "duck": [U_1F986] [],
    "cow": [U_1F42E U_1F404 U_1F403] [U_1F402],
    "sheep": [U_1F411] [U_1F40F],
    "horse": [U_1F434 U_1F40E U_1F3C7] [U_1F3A0],
    "frog": [U_1F438] [],
    "bee": [U_1F41D] [],
    "cricket": [U_1F997] [],
    "siren": [U_1F691 U_1F692 U_1F693 U_1F6A8] [U_1F694],
    "train": [U_1F682 U_1F683 U_1F684 U_1F686 U_1F68B] [U_1F68A],
    "helicopter": [U_1F681] [],
    "car": [U_1F697 U_1F698 U_1F699 U_1F3CE U_1F6FB] [U_1F695],
    "ship": [U_1F6A2 U_1F6F3] [U_26F4],
    "bell": [U_1F514] [U_1F6CE],
    "alarm-clock": [U_23F0] [],
    "telephone": [U_260E U_1F4DE U_1F4F1] [U_1F4E0],
    "drum": [U_1F941] [U_1FA98],
    "maracas": [U_1FA87] [],
    "guitar": [U_1F3B8] [U_1FA95],
    "piano": [U_1F3B9] [],
    "violin": [U_1F3BB] [],
    "brass": [U_1F3BA U_1F3B7] [U_1F4EF],
    "typing": [U_2328 U_1F4BB U_1F9D1_200D_1F4BB U_1F469_200D_1F4BB] [U_1F468_200D_1F4BB],
    "clapping": [U_1F44F U_1F44F_1F3FB U_1F44F_1F3FC U_1F44F_1F3FD U_1F44F_1F3FF] [U_1F44F_1F3FE],
    "thunder": [U_26C8 U_26A1] [U_1F329],
    "fire": [U_1F525] [],
    "wave": [U_1F30A] [],
    "baby": [U_1F476 U_1F476_1F3FB U_1F476_1F3FC U_1F476_1F3FD U_1F476_1F3FF] [U_1F476_1F3FE],
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn there_are_thirty_two_kinds_each_drawn_at_least_once() {
        assert_eq!(KINDS.len(), 32);
        let names: HashSet<_> = KINDS.iter().map(|k| k.name).collect();
        assert_eq!(names.len(), KINDS.len(), "names are unique");
        for k in KINDS {
            assert!((1..=5).contains(&k.glyphs.len()), "{}", k.name);
            assert!(k.held_out.len() <= 1, "{}", k.name);
            assert!(k.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
        }
        assert!(KINDS.iter().filter(|k| !k.held_out.is_empty()).count() >= 16);
    }

    #[test]
    fn no_drawing_serves_twice() {
        let mut seen = HashSet::new();
        for g in KINDS.iter().flat_map(|k| k.glyphs.iter().chain(k.held_out)) {
            assert!(seen.insert(g.name()), "{}", g.name());
            assert!(g.svg().starts_with("<svg"), "{}", g.name());
        }
    }
}
