//! Chance from a seed, the same on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Seeded random numbers. Only integers and IEEE basic arithmetic are used, so that equal seeds
/// give equal numbers everywhere. Streams of one seed are independent: what one part of a scene
/// draws never shifts what another gets.
#[derive(Clone, Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The numbers of `seed` for item `stream`.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// Independent numbers for a part, named so that adding a part changes no other.
    #[must_use]
    pub fn part(&mut self, name: &str) -> Self {
        // FNV-1a: short, stable, and only told apart from the other parts of one scene.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
        });
        let mut seed = self.0.get_seed();
        for (s, h) in seed.iter_mut().skip(16).zip(hash.to_le_bytes()) {
            *s ^= h;
        }
        let mut rng = ChaCha8Rng::from_seed(seed);
        rng.set_stream(self.0.get_stream());
        Self(rng)
    }

    /// Any 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// In [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// In [`lo`, `hi`).
    pub fn range(&mut self, lo: f64, hi: f64) -> f64 {
        lo + (hi - lo) * self.unit()
    }

    /// In [`lo`, `hi`], both included.
    pub fn int(&mut self, lo: u32, hi: u32) -> u32 {
        let n = u64::from(hi.saturating_sub(lo)) + 1;
        lo + ((u128::from(self.0.next_u64()) * u128::from(n)) >> 64) as u32
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// One of `items`; `None` when there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let last = u32::try_from(items.len().checked_sub(1)?).ok()?;
        items.get(self.int(0, last) as usize)
    }

    /// `items` in a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.int(0, i as u32) as usize;
            items.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_seed_never_change() {
        let mut d = Dice::new(7, 3);
        let mut p = d.part("scene");
        let got = (d.bits(), d.unit(), d.int(0, 9), p.bits());
        assert_eq!(
            got,
            (3348856302973006449, 0.09286437521737823, 9, 743141078922913988),
            "written down once, from then on the same everywhere"
        );
    }

    #[test]
    fn parts_do_not_depend_on_what_was_drawn_before() {
        let mut a = Dice::new(1, 2);
        let mut b = Dice::new(1, 2);
        b.bits();
        assert_eq!(a.part("x").bits(), b.part("x").bits());
        assert_ne!(a.part("x").bits(), a.part("y").bits());
        assert_ne!(Dice::new(1, 2).bits(), Dice::new(1, 3).bits());
        assert_ne!(Dice::new(1, 2).bits(), Dice::new(2, 2).bits());
    }

    #[test]
    fn whole_numbers_reach_both_ends_evenly() {
        let mut d = Dice::new(0, 0);
        let mut seen = [0u32; 5];
        for _ in 0..5000 {
            seen[(d.int(3, 7) - 3) as usize] += 1;
        }
        assert!(seen.iter().all(|n| (850..1150).contains(n)), "{seen:?}");
        assert_eq!(d.pick::<u8>(&[]), None);
    }
}
