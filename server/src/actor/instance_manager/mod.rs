//! `server/instances/{n}`: the life of instances.

mod message;
mod ports;

pub use self::message::{
    CancelInstance, ChangeError, ReadInstances, RetryInstance, RunRequest, StartError, StartRuns,
    StopInstance,
};
pub use self::ports::{InstancePorts, ShardPorts};
