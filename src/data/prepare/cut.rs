//! Pairs out of one video.

use crate::data::dataset::{Moment, SoundRef};
use crate::data::decode;
use crate::data::pairs::wav_bytes;
use crate::data::whole::write_whole;
use crate::data::{DataError, Made};
use crate::features::resize_bicubic;
use crate::media::{
    AudioFormat, AudioReader, CancelToken, Channels, FrameReader, FrameReaderOptions, MediaError,
    MediaSource,
};
use crate::overlay::yuv::rgb_from_planes;
use crate::units::{MediaTime, RgbPicture};

use super::{Prepare, Prepared, Record, plan, read_json, to_json};

/// An open video.
struct Video {
    frames: FrameReader,
    sound: AudioReader,
    /// Samples that time stamps promise.
    promised: u64,
    /// Shorter of picture and sound.
    length: MediaTime,
    sound_ref: SoundRef,
}

impl Prepare {
    /// Cuts the pairs of video `i` and writes them, its record last. What cannot be read is left
    /// out, with the cause; nothing is half there when `cancel` was raised.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn make(&self, i: u64, cancel: &CancelToken) -> Result<Made<Record>, DataError> {
        let video = usize::try_from(i).ok().and_then(|i| self.videos.get(i));
        let Some((path, name)) = video else {
            return Ok(Made::LeftOut("there is no such video".into()));
        };
        let source = self.source.join(path);
        let bytes = std::fs::metadata(&source).map_or(0, |m| m.len());
        self.remove_old(name);
        let mut video = match Video::open(&source, self.options.rate, cancel) {
            Ok(video) => video,
            Err(_) if cancel.is_cancelled() => return Ok(Made::Stopped),
            Err(why) => return Ok(Made::LeftOut(why)),
        };
        let mut record =
            Record { source: plan::slashed(path), bytes, pairs: Vec::new(), left_out: Vec::new() };
        let mut last = None;
        for time in self.options.how.moments(video.length) {
            if cancel.is_cancelled() {
                return Ok(Made::Stopped);
            }
            // Two moments of a short video can fall on one frame.
            let frame = video.frames.index().frame_at(time);
            if frame == last {
                continue;
            }
            last = frame;
            let pair = self.options.how.name(name, time);
            match self.cut(&mut video, &pair, time) {
                Ok(Some(p)) => record.pairs.push(p),
                Ok(None) => record.left_out.push(format!("the 3 s around {time} are silent")),
                Err(_) if cancel.is_cancelled() => return Ok(Made::Stopped),
                Err(e @ DataError::Write { .. }) => return Err(e),
                Err(e) => record.left_out.push(format!("at {time}: {e}")),
            }
        }
        if record.pairs.is_empty() {
            let why = record.left_out.first().cloned();
            return Ok(Made::LeftOut(why.unwrap_or_else(|| "it has no moment to cut".into())));
        }
        let path = self.record_path(name);
        write_whole(&path, &to_json(&record, &path)?)?;
        Ok(Made::New(record))
    }

    /// Removes what an earlier run cut from a file of that name that has changed since.
    fn remove_old(&self, name: &str) {
        let path = self.record_path(name);
        let Ok(old) = read_json::<Record>(&path) else { return };
        for pair in &old.pairs {
            // A file that stays is written over, or is on no list.
            std::fs::remove_file(self.frame(&pair.name)).ok();
            std::fs::remove_file(self.audio(&pair.name)).ok();
        }
        std::fs::remove_file(path).ok();
    }

    /// Cuts and writes one pair; `None` where it would be silent.
    fn cut(
        &self,
        video: &mut Video,
        name: &str,
        time: MediaTime,
    ) -> Result<Option<Prepared>, DataError> {
        let rate = self.options.rate;
        video.sound_ref.moment = Moment::Around(time);
        let samples = decode::cut(&mut video.sound, video.promised, rate, &video.sound_ref)?;
        if decode::is_silent(&samples) {
            return Ok(None);
        }
        let missing = || MediaError::Decode {
            file: video.sound_ref.path.display().to_string(),
            cause: format!("there is no frame at {time}"),
        };
        let index = video.frames.index().frame_at(time).ok_or_else(missing)?;
        let frame = video.frames.seek(index)?.ok_or_else(missing)?;
        let picture = reduced(rgb_from_planes(&frame.picture), self.options.size);
        let failed = |path: &std::path::Path, e: &dyn std::fmt::Display| {
            DataError::write(path, &std::io::Error::other(e.to_string()))
        };
        let path = self.frame(name);
        let bytes = self.options.pictures.encode(&picture).map_err(|e| failed(&path, &e))?;
        write_whole(&path, &bytes)?;
        let path = self.audio(name);
        write_whole(&path, &wav_bytes(&samples, rate).map_err(|e| failed(&path, &e))?)?;
        Ok(Some(Prepared {
            name: name.into(),
            time: time.as_nanos(),
            frame: frame.index.0,
            frame_time: frame.time.as_nanos(),
            size: (picture.width(), picture.height()),
            samples: samples.len(),
        }))
    }
}

impl Video {
    fn open(path: &std::path::Path, rate: u32, cancel: &CancelToken) -> Result<Self, String> {
        let source = MediaSource::File(path.into());
        // Many videos are read at once: one core is for each.
        let options = FrameReaderOptions { threads: 1, cancel: cancel.clone() };
        let text = |e: MediaError| e.to_string();
        let frames = FrameReader::open(&source, options).map_err(text)?;
        let info = frames.info();
        if info.video.as_ref().is_some_and(|v| v.still) {
            return Err("it is a picture, not a video".into());
        }
        let track = info.default_track().ok_or("it has no sound track that can be played")?;
        let end = info.audio.get(track).map_or(MediaTime::ZERO, |a| a.end).max(MediaTime::ZERO);
        let length = frames.index().end().min(end);
        if length <= MediaTime::ZERO {
            return Err("its sound ends before its picture begins".into());
        }
        let format = AudioFormat { rate, channels: Channels::MonoMean };
        let sound = AudioReader::open(&source, track, format, cancel.clone()).map_err(text)?;
        let promised = (end.as_secs_f64() * f64::from(rate)).round() as u64;
        let sound_ref = SoundRef { path: path.into(), moment: Moment::Middle };
        Ok(Self { frames, sound, promised, length, sound_ref })
    }
}

/// A picture whose shorter side has `side` pixels at most; 0 for any.
fn reduced(picture: RgbPicture, side: u32) -> RgbPicture {
    let (w, h) = (picture.width(), picture.height());
    let shorter = w.min(h);
    if side == 0 || shorter <= side {
        return picture;
    }
    let to = |v: u32| {
        let scaled = (u64::from(v) * u64::from(side) + u64::from(shorter) / 2) / u64::from(shorter);
        u32::try_from(scaled).unwrap_or(v).max(1)
    };
    resize_bicubic(&picture, to(w), to(h))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_larger_pictures_are_reduced_and_keep_their_shape() {
        let of = |w: u32, h: u32, side: u32| {
            let p = RgbPicture::new(w, h, vec![9; (3 * w * h) as usize]).unwrap();
            let p = reduced(p, side);
            (p.width(), p.height())
        };
        assert_eq!(of(64, 48, 24), (32, 24));
        assert_eq!(of(48, 64, 24), (24, 32));
        assert_eq!(of(64, 48, 48), (64, 48));
        assert_eq!(of(64, 48, 0), (64, 48));
        assert_eq!(of(300, 2, 1), (150, 1));
    }
}
