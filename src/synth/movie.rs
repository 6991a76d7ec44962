//! Clips: a script that gives every frame and its truth.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rayon::prelude::*;

use super::backdrop::Background;
use super::draw::{self, Ink, Shadow};
use super::exact::{ease, mix, sin_cos};
use super::light::Light;
use super::pose::{Lens, Pose, Stamp, hide};
use super::prop::{Patch, Prop};
use super::soundscape::SoundPlan;
use super::{Library, Sprite, SynthError};
use crate::truth::{Between, Moment, Source, Span, TruthTrack};
use crate::units::{MediaTime, RgbPicture};

/// How a thing travels from one key to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Motion {
    /// Starts softly, stops softly.
    #[default]
    Ease,
    /// At one speed.
    Straight,
    /// Through the keys in one smooth curve, without stopping.
    Curve,
    /// Stays until the next key, then is there at once.
    Hold,
}

/// Where a thing is at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key {
    /// Seconds from the clip's start.
    pub time: f64,
    /// Middle, as a share of the picture's width; beyond 0 to 1 it is off the picture.
    pub x: f64,
    /// Middle, as a share of the picture's height.
    pub y: f64,
    /// Longer side of the thing in picture heights.
    pub size: f64,
    /// Turned clockwise by so many degrees.
    pub angle: f64,
    /// 0 unseen to 1 opaque; below one half it does not count as seen.
    pub alpha: f64,
    /// How it goes on to the next key.
    pub motion: Motion,
}

impl Key {
    /// Upright and opaque at a place.
    pub fn at(time: f64, x: f64, y: f64, size: f64) -> Self {
        Self { time, x, y, size, angle: 0.0, alpha: 1.0, motion: Motion::Ease }
    }

    /// Turned by `angle` degrees.
    #[must_use]
    pub fn turned(self, angle: f64) -> Self {
        Self { angle, ..self }
    }

    /// With this opacity.
    #[must_use]
    pub fn alpha(self, alpha: f64) -> Self {
        Self { alpha, ..self }
    }

    /// Going on in this way.
    #[must_use]
    pub fn going(self, motion: Motion) -> Self {
        Self { motion, ..self }
    }

    fn values(&self) -> [f64; 5] {
        [self.x, self.y, self.size, self.angle, self.alpha]
    }
}

/// What a thing does while it sounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reaction {
    /// Nothing.
    #[default]
    Still,
    /// Jumps up at each onset.
    Hop,
    /// Grows for a moment at each onset.
    Pulse,
    /// Swings to and fro about its middle, fading after each onset.
    Swing,
    /// Is pressed flat at each onset and springs back, its foot in place.
    Squash,
    /// Trembles all the time.
    Tremble,
    /// Rocks slowly all the time.
    Rock,
}

/// A thing in a movie.
#[derive(Clone, Debug)]
pub struct MovieActor {
    /// Number of its kind in the library.
    pub kind: usize,
    /// Number of its picture in the kind.
    pub sprite: usize,
    /// Where it is when, in order of time; before the first and after the last it stays.
    pub keys: Vec<Key>,
    /// The greater, the nearer to the eye.
    pub depth: f64,
    /// Left and right swapped.
    pub flip: bool,
    /// Its colours.
    pub light: Light,
    /// The shadow it throws.
    pub shadow: Option<Shadow>,
    /// What it does while it sounds.
    pub reaction: Reaction,
    /// How strongly: 1 is plain to see and friendly.
    pub strength: f64,
    /// When it reacts, in seconds and in order; empty: twice a second while it sounds.
    pub onsets: Vec<f64>,
    /// Its parts of the movie's [`SoundPlan`].
    pub parts: Vec<usize>,
}

impl MovieActor {
    /// A thing of this kind and picture (`None`: the first one), still without a place.
    ///
    /// Errors: the library has no such kind or picture.
    pub fn new(library: &Library, kind: &str, sprite: Option<&str>) -> Result<Self, SynthError> {
        let unknown = |name: &str, known: Vec<&str>| SynthError::UnknownKind {
            name: name.to_owned(),
            known: known.join(", "),
        };
        let index = library.index(kind).ok_or_else(|| {
            unknown(kind, library.kinds.iter().map(|k| k.name.as_str()).collect())
        })?;
        let own = &library.kinds[index];
        let sprite = match sprite {
            None => 0,
            Some(name) => own
                .sprite(name)
                .ok_or_else(|| unknown(name, own.sprites.iter().map(|s| s.name()).collect()))?,
        };
        Ok(Self {
            kind: index,
            sprite,
            keys: Vec::new(),
            depth: 0.0,
            flip: false,
            light: Light::default(),
            shadow: None,
            reaction: Reaction::Still,
            strength: 1.0,
            onsets: Vec::new(),
            parts: Vec::new(),
        })
    }

    /// With one more key.
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        self.keys.push(key);
        self
    }

    /// At this depth: the greater, the nearer.
    #[must_use]
    pub fn depth(mut self, depth: f64) -> Self {
        self.depth = depth;
        self
    }

    /// Left and right swapped.
    #[must_use]
    pub fn flipped(mut self) -> Self {
        self.flip = true;
        self
    }

    /// With a shadow.
    #[must_use]
    pub fn shadow(mut self, shadow: Shadow) -> Self {
        self.shadow = Some(shadow);
        self
    }

    /// Reacting in this way, in time with `onsets`.
    #[must_use]
    pub fn reacts(mut self, reaction: Reaction, onsets: Vec<f64>) -> Self {
        self.reaction = reaction;
        self.onsets = onsets;
        self
    }

    /// Making these parts of the sound plan.
    #[must_use]
    pub fn plays(mut self, parts: impl IntoIterator<Item = usize>) -> Self {
        self.parts.extend(parts);
        self
    }

    /// Stretches in which it sounds, in order, joined where they touch.
    fn heard(&self, sound: &SoundPlan) -> Vec<(f64, f64)> {
        let own = self.parts.iter().filter_map(|i| sound.parts.get(*i));
        joined(own.map(|p| (p.start, p.start + p.secs)).collect())
    }

    /// Its place and opacity by the keys alone.
    fn path(&self, t: f64) -> Option<[f64; 5]> {
        let after = self.keys.iter().position(|k| k.time > t).unwrap_or(self.keys.len());
        let Some(a) = after.checked_sub(1).and_then(|i| self.keys.get(i)) else {
            return Some(self.keys.first()?.values());
        };
        let Some(b) = self.keys.get(after) else { return Some(a.values()) };
        let (from, to) = (a.values(), b.values());
        let span = b.time - a.time;
        let u = ((t - a.time) / span).clamp(0.0, 1.0);
        let along = match a.motion {
            Motion::Hold => return Some(from),
            Motion::Straight => u,
            Motion::Ease => ease(u),
            Motion::Curve => {
                // Hermite; at a key between two curves the direction is that of its neighbours.
                let before = after.checked_sub(2).and_then(|i| self.keys.get(i));
                let before = before.filter(|k| k.motion == Motion::Curve);
                let next = self.keys.get(after + 1).filter(|_| b.motion == Motion::Curve);
                let (u2, u3) = (u * u, u * u * u);
                return Some(std::array::from_fn(|i| {
                    let slope = |p: Option<&Key>, n: Option<&Key>| match (p, n) {
                        (Some(p), Some(n)) => {
                            (n.values()[i] - p.values()[i]) / (n.time - p.time) * span
                        }
                        _ => 0.0,
                    };
                    let (s, e) = (slope(before, Some(b)), slope(Some(a), next));
                    from[i] * (2.0 * u3 - 3.0 * u2 + 1.0)
                        + s * (u3 - 2.0 * u2 + u)
                        + to[i] * (3.0 * u2 - 2.0 * u3)
                        + e * (u3 - u2)
                }));
            }
        };
        Some(std::array::from_fn(|i| mix(from[i], to[i], along)))
    }

    /// Pose and opacity at `t` seconds, with its reaction to its own sound. `None` without keys.
    pub fn pose(&self, sound: &SoundPlan, lens_aspect: f64, t: f64) -> Option<(Pose, f64)> {
        let [x, y, size, angle, alpha] = self.path(t)?;
        let mut pose = Pose { x, y, size, angle, flip: self.flip, stretch: 1.0 };
        // A silent actor with onsets moves in time with nothing that is heard.
        let spans = self.heard(sound);
        let within = spans.iter().find(|(a, b)| (*a..*b).contains(&t));
        let k = self.strength;
        match self.reaction {
            Reaction::Still => {}
            Reaction::Tremble | Reaction::Rock => {
                let Some((a, b)) = within else { return Some((pose, alpha)) };
                let envelope = ease((t - a) / 0.25) * ease((b - t) / 0.25);
                if self.reaction == Reaction::Rock {
                    pose.angle += 5.0 * k * envelope * sin_cos((t - a) * 0.8).0;
                    pose.y -= 0.02 * k * envelope * size * (1.0 - sin_cos((t - a) * 0.8).1);
                } else {
                    pose.x += 0.012 * k * envelope * size / lens_aspect * sin_cos(t * 11.0).0;
                    pose.y += 0.009 * k * envelope * size * sin_cos(t * 13.0 + 0.25).0;
                    pose.angle += 1.6 * k * envelope * sin_cos(t * 9.0).0;
                }
            }
            _ => {
                let Some((since, gap)) = self.since_onset(within, t) else {
                    return Some((pose, alpha));
                };
                let lasts = match self.reaction {
                    Reaction::Swing => gap.min(0.9),
                    _ => gap.min(0.42),
                };
                let u = since / lasts;
                if u >= 1.0 {
                    return Some((pose, alpha));
                }
                let rest = (1.0 - u) * (1.0 - u);
                match self.reaction {
                    Reaction::Hop => {
                        pose.y -= 0.16 * k * size * 4.0 * u * (1.0 - u);
                        pose.stretch = 1.0 - 0.06 * k * sin_cos(u).0 * (1.0 - u);
                    }
                    Reaction::Pulse => pose.size *= 1.0 + 0.14 * k * rest * ease(u * 6.0),
                    Reaction::Swing => {
                        pose.angle += 15.0 * k * rest * sin_cos(since * 2.6).0;
                    }
                    _ => {
                        let press = 0.13 * k * rest * sin_cos(u * 1.25 + 0.0).0;
                        pose.stretch = 1.0 + press;
                        // The foot stays where it is.
                        pose.y += 0.5 * size * (1.0 - 1.0 / pose.stretch);
                    }
                }
            }
        }
        Some((pose, alpha))
    }

    /// Seconds since the last onset, and from it to the next one.
    fn since_onset(&self, within: Option<&(f64, f64)>, t: f64) -> Option<(f64, f64)> {
        if self.onsets.is_empty() {
            let (a, b) = within?;
            let last = a + ((t - a) * 2.0).floor() * 0.5;
            return Some((t - last, (b - last).min(0.5)));
        }
        let after = self.onsets.iter().position(|o| *o > t).unwrap_or(self.onsets.len());
        let last = *self.onsets.get(after.checked_sub(1)?)?;
        let next = self.onsets.get(after).copied().unwrap_or(f64::MAX);
        Some((t - last, next - last))
    }
}

/// Spans in order, joined where they overlap or touch.
fn joined(mut spans: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut out: Vec<(f64, f64)> = Vec::new();
    for (a, b) in spans {
        match out.last_mut() {
            Some(last) if a <= last.1 => last.1 = last.1.max(b),
            _ => out.push((a, b)),
        }
    }
    out
}

/// A clip as a script: every frame, its sound and its truth follow from it.
#[derive(Clone)]
pub struct Movie {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Frames per second, as a fraction.
    pub fps: (u32, u32),
    /// Number of frames.
    pub frames: u32,
    /// What is behind.
    pub background: Background,
    /// All things.
    pub actors: Vec<MovieActor>,
    /// Scenery with its depth: the greater, the nearer.
    pub props: Vec<(Prop, f64)>,
    /// What is heard.
    pub sound: SoundPlan,
    /// Goes into the truth file.
    pub about: BTreeMap<String, String>,
    painted: Painted,
}

/// What stands still, as last painted, with what it was painted for.
type Painted = Arc<Mutex<Option<Arc<Scenery>>>>;

/// What stands still in a movie.
struct Scenery {
    size: (u32, u32),
    background: Background,
    props: Vec<(Prop, f64)>,
    picture: RgbPicture,
    patches: Vec<Patch>,
}

impl std::fmt::Debug for Movie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.actors.iter().map(|a| (a.kind, a.sprite)).collect();
        write!(f, "Movie({:?} {} frames, {names:?})", self.size, self.frames)
    }
}

/// What is drawn at one depth.
enum Layer<'a> {
    Actor(usize, &'a Sprite, Pose, f64),
    Prop(usize),
}

impl Movie {
    /// An empty clip: a background, nobody, silence.
    pub fn new(size: (u32, u32), fps: (u32, u32), frames: u32, background: Background) -> Self {
        let fps = (fps.0.max(1), fps.1.max(1));
        let secs = f64::from(frames) * f64::from(fps.1) / f64::from(fps.0);
        Self {
            size,
            fps,
            frames,
            background,
            actors: Vec::new(),
            props: Vec::new(),
            sound: SoundPlan::silence(secs),
            about: BTreeMap::new(),
            painted: Painted::default(),
        }
    }

    fn lens(&self) -> Lens {
        Lens::square(self.size.0, self.size.1)
    }

    fn aspect(&self) -> f64 {
        f64::from(self.size.0) / f64::from(self.size.1.max(1))
    }

    /// Time of a frame in seconds.
    pub fn secs(&self, frame: u32) -> f64 {
        f64::from(frame) * f64::from(self.fps.1.max(1)) / f64::from(self.fps.0.max(1))
    }

    /// Time of a frame, to the nearest nanosecond.
    pub fn time(&self, frame: u32) -> MediaTime {
        let (num, den) = (i128::from(self.fps.0.max(1)), i128::from(self.fps.1.max(1)));
        let nanos = (i128::from(frame) * 1_000_000_000 * den + num / 2) / num;
        MediaTime::from_nanos(nanos as i64)
    }

    /// Length of the clip.
    pub fn duration(&self) -> MediaTime {
        self.time(self.frames)
    }

    /// What is heard.
    pub fn sound_plan(&self) -> &SoundPlan {
        &self.sound
    }

    fn scenery(&self) -> Option<Arc<Scenery>> {
        let mut kept = self.painted.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(own) = &*kept
            && own.size == self.size
            && own.background == self.background
            && own.props == self.props
        {
            return Some(Arc::clone(own));
        }
        let lens = self.lens();
        let scenery = Arc::new(Scenery {
            size: self.size,
            background: self.background,
            props: self.props.clone(),
            picture: self.background.paint(self.size.0, self.size.1, self.aspect())?,
            patches: self.props.iter().map(|(p, _)| p.patch(&lens)).collect(),
        });
        *kept = Some(Arc::clone(&scenery));
        Some(scenery)
    }

    /// Everything in the picture at a time, from back to front.
    fn layers<'a>(&'a self, library: &'a Library, t: f64) -> Vec<Layer<'a>> {
        let mut all: Vec<(f64, Layer<'a>)> = Vec::new();
        for (i, a) in self.actors.iter().enumerate() {
            let sprite = library.kinds.get(a.kind).and_then(|k| k.sprites.get(a.sprite));
            let (Some(sprite), Some((pose, alpha))) =
                (sprite, a.pose(&self.sound, self.aspect(), t))
            else {
                continue;
            };
            all.push((a.depth, Layer::Actor(i, sprite, pose, alpha)));
        }
        all.extend(self.props.iter().enumerate().map(|(i, (_, d))| (*d, Layer::Prop(i))));
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        all.into_iter().map(|(_, l)| l).collect()
    }

    /// Draws frame `i`. Frames may be drawn in any order and at the same time.
    pub fn frame(&self, library: &Library, i: u32) -> RgbPicture {
        let lens = self.lens();
        let Some(scenery) = self.scenery() else {
            // A movie without pixels: the smallest picture there is.
            return RgbPicture::new(1, 1, vec![0; 3]).unwrap_or_else(|| unreachable!());
        };
        let mut out = scenery.picture.clone();
        for layer in self.layers(library, self.secs(i)) {
            match layer {
                Layer::Actor(index, sprite, pose, alpha) => {
                    let a = &self.actors[index];
                    let alpha = alpha.clamp(0.0, 1.0) as f32;
                    if alpha > 0.0 {
                        let path = a.path(self.secs(i)).map_or(pose.y, |p| p[1]);
                        let hop = if a.reaction == Reaction::Hop { path - pose.y } else { 0.0 };
                        let shadow = self.shadow_of(a, path + 0.5 * pose.size);
                        let lift = hop.max(0.0) * lens.ky;
                        let ink = Ink { light: &a.light, alpha, shadow, lift };
                        draw::sprite(&mut out, sprite, &pose, &lens, ink);
                    }
                }
                Layer::Prop(i) => scenery.patches[i].draw(&mut out),
            }
        }
        out
    }

    /// The shadow of an actor whose foot is at `foot`: none on the ground from high in the air.
    fn shadow_of(&self, a: &MovieActor, foot: f64) -> Option<Shadow> {
        let shadow = a.shadow?;
        let near = match self.background.place.ground() {
            Some(line) if shadow.ground => ease((foot - line + 0.16) / 0.12) as f32,
            _ => 1.0,
        };
        (near > 0.0).then_some(Shadow { strength: shadow.strength * near, ..shadow })
    }

    /// Visible pixels of each actor at a frame; `None` where it does not count as seen.
    fn seen(&self, library: &Library, frame: u32) -> Vec<Option<Stamp>> {
        let lens = self.lens();
        let mut who = Vec::new();
        let mut stamps = Vec::new();
        for layer in self.layers(library, self.secs(frame)).into_iter().rev() {
            match layer {
                Layer::Actor(i, sprite, pose, alpha) => {
                    if alpha >= 0.5 {
                        who.push(Some(i));
                        stamps.push(Stamp::of(sprite, &pose, &lens));
                    }
                }
                Layer::Prop(i) => {
                    who.push(None);
                    stamps.push(self.props[i].0.stamp(&lens));
                }
            }
        }
        hide(&mut stamps, &lens);
        let mut out = vec![None; self.actors.len()];
        for (who, stamp) in who.into_iter().zip(stamps) {
            if let Some(i) = who
                && stamp.counts()
            {
                out[i] = Some(stamp);
            }
        }
        out
    }

    /// What is true at every frame: one moment per frame and actor, boxes always, masks if asked
    /// for. Sources are the actors in their order, then kinds that are only heard.
    pub fn truth(&self, library: &Library, masks: bool) -> TruthTrack {
        let lens = self.lens();
        let moments: Vec<Vec<Moment>> = (0..self.frames)
            .into_par_iter()
            .map(|i| {
                let time = self.time(i);
                self.seen(library, i)
                    .into_iter()
                    .map(|stamp| Moment {
                        time,
                        bbox: stamp.as_ref().and_then(Stamp::tight),
                        mask: stamp.filter(|_| masks).map(|s| s.mask(&lens)),
                    })
                    .collect()
            })
            .collect();
        let mut per_actor: Vec<Vec<Moment>> =
            (0..self.actors.len()).map(|_| Vec::with_capacity(moments.len())).collect();
        for frame in moments {
            for (all, own) in per_actor.iter_mut().zip(frame) {
                all.push(own);
            }
        }
        let kind = |i: usize| library.kinds.get(i).map_or("", |k| k.name.as_str()).to_owned();
        let mut sources: Vec<Source> = Vec::new();
        for (a, moments) in self.actors.iter().zip(per_actor) {
            let sprite = library.kinds.get(a.kind).and_then(|k| k.sprites.get(a.sprite));
            sources.push(Source {
                id: sources.len() as u32 + 1,
                kind: kind(a.kind),
                variant: sprite.map_or("", |s| s.name()).to_owned(),
                sounding: self.spans(a.heard(&self.sound)),
                moments,
                between: Between::Hold,
            });
        }
        // What nobody in the picture makes.
        let mut away: BTreeMap<usize, Vec<(f64, f64)>> = BTreeMap::new();
        for (i, p) in self.sound.parts.iter().enumerate() {
            if !self.actors.iter().any(|a| a.parts.contains(&i)) {
                away.entry(p.kind).or_default().push((p.start, p.start + p.secs));
            }
        }
        for (k, spans) in away {
            sources.push(Source {
                id: sources.len() as u32 + 1,
                kind: kind(k),
                variant: String::new(),
                sounding: self.spans(joined(spans)),
                moments: Vec::new(),
                between: Between::Hold,
            });
        }
        TruthTrack {
            width: self.size.0,
            height: self.size.1,
            duration: self.duration(),
            sources,
            about: self.about.clone(),
        }
    }

    /// Seconds as spans within the clip.
    fn spans(&self, spans: Vec<(f64, f64)>) -> Vec<Span> {
        let end = self.duration();
        let at = |t: f64| {
            let nanos = (t * 1e9 + 0.5).floor().clamp(0.0, end.as_nanos() as f64);
            MediaTime::from_nanos(nanos as i64)
        };
        let all = spans.into_iter().map(|(a, b)| Span { start: at(a), end: at(b) });
        all.filter(|s| s.start < s.end).collect()
    }
}
