//! What the machine has, as far as it says so without privileges.

use std::path::Path;
use std::process::Command;

use crate::media::{MediaSource, probe};

/// Bytes that may be written where `place` lies or will lie.
pub(super) fn disk_free(place: &Path) -> Option<u64> {
    // The nearest folder that is there already.
    let absolute = std::path::absolute(place).ok()?;
    let there = absolute.ancestors().find(|p| p.is_dir())?;
    // POSIX's own words for it; other systems have no such program and say nothing.
    let said = Command::new("df").arg("-Pk").arg(there).output().ok()?;
    available(&String::from_utf8_lossy(&said.stdout))
}

/// The fourth column of the second line, in kilobytes.
fn available(text: &str) -> Option<u64> {
    let line = text.lines().nth(1)?;
    // The device's name may hold blanks, so the columns are counted from the percent sign.
    let fields: Vec<&str> = line.split_whitespace().collect();
    let percent = fields.iter().position(|f| f.ends_with('%'))?;
    fields.get(percent.checked_sub(1)?)?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Bytes of memory that are free for this process: what the system has, and what a container
/// leaves of it.
pub(super) fn memory_free() -> Option<u64> {
    let system = status_kb("/proc/meminfo", "MemAvailable:")?;
    let number = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let limit = number("/sys/fs/cgroup/memory.max");
    let used = number("/sys/fs/cgroup/memory.current");
    let contained = limit.zip(used).map(|(limit, used)| limit.saturating_sub(used));
    Some(contained.map_or(system, |c| c.min(system)))
}

/// Bytes that this process has in memory.
pub(super) fn memory_held() -> Option<u64> {
    status_kb("/proc/self/status", "VmRSS:")
}

/// Begins to watch for the most memory that the process holds; whether the system can.
pub(super) fn watch_peak() -> bool {
    std::fs::write("/proc/self/clear_refs", "5").is_ok()
}

/// The most memory that the process has held since [`watch_peak`].
pub(super) fn memory_peak() -> Option<u64> {
    status_kb("/proc/self/status", "VmHWM:")
}

fn status_kb(path: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|l| l.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The rate that a sound file has, Hz.
pub(super) fn sound_rate(path: &Path) -> Option<u32> {
    if let Ok(wav) = hound::WavReader::open(path) {
        return Some(wav.spec().sample_rate);
    }
    let info = probe(&MediaSource::File(path.to_owned())).ok()?;
    let track = info.default_track()?;
    info.audio.get(track).map(|a| a.rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_space_is_read_from_dfs_second_line() {
        let text = "Filesystem     1024-blocks     Used Available Capacity Mounted on\n\
                    my disk with blanks 1000 600 400 60% /mnt/a b\n";
        assert_eq!(available(text), Some(400 * 1024));
        for broken in ["", "one line\n", "a\nb c d\n", "a\n1%\n", "a\nx y 5%\n"] {
            assert_eq!(available(broken), None, "{broken:?}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_says_what_it_has() {
        let dir = tempfile::tempdir().unwrap();
        assert!(disk_free(&dir.path().join("not/yet/there")).unwrap() > 0);
        assert!(memory_free().unwrap() > 1 << 20);
        assert!(memory_held().unwrap() > 1 << 20);
        if watch_peak() {
            let before = memory_peak().unwrap();
            let block = vec![1u8; 64 << 20];
            assert!(std::hint::black_box(&block).iter().all(|b| *b == 1));
            assert!(memory_peak().unwrap() >= before + (60 << 20));
        }
    }
}
