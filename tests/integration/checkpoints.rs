//! Checkpoints: everything a user may have, and everything a user may drop by mistake.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fnac::model::{
    Checkpoint, CheckpointCard, CheckpointError, CheckpointFormat, CheckpointKind, FnacConfig,
};
use fnac::units::CellGeometry;

use crate::reference::reference;

fn golden(name: &str) -> Option<PathBuf> {
    reference(&format!("checkpoints/{name}"))
}

fn read(name: &str) -> Option<Checkpoint> {
    golden(name).map(|p| Checkpoint::read(&p).unwrap_or_else(|e| panic!("{name}: {e}")))
}

fn refused(name: &str) -> Option<CheckpointError> {
    golden(name).map(|p| match Checkpoint::read(&p) {
        Ok(_) => panic!("{name} was read"),
        Err(e) => e,
    })
}

fn same_tensors(a: &Checkpoint, b: &Checkpoint) {
    assert_eq!(a.config, b.config);
    assert_eq!(a.tensors.len(), b.tensors.len());
    for (name, t) in &a.tensors {
        assert_eq!(t, &b.tensors[name], "{name}");
    }
}

#[test]
fn the_weight_formula_equals_the_golden_bits() {
    let Some(path) = reference("formula_check.json") else { return };
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let wide = Checkpoint::formula(64, 512, "");
    let narrow = Checkpoint::formula(8, 64, "");
    let salted = Checkpoint::formula(8, 64, "ezvsl/");
    let object = Checkpoint::formula_object(64, "");
    let mut checked = 0;
    for row in json["keys"].as_array().unwrap() {
        let key = row["key"].as_str().unwrap();
        let shape: Vec<usize> =
            row["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
        let all =
            if row["salt"].is_string() { vec![&salted] } else { vec![&wide, &narrow, &object] };
        let found = all.iter().find_map(|c| c.tensors.get(key).filter(|t| t.shape == shape));
        let Some(t) = found else {
            // The classifier is not part of an object tower.
            assert!(key.starts_with("fc."), "{key} {shape:?}");
            continue;
        };
        for (v, want) in t.data.iter().zip(row["f32_first4"].as_array().unwrap()) {
            assert_eq!(*v, want.as_f64().unwrap() as f32, "{key}");
        }
        if let Some(bits) = row["f32_last_bits"].as_str() {
            let last = t.data.last().unwrap().to_bits();
            assert_eq!(format!("{last:08x}"), bits, "{key}");
            let sum: f64 = t.data.iter().map(|v| f64::from(*v)).sum();
            assert!((sum - row["sum_f64"].as_f64().unwrap()).abs() < 1e-6, "{key}");
        }
        checked += 1;
    }
    assert!(checked >= 11, "{checked}");
}

#[test]
fn official_files_read_whatever_their_container_and_prefix() {
    let formula = Checkpoint::formula(8, 64, "");
    for (name, format) in [
        ("narrow.pth", CheckpointFormat::PytorchZip),
        ("narrow_module.pth", CheckpointFormat::PytorchZip),
        ("narrow_legacy.pth", CheckpointFormat::PytorchLegacy),
    ] {
        let Some(c) = read(name) else { return };
        same_tensors(&c, &formula);
        assert_eq!((c.kind, c.format), (CheckpointKind::Fnac, format));
        assert_eq!(c.card.metrics["epoch"], 7.0);
        assert_eq!(c.card.metrics["best_cIoU"], 0.375);
        assert_eq!((c.card.sample_rate, c.card.tau), (16_000, 0.03));
        assert_eq!(c.sha256.len(), 64);
        assert_eq!(c.card.name, name.trim_end_matches(".pth"));
    }
}

#[test]
fn ez_vsl_torchvision_old_gpu_and_half_precision_files_read() {
    let Some(c) = read("narrow_ezvsl.pth") else { return };
    same_tensors(&c, &Checkpoint::formula(4, 32, "ezvsl/"));
    let c = read("resnet18_narrow.pth").unwrap();
    assert_eq!(c.kind, CheckpointKind::ObjectTower);
    same_tensors(&c, &Checkpoint::formula_object(4, ""));
    assert!(c.notes.iter().any(|n| n.contains("`fc`")), "{:?}", c.notes);
    let tiny = Checkpoint::formula(2, 16, "");
    same_tensors(&read("tiny_gpu_archive.pth").unwrap(), &tiny);
    let half = read("tiny_f16.pth").unwrap();
    for (name, t) in &half.tensors {
        for (a, b) in t.data.iter().zip(&tiny.tensors[name].data) {
            // f16 keeps 11 bits.
            assert!((a - b).abs() <= b.abs() / 2048.0 + 1e-7, "{name}: {a} {b}");
        }
    }
}

#[test]
fn a_trained_file_with_a_filled_optimizer_gives_its_weights_alone() {
    let Some(c) = read("tiny_full.pth") else { return };
    assert_eq!(c.config, FnacConfig::new(2, 16));
    assert_eq!(c.tensors.len(), 244);
    let bytes = std::fs::read(golden("tiny_full_expected.safetensors").unwrap()).unwrap();
    let expected = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut checked = 0;
    for (name, view) in expected.iter() {
        let Some(name) = name.strip_prefix("model.") else { continue };
        let want: Vec<f32> = match view.dtype() {
            safetensors::Dtype::I64 => {
                let all = view.data().as_chunks::<8>().0.iter();
                all.map(|b| i64::from_le_bytes(*b) as f32).collect()
            }
            _ => view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        };
        assert_eq!(c.tensors[name].data, want, "{name}");
        checked += 1;
    }
    assert_eq!(checked, 5);
}

#[test]
fn what_does_not_match_is_named_with_both_shapes() {
    let Some(e) = refused("bad_shape.pth") else { return };
    let CheckpointError::Shape { tensor, expected, found, .. } = &e else { panic!("{e}") };
    assert_eq!(tensor, "img_proj.weight");
    assert_eq!((expected.as_slice(), found.as_slice()), (&[16, 16, 1, 1][..], &[16, 17, 1, 1][..]));
    let text = e.to_string();
    for part in ["bad_shape.pth", "img_proj.weight", "[16, 16, 1, 1]", "[16, 17, 1, 1]"] {
        assert!(text.contains(part), "{text}");
    }
    let e = refused("missing_key.pth").unwrap();
    let CheckpointError::Keys { missing, extra, .. } = &e else { panic!("{e}") };
    assert_eq!(missing, &["audnet.layer3.1.bn2.running_var"]);
    assert!(extra.is_empty() && e.to_string().contains("audnet.layer3.1.bn2.running_var"));
    let e = refused("extra_key.pth").unwrap();
    let CheckpointError::Keys { missing, extra, .. } = &e else { panic!("{e}") };
    assert!(missing.is_empty());
    assert_eq!(extra, &["surprise.weight"]);
}

#[test]
fn damaged_and_foreign_files_are_refused_with_cause_and_remedy() {
    for name in ["truncated.pth", "short_storage.pth", "not_a_checkpoint.pth", "views.pth"] {
        let Some(e) = refused(name) else { return };
        let text = e.to_string();
        assert!(text.contains(name), "{text}");
        assert!(text.len() > 60, "no cause or remedy: {text}");
    }
    let e = refused("views.pth").unwrap();
    assert!(matches!(e, CheckpointError::OtherContent { .. }), "{e}");
}

#[test]
fn a_malicious_pickle_executes_nothing() {
    let before = Path::new("PWNED").exists();
    assert!(!before, "an older test left PWNED behind");
    let Some(c) = golden("malicious.pth") else { return };
    // It is refused, or read past the trap; what counts is that the trap does not spring.
    Checkpoint::read(&c).ok();
    assert!(refused("malicious_legacy.pth").is_some());
    assert!(!Path::new("PWNED").exists());
    assert!(!c.with_file_name("PWNED").exists());
}

#[test]
fn the_depth_of_the_trunks_is_read_from_the_tensors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep.pth");
    let config = FnacConfig { width: 1, dim: 4, depth: [1, 2, 4, 3] };
    let c = Checkpoint::formula_of(config, "");
    c.write_pth(&path).unwrap();
    same_tensors(&c, &Checkpoint::read(&path).unwrap());
}

#[test]
fn own_safetensors_keep_weights_and_card() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("größe 64 \u{1F3B5}.safetensors");
    let mut c = Checkpoint::formula(2, 16, "");
    c.card = CheckpointCard {
        name: "A name".into(),
        sample_rate: 22_050,
        tau: 0.07,
        cell_geometry: Some(CellGeometry::Receptive { offset_px: 6.5 }),
        no_source_threshold: Some(0.11),
        calibration: Some((-0.05, 0.42)),
        remark: Some("knows only this drawn world".into()),
        lineage: BTreeMap::from([("recipe".into(), "demo".into())]),
        metrics: BTreeMap::from([("success_at_0_5".into(), 0.75)]),
        ..Default::default()
    };
    c.write_safetensors(&path).unwrap();
    let back = Checkpoint::read(&path).unwrap();
    same_tensors(&c, &back);
    assert_eq!(back.card, c.card);
    assert_eq!(back.format, CheckpointFormat::OwnSafetensors);
    assert!(back.notes.is_empty(), "{:?}", back.notes);
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "temporary files were left behind");
}

#[test]
fn foreign_safetensors_and_the_official_layout_round_trip() {
    let dir = tempfile::tempdir().unwrap();
    let c = Checkpoint::formula(2, 16, "x/");
    let pth = dir.path().join("a.pth");
    c.write_pth(&pth).unwrap();
    let back = Checkpoint::read(&pth).unwrap();
    same_tensors(&c, &back);
    assert_eq!(back.format, CheckpointFormat::PytorchZip);
    let object = Checkpoint::formula_object(2, "");
    let path = dir.path().join("o.pth");
    object.write_pth(&path).unwrap();
    let back = Checkpoint::read(&path).unwrap();
    assert_eq!(back.kind, CheckpointKind::ObjectTower);
    same_tensors(&object, &back);
    // Without a card, and without the counters, as other tools write it.
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = c
        .tensors
        .iter()
        .filter(|(name, _)| !name.ends_with("num_batches_tracked"))
        .map(|(n, t)| {
            (format!("module.{n}"), t.shape.clone(), bytemuck::cast_slice(&t.data).to_vec())
        })
        .collect();
    let views = bytes.iter().map(|(n, s, b)| {
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, s.clone(), b);
        (n.as_str(), view.unwrap())
    });
    let path = dir.path().join("foreign.safetensors");
    std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    let back = Checkpoint::read(&path).unwrap();
    same_tensors(&c, &back);
    assert_eq!(back.format, CheckpointFormat::ForeignSafetensors);
    assert_eq!(back.notes.len(), 2, "{:?}", back.notes);
}

#[test]
fn tau_comes_from_the_side_file_of_an_official_run() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("best.pth");
    Checkpoint::formula(1, 2, "").write_pth(&path).unwrap();
    let side = dir.path().join("configs.json");
    std::fs::write(&side, r#"{"batch_size": 256, "tau": 0.07, "trainset": "vggss_144k"}"#).unwrap();
    let c = Checkpoint::read(&path).unwrap();
    assert_eq!(c.card.tau, 0.07);
    assert_eq!(c.card.lineage["trainset"], "vggss_144k");
    std::fs::write(&side, "[not json").unwrap();
    let c = Checkpoint::read(&path).unwrap();
    assert_eq!(c.card.tau, 0.03);
    assert!(c.notes.iter().any(|n| n.contains("configs.json")));
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (value, tensor) in [
        (f32::NAN, "aud_proj.bias"),
        (f32::INFINITY, "imgnet.conv1.weight"),
        (-0.5, "audnet.bn1.running_var"),
    ] {
        let mut c = Checkpoint::formula(1, 2, "");
        c.tensors.get_mut(tensor).unwrap().data[0] = value;
        let path = dir.path().join("bad.safetensors");
        c.write_safetensors(&path).unwrap();
        let e = Checkpoint::read(&path).unwrap_err();
        assert!(matches!(&e, CheckpointError::Value { tensor: t, .. } if t == tensor), "{e}");
    }
}

#[test]
fn files_that_are_no_checkpoints_give_errors() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let header = |json: &str, len: u64| [&len.to_le_bytes()[..], json.as_bytes()].concat();
    let huge = r#"{"imgnet.conv1.weight":{"dtype":"F32","shape":[4294967295,4294967295],"data_offsets":[0,18446744073709551615]}}"#;
    let mut cases = vec![
        file("empty.pth", b""),
        file("one.pth", b"P"),
        file("text.safetensors", b"hello, this is text"),
        file("long.safetensors", &header("{", u64::MAX)),
        file("longer.safetensors", &header("{}", 1 << 40)),
        file("huge.safetensors", &header(huge, huge.len() as u64)),
        file("none.safetensors", &header("{}", 2)),
        file("zip.pth", b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        file("pickle.pth", b"\x80\x02}."),
        file("png.pth", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        dir.path().to_owned(),
        dir.path().join("absent.pth"),
    ];
    #[cfg(unix)]
    cases.push("/dev/null".into());
    for path in cases {
        let e = Checkpoint::read(&path).err().unwrap_or_else(|| panic!("{path:?} was read"));
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(e.to_string().contains(&name), "{e}");
    }
    // An unwritable place leaves nothing and says so.
    let e = Checkpoint::formula(1, 2, "").write_pth(&dir.path().join("no/such/a.pth")).unwrap_err();
    assert!(matches!(e, CheckpointError::Write { .. }) && e.to_string().contains("folder"), "{e}");
}

/// Bit flips and cuts at many places of each format: an answer of either kind, never a panic.
#[test]
fn mutants_of_every_format_are_read_or_refused() {
    let dir = tempfile::tempdir().unwrap();
    let c = Checkpoint::formula(1, 2, "");
    let own = dir.path().join("own.safetensors");
    let zip = dir.path().join("zip.pth");
    c.write_safetensors(&own).unwrap();
    c.write_pth(&zip).unwrap();
    let sources = [Some(own), Some(zip), golden("narrow_legacy.pth")];
    let mut seed = 1u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    let mutant = dir.path().join("mutant");
    let (mut refused, mut total) = (0, 0);
    for source in sources.into_iter().flatten() {
        let bytes = std::fs::read(source).unwrap();
        for i in 0..120 {
            let mut m = bytes.clone();
            if i % 4 == 0 {
                m.truncate(next() % bytes.len());
            } else {
                // Mostly where structure is: the first and last kilobytes.
                for _ in 0..=i % 3 {
                    let span = if i % 2 == 0 { bytes.len() } else { 6000.min(bytes.len()) };
                    let at = next() % span;
                    let at = if i % 8 == 1 { bytes.len() - 1 - at } else { at };
                    m[at] ^= 1 << (next() % 8);
                }
            }
            std::fs::write(&mutant, &m).unwrap();
            total += 1;
            refused += usize::from(Checkpoint::read(&mutant).is_err());
        }
    }
    assert!(refused > total / 4, "{refused} of {total}: the mutants are too tame");
}
