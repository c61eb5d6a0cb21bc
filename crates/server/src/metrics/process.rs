//! What the kernel knows of this process, under the names that every Prometheus client uses.
//!
//! What cannot be read is left out, so all of it where there is no `/proc`.

use std::fmt::{Display, Write};
use std::fs::read_to_string;

/// Ticks a second in what the kernel tells programs, on every architecture that this server is built for.
const TICKS: u64 = 100;

pub(super) fn render(out: &mut String) {
    render_status(
        out,
        &read_to_string("/proc/self/status").unwrap_or_default(),
    );
    let stat = read_to_string("/proc/self/stat").unwrap_or_default();
    if let Some(ticks) = cpu_ticks(&stat) {
        let name = "process_cpu_seconds_total";
        let help = "Processor time spent, in user and system mode.";
        write_one(out, (name, "counter", help), &seconds(ticks));
    }
    let machine = read_to_string("/proc/stat").unwrap_or_default();
    if let Some(ticks) = start_ticks(&stat, &machine) {
        let name = "process_start_time_seconds";
        write_one(
            out,
            (name, "gauge", "When the process started, since 1970."),
            &seconds(ticks),
        );
    }
    let limits = read_to_string("/proc/self/limits").unwrap_or_default();
    if let Some(max) = fds_max(&limits) {
        let help = "Most file descriptors that may be open.";
        write_one(out, ("process_max_fds", "gauge", help), &max);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        let help = "Open file descriptors.";
        write_one(out, ("process_open_fds", "gauge", help), &open.count());
    }
}

fn render_status(out: &mut String, status: &str) {
    let number = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    for (field, name, help, unit) in [
        (
            "VmRSS:",
            "process_resident_memory_bytes",
            "Resident memory.",
            1024,
        ),
        (
            "VmSize:",
            "process_virtual_memory_bytes",
            "Virtual memory.",
            1024,
        ),
        ("Threads:", "process_threads", "Threads of the process.", 1),
    ] {
        if let Some(value) = number(field) {
            write_one(out, (name, "gauge", help), &value.saturating_mul(unit));
        }
    }
}

fn write_one(out: &mut String, (name, kind, help): (&str, &str, &str), value: &dyn Display) {
    let _ = write!(
        out,
        "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n"
    );
}

/// A field of `/proc/self/stat`, counted from 1. The second one is the program's name, which may hold anything.
fn field(stat: &str, number: usize) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let at = number.checked_sub(3)?;
    rest.split_whitespace().nth(at)?.parse().ok()
}

fn cpu_ticks(stat: &str) -> Option<u64> {
    let (user, system) = (field(stat, 14)?, field(stat, 15)?);
    Some(user.saturating_add(system))
}

/// The start is counted from the boot, whose time `/proc/stat` tells.
fn start_ticks(stat: &str, machine: &str) -> Option<u64> {
    let boot = machine
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?;
    let boot: u64 = boot.trim().parse().ok()?;
    Some(boot.saturating_mul(TICKS).saturating_add(field(stat, 22)?))
}

/// The soft limit; `None` when there is none.
fn fds_max(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn seconds(ticks: u64) -> String {
    format!("{}.{:02}", ticks / TICKS, ticks % TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "7 (a b) c) S 1 7 7 0 -1 4194560 1234 0 0 0 105 47 0 0 20 0 9 0 4512 1 2";

    #[test]
    fn the_kernels_files_are_read() {
        assert_eq!(cpu_ticks(STAT), Some(152));
        assert_eq!(
            start_ticks(STAT, "cpu 1 2\nbtime 1700000000\n"),
            Some(170_000_004_512)
        );
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files\n";
        assert_eq!(fds_max(limits), Some(1024));
        assert_eq!(fds_max("Max open files unlimited unlimited files"), None);
        assert_eq!(seconds(170_000_004_512), "1700000045.12");
        assert_eq!(
            (cpu_ticks(""), start_ticks("", ""), fds_max("")),
            (None, None, None)
        );
    }

    #[test]
    fn every_series_has_a_value() {
        let mut out = String::new();
        render(&mut out);
        for name in [
            "process_cpu_seconds_total",
            "process_max_fds",
            "process_open_fds",
            "process_resident_memory_bytes",
            "process_start_time_seconds",
            "process_virtual_memory_bytes",
        ] {
            let prefix = format!("{name} ");
            let mut values = out.lines().filter_map(|line| line.strip_prefix(&prefix));
            let value: f64 = values.next().unwrap().parse().unwrap();
            assert!(value >= 0.0 && values.next().is_none(), "{name}: {value}");
        }
    }
}
