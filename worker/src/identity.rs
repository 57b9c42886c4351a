//! The names of a worker.

use std::sync::atomic::{AtomicU32, Ordering};

/// Bytes of the readable part of a node id.
const READABLE_BYTES: usize = 80;

/// A node id for a worker that has none from an earlier life: readable, and different from that of
/// any other worker of this program, of this machine and of other machines.
pub(crate) fn fresh_node_id(name: Option<&str>) -> String {
    static WORKERS: AtomicU32 = AtomicU32::new(0);
    let number = WORKERS.fetch_add(1, Ordering::Relaxed);
    let random = getrandom::u32().unwrap_or(number);
    let readable: String = display_name(name)
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '-'
            }
        })
        .take(READABLE_BYTES)
        .collect();
    format!("{readable}-{}-{random:08x}", std::process::id())
}

/// What people see: the name that was given, else that of the machine.
pub(crate) fn display_name(name: Option<&str>) -> String {
    name.map(str::to_owned)
        .or_else(sysinfo::System::host_name)
        .unwrap_or_else(|| "worker".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_names_differ_and_stay_within_the_protocol() {
        let name = "ä".repeat(200);
        let (one, two) = (fresh_node_id(Some(&name)), fresh_node_id(Some(&name)));
        assert_ne!(one, two);
        assert!(one.len() <= 128 && one.is_ascii());
    }
}
