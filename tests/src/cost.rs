//! What processes cost, as the kernel counts it.

use std::fs;

/// The kernel's ticks in a second, on every Linux that this runs on.
const TICKS: f64 = 100.0;

/// CPU seconds that a process, its threads included, has used so far.
pub fn cpu_seconds(process: u32) -> f64 {
    let line = fs::read_to_string(format!("/proc/{process}/stat")).expect("Linux tells of its processes");
    // The name, in parentheses, may hold anything; the fields after it are numbers.
    let fields: Vec<&str> = line.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks =
        |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / TICKS
}

/// CPU seconds that this process has used so far.
pub fn own_cpu_seconds() -> f64 {
    cpu_seconds(std::process::id())
}

/// How many files and sockets a process has open.
pub fn open_files(process: u32) -> u64 {
    fs::read_dir(format!("/proc/{process}/fd")).expect("Linux tells of its processes").count() as u64
}

/// Memory of a process in bytes: the most it ever had, and what it has now.
pub fn memory_bytes(process: u32) -> (u64, u64) {
    let text = fs::read_to_string(format!("/proc/{process}/status")).expect("Linux tells of its processes");
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() * 1024
    };
    (field("VmHWM:"), field("VmRSS:"))
}
