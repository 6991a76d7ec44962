//! What `--overlay` draws: the display's picture of each map, by the CPU twin of its shader.

use std::io::BufWriter;
use std::path::PathBuf;

use anyhow::{Context, bail};

use super::options::OverlayOut;
use super::spool::keep;
use super::{Job, Row, display_size, unwritable};
use crate::media::{
    AudioCodec, AudioFormat, AudioReader, AudioSettings, CancelToken, Channels, ClipSettings,
    ClipWriter, MediaInfo, VideoFrame,
};
use crate::model::CheckpointCard;
use crate::overlay::{Field, OverlayParams, RgbaPicture, ScaleMode, View, cpu};
use crate::units::{MediaTime, RgbPicture, TimeBase};

/// Rate of the sound in an overlay video.
const SOUND_HZ: u32 = 48_000;
/// A map is paled towards this age where frames are left out by `--every`.
const PALE: MediaTime = MediaTime::from_millis(2000);

/// Draws overlays as maps come.
pub struct Drawing {
    params: OverlayParams,
    aspect: f32,
    last: Option<(MediaTime, OverlayParams)>,
    out: Out,
}

enum Out {
    None,
    /// A picture by its own name, or a folder of numbered ones.
    Pngs {
        one: Option<PathBuf>,
        folder: PathBuf,
    },
    Video(Box<Video>),
}

struct Video {
    path: PathBuf,
    frame_rate: f64,
    time_base: TimeBase,
    /// Opened at the first frame, whose size it takes.
    writer: Option<ClipWriter>,
    sound: Option<AudioReader>,
    end: MediaTime,
}

impl Drawing {
    /// Prepares what the options ask for; nothing is written yet.
    pub fn new(job: &Job<'_>, info: &MediaInfo, near: &std::path::Path) -> anyhow::Result<Self> {
        let card = &job.checkpoint.card;
        let params = OverlayParams {
            geometry: job.geometry,
            colormap: job.options.colormap,
            scale: scale_of(card),
            ..OverlayParams::default()
        };
        let video = info.video.as_ref();
        let still = video.is_some_and(|v| v.still);
        let out = match job.overlay() {
            OverlayOut::None => Out::None,
            OverlayOut::Png => {
                Out::Pngs { one: still.then(|| job.output(".png")), folder: job.output("-overlay") }
            }
            OverlayOut::Mp4 => {
                let format = AudioFormat { rate: SOUND_HZ, channels: Channels::Stereo };
                let cancel = CancelToken::from_flag(job.stop.clone());
                let sound = match info.default_track() {
                    Some(t) => Some(AudioReader::open(job.source, t, format, cancel)?),
                    None => None,
                };
                let rate = video.map_or(0.0, |v| v.frame_rate);
                let Some(time_base) = video.map(|v| v.time_base) else { bail!("no picture") };
                Out::Video(Box::new(Video {
                    path: job.output("-overlay.mp4"),
                    frame_rate: if rate > 0.0 { rate } else { 25.0 },
                    time_base,
                    writer: None,
                    sound,
                    end: info.duration,
                }))
            }
        };
        if let Out::Pngs { one: None, folder } = &out {
            std::fs::create_dir_all(folder).with_context(|| unwritable(near))?;
        }
        Ok(Self { params, aspect: 1.0, last: None, out })
    }

    /// A video has all frames, those without a map too.
    pub fn wants_every_frame(&self) -> bool {
        matches!(self.out, Out::Video(_))
    }

    /// Draws a frame with its map; without one, with the last map, paled by its age.
    pub fn add(
        &mut self,
        rgb: &RgbPicture,
        frame: &VideoFrame,
        row: Option<&Row<'_>>,
    ) -> anyhow::Result<()> {
        if matches!(self.out, Out::None) {
            return Ok(());
        }
        self.aspect = frame.picture.display_aspect();
        let params = match row {
            Some(row) => {
                let params = self.params_of(row);
                self.last = Some((frame.time, params.clone()));
                params
            }
            None => match &self.last {
                Some((at, params)) => {
                    let age = (frame.time - *at).as_secs_f64() / PALE.as_secs_f64();
                    // An old map says nothing about the picture any more.
                    let map = if age <= 1.0 { params.map.clone() } else { None };
                    OverlayParams { map, dim: age.clamp(0.0, 1.0) as f32, ..params.clone() }
                }
                None => self.params.clone(),
            },
        };
        let (width, height) = display_size(rgb, self.aspect);
        let view = View::fit([width as f32, height as f32], width as f32 / height as f32);
        match &mut self.out {
            Out::None => Ok(()),
            Out::Pngs { one, folder } => {
                if row.is_none() {
                    return Ok(());
                }
                let name = || folder.join(format!("{:06}.png", frame.index.0));
                save_png(&cpu::render(rgb, &params, &view), &one.clone().unwrap_or_else(name))
            }
            Out::Video(video) => video.add(&cpu::render(rgb, &params, &view), frame.time),
        }
    }

    fn params_of(&self, row: &Row<'_>) -> OverlayParams {
        let fine = row.picture.fine_map(row.sound);
        let map = match &fine {
            Some(f) => Field::new(f.factor(), f.grid().cells.to_vec()),
            None => Field::new(1, row.map.0.to_vec()),
        };
        OverlayParams {
            map,
            plain: Some(row.map),
            prior: row.picture.prior.and_then(|p| Field::new(1, p.to_vec())),
            ..self.params.clone()
        }
    }

    /// Gives the video its name; pictures have theirs already.
    pub fn finish(self) -> anyhow::Result<()> {
        match self.out {
            Out::Video(video) => video.finish(),
            _ => Ok(()),
        }
    }
}

/// The card's calibrated scale, else the absolute one.
fn scale_of(card: &CheckpointCard) -> ScaleMode {
    match card.calibration {
        Some((lo, hi)) => ScaleMode::Calibrated { lo, hi },
        None => ScaleMode::Absolute,
    }
}

fn save_png(picture: &RgbaPicture, path: &std::path::Path) -> anyhow::Result<()> {
    let near = path.parent().unwrap_or(std::path::Path::new("."));
    let file = tempfile::Builder::new().prefix(".fnac").tempfile_in(near);
    let mut file = file.with_context(|| unwritable(near))?;
    image::write_buffer_with_format(
        &mut BufWriter::new(file.as_file_mut()),
        &picture.data,
        picture.width,
        picture.height,
        image::ExtendedColorType::Rgba8,
        image::ImageFormat::Png,
    )
    .with_context(|| unwritable(path))?;
    keep(file, path).with_context(|| unwritable(path))
}

impl Video {
    fn add(&mut self, picture: &RgbaPicture, time: MediaTime) -> anyhow::Result<()> {
        if self.writer.is_none() {
            let (width, height) = (picture.width, picture.height);
            let mut settings = ClipSettings::new(width, height, self.frame_rate, self.time_base);
            settings.audio = self.sound.as_ref().map(|_| AudioSettings {
                rate: SOUND_HZ,
                channels: 2,
                codec: AudioCodec::Auto,
            });
            self.writer = Some(ClipWriter::create(&self.path, settings)?);
        }
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.push_video(&picture.data, time)?;
        Self::sound_until(writer, self.sound.as_mut(), time)
    }

    /// Passes the sound on up to `time`, so that neither stream runs far ahead of the other.
    fn sound_until(
        writer: &mut ClipWriter,
        sound: Option<&mut AudioReader>,
        time: MediaTime,
    ) -> anyhow::Result<()> {
        let Some(sound) = sound else { return Ok(()) };
        while let Some(block) = sound.next_block()? {
            writer.push_audio(&block.samples)?;
            if block.time >= time {
                break;
            }
        }
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        let Some(mut writer) = self.writer.take() else { return Ok(()) };
        Self::sound_until(&mut writer, self.sound.as_mut(), self.end)?;
        writer.finish()?;
        Ok(())
    }
}
