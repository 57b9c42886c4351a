//! Bugs that can be planted in the wiring of the simulation, to prove that it would find them.

/// A planted bug: a safeguard that is left out, as if somebody had forgotten it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// Writes are not compared with the epoch of the application.
    NoFence,
    /// Updates of instances are not compared with what was expected.
    BlindUpdate,
    /// The trigger key is not unique and the next time of a job is not compared.
    NoTriggerKey,
    /// What was written is taken for durable before it is.
    EarlyCommit,
    /// A server acts on, whatever became of its lease.
    EndlessLease,
    /// Reports lose their attempt: each counts for the present one.
    AttemptlessReports,
    /// A restarted worker does not find its spool.
    LostSpool,
    /// Reports are acknowledged when they arrive.
    EarlyAcknowledgement,
    /// A server that takes an application over does not read its open instances.
    BlindTakeOver,
}

impl Plant {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::NoFence,
        Self::BlindUpdate,
        Self::NoTriggerKey,
        Self::EarlyCommit,
        Self::EndlessLease,
        Self::AttemptlessReports,
        Self::LostSpool,
        Self::EarlyAcknowledgement,
        Self::BlindTakeOver,
    ];
}
