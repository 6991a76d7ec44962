//! The options of `fnac localize`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::super::Failure;
use crate::media::MediaSource;
use crate::model::DeviceChoice;
use crate::overlay::Colormap;

/// What is drawn beside the tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverlayOut {
    /// Nothing.
    None,
    /// A PNG per map.
    Png,
    /// A video with the sound.
    Mp4,
}

/// What the user asked for, checked.
#[derive(Debug)]
pub struct Options {
    /// Inputs, pictures joined with their sound.
    pub sources: Vec<MediaSource>,
    /// The network.
    pub checkpoint: Option<PathBuf>,
    /// Folder of the results.
    pub out: PathBuf,
    /// Where the network runs.
    pub device: DeviceChoice,
    /// Each n-th frame, at least 1.
    pub every: u32,
    /// What is drawn.
    pub overlay: OverlayOut,
    /// Colours of what is drawn.
    pub colormap: Colormap,
    /// Write the pictures' embeddings.
    pub embeddings: bool,
    /// ResNet-18 for the object prior.
    pub object_tower: Option<PathBuf>,
    /// Shifts per axis of fine maps: 0, 2 or 4.
    pub fine: u8,
    /// The official loader's sound choice.
    pub reference: bool,
    /// No progress.
    pub quiet: bool,
}

/// Adds the arguments.
pub fn args(c: Command) -> Command {
    let path = || value_parser!(PathBuf);
    c.arg(
        Arg::new("input")
            .value_name("INPUT")
            .help("Videos, or a picture with --audio")
            .value_parser(path())
            .num_args(1..)
            .required(true),
    )
    .arg(
        Arg::new("audio")
            .long("audio")
            .value_name("FILE")
            .value_parser(path())
            .help("Sound for the one picture (or video) given"),
    )
    .arg(
        Arg::new("checkpoint")
            .long("checkpoint")
            .value_name("FILE")
            .value_parser(path())
            .help("The network's weights; without one the built-in"),
    )
    .arg(
        Arg::new("out")
            .short('o')
            .long("out")
            .value_name("DIR")
            .value_parser(path())
            .required(true)
            .help("Folder for the results, made when it is not there"),
    )
    .arg(
        Arg::new("device")
            .long("device")
            .value_name("auto|cpu|gpu[:N]")
            .value_parser(|s: &str| s.parse::<DeviceChoice>())
            .default_value("auto")
            .help("Where the network runs"),
    )
    .arg(
        Arg::new("every")
            .long("every")
            .value_name("N")
            .value_parser(value_parser!(u32).range(1..))
            .default_value("1")
            .help("Each Nth frame"),
    )
    .arg(
        Arg::new("overlay")
            .long("overlay")
            .value_name("png|mp4|none")
            .value_parser(["png", "mp4", "none"])
            .default_value("none")
            .help("Pictures with the map over them: one PNG per map, or a video with the sound"),
    )
    .arg(
        Arg::new("colormap")
            .long("colormap")
            .value_name("NAME")
            .value_parser(Colormap::ALL.iter().map(|c| c.name()).collect::<Vec<_>>())
            .default_value("cividis")
            .help("Colours of --overlay"),
    )
    .arg(
        Arg::new("embeddings")
            .long("embeddings")
            .action(ArgAction::SetTrue)
            .help("Write the pictures' embeddings as well (100 KB a frame at the paper's size)"),
    )
    .arg(
        Arg::new("object-tower")
            .long("object-tower")
            .value_name("FILE")
            .value_parser(path())
            .help("A ResNet-18 (torchvision's .pth) for the object prior"),
    )
    .arg(
        Arg::new("fine")
            .long("fine")
            .value_name("N")
            .value_parser(["2", "4"])
            .help("Fine maps of 7N x 7N cells from N x N shifted copies of the picture"),
    )
    .arg(
        Arg::new("reference")
            .long("reference")
            .action(ArgAction::SetTrue)
            .help("The official loader's sound: the middle 3 s for every frame, no resampling"),
    )
}

impl Options {
    /// Reads and checks the arguments.
    pub fn new(m: &ArgMatches) -> Result<Self, Failure> {
        let inputs: Vec<PathBuf> =
            m.get_many::<PathBuf>("input").unwrap_or_default().cloned().collect();
        let audio = m.get_one::<PathBuf>("audio").cloned();
        let text = |name: &str| m.get_one::<String>(name).map(String::as_str);
        Ok(Self {
            sources: sources(inputs, audio)?,
            checkpoint: m.get_one::<PathBuf>("checkpoint").cloned(),
            out: m.get_one::<PathBuf>("out").cloned().unwrap_or_default(),
            device: m.get_one::<DeviceChoice>("device").copied().unwrap_or_default(),
            every: m.get_one::<u32>("every").copied().unwrap_or(1).max(1),
            overlay: match text("overlay") {
                Some("png") => OverlayOut::Png,
                Some("mp4") => OverlayOut::Mp4,
                _ => OverlayOut::None,
            },
            colormap: text("colormap").and_then(Colormap::from_name).unwrap_or_default(),
            embeddings: m.get_flag("embeddings"),
            object_tower: m.get_one::<PathBuf>("object-tower").cloned(),
            fine: text("fine").and_then(|n| n.parse().ok()).unwrap_or(0),
            reference: m.get_flag("reference"),
            quiet: m.get_flag("quiet"),
        })
    }
}

fn sources(inputs: Vec<PathBuf>, audio: Option<PathBuf>) -> Result<Vec<MediaSource>, Failure> {
    let usage = |text: String| Err(Failure::Usage(text));
    if let Some(audio) = audio {
        let mut inputs = inputs.into_iter();
        return match (inputs.next(), inputs.next()) {
            (Some(picture), None) => Ok(vec![MediaSource::Pair { picture, audio }]),
            _ => usage("--audio belongs to one picture; give one INPUT with it".into()),
        };
    }
    let mut stems: HashMap<PathBuf, PathBuf> = HashMap::new();
    for input in &inputs {
        if is_picture(input) {
            return usage(format!(
                "`{}` is a picture: give its sound with --audio FILE",
                input.display()
            ));
        }
        let stem = PathBuf::from(input.file_stem().unwrap_or_default());
        if let Some(other) = stems.insert(stem, input.clone()) {
            return usage(format!(
                "`{}` and `{}` would be written to the same files; run them into different folders",
                other.display(),
                input.display()
            ));
        }
    }
    Ok(inputs.into_iter().map(MediaSource::File).collect())
}

/// By content: a picture's first bytes say so whatever its name.
fn is_picture(path: &Path) -> bool {
    use std::io::Read;
    let mut head = Vec::new();
    let read = std::fs::File::open(path).and_then(|f| f.take(32).read_to_end(&mut head));
    let format = read.ok().and_then(|_| image::guess_format(&head).ok());
    matches!(
        format,
        Some(
            image::ImageFormat::Png
                | image::ImageFormat::Jpeg
                | image::ImageFormat::Bmp
                | image::ImageFormat::Tiff
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        let command = args(Command::new("localize"))
            .arg(Arg::new("quiet").long("quiet").action(ArgAction::SetTrue));
        let m = command.try_get_matches_from(line.split_whitespace()).map_err(|e| e.to_string())?;
        Options::new(&m).map_err(|e| match e {
            Failure::Usage(text) => text,
            Failure::Nothing(e) => panic!("{e}"),
        })
    }

    #[test]
    fn the_contracts_options_are_read() {
        let o = parse(
            "localize a.mp4 b.mkv --checkpoint c.pth -o out --device gpu:1 --every 5 --overlay mp4 \
             --colormap jet --embeddings --object-tower r.pth --fine 4 --reference --quiet",
        )
        .unwrap();
        assert_eq!(o.sources.len(), 2);
        assert_eq!((o.every, o.fine, o.overlay), (5, 4, OverlayOut::Mp4));
        assert_eq!((o.device, o.colormap), (DeviceChoice::Gpu(Some(1)), Colormap::Jet));
        assert!(o.embeddings && o.reference && o.quiet);
        let o = parse("localize a.mp4 -o out").unwrap();
        assert_eq!((o.every, o.fine, o.overlay), (1, 0, OverlayOut::None));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_words() {
        for (line, word) in [
            ("localize a.mp4", "--out"),
            ("localize -o out", "INPUT"),
            ("localize a.mp4 -o out --every 0", "--every"),
            ("localize a.mp4 -o out --fine 3", "--fine"),
            ("localize a.mp4 -o out --colormap pink", "--colormap"),
            ("localize a.mp4 -o out --device tpu", "gpu:N"),
            ("localize a.mp4 b.mp4 --audio c.wav -o out", "one picture"),
            ("localize a/x.mp4 b/x.avi -o out", "same files"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(word), "{line}: {error}");
        }
    }

    #[test]
    fn a_picture_wants_its_sound() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("named.mp4");
        std::fs::write(&path, b"\x89PNG\r\n\x1a\n and more").unwrap();
        let error = parse(&format!("localize {} -o out", path.display())).unwrap_err();
        assert!(error.contains("--audio"), "{error}");
        assert!(parse(&format!("localize {} --audio s.wav -o out", path.display())).is_ok());
    }
}
