//! One picture with its sound and its truth.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::backdrop::{Background, Place};
use super::draw::{self, Ink, Shadow};
use super::light::Light;
use super::options::{SceneOptions, Split, grid, usable};
use super::pose::{Lens, Placement, Pose, Stamp, hide};
use super::prop::{Prop, PropKind};
use super::soundscape::{Color, Noise, Room, SoundPart, SoundPlan};
use super::{Dice, Library, Sprite, SynthError};
use crate::truth::{Moment, Source, Span, TruthTrack};
use crate::units::{MediaTime, RgbPicture};

/// Boxes of two things share at most this much of the smaller one, unless one is meant to hide
/// the other.
pub const MOST_OVERLAP: f64 = 0.03;
/// Visible share of a source that is partly hidden.
const HIDDEN_VISIBLE: std::ops::RangeInclusive<f64> = 0.45..=0.87;

/// What is heard of a scene in which nothing that is seen sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Negative {
    /// Nothing, or a hiss at the edge of hearing.
    Silence,
    /// Noise.
    Noise,
    /// A kind of thing that is not in the picture.
    OffScreen,
}

impl Negative {
    /// Name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Noise => "noise",
            Self::OffScreen => "off-screen",
        }
    }
}

/// A thing in a scene.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thing {
    /// Number of its kind in the library.
    pub kind: usize,
    /// Number of its picture in the kind.
    pub sprite: usize,
    /// Where it is.
    pub pose: Pose,
    /// Its colours.
    pub light: Light,
    /// The shadow it throws.
    pub shadow: Option<Shadow>,
    /// Whether it is heard.
    pub sounds: bool,
}

impl Thing {
    fn sprite<'a>(&self, library: &'a Library) -> Option<&'a Sprite> {
        Some(library.kinds.get(self.kind)?.sprites.get(self.sprite)?.as_ref())
    }
}

/// A picture with its sound: what it shows, what is heard, and what is true.
#[derive(Clone, Debug)]
pub struct Scene {
    lens: Lens,
    aspect: f64,
    background: Background,
    /// From back to front.
    things: Vec<Thing>,
    /// In front of all things.
    props: Vec<Prop>,
    negative: Option<Negative>,
    sounding: Vec<usize>,
    sound: SoundPlan,
    truth: TruthTrack,
}

impl Scene {
    /// Scene `index` of `seed`: the same on every machine, and independent of the other indices.
    ///
    /// Errors: options that cannot be met, see [`SceneOptions::check`].
    pub fn plan(
        library: &Library,
        options: &SceneOptions,
        seed: u64,
        index: u64,
    ) -> Result<Self, SynthError> {
        options.check(library)?;
        let mut dice = Dice::new(seed, index);
        let aspect = {
            let mut d = dice.part("aspect");
            let (least, most) = (*options.aspect.start(), *options.aspect.end());
            if d.chance(0.5) { least } else { d.range(least, most) }
        };
        let lens = Lens::fitted(options.size.0, options.size.1, aspect);
        let background = background(&mut dice.part("background"));
        let cast = Cast::choose(library, options, &mut dice.part("cast"))?;
        let mut things = place(library, options, &lens, &cast, &mut dice.part("place"));
        let mut props = Vec::new();
        let mut d = dice.part("hidden");
        if cast.negative.is_none() && d.chance(options.hidden) {
            cover_a_source(library, &lens, background.place, &mut things, &mut props, &mut d);
        }
        dress(library, &lens, background.place, &mut things, &mut dice.part("light"));
        let sound = cast.sound(options.secs, &mut dice.part("sound"));
        let truth = truth(library, &lens, &things, &props, &cast);
        Ok(Self {
            lens,
            aspect,
            background,
            things,
            props,
            negative: cast.negative,
            sounding: cast.heard,
            sound,
            truth,
        })
    }

    /// Draws it.
    pub fn picture(&self, library: &Library) -> RgbPicture {
        let (w, h) = (self.lens.width, self.lens.height);
        // The size was checked when the scene was planned.
        let mut out = self
            .background
            .paint(w, h, self.aspect)
            .unwrap_or_else(|| unreachable!("a scene has a size"));
        for thing in &self.things {
            if let Some(sprite) = thing.sprite(library) {
                let ink = Ink { light: &thing.light, alpha: 1.0, shadow: thing.shadow, lift: 0.0 };
                draw::sprite(&mut out, sprite, &thing.pose, &self.lens, ink);
            }
        }
        for prop in &self.props {
            prop.draw(&mut out, &self.lens);
        }
        out
    }

    /// Boxes and masks of all things, at time zero; the sounding ones have a span.
    pub fn truth(&self) -> &TruthTrack {
        &self.truth
    }

    /// What is heard.
    pub fn sound_plan(&self) -> &SoundPlan {
        &self.sound
    }

    /// Kinds that are heard and seen.
    pub fn sounding(&self) -> &[usize] {
        if self.negative.is_some() { &[] } else { &self.sounding }
    }

    /// What is heard instead where nothing that is seen sounds.
    pub fn negative(&self) -> Option<Negative> {
        self.negative
    }

    /// All things, from back to front.
    pub fn things(&self) -> &[Thing] {
        &self.things
    }

    /// Scenery in front of the things.
    pub fn props(&self) -> &[Prop] {
        &self.props
    }

    /// What is behind.
    pub fn background(&self) -> Background {
        self.background
    }

    #[cfg(test)]
    pub(super) fn lens(&self) -> Lens {
        self.lens
    }

    /// The same without shadows, and without the thing at a place of [`Self::things`].
    #[cfg(test)]
    pub(super) fn without(&self, thing: Option<usize>) -> Self {
        let mut out = self.clone();
        if let Some(i) = thing {
            out.things.remove(i);
        }
        out.things.iter_mut().for_each(|t| t.shadow = None);
        out
    }
}

fn background(d: &mut Dice) -> Background {
    let place = if d.chance(0.4) {
        Place::Texture
    } else {
        d.pick(&Place::ALL[1..]).copied().unwrap_or(Place::Hills)
    };
    Background { place, seed: d.bits() }
}

/// Who is in a scene.
struct Cast {
    /// Kind and picture; the first `sources` sound unless the scene is a negative.
    seen: Vec<(usize, usize)>,
    sources: usize,
    /// Kinds that are heard: the sources', or the one that is off the picture.
    heard: Vec<usize>,
    negative: Option<Negative>,
}

impl Cast {
    fn choose(library: &Library, o: &SceneOptions, d: &mut Dice) -> Result<Self, SynthError> {
        let (mut heard, mut seen) = usable(library, o.split)?;
        d.shuffle(&mut heard);
        let wanted = if d.chance(o.negatives) {
            let all = [Negative::Silence, Negative::Noise, Negative::OffScreen];
            d.pick(&all).copied()
        } else {
            None
        };
        let count = |d: &mut Dice, range: &std::ops::RangeInclusive<u32>, most: usize| {
            (d.int(*range.start(), *range.end()) as usize).min(most)
        };
        let sources = count(d, &o.sources, heard.len());
        // Off the picture: one kind must be left that is not in it.
        let room = seen.len() - sources;
        let least = *o.distractors.start() as usize;
        let spare = wanted == Some(Negative::OffScreen) && room > least;
        let negative = match wanted {
            Some(Negative::OffScreen) if !spare => Some(Negative::Noise),
            other => other,
        };
        let silent = count(d, &o.distractors, room - usize::from(spare));
        let kinds: Vec<usize> = heard[..sources].to_vec();
        seen.retain(|k| !kinds.contains(k));
        d.shuffle(&mut seen);
        let away = spare.then(|| {
            let at = seen.iter().position(|k| heard.contains(k)).unwrap_or(0);
            seen.remove(at)
        });
        let all = kinds.iter().copied().chain(seen.into_iter().take(silent));
        let mut cast = Vec::with_capacity(sources + silent);
        for (i, kind) in all.enumerate() {
            let sprites = &library.kinds[kind].sprites;
            let held = sprites.iter().any(|s| s.held_out());
            let fits = |held_out: bool| match o.split {
                Split::Train => !held_out,
                Split::HeldOut => held_out == held,
                Split::Any => true,
            };
            let possible: Vec<usize> =
                (0..sprites.len()).filter(|s| fits(sprites[*s].held_out())).collect();
            debug_assert!(i >= sources || !possible.is_empty());
            cast.extend(d.pick(&possible).map(|s| (kind, *s)));
        }
        let heard = match negative {
            None => kinds,
            Some(_) => away.into_iter().collect(),
        };
        Ok(Self { seen: cast, sources, heard, negative })
    }

    fn sound(&self, secs: f64, d: &mut Dice) -> SoundPlan {
        let seed = d.bits();
        let colour = |d: &mut Dice, all: &[Color]| d.pick(all).copied().unwrap_or(Color::White);
        match self.negative {
            Some(Negative::Silence) => {
                let hiss = Noise { color: Color::White, level_db: d.range(-75.0, -60.0) };
                let noise = d.chance(0.5).then_some(hiss);
                return SoundPlan { noise, seed, ..SoundPlan::silence(secs) };
            }
            Some(Negative::Noise) => {
                let noise =
                    Noise { color: colour(d, &Color::ALL), level_db: d.range(-40.0, -12.0) };
                return SoundPlan { noise: Some(noise), seed, ..SoundPlan::silence(secs) };
            }
            _ => {}
        }
        let level = d.range(-28.0, -10.0);
        let parts = self
            .heard
            .iter()
            .enumerate()
            .map(|(i, kind)| SoundPart {
                kind: *kind,
                start: 0.0,
                secs,
                seed: d.bits(),
                level_db: if i == 0 { level } else { level + d.range(-5.0, 3.0) },
                pan: 0.0,
                far: self.negative.is_some() && d.chance(0.5),
                fade: 0.0,
            })
            .collect();
        let common = [Color::White, Color::Pink, Color::White, Color::Pink, Color::Brown];
        let noise = Noise { color: colour(d, &common), level_db: level - d.range(12.0, 40.0) };
        let room = if d.chance(0.4) {
            Room::DRY
        } else {
            Room { size: d.range(0.05, 0.7), wet: d.range(0.03, 0.3) }
        };
        SoundPlan { secs, parts, noise: Some(noise), room, seed }
    }
}

/// The box of a thing in pixels, turned but not clipped.
fn reach(library: &Library, lens: &Lens, (kind, sprite): (usize, usize), pose: &Pose) -> [f64; 4] {
    library
        .kinds
        .get(kind)
        .and_then(|k| k.sprites.get(sprite))
        .and_then(|s| Placement::new(s, pose, lens))
        .map_or([0.0; 4], |p| p.reach)
}

/// How much of the smaller of two boxes the other shares.
fn shared(a: &[f64; 4], b: &[f64; 4]) -> f64 {
    let w = a[2].min(b[2]) - a[0].max(b[0]);
    let h = a[3].min(b[3]) - a[1].max(b[1]);
    let area = |r: &[f64; 4]| (r[2] - r[0]) * (r[3] - r[1]);
    if w <= 0.0 || h <= 0.0 { 0.0 } else { w * h / area(a).min(area(b)) }
}

fn within(lens: &Lens, r: &[f64; 4]) -> bool {
    r[0] >= 0.0 && r[1] >= 0.0 && r[2] <= f64::from(lens.width) && r[3] <= f64::from(lens.height)
}

/// Finds a place for everyone, side by side.
fn place(
    library: &Library,
    o: &SceneOptions,
    lens: &Lens,
    cast: &Cast,
    d: &mut Dice,
) -> Vec<Thing> {
    let (least, most) = (*o.scale.start(), *o.scale.end());
    let n = cast.seen.len();
    // Many things are smaller from the start, or they would be shrunk in vain.
    let most = if n >= 3 { most.min(least.max(0.45)) } else { most };
    let mut sizes: Vec<f64> = (0..n)
        .map(|i| {
            if i < cast.sources {
                d.range(least, most)
            } else {
                d.range(0.7 * least, least + 0.5 * (most - least))
            }
        })
        .collect();
    let turns: Vec<(f64, bool)> = (0..n).map(|_| (d.range(-20.0, 20.0), d.chance(0.5))).collect();
    let mut poses: Vec<Pose> = Vec::new();
    for round in 0..10 {
        poses.clear();
        let mut boxes: Vec<[f64; 4]> = Vec::new();
        'things: for (i, who) in cast.seen.iter().enumerate() {
            let (angle, flip) = turns[i];
            let middle = Pose { size: sizes[i], angle, flip, ..Pose::default() };
            let own = reach(library, lens, *who, &middle);
            let (w, h) = (own[2] - own[0], own[3] - own[1]);
            let (free_x, free_y) = (f64::from(lens.width) - w, f64::from(lens.height) - h);
            if free_x < 0.0 || free_y < 0.0 {
                break 'things;
            }
            for _ in 0..30 {
                let x = (d.range(0.0, free_x) + w / 2.0) / f64::from(lens.width);
                let y = (d.range(0.0, free_y) + h / 2.0) / f64::from(lens.height);
                let pose = Pose { x, y, ..middle };
                let own = reach(library, lens, *who, &pose);
                if boxes.iter().all(|b| shared(b, &own) <= MOST_OVERLAP) {
                    boxes.push(own);
                    poses.push(pose);
                    continue 'things;
                }
            }
            break;
        }
        if poses.len() == n {
            break;
        }
        for (i, s) in sizes.iter_mut().enumerate() {
            let floor = if i < cast.sources { least } else { 0.7 * least };
            *s = (*s * if round < 3 { 0.95 } else { 0.88 }).max(floor);
        }
    }
    if poses.len() < n {
        poses = in_a_grid(o, n, &turns, d);
    }
    let thing = |(i, (kind, sprite)): (usize, &(usize, usize))| Thing {
        kind: *kind,
        sprite: *sprite,
        pose: poses[i],
        light: Light::default(),
        shadow: None,
        sounds: i < cast.sources && cast.negative.is_none(),
    };
    let mut things: Vec<Thing> = cast.seen.iter().enumerate().map(thing).collect();
    d.shuffle(&mut things);
    things
}

/// When chance finds no place: everyone upright in a cell of a grid, as small as allowed. That
/// they fit was checked with the options.
fn in_a_grid(o: &SceneOptions, n: usize, turns: &[(f64, bool)], d: &mut Dice) -> Vec<Pose> {
    let (columns, rows) = grid(n as u32);
    let mut cells: Vec<(u32, u32)> =
        (0..columns * rows).map(|i| (i % columns, i / columns)).collect();
    d.shuffle(&mut cells);
    turns
        .iter()
        .zip(cells)
        .map(|((_, flip), (column, row))| Pose {
            x: (f64::from(column) + 0.5) / f64::from(columns),
            y: (f64::from(row) + 0.5) / f64::from(rows),
            size: *o.scale.start(),
            flip: *flip,
            ..Pose::default()
        })
        .collect()
}

/// Stamps of everything from front to back, hidden ones taken out: first the props, then the
/// things from the last to the first.
fn stamps(library: &Library, lens: &Lens, things: &[Thing], props: &[Prop]) -> Vec<Stamp> {
    let of =
        |t: &Thing| t.sprite(library).map_or_else(Stamp::empty, |s| Stamp::of(s, &t.pose, lens));
    let mut all: Vec<Stamp> = props.iter().rev().map(|p| p.stamp(lens)).collect();
    all.extend(things.iter().rev().map(of));
    hide(&mut all, lens);
    all
}

/// Visible share of each thing's pixels, in the order of `things`.
fn visible(library: &Library, lens: &Lens, things: &[Thing], props: &[Prop]) -> Vec<f64> {
    let all = stamps(library, lens, things, props);
    let share = |s: &Stamp| if s.whole > 0.0 { s.area() as f64 / s.whole } else { 0.0 };
    all[props.len()..].iter().rev().map(share).collect()
}

/// Puts something in front of a source, where that works out.
fn cover_a_source(
    library: &Library,
    lens: &Lens,
    place: Place,
    things: &mut Vec<Thing>,
    props: &mut Vec<Prop>,
    d: &mut Dice,
) {
    let Some(source) = things.iter().position(|t| t.sounds) else { return };
    let target = things[source].pose;
    let by_thing = things.len() > 1 && d.chance(0.4);
    let kind = d.pick(fitting(place)).copied().unwrap_or(PropKind::Crate);
    let before: Vec<f64> = visible(library, lens, things, props);
    for attempt in 0..14 {
        let side = d.range(-1.0, 1.0);
        let down = d.range(-0.35, 0.75);
        let (w, h) = (f64::from(lens.width), f64::from(lens.height));
        let away = target.size * 0.5;
        let x = target.x + side * away * lens.kx / w;
        let y = target.y + down * away * lens.ky / h;
        let (mut trial, mut front) = (things.clone(), props.clone());
        if by_thing && attempt < 8 {
            let Some(at) = trial.iter().position(|t| !t.sounds) else { continue };
            let mut other = trial.remove(at);
            (other.pose.x, other.pose.y) = (x, y);
            let own = reach(library, lens, (other.kind, other.sprite), &other.pose);
            let free = trial.iter().all(|t| {
                let r = reach(library, lens, (t.kind, t.sprite), &t.pose);
                t.pose == target || shared(&own, &r) <= MOST_OVERLAP
            });
            if !free || !within(lens, &own) {
                continue;
            }
            trial.push(other);
        } else {
            let wide = match kind {
                PropKind::Post => d.range(0.15, 0.3),
                PropKind::Fence => d.range(1.0, 1.5),
                _ => d.range(0.55, 1.0),
            };
            front.push(Prop { kind, x, y, size: target.size * wide, seed: d.bits() });
        }
        let seen = visible(library, lens, &trial, &front);
        let fine = trial.iter().zip(&seen).all(|(t, v)| {
            if t.pose == target {
                HIDDEN_VISIBLE.contains(v)
            } else {
                let was = things.iter().position(|o| o.kind == t.kind).map_or(1.0, |i| before[i]);
                *v >= was - 0.05 || (by_thing && *v > 0.95)
            }
        });
        if fine {
            (*things, *props) = (trial, front);
            return;
        }
    }
}

/// Scenery that belongs to a place.
pub(super) fn fitting(place: Place) -> &'static [PropKind] {
    use PropKind::{Bush, Cloud, Crate, Drift, Fence, Post, Rock};
    match place {
        Place::Texture => &[Bush, Rock, Crate, Fence, Post],
        Place::Hills | Place::Meadow => &[Bush, Rock, Fence],
        Place::Forest => &[Bush, Rock],
        Place::Street => &[Post, Crate, Fence],
        Place::Room | Place::Stage => &[Crate, Post],
        Place::Sea => &[Rock, Cloud],
        Place::Night => &[Bush, Rock, Fence],
        Place::Beach => &[Rock, Crate],
        Place::Snow => &[Drift, Fence, Crate],
    }
}

/// Colours and shadows.
fn dress(library: &Library, lens: &Lens, place: Place, things: &mut [Thing], d: &mut Dice) {
    let ambient = match place {
        Place::Night => Light::new(0.88, 0.97, 0.88, [0.93, 0.97, 1.08]),
        _ => Light::varied(d, 0.3),
    };
    let thrown = d.chance(0.6).then(|| d.range(0.12, 0.38) as f32);
    for t in things {
        t.light = ambient.after(&Light::varied(d, 1.0));
        let Some(strength) = thrown else { continue };
        t.shadow = match place.ground() {
            None if place == Place::Texture => Some(Shadow { strength, ground: false }),
            None => None,
            Some(line) => {
                let low = reach(library, lens, (t.kind, t.sprite), &t.pose)[3];
                let stands = low / f64::from(lens.height) > line;
                stands.then_some(Shadow { strength, ground: true })
            }
        };
    }
}

fn truth(
    library: &Library,
    lens: &Lens,
    things: &[Thing],
    props: &[Prop],
    cast: &Cast,
) -> TruthTrack {
    let now = vec![Span { start: MediaTime::ZERO, end: MediaTime::ZERO }];
    let mut all = stamps(library, lens, things, props).split_off(props.len());
    all.reverse();
    let name = |kind: usize| library.kinds.get(kind).map_or("", |k| k.name.as_str()).to_owned();
    let mut sources = Vec::new();
    // Those that sound first.
    for sounds in [true, false] {
        for (t, stamp) in things.iter().zip(&all).filter(|(t, _)| t.sounds == sounds) {
            let counts = stamp.counts();
            sources.push(Source {
                id: sources.len() as u32 + 1,
                kind: name(t.kind),
                variant: t.sprite(library).map_or("", |s| s.name()).to_owned(),
                sounding: if sounds { now.clone() } else { Vec::new() },
                moments: vec![Moment {
                    time: MediaTime::ZERO,
                    bbox: if counts { stamp.tight() } else { None },
                    mask: counts.then(|| stamp.mask(lens)),
                }],
                between: Default::default(),
            });
        }
    }
    let mut about = BTreeMap::new();
    if let Some(negative) = cast.negative {
        about.insert("negative".to_owned(), negative.name().to_owned());
        for kind in &cast.heard {
            sources.push(Source {
                id: sources.len() as u32 + 1,
                kind: name(*kind),
                variant: String::new(),
                sounding: now.clone(),
                moments: Vec::new(),
                between: Default::default(),
            });
        }
    }
    TruthTrack { width: lens.width, height: lens.height, duration: MediaTime::ZERO, sources, about }
}
