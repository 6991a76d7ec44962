//! The shader files: embedded, and in debug builds reloaded when they change on disk.
//!
//! A line `// include: NAME` puts another file of `shaders/` in its place; validation in the
//! tests resolves it with the same function.

/// Name and text of every shader file.
pub const SHADERS: &[(&str, &str)] = &[
    ("heatmap.wgsl", include_str!("../../shaders/heatmap.wgsl")),
    ("picture.wgsl", include_str!("../../shaders/picture.wgsl")),
    ("yuv.wgsl", include_str!("../../shaders/yuv.wgsl")),
];

/// A shader's text with its includes, from `read` (file name to text); `None` when a file is
/// missing. Included files include nothing themselves.
pub fn resolved(name: &str, read: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut out = String::new();
    for line in read(name)?.lines() {
        match line.strip_prefix("// include: ") {
            Some(other) => out.push_str(&read(other.trim())?),
            None => out.push_str(line),
        }
        out.push('\n');
    }
    Some(out)
}

/// The text that was compiled in.
pub fn embedded(name: &str) -> Option<String> {
    resolved(name, |n| SHADERS.iter().find(|(k, _)| *k == n).map(|(_, t)| (*t).to_owned()))
}

/// The text on disk, for debug builds run from the source tree.
pub(crate) fn on_disk(name: &str) -> Option<String> {
    resolved(name, |n| std::fs::read_to_string(folder().join(n)).ok())
}

pub(crate) fn folder() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_embedded_as_it_is() {
        let mut files: Vec<String> = std::fs::read_dir(folder())
            .unwrap()
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        files.sort();
        let names: Vec<&str> = SHADERS.iter().map(|(n, _)| *n).collect();
        assert_eq!(files, names);
        for n in names {
            assert_eq!(embedded(n), on_disk(n));
        }
    }

    #[test]
    fn an_include_of_nothing_is_an_error() {
        let read = |n: &str| (n == "a").then(|| "// include: b\n".to_owned());
        assert_eq!(resolved("a", read), None);
    }
}
