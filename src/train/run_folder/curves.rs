//! `curves.csv` and `validation.csv`: one row a step, one row a validation.
//!
//! Rows are appended with one write each, so that a kill leaves at most a last row without its
//! end; [`repair`] takes that away, and with it what lies after the last saved step: a run that
//! goes on writes those rows again.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::data::DataError;
use crate::train::events::{Stage, StepRow, Validation};
use crate::train::loss::{LOSS_TERMS, LossValues, TERMS};

/// Columns around those of [`LOSS_TERMS`]: the contract's first.
const BEFORE: [&str; 3] = ["step", "epoch", "loss"];
const AFTER: [&str; 9] = [
    "learning_rate",
    "seconds",
    "picture_finds_sound",
    "sound_finds_picture",
    "grad_norm",
    "wait",
    "compute",
    "pairs",
    "stage",
];
/// A figure of a validation that may be unknown: its column, and where it lies.
struct Figure {
    column: &'static str,
    of: fn(&mut Validation) -> &mut Option<f64>,
}

/// The columns of `validation.csv` between the counts and [`VALIDATION_AFTER`].
const FIGURES: &[Figure] = &[
    Figure { column: "success", of: |v| &mut v.success },
    Figure { column: "mean_ciou", of: |v| &mut v.mean_ciou },
    Figure { column: "auc", of: |v| &mut v.auc },
    Figure { column: "adaptive", of: |v| &mut v.adaptive },
    Figure { column: "adaptive_mean", of: |v| &mut v.adaptive_mean },
    Figure { column: "pointing", of: |v| &mut v.pointing },
    Figure { column: "loss", of: |v| &mut v.loss },
    Figure { column: "chance", of: |v| &mut v.chance },
    Figure { column: "no_source_auroc", of: |v| &mut v.no_source_auroc },
    Figure { column: "map_spread", of: |v| &mut v.map_spread },
    Figure { column: "sound_likeness", of: |v| &mut v.sound_likeness },
];
const VALIDATION_BEFORE: [&str; 4] = ["step", "epoch", "scored", "listed"];
const VALIDATION_AFTER: [&str; 2] = ["seconds", "protocol"];
/// Bytes at the end of a file in which its last row is looked for.
const TAIL: u64 = 8 << 10;
/// More rows are not read: a year of steps.
const MAX_BYTES: u64 = 4 << 30;

/// The stages that have steps, by their names in the file and in their order in a run.
const STAGES: [(Stage, &str); 3] = [
    (Stage::WarmImage, "warm-image"),
    (Stage::WarmSound, "warm-sound"),
    (Stage::Training, "train"),
];

/// Where in a run a row stands; rows are sorted by this.
pub fn place(stage: Stage, step: u64) -> (usize, u64) {
    (STAGES.iter().position(|(s, _)| *s == stage).unwrap_or(STAGES.len()), step)
}

/// The first line of `curves.csv`.
pub fn curves_header() -> String {
    let terms = LOSS_TERMS.iter().map(|t| t.column.to_owned());
    let weights = LOSS_TERMS.iter().map(|t| format!("weight_{}", t.column));
    let (before, after) = (BEFORE.map(str::to_owned), AFTER.map(str::to_owned));
    let all = before.into_iter().chain(terms).chain(after).chain(weights);
    all.collect::<Vec<_>>().join(",") + "\n"
}

/// A row of `curves.csv`. Numbers read back as they are.
pub fn curves_line(row: &StepRow) -> String {
    let stage = STAGES.iter().find(|(s, _)| *s == row.stage).map_or("other", |(_, name)| name);
    let [picture, sound] = row.halves;
    let mut line = format!("{},{},{}", row.step, row.epoch, row.losses.total());
    for term in row.losses.terms {
        line.push_str(&format!(",{term}"));
    }
    line.push_str(&format!(
        ",{},{},{picture},{sound},{},{},{},{},{stage}",
        row.learning_rate, row.seconds, row.grad_norm, row.wait, row.compute, row.pairs
    ));
    for weight in row.losses.weights {
        line.push_str(&format!(",{weight}"));
    }
    line.push('\n');
    line
}

/// A row of [`curves_line`] back; `None` when it is none.
fn parse_row(line: &str) -> Option<StepRow> {
    let mut fields = line.trim_end_matches(['\r', '\n']).split(',');
    let mut next = || fields.next();
    let step = next()?.parse().ok()?;
    let epoch = next()?.parse().ok()?;
    let _total: f64 = next()?.parse().ok()?;
    let mut number = || next()?.parse::<f64>().ok();
    let mut terms = [0.0; TERMS];
    for term in &mut terms {
        *term = number()?;
    }
    let (learning_rate, seconds) = (number()?, number()?);
    let halves = [number()?, number()?];
    let (grad_norm, wait, compute) = (number()?, number()?, number()?);
    let pairs = next()?.parse().ok()?;
    let name = next()?;
    let stage = STAGES.iter().find(|(_, n)| *n == name)?.0;
    let mut weights = [0.0; TERMS];
    for weight in &mut weights {
        *weight = next()?.parse().ok()?;
    }
    if next().is_some() {
        return None;
    }
    let losses = LossValues { terms, weights };
    Some(StepRow {
        step,
        epoch,
        stage,
        losses,
        halves,
        grad_norm,
        learning_rate,
        seconds,
        wait,
        compute,
        pairs,
    })
}

/// All rows of a run's `curves.csv`; none when there is no such file yet. A last row that a kill
/// cut off is passed over.
///
/// # Errors
/// The file cannot be read, or holds something else.
pub fn read_curves(path: &Path) -> Result<Vec<StepRow>, DataError> {
    let Some(text) = read_text(path)? else { return Ok(Vec::new()) };
    let mut lines = whole_lines(&text);
    if lines.next().is_some_and(|first| *first != *curves_header()) {
        return Err(other_columns(path));
    }
    lines.zip(2..).map(|(line, n)| parse_row(line).ok_or_else(|| broken_row(path, n))).collect()
}

/// The last whole row, without reading what is before it.
pub fn last_row(path: &Path) -> Option<StepRow> {
    let mut file = File::open(path).ok()?;
    let len = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(TAIL))).ok()?;
    let mut tail = String::new();
    // The cut may go through the header only, which is ASCII.
    file.take(TAIL).read_to_string(&mut tail).ok()?;
    whole_lines(&tail).filter_map(parse_row).last()
}

/// The first line of `validation.csv`.
pub fn validation_header() -> String {
    let figures = FIGURES.iter().map(|f| f.column);
    let all = VALIDATION_BEFORE.into_iter().chain(figures).chain(VALIDATION_AFTER);
    all.collect::<Vec<_>>().join(",") + "\n"
}

/// A row of `validation.csv`.
pub fn validation_line(v: &Validation) -> String {
    let mut v = v.clone();
    let mut line = format!("{},{},{},{}", v.step, v.epoch, v.scored, v.listed);
    for figure in FIGURES {
        line.push(',');
        line.push_str(&(figure.of)(&mut v).map_or(String::new(), |x| x.to_string()));
    }
    // Words: what would break the row goes.
    let words = v.protocol.replace([',', '\n', '\r', '"'], ";");
    line.push_str(&format!(",{},{words}\n", v.seconds));
    line
}

fn parse_validation(line: &str) -> Option<Validation> {
    let mut fields = line.trim_end_matches(['\r', '\n']).split(',');
    let mut next = || fields.next();
    let mut v = Validation {
        step: next()?.parse().ok()?,
        epoch: next()?.parse().ok()?,
        scored: next()?.parse().ok()?,
        listed: next()?.parse().ok()?,
        ..Validation::default()
    };
    for figure in FIGURES {
        *(figure.of)(&mut v) = match next()? {
            "" => None,
            text => Some(text.parse().ok()?),
        };
    }
    v.seconds = next()?.parse().ok()?;
    next()?.clone_into(&mut v.protocol);
    next().is_none().then_some(v)
}

/// All validations of a run, as [`read_curves`].
///
/// # Errors
/// The file cannot be read, or holds something else.
pub fn read_validation(path: &Path) -> Result<Vec<Validation>, DataError> {
    let Some(text) = read_text(path)? else { return Ok(Vec::new()) };
    let mut lines = whole_lines(&text);
    if lines.next().is_some_and(|first| *first != *validation_header()) {
        return Err(other_columns(path));
    }
    lines
        .zip(2..)
        .map(|(line, n)| parse_validation(line).ok_or_else(|| broken_row(path, n)))
        .collect()
}

/// Takes away what a resumed run writes again: rows of `curves.csv` at or after `place`, rows of
/// `validation.csv` after its step, and rows that were cut off.
///
/// # Errors
/// A file cannot be read or written, or holds something else.
pub fn repair(curves: &Path, validation: &Path, until: (Stage, u64)) -> Result<(), DataError> {
    let until = place(until.0, until.1);
    repair_rows(curves, &curves_header(), |line| {
        parse_row(line).map(|row| place(row.stage, row.step) < until)
    })?;
    let trains = until.0 == place(Stage::Training, 0).0;
    repair_rows(validation, &validation_header(), |line| {
        parse_validation(line).map(|v| trains && v.step <= until.1)
    })
}

/// Cuts a file before the first row that `keep` does not keep. `None` of it means a broken row.
fn repair_rows(
    path: &Path,
    header: &str,
    keep: impl Fn(&str) -> Option<bool>,
) -> Result<(), DataError> {
    let Some(text) = read_text(path)? else { return Ok(()) };
    let mut lines = whole_lines(&text);
    let mut end = match lines.next() {
        None => 0,
        Some(first) if first == header => first.len(),
        Some(_) => return Err(other_columns(path)),
    };
    for line in lines {
        if keep(line) != Some(true) {
            break;
        }
        end += line.len();
    }
    if end == text.len() {
        return Ok(());
    }
    let cut = || OpenOptions::new().write(true).open(path)?.set_len(end as u64);
    cut().map_err(|e| DataError::write(path, &e))
}

/// Lines with their ends; a last one without an end is left out.
fn whole_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n').filter(|line| line.ends_with('\n'))
}

fn read_text(path: &Path) -> Result<Option<String>, DataError> {
    let remedy = "Move the file away: the run goes on with a new one.";
    let refuse = |cause: String| DataError::read(path, cause, remedy);
    match std::fs::metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(refuse(e.to_string())),
        Ok(meta) if meta.len() > MAX_BYTES => return Err(refuse("it is too large".into())),
        Ok(_) => {}
    }
    let bytes = std::fs::read(path).map_err(|e| refuse(e.to_string()))?;
    // A disk that lost power may leave zeros at the end; rows are ASCII but for a protocol's name.
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

fn other_columns(path: &Path) -> DataError {
    let remedy = "It was written by another version or program: move it away.";
    DataError::read(path, "its columns are not those of this fnac", remedy)
}

fn broken_row(path: &Path, line: usize) -> DataError {
    let remedy = "Going on with the run repairs it; or mend that line.";
    DataError::read(path, format!("line {line} is no whole row"), remedy)
}

/// A file that grows by whole rows.
#[derive(Debug)]
pub struct RowFile {
    path: PathBuf,
    file: File,
    /// Length up to the last whole row.
    len: u64,
    /// Rows that could not be written yet.
    waiting: String,
}

impl RowFile {
    /// Opens the file to append to, or begins it with a header.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path, header: &str) -> Result<Self, DataError> {
        let failed = |e: io::Error| DataError::write(path, &e);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path);
        let mut file = file.map_err(failed)?;
        let len = file.seek(SeekFrom::End(0)).map_err(failed)?;
        let mut rows = Self { path: path.to_owned(), file, len, waiting: String::new() };
        if len == 0 {
            header.clone_into(&mut rows.waiting);
            rows.flush()?;
        }
        Ok(rows)
    }

    /// Appends a row. One that cannot be written stays in memory and is tried again with the next.
    ///
    /// # Errors
    /// What the system says; the file ends with a whole row all the same.
    pub fn append(&mut self, line: &str) -> Result<(), DataError> {
        self.waiting.push_str(line);
        self.flush()
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn flush(&mut self) -> Result<(), DataError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let mut write = || {
            self.file.seek(SeekFrom::Start(self.len))?;
            self.file.write_all(self.waiting.as_bytes())
        };
        if let Err(e) = write() {
            // A part may have found room: the file ends where it did.
            self.file.set_len(self.len).ok();
            return Err(DataError::write(&self.path, &e));
        }
        self.len += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }

    /// Forces what was written to the disk, so that no saved step is ahead of its row.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn sync(&mut self) -> Result<(), DataError> {
        self.flush()?;
        self.file.sync_data().map_err(|e| DataError::write(&self.path, &e))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn row(stage: Stage, step: u64) -> StepRow {
        let x = step as f64;
        StepRow {
            step,
            epoch: step / 4,
            stage,
            losses: LossValues {
                terms: [f64::from(0.1f32) + x, 1.0 / 3.0, 2e-17, 5.0],
                weights: [1.0, 0.0, 25.0, 100.0],
            },
            halves: [0.1, 0.2 + x],
            grad_norm: 1e300,
            learning_rate: 1e-4 / 3.0,
            seconds: x * 0.07,
            wait: 0.001,
            compute: 0.069,
            pairs: 32,
        }
    }

    fn validation(step: u64) -> Validation {
        Validation {
            step,
            epoch: 2,
            scored: 9,
            listed: 10,
            success: Some(1.0 / 3.0),
            adaptive: Some(0.5),
            loss: None,
            protocol: "half-map, \"bilinear\"".into(),
            seconds: 1.25,
            ..Validation::default()
        }
    }

    fn write(path: &Path, rows: &[StepRow]) {
        let mut file = RowFile::open(path, &curves_header()).unwrap();
        rows.iter().for_each(|r| file.append(&curves_line(r)).unwrap());
    }

    #[test]
    fn the_contracts_columns_come_first_and_rows_read_back_bit_for_bit() {
        let contract = "step,epoch,loss,contrastive,fns_audio,tne,fns_image,learning_rate,seconds,";
        assert!(curves_header().starts_with(contract), "{}", curves_header());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("curves.csv");
        assert_eq!(read_curves(&path).unwrap(), []);
        let mut rows = vec![row(Stage::WarmImage, 0), row(Stage::WarmSound, 0)];
        rows.extend((0..200).map(|n| row(Stage::Training, n)));
        write(&path, &rows);
        assert_eq!(read_curves(&path).unwrap(), rows);
        assert_eq!(last_row(&path).as_ref(), rows.last());
        let first = std::fs::read_to_string(&path).unwrap();
        let mut table = csv::Reader::from_reader(first.as_bytes());
        let loss: f64 = table.records().next().unwrap().unwrap()[2].parse().unwrap();
        assert_eq!(loss, rows[0].losses.total());
        assert_eq!(last_row(&dir.path().join("none")), None);
    }

    #[test]
    fn not_a_number_reads_back_as_such() {
        let mut r = row(Stage::Training, 3);
        r.grad_norm = f64::INFINITY;
        r.losses.terms[0] = f64::NAN;
        let back = parse_row(&curves_line(&r)).unwrap();
        assert!(back.losses.terms[0].is_nan() && back.grad_norm == f64::INFINITY);
    }

    #[test]
    fn validations_read_back_with_what_is_unknown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("validation.csv");
        let mut file = RowFile::open(&path, &validation_header()).unwrap();
        for step in [10, 20] {
            file.append(&validation_line(&validation(step))).unwrap();
        }
        let read = read_validation(&path).unwrap();
        let mut want = validation(20);
        want.protocol = "half-map; ;bilinear;".into();
        assert_eq!(read[1], want);
        assert_eq!(read.len(), 2);
    }

    #[test]
    fn rows_after_the_saved_step_and_cut_rows_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("curves.csv");
        let checks = dir.path().join("validation.csv");
        let mut rows = vec![row(Stage::WarmImage, 0), row(Stage::WarmImage, 1)];
        rows.extend((0..9).map(|n| row(Stage::Training, n)));
        write(&path, &rows);
        let mut file = RowFile::open(&checks, &validation_header()).unwrap();
        [4, 8].iter().for_each(|s| file.append(&validation_line(&validation(*s))).unwrap());
        let whole = std::fs::read(&path).unwrap();
        // Whatever a kill leaves of the last row, down to the header alone.
        for cut in [0, 1, 40, whole.len() / 2] {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            repair(&path, &checks, (Stage::Training, 4)).unwrap();
            let left = read_curves(&path).unwrap();
            assert!(left.len() <= 6 && rows.starts_with(&left), "{cut}: {}", left.len());
            assert_eq!(left.len() == 6, cut < whole.len() / 2);
            write(&path, &rows[left.len()..]);
            assert_eq!(read_curves(&path).unwrap(), rows, "and it goes on without a gap");
        }
        assert_eq!(read_validation(&checks).unwrap().len(), 1);
        repair(&path, &checks, (Stage::WarmImage, 1)).unwrap();
        assert_eq!(read_curves(&path).unwrap(), rows[..1]);
        assert_eq!(read_validation(&checks).unwrap(), []);
        // A header without its end is written anew.
        std::fs::write(&path, &whole[..10]).unwrap();
        repair(&path, &checks, (Stage::Training, 4)).unwrap();
        write(&path, &rows);
        assert_eq!(read_curves(&path).unwrap(), rows);
    }

    #[test]
    fn other_files_are_named_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("curves.csv");
        std::fs::write(&path, "a,b\n1,2\n").unwrap();
        let none = dir.path().join("none");
        for error in [
            read_curves(&path).unwrap_err(),
            repair(&path, &none, (Stage::Training, 0)).unwrap_err(),
        ] {
            assert!(error.to_string().contains("columns"), "{error}");
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a,b\n1,2\n");
        std::fs::write(&path, curves_header() + "1,2,3\n").unwrap();
        let error = read_curves(&path).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_row_that_found_no_room_waits_for_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("curves.csv");
        let mut rows = RowFile::open(&path, &curves_header()).unwrap();
        let real = std::mem::replace(
            &mut rows.file,
            OpenOptions::new().write(true).open("/dev/full").unwrap(),
        );
        let error = rows.append(&curves_line(&row(Stage::Training, 0))).unwrap_err().to_string();
        assert!(error.contains("the disk is full"), "{error}");
        rows.file = real;
        rows.append(&curves_line(&row(Stage::Training, 1))).unwrap();
        let read = read_curves(&path).unwrap();
        assert_eq!(read.iter().map(|r| r.step).collect::<Vec<_>>(), [0, 1]);
    }
}
