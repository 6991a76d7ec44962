//! `fnac probe FILE [--json]`: what a file holds, when each frame is shown, what would be refused.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Value, json};

use super::{CliResult, Outcome, stop_requested};
use crate::media::{CancelToken, Clip, MediaInfo, MediaSource, PresentationIndex};
use crate::units::FrameIndex;

/// Frames that are listed at the start and the end where not all are asked for.
const LISTED: usize = 5;

/// Arguments.
pub fn args(c: Command) -> Command {
    c.arg(
        Arg::new("file")
            .value_name("FILE")
            .required(true)
            .value_parser(value_parser!(PathBuf))
            .help("Video, sound or picture file"),
    )
    .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("All of it, as JSON"))
    .arg(
        Arg::new("frames")
            .long("frames")
            .action(ArgAction::SetTrue)
            .help("List every frame, not just the first and last"),
    )
}

/// Does it.
pub fn run(m: &ArgMatches) -> CliResult {
    let path = m.get_one::<PathBuf>("file").cloned().unwrap_or_default();
    let cancel = CancelToken::from_flag(stop_requested());
    let clip = match Clip::open(&MediaSource::File(path), &cancel) {
        Ok(clip) => clip,
        Err(e) if e.is_cancelled() => return Ok(Outcome::Interrupted),
        Err(e) => {
            if m.get_flag("json") {
                print(&format!("{:#}\n", json!({ "refused": e.to_string() })))?;
            }
            return Err(e.into());
        }
    };
    let index = clip.index().map(|i| i.as_ref());
    let text = if m.get_flag("json") {
        format!("{:#}\n", as_json(clip.info(), index))
    } else {
        as_text(clip.info(), index, m.get_flag("frames"))
    };
    print(&text)?;
    Ok(Outcome::Done)
}

/// Prints; a closed pipe (`| head`) is no error.
fn print(text: &str) -> std::io::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// What cannot be played, with the reason.
fn refused(info: &MediaInfo) -> Vec<String> {
    let mut list = info.not_played.clone();
    for a in &info.audio {
        if let Some(p) = &a.problem {
            list.push(format!("sound track {}: {p}", a.track));
        }
    }
    list
}

fn as_json(info: &MediaInfo, index: Option<&PresentationIndex>) -> Value {
    let video = info.video.as_ref().map(|v| {
        json!({
            "stream": v.stream, "codec": v.codec, "width": v.width, "height": v.height,
            "pixel_format": v.pixel_format, "bits": v.bits, "alpha": v.alpha,
            "color": {
                "matrix": format!("{:?}", v.color.matrix).to_lowercase(),
                "matrix_guessed": v.color_guessed,
                "full_range": v.color.full_range,
                "transfer": format!("{:?}", v.color.transfer).to_lowercase(),
                "wide_gamut": v.color.wide_gamut,
            },
            "quarter_turns": v.orientation.quarter_turns, "mirrored": v.orientation.mirrored,
            "pixel_aspect": v.pixel_aspect, "frame_rate": v.frame_rate,
            "variable_rate": v.variable_rate, "frames": v.frames, "key_frames": v.key_frames,
            "time_base": [v.time_base.num(), v.time_base.den()], "still": v.still,
        })
    });
    let audio: Vec<Value> = info
        .audio
        .iter()
        .map(|a| {
            json!({
                "track": a.track, "stream": a.stream, "codec": a.codec, "rate": a.rate,
                "channels": a.channels, "language": a.language, "title": a.title,
                "default": a.default, "decodable": a.decodable,
                "start": a.start.as_secs_f64(), "end": a.end.as_secs_f64(),
            })
        })
        .collect();
    let frames = index.map(|i| {
        let all = || (0..i.len()).map(|n| FrameIndex(n as u32));
        json!({
            "complete": i.is_complete(),
            "pts": all().filter_map(|f| i.pts(f)).map(|p| p.0).collect::<Vec<_>>(),
            "time": all().filter_map(|f| i.time(f)).map(|t| t.as_secs_f64()).collect::<Vec<_>>(),
            "key_frames": i.key_frames().map(|f| f.0).collect::<Vec<_>>(),
        })
    });
    json!({
        "file": info.source.picture_path().display().to_string(),
        "container": info.container, "container_short": info.container_short,
        "size_bytes": info.size_bytes, "duration": info.duration.as_secs_f64(),
        "header_duration": info.header_duration.map(|d| d.as_secs_f64()),
        "start": info.start.as_secs_f64(), "video": video, "audio": audio, "index": frames,
        "not_played": refused(info),
        "warnings": info.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn as_text(info: &MediaInfo, index: Option<&PresentationIndex>, all: bool) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!("file       {}", info.source.picture_path().display()));
    line(format!("container  {}, {} bytes", info.container, info.size_bytes));
    line(format!("length     {} (starts at {} on its own clock)", info.duration, info.start));
    match &info.video {
        None => line("picture    none".into()),
        Some(v) => {
            let rate = match (v.still, v.variable_rate) {
                (true, _) => "still picture".into(),
                (false, true) => format!("variable rate, {:.3} fps on average", v.frame_rate),
                (false, false) => format!("{:.3} fps", v.frame_rate),
            };
            line(format!(
                "picture    {} {}x{} {}, {} bit, {rate}, {} frames, {} key frames",
                v.codec, v.width, v.height, v.pixel_format, v.bits, v.frames, v.key_frames
            ));
            line(format!(
                "colours    {:?}{}, {} range, {:?}{}",
                v.color.matrix,
                if v.color_guessed { " (guessed: no tag)" } else { "" },
                if v.color.full_range { "full" } else { "limited" },
                v.color.transfer,
                if v.alpha { ", alpha" } else { "" },
            ));
            let o = v.orientation;
            if o.quarter_turns != 0 || o.mirrored || v.pixel_aspect != 1.0 {
                line(format!(
                    "shown      turned by {} degrees{}, pixel aspect {:.4}",
                    90 * u32::from(o.quarter_turns),
                    if o.mirrored { ", mirrored" } else { "" },
                    v.pixel_aspect
                ));
            }
        }
    }
    if info.audio.is_empty() {
        line("sound      none".into());
    }
    for a in &info.audio {
        let tags: Vec<_> = [&a.language, &a.title].into_iter().flatten().cloned().collect();
        line(format!(
            "sound {}    {} {} Hz, {} channel(s), from {} to {}{}{}",
            a.track,
            a.codec,
            a.rate,
            a.channels,
            a.start,
            a.end,
            if a.default { ", default" } else { "" },
            if tags.is_empty() { String::new() } else { format!(" ({})", tags.join(", ")) },
        ));
    }
    for r in refused(info) {
        line(format!("not played {r}"));
    }
    for w in &info.warnings {
        line(format!("warning    {w}"));
    }
    if let Some(i) = index {
        line("frame      time (s)      pts  key".into());
        for n in 0..i.len() {
            if !all && n == LISTED && i.len() > 2 * LISTED {
                line(format!("...        ({} more, --frames lists them)", i.len() - 2 * LISTED));
            }
            if all || n < LISTED || n + LISTED >= i.len() {
                let f = FrameIndex(n as u32);
                if let (Some(t), Some(p)) = (i.time(f), i.pts(f)) {
                    let key = if i.is_key(f) { "  *" } else { "" };
                    line(format!("{n:>5} {:>13.6} {:>9}{key}", t.as_secs_f64(), p.0));
                }
            }
        }
    }
    out
}
