//! The truth file: JSON, described in `docs/truth-format.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::tidy::Defects;
use super::{
    Between, Mask, Moment, Source, Span, TruthBox, TruthDefect, TruthError, TruthTrack,
    TruthTrouble,
};
use crate::units::MediaTime;

/// What `format` says.
const FORMAT: &str = "fnac-truth";
/// The version that is written, and the newest that is read.
const VERSION: u64 = 1;
/// Ending of a clip's truth file, after the clip's stem.
const SUFFIX: &str = ".truth.json";

/// No truth file is longer.
const BYTES_MAX: u64 = 128 << 20;
/// Sides of pictures.
const SIDE_MAX: u32 = 32_768;
const SOURCES_MAX: usize = 10_000;
/// Moments and spans of all sources.
const ENTRIES_MAX: usize = 2_000_000;

#[derive(Deserialize)]
struct Head {
    format: Option<Value>,
    version: Option<u64>,
}

#[derive(Deserialize)]
struct RawTrack {
    width: u32,
    height: u32,
    #[serde(default)]
    duration: i64,
    #[serde(default)]
    sources: Vec<RawSource>,
    #[serde(default)]
    about: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct RawSource {
    id: u32,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    variant: String,
    #[serde(default)]
    sounding: Vec<[i64; 2]>,
    #[serde(default)]
    moments: Vec<RawMoment>,
    #[serde(default)]
    between: Option<String>,
}

#[derive(Deserialize)]
struct RawMoment {
    time: i64,
    #[serde(default, rename = "box")]
    bbox: Option<Vec<Option<f64>>>,
    #[serde(default)]
    mask: Option<RawMask>,
}

#[derive(Deserialize)]
struct RawMask {
    size: [u32; 2],
    counts: RawCounts,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawCounts {
    Compressed(String),
    Plain(Vec<u32>),
}

impl TruthTrack {
    /// Where a clip's truth lies: `holiday.mp4` has `holiday.truth.json` beside it.
    pub fn sidecar(clip: &Path) -> PathBuf {
        let mut name = clip.file_stem().unwrap_or_default().to_owned();
        name.push(SUFFIX);
        clip.with_file_name(name)
    }

    /// Whether a file's name says that it holds truth.
    pub fn is_truth_file(path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        name.ends_with(SUFFIX)
    }

    /// Reads a file and accepts it only without any defect.
    ///
    /// # Errors
    /// [`TruthTrouble`], naming the file.
    pub fn read(path: &Path) -> Result<Self, TruthError> {
        let of = TruthError::of(path);
        Self::from_json(&bytes_of(path)?).map_err(|e| of(e.trouble))
    }

    /// Reads a file and makes the best of it: what cannot be used is left out and listed.
    ///
    /// # Errors
    /// Where nothing can be used: no file, no JSON, another format, a newer version, too large.
    pub fn read_tolerant(path: &Path) -> Result<(Self, Vec<TruthDefect>), TruthError> {
        let of = TruthError::of(path);
        Self::from_json_tolerant(&bytes_of(path)?).map_err(|e| of(e.trouble))
    }

    /// [`Self::read`] from memory.
    ///
    /// # Errors
    /// See [`Self::read`].
    pub fn from_json(json: &[u8]) -> Result<Self, TruthError> {
        match Self::from_json_tolerant(json)? {
            (track, defects) if defects.is_empty() => Ok(track),
            (_, defects) => Err(TruthError::new(TruthTrouble::Defects(defects))),
        }
    }

    /// [`Self::read_tolerant`] from memory.
    ///
    /// # Errors
    /// See [`Self::read_tolerant`].
    pub fn from_json_tolerant(json: &[u8]) -> Result<(Self, Vec<TruthDefect>), TruthError> {
        let raw = parse(json).map_err(TruthError::new)?;
        let mut defects = Defects::default();
        let mut track = build(raw, &mut defects);
        track.tidy_into(&mut defects);
        Ok((track, defects.into_list()))
    }

    /// The file's text: one line per moment.
    ///
    /// A box that is no number cannot be written in JSON; it becomes `null`s, which no reader
    /// accepts. [`Self::write`] refuses such a track.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        write_track(self, &mut out);
        out
    }

    /// Writes a whole file or nothing: a temporary file in the same folder, synced, renamed.
    ///
    /// # Errors
    /// A track with defects (a strict reader would refuse the file), or the system's word.
    pub fn write(&self, path: &Path) -> Result<(), TruthError> {
        let of = TruthError::of(path);
        let defects = self.defects();
        if !defects.is_empty() {
            return Err(of(TruthTrouble::Defects(defects)));
        }
        let text = self.to_json();
        if text.len() as u64 > BYTES_MAX {
            let what = format!("{} MB where {} are read", text.len() >> 20, BYTES_MAX >> 20);
            return Err(of(TruthTrouble::TooLarge(what)));
        }
        crate::files::write_whole(path, text.as_bytes()).map_err(|e| of(TruthTrouble::Write(e)))
    }
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, TruthError> {
    let of = TruthError::of(path);
    let read = || {
        let file = std::fs::File::open(path)?;
        let mut bytes = Vec::new();
        // One more than allowed tells a file that is too long from one that just fits.
        file.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|e| of(TruthTrouble::Read(e)))?;
    if bytes.len() as u64 > BYTES_MAX {
        let what = format!("more than {} MB", BYTES_MAX >> 20);
        return Err(of(TruthTrouble::TooLarge(what)));
    }
    Ok(bytes)
}

fn parse(json: &[u8]) -> Result<RawTrack, TruthTrouble> {
    let not_json = |e: serde_json::Error| TruthTrouble::Json(e.to_string());
    // A byte order mark is what some editors put in front.
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    // The head first: a later version may differ in everything else.
    let head: Head = serde_json::from_slice(json).map_err(not_json)?;
    match head.format {
        Some(Value::String(f)) if f == FORMAT => {}
        Some(Value::String(f)) => {
            let f: String = f.chars().take(40).collect();
            return Err(TruthTrouble::NotTruth(format!("\"{f}\"")));
        }
        Some(_) => return Err(TruthTrouble::NotTruth("no text".to_owned())),
        None => return Err(TruthTrouble::NotTruth("missing".to_owned())),
    }
    match head.version {
        Some(1..=VERSION) => {}
        Some(0) | None => return Err(TruthTrouble::Json("`version` is missing or 0".to_owned())),
        Some(found) => return Err(TruthTrouble::Newer { found, known: VERSION }),
    }
    let raw: RawTrack = serde_json::from_slice(json).map_err(not_json)?;
    if raw.width > SIDE_MAX || raw.height > SIDE_MAX {
        let what = format!("{}x{} pixels where {SIDE_MAX} a side are read", raw.width, raw.height);
        return Err(TruthTrouble::TooLarge(what));
    }
    if raw.sources.len() > SOURCES_MAX {
        let what = format!("{} sources where {SOURCES_MAX} are read", raw.sources.len());
        return Err(TruthTrouble::TooLarge(what));
    }
    let entries: usize = raw.sources.iter().map(|s| s.sounding.len() + s.moments.len()).sum();
    if entries > ENTRIES_MAX {
        let what = format!("{entries} spans and moments where {ENTRIES_MAX} are read");
        return Err(TruthTrouble::TooLarge(what));
    }
    Ok(raw)
}

fn build(raw: RawTrack, defects: &mut Defects) -> TruthTrack {
    let text = |v: Value| match v {
        Value::String(s) => s,
        other => other.to_string(),
    };
    let mut track = TruthTrack {
        width: raw.width,
        height: raw.height,
        duration: MediaTime::from_nanos(raw.duration),
        sources: Vec::with_capacity(raw.sources.len()),
        about: raw.about.into_iter().map(|(k, v)| (k, text(v))).collect(),
    };
    for source in raw.sources {
        let name = (source.id, source.kind.as_str());
        let between = match source.between.as_deref() {
            None | Some("hold") => Between::Hold,
            Some("linear") => Between::Linear,
            Some(other) => {
                let other: String = other.chars().take(40).collect();
                let what =
                    format!("`between` is \"{other}\", not \"hold\" or \"linear\"; hold is taken");
                defects.add(Some(name), None, what);
                Between::Hold
            }
        };
        let span = |s: [i64; 2]| {
            let [start, end] = s.map(MediaTime::from_nanos);
            Span { start, end }
        };
        let sounding = source.sounding.into_iter().map(span).collect();
        let mut moments = Vec::with_capacity(source.moments.len());
        for (i, m) in source.moments.into_iter().enumerate() {
            let time = MediaTime::from_nanos(m.time);
            let bbox = match m.bbox.as_deref() {
                None => None,
                Some(&[x0, y0, x1, y1]) => {
                    let [x0, y0, x1, y1] = [x0, y0, x1, y1].map(|v| v.unwrap_or(f64::NAN));
                    Some(TruthBox { x0, y0, x1, y1 })
                }
                Some(other) => {
                    let n = other.len();
                    let what = format!("a box has four edges, not {n}; the moment is left out");
                    defects.add(Some(name), Some((i, time)), what);
                    continue;
                }
            };
            let mask = m.mask.and_then(|m| {
                mask_of(m)
                    .map_err(|e| {
                        let what = format!("the mask cannot be read: {e}; left out");
                        defects.add(Some(name), Some((i, time)), what);
                    })
                    .ok()
            });
            moments.push(Moment { time, bbox, mask });
        }
        track.sources.push(Source {
            id: source.id,
            kind: source.kind,
            variant: source.variant,
            sounding,
            moments,
            between,
        });
    }
    track
}

/// COCO says height before width.
fn mask_of(raw: RawMask) -> Result<Mask, String> {
    let [height, width] = raw.size;
    if width > SIDE_MAX || height > SIDE_MAX {
        return Err(format!("{width}x{height} pixels where {SIDE_MAX} a side are read"));
    }
    match raw.counts {
        RawCounts::Compressed(text) => Mask::from_coco(width, height, &text),
        RawCounts::Plain(runs) => Mask::from_runs(width, height, runs)
            .ok_or_else(|| "the runs do not cover the picture".to_owned()),
    }
}

fn write_track(track: &TruthTrack, out: &mut String) {
    // Writing to a `String` never fails.
    let _ = write!(
        out,
        "{{\n\"format\": \"{FORMAT}\",\n\"version\": {VERSION},\n\"width\": {},\n\"height\": {},\n\
         \"duration\": {},\n\"about\": {},\n\"sources\": [",
        track.width,
        track.height,
        track.duration.as_nanos(),
        json_map(&track.about),
    );
    for (i, source) in track.sources.iter().enumerate() {
        out.push_str(if i == 0 { "\n" } else { ",\n" });
        let between = match source.between {
            Between::Hold => "hold",
            Between::Linear => "linear",
        };
        let spans: Vec<_> = source
            .sounding
            .iter()
            .map(|s| format!("[{}, {}]", s.start.as_nanos(), s.end.as_nanos()))
            .collect();
        let _ = write!(
            out,
            "{{\"id\": {}, \"kind\": {}, \"variant\": {}, \"between\": \"{between}\",\n\
             \"sounding\": [{}],\n\"moments\": [",
            source.id,
            json_text(&source.kind),
            json_text(&source.variant),
            spans.join(", "),
        );
        for (k, moment) in source.moments.iter().enumerate() {
            out.push_str(if k == 0 { "\n" } else { ",\n" });
            let _ = write!(out, " {{\"time\": {}, \"box\": ", moment.time.as_nanos());
            match moment.bbox {
                None => out.push_str("null"),
                Some(b) => {
                    let edges = [b.x0, b.y0, b.x1, b.y1].map(json_number);
                    let _ = write!(out, "[{}]", edges.join(", "));
                }
            }
            if let Some(mask) = &moment.mask {
                let _ = write!(
                    out,
                    ", \"mask\": {{\"size\": [{}, {}], \"counts\": {}}}",
                    mask.height(),
                    mask.width(),
                    json_text(&mask.to_coco()),
                );
            }
            out.push('}');
        }
        out.push_str("]}");
    }
    out.push_str("\n]\n}\n");
}

fn json_text(text: &str) -> String {
    Value::from(text).to_string()
}

fn json_map(map: &BTreeMap<String, String>) -> String {
    Value::Object(map.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str()))).collect())
        .to_string()
}

/// Whole numbers without a point; what JSON cannot say is `null`.
fn json_number(v: f64) -> String {
    if v.is_finite() { format!("{v}") } else { "null".to_owned() }
}

#[cfg(test)]
mod tests;
