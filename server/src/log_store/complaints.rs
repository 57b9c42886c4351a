//! Keeps a full disk from filling the server's own log: one line per cause and minute.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use super::error::Error;

const INTERVAL: Duration = Duration::from_secs(60);

/// When which cause was last told.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    told: HashMap<Option<io::ErrorKind>, Told>,
}

#[derive(Debug)]
struct Told {
    at: Duration,
    kept_back: u64,
}

impl Complaints {
    /// Whether to tell of this error now, and how many of the same cause were kept back before it.
    pub(super) fn admit(&mut self, error: &Error, now: Duration) -> Option<u64> {
        let cause = match error {
            Error::Io { source, .. } => Some(source.kind()),
            _ => None,
        };
        let told = self.told.get_mut(&cause);
        if let Some(told) = told.filter(|told| now.saturating_sub(told.at) < INTERVAL) {
            told.kept_back += 1;
            return None;
        }
        let told = Told {
            at: now,
            kept_back: 0,
        };
        Some(
            self.told
                .insert(cause, told)
                .map_or(0, |told| told.kept_back),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_cause_is_told_once_a_minute() {
        let error = |kind: io::ErrorKind| Error::at(Path::new("x"))(kind.into());
        let full = error(io::ErrorKind::StorageFull);
        let mut complaints = Complaints::default();
        assert_eq!(complaints.admit(&full, Duration::ZERO), Some(0));
        assert_eq!(complaints.admit(&full, Duration::from_secs(1)), None);
        assert_eq!(complaints.admit(&full, Duration::from_secs(59)), None);
        let denied = error(io::ErrorKind::PermissionDenied);
        assert_eq!(complaints.admit(&denied, Duration::from_secs(59)), Some(0));
        assert_eq!(complaints.admit(&full, Duration::from_secs(60)), Some(2));
        assert_eq!(complaints.admit(&full, Duration::from_secs(61)), None);
    }
}
