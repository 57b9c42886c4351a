//! Identifiers as types, so that a job id is never handed over as an application id.

use serde::{Deserialize, Serialize};

macro_rules! numeric_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

numeric_id!(
    /// Row id of an application (`app_info.id`).
    AppId
);
numeric_id!(
    /// Row id of a job (`job_info.id`).
    JobId
);
numeric_id!(
    /// A run of a job (`instance_info.instance_id`): a snowflake, never the row id.
    InstanceId
);
numeric_id!(
    /// Row id of an account (`user_info.id`).
    UserId
);
numeric_id!(
    /// Row id of a namespace (`namespace.id`).
    NamespaceId
);

/// A process of the cluster: a stable name and the number of its present life.
///
/// The name survives a restart, the incarnation is new with each start and grows with time, so a
/// message of an earlier life can be told from one of the present life.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeRef {
    /// Stable name of the node, 1 to 128 characters.
    pub node_id: String,
    /// Number of this life: milliseconds of its start since 1970, made unique by the node itself.
    ///
    /// 0 = the process does not say which life it is in: a worker of the reference, whose name is its
    /// address.
    pub incarnation: u64,
}

impl NodeRef {
    /// A process that does not say which life it is in, by its address.
    pub fn without_lives(address: &str) -> Self {
        Self {
            node_id: address.to_owned(),
            incarnation: 0,
        }
    }

    /// Whether its lives can be told apart.
    pub const fn has_lives(&self) -> bool {
        self.incarnation != 0
    }
}

impl std::fmt::Display for NodeRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.has_lives() {
            true => write!(f, "{}#{}", self.node_id, self.incarnation),
            false => f.write_str(&self.node_id),
        }
    }
}

/// Follows one cause through all messages it leads to (W3C trace id; zero = none).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TraceId(pub u128);

impl TraceId {
    /// The absent trace.
    pub const NONE: TraceId = TraceId(0);

    /// The trace of an instance: derived from its id, so that every process finds it by itself.
    ///
    /// The upper half marks it as ours ("pwrj" and zeros), the lower half is the instance id.
    pub fn of_instance(instance: InstanceId) -> Self {
        const MARK: u128 = 0x7077_726a_0000_0000 << 64;
        TraceId(MARK | u128::from(instance.0.cast_unsigned()))
    }
}

impl std::fmt::Display for TraceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_of_an_instance_ends_in_its_id_in_hexadecimal() {
        let trace = TraceId::of_instance(InstanceId(0x1234));
        assert_eq!(trace.to_string(), "7077726a000000000000000000001234");
    }

    #[test]
    fn ids_print_and_parse_as_plain_numbers() {
        assert_eq!("42".parse(), Ok(JobId(42)));
        assert_eq!(JobId(42).to_string(), "42");
        assert_eq!(serde_json::to_string(&JobId(42)).expect("a number"), "42");
    }
}
