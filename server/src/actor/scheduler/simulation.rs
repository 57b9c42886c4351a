//! What the simulation drives of the scheduler.

pub(crate) use super::draft::first_of;
pub(crate) use super::planner::{Outbox, Planner, PlannerParts};
