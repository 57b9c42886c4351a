//! What work has cost a process: processor time, memory, commits.

use std::io;

use super::memory::pss_mib;
use crate::http::Connection;

/// Ticks of processor time in a second, as `/proc` counts them on every Linux.
const TICKS_PER_S: f64 = 100.0;

/// The costs of a server so far.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Seconds of processor time.
    pub cpu_s: f64,
    /// Transactions of the store's writer.
    pub commits: f64,
    /// Proportional set size in MiB.
    pub pss_mib: f64,
}

impl Cost {
    /// Reads the costs of a server, its commits by its own metrics.
    ///
    /// # Errors
    /// When the server is gone.
    pub async fn of(pid: u32, http: &str, token: &str) -> io::Result<Self> {
        let mut connection = Connection::open(http, token).await?;
        let metrics = connection.call("GET", "/metrics", b"").await?;
        let text = String::from_utf8_lossy(&metrics.body).into_owned();
        let commits = text
            .lines()
            .find_map(|line| line.strip_prefix("powerjob_store_commit_seconds_count"))
            .and_then(|rest| rest.split_whitespace().next_back()?.parse().ok())
            .ok_or_else(|| io::Error::other(format!("no commits in the metrics: {text}")))?;
        Ok(Self {
            cpu_s: cpu_s(pid)?,
            commits,
            pss_mib: pss_mib(pid)?,
        })
    }
}

/// Processor time of a process in seconds.
fn cpu_s(pid: u32) -> io::Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold anything; user and system time are the 12th and 13th after it.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    Ok(ticks / TICKS_PER_S)
}
