//! Numbers as the little-endian bytes that files and graphs hold.

use std::borrow::Cow;

/// The bytes of `data`, without a copy where memory is little-endian already.
pub(super) fn le_bytes(data: &[f32]) -> Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        Cow::Borrowed(bytemuck::cast_slice(data))
    } else {
        Cow::Owned(data.iter().flat_map(|v| v.to_le_bytes()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_3f800000_with_its_low_byte_first() {
        assert_eq!(*le_bytes(&[1.0, -2.0]), [0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0]);
    }
}
