//! The floor plan of docs/ARCHITECTURE.md: arrows between rooms point down.

use std::path::{Path, PathBuf};

/// Rooms by floor, from the ground up.
const FLOORS: &[&[&str]] = &[
    &["files", "units"],
    &["features", "overlay", "truth"],
    &["synth", "media", "audio", "model"],
    &["data", "export", "infer"],
    &["player", "eval", "train"],
    &["app", "cli"],
];

/// Arrows that the table does not give, each with its reason in docs/ARCHITECTURE.md.
const SIDEWAYS: &[(&str, &str)] = &[("cli", "app"), ("train", "eval")];

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|f| f.contains(&room))
}

/// Rooms named as `crate::room` in `source`, comments and docs left out.
fn rooms_used(source: &str) -> Vec<String> {
    let code = source.lines().map(|l| l.split("//").next().unwrap_or_default());
    let mut rooms = Vec::new();
    for line in code {
        let mut rest = line;
        while let Some(at) = rest.find("crate::") {
            rest = &rest[at + "crate::".len()..];
            if let Some(list) = rest.strip_prefix('{') {
                let names = list.split('}').next().unwrap_or_default().split(',');
                rooms.extend(names.map(|n| first_name(n.trim())));
            } else {
                rooms.push(first_name(rest));
            }
        }
    }
    rooms
}

fn first_name(path: &str) -> String {
    path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn arrow_is_wrong(from: &str, to: &str) -> bool {
    match (floor_of(from), floor_of(to)) {
        (Some(a), Some(b)) if from != to => b >= a && !SIDEWAYS.contains(&(from, to)),
        _ => false,
    }
}

fn rust_files(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

#[test]
fn no_room_uses_a_room_above_or_beside_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(&src).unwrap() {
        let dir = entry.unwrap().path();
        if !dir.is_dir() {
            continue;
        }
        let room = dir.file_name().unwrap().to_string_lossy().into_owned();
        assert!(floor_of(&room).is_some(), "`{room}` stands on no floor: add it to the plan");
        let mut files = Vec::new();
        rust_files(&dir, &mut files);
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            for used in rooms_used(&text) {
                if arrow_is_wrong(&room, &used) {
                    wrong.push(format!("{}: {room} -> {used}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that point up or sideways:\n{}", wrong.join("\n"));
}

#[test]
fn only_the_window_knows_egui() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for room in FLOORS.iter().copied().flatten().filter(|r| !["app", "cli"].contains(r)) {
        let mut files = Vec::new();
        if src.join(room).is_dir() {
            rust_files(&src.join(room), &mut files);
        }
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            let hit = text.lines().find(|l| {
                let code = l.split("//").next().unwrap_or_default();
                code.contains("egui::") || code.contains("eframe::")
            });
            assert!(hit.is_none(), "{}: {}", file.display(), hit.unwrap_or_default());
        }
    }
}

#[test]
fn the_plan_catches_an_arrow_that_points_up() {
    let twin = "use crate::units::Pts;\nuse crate::{app, player::Player}; // crate::cli\n";
    let used = rooms_used(twin);
    assert_eq!(used, ["units", "app", "player"]);
    let wrong: Vec<_> = used.iter().filter(|to| arrow_is_wrong("media", to)).collect();
    assert_eq!(wrong, ["app", "player"]);
}
