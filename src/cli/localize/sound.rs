//! The sound of a frame: the window around it, or the official loader's middle section.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};

use super::options::Options;
use crate::features::{BINS, Spectrogram, SpectrogramPlan, reference};
use crate::infer::{Localizer, SoundWindow, window_at};
use crate::media::{
    AudioFormat, AudioInfo, AudioReader, CancelToken, ChannelChoice, Channels, MediaInfo,
    MediaSource, SoundTrack,
};
use crate::model::AudioEmbedding;
use crate::units::{MediaTime, no_waker};

/// What is heard at a frame.
pub enum Heard {
    /// Its embedding.
    Embedded(Arc<AudioEmbedding>),
    /// Silence, or outside the track.
    NoSound,
    /// Ctrl-C.
    Stopped,
}

/// Gives each frame its sound.
pub struct Listener {
    from: From,
    cancel: CancelToken,
    /// The newest window and what became of it: tiled and reference windows never change.
    last: Option<(Vec<f32>, Arc<AudioEmbedding>)>,
}

enum From {
    Track(Arc<SoundTrack>),
    /// The one spectrogram of the reference, and its embedding once it is computed.
    Middle(Spectrogram, Option<Arc<AudioEmbedding>>),
}

impl Listener {
    /// Opens the default sound track of `source` at the checkpoint's `rate`.
    pub fn open(
        source: &MediaSource,
        info: &MediaInfo,
        rate: u32,
        options: &Options,
        cancel: &CancelToken,
    ) -> anyhow::Result<Self> {
        let name = source.display_name();
        let Some(track) = info.default_track() else {
            bail!("{name}: it has no sound track that can be played; add one with --audio FILE");
        };
        let from = if options.reference {
            let audio = info.audio.get(track).context("the sound track is gone")?;
            From::Middle(middle_section(source, track, audio, rate, cancel)?, None)
        } else {
            let channel = ChannelChoice::Mean;
            From::Track(SoundTrack::load(source, track, rate, channel, no_waker()))
        };
        Ok(Self { from, cancel: cancel.clone(), last: None })
    }

    /// The sound at `time`, embedded.
    pub fn at(&mut self, localizer: &mut Localizer, time: MediaTime) -> anyhow::Result<Heard> {
        let track = match &mut self.from {
            From::Middle(spectrogram, embedded) => {
                if embedded.is_none() {
                    *embedded = Some(Arc::new(localizer.embed_spectrogram(spectrogram)?));
                }
                return Ok(embedded.clone().map_or(Heard::NoSound, Heard::Embedded));
            }
            From::Track(track) => track,
        };
        let window = loop {
            match window_at(&**track, time) {
                SoundWindow::Samples(s) => break s,
                SoundWindow::NoSound => return Ok(Heard::NoSound),
                SoundWindow::NotYet if self.cancel.is_cancelled() => return Ok(Heard::Stopped),
                // The track is decoded much faster than maps are computed: this waits at the
                // start only.
                SoundWindow::NotYet => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        if let Some((last, embedded)) = &self.last
            && *last == window
        {
            return Ok(Heard::Embedded(embedded.clone()));
        }
        let embedded = Arc::new(localizer.embed_sound(&window)?);
        self.last = Some((window, embedded.clone()));
        Ok(Heard::Embedded(embedded))
    }

    /// What is odd about the sound though maps were computed.
    pub fn note(&self) -> Option<String> {
        match &self.from {
            From::Track(t) => t.error().map(|e| e.to_string()).or_else(|| t.note()),
            From::Middle(..) => None,
        }
    }
}

/// The official loader's sound: the middle 3 s through 16-bit integers (spec/audio.md 1).
fn middle_section(
    source: &MediaSource,
    track: usize,
    info: &AudioInfo,
    rate: u32,
    cancel: &CancelToken,
) -> anyhow::Result<Spectrogram> {
    let name = source.audio_path().display().to_string();
    let format = AudioFormat { rate: 0, channels: Channels::AsIs };
    let mut reader = AudioReader::open(source, track, format, cancel.clone())?;
    // As the official loader does: the network hears the file at the file's own rate.
    let own = reader.rate();
    if own != rate {
        eprintln!(
            "fnac: `{name}` is at {own} Hz and the checkpoint was trained at {rate} Hz: --reference \
             does not resample, so its map means something else. Leave --reference out to resample"
        );
    }
    let rate = own;
    let channels = reader.channels().max(1);
    // Once through for the length, once for the section: a long track need not fit in memory.
    let mut length = 0u64;
    while let Some(block) = reader.next_block()? {
        let end = block.start.max(0) as u64 + (block.samples.len() / channels) as u64;
        length = length.max(end);
    }
    let Some((first, len)) = reference::middle_section(length, rate) else {
        bail!("`{name}` holds no sound");
    };
    reader.seek_sample(i64::try_from(first)?)?;
    let mut samples = Vec::with_capacity(len * channels);
    while samples.len() < len * channels {
        let Some(block) = reader.next_block()? else { break };
        samples.extend_from_slice(&block.samples);
    }
    samples.truncate(len * channels);
    let mono = mono_s16(&samples, channels, &info.codec);
    let heard: Vec<f64> = mono.iter().map(|v| reference::sample_from_s16(*v)).collect();
    let tiled: Vec<f64> =
        heard.iter().copied().cycle().take(reference::section_len(rate)).collect();
    let density = SpectrogramPlan::new().log_density(&tiled, rate);
    let density = density.with_context(|| format!("`{name}` is too short for a spectrogram"))?;
    let data = density.data.iter().map(|v| (v / 12.0) as f32).collect();
    Ok(Spectrogram { bins: BINS, frames: density.frames, data })
}

/// How a codec's samples become 16-bit integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    /// 8 or 16 bits: exact, mixed as integers.
    Narrow,
    /// 24 or 32 bits: cut off, mixed before.
    Wide,
    /// Floating point (and lossy codecs, which decode to it): rounded, mixed before.
    Float,
}

fn depth_of(codec: &str) -> Depth {
    let name = codec.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|w| name.contains(w));
    if !has(&["pcm", "flac", "alac", "wavpack", "alaw", "mulaw"]) || has(&["float", "f32", "f64"]) {
        Depth::Float
    } else if has(&["24", "32"]) {
        Depth::Wide
    } else {
        Depth::Narrow
    }
}

/// The loader's rules for mixing and rounding; `samples` interleaved, full scale 1.
fn mono_s16(samples: &[f32], channels: usize, codec: &str) -> Vec<i16> {
    let depth = depth_of(codec);
    if depth == Depth::Narrow {
        let exact: Vec<i16> = samples.iter().map(|v| reference::s16_from_f32(*v)).collect();
        return reference::mono_s16(&exact, channels);
    }
    if channels == 1 && depth == Depth::Wide {
        let cut = |v: &f32| (f64::from(*v) * 32768.0).floor().clamp(-32768.0, 32767.0) as i16;
        return samples.iter().map(cut).collect();
    }
    let weight = 1.0 / channels as f32;
    let mix = |frame: &[f32]| frame.iter().map(|v| v * weight).sum::<f32>();
    samples.chunks_exact(channels).map(|f| reference::s16_from_f32(mix(f))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_become_16_bit_as_in_the_official_loader() {
        let narrow = |v: i16| f32::from(v) / 32768.0;
        let stereo: Vec<f32> = [1, 0, 0, 1, -1, 0, 1, 2, -1, -2].map(narrow).to_vec();
        assert_eq!(mono_s16(&stereo, 2, "pcm_s16le"), [1, 1, 0, 2, -1]);
        // 24 bit: -1 of 2^23 is cut to -1 of 2^15, not rounded to 0.
        assert_eq!(mono_s16(&[-1.0 / 8_388_608.0], 1, "pcm_s24le"), [-1]);
        assert_eq!(mono_s16(&[-1.0 / 8_388_608.0], 1, "pcm_f32le"), [0]);
        assert_eq!(mono_s16(&[0.5, 0.25], 2, "aac"), [12_288]);
        assert_eq!(mono_s16(&[2.0], 1, "pcm_f32le"), [32_767]);
    }
}
