//! Memory of a process.

/// Proportional set size of a process in MiB.
///
/// # Errors
/// When the process is gone or may not be looked at.
pub fn pss_mib(pid: u32) -> std::io::Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let kib: f64 = text
        .lines()
        .find_map(|line| {
            line.strip_prefix("Pss:")?
                .trim()
                .strip_suffix("kB")?
                .trim()
                .parse()
                .ok()
        })
        .ok_or_else(|| std::io::Error::other("no Pss in smaps_rollup"))?;
    Ok(kib / 1024.0)
}
