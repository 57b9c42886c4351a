//! Instances that are spread over several workers: their tasks, their master, their executors.

mod brake;
mod contents;
mod ended_tasks;
pub(crate) mod executor;
pub(crate) mod feed;
pub(crate) mod guest;
mod hand_out;
mod journal;
mod lineage;
pub(crate) mod mapping;
pub(crate) mod master;
mod overview;
mod pace;
pub(crate) mod replay;
pub(crate) mod results;
mod rows;
pub(crate) mod spilling;
pub(crate) mod sub_tasks;
mod tally;
mod task_search;
mod wind_down;

/// Names of tasks that the user does not choose (spec 04 section 8.3).
pub(crate) const ROOT_TASK: &str = "OMS_ROOT_TASK";
pub(crate) const LAST_TASK: &str = "OMS_LAST_TASK";
pub(crate) const BROADCAST_TASK: &str = "OMS_BROADCAST_TASK";
