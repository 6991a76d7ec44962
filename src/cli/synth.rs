//! `fnac synth`: scenes and clips of the drawn world, or of a user's cut-outs, as files.

mod items;
mod options;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use clap::ArgMatches;
use rayon::prelude::*;

use self::items::{Items, Plan};
pub use self::options::args;
use self::options::{Drawings, Options};
use super::{CliResult, Failure, Outcome, Progress, stop_requested};
use crate::data::cutouts::{CutoutOptions, Cutouts, Part};
use crate::data::{DataError, ItemFacts, Made, Stopped, WorldFile, each};
use crate::media::CancelToken;
use crate::synth::Library;

/// Items that are named when they are left out.
const NAMED: usize = 20;

/// Runs it.
pub fn run(m: &ArgMatches) -> CliResult {
    let options = Options::new(m)?;
    let stop = stop_requested();
    let kinds = match Kinds::open(&options, &stop) {
        Err(_) if stop.load(Ordering::SeqCst) => return Ok(Outcome::Interrupted),
        other => other?,
    };
    for note in &kinds.notes {
        eprintln!("fnac: {note}");
    }
    let names = kinds.library.kinds.iter().map(|k| k.name.clone()).collect();
    let mut world = WorldFile::new(
        options.content.name(),
        options.seed,
        options.table(),
        kinds.source.clone(),
        names,
    );
    let plan = Plan::new(&options, &kinds.library)?;
    let lock = world.claim(&options.out)?;
    let items = plan.open(lock.folder(), world.stamp())?;
    let run = Run { options: &options, items: &items, stop: &stop };
    let (done, ended) = run.all()?;
    let mut facts = run.others(done.facts)?;
    if ended == Stopped::Yes && !options.quiet {
        eprintln!("fnac: stopped; writing the lists of what is there");
    }
    items.write_lists(lock.folder(), &mut facts)?;
    world.items = facts.len() as u64;
    world.write(lock.folder())?;
    drop(lock);
    if !options.quiet {
        let (new, kept) = (done.new, done.kept);
        let what = options.content.items();
        let kept = if kept > 0 { format!(", {kept} were there") } else { String::new() };
        let rate = new as f64 / done.secs.max(1e-9);
        let rate = if new > 0 { format!(" ({rate:.1} a second)") } else { String::new() };
        println!(
            "{}: {} {what}; {new} new in {:.1} s{rate}{kept}",
            options.out.display(),
            facts.len(),
            done.secs,
        );
    }
    let mut left_out: Vec<String> =
        done.left_out.iter().map(|(i, why)| format!("item {i}: {why}")).collect();
    let more = left_out.len().saturating_sub(NAMED);
    left_out.truncate(NAMED);
    for line in kinds.left_out.iter().chain(&left_out) {
        eprintln!("fnac: left out: {line}");
    }
    if more > 0 {
        eprintln!("fnac: left out: {more} more items");
    }
    if ended == Stopped::Yes {
        return Ok(Outcome::Interrupted);
    }
    if facts.is_empty() {
        return Err(Failure::Nothing(anyhow::anyhow!("no item could be made")));
    }
    let all = kinds.left_out.is_empty() && left_out.is_empty();
    Ok(if all { Outcome::Done } else { Outcome::LeftOut })
}

/// The kinds of a run.
struct Kinds {
    library: Arc<Library>,
    /// As `world.json` has it.
    source: String,
    notes: Vec<String>,
    left_out: Vec<String>,
}

impl Kinds {
    fn open(options: &Options, stop: &Arc<AtomicBool>) -> Result<Self, Failure> {
        let Some(dir) = &options.cutouts else {
            let mut library = Library::drawn()?;
            if !options.kinds.is_empty() {
                let wanted: Vec<&str> = options.kinds.iter().map(String::as_str).collect();
                library =
                    library.keep(&wanted).map_err(|e| Failure::Usage(format!("--kinds: {e}")))?;
            }
            let (notes, left_out) = (Vec::new(), Vec::new());
            return Ok(Self { library: library.into(), source: "drawn".into(), notes, left_out });
        };
        let wanted = CutoutOptions {
            held_out: options.held_out,
            part: match options.split {
                Drawings::Any => Part::Any,
                Drawings::Train => Part::Train,
                Drawings::HeldOut => Part::HeldOut,
            },
            rate: options.rate,
            kinds: options.kinds.clone(),
        };
        let read = Cutouts::read(dir, &wanted, &CancelToken::from_flag(stop.clone()))?;
        let mut notes = read.notes;
        if !options.quiet {
            notes.push(format!(
                "{} kinds with {} cut-outs and {} sounds",
                read.library.kinds.len(),
                read.pictures,
                read.sounds
            ));
        }
        Ok(Self {
            library: read.library.into(),
            source: format!("cut-outs {}", read.sha256),
            notes,
            left_out: read.left_out,
        })
    }
}

/// What a run made.
#[derive(Default)]
struct Done {
    facts: BTreeMap<u64, ItemFacts>,
    left_out: BTreeMap<u64, String>,
    new: u64,
    kept: u64,
    secs: f64,
}

struct Run<'a> {
    options: &'a Options,
    items: &'a Items,
    stop: &'a AtomicBool,
}

impl Run<'_> {
    /// Makes the items that are not there.
    fn all(&self) -> Result<(Done, Stopped), Failure> {
        let o = self.options;
        let what = o.content.items();
        let mut progress = Progress::new(what, Some(o.count), o.quiet);
        let mut done = Done::default();
        let started = Instant::now();
        let make = |i: u64| match self.items.kept(i) {
            Some(facts) => Ok(Made::Kept(facts)),
            None => self.items.make(i, self.stop),
        };
        let report = |i: u64, made: Made<ItemFacts>| {
            match made {
                Made::New(facts) => {
                    done.new += 1;
                    done.facts.insert(i, facts);
                }
                Made::Kept(facts) => {
                    done.kept += 1;
                    done.facts.insert(i, facts);
                }
                Made::LeftOut(why) => {
                    done.left_out.insert(i, why);
                }
                Made::Stopped => {}
            }
            progress.add(1);
        };
        let ended = each("synth", o.start..o.start + o.count, o.jobs, self.stop, make, report);
        drop(progress);
        done.secs = started.elapsed().as_secs_f64();
        match ended {
            Ok(ended) => Ok((done, ended)),
            Err(e) => Err(self.failed(&e, &done)),
        }
    }

    /// The error, with what is on the disk nevertheless.
    fn failed(&self, error: &DataError, done: &Done) -> Failure {
        let n = done.new + done.kept;
        let what = self.options.content.items();
        let rest = if n == 0 {
            String::new()
        } else {
            format!(
                "\n{n} {what} of this run are whole and stay; the same command goes on after them \
                 and then writes the lists."
            )
        };
        Failure::Nothing(anyhow::anyhow!("{error}{rest}"))
    }

    /// Adds the whole items of earlier runs over other ranges.
    fn others(&self, mut mine: BTreeMap<u64, ItemFacts>) -> Result<Vec<ItemFacts>, Failure> {
        let there: Vec<u64> =
            self.items.indices()?.into_iter().filter(|i| !mine.contains_key(i)).collect();
        let facts: Vec<ItemFacts> = there.par_iter().filter_map(|i| self.items.kept(*i)).collect();
        mine.extend(facts.into_iter().map(|f| (f.index, f)));
        Ok(mine.into_values().collect())
    }
}
