//! `fnac train`: a run without a window.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::{CliResult, Failure, Outcome, Progress, stop_requested};
use crate::train::engine::{RunHandle, RunPlace, RunRequest};
use crate::train::events::{Ending, TrainCommand, TrainEvent};
use crate::train::{TrainConfig, preset};

/// Its arguments.
pub fn args(c: Command) -> Command {
    c.arg(
        Arg::new("config")
            .value_name("CONFIG.toml")
            .value_parser(value_parser!(PathBuf))
            .help("The recipe; `--print-config` prints one to edit"),
    )
    .arg(
        Arg::new("set")
            .long("set")
            .value_name("KEY=VALUE")
            .action(ArgAction::Append)
            .help("Change a setting, e.g. optim.learning_rate=1e-5"),
    )
    .arg(
        Arg::new("out")
            .short('o')
            .long("out")
            .value_name("DIR")
            .value_parser(value_parser!(PathBuf))
            .help("The run's folder, new or empty [default: runs/run-NNNN]"),
    )
    .arg(
        Arg::new("print-config")
            .long("print-config")
            .value_name("PRESET")
            .help("Print a preset: quick-demo, fine-tune, paper, ez-vsl"),
    )
}

/// Runs it.
pub fn run(m: &ArgMatches) -> CliResult {
    let usage = |e: crate::train::ConfigError| Failure::Usage(e.to_string());
    if let Some(name) = m.get_one::<String>("print-config") {
        print!("{}", preset(name).map_err(usage)?.to_toml()?);
        return Ok(Outcome::Done);
    }
    let Some(path) = m.get_one::<PathBuf>("config") else {
        return Err(Failure::Usage("name a CONFIG.toml, or --print-config PRESET".into()));
    };
    let text = std::fs::read_to_string(path)
        .map_err(|e| anyhow::anyhow!("cannot read `{}`: {e}", path.display()))?;
    let mut config = TrainConfig::from_toml(&text)?;
    for assignment in m.get_many::<String>("set").into_iter().flatten() {
        config.set(assignment).map_err(usage)?;
    }
    config.validate()?;
    let place = match m.get_one::<PathBuf>("out") {
        Some(dir) => RunPlace::Folder(dir.clone()),
        None => RunPlace::Numbered("runs".into()),
    };
    let quiet = m.get_flag("quiet");
    let stop = stop_requested();
    let handle = RunHandle::spawn(RunRequest { config, place }, crate::units::no_waker())?;
    let mut progress: Option<Progress> = None;
    let mut stopping = false;
    loop {
        if stop.load(Ordering::SeqCst) && !stopping {
            stopping = true;
            handle.send(TrainCommand::Stop);
        }
        let event = match handle.events().recv_timeout(std::time::Duration::from_millis(100)) {
            Ok(event) => event,
            Err(e) if e.is_timeout() => continue,
            Err(_) => return Err(anyhow::anyhow!("the run ended without a word").into()),
        };
        match event {
            TrainEvent::Started(facts) => {
                let steps = facts.steps + facts.warm_steps.0 + facts.warm_steps.1;
                eprintln!(
                    "fnac: {}: {} of {} usable, {} steps of {} an epoch, from {}, on {}",
                    facts.folder.display(),
                    facts.items,
                    facts.listed,
                    facts.steps,
                    facts.steps_per_epoch,
                    facts.start,
                    facts.device
                );
                progress = Some(Progress::new("step", Some(steps), quiet));
            }
            TrainEvent::Step(row) => {
                if let Some(p) = &mut progress {
                    p.add(1);
                    if !quiet && row.step.is_multiple_of(25) {
                        p.note(&format!(
                            "{} step {}: loss {:.4} ({:.4}, {:.3}), rate {:.2e}, {:.2} + {:.2} s",
                            row.stage.name(),
                            row.step,
                            row.losses.total(),
                            row.losses.terms[0],
                            row.halves[0],
                            row.learning_rate,
                            row.wait,
                            row.compute
                        ));
                    }
                }
            }
            TrainEvent::Note(text) => eprintln!("fnac: {text}"),
            TrainEvent::Ended(Ending::Finished) => return Ok(Outcome::Done),
            TrainEvent::Ended(Ending::Stopped) => return Ok(Outcome::Interrupted),
            TrainEvent::Ended(Ending::Failed(why)) => return Err(anyhow::anyhow!(why).into()),
            _ => {}
        }
    }
}
