//! Movies by chance.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::backdrop::{Background, Place};
use super::draw::Shadow;
use super::light::Light;
use super::movie::{Key, Motion, Movie, MovieActor, Reaction};
use super::options::{Split, grid, picture_size, share, span, usable, wrong};
use super::prop::{Prop, PropKind};
use super::soundscape::{Color, Noise, Room, SoundPart, SoundPlan};
use super::still::fitting;
use super::{Dice, Library, SynthError};

/// Shortest time that a thing sounds, in seconds.
const SHORTEST_PART: f64 = 1.0;

/// Options of [`Movie`]s by chance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MovieOptions {
    /// Width and height in pixels, both even.
    pub size: (u32, u32),
    /// Frames per second, as a fraction.
    pub fps: (u32, u32),
    /// Length in seconds.
    pub secs: f64,
    /// Number of things that sound, each of another kind.
    pub sources: RangeInclusive<u32>,
    /// Number of silent things, of kinds that are not heard.
    pub distractors: RangeInclusive<u32>,
    /// Longer side of a thing in picture heights.
    pub scale: RangeInclusive<f64>,
    /// Share of movies in which the sources sound together, not in turn.
    pub together: f64,
    /// Share of movies in which a further thing is heard and not seen.
    pub off_screen: f64,
    /// Share of movies in which nothing that is seen sounds: silence, noise, or off-screen.
    pub negatives: f64,
    /// Share of movies in which scenery, or a silent thing passing by, hides a part.
    pub hidden: f64,
    /// Share of things that enter or leave the picture.
    pub entering: f64,
    /// Which drawings.
    pub split: Split,
}

impl Default for MovieOptions {
    fn default() -> Self {
        Self {
            size: (640, 360),
            fps: (25, 1),
            secs: 10.0,
            sources: 1..=3,
            distractors: 0..=2,
            scale: 0.3..=0.5,
            together: 0.25,
            off_screen: 0.2,
            negatives: 0.0,
            hidden: 0.3,
            entering: 0.5,
            split: Split::Train,
        }
    }
}

impl MovieOptions {
    /// Whether movies with these options can be made of `library`; upper bounds beyond what there
    /// are kinds for give fewer things. Errors: see [`SynthError`].
    pub fn check(&self, library: &Library) -> Result<(), SynthError> {
        picture_size(self.size.0, self.size.1)?;
        if self.size.0 % 2 == 1 || self.size.1 % 2 == 1 {
            let size = format!("{}x{}", self.size.0, self.size.1);
            return Err(wrong("size", size, "two even numbers"));
        }
        let (num, den) = self.fps;
        let rate = f64::from(num) / f64::from(den);
        if !(1.0..=240.0).contains(&rate) {
            return Err(wrong("fps", format!("{num}/{den}"), "1 to 240"));
        }
        if !(1.0..=3600.0).contains(&self.secs) {
            return Err(wrong("secs", self.secs, "1 to 3600 seconds"));
        }
        span("sources", &self.sources, 1..=6)?;
        span("distractors", &self.distractors, 0..=6)?;
        span("scale", &self.scale, 0.05..=0.9)?;
        for (name, value) in [
            ("together", self.together),
            ("off-screen", self.off_screen),
            ("negatives", self.negatives),
            ("hidden", self.hidden),
            ("entering", self.entering),
        ] {
            share(name, value)?;
        }
        let (heard, seen) = usable(library, self.split)?;
        let (sources, distractors) = (*self.sources.start(), *self.distractors.start());
        let too_few = |need: u32, have: usize| SynthError::TooFewKinds {
            sources,
            distractors,
            need,
            have: have as u32,
        };
        if (heard.len() as u32) < sources {
            return Err(too_few(sources, heard.len()));
        }
        if (seen.len() as u32) < sources + distractors {
            return Err(too_few(sources + distractors, seen.len()));
        }
        let most = (*self.sources.end()).min(heard.len() as u32) + self.distractors.end();
        let most = most.min(seen.len() as u32);
        let fits = self.most_size(most);
        if *self.scale.start() > fits {
            return Err(SynthError::Crowded {
                things: most,
                percent: (self.scale.start() * 100.0) as u32,
                most_percent: (fits * 100.0) as u32,
            });
        }
        Ok(())
    }

    /// Largest size at which `n` things have a cell each.
    fn most_size(&self, n: u32) -> f64 {
        let aspect = f64::from(self.size.0) / f64::from(self.size.1);
        let (columns, rows) = cells(n, aspect);
        0.94 * (aspect / f64::from(columns)).min(1.0 / f64::from(rows))
    }
}

/// Columns and rows for `n` things: side by side where the picture is wide enough.
fn cells(n: u32, aspect: f64) -> (u32, u32) {
    match n {
        2..=3 if aspect >= 1.3 => (n, 1),
        4 if aspect >= 1.7 => (4, 1),
        _ => grid(n),
    }
}

/// Whether it is at home in the air.
fn flies(kind: &str) -> bool {
    matches!(kind, "bird" | "bee" | "owl" | "helicopter" | "thunder")
}

/// What suits a kind.
fn reaction(kind: &str) -> Reaction {
    match kind {
        "dog" | "cat" | "bird" | "rooster" | "duck" | "frog" | "sheep" | "horse" => Reaction::Hop,
        "bell" | "alarm-clock" | "maracas" | "guitar" | "violin" => Reaction::Swing,
        "drum" | "piano" | "typing" | "clapping" | "brass" => Reaction::Squash,
        "car" | "helicopter" | "bee" | "telephone" | "cricket" => Reaction::Tremble,
        "ship" | "wave" | "fire" | "train" => Reaction::Rock,
        _ => Reaction::Pulse,
    }
}

/// When a thing sounds.
struct Turn {
    start: f64,
    secs: f64,
}

impl Movie {
    /// Movie `index` of `seed`: things side by side in a place, some entering or leaving, sounding
    /// in turn or together. The truth is the same on every machine.
    ///
    /// Errors: options that cannot be met, see [`MovieOptions::check`].
    pub fn plan(
        library: &Library,
        options: &MovieOptions,
        seed: u64,
        index: u64,
    ) -> Result<Self, SynthError> {
        options.check(library)?;
        let o = options;
        let mut dice = Dice::new(seed, index).part("movie");
        let mut d = dice.part("background");
        let place = if d.chance(0.2) {
            Place::Texture
        } else {
            d.pick(&Place::ALL[1..]).copied().unwrap_or(Place::Hills)
        };
        let background = Background { place, seed: d.bits() };
        let frames = (o.secs * f64::from(o.fps.0) / f64::from(o.fps.1) + 0.5).floor().max(1.0);
        let mut movie = Self::new(o.size, o.fps, frames as u32, background);

        // Who.
        let mut d = dice.part("cast");
        let (mut heard, mut seen) = usable(library, o.split)?;
        d.shuffle(&mut heard);
        let sources = (d.int(*o.sources.start(), *o.sources.end()) as usize).min(heard.len());
        let kinds: Vec<usize> = heard[..sources].to_vec();
        seen.retain(|k| !kinds.contains(k));
        d.shuffle(&mut seen);
        let silent = d.int(*o.distractors.start(), *o.distractors.end()) as usize;
        let silent = silent.min(seen.len());
        let away = seen.get(silent).copied();
        let negative = d.chance(o.negatives).then(|| d.int(0, 2));
        let off_screen = match negative {
            Some(n) => n == 2 && away.is_some(),
            None => d.chance(o.off_screen),
        };
        for kind in kinds.iter().chain(seen.iter().take(silent)) {
            let sprites = &library.kinds[*kind].sprites;
            let held = sprites.iter().any(|s| s.held_out());
            let possible: Vec<usize> = (0..sprites.len())
                .filter(|s| match o.split {
                    Split::Train => !sprites[*s].held_out(),
                    Split::HeldOut => sprites[*s].held_out() == held,
                    Split::Any => true,
                })
                .collect();
            let sprite = d.pick(&possible).copied().unwrap_or(0);
            let mut actor = MovieActor::new(library, &library.kinds[*kind].name, None)?;
            (actor.kind, actor.sprite) = (*kind, sprite);
            movie.actors.push(actor);
        }

        // Who sounds when.
        let mut d = dice.part("sound");
        let level = d.range(-26.0, -12.0);
        movie.sound.seed = d.bits();
        movie.sound.room = Room { size: d.range(0.05, 0.6), wet: d.range(0.0, 0.25) };
        let colors = [Color::White, Color::Pink, Color::Brown];
        let color = d.pick(&colors).copied().unwrap_or(Color::Pink);
        let loud = match negative {
            Some(1) => d.range(-35.0, -15.0),
            Some(0) => -75.0,
            _ => level - d.range(18.0, 42.0),
        };
        movie.sound.noise = Some(Noise { color, level_db: loud });
        let extra = usize::from(off_screen && away.is_some());
        let heard_here = if negative.is_some() { 0 } else { sources };
        let turns = turns(o, heard_here + extra, &mut d);
        for (i, t) in turns.iter().enumerate() {
            let far = i >= heard_here;
            let kind = if far { away.unwrap_or(0) } else { kinds[i] };
            if !far {
                movie.actors[i].parts.push(movie.sound.parts.len());
            }
            movie.sound.parts.push(SoundPart {
                kind,
                start: t.start,
                secs: t.secs,
                seed: d.bits(),
                level_db: level + d.range(-3.0, 3.0),
                pan: 0.0,
                far,
                fade: 0.02,
            });
        }
        let named = match negative {
            Some(_) if extra == 1 => Some("off-screen"),
            Some(0) => Some("silence"),
            Some(_) => Some("noise"),
            None => None,
        };
        if let Some(name) = named {
            movie.about.insert("negative".to_owned(), name.to_owned());
        }

        stage(&mut movie, library, o, &mut dice.part("path"));
        react(&mut movie, library, sources, &mut dice.part("react"));
        dress(&mut movie, place, &mut dice.part("light"));
        let mut d = dice.part("hidden");
        if d.chance(o.hidden) {
            hide(&mut movie, sources, place, &mut d);
        }
        for a in &movie.actors {
            for p in &a.parts {
                let part = &mut movie.sound.parts[*p];
                let middle = part.start + part.secs / 2.0;
                if let Some((pose, _)) = a.pose(&SoundPlan::silence(0.0), 1.0, middle) {
                    part.pan = ((pose.x - 0.5) * 1.5).clamp(-0.8, 0.8);
                }
            }
        }
        Ok(movie)
    }
}

/// `n` turns of sounding, one after the other or together.
fn turns(o: &MovieOptions, n: usize, d: &mut Dice) -> Vec<Turn> {
    let end = o.secs;
    if n == 0 {
        return Vec::new();
    }
    let each = end / n as f64;
    if d.chance(o.together) || each < SHORTEST_PART + 0.4 {
        return (0..n)
            .map(|_| {
                let secs = d.range(0.5, 0.9) * end;
                Turn { start: d.range(0.0, end - secs), secs }
            })
            .collect();
    }
    let mut order: Vec<usize> = (0..n).collect();
    d.shuffle(&mut order);
    order
        .iter()
        .map(|i| {
            let pause = d.range(0.1, 0.35) * (each - SHORTEST_PART);
            let start = each * *i as f64 + pause * d.range(0.2, 0.8);
            Turn { start, secs: each - pause }
        })
        .collect()
}

/// Gives everyone a cell of the picture, and a path in it. Where there is ground, what does not
/// fly stands on it, as far as its cell allows.
fn stage(movie: &mut Movie, library: &Library, o: &MovieOptions, d: &mut Dice) {
    let n = movie.actors.len() as u32;
    let aspect = f64::from(o.size.0) / f64::from(o.size.1);
    let (columns, rows) = cells(n, aspect);
    let mut cells: Vec<(u32, u32)> =
        (0..columns * rows).map(|i| (i % columns, i / columns)).collect();
    d.shuffle(&mut cells);
    let ground = movie.background.place.ground();
    let (least, most) = (*o.scale.start(), *o.scale.end());
    // Room to turn and to hop within the cell.
    let most = most.min(o.most_size(n) * 0.78).max(least);
    let secs = o.secs;
    for a in &mut movie.actors {
        let high = library.kinds.get(a.kind).is_some_and(|k| flies(&k.name));
        // The first free cell in the row that suits; any other where that is full.
        let wanted = if high { 0 } else { rows - 1 };
        let at = cells.iter().position(|c| c.1 == wanted).unwrap_or(0);
        let (column, row) = cells.remove(at);
        let size = d.range(least, most);
        a.flip = d.chance(0.5);
        a.depth = d.range(0.0, 1.0);
        // Half of what the cell leaves free, to each side, in shares of the picture.
        let (cw, ch) = (1.0 / f64::from(columns), 1.0 / f64::from(rows));
        let (w, h) = (size / aspect, size);
        let free = ((cw - 1.15 * w).max(0.0) * 0.5, (ch - 1.15 * h).max(0.0) * 0.5);
        let home = ((f64::from(column) + 0.5) * cw, (f64::from(row) + 0.5) * ch);
        let stands = ground.filter(|_| !high).map(|line| {
            let foot = d.range(line + 0.05, 0.97);
            (foot - 0.5 * h).clamp(home.1 - free.1, home.1 + free.1)
        });
        let spot = |d: &mut Dice| {
            let x = home.0 + free.0 * d.range(-0.9, 0.9);
            let y = match stands {
                Some(y) => y + d.range(-0.012, 0.012),
                None => home.1 + free.1 * d.range(-0.9, 0.9),
            };
            (x, y)
        };
        let sounds = a.parts.first().map(|p| &movie.sound.parts[*p]);
        let (from, to) = sounds.map_or((0.3 * secs, 0.7 * secs), |p| (p.start, p.start + p.secs));
        // In from the side; from the middle of a row over the upper edge, or from below.
        let level = stands.unwrap_or(home.1);
        let out = if column == 0 && (columns > 1 || d.chance(0.5)) {
            (-w, level)
        } else if column + 1 == columns {
            (1.0 + w, level)
        } else if row == 0 && stands.is_none() {
            (home.0, -h * 0.7)
        } else if row + 1 == rows {
            (home.0, 1.0 + h * 0.7)
        } else {
            (home.0, -h * 0.7)
        };
        let enters = d.chance(o.entering) && from > 1.3;
        let leaves = d.chance(o.entering) && secs - to > 1.5;
        let mut keys = Vec::new();
        let mut t = 0.0;
        let angle = d.range(-8.0, 8.0);
        let first = spot(d);
        if enters {
            let moving = d.range(1.0, (from - 0.1).min(1.8));
            let arrive = d.range(moving, (from - 0.1).max(moving));
            keys.push(Key::at(arrive - moving, out.0, out.1, size).turned(angle));
            t = arrive;
        }
        keys.push(Key::at(t, first.0, first.1, size).turned(angle).going(Motion::Curve));
        let end = if leaves { to + 0.1 + d.range(0.0, (secs - to - 1.5).max(0.0)) } else { secs };
        let steps = d.int(1, 3);
        for i in 0..steps {
            let (x, y) = spot(d);
            let at = t + (end - t) * f64::from(i + 1) / f64::from(steps);
            let motion = if i + 1 == steps { Motion::Ease } else { Motion::Curve };
            let turned = angle + d.range(-6.0, 6.0);
            keys.push(Key::at(at, x, y, size).turned(turned).going(motion));
        }
        if leaves {
            keys.push(Key::at(end + d.range(1.0, 1.4), out.0, out.1, size).turned(angle));
        }
        a.keys = keys;
    }
}

/// What sounds moves with its sound; now and then a silent thing moves too, so that motion alone
/// tells nothing.
fn react(movie: &mut Movie, library: &Library, sources: usize, d: &mut Dice) {
    let sound = movie.sound.clone();
    let secs = sound.secs;
    for (i, a) in movie.actors.iter_mut().enumerate() {
        let name = library.kinds.get(a.kind).map_or("", |k| k.name.as_str());
        a.reaction = reaction(name);
        a.strength = d.range(0.6, 1.1);
        if let Some(part) = a.parts.first() {
            // To the millisecond, so that a voice's rounding is nowhere to be seen in the truth.
            let beats = sound.beats(library, *part);
            let round = |t: f64| (t * 1000.0 + 0.5).floor() / 1000.0;
            a.onsets = beats.into_iter().map(round).collect();
        } else if i >= sources && d.chance(0.4) {
            a.reaction = Reaction::Hop;
            let mut t = d.range(0.0, 2.0);
            while t < secs {
                a.onsets.push(t);
                t += d.range(0.45, 1.4);
            }
        } else {
            a.reaction = Reaction::Still;
        }
    }
}

fn dress(movie: &mut Movie, place: Place, d: &mut Dice) {
    let ambient = match place {
        Place::Night => Light::new(0.9, 0.97, 0.9, [0.93, 0.97, 1.08]),
        _ => Light::varied(d, 0.25),
    };
    let strength = d.range(0.12, 0.3) as f32;
    for a in &mut movie.actors {
        a.light = ambient.after(&Light::varied(d, 0.7));
        let low = a.keys.iter().fold(0.0f64, |m, k| m.max(k.y + 0.45 * k.size));
        a.shadow = match place.ground() {
            None if place == Place::Texture => Some(Shadow { strength, ground: false }),
            Some(line) if low > line => Some(Shadow { strength, ground: true }),
            _ => None,
        };
    }
}

/// Scenery in front of a source's path, or a silent thing that passes by in front.
fn hide(movie: &mut Movie, sources: usize, place: Place, d: &mut Dice) {
    let n = sources as u32;
    if n == 0 {
        return;
    }
    let target = d.int(0, n - 1) as usize;
    let Some(key) = movie.actors.get(target).and_then(|a| a.keys.last()).copied() else { return };
    let secs = movie.sound.secs;
    let passing = movie.actors.len() > sources && d.chance(0.5);
    if passing {
        let Some(a) = movie.actors.last_mut() else { return };
        let (from, to) = if d.chance(0.5) { (-0.3, 1.3) } else { (1.3, -0.3) };
        let (start, takes) = (d.range(0.05, 0.4) * secs, d.range(0.35, 0.55) * secs);
        let size = a.keys.first().map_or(0.3, |k| k.size);
        let y = (key.y + d.range(-0.2, 0.25)).clamp(size * 0.5, 1.0 - size * 0.5);
        a.keys = vec![
            Key::at(start, from, y, size).going(Motion::Straight),
            Key::at(start + takes, to, y, size),
        ];
        a.depth = 2.0;
        return;
    }
    let kind = d.pick(fitting(place)).copied().unwrap_or(PropKind::Crate);
    let wide = match kind {
        PropKind::Post => d.range(0.15, 0.3),
        PropKind::Fence => d.range(1.0, 1.4),
        _ => d.range(0.55, 0.95),
    };
    let aspect = f64::from(movie.size.0) / f64::from(movie.size.1);
    let prop = Prop {
        kind,
        x: key.x + d.range(-0.45, 0.45) * key.size / aspect,
        y: key.y + d.range(0.1, 0.4) * key.size,
        size: key.size * wide,
        seed: d.bits(),
    };
    movie.props.push((prop, 3.0));
}
