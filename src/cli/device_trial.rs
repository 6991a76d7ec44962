//! `fnac __device-trial`: the child's part of trying a device; used by the program itself.

use clap::{Arg, ArgMatches, Command};

use super::{CliResult, Failure, Outcome};
use crate::model::{DeviceChoice, candidates, list_devices, trial};

/// Its arguments.
pub fn args(c: Command) -> Command {
    c.arg(
        Arg::new("device")
            .long("device")
            .value_name("gpu[:N]")
            .value_parser(|s: &str| s.parse::<DeviceChoice>())
            .default_value("gpu")
            .help("Which one"),
    )
}

/// Runs it.
pub fn run(m: &ArgMatches) -> CliResult {
    let choice = m.get_one::<DeviceChoice>("device").copied().unwrap_or_default();
    let (devices, _) = candidates(choice, &list_devices())?;
    let Some(device) = devices.first() else {
        return Err(Failure::Usage(format!("--device {choice}: the trial wants gpu or gpu:N")));
    };
    let verdict = trial::try_here(device)?;
    trial::print_verdict(&verdict)?;
    Ok(Outcome::Done)
}
