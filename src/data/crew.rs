//! Items in parallel, in any order, each whole.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam_channel::bounded;

/// How an item ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Made<T> {
    /// It was written.
    New(T),
    /// It was there, whole, from an earlier run.
    Kept(T),
    /// It could not be made; the rest goes on.
    LeftOut(String),
    /// The stop flag was raised while it was being made: nothing of it is there.
    Stopped,
}

/// Whether all items were reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// All.
    No,
    /// The stop flag was raised before.
    Yes,
}

/// Results that may wait for the caller, per thread.
const WAITING: usize = 4;

/// Makes each of `items` on `jobs` threads named `fnac-CREW-N`; `report` is called on the
/// caller's thread as they end, in any order. A raised `stop` ends it after the items in hand;
/// so does the first error, which is returned.
pub fn each<T: Send, E: Send>(
    crew: &str,
    items: Range<u64>,
    jobs: usize,
    stop: &AtomicBool,
    make: impl Fn(u64) -> Result<Made<T>, E> + Sync,
    mut report: impl FnMut(u64, Made<T>),
) -> Result<Stopped, E> {
    let (next, end) = (AtomicU64::new(items.start), items.end);
    let failed = AtomicBool::new(false);
    let jobs = jobs.clamp(1, 256);
    let (give, take) = bounded(jobs * WAITING);
    let mut first_error = None;
    let mut stopped = Stopped::No;
    let spawned = std::thread::scope(|scope| {
        let mut spawned = 0;
        for n in 0..jobs {
            let (give, next, failed, make) = (give.clone(), &next, &failed, &make);
            let work = move || {
                loop {
                    if stop.load(Ordering::SeqCst) || failed.load(Ordering::SeqCst) {
                        return;
                    }
                    let i = next.fetch_add(1, Ordering::SeqCst);
                    if i >= end {
                        return;
                    }
                    let made = make(i);
                    failed.fetch_or(made.is_err(), Ordering::SeqCst);
                    if give.send((i, made)).is_err() {
                        return;
                    }
                }
            };
            let thread = std::thread::Builder::new().name(format!("fnac-{crew}-{n}"));
            match thread.spawn_scoped(scope, work) {
                Ok(_) => spawned += 1,
                // Fewer hands make the same items.
                Err(e) => tracing::warn!("only {spawned} of {jobs} threads could be started: {e}"),
            }
        }
        drop(give);
        for (i, made) in take {
            match made {
                Ok(Made::Stopped) => stopped = Stopped::Yes,
                Ok(made) => report(i, made),
                Err(e) => first_error = first_error.take().or(Some(e)),
            }
        }
        spawned
    });
    if let Some(error) = first_error {
        return Err(error);
    }
    if spawned == 0 {
        // No thread at all: the caller's own does it.
        for i in items {
            if stop.load(Ordering::SeqCst) {
                return Ok(Stopped::Yes);
            }
            match make(i)? {
                Made::Stopped => return Ok(Stopped::Yes),
                made => report(i, made),
            }
        }
        return Ok(Stopped::No);
    }
    let all = next.load(Ordering::SeqCst) >= end;
    Ok(if all { stopped } else { Stopped::Yes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    #[test]
    fn every_item_is_made_once_on_named_threads() {
        let threads = Mutex::new(BTreeSet::new());
        let mut seen = Vec::new();
        let stop = AtomicBool::new(false);
        let make = |i: u64| {
            let name = std::thread::current().name().unwrap_or_default().to_owned();
            threads.lock().unwrap().insert(name);
            std::thread::sleep(std::time::Duration::from_millis(1));
            Ok::<_, String>(if i % 10 == 3 { Made::LeftOut("why".into()) } else { Made::New(i) })
        };
        let end = each("synth", 5..105, 3, &stop, make, |i, made| seen.push((i, made))).unwrap();
        assert_eq!(end, Stopped::No);
        seen.sort_by_key(|s| s.0);
        assert_eq!(seen.iter().map(|s| s.0).collect::<Vec<_>>(), (5..105).collect::<Vec<_>>());
        assert_eq!(seen.iter().filter(|s| s.1 == Made::LeftOut("why".into())).count(), 10);
        let names = threads.into_inner().unwrap();
        assert!(names.iter().all(|n| n.starts_with("fnac-synth-")) && names.len() <= 3);
    }

    #[test]
    fn a_stop_ends_after_the_items_in_hand() {
        let stop = AtomicBool::new(false);
        let made = AtomicU64::new(0);
        let make = |i: u64| {
            made.fetch_add(1, Ordering::SeqCst);
            if i == 7 {
                stop.store(true, Ordering::SeqCst);
            }
            Ok::<_, String>(Made::New(()))
        };
        let mut seen = 0;
        let end = each("synth", 0..1_000_000, 2, &stop, make, |_, _| seen += 1).unwrap();
        assert_eq!(end, Stopped::Yes);
        assert_eq!(seen, made.load(Ordering::SeqCst), "what was begun is reported");
        assert!((8..100_000).contains(&seen), "{seen}");
    }

    #[test]
    fn the_first_error_ends_it() {
        let stop = AtomicBool::new(false);
        let make = |i: u64| if i == 4 { Err("full") } else { Ok(Made::Kept(i)) };
        let error = each("synth", 0..1_000_000, 2, &stop, make, |_, _| {}).unwrap_err();
        assert_eq!(error, "full");
        assert_eq!(each("synth", 3..3, 2, &stop, make, |_, _| {}).unwrap(), Stopped::No);
    }
}
