//! How full memory and disk are.

use std::path::Path;

/// What was measured; `None` where the system does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Bytes in use, of how many.
    pub memory: Option<(u64, u64)>,
    /// Free bytes where the run's folder is.
    pub disk_free: Option<u64>,
    /// Bytes of a checkpoint with what is needed to go on.
    pub checkpoint_bytes: u64,
}

impl Machine {
    /// Looks now. Reads two small files of the system and asks `df`: milliseconds, so not in
    /// every step.
    pub fn look(folder: &Path, checkpoint_bytes: u64) -> Self {
        Self { memory: memory(), disk_free: disk_free(folder), checkpoint_bytes }
    }
}

/// Of the host, where the system has `/proc`.
fn memory() -> Option<(u64, u64)> {
    used_of(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn used_of(meminfo: &str) -> Option<(u64, u64)> {
    let kib = |name: &str| {
        let line = meminfo.lines().find(|l| l.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    let (all, free) = (kib("MemTotal:")?, kib("MemAvailable:")?);
    Some((all.saturating_sub(free) * 1024, all * 1024))
}

/// By POSIX's `df`: the standard library has no word for it.
fn disk_free(folder: &Path) -> Option<u64> {
    if !cfg!(unix) {
        return None;
    }
    let asked = std::process::Command::new("df").arg("-Pk").arg("--").arg(folder).output().ok()?;
    asked.status.success().then_some(())?;
    free_of(&String::from_utf8_lossy(&asked.stdout))
}

fn free_of(table: &str) -> Option<u64> {
    let line = table.lines().nth(1)?;
    // A device's name may have spaces: the percentage is what can be found from behind.
    let words: Vec<&str> = line.split_whitespace().collect();
    let percent = words.iter().position(|w| w.ends_with('%'))?;
    Some(words.get(percent.checked_sub(1)?)?.parse::<u64>().ok()?.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_tables_are_read() {
        let text = "MemTotal:       100 kB\nMemFree:  5 kB\nMemAvailable:   40 kB\n";
        assert_eq!(used_of(text), Some((60 * 1024, 100 * 1024)));
        assert_eq!(used_of("nonsense"), None);
        let table = "Filesystem 1024-blocks Used Available Capacity Mounted on\n\
                     /dev/my disk 1000 400 600 40% /home\n";
        assert_eq!(free_of(table), Some(600 * 1024));
        assert_eq!(free_of("df: no such file\n"), None);
    }

    #[test]
    fn a_look_at_this_machine_is_plausible_or_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let m = Machine::look(dir.path(), 7);
        assert!(m.memory.is_none_or(|(used, all)| used < all && all > 1 << 26));
        assert!(m.disk_free.is_none_or(|free| free > 0));
        assert_eq!(Machine::look(Path::new("/no/such/folder"), 7).disk_free, None);
    }
}
