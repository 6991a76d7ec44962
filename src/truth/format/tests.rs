use super::*;
use crate::truth::testing::{secs, walk};
use proptest::prelude::*;

fn with_masks() -> TruthTrack {
    let mut track = walk();
    let mask = Mask::from_fn(200, 100, |x, y| (x + 2 * y) % 7 < 3);
    track.sources[0].moments[0].mask = Some(mask);
    track.sources.push(Source {
        id: 7,
        kind: "siren".into(),
        variant: String::new(),
        sounding: vec![Span { start: secs(0.0), end: secs(0.5) }],
        moments: Vec::new(),
        between: Between::Hold,
    });
    track
}

fn defects_of(json: &str) -> Vec<String> {
    let (_, defects) = TruthTrack::from_json_tolerant(json.as_bytes()).unwrap();
    defects.iter().map(ToString::to_string).collect()
}

/// A file with one source, of which only the moments and spans are given.
fn file(sounding: &str, moments: &str) -> String {
    format!(
        r#"{{"format":"fnac-truth","version":1,"width":100,"height":50,"duration":5000000000,
        "sources":[{{"id":2,"kind":"dog","sounding":{sounding},"moments":{moments}}}]}}"#
    )
}

#[test]
fn what_is_written_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.truth.json");
    let track = with_masks();
    track.write(&path).unwrap();
    assert_eq!(TruthTrack::read(&path).unwrap(), track);
    let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "no temporary file is left");
}

#[test]
fn the_example_of_the_description_is_a_truth_file() {
    let text = include_str!("../../../docs/truth-format.md");
    let json = text.split("```json").nth(1).and_then(|t| t.split("```").next()).unwrap();
    let track = TruthTrack::from_json(json.as_bytes()).unwrap();
    assert_eq!(track.sources.len(), 3);
    let mask = track.sources[0].moments[0].mask.as_ref().unwrap();
    assert_eq!(mask.bounds(), track.sources[0].moments[0].bbox, "the mask fills its box");
}

#[test]
fn fields_of_later_makers_are_ignored() {
    let json = file("[]", "[]").replace("\"kind\"", "\"weight_kg\":[12,{}],\"kind\"");
    TruthTrack::from_json(json.as_bytes()).unwrap();
}

#[test]
fn a_newer_version_is_refused_with_the_way_out_even_if_nothing_else_fits() {
    let json = br#"{"format":"fnac-truth","version":2,"sources":"elsewhere"}"#;
    let e = TruthTrack::from_json_tolerant(json).unwrap_err().to_string();
    assert!(e.contains("version 2") && e.contains("up to 1") && e.contains("that wrote it"), "{e}");
}

#[test]
fn other_json_and_no_json_are_told_apart() {
    let e = |json: &str| TruthTrack::from_json(json.as_bytes()).unwrap_err().to_string();
    assert!(e("{}").contains("`format` is missing"));
    assert!(e(r#"{"format":"coco","version":1}"#).contains("\"coco\""));
    assert!(e("RIFF").contains("no truth file"));
    assert!(e(r#"{"format":"fnac-truth","version":1}"#).contains("width"));
    assert!(e(r#"{"format":"fnac-truth"}"#).contains("version"));
    assert!(e("").contains("line 1"));
}

#[test]
fn bad_boxes_are_listed_by_source_and_moment_and_the_rest_is_used() {
    let moments = r#"[{"time":0,"box":[10,10,20,20]},
        {"time":1000000000,"box":[30,10,20,20]},
        {"time":2000000000,"box":[null,10,20,20]},
        {"time":2500000000,"box":[1,2,3]},
        {"time":3000000000,"box":[10,10,10,20]},
        {"time":3500000000,"box":[90,10,120,20]},
        {"time":4000000000,"box":[190,10,220,20]}]"#;
    let json = file("[[0,1000000000]]", moments);
    let said = defects_of(&json);
    let want = [
        "source 2 (dog), moment 3 at 0:02.500: a box has four edges, not 3",
        "source 2 (dog), moment 1 at 0:01.000: the box [30, 10, 20, 20] is reversed",
        "source 2 (dog), moment 2 at 0:02.000: the box [NaN, 10, 20, 20] is not of four numbers",
        "moment 3 at 0:03.000: the box [10, 10, 10, 20] is empty",
        "moment 4 at 0:03.500: the box [90, 10, 120, 20] reaches outside",
        "moment 5 at 0:04.000: the box [190, 10, 220, 20] lies outside",
    ];
    assert_eq!(said.len(), want.len(), "{said:#?}");
    for (said, want) in said.iter().zip(want) {
        assert!(said.contains(want), "{said} / {want}");
    }
    let (track, _) = TruthTrack::from_json_tolerant(json.as_bytes()).unwrap();
    let boxes: Vec<_> = track.sources[0].moments.iter().map(|m| m.bbox.map(|b| b.x1)).collect();
    assert_eq!(boxes, [Some(20.0), None, Some(100.0), None]);
    let e = TruthTrack::from_json(json.as_bytes()).unwrap_err().to_string();
    assert!(e.contains("and 3 more"), "{e}");
}

#[test]
fn a_number_too_large_for_a_box_is_no_number() {
    let e = TruthTrack::from_json(file("[]", r#"[{"time":0,"box":[1e999,0,1,1]}]"#).as_bytes());
    assert!(e.is_err());
}

#[test]
fn bad_spans_are_listed_and_put_right() {
    let json = file(
        "[[3000000000,4000000000],[0,2000000000],[1000000000,2500000000],[2,1],[4500000000,9000000000],[9000000000,9500000000]]",
        "[]",
    );
    let said = defects_of(&json).join("\n");
    for want in ["empty or reversed", "reaches outside", "is outside", "out of order", "overlap"] {
        assert!(said.contains(want), "{want} is not in {said}");
    }
    let (track, _) = TruthTrack::from_json_tolerant(json.as_bytes()).unwrap();
    let spans: Vec<_> = track.sources[0]
        .sounding
        .iter()
        .map(|s| (s.start.as_nanos() / 100_000_000, s.end.as_nanos() / 100_000_000))
        .collect();
    assert_eq!(spans, [(0, 25), (30, 40), (45, 50)]);
}

#[test]
fn moments_out_of_order_are_sorted_and_the_last_of_one_time_counts() {
    let json = file(
        "[]",
        r#"[{"time":2000,"box":[0,0,2,2]},{"time":1000,"box":[0,0,1,1]},{"time":2000,"box":[0,0,3,3]}]"#,
    );
    let (track, defects) = TruthTrack::from_json_tolerant(json.as_bytes()).unwrap();
    let x1: Vec<_> = track.sources[0].moments.iter().map(|m| m.bbox.unwrap().x1).collect();
    assert_eq!(x1, [1.0, 3.0]);
    assert_eq!(defects.len(), 2);
}

#[test]
fn masks_of_another_size_or_with_broken_counts_are_left_out() {
    let json = file(
        "[]",
        r#"[{"time":0,"mask":{"size":[50,99],"counts":[4950]}},
            {"time":1,"mask":{"size":[50,100],"counts":"!"}},
            {"time":2,"mask":{"size":[50,100],"counts":[0,100,4900]}},
            {"time":3,"mask":{"size":[50,100],"counts":[1]}}]"#,
    );
    let said = defects_of(&json).join("\n");
    for want in ["99x50", "`!`", "do not cover"] {
        assert!(said.contains(want), "{want}: {said}");
    }
    let (track, _) = TruthTrack::from_json_tolerant(json.as_bytes()).unwrap();
    let m = &track.sources[0].moments[2];
    let b = m.bbox.unwrap();
    assert_eq!((b.x0, b.x1, b.y1), (0.0, 2.0, 50.0), "a mask alone says where");
}

#[test]
fn numbers_of_sources_are_told_apart() {
    let one = r#"{"id":1,"kind":"a"}"#;
    let json = format!(
        r#"{{"format":"fnac-truth","version":1,"width":9,"height":9,"sources":[{one},{one},{}]}}"#,
        r#"{"id":0}"#
    );
    let (track, defects) = TruthTrack::from_json_tolerant(json.as_bytes()).unwrap();
    let ids: Vec<_> = track.sources.iter().map(|s| s.id).collect();
    assert_eq!((ids, defects.len()), (vec![1, 2, 3], 2));
}

#[test]
fn too_much_is_refused_before_it_is_built() {
    let many = vec![r#"{"id":1}"#; SOURCES_MAX + 1].join(",");
    let json =
        format!(r#"{{"format":"fnac-truth","version":1,"width":9,"height":9,"sources":[{many}]}}"#);
    assert!(TruthTrack::from_json(json.as_bytes()).unwrap_err().to_string().contains("sources"));
    let wide = file("[]", "[]").replace("\"width\":100", "\"width\":4000000000");
    assert!(TruthTrack::from_json(wide.as_bytes()).unwrap_err().to_string().contains("too large"));
}

#[test]
fn a_thousand_defects_are_listed_and_the_rest_counted() {
    let moments: Vec<_> = (0..1500).map(|i| format!(r#"{{"time":{i},"box":[5,5,4,6]}}"#)).collect();
    let said = defects_of(&file("[]", &format!("[{}]", moments.join(","))));
    assert_eq!(said.len(), 1001);
    assert!(said[1000].contains("500 more"));
}

#[test]
fn a_track_with_defects_is_not_written_and_a_missing_folder_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut track = walk();
    let b = track.sources[0].moments[0].bbox.as_mut().unwrap();
    b.x0 = f64::NAN;
    let e = track.write(&dir.path().join("x.truth.json")).unwrap_err().to_string();
    assert!(e.contains("x.truth.json") && e.contains("not of four numbers"), "{e}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let e = walk().write(&dir.path().join("no/such/x.truth.json")).unwrap_err().to_string();
    assert!(e.contains("cannot be written"), "{e}");
    let e = TruthTrack::read(&dir.path().join("none.truth.json")).unwrap_err().to_string();
    assert!(e.contains("none.truth.json") && e.contains("cannot be read"), "{e}");
}

#[test]
fn the_sidecar_lies_beside_the_clip() {
    let of = |p: &str| TruthTrack::sidecar(Path::new(p));
    assert_eq!(of("/a/b.c/holiday.2.mp4"), Path::new("/a/b.c/holiday.2.truth.json"));
    assert_eq!(of("clip"), Path::new("clip.truth.json"));
    assert!(TruthTrack::is_truth_file(Path::new("/x/A.TRUTH.JSON")));
    assert!(!TruthTrack::is_truth_file(Path::new("/x/truth.json.mp4")));
}

#[test]
fn no_fault_in_writing_leaves_half_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.truth.json");
    std::fs::create_dir(&path).unwrap();
    assert!(walk().write(&path).is_err(), "a folder stands where the file should");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

fn any_source() -> impl Strategy<Value = Source> {
    let edge = -20.0..220.0f64;
    let a_box = proptest::option::of([edge.clone(), edge.clone(), edge.clone(), edge]);
    (
        any::<u32>(),
        ".{0,8}",
        proptest::collection::vec((-9i64..9, -9i64..9), 0..5),
        proptest::collection::vec((-9i64..9, a_box), 0..6),
        any::<bool>(),
    )
        .prop_map(|(id, kind, spans, moments, linear)| Source {
            id,
            kind,
            variant: String::new(),
            sounding: spans
                .into_iter()
                .map(|(a, b)| Span { start: secs(a as f64), end: secs(b as f64) })
                .collect(),
            moments: moments
                .into_iter()
                .map(|(t, b)| Moment {
                    time: secs(t as f64),
                    bbox: b.map(|[x0, y0, x1, y1]| TruthBox { x0, y0, x1, y1 }),
                    mask: None,
                })
                .collect(),
            between: if linear { Between::Linear } else { Between::Hold },
        })
}

proptest! {
    #[test]
    fn whatever_is_tidied_is_sound_and_survives_its_file(
        sources in proptest::collection::vec(any_source(), 0..4)
    ) {
        let mut track = TruthTrack { sources, ..walk() };
        track.tidy();
        prop_assert_eq!(track.defects(), Vec::new());
        let back = TruthTrack::from_json(track.to_json().as_bytes()).unwrap();
        // Edges may differ in their last bit: serde_json reads 17 digits to one place.
        for (a, b) in track.sources.iter().zip(&back.sources) {
            for (m, n) in a.moments.iter().zip(&b.moments) {
                if let (Some(m), Some(n)) = (m.bbox, n.bbox) {
                    prop_assert!((m.x0 - n.x0).abs() < 1e-12 && (m.y1 - n.y1).abs() < 1e-12);
                }
            }
            prop_assert_eq!(&a.sounding, &b.sounding);
        }
        for t in -10..10 {
            for at in back.at(secs(f64::from(t) / 1.5)) {
                prop_assert!(at.bbox.is_none_or(|b| b.is_sound()));
            }
        }
    }

    #[test]
    fn mutated_files_never_panic(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..12)
    ) {
        let mut bytes = with_masks().to_json().into_bytes();
        for (at, byte, how) in edits {
            let i = at.index(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
            match how {
                0 => bytes[i] = byte,
                1 => bytes.insert(i, byte),
                _ => { bytes.truncate(i.max(1)); }
            }
        }
        if let Ok((track, _)) = TruthTrack::from_json_tolerant(&bytes) {
            prop_assert_eq!(track.defects(), Vec::new());
            let _ = (track.at(secs(1.0)), track.sources.iter().map(Source::heard_spans).count());
        }
    }

    #[test]
    fn mutated_numbers_never_panic(
        which in any::<prop::sample::Index>(),
        value in prop_oneof![
            Just("-9223372036854775808".to_owned()), Just("9223372036854775807".to_owned()),
            Just("1e308".to_owned()), Just("-1".to_owned()), Just("null".to_owned()),
            Just("4294967295".to_owned()), any::<i64>().prop_map(|v| v.to_string()),
        ]
    ) {
        let json = with_masks().to_json();
        let numbers: Vec<_> = json.match_indices(|c: char| c.is_ascii_digit()).collect();
        let (at, _) = numbers[which.index(numbers.len())];
        let text = format!("{}{value}{}", &json[..at], &json[at + 1..]);
        if let Ok((track, _)) = TruthTrack::from_json_tolerant(text.as_bytes()) {
            let _ = (track.at(secs(1.0)), track.to_json());
            for s in &track.sources {
                let _ = s.heard_spans();
            }
        }
    }
}
