//! Is a run that is out still well? In: what is known of it. Out: what to do about it.
//!
//! Invariants:
//! 1. A run that its worker confirmed is only ever given up when the worker is gone, or when it reports
//!    by itself and has not done so for [`SILENCE_LIMIT`].
//! 2. A run that nobody confirmed is sent again to the same worker before another one gets it, so
//!    that a slow answer does not make two executions.

use std::time::Duration;

/// A run is sent again when no answer came for so long.
pub const UNCONFIRMED_AFTER: Duration = Duration::from_secs(5);
/// A worker that reports by itself and is not heard of for so long does not have the run any more (the
/// reference's time for workers and for runs).
pub const SILENCE_LIMIT: Duration = Duration::from_secs(60);
/// How often a run is sent to one worker.
pub const MAX_SENDS: u32 = 3;

/// What is known of a run that is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    pub is_confirmed: bool,
    /// Whether its worker is connected and has said what it holds.
    pub is_worker_here: bool,
    /// Whether a later life of its worker is connected: the one that had it never comes back.
    pub is_worker_restarted: bool,
    /// Time since it was sent (or since this server learned of it).
    pub since_sent: Duration,
    pub sends: u32,
    /// How long a worker may stay away before its runs are given up.
    pub return_grace: Duration,
    /// Time since a report about it; `None` where the worker says by itself when it lost the run.
    pub silent_for: Option<Duration>,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Fine,
    /// Send the same attempt to the same worker once more.
    SendAgain,
    /// Give it to another worker.
    Release,
    /// Its worker stayed away, or was silent about it, for too long.
    Lost,
}

/// Judges a run.
pub fn judge_run(facts: &Facts) -> Verdict {
    if !facts.is_worker_here {
        return if facts.is_worker_restarted || facts.since_sent >= facts.return_grace {
            Verdict::Lost
        } else {
            Verdict::Fine
        };
    }
    if facts.is_confirmed && facts.silent_for >= Some(SILENCE_LIMIT) {
        return Verdict::Lost;
    }
    if facts.is_confirmed || facts.since_sent < UNCONFIRMED_AFTER {
        Verdict::Fine
    } else if facts.sends < MAX_SENDS {
        Verdict::SendAgain
    } else {
        Verdict::Release
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_case_has_its_verdict() {
        let fine = Facts {
            is_confirmed: true,
            is_worker_here: true,
            is_worker_restarted: false,
            since_sent: Duration::from_secs(3_600),
            sends: 1,
            return_grace: Duration::from_secs(10),
            silent_for: None,
        };
        let unconfirmed = Facts {
            is_confirmed: false,
            since_sent: UNCONFIRMED_AFTER,
            ..fine
        };
        let away = Facts {
            is_worker_here: false,
            since_sent: Duration::from_secs(9),
            ..fine
        };
        for (facts, verdict) in [
            (fine, Verdict::Fine),
            (unconfirmed, Verdict::SendAgain),
            (
                Facts {
                    since_sent: Duration::from_secs(1),
                    ..unconfirmed
                },
                Verdict::Fine,
            ),
            (
                Facts {
                    sends: MAX_SENDS,
                    ..unconfirmed
                },
                Verdict::Release,
            ),
            (
                Facts {
                    silent_for: Some(Duration::from_secs(59)),
                    ..fine
                },
                Verdict::Fine,
            ),
            (
                Facts {
                    silent_for: Some(SILENCE_LIMIT),
                    ..fine
                },
                Verdict::Lost,
            ),
            (away, Verdict::Fine),
            (
                Facts {
                    since_sent: Duration::from_secs(10),
                    ..away
                },
                Verdict::Lost,
            ),
            (
                Facts {
                    is_worker_restarted: true,
                    since_sent: Duration::ZERO,
                    ..away
                },
                Verdict::Lost,
            ),
        ] {
            assert_eq!(judge_run(&facts), verdict, "{facts:?}");
        }
    }
}
