//! What the system says of this process.

use powerjob_protocol::api::server::ProcessStatus;

/// The numbers now; zero where the system does not tell.
#[cfg(target_os = "linux")]
pub fn status() -> ProcessStatus {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}"));
    let status = read("status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|rest| rest.split_whitespace().next());
        number
            .and_then(|text| text.parse::<u64>().ok())
            .unwrap_or(0)
    };
    let open_files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    ProcessStatus {
        resident_bytes: field("VmRSS:") * 1_024,
        cpu_ms: cpu_ms(&read("stat").unwrap_or_default()),
        threads: field("Threads:"),
        open_files: open_files as u64,
    }
}

/// The numbers now; zero where the system does not tell.
#[cfg(not(target_os = "linux"))]
pub fn status() -> ProcessStatus {
    ProcessStatus::default()
}

/// User and system time: the 14th and 15th field, counted behind the name, which may hold anything.
#[cfg(target_os = "linux")]
fn cpu_ms(stat: &str) -> u64 {
    let Some((_, fields)) = stat.rsplit_once(')') else {
        return 0;
    };
    let times = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = times.filter_map(|text| text.parse::<u64>().ok()).sum();
    ticks * 1_000 / rustix::param::clock_ticks_per_second().max(1)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_and_threads() {
        let status = status();
        assert!(status.resident_bytes > 1 << 20, "{status:?}");
        assert!(status.threads > 0 && status.open_files > 0, "{status:?}");
    }

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let tick_ms = 1_000 / rustix::param::clock_ticks_per_second();
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 30 12 13 14";
        assert_eq!(cpu_ms(stat), 42 * tick_ms);
        assert_eq!(cpu_ms(""), 0);
    }
}
