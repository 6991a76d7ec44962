//! What is done when something is asked, and what is noticed once per drawn frame.

use std::path::PathBuf;

use super::snippets::{Play, Snippet};
use super::{LearnAsk, PairFormat, PinSource, SetState};
use crate::app::App;
use crate::app::commands::ToastKind;
use crate::app::dialogs::Pick;
use crate::app::jobs::Done;
use crate::app::log::Level;
use crate::audio::{OutputChoice, volume_gain};
use crate::infer::{SoundWindow, window_at};
use crate::player::PlayState;
use crate::train::events::TrainCommand;

impl App {
    /// Does what was asked of the panels about learning.
    pub(in crate::app) fn learn(&mut self, ctx: &egui::Context, ask: LearnAsk) {
        match ask {
            LearnAsk::Show(on) => {
                self.state.settings.now.learn.show = on;
                self.state.learning.choice.put_aside = false;
            }
            LearnAsk::At(at) => self.state.learning.choice.at = at,
            LearnAsk::Step(by) => self.step_moment(by),
            LearnAsk::Base(on) => self.state.learning.choice.base = on,
            LearnAsk::Settings(settings) => {
                self.state.settings.now.learn = settings.clamped();
            }
            LearnAsk::Play(ids) => self.play_items_sounds(&ids),
            LearnAsk::Quiet => self.state.learning.snippets.stop(),
            LearnAsk::Select(ids) => self.state.learning.audit.selected = ids,
            LearnAsk::NextPair(by) => self.next_pair(by),
            LearnAsk::Judge(ids, verdict) => self.judge(&ids, verdict),
            LearnAsk::Export(format) => {
                let name = match format {
                    PairFormat::Csv => "false_negatives.csv",
                    PairFormat::Json => "false_negatives.json",
                };
                self.chrome.dialogs.pick_to(ctx, Pick::Pairs(format), name.to_owned());
            }
            LearnAsk::PinFrame => self.pin_frame(),
            LearnAsk::PinItem(id) => {
                if !self.state.learning.pin(id.clone(), PinSource::Item(id)) {
                    self.warn("all eight places of the watch list are taken: unpin one first");
                }
            }
            LearnAsk::Unpin(id) => self.state.learning.unpin(id),
            LearnAsk::UsualPins => {
                let learning = &mut self.state.learning;
                if let SetState::Here(set) = learning.items.set() {
                    learning.pins_chosen = false;
                    learning.usual_pins(&set);
                }
            }
        }
    }

    fn step_moment(&mut self, by: i32) {
        let learning = &mut self.state.learning;
        let all = learning.moments.all();
        let Some(last) = all.len().checked_sub(1) else { return };
        let at = learning.choice.at.and_then(|id| all.iter().position(|m| m.id == id));
        let to = at.unwrap_or(last).saturating_add_signed(by as isize).min(last);
        // The last place follows the newest again.
        learning.choice.at = (to < last).then(|| all.get(to).map(|m| m.id)).flatten();
        let label = all.get(to).map(super::Moment::label).unwrap_or_default();
        self.note(label);
    }

    fn play_items_sounds(&mut self, ids: &[String]) {
        let learning = &mut self.state.learning;
        let sounds: Vec<Snippet> = ids
            .iter()
            .filter_map(|id| Some(Snippet { id: id.clone(), load: learning.items.sound(id)? }))
            .collect();
        if sounds.is_empty() {
            let words = match learning.items.set() {
                SetState::Refused(why) => why,
                SetState::Opening => "the data set is still being listed".to_owned(),
                _ => "these items are not in the run's data set".to_owned(),
            };
            self.warn(words);
            return;
        }
        let play = &self.state.settings.now.play;
        let gain = volume_gain(play.volume, play.muted);
        let muted = play.muted;
        if self.state.player.presentation().state == PlayState::Playing {
            self.state.player.pause();
            learning.player_waits = Some(false);
        }
        let output = learning.output.clone();
        learning.snippets.play(Play { sounds, output, gain });
        if muted {
            self.note("the sound is muted: m brings it back");
        }
    }

    /// The player goes on when the snippets are over. Who starts it himself meanwhile hears the
    /// clip, and no snippet over it.
    fn follow_snippets(&mut self) {
        let learning = &mut self.state.learning;
        let playing = learning.snippets.playing();
        if let Some(e) = playing.failed.clone().filter(|_| !playing.busy) {
            learning.snippets.stop();
            self.warn(format!("a sound was not heard: {e}"));
        }
        let learning = &mut self.state.learning;
        let Some(rested) = learning.player_waits else { return };
        match self.state.player.presentation().state {
            PlayState::Paused if playing.busy => learning.player_waits = Some(true),
            PlayState::Paused => {
                learning.player_waits = None;
                self.state.player.play();
            }
            PlayState::Playing if rested => {
                learning.player_waits = None;
                learning.snippets.stop();
            }
            // The pause has not shown yet.
            PlayState::Playing => {}
            _ => learning.player_waits = None,
        }
    }

    fn next_pair(&mut self, by: i32) {
        let audit = &mut self.state.learning.audit;
        let Some(last) = audit.ranked.len().checked_sub(1) else { return };
        let to = match audit.place() {
            Some(at) => at.saturating_add_signed(by as isize).min(last),
            None => 0,
        };
        audit.selected = audit.ranked.get(to).map(|s| s.ids.clone());
    }

    fn judge(&mut self, ids: &[String; 2], verdict: Option<crate::train::audit::Verdict>) {
        let learning = &mut self.state.learning;
        if learning.audit.pairs.judge(ids, verdict) {
            learning.audit.rank();
            learning.write_pairs(true);
        }
    }

    /// Writes the list of pairs where the user said.
    pub(in crate::app) fn export_pairs(&mut self, format: PairFormat, path: PathBuf) {
        let pairs = self.state.learning.audit.pairs.clone();
        let set = self.state.learning.items.set();
        let job = move || {
            let labels = |s: &crate::train::audit::Suspect| match &set {
                SetState::Here(set) => crate::train::audit::labels_say(
                    set.sounding(&s.ids[0]),
                    set.sounding(&s.ids[1]),
                ),
                _ => None,
            };
            let text = match format {
                PairFormat::Csv => pairs.to_csv(labels),
                PairFormat::Json => pairs.to_json(),
            };
            let written = text.and_then(|text| crate::files::write_whole(&path, text.as_bytes()));
            Done::Saved(match written {
                Ok(()) => Ok(format!("saved {}: {} pairs", path.display(), pairs.len())),
                Err(e) => {
                    Err(format!("cannot write {}: {e}. Choose another folder", path.display()))
                }
            })
        };
        if let Err(e) = self.jobs.start("fnac-save", job) {
            self.warn(e);
        }
    }

    fn pin_frame(&mut self) {
        let p = self.state.player.presentation();
        let Some(frame) = p.frame.clone() else {
            self.warn("no picture is shown yet");
            return;
        };
        let (sound, rate) = match &self.state.clip.sound {
            None => (None, 16_000),
            Some(track) => {
                let rate = track.rate();
                match window_at(track.as_ref(), frame.time) {
                    SoundWindow::Samples(s) => (Some(std::sync::Arc::new(s)), rate),
                    SoundWindow::NoSound => (None, rate),
                    SoundWindow::NotYet => {
                        self.warn("the sound around this frame is still being decoded");
                        return;
                    }
                }
            }
        };
        let name = match &self.state.clip.source {
            _ if self.state.clip.builtin => "built-in clip".to_owned(),
            Some(s) => s.display_name(),
            None => "clip".to_owned(),
        };
        let label = format!("{name}, frame {}", frame.index);
        let source = PinSource::Frame { picture: frame.picture.clone(), sound, rate };
        if self.state.learning.pin(label.clone(), source) {
            self.note(format!("{label} is on the watch list"));
        } else {
            self.warn("all eight places of the watch list are taken: unpin one first");
        }
    }

    /// Takes up what the run said and hands the chosen weights to the worker that shows them.
    pub(in crate::app) fn follow_learning(&mut self) {
        let live = self.state.training.session.is_live();
        let words = self.state.learning.follow(&self.state.training.session.state, live);
        for text in words {
            self.say(ToastKind::Warning, text);
        }
        self.tell_rates();
        self.follow_snippets();
        let s = &mut self.state;
        let wanted = s.learning.wanted(&s.settings.now.learn).cloned();
        let id = wanted.as_ref().map(|m| m.id);
        if id != s.learning.sent.model {
            s.learning.sent.model = id;
            s.live.show(wanted.as_ref().map(super::Moment::model));
        }
        if id.is_some() && s.learning.sent.shelf != s.learning.moments.revision() {
            s.learning.sent.shelf = s.learning.moments.revision();
            s.live.set_shelf(s.learning.shelf());
        }
        s.live_status = s.live.status();
        s.live_shown = s.live.shown().filter(|_| id.is_some());
        if let Some(facts) = &s.live_shown {
            let same = s.live_summary.as_ref().is_some_and(|l| l.of == facts.id);
            let name = s.learning.words(facts);
            if !same || s.live_summary.as_ref().is_some_and(|l| l.summary.name != name) {
                s.live_summary = Some(super::LiveSummary::of(facts, name));
            }
        }
        // Two networks never work on the same pictures at once.
        let resting = s.live_shown.is_some();
        if resting != s.learning.sent.resting {
            s.learning.sent.resting = resting;
            s.worker.set_resting(resting);
        }
    }

    /// Tells the run how often the window wants weights and matrices.
    fn tell_rates(&mut self) {
        let settings = self.state.settings.now.learn.clone();
        let learning = &mut self.state.learning;
        if !learning.live || learning.folder.is_none() {
            return;
        }
        let mut told = learning.told;
        let publish = if settings.show { settings.publish_steps.max(1) } else { 0 };
        let mut commands = Vec::new();
        if told.publish != Some(publish) {
            told.publish = Some(publish);
            commands.push(TrainCommand::PublishEvery(publish));
        }
        let look = learning.look_every(settings.look);
        // A run whose speed wavers is not told at every step.
        let far = told.look.is_none_or(|t| {
            let (a, b) = (t.min(look), t.max(look));
            a != b && (a == 0 || b as f64 > 1.3 * a as f64)
        });
        if far {
            told.look = Some(look);
            commands.push(TrainCommand::AdjacencyEvery(look));
        }
        learning.told = told;
        for command in commands {
            self.state.training.session.tell(command);
        }
    }

    /// A checkpoint was loaded by the user: it is what he wants to see.
    pub(in crate::app) fn put_learnt_aside(&mut self) {
        let learning = &mut self.state.learning;
        if learning.wanted(&self.state.settings.now.learn).is_some() {
            learning.choice.put_aside = true;
            let text = "what the run learns is put aside for the loaded checkpoint; \
                        Show what is learnt brings it back";
            self.state.log.push(Level::Note, text);
            self.note(text);
        }
    }

    /// Another sound output.
    pub(in crate::app) fn snippets_output(&mut self, output: OutputChoice) {
        self.state.learning.output = output;
    }
}
