//! What is typed: subcommands, exit codes, errors on stderr.
//!
//! Owns argument parsing and the exit codes of the command line contract; never does arithmetic
//! that the window would repeat. To add a command: one file here and one line in
//! [`SUBCOMMANDS`].

mod checkpoint;
mod data;
mod device_trial;
mod doctor;
mod localize;
mod prepare;
mod probe;
mod progress;
mod story;
mod synth;
mod train;
mod window;

use std::ffi::OsString;
use std::process::ExitCode;

use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use clap::{Arg, ArgAction, ArgMatches, Command};

pub use progress::{Progress, stop_requested};

/// How a command that did something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All done: exit code 0.
    Done,
    /// Done, but some items were left out; they are listed in the output and on stderr: 3.
    LeftOut,
    /// Stopped by Ctrl-C, whole files only on disk: 130.
    Interrupted,
}

/// Why a command did nothing.
#[derive(Debug)]
pub enum Failure {
    /// Bad input, no model, unwritable folder: exit code 1.
    Nothing(anyhow::Error),
    /// Arguments that make no sense together: exit code 2.
    Usage(String),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(e: E) -> Self {
        Self::Nothing(e.into())
    }
}

/// What every command returns.
pub type CliResult = Result<Outcome, Failure>;

/// One row of the table of commands.
pub struct Subcommand {
    /// As typed.
    pub name: &'static str,
    /// One line for `fnac help`.
    pub about: &'static str,
    /// Left out of the help (used by the program itself).
    pub hidden: bool,
    /// Adds its arguments.
    pub args: fn(Command) -> Command,
    /// Does it.
    pub run: fn(&ArgMatches) -> CliResult,
}

/// Every command; help, parsing and dispatch come from here.
pub const SUBCOMMANDS: &[Subcommand] = &[
    Subcommand {
        name: "checkpoint",
        about: "Show what a checkpoint holds, or convert it",
        hidden: false,
        args: checkpoint::args,
        run: checkpoint::run,
    },
    Subcommand {
        name: "probe",
        about: "What a file holds: streams, frames, their times, what would be refused",
        hidden: false,
        args: probe::args,
        run: probe::run,
    },
    Subcommand {
        name: "localize",
        about: "Compute the maps of videos, or of pictures with their sound, and write them",
        hidden: false,
        args: localize::args,
        run: localize::run,
    },
    Subcommand {
        name: "synth",
        about: "Write pictures with sound, or videos, of the drawn world, with exact truth",
        hidden: false,
        args: synth::args,
        run: synth::run,
    },
    Subcommand {
        name: "train",
        about: "Train a network by a recipe, or go on with a run",
        hidden: false,
        args: train::args,
        run: train::run,
    },
    Subcommand {
        name: "prepare",
        about: "Cut pairs of picture and sound to learn from out of a folder of videos",
        hidden: false,
        args: prepare::args,
        run: prepare::run,
    },
    Subcommand {
        name: "data",
        about: "Look through a data set: what is missing, broken, silent, there twice",
        hidden: false,
        args: data::args,
        run: data::run,
    },
    Subcommand {
        name: "doctor",
        about: "What this machine has: graphics, model and sound devices, codecs, versions",
        hidden: false,
        args: doctor::args,
        run: doctor::run,
    },
    Subcommand {
        name: "__story",
        about: "Draw the built-in clip anew, for assets/",
        hidden: true,
        args: story::args,
        run: story::run,
    },
    Subcommand {
        name: crate::model::trial::TRIAL_COMMAND,
        about: "Try a graphics device with a small network and print the verdict",
        hidden: true,
        args: device_trial::args,
        run: device_trial::run,
    },
];

/// The whole command line, as clap wants it.
pub fn command() -> Command {
    let root = Command::new("fnac")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A player that shows where the sound in a video comes from")
        .subcommand_negates_reqs(true)
        .args_conflicts_with_subcommands(true)
        .arg(
            Arg::new("quiet")
                .long("quiet")
                .short('q')
                .help("No progress on stderr")
                .action(ArgAction::SetTrue)
                .global(true),
        );
    SUBCOMMANDS.iter().fold(window::args(root), |root, sub| {
        root.subcommand((sub.args)(Command::new(sub.name).about(sub.about).hide(sub.hidden)))
    })
}

/// Runs the program on the process's arguments.
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

/// Runs the program on `args` (the first is the program's name); the only place that turns
/// errors into exit codes.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    init_log();
    let matches = match command().try_get_matches_from(args) {
        Ok(m) => m,
        Err(e) => {
            // Help and version are no errors; a closed pipe while printing them is none either.
            e.print().ok();
            return ExitCode::from(if e.use_stderr() { 2 } else { 0 });
        }
    };
    let result = match matches.subcommand() {
        None => window::run(&matches),
        Some((name, sub)) => match SUBCOMMANDS.iter().find(|s| s.name == name) {
            Some(s) => (s.run)(sub),
            None => Err(Failure::Usage(format!("no command named `{name}`"))),
        },
    };
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::LeftOut) => ExitCode::from(3),
        Ok(Outcome::Interrupted) => ExitCode::from(130),
        Err(Failure::Nothing(e)) => {
            eprintln!("fnac: {e:#}");
            ExitCode::from(1)
        }
        Err(Failure::Usage(text)) => {
            eprintln!("fnac: {text}\nTry `fnac help`.");
            ExitCode::from(2)
        }
    }
}

/// Logs go to stderr; `FNAC_LOG` takes the usual filter syntax (`debug`, `fnac::player=trace`).
fn init_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("FNAC_LOG").unwrap_or_else(|_| {
        tracing_subscriber::EnvFilter::new(
            "warn,winit=error,egui_wgpu=error,wgpu_hal=error,wgpu_core=error,naga=error",
        )
    });
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(filter))
        .with(crate::app::log::LogLayer(crate::app::log::shared().clone()))
        .try_init()
        .ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_command_has_one_name_and_one_line_of_help() {
        let mut names: Vec<_> = SUBCOMMANDS.iter().map(|s| s.name).collect();
        names.sort_unstable();
        let before = names.len();
        names.dedup();
        assert_eq!(names.len(), before);
        for s in SUBCOMMANDS {
            assert!(!s.about.is_empty() && !s.about.ends_with('.'), "{}", s.name);
        }
    }
}
