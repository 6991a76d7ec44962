//! `fnac localize`: maps of files, by the same code as the window.

mod options;
mod overlay;
mod sound;
mod spool;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail};
use clap::ArgMatches;

use self::options::Options;
pub use self::options::args;
use self::overlay::Drawing;
use self::sound::{Heard, Listener};
use self::spool::{Kind, Spool};
use super::{CliResult, Failure, Outcome, Progress, stop_requested};
use crate::infer::{FrameEmbedding, Localizer, MapSummary, cache_dir, display_threshold};
use crate::media::{CancelToken, FrameReader, FrameReaderOptions, MediaSource};
use crate::model::{
    AudioEmbedding, Checkpoint, CheckpointKind, DeviceChoice, ObjectTower, OpenStep, TrialStore,
    open_towers, read_or_builtin,
};
use crate::overlay::yuv::rgb_from_planes;
use crate::units::{CellGeometry, FrameIndex, GRID, LocalizationMap};

/// Frames whose numbers are printed when they are left out.
const FRAMES_NAMED: usize = 12;

/// Runs it.
pub fn run(m: &ArgMatches) -> CliResult {
    let options = Options::new(m)?;
    let stop = stop_requested();
    let checkpoint = Arc::new(read_or_builtin(options.checkpoint.as_deref())?);
    if let (None, false, Some(remark)) =
        (&options.checkpoint, options.quiet, &checkpoint.card.remark)
    {
        eprintln!("fnac: {}: {remark}", checkpoint.card.name);
    }
    for note in &checkpoint.notes {
        eprintln!("fnac: {}: {note}", shown(options.checkpoint.as_deref()));
    }
    if checkpoint.kind != CheckpointKind::Fnac {
        return Err(Failure::Nothing(anyhow::anyhow!(
            "`{}` holds {}; --checkpoint wants {}",
            shown(options.checkpoint.as_deref()),
            checkpoint.kind.name(),
            CheckpointKind::Fnac.name()
        )));
    }
    std::fs::create_dir_all(&options.out).with_context(|| {
        format!("cannot make the folder `{}`; choose another with -o", options.out.display())
    })?;
    let mut localizer = open_localizer(&checkpoint, &options)?;
    let mut left_out = Vec::new();
    let mut done = 0;
    for source in &options.sources {
        if stop.load(Ordering::SeqCst) {
            return Ok(Outcome::Interrupted);
        }
        let name = source.display_name();
        match Job::new(source, &checkpoint, &options, &stop).and_then(|job| job.run(&mut localizer))
        {
            Ok(Finished::Whole) => done += 1,
            Ok(Finished::WithGaps(notes)) => {
                done += 1;
                left_out.extend(notes.into_iter().map(|n| format!("{name}: {n}")));
            }
            Ok(Finished::Stopped) => return Ok(Outcome::Interrupted),
            Err(_) if stop.load(Ordering::SeqCst) => return Ok(Outcome::Interrupted),
            Err(e) => left_out.push(format!("{e:#}")),
        }
    }
    if done == 0 {
        return Err(Failure::Nothing(anyhow::anyhow!("{}", left_out.join("\nfnac: "))));
    }
    for line in &left_out {
        eprintln!("fnac: left out: {line}");
    }
    Ok(if left_out.is_empty() { Outcome::Done } else { Outcome::LeftOut })
}

fn shown(path: Option<&Path>) -> String {
    path.map_or_else(String::new, |p| p.display().to_string())
}

fn open_localizer(checkpoint: &Checkpoint, options: &Options) -> Result<Localizer, Failure> {
    let trials = TrialStore::open(cache_dir().as_deref());
    let quiet = options.quiet;
    let step = |s: OpenStep| match s {
        OpenStep::Trying(device) if !quiet => {
            eprintln!("fnac: trying {device} for the first time on this machine");
        }
        OpenStep::Preparing(device) if !quiet => {
            eprintln!("fnac: preparing {device}; the first time takes seconds");
        }
        _ => {}
    };
    let opened = open_towers(checkpoint, options.device, &trials, &[], &step)?;
    if !quiet && options.device == DeviceChoice::Auto {
        eprintln!("fnac: the network runs on {} ({})", opened.device, opened.reason);
    }
    let mut localizer = Localizer::open(checkpoint, opened.towers);
    if let Some(path) = &options.object_tower {
        let object = Checkpoint::read(path)?;
        localizer.set_object(Some(Box::new(ObjectTower::on_cpu(&object, 0)?)));
    }
    Ok(localizer)
}

/// How an input ended.
enum Finished {
    Whole,
    /// Files are written, but these frames are not in them.
    WithGaps(Vec<String>),
    /// Ctrl-C: nothing of this input is on disk.
    Stopped,
}

/// One input.
struct Job<'a> {
    source: &'a MediaSource,
    checkpoint: &'a Checkpoint,
    options: &'a Options,
    stop: &'a Arc<AtomicBool>,
    stem: PathBuf,
    geometry: CellGeometry,
    threshold: f32,
}

/// The map of one frame with everything that is written about it.
struct Row<'a> {
    frame: FrameIndex,
    pts: f64,
    map: LocalizationMap,
    picture: &'a FrameEmbedding,
    sound: &'a AudioEmbedding,
}

impl<'a> Job<'a> {
    fn new(
        source: &'a MediaSource,
        checkpoint: &'a Checkpoint,
        options: &'a Options,
        stop: &'a Arc<AtomicBool>,
    ) -> anyhow::Result<Self> {
        let stem = source.picture_path().file_stem().unwrap_or(OsStr::new("input"));
        Ok(Self {
            source,
            checkpoint,
            options,
            stop,
            stem: options.out.join(stem),
            geometry: checkpoint.card.cell_geometry.unwrap_or_default(),
            threshold: display_threshold(&checkpoint.card),
        })
    }

    /// `DIR/<stem>` with an ending added (a stem may hold dots of its own).
    fn output(&self, ending: &str) -> PathBuf {
        let mut name = self.stem.clone().into_os_string();
        name.push(ending);
        name.into()
    }

    fn run(&self, localizer: &mut Localizer) -> anyhow::Result<Finished> {
        let cancel = CancelToken::from_flag(self.stop.clone());
        let options = FrameReaderOptions { threads: 0, cancel: cancel.clone() };
        let mut reader = FrameReader::open(self.source, options)?;
        if self.options.reference {
            // The official loader looks at the pixels alone.
            reader.ignore_picture_orientation();
        }
        let info = reader.info().clone();
        for warning in &info.warnings {
            tracing::debug!("{}: {warning:?}", self.source.display_name());
        }
        let still = info.video.as_ref().is_some_and(|v| v.still);
        let rate = self.checkpoint.card.sample_rate;
        let mut listener = Listener::open(self.source, &info, rate, self.options, &cancel)?;
        let total = (reader.index().len() as u64).div_ceil(u64::from(self.options.every));
        let mut progress =
            Progress::new(self.source.display_name(), Some(total), self.options.quiet);

        let near = self.stem.parent().unwrap_or(Path::new("."));
        let mut spool = self.new_spool(localizer, near)?;
        let mut csv = self.new_csv(near)?;
        let mut drawing = Drawing::new(self, &info, reader.index(), near)?;
        let (mut rows, mut silent, mut unreadable) = (0u64, Vec::new(), None);
        loop {
            if self.stop.load(Ordering::SeqCst) {
                return Ok(Finished::Stopped);
            }
            let frame = match reader.next_frame() {
                Ok(Some(f)) => f,
                Ok(None) => break,
                Err(_) if self.stop.load(Ordering::SeqCst) => return Ok(Finished::Stopped),
                Err(e) => {
                    // What was decoded before stays.
                    unreadable = Some(e.to_string());
                    break;
                }
            };
            if frame.index.0 % self.options.every != 0 {
                continue;
            }
            let heard = listener.at(localizer, frame.time)?;
            progress.add(1);
            let sound = match heard {
                Heard::Stopped => return Ok(Finished::Stopped),
                Heard::NoSound => {
                    silent.push(frame.index);
                    continue;
                }
                Heard::Embedded(sound) => sound,
            };
            let rgb = rgb_from_planes(&frame.picture);
            let picture = localizer.embed_frame(&rgb, self.options.fine)?;
            let row = Row {
                frame: frame.index,
                pts: if still { 0.0 } else { frame.time.as_secs_f64() },
                map: picture.map(&sound),
                picture: &picture,
                sound: &sound,
            };
            self.write_row(&mut spool, &mut csv, &row)?;
            drawing.add(&frame, &row)?;
            rows += 1;
        }
        drop(progress);
        let mut notes = gaps(&silent, self.checkpoint.card.sample_rate);
        for warning in reader.warnings() {
            notes.push(format!("{warning}"));
        }
        if let Some(cause) = unreadable {
            notes.push(cause);
        }
        if let Some(note) = listener.note() {
            notes.push(note);
        }
        if rows == 0 {
            let why =
                if notes.is_empty() { "it has no frame".to_owned() } else { notes.join("; ") };
            bail!("{}: no map could be computed: {why}", self.source.display_name());
        }
        if self.stop.load(Ordering::SeqCst) {
            return Ok(Finished::Stopped);
        }
        if !drawing.finish(self)? {
            return Ok(Finished::Stopped);
        }
        self.finish(spool, csv, localizer, &notes)?;
        Ok(if notes.is_empty() { Finished::Whole } else { Finished::WithGaps(notes) })
    }

    fn new_spool(&self, localizer: &Localizer, near: &Path) -> anyhow::Result<Spool> {
        let mut spool = Spool::new();
        let mut add = |name, kind, row: &[usize]| {
            spool.add(name, kind, row, near).with_context(|| unwritable(near))
        };
        add("maps", Kind::F32, &[GRID, GRID])?;
        add("pts", Kind::F64, &[])?;
        add("frame", Kind::I64, &[])?;
        add("audio_embedding", Kind::F32, &[localizer.dim()])?;
        if self.options.embeddings {
            add("image_embedding", Kind::F32, &[localizer.dim(), GRID, GRID])?;
        }
        if self.options.fine > 0 {
            let side = GRID * usize::from(self.options.fine);
            add("fine_maps", Kind::F32, &[side, side])?;
        }
        if localizer.has_object() {
            add("object_prior", Kind::F32, &[GRID, GRID])?;
        }
        Ok(spool)
    }

    fn new_csv(&self, near: &Path) -> anyhow::Result<csv::Writer<tempfile::NamedTempFile>> {
        let file = crate::files::temporary_in(near);
        let mut csv = csv::Writer::from_writer(file.with_context(|| unwritable(near))?);
        csv.write_record([
            "frame",
            "pts",
            "peak",
            "peak_x",
            "peak_y",
            "area",
            "centroid_x",
            "centroid_y",
        ])?;
        Ok(csv)
    }

    fn write_row(
        &self,
        spool: &mut Spool,
        csv: &mut csv::Writer<tempfile::NamedTempFile>,
        row: &Row<'_>,
    ) -> anyhow::Result<()> {
        spool.push_f32("maps", &row.map.0)?;
        spool.push_f64("pts", row.pts)?;
        spool.push_i64("frame", i64::from(row.frame.0))?;
        spool.push_f32("audio_embedding", &row.sound.data)?;
        if self.options.embeddings {
            spool.push_f32("image_embedding", &row.picture.plain.data)?;
        }
        if let Some(fine) = row.picture.fine_map(row.sound) {
            spool.push_f32("fine_maps", fine.grid().cells)?;
        }
        if let Some(prior) = &row.picture.prior {
            spool.push_f32("object_prior", prior)?;
        }
        let s = MapSummary::new(&row.map.grid(), self.geometry, self.threshold);
        let [peak_x, peak_y] = s.peak_at;
        let [centroid_x, centroid_y] = s.centroid;
        csv.write_record([
            row.frame.to_string(),
            format!("{:.6}", row.pts),
            format!("{:.6}", s.peak),
            format!("{peak_x:.6}"),
            format!("{peak_y:.6}"),
            format!("{:.6}", s.area),
            format!("{centroid_x:.6}"),
            format!("{centroid_y:.6}"),
        ])?;
        Ok(())
    }

    /// Everything is computed: now the files get their names.
    fn finish(
        &self,
        spool: Spool,
        csv: csv::Writer<tempfile::NamedTempFile>,
        localizer: &Localizer,
        notes: &[String],
    ) -> anyhow::Result<()> {
        let card = &self.checkpoint.card;
        let mut metadata = BTreeMap::from([
            ("fnac_version", env!("CARGO_PKG_VERSION").to_owned()),
            ("checkpoint_sha256", self.checkpoint.sha256.clone()),
            ("input", self.source.display_name()),
            ("sample_rate", card.sample_rate.to_string()),
            ("preprocessing", card.preprocessing.clone()),
            ("device", localizer.describe()),
            ("cell_geometry", self.geometry.to_string()),
            ("display_threshold", self.threshold.to_string()),
            ("sound", if self.options.reference { "reference" } else { "centred" }.to_owned()),
            ("every", self.options.every.to_string()),
        ]);
        if !notes.is_empty() {
            metadata.insert("left_out", notes.join("; "));
        }
        let metadata = metadata.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        let tensors = self.output(".safetensors");
        let table = self.output(".csv");
        let mut file = csv.into_inner().map_err(|e| anyhow::anyhow!("{}", e.error()))?;
        file.flush()?;
        crate::files::put_in_place(file, &table).with_context(|| unwritable(&table))?;
        spool.finish(&tensors, &metadata).with_context(|| unwritable(&tensors))
    }
}

fn unwritable(path: &Path) -> String {
    format!(
        "cannot write `{}`: check that there is room and that you may write there",
        path.display()
    )
}

/// Words about the frames without sound.
fn gaps(silent: &[FrameIndex], rate: u32) -> Vec<String> {
    if silent.is_empty() {
        return Vec::new();
    }
    let named: Vec<_> = silent.iter().take(FRAMES_NAMED).map(ToString::to_string).collect();
    let more = silent.len().saturating_sub(FRAMES_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    vec![format!(
        "{} frames have no sound in their 3 s at {rate} Hz and so no map (frames {}{more})",
        silent.len(),
        named.join(", ")
    )]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_of_frames_are_cut() {
        let frames: Vec<_> = (0..20).map(FrameIndex).collect();
        let text = gaps(&frames, 16_000).remove(0);
        assert!(text.starts_with("20 frames") && text.contains("11 and 8 more"), "{text}");
        assert!(gaps(&[], 16_000).is_empty());
    }
}
