//! `fnac __story`: draws the clip that the program carries, for whoever changes its story.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};

use super::{CliResult, Outcome, Progress};

/// Its arguments.
pub fn args(c: Command) -> Command {
    c.arg(
        Arg::new("dir")
            .value_name("DIR")
            .required(true)
            .value_parser(value_parser!(PathBuf))
            .help("Where first-clip.mp4 and first-clip.truth.json go: assets"),
    )
}

/// Runs it.
pub fn run(m: &ArgMatches) -> CliResult {
    // Required, so it is there.
    let Some(dir) = m.get_one::<PathBuf>("dir") else { return Ok(Outcome::Done) };
    let mut progress = Progress::new("frames", None, m.get_flag("quiet"));
    let path =
        crate::export::write_builtin(dir, |n| progress.add(n)).map_err(anyhow::Error::from)?;
    drop(progress);
    println!("{}", path.display());
    Ok(Outcome::Done)
}
