//! Opening clips: what was asked for, the player's answer, the worker's feed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::app::App;
use super::commands::ToastKind;
use super::jobs::Done;
use super::open::{main_path, sort_out};
use super::settings::Recent;
use super::state::Clip;
use crate::infer::{ClipFeed, FrameFeed};
use crate::media::{ChannelChoice, MediaSource, SoundTrack};
use crate::player::PlayState;
use crate::units::MediaTime;

/// Rate of the sound track while no checkpoint says another.
const USUAL_RATE_HZ: u32 = 16_000;

impl App {
    /// Opens what a text names: a path, `file://` too, quoted or not.
    pub(super) fn open_text(&mut self, text: &str) {
        let paths: Vec<PathBuf> = text.lines().filter_map(path_from_text).collect();
        if paths.is_empty() {
            self.warn("there is no path on the clipboard");
            return;
        }
        self.open_paths(&paths);
    }

    /// Opens files, folders and checkpoints.
    pub(super) fn open_paths(&mut self, paths: &[PathBuf]) {
        let opened = sort_out(paths);
        for text in opened.refused {
            self.say(ToastKind::Error, text);
        }
        for path in opened.checkpoints {
            self.load_checkpoint(path);
        }
        let given = !opened.items.is_empty();
        if given {
            self.play_items(opened.items);
        }
        // Truth that comes with its clip is the clip's; alone it is the playing one's.
        let mut truths = opened.truths.into_iter();
        if let Some(path) = truths.next() {
            self.load_truth(path);
        }
        let more = truths.count();
        if more > 0 {
            self.warn(format!("one truth file is used at a time; {more} more are left out"));
        }
        if !given && self.state.clip.source.is_none() {
            // Never an empty window: what was asked for cannot be played.
            self.open_builtin();
        }
    }

    /// Replaces the playlist and opens its first item.
    pub(super) fn play_items(&mut self, items: Vec<MediaSource>) {
        self.failed_in_a_row = 0;
        self.state.playlist.set(items);
        if let Some(source) = self.state.playlist.current().cloned() {
            self.open_source(source, false);
        }
    }

    /// Goes through the playlist.
    pub(super) fn playlist_step(&mut self, _: &egui::Context, by: isize) {
        if let Some(source) = self.state.playlist.step(by).cloned() {
            self.open_source(source, false);
        }
    }

    /// Goes to an item of the playlist.
    pub(super) fn playlist_go(&mut self, at: usize) {
        if let Some(source) = self.state.playlist.go(at).cloned() {
            self.failed_in_a_row = 0;
            self.open_source(source, false);
        }
    }

    /// Opens the clip that the program carries; it is unpacked once.
    pub(super) fn open_builtin(&mut self) {
        let dir = self.cache_dir.clone().unwrap_or_else(std::env::temp_dir);
        let job =
            move || Done::Builtin(crate::export::builtin_clip(&dir).map_err(|e| e.to_string()));
        if let Err(e) = self.jobs.start("fnac-builtin", job) {
            self.warn(e);
        }
    }

    pub(super) fn builtin_ready(&mut self, result: Result<PathBuf, String>) {
        match result {
            Ok(path) => {
                let source = MediaSource::File(path);
                self.state.playlist.set(vec![source.clone()]);
                self.open_source(source, true);
            }
            Err(e) => self.say(ToastKind::Error, e),
        }
    }

    fn open_source(&mut self, source: MediaSource, builtin: bool) {
        self.keep_position_of_a_long_clip();
        self.state.clip = Clip { source: Some(source.clone()), builtin, ..Clip::default() };
        self.state.probe.hover = None;
        self.look_for_truth();
        self.state.kept_map = None;
        self.set_sound_test(crate::infer::SoundTest::None);
        self.state.worker.set_clip(None);
        self.state.live.set_clip(None);
        self.resume_at = self.kept_position(&source);
        self.state.player.open(source);
        // The clip loops alone; in a playlist its end leads to the next.
        let alone = self.state.playlist.len() < 2;
        self.state.player.set_loop_clip(alone && self.state.settings.now.play.loop_clip);
        self.state.player.play();
    }

    /// When the player has opened the clip: decode its whole sound, tell the worker.
    pub(super) fn wire_clip(&mut self) {
        let ready = !matches!(
            self.state.player.presentation().state,
            PlayState::Empty | PlayState::Opening | PlayState::Failed
        );
        if !ready {
            return;
        }
        self.load_sound();
        if self.state.clip.wired {
            return;
        }
        let Some(source) = self.state.clip.source.clone() else { return };
        if self.state.player.info().is_none() {
            return;
        }
        self.state.clip.wired = true;
        self.failed_in_a_row = 0;
        self.feed_worker();
        if !self.state.clip.builtin {
            Recent::push(&mut self.state.settings.now.recent.clips, main_path(&source).to_owned());
        }
        if let Some(at) = self.resume_at.take() {
            self.state.player.seek(at);
            self.note(format!("resumed at {at}. Home goes to the start"));
        }
        let warnings: Vec<String> = self
            .state
            .player
            .info()
            .map(|i| i.warnings.iter().map(ToString::to_string).collect())
            .unwrap_or_default();
        for w in warnings {
            self.warn(w);
        }
    }

    /// Starts decoding the sound for the model when its track or rate changed.
    fn load_sound(&mut self) {
        let Some(source) = self.state.clip.source.clone() else { return };
        let p = self.state.player.presentation();
        let track = p.track.or_else(|| self.state.player.info().and_then(|i| i.default_track()));
        let loaded = self.state.loaded.checkpoint.as_ref().map(|(_, s)| s.card.sample_rate);
        let learning = &self.state.learning;
        let learnt = learning.wanted(&self.state.settings.now.learn).and(learning.rate());
        let rate = learnt.or(loaded).unwrap_or(USUAL_RATE_HZ);
        let wanted = track.map(|t| (t, rate));
        if wanted == self.state.clip.sound_of {
            return;
        }
        self.state.clip.sound_of = wanted;
        self.state.clip.sound = wanted.map(|(track, rate)| {
            SoundTrack::load(&source, track, rate, ChannelChoice::Mean, self.waker.clone())
        });
        if self.state.clip.wired {
            self.feed_worker();
        }
    }

    fn feed_worker(&mut self) {
        let (Some(source), Some(index)) =
            (self.state.clip.source.clone(), self.state.player.index().cloned())
        else {
            self.state.worker.set_clip(None);
            self.state.live.set_clip(None);
            return;
        };
        let track = self.state.clip.sound_of.map_or(0, |(t, _)| t);
        let feed: Arc<dyn FrameFeed> = self.state.player.look_ahead();
        let clip = ClipFeed::new(
            source,
            index,
            self.state.clip.sound.clone(),
            format!("track {track} mean"),
            feed,
        );
        self.state.live.set_clip(Some(clip.clone()));
        self.state.worker.set_clip(Some(clip));
    }

    /// Keeps where the clip stands, for the next time it is opened.
    pub(super) fn keep_position(&mut self) {
        let (Some(source), false) = (&self.state.clip.source, self.state.clip.builtin) else {
            return;
        };
        let secs = self.state.player.presentation().now.as_secs_f64();
        let key = main_path(source).to_string_lossy().into_owned();
        let positions = &mut self.state.settings.now.play.positions;
        positions.insert(key, secs);
        while positions.len() > POSITIONS_MAX {
            positions.pop_first();
        }
    }

    /// Nobody wants to resume a clip of seconds.
    fn keep_position_of_a_long_clip(&mut self) {
        let p = self.state.player.presentation();
        let (now, len) = (p.now.as_secs_f64(), p.duration.as_secs_f64());
        if self.state.clip.wired && len > 600.0 && now > 30.0 && now < len - 30.0 {
            self.keep_position();
        }
    }

    fn kept_position(&mut self, source: &MediaSource) -> Option<MediaTime> {
        if !self.state.settings.now.play.resume || self.state.layout == "demo" {
            return None;
        }
        let key = main_path(source).to_string_lossy().into_owned();
        // Used once: the next time the clip starts at its start again.
        self.state.settings.now.play.positions.remove(&key).map(MediaTime::from_secs_f64)
    }

    /// The sound of another clip for the swap test.
    pub(super) fn swap_with(&mut self, path: PathBuf) {
        if let Err(e) = std::fs::metadata(&path) {
            self.warn(format!("cannot take the sound of {}: {e}. Check the path", path.display()));
            return;
        }
        self.state.swap_sound = Some(path.clone());
        self.set_sound_test(crate::infer::SoundTest::Swap(path));
    }
}

impl App {
    /// What to open in a new window when this one loses its graphics device.
    pub(super) fn left_open(&mut self, args: &super::WindowArgs) -> super::WindowArgs {
        let playlist = &self.state.playlist;
        let from_here = playlist.items().iter().cycle().skip(playlist.at()).take(playlist.len());
        let (mut inputs, mut audio) = (Vec::new(), None);
        if !self.state.clip.builtin {
            for item in from_here {
                match item {
                    MediaSource::File(p) => inputs.push(p.clone()),
                    MediaSource::Pair { picture, audio: sound } => {
                        inputs.push(picture.clone());
                        if playlist.len() == 1 {
                            audio = Some(sound.clone());
                        }
                    }
                }
            }
            self.keep_position();
        }
        super::WindowArgs {
            inputs,
            audio,
            checkpoint: self.state.loaded.checkpoint.as_ref().and_then(|(_, s)| s.path.clone()),
            device: self.state.loaded.device.clone(),
            layout: Some(self.state.layout.to_owned()),
            demo: false,
            ..args.clone()
        }
    }
}

/// Positions that are kept.
const POSITIONS_MAX: usize = 200;

/// A path as people paste it: quoted, `file://`, with a tilde.
fn path_from_text(line: &str) -> Option<PathBuf> {
    let text = line.trim().trim_matches(['"', '\'']);
    if text.is_empty() {
        return None;
    }
    if let Some(rest) = text.strip_prefix("file://") {
        let rest = rest.strip_prefix("localhost").unwrap_or(rest);
        return Some(PathBuf::from(percent_decoded(rest)));
    }
    if let Some(rest) = text.strip_prefix("~/") {
        let home = directories::UserDirs::new().map(|d| d.home_dir().to_owned());
        return Some(home.unwrap_or_default().join(rest));
    }
    Some(Path::new(text).to_owned())
}

/// `%20` and friends; what is no escape stays as it is.
#[cfg(unix)]
fn percent_decoded(text: &str) -> std::ffi::OsString {
    use std::os::unix::ffi::OsStringExt as _;
    std::ffi::OsString::from_vec(percent_bytes(text))
}

#[cfg(not(unix))]
fn percent_decoded(text: &str) -> std::ffi::OsString {
    let text = String::from_utf8_lossy(&percent_bytes(text)).into_owned();
    // file:///C:/x
    text.strip_prefix('/').filter(|t| t.contains(':')).map_or(text.clone(), str::to_owned).into()
}

fn percent_bytes(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while let Some(b) = bytes.get(i) {
        let hex = text.get(i + 1..i + 3).filter(|_| *b == b'%');
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(v) => {
                out.push(v);
                i += 3;
            }
            None => {
                out.push(*b);
                i += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_paths_are_understood_as_people_paste_them() {
        let p = |t: &str| path_from_text(t).unwrap();
        assert_eq!(p(" \"/tmp/a b.mp4\" "), Path::new("/tmp/a b.mp4"));
        assert_eq!(p("file:///tmp/a%20b%C3%BC.mp4"), Path::new("/tmp/a bü.mp4"));
        assert_eq!(p("file://localhost/tmp/50%.mp4"), Path::new("/tmp/50%.mp4"));
        assert!(path_from_text("   ").is_none());
    }
}
