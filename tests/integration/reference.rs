//! Finds the golden data, which lies beside the repository and is never part of it.

use std::path::PathBuf;

/// Path of a file of the golden data, from `FNAC_REFERENCE` or `../shared/reference`; `None`,
/// with a line that says so, where it is absent. `FNAC_REQUIRE_REFERENCE=1` makes that a failure.
pub fn reference(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("FNAC_REFERENCE").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/reference"),
        PathBuf::from,
    );
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    let required = std::env::var_os("FNAC_REQUIRE_REFERENCE").is_some_and(|v| v == "1");
    assert!(!required, "the golden data is absent: {}", path.display());
    eprintln!("skipped: golden data absent: {}", path.display());
    None
}
