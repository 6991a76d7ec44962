//! Progress on stderr: a bar on a terminal, one line in ten seconds elsewhere, nothing when quiet.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Time between two lines when stderr is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Reports how far a job is.
pub struct Progress {
    what: String,
    total: Option<u64>,
    done: u64,
    started: Instant,
    last_line: Instant,
    bar: Option<ProgressBar>,
    quiet: bool,
}

impl Progress {
    /// `total` in items; `None` when it is not known.
    pub fn new(what: impl Into<String>, total: Option<u64>, quiet: bool) -> Self {
        let what = what.into();
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = match total {
                Some(n) => ProgressBar::new(n),
                None => ProgressBar::new_spinner(),
            };
            let template = "{msg} {wide_bar} {pos}/{len} {per_sec} ETA {eta}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_message(what.clone());
            bar
        });
        let now = Instant::now();
        Self { what, total, done: 0, started: now, last_line: now, bar, quiet }
    }

    /// `n` more items are done.
    pub fn add(&mut self, n: u64) {
        self.done += n;
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
        } else if !self.quiet && self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            let rate = self.done as f64 / self.started.elapsed().as_secs_f64().max(1e-9);
            match self.total {
                Some(t) => {
                    let left = t.saturating_sub(self.done) as f64 / rate.max(1e-9);
                    eprintln!(
                        "{}: {}/{t}, {rate:.1}/s, about {left:.0} s left",
                        self.what, self.done
                    );
                }
                None => eprintln!("{}: {}, {rate:.1}/s", self.what, self.done),
            }
        }
    }

    /// `n` were done before; they do not count in the rate.
    pub fn begin_at(&mut self, n: u64) {
        self.done = n;
        if let Some(bar) = &self.bar {
            bar.set_position(n);
            bar.reset_eta();
        }
    }

    /// `n` more items are done; `state` says more about it than a rate does.
    pub fn add_saying(&mut self, n: u64, state: &str) {
        self.done += n;
        if let Some(bar) = &self.bar {
            bar.set_message(state.to_owned());
            bar.set_position(self.done);
        } else if !self.quiet && self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            let total = self.total.map_or(String::new(), |t| format!("/{t}"));
            eprintln!("{} {}{total}: {state}", self.what, self.done);
        }
    }

    /// Prints a line without tearing the bar.
    pub fn note(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A flag that Ctrl-C (or a termination signal) raises; the handler is set at the first call.
/// Jobs look at it between items, so that only whole files stay on disk.
pub fn stop_requested() -> Arc<AtomicBool> {
    static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    FLAG.get_or_init(|| {
        let flag = Arc::new(AtomicBool::new(false));
        let raised = flag.clone();
        let set = ctrlc::set_handler(move || {
            // A second Ctrl-C means it: give up at once.
            if raised.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        });
        if let Err(e) = set {
            tracing::warn!("Ctrl-C will end the program at once: {e}");
        }
        flag
    })
    .clone()
}
