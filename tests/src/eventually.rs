//! Waiting for a condition instead of for time.

use std::time::Duration;

/// Asks `condition` again and again until it gives a value, for at most `limit`.
///
/// # Panics
/// When the limit passes, with `what` in the message: a test that waits in vain has failed.
pub async fn eventually<T, F>(what: &str, limit: Duration, mut condition: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = tokio::time::Instant::now() + limit;
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "not within {limit:?}: {what}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await; // allow-sleep: the pace of the asking
    }
}
