//! Every shader file is valid, and a broken one is seen.

use std::path::Path;

fn problem(source: &str) -> Option<String> {
    let module = match naga::front::wgsl::parse_str(source) {
        Ok(m) => m,
        Err(e) => return Some(e.emit_to_string(source)),
    };
    let mut validator = naga::valid::Validator::new(
        naga::valid::ValidationFlags::all(),
        naga::valid::Capabilities::empty(),
    );
    validator.validate(&module).err().map(|e| e.emit_to_string(source))
}

#[test]
fn every_shader_file_is_valid() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let mut problems = Vec::new();
    let mut seen = 0;
    for entry in std::fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(name.ends_with(".wgsl"), "{name}: not a shader");
        let read = |n: &str| std::fs::read_to_string(dir.join(n)).ok();
        let source = fnac::overlay::shaders::resolved(&name, read).unwrap();
        seen += 1;
        if let Some(p) = problem(&source) {
            problems.push(format!("{name}:\n{p}"));
        }
    }
    assert!(seen >= 3 && problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_broken_shader_is_seen() {
    let good = fnac::overlay::shaders::embedded("yuv.wgsl").unwrap();
    assert!(problem(&good).is_none());
    assert!(problem(&good.replace("dot(yuv.rgb[0], samples)", "dot(yuv.rgb[0], c)")).is_some());
    assert!(problem(&good.replace("vec4<f32>(c, 1.0);", "c;")).is_some());
}
