//! Truth for tests.

use super::{Between, Moment, Source, Span, TruthBox, TruthTrack};
use crate::units::MediaTime;

pub fn secs(s: f64) -> MediaTime {
    MediaTime::from_secs_f64(s)
}

/// One dog in 200 x 100 pixels that walks 100 pixels in 2 s, leaves at 4 s and barks on until
/// 6 s.
pub fn walk() -> TruthTrack {
    let at = |t: f64, x: f64| Moment {
        time: secs(t),
        bbox: Some(TruthBox { x0: x, y0: 20.0, x1: x + 40.0, y1: 60.0 }),
        mask: None,
    };
    TruthTrack {
        width: 200,
        height: 100,
        duration: secs(8.0),
        sources: vec![Source {
            id: 1,
            kind: "dog".into(),
            variant: "1f415".into(),
            sounding: vec![
                Span { start: secs(1.0), end: secs(3.0) },
                Span { start: secs(3.5), end: secs(6.0) },
            ],
            moments: vec![
                at(0.0, 0.0),
                at(2.0, 100.0),
                Moment { time: secs(4.0), bbox: None, mask: None },
            ],
            between: Between::Linear,
        }],
        about: [("generator".to_owned(), "by hand".to_owned())].into(),
    }
}
