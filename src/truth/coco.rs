//! Masks as COCO writes them: runs as differences, in characters of five bits.

use super::Mask;

/// The first of the 64 characters.
const FIRST: u8 = 48;
/// Another character of the same number follows.
const MORE: i64 = 0x20;

impl Mask {
    /// COCO's compressed counts, as `pycocotools` reads them: every run from the fourth on as
    /// the difference from the run two before it, in groups of five bits, lowest first.
    pub fn to_coco(&self) -> String {
        let runs = self.runs();
        let mut text = String::with_capacity(runs.len() * 2);
        for (i, run) in runs.iter().enumerate() {
            let before = if i > 2 { runs.get(i - 2).copied().unwrap_or(0) } else { 0 };
            let mut rest = i64::from(*run) - i64::from(before);
            loop {
                let mut group = rest & 0x1f;
                rest >>= 5;
                // Done when what is left is nothing but the sign of the last group.
                let done = if group & 0x10 != 0 { rest == -1 } else { rest == 0 };
                if !done {
                    group |= MORE;
                }
                text.push(char::from(FIRST + group as u8));
                if done {
                    break;
                }
            }
        }
        text
    }

    /// From COCO's compressed counts for a picture of `width` x `height`.
    ///
    /// # Errors
    /// In words: a character that is none of the code, a number cut short or out of range, runs
    /// that do not add up to the picture.
    pub fn from_coco(width: u32, height: u32, counts: &str) -> Result<Self, String> {
        let pixels = u64::from(width) * u64::from(height);
        let mut runs: Vec<u32> = Vec::new();
        let mut bytes = counts.bytes();
        while let Some(mut byte) = bytes.next() {
            let (mut value, mut shift) = (0i64, 0u32);
            loop {
                let group = byte.checked_sub(FIRST).filter(|g| *g < 64).map(i64::from);
                let Some(group) = group else {
                    return Err(format!("`{}` is no character of the code", char::from(byte)));
                };
                if shift > 35 {
                    return Err("a run is longer than any picture".to_owned());
                }
                value |= (group & 0x1f) << shift;
                shift += 5;
                if group & MORE == 0 {
                    if group & 0x10 != 0 {
                        value |= -1i64 << shift;
                    }
                    break;
                }
                byte = bytes.next().ok_or("the counts end in the middle of a number")?;
            }
            if runs.len() > 2 {
                value += runs.get(runs.len() - 2).copied().map_or(0, i64::from);
            }
            let run = u32::try_from(value).map_err(|_| format!("a run of {value} pixels"))?;
            runs.push(run);
        }
        let sum: u64 = runs.iter().map(|r| u64::from(*r)).sum();
        Self::from_runs(width, height, runs)
            .ok_or_else(|| format!("the runs cover {sum} pixels where the picture has {pixels}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Made with a Python re-implementation of `rleToString` of `maskApi.c`:
    /// runs and what they become.
    const KNOWN: &[(u32, u32, &[u32], &str)] = include!("coco_known.in");

    #[test]
    fn counts_are_those_of_the_reference_in_both_directions() {
        for (w, h, runs, text) in KNOWN {
            let mask = Mask::from_runs(*w, *h, runs.to_vec()).unwrap();
            assert_eq!(mask.to_coco(), *text, "{w}x{h}");
            assert_eq!(Mask::from_coco(*w, *h, text).unwrap(), mask, "{w}x{h}");
        }
    }

    #[test]
    fn a_codec_without_the_difference_would_be_noticed() {
        let (w, h, runs, text) = &KNOWN[3];
        let mut other = runs.to_vec();
        other.swap(3, 5);
        let mask = Mask::from_runs(*w, *h, other).unwrap();
        assert_ne!(mask.to_coco(), *text);
    }

    #[test]
    fn broken_counts_are_refused_in_words() {
        let bad = |text: &str| Mask::from_coco(4, 4, text).unwrap_err();
        assert!(bad("é").contains("no character"));
        assert!(bad("P").contains("middle of a number"));
        assert!(bad("oooooooooo0").contains("longer than any picture"));
        assert!(bad("O").contains("run of -1"));
        assert!(bad("5").contains("cover 5 pixels"));
        assert!(bad("").contains("cover 0 pixels"));
    }

    proptest! {
        #[test]
        fn every_mask_comes_back(bits in proptest::collection::vec(any::<bool>(), 63)) {
            let mask = Mask::from_fn(9, 7, |x, y| bits[(y * 9 + x) as usize]);
            prop_assert_eq!(Mask::from_coco(9, 7, &mask.to_coco()), Ok(mask));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            if let Ok(mask) = Mask::from_coco(5, 5, &text) {
                prop_assert_eq!(mask.to_pixels().len(), 25);
            }
        }
    }
}
