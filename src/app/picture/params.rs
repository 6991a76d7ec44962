//! tmp
pub fn overlay_params() {} pub fn with_map() {}
