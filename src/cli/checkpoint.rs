//! `fnac checkpoint show|convert|calibrate`: what a file of weights holds, the same weights in
//! another format, and what a display has to know about them.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Value, json};

use super::{CliResult, Failure, Outcome, stop_requested};
use crate::data::{Dataset, OpenOptions};
use crate::model::{Checkpoint, CheckpointKind, Precision, read_or_builtin};
use crate::train::{CalibrateOptions, calibrate};

/// Its two subcommands.
pub fn args(command: Command) -> Command {
    let file = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name)
            .value_name(value)
            .help(help)
            .value_parser(value_parser!(PathBuf))
            .required(true)
    };
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("show")
                .about("Print what a checkpoint holds")
                .arg(
                    file("file", "FILE", "PyTorch .pth or SafeTensors; without one the built-in")
                        .required(false),
                )
                .arg(Arg::new("json").long("json").help("For programs").action(ArgAction::SetTrue)),
        )
        .subcommand(
            Command::new("convert")
                .about("Write a checkpoint in another format, by the extension of OUT")
                .arg(file("in", "IN", "PyTorch .pth or SafeTensors"))
                .arg(file(
                    "out",
                    "OUT",
                    "*.safetensors with a card, or *.pth in the official layout",
                ))
                .arg(
                    Arg::new("half")
                        .long("half")
                        .help("Round kernels and matrices to 16 bits: half the size (SafeTensors)")
                        .action(ArgAction::SetTrue),
                ),
        )
        .subcommand(
            Command::new("calibrate")
                .about("Measure cells, colours and the no-source line; write them on the card")
                .arg(file("file", "FILE", "PyTorch .pth or SafeTensors"))
                .arg(file("data", "DATA", "Folder of pairs that were not learnt from"))
                .arg(
                    file("out", "OUT", "*.safetensors to write; without it FILE is rewritten")
                        .required(false)
                        .short('o')
                        .long("out"),
                )
                .arg(
                    file("list", "LIST", "File with the names to take, one a line")
                        .required(false)
                        .long("list"),
                )
                .arg(number("keep", "0.97", "Share of the sources to keep above the line"))
                .arg(number("floor", "0.75", "Share of the cells beside sources without colour"))
                .arg(
                    Arg::new("items")
                        .long("items")
                        .value_name("N")
                        .default_value("500")
                        .value_parser(value_parser!(u32).range(1..))
                        .help("Most items to look at"),
                ),
        )
}

fn number(name: &'static str, usual: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("SHARE")
        .default_value(usual)
        .value_parser(value_parser!(f64))
        .help(help)
}

/// Runs the one that was typed.
pub fn run(m: &ArgMatches) -> CliResult {
    match m.subcommand() {
        Some(("show", m)) => show(m),
        Some(("convert", m)) => convert(m),
        Some(("calibrate", m)) => calibrated(m),
        _ => Err(Failure::Usage("checkpoint wants `show`, `convert` or `calibrate`".into())),
    }
}

fn path<'a>(m: &'a ArgMatches, name: &str) -> Result<&'a PathBuf, Failure> {
    m.get_one::<PathBuf>(name).ok_or_else(|| Failure::Usage(format!("{name} is missing")))
}

fn show(m: &ArgMatches) -> CliResult {
    let file = m.get_one::<PathBuf>("file");
    let checkpoint = read_or_builtin(file.map(PathBuf::as_path))?;
    let text = if m.get_flag("json") {
        format!("{}\n", serde_json::to_string_pretty(&as_json(&checkpoint))?)
    } else {
        as_text(&checkpoint)
    };
    // A reader that closed its end (`| head`) is not an error of ours.
    std::io::stdout().write_all(text.as_bytes()).ok();
    Ok(Outcome::Done)
}

fn convert(m: &ArgMatches) -> CliResult {
    let (from, to) = (path(m, "in")?, path(m, "out")?);
    let extension = to.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    if !["safetensors", "pth", "pt"].contains(&extension.as_str()) {
        return Err(Failure::Usage(format!(
            "`{}`: want a name that ends in .safetensors or .pth",
            to.display()
        )));
    }
    let half = m.get_flag("half");
    if half && extension != "safetensors" {
        return Err(Failure::Usage("--half is for *.safetensors: a .pth keeps 32 bits".into()));
    }
    let checkpoint = Checkpoint::read(from)?;
    for note in &checkpoint.notes {
        eprintln!("fnac: `{}`: {note}", from.display());
    }
    if extension == "safetensors" {
        let precision = if half { Precision::Half } else { Precision::Single };
        checkpoint.write_safetensors_as(to, precision)?;
    } else {
        checkpoint.write_pth(to)?;
        if !checkpoint.card.lineage.is_empty() || checkpoint.card.cell_geometry.is_some() {
            eprintln!("fnac: `{}`: this layout has no room for the card", to.display());
        }
    }
    Ok(Outcome::Done)
}

fn calibrated(m: &ArgMatches) -> CliResult {
    let from = path(m, "file")?;
    let to = m.get_one::<PathBuf>("out").unwrap_or(from);
    let own = to.extension().is_some_and(|e| e.eq_ignore_ascii_case("safetensors"));
    if !own {
        return Err(Failure::Usage(format!(
            "`{}` has no room for a card: name a *.safetensors with -o",
            to.display()
        )));
    }
    let share = |name: &str| m.get_one::<f64>(name).copied().unwrap_or(f64::NAN);
    let (keep, floor) = (share("keep"), share("floor"));
    for (name, value) in [("keep", keep), ("floor", floor)] {
        if !(0.0..=1.0).contains(&value) {
            return Err(Failure::Usage(format!("--{name} is a share: 0 to 1")));
        }
    }
    let items = m.get_one::<u32>("items").copied().unwrap_or(500) as usize;
    let mut checkpoint = Checkpoint::read(from)?;
    let listed = OpenOptions { list: m.get_one::<PathBuf>("list").cloned(), ..Default::default() };
    let set = Dataset::open(path(m, "data")?, &listed)?;
    eprintln!("fnac: `{}`: {}", set.root.display(), set.usable());
    let stop = stop_requested();
    let options = CalibrateOptions { keep, floor, items };
    let found = calibrate(&checkpoint, &set, &options, &|| stop.load(Ordering::SeqCst))?;
    let Some(found) = found else { return Ok(Outcome::Interrupted) };
    found.write_on(&mut checkpoint.card);
    checkpoint.write_safetensors(to)?;
    let text: String = found.lines().iter().map(|l| format!("{l}\n")).collect();
    std::io::stdout().write_all(text.as_bytes()).ok();
    Ok(Outcome::Done)
}

/// Trained parameters and running statistics of a checkpoint, counters left out.
fn parameters(c: &Checkpoint) -> usize {
    let trained = |name: &str| !name.contains(".running_") && !name.ends_with("tracked");
    c.tensors.iter().filter(|(n, _)| trained(n)).map(|(_, t)| t.data.len()).sum()
}

fn as_json(c: &Checkpoint) -> Value {
    let kind = match c.kind {
        CheckpointKind::Fnac => "fnac",
        CheckpointKind::ObjectTower => "object-tower",
    };
    json!({
        "path": c.path.as_ref().map(|p| p.to_string_lossy()),
        "format": c.format.name(),
        "kind": kind,
        "width": c.config.width,
        "dim": c.config.dim,
        "depth": c.config.depth,
        "parameters": parameters(c),
        "tensors": c.tensors.len(),
        "sha256": c.sha256,
        "card": c.card,
        "notes": c.notes,
    })
}

fn as_text(c: &Checkpoint) -> String {
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
    row("name", c.card.name.clone());
    row("holds", c.kind.name().into());
    row("format", c.format.name().into());
    row("width", c.config.width.to_string());
    row("dimension", c.config.dim.to_string());
    if c.config.depth != [2; 4] {
        row("blocks", format!("{:?}", c.config.depth));
    }
    row("parameters", parameters(c).to_string());
    row("sample rate", format!("{} Hz", c.card.sample_rate));
    row("tau", c.card.tau.to_string());
    row("preprocessing", c.card.preprocessing.clone());
    if let Some(g) = c.card.cell_geometry {
        row("cells", g.to_string());
    }
    if let Some(t) = c.card.no_source_threshold {
        row("no source below", format!("cosine {t}"));
    }
    if let Some((lo, hi)) = c.card.calibration {
        row("calibrated", format!("cosine {lo} to {hi}"));
    }
    if let Some(remark) = &c.card.remark {
        row("remark", remark.clone());
    }
    for (name, value) in &c.card.lineage {
        row(name, value.clone());
    }
    for (name, value) in &c.card.metrics {
        row(name, value.to_string());
    }
    row("sha256", c.sha256.clone());
    for note in &c.notes {
        row("note", note.clone());
    }
    let width = rows.iter().map(|(n, _)| n.chars().count()).max().unwrap_or(0);
    let line = |(name, value): &(String, String)| format!("{name:<width$}  {value}\n");
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command;

    fn dispatch(args: &[&str]) -> CliResult {
        let m = command().try_get_matches_from(["fnac", "checkpoint"].iter().chain(args)).unwrap();
        run(m.subcommand_matches("checkpoint").unwrap())
    }

    #[test]
    fn a_converted_checkpoint_shows_the_same_weights_and_an_unknown_extension_is_wrong_usage() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let (a, b, c) = (file("a.safetensors"), file("b.pth"), file("c.safetensors"));
        let original = Checkpoint::formula(2, 16, "");
        original.write_safetensors(a.as_ref()).unwrap();
        assert!(matches!(dispatch(&["convert", &a, &b]), Ok(Outcome::Done)));
        assert!(matches!(dispatch(&["convert", &b, &c]), Ok(Outcome::Done)));
        assert_eq!(Checkpoint::read(c.as_ref()).unwrap().tensors, original.tensors);
        assert!(matches!(dispatch(&["show", &b, "--json"]), Ok(Outcome::Done)));
        let half = file("half.safetensors");
        assert!(matches!(dispatch(&["convert", "--half", &b, &half]), Ok(Outcome::Done)));
        let size = |p: &str| std::fs::metadata(p).unwrap().len();
        assert!(size(&half) < size(&a), "{} {}", size(&half), size(&a));
        assert!(matches!(dispatch(&["convert", "--half", &a, &b]), Err(Failure::Usage(_))));
        assert!(matches!(dispatch(&["convert", &a, &file("x.onnx")]), Err(Failure::Usage(_))));
        assert!(matches!(dispatch(&["show", &file("absent")]), Err(Failure::Nothing(_))));
        assert!(!dir.path().join("x.onnx").exists());
    }

    #[test]
    fn the_text_names_what_the_card_says() {
        let text = as_text(&Checkpoint::formula(2, 16, ""));
        assert!(text.contains("sample rate    16000 Hz"), "{text}");
        assert!(text.contains("parameters     23328"), "{text}");
        assert_eq!(as_json(&Checkpoint::formula_object(2, ""))["kind"], "object-tower");
    }
}
