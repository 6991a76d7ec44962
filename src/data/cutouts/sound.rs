//! A recording becomes a voice.

use std::path::Path;
use std::sync::Arc;

use crate::media::{AudioFormat, AudioReader, CancelToken, Channels, MediaSource};
use crate::synth::{Dice, Voice};

/// Most seconds that are kept of a recording.
const MAX_SECS: u32 = 60;
/// Samples per second at most; scenes are never written at more.
const MAX_RATE: u32 = 96_000;
/// Quieter than this part of the peak counts as silence at the ends.
const SILENCE: f32 = 0.003;
/// Seconds that are left before and after the sounding part.
const MARGIN: f64 = 0.02;
/// A recording whose peak lies under this is silent.
const DEAD: f32 = 1e-4;
/// RMS to which recordings are brought; scenes then set their own level.
const LEVEL: f64 = 0.1;
/// Most that pitch and tempo are changed together, up or down.
const JITTER: f64 = 0.05;
/// Seconds of fade at the ends of an excerpt.
const FADE: f64 = 0.008;
/// Seconds between two repetitions of a short recording.
const PAUSES: std::ops::Range<f64> = 0.05..0.35;
/// Shortest recording.
const MIN_SECS: f64 = 0.03;

/// One recording, trimmed and brought to a common level.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    rate: u32,
    samples: Vec<f32>,
}

/// A recording and what is to be said of it.
#[derive(Debug)]
pub struct Decoded {
    pub recording: Recording,
    pub note: Option<String>,
}

impl Decoded {
    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        4 * self.recording.samples.len()
    }
}

/// The first minute of a file at `rate`, mean of its channels; the error says why it cannot be
/// used.
pub fn read(path: &Path, rate: u32, cancel: &CancelToken) -> Result<Decoded, String> {
    let rate = rate.clamp(4_000, MAX_RATE);
    let plain = |e: crate::media::MediaError| {
        // The file is named by the caller.
        let text = e.to_string();
        let name = format!("`{}`: ", path.display());
        text.split_once(&name).map_or(text.clone(), |(_, rest)| rest.to_owned())
    };
    let source = MediaSource::File(path.into());
    let format = AudioFormat { rate, channels: Channels::MonoMean };
    let mut reader = AudioReader::open(&source, 0, format, cancel.clone()).map_err(plain)?;
    let most = (MAX_SECS * rate) as usize;
    let mut samples = Vec::new();
    let mut note = None;
    while samples.len() < most {
        match reader.next_block() {
            Ok(Some(block)) => samples.extend_from_slice(&block.samples),
            Ok(None) => break,
            Err(e) if samples.is_empty() => return Err(plain(e)),
            Err(e) => {
                note = Some(format!("`{}`: {}; what is before is used", path.display(), plain(e)));
                break;
            }
        }
    }
    if reader.damaged_blocks() > 0 && note.is_none() {
        let n = reader.damaged_blocks();
        note = Some(format!("`{}`: {n} damaged blocks are passed over", path.display()));
    }
    if samples.len() >= most {
        samples.truncate(most);
        note = note.or(Some(format!("`{}`: only its first {MAX_SECS} s are used", path.display())));
    }
    if samples.iter().any(|v| !v.is_finite()) {
        return Err("it holds values that are no numbers".into());
    }
    Ok(Decoded { recording: Recording::new(rate, samples)?, note })
}

impl Recording {
    /// Trims the silence at both ends and brings it to the common level.
    pub fn new(rate: u32, samples: Vec<f32>) -> Result<Self, String> {
        let peak = samples.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        if samples.is_empty() || peak < DEAD {
            return Err("it is silent".into());
        }
        let loud = |v: &f32| v.abs() > SILENCE * peak;
        let first = samples.iter().position(loud).unwrap_or(0);
        let last = samples.iter().rposition(loud).unwrap_or(0);
        let margin = (MARGIN * f64::from(rate)) as usize;
        let (from, to) = (first.saturating_sub(margin), (last + 1 + margin).min(samples.len()));
        let mut kept = samples.get(from..to).unwrap_or_default().to_vec();
        if ((last + 1 - first) as f64) < MIN_SECS * f64::from(rate) {
            return Err(format!("it sounds for less than {} ms", MIN_SECS * 1000.0));
        }
        let rms = rms(&kept);
        let gain = (LEVEL / rms).min(1.0 / f64::from(peak)) as f32;
        kept.iter_mut().for_each(|v| *v *= gain);
        Ok(Self { rate, samples: kept })
    }

    /// Seconds of it.
    fn secs(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate)
    }
}

fn rms(samples: &[f32]) -> f64 {
    let sum: f64 = samples.iter().map(|v| f64::from(*v) * f64::from(*v)).sum();
    (sum / samples.len().max(1) as f64).sqrt()
}

/// The voice of a kind that has recordings: another excerpt, pitch and tempo each time.
///
/// A recording longer than asked gives an excerpt from a place where it sounds; a shorter one is
/// repeated with pauses.
#[derive(Clone, Debug)]
pub struct Recordings(Arc<[Recording]>);

impl Recordings {
    /// A voice of these; silent when there are none.
    pub fn new(recordings: Vec<Recording>) -> Self {
        Self(recordings.into())
    }
}

/// What the dice decide before any sample is computed.
struct Choice<'a> {
    one: &'a Recording,
    speed: f64,
    /// Starts of its repetitions in seconds; `None` for an excerpt.
    starts: Option<Vec<f64>>,
}

impl Recordings {
    fn choose(&self, dice: &mut Dice, secs: f64) -> Option<Choice<'_>> {
        let one = dice.pick(&self.0)?;
        let speed = 1.0 + dice.range(-JITTER, JITTER);
        let length = one.secs() / speed;
        let starts = (length <= secs).then(|| {
            // The first comes at once, so that a short part of a scene is not silent.
            let mut starts = vec![0.0];
            let mut at = length + dice.range(PAUSES.start, PAUSES.end);
            while at < secs {
                starts.push(at);
                at += length + dice.range(PAUSES.start, PAUSES.end);
            }
            starts
        });
        Some(Choice { one, speed, starts })
    }
}

impl Voice for Recordings {
    fn sing(&self, dice: &mut Dice, rate: u32, secs: f64) -> Vec<f32> {
        let want = (secs.max(0.0) * f64::from(rate)).round() as usize;
        let mut out = vec![0.0; want];
        let Some(Choice { one, speed, starts }) = self.choose(dice, secs) else { return out };
        let step = speed * f64::from(one.rate) / f64::from(rate.max(1));
        let mut sound = Vec::new();
        let Some(starts) = starts else {
            let start = excerpt(one, dice, (want as f64 * step).ceil() as usize);
            resample(&one.samples, start as f64, step, want, &mut sound);
            fade(&mut sound, rate);
            return sound;
        };
        let n = (one.samples.len() as f64 / step) as usize;
        resample(&one.samples, 0.0, step, n.max(1), &mut sound);
        fade(&mut sound, rate);
        for start in starts {
            let from = (start * f64::from(rate)) as usize;
            for (o, v) in out.iter_mut().skip(from).zip(&sound) {
                *o += v;
            }
        }
        fade_end(&mut out, rate);
        out
    }

    fn beats(&self, dice: &mut Dice, secs: f64) -> Vec<f64> {
        match self.choose(dice, secs) {
            Some(Choice { starts: Some(starts), .. }) => starts,
            // Nothing is known of what happens within a recording.
            _ => (0..(2.0 * secs.clamp(0.0, 3600.0)).ceil() as u32)
                .map(|i| 0.5 * f64::from(i))
                .collect(),
        }
    }
}

/// A random start of `len` samples that hold at least half of the recording's loudness; the
/// loudest of those tried where none does.
fn excerpt(one: &Recording, dice: &mut Dice, len: usize) -> usize {
    let room = one.samples.len().saturating_sub(len);
    let most = u32::try_from(room).unwrap_or(u32::MAX);
    let enough = 0.5 * rms(&one.samples);
    let mut best = (0.0, 0);
    for _ in 0..6 {
        let start = dice.int(0, most) as usize;
        let level = rms(one.samples.get(start..start + len).unwrap_or_default());
        if level >= enough {
            return start;
        }
        if level > best.0 {
            best = (level, start);
        }
    }
    best.1
}

/// Half the taps of the interpolation.
const TAPS: isize = 12;

/// `n` samples from `start` on, `step` source samples apart: windowed sinc, its cut-off at the
/// lower of the two rates.
fn resample(from: &[f32], start: f64, step: f64, n: usize, out: &mut Vec<f32>) {
    if (step - 1.0).abs() < 1e-12 && start.fract() == 0.0 {
        let start = start as usize;
        out.extend((0..n).map(|i| from.get(start + i).copied().unwrap_or(0.0)));
        return;
    }
    let cut = (1.0 / step).min(1.0);
    let reach = (TAPS as f64 / cut).ceil() as isize;
    for i in 0..n {
        let at = start + i as f64 * step;
        let middle = at.floor() as isize;
        let mut sum = 0.0;
        let mut weights = 0.0;
        for k in middle - reach + 1..=middle + reach {
            let x = at - k as f64;
            let w = sinc(cut * x) * hann(x / reach as f64);
            weights += w;
            if let Some(v) = usize::try_from(k).ok().and_then(|k| from.get(k)) {
                sum += w * f64::from(*v);
            }
        }
        out.push(if weights.abs() > 1e-9 { (sum / weights) as f32 } else { 0.0 });
    }
}

fn sinc(x: f64) -> f64 {
    let t = std::f64::consts::PI * x;
    if t.abs() < 1e-9 { 1.0 } else { t.sin() / t }
}

fn hann(x: f64) -> f64 {
    if x.abs() >= 1.0 { 0.0 } else { 0.5 + 0.5 * (std::f64::consts::PI * x).cos() }
}

/// Ramps both ends from and to nothing, so that nothing clicks.
fn fade(samples: &mut [f32], rate: u32) {
    let n = fade_len(samples, rate);
    for (i, v) in samples.iter_mut().take(n).enumerate() {
        *v *= (i as f32 + 0.5) / n as f32;
    }
    fade_end(samples, rate);
}

fn fade_end(samples: &mut [f32], rate: u32) {
    let n = fade_len(samples, rate);
    for (i, v) in samples.iter_mut().rev().take(n).enumerate() {
        *v *= (i as f32 + 0.5) / n as f32;
    }
}

fn fade_len(samples: &[f32], rate: u32) -> usize {
    ((FADE * f64::from(rate)) as usize).min(samples.len() / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, hz: f64, secs: f64) -> Vec<f32> {
        let n = (secs * f64::from(rate)) as usize;
        let w = std::f64::consts::TAU * hz / f64::from(rate);
        (0..n).map(|i| (0.4 * (w * i as f64).sin()) as f32).collect()
    }

    #[test]
    fn silence_at_the_ends_goes_and_the_level_is_common() {
        let mut samples = vec![0.0; 16_000];
        samples.extend(tone(16_000, 440.0, 1.0));
        samples.extend(vec![0.0; 16_000]);
        for gain in [1.0f32, 0.01] {
            let quiet = samples.iter().map(|v| v * gain).collect();
            let r = Recording::new(16_000, quiet).unwrap();
            assert!((r.secs() - 1.04).abs() < 0.01, "{}", r.secs());
            assert!((rms(&r.samples) - LEVEL).abs() < 0.004, "{}", rms(&r.samples));
        }
    }

    #[test]
    fn what_is_no_sound_is_refused_with_its_cause() {
        assert!(Recording::new(16_000, vec![]).unwrap_err().contains("silent"));
        assert!(Recording::new(16_000, vec![1e-6; 9000]).unwrap_err().contains("silent"));
        let mut click = vec![0.0; 9000];
        click[4000] = 0.9;
        assert!(Recording::new(16_000, click).unwrap_err().contains("30 ms"));
    }

    #[test]
    fn another_rate_keeps_the_pitch() {
        let from = tone(48_000, 1000.0, 1.0);
        let mut out = Vec::new();
        resample(&from, 0.0, 3.0, 16_000, &mut out);
        let want = tone(16_000, 1000.0, 1.0);
        let worst = out[200..15_800]
            .iter()
            .zip(&want[200..15_800])
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(worst < 4e-4, "{worst}");
        // What the lower rate cannot hold does not fold back.
        let mut out = Vec::new();
        resample(&tone(48_000, 11_000.0, 1.0), 0.0, 3.0, 16_000, &mut out);
        assert!(rms(&out[200..15_800]) < 0.003, "{}", rms(&out[200..15_800]));
    }

    #[test]
    fn a_long_recording_gives_excerpts_where_it_sounds() {
        let mut samples = tone(16_000, 300.0, 1.0);
        samples.extend(vec![0.0; 16_000 * 20]);
        samples.extend(tone(16_000, 500.0, 6.0));
        let voice = Recordings::new(vec![Recording::new(16_000, samples).unwrap()]);
        let mut loud = 0;
        for i in 0..40 {
            let s = voice.sing(&mut Dice::new(1, i), 16_000, 3.0);
            assert_eq!(s.len(), 48_000);
            assert!(s[0].abs() < 0.01 && s[47_999].abs() < 0.01, "no click");
            loud += u32::from(rms(&s) > 0.03);
        }
        assert!(loud >= 24, "{loud} of 40");
    }

    #[test]
    fn a_short_recording_comes_again_with_pauses() {
        let bark = Recording::new(16_000, tone(16_000, 600.0, 0.3)).unwrap();
        let voice = Recordings::new(vec![bark]);
        let s = voice.sing(&mut Dice::new(1, 2), 48_000, 3.0);
        assert_eq!(s.len(), 144_000);
        let blocks: Vec<bool> = s.chunks(960).map(|c| rms(c) > 0.02).collect();
        let starts = blocks.windows(2).filter(|w| !w[0] && w[1]).count() + usize::from(blocks[0]);
        assert!((4..=9).contains(&starts), "{starts} repetitions");
        assert!(rms(&s[..4800]) > 0.02, "it begins at once");
        let beats = voice.beats(&mut Dice::new(1, 2), 3.0);
        assert_eq!(beats.len(), starts);
        for (at, next) in beats.iter().zip(&beats[1..]) {
            let (at, next) = ((at * 48_000.0) as usize, (next * 48_000.0) as usize);
            assert!(
                rms(&s[at + 1000..at + 10_000]) > 0.05 && rms(&s[next - 1500..next - 200]) < 1e-3
            );
        }
        assert_eq!(
            s,
            voice.sing(&mut Dice::new(1, 2), 48_000, 3.0),
            "the same dice, the same sound"
        );
        assert_ne!(s, voice.sing(&mut Dice::new(1, 3), 48_000, 3.0));
        assert_eq!(voice.sing(&mut Dice::new(1, 2), 16_000, 0.0), Vec::<f32>::new());
        assert_eq!(Recordings::new(vec![]).sing(&mut Dice::new(1, 2), 100, 0.5), vec![0.0; 50]);
    }
}
