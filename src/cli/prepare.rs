//! `fnac prepare`: pairs of picture and sound out of a folder of videos.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Instant;

use clap::{Arg, ArgMatches, Command, value_parser};

use super::{CliResult, Failure, Outcome, Progress, stop_requested};
use crate::data::{
    How as Moments, Made, PictureFormat, Prepare, PrepareOptions, Record, Stopped, each,
};
use crate::media::CancelToken;
use crate::units::MediaTime;

/// Videos that are named on stderr when something of them is left out.
const NAMED: usize = 20;

/// Adds the arguments.
pub fn args(c: Command) -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    c.long_about(
        "Cuts pairs of a picture and 3 s of sound out of every video of a folder, in any depth, \
         and writes them in the layout that `fnac train` and the field's own loaders read. \
         The same command goes on with a run that was stopped; a folder that was made from other \
         videos or with other options is refused.",
    )
    .after_long_help(
        "Files (docs/data.md has all of them):\n  \
         frames/NAME.jpg  audio/NAME.wav  metadata/all.txt manifest.csv left-out.csv\n  \
         prepare.json  videos/NAME.json\n\n\
         Examples:\n  \
         fnac prepare ~/Videos --out pairs\n  \
         fnac prepare clips --out pairs --per-video 1   # names of the clips, middle of each",
    )
    .arg(
        Arg::new("dir")
            .value_name("DIR")
            .help("The folder of videos")
            .value_parser(value_parser!(PathBuf))
            .required(true),
    )
    .arg(
        text("out", "DIR", "Where the pairs go; new, empty, or a folder to go on with")
            .short('o')
            .value_parser(value_parser!(PathBuf))
            .required(true),
    )
    .arg(text("every", "SECONDS", "Time between two pairs of a video [default: 3]"))
    .arg(
        text("per-video", "N", "So many pairs of each video, spread evenly; 1 is its middle")
            .value_parser(value_parser!(u32).range(1..=100_000))
            .conflicts_with("every"),
    )
    .arg(
        text("rate", "HZ", "Samples per second")
            .value_parser(value_parser!(u32).range(4_000..=96_000))
            .default_value("16000"),
    )
    .arg(
        text("size", "PIXELS", "Shorter side of the pictures at most; 0 keeps them as they are")
            .value_parser(value_parser!(u32).range(..=16_384))
            .default_value("256"),
    )
    .arg(
        text("pictures", "jpg|png", "How pictures are stored")
            .value_parser(["jpg", "png"])
            .default_value("jpg"),
    )
    .arg(
        text("jobs", "N", "Videos at a time [default: one per core]")
            .short('j')
            .value_parser(value_parser!(u32).range(1..=256)),
    )
}

struct Options {
    dir: PathBuf,
    out: PathBuf,
    cut: PrepareOptions,
    jobs: usize,
    quiet: bool,
}

impl Options {
    fn new(m: &ArgMatches) -> Result<Self, Failure> {
        let path = |name: &str| m.get_one::<PathBuf>(name).cloned().unwrap_or_default();
        let number = |name: &str| m.get_one::<u32>(name).copied();
        let how = match (number("per-video"), m.get_one::<String>("every")) {
            (Some(n), _) => Moments::PerVideo(n),
            (None, None) => Moments::Every(MediaTime::from_millis(3000)),
            (None, Some(text)) => {
                let secs = text.parse::<f64>().ok().filter(|s| (0.04..=86_400.0).contains(s));
                let secs = secs.ok_or_else(|| {
                    Failure::Usage(format!("--every `{text}`: give seconds, 0.04 to 86400"))
                })?;
                Moments::Every(MediaTime::from_secs_f64(secs))
            }
        };
        let png = m.get_one::<String>("pictures").is_some_and(|p| p == "png");
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            dir: path("dir"),
            out: path("out"),
            cut: PrepareOptions {
                how,
                rate: number("rate").unwrap_or(16_000),
                size: number("size").unwrap_or(256),
                pictures: if png { PictureFormat::Png } else { PictureFormat::Jpg },
            },
            jobs: number("jobs").map_or(cores, |n| n as usize),
            quiet: m.get_flag("quiet"),
        })
    }
}

/// What a run did.
#[derive(Default)]
struct Done {
    new: usize,
    kept: usize,
    /// Videos that gave nothing.
    failed: BTreeMap<u64, String>,
    /// Moments that gave nothing, of videos that gave something.
    gaps: BTreeMap<u64, Vec<String>>,
}

impl Done {
    fn add(&mut self, i: u64, made: Made<Record>) {
        let (record, count) = match made {
            Made::New(record) => (record, &mut self.new),
            Made::Kept(record) => (record, &mut self.kept),
            Made::LeftOut(why) => {
                self.failed.insert(i, why);
                return;
            }
            Made::Stopped => return,
        };
        *count += record.pairs.len();
        if !record.left_out.is_empty() {
            self.gaps.insert(i, record.left_out);
        }
    }
}

/// Runs it.
pub fn run(m: &ArgMatches) -> CliResult {
    let options = Options::new(m)?;
    let stop = stop_requested();
    let plan = Prepare::plan(&options.dir, &options.out, options.cut)?;
    let lock = plan.claim()?;
    let started = Instant::now();
    let mut progress = Progress::new("videos", Some(plan.len()), options.quiet);
    let cancel = CancelToken::from_flag(stop.clone());
    let mut done = Done::default();
    let make = |i: u64| match plan.kept(i) {
        Some(record) => Ok(Made::Kept(record)),
        None => plan.make(i, &cancel),
    };
    let ended = each("prepare", 0..plan.len(), options.jobs, &stop, make, |i, made| {
        done.add(i, made);
        progress.add(1);
    });
    drop(progress);
    let secs = started.elapsed().as_secs_f64();
    let ended = ended.map_err(|e| {
        let n = done.new + done.kept;
        anyhow::anyhow!("{e}\n{n} pairs are whole and stay; the same command goes on after them.")
    })?;
    let (pairs, videos) = plan.write_lists(&done.failed)?;
    drop(lock);
    if !options.quiet {
        let kept =
            if done.kept > 0 { format!(", {} were there", done.kept) } else { String::new() };
        let rate = done.new as f64 / secs.max(1e-9);
        println!(
            "{}: {pairs} pairs from {videos} of {} videos; {} new in {secs:.1} s ({rate:.1} a \
             second){kept}",
            options.out.display(),
            plan.len(),
            done.new,
        );
    }
    let out = report(&plan, &done);
    if ended == Stopped::Yes || stop.load(Ordering::SeqCst) {
        return Ok(Outcome::Interrupted);
    }
    if pairs == 0 {
        return Err(Failure::Nothing(anyhow::anyhow!("no video gave a pair")));
    }
    Ok(if out { Outcome::LeftOut } else { Outcome::Done })
}

/// Names on stderr what is left out; whether anything is.
fn report(plan: &Prepare, done: &Done) -> bool {
    let folders = plan.unread.iter().map(|(path, why)| format!("{}: {why}", path.display()));
    let failed = done.failed.iter().map(|(i, why)| format!("{}: {why}", plan.video(*i)));
    let gaps = done.gaps.iter().map(|(i, why)| {
        let first = why.first().map_or("", String::as_str);
        let more = why.len().saturating_sub(1);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        format!("{}: {first}{more}", plan.video(*i))
    });
    let lines: Vec<String> = folders.chain(failed).chain(gaps).collect();
    for line in lines.iter().take(NAMED) {
        eprintln!("fnac: left out: {line}");
    }
    if lines.len() > NAMED {
        let more = lines.len() - NAMED;
        eprintln!("fnac: left out: of {more} more videos; metadata/left-out.csv has all");
    }
    !lines.is_empty()
}
