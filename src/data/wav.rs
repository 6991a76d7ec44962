//! Where the samples of a WAV lie, without a decoder.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Chunks before the samples after which a file is no longer taken seriously.
const MAX_CHUNKS: usize = 64;

/// What a WAV's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WavHeader {
    /// Format tag; 1 is PCM. Of an extensible header the one within.
    pub tag: u16,
    /// Channels.
    pub channels: u16,
    /// Samples per second.
    pub rate: u32,
    /// Bits of a sample.
    pub bits: u16,
    /// Bytes of one sample of all channels.
    pub block: u16,
    /// Where the samples begin in the file.
    pub start: u64,
    /// Bytes of samples that are there.
    pub bytes: u64,
    /// Bytes that the header promises and the file does not have.
    pub missing: u64,
}

impl WavHeader {
    /// Reads the header; `None` for a file that is no WAV, or one without samples.
    pub fn read(path: &Path) -> Option<Self> {
        Self::of(&mut File::open(path).ok()?)
    }

    /// [`Self::read`] of an open file.
    pub fn of(file: &mut File) -> Option<Self> {
        let length = file.metadata().ok()?.len();
        let mut head = [0u8; 12];
        file.read_exact(&mut head).ok()?;
        if &head[..4] != b"RIFF" || &head[8..] != b"WAVE" {
            return None;
        }
        let mut at = 12u64;
        let mut format: Option<[u16; 3]> = None;
        let mut rate = 0;
        let mut block = 0;
        for _ in 0..MAX_CHUNKS {
            let mut chunk = [0u8; 8];
            file.seek(SeekFrom::Start(at)).ok()?;
            file.read_exact(&mut chunk).ok()?;
            let size = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]);
            let body = at + 8;
            match &chunk[..4] {
                b"fmt " => {
                    let mut f = [0u8; 40];
                    let n = (size as usize).min(f.len());
                    file.read_exact(f.get_mut(..n)?).ok()?;
                    if n < 16 {
                        return None;
                    }
                    let word = |i: usize| u16::from_le_bytes([f[i], f[i + 1]]);
                    let tag = if word(0) == 0xfffe && n >= 26 { word(24) } else { word(0) };
                    format = Some([tag, word(2), word(14)]);
                    rate = u32::from_le_bytes([f[4], f[5], f[6], f[7]]);
                    block = word(12);
                }
                b"data" => {
                    let [tag, channels, bits] = format?;
                    let there = length.saturating_sub(body);
                    // Programs that write into a pipe cannot go back to fill the length in.
                    let open_end = size == 0 || size >= u32::MAX - 8;
                    let promised = if open_end { there } else { u64::from(size) };
                    let bytes = promised.min(there);
                    let missing = promised - bytes;
                    return Some(Self {
                        tag,
                        channels,
                        rate,
                        bits,
                        block,
                        start: body,
                        bytes,
                        missing,
                    });
                }
                _ => {}
            }
            // Chunks begin at even places.
            at = body + u64::from(size) + u64::from(size & 1);
        }
        None
    }

    /// Seconds of sound that the header promises.
    pub fn promised_secs(&self) -> f64 {
        let per_sec = f64::from(self.rate) * f64::from(self.block);
        (self.bytes + self.missing) as f64 / per_sec.max(1.0)
    }

    /// Seconds of sound that are there.
    pub fn secs(&self) -> f64 {
        self.bytes as f64 / (f64::from(self.rate) * f64::from(self.block)).max(1.0)
    }

    /// Whether its samples are 16-bit, mono, at `rate`.
    pub fn is_plain(&self, rate: u32) -> bool {
        (self.tag, self.channels, self.bits, self.block, self.rate) == (1, 1, 16, 2, rate)
    }

    /// Samples of all channels together.
    pub fn frames(&self) -> u64 {
        self.bytes / u64::from(self.block.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(samples: &[i16]) -> Vec<u8> {
        let f: Vec<f32> = samples.iter().map(|v| f32::from(*v) / 32767.0).collect();
        crate::data::pairs::wav_bytes(&f, 16_000).unwrap()
    }

    fn header(bytes: &[u8]) -> Option<WavHeader> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wav");
        std::fs::write(&path, bytes).unwrap();
        WavHeader::read(&path)
    }

    #[test]
    fn samples_are_found_behind_other_chunks() {
        let plain = bytes(&[1, 2, 3, 4]);
        let h = header(&plain).unwrap();
        assert_eq!((h.start, h.bytes, h.missing, h.frames()), (44, 8, 0, 4));
        assert!(h.is_plain(16_000) && !h.is_plain(8_000));
        let mut more = plain[..36].to_vec();
        more.extend(b"LIST\x03\0\0\0abc\0");
        more.extend(&plain[36..]);
        assert_eq!(header(&more).unwrap().start, 56);
    }

    #[test]
    fn a_file_that_breaks_off_says_how_much_is_missing() {
        let plain = bytes(&[7; 100]);
        let h = header(&plain[..plain.len() - 50]).unwrap();
        assert_eq!((h.bytes, h.missing), (150, 50));
        let mut piped = plain.clone();
        piped[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(header(&piped).unwrap().missing, 0, "written into a pipe");
        for n in [0, 4, 11, 12, 30, 40] {
            assert_eq!(header(&plain[..n]), None, "{n} bytes");
        }
        assert_eq!(header(b"not a wav at all, but long enough for a header"), None);
    }
}
