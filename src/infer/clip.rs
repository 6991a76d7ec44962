//! One clip of files, as the worker needs it.

use std::sync::Arc;

use super::{FrameFeed, FrameTimes, InferError, InputFrame, PictureSource, WindowSource};
use crate::media::{
    CancelToken, FrameReader, FrameReaderOptions, MediaSource, PresentationIndex, SoundTrack,
    VideoFrame,
};
use crate::units::{FrameIndex, MediaTime};

impl From<&VideoFrame> for InputFrame {
    fn from(f: &VideoFrame) -> Self {
        Self { index: f.index, time: f.time, picture: f.picture.clone() }
    }
}

impl PictureSource for FrameReader {
    fn seek(&mut self, frame: FrameIndex) -> Result<Option<InputFrame>, InferError> {
        Ok(FrameReader::seek(self, frame)?.as_ref().map(InputFrame::from))
    }
    fn next(&mut self) -> Result<Option<InputFrame>, InferError> {
        Ok(self.next_frame()?.as_ref().map(InputFrame::from))
    }
}

impl FrameTimes for PresentationIndex {
    fn len(&self) -> usize {
        PresentationIndex::len(self)
    }
    fn time(&self, frame: FrameIndex) -> Option<MediaTime> {
        PresentationIndex::time(self, frame)
    }
    fn frame_at(&self, time: MediaTime) -> Option<FrameIndex> {
        PresentationIndex::frame_at(self, time)
    }
    fn end(&self) -> MediaTime {
        PresentationIndex::end(self)
    }
}

impl WindowSource for SoundTrack {
    fn rate(&self) -> u32 {
        SoundTrack::rate(self)
    }
    fn available(&self) -> u64 {
        SoundTrack::len(self)
    }
    fn total(&self) -> Option<u64> {
        // A track that broke off has ended where it broke: its windows are final as well.
        SoundTrack::total(self).or_else(|| self.error().map(|_| SoundTrack::len(self)))
    }
    fn read(&self, start: u64, len: usize) -> Option<Vec<f32>> {
        SoundTrack::read(self, start, len)
    }
}

/// Opens a reader for the background pass, on the worker's thread.
pub type OpenReader = Arc<dyn Fn() -> Result<Box<dyn PictureSource>, InferError> + Send + Sync>;

/// One clip, as the worker needs it.
#[derive(Clone)]
pub struct ClipFeed {
    /// Its frames' times.
    pub times: Arc<dyn FrameTimes>,
    /// Its sound at the checkpoint's rate; `None` without a sound track.
    pub sound: Option<Arc<dyn WindowSource>>,
    /// The playhead.
    pub feed: Arc<dyn FrameFeed>,
    /// Opens the background pass's own reader.
    pub open_reader: OpenReader,
    /// Its files, for the cache's key; none when the maps should not be kept.
    pub source: Option<MediaSource>,
    /// Which track and channels the sound is, for the cache's key.
    pub sound_choice: String,
}

impl ClipFeed {
    /// A clip of files.
    pub fn new(
        source: MediaSource,
        index: Arc<PresentationIndex>,
        sound: Option<Arc<SoundTrack>>,
        sound_choice: String,
        feed: Arc<dyn FrameFeed>,
    ) -> Self {
        let reader_source = source.clone();
        let reader_index = index.clone();
        Self {
            times: index,
            sound: sound.map(|s| s as Arc<dyn WindowSource>),
            feed,
            open_reader: Arc::new(move || {
                let options = FrameReaderOptions {
                    // The pass is paced by the network; decoding is the smaller part.
                    threads: 1,
                    cancel: CancelToken::default(),
                };
                let reader =
                    FrameReader::with_index(&reader_source, reader_index.clone(), options)?;
                Ok(Box::new(reader) as Box<dyn PictureSource>)
            }),
            source: Some(source),
            sound_choice,
        }
    }
}
