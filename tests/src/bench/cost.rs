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
        let commits = metric(http, token, "powerjob_store_commit_seconds_count").await?;
        Ok(Self {
            cpu_s: cpu_s(pid)?,
            commits,
            pss_mib: pss_mib(pid)?,
        })
    }
}

/// A number of the server's metrics that has no labels.
///
/// # Errors
/// When the server is gone or has no such metric.
pub async fn metric(http: &str, token: &str, name: &str) -> io::Result<f64> {
    let mut connection = Connection::open(http, token).await?;
    let metrics = connection.call("GET", "/metrics", b"").await?;
    let text = String::from_utf8_lossy(&metrics.body);
    text.lines()
        .find_map(|line| {
            line.strip_prefix(name)?
                .strip_prefix(' ')?
                .trim()
                .parse()
                .ok()
        })
        .ok_or_else(|| io::Error::other(format!("no {name} in the metrics: {text}")))
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
