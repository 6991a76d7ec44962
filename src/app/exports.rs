//! Videos with the map drawn in: a queue, one at a time, on a thread of its own.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::picture::{overlay_params, with_map};
use super::view::View;
use crate::export::{FrameMaps, VideoExport, overlay_video};
use crate::infer::{LookupPolicy, MapAt, SoundTest};
use crate::media::CancelToken;
use crate::units::{FrameIndex, Waker};

/// What is asked for from the panel; the rest is what the window shows.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportWish {
    /// The file to write.
    pub path: PathBuf,
    /// Only the A-B loop.
    pub loop_only: bool,
    /// The legend is burnt in.
    pub legend: bool,
}

/// The work of one export: whole file or nothing. Gets the share done so far (thousandths) to
/// report, and the token that stops it; gives a sentence back.
pub type ExportWork =
    Box<dyn FnOnce(&AtomicU32, &CancelToken) -> Result<String, String> + Send + 'static>;

/// What writes the wished video: what the window shows, with the maps as they are now. Later
/// changes of clip, checkpoint or colours do not reach it.
///
/// # Errors
/// When there is no picture to draw over.
pub(super) fn work(view: &View<'_>, wish: &ExportWish) -> Result<ExportWork, String> {
    let (Some(source), Some(index)) = (view.source.cloned(), view.index.cloned()) else {
        return Err("no clip is open".into());
    };
    if view.live_words.is_some() {
        return Err(
            "the picture shows weights of a run, whose maps exist around the playhead alone: \
                    show the loaded checkpoint first (Show what is learnt), or load a saved epoch"
                .into(),
        );
    }
    let all = 0..u32::try_from(index.len()).unwrap_or(u32::MAX);
    if all.is_empty() {
        return Err(format!("{} has no picture to draw over", source.display_name()));
    }
    let loops = view.presentation.loops;
    let frames = match loops.range(view.presentation.duration).filter(|_| wish.loop_only) {
        None => all,
        Some((a, b)) => {
            let at = |t| index.frame_at(t).map_or(0, |f| f.0);
            at(a)..(at(b) + 1).min(all.end)
        }
    };
    let first = frames.start;
    let mut maps: Vec<FrameMaps> = view.maps.read(|m| {
        let policy = LookupPolicy::default();
        frames.clone().map(|f| frame_maps(view, &m.lookup(FrameIndex(f), policy))).collect()
    });
    let mut lines = vec![source.display_name()];
    if let Some(c) = view.checkpoint {
        lines.push(c.name.clone());
    }
    if *view.sound_test != SoundTest::None {
        lines.push(format!("sound test: {}", view.sound_test.label()));
    }
    let mut params = overlay_params(view);
    params.visible = view.overlay.visible;
    let job = VideoExport {
        source,
        index: Some(index),
        audio_track: view.presentation.track,
        frames: Some(frames),
        path: wish.path.clone(),
        params,
        legend: wish.legend,
        lines,
        maps: Box::new(move |frame| {
            let at = frame.index.0.checked_sub(first).and_then(|i| usize::try_from(i).ok());
            at.and_then(|i| maps.get_mut(i)).map(std::mem::take).unwrap_or_default()
        }),
    };
    let path = wish.path.clone();
    Ok(Box::new(move |done, cancel| {
        let report = overlay_video(job, done, cancel).map_err(|e| e.to_string())?;
        Ok(format!(
            "wrote {}: {} frames, {} with a map, {:.1}× real time",
            path.display(),
            report.frames,
            report.with_map,
            report.clip_secs / report.took_secs.max(1e-3)
        ))
    }))
}

/// A held map pales with its age as it does on the screen.
fn frame_maps(view: &View<'_>, at: &MapAt) -> FrameMaps {
    let params = with_map(view, at.stored());
    let dim = match at {
        MapAt::Held { age, .. } => (age.as_secs_f64() / 2.0).clamp(0.2, 1.0) as f32,
        _ => 0.0,
    };
    FrameMaps {
        map: params.map,
        plain: params.plain,
        prior: params.prior,
        other: params.other,
        dim,
        quiet: params.outline_only,
    }
}

/// State of a row of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportState {
    /// Waits for the ones before it.
    Waiting,
    /// Is being written.
    Running,
    /// Is written.
    Done,
    /// Was stopped; nothing is left on disk.
    Cancelled,
    /// Could not be written.
    Failed(String),
}

/// A row of the queue.
pub struct ExportJob {
    /// Its number, from 1.
    pub id: u64,
    /// The file.
    pub path: PathBuf,
    /// Where it stands.
    pub state: ExportState,
    done: Arc<AtomicU32>,
    cancel: CancelToken,
}

impl ExportJob {
    /// Share that is written, 0 to 1.
    pub fn share(&self) -> f32 {
        self.done.load(Ordering::Relaxed) as f32 / 1000.0
    }
}

/// The queue.
pub struct Exports {
    jobs: Vec<ExportJob>,
    waiting: VecDeque<(u64, ExportWork)>,
    target: Option<PathBuf>,
    next: u64,
    running: Option<u64>,
    // At most one job runs, so at most one message waits; the bound never matters.
    tx: Sender<(u64, Result<String, String>)>,
    rx: Receiver<(u64, Result<String, String>)>,
    waker: Waker,
}

impl Exports {
    /// An empty queue; `waker` wakes the window when a row ends.
    pub fn new(waker: Waker) -> Self {
        let (tx, rx) = unbounded();
        Self {
            jobs: Vec::new(),
            waiting: VecDeque::new(),
            target: None,
            next: 1,
            running: None,
            tx,
            rx,
            waker,
        }
    }

    /// All rows, oldest first.
    pub fn jobs(&self) -> &[ExportJob] {
        &self.jobs
    }

    /// The file that the dialog came back with.
    pub fn target(&self) -> Option<&PathBuf> {
        self.target.as_ref()
    }

    /// Sets the file for the next export.
    pub fn set_target(&mut self, path: PathBuf) {
        self.target = Some(path);
    }

    /// True while something is being written.
    pub fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// Puts a job at the end of the queue. Refuses a file that a job before it writes.
    pub fn push(&mut self, path: PathBuf, work: ExportWork) -> Result<(), String> {
        let taken = |j: &ExportJob| {
            j.path == path && matches!(j.state, ExportState::Waiting | ExportState::Running)
        };
        if self.jobs.iter().any(taken) {
            return Err(format!("{} is already in the queue", path.display()));
        }
        let id = self.next;
        self.next += 1;
        self.jobs.push(ExportJob {
            id,
            path,
            state: ExportState::Waiting,
            done: Arc::default(),
            cancel: CancelToken::new(),
        });
        self.waiting.push_back((id, work));
        self.start_next();
        Ok(())
    }

    fn start_next(&mut self) {
        if self.running.is_some() {
            return;
        }
        let Some((id, work)) = self.waiting.pop_front() else { return };
        let Some(job) = self.jobs.iter_mut().find(|j| j.id == id) else { return };
        let (done, cancel) = (job.done.clone(), job.cancel.clone());
        let (tx, waker) = (self.tx.clone(), self.waker.clone());
        // Ends through its token; the window does not wait for it when it closes, the file is
        // whole or absent either way.
        let spawned = std::thread::Builder::new().name("fnac-export".into()).spawn(move || {
            let result = work(&done, &cancel);
            if tx.send((id, result)).is_ok() {
                waker();
            }
        });
        match spawned {
            Ok(_) => {
                job.state = ExportState::Running;
                self.running = Some(id);
            }
            Err(e) => job.state = ExportState::Failed(e.to_string()),
        }
    }

    /// Takes up what ended; sentences to say.
    pub fn poll(&mut self) -> Vec<Result<String, String>> {
        let mut said = Vec::new();
        while let Ok((id, result)) = self.rx.try_recv() {
            self.running = None;
            if let Some(job) = self.jobs.iter_mut().find(|j| j.id == id) {
                job.state = match &result {
                    _ if job.cancel.is_cancelled() => ExportState::Cancelled,
                    Ok(_) => ExportState::Done,
                    Err(e) => ExportState::Failed(e.clone()),
                };
                if job.state == ExportState::Cancelled {
                    said.push(Ok(format!("stopped; {} was not written", job.path.display())));
                } else {
                    said.push(result);
                }
            }
            self.start_next();
        }
        said
    }

    /// Stops a row, or takes it away when it has ended.
    pub fn cancel(&mut self, id: u64) {
        let Some(i) = self.jobs.iter().position(|j| j.id == id) else { return };
        match self.jobs[i].state {
            ExportState::Running => self.jobs[i].cancel.cancel(),
            ExportState::Waiting => {
                self.waiting.retain(|(w, _)| *w != id);
                self.jobs[i].state = ExportState::Cancelled;
            }
            _ => {
                self.jobs.remove(i);
            }
        }
    }

    /// Stops everything, for closing.
    pub fn cancel_all(&mut self) {
        self.waiting.clear();
        for job in &self.jobs {
            job.cancel.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn until(exports: &mut Exports, what: impl Fn(&Exports) -> bool) {
        let start = Instant::now();
        while !what(exports) {
            exports.poll();
            assert!(start.elapsed() < Duration::from_secs(10), "never came");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    #[test]
    fn jobs_run_one_after_the_other_and_a_cancelled_one_says_so() {
        let mut e = Exports::new(crate::units::no_waker());
        let wait: ExportWork = Box::new(|done, cancel| {
            done.store(500, Ordering::Relaxed);
            while !cancel.is_cancelled() {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err("stopped".into())
        });
        e.push("a.mp4".into(), wait).unwrap();
        e.push("b.mp4".into(), Box::new(|_, _| Ok("b is written".into()))).unwrap();
        assert!(e.push("b.mp4".into(), Box::new(|_, _| Ok(String::new()))).is_err());
        assert_eq!(e.jobs()[1].state, ExportState::Waiting);
        until(&mut e, |e| e.jobs()[0].share() == 0.5);
        e.cancel(1);
        until(&mut e, |e| e.jobs()[1].state == ExportState::Done);
        assert_eq!(e.jobs()[0].state, ExportState::Cancelled);
        e.cancel(1);
        assert_eq!(e.jobs().len(), 1);
    }
}
