//! The clip that the window opens on: a morning in a meadow.
//!
//! Each thing sounds in its turn; two sound alike (alarm clock and telephone), one is never seen
//! (a siren behind the hill), one falls silent in full view (the bee), two play together at the
//! end. The last moment is the first again. A table of turns for the ear, a cast for the eye:
//! both refer to the same rows.

use super::{
    Background, Color, Key, Library, Motion, Movie, MovieActor, Noise, Place, Prop, PropKind,
    Reaction, Room, Shadow, SoundPart, SoundPlan, SynthError,
};

/// Width and height in pixels.
const SIZE: (u32, u32) = (1280, 720);
/// Frames per second.
const FPS: u32 = 30;
/// Length in seconds.
const SECS: u32 = 44;

/// One turn of the sound.
struct Turn {
    kind: &'static str,
    /// From when to when, in seconds.
    secs: (f64, f64),
    /// Loudness in dBFS.
    level_db: f64,
    /// -1 left to 1 right.
    pan: f64,
    /// Which of the kind's sounds: chosen by looking at twelve spectrograms each.
    seed: u64,
}

const fn turn(kind: &'static str, secs: (f64, f64), level_db: f64, pan: f64, seed: u64) -> Turn {
    Turn { kind, secs, level_db, pan, seed }
}

/// Who sounds when. Clock and telephone are both little hammers on bells.
const TURNS: [Turn; 8] = [
    turn("rooster", (0.7, 4.9), -20.0, -0.6, 1),
    turn("alarm-clock", (6.0, 9.9), -22.0, -0.2, 3),
    turn("telephone", (10.6, 14.5), -21.0, 0.25, 0),
    turn("dog", (15.2, 19.3), -19.0, 0.6, 4),
    turn("siren", (20.4, 25.0), -20.0, 0.0, 5),
    turn("bee", (25.9, 30.4), -22.0, 0.1, 6),
    turn("guitar", (33.3, 38.6), -20.0, -0.2, 7),
    turn("drum", (36.2, 41.0), -19.0, 0.25, 8),
];

/// The built-in clip.
///
/// Errors: the library lacks one of its things (it was reduced by hand).
pub fn builtin_story(library: &Library) -> Result<Movie, SynthError> {
    let mut movie =
        Movie::new(SIZE, (FPS, 1), SECS * FPS, Background { place: Place::Meadow, seed: 1 });
    movie.about.insert("clip".into(), "A morning in a meadow, the built-in clip".into());
    movie.sound = sound(library)?;
    let beats = |part: usize| movie.sound.beats(library, part);
    let actor = |part: usize, picture: &str, reaction: Reaction| {
        let actor = MovieActor::new(library, TURNS[part].kind, Some(picture))?
            .shadow(Shadow { strength: 0.22, ground: true });
        Ok::<_, SynthError>(actor.reacts(reaction, beats(part)).plays([part]))
    };

    let rooster = actor(0, "1f413", Reaction::Hop)?.flipped().key(Key::at(0.0, 0.14, 0.64, 0.43));
    let dog = actor(3, "1f415", Reaction::Hop)?.key(Key::at(0.0, 0.862, 0.65, 0.43));
    // They jump in from below and out again: things that come from nowhere, as toys do.
    let visit = |a: MovieActor, x: f64, size: f64, from: f64, to: f64| {
        let y = 0.80 - size / 2.0;
        a.key(Key::at(from, x, 1.3, size).going(Motion::Curve))
            .key(Key::at(from + 0.45, x, y - 0.09, size))
            .key(Key::at(from + 0.75, x, y, size))
            .key(Key::at(to, x, y, size))
            .key(Key::at(to + 0.3, x, y - 0.07, size))
            .key(Key::at(to + 0.75, x, 1.3, size))
    };
    let clock = visit(actor(1, "23f0", Reaction::Tremble)?, 0.375, 0.37, 4.9, 19.4);
    let phone = visit(actor(2, "260e", Reaction::Tremble)?, 0.623, 0.37, 9.3, 19.7);
    let guitar = visit(actor(6, "1f3b8", Reaction::Rock)?, 0.385, 0.46, 32.2, 41.5);
    let drum = visit(actor(7, "1f941", Reaction::Squash)?, 0.625, 0.40, 35.0, 41.8);
    let bee = actor(5, "1f41d", Reaction::Tremble)?
        .shadow(Shadow { strength: 0.0, ground: false })
        .key(Key::at(25.2, 1.14, 0.22, 0.30).going(Motion::Curve))
        .key(Key::at(26.8, 0.68, 0.30, 0.30).turned(-12.0).going(Motion::Curve))
        .key(Key::at(28.0, 0.40, 0.20, 0.30).turned(8.0).going(Motion::Curve))
        .key(Key::at(29.2, 0.36, 0.42, 0.30).turned(-6.0).going(Motion::Curve))
        .key(Key::at(30.4, 0.50, 0.60, 0.30))
        // Sits on the bush in silence, then leaves without a sound.
        .key(Key::at(32.9, 0.50, 0.60, 0.30).going(Motion::Curve))
        .key(Key::at(34.0, 0.54, -0.25, 0.30).turned(20.0));
    movie.actors = vec![
        rooster.depth(1.0),
        dog.depth(1.0),
        clock.depth(2.0),
        phone.depth(2.0),
        guitar.depth(2.0),
        drum.depth(2.0),
        bee.depth(3.0),
    ];
    movie.props.push((Prop { kind: PropKind::Bush, x: 0.5, y: 0.80, size: 0.30, seed: 3 }, 1.5));
    Ok(movie)
}

fn sound(library: &Library) -> Result<SoundPlan, SynthError> {
    let mut plan = SoundPlan::silence(f64::from(SECS));
    plan.seed = 44;
    plan.room = Room { size: 0.25, wet: 0.08 };
    // Air, hardly heard: digital silence between the turns would sound like a fault.
    plan.noise = Some(Noise { color: Color::Pink, level_db: -66.0 });
    for turn in &TURNS {
        let number = library.index(turn.kind).ok_or_else(|| SynthError::UnknownKind {
            name: turn.kind.to_owned(),
            known: library.kinds.iter().map(|k| k.name.as_str()).collect::<Vec<_>>().join(", "),
        })?;
        let (start, end) = turn.secs;
        let mut part = SoundPart::new(number, start, end - start, turn.seed);
        (part.level_db, part.pan, part.fade) = (turn.level_db, turn.pan, 0.08);
        part.far = turn.kind == "siren";
        plan.parts.push(part);
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::TruthTrack;
    use crate::units::MediaTime;

    fn story() -> (Library, Movie, TruthTrack) {
        let library = Library::drawn().unwrap();
        let movie = builtin_story(&library).unwrap();
        let truth = movie.truth(&library, false);
        (library, movie, truth)
    }

    /// Names of what is seen and of what sounds.
    fn at(truth: &TruthTrack, secs: f64) -> (Vec<String>, Vec<String>) {
        let now = truth.at(MediaTime::from_secs_f64(secs));
        let names = |keep: &dyn Fn(&crate::truth::TruthAt<'_>) -> bool| {
            now.iter().filter(|t| keep(t)).map(|t| t.source.kind.clone()).collect()
        };
        (names(&|t| t.bbox.is_some()), names(&|t| t.sounding))
    }

    #[test]
    fn each_thing_sounds_in_its_turn_and_is_seen_while_it_does() {
        let (_, _, truth) = story();
        for turn in &TURNS {
            let (seen, heard) = at(&truth, (turn.secs.0 + turn.secs.1) / 2.0);
            assert!(heard.contains(&turn.kind.to_owned()), "{}", turn.kind);
            assert_eq!(seen.contains(&turn.kind.to_owned()), turn.kind != "siren", "{}", turn.kind);
        }
    }

    #[test]
    fn one_is_off_screen_one_falls_silent_two_play_together() {
        let (_, _, truth) = story();
        assert_eq!(at(&truth, 22.0).1, ["siren"]);
        let (seen, heard) = at(&truth, 31.8);
        assert!(seen.contains(&"bee".to_owned()) && heard.is_empty(), "{seen:?} {heard:?}");
        assert_eq!(at(&truth, 37.0).1, ["guitar", "drum"]);
    }

    #[test]
    fn the_loop_has_no_seam() {
        let (library, movie, truth) = story();
        let (first, last) = (movie.frame(&library, 0), movie.frame(&library, movie.frames - 1));
        assert!(first == last, "the last frame is the first one again");
        let sound = movie.sound.stereo(&library, 48_000);
        assert_eq!(sound.len(), 2 * 48_000 * SECS as usize);
        let edge = |s: &[f32]| s.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        assert!(edge(&sound[..9600]) < 0.01 && edge(&sound[sound.len() - 9600..]) < 0.01);
        assert_eq!(at(&truth, 0.0), at(&truth, f64::from(SECS) - 0.02));
    }

    #[test]
    fn things_are_large_and_stay_in_the_picture_while_they_sound() {
        let (_, _, truth) = story();
        for turn in TURNS.iter().filter(|t| t.kind != "siren") {
            for share in [0.15, 0.5, 0.9] {
                let secs = turn.secs.0 + share * (turn.secs.1 - turn.secs.0);
                let now = truth.at(MediaTime::from_secs_f64(secs));
                let b = now.iter().find(|t| t.source.kind == turn.kind).unwrap().bbox.unwrap();
                assert!(b.y1 - b.y0 > 150.0, "{} is {} px high", turn.kind, b.y1 - b.y0);
            }
        }
    }
}
