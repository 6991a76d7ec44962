use std::sync::Arc;

use proptest::prelude::*;

use super::super::{Kind, Voice, voices};
use super::*;

const RATE: u32 = 16_000;

fn library() -> Library {
    let kinds = voices::names()
        .filter_map(|name| {
            Some(Kind { name: name.into(), sprites: Vec::new(), voice: voices::voice(name)? })
        })
        .collect();
    Library { kinds }
}

/// A voice that is one steady tone.
struct Hum;

impl Voice for Hum {
    fn sing(&self, _: &mut Dice, rate: u32, secs: f64) -> Vec<f32> {
        let n = (secs * f64::from(rate)).round() as usize;
        (0..n).map(|i| voices::wave(1000.0 * i as f64 / f64::from(rate)) as f32).collect()
    }
}

fn hum() -> Library {
    Library { kinds: vec![Kind { name: "hum".into(), sprites: Vec::new(), voice: Arc::new(Hum) }] }
}

fn plan(secs: f64, parts: Vec<SoundPart>) -> SoundPlan {
    SoundPlan { parts, ..SoundPlan::silence(secs) }
}

fn rms(x: &[f32]) -> f64 {
    (x.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / x.len() as f64).sqrt()
}

/// RMS in dB of the 20 ms stretches at most 30 dB below the loudest: the definition, written a
/// second time.
fn active_db(x: &[f32]) -> f64 {
    let powers: Vec<f64> = x.chunks(320).map(|c| rms(c).powi(2)).collect();
    let most = powers.iter().copied().fold(0.0, f64::max);
    let active: Vec<f64> = powers.into_iter().filter(|p| *p >= 1e-3 * most).collect();
    10.0 * (active.iter().sum::<f64>() / active.len() as f64).log10()
}

#[test]
fn every_plan_has_exactly_its_samples() {
    let library = library();
    for (secs, rate, want) in [
        (0.0, 16_000, 0),
        (3.0, 16_000, 48_000),
        (1.0 / 3.0, 44_100, 14_700),
        (0.00007, 16_000, 1),
        (f64::NAN, 16_000, 0),
        (-3.0, 16_000, 0),
        (1.0, 0, 0),
    ] {
        let mut p = plan(secs, vec![SoundPart::new(0, 0.1, 5.0, 1)]);
        p.noise = Some(Noise { color: Color::Pink, level_db: -50.0 });
        p.room = Room { size: 0.5, wet: 0.3 };
        assert_eq!(p.samples(rate), want);
        assert_eq!(p.mono(&library, rate).len(), want, "{secs} {rate}");
        assert_eq!(p.stereo(&library, rate).len(), 2 * want, "{secs} {rate}");
    }
}

#[test]
fn the_same_plan_gives_the_same_samples() {
    let library = library();
    let mut p = plan(1.5, vec![SoundPart::new(4, 0.2, 1.0, 7), SoundPart::new(20, 0.0, 1.5, 8)]);
    p.noise = Some(Noise { color: Color::Band, level_db: -40.0 });
    p.room = Room { size: 0.7, wet: 0.4 };
    assert!(p.stereo(&library, RATE) == p.stereo(&library, RATE));
    let mut other = p.clone();
    other.seed += 1;
    assert!(p.mono(&library, RATE) != other.mono(&library, RATE));
}

#[test]
fn parts_are_as_loud_as_asked() {
    let library = library();
    for kind in 0..library.kinds.len() {
        for (seed, level_db) in [(1, -24.0), (2, -32.0)] {
            let part = SoundPart { level_db, ..SoundPart::new(kind, 0.5, 3.0, seed) };
            let x = plan(4.0, vec![part]).mono(&library, RATE);
            let got = active_db(&x[8000..56_000]);
            let name = &library.kinds[kind].name;
            assert!((got - level_db).abs() < 0.5, "{name} {level_db}: {got}");
            assert!(x[..8000].iter().chain(&x[56_000..]).all(|v| *v == 0.0), "{name}");
        }
    }
    let twin: Vec<f32> = plan(3.0, vec![SoundPart::new(0, 0.0, 3.0, 1)])
        .mono(&library, RATE)
        .iter()
        .map(|v| 0.9 * v)
        .collect();
    assert!((active_db(&twin) - -20.0).abs() > 0.5, "the measure sees a factor of 0.9");
}

#[test]
fn parts_begin_and_end_without_clicks() {
    let library = library();
    for kind in 0..library.kinds.len() {
        let x = plan(2.0, vec![SoundPart::new(kind, 0.5, 1.0, 3)]).mono(&library, RATE);
        let most = x.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        for border in [8000, 24_000] {
            let near = x[border - 8..border + 8].iter().fold(0.0f32, |m, v| m.max(v.abs()));
            assert!(near < 0.02 * most, "{} {near} of {most}", library.kinds[kind].name);
        }
    }
    // Without a fade the tone would begin in full swing.
    let voice = Hum.sing(&mut Dice::new(0, 0), RATE, 1.0);
    assert!(voice[..8].iter().fold(0.0f32, |m, v| m.max(v.abs())) > 0.9);
    let cut = plan(0.503, vec![SoundPart::new(0, -0.2003, 2.0, 0)]).mono(&hum(), RATE);
    assert!(cut[0].abs() < 1e-3 && cut[cut.len() - 1].abs() < 1e-3);
}

#[test]
fn a_part_that_began_before_the_plan_goes_on_as_if_heard_from_its_start() {
    let library = library();
    let whole = plan(3.0, vec![SoundPart::new(12, 0.0, 3.0, 5)]).mono(&library, RATE);
    let late = plan(2.0, vec![SoundPart::new(12, -1.0, 3.0, 5)]).mono(&library, RATE);
    for i in 1000..31_000 {
        assert!((whole[16_000 + i] - late[i]).abs() < 1e-6, "{i}");
    }
}

#[test]
fn stereo_places_parts_at_constant_power() {
    let one = |pan: f64| {
        let p = plan(1.0, vec![SoundPart { pan, ..SoundPart::new(0, 0.0, 1.0, 0) }]);
        let x = p.stereo(&hum(), RATE);
        let ear =
            |k: usize| x.iter().skip(k).step_by(2).map(|v| f64::from(*v).powi(2)).sum::<f64>();
        (ear(0), ear(1))
    };
    let (left, right) = one(0.0);
    assert!((left / right - 1.0).abs() < 1e-6);
    let total = left + right;
    for pan in [-1.0, -0.5, 0.25, 1.0, 7.0] {
        let (l, r) = one(pan);
        assert!(((l + r) / total - 1.0).abs() < 1e-6, "{pan}");
        assert_eq!(pan < 0.0, l > r, "{pan}");
    }
    assert!(one(-1.0).1 < 1e-12 && one(1.0).0 < 1e-12);
}

#[test]
fn off_screen_is_darker_and_quieter_and_rings() {
    let library = library();
    let near = SoundPart::new(0, 0.0, 2.0, 3);
    let far = SoundPart { far: true, ..near };
    let high = |x: &[f32]| {
        let mut filter = Svf::new(2500.0, 0.7, f64::from(RATE));
        let y: Vec<f32> = x.iter().map(|v| filter.high(f64::from(*v)) as f32).collect();
        rms(&y) / rms(x)
    };
    let a = plan(3.0, vec![near]).mono(&library, RATE);
    let b = plan(3.0, vec![far]).mono(&library, RATE);
    assert!(high(&b) < 0.4 * high(&a), "{} {}", high(&b), high(&a));
    assert!(rms(&b) < 0.7 * rms(&a));
    assert!(rms(&a[33_000..34_000]) == 0.0 && rms(&b[33_000..34_000]) > 0.0);
}

#[test]
fn a_room_rings_after_the_sound_and_dies() {
    let mut p = plan(4.0, vec![SoundPart::new(20, 0.0, 1.0, 3)]);
    p.room = Room { size: 0.6, wet: 0.5 };
    let x = p.mono(&library(), RATE);
    assert!(rms(&x[17_000..19_000]) > 1e-4);
    assert!(rms(&x[56_000..]) < 0.05 * rms(&x[17_000..19_000]));
}

#[test]
fn noise_has_its_level_and_its_colour() {
    // Power around 400 Hz against 2 kHz, in dB.
    let slope = |x: &[f32]| {
        let band = |hz: f64| {
            let mut filter = Svf::new(hz, 2.0, f64::from(RATE));
            let mut twice = filter.clone();
            let y: Vec<f32> =
                x.iter().map(|v| twice.band(filter.band(f64::from(*v))) as f32).collect();
            20.0 * rms(&y[1000..]).log10()
        };
        band(400.0) - band(2000.0)
    };
    for color in Color::ALL {
        let mut p = SoundPlan::silence(3.0);
        p.noise = Some(Noise { color, level_db: -40.0 });
        let x = p.mono(&Library { kinds: Vec::new() }, RATE);
        assert!((20.0 * rms(&x).log10() + 40.0).abs() < 0.01, "{color:?}");
        let got = slope(&x);
        // A band as wide as its centre: white noise rises by 7 dB, pink is level, brown falls.
        match color {
            Color::White => assert!((got + 7.0).abs() < 1.0, "{got}"),
            Color::Pink => assert!(got.abs() < 1.5, "{got}"),
            Color::Brown => assert!((got - 7.0).abs() < 1.5, "{got}"),
            Color::Hum => assert!(got > 15.0, "{got}"),
            Color::Band => {}
        }
    }
}

#[test]
fn silence_is_digital_silence() {
    let x = SoundPlan::silence(1.0).stereo(&library(), RATE);
    assert!(x.len() == 32_000 && x.iter().all(|v| *v == 0.0));
    // A kind that the library does not have.
    let x = plan(1.0, vec![SoundPart::new(99, 0.0, 1.0, 1)]).mono(&library(), RATE);
    assert!(x.iter().all(|v| *v == 0.0));
}

#[test]
fn beats_are_given_in_the_plan_s_time() {
    let library = library();
    let p = plan(6.0, vec![SoundPart::new(0, 2.5, 3.0, 4), SoundPart::new(99, 0.0, 1.0, 0)]);
    let beats = p.beats(&library, 0);
    assert!(beats.len() > 3 && beats.iter().all(|t| (2.5..5.5).contains(t)), "{beats:?}");
    assert!(p.beats(&library, 1).is_empty() && p.beats(&library, 2).is_empty());
    let even = plan(2.0, vec![SoundPart::new(0, 0.0, 2.0, 0)]).beats(&hum(), 0);
    assert_eq!(even, [0.0, 0.5, 1.0, 1.5]);
}

#[test]
fn a_crowd_at_full_level_stays_within_one() {
    let parts = (0..32).map(|k| SoundPart { level_db: 0.0, ..SoundPart::new(k, 0.0, 1.0, 9) });
    let x = plan(1.0, parts.collect()).mono(&library(), RATE);
    let most = x.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    assert!(most > 0.9 && most < 1.0, "{most}");
}

#[test]
fn plans_survive_a_file() {
    let mut p = plan(2.0, vec![SoundPart::new(3, 0.25, 1.0, u64::MAX)]);
    p.noise = Some(Noise { color: Color::Hum, level_db: -55.0 });
    let text = serde_json::to_string(&p).unwrap();
    assert_eq!(serde_json::from_str::<SoundPlan>(&text).unwrap(), p);
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => -2.0..2.0,
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e300, 1e300]),
    ]
}

prop_compose! {
    fn any_part()(
        kind in 0usize..40, start in any_number(), secs in any_number(), seed in any::<u64>(),
        level_db in -90.0..20.0, pan in any_number(), far in any::<bool>(), fade in any_number(),
    ) -> SoundPart {
        // A part of an hour would only cost time.
        let secs = if secs > 2.0 { 2.0 } else { secs };
        SoundPart { kind, start, secs, seed, level_db, pan, far, fade }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_plan_panics_or_leaves_the_range(
        secs in -0.5..1.5, parts in prop::collection::vec(any_part(), 0..4), seed in any::<u64>(),
        color in prop::sample::select(Color::ALL.to_vec()), noise in prop::option::of(any_number()),
        size in any_number(), wet in any_number(),
        rate in prop::sample::select(vec![0u32, 1, 50, 7_999, 16_000, 44_100]),
    ) {
        let plan = SoundPlan {
            secs, parts, seed, room: Room { size, wet },
            noise: noise.map(|level| Noise { color, level_db: 30.0 * level }),
        };
        let library = library();
        let x = plan.stereo(&library, rate);
        prop_assert_eq!(x.len(), 2 * plan.samples(rate));
        prop_assert!(x.iter().all(|v| v.abs() <= 1.0));
        for part in 0..plan.parts.len() {
            plan.beats(&library, part);
        }
    }
}
