//! One picture, three seconds of one sound.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::DataError;
use super::dataset::{Moment, PictureRef, SoundRef};
use super::wav::WavHeader;
use crate::features::reference::sample_from_s16;
use crate::features::{SAMPLES_SECS, WindowPlan, tile, window_plan};
use crate::media::{
    AudioFormat, AudioReader, CancelToken, Channels, Clip, FrameReader, FrameReaderOptions,
    MediaSource, still_picture,
};
use crate::overlay::yuv::rgb_from_planes;
use crate::truth::Mask;
use crate::units::{MediaTime, RgbPicture};

/// Longest sound that is decoded from its beginning to find its middle; of a longer one the
/// length that its time stamps say is believed.
const WHOLE_SECS: f64 = 900.0;

/// An item's upright picture.
pub(super) fn picture(picture: &PictureRef) -> Result<RgbPicture, DataError> {
    match picture {
        PictureRef::File(path) => Ok(still_picture(path)?),
        PictureRef::Frame { path, time } => frame(path, *time),
    }
}

/// The frame of a video that is on show at `time`.
fn frame(path: &Path, time: MediaTime) -> Result<RgbPicture, DataError> {
    // The callers are worker threads: one core is theirs.
    let options = FrameReaderOptions { threads: 1, ..FrameReaderOptions::default() };
    let mut reader = FrameReader::open(&MediaSource::File(path.into()), options)?;
    let remedy = "Replace the file, or remove it.";
    let none = || DataError::read(path, format!("it has no frame at {time}"), remedy);
    let wanted = reader.index().frame_at(time).ok_or_else(none)?;
    let frame = reader.seek(wanted)?.ok_or_else(none)?;
    Ok(rgb_from_planes(&frame.picture))
}

/// The pixels of a mask picture that are not black.
pub(super) fn mask(path: &Path) -> Result<Mask, DataError> {
    let picture = still_picture(path)?;
    let (w, data) = (picture.width() as usize, picture.data());
    let inside = |x: u32, y: u32| {
        let at = 3 * (y as usize * w + x as usize);
        data.get(at..at + 3).is_some_and(|p| p.iter().any(|v| *v > 0))
    };
    Ok(Mask::from_fn(picture.width(), picture.height(), inside))
}

/// Peak under which a sound counts as silent: -80 dB, below any recording's noise.
const SILENT: f32 = 1e-4;

/// Whether nothing can be heard.
pub(super) fn is_silent(samples: &[f32]) -> bool {
    samples.iter().all(|v| v.abs() < SILENT)
}

/// Samples of three seconds.
pub(super) fn window_len(rate: u32) -> usize {
    (SAMPLES_SECS * f64::from(rate)) as usize
}

/// Which samples of a track of `len` belong to a moment: first sample and number. Fewer than
/// three seconds are to be repeated. `None` where the moment lies outside.
pub(super) fn section(len: u64, rate: u32, moment: Moment) -> Option<(u64, usize)> {
    let whole = || Some((0, usize::try_from(len).ok().filter(|n| *n > 0)?));
    match moment {
        Moment::Middle => {
            let want = window_len(rate) as u64;
            if len < want { whole() } else { Some(((len - want) / 2, window_len(rate))) }
        }
        Moment::Around(time) => match window_plan(len, rate, time) {
            WindowPlan::Inside { start, len } => Some((start, len)),
            WindowPlan::Tiled { .. } => whole(),
            WindowPlan::Outside => None,
        },
    }
}

/// Three seconds of a sound file at `rate`.
pub(super) fn sound(sound: &SoundRef, rate: u32) -> Result<Vec<f32>, DataError> {
    let samples = match plain_wav(sound, rate)? {
        Some(samples) => samples,
        None => by_reader(sound, rate)?,
    };
    let len = window_len(rate);
    Ok(if samples.len() < len { tile(&samples, len) } else { samples })
}

fn fail(path: &Path, cause: impl Into<String>) -> DataError {
    DataError::read(path, cause, "Replace the file, or remove it.")
}

fn outside(sound: &SoundRef, secs: f64) -> DataError {
    let Moment::Around(time) = sound.moment else { return fail(&sound.path, "it has no sound") };
    fail(&sound.path, format!("its sound is {secs:.2} s long and ends before {time}"))
}

/// The section of a 16-bit mono WAV at `rate`, which needs no decoder; `None` for any other file.
fn plain_wav(sound: &SoundRef, rate: u32) -> Result<Option<Vec<f32>>, DataError> {
    let path = &sound.path;
    let mut file = File::open(path).map_err(|e| fail(path, super::error::cause(&e)))?;
    let Some(header) = WavHeader::of(&mut file) else { return Ok(None) };
    if header.missing > 0 {
        let (is, was) = (header.secs(), header.promised_secs());
        return Err(fail(path, format!("it breaks off after {is:.2} of {was:.2} s")));
    }
    if !header.is_plain(rate) {
        return Ok(None);
    }
    let (start, len) = section(header.frames(), rate, sound.moment)
        .ok_or_else(|| outside(sound, header.secs()))?;
    let mut bytes = vec![0u8; 2 * len];
    file.seek(SeekFrom::Start(header.start + 2 * start))
        .and_then(|_| file.read_exact(&mut bytes))
        .map_err(|e| fail(path, super::error::cause(&e)))?;
    let sample = |b: &[u8]| sample_from_s16(i16::from_le_bytes([b[0], b[1]])) as f32;
    Ok(Some(bytes.chunks_exact(2).map(sample).collect()))
}

/// The section of any file: decoded, mixed and resampled as the player does it for the network.
fn by_reader(sound: &SoundRef, rate: u32) -> Result<Vec<f32>, DataError> {
    let path = &sound.path;
    let source = MediaSource::File(path.clone());
    let cancel = CancelToken::new();
    let clip = Clip::open(&source, &cancel)?;
    let Some(track) = clip.info().default_track() else {
        return Err(fail(path, "it has no sound track that can be played"));
    };
    let end = clip.info().audio.get(track).map_or(0.0, |a| a.end.as_secs_f64().max(0.0));
    let format = AudioFormat { rate, channels: Channels::MonoMean };
    let mut reader = AudioReader::open(&source, track, format, cancel)?;
    let promised = (end * f64::from(rate)).round() as u64;
    if sound.moment == Moment::Middle && end <= WHOLE_SECS {
        let samples = read(&mut reader, usize::MAX)?;
        let (start, len) = section(samples.len() as u64, rate, sound.moment)
            .ok_or_else(|| fail(path, "it has no sound"))?;
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        return Ok(samples.get(start..start.saturating_add(len)).unwrap_or_default().to_vec());
    }
    cut(&mut reader, promised, rate, sound)
}

/// The section of an open track of which time stamps promise `length` samples. A sound shorter
/// than three seconds comes as it is.
pub(super) fn cut(
    reader: &mut AudioReader,
    mut length: u64,
    rate: u32,
    sound: &SoundRef,
) -> Result<Vec<f32>, DataError> {
    // Time stamps may promise more than there is: then the section is chosen again.
    for _ in 0..4 {
        let (start, len) = section(length, rate, sound.moment)
            .ok_or_else(|| outside(sound, length as f64 / f64::from(rate.max(1))))?;
        reader.seek_sample(i64::try_from(start).unwrap_or(i64::MAX / 4))?;
        let samples = read(reader, len)?;
        if samples.len() == len {
            return Ok(samples);
        }
        length = start + samples.len() as u64;
    }
    Err(fail(&sound.path, "its sound ends before its time stamps say"))
}

/// At most `most` samples from where the reader stands.
fn read(reader: &mut AudioReader, most: usize) -> Result<Vec<f32>, DataError> {
    let mut samples = Vec::new();
    while samples.len() < most {
        match reader.next_block()? {
            Some(block) => samples.extend_from_slice(&block.samples),
            None => break,
        }
    }
    samples.truncate(most);
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::pairs::wav_bytes;
    use crate::media::{ChannelChoice, SoundTrack};
    use crate::units::no_waker;

    const RATE: u32 = 16_000;

    fn tone(n: usize, rate: u32) -> Vec<f32> {
        let at = |i: usize| i as f64 / f64::from(rate);
        (0..n)
            .map(|i| {
                (0.4 * (at(i) * 400.0 * std::f64::consts::TAU).sin() + 0.1 * at(i).sin()) as f32
            })
            .collect()
    }

    fn wav(dir: &Path, name: &str, samples: &[f32], rate: u32) -> std::path::PathBuf {
        let path = dir.join(name);
        std::fs::write(&path, wav_bytes(samples, rate).unwrap()).unwrap();
        path
    }

    #[test]
    fn the_quick_way_gives_the_readers_samples() {
        let dir = tempfile::tempdir().unwrap();
        let path = wav(dir.path(), "a.wav", &tone(160_001, RATE), RATE);
        let secs = MediaTime::from_secs_f64;
        for moment in [
            Moment::Middle,
            Moment::Around(secs(0.2)),
            Moment::Around(secs(4.7)),
            Moment::Around(secs(10.0)),
        ] {
            let s = SoundRef { path: path.clone(), moment };
            let quick = plain_wav(&s, RATE).unwrap().unwrap();
            let slow = by_reader(&s, RATE).unwrap();
            assert_eq!(quick.len(), 48_000);
            let off = quick.iter().zip(&slow).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(slow.len() == quick.len() && off < 1e-6, "{moment:?}: {off}");
        }
        let beyond = SoundRef { path, moment: Moment::Around(secs(10.5)) };
        let error = sound(&beyond, RATE).unwrap_err().to_string();
        assert!(error.contains("10.00 s long"), "{error}");
    }

    #[test]
    fn any_rate_and_any_channels_give_three_seconds_at_the_rate_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        for (channels, rate, bits) in
            [(1u16, 8_000u32, 16u16), (2, 44_100, 16), (2, 48_000, 24), (1, 16_000, 8)]
        {
            let path = dir.path().join(format!("{channels}-{rate}-{bits}.wav"));
            let spec = hound::WavSpec {
                channels,
                sample_rate: rate,
                bits_per_sample: bits,
                sample_format: hound::SampleFormat::Int,
            };
            let mut w = hound::WavWriter::create(&path, spec).unwrap();
            let full = f64::from((1i32 << (bits - 1)) - 1);
            for i in 0..5 * rate {
                let v =
                    (f64::from(i) / f64::from(rate) * 300.0 * std::f64::consts::TAU).sin() * 0.5;
                for _ in 0..channels {
                    w.write_sample((v * full) as i32).unwrap();
                }
            }
            w.finalize().unwrap();
            let got = sound(&SoundRef { path, moment: Moment::Middle }, RATE).unwrap();
            assert_eq!(got.len(), 48_000);
            // The middle of five seconds begins at a whole second: the tone's phase is known.
            let off = got[1000..47_000]
                .iter()
                .zip(1000..)
                .map(|(v, i)| {
                    let t = f64::from(i) / f64::from(RATE) + 1.0;
                    (f64::from(*v) - (t * 300.0 * std::f64::consts::TAU).sin() * 0.5).abs()
                })
                .fold(0.0, f64::max);
            assert!(off < 0.01, "{channels} channels at {rate}, {bits} bits: off by {off}");
        }
    }

    #[test]
    fn a_moment_of_a_file_is_what_the_player_hears_then() {
        let dir = tempfile::tempdir().unwrap();
        let path = wav(dir.path(), "a.wav", &tone(7 * 44_100, 44_100), 44_100);
        let source = MediaSource::File(path.clone());
        let track = SoundTrack::load(&source, 0, RATE, ChannelChoice::Mean, no_waker());
        while !track.is_complete() {
            assert!(track.error().is_none());
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        for secs in [0.0, 1.7, 3.333, 6.9] {
            let time = MediaTime::from_secs_f64(secs);
            let WindowPlan::Inside { start, len } = window_plan(track.len(), RATE, time) else {
                panic!("inside");
            };
            let want = track.read(start, len).unwrap();
            let got = sound(&SoundRef { path: path.clone(), moment: Moment::Around(time) }, RATE);
            let off =
                got.unwrap().iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 1e-5, "{secs}: {off}");
        }
    }

    #[test]
    fn short_sounds_are_repeated_and_broken_ones_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let samples = tone(20_000, RATE);
        let path = wav(dir.path(), "short.wav", &samples, RATE);
        let got = sound(&SoundRef { path, moment: Moment::Middle }, RATE).unwrap();
        assert_eq!((got.len(), got[0], got[19_999]), (48_000, got[20_000], got[39_999]));

        let whole = wav_bytes(&tone(64_000, RATE), RATE).unwrap();
        for (name, bytes, word) in [
            ("cut.wav", &whole[..whole.len() / 2], "breaks off after"),
            ("none.wav", &wav_bytes(&[], RATE).unwrap()[..], "none.wav"),
            ("empty.wav", &[][..], "empty.wav"),
            ("text.wav", b"<html>404</html>", "text.wav"),
        ] {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            for moment in [Moment::Middle, Moment::Around(MediaTime::ZERO)] {
                let error = sound(&SoundRef { path: path.clone(), moment }, RATE).unwrap_err();
                assert!(error.to_string().contains(word), "{name}: {error}");
            }
        }
    }

    #[test]
    fn the_middle_is_the_official_one() {
        for n in (48_000u64..200_000).step_by(997) {
            let (start, len) = section(n, RATE, Moment::Middle).unwrap();
            let (want, want_len) = crate::features::reference::middle_section(n, RATE).unwrap();
            assert!(start.abs_diff(want) <= 1 && len.abs_diff(want_len) <= 1, "{n}");
        }
        assert_eq!(section(1000, RATE, Moment::Middle), Some((0, 1000)));
        assert_eq!(section(0, RATE, Moment::Middle), None);
        assert_eq!(section(0, RATE, Moment::Around(MediaTime::ZERO)), None);
    }
}
