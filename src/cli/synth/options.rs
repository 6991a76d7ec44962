//! The options of `fnac synth`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::super::Failure;
use crate::data::{ListShares, MAX_ITEMS, PictureFormat};

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Pictures with their sounds.
    Pairs,
    /// Videos with their truth over time.
    Videos,
    /// AVSBench's tree.
    AvsBench,
}

impl Content {
    /// As `world.json` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pairs => "pairs",
            Self::Videos => "videos",
            Self::AvsBench => "avsbench",
        }
    }

    /// Items of it, in words.
    pub fn items(self) -> &'static str {
        match self {
            Self::Pairs => "pairs",
            Self::Videos => "videos",
            Self::AvsBench => "clips",
        }
    }
}

/// Which drawings scenes take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawings {
    /// All.
    Any,
    /// Those not kept back.
    Train,
    /// Those kept back for testing.
    HeldOut,
}

/// A run.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Seed of everything.
    pub seed: u64,
    /// First item.
    pub start: u64,
    /// Number of items.
    pub count: u64,
    /// The folder.
    pub out: PathBuf,
    /// What is written.
    pub content: Content,
    /// Threads.
    pub jobs: usize,
    /// Pixels.
    pub size: (u32, u32),
    /// Samples per second.
    pub rate: u32,
    /// Seconds of a clip.
    pub secs: f64,
    /// Frames per second, as a fraction.
    pub fps: (i32, i32),
    /// Things that sound.
    pub sources: RangeInclusive<u32>,
    /// Things that are silent.
    pub distractors: RangeInclusive<u32>,
    /// Longer side of a sounding thing, as a share of the picture's side.
    pub sizes: RangeInclusive<f64>,
    /// Shapes of the picture that a square one was squeezed from.
    pub aspect: Option<RangeInclusive<f64>>,
    /// Share of items in which nothing that is seen sounds.
    pub negatives: f64,
    /// Share of items with a thing that is partly hidden.
    pub hidden: f64,
    /// Which drawings.
    pub split: Drawings,
    /// Only these kinds; empty for all.
    pub kinds: Vec<String>,
    /// How pictures are stored.
    pub pictures: PictureFormat,
    /// Shares of the split lists.
    pub lists: Option<ListShares>,
    /// A user's own kinds.
    pub cutouts: Option<PathBuf>,
    /// Share of each kind's cut-outs that is kept back.
    pub held_out: f64,
    /// No progress.
    pub quiet: bool,
}

/// Rates that both WAV and AAC take.
const RATES: [&str; 8] = ["8000", "11025", "16000", "22050", "24000", "32000", "44100", "48000"];

/// Adds the arguments.
pub fn args(c: Command) -> Command {
    let path = || value_parser!(PathBuf);
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    c.about("Write pictures with sound, or videos, of the drawn world, with exact truth")
        .long_about(
            "Writes scenes of the drawn world: things that sound, among silent ones, with the \
             exact box and mask of every thing and with when it sounds.\n\n\
             Item I depends on the seed, on I and on the options only: a run that was stopped \
             goes on when the same command is given again, and --start makes any range alone. \
             A folder that was made with other options is refused.",
        )
        .after_long_help(format!(
            "Kinds: {}.\n\n\
             Files (docs/world.md has all of them):\n  \
             frames/NAME.png  audio/NAME.wav  masks/NAME.png  truth/NAME.truth.json\n  \
             metadata/all.txt sounding.txt vggss.json negatives.csv items.csv  world.json\n  \
             with --videos: NAME.mp4 and NAME.truth.json in DIR itself\n\n\
             Examples:\n  \
             fnac synth --seed 1 --count 7200 --split train --out world/train\n  \
             fnac synth --seed 2 --count 600 --split held-out --negatives 0.1 --out world/test\n  \
             fnac synth --seed 3 --count 20 --videos --secs 12 --out world/clips\n  \
             fnac synth --seed 4 --count 500 --cutouts my-kinds --out world/mine",
            crate::synth::voice_names().collect::<Vec<_>>().join(", ")
        ))
        .next_help_heading("What is made")
        .arg(
            text("count", "N", "Number of items")
                .value_parser(value_parser!(u64).range(1..=MAX_ITEMS))
                .required(true),
        )
        .arg(
            text("out", "DIR", "The folder; new, empty, or one to go on with")
                .short('o')
                .value_parser(path())
                .required(true),
        )
        .arg(
            text("seed", "N", "Seed of everything")
                .value_parser(value_parser!(u64))
                .default_value("0"),
        )
        .arg(
            text("start", "N", "Number of the first item")
                .value_parser(value_parser!(u64).range(..MAX_ITEMS))
                .default_value("0"),
        )
        .arg(
            Arg::new("videos")
                .long("videos")
                .action(ArgAction::SetTrue)
                .help("Write MP4 clips with sound and their truth over time"),
        )
        .arg(
            text("layout", "pairs|avsbench", "Layout of what is no video: one picture and 3 s of sound per item, or AVSBench's tree (five pictures and masks, 5 s; S4 with one source, MS3 with more)")
                .value_parser(["pairs", "avsbench"])
                .conflicts_with("videos")
                .default_value("pairs"),
        )
        .next_help_heading("Scenes")
        .arg(text("sources", "N|N-M", "Things that sound [default: 1; videos 1-3]"))
        .arg(text(
            "distractors",
            "N|N-M",
            "Things that are seen and silent, 0 to 3 [default: 0-3; videos 0-2]",
        ))
        .arg(text(
            "sizes",
            "A|A-B",
            "Longer side of a sounding thing as a share of the picture's side (pairs: of the root of its area; videos: of its height) [default: 0.3-0.6; videos 0.3-0.5]",
        ))
        .arg(text("negatives", "SHARE", "Share of items in which nothing that is seen sounds: silence, noise, a sound from off-screen").default_value("0"))
        .arg(text("hidden", "SHARE", "Share of items with a thing that is partly hidden [default: 0.15; videos 0.3]"))
        .arg(text("aspect", "A|A-B", "Pairs: draw for a picture A to B times as wide as high and squeeze it, as 224x224 does with a video [default: 1-1.78, often 1]"))
        .arg(
            text("split", "train|held-out|any", "Drawings that may occur: those not kept back for testing, those kept back, or all")
                .value_parser(["train", "held-out", "any"])
                .default_value("any"),
        )
        .arg(text("kinds", "A,B,…", "Only these kinds (`dog,cat,siren`) [default: all]").value_delimiter(','))
        .next_help_heading("Files")
        .arg(text("size", "WxH", "Pixels of a picture [default: 224x224; videos 640x360]"))
        .arg(
            text("pictures", "png|jpg", "How pictures are stored; jpg has a quarter of the size")
                .value_parser(["png", "jpg"])
                .default_value("png"),
        )
        .arg(
            text("rate", "HZ", "Samples per second [default: 16000; videos 48000]")
                .value_parser(RATES),
        )
        .arg(text("secs", "S", "Videos: their length").default_value("10"))
        .arg(text("fps", "N|N/M", "Videos: frames per second").default_value("25"))
        .arg(text("lists", "A,B,C", "Also write the lists train, val and test, in these shares (80,10,10); an item's list never changes"))
        .arg(
            text("jobs", "N", "Items at a time [default: as many as the machine has cores]")
                .value_parser(value_parser!(u16).range(1..=256)),
        )
        .next_help_heading("Your own kinds")
        .arg(
            text("cutouts", "DIR", "Take pictures and sounds from here: <kind>/*.png (with transparency) and <kind>/*.wav|ogg|mp3|flac")
                .value_parser(path()),
        )
        .arg(
            text("held-out", "SHARE", "Share of each kind's cut-outs and sounds that is kept back for --split held-out, by the hash of its name")
                .requires("cutouts")
                .default_value("0.2"),
        )
}

fn usage<T>(text: String) -> Result<T, Failure> {
    Err(Failure::Usage(text))
}

/// `2`, `0-3`, `0.3-0.6` within `within`.
fn range<T: FromStr + PartialOrd + Copy + Display>(
    name: &str,
    text: &str,
    within: RangeInclusive<T>,
) -> Result<RangeInclusive<T>, Failure> {
    let (a, b) = text.split_once('-').unwrap_or((text, text));
    let parsed = (a.trim().parse::<T>().ok(), b.trim().parse::<T>().ok());
    match parsed {
        (Some(a), Some(b)) if a <= b && within.contains(&a) && within.contains(&b) => Ok(a..=b),
        (Some(a), Some(b)) if a > b => {
            usage(format!("--{name} {text}: the first must not be larger than the second"))
        }
        _ => usage(format!(
            "--{name} {text}: give a number or two with a dash, from {} to {}",
            within.start(),
            within.end()
        )),
    }
}

fn share(name: &str, text: &str) -> Result<f64, Failure> {
    match text.trim().parse::<f64>() {
        Ok(v) if (0.0..=1.0).contains(&v) => Ok(v),
        _ => usage(format!("--{name} {text}: give a share from 0 to 1")),
    }
}

/// `640x360`.
fn size(text: &str) -> Result<(u32, u32), Failure> {
    let parsed = text
        .split_once(['x', 'X', '×'])
        .and_then(|(w, h)| Some((w.trim().parse::<u32>().ok()?, h.trim().parse::<u32>().ok()?)));
    match parsed {
        Some((w, h)) if (32..=4096).contains(&w) && (32..=4096).contains(&h) => Ok((w, h)),
        _ => usage(format!("--size {text}: give width x height, each from 32 to 4096: 640x360")),
    }
}

/// `25`, `29.97`, `30000/1001`.
fn fps(text: &str) -> Result<(i32, i32), Failure> {
    let known = match text.trim() {
        "23.976" => Some((24_000, 1001)),
        "29.97" => Some((30_000, 1001)),
        "59.94" => Some((60_000, 1001)),
        other => match other.split_once('/') {
            Some((a, b)) => a.trim().parse().ok().zip(b.trim().parse().ok()),
            None => other.parse::<f64>().ok().filter(|v| v.is_finite()).map(|v| {
                let thousandths = (v * 1000.0).round() as i32;
                if thousandths % 1000 == 0 { (thousandths / 1000, 1) } else { (thousandths, 1000) }
            }),
        },
    };
    match known {
        Some((n, d))
            if n > 0
                && d > 0
                && d <= 100_000
                && n <= 200_000
                && (1.0..=120.0).contains(&(f64::from(n) / f64::from(d))) =>
        {
            Ok((n, d))
        }
        _ => usage(format!(
            "--fps {text}: give frames per second from 1 to 120: 25, 29.97, 30000/1001"
        )),
    }
}

fn lists(text: &str) -> Result<ListShares, Failure> {
    let parts: Vec<Option<f64>> = text.split(',').map(|p| p.trim().parse().ok()).collect();
    let good = |v: &f64| v.is_finite() && *v >= 0.0;
    match parts.as_slice() {
        [Some(a), Some(b), Some(c)] if [a, b, c].iter().all(|v| good(v)) && a + b + c > 0.0 => {
            Ok(ListShares([*a, *b, *c]))
        }
        _ => usage(format!("--lists {text}: give three shares, for train, val and test: 80,10,10")),
    }
}

impl Options {
    /// Reads and checks the arguments.
    pub fn new(m: &ArgMatches) -> Result<Self, Failure> {
        let text = |name: &str| m.get_one::<String>(name).map_or("", String::as_str);
        let given =
            |name: &str| m.value_source(name) == Some(clap::parser::ValueSource::CommandLine);
        let number = |name: &str| m.get_one::<u64>(name).copied().unwrap_or(0);
        let content = match (m.get_flag("videos"), text("layout")) {
            (true, _) => Content::Videos,
            (_, "avsbench") => Content::AvsBench,
            _ => Content::Pairs,
        };
        // A video's default differs from a pair's.
        let or = |name: &str, still: &'static str, video: &'static str| match (given(name), content)
        {
            (true, _) => m.get_one::<String>(name).map_or("", String::as_str),
            (false, Content::Videos) => video,
            (false, _) => still,
        };
        let not_for = |names: &[&str], what: &str| match names.iter().find(|n| given(n)) {
            Some(n) => usage(format!("--{n} has no meaning {what}")),
            None => Ok(()),
        };
        match content {
            Content::Pairs => not_for(&["secs", "fps"], "without --videos")?,
            Content::Videos => not_for(&["pictures", "aspect"], "with --videos")?,
            Content::AvsBench => not_for(
                &["secs", "fps", "pictures", "aspect"],
                "with --layout avsbench (PNG, five seconds)",
            )?,
        }
        let (start, count) = (number("start"), number("count"));
        if start.saturating_add(count) > MAX_ITEMS {
            return usage(format!("--start {start} --count {count}: a seed has {MAX_ITEMS} items"));
        }
        let secs = match text("secs").trim().parse::<f64>() {
            Ok(v) if (1.0..=3600.0).contains(&v) => v,
            _ => return usage(format!("--secs {}: give seconds from 1 to 3600", text("secs"))),
        };
        let default_size = if content == Content::Videos { (640, 360) } else { (224, 224) };
        let size = if given("size") { size(text("size"))? } else { default_size };
        if content == Content::Videos && (size.0 % 2, size.1 % 2) != (0, 0) {
            return usage(format!("--size {}: a video needs even numbers", text("size")));
        }
        let default_rate = if content == Content::Videos { 48_000 } else { 16_000 };
        let rate = m.get_one::<String>("rate").and_then(|r| r.parse().ok()).unwrap_or(default_rate);
        let mut kinds: Vec<String> = m
            .get_many::<String>("kinds")
            .unwrap_or_default()
            .map(|k| k.trim().to_owned())
            .filter(|k| !k.is_empty())
            .collect();
        kinds.sort_unstable();
        kinds.dedup();
        if given("kinds") && kinds.is_empty() {
            return usage("--kinds: name at least one kind".into());
        }
        let lists = if given("lists") { Some(lists(text("lists"))?) } else { None };
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Self {
            seed: number("seed"),
            start,
            count,
            out: m.get_one::<PathBuf>("out").cloned().unwrap_or_default(),
            content,
            jobs: m.get_one::<u16>("jobs").map_or(cores, |j| usize::from(*j)),
            size,
            rate,
            secs,
            fps: fps(text("fps"))?,
            sources: range("sources", or("sources", "1", "1-3"), 1..=4)?,
            distractors: range("distractors", or("distractors", "0-3", "0-2"), 0..=3)?,
            sizes: range("sizes", or("sizes", "0.3-0.6", "0.3-0.5"), 0.05..=0.9)?,
            aspect: match given("aspect") {
                true => Some(range("aspect", text("aspect"), 0.4..=2.5)?),
                false => None,
            },
            negatives: share("negatives", text("negatives"))?,
            hidden: share("hidden", or("hidden", "0.15", "0.3"))?,
            split: match text("split") {
                "train" => Drawings::Train,
                "held-out" => Drawings::HeldOut,
                _ => Drawings::Any,
            },
            kinds,
            pictures: if text("pictures") == "jpg" {
                PictureFormat::Jpg
            } else {
                PictureFormat::Png
            },
            lists,
            cutouts: m.get_one::<PathBuf>("cutouts").cloned(),
            held_out: share("held-out", text("held-out"))?,
            quiet: m.get_flag("quiet"),
        })
    }

    /// What items depend on besides the seed, by option, values as they would be typed: for
    /// `world.json`. Number, place and threads are not among them.
    pub fn table(&self) -> BTreeMap<String, String> {
        fn span<T: Display + PartialEq>(r: &RangeInclusive<T>) -> String {
            if r.start() == r.end() {
                r.start().to_string()
            } else {
                format!("{}-{}", r.start(), r.end())
            }
        }
        let mut out = BTreeMap::new();
        let mut add = |name: &str, value: String| out.insert(name.to_owned(), value);
        add("size", format!("{}x{}", self.size.0, self.size.1));
        add("rate", self.rate.to_string());
        add("sources", span(&self.sources));
        add("distractors", span(&self.distractors));
        add("sizes", span(&self.sizes));
        add("negatives", self.negatives.to_string());
        add("hidden", self.hidden.to_string());
        let split = match self.split {
            Drawings::Any => "any",
            Drawings::Train => "train",
            Drawings::HeldOut => "held-out",
        };
        add("split", split.into());
        if let Some(aspect) = &self.aspect {
            add("aspect", span(aspect));
        }
        match self.content {
            Content::Pairs => {
                add("pictures", self.pictures.ending().into());
            }
            Content::Videos => {
                add("secs", self.secs.to_string());
                let (n, d) = self.fps;
                add("fps", if d == 1 { n.to_string() } else { format!("{n}/{d}") });
            }
            Content::AvsBench => {}
        }
        // Lists of pairs can be written anew with other shares; AVSBench's are in its paths.
        if let (Content::AvsBench, Some(ListShares(s))) = (self.content, self.lists) {
            add("lists", s.map(|v| v.to_string()).join(","));
        }
        if self.cutouts.is_some() {
            add("held-out", self.held_out.to_string());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        let command = args(Command::new("synth"))
            .arg(Arg::new("quiet").long("quiet").action(ArgAction::SetTrue));
        let words = std::iter::once("synth").chain(line.split_whitespace());
        let m = command.try_get_matches_from(words).map_err(|e| e.to_string())?;
        Options::new(&m).map_err(|e| match e {
            Failure::Usage(text) => text,
            Failure::Nothing(e) => panic!("{e}"),
        })
    }

    #[test]
    fn the_contracts_line_is_enough() {
        let o = parse("--seed 7 --count 10 --out d").unwrap();
        assert_eq!((o.seed, o.start, o.count), (7, 0, 10));
        assert_eq!((o.content, o.size, o.rate), (Content::Pairs, (224, 224), 16_000));
        assert_eq!((o.sources, o.distractors, o.sizes), (1..=1, 0..=3, 0.3..=0.6));
        let o = parse("--count 3 -o d --videos").unwrap();
        assert_eq!((o.size, o.rate, o.fps, o.secs), ((640, 360), 48_000, (25, 1), 10.0));
        assert_eq!((o.sources, o.distractors, o.sizes), (1..=3, 0..=2, 0.3..=0.5));
    }

    #[test]
    fn every_option_is_read() {
        let o = parse(
            "--seed 18446744073709551615 --start 5 --count 2 -o d --sources 1-2 --distractors 2 \
             --sizes 0.25-0.5 --negatives 0.1 --hidden 0 --split held-out --kinds dog,cat,dog \
             --size 256x128 --pictures jpg --rate 44100 --lists 8,1,1 --jobs 3 --aspect 1-1.5 \
             --cutouts c --held-out 0.5 --quiet",
        )
        .unwrap();
        assert_eq!((o.seed, o.start, o.jobs), (u64::MAX, 5, 3));
        assert_eq!(o.kinds, ["cat", "dog"]);
        assert_eq!((o.split, o.pictures), (Drawings::HeldOut, PictureFormat::Jpg));
        assert_eq!((o.lists, o.held_out), (Some(ListShares([8.0, 1.0, 1.0])), 0.5));
        let table = o.table();
        let get = |k: &str| table[k].as_str();
        assert_eq!((get("sources"), get("distractors"), get("sizes")), ("1-2", "2", "0.25-0.5"));
        assert_eq!((get("size"), get("rate"), get("split")), ("256x128", "44100", "held-out"));
        assert!(["count", "start", "jobs", "lists", "out"].iter().all(|k| !table.contains_key(*k)));
        for (text, want) in [
            ("29.97", (30_000, 1001)),
            ("30000/1001", (30_000, 1001)),
            ("12.5", (12_500, 1000)),
            ("60", (60, 1)),
        ] {
            assert_eq!(parse(&format!("--count 1 -o d --videos --fps {text}")).unwrap().fps, want);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_words() {
        for (line, word) in [
            ("--seed 1 --out d", "--count"),
            ("--count 5", "--out"),
            ("--count 0 --out d", "--count"),
            ("--count -1 --out d", "--count"),
            ("--count 10000001 --out d", "--count"),
            ("--count 2 --start 9999999 --out d", "--start"),
            ("--count 1 --out d --seed x", "--seed"),
            ("--count 1 --out=", "value is required"),
            ("--count 1 --out d --distractors 4", "from 0 to 3"),
            ("--count 1 --out d --distractors 3-1", "larger"),
            ("--count 1 --out d --distractors many", "--distractors"),
            ("--count 1 --out d --sources 0", "--sources"),
            ("--count 1 --out d --sizes 0.6-0.3", "larger"),
            ("--count 1 --out d --sizes 2", "from 0.05 to 0.9"),
            ("--count 1 --out d --sizes NaN", "--sizes"),
            ("--count 1 --out d --negatives 1.5", "share"),
            ("--count 1 --out d --negatives NaN", "share"),
            ("--count 1 --out d --split test", "held-out"),
            ("--count 1 --out d --size 224", "width"),
            ("--count 1 --out d --size 10x10", "32"),
            ("--count 1 --out d --videos --size 641x360", "even"),
            ("--count 1 --out d --videos --fps 0", "--fps"),
            ("--count 1 --out d --videos --fps 1/0", "--fps"),
            ("--count 1 --out d --videos --fps 1000", "--fps"),
            ("--count 1 --out d --videos --secs inf", "--secs"),
            ("--count 1 --out d --secs 5", "without --videos"),
            ("--count 1 --out d --videos --pictures jpg", "--videos"),
            ("--count 1 --out d --videos --layout avsbench", "--videos"),
            ("--count 1 --out d --layout avsbench --fps 5", "avsbench"),
            ("--count 1 --out d --rate 1", "48000"),
            ("--count 1 --out d --lists 80,20", "three"),
            ("--count 1 --out d --lists 0,0,0", "three"),
            ("--count 1 --out d --lists 1,-1,1", "three"),
            ("--count 1 --out d --kinds ,", "at least one"),
            ("--count 1 --out d --jobs 0", "--jobs"),
            ("--count 1 --out d --held-out 0.2", "--cutouts"),
            ("--count 1 --out d --cutouts c --held-out 7", "share"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(word), "{line}: {error}");
        }
    }

    #[test]
    fn defaults_are_in_the_help() {
        let help = args(Command::new("synth")).render_long_help().to_string();
        for default in
            ["[default: 0.3-0.6;", "[default: 0-3;", "[default: 25]", "224x224", "vggss.json"]
        {
            assert!(help.contains(default), "{default}:\n{help}");
        }
    }
}
