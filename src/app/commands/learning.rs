//! The overlay that learns, its epochs, suspected pairs and the watch list.

use super::{Category, Command, Disabled, Press, Request, View, with_picture};
use crate::app::learning::LearnAsk;
use crate::train::audit::Verdict;

const fn learning(
    id: &'static str,
    text: &'static str,
    why: &'static str,
    keys: &'static [&'static str],
    run: fn(&mut super::App, &egui::Context, Option<&str>),
) -> Command {
    Command::new(Category::Train, id, text, why, keys, run)
}

fn with_moments(view: &View<'_>) -> Result<(), Disabled> {
    if view.learning.moments.all().is_empty() {
        return Err("no run has handed out any weights yet");
    }
    Ok(())
}

fn with_pairs(view: &View<'_>) -> Result<(), Disabled> {
    if view.learning.audit.ranked.is_empty() {
        return Err("no pair is suspected: the list fills while a run is at work");
    }
    Ok(())
}

fn with_pair(view: &View<'_>) -> Result<(), Disabled> {
    with_pairs(view)?;
    match view.learning.audit.selected {
        Some(_) => Ok(()),
        None => Err("no pair is chosen: click one in the False negatives panel"),
    }
}

fn ask(app: &mut super::App, ask: LearnAsk) {
    app.ask(Request::Learn(ask));
}

/// A verdict about the chosen pair, taken back when it was the same; then the next pair.
fn judge(app: &mut super::App, verdict: Verdict) {
    let audit = &app.state.learning.audit;
    let Some(ids) = audit.selected.clone() else { return };
    let same = audit.pairs.get(&ids[0], &ids[1]).and_then(|s| s.verdict) == Some(verdict);
    ask(app, LearnAsk::Judge(ids, (!same).then_some(verdict)));
    if !same {
        ask(app, LearnAsk::NextPair(1));
    }
}

pub(super) const COMMANDS: &[Command] = &[
    learning(
        "show-learnt",
        "Show what is learnt",
        "The picture shows the run's weights as they change, or the loaded checkpoint",
        &["Shift+E"],
        |app, _, _| {
            let aside = app.state.learning.choice.put_aside;
            let on = aside || !app.state.settings.now.learn.show;
            ask(app, LearnAsk::Show(on));
            app.note(if on {
                "the picture shows what the run learns"
            } else {
                "the picture shows the loaded checkpoint"
            });
        },
    )
    .when(with_moments),
    learning(
        "base-weights",
        "Start of the run while held",
        "The map of the weights that the run began from, while the key is held",
        &["e"],
        |app, _, arg| {
            let on = match arg {
                Some("on") => true,
                Some("off") => false,
                _ => !app.state.learning.choice.base,
            };
            ask(app, LearnAsk::Base(on));
        },
    )
    .press(Press::Hold)
    .when(with_moments),
    learning(
        "moment-earlier",
        "Earlier weights",
        "One saved epoch or publication back, while video time stands still",
        &["<"],
        |app, _, _| ask(app, LearnAsk::Step(-1)),
    )
    .press(Press::Repeat)
    .when(with_moments),
    learning(
        "moment-later",
        "Later weights",
        "One saved epoch or publication on; at the end the picture follows the run",
        &[">"],
        |app, _, _| ask(app, LearnAsk::Step(1)),
    )
    .press(Press::Repeat)
    .when(with_moments),
    learning(
        "moment-newest",
        "Newest weights",
        "Back to the newest weights, as they come",
        &[],
        |app, _, _| ask(app, LearnAsk::At(None)),
    )
    .when(with_moments),
    learning(
        "pin-frame",
        "Pin this frame",
        "The frame on the screen goes on the watch list: its map is computed for every epoch",
        &["Shift+P"],
        |app, _, _| ask(app, LearnAsk::PinFrame),
    )
    .when(with_picture),
    learning(
        "pair-next",
        "Next pair",
        "The next suspected false negative of the list",
        &["j"],
        |app, _, _| ask(app, LearnAsk::NextPair(1)),
    )
    .press(Press::Repeat)
    .when(with_pairs),
    learning(
        "pair-before",
        "Pair before",
        "The suspected false negative before this one",
        &["Shift+J"],
        |app, _, _| ask(app, LearnAsk::NextPair(-1)),
    )
    .press(Press::Repeat)
    .when(with_pairs),
    learning(
        "pair-listen",
        "Listen to the pair",
        "Both sounds of the chosen pair, one after the other; the clip waits meanwhile",
        &["z"],
        |app, _, _| {
            if let Some(ids) = app.state.learning.audit.selected.clone() {
                ask(app, LearnAsk::Play(ids.to_vec()));
            }
        },
    )
    .when(with_pair),
    learning(
        "pair-same",
        "Same source",
        "The chosen pair is of one kind: the contrastive term was wrong to push it apart",
        &["y"],
        |app, _, _| judge(app, Verdict::Same),
    )
    .when(with_pair),
    learning(
        "pair-different",
        "Different sources",
        "The chosen pair is a true negative",
        &["o"],
        |app, _, _| judge(app, Verdict::Different),
    )
    .when(with_pair),
    learning(
        "pair-unsure",
        "Unsure about the pair",
        "Cannot be told; counts for neither side",
        &["u"],
        |app, _, _| judge(app, Verdict::Unsure),
    )
    .when(with_pair),
    learning(
        "snippets-quiet",
        "No more sounds of items",
        "Ends the sounds of pairs and pins",
        &[],
        |app, _, _| ask(app, LearnAsk::Quiet),
    ),
];
