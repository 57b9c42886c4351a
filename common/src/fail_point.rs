//! Named places where a test may end the process as `kill -9` would, or have it stand still.
//!
//! Compiled in only with the feature `failpoints`. The variable `POWERJOB_FAIL_POINT` holds the
//! name; the process ends at the first passage after the file named by `POWERJOB_FAIL_ARMED` has
//! appeared, or at the very first one when that variable is absent. With `POWERJOB_FAIL_ACTION=stop`
//! it stops (SIGSTOP) instead, once for each time that the file appears.

/// Ends or stops the process here if the environment asks for it.
#[cfg(feature = "failpoints")]
pub fn hit(name: &str) {
    static WANTED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    static ARMED: std::sync::OnceLock<Option<std::path::PathBuf>> = std::sync::OnceLock::new();
    let wanted = WANTED.get_or_init(|| std::env::var("POWERJOB_FAIL_POINT").ok());
    if wanted.as_deref() != Some(name) {
        return;
    }
    let armed = ARMED.get_or_init(|| std::env::var_os("POWERJOB_FAIL_ARMED").map(Into::into));
    if std::env::var_os("POWERJOB_FAIL_ACTION").is_some_and(|action| action == "stop") {
        // Of several that pass at once, the one that removes the file stops the process.
        if armed
            .as_deref()
            .is_some_and(|file| std::fs::remove_file(file).is_ok())
        {
            stop(name);
        }
    } else if armed.as_deref().is_none_or(std::path::Path::exists) {
        tracing::error!(fail_point = name, "ending the process as asked by a test");
        std::process::abort();
    }
}

#[cfg(feature = "failpoints")]
fn stop(name: &str) {
    tracing::error!(fail_point = name, "stopping the process as asked by a test");
    let process = std::process::id().to_string();
    let stopped = std::process::Command::new("kill")
        .args(["-STOP", &process])
        .status();
    tracing::error!(fail_point = name, ?stopped, "going on");
}

/// Does nothing: this build has no fail points.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn hit(_name: &str) {}
