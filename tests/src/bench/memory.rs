//! Memory of a process.

/// Proportional set size of a process in MiB.
///
/// # Errors
/// When the process is gone or may not be looked at.
pub fn pss_mib(pid: u32) -> std::io::Result<f64> {
    field_mib(pid, "Pss:")
}

/// As [`pss_mib`], without what is shared with files such as the program itself.
///
/// # Errors
/// As [`pss_mib`].
pub fn own_mib(pid: u32) -> std::io::Result<f64> {
    field_mib(pid, "Pss_Anon:")
}

fn field_mib(pid: u32, field: &str) -> std::io::Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let kib: f64 = text
        .lines()
        .find_map(|line| {
            line.strip_prefix(field)?
                .trim()
                .strip_suffix("kB")?
                .trim()
                .parse()
                .ok()
        })
        .ok_or_else(|| std::io::Error::other(format!("no {field} in smaps_rollup")))?;
    Ok(kib / 1024.0)
}
