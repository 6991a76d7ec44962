//! Small pictures under the cursor, with their maps.
//!
//! Thread `fnac-thumbs`, one per timeline, with a reader of its own. One request, newest wins;
//! finished pictures: a bounded channel of [`READY_BOUND`], when it is full the thread waits.
//! First the key frame near the cursor, at once, then the exact one if the cursor rests.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::overlay::{OverlayParams, View, cpu};
use crate::units::{FrameIndex, RgbPicture, Waker};

/// Longer side of a small picture in pixels.
pub const THUMB_PX: u32 = 192;
const READY_BOUND: usize = 4;
/// Small pictures kept: 64 of 80 KiB are 5 MiB.
const KEPT: usize = 64;

/// Reads small pictures of one clip; lives on the thread.
pub trait ThumbReader {
    /// A frame near `frame` that is quick to reach, and its picture at most [`THUMB_PX`] wide and
    /// high, un-squashed.
    fn near(&mut self, frame: FrameIndex) -> Option<(FrameIndex, RgbPicture)>;
    /// That very frame.
    fn exact(&mut self, frame: FrameIndex) -> Option<RgbPicture>;
}

/// Opens a clip's reader; called on the thread, and may take its time.
pub trait ThumbOpener: Send + Sync {
    /// `None` when the clip cannot be read.
    fn open(&self) -> Option<Box<dyn ThumbReader>>;
}

/// A small picture ready to be drawn.
#[derive(Clone)]
pub struct Thumb {
    /// The frame it shows.
    pub frame: FrameIndex,
    /// With its map.
    pub texture: egui::TextureHandle,
}

struct Request {
    clip: u64,
    opener: Arc<dyn ThumbOpener>,
    frame: FrameIndex,
}

#[derive(Default)]
struct Desk {
    request: Option<Request>,
    stop: bool,
}

struct Shared {
    desk: Mutex<Desk>,
    bell: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Done {
    clip: u64,
    frame: FrameIndex,
    picture: RgbPicture,
}

/// The small pictures of the open clip and the thread that makes them.
pub struct Thumbs {
    shared: Arc<Shared>,
    ready: Receiver<Done>,
    opener: Option<Arc<dyn ThumbOpener>>,
    clip: u64,
    asked: Option<FrameIndex>,
    /// By frame, with the drawn frame of the window they were last used in.
    kept: HashMap<FrameIndex, (Thumb, u64)>,
    /// The newest one, shown until a better one is there.
    latest: Option<Thumb>,
    tick: u64,
}

impl Thumbs {
    /// Starts the thread; it ends when this is dropped. Without one there are no small pictures.
    pub fn new(waker: Waker) -> Self {
        let shared = Arc::new(Shared { desk: Mutex::default(), bell: Condvar::new() });
        let (send, ready) = bounded(READY_BOUND);
        let desk = shared.clone();
        // Detached: a reader may be in the middle of a decode when the window closes.
        std::thread::Builder::new()
            .name("fnac-thumbs".to_owned())
            .spawn(move || work(&desk, &send, &waker))
            .inspect_err(|e| tracing::warn!("no thread for small pictures: {e}"))
            .ok();
        Self {
            shared,
            ready,
            opener: None,
            clip: 0,
            asked: None,
            kept: HashMap::new(),
            latest: None,
            tick: 0,
        }
    }

    /// The small picture for `frame`, or the nearest quick one until it is there; orders it.
    /// `params` gives the map of a frame as the picture would show it.
    pub fn get(
        &mut self,
        ctx: &egui::Context,
        opener: &Arc<dyn ThumbOpener>,
        frame: FrameIndex,
        params: &dyn Fn(FrameIndex) -> OverlayParams,
    ) -> Option<Thumb> {
        if !self.opener.as_ref().is_some_and(|o| Arc::ptr_eq(o, opener)) {
            self.opener = Some(opener.clone());
            self.clip += 1;
            self.asked = None;
            self.kept.clear();
            self.latest = None;
        }
        self.tick += 1;
        while let Ok(done) = self.ready.try_recv() {
            if done.clip == self.clip {
                let texture = draw(ctx, &done, params(done.frame));
                let thumb = Thumb { frame: done.frame, texture };
                self.kept.insert(done.frame, (thumb.clone(), self.tick));
                self.latest = Some(thumb);
            }
        }
        if let Some((thumb, used)) = self.kept.get_mut(&frame) {
            *used = self.tick;
            return Some(thumb.clone());
        }
        if self.asked != Some(frame) {
            self.asked = Some(frame);
            let request = Request { clip: self.clip, opener: opener.clone(), frame };
            self.shared.lock().request = Some(request);
            self.shared.bell.notify_one();
        }
        if self.kept.len() > KEPT
            && let Some(oldest) =
                self.kept.iter().min_by_key(|(_, (_, used))| *used).map(|(f, _)| *f)
        {
            self.kept.remove(&oldest);
        }
        self.latest.clone()
    }
}

impl Drop for Thumbs {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.bell.notify_one();
    }
}

fn draw(ctx: &egui::Context, done: &Done, params: OverlayParams) -> egui::TextureHandle {
    let (width, height) = (done.picture.width(), done.picture.height());
    let view = View::fit([width as f32, height as f32], width as f32 / height as f32);
    // A small map says more without lines and hatches.
    let params = OverlayParams {
        contours: 0,
        half_map_mask: false,
        show_cells: false,
        threshold: None,
        split: crate::overlay::Split::None,
        ..params
    };
    let drawn = cpu::render(&done.picture, &params, &view);
    let size = [width as usize, height as usize];
    let image = egui::ColorImage::from_rgba_unmultiplied(size, &drawn.data);
    ctx.load_texture(format!("thumb {}", done.frame), image, egui::TextureOptions::LINEAR)
}

fn work(shared: &Shared, ready: &Sender<Done>, waker: &Waker) {
    let mut reader: Option<(u64, Option<Box<dyn ThumbReader>>)> = None;
    loop {
        let request = {
            let mut desk = shared.lock();
            loop {
                if desk.stop {
                    return;
                }
                if let Some(request) = desk.request.take() {
                    break request;
                }
                desk = shared.bell.wait(desk).unwrap_or_else(PoisonError::into_inner);
            }
        };
        let (clip, frame) = (request.clip, request.frame);
        if reader.as_ref().is_none_or(|(c, _)| *c != clip) {
            reader = Some((clip, request.opener.open()));
        }
        let Some((_, Some(reader))) = &mut reader else { continue };
        let give = |frame, picture| {
            let sent = ready.send(Done { clip, frame, picture }).is_ok();
            waker();
            sent
        };
        let near = reader.near(frame);
        let exact_already = near.as_ref().is_some_and(|(f, _)| *f == frame);
        if let Some((near, picture)) = near
            && !give(near, picture)
        {
            return;
        }
        // Another place is wanted by now: the exact frame of this one would come too late.
        let moved_on = {
            let desk = shared.lock();
            desk.request.is_some() || desk.stop
        };
        if exact_already || moved_on {
            continue;
        }
        if let Some(picture) = reader.exact(frame)
            && !give(frame, picture)
        {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::no_waker;
    use std::sync::atomic::{AtomicU32, Ordering};

    struct Clip {
        opened: AtomicU32,
    }

    struct Reader;

    fn picture(v: u8) -> RgbPicture {
        RgbPicture::new(16, 9, vec![v; 16 * 9 * 3]).unwrap()
    }

    impl ThumbReader for Reader {
        fn near(&mut self, frame: FrameIndex) -> Option<(FrameIndex, RgbPicture)> {
            Some((FrameIndex(frame.0 / 10 * 10), picture(1)))
        }
        fn exact(&mut self, _: FrameIndex) -> Option<RgbPicture> {
            Some(picture(2))
        }
    }

    impl ThumbOpener for Clip {
        fn open(&self) -> Option<Box<dyn ThumbReader>> {
            self.opened.fetch_add(1, Ordering::Relaxed);
            Some(Box::new(Reader))
        }
    }

    fn wait_for(thumbs: &mut Thumbs, clip: &Arc<dyn ThumbOpener>, frame: u32) -> Vec<u32> {
        let ctx = egui::Context::default();
        let mut seen = Vec::new();
        let began = std::time::Instant::now();
        while seen.last() != Some(&frame) && began.elapsed().as_secs() < 20 {
            let params = |_| OverlayParams::default();
            if let Some(t) = thumbs.get(&ctx, clip, FrameIndex(frame), &params)
                && seen.last() != Some(&t.frame.0)
            {
                seen.push(t.frame.0);
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        seen
    }

    #[test]
    fn the_exact_frame_follows_the_quick_one_and_the_clip_is_opened_once() {
        let clip = Arc::new(Clip { opened: AtomicU32::new(0) });
        let opener: Arc<dyn ThumbOpener> = clip.clone();
        let mut thumbs = Thumbs::new(no_waker());
        assert_eq!(wait_for(&mut thumbs, &opener, 37).last(), Some(&37));
        assert_eq!(wait_for(&mut thumbs, &opener, 52).last(), Some(&52));
        assert_eq!(clip.opened.load(Ordering::Relaxed), 1);
        assert_eq!(wait_for(&mut thumbs, &opener, 37), [37], "kept pictures come at once");
        let other: Arc<dyn ThumbOpener> = Arc::new(Clip { opened: AtomicU32::new(0) });
        let ctx = egui::Context::default();
        let first = thumbs.get(&ctx, &other, FrameIndex(37), &|_| OverlayParams::default());
        assert!(first.is_none(), "another clip shows no picture of the one before");
    }
}
