//! The states and kinds of the field with the numeric codes that the database and Java peers use.

use serde::{Deserialize, Serialize};

macro_rules! coded_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal => $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant = $code),+
        }

        impl $name {
            /// All values in order of their codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The number stored in the database and sent on the wire.
            pub const fn code(self) -> i32 {
                self as i32
            }

            /// The value of a code, `None` if no such code exists.
            pub const fn from_code(code: i32) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// The name as the reference and our API spell it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }

            /// The value of a name, `None` if no such name exists. Case matters.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

coded_enum!(
    /// The life of an instance.
    InstanceStatus {
        /// Waits for its time or for a worker.
        WaitingDispatch = 1 => "WAITING_DISPATCH",
        /// Claimed for a worker, whose confirmation is not here yet.
        WaitingWorkerReceive = 2 => "WAITING_WORKER_RECEIVE",
        /// A worker runs it.
        Running = 3 => "RUNNING",
        /// Ended without success.
        Failed = 4 => "FAILED",
        /// Ended with success.
        Succeed = 5 => "SUCCEED",
        /// Called off before it started.
        Canceled = 9 => "CANCELED",
        /// Stopped by a person or a program while it was open.
        Stopped = 10 => "STOPPED",
    }
);

impl InstanceStatus {
    /// Whether the state is final: no report changes it any more.
    pub const fn is_finished(self) -> bool {
        matches!(
            self,
            Self::Failed | Self::Succeed | Self::Canceled | Self::Stopped
        )
    }

    /// Whether an instance may go from this state to `next` (the table of spec 01 section 4.2,
    /// with final states absorbing reports; only a retry by hand leaves them).
    pub const fn may_become(self, next: Self) -> bool {
        use InstanceStatus::*;
        match self {
            WaitingDispatch => matches!(next, WaitingWorkerReceive | Failed | Canceled | Stopped),
            WaitingWorkerReceive => {
                matches!(next, WaitingDispatch | Running | Failed | Succeed | Stopped)
            }
            Running => matches!(next, WaitingDispatch | Running | Failed | Succeed | Stopped),
            Failed | Succeed | Canceled | Stopped => matches!(next, WaitingDispatch),
        }
    }
}

coded_enum!(
    /// What makes a job run. Codes from 100 on are ours; the reference must never read them.
    TimeExpressionType {
        /// Only on demand.
        Api = 1 => "API",
        /// A CRON expression.
        Cron = 2 => "CRON",
        /// Every n milliseconds, counted from start to start.
        FixedRate = 3 => "FIXED_RATE",
        /// n milliseconds after the end of the previous run.
        FixedDelay = 4 => "FIXED_DELAY",
        /// As a node of a workflow.
        Workflow = 5 => "WORKFLOW",
        /// In steps inside a daily window.
        DailyTimeInterval = 11 => "DAILY_TIME_INTERVAL",
        /// At one instant. Ours: the reference does not know it.
        Once = 101 => "ONCE",
    }
);

impl TimeExpressionType {
    /// The nearest kind that the reference knows, for what it reads, too.
    pub const fn known_to_reference(self) -> Self {
        match self {
            Self::Once => Self::Api,
            known => known,
        }
    }
}

coded_enum!(
    /// What becomes of trigger times that passed while no server could act on them.
    MisfirePolicy {
        /// Nothing: the schedule goes on with its next time.
        Skip = 1 => "SKIP",
        /// One run stands for all of them.
        Once = 2 => "ONCE",
        /// The last few of them run.
        CatchUp = 3 => "CATCH_UP",
    }
);

coded_enum!(
    /// What becomes of a run that is due while as many runs of its job are out as are allowed.
    OverlapPolicy {
        /// It fails, as in the reference; without a limit it runs beside the others.
        Allow = 1 => "ALLOW",
        /// It is called off.
        Skip = 2 => "SKIP",
        /// It waits until one of them has ended.
        Queue = 3 => "QUEUE",
        /// It takes the place of the oldest of them, which is stopped.
        Replace = 4 => "REPLACE",
    }
);

coded_enum!(
    /// How the wait before the next attempt of a failed run grows.
    BackOffKind {
        /// It stays as it is.
        Fixed = 1 => "FIXED",
        /// It is multiplied every time.
        Exponential = 2 => "EXPONENTIAL",
    }
);

coded_enum!(
    /// On how many workers an instance runs.
    ExecuteType {
        /// On one worker.
        Standalone = 1 => "STANDALONE",
        /// On every worker.
        Broadcast = 2 => "BROADCAST",
        /// Split into sub-tasks whose results are reduced.
        MapReduce = 3 => "MAP_REDUCE",
        /// Split into sub-tasks.
        Map = 4 => "MAP",
    }
);

coded_enum!(
    /// Where the code of a processor comes from.
    ProcessorType {
        /// Registered in the worker.
        BuiltIn = 1 => "BUILT_IN",
        /// A shell script in the job itself (deprecated in the reference, kept by us).
        Shell = 2 => "SHELL",
        /// A Python script in the job itself (deprecated in the reference, kept by us).
        Python = 3 => "PYTHON",
        /// Loaded from a container.
        External = 4 => "EXTERNAL",
    }
);

coded_enum!(
    /// How the worker of an instance is chosen.
    DispatchStrategy {
        /// The one with the best score.
        HealthFirst = 1 => "HEALTH_FIRST",
        /// Any.
        Random = 2 => "RANDOM",
        /// One that the job names by address or tag.
        Specify = 11 => "SPECIFY",
        /// One after the other; ours, unknown to the reference.
        RoundRobin = 101 => "ROUND_ROBIN",
    }
);

impl DispatchStrategy {
    /// What the reference knows of it: its own strategies, and its default for ours.
    pub const fn known_to_reference(self) -> Self {
        match self {
            Self::HealthFirst | Self::Random | Self::Specify => self,
            Self::RoundRobin => Self::HealthFirst,
        }
    }
}

coded_enum!(
    /// What an operator can order a worker.
    WorkerOrderKind {
        /// Work as usual: takes the other orders back.
        Online = 1 => "ONLINE",
        /// Take nothing new, and give away at once what you have, as if you were lost.
        Offline = 2 => "OFFLINE",
        /// Take nothing new, but end what you have.
        Drain = 3 => "DRAIN",
    }
);

coded_enum!(
    /// Whether a job, workflow or container is in use.
    SwitchableStatus {
        /// In use.
        Enable = 1 => "ENABLE",
        /// Switched off.
        Disable = 2 => "DISABLE",
        /// Deleted; the row stays.
        Deleted = 99 => "DELETED",
    }
);

coded_enum!(
    /// Severity of a line in a run's log.
    LogLevel {
        /// Details for the author of the processor.
        Debug = 1 => "DEBUG",
        /// The normal course.
        Info = 2 => "INFO",
        /// Degraded.
        Warn = 3 => "WARN",
        /// Failed.
        Error = 4 => "ERROR",
        /// As a threshold: nothing passes.
        Off = 99 => "OFF",
    }
);

coded_enum!(
    /// What a person may be on a scope (spec 06 section 4.11).
    Role {
        /// May read.
        Observer = 10 => "OBSERVER",
        /// May read and operate.
        Qa = 20 => "QA",
        /// May read, change and operate.
        Developer = 30 => "DEVELOPER",
        /// May do everything.
        Admin = 40 => "ADMIN",
    }
);

coded_enum!(
    /// What an operation asks for (spec 06 section 4.11).
    Permission {
        /// Signed in is enough.
        None = 1 => "NONE",
        /// See.
        Read = 10 => "READ",
        /// Change definitions.
        Write = 20 => "WRITE",
        /// Run, stop, retry, read logs.
        Ops = 30 => "OPS",
        /// Administer.
        Su = 100 => "SU",
    }
);

coded_enum!(
    /// What a grant covers (spec 06 section 4.11).
    RoleScope {
        /// A namespace and all its applications.
        Namespace = 1 => "NAMESPACE",
        /// One application.
        App = 10 => "APP",
        /// Everything.
        Global = 666 => "GLOBAL",
    }
);

impl Role {
    /// Whether the role contains the permission.
    pub const fn allows(self, permission: Permission) -> bool {
        match permission {
            Permission::None | Permission::Read => true,
            Permission::Write => matches!(self, Role::Developer | Role::Admin),
            Permission::Ops => !matches!(self, Role::Observer),
            Permission::Su => matches!(self, Role::Admin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_go_both_ways() {
        for status in InstanceStatus::ALL {
            assert_eq!(InstanceStatus::from_code(status.code()), Some(*status));
            assert_eq!(InstanceStatus::from_name(status.name()), Some(*status));
        }
        assert_eq!(InstanceStatus::from_code(6), None);
        assert_eq!(TimeExpressionType::from_name("cron"), None);
    }

    #[test]
    fn only_a_retry_leaves_a_final_state() {
        for from in InstanceStatus::ALL
            .iter()
            .filter(|status| status.is_finished())
        {
            for to in InstanceStatus::ALL {
                assert_eq!(
                    from.may_become(*to),
                    *to == InstanceStatus::WaitingDispatch,
                    "{from} -> {to}"
                );
            }
        }
    }

    #[test]
    fn a_cancelled_run_never_started() {
        let to_canceled = InstanceStatus::ALL
            .iter()
            .filter(|status| status.may_become(InstanceStatus::Canceled))
            .collect::<Vec<_>>();
        assert_eq!(to_canceled, [&InstanceStatus::WaitingDispatch]);
    }

    #[test]
    fn roles_contain_what_the_table_says() {
        use Permission::*;
        let row = |role: Role| [Read, Write, Ops, Su].map(|permission| role.allows(permission));
        assert_eq!(row(Role::Observer), [true, false, false, false]);
        assert_eq!(row(Role::Qa), [true, false, true, false]);
        assert_eq!(row(Role::Developer), [true, true, true, false]);
        assert_eq!(row(Role::Admin), [true, true, true, true]);
    }
}
