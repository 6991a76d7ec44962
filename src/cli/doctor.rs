//! `fnac doctor`: what this machine has, in a form to paste into a bug report.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::Serialize;

use super::{CliResult, Outcome};
use crate::infer::cache_dir;
use crate::model::{
    AdapterKind, DeviceChoice, DeviceInfo, TrialStore, Verdict, candidates, list_devices,
};
use crate::{audio, media};

/// Its arguments.
pub fn args(c: Command) -> Command {
    c.arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("As JSON")).arg(
        Arg::new("try-devices")
            .long("try-devices")
            .action(ArgAction::SetTrue)
            .help("Try each graphics adapter anew in a child process, software ones too"),
    )
}

/// Everything that is printed.
#[derive(Debug, Serialize)]
struct Report {
    fnac: String,
    system: System,
    graphics: Vec<Graphics>,
    model_device: ModelDevice,
    sound: Vec<Sound>,
    ffmpeg: Vec<(String, String)>,
    codecs: Vec<Codec>,
    libraries: Vec<(String, String)>,
    cache: Cache,
}

#[derive(Debug, Serialize)]
struct System {
    os: String,
    arch: String,
    cores: usize,
    display: String,
}

#[derive(Debug, Serialize)]
struct Graphics {
    #[serde(flatten)]
    device: DeviceInfo,
    /// What its trial said, `None` when it was not tried.
    trial: Option<Verdict>,
}

#[derive(Debug, Serialize)]
struct ModelDevice {
    /// Where `--device auto` runs the network.
    auto: String,
    reason: String,
}

#[derive(Debug, Serialize)]
struct Sound {
    name: String,
    description: String,
    default: bool,
}

#[derive(Debug, Serialize)]
struct Codec {
    name: String,
    decoder: Option<String>,
    encoder: Option<String>,
}

#[derive(Debug, Serialize)]
struct Cache {
    folder: Option<String>,
    files: usize,
    bytes: u64,
}

/// Runs it.
pub fn run(m: &ArgMatches) -> CliResult {
    let report = Report::collect(m.get_flag("try-devices"));
    if m.get_flag("json") {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", report.text());
    }
    Ok(Outcome::Done)
}

impl Report {
    fn collect(try_devices: bool) -> Self {
        let devices = list_devices();
        let folder = cache_dir();
        let trials = TrialStore::open(folder.as_deref());
        let graphics = devices
            .iter()
            .map(|d| {
                let trial =
                    if try_devices { Some(trials.try_in_child(d)) } else { trials.known(d) };
                Graphics { device: d.clone(), trial }
            })
            .collect();
        let display = |name: &str| {
            std::env::var(name).ok().filter(|v| !v.is_empty()).map(|v| format!("{name}={v}"))
        };
        let displays: Vec<_> =
            ["DISPLAY", "WAYLAND_DISPLAY"].into_iter().filter_map(display).collect();
        let owned = |(a, b): (&str, String)| (a.to_owned(), b);
        Self {
            fnac: env!("CARGO_PKG_VERSION").into(),
            system: System {
                os: os_name(),
                arch: std::env::consts::ARCH.into(),
                cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
                display: if displays.is_empty() { "none".into() } else { displays.join(" ") },
            },
            model_device: ModelDevice::new(&devices, &trials),
            graphics,
            sound: audio::output_devices()
                .into_iter()
                .map(|d| Sound { name: d.name, description: d.description, default: d.default })
                .collect(),
            ffmpeg: media::ffmpeg_versions().into_iter().map(owned).collect(),
            codecs: media::codecs()
                .into_iter()
                .map(|c| Codec { name: c.name.into(), decoder: c.decoder, encoder: c.encoder })
                .collect(),
            libraries: libraries(),
            cache: Cache::new(folder.as_deref()),
        }
    }

    fn text(&self) -> String {
        let mut lines = vec![
            format!("fnac {}", self.fnac),
            format!(
                "system     {} {}, {} cores, display {}",
                self.system.os, self.system.arch, self.system.cores, self.system.display
            ),
        ];
        for g in &self.graphics {
            let d = &g.device;
            let kind = format!("{:?}", d.kind).to_ascii_lowercase();
            lines.push(format!(
                "graphics   gpu:{} {} ({}, {kind}; {})",
                d.index, d.name, d.backend, d.driver
            ));
            let trial = match &g.trial {
                Some(v) => v.to_string(),
                None if d.kind == AdapterKind::Software => "draws only".into(),
                None => "not tried yet; tried at its first use".into(),
            };
            lines.push(format!("             model trial: {trial}"));
        }
        if self.graphics.is_empty() {
            lines.push(
                "graphics   none: install a Vulkan driver (Debian, Ubuntu: mesa-vulkan-drivers); \
                 the window needs one, the command line does not"
                    .into(),
            );
        }
        let m = &self.model_device;
        lines.push(format!("model      auto takes {} ({})", m.auto, m.reason));
        for s in &self.sound {
            let mark = if s.default { " (default)" } else { "" };
            let also = if s.description == s.name {
                String::new()
            } else {
                format!(": {}", s.description)
            };
            lines.push(format!("sound      {}{also}{mark}", s.name));
        }
        if self.sound.is_empty() {
            lines.push(
                "sound      no output device: playback runs silently on its own clock".into(),
            );
        }
        let pairs = |list: &[(String, String)]| {
            list.iter().map(|(n, v)| format!("{n} {v}")).collect::<Vec<_>>().join(", ")
        };
        lines.push(format!("ffmpeg     {}", pairs(&self.ffmpeg)));
        for c in &self.codecs {
            let or_no = |v: &Option<String>| v.clone().unwrap_or_else(|| "no".into());
            lines.push(format!(
                "codec      {}: decode {}, encode {}",
                c.name,
                or_no(&c.decoder),
                or_no(&c.encoder)
            ));
        }
        lines.push(format!("libraries  {}", pairs(&self.libraries)));
        lines.push(match &self.cache.folder {
            Some(f) => format!(
                "cache      {f}: {} files, {:.1} MB",
                self.cache.files,
                self.cache.bytes as f64 / 1e6
            ),
            None => "cache      none: the system names no home folder".into(),
        });
        lines.join("\n") + "\n"
    }
}

impl ModelDevice {
    fn new(devices: &[DeviceInfo], trials: &TrialStore) -> Self {
        let cpu = |reason: String| Self { auto: "the CPU".into(), reason };
        let (candidates, why) = match candidates(DeviceChoice::Auto, devices) {
            Ok(found) => found,
            Err(e) => return cpu(e.to_string()),
        };
        let mut refused = Vec::new();
        for d in &candidates {
            match trials.known(d) {
                Some(Verdict::Bad { cause }) => refused.push(format!("{}: {cause}", d.name)),
                Some(v) => return Self { auto: d.to_string(), reason: v.to_string() },
                None => {
                    let reason = "it is tried in a child process at its first use".into();
                    return Self { auto: d.to_string(), reason };
                }
            }
        }
        cpu(if refused.is_empty() { why } else { refused.join("; ") })
    }
}

impl Cache {
    fn new(folder: Option<&std::path::Path>) -> Self {
        let (mut files, mut bytes) = (0, 0);
        let mut folders: Vec<_> = folder.map(std::path::Path::to_owned).into_iter().collect();
        while let Some(dir) = folders.pop() {
            for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
                match entry.metadata() {
                    Ok(m) if m.is_dir() => folders.push(entry.path()),
                    Ok(m) => {
                        files += 1;
                        bytes += m.len();
                    }
                    Err(_) => {}
                }
            }
        }
        Self { folder: folder.map(|f| f.display().to_string()), files, bytes }
    }
}

/// The distribution's own name where there is one.
fn os_name() -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let pretty = release.lines().find_map(|l| l.strip_prefix("PRETTY_NAME="));
    pretty.map_or_else(|| std::env::consts::OS.to_owned(), |n| n.trim_matches('"').to_owned())
}

/// Versions of the libraries that matter in a report, from the lock file of this build.
fn libraries() -> Vec<(String, String)> {
    const NAMES: &[&str] = &["burn", "cpal", "eframe", "ffmpeg-next", "rodio", "rten", "wgpu"];
    let lock = include_str!("../../Cargo.lock");
    let mut found = Vec::new();
    let mut name = "";
    for line in lock.lines() {
        let quoted = |l: &'static str| l.split('"').nth(1).unwrap_or_default();
        if line.starts_with("name = ") {
            name = quoted(line);
        } else if line.starts_with("version = ") && NAMES.contains(&name) {
            found.push((name.to_owned(), quoted(line).to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_library_has_one_version() {
        let mut names: Vec<_> = libraries().into_iter().map(|l| l.0).collect();
        assert_eq!(names.len(), 7, "{names:?}");
        names.dedup();
        assert_eq!(names.len(), 7, "one copy each: {names:?}");
    }

    #[test]
    fn the_report_reads_as_text_and_as_json() {
        let report = Report::collect(false);
        let text = report.text();
        for word in ["fnac ", "graphics ", "model  ", "sound ", "ffmpeg ", "codec ", "cache "] {
            assert!(text.contains(word), "{word}:\n{text}");
        }
        let json: serde_json::Value = serde_json::to_value(&report).unwrap();
        for key in ["graphics", "model_device", "sound", "ffmpeg", "codecs", "cache"] {
            assert!(json.get(key).is_some(), "{key}");
        }
    }
}
