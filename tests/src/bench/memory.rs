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

/// The most memory that a process had at once, in MiB.
///
/// # Errors
/// As [`pss_mib`].
pub fn peak_mib(pid: u32) -> std::io::Result<f64> {
    file_field_mib(&format!("/proc/{pid}/status"), "VmHWM:")
}

/// From now on [`peak_mib`] is counted anew.
///
/// # Errors
/// As [`pss_mib`].
pub fn forget_peak(pid: u32) -> std::io::Result<()> {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5")
}

fn field_mib(pid: u32, field: &str) -> std::io::Result<f64> {
    file_field_mib(&format!("/proc/{pid}/smaps_rollup"), field)
}

fn file_field_mib(file: &str, field: &str) -> std::io::Result<f64> {
    let text = std::fs::read_to_string(file)?;
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
        .ok_or_else(|| std::io::Error::other(format!("no {field} in {file}")))?;
    Ok(kib / 1024.0)
}
