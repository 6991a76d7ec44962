//! What happened: a bounded list that the log panel shows and threads may write to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer};

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Good to know.
    Note,
    /// Not as wished.
    Warning,
    /// Could not be done.
    Error,
}

/// One line.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// Since the program started.
    pub at: Duration,
    /// How much it matters.
    pub level: Level,
    /// One sentence.
    pub text: String,
    /// How often it came in a row.
    pub times: u32,
}

/// Lines that are kept; older ones fall out.
const LINES_MAX: usize = 500;

/// The list; clones share it.
#[derive(Clone)]
pub struct LogLines {
    started: Instant,
    lines: Arc<Mutex<VecDeque<LogLine>>>,
}

impl Default for LogLines {
    fn default() -> Self {
        Self { started: Instant::now(), lines: Arc::default() }
    }
}

impl LogLines {
    /// Adds a line; a repetition of the last one only counts up.
    pub fn push(&self, level: Level, text: impl Into<String>) {
        let text = text.into();
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = lines.back_mut().filter(|l| l.text == text && l.level == level) {
            last.times += 1;
            last.at = self.started.elapsed();
            return;
        }
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(LogLine { at: self.started.elapsed(), level, text, times: 1 });
    }

    /// All lines, oldest first.
    pub fn snapshot(&self) -> Vec<LogLine> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The whole list as text, for the clipboard.
    pub fn text(&self) -> String {
        use std::fmt::Write as _;
        let mut out = String::new();
        for l in self.snapshot() {
            writeln!(out, "{:9.3}  {:?}  {}", l.at.as_secs_f64(), l.level, l.text).ok();
        }
        out
    }
}

/// The list that the whole process writes to.
pub fn shared() -> &'static LogLines {
    static LINES: std::sync::OnceLock<LogLines> = std::sync::OnceLock::new();
    LINES.get_or_init(LogLines::default)
}

/// Copies the program's own tracing events (warnings and worse from `fnac`, worse from others)
/// into the list.
pub struct LogLayer(pub LogLines);

impl<S: tracing::Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let meta = event.metadata();
        let level = match *meta.level() {
            tracing::Level::ERROR => Level::Error,
            tracing::Level::WARN => Level::Warning,
            tracing::Level::INFO => Level::Note,
            _ => return,
        };
        if level < Level::Error && !meta.target().starts_with("fnac") {
            return;
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.push(level, text.0);
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        use std::fmt::Write as _;
        if field.name() == "message" {
            write!(self.0, "{value:?}").ok();
        } else {
            write!(self.0, " {}={value:?}", field.name()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_bounded_and_counts_repetitions() {
        let log = LogLines::default();
        for i in 0..2 * LINES_MAX {
            log.push(Level::Note, format!("line {i}"));
        }
        log.push(Level::Note, format!("line {}", 2 * LINES_MAX - 1));
        let lines = log.snapshot();
        assert_eq!(lines.len(), LINES_MAX);
        assert_eq!(lines.last().unwrap().times, 2);
        assert!(log.text().contains("line 999"));
    }
}
