//! Where frames and samples come from: files in earnest, anything in tests.

use std::sync::Arc;

use crate::media::{
    AudioBlock, AudioFormat, AudioReader, CancelToken, Channels, Clip, FrameReader,
    FrameReaderOptions, MediaError, MediaInfo, MediaSource, PresentationIndex, VideoFrame,
};
use crate::units::{FrameIndex, MediaTime};

/// Decoded pictures of one clip, in presentation order. Blocking.
pub trait PictureReader: Send {
    /// The next frame; `None` at the end.
    fn next_frame(&mut self) -> Result<Option<VideoFrame>, MediaError>;
    /// That very frame, positioned after it.
    fn seek(&mut self, frame: FrameIndex) -> Result<Option<VideoFrame>, MediaError>;
    /// The key frame at or before, positioned after it.
    fn seek_key(&mut self, frame: FrameIndex) -> Result<Option<VideoFrame>, MediaError>;
    /// Whose raising ends a blocking call with [`MediaError::Cancelled`] from now on.
    fn set_cancel(&mut self, cancel: CancelToken);
}

/// Decoded sound of one track: interleaved stereo. Blocking.
pub trait SoundReader: Send {
    /// The first block after it begins exactly there.
    fn seek(&mut self, time: MediaTime) -> Result<(), MediaError>;
    /// The next block; `None` at the end.
    fn next_block(&mut self) -> Result<Option<AudioBlock>, MediaError>;
}

/// A clip as it was opened.
pub struct OpenedClip {
    /// What it holds.
    pub info: Arc<MediaInfo>,
    /// Index and pictures, if it has any.
    pub pictures: Option<(Arc<PresentationIndex>, Box<dyn PictureReader>)>,
}

/// Opens clips.
pub trait ClipOpener: Send + Sync {
    /// Reads the header, makes the index, opens the pictures.
    fn open(&self, source: &MediaSource, cancel: &CancelToken) -> Result<OpenedClip, MediaError>;
    /// Another, independent reader of the same pictures.
    fn second_reader(
        &self,
        source: &MediaSource,
        index: &Arc<PresentationIndex>,
        cancel: &CancelToken,
    ) -> Result<Box<dyn PictureReader>, MediaError>;
    /// A sound track as stereo at `rate`.
    fn open_sound(
        &self,
        source: &MediaSource,
        track: usize,
        rate: u32,
        cancel: &CancelToken,
    ) -> Result<Box<dyn SoundReader>, MediaError>;
}

impl PictureReader for FrameReader {
    fn next_frame(&mut self) -> Result<Option<VideoFrame>, MediaError> {
        Self::next_frame(self)
    }

    fn seek(&mut self, frame: FrameIndex) -> Result<Option<VideoFrame>, MediaError> {
        Self::seek(self, frame)
    }

    fn seek_key(&mut self, frame: FrameIndex) -> Result<Option<VideoFrame>, MediaError> {
        Self::seek_key(self, frame)
    }

    fn set_cancel(&mut self, cancel: CancelToken) {
        Self::set_cancel(self, cancel);
    }
}

impl SoundReader for AudioReader {
    fn seek(&mut self, time: MediaTime) -> Result<(), MediaError> {
        Self::seek(self, time)
    }

    fn next_block(&mut self) -> Result<Option<AudioBlock>, MediaError> {
        Self::next_block(self)
    }
}

/// Opens files through FFmpeg.
pub(crate) struct FileOpener {
    /// Threads per video decoder, 0 for FFmpeg's choice.
    pub threads: usize,
}

impl ClipOpener for FileOpener {
    fn open(&self, source: &MediaSource, cancel: &CancelToken) -> Result<OpenedClip, MediaError> {
        let clip = Clip::open(source, cancel)?;
        let pictures = match clip.index() {
            Some(index) => Some((index.clone(), self.second_reader(source, index, cancel)?)),
            None => None,
        };
        Ok(OpenedClip { info: clip.info().clone(), pictures })
    }

    fn second_reader(
        &self,
        source: &MediaSource,
        index: &Arc<PresentationIndex>,
        cancel: &CancelToken,
    ) -> Result<Box<dyn PictureReader>, MediaError> {
        let options = FrameReaderOptions { threads: self.threads, cancel: cancel.clone() };
        Ok(Box::new(FrameReader::with_index(source, index.clone(), options)?))
    }

    fn open_sound(
        &self,
        source: &MediaSource,
        track: usize,
        rate: u32,
        cancel: &CancelToken,
    ) -> Result<Box<dyn SoundReader>, MediaError> {
        let format = AudioFormat { rate, channels: Channels::Stereo };
        Ok(Box::new(AudioReader::open(source, track, format, cancel.clone())?))
    }
}
