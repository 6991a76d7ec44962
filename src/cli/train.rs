//! `fnac train`: a run without a window.

mod look;
mod watch;

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::{CliResult, Failure, Outcome};
use crate::train::engine::{RunPlace, RunRequest};
use crate::train::run_folder::read_config;
use crate::train::{ConfigError, PRESETS, TrainConfig, preset};

/// Where runs go that name no folder.
const RUNS: &str = "runs";

/// Its arguments.
pub fn args(c: Command) -> Command {
    let path = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).value_name(value).value_parser(value_parser!(PathBuf)).help(help)
    };
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let names = PRESETS.map(|p| p.name).join(", ");
    c.arg(path("config", "CONFIG.toml", "The recipe; --print-config prints one to edit"))
        .arg(
            Arg::new("set")
                .long("set")
                .value_name("KEY=VALUE")
                .action(ArgAction::Append)
                .help("Change a setting, e.g. optim.learning_rate=1e-5; may be given again"),
        )
        .arg(
            path("resume", "DIR", "Go on with the run in this folder, exactly where it was")
                .long("resume")
                .conflicts_with_all(["config", "out", "print-config", "range-test"]),
        )
        .arg(
            path("out", "DIR", "The run's folder, new or empty [default: runs/run-NNNN]")
                .short('o')
                .long("out"),
        )
        .arg(
            Arg::new("print-config")
                .long("print-config")
                .value_name("PRESET")
                .help(format!("Print a preset to edit: {names}")),
        )
        .arg(
            flag(
                "dry-run",
                "Look at data, device, batch, time and disk for up to half a minute; begin nothing",
            )
            .conflicts_with("print-config"),
        )
        .arg(
            flag(
                "range-test",
                "Up to 100 steps with a rising learning rate, as CSV; nothing is kept of them",
            )
            .conflicts_with_all(["dry-run", "print-config", "out"]),
        )
        .after_help(
            "A run's folder holds config.toml, run.json (the card), curves.csv, validation.csv and \
             checkpoints/. It is never written over; Ctrl-C saves, and --resume goes on with the \
             same numbers as if nothing had happened. More epochs: --resume DIR --set \
             schedule.epochs=N.\n\n\
             Examples:\n  \
             fnac train --print-config quick-demo > demo.toml\n  \
             fnac train demo.toml --set data.train=pairs --dry-run\n  \
             fnac train demo.toml --set data.train=pairs -o runs/first\n  \
             fnac train --resume runs/first --set schedule.epochs=20",
        )
}

/// Runs it.
pub fn run(m: &ArgMatches) -> CliResult {
    let usage = |e: ConfigError| Failure::Usage(e.to_string());
    let resumed = m.get_one::<PathBuf>("resume");
    let mut config = match (m.get_one::<PathBuf>("config"), m.get_one::<String>("print-config")) {
        (_, Some(name)) => preset(name).map_err(usage)?,
        (Some(path), None) => read(path)?,
        (None, None) => match resumed {
            Some(folder) => read_config(folder)?,
            None => {
                let text = "name a CONFIG.toml, --resume DIR, or --print-config PRESET";
                return Err(Failure::Usage(text.into()));
            }
        },
    };
    for assignment in m.get_many::<String>("set").into_iter().flatten() {
        config.set(assignment).map_err(usage)?;
    }
    config.validate()?;
    if m.get_one::<String>("print-config").is_some() {
        print!("{}", config.to_toml()?);
        return Ok(Outcome::Done);
    }
    let quiet = m.get_flag("quiet");
    if m.get_flag("range-test") {
        return look::range(&config, quiet);
    }
    let place = match (resumed, m.get_one::<PathBuf>("out")) {
        (Some(folder), _) => RunPlace::Resume(folder.clone()),
        (None, Some(folder)) => RunPlace::Folder(folder.clone()),
        (None, None) => RunPlace::Numbered(RUNS.into()),
    };
    if m.get_flag("dry-run") {
        let (RunPlace::Resume(at) | RunPlace::Folder(at) | RunPlace::Numbered(at)) = &place;
        return look::dry(&config, at, quiet);
    }
    watch::run(RunRequest { config, place }, quiet)
}

fn read(path: &std::path::Path) -> Result<TrainConfig, Failure> {
    let failed = |cause: String| anyhow::anyhow!("cannot read `{}`: {cause}", path.display());
    let text = std::fs::read_to_string(path).map_err(|e| {
        failed(format!("{e}. Name a file of settings; --print-config PRESET makes one"))
    })?;
    Ok(TrainConfig::from_toml(&text).map_err(|e| failed(e.to_string()))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command;

    fn dispatch(args: &[&str]) -> CliResult {
        let m = command().try_get_matches_from(["fnac", "train"].iter().chain(args)).unwrap();
        run(m.subcommand_matches("train").unwrap())
    }

    fn refused(args: &[&str]) -> bool {
        command().try_get_matches_from(["fnac", "train"].iter().chain(args)).is_err()
    }

    #[test]
    fn what_makes_no_sense_is_wrong_usage() {
        for args in [
            &[][..],
            &["--print-config", "nothing"],
            &["--print-config", "paper", "--set", "optim.learning_rate"],
            &["--print-config", "paper", "--set", "optim.learning=1"],
        ] {
            assert!(matches!(dispatch(args), Err(Failure::Usage(_))), "{args:?}");
        }
        assert!(refused(&["a.toml", "--resume", "b"]));
        assert!(refused(&["--resume", "b", "-o", "c"]));
        assert!(refused(&["a.toml", "--dry-run", "--range-test"]));
        let missing = dispatch(&["no such.toml"]);
        assert!(matches!(missing, Err(Failure::Nothing(e)) if e.to_string().contains("no such")));
        let range = dispatch(&["--print-config", "paper", "--set", "batch.size=1"]);
        assert!(matches!(range, Err(Failure::Nothing(_))));
    }

    #[test]
    fn a_folder_without_a_run_cannot_be_gone_on_with() {
        let dir = tempfile::tempdir().unwrap();
        let Err(Failure::Nothing(e)) = dispatch(&["--resume", dir.path().to_str().unwrap()]) else {
            panic!("it was taken for a run");
        };
        assert!(e.to_string().contains("run.json"), "{e}");
    }
}
