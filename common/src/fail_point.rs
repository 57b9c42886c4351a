//! Named places where a test may end the process as `kill -9` would.
//!
//! Compiled in only with the feature `failpoints`. The variable `POWERJOB_FAIL_POINT` holds
//! `name` or `name:n` (end at the n-th passage, counted from 1).

/// Ends the process here if the environment asks for it.
#[cfg(feature = "failpoints")]
pub fn hit(name: &str) {
    use std::sync::atomic::{AtomicU64, Ordering};
    static ARMED: std::sync::OnceLock<Option<(String, u64)>> = std::sync::OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let armed = ARMED.get_or_init(|| {
        let text = std::env::var("POWERJOB_FAIL_POINT").ok()?;
        Some(match text.rsplit_once(':') {
            Some((name, count)) => (name.to_owned(), count.parse().unwrap_or(1)),
            None => (text, 1),
        })
    });
    let Some((armed, at)) = armed else { return };
    if armed == name && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *at {
        tracing::error!(fail_point = name, "ending the process as asked by a test");
        std::process::abort();
    }
}

/// Does nothing: this build has no fail points.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn hit(_name: &str) {}
