//! The drawn world: seeded frames, sound and boxes, no files.
//!
//! For now one clip, [`DemoClip`]: a bell, a drum and a bird, each sounding in its turn, which
//! the window starts on. Everything is a function of the frame's or the sample's number, so the
//! clip is the same on every machine and loops without a seam.

mod backdrop;
mod canvas;
mod dice;
mod draw;
mod error;
mod exact;
#[cfg(test)]
mod gallery;
mod kinds;
mod library;
mod light;
mod movie;
mod movie_plan;
mod options;
mod pose;
mod prop;
mod room;
mod scene;
mod silhouettes;
mod sound;
mod soundscape;
mod sprite;
mod still;
mod story;
mod voices;

pub use backdrop::{Background, Place};
pub use dice::Dice;
pub use draw::Shadow;
pub use error::SynthError;
pub use library::{Kind, Library, Voice};
pub use light::Light;
pub use movie::{Key, Motion, Movie, MovieActor, Reaction};
pub use movie_plan::MovieOptions;
pub use options::{SceneOptions, Split};
pub use pose::{LEAST_VISIBLE, Pose};
pub use prop::{Prop, PropKind};
pub use soundscape::{Color, Noise, Room, SoundPart, SoundPlan};
pub use sprite::Sprite;
pub use still::{MOST_OVERLAP, Negative, Scene, Thing};
pub use story::Actor;
pub use voices::{LONGEST_PAUSE, names as voice_names, voice};

use crate::units::RgbPicture;
use canvas::Canvas;

/// The clip that the program draws itself: twelve seconds, three things that sound.
pub struct DemoClip {
    background: Canvas,
    /// The background with all three at rest.
    resting: Canvas,
}

impl DemoClip {
    /// Frames per second.
    pub const FPS: u32 = 30;
    /// Samples per second of the stereo sound.
    pub const SAMPLE_RATE: u32 = sound::RATE;
    /// Number of frames.
    pub const FRAMES: u32 = story::CLIP_SECS as u32 * Self::FPS;

    /// A clip `width` pixels wide and 9/16 of that high, even and at least 32.
    pub fn new(width: u32) -> Self {
        let width = width.clamp(32, 3840) & !1;
        let height = (width * 9 / 16) & !1;
        let mut background = Canvas::new(width, height);
        scene::background(&mut background);
        let mut resting = background.clone();
        for actor in Actor::ALL {
            // The end of another's turn, when this one has come to rest.
            let idle = if actor == Actor::Bell { 7.99 } else { 0.0 };
            scene::draw(&mut resting, actor, idle);
        }
        Self { background, resting }
    }

    /// Time of a frame in seconds.
    pub fn secs(frame: u32) -> f64 {
        f64::from(frame % Self::FRAMES) / f64::from(Self::FPS)
    }

    /// Frame `i`; the clip repeats after [`Self::FRAMES`].
    pub fn frame(&self, i: u32) -> RgbPicture {
        let t = Self::secs(i);
        let actor = Actor::at(t);
        let mut canvas = self.resting.clone();
        let (lo, hi) = scene::reach(actor);
        canvas.restore(&self.background, lo, hi);
        scene::draw(&mut canvas, actor, t);
        // The canvas has the bytes its size asks for.
        canvas.into_picture().unwrap_or_else(|| unreachable!("a canvas is a whole picture"))
    }

    /// Interleaved stereo samples of the clip, in -1 to 1; silence beyond its end.
    pub fn sound(&self, range: std::ops::Range<u64>) -> Vec<f32> {
        sound::samples(range)
    }

    /// Number of samples per channel.
    pub fn samples(&self) -> u64 {
        u64::from(Self::FRAMES / Self::FPS) * u64::from(Self::SAMPLE_RATE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Loudness of a stretch of the clip.
    fn rms(clip: &DemoClip, from: f64, to: f64) -> f32 {
        let at = |t: f64| (t * f64::from(DemoClip::SAMPLE_RATE)) as u64;
        let s = clip.sound(at(from)..at(to));
        (s.iter().map(|v| v * v).sum::<f32>() / s.len() as f32).sqrt()
    }

    /// Sum of absolute differences inside and outside an actor's place.
    fn change(clip: &DemoClip, a: u32, b: u32, actor: Actor) -> (u64, u64) {
        let (a, b) = (clip.frame(a), clip.frame(b));
        let (w, h) = (a.width() as usize, a.height() as usize);
        let place = actor.place();
        let (mut inside, mut outside) = (0, 0);
        for (i, (x, y)) in a.data().iter().zip(b.data()).enumerate() {
            let (px, py) = ((i / 3 % w) as f32 / w as f32, (i / 3 / w) as f32 / h as f32);
            let d = u64::from(x.abs_diff(*y));
            let within = (place.x0 - 0.01..place.x1 + 0.01).contains(&px)
                && (place.y0 - 0.01..place.y1 + 0.02).contains(&py);
            if within { inside += d } else { outside += d }
        }
        (inside, outside)
    }

    #[test]
    fn only_the_thing_that_sounds_moves() {
        let clip = DemoClip::new(320);
        for (actor, frames) in
            [(Actor::Bell, (10, 24)), (Actor::Drum, (141, 147)), (Actor::Bird, (252, 270))]
        {
            assert_eq!(Actor::at(DemoClip::secs(frames.0)), actor);
            let (inside, outside) = change(&clip, frames.0, frames.1, actor);
            assert!(inside > 10_000, "{actor:?} moves: {inside}");
            assert_eq!(outside, 0, "{actor:?}");
        }
    }

    #[test]
    fn each_turn_sounds_and_ends_in_silence() {
        let clip = DemoClip::new(64);
        for start in [0.0, 4.0, 8.0] {
            assert!(rms(&clip, start + 0.5, start + 3.5) > 0.03, "{start}");
            assert!(rms(&clip, start + 3.96, start + 4.0) < 0.003, "{start}");
        }
    }

    #[test]
    fn the_loop_has_no_seam() {
        let clip = DemoClip::new(320);
        let last = clip.frame(DemoClip::FRAMES - 1);
        let first = clip.frame(DemoClip::FRAMES);
        assert_eq!(first, clip.frame(0));
        let step: u64 =
            last.data().iter().zip(first.data()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        assert!(step < 2_000, "{step}");
        let s = clip.sound(0..4);
        let e = clip.sound(clip.samples() - 4..clip.samples());
        assert!(s.iter().chain(&e).all(|v| v.abs() < 1e-3));
        assert!(clip.sound(clip.samples()..clip.samples() + 2).iter().all(|v| *v == 0.0));
    }

    #[test]
    fn stereo_places_each_thing_where_it_stands() {
        let clip = DemoClip::new(64);
        let sides = |from: u64, to: u64| {
            let s = clip.sound(from * 48_000..to * 48_000);
            let e = |k: usize| s.iter().skip(k).step_by(2).map(|v| v * v).sum::<f32>();
            (e(0), e(1))
        };
        let (l, r) = sides(0, 4);
        assert!(l > 1.5 * r);
        let (l, r) = sides(4, 8);
        assert!((l / r - 1.0).abs() < 0.01);
        let (l, r) = sides(8, 12);
        assert!(r > 1.5 * l);
    }

    #[test]
    fn frames_are_the_same_every_time_and_of_any_size() {
        let (a, b) = (DemoClip::new(320), DemoClip::new(320));
        assert_eq!(a.frame(137), b.frame(137));
        assert_eq!(a.sound(1000..1100), b.sound(1000..1100));
        for w in [0, 33, 640] {
            let f = DemoClip::new(w).frame(5);
            assert!(f.width().is_multiple_of(2) && f.height().is_multiple_of(2));
        }
    }

    #[test]
    fn nothing_clips() {
        let clip = DemoClip::new(32);
        let most = clip.sound(0..clip.samples()).iter().fold(0.0f32, |m, v| m.max(v.abs()));
        assert!((0.3..0.99).contains(&most), "{most}");
    }
}
