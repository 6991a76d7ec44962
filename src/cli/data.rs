//! `fnac data doctor`: what is wrong with a data set, item by item.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::{CliResult, Failure, Outcome, Progress, stop_requested};
use crate::data::doctor::{Against, Look, Report, Trouble};
use crate::data::{DataError, Dataset, Made, OpenOptions, READERS, Roll, Stopped, each};

/// Items that are named per kind of finding; `--all` and `--json` name every one.
const NAMED: usize = 20;

/// Its subcommand.
pub fn args(c: Command) -> Command {
    let path = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help).value_parser(value_parser!(PathBuf))
    };
    let formats = std::iter::once("auto").chain(READERS.iter().map(|r| r.name));
    let layouts: Vec<String> =
        READERS.iter().map(|r| format!("  {:<9} {}", r.name, r.about)).collect();
    c.subcommand_required(true).arg_required_else_help(true).subcommand(
        Command::new("doctor")
            .about("List what is missing, broken, silent or there twice in a data set")
            .long_about(
                "Decodes every item and lists those that are missing, undecodable, short, silent, \
                 still, at another sample rate, with bad boxes, or there twice. Ends with 0 when \
                 nothing was found, with 3 when something was.",
            )
            .after_long_help(format!("Layouts:\n{}", layouts.join("\n")))
            .arg(
                Arg::new("dir")
                    .value_name("DIR")
                    .help("The data set's folder")
                    .value_parser(value_parser!(PathBuf))
                    .required(true),
            )
            .arg(
                Arg::new("format")
                    .long("format")
                    .value_name("NAME")
                    .help("How it is laid out; auto looks")
                    .value_parser(formats.collect::<Vec<_>>())
                    .default_value("auto"),
            )
            .arg(path("list", "FILE", "Only the items that this list names; or `train`, `test` where the set has such a list"))
            .arg(path("annotations", "FILE|DIR", "Annotations, where they are not in their usual place"))
            .arg(path("against", "FILE", "A list (a test set's) whose items must not be in it"))
            .arg(
                Arg::new("rate")
                    .long("rate")
                    .value_name("HZ")
                    .help("Sample rate that the sounds should have [default: that of most]")
                    .value_parser(value_parser!(u32).range(1..)),
            )
            .arg(path("write-list", "FILE", "Write the names of the items with which nothing is wrong"))
            .arg(
                Arg::new("jobs")
                    .long("jobs")
                    .short('j')
                    .value_name("N")
                    .help("Items at a time [default: one per core]")
                    .value_parser(value_parser!(u32).range(1..=256)),
            )
            .arg(Arg::new("json").long("json").help("For programs").action(ArgAction::SetTrue))
            .arg(Arg::new("all").long("all").help("Name every item").action(ArgAction::SetTrue)),
    )
}

/// Runs the one that was typed.
pub fn run(m: &ArgMatches) -> CliResult {
    match m.subcommand() {
        Some(("doctor", m)) => doctor(m),
        _ => Err(Failure::Usage("data wants `doctor`".into())),
    }
}

fn doctor(m: &ArgMatches) -> CliResult {
    let path = |name: &str| m.get_one::<PathBuf>(name).cloned();
    let number = |name: &str| m.get_one::<u32>(name).copied();
    let root = path("dir").unwrap_or_default();
    let options = OpenOptions {
        format: m.get_one::<String>("format").cloned().unwrap_or_default(),
        list: path("list"),
        annotations: path("annotations"),
    };
    let stop = stop_requested();
    let set = Dataset::open(&root, &options)?;
    let list = path("against").map(|p| Roll::find(&root, &p)).transpose()?;
    let against = Against { list, rate: number("rate") };
    let mut looks: Vec<Option<Look>> = set.items.iter().map(|_| None).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = number("jobs").map_or(cores, |n| n as usize);
    let total = set.items.len() as u64;
    let mut progress = Progress::new("items", Some(total), m.get_flag("quiet"));
    let look = |i: u64| {
        let item = usize::try_from(i).ok().and_then(|i| set.items.get(i));
        Ok::<_, DataError>(item.map_or(Made::Stopped, |item| Made::New(Look::at(item))))
    };
    let ended = each("data", 0..total, jobs, &stop, look, |i, made| {
        if let (Made::New(look), Ok(i)) = (made, usize::try_from(i)) {
            looks[i] = Some(look);
        }
        progress.add(1);
    })?;
    drop(progress);
    if ended == Stopped::Yes {
        return Ok(Outcome::Interrupted);
    }
    let report = Report::new(&set, &looks, &against);
    if let Some(path) = path("write-list") {
        let text = report.clean_names.join("\n");
        crate::files::write_whole(&path, text.as_bytes())
            .map_err(|e| DataError::write(&path, &e))?;
    }
    let text = if m.get_flag("json") {
        format!("{}\n", serde_json::to_string_pretty(&report)?)
    } else {
        as_text(&report, if m.get_flag("all") { usize::MAX } else { NAMED })
    };
    // A reader that closed its end (`| head`) is not an error of ours.
    std::io::stdout().write_all(text.as_bytes()).ok();
    if report.listed == 0 {
        let why = "there is no item in it; see docs/data.md for the layouts that are known";
        return Err(Failure::Nothing(anyhow::anyhow!("`{}`: {why}", root.display())));
    }
    if report.is_clean() {
        return Ok(Outcome::Done);
    }
    let counts: Vec<String> = Trouble::ALL
        .iter()
        .filter_map(|k| Some((k.name(), *report.counts.get(k.name())?)))
        .filter(|(_, n)| *n > 0)
        .map(|(name, n)| format!("{n} {name}"))
        .collect();
    eprintln!("fnac: {}: {}", root.display(), counts.join(", "));
    Ok(Outcome::LeftOut)
}

fn as_text(report: &Report, most: usize) -> String {
    let mut out = String::new();
    let r = report;
    // Writing into a string cannot fail.
    writeln!(out, "{}: {} of {} usable ({})", r.dataset, r.usable, r.listed, r.format).ok();
    let rates: Vec<String> = r.rates.iter().map(|(rate, n)| format!("{n} at {rate} Hz")).collect();
    let facts = [
        (!rates.is_empty()).then(|| rates.join(", ")),
        (r.classes > 0).then(|| format!("{} kinds", r.classes)),
        (r.with_truth > 0).then(|| format!("{} with truth", r.with_truth)),
        (r.negatives > 0).then(|| format!("{} negatives", r.negatives)),
        Some(format!("{} without any finding", r.clean)),
    ];
    writeln!(out, "  {}", facts.into_iter().flatten().collect::<Vec<_>>().join("; ")).ok();
    for note in &r.notes {
        writeln!(out, "  {note}").ok();
    }
    for kind in Trouble::ALL {
        let of_kind: Vec<_> = r.findings.iter().filter(|f| f.kind == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        writeln!(out, "\n{}: {} ({})", kind.name(), of_kind.len(), kind.about()).ok();
        for f in of_kind.iter().take(most) {
            writeln!(out, "  {}: {}", f.id, f.detail).ok();
        }
        let more = of_kind.len().saturating_sub(most);
        if more > 0 {
            writeln!(out, "  and {more} more; --all names them").ok();
        }
    }
    out
}
