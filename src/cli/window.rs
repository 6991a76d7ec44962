//! `fnac [INPUT…]`: the window.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::{CliResult, Failure, Outcome};
use crate::app::{self, WindowArgs};

/// Arguments of the window, on the root command.
pub fn args(root: Command) -> Command {
    let file = || value_parser!(PathBuf);
    root.arg(
        Arg::new("input")
            .value_name("INPUT")
            .help("Videos, sound files, a picture with --audio, folders; none: the built-in clip")
            .value_parser(file())
            .num_args(0..),
    )
    .arg(
        Arg::new("audio")
            .long("audio")
            .value_name("FILE")
            .value_parser(file())
            .help("Sound for a still picture"),
    )
    .arg(
        Arg::new("checkpoint")
            .long("checkpoint")
            .value_name("FILE")
            .value_parser(file())
            .help("The network's weights; without one the built-in"),
    )
    .arg(
        Arg::new("device")
            .long("device")
            .value_name("auto|cpu|gpu[:N]")
            .default_value("auto")
            .help("Where the network runs"),
    )
    .arg(
        Arg::new("layout")
            .long("layout")
            .value_name("NAME")
            .help("Layout to start in: inspect, train or demo"),
    )
    .arg(
        Arg::new("demo")
            .long("demo")
            .action(ArgAction::SetTrue)
            .help("Full screen, no chrome, loops"),
    )
    .arg(
        Arg::new("screenshot")
            .long("screenshot")
            .value_name("FILE")
            .value_parser(file())
            .requires("after")
            .help("Save what is in the window as PNG and end"),
    )
    .arg(
        Arg::new("after")
            .long("after")
            .value_name("SECONDS")
            .value_parser(value_parser!(f64))
            .requires("screenshot")
            .help("When to take the screenshot"),
    )
    .arg(Arg::new("size").long("size").value_name("WxH").help("Size of the window in points"))
}

/// Opens the window and returns when it is closed.
pub fn run(m: &ArgMatches) -> CliResult {
    let size = match m.get_one::<String>("size") {
        None => None,
        Some(s) => Some(parse_size(s).ok_or_else(|| {
            Failure::Usage(format!("--size {s}: want WIDTHxHEIGHT, like 1280x720"))
        })?),
    };
    let args = WindowArgs {
        inputs: m.get_many::<PathBuf>("input").unwrap_or_default().cloned().collect(),
        audio: m.get_one::<PathBuf>("audio").cloned(),
        checkpoint: m.get_one::<PathBuf>("checkpoint").cloned(),
        device: m.get_one::<String>("device").cloned().unwrap_or_default(),
        layout: m.get_one::<String>("layout").cloned(),
        demo: m.get_flag("demo"),
        screenshot: m.get_one::<PathBuf>("screenshot").cloned(),
        after_secs: m.get_one::<f64>("after").copied(),
        size,
    };
    app::run(args)?;
    leave();
    Ok(Outcome::Done)
}

/// Ends the process without the exit handlers of C libraries, where the system allows it.
///
/// Closing the window does not wait for a driver or a sound server that hangs, so a thread may
/// still be inside one; handlers that free what it uses would crash the program on its way out
/// (seen with ALSA). Everything of ours is written and dropped by now.
fn leave() {
    use std::io::Write;
    std::io::stdout().flush().ok();
    std::io::stderr().flush().ok();
    #[cfg(unix)]
    // SAFETY: `_exit` takes any code, touches no memory of ours and does not return.
    unsafe {
        libc::_exit(0)
    }
}

/// `WIDTHxHEIGHT` in points, both 64 to 16384.
fn parse_size(text: &str) -> Option<(u32, u32)> {
    let (w, h) = text.split_once(['x', 'X'])?;
    let side = |s: &str| s.trim().parse().ok().filter(|n| (64..=16384).contains(n));
    Some((side(w)?, side(h)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_two_sane_numbers() {
        assert_eq!(parse_size("1280x720"), Some((1280, 720)));
        for bad in ["", "x", "0x0", "1280", "99999x10", "-5x300", "12.5x99"] {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }
}
