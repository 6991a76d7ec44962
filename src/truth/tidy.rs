//! Making a track sound: order, boxes inside the picture, spans inside the clip.

use std::collections::BTreeSet;

use super::{Moment, Source, Span, TruthDefect, TruthTrack};
use crate::units::MediaTime;

/// Defects that are kept; what comes after is only counted.
const LISTED_MAX: usize = 1000;
/// Names are cut here.
const NAME_MAX: usize = 100;
/// A box may reach this far over the edge without a word, in pixels: rounding does that.
const EDGE_SLACK: f64 = 1e-6;

/// Collects what is wrong.
#[derive(Default)]
pub(super) struct Defects {
    list: Vec<TruthDefect>,
    more: usize,
}

impl Defects {
    pub(super) fn add(
        &mut self,
        source: Option<(u32, &str)>,
        moment: Option<(usize, MediaTime)>,
        what: impl Into<String>,
    ) {
        if self.list.len() >= LISTED_MAX {
            self.more += 1;
            return;
        }
        let source = source.map(|(id, kind)| (id, kind.to_owned()));
        self.list.push(TruthDefect { source, moment, what: what.into() });
    }

    pub(super) fn into_list(mut self) -> Vec<TruthDefect> {
        if self.more > 0 {
            let what = format!("and {} more defects", self.more);
            self.list.push(TruthDefect { source: None, moment: None, what });
        }
        self.list
    }
}

impl TruthTrack {
    /// What strict reading would complain about; empty for a sound track.
    pub fn defects(&self) -> Vec<TruthDefect> {
        self.clone().tidy()
    }

    /// Makes the track sound: sorts, clips and leaves out. Returns what was wrong.
    ///
    /// Boxes that are no box (not a number, reversed) go with their whole moment, so that the
    /// moment before goes on to hold; boxes without any pixel inside the picture become "not in
    /// the picture".
    pub fn tidy(&mut self) -> Vec<TruthDefect> {
        let mut defects = Defects::default();
        self.tidy_into(&mut defects);
        defects.into_list()
    }

    pub(super) fn tidy_into(&mut self, defects: &mut Defects) {
        if self.width == 0 || self.height == 0 {
            defects.add(None, None, "the picture has no pixels; nothing of the file is used");
            self.sources.clear();
            return;
        }
        if self.duration < MediaTime::ZERO {
            defects.add(None, None, "the duration is negative; taken as a picture");
            self.duration = MediaTime::ZERO;
        }
        let mut used = BTreeSet::new();
        let mut free = self.sources.iter().map(|s| s.id).max().unwrap_or(0);
        for source in &mut self.sources {
            if source.id == 0 || !used.insert(source.id) {
                free = free.saturating_add(1);
                let what = if source.id == 0 { "0 is no number" } else { "the number is taken" };
                let what = format!("{what}; it becomes source {free}");
                defects.add(Some((source.id, &source.kind)), None, what);
                source.id = free;
                used.insert(free);
            }
            for name in [&mut source.kind, &mut source.variant] {
                if name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
                    let short = name.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect();
                    let what = "a name is too long or holds control characters; shortened";
                    *name = short;
                    defects.add(Some((source.id, name)), None, what);
                }
            }
            tidy_spans(source, self.duration, defects);
            tidy_moments(source, (self.width, self.height), defects);
        }
    }
}

fn tidy_spans(source: &mut Source, duration: MediaTime, defects: &mut Defects) {
    // In a picture any span says "sounds".
    if duration <= MediaTime::ZERO {
        return;
    }
    let name = (source.id, source.kind.as_str());
    let mut spans: Vec<Span> = Vec::with_capacity(source.sounding.len());
    for span in &source.sounding {
        let said = format!("the span {} to {}", span.start, span.end);
        if span.end <= span.start {
            defects.add(Some(name), None, format!("{said} is empty or reversed; left out"));
            continue;
        }
        let inside = Span { start: span.start.max(MediaTime::ZERO), end: span.end.min(duration) };
        if inside.end <= inside.start {
            defects.add(Some(name), None, format!("{said} is outside the clip; left out"));
            continue;
        }
        if inside != *span {
            defects.add(Some(name), None, format!("{said} reaches outside the clip; cut"));
        }
        spans.push(inside);
    }
    if !spans.is_sorted_by_key(|s| s.start) {
        defects.add(Some(name), None, "the spans are out of order; sorted");
        spans.sort_by_key(|s| s.start);
    }
    let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.start < last.end => {
                let what = format!("spans overlap at {}; joined", span.start);
                defects.add(Some(name), None, what);
                last.end = last.end.max(span.end);
            }
            _ => joined.push(span),
        }
    }
    source.sounding = joined;
}

fn tidy_moments(source: &mut Source, (width, height): (u32, u32), defects: &mut Defects) {
    let name = (source.id, source.kind.as_str());
    let mut moments: Vec<Moment> = Vec::with_capacity(source.moments.len());
    for (i, mut moment) in std::mem::take(&mut source.moments).into_iter().enumerate() {
        let at = Some((i, moment.time));
        if let Some(mask) = &moment.mask
            && (mask.width() != width || mask.height() != height)
        {
            let (w, h) = (mask.width(), mask.height());
            let what =
                format!("the mask is of {w}x{h} pixels, the track of {width}x{height}; left out");
            defects.add(Some(name), at, what);
            moment.mask = None;
        }
        if let Some(b) = moment.bbox {
            let edges = format!("[{}, {}, {}, {}]", b.x0, b.y0, b.x1, b.y1);
            if !b.is_sound() {
                let finite = [b.x0, b.y0, b.x1, b.y1].iter().all(|v| v.is_finite());
                let why = if finite { "is reversed" } else { "is not of four numbers" };
                defects.add(
                    Some(name),
                    at,
                    format!("the box {edges} {why}; the moment is left out"),
                );
                continue;
            }
            let inside = b.clipped(width, height);
            let beyond = |c: super::TruthBox| {
                [c.x0 - b.x0, c.y0 - b.y0, b.x1 - c.x1, b.y1 - c.y1].iter().any(|d| *d > EDGE_SLACK)
            };
            let why = match inside {
                None if b.x0 == b.x1 || b.y0 == b.y1 => {
                    Some("is empty; taken as not in the picture")
                }
                None => Some("lies outside the picture; taken as not in the picture"),
                Some(c) if beyond(c) => Some("reaches outside the picture; cut"),
                Some(_) => None,
            };
            if let Some(why) = why {
                defects.add(Some(name), at, format!("the box {edges} {why}"));
            }
            moment.bbox = inside;
        } else {
            // A mask alone says where the thing is.
            moment.bbox = moment.mask.as_ref().and_then(super::Mask::bounds);
        }
        moments.push(moment);
    }
    if !moments.is_sorted_by_key(|m| m.time) {
        defects.add(Some(name), None, "the moments are out of order; sorted");
        moments.sort_by_key(|m| m.time);
    }
    let before = moments.len();
    // The later word counts.
    moments.reverse();
    moments.dedup_by_key(|m| m.time);
    moments.reverse();
    if moments.len() < before {
        let what =
            format!("{} moments share a time; the last of each counts", before - moments.len());
        defects.add(Some(name), None, what);
    }
    source.moments = moments;
}
