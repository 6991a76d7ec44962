//! tmp
pub fn hud_data() {} pub fn hud_ui() {} pub fn legend_facts() {} pub fn legend_ui() {} pub fn map_word() {}
