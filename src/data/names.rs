//! Names of items.

/// Number of items that a seed has names for.
pub const MAX_ITEMS: u64 = 10_000_000;

/// Name of item `index` of `seed`: `toy7_0000042`.
///
/// The padding does not depend on the number of items, so names stay when a set grows and sort
/// as their numbers do. No dot and no file ending occurs in it: loaders cut names there.
pub fn item_name(seed: u64, index: u64) -> String {
    format!("toy{seed}_{index:07}")
}

/// The index of a name of this seed.
pub(super) fn item_index(seed: u64, name: &str) -> Option<u64> {
    let digits = name.strip_prefix(&format!("toy{seed}_"))?;
    let index = digits.parse().ok().filter(|i| *i < MAX_ITEMS)?;
    (item_name(seed, index) == name).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_numbers_and_lead_back() {
        let names: Vec<_> =
            [0, 9, 10, 99_999, 1_000_000, MAX_ITEMS - 1].map(|i| item_name(7, i)).into();
        assert!(names.is_sorted());
        assert_eq!(names[0], "toy7_0000000");
        assert_eq!(item_index(7, &names[3]), Some(99_999));
        for wrong in ["toy7_12", "toy8_0000012", "toy7_00000120000", "toy7_+000012", "x", ""] {
            assert_eq!(item_index(7, wrong), None, "{wrong}");
        }
    }
}
