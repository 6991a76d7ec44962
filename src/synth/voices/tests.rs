//! What makes each kind that kind, measured.

use realfft::RealFftPlanner;

use super::*;

const RATE: u32 = 16_000;

fn sing(name: &str, seed: u64, secs: f64) -> Vec<f32> {
    voice(name).unwrap().sing(&mut Dice::new(seed, 0).part("voice"), RATE, secs)
}

/// Power per hertz of the whole sound: (Hz per bin, power).
fn spectrum(x: &[f32]) -> (f64, Vec<f64>) {
    let n = x.len();
    let mut planner = RealFftPlanner::<f64>::new();
    let fft = planner.plan_fft_forward(n);
    let mut time: Vec<f64> = x
        .iter()
        .enumerate()
        .map(|(i, v)| f64::from(*v) * (0.5 - 0.5 * wave(i as f64 / n as f64 + 0.25)))
        .collect();
    let mut out = fft.make_output_vec();
    fft.process(&mut time, &mut out).unwrap();
    (f64::from(RATE) / n as f64, out.iter().map(|c| c.norm_sqr()).collect())
}

/// Share of the power between `lo` and `hi` Hz.
fn share(x: &[f32], lo: f64, hi: f64) -> f64 {
    let (step, power) = spectrum(x);
    let inside = |i: usize| (lo..hi).contains(&(i as f64 * step));
    let part: f64 = power.iter().enumerate().filter(|(i, _)| inside(*i)).map(|(_, p)| p).sum();
    part / power.iter().sum::<f64>().max(1e-30)
}

/// RMS of every `secs` seconds.
fn envelope(x: &[f32], rate: u32, secs: f64) -> Vec<f64> {
    let frame = (secs * f64::from(rate)) as usize;
    x.chunks_exact(frame)
        .map(|c| (c.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / frame as f64).sqrt())
        .collect()
}

/// Frequency between `lo` and `hi` Hz at which the loudness (of `x` above 300 Hz) throbs most,
/// and how much of it does: 0 not at all, 1 wholly.
fn throb(x: &[f32], lo: f64, hi: f64) -> (f64, f64) {
    let mut high = Svf::new(300.0, 0.7, f64::from(RATE));
    let high: Vec<f32> = x.iter().map(|v| high.high(f64::from(*v)) as f32).collect();
    let step = 0.004;
    let e = envelope(&high, RATE, step);
    let mean = e.iter().sum::<f64>() / e.len() as f64;
    let mut best = (0.0, 0.0);
    let mut hz = lo;
    while hz <= hi {
        let (mut c, mut s) = (0.0, 0.0);
        for (i, v) in e.iter().enumerate() {
            let t = hz * i as f64 * step;
            c += (v - mean) * wave(t + 0.25);
            s += (v - mean) * wave(t);
        }
        let depth = 2.0 * (c * c + s * s).sqrt() / (mean * e.len() as f64);
        if depth > best.1 {
            best = (hz, depth);
        }
        hz += 0.05;
    }
    best
}

/// Pitch of each 40 ms between `lo` and `hi` Hz by autocorrelation, where it is clear.
fn pitches(x: &[f32], lo: f64, hi: f64) -> Vec<f64> {
    let rate = f64::from(RATE);
    let (short, long) = ((rate / hi) as usize, (rate / lo) as usize);
    let frame = 640;
    let loud = envelope(x, RATE, 0.04).into_iter().fold(0.0, f64::max);
    let mut out = Vec::new();
    for start in (0..x.len().saturating_sub(frame + long + 1)).step_by(frame) {
        let at = |lag: usize| -> f64 {
            (start..start + frame).map(|i| f64::from(x[i]) * f64::from(x[i + lag])).sum()
        };
        let zero = at(0);
        if zero < 0.02 * loud * loud * frame as f64 {
            continue;
        }
        let all: Vec<f64> = (short..=long).map(at).collect();
        let most = all.iter().copied().fold(0.0, f64::max);
        if most < 0.6 * zero {
            continue;
        }
        // The first peak that is about as high as the highest: not the octave below.
        let first = (1..all.len() - 1)
            .find(|&i| all[i] > 0.88 * most && all[i] >= all[i - 1] && all[i] >= all[i + 1]);
        if let Some(i) = first {
            out.push(rate / (short + i) as f64);
        }
    }
    out
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn tone(hz: f64, secs: f64) -> Vec<f32> {
    (0..(secs * 16_000.0) as usize).map(|i| 0.3 * wave(hz * i as f64 / 16_000.0) as f32).collect()
}

fn hiss(secs: f64) -> Vec<f32> {
    let mut noise = Noise::new(7, 16_000.0);
    (0..(secs * 16_000.0) as usize).map(|_| 0.1 * noise.white() as f32).collect()
}

#[test]
fn thirty_two_kinds_have_a_voice_and_nothing_else_has() {
    let all: std::collections::BTreeSet<_> = names().collect();
    assert_eq!(all.len(), 32);
    assert!(names().all(|n| voice(n).is_some()));
    assert!(voice("unicorn").is_none() && voice("").is_none());
}

#[test]
fn the_same_dice_give_the_same_samples_and_others_do_not() {
    for name in names() {
        assert!(sing(name, 3, 0.7) == sing(name, 3, 0.7), "{name}");
        assert!(sing(name, 3, 0.7) != sing(name, 4, 0.7), "{name}");
    }
}

#[test]
fn voices_have_the_length_asked_and_soft_ends_and_no_dc() {
    for name in names() {
        let v = voice(name).unwrap();
        for (rate, secs, want) in [
            (16_000, 0.0, 0),
            (16_000, 1.0 / 16_000.0, 1),
            (16_000, 0.0137, 219),
            (22_050, 0.33, 7277),
            (48_000, 0.5, 24_000),
            (8_000, 1.7, 13_600),
            (0, 1.0, 0),
            (1, 2.0, 2),
        ] {
            let x = v.sing(&mut Dice::new(1, 0), rate, secs);
            assert_eq!(x.len(), want, "{name} {rate} {secs}");
            assert!(x.iter().all(|v| v.abs() <= 1.0), "{name} {rate} {secs}");
            if rate >= 8000 && secs > 0.3 {
                let most = x.iter().fold(0.0f32, |m, v| m.max(v.abs()));
                assert!(most > 0.02, "{name} sounds: {most}");
                let ends = x[0].abs().max(x[x.len() - 1].abs());
                assert!(ends < 0.02 * most, "{name} {rate} {secs}: {ends} of {most}");
                let mean = x.iter().map(|v| f64::from(*v)).sum::<f64>() / x.len() as f64;
                assert!(mean.abs() < 0.01 * f64::from(most), "{name} {mean}");
            }
        }
        for secs in [f64::NAN, -1.0, f64::INFINITY] {
            assert!(v.sing(&mut Dice::new(1, 0), 16_000, secs).is_empty());
        }
    }
}

/// Seconds of the longest silence.
fn longest_hole(x: &[f32]) -> f64 {
    let e = envelope(x, RATE, 0.02);
    let most = e.iter().copied().fold(0.0, f64::max);
    let (mut run, mut worst) = (0, 0);
    for v in e {
        run = if v < 0.01 * most { run + 1 } else { 0 };
        worst = worst.max(run);
    }
    f64::from(worst) * 0.02
}

#[test]
fn no_voice_falls_silent_for_longer_than_the_bound() {
    for name in names() {
        for seed in 0..12 {
            let hole = longest_hole(&sing(name, seed, 5.3));
            assert!(hole <= LONGEST_PAUSE, "{name} {seed}: {hole} s");
        }
    }
    // The measure sees a hole where there is one.
    let mut x = hiss(3.0);
    x[16_000..28_000].fill(0.0);
    assert!((longest_hole(&x) - 0.75).abs() < 0.03);
}

#[test]
fn both_rates_play_the_same_notes() {
    for name in names() {
        let v = voice(name).unwrap();
        let [a, b] = [16_000, 48_000].map(|rate| {
            let x = v.sing(&mut Dice::new(9, 0), rate, 3.0);
            envelope(&x, rate, 0.06)
        });
        let mean = |e: &[f64]| e.iter().sum::<f64>() / e.len() as f64;
        let (ma, mb) = (mean(&a), mean(&b));
        let dot = |x: &[f64], mx: f64, y: &[f64], my: f64| -> f64 {
            x.iter().zip(y).map(|(p, q)| (p - mx) * (q - my)).sum()
        };
        let alike = dot(&a, ma, &b, mb) / (dot(&a, ma, &a, ma) * dot(&b, mb, &b, mb)).sqrt();
        // Steady noises have hardly an envelope to compare.
        let steady = (dot(&a, ma, &a, ma) / a.len() as f64).sqrt() < 0.25 * ma;
        assert!(alike > 0.8 || steady, "{name} {alike}");
        assert!((20.0 * (ma / mb).log10()).abs() < 2.0, "{name} {ma} {mb}");
    }
}

#[test]
fn beats_lie_where_something_begins() {
    for name in names() {
        let v = voice(name).unwrap();
        for seed in 0..4 {
            let beats = v.beats(&mut Dice::new(seed, 0).part("voice"), 3.0);
            assert!(!beats.is_empty(), "{name}");
            assert!(beats.windows(2).all(|w| w[0] <= w[1]), "{name}");
            assert!(beats.iter().all(|t| (0.0..3.0).contains(t)), "{name} {beats:?}");
        }
    }
    for name in ["dog", "duck", "drum", "bell", "sheep", "telephone", "typing"] {
        let (mut good, mut all) = (0, 0);
        for seed in 0..6 {
            let beats = voice(name).unwrap().beats(&mut Dice::new(seed, 0).part("voice"), 3.0);
            let e = envelope(&sing(name, seed, 3.0), RATE, 0.01);
            for t in beats.into_iter().filter(|t| (0.1..2.85).contains(t)) {
                let i = (t * 100.0) as usize;
                let before = e[i - 3..i].iter().sum::<f64>() / 3.0;
                let after = e[i..i + 10].iter().copied().fold(0.0, f64::max);
                good += u32::from(after > 1.3 * before);
                all += 1;
            }
        }
        assert!(good * 10 >= all * 8, "{name} {good}/{all}");
    }
}

#[test]
fn each_kind_has_its_power_where_it_belongs() {
    for (name, lo, hi, least) in [
        ("owl", 230.0, 900.0, 0.95),
        ("cricket", 3700.0, 5500.0, 0.95),
        ("bird", 1500.0, 7500.0, 0.95),
        ("maracas", 2000.0, 8000.0, 0.85),
        ("thunder", 20.0, 500.0, 0.6),
        ("ship", 50.0, 1200.0, 0.85),
        ("cow", 60.0, 1600.0, 0.85),
        ("bee", 120.0, 4000.0, 0.9),
        ("cat", 300.0, 5000.0, 0.95),
        ("alarm-clock", 1200.0, 8000.0, 0.75),
        ("siren", 350.0, 5000.0, 0.9),
        ("duck", 700.0, 4500.0, 0.85),
    ] {
        for seed in 0..10 {
            let got = share(&sing(name, seed, 3.0), lo, hi);
            assert!(got >= least, "{name} {seed}: {got}");
        }
    }
    assert!(share(&hiss(1.0), 1000.0, 2000.0) < 0.2);
}

#[test]
fn sirens_sweep_or_change_between_two_notes() {
    let mut swept = 0;
    for seed in 0..12 {
        let p = pitches(&sing("siren", seed, 5.0), 350.0, 1800.0);
        let (lo, hi) = p.iter().fold((1e9f64, 0.0f64), |(l, h), v| (l.min(*v), h.max(*v)));
        assert!(hi / lo > 1.2 && lo > 340.0 && hi < 1800.0, "{seed}: {lo}..{hi}");
        swept += u32::from(hi / lo > 1.7 && (1100.0..1700.0).contains(&hi));
    }
    assert!(swept >= 5, "{swept}");
    let p = pitches(&tone(700.0, 2.0), 350.0, 1800.0);
    assert!(p.iter().all(|v| (v / 700.0 - 1.0).abs() < 0.03), "a steady tone does not sweep");
}

#[test]
fn rotors_chop_ten_to_twenty_times_a_second() {
    for seed in 0..8 {
        let (hz, depth) = throb(&sing("helicopter", seed, 4.0), 5.0, 40.0);
        assert!((9.5..20.5).contains(&hz) && depth > 0.25, "{seed}: {hz} {depth}");
    }
    assert!(throb(&hiss(4.0), 5.0, 40.0).1 < 0.1, "noise does not throb");
}

#[test]
fn sheep_tremble_and_cows_do_not() {
    for seed in 0..8 {
        let (hz, depth) = throb(&sing("sheep", seed, 3.0), 5.5, 14.0);
        assert!((6.5..12.0).contains(&hz) && depth > 0.1, "{seed}: {hz} {depth}");
        assert!(throb(&sing("cow", seed, 3.0), 5.5, 14.0).1 < depth, "{seed}");
    }
}

#[test]
fn throats_have_the_pitch_of_their_kind() {
    for (name, lo, hi) in [
        ("baby", 300.0, 650.0),
        ("cat", 330.0, 1000.0),
        ("cow", 70.0, 230.0),
        ("rooster", 400.0, 1050.0),
    ] {
        for seed in 0..8 {
            let got = middle(pitches(&sing(name, seed, 3.0), 60.0, 1300.0));
            assert!((lo..hi).contains(&got), "{name} {seed}: {got}");
        }
    }
}

#[test]
fn a_meow_rises_and_falls() {
    for seed in 0..8 {
        let p = pitches(&sing("cat", seed, 0.6), 200.0, 1300.0);
        let most = p.iter().copied().fold(0.0, f64::max);
        assert!(p.len() > 5 && p[0] < 0.97 * most && p[p.len() - 1] < 0.97 * most, "{seed} {p:?}");
    }
}

#[test]
fn bells_ring_on_with_partials_that_no_string_has() {
    let (mut thirds, mut falls) = (0, 0);
    for seed in 0..16 {
        let x = sing("bell", seed, 3.0);
        thirds += u32::from(has_minor_third(&x));
        // Just before the second stroke the upper partials have died, the lower ring.
        let beats = voice("bell").unwrap().beats(&mut Dice::new(seed, 0).part("voice"), 3.0);
        let at = |t: f64| (t * 16_000.0) as usize;
        let (from, to) = (at(beats[0]), at(beats[1]));
        if to - from > 9600 {
            let early = share(&x[from..from + 3200], 2500.0, 8000.0);
            let late = share(&x[to - 3200..to], 2500.0, 8000.0);
            falls += u32::from(late < 0.6 * early);
        }
    }
    assert!(thirds >= 6 && falls >= 6, "{thirds} {falls}");
    // Harmonics of a string have no such neighbours.
    let harmonic = |t: f64| (1..9).map(|k| wave(f64::from(k) * t) / f64::from(k)).sum::<f64>();
    let string: Vec<f32> =
        (0..48_000).map(|i| 0.1 * harmonic(300.0 * f64::from(i) / 16_000.0) as f32).collect();
    assert!(!has_minor_third(&string));
}

/// Two of the five strongest partials are a minor third apart.
fn has_minor_third(x: &[f32]) -> bool {
    let (step, mut power) = spectrum(x);
    let mut peaks = Vec::new();
    for _ in 0..5 {
        let (i, _) = power.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
        peaks.push(i as f64 * step);
        let width = (0.03 * i as f64) as usize + 3;
        let end = (i + width).min(power.len());
        power[i.saturating_sub(width)..end].fill(0.0);
    }
    peaks.iter().any(|a| peaks.iter().any(|b| (1.165..1.215).contains(&(a / b))))
}

#[test]
fn crickets_pulse_faster_than_the_ear_counts() {
    for seed in 0..8 {
        let (hz, depth) = throb(&sing("cricket", seed, 3.0), 20.0, 70.0);
        assert!((22.0..62.0).contains(&hz) && depth > 0.3, "{seed}: {hz} {depth}");
    }
}

/// What a sound looks like to a simple ear: how strong, how steady and how restless each of 24
/// bands is, and how fast the whole throbs.
fn portrait(x: &[f32]) -> Vec<f64> {
    const BANDS: usize = 24;
    let mut plan = crate::features::SpectrogramPlan::new();
    let s = plan.log_spectrogram(x, RATE).unwrap();
    // Band edges evenly spaced on the mel scale from 80 to 7900 Hz, in bins of 31.25 Hz.
    let mel = |hz: f64| 2595.0 * (1.0 + hz / 700.0).log10();
    let edge = |k: usize| {
        let m = mel(80.0) + (mel(7900.0) - mel(80.0)) * k as f64 / (BANDS + 1) as f64;
        (700.0 * (10f64.powf(m / 2595.0) - 1.0) / 31.25) as usize
    };
    let power = |bin: usize, t: usize| (12.0 * f64::from(s.data[bin * s.frames + t])).exp();
    let bands: Vec<Vec<f64>> = (0..BANDS)
        .map(|k| {
            (0..s.frames)
                .map(|t| (edge(k)..=edge(k + 2)).map(|bin| power(bin, t)).sum::<f64>())
                .collect()
        })
        .collect();
    let most = bands.iter().flatten().copied().fold(0.0, f64::max);
    let mut out = Vec::new();
    for band in &bands {
        let mut log: Vec<f64> = band.iter().map(|p| (p / most).ln().max(-9.0)).collect();
        let restless =
            log.windows(2).map(|w| (w[1] - w[0]).powi(2)).sum::<f64>() / log.len() as f64;
        log.sort_by(f64::total_cmp);
        out.extend([0.1, 0.5, 0.9].map(|q| log[(q * (log.len() - 1) as f64) as usize]));
        out.push(1.5 * (restless.sqrt() + 0.05).ln());
    }
    let loud: Vec<f64> =
        (0..s.frames).map(|t| bands.iter().map(|b| b[t]).sum::<f64>().sqrt()).collect();
    let mean = loud.iter().sum::<f64>() / loud.len() as f64;
    for hz in [1.5, 2.5, 4.0, 6.0, 9.0, 13.0, 18.0, 25.0, 32.0] {
        let (mut c, mut d) = (0.0, 0.0);
        for (i, v) in loud.iter().enumerate() {
            let window = 0.5 - 0.5 * wave(i as f64 / loud.len() as f64 + 0.25);
            let turns = hz * i as f64 * 238.0 / 16_000.0;
            c += window * (v / mean - 1.0) * wave(turns + 0.25);
            d += window * (v / mean - 1.0) * wave(turns);
        }
        out.push(1.5 * ((c * c + d * d).sqrt() / loud.len() as f64 + 0.01).ln());
    }
    out
}

/// Share of `unknown` whose nearest neighbour among `known` is of the same kind.
fn named(known: &[(usize, Vec<f64>)], unknown: &[(usize, Vec<f64>)]) -> f64 {
    let hits = unknown.iter().filter(|(kind, x)| {
        let far = |y: &[f64]| x.iter().zip(y).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        known.iter().min_by(|a, b| far(&a.1).total_cmp(&far(&b.1))).is_some_and(|n| n.0 == *kind)
    });
    hits.count() as f64 / unknown.len() as f64
}

#[test]
fn a_stranger_s_nearest_neighbour_names_its_kind() {
    let portraits = |seeds: std::ops::Range<u64>| -> Vec<(usize, Vec<f64>)> {
        names()
            .enumerate()
            .flat_map(|(k, name)| seeds.clone().map(move |s| (k, portrait(&sing(name, s, 3.0)))))
            .collect()
    };
    let (known, unknown) = (portraits(100..114), portraits(500..504));
    let got = named(&known, &unknown);
    // 14 examples of each of 32 kinds; chance would be 0.03.
    assert!(got > 0.92, "{got}");
    let shifted: Vec<_> = known.iter().map(|(k, x)| ((k + 1) % 32, x.clone())).collect();
    assert!(named(&shifted, &unknown) < 0.1, "false names are found out");
}

#[test]
fn little_is_heard_of_frequencies_that_the_rate_cannot_hold() {
    // A siren at 16 kHz and the same siren at 48 kHz have the same power below 1 kHz, where
    // folded harmonics would come to lie: at most its notes' own skirts differ.
    for seed in 0..6 {
        let v = voice("siren").unwrap();
        let below = |rate: u32| {
            let x = v.sing(&mut Dice::new(seed, 0).part("voice"), rate, 2.0);
            let mut twice = [(); 4].map(|()| Svf::new(250.0, 0.7, f64::from(rate)));
            let y: Vec<f32> = x
                .iter()
                .map(|v| twice.iter_mut().fold(f64::from(*v), |x, f| f.low(x)) as f32)
                .collect();
            let rms = |x: &[f32]| {
                (x.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / x.len() as f64).sqrt()
            };
            rms(&y) / rms(&x)
        };
        let (low, high) = (below(16_000), below(48_000));
        assert!(low < 1.5 * high + 0.002, "{seed}: {low} {high}");
    }
}
