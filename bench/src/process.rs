//! Processes under measurement: what `/proc` says of them, and their end.

use std::fs;
use std::process::Child;
use std::time::Duration;

use crate::clock;

/// Clock ticks per second in `/proc/PID/stat`; fixed at 100 on every Linux this runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process of ours; killed when dropped.
#[derive(Debug)]
pub(crate) struct Running(pub Child);

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The fields of `/proc/PID/stat` behind the name, from `state` on.
fn stat(pid: u32) -> Option<Vec<u64>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split(' ').map(|f| f.parse().unwrap_or(0)).collect())
}

/// CPU seconds of a process, user and system, its threads included.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let fields = stat(pid).unwrap_or_default();
    ticks(fields.get(11..13))
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn ticks(fields: Option<&[u64]>) -> f64 {
    fields.map_or(0.0, |f| f.iter().sum::<u64>() as f64) / TICKS_PER_SECOND
}

/// CPU seconds of a process, its living children, and those that ended.
pub(crate) fn cpu_seconds_of_tree(root: u32) -> f64 {
    let mut total = ticks(stat(root).unwrap_or_default().get(11..15));
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        let fields = stat(pid).unwrap_or_default();
        if fields.get(1) == Some(&u64::from(root)) {
            total += ticks(fields.get(11..15));
        }
    }
    total
}

/// A line of `/proc/PID/status` in KiB.
pub(crate) fn memory_kib(pid: u32, field: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// Asks for the condition until it holds.
pub(crate) fn wait_until(
    what: &str,
    limit: Duration,
    mut holds: impl FnMut() -> bool,
) -> Result<(), String> {
    let started = clock::now();
    while !holds() {
        if started.elapsed() > limit {
            return Err(format!("{what}: not within {} s", limit.as_secs()));
        }
        clock::pause(Duration::from_micros(200));
    }
    Ok(())
}
