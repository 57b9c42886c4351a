//! A server without runtime, sockets and database: its actors' own code, driven letter by letter.
//!
//! The simulation in `tests/simulation` decides when each letter is handled, what the store answers
//! and what the network does. Nothing is decided here: what the actors do around their decisions
//! (take a letter, hand over what it leads to) is done with mailboxes that can be seen and held back.
//! Compiled with the feature `simulation` only.

mod call;
mod edge;
mod frame;
mod letters;
mod link;
mod node;
mod turn;
mod wiring;

pub use self::call::{CallAnswer, CallError};
pub use self::edge::Ended;
pub use self::frame::{FromWorker, ServerReply, ToWorker};
pub use self::letters::Mailbox;
pub use self::node::{Asker, Effect, NodeConfig, ServerNode, Sink, Wish};
pub use crate::actor::instance_manager::RunRequest;
use crate::domain::instance::Instance;
use crate::domain::job::JobDefinition;
use crate::store::assignment::{AppOwner, Holder, LeaseRow};
use crate::store::job::{JobSave, JobSaved, JobSwitch};
use crate::store::lease::Assignment;
use powerjob_common::id::{AppId, InstanceId, JobId};

/// A question to the store, or an order, as the methods of `store::Store` and `ServerLease`.
#[derive(Debug, Clone)]
pub enum StoreCall {
    /// `Store::instance`
    Instance(InstanceId),
    /// `Store::job`
    Job(JobId),
    /// `Store::end_schedule`
    EndSchedule(JobId, i64),
    /// `Store::save_job`
    SaveJob(Box<JobSave>),
    /// `Store::switch_job`
    SwitchJob(JobSwitch),
    /// `ServerLease::servers`
    Servers,
    /// `ServerLease::app_owners`
    AppOwners,
    /// `ServerLease::announce`, that the server is leaving
    AnnounceLeaving,
    /// `ServerLease::take_apps`
    TakeApps(Vec<AppId>),
    /// `ServerLease::hand_over`
    HandOver(Vec<AppId>, Holder),
    /// `ServerLease::wait_for_writes`
    WaitForWrites,
    /// `Store::load_jobs`
    LoadJobs(AppId),
    /// `Store::open_instances` with the definition that each runs by
    OpenInstances(AppId),
}

/// What the store answers.
#[derive(Debug, Clone)]
pub enum StoreAnswer {
    /// To [`StoreCall::Instance`].
    Instance(Box<Instance>),
    /// To [`StoreCall::Job`].
    Job(Box<JobDefinition>),
    /// To [`StoreCall::EndSchedule`]: whether it was switched off.
    Ended(bool),
    /// To [`StoreCall::SaveJob`] and [`StoreCall::SwitchJob`].
    Saved(Box<JobSaved>),
    /// To [`StoreCall::Servers`].
    Servers(Vec<LeaseRow>),
    /// To [`StoreCall::AppOwners`].
    Owners(Vec<AppOwner>),
    /// To [`StoreCall::TakeApps`] and [`StoreCall::HandOver`]: what has changed hands.
    Assigned(Vec<Assignment>),
    /// To [`StoreCall::LoadJobs`].
    Jobs(Vec<JobDefinition>),
    /// To [`StoreCall::OpenInstances`].
    Instances(Vec<(Instance, JobDefinition)>),
    /// To all others.
    Done,
}
